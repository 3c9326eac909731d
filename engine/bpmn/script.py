"""What a step asks of FEEL, of decisions and of the business time, and what it has to say besides its tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from SpiffWorkflow.task import Task

from engine import feel
from engine.bpmn.model import Element, Model, deadline, evaluate, moment, resolve
from engine.dmn import Decision
from engine.errors import LvzeError, NotExecutable
from engine.working_time import Calendar, Deadline, not_known

#: (decision resource, decision, variables, business time) -> what came of it
Decide = Callable[[str, str, Mapping[str, Any], datetime], Decision]


@dataclass(frozen=True, slots=True)
class Context:
    """What a step may ask of the world: the business time, decisions, and what the instance was given.

    :ivar given: variables that lie below the instance's own and are not part of its state: a child of a fan-out reads there
        what all its siblings read, however long the list is that they were made from
    :ivar calendar: the working time in which timers may be counted
    """

    now: datetime
    decide: Decide
    given: Mapping[str, Any] = field(default_factory=dict)
    calendar: Calendar = field(default_factory=Calendar)


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision was taken inside the step."""

    element: Element
    decision: str
    found: Decision


@dataclass(frozen=True, slots=True)
class Warned:
    """A condition was neither true nor false, so it did not hold.

    :ivar element_id: the gateway, activity or event
    :ivar warnings: full sentences that quote the condition
    """

    element_id: str
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class Thrown:
    """A message or signal for whoever waits for it, in this instance or another.

    :ivar kind: ``message`` or ``signal``
    :ivar correlation: the key by which a message finds its receiver
    """

    element: Element
    kind: str
    name: str
    correlation: str | None
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Escalated:
    """An escalation that nothing inside the instance caught: for its parent."""

    element: Element
    code: str | None
    data: dict[str, Any]


