"""Who may read what. Acting is ``assignment``'s; reading follows from it.

An instance is read by whoever took part in it, or may take part today, or was sent a copy, or did so in one above it: an issuing
unit reads what becomes of its letters below, a receiving unit does not read its neighbours'. A document is read by whoever was
shown it at a work item, whoever reads its instance, and whoever holds a post at a unit that issues or signs it. Administrators read
everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from engine import assignment, carbon_copies, history, transfers
from engine.documents.register import Document
from engine.documents.slots import Signature, SignatureSlot
from engine.errors import NotFound
from engine.history import Event
from engine.instances import ProcessInstance
from engine.organisation import accounts, posts
from engine.work_items import ShownDocument, WorkItem


def is_admin(session: Session, person_id: int) -> bool:
    account = accounts.of_person(session, person_id)
    return account is not None and account.is_admin


def _mine(session: Session, person_id: int, on: date) -> ColumnElement[bool]:
    """Work items that the person completed or gave away, holds or may do today."""
    eligible = assignment.items_of(session, person_id, on)
    return or_(
        WorkItem.completed_by_id == person_id,
        WorkItem.id.in_(eligible),
        WorkItem.id.in_(transfers.given_away_by(person_id)),
    )


def _line(instance: ProcessInstance) -> set[int]:
    """The instance and those above it."""
    return {int(part) for part in instance.path.strip("/").split("/") if part.isdecimal()}


def may_read_instance(session: Session, instance: ProcessInstance, person_id: int, on: date) -> bool:
    if takes_part(session, instance, person_id, on):
        return True
    if instance.deleted_at is not None:
        return False
    copied = carbon_copies.instances(person_id, on).where(
        carbon_copies.CarbonCopy.instance_id.in_(_line(instance))
    )
    return session.execute(copied.limit(1)).first() is not None


def takes_part(session: Session, instance: ProcessInstance, person_id: int, on: date) -> bool:
    """Did the person start it, take part in it or in one above, or may he today? Administrators always do.

    What is deleted is left to administrators.
    """
    if instance.deleted_at is not None:
        return is_admin(session, person_id)
    line = _line(instance)
    started = select(ProcessInstance.id).where(
        ProcessInstance.id.in_(line),
        ProcessInstance.started_by_id == person_id,
        ProcessInstance.parent_id.is_(None),
    )
    if session.execute(started.limit(1)).first() is not None:
        return True
    took_part = select(WorkItem.id).where(WorkItem.instance_id.in_(line), _mine(session, person_id, on))
    return session.execute(took_part.limit(1)).first() is not None or is_admin(session, person_id)


def readable_instances(
    session: Session, ids: Iterable[int], person_id: int, on: date
) -> dict[int, ProcessInstance]:
    """Those of the instances that the person may read, by id; a constant number of statements."""
    found = session.scalars(select(ProcessInstance).where(ProcessInstance.id.in_(set(ids)))).all()
    if is_admin(session, person_id):
        return {instance.id: instance for instance in found}
    lines = {instance: _line(instance) for instance in found if instance.deleted_at is None}
    every = set[int]().union(*lines.values())
    started = select(ProcessInstance.id).where(
        ProcessInstance.id.in_(every),
        ProcessInstance.started_by_id == person_id,
        ProcessInstance.parent_id.is_(None),
    )
    took_part = (
        select(WorkItem.instance_id)
        .where(WorkItem.instance_id.in_(every), _mine(session, person_id, on))
        .distinct()
    )
    copied = carbon_copies.instances(person_id, on).where(carbon_copies.CarbonCopy.instance_id.in_(every))
    mine = {*session.scalars(started), *session.scalars(took_part), *session.scalars(copied)}
    return {instance.id: instance for instance, line in lines.items() if line & mine}


def require_instance(session: Session, instance_id: int, person_id: int, on: date) -> ProcessInstance:
    """:raises NotFound: no such instance, or not for this person to know of"""
    instance = session.get(ProcessInstance, instance_id)
    if instance is None or not may_read_instance(session, instance, person_id, on):
        raise NotFound("no-instance", "没有这个流程实例，或您无权查看。", id=instance_id)
    return instance


def require_document(session: Session, document: Document, person_id: int, on: date) -> None:
    """:raises NotFound: not for this person to know of"""
    shown = (
        select(WorkItem.id)
        .join(ShownDocument, ShownDocument.work_item_id == WorkItem.id)
        .where(ShownDocument.document_id == document.id, _mine(session, person_id, on))
    )
    if session.execute(shown.limit(1)).first() is not None:
        return
    offices = {holding.unit_id for holding in posts.held_by(session, person_id, on)}
    if offices & {document.unit_id, *(slot.unit_id for slot in document.slots)}:
        return
    signed = (  # void or not: he sees what became of it
        select(Signature.id)
        .join(SignatureSlot, SignatureSlot.id == Signature.slot_id)
        .where(SignatureSlot.document_id == document.id, Signature.person_id == person_id)
    )
    if session.execute(signed.limit(1)).first() is not None:
        return
    instance = (
        session.get(ProcessInstance, document.instance_id) if document.instance_id is not None else None
    )
    if instance is not None and may_read_instance(session, instance, person_id, on):
        return
    if not is_admin(session, person_id):
        raise NotFound("no-document", "没有这份文件，或您无权查看。", id=document.id)


#: acts that lead to a new revision of a document
_CHANGING = ("started", "completed", "rejected", "taken-back", "jumped", "corrected")


def revision_acts(
    session: Session, document: Document, made: Sequence[int | None], person_id: int, on: date
) -> list[list[Event]]:
    """What was done in the document's instance before each of its revisions was made and after the one before.

    :param made: how far the history had come when the revisions were made, the oldest first
    :return: as many lists; empty ones for whoever may read the document and not its instance
    """
    instance = (
        session.get(ProcessInstance, document.instance_id) if document.instance_id is not None else None
    )
    if instance is None or not may_read_instance(session, instance, person_id, on):
        return [[] for _ in made]
    acts = [one for one in history.read(session, instance.stream) if one.code in _CHANGING and one.person_id]
    bounds = zip((0, *made), made, strict=False)
    return [[one for one in acts if (after or 0) < one.seq <= (until or 0)] for after, until in bounds]


def shown(session: Session, instance_id: int, person_id: int, on: date) -> set[int]:
    """The documents, of whatever instance, that the steps of this one show to a person."""
    query = select(ShownDocument.document_id).join(WorkItem, WorkItem.id == ShownDocument.work_item_id)
    if not is_admin(session, person_id):
        query = query.where(_mine(session, person_id, on))
    return set(session.scalars(query.where(WorkItem.instance_id == instance_id)))


def documents(session: Session, person_id: int, on: date, *, limit: int = 200) -> Sequence[Document]:
    """The documents that a person was shown, signed, or whose units he serves; newest first."""
    offices = [holding.unit_id for holding in posts.held_by(session, person_id, on)]
    shown = (
        select(ShownDocument.document_id)
        .join(WorkItem, WorkItem.id == ShownDocument.work_item_id)
        .where(_mine(session, person_id, on))
    )
    signed = (
        select(SignatureSlot.document_id)
        .join(Signature, Signature.slot_id == SignatureSlot.id)
        .where(Signature.person_id == person_id)
    )
    ours = select(SignatureSlot.document_id).where(SignatureSlot.unit_id.in_(offices))
    query = select(Document).order_by(Document.id.desc()).limit(limit)
    if not is_admin(session, person_id):
        served = or_(Document.unit_id.in_(offices), Document.id.in_(ours))
        query = query.where(or_(Document.id.in_(shown), Document.id.in_(signed), served))
    return session.scalars(query).all()
