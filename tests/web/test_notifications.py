"""What processes tell people: seen once, it is read; it leads only to what one may read."""

from __future__ import annotations

import re

import pytest

from engine import ProcessEngine, notifications
from engine.database import Database
from tests.web.conftest import NOW, Visit, Visitor, World


@pytest.fixture
def memo(engine: ProcessEngine, world: World, database: Database) -> int:
    """The member's memo; the member and a colleague who has no part in it are told something about it."""
    instance = engine.start("memo", by=world.member)
    with database.write() as session:
        for text in ("请抓紧起草。", "今天到期。"):
            notifications.send(session, [world.member, world.other], text, at=NOW, instance_id=instance.id)
        notifications.send(session, [world.member], "系统今晚维护。", at=NOW)
    return instance.id


def badge(visitor: Visitor) -> str | None:
    """The count beside 通知 in the menu."""
    found = re.search(
        r'href="/notifications"[^>]*>通知\s*(?:<span class="count">(\d+)</span>)?', visitor.page
    )
    assert found
    return found[1]


def test_unread_ones_are_counted_shown_first_and_read_by_being_seen(visit: Visit, memo: int) -> None:
    member = visit("suxiaoman")
    assert badge(member) == "3"
    member.get("/notifications")
    assert re.findall(r"<b>([^<]+)</b>", member.page) == ["系统今晚维护。", "今天到期。", "请抓紧起草。"]
    assert badge(member) is None
    member.get("/notifications")
    assert "今天到期。" in member.page and "<b>" not in member.page


def test_it_leads_only_to_what_one_may_read(visit: Visit, memo: int) -> None:
    member, colleague = visit("suxiaoman"), visit("dingyifan")
    member.get("/notifications")
    assert member.page.count(f'href="/instances/{memo}"') == 2
    colleague.get("/notifications")
    assert "今天到期。" in colleague.page and "维护" not in colleague.page
    assert "/instances/" not in colleague.page


def test_nobody_reads_for_somebody_else(visit: Visit, engine: ProcessEngine, world: World, memo: int) -> None:
    told = [one.notification.id for one in engine.notifications(by=world.member)]
    engine.mark_read(told, by=world.other)
    assert badge(visit("suxiaoman")) == "3"
    assert visit("").get("/notifications").status_code == 302
    assert "没有通知" in visit("chengligong").get("/notifications").get_data(as_text=True)


def test_they_come_by_the_page(visit: Visit, engine: ProcessEngine, world: World, database: Database) -> None:
    with database.write() as session:
        for number in range(51):
            notifications.send(session, [world.member], f"第{number}条。", at=NOW)
    member = visit("suxiaoman")
    member.get("/notifications")
    assert badge(member) == "1" and "第0条" not in member.page
    member.get(member.link("下一页"))
    assert badge(member) is None and "第0条" in member.page
