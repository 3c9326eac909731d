"""What a rule looks at, and what it finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from engine.documents.pdf import Place, Rendered
from engine.documents.standard.elements import Element, Profile, red
from engine.documents.standard.manuscript import MILLIMETRE, Manuscript, Paragraph, Section, Table
from engine.documents.standard.tolerances import AREA, INK_BOTTOM, INK_TOP, STEP, off_length

_LONGEST = 18  # characters of a paragraph that name it


@dataclass(frozen=True, slots=True)
class Deviation:
    """Something that is not as the standard wants it.

    :ivar clause: of GB/T 9704-2012, such as ``7.2.5``
    :ivar element: what it is about, in the standard's words
    :ivar found: what the file has
    :ivar wanted: what the standard wants
    :ivar severity: ``error``, or ``warning`` where the standard only recommends
    :ivar page: from 1; None where the file was not laid out, or nothing stands there
    :ivar paragraph: the N-th ``w:p`` of word/document.xml from 0; None for the whole file
    :ivar words: its first words
    :ivar others: how many more paragraphs have the same
    """

    clause: str
    element: str
    found: str
    wanted: str
    severity: str = "error"
    page: int | None = None
    paragraph: int | None = None
    words: str = ""
    others: int = 0

    @property
    def place(self) -> str:
        page = f"第 {self.page} 页" if self.page else ""
        if self.paragraph is None:
            return page or "全文"
        more = f"等 {self.others + 1} 处" if self.others else ""
        words = f"“{self.words}”" if self.words else ""
        return f"{page}第 {self.paragraph + 1} 段{words}{more}"


@dataclass(frozen=True)
class Case:
    """:ivar elements: index of paragraph -> what it is
    :ivar layout: where everything stands, if that is known"""

    manuscript: Manuscript
    elements: Mapping[int, Element]
    profile: Profile
    layout: Rendered | None

    def of(self, *elements: Element) -> list[Paragraph]:
        """The paragraphs that are one of these, in order."""
        return [p for p in self.manuscript.paragraphs if self.elements.get(p.index) in elements]

    def element(self, block: Paragraph | Table | None) -> Element | None:
        return self.elements.get(block.index) if isinstance(block, Paragraph) else None

    def deviation(
        self,
        clause: str,
        element: str,
        found: str,
        wanted: str,
        at: Paragraph | None = None,
        *,
        page: int | None = None,
        severity: str = "error",
    ) -> Deviation:
        words = "" if at is None else at.words
        return Deviation(
            clause, element, found, wanted, severity,
            page or (self.page(at) if at is not None else None),
            None if at is None or at.index < 0 else at.index,
            words[:_LONGEST] + ("…" if len(words) > _LONGEST else ""),
        )  # fmt: skip

    # ---- where it stands

    @cached_property
    def _places(self) -> dict[str, list[Place]]:
        found: dict[str, list[Place]] = {}
        for place in self.layout.places if self.layout else ():
            found.setdefault(place.key, []).append(place)
        return found

    def places(self, block: Paragraph | Table | str) -> list[Place]:
        """Line by line, or page by page; nothing where the file was not laid out."""
        if isinstance(block, str):
            return self._places.get(block, [])
        key = f"p{block.index}" if isinstance(block, Paragraph) else f"t{block.number}"
        return self._places.get(key, [])

    def page(self, block: Paragraph | Table) -> int | None:
        """On which it begins."""
        return min((place.page for place in self.places(block)), default=None)

    def top(self, paragraph: Paragraph) -> float | None:
        """Millimetres from the page's upper edge to the upper edge of its first line's strokes; None: not to be told."""
        if places := self.places(paragraph):
            return (
                places[0].top
                + (places[0].height - _size(paragraph) / MILLIMETRE) / 2
                + INK_TOP * _size(paragraph) / MILLIMETRE
            )
        above = self._above(paragraph)
        if above is None:
            return None
        return (
            above
            + (paragraph.before + (paragraph.pitch - _size(paragraph)) / 2 + INK_TOP * _size(paragraph))
            / MILLIMETRE
        )

    def bottom(self, paragraph: Paragraph) -> float | None:
        """The same of its last line's lower edge, were its lines one."""
        if places := self.places(paragraph):
            return places[-1].top + places[-1].height - below(paragraph) / MILLIMETRE
        above = self._above(paragraph)
        return (
            None
            if above is None
            else above + (paragraph.before + paragraph.pitch - below(paragraph)) / MILLIMETRE
        )

    def _above(self, paragraph: Paragraph) -> float | None:
        """Millimetres from the first page's upper edge to where a paragraph begins, as the file declares it."""
        section = paragraph.section
        if section is None:
            return None
        frame = paragraph.frame
        if frame is not None and frame.down in ("page", "margin"):
            return frame.y / MILLIMETRE + (section.top if frame.down == "margin" else 0)
        height = section.top
        for block in self.manuscript.flow:
            if block is paragraph:
                return height
            if isinstance(block, Paragraph) and block.new_page:
                return None
            height += block.height / MILLIMETRE
        return None

    def before(self, paragraph: Paragraph) -> tuple[Paragraph | Table | None, float]:
        """What stands before it in the text, and how far: points of empty space between them.

        The distance is nan where a page begins between them.
        """
        flow, distance = self.manuscript.flow, paragraph.before
        at = self._position(paragraph)
        if at is None or paragraph.new_page:
            return None, float("nan")
        for block in reversed(flow[:at]):
            if isinstance(block, Table):
                return block, distance
            if not block.blank or has_line(block):
                return block, distance + block.after
            distance += block.height
            if block.new_page:
                return None, float("nan")
        return None, distance

    def _position(self, paragraph: Paragraph) -> int | None:
        for at, block in enumerate(self.manuscript.flow):
            if block is paragraph or (isinstance(block, Table) and block is paragraph.table):
                return at
        return None

    def after(self, paragraph: Paragraph) -> Iterator[Paragraph | Table]:
        """What follows it in the text, without empty lines."""
        at = self._position(paragraph)
        for block in self.manuscript.flow[at + 1 :] if at is not None else ():
            if isinstance(block, Table) or not block.blank:
                yield block

    # ---- pages

    @property
    def portrait(self) -> list[Section]:
        return [section for section in self.manuscript.sections if not section.landscape]

    def left(self, paragraph: Paragraph) -> float:
        """Characters of 3号 that its first line stands from the left edge of the type area."""
        return self._across(paragraph)[0] / STEP

    def right(self, paragraph: Paragraph) -> float:
        """Characters of 3号 between its text's end and the right edge of the type area."""
        return (self._width(paragraph) - self._across(paragraph)[1]) / STEP

    def _width(self, paragraph: Paragraph) -> float:
        return (paragraph.section.area[0] if paragraph.section else AREA[0]) * MILLIMETRE

    def _across(self, paragraph: Paragraph) -> tuple[float, float]:
        """Where its text begins and ends, in points from the left edge of the type area."""
        start, end = paragraph.span
        offset = 0.0
        if paragraph.table is not None:
            for row in paragraph.table.rows:
                across = 0.0
                for cell in row.cells:
                    if paragraph in cell.paragraphs:
                        offset = across + paragraph.table.padding[0]
                    across += cell.width
        elif paragraph.frame is not None and paragraph.section is not None:
            frame, width = paragraph.frame, paragraph.frame.width or paragraph.width
            outer = paragraph.section.width * MILLIMETRE if frame.across == "page" else self._width(paragraph)
            x = {"center": (outer - width) / 2, "right": outer - width, "left": 0.0}.get(frame.align, frame.x)
            offset = x - (paragraph.section.left * MILLIMETRE if frame.across == "page" else 0)
        return start + offset, end + offset

    def middle(self, paragraph: Paragraph) -> float:
        """Of its text, in points from the left edge of the type area."""
        start, end = self._across(paragraph)
        return (start + end) / 2

    def aside(self, paragraph: Paragraph) -> float:
        """Millimetres from the middle of the type area to the middle of its text."""
        return (self.middle(paragraph) - self._width(paragraph) / 2) / MILLIMETRE

    def as_wide(self, paragraph: Paragraph, width: float) -> bool:
        """As the type area is, or should be: that the area itself is wrong is told by 5.2.1.

        :param width: millimetres
        """
        return not all(off_length(width, area) for area in (AREA[0], self._width(paragraph) / MILLIMETRE))


def has_line(paragraph: Paragraph) -> bool:
    """A line is drawn over or under it."""
    return any(
        border.drawn and border.width for border in (paragraph.top_border, paragraph.bottom_border)
    ) or any(picture.red_line for picture in paragraph.pictures)


def red_line(paragraph: Paragraph) -> bool:
    borders = (paragraph.top_border, paragraph.bottom_border)
    return any(border.drawn and red(border.colour) for border in borders) or any(
        picture.red_line for picture in paragraph.pictures
    )


def _size(paragraph: Paragraph) -> float:
    return max((run.size for run in paragraph.runs if run.text.strip()), default=paragraph.main.size)


def below(paragraph: Paragraph) -> float:
    """Points from the strokes of its characters to the lower edge of their line."""
    return (paragraph.pitch - _size(paragraph)) / 2 + INK_BOTTOM * _size(paragraph)
