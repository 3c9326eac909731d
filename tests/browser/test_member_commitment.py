"""A member's commitment: goals, a return, a revision, both signatures, and the noticeboard with its audiences."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.desk import Desk
from tests.browser.site import Site

GOALS = (
    ("参加集中学习并交流体会", "12次", "有笔记、有发言", "全年"),
    ("审核投资项目备案", "不少于80件", "按时办结", "11月底前"),
    ("走访服务企业", "6家", "问题逐一销号", "10月底前"),
    ("帮扶石门社区困难家庭", "1户", "每季度走访", "全年"),
    ("参加廉政教育", "2次", "无违规违纪", "全年"),
)


def test_goals_are_returned_revised_signed_and_disclosed(site: Site, person: Callable[[], Page]) -> None:
    member = Desk(site, person(), "fanchengzhi", "范承志")
    page = member.page
    page.get_by_role("link", name="发起", exact=True).first.click()
    page.get_by_role("link", name="发起 党员岗位责任承诺").click()
    page.get_by_role("button", name="发起").click()
    expect(page.get_by_text("系统正在自动办理")).to_be_visible()
    site.engine.run_jobs()
    expect(page.get_by_text("当前步骤：")).to_be_visible()  # the page came anew by itself
    page.get_by_role("link", name="自主定责").click()
    areas = page.locator("[data-rows='承诺'] [data-row]")
    expect(areas).to_have_count(6)
    for row, goal in zip(areas.all(), GOALS, strict=False):
        for label, text in zip(("目标", "数量", "质量", "时限"), goal, strict=True):
            row.get_by_label(label, exact=True).fill(text)
    areas.nth(5).get_by_label("本年度无此项目标").check()
    reason = areas.nth(5).get_by_label("理由")
    expect(reason).to_be_visible()
    expect(areas.nth(4).get_by_label("目标", exact=True)).to_have_value("参加廉政教育")
    member.submit.click()
    expect(reason).to_have_accessible_description("请填写“理由”")
    reason.fill("长期驻外，组织关系已转接到驻地支部")
    member.hand_in()

    secretary = Desk(site, person(), "luyuanfan", "陆远帆")
    page = secretary.take("审核承诺：范承志2026年度")
    expect(page.get_by_text("审核投资项目备案")).to_be_visible()
    secretary.choose("支部审核", "退回修改")
    secretary.opinion.fill("请写明参加组织生活的安排。")
    secretary.hand_in()

    page = member.take("自主定责：2026年度岗位责任承诺")
    expect(page.get_by_text("上一步意见").locator("..")).to_contain_text("请写明参加组织生活的安排。")
    last = page.locator("[data-rows='承诺'] [data-row]").nth(5)
    last.get_by_label("本年度无此项目标").uncheck()
    for label, text in (
        ("目标", "参加“三会一课”"),
        ("数量", "不缺席"),
        ("质量", "次次发言"),
        ("时限", "全年"),
    ):
        last.get_by_label(label, exact=True).fill(text)
    member.hand_in()

    secretary.take("审核承诺：范承志2026年度")
    secretary.choose("支部审核", "同意")
    secretary.hand_in()
    for who, title, box in (
        (member, "签署：2026年度岗位责任承诺书", "本人已核对承诺书全文"),
        (secretary, "签署：范承志2026年度岗位责任承诺书", "已核对"),
    ):
        page = who.take(title)
        page.get_by_role("checkbox", name=box).check()
        who.sign()
        who.hand_in()

    # 单位 by default: his own agency reads it, the public and other agencies do not.
    for username, name, sees in (("caozijin", "曹子衿", True), ("zhengqiming", "郑启明", False)):
        reader = Desk(site, person(), username, name).page
        reader.get_by_role("link", name="公示栏").click()
        expect(reader.get_by_role("main").get_by_role("link", name="范承志")).to_have_count(int(sees))
    visitor = person()
    visitor.goto(site.address)
    expect(visitor.get_by_role("heading", name="党员设岗定责公示栏")).to_be_visible()
    expect(visitor.get_by_text("范承志")).to_have_count(0)

    page = member.page
    page.get_by_role("link", name="公示栏").click()
    page.get_by_role("main").get_by_role("link", name="范承志").click()
    expect(page.get_by_role("definition").nth(2)).to_contain_text("参加“三会一课”（不缺席，次次发言，全年）")
    for section, text in (("姓名", None), ("工作进展情况", "一季度走访企业2家。")):
        entry = page.get_by_role("definition").filter(
            has=page.locator(f"input[name=section][value='{section}']")
        )
        entry.get_by_text("更新").click()
        if text:
            entry.get_by_label(section).fill(text)
        entry.get_by_label("公开范围").select_option("社会公开")
        entry.get_by_role("button", name="保存").click()
        expect(page.get_by_role("status")).to_contain_text("已更新")
    visitor.reload()
    visitor.get_by_role("main").get_by_role("link", name="范承志").click()
    expect(visitor.get_by_text("一季度走访企业2家。")).to_be_visible()
    expect(visitor.get_by_text("审核投资项目备案")).to_have_count(0)
