"""10.1: 信函: the mark 30 mm under the edge of the page, a red double line of 170 mm 4 mm below it and another 20 mm over the foot, the
number flush right, no number on page 1, no lines, 印发机关 and date in the 版记."""

from __future__ import annotations

from collections.abc import Iterator

from engine.documents.standard.case import Case, Deviation, below
from engine.documents.standard.clauses.mark import look
from engine.documents.standard.clauses.page_numbers import number_of
from engine.documents.standard.elements import IMPRINT, MARKS, Element, Profile, red
from engine.documents.standard.manuscript import MILLIMETRE, Border, Paragraph
from engine.documents.standard.tolerances import characters, mm, off_characters, off_length

PROFILES = (Profile.LETTER,)
_TOP, _BELOW, _FOOT, _LONG = 30.0, 4.0, 20.0, 170.0  # mm


def check(case: Case) -> Iterator[Deviation]:
    marks = case.of(*MARKS)
    if not marks:
        yield case.deviation("10.1", "信函标志", "没有", "红色的发文机关标志")
        return
    mark = marks[0]
    yield from look(case, "10.1", mark)
    top = case.top(mark)
    if top is not None and off_length(top, _TOP):
        yield case.deviation("10.1", "信函标志", f"上边缘距上页边 {mm(top)}", "30 mm±1 mm", mark)
    yield from _first_line(case, mark)
    yield from _foot_line(case)
    for paragraph in case.of(Element.NUMBER):
        if off_characters(case.right(paragraph), 0):
            yield case.deviation(
                "10.1", "发文字号", f"右空 {characters(case.right(paragraph))}", "顶格居版心右边缘", paragraph
            )
    first = case.manuscript.sections[0]
    if number_of(first, "first" if first.title_page else "default"):
        yield case.deviation("10.1", "页码", "首页有页码", "首页不显示页码")
    yield from _imprint(case)


def _first_line(case: Case, mark: Paragraph) -> Iterator[Deviation]:
    name, end = "第一条红色双线", case.bottom(mark)
    framed = (*case.manuscript.sections[0].headers.get("first", ()), *case.manuscript.paragraphs)
    lines = [found for p in framed if p.frame and (found := _drawn(p))]
    if mark.bottom_border.drawn:
        holder, border, distance = (
            mark,
            mark.bottom_border,
            (mark.bottom_border.space + below(mark)) / MILLIMETRE,
        )
    elif lines and end is not None:
        holder, border, y = min(lines, key=lambda line: line[2])
        distance = y - end
    else:
        yield case.deviation("10.1", name, "没有", "标志下 4 mm 处有红色双线（上粗下细）", mark)
        return
    if off_length(distance, _BELOW):
        yield case.deviation("10.1", name, f"在标志下 {mm(distance)}", "4 mm±1 mm", mark)
    yield from _line(case, holder, border, name, "thickThin", "上粗下细")


def _foot_line(case: Case) -> Iterator[Deviation]:
    section, name = case.manuscript.sections[0], "第二条红色双线"
    kinds = ("first",) if section.title_page else ("default",)
    running = [
        p for kind in kinds for parts in (section.footers, section.headers) for p in parts.get(kind, ())
    ]
    body = [p for p in case.manuscript.paragraphs if p.frame and p.frame.y / MILLIMETRE > section.height / 2]
    found = next((line for p in (*running, *body) if p.frame and (line := _drawn(p))), None)
    if found is None:
        yield case.deviation("10.1", name, "没有", "距下页边 20 mm 处有红色双线（上细下粗）")
        return
    holder, border, y = found
    if off_length(section.height - y, _FOOT):
        yield case.deviation("10.1", name, f"距下页边 {mm(section.height - y)}", "20 mm±1 mm")
    yield from _line(case, holder, border, name, "thinThick", "上细下粗")


def _drawn(paragraph: Paragraph) -> tuple[Paragraph, Border, float] | None:
    """A line of a paragraph in a frame, and its millimetres from the upper edge of the page."""
    frame, section = paragraph.frame, paragraph.section
    if frame is None or section is None or frame.down == "text":
        return None
    y = frame.y + (section.top * MILLIMETRE if frame.down == "margin" else 0)
    if paragraph.bottom_border.drawn:
        y += paragraph.before + paragraph.pitch + paragraph.bottom_border.space
        return paragraph, paragraph.bottom_border, y / MILLIMETRE
    if paragraph.top_border.drawn:
        return paragraph, paragraph.top_border, (y - paragraph.top_border.space) / MILLIMETRE
    return None


def _line(
    case: Case, holder: Paragraph, border: Border, name: str, kind: str, said: str
) -> Iterator[Deviation]:
    if not border.kind.startswith(kind):
        yield case.deviation("10.1", name, f"线型 {border.kind}", f"双线，{said}", holder)
    if not red(border.colour):
        yield case.deviation("10.1", name, f"颜色 {border.colour}", "红色", holder)
    width = (holder.column - holder.left - holder.right) / MILLIMETRE
    if off_length(width, _LONG):
        yield case.deviation("10.1", name, f"长 {mm(width)}", "170 mm±1 mm", holder)


def _imprint(case: Case) -> Iterator[Deviation]:
    for paragraph in case.of(*IMPRINT):
        if case.element(paragraph) is Element.PRINTING:
            yield case.deviation(
                "10.1", "版记", paragraph.words, "信函的版记不加印发机关和印发日期", paragraph
            )
        table = paragraph.table
        if table is not None and any(
            cell.top.drawn or cell.bottom.drawn for row in table.rows for cell in row.cells
        ):
            yield case.deviation("10.1", "版记", "有分隔线", "信函的版记不加分隔线", paragraph)
