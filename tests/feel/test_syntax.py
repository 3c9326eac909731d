"""Beginners' mistakes: each message says where, what was expected, and what to write instead."""

from __future__ import annotations

import pytest

from engine.feel import FeelSyntaxError, compile, compile_unary_tests, evaluate

VALUE = "一个值：数字、字符串、名称、括号、列表或 if、for 等"
OPERATOR = "运算符或表达式的结尾"
SIGN = "数字、字符串、名称或运算符"
NAME = "名称或运算符"
MISTAKES = [
    # signs of a Chinese keyboard
    ("（1 + 2）", 1, NAME, "全角的“（”请换成半角的“(”。"),
    ("count（x）", 1, NAME, "全角的“（”请换成半角的“(”。"),
    ("(1 + 2）", 7, "“)”", "全角的“）”请换成半角的“)”。"),
    ("max(1，2)", 6, "“,”或“)”", "全角的“，”请换成半角的“,”。"),
    ("[1，2]", 3, "“,”、“]”或“..”", "全角的“，”请换成半角的“,”。"),
    ("{a：1}", 5, "“:”", "全角的“：”请换成半角的“:”。"),
    ("{a: 1；b: 2}", 6, "“,”或“}”", "全角的“；”请换成半角的“,”。"),
    ("金额＞1000", 1, NAME, "全角的“＞”请换成半角的“>”。"),
    ("金额＝1000", 1, NAME, "全角的“＝”请换成半角的“=”。"),
    ("类别 = “甲”", 6, SIGN, "字符串请用半角双引号"),
    ("类别 = ‘甲’", 6, SIGN, "字符串请用半角双引号"),
    ("类别 = '甲'", 6, VALUE, "字符串请用半角双引号"),
    ("金额 ≥ 1", 4, SIGN, "大于等于请写“>=”。"),
    ("金额 ≠ 1", 4, SIGN, "不等于请写“!=”。"),
    ("金额 × 2", 4, SIGN, "乘号请写“*”。"),
    # words for operators
    ("金额 大于 1", 4, NAME, "“大于”请写“>”。"),
    ("甲 且 乙", 3, NAME, "“且”请写“and”。"),
    ("甲 或者 乙", 3, NAME, "“或者”请写“or”。"),
    ("非 甲", 1, NAME, "“非”请写 not(…)。"),
    ("如果 甲 then 1 else 2", 1, NAME, "“如果”请写 if"),
    ("a AND b", 3, NAME, "“AND”请写“and”。"),
    ("1 等于 2", 3, OPERATOR, "两个值之间缺少运算符。"),
    ("True", 1, NAME, "真请写 true，字母都小写。"),
    ("x = None", 5, NAME, "空值请写 null。"),
    # habits of other languages
    ("a == 1", 4, VALUE, "比较相等用一个“=”。"),
    ("a && b", 3, SIGN, "“并且”请写 and。"),
    ("a || b", 3, SIGN, "“或者”请写 or。"),
    ("!a", 1, SIGN, "取反请写 not(…)。"),
    ("a <> 1", 4, VALUE, "不等于请写“!=”。"),
    ("a =< 1", 4, VALUE, "小于等于请写“<=”。"),
    ("a % 2", 3, SIGN, "求余请写 modulo(a, b)"),
    ("a ^ 2", 3, SIGN, "乘方请写“**”。"),
    ("a ? 1 : 2", 5, OPERATOR, "条件请写 if 条件 then 值 else 值。"),
    ("1 if a else 2", 3, OPERATOR, "条件请写 if 条件 then 值 else 值。"),
    ("if a then 1 elif b then 2 else 3", 13, "“else”", "“elif”请写 else if。"),
    ("1 # one", 3, SIGN, "注释请写在“//”之后。"),
    ("@2026-04-30", 1, SIGN, "半角双引号括起日期"),
    # left out, or too much
    ("if a 1 else 2", 6, "“then”", ""),
    ("if a then 1", 12, "“else”", ""),
    ("for i in [1, 2]", 16, "“return”", ""),
    ("for i [1, 2] return i", 7, "“in”", ""),
    ("some i in [1, 2]", 17, "“satisfies”", ""),
    ("x between 1", 12, "“and”", ""),
    ("not a", 5, "“(”，例如 not(已提交)", ""),
    ("(1 + 2", 7, "“)”", ""),
    ("[1, 2", 6, "“,”、“]”或“..”", ""),
    ("{a: 1", 6, "“,”或“}”", ""),
    ("max(1, 2", 9, "“,”或“)”", ""),
    ('"甲', 1, "半角双引号", ""),
    ("1 /* one", 3, "“*/”", ""),
    ("[1, 2,]", 8, VALUE, "末尾多了一个逗号“,”。"),
    ("{a: 1,}", 7, "名称", "末尾多了一个逗号“,”。"),
    ("max(1,)", 7, VALUE, "末尾多了一个逗号“,”。"),
    ("{a = 1}", 4, "“:”", "名称与值之间请用冒号“:”。"),
    ("{1: 2}", 2, "名称", ""),
    ("1 +", 4, VALUE, ""),
    ("* 2", 1, VALUE, ""),
    ("1 2", 3, OPERATOR, "两个值之间缺少运算符。"),
    ('a "b"', 3, OPERATOR, "两个值之间缺少运算符。"),
    ("1)", 2, OPERATOR, ""),
    ("a[]", 2, OPERATOR, "方括号里请写位置或条件"),
    ("then", 1, VALUE, "“then”是关键字，不能用作名称。"),
    ("1.", 3, "名称", "小数点之后请写数字。"),
    ("1.2.3", 4, OPERATOR, "一个数只有一个小数点。"),
    ("1,000", 2, OPERATOR, "数字里不要写逗号。"),
    ("1..3", 2, OPERATOR, "区间请带上括号，例如 [1..3]。"),
    ("", 1, VALUE, ""),
]


@pytest.mark.parametrize(("source", "column", "expected", "advice"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_a_mistake_is_named(source: str, column: int, expected: str, advice: str) -> None:
    with pytest.raises(FeelSyntaxError) as caught:
        compile(source)
    error = caught.value
    assert (error.code, error.line, error.column, error.expected) == ("feel-syntax", 1, column, expected)
    assert f"第 1 行第 {column} 列" in str(error) and f"此处应为{expected}。" in str(error)
    assert advice in str(error)
    assert str(error).endswith("。")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_in_three_ways(end: str) -> None:
    with pytest.raises(FeelSyntaxError) as caught:
        compile(f"1 +{end}2 +{end}  == 3")
    assert (caught.value.line, caught.value.column) == (3, 3)


def test_in_a_cell() -> None:
    with pytest.raises(FeelSyntaxError) as caught:
        compile_unary_tests("“甲”，“乙”")
    assert "半角双引号" in str(caught.value)


def test_what_is_in_scope_is_no_mistake() -> None:
    values = {"金额（元）": 5, "True": 1, "学历 或 学位": 2, "p": {"金额（元）": 3}}
    assert evaluate("金额（元） + True + 学历 或 学位", values) == 8
    assert evaluate("p.金额（元）", values) == 3
    assert evaluate("{金额（元）: 7, x: 金额（元）}.x", {}) == 7
    assert evaluate("明细[单价（元） > 3].单价（元）", {"明细": [{"单价（元）": 5}, {"单价（元）": 2}]}) == [
        5
    ]
    assert evaluate("且 + 1", {"且": 1}) == 2
