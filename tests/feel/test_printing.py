"""Whatever tree there is, its text parses to it."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.feel import tree
from engine.feel.parser import parse, parse_unary_tests
from engine.feel.printing import printed

NAMES = ("金额", "类别", "A Person", "x", "first-name", "date and time", "a.b", "下属 单位", "?", "在and岗")
SPECIALS = ("first-name", "a.b")
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
        st.builds(tree.FunctionLiteral, parameters, inner),
    )


expressions = st.recursive(leaves, compound, max_leaves=12)
relaxed = settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)


@relaxed
@given(expressions)
def test_printed_text_parses_to_the_tree(node: tree.Node) -> None:
    assert parse(printed(node), SPECIALS) == node


@relaxed
@given(
    st.lists(st.one_of(expressions, st.builds(tree.UnaryTest, operators, expressions)), max_size=3),
    st.booleans(),
)
def test_printed_cells_parse_to_the_tests(tests: list[tree.Node], negated: bool) -> None:
    node = tree.Tests(tuple(tests), negated and bool(tests))
    assert parse_unary_tests(printed(node), SPECIALS) == node


def test_number_keeps_its_value() -> None:
    assert parse(printed(tree.Number(Decimal("1E+3")))) == tree.Number(Decimal("1000"))
