"""Revisions: the bytes of a document that are shown and signed, at one time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine import blobs
from engine.database import Table, UtcDateTime
from engine.documents.slots import Signature, SignatureSlot
from engine.errors import NotFound
from engine.organisation.people import Person


class Revision(Table):
    """The document as it was at one time: the bytes that are shown and signed.

    :ivar base_digest: blob of the base package, unsigned
    :ivar pdf_digest: blob of its PDF, made afterwards; ``pdf_outcomes``: how many of its places were signed or refused by then
    :ivar superseded_at: a later revision took its place
    :ivar reason: why it took the place of the one before; NULL for the first
    :ivar person_id: whose act it was after which the engine wrote it; ``event_seq``: how far the instance's history had come
    :ivar missing: characters that no font of the machine had when it was written: they are printed as 〓
    """

    __tablename__ = "revision"
    __table_args__ = (
        UniqueConstraint("document_id", "seq"),
        Index(
            "uq_revision_current",
            "document_id",
            unique=True,
            sqlite_where=text("superseded_at IS NULL"),
            postgresql_where=text("superseded_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id"))
    seq: Mapped[int]
    base_digest: Mapped[str] = mapped_column(ForeignKey("blob.digest"))
    pdf_digest: Mapped[str | None] = mapped_column(ForeignKey("blob.digest"))
    pdf_outcomes: Mapped[int | None]
    page_count: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    superseded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str | None] = mapped_column(String(200))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    event_seq: Mapped[int | None]
    missing: Mapped[str | None] = mapped_column(String(500))


@dataclass(frozen=True, slots=True)
class RevisionLine:
    """A revision as it is listed.

    :ivar person: name of whose act it was after which it was written
    :ivar signatures: all that was ever signed or refused on it, each with its place's label; void ones stay
    """

    revision: Revision
    person: str | None
    signatures: tuple[tuple[str, Signature], ...]


def lines(session: Session, document_id: int) -> list[RevisionLine]:
    """The newest first; two statements however many."""
    rows = session.execute(
        select(Revision, Person.name)
        .outerjoin(Person, Person.id == Revision.person_id)
        .where(Revision.document_id == document_id)
        .order_by(Revision.seq.desc())
    ).all()
    given = defaultdict(list)
    for label, one in session.execute(
        select(SignatureSlot.label, Signature)
        .join(Signature, Signature.slot_id == SignatureSlot.id)
        .where(SignatureSlot.document_id == document_id)
        .order_by(Signature.id)
    ):
        given[one.revision_id].append((label, one))
    return [RevisionLine(revision, name, tuple(given[revision.id])) for revision, name in rows]


def numbered(session: Session, document_id: int, seq: int) -> Revision:
    """:raises NotFound: ``no-revision``"""
    found = session.scalar(select(Revision).where(Revision.document_id == document_id, Revision.seq == seq))
    if found is None:
        raise NotFound("no-revision", f"这份文件没有第 {seq} 版。", seq=seq)
    return found


def set_pdf(
    session: Session, revision_id: int, *, pdf: bytes, page_count: int, outcomes: int = 0, at: datetime
) -> str:
    """Keep the PDF of a revision; returns its digest."""
    digest = blobs.put(session, pdf, "application/pdf", at)
    session.execute(
        update(Revision)
        .where(Revision.id == revision_id)
        .values(pdf_digest=digest, page_count=page_count, pdf_outcomes=outcomes)
    )
    return digest
