"""Lines at the sides of paragraphs, cells and tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lxml import etree

from engine.documents.docx.markup import W, colour, number, value


class Border(NamedTuple):
    """:ivar width: points, of the line; of a double one's thicker line
    :ivar space: points to the text"""

    kind: str
    width: float
    colour: str
    space: float


# Kind -> width of the first line (upper or left), of the gap and of the second. Word draws the thin line and a small gap 0.75 pt.
_DOUBLE: dict[str, Callable[[float], tuple[float, float, float]]] = {
    "double": lambda width: (width, width, width),
    "thickThinSmallGap": lambda width: (width, 0.75, 0.75),
    "thinThickSmallGap": lambda width: (0.75, 0.75, width),
    "thickThinMediumGap": lambda width: (width, width / 2, width / 2),
    "thinThickMediumGap": lambda width: (width / 2, width / 2, width),
}
_PATTERNS = {"dotted": "dotted", "dashed": "dashed", "dashSmallGap": "dashed"}


def borders(element: etree._Element) -> dict[str, Border]:
    """Side -> line."""
    return {
        str(side.tag).removeprefix(W).replace("start", "left").replace("end", "right"): Border(
            value(side), number(value(side, "sz"), 4) / 8, colour(value(side, "color")), number(value(side, "space"))
        )
        for side in element
    }  # fmt: skip


def css(border: Border | None) -> str:
    if border is None or border.kind in ("nil", "none"):
        return "none"
    if border.kind in _DOUBLE:
        return f"{sum(_DOUBLE[border.kind](border.width)):g}pt double {border.colour}"
    return f"{border.width:g}pt {_PATTERNS.get(border.kind, 'solid')} {border.colour}"


def unequal(border: Border | None) -> bool:
    """Two lines of different width: CSS has no such border, so a block of its own is drawn (``block_css``)."""
    return border is not None and border.kind in _DOUBLE and border.kind != "double"


def block_css(border: Border, side: str) -> str:
    """Of a block above (``side`` top) or below the text."""
    first, gap, second = _DOUBLE[border.kind](border.width)
    distance = f"margin-{'bottom' if side == 'top' else 'top'}:{border.space:g}pt"
    lines = f"border-top:{first:g}pt solid {border.colour};border-bottom:{second:g}pt solid {border.colour}"
    return f"display:block;height:{gap:g}pt;text-indent:0;{lines};{distance}"
