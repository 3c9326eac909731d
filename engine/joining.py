"""Joining: the children of a fan-out begin, their arrivals are counted, and the parent goes on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from engine import fanout, instances, jobs, stepping, votes
from engine.arrivals import Arrival
from engine.bpmn.execution import Compensate, Complete, Throw
from engine.bpmn.model import Element, evaluate
from engine.database import WRITING
from engine.fanout import Fanout
from engine.history import Entry
from engine.instances import ProcessInstance
from engine.jobs import Job
from engine.runtime import Runtime


def start_children(runtime: Runtime, job: Job, at: datetime) -> None:
    """A job of kind ``children``: the first step of each child of a chunk."""
    with runtime.database.write() as session:
        _start_children(runtime, session, job, at)
        jobs.finish(session, job)


def drain(runtime: Runtime, job: Job, at: datetime) -> None:
    """A job of kind ``fanout``: count what has arrived, and end with the fan-out or wait for more."""
    with runtime.database.write() as session:
        if _drain(runtime, session, job, at):
            jobs.finish(session, job)
        else:
            jobs.park(session, job)


def recount(runtime: Runtime, job: Job, at: datetime) -> None:
    """A job of kind ``recount`` or ``escalation``: something has happened to a fan-out that is no arrival."""
    with runtime.database.write() as session:
        _drain(runtime, session, job, at)
        jobs.finish(session, job)


def _start_children(runtime: Runtime, session: Session, job: Job, at: datetime) -> None:
    row = session.get_one(Fanout, job.fanout_id)
    table = ProcessInstance
    for child in session.scalars(select(table).where(table.id.in_(job.payload or ())).order_by(table.id)):
        if child.ended_at is not None:
            continue
        if row.compensated_at is not None:
            stepping.advance(runtime, session, child, Compensate(), [], at=at)
        elif child.state is None:
            given, own = fanout.layers(runtime, session, child)
            loaded = runtime.definitions.get(session, child.definition_id)
            stepping.begin(runtime, session, loaded, child, own, given=given, by=None, at=at)


def _drain(runtime: Runtime, session: Session, job: Job, at: datetime) -> bool:
    """Count what has arrived; close the fan-out and resume the parent when it is complete. True when it is closed."""
    parent = instances.get(session, job.instance_id, lock=True)
    row = session.get_one(Fanout, job.fanout_id, with_for_update=WRITING, populate_existing=True)
    if row.closed_at is not None:
        return True
    element = fanout.element_of(runtime, session, row)
    if _escalated(runtime, session, parent, row, job, at):
        return True
    vote = votes.of(session, row, lock=True) if element.vote is not None else None
    new = _take(session, row, at)
    for number, (_, outcome, tally) in enumerate(new, 1):
        row.arrived += 1
        if outcome.startswith("error:") or (outcome == "cancel" and _cancels(runtime, session, row)):
            _thrown(runtime, session, parent, row, outcome, job, at)
            return True
        row.terminated += outcome != "completed"
        fanout.count(row, element, tally)
        if vote is not None:
            votes.count(vote, tally)
        late = [position for position, _, _ in new[number:]]
        if _complete(session, row, element, vote, at, late):
            # What came after the one that completed it was not counted, as if it had been cancelled a moment earlier.
            _give_back(session, row, late)
            break
    else:
        if not _complete(session, row, element, vote, at):
            _open_next(runtime, session, parent, row, element, at)
            return False
    if row.compensated_at is not None:
        fanout.close(session, row, "compensated", at, job=job.id)
        stepping.advance(runtime, session, parent, Complete(row.task_id), [], at=at)
        return True
    log = Entry("joined", {"arrived": row.arrived, "total": row.children}, element_id=row.element_id)
    data = fanout.results(session, row, element)
    if vote is not None:
        data |= votes.close(runtime, session, vote, element)
        log = Entry("vote-closed", {"result": vote.result}, element_id=row.element_id)
    fanout.close(session, row, "completed", at, closing="others" if vote else "withdrawn", job=job.id)
    stepping.advance(runtime, session, parent, Complete(row.task_id, data), [log], at=at)
    return True


def _take(session: Session, row: Fanout, at: datetime) -> list[tuple[int, str, dict[str, Any] | None]]:
    """(position, outcome, tally) of what has arrived since the last time, in its order; it is marked as counted."""
    new = session.execute(
        update(Arrival)
        .where(Arrival.fanout_id == row.id, Arrival.drained_at.is_(None))
        .values(drained_at=at)
        .returning(Arrival.at, Arrival.position, Arrival.outcome, Arrival.tally)
        .execution_options(synchronize_session=False)
    ).all()
    return [
        (position, outcome, tally) for _, position, outcome, tally in sorted(new, key=lambda one: one[:2])
    ]


def _give_back(session: Session, row: Fanout, positions: list[int]) -> None:
    if positions:
        late = update(Arrival).where(Arrival.fanout_id == row.id, Arrival.position.in_(positions))
        session.execute(late.values(drained_at=None).execution_options(synchronize_session=False))


def _thrown(
    runtime: Runtime,
    session: Session,
    parent: ProcessInstance,
    row: Fanout,
    outcome: str,
    job: Job,
    at: datetime,
) -> None:
    """A child has ended with an error that nothing in it caught, or is a transaction that was cancelled: the parent's activity is."""
    fanout.close(session, row, outcome, at, job=job.id)
    kind = "cancel" if outcome == "cancel" else "error"
    above = parent.fanout_id is not None
    thrown = Throw(row.task_id, outcome.removeprefix("error:"), kind, propagate=above)
    stepping.advance(runtime, session, parent, thrown, [], at=at)


