"""The register of documents: what was rendered, in which revisions, and who signed exactly which bytes, or why not.

A revision is the base package that is shown and signed; each electronic signature is an XML part beside it, and the .docx that
leaves the house is put together from both. The page that a person saw names the revision by its digest, and only that is signed.
A new revision voids the signatures on the former one, and taking work back (驳回) those that were given on it, visibly: their rows
stay, and what was signed then still verifies as a file.

``prepare`` reads and does the cryptography; ``store`` writes in the completion's transaction, which finds by constraint whether
somebody was faster.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    and_,
    exists,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column, relationship

from engine import blobs
from engine.clock import local
from engine.database import Table, UtcDateTime, Values
from engine.documents import authority, seals, signing
from engine.documents.handwriting import Handwriting
from engine.documents.signature_lines import line_id
from engine.documents.verification import Voided
from engine.errors import Conflict, Invalid, NotFound
from engine.organisation.people import Person
from engine.organisation.posts import ACTING, POSTS

OUTCOMES = ("已签", "拒签", "无法签", "逾期")
WAYS = ("电子", "纸质")
KINDS = ("签名", "印章")
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
SCANS = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
MAX_SCAN = 20 * 1024 * 1024
#: in a session's ``info`` while a service task runs: (instance, element), for what it makes
MAKER = "service-task"


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


class Signature(Table):
    """What became of one slot of one revision: signed, refused, impossible or overdue.

    :ivar person_id: who signed or refused; NULL for a seal and for 逾期
    :ivar signer: the name as it was then, a unit's for a seal
    :ivar reason: of every outcome but 已签
    :ivar attested_by_id: 经办人 who vouches that the scan of a paper signature is true
    :ivar handwriting_digest: blob of the drawing (SVG); ``image_digest`` of the picture in the signature (PNG)
    :ivar xml_digest: blob of the signature part; NULL for a paper signature, which is no cryptographic one
    :ivar instance_id: with ``element_id``: the service task that made it; NULL where a person handed it in (``work_item_id``)
    :ivar voided_by_id: who took back the work with which it was given; NULL where a new revision voided it
    """

    __tablename__ = "signature"
    __table_args__ = (
        CheckConstraint(f"outcome IN {OUTCOMES!r}", name="outcome"),
        CheckConstraint(f"way IN {WAYS!r}", name="way"),
        CheckConstraint("outcome = '已签' OR reason IS NOT NULL", name="reason"),
        CheckConstraint("way = '电子' OR xml_digest IS NULL", name="paper"),
        Index(
            "uq_signature_live",
            "revision_id",
            "slot_id",
            unique=True,
            sqlite_where=text("voided_at IS NULL"),
            postgresql_where=text("voided_at IS NULL"),
        ),
        Index("ix_signature_slot", "slot_id"),
        Index("ix_signature_work_item", "work_item_id"),
        Index("ix_signature_xml", "xml_digest"),
        Index("ix_signature_person", "person_id", "signed_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"))
    slot_id: Mapped[int] = mapped_column(ForeignKey("signature_slot.id"))
    work_item_id: Mapped[int | None] = mapped_column(ForeignKey("work_item.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    signer: Mapped[str] = mapped_column(String(120))
    capacity: Mapped[str] = mapped_column(String(120))
    outcome: Mapped[str] = mapped_column(String(12))
    way: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str | None] = mapped_column(String(1000))
    witness_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    attested_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    scan_digest: Mapped[str | None] = mapped_column(ForeignKey("blob.digest"))
    handwriting_digest: Mapped[str | None] = mapped_column(ForeignKey("blob.digest"))
    image_digest: Mapped[str | None] = mapped_column(ForeignKey("blob.digest"))
    xml_digest: Mapped[str | None] = mapped_column(ForeignKey("blob.digest"))
    certificate_id: Mapped[int | None] = mapped_column(ForeignKey("certificate.id"))
    signed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("process_instance.id"))
    element_id: Mapped[str | None] = mapped_column(String(200))
    voided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    voided_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    void_reason: Mapped[str | None] = mapped_column(String(200))

    @property
    def is_electronic(self) -> bool:
        """A signature with a certificate, which a stranger can verify."""
        return self.xml_digest is not None


class SignatureSlot(Table):
    """A place for a signature or a seal. Slots are signed in the order of ``position`` where the diagram says so.

    :ivar slot: the name that diagram, template marker and signature share
    :ivar label: printed for people: 颁发单位
    :ivar capacity: 职务 expected of the signer
    :ivar signature: what became of it in the current revision
    """

    __tablename__ = "signature_slot"
    __table_args__ = (
        CheckConstraint(f"kind IN {KINDS!r}", name="kind"),
        UniqueConstraint("document_id", "slot"),
        UniqueConstraint("document_id", "position"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id"))
    position: Mapped[int]
    slot: Mapped[str] = mapped_column(String(60))
    label: Mapped[str] = mapped_column(String(120))
    capacity: Mapped[str] = mapped_column(String(120))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    kind: Mapped[str] = mapped_column(String(12))
    signature: Mapped[Signature | None] = relationship(
        primaryjoin=lambda: and_(Signature.slot_id == SignatureSlot.id, Signature.voided_at.is_(None)),
        foreign_keys=lambda: Signature.slot_id,
        lazy="joined",
        uselist=False,
        viewonly=True,
    )

    @property
    def signer(self) -> str | None:
        return self.signature.signer if self.signature else None


class Document(Table):
    """An official document. A letter's identity is what its process keys it by: year, issuer and recipient.

    :ivar number: 发文字号, where the kind has one
    :ivar data: what the template was filled with
    :ivar element_id: the service task that rendered it
    :ivar replaces_id: the document in whose place this one was issued (换签)
    """

    __tablename__ = "document"
    __table_args__ = (
        Index("ix_document_instance", "instance_id"),
        Index("ix_document_unit", "unit_id", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("process_instance.id"))
    element_id: Mapped[str | None] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(60))
    title: Mapped[str] = mapped_column(String(250))
    number: Mapped[str | None] = mapped_column(String(60))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    template_digest: Mapped[str] = mapped_column(String(64))
    data: Mapped[Any] = mapped_column(Values)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("document.id"))
    voided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    void_reason: Mapped[str | None] = mapped_column(String(200))

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
    def page_count(self) -> int | None:
        return self.revision.page_count

    def slot(self, name: str) -> SignatureSlot:
        """:raises NotFound: ``no-slot``"""
        for slot in self.slots:
            if slot.slot == name:
                return slot
        raise NotFound("no-slot", f"《{self.title}》没有“{name}”签名处。", slot=name)


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a signature that a new document is to have."""

    slot: str
    label: str
    capacity: str = ""
    unit_id: int | None = None
    kind: str = "签名"


