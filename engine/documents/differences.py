"""What changed between two .docx files, as a reader sees it: paragraph by paragraph, in a table cell by cell, with the words put in
and taken out.

Only text is compared. Where two files differ and their texts do not, format, pictures or numbering changed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import Literal

from lxml import etree

from engine.documents.package import parse_xml, read_package

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_PARTS = re.compile(r"word/(document|header\d*|footer\d*|footnotes|endnotes)\.xml")
_WORD = re.compile(r"[A-Za-z0-9]+|\s+|.", re.S)
_SIGNS = {"tab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}

SIMILAR = 0.5  # share of characters in common from which two paragraphs are one that was changed
MANY = 2000  # paragraphs from which those that occur again and again are no anchors: they cost the square
MAX_PAIRS = 10_000  # paragraphs compared each with each; beyond that they are paired in order
MAX_WORDS = 4_000_000  # product of two paragraphs' lengths; beyond that the whole paragraph counts as changed

Operation = Literal["equal", "insert", "delete"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Words of a paragraph or cell: left as they were, put in or taken out."""

    operation: Operation
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """A paragraph or a table's row.

    :ivar operation: of the whole of it; ``change`` where a part of it changed
    :ivar place: where it stands, such as 表 2 第 3 行; empty for a paragraph of the text
    :ivar cells: of a row, or one for a paragraph
    """

    operation: Literal["equal", "insert", "delete", "change"]
    place: str
    cells: tuple[tuple[Piece, ...], ...]


@dataclass(frozen=True)
class _Block:
    place: str
    cells: tuple[str, ...]

    @cached_property
    def letters(self) -> Counter[str]:
        return Counter("".join(self.cells))


def differences(old: bytes, new: bytes) -> list[Change]:
    """All blocks of both files in order, unchanged ones among them (see ``hunks``).

    :raises Invalid: a file is no sound .docx
    """
    before, after = _blocks(old), _blocks(new)
    many = min(len(before), len(after)) > MANY
    matcher = SequenceMatcher(None, [b.cells for b in before], [b.cells for b in after], autojunk=many)
    out: list[Change] = []
    for operation, i, ii, j, jj in matcher.get_opcodes():
        if operation == "equal":
            out += [_whole("equal", block) for block in after[j:jj]]
        else:
            out += _pairs(before[i:ii], after[j:jj])
    return out


def text(docx: bytes) -> str:
    """All that is read in a .docx, a paragraph or row a line.

    :raises Invalid: it is no sound .docx
    """
    return "\n".join(" ".join(block.cells) for block in _blocks(docx))


def hunks(changes: Sequence[Change], around: int = 1) -> list[list[Change]]:
    """The changes, each with as many unchanged neighbours on either side; what lies between them is left out."""
    near = {
        at
        for at, change in enumerate(changes)
        if any(c.operation != "equal" for c in changes[max(0, at - around) : at + around + 1])
    }
    out: list[list[Change]] = []
    for at in sorted(near):
        if at - 1 not in near:
            out.append([])
        out[-1].append(changes[at])
    return out


def _blocks(content: bytes) -> tuple[_Block, ...]:
    """Paragraphs and rows with text, the body's first, then those of headers and footers."""
    parts = read_package(content)
    names = sorted((n for n in parts if _PARTS.fullmatch(n)), key=lambda n: (n != "word/document.xml", n))
    return tuple(
        block
        for name in names
        for block in _of_part(parse_xml(parts[name]), "" if name == "word/document.xml" else _kind(name))
        if any(block.cells)
    )


def _kind(name: str) -> str:
    return {"header": "页眉", "footer": "页脚"}.get(name.removeprefix("word/")[:6], "脚注")


def _of_part(root: etree._Element, kind: str) -> Iterator[_Block]:
    tables = 0
    for element in _top_level(root):
        if element.tag == f"{_W}p":
            yield _Block(kind, (_text(element),))
        else:
            tables += 1
            rows = [row for row in element.iter(f"{_W}tr") if _table_of(row) is element]
            for number, row in enumerate(rows, 1):
                cells = (cell for cell in row.iter(f"{_W}tc") if _row_of(cell) is row)
                yield _Block(f"{kind}表 {tables} 第 {number} 行", tuple(_cell(cell) for cell in cells))


def _top_level(element: etree._Element) -> Iterator[etree._Element]:
    """Paragraphs and tables in the order of the text, through content controls and the like."""
    for child in element:
        if child.tag in (f"{_W}p", f"{_W}tbl"):
            yield child
        elif isinstance(child.tag, str) and child.tag != _FALLBACK:
            yield from _top_level(child)


