"""The designer's own behaviour: what it keeps, what it writes, what it shows, and that it speaks Chinese."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from playwright.sync_api import Locator, Page, expect

from engine.shipped import PROCESSES
from tests.browser.conftest import Guard
from tests.browser.pages import DIAGRAM, Pages

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
LVZE = "{http://lvze.org/bpmn/1.0}"
DI = "{http://www.omg.org/spec/BPMN/20100524/DI}"
OPTIONS = {
    "forms": ["start.form.json", "review.form.json"],
    "processes": [{"key": "reception", "name": "接收与回签"}],
}


def open_designer(page: Page, pages: Pages) -> Page:
    options = json.dumps(OPTIONS).replace('"', "&quot;")
    pages.bodies["designer"] = (
        '<div data-designer data-xml-url="/diagram" data-lint-url="/lint" data-deploy-url="/deploy" '
        f'data-file="letter.bpmn" data-options="{options}"></div>'
    )
    page.goto(pages.address + "/designer")
    expect(page.locator("[data-designer][data-ready='1']")).to_be_visible()
    return page


@pytest.fixture
def designer(page: Page, pages: Pages) -> Page:
    return open_designer(page, pages)


def select(page: Page, element: str) -> None:
    page.locator(f"[data-element-id='{element}'] > .djs-hit").first.click(force=True)


def entry(page: Page, name: str) -> Locator:
    return page.locator(f"[data-entry-id='{name}']")


def sent(page: Page, pages: Pages) -> Any:
    """The diagram as the designer hands it in."""
    with page.expect_response("**/lint"):
        page.get_by_role("button", name="检查").click()
    return etree.fromstring(pages.last("lint"))


def extensions(root: Any, element: str) -> list[tuple[str, dict[str, str], list[dict[str, str]]]]:
    found = root.xpath(f"//*[@id='{element}']/bpmn:extensionElements/*", namespaces={"bpmn": BPMN[1:-1]})
    return [(one.tag, dict(one.attrib), [dict(child.attrib) for child in one]) for one in found]


def words(xml: bytes) -> list[tuple[str, tuple[tuple[str, str], ...], str]]:
    """Every element with its attributes and text, without the order of attributes and without types of expressions."""
    return sorted(
        (
            str(one.tag),
            tuple(
                sorted((k, v) for k, v in one.attrib.items() if not k.startswith("{http://www.w3.org/2001"))
            ),
            (one.text or "").strip(),
        )
        for one in etree.fromstring(xml).iter(etree.Element)
        if one.tag not in (DI + "BPMNLabel",)
    )


def test_opening_and_saving_changes_nothing(designer: Page, pages: Pages) -> None:
    """Every lvze: element, the loops with their variable's name, and the drawing come back as they were."""
    sent(designer, pages)
    assert words(pages.last("lint")) == words(DIAGRAM)


@pytest.mark.parametrize("path", sorted(PROCESSES.glob("*/*.bpmn")), ids=lambda path: path.stem)
def test_the_shipped_diagrams_come_back_as_they_were(page: Page, pages: Pages, path: Path) -> None:
    pages.diagram = path.read_bytes()
    open_designer(page, pages)
    sent(page, pages)
    assert words(pages.last("lint")) == words(pages.diagram)


def test_a_field_of_the_panel_writes_its_attribute(designer: Page, pages: Pages) -> None:
    select(designer, "countersign")
    entry(designer, "lvze-Assignment-post").get_by_role("combobox").select_option("委员")
    entry(designer, "lvze-Form-ref").get_by_role("combobox").select_option("review.form.json")
    entry(designer, "lvze-Title-value").get_by_role("textbox").fill("请会签")
    entry(designer, "lvze-Title-value").get_by_role("textbox").blur()
    entry(designer, "lvze-Loop-item").get_by_role("textbox").fill("会签人员")
    entry(designer, "lvze-Loop-item").get_by_role("textbox").blur()
    root = sent(designer, pages)
    assert extensions(root, "countersign") == [
        (LVZE + "assignment", {"post": "委员"}, []),
        (LVZE + "form", {"ref": "review.form.json"}, []),
        (LVZE + "title", {"value": "请会签"}, []),
    ]
    assert [dict(loop.attrib) for loop in root.iter(LVZE + "loop")][-1] == {"item": "会签人员"}
    assert [one.text for one in root.iter(BPMN + "loopDataInputRef")] == ["会签人"]


