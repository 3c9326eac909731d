"""Business time. FEEL, deadlines, due dates and signing ask a clock; leases and sessions use the database's time instead."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    def now(self) -> datetime:
        """The moment, with ``tzinfo=UTC``."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class SettableClock:
    """A clock that stands until it is moved: a year is played in minutes."""

    def __init__(self, at: datetime) -> None:
        self._now = at.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def set(self, at: datetime) -> None:
        self._now = at.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        self._now += by


def local(moment: datetime) -> datetime:
    """The moment as a clerk's wall clock shows it (Asia/Shanghai)."""
    return moment.astimezone(SHANGHAI)


def today(clock: Clock) -> date:
    return local(clock.now()).date()
