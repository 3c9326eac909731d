"""Which value is of which type, and what is converted on the way (DMN 1.5, 10.3.2.7, 10.3.2.9 and table 61)."""

from __future__ import annotations

from typing import Any

import pytest

from engine.feel import Run, conformed, evaluate, is_instance
from engine.feel.tree import ContextType, ListType, RestrictedType, Type
from engine.feel.types import conforms

NUMBER, STRING, ANY = Type("number"), Type("string"), Type("Any")
TYPES: dict[str, Type] = {
    "年龄": RestrictedType("年龄", NUMBER, lambda value, run: value < 200),
    "年龄列表": ListType("年龄列表", Type("年龄")),
    "人": ContextType("人", (("姓名", STRING), ("孩子", ListType("孩子", Type("人"))))),
    "自己": Type("自己"),
}
RUN = Run(types=TYPES)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("123 instance of number", True),
        ('"1" instance of number', False),
        ("null instance of Null", True),
        ("null instance of Any", False),
        ("1 instance of Any", True),
        ("1 instance of nothing", None),
        ("null instance of nothing", None),
        ('@"2026-01-01" instance of date and time', False),
        ('@"P1Y" instance of years and months duration', True),
        ("[1, null] instance of list<number>", True),
        ("[] instance of list<string>", True),
        ('[1, "a"] instance of list<number>', False),
        ("[[1]] instance of list<list<number>>", True),
        ("1 instance of list<number>", False),
        ("{a: 1, b: 2} instance of context<a: number>", True),
        ("{a: null} instance of context<a: string>", True),
        ("{b: 1} instance of context<a: number>", False),
        ("[1..2] instance of range<number>", True),
        ("(< 2) instance of range<number>", True),
        ('["a".."b"] instance of range<number>', False),
        # Functions take as much, and give as little, as is wanted (10.3.2.9.2).
        ("(function(x: number) x) instance of function<number> -> Any", True),
        ("(function(x) x) instance of function<number> -> number", True),
        ("(function(x: Any) x) instance of function<number> -> number", True),
        ("(function(x: number) x) instance of function<Any> -> number", False),
        ("(function(x: string) x) instance of function<number> -> Any", False),
        ("(function(x) x) instance of function<> -> Any", False),
        ("abs instance of function<number> -> number", True),
        ("abs instance of function<string> -> number", False),
        ("sum instance of function<list<number>> -> number", True),
        ("sum instance of function<number, number> -> number", True),
        ("count instance of function<list<Any>> -> string", False),
        ("1 instance of function<> -> Any", False),
    ],
)
def test_instance_of(expression: str, expected: bool | None) -> None:
    warnings: list[str] = []
    assert evaluate(expression, {}, warnings=warnings) is expected
    assert (expected is None) == bool(warnings)


def test_allowed_values_are_asked_of_data_not_by_instance_of() -> None:
    assert is_instance(300, Type("年龄"), RUN) is True
    assert conformed(300, Type("年龄"), RUN) == (False, None)
    assert conformed([30], Type("年龄"), RUN) == (True, 30)
    assert conformed(30, Type("年龄列表"), RUN) == (True, [30])
    assert conformed([30, 300], Type("年龄列表"), RUN) == (False, None)


def test_a_type_may_contain_itself() -> None:
    child = {"姓名": "小明", "孩子": []}
    assert is_instance({"姓名": "老王", "孩子": [child, None]}, Type("人"), RUN) is True
    assert is_instance({"姓名": "老王", "孩子": [{"姓名": 1, "孩子": []}]}, Type("人"), RUN) is False
    assert is_instance(1, Type("自己"), RUN) is None
    assert conforms(Type("人"), Type("人"), TYPES)


@pytest.mark.parametrize(
    ("type_", "to", "expected"),
    [
        # Table 44
        (NUMBER, NUMBER, True),
        (STRING, Type("date"), False),
        (Type("date"), Type("date and time"), False),
        (ContextType("a", (("x", NUMBER), ("y", STRING))), ContextType("b", (("x", NUMBER),)), True),
        (ContextType("b", (("x", NUMBER),)), ContextType("a", (("x", NUMBER), ("y", STRING))), False),
        (ListType("l", NUMBER), ListType("l", ANY), True),
        (ListType("l", ANY), ListType("l", NUMBER), False),
        (Type("Null"), STRING, True),
        (Type("年龄"), NUMBER, True),
    ],
)
def test_conformance(type_: Type, to: Type, expected: bool) -> None:
    assert conforms(type_, to, TYPES) is expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(function(x: list<number>) x)(1)", [1]),
        ("(function(x: number) x)([1])", 1),
        ("(function(x: number) x)([1, 2])", None),
        ('(function(x: number) x)("1")', None),
        ("(function(x: number) x = null)(null)", True),
        ('(function(x: date and time) string(x))(@"2026-01-01")', "2026-01-01T00:00:00Z"),
        ("3[item > 2]", [3]),
        ("3[1]", 3),
    ],
)
def test_conversion(expression: str, expected: Any) -> None:
    assert evaluate(expression, {}) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # Table 53: the same ends by the same operator or signs.
        ("(< 10) = (< 10)", True),
        ("(!= 10) = (!= 10)", True),
        ("(< 10) = (<= 10)", False),
        ("(< 10) = (null..10)", False),
        ("(>= 10) = [10..null)", False),
        ("(= 10) = [10..10]", False),
        ("(1..10] = ]1..10]", True),
        ("[1..10] = [1..11]", False),
        # Table 42 and 67
        ("(< 10).start", None),
        ("(< 10).start included", False),
        ("(>= 10).start included", True),
        ("[1..10).end", 10),
        # Table 55
        ("5 in (!= 4)", True),
        ("(function(r) 5 in r)((> 4))", True),
        ("5 in [null..10]", None),
        ("null in [1..10]", None),
        ('"b" in ["a".."c"]', True),
        ("3 in [[1..2], [3..4]]", True),
    ],
)
def test_ranges(expression: str, expected: Any) -> None:
    assert evaluate(expression, {}) == expected
