"""Signature lines: the places in a document that show a signature's picture once it is signed.

A line is a VML shape with an ``o:signatureline`` ([MS-OI29500] 2.2; Word's own form) and a transparent picture. Its
text never changes: a viewer that finds a valid signature for the line's id shows the picture inside that signature.
So a handwriting appears without a byte of the document moving, and a seal is invisible before the unit has sealed.
"""

from __future__ import annotations

import functools
import math
import re
import uuid
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from lxml import etree
from PIL import Image

from engine.documents.handwriting import SIZE
from engine.documents.package import add_to_document, parse_xml, read_package, write_package
from engine.documents.pictures import small_png
from engine.documents.signing import HEADER, OFFICE_RELATIONS, base_parts
from engine.errors import Invalid

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_V = "urn:schemas-microsoft-com:vml"
_O = "urn:schemas-microsoft-com:office:office"
_W = f"{{{W}}}"
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
_MARKER = re.compile(r"⟦(签名|印章):([^⟦⟧]+)⟧")
_PLACEHOLDER = "word/media/signature-line.png"
_PLACEHOLDER_ID = "rIdSignatureLine"

_SEAL = 42 / 25.4 * 72  # points across a demo seal and a party seal below provincial level
_PITCH = 28.95  # points a line (GB/T 9704-2012, 5.2.3)


@dataclass(frozen=True, slots=True)
class Line:
    """A place for one signature.

    :ivar slot: the name in the marker ``⟦签名:slot⟧`` or ``⟦印章:slot⟧``, unique in the document
    :ivar suggested_signer: who is expected to sign; Word shows it on the empty line
    :ivar suggested_title: 职务 printed for that person
    :ivar width_pt: of the picture, in points; None: ``handwriting.SIZE`` for a signature, 42 mm for a seal
    """

    slot: str
    suggested_signer: str = ""
    suggested_title: str = ""
    width_pt: float | None = None
    height_pt: float | None = None


def line_id(slot: str) -> str:
    """The id that joins a slot's line and its signature: a GUID in braces, the same in every document."""
    return f"{{{uuid.uuid5(uuid.NAMESPACE_URL, f'lvze:slot:{slot}')}}}".upper()


def insert_signature_lines(docx: bytes, lines: Sequence[Line]) -> bytes:
    """Put a line where the text has its marker; a marker without a line vanishes. Returns a base package.

    :raises Invalid: ``no-signature-place`` when a line has no marker, ``two-signature-places`` when it has two
    """
    parts = read_package(docx)
    wanted, placed = {line.slot: line for line in lines}, dict[str, str]()
    document = parse_xml(parts["word/document.xml"])
    styles = parse_xml(parts["word/styles.xml"]) if "word/styles.xml" in parts else None
    for paragraph in list(document.iter(f"{_W}p")):
        for kind, slot, run in _take_markers(paragraph):
            if slot in placed:
                raise Invalid(
                    "two-signature-places", f"模板中“{slot}”的标记出现两次，请只保留一处。", slot=slot
                )
            if slot not in wanted:
                _drop(run)
                continue
            placed[slot] = kind
            where = _over(paragraph, styles) if kind == "印章" else None
            run.append(_shape(wanted[slot], len(placed), where))
    for slot in wanted:
        if slot not in placed:
            raise Invalid(
                "no-signature-place", f"模板中没有“{slot}”的签名处，请加入标记 ⟦签名:{slot}⟧。", slot=slot
            )
    parts["word/document.xml"] = HEADER.encode() + etree.tostring(document, encoding="UTF-8")
    if placed:
        add_to_document(
            parts,
            _PLACEHOLDER,
            _transparent(),
            content_type="image/png",
            relation=_PLACEHOLDER_ID,
            kind=f"{OFFICE_RELATIONS}/image",
        )
    return write_package(base_parts(parts))


