"""Effects: what moving a token takes away. A preview computes them from the very step that the act then takes, and throws it away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from engine import fanout, history, nudges
from engine.bpmn.execution import Action, Context, Jump, Passed, Process, Reopen, Restart, Step
from engine.clock import local
from engine.deployments import Loaded
from engine.documents import numbering, register, signatures
from engine.documents.numbering import DocumentNumber
from engine.documents.register import Document
from engine.documents.slots import Signature, SignatureSlot
from engine.fanout import Fanout
from engine.instances import ProcessInstance
from engine.jobs import Job
from engine.organisation import people
from engine.runtime import Runtime
from engine.work_items import WorkItem

#: operations that leave no trace outside their documents and variables; what the others did stays done
HARMLESS = frozenset({"render", "pdf", "sign", "lookup", "seal", "number"})


@dataclass(frozen=True, slots=True)
class ItemEnded:
    """An open work item that goes, with the names of those who have it in hand."""

    work_item_id: int
    title: str
    persons: list[str]


@dataclass(frozen=True, slots=True)
class SignatureVoided:
    signature_id: int
    document_id: int
    document: str
    slot: str
    signer: str
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class Remains:
    """What a service task did that is not taken back by itself (不会自动收回): a ledger entry, a message sent."""

    element_id: str
    name: str
    operation: str


@dataclass(frozen=True, slots=True)
class Effects:
    """What one move takes away, voids and leaves.

    :ivar items: open work items that go; whoever moves the token does so from his own, which is not among them
    :ivar children: running instances below that are cancelled
    :ivar timers: timers that fire no more
    :ivar running: names of service tasks under way that are stopped
    :ivar documents: those that the undone part rendered, and that are void with it
    :ivar kept: those that it rendered, and that a new rendering will replace (``replaces``)
    :ivar signatures: those that are voided
    :ivar numbers: 发文字号 that the undone part took: the same step takes them again
    :ivar remains: what is not taken back by itself
    :ivar opens: names of the steps at which the process then stands
    """

    items: list[ItemEnded]
    children: int
    timers: int
    running: list[str]
    documents: list[Document]
    kept: list[Document]
    signatures: list[SignatureVoided]
    numbers: list[DocumentNumber]
    remains: list[Remains]
    opens: list[str]


def of(
    runtime: Runtime,
    session: Session,
    instance: ProcessInstance,
    action: Action,
    at: datetime,
    *,
    without: int | None = None,
    handed_in: Sequence[int] = (),
) -> Effects:
    """What an action on an instance would do; changes nothing.

    :param without: the work item from which the token is moved
    :param handed_in: items handed in and held back, whose tokens are undone
    :raises NotExecutable: it cannot be done
    """
    loaded = runtime.definitions.get(session, instance.definition_id)
    assert instance.state is not None
    context = Context(at, loaded.decide, fanout.given(runtime, session, instance))
    step = loaded.process.advance(instance.scope, instance.state, action, context)
    goes = [*step.cancelled, *step.unscheduled]
    open_ones = list(
        session.scalars(
            select(Fanout).where(
                Fanout.instance_id == instance.id,
                Fanout.task_id.in_(step.cancelled),
                Fanout.closed_at.is_(None),
            )
        )
    )
    done = undone(loaded.process, instance, action, step)
    elements = {one.element_id for one in done} | _repeated(loaded.process, instance, action)
    tasks = {one.task_id for one in done}
    closed = list(
        session.scalars(
            select(Fanout).where(
                Fanout.instance_id == instance.id,
                Fanout.closed_at.is_not(None),
                or_(
                    Fanout.task_id.in_(tasks), Fanout.element_id.in_(elements - {o.element_id for o in done})
                ),
            )
        )
    )
    below_open = _below(instance, open_ones)
    below = _below(instance, [*open_ones, *closed])
    items = _items(session, instance, step, open_ones, below_open, without, at)
    jobs = session.execute(
        select(Job.kind, Job.element_id, Job.instance_id).where(
            or_(
                (Job.instance_id == instance.id) & Job.task_id.in_(goes),
                Job.instance_id.in_(select(ProcessInstance.id).where(below_open)),
            ),
            Job.kind.in_(("timer", "operation")),
        )
    ).all()
    children = session.scalar(
        select(func.count())
        .select_from(ProcessInstance)
        .where(below_open, ProcessInstance.ended_at.is_(None))
    )
    documents = _documents(session, instance, elements, below)
    kept = [one for one in documents if _replaced(loaded, one, instance)]
    voided = [one for one in documents if one not in kept]
    return Effects(
        items,
        children or 0,
        sum(kind == "timer" for kind, _, _ in jobs),
        [_name(runtime, session, where, element) for kind, element, where in jobs if kind == "operation"],
        voided,
        kept,
        _signatures(session, instance, tasks, elements, [*open_ones, *closed], below, documents, handed_in),
        numbering.taken_by(session, instance.id, elements),
        _remains(session, loaded, instance, elements),
        [one.element.name or one.element.id for one in step.opened],
    )


def undone(process: Process, instance: ProcessInstance, action: Action, step: Step) -> set[Passed]:
    """The completions that were on a live token's way and are on none any more."""
    assert instance.state is not None
    match action:
        case Reopen(element_id, task_id, direct_from) if direct_from is not None:
            return {Passed(element_id, task_id)}  # what lay between stands, and is come back to
        case Jump():
            return set()
    return _ways(process, instance.scope, instance.state) - _ways(process, instance.scope, step.state)


