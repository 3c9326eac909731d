"""Overview: an instance as its readers see it: where it stands, what it waits for, its children, documents and history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from engine import assignment, cancellation, fanout, history, reading, stepping, subscriptions, suspension
from engine.deployments import ProcessDefinition
from engine.dmn import Sheet
from engine.documents import register
from engine.errors import NotFound
from engine.fanout import Fanout
from engine.instances import ProcessInstance
from engine.jobs import Job
from engine.runtime import Runtime
from engine.subscriptions import Subscription
from engine.suspension import Suspension
from engine.work_items import WorkItem


@dataclass(frozen=True, slots=True)
class Child:
    """A fan-out as its parent's readers see it: counts, and the children that are instances."""

    fanout: Fanout
    name: str
    children: list[ProcessInstance]


@dataclass(frozen=True, slots=True)
class View:
    """An instance for its readers.

    :ivar variables: of its waiting tokens, or of its end
    :ivar ancestors: from the top down, without itself
    :ivar suspension: by whom, when and why it stands still, if it does
    :ivar cancellable: the reader may cancel it
    :ivar receivers: the messages and signals that it waits for
    :ivar steps: the names of its automatic steps that are not done, by element
    """

    instance: ProcessInstance
    definition: ProcessDefinition
    variables: dict[str, Any]
    items: list[WorkItem]
    fanouts: list[Child]
    documents: list[register.Document]
    ancestors: list[ProcessInstance]
    pending: list[Job]
    suspension: Suspension | None
    cancellable: bool
    receivers: list[Subscription]
    steps: Mapping[str, str]

    @property
    def incidents(self) -> list[Job]:
        """Automatic steps that wait for an administrator."""
        return [job for job in self.pending if job.incident_at is not None]

    @property
    def working(self) -> bool:
        """Are automatic steps under way, or about to be? Timers, reminders, ends of votes and waiting fan-outs are not."""
        return any(
            job.kind not in ("timer", "reminder", "recount")
            and job.due_at is not None
            and job.incident_at is None
            and job.held_at is None
            for job in self.pending
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """A decision table that was asked.

    :ivar inputs: the values of its input columns, once for every time it was asked
    :ivar matched: numbers of the rules that matched
    """

    sheet: Sheet
    inputs: list[tuple[Any, ...]]
    matched: frozenset[int]


@dataclass(frozen=True, slots=True)
class Taken:
    """A decision that an instance took, with the tables of the version that the instance is bound to.

    :ivar inputs: the input data that it used
    """

    instance: ProcessInstance
    definition: ProcessDefinition
    at: datetime
    step: str
    decision: str
    value: Any
    inputs: dict[str, Any]
    tables: list[Asked]
    warnings: list[str]


def taken(runtime: Runtime, session: Session, instance_id: int, number: int, by: int, on: date) -> Taken:
    """The decision at a place in an instance's history.

    :raises NotFound: no such instance or decision, or not for this person to know of
    """
    instance = reading.require_instance(session, instance_id, by, on)
    event = history.at(session, instance.stream, number)
    if event is None or event.code != "decided" or event.payload is None:
        raise NotFound("no-decision", "没有这次决策的记录。", id=instance_id, number=number)
    loaded = runtime.definitions.get(session, _version_at(session, instance, event))
    element = loaded.process.model.elements[event.element_id or ""]
    payload, resource = event.payload, element.decision[0] if element.decision else ""
    return Taken(
        instance,
        loaded.definition,
        event.at,
        element.name or element.id,
        payload["decision"],
        payload["value"],
        payload.get("inputs", {}),
        _asked(loaded.sheets(resource), payload.get("tables", []), payload["matched"]),
        payload.get("warnings", []),
    )


def _version_at(session: Session, instance: ProcessInstance, event: history.Event) -> int:
    """The version that an instance, or the one that it is a part of, ran in when something happened."""
    whole, key = instance, session.get_one(ProcessDefinition, instance.definition_id).key
    while whole.scope != key and whole.parent_id is not None:
        whole = session.get_one(ProcessInstance, whole.parent_id)
    migrated = (
        select(history.Event.payload)
        .where(
            history.Event.stream == whole.stream,
            history.Event.code == "migrated",
            history.Event.id > event.id,
        )
        .order_by(history.Event.id)
        .limit(1)
    )
    payload = session.scalar(migrated)
    return payload["from_id"] if payload is not None else instance.definition_id


def _asked(sheets: list[Sheet], consulted: list[list[Any]], matched: list[list[Any]]) -> list[Asked]:
    """The sheets of the tables that were asked. Of several with one name, it is the one that has the rules."""
    found: list[Asked] = []
    for name in dict.fromkeys([table for table, _ in consulted] + [table for table, _, _ in matched]):
        rules = {(number, id_) for table, number, id_ in matched if table == name}
        candidates = [sheet for sheet in sheets if sheet.table == name]
        candidates.sort(key=lambda sheet: -len(rules & {(row.number, row.id) for row in sheet.rows}))
        inputs = [tuple(values) for table, values in consulted if table == name]
        if candidates:
            found.append(Asked(candidates[0], inputs, frozenset(number for number, _ in rules)))
    return found


def view(runtime: Runtime, session: Session, instance_id: int, by: int, on: date) -> View:
    """:raises NotFound: no such instance, or not for this person to know of"""
    instance = reading.require_instance(session, instance_id, by, on)
    loaded = runtime.definitions.get(session, instance.definition_id)
    items = session.scalars(
        select(WorkItem)
        .where(WorkItem.instance_id == instance.id, WorkItem.closed_at.is_(None))
        .order_by(WorkItem.id)
    )
    fanouts = list(
        session.scalars(select(Fanout).where(Fanout.instance_id == instance.id).order_by(Fanout.id))
    )
    children = (
        select(ProcessInstance)
        .where(ProcessInstance.fanout_id.in_([f.id for f in fanouts]))
        .order_by(ProcessInstance.position)
    )
    below: dict[int | None, list[ProcessInstance]] = {}
    for child in session.scalars(children.limit(500)):
        below.setdefault(child.fanout_id, []).append(child)
    ancestors = [int(part) for part in instance.path.strip("/").split("/") if part.isdecimal()][:-1]
    found = {
        i.id: i for i in session.scalars(select(ProcessInstance).where(ProcessInstance.id.in_(ancestors)))
    }
    own = register.of_instances(session, [instance.id])
    brought = register.documents(session, sorted(reading.shown(session, instance.id, by, on)))
    pending = list(session.scalars(select(Job).where(Job.instance_id == instance.id)))
    elements = loaded.process.model.elements
    return View(
        instance,
        loaded.definition,
        stepping.variables(runtime, session, instance),
        list(items),
        [Child(f, fanout.element_of(runtime, session, f).name, below.get(f.id, [])) for f in fanouts],
        sorted({*own, *brought}, key=lambda document: document.id),
        [found[i] for i in ancestors if i in found],
        pending,
        suspension.of(session, instance),
        cancellation.may_cancel(session, instance, by),
        subscriptions.of_instance(session, instance.id),
        {
            id: elements[id].name or id if id in elements else id
            for id in (job.element_id for job in pending)
            if id is not None
        },
    )


#: what ``find`` is asked for -> the instances
STATES = {
    "running": ProcessInstance.ended_at.is_(None),
    "suspended": and_(ProcessInstance.ended_at.is_(None), ProcessInstance.suspension_id.is_not(None)),
    "ended": ProcessInstance.ended_at.is_not(None),
}


def find(
    session: Session,
    by: int,
    on: date,
    *,
    business_key: str | None,
    definition: str | None,
    state: str | None,
    limit: int,
    offset: int,
) -> list[ProcessInstance]:
    """The instances, but no parts of others, that the person may read; the newest first.

    :param definition: a process key
    :param state: one of ``STATES``, or an outcome such as ``cancelled``
    """
    query = select(ProcessInstance).where(
        ProcessInstance.parent_id.is_(None), ProcessInstance.deleted_at.is_(None)
    )
    if business_key is not None:
        query = query.where(ProcessInstance.business_key == business_key)
    if definition is not None:
        versions = select(ProcessDefinition.id).where(ProcessDefinition.key == definition)
        query = query.where(ProcessInstance.definition_id.in_(versions))
    if state is not None:
        query = query.where(STATES.get(state, ProcessInstance.outcome == state))
    if not reading.is_admin(session, by):
        did = select(WorkItem.instance_id).where(WorkItem.completed_by_id == by)
        mine = select(WorkItem.instance_id).where(WorkItem.id.in_(assignment.items_of(session, by, on)))
        query = query.where(
            or_(
                ProcessInstance.started_by_id == by,
                ProcessInstance.id.in_(did),
                ProcessInstance.id.in_(mine),
            )
        )
    return list(session.scalars(query.order_by(ProcessInstance.id.desc()).limit(limit).offset(offset)))


def diagram(runtime: Runtime, session: Session, instance: ProcessInstance) -> dict[str, str]:
    """Element id -> ``open`` or ``done``."""
    loaded = runtime.definitions.get(session, instance.definition_id)
    if instance.state is None:
        entry = loaded.process.entry(instance.scope)
        return {entry.id: "open"} if entry is not None else {}
    return loaded.process.elements_of(instance.scope, instance.state)


def timeline(session: Session, instance: ProcessInstance) -> list[history.Event]:
    """The events of an instance, of everything below it, and of its bare work items."""
    ids = list(
        session.scalars(
            select(ProcessInstance.id).where(ProcessInstance.path.startswith(instance.path)).limit(1000)
        )
    )
    bare = select(WorkItem.id).where(WorkItem.instance_id.in_(ids), WorkItem.fanout_id.is_not(None))
    streams = [f"instance:{i}" for i in ids] + [f"work-item:{i}" for i in session.scalars(bare.limit(1000))]
    return history.read(session, *streams)
