"""Archives 归档: an instance, with all below it, as one .zip that proves itself on another machine, without the database.

It holds the diagrams and whatever they pin, the documents in all their revisions with every signature ever given on them, the
evidence (handwriting, scans), the history with the checkpoints that sealed it, and the certificates. ``manifest.json`` has the digest
of every file and is signed by the installation's authority. Nothing in it depends on the moment of archiving: the same state gives
the same bytes. ``engine.archive_verification`` re-checks it; docs/programmers.md describes the format.
"""

from __future__ import annotations

import base64
import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, BinaryIO

from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from engine import blobs, deployments, history, instances, reading, values
from engine.checkpoints import Checkpoint
from engine.deployments import ProcessDefinition
from engine.documents import authority, register
from engine.documents.authority import Certificate
from engine.documents.package import write_stored
from engine.documents.register import Document
from engine.documents.revisions import Revision
from engine.documents.slots import Signature
from engine.errors import NotAllowed, NotFound
from engine.history import Entry, Event
from engine.instances import ProcessInstance
from engine.organisation import people

FORMAT, VERSION = "lvze-archive", 1
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"

#: of a signature: column of its digest -> what the file is
EVIDENCE = {
    "xml_digest": "signature",
    "stamp_digest": "time-stamp",
    "handwriting_digest": "handwriting",
    "image_digest": "picture",
    "scan_digest": "scan",
}
_ENDINGS = {
    "application/xml": "xml",
    "application/timestamp-token": "tst",
    "application/pdf": "pdf",
    "image/svg+xml": "svg",
    "image/png": "png",
    "image/jpeg": "jpg",
}
_KINDS = {
    ".bpmn": "diagram",
    ".form.json": "form",
    ".dmn": "decision",
    ".yaml": "ledger",
    ".docx": "template",
}

File = tuple[str, str, bytes]
"""Path in the archive, what it is, and its bytes."""


def require_archivist(session: Session, instance_id: int, person_id: int, on: date) -> ProcessInstance:
    """Whoever takes part in the instance, or in one above it, reads all of it and its documents; so do administrators. Who was only
    sent a copy does not carry the evidence away.

    :raises NotFound: not for this person to know of
    :raises NotAllowed: ``not-wholly``
    """
    instance = reading.require_instance(session, instance_id, person_id, on)
    if not reading.takes_part(session, instance, person_id, on):
        raise NotAllowed(
            "not-wholly", "归档包里有整件事的全部文件、签名和记录，只有经办人员和管理员可以导出。"
        )
    return instance


def write(session: Session, instance_id: int, out: BinaryIO, *, passphrase: str) -> str:
    """Write the archive of an instance and its children; returns the digest of its manifest.

    :raises NotFound: no such instance; ``no-authority``
    :raises Invalid: ``archive-too-big``: beyond what a .zip can hold
    """
    instance = instances.get(session, instance_id)
    holder = authority.root(session)
    if holder is None:
        raise NotFound("no-authority", "本系统还没有证书机构，不能归档。请先运行 lvze init。")
    key = authority.open_key(session, holder, passphrase)
    facts: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "instance": instance.id,
        "title": instance.title,
        "authority": {"serial": holder.serial, "algorithm": key.algorithm},
    }
    listed: dict[str, dict[str, Any]] = {}
    written: list[str] = []

    def contents() -> Iterator[tuple[str, bytes]]:
        for path, kind, content in _files(session, instance):
            listed[path] = {"kind": kind, "sha256": blobs.digest_of(content), "size": len(content)}
            yield path, content
        manifest = _text(facts | {"files": listed})
        written.append(blobs.digest_of(manifest))
        yield MANIFEST, manifest
        yield SIGNATURE, key.sign(manifest)

    write_stored(out, contents())
    return written[0]


def note(session: Session, instance_id: int, digest: str, *, by: int | None, at: datetime) -> None:
    """Who carried an archive away, in a stream of its own: the instance's history is in the archive."""
    entry = Entry("archived", {"instance": instance_id, "manifest": digest}, by)
    history.append_to(session, "archives", [entry], at)


def _tree(session: Session, root: ProcessInstance) -> Sequence[ProcessInstance]:
    below = ProcessInstance.path.like(f"{root.path}%")
    return session.scalars(select(ProcessInstance).where(below).order_by(ProcessInstance.id)).all()


