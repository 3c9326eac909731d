"""pdf 定稿: makes the PDF of a document as it is signed now, each electronic signature by PAdES.

Once no place is open any more the engine makes it by itself (``engine.finished_pdfs``); then this step finds it, and nothing is
made twice.

Inputs: ``document`` (id).

Result: ``digest`` and ``pages`` of the PDF.
"""

from __future__ import annotations

from typing import Any

from engine import finished_pdfs
from engine.documents import register
from engine.errors import Conflict
from engine.service_tasks import Operation


def prepare(context: Operation, *, document: Any) -> None:
    """:raises Invalid: the document takes too long or too much memory to render
    :raises LvzeError: the time stamp server is away
    """
    finished_pdfs.finish(context.runtime, int(document), context.at)


def run(context: Operation, *, document: Any) -> dict[str, Any]:
    found = register.get(context.session, int(document))
    if found.pdf_digest is None:
        raise Conflict("document-changed", f"《{found.title}》刚刚又有签署，正在重新生成 PDF。")
    return {"digest": found.pdf_digest, "pages": found.page_count}
