"""Completion: what a person is shown at a work item, and what he hands in: form, opinion, signature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from engine import (
    additions,
    assignment,
    claims,
    deadlines,
    finished_pdfs,
    forms,
    instances,
    opinions,
    reading,
    votes,
    work_items,
)
from engine.bpmn.model import Element, evaluate, resolve
from engine.claims import Act, open_for
from engine.clock import local
from engine.deployments import Loaded, ProcessDefinition
from engine.documents import register, signatures
from engine.errors import Invalid, NotAllowed
from engine.handing_on import hand_on, variables
from engine.history import Entry
from engine.instances import ProcessInstance
from engine.organisation.people import Person
from engine.organisation.units import Unit
from engine.runtime import Runtime
from engine.work_items import WorkItem, ids, shown_documents


@dataclass(frozen=True, slots=True)
class Completion:
    """What a completion did.

    :ivar work_item: the closed item
    :ivar ended: its instance has come to its end
    """

    work_item: WorkItem
    instance: ProcessInstance
    ended: bool


def complete(
    runtime: Runtime,
    session: Session,
    work_item_id: int,
    *,
    by: int,
    data: Mapping[str, Any],
    opinion: str | None,
    signed: signatures.Prepared | Invalid | None,
    at: datetime,
) -> Completion:
    """Hand in an item: form, opinion and signature checked, the token moved, all in the caller's transaction.

    :param signed: what ``prepare_signature`` made before the transaction, where the task asks for a signature; what it
        found wrong is told together with what is wrong in the form
    :raises Invalid: the form has errors (``errors`` by field), an opinion or a signature is missing
    :raises NotAllowed: not this person's, or he may only hand in a signature on paper
    :raises Conflict: already closed, claimed by somebody else, or somebody was faster
    """
    item, instance, eligibility = open_for(session, work_item_id, by, at)
    loaded = runtime.definitions.get(session, instance.definition_id)
    element = loaded.process.model.elements[item.element_id]
    if item.origin_id is not None:
        act = Act(item, instance, element, eligibility)
        ended = additions.complete(runtime, session, act, data=data, opinion=opinion, at=at)
        return Completion(item, instance, ended)
    before = variables(runtime, session, loaded, instance, item)
    warnings: list[str] = []
    results = check(loaded, element, before, data, opinion, signed, at, warnings)
    assert not isinstance(signed, Invalid)
    votes.admit(item, element, eligibility, opinion)
    secret = element.vote is not None and element.vote.secret
    signer = eligibility
    if eligibility.attests:
        if signed is None:
            raise _only_signed()
        signer = _signer(session, item, signed.authorization["person"], at)
    entry = Entry(
        "completed",
        {
            "work_item": item.id,
            "title": item.title,
            "data": {} if secret else results,
            "chosen": loaded.forms[element.form].chosen(results) if element.form and not secret else [],
            "opinion": opinion,
            "documents": opinions.shown(session, item.id) if opinion else [],
            "outcome": signed.outcome if signed else None,
            "way": signed.way if signed else None,
            "signer": {"person": signer.person_id, "name": signer.name} if eligibility.attests else None,
            "for": eligibility.on_behalf_of,
        },
        by,
        eligibility.post,
        item.element_id,
    )
    log = [
        entry,
        *(
            [Entry("warned", {"warnings": warnings}, element_id=item.element_id)]
            if warnings and not secret
            else []
        ),
    ]
    if element.result:
        authorization = signed.authorization if signed else None
        results[element.result] = {
            "操作人": {"person": signer.person_id, "name": signer.name},
            "职务": (authorization or {}).get("capacity") or signer.post,
            "时间": local(at),
            "日期": local(at).date(),
            "意见": opinion,
            "结果": signed.outcome if signed else None,
            "方式": signed.way if signed else None,
            "经办人": {"person": by, "name": eligibility.name} if signed and signed.way == "纸质" else None,
            "理由": signed.reason if signed else None,
            "签名": authorization,
        }
    item.closed_at, item.closing, item.completed_by_id, item.draft = at, "completed", by, None
    deadlines.forget(session, element, item.id)
    if signed is not None:
        signatures.store(session, signed, work_item_id=item.id, at=at)
        finished_pdfs.enqueue(session, signed.revisions, at)
    if additions.hold(session, item, results):
        claims.log_all(session, item, instance, log, at)
        return Completion(item, instance, ended=False)
    return Completion(item, instance, hand_on(runtime, session, instance, item, results, log, at=at))


def check(
    loaded: Loaded,
    element: Element,
    before: Mapping[str, Any],
    data: Mapping[str, Any],
    opinion: str | None,
    signed: signatures.Prepared | Invalid | None,
    at: datetime,
    warnings: list[str] | None = None,
) -> dict[str, Any]:
    """The cleaned results of a completion.

    :param warnings: takes why a condition for an opinion or a signature has no value, where an error of it is the reason
    :raises Invalid: by field; ``_opinion`` and ``_signature`` stand for the parts outside the form
    """
    errors: dict[str, str] = {}
    results: dict[str, Any] = {}
    if element.form:
        try:
            results = loaded.forms[element.form].clean(data, before, now=at)
        except Invalid as invalid:
            errors.update(invalid.errors)
    asked = _asks(element, {**before, **results}, at, warnings) if not errors else None
    if asked and asked.opinion and not (opinion or "").strip():
        errors["_opinion"] = "请填写意见。"
    if isinstance(signed, Invalid):
        errors.update(signed.errors or {"_signature": str(signed)})
    elif asked and asked.signature and signed is None and not errors:
        errors["_signature"] = "请签名，或说明不签的结果与理由。"
    if errors:
        raise Invalid("form", "有内容需要更正：" + "；".join(dict.fromkeys(errors.values())), errors)
    return results


@dataclass(frozen=True, slots=True)
class View:
    """A work item for the person who opens it.

    :ivar eligibility: how he may act, or None when he may only read
    :ivar documents: what is shown beside the form; the ones to be signed among them
    :ivar signing: the documents that his completion signs, with the slot and the printed capacity; None when it signs nothing
    :ivar draft: what he typed earlier and has not handed in
    :ivar added: those who were added to it (加签, 委派) and have not acted yet
    :ivar vote: the vote in which it is a ballot, the rule of its opening with it
    :ivar signers: those of whom he may hand in a signature on paper, where that is all he may do
    """

    item: WorkItem
    instance: ProcessInstance
    definition: ProcessDefinition
    element: Element
    form: forms.Form | None
    data: dict[str, Any]
    draft: dict[str, Any] | None
    documents: list[register.Document]
    signing: Request | None
    eligibility: assignment.Eligibility | None
    candidates: list[tuple[assignment.Candidate, Person | None, Unit | None]]
    owner: Person | None
    signers: list[assignment.Eligibility]
    added: list[additions.Signer]
    vote: votes.Vote | None

    @property
    def fills(self) -> bool:
        """Does the person fill in the form? Whoever was added reads it and writes an opinion; who prepares the item (委派) fills it in."""
        return self.item.addition in (None, "delegated")

    @property
    def watched(self) -> frozenset[str]:
        """The form's fields whose values change what is shown, or what is asked beside the form."""
        if self.form is None:
            return frozenset()
        asked = (self.element.opinion_required, self.element.signature and self.element.signature.required)
        return self.form.watched | self.form.named(one.removeprefix("=") for one in asked if one)

    def asks(self, raw: Mapping[str, Any] | None, at: datetime) -> Asks:
        """What a completion with these answers has to bring beside the form."""
        if self.item.origin_id is not None:
            return Asks(opinion=True, signature=False)
        answers = self.data if self.form is None else self.form.so_far(self.data, raw, now=at)
        return _asks(self.element, answers, at)