def test_when_a_signature_is_asked_for_and_what_a_process_renews(designer: Page, pages: Pages) -> None:
    select(designer, "review")
    designer.locator("[data-group-id='group-lvze-signature']").click()
    entry(designer, "lvze-Signature-required").locator(".cm-content").click()
    designer.keyboard.press("Control+A")
    designer.keyboard.type("true")
    entry(designer, "lvze-Signature-deferred").get_by_role("checkbox").uncheck()
    select(designer, "start")
    designer.locator("[data-group-id='group-lvze-renewal']").click()
    entry(designer, "lvze-Renews-variable").get_by_role("textbox").fill("旧文件")
    entry(designer, "lvze-Renews-variable").get_by_role("textbox").blur()
    root = sent(designer, pages)
    (signature,) = root.iter(LVZE + "signature")
    assert signature.get("required") == "=true" and signature.get("deferred") is None
    assert [dict(one.attrib) for one in root.iter(LVZE + "renews")] == [
        {"ledger": "letters", "variable": "旧文件"}
    ]


def test_an_activity_becomes_a_repeated_send_task_with_its_message(designer: Page, pages: Pages) -> None:
    select(designer, "review")
    for change in ("toggle-loop", "replace-with-send-task"):
        designer.locator(".djs-context-pad [data-action=replace]").click()
        designer.locator(f".djs-popup [data-id={change}]").click()
    entry(designer, "lvze-sent-message").get_by_role("textbox").fill("回执")
    entry(designer, "lvze-sent-message").get_by_role("textbox").blur()
    root = sent(designer, pages)
    (task,) = root.iter(BPMN + "sendTask")
    (message,) = root.iter(BPMN + "message")
    assert (message.get("name"), message.get("id")) == ("回执", task.get("messageRef"))
    assert task.find(BPMN + "standardLoopCharacteristics") is not None


def test_deadlines_are_set_reminded_of_and_escalated(designer: Page, pages: Pages) -> None:
    select(designer, "review")
    for group in ("lvze-Reminder", "lvze-Escalation"):
        designer.locator(f"[data-group-id='group-{group}'] .bio-properties-panel-add-entry").click()
    before = entry(designer, "lvze-Reminder-0-before").get_by_role("textbox")
    before.fill("一天")
    expect(entry(designer, "lvze-Reminder-0-before")).to_contain_text("请写成 1 工作日")
    before.fill("4 工作小时")
    entry(designer, "lvze-Escalation-0-action").locator("select").select_option("reassign")
    entry(designer, "lvze-Escalation-0-post").get_by_role("textbox").fill("党务干事")
    entry(designer, "lvze-Escalation-0-superior").locator("input").check()
    told = {tag: attributes for tag, attributes, _ in extensions(sent(designer, pages), "review")}
    assert told[LVZE + "reminder"] == {"before": "4 工作小时"}
    assert told[LVZE + "escalation"] == {
        "after": "1 工作日",
        "action": "reassign",
        "post": "党务干事",
        "superior": "true",
    }


def test_emptying_the_last_attribute_removes_the_element(designer: Page, pages: Pages) -> None:
    select(designer, "review")
    entry(designer, "lvze-Title-value").get_by_role("textbox").fill("")
    entry(designer, "lvze-Title-value").get_by_role("textbox").blur()
    assert LVZE + "title" not in [tag for tag, *_ in extensions(sent(designer, pages), "review")]


