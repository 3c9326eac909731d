"""Variables that nothing provides are told of; those that something provides are not, wherever it stands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine import rules
from engine.bpmn.parser import parse_xml
from engine.errors import Finding
from tests.engine.drawing import (
    draw,
    each,
    end,
    extensions,
    inner_start,
    node,
    ours,
    path,
    service,
    start,
    user,
)

ROOT = Path(__file__).parents[2]
FORM = json.dumps(
    {
        "type": "default",
        "components": [
            {"type": "number", "key": "金额", "label": "金额"},
            {
                "type": "group",
                "label": "组",
                "components": [{"type": "textfield", "key": "事由", "label": "事由"}],
            },
        ],
    }
).encode()
REVIEW = json.dumps(
    {"type": "default", "components": [{"type": "textfield", "key": "审核决定", "label": "审核决定"}]}
).encode()
GRADE = """<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" name="m" namespace="urn:m">
  <inputData id="i" name="金额"><variable name="金额" typeRef="{type}"/></inputData><inputData id="j" name="{name}"/>
  <decision id="d" name="等次">
    <informationRequirement><requiredInput href="#i"/></informationRequirement>
    <informationRequirement><requiredInput href="#j"/></informationRequirement>
    <literalExpression><text>[金额, {name}]</text></literalExpression></decision></definitions>"""


def lint(xml: bytes, **files: bytes) -> list[Finding]:
    named = {name.replace("__", "."): content for name, content in files.items()}
    return rules.check(
        parse_xml(xml),
        {"p.bpmn": xml, "start.form.json": FORM, "review.form.json": REVIEW, **named},
        {"other"},
    )


def process(*nodes: str, order: tuple[str, ...] = ("a",)) -> bytes:
    return draw(
        "p", start("start", ours("form", ref="start.form.json")), *nodes, end(), path("start", *order, "end")
    )


def titled(id_: str, title: str, *extra: str, loop: str = "") -> str:
    return user(id_, ours("title", value=f"={title}"), *extra, loop=loop)


@pytest.mark.parametrize("folder", sorted(p.name for p in (ROOT / "processes").iterdir() if p.is_dir()))
def test_the_shipped_processes_give_no_findings(folder: str) -> None:
    files = {
        p.name: p.read_bytes()
        for p in (*(ROOT / "processes" / folder).iterdir(), *(ROOT / "doc_templates").glob("*.docx"))
    }
    (diagram,) = (content for name, content in files.items() if name.endswith(".bpmn"))
    assert rules.check(parse_xml(diagram), files, {folder}) == []


@pytest.mark.parametrize(
    ("title", "says"),
    [
        ("string(金客)", "“金客”没有来源：没有表单、输出、结果、循环或决策给它值；是不是“金额”？"),
        ("if 事由 = 同意 then 1 else 2", "“同意”没有来源"),
        ("某个 + 事由", "如果是文字，请加引号"),
        ("result", "“result”没有来源"),
        ("loopCounter", "“loopCounter”没有来源"),
    ],
)
def test_a_variable_without_a_source(title: str, says: str) -> None:
    (finding,) = lint(process(titled("a", title)))
    assert (finding.rule, finding.element, finding.severity) == ("variables", "a", "warning")
    assert finding.message.startswith(f"标题“{title}”：") and says in finding.message


def test_everything_that_provides_variables() -> None:
    each_of = each(
        "=名单",
        item="人",
        output="=审核决定 + 人 + string(loopCounter)",
        outputs="各人",
        condition="count(各人) > numberOfInstances",
    )
    review = ours("form", ref="review.form.json")
    grade = node(
        "businessRuleTask", "grade", extensions(ours("decision", ref="grade.dmn", decision="等次", result=""))
    )
    call = node(
        "callActivity",
        "call",
        extensions(ours("input", name="x", value="=总数"), ours("output", name="回来", value="=它的变量")),
        calledElement="other",
    )
    xml = process(
        titled("a", "initiator.name + unit.name + string(今天) + string(金额) + 事由"),
        user("b", review, ours("result", variable="审核"), ours("opinion", required='审核决定 = "退回"')),
        service(
            "c",
            "lookup",
            {"名单": "=result.rows", "总数": "=count(result.rows)"},
            unit="=unit.id",
            exclude="=审核.操作人.person",
        ),
        titled("d", "人 + string(loopCounter)", review, loop=each_of),
        grade,
        call,
        titled("e", "string(各人) + string(等次) + 回来 + 审核决定"),
        order=("a", "b", "c", "d", "grade", "call", "e"),
    )
    assert lint(xml, grade__dmn=GRADE.format(type="number", name="事由").encode()) == []


def test_what_is_inside_a_multi_instance_stays_inside() -> None:
    inner = (
        inner_start("s")
        + titled("b", "外面 + 人 + string(loopCounter) + 事由", ours("form", ref="review.form.json"))
        + end("e")
        + path("s", "b", "e")
    )
    loop = each("=[1]", item="人", output="=审核决定 + 人", outputs="各人")
    sub = node("subProcess", "a", loop + inner)
    found = service("f", "lookup", {"外面": "=result"}, unit="=unit.id")
    assert lint(process(found, sub, titled("c", "各人[1]"), order=("f", "a", "c"))) == []
    (finding,) = lint(process(found, sub, titled("c", "审核决定"), order=("f", "a", "c")))
    assert finding.element == "c" and "只在多实例的子流程里有，外面看不到" in finding.message
    plain = node("subProcess", "a", inner.replace("人 + string(loopCounter) + ", ""))
    assert lint(process(found, plain, titled("c", "审核决定"), order=("f", "a", "c"))) == []


def test_the_form_of_a_multi_instance_task_is_not_seen_after_it() -> None:
    task = user("a", ours("form", ref="review.form.json"), ours("result", variable="审核"), loop=each("=[1]"))
    found = lint(process(task, titled("b", "审核决定 + 审核.意见"), order=("a", "b")))
    assert [f.message.split("：")[1][:6] for f in found] == ["“审核决定”", "“审核”没有"]


def test_a_process_that_calls_itself_gives_itself_variables() -> None:
    call = node("callActivity", "call", extensions(ours("input", name="深", value="=1")), calledElement="p")
    assert lint(process(titled("a", "string(深)"), call, order=("a", "call"))) == []
    everything = node("callActivity", "call", calledElement="p")
    assert lint(process(titled("a", "无"), everything, order=("a", "call"))) == []


def test_names_in_filters_may_be_entries() -> None:
    assert lint(process(titled("a", "string(count([{分: 1}][分 > 5 and 别的]))"))) == []
    (finding,) = lint(process(titled("a", "string(count(名单[分 > 5]))")))
    assert "“名单”没有来源" in finding.message


def test_a_form_that_cannot_be_read_is_told_by_another_rule() -> None:
    found = lint(
        process(user("a", ours("form", ref="review.form.json")), titled("b", "未知"), order=("a", "b")),
        review__form__json=b"{",
    )
    assert {f.rule for f in found} == {"references"}


def test_a_decision_needs_its_inputs_among_the_variables() -> None:
    decide = node(
        "businessRuleTask", "a", extensions(ours("decision", ref="grade.dmn", decision="等次", result="等次"))
    )
    (missing,) = lint(process(decide), grade__dmn=GRADE.format(type="number", name="事项").encode())
    assert (missing.rule, missing.element, missing.severity) == ("variables", "a", "warning")
    assert "决策“等次”的输入：“事项”没有来源" in missing.message and "是不是“事由”？" in missing.message
    (wrong,) = lint(process(decide), grade__dmn=GRADE.format(type="date", name="事由").encode())
    assert wrong.severity == "error" and "要日期，流程里的“金额”却是数字" in wrong.message


def form(**component: object) -> bytes:
    shown = {"type": "textfield", "key": "意见", "label": "意见", **component}
    rows = {"type": "textfield", "key": "列", "label": "列", "conditional": {"hide": "=行里的"}}
    listed = {"type": "dynamiclist", "key": "表", "label": "表", "path": "表", "components": [rows]}
    return json.dumps(
        {"type": "default", "components": [{"type": "group", "label": "组", "components": [shown]}, listed]}
    ).encode()


@pytest.mark.parametrize(
    ("component", "says"),
    [
        (
            {"conditional": {"hide": "=金客 > 5"}},
            "表单“f.form.json”“意见”的隐藏条件“金客 > 5”：“金客”没有来源",
        ),
        ({"readonly": "=事油 = null"}, "只读条件“事油 = null”：“事油”没有来源"),
        ({"properties": {"default": "=没有"}}, "默认值“没有”：“没有”没有来源"),
        ({"type": "select", "valuesExpression": "=没有"}, "选项“没有”：“没有”没有来源"),
        ({"label": "=没有"}, "标签“没有”：“没有”没有来源"),
        ({"type": "number", "validate": {"max": "=没有"}}, "最大值“没有”：“没有”没有来源"),
    ],
)
def test_the_expressions_of_a_form(component: dict[str, object], says: str) -> None:
    (finding,) = lint(process(user("a", ours("form", ref="f.form.json"))), f__form__json=form(**component))
    assert (finding.rule, finding.element, finding.severity) == ("variables", "a", "warning")
    assert says in finding.message


def test_the_expressions_of_a_form_see_its_fields_and_the_variables() -> None:
    shown = form(
        conditional={"hide": "=金额 > 5 and 意见 = null and count(表) > 0 and initiator.name = 事由"}
    )
    assert lint(process(user("a", ours("form", ref="f.form.json"))), f__form__json=shown) == []
    begun = draw(
        "p", start("start", ours("form", ref="f.form.json")), user("a"), end(), path("start", "a", "end")
    )
    assert {(f.rule, f.element) for f in lint(begun, f__form__json=shown)} == {("variables", "start")}


def test_a_form_condition_that_is_never_true_is_refused() -> None:
    hidden = form(conditional={"hide": "=金额"})
    (finding,) = lint(process(user("a", ours("form", ref="f.form.json"))), f__form__json=hidden)
    assert (finding.rule, finding.severity) == (
        "expressions",
        "error",
    ) and "是数字，不能这样用" in finding.message
