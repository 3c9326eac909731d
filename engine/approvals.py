"""Approvals: a user task's result, by which a later step signs or seals, is an act that somebody did in this process.

A diagram may put any data in the place of such a result, and so may a message or a correction: what counts is the history.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.errors import NotAllowed
from engine.history import Event
from engine.instances import ProcessInstance
from engine.work_items import WorkItem


def require(session: Session, instance: ProcessInstance, result: Mapping[str, Any]) -> None:
    """The act of which this is the result was done: in the instance, or another one of the same family.

    :param result: of a user task (``lvze:result``): 操作人, 时间, and 经办人 where somebody else handed it in
    :raises NotAllowed: ``not-approved``
    """
    by, at = _person(result, "操作人"), result.get("时间")
    if by is not None and isinstance(at, datetime):
        family = instance.path.split("/")[1]
        acts = select(Event).where(
            Event.person_id.in_({by, _person(result, "经办人")} - {None}),
            Event.at == at,
            Event.code == "completed",
        )
        for act in session.scalars(acts):
            payload = act.payload or {}
            item = session.get(WorkItem, payload.get("work_item"))
            did = (
                (payload.get("signer") or {}).get("person") or act.person_id,
                payload.get("outcome"),
                payload.get("way"),
            )
            if item is None or did != (by, result.get("结果"), result.get("方式")):
                continue
            if session.get_one(ProcessInstance, item.instance_id).path.split("/")[1] == family:
                return
    raise NotAllowed(
        "not-approved",
        "authorization 里不是本流程中某个用户任务的办理结果，不能据此签署或用印；请把该任务“结果存入变量”的变量原样填进去。",
    )


def _person(result: Mapping[str, Any], role: str) -> int | None:
    found = result.get(role)
    person = found.get("person") if isinstance(found, Mapping) else None
    return int(person) if person is not None else None
