"""The register of documents: what was rendered, and in which revisions.

A revision is the base package that is shown and signed; each electronic signature is an XML part beside it, and the .docx that
leaves the house is put together from both. The page that a person saw names the revision by its digest, and only that is signed.
A new revision voids the signatures on the former one, and taking work back (驳回) those that were given on it, visibly: their rows
stay, and what was signed then still verifies as a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, and_, false, func, select, update
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column, relationship

from engine import blobs
from engine.database import Table, UtcDateTime, Values
from engine.documents import signing
from engine.documents.revisions import Revision
from engine.documents.slots import Signature, SignatureSlot, Slot, picture_way
from engine.errors import Conflict, Invalid, NotFound

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
#: in a session's ``info`` while a service task runs: (instance, element), for what it makes
MAKER = "service-task"


class Document(Table):
    """An official document. A letter's identity is what its process keys it by: year, issuer and recipient.

    :ivar number: 发文字号, where the kind has one
    :ivar code: 验真码, printed on it; NULL for what was issued before there were any
    :ivar data: what the template was filled with
    :ivar element_id: the service task that rendered it
    :ivar ordered: its slots are signed in their order
    :ivar classification: 密级, where it bears one (``engine.documents.classification``)
    :ivar replaces_id: the document in whose place this one was issued (换签)
    """

    __tablename__ = "document"
    __table_args__ = (
        Index("ix_document_instance", "instance_id"),
        Index("ix_document_unit", "unit_id", "created_at"),
        Index("uq_document_code", "code", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("process_instance.id"))
    element_id: Mapped[str | None] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(60))
    title: Mapped[str] = mapped_column(String(250))
    number: Mapped[str | None] = mapped_column(String(60))
    code: Mapped[str | None] = mapped_column(String(16))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    template_digest: Mapped[str] = mapped_column(String(64))
    data: Mapped[Any] = mapped_column(Values)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("document.id"))
    voided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    void_reason: Mapped[str | None] = mapped_column(String(200))
    ordered: Mapped[bool] = mapped_column(default=False, server_default=false())
    classification: Mapped[str | None] = mapped_column(String(12))

    revision: Mapped[Revision] = relationship(
        primaryjoin=lambda: and_(Revision.document_id == Document.id, Revision.superseded_at.is_(None)),
        foreign_keys=lambda: Revision.document_id,
        lazy="joined",
        uselist=False,
        viewonly=True,
    )
    slots: Mapped[list[SignatureSlot]] = relationship(
        order_by=lambda: SignatureSlot.position, lazy="selectin", viewonly=True
    )

    @property
    def digest(self) -> str:
        """Of the bytes that are shown and signed."""
        return self.revision.base_digest

    @property
    def pdf_digest(self) -> str | None:
        """Of its finished PDF; None where there is none that shows all that is signed by now."""
        outcomes = sum(slot.signature is not None for slot in self.slots)
        return self.revision.pdf_digest if outcomes == (self.revision.pdf_outcomes or 0) else None

    @property
    def page_count(self) -> int | None:
        return self.revision.page_count

    def slot(self, name: str) -> SignatureSlot:
        """:raises NotFound: ``no-slot``"""
        for slot in self.slots:
            if slot.slot == name:
                return slot
        raise NotFound("no-slot", f"《{self.title}》没有“{name}”签名处。", slot=name)


def create(
    session: Session,
    *,
    instance_id: int | None,
    kind: str,
    title: str,
    unit_id: int | None,
    template_digest: str,
    data: Any,
    base: bytes,
    slots: Sequence[Slot],
    ordered: bool = False,
    classification: str | None = None,
    number: str | None = None,
    code: str | None = None,
    replaces_id: int | None = None,
    by: int | None = None,
    event_seq: int | None = None,
    at: datetime,
) -> Document:
    """Enter a rendered document with its first revision.

    :param ordered: the slots are signed one after another, in this order
    :param base: the filled .docx, signature lines in place (``signature_lines.insert_signature_lines``)
    :param by: after whose act it was rendered
    :raises Invalid: ``not-a-docx`` and what else ``signing.base_package`` refuses
    """
    digest = blobs.put(session, signing.base_package(base), DOCX, at)
    document = Document(
        instance_id=instance_id,
        element_id=session.info.get(MAKER, (None, None))[1],
        kind=kind,
        title=title,
        number=number,
        code=code,
        unit_id=unit_id,
        template_digest=template_digest,
        data=data,
        created_at=at,
        replaces_id=replaces_id,
        ordered=ordered,
        classification=classification,
    )
    session.add(document)
    session.flush()
    first = Revision(document_id=document.id, seq=1, base_digest=digest, created_at=at)
    first.person_id, first.event_seq = by, event_seq
    session.add(first)
    for position, slot in enumerate(slots, 1):
        session.add(
            SignatureSlot(
                document_id=document.id,
                position=position,
                slot=slot.slot,
                label=slot.label,
                capacity=slot.capacity,
                unit_id=slot.unit_id,
                kind=slot.kind,
                role=slot.role,
            )
        )
    session.flush()
    session.expire(document, ["revision", "slots"])
    return document


def add_revision(
    session: Session,
    document_id: int,
    *,
    base: bytes,
    reason: str,
    by: int | None = None,
    event_seq: int | None = None,
    at: datetime,
) -> Revision:
    """Put changed bytes in the place of the current ones. What was signed on those is void, and says why.

    :param by: whose act led to it; ``event_seq``: how far its instance's history had come
    :raises NotFound: no such document
    :raises Conflict: ``document-voided``; ``nothing-changed``
    """
    document = get(session, document_id)
    require_live(document)
    former = document.revision
    digest = blobs.put(session, signing.base_package(base), DOCX, at)
    if digest == former.base_digest:
        raise Conflict("nothing-changed", f"《{document.title}》的内容没有变化。")
    session.execute(
        update(Signature)
        .where(Signature.revision_id == former.id, Signature.voided_at.is_(None))
        .values(voided_at=at, void_reason=reason)
    )
    former.superseded_at = at
    session.flush()
    revision = Revision(
        document_id=document.id,
        seq=former.seq + 1,
        base_digest=digest,
        reason=reason,
        person_id=by,
        event_seq=event_seq,
        created_at=at,
    )
    session.add(revision)
    session.flush()
    forget(session, [document])
    return revision


def get(session: Session, document_id: int) -> Document:
    """:raises NotFound: ``no-document``"""
    document = session.get(Document, document_id)
    if document is None:
        raise NotFound("no-document", "没有这份文件。", document=document_id)
    return document


def documents(session: Session, ids: Iterable[int]) -> list[Document]:
    """In the order of the ids; two statements however many."""
    wanted = list(ids)
    found = (
        {d.id: d for d in session.scalars(select(Document).where(Document.id.in_(wanted)))} if wanted else {}
    )
    return [found[i] for i in wanted if i in found]


def of_instances(session: Session, ids: Iterable[int]) -> list[Document]:
    """All documents of these process instances, oldest first."""
    return list(
        session.scalars(select(Document).where(Document.instance_id.in_(list(ids))).order_by(Document.id))
    )


def successor(session: Session, document_id: int) -> Document | None:
    """The document in force that was issued in this one's place, once all have signed it (换签)."""
    query = select(Document).where(Document.replaces_id == document_id, Document.voided_at.is_(None))
    for document in session.scalars(query.order_by(Document.id.desc())):
        if all(s.signature and s.signature.outcome == "已签" for s in document.slots if s.kind == "签名"):
            return document
    return None


