"""Arrivals: a child of a fan-out has come to an end. The row is the ring of the fan-out's job: siblings never queue for one row."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from engine.database import Table, UtcDateTime, Values


class Arrival(Table):
    """A child has come to an end; at most once for each position.

    :ivar outcome: the child's; ``completed`` for a bare item
    :ivar result: what returns to the parent
    :ivar tally: what it adds to the fan-out's tallies, name -> number; of an open vote the choice -> the voter's weight
    """

    __tablename__ = "fanout_arrival"
    fanout_id: Mapped[int] = mapped_column(ForeignKey("fanout.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    outcome: Mapped[str] = mapped_column(String(100))
    result: Mapped[Any | None] = mapped_column(Values)
    tally: Mapped[dict[str, Any] | None] = mapped_column(Values)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    drained_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


Index(
    "ix_fanout_arrival_waiting",
    Arrival.fanout_id,
    sqlite_where=Arrival.drained_at.is_(None),
    postgresql_where=Arrival.drained_at.is_(None),
)
