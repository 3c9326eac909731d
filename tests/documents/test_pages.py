"""Pictures of pages."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import pypdfium2
import pytest
from PIL import Image

from engine.documents.pages import page_count, page_picture, page_pictures
from engine.errors import Invalid, NotFound


def blank_pdf(*sizes: tuple[float, float]) -> bytes:
    """Empty pages of these sizes in points."""
    document, out = pypdfium2.PdfDocument.new(), io.BytesIO()
    for width, height in sizes:
        document.new_page(width, height)
    document.save(out)
    return out.getvalue()


A4 = (595.3, 841.9)


def test_pages_are_counted_and_drawn_at_the_resolution_asked_for() -> None:
    pdf = blank_pdf(A4, A4)
    assert page_count(pdf) == 2
    pictures = [Image.open(io.BytesIO(picture)) for picture in page_pictures(pdf, dpi=72)]
    assert [(picture.format, picture.size) for picture in pictures] == [("PNG", (596, 842))] * 2


def test_page_that_is_not_there_is_not_found() -> None:
    for number in (0, 3, -1):
        with pytest.raises(NotFound, match="共 2 页"):
            page_picture(blank_pdf(A4, A4), number)


def test_page_of_kilometres_is_drawn_small() -> None:
    picture = Image.open(io.BytesIO(page_picture(blank_pdf((14_400, 14_400)), 1, dpi=300)))
    assert max(picture.size) <= 6000


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"%PDF-1.7\n"])
def test_what_is_no_pdf_is_refused(content: bytes) -> None:
    with pytest.raises(Invalid, match="PDF"):
        page_count(content)


def test_many_threads_at_once() -> None:
    pdf = blank_pdf(*[A4] * 3)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda number: page_picture(pdf, number % 3 + 1, dpi=40), range(40)))
    assert len(set(results)) == 1
