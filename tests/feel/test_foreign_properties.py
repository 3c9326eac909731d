"""Whatever Python object is among the data, no method of its own is called, and what comes out are values of FEEL."""

from __future__ import annotations

import io
import sys
from collections import OrderedDict, UserDict, defaultdict, namedtuple
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.feel import Expression, FeelLimitError, Function, Range, evaluate
from engine.feel.values import KINDS
from tests.feel.test_trees import expressions

CALLED: list[str] = []
METHODS = [
    *(
        "__getattr__",
        "__getitem__",
        "__iter__",
        "__len__",
        "__contains__",
        "__call__",
        "__bool__",
        "__index__",
    ),
    *(
        "__eq__",
        "__ne__",
        "__lt__",
        "__le__",
        "__gt__",
        "__ge__",
        "__str__",
        "__repr__",
        "__format__",
        "__float__",
    ),
    *(
        "__int__",
        "__add__",
        "__radd__",
        "__sub__",
        "__rsub__",
        "__mul__",
        "__rmul__",
        "__neg__",
        "__pow__",
        "__next__",
    ),
    *(
        "__truediv__",
        "__rtruediv__",
        "__rpow__",
        "__abs__",
        "__round__",
        "__trunc__",
        "__floor__",
        "__enter__",
    ),
    *(
        "keys",
        "values",
        "items",
        "get",
        "copy",
        "upper",
        "lower",
        "startswith",
        "split",
        "year",
        "month",
        "days",
    ),
]


def spying(base: type, *leave_out: str) -> type:
    """A subclass, each method of which leaves a note."""

    def method(name: str) -> Any:
        def noted(self: Any, *arguments: Any, **named: Any) -> Any:
            CALLED.append(f"{base.__name__}.{name}")
            raise AssertionError(name)

        return noted

    return type(
        f"Spying{base.__name__}",
        (base,),
        {name: method(name) for name in METHODS if name not in leave_out} | {"__hash__": base.__hash__},
    )


def generator() -> Any:
    CALLED.append("generator")
    yield 1


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Plain(Enum):
    ONE = 1


Point = namedtuple("Point", "x y")
FOREIGN: dict[str, Any] = {
    "object": spying(object)(),
    "class": spying(object),
    "type": type,
    "module": sys,
    "function": print,
    "lambda": lambda: CALLED.append("lambda"),
    "method": "a".upper,
    "generator": generator(),
    "file": io.StringIO("secret"),
    "exception": ValueError("x"),
    "bytes": b"x",
    "set": {1},
    "range": range(3),
    "complex": 1j,
    "fraction": Fraction(1, 3),
    "enum": Plain.ONE,
    "ellipsis": ...,
    "type of numbers": Decimal,
}
PLAIN: list[tuple[Any, Any]] = [
    (spying(str)("red"), "red"),
    (spying(int)(3), 3),
    (spying(float)(2.5), Decimal("2.5")),
    (spying(Decimal)("2.5"), Decimal("2.5")),
    (spying(list)([1, 2]), [1, 2]),
    (spying(tuple)((1, 2)), [1, 2]),
    (spying(dict)({"a": 1}), {"a": 1}),
    (spying(date)(2026, 1, 31), date(2026, 1, 31)),
    (spying(datetime)(2026, 1, 31, 8, tzinfo=UTC), datetime(2026, 1, 31, 8, tzinfo=UTC)),
    (spying(time)(8, 30), time(8, 30)),
    (spying(timedelta)(3), timedelta(3)),
    (Colour.RED, "red"),
    (Level.HIGH, 3),
    (Point(1, 2), [1, 2]),
    (OrderedDict(a=1), {"a": 1}),
    (defaultdict(list, a=1), {"a": 1}),
    (MappingProxyType({"a": 1}), {"a": 1}),
    (UserDict(a=1), {"a": 1}),
    (True, True),
]
NONE = [
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("Infinity"),
    Decimal("-Infinity"),
    Decimal("1e99999"),
    Decimal("1e-99999"),
    Decimal("0e-999999999"),
    float("nan"),
    float("inf"),
    float("-inf"),
    10**10_000,
    -(10**1_000_000),
]
USES = [
    "x", "[x]", "{a: x}", "x.a", "x.__class__", "x.__init__.__globals__", "x[1]", "x[a > 1]", "x[item = 1]", "x()", "x(1)",
    "x = x", "x != 1", "x < x", "[x] = [x]", "{a: x} = {a: x}", "x + x", "x - 1", "x * 2", "x / 2", "x ** 2", "-x",
    "x and true", "x or false", "not(x)", "if x then 1 else 2", "for i in x return i", "for i in 1..x return i",
    "some i in x satisfies i = x", "every i in [x] satisfies i", "x in (x, 1)", "x in [1..5]", "1 in x", "x between 1 and 2",
    "x instance of number", "x instance of list<number>", "x instance of context<a: number>", "[1..x]", "(< x)",
    "string(x)", "string([x])", "string({a: x})", "number(x)", "date(x)", "time(x)", "date and time(x)", "duration(x)",
    "count(x)", "sum(x)", "sum([x])", "min(x)", "max([x, x])", "mean(x)", "median(x)", "mode(x)", "stddev(x)", "sort(x)",
    "sort([x, x], function(a, b) a < b)", "distinct values([x, x])", "union([x], [x])", "flatten([x, [x]])", "reverse(x)",
    "index of([x], x)", "list contains([x], x)", "concatenate(x, [x])", "append(x, x)", "sublist([x], 1)", "all(x)", "any([x])",
    "substring(x, 1)", "upper case(x)", "contains(x, x)", "split(x, \"a\")", "matches(x, \"a\")", "replace(x, \"a\", \"b\")",
    "string join([x])", "string join([x], x)", "get value(x, \"a\")", "get entries(x)", "context put({}, \"a\", x)",
    "context merge([x, x])", "context([{key: \"a\", value: x}])", "context([{key: x, value: 1}])", "abs(x)", "floor(x)",
    "modulo(x, 2)", "decimal(x, 2)", "exp(x)", "log(x)", "sqrt(x)", "odd(x)", "day of week(x)", "is(x, x)", "before(x, x)",
    "coincides(x, x)", "range(x)", "list replace([x], 1, x)", "x.year", "x.start", "decimal(1, x)", "substring(\"abc\", x)",
]  # fmt: skip


