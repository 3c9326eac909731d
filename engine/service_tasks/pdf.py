"""pdf 定稿: makes the PDF of a document as it is signed now.

Inputs: ``document`` (id).

Result: ``digest`` and ``pages`` of the PDF.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.documents import register, revisions
from engine.service_tasks import Operation


@dataclass(frozen=True, slots=True)
class _Made:
    revision_id: int
    content: bytes
    pages: int


def prepare(context: Operation, *, document: Any) -> _Made:
    """:raises Invalid: the document takes too long or too much memory to render"""
    found = register.get(context.session, int(document))
    rendered = context.renderer.render(register.package(context.session, found))
    return _Made(found.revision.id, rendered.pdf, rendered.pages)


def run(context: Operation, *, document: Any) -> dict[str, Any]:
    made: _Made = context.prepared
    digest = revisions.set_pdf(
        context.session, made.revision_id, pdf=made.content, page_count=made.pages, at=context.at
    )
    return {"digest": digest, "pages": made.pages}