def _take_markers(paragraph: etree._Element) -> list[tuple[str, str, etree._Element]]:
    """Cut the markers out, each leaving an empty run in its place: (签名 or 印章, slot, run).

    Word splits text into runs as it likes, so a marker may begin in one and end in another.
    """
    texts = [t for t in paragraph.iter(f"{_W}t") if next(t.iterancestors(f"{_W}p")) is paragraph]
    whole, found = "".join(t.text or "" for t in texts), []
    for marker in reversed(list(_MARKER.finditer(whole))):
        first, start = _position(texts, marker.start())
        last, end = _position(texts, marker.end() - 1)
        run = texts[first].getparent()
        assert run is not None
        place = _run_like(run)
        run.addnext(place)
        tail = (texts[last].text or "")[end + 1 :]
        if first == last:
            rest = _run_like(run)
            rest.extend([deepcopy(texts[first]), *texts[first].itersiblings()])
            place.addnext(rest)
            next(rest.iter(f"{_W}t")).text = tail
            texts[first].text = (texts[first].text or "")[:start]
        else:
            texts[last].text = tail
            texts[first].text = (texts[first].text or "")[:start]
            for text in texts[first + 1 : last]:
                text.text = ""
        found.append((marker[1], marker[2], place))
    for text in paragraph.iter(f"{_W}t"):
        text.set(_SPACE, "preserve")
    return found[::-1]


def _position(texts: Sequence[etree._Element], offset: int) -> tuple[int, int]:
    for number, text in enumerate(texts):
        if offset < len(text.text or ""):
            return number, offset
        offset -= len(text.text or "")
    raise AssertionError("offset beyond the text")


def _run_like(run: etree._Element) -> etree._Element:
    copy = etree.Element(f"{_W}r")
    copy.extend(deepcopy(found) for found in run.findall(f"{_W}rPr"))
    return copy


def _drop(run: etree._Element) -> None:
    parent = run.getparent()
    if parent is not None:
        parent.remove(run)


def _shape(line: Line, number: int, over: tuple[float, float] | None) -> etree._Element:
    """The VML shape: in the line of text, or behind the text with its centre at ``over``.

    :param over: points right of the column's edge and below the paragraph's top
    """
    width, height = (_SEAL, _SEAL) if over else SIZE
    width, height = line.width_pt or width, line.height_pt or height
    style = f"width:{width:.1f}pt;height:{height:.1f}pt"
    if over:
        left, top = over[0] - width / 2, over[1] - height / 2
        style = (
            f"position:absolute;margin-left:{left:.1f}pt;margin-top:{top:.1f}pt;{style};z-index:-{251658240 + number};"
            "mso-position-horizontal-relative:text;mso-position-vertical-relative:text"
        )
    picture = etree.Element(f"{_W}pict", nsmap={"w": W, "v": _V, "o": _O, "r": OFFICE_RELATIONS})
    name = "印章" if over else "签名"
    shape = etree.SubElement(
        picture,
        f"{{{_V}}}shape",
        id=f"signature-line-{number}",
        type="#_x0000_t75",
        alt=f"{name}：{line.suggested_title}{line.suggested_signer}",
        style=style,
    )
    etree.SubElement(
        shape,
        f"{{{_V}}}imagedata",
        {f"{{{OFFICE_RELATIONS}}}id": _PLACEHOLDER_ID, f"{{{_O}}}title": ""},
    )
    lock = dict.fromkeys(("ungrouping", "rotation", "cropping", "verticies", "text", "grouping"), "t")
    etree.SubElement(shape, f"{{{_O}}}lock", {f"{{{_V}}}ext": "edit", **lock})
    attributes = {
        f"{{{_V}}}ext": "edit",
        "id": line_id(line.slot),
        "provid": "{00000000-0000-0000-0000-000000000000}",
        f"{{{_O}}}suggestedsigner": line.suggested_signer,
        f"{{{_O}}}suggestedsigner2": line.suggested_title,
        "issignatureline": "t",
    }
    etree.SubElement(shape, f"{{{_O}}}signatureline", attributes)
    return picture


