"""Process instances: state without the spec, and the projection of a step into rows.

A child of a fan-out is an instance too. A child whose first touch is still to come has no state: it is made from the fan-out's
snapshot when somebody acts on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine import assignment, fanout, forms, history, jobs, work_items
from engine.bpmn.execution import Action, Context, Opened, Step
from engine.bpmn.model import Element, resolve
from engine.clock import local
from engine.database import WRITING, Table, UtcDateTime, Values
from engine.deployments import Loaded, ProcessDefinition
from engine.documents import register
from engine.errors import Invalid, NotAllowed, NotFound
from engine.history import GENESIS, Entry
from engine.organisation import people, posts, units
from engine.organisation.units import Unit
from engine.runtime import Runtime


class ProcessInstance(Table):
    """One run of a definition, or of one of its multi-instance sub-processes (``scope``).

    :ivar state: see ``engine.bpmn.state``; NULL until the first step, and after the erasure of an ended instance
    :ivar path: ``/1/7/`` for instance 7 started by instance 1: all descendants share the prefix
    :ivar item: the element of the fan-out's collection that this child is for
    :ivar outcome: ``completed``, ``cancelled``, ``terminated`` or ``error:CODE``; NULL while it runs
    :ivar event_seq: head of the stream ``instance:<id>``
    """

    __tablename__ = "process_instance"
    __table_args__ = (
        Index("ix_process_instance_fanout", "fanout_id", "position"),
        Index("ix_process_instance_path", "path", postgresql_ops={"path": "text_pattern_ops"}),
        Index("ix_process_instance_started_by", "started_by_id", "started_at"),
        Index("ix_process_instance_business_key", "business_key"),
    )
    __mapper_args__ = {"version_id_col": None}  # noqa: RUF012

    id: Mapped[int] = mapped_column(primary_key=True)
    definition_id: Mapped[int] = mapped_column(ForeignKey("process_definition.id"))
    scope: Mapped[str] = mapped_column(String(200))
    title: Mapped[str] = mapped_column(String(500))
    business_key: Mapped[str | None] = mapped_column(String(200))
    path: Mapped[str] = mapped_column(String(1000))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("process_instance.id"))
    fanout_id: Mapped[int | None]  # of fanout.id: without a constraint, which would close a circle of tables
    position: Mapped[int | None]
    item: Mapped[Any | None] = mapped_column(Values)
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    started_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[str | None] = mapped_column(String(100))
    state: Mapped[str | None] = mapped_column(Text)
    version: Mapped[int]
    event_seq: Mapped[int] = mapped_column(default=0)
    event_hash: Mapped[str] = mapped_column(String(64), default=GENESIS)

    @property
    def stream(self) -> str:
        return f"instance:{self.id}"


ProcessInstance.__mapper__.version_id_col = ProcessInstance.__table__.c.version


def get(session: Session, instance_id: int, *, lock: bool = False) -> ProcessInstance:
    """:param lock: whoever else wants to write the row waits for this transaction
    :raises NotFound: no such instance
    """
    found = session.get(ProcessInstance, instance_id, with_for_update=WRITING if lock else None)
    if found is None:
        raise NotFound("no-instance", "没有这个流程实例。", id=instance_id)
    return found


@dataclass(frozen=True, slots=True)
class StartForm:
    """What a person is asked before an instance starts.

    :ivar units: the units for which he may start it; empty for a process that members start for themselves
    """

    definition: ProcessDefinition
    form: forms.Form | None
    units: list[Unit]
    data: dict[str, Any]


def starting_units(session: Session, loaded: Loaded, by: int, on: date) -> list[Unit] | None:
    """The units for which the person may start the process, or None when he may not.

    A process without a starter is only called by others.
    """
    start = loaded.process.model.start
    held = [h.unit for h in posts.held_by(session, by, on) if h.post in start.starter_posts]
    if held:
        return list({unit.id: unit for unit in held}.values())
    if start.starter_member:
        membership = people.membership(session, by, on)
        return None if membership is None else [units.get(session, membership.unit_id)]
    return None


def start_form(session: Session, loaded: Loaded, by: int, on: date) -> StartForm:
    """:raises NotAllowed: the person may not start it"""
    found = starting_units(session, loaded, by, on)
    if found is None:
        raise NotAllowed("may-not-start", f"您不能发起“{loaded.definition.name}”。")
    start = loaded.process.model.start
    person = people.get(session, by)
    data: dict[str, Any] = {"initiator": {"person": by, "name": person.name}, "今天": on}
    if start.renews is not None:
        from engine import renewals

        ledger, variable = start.renews
        data[variable] = renewals.choices(session, loaded.ledgers[ledger], {u.id for u in found}, on)
    return StartForm(loaded.definition, loaded.forms.get(start.form) if start.form else None, found, data)


def start_by(
    runtime: Runtime,
    session: Session,
    definition: ProcessDefinition,
    data: Mapping[str, Any],
    *,
    by: int,
    unit_id: int | None,
    business_key: str | None,
    at: datetime,
) -> ProcessInstance:
    """Start an instance for a person, who must be one of its starters.

    :raises NotAllowed: he may not
    :raises Invalid: the start form has errors, or it is not clear for which unit
    """
    loaded = runtime.definitions.get(session, definition.id)
    asked = start_form(session, loaded, by, local(at).date())
    chosen = [unit for unit in asked.units if unit_id in (None, unit.id)]
    if not chosen:
        raise NotAllowed("not-your-unit", "您不能代表这个党组织发起该流程。", unit=unit_id)
    if len(chosen) > 1:
        message = "请选择以哪个党组织的名义发起。"
        raise Invalid("which-unit", message, {"unit": message})
    (unit,) = chosen
    variables = {
        **asked.data,
        "unit": {"id": unit.id, "name": unit.name, "short_name": unit.short_name, "kind": unit.kind},
    }
    cleaned = asked.form.clean(data, variables, now=at) if asked.form is not None else {}
    if (renews := loaded.process.model.start.renews) is not None:
        offered = variables[renews[1]]
        variables[renews[1]] = [one for one in offered if one["entry"] in cleaned.values()]
    return start(
        runtime,
        session,
        definition,
        {**variables, **cleaned},
        by=by,
        unit_id=unit.id,
        business_key=business_key,
        at=at,
    )


def start(
    runtime: Runtime,
    session: Session,
    definition: ProcessDefinition,
    data: Mapping[str, Any],
    *,
    by: int | None,
    unit_id: int | None,
    business_key: str | None,
    at: datetime,
) -> ProcessInstance:
    """Start a new top-level instance and run it to its first waiting points."""
    loaded = runtime.definitions.get(session, definition.id)
    model = loaded.process.model
    instance = ProcessInstance(
        definition_id=definition.id,
        scope=model.key,
        title=str(resolve(model.title, data, at) or model.name)[:500],
        business_key=business_key or _text(resolve(model.business_key, data, at)),
        path="",
        unit_id=unit_id,
        started_by_id=by,
        started_at=at,
        event_seq=0,
        event_hash=GENESIS,
    )
    session.add(instance)
    session.flush()
    instance.path = f"/{instance.id}/"
    begin(runtime, session, loaded, instance, data, by=by, at=at)
    return instance


def _text(value: Any) -> str | None:
    return None if value is None else str(value)[:200]


def begin(
    runtime: Runtime,
    session: Session,
    loaded: Loaded,
    instance: ProcessInstance,
    data: Mapping[str, Any],
    *,
    given: Mapping[str, Any] | None = None,
    by: int | None,
    at: datetime,
) -> Step:
    """The first step of an instance whose row exists."""
    step = loaded.process.start(instance.scope, data, Context(at, loaded.decide, given or {}))
    started = Entry(
        "started", {"definition": loaded.definition.key, "version": loaded.definition.version}, by
    )
    project(runtime, session, loaded, instance, step, [started], at=at)
    return step


def advance(
    runtime: Runtime,
    session: Session,
    instance: ProcessInstance,
    action: Action,
    entries: Iterable[Entry],
    *,
    at: datetime,
) -> Step:
    """One action on an instance: load, step, project.

    :raises NotExecutable: the token cannot go on; the caller's transaction must not commit
    """
    loaded = runtime.definitions.get(session, instance.definition_id)
    assert instance.state is not None
    context = Context(at, loaded.decide, fanout.given(runtime, session, instance))
    step = loaded.process.advance(instance.scope, instance.state, action, context)
    project(runtime, session, loaded, instance, step, entries, at=at)
    return step


def project(
    runtime: Runtime,
    session: Session,
    loaded: Loaded,
    instance: ProcessInstance,
    step: Step,
    entries: Iterable[Entry],
    *,
    at: datetime,
) -> None:
    """Write what a step means into rows, in a number of statements that does not depend on how much is open."""
    instance.state = step.state
    log = list(entries)
    log += [
        Entry(
            "decided",
            {"decision": d.decision, "value": d.value, "matched": d.matched},
            element_id=d.element.id,
        )
        for d in step.decided
    ]
    if step.cancelled or step.unscheduled:
        close(session, instance, [*step.cancelled, *step.unscheduled], step.cancelled, at)
        log += [Entry("withdrawn", {"task": task}) for task in step.cancelled]
    new_jobs: list[jobs.Job] = []
    items: list[tuple[work_items.WorkItem, Element, Mapping[str, Any]]] = []
    for opened in step.opened:
        if opened.element.is_fanout:
            new_jobs += fanout.open_(runtime, session, loaded, instance, opened, at=at)
            log.append(Entry("fanned-out", {"task": opened.task_id}, element_id=opened.element.id))
        elif opened.element.operation is not None:
            new_jobs.append(_operation(instance, opened, at))
        else:
            item = work_items.WorkItem(
                instance_id=instance.id,
                task_id=opened.task_id,
                **work_items.describe(opened.element, opened.data, at),
                opened_at=at,
            )
            items.append((item, opened.element, opened.data))
            log.append(
                Entry("opened", {"task": opened.task_id, "title": item.title}, element_id=opened.element.id)
            )
    new_jobs += [
        jobs.Job(
            kind="timer",
            instance_id=instance.id,
            task_id=timer.task_id,
            element_id=timer.element.id,
            due_at=timer.due,
            created_at=at,
        )
        for timer in step.scheduled
    ]
    session.add_all([item for item, _, _ in items])
    session.add_all(new_jobs)
    if step.ended:
        instance.ended_at = at
        instance.outcome = step.error if step.error else "completed"
        log.append(Entry("ended", {"outcome": instance.outcome}))
    history.append(session, instance.stream, instance, log, at)
    if (
        step.ended and instance.fanout_id is not None
    ):  # after the instance's row: who was slower finds that one stale
        fanout.arrive(runtime, session, instance, step.data, at=at)
    assignment.assign(session, items, at)
    work_items.show(session, [(item.id, element, data) for item, element, data in items], at)


def _operation(instance: ProcessInstance, opened: Opened, at: datetime) -> jobs.Job:
    return jobs.Job(
        kind="operation",
        instance_id=instance.id,
        task_id=opened.task_id,
        element_id=opened.element.id,
        due_at=at,
        created_at=at,
    )


def close(
    session: Session, instance: ProcessInstance, tasks: list[str], activities: list[str], at: datetime
) -> None:
    """What waited at these tasks waits no longer: work items, jobs, fan-outs with everything below them."""
    session.flush()  # takes the instance's row before any other
    if activities:
        for fanout_id in session.scalars(
            select(fanout.Fanout.id).where(
                fanout.Fanout.instance_id == instance.id, fanout.Fanout.task_id.in_(activities)
            )
        ):
            fanout.cancel(session, fanout_id, at)
        session.execute(
            update(work_items.WorkItem)
            .where(
                work_items.WorkItem.instance_id == instance.id,
                work_items.WorkItem.task_id.in_(activities),
                work_items.WorkItem.closed_at.is_(None),
            )
            .values(closed_at=at, closing="withdrawn", version=work_items.WorkItem.version + 1)
            .execution_options(synchronize_session=False)
        )
    session.execute(delete(jobs.Job).where(jobs.Job.instance_id == instance.id, jobs.Job.task_id.in_(tasks)))


def cancel(session: Session, instance_id: int, *, by: int, at: datetime) -> None:
    """End an instance before its time, with everything below it. A fan-out counts it as arrived, with nothing to return."""
    instance = get(session, instance_id, lock=True)
    if instance.ended_at is not None:
        return
    instance.ended_at, instance.outcome = at, "cancelled"
    if instance.fanout_id is not None:
        arrived = fanout.Arrival(
            fanout_id=instance.fanout_id, position=instance.position, outcome="cancelled", result=None, at=at
        )
        session.add(arrived)
    history.append(session, instance.stream, instance, [Entry("ended", {"outcome": "cancelled"}, by)], at)
    fanout.end_below(session, instance.path, at)


@dataclass(frozen=True, slots=True)
class Child:
    """A fan-out as its parent's readers see it: counts, and the children that are instances."""

    fanout: fanout.Fanout
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
    items: list[work_items.WorkItem]
    fanouts: list[Child]
    documents: list[register.Document]
    ancestors: list[ProcessInstance]
    pending: list[jobs.Job]

    @property
    def incidents(self) -> list[jobs.Job]:
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
    from engine import reading

    instance = reading.require_instance(session, instance_id, by, on)
    loaded = runtime.definitions.get(session, instance.definition_id)
    items = session.scalars(
        select(work_items.WorkItem)
        .where(work_items.WorkItem.instance_id == instance.id, work_items.WorkItem.closed_at.is_(None))
        .order_by(work_items.WorkItem.id)
    )
    fanouts = list(
        session.scalars(
            select(fanout.Fanout).where(fanout.Fanout.instance_id == instance.id).order_by(fanout.Fanout.id)
        )
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
    return View(
        instance,
        loaded.definition,
        variables(runtime, session, instance),
        list(items),
        [Child(f, loaded.process.model.elements[f.element_id].name, below.get(f.id, [])) for f in fanouts],
        register.of_instances(session, [instance.id]),
        [found[i] for i in ancestors if i in found],
        list(session.scalars(select(jobs.Job).where(jobs.Job.instance_id == instance.id))),
    )


def variables(runtime: Runtime, session: Session, instance: ProcessInstance) -> dict[str, Any]:
    """Of its waiting tokens, or of its end; none before its first step."""
    if instance.state is None:
        return {}
    loaded = runtime.definitions.get(session, instance.definition_id)
    return loaded.process.variables(instance.scope, instance.state, fanout.given(runtime, session, instance))


def tokens(runtime: Runtime, session: Session, instance: ProcessInstance) -> dict[str, dict[str, Any]]:
    """Waiting task id -> its variables."""
    assert instance.state is not None
    loaded = runtime.definitions.get(session, instance.definition_id)
    return loaded.process.tasks(instance.scope, instance.state, fanout.given(runtime, session, instance))


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
    bare = select(work_items.WorkItem.id).where(
        work_items.WorkItem.instance_id.in_(ids), work_items.WorkItem.fanout_id.is_not(None)
    )
    streams = [f"instance:{i}" for i in ids] + [f"work-item:{i}" for i in session.scalars(bare.limit(1000))]
    return history.read(session, *streams)
