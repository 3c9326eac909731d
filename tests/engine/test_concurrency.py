"""Several processes of the operating system on one database: nothing is lost, nothing happens twice."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from typing import Any

import pytest
from sqlalchemy import func, select, update

from engine import Conflict, ProcessEngine, SettableClock, Settings, history, jobs, workers
from engine.arrivals import Arrival
from engine.database import Database
from engine.fanout import Fanout
from engine.history import Event
from engine.instances import ProcessInstance
from engine.jobs import Job
from engine.work_items import WorkItem
from tests.engine.conftest import NOW, World
from tests.engine.drawing import draw, each, end, inner_start, node, path, service, start, user

CHILDREN = 40


def diagram(world: World, condition: str = "") -> bytes:
    """A fan-out with two tasks a child, so that siblings' steps and arrivals meet."""
    inner = (
        inner_start("s2")
        + user("一", person="=对象")
        + user("二", person="=对象")
        + end("e2")
        + path("s2", "一", "二", "e2")
    )
    people = [world.secretary, world.deputy, world.clerk, world.member]
    everyone = f"=for i in 1..{CHILDREN} return {people}[modulo(i, 4) + 1]"
    loop = each(everyone, item="对象", output="=对象", outputs="结果", condition=condition)
    return draw(
        "p",
        start(),
        node("subProcess", "每人", loop + inner),
        user("后"),
        end(),
        path("start", "每人", "后", "end"),
    )


def hurry(settings: Settings, people: Sequence[int], fanout_id: int, gate: Barrier) -> None:
    """Complete whatever is open, together with others who do the same, workers running; a Conflict means somebody was faster."""
    engine = ProcessEngine(settings, SettableClock(NOW))
    engine.start_workers(1)
    gate.wait()
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with engine._runtime.database.read() as session:
            if session.get_one(Fanout, fanout_id).closed_at is not None:
                break
        for person in people:
            for row in engine.inbox(by=person, limit=5):
                if row.item is not None and row.item.element_id != "后":
                    try:
                        engine.complete(row.item.id, by=person)
                    except Conflict:
                        continue
    engine.close()


