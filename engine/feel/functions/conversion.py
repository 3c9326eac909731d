"""Conversion functions (DMN 1.5, table 73), and ``not``."""

from __future__ import annotations

import re
from datetime import UTC
from decimal import Decimal
from typing import Any

from .. import temporal
from ..run import Run
from ..values import NUMBERS, WideDateTime, YearsMonthsDuration
from ..writing import text_of
from .registry import built_in
from .strings import whole

_NUMBER = re.compile(r"-?([0-9]+(\.[0-9]+)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


@built_in("not(negand: any)")
def negated(run: Run, negand: Any) -> bool | None:
    if type(negand) is bool:
        return not negand
    if negand is not None:
        raise ValueError("应为真或假")
    return None


@built_in("string(from: any)")
def string(run: Run, value: Any) -> str | None:
    return None if value is None else text_of(value, run.spend)


@built_in("number(from: number) -> number")
def number_itself(run: Run, value: Any) -> Any:
    return value


@built_in(
    "number(from: string)",
    "number(from: string, grouping separator: string|Null, decimal separator: string|Null)",
)
def number(run: Run, text: str, grouping: str | None = None, point: str | None = None) -> Decimal:
    if grouping is not None and grouping not in (" ", ",", "."):
        raise ValueError("分组符应为空格、逗号或句点")
    if point is not None and point not in (",", "."):
        raise ValueError("小数点应为逗号或句点")
    if grouping is not None and grouping == point:
        raise ValueError("分组符与小数点不能相同")
    if grouping:
        text = text.replace(grouping, "")
    if point:
        text = text.replace(point, ".")
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"“{text[:40]}”不是数字")
    return NUMBERS.create_decimal(text)


@built_in("date(from: string) -> date")
def date_of_text(run: Run, text: str) -> Any:
    return temporal.read_date(text)


@built_in("date(from: date|date and time) -> date")
def date_of(run: Run, value: Any) -> Any:
    return temporal.make_date(value.year, value.month, value.day)


@built_in("date(year: number, month: number, day: number) -> date")
def date_of_parts(run: Run, year: Any, month: Any, day: Any) -> Any:
    return temporal.make_date(whole(year, "年"), whole(month, "月"), whole(day, "日"))


@built_in("date and time(from: string) -> date and time")
def date_and_time_of_text(run: Run, text: str) -> Any:
    return temporal.read_date_and_time(text)


@built_in("date and time(from: date and time) -> date and time")
def date_and_time_itself(run: Run, value: Any) -> Any:
    return value


@built_in("date and time(from: date) -> date and time")
def date_and_time_of_date(run: Run, value: Any) -> Any:
    return temporal.midnight(value, UTC)


@built_in("date and time(date: date|date and time, time: time) -> date and time")
def date_and_time(run: Run, day: Any, clock: Any) -> Any:
    return temporal.combine(day, clock)


@built_in("date and time(date: date and time, timezone: string) -> date and time")
def in_zone(run: Run, moment: Any, zone: str) -> Any:
    if isinstance(moment, WideDateTime) or moment.tzinfo is None:
        raise ValueError("日期时间应有时区")
    return moment.astimezone(temporal.zone_named(zone if zone[:1] in ("Z", "+", "-", "@") else f"@{zone}"))


@built_in(
    "date and time(year: number, month: number, day: number, hour: number, minute: number, second: number, "
    "time offset: days and time duration|Null?) -> date and time"
)
def date_and_time_of_parts(
    run: Run, year: Any, month: Any, day: Any, hour: Any, minute: Any, second: Any, offset: Any = None
) -> Any:
    date = temporal.make_date(whole(year, "年"), whole(month, "月"), whole(day, "日"))
    return temporal.combine(date, time_of_parts(run, hour, minute, second, offset))


@built_in("time(from: string) -> time")
def time_of_text(run: Run, text: str) -> Any:
    return temporal.read_time(text)


@built_in("time(from: time|date and time) -> time")
def time_of(run: Run, value: Any) -> Any:
    return temporal.make_time(
        value.hour, value.minute, value.second, temporal.nanosecond_of(value), value.tzinfo
    )


@built_in("time(from: date) -> time")
def time_of_date(run: Run, value: Any) -> Any:
    return temporal.make_time(0, 0, 0, 0, UTC)


@built_in("time(hour: number, minute: number, second: number, offset: days and time duration|Null?) -> time")
def time_of_parts(run: Run, hour: Any, minute: Any, second: Any, offset: Any = None) -> Any:
    seconds = Decimal(second)
    nanosecond = int((seconds - int(seconds)) * temporal.SECOND)
    zone = None
    if offset is not None:
        total = temporal.nanoseconds(offset) // temporal.SECOND
        sign, total = ("-", -total) if total < 0 else ("+", total)
        zone = temporal.zone_named(f"{sign}{total // 3600:02d}:{total // 60 % 60:02d}:{total % 60:02d}")
    return temporal.make_time(whole(hour, "时"), whole(minute, "分"), int(seconds), nanosecond, zone)


@built_in("duration(from: string)")
def duration(run: Run, text: str) -> Any:
    return temporal.read_duration(text)


@built_in("duration(from: days and time duration|years and months duration)")
def duration_itself(run: Run, value: Any) -> Any:
    return value


@built_in("years and months duration(from: date|date and time, to: date|date and time)")
def years_and_months_duration(run: Run, start: Any, end: Any) -> YearsMonthsDuration:
    return temporal.months_between(start, end)
