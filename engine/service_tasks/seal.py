"""seal 用印: puts a unit's seal on documents, with a line in its 用印登记.

Inputs: ``documents`` (ids), ``slot``, ``unit`` (id), ``authorization`` (the result variable of the user task that approved it),
``copies`` (份数: how many are printed and stamped, for the register; default 1).

No seal is used unattended: that task was completed in this process (``engine.approvals``), and whoever did has to be a keeper of the
unit's seal at that moment (``seals.KEEPERS``), or to act for one; the register names him. A diagram alone permits nothing, lest a
designer could seal in any unit's name. Documents without the slot (units without a seal have none) and those sealed already are left
as they are.

Result: ``sealed``, how many were sealed now.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from engine import approvals, finished_pdfs
from engine.clock import local
from engine.documents import register, seals, signatures
from engine.errors import NotAllowed
from engine.organisation import delegation, units
from engine.service_tasks import Operation


def run(
    context: Operation,
    *,
    documents: Any,
    slot: str,
    unit: Any,
    authorization: dict[str, Any] | None = None,
    copies: Any = 1,
) -> dict[str, Any]:
    """:raises NotFound: no such unit or document
    :raises NotAllowed: nobody approved it (``seal-without-approval``, ``not-approved``), or somebody who may not use this seal
    """
    unit_id = int(unit)
    name = units.name_on(context.session, unit_id, local(context.at).date()).name
    ids = [int(one) for one in (documents if isinstance(documents, list) else [documents])]
    sealed, open_ones = 0, []
    for document in register.documents(context.session, ids):
        place = next((one for one in document.slots if one.slot == slot), None)
        if place is not None and place.signature is None:
            open_ones.append(document.revision.id)
            approved_by = _approved(context, authorization or {}, unit_id, name)
            sealed += signatures.seal(
                context.session,
                document_id=document.id,
                slot=slot,
                unit_id=unit_id,
                unit_name=name,
                person_id=approved_by,
                reason=f"《{document.title}》用印"[:200],
                applicant=context.instance.started_by_id,
                copies=int(copies or 1),
                passphrase=context.settings.passphrase,
                at=context.at,
            )
    finished_pdfs.enqueue(context.session, open_ones, context.at)
    return {"sealed": sealed}


def _approved(context: Operation, authorization: dict[str, Any], unit_id: int, name: str) -> int:
    """Who approved it."""
    person = (authorization.get("操作人") or {}).get("person")
    at = authorization.get("时间")
    moment = at if isinstance(at, datetime) else context.at
    if person is None:
        raise NotAllowed(
            "seal-without-approval",
            f"{name}的印章不能自动使用：请在用印之前安排用户任务，由{'、'.join(seals.KEEPERS)}或获得用印授权的人员批准，"
            "并把它的办理结果填进 authorization。",
            unit=unit_id,
        )
    approvals.require(context.session, context.instance, authorization)
    for one in (int(person), *delegation.acts_for(context.session, int(person), local(moment).date())):
        with suppress(NotAllowed):
            seals.require_keeper(context.session, unit_id=unit_id, person_id=one, at=moment)
            return int(person)
    raise NotAllowed(
        "not-the-seal-keeper",
        f"批准用印的人不是{name}的{'、'.join(seals.KEEPERS)}，也没有用印授权，不能用这枚印章。",
        unit=unit_id,
    )