def _ways(process: Process, scope: str, state: str) -> set[Passed]:
    live = process.standing(scope, state)
    return {passed for task in live for passed in process.trail(scope, state, task)}


def _repeated(process: Process, instance: ProcessInstance, action: Action) -> set[str]:
    """The elements that will have to be done again, wherever the tokens are that did them: those that the target dominates."""
    elements = process.model.elements
    match action:
        case Reopen(element_id, _, direct_from) if direct_from is None:
            target = element_id
        case Jump(_, element_id):
            target = element_id
        case Restart():
            return set(elements)
        case _:
            return set()
    return {target} | {one for one in elements if target in process.dominators(one)}


def _below(instance: ProcessInstance, fanouts: Iterable[Fanout]) -> ColumnElement[bool]:
    """Everything that runs, or ran, below these fan-outs."""
    return or_(
        ProcessInstance.id == -1,
        *(ProcessInstance.path.startswith(fanout.prefix(instance, row)) for row in fanouts),
    )


def _items(
    session: Session,
    instance: ProcessInstance,
    step: Step,
    fanouts: Sequence[Fanout],
    below: ColumnElement[bool],
    without: int | None,
    at: datetime,
) -> list[ItemEnded]:
    here = select(WorkItem.id).where(
        WorkItem.instance_id == instance.id, WorkItem.task_id.in_(step.cancelled)
    )
    found = session.scalars(
        select(WorkItem)
        .where(
            or_(
                WorkItem.id.in_(here),
                WorkItem.origin_id.in_(here),
                WorkItem.fanout_id.in_([row.id for row in fanouts]),
                WorkItem.instance_id.in_(select(ProcessInstance.id).where(below)),
            ),
            WorkItem.closed_at.is_(None),
            WorkItem.id != (without or 0),
        )
        .order_by(WorkItem.id)
    ).all()
    hands = {item.id: nudges.in_hand(session, item, local(at).date()) for item in found[:100]}
    names = people.names(session, [one for each in hands.values() for one in each])
    return [ItemEnded(one.id, one.title, [names[p] for p in hands.get(one.id, ())]) for one in found]


def _documents(
    session: Session, instance: ProcessInstance, elements: set[str], below: ColumnElement[bool]
) -> list[Document]:
    made_here = (Document.instance_id == instance.id) & Document.element_id.in_(elements)
    made_below = Document.instance_id.in_(select(ProcessInstance.id).where(below))
    query = select(Document).where(or_(made_here, made_below), Document.voided_at.is_(None))
    return list(session.scalars(query.order_by(Document.id)))


