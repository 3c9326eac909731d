"""Pictures of the main pages for the documents: ``python -m tests.pictures [FOLDER]``, by default docs/pictures.

A week of the demo is played without a browser; a browser then looks at what its people see.
"""

from __future__ import annotations

import io
import logging
import shutil
import sys
import tempfile
from datetime import datetime
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from engine import SettableClock
from engine.clock import SHANGHAI
from engine.documents.package import read_package, write_package
from engine.documents.register import Document
from tests.browser.conftest import FLAGS
from tests.browser.site import Site, prepare
from web.play import demo_player

FOLDER = Path(__file__).parent.parent / "docs/pictures"
MORNING = datetime(2026, 3, 9, 9, 0, tzinfo=SHANGHAI)
SEALED = ("市直机关工委", "市发改局党委")
LETTERS = ["市发改局党委", "市教育局党委", "市档案馆总支", "科协侨联联合支部"]
GOALS = [
    ("思想政治", "参加支部集中学习，撰写心得体会", "12次、4篇", "有笔记、有交流", "全年"),
    ("履行岗位职责", "审核固定资产投资项目备案", "不少于80件", "按时办结率100%", "11月底前"),
    ("服务经济发展", "到重点项目现场办公", "6次", "问题清单全部销号", "10月底前"),
    ("结对帮带帮扶", "结对帮扶石门社区困难家庭", "1户", "每季度走访", "全年"),
    ("廉政建设", "参加廉政教育，填报廉政情况", "2次", "无违规违纪", "全年"),
    ("参加组织生活", "参加“三会一课”和主题党日", "不缺席", "每次有发言", "全年"),
]


def play(site: Site) -> None:
    """The Working Committee's letters are issued and one is signed back; a member's commitment is on the noticeboard."""
    player = demo_player(site.engine)
    for name in SEALED:
        site.engine.grant_demo_seal(player.units[name], by=None)
    player.start(
        "responsibility_letter", "许知秋", unit="市直机关工委", 年度=2026, 依据文号="云委〔2026〕3号"
    )
    player.do("许知秋", "draft", 发往=[player.units[name] for name in LETTERS])
    player.do("沈若川", "review", 审核决定="通过")
    player.do("林思远", "issue", 签发决定="同意签发")
    player.do("郑启明", "sign_back", 已阅=True)
    rows = [dict(zip(("方面", "目标", "数量", "质量", "时限"), goal, strict=True)) for goal in GOALS]
    for member in ("范承志", "白晓岚", "叶青禾", "程立言", "苏望舒"):
        player.start("member_commitment", member, 年度=2026)
        player.do(member, "commit", 承诺=rows)
    for member in ("范承志", "白晓岚"):
        player.do("陆远帆", "review", member, 审核决定="同意", 监督电话="0598-8888168")
        player.do(member, "sign", 已阅=True)
        player.do("陆远帆", "countersign", member, 已核对=True)
    player.do("陆远帆", "review", "叶青禾", 审核决定="同意")
    player.start("quarterly_evaluation", "陆远帆", unit="发改局综合支部", 年度=2026, 季度=1)
    (chosen,) = (
        key
        for name, key in player.options("陆远帆", "choose", "考评对象").items()
        if name.startswith("范承志")
    )
    player.do("陆远帆", "choose", 考评对象=chosen)
    done = [{"完成结果": "完成", "完成情况": "按计划推进"}] * len(rows)
    player.do("范承志", "assess", 自评=done, 自评小结="各项承诺按计划推进。")
    player.do("陆远帆", "judge", 评议得分=86, 评议意见="实事求是，同意自评。")


