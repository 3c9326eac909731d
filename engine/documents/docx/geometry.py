"""A page's size and margins, and places on it: of frames, anchored pictures and floating tables. Points."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from engine.documents.docx.markup import find, points


@dataclass(frozen=True)
class Page:
    """:ivar header: distance of the header from the page's upper edge
    :ivar footer: of the footer from the lower one"""

    width: float
    height: float
    top: float
    right: float
    bottom: float
    left: float
    header: float
    footer: float

    @classmethod
    def read(cls, section: etree._Element) -> Page:
        size, margin = find(section, "pgSz"), find(section, "pgMar")
        top, right, bottom, left = (
            abs(points(margin, side, 72)) for side in ("top", "right", "bottom", "left")
        )
        return cls(
            points(size, "w", 595.3), points(size, "h", 841.9), top, right, bottom, left + points(margin, "gutter"),
            points(margin, "header", 36), points(margin, "footer", 36),
        )  # fmt: skip

    @property
    def column(self) -> float:
        return self.width - self.left - self.right

    def across(self, anchor: str) -> tuple[float, float]:
        """From where to where ``anchor`` reaches, from the page's left edge."""
        return {
            "page": (0, self.width),
            "leftMargin": (0, self.left),
            "rightMargin": (self.width - self.right, self.width),
        }.get(anchor, (self.left, self.width - self.right))

    def down(self, anchor: str) -> tuple[float, float] | None:
        """From the page's upper edge; None for what is measured from the text."""
        return {
            "page": (0, self.height),
            "margin": (self.top, self.height - self.bottom),
            "topMargin": (0, self.top),
            "bottomMargin": (self.height - self.bottom, self.height),
        }.get(anchor)


def placed(between: tuple[float, float], size: float, align: str, offset: float) -> float:
    """Where something of this size begins.

    :param align: how it stands between the two; empty: ``offset`` from the first
    """
    start, end = between
    if align in ("right", "bottom", "outside"):
        return end - size
    if align == "center":
        return (start + end - size) / 2
    return start if align else start + offset