@dataclass(frozen=True, slots=True)
class Asks:
    """Whether a completion has to bring an opinion, and a signature."""

    opinion: bool
    signature: bool


def _asks(
    element: Element, answers: Mapping[str, Any], at: datetime, warnings: list[str] | None = None
) -> Asks:
    def holds(condition: str | None) -> bool:
        return condition is not None and (
            condition == "true" or evaluate(condition, answers, at, warnings) is True
        )

    signature = element.signature
    return Asks(
        opinion=holds(element.opinion_required),
        signature=signature is not None and (signature.required is None or holds(signature.required)),
    )


@dataclass(frozen=True, slots=True)
class Request:
    """A signature that a completion has to carry an outcome for."""

    slot: str
    capacity: str | None
    documents: list[int]


def view(runtime: Runtime, session: Session, work_item_id: int, by: int, at: datetime) -> View:
    """:raises NotFound: no such item, or not for this person to know of"""
    item = work_items.get(session, work_item_id)
    on = local(at).date()
    eligibility = assignment.eligibility(session, item.id, by, on)
    instance = instances.get(session, item.instance_id)
    if (eligibility is None and item.completed_by_id != by) or instance.deleted_at is not None:
        reading.require_instance(session, item.instance_id, by, on)
    loaded = runtime.definitions.get(session, item.version_of(instance))
    element = loaded.process.model.elements[item.element_id]
    data = variables(runtime, session, loaded, instance, item)
    signing = request(element, data, eligibility, at) if item.origin_id is None else None
    free = item.closed_at is None and item.asleep_at is None and not claims.taken(session, item, by, on)
    return View(
        item,
        instance,
        loaded.definition,
        element,
        loaded.forms.get(element.form) if element.form else None,
        data,
        (item.draft or {}).get(str(by)),
        register.documents(session, shown_documents(element, data, at)),
        signing,
        eligibility if free else None,
        assignment.candidates(session, item.id, on),
        session.get(Person, item.owner_id) if item.owner_id is not None else None,
        assignment.signers(session, item.id, on) if eligibility is not None and eligibility.attests else [],
        additions.signers_of(session, [item.id]).get(item.id, []),
        None
        if element.vote is None or item.fanout_id is None or item.origin_id is not None
        else session.get(votes.Vote, item.fanout_id),
    )


