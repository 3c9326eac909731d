"""Strangers' expressions: each is refused, or answered, with little work, and reaches nothing of Python."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from engine.errors import Invalid
from engine.feel import FeelLimitError, FeelSyntaxError, Run, Scope, compile, evaluate, limits
from engine.feel.limits import CLOCK_STEPS, MAX_SECONDS, MAX_STEPS

SHARED = "(for i in 1..60 return if i = 1 then [1] else [partial[-1], partial[-1]])"
SYNTAX = [
    "__import__('os')",
    "().__class__.__base__.__subclasses__()",
    "'{0.__class__}'.format(x)",
    "(lambda:0).__globals__",
    "1<<10**9",
    "'a'*10**9",
    "{{cycler.__init__.__globals__.os.popen('id').read()}}",
    "{% for i in range(999999999) %}",
    "<link rel=attachment href=file:///etc/passwd>",
    "<!DOCTYPE lolz [<!ENTITY lol 'lol'>]><lolz>&lol;</lolz>",
    "../../x.docx",
    "^(a+)+$",
    "1e99999",
    "9" * 7000,
    '"\ud800"',
    "a\ud800b",
    '"a\0',
    "1 +\r\r",
]
TOO_MUCH = [
    ("[" + "1," * 5000 + "1]", "length"),
    ('"' + "a" * 10_000 + '"', "length"),
    ("-" * 100_000 + "1", "length"),
    ("(" * 300 + "1" + ")" * 300, "nesting"),
    ("-" * 9_000 + "1", "nesting"),
    ("+".join(["1"] * 4000), "nesting"),
    ("a" + ".a" * 3000, "nesting"),
    ("a" + "[1]" * 3000, "nesting"),
    ("{a:" * 300 + "1" + "}" * 300, "nesting"),
    ("[" * 300 + "]" * 300, "nesting"),
    ("x in " + "(a in " * 200 + "1" + ")" * 200, "nesting"),
    ("if a then " * 300 + "1" + " else 2" * 300, "nesting"),
    ("not(" * 300 + "true" + ")" * 300, "nesting"),
    ("function() " * 300 + "1", "nesting"),
    ("1 instance of " + "list<" * 200 + "number" + ">" * 200, "nesting"),
    ("for i in 1..1000000000 return i", "steps"),
    ("for i in 1000000000..1 return i", "steps"),
    ("for i in 1..10000, j in 1..10000 return 1", "steps"),
    ("for i in 1..1000 return for j in 1..1000 return for k in 1..1000 return 1", "steps"),
    ("for i in 1..1000000000, j in [] return 1", "steps"),
    ("some i in 1..1000000000 satisfies i < 0", "steps"),
    ("every i in 1..1000000000 satisfies i > 0", "steps"),
    ("some i in [1..1000000000] satisfies i < 0", "steps"),
    ('for i in @"0001-01-01"..@"9999-12-31" return [i.year, i.month]', "steps"),
    (f"{SHARED}[60] = {SHARED}[60]", "steps"),
    (f"({SHARED}[60]).a", "steps"),
    (f"flatten({SHARED})", "steps"),
    ("for i in 1..100000 return [partial[-1]]", "steps"),
    ("union(for i in 1..20000 return i)", "steps"),
    ("distinct values(for i in 1..20000 return {a: i})", "steps"),
    ("index of(numbers, [1]) = for i in 1..100 return index of(numbers, i)", "steps"),
    ("sort(for i in 1..80000 return modulo(i * 7919, 80000))", "steps"),
    ("sort(numbers, function(a, b) count(numbers) > 0)", "steps"),
    ("list replace(numbers, function(a, b) count(numbers) > 0, 1)", "steps"),
    ("for i in 1..100000 return concatenate(numbers, numbers)", "steps"),
    ("for i in 1..100000 return append(numbers, i)", "steps"),
    ("for i in 1..100000 return remove(numbers, 1)", "steps"),
    ('for i in 1..100000 return context put(entries, "k", i)', "steps"),
    ("for i in 1..100000 return context merge([entries, entries])", "steps"),
    ("for i in 1..100000 return count(get entries(entries))", "steps"),
    ("for i in 1..100000 return numbers[item > i]", "steps"),
    ("for i in 1..100000 return -1 in numbers", "steps"),
    ("for i in 1..100000 return numbers instance of list<number>", "steps"),
    ("{f: function(l: list<number>) 1, x: for i in 1..100000 return f(numbers)}.x", "steps"),
    ("for i in 1..100000 return 1.0000001 ** 123456.789", "steps"),
    ("for i in 1..100000 return exp(123.456789)", "steps"),
    ('for i in 1..100000 return big + "x"', "steps"),
    ("for i in 1..100000 return big = copy", "steps"),
    ("for i in 1..100000 return big <= copy", "steps"),
    ("for i in 1..100000 return list contains([big], copy)", "steps"),
    ("for i in 1..100000 return max([big, copy])", "steps"),
    ("sort(for i in 1..1000 return if odd(i) then big else copy)", "steps"),
    ('for i in 1..100000 return matches(big, "a*b")', "pattern"),
    ('for i in 1..100000 return matches(long, "a*b")', "steps"),
    ('for i in 1..100000 return split(long, "a")', "steps"),
    ('for i in 1..100000 return replace(long, "a", "b")', "steps"),
    ('for i in 1..100000 return upper case(substring(big, 1, 400000)) = "A"', "steps"),
    ('count(for i in 1..100000 return contains(big, "b"))', "steps"),
    ('matches(long, "((a*)*)*b|(a?){100}(b?){100}c")', "pattern"),
    ('matches(long, "^(a|aa)+\\1\\1b$")', "pattern"),
    ('matches("a", "(a{1000}){1000}")', "pattern"),
    (f'matches("a", "{"(a{4000}){0}" * 100}")', "pattern"),
    ('matches("a", long)', "pattern"),
    (f'matches("a", "{"(" * 60 + "a" + ")" * 60}")', "pattern"),
    (f'matches("a", "[{"ab" * 20}]{{400}}")', "pattern"),
    ('for i in 1..60 return if i = 1 then "a" else partial[-1] + partial[-1]', "text"),
    (f"string({SHARED})", "steps"),
    ("string(for i in 1..1000 return big)", "text"),
    ("string(for i in 1..10000 return 10 ** 6000)", "text"),
    ('string join(for i in 1..1000 return big, ",")', "text"),
    ('string join(for i in 1..3 return "a", big)', "text"),
    ('replace(long, "a", long)', "text"),
    (f'replace(long, "(a{{10}})", "{"$1" * 21}")', "text"),
    ("{f: function(g, n) g(g, n + 1), x: f(f, 1)}.x", "calls"),
    ("for i in 1..300000 return i", "result"),
    ("[numbers, numbers, numbers, numbers, numbers]", "result"),
    (SHARED, "result"),
    ("[" * 90 + "x" + "]" * 90, "depth"),
]
HARMLESS = [
    ("9**9**9 > 10**77", True),
    ('"a"*10**9', None),
    ("x.__class__", None),
    ("x.keys", None),
    ("x.__class__.__base__.__subclasses__()", None),
    ("__import__", None),
    ('__import__("os")', None),
    ('open("/etc/passwd")', None),
    ("{a: {}}.a.__init__", None),
    ('"{0.__class__}"', "{0.__class__}"),
    ('"{{7*7}}"', "{{7*7}}"),
    ("[].__class__", []),
    ('"abc".upper', None),
    ("(1).real", None),
    ("string.__self__", None),
    ("(function(a) a).__globals__", None),
    ('@"2026-01-01".__class__', None),
    ("1e-99999", 0),
    ("exp(10**30)", None),
    ("10**6000*10**6000", None),
    ('number("1e99999")', None),
    (f'number("{"9" * 7000}")', None),
    ("substring(string(10 ** 6144), 1, 2)", "10"),
    ("decimal(1, 10 ** 30)", None),
    ('substring("abc", 10 ** 6000)', None),
    ("[1, 2][10 ** 6000]", None),
    ('date(10 ** 6000, 1, 1) = date("x")', True),
    ('date("2020-01-01") + @"P999999999999Y"', None),
    ('@"P99999Y" * 10**6000', None),
    ('duration("P999999999999999999D") * 10**30', None),
    ('date and time(@"2020-01-01T00:00:00Z", "../../etc/passwd")', None),
    ('date and time(@"2020-01-01T00:00:00Z", "a\\u0000b")', None),
    ('@"2020-01-01T00:00:00@../etc/passwd"', None),
    (f'matches("{"a" * 3000}!", "^(a+)+$")', False),
    (f'matches("{"a" * 3000}!", "^(a|a)*$")', False),
    (f'matches("{"a" * 300}", "{"a?" * 100 + "a" * 100}")', True),
    ('matches("aaaa", "(a*)*b")', False),
    ('replace("abc", "(?=a)", "x")', None),
    ('"a\\rb"', "a\rb"),
    ('string length("\\u0000")', 1),
    ('string length("\\uD83D\\uDE00")', 1),
    ("1 + // one\r2", 3),
]
DATA: dict[str, Any] = {
    "x": [[[[[[[[[[[[1]]]]]]]]]]]],
    "big": "a" * 500_000,
    "copy": "b"[:0] + "a" * 499_999 + "a",
    "long": "a" * 50_000,
    "numbers": list(range(50_000)),
    "entries": {f"k{n}": n for n in range(50_000)},
}


@pytest.mark.parametrize("expression", SYNTAX, ids=[ascii(e[:40]) for e in SYNTAX])
def test_no_feel(expression: str) -> None:
    with pytest.raises(FeelSyntaxError):
        evaluate(expression, {})


@pytest.mark.parametrize(("expression", "limit"), TOO_MUCH, ids=[e[:60] for e, _ in TOO_MUCH])
def test_too_much(expression: str, limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if limit == "steps":
        monkeypatch.setattr(limits, "MAX_STEPS", MAX_STEPS // 8)
    with pytest.raises(FeelLimitError) as caught:
        evaluate(expression, DATA)
    assert (caught.value.code, caught.value.details) == ("feel-limit", {"limit": limit})
    assert isinstance(caught.value, Invalid)


@pytest.mark.parametrize(("expression", "expected"), HARMLESS, ids=[h[0][:50] for h in HARMLESS])
def test_harmless(expression: str, expected: Any) -> None:
    assert evaluate(expression, {"x": {}}) == expected


# --- the budget ---


def run_with(clock: Iterator[float]) -> Run:
    return Run(clock=lambda: next(clock))


LOOP = compile("count(for i in 1..100000 return i)")


def test_time_is_up() -> None:
    """The clock is looked at now and then: each look of this one is a second later."""
    run = run_with(iter(map(float, count())))
    with pytest.raises(FeelLimitError) as caught:
        LOOP.run(Scope({}, None, run))
    assert caught.value.details == {"limit": "time"}
    looks = int(MAX_SECONDS) + 2  # the first starts the clock, the last is too late
    assert CLOCK_STEPS * looks <= MAX_STEPS - run.steps <= (CLOCK_STEPS + 2) * looks


def test_time_stands_still() -> None:
    ticks = count()
    assert LOOP.run(Scope({}, None, Run(clock=lambda: next(ticks) * 0.0))) == 100_000
    assert 100 <= next(ticks) <= 400  # not at every step


def test_one_budget_for_several_expressions() -> None:
    run = Run()
    with pytest.raises(FeelLimitError) as caught:
        for _ in range(20):
            LOOP.run(Scope({}, None, run))
    assert caught.value.details == {"limit": "steps"}


def test_the_limits_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_STEPS", 1000)
    with pytest.raises(FeelLimitError) as caught:
        LOOP.evaluate({})
    assert caught.value.details == {"limit": "steps"}
    monkeypatch.setattr(limits, "MAX_STEPS", MAX_STEPS)
    monkeypatch.setattr(limits, "MAX_SECONDS", -1.0)
    with pytest.raises(FeelLimitError) as caught:
        LOOP.evaluate({})
    assert caught.value.details == {"limit": "time"}
    assert evaluate("1 + 1", {}) == 2


# --- deep and endless data ---


def endless_list() -> list[Any]:
    inner: list[Any] = [1]
    inner.append(inner)
    return inner


def endless_context() -> dict[str, Any]:
    inner: dict[str, Any] = {"a": 1}
    inner["b"] = inner
    return inner


def deep_list() -> list[Any]:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    return deep


USES = [
    "x",
    "[x]",
    "{a: x}",
    "x = x",
    "x != [x]",
    "string(x)",
    "x instance of list<list<list<number>>>",
    "distinct values([x, x])",
    "x in (x)",
    "list contains([x], x)",
    "string join([string(x)])",
]


@pytest.mark.parametrize("data", [endless_list, endless_context, deep_list])
@pytest.mark.parametrize("expression", USES)
def test_deep_data_is_refused_not_a_crash(expression: str, data: Any) -> None:
    try:
        value = evaluate(expression, {"x": data()})
    except FeelLimitError as error:
        assert error.details["limit"] in ("depth", "steps", "text", "result")
    else:
        assert value is None or type(value) is bool


def test_endless_data_may_be_used_where_it_ends() -> None:
    assert evaluate("x[1] + x[2][2][2][1]", {"x": endless_list()}) == 2
    assert evaluate("x.b.b.b.a", {"x": endless_context()}) == 1
    with pytest.raises(FeelLimitError):
        evaluate("flatten(x)", {"x": endless_list()})
