"""Drawings and VML shapes: pictures, signature lines, and where they stand."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from lxml import etree

from engine.documents.docx.geometry import Page, placed
from engine.documents.docx.markup import EMU, MC, WP, A, O, R, V, W, css_length, number

ON_PAGE = "data-on-page"  # attribute of what is measured from the page
KEY = "data-key"  # attribute of what has a place on the page: p0, t0, line:{GUID}

_KINDS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}


class Spot(NamedTuple):
    """Where a picture stands that is no part of the line.

    :ivar left: points from the page's left edge, or (``on_page`` false) from the column's
    :ivar top: from the page's upper edge, or from the paragraph's
    """

    left: float
    top: float
    on_page: bool
    behind: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """:ivar source: id of the relationship to the picture; empty for a signature line
    :ivar line: id of the signature line"""

    source: str
    width: float
    height: float
    spot: Spot | None
    line: str = ""

    def html(self, content: bytes, origin: tuple[float, float], *, level: bool = False) -> str:
        """:param origin: what ``left`` and ``top`` are measured from, in the terms of ``spot``
        :param level: the characters beside it are level with its middle, not with its foot"""
        kind = next((kind for magic, kind in _KINDS.items() if content.startswith(magic)), None)
        css = f"width:{self.width:g}pt;height:{self.height:g}pt;"
        key = f' {KEY}="line:{html.escape(self.line)}"' if self.line else ""
        if self.spot is not None:
            key += f' {ON_PAGE}=""' if self.spot.on_page else ""
            left, top = self.spot.left - origin[0], self.spot.top - origin[1]
            css += f"position:absolute;left:{left:g}pt;top:{top:g}pt;z-index:{-1 if self.spot.behind else 5};"
        elif level:
            css += "vertical-align:middle;"
        if kind is None:
            if self.spot is not None and not self.line:
                return ""
            return f'<span{key} style="display:inline-block;{css}"></span>'
        data = base64.b64encode(content).decode()
        return f'<img{key} alt="" style="{css}object-fit:contain" src="data:{kind};base64,{data}"/>'


def pictures(element: etree._Element, page: Page) -> Iterator[Picture]:
    """Those in one child of a run; none in what is no picture."""
    if element.tag == MC + "AlternateContent":
        for branch in element:
            if found := [picture for child in branch for picture in pictures(child, page)]:
                yield from found
                return
    elif element.tag == W + "drawing":
        yield from _drawing(element, page)
    elif element.tag in (W + "pict", W + "object"):
        for shape in element.iter(V + "shape"):
            yield from _shape(shape, page)


def _drawing(element: etree._Element, page: Page) -> Iterator[Picture]:
    blip, extent = element.find(f".//{A}blip"), element.find(f".//{WP}extent")
    if blip is None or extent is None:
        return
    width, height = (number(extent.get(side)) / EMU for side in ("cx", "cy"))
    anchor, spot = element.find(WP + "anchor"), None
    if anchor is not None:
        across, down = anchor.find(WP + "positionH"), anchor.find(WP + "positionV")
        x, y = _Measure.read(across), _Measure.read(down)
        left = placed(page.across(x.anchor), width, x.align, x.offset)
        between = page.down(y.anchor)
        top = placed(between or (0, 0), height if between else 0, y.align, y.offset)
        behind = anchor.get("behindDoc") == "1"
        spot = Spot(left if between else left - page.left, top, between is not None, behind)
    yield Picture(blip.get(f"{R}embed", ""), width, height, spot)


class _Measure(NamedTuple):
    anchor: str
    align: str
    offset: float

    @classmethod
    def read(cls, position: etree._Element | None) -> _Measure:
        if position is None:
            return cls("column", "", 0)
        align = (position.findtext(WP + "align") or "").strip()
        offset = number(position.findtext(WP + "posOffset")) / EMU
        return cls(position.get("relativeFrom", "column"), align, offset)


def _shape(shape: etree._Element, page: Page) -> Iterator[Picture]:
    declarations = (item.partition(":") for item in shape.get("style", "").split(";"))
    style = {key.strip(): value.strip() for key, _, value in declarations}
    width, height = css_length(style.get("width", "")), css_length(style.get("height", ""))
    data, line = shape.find(V + "imagedata"), shape.find(O + "signatureline")
    if data is None and line is None:
        return
    spot = None
    if style.get("position") == "absolute":
        left = css_length(style.get("margin-left", style.get("left", "")))
        top = css_length(style.get("margin-top", style.get("top", "")))
        between = page.down(style.get("mso-position-vertical-relative", "text"))
        start = page.across(style.get("mso-position-horizontal-relative", "text"))[0]
        left = placed((start, page.width), width, "", left)
        spot = Spot(
            left if between else left - page.left,
            (between[0] if between else 0) + top,
            between is not None,
            style.get("z-index", "").startswith("-"),
        )
    source = "" if line is not None or data is None else data.get(f"{R}id", "")
    yield Picture(source, width, height, spot, "" if line is None else line.get("id", ""))
