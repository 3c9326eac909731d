"""Decision models: what they decide, which rules matched, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.dmn import DmnError, Model, load
from engine.errors import NotFound

GRADE = Path(__file__).parent / "models" / "等次.dmn"
NAMESPACE = "https://www.omg.org/spec/DMN/20191111/MODEL/"
GOALS = [{"名称": "学习", "完成率": 100}, {"名称": "服务", "完成率": 50}]


def definitions(body: str, name: str = "m", namespace: str = NAMESPACE) -> bytes:
    return (
        f'<definitions xmlns="{namespace}" name="{name}" namespace="urn:{name}">{body}</definitions>'.encode()
    )


def table(policy: str, *, outputs: str = '<output id="o"/>', rules: str = "", attributes: str = "") -> Model:
    return load(
        definitions(
            '<inputData id="i" name="x"/><decision id="d" name="D">'
            '<informationRequirement><requiredInput href="#i"/></informationRequirement>'
            f'<decisionTable hitPolicy="{policy}" {attributes}>'
            f"<input><inputExpression><text>x</text></inputExpression></input>{outputs}{rules}</decisionTable></decision>"
        )
    )


def rule(id_: str, test: str, *outputs: str) -> str:
    cells = "".join(f"<outputEntry><text>{o}</text></outputEntry>" for o in outputs)
    return f'<rule id="{id_}"><inputEntry><text>{test}</text></inputEntry>{cells}</rule>'


THREE = rule("a", "&gt;= 1", "10") + rule("b", "&gt;= 2", "30") + rule("c", "&gt;= 3", "20")
RANKED = '<output id="o"><outputValues><text>20, 30, 10</text></outputValues></output>'


def test_a_grade_and_its_rule() -> None:
    decided = load(GRADE.read_bytes()).decide("等次", {"得分": 80, "目标": GOALS, "一票否决": False})
    assert decided.value == "优秀"  # 80 + 75 * 0.2
    assert [(m.table, m.rule, m.rule_id) for m in decided.matched] == [("等次", 2, "r2")]
    assert decided.warnings == ()


def test_by_id_and_as_a_service() -> None:
    model = load(GRADE.read_bytes())
    assert model.decide("d1", {"得分": 40, "目标": GOALS, "一票否决": False}).value == "差"
    called = model.call("评定", {"得分": 60, "一票否决": False, "平均完成率": 0})
    assert called.value == "合格"
    assert model.call("折算", {"率": 50}).value == 10
    assert model.decisions == ["平均完成率", "等次"]
    with pytest.raises(NotFound):
        model.decide("没有", {})


def test_an_input_of_the_wrong_type_is_null_and_says_so() -> None:
    decided = load(GRADE.read_bytes()).decide("等次", {"得分": 101, "目标": GOALS, "一票否决": True})
    assert decided.value == "差"
    assert "输入“得分”不是“分值”。" in decided.warnings


@pytest.mark.parametrize(
    ("policy", "attributes", "x", "value", "matched"),
    [
        ("UNIQUE", "", 1, 10, ["a"]),
        ("UNIQUE", "", 2, None, ["a", "b"]),
        ("U", "", 0, None, []),
        ("FIRST", "", 3, 10, ["a"]),
        ("ANY", "", 1, 10, ["a"]),
        ("ANY", "", 2, None, ["a", "b"]),
        ("PRIORITY", "", 3, 20, ["c"]),
        ("PRIORITY", "", 2, 30, ["b"]),
        ("RULE ORDER", "", 3, [10, 30, 20], ["a", "b", "c"]),
        ("OUTPUT ORDER", "", 3, [20, 30, 10], ["c", "b", "a"]),
        ("COLLECT", "", 2, [10, 30], ["a", "b"]),
        ("COLLECT", 'aggregation="SUM"', 3, 60, ["a", "b", "c"]),
        ("COLLECT", 'aggregation="MIN"', 3, 10, ["a", "b", "c"]),
        ("COLLECT", 'aggregation="MAX"', 3, 30, ["a", "b", "c"]),
        ("COLLECT", 'aggregation="COUNT"', 3, 3, ["a", "b", "c"]),
        ("COLLECT", 'aggregation="COUNT"', 0, 0, []),
    ],
)
def test_hit_policy(policy: str, attributes: str, x: int, value: Any, matched: list[str]) -> None:
    decided = table(policy, outputs=RANKED, rules=THREE, attributes=attributes).decide("D", {"x": x})
    assert decided.value == value
    assert [m.rule_id for m in decided.matched] == matched
    assert (decided.value is None) == bool(decided.warnings)


def test_several_outputs_and_a_default() -> None:
    outputs = '<output name="等次"><defaultOutputEntry><text>"无"</text></defaultOutputEntry></output><output name="分"/>'
    model = table("UNIQUE", outputs=outputs, rules=rule("a", "1", '"好"', "90"))
    assert model.decide("D", {"x": 1}).value == {"等次": "好", "分": 90}
    assert model.decide("D", {"x": 2}).value == {"等次": "无", "分": None}


def test_a_broken_cell_is_a_problem_not_a_crash() -> None:
    model = table("UNIQUE", rules=rule("a", "= = 1", "1") + rule("b", "2", "2"))
    assert [(p.element, "有误" in p.message) for p in model.problems] == [("a", True)]
    assert model.decide("D", {"x": 2}).value == 2


def test_imported_function() -> None:
    other = definitions(
        '<businessKnowledgeModel id="f" name="say hello"><encapsulatedLogic><formalParameter name="n"/>'
        '<literalExpression><text>"你好，" + n</text></literalExpression></encapsulatedLogic></businessKnowledgeModel>',
        name="other",
    )
    model = definitions(
        f'<import name="their-lib" namespace="urn:other" importType="{NAMESPACE}" locationURI="other.dmn"/>'
        '<decision id="d" name="D"><knowledgeRequirement><requiredKnowledge href="urn:other#f"/></knowledgeRequirement>'
        '<literalExpression><text>their-lib.say hello("张三")</text></literalExpression></decision>'
    )
    assert load(model, resolve={"other.dmn": other}.get).decide("D", {}).value == "你好，张三"
    with pytest.raises(DmnError) as caught:
        load(model)
    assert caught.value.code == "dmn-missing-import"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"no xml", "dmn-not-xml"),
        (b"<a/>", "dmn-not-dmn"),
        (definitions("", namespace="urn:bpmn"), "dmn-not-dmn"),
        (b'<!DOCTYPE d [<!ENTITY a "x">]>' + definitions(""), "dmn-doctype"),
        (b'<!DOCTYPE d SYSTEM "file:///etc/passwd">' + definitions(""), "dmn-doctype"),
        (definitions("<decision/>" * 50_001), "dmn-too-large"),
        (definitions(" " * 5_000_001), "dmn-too-large"),
        (definitions('<decision id="d"/>'), "dmn-no-name"),
        (
            definitions(
                '<decision id="d" name="D"><informationRequirement><requiredDecision href="#e"/>'
                "</informationRequirement></decision>"
            ),
            "dmn-missing-requirement",
        ),
        (
            definitions(
                '<decision id="d" name="D"><informationRequirement><requiredDecision href="#d"/>'
                "</informationRequirement></decision>"
            ),
            "dmn-cycle",
        ),
    ],
)
def test_refused(content: bytes, code: str) -> None:
    with pytest.raises(DmnError) as caught:
        load(content)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "namespace",
    [
        "http://www.omg.org/spec/DMN/20151101/dmn.xsd",
        "http://www.omg.org/spec/DMN/20180521/MODEL/",
        "https://www.omg.org/spec/DMN/20191111/MODEL/",
        "https://www.omg.org/spec/DMN/20211108/MODEL/",
        "https://www.omg.org/spec/DMN/20230324/MODEL/",
    ],
)
def test_every_version(namespace: str) -> None:
    body = '<decision id="d" name="D"><literalExpression><text>1 + 1</text></literalExpression></decision>'
    assert load(definitions(body, namespace=namespace)).decide("D", {}).value == Decimal(2)
