"""Signals: everybody who waits hears them, each in a job of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from engine import Conflict, ProcessEngine
from engine.database import Database
from engine.jobs import Job
from engine.subscriptions import Subscription
from tests.bench.ground import counted
from tests.engine.conftest import World
from tests.engine.drawing import (
    boundary,
    catch,
    defines,
    draw,
    end,
    extensions,
    gateway,
    named,
    node,
    ours,
    path,
    start,
    throw,
    user,
)

Fresh = Callable[[], ProcessEngine]
SIGNAL = named("signal", "g", "公示期满")
TAKES = extensions(ours("output", name="日期", value="=日期"))


@pytest.fixture
def admin(engine: ProcessEngine, world: World) -> int:
    engine.create_account(world.clerk, "jiwenjing", by=None, is_admin=True)
    return world.clerk


HEARS = draw(
    "hears",
    start(),
    catch("c", TAKES + defines("signal", "g")),
    user("a"),
    end(),
    path("start", "c", "a", "end"),
    extra=SIGNAL,
)


def at(engine: ProcessEngine, instance: int, by: int) -> list[str]:
    return [item.element_id for item in engine.instance(instance, by=by).items]


def test_everybody_hears_a_signal_with_one_job_each(
    fresh: Fresh, engine: ProcessEngine, world: World, admin: int, database: Database
) -> None:
    fresh().deploy({"p.bpmn": HEARS})
    instances = [fresh().start("hears", by=world.member).id for _ in range(5)]
    sent = fresh().send_signal("公示期满", data={"日期": "五月一日", "x": 1}, by=admin)
    assert (sent.instance_id, sent.receivers) == (None, 5)
    with database.read() as session:
        jobs = session.scalars(select(Job)).all()
        assert sorted(job.instance_id or 0 for job in jobs) == instances
    assert fresh().run_jobs() == 5
    for instance in instances:
        assert at(fresh(), instance, admin) == ["a"]
        seen = fresh().variables(instance, by=admin)
        assert seen["日期"] == "五月一日" and "x" not in seen
    codes = [e.code for e in fresh().timeline(instances[0], by=admin)]
    assert codes == ["started", "signal-received", "opened"]


def test_what_a_signal_costs_does_not_depend_on_who_hears_it(
    engine: ProcessEngine, world: World, admin: int
) -> None:
    engine.deploy({"p.bpmn": HEARS})
    engine.send_signal("公示期满", by=admin)  # the first one begins the stream of its history
    costs = []
    for receivers in (1, 20):
        for _ in range(receivers):
            engine.start("hears", by=world.member)
        with counted(engine) as counts:
            assert engine.send_signal("公示期满", by=admin).receivers == receivers
        costs.append(len(counts.statements))
        engine.run_jobs()
    assert costs[0] == costs[1]


def test_nobody_may_wait_for_a_signal(engine: ProcessEngine, admin: int) -> None:
    assert engine.send_signal("公示期满", by=admin).receivers == 0


def test_a_signal_that_is_sent_again_with_its_key_is_one_signal(
    engine: ProcessEngine, world: World, admin: int
) -> None:
    engine.deploy({"p.bpmn": HEARS})
    engine.start("hears", by=world.member)
    assert engine.send_signal("公示期满", idempotency_key="k", by=admin).receivers == 1
    engine.start("hears", by=world.member)
    again = engine.send_signal("公示期满", idempotency_key="k", by=admin)
    assert (again.receivers, again.repeated) == (1, True)
    assert engine.run_jobs() == 1
    with pytest.raises(Conflict):
        engine.send_signal("别的", idempotency_key="k", by=admin)


def test_a_diagram_s_signal_reaches_other_instances_and_its_own(
    fresh: Fresh, engine: ProcessEngine, world: World, admin: int, database: Database
) -> None:
    fresh().deploy({"p.bpmn": HEARS})
    other = fresh().start("hears", by=world.member).id
    throws = throw("t", extensions(ours("input", name="日期", value='="三月五日"')) + defines("signal", "g"))
    xml = draw(
        "p",
        start(),
        gateway("parallel", "fork"),
        catch("c", TAKES + defines("signal", "g")),
        throws,
        user("a"),
        user("b"),
        end("e1"),
        end("e2"),
        path("start", "fork", "c", "a", "e1"),
        path("fork", "t", "b", "e2"),
        extra=SIGNAL,
    )
    fresh().deploy({"p.bpmn": xml})
    instance = fresh().start("p", by=world.member).id
    fresh().run_jobs()
    assert at(fresh(), instance, admin) == ["b", "a"] and at(fresh(), other, admin) == ["a"]
    assert fresh().variables(other, by=admin)["日期"] == "三月五日"
    with database.read() as session:
        assert session.scalars(select(Subscription)).all() == []


def test_a_signal_end_event_and_a_boundary_signal(engine: ProcessEngine, world: World, admin: int) -> None:
    xml = draw(
        "p",
        start(),
        user("a"),
        boundary("again", "a", defines("signal", "g"), interrupting=False),
        user("b"),
        end("e1"),
        end("e2"),
        path("start", "a", "e1"),
        path("again", "b", "e2"),
        extra=SIGNAL,
    )
    engine.deploy({"p.bpmn": xml})
    engine.deploy({"q.bpmn": draw("q", start(), end("end", defines("signal", "g")), path("start", "end"), extra=SIGNAL)})  # fmt: skip
    instance = engine.start("p", by=world.member).id
    for _ in range(2):  # a boundary event that does not interrupt hears it again
        engine.start("q", by=world.member)
        engine.run_jobs()
    assert at(engine, instance, admin) == ["a", "b", "b"]


def test_who_was_interrupted_before_the_signal_came_is_let_be(
    engine: ProcessEngine, world: World, admin: int
) -> None:
    xml = draw(
        "p",
        start(),
        user("a"),
        boundary("stop", "a", defines("signal", "g")),
        end("e1"),
        end("e2"),
        path("start", "a", "e1"),
        path("stop", "e2"),
        extra=SIGNAL,
    )
    engine.deploy({"p.bpmn": xml})
    engine.start("p", by=world.member)
    engine.send_signal("公示期满", by=admin)
    (row,) = engine.inbox(by=world.member)
    assert row.item is not None
    engine.complete(row.item.id, by=world.member)
    engine.run_jobs()
    assert engine.incidents(by=admin) == []


def test_two_signals_at_once_move_a_waiting_token_once(
    engine: ProcessEngine, world: World, admin: int
) -> None:
    engine.deploy({"p.bpmn": HEARS})
    instance = engine.start("hears", by=world.member).id
    engine.send_signal("公示期满", data={"日期": 1}, by=admin)
    engine.send_signal("公示期满", data={"日期": 2}, by=admin)
    engine.run_jobs()
    assert at(engine, instance, admin) == ["a"] and engine.variables(instance, by=admin)["日期"] == 1
    assert engine.incidents(by=admin) == []


def test_a_signal_starts_every_process_that_begins_with_it(
    engine: ProcessEngine, world: World, admin: int
) -> None:
    for key in ("p", "q"):
        begins = node("startEvent", "s", TAKES + defines("signal", "g"))
        task = user("a", person=f"={world.member}")
        engine.deploy({"p.bpmn": draw(key, begins, task, end(), path("s", "a", "end"), extra=SIGNAL)})
    assert engine.send_signal("公示期满", data={"日期": 3}, by=admin).receivers == 2
    engine.run_jobs()
    rows = engine.inbox(by=world.member)
    assert len(rows) == 2
    for row in rows:
        assert engine.variables(row.instance.id, by=admin)["日期"] == 3
        (started, *_) = engine.timeline(row.instance.id, by=admin)
        assert started.element_id == "s" and started.payload is not None
        assert (started.payload["cause"], started.payload["signal"]) == ("signal-received", "公示期满")
