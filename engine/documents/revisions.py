"""Revisions: the bytes of a document that are shown and signed, at one time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine import blobs
from engine.database import Table, UtcDateTime


class Revision(Table):
    """The document as it was at one time: the bytes that are shown and signed.

    :ivar base_digest: blob of the base package, unsigned
    :ivar pdf_digest: blob of its PDF, made afterwards
    :ivar superseded_at: a later revision took its place
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
    page_count: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    superseded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


def set_pdf(session: Session, revision_id: int, *, pdf: bytes, page_count: int, at: datetime) -> str:
    """Keep the PDF of a revision; returns its digest."""
    digest = blobs.put(session, pdf, "application/pdf", at)
    session.execute(
        update(Revision).where(Revision.id == revision_id).values(pdf_digest=digest, page_count=page_count)
    )
    return digest
