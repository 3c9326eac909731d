"""验真: what a stranger who holds a document may learn of it, by its code or from its file, without a login.

Whoever knows the code has the paper before him, so the page repeats what is printed there: title, number, unit, signers with their
posts. Two kinds of documents tell no more than whether they are true: classified ones (密级), always, and those that a ledger
discloses to the branch (支部) alone, unless the file itself is brought, which holds all of it already.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from engine import blobs, ledgers
from engine.clock import local
from engine.documents import (
    authority,
    bounded_verification,
    codes,
    differences,
    register,
    signatures,
    signing,
    verification,
)
from engine.documents.authority import Certificate
from engine.documents.register import Document
from engine.documents.revisions import Revision
from engine.documents.slots import Signature
from engine.documents.verification import Verification
from engine.errors import Invalid, NotFound
from engine.instances import ProcessInstance
from engine.organisation import units

Verdict = Literal["in-force", "refused", "unfinished", "superseded", "void"]
"""``refused``: nothing is open any more and somebody did not sign."""
State = Literal["exact", "altered", "unknown"]


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """:ivar serial: hexadecimal
    :ivar algorithm: of its key, such as RSA 2048
    """

    subject: str
    issuer: str
    serial: str
    algorithm: str
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """What became of one place for a signature or seal.

    :ivar outcome: 已签, 拒签, 无法签 or 逾期; None while it is open
    :ivar way: 电子 or 纸质, which is no cryptographic signature
    """

    label: str
    kind: str
    capacity: str
    signer: str = ""
    outcome: str | None = None
    way: str = ""
    at: datetime | None = None
    certificate: CertificateFacts | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a document stands in the register.

    :ivar disclosed: title, number, unit and signers may be told; they are empty where not
    :ivar reason: why it is void
    :ivar successor: code, if it has one, and title of the document that took its place
    :ivar signed_at: when the last one signed
    :ivar revision: number of the revision in force
    :ivar digest: SHA-256 of its .docx with all signatures; ``pdf_digest`` of the PDF that was made of it
    """

    verdict: Verdict
    disclosed: bool
    code: str | None
    kind: str
    issued_at: datetime
    revision: int
    digest: str
    pdf_digest: str | None
    title: str = ""
    number: str | None = None
    unit: str = ""
    reason: str | None = None
    voided_at: datetime | None = None
    successor: tuple[str | None, str] | None = None
    signed_at: datetime | None = None
    signed: tuple[Signed, ...] = ()


@dataclass(frozen=True, slots=True)
class Brought:
    """What a file proved to be.

    :ivar state: ``exact``: byte for byte a revision of a document of this house, with signatures that it was given; ``altered``:
        made from one; ``unknown``: the register knows nothing of it
    :ivar verification: its signatures, one by one; None of a PDF without any
    :ivar standing: of the document that it is or was made from
    :ivar revision: number of the revision that it is
    :ivar current: that revision is the one in force
    :ivar later: labels of the signatures that were given after it had been copied
    :ivar changes: sentences: what tells it from what the register holds
    """

    state: State
    verification: Verification | None
    standing: Standing | None = None
    revision: int | None = None
    current: bool = False
    later: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()

    @property
    def voided(self) -> bool:
        """A signature in it is void."""
        return self.verification is not None and any(s.voided for s in self.verification.signatures)

    @property
    def authentic(self) -> bool:
        """The document in force, whole and unchanged."""
        return (
            self.state == "exact"
            and self.current
            and not self.voided
            and not self.later
            and (self.verification is None or self.verification.valid or not self.verification.signatures)
            and self.standing is not None
            and self.standing.verdict == "in-force"
        )


def of_code(session: Session, text: str) -> Standing:
    """:raises NotFound: ``no-code``: it cannot be one, or no document bears it"""
    return _standing(session, _by_code(session, codes.typed(text)))


def _by_code(session: Session, code: str) -> Document:
    found = session.scalar(select(Document).where(Document.code == code))
    if found is None:
        raise NotFound(
            "no-code",
            f"登记簿里没有验真码为 {codes.shown(code)} 的文件。请核对验真码；核对无误仍查不到的，不是本单位发出的文件。",
        )
    return found