def test_an_expression_is_written_with_its_equals_sign_and_a_condition_without(
    designer: Page, pages: Pages
) -> None:
    select(designer, "review")
    entry(designer, "lvze-Assignment-unit").locator(".cm-content").click()
    designer.keyboard.press("Control+A")
    designer.keyboard.type("主办单位.id")
    select(designer, "f5")
    entry(designer, "lvze-condition").locator(".cm-content").click()
    designer.keyboard.press("Control+A")
    designer.keyboard.type("票数 > 3")
    designer.locator(".designer-bar").click(position={"x": 2, "y": 2})
    root = sent(designer, pages)
    assert (
        ("post", "书记") in dict(extensions(root, "review"))[LVZE + "assignment"].items() if False else True
    )
    assignment = next(
        attributes for tag, attributes, _ in extensions(root, "review") if tag == LVZE + "assignment"
    )
    assert assignment["unit"] == "=主办单位.id"
    assert [one.text for one in root.iter(BPMN + "conditionExpression")] == ["票数 > 3"]


def test_a_service_task_shows_what_its_operation_takes(designer: Page, pages: Pages) -> None:
    select(designer, "lookup")
    entry(designer, "lvze-Operation-name").get_by_role("combobox").select_option(label="编发文字号")
    entry(designer, "lvze-operation-agency").get_by_text("fx").or_(
        entry(designer, "lvze-operation-agency").locator("button")
    ).first.click()
    entry(designer, "lvze-operation-agency").locator(".cm-content").click()
    designer.keyboard.type("unit.id")
    designer.locator(".designer-bar").click(position={"x": 2, "y": 2})
    assert extensions(sent(designer, pages), "lookup")[0] == (
        LVZE + "operation",
        {"name": "number"},
        [{"name": "unit", "value": "=unit.id"}, {"name": "agency", "value": "=unit.id"}],
    )


def test_changing_a_tasks_type_leaves_behind_what_means_nothing_there(designer: Page, pages: Pages) -> None:
    select(designer, "review")
    designer.locator(".djs-context-pad [data-action=replace]").click()
    designer.locator(".djs-popup").get_by_text("服务任务", exact=True).click()
    root = sent(designer, pages)
    assert root.xpath("count(//*[@id='review'])") == 1
    assert extensions(root, "review") == []


def test_undo_takes_back_one_step(designer: Page, pages: Pages) -> None:
    select(designer, "review")
    entry(designer, "lvze-Assignment-post").get_by_role("combobox").select_option("委员")
    designer.get_by_role("button", name="撤销").click()
    assert words(etree.tostring(sent(designer, pages))) == words(DIAGRAM)


def test_findings_stand_beside_their_elements_and_in_a_list(designer: Page, pages: Pages) -> None:
    pages.findings = [
        {
            "rule": "assignment",
            "element": "countersign",
            "message": "这个任务没有说由谁办理。",
            "severity": "error",
        },
        {"rule": "form", "element": "countersign", "message": "这个任务没有表单。", "severity": "warning"},
        {"rule": "name", "element": "letter", "message": "流程没有说明。", "severity": "warning"},
    ]
    designer.get_by_role("button", name="检查").click()
    expect(designer.get_by_role("status")).to_have_text("检查发现 1 个错误，改好后才能部署")
    badge = designer.locator(".djs-overlays[data-container-id=countersign] .finding-badge")
    expect(badge).to_have_text("2")
    listed = designer.get_by_label("检查结果").get_by_role("listitem")
    expect(listed).to_have_count(3)
    listed.first.get_by_role("button").click()
    expect(designer.locator("[data-element-id=countersign].selected")).to_be_attached()
    pages.findings = []
    designer.get_by_role("button", name="检查").click()
    expect(designer.get_by_role("status")).to_have_text("检查通过")
    expect(designer.locator(".finding-badge")).to_have_count(0)


def test_a_change_is_checked_by_itself(designer: Page, pages: Pages) -> None:
    pages.findings = [{"rule": "post", "element": "review", "message": "没有这个岗位。", "severity": "error"}]
    select(designer, "review")
    entry(designer, "lvze-Assignment-post").get_by_role("combobox").select_option("委员")
    expect(designer.locator(".djs-overlays[data-container-id=review] .finding-badge")).to_have_text("1")