def _files(session: Session, root: ProcessInstance) -> Iterator[File]:
    tree = _tree(session, root)
    persons: set[int] = set()
    certificates: set[int] = set()
    for definition_id in sorted({instance.definition_id for instance in tree}):
        yield from _definition(session, deployments.get(session, definition_id))
    for instance in tree:
        folder = f"instances/{instance.id}"
        events = history.read(session, instance.stream)
        persons |= {event.person_id for event in events if event.person_id is not None}
        yield f"{folder}/instance.json", "facts", _text(_instance(instance))
        yield f"{folder}/events.jsonl", "events", b"".join(map(_event, events))
        for document in register.of_instances(session, [instance.id]):
            yield from _document(
                session, f"{folder}/documents/{document.id}", document, persons, certificates
            )
        session.expunge_all()  # the bytes of one instance's documents at a time
    streams = [instance.stream for instance in tree]
    for checkpoint in _checkpoints(session, streams, root.started_at):
        yield f"checkpoints/{checkpoint.id}.json", "checkpoint", _checkpoint(checkpoint)
    yield from _certificates(session, certificates)
    names = {str(person): name for person, name in people.names(session, persons).items()}
    yield "people.json", "facts", _text(names)


def _definition(session: Session, definition: ProcessDefinition) -> Iterator[File]:
    folder = f"definitions/{definition.id}"
    facts = {
        "key": definition.key,
        "version": definition.version,
        "name": definition.name,
        "deployed_at": definition.deployed_at,
        "bpmn_digest": definition.bpmn_digest,
        "resources": definition.resources,
        "called": definition.called,
    }
    yield f"{folder}/definition.json", "facts", _text(facts)
    for name, content in sorted(deployments.files(session, definition).items()):
        kind = next((kind for ending, kind in _KINDS.items() if name.endswith(ending)), "resource")
        yield f"{folder}/{name}", kind, content


def _instance(instance: ProcessInstance) -> dict[str, Any]:
    return {
        "id": instance.id,
        "title": instance.title,
        "definition": instance.definition_id,
        "scope": instance.scope,
        "business_key": instance.business_key,
        "parent": instance.parent_id,
        "unit": instance.unit_id,
        "started_by": instance.started_by_id,
        "started_at": instance.started_at,
        "ended_at": instance.ended_at,
        "outcome": instance.outcome,
        "head": [instance.event_seq, instance.event_hash],
    }


def _event(event: Event) -> bytes:
    """In the text form of values (``engine.values``), from which the chain is computed."""
    names = ("stream", "seq", "at", "code", "person_id", "post", "element_id")
    line = {name: getattr(event, name) for name in (*names, "payload", "payload_digest", "previous", "hash")}
    return values.dumps(line).encode() + b"\n"


def _document(
    session: Session, folder: str, document: Document, persons: set[int], certificates: set[int]
) -> Iterator[File]:
    slots = {slot.id: slot.slot for slot in document.slots}
    revisions = session.scalars(
        select(Revision).where(Revision.document_id == document.id).order_by(Revision.seq)
    ).all()
    told = []
    for revision in revisions:
        files = {"docx": f"revision-{revision.seq}.docx"}
        yield f"{folder}/{files['docx']}", "document", register.package(session, document, revision)
        if revision.pdf_digest is not None:
            files["pdf"] = f"revision-{revision.seq}.pdf"
            yield f"{folder}/{files['pdf']}", "pdf", blobs.get(session, revision.pdf_digest)
        signatures = []
        for one in session.scalars(
            select(Signature).where(Signature.revision_id == revision.id).order_by(Signature.id)
        ):
            given: dict[str, str] = {}
            for kind, path, content in _evidence(session, one):
                given[kind] = path
                yield f"{folder}/{path}", kind, content
            serial = session.get_one(Certificate, one.certificate_id).serial if one.certificate_id else None
            certificates.update(filter(None, (one.certificate_id,)))
            persons.update(
                filter(None, (one.person_id, one.witness_id, one.attested_by_id, one.voided_by_id))
            )
            signatures.append(_signature(one, slots[one.slot_id], serial, given))
        told.append(_revision(revision, files, signatures))
    yield f"{folder}/document.json", "facts", _text(_facts(document) | {"revisions": told})


