"""Claims: who may act on an open work item, and who holds it. Whoever may act takes it out of the pool, puts it back, keeps a draft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from engine import assignment, ballots, history, instances, suspension
from engine.assignment import Eligibility
from engine.bpmn.model import Element, resolve
from engine.clock import local
from engine.errors import Conflict, Invalid, NotAllowed, NotFound
from engine.fanout import Fanout
from engine.handing_on import variables
from engine.history import Entry
from engine.instances import ProcessInstance
from engine.organisation import people
from engine.organisation.people import Person
from engine.runtime import Runtime
from engine.work_items import WorkItem

#: operation that a diagram permits -> what people call it
LABELS = {
    "reject": "驳回",
    "add": "加签",
    "transfer": "转办",
    "delegate": "委派",
    "withdraw": "撤回",
    "carbon": "抄送",
    "nudge": "催办",
}


_CLOSED = {
    "completed": "已由您或他人办理",
    "rejected": "已被驳回",
    "removed": "已减签",
    "others": "已由他人处理",
}


def closed(item: WorkItem) -> Conflict:
    done = _CLOSED.get(item.closing or "", "已随流程撤销")
    return Conflict("already-closed", f"“{item.title}”{done}，不能再次办理。", id=item.id)


@dataclass(frozen=True, slots=True)
class Act:
    """What an operation is about: the open item, its instance and element, and how the person comes to act on it."""

    item: WorkItem
    instance: ProcessInstance
    element: Element
    eligibility: Eligibility

    def entry(self, code: str, **payload: Any) -> Entry:
        """The operation's line of history, with the person in whose place it was done."""
        of = {"work_item": self.item.id, "title": self.item.title, "for": self.eligibility.on_behalf_of}
        return Entry(
            code, {**of, **payload}, self.eligibility.person_id, self.eligibility.post, self.element.id
        )

    def log(self, session: Session, code: str, at: datetime, **payload: Any) -> None:
        log(session, self.item, self.instance, self.entry(code, **payload), at)


def act_on(
    runtime: Runtime,
    session: Session,
    work_item_id: int,
    operation: str,
    by: int,
    at: datetime,
    *,
    asleep: bool = False,
) -> Act:
    """The item for an operation that the diagram permits at its task.

    :raises NotAllowed: it does not, or the person may not act or only hands in paper
    :raises NotFound, Conflict: as ``open_for``
    """
    item, instance, eligibility = open_for(session, work_item_id, by, at, asleep=asleep)
    if eligibility.attests:
        raise NotAllowed(
            "attests-only", f"您只能代交“{item.title}”的纸质签名件，不能进行其他操作。", id=work_item_id
        )
    loaded = runtime.definitions.get(session, instance.definition_id)
    element = loaded.process.model.elements[item.element_id]
    require_permitted(element, operation)
    return Act(item, instance, element, eligibility)


def handed_in(runtime: Runtime, session: Session, item: WorkItem, by: int) -> Act:
    """An item that the person has completed, whatever he may do today.

    :raises NotAllowed: he has not
    """
    if item.closing != "completed" or item.completed_by_id != by:
        raise NotAllowed("not-submitter", "这个事项不是您办理的，不能由您收回。", id=item.id)
    instance = instances.get(session, item.instance_id)
    loaded = runtime.definitions.get(session, item.version_of(instance))
    name = people.get(session, by).name
    return Act(
        item, instance, loaded.process.model.elements[item.element_id], Eligibility(by, name, 0, None, None)
    )


def require_permitted(element: Element, operation: str) -> None:
    """:raises NotAllowed: the diagram has the operation switched off at this task"""
    if not element.permits(operation):
        name = element.name or element.id
        raise NotAllowed(
            "operation-off",
            f"流程没有为“{name}”开放{LABELS[operation]}；确有需要，请联系流程设计人员开放。",
            operation=operation,
        )


