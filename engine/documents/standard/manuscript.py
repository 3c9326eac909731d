"""A .docx as it may be measured: sections, paragraphs and tables with everything resolved that styles and themes decide.

Lengths of text are points, lengths of the page millimetres.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

MILLIMETRE = 72 / 25.4  # points
_NATURAL = 1.3  # height of a line over the size of its characters, where the file leaves it to the font
PAGE_NUMBER = "\ue000"  # stands in a text for the number of its page: private use


@dataclass(frozen=True, slots=True)
class Border:
    """:ivar kind: ``single``, ``double``, ``thickThinSmallGap`` ...
    :ivar width: points
    :ivar space: points between it and the text"""

    kind: str
    width: float
    colour: str
    space: float

    @property
    def drawn(self) -> bool:
        return self.kind not in ("", "nil", "none")


@dataclass(frozen=True, slots=True)
class Run:
    """Text of one look.

    :ivar font: of Chinese characters
    :ivar latin: of letters and digits
    :ivar size: points
    :ivar colour: ``auto`` or RRGGBB
    :ivar spacing: points that each character is wider
    """

    text: str
    font: str
    latin: str
    size: float
    colour: str
    spacing: float
    bold: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a paragraph stands that is out of the flow: points, from what the anchors name."""

    width: float | None
    x: float
    y: float
    across: str
    down: str
    align: str


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn over or under a paragraph's text: its upper edge and left edge from the paragraph's, points.

    :ivar name: its text for those who do not see it
    :ivar line: id of the signature line that it is, or empty
    :ivar red_line: width in points where it is a red line
    """

    name: str
    line: str
    left: float | None
    top: float | None
    width: float
    height: float
    red_line: float = 0


@dataclass(frozen=True)
class Section:
    """Pages of one kind; millimetres.

    :ivar numbered: kind of page (default, even, first) -> the paragraphs of its footer
    :ivar headers: the same of its header
    """

    width: float
    height: float
    top: float
    right: float
    bottom: float
    left: float
    footer: float
    grid: str
    line_pitch: float
    character_space: float
    title_page: bool
    start: str
    footers: Mapping[str, tuple[Paragraph, ...]]
    headers: Mapping[str, tuple[Paragraph, ...]]

    @property
    def landscape(self) -> bool:
        return self.width > self.height

    @property
    def area(self) -> tuple[float, float]:
        """Width and height of the type area 版心."""
        return self.width - self.left - self.right, self.height - self.top - self.bottom


@dataclass(eq=False)
class Table:
    """:ivar number: it is the N-th ``w:tbl`` of the document, from 0
    :ivar bottom: it floats on the foot of the type area
    :ivar columns: widths in points
    :ivar padding: left and right of a cell, points
    """

    number: int
    bottom: bool
    columns: tuple[float, ...]
    padding: tuple[float, float]
    rows: list[Row] = field(default_factory=list)

    @property
    def width(self) -> float:
        return sum(self.columns)

    @property
    def paragraphs(self) -> Iterator[Paragraph]:
        return (p for row in self.rows for cell in row.cells for p in cell.paragraphs)

    @property
    def height(self) -> float:
        return sum(row.reckoned_height for row in self.rows)


@dataclass(eq=False)
class Row:
    height: float
    exact: bool
    cells: list[Cell] = field(default_factory=list)

    @property
    def reckoned_height(self) -> float:
        if self.exact:
            return self.height
        content = max((sum(p.height for p in c.paragraphs) for c in self.cells), default=0.0)
        return max(self.height, content)


@dataclass(eq=False)
class Cell:
    """:ivar merged: ``restart``, ``continue``, or empty where it is not merged downwards"""

    width: float
    merged: str
    align: str
    top: Border
    bottom: Border
    paragraphs: list[Paragraph] = field(default_factory=list)


@dataclass(eq=False)
class Paragraph:
    """:ivar index: it is the N-th ``w:p`` of word/document.xml, from 0; -1 in a header or footer
    :ivar styles: ids and names of its style and of those it is based on, nearest first
    :ivar number: what Word counts before it, such as ``一、``
    :ivar left: indents in points; ``first`` is the first line's, from ``left``
    :ivar line: 240ths of a line where ``rule`` is ``auto``, else points
    :ivar outside: it stands in a frame or text box, out of the flow
    :ivar fields: codes of its fields, such as ``PAGE``
    :ivar stops: tab stops, from the column's left edge, and whether text begins, ends or has its middle there
    :ivar mark: the look of the paragraph's end
    """

    index: int
    styles: tuple[str, ...]
    runs: tuple[Run, ...]
    number: str
    align: str
    left: float
    right: float
    first: float
    before: float
    after: float
    line: float
    rule: str
    snapped: bool
    new_page: bool
    top_border: Border
    bottom_border: Border
    frame: Frame | None
    outside: bool
    pictures: tuple[Picture, ...]
    fields: tuple[str, ...]
    stops: tuple[tuple[float, str], ...]
    mark: Run = field(repr=False)
    table: Table | None = field(default=None, repr=False)
    section: Section | None = field(default=None, repr=False)

    @cached_property
    def text(self) -> str:
        return self.number + "".join(run.text for run in self.runs)

    @cached_property
    def words(self) -> str:
        """Its text without spaces at the ends and without breaks of lines."""
        return self.text.replace("\n", "").strip(" \t\u3000\u200b")

    @property
    def blank(self) -> bool:
        return not self.words and not self.fields

    @cached_property
    def main(self) -> Run:
        """The look of most of its text."""
        looks: dict[tuple[Any, ...], float] = {}
        first: dict[tuple[Any, ...], Run] = {}
        for run in self.runs:
            if run.text.strip():
                look = (run.font, run.latin, run.size, run.colour, run.spacing)
                looks[look] = looks.get(look, 0) + len(run.text)
                first.setdefault(look, run)
        return first[max(looks, key=lambda look: looks[look])] if looks else self.mark

    @property
    def em(self) -> float:
        """The step of one Chinese character."""
        return self.main.size + self.main.spacing

    @cached_property
    def pitch(self) -> float:
        """From line to line; what the font decides is reckoned."""
        size = max((run.size for run in self.runs if run.text.strip()), default=self.mark.size)
        if self.rule == "exact":
            return self.line
        natural = size * _NATURAL
        section = self.section
        grid = section.line_pitch if section and self.snapped and section.grid else 0
        if grid:
            natural = grid * max(1, math.ceil(natural / grid - 0.15))
        if self.rule == "atLeast":
            return max(self.line, natural)
        return natural * self.line / 240

    @property
    def column(self) -> float:
        """Points that a line may take."""
        if self.table is not None:
            cell = next((c for r in self.table.rows for c in r.cells if self in c.paragraphs), None)
            return (cell.width if cell else self.table.width) - sum(self.table.padding)
        if self.frame is not None and self.frame.width:
            return self.frame.width
        return self.section.area[0] * MILLIMETRE if self.section else 156 * MILLIMETRE

    @cached_property
    def width(self) -> float:
        """Of its longest line's text, were it never wrapped."""
        return max(_width(line, self) for line in _lines(self))

    @property
    def lines(self) -> int:
        room = max(self.column - self.left - self.right, self.em)
        return sum(
            max(1, math.ceil((_width(line, self) - self.main.spacing - 0.5) / room)) for line in _lines(self)
        )

    @property
    def height(self) -> float:
        return 0 if self.outside else self.before + self.lines * self.pitch + self.after

    @property
    def span(self) -> tuple[float, float]:
        """Where its text begins and ends, from the column's left edge, were it one line; spaces at its ends do not count."""
        text = self.text.split("\n", 1)[0]
        before = sum(self.step(c) for c in text[: len(text) - len(text.lstrip(" \u3000"))])
        after = sum(self.step(c) for c in text[len(text.rstrip(" \u3000")) :])
        room = self.column - self.right
        if "\t" in text:
            return self.left + self.first + before, self.after_tabs(text) - after
        width = min(self.width, room - self.left)
        if self.align in ("right", "end"):
            return room - width + before, room - after
        if self.align == "center":
            middle = (self.left + self.first + room) / 2
            return middle - width / 2 + before, middle + width / 2 - after
        return self.left + self.first + before, self.left + self.first + width - after

    def step(self, character: str) -> float:
        return (self.main.size if wide(character) else self.main.size / 2) + self.main.spacing

    def after_tabs(self, text: str) -> float:
        """Where a line with tabs ends."""
        first, *pieces = text.split("\t")
        at = self.left + self.first + sum(map(self.step, first))
        for piece in pieces:
            width = sum(map(self.step, piece))
            stop, kind = next((s for s in self.stops if s[0] > at + 0.1), (at + 2 * self.em, "left"))
            at = stop + {"left": width, "center": width / 2, "right": 0.0}.get(kind, width)
        return at


