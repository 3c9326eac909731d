"""Starting: who may start a process, what he is asked, and the instance's first step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from engine import assignment, forms, renewals, stepping
from engine.bpmn.model import Model, resolve
from engine.clock import local
from engine.deployments import Loaded, ProcessDefinition
from engine.errors import Conflict, Invalid, NotAllowed
from engine.history import GENESIS, Entry
from engine.instances import ProcessInstance
from engine.organisation import people
from engine.organisation.units import Unit
from engine.runtime import Runtime


@dataclass(frozen=True, slots=True)
class StartForm:
    """What a person is asked before an instance starts.

    :ivar units: the units for which he may start it; empty for a process that members start for themselves
    """

    definition: ProcessDefinition
    form: forms.Form | None
    units: list[Unit]
    data: dict[str, Any]


def start_form(session: Session, loaded: Loaded, by: int, on: date) -> StartForm:
    """:raises NotAllowed: the person may not start it"""
    found = assignment.starting_units(session, loaded, by, on)
    if found is None:
        raise NotAllowed("may-not-start", f"您不能发起“{loaded.definition.name}”。")
    start = loaded.process.model.start
    person = people.get(session, by)
    data: dict[str, Any] = {"initiator": {"person": by, "name": person.name}, "今天": on}
    if start.renews is not None:
        ledger, variable = start.renews
        data[variable] = renewals.choices(session, loaded.ledgers[ledger], {u.id for u in found}, on)
    return StartForm(loaded.definition, loaded.forms.get(start.form) if start.form else None, found, data)


def start_by(
    runtime: Runtime,
    session: Session,
    definition: ProcessDefinition,
    data: Mapping[str, Any],
    *,
    by: int,
    unit_id: int | None,
    business_key: str | None,
    at: datetime,
) -> ProcessInstance:
    """Start an instance for a person, who must be one of its starters.

    :raises NotAllowed: he may not
    :raises Invalid: the start form has errors, or it is not clear for which unit
    """
    loaded = runtime.definitions.get(session, definition.id)
    asked = start_form(session, loaded, by, local(at).date())
    chosen = [unit for unit in asked.units if unit_id in (None, unit.id)]
    if not chosen:
        raise NotAllowed("not-your-unit", "您不能代表这个党组织发起该流程。", unit=unit_id)
    if len(chosen) > 1:
        message = "请选择以哪个党组织的名义发起。"
        raise Invalid("which-unit", message, {"unit": message})
    (unit,) = chosen
    variables = {
        **asked.data,
        "unit": {"id": unit.id, "name": unit.name, "short_name": unit.short_name, "kind": unit.kind},
    }
    cleaned = asked.form.clean(data, variables, now=at) if asked.form is not None else {}
    if (renews := loaded.process.model.start.renews) is not None:
        offered = variables[renews[1]]
        variables[renews[1]] = [one for one in offered if one["entry"] in cleaned.values()]
    return start(
        runtime,
        session,
        definition,
        {**variables, **cleaned},
        by=by,
        unit_id=unit.id,
        business_key=business_key,
        at=at,
    )


def start_at(
    runtime: Runtime,
    session: Session,
    definition: ProcessDefinition,
    element_id: str,
    payload: Mapping[str, Any],
    *,
    cause: Entry,
    business_key: str | None,
    at: datetime,
) -> ProcessInstance:
    """Start an instance at one of its process's start events, which takes what it declares from the payload.

    :param cause: what set it off, the first line of its history
    :param business_key: for a process that names none itself
    """
    loaded = runtime.definitions.get(session, definition.id)
    model = loaded.process.model
    element = model.elements[element_id]
    seen = {"今天": local(at).date()}
    data = {
        **seen,
        **{name: resolve(text, {**seen, **payload}, at) for name, text in element.outputs.items()},
    }
    own = business_key if model.business_key is None else None
    return start(
        runtime,
        session,
        definition,
        data,
        by=None,
        unit_id=None,
        business_key=own,
        at=at,
        cause=replace(cause, element_id=element_id),
        payload=payload,
    )


def start(
    runtime: Runtime,
    session: Session,
    definition: ProcessDefinition,
    data: Mapping[str, Any],
    *,
    by: int | None,
    unit_id: int | None,
    business_key: str | None,
    at: datetime,
    cause: Entry | None = None,
    payload: Mapping[str, Any] | None = None,
) -> ProcessInstance:
    """Start a new top-level instance and run it to its first waiting points.

    :param cause: what set off the start event ``cause.element_id``; None for the start event without a trigger
    :param payload: what its message or signal brought
    :raises Conflict: the process wants its business keys to be unique, and one of that key is running
    :raises Invalid: the business key is longer than 200 characters
    """
    loaded = runtime.definitions.get(session, definition.id)
    model = loaded.process.model
    business_key = business_key or _text(resolve(model.business_key, data, at))
    if business_key is not None and len(business_key) > 200:
        raise Invalid("long-key", "业务编号最多 200 个字，请改短。")
    instance = ProcessInstance(
        definition_id=definition.id,
        scope=model.key,
        title=str(resolve(model.title, data, at) or model.name)[:500],
        business_key=business_key,
        unique_key=_unique(model, business_key),
        path="",
        unit_id=unit_id,
        started_by_id=by,
        started_at=at,
        event_seq=0,
        event_hash=GENESIS,
    )
    session.add(instance)
    try:
        session.flush()
    except IntegrityError as error:
        if instance.unique_key is None:
            raise
        raise _taken(model, business_key) from error
    instance.path = f"/{instance.id}/"
    stepping.begin(runtime, session, loaded, instance, data, by=by, at=at, cause=cause, payload=payload)
    return instance


def _unique(model: Model, business_key: str | None) -> str | None:
    """What no two running instances may have in common: the database sees to it."""
    return f"{model.key}:{business_key}" if model.unique_business_key and business_key is not None else None


def _taken(model: Model, business_key: str | None) -> Conflict:
    sentence = f"“{model.name}”已有一个业务编号为“{business_key}”的流程正在办理，不能重复发起；请等它办结，或换一个编号。"
    return Conflict("business-key", sentence, key=business_key)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
