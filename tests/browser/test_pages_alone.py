"""What the server-rendered pages gain from JavaScript: handwriting, drafts, rows, page pictures; and the live diagram."""

from __future__ import annotations

import base64
import io
import json
from urllib.parse import parse_qs

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Guard
from tests.browser.pages import Pages

PAD = """
<div data-signature-pad data-strokes="#strokes" data-image="#image"><canvas></canvas></div>
<input type="hidden" id="strokes" name="_strokes" value="{strokes}"><input type="hidden" id="image" name="_image">"""
ROW = (
    '<tr data-row><td data-row-number>1</td><td><label for="f-目标-{0}-措施">措施</label>'
    '<input id="f-目标-{0}-措施" name="目标-{0}-措施" value="{1}"></td><td><button data-remove-row>删除</button></td></tr>'
)
ROWS = f"""
<div data-rows="目标"><table><tbody data-row-list>{ROW.format(0, "甲")}{ROW.format(1, "乙")}</tbody></table>
<template>{ROW.format("#", "")}</template><button data-add-row>加一行</button></div>"""


def open_page(page: Page, pages: Pages, body: str) -> None:
    pages.bodies["inbox"] = f'<form data-draft-url="/draft">{body}<output data-draft-status></output></form>'
    page.goto(pages.address + "/inbox")
    expect(page.locator("body[data-ready='1']")).to_be_attached()


def write(page: Page, strokes: int = 1) -> None:
    box = page.locator("canvas").bounding_box()
    assert box
    for number in range(strokes):
        left = box["x"] + box["width"] * (0.2 + 0.2 * number)
        page.mouse.move(left, box["y"] + box["height"] * 0.2)
        page.mouse.down()
        page.mouse.move(left + 20, box["y"] + box["height"] * 0.7, steps=8)
        page.mouse.up()


def test_handwriting_becomes_strokes_and_a_picture_cut_to_the_ink(page: Page, pages: Pages) -> None:
    open_page(page, pages, PAD.format(strokes=""))
    expect(page.get_by_role("button", name="重写")).to_be_disabled()
    write(page, 2)
    strokes = json.loads(page.input_value("#strokes"))
    assert len(strokes) == 2
    assert all(0 <= x <= 600 and 0 <= y <= 200 and t >= 0 for stroke in strokes for x, y, t in stroke)
    assert strokes[0][0][2] == 0 and [t for stroke in strokes for *_, t in stroke] == sorted(
        t for s in strokes for *_, t in s
    )
    picture = Image.open(
        io.BytesIO(base64.b64decode(page.input_value("#image").removeprefix("data:image/png;base64,")))
    )
    assert picture.mode == "RGBA" and picture.width < 600 and picture.height < 400
    assert picture.getchannel("A").getextrema() == (0, 255)


def test_the_last_stroke_is_taken_back_then_all(page: Page, pages: Pages) -> None:
    open_page(page, pages, PAD.format(strokes=""))
    write(page, 3)
    page.get_by_role("button", name="撤销一笔").click()
    assert len(json.loads(page.input_value("#strokes"))) == 2
    page.get_by_role("button", name="重写").click()
    assert page.input_value("#strokes") == "" and page.input_value("#image") == ""


@pytest.mark.parametrize("width", [1440, 360])
def test_handwriting_survives_a_page_that_comes_back_with_errors(
    page: Page, pages: Pages, width: int
) -> None:
    """On a screen of another width too: the strokes have a box of their own."""
    given = [[[60, 40, 0], [80, 90, 30], [120, 150, 70]], [[300, 40, 400], [320, 160, 480]]]
    page.set_viewport_size({"width": width, "height": 800})
    open_page(page, pages, PAD.format(strokes=json.dumps(given)))
    assert json.loads(page.input_value("#strokes")) == given
    assert page.input_value("#image").startswith("data:image/png;base64,")
    expect(page.get_by_text("已签")).to_be_visible()


def test_a_pad_fills_a_phone(page: Page, pages: Pages) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    open_page(page, pages, PAD.format(strokes=""))
    box = page.locator("canvas").bounding_box()
    assert box and box["width"] > 340 and box["width"] / box["height"] == pytest.approx(3, abs=0.15)


def test_what_is_typed_is_saved_without_files_and_handwriting(page: Page, pages: Pages) -> None:
    open_page(
        page,
        pages,
        PAD.format(strokes="")
        + '<textarea name="意见"></textarea><input name="_opinion" data-no-draft value="阅">',
    )
    write(page)
    page.locator("textarea").fill("同意。")
    expect(page.locator("[data-draft-status]")).to_contain_text("已保存")
    assert parse_qs(pages.last("draft").decode()) == {"意见": ["同意。"]}


