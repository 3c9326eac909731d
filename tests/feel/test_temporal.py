"""Dates, times and durations where the standard is particular (DMN 1.5, 10.3.2.3.4 to 8, tables 53, 54, 57 and 66)."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from engine import values
from engine.feel import evaluate


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # XML Schema: hour 24 is midnight of the next day, and nothing after it is a time.
        ('@"2021-01-01T24:00:00" = @"2021-01-02T00:00:00"', True),
        ('@"2021-12-31T24:00:00Z" + @"PT1S" = @"2022-01-01T00:00:01Z"', True),
        ('string(@"9999-12-31T24:00:00")', "10000-01-01T00:00:00"),
        ('time("24:00:00") = time("00:00:00")', True),
        ('@"2021-01-01T24:00:01"', None),
        ('@"24:01:00"', None),
        ('@"2021-02-29"', None),
        # Table 66: a zone is at most 14 hours away.
        ('(@"10:00:00+14:00").time offset = @"PT14H"', True),
        ('@"10:00:00+14:01"', None),
        ('@"10:00:00-15:00"', None),
        ('@"10:00:00@Nowhere/Land"', None),
        # Values are in whole seconds (10.3.2.3.4, 10.3.2.3.6), the property second is not (table 66).
        ('@"10:30:00.0001" = @"10:30:00.0002"', True),
        ('@"10:30:00.0001" < @"10:30:00.0002"', False),
        ('@"2018-12-08T00:00:00.9" <= @"2018-12-08T00:00:00"', True),
        ('@"10:30:00.25".second', D("0.25")),
        ('@"2018-12-08T10:30:01".second', 1),
        # Table 53: on the time line, and with no zone nothing equals what has one.
        ('@"2002-04-02T12:00:00-01:00" = @"2002-04-02T17:00:00+04:00"', True),
        ('@"2018-02-08T00:00:00+01:00" = @"2018-02-08T00:00:00@Europe/Paris"', True),
        ('@"10:00:00+08:00" = @"02:00:00Z"', True),
        ('@"10:00:00+00:00" = @"10:00:00@Etc/UTC"', True),
        ('@"10:00:00+08:00" = @"10:00:00"', False),
        ('@"10:00:00@Europe/Paris" = @"10:00:00@Asia/Dhaka"', False),
        # Table 54: one without a zone is in the zone of the other; a zone by name leaves a time's offset open.
        ('@"10:00:00+08:00" < @"10:00:01"', True),
        ('@"2026-01-01T10:00:00" >= @"2026-01-01T10:00:00+08:00"', True),
        ('@"10:00:00@Europe/Paris" < @"11:00:00@Europe/Paris"', True),
        ('@"10:00:00@Europe/Paris" < @"11:00:00+01:00"', None),
        # Table 57: a date is its midnight in UTC; both have a zone or none has.
        ('@"2021-01-02T00:00:00Z" - @"2021-01-01" = @"P1D"', True),
        ('@"2021-01-02" - @"2021-01-01T10:00:00+10:00" = @"P1D"', True),
        ('@"2021-01-01T00:00:00" - @"2021-01-02"', None),
        ('@"2021-01-02T10:00:00" - @"2021-01-02T10:00:00Z"', None),
        ('@"10:00:00+11:00" - @"09:00:00+10:00"', "PT0S"),
        ('@"2021-01-31" + @"P1M" = @"2021-02-28"', True),
        ('@"2021-01-01" - @"PT1H" = @"2020-12-31"', True),
        ('@"2021-01-01" + @"PT23H" = @"2021-01-01"', True),
        ('@"23:00:00" + @"PT2H" = @"01:00:00"', True),
        ('@"P1Y" + @"P1D"', None),
        ('@"999999999-12-31" + @"P1D"', None),
        # Table 59
        ('@"P1Y" / @"P5M"', D("2.4")),
        ('@"P1Y" * 1.99', "P1Y11M"),
        ('3 * @"PT20M"', "PT1H"),
        ('@"P1D" / 0', None),
        ('1 / @"P1D"', None),
        # Table 72: whole months between the dates; the clock does not count.
        (
            'years and months duration(@"2014-12-31T23:59:59", @"2016-12-31T00:00:01")',
            "P2Y",
        ),
        ('years and months duration(@"2011-12-22", @"2013-08-21")', "P1Y7M"),
        ('years and months duration(@"2013-08-24", @"2011-12-22")', "-P1Y8M"),
    ],
)
def test_clocks_and_calendars(expression: str, expected: Any) -> None:
    warnings: list[str] = []
    value = evaluate(expression, {}, warnings=warnings)
    if isinstance(expected, str):
        value = evaluate(f"string({expression})", {})
    assert value == expected
    assert (expected is None) == bool(warnings)


@pytest.mark.parametrize(
    "expression",
    [
        'date("-20000-02-29")',
        'time("10:00:00.123456789")',
        'time("10:00:00.123456789-03:30")',
        'time("10:00:00.123456789@Europe/Paris")',
        'time("10:00:00@Europe/Paris")',
        '@"20000-01-01T10:00:00"',
        '@"20000-01-01T10:00:00.000000001+08:00"',
        '@"20000-01-01T10:00:00@Asia/Shanghai"',
        '@"PT0.000000001S"',
        '@"P999999999999D"',
        '@"-P3Y"',
        "[1..5)",
        '(<= @"2026-01-01")',
        '(!= "a")',
        "[null..3]",
        '{a: [(> @"20000-01-01")]}',
    ],
)
def test_a_process_value_comes_back_the_same(expression: str) -> None:
    value = evaluate(expression, {})
    text = values.dumps(value)
    assert values.loads(text) == value is not None
    assert values.dumps(values.loads(text)) == text


@pytest.mark.parametrize("expression", ["sum", "function(x) x", "{a: [function() 1]}"])
def test_a_function_is_no_process_value(expression: str) -> None:
    with pytest.raises(TypeError, match="函数不是流程数据"):
        values.dumps(evaluate(expression, {}))


@pytest.mark.parametrize(
    "text", ['{"$wide-time":[]}', '{"$range":[1]}', '{"$time":"1@X/Y"}', '{"$function":1}']
)
def test_keys_that_only_look_like_ours_stay(text: str) -> None:
    assert values.dumps(values.loads(text)) == text
