"""Ad-hoc sub-processes 自由子流程: whoever takes part in an instance starts the activities that are to be done, as often as needed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from engine import instances, reading, stepping
from engine.bpmn.execution import Trigger
from engine.bpmn.model import Element
from engine.errors import Conflict, NotAllowed
from engine.history import Entry
from engine.instances import ProcessInstance
from engine.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Choice:
    """An activity that may be started.

    :ivar task_id: the open sub-process
    :ivar within: the sub-process's name
    """

    task_id: str
    within: str
    element_id: str
    name: str


def choices(
    runtime: Runtime, session: Session, instance: ProcessInstance, *, by: int, on: date
) -> list[Choice]:
    """What the person may start in an instance now; nothing for whoever only reads it."""
    if instance.state is None or instance.ended_at is not None or instance.suspension_id is not None:
        return []
    process = runtime.definitions.get(session, instance.definition_id).process
    elements = process.model.elements
    if not any(one.adhoc is not None for one in elements.values()):
        return []
    if not reading.takes_part(session, instance, by, on):
        return []
    standing = process.standing(instance.scope, instance.state)
    return [
        Choice(task_id, _name(elements[standing[task_id]]), one, _name(elements[one]))
        for task_id, free in process.adhoc(instance.scope, instance.state).items()
        for one in free
        if task_id in standing
    ]


def _name(element: Element) -> str:
    return element.name or element.id


def start(
    runtime: Runtime,
    session: Session,
    instance_id: int,
    *,
    task_id: str,
    element_id: str,
    by: int,
    on: date,
    at: datetime,
) -> ProcessInstance:
    """Start an activity of an open ad-hoc sub-process.

    :raises NotFound: no such instance, or not for this person to know of
    :raises NotAllowed: he only reads it
    :raises Conflict: the sub-process is over, or the instance has ended or is suspended
    :raises NotExecutable: it is none of its activities, or one is active in a sequential one
    """
    reading.require_instance(session, instance_id, by, on)
    instance = instances.get(session, instance_id, lock=True)
    if not reading.takes_part(session, instance, by, on):
        raise NotAllowed("reader-only", "只有参与办理的人可以启动环节。", id=instance_id)
    if instance.ended_at is not None or instance.state is None:
        raise Conflict("ended", f"“{instance.title}”已经结束，不能再启动环节。", id=instance_id)
    process = runtime.definitions.get(session, instance.definition_id).process
    if task_id not in process.adhoc(instance.scope, instance.state):
        raise Conflict("moved-on", "这个自由子流程已经办完，请刷新页面查看。", id=instance_id)
    element = process.model.elements.get(element_id)
    entry = Entry(
        "activity-started", {"name": _name(element) if element else element_id}, by, element_id=element_id
    )
    stepping.advance(runtime, session, instance, Trigger(task_id, element_id), [entry], at=at)
    return instance
