"""Acts of signing: who signed exactly which bytes, or why not.

``prepare`` reads and does the cryptography; ``store`` writes in the completion's transaction, which finds by constraint whether
somebody was faster.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, and_, bindparam, exists, func, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from engine import blobs
from engine.clock import local
from engine.documents import authority, seals, signing
from engine.documents.handwriting import Handwriting
from engine.documents.register import MAKER, Document, forget, require_live, required
from engine.documents.revisions import Revision
from engine.documents.signature_lines import line_id
from engine.documents.slots import OUTCOMES, UNSTAMPED, Signature, SignatureSlot, picture_way
from engine.documents.verification import Voided
from engine.errors import Conflict, Invalid
from engine.organisation.people import Person
from engine.organisation.posts import ACTING, POSTS

SCANS = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
MAX_SCAN = 20 * 1024 * 1024


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

    @property
    def revisions(self) -> set[int]:
        """Ids of the revisions that are signed."""
        return {row["revision_id"] for row in self.rows}


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
    _require_shown(required(session, ids), handed)


def _require_shown(found: Iterable[Document], handed: Signing) -> None:
    for document in found:
        if handed.shown.get(document.id) != document.digest:
            raise Conflict(
                "document-changed",
                f"《{document.title}》在您打开之后有了改动，请刷新页面，阅读新的内容后再签。",
                document=document.id,
            )


def store(session: Session, prepared: Prepared, *, work_item_id: int | None = None, at: datetime) -> None:
    """Enter prepared signatures: two statements however many.

    What was superseded or voided since ``prepare`` must not be signed: the rows are entered from the revision in force, which stays
    locked until the commit. So of two who sign one document at once the second sees the first.

    :raises Conflict: ``already-signed``, ``document-changed``, ``document-voided``: somebody was faster
    """
    if prepared.contents:
        blobs.put_all(session, prepared.contents, at)
    if not prepared.rows:
        return
    columns = Signature.__table__.c
    names = [*prepared.rows[0], "work_item_id"]
    in_force = (
        select(*(bindparam(f"new_{name}", type_=columns[name].type) for name in names))
        .select_from(Revision)
        .join(Document, Document.id == Revision.document_id)
        .where(Revision.id == bindparam("new_revision_id", type_=columns["revision_id"].type))
        .where(Revision.superseded_at.is_(None), Document.voided_at.is_(None))
        .with_for_update(key_share=True)
    )
    given = [
        {f"new_{name}": value for name, value in {**row, "work_item_id": work_item_id}.items()}
        for row in sorted(prepared.rows, key=lambda row: int(row["revision_id"]))
    ]
    enter = insert(Signature).from_select(names, in_force).execution_options(preserve_rowcount=True)
    try:
        entered = session.connection().execute(enter, given)
    except IntegrityError as error:
        raise Conflict("already-signed", "这一签名处刚刚已有签署结果，请刷新页面查看。") from error
    if entered.rowcount < len(given):
        raise _overtaken(session, prepared.revisions)


def _overtaken(session: Session, revision_ids: Iterable[int]) -> Conflict:
    title = session.scalar(
        select(Document.title)
        .join(Revision, Revision.document_id == Document.id)
        .where(Revision.id.in_(revision_ids), Document.voided_at.is_not(None))
    )
    if title is not None:
        return Conflict("document-voided", f"《{title}》刚刚作废，不能再签署。")
    return Conflict("document-changed", "文件刚刚有了改动，请刷新页面，阅读新的内容后再签。")


def live(session: Session, revision_id: int, *, lock: bool = False) -> frozenset[int]:
    """What has become of a revision's places so far; nothing more than that until the commit, where it is locked."""
    if lock:
        session.execute(select(Revision.id).where(Revision.id == revision_id).with_for_update(key_share=True))
    found = select(Signature.id).where(Signature.revision_id == revision_id, Signature.voided_at.is_(None))
    return frozenset(session.scalars(found))