def _over(paragraph: etree._Element, styles: etree._Element | None) -> tuple[float, float]:
    """Where a seal's centre lies, in points from column and paragraph: over the middle of the paragraph's text.

    Over a date it stands higher, so that 署名 and date are a little below its centre (GB/T 9704-2012, 7.3.5.1). Over a unit's name
    at the left, with the signature below, it stands lower and to the right: over name and date, and beside the ink.
    Word could place it by the character; LibreOffice cannot, so the place is reckoned from the indents.
    """
    layout = _layout(paragraph, styles)
    left, right = layout.get("left", 0.0), layout.get("right", 0.0)
    text = "".join(t.text or "" for t in paragraph.iter(f"{_W}t"))
    width = sum(layout["em"] / 2 if character.isascii() else layout["em"] for character in text)
    column = _column(paragraph)
    if layout["jc"] in ("right", "end"):
        middle = column - right - width / 2
    elif layout["jc"] == "center":
        middle = (left + column - right) / 2
    else:
        room = column - left - right
        lines = max(1, math.ceil(width / room))
        return left + layout.get("firstLine", 0.0) + min(width, room) * 2 / 3, (lines + 0.7) * _PITCH
    return middle, -8.0 if re.fullmatch(r"\s*\d{4}年\d+月\d+日\s*", text) else _PITCH / 2


def _layout(paragraph: etree._Element, styles: etree._Element | None) -> dict[str, Any]:
    """Alignment ``jc``, indents and the step ``em`` of a character in points, the paragraph's own before its styles'."""
    properties, found = paragraph.find(f"{_W}pPr"), dict[str, Any]()
    seen = 0
    while properties is not None and seen < 20:
        seen += 1
        jc, indent = properties.find(f"{_W}jc"), properties.find(f"{_W}ind")
        if jc is not None:
            found.setdefault("jc", jc.get(f"{_W}val", ""))
        for key, value in indent.attrib.items() if indent is not None else ():
            name = {"start": "left", "end": "right"}.get(
                etree.QName(key).localname, etree.QName(key).localname
            )
            if re.fullmatch(r"-?\d+", str(value)):
                found.setdefault(str(name), int(value) / 20)
        link = properties.find(f"{_W}pStyle")
        style = properties.getparent()
        for name, share in (("sz", 2), ("spacing", 20)):
            run = style.find(f"{_W}rPr/{_W}{name}") if style is not None else None
            if run is not None and re.fullmatch(r"-?\d+", run.get(f"{_W}val", "")):
                found.setdefault(name, int(run.get(f"{_W}val", "")) / share)
        if link is None and style is not None:
            link = style.find(f"{_W}basedOn")
        wanted = link.get(f"{_W}val") if link is not None else None
        properties = None
        for candidate in styles.iter(f"{_W}style") if styles is not None and wanted else ():
            if candidate.get(f"{_W}styleId") == wanted:
                properties = candidate.find(f"{_W}pPr")
                if properties is None:
                    properties = etree.SubElement(candidate, f"{_W}pPr")
    return {"jc": "left", "em": found.get("sz", 16.0) + found.get("spacing", 0.0)} | found


def _column(paragraph: etree._Element) -> float:
    """Width of the column in points: the table cell's, or the page's between its margins (A4 where none is said)."""
    for cell in paragraph.iterancestors(f"{_W}tc"):
        width = cell.find(f"{_W}tcPr/{_W}tcW")
        if width is not None:
            return float(width.get(f"{_W}w", "0")) / 20
    sections = [
        e
        for e in paragraph.itersiblings()
        if e.tag == f"{_W}sectPr" or e.find(f"{_W}pPr/{_W}sectPr") is not None
    ]
    size = sections[0].find(f".//{_W}pgSz") if sections else None
    margins = sections[0].find(f".//{_W}pgMar") if sections else None
    if sections and sections[0].tag == f"{_W}sectPr":
        size, margins = sections[0].find(f"{_W}pgSz"), sections[0].find(f"{_W}pgMar")
    if size is None or margins is None:
        return 442.2
    twips = [
        float(e.get(f"{_W}{name}", "0")) for e, name in ((size, "w"), (margins, "left"), (margins, "right"))
    ]
    return (twips[0] - twips[1] - twips[2]) / 20


@functools.cache
def _transparent() -> bytes:
    return small_png(Image.new("RGBA", (8, 8), (0, 0, 0, 0)))