def check(value: Any) -> None:
    """Nothing but values of FEEL, all the way down."""
    assert (type(value) in KINDS and type(value) is not float) or isinstance(value, Function), type(value)
    if type(value) is list:
        for item in value:
            check(item)
    elif type(value) is dict:
        for key, item in value.items():
            assert type(key) is str
            check(item)
    elif isinstance(value, Range):
        check(value.start)
        check(value.end)
    elif type(value) is Decimal:
        assert value.is_finite()


@pytest.fixture(autouse=True)
def nothing_called() -> Any:
    CALLED.clear()
    yield
    assert CALLED == []


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_objects(name: str) -> None:
    thing = FOREIGN[name]
    for data in (thing, [thing], {"a": thing}, [thing, 1], {"a": [thing], 3: thing}):
        for expression in USES:
            check(evaluate(expression, {"x": data}, warnings=[]))
    assert evaluate("x", {"x": thing}) is None
    assert evaluate("string([x])", {"x": thing}) == evaluate("string(x)", {"x": [thing]}) == "[null]"


@pytest.mark.parametrize(("thing", "plain"), PLAIN, ids=[type(t).__name__ for t, _ in PLAIN])
def test_subclasses_are_their_plain_part(thing: Any, plain: Any) -> None:
    found = evaluate("x", {"x": thing})
    check(found)
    assert type(found) is type(plain) and found == plain
    assert evaluate("x", {"x": [thing]}) == [plain]
    for expression in USES:
        check(evaluate(expression, {"x": thing}, warnings=[]))
        check(evaluate(expression, {"x": [thing, {"a": thing}]}, warnings=[]))


@pytest.mark.parametrize(
    "thing", NONE, ids=lambda n: f"{type(n).__name__} {n}" if type(n) is not int else "int"
)
def test_numbers_beyond_decimal128_are_null(thing: Any) -> None:
    assert evaluate("x", {"x": thing}) is None
    assert evaluate("[x, x + 1, x > 1]", {"x": thing}) == [None, None, None]
    assert evaluate("string(x)", {"x": [thing]}) == "[null]"
    for expression in USES:
        check(evaluate(expression, {"x": thing}, warnings=[]))
        check(evaluate(expression, {"x": [thing]}, warnings=[]))


@pytest.mark.parametrize(
    "text", ["\ud800", "\udfff\ud800", "a\0b", "\r", "\ufeff", "\u202e", "e\u0301", "👨‍👩‍👧"]
)
def test_strange_texts(text: str) -> None:
    for expression in USES:
        check(evaluate(expression, {"x": text, text: 1}, warnings=[]))
    assert evaluate("x", {"x": text}) == text
    assert evaluate("string length(x)", {"x": text}) == len(text)


def test_long_numbers_are_rounded_when_used() -> None:
    digits = Decimal("0." + "1" * 1_000_000)
    assert evaluate("x + 0", {"x": digits}) == Decimal("0." + "1" * 34)
    assert evaluate("x > 0.1", {"x": digits}) is True


THINGS = [*FOREIGN.values(), *(thing for thing, _ in PLAIN), *NONE, "a", 1, None, date(2026, 1, 1)]
values = st.recursive(
    st.integers(0, len(THINGS) - 1).map(lambda index: THINGS[index]),  # hypothesis looks into what it samples
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(("x", "full name", "起 止", 1, None)), inner, max_size=3),
    ),
    max_leaves=4,
)
names = ("金额", "类别", "A Person", "x", "first-name", "a.b", "下属 单位", "?", "在and岗")


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(expressions, st.fixed_dictionaries(dict.fromkeys(names, values)))
def test_any_expression_over_any_data(node: Any, data: Mapping[str, Any]) -> None:
    try:
        value = Expression("", node).evaluate(data, [])
    except FeelLimitError:
        return
    check(value)
