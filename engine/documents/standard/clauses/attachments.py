"""7.3.4: 附件说明 a line under the text, indented by two characters, 附件 with a full-width colon, Arabic numbers, no mark behind a name,
wrapped under the name's first character."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.documents.standard.case import Case, Deviation
from engine.documents.standard.elements import FULL, TEXT, Element
from engine.documents.standard.manuscript import Paragraph
from engine.documents.standard.tolerances import characters, lines, off_characters, off_lines

PROFILES = FULL
_LABEL = re.compile(r"附\s*件\s*\d*\s*[:：]?\s*")
_NUMBER = re.compile(r"(\d+|[一二三四五六七八九十]+|[（(]\d+[）)])\s*([.．、]|(?<=[）)]))\s*")


def check(case: Case) -> Iterator[Deviation]:
    listed = case.of(Element.ATTACHMENTS)
    for at, paragraph in enumerate(listed):
        label = _LABEL.match(paragraph.words)
        if at == 0:
            yield from _first(case, paragraph, label[0] if label else "")
        rest = paragraph.words[label.end() :] if label else paragraph.words
        number = _NUMBER.match(rest)
        if len(listed) > 1:
            shown = number[0].strip() if number else ""
            if shown not in (f"{at + 1}.", f"{at + 1}．"):
                found = f"顺序号“{shown}”" if shown else "没有顺序号"
                yield case.deviation("7.3.4", "附件说明", found, f"阿拉伯数字“{at + 1}.”", paragraph)
        name = rest[number.end() :] if number else rest
        if re.search(r"[。；;，,、．.]$", name):
            yield case.deviation(
                "7.3.4", "附件说明", f"名称后有“{name[-1]}”", "附件名称后不加标点符号", paragraph
            )
        yield from _wraps(case, paragraph, name)


def _first(case: Case, paragraph: Paragraph, label: str) -> Iterator[Deviation]:
    if label.strip() != "附件：":
        yield case.deviation(
            "7.3.4",
            "附件说明",
            f"“{label.strip() or paragraph.words[:4]}”",
            "“附件”二字后标全角冒号",
            paragraph,
        )
    if off_characters(case.left(paragraph), 2):
        yield case.deviation(
            "7.3.4", "附件说明", f"左空 {characters(case.left(paragraph))}", "左空 2 字", paragraph
        )
    above, distance = case.before(paragraph)
    if case.element(above) in TEXT and off_lines(distance, 1):
        yield case.deviation("7.3.4", "附件说明", f"在正文下空 {lines(distance)}", "空 1 行", paragraph)


def _wraps(case: Case, paragraph: Paragraph, name: str) -> Iterator[Deviation]:
    """Only where it wraps: in one line nothing is to be aligned."""
    room = paragraph.column - paragraph.right
    end = paragraph.left + paragraph.first + paragraph.width
    if end <= room + 0.5 or not name:
        return
    before = paragraph.text[: len(paragraph.text.rstrip()) - len(name)]
    start = paragraph.left + paragraph.first + sum(paragraph.step(c) for c in before)
    if off_characters((paragraph.left - start) / paragraph.em, 0):
        found = f"回行左空 {characters(paragraph.left / paragraph.em)}"
        wanted = f"与名称首字对齐（左空 {characters(start / paragraph.em)}）"
        yield case.deviation("7.3.4", "附件说明", found, wanted, paragraph)
