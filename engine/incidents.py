"""Incidents 异常: jobs whose retries are spent, or that no retry can help. They wait for a person, with the real error.

The same job goes on: it is retried, or an administrator does the step in its place, with a reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import feel, history, instances, jobs, operating, stepping, suspension
from engine.bpmn.execution import Complete
from engine.bpmn.model import Element
from engine.errors import Conflict, Invalid, LvzeError, NotAllowed, NotExecutable, NotFound
from engine.history import Entry
from engine.instances import ProcessInstance
from engine.jobs import Job
from engine.runtime import Runtime
from engine.service_tasks import BpmnError

HIDDEN = "（已隐去）"
#: longer texts, lists and sentences are cut in what is kept of an error
LONGEST, MOST, SENTENCE = 500, 20, 4000

_SECRET = re.compile(
    r"pass|secret|token|authoriz|credential|cookie|signature|api.?key|口令|密码|密钥|令牌|签名|授权", re.I
)
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")
_QUERY = re.compile(r"([?&])([^=&#\s]+)=[^&#\s]*")


@dataclass(frozen=True, slots=True)
class Incident:
    """A job that has stopped, as an administrator sees it.

    :ivar instance: None for what no instance has begun, such as a message on its way
    :ivar element: whose job it is; ``error["element"]`` is the one that the error names, where it is another
    :ivar error: ``message``, ``class``, ``code``, ``inputs`` of an operation (secrets hidden), ``warnings``: why inputs are null
    """

    job: Job
    instance: ProcessInstance | None
    element: Element | None
    error: Mapping[str, Any]

    @property
    def id(self) -> int:
        return self.job.id

    @property
    def by_hand(self) -> bool:
        """Can a person do this step, or throw its error?"""
        return self.job.kind == "operation" and self.element is not None


def fail(runtime: Runtime, job: Job, error: Exception, at: datetime) -> None:
    """A job's attempt has failed: it is tried again by its schedule, or becomes an incident, with an event in the instance's history."""
    with runtime.database.write() as session:
        instance = instances.get(session, job.instance_id) if job.instance_id is not None else None
        element = _element(runtime, session, job, instance)
        found = _described(runtime, session, job, element, error, at)
        # What the diagram or the installation forbids stays forbidden, however often it is tried.
        hopeless = isinstance(error, (NotExecutable, BpmnError, NotAllowed))
        waits = () if hopeless else operating.waits(element)
        if instance is not None and job.attempts > len(waits):
            instance = instances.get(session, instance.id, lock=True)
        if jobs.fail(session, job, found, at, waits=waits) and instance is not None:
            noted = ("class", "code", "message", "attempts")
            payload = {"kind": job.kind} | {name: found[name] for name in noted if name in found}
            entry = Entry("incident", payload, element_id=found["element"])
            history.append(session, instance.stream, instance, [entry], at)


def _described(
    runtime: Runtime, session: Session, job: Job, element: Element | None, error: Exception, at: datetime
) -> dict[str, Any]:
    warnings = list(getattr(error, "__notes__", ()))
    sentence = str(error) if isinstance(error, LvzeError) else f"{type(error).__name__}: {error}"
    found: dict[str, Any] = {
        "message": _USER_INFO.sub("", "\n".join([sentence, *warnings]))[:SENTENCE],
        "class": type(error.__cause__ or error).__name__,
        "element": job.element_id,
        "attempts": job.attempts,
        "at": at,
    }
    if isinstance(error, LvzeError):
        found["code"] = error.code
        found["element"] = error.details.get("element") or job.element_id
    if element is not None and job.kind == "operation":
        found["operation"] = element.operation
        found["inputs"] = shown(operating.inputs(runtime, session, job, at))
    return found


def shown(value: Any, name: str = "") -> Any:
    """The value for people to read: secrets hidden, long texts and lists cut.

    :param name: under which it stands
    """
    if value is not None and _SECRET.search(name):
        return HIDDEN
    match value:
        case str():
            text = _QUERY.sub(_query, _USER_INFO.sub("", value)) if "://" in value else value
            return text if len(text) <= LONGEST else text[:LONGEST] + "…"
        case Mapping():
            return {str(key): shown(one, str(key)) for key, one in list(value.items())[:MOST]}
        case list() | tuple():
            return [shown(one, name) for one in value[:MOST]] + ["…"] * (len(value) > MOST)
        case None | bool() | int() | Decimal() | date() | time() | timedelta():
            return value
    return feel.text_of(value)[:LONGEST]


def _query(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2]}={HIDDEN}" if _SECRET.search(match[2]) else match[0]


def _element(
    runtime: Runtime, session: Session, job: Job, instance: ProcessInstance | None
) -> Element | None:
    if instance is None or job.element_id is None:
        return None
    loaded = runtime.definitions.get(session, instance.definition_id)
    return loaded.process.model.elements.get(job.element_id)


def listed(runtime: Runtime, session: Session) -> list[Incident]:
    """All that wait for a person, the oldest first."""
    query = (
        select(Job, ProcessInstance)
        .outerjoin(ProcessInstance, ProcessInstance.id == Job.instance_id)
        .where(Job.incident_at.is_not(None))
        .order_by(Job.incident_at, Job.id)
    )
    return [_incident(runtime, session, *row) for row in session.execute(query)]


def get(runtime: Runtime, session: Session, incident_id: int) -> Incident:
    """:raises NotFound: no such incident, or somebody has dealt with it"""
    job = session.get(Job, incident_id)
    if job is None or job.incident_at is None:
        raise _gone(incident_id)
    instance = session.get(ProcessInstance, job.instance_id) if job.instance_id is not None else None
    return _incident(runtime, session, job, instance)


def _incident(runtime: Runtime, session: Session, job: Job, instance: ProcessInstance | None) -> Incident:
    error = job.error or {"message": job.last_error or "", "element": job.element_id}
    return Incident(job, instance, _element(runtime, session, job, instance), error)


def _gone(incident_id: int) -> NotFound:
    return NotFound("no-incident", "没有这个异常，可能已经处理。", id=incident_id)


def _taken(session: Session, incident_id: int) -> tuple[Job, ProcessInstance | None]:
    """The incident's rows, locked in the order in which workers lock them."""
    job = session.get(Job, incident_id)
    instance = (
        instances.get(session, job.instance_id, lock=True)
        if job is not None and job.instance_id is not None
        else None
    )
    job = session.get(Job, incident_id, with_for_update=True, populate_existing=True)
    if job is None or job.incident_at is None:
        raise _gone(incident_id)
    return job, instance


