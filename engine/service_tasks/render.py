"""render 成文: fills a Word template and enters the document with its places for signatures, before anybody is asked to sign.

Inputs for one document: ``template`` (file name), ``kind``, ``title``, ``data`` (what the template is filled with), ``slots``
(objects with ``slot``, ``kind`` 签名 or 印章, ``label``, ``capacity``, ``unit``), ``unit`` (whose document it is), ``number``
(发文字号). For many: ``template``, ``kind`` and ``each``, a list of objects with ``title``, ``data``, ``slots``, ``unit`` and ``item``.
A 印章 slot of a unit that owns no seal is left out; a slot's ``role`` (签发人, 审核人, 承诺人, 监督人) is told with the signature.
``order``: 依次, one slot after another, or 任意 (default).

The template also gets ``验真`` {码, 网址}: the document's code, which a new revision keeps.

``replaces``: what an earlier round rendered (ids or null). A document of the same title gets a new revision, which voids the
signatures on the former one; those that no longer occur are void.

``renews``: the document in whose place this one is issued (id, 换签). That one stays as it is, with its signatures.

``opinions``: true puts what people have decided in this instance so far into the data, as 审批: a list of {环节, 姓名, 职务, 意见, 决定,
日期, 加签}, for a 审批单. Whoever was added (加签) stands there too; he has no place in a file that is being signed.

Result: ``document`` (id) and ``digest`` of the one; of many ``documents`` (ids) and ``items``: each ``item`` with ``document``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import select

from engine import blobs, history, opinions
from engine.documents import classification, codes, docx, imprint, numbering, register, seals
from engine.documents.register import Document
from engine.documents.signature_lines import Line, insert_signature_lines
from engine.documents.slots import Slot
from engine.documents.templates import Template
from engine.errors import Conflict, Invalid
from engine.service_tasks import Operation

REASON = "退回修改后重新生成"


@dataclass(frozen=True, slots=True)
class _Rendered:
    title: str
    data: Mapping[str, Any]
    unit_id: int | None
    slots: list[Slot]
    base: bytes
    missing: str
    code: str
    classification: str | None


def prepare(context: Operation, *, template: str, **inputs: Any) -> list[_Rendered]:
    """Fill the templates.

    :raises Invalid: a field that the template needs is missing, or a slot has no place in it
    """
    compiled = Template.load(context.loaded.templates[template])
    former = {document.title: document for document in _former(context, inputs.get("replaces"))}
    told = {"审批": _approvals(context)} if inputs.get("opinions") is True else {}
    return [_render(context, compiled, wanted, former, told) for wanted in _wanted(inputs)]


def _approvals(context: Operation) -> list[dict[str, Any]]:
    steps = {one.id: one.name for one in context.loaded.process.model.elements.values()}
    return opinions.approvals(context.session, context.instance, steps)


def _wanted(inputs: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    each = inputs.get("each")
    return [inputs] if each is None else each


def _render(
    context: Operation,
    template: Template,
    wanted: Mapping[str, Any],
    former: Mapping[str, Document],
    told: Mapping[str, Any],
) -> _Rendered:
    asked = wanted.get("slots") or []
    units = {int(slot["unit"]) for slot in asked if slot.get("unit") is not None}
    diameters = seals.diameters(context.session, units, at=context.at)
    slots = [
        Slot(
            slot=slot["slot"],
            label=slot.get("label") or slot["slot"],
            capacity=slot.get("capacity") or "",
            unit_id=None if slot.get("unit") is None else int(slot["unit"]),
            kind=slot.get("kind") or "签名",
            role=slot.get("role") or None,
        )
        for slot in asked
        if slot.get("kind") != "印章" or int(slot["unit"]) in diameters
    ]
    title = str(wanted.get("title") or "")
    code = _revised(former.get(title), slots) or codes.draw()
    proof = codes.for_template(code, context.settings.public_url)
    data = {**(wanted.get("data") or {}), **told, "验真": proof}
    lines = [_line(slot, diameters) for slot in slots]
    unit = wanted.get("unit")
    filled = template.fill(data, partial(blobs.cached, context.session))
    base = imprint.placed(insert_signature_lines(filled, lines), context.renderer.render)
    return _Rendered(
        title=title,
        data=data,
        unit_id=None if unit is None else int(unit),
        slots=slots,
        base=base,
        missing=docx.missing_characters(base),
        code=code,
        classification=classification.require_approval(base, approval=context.settings.classified_approval),
    )


def _line(slot: Slot, diameters: Mapping[int, float]) -> Line:
    """A seal is stamped as large as it is."""
    across = diameters[slot.unit_id] / 25.4 * 72 if slot.kind == "印章" and slot.unit_id is not None else None
    return Line(slot.slot, suggested_title=slot.capacity or slot.label, width_pt=across, height_pt=across)


def _revised(former: Document | None, slots: list[Slot]) -> str | None:
    """The code of the document of which this is a new revision."""
    return former.code if former is not None and _same_places(former, slots) else None


def _same_places(former: Document, slots: list[Slot]) -> bool:
    return [slot.slot for slot in former.slots] == [slot.slot for slot in slots]


def run(
    context: Operation,
    *,
    template: str,
    kind: str = "文件",
    number: str | None = None,
    replaces: Any = None,
    renews: Any = None,
    order: str = "任意",
    each: list[Mapping[str, Any]] | None = None,
    **_: Any,
) -> dict[str, Any]:
    """Enter what ``prepare`` rendered.

    :raises Invalid: ``number-shared``: one 发文字号 for many documents
    """
    if each is not None and number is not None:
        raise Invalid(
            "number-shared", "一个发文字号只能用于一份文件，成批生成的文件不能共用；请去掉 number。"
        )
    if order not in ("依次", "任意"):
        raise Invalid("signing-order", f"签署顺序只能是“依次”或“任意”，不能是“{order}”。请修改流程图。")
    digest = Template.load(context.loaded.templates[template]).digest
    former = {document.title: document for document in _former(context, replaces)}
    documents = [
        _enter(context, rendered, kind, number, digest, former.pop(rendered.title, None), renews, order)
        for rendered in context.prepared
    ]
    for document, rendered in zip(documents, context.prepared, strict=True):
        if rendered.missing:
            document.revision.missing = rendered.missing[:500]
    for left in former.values():
        register.void(context.session, left.id, reason=REASON, at=context.at)
    if number is not None:
        _attach(context, number, documents[0])
    if each is None:
        return {"document": documents[0].id, "digest": documents[0].digest}
    items = [
        {**(wanted.get("item") or {}), "document": document.id}
        for wanted, document in zip(each, documents, strict=True)
    ]
    return {"documents": [document.id for document in documents], "items": items}


def _former(context: Operation, replaces: Any) -> list[Document]:
    ids = replaces if isinstance(replaces, list) else [replaces]
    found = register.documents(context.session, [int(one) for one in ids if one is not None])
    return [document for document in found if document.voided_at is None]


def _enter(
    context: Operation,
    rendered: _Rendered,
    kind: str,
    number: str | None,
    template_digest: str,
    former: Document | None,
    renews: Any,
    order: str,
) -> Document:
    session, at = context.session, context.at
    act = {
        "by": history.last_actor(session, context.instance.stream),
        "event_seq": context.instance.event_seq,
    }
    if former is not None and _same_places(former, rendered.slots):
        former.data, former.code, former.number = rendered.data, rendered.code, number
        former.classification, former.ordered = rendered.classification, order == "依次"
        try:
            register.add_revision(session, former.id, base=rendered.base, reason=REASON, at=at, **act)
        except Conflict as conflict:
            if conflict.code != "nothing-changed":
                raise
        return former
    if former is not None:
        register.void(session, former.id, reason=REASON, at=at)
    return register.create(
        session,
        instance_id=context.instance.id,
        kind=kind,
        title=rendered.title,
        unit_id=rendered.unit_id,
        template_digest=template_digest,
        data=rendered.data,
        base=rendered.base,
        slots=rendered.slots,
        ordered=order == "依次",
        classification=rendered.classification,
        number=number,
        code=rendered.code,
        replaces_id=former.id if former is not None else None if renews is None else int(renews),
        at=at,
        **act,
    )


def _attach(context: Operation, number: str, document: Document) -> None:
    """Say in the register of numbers which document carries this one.

    :raises Conflict: ``number-taken``: another one has it, or it is cancelled
    """
    row = numbering.DocumentNumber
    found = context.session.scalar(
        select(row).where(row.text == number).order_by(row.cancelled_at.is_not(None), row.id.desc()).limit(1)
    )
    if found is not None:
        numbering.attach(context.session, found, document_id=document.id, at=context.at)
