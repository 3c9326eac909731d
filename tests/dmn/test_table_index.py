"""Large decision tables: the rules that are looked up are those that testing every cell finds, and few cells are tested."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dmn import index
from engine.dmn.index import Cell, Index
from engine.dmn.table import INDEXED, Deciding, Input, Output, Rule, Table
from engine.feel import Range, Run, Scope, YearsMonthsDuration
from engine.feel.compiler import compile_node
from engine.feel.parser import parse, parse_unary_tests
from engine.feel.values import WideDate

CONSTANTS = (
    *("0", "1", "1.0", "2", "-1", "1.5", "9999999999999999999999999999999999", '""', '"a"', '"b"', '"a b"', "true", "false"),
    *("null", 'date("2026-01-01")', '@"2026-01-02"', '@"9999-12-31"', '@"12026-01-01"', 'date("2026-13-01")'),
    *('@"2026-01-01T08:00:00"', '@"2026-01-01T08:00:00Z"', '@"08:00:00"', 'duration("P1D")', '-duration("PT1H")', '@"P1M"'),
    *("x", "[1, 2]"),
)  # fmt: skip
constants = st.sampled_from(CONSTANTS)
operators = st.sampled_from(("<", "<=", ">", ">=", "=", "!="))
intervals = st.builds(
    lambda left, low, high, right: f"{left}{low}..{high}{right}",
    st.sampled_from("[("),
    constants,
    constants,
    st.sampled_from("])"),
)
single = st.one_of(
    constants,
    intervals,
    st.builds("{} {}".format, operators, constants),
    st.builds("({} {})".format, operators, constants),
    st.lists(st.one_of(constants, intervals), max_size=3).map(lambda items: f"[{', '.join(items)}]"),
    st.builds("? {} {}".format, operators, constants),
    st.builds("{} {} ?".format, constants, operators),
    st.builds("? {} {} and ? {} {}".format, operators, constants, operators, constants),
    st.builds("{} {} ? or ? in {}".format, constants, operators, intervals),
    st.builds("? between {} and {}".format, constants, constants),
    st.builds("? in ({} {}, {})".format, operators, constants, constants),
    st.builds("? in [?..{}]".format, constants),
    st.sampled_from(("<= ?", "?", "not(?)", "[?..2]", "[?, 1]", "? and true", "? or 1 < ?")),
    st.sampled_from(("x > 1", "[? + 1]", "string length(?) = 1")),
)
several = st.lists(single, min_size=1, max_size=3).map(", ".join)
cells = st.one_of(st.none(), single, several, several.map("not({})".format))
scalars = st.one_of(
    st.sampled_from((None, True, False, 0, 1, 2, -1, 10**34, 10**34 - 1, 1.0, 1.5, "", "a", "a\0", "aa", "b", "c")),
    st.sampled_from(("0", "1.0", "1.25", "1.4999", "1E+40", "-Infinity", "0.1")).map(Decimal),
    st.sampled_from((date.min, date.max, WideDate(12026, 1, 1), YearsMonthsDuration(1), YearsMonthsDuration(0))),
    st.dates(date(2025, 12, 31), date(2026, 1, 3)),
    st.sampled_from((datetime(2026, 1, 1, 8), datetime(2026, 1, 1, 8, tzinfo=UTC), time(8))),  # noqa: DTZ001
    st.sampled_from((timedelta(days=1), timedelta(hours=-1), timedelta(0), timedelta.max)),
)  # fmt: skip
values = st.one_of(
    scalars,
    st.lists(scalars, max_size=2),
    st.sampled_from((Range(1, 2, True, True), {"a": Decimal(1)}, {})),
)


def rows_of(texts: Sequence[Sequence[str | None]]) -> list[list[Cell | None]]:
    return [[None if text is None else Cell(parse_unary_tests(text)) for text in row] for row in texts]


def walked(rows: Sequence[Sequence[Cell | None]], scope: Scope, inputs: Sequence[Any]) -> list[int]:
    """The rules that match, cell by cell."""
    return [
        number
        for number, row in enumerate(rows)
        if all(
            cell is None or cell.test(scope, value) is True for cell, value in zip(row, inputs, strict=True)
        )
    ]


@settings(max_examples=600)
@given(
    st.integers(1, 3).flatmap(
        lambda width: st.tuples(
            st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=8),
            st.lists(st.lists(values, min_size=width, max_size=width), min_size=1, max_size=4),
        )
    ),
    st.sampled_from(({}, {"x": Decimal(2)}, {"x": 1, "date": "a", "duration": None}, {"x": None, "?": 1})),
)
def test_what_is_looked_up_is_what_testing_every_cell_finds(
    table: tuple[list[list[str | None]], list[list[Any]]], names: dict[str, Any]
) -> None:
    texts, questions = table
    rows = rows_of(texts)
    looked_up = Index(rows)
    for inputs in questions:
        said: list[str] = []
        everything: list[str] = []
        found = list(looked_up.matching(Scope(names, None, Run(said)), inputs))
        assert found == walked(rows, Scope(names, None, Run([])), inputs)
        all_cells = Scope(names, None, Run(everything))
        for row in rows:
            for cell, value in zip(row, inputs, strict=True):
                if cell:
                    cell.test(all_cells, value)
        assert set(said) <= set(everything)


@settings(max_examples=100)
@given(st.lists(st.lists(cells, min_size=2, max_size=2), min_size=5, max_size=12), values, values)
def test_blocks_are_put_together(texts: list[list[str | None]], first: Any, second: Any) -> None:
    rows = rows_of(texts)
    scope = Scope({"x": Decimal(1)}, None, Run([]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "BLOCK", 3)
        assert list(Index(rows).matching(scope, [first, second])) == walked(rows, scope, [first, second])


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False), min_size=1, max_size=12), st.data())
def test_any_numbers(numbers: list[Decimal], data: st.DataObject) -> None:
    """Constants that are hardly apart, or many digits or magnitudes."""
    pool = [n for n in numbers if n == n.normalize(index._BETWEEN) and abs(n.adjusted()) < 6000]
    pool += [n + Decimal(1).scaleb(n.adjusted() - 33) for n in pool[:2]]
    texts = [[f"{data.draw(operators)} {abs(n)}"] for n in pool] + [[f"[-{abs(n)}..{abs(n)})"] for n in pool]
    if not texts:
        return
    rows = rows_of(texts)
    looked_up = Index(rows)
    for number in (*pool, *(-n for n in pool), Decimal(0)):
        scope = Scope({}, None, Run([]))
        assert list(looked_up.matching(scope, [number])) == walked(rows, scope, [number])


def table_of(rows: Sequence[tuple[Sequence[str], str]], policy: str = "UNIQUE") -> Any:
    columns = tuple(Input(parse(name), None, None) for name in "abc"[: len(rows[0][0])])
    return compile_node(
        Table(
            "表", policy, None, columns, (Output("", None, (), None),),
            tuple(
                Rule(str(number), tuple(map(parse_unary_tests, tests)), (parse(result),))
                for number, (tests, result) in enumerate(rows)
            ),
        )
    )  # fmt: skip


def decided(table: Any, **inputs: Any) -> tuple[Any, list[int], int, list[str]]:
    """The result, the rules, the steps that it cost, and the warnings."""
    run = Deciding([])
    before = run.steps
    result = table(Scope(inputs, None, run))
    return result, [match.rule for match in run.matched], before - run.steps, run.warnings or []


THOUSAND = [([f'"类{i % 50}"', f"[{i // 50 * 10}..{i // 50 * 10 + 10})", "-"], str(i)) for i in range(1_000)]


def test_a_thousand_rules_cost_as_many_steps_as_the_masks_have_words() -> None:
    result, rules, steps, warnings = decided(table_of(THOUSAND), a="类7", b=Decimal(39), c=None)
    assert (result, rules, warnings) == (157, [158], [])
    assert steps < 60  # three thousand cells, one by one


def test_only_cells_of_rules_that_are_left_are_tested() -> None:
    rows = [([*tests[:2], "? > b"], result) for tests, result in THOUSAND]
    compared = [([*tests[:2], "? > 3 and ? < 5 or ? in (7, 8)"], result) for tests, result in THOUSAND]
    assert decided(table_of(compared), a="类7", b=Decimal(39), c=4)[:2] == (157, [158])
    assert decided(table_of(compared), a="类7", b=Decimal(39), c=6)[:2] == (None, [])
    assert decided(table_of(rows), a="类7", b=Decimal(39), c=40)[:2] == (157, [158])
    assert decided(table_of(rows), a="类7", b=Decimal(39), c=40)[2] < 60
    assert decided(table_of(rows), a="类7", b=Decimal(39), c=39)[1] == []


def test_cells_that_share_a_tree_are_tested_once() -> None:
    asking = parse_unary_tests("count(for i in 1..100 return i) > ?")
    rows = [[Cell(asking)]] * 200
    run = Run([])
    before = run.steps
    assert list(Index(rows).matching(Scope({}, None, run), [5])) == list(range(200))
    assert before - run.steps < 600


@pytest.mark.parametrize("policy", ["UNIQUE", "FIRST", "ANY", "RULE ORDER", "COLLECT"])
@pytest.mark.parametrize("b", [Decimal(5), 15, 25.0, None, "5", True, [5], date(2026, 1, 1)])
def test_a_large_table_decides_as_a_small_one(policy: str, b: Any) -> None:
    """Rules that never match are added until the table is looked up in instead of tested."""
    rows = [
        (["-", "< 10"], "1"),
        (['"x"', "[10..20]"], "2"),
        (["-", "not(5)"], "1"),
        (['not("y")', ">= 15"], "a"),
    ]
    large = rows + [(['"nobody"', f"> {i}"], "0") for i in range(INDEXED)]
    for a in ("x", "y", None):
        small_result, small_rules, _, small_warnings = decided(table_of(rows, policy), a=a, b=b)
        result, rules, _, warnings = decided(table_of(large, policy), a=a, b=b)
        assert (result, rules) == (small_result, small_rules)
        assert set(warnings) == set(small_warnings) or (
            policy == "FIRST" and set(warnings) > set(small_warnings)
        )


def test_cells_that_do_not_fit_the_value_warn() -> None:
    rows = [(["-", f"< {i}"], "1") for i in range(100)]
    assert decided(table_of(rows), a="x", b=None)[3] == [
        "“<”不能用于空值与数字。",
        "决策表“表”没有匹配的规则。",
    ]


def test_a_variable_called_date_is_not_the_function() -> None:
    rows = [(['date("2026-01-01")'], str(i)) for i in range(INDEXED)]
    table = table_of(rows, "FIRST")
    assert decided(table, a=date(2026, 1, 1))[1] == [1]
    shadowed = decided(table, a=date(2026, 1, 1), date=5)
    assert shadowed[1] == []
    assert "“date”不是函数。" in shadowed[3]
    assert decided(table, a=date(2026, 1, 1))[1] == [1]


def test_whole_numbers_beyond_34_digits() -> None:
    """``=`` rounds them, the other comparisons do not."""
    rows = rows_of(
        [[test] for test in ("10000000000000000000000000000000000", "> 1e34", "= 1e34", "<= 1e34")]
    )
    scope = Scope({}, None, Run())
    for number in (10**34 + 1, -(10**34) - 1, 10**34 - 1):
        assert list(Index(rows).matching(scope, [number])) == walked(rows, scope, [number])


def test_a_question_mark_behind_an_operator_is_not_the_value() -> None:
    rows = rows_of([["<= ?"], ["? <= 1"], ["not(>= ?)"]])
    for around in ({"?": Decimal(5)}, {}):
        scope = Scope(around, None, Run())
        assert list(Index(rows).matching(scope, [Decimal(1)])) == walked(rows, scope, [Decimal(1)])
    assert list(Index(rows).matching(Scope({"?": 5}, None, Run()), [1])) == [0, 1, 2]


def test_many_constants_in_a_cell_are_not_looked_up() -> None:
    """Their answers cost the square of their number."""
    cell = Cell(parse_unary_tests(", ".join(map(str, range(1_000)))))
    assert cell.answers(index._NUMBER) is None
    assert list(Index([[cell]]).matching(Scope({}, None, Run()), [999])) == [0]


def test_threads_share_a_table() -> None:
    table = table_of(THOUSAND)

    def ask(number: int) -> bool:
        return decided(table, a=f"类{number % 50}", b=number // 50 * 10, c=1)[0] == number

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(0, 1_000, 7)))
