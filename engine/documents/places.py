"""Where something stands in a Word file, in the words of somebody who looks for it in Word."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"

FIRST_WORDS = 14  # characters

_PARTS = {
    "document": "正文", "header": "页眉", "footer": "页脚", "footnotes": "脚注", "endnotes": "尾注",
    "styles": "样式", "numbering": "编号", "settings": "文档设置", "comments": "批注", "webSettings": "文档设置",
}  # fmt: skip


def part_name(name: str) -> str:
    """正文, 页眉（header2）…; a part that nobody sees is told by its own name, one of relationships by what it belongs to."""
    if name.endswith(".rels"):
        owner = re.sub(r"_rels/([^/]*)\.rels$", r"\1", name)
        return part_name(owner) if owner else "整个文件"
    stem, number = re.fullmatch(r"(?:word/)?(.*?)(\d*)(?:\.xml)?", name).groups()  # type: ignore[union-attr]
    known = _PARTS.get(stem)
    if known is None:
        return name
    return f"{known}（{stem}{number}）" if number and stem in ("header", "footer") else known


def paragraphs(name: str, root: etree._Element) -> Iterator[tuple[etree._Element, str]]:
    """The paragraphs of a part, each with its place: 正文第 3 段“一、总体要求”, 正文第 2 个表格第 1 行第 4 格“…”."""
    part, number, tables = part_name(name), 0, dict[etree._Element, int]()
    for paragraph in root.iter(f"{W}p"):
        grid = list(paragraph.iterancestors(f"{W}tbl"))
        if grid:
            at = f"第 {tables.setdefault(grid[-1], len(tables) + 1)} 个表格{_cell(paragraph, grid[-1])}"
        else:
            number += 1
            at = f"第 {number} 段"
        yield paragraph, f"{part}{at}{_first_words(paragraph)}"


def place_of(name: str, root: etree._Element, element: etree._Element) -> str:
    """Of an element, by the paragraph that holds it; outside of paragraphs only the part is told."""
    holder = element if element.tag == f"{W}p" else next(element.iterancestors(f"{W}p"), None)
    if holder is not None:
        return next(
            (place for paragraph, place in paragraphs(name, root) if paragraph is holder), part_name(name)
        )
    return part_name(name)


def texts(paragraph: etree._Element) -> list[etree._Element]:
    """A paragraph's own pieces of text, without those of paragraphs inside it (text boxes)."""
    return [t for t in paragraph.iter(f"{W}t") if next(t.iterancestors(f"{W}p")) is paragraph]


def _cell(paragraph: etree._Element, table: etree._Element) -> str:
    """By the outermost table's row and cell."""
    cells = [
        cell for cell in paragraph.iterancestors(f"{W}tc") if next(cell.iterancestors(f"{W}tbl")) is table
    ]
    if not cells or (row := cells[-1].getparent()) is None:
        return ""
    before = [1 for one in cells[-1].itersiblings(f"{W}tc", preceding=True)]
    rows = [1 for one in row.itersiblings(f"{W}tr", preceding=True)]
    return f"第 {len(rows) + 1} 行第 {len(before) + 1} 格"


def _first_words(paragraph: etree._Element) -> str:
    text = "".join(t.text or "" for t in texts(paragraph)).strip()
    if not text:
        return ""
    return f"“{text[:FIRST_WORDS]}{'…' if len(text) > FIRST_WORDS else ''}”"
