"""Odd but legal expressions, and illegal ones, by the numbers of the grammar rules (DMN 1.5, 10.3.1.2)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from engine.feel import FeelSyntaxError, Range, compile_unary_tests, evaluate

D = Decimal
NAMES: dict[str, Any] = {
    "a": 1,
    "b": 2,
    "a-b": 10,
    "x": [1, 2, 3],
    "Profit and loss": 5,
    "what if?": 6,
    "a’b": 7,
    "Mike's": 8,
    "km/h": 9,
    "Profit 5": 55,
    "C++": 11,
    "e*v": 12,
    "v2.0": 13,
    "Grundstück (m²)": 14,
    "instance": 15,
    "of": 16,
    "list": 17,
    "range": 18,
    "context": 19,
    "something": 20,
    "android": 21,
    "trueish": 22,
    "p": {"in": 3, "start included": 5},
}
LEGAL = [
    # 2: precedence
    ("2h", "1 + 2 * 3 ** 2", 19),
    ("2", "2 ** 3 ** 2", 64),
    ("2", "-4 ** 2", 16),
    ("2", "-(4 ** 2)", -16),
    ("2", "10 - 4 - 3", 3),
    ("2", "64 / 4 / 2", 8),
    ("2", "true or false and false", True),
    ("2", "1 + 2 = 3 and 4 > 3", True),
    ("2", "1 < 2 = true", True),
    ("2", "2 * if true then 3 else 4", 6),
    ("2", "if false then 1 else 2 + 3", 5),
    ("2f", "3 = 3 instance of number", None),
    ("2g", "-x[1]", -1),
    # 7 and 8: ranges are values
    ("7a", "< 5", Range(None, D(5), False, False, "<")),
    ("7a", "{r: >= 5}.r.start", 5),
    ("7a", "count([< 5, > 9])", 2),
    ("7a", "(<= 10).end included", True),
    ("7a", "coincides(< 2, (< 2))", True),
    ("7a", "includes(> 1, 2)", True),
    ("7a", "3 in < 5", True),
    ("7a", "[7, 3, 1][item in (< 2, > 6)]", [7, 1]),
    ("8", "(1..3) = ]1..3[", True),
    ("8", "[1..3[ = [1..3)", True),
    ("8", "2 in ]1..3]", True),
    ("16", "3 in [a..a + b]", True),
    ("16", "3 in [x[1]..x[3]]", True),
    # 25 to 30: names
    ("25", "Profit   and\n loss + 1", 6),
    ("25", "what if? * 2", 12),
    ("30", "a-b", 10),
    ("30", "a - b", 10),
    ("30", "(a)-(b)", -1),
    ("30", "a’b + Mike's + km/h", 24),
    ("30", "C++ + e*v + v2.0", 36),
    ("29", "Profit 5 - 5", 50),
    ("28", "{_: 1, ?x: 2, y: _ + ?x}.y", 3),
    ("10.3.1.4", "list + range + context", 54),
    ("10.3.1.4", "something + android + trueish", 63),
    ("10.3.1.4", "instance + of", 31),
    ("43", "p.in + 1", 4),
    ("43", "p.start included", 5),
    # 33, 64: strings
    ("64", r'"\"\\\'\n\r\t"', "\"\\'\n\r\t"),
    ("64", r'"\u0041\U01F40E"', "A🐎"),
    ("33", r'matches("a1", "\w\d")', True),
    # 35: numbers
    ("35", "1.5e3 + 1E+2 + 25e-1", D("1602.5")),
    ("35", ".5 + 0.5", 1),
    ("35", "1-1", 0),
    ("35", "1--1", 2),
    ("35", "-1 instance of number", True),
    ("35", "-.5e1", -5),
    # 38 to 42: invocation
    ("40", "(function(a-b, n 2) a-b * n 2)(n 2: 3, a-b: 4)", 12),
    ("40", "(function(a.b, c+d) a.b - c+d)(c + d: 1, a.b: 3)", 2),
    ("40", "(function(x, y) y)(x: 1)", None),
    ("38", "{f: function() function(x) x + 1}.f()(2)", 3),
    ("42", "max(x[1], -x[2])", 1),
    # 44 to 46, 63: iteration
    ("63", "for i in 1..3 return i", [1, 2, 3]),
    ("63", "for i in 3..1, j in [i] return i * j", [9, 4, 1]),
    ("63", "for i in -1..a return i", [-1, 0, 1]),
    ("63", "for i in .5...5 return i", None),
    ("44", "for partial in [4] return 1", [1]),
    ("46", "some i in x, j in x satisfies i + j = 6", True),
    ("46", "every i in x satisfies some j in x satisfies i = j", True),
    # 49: comparison
    ("49b", "2 between 1 and 3 and true", True),
    ("49c", "2 in x and 5 in 5", True),
    ("49c", "5 in [[1..3], [4..6]]", True),
    ("49d", "5 in (1, [4..6], > 9)", True),
    ("49c", "5 in (? > 4)", True),
    # 52: types
    ("52", "[[1]] instance of list<list<number>>", True),
    ("52", "(function(x: number) x) instance of function<number> -> Any", True),
    ("52", "{a: 1, b c: 2} instance of context<a: number, b c: number>", True),
    # 54 to 59: boxed expressions
    ("57", "{}", {}),
    ("59", '{"if": 1, "": 2, a b-c: 3}', {"if": 1, "": 2, "a b-c": 3}),
    ("59", "{q-r: 1, s**t: 2, u: q-r + s**t}.u", 3),
    ("54", "[[], [[]]]", [[], [[]]]),
    # 61, 62 and comments
    ("61", "a\ufeff+\u180eb\u3000+\xa01", 4),
    ("61", '@\n"2026-04-30"', date(2026, 4, 30)),
    ("comments", "1 /* / * ** // */ + 1 // + 1", 2),
    ("comments", "1 /**/ + /***/ 1 //", 2),
]
ILLEGAL = [
    ("2", "1 +"),
    ("2", "1 + * 2"),
    ("2", "(1, 2)"),
    ("2", "()"),
    ("7a", "1 = < 2"),
    ("8", "[1..2"),
    ("8", "1..2"),
    ("8", "[1..2..3]"),
    ("26", "{if: 1}"),
    ("26", "{null: 1}"),
    ("26", "for not in [1] return 1"),
    ("26", "function(true) 1"),
    ("33", '"a\nb"'),
    ("33", '"a\x0cb"'),
    ("33", '"a\\"'),
    ("35", "1."),
    ("35", "1.2.3"),
    ("35", "1e"),
    ("40", "max(a: 1, 2)"),
    ("40", "max(1: 2)"),
    ("42", "max(,1)"),
    ("43", "a."),
    ("45", "if a then b"),
    ("46", "some a satisfies b"),
    ("49b", "a between 1"),
    ("49d", "a in ()"),
    ("51", "1 instance of"),
    ("51", "1 instance number"),
    ("52", "1 instance of list<"),
    ("52", "1 instance of function<number>"),
    ("55", "function x"),
    ("57", "{a: 1,}"),
    ("58", "{a 1}"),
    ("61", "1\x1c+ 1"),
    ("65", "@2026"),
    ("comments", "1 /* one"),
]


@pytest.mark.parametrize(("rule", "source", "expected"), LEGAL, ids=[f"{c[0]}-{c[1]}" for c in LEGAL])
def test_legal(rule: str, source: str, expected: Any) -> None:
    found = evaluate(source, NAMES)
    assert found == expected
    assert (type(found) is bool) == (type(expected) is bool)


@pytest.mark.parametrize(("rule", "source"), ILLEGAL, ids=[f"{c[0]}-{c[1]}" for c in ILLEGAL])
def test_illegal(rule: str, source: str) -> None:
    with pytest.raises(FeelSyntaxError):
        evaluate(source, NAMES)


def test_a_keyword_keeps_its_meaning_whatever_the_data_are_called() -> None:
    """A name does not start with a literal terminal symbol (10.3.1.4)."""
    values = {"null": 1, "true": False, "if a": 2, "some i": 3, "not": 4, "a": True}
    assert evaluate("null", values) is None
    assert evaluate("true", values) is True
    assert evaluate("if a then 1 else 2", values) == 1
    assert evaluate("some i in [1] satisfies not(false)", values) is True


@pytest.mark.parametrize(
    ("cell", "value", "expected"),
    [
        ("> 5, not(3)", 6, True),  # 15a: not(3) is a call here
        ("not(< 5, [7..8])", 6, True),  # 15b
        ("not(< 5, [7..8])", 7, False),
        (" - ", 5, True),  # 15c
        ("/* any */ -", 5, True),
        ("-5", -5, True),
        ("- 5", -5, True),
        ("not()", 1, False),  # no unary tests: a call without arguments
        ("not(true)", False, True),
        ("]1..5[, 7", 7, True),
        ("[1..5[", 5, False),
        ("x", 2, True),
        ("a + 1", 2, True),
        ("? in x and ? > 1", 3, True),
        ("[1, 2], [< 5]", 4, True),
        ("if ? > 1 then true else false", 2, True),
        ("null", None, True),
    ],
)
def test_cell(cell: str, value: Any, expected: bool) -> None:
    assert compile_unary_tests(cell, NAMES).matches(value, NAMES) is expected


@pytest.mark.parametrize(
    ("clause", "source"),
    [
        ("10.3.2.7", "[3..1]"),
        ("10.3.2.7", "(a + b..a)"),
        ("10.3.2.7", '[1.."a"]'),
        ("10.3.2.7", "for i in [3..1] return i"),
        ("table 61", "[1] instance of list"),
        ("table 61", "[[1]] instance of list<list>"),
        ("table 61", "{} instance of context"),
        ("table 61", "[1..2] instance of range"),
        ("table 61", "count instance of function"),
        ("table 61", "null instance of list"),
        ("table 61", "1 instance of something"),
        ("table 68", "x[1.5]"),
        ("table 74", 'substring("abc", 1.5)'),
    ],
)
def test_null_with_a_reason(clause: str, source: str) -> None:
    warnings: list[str] = []
    values = {"a": 1, "b": 2, "x": [1, 2]}
    assert evaluate(source, values, warnings=warnings) is None
    assert warnings


@pytest.mark.parametrize("value", [None, 0, 1, 2, 3, 4, "a"])
def test_nothing_is_in_what_is_no_range(value: Any) -> None:
    """``e in [3..1]`` is ``e >= 3 and e <= 1`` (table 55), which nothing passes, null neither."""
    for cell in ("[3..1]", "[c..a]", "[c..?]", '[1.."a"]'):
        assert compile_unary_tests(cell).matches(value, {"a": 1, "c": 5}) is False
    assert compile_unary_tests("[?..?]").matches(value, {}) is (value is not None)


@pytest.mark.parametrize("cell", ["", "-, 5", "5,", "not(5", "<", "1..5", "= = 5"])
def test_illegal_cell(cell: str) -> None:
    with pytest.raises(FeelSyntaxError):
        compile_unary_tests(cell)
