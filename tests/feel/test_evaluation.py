"""What expressions come to, one line an expression."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine import values
from engine.feel import (
    Expression,
    FeelSyntaxError,
    Range,
    YearsMonthsDuration,
    compile,
    compile_unary_tests,
    evaluate,
)

D = Decimal
CONTEXT: dict[str, Any] = {
    "金额": 1200,
    "类别": "甲",
    "决定": None,
    "得分": 92.5,
    "A Person": {"full name": "张三", "age": 40},
    "first-name": "三",
    "first": 7,
    "name": 2,
    "明细": [{"名称": "笔", "单价": 2, "数量": 10}, {"名称": "纸", "单价": D("0.5"), "数量": 100}],
    "截止": date(2026, 4, 30),
    "提交时间": datetime(2026, 4, 30, 1, 0, tzinfo=UTC),
    "days in weekend": ["saturday", "sunday"],
}
CASES = [
    # numbers
    ("1 + 2 * 3", 7),
    ("(1 + 2) * 3", 9),
    ("2 ** 3 ** 2", 64),
    ("-3 ** 2", 9),
    ("10 - -5", 15),
    ("0.1 + 0.2", D("0.3")),
    ("1 / 3", D("0.3333333333333333333333333333333333")),
    ("1 / 0", None),
    ("1e3", 1000),
    (".5", D("0.5")),
    ("金额 * 得分", 111000),
    ("modulo(-12, 5)", 3),
    ("decimal(2.5, 0)", 2),
    ("round half up(2.5, 0)", 3),
    ("string(1.50)", "1.5"),
    ("string(10 ** 20)", "100000000000000000000"),
    # logic of three values
    ("true and null", None),
    ("false and null", False),
    ("null or true", True),
    ("null or false", None),
    ('"x" and true', None),
    ("null = null", True),
    ("决定 = null", True),
    ('决定 = "退回"', False),
    ('1 = "1"', None),
    ("null < 1", None),
    ("not(null)", None),
    ('if "x" then 1 else 2', 2),
    # names
    ("A Person.full name", "张三"),
    ("A   Person.age", 40),
    ("first-name", "三"),
    ("first - name", "三"),  # the known name, the longest, wins
    ("金额-1", 1199),
    ("for i in days in weekend return upper case(i)", ["SATURDAY", "SUNDAY"]),
    ("没有", None),
    ("A Person.没有", None),
    # strings
    ('"甲" + "乙"', "甲乙"),
    ('string length("党🐎")', 2),
    (r'"\u515A" = "党" and "\uD83D\uDC0E" = "🐎"', True),
    ('substring("履责系统", -2)', "系统"),
    ('substring(string: "abc", start position: 2)', "bc"),
    ('replace("0123456789", "(\\d{3})(\\d{3})(\\d{4})", "($1) $2-$3")', "(012) 345-6789"),
    ('split("甲；乙", "；")', ["甲", "乙"]),
    ('matches("云工委〔2026〕5号", "^\\p{Lo}+〔\\d{4}〕\\d+号$")', True),
    ('string join(["a", null, "b"], "、")', "a、b"),
    # lists, filters, paths
    ("明细[单价 < 1].名称", ["纸"]),
    ("明细[item.数量 > 50][1].名称", "纸"),
    ("明细[-1].名称", "纸"),
    ("明细[3]", None),
    ("明细[first - 6]", {"名称": "笔", "单价": 2, "数量": 10}),
    ("[][1]", None),
    ("sum(for 行 in 明细 return 行.单价 * 行.数量)", 70),
    ("some 行 in 明细 satisfies 行.数量 > 50", True),
    ("every 行 in 明细 satisfies 行.数量 > 50", False),
    ("every x in [] satisfies x", True),
    ("for i in 0..4 return if i = 0 then 1 else i * partial[-1]", [1, 1, 2, 6, 24]),
    ("for i in 3..1 return i", [3, 2, 1]),
    ("count(5)", 1),
    ("sort([3, 1, 2])", [1, 2, 3]),
    ("sort(明细, function(x, y) x.数量 > y.数量).名称", ["纸", "笔"]),
    ("distinct values([1, 1.0, 2])", [1, 2]),
    ("flatten([[1, [2]], 3])", [1, 2, 3]),
    # contexts and functions
    ("{单价: 2, 总价: 单价 * 3}.总价", 6),
    ('{"a b": 1}.a b', 1),
    ("{first-part: 3}.first-part", 3),
    ("(function(x: number, y) x + y)(y: 1, x: 2)", 3),
    ('(function(x: number) x)("a")', None),
    ("{加: function(x) function(y) x + y}.加(1)(2)", 3),
    ('get value({a: 1}, "a")', 1),
    ('context put({a: 1}, "b", 2)', {"a": 1, "b": 2}),
    # tests
    ('类别 in ("甲", "乙")', True),
    ("金额 in [1000..1200)", False),
    ("金额 in (>1000, 5)", True),
    ("金额 in !=1200", False),
    ("金额 between 1000 and 1200", True),
    ("5 in [1..null]", None),
    ("(<10).end", 10),
    ("[1, 2] = [1, 2]", True),
    ("1 instance of number and 明细 instance of list<context<名称: string>>", True),
    ("null instance of Any", False),
    # dates, times, durations
    ('截止 + duration("P1M")', date(2026, 5, 30)),
    ('date("2026-01-31") + @"P1M"', date(2026, 2, 28)),
    ('截止 - @"2026-04-01"', timedelta(days=29)),
    ("截止.weekday", 4),
    ('提交时间 + @"PT8H" > 提交时间', True),
    ('date and time("2026-03-29T01:30:00@Europe/Paris") + @"PT1H"', "2026-03-29T03:30:00@Europe/Paris"),
    ('@"P1Y2M" * 2', YearsMonthsDuration(28)),
    ('years and months duration(@"2025-01-31", @"2026-01-30")', YearsMonthsDuration(11)),
    ('string(@"PT36H0.5S")', "P1DT12H0.5S"),
    ('time("23:30:00") + @"PT1H"', time(0, 30)),
    ('time("10:00:00+08:00") = time("02:00:00Z")', True),
    ("day of week(截止)", "Thursday"),
    ("today()", date(2026, 5, 1)),
    ("now() > 提交时间", True),
    ('date("2026-02-30")', None),
    ('string(date and time("-99999-12-31T23:59:59.123456789Z"))', "-99999-12-31T23:59:59.123456789Z"),
    # ranges
    ("before([1..5), 5)", True),
    ("overlaps([1..5], [5..8])", True),
    ("overlaps([1..5), [5..8])", False),
    ("includes([1..10], [2..5])", True),
    ('range("[18..21)")', Range(D(18), D(21), True, False)),
    ("[1..10[.start included", True),
    # comments
    ("1 + // eins\n 1 /* zwei */", 2),
]
NOW = datetime(2026, 5, 1, 0, 30, tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.mark.parametrize(("expression", "expected"), CASES, ids=[c[0] for c in CASES])
def test_value(expression: str, expected: Any) -> None:
    value = evaluate(expression, CONTEXT, now=NOW)
    if isinstance(expected, str) and isinstance(value, datetime):
        value = evaluate(f"string({expression})", CONTEXT)
    assert value == expected
    assert type(value) is not bool or type(expected) is bool


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("没有 + 1", "没有名为“没有”的变量。"),
        ('1 + "a"', "“+”不能用于数字与文字。"),
        ("substring(1)", "函数“substring”不接受这些参数：数字。"),
        ("A Person.x", "没有“x”这一项。"),
        ('date("31.12.2026")', "函数“date”没有结果：不是日期，应为 2026-04-30 的形式。"),
        ("now()", "函数“now”没有结果：此处没有时钟。"),
    ],
)
def test_a_null_says_why(expression: str, why: str) -> None:
    warnings: list[str] = []
    assert evaluate(expression, CONTEXT, warnings=warnings) is None
    assert why in warnings


@pytest.mark.parametrize(
    ("source", "line", "column", "word"),
    [
        ("1 +", 1, 4, "一个值"),
        ("if a then b", 1, 12, "else"),
        ("[1, 2", 1, 6, "]"),
        ("a\n  = = b", 2, 5, "一个值"),
        ('"abc', 1, 1, "双引号"),
        ("f(1, x: 2)", 1, 7, ")"),
        ("金额 > 10 %", 1, 9, "运算符"),
        ("for x [1] return x", 1, 7, "in"),
        ("not a", 1, 5, "("),
        ("a /* b", 1, 3, "*/"),
        ("1 2", 1, 3, "运算符"),
        ("", 1, 1, "一个值"),
    ],
)
def test_a_syntax_error_says_where_and_what(source: str, line: int, column: int, word: str) -> None:
    with pytest.raises(FeelSyntaxError) as caught:
        evaluate(source, {})
    assert (caught.value.line, caught.value.column) == (line, column)
    assert word in caught.value.expected
    assert word in str(caught.value)
    assert caught.value.code == "feel-syntax"


@pytest.mark.parametrize(
    ("cell", "value", "expected"),
    [
        ("-", None, True),
        ("", 1, None),
        ("< 5", 4, True),
        ("< 5", None, False),
        ("[1..3], > 9", 10, True),
        ('"甲","乙"', "乙", True),
        ('not("甲","乙")', "乙", False),
        ('not("甲")', "丙", True),
        ("null", None, True),
        ("界限", 7, True),
        ("> 界限", 8, True),
        ("名单", "甲", True),
        ("? > 3 and ? < 界限", 5, True),
        ("string length(?) > 1", "甲", False),
        ("not(是) and ? > 1", 5, False),
        ("是", 5, True),
        ("false", False, True),
    ],
)
def test_cell(cell: str, value: Any, expected: bool | None) -> None:
    context = {"界限": 7, "名单": ["甲"], "是": True}
    if expected is None:
        with pytest.raises(FeelSyntaxError):
            compile_unary_tests(cell)
    else:
        assert compile_unary_tests(cell, context).matches(value, context) is expected


def test_free_names() -> None:
    expression = compile(
        "if 金额 > 上限 then sum(明细[单价 > 底价].单价) else (function(x) x + y)(count([1]))"
    )
    assert expression.free_names == {"金额", "上限", "明细", "y"}
    assert expression.possible_names == {"单价", "底价"}
    assert compile("for i in 列表 return i + {a: 1, b: a}.b").free_names == {"列表"}


def test_compiled_once() -> None:
    assert compile("a + 1", ["a", "b"]) is compile("a + 1", ["c"])
    assert compile("a-b", ["a-b"]) is not compile("a-b", ["a", "b"])
    assert isinstance(compile("1"), Expression)


def test_outside_values_come_in_as_plain_ones() -> None:
    class Grade(StrEnum):
        GOOD = "好"

    class Anything:
        secret = 1

    context = {"等次": Grade.GOOD, "对象": Anything(), "元组": (1, 2), "比": float("nan")}
    assert evaluate('等次 = "好"', context) is True
    assert type(evaluate("等次", context)) is str
    assert evaluate("对象", context) is None
    assert evaluate("对象.secret", context) is None
    assert evaluate("count(元组)", context) == 2
    assert evaluate("比", context) is None


def test_months_survive_as_process_value() -> None:
    duration = evaluate('@"-P1Y2M"', {})
    assert values.loads(values.dumps(duration)) == duration == YearsMonthsDuration(-14)
    assert (duration.years, duration.months, str(duration)) == (-1, -2, "-P1Y2M")


def test_a_constant_written_as_a_call_is_the_functions() -> None:
    """``date("...")`` is worked out once, unless the name is somebody's own."""
    assert evaluate('date("2026-04-30") + duration("P1D")', {}) == date(2026, 5, 1)
    assert evaluate('{date: function(x) x + "!", y: date("2026-04-30")}.y', {}) == "2026-04-30!"
    warnings: list[str] = []
    assert evaluate('date("2026-04-31")', {}, warnings=warnings) is None and warnings
