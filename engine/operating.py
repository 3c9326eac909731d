"""Operating: a service task's job calls its operation, and the token moves on what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy.orm import Session

from engine import instances, jobs, service_tasks, stepping
from engine.bpmn.execution import Complete, Throw
from engine.bpmn.model import Element, resolve
from engine.history import Entry
from engine.jobs import Job
from engine.runtime import Runtime


def run(runtime: Runtime, job: Job, at: datetime) -> None:
    """A job of kind ``operation``: its slow part before the transaction, its effect with the token's move."""
    with runtime.database.read() as session:
        context, element, inputs, warnings = _prepare(runtime, session, job, at)
        operation = service_tasks.find(element.operation or "")
        prepare = getattr(operation, "prepare", None)
        with _noting(warnings):
            prepared = prepare(context, **inputs) if prepare is not None else None
    with runtime.database.write() as session:
        instances.get(session, job.instance_id, lock=True)
        jobs.finish(session, job)
        context, element, inputs, warnings = _prepare(runtime, session, job, at)
        context.prepared = prepared
        assert job.task_id is not None
        try:
            with _noting(warnings):
                result = operation.run(context, **inputs)
        except service_tasks.BpmnError as error:
            log = [
                Entry(
                    "operation-failed",
                    {"operation": element.operation, "error": error.code},
                    element_id=element.id,
                )
            ]
            stepping.advance(runtime, session, context.instance, Throw(job.task_id, error.code), log, at=at)
            return
        variables = {**context.data, "result": result}
        outputs = {name: resolve(text, variables, at) for name, text in element.outputs.items()}
        payload = {"operation": element.operation, "name": element.name, "outputs": outputs}
        log = [Entry("operated", payload, element_id=element.id)]
        stepping.advance(runtime, session, context.instance, Complete(job.task_id, outputs), log, at=at)


@contextmanager
def _noting(warnings: list[str]) -> Iterator[None]:
    """An operation that fails says also which of its inputs are null because of an error."""
    try:
        yield
    except Exception as error:
        for warning in warnings:
            error.add_note(warning)
        raise


def _prepare(
    runtime: Runtime, session: Session, job: Job, at: datetime
) -> tuple[service_tasks.Operation, Element, dict[str, object], list[str]]:
    """The operation's context, element and inputs, and why inputs are null, where an error is the reason."""
    instance = instances.get(session, job.instance_id)
    loaded = runtime.definitions.get(session, instance.definition_id)
    element = loaded.process.model.elements[job.element_id or ""]
    data = stepping.tokens(runtime, session, instance).get(job.task_id or "")
    if data is None:  # somebody else has done the job, or the token was withdrawn
        raise jobs.lost(job)
    context = service_tasks.Operation(
        session=session,
        clock=runtime.clock,
        at=at,
        settings=runtime.settings,
        renderer=runtime.renderer,
        loaded=loaded,
        instance=instance,
        job=job,
        data=data,
    )
    warnings: list[str] = []
    inputs = {name: resolve(text, data, at, warnings) for name, text in element.inputs.items()}
    return context, element, inputs, warnings
