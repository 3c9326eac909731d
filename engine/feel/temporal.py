"""Dates, times and durations: reading, writing and arithmetic (DMN 1.5, 10.3.2.3.4-10.3.2.3.8).

Python's own types wherever they can hold the value; ``Wide...`` types for years outside 1-9999 and for nanoseconds. Both have the
same attribute names, so everything here works on either. Calculations are in whole nanoseconds.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from .values import WideDate, WideDateTime, WideDuration, WideTime, YearsMonthsDuration

AnyDate = date | WideDate
AnyTime = time | WideTime
AnyDateTime = datetime | WideDateTime
AnyDuration = timedelta | WideDuration

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
MAX_YEAR = 999_999_999
MAX_MONTHS = 10**15
MAX_DURATION = 10**33  # nanoseconds
MAX_OFFSET = timedelta(hours=14)  # from UTC, as XML Schema and table 66 have it

_YEAR = r"(?P<year>-?(?:[1-9][0-9]{4,8}|[0-9]{4}))"
_DATE = rf"{_YEAR}-(?P<month>[0-9]{{2}})-(?P<day>[0-9]{{2}})"
_ZONE = r"(?P<zone>[Zz]|[+-][0-9]{2}:[0-9]{2}(?::[0-9]{2})?|@[A-Za-z0-9_+\-]+(?:/[A-Za-z0-9_+\-]+)*)?"
_TIME = rf"(?P<hour>[0-9]{{2}}):(?P<minute>[0-9]{{2}}):(?P<second>[0-9]{{2}})(?:\.(?P<fraction>[0-9]{{1,9}}))?{_ZONE}"
_DATE_TEXT = re.compile(_DATE)
_TIME_TEXT = re.compile(_TIME)
_DATE_TIME_TEXT = re.compile(rf"{_DATE}(?:T{_TIME})?")
_MONTHS_TEXT = re.compile(r"(-)?P(?:([0-9]{1,12})Y)?(?:([0-9]{1,12})M)?")
_DURATION_TEXT = re.compile(
    r"(-)?P(?:([0-9]{1,18})D)?(T(?:([0-9]{1,18})H)?(?:([0-9]{1,18})M)?(?:([0-9]{1,18})(?:\.([0-9]{0,18}))?S)?)?"
)


# --- building ---


def days_of_month(year: int, month: int) -> int:
    """28 to 31, in the proleptic Gregorian calendar."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def make_date(year: int, month: int, day: int) -> AnyDate:
    """:raises ValueError: no such day"""
    if abs(year) > MAX_YEAR or not 1 <= month <= 12 or not 1 <= day <= days_of_month(year, month):
        raise ValueError("没有这一天")
    return date(year, month, day) if 1 <= year <= 9999 else WideDate(year, month, day)


