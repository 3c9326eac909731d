"""Date and time functions (DMN 1.5, tables 77 to 79)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from ..operators import equal, weekday
from ..run import Run
from ..temporal import day_number, days_of_month, make_date, write
from ..values import WideDate, kind
from .registry import built_in

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def _clock(run: Run) -> Any:
    if run.now is None:
        raise ValueError("此处没有时钟")
    return run.now


@built_in("now() -> date and time")
def now(run: Run) -> Any:
    return _clock(run)


@built_in("today() -> date")
def today(run: Run) -> Any:
    return _clock(run).date()


@built_in("day of year(date: date|date and time)")
def day_of_year(run: Run, day: Any) -> Decimal:
    return Decimal(day_number(day) - day_number(make_date(day.year, 1, 1)) + 1)


@built_in("day of week(date: date|date and time)")
def day_of_week(run: Run, day: Any) -> str:
    return _DAYS[weekday(day) - 1]


@built_in("month of year(date: date|date and time)")
def month_of_year(run: Run, day: Any) -> str:
    return _MONTHS[day.month - 1]


@built_in("week of year(date: date|date and time)")
def week_of_year(run: Run, day: Any) -> Decimal:
    """ISO 8601: the week belongs to the year of its Thursday."""
    if 1 <= day.year <= 9999:
        return Decimal(date(day.year, day.month, day.day).isocalendar().week)
    cycle = 2000 + day.year % 400  # the calendar repeats every 400 years
    return Decimal(date(cycle, day.month, day.day).isocalendar().week)


@built_in("last day of month(date: date|date and time)")
def last_day_of_month(run: Run, day: Any) -> date | WideDate:
    return make_date(day.year, day.month, days_of_month(day.year, day.month))


@built_in("is(value1: any, value2: any)")
def same(run: Run, left: Any, right: Any) -> bool:
    """Whether two values are the same thing: for times that also means the same zone and fraction of a second."""
    if kind(left) != kind(right):
        return False
    if kind(left) in ("time", "date and time"):
        return write(left) == write(right)
    return equal(left, right, run.spend) is True
