"""Migrating running instances from the page: choose the version, see what would happen, confirm with a reason."""

from __future__ import annotations

import re

import pytest

from engine import ProcessEngine
from tests.engine.drawing import boundary, draw, end, ours, path, start, timer, user
from tests.web.conftest import Visit, World

FORMS = {
    f"{name}.form.json": f'{{"components":[{{"type":"textfield","key":"{key}","label":"{key}"}}]}}'.encode()
    for name, key in (("f", "甲"), ("g", "乙"))
}


def first() -> bytes:
    tasks = (user("初审", ours("form", ref="f.form.json")), user("送审"))
    return draw("q", start(), *tasks, end(), path("start", "初审", "送审", "end"))


def second() -> bytes:
    late = boundary("超时", "核对", timer("timeDuration", "P3D"), interrupting=False)
    tasks = (user("核对", ours("form", ref="g.form.json")), late, user("批准"), end("e2"))
    return draw("q", start(), *tasks, end(), path("start", "核对", "批准", "end"), path("超时", "e2"))


@pytest.fixture
def versions(engine: ProcessEngine, world: World) -> tuple[int, int]:
    """Three instances of the first version: two at 初审, with a draft in one of them, one at 送审."""
    accounts = {account.username: account.id for account in engine.accounts(by=None)}
    engine.grant_account(accounts["dingyifan"], by=None, is_admin=True, is_designer=True)
    old = engine.deploy({"q.bpmn": first(), "f.form.json": FORMS["f.form.json"]}).id
    for _ in range(3):
        engine.start("q", by=world.member)
    items = sorted(row.item.id for row in engine.inbox(by=world.member) if row.item is not None)
    engine.complete(items[0], by=world.member)
    engine.save_draft(items[1], by=world.member, data={"甲": "写了一半"})
    return old, engine.deploy({"q.bpmn": second(), "g.form.json": FORMS["g.form.json"]}).id


def text(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def form(page: str) -> dict[str, str]:
    return dict(
        re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.split('method="post"')[-1])
    )


def test_from_the_versions_to_the_result(
    engine: ProcessEngine, world: World, visit: Visit, versions: tuple[int, int]
) -> None:
    old, new = versions
    admin = visit("dingyifan")
    admin.get(f"/designer/{new}")
    assert admin.link("迁移实例").endswith("/definitions/q/versions")
    admin.get(admin.link("流程版本"))
    admin.get(admin.link("q"))
    admin.get(admin.link("迁移到别的版本"))
    assert 'name="map-初审"' in admin.page
    assert "请为它指定新版本中对应的环节" in admin.page and "迁移这" not in admin.page
    admin.get(f"/definitions/{old}/migration?to={new}&map-初审=核对")
    seen = text(admin.page)
    for said in (
        "共 3 个实例：2 个可以迁移，1 个不能。",
        "停在“初审”的，改停在“核对”",
        "开始等待“超时”",
        "“核对”换用新表单，草稿保留",
        "“核对”换用新表单；草稿保留，但新表单没有：甲",
    ):
        assert said in seen, said
    sent = form(admin.page)
    assert admin.post(f"/definitions/{old}/migration", {**sent, "reason": " "}).status_code == 422
    assert "请写明迁移的原因" in admin.page
    done = admin.post(f"/definitions/{old}/migration", {**sent, "reason": "办法修订"})
    assert done.status_code == 302
    admin.get(done.location)
    assert "还有 2 个在后台办理" in admin.page
    engine.run_jobs()
    admin.get(done.location)
    assert "已迁移 2 个。" in admin.page and "送审" in admin.page
    member = visit("suxiaoman")
    item = next(
        r.item for r in engine.inbox(by=world.member) if r.item is not None and r.item.element_id == "核对"
    )
    member.get(f"/instances/{item.instance_id}")
    assert "从第 1 版迁移到第 2 版" in member.page and "办法修订" in member.page
    assert "换版本" not in member.page
    admin.get(f"/instances/{item.instance_id}")
    assert admin.get(admin.link("换版本")).status_code == 200


def test_what_has_changed_since_it_was_seen_is_not_done(
    engine: ProcessEngine, world: World, visit: Visit, versions: tuple[int, int]
) -> None:
    old, new = versions
    admin = visit("dingyifan")
    admin.get(f"/definitions/{old}/migration?to={new}&map-初审=核对")
    sent = form(admin.page)
    item = next(
        r.item for r in engine.inbox(by=world.member) if r.item is not None and r.item.element_id == "初审"
    )
    engine.complete(item.id, by=world.member)
    done = admin.post(f"/definitions/{old}/migration", {**sent, "reason": "办法修订"})
    engine.run_jobs()
    admin.get(done.location)
    assert "已迁移 1 个。" in admin.page and "查看以后它又有变动" in admin.page


def test_only_administrators_come_here(visit: Visit, versions: tuple[int, int]) -> None:
    old, new = versions
    member = visit("suxiaoman")
    for page in (
        f"/definitions/{old}/migration?to={new}",
        "/definitions/q/versions",
        "/definitions/migrations/1",
    ):
        assert member.get(page).status_code == 403
    assert member.post(f"/definitions/{old}/migration", {"to": str(new), "reason": "试"}).status_code == 403
