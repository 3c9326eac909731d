"""What files may hold: other languages, QNames of old files, cells that are wrong, and what is only for the eye."""

from __future__ import annotations

from typing import Any

import pytest

from engine.dmn import Model, load

OLD = "http://www.omg.org/spec/DMN/20151101/dmn.xsd"
NEW = "https://www.omg.org/spec/DMN/20230324/MODEL/"


def model(body: str, attributes: str = "", namespace: str = NEW, **files: str) -> Model:
    def file(name: str, body: str, attributes: str = "") -> bytes:
        head = f'<definitions xmlns="{namespace}" name="{name}" namespace="urn:{name}" {attributes}>'
        return f"{head}{body}</definitions>".encode()

    return load(
        file("m", body, attributes),
        resolve=lambda at: file(at[4:], files[at[4:]]) if at[4:] in files else None,
    )


def literal(text: str, attributes: str = "", variable: str = "") -> str:
    logic = f"<literalExpression {attributes}><text>{text}</text></literalExpression>"
    return f'<decision id="d" name="D">{variable}{logic}</decision>'


def table(rules: str, columns: str = "", policy: str = "COLLECT", attributes: str = "") -> str:
    column = f"<input><inputExpression><text>x</text></inputExpression>{columns}</input>"
    return (
        '<inputData id="x" name="x"/><decision id="d" name="D"><informationRequirement><requiredInput href="#x"/>'
        f'</informationRequirement><decisionTable hitPolicy="{policy}" {attributes}>{column}<output/>{rules}'
        "</decisionTable></decision>"
    )


def rule(test: str, output: str, attributes: str = "") -> str:
    return (
        f"<rule><inputEntry {attributes}><text>{test}</text></inputEntry>"
        f"<outputEntry><text>{output}</text></outputEntry></rule>"
    )


# --- languages (7.3.4) ---


@pytest.mark.parametrize(
    "language",
    [
        "http://www.omg.org/spec/FEEL/20140401",
        "http://www.omg.org/spec/DMN/20180521/FEEL/",
        "https://www.omg.org/spec/DMN/20230324/FEEL/",
        "feel",
    ],
)
def test_feel_by_any_of_its_names(language: str) -> None:
    attribute = f'expressionLanguage="{language}"'
    assert model(literal("1 + 1", attribute)).decide("D", {}).value == 2
    assert model(literal("1 + 1"), attribute).decide("D", {}).value == 2


@pytest.mark.parametrize(
    "language", ["juel", "https://www.omg.org/spec/DMN/uninterpreted/20140801", "http://www.java.com/java"]
)
def test_another_language_is_told_and_never_read_as_feel(language: str) -> None:
    attribute = f'expressionLanguage="{language}"'
    for made in (model(literal("1 + 1", attribute)), model(literal("1 + 1"), attribute)):
        assert [language in problem.message for problem in made.problems] == [True]
        decided = made.decide("D", {})
        assert decided.value is None and language in decided.warnings[0]
    own = literal("1 + 1", 'expressionLanguage="feel"')
    assert model(own, attribute).decide("D", {}).value == 2
    cell = model(table(rule("1", "1", attribute) + rule("-", "2")))
    assert [cell.decide("D", {"x": x}).value for x in (1, None)] == [[2], [2]]
    assert len(cell.problems) == 1


def test_an_expression_of_another_file_is_told() -> None:
    body = '<decision id="d" name="D"><literalExpression><importedValues importType="t" namespace="n"/></literalExpression></decision>'
    assert "importedValues" in model(body).problems[0].message


# --- cells that are wrong ---


@pytest.mark.parametrize("x", [None, True, False, 1, "a", [], {}])
def test_a_cell_that_is_wrong_lets_nothing_pass(x: Any) -> None:
    wrong = model(table(rule("&lt; &lt;", "1") + rule("-", "2")))
    assert wrong.decide("D", {"x": x}).value == [2]
    entry = "<inputEntry><text>-</text></inputEntry>"
    output = "<outputEntry><text>1</text></outputEntry>"
    for misshapen in (f"<rule>{entry * 2}{output}</rule>", f"<rule>{entry}{output * 2}</rule>"):
        made = model(table(misshapen + rule("-", "2")))
        assert made.decide("D", {"x": x}).value == [2]
        assert len(made.problems) == 1
    many = model(table("".join(rule("= =", "1") for _ in range(30)) + rule("-", "2")))  # looked up
    assert many.decide("D", {"x": x}).value == [2]


