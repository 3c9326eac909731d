"""Numeric functions (DMN 1.5, table 76)."""

from __future__ import annotations

from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Context,
    Decimal,
)
from typing import Any

from ..limits import TRANSCENDENTAL
from ..operators import number
from ..run import Run
from ..temporal import make_duration, nanoseconds
from ..values import NUMBERS, WideDuration, YearsMonthsDuration
from .registry import built_in

MIN_SCALE, MAX_SCALE = -6111, 6176
_WIDE = Context(prec=7000, Emin=-99999, Emax=99999)


def as_number(value: Any) -> Decimal:
    """:raises ValueError: no number"""
    found = number(value)
    if found is None:
        raise ValueError("应为数字")
    return found


def _rounded(value: Any, scale: Any, rounding: str) -> Decimal:
    places = int(scale)
    if not MIN_SCALE <= places <= MAX_SCALE:
        raise ValueError(f"小数位数应在 {MIN_SCALE} 与 {MAX_SCALE} 之间")
    exact = as_number(value)
    if int(exact.as_tuple().exponent) >= -places:  # nothing to round away
        return exact
    return NUMBERS.plus(exact.quantize(Decimal(1).scaleb(-places, _WIDE), rounding, _WIDE))


@built_in("decimal(n: number, scale: number)")
def decimal(run: Run, n: Any, scale: Any) -> Decimal:
    return _rounded(n, scale, ROUND_HALF_EVEN)


@built_in("floor(n: number, scale: number?)")
def floor(run: Run, n: Any, scale: Any = None) -> Decimal:
    return _rounded(n, scale or 0, ROUND_FLOOR)


@built_in("ceiling(n: number, scale: number?)")
def ceiling(run: Run, n: Any, scale: Any = None) -> Decimal:
    return _rounded(n, scale or 0, ROUND_CEILING)


@built_in("round up(n: number, scale: number)")
def round_up(run: Run, n: Any, scale: Any) -> Decimal:
    return _rounded(n, scale, ROUND_UP)


@built_in("round down(n: number, scale: number)")
def round_down(run: Run, n: Any, scale: Any) -> Decimal:
    return _rounded(n, scale, ROUND_DOWN)


@built_in("round half up(n: number, scale: number)")
def round_half_up(run: Run, n: Any, scale: Any) -> Decimal:
    return _rounded(n, scale, ROUND_HALF_UP)


@built_in("round half down(n: number, scale: number)")
def round_half_down(run: Run, n: Any, scale: Any) -> Decimal:
    return _rounded(n, scale, ROUND_HALF_DOWN)


@built_in("abs(n: number|days and time duration|years and months duration)")
def absolute(run: Run, n: Any) -> Any:
    if isinstance(n, YearsMonthsDuration):
        return YearsMonthsDuration(abs(n.total))
    found = number(n)
    return make_duration(abs(nanoseconds(n))) if found is None or isinstance(n, WideDuration) else abs(found)


@built_in("modulo(dividend: number, divisor: number)")
def modulo(run: Run, dividend: Any, divisor: Any) -> Decimal:
    a, b = as_number(dividend), as_number(divisor)
    if not b:
        raise ValueError("除数不能为 0")
    rest = _WIDE.remainder(a, b)  # has the sign of the dividend, FEEL wants the divisor's
    return NUMBERS.plus(_WIDE.add(rest, b) if rest and (rest < 0) != (b < 0) else rest)


@built_in("sqrt(number: number)")
def sqrt(run: Run, value: Any) -> Decimal:
    return NUMBERS.sqrt(as_number(value))


@built_in("log(number: number)")
def log(run: Run, value: Any) -> Decimal:
    if as_number(value) <= 0:
        raise ValueError("应为正数")
    run.spend(TRANSCENDENTAL)
    return NUMBERS.ln(as_number(value))


@built_in("exp(number: number)")
def exp(run: Run, value: Any) -> Decimal:
    run.spend(TRANSCENDENTAL)
    return NUMBERS.exp(as_number(value))


@built_in("odd(number: number)")
def odd(run: Run, value: Any) -> bool:
    return as_number(value) == as_number(value).to_integral_value() and bool(_remainder(value))


@built_in("even(number: number)")
def even(run: Run, value: Any) -> bool:
    return as_number(value) == as_number(value).to_integral_value() and not _remainder(value)


def _remainder(value: Any) -> Decimal:
    return _WIDE.remainder(as_number(value), 2)
