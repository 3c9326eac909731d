"""What is wrong with a decision file stands at the task that asks for the decision."""

from __future__ import annotations

from engine import rules
from engine.bpmn.parser import parse_xml
from engine.errors import Finding
from tests.engine.drawing import draw, end, extensions, node, ours, path, start


def lint(logic: str, *, decision: str = "等次", twice: bool = False) -> list[Finding]:
    model = f"""<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" name="m" namespace="urn:m">
      <decision id="d" name="等次">{logic}</decision></definitions>"""
    asking = extensions(ours("decision", ref="grade.dmn", decision=decision, result="等次"))
    ids = ("a", "b") if twice else ("a",)
    nodes = [node("businessRuleTask", id_, asking) for id_ in ids]
    xml = draw("p", start(), *nodes, end(), path("start", *ids, "end"))
    return rules.check(parse_xml(xml), {"p.bpmn": xml, "grade.dmn": model.encode()}, set())


def literal(source: str) -> str:
    return f"<literalExpression><text>{source}</text></literalExpression>"


def test_a_finding_of_the_decision_is_one_of_the_task() -> None:
    (finding,) = lint(literal('1 + "元"'), twice=True)
    assert (finding.rule, finding.element, finding.path, finding.severity) == (
        "decisions",
        "a",
        "grade.dmn",
        "error",
    )
    assert finding.details == {"code": "types", "element": "d"}
    assert finding.message.startswith('决策文件“grade.dmn”：决策“等次”：“1 + "元"”永远没有结果')


def test_a_syntax_error_has_its_place_in_the_text() -> None:
    (finding,) = lint(literal("1 +"))
    assert finding.severity == "error" and "第 1 行第 4 列" in finding.message


def test_a_warning_stays_a_warning() -> None:
    (finding,) = lint("")
    assert finding.severity == "warning" and "没有决策逻辑" in finding.message


def test_a_decision_that_the_file_does_not_have() -> None:
    found = [f for f in lint(literal("1"), decision="等级") if f.rule == "decisions"]
    assert [f.severity for f in found] == ["error"] and "没有决策“等级”。是不是“等次”？" in found[0].message


def test_a_sound_decision_gives_none() -> None:
    assert lint(literal("1")) == []


def test_a_decision_may_be_named_by_its_id() -> None:
    assert [f for f in lint(literal("1"), decision="d") if f.rule == "decisions"] == []
