"""Timers: a job of kind ``timer`` moves the token that waits for its moment."""

from __future__ import annotations

from datetime import datetime

from engine import instances, jobs, stepping
from engine.bpmn.execution import Fire
from engine.history import Entry
from engine.jobs import Job
from engine.runtime import Runtime


def fire(runtime: Runtime, job: Job, at: datetime) -> None:
    assert job.task_id is not None
    with runtime.database.write() as session:
        instance = instances.get(session, job.instance_id, lock=True)
        jobs.finish(session, job)
        entry = Entry("timer-fired", {"due": job.due_at}, element_id=job.element_id)
        stepping.advance(runtime, session, instance, Fire(job.task_id), [entry], at=at)
