"""From-to in whole days, half-open: on ``to_on`` the next holder, name or branch is valid already."""

from __future__ import annotations

from datetime import date

from sqlalchemy import CheckConstraint, ColumnElement, and_, or_
from sqlalchemy.orm import Mapped, mapped_column


class Period:
    """Columns of a row that is valid from ``from_on`` to the day before ``to_on``; ``to_on`` None is open."""

    from_on: Mapped[date]
    to_on: Mapped[date | None] = mapped_column(CheckConstraint("to_on >= from_on", name="period"))

    @classmethod
    def on(cls, day: date) -> ColumnElement[bool]:
        """Valid on that day."""
        return and_(cls.from_on <= day, or_(cls.to_on.is_(None), cls.to_on > day))

    @classmethod
    def overlapping(cls, from_on: date, to_on: date | None = None) -> ColumnElement[bool]:
        """Valid on some day of [from_on, to_on)."""
        starts_before = cls.from_on < to_on if to_on else cls.from_on.is_not(None)
        return and_(starts_before, or_(cls.to_on.is_(None), cls.to_on > from_on))
