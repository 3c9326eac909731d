"""Deliveries: a message or a signal reaches its receiver, from a diagram or from outside.

A message goes to exactly one: to the instance that waits for its name and correlation key, otherwise to the process that starts with
it. A signal goes to everybody, with one job each. From the payload a receiver takes what its element declares (``outputs``), and
nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine import (
    blobs,
    deployments,
    history,
    instances,
    jobs,
    messages,
    starting,
    stepping,
    subscriptions,
    values,
)
from engine.bpmn.execution import Receive
from engine.database import Table, UtcDateTime
from engine.deployments import ProcessDefinition
from engine.errors import Conflict, Invalid, NotExecutable, NotFound
from engine.history import Entry
from engine.instances import ProcessInstance
from engine.jobs import Job
from engine.messages import Message
from engine.runtime import Runtime
from engine.subscriptions import Subscription

#: bytes of a payload's text
MAX_PAYLOAD = 1_000_000


class Sent(Table):
    """A call with an idempotency key, and what came of it: the same call again has no second effect.

    :ivar digest: of what was sent
    :ivar instance_id: who received the message
    :ivar receivers: of a signal, how many
    """

    __tablename__ = "sent"

    idempotency_key: Mapped[str] = mapped_column(String(200), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("process_instance.id"))
    receivers: Mapped[int] = mapped_column(default=0)
    sent_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    sent_at: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of something that was sent.

    :ivar instance_id: who received the message, or was started by it; None for a signal
    :ivar receivers: how many were reached
    :ivar repeated: nothing was done now: the same call was made before
    """

    instance_id: int | None
    receivers: int
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Receiver:
    """What is waited for.

    :ivar kind: ``message`` or ``signal``
    :ivar instances: titles of the instances that wait, the longest waiting first
    :ivar processes: names of the processes that start with it
    """

    kind: str
    name: str
    correlation: str | None
    instances: list[str]
    processes: list[str]


def waited_for(session: Session, limit: int = 2000) -> list[Receiver]:
    """Messages and signals that have a receiver now, by name; each with all who wait, of the first ``limit`` that do."""
    of = Subscription
    query = (
        select(of.kind, of.name, of.correlation, ProcessInstance.title, ProcessDefinition.name)
        .outerjoin(ProcessInstance, ProcessInstance.id == of.instance_id)
        .outerjoin(ProcessDefinition, ProcessDefinition.id == of.definition_id)
        .order_by(of.kind, of.name, of.correlation, of.id)
        .limit(limit)
    )
    found: dict[tuple[str, str, str | None], Receiver] = {}
    for kind, name, correlation, title, process in session.execute(query):
        one = found.setdefault(
            (kind, name, correlation), Receiver(kind, name, correlation, instances=[], processes=[])
        )
        if title is not None:
            one.instances.append(title)
        else:
            one.processes.append(process)
    return list(found.values())


def send_message(
    runtime: Runtime,
    session: Session,
    name: str,
    *,
    correlation: Any,
    data: Mapping[str, Any] | None,
    idempotency_key: str | None,
    by: int,
    at: datetime,
) -> Delivery:
    """Give a message from outside to whoever waits for it, now.

    :raises NotFound: nobody waits for it, and no process starts with it
    :raises Conflict: its receiver is suspended, or the idempotency key was used for something else
    :raises NotExecutable: several instances wait for it; the receiver cannot go on
    :raises Invalid: the payload is too large or cannot be stored
    """
    key = subscriptions.key_of(correlation)
    payload = _checked(data)
    former = _once(session, idempotency_key, ["message", name, key, payload], by, at)
    if former is not None and former.sent:
        return Delivery(former.row.instance_id, 1, repeated=True)
    found = _receiver(session, name, key)
    if found is None:
        said = f"（关联键“{key}”）" if key is not None else "（没有关联键）"
        raise NotFound(
            "nobody-waits",
            f"没有流程在等待消息“{name}”{said}，也没有流程由它发起；请核对消息名称和关联键，或稍后再发。",
            name=name,
            correlation=key,
        )
    instance_id = _give(runtime, session, found, name, key, payload, by=by, at=at)
    if former is not None:
        former.row.instance_id, former.row.receivers = instance_id, 1
    return Delivery(instance_id, 1)


