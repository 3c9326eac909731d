"""What a decision table decided, and why, as the staff see it."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import Guard
from tests.browser.desk import Desk
from tests.browser.site import Site
from tests.browser.test_pages import SCREENS, commit
from web.play import demo_player


def grade(site: Site) -> None:
    """范承志's first quarter is judged with 82 points."""
    player, secretary = demo_player(site.engine), "陆远帆"
    commit(player, "范承志", signed=True)
    player.start("quarterly_evaluation", secretary, unit="发改局综合支部", 年度=2026, 季度=1)
    (chosen,) = player.options(secretary, "choose", "考评对象").values()
    player.do(secretary, "choose", 考评对象=chosen)
    assessed = [{"完成结果": "完成", "完成情况": "按计划推进"}] * 6
    player.do("范承志", "assess", 自评=assessed, 自评小结="总体较好。")
    player.do(secretary, "judge", 评议得分=82, 评议意见="实事求是。")


def test_the_rule_behind_a_grade_can_be_seen(
    page: Page, site: Site, guard: Guard, violations: Callable[[Page], list[str]]
) -> None:
    grade(site)
    Desk(site, page, "luyuanfan", "陆远帆")
    page.goto(f"{site.address}/inbox?box=started")
    page.get_by_role("link", name="第1季度履责考评").click()
    line = page.get_by_role("listitem").filter(has_text="决策“等次”：合格（命中规则 4）")
    line.get_by_role("link", name="看依据").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("决策“等次”")
    expect(page.get_by_text("最多只有一条规则符合")).to_be_visible()
    table = page.get_by_role("table")
    expect(table.get_by_role("columnheader")).to_have_text(
        ["规则", "有一票否决情形", "民主评议得分", "未完成的目标数", "等次", "说明"]
    )
    expect(table.get_by_role("row").nth(1).get_by_role("cell")).to_have_text(
        ["本次", "否", "82", "0", "", ""]
    )
    hit = table.get_by_role("row").filter(has_text="命中")
    expect(hit.get_by_role("cell")).to_have_text(
        ["4 命中", "否", "75 至 90（不含 90）", "不限", "合格", "75 分以上、不满 90 分"]
    )
    for screen in SCREENS:
        page.set_viewport_size(screen)
        assert violations(page) == []
        assert (
            page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
        )
    page.set_viewport_size(SCREENS[0])  # on a phone a rule is a card that says what each value is
    expect(hit).to_be_visible()
    assert hit.get_by_role("cell").nth(2).evaluate("cell => getComputedStyle(cell, '::before').content") == (
        '"民主评议得分"'
    )
    guard.allow("404")
    page.goto(page.url.rpartition("/")[0] + "/1")  # no decision
    expect(page.get_by_text("没有这次决策的记录。")).to_be_visible()