@dataclass(frozen=True, slots=True)
class Signing:
    """What somebody hands in about a signature.

    :ivar outcome: 已签, 拒签 or 无法签
    :ivar handwriting: of an electronic signature
    :ivar shown: digest of the bytes that he saw, by document
    :ivar reason: of a refusal
    :ivar witness: person who attests that somebody cannot sign
    :ivar scan: of a paper signature: PDF, PNG or JPEG
    :ivar attested_by: 经办人 who vouches for the scan; the person himself where none is given
    :ivar signer: person who signed on paper, where somebody else hands it in
    """

    outcome: str = "已签"
    way: str = "电子"
    handwriting: Handwriting | None = None
    shown: dict[int, str] = field(default_factory=dict)
    reason: str | None = None
    witness: int | None = None
    scan: bytes | None = None
    attested_by: int | None = None
    signer: int | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """Signatures that are made and not stored yet.

    :ivar authorization: what a signer agreed to, as process data; a batch is signed with it later (``sign``)
    :ivar rows: of ``signature``
    :ivar contents: files that the rows name, with their media types
    """

    outcome: str
    way: str
    reason: str | None
    authorization: dict[str, Any]
    rows: list[dict[str, Any]]
    contents: list[tuple[bytes, str]]


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
    number: str | None = None,
    replaces_id: int | None = None,
    at: datetime,
) -> Document:
    """Enter a rendered document with its first revision.

    :param base: the filled .docx, signature lines in place (``signature_lines.insert_signature_lines``)
    :raises Invalid: ``not-a-docx`` and what else ``signing.base_package`` refuses
    """
    digest = blobs.put(session, signing.base_package(base), DOCX, at)
    document = Document(
        instance_id=instance_id,
        element_id=session.info.get(MAKER, (None, None))[1],
        kind=kind,
        title=title,
        number=number,
        unit_id=unit_id,
        template_digest=template_digest,
        data=data,
        created_at=at,
        replaces_id=replaces_id,
    )
    session.add(document)
    session.flush()
    session.add(Revision(document_id=document.id, seq=1, base_digest=digest, created_at=at))
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
            )
        )
    session.flush()
    session.expire(document, ["revision", "slots"])
    return document


