"""Notifications 通知: short messages to persons, written by processes; they ask for nothing and block nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, Index, Select, Text, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.database import Table, UtcDateTime
from engine.errors import Invalid

if TYPE_CHECKING:
    from engine.instances import ProcessInstance


class Notification(Table):
    """One message to one person.

    :ivar instance_id: the process instance that it is about
    :ivar work_item_id: the step of it
    """

    __tablename__ = "notification"
    __table_args__ = (Index("ix_notification_person", "person_id", "read_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    instance_id: Mapped[int | None] = mapped_column(index=True)
    work_item_id: Mapped[int | None] = mapped_column()
    text: Mapped[str] = mapped_column(Text)
    sent_at: Mapped[datetime] = mapped_column(UtcDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


def send(
    session: Session,
    person_ids: Iterable[int],
    text: str,
    *,
    at: datetime,
    instance_id: int | None = None,
    work_item_id: int | None = None,
) -> list[Notification]:
    """One message to each person, once even if he is named twice.

    :raises Invalid: no text
    """
    if not text.strip():
        raise Invalid("notification-text", "通知内容不能为空。", {"text": "通知内容不能为空。"})
    sent = [
        Notification(
            person_id=person_id,
            instance_id=instance_id,
            work_item_id=work_item_id,
            text=text.strip(),
            sent_at=at,
        )
        for person_id in dict.fromkeys(person_ids)
    ]
    session.add_all(sent)
    session.flush()
    return sent


@dataclass(frozen=True, slots=True)
class Message:
    """A notification as its reader sees it.

    :ivar instance: what it is about; None where he may not read that
    """

    notification: Notification
    instance: ProcessInstance | None


def of_person(session: Session, person_id: int, *, limit: int = 50, offset: int = 0) -> list[Notification]:
    """A page of the person's messages, newest first."""
    query = select(Notification).where(Notification.person_id == person_id)
    return list(session.scalars(query.order_by(Notification.id.desc()).limit(limit).offset(offset)))


def unread(person_id: int) -> Select[int]:
    """How many of the person's messages are unread."""
    return select(func.count()).where(Notification.person_id == person_id, Notification.read_at.is_(None))


def mark_read(session: Session, ids: Iterable[int], *, by: int, at: datetime) -> None:
    """Note that the person has seen these; those read earlier keep their moment, other people's are left alone."""
    session.execute(
        update(Notification)
        .where(Notification.id.in_(list(ids)), Notification.person_id == by, Notification.read_at.is_(None))
        .values(read_at=at)
    )
