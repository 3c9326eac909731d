"""7.4: 版记: lines as wide as the type area, the first and last 0.35 mm, those between 0.25 mm; 抄送 with a full stop; 印发机关 and date;
4号仿宋, a character free at both sides; at the foot of the last page, which is an even one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.documents.standard import tolerances
from engine.documents.standard.case import Case, Deviation
from engine.documents.standard.clauses.date import right_form
from engine.documents.standard.elements import FULL, IMPRINT, Element, Profile
from engine.documents.standard.manuscript import MILLIMETRE, Border, Paragraph, Table
from engine.documents.standard.tolerances import (
    AREA,
    FOUR,
    LINE,
    TOP,
    characters,
    far,
    mm,
    off_characters,
    off_length,
    off_size,
)
from engine.documents.standard.typefaces import FANG, called

PROFILES = FULL
_THICK, _THIN = 0.35, 0.25  # mm


def check(case: Case) -> Iterator[Deviation]:
    paragraphs = case.of(*IMPRINT)
    letter = case.profile is Profile.LETTER
    if not paragraphs:
        if not letter:
            yield case.deviation("7.4.3", "版记", "没有", "印发机关和印发日期，上下有分隔线")
        return
    table = paragraphs[0].table
    if not letter:
        yield from _lines(case, paragraphs, table)
    for paragraph in paragraphs:
        copies = case.element(paragraph) is Element.COPIES
        yield from _look(case, "7.4.2" if copies else "7.4.3", paragraph)
        if copies:
            yield from _copies(case, paragraph)
    if not letter:
        yield from _printing(case, case.of(Element.PRINTING))
    yield from _foot(case, paragraphs, table)


def _lines(case: Case, paragraphs: list[Paragraph], table: Table | None) -> Iterator[Deviation]:
    first, last = paragraphs[0], paragraphs[-1]
    if table is not None:
        rows = [
            row for row in table.rows if any(p in paragraphs for cell in row.cells for p in cell.paragraphs)
        ]
        borders = [rows[0].cells[0].top, *(row.cells[0].bottom for row in rows)]
        width = table.width / MILLIMETRE
    else:
        borders = [first.top_border, *(p.bottom_border for p in paragraphs)]
        width = (first.column - first.left - first.right) / MILLIMETRE
    ends = (borders[0], first, "首条"), (borders[-1], last, "末条")
    for border, paragraph, name in ends:
        yield from _line(case, border, paragraph, f"版记{name}分隔线", _THICK)
    for border in borders[1:-1]:
        if border.drawn:
            yield from _line(case, border, last, "版记中间的分隔线", _THIN)
    others = {case.element(p) for p in paragraphs}
    if len(others) > 1 and not any(border.drawn for border in borders[1:-1]):
        yield case.deviation("7.4.1", "版记中间的分隔线", "没有", "印发机关和印发日期之上有细分隔线", last)
    if not case.as_wide(first, width):
        yield case.deviation("7.4.1", "版记中的分隔线", f"长 {mm(width)}", "与版心等宽：156 mm±1 mm", first)


def _line(case: Case, border: Border, at: Paragraph, name: str, wanted: float) -> Iterator[Deviation]:
    thickness = border.width / MILLIMETRE if border.drawn else 0
    if not border.drawn:
        yield case.deviation("7.4.1", name, "没有", f"{wanted} mm 的线", at)
    elif far(thickness, wanted, LINE):
        found = f"粗 {thickness:.2f} mm"
        yield case.deviation("7.4.1", name, found, f"推荐 {wanted} mm±0.1 mm", at, severity="warning")


def _look(case: Case, clause: str, paragraph: Paragraph) -> Iterator[Deviation]:
    element = str(case.element(paragraph))
    for run in paragraph.runs:
        if run.text.strip() and off_size(run.size, FOUR):
            yield case.deviation(
                clause, element, f"字号 {tolerances.size(run.size)}", "4号（14 磅）", paragraph
            )
            break
    if not FANG.covers(paragraph.main.font):
        yield case.deviation(clause, element, f"字体 {called(paragraph.main.font)}", "4号仿宋体字", paragraph)
    left = case.left(paragraph) * tolerances.STEP / FOUR
    if paragraph.align in ("right", "end"):
        right = case.right(paragraph) * tolerances.STEP / FOUR
        if off_characters(right, 1):
            yield case.deviation(clause, element, f"右空 {characters(right)}", "右空 1 字", paragraph)
    elif paragraph.align != "center" and off_characters(left, 1) and "\t" not in paragraph.text:
        yield case.deviation(clause, element, f"左空 {characters(left)}", "左空 1 字", paragraph)


def _copies(case: Case, paragraph: Paragraph) -> Iterator[Deviation]:
    words = paragraph.words
    if not re.match(r"(抄送|主送)：", words):
        yield case.deviation("7.4.2", "抄送机关", words[:4], "“抄送”二字后加全角冒号", paragraph)
    if not words.endswith("。"):
        yield case.deviation(
            "7.4.2", "抄送机关", f"以“{words[-1]}”结尾", "最后一个抄送机关名称后标句号", paragraph
        )
    label = 3 * paragraph.em  # 抄送：
    if paragraph.lines > 1 and off_characters((paragraph.first + label) / paragraph.em, 0):
        found = f"回行距首行 {characters(-paragraph.first / paragraph.em)}"
        yield case.deviation("7.4.2", "抄送机关", found, "回行与冒号后的首字对齐（3 字）", paragraph)


def _printing(case: Case, paragraphs: list[Paragraph]) -> Iterator[Deviation]:
    printed = next((p for p in paragraphs if "印发" in p.words), None)
    if printed is None:
        at = paragraphs[0] if paragraphs else None
        found = paragraphs[-1].words if paragraphs else "没有"
        yield case.deviation("7.4.3", "印发机关和印发日期", found, "印发日期后加“印发”二字", at)
        return
    day = re.search(r"[\d〇○零一二三四五六七八九十]+\s*[年./-].*$", printed.words)
    text = day[0] if day else printed.words
    if not text.endswith("印发") or not right_form(text.removesuffix("印发")):
        wanted = "如“2026年3月6日印发”，月、日不编虚位"
        yield case.deviation("7.4.3", "印发机关和印发日期", text, wanted, printed)


def _foot(case: Case, paragraphs: list[Paragraph], table: Table | None) -> Iterator[Deviation]:
    """On the pages: the last line is the lower edge of the type area of the last page."""
    layout = case.layout
    places = case.places(table) if table is not None else case.places(paragraphs[-1])
    if layout is None or not places:
        if layout is None and table is not None and not table.bottom and not _reaches_foot(case, table):
            yield case.deviation(
                "7.4.1", "版记", "没有固定在页面底部", "末条分隔线与末面版心下边缘重合", paragraphs[0]
            )
        return
    last = places[-1]
    if last.page != layout.pages:
        found = f"在第 {last.page} 页，全文共 {layout.pages} 页"
        yield case.deviation("7.4.1", "版记", found, "在公文最后一面", paragraphs[0])
    elif layout.pages % 2 and case.profile is not Profile.LETTER:
        yield case.deviation(
            "7.4.1", "版记", f"在第 {last.page} 页（单页）", "在最后一面，双面印刷时为双页", paragraphs[0]
        )
    bottom = last.top + last.height
    wanted = TOP + AREA[1]
    if off_length(bottom, wanted):
        found = f"末条线距版心下边缘 {mm(wanted - bottom)}"
        yield case.deviation(
            "7.4.1", "版记", found, "与版心下边缘重合，±1 mm", paragraphs[-1], page=last.page
        )


def _reaches_foot(case: Case, table: Table) -> bool:
    """What is not pinned to the foot may stand there all the same; only pages can tell."""
    return table not in case.manuscript.flow
