"""7.2.4: 发文机关标志 is red, centred, 35 mm under the upper edge of the type area, in 小标宋 where one follows the recommendation."""

from __future__ import annotations

from collections.abc import Iterator

from engine.documents.standard.case import Case, Deviation
from engine.documents.standard.elements import MARKS, Element, Profile, red
from engine.documents.standard.manuscript import Paragraph
from engine.documents.standard.tolerances import mm, off_length
from engine.documents.standard.typefaces import XIAOBIAOSONG, called

PROFILES = (Profile.OFFICIAL,)


def check(case: Case) -> Iterator[Deviation]:
    marks = case.of(*MARKS)
    if not marks:
        yield case.deviation("7.2.4", "发文机关标志", "没有", "版头有红色的发文机关标志")
        return
    if marks[-1].words.endswith("令"):  # 10.2
        return
    for paragraph in marks:
        yield from look(case, "7.2.4", paragraph)
    yield from _joint(case, marks)
    tops = [top for paragraph in marks if (top := case.top(paragraph)) is not None]
    section = marks[0].section
    if tops and section is not None:
        distance = min(tops) - section.top
        if off_length(distance, 35):
            found = f"上边缘距版心上边缘 {mm(distance)}"
            yield case.deviation("7.2.4", "发文机关标志", found, "35 mm±1 mm", marks[0])


def look(case: Case, clause: str, paragraph: Paragraph) -> Iterator[Deviation]:
    """Red, centred and in 小标宋, as every mark is."""
    element = str(case.element(paragraph))
    wrong = next((r.colour for r in paragraph.runs if r.text.strip() and not red(r.colour.upper())), None)
    if wrong is not None:
        found = "黑色" if wrong == "auto" else f"颜色 #{wrong}"
        yield case.deviation(clause, element, found, "红色", paragraph)
    if not XIAOBIAOSONG.covers(paragraph.main.font):
        found = f"字体 {called(paragraph.main.font)}"
        yield case.deviation(clause, element, found, "推荐使用小标宋体字", paragraph, severity="warning")
    alone = paragraph.table is None
    if alone and paragraph.frame is None and off_length(case.aside(paragraph), 0):
        found = f"偏离版心中线 {mm(case.aside(paragraph))}"
        yield case.deviation(clause, element, found, "居中排布", paragraph)


def _joint(case: Case, marks: list[Paragraph]) -> Iterator[Deviation]:
    """文件 stands to the right of the agencies of a 联合行文, in the middle of their height."""
    table = marks[0].table
    for row in table.rows if table is not None and len(marks) > 1 else ():
        for cell in row.cells:
            for paragraph in cell.paragraphs:
                alone = paragraph.words == "文件" and case.element(paragraph) is Element.MARK
                if alone and (cell.align != "center" or (cell.merged != "restart" and len(table.rows) > 1)):  # type: ignore[union-attr]
                    yield case.deviation(
                        "7.2.4",
                        "发文机关标志",
                        "“文件”不在各机关名称的中间",
                        "以联署发文机关名称为准上下居中",
                        paragraph,
                    )
