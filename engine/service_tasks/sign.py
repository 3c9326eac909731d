"""sign 签署: signs a batch with the consent that one person gave, or records that a slot will not be signed.

Inputs: ``documents`` (ids), ``slot``, ``authorization`` (the result variable of the user task in which the signer consented).
With ``outcome`` 逾期 and ``reason``, nobody signs: the slot's outcome is recorded.

Documents whose slot has an outcome already are left as they are, so a repeated run changes nothing.

Result: ``signed``, how many were signed or recorded now.
"""

from __future__ import annotations

from typing import Any

from engine import approvals, finished_pdfs
from engine.documents import register, signatures
from engine.errors import Conflict, Invalid, NotAllowed
from engine.service_tasks import Operation


def run(
    context: Operation,
    *,
    documents: Any,
    slot: str,
    authorization: dict[str, Any] | None,
    outcome: str = "已签",
    reason: str | None = None,
) -> dict[str, Any]:
    """:raises Invalid: nobody has consented
    :raises NotAllowed: ``not-approved``: the consent is nobody's act in this process
    :raises Conflict: a document changed after the consent
    """
    ids = [int(one) for one in (documents if isinstance(documents, list) else [documents])]
    found = register.documents(context.session, ids)
    open_ones = [one.revision.id for one in found if one.slot(slot).signature is None]
    if outcome != "已签":
        signed = _record(context, ids, slot, outcome, reason)
        finished_pdfs.enqueue(context.session, open_ones, context.at)
        return {"signed": signed}
    consent = (authorization or {}).get("签名")
    if not consent:
        raise Invalid("no-consent", "没有签署人的授权，不能签署；请检查流程图中签署步骤的 authorization。")
    assert authorization is not None
    approvals.require(context.session, context.instance, authorization)
    told = (authorization["操作人"]["person"], authorization["结果"], authorization["方式"])
    if (consent["person"], consent["outcome"], consent["way"]) != told:
        raise NotAllowed("not-approved", "授权里的签名不是办理该任务的人当时所签，不能据此签署。")
    for document in found:
        if document.revision.created_at > consent["at"]:
            raise Conflict("document-changed", f"《{document.title}》在授权之后有了改动，须重新签署。")
    signed = signatures.sign(
        context.session,
        documents=ids,
        slot=slot,
        authorization=consent,
        passphrase=context.settings.passphrase,
        at=context.at,
    )
    finished_pdfs.enqueue(context.session, open_ones, context.at)
    return {"signed": signed}


def _record(context: Operation, ids: list[int], slot: str, outcome: str, reason: str | None) -> int:
    open_ones = [
        place
        for document in register.documents(context.session, ids)
        if (place := document.slot(slot)).signature is None
    ]
    for place in open_ones:
        signatures.record(
            context.session,
            document_id=place.document_id,
            slot=slot,
            outcome=outcome,
            signer=place.capacity or place.label,
            capacity=place.capacity,
            reason=reason or outcome,
            at=context.at,
        )
    return len(open_ones)
