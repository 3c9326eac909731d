"""版记: on the last even page, whatever the length of the text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lxml import etree

from engine.documents import imprint
from engine.documents.package import parse_xml, read_package
from engine.documents.pdf import Rendered, Renderer
from engine.documents.templates import Template
from tests.documents import samples

W = imprint.W


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer() as renderer:
        yield renderer


def notice(lines: int) -> bytes:
    """A notice whose text has so many paragraphs of one line."""
    text = "\n".join(f"第{number + 1}项工作按时完成。" for number in range(lines))
    data = {**samples.NOTICE, "正文": text}
    for name in ("附件", "附注"):
        data.pop(name)
    return Template.load(samples.template("印发通知")).fill(data)


def pages_of(rendered: Rendered, docx: bytes) -> tuple[int, int]:
    """The last page with text, the page of the 版记."""
    document = parse_xml(read_package(docx)["word/document.xml"])
    tables = list(document.iter(f"{W}tbl"))
    table = imprint._imprint(document)
    assert table is not None
    pages = {place.page for place in rendered.places if place.key == f"t{tables.index(table)}"}
    assert len(pages) == 1
    return imprint._last_page_of_text(document, table, rendered), pages.pop()


@pytest.mark.parametrize("lines", [2, 20, 28, 30, 50])
def test_the_last_even_page(renderer: Renderer, lines: int) -> None:
    placed = imprint.placed(notice(lines), renderer.render)
    rendered = renderer.render(placed)
    text, page = pages_of(rendered, placed)
    assert page % 2 == 0 and page == rendered.pages
    assert page - text <= 2, "no more than a blank page between"
    assert imprint.placed(placed, renderer.render) == placed, "what stands right stays"


def test_a_blank_page_and_the_page_behind_it_have_no_numbers(renderer: Renderer) -> None:
    for lines in range(22, 28):
        filled = notice(lines)
        text, page = pages_of(renderer.render(filled), filled)
        if text == 2 and page == 3:
            break
    else:
        pytest.fail("no length fills the second page")
    placed = imprint.placed(filled, renderer.render)
    rendered = renderer.render(placed)
    assert pages_of(rendered, placed) == (2, 4) and rendered.pages == 4
    texts = page_texts(rendered.pdf)
    assert ["—" in text for text in texts] == [True, True, False, False], texts
    assert not texts[2].strip() and "印发" in texts[3]


def page_texts(pdf: bytes) -> list[str]:
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    return [page.get_textpage().get_text_range() for page in document]


def test_documents_without_a_版记_are_not_rendered() -> None:
    def render(_: bytes) -> Rendered:
        raise AssertionError("nothing to place")

    filled = Template.load(samples.template("责任书")).fill(samples.LETTER)
    assert imprint.placed(filled, render) is filled


def test_the_section_break_keeps_the_order_of_the_schema(renderer: Renderer) -> None:
    filled = notice(31)
    parts = read_package(filled)
    document = parse_xml(parts["word/document.xml"])
    table = imprint._imprint(document)
    assert table is not None
    imprint._end_section(document, table, parts)
    last = document.find(f"{W}body/{W}sectPr")
    assert last is not None
    names = [etree.QName(child).localname for child in last]
    assert names[:4] == ["footerReference"] * 3 + ["type"]
    assert "word/footer-none.xml" in parts
