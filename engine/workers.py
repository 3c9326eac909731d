"""Workers: they claim jobs and run them, each in one transaction that ends with the job's deletion."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy.orm import Session

from engine import checkpoints, instances, jobs, joining, service_tasks, stepping
from engine.bpmn.execution import Complete, Fire, Throw
from engine.bpmn.model import Element, resolve
from engine.errors import Conflict, LvzeError
from engine.history import Entry
from engine.jobs import Job
from engine.runtime import Runtime

logger = logging.getLogger("lvze.jobs")


#: a job that collides with other work is tried again at once, this often
COLLISIONS = 20


def run_one(runtime: Runtime) -> bool:
    """Claim and run the next due job; False when there is none."""
    at = runtime.clock.now()
    with runtime.database.write() as session:
        job = jobs.claim(session, at)
    if job is None:
        return False
    try:
        run(runtime, job, at)
    except Conflict as error:
        # Somebody else moved the instance, or took the job: look again at once.
        logger.info("job %s (%s) collided: %s", job.id, job.kind, error)
        with runtime.database.write() as session:
            if job.attempts < COLLISIONS:
                jobs.let_go(session, job)
            else:
                jobs.fail(session, job, error, at)
    except Exception as error:
        if not isinstance(error, LvzeError):
            logger.exception("job %s (%s) failed", job.id, job.kind)
        with runtime.database.write() as session:
            jobs.fail(session, job, error, at)
    return True


def run(runtime: Runtime, job: Job, at: datetime) -> None:
    """Do the job and delete it, or leave everything as it was.

    Rows are locked in one order everywhere, lest two wait for each other: instance, fan-out, work item, job.
    """
    if job.kind == "operation":
        _operation(runtime, job, at)
        return
    with runtime.database.write() as session:
        if job.kind == "fanout":
            if joining.drain(runtime, session, job, at):
                jobs.finish(session, job)
            else:
                jobs.park(session, job)
            return
        if job.kind == "children":
            joining.start_children(runtime, session, job, at)
            jobs.finish(session, job)
        else:
            assert job.task_id is not None
            instance = instances.get(session, job.instance_id, lock=True)
            jobs.finish(session, job)
            entry = Entry("timer-fired", {"due": job.due_at}, element_id=job.element_id)
            stepping.advance(runtime, session, instance, Fire(job.task_id), [entry], at=at)


def _operation(runtime: Runtime, job: Job, at: datetime) -> None:
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


class Workers:
    """Threads that run jobs inside the server. A ring wakes them at once; without one they look every second."""

    #: seconds
    POLL = 1.0
    SEAL = 60.0

    def __init__(self, runtime: Runtime, threads: int) -> None:
        self._runtime = runtime
        self._seal_after = time.monotonic() + self.SEAL
        self._stop = threading.Event()
        self._ring = threading.Semaphore(0)
        self._threads = [
            threading.Thread(target=self._work, name=f"lvze-worker-{i}", daemon=True) for i in range(threads)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def ring(self) -> None:
        self._ring.release()

    def stop(self) -> None:
        """Let every worker finish its job and end."""
        self._stop.set()
        for _ in self._threads:
            self._ring.release()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                worked = run_one(self._runtime)
            except Exception:
                logger.exception("a worker could not reach its jobs")
                worked = False
            if not worked:
                self._seal()
                self._ring.acquire(timeout=self.POLL)

    def _seal(self) -> None:
        """Seal the history's new heads, once a minute, when there is nothing else to do."""
        if time.monotonic() < self._seal_after:
            return
        self._seal_after = time.monotonic() + self.SEAL
        try:
            with self._runtime.database.write() as session:
                passphrase = self._runtime.settings.passphrase
                checkpoints.seal(session, passphrase=passphrase, at=self._runtime.clock.now())
        except Exception:
            logger.exception("the history could not be sealed")