def _standing(session: Session, document: Document, *, brought: bool = False) -> Standing:
    revision = document.revision
    standing = Standing(
        verdict=_verdict(session, document),
        disclosed=False,
        code=document.code,
        kind=document.kind,
        issued_at=document.created_at,
        revision=revision.seq,
        digest=blobs.digest_of(register.package(session, document)),
        pdf_digest=document.pdf_digest,
        voided_at=document.voided_at,
    )
    if not _discloses(session, document, brought=brought):
        return standing
    given = [slot.signature.signed_at for slot in document.slots if slot.signature is not None]
    return replace(
        standing,
        disclosed=True,
        title=document.title,
        number=document.number,
        unit=_unit(session, document),
        reason=document.void_reason,
        successor=_successor(session, document),
        signed_at=max(given, default=None),
        signed=_signed(session, document),
    )


def _successor(session: Session, document: Document) -> tuple[str | None, str] | None:
    found = register.successor(session, document.id)
    if found is None:
        return None
    return found.code, found.title if _discloses(session, found, brought=False) else found.kind


def _verdict(session: Session, document: Document) -> Verdict:
    if document.voided_at is not None:
        return "void"
    if register.successor(session, document.id) is not None:
        return "superseded"
    outcomes = [None if slot.signature is None else slot.signature.outcome for slot in document.slots]
    if None in outcomes or not (outcomes or _issued(session, document)):
        return "unfinished"
    return "in-force" if set(outcomes) <= {"已签", "无法签"} else "refused"


def _issued(session: Session, document: Document) -> bool:
    """Whether a document that nobody signs has left the hands of those who work on it."""
    if document.revision.pdf_digest is not None or document.instance_id is None:
        return True
    return session.get_one(ProcessInstance, document.instance_id).ended_at is not None


def _discloses(session: Session, document: Document, *, brought: bool) -> bool:
    if document.classification is not None:
        return False
    # Rows that are superseded or void too: what only the branch was to read is not everybody's since.
    entry = ledgers.LedgerEntry
    rows = session.scalars(select(entry.audience).where(entry.document_id == document.id)).all()
    return brought or "支部" not in rows


def _unit(session: Session, document: Document) -> str:
    """The name of the unit as it was when the document was made."""
    if document.unit_id is None:
        return ""
    try:
        return units.name_on(session, document.unit_id, local(document.created_at).date()).name
    except NotFound:
        return units.get(session, document.unit_id).name


def _signed(session: Session, document: Document) -> tuple[Signed, ...]:
    given = {s.signature.certificate_id for s in document.slots if s.signature is not None} - {None}
    held = {c.id: c for c in session.scalars(select(Certificate).where(Certificate.id.in_(given)))}
    out = []
    for slot in document.slots:
        base, one = Signed(slot.label, slot.kind, slot.capacity), slot.signature
        certificate = held.get(one.certificate_id or 0) if one is not None else None
        out.append(
            base
            if one is None
            else replace(
                base,
                capacity=one.capacity or slot.capacity,
                signer=one.signer,
                outcome=one.outcome,
                way=one.way,
                at=one.signed_at,
                certificate=None if certificate is None else facts(certificate.x509, certificate.revoked_at),
            )
        )
    return tuple(out)


def facts(certificate: x509.Certificate, revoked_at: datetime | None = None) -> CertificateFacts:
    return CertificateFacts(
        subject=_common_name(certificate.subject),
        issuer=_common_name(certificate.issuer),
        serial=f"{certificate.serial_number:X}",
        algorithm=_algorithm(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        revoked_at=revoked_at,
    )


def _common_name(name: x509.Name) -> str:
    names = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else name.rfc4514_string()


def _algorithm(certificate: x509.Certificate) -> str:
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):  # a curve that the library does not know
        return "SM2"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    return f"ECDSA {key.curve.name}" if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__


def of_file(session: Session, content: bytes, *, asked: str | None = None, at: datetime) -> Brought:
    """Check a file in full. Never raises on a bad file.

    :param asked: the code on whose page it was brought, where two documents have the same bytes
    """
    if content.startswith(b"%PDF-"):
        return _of_pdf(session, content, asked, at)
    found = check(session, content, at)
    given = {report.digest for report in found.signatures}
    try:
        base = blobs.digest_of(signing.base_package(content))
    except Invalid:
        return Brought("unknown", found)
    revision = _revision(session, Revision.base_digest == base, asked)
    if revision is None:
        source = _source(session, content, given)
        if source is None:
            return Brought("unknown", found)
        said = () if found.signatures and found.changes else ("文件的内容与登记簿中的各版都不相同。",)
        return Brought("altered", found, _standing(session, source), changes=(*found.changes, *said))
    document = register.get(session, revision.document_id)
    rows = session.scalars(
        select(Signature)
        .where(Signature.revision_id == revision.id, Signature.xml_digest.is_not(None))
        .order_by(Signature.id)
    )
    known = {one.xml_digest or "": one for one in rows}
    changes = [*(found.changes if given else _draft_changes(content)), *_foreign(given - known.keys())]
    if changes:
        return Brought("altered", found, _standing(session, document), revision.seq, changes=tuple(changes))
    labels = {slot.id: slot.label for slot in document.slots}
    later = [
        labels[one.slot_id] for digest, one in known.items() if one.voided_at is None and digest not in given
    ]
    return Brought(
        "exact",
        found,
        _standing(session, document, brought=True),
        revision.seq,
        current=revision.superseded_at is None,
        later=tuple(later),
    )