def send_signal(
    session: Session,
    name: str,
    *,
    data: Mapping[str, Any] | None,
    idempotency_key: str | None,
    by: int,
    at: datetime,
) -> Delivery:
    """Give a signal from outside to everybody who waits for it, with one job each; nobody may wait.

    :raises Conflict: the idempotency key was used for something else
    :raises Invalid: the payload is too large or cannot be stored
    """
    payload = _checked(data)
    former = _once(session, idempotency_key, ["signal", name, payload], by, at)
    if former is not None and former.sent:
        return Delivery(None, former.row.receivers, repeated=True)
    receivers = messages.broadcast(session, name, payload, at)
    if former is not None:
        former.row.receivers = receivers
    entry = Entry("signal-sent", {"signal": name, "receivers": receivers, "data": payload}, by)
    history.append_to(session, "signals", [entry], at)
    return Delivery(None, receivers)


def _checked(data: Mapping[str, Any] | None) -> dict[str, Any]:
    payload = dict(data or {})
    try:
        size = len(values.dumps(payload).encode())
    except (TypeError, ValueError) as error:
        raise Invalid(
            "payload", f"消息的内容里有不能保存的值（{error}），请改用文字、数字、日期、列表。"
        ) from error
    if size > MAX_PAYLOAD:
        raise Invalid("payload", f"消息的内容超过 {MAX_PAYLOAD // 1_000_000} MB，请只发必要的数据。")
    return payload


@dataclass(frozen=True, slots=True)
class _Call:
    row: Sent
    sent: bool


def _once(session: Session, key: str | None, said: list[Any], by: int, at: datetime) -> _Call | None:
    """The row of a call with an idempotency key; of two at once, the second waits for the first to end.

    :raises Conflict: the key was used for something else
    """
    if key is None:
        return None
    if not 0 < len(key) <= 200:
        raise Invalid("idempotency-key", "幂等键应有 1 到 200 个字。")
    digest = blobs.digest_of(values.dumps(said).encode())
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    new = session.scalar(
        dialect.insert(Sent)
        .values(idempotency_key=key, digest=digest, receivers=0, sent_by_id=by, sent_at=at)
        .on_conflict_do_nothing(index_elements=["idempotency_key"])
        .returning(Sent.idempotency_key)
    )
    row = session.get_one(Sent, key)
    if row.digest != digest:
        raise Conflict(
            "idempotency-key",
            f"幂等键“{key}”已用于另一次发送，内容不同；重发请保持内容一致，另发请换一个键。",
            key=key,
        )
    return _Call(row, sent=new is None)


def _receiver(session: Session, name: str, key: str | None) -> Subscription | None:
    """The one receiver of a message: a token that waits, otherwise a start event.

    :raises NotExecutable: several instances wait, or several processes start with it
    """
    found = subscriptions.receivers(session, name, key)
    if len({one.instance_id for one in found}) > 1:
        said = f"关联键“{key}”" if key is not None else "没有关联键"
        sentence = f"有多个流程在等待消息“{name}”（{said}），不知道该交给哪一个；请在流程图里给消息设置能区分的关联键。"
        raise NotExecutable("several-wait", sentence, name=name, correlation=key)
    if found:
        return found[0]
    starts = subscriptions.starts(session, name)
    if len(starts) > 1:
        sentence = f"有多个流程由消息“{name}”发起，不知道该发起哪一个；请让每个流程用不同的消息名称。"
        raise NotExecutable("several-start", sentence, name=name)
    return starts[0] if starts else None


