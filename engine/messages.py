"""Messages and signals that diagrams throw, on their way to whoever waits for them (``engine.deliveries``).

A message goes to one receiver. Where nobody waits yet it is kept for ``KEPT``: two processes that talk need not wait for each other's
tempo, and a message that nobody ever wants does not pile up. A signal goes to everybody who waits at the end of the step that threw
it, the thrower's own instance included, and is never kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    CursorResult,
    ForeignKey,
    Index,
    Select,
    String,
    and_,
    case,
    exists,
    insert,
    literal,
    null,
    or_,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.bpmn.execution import Thrown
from engine.database import Table, UtcDateTime, Values
from engine.instances import ProcessInstance
from engine.jobs import Job
from engine.subscriptions import Subscription, key_of

#: business time for which a thrown message waits for its receiver
KEPT = timedelta(hours=1)


class Message(Table):
    """A thrown message that nobody has received yet.

    :ivar instance_id: who threw it, at ``element_id``
    """

    __tablename__ = "message"
    __table_args__ = (Index("ix_message_name", "name", "correlation"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    correlation: Mapped[str | None] = mapped_column(String(200))
    data: Mapped[Any | None] = mapped_column(Values)
    instance_id: Mapped[int] = mapped_column(ForeignKey("process_instance.id"))
    element_id: Mapped[str] = mapped_column(String(200))
    thrown_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


def delivery(message_id: int, at: datetime) -> Job:
    """The job that looks for a message's receiver. It is no instance's: what was thrown arrives, whatever becomes of the thrower."""
    return Job(kind="delivery", payload=message_id, due_at=at, created_at=at)


def throw(session: Session, instance_id: int, thrown: Sequence[Thrown], at: datetime) -> list[Job]:
    """Send on what a step threw; returns the jobs that look for the messages' receivers."""
    for one in thrown:
        if one.kind == "signal":
            broadcast(session, one.name, one.data, at)
    kept = [
        Message(
            name=one.name,
            correlation=key_of(one.correlation),
            data=one.data,
            instance_id=instance_id,
            element_id=one.element.id,
            thrown_at=at,
            expires_at=at + KEPT,
        )
        for one in thrown
        if one.kind == "message"
    ]
    session.add_all(kept)
    session.flush()
    return [delivery(message.id, at) for message in kept]


def ring(session: Session, instances: Select[Any], at: datetime) -> list[Job]:
    """The jobs for kept messages for which one of these instances waits."""
    of = Subscription
    same = or_(
        of.correlation == Message.correlation, and_(of.correlation.is_(None), Message.correlation.is_(None))
    )
    wanted = exists().where(
        of.kind == "message", of.name == Message.name, same, of.instance_id.in_(instances)
    )
    return [delivery(id_, at) for id_ in session.scalars(select(Message.id).where(wanted))]


def ring_starts(session: Session, names: Sequence[str], at: datetime) -> list[Job]:
    """The jobs for kept messages by which a process that was deployed just now starts."""
    if not names:
        return []
    return [delivery(id_, at) for id_ in session.scalars(select(Message.id).where(Message.name.in_(names)))]


def broadcast(session: Session, name: str, data: Mapping[str, Any], at: datetime) -> int:
    """A job for everybody who waits for a signal, in one statement and without a lock on any of them; returns how many."""
    of = Subscription
    held = case((ProcessInstance.suspension_id.is_not(None), literal(at, UtcDateTime)), else_=null())
    found = (
        select(
            literal("delivery"),
            of.instance_id,
            of.definition_id,
            of.task_id,
            of.element_id,
            literal({"signal": name, "data": dict(data)}, Values),
            literal(at, UtcDateTime),
            literal(at, UtcDateTime),
            held,
        )
        .outerjoin(ProcessInstance, ProcessInstance.id == of.instance_id)
        .where(of.kind == "signal", of.name == name)
    )
    columns = [
        "kind",
        "instance_id",
        "definition_id",
        "task_id",
        "element_id",
        "payload",
        "due_at",
        "created_at",
        "held_at",
    ]
    many = insert(Job).from_select(columns, found).execution_options(preserve_rowcount=True)
    result = session.execute(many)
    assert isinstance(result, CursorResult)
    return result.rowcount
