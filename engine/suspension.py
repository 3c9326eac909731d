"""Suspension: an instance and everything below it stand still until somebody resumes them.

Nobody can act on a work item, jobs are held, messages wait. What became due meanwhile happens after the resumption.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CursorResult, ForeignKey, Text, and_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine import history, instances, messages
from engine.clock import local
from engine.database import Table, UtcDateTime
from engine.errors import Conflict, Invalid
from engine.history import Entry
from engine.instances import ProcessInstance
from engine.jobs import Job
from engine.organisation import people


class Suspension(Table):
    """One act of suspending.

    :ivar instance_id: where it was suspended; what lies below refers to the same row
    """

    __tablename__ = "suspension"

    id: Mapped[int] = mapped_column(primary_key=True)
    instance_id: Mapped[int] = mapped_column(ForeignKey("process_instance.id"))
    reason: Mapped[str] = mapped_column(Text)
    suspended_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    suspended_at: Mapped[datetime] = mapped_column(UtcDateTime)
    resumed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    resumed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


def of(session: Session, instance: ProcessInstance) -> Suspension | None:
    """The act by which it stands still, if it does."""
    return session.get(Suspension, instance.suspension_id) if instance.suspension_id is not None else None


def require_running(session: Session, instance: ProcessInstance) -> None:
    """:raises Conflict: it is suspended; the sentence says by whom, when and why"""
    held = of(session, instance)
    if held is not None:
        who = people.get(session, held.suspended_by_id).name
        when = local(held.suspended_at).strftime("%Y-%m-%d %H:%M")
        raise Conflict(
            "suspended",
            f"“{instance.title}”已由{who}于 {when} 暂停，暂时不能办理。原因：{held.reason}。需要继续时请联系系统管理员恢复。",
            id=instance.id,
            by=held.suspended_by_id,
            reason=held.reason,
        )


def required(reason: str, sentence: str) -> str:
    """:raises Invalid: no reason is given"""
    if not reason.strip():
        raise Invalid("reason", sentence, {"reason": sentence})
    return reason.strip()[:1000]


def suspend(session: Session, instance_id: int, *, reason: str, by: int, at: datetime) -> ProcessInstance:
    """Let an instance and everything below it stand still.

    What somebody below has suspended for himself stays so when this one is resumed.

    :raises Invalid: no reason
    :raises Conflict: it has ended, or is suspended already
    """
    reason = required(reason, "请写明暂停的原因。")
    instance = instances.get(session, instance_id, lock=True)
    if instance.ended_at is not None:
        raise Conflict("ended", f"“{instance.title}”已经结束，不能暂停。", id=instance_id)
    require_running(session, instance)
    act = Suspension(instance_id=instance_id, reason=reason, suspended_by_id=by, suspended_at=at)
    session.add(act)
    session.flush()
    instance.suspension_id = act.id
    history.append(session, instance.stream, instance, [Entry("suspended", {"reason": reason}, by)], at)
    cover(session, instance, at)
    return instance


def cover(session: Session, instance: ProcessInstance, at: datetime) -> None:
    """What has come to be below a suspended instance is suspended with it. Two statements, and one for each step that was under way."""
    session.flush()
    below = and_(
        ProcessInstance.path.startswith(instance.path),
        ProcessInstance.ended_at.is_(None),
        ProcessInstance.suspension_id.is_(None),
    )
    reached = (
        update(ProcessInstance)
        .where(below)
        .values(suspension_id=instance.suspension_id, version=ProcessInstance.version + 1)
        .execution_options(synchronize_session=False)
    )
    # A step below that was under way may have made children that the first statement could not see yet.
    while _count(session.execute(reached)):
        pass
    under = select(ProcessInstance.id).where(ProcessInstance.suspension_id == instance.suspension_id)
    session.execute(
        update(Job)
        .where(Job.instance_id.in_(under), Job.held_at.is_(None))
        .values(held_at=at)
        .execution_options(synchronize_session=False)
    )


def resume(session: Session, instance_id: int, *, by: int, at: datetime) -> ProcessInstance:
    """Go on. Timers that became due fire now; messages that waited are delivered.

    :raises Conflict: it is not suspended, or was suspended together with one above it
    """
    instance = instances.get(session, instance_id, lock=True)
    act = of(session, instance)
    if act is None:
        raise Conflict("not-suspended", f"“{instance.title}”没有暂停，无须恢复。", id=instance_id)
    if act.instance_id != instance_id:
        above = instances.get(session, act.instance_id)
        sentence = f"“{instance.title}”是随上级流程“{above.title}”一起暂停的，请在上级流程恢复。"
        raise Conflict("suspended-above", sentence, id=instance_id, above=above.id)
    parent = instances.get(session, instance.parent_id) if instance.parent_id is not None else None
    if parent is not None and parent.suspension_id is not None:
        sentence = f"上级流程“{parent.title}”仍在暂停，请先恢复上级流程。"
        raise Conflict("suspended-above", sentence, id=instance_id, above=parent.id)
    act.resumed_by_id, act.resumed_at = by, at
    instance.suspension_id = None
    history.append(session, instance.stream, instance, [Entry("resumed", {}, by)], at)
    same = {"synchronize_session": False}
    session.execute(
        update(ProcessInstance)
        .where(ProcessInstance.suspension_id == act.id)
        .values(suspension_id=None, version=ProcessInstance.version + 1)
        .execution_options(**same)
    )
    free = select(ProcessInstance.id).where(
        ProcessInstance.path.startswith(instance.path), ProcessInstance.suspension_id.is_(None)
    )
    session.execute(
        update(Job)
        .where(Job.held_at.is_not(None), Job.instance_id.in_(free))
        .values(held_at=None)
        .execution_options(**same)
    )
    session.add_all(messages.ring(session, free, at))
    return instance


def _count(result: object) -> int:
    assert isinstance(result, CursorResult)
    return result.rowcount