def test_a_rule_without_input_entries_always_applies() -> None:
    """8.3.3."""
    made = model(table("<rule><outputEntry><text>1</text></outputEntry></rule>" + rule("5", "2")))
    assert made.decide("D", {"x": 5}).value == [1, 2]
    assert made.decide("D", {"x": 6}).value == [1]
    assert made.problems == ()


def test_a_row_with_too_few_cells_is_told() -> None:
    cell = "<literalExpression><text>1</text></literalExpression>"
    made = model(
        '<decision id="d" name="D"><relation><column name="a"/><column name="b"/>'
        f"<row>{cell}{cell}</row><row>{cell}</row></relation></decision>"
    )
    assert made.decide("D", {}).value == [{"a": 1, "b": 1}, {"a": 1, "b": None}]
    assert len(made.problems) == 1


# --- types ---

PERSON = '<itemDefinition name="tPerson"><itemComponent name="age"><typeRef>{}</typeRef></itemComponent></itemDefinition>'


@pytest.mark.parametrize(
    ("reference", "value", "fits"),
    [
        ("f:number", "1", True),
        ("f:number", '"1"', False),
        ("xs:integer", "1", True),
        ("xs:integer", '"1"', False),
        ("xs:dateTime", '@"2026-04-30T00:00:00"', True),
        ("xs:dateTime", '"2026"', False),
        ("own:tPerson", "{age: 1}", True),
        ("own:tPerson", "{age: true}", False),
        (":tPerson", "{age: true}", False),
    ],
)
def test_qnames_of_old_files(reference: str, value: str, fits: bool) -> None:
    prefixes = (
        'xmlns:f="http://www.omg.org/spec/FEEL/20140401" xmlns:xs="http://www.w3.org/2001/XMLSchema" '
        'xmlns:own="urn:m"'
    )
    variable = f'<variable name="D" typeRef="{reference}"/>'
    made = model(PERSON.format("f:number") + literal(value, variable=variable), prefixes, OLD)
    assert (made.decide("D", {}).value is not None) is fits


@pytest.mark.parametrize("true", ["true", "1"])
def test_a_collection(true: str) -> None:
    """An xs:boolean has two ways to be true."""
    body = f'<itemDefinition name="T" isCollection="{true}"><typeRef>number</typeRef></itemDefinition>'
    made = model(body + literal("5", variable='<variable name="D" typeRef="T"/>'))
    assert made.decide("D", {}).value == [5]


# --- imports (6.3.3, 10.3.1.6) ---


def imported(name: str) -> str:
    return f'<import name="{name}" namespace="urn:{name}" importType="{NEW}"/>'


def score(type_: str) -> str:
    return f'<itemDefinition name="tScore"><typeRef>{type_}</typeRef></itemDefinition>'


SHEET = '<itemDefinition name="tSheet"><itemComponent name="score"><typeRef>tScore</typeRef></itemComponent></itemDefinition>'
DEEP = (
    score("number")
    + SHEET
    + '<inputData id="x" name="x"><variable name="x" typeRef="tSheet"/></inputData>'
    + '<businessKnowledgeModel id="f" name="f"><variable name="f"/><encapsulatedLogic><formalParameter name="s" typeRef="tScore"/>'
    "<literalExpression><text>if s instance of tScore then s + 1 else null</text></literalExpression>"
    "</encapsulatedLogic></businessKnowledgeModel>"
)
MIDDLE = imported("deep") + (
    '<decision id="g" name="g"><variable name="g" typeRef="deep.tScore"/><informationRequirement>'
    '<requiredInput href="urn:deep#x"/></informationRequirement><knowledgeRequirement>'
    '<requiredKnowledge href="urn:deep#f"/></knowledgeRequirement>'
    "<literalExpression><text>deep.f(deep.x.score)</text></literalExpression></decision>"
)


