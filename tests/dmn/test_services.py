"""What holds a decision model together: services, functions, types, boxed expressions and imports (DMN 1.5, 6, 7.3, 10.2 and 10.4)."""

from __future__ import annotations

from typing import Any

import pytest

from engine.dmn import Model, load

NAMESPACE = "https://www.omg.org/spec/DMN/20230324/MODEL/"


def definitions(body: str, name: str = "m") -> bytes:
    return (
        f'<definitions xmlns="{NAMESPACE}" name="{name}" namespace="urn:{name}">{body}</definitions>'.encode()
    )


def model(body: str, **imported: str) -> Model:
    """:param imported: bodies of other files by the name they are imported under"""
    files = {f"urn:{name}": definitions(other, name) for name, other in imported.items()}
    imports = "".join(_import(name) for name in imported)
    return load(definitions(imports + body), resolve=files.get)


def _import(name: str) -> str:
    return f'<import name="{name}" namespace="urn:{name}" importType="{NAMESPACE}"/>'


def data(name: str, type_: str = "") -> str:
    return f'<inputData id="{name}" name="{name}"><variable name="{name}"{_type(type_)}/></inputData>'


def literal(text: str) -> str:
    return f"<literalExpression><text>{text}</text></literalExpression>"


def decision(name: str, logic: str, *requires: str, type_: str = "") -> str:
    """:param requires: ``input x``, ``decision y`` or ``knowledge z``, the name an id or ``namespace#id``"""
    return (
        f'<decision id="{name}" name="{name}"><variable name="{name}"{_type(type_)}/>'
        f"{''.join(map(_requirement, requires))}{logic}</decision>"
    )


def _requirement(text: str) -> str:
    kind, _, reference = text.partition(" ")
    outer = "knowledge" if kind == "knowledge" else "information"
    href = reference if "#" in reference else f"#{reference}"
    return f'<{outer}Requirement><required{kind.title()} href="{href}"/></{outer}Requirement>'


def function(name: str, parameters: dict[str, str], logic: str, *requires: str, type_: str = "") -> str:
    formal = "".join(f'<formalParameter name="{p}"{_type(t)}/>' for p, t in parameters.items())
    return (
        f'<businessKnowledgeModel id="{name}" name="{name}"><variable name="{name}"{_type(type_)}/>'
        f"<encapsulatedLogic>{formal}{logic}</encapsulatedLogic>{''.join(map(_requirement, requires))}"
        "</businessKnowledgeModel>"
    )


def service(name: str, type_: str = "", **references: str) -> str:
    """:param references: of outputDecision, encapsulatedDecision, inputDecision and inputData, ids with spaces between"""
    inner = "".join(f'<{tag} href="#{id_}"/>' for tag, ids in references.items() for id_ in ids.split())
    return (
        f'<decisionService id="{name}" name="{name}"><variable name="{name}"{_type(type_)}/>{inner}'
        "</decisionService>"
    )


def _type(type_: str) -> str:
    return f' typeRef="{type_}"' if type_ else ""


def decided(body: str, inputs: dict[str, Any] | None = None, **imported: str) -> Any:
    return model(body, **imported).decide("D", inputs or {}).value


# --- decision services (10.4) ---

GRADING = (
    data("分", "number")
    + decision("折算", literal("分 * 2"), "input 分", type_="number")
    + decision("等次", literal('if 折算 >= 160 then "好" else "差"'), "decision 折算", type_="string")
    + decision("说明", literal('等次 + "：" + string(折算)'), "decision 等次", "decision 折算")
)


def test_a_service_calculates_what_it_encapsulates() -> None:
    body = GRADING + service("S", outputDecision="等次", encapsulatedDecision="折算", inputData="分")
    assert model(body).call("S", {"分": 80}).value == "好"
    assert model(body).call("S", {}).value == "差"


def test_a_service_with_several_outputs_gives_a_context() -> None:
    body = GRADING + service("S", outputDecision="说明 等次", encapsulatedDecision="折算", inputData="分")
    assert model(body).call("S", {"分": 80}).value == {"说明": "好：160", "等次": "好"}