@pytest.mark.parametrize("enough", [CHILDREN, CHILDREN // 2])
def test_siblings_hurried_by_two_processes_are_each_done_once(
    engine: ProcessEngine, settings: Settings, world: World, database: Database, enough: int
) -> None:
    """``enough`` below all: the fan-out is closed under its siblings' hands, and what is open then is withdrawn."""
    condition = f"numberOfCompletedInstances >= {enough}" if enough < CHILDREN else ""
    engine.deploy({"p.bpmn": diagram(world, condition)})
    instance = engine.start("p", by=world.member).id
    engine.run_jobs()
    with database.read() as session:
        fanout = session.scalars(select(Fanout)).one()
    people = [world.secretary, world.deputy, world.clerk, world.member]
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(2)
    processes = [
        context.Process(target=hurry, args=(settings, order, fanout.id, gate))
        for order in (people, people[::-1])
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=90)
    assert [process.exitcode for process in processes] == [0, 0]
    engine.run_jobs()
    with database.read() as session:
        items = session.scalars(select(WorkItem).where(WorkItem.element_id.in_(["一", "二"]))).all()
        children = session.scalars(
            select(ProcessInstance).where(ProcessInstance.fanout_id == fanout.id)
        ).all()
        completed = [child for child in children if child.outcome == "completed"]
        arrivals = session.scalars(select(Arrival.position)).all()
        joined = session.get_one(Fanout, fanout.id)
        assert session.scalars(select(Job)).all() == []
        assert list(history.verify(session)) == []
        of = func.count(Event.id)
        codes = dict(session.execute(select(Event.code, of).group_by(Event.code)).all())
    assert {child.outcome for child in children} <= {"completed", "cancelled"} and len(children) == CHILDREN
    assert sorted(arrivals) == sorted(child.position for child in completed if child.position is not None)
    assert enough <= joined.arrived <= len(arrivals)
    done = [item for item in items if item.closing == "completed"]
    assert codes["completed"] == len(done) and codes["joined"] == 1
    assert all(item.closing in ("completed", "withdrawn") for item in items)
    if enough == CHILDREN:
        assert len(completed) == len(arrivals) == joined.arrived == CHILDREN and len(done) == 2 * CHILDREN
    (after,) = (row.item for row in engine.inbox(by=world.member))
    assert after is not None and after.element_id == "后"
    assert len(engine.instance(instance, by=world.member).variables["结果"]) == joined.arrived


def lose_a_lease(engine: ProcessEngine, database: Database, world: World) -> tuple[Job, Job]:
    """An operation's job, claimed by one worker who is then too slow, and claimed again by another."""
    called = service("查", "lookup", {"单位": "=result.unit.name"}, unit=f"={world.branch}")
    engine.deploy({"p.bpmn": draw("p", start(), called, user("后"), end(), path("start", "查", "后", "end"))})
    engine.start("p", by=world.member)
    with database.write() as session:
        first = jobs.claim(session, NOW)
    assert first is not None
    with database.write() as session:
        assert jobs.claim(session, NOW) is None  # the lease holds
        session.execute(update(Job).values(lease_until=NOW.replace(year=2000)))
    with database.write() as session:
        second = jobs.claim(session, NOW)
    assert second is not None and (second.id, second.attempts) == (first.id, 2)
    return first, second


def effects(database: Database) -> dict[str, int]:
    with database.read() as session:
        return {
            "operated": len(session.scalars(select(Event).where(Event.code == "operated")).all()),
            "items": len(session.scalars(select(WorkItem)).all()),
            "jobs": len(session.scalars(select(Job)).all()),
        }


def test_who_lost_the_lease_changes_nothing(engine: ProcessEngine, world: World, database: Database) -> None:
    slow, quick = lose_a_lease(engine, database, world)
    with pytest.raises(Conflict) as refused:
        workers.run(engine._runtime, slow, NOW)
    assert refused.value.code == "lease-lost"
    assert effects(database) == {"operated": 0, "items": 0, "jobs": 1}
    workers.run(engine._runtime, quick, NOW)
    assert effects(database) == {"operated": 1, "items": 1, "jobs": 0}
    with pytest.raises(Conflict):
        workers.run(engine._runtime, slow, NOW)
    assert effects(database) == {"operated": 1, "items": 1, "jobs": 0}


def test_without_the_fence_it_would(
    engine: ProcessEngine, world: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above is worth something: with the token's condition taken away, the slow worker's effect stays."""
    monkeypatch.setattr(jobs, "_mine", lambda job: Job.id == job.id)
    slow, _ = lose_a_lease(engine, database, world)
    workers.run(engine._runtime, slow, NOW)
    assert effects(database) == {"operated": 1, "items": 1, "jobs": 0}


def test_a_fan_outs_job_that_lost_its_lease_counts_nothing(
    engine: ProcessEngine, world: World, database: Database
) -> None:
    engine.deploy({"p.bpmn": diagram(world)})
    engine.start("p", by=world.member)
    engine.run_jobs()
    for _ in "一二":
        row = engine.inbox(by=world.secretary)[-1 if _ == "二" else 0]
        assert row.item is not None
        engine.complete(row.item.id, by=world.secretary)
    with database.write() as session:
        slow = jobs.claim(session, NOW)
    with database.write() as session:
        session.execute(update(Job).values(lease_until=NOW.replace(year=2000)))
    with database.write() as session:
        quick = jobs.claim(session, NOW)
    assert slow is not None and quick is not None and slow.id == quick.id

    def arrived() -> Any:
        with database.read() as session:
            return session.scalars(select(Fanout.arrived)).one()

    with pytest.raises(Conflict):
        workers.run(engine._runtime, slow, NOW)
    assert arrived() == 0
    workers.run(engine._runtime, quick, NOW)
    assert arrived() == 1
