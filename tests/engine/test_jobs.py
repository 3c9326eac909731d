"""Jobs: what is claimed next and at what cost, leases that are renewed, schedules of retries, the undo window."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from engine import ProcessEngine, SettableClock, Settings, jobs, service_tasks, workers
from engine.arrivals import Arrival
from engine.database import Database
from engine.fanout import Fanout
from engine.jobs import Job
from tests.engine.conftest import NOW, World
from tests.engine.drawing import boundary, draw, each, end, ours, path, service, start, timer, user

SECOND = timedelta(seconds=1)


@pytest.fixture
def instance(engine: ProcessEngine, world: World) -> int:
    engine.deploy({"p.bpmn": draw("p", start(), user("等"), end(), path("start", "等", "end"))})
    return engine.start("p", by=world.member).id


def fill(session: Session, instance: int, count: int, **values: Any) -> None:
    rows = [
        {"kind": "timer", "instance_id": instance, "task_id": f"t{n}", "created_at": NOW, "attempts": 0}
        | {"due_at": NOW + timedelta(days=1, seconds=n)}
        | values
        for n in range(count)
    ]
    session.execute(insert(Job.__table__), rows)  # type: ignore[arg-type]


def plan(session: Session, query: Any) -> str:
    bind = session.get_bind()
    dialect = sqlite.dialect() if bind.dialect.name == "sqlite" else postgresql.dialect()
    sql = str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    explain = "EXPLAIN QUERY PLAN" if bind.dialect.name == "sqlite" else "EXPLAIN"
    rows = session.connection().exec_driver_sql(f"{explain} {sql}".replace("%", "%%")).all()
    return "\n".join(str(row[-1]) for row in rows)


def test_a_claim_reads_two_indexes_however_many_timers_wait(database: Database, instance: int) -> None:
    with database.write() as session:
        fill(session, instance, 5000)
        fill(session, instance, 300, kind="fanout", due_at=None)
        session.execute(text("ANALYZE"))
    with database.write() as session:
        found_by = ((jobs.candidate(session.get_bind().dialect.name, NOW), 1), (jobs.upcoming(NOW), 0))
        for query, sorts in found_by:  # one sort is of the two rows that are found
            found = plan(session, query)
            assert "ix_job_ready" in found
            assert found.count("TEMP B-TREE" if database.is_sqlite else "Sort  (") == sorts, found
            if database.is_sqlite:
                assert "SCAN job" not in found, found
            else:
                assert "Seq Scan on job" not in found and "Bitmap" not in found, found
        if database.is_sqlite:
            assert "ix_fanout_arrival_waiting" in plan(
                session, jobs.candidate(session.get_bind().dialect.name, NOW)
            )


def test_what_is_due_is_taken_in_order_and_what_is_not_is_left(database: Database, instance: int) -> None:
    with database.write() as session:
        for ago in (1, 3, 2):
            fill(session, instance, 1, due_at=NOW - ago * SECOND, element_id=f"前{ago}")
        fill(session, instance, 1, due_at=NOW + SECOND, element_id="后")
    taken = []
    for _ in range(4):
        with database.write() as session:
            job = jobs.claim(session, NOW)
            taken.append(job and job.element_id)
    assert taken == ["前3", "前2", "前1", None]
    with database.read() as session:
        assert jobs.next_due(session, NOW) == NOW + SECOND


def test_an_arrival_waits_behind_what_was_due_before_it_and_not_behind_what_came_later(
    engine: ProcessEngine, world: World, database: Database
) -> None:
    """Neither starves: a fan-out's arrivals are counted in the order of time, among everything that is due."""
    asked = user("问", person="=item", loop=each(f"=[{world.member}, {world.other}]"))
    engine.deploy({"p.bpmn": draw("p", start(), asked, end(), path("start", "问", "end"))})
    instance = engine.start("p", by=world.member).id
    (row,) = engine.inbox(by=world.other)
    assert row.item is not None
    engine.complete(row.item.id, by=world.other)
    kinds = []
    with database.write() as session:
        fill(session, instance, 1, due_at=NOW - SECOND)
        session.execute(update(Arrival).values(at=NOW))
        fill(session, instance, 1, due_at=NOW + SECOND)
    for _ in range(3):
        with database.write() as session:
            job = jobs.claim(session, NOW + 2 * SECOND)
            assert job is not None
            kinds.append(job.kind)
    assert kinds == ["timer", "fanout", "timer"]


def test_a_fan_out_whose_job_fails_waits_for_its_next_attempt(
    engine: ProcessEngine, world: World, database: Database, clock: SettableClock
) -> None:
    """The arrival still rings: without a pause the job would spend all its retries at once."""
    asked = user("问", person="=item", loop=each(f"=[{world.member}]"))
    engine.deploy({"p.bpmn": draw("p", start(), asked, end(), path("start", "问", "end"))})
    engine.start("p", by=world.member)
    (row,) = engine.inbox(by=world.member)
    assert row.item is not None
    engine.complete(row.item.id, by=world.member)
    with database.write() as session:
        broken = session.scalar(select(Fanout.element_id))
        session.execute(update(Fanout).values(element_id="没有"))
    assert engine.run_jobs() == 1
    clock.advance(3 * SECOND)
    with database.write() as session:
        session.execute(update(Fanout).values(element_id=broken))
    assert engine.run_jobs() == 1
    with database.read() as session:
        assert session.scalars(select(Job)).all() == []