def retry(session: Session, incident_id: int, *, by: int, at: datetime) -> Job:
    """Give the job a fresh start.

    :raises NotFound: no such incident
    """
    job, instance = _taken(session, incident_id)
    job.incident_at, job.attempts, job.due_at = None, 0, at
    _note(session, job, instance, Entry("incident-retried", {}, by, element_id=job.element_id), at)
    return job


def complete(
    runtime: Runtime,
    session: Session,
    incident_id: int,
    outputs: Mapping[str, Any],
    *,
    by: int,
    reason: str,
    at: datetime,
) -> None:
    """The person has done the step elsewhere: the token goes on with these values of its declared outputs.

    :raises Invalid: no reason, or a value for what the step does not declare
    :raises Conflict: the step is no operation
    :raises NotExecutable: the token cannot go on; nothing is changed
    """
    _require_reason(reason)
    job, instance = _taken(session, incident_id)
    instance, element = _operation(runtime, session, job, instance)
    if unknown := set(outputs) - set(element.outputs):
        raise Invalid("no-such-output", f"这一步没有声明输出“{'、'.join(sorted(unknown))}”，请检查名称。")
    given = {name: outputs.get(name) for name in element.outputs}
    entry = _resolved(job, by, "completed", reason, outputs=given)
    session.delete(job)
    stepping.advance(runtime, session, instance, Complete(job.task_id or "", given), [entry], at=at)


def throw(
    runtime: Runtime, session: Session, incident_id: int, code: str, *, by: int, reason: str, at: datetime
) -> None:
    """The step ends with a BPMN error, which an error boundary event catches.

    :raises Invalid: no reason, no code
    :raises Conflict: the step is no operation
    :raises NotExecutable: nothing catches it; nothing is changed
    """
    _require_reason(reason)
    if not code.strip():
        raise Invalid("error-code", "请填写错误代码。", {"code": "请填写错误代码。"})
    job, instance = _taken(session, incident_id)
    instance, _ = _operation(runtime, session, job, instance)
    entry = _resolved(job, by, "thrown", reason, error=code.strip())
    session.delete(job)
    thrown = operating.thrown(instance, job, code.strip(), reason)
    stepping.advance(runtime, session, instance, thrown, [entry], at=at)


def cancel(session: Session, incident_id: int, *, by: int, reason: str, at: datetime) -> None:
    """End the instance, with everything below it; where there is none, drop the job.

    :raises Invalid: no reason
    """
    _require_reason(reason)
    job, instance = _taken(session, incident_id)
    _note(session, job, instance, _resolved(job, by, "cancelled", reason), at)
    session.delete(job)
    session.flush()
    if instance is not None:
        stepping.cancel(session, instance.id, by=by, reason=reason, at=at)


def _require_reason(reason: str) -> None:
    suspension.required(reason, "请填写处理理由，它会记入流程历史。")


def _operation(
    runtime: Runtime, session: Session, job: Job, instance: ProcessInstance | None
) -> tuple[ProcessInstance, Element]:
    element = _element(runtime, session, job, instance)
    if instance is None or element is None or job.kind != "operation":
        raise Conflict(
            "not-by-hand", "这一步不是服务任务，不能人工代办；请排除原因后重试，或撤销流程。", id=job.id
        )
    return instance, element


def _resolved(job: Job, by: int, way: str, reason: str, **more: Any) -> Entry:
    payload = {"way": way, "reason": reason.strip()[:500], **more}
    return Entry("incident-resolved", payload, by, element_id=job.element_id)


def _note(session: Session, job: Job, instance: ProcessInstance | None, entry: Entry, at: datetime) -> None:
    if instance is not None:
        history.append(session, instance.stream, instance, [entry], at)
    else:  # what belongs to no instance has a stream of its own
        entry.payload["kind"] = job.kind
        history.append_to(session, "incidents", [entry], at)
