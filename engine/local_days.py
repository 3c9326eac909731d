"""An installation's own closures and workdays (a flood day, a Saturday made up for): they stand above the yearly notices."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.database import Table, UtcDateTime
from engine.errors import Invalid, NotFound
from engine.working_time import Calendar


class LocalDay(Table):
    """A day that is worked, or is not, whatever the notice says."""

    __tablename__ = "local_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    is_working: Mapped[bool]
    reason: Mapped[str] = mapped_column(String(200))
    noted_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    noted_at: Mapped[datetime] = mapped_column(UtcDateTime)


def calendar(session: Session) -> Calendar:
    """The calendar of this installation as of this transaction; the table is read when a day is first looked at."""
    return Calendar(session.info["office_hours"], lambda: _read(session))


def _read(session: Session) -> Mapping[date, bool]:
    rows = session.execute(select(LocalDay.day, LocalDay.is_working))
    return {row.day: row.is_working for row in rows}


def everything(session: Session) -> list[LocalDay]:
    """All of them, the latest first."""
    return list(session.scalars(select(LocalDay).order_by(LocalDay.day.desc())))


def note(session: Session, day: date, *, is_working: bool, reason: str, by: int, at: datetime) -> LocalDay:
    """Say of a day that it is worked, or is not; what was said of it before no longer holds.

    :raises Invalid: no reason
    """
    reason = reason.strip()
    if not reason or len(reason) > 200:
        message = "请填写原因，最多 200 个字。"
        raise Invalid("local-day-reason", message, {"reason": message})
    noted = LocalDay(day=day, is_working=is_working, reason=reason, noted_by_id=by, noted_at=at)
    return session.merge(noted)


def forget(session: Session, day: date) -> None:
    """The day is again what the notice says.

    :raises NotFound: nothing is noted of it
    """
    noted = session.get(LocalDay, day)
    if noted is None:
        raise NotFound("no-local-day", "这一天没有登记，可能已经删除。", day=day)
    session.delete(noted)