class Script:
    """Expressions at the step's business time; collects what the step decided, warned of, threw and escalated."""

    def __init__(self, model: Model, context: Context) -> None:
        self.model = model
        self.context = context
        self.decided: list[Decided] = []
        self.warned: list[Warned] = []
        self.thrown: list[Thrown] = []
        self.escalated: list[Escalated] = []

    def seen(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """An instance's variables over what it was given."""
        return {**self.context.given, **data}

    def holds(self, condition: str, seen: Mapping[str, Any], element_id: str) -> bool:
        """Only true holds; whatever is neither true nor false is noted."""
        warnings: list[str] = []
        value = evaluate(condition, seen, self.context.now, warnings)
        if type(value) is not bool:
            warnings = warnings or [f"“{condition.strip()}”的值是{feel.word(value)}，不是真或假。"]
            self.warned.append(Warned(element_id, warnings))
        return value is True

    def why(self, element_id: str) -> list[str]:
        """What has been noted about an element's conditions."""
        return [one for warned in self.warned if warned.element_id == element_id for one in warned.warnings]

    def decide(self, element: Element, seen: Mapping[str, Any], data: dict[str, Any]) -> None:
        assert element.decision is not None
        resource, decision, variable = element.decision
        try:
            found = self.context.decide(resource, decision, seen, self.context.now)
        except LvzeError as error:
            raise NotExecutable(
                "decision", f"“{element.name or element.id}”作不出决策：{error}", element=element.id
            ) from error
        data[variable or decision] = found.value
        self.decided.append(Decided(element, decision, found))

    def outputs(self, element: Element, seen: Mapping[str, Any]) -> dict[str, Any]:
        return self._resolved(element, element.outputs, seen)

    def inputs(self, element: Element, seen: Mapping[str, Any]) -> dict[str, Any]:
        return self._resolved(element, element.inputs, seen)

    def _resolved(
        self, element: Element, texts: Mapping[str, str], seen: Mapping[str, Any]
    ) -> dict[str, Any]:
        warnings: list[str] = []
        found = {name: resolve(text, seen, self.context.now, warnings) for name, text in texts.items()}
        if warnings:
            self.warned.append(Warned(element.id, warnings))
        return found

    def activities(self, element: Element, seen: Mapping[str, Any], free: list[str]) -> list[str]:
        """Which activities of an ad-hoc sub-process open by themselves."""
        assert element.adhoc is not None and element.adhoc.activities is not None
        chosen = evaluate(element.adhoc.activities, seen, self.context.now)
        chosen = chosen if isinstance(chosen, list) else [chosen]
        unknown = [one for one in chosen if one not in free]
        if unknown:
            raise NotExecutable(
                "ad-hoc",
                f"“{element.name or element.id}”要启动的环节“{unknown[0]}”不在其中，可选：{'、'.join(free)}。",
                element=element.id,
            )
        return chosen

    # events

    def throw(self, element: Element, seen: Mapping[str, Any]) -> None:
        event = element.event
        assert event is not None
        data = self.inputs(element, seen)
        self.thrown.append(
            Thrown(element, event.kind, event.name or element.id, self._key(element, seen), data)
        )

    def escalate(self, element: Element, code: str | None, data: dict[str, Any]) -> None:
        self.escalated.append(Escalated(element, code, data))

    def _key(self, element: Element, seen: Mapping[str, Any]) -> str | None:
        assert element.event is not None
        value = resolve(element.event.correlation, seen, self.context.now)
        return None if value is None else str(value)

    def wait(self, element: Element, task: Task) -> None:
        """Note with a token what it waits for: ``due`` (and ``every``, ``left``), ``awaits`` with ``key``, or ``held``."""
        event = element.event
        assert event is not None
        own, seen = task.internal_data, task.workflow.seen(task)
        match event.kind:
            case "timer":
                own.update(self._schedule(element, seen))
            case "message" | "signal":
                own.update(awaits=event.kind, key=self._key(element, seen))
            case "conditional":
                own.update(held=False)

    def _schedule(self, element: Element, seen: Mapping[str, Any]) -> dict[str, Any]:
        kind, text = element.timer or ("", "")
        now = self.context.now
        if kind == "timeCycle":
            return _cycle(text, seen, now, element)
        found = _deadline(text, seen, now, element, self.context.calendar)
        if found.unknown_years:
            self.warned.append(Warned(element.id, [not_known(found.unknown_years)]))
        return {"due": found.moment.isoformat()}

    @staticmethod
    def following(own: Mapping[str, Any]) -> dict[str, Any] | None:
        """A cycle's next round, or None where there is none."""
        left, every = own.get("left"), own.get("every")
        if every is None or (left is not None and left <= 1):
            return None
        due = datetime.fromisoformat(own["due"]) + timedelta(seconds=every)
        return {"due": due.isoformat(), "every": every, "left": None if left is None else left - 1}


def _deadline(
    text: str, seen: Mapping[str, Any], now: datetime, element: Element, calendar: Calendar
) -> Deadline:
    """:raises NotExecutable: no date, time or length of time"""
    warnings: list[str] = []
    found = deadline(resolve(text, seen, now, warnings), now, calendar)
    if found is None:
        raise NotExecutable(
            "timer",
            "".join([f"“{element.name or element.id}”的时间“{text}”不是日期、时间或时长。", *warnings]),
            element=element.id,
        )
    return found


def _literal(text: str) -> str:
    """A timer's ISO 8601 text as a FEEL ``@`` literal."""
    return '@"' + text.strip().strip('"').replace('"', "") + '"'


def _cycle(text: str, data: Mapping[str, Any], now: datetime, element: Element) -> dict[str, Any]:
    """``R3/P1D`` or ``R/PT2H``, with or without a first moment in between: ``R3/2026-03-05T09:00:00Z/P1D``.

    As internal data: ``due`` (ISO text), the period ``every`` in seconds and the rounds ``left`` (None: no end).
    """
    warnings: list[str] = []
    value = resolve(text, data, now, warnings)
    parts = str(value).strip().strip('"').split("/")
    rounds = parts[0][1:]
    good = len(parts) in (2, 3) and parts[0].startswith("R") and (not rounds or rounds.isdecimal())
    span = evaluate(_literal(parts[-1]), {}, now) if good else None
    first = moment(evaluate(_literal(parts[1]), {}, now), now) if good and len(parts) == 3 else now
    if not isinstance(span, timedelta) or span <= timedelta(0) or first is None:
        raise NotExecutable(
            "timer",
            "".join([f"“{element.name or element.id}”的循环“{text}”应形如 R3/P1D。", *warnings]),
            element=element.id,
        )
    return {
        "due": (first if len(parts) == 3 else now + span).isoformat(),
        "every": int(span.total_seconds()),
        "left": int(rounds) if rounds else None,
    }
