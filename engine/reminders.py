"""Reminders 提醒 and escalations 催办升级: what the jobs of ``engine.deadlines`` do when their moment has come.

Each is done once: the job's deletion, the notifications and the line of history are one transaction. A closed item is let be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import (
    assignment,
    claims,
    handing_on,
    instances,
    jobs,
    local_days,
    notifications,
    nudges,
    stepping,
)
from engine.assignment import Candidate
from engine.bpmn.execution import Throw
from engine.bpmn.model import Element, Escalation, Recipients, resolve
from engine.clock import local
from engine.database import WRITING
from engine.fanout import Fanout
from engine.history import Entry
from engine.instances import ProcessInstance
from engine.jobs import Job
from engine.organisation import people, posts, units
from engine.runtime import Runtime
from engine.work_items import WorkItem


@dataclass(frozen=True, slots=True)
class _Case:
    """An open item whose reminder or escalation is due."""

    item: WorkItem
    instance: ProcessInstance
    element: Element
    data: dict[str, Any]
    at: datetime

    @property
    def on(self) -> date:
        return local(self.at).date()


def run(runtime: Runtime, job: Job, at: datetime) -> None:
    """One reminder, or one escalation."""
    with runtime.database.write() as session:
        item = session.get_one(WorkItem, job.work_item_id)
        instance = instances.get(session, job.instance_id)
        loaded = runtime.definitions.get(session, instance.definition_id)
        element = loaded.process.model.elements[item.element_id]
        kind, number = job.payload or ("", 0)
        # A version that the instance has migrated to may have fewer of them.
        reminder = dict(enumerate(element.reminders)).get(number) if kind == "reminder" else None
        escalation = dict(enumerate(element.escalations)).get(number) if kind == "escalation" else None
        if item.fanout_id is None or (escalation is not None and escalation.action == "throw"):
            instances.get(session, instance.id, lock=True)
        session.refresh(item, with_for_update=WRITING)
        jobs.finish(session, job)
        if item.closed_at is not None:
            return
        data = handing_on.variables(runtime, session, loaded, instance, item)
        case = _Case(item, instance, element, data, at)
        if reminder is not None:
            _remind(session, case, reminder.to)
        elif escalation is not None:
            _escalate(runtime, session, case, escalation)


def _remind(session: Session, case: _Case, to: Recipients) -> None:
    whom, left = _recipients(session, case, to), _words(session, case)
    due = case.item.due_at
    assert due is not None
    notice = f"“{case.item.title}”应在 {local(due):%Y-%m-%d %H:%M} 前办结，还剩{left}，请及时办理。"
    _tell(session, case, whom, notice)
    _log(session, case, "reminded", whom, left=left)


def _escalate(runtime: Runtime, session: Session, case: _Case, escalation: Escalation) -> None:
    if escalation.action == "throw":
        code = escalation.code or ""
        _log(session, case, "overdue", [], late=_words(session, case), action="throw", escalation=code)
        _throw(runtime, session, case, code)
        return
    whom, overdue = _recipients(session, case, escalation.to), _words(session, case)
    late = people.names(session, nudges.in_hand(session, case.item, case.on))
    who = f"（{'、'.join(list(late.values())[:3])}{'等' if len(late) > 3 else ''}）" if late else ""
    notice = f"“{case.item.title}”{who}已超期{overdue}，尚未办结"
    if escalation.action == "reassign":
        _reassign(session, case, escalation.to)
        notice += "，现转由您办理。"
    else:
        notice += "，请督促。"
    _tell(session, case, whom, notice)
    _log(session, case, "overdue", whom, late=overdue, action=escalation.action)


def _reassign(session: Session, case: _Case, to: Recipients) -> None:
    """The recipients stand before everybody who was asked so far; where their post is vacant, those who were asked remain."""
    persons, held = _named(session, case, to)
    if not persons and not held:
        return
    assignment.put_all_first(session, case.item.id, persons, held)
    case.item.owner_id = case.item.claimed_at = None


def _throw(runtime: Runtime, session: Session, case: _Case, code: str) -> None:
    """The escalation reaches the boundary event of the task; of a bare item, that of the fan-out's activity."""
    if case.item.fanout_id is not None:
        row = session.get_one(Fanout, case.item.fanout_id)
        task = row.task_id
    else:
        task = handing_on.task_of(runtime, session, case.instance, case.item)
    action = Throw(task, code, kind="escalation", data={"work_item": case.item.id, "title": case.item.title})
    stepping.advance(runtime, session, case.instance, action, [], at=case.at)


def _recipients(session: Session, case: _Case, to: Recipients) -> list[int]:
    """The persons that are told: those named; otherwise whoever has the item in hand."""
    if to.person is None and not to.posts:
        return nudges.in_hand(session, case.item, case.on)
    persons, held = _named(session, case, to)
    holders = [
        holding.person_id for unit, post in held for holding in posts.holders(session, unit, post, case.on)
    ]
    return list(dict.fromkeys([*persons, *(one for one in holders if one is not None)]))


def _named(session: Session, case: _Case, to: Recipients) -> tuple[list[int], list[tuple[int, str]]]:
    """Persons, and (unit, post) pairs."""
    persons = assignment.ids(resolve(to.person, case.data, case.at))
    if not to.posts:
        return persons, []
    at = assignment.ids(resolve(to.unit, case.data, case.at)) if to.unit else [_unit(session, case)]
    places = [one for one in at if one is not None]
    if to.superior:
        places = [above.id for one in places if (above := units.superior(session, one)) is not None]
    return persons, [(unit, post) for unit in places for post in to.posts]


def _unit(session: Session, case: _Case) -> int | None:
    """Where the task is done: the unit whose posts it was given to; else the instance's."""
    asked = select(Candidate.unit_id).where(
        Candidate.work_item_id == case.item.id, Candidate.rank == 0, Candidate.unit_id.is_not(None)
    )
    return session.scalar(asked.order_by(Candidate.id).limit(1)) or case.instance.unit_id


def _words(session: Session, case: _Case) -> str:
    """The working time between now and the deadline, either way."""
    assert case.item.due_at is not None
    words = local_days.calendar(session).in_words(case.at, case.item.due_at)
    return f" {words}" if words else "不到 1 分钟的工作时间"


def _tell(session: Session, case: _Case, whom: Sequence[int], notice: str) -> None:
    if whom:
        notifications.send(
            session, whom, notice, at=case.at, instance_id=case.instance.id, work_item_id=case.item.id
        )


def _log(session: Session, case: _Case, code: str, whom: Sequence[int], **payload: Any) -> None:
    names = people.names(session, whom)
    to = [{"person": one, "name": names[one]} for one in whom]
    entry = Entry(
        code,
        {"work_item": case.item.id, "title": case.item.title, "to": to, **payload},
        element_id=case.element.id,
    )
    claims.log(session, case.item, case.instance, entry, case.at)