def check(session: Session, content: bytes, at: datetime) -> Verification:
    """The signatures of any .docx or PDF against this installation's authority, with what the register knows to be void."""
    verify = bounded_verification.verify if content.startswith(b"%PDF-") else verification.verify
    found = verify(
        content,
        trusted=authority.trusted(session),
        revoked=authority.revoked(session),
        at=at,
        stampers=authority.stampers(session),
    )
    voided = signatures.voided(session, [report.digest for report in found.signatures])
    for report in found.signatures:
        report.voided = voided.get(report.digest)
        if report.certificate is not None:
            report.label = authority.label_of(session, report.certificate)
    return found


def _draft_changes(content: bytes) -> list[str]:
    """A file without signatures is what was shown for signing, byte for byte, or it was packed anew."""
    if signing.base_package(content) == content:
        return []
    return ["文件被重新打包或另存：与登记的字节不同。请使用原始文件。"]


def _foreign(digests: Iterable[str]) -> list[str]:
    return ["文件中有登记簿里没有的签名。" for _ in list(digests)[:1]]


def _of_pdf(session: Session, content: bytes, asked: str | None, at: datetime) -> Brought:
    found = check(session, content, at)
    given = {report.digest for report in found.signatures}
    shown = found if given else None  # a PDF that nobody signs is known by its bytes alone
    revision = _revision(session, Revision.pdf_digest == blobs.digest_of(content), asked)
    if revision is None:  # made from one, or an earlier one of a document that was signed anew
        query = select(Signature).where(Signature.cms_digest.in_(given)).order_by(Signature.id)
        known = session.scalars(query).all()
        revision = session.get(Revision, known[-1].revision_id) if known else None
        if revision is None:
            return Brought("unknown", shown)
        changes = [*found.changes, *_foreign(given - {one.cms_digest for one in known})]
        if changes:
            source = register.get(session, revision.document_id)
            return Brought("altered", found, _standing(session, source), revision.seq, changes=tuple(changes))
    document = register.get(session, revision.document_id)
    return Brought(
        "exact",
        shown,
        _standing(session, document, brought=True),
        revision.seq,
        current=revision.superseded_at is None,
        later=_after(document, given, 0 if given else revision.pdf_outcomes or 0),
    )


def _after(document: Document, given: set[str], count: int) -> tuple[str, ...]:
    """Labels of the signatures that a PDF lacks: those whose CMS is not in it, or in one without any all after the first ``count``."""
    acts = sorted(
        (slot.signature.id, slot.label, slot.signature.cms_digest)
        for slot in document.slots
        if slot.signature is not None and slot.signature.outcome == "已签"
    )
    if given:
        return tuple(label for _, label, digest in acts if digest is not None and digest not in given)
    return tuple(label for _, label, _ in acts[count:])


def _revision(session: Session, condition: ColumnElement[bool], asked: str | None) -> Revision | None:
    """The revision of these bytes: of the document that was asked for, or else the newest."""
    found = session.execute(
        select(Revision, Document.code)
        .join(Document, Document.id == Revision.document_id)
        .where(condition)
        .order_by(Revision.id.desc())
    ).all()
    rows = sorted(found, key=lambda row: row.code != asked)
    return rows[0].Revision if rows else None


def _source(session: Session, content: bytes, given: set[str]) -> Document | None:
    """The document from which an altered file was made: by a signature that is still in it, or by the code in its text."""
    signed = session.scalar(
        select(Document)
        .join(Revision, Revision.document_id == Document.id)
        .join(Signature, Signature.revision_id == Revision.id)
        .where(Signature.xml_digest.in_(given))
        .limit(1)
    )
    if signed is not None:
        return signed
    printed = codes.printed(differences.text(content))
    return session.scalar(select(Document).where(Document.code.in_(printed)).limit(1))
