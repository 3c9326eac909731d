"""Office operations as staff meet them: 加签 with a search, 退回 with what it takes away, 撤回, 常用语; on a phone too."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.desk import Desk
from tests.browser.site import Site
from tests.browser.test_member_commitment import GOALS

REVIEW = "审核承诺：范承志2026年度"
SIGN = "签署：2026年度岗位责任承诺书"


def handed_in(site: Site, page: Page) -> Desk:
    """The member has written his goals and handed them in."""
    member = Desk(site, page, "fanchengzhi", "范承志")
    page.get_by_role("link", name="发起", exact=True).first.click()
    page.get_by_role("link", name="发起 党员岗位责任承诺").click()
    page.get_by_role("button", name="发起").click()
    site.engine.run_jobs()
    member.take("自主定责：2026年度岗位责任承诺")
    rows = page.locator("[data-rows='承诺'] [data-row]")
    for row, goal in zip(rows.all(), (*GOALS, GOALS[0]), strict=True):
        for label, text in zip(("目标", "数量", "质量", "时限"), goal, strict=True):
            row.get_by_label(label, exact=True).fill(text)
    member.hand_in()
    return member


def test_a_review_is_taken_back_shared_and_sent_back(
    site: Site, person: Callable[[], Page], violations: Callable[[Page], list[str]]
) -> None:
    member = handed_in(site, person())
    member.page.goto(f"{site.address}/inbox?box=done")
    member.page.get_by_role("link", name="自主定责：2026年度岗位责任承诺").click()
    member.page.get_by_role("link", name="撤回").click()
    expect(member.page.get_by_text("以下待办会关闭：")).to_be_visible()
    expect(member.page.get_by_role("listitem").filter(has_text=REVIEW)).to_contain_text("陆远帆")
    member.page.get_by_role("button", name="撤回").click()
    expect(member.page.get_by_role("status").first).to_contain_text("已撤回")
    member.take("自主定责：2026年度岗位责任承诺")
    member.hand_in()

    secretary = Desk(site, person(), "luyuanfan", "陆远帆")
    page = secretary.page
    secretary.take(REVIEW)
    page.get_by_role("link", name="加签").click()
    expect(page.locator("body[data-ready='1']")).to_be_visible()
    page.get_by_label("按姓名查找").press_sequentially("曹")
    page.get_by_role("checkbox", name="曹子衿").check()
    page.get_by_label("按姓名查找").fill("")
    expect(page.get_by_role("checkbox", name="曹子衿")).to_be_checked()  # who is chosen stays
    assert violations(page) == []
    page.get_by_role("button", name="加签").click()
    expect(page.get_by_role("status").first).to_contain_text("已请曹子衿加签")
    page.goto(f"{site.address}/inbox?box=waiting")
    expect(page.get_by_text("等曹子衿办理")).to_be_visible()

    added = Desk(site, person(), "caozijin", "曹子衿")
    added.take(REVIEW)
    added.opinion.fill("目标可行。")
    added.hand_in()

    secretary.take(REVIEW)
    expect(page.get_by_text("目标可行。").first).to_be_visible()
    expect(page.get_by_role("link", name="退回", exact=True)).to_have_count(0)  # the form has its own
    secretary.choose("支部审核", "同意")
    secretary.hand_in()

    page = member.page
    page.get_by_role("link", name="常用语").click()
    page.get_by_label("添加一条").fill("时限有误，请改为十月底前。")
    page.get_by_role("button", name="添加").click()
    member.take(SIGN)
    page.get_by_role("link", name="退回", exact=True).click()
    expect(page.locator("body[data-ready='1']")).to_be_visible()
    expect(page.get_by_label("上一步：支部审核")).to_be_checked()
    effects = page.locator("#effects")
    expect(effects).to_contain_text("之后由这一步办理：支部审核")
    page.get_by_role("radio", name="自主定责").check()
    expect(effects).to_contain_text("之后由这一步办理：自主定责")
    page.get_by_role("button", name="时限有误，请改为十月底前。").click()
    expect(page.get_by_label("退回意见")).to_have_value("时限有误，请改为十月底前。")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert violations(page) == []
    page.get_by_role("button", name="退回", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("已退回到“自主定责”")
    member.take("自主定责：2026年度岗位责任承诺")
    first = page.locator("[data-rows='承诺'] [data-row]").first
    expect(first.get_by_label("目标", exact=True)).to_have_value(GOALS[0][0])
