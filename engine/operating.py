"""Operating: a service task's job calls its operation, and the token moves on what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from engine import feel, instances, jobs, service_tasks, stepping
from engine.bpmn.execution import Complete, Throw
from engine.bpmn.model import Element, resolve
from engine.documents import register
from engine.errors import LvzeError, NotExecutable
from engine.history import Entry
from engine.instances import ProcessInstance
from engine.jobs import Job
from engine.runtime import Runtime


def run(runtime: Runtime, job: Job, at: datetime) -> None:
    """A job of kind ``operation``: its slow part before the transaction, its effect with the token's move."""
    with runtime.database.read() as session:
        context, element, inputs, warnings = _prepare(runtime, session, job, at)
        operation = service_tasks.find(element.operation or "")
        session.commit()  # nobody waits for the world outside with a transaction open
        failed: service_tasks.BpmnError | None = None
        if hasattr(operation, "prepare"):
            with jobs.renewing(runtime.database, job), _noting(warnings):
                try:
                    context.prepared = operation.prepare(context, **inputs)
                except service_tasks.BpmnError as error:
                    failed = error
    prepared = context.prepared
    with runtime.database.write() as session:
        instances.get(session, job.instance_id, lock=True)
        jobs.finish(session, job)
        context, element, inputs, warnings = _prepare(runtime, session, job, at)
        context.prepared = prepared
        assert job.task_id is not None
        try:
            if failed is not None:
                raise failed
            # An operation that ends with an error has done nothing.
            with session.begin_nested(), _noting(warnings):
                session.info[register.MAKER] = (context.instance.id, element.id)
                result = operation.run(context, **inputs)
        except service_tasks.BpmnError as error:
            said = {"operation": element.operation, "error": error.code, "message": str(error)}
            entry = Entry("operation-failed", said, element_id=element.id)
            _throw(runtime, session, context.instance, job, error, entry, at)
            return
        variables = {**context.data, "result": result}
        outputs = {name: resolve(text, variables, at) for name, text in element.outputs.items()}
        payload = {"operation": element.operation, "name": element.name, "outputs": outputs}
        log = [Entry("operated", payload, element_id=element.id)]
        stepping.advance(runtime, session, context.instance, Complete(job.task_id, outputs), log, at=at)


def _throw(
    runtime: Runtime,
    session: Session,
    instance: ProcessInstance,
    job: Job,
    error: service_tasks.BpmnError,
    entry: Entry,
    at: datetime,
) -> None:
    try:
        stepping.advance(
            runtime, session, instance, thrown(instance, job, error.code, str(error)), [entry], at=at
        )
    except NotExecutable as uncaught:
        uncaught.add_note(str(error))
        raise


def thrown(instance: ProcessInstance, job: Job, code: str, message: str) -> Throw:
    """The step's BPMN error; who catches it can read ``errorMessage``. What a child does not catch is its parent's, at the top it is
    an incident."""
    assert job.task_id is not None
    told = {"errorMessage": message}
    return Throw(job.task_id, code, data=told, propagate=instance.fanout_id is not None)


def waits(element: Element | None) -> tuple[timedelta, ...]:
    """The pauses before the second, third ... attempt: the diagram's, or the engine's own."""
    if element is None or element.retry is None:
        return jobs.RETRIES
    try:
        spans = [feel.temporal.read_duration(word) for word in element.retry]
    except ValueError:
        return jobs.RETRIES
    plain = tuple(span for span in spans if isinstance(span, timedelta))
    return plain if len(plain) == len(spans) else jobs.RETRIES


def inputs(runtime: Runtime, session: Session, job: Job, at: datetime) -> dict[str, object]:
    """What the operation is given now; nothing where even that cannot be said."""
    try:
        return _prepare(runtime, session, job, at)[2]
    except LvzeError:
        return {}


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
        runtime=runtime,
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