def test_a_decision_handed_to_a_service_is_not_evaluated() -> None:
    body = GRADING + service("S", outputDecision="说明", encapsulatedDecision="等次", inputDecision="折算")
    assert model(body).call("S", {"折算": 10}).value == "差：10"
    assert model(body).call("S", {"折算": 10, "分": 80}).value == "差：10"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("S(80)", "好"),
        ("S([80])", "好"),
        ("S(分: 80)", "好"),
        ("S(null)", "差"),
        ('S("80")', None),
        ("S()", None),
        ("S(1, 2)", None),
        ("S(分数: 80)", None),
        ("S instance of function&lt;number&gt; -&gt; string", True),
        ("S instance of function&lt;string&gt; -&gt; string", False),
    ],
)
def test_a_service_is_a_function(call: str, expected: Any) -> None:
    """Its parameters are the input data and then the input decisions; wrong types are not let in (10.3.2.13.2)."""
    body = GRADING + service(
        "S", "string", outputDecision="等次", encapsulatedDecision="折算", inputData="分"
    )
    found = model(body + decision("D", literal(call), "knowledge S")).decide("D", {"分": 1})
    assert found.value == expected
    assert expected is not None or found.warnings


def test_input_data_come_before_input_decisions() -> None:
    body = (
        data("甲")
        + decision("乙", literal("1"))
        + decision("丙", literal("[甲, 乙]"), "input 甲", "decision 乙")
        + service("S", inputDecision="乙", inputData="甲", outputDecision="丙")
        + decision("D", literal("S(1, 2)"), "knowledge S")
    )
    assert decided(body) == [1, 2]


def test_a_service_whose_result_is_of_another_type_is_null() -> None:
    body = decision("甲", literal('"一"')) + service("S", "number", outputDecision="甲")
    found = model(body).call("S", {})
    assert found.value is None
    assert found.warnings == ("决策服务“S”的结果类型不符。",)


# --- business knowledge models ---


def test_a_function_may_call_itself_and_another_calls_back() -> None:
    body = (
        function("阶乘", {"n": "number"}, literal("if n = 0 then 1 else n * 阶乘(n - 1)"), "knowledge 阶乘")
        + function("双", {"n": ""}, literal("if n = 0 then true else 单(n - 1)"), "knowledge 单")
        + function("单", {"n": ""}, literal("if n = 0 then false else 双(n - 1)"), "knowledge 双")
        + decision("D", literal("[阶乘(20), 双(7), 单(7)]"), "knowledge 阶乘", "knowledge 双", "knowledge 单")
    )
    assert decided(body) == [2432902008176640000, False, True]


@pytest.mark.parametrize(
    ("call", "expected"),
    [("f(1)", 2), ("f([1])", 2), ("f(x: 1)", 2), ('f("a")', None), ("f(null)", None), ("f({})", None)],
)
def test_parameters_and_result_of_a_function_are_typed(call: str, expected: Any) -> None:
    body = function("f", {"x": "number"}, literal("x + 1"), type_="number")
    assert decided(body + decision("D", literal(call), "knowledge f")) == expected


def test_a_function_is_handed_on_with_its_types() -> None:
    types = (
        '<itemDefinition name="数函数"><functionItem outputTypeRef="number"><parameters name="n" typeRef="number"/>'
        "</functionItem></itemDefinition>"
    )
    body = (
        types
        + function("用", {"f": "数函数"}, literal("f(4)"))
        + function("半", {"n": "number"}, literal("n / 2"), type_="number")
        + function("文", {"s": "string"}, literal("s"), type_="string")
        + decision(
            "D",
            literal("[用(半), 用(文), 用(sqrt), 用(upper case), 用(function(x) x + 1)]"),
            *("knowledge 用", "knowledge 半", "knowledge 文"),
        )
    )
    assert decided(body) == [2, None, 2, None, 5]


def test_an_invocation_binds_by_name() -> None:
    def binding(name: str, text: str) -> str:
        return f'<binding><parameter name="{name}"/>{literal(text)}</binding>'

    body = function("f", {"a": "", "b": ""}, literal("[a, b]"))
    for bindings, expected in (
        (binding("b", "1") + binding("a", "2"), [2, 1]),
        (binding("b", "1"), [None, 1]),
        (binding("c", "1"), None),
    ):
        invocation = f"<invocation>{literal('f')}{bindings}</invocation>"
        assert decided(body + decision("D", invocation, "knowledge f")) == expected


