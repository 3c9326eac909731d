"""版记: on the last page of a 公文, which is an even one (GB/T 9704-2012, 7.4): a sheet is printed on both sides.

A Word template cannot know on which page its text ends, so the document is rendered once and told. Where the text ends on an odd
page, the 版记 gets the page behind it. Where it ends on an even one that has no room left, a blank page and the page of the 版记
follow, and neither bears a number (7.5).
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

from lxml import etree

from engine.documents.package import add_to_document, parse_xml, read_package, write_package
from engine.documents.pdf import Rendered
from engine.documents.signing import HEADER, OFFICE_RELATIONS, base_parts

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_DOCUMENT = "word/document.xml"
_EMPTY_FOOTER = "word/footer-none.xml"
_EMPTY_FOOTER_ID = "rIdFooterNone"
_FOOTER_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.footer+xml"
# A 函 has its 版记 on the last page whichever that is (10.1). Its mark's style tells: a base package has no properties.
_LETTER = "GWMarkLetter"


def placed(docx: bytes, render: Callable[[bytes], Rendered]) -> bytes:
    """The same document with its 版记 on the last even page; one without a 版记 as it is. Returns a base package.

    :param docx: filled, not signed
    :param render: ``Renderer.render``; called once, and only where there is a 版记
    """
    parts = read_package(docx)
    document = parse_xml(parts[_DOCUMENT])
    table = _imprint(document)
    styles = {style.get(f"{W}val") for style in document.iter(f"{W}pStyle")}
    if table is None or _LETTER in styles:
        return docx
    rendered = render(docx)
    number = list(document.iter(f"{W}tbl")).index(table)
    pages = [place.page for place in rendered.places if place.key == f"t{number}"]
    text = _last_page_of_text(document, table, rendered)
    if not pages or max(pages) % 2 == 0:
        return docx
    if text % 2:
        table.addprevious(_page_start())
    else:
        _end_section(document, table, parts)
    parts[_DOCUMENT] = HEADER.encode() + etree.tostring(document, encoding="UTF-8")
    return write_package(base_parts(parts))


def _imprint(document: etree._Element) -> etree._Element | None:
    """The floating table of the 版记, known by its style and its place on the bottom of the type area."""
    for table in document.iter(f"{W}tbl"):
        place = table.find(f"{W}tblPr/{W}tblpPr")
        styles = {style.get(f"{W}val") for style in table.iter(f"{W}pStyle")}
        if place is not None and place.get(f"{W}tblpYSpec") == "bottom" and "GWImprint" in styles:
            return table
    return None


def _last_page_of_text(document: etree._Element, table: etree._Element, rendered: Rendered) -> int:
    """Of what people read outside the 版记."""
    inside = set(table.iter(f"{W}p"))
    drawn = (f"{W}t", f"{W}pict", f"{W}drawing")
    wanted = {
        f"p{number}"
        for number, paragraph in enumerate(document.iter(f"{W}p"))
        if paragraph not in inside and next(paragraph.iter(*drawn), None) is not None
    }
    return max((place.page for place in rendered.places if place.key in wanted), default=1)


def _paragraph() -> etree._Element:
    """One point high, so that it takes no line."""
    paragraph = etree.Element(f"{W}p")
    properties = etree.SubElement(paragraph, f"{W}pPr")
    etree.SubElement(properties, f"{W}pStyle", {f"{W}val": "GWImprint"})
    etree.SubElement(properties, f"{W}spacing", {f"{W}line": "20", f"{W}lineRule": "exact"})
    return paragraph


def _page_start() -> etree._Element:
    paragraph = _paragraph()
    paragraph[0].insert(1, etree.Element(f"{W}pageBreakBefore"))
    return paragraph


def _end_section(document: etree._Element, table: etree._Element, parts: dict[str, bytes]) -> None:
    """Let the text's section end before the 版记, whose own begins on an even page and has no page numbers."""
    last = document.find(f"{W}body/{W}sectPr")
    assert last is not None, "a document has a section"
    ending = _paragraph()
    ending[0].append(deepcopy(last))
    table.addprevious(ending)
    for reference in last.findall(f"{W}footerReference"):
        last.remove(reference)
    for kind in ("first", "even", "default"):
        reference = etree.Element(
            f"{W}footerReference", {f"{W}type": kind, f"{{{OFFICE_RELATIONS}}}id": _EMPTY_FOOTER_ID}
        )
        last.insert(0, reference)
    start = last.find(f"{W}type")
    if start is None:
        start = etree.Element(f"{W}type")
        # The schema's order: header and footer references, then the type.
        last.insert(len(last.findall(f"{W}headerReference")) + 3, start)
    start.set(f"{W}val", "evenPage")
    footer = etree.Element(f"{W}ftr", nsmap={"w": W[1:-1]})
    etree.SubElement(footer, f"{W}p")
    add_to_document(
        parts,
        _EMPTY_FOOTER,
        HEADER.encode() + etree.tostring(footer, encoding="UTF-8"),
        content_type=_FOOTER_TYPE,
        relation=_EMPTY_FOOTER_ID,
        kind=f"{OFFICE_RELATIONS}/footer",
    )
