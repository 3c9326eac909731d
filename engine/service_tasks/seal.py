"""seal 用印: puts a unit's seal on documents, with a line in its 用印登记.

Inputs: ``documents`` (ids), ``slot``, ``unit`` (id), ``authorization`` (the result variable of the user task that approved it).

The diagram is the permission: whoever completed that task approved the use, and the register names him. Documents without the slot
(units without a seal have none) and those sealed already are left as they are.

Result: ``sealed``, how many were sealed now.
"""

from __future__ import annotations

from typing import Any

from engine.clock import local
from engine.documents import register
from engine.organisation import units
from engine.service_tasks import Operation


def run(
    context: Operation,
    *,
    documents: Any,
    slot: str,
    unit: Any,
    authorization: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """:raises NotFound: no such unit or document"""
    unit_id = int(unit)
    name = units.name_on(context.session, unit_id, local(context.at).date()).name
    approved_by = ((authorization or {}).get("操作人") or {}).get("person")
    ids = [int(one) for one in (documents if isinstance(documents, list) else [documents])]
    sealed = 0
    for document in register.documents(context.session, ids):
        place = next((one for one in document.slots if one.slot == slot), None)
        if place is not None and place.signature is None:
            sealed += register.seal(
                context.session,
                document_id=document.id,
                slot=slot,
                unit_id=unit_id,
                unit_name=name,
                person_id=None if approved_by is None else int(approved_by),
                reason=f"《{document.title}》用印"[:200],
                passphrase=context.settings.passphrase,
                at=context.at,
            )
    return {"sealed": sealed}
