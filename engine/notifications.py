"""Notifications 通知: short messages to persons, written by processes; they ask for nothing and block nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.database import Table, UtcDateTime
from engine.errors import Invalid, NotFound


class Notification(Table):
    """One message to one person.

    :ivar instance_id: the process instance that it is about
    """

    __tablename__ = "notification"
    __table_args__ = (Index("ix_notification_person", "person_id", "read_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    instance_id: Mapped[int | None] = mapped_column(index=True)
    text: Mapped[str] = mapped_column(Text)
    sent_at: Mapped[datetime] = mapped_column(UtcDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


def send(
    session: Session, person_ids: Iterable[int], text: str, *, at: datetime, instance_id: int | None = None
) -> list[Notification]:
    """One message to each person, once even if he is named twice.

    :raises Invalid: no text
    """
    if not text.strip():
        raise Invalid("notification-text", "通知内容不能为空。", {"text": "通知内容不能为空。"})
    sent = [
        Notification(person_id=person_id, instance_id=instance_id, text=text.strip(), sent_at=at)
        for person_id in dict.fromkeys(person_ids)
    ]
    session.add_all(sent)
    session.flush()
    return sent


def of_person(session: Session, person_id: int, *, limit: int = 50) -> list[Notification]:
    """The latest messages, newest first."""
    query = select(Notification).where(Notification.person_id == person_id)
    return list(session.scalars(query.order_by(Notification.id.desc()).limit(limit)))


def unread(session: Session, person_id: int) -> int:
    query = select(func.count()).where(Notification.person_id == person_id, Notification.read_at.is_(None))
    return session.scalars(query).one()


def mark_read(session: Session, notification_id: int, *, by: int, at: datetime) -> Notification:
    """:raises NotFound: no such message to this person"""
    found = session.get(Notification, notification_id)
    if found is None or found.person_id != by:
        raise NotFound("no-notification", "没有这条通知。")
    found.read_at = found.read_at or at
    return found
