"""Frames: paragraphs that stand at a place of their own (``w:framePr``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.documents.docx.geometry import Page, placed
from engine.documents.docx.markup import number


@dataclass(frozen=True, slots=True)
class Frame:
    """:ivar width: None: as wide as its text
    :ivar left: from the column's left edge
    :ivar top: from the type area's upper edge; None: where the text is, ``offset`` below it
    """

    width: float | None
    height: float | None
    left: float
    top: float | None
    offset: float
    over_text: bool  # text doesn't make room for it

    @classmethod
    def read(cls, properties: Mapping[str, str], page: Page) -> Frame:
        def length(name: str) -> float:
            return number(properties.get(name)) / 20

        width = length("w") or None
        height = length("h") if properties.get("hRule") == "exact" else None
        across = page.across(properties.get("hAnchor", "text"))
        left = placed(across, width or 0, properties.get("xAlign", ""), length("x")) - page.left
        down = page.down(properties.get("vAnchor", "text"))
        top = None
        if down is not None:
            top = placed(down, height or length("h"), properties.get("yAlign", ""), length("y")) - page.top
        return cls(width, height, left, top, length("y"), properties.get("wrap") in ("none", "through"))

    def css(self, above: float = 0) -> str:
        """At its place, text flowing as if it weren't there.

        :param above: of the box that places are measured from, up to the type area's upper edge"""
        top = f"margin-top:{self.offset:g}pt" if self.top is None else f"top:{self.top + above:g}pt"
        return f"position:absolute;left:{self.left:g}pt;{top};{self._size()}"

    def flow_css(self) -> str:
        """In the flow, as the first thing on a page: text goes on below."""
        return f"margin-top:{self.top or 0:g}pt;margin-left:{self.left:g}pt;{self._size()}"

    def pushes(self, page: Page, height: float) -> bool:
        """Whether it leaves no room beside it at the head of a page, where the text begins.

        :param height: of its text, about
        """
        if self.over_text or self.top is None or self.width is None:
            return False
        return self.top <= 12 and self.top + (self.height or height) > 1 and self.width > page.column * 0.6

    def _size(self) -> str:
        out = "" if self.width is None else f"width:{self.width:g}pt;"
        return out if self.height is None else f"{out}height:{self.height:g}pt;overflow:hidden"
