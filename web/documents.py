"""Documents: their page, their files and revisions, pictures of their pages."""

from __future__ import annotations

from io import BytesIO
from urllib.parse import quote

from flask import Blueprint, Response, render_template, request, send_file
from flask_babel import gettext as _

from engine.documents.register import Document
from web.current import engine, person_id
from web.wording import lines

documents = Blueprint("documents", __name__)

_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_SCANS = {b"%PDF": "application/pdf", b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}


@documents.get("/documents")
def index() -> str:
    return render_template("documents/index.html", documents=engine.documents(by=person_id()))


@documents.get("/documents/<int:id>")
def show(id: int) -> str:
    document = engine.document(id, by=person_id())
    verification = engine.verify(engine.document_file(id, by=person_id(), form="docx"))
    return render_template(
        "documents/show.html",
        document=document,
        verification=verification,
        renewed_by=engine.renewed_by(id, by=person_id()),
        names=_names(document),
        revisions=[
            (line, lines(acts))
            for line, acts in zip(
                engine.revisions(id, by=person_id()), engine.revision_acts(id, by=person_id()), strict=True
            )
        ],
    )


@documents.get("/documents/<int:id>/differences")
def differences(id: int) -> str:
    """What changed from one revision to another; between the two last ones where none is chosen."""
    document = engine.document(id, by=person_id())
    newest = document.revision.seq
    new = request.args.get("new", newest, type=int)
    old = request.args.get("old", max(1, new - 1), type=int)
    whole = "all" in request.args
    parts = engine.differences(id, old, new, whole=whole, by=person_id())
    return render_template(
        "documents/differences.html",
        document=document,
        old=old,
        new=new,
        newest=newest,
        whole=whole,
        parts=parts,
        changed=any(change.operation != "equal" for part in parts for change in part),
    )


@documents.get("/documents/<int:id>/scans/<slot>")
def scan(id: int, slot: str) -> Response:
    """The scan of a signature on paper, as the 经办人 handed it in."""
    content = engine.signature_scan(id, slot, by=person_id())
    kind = next(kind for start, kind in _SCANS.items() if content.startswith(start))
    return send_file(BytesIO(content), kind)


@documents.get("/documents/<int:id>/pages")
def pages(id: int) -> str:
    """The pictures of its pages, as a fragment."""
    document = engine.document(id, by=person_id())
    count = engine.page_count(id, by=person_id())
    return render_template("documents/pages.html", document=document, count=count, stand=_stand(document))


@documents.get("/documents/<int:id>.docx")
def docx(id: int) -> Response:
    return _file(id, "docx", _DOCX)


@documents.get("/documents/<int:id>/revisions/<int:seq>.docx")
def revision(id: int, seq: int) -> Response:
    """A revision's file as it was, with the signatures that were given on it."""
    title = _("%(title)s（第 %(number)s 版）", title=engine.document(id, by=person_id()).title, number=seq)
    content = engine.revision_file(id, seq, by=person_id())
    return _download(content, _DOCX, f"document-{id}-{seq}.docx", f"{title}.docx")


@documents.get("/documents/<int:id>.pdf")
def pdf(id: int) -> Response:
    return _file(id, "pdf", "application/pdf")


@documents.get("/documents/<int:id>.ofd")
def ofd(id: int) -> Response:
    """The pages as OFD; what it is not is said where it is offered, and in the file."""
    return _file(id, "ofd", "application/ofd")


@documents.get("/documents/<int:id>/pages/<int:number>.png")
def page(id: int, number: int) -> Response:
    response = send_file(BytesIO(engine.page_picture(id, number, by=person_id())), "image/png")
    # The address says how the document stood, and a page of that never changes.
    response.headers["Cache-Control"] = "private, max-age=86400"
    return response


def _file(id: int, form: str, mimetype: str) -> Response:
    document = engine.document(id, by=person_id())
    content = engine.document_file(id, by=person_id(), form=form)
    preview = form == "pdf" and document.slots and document.pdf_digest is None
    title = _("%(title)s（预览，没有电子签名）", title=document.title) if preview else document.title
    return _download(content, mimetype, f"document-{id}.{form}", f"{title}.{form}")


def _download(content: bytes, mimetype: str, plain: str, name: str) -> Response:
    """:param plain: the file's name for browsers that know no other letters"""
    response = send_file(BytesIO(content), mimetype)
    response.headers["Cache-Control"] = "no-store"
    disposition = "inline" if mimetype == "application/pdf" else "attachment"
    response.headers["Content-Disposition"] = (
        f"{disposition}; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"
    )
    return response


def _names(document: Document) -> dict[int, str]:
    """Of those who witnessed or attested a signature."""
    signatures = [slot.signature for slot in document.slots if slot.signature is not None]
    return engine.names(
        {
            person
            for one in signatures
            for person in (one.witness_id, one.attested_by_id)
            if person is not None
        }
    )


def _stand(document: Document) -> str:
    """Names a document's revision and what has been signed of it: its pages look otherwise with each."""
    signed = sum(slot.signature is not None for slot in document.slots)
    return f"{document.digest[:12]}-{signed}"
