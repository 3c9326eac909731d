"""Timers: a job of kind ``timer`` moves the token that waits for its moment, one of kind ``start`` starts an instance at its."""

from __future__ import annotations

from datetime import datetime

from engine import deployments, instances, jobs, start_events, starting, stepping
from engine.bpmn.execution import Fire
from engine.history import Entry
from engine.jobs import Job
from engine.runtime import Runtime
from engine.start_events import Due


def fire(runtime: Runtime, job: Job, at: datetime) -> None:
    assert job.task_id is not None
    with runtime.database.write() as session:
        instance = instances.get(session, job.instance_id, lock=True)
        jobs.finish(session, job)
        entry = Entry("timer-fired", {"due": job.due_at}, element_id=job.element_id)
        stepping.advance(runtime, session, instance, Fire(job.task_id), [entry], at=at)


def start(runtime: Runtime, job: Job, at: datetime) -> None:
    """A timer start event is due; a cycle's next round is scheduled with it."""
    with runtime.database.write() as session:
        jobs.finish(session, job)
        definition = deployments.get(session, job.definition_id or 0)
        element = runtime.definitions.get(session, definition.id).process.model.elements[job.element_id or ""]
        cause = Entry("timer-fired", {"due": job.due_at})
        starting.start_at(runtime, session, definition, element.id, {}, cause=cause, business_key=None, at=at)
        assert job.due_at is not None
        following = start_events.following(element, Due(job.due_at, job.payload))
        if following is not None:
            session.add(start_events.job(definition.id, element, following, at))
