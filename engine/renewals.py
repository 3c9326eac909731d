"""Renewals 换签: letters whose signer has left the post, and the taking of a letter out of force.

A signature stands whoever holds the post later. A letter that has been signed on all sides is offered for renewal when somebody
else is secretary now: a process whose start event ``renews`` the ledger issues the same content anew, and its row supersedes the
old one. Nothing here is stored: what can be renewed is read from signatures and today's holders.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from engine import assignment, history, ledgers, stepping
from engine.clock import local
from engine.documents import register
from engine.documents.register import Document
from engine.documents.slots import SignatureSlot
from engine.history import Entry
from engine.instances import ProcessInstance
from engine.ledgers import LedgerDefinition, LedgerEntry
from engine.organisation.posts import SECRETARY, Holding
from engine.work_items import ShownDocument, WorkItem

if TYPE_CHECKING:
    from engine.deployments import Loaded

#: Who signs for a unit: its secretary, or a deputy where he stands on the other side or the post is vacant.
SIGNATORIES = ("书记", "副书记", "专职副书记")


@dataclass(frozen=True, slots=True)
class Renewal:
    """A row that may be signed anew.

    :ivar keeper_id: the unit whose officers start it
    :ivar left: whose signature is that of a predecessor now
    :ivar process: key of the process that the reader may start for it, None where he may not
    """

    entry: LedgerEntry
    document: Document
    keeper_id: int | None
    left: list[SignatureSlot]
    process: str | None = None

    @property
    def signers(self) -> str:
        """高景行、林思远"""
        return "、".join(dict.fromkeys(slot.signer or slot.label for slot in self.left))


def due(
    session: Session, definition: LedgerDefinition, entries: Sequence[LedgerEntry], on: date
) -> list[Renewal]:
    """Those of the rows whose letter is signed on all sides, by somebody who has left since, and is not being renewed.

    Four statements however many rows.
    """
    ids = {entry.document_id for entry in entries if entry.live and entry.document_id is not None}
    letters = {d.id: d for d in register.documents(session, ids) if d.voided_at is None and not _unsigned(d)}
    renewing = set(_successors(session, letters))
    persons = [slot for d in letters.values() for slot in _persons(d)]
    posts = _Posts(session, {slot.unit_id for slot in persons if slot.unit_id is not None}, on)
    found = []
    for entry in entries:
        letter = letters.get(entry.document_id or 0)
        if letter is None or letter.id in renewing or not entry.live:
            continue
        if left := [slot for slot in _persons(letter) if posts.left(slot)]:
            found.append(Renewal(entry, letter, definition.keeper_of(entry), left))
    return found


def offered(
    session: Session, found: Iterable[Renewal], processes: Iterable[Loaded], *, by: int, on: date
) -> list[Renewal]:
    """The same, each with the process that this person may start for its keeper."""
    starts: dict[tuple[str, int], str] = {}
    for loaded in processes:
        if (renews := loaded.process.model.start.renews) is not None:
            for unit in assignment.starting_units(session, loaded, by, on) or ():
                starts[renews[0], unit.id] = loaded.definition.key
    return [replace(one, process=starts.get((one.entry.ledger, one.keeper_id or 0))) for one in found]


def choices(
    session: Session, definition: LedgerDefinition, units: Collection[int], on: date
) -> list[dict[str, Any]]:
    """For a start form: what the officers of these units may renew, each with ``entry``, ``keeper``, ``title`` and ``left``."""
    entries = [e for e in ledgers.rows(session, definition.name) if definition.keeper_of(e) in units]
    return [
        {"entry": one.entry.id, "keeper": one.keeper_id, "title": one.document.title, "left": one.signers}
        for one in due(session, definition, entries, on)
    ]


def _persons(document: Document) -> list[SignatureSlot]:
    return [slot for slot in document.slots if slot.kind == "签名"]


def _unsigned(document: Document) -> bool:
    return any(slot.signature is None for slot in _persons(document))


def _successors(session: Session, ids: Iterable[int]) -> list[int]:
    """Those of the documents in whose place another one is being issued."""
    return [
        replaced
        for replaced in session.scalars(
            select(Document.replaces_id)
            .join(ProcessInstance, ProcessInstance.id == Document.instance_id)
            .where(
                Document.replaces_id.in_(list(ids)),
                Document.voided_at.is_(None),
                ProcessInstance.ended_at.is_(None),
            )
        )
        if replaced is not None
    ]


class _Posts:
    """Who signs for units, ever and on one day."""

    def __init__(self, session: Session, unit_ids: Iterable[int], on: date) -> None:
        query = select(Holding).where(
            Holding.unit_id.in_(list(unit_ids)),
            Holding.post.in_(SIGNATORIES),
            Holding.person_id.is_not(None),
        )
        self.on = on
        self.held = list(session.scalars(query))

    def left(self, slot: SignatureSlot) -> bool:
        """Somebody else is secretary now than whoever this slot was signed by, or for."""
        signature = slot.signature
        if signature is None or slot.unit_id is None:
            return False
        here = [h for h in self.held if h.unit_id == slot.unit_id]
        secretaries = {h.person_id for h in here if h.post == SECRETARY and _covers(h, self.on)}
        if not secretaries:  # vacant: there is nobody yet who could sign as the new one
            return False
        if signature.person_id in {h.person_id for h in here}:
            # A deputy who signed as such goes on as such; a secretary who is a deputy now has left his post.
            deputised = signature.capacity.endswith("副书记") and "主持工作" not in signature.capacity
            officers = {h.person_id for h in here if _covers(h, self.on)}
            return signature.person_id not in (officers if deputised else secretaries)
        # A deputy by delegation, nobody (逾期), or a caretaker of a vacant post (无法签): who was secretary then?
        then = {
            h.person_id for h in here if h.post == SECRETARY and _covers(h, local(signature.signed_at).date())
        }
        return not then & secretaries


def _covers(holding: Holding, day: date) -> bool:
    return holding.from_on <= day and (holding.to_on is None or day < holding.to_on)


def void(
    session: Session, definition: LedgerDefinition, entry_id: int, *, reason: str, by: int, at: datetime
) -> LedgerEntry:
    """Take a row out of force with its document. Signatures stay, nobody is asked for further ones.

    :raises NotAllowed: no officer of the unit that keeps the row
    :raises Invalid: no reason
    :raises Conflict: the row is not live any more
    """
    entry = ledgers.get(session, entry_id)
    ledgers.require_officer(session, definition, entry, person_id=by, on=local(at).date())
    letters = [] if entry.document_id is None else _in_force(session, entry.document_id)
    for letter in letters:  # instances are locked before any other row
        if _unsigned(letter):
            _ask_no_longer(session, letter.id, by, at)
    ledgers.void(session, entry_id, reason=reason, at=at)
    for letter in letters:
        register.void(session, letter.id, reason=reason[:200], at=at)
    if entry.plaque_id is not None:
        register.void(session, entry.plaque_id, reason=reason[:200], at=at)
    payload = {"entry": entry.id, "document": entry.document_id, "reason": reason}
    history.append_to(session, f"ledger:{entry.ledger}", [Entry("voided", payload, by)], at)
    return entry


def _in_force(session: Session, document_id: int) -> list[Document]:
    """The document, and one that is being issued in its place."""
    query = select(Document).where(
        or_(Document.id == document_id, Document.replaces_id == document_id), Document.voided_at.is_(None)
    )
    return list(session.scalars(query.order_by(Document.id)))


def _ask_no_longer(session: Session, document_id: int, by: int, at: datetime) -> None:
    """End the instances whose open items wait for signatures on the document."""
    waiting = (
        select(WorkItem.instance_id)
        .join(ShownDocument, ShownDocument.work_item_id == WorkItem.id)
        .where(ShownDocument.document_id == document_id, WorkItem.closed_at.is_(None))
        .distinct()
    )
    for instance_id in session.scalars(waiting).all():
        stepping.cancel(session, instance_id, by=by, at=at)
