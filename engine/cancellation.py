"""Cancellation (撤销): whoever started an instance, or an administrator, ends it before its time, with everything below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from engine import reading, stepping, suspension
from engine.documents import numbering
from engine.documents.register import Document
from engine.errors import Conflict, NotAllowed
from engine.instances import ProcessInstance
from engine.jobs import Job
from engine.messages import Message
from engine.subscriptions import Subscription
from engine.work_items import WorkItem


@dataclass(frozen=True, slots=True)
class Consequences:
    """What a cancellation would end, and what it would leave as it is.

    :ivar items: the open work items, the first hundred of them
    :ivar open_items: how many there are
    :ivar children: running instances below
    :ivar timers: jobs that wait for their moment
    :ivar jobs: other jobs
    :ivar receivers: tokens that wait for a message or a signal
    :ivar documents: the first hundred of the instance and of everything below it: they stay, with their signatures
    :ivar messages: thrown and not received yet: they are delivered all the same
    """

    instance: ProcessInstance
    items: Sequence[WorkItem]
    open_items: int
    children: int
    timers: int
    jobs: int
    receivers: int
    documents: Sequence[Document]
    messages: int


def may_cancel(session: Session, instance: ProcessInstance, by: int) -> bool:
    """A part of an instance is cancelled by administrators alone: its initiator is the whole's."""
    mine = instance.started_by_id == by and instance.parent_id is None
    return instance.ended_at is None and (mine or reading.is_admin(session, by))


def preview(session: Session, instance_id: int, *, by: int, on: date) -> Consequences:
    """What ``cancel`` would do; changes nothing.

    :raises NotAllowed: neither the initiator nor an administrator
    :raises Conflict: the instance has ended
    """
    instance = _cancellable(session, instance_id, by, on)
    below = select(ProcessInstance.id).where(ProcessInstance.path.startswith(instance.path))
    items = select(WorkItem).where(WorkItem.instance_id.in_(below), WorkItem.closed_at.is_(None))
    jobs = select(func.count()).select_from(Job).where(Job.instance_id.in_(below))
    counts = [
        select(func.count()).select_from(items.subquery()),
        select(func.count())
        .select_from(ProcessInstance)
        .where(
            ProcessInstance.path.startswith(instance.path),
            ProcessInstance.id != instance.id,
            ProcessInstance.ended_at.is_(None),
        ),
        jobs.where(Job.kind == "timer"),
        jobs.where(Job.kind != "timer"),
        select(func.count()).select_from(Subscription).where(Subscription.instance_id.in_(below)),
        select(func.count()).select_from(Message).where(Message.instance_id.in_(below)),
    ]
    open_items, children, timers, others, receivers, messages = session.execute(
        select(*(count.scalar_subquery() for count in counts))
    ).one()
    return Consequences(
        instance,
        session.scalars(items.order_by(WorkItem.id).limit(100)).all(),
        open_items,
        children,
        timers,
        others,
        receivers,
        session.scalars(
            select(Document).where(Document.instance_id.in_(below)).order_by(Document.id).limit(100)
        ).all(),
        messages,
    )


def cancel(
    session: Session, instance_id: int, *, reason: str, by: int, on: date, at: datetime
) -> ProcessInstance:
    """End it now, suspended or not. Documents and ledger entries stay as they are; a 发文字号 that no document carries is 作废.

    :raises NotFound: no such instance, or not for this person to know of
    :raises NotAllowed: neither the initiator nor an administrator
    :raises Invalid: no reason
    :raises Conflict: the instance has ended
    """
    instance = _cancellable(session, instance_id, by, on)
    reason = suspension.required(reason, "请写明撤销的原因。")
    stepping.cancel(session, instance_id, by=by, reason=reason, at=at)
    below = select(ProcessInstance.id).where(ProcessInstance.path.startswith(instance.path))
    numbering.release(session, below, reason=f"流程撤销：{reason}", at=at)
    return instance


def _cancellable(session: Session, instance_id: int, by: int, on: date) -> ProcessInstance:
    instance = reading.require_instance(session, instance_id, by, on)
    if instance.ended_at is not None:
        raise Conflict("ended", f"“{instance.title}”已经结束，不能撤销。", id=instance_id)
    if not may_cancel(session, instance, by):
        raise NotAllowed("not-initiator", f"“{instance.title}”只能由发起人或系统管理员撤销。", id=instance_id)
    return instance
