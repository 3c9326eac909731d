"""Subscriptions: who waits for a message or a signal.

A row belongs to a token of an instance, or to a start event of the latest version of a process. A token's row comes and goes with the
token, in the transaction of the step that moved it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Select, String, delete, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.database import Table, UtcDateTime
from engine.errors import NotExecutable


class Subscription(Table):
    """A receiver of messages or signals.

    :ivar kind: ``message`` or ``signal``
    :ivar correlation: a message finds its receiver by name and by this key; NULL for one that needs no key
    :ivar task_id: the waiting token of ``instance_id``; NULL for a start event of ``definition_id``
    """

    __tablename__ = "subscription"
    __table_args__ = (
        Index("ix_subscription_name", "name", "kind", "correlation"),
        Index("ix_subscription_instance", "instance_id", "task_id"),
        Index("ix_subscription_definition", "definition_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(200))
    correlation: Mapped[str | None] = mapped_column(String(200))
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("process_instance.id"))
    task_id: Mapped[str | None] = mapped_column(String(60))
    definition_id: Mapped[int | None] = mapped_column(ForeignKey("process_definition.id"))
    element_id: Mapped[str] = mapped_column(String(200))
    subscribed_at: Mapped[datetime] = mapped_column(UtcDateTime)


def key_of(value: Any) -> str | None:
    """A correlation key as it is compared: as text, ``7`` and ``"7"`` are one key.

    :raises NotExecutable: longer than 200 characters, so that two keys might be taken for one
    """
    if value is None:
        return None
    text = str(value)
    if len(text) > 200:
        raise NotExecutable("long-key", f"关联键“{text[:20]}……”超过 200 个字，请用较短的编号作关联键。")
    return text


def put(session: Session, rows: Sequence[dict[str, Any]], at: datetime) -> None:
    """Store receivers, given as columns; one INSERT."""
    if rows:
        blank = {"correlation": None, "instance_id": None, "task_id": None, "definition_id": None}
        new = [{**blank, **row, "subscribed_at": at} for row in rows]
        session.execute(insert(Subscription.__table__), new)  # type: ignore[arg-type]  # one statement, as in history


def drop(session: Session, instance_id: int, tasks: Iterable[str]) -> None:
    """These tokens wait no longer."""
    of = Subscription
    _delete(session, of.instance_id == instance_id, of.task_id.in_(list(tasks)))


def drop_below(session: Session, instances: Select[Any]) -> None:
    """None of these instances waits any longer; one statement."""
    _delete(session, Subscription.instance_id.in_(instances))


def drop_definitions(session: Session, definitions: Select[Any]) -> None:
    """The start events of these versions wait no longer."""
    _delete(session, Subscription.definition_id.in_(definitions))


def _delete(session: Session, *conditions: Any) -> None:
    session.execute(delete(Subscription).where(*conditions).execution_options(synchronize_session=False))


def of_instance(session: Session, instance_id: int) -> list[Subscription]:
    """What the instance waits for, without those below it."""
    query = select(Subscription).where(Subscription.instance_id == instance_id)
    return list(session.scalars(query.order_by(Subscription.id)))


def receivers(session: Session, name: str, correlation: str | None) -> list[Subscription]:
    """Tokens that wait for a message, the longest waiting first; enough of them to see whether they are of one instance."""
    of = Subscription
    same = of.correlation.is_(None) if correlation is None else of.correlation == correlation
    query = select(of).where(of.kind == "message", of.name == name, same, of.instance_id.is_not(None))
    return list(session.scalars(query.order_by(of.id).limit(20)))


def starts(session: Session, name: str) -> list[Subscription]:
    """Message start events of that name."""
    of = Subscription
    return list(
        session.scalars(
            select(of).where(of.kind == "message", of.name == name, of.definition_id.is_not(None))
        )
    )


def waits(session: Session, subscription: Subscription) -> bool:
    """Is the receiver still there? To be asked once its instance is locked."""
    return session.scalar(select(Subscription.id).where(Subscription.id == subscription.id)) is not None
