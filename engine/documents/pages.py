"""Pictures of a PDF's pages, for showing beside a form."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pypdfium2

from engine.errors import Invalid, NotFound

# PDFium keeps global state: two threads in it at once crash the process.
_lock = threading.Lock()

MAX_PAGES = 500


@contextmanager
def opened(pdf: bytes) -> Iterator[pypdfium2.PdfDocument]:
    """A PDF that nobody else reads meanwhile.

    :raises Invalid: ``not-a-pdf``
    """
    with _lock:
        try:
            document = pypdfium2.PdfDocument(pdf)
        except pypdfium2.PdfiumError:
            raise Invalid("not-a-pdf", "文件不是完整的 PDF，请重新上传。") from None
        try:
            yield document
        finally:
            document.close()


def page_count(pdf: bytes) -> int:
    """:raises Invalid: ``not-a-pdf``"""
    with opened(pdf) as document:
        return len(document)


def page_picture(pdf: bytes, number: int, dpi: int = 110) -> bytes:
    """One page as PNG.

    :param number: from 1
    :raises Invalid: ``not-a-pdf``
    :raises NotFound: ``no-page``
    """
    with opened(pdf) as document:
        if not 1 <= number <= len(document):
            raise NotFound("no-page", f"文件没有第 {number} 页，共 {len(document)} 页。", page=number)
        return _picture(document[number - 1], dpi)


def page_pictures(pdf: bytes, dpi: int = 110) -> list[bytes]:
    """All pages as PNG; 25 ms a page at 110 dpi.

    :raises Invalid: ``not-a-pdf``, ``document-too-big``
    """
    with opened(pdf) as document:
        if len(document) > MAX_PAGES:
            raise Invalid("document-too-big", f"文件有 {len(document)} 页，最多显示 {MAX_PAGES} 页。")
        return [_picture(page, dpi) for page in document]


def _picture(page: pypdfium2.PdfPage, dpi: int) -> bytes:
    width, height = page.get_size()
    # A page of kilometres is a trap for memory, not a document.
    scale = min(dpi / 72, 6000 / max(width, height))
    out = io.BytesIO()
    page.render(scale=scale).to_pil().save(out, "PNG", compress_level=1)
    return out.getvalue()
