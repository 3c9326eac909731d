"""Nudges 催办: whoever started an instance, or oversees it, reminds those who have its open steps in hand.

A nudge is logged and moves nothing. One work item is nudged at most once in ``PAUSE``, by whomever.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ForeignKey, Index, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine import assignment, claims, instances, notifications, reading, suspension
from engine.clock import local
from engine.database import Table, UtcDateTime
from engine.errors import Conflict, Invalid, NotAllowed
from engine.history import Entry
from engine.instances import ProcessInstance
from engine.organisation import people, posts, units
from engine.runtime import Runtime
from engine.work_items import WorkItem, get

PAUSE = timedelta(hours=2)
#: who oversees what his unit, or one below it, has started
OVERSEERS = ("书记", "副书记", "专职副书记", "党务干事")


class Nudge(Table):
    """One reminder about a work item."""

    __tablename__ = "nudge"
    __table_args__ = (Index("ix_nudge_work_item", "work_item_id", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    work_item_id: Mapped[int] = mapped_column(ForeignKey("work_item.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    note: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Nudged:
    """:ivar reminded: names of those who got the message"""

    nudge: Nudge
    reminded: list[str]


def nudge(
    runtime: Runtime, session: Session, work_item_id: int, *, note: str, by: int, at: datetime
) -> Nudged:
    """Remind those who have an open item in hand; while it waits for somebody who was added, that person.

    :raises NotAllowed: he neither started it nor oversees it, or the diagram does not permit it
    :raises Conflict: closed, suspended, or nudged less than ``PAUSE`` ago
    :raises Invalid: the note is too long
    """
    on = local(at).date()
    # Locked: of two who nudge at once, the second finds the first's row.
    item = get(session, work_item_id)
    instance = instances.get(session, item.instance_id, lock=True)
    if not oversees(session, instance, by, on):
        raise NotAllowed("not-overseer", "只有发起人和本级、上级党组织的负责人与党务干事可以催办。")
    element = runtime.definitions.get(session, item.version_of(instance)).process.model.elements[
        item.element_id
    ]
    claims.require_permitted(element, "nudge")
    suspension.require_running(session, instance)
    if item.closed_at is not None:
        raise Conflict("already-closed", f"“{item.title}”已经办结，不用再催。", id=work_item_id)
    if len(note) > 200:
        raise Invalid("text-too-long", "催办附言最多 200 个字。", {"note": "催办附言最多 200 个字。"})
    if (free := free_at(session, work_item_id)) is not None and at < free:
        raise Conflict(
            "nudged-lately",
            f"“{item.title}”刚刚催办过，{local(free):%H:%M} 之后才能再催。",
            id=work_item_id,
            free_at=free,
        )
    whom = [one for one in in_hand(session, item, on) if one != by]
    names = people.names(session, [*whom, by])
    said = f"：{note.strip()}" if note.strip() else "，请尽快办理。"
    if whom:
        notifications.send(
            session, whom, f"{names[by]}催办“{item.title}”{said}", at=at, instance_id=instance.id
        )
    made = Nudge(work_item_id=work_item_id, person_id=by, note=note.strip(), at=at)
    session.add(made)
    reminded = [{"person": one, "name": names[one]} for one in whom]
    payload = {"work_item": item.id, "title": item.title, "to": reminded, "note": note.strip()}
    claims.log(session, item, instance, Entry("nudged", payload, by, element_id=item.element_id), at)
    return Nudged(made, [names[one] for one in whom])


def free_at(session: Session, work_item_id: int) -> datetime | None:
    """When the item may be nudged again; None where it never was."""
    last = session.scalar(
        select(Nudge.at).where(Nudge.work_item_id == work_item_id).order_by(Nudge.at.desc()).limit(1)
    )
    return None if last is None else last + PAUSE


def in_hand(session: Session, item: WorkItem, on: date) -> list[int]:
    """The persons who have an item in hand: its owner, or everybody eligible today; of one that sleeps, those it waits for."""
    items = [item]
    if item.asleep_at is not None:
        waited_for = select(WorkItem).where(WorkItem.closed_at.is_(None), WorkItem.asleep_at.is_(None))
        other = WorkItem.origin_id == item.id if item.origin_id is None else WorkItem.id == item.origin_id
        items = list(session.scalars(waited_for.where(other)))
    found = [
        one
        for each in items
        for one in (
            [each.owner_id]
            if each.owner_id is not None
            else [who.person_id for who in assignment.signers(session, each.id, on)]
        )
    ]
    return list(dict.fromkeys(found))


def oversees(session: Session, instance: ProcessInstance, person_id: int, on: date) -> bool:
    """Did the person start it, or has he an office at its unit or above, or the administration?"""
    if person_id == instance.started_by_id or reading.is_admin(session, person_id):
        return True
    if instance.unit_id is None:
        return False
    above = {unit.id for unit in units.path(session, instance.unit_id)}
    return any(h.unit_id in above and h.post in OVERSEERS for h in posts.held_by(session, person_id, on))