def test_types_of_the_same_name_in_several_files() -> None:
    own = score("string") + imported("middle")
    body = (
        '<decision id="d" name="D"><variable name="D" typeRef="tScore"/><informationRequirement>'
        '<requiredDecision href="urn:middle#g"/></informationRequirement>'
        "<literalExpression><text>if middle.g instance of middle.deep.tScore and not(middle.g instance of tScore) "
        "then string(middle.g) else null</text></literalExpression></decision>"
    )
    made = model(own + body, middle=MIDDLE, deep=DEEP)
    for inputs in ({"middle": {"deep": {"x": {"score": 1}}}}, {"{urn:deep}x": {"score": 1}}):
        decided = made.decide("D", inputs)
        assert (decided.value, decided.warnings) == ("2", ())
    assert made.decide("D", {"middle": {"deep": {"x": {"score": "1"}}}}).value is None


def test_a_function_keeps_the_types_of_its_file() -> None:
    own = score("string") + imported("deep")
    call = (
        '<decision id="d" name="D"><knowledgeRequirement><requiredKnowledge href="urn:deep#f"/></knowledgeRequirement>'
        '<literalExpression><text>[deep.f(1), deep.f("1"), "1" instance of tScore, {score: 1} instance of deep.tSheet, '
        '{score: "1"} instance of deep.tSheet]</text></literalExpression></decision>'
    )
    made = model(own + call, deep=DEEP)
    assert made.decide("D", {}).value == [2, None, True, True, False]
    assert made.findings == ()


def test_imported_input_as_json_has_it() -> None:
    day = '<inputData id="x" name="x"><variable name="x" typeRef="tDay"/></inputData>'
    deep = '<itemDefinition name="tDay"><typeRef>date</typeRef></itemDefinition>' + day
    middle = imported("deep") + (
        '<decision id="g" name="g"><informationRequirement><requiredInput href="urn:deep#x"/></informationRequirement>'
        "<literalExpression><text>deep.x.year</text></literalExpression></decision>"
    )
    body = (
        '<decision id="d" name="D"><informationRequirement><requiredDecision href="urn:middle#g"/></informationRequirement>'
        "<literalExpression><text>middle.g</text></literalExpression></decision>"
    )
    made = model(imported("middle") + body, middle=middle, deep=deep)
    for inputs in ({"middle": {"deep": {"x": "2026-04-30"}}}, {"x": "2026-04-30"}):
        assert made.decide("D", made.from_json(inputs)).value == 2026


# --- what is only for the eye ---


def test_what_does_not_decide() -> None:
    """Annotations, diagrams, extensions, orientation, labels and knowledge sources (6.3.12, 8.2.2, 8.2.9, 13)."""
    extension = (
        '<extensionElements><literalExpression><text>9</text></literalExpression><e:x xmlns:e="urn:e"/>'
        "</extensionElements>"
    )
    annotated = (
        f"<rule>{extension}<description>x</description><inputEntry>{extension}<text>1</text></inputEntry>"
        "<outputEntry><text>2</text></outputEntry><annotationEntry><text>(</text></annotationEntry></rule>"
    )
    body = table(annotated, policy="UNIQUE", attributes='preferredOrientation="CrossTable" outputLabel="("')
    body = body.replace(
        'name="D">',
        f'name="D">{extension}<authorityRequirement><requiredAuthority href="#k"/></authorityRequirement>',
        1,
    )
    body += (
        '<knowledgeSource id="k" name="K"/><textAnnotation id="t"><text>(</text></textAnnotation>'
        '<association id="a"><sourceRef href="#t"/><targetRef href="#d"/></association><group id="g" name="("/>'
        '<di:DMNDI xmlns:di="https://www.omg.org/spec/DMN/20230324/DMNDI/"><di:DMNDiagram name="("/></di:DMNDI>'
    )
    made = model(extension + body)
    assert made.decide("D", {"x": 1}).value == 2
    assert made.problems == ()
