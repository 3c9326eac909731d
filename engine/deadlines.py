"""Deadlines of work items: when an item is due, and the jobs that remind before it and escalate after it.

A job of kind ``reminder`` stands for one reminder or escalation of one open item (``engine.reminders`` runs it). It goes with the
item: whoever closes items deletes theirs in the same statement as their other jobs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from engine.bpmn.model import Element, deadline, resolve
from engine.history import Entry
from engine.jobs import Job
from engine.working_time import Calendar, Deadline, Span


def of(
    element: Element,
    data: Mapping[str, Any],
    at: datetime,
    calendar: Calendar,
    warnings: list[str] | None = None,
) -> Deadline | None:
    """When a user task that opens now is due.

    :param warnings: takes why it has no deadline although the diagram gives one
    """
    if element.due is None:
        return None
    said = [] if warnings is None else warnings
    before = len(said)
    value = resolve(element.due, data, at, said)
    found = deadline(value, at, calendar)
    if found is None and value is not None and len(said) == before:
        said.append(f"期限“{element.due}”的值“{value}”不是日期、时间或时长，例如 5 工作日、P5D。")
    return found


@dataclass(frozen=True, slots=True)
class Due:
    """A new work item and its deadline.

    :ivar fanout: of a bare item
    """

    item: int
    instance: int
    element: Element
    at: datetime | None
    fanout: int | None = None


def schedule(session: Session, dues: Sequence[Due], calendar: Calendar, at: datetime) -> None:
    """The jobs of new items: one INSERT. A reminder whose moment has passed is none."""
    jobs = [
        {
            "kind": "reminder",
            "instance_id": due.instance,
            "element_id": due.element.id,
            "fanout_id": due.fanout,
            "work_item_id": due.item,
            "payload": stage,
            "due_at": moment,
            "created_at": at,
            "attempts": 0,
        }
        for due in dues
        if due.at is not None
        for stage, moment in _stages(due.element, due.at, calendar)
        if moment > at
    ]
    if jobs:
        session.execute(insert(Job.__table__), jobs)  # type: ignore[arg-type]


def _stages(element: Element, due: datetime, calendar: Calendar) -> list[tuple[list[Any], datetime]]:
    """(kind and number, as in the diagram; its moment) of what happens around a deadline."""
    found: list[tuple[list[Any], datetime]] = []
    for number, reminder in enumerate(element.reminders):
        if (span := Span.parse(reminder.before)) is not None:
            found.append((["reminder", number], calendar.before(due, span).moment))
    for number, escalation in enumerate(element.escalations):
        if (span := Span.parse(escalation.after)) is not None:
            found.append((["escalation", number], calendar.after(due, span).moment))
    return found


def forget(session: Session, element: Element, work_item_id: int) -> None:
    """The item is done: nobody is reminded of it any more."""
    if element.reminders or element.escalations:
        session.execute(delete(Job).where(Job.work_item_id == work_item_id))


def uncertain(element: Element, years: Sequence[int]) -> Entry:
    """History: a deadline went through years whose notice is not known, and was counted Monday to Friday."""
    return Entry("calendar-unknown", {"years": sorted(years)}, element_id=element.id)
