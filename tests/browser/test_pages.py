"""The pages for everybody: without JavaScript, in two tabs at once, accessible on a desk and on a phone."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import docx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Guard
from tests.browser.desk import Desk
from tests.browser.site import Site
from web.play import Player, demo_player

AREAS = ("思想政治", "履行岗位职责", "服务经济发展", "结对帮带帮扶", "廉政建设", "参加组织生活")
GOALS = [
    {"方面": area, "目标": "按计划完成", "数量": "12次", "质量": "群众满意", "时限": "12月底前"}
    for area in AREAS
]
SCREENS = ({"width": 390, "height": 844}, {"width": 1440, "height": 900})


@pytest.fixture
def player(site: Site) -> Player:
    """People who act without a browser, to bring the installation to where a test begins."""
    return demo_player(site.engine)


def commit(player: Player, member: str, *, signed: bool) -> None:
    """Bring a commitment to its member's signature, or onto the noticeboard."""
    player.start("member_commitment", member, 年度=2026)
    player.do(member, "commit", 承诺=GOALS)
    player.do("陆远帆", "review", 审核决定="同意")
    if signed:
        player.do(member, "sign", 已阅=True)
        player.do("陆远帆", "countersign", 已核对=True)


def test_a_step_is_done_without_javascript(
    site: Site, new_context: Any, guard: Guard, player: Player
) -> None:
    player.start("member_commitment", "范承志", 年度=2026)
    context = new_context(java_script_enabled=False)
    guard.watch(context)
    page = context.new_page()
    member = Desk(site, page, "fanchengzhi", "范承志")
    member.take("自主定责：2026年度岗位责任承诺")
    rows = page.locator("[data-rows='承诺'] [data-row]").all()
    for row, goal in zip(rows[:5], GOALS, strict=False):
        for label in ("目标", "数量", "质量", "时限"):
            row.get_by_label(label, exact=True).fill(goal[label])
    rows[5].get_by_label("本年度无此项目标").check()
    page.get_by_role("button", name="刷新表单").click()
    reason = page.get_by_label("理由")
    expect(reason).to_be_visible()
    expect(page.get_by_label("质量").nth(4)).to_have_value("群众满意")
    page.get_by_role("button", name="加一行").click()
    page.get_by_role("button", name="删除").click()
    member.submit.click()
    expect(reason).to_have_accessible_description("请填写“理由”")
    reason.fill("正在脱产学习")
    member.hand_in()
    assert [item.element for item in player.todo("陆远帆")] == ["review"]


def test_of_two_tabs_the_second_is_told_once(page: Page, site: Site, guard: Guard, player: Player) -> None:
    guard.allow("409")
    player.start("member_commitment", "范承志", 年度=2026)
    player.do("范承志", "commit", 承诺=GOALS)
    secretary = Desk(site, page, "luyuanfan", "陆远帆")
    title = "审核承诺：范承志2026年度"
    secretary.take(title)
    second = page.context.new_page()
    second.goto(page.url)
    secretary.choose("支部审核", "同意")
    secretary.hand_in()
    second.get_by_role("radiogroup", name="支部审核").get_by_label("同意", exact=True).check()
    second.get_by_role("button", name="提交").click()
    expect(second.get_by_role("heading", level=1)).to_contain_text("不能再次办理")
    expect(second.get_by_text("状态已变（409）")).to_be_visible()
    second.get_by_role("link", name="回到首页").click()
    expect(second.get_by_text("没有待办事项。")).to_be_visible()


def unformatted() -> bytes:
    """A notice as Word sets it by itself."""
    file, out = docx.Document(), io.BytesIO()
    for words in (
        "关于开展检查工作的通知",
        "各单位:",
        "根据安排，现就有关事项通知如下。",
        "一，总体要求",
        "2026年03月05日",
    ):
        file.add_paragraph(words)
    file.save(out)
    return out.getvalue()


def test_every_page_is_accessible_on_a_desk_and_on_a_phone(
    page: Page, site: Site, player: Player, guard: Guard, violations: Callable[[Page], list[str]]
) -> None:
    commit(player, "叶青禾", signed=True)
    commit(player, "范承志", signed=False)
    guard.allow("404")
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        expect(page.locator("body[data-ready='1'], body:not(:has(script))")).to_be_attached()
        expect(page.locator(".spinner-border")).to_have_count(0)
        for screen in SCREENS:
            page.set_viewport_size(screen)
            sideways = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            if broken := [*violations(page), *([f"{sideways} px too wide"] if sideways > 0 else [])]:
                found[f"{name}, {screen['width']} px"] = broken

    page.goto(f"{site.address}/noticeboard/")
    look("the noticeboard of a visitor")
    page.goto(f"{site.address}/login")
    look("the login")
    member = Desk(site, page, "fanchengzhi", "范承志")
    look("the inbox")
    page.goto(f"{site.address}/inbox?box=started")
    look("what one started")
    page.goto(f"{site.address}/start/member_commitment")
    look("a start form")
    member.take("签署：2026年度岗位责任承诺书")
    look("a task")
    member.submit.click()
    expect(page.get_by_role("alert")).to_be_visible()
    look("a task with errors")
    page.get_by_role("link", name="范承志2026年度岗位责任承诺书").first.click()
    expect(page.locator("[data-diagram][data-ready='1']")).to_be_visible()
    look("an instance")
    for path in (
        "/documents",
        "/documents/2",
        "/documents/2/check",
        "/checks",
        "/noticeboard/",
        "/noticeboard/1",
        "/ledgers/",
        "/ledgers/commitments",
    ):
        page.goto(site.address + path)
        look(path)
    page.goto(f"{site.address}/checks")
    page.get_by_label("Word 文件").set_input_files(
        {"name": "通知.docx", "mimeType": "application/octet-stream", "buffer": unformatted()}
    )
    page.get_by_role("button", name="检查", exact=True).click()
    expect(page.get_by_role("heading", name="不合之处")).to_be_visible()
    page.locator(".spot .mark").last.click()
    expect(page.locator(".deviations > :target")).to_be_in_viewport()
    look("a file checked")
    page.goto(f"{site.address}/verification")
    look("the verification")
    page.goto(f"{site.address}/nowhere")
    look("an error")
    assert found == {}
