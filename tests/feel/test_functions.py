"""The built-in functions by the examples of the standard (DMN 1.5, tables 72 to 82), and what it says of arguments they do not take."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from engine.feel import Range, YearsMonthsDuration, evaluate

EXAMPLES: list[tuple[str, Any]] = [
    # table 72: conversion
    ('date("2012-12-25") - date("2012-12-24")', timedelta(days=1)),
    ('date(date and time("2012-12-25T11:00:00Z"))', date(2012, 12, 25)),
    ('date(2012, 12, 25) = date("2012-12-25")', True),
    ('date and time(date("2012-12-24"), time("23:59:00")) = date and time("2012-12-24T23:59:00")', True),
    ('time("23:59:00z") + duration("PT2M") = time("00:01:00@Etc/UTC")', True),
    ('time(date and time("2012-12-25T11:00:00Z")) = time("11:00:00Z")', True),
    ('time("23:59:00z") = time(23, 59, 0, duration("PT0H"))', True),
    ("time(23, 59, 0) = time(23, 59, 0, null)", True),
    ('number("1 000,0", " ", ",") = number("1,000.0", ",", ".")', True),
    ('number("1.000.000,01", ".", ",")', D("1000000.01")),
    ("string(1.1)", "1.1"),
    ("string(null)", None),
    ('duration("P2Y2M") = duration("P26M")', True),
    ('years and months duration(date("2011-12-22"), date("2013-08-24"))', YearsMonthsDuration(20)),
    ('range("[18..21)") = [18..21)', True),
    ('range("[2..)") = (>= 2)', True),
    ('range("(..2)") = (< 2)', True),
    ('range("(..2]")', Range(None, D(2), False, True, "<=")),
    ('range("")', None),
    ('range("[..]")', None),
    ('range("[..2]")', None),
    # table 73: boolean
    ("not(true)", False),
    ("not(null)", None),
    # table 74: strings
    ('substring("foobar", 3)', "obar"),
    ('substring("foobar", 3, 3)', "oba"),
    ('substring("foobar", -2, 1)', "a"),
    (r'substring("\U01F40Eab", 2)', "ab"),
    (r'string length("\U01F40Eab")', 3),
    ('upper case("aBc4")', "ABC4"),
    ('lower case("aBc4")', "abc4"),
    ('substring before("foobar", "bar")', "foo"),
    ('substring before("foobar", "xyz")', ""),
    ('substring after("foobar", "ob")', "ar"),
    ('substring after("", "a")', ""),
    ('replace("banana", "a", "o")', "bonono"),
    ('replace("abcd", "(ab)|(a)", "[1=$1][2=$2]")', "[1=ab][2=]cd"),
    ('contains("foobar", "of")', False),
    ('starts with("foobar", "fo")', True),
    ('ends with("foobar", "r")', True),
    ('matches("foobar", "^fo*b")', True),
    (r'split("John Doe", "\\s")', ["John", "Doe"]),
    ('split("a;b;c;;", ";")', ["a", "b", "c", "", ""]),
    ('string join(["a","b","c"], "_and_")', "a_and_b_and_c"),
    ('string join(["a",null,"c"], "X")', "aXc"),
    ('string join(["a","b"], null)', "ab"),
    ("string join([])", ""),
    # table 75: lists
    ("list contains([1,2,3], 2)", True),
    ("list contains([1,null], null)", True),
    ("count([1,[2,3]])", 2),
    ("count([])", 0),
    ("min([1,2,3])", 1),
    ("min(1)", 1),
    ("max(1,2,3)", 3),
    ("max([])", None),
    ("sum(1,2,3)", 6),
    ("sum([])", None),
    ("mean([1,2,3])", 2),
    ("mean([])", None),
    ("all([false,null,true])", False),
    ("all([])", True),
    ("all(0)", None),
    ("any([false,null,true])", True),
    ("any([])", False),
    ("any(0)", None),
    ("sublist([4,5,6], 1, 2)", [4, 5]),
    ("append([1], 2, 3)", [1, 2, 3]),
    ("append([1], null)", [1, None]),
    ("concatenate([1,2],[3])", [1, 2, 3]),
    ("insert before([1,3],1,2)", [2, 1, 3]),
    ("remove([1,2,3], 2)", [1, 3]),
    ("list replace([2,4,7,8], 3, 6)", [2, 4, 6, 8]),
    ("list replace([2,4,7,8], function(item, newItem) item < newItem, 5)", [5, 5, 7, 8]),
    ("reverse([1,2,3])", [3, 2, 1]),
    ("index of([1,2,3,2],2)", [2, 4]),
    ("union([1,2],[2,3])", [1, 2, 3]),
    ("distinct values([1,2,3,2,1])", [1, 2, 3]),
    ("flatten([[1,2],[[3]], 4])", [1, 2, 3, 4]),
    ("product([2,3,4])", 24),
    ("product([])", None),
    ("median(8, 2, 5, 3, 4)", 4),
    ("median([6, 1, 2, 3])", D("2.5")),
    ("median([])", None),
    ("stddev(2, 4, 7, 5)", D("2.081665999466132735282297706979931")),
    ("stddev([47])", None),
    ("mode(6, 3, 9, 6, 6)", [6]),
    ("mode([6, 1, 9, 6, 1])", [1, 6]),
    ("mode([])", []),
    # table 76: numbers
    ("decimal(1/3, 2)", D("0.33")),
    ("decimal(1.5, 0)", 2),
    ("decimal(2.5, 0)", 2),
    ("floor(-1.56, 1)", D("-1.6")),
    ("ceiling(-1.56, 1)", D("-1.5")),
    ("floor(1.5, null)", None),
    ("round up(-1.126, 2)", D("-1.13")),
    ("round down(-1.126, 2)", D("-1.12")),
    ("round half up(-5.5, 0)", -6),
    ("round half down(-5.5, 0)", -5),
    ('abs(@"-PT5H")', timedelta(hours=5)),
    ("modulo(-12, 5)", 3),
    ("modulo(10.1, -4.5)", D("-3.4")),
    ("modulo(1, 0)", None),
    ("sqrt(-1)", None),
    ("odd(5)", True),
    ("even(5)", False),
    # table 77: identity
    ('is(date("2012-12-25"), time("23:00:50"))', False),
    ('is(date("2012-12-25"), date("2012-12-25"))', True),
    ('is(time("23:00:50z"), time("23:00:50"))', False),
    ('is(time("23:00:50z"), time("23:00:50+00:00"))', True),
    ('is(@"10:00:00.1", @"10:00:00.2")', False),
    # table 78: ranges
    ("before(1, (1..10])", True),
    ("before([1..10), 10)", True),
    ("before([1..10], [10..20])", False),
    ("after([11..20], [1..11))", True),
    ("meets([1..5], [5..10])", True),
    ("met by([5..10], [1..5))", False),
    ("overlaps([5..8], [1..5))", False),
    ("overlaps before([1..5), (1..5])", True),
    ("overlaps before([1..5), [1..5])", False),
    ("overlaps after((1..5], [1..5))", True),
    ("finishes([5..10), [1..10])", False),
    ("finished by([1..10), [5..10))", True),
    ("includes((1..10], 1)", False),
    ("includes([1..10), [5..10))", True),
    ("during((1..10), [1..10])", True),
    ("starts((1..5], [1..10])", False),
    ("started by([1..10], [1..10))", True),
    ("coincides((1..5), [1..5])", False),
    ("before((< 5), (> 5))", True),
    ("includes((> 0), [1..2])", True),
    # table 79: calendar
    ("day of year(date(2019, 9, 17))", 260),
    ("day of week(date(2019, 9, 17))", "Tuesday"),
    ("month of year(date(2019, 9, 17))", "September"),
    ("week of year(date(2003, 12, 29))", 1),
    ("week of year(date(2005, 1, 1))", 53),
    # table 80: sort
    ("sort(list: [3,1,4,5,2], precedes: function(x,y) x < y)", [1, 2, 3, 4, 5]),
    # table 81: contexts
    ('get value({key1: "value1"}, "unexistent-key")', None),
    ("get entries({a: 1})", [{"key": "a", "value": 1}]),
    ('context([{key: "a", value: 1}, {key: "b", value: 2, something: "else"}])', {"a": 1, "b": 2}),
    ('context([{key: "a", value: 1}, {key: "b"}])', None),
    ('context put({x: 1, y: 0, z: 0}, "y", 2)', {"x": 1, "y": 2, "z": 0}),
    ('context put({x: 1, y: {a: 0}}, ["y", "a"], 2)', {"x": 1, "y": {"a": 2}}),
    ("context put({x: 1}, [], 2)", None),
    ("context merge([{x: 1, y: 0}, {y: 2}])", {"x": 1, "y": 2}),
]


@pytest.mark.parametrize(("expression", "expected"), EXAMPLES, ids=[e[0] for e in EXAMPLES])
def test_example_of_the_standard(expression: str, expected: Any) -> None:
    assert evaluate(expression, {}) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # From and to a singleton list (10.3.2.9.4).
        ('contains(["foobar"], "of")', False),
        ("count(5)", 1),
        ("append(1, 2)", [1, 2]),
        ("concatenate(1, [2])", [1, 2]),
        ('string join("a")', "a"),
        ("abs([-1])", 1),
        ("abs([-1, 2])", None),
        # Null is of no type that a function takes, if the function does not say so.
        ("count(null)", None),
        ("reverse(null)", None),
        ('starts with("a", null)', None),
        ("abs(null)", None),
        ("concatenate([1], null)", None),
        # Wrong types, too many and too few arguments.
        ('abs("1")', None),
        ("substring(1, 2)", None),
        ("abs()", None),
        ("abs(1, 2)", None),
        ("date(2026, 1.5, 1)", None),
        ("date(2026, 2, 29)", None),
        ("time(24, 0, 0)", None),
        ('number("1", " ")', None),
        ('number("1", "-", ".")', None),
        ('number("1", ",", ",")', None),
        ("sort([3, 1], function(x) true)", None),
        ("list replace([1], function(x) true, 2)", None),
        # Named arguments: those that are not given are null (10.3.2.13.5), others than the function's are none.
        ('is(value1: "a")', False),
        ("list contains(list: [1, null])", True),
        ("abs(number: 1)", None),
        ('substring(string: "abc", length: 1, start position: 2)', "b"),
        ('substring(string: "abc")', None),
        ("sum(list: [1, 2])", 3),
        ("(function(a, b) [a, b])(b: 2)", [None, 2]),
        ("(function(a, b) [a, b])(c: 2)", None),
        ("(function(a, b) [a, b])(2)", None),
    ],
)
def test_arguments(expression: str, expected: Any) -> None:
    warnings: list[str] = []
    assert evaluate(expression, {}, warnings=warnings) == expected
    assert (expected is None) == bool(warnings)


@pytest.mark.parametrize(
    ("pattern", "flags", "matches"),
    [
        (r"hello\ sworld", "x", True),
        (" hello[ ]world", "x", True),
        ("hello world", "x", False),
        (r"\p{ IsBasicLatin}+", "x", True),
        ("hello world", "qx", True),
        ("HELLO WORLD", "iq", True),
    ],
)
def test_spaces_in_a_pattern(pattern: str, flags: str, matches: bool) -> None:
    """Those outside character classes mean nothing with ``x``, which means nothing with ``q`` (F&O 3.1, 5.6.2)."""
    context = {"pattern": pattern, "flags": flags}
    assert evaluate('matches("hello world", pattern, flags)', context) is matches