def _replaced(loaded: Loaded, document: Document, instance: ProcessInstance) -> bool:
    """Its step names what an earlier round rendered: then it lives on in a new revision."""
    if document.instance_id != instance.id or document.element_id is None:
        return False
    element = loaded.process.model.elements.get(document.element_id)
    return element is not None and "replaces" in element.inputs


def _signatures(
    session: Session,
    instance: ProcessInstance,
    tasks: set[str],
    elements: set[str],
    fanouts: Sequence[Fanout],
    below: ColumnElement[bool],
    documents: Sequence[Document],
    handed_in: Sequence[int],
) -> list[SignatureVoided]:
    under = select(ProcessInstance.id).where(below)
    given = select(WorkItem.id).where(
        or_(
            (WorkItem.instance_id == instance.id)
            & (WorkItem.task_id.in_(tasks) | WorkItem.element_id.in_(elements))
            & WorkItem.fanout_id.is_(None),
            WorkItem.fanout_id.in_([row.id for row in fanouts]),
            WorkItem.instance_id.in_(under),
            WorkItem.id.in_(handed_in),
        )
    )
    made = (Signature.instance_id == instance.id) & Signature.element_id.in_(elements)
    rows = session.execute(
        select(Signature, Document.id, Document.title, SignatureSlot.label)
        .join(SignatureSlot, SignatureSlot.id == Signature.slot_id)
        .join(Document, Document.id == SignatureSlot.document_id)
        .where(
            Signature.voided_at.is_(None),
            or_(
                Signature.work_item_id.in_(given),
                made,
                Signature.instance_id.in_(under),
                Document.id.in_([one.id for one in documents]),
            ),
        )
        .order_by(Signature.id)
    )
    return [_voided(*row) for row in rows]


def given_with(session: Session, work_item_id: int) -> list[SignatureVoided]:
    """The signatures in force that were given with one item."""
    rows = session.execute(
        select(Signature, Document.id, Document.title, SignatureSlot.label)
        .join(SignatureSlot, SignatureSlot.id == Signature.slot_id)
        .join(Document, Document.id == SignatureSlot.document_id)
        .where(Signature.voided_at.is_(None), Signature.work_item_id == work_item_id)
    )
    return [_voided(*row) for row in rows]


def _voided(one: Signature, document: int, title: str, label: str) -> SignatureVoided:
    return SignatureVoided(one.id, document, title, label, one.signer, one.signed_at)


def _remains(
    session: Session, loaded: Loaded, instance: ProcessInstance, elements: set[str]
) -> list[Remains]:
    model = loaded.process.model.elements
    outward = {one for one in elements if model[one].operation and model[one].operation not in HARMLESS}
    done = (
        event.element_id
        for event in (history.read(session, instance.stream) if outward else ())
        if event.code == "operated" and event.element_id in outward
    )
    return [
        Remains(one, model[one].name or one, model[one].operation or "")
        for one in dict.fromkeys(done)
        if one is not None
    ]


def _name(runtime: Runtime, session: Session, instance_id: int | None, element_id: str | None) -> str:
    instance = session.get_one(ProcessInstance, instance_id)
    model = runtime.definitions.get(session, instance.definition_id).process.model
    element = model.elements.get(element_id or "")
    return element_id or "" if element is None else element.name or element.id


def carry_out(session: Session, effects: Effects, *, reason: str, by: int, at: datetime) -> None:
    """Void what the step leaves in the register; the rest is the step's."""
    signatures.void_signatures(
        session, [one.signature_id for one in effects.signatures], reason=reason, by=by, at=at
    )
    numbering.give_back(effects.numbers, at=at)
    for document in effects.documents:
        register.void(session, document.id, reason=reason, at=at)
