"""What the analysis says of an expression without values holds for every value; and it finds what can only go wrong."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.feel import BUILT_IN, Expression, FeelLimitError, Run, analyse, compile, is_instance, tree
from engine.feel.parser import parse, parse_unary_tests

NUMBER, STRING, BOOLEAN, DATE = (tree.Type(n) for n in ("number", "string", "boolean", "date"))
ROW = tree.ContextType("行", (("a", NUMBER), ("s", STRING)))
TYPES = {"分值": tree.RestrictedType("分值", NUMBER, lambda value, run: 0 <= value <= 100), "行": ROW}
NAMES: dict[str, tree.Type | None] = {
    "n": NUMBER,
    "分": tree.Type("分值"),
    "s": STRING,
    "b": BOOLEAN,
    "d": DATE,
    "t": tree.Type("days and time duration"),
    "xs": tree.ListType("list", NUMBER),
    "rows": tree.ListType("list", tree.Type("行")),
    "row": tree.Type("行"),
    "u": None,
}

numbers = st.sampled_from((Decimal(0), Decimal(1), Decimal("2.5"), -3))
texts = st.sampled_from(("", "a", "2026-01-01"))
row_values = st.fixed_dictionaries(
    {"a": st.none() | numbers, "s": st.none() | texts}, optional={"b": texts, "n": st.booleans()}
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "n": numbers,
    "分": st.sampled_from((Decimal(0), Decimal(99))),
    "s": texts,
    "b": st.booleans(),
    "d": st.just(date(2026, 1, 31)),
    "t": st.just(timedelta(hours=7)),
    "xs": st.lists(st.none() | numbers, max_size=3),
    "rows": st.lists(st.none() | row_values, max_size=3),
    "row": row_values,
    "u": st.one_of(numbers, texts, st.booleans(), st.lists(numbers, max_size=2), row_values),
}
contexts = st.fixed_dictionaries({name: st.none() | values for name, values in VALUES.items()})

names = st.sampled_from((*NAMES, "a", "item", "x", "missing"))
types = st.sampled_from((NUMBER, STRING, tree.Type("分值"), tree.ListType("list", NUMBER), ROW))
leaves = st.one_of(
    names.map(tree.Name),
    st.sampled_from((0, 1, 2)).map(lambda n: tree.Number(Decimal(n))),
    texts.map(tree.Text),
    st.sampled_from((True, False, None)).map(tree.Constant),
    st.sampled_from(("2026-01-31", "P1D", "P1M", "12:00:00", "?")).map(tree.AtLiteral),
)
operators = st.sampled_from(("=", "!=", "<", "<=", ">", ">="))
properties = st.sampled_from(("a", "s", "b", "year", "days", "start", "end", "start included"))
functions = st.sampled_from(sorted(set(BUILT_IN) - {"now", "today"})).map(tree.Name)


def compound(inner: st.SearchStrategy[tree.Node]) -> st.SearchStrategy[tree.Node]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    test = st.one_of(inner, st.builds(tree.UnaryTest, operators, inner))
    variables = st.sampled_from(("x", "n", "a"))
    iterators = st.lists(
        st.builds(tree.Iterator, variables, inner, st.none() | inner), min_size=1, max_size=2
    ).map(tuple)
    parameters = st.lists(st.tuples(variables, st.none() | types), max_size=2, unique_by=lambda p: p[0])
    entries = st.lists(st.tuples(st.sampled_from(("a", "s", "n")), inner), max_size=3).map(tuple)
    arguments = st.lists(inner, max_size=3).map(tuple)
    return st.one_of(
        st.lists(inner, max_size=3).map(lambda items: tree.ListLiteral(tuple(items))),
        entries.map(tree.ContextLiteral),
        st.builds(tree.Interval, inner, inner, st.booleans(), st.booleans()),
        st.builds(tree.UnaryRange, operators, inner),
        st.builds(tree.Negation, inner),
        st.builds(tree.Arithmetic, st.sampled_from(("+", "-", "*", "/", "**")), inner, inner),
        st.builds(tree.Comparison, operators, inner, inner),
        st.builds(tree.And, several),
        st.builds(tree.Or, several),
        st.builds(tree.Between, inner, inner, inner),
        st.builds(tree.In, inner, st.lists(test, min_size=1, max_size=2).map(tuple)),
        st.builds(tree.InstanceOf, inner, types),
        st.builds(tree.Path, inner, properties),
        st.builds(tree.Filter, inner, inner),
        st.builds(tree.If, inner, inner, inner),
        st.builds(tree.For, iterators, inner),
        st.builds(tree.Quantified, st.sampled_from(("some", "every")), iterators, inner),
        st.builds(tree.FunctionLiteral, parameters.map(tuple), inner),
        st.builds(tree.Call, st.one_of(functions, functions, inner), arguments),
    )


expressions = st.recursive(leaves, compound, max_leaves=8)
relaxed = settings(
    max_examples=500, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None
)


@relaxed
@given(expressions, st.lists(contexts, min_size=3, max_size=3))
def test_a_type_that_is_told_is_the_type_of_every_value(
    node: tree.Node, several: list[dict[str, Any]]
) -> None:
    type_ = analyse(node, NAMES, TYPES).type
    for context in several:
        try:
            value = Expression("", node).evaluate(context, types=TYPES)
        except FeelLimitError:
            continue
        if type_ is not None and value is not None:
            assert is_instance(value, type_, Run(types=TYPES)), (type_, value)


def defects(text: str, *, cell: bool = False, **names: tree.Type) -> list[tuple[str, str, str]]:
    node = parse_unary_tests(text) if cell else parse(text)
    return [(d.code, d.expression, d.message) for d in analyse(node, names, TYPES).defects]


@pytest.mark.parametrize(
    ("text", "code", "part", "says"),
    [
        ('1 + "元"', "types", '1 + "元"', "string(1)"),
        ("金额 * 1 + true", "types", "(金额 * 1) + true", "真假不能用“+”计算"),
        ("{a: -[1]}", "types", "-[1]", "列表不能取负"),
        ("x + null", "types", "x + null", "空值不能参加运算"),
        ('string length("a") > "5"', "types", 'string length("a") > "5"', "数字与文字不能比较大小"),
        ('count(x) = "5"', "types", 'count(x) = "5"', "不会相等"),
        ("x < null", "types", "x < null", "x = null"),
        ("true < x", "types", "true < x", "真假不能比较大小"),
        ('1 between "a" and x', "types", '1 between "a" and x', "不能比较大小"),
        ('["a".."c"] = 1', "types", '["a" .. "c"] = 1', "不会相等"),
        ('x in [1.."c"]', "range", '[1 .. "c"]', "两端是数字与文字"),
        ('count(x) in ["a".."c"]', "types", '["a" .. "c"]', "数字不会在文字的区间里"),
        ('count(x) in (["a", "b"])', "types", '["a", "b"]', "数字不会在文字的列表里"),
        ('count(x) in (1, "b")', "types", '"b"', "不会相等"),
        ('count(x) in (> "b")', "types", '> "b"', "不能比较大小"),
        ("coutn(x)", "unknown-function", "coutn(x)", "“coutn”应为“count”？"),
        ("xs[coutn(a) > 1]", "unknown-function", "coutn(a)", "“coutn”应为“count”？"),
        ("乱七八糟(x)", "unknown-function", "乱七八糟(x)", "请检查函数的名称"),
        ("count(a, b)", "arguments", "count(a, b)", "应为 count(list: 列表)"),
        (
            "substring(string: a, start: 1)",
            "arguments",
            "substring(string: a, start: 1)",
            "“start position”？",
        ),
        ("string length(5)", "arguments", "string length(5)", "string: 文字"),
        ("5(x)", "no-function", "5(x)", "不是函数"),
        ("(function(a) a)(1, 2)", "arguments", "(function(a) a)(1, 2)", "应有 1 个参数"),
        ("if 5 then 1 else 2", "not-boolean", "5", "只会走 else"),
        ("if null then 1 else 2", "not-boolean", "null", "只会走 else"),
        ('a and "是"', "not-boolean", '"是"', "不是真假"),
        ("a or 1", "not-boolean", "1", "不是真假"),
        ("some x in xs satisfies count(x)", "not-boolean", "count(x)", "不是真假"),
        ('xs["a"]', "filter", 'xs["a"]', "永远选不出内容"),
        ('@"2026-02-30"', "literal", '@"2026-02-30"', "没有这一天"),
        ('date("2026-02-30")', "literal", 'date("2026-02-30")', "没有这一天"),
        ('duration("3天")', "literal", 'duration("3天")', "不是时长"),
        ('matches(x, "[a")', "literal", 'matches(x, "[a")', "缺少“]”"),
        ("today().yaer", "property", "today().yaer", "日期没有“yaer”这一项。是不是“year”？"),
        ('@"P1D".years', "property", '@"P1D".years', "可用的有：days、hours、minutes、seconds"),
        ("[1..2].first", "property", "[1 .. 2].first", "区间没有“first”"),
        ("{金额: 1}.金客", "property", "{金额: 1}.金客", "没有“金客”这一项。是不是“金额”？"),
        ("{a: 1, a: 2}", "duplicate-key", "{a: 1, a: 2}", "重复的键：“a”"),
        ("x instance of nunber", "unknown-type", "x instance of nunber", "是不是“number”？"),
        ('for i in 1.."b" return i', "iteration", "1", "不能逐个列举"),
        ('for i in ["a".."b"] return i', "iteration", '["a" .. "b"]', "不能逐个列举"),
        ("for i in null return i", "iteration", "null", "不是列表"),
    ],
)
def test_what_can_only_go_wrong_is_found(text: str, code: str, part: str, says: str) -> None:
    ((found, expression, message),) = defects(text)
    assert (found, expression) == (code, part)
    assert says in message and message.endswith(("。", "？")) and (part in message or code == "iteration")


@pytest.mark.parametrize(
    "text",
    [
        '金额 > 1000 and 类别 in ("甲", "乙")',
        "if x = null then 0 else x",
        'x instance of number and string(x) + "元" != null',
        "count(xs[count(item) > 1]) > 0",
        "count(5) + sum(1, 2) + min([1, 2])",
        'today() + duration("P1M") > @"2026-01-01"',
        "for i in 1..3, j in i..5 return {i: i, j: i + j}",
        "xs[-1].a.b",
        "sort(xs, function(a, b) a.n < b.n)",
        "x in (null, < 5, [1..3], not(7))",
        "string length(x[1]) > 3",
        'date and time(date: today(), time: @"08:00:00")',
        'range(from: "[1..3]")',
        "{count: 5, n: count + 1}",
        "{f: function(a) a + 1, n: f(1)}",
        'xs[名 = "甲" or 旧]',
    ],
)
def test_nothing_is_said_of_what_may_work(text: str) -> None:
    assert defects(text) == []


def test_one_fault_is_told_once() -> None:
    assert [code for code, _, _ in defects('(1 + "元") * 2 > 3')] == ["types"]
    assert [code for code, _, _ in defects("string length(-true) = 3")] == ["types"]


def test_cells_are_asked_about_the_value_that_they_test() -> None:
    cell = tree.Type("number")
    assert [d[1] for d in defects('"甲", > "乙", 5, [1..3], - 1', cell=True, **{"?": cell})] == [
        '"甲"',
        '> "乙"',
    ]
    assert [d[1] for d in defects("true", cell=True, **{"?": cell})] == ["true"]
    assert defects("a > b, ? > 5 and c, null", cell=True, **{"?": cell}) == []


def test_types_and_uses_of_names() -> None:
    told = compile('if 紧急 then 金额 * 2 > 1000 else 状态 = "急" and count(名单[分 > 5]) > 1').analysis
    assert told.type == BOOLEAN
    assert told.names == {"紧急": BOOLEAN, "金额": None, "状态": STRING, "名单": None}
    assert told.possible == {"分"}
    assert analyse(parse("a + 1 > 5 and string length(s) > b and a > 2")).names == {
        "a": NUMBER,
        "s": STRING,
        "b": NUMBER,
    }
    assert analyse(parse('a > 1 and a = "x"')).names == {"a": None}
    assert analyse(parse('[xs, ["a"], []]'), NAMES, TYPES).type == tree.ListType("list", tree.Type("list"))
    assert analyse(parse("rows[a > 1][1].s"), NAMES, TYPES).type == STRING
    assert analyse(parse("rows.s"), NAMES, TYPES).type == tree.ListType("list", STRING)
    assert analyse(parse("d - d"), NAMES, TYPES).type == tree.Type("days and time duration")
    assert analyse(parse('1 + "a"')).type == tree.Type("Null")


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("-x", NUMBER),
        ("x - 1", NUMBER),
        ('x + "元"', STRING),
        ("x >= 5", NUMBER),
        ("5 = x", NUMBER),
        ("x and y", BOOLEAN),
        ("x between 1 and y", NUMBER),
        ('x in ("a", "b")', STRING),
        ("x in [1..5]", NUMBER),
        ("5 in (< x)", NUMBER),
        ("if x then 1 else 2", BOOLEAN),
        ("for i in x return i", tree.Type("list")),
        ("for i in x..y return i", NUMBER),
        ("every i in [1] satisfies x", BOOLEAN),
        ("count(x)", tree.Type("list")),
        ("sum(x)", tree.Type("list")),
        ("substring(string: x, start position: 1)", STRING),
        ("x * y", None),  # a duration may be multiplied too
        ("x.y", None),
        ("x[1]", None),
        ("string(x)", None),
        ("date(x)", None),
        ('x + 1 = 2 or x = "a"', None),
    ],
)
def test_what_a_name_is_used_as(text: str, type_: tree.Type | None) -> None:
    assert compile(text).analysis.names["x"] == type_


def test_a_name_of_a_given_type_keeps_it() -> None:
    assert analyse(parse("u + n"), {"n": STRING, "u": None}).names == {"n": STRING, "u": STRING}


def test_types_in_types_must_be_known() -> None:
    for text in ("list<nunber>", "range<nunber>", "context<a: nunber>", "function<nunber> -> string"):
        assert [code for code, _, _ in defects(f"x instance of {text}")] == ["unknown-type"]
    assert defects("x instance of list<context<a: 行>>") == []


def test_deep_and_wide_expressions_cost_no_more_than_they_are_long() -> None:
    assert compile("+".join(["1"] * 240)).analysis.type == NUMBER
    nested = "for i in " * 60 + "[1]" + " return i" * 60
    assert compile(nested).analysis.type is not None


def test_types_that_share_parts_are_compared_with_little_work() -> None:
    """Written out they are 2 ** 60 entries long."""
    entries = ",".join(f"{of}{n}: {{x: {of}{n - 1}, y: {of}{n - 1}}}" for n in range(1, 60) for of in "ab")
    told = compile(f"{{a0: 1, b0: 1, {entries}, z: [a59, b59]}}.z").analysis
    assert told.type is not None
    assert told.type.name == "list"