def _cancels(runtime: Runtime, session: Session, row: Fanout) -> bool:
    """Whether something listens when a child, a transaction, is cancelled; otherwise its siblings go on."""
    model = runtime.definitions.get(session, row.owner_definition_id).process.model
    return any(
        one.attached_to == row.element_id and one.event is not None and one.event.kind == "cancel"
        for one in model.elements.values()
    )


def _escalated(
    runtime: Runtime, session: Session, parent: ProcessInstance, row: Fanout, job: Job, at: datetime
) -> bool:
    """Throw what children escalate at the parent's activity, before it counts what arrived later. True when that closed the fan-out."""
    found = session.scalars(
        select(Job).where(Job.fanout_id == row.id, Job.kind == "escalation").order_by(Job.id)
    ).all()
    for one in found:
        said = one.payload or {}
        thrown = Throw(row.task_id, said["code"], "escalation", said["data"])
        stepping.advance(runtime, session, parent, thrown, [], at=at)
        if one.id != job.id:
            session.delete(one)
        if not stepping.stands(runtime, session, parent, row.task_id):
            fanout.close(session, row, "cancelled", at, job=job.id)
            return True
    return False


def _open_next(
    runtime: Runtime,
    session: Session,
    parent: ProcessInstance,
    row: Fanout,
    element: Element,
    at: datetime,
) -> None:
    """The next child of a sequential fan-out, once the one before has come to its end."""
    if row.active > 0:
        return
    sequential = element.loop is not None and element.loop.sequential
    if row.compensated_at is not None:
        fanout.compensate_children(session, row, sequential, at)
        return
    if not sequential:
        return
    kept = fanout.snapshot(session, row.snapshot_digest)
    items = [*kept["items"], *(row.added or ())]
    while row.opened in (row.skipped or ()):
        row.opened += 1
    called = runtime.definitions.get(session, row.definition_id)
    persons = votes.persons(session, row, [row.opened]) if element.vote is not None else None
    session.add_all(
        fanout.open_children(
            session,
            called,
            row,
            parent,
            element,
            kept["data"],
            items[row.opened : row.opened + 1],
            at=at,
            persons=persons,
        )
    )


def _complete(
    session: Session,
    row: Fanout,
    element: Element,
    vote: votes.Vote | None,
    at: datetime,
    late: Sequence[int] = (),
) -> bool:
    """:param late: positions that have arrived and are still to be counted"""
    if row.arrived >= row.children or row.compensated_at is not None:
        return row.arrived >= row.children
    if vote is not None and votes.decided(vote, at):
        return True
    loop = element.loop
    if loop is None or loop.condition is None:
        return False
    data = {
        **fanout.snapshot(session, row.snapshot_digest)["data"],
        **(row.tallies or {tally.name: 0 for tally in loop.tallies}),
        **(
            fanout.results(session, row, element, without=late)
            if loop.outputs and loop.outputs in loop.condition
            else {}
        ),
        "numberOfInstances": row.children,
        "numberOfActiveInstances": row.active,
        "numberOfCompletedInstances": row.arrived - row.terminated,
        "numberOfTerminatedInstances": row.terminated,
    }
    return evaluate(loop.condition, data, at) is True
