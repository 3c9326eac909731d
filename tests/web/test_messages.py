"""The administration's page that gives a waiting process its message or signal."""

from __future__ import annotations

import re
from html import unescape

import pytest

from engine import ProcessEngine
from tests.engine.drawing import catch, defines, draw, end, extensions, named, ours, path, start
from tests.web.conftest import Visit, Visitor, World

PAGE = "/administration/messages"


def waiting(kind: str, key: str = "") -> bytes:
    """A process that waits for 批复, takes 金额 from it, and ends."""
    own = [ours("message", correlation=key)] if key else []
    event = extensions(*own, ours("output", name="金额", value="=金额")) + defines(kind, "m")
    parts = (start(), catch("c", event), end(), path("start", "c", "end"))
    return draw(kind, *parts, extra=named(kind, "m", "批复"), name=f"等{kind}")


@pytest.fixture
def admin(engine: ProcessEngine, world: World, visit: Visit) -> Visitor:
    account = next(a for a in engine.accounts(by=None) if a.person_id == world.secretary)
    engine.grant_account(account.id, by=None, is_admin=True, is_designer=False)
    return visit("chengligong")


def form(visitor: Visitor, **more: str) -> dict[str, str]:
    """The page's form as a browser sends it, the first thing waited for chosen."""
    key = re.search(r'name="_key" value="([^"]+)"', visitor.page)
    chosen = re.search(r'<option value="(\[[^"]+)"', visitor.page)
    assert key and chosen
    return {"_key": key[1], "to": unescape(chosen[1]), **more}


def test_a_message_reaches_who_waits_once(engine: ProcessEngine, world: World, admin: Visitor) -> None:
    engine.deploy({"p.bpmn": waiting("message", '="2026-7"')})
    instance = engine.start("message", by=world.member).id
    admin.get("/administration/incidents")
    admin.get(admin.link("消息"))
    assert "消息“批复”（2026-7）" in unescape(admin.page)
    sent = form(admin, values='金额 = 1200\n\n说明 = "好"')
    assert admin.post(PAGE, sent).location == PAGE
    admin.get(PAGE)
    assert "消息“批复”已送达" in unescape(admin.page) and "现在没有流程在等待" in admin.page
    assert engine.variables(instance, by=world.secretary)["金额"] == 1200
    assert admin.post(PAGE, sent).location == PAGE
    admin.get(PAGE)
    assert "没有再发一次" in admin.page


def test_a_signal_reaches_everybody(engine: ProcessEngine, world: World, admin: Visitor) -> None:
    engine.deploy({"p.bpmn": waiting("signal")})
    for _ in range(2):
        engine.start("signal", by=world.member)
    admin.get(PAGE)
    sent = form(admin)
    admin.post(PAGE, sent)
    admin.get(PAGE)
    assert "送往 2 个流程" in admin.page
    engine.run_jobs()
    admin.post(PAGE, {**sent, "_key": "another"})
    admin.get(PAGE)
    assert "没有起作用" in admin.page


def test_what_is_wrong_is_said_beside_what_was_typed(
    engine: ProcessEngine, world: World, admin: Visitor, visit: Visit
) -> None:
    engine.deploy({"p.bpmn": waiting("message", '="2026-7"')})
    engine.start("message", by=world.member)
    admin.get(PAGE)
    key = form(admin)["_key"]
    wrong = {
        "请选择要发的": {"to": ""},
        "第 2 行不对": {"values": "金额 = 1\n金额 1200"},
        "第 1 行不对": {"values": "金额 = 一千 二"},
        "没有流程在等待消息“批复”（关联键“8”）": {"correlation": "8"},
    }
    for said, more in wrong.items():
        answer = admin.post(PAGE, form(admin, **more))
        assert answer.status_code in (404, 422) and said in unescape(admin.page), said
        assert all(text in unescape(admin.page) for text in more.values())
        assert form(admin)["_key"] == key, "nothing was sent: the next try is the first"
    assert visit("suxiaoman").get(PAGE).status_code == 403
