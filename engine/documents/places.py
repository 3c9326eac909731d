"""Where something stands in a Word file, in the words of somebody who looks for it in Word."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of a part.

    :ivar texts: its own pieces of text, without those of paragraphs inside it (text boxes)
    :ivar place: 正文第 3 段“一、总体要求”, 正文第 2 个表格第 1 行第 4 格“…”
    """

    element: etree._Element
    texts: list[etree._Element]
    place: str

    @property
    def text(self) -> str:
        return "".join(t.text or "" for t in self.texts)


def paragraphs(name: str, root: etree._Element) -> Iterator[Paragraph]:
    """A part's paragraphs in the order of the text; in tables they are counted by the outermost table's rows and cells."""
    texts: dict[etree._Element, list[etree._Element]] = {}
    for text in root.iter(f"{W}t"):
        if (owner := next(text.iterancestors(f"{W}p"), None)) is not None:
            texts.setdefault(owner, []).append(text)
    part, number, tables, row, cell = part_name(name), 0, 0, 0, 0
    outer: etree._Element | None = None
    for element in root.iter(f"{W}p", f"{W}tbl", f"{W}tr", f"{W}tc"):
        table = next(element.iterancestors(f"{W}tbl"), None)
        if element.tag == f"{W}tbl" and table is None:
            outer, tables, row, cell = element, tables + 1, 0, 0
        elif element.tag == f"{W}tr" and table is outer:
            row, cell = row + 1, 0
        elif element.tag == f"{W}tc" and table is outer:
            cell += 1
        elif element.tag == f"{W}p":
            number += table is None
            at = f"第 {number} 段" if table is None else f"第 {tables} 个表格第 {row} 行第 {cell} 格"
            own = texts.get(element, [])
            yield Paragraph(element, own, f"{part}{at}{_first_words(own)}")


def place_of(name: str, root: etree._Element, element: etree._Element) -> str:
    """Of an element, by the paragraph that holds it; outside of paragraphs only the part is told."""
    holder = element if element.tag == f"{W}p" else next(element.iterancestors(f"{W}p"), None)
    found = (one.place for one in paragraphs(name, root) if one.element is holder)
    return next(found, part_name(name))


def _first_words(texts: Iterable[etree._Element]) -> str:
    text = "".join(t.text or "" for t in texts).strip()
    if not text:
        return ""
    return f"“{text[:FIRST_WORDS]}{'…' if len(text) > FIRST_WORDS else ''}”"
