"""start 发起流程: starts another process, which then runs by itself; a call activity would wait for it.

Inputs: ``process`` (key), ``data`` (name -> value: the new instance's variables), ``business_key``, ``unit`` (id; the starter's own by
default).

The latest version is started, in the name of whoever started this instance, with ``initiator``, ``unit`` and ``今天`` beside ``data``. Its
start form is for people: nobody fills it in here, so ``data`` has to hold what the process reads. In the job's transaction: one
start, however often the job is tried.

Result: ``instance`` (id).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine import deployments, starting
from engine.clock import local
from engine.organisation import people, units
from engine.service_tasks import Operation


def run(
    context: Operation,
    *,
    process: str,
    data: Mapping[str, Any] | None = None,
    business_key: Any = None,
    unit: Any = None,
) -> dict[str, Any]:
    """:raises NotFound: no such process or unit"""
    session, own = context.session, context.instance
    day = local(context.at).date()
    given: dict[str, Any] = {"今天": day}
    if own.started_by_id is not None:
        person = people.get(session, own.started_by_id)
        given["initiator"] = {"person": person.id, "name": person.name}
    unit_id = own.unit_id if unit is None else int(unit)
    if unit_id is not None:
        found, name = units.get(session, unit_id), units.name_on(session, unit_id, day)
        given["unit"] = {
            "id": unit_id,
            "name": name.name,
            "short_name": name.short_name,
            "kind": found.kind,
        }
    started = starting.start(
        context.runtime,
        session,
        deployments.latest(session, process),
        {**given, **(data or {})},
        by=own.started_by_id,
        unit_id=unit_id,
        business_key=None if business_key is None else str(business_key),
        at=context.at,
    )
    return {"instance": started.id}
