"""Overview: an instance as its readers see it: where it stands, what it waits for, its children, documents and history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import history, reading, stepping
from engine.deployments import ProcessDefinition
from engine.documents import register
from engine.fanout import Fanout
from engine.instances import ProcessInstance
from engine.jobs import Job
from engine.runtime import Runtime
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
    """

    instance: ProcessInstance
    definition: ProcessDefinition
    variables: dict[str, Any]
    items: list[WorkItem]
    fanouts: list[Child]
    documents: list[register.Document]
    ancestors: list[ProcessInstance]
    pending: list[Job]

    @property
    def incidents(self) -> list[Job]:
        """Automatic steps that wait for an administrator."""
        return [job for job in self.pending if job.incident_at is not None]

    @property
    def working(self) -> bool:
        """Are automatic steps under way, or about to be? Timers and waiting fan-outs are not."""
        return any(
            job.kind != "timer" and job.due_at is not None and job.incident_at is None for job in self.pending
        )


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
    return View(
        instance,
        loaded.definition,
        stepping.variables(runtime, session, instance),
        list(items),
        [Child(f, loaded.process.model.elements[f.element_id].name, below.get(f.id, [])) for f in fanouts],
        sorted({*own, *brought}, key=lambda document: document.id),
        [found[i] for i in ancestors if i in found],
        list(session.scalars(select(Job).where(Job.instance_id == instance.id))),
    )


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
