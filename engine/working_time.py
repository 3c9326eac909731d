"""Working time: the days and hours in which offices in China work, and deadlines counted in them.

A calendar knows the office hours, the holidays and make-up workdays of the State Council's yearly notices (``chinesecalendar``),
and the installation's own closures and workdays. Moments on the wall are those of Asia/Shanghai.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property

from chinese_calendar.constants import holidays, workdays

from engine.clock import SHANGHAI, local

#: from, to; in order, within one day
Hours = tuple[tuple[time, time], ...]

#: the years whose notice is known
KNOWN = frozenset(day.year for day in holidays)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
#: closes a half-open period: a deadline at midnight belongs to the day that ends there
_TICK = timedelta(microseconds=1)
_SPAN = re.compile(r"(\d{1,4})\s*个?\s*(工作日|工作小时|天|日|小时)")


def hours_of(text: str) -> Hours:
    """Office hours, such as ``09:00-12:00,14:00-18:00``.

    :raises ValueError: no such text, or hours that overlap
    """
    found = tuple(
        (time.fromisoformat(start.strip()), time.fromisoformat(end.strip()))
        for start, end in (part.split("-") for part in text.split(","))
    )
    edges = [edge for period in found for edge in period]
    if any(edge.tzinfo is not None for edge in edges) or any(a >= b for a, b in itertools.pairwise(edges)):
        raise ValueError(text)
    return found


OFFICE_HOURS = "09:00-12:00,14:00-18:00"
DEFAULT = hours_of(OFFICE_HOURS)


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time as clerks write it: ``5 工作日``, ``8 工作小时``, ``3 天``, ``2 小时``.

    :ivar unit: ``工作日``, ``工作小时``, ``天`` or ``小时``
    """

    amount: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> Span | None:
        found = _SPAN.fullmatch(text.strip())
        return None if found is None else cls(int(found[1]), "天" if found[2] == "日" else found[2])

    def __str__(self) -> str:
        return f"{self.amount} {'个' if self.unit == '工作日' else ''}{self.unit}"


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment that was counted.

    :ivar unknown_years: years that were counted through without their notice: Monday to Friday, no holidays
    """

    moment: datetime
    unknown_years: tuple[int, ...] = ()


def not_known(years: Iterable[int]) -> str:
    """A sentence for people about years that were counted through without their notice."""
    return f"{'、'.join(map(str, sorted(years)))} 年的放假安排尚未收录，这段时间按周一至周五计算，未计节假日和调休。"


@dataclass(frozen=True)
class Calendar:
    """The working days and hours of one installation.

    :ivar own_days: asked once, when a day is first looked at: day -> whether it is worked, against whatever the notices say
    """

    hours: Hours = DEFAULT
    own_days: Callable[[], Mapping[date, bool]] = dict

    @cached_property
    def _own_days(self) -> Mapping[date, bool]:
        return self.own_days()

    @cached_property
    def day_length(self) -> timedelta:
        """The office time of one working day."""
        return sum((_on(date.min, end) - _on(date.min, start) for start, end in self.hours), timedelta())

    def is_working(self, day: date) -> bool:
        """In a year without a notice: whether it is a Monday to Friday."""
        if (own := self._own_days.get(day)) is not None:
            return own
        return day in workdays or (day.weekday() < 5 and day not in holidays)

    def after(self, moment: datetime, span: Span) -> Deadline:
        """When a span from the moment is over."""
        return self._count(moment, span, 1)

    def before(self, moment: datetime, span: Span) -> Deadline:
        """The moment from which a span is left."""
        return self._count(moment, span, -1)

    def _count(self, moment: datetime, span: Span, sign: int) -> Deadline:
        match span.unit:
            case "工作日":
                return self.add(moment, days=sign * span.amount)
            case "工作小时":
                return self.add(moment, hours=sign * span.amount)
            case "天":
                return Deadline(moment + sign * span.amount * DAY)
        return Deadline(moment + sign * span.amount * HOUR)

    def add(self, moment: datetime, *, days: int = 0, hours: int = 0) -> Deadline:
        """A deadline in working days, then working hours; negative ones are counted back.

        The day of the moment itself does not count, and the last day ends when the office closes (Civil Code 民法典, articles
        201 and 203); counted back, it begins when the office opens.
        """
        years: set[int] = set()
        if days:
            ahead = days > 0
            day = local(moment if ahead else moment - _TICK).date()
            for _ in range(abs(days)):
                day = next(self._working_days(day + (DAY if ahead else -DAY), ahead, years))
            moment = _on(day, self.hours[-1][1] if ahead else self.hours[0][0])
        if hours:
            moment = self._hours(moment, hours * HOUR, years)
        return Deadline(moment, tuple(sorted(years)))

    def _hours(self, moment: datetime, left: timedelta, years: set[int]) -> datetime:
        ahead = left > timedelta()
        left = abs(left)
        for start, end in self._periods(local(moment).date(), ahead, years):
            begin, stop = (max(start, moment), end) if ahead else (start, min(end, moment))
            if left <= stop - begin:
                return begin + left if ahead else stop - left
            left -= max(stop - begin, timedelta())
        raise AssertionError("working days never end")

    def between(self, a: datetime, b: datetime) -> timedelta:
        """The office time from one moment to another; negative when the second is the earlier one."""
        if b < a:
            return -self.between(b, a)
        total = timedelta()
        for start, end in self._periods(local(a).date(), True, set()):
            if start >= b:
                break
            total += max(min(end, b) - max(start, a), timedelta())
        return total

    def in_words(self, a: datetime, b: datetime) -> str:
        """The office time between two moments: ``3 个工作日``, ``2 小时``, ``5 分钟``; nothing where there is none."""
        time_left = abs(self.between(a, b))
        days, hours, minutes = time_left // self.day_length, time_left // HOUR, time_left.seconds // 60
        if days:
            return f"{days} 个工作日"
        return f"{hours} 小时" if hours else f"{minutes} 分钟" if minutes else ""

    def _working_days(self, day: date, ahead: bool, years: set[int]) -> Iterator[date]:
        """The working days from a day on, itself included; notes years without a notice that are passed."""
        while True:
            if day.year not in KNOWN:
                years.add(day.year)
            if self.is_working(day):
                yield day
            day += DAY if ahead else -DAY

    def _periods(self, day: date, ahead: bool, years: set[int]) -> Iterator[tuple[datetime, datetime]]:
        for working in self._working_days(day, ahead, years):
            for start, end in self.hours if ahead else reversed(self.hours):
                yield _on(working, start), _on(working, end)


def _on(day: date, at: time) -> datetime:
    return datetime.combine(day, at, SHANGHAI)