def _evidence(session: Session, signature: Signature) -> Iterator[tuple[str, str, bytes]]:
    for column, kind in EVIDENCE.items():
        if (digest := getattr(signature, column)) is not None:
            held = session.get_one(blobs.Blob, digest)
            ending = _ENDINGS.get(held.media_type, "bin")
            yield kind, f"signatures/{signature.id}-{kind}.{ending}", held.content


def _signature(one: Signature, slot: str, serial: str | None, files: Mapping[str, str]) -> dict[str, Any]:
    names = ("signer", "capacity", "outcome", "way", "reason", "signed_at", "voided_at", "void_reason")
    ids = {"person": one.person_id, "witness": one.witness_id, "attested_by": one.attested_by_id}
    return {
        "slot": slot,
        **{name: getattr(one, name) for name in names},
        **ids,
        "voided_by": one.voided_by_id,
        "pdf_signature": one.cms_digest,
        "certificate": serial,
        "files": files,
    }


def _revision(
    revision: Revision, files: Mapping[str, str], signatures: list[dict[str, Any]]
) -> dict[str, Any]:
    names = ("seq", "created_at", "superseded_at", "reason", "base_digest", "pdf_digest")
    return {
        **{name: getattr(revision, name) for name in names},
        "person": revision.person_id,
        "files": files,
        "signatures": signatures,
    }


def _facts(document: Document) -> dict[str, Any]:
    names = ("id", "code", "title", "kind", "number", "created_at", "voided_at", "void_reason")
    return {
        **{name: getattr(document, name) for name in names},
        "unit": document.unit_id,
        "instance": document.instance_id,
        "element": document.element_id,
        "replaces": document.replaces_id,
        "template_digest": document.template_digest,
        "slots": [
            {
                "slot": slot.slot,
                "label": slot.label,
                "capacity": slot.capacity,
                "kind": slot.kind,
                "unit": slot.unit_id,
            }
            for slot in document.slots
        ],
    }


def _checkpoints(session: Session, streams: Sequence[str], since: datetime) -> list[Checkpoint]:
    """For each stream the checkpoint that sealed the last of its lines that are sealed: it binds all before."""
    marks = session.execute(
        select(Checkpoint.id, Checkpoint.last_event_id)
        .where(Checkpoint.sealed_at >= since)
        .order_by(Checkpoint.id)
    ).all()
    ends = [mark.last_event_id for mark in marks]
    found: dict[int, Checkpoint] = {}
    for stream in streams if marks else ():
        sealed = select(func.max(Event.id)).where(Event.stream == stream, Event.id <= ends[-1])
        # Transactions may commit out of the order of their ids: the next checkpoint has what this one had not seen.
        first = bisect_left(ends, session.scalar(sealed) or ends[-1] + 1)
        for mark in marks[first : first + 3]:
            checkpoint = session.get_one(Checkpoint, mark.id)
            if stream in checkpoint.heads:
                found[checkpoint.id] = checkpoint
                break
    return [found[number] for number in sorted(found)]


def _checkpoint(checkpoint: Checkpoint) -> bytes:
    names = ("id", "sealed_at", "last_event_id", "heads", "previous", "hash")
    line = {name: getattr(checkpoint, name) for name in names}
    return values.dumps(line | {"signature": base64.b64encode(checkpoint.signature).decode()}).encode()


def _certificates(session: Session, signers: set[int]) -> Iterator[File]:
    """The authorities that this installation trusts, those of its time stamps, the signers' own, and what was revoked of them."""
    yield "certificates/authority.pem", "certificate", _pem(authority.trusted(session))
    if stampers := authority.stampers(session):
        yield "certificates/time-stamps.pem", "certificate", _pem(stampers)
    held = session.scalars(
        select(Certificate).where(Certificate.id.in_(signers)).order_by(Certificate.serial)
    ).all()
    for certificate in held:
        yield f"certificates/{certificate.serial}.pem", "certificate", certificate.certificate_pem.encode()
    revoked = {one.serial: one.revoked_at for one in held if one.revoked_at is not None}
    yield "certificates/revoked.json", "facts", _text(revoked)


def _pem(found: Sequence[Any]) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in found)


def _text(facts: Mapping[str, Any]) -> bytes:
    return json.dumps(facts, ensure_ascii=False, indent=1, sort_keys=True, default=_plain).encode()


def _plain(value: Any) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"not a fact: {type(value).__name__}")
