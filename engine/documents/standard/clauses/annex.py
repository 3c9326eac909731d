"""7.3.7: 附件 on a page of its own: the mark in 3号黑体 flush left on line 1, the title centred on line 3, both as in the 附件说明."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.documents.standard.case import Case, Deviation
from engine.documents.standard.elements import FULL, Element
from engine.documents.standard.manuscript import Paragraph
from engine.documents.standard.tolerances import (
    characters,
    lines,
    mm,
    off_characters,
    off_length,
    off_lines,
)
from engine.documents.standard.typefaces import HEI, called

PROFILES = FULL


def check(case: Case) -> Iterator[Deviation]:
    marks, titles = case.of(Element.ANNEX_MARK), case.of(Element.ANNEX_TITLE)
    for paragraph in marks:
        yield from _mark(case, paragraph)
    for paragraph in titles:
        aside = case.aside(paragraph)
        if paragraph.align != "center" or off_length(aside, 0):
            yield case.deviation("7.3.7", "附件标题", "没有居中", "居中编排", paragraph)
        above, distance = case.before(paragraph)
        if case.element(above) is Element.ANNEX_MARK and off_lines(distance, 1):
            yield case.deviation(
                "7.3.7", "附件标题", f"在“附件”下空 {lines(distance)}", "编排在版心第三行", paragraph
            )
    yield from _agrees(case, marks, titles)


def _mark(case: Case, paragraph: Paragraph) -> Iterator[Deviation]:
    if not re.fullmatch(r"附件\d*", paragraph.words):
        yield case.deviation("7.3.7", "附件", paragraph.words, "“附件”二字及顺序号，不加冒号", paragraph)
    if not HEI.covers(paragraph.main.font):
        yield case.deviation("7.3.7", "附件", f"字体 {called(paragraph.main.font)}", "3号黑体字", paragraph)
    if off_characters(case.left(paragraph), 0):
        yield case.deviation("7.3.7", "附件", f"左空 {characters(case.left(paragraph))}", "顶格", paragraph)
    places, section = case.places(paragraph), paragraph.section
    if places and section is not None:
        low = places[0].top - section.top
        if off_length(low, 0):
            yield case.deviation(
                "7.3.7", "附件", f"在版心上边缘之下 {mm(low)}", "另面编排，在版心左上角第一行", paragraph
            )
    elif not paragraph.new_page:
        yield case.deviation("7.3.7", "附件", "没有另起一面", "另面编排", paragraph)


def _agrees(case: Case, marks: list[Paragraph], titles: list[Paragraph]) -> Iterator[Deviation]:
    """Numbers and titles are those of the 附件说明."""
    names = [
        re.sub(r"^(附件\s*[:：]\s*)?(\d+\s*[.．]\s*)?", "", p.words) for p in case.of(Element.ATTACHMENTS)
    ]
    for at, paragraph in enumerate(marks, 1):
        number = re.sub(r"\D", "", paragraph.words)
        if len(names) > 1 and number != str(at):
            found = f"“{paragraph.words}”"
            yield case.deviation("7.3.7", "附件", found, f"顺序号与附件说明一致：附件{at}", paragraph)
    if names and len(titles) == len(names):
        for name, title in zip(names, titles, strict=True):
            if _plain(name) != _plain(title.words):
                wanted = f"与附件说明一致：{name}"
                yield case.deviation("7.3.7", "附件标题", title.words, wanted, title)


def _plain(text: str) -> str:
    return re.sub(r"[\s《》]", "", text)