def _give(
    runtime: Runtime,
    session: Session,
    receiver: Subscription,
    name: str,
    key: str | None,
    data: Mapping[str, Any],
    *,
    by: int | None,
    at: datetime,
) -> int:
    """Move the receiver's token, or start its process; returns the instance's id."""
    if receiver.definition_id is not None:
        definition = deployments.get(session, receiver.definition_id)
        cause = Entry("message-received", {"message": name, "correlation": key, "data": data}, by)
        instance = starting.start_at(
            runtime, session, definition, receiver.element_id, data, cause=cause, business_key=key, at=at
        )
        return instance.id
    instance = instances.get(session, receiver.instance_id, lock=True)
    if not subscriptions.waits(session, receiver):
        raise Conflict("somebody-was-faster", "有人刚刚办理了这一事项，请刷新页面查看最新状态。")
    assert receiver.task_id is not None
    entry = Entry(
        "message-received",
        {"message": name, "correlation": key, "data": data},
        by,
        element_id=receiver.element_id,
    )
    stepping.advance(runtime, session, instance, Receive(receiver.task_id, data), [entry], at=at)
    return instance.id


def deliver(runtime: Runtime, job: Job, at: datetime) -> None:
    """A job of kind ``delivery``: a signal for one receiver, or a thrown message that looks for its receiver."""
    with runtime.database.write() as session:
        if job.instance_id is not None or job.definition_id is not None:
            _signal(runtime, session, job, at)
        else:
            _message(runtime, session, job, at)


def _signal(runtime: Runtime, session: Session, job: Job, at: datetime) -> None:
    name, data = job.payload["signal"], job.payload["data"]  # type: ignore[index]  # written by messages.broadcast
    if job.definition_id is not None:
        jobs.finish(session, job)
        definition = deployments.get(session, job.definition_id)
        cause = Entry("signal-received", {"signal": name, "data": data})
        starting.start_at(
            runtime, session, definition, job.element_id or "", data, cause=cause, business_key=None, at=at
        )
        return
    instance = instances.get(session, job.instance_id, lock=True)
    jobs.finish(session, job)
    of = Subscription
    waiting = select(of.id).where(of.instance_id == instance.id, of.task_id == job.task_id)
    if session.scalar(waiting) is None:  # it was interrupted, or another signal was faster
        return
    assert job.task_id is not None
    entry = Entry("signal-received", {"signal": name, "data": data}, element_id=job.element_id)
    stepping.advance(runtime, session, instance, Receive(job.task_id, data), [entry], at=at)


def _message(runtime: Runtime, session: Session, job: Job, at: datetime) -> None:
    message = session.get(Message, job.payload)
    if message is None:  # another job for it was faster
        jobs.finish(session, job)
        return
    receiver = _receiver(session, message.name, message.correlation)
    if receiver is not None and receiver.instance_id is not None:
        waiting = instances.get(session, receiver.instance_id, lock=True)
        if waiting.suspension_id is not None:  # its resumption rings again
            jobs.park(session, job, until=max(message.expires_at, at + messages.KEPT))
            return
    if receiver is not None:
        jobs.finish(session, job)
        _take(session, message)
        _give(
            runtime, session, receiver, message.name, message.correlation, message.data or {}, by=None, at=at
        )
    elif at < message.expires_at:
        jobs.park(session, job, until=message.expires_at)
    else:
        jobs.finish(session, job)
        _take(session, message)
        thrower = instances.get(session, message.instance_id, lock=True)
        said = {"message": message.name, "correlation": message.correlation}
        entry = Entry("message-expired", said, element_id=message.element_id)
        history.append(session, thrower.stream, thrower, [entry], at)


def _take(session: Session, message: Message) -> None:
    """:raises Conflict: another job has taken it at this moment"""
    session.expunge(message)
    taken = delete(Message).where(Message.id == message.id).returning(Message.id)
    if session.scalar(taken.execution_options(synchronize_session=False)) is None:
        raise Conflict("somebody-was-faster", "有人刚刚办理了这一事项，请刷新页面查看最新状态。")