def make_time(
    hour: int, minute: int, second: int, nanosecond: int = 0, zone: tzinfo | None = None
) -> AnyTime:
    """:raises ValueError: no such time"""
    if not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60):
        raise ValueError("没有这个时刻")
    if nanosecond % 1000:
        return WideTime(hour, minute, second, nanosecond, zone)
    return time(hour, minute, second, nanosecond // 1000, zone)


def combine(day: Any, clock: Any) -> AnyDateTime:
    """The date of one value and the time, with its zone, of another."""
    nanosecond = nanosecond_of(clock)
    if 1 <= day.year <= 9999 and nanosecond % 1000 == 0:
        return datetime(
            day.year,
            day.month,
            day.day,
            clock.hour,
            clock.minute,
            clock.second,
            nanosecond // 1000,
            clock.tzinfo,
        )
    return WideDateTime(
        day.year, day.month, day.day, clock.hour, clock.minute, clock.second, nanosecond, clock.tzinfo
    )


def make_duration(nanoseconds: int) -> AnyDuration:
    """A days-and-time duration.

    :raises ValueError: beyond any use
    """
    if abs(nanoseconds) > MAX_DURATION:
        raise ValueError("时长超出范围")
    if nanoseconds % 1000 == 0:
        try:
            return timedelta(microseconds=nanoseconds // 1000)
        except OverflowError:
            pass
    return WideDuration(nanoseconds)


def make_months(total: int) -> YearsMonthsDuration:
    """A years-and-months duration.

    :raises ValueError: beyond any use
    """
    if abs(total) > MAX_MONTHS:
        raise ValueError("时长超出范围")
    return YearsMonthsDuration(total)


def midnight(day: AnyDate, zone: tzinfo | None = None) -> AnyDateTime:
    """The beginning of a day."""
    return combine(day, time(0, 0, 0, tzinfo=zone))


# --- taking apart ---


def nanosecond_of(value: Any) -> int:
    """Nanoseconds within the second of a time or date and time."""
    wide = getattr(value, "nanosecond", None)
    return value.microsecond * 1000 if wide is None else int(wide)


def seconds_of_day(value: Any) -> int:
    """Whole seconds since midnight."""
    seconds: int = (value.hour * 60 + value.minute) * 60 + value.second
    return seconds


def nanoseconds_of_day(value: Any) -> int:
    """Since midnight."""
    return seconds_of_day(value) * SECOND + nanosecond_of(value)


def nanoseconds(value: AnyDuration) -> int:
    """The length of a days-and-time duration."""
    if isinstance(value, WideDuration):
        return value.nanoseconds
    return ((value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds) * 1000


def day_number(value: Any) -> int:
    """Days of the proleptic Gregorian calendar, 1 for 0001-01-01; any year."""
    year, month = (value.year, value.month) if value.month > 2 else (value.year - 1, value.month + 12)
    number: int = (
        365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + value.day - 306
    )
    return number


def day_of(number: int) -> AnyDate:
    """The date of a ``day_number``.

    :raises ValueError: beyond the years of FEEL
    """
    if 1 <= number <= 3_652_059:
        return date.fromordinal(number)
    shifted = number + 305  # days since 0000-03-01
    era, day_of_era = divmod(shifted, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_index = (5 * day_of_year + 2) // 153
    month = month_index + 3 if month_index < 10 else month_index - 9
    return make_date(
        year_of_era + era * 400 + (1 if month <= 2 else 0),
        month,
        day_of_year - (153 * month_index + 2) // 5 + 1,
    )


def offset_of(value: Any) -> int | None:
    """Nanoseconds that the value's zone is ahead of UTC; None without a zone, or a time in a zone known by name."""
    zone = value.tzinfo
    if zone is None:
        return None
    if isinstance(value, (datetime, time)):
        offset = value.utcoffset()
    elif isinstance(value, WideDateTime):
        # Outside Python's years the zone's rules are those of the nearest year with the same calendar.
        year = value.year if 1 < value.year < 9999 else 2000 + value.year % 400 if value.year > 0 else 1600
        moment = datetime(year, value.month, value.day, value.hour, value.minute, value.second, tzinfo=zone)
        offset = moment.utcoffset()
    else:
        offset = zone.utcoffset(None)
    return None if offset is None else nanoseconds(offset)


def instant(value: AnyDateTime) -> int:
    """Nanoseconds on the UTC time line, or on the local one for a value without a zone."""
    return day_number(value) * DAY + nanoseconds_of_day(value) - (offset_of(value) or 0)


# --- reading ---


@cache
def _zones() -> frozenset[str]:
    """Known beforehand: asking for one that does not exist would look for its file each time."""
    return frozenset(available_timezones())


def zone_named(text: str | None) -> tzinfo | None:
    """``Z``, ``+08:00`` or ``@Asia/Shanghai``.

    :raises ValueError: no such zone
    """
    if not text:
        return None
    if text in "Zz":
        return UTC
    if text[0] == "@":
        if text[1:] not in _zones():
            raise ValueError("没有这个时区")
        return ZoneInfo(text[1:])
    hours, minutes, *rest = text[1:].split(":")
    seconds = int(rest[0]) if rest else 0
    offset = timedelta(hours=int(hours), minutes=int(minutes), seconds=seconds)
    if int(minutes) > 59 or seconds > 59 or offset > MAX_OFFSET:
        raise ValueError("没有这个时区")
    return timezone(-offset if text[0] == "-" else offset)


def _time(match: re.Match[str]) -> tuple[AnyTime, int]:
    """The time of a text, and the days to add to its date: 24:00:00 is midnight of the next day."""
    hour, minute, second = (int(match[part]) for part in ("hour", "minute", "second"))
    nanosecond = int((match["fraction"] or "").ljust(9, "0"))
    days = 1 if hour == 24 and not (minute or second or nanosecond) else 0
    return make_time(hour - 24 * days, minute, second, nanosecond, zone_named(match["zone"])), days


def read_date(text: str) -> AnyDate:
    """:raises ValueError: no date"""
    match = _DATE_TEXT.fullmatch(text)
    if not match:
        raise ValueError("不是日期，应为 2026-04-30 的形式")
    return make_date(int(match["year"]), int(match["month"]), int(match["day"]))


def read_time(text: str) -> AnyTime:
    """:raises ValueError: no time"""
    match = _TIME_TEXT.fullmatch(text)
    if not match:
        raise ValueError("不是时间，应为 18:00:00 的形式")
    return _time(match)[0]


def read_date_and_time(text: str) -> AnyDateTime:
    """Also a date alone, which is its midnight.

    :raises ValueError: no date and time
    """
    match = _DATE_TIME_TEXT.fullmatch(text)
    if not match:
        raise ValueError("不是日期时间，应为 2026-04-30T18:00:00 的形式")
    day = make_date(int(match["year"]), int(match["month"]), int(match["day"]))
    if not match["hour"]:
        return midnight(day)
    clock, days = _time(match)
    return combine(day_of(day_number(day) + days) if days else day, clock)


def read_duration(text: str) -> AnyDuration | YearsMonthsDuration:
    """:raises ValueError: no duration"""
    match = _MONTHS_TEXT.fullmatch(text)
    if match and (match[2] or match[3]):
        months = int(match[2] or 0) * 12 + int(match[3] or 0)
        return make_months(-months if match[1] else months)
    match = _DURATION_TEXT.fullmatch(text)
    if not match or (match[2] is None and match[3] is None) or match[3] == "T":
        raise ValueError("不是时长，应为 P1Y2M 或 P3DT4H 的形式")
    minutes = (int(match[2] or 0) * 24 + int(match[4] or 0)) * 60 + int(match[5] or 0)
    fraction = (match[7] or "").ljust(9, "0")[:9]
    total = (minutes * 60 + int(match[6] or 0)) * SECOND + int(fraction)
    return make_duration(-total if match[1] else total)


def read(text: str) -> Any:
    """The value of an at-literal, which its form decides.

    :raises ValueError: none of the four
    """
    if "P" in text[:2]:
        return read_duration(text)
    if _DATE_TEXT.fullmatch(text):
        return read_date(text)
    return read_date_and_time(text) if "T" in text.partition("@")[0] else read_time(text)


# --- writing ---


def write_date(value: Any) -> str:
    year = f"{value.year:04d}" if value.year >= 0 else f"-{-value.year:04d}"
    return f"{year}-{value.month:02d}-{value.day:02d}"


def write_zone(zone: tzinfo | None) -> str:
    if zone is None:
        return ""
    if isinstance(zone, ZoneInfo):
        return f"@{zone.key}"
    offset = int((zone.utcoffset(None) or timedelta()).total_seconds())
    if not offset:
        return "Z"
    hours, rest = divmod(abs(offset), 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{'-' if offset < 0 else '+'}{hours:02d}:{minutes:02d}" + (f":{seconds:02d}" if seconds else "")


def write_time(value: Any) -> str:
    nanosecond = nanosecond_of(value)
    fraction = f".{nanosecond:09d}".rstrip("0") if nanosecond else ""
    return f"{value.hour:02d}:{value.minute:02d}:{value.second:02d}{fraction}{write_zone(value.tzinfo)}"


def write_duration(value: AnyDuration) -> str:
    total = nanoseconds(value)
    days, rest = divmod(abs(total), DAY)
    hours, rest = divmod(rest, 3600 * SECOND)
    minutes, rest = divmod(rest, 60 * SECOND)
    seconds, fraction = divmod(rest, SECOND)
    text = f"{days}D" if days else ""
    clock = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    if seconds or fraction:
        clock += f"{seconds}" + (f".{fraction:09d}".rstrip("0") if fraction else "") + "S"
    if not text and not clock:
        return "PT0S"
    return ("-P" if total < 0 else "P") + text + (f"T{clock}" if clock else "")


def write(value: Any) -> str:
    """The text that ``read`` reads as the value."""
    if isinstance(value, (datetime, WideDateTime)):
        return f"{write_date(value)}T{write_time(value)}"
    if isinstance(value, (date, WideDate)):
        return write_date(value)
    if isinstance(value, (time, WideTime)):
        return write_time(value)
    if isinstance(value, YearsMonthsDuration):
        return str(value)
    return write_duration(value)


# --- arithmetic ---


def add_months(value: Any, months: int) -> Any:
    """A date, or date and time, some months on; the last day where the month has no such day.

    :raises ValueError: beyond the years of FEEL
    """
    year, month = divmod(value.year * 12 + value.month - 1 + months, 12)
    day = make_date(year, month + 1, min(value.day, days_of_month(year, month + 1)))
    return day if isinstance(value, WideDate) or type(value) is date else combine(day, value)


def add(value: Any, amount: int) -> Any:
    """A date, time, or date and time, some nanoseconds on: the days of a date, round the clock of a time.

    :raises ValueError: beyond the years of FEEL
    """
    if isinstance(value, (time, WideTime)):
        return _clock((nanoseconds_of_day(value) + amount) % DAY, value.tzinfo)
    if isinstance(value, WideDate) or type(value) is date:
        return day_of(day_number(value) + amount // DAY)
    offset = offset_of(value) or 0
    days, rest = divmod(day_number(value) * DAY + nanoseconds_of_day(value) - offset + amount, DAY)
    if isinstance(value.tzinfo, ZoneInfo) and 1 < value.year < 9999:
        # On the time line, so that a day with a clock change is 23 or 25 hours long.
        utc = combine(day_of(days), _clock(rest, UTC))
        if isinstance(utc, datetime):
            return utc.astimezone(value.tzinfo)
        whole = utc.nanosecond
        local = datetime(
            utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, tzinfo=UTC
        ).astimezone(value.tzinfo)
        return combine(local, make_time(local.hour, local.minute, local.second, whole, value.tzinfo))
    days, rest = divmod(days * DAY + rest + offset, DAY)
    return combine(day_of(days), _clock(rest, value.tzinfo))


def _clock(amount: int, zone: tzinfo | None) -> AnyTime:
    seconds, nanosecond = divmod(amount, SECOND)
    return make_time(seconds // 3600, seconds // 60 % 60, seconds % 60, nanosecond, zone)


def months_between(start: Any, end: Any) -> YearsMonthsDuration:
    """Whole months from one date to another; of a date and time, its date counts."""
    months = (end.year - start.year) * 12 + end.month - start.month
    if months > 0 and end.day < start.day:
        months -= 1
    elif months < 0 and end.day > start.day:
        months += 1
    return YearsMonthsDuration(months)
