"""What the operators mean (DMN 1.5, tables 41-57): three-valued, null where the standard leaves no value.

Functions return None where FEEL says null; the caller tells why.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

from . import temporal
from .limits import TEXT_STEP, refuse_long_text
from .values import (
    NUMBERS,
    Range,
    YearsMonthsDuration,
    adopt,
    kind,
)

_NUMBERS = frozenset({Decimal, int, float})
_DATES = frozenset({"date", "date and time"})
_DURATIONS = frozenset({"days and time duration", "years and months duration"})


def number(value: Any) -> Decimal | None:
    """A number as Decimal, None for anything else."""
    if type(value) not in _NUMBERS:
        return None
    found = adopt(value)
    return NUMBERS.create_decimal(found) if type(found) is int else found


# --- equality ---


def equal(left: Any, right: Any, spend: Callable[[int], None] | None = None) -> bool | None:
    """``=``: None for values of different kinds."""
    if left is None or right is None:
        return left is right
    left_type, right_type = type(left), type(right)
    if left_type is right_type and left_type in (str, bool, Decimal, int):
        if spend and left_type is str:
            spend(min(len(left), len(right)) // TEXT_STEP)
        return bool(left == right)
    left_kind = kind(left)
    if left_kind != kind(right):
        return None
    return _same_kind(left_kind, left, right, spend)


def _same_kind(of: str, left: Any, right: Any, spend: Callable[[int], None] | None) -> bool | None:
    if of == "number":
        return number(left) == number(right)
    if of == "list":
        if spend:
            spend(1 + min(len(left), len(right)))
        return len(left) == len(right) and _all_equal(zip(left, right, strict=True), spend)
    if of == "context":
        if spend:
            spend(1 + len(left))
        return left.keys() == right.keys() and _all_equal(((v, right[k]) for k, v in left.items()), spend)
    if of == "range":
        return _range_form(left) == _range_form(right) and _all_equal(
            ((left.start, right.start), (left.end, right.end)), spend
        )
    if of in ("time", "date and time"):
        return (left.tzinfo is None) == (right.tzinfo is None) and order(left, right) == 0
    if of in ("function", "unknown"):  # of something foreign no method is called
        return left is right
    return bool(left == right)


def _all_equal(pairs: Any, spend: Callable[[int], None] | None) -> bool:
    return all(equal(left, right, spend) for left, right in pairs)


def _range_form(value: Range) -> tuple[str, bool, bool]:
    return value.operator, value.start_included, value.end_included


# --- order ---


def order(left: Any, right: Any) -> int | None:
    """-1, 0 or 1; None where the two cannot be compared."""
    left_type, right_type = type(left), type(right)
    if left_type is bool or right_type is bool:
        return None
    a: Any
    b: Any
    if left_type is right_type and left_type in (Decimal, str, int, timedelta, YearsMonthsDuration):
        a, b = left, right
    else:
        of = kind(left)
        if of != kind(right):
            return None
        if of == "number":
            a, b = number(left), number(right)
            if a is None or b is None:
                return None
        elif of == "date":
            a, b = temporal.day_number(left), temporal.day_number(right)
        elif of in ("time", "date and time"):
            return _order_of_clocks(left, right)
        elif of == "days and time duration":
            a, b = temporal.nanoseconds(left), temporal.nanoseconds(right)
        else:
            return None
    return -1 if a < b else 1 if a > b else 0


def _order_of_clocks(left: Any, right: Any) -> int | None:
    """Two times, or two dates and times, by whole seconds, the unit of ``valuet`` and ``valuedt`` (10.3.2.3.4, 10.3.2.3.6).

    One without a zone is taken to be in the zone of the other (table 54). Times in zones of different names have no order, as the
    offset of such a zone depends on the day.
    """
    a, b = _reading(left), _reading(right)
    if left.tzinfo is not None and right.tzinfo is not None and left.tzinfo != right.tzinfo:
        left_offset, right_offset = temporal.offset_of(left), temporal.offset_of(right)
        if left_offset is None or right_offset is None:
            return None
        a -= left_offset // temporal.SECOND
        b -= right_offset // temporal.SECOND
    return -1 if a < b else 1 if a > b else 0


def _reading(value: Any) -> int:
    """What the calendar and the clock show, in seconds."""
    days = temporal.day_number(value) if kind(value) == "date and time" else 0
    return days * 86_400 + temporal.seconds_of_day(value)


def less(left: Any, right: Any) -> bool | None:
    found = order(left, right)
    return None if found is None else found < 0


def less_or_equal(left: Any, right: Any) -> bool | None:
    found = order(left, right)
    return None if found is None else found <= 0


def greater(left: Any, right: Any) -> bool | None:
    found = order(left, right)
    return None if found is None else found > 0


def greater_or_equal(left: Any, right: Any) -> bool | None:
    found = order(left, right)
    return None if found is None else found >= 0


def unequal(left: Any, right: Any) -> bool | None:
    found = equal(left, right)
    return None if found is None else not found


COMPARISONS: dict[str, Callable[[Any, Any], bool | None]] = {
    "=": equal,
    "!=": unequal,
    "<": less,
    "<=": less_or_equal,
    ">": greater,
    ">=": greater_or_equal,
}


# --- ranges and in ---


def interval(start: Any, end: Any, start_included: bool, end_included: bool) -> Range | None:
    """``[start..end]``; None for ends that have no order, or the wrong one (10.3.2.7)."""
    if start is not None and end is not None and order(start, end) not in (-1, 0):
        return None
    return Range(start, end, start_included, end_included)


def half_range(operator: str, end: Any) -> Range:
    """``(< end)`` and its like; ``(!= end)`` is everything beside its one end."""
    if operator == "=":
        return Range(end, end, True, True, operator)
    if operator in ("<", "<="):
        return Range(None, end, False, operator == "<=", operator)
    if operator in (">", ">="):
        return Range(end, None, operator == ">=", False, operator)
    return Range(end, end, False, False, operator)


def contains(interval_: Range, value: Any) -> bool | None:
    """Whether a value lies in a range; None where that has no answer."""
    if interval_.undefined:
        return None
    if interval_.operator == "!=":
        return unequal(value, interval_.end)
    if interval_.start is not None:
        found = order(value, interval_.start)
        if found is None:
            return None
        if found < 0 or (found == 0 and not interval_.start_included):
            return False
    if interval_.end is not None:
        found = order(value, interval_.end)
        if found is None:
            return None
        if found > 0 or (found == 0 and not interval_.end_included):
            return False
    return True


def is_in(value: Any, test: Any, spend: Callable[[int], None] | None = None) -> bool | None:
    """``value in test`` for a test that is a value, a list of values and ranges, or a range (table 53)."""
    if isinstance(test, Range):
        if isinstance(value, Range):
            return equal(value, test)
        return contains(test, value)
    if isinstance(test, list):
        if spend:
            spend(len(test))
        for item in test:
            if item is not None and type(item) is Range:
                if contains(item, value) is True:
                    return True
            elif equal(value, item, spend) is True:
                return True
        return isinstance(value, list) and equal(value, test, spend) is True
    return equal(value, test, spend)


# --- arithmetic ---


def add(left: Any, right: Any) -> Any:
    if type(left) is Decimal and type(right) is Decimal:
        return NUMBERS.add(left, right)
    a, b = kind(left), kind(right)
    if a == b:
        if a == "number":
            return _numbers(NUMBERS.add, left, right)
        if a == "string":
            refuse_long_text(len(left) + len(right))
            return left + right
        if a in _DURATIONS:
            return _add_durations(left, right, 1)
        return None
    if b in _DURATIONS and a not in _DURATIONS:
        return _shift(a, left, right, 1)
    if a in _DURATIONS and b not in _DURATIONS:
        return _shift(b, right, left, 1)
    return None


def subtract(left: Any, right: Any) -> Any:
    if type(left) is Decimal and type(right) is Decimal:
        return NUMBERS.subtract(left, right)
    a, b = kind(left), kind(right)
    if a == b == "number":
        return _numbers(NUMBERS.subtract, left, right)
    if a in _DATES and b in _DATES:
        return _distance(left, right)
    if a == b == "time":
        return _time_distance(left, right)
    if a == b and a in _DURATIONS:
        return _add_durations(left, right, -1)
    if b in _DURATIONS:
        return _shift(a, left, right, -1)
    return None


def multiply(left: Any, right: Any) -> Any:
    if type(left) is Decimal and type(right) is Decimal:
        return NUMBERS.multiply(left, right)
    a, b = kind(left), kind(right)
    if a == b == "number":
        return _numbers(NUMBERS.multiply, left, right)
    if a in _DURATIONS and b == "number":
        return _scale(left, right, NUMBERS.multiply)
    if a == "number" and b in _DURATIONS:
        return _scale(right, left, NUMBERS.multiply)
    return None


def divide(left: Any, right: Any) -> Any:
    if type(left) is Decimal and type(right) is Decimal and right:
        return NUMBERS.divide(left, right)
    a, b = kind(left), kind(right)
    if a == b == "number":
        return _numbers(NUMBERS.divide, left, right)
    if a in _DURATIONS and b == "number":
        return _scale(left, right, NUMBERS.divide)
    if a == b == "years and months duration":
        return _numbers(NUMBERS.divide, left.total, right.total)
    if a == b == "days and time duration":
        return _numbers(NUMBERS.divide, temporal.nanoseconds(left), temporal.nanoseconds(right))
    return None


def power(left: Any, right: Any) -> Any:
    return _numbers(_power, left, right)


def _power(base: Decimal, exponent: Decimal) -> Decimal:
    if base:
        return NUMBERS.power(base, exponent)
    if exponent < 0:
        raise ZeroDivisionError
    return Decimal(0 if exponent else 1)


def negate(value: Any) -> Any:
    of = kind(value)
    if of == "number":
        found = number(value)
        return None if found is None else NUMBERS.minus(found)
    if of == "years and months duration":
        return YearsMonthsDuration(-value.total)
    if of == "days and time duration":
        return temporal.make_duration(-temporal.nanoseconds(value))
    return None


ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "**": power,
}


def _numbers(operation: Callable[[Decimal, Decimal], Decimal], left: Any, right: Any) -> Decimal | None:
    a, b = number(left), number(right)
    if a is None or b is None:
        return None
    try:
        return operation(a, b)
    except ArithmeticError:  # division by zero, overflow, a root of a negative number
        return None


def _add_durations(left: Any, right: Any, sign: int) -> Any:
    if isinstance(left, YearsMonthsDuration):
        return temporal.make_months(left.total + sign * right.total)
    return temporal.make_duration(temporal.nanoseconds(left) + sign * temporal.nanoseconds(right))


def _shift(of: str, value: Any, duration: Any, sign: int) -> Any:
    try:
        if isinstance(duration, YearsMonthsDuration):
            return temporal.add_months(value, sign * duration.total) if of in _DATES else None
        if of in _DATES or of == "time":
            return temporal.add(value, sign * temporal.nanoseconds(duration))
    except (ValueError, OverflowError):
        pass
    return None


def _distance(left: Any, right: Any) -> Any:
    left, right = (temporal.midnight(v, UTC) if kind(v) == "date" else v for v in (left, right))
    if (left.tzinfo is None) != (right.tzinfo is None):
        return None
    return temporal.make_duration(temporal.instant(left) - temporal.instant(right))


def _time_distance(left: Any, right: Any) -> Any:
    a, b = temporal.nanoseconds_of_day(left), temporal.nanoseconds_of_day(right)
    if left.tzinfo != right.tzinfo:
        left_offset, right_offset = temporal.offset_of(left), temporal.offset_of(right)
        if left_offset is None or right_offset is None:
            return None
        a, b = a - left_offset, b - right_offset
    return temporal.make_duration(a - b)


def _scale(duration: Any, by: Any, operation: Callable[[Decimal, Decimal], Decimal]) -> Any:
    months = isinstance(duration, YearsMonthsDuration)
    amount = duration.total if months else temporal.nanoseconds(duration)
    found = _numbers(operation, amount, by)
    if found is None:
        return None
    whole = int(found.to_integral_value(ROUND_DOWN))
    return temporal.make_months(whole) if months else temporal.make_duration(whole)


# --- properties ---

_WEEKDAY_BASE = 1  # day number 1, 0001-01-01, was a Monday


def weekday(value: Any) -> int:
    """1 for Monday to 7 for Sunday."""
    return (temporal.day_number(value) - _WEEKDAY_BASE) % 7 + 1


def _duration_part(unit: int, modulo: int | None) -> Callable[[Any], Decimal]:
    def part(value: Any) -> Decimal:
        total = temporal.nanoseconds(value)
        size = abs(total) // unit
        if modulo:
            size %= modulo
        return Decimal(-size if total < 0 else size)

    return part


def _time_offset(value: Any) -> Any:
    offset = temporal.offset_of(value)
    return None if offset is None else temporal.make_duration(offset)


def _zone_name(value: Any) -> str | None:
    return getattr(value.tzinfo, "key", None)


_DATE_PARTS: dict[str, Callable[[Any], Any]] = {
    "year": lambda v: Decimal(v.year),
    "month": lambda v: Decimal(v.month),
    "day": lambda v: Decimal(v.day),
    "weekday": lambda v: Decimal(weekday(v)),
}
_TIME_PARTS: dict[str, Callable[[Any], Any]] = {
    "hour": lambda v: Decimal(v.hour),
    "minute": lambda v: Decimal(v.minute),
    "second": lambda v: v.second + Decimal(temporal.nanosecond_of(v)) / temporal.SECOND,
    "time offset": _time_offset,
    "timezone": _zone_name,
}
PROPERTIES: dict[str, dict[str, Callable[[Any], Any]]] = {
    "date": _DATE_PARTS,
    "time": _TIME_PARTS,
    "date and time": _DATE_PARTS | _TIME_PARTS,
    "years and months duration": {"years": lambda v: Decimal(v.years), "months": lambda v: Decimal(v.months)},
    "days and time duration": {
        "days": _duration_part(temporal.DAY, None),
        "hours": _duration_part(3600 * temporal.SECOND, 24),
        "minutes": _duration_part(60 * temporal.SECOND, 60),
        "seconds": _duration_part(temporal.SECOND, 60),
    },
    "range": {
        "start": lambda v: v.start,
        "end": lambda v: v.end,
        "start included": lambda v: v.start_included,
        "end included": lambda v: v.end_included,
    },
}
"""Kind -> property -> its value (tables 58-63)."""
