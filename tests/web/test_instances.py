"""What administrators, and the initiator, do to a whole instance from its page."""

from __future__ import annotations

import re
from html import unescape
from io import BytesIO

import pytest

from engine import ProcessEngine
from engine.archive_verification import verify
from tests.engine.drawing import catch, defines, draw, end, extensions, named, ours, path, start
from tests.web.conftest import Visit, Visitor, World


@pytest.fixture
def instance(engine: ProcessEngine, world: World) -> int:
    return engine.start("memo", by=world.member).id


@pytest.fixture
def admin(engine: ProcessEngine, world: World, visit: Visit) -> Visitor:
    account = next(a for a in engine.accounts(by=None) if a.person_id == world.secretary)
    engine.grant_account(account.id, by=None, is_admin=True, is_designer=False)
    return visit("chengligong")


def words(visitor: Visitor) -> str:
    return unescape(visitor.page)


def test_an_administrator_suspends_and_resumes(
    engine: ProcessEngine, world: World, visit: Visit, admin: Visitor, instance: int
) -> None:
    admin.get(f"/instances/{instance}")
    page = admin.link("暂停")
    admin.get(page)
    assert admin.post(page, {"reason": " "}).status_code == 422 and "请写明暂停的原因" in words(admin)
    assert admin.post(page, {"reason": "等待批复"}).status_code == 302
    admin.get(f"/instances/{instance}")
    assert "程立功于" in words(admin) and "原因：等待批复" in words(admin) and "已暂停" in words(admin)
    member = visit("suxiaoman")
    member.get(f"/instances/{instance}")
    assert "等待批复" in words(member) and ">恢复<" not in member.page and ">变量<" not in member.page
    (row,) = engine.inbox(by=world.member)
    assert row.item is not None
    member.get("/inbox")
    assert "已暂停" in words(member)
    member.get(f"/work-items/{row.item.id}")
    assert "流程已暂停，暂时不能办理" in words(member)
    assert "程立功于" in words(member) and "原因：等待批复" in words(member)
    assert not re.search(r">\s*(提交|暂存|签收|转办)\s*<", member.page)
    page = admin.link("恢复")
    admin.get(page)
    assert admin.post(page).status_code == 302
    assert engine.suspension(instance, by=world.member) is None


def test_what_was_typed_while_the_process_was_suspended_is_kept(
    engine: ProcessEngine, world: World, visit: Visit, admin: Visitor, instance: int
) -> None:
    member = visit("suxiaoman")
    (row,) = engine.inbox(by=world.member)
    assert row.item is not None
    item = f"/work-items/{row.item.id}"
    member.get(item)
    engine.suspend(instance, reason="等待批复", by=world.secretary)
    typed = {"标题": "写了一半的标题", "_opinion": "请审核"}
    for button in ({}, {"_save": "1"}, {"_refresh": "1"}):
        answer = member.post(f"{item}/completion", {**typed, **button})
        assert answer.status_code == (200 if "_refresh" in button else 409)
        assert "程立功于" in words(member) and "写了一半的标题" in words(member) and "请审核" in words(member)
        assert not re.search(r">\s*(提交|暂存|签收|转办)\s*<", member.page)
    for act in ("claim", "release"):
        assert member.post(f"{item}/{act}").status_code == 409 and "刚才的操作没有生效" in words(member)
    assert member.post(f"{item}/transfer", {"person": str(world.other)}).location == item
    member.get(item)
    assert "已由程立功于" in words(member)
    engine.resume(instance, by=world.secretary)
    member.post(f"{item}/completion", {**typed, "_refresh": "1"})
    assert re.search(r">\s*提交\s*<", member.page) and "写了一半的标题" in words(member)


