"""Stepping: one pure step of an instance, projected into rows, in the caller's transaction."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from types import NoneType
from typing import Any

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.orm import Session

from engine import (
    assignment,
    deadlines,
    fanout,
    feel,
    history,
    instances,
    local_days,
    messages,
    service_tasks,
    subscriptions,
    suspension,
    votes,
    work_items,
)
from engine.arrivals import Arrival
from engine.bpmn.execution import Action, Assign, Context, Decided, Opened, Step
from engine.bpmn.model import Assignment, Element
from engine.deadlines import Due
from engine.deployments import Loaded
from engine.history import Entry
from engine.instances import ProcessInstance
from engine.jobs import Job
from engine.runtime import Runtime
from engine.work_items import WorkItem


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
    cause: Entry | None = None,
    payload: Mapping[str, Any] | None = None,
) -> Step:
    """The first step of an instance whose row exists.

    :param cause: what set off the start event ``cause.element_id``; None for the start event without a trigger
    :param payload: what its message or signal brought
    """
    context = Context(at, loaded.decide, given or {}, local_days.calendar(session))
    triggered = cause.element_id if cause is not None else None
    step = loaded.process.start(instance.scope, data, context, at=triggered, payload=payload)
    said = {"definition": loaded.definition.key, "version": loaded.definition.version}
    started = Entry("started", said, by)
    if cause is not None:
        said = {**said, "cause": cause.code, **cause.payload}
        started = Entry("started", said, cause.person_id, element_id=cause.element_id)
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
    :raises Conflict: the instance is suspended
    """
    if not isinstance(action, Assign):  # an operator may put right what he has suspended
        suspension.require_running(session, instance)
    loaded = runtime.definitions.get(session, instance.definition_id)
    assert instance.state is not None
    given = fanout.given(runtime, session, instance)
    context = Context(at, loaded.decide, given, local_days.calendar(session))
    step = loaded.process.advance(instance.scope, instance.state, action, context)
    project(runtime, session, loaded, instance, step, entries, at=at)
    if instance.suspension_id is not None:
        suspension.cover(session, instance, at)
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
    log += [_decided(decided) for decided in step.decided]
    log += [
        Entry("warned", {"warnings": warned.warnings}, element_id=warned.element_id) for warned in step.warned
    ]
    if step.unsubscribed:
        subscriptions.drop(session, instance.id, step.unsubscribed)
    log += [
        Entry(
            f"{thrown.kind}-thrown",
            {thrown.kind: thrown.name, "correlation": thrown.correlation},
            element_id=thrown.element.id,
        )
        for thrown in step.thrown
    ]
    if step.cancelled or step.unscheduled:
        close(session, instance, [*step.cancelled, *step.unscheduled], step.cancelled, at)
        log += [Entry("withdrawn", {"task": task}) for task in step.cancelled]
    new_jobs: list[Job] = []
    items: list[tuple[WorkItem, Element, Mapping[str, Any]]] = []
    calendar = local_days.calendar(session)
    for opened in step.opened:
        if opened.element.is_fanout:
            jobs_of_it, entry = _fan_out(runtime, session, loaded, instance, opened, at)
            new_jobs += jobs_of_it
            log.append(entry)
        elif opened.element.operation is not None:
            new_jobs.append(_operation(runtime, instance, opened, at))
        else:
            warnings: list[str] = []
            element = _for_initiator(instance, opened.element)
            item = WorkItem(
                instance_id=instance.id,
                task_id=opened.task_id,
                **work_items.describe(element, opened.data, at, calendar, warnings),
                opened_at=at,
            )
            items.append((item, element, opened.data))
            log.append(
                Entry("opened", {"task": opened.task_id, "title": item.title}, element_id=opened.element.id)
            )
            if warnings:
                log.append(Entry("warned", {"warnings": warnings}, element_id=opened.element.id))
            if item.unknown_years:
                log.append(deadlines.uncertain(opened.element, item.unknown_years))
    new_jobs += [
        Job(
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
    if step.escalated:
        new_jobs = fanout.escalate(instance, step.escalated, at)
        session.add_all(new_jobs)
        log += [Entry("escalated", {"code": one.code}, element_id=one.element.id) for one in step.escalated]
    if step.ended:
        instance.ended_at, instance.unique_key = at, None
        instance.outcome = step.outcome
        log.append(Entry("ended", {"outcome": instance.outcome}))
    history.append(session, instance.stream, instance, log, at)
    _listen(session, instance, step, at)
    if (
        step.ended and instance.fanout_id is not None
    ):  # after the instance's row: who was slower finds that one stale
        fanout.arrive(runtime, session, instance, step.data, at=at)
    assignment.assign(session, items, at)
    work_items.show(session, [(item.id, element, data) for item, element, data in items], at)
    dues = [Due(item.id, instance.id, element, item.due_at) for item, element, _ in items]
    deadlines.schedule(session, dues, calendar, at)


def _fan_out(
    runtime: Runtime,
    session: Session,
    loaded: Loaded,
    instance: ProcessInstance,
    opened: Opened,
    at: datetime,
) -> tuple[list[Job], Entry]:
    said = {"task": opened.task_id}
    if opened.compensates is not None:
        new_jobs = fanout.compensate(session, instance, opened.task_id, opened.compensates, at)
        return new_jobs, Entry("compensating", said, element_id=opened.element.id)
    if opened.element.vote is not None:
        return votes.open_(runtime, session, loaded, instance, opened, at=at)
    _, new_jobs = fanout.open_(runtime, session, loaded, instance, opened, at=at)
    return new_jobs, Entry("fanned-out", said, element_id=opened.element.id)


def _listen(session: Session, instance: ProcessInstance, step: Step, at: datetime) -> None:
    """Who waits from now on, then what was thrown: a signal reaches who waits at the end of the step, also here."""
    rows = [
        {
            "kind": one.kind,
            "name": one.name,
            "correlation": subscriptions.key_of(one.correlation),
            "instance_id": instance.id,
            "task_id": one.task_id,
            "element_id": one.element.id,
        }
        for one in step.subscribed
    ]
    subscriptions.put(session, rows, at)
    if any(one.kind == "message" for one in step.subscribed):
        waiting = select(ProcessInstance.id).where(ProcessInstance.id == instance.id)
        session.add_all(messages.ring(session, waiting, at))
    if step.thrown:
        session.add_all(messages.throw(session, instance.id, step.thrown, at))


def _for_initiator(instance: ProcessInstance, element: Element) -> Element:
    """A start event that waits once more (驳回发起人) is a work item of whoever started the instance."""
    if element.kind != "startEvent":
        return element
    initiator = Assignment(person=f"={instance.started_by_id}")
    return replace(element, assignment=(initiator,), title=f"修改后重新提交：{instance.title}")


#: of a decision, as many of each as anybody reads
_KEPT = 100


def _decided(decided: Decided) -> Entry:
    """What a decision used and came to, for the history: its tables' inputs as values or, where they are no plain ones, as text."""
    found = decided.found
    return Entry(
        "decided",
        {
            "decision": decided.decision,
            "value": found.value,
            "inputs": dict(found.inputs),
            "tables": [[one.table, list(map(_plain, one.inputs))] for one in found.consulted[:_KEPT]],
            "matched": [[match.table, match.rule, match.rule_id] for match in found.matched[:_KEPT]],
            "warnings": list(found.warnings),
        },
        element_id=decided.element.id,
    )


def _plain(value: Any) -> Any:
    return value if isinstance(value, (bool, int, Decimal, date, NoneType)) else feel.text_of(value)[:500]


def _operation(runtime: Runtime, instance: ProcessInstance, opened: Opened, at: datetime) -> Job:
    """What leaves the house waits for as long as the step before it can be undone without a trace."""
    element = opened.element
    outward = service_tasks.is_outward(element.operation or "", element.inputs)
    return Job(
        kind="operation",
        key=secrets.token_hex(16),
        instance_id=instance.id,
        task_id=opened.task_id,
        element_id=opened.element.id,
        due_at=at + runtime.settings.undo if outward else at,
        created_at=at,
    )


def close(
    session: Session, instance: ProcessInstance, tasks: list[str], activities: list[str], at: datetime
) -> None:
    """What waited at these tasks waits no longer: work items, jobs, fan-outs with everything below them."""
    session.flush()  # takes the instance's row before any other
    if activities:
        fanout.cancel(session, instance, activities, at)
        theirs = select(WorkItem.id).where(
            WorkItem.instance_id == instance.id, WorkItem.task_id.in_(activities)
        )
        session.execute(
            update(WorkItem)
            .where(or_(WorkItem.id.in_(theirs), WorkItem.origin_id.in_(theirs)), WorkItem.closed_at.is_(None))
            .values(closed_at=at, closing="withdrawn", version=WorkItem.version + 1)
            .execution_options(synchronize_session=False)
        )
    items = select(WorkItem.id).where(WorkItem.instance_id == instance.id, WorkItem.task_id.in_(activities))
    waiting = and_(Job.instance_id == instance.id, Job.task_id.in_(tasks))
    session.execute(delete(Job).where(or_(waiting, Job.work_item_id.in_(items))))


def cancel(session: Session, instance_id: int, *, by: int, reason: str | None = None, at: datetime) -> None:
    """End an instance before its time, suspended or not, with everything below it.

    Work items, jobs and subscriptions go, running fan-outs close. The fan-out that it is a child of counts it as arrived, with nothing
    to return. Documents and ledger entries stay as they are.
    """
    instance = instances.get(session, instance_id, lock=True)
    if instance.ended_at is not None:
        return
    instance.ended_at, instance.outcome, instance.unique_key = at, "cancelled", None
    if instance.fanout_id is not None:
        arrived = Arrival(
            fanout_id=instance.fanout_id, position=instance.position, outcome="cancelled", result=None, at=at
        )
        session.add(arrived)
    said = {"outcome": "cancelled", **({"reason": reason} if reason else {})}
    history.append(session, instance.stream, instance, [Entry("ended", said, by)], at)
    fanout.end_below(session, [instance.path], at)


def stands(runtime: Runtime, session: Session, instance: ProcessInstance, task_id: str) -> bool:
    """Whether a token still waits there."""
    loaded = runtime.definitions.get(session, instance.definition_id)
    return instance.state is not None and task_id in loaded.process.standing(instance.scope, instance.state)


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
