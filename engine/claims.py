"""Claims: who holds an open work item. Whoever may act on it takes it out of the pool, puts it back, keeps a draft."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from engine import assignment, history
from engine.assignment import Eligibility
from engine.clock import local
from engine.errors import Conflict, NotAllowed, NotFound
from engine.fanout import Fanout
from engine.history import Entry
from engine.instances import ProcessInstance
from engine.work_items import WorkItem


def open_for(
    session: Session, work_item_id: int, by: int, at: datetime
) -> tuple[WorkItem, ProcessInstance, Eligibility]:
    """The open item, its instance and how the person comes to act on it.

    :raises NotFound: no such item
    :raises NotAllowed: not this person's
    :raises Conflict: already closed, or claimed by somebody else
    """
    of = func.coalesce(WorkItem.fanout_id, ProcessInstance.fanout_id)
    row = session.execute(
        select(WorkItem, ProcessInstance, Fanout)
        .join(ProcessInstance, ProcessInstance.id == WorkItem.instance_id)
        .outerjoin(Fanout, Fanout.id == of)
        .where(WorkItem.id == work_item_id)
    ).one_or_none()
    if row is None:
        raise NotFound("no-work-item", "没有这个待办事项。", id=work_item_id)
    # A session holds its rows weakly: the fan-out's is kept for the steps that follow.
    item, instance, session.info["fanout"] = row
    eligibility = assignment.eligibility(session, item.id, by, local(at).date())
    if eligibility is None:
        raise NotAllowed("not-your-item", f"“{item.title}”不是您的待办事项。", id=work_item_id)
    if item.closed_at is not None:
        done = "已由您或他人办理" if item.closing == "completed" else "已随流程撤销"
        raise Conflict("already-closed", f"“{item.title}”{done}，不能再次办理。", id=work_item_id)
    if item.owner_id not in (None, by):
        raise Conflict("claimed", f"“{item.title}”已由他人签收办理。", id=work_item_id, owner=item.owner_id)
    return item, instance, eligibility


def claim(session: Session, work_item_id: int, by: int, at: datetime) -> WorkItem:
    """Take an item out of the pool: the others still see it, and who holds it.

    :raises NotAllowed: he may only hand in somebody's signature on paper
    """
    item, instance, eligibility = open_for(session, work_item_id, by, at)
    if eligibility.attests:
        raise NotAllowed(
            "attests-only", f"您只能代交“{item.title}”的纸质签名件，不能签收；请直接代交。", id=work_item_id
        )
    if item.owner_id is None:
        item.owner_id, item.claimed_at = by, at
        log(
            session,
            item,
            instance,
            Entry("claimed", {"work_item": item.id}, by, eligibility.post, item.element_id),
            at,
        )
    return item


def release(session: Session, work_item_id: int, by: int, at: datetime) -> WorkItem:
    """Put a claimed item back; its draft stays."""
    item, instance, eligibility = open_for(session, work_item_id, by, at)
    if item.owner_id is None:
        raise Conflict("not-claimed", f"“{item.title}”没有被签收，无须退回。", id=work_item_id)
    item.owner_id = item.claimed_at = None
    log(
        session,
        item,
        instance,
        Entry("released", {"work_item": item.id}, by, eligibility.post, item.element_id),
        at,
    )
    return item


def save_draft(
    session: Session, work_item_id: int, by: int, data: Mapping[str, Any], at: datetime
) -> WorkItem:
    """Keep what the person has typed so far, unchecked; per person, no event."""
    item, _, _ = open_for(session, work_item_id, by, at)
    item.draft = {**(item.draft or {}), str(by): dict(data)}
    item.drafted_at = at
    return item


def log(session: Session, item: WorkItem, instance: ProcessInstance, entry: Entry, at: datetime) -> None:
    if item.fanout_id is not None:
        history.append(session, item.stream, item, [entry], at)
    else:
        history.append(session, instance.stream, instance, [entry], at)