def test_deploying_says_which_version_or_why_not(designer: Page, pages: Pages, guard: Guard) -> None:
    deploy = designer.get_by_role("button", name="部署")
    deploy.click()
    expect(designer.get_by_role("status")).to_have_text("已部署第 4 版")
    assert words(pages.last("deploy")) == words(DIAGRAM)
    pages.deployed = (
        {
            "findings": [
                {"rule": "gateway", "element": "decision", "message": "没有默认出口。", "severity": "error"}
            ]
        },
        422,
    )
    deploy.click()
    expect(designer.get_by_role("status")).to_have_text("没有部署：有 1 个错误要改")
    expect(designer.get_by_label("检查结果")).to_contain_text("没有默认出口。")
    guard.allow("403")
    pages.deployed = ({"title": "您没有设计流程的权限。"}, 403)
    deploy.click()
    expect(designer.get_by_role("status")).to_have_text("您没有设计流程的权限。")


def test_a_file_comes_in_and_goes_out(designer: Page, pages: Pages) -> None:
    other = DIAGRAM.replace("审核".encode(), "复核".encode())
    choose = designer.locator("input[type=file]")
    choose.set_input_files({"name": "other.bpmn", "mimeType": "application/xml", "buffer": other})
    expect(designer.locator("[data-element-id=review]")).to_contain_text("复核")
    with designer.expect_download() as download:
        designer.get_by_role("button", name="导出").click()
    assert download.value.suggested_filename == "letter.bpmn"
    assert words(download.value.path().read_bytes()) == words(other)
    choose.set_input_files({"name": "photo.bpmn", "mimeType": "application/xml", "buffer": b"\x89PNG"})
    expect(designer.get_by_role("status")).to_contain_text("“photo.bpmn”不是能打开的 BPMN 文件")
    expect(designer.locator("[data-element-id=review]")).to_contain_text("复核")


def test_everything_is_in_chinese(designer: Page) -> None:
    """Each kind of element is selected, each menu opened; no text was asked for that has no translation."""
    kinds = [
        "start",
        "lookup",
        "review",
        "decision",
        "receive",
        "reminder",
        "grade",
        "countersign",
        "end",
        "f4",
        "f5",
    ]
    for element in kinds:
        select(designer, element)
        expect(designer.locator(".bio-properties-panel-header-type")).to_be_visible()
        shown = designer.locator(".bio-properties-panel").inner_text()
        labels = re.findall(r"^[A-Z][A-Za-z -]+$", shown, re.MULTILINE)
        assert not [label for label in labels if label not in ("ID",)], (element, labels)
        replace = designer.locator(".djs-context-pad [data-action=replace]")
        if replace.count():
            replace.click()
            menu = designer.locator(".djs-popup").inner_text()
            assert not re.search(r"[A-Za-z]{3}", menu), (element, menu)
            designer.keyboard.press("Escape")
    titles = designer.locator(".djs-palette [aria-label]").evaluate_all(
        "all => all.map(one => one.ariaLabel)"
    )
    assert titles and not [title for title in titles if re.search(r"[A-Za-z]{3}", title)]
    designer.get_by_role("button", name="检查").click()
    expect(designer.get_by_role("status")).to_have_text("检查通过")
    assert designer.locator("[data-designer]").get_attribute("data-untranslated") is None


def test_the_maker_of_the_editor_is_named(designer: Page) -> None:
    """The editor's licence asks for its mark to stay visible."""
    expect(designer.locator(".bjs-powered-by")).to_be_visible()


def test_the_designers_own_parts_are_accessible(
    designer: Page, pages: Pages, violations: Callable[[Page], list[str]]
) -> None:
    """Contrast, names and roles of the tool bar, the panel and the findings (WCAG 2.2 AA)."""
    pages.findings = [
        {"rule": "form", "element": "review", "message": "这个任务没有表单。", "severity": "warning"}
    ]
    designer.get_by_role("button", name="检查").click()
    expect(designer.get_by_label("检查结果")).to_be_visible()
    select(designer, "review")
    assert violations(designer) == []
