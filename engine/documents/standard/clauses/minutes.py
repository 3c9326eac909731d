"""10.3: 纪要: the mark “×××纪要” red and centred, 35 mm under the upper edge of the type area; 出席, 请假, 列席 a line under the text,
indented by two characters, the label in 3号黑体, the names in 3号仿宋, wrapped under the first character behind the colon."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.documents.standard.case import Case, Deviation
from engine.documents.standard.clauses.characters import HAN
from engine.documents.standard.clauses.mark import look
from engine.documents.standard.elements import MARKS, TEXT, Element, Profile
from engine.documents.standard.manuscript import Paragraph
from engine.documents.standard.tolerances import characters, lines, mm, off_characters, off_length, off_lines
from engine.documents.standard.typefaces import FANG, HEI, called

PROFILES = (Profile.MINUTES,)
_ORDER = ("出席", "请假", "列席")


def check(case: Case) -> Iterator[Deviation]:
    marks = case.of(*MARKS)
    if not marks:
        yield case.deviation("10.3", "纪要标志", "没有", "由“×××纪要”组成的红色标志")
    for mark in marks:
        if not mark.words.endswith("纪要"):
            yield case.deviation("10.3", "纪要标志", mark.words, "由“×××纪要”组成", mark)
        yield from look(case, "10.3", mark)
        top = case.top(mark)
        if top is not None and mark.section is not None and off_length(top - mark.section.top, 35):
            found = f"上边缘距版心上边缘 {mm(top - mark.section.top)}"
            yield case.deviation("10.3", "纪要标志", found, "35 mm±1 mm", mark)
    present = case.of(Element.PRESENT)
    for at, paragraph in enumerate(present):
        yield from _present(case, paragraph)
        above, distance = case.before(paragraph)
        if at == 0 and case.element(above) in (*TEXT, Element.ATTACHMENTS) and off_lines(distance, 1):
            yield case.deviation(
                "10.3", "出席人员名单", f"上空 {lines(distance)}", "在正文或附件说明下空 1 行", paragraph
            )
    labels = [p.words[:2] for p in present]
    if labels != sorted(labels, key=lambda label: _ORDER.index(label) if label in _ORDER else 9):
        yield case.deviation("10.3", "出席人员名单", "、".join(labels), "依次为出席、请假、列席", present[0])


def _present(case: Case, paragraph: Paragraph) -> Iterator[Deviation]:
    if not re.match(r"(出席|请假|列席)：", paragraph.words):
        yield case.deviation("10.3", "出席人员名单", paragraph.words[:4], "“出席”二字后标全角冒号", paragraph)
        return
    at = 0
    for run in paragraph.runs:
        label, at = at < 2, at + len(run.text)
        wanted = HEI if label else FANG
        if HAN.search(run.text) and not wanted.covers(run.font):
            what = "“出席”等二字" if label else "人员名单"
            yield case.deviation(
                "10.3", "出席人员名单", f"{what}用 {called(run.font)}", f"3号{wanted.name}字", paragraph
            )
    if off_characters(case.left(paragraph), 2):
        yield case.deviation(
            "10.3", "出席人员名单", f"左空 {characters(case.left(paragraph))}", "左空 2 字", paragraph
        )
    if paragraph.lines > 1 and off_characters((paragraph.first + 3 * paragraph.em) / paragraph.em, 0):
        found = f"回行距首行 {characters(-paragraph.first / paragraph.em)}"
        yield case.deviation("10.3", "出席人员名单", found, "回行与冒号后的首字对齐（3 字）", paragraph)