def test_an_unsaved_draft_says_so(page: Page, pages: Pages, guard: Guard) -> None:
    guard.allow("ERR_FAILED")
    open_page(page, pages, '<textarea name="意见"></textarea>')
    page.route("**/draft", lambda route: route.abort())
    page.locator("textarea").fill("同意。")
    expect(page.locator("[data-draft-status]")).to_contain_text("连不上服务器")


def test_rows_are_added_and_removed_and_numbered_without_gaps(page: Page, pages: Pages) -> None:
    open_page(page, pages, ROWS)
    page.get_by_role("button", name="加一行").click()
    page.keyboard.type("丙")  # the new row's first field has the cursor
    page.get_by_role("button", name="删除").first.click()
    fields = page.locator("tbody input")
    assert fields.evaluate_all("all => all.map(one => [one.name, one.value])") == [
        ["目标-0-措施", "乙"],
        ["目标-1-措施", "丙"],
    ]
    expect(page.get_by_label("措施").last).to_have_value("丙")
    expect(page.locator("[data-row-number]")).to_have_text(["1", "2"])
    for _ in range(2):
        page.get_by_role("button", name="删除").first.click()
    page.get_by_role("button", name="加一行").click()
    assert fields.evaluate_all("all => all.map(one => one.name)") == ["目标-0-措施"]


def test_an_answer_that_came_too_late_overwrites_nothing(page: Page, pages: Pages) -> None:
    """Who goes on typing while the form is asked for again keeps every letter."""
    sheet = (
        '<div id="sheet"><label>决定<select name="决定" hx-get="/part/sheet" hx-target="#sheet" hx-swap="outerHTML" '
        'hx-trigger="change"><option>同意</option><option>退回</option></select></label>'
        '<label>措施<input name="措施" value="{0}"></label><p>{1}</p></div>'
    )
    asked: list[Route] = []
    page.route("**/part/sheet*", lambda route: asked.append(route))
    open_page(page, pages, sheet.format("", "原样"))
    with page.expect_request("**/part/sheet*"):
        page.get_by_label("决定").select_option("退回")
    page.get_by_label("措施").press_sequentially("走访群众")
    with page.expect_request("**/part/sheet*"):
        asked[0].fulfill(body=sheet.format("", "迟到"))
    expect(page.get_by_label("措施")).to_have_value("走访群众")
    asked[1].fulfill(body=sheet.format("走访群众", "及时"))
    expect(page.get_by_text("及时")).to_be_visible()
    expect(page.get_by_label("措施")).to_have_value("走访群众")


@pytest.mark.parametrize("later", [False, True], ids=["at once", "when drawn"])
def test_a_page_picture_opens_large(page: Page, pages: Pages, later: bool) -> None:
    link = '<a href="/static/mark.svg?{0}"><img src="/static/mark.svg" width="60" alt="第 {0} 页"></a>'
    pages.bodies["part/pages"] = f"<div data-pages>{link.format(1)}{link.format(2)}</div>"
    drawn = '<div hx-get="/part/pages" hx-trigger="load">……</div>'
    open_page(page, pages, drawn if later else pages.bodies["part/pages"])
    page.get_by_role("link", name="第 1 页").click()
    view = page.get_by_role("dialog")
    expect(view.get_by_role("status")).to_have_text("第 1 页，共 2 页")
    page.keyboard.press("ArrowRight")
    expect(view.get_by_role("status")).to_have_text("第 2 页，共 2 页")
    expect(view.get_by_role("button", name="下一页")).to_be_disabled()
    before = view.get_by_role("img").bounding_box()
    view.get_by_role("button", name="放大").click()
    after = view.get_by_role("img").bounding_box()
    assert before and after and after["width"] > before["width"] * 1.4
    page.keyboard.press("Escape")
    expect(view).to_have_count(0)
    expect(page.get_by_role("link", name="第 2 页")).to_be_focused()


def test_the_diagram_marks_what_is_open_done_and_failed(page: Page, pages: Pages) -> None:
    pages.state = {"start": "done", "f1": "done", "review": "open", "grade": "failed", "gone": "open"}
    pages.bodies["viewer"] = (
        '<div data-diagram data-xml-url="/diagram" data-state-url="/state" data-refresh="0.3"></div>'
    )
    page.goto(pages.address + "/viewer")
    expect(page.locator("[data-diagram][data-ready='1']")).to_be_visible()
    expect(page.locator(".djs-element.state-open")).to_have_attribute("data-element-id", "review")
    expect(page.locator(".djs-element.state-failed")).to_have_attribute("data-element-id", "grade")
    expect(page.locator("[data-container-id=review] .state-mark")).to_have_text("办理中")
    expect(page.locator(".djs-element.state-done")).to_have_count(2)
    pages.state = {"review": "done", "decision": "open"}
    expect(page.locator(".djs-element.state-open")).to_have_attribute("data-element-id", "decision")
    expect(page.locator(".djs-element.state-failed")).to_have_count(0)
    expect(page.locator(".bjs-powered-by")).to_be_visible()
