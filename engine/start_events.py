"""Start events that wait: a process starts by itself at a moment, or by a message or signal. Only the latest version's do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Select, delete
from sqlalchemy.orm import Session

from engine import local_days, messages, subscriptions
from engine.bpmn.model import Element, Model, deadline, evaluate, moment, resolve
from engine.clock import SHANGHAI
from engine.errors import NotExecutable
from engine.jobs import Job
from engine.working_time import Calendar, Span


def waiting(model: Model) -> Iterator[Element]:
    """The start events of a process that have a trigger."""
    return (
        e
        for e in model.elements.values()
        if e.kind == "startEvent" and e.scope == model.key and e.event is not None
    )


def replace(session: Session, versions: Select[int], definition_id: int, model: Model, at: datetime) -> None:
    """A new version waits in the place of all those before it. Instances that run keep their version.

    A moment that has passed starts nothing; a cycle without a first moment begins to count now.

    :param versions: the ids of all versions of the process
    :raises NotExecutable: a timer is no moment, duration or cycle
    """
    subscriptions.drop_definitions(session, versions)
    session.execute(
        delete(Job)
        .where(Job.kind == "start", Job.definition_id.in_(versions))
        .execution_options(synchronize_session=False)
    )
    rows: list[dict[str, Any]] = []
    for element in waiting(model):
        assert element.event is not None
        if element.timer is not None:
            if (due := _first(element, at, local_days.calendar(session))) is not None:
                session.add(job(definition_id, element, due, at))
        elif element.event.kind in ("message", "signal"):
            row = {"kind": element.event.kind, "name": element.event.name}
            rows.append({**row, "definition_id": definition_id, "element_id": element.id})
    subscriptions.put(session, rows, at)
    names = [row["name"] for row in rows if row["kind"] == "message"]
    session.add_all(messages.ring_starts(session, names, at))


@dataclass(frozen=True, slots=True)
class Due:
    """When a timer start event fires.

    :ivar left: how often from then on, this time included; None for ever
    """

    at: datetime
    left: int | None = 1


def job(definition_id: int, element: Element, due: Due, at: datetime) -> Job:
    """The job that starts an instance then."""
    return Job(
        kind="start",
        definition_id=definition_id,
        element_id=element.id,
        payload=due.left,
        due_at=due.at,
        created_at=at,
    )


def following(element: Element, due: Due) -> Due | None:
    """The next round of a cycle after this one, if there is one."""
    if element.timer is None or element.timer[0] != "timeCycle" or due.left == 1:
        return None
    _, _, span = _cycle(element, due.at)
    return Due(_after(element, due.at, span), None if due.left is None else due.left - 1)


def _first(element: Element, at: datetime, calendar: Calendar) -> Due | None:
    assert element.timer is not None
    kind, text = element.timer
    if kind != "timeCycle":
        value = resolve(text, {}, at)
        counted = deadline(value, at, calendar) if isinstance(value, str) and Span.parse(value) else None
        due = counted.moment if counted is not None else _moment(_value(text, at), at)
        if due is None:
            raise _wrong(element, "不是日期、时间或时长")
        return Due(due) if due > at else None
    rounds, first, span = _cycle(element, at)
    found: Due | None = Due(_after(element, at, span) if first is None else first, rounds)
    if (
        found is not None and isinstance(span, timedelta) and found.at <= at
    ):  # at once, however long ago that was
        passed = (at - found.at) // span
        if rounds is not None and passed >= rounds:
            return None
        found = Due(found.at + passed * span, None if rounds is None else rounds - passed)
    while found is not None and found.at <= at:
        found = following(element, found)
    return found


def _cycle(element: Element, at: datetime) -> tuple[int | None, datetime | None, Any]:
    """``R/P1D``, ``R4/2026-03-31T08:00:00+08:00/P3M``: rounds, first moment, period."""
    assert element.timer is not None
    parts = str(resolve(element.timer[1], {}, at)).strip('" ').split("/")
    rounds = parts[0][1:]
    if len(parts) not in (2, 3) or not parts[0].startswith("R") or not (rounds.isdecimal() or not rounds):
        raise _wrong(element, "不是循环，应形如 R/P1D，或 R4/2026-03-31T08:00:00/P3M")
    first = _moment(_value(parts[1], at), at) if len(parts) == 3 else None
    span = _value(parts[-1], at)
    if (len(parts) == 3 and first is None) or _after(element, at, span) <= at:
        raise _wrong(element, "不是循环，应形如 R/P1D，或 R4/2026-03-31T08:00:00/P3M")
    return int(rounds) if rounds else None, first, span


def _value(text: str, at: datetime) -> Any:
    """What a timer's text says: FEEL after ``=``, otherwise ISO 8601."""
    value = resolve(text, {}, at)
    return (
        evaluate('@"' + value.strip().strip('"').replace('"', "") + '"', {}, at)
        if isinstance(value, str)
        else value
    )


def _moment(value: Any, at: datetime) -> datetime | None:
    """A day begins at its midnight: whatever starts on it starts then."""
    if type(value) is date:
        return datetime.combine(value, time(), SHANGHAI)
    return moment(value, at)


def _after(element: Element, at: datetime, span: Any) -> datetime:
    due = moment(span, at)
    if due is None:
        raise _wrong(element, "的周期不是时长，应形如 P1D、PT2H、P3M")
    return due


def _wrong(element: Element, what: str) -> NotExecutable:
    text = element.timer[1] if element.timer else ""
    return NotExecutable("timer", f"“{element.name or element.id}”的时间“{text}”{what}。", element=element.id)
