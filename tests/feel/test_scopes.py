"""Which names a loop or filter sees, item by item."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.feel import evaluate

ITEMS = [{"a": 1, "b": 10}, {"a": 2}, {"b": 30}, 4]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("for f in (for x in [1, 2, 3] return function() x) return f()", [1, 2, 3]),
        ("for f in (for x in [1, 2], y in [3, 4] return function() x * y) return f()", [3, 4, 6, 8]),
        ("for f in (for x in 1..3 return {g: function() x}) return f.g()", [1, 2, 3]),
        ("[1, 2, 3][(function() item)() > 1]", [2, 3]),
        ("some f in (for x in [1, 2] return function() x) satisfies f() = 2", True),
        ("some x in [1, 2] satisfies (function(y) x = y)(2)", True),
        ("[{n: 1}, {n: 2}][(function() n)() = 2].n", [2]),
        ("for x in [1, 2] return for y in [x, x + 1] return x * y", [[1, 2], [4, 6]]),
        ("[[1, 2], [3]][count(item[item > 1]) = 1]", [[1, 2], [3]]),
        ("for x in 1..3 return count(partial) + x", [1, 3, 5]),
        ("for x in 1..3 return partial", [[], [[]], [[], [[]]]]),
    ],
)
def test_every_round_has_its_own_values(expression: str, expected: Any) -> None:
    assert evaluate(expression, {}) == expected


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("a > 1", [{"a": 2}]),
        ("item.b = 10", [{"a": 1, "b": 10}]),
        ("b > 5", [{"a": 1, "b": 10}, {"a": 2}, {"b": 30}, 4]),  # where the item has none, the one outside
        ("item = 4", [4]),
        ("c = 7", ITEMS),
    ],
)
def test_an_item_hides_what_is_around_and_the_next_does_not_inherit_it(
    condition: str, kept: list[Any]
) -> None:
    assert evaluate(f"list[{condition}]", {"list": ITEMS, "b": 6, "c": 7, "item": 9}) == kept
    assert evaluate("list[item > 1][1]", {"list": [1, Decimal(2)], "item": 9}) == 2


def test_numbers_that_feel_does_not_have_go_out_as_null_wherever_they_are() -> None:
    given = [Decimal("NaN"), {"a": Decimal("Infinity"), "b": [float("nan"), 10**7000]}, 1.5]
    assert evaluate("x", {"x": given}) == [None, {"a": None, "b": [None, None]}, Decimal("1.5")]
    assert evaluate("[x[2].a, x[1], x.b]", {"x": given[:2]}) == [None, None, [None, [None, None]]]
