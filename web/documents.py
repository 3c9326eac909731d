"""Documents: their page, their files and revisions, pictures of their pages."""

from __future__ import annotations

from io import BytesIO
from urllib.parse import quote

from flask import Blueprint, Response, render_template, send_file

from engine.documents.register import Document
from web.current import engine, person_id

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


@documents.get("/documents/<int:id>.pdf")
def pdf(id: int) -> Response:
    return _file(id, "pdf", "application/pdf")


@documents.get("/documents/<int:id>/pages/<int:number>.png")
def page(id: int, number: int) -> Response:
    response = send_file(BytesIO(engine.page_picture(id, number, by=person_id())), "image/png")
    # The address says how the document stood, and a page of that never changes.
    response.headers["Cache-Control"] = "private, max-age=86400"
    return response


def _file(id: int, form: str, mimetype: str) -> Response:
    document = engine.document(id, by=person_id())
    response = send_file(BytesIO(engine.document_file(id, by=person_id(), form=form)), mimetype)
    name = quote(f"{document.title}.{form}")
    response.headers["Cache-Control"] = "no-store"
    disposition = "inline" if form == "pdf" else "attachment"
    response.headers["Content-Disposition"] = (
        f"{disposition}; filename=\"document-{id}.{form}\"; filename*=UTF-8''{name}"
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