def _table_of(row: etree._Element) -> etree._Element | None:
    return next(row.iterancestors(f"{_W}tbl"), None)


def _row_of(cell: etree._Element) -> etree._Element | None:
    return next(cell.iterancestors(f"{_W}tr"), None)


def _cell(cell: etree._Element) -> str:
    return "\n".join(filter(None, (_text(paragraph) for paragraph in cell.iter(f"{_W}p"))))


def _text(paragraph: etree._Element) -> str:
    """As it is read: deleted words, instructions of fields and what stands in for missing features are left out."""
    out = []
    for element in paragraph.iter():
        if not isinstance(element.tag, str) or next(element.iterancestors(_FALLBACK), None) is not None:
            continue
        name = element.tag.removeprefix(_W)
        if name == "t":
            out.append(element.text or "")
        elif name in _SIGNS and (parent := element.getparent()) is not None and parent.tag == f"{_W}r":
            out.append(_SIGNS[name])
    return "".join(out).strip()


def _whole(operation: Operation, block: _Block) -> Change:
    return Change(operation, block.place, tuple((Piece(operation, text),) for text in block.cells))


def _pairs(before: Sequence[_Block], after: Sequence[_Block]) -> Iterator[Change]:
    """Blocks that took each other's place: alike ones as one that was changed, the others taken out and put in."""
    i = j = 0
    for left, right in [*_alike(before, after), (len(before), len(after))]:
        yield from (_whole("delete", block) for block in before[i:left])
        yield from (_whole("insert", block) for block in after[j:right])
        if left < len(before):
            old, new = before[left], after[right]
            cells = tuple(_words(a, b) for a, b in zip(old.cells, new.cells, strict=True))
            yield Change("change", new.place, cells)
        i, j = left + 1, right + 1


def _alike(before: Sequence[_Block], after: Sequence[_Block]) -> list[tuple[int, int]]:
    """The pairs, in order, that have most in common altogether."""
    if len(before) * len(after) > MAX_PAIRS:
        pairs = list(zip(range(len(before)), range(len(after)), strict=False))
        return [(i, j) for i, j in pairs if _likeness(before[i], after[j]) >= SIMILAR]
    best = [[0.0] * (len(after) + 1) for _ in range(len(before) + 1)]
    alike: dict[tuple[int, int], float] = {}
    for i in reversed(range(len(before))):
        for j in reversed(range(len(after))):
            likeness = alike[i, j] = _likeness(before[i], after[j])
            paired = best[i + 1][j + 1] + likeness if likeness >= SIMILAR else 0.0
            best[i][j] = max(best[i + 1][j], best[i][j + 1], paired)
    out, i, j = [], 0, 0
    while i < len(before) and j < len(after):
        if alike[i, j] >= SIMILAR and best[i][j] == best[i + 1][j + 1] + alike[i, j]:
            out.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return out


def _likeness(old: _Block, new: _Block) -> float:
    """Share of characters in common; rows of a table also by cells that stayed the same, 0 where one has more cells."""
    if len(old.cells) != len(new.cells):
        return 0.0
    both = (old.letters & new.letters).total()
    common = 2 * both / max(1, old.letters.total() + new.letters.total())
    same = sum(x == y != "" for x, y in zip(old.cells, new.cells, strict=True))
    return max(common, SIMILAR if 2 * same >= len(old.cells) > 1 else 0.0)


def _words(old: str, new: str) -> tuple[Piece, ...]:
    if old == new:
        return (Piece("equal", new),)
    a, b = _WORD.findall(old), _WORD.findall(new)
    if len(a) * len(b) > MAX_WORDS:
        return tuple(Piece(o, t) for o, t in (("delete", old), ("insert", new)) if t)  # type: ignore[arg-type]
    codes = SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    out: list[Piece] = []
    gone = come = ""
    for at, (operation, i, ii, j, jj) in enumerate(codes):
        left, right = "".join(a[i:ii]), "".join(b[j:jj])
        # A single sign that happens to be in both, amid changes, would only tear them to pieces.
        if operation == "equal" and not (0 < at < len(codes) - 1 and len(right) == 1):
            out += _flushed(gone, come)
            out.append(Piece("equal", right))
            gone = come = ""
        else:
            gone, come = gone + left, come + right
    return (*out, *_flushed(gone, come))


def _flushed(gone: str, come: str) -> list[Piece]:
    pieces: list[tuple[Operation, str]] = [("delete", gone), ("insert", come)]
    return [Piece(operation, text) for operation, text in pieces if text]
