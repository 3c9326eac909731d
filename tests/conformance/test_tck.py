"""The runner of the DMN TCK, on a small kit of our own: what it counts, what it says, and its exit status."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.conformance import tck

MODEL = """<definitions xmlns="https://www.omg.org/spec/DMN/20230324/MODEL/" name="m" namespace="urn:m">
<inputData id="x" name="x"/>
<decision id="d" name="D"><informationRequirement><requiredInput href="#x"/></informationRequirement>
<literalExpression><text>x + 1</text></literalExpression></decision>
<decision id="n" name="N"><literalExpression><text>null</text></literalExpression></decision>
<decisionService id="s" name="S"><outputDecision href="#d"/><inputData href="#x"/></decisionService>
<businessKnowledgeModel id="b" name="B"><encapsulatedLogic><formalParameter name="p"/>
<literalExpression><text>[p, {a: p}]</text></literalExpression></encapsulatedLogic></businessKnowledgeModel>
</definitions>"""
HEAD = (
    '<testCases xmlns="http://www.omg.org/spec/DMN/20160719/testcase" xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><modelName>m.dmn</modelName>'
)
ONE = '<value xsi:type="xsd:decimal">1</value>'
NIL = '<value xsi:nil="true"/>'


def case(
    name: str, result: str, expected: str, kind: str = "", attributes: str = "", given: str = "x"
) -> str:
    return (
        f'<testCase id="{name}" {kind}><inputNode name="{given}">{ONE}</inputNode>'
        f'<resultNode name="{result}" {attributes}><expected>{expected}</expected></resultNode></testCase>'
    )


def kit(folder: Path, *cases: str) -> Path:
    inner = folder / "compliance-level-2" / "0001-own"
    inner.mkdir(parents=True)
    (inner / "m.dmn").write_text(MODEL, "utf-8")
    (inner / "test.xml").write_text(f"{HEAD}{''.join(cases)}</testCases>", "utf-8")
    return folder


TWO = '<value xsi:type="xsd:decimal">2</value>'
LIST = f'<list><item>{ONE}</item><item><component name="a">{ONE}</component></item></list>'
RIGHT = (
    case("1", "D", TWO),
    case("2", "D", TWO, 'type="decisionService" invocableName="S"'),
    case("3", "B", LIST, 'type="bkm" invocableName="B"', given="p"),
    case("4", "N", NIL),
    case("5", "D", NIL, attributes='errorResult="true"', given="y"),
)


def test_what_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tck.main([str(kit(tmp_path, *RIGHT))]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["compliance-level-2", "5/5", "3/3"] in lines
    assert ["all", "5/5", "3/3"] in lines


@pytest.mark.parametrize(
    "wrong",
    [
        case("a", "D", ONE),
        case("b", "N", NIL, attributes='errorResult="true"'),  # no error, so no warning
        case("c", "nothing", NIL),
        case("d", "D", '<value xsi:type="xsd:string">2</value>'),
        case("e", "B", f"<list><item>{ONE}</item></list>", 'type="bkm" invocableName="B"', given="p"),
    ],
)
def test_what_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str) -> None:
    assert tck.main([str(kit(tmp_path, *RIGHT, wrong))]) == 1
    out = capsys.readouterr().out
    assert "5/6" in out
    assert "compliance-level-2/0001-own/" in out


def test_exceptions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that differs is named with its reason; one that passes must leave the list."""
    listed = tmp_path / "exceptions.txt"
    listed.write_text("# DMN 1.5, 1.2.3: so it is,\n# no doubt.\ncompliance-level-2/0001-own/a/D\n", "utf-8")
    monkeypatch.setattr(tck, "EXCEPTIONS", listed)
    assert tck.exceptions() == {"compliance-level-2/0001-own/a/D": "DMN 1.5, 1.2.3: so it is, no doubt."}
    assert tck.main([str(kit(tmp_path / "differs", *RIGHT, case("a", "D", ONE)))]) == 0
    assert "1 excepted: DMN 1.5, 1.2.3: so it is, no doubt." in capsys.readouterr().out
    assert tck.main([str(kit(tmp_path / "passes", case("a", "D", TWO)))]) == 1
    assert "passes though excepted" in capsys.readouterr().out


def test_no_kit(tmp_path: Path) -> None:
    assert tck.main([str(tmp_path)]) == 1


def test_numbers_are_compared_to_eight_digits() -> None:
    assert tck.same(Decimal("0.333333333333"), Decimal("0.33333333"))
    assert not tck.same(Decimal("0.3334"), Decimal("0.3333"))
    assert not tck.same(None, Decimal(0))
