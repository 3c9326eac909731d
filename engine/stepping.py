"""Running a claimed job: what each kind does, in one transaction that ends with the job's deletion."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from engine import fanout, instances, jobs, service_tasks
from engine.bpmn.execution import Complete, Fire, Throw
from engine.bpmn.model import Element, resolve
from engine.history import Entry

if TYPE_CHECKING:
    from engine.runtime import Runtime


def run(runtime: Runtime, job: jobs.Job, at: datetime) -> None:
    """Do the job and delete it, or leave everything as it was.

    Rows are locked in one order everywhere, lest two wait for each other: instance, fan-out, work item, job.
    """
    if job.kind == "operation":
        _operation(runtime, job, at)
        return
    with runtime.database.write() as session:
        if job.kind == "fanout":
            if fanout.drain(runtime, session, job, at):
                jobs.finish(session, job)
            else:
                jobs.park(session, job)
            return
        if job.kind == "children":
            fanout.start_children(runtime, session, job, at)
            jobs.finish(session, job)
        else:
            assert job.task_id is not None
            instance = instances.get(session, job.instance_id, lock=True)
            jobs.finish(session, job)
            entry = Entry("timer-fired", {"due": job.due_at}, element_id=job.element_id)
            instances.advance(runtime, session, instance, Fire(job.task_id), [entry], at=at)


def _operation(runtime: Runtime, job: jobs.Job, at: datetime) -> None:
    with runtime.database.read() as session:
        context, element, inputs = _prepare(runtime, session, job, at)
        operation = service_tasks.find(element.operation or "")
        prepare = getattr(operation, "prepare", None)
        prepared = prepare(context, **inputs) if prepare is not None else None
    with runtime.database.write() as session:
        instances.get(session, job.instance_id, lock=True)
        jobs.finish(session, job)
        context, element, inputs = _prepare(runtime, session, job, at)
        context.prepared = prepared
        assert job.task_id is not None
        try:
            result = operation.run(context, **inputs)
        except service_tasks.BpmnError as error:
            log = [
                Entry(
                    "operation-failed",
                    {"operation": element.operation, "error": error.code},
                    element_id=element.id,
                )
            ]
            instances.advance(runtime, session, context.instance, Throw(job.task_id, error.code), log, at=at)
            return
        variables = {**context.data, "result": result}
        outputs = {name: resolve(text, variables, at) for name, text in element.outputs.items()}
        payload = {"operation": element.operation, "name": element.name, "outputs": outputs}
        log = [Entry("operated", payload, element_id=element.id)]
        instances.advance(runtime, session, context.instance, Complete(job.task_id, outputs), log, at=at)


def _prepare(
    runtime: Runtime, session: Session, job: jobs.Job, at: datetime
) -> tuple[service_tasks.Operation, Element, dict[str, object]]:
    instance = instances.get(session, job.instance_id)
    loaded = runtime.definitions.get(session, instance.definition_id)
    element = loaded.process.model.elements[job.element_id or ""]
    data = instances.tokens(runtime, session, instance).get(job.task_id or "")
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
    return context, element, {name: resolve(text, data, at) for name, text in element.inputs.items()}