def sign(page: Page) -> None:
    """Three characters that a pen might have written."""
    canvas = page.locator("[data-signature-pad] canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box
    for number, points in enumerate(([(0, 0.2), (1, 0.15)], [(0.5, 0), (0.4, 1)], [(0, 0.9), (1, 0.5)]) * 3):
        left, size = box["x"] + box["width"] * (0.15 + 0.25 * (number // 3)), box["height"] * 0.55
        path = [(left + x * size, box["y"] + box["height"] * 0.15 + y * size) for x, y in points]
        page.mouse.move(*path[0])
        page.mouse.down()
        page.mouse.move(*path[1], steps=12)
        page.mouse.up()


def documents(site: Site, name: str, beginning: str) -> Document:
    """The newest document of that title that he may read."""
    by = demo_player(site.engine).people[name]
    return next(one for one in site.engine.documents(by=by) if one.title.startswith(beginning))


def flawed(docx: bytes) -> bytes:
    """With what a clerk gets wrong most."""
    parts = read_package(docx)
    text = parts["word/document.xml"].decode()
    for right, wrong in (("〔2026〕1号", "[2026]第01号"), ("一、认真", "一.认真"), ("3月9日", "03月09日")):
        assert right in text, right
        text = text.replace(right, wrong)
    return write_package(parts | {"word/document.xml": text.encode()})


def take(site: Site, browser: Browser, folder: Path) -> None:
    def person(username: str, width: int = 1440, height: int = 900) -> Page:
        context = browser.new_context(
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            reduced_motion="reduce",
            viewport={"width": width, "height": height},
        )
        page = context.new_page()
        site.sign_in(page, username)
        return page

    def save(picture: Image.Image, name: str) -> None:
        picture.convert("RGB").quantize(128).save(folder / f"{name}.png", optimize=True)

    def shoot(page: Page, name: str) -> None:
        page.wait_for_load_state("networkidle")
        with Image.open(io.BytesIO(page.screenshot())) as picture:
            save(picture, name)

    def print_(page: Page, document: Document, name: str, pages: int = 1, width: int = 1440) -> None:
        """Its pages side by side, as they are printed."""
        shown = [
            Image.open(
                io.BytesIO(page.request.get(f"{site.address}/documents/{document.id}/pages/{n}.png").body())
            )
            for n in range(1, pages + 1)
        ]
        edge = width // 60
        width = (width - edge * (pages + 1)) // pages
        shown = [
            one.resize((width, one.height * width // one.width), Image.Resampling.LANCZOS) for one in shown
        ]
        desk = Image.new("RGB", (pages * (width + edge) + edge, shown[0].height + 2 * edge), "#c9d1db")
        for number, one in enumerate(shown):
            desk.paste(one, (edge + number * (width + edge), edge))
        save(desk, name)

    branch = person("luyuanfan")
    shoot(branch, "inbox")
    branch.get_by_role("link", name="公示栏").click()
    shoot(branch, "noticeboard")
    branch.goto(f"{site.address}/inbox?box=started")
    branch.get_by_role("link", name="第1季度履责考评").click()
    branch.get_by_role("link", name="看依据").click()
    shoot(branch, "decision")

    member = person("yeqinghe")
    member.get_by_role("link", name="签署：").first.click()
    member.get_by_role("link", name="退回", exact=True).click()
    member.get_by_role("radio", name="自主定责").check()
    member.get_by_label("退回意见").fill("时限与支部计划不一致，改为十月底前。")
    member.get_by_text("之后由这一步办理：自主定责").wait_for()
    shoot(member, "rejection")

    secretary = person("gaojingxing")
    secretary.get_by_role("link", name="回签").first.click()
    sign(secretary)
    secretary.evaluate("scrollTo(0, 0)")
    shoot(secretary, "task")

    phone = person("gaojingxing", 390, 844)
    phone.get_by_role("link", name="回签").first.click()
    sign(phone)
    shoot(phone, "phone")

    clerk = person("xuzhiqiu")
    clerk.goto(f"{site.address}/instances/1")
    clerk.locator("[data-diagram][data-ready='1']").wait_for()
    shoot(clerk, "instance")
    clerk.goto(f"{site.address}/designer/")
    clerk.get_by_role("row", name="承诺").get_by_role("link").first.click()
    clerk.locator("[data-designer][data-ready='1']").wait_for()
    clerk.locator(".djs-shape", has_text="支部审核").first.locator(".djs-hit").first.click(force=True)
    shoot(clerk, "designer")
    notice = documents(site, "许知秋", "关于印发")
    print_(clerk, notice, "notice", pages=2)
    clerk.goto(f"{site.address}/checks")
    file = site.engine.document_file(notice.id, by=demo_player(site.engine).people["许知秋"])
    clerk.get_by_label("Word 文件").set_input_files(
        {"name": "印发通知.docx", "mimeType": "application/octet-stream", "buffer": flawed(file)}
    )
    clerk.get_by_role("button", name="检查", exact=True).click()
    shoot(clerk, "check")
    print_(branch, documents(site, "陆远帆", "承诺监督牌"), "plaque")

    stranger = browser.new_context(locale="zh-CN", viewport={"width": 1440, "height": 900}).new_page()
    stranger.goto(f"{site.address}/v/{notice.code}")
    shoot(stranger, "authenticity")


def main(folder: Path) -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary) / "home"
        prepare(home)
        site = Site(home, SettableClock(MORNING))
        try:
            play(site)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
                take(site, browser, folder)
                browser.close()
        finally:
            site.stop()
    print(*sorted(path.name for path in folder.glob("*.png")))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
