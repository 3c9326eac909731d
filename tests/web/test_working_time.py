"""Deadlines as people see them: badges in working time, reminders, years without a notice. The clock stands where a test puts it."""

from __future__ import annotations

from datetime import datetime

import pytest

from engine import ProcessEngine, SettableClock
from engine.clock import SHANGHAI
from engine.working_time import KNOWN
from tests.engine.drawing import draw, end, ours, path, start, user
from tests.web.conftest import Visit, World


def move(engine: ProcessEngine, to: str | datetime) -> None:
    assert isinstance(engine.clock, SettableClock)
    engine.clock.set(to if isinstance(to, datetime) else datetime.fromisoformat(to).replace(tzinfo=SHANGHAI))
    engine.run_jobs()


def begin(engine: ProcessEngine, by: int) -> int:
    engine.start("p", by=by)
    return max(row.item.id for row in engine.inbox(by=by) if row.item is not None)


@pytest.fixture
def waiting(engine: ProcessEngine, world: World) -> int:
    """Somebody's item, due on Thursday 2026-03-12 at six."""
    task = user(
        "甲",
        ours("due", value="5 工作日"),
        ours("reminder", before="1 工作日"),
        ours("escalation", after="1 工作日"),
    )
    engine.deploy({"p.bpmn": draw("p", start(), task, end(), path("start", "甲", "end"))})
    return begin(engine, world.member)


@pytest.mark.parametrize(
    ("now", "badge"),
    [
        ("2026-03-05 09:00", "2026年3月12日前"),
        ("2026-03-11 09:00", "剩 2 个工作日"),
        ("2026-03-12 16:30", "剩 1 小时"),
        ("2026-03-12 19:00", "已超期"),
        ("2026-03-13 10:00", "超期 1 小时"),
        ("2026-03-16 09:00", "超期 1 个工作日"),
    ],
)
def test_badges_tell_working_time(
    engine: ProcessEngine, visit: Visit, waiting: int, now: str, badge: str
) -> None:
    move(engine, now)
    visitor = visit("suxiaoman")
    for page in (f"/work-items/{waiting}", "/inbox"):
        visitor.get(page)
        assert f">{badge}<" in visitor.page


def test_a_reminder_leads_to_the_item_and_stands_in_its_history(
    engine: ProcessEngine, visit: Visit, waiting: int
) -> None:
    move(engine, "2026-03-11 09:00")
    visitor = visit("suxiaoman")
    visitor.get("/notifications")
    assert "应在 2026-03-12 18:00 前办结，还剩 2 个工作日" in visitor.page
    assert visitor.link("p") == f"/work-items/{waiting}"
    move(engine, "2026-03-13 18:00")
    visitor.get(f"/work-items/{waiting}")
    for said in ("到期提醒：甲，还剩 2 个工作日", "超期 1 个工作日：甲", "已通知苏小满。"):
        assert said in visitor.page


def test_a_year_without_a_notice_is_said_on_the_page(
    engine: ProcessEngine, world: World, visit: Visit, waiting: int
) -> None:
    said = f"{max(KNOWN) + 1} 年的放假安排尚未收录"
    visitor = visit("suxiaoman")
    visitor.get(f"/work-items/{waiting}")
    assert said not in visitor.page
    move(engine, datetime(max(KNOWN), 12, 31, 9, tzinfo=SHANGHAI))
    late = begin(engine, world.member)
    visitor = visit("suxiaoman")
    visitor.get(f"/work-items/{late}")
    assert visitor.page.count(said) == 2  # above the form, and in the history