def test_the_initiator_cancels_after_he_has_seen_what_ends(
    engine: ProcessEngine, world: World, visit: Visit, instance: int
) -> None:
    member = visit("suxiaoman")
    member.get(f"/instances/{instance}")
    page = member.link("撤销")
    member.get(page)
    assert "起草苏小满" in words(member)
    assert member.post(page, {"reason": ""}).status_code == 422
    member.post(page, {"reason": "写错了"})
    member.get(f"/instances/{instance}")
    assert "已撤销" in words(member) and "写错了" in words(member)
    assert f"/instances/{instance}/cancellation" not in member.page
    assert engine.instance(instance, by=world.member).instance.outcome == "cancelled"


def test_only_administrators_see_and_change_the_rest(visit: Visit, world: World, instance: int) -> None:
    member = visit("suxiaoman")
    for page in ("suspension", "resumption", "deletion", "variables"):
        assert member.get(f"/instances/{instance}/{page}").status_code == 403
        tried = member.post(f"/instances/{instance}/{page}", {"reason": "x", "name": "a", "value": "1"})
        assert tried.status_code == 403
    other = visit("dingyifan")
    assert other.get(f"/instances/{instance}/cancellation").status_code == 404


def test_a_variable_is_corrected_with_a_reason(
    engine: ProcessEngine, world: World, admin: Visitor, instance: int
) -> None:
    admin.get(f"/instances/{instance}")
    page = admin.link("变量")
    admin.get(page)
    assert "initiator" in words(admin)
    refused = admin.post(page, {"name": "份数", "value": "1 +", "reason": "漏填"})
    assert refused.status_code == 422 and "不是 FEEL 表达式" in words(admin) and "1 +" in words(admin)
    assert admin.post(page, {"name": "份数", "value": "", "reason": "漏填"}).status_code == 422
    assert admin.post(page, {"name": "份数", "value": "3 * 4", "reason": "漏填"}).status_code == 302
    assert admin.post(page, {"name": "单位", "value": '"林业局"', "reason": "漏填"}).status_code == 302
    assert engine.variables(instance, by=world.member)["份数"] == 12
    admin.get(f"{page}?name=单位")
    assert '"林业局"</textarea>' in words(admin)
    admin.get(f"/instances/{instance}")
    assert "更正变量：份数" in words(admin) and "份数：原为 —，现为 12" in words(admin)


def test_an_ended_instance_is_deleted(
    engine: ProcessEngine, world: World, visit: Visit, admin: Visitor, instance: int
) -> None:
    admin.get(f"/instances/{instance}")
    assert f"/instances/{instance}/deletion" not in admin.page
    engine.cancel(instance, reason="演练", by=world.member)
    admin.get(f"/instances/{instance}")
    page = admin.link("删除")
    admin.get(page)
    assert admin.post(page, {"reason": "演练数据"}).status_code == 302
    admin.get(f"/instances/{instance}")
    assert "数据已删除" in words(admin) and "删除数据" in words(admin) and "演练数据" in words(admin)
    assert visit("suxiaoman").get(f"/instances/{instance}").status_code == 404


def test_the_page_says_which_message_it_waits_for(engine: ProcessEngine, world: World, visit: Visit) -> None:
    event = extensions(ours("message", correlation='="2026-7"')) + defines("message", "m")
    parts = (start(), catch("c", event), end(), path("start", "c", "end"))
    engine.deploy({"p.bpmn": draw("p", *parts, extra=named("message", "m", "批复"))})
    waiting = engine.start("p", by=world.member).id
    member = visit("suxiaoman")
    member.get(f"/instances/{waiting}")
    assert "等待消息“批复”（2026-7）。" in words(member) and "等待约定的时间" not in words(member)


def test_the_archive_is_taken_from_the_page_by_whoever_takes_part(
    engine: ProcessEngine, visit: Visit, world: World, instance: int
) -> None:
    engine.create_authority()
    member, other = visit("suxiaoman"), visit("dingyifan")
    member.get(f"/instances/{instance}")
    assert "导出归档包" in member.page
    taken = member.post(f"/instances/{instance}/archive")
    assert taken.headers["Content-Disposition"] == f"attachment; filename=lvze-{instance}.zip"
    assert verify(BytesIO(taken.data)).valid
    assert other.post(f"/instances/{instance}/archive").status_code == 404