def request(
    element: Element, data: Mapping[str, Any], who: assignment.Eligibility | None, at: datetime
) -> Request | None:
    """The signature that an element asks of whoever completes it; his post's capacity where the diagram names none."""
    if element.signature is None:
        return None
    capacity = resolve(element.signature.capacity, data, at)
    if not capacity and who is not None and not who.attests:
        capacity = who.post
    if capacity and who is not None and who.on_behalf_of is not None:
        capacity = f"{capacity}（代）"  # whoever signs in another's place says so in print
    documents = ids(resolve(element.signature.document or None, data, at))
    return Request(element.signature.slot, str(capacity) if capacity else None, documents)


def _signer(session: Session, item: WorkItem, person: int | None, at: datetime) -> assignment.Eligibility:
    """Whose signature on paper is handed in.

    :raises Invalid: nobody is named, or somebody who may not sign the item today
    """
    signer = assignment.signer(session, item.id, person, local(at).date())
    if signer is None:
        sentence = "请选择在纸上签名的人；只能是此刻应当签署的人。"
        raise Invalid("signer", sentence, {"_signer": sentence})
    return signer


def _only_signed() -> Invalid:
    sentence = "代交的只能是本人已在纸上签了名的；退回、拒签或无法签，请由本人办理。"
    return Invalid("attests-only", sentence, {"_outcome": sentence})


def prepare_signature(
    runtime: Runtime,
    session: Session,
    work_item_id: int,
    by: int,
    data: Mapping[str, Any],
    signature: signatures.Signing,
    at: datetime,
) -> signatures.Prepared | None:
    """The cryptography of a completion's signature, before its transaction.

    :raises Invalid: the outcome is unknown, or its reason, witness, handwriting, scan or signer is missing
    :raises NotAllowed: he may only hand in a signature on paper
    """
    item, instance, eligibility = open_for(session, work_item_id, by, at)
    loaded = runtime.definitions.get(session, instance.definition_id)
    element = loaded.process.model.elements[item.element_id]
    before = variables(runtime, session, loaded, instance, item)
    signer = eligibility
    signature = replace(signature, attested_by=by if signature.way == "纸质" else None)  # whoever hands it in
    if eligibility.attests:
        if signature.outcome != "已签":
            raise _only_signed()
        if signature.way != "纸质":
            sentence = f"您只能代交“{item.title}”的纸质签名件，不能代为电子签名；请上传本人签字的扫描件。"
            raise NotAllowed("attests-only", sentence, id=work_item_id)
        signer = _signer(session, item, signature.signer, at)
    elif signature.signer not in (None, by):
        sentence = "这一事项由您本人签署，不能填写别的签名人。"
        raise Invalid("signer", sentence, {"_signer": sentence})
    asked = request(element, before, signer, at)
    if asked is None or element.signature is None or item.origin_id is not None:
        return None
    if element.signature.required is not None and element.form is not None:
        try:
            results = loaded.forms[element.form].clean(data, before, now=at)
        except Invalid:
            return None  # the completion itself says what is wrong, field by field
        if not _asks(element, {**before, **results}, at).signature:
            return None
    if eligibility.vacancy and signature.outcome == "已签":
        sentence = "岗位空缺，您只是代为处理，不能替这个党组织签署；请记为“无法签”并说明理由，或等任命后由新任职人员签署。"
        raise Invalid("vacancy", sentence, {"_outcome": sentence})
    if element.signature.deferred:
        signatures.require_shown(session, asked.documents, signature)
    return signatures.prepare(
        session,
        signature,
        documents=[] if element.signature.deferred else asked.documents,
        slot=asked.slot,
        capacity=asked.capacity or "",
        person_id=signer.person_id,
        name=signer.name,
        passphrase=runtime.settings.passphrase,
        at=at,
    )