def keep_cms_digests(session: Session, digests: Mapping[int, str]) -> None:
    """Enter by which digests the signatures (ids) are known in the finished PDF."""
    rows = [{"id": id, "cms_digest": digest} for id, digest in digests.items()]
    if rows:
        session.execute(update(Signature), rows)


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
    open_ones = [d.id for d in required(session, documents) if d.slot(slot).signature is None]
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
    applicant: int | None = None,
    copies: int = 1,
    passphrase: str,
    at: datetime,
) -> bool:
    """Put the unit's seal on a document, and a line in its 用印登记. False where the unit owns none.

    :param person_id: who approved it; who may is ``seals.require_keeper``
    :param applicant: who had the document made
    :param copies: how many are printed and stamped
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
    seals.use(
        session,
        owned,
        document_id=document_id,
        approved_by=person_id,
        applicant=applicant,
        reason=reason,
        copies=copies,
        at=at,
    )
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
    forget(session, found)


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
    forget(session, [held[document] for document in changed])


def voided(session: Session, digests: Iterable[str]) -> dict[str, Voided]:
    """Those of the signatures (digests of .docx parts, or of what a PDF holds) that were given by this house and are void now."""
    by, again, wanted = aliased(Person), aliased(Signature), list(digests)
    rows = session.execute(
        select(Signature, Document.title, SignatureSlot.label, by.name)
        .join(SignatureSlot, SignatureSlot.id == Signature.slot_id)
        .join(Document, Document.id == SignatureSlot.document_id)
        .outerjoin(by, by.id == Signature.voided_by_id)
        .where(or_(Signature.xml_digest.in_(wanted), Signature.cms_digest.in_(wanted)))
        .where(Signature.voided_at.is_not(None))
        .where(~exists().where(again.xml_digest == Signature.xml_digest, again.voided_at.is_(None)))
    )
    return {
        digest: Voided(title, label, one.signer, one.void_reason or "", one.voided_at, name)
        for one, title, label, name in rows
        for digest in (one.xml_digest, one.cms_digest)
        if one.voided_at is not None and digest is not None
    }


def unstamped(session: Session, limit: int) -> list[tuple[int, bytes]]:
    """Id and part of signatures in force that no time stamp stands beside, the newest first."""
    rows = session.execute(
        select(Signature.id, blobs.Blob.content)
        .join(blobs.Blob, blobs.Blob.digest == Signature.xml_digest)
        .where(text(UNSTAMPED))
        .order_by(Signature.id.desc())
        .limit(limit)
    )
    return [(row.id, row.content) for row in rows]


def unstamped_since(session: Session) -> tuple[int, datetime | None]:
    """How many signatures wait for a time stamp, and when the first of them was given."""
    waiting = select(func.count(), func.min(Signature.signed_at)).where(text(UNSTAMPED))
    count, first = session.execute(waiting).one()
    return count, first


@dataclass(frozen=True, slots=True)
class Use:
    """A signature that was made with a certificate."""

    document_id: int
    title: str
    label: str
    capacity: str
    signed_at: datetime
    stamped_at: datetime | None
    voided_at: datetime | None


def uses(session: Session, certificate_id: int, limit: int) -> list[Use]:
    """What was signed with a certificate, the newest first."""
    rows = session.execute(
        select(Signature, Document.id.label("document"), Document.title, SignatureSlot.label)
        .join(SignatureSlot, SignatureSlot.id == Signature.slot_id)
        .join(Document, Document.id == SignatureSlot.document_id)
        .where(Signature.certificate_id == certificate_id)
        .order_by(Signature.id.desc())
        .limit(limit)
    )
    return [
        Use(document, title, label, one.capacity, one.signed_at, one.stamped_at, one.voided_at)
        for one, document, title, label in rows
    ]


def keep_stamp(
    session: Session, signature_id: int, token: bytes, *, stamped_at: datetime, at: datetime
) -> bool:
    """Keep a time stamp beside its signature, whose own bytes stay as they are. False where it has one by now."""
    digest = blobs.put(session, token, "application/timestamp-token", at)
    done = session.execute(
        update(Signature)
        .where(Signature.id == signature_id, text(UNSTAMPED))
        .values(stamp_digest=digest, stamped_at=stamped_at)
        .execution_options(synchronize_session=False)
    )
    assert isinstance(done, CursorResult)
    return done.rowcount == 1


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


def _open(session: Session, ids: Sequence[int], slot: str, signer: int | None) -> list[Document]:
    """The documents, where the slot is free and the signer has signed no other side."""
    found = required(session, ids)
    for document in found:
        require_live(document)
        if document.slot(slot).signature is not None:
            raise Conflict(
                "already-signed", f"《{document.title}》的这一签名处已有签署结果，请刷新页面查看。"
            )
        if document.ordered:
            _require_turn(document, slot)
        others = (s.signature for s in document.slots if s.kind == "签名" and s.slot != slot)
        if signer is not None and any(o and o.outcome == "已签" and o.person_id == signer for o in others):
            raise Conflict(
                "same-person-both-sides",
                f"签名人已代表另一方签署《{document.title}》，一人不能签双方；请由本单位另一位负责人签署。",
                document=document.id,
            )
    return found


def _require_turn(document: Document, slot: str) -> None:
    """The slots before this one have their outcomes."""
    for before in document.slots:
        if before.slot == slot:
            return
        if before.signature is None:
            raise Conflict(
                "not-his-turn",
                f"《{document.title}》按顺序签署，请等“{before.role or before.label}”签署之后再签。",
                document=document.id,
            )


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
        key = authority.open_key(session, certificate, passphrase)
        bases = _bases(session, [document.digest for document in found])
    for document in found:
        slot = document.slot(granted["slot"])
        own = {**row, "revision_id": document.revision.id, "slot_id": slot.id}
        if electronic:
            part = signing.signature_part(
                bases[document.digest],
                key=key,
                line_id=line_id(slot.slot),
                image_png=picture,
                capacity=granted["capacity"],
                signer_name=granted["name"],
                comment=f"《{document.title}》{slot.label}，{local(at):%Y-%m-%d %H:%M}",
                at=at,
                picture=picture_way(document.slots, slot.id),
            )
            prepared.contents.append((part, "application/xml"))
            own |= {"xml_digest": blobs.digest_of(part), "certificate_id": certificate.id}
        prepared.rows.append(own)


def _bases(session: Session, digests: Sequence[str]) -> dict[str, bytes]:
    rows = session.execute(
        select(blobs.Blob.digest, blobs.Blob.content).where(blobs.Blob.digest.in_(set(digests)))
    )
    return {row.digest: row.content for row in rows}