# --- item definitions (7.3.2, 7.3.3) ---


def item(name: str, inner: str, collection: bool = False, tag: str = "itemDefinition") -> str:
    many = ' isCollection="true"' if collection else ""
    return f'<{tag} name="{name}"{many}>{inner}</{tag}>'


def ref(type_: str) -> str:
    return f"<typeRef>{type_}</typeRef>"


def constraint(tag: str, text: str) -> str:
    return f"<{tag}><text>{text}</text></{tag}>"


TREE = item(
    "节点",
    item("名", ref("string"), tag="itemComponent")
    + item("子", ref("节点"), collection=True, tag="itemComponent"),
)


@pytest.mark.parametrize(
    ("types", "value", "expected"),
    [
        (item("T", ref("number")), 1, 1),
        (item("T", ref("number")), "1", None),
        (item("T", ref("number")), [1], 1),
        (item("T", ref("number"), collection=True), 1, [1]),
        (item("T", ref("number"), collection=True), [1, None], [1, None]),
        (item("T", ref("number"), collection=True), [1, "a"], None),
        # Allowed values are those of an item, a constraint that of the whole.
        (item("T", ref("number") + constraint("allowedValues", "[1..3]"), collection=True), [1, 3], [1, 3]),
        (item("T", ref("number") + constraint("allowedValues", "[1..3]"), collection=True), [1, 4], None),
        (
            item("T", ref("number") + constraint("typeConstraint", "count(?) &lt; 3"), collection=True),
            [9, 9],
            [9, 9],
        ),
        (
            item("T", ref("number") + constraint("typeConstraint", "count(?) &lt; 3"), collection=True),
            [1, 2, 3],
            None,
        ),
        (item("T", ref("number") + constraint("typeConstraint", "&gt; 3")), 4, 4),
        (item("T", ref("number") + constraint("typeConstraint", "&gt; 3")), 3, None),
        # Names of names, and a type that contains itself.
        (
            item("T", ref("U")) + item("U", ref("string") + constraint("allowedValues", '"甲","乙"')),
            "甲",
            "甲",
        ),
        (
            item("T", ref("U")) + item("U", ref("string") + constraint("allowedValues", '"甲","乙"')),
            "丙",
            None,
        ),
        (item("T", ref("节点")) + TREE, {"名": "根", "子": [{"名": "叶", "子": []}]}, ...),
        (item("T", ref("节点")) + TREE, {"名": "根", "子": [{"名": 1, "子": []}]}, None),
        (item("T", ref("节点")) + TREE, {"名": "根"}, None),
    ],
)
def test_input_and_result_conform_to_their_type(types: str, value: Any, expected: Any) -> None:
    expected = value if expected is ... else expected
    as_input = model(types + data("x", "T") + decision("D", literal("x"), "input x"))
    as_result = model(types + data("x") + decision("D", literal("x"), "input x", type_="T"))
    for each in (as_input, as_result):
        found = each.decide("D", {"x": value})
        assert found.value == expected
        assert (expected is None) == bool(found.warnings)


# --- boxed expressions (10.2.1, 10.2.2) ---


def boxed(tag: str, variable: str = "", **parts: str) -> str:
    inner = "".join(f"<{name.strip('_')}>{literal(text)}</{name.strip('_')}>" for name, text in parts.items())
    return f"<{tag}{f' iteratorVariable={variable!r}' if variable else ''}>{inner}</{tag}>"