def package(session: Session, document: Document, revision: Revision | None = None) -> bytes:
    """The .docx with all its electronic signatures; the same rows give the same bytes.

    A former revision is put together as it was: with the last signature of every place, void though it is now. Signatures stand in the
    order of signing, pictures with names of their own behind the plain ones: LibreOffice asks for that.
    """
    chosen = revision or document.revision
    last = (
        select(func.max(Signature.id)).where(Signature.revision_id == chosen.id).group_by(Signature.slot_id)
    )
    token = aliased(blobs.Blob)
    rows = session.execute(
        select(blobs.Blob.content, token.content.label("token"), Signature.slot_id)
        .join(Signature, Signature.xml_digest == blobs.Blob.digest)
        .outerjoin(token, token.digest == Signature.stamp_digest)
        .where(Signature.revision_id == chosen.id)
        .where(Signature.voided_at.is_(None) if chosen.superseded_at is None else Signature.id.in_(last))
        .order_by(Signature.id)
    ).all()
    ordered = sorted(rows, key=lambda row: picture_way(document.slots, row.slot_id) == "named")
    parts = [
        row.content if row.token is None else signing.with_time_stamp(row.content, row.token)
        for row in ordered
    ]
    return signing.assemble(blobs.get(session, chosen.base_digest), parts)


def void(session: Session, document_id: int, *, reason: str, at: datetime) -> Document:
    """Take a document out of force. Its signatures stay as they are: they were given.

    :raises Invalid: no reason
    :raises Conflict: ``document-voided``
    """
    if not reason.strip():
        raise Invalid("no-reason", "请填写作废原因。", {"reason": "请填写作废原因。"})
    document = get(session, document_id)
    require_live(document)
    document.voided_at, document.void_reason = at, reason.strip()
    session.flush()
    return document


def require_live(document: Document) -> None:
    if document.voided_at is not None:
        raise Conflict(
            "document-voided", f"《{document.title}》已作废（{document.void_reason}），不能再签署或修改。"
        )


def forget(session: Session, changed: Iterable[Document]) -> None:
    """Let a session that has read the documents read them again."""
    for document in changed:
        for slot in document.slots:
            session.expire(slot, ["signature"])
        session.expire(document, ["revision", "slots"])


def required(session: Session, ids: Sequence[int]) -> list[Document]:
    found = documents(session, ids)
    if len(found) < len(set(ids)):
        raise NotFound("no-document", "没有这份文件。")
    return found