def _lines(paragraph: Paragraph) -> list[list[tuple[str, float, float]]]:
    """Pieces of text with size and spacing, line by line as the writer broke them."""
    main = paragraph.main
    out = [[(paragraph.number, main.size, main.spacing)]]
    for run in paragraph.runs:
        first, *rest = run.text.split("\n")
        out[-1].append((first, run.size, run.spacing))
        out += [[(piece, run.size, run.spacing)] for piece in rest]
    return out


def _width(line: list[tuple[str, float, float]], paragraph: Paragraph) -> float:
    return sum(
        (size if wide(character) else size / 2) + spacing
        for text, size, spacing in line
        for character in text
        if character != "\u200b"
    )


def wide(character: str) -> bool:
    """It is as wide as a Chinese character; so are “ ” — … in an East Asian font."""
    return unicodedata.east_asian_width(character) in "WFA"


@dataclass(frozen=True)
class Manuscript:
    """:ivar category: the profile that the file names, or empty
    :ivar flow: the blocks of the body in order, without what stands in frames
    :ivar facing: odd and even pages have footers of their own
    """

    category: str
    paragraphs: tuple[Paragraph, ...]
    tables: tuple[Table, ...]
    flow: tuple[Paragraph | Table, ...]
    sections: tuple[Section, ...]
    facing: bool
