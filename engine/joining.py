"""Joining: the children of a fan-out begin, their arrivals are counted, and the parent goes on."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from engine import fanout, instances, jobs, stepping
from engine.arrivals import Arrival
from engine.bpmn.execution import Complete, Throw
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


def _start_children(runtime: Runtime, session: Session, job: Job, at: datetime) -> None:
    row = session.get_one(Fanout, job.fanout_id)
    loaded = runtime.definitions.get(session, row.definition_id)
    table = ProcessInstance
    for child in session.scalars(select(table).where(table.id.in_(job.payload or ())).order_by(table.id)):
        if child.state is None and child.ended_at is None:
            given, own = fanout.layers(runtime, session, child)
            stepping.begin(runtime, session, loaded, child, own, given=given, by=None, at=at)


def _drain(runtime: Runtime, session: Session, job: Job, at: datetime) -> bool:
    """Count what has arrived; close the fan-out and resume the parent when it is complete. True when it is closed."""
    parent = instances.get(session, job.instance_id, lock=True)
    row = session.get_one(Fanout, job.fanout_id, with_for_update=WRITING)
    if row.closed_at is not None:
        return True
    new = session.scalars(
        update(Arrival)
        .where(Arrival.fanout_id == row.id, Arrival.drained_at.is_(None))
        .values(drained_at=at)
        .returning(Arrival.outcome)
        .execution_options(synchronize_session=False)
    ).all()
    row.arrived += len(new)
    element = fanout.element_of(runtime, session, row)
    failed = next((outcome for outcome in new if outcome.startswith("error:")), None)
    if failed is not None:
        fanout.close(session, row, failed, at)
        stepping.advance(
            runtime, session, parent, Throw(row.task_id, failed.removeprefix("error:")), [], at=at
        )
        return True
    if row.arrived < row.total and not _complete(session, row, element, at):
        if row.opened < row.total and row.arrived == row.opened:
            kept = fanout.snapshot(session, row.snapshot_digest)
            called = runtime.definitions.get(session, row.definition_id)
            session.add_all(
                fanout.open_children(
                    session,
                    called,
                    row,
                    parent,
                    element,
                    kept["data"],
                    kept["items"][row.opened : row.opened + 1],
                    at=at,
                )
            )
        return False
    fanout.close(session, row, "completed", at)
    log = [Entry("joined", {"arrived": row.arrived, "total": row.total}, element_id=row.element_id)]
    stepping.advance(
        runtime, session, parent, Complete(row.task_id, fanout.results(session, row, element)), log, at=at
    )
    return True


def _complete(session: Session, row: Fanout, element: Element, at: datetime) -> bool:
    loop = element.loop
    if loop is None or loop.condition is None:
        return False
    data = {
        **fanout.snapshot(session, row.snapshot_digest)["data"],
        **(fanout.results(session, row, element) if loop.outputs and loop.outputs in loop.condition else {}),
        "numberOfInstances": row.total,
        "numberOfActiveInstances": row.opened - row.arrived,
        "numberOfCompletedInstances": row.arrived,
        "numberOfTerminatedInstances": 0,
    }
    return evaluate(loop.condition, data, at) is True
