"""Strangers' decision files: each is refused, or decided, with little work, and reaches no file and no network."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.dmn import DmnError, coverage, load
from engine.feel import FeelLimitError, Run, limits

NAMESPACE = "https://www.omg.org/spec/DMN/20191111/MODEL/"
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


def definitions(body: str, before: str = "") -> bytes:
    return (
        f'{before}<definitions xmlns="{NAMESPACE}" name="m" namespace="urn:m">{body}</definitions>'.encode()
    )


def text(expression: str) -> str:
    escaped = expression.replace("&", "&amp;").replace("<", "&lt;")
    return f"<literalExpression><text>{escaped}</text></literalExpression>"


def decision(name: str, logic: str, *requires: str, knows: tuple[str, ...] = ()) -> str:
    needs = "".join(
        f'<informationRequirement><requiredDecision href="#{r}"/></informationRequirement>' for r in requires
    ) + "".join(
        f'<knowledgeRequirement><requiredKnowledge href="#{k}"/></knowledgeRequirement>' for k in knows
    )
    return f'<decision id="{name}" name="{name}">{needs}{logic}</decision>'


def function(name: str, logic: str, *knows: str) -> str:
    needs = "".join(
        f'<knowledgeRequirement><requiredKnowledge href="#{k}"/></knowledgeRequirement>' for k in knows
    )
    return (
        f'<businessKnowledgeModel id="{name}" name="{name}"><encapsulatedLogic>'
        f'<formalParameter name="n"/>{logic}</encapsulatedLogic>{needs}</businessKnowledgeModel>'
    )


def with_input(logic: str, type_: str = "", types: str = "") -> bytes:
    return definitions(
        f'{types}<inputData id="i" name="x"><variable name="x"{type_ and f" typeRef={type_!r}"}/></inputData>'
        '<decision id="D" name="D"><informationRequirement><requiredInput href="#i"/></informationRequirement>'
        f"{logic}</decision>"
    )


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (definitions("", '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>'), "dmn-doctype"),
        (
            definitions(decision("D", text("1")), '<!DOCTYPE d SYSTEM "http://127.0.0.1:9/x.dtd">'),
            "dmn-doctype",
        ),
        (definitions("&l9;", f'<!DOCTYPE d [<!ENTITY l0 "ha">{LAUGHS}]>'), "dmn-"),
        (definitions('<a b="&l9;"/>', f'<!DOCTYPE d [<!ENTITY l0 "ha">{LAUGHS}]>'), "dmn-"),
        (definitions("", '<!DOCTYPE d [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]>'), "dmn-doctype"),
        (definitions("&x;"), "dmn-not-xml"),
        (definitions("<a>" * 300 + "</a>" * 300), "dmn-not-xml"),
        (definitions("<a/>" * 50_000), "dmn-too-large"),
        (definitions("a" * 5_000_000), "dmn-too-large"),
        (definitions('<a b="' + "a" * 5_000_000 + '"/>'), "dmn-too-large"),
        (definitions("\0"), "dmn-not-xml"),
        (b"\xff\xfe" + "<a/>".encode("utf-16-le")[:-1], "dmn-not-xml"),
        (b"", "dmn-not-xml"),
        (definitions(decision("D", text("1")), '<?xml version="1.0" encoding="x-none"?>'), "dmn-not-xml"),
    ],
    ids=lambda part: part if isinstance(part, str) else f"{len(part)} bytes",
)
def test_refused_files(content: bytes, code: str) -> None:
    with pytest.raises(DmnError) as caught:
        load(content)
    assert caught.value.code.startswith(code)


def test_nothing_is_included(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text('"secret"')
    include = (
        f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{secret.as_uri()}" parse="text"/>'
    )
    content = definitions(decision("D", f"<literalExpression><text>{include}</text></literalExpression>"))
    assert load(content).decide("D", {}).value is None


def test_an_import_is_only_what_the_caller_resolves() -> None:
    asked: list[str] = []
    content = definitions(
        f'<import name="a" namespace="urn:a" importType="{NAMESPACE}" locationURI="file:///etc/passwd"/>'
    )
    with pytest.raises(DmnError) as caught:
        load(content, resolve=lambda location: asked.append(location))
    assert (caught.value.code, asked) == ("dmn-missing-import", ["file:///etc/passwd"])


def test_imports_of_imports_of_imports() -> None:
    def resolve(location: str) -> bytes:
        following = int(location) + 1
        return definitions(
            f'<import name="a" namespace="urn:{following}" importType="{NAMESPACE}" locationURI="{following}"/>'
        )

    with pytest.raises(DmnError) as caught:
        load(resolve("0"), resolve=resolve)
    assert caught.value.code == "dmn-too-large"


@pytest.mark.parametrize(
    "types",
    [
        '<itemDefinition name="t"><typeRef>t</typeRef><allowedValues><text>> 1</text></allowedValues></itemDefinition>',
        '<itemDefinition name="t"><typeRef>u</typeRef><allowedValues><text>> 1</text></allowedValues></itemDefinition>'
        '<itemDefinition name="u"><typeRef>v</typeRef></itemDefinition>'
        '<itemDefinition name="v"><typeRef>t</typeRef></itemDefinition>',
    ],
)
def test_a_type_that_ends_in_itself(types: str) -> None:
    with pytest.raises(DmnError) as caught:
        load(with_input(text("x"), "t", types))
    assert caught.value.code == "dmn-cycle"


def test_a_type_that_contains_itself() -> None:
    types = (
        '<itemDefinition name="t" isCollection="true"><typeRef>t</typeRef></itemDefinition>'
        '<itemDefinition name="u"><itemComponent name="u"><typeRef>u</typeRef></itemComponent></itemDefinition>'
    )
    endless: list[Any] = []
    endless.append(endless)
    for name in ("t", "u"):
        model = load(with_input(text("count(x)"), name, types))
        assert model.decide("D", {"x": endless}).value in (None, 1)
        assert model.decide("D", {"x": 1}).value in (None, 1)


# --- deciding ---

GRAPH = decision("d0", text("1")) + "".join(
    decision(f"d{n}", text(f"d{n - 1} + 1"), f"d{n - 1}") for n in range(1, 1000)
)
WIDE = "".join(decision(f"w{n}", text("1"), *(f"w{m}" for m in range(max(0, n - 30), n))) for n in range(600))
TABLE = (
    '<decisionTable hitPolicy="COLLECT">'
    + "<input><inputExpression><text>n</text></inputExpression></input>" * 10
    + "<output/>"
    + (
        "<rule>"
        + "<inputEntry><text>> 0</text></inputEntry>" * 10
        + "<outputEntry><text>n</text></outputEntry></rule>"
    )
    * 500
    + "</decisionTable>"
)
SERVICE = (
    decision("big", text("[" + ",".join(["1 + 1"] * 1500) + "]"))
    + '<decisionService id="s" name="s"><outputDecision href="#big"/></decisionService>'
)
REFUSED = [
    (decision("D", text("count(for i in 1..10000000 return i)")), "steps"),
    (decision("D", text("f(1)"), knows=("f",)) + function("f", text("f(n + 1)"), "f"), "calls"),
    (
        decision("D", text("f(1)"), knows=("f",))
        + function("f", text("g(n)"), "g")
        + function("g", text("f(n)"), "f"),
        "calls",
    ),
    (
        decision("D", text("f(1)"), knows=("f",))
        + function("f", text("[if n > 40 then 1 else f(n + 1), f(n + 1)]"), "f"),
        "calls",
    ),
    (
        decision("D", text("f(1)"), knows=("f",))
        + function("f", text("if n > 40 then 1 else f(n + 1) + f(n + 1)"), "f"),
        "steps",
    ),
    (
        decision("D", text("sum(for i in 1..100000 return count(f(i)))"), knows=("f",))
        + function("f", TABLE),
        "steps",
    ),
    (decision("D", text("for i in 1..100000 return s()"), knows=("s",)) + SERVICE, "steps"),
    (decision("D", text("for i in 1..300000 return i")), "result"),
    (decision("D", text('string join(for i in 1..100000 return "0123456789", ",")')), "text"),
    (
        "".join(
            decision(f"e{n}", text(f"[{f'e{n - 1}, e{n - 1}' if n else '1'}]"), *([f"e{n - 1}"] if n else []))
            for n in range(60)
        )
        + decision("D", text("e59"), "e59"),
        "result",
    ),
    (GRAPH + decision("D", text("d999"), "d999"), "depth"),
]


@pytest.mark.parametrize(("body", "limit"), REFUSED, ids=[body[-160:-90] for body, _ in REFUSED])
def test_decisions_that_ask_for_too_much(body: str, limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if limit == "steps":
        monkeypatch.setattr(limits, "MAX_STEPS", limits.MAX_STEPS // 8)
    model = load(definitions(body))
    assert not model.problems
    with pytest.raises(FeelLimitError) as caught:
        model.decide("D", {})
    assert caught.value.details == {"limit": limit}


def test_one_budget_for_the_whole_model() -> None:
    counting = text("count(for i in 1..100000 return i)")
    parts = [decision(f"c{n}", counting) for n in range(8)]
    for number in (2, 8):
        needed = [f"c{n}" for n in range(number)]
        model = load(definitions("".join(parts) + decision("D", text("c0"), *needed)))
        if number == 2:
            assert model.decide("D", {}).value == 100_000
            continue
        with pytest.raises(FeelLimitError) as caught:
            model.decide("D", {})
        assert caught.value.details == {"limit": "steps"}


def test_one_clock_for_the_whole_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_SECONDS", -1.0)
    model = load(
        definitions("".join(decision(f"c{n}", text("count(for i in 1..200 return i)")) for n in range(6)))
    )
    assert model.decide("c0", {}).value == 200  # not worth a look at the clock
    body = "".join(decision(f"c{n}", text("count(for i in 1..200 return i)")) for n in range(6))
    body += decision("D", text("c0"), *(f"c{n}" for n in range(6)))
    with pytest.raises(FeelLimitError) as caught:
        load(definitions(body)).decide("D", {})
    assert caught.value.details == {"limit": "time"}


def test_allowed_values_are_paid_for() -> None:
    """What a type allows is asked of every item of a list, from the budget of the decision."""
    types = (
        '<itemDefinition name="t" isCollection="true"><typeRef>number</typeRef><allowedValues>'
        "<text>count(for i in 1..1000 return i) > 0</text></allowedValues></itemDefinition>"
    )
    model = load(with_input(text("count(x)"), "t", types))
    assert model.decide("D", {"x": [1, 2]}).value == 2
    with pytest.raises(FeelLimitError) as caught:
        model.decide("D", {"x": [1] * 2000})
    assert caught.value.details == {"limit": "steps"}


def test_a_part_that_many_need_is_evaluated_once() -> None:
    model = load(definitions(WIDE))
    assert model.decide("w100", {}).value == 1


def test_many_broken_cells() -> None:
    rule = "<rule><inputEntry><text>= =</text></inputEntry><outputEntry><text>)</text></outputEntry></rule>"
    table = (
        "<decisionTable><input><inputExpression><text>x</text></inputExpression></input><output/>"
        f"{rule * 2000}</decisionTable>"
    )
    model = load(with_input(table))
    assert len(model.problems) == 100  # the first ones
    assert model.decide("D", {"x": 1}).value is None


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("-Infinity"),
        Decimal("1e99999"),
        10**10_000,
    ],
    ids=lambda value: f"{type(value).__name__} {value}" if type(value) is not int else "10**10000",
)
def test_numbers_that_are_none(value: Any) -> None:
    model = load(
        with_input(
            "<decisionTable><input><inputExpression><text>x</text></inputExpression></input><output/>"
            "<rule><inputEntry><text>[1..100]</text></inputEntry><outputEntry><text>1</text></outputEntry></rule>"
            "</decisionTable>",
            "t",
            '<itemDefinition name="t"><typeRef>number</typeRef><allowedValues><text>[0..1000]</text></allowedValues>'
            "</itemDefinition>",
        )
    )
    assert model.decide("D", {"x": value}).value is None
    assert model.decide("D", {"x": 5}).value == 1


# --- what is told before deciding ---

ASKING = (
    '<itemDefinition name="t"><typeRef>number</typeRef><allowedValues>'
    "<text>count(for i in 1..100000 return i) > 0</text></allowedValues></itemDefinition>"
)


def column(values: str, rules: int, cell: str = "{}") -> str:
    rows = "".join(
        f"<rule><inputEntry><text>{cell.format(n)}</text></inputEntry><outputEntry><text>1</text></outputEntry></rule>"
        for n in range(rules)
    )
    return (
        "<decisionTable><input><inputExpression><text>x</text></inputExpression>"
        f"{values and f'<inputValues><text>{values}</text></inputValues>'}</input><output/>{rows}</decisionTable>"
    )


@pytest.mark.parametrize(
    "content",
    [
        with_input(column("", 30), "t", ASKING),
        with_input(column("count(for i in 1..100000 return i) > 0", 30)),
        with_input(column(",".join(map(str, range(500))), 30)),
    ],
    ids=["type", "expression", "list"],
)
def test_values_are_tried_on_one_budget(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_STEPS", 10_000)
    spent: list[int] = []
    spend = Run.spend

    def counting(run: Run, steps: int) -> None:
        spend(run, steps)
        spent.append(steps)

    monkeypatch.setattr(Run, "spend", counting)
    assert all(finding.severity == "warning" for finding in load(content).findings)
    assert sum(spent) <= 10_000


def test_a_chain_too_long_to_be_told_of() -> None:
    parts = [decision(f"d{n}", text(f"d{n - 1} + 1"), f"d{n - 1}") for n in range(3000, 0, -1)]
    findings = load(definitions("".join(parts) + decision("d0", text("1 + true")))).findings
    assert [finding.element for finding in findings if finding.rule == "types"] == ["d0"]
    assert not any(finding.rule == "no-logic" for finding in findings)


def test_tables_too_big_for_coverage() -> None:
    wide = "<input><inputExpression><text>x.a{}</text></inputExpression></input>"
    columns = "".join(map(wide.format, range(coverage.MAX_COLUMNS + 1)))
    cells = ",".join(map(str, range(900)))
    for logic in (
        f"<decisionTable>{columns}<output/></decisionTable>",
        column("", 20, cells),
    ):
        with_types = load(with_input(logic))
        assert [finding.rule for finding in with_types.findings] == []


def test_files_that_all_import_each_other() -> None:
    def resolve(location: str) -> bytes:
        imports = "".join(
            f'<import name="a{n}" namespace="urn:{n}" importType="{NAMESPACE}" locationURI="{n}"/>'
            for n in range(20)
            if str(n) != location
        )
        head = f'<definitions xmlns="{NAMESPACE}" name="m" namespace="urn:{location}">'
        return f'{head}{imports}<itemDefinition name="t"/></definitions>'.encode()

    with pytest.raises(DmnError) as caught:
        load(resolve("0"), resolve=resolve)
    assert caught.value.code == "dmn-too-large"
