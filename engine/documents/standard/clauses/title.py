"""7.3.1: 标题 in 2号小标宋, centred, two lines under the red line; several lines as a trapezium or a rhombus."""

from __future__ import annotations

from collections.abc import Iterator

from engine.documents.standard import tolerances
from engine.documents.standard.case import Case, Deviation, red_line
from engine.documents.standard.elements import WRITTEN, Element, Profile
from engine.documents.standard.manuscript import Paragraph, Table
from engine.documents.standard.tolerances import lines, mm, off_length, off_lines, off_size
from engine.documents.standard.typefaces import XIAOBIAOSONG, called

PROFILES = WRITTEN


def check(case: Case) -> Iterator[Deviation]:
    titles = case.of(Element.TITLE)
    if not titles:
        if case.profile is not Profile.OTHER and not _order(case):
            yield case.deviation("7.3.1", "标题", "没有", "2号小标宋体字的标题")
        return
    for paragraph in titles:
        size = next(
            (r.size for r in paragraph.runs if r.text.strip() and off_size(r.size, tolerances.TWO)), None
        )
        if size is not None:
            yield case.deviation("7.3.1", "标题", f"字号 {tolerances.size(size)}", "2号（22 磅）", paragraph)
        font = next(
            (r.font for r in paragraph.runs if r.text.strip() and not XIAOBIAOSONG.covers(r.font)), None
        )
        if font is not None:
            yield case.deviation("7.3.1", "标题", f"字体 {called(font)}", "2号小标宋体字", paragraph)
        aside = case.aside(paragraph)
        if paragraph.table is None and (paragraph.align != "center" or off_length(aside, 0)):
            found = f"偏离版心中线 {mm(aside)}" if paragraph.align == "center" else "没有居中"
            yield case.deviation("7.3.1", "标题", found, "居中排布", paragraph)
    yield from _shape(case, titles)
    above, distance = case.before(titles[0])
    under_line = isinstance(above, Paragraph) and (
        red_line(above) or case.element(above) in (Element.NUMBER, Element.SIGNER)
    )
    if case.profile is Profile.LETTER:
        under_line = isinstance(above, Table)
    if case.profile is not Profile.OTHER and under_line and off_lines(distance, 2):
        yield case.deviation(
            "7.3.1", "标题", f"上空 {lines(distance)}", "红色分隔线（信函为上一要素）下空 2 行", titles[0]
        )


def _order(case: Case) -> bool:
    return any(p.words.endswith("令") for p in case.of(Element.MARK))


def _shape(case: Case, titles: list[Paragraph]) -> Iterator[Deviation]:
    """Lines that somebody broke: neither waisted nor, three of them, all alike."""
    widths = [len(line.strip()) for p in titles for line in p.text.split("\n") if line.strip()]
    if len(widths) >= 3:
        inner = widths[1:-1]
        waisted = min(inner) < min(widths[0], widths[-1])
        if waisted or len(set(widths)) == 1:
            found = "沙漏形" if waisted else "长方形"
            yield case.deviation("7.3.1", "标题", f"排成{found}", "使用梯形或菱形", titles[0])
