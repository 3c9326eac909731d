"""The inbox: what waits for a person (待办), what of it waits for others first (等待), what he has done (已办) and started (我发起).

What he was sent copies of (抄送) has a box of its own: ``engine.carbon_copies``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

from engine import additions, assignment, carbon_copies, notifications
from engine.deployments import ProcessDefinition
from engine.errors import Invalid
from engine.instances import ProcessInstance
from engine.work_items import WorkItem

BOXES = ("todo", "waiting", "done", "started")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the inbox.

    :ivar item: None in the box ``started``
    :ivar vacancy: the post that the item is for is vacant; the person sees to it for the superior
    :ivar attests: the person may only hand in what somebody else signed on paper
    :ivar waits_for: in the box ``waiting``: the names of those who were asked first
    """

    item: WorkItem | None
    instance: ProcessInstance
    process: str
    vacancy: bool = False
    attests: bool = False
    waits_for: tuple[str, ...] = ()

    def overdue(self, at: datetime) -> bool:
        return (
            self.item is not None
            and self.item.due_at is not None
            and self.item.closed_at is None
            and self.item.due_at < at
        )


def rows(
    session: Session, person_id: int, box: str, *, on: date, limit: int = 50, offset: int = 0
) -> list[Row]:
    """A page of a box: 待办 by urgency, the others by recency.

    :raises Invalid: no such box
    """
    if box == "started":
        started = (
            _started(person_id)
            .order_by(ProcessInstance.started_at.desc(), ProcessInstance.id.desc())
            .limit(limit)
            .offset(offset)
        )
        return [Row(None, instance, name) for instance, name in session.execute(started)]
    if box == "done":
        done = _items(WorkItem.completed_by_id == person_id, ProcessInstance.deleted_at.is_(None)).order_by(
            WorkItem.closed_at.desc(), WorkItem.id.desc()
        )
        return [
            Row(item, instance, name)
            for item, instance, name in session.execute(done.limit(limit).offset(offset))
        ]
    if box not in BOXES:
        raise Invalid("no-box", f"没有“{box}”这一栏；可选：待办、等待、已办、我发起。")
    mine = assignment.items_of(session, person_id, on).subquery()
    query = _items(_free(person_id, on), _AWAKE if box == "todo" else _WAITS).join(
        mine, mine.c.work_item_id == WorkItem.id
    )
    found = list(
        session.execute(
            query.order_by(WorkItem.due_at.is_(None), WorkItem.due_at, WorkItem.id)
            .limit(limit)
            .offset(offset)
        )
    )
    asked = additions.signers_of(session, [item.id for item, _, _ in found]) if box == "waiting" else {}
    roles = assignment.roles(session, [item.id for item, _, _ in found], person_id, on)
    return [
        Row(
            item,
            instance,
            name,
            bool(role and role.is_caretaker),
            bool(role and role.attests),
            tuple(one.name for one in asked.get(item.id, ()) if not one.asleep),
        )
        for item, instance, name in found
        for role in [roles.get(item.id)]  # none where he left the post just now
    ]


def counts(session: Session, person_id: int, on: date) -> dict[str, int]:
    """Box -> number of lines; ``copies``, ``unread`` -> number of unread copies, notifications.

    One statement: every page shows some of them.
    """
    mine = assignment.items_of(session, person_id, on).subquery()
    open_ones = (
        select(func.count())
        .select_from(WorkItem)
        .join(mine, mine.c.work_item_id == WorkItem.id)
        .where(_free(person_id, on))
    )
    done = (
        select(func.count())
        .select_from(WorkItem)
        .join(ProcessInstance, ProcessInstance.id == WorkItem.instance_id)
        .where(WorkItem.completed_by_id == person_id, ProcessInstance.deleted_at.is_(None))
    )
    started = select(func.count()).select_from(_started(person_id).subquery())
    asked = (
        open_ones.where(_AWAKE),
        open_ones.where(_WAITS),
        done,
        started,
        carbon_copies.unread(person_id, on),
        notifications.unread(person_id),
    )
    numbers = session.execute(select(*(one.scalar_subquery() for one in asked))).one()
    return dict(zip((*BOXES, "copies", "unread"), numbers, strict=True))


_AWAKE = WorkItem.asleep_at.is_(None)
#: what was added after another is nobody's business before that is handed in
_WAITS = and_(WorkItem.asleep_at.is_not(None), WorkItem.addition.is_(None))


def _free(person_id: int, on: date) -> Any:
    """Nobody else holds it; as ``claims.taken`` says."""
    mine = or_(WorkItem.owner_id.is_(None), WorkItem.owner_id == person_id)
    return or_(mine, ~assignment.may_do(WorkItem.id, WorkItem.owner_id, on))


def _items(*conditions: Any) -> Select[WorkItem, ProcessInstance, str]:
    return (
        select(WorkItem, ProcessInstance, ProcessDefinition.name)
        .join(ProcessInstance, ProcessInstance.id == WorkItem.instance_id)
        .join(ProcessDefinition, ProcessDefinition.id == ProcessInstance.definition_id)
        .where(*conditions)
    )


def _started(person_id: int) -> Select[ProcessInstance, str]:
    return (
        select(ProcessInstance, ProcessDefinition.name)
        .join(ProcessDefinition, ProcessDefinition.id == ProcessInstance.definition_id)
        .where(
            ProcessInstance.started_by_id == person_id,
            ProcessInstance.parent_id.is_(None),
            ProcessInstance.deleted_at.is_(None),
        )
    )