def add_revision(session: Session, document_id: int, *, base: bytes, reason: str, at: datetime) -> Revision:
    """Put changed bytes in the place of the current ones. What was signed on those is void, and says why.

    :raises NotFound: no such document
    :raises Conflict: ``document-voided``; ``nothing-changed``
    """
    document = get(session, document_id)
    _require_live(document)
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
    revision = Revision(document_id=document.id, seq=former.seq + 1, base_digest=digest, created_at=at)
    session.add(revision)
    session.flush()
    _forget(session, [document])
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

    A former revision is put together as it was, with what its successor voided. Signatures stand in the order of signing, pictures
    with names of their own behind the plain ones: LibreOffice asks for that.
    """
    chosen = revision or document.revision
    rows = session.execute(
        select(blobs.Blob.content, Signature.slot_id)
        .join(Signature, Signature.xml_digest == blobs.Blob.digest)
        .where(Signature.revision_id == chosen.id)
        .where(
            or_(Signature.voided_at.is_(None), Signature.voided_at == chosen.superseded_at)
            if chosen.superseded_at is not None
            else Signature.voided_at.is_(None)
        )
        .order_by(Signature.id)
    ).all()
    ordered = sorted(rows, key=lambda row: _picture_of(document, row.slot_id) == "named")
    return signing.assemble(blobs.get(session, chosen.base_digest), [row.content for row in ordered])


def set_pdf(session: Session, revision_id: int, *, pdf: bytes, page_count: int, at: datetime) -> str:
    """Keep the PDF of a revision; returns its digest."""
    digest = blobs.put(session, pdf, "application/pdf", at)
    session.execute(
        update(Revision).where(Revision.id == revision_id).values(pdf_digest=digest, page_count=page_count)
    )
    return digest


def outcome_of(session: Session, document_id: int, slot: str) -> str | None:
    """已签, 拒签, 无法签 or 逾期 in the current revision; None while it is open."""
    return session.scalar(
        select(Signature.outcome)
        .join(SignatureSlot, SignatureSlot.id == Signature.slot_id)
        .where(
            SignatureSlot.document_id == document_id,
            SignatureSlot.slot == slot,
            Signature.voided_at.is_(None),
        )
    )


def unsigned(session: Session, document_ids: Iterable[int]) -> list[SignatureSlot]:
    """未签名单: the slots for persons that are not signed, whatever the reason, of documents that are in force."""
    live = and_(
        Signature.slot_id == SignatureSlot.id, Signature.voided_at.is_(None), Signature.outcome == "已签"
    )
    query = (
        select(SignatureSlot)
        .join(Document, Document.id == SignatureSlot.document_id)
        .where(
            Document.id.in_(list(document_ids)),
            Document.voided_at.is_(None),
            SignatureSlot.kind == "签名",
            ~select(Signature.id).where(live).exists(),
        )
        .order_by(SignatureSlot.document_id, SignatureSlot.position)
    )
    return list(session.scalars(query))


def void(session: Session, document_id: int, *, reason: str, at: datetime) -> Document:
    """Take a document out of force. Its signatures stay as they are: they were given.

    :raises Invalid: no reason
    :raises Conflict: ``document-voided``
    """
    if not reason.strip():
        raise Invalid("no-reason", "请填写作废原因。", {"reason": "请填写作废原因。"})
    document = get(session, document_id)
    _require_live(document)
    document.voided_at, document.void_reason = at, reason.strip()
    session.flush()
    return document


def void_signatures(
    session: Session, ids: Sequence[int], *, reason: str, by: int | None, at: datetime
) -> None:
    """作废: the work with which these signatures were given was taken back. Their places are open again; three statements."""
    if not ids:
        return
    live = (Signature.id.in_(ids), Signature.voided_at.is_(None))
    session.execute(
        update(Signature)
        .where(*live)
        .values(voided_at=at, voided_by_id=by, void_reason=reason[:200])
        .execution_options(synchronize_session=False)
    )
    # The PDF showed them.
    stale = select(Signature.revision_id).where(Signature.id.in_(ids))
    session.execute(
        update(Revision)
        .where(Revision.id.in_(stale))
        .values(pdf_digest=None)
        .execution_options(synchronize_session=False)
    )
    touched = select(SignatureSlot.document_id).join(Signature, Signature.slot_id == SignatureSlot.id)
    held = {one.id: one for one in session.identity_map.values() if isinstance(one, Document)}
    changed = set(session.scalars(touched.where(Signature.id.in_(ids)))) & set(held)
    _forget(session, [held[document] for document in changed])


def voided(session: Session, digests: Iterable[str]) -> dict[str, Voided]:
    """Those of the signature parts (digests of their bytes) that were given by this house and are void now."""
    by, again = aliased(Person), aliased(Signature)
    rows = session.execute(
        select(Signature, Document.title, SignatureSlot.label, by.name)
        .join(SignatureSlot, SignatureSlot.id == Signature.slot_id)
        .join(Document, Document.id == SignatureSlot.document_id)
        .outerjoin(by, by.id == Signature.voided_by_id)
        .where(Signature.xml_digest.in_(list(digests)), Signature.voided_at.is_not(None))
        .where(~exists().where(again.xml_digest == Signature.xml_digest, again.voided_at.is_(None)))
    )
    return {
        one.xml_digest or "": Voided(title, label, one.signer, one.void_reason or "", one.voided_at, name)
        for one, title, label, name in rows
        if one.voided_at is not None
    }


def prepare(
    session: Session,
    handed: Signing,
    *,
    documents: Sequence[int],
    slot: str,
    capacity: str,
    person_id: int,
    name: str,
    passphrase: str,
    at: datetime,
) -> Prepared:
    """Check what was handed in and make the signatures, one a document. Stored are only files
    under their digests and, once, the signer's certificate.

    :param documents: empty when a batch is to be signed later, by ``sign`` with the authorization
    :param name: of the signer as printed
    :raises Invalid: by field: ``_outcome``, ``_signature``, ``_scan``, ``_reason``, ``_witness``
    :raises Conflict: ``document-changed``, ``already-signed``, ``same-person-both-sides``, ``document-voided``
    """
    _check(handed, person_id)
    contents, common = _evidence(handed, person_id)
    picture = None
    if handed.outcome == "已签" and handed.way == "电子" and handed.handwriting:
        picture = handed.handwriting.picture(_post(capacity), local(at).date())
        contents.append((picture, "image/png"))
        common["image_digest"] = blobs.digest_of(picture)
    authorization = {
        "person": person_id,
        "name": name,
        "capacity": capacity,
        "slot": slot,
        **common,
        "at": at,
    }
    prepared = Prepared(handed.outcome, handed.way, handed.reason, authorization, [], contents)
    found = _open(session, documents, slot, person_id if handed.outcome == "已签" else None)
    _require_shown(found, handed)
    _make(session, prepared, found, picture=picture, passphrase=passphrase, at=at)
    # Stored here, under their digests: the completion's own transaction stays short. Nothing points to them before it commits.
    blobs.put_all(session, prepared.contents, at)
    prepared.contents.clear()
    return prepared


def require_shown(session: Session, ids: Sequence[int], handed: Signing) -> None:
    """What the signer saw must be what stands in the register now.

    :raises Conflict: ``document-changed``
    """
    _require_shown(_documents(session, ids), handed)


def _require_shown(found: Iterable[Document], handed: Signing) -> None:
    for document in found:
        if handed.shown.get(document.id) != document.digest:
            raise Conflict(
                "document-changed",
                f"《{document.title}》在您打开之后有了改动，请刷新页面，阅读新的内容后再签。",
                document=document.id,
            )


def store(session: Session, prepared: Prepared, *, work_item_id: int | None = None, at: datetime) -> None:
    """Enter prepared signatures: three statements however many.

    :raises Conflict: ``already-signed``, ``document-changed``: somebody was faster
    """
    if prepared.contents:
        blobs.put_all(session, prepared.contents, at)
    if not prepared.rows:
        return
    # What was superseded or voided since ``prepare`` must not be signed; the lock keeps it in force until the commit.
    revisions = {row["revision_id"] for row in prepared.rows}
    current = session.execute(
        select(Revision.id, Document.title, Document.voided_at)
        .join(Document, Document.id == Revision.document_id)
        .where(Revision.id.in_(revisions), Revision.superseded_at.is_(None))
        .with_for_update(read=True)
    ).all()
    if len(current) < len(revisions):
        raise Conflict("document-changed", "文件刚刚有了改动，请刷新页面，阅读新的内容后再签。")
    for _, title, voided_at in current:
        if voided_at is not None:
            raise Conflict("document-voided", f"《{title}》刚刚作废，不能再签署。")
    try:
        session.execute(insert(Signature), [{**row, "work_item_id": work_item_id} for row in prepared.rows])
    except IntegrityError as error:
        raise Conflict("already-signed", "这一签名处刚刚已有签署结果，请刷新页面查看。") from error


def sign(
    session: Session,
    *,
    documents: Sequence[int],
    slot: str,
    authorization: dict[str, Any],
    passphrase: str,
    at: datetime,
) -> int:
    """Sign a batch as its signer agreed before (``Prepared.authorization``); documents signed already are left. Returns how many.

    :raises Conflict: ``same-person-both-sides``, ``document-voided``
    """
    open_ones = [d.id for d in _documents(session, documents) if d.slot(slot).signature is None]
    person = authorization["person"]
    outcome = authorization["outcome"]
    found = _open(session, open_ones, slot, person if outcome == "已签" else None)
    digest = authorization.get("image_digest")  # none on paper
    prepared = Prepared(
        outcome, authorization["way"], authorization["reason"], {**authorization, "slot": slot}, [], []
    )
    picture = blobs.get(session, digest) if digest else None
    _make(session, prepared, found, picture=picture, passphrase=passphrase, at=at)
    store(session, prepared, at=at)
    return len(prepared.rows)


def seal(
    session: Session,
    *,
    document_id: int,
    slot: str,
    unit_id: int,
    unit_name: str,
    person_id: int | None,
    reason: str,
    passphrase: str,
    at: datetime,
) -> bool:
    """Put the unit's seal on a document, and a line in its 用印登记. False where the unit owns none.

    :param person_id: who approved it; who may is ``seals.require_keeper``
    :raises Conflict: ``already-signed``, ``document-voided``
    """
    owned = seals.of_unit(session, unit_id)
    if owned is None:
        return False
    found = _open(session, [document_id], slot, None)
    authorization = {
        "person": None,
        "name": unit_name,
        "capacity": "演示印章" if owned.demo else "印章",
        "slot": slot,
        "outcome": "已签",
        "way": "电子",
        "reason": None,
        "image_digest": owned.image_digest,
    }
    prepared = Prepared("已签", "电子", None, authorization, [], [])
    picture = blobs.get(session, owned.image_digest)
    _make(session, prepared, found, picture=picture, passphrase=passphrase, at=at, unit_id=unit_id)
    store(session, prepared, at=at)
    session.add(
        seals.SealUse(
            seal_id=owned.id, document_id=document_id, person_id=person_id, reason=reason, used_at=at
        )
    )
    session.flush()
    return True


def record(
    session: Session,
    *,
    document_id: int,
    slot: str,
    outcome: str,
    signer: str,
    capacity: str = "",
    person_id: int | None = None,
    way: str = "电子",
    reason: str | None = None,
    witness_id: int | None = None,
    attested_by_id: int | None = None,
    scan: bytes | None = None,
    at: datetime,
) -> None:
    """Enter what became of a slot without a cryptographic signature: overdue, refused, impossible, or signed on paper.

    :raises Invalid: 已签 without a scan of the paper; another outcome without a reason
    :raises Conflict: ``already-signed``, ``same-person-both-sides``, ``document-voided``
    """
    handed = Signing(outcome, way, None, {}, reason, witness_id, scan, attested_by_id)
    if outcome != "逾期":
        _check(handed, person_id, by_engine=True)
    contents, common = _evidence(handed, person_id)
    authorization = {"person": person_id, "name": signer, "capacity": capacity, "slot": slot, **common}
    prepared = Prepared(outcome, way, reason, authorization, [], contents)
    found = _open(session, [document_id], slot, person_id if outcome == "已签" else None)
    _make(session, prepared, found, picture=None, passphrase="", at=at)
    store(session, prepared, at=at)
    _forget(session, found)


def _check(handed: Signing, person_id: int | None, *, by_engine: bool = False) -> None:
    errors = {}
    if handed.outcome not in OUTCOMES[:3]:
        errors["_outcome"] = "请选择签署结果。"
    elif handed.outcome != "已签":
        if not (handed.reason or "").strip():
            errors["_reason"] = f"{handed.outcome}时请填写理由。"
        if handed.outcome == "无法签" and handed.witness is None:
            errors["_witness"] = "请选择见证人。"
        elif handed.witness is not None and handed.witness == person_id:
            errors["_witness"] = "见证人不能是本人。"
    elif handed.way == "纸质":
        kind = next((kind for start, kind in SCANS.items() if (handed.scan or b"").startswith(start)), None)
        if not handed.scan:
            errors["_scan"] = "请上传签字页的扫描件。"
        elif kind is None or len(handed.scan) > MAX_SCAN:
            errors["_scan"] = "扫描件应是 PDF、PNG 或 JPEG，不超过 20 MB。"
    elif handed.way != "电子" or by_engine:
        errors["_outcome"] = "请选择签署方式。"
    elif handed.handwriting is None:
        errors["_signature"] = "请手写签名。"
    else:
        handed.handwriting.check()
    if errors:
        raise Invalid("signature", "；".join(errors.values()), errors)


def _evidence(handed: Signing, person_id: int | None) -> tuple[list[tuple[bytes, str]], dict[str, Any]]:
    """The files handed in, and the columns that they and the rest fill."""
    contents = []
    common: dict[str, Any] = {
        "outcome": handed.outcome,
        "way": handed.way,
        "reason": (handed.reason or "").strip() or None,
        "witness_id": handed.witness,
    }
    if handed.outcome == "已签" and handed.way == "电子" and handed.handwriting:
        svg = handed.handwriting.svg.encode()
        contents.append((svg, "image/svg+xml"))
        common["handwriting_digest"] = blobs.digest_of(svg)
    if handed.outcome == "已签" and handed.way == "纸质" and handed.scan:
        kind = next(kind for start, kind in SCANS.items() if handed.scan.startswith(start))
        contents.append((handed.scan, kind))
        common |= {
            "scan_digest": blobs.digest_of(handed.scan),
            "attested_by_id": handed.attested_by or person_id,
        }
    return contents, common


def _post(capacity: str) -> str:
    """The post in a capacity such as 中共…支部委员会主持工作的副书记, whose unit the page names already; empty for 承诺人."""
    found = re.search(rf"({ACTING}的)?({'|'.join(sorted(POSTS, key=len, reverse=True))})$", capacity)
    return found[0] if found else ""


def _documents(session: Session, ids: Sequence[int]) -> list[Document]:
    found = documents(session, ids)
    if len(found) < len(set(ids)):
        raise NotFound("no-document", "没有这份文件。")
    return found


def _open(session: Session, ids: Sequence[int], slot: str, signer: int | None) -> list[Document]:
    """The documents, where the slot is free and the signer has signed no other side."""
    found = _documents(session, ids)
    for document in found:
        _require_live(document)
        if document.slot(slot).signature is not None:
            raise Conflict(
                "already-signed", f"《{document.title}》的这一签名处已有签署结果，请刷新页面查看。"
            )
        others = (s.signature for s in document.slots if s.kind == "签名" and s.slot != slot)
        if signer is not None and any(o and o.outcome == "已签" and o.person_id == signer for o in others):
            raise Conflict(
                "same-person-both-sides",
                f"签名人已代表另一方签署《{document.title}》，一人不能签双方；请由本单位另一位负责人签署。",
                document=document.id,
            )
    return found


def _make(
    session: Session,
    prepared: Prepared,
    found: Sequence[Document],
    *,
    picture: bytes | None,
    passphrase: str,
    at: datetime,
    unit_id: int | None = None,
) -> None:
    """Fill ``rows`` and ``contents``: the cryptography of ``prepare``, ``sign`` and ``seal``."""
    granted = prepared.authorization
    row = {
        "person_id": granted["person"],
        "signer": granted["name"],
        "capacity": granted["capacity"],
        "signed_at": at,
        **{
            column: granted.get(column)
            for column in (
                *("outcome", "way", "reason", "witness_id", "attested_by_id"),
                *("scan_digest", "handwriting_digest", "image_digest"),
            )
        },
        "xml_digest": None,
        "certificate_id": None,
        **dict(zip(("instance_id", "element_id"), session.info.get(MAKER, (None, None)), strict=True)),
    }
    electronic = prepared.outcome == "已签" and prepared.way == "电子" and found
    if electronic:
        certificate = authority.certificate_of(
            session,
            person_id=None if unit_id else granted["person"],
            unit_id=unit_id,
            name=granted["name"],
            passphrase=passphrase,
            at=at,
        )
        key, chain = authority.load_key(certificate, passphrase), authority.chain(session)
        bases = _bases(session, [document.digest for document in found])
    for document in found:
        slot = document.slot(granted["slot"])
        own = {**row, "revision_id": document.revision.id, "slot_id": slot.id}
        if electronic:
            part = signing.signature_part(
                bases[document.digest],
                key=key,
                certificate=certificate.x509,
                chain=chain,
                line_id=line_id(slot.slot),
                image_png=picture,
                capacity=granted["capacity"],
                signer_name=granted["name"],
                comment=f"《{document.title}》{slot.label}，{local(at):%Y-%m-%d %H:%M}",
                at=at,
                picture=_picture_of(document, slot.id),
            )
            prepared.contents.append((part, "application/xml"))
            own |= {"xml_digest": blobs.digest_of(part), "certificate_id": certificate.id}
        prepared.rows.append(own)


def _picture_of(document: Document, slot_id: int) -> signing.Picture:
    """How the slot's picture is signed. LibreOffice bears two plain ones: persons' before seals'."""
    ranked = sorted(document.slots, key=lambda slot: (slot.kind == "印章", slot.position))
    for rank, slot in enumerate(ranked):
        if slot.id == slot_id and rank >= 2:
            return "named" if slot.kind == "签名" else "inside"
    return "plain"


def _bases(session: Session, digests: Sequence[str]) -> dict[str, bytes]:
    rows = session.execute(
        select(blobs.Blob.digest, blobs.Blob.content).where(blobs.Blob.digest.in_(set(digests)))
    )
    return {row.digest: row.content for row in rows}


def _require_live(document: Document) -> None:
    if document.voided_at is not None:
        raise Conflict(
            "document-voided", f"《{document.title}》已作废（{document.void_reason}），不能再签署或修改。"
        )


def _forget(session: Session, changed: Iterable[Document]) -> None:
    """Let a session that has read the documents read them again."""
    for document in changed:
        for slot in document.slots:
            session.expire(slot, ["signature"])
        session.expire(document, ["revision", "slots"])
