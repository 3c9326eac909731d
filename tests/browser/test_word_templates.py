"""A designer changes a Word template, tries it and gives it to a process; the trial on a phone too."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

from docx import Document
from playwright.sync_api import Page, expect

from tests.browser.site import Site


def edited(content: bytes, text: str) -> bytes:
    """As somebody saves it in Word with one more paragraph."""
    document, out = Document(BytesIO(content)), BytesIO()
    document.paragraphs[0].insert_paragraph_before(text)
    document.save(out)
    return out.getvalue()


def test_a_template_goes_from_word_to_a_process(
    site: Site, page: Page, violations: Callable[[Page], list[str]]
) -> None:
    site.engine.enter_shipped_templates()
    site.sign_in(page, "xuzhiqiu")
    page.get_by_role("link", name="公文模板").click()
    page.get_by_role("link", name="承诺书", exact=True).click()
    with page.expect_download() as downloaded:
        page.get_by_role("link", name="下载，在 Word 中修改").click()
    content = downloaded.value.path().read_bytes()
    upload = page.get_by_label("Word 文件（.docx）")

    upload.set_input_files(
        {"name": "承诺书.docx", "mimeType": "", "buffer": edited(content, "{{ 姓名.__class__ }}")}
    )
    page.get_by_role("button", name="上传").click()
    expect(page.get_by_role("alert")).to_contain_text("正文第 1 段")

    upload.set_input_files(
        {"name": "承诺书.docx", "mimeType": "", "buffer": edited(content, "{{ 姓名 }}郑重承诺")}
    )
    page.get_by_label("改了什么").fill("开头加一句")
    page.get_by_role("button", name="上传").click()
    expect(page.get_by_role("status")).to_contain_text("第 2 版")
    assert violations(page) == []
    page.get_by_role("link", name="最近的改动").click()
    expect(page.locator("ins").filter(has_text="郑重承诺")).to_be_visible()
    page.go_back()

    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("link", name="试填").first.click()
    page.get_by_label("姓名").first.fill("苏小满")
    page.get_by_role("button", name="试填", exact=True).click()
    expect(page.get_by_role("img", name="试填的第 1 页")).to_be_visible()
    page.wait_for_load_state()  # a picture inside the page is there before the style sheet is
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert violations(page) == []
    page.set_viewport_size({"width": 1440, "height": 900})

    page.get_by_role("link", name="承诺书", exact=True).click()
    page.get_by_role("button", name="让流程使用新版本").first.click()
    expect(page.get_by_role("status")).to_contain_text("此后发起的使用新模板")
