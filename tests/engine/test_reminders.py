"""Reminders before a deadline and escalations after it: each once, to the right people, gone with the item."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import pytest
from sqlalchemy import select

from engine import ProcessEngine, SettableClock
from engine.clock import SHANGHAI
from engine.database import Database
from engine.errors import Invalid, NotAllowed, NotFound
from engine.jobs import Job
from engine.organisation import accounts, posts
from engine.work_items import WorkItem
from engine.working_time import KNOWN
from tests.bench.ground import counted
from tests.engine.conftest import World
from tests.engine.drawing import (
    boundary,
    catch,
    defines,
    draw,
    each,
    end,
    inner_start,
    named,
    node,
    ours,
    path,
    start,
    timer,
    user,
)
from tests.engine.test_process_engine import begin, todo

DUE = ours("due", value="5 工作日")
SOON = ours("reminder", before="1 工作日")


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def single(*inner: str) -> bytes:
    return draw("p", start(), user("甲", *inner), end(), path("start", "甲", "end"))


def by_post(world: World) -> str:
    return ours("assignment", post="书记", unit=f"={world.branch}")


def item_of(database: Database, element: str) -> WorkItem:
    with database.read() as session:
        return session.scalars(select(WorkItem).where(WorkItem.element_id == element)).one()


def jobs_of(database: Database) -> list[datetime | None]:
    with database.read() as session:
        return list(session.scalars(select(Job.due_at).where(Job.kind == "reminder").order_by(Job.due_at)))


def texts(engine: ProcessEngine, by: int) -> list[str]:
    return [message.notification.text for message in engine.notifications(by=by)]


def events(engine: ProcessEngine, instance: int, by: int, code: str) -> list[dict[str, object]]:
    return [event.payload for event in engine.timeline(instance, by=by) if event.code == code]


# the fixture's clock stands at 2026-03-05 09:00, a Thursday


@pytest.mark.parametrize(
    ("due", "moment"),
    [
        ("5 工作日", "2026-03-12 18:00"),
        ("8 工作小时", "2026-03-06 10:00"),
        ('=if 1 = 1 then "2 工作日" else null', "2026-03-09 18:00"),
        ("P3D", "2026-03-08 09:00"),
        ("2 天", "2026-03-07 09:00"),
        ("2026-03-20", "2026-03-21 00:00"),
    ],
)
def test_when_an_item_is_due(
    engine: ProcessEngine, world: World, database: Database, due: str, moment: str
) -> None:
    begin(engine, single(ours("due", value=due)), world.member)
    assert item_of(database, "甲").due_at == wall(moment)


def test_a_reminder_comes_once_and_says_what_is_left(
    fresh: Callable[[], ProcessEngine], world: World, clock: SettableClock, database: Database
) -> None:
    instance = begin(fresh(), single(DUE, SOON, ours("reminder", before="2 工作小时")), world.member)
    assert jobs_of(database) == [wall("2026-03-11 09:00"), wall("2026-03-12 16:00")]
    clock.set(wall("2026-03-11 08:59"))
    assert fresh().run_jobs() == 0
    clock.set(wall("2026-03-11 09:00"))
    assert (fresh().run_jobs(), fresh().run_jobs()) == (1, 0)
    assert jobs_of(database) == [wall("2026-03-12 16:00")]
    assert texts(fresh(), world.member) == ["“甲”应在 2026-03-12 18:00 前办结，还剩 2 个工作日，请及时办理。"]
    clock.set(wall("2026-03-12 16:00"))
    assert fresh().run_jobs() == 1
    engine = fresh()
    assert texts(engine, world.member)[0] == "“甲”应在 2026-03-12 18:00 前办结，还剩 2 小时，请及时办理。"
    (message, _) = engine.notifications(by=world.member)
    assert message.notification.work_item_id == item_of(database, "甲").id
    told = [{"person": world.member, "name": "苏小满"}]
    seen = events(engine, instance, world.member, "reminded")
    assert [(one["left"], one["to"]) for one in seen] == [(" 2 个工作日", told), (" 2 小时", told)]


def test_a_reminder_whose_moment_has_passed_is_none(
    engine: ProcessEngine, world: World, database: Database
) -> None:
    begin(engine, single(ours("due", value="4 工作小时"), SOON), world.member)
    assert jobs_of(database) == []


def test_whoever_holds_the_post_today_is_reminded_and_the_owner_alone_where_there_is_one(
    engine: ProcessEngine, world: World, clock: SettableClock, database: Database
) -> None:
    xml = draw(
        "p", start(), user("甲", by_post(world), DUE, SOON, person=None), end(), path("start", "甲", "end")
    )
    begin(engine, xml, world.member)
    with database.write() as session:
        (held,) = posts.holders(session, world.branch, "书记", date(2026, 3, 5))
        posts.leave(session, held.id, on=date(2026, 3, 6))
        posts.appoint(session, world.branch, "书记", world.other, from_on=date(2026, 3, 6))
    clock.set(wall("2026-03-11 09:00"))
    engine.run_jobs()
    assert len(texts(engine, world.other)) == 1 and texts(engine, world.branch_secretary) == []


def test_reminders_go_to_posts_persons_and_superiors(
    engine: ProcessEngine, world: World, clock: SettableClock
) -> None:
    xml = draw(
        "p",
        start(),
        user(
            "甲",
            by_post(world),
            DUE,
            ours("reminder", before="3 工作日", person=f"=[{world.other}, {world.clerk}]"),
            ours("reminder", before="2 工作日", post="书记 党务干事", superior="true"),
            ours("reminder", before="1 工作日", post="副书记", unit=f"={world.committee}"),
            person=None,
        ),
        end(),
        path("start", "甲", "end"),
    )
    begin(engine, xml, world.member)
    clock.set(wall("2026-03-12 17:00"))
    engine.run_jobs()
    got = {
        name: len(texts(engine, getattr(world, name))) for name in ("other", "clerk", "secretary", "deputy")
    }
    assert got == {"other": 1, "clerk": 2, "secretary": 1, "deputy": 1}
    assert texts(engine, world.branch_secretary) == []


def test_a_superior_is_told_after_the_deadline(
    engine: ProcessEngine, world: World, clock: SettableClock
) -> None:
    xml = draw(
        "p",
        start(),
        user(
            "甲",
            by_post(world),
            DUE,
            ours("escalation", after="2 工作日", post="书记", superior="true"),
            person=None,
        ),
        end(),
        path("start", "甲", "end"),
    )
    instance = begin(engine, xml, world.member)
    clock.set(wall("2026-03-16 17:59"))
    assert engine.run_jobs() == 0
    clock.set(wall("2026-03-16 18:00"))
    assert engine.run_jobs() == 1
    assert texts(engine, world.secretary) == ["“甲”（程立功）已超期 2 个工作日，尚未办结，请督促。"]
    (seen,) = events(engine, instance, world.member, "overdue")
    assert (seen["action"], seen["late"]) == ("notify", " 2 个工作日")
    assert todo(engine, world.branch_secretary) and not todo(engine, world.secretary)


def test_an_overdue_item_is_given_to_others(
    engine: ProcessEngine, world: World, clock: SettableClock
) -> None:
    xml = draw(
        "p",
        start(),
        user(
            "甲",
            by_post(world),
            DUE,
            ours("escalation", after="1 工作日", action="reassign", post="党务干事", superior="true"),
            person=None,
        ),
        end(),
        path("start", "甲", "end"),
    )
    begin(engine, xml, world.member)
    (item,) = todo(engine, world.branch_secretary).values()
    engine.claim(item, by=world.branch_secretary)
    clock.set(wall("2026-03-16 09:00"))
    engine.run_jobs()
    assert not todo(engine, world.branch_secretary)
    assert texts(engine, world.clerk) == ["“甲”（程立功）已超期 1 个工作日，尚未办结，现转由您办理。"]
    engine.complete(todo(engine, world.clerk)["甲"], by=world.clerk)


@pytest.mark.parametrize("bare", [False, True])
def test_an_escalation_event_is_thrown_at_the_task(
    fresh: Callable[[], ProcessEngine], world: World, clock: SettableClock, database: Database, bare: bool
) -> None:
    late = ours("escalation", after="1 工作日", action="throw", code="严重超期")
    xml = draw(
        "p",
        start(),
        user("甲", DUE, late, loop=each("=[1, 2]") if bare else ""),
        boundary("超期", "甲", defines("escalation", "esc"), interrupting=False),
        user("督办", person=f"={world.secretary}"),
        end(),
        end("end2"),
        path("start", "甲", "end"),
        path("超期", "督办", "end2"),
        extra=named("escalation", "esc", "严重超期"),
    )
    begin(fresh(), xml, world.member)
    clock.set(wall("2026-03-13 18:00"))
    fresh().run_jobs()
    assert len([row for row in fresh().inbox(by=world.secretary) if row.item]) == (2 if bare else 1)
    assert todo(fresh(), world.member)  # the task itself goes on


@pytest.mark.parametrize("way", ["completed", "cancelled", "interrupted"])
@pytest.mark.parametrize("shape", ["token", "bare", "child"])
def test_reminders_go_with_their_items(
    engine: ProcessEngine, world: World, clock: SettableClock, database: Database, way: str, shape: str
) -> None:
    inner = user(
        "甲", DUE, SOON, ours("escalation", after="1 工作日"), loop=each("=[1]") if shape == "bare" else ""
    )
    if shape == "child":
        inner = node(
            "subProcess", "每个", each("=[1]") + inner_start("s") + inner + end("e") + path("s", "甲", "e")
        )
    outer = "每个" if shape == "child" else "甲"
    xml = draw(
        "p",
        start(),
        inner,
        boundary("到点", outer, timer("timeDuration", "1 工作小时")),
        user("后"),
        end(),
        end("end2"),
        path("start", outer, "end"),
        path("到点", "后", "end2"),
    )
    instance = begin(engine, xml, world.member)
    assert len(jobs_of(database)) == 2
    if way == "completed":
        engine.complete(todo(engine, world.member)["甲"], by=world.member)
        assert jobs_of(database) == []  # at once: nobody waits for the join
    elif way == "interrupted":
        clock.set(wall("2026-03-05 10:00"))
        engine.run_jobs()
    else:
        engine.cancel(instance, by=world.member, reason="不再需要")
    assert jobs_of(database) == []
    clock.set(wall("2026-04-30 10:00"))
    engine.run_jobs()
    assert texts(engine, world.member) == []


def test_a_thousand_items_get_their_reminders_in_one_statement(
    engine: ProcessEngine, world: World, database: Database
) -> None:
    def opening(count: int) -> int:
        xml = draw(
            "p",
            start(),
            user(
                "甲",
                DUE,
                SOON,
                ours("escalation", after="1 工作日"),
                loop=each(f"=for i in 1..{count} return i"),
            ),
            end(),
            path("start", "甲", "end"),
        )
        engine.deploy({"p.bpmn": xml})
        with counted(engine) as counts:
            engine.start("p", by=world.member)
        return len(counts.statements)

    assert opening(1000) == opening(3)
    assert len(jobs_of(database)) == 2006


def test_an_unknown_year_is_said_of_the_item_and_in_its_history(
    engine: ProcessEngine, world: World, clock: SettableClock, database: Database
) -> None:
    year = max(KNOWN) + 1
    clock.set(datetime(year - 1, 12, 30, 9, tzinfo=SHANGHAI))
    shapes = (user("甲", DUE), user("甲", DUE, loop=each("=[1, 2]")))
    for number, shape in enumerate(shapes):
        xml = draw(f"p{number}", start(), shape, end(), path("start", "甲", "end"))
        instance = begin(engine, xml, world.member)
        seen = events(engine, instance, world.member, "calendar-unknown")
        assert seen == [{"years": [year]}]
    with database.read() as session:
        assert [item.unknown_years for item in session.scalars(select(WorkItem))] == [[year]] * 3


def test_a_known_year_says_nothing(engine: ProcessEngine, world: World, database: Database) -> None:
    instance = begin(engine, single(DUE), world.member)
    assert item_of(database, "甲").unknown_years is None
    assert not events(engine, instance, world.member, "calendar-unknown")


def test_a_text_that_is_no_deadline_is_noted(engine: ProcessEngine, world: World, database: Database) -> None:
    instance = begin(engine, single(ours("due", value='=if 1 = 1 then "下周" else "1 天"')), world.member)
    assert item_of(database, "甲").due_at is None
    ((warning,),) = [one["warnings"] for one in events(engine, instance, world.member, "warned")]
    assert "“下周”不是日期、时间或时长" in warning


@pytest.mark.parametrize("text", ["1 工作日", '="1 工作日"'])
def test_timers_count_working_time(
    engine: ProcessEngine, world: World, clock: SettableClock, text: str
) -> None:
    clock.set(wall("2026-09-30 15:00"))
    xml = draw(
        "p",
        start(),
        catch("等", timer("timeDuration", text)),
        user("甲"),
        end(),
        path("start", "等", "甲", "end"),
    )
    begin(engine, xml, world.member)
    clock.set(wall("2026-10-08 17:59"))
    assert engine.run_jobs() == 0 and not todo(engine, world.member)
    clock.set(wall("2026-10-08 18:00"))
    assert engine.run_jobs() == 1 and todo(engine, world.member)


def test_own_days_move_deadlines_that_are_set_afterwards(
    engine: ProcessEngine, world: World, database: Database
) -> None:
    with database.write() as session:
        accounts.create(session, person_id=world.clerk, username="boss", password_hash="x", is_admin=True)
    flood = date(2026, 3, 6)
    engine.note_local_day(flood, by=world.clerk, is_working=False, reason="防汛")
    begin(engine, single(ours("due", value="1 工作日")), world.member)
    assert item_of(database, "甲").due_at == wall("2026-03-09 18:00")
    assert not engine.calendar().is_working(flood)
    assert [(one.day, one.reason) for one in engine.local_days(by=world.clerk)] == [(flood, "防汛")]
    engine.note_local_day(flood, by=world.clerk, is_working=True, reason="水退了")
    assert [(one.is_working, one.reason) for one in engine.local_days(by=world.clerk)] == [(True, "水退了")]
    engine.forget_local_day(flood, by=world.clerk)
    assert engine.local_days(by=world.clerk) == []
    with pytest.raises(NotFound):
        engine.forget_local_day(flood, by=world.clerk)
    with pytest.raises(Invalid):
        engine.note_local_day(flood, by=world.clerk, is_working=False, reason=" ")
    for act in (
        lambda: engine.local_days(by=world.member),
        lambda: engine.note_local_day(flood, by=world.member, is_working=False, reason="防汛"),
        lambda: engine.forget_local_day(flood, by=world.member),
    ):
        with pytest.raises(NotAllowed):
            act()