def test_workers_sleep_until_the_next_job_is_due(
    engine: ProcessEngine, database: Database, instance: int, clock: SettableClock
) -> None:
    crew = workers.Workers(engine._runtime, 0)
    assert crew._pause(NOW) == crew.POLL
    with database.write() as session:
        fill(session, instance, 1, due_at=NOW + timedelta(milliseconds=250))
        fill(session, instance, 1, due_at=NOW + timedelta(milliseconds=100), held_at=NOW)
        fill(session, instance, 1, due_at=NOW + timedelta(milliseconds=100), incident_at=NOW)
    assert crew._pause(NOW) == pytest.approx(0.25)
    clock.advance(SECOND)
    assert crew._pause(NOW) == 0  # it became due while this worker looked: it is not slept over
    assert crew._pause(NOW + SECOND) == crew.POLL


def test_a_lease_is_held_while_the_work_lasts(
    engine: ProcessEngine, database: Database, instance: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.write() as session:
        fill(session, instance, 1, due_at=NOW)
        monkeypatch.setattr(jobs, "LEASE", SECOND)
        job = jobs.claim(session, NOW)
    assert job is not None

    def held() -> Any:
        with database.read() as session:
            return session.scalar(select(Job.lease_until))

    first = held()
    with jobs.renewing(database, job):
        end = time.monotonic() + 20
        while held() == first and time.monotonic() < end:
            time.sleep(0.02)
        assert held() > first
    assert threading.active_count() == len([t for t in threading.enumerate() if "lease" not in t.name])
    with database.write() as session:  # somebody else has it by now: it is not taken from him
        session.execute(update(Job).values(token="x", lease_until=first))
    with jobs.renewing(database, job):
        time.sleep(0.5)
    assert held() == first


def failing(*extra: str) -> bytes:
    called = service("坏", "notify", text="=null", person="=[]")
    called = called.replace("</bpmn:extensionElements>", "".join(extra) + "</bpmn:extensionElements>")
    return draw("p", start(), called, end(), path("start", "坏", "end"))


@pytest.mark.parametrize(
    ("extra", "waits"),
    [
        ((), (2, 15, 60)),
        ((ours("retry", schedule="PT1M PT1H"),), (60, 3600)),
        ((ours("retry", schedule=""),), ()),
    ],
)
def test_a_service_task_is_tried_again_by_its_own_schedule(
    engine: ProcessEngine,
    world: World,
    clock: SettableClock,
    database: Database,
    extra: tuple[str, ...],
    waits: tuple[int, ...],
) -> None:
    engine.deploy({"p.bpmn": failing(*extra)})
    instance = engine.start("p", by=world.member).id
    assert engine.run_jobs() == 1
    for wait in waits:
        assert engine.instance(instance, by=world.member).incidents == []
        clock.advance(timedelta(seconds=wait) - SECOND)
        assert engine.run_jobs() == 0
        clock.advance(
            SECOND + timedelta(seconds=wait / 10)
        )  # those that failed together don't come back together
        assert engine.run_jobs() == 1
    (job,) = engine.instance(instance, by=world.member).incidents
    assert job.attempts == len(waits) + 1


def test_what_leaves_the_house_waits_for_the_undo_window_and_goes_with_what_is_taken_back(
    settings: Settings, world: World, clock: SettableClock, database: Database
) -> None:
    from dataclasses import replace

    engine = ProcessEngine(replace(settings, undo=timedelta(seconds=10)), clock)
    try:
        pushed = service("推", "webhook", url="http://a.example", type="x")
        late = boundary("晚", "推", timer("timeDuration", "PT5S"))
        parts = (
            start(),
            pushed,
            late,
            user("后"),
            end(),
            path("start", "推", "end"),
            path("晚", "后", "end"),
        )
        engine.deploy({"p.bpmn": draw("p", *parts)})
        instance = engine.start("p", by=world.member).id
        assert engine.run_jobs() == 0
        clock.advance(6 * SECOND)
        assert engine.run_jobs() == 1  # the timer: what waited for the window is gone
        clock.advance(20 * SECOND)
        assert engine.run_jobs() == 0
        assert [item.element_id for item in engine.instance(instance, by=world.member).items] == ["后"]
    finally:
        engine.close()


def test_which_operations_reach_the_world() -> None:
    assert {name for name in service_tasks.NAMES if service_tasks.is_outward(name)} == {"mail", "webhook"}
    assert not service_tasks.is_outward("http", {"method": "get"})
    assert service_tasks.is_outward("http", {"method": "POST"})
    assert service_tasks.is_outward("http", {"method": "=怎么调"})
    assert not service_tasks.is_outward("没有")


def test_two_jobs_never_have_the_same_key(engine: ProcessEngine, world: World, database: Database) -> None:
    """On SQLite a deleted row's id comes again: what the world outside is told is not the id."""
    called = service("查", "lookup", unit=f"={world.branch}")
    engine.deploy({"p.bpmn": draw("p", start(), called, end(), path("start", "查", "end"))})
    keys = set()
    for _ in range(3):
        engine.start("p", by=world.member)
        with database.write() as session:
            keys.add(session.scalar(select(Job.key)))
            session.execute(delete(Job))
    assert len(keys) == 3 and None not in keys