@pytest.mark.parametrize(
    ("logic", "expected"),
    [
        (boxed("conditional", if_="1 = 1", then='"是"', else_='"否"'), "是"),
        (boxed("conditional", if_="null", then='"是"', else_='"否"'), "否"),
        (boxed("conditional", if_="1", then='"是"', else_='"否"'), None),
        (boxed("filter", in_="[1, 2, 3]", match="item &gt; 1"), [2, 3]),
        (boxed("filter", in_="[{a: 1}, {a: 2}]", match="a = 2"), [{"a": 2}]),
        (boxed("filter", in_="3", match="item &gt; 1"), [3]),
        (boxed("filter", in_="[1]", match='"x"'), None),
        (boxed("for", "i", in_="[1, 2]", return_="i * i"), [1, 4]),
        (boxed("for", "i", in_="1..3", return_="i"), None),
        (boxed("for", "i", in_="[1..3]", return_="i"), [1, 2, 3]),
        (boxed("for", "i", in_="(1..4)", return_="i"), [2, 3]),
        (boxed("for", "i", in_="[1, 2, 3]", return_="count(partial)"), [0, 1, 2]),
        (boxed("some", "i", in_="[1, 2]", satisfies="i = 2"), True),
        (boxed("some", "i", in_="[]", satisfies="true"), False),
        (boxed("some", "i", in_="[1, 2]", satisfies='if i = 2 then true else "x"'), None),
        (boxed("some", "i", in_="[1, 2]", satisfies="if i = 2 then true else null"), True),
        (boxed("every", "i", in_="[1, 2]", satisfies="i &gt; 0"), True),
        (boxed("every", "i", in_="[]", satisfies="false"), True),
        (boxed("every", "i", in_="[1, 2]", satisfies='if i = 1 then false else "x"'), None),
        (f"<list>{literal('1')}{literal('1 + 1')}</list>", [1, 2]),
        (
            '<relation><column name="a"/><column name="b"/>'
            f"<row>{literal('1')}{literal('2')}</row><row>{literal('3')}{literal('4')}</row></relation>",
            [{"a": 1, "b": 2}, {"a": 3, "b": 4}],
        ),
        (
            f'<context><contextEntry><variable name="a"/>{literal("1")}</contextEntry>'
            f'<contextEntry><variable name="b"/>{literal("a + 1")}</contextEntry></context>',
            {"a": 1, "b": 2},
        ),
        (
            f'<context><contextEntry><variable name="a"/>{literal("1")}</contextEntry>'
            f"<contextEntry>{literal('a + 1')}</contextEntry></context>",
            2,
        ),
        (
            f'<context><contextEntry><variable name="f"/><functionDefinition><formalParameter name="x"/>{literal("x * 2")}'
            f"</functionDefinition></contextEntry><contextEntry>{literal('f(4)')}</contextEntry></context>",
            8,
        ),
    ],
)
def test_boxed(logic: str, expected: Any) -> None:
    assert decided(decision("D", logic)) == expected


# --- imports (6.3.3) ---

LIBRARY = (
    item("分值", ref("number") + constraint("allowedValues", "[0..100]"))
    + data("基数", "分值")
    + decision("倍数", literal("基数 * 2"), "input 基数")
    + function("加", {"a": "分值", "b": "分值"}, literal("a + b"), type_="number")
)


@pytest.mark.parametrize(
    ("logic", "requires", "expected"),
    [
        (literal("库.加(1, 2)"), "knowledge urn:库#加", 3),
        (literal("库.加(1, 200)"), "knowledge urn:库#加", None),
        (literal("库.倍数"), "decision urn:库#倍数", 14),
        (literal("库.基数 + 1"), "input urn:库#基数", 8),
        (literal("200 instance of 库.分值"), "input urn:库#基数", True),
    ],
)
def test_imported(logic: str, requires: str, expected: Any) -> None:
    for inputs in ({"库": {"基数": 7}}, {"{urn:库}基数": 7}):
        assert decided(decision("D", logic, requires), inputs, 库=LIBRARY) == expected


def test_imported_type() -> None:
    body = data("x", "库.分值") + decision("D", literal("x"), "input x")
    assert decided(body, {"x": 100}, 库=LIBRARY) == 100
    assert decided(body, {"x": 101}, 库=LIBRARY) is None


def test_an_import_of_an_import() -> None:
    middle = _import("库") + decision(
        "中", literal("库.加(库.倍数, 1)"), "knowledge urn:库#加", "decision urn:库#倍数"
    )
    body = decision("D", literal("中间.中 * 10"), "decision urn:中间#中")
    assert decided(body, {"{urn:库}基数": 7}, 中间=middle, 库=LIBRARY) == 150


def test_a_service_imported_with_all_it_needs() -> None:
    library = GRADING + service("S", outputDecision="等次", encapsulatedDecision="折算", inputData="分")
    assert decided(decision("D", literal("库.S(90)"), "knowledge urn:库#S"), 库=library) == "好"
