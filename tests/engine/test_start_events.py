"""Start events with a trigger: the latest version waits, at a moment, for a message or for a signal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from engine import NotAllowed, NotFound, ProcessEngine, Refused, SettableClock
from engine.database import Database
from engine.jobs import Job
from engine.subscriptions import Subscription
from tests.engine.conftest import NOW, World
from tests.engine.drawing import defines, draw, end, named, node, path, start, timer, user

Fresh = Callable[[], ProcessEngine]


@pytest.fixture
def admin(engine: ProcessEngine, world: World) -> int:
    engine.create_account(world.clerk, "jiwenjing", by=None, is_admin=True)
    return world.clerk


def timed(kind: str, text: str, world: World, name: str = "p") -> dict[str, bytes]:
    begins = node("startEvent", "s", timer(kind, text))
    task = user("a", person=f"={world.member}")
    return {"p.bpmn": draw("p", begins, task, end(), path("s", "a", "end"), name=name)}


def started(engine: ProcessEngine, admin: int) -> list[datetime]:
    return sorted(instance.started_at for instance in engine.instances(by=admin))


def ran(engine: ProcessEngine, clock: SettableClock, until: datetime, step: timedelta) -> None:
    while clock.now() < until:
        clock.advance(step)
        engine.run_jobs()


def test_a_date_starts_one_instance_without_an_initiator(
    fresh: Fresh, engine: ProcessEngine, world: World, admin: int, clock: SettableClock
) -> None:
    fresh().deploy(timed("timeDate", "2026-03-10T08:30:00+08:00", world))
    clock.advance(timedelta(days=4))
    fresh().run_jobs()
    assert started(fresh(), admin) == []
    clock.advance(timedelta(days=10))
    fresh().run_jobs()
    engine = fresh()
    (instance,) = engine.instances(by=admin)
    assert instance.started_by_id is None and instance.unit_id is None
    (first, *_) = engine.timeline(instance.id, by=admin)
    assert first.code == "started" and first.element_id == "s" and first.person_id is None
    assert first.payload is not None
    assert first.payload["due"] == datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
    (row,) = engine.inbox(by=world.member)
    assert row.item is not None and engine.complete(row.item.id, by=world.member).ended
    assert engine.variables(instance.id, by=admin)["今天"] == engine.today()


@pytest.mark.parametrize(
    ("kind", "text", "moments"),
    [
        ("timeDuration", "P2D", [2]),
        ("timeDuration", "3 工作日", [6]),  # Friday, Monday, Tuesday to its end
        ("timeCycle", "R/P3D", [3, 6, 9]),
        ("timeCycle", "R2/P3D", [3, 6]),
        ("timeCycle", "R/2026-03-04T09:00:00+08:00/P4D", [3, 7]),  # 5 March, 9:00 is now
        ("timeCycle", "R3/2026-03-04T09:00:00+08:00/P4D", [3, 7]),  # the first of three has passed
        ("timeCycle", "R1/2026-03-04T09:00:00+08:00/P4D", []),
        ("timeDate", "2026-03-04", []),
        ("timeDate", "2026-03-07", [2]),  # the day begins at midnight; the clock of this test looks at nine
        ("timeDate", '=date and time("2026-03-07T09:00:00+08:00")', [2]),
    ],
)
def test_when_it_starts(
    kind: str,
    text: str,
    moments: list[int],
    engine: ProcessEngine,
    world: World,
    admin: int,
    clock: SettableClock,
) -> None:
    engine.deploy(timed(kind, text, world))
    ran(engine, clock, NOW + timedelta(days=10), timedelta(days=1))
    assert started(engine, admin) == [NOW + timedelta(days=day) for day in moments]


def test_a_cycle_may_count_months(
    engine: ProcessEngine, world: World, admin: int, clock: SettableClock
) -> None:
    engine.deploy(timed("timeCycle", "R/2026-03-31T09:00:00+08:00/P3M", world))
    ran(engine, clock, datetime(2026, 10, 15, 1, tzinfo=UTC), timedelta(days=1))
    assert [at.date().isoformat() for at in started(engine, admin)] == [
        "2026-03-31",
        "2026-06-30",
        "2026-09-30",
    ]


def test_every_round_of_a_cycle_is_made_up_for_after_a_standstill(
    engine: ProcessEngine, world: World, admin: int, clock: SettableClock
) -> None:
    engine.deploy(timed("timeCycle", "R/P1D", world))
    clock.advance(timedelta(days=3))
    engine.run_jobs()
    assert len(started(engine, admin)) == 3


def test_a_newer_version_takes_the_place_and_the_same_again_does_not(
    engine: ProcessEngine, world: World, admin: int, clock: SettableClock, database: Database
) -> None:
    engine.deploy(timed("timeCycle", "R/P4D", world))
    clock.advance(timedelta(days=3))
    engine.deploy(timed("timeCycle", "R/P4D", world))  # the same: it goes on counting
    clock.advance(timedelta(days=1))
    engine.run_jobs()
    assert len(started(engine, admin)) == 1
    engine.deploy(timed("timeCycle", "R/P4D", world, "新版"))
    with database.read() as session:
        (job,) = session.scalars(select(Job)).all()
        assert job.due_at == clock.now() + timedelta(days=4)
    engine.deploy({"p.bpmn": draw("p", start(), user("a"), end(), path("start", "a", "end"))})
    clock.advance(timedelta(days=9))
    assert engine.run_jobs() == 0 and len(started(engine, admin)) == 1


@pytest.mark.parametrize(
    ("kind", "text"), [("timeDate", '="明天"'), ("timeCycle", "P1D"), ("timeCycle", "R/2026-03-04")]
)
def test_what_is_no_moment_is_refused_at_deploy(
    kind: str, text: str, engine: ProcessEngine, world: World
) -> None:
    with pytest.raises(Refused) as refused:
        engine.deploy(timed(kind, text, world))
    assert refused.value.findings[0].element == "s"
    with pytest.raises(NotFound):
        engine.definition_versions("p")


def test_a_newer_version_takes_over_the_messages(
    engine: ProcessEngine, world: World, admin: int, database: Database
) -> None:
    def listening(name: str) -> bytes:
        begins = node("startEvent", "s", defines("message", "m"))
        task = user("a", person=f"={world.member}")
        extra = named("message", "m", name)
        return draw("p", begins, task, end(), path("s", "a", "end"), extra=extra)

    first = engine.deploy({"p.bpmn": listening("来文")})
    second = engine.deploy({"p.bpmn": listening("收文")})
    with pytest.raises(NotFound):
        engine.send_message("来文", by=admin)
    done = engine.send_message("收文", by=admin)
    assert done.instance_id is not None
    assert engine.instance(done.instance_id, by=admin).definition.id == second.id != first.id
    with database.read() as session:
        assert [row.definition_id for row in session.scalars(select(Subscription))] == [second.id]


def test_several_start_events_each_go_their_own_way(
    engine: ProcessEngine, world: World, admin: int, clock: SettableClock
) -> None:
    xml = draw(
        "p",
        start(),
        node("startEvent", "t", timer("timeDuration", "P1D")),
        node("startEvent", "m1", defines("message", "m")),
        node("startEvent", "g1", defines("signal", "g")),
        *(user(name, person=f"={world.member}") for name in ("a", "b", "c", "d")),
        *(end(f"e{name}") for name in ("a", "b", "c", "d")),
        path("start", "a", "ea"),
        path("t", "b", "eb"),
        path("m1", "c", "ec"),
        path("g1", "d", "ed"),
        extra=named("message", "m", "来文") + named("signal", "g", "开会"),
    )
    engine.deploy({"p.bpmn": xml})
    engine.start("p", by=world.member)
    clock.advance(timedelta(days=1))
    engine.run_jobs()
    engine.send_message("来文", by=admin)
    engine.send_signal("开会", by=admin)
    engine.run_jobs()
    rows = engine.inbox(by=world.member)
    assert sorted(row.item.element_id for row in rows if row.item) == ["a", "b", "c", "d"]
    assert len({row.instance.id for row in rows}) == 4


def test_versions_stand_side_by_side_and_administrators_may_start_an_older_one(
    engine: ProcessEngine, world: World, admin: int
) -> None:
    for task in ("a", "b"):
        engine.deploy({"p.bpmn": draw("p", start(), user(task), end(), path("start", task, "end"))})
    assert [d.version for d in engine.definition_versions("p")] == [2, 1]
    old = engine.start("p", by=admin, version=1)
    new = engine.start("p", by=world.member)
    assert [i.element_id for i in engine.instance(old.id, by=admin).items] == ["a"]
    assert [i.element_id for i in engine.instance(new.id, by=admin).items] == ["b"]
    with pytest.raises(NotAllowed):
        engine.start("p", by=world.member, version=1)
    with pytest.raises(NotFound):
        engine.start("p", by=admin, version=3)
