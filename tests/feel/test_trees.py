"""Whatever tree there is, its text parses to it, and evaluating it gives a value or a clear refusal."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from engine.feel import BUILT_IN, Expression, FeelLimitError, evaluate, kind, tree
from engine.feel.parser import is_special, parse, parse_unary_tests
from engine.feel.printing import printed

NAMES = (
    *("金额", "类别", "A Person", "x", "first-name", "date and time", "a.b", "下属 单位", "?", "在and岗"),
    *(
        "金额（元）",
        "学历 或 学位",
        "a+b*c",
        "甲/乙",
        "Mike's daughter.name",
        "不要、空",
        "x..y",
        "True",
    ),
    *("𠮷野家", "名 -1", "item", "partial", "is", "list<number>", "étage"),
)
SPECIALS = tuple(filter(is_special, NAMES))
words = st.sampled_from(NAMES)
plain_names = st.sampled_from(("金额", "x", "full name", "起 止"))
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
types = st.recursive(
    st.sampled_from(("number", "string", "date and time", "tPerson", "my.tPerson")).map(tree.Type),
    lambda inner: st.one_of(
        inner.map(lambda t: tree.ListType("list", t)),
        inner.map(lambda t: tree.RangeType("range", t)),
        st.lists(st.tuples(plain_names, inner), max_size=2).map(
            lambda e: tree.ContextType("context", tuple(e))
        ),
        st.tuples(st.lists(inner, max_size=2), inner).map(
            lambda t: tree.FunctionType("function", tuple(t[0]), t[1])
        ),
    ),
    max_leaves=4,
)
leaves = st.one_of(
    st.decimals(min_value=0, allow_nan=False, allow_infinity=False, places=3).map(
        lambda d: tree.Number(abs(d))
    ),
    texts.map(tree.Text),
    st.sampled_from((True, False, None)).map(tree.Constant),
    texts.map(tree.AtLiteral),
    words.map(tree.Name),
)
operators = st.sampled_from(("=", "!=", "<", "<=", ">", ">="))


def compound(inner: st.SearchStrategy[tree.Node]) -> st.SearchStrategy[tree.Node]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    test = st.one_of(inner, st.builds(tree.UnaryTest, operators, inner))
    iterators = st.lists(
        st.builds(tree.Iterator, plain_names, inner, st.one_of(st.none(), inner)), min_size=1, max_size=2
    ).map(tuple)
    parameters = st.lists(st.tuples(plain_names, st.one_of(st.none(), types)), max_size=2).map(tuple)
    named = st.lists(st.tuples(plain_names, inner), min_size=1, max_size=2)
    return st.one_of(
        st.lists(inner, max_size=3).map(lambda items: tree.ListLiteral(tuple(items))),
        st.lists(st.tuples(texts, inner), max_size=3).map(lambda e: tree.ContextLiteral(tuple(e))),
        st.builds(tree.Interval, inner, inner, st.booleans(), st.booleans()),
        st.builds(tree.UnaryRange, operators, inner),
        st.builds(tree.Negation, inner),
        st.builds(tree.Arithmetic, st.sampled_from(("+", "-", "*", "/", "**")), inner, inner),
        st.builds(tree.Comparison, operators, inner, inner),
        st.builds(tree.And, several),
        st.builds(tree.Or, several),
        st.builds(tree.Between, inner, inner, inner),
        st.builds(tree.In, inner, st.lists(test, min_size=1, max_size=3).map(tuple)),
        st.builds(tree.InstanceOf, inner, types),
        st.builds(tree.Path, inner, plain_names),
        st.builds(tree.Filter, inner, inner),
        st.builds(tree.Call, inner, st.lists(inner, max_size=2).map(tuple)),
        st.tuples(inner, named).map(
            lambda c: tree.Call(c[0], tuple(v for _, v in c[1]), tuple(n for n, _ in c[1]))
        ),
        st.builds(tree.If, inner, inner, inner),
        st.builds(tree.For, iterators, inner),
        st.builds(tree.Quantified, st.sampled_from(("some", "every")), iterators, inner),
        st.builds(tree.FunctionLiteral, parameters, inner, st.booleans()),
    )


expressions = st.recursive(leaves, compound, max_leaves=12)
relaxed = settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)


@relaxed
@given(expressions)
def test_printed_text_parses_to_the_tree(node: tree.Node) -> None:
    assert parse(printed(node), SPECIALS) == node


cells = st.builds(
    lambda tests, negated: tree.Tests(tuple(tests), negated and bool(tests)),
    st.lists(st.one_of(expressions, st.builds(tree.UnaryTest, operators, expressions)), max_size=3),
    st.booleans(),
)


@relaxed
@given(cells)
def test_printed_cells_parse_to_the_tests(node: tree.Tests) -> None:
    assert parse_unary_tests(printed(node), SPECIALS) == node


def kinds(base: type) -> set[type]:
    """All kinds of tree.py."""
    return {found for found in vars(tree).values() if isinstance(found, type) and issubclass(found, base)}


def types_in(node: tree.Node | tree.Type) -> set[type]:
    found: set[type] = set()
    waiting: list[Any] = [node]
    while waiting:
        value = waiting.pop()
        if isinstance(value, tuple):
            waiting.extend(value)
        elif isinstance(value, (tree.Node, tree.Type)):
            found.add(type(value))
            waiting.extend(getattr(value, field.name) for field in fields(value))
    return found


def test_every_kind_of_node_is_generated() -> None:
    # A restricted type has no text: it is an item definition of a decision model.
    wanted = (kinds(tree.Node) | kinds(tree.Type)) - {tree.Node, tree.RestrictedType}
    assert len(wanted) >= 30
    seen: set[type] = set()

    @settings(relaxed, max_examples=500, phases=[Phase.generate], derandomize=True)
    @given(cells)
    def collect(node: tree.Tests) -> None:
        seen.update(types_in(node))

    collect()
    assert wanted <= seen


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_read_where_it_is_known(name: str) -> None:
    for node in (
        tree.Name(name),
        tree.Arithmetic("-", tree.Name(name), tree.Number(Decimal(1))),
        tree.Filter(tree.Name(name), tree.Comparison(">", tree.Name(name), tree.Number(Decimal(1)))),
        tree.ContextLiteral(((name, tree.Number(Decimal(1))),)),
        tree.Path(tree.Name("x"), name),
    ):
        assert parse(printed(node), SPECIALS) == node
    assert evaluate(name, {name: 7}) == 7
    assert evaluate(f"{name}-1", {name: 7}) == 6


def test_number_keeps_its_value() -> None:
    assert parse(printed(tree.Number(Decimal("1E+3")))) == tree.Number(Decimal("1000"))


VALUES: dict[str, Any] = {
    "金额": 1200,
    "类别": "甲",
    "x": [1, Decimal("2.5"), "3", None, {"x": 1}],
    "A Person": {"full name": "张三", "起 止": date(2026, 1, 31)},
    "first-name": datetime(2026, 1, 31, 8, tzinfo=UTC),
    "a.b": timedelta(days=-3, seconds=5),
    "下属 单位": time(23, 59),
    "?": True,
}


@relaxed
@given(expressions)
def test_any_expression_has_a_value_or_is_refused(node: tree.Node) -> None:
    try:
        value = Expression("", node).evaluate(VALUES, [])
    except FeelLimitError:
        return
    assert kind(value) != "unknown"


arguments = st.one_of(
    st.sampled_from(sorted(VALUES)),
    st.sampled_from(
        (
            "null",
            "-1",
            "0",
            "1.5",
            "10 ** 6144",
            "-10 ** -6143",
            '""',
            '"甲乙"',
            '"^(a|b)*$"',
            '"2026-02-29"',
            "[]",
            "[1, 2]",
            '["a", null]',
            "{}",
            "[1..3]",
            "(> 5)",
            "[null..2]",
            '@"9999-12-31"',
            '@"-999999999-01-01T00:00:00Z"',
            '@"999999999-12-31T23:59:59.999999999@Europe/Paris"',
            '@"23:00:00.123456789+18:00"',
            '@"-P999999999999D"',
            '@"P99999999999Y"',
            "function(a, b) a < b",
            "function() 1",
        )
    ),
)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(sorted(BUILT_IN)), st.lists(arguments, max_size=4))
def test_any_call_has_a_value_or_is_refused(function: str, given_arguments: list[str]) -> None:
    call = f"{function}({', '.join(given_arguments)})"
    for expression in (call, f"string({call})", f"[{call}] = [{call}]"):
        try:
            value = evaluate(expression, VALUES, warnings=[])
        except FeelLimitError:
            continue
        assert kind(value) != "unknown"


@settings(max_examples=500, deadline=None)
@given(
    arguments, st.sampled_from(("+", "-", "*", "/", "**", "=", "<", ">=", "in", "between 1 and")), arguments
)
def test_any_operation_has_a_value(left: str, sign: str, right: str) -> None:
    value = evaluate(f"string({left} {sign} {right})", VALUES, warnings=[])
    assert value is None or isinstance(value, str)