def require_not_excluded(
    runtime: Runtime, session: Session, act: Act, persons: Sequence[Person], field: str, at: datetime
) -> None:
    """Who has to stay out of a matter (回避) is not brought into it by another door.

    :raises Invalid: the diagram excludes one of them
    """
    if not any(one.exclude for one in act.element.assignment):
        return
    loaded = runtime.definitions.get(session, act.instance.definition_id)
    data = variables(runtime, session, loaded, act.instance, act.item)
    told = [resolve(one.exclude, data, at) for one in act.element.assignment]
    excluded = assignment.ids(told)
    for person in persons:
        if person.id in excluded:
            sentence = f"流程图规定{person.name}须回避这一事项，请选另一个人。"
            raise Invalid("excluded", sentence, {field: sentence})


def require_text(text: str | None, field: str, sentence: str, length: int = 500) -> str:
    """:raises Invalid: nothing was written, or too much"""
    text = (text or "").strip()
    if not text:
        raise Invalid("text-missing", sentence, {field: sentence})
    if len(text) > length:
        sentence = f"内容太长，最多 {length} 个字。"
        raise Invalid("text-too-long", sentence, {field: sentence})
    return text


def named(person: Person) -> dict[str, Any]:
    """A person in a payload, with the name of that day."""
    return {"person": person.id, "name": person.name}


def open_for(
    session: Session, work_item_id: int, by: int, at: datetime, *, asleep: bool = False
) -> tuple[WorkItem, ProcessInstance, Eligibility]:
    """The open item, its instance and how the person comes to act on it.

    :param asleep: it may be waiting for somebody who was added to it
    :raises NotFound: no such item
    :raises NotAllowed: not this person's
    :raises Conflict: already closed, waiting for somebody else, or claimed by somebody else
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
        # No title: whoever tries numbers learns nothing of what is not his.
        raise NotAllowed("not-your-item", "这不是您的待办事项。", id=work_item_id)
    if item.closed_at is not None:
        raise closed(item)
    suspension.require_running(session, instance)
    if item.asleep_at is not None and not asleep:
        raise Conflict("asleep", f"“{item.title}”正在等待他人先办理，请等对方办完。", id=work_item_id)
    if taken(session, item, by, local(at).date()):
        raise Conflict("claimed", f"“{item.title}”已由他人签收办理。", id=work_item_id, owner=item.owner_id)
    return item, instance, eligibility


def taken(session: Session, item: WorkItem, by: int, on: date) -> bool:
    """Does somebody else hold it? Not who may no longer act: with the post, or the delegation, goes what he had claimed."""
    return item.owner_id not in (None, by) and (
        assignment.eligibility(session, item.id, item.owner_id, on) is not None
    )


def claim(session: Session, work_item_id: int, by: int, at: datetime) -> WorkItem:
    """Take an item out of the pool: the others still see it, and who holds it.

    :raises NotAllowed: he may only hand in somebody's signature on paper
    """
    item, instance, eligibility = open_for(session, work_item_id, by, at)
    if eligibility.attests:
        raise NotAllowed(
            "attests-only", f"您只能代交“{item.title}”的纸质签名件，不能签收；请直接代交。", id=work_item_id
        )
    if item.owner_id != by:
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
    """Keep what the person has typed so far, unchecked; per person, no event. Of a secret ballot nothing is kept."""
    item, _, _ = open_for(session, work_item_id, by, at)
    if ballots.is_open(session, item.fanout_id):
        return item
    item.draft = {**(item.draft or {}), str(by): dict(data)}
    item.drafted_at = at
    return item


def log(session: Session, item: WorkItem, instance: ProcessInstance, entry: Entry, at: datetime) -> None:
    log_all(session, item, instance, [entry], at)


def log_all(
    session: Session, item: WorkItem, instance: ProcessInstance, entries: Sequence[Entry], at: datetime
) -> None:
    """Siblings of a fan-out write to their own streams; what was added to an item, to that item's."""
    if item.fanout_id is None:
        history.append(session, instance.stream, instance, entries, at)
    else:
        head = item if item.origin_id is None else session.get_one(WorkItem, item.origin_id)
        history.append(session, head.stream, head, entries, at)
