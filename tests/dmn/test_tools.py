"""Files in the style of the editors that people have, and tables as they come over from spreadsheets."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from engine.dmn import Match, Model, load, sheets
from engine.feel import json
from web.cli import main

from .test_analysis import data, decision, definitions, table

TOOLS = Path(__file__).parent / "models" / "tools"
RECORD = "Driver's Record / v2"


def model(name: str) -> Model:
    return load((TOOLS / name).read_bytes())


def told(type_: str, cell: str) -> list[str]:
    """The findings on one rule about ``值``, as severity, code and message."""
    logic = table("COLLECT", ["值"], f"{cell} -> 1", types=(type_,))
    found = definitions(data("值", type_) + decision("结果", logic, "值")).findings
    return [f"{finding.severity} {finding.rule} {finding.message}" for finding in found]


@pytest.mark.parametrize(
    ("file", "name", "inputs", "value", "rules"),
    [
        ("camunda.dmn", "请假审批", {"days": 2, "kind": "事假", "urgent": True}, "科长", [1]),
        ("camunda.dmn", "请假审批", {"days": 5, "kind": "病假"}, "局长", [2]),
        ("camunda.dmn", "请假审批", {"days": 5, "kind": "婚假"}, None, []),
        ("drools.dmn", "Fine", {"Kind": "speed", RECORD: {"Name": "a", "Points": 25}}, Decimal(750), []),
        (
            "drools.dmn",
            "Should the driver be suspended?",
            {"Kind": "speed", RECORD: {"Name": "a", "Points": 50}},
            True,
            [1, 2],
        ),
        (
            "signavio.dmn",
            "Rabatt: Höhe in %",
            {"Kunden-Typ (neu)": "Stamm", "Order size / weight, total": 10},
            Decimal("0.15"),
            [2],
        ),
    ],
)
def test_what_editors_export_is_decided(
    file: str, name: str, inputs: dict[str, Any], value: Any, rules: list[int]
) -> None:
    assert [finding.message for finding in model(file).findings] == []
    found = model(file).decide(name, inputs)
    assert found.value == value and [match.rule for match in found.matched] == rules
    shown = CliRunner().invoke(main, ["decide", str(TOOLS / file), name, "--input", json.text(inputs)])
    assert shown.exit_code == 0 and json.read(shown.stdout)["value"] == value


def test_the_parts_of_a_file_from_an_editor() -> None:
    assert list(model("camunda.dmn").inputs) == ["days", "kind", "urgent"]
    found = model("camunda.dmn").decide("请假审批", {"days": 2, "kind": "事假"})
    assert found.matched == (Match("请假审批", 1, "DecisionRule_1"),)
    (sheet,) = sheets((TOOLS / "camunda.dmn").read_bytes())
    assert [row.id for row in sheet.rows] == ["DecisionRule_1", "DecisionRule_2"]


@pytest.mark.parametrize("type_", ["integer", "long", "double"])
def test_editors_write_types_of_xml_schema_without_a_prefix(type_: str) -> None:
    logic = table("FIRST", ["值"], "> 3 -> 1", types=(type_,))
    made = definitions(data("值", type_) + decision("结果", logic, "值"))
    assert made.decide("结果", {"值": 5}).value == 1
    assert "输入“值”不是数字，给的是文字。" in made.decide("结果", {"值": "5"}).warnings
    own = f'<itemDefinition name="{type_}"><typeRef>string</typeRef></itemDefinition>'
    named = definitions(own + data("值", type_) + decision("结果", table("FIRST", ["值"], '"5" -> 1'), "值"))
    assert named.decide("结果", {"值": "5"}).value == 1


@pytest.mark.parametrize(
    ("type_", "cell", "message"),
    [
        ("string", "甲", "请加上这个输入并连线；如果是文字，请加引号。"),
        ("string", "甲、乙", '如果是文字，请加引号："甲","乙"。'),
        ("string", "“甲”", '请写 "甲"。'),
        ("string", "'甲'", '请写 "甲"。'),
        ("string", "不限", "如果是“不限”，请写“-”"),
        ("string", "*", "不限请写“-”。"),
        ("string", "—", "不限请写“-”。"),
        ("string", "cellInput", "这一列的值请写“?”。"),
        ("string", "${kind}", "变量请直接写名称，不写 ${…}。"),
        ("number", "> 1,5", "warning misread "),
        ("number", "1,000", "数字里不要写逗号。"),
        ("number", ">= 1,000", "数字里不要写逗号。"),
        ("number", "75-90", "“75-90”是减法，得 -15。区间请写 [75..90]"),
        ("number", "75~90", "区间请写 [75..90]"),
        ("number", "75至90", "区间请写 [75..90]"),
        ("number", "90分以上", "请写 >= 90。"),
        ("number", "60以下", "请写 <= 60。"),
        ("number", '"60"', "数字不要加引号。"),
        ("date", "2026-04-30", '日期请写 date("2026-04-30")。'),
        ("date", ">= 2026-4-3", '日期请写 date("2026-04-03")。'),
        ("date", "2026/4/30", '日期请写 date("2026-04-30")。'),
        ("date", "2026年4月30日", '日期请写 date("2026-04-30")。'),
        ("date", '"2026-04-30"', '日期请写 date("2026-04-30")。'),
        ("date", "[2026-04-30..2026-05-30]", '日期请写 date("2026-04-30")。'),
        ("Any", "2026-04-30", '日期请写 date("2026-04-30")。'),
        ("boolean", "是", "请写 true 或 false"),
        ("boolean", "否", "请写 true 或 false"),
        ("boolean", '"是"', "“是”请写 true，“否”请写 false，不加引号。"),
        ("boolean", "1", "“是”请写 true，“否”请写 false，不加引号。"),
        ("boolean", "√", "“是”请写 true，“否”请写 false。"),
        ("boolean", "TRUE", "真请写 true，字母都小写。"),
    ],
)
def test_a_cell_from_a_spreadsheet_is_told_what_it_should_be(type_: str, cell: str, message: str) -> None:
    found = told(type_, cell)
    assert len(found) == 1 and message in found[0], found


@pytest.mark.parametrize(
    ("type_", "cell"),
    [
        ("number", "1,5"),
        ("number", "101,102"),
        ("number", "> 5,1"),
        ("number", "[75..90]"),
        ("number", "90-75"),
        ("number", "2026-1"),
        ("string", '"是","否"'),
        ("string", '"2026-04-30"'),
        ("date", '[date("2026-04-30")..date("2026-05-30")]'),
        ("boolean", "true,false"),
    ],
)
def test_a_cell_that_is_well_written_is_left_alone(type_: str, cell: str) -> None:
    assert told(type_, cell) == []


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("优秀，通报表扬", '如果是文字，请加引号："优秀，通报表扬"。'),
        ("甲、乙", '如果是文字，请加引号："甲、乙"。'),
        ("优秀", "如果是文字，请加引号。"),
        ("2026-04-30", '日期请写 date("…")'),
    ],
)
def test_an_output_from_a_spreadsheet(output: str, message: str) -> None:
    column = '<output name="结果" typeRef="string"/>'
    logic = table("COLLECT", ["值"], f"1 -> {output}", output=column)
    found = [f.message for f in definitions(data("值") + decision("结果", logic, "值")).findings]
    assert len(found) == 1 and message in found[0], found


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("C+", '请写 hitPolicy="COLLECT" aggregation="SUM"。'),
        ("first", "请用大写：FIRST。"),
        ("BEST", "请写 UNIQUE、ANY、PRIORITY、FIRST、RULE ORDER、OUTPUT ORDER、COLLECT 之一。"),
    ],
)
def test_a_hit_policy_that_does_not_exist(policy: str, message: str) -> None:
    (problem,) = definitions(data("值") + decision("结果", table(policy, ["值"], "1 -> 1"), "值")).problems
    assert message in problem.message


@pytest.mark.parametrize(
    ("outputs", "code"),
    [
        ('<output name="a"/><output name="b"/>', []),
        ('<output name="a"/><output/>', ["output-name"]),
        ('<output name="a"/><output name="a"/>', ["output-name"]),
    ],
)
def test_several_outputs_need_names(outputs: str, code: list[str]) -> None:
    cells = "<outputEntry><text>1</text></outputEntry>" * 2
    logic = f'<decisionTable hitPolicy="COLLECT">{outputs}<rule>{cells}</rule></decisionTable>'
    assert [finding.rule for finding in definitions(decision("结果", logic)).findings] == code


def test_a_column_without_an_expression() -> None:
    logic = table("COLLECT", ["值", ""], "1 | > 1 -> 1")
    (finding,) = definitions(data("值") + decision("结果", logic, "值")).findings
    assert finding.rule == "empty-input" and "输入第 2 列" in finding.message
    ignored = table("COLLECT", ["值", ""], "1 | - -> 1")
    assert definitions(data("值") + decision("结果", ignored, "值")).findings == ()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Order size &amp; weight", "“&”"),
        ("完成率%", "“%”"),
        ("2026年得分", "以数字开头"),
    ],
)
def test_a_name_that_no_formula_can_write(name: str, why: str) -> None:
    made = definitions(
        data(name, "number", "n")
        + decision("结果", f"<literalExpression><text>{name}</text></literalExpression>", "n")
    )
    (finding,) = [finding for finding in made.findings if finding.rule == "name"]
    assert why in finding.message and finding.element == "n"


@pytest.mark.parametrize(
    ("type_", "hint"),
    [("nummber", "应为“number”？"), ("Person", "请改用 string"), ("dateTime", ""), ("any", ""), ("date", "")],
)
def test_a_type_that_nobody_defines(type_: str, hint: str) -> None:
    logic = "<literalExpression><text>值 != null</text></literalExpression>"
    found = definitions(data("值", type_) + decision("结果", logic, "值")).findings
    assert [hint in finding.message for finding in found if finding.severity == "warning"] == [True] * bool(
        hint
    )
