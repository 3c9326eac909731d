"""The main job, by its people, on their screens: a responsibility letter from the Working Committee to a branch three levels down."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.desk import Desk
from tests.browser.site import Site

LETTER = "2026年度党建工作责任书"
PHONE = {"width": 390, "height": 844}


def verify(file: Path) -> tuple[int, str]:
    """``lvze verify`` as a stranger runs it: exit code and what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "web", "verify", file], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


def section(page: Page, heading: str) -> Locator:
    return page.locator("section").filter(has=page.get_by_role("heading", name=heading, exact=True))


def test_a_letter_is_issued_returned_and_signed_down_to_a_branch(
    site: Site, person: Callable[[], Page], tmp_path: Path
) -> None:
    def at_desk(username: str, name: str) -> Desk:
        return Desk(site, person(), username, name)

    clerk = at_desk("xuzhiqiu", "许知秋")
    page = clerk.page
    page.get_by_role("link", name="发起", exact=True).first.click()
    page.get_by_role("link", name="发起 党建工作责任书").click()
    page.get_by_label("依据文件的发文字号").fill("云委〔2026〕3号")
    page.get_by_role("button", name="发起").click()
    expect(page.get_by_role("heading", name=LETTER, level=1)).to_be_visible()
    site.engine.run_jobs()

    # A draft with a gap comes back with everything in it and the fault beside its field.
    clerk.take(f"拟稿：{LETTER}")
    for unit in page.get_by_role("group", name="颁发给").get_by_role("checkbox").all():
        unit.uncheck()
    page.get_by_label("中共云岭市发展和改革局委员会").check()
    page.get_by_label("中共云岭市教育局委员会").check()
    measure = (
        page.get_by_role("row").filter(has=page.get_by_label("目标和措施")).nth(2).get_by_label("目标和措施")
    )
    measure.fill("")
    page.get_by_role("button", name="加一行").click()
    last = page.get_by_role("row").last
    last.get_by_label("部分").select_option("组织建设")
    last.get_by_label("目标和措施").fill("建设智慧党建阵地")
    last.get_by_label("业务工作目标").fill("完成机关数据中心扩容")
    last.get_by_label("完成时限").fill("10月底前")
    last.get_by_label("责任人").fill("副书记")
    last.get_by_label("分值").fill("十分")
    clerk.submit.click()
    expect(page.get_by_role("alert")).to_contain_text("有 2 处需要修改")
    expect(measure).to_have_accessible_description("请填写“目标和措施”")
    expect(last.get_by_label("分值")).to_have_accessible_description("请输入数字")
    expect(last.get_by_label("分值")).to_have_value("十分")
    expect(last.get_by_label("业务工作目标")).to_have_value("完成机关数据中心扩容")
    expect(page.get_by_label("中共云岭市教育局委员会")).to_be_checked()
    expect(page.get_by_label("中共云岭市档案馆总支部委员会")).not_to_be_checked()
    measure.fill("开展“走流程、解难题”活动")
    last.get_by_label("分值").fill("5")
    clerk.hand_in()

    # The deputy returns it; without an opinion he cannot.
    deputy = at_desk("shenruochuan", "沈若川")
    page = deputy.take(f"审核：{LETTER}")
    deputy.see(f"{LETTER}（市发改局党委）")
    deputy.choose("审核意见", "退回修改")
    deputy.submit.click()
    expect(deputy.opinion).to_have_accessible_description("请填写意见。")
    deputy.opinion.fill("分值合计应为一百分，请调整。")
    deputy.hand_in()

    page = clerk.take(f"拟稿：{LETTER}")
    expect(page.get_by_text("上一步意见").locator("..")).to_contain_text("分值合计应为一百分，请调整。")
    expect(page.get_by_label("业务工作目标").last).to_have_value("完成机关数据中心扩容")
    page.get_by_label("分值").nth(1).fill("20")
    clerk.hand_in()

    deputy.take(f"审核：{LETTER}")
    deputy.choose("审核意见", "通过")
    deputy.hand_in()

    # The secretary sees the pages he signs.
    secretary = at_desk("linsiyuan", "林思远")
    secretary.take(f"签发：{LETTER}（2份）")
    secretary.see(f"{LETTER}（市发改局党委）")
    secretary.choose("签发意见", "同意签发")
    secretary.sign()
    secretary.hand_in()

    # Each level reads, signs back, and hands the letter down.
    above = "市直机关工委"
    for unit, below, letters, signer, drafter, reviewer in (
        (
            "市发改局党委",
            "中共云岭市节能监察中心总支部委员会",
            1,
            ("gaojingxing", "高景行"),
            ("liangshuyi", "梁书怡"),
            ("chengliyan", "程立言"),
        ),
        (
            "节能监察中心总支",
            "中共云岭市节能监察中心第一支部委员会",
            1,
            ("hansongnian", "韩松年"),
            ("zoumuyang", "邹沐阳"),
            ("fangyanan", "方雅南"),
        ),
    ):
        head = at_desk(*signer)
        page = head.take(f"回签：{LETTER}（{above}颁发）")
        head.see(f"{LETTER}（{unit}）")
        page.get_by_label("本人已阅读责任书全文").check()
        head.sign()
        head.hand_in()
        head.take("是否向下属党组织颁发2026年度责任书")
        head.choose("是否下发", "下发")
        head.hand_in()

        drafting = at_desk(*drafter)
        page = drafting.take(f"拟稿：{LETTER}")
        for box in page.get_by_role("group", name="颁发给").get_by_role("checkbox").all():
            box.uncheck()
        page.get_by_label(below).check()
        drafting.hand_in()

        reviewing = at_desk(*reviewer)
        reviewing.take(f"审核：{LETTER}")
        reviewing.choose("审核意见", "通过")
        reviewing.hand_in()

        page = head.take(f"签发：{LETTER}（{letters}份）")
        head.choose("签发意见", "同意签发")
        head.sign()
        head.hand_in()
        above = unit

    # The branch's secretary signs on a phone.
    branch = at_desk("panruogu", "潘若谷")
    branch.page.set_viewport_size(PHONE)
    page = branch.take(f"回签：{LETTER}（{above}颁发）")
    branch.see(f"{LETTER}（节能监察一支部）")
    page.get_by_label("本人已阅读责任书全文").check()
    branch.sign()
    branch.hand_in()

    # What he has signed, anybody can check.
    page.get_by_role("link", name="文件", exact=True).click()
    page.get_by_role("link", name=f"{LETTER}（节能监察一支部）").click()
    expect(page.get_by_text("签名全部有效，文件没有被改动。")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="下载 Word").click()
    file = tmp_path / "letter.docx"
    download.value.save_as(file)
    code, printed = verify(file)
    assert code == 0, printed
    for words in (
        "韩松年  中共云岭市节能监察中心总支部委员会书记",
        "潘若谷  中共云岭市节能监察中心第一支部委员会书记",
    ):
        assert words in printed
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert verify(file)[0] == 1
    pdf = page.request.get(site.address + str(page.get_by_role("link", name="PDF").get_attribute("href")))
    assert pdf.ok and pdf.body().startswith(b"%PDF-")

    # The Working Committee sees who has signed, who has not, and how it went.
    page = clerk.page
    page.get_by_role("link", name="文件", exact=True).click()
    expect(page.get_by_role("row").filter(has_text="关于印发")).to_contain_text("云直工〔2026〕1号")
    page.get_by_role("link", name="台账", exact=True).click()
    page.get_by_role("link", name="党建工作责任书").click()
    own = section(page, "年度 2026，签发单位 市直机关工委")
    expect(own.get_by_text(re.compile(r"^未签\s*1$"))).to_be_visible()
    expect(own.get_by_text(re.compile(r"^已签\s*1$"))).to_be_visible()
    expect(own.get_by_role("listitem")).to_contain_text("市教育局党委")
    page.get_by_role("link", name="工作台", exact=True).click()
    page.get_by_role("link", name="我发起").click()
    page.get_by_role("link", name=LETTER).click()
    history = section(page, "办理过程")
    returned = history.get_by_role("listitem").filter(has_text="沈若川").filter(has_text="退回修改")
    expect(returned).to_contain_text("分值合计应为一百分，请调整。")
    expect(history.get_by_role("listitem").filter(has_text="林思远")).to_contain_text("同意签发")
    expect(page.get_by_text("1 / 2 已办结")).to_be_visible()
