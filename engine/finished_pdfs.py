"""Finished PDFs: once all have signed a document, one job prints it and signs the print by PAdES, in the order of signing.

The signature under a .docx and the one in its PDF rest on the same act: whoever signed agreed to the document, and its PDF is made in
his name with his certificate and the moment of his act. Only who signed electronically has one; a signature on paper, a refusal or
an overdue place leaves none.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import String, cast, exists, insert, literal, select
from sqlalchemy.orm import Session

from engine import jobs
from engine.clock import local
from engine.database import UtcDateTime
from engine.documents import authority, register, revisions, signatures, timestamps
from engine.documents.authority import Certificate
from engine.documents.register import Document
from engine.documents.revisions import Revision
from engine.documents.signature_lines import line_id
from engine.documents.slots import Signature, SignatureSlot
from engine.errors import Conflict, LvzeError
from engine.jobs import Job
from engine.pki import KeyKind
from engine.runtime import Runtime

if TYPE_CHECKING:
    from engine.documents.pades import Field
    from engine.documents.pdf import Rendered

logger = logging.getLogger("lvze.jobs")

#: keys that readers of PDF can check; a holder of an SM2 key signs PDFs with another of his
KINDS: tuple[KeyKind, ...] = ("RSA", "ECDSA")
#: after errors of the time stamp server the job waits so long: nobody has to see to it
AGAIN = timedelta(minutes=5)
AWAY = frozenset({"unreachable", "too-large", "time-stamp"})
# Job and diagram may ask for the same PDF at once: the second one finds it made.
_making = [threading.Lock() for _ in range(64)]


@dataclass(frozen=True, slots=True)
class _Draft:
    """What the PDF of a document is made from.

    :ivar outcomes: ids of what became of its places: of the signatures that it shows among them
    """

    title: str
    revision_id: int
    docx: bytes
    outcomes: frozenset[int]
    signers: list[_Signer]
    crls: list[bytes]


@dataclass(frozen=True, slots=True)
class _Signer:
    """:ivar line: id of the signature line that the page shows it on"""

    signature_id: int
    line: str
    field: Field


def enqueue(session: Session, revision_ids: Iterable[int], at: datetime) -> None:
    """One job for each of these revisions, on which somebody has just acted, where no place is open any more. One statement."""
    live = exists().where(
        Signature.slot_id == SignatureSlot.id,
        Signature.revision_id == Revision.id,
        Signature.voided_at.is_(None),
    )
    an_open_place = exists().where(SignatureSlot.document_id == Revision.document_id, ~live)
    moment = literal(at, UtcDateTime)
    complete = select(literal("pdf"), cast(Revision.id, String), moment, moment).where(
        Revision.id.in_(set(revision_ids)), Revision.superseded_at.is_(None), ~an_open_place
    )
    session.execute(insert(Job).from_select(["kind", "payload", "due_at", "created_at"], complete))


def run(runtime: Runtime, job: Job, at: datetime) -> None:
    """The job: renders, signs and keeps, unless a place is open again or somebody has done it. It waits while the time stamp server
    is away; until then readers have the preview."""
    with runtime.database.read() as session:
        revision = session.get_one(Revision, job.payload)
        document = register.get(session, revision.document_id)
        wanted = (
            revision.superseded_at is None
            and document.voided_at is None
            and all(slot.signature is not None for slot in document.slots)
        )
    if wanted:
        try:
            with jobs.renewing(runtime.database, job):
                finish(runtime, document.id, at)
        except LvzeError as error:
            if error.code not in AWAY:
                raise
            logger.warning("the PDF of document %s waits for its time stamps: %s", document.id, error)
            with runtime.database.write() as session:
                jobs.park(session, job, until=at + AGAIN)
            return
    with runtime.database.write() as session:
        jobs.finish(session, job)


def finish(runtime: Runtime, document_id: int, at: datetime) -> None:
    """Make the PDF of a document as it is signed now, where there is none that shows all of it.

    :raises Conflict: ``document-changed``: it was signed, or its text changed, meanwhile
    :raises LvzeError: the time stamp server is away
    :raises Invalid: the document takes too long or too much memory to render
    """
    from engine.documents import pades  # half a second to import

    with _making[document_id % len(_making)]:
        with runtime.database.read() as session:
            document = register.get(session, document_id)
            if document.pdf_digest is not None:
                return
            draft = _draft(session, runtime, document, at)
        rendered = runtime.renderer.render(draft.docx)
        server = timestamps.server(runtime.settings)
        fields = [_placed(signer, rendered) for signer in draft.signers]
        signed = pades.sign(rendered.pdf, fields, server=server, crls=draft.crls)
        with runtime.database.write() as session:
            live = signatures.live(session, draft.revision_id, lock=True)
            if live != draft.outcomes:
                raise Conflict("document-changed", f"《{draft.title}》刚刚又有签署，正在重新生成 PDF。")
            digests = zip((s.signature_id for s in draft.signers), signed.digests, strict=True)
            signatures.keep_cms_digests(session, dict(digests))
            revisions.set_pdf(
                session,
                draft.revision_id,
                pdf=signed.pdf,
                page_count=rendered.pages,
                outcomes=len(draft.outcomes),
                at=at,
            )


def _draft(session: Session, runtime: Runtime, document: Document, at: datetime) -> _Draft:
    signed = [slot for slot in document.slots if slot.signature is not None and slot.signature.is_electronic]
    # In the order of signing, seals last (docs/decisions/014).
    signed.sort(key=lambda slot: (slot.kind == "印章", slot.signature.id if slot.signature else 0))
    passphrase = runtime.settings.passphrase
    stamped = runtime.settings.tsa_url and authority.root(session) is not None
    return _Draft(
        document.title,
        document.revision.id,
        register.package(session, document),
        signatures.live(session, document.revision.id),
        [_signer(session, runtime, document, slot, at) for slot in signed],
        [authority.crl(session, passphrase=passphrase, at=at)] if stamped else [],
    )


def _signer(
    session: Session, runtime: Runtime, document: Document, slot: SignatureSlot, at: datetime
) -> _Signer:
    from engine.documents.pades import Field

    one = slot.signature
    assert one is not None
    passphrase, moment = runtime.settings.passphrase, one.signed_at
    certificate = session.get_one(Certificate, one.certificate_id)
    if certificate.algorithm in KINDS and certificate.revoked_at is None and certificate.not_after > at:
        key = authority.open_key(session, certificate, passphrase)
    else:  # signed anew, with what he has now
        moment = at
        with runtime.database.write() as writing:
            key = authority.signing_key(
                writing,
                person_id=None if slot.kind == "印章" else one.person_id,
                unit_id=slot.unit_id if slot.kind == "印章" else None,
                name=one.signer,
                passphrase=passphrase,
                at=at,
                kinds=KINDS,
            )
    return _Signer(
        one.id,
        line_id(slot.slot),
        Field(
            name=f"{slot.position} {slot.label}".replace(".", "．"),
            label=slot.label,
            key=key,
            signer=one.signer,
            capacity=one.capacity,
            comment=f"《{document.title}》{slot.label}，{local(one.signed_at):%Y-%m-%d %H:%M}",
            at=moment,
        ),
    )


def _placed(signer: _Signer, rendered: Rendered) -> Field:
    place = next((place for place in rendered.places if place.key == f"line:{signer.line}"), None)
    return replace(signer.field, place=place)
