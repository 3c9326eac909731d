"""7.3.6: 附注 in parentheses, two characters from the left, on the line after the date."""

from __future__ import annotations

from collections.abc import Iterator

from engine.documents.standard.case import Case, Deviation
from engine.documents.standard.elements import FULL, Element
from engine.documents.standard.tolerances import characters, lines, off_characters, off_lines

PROFILES = FULL


def check(case: Case) -> Iterator[Deviation]:
    for paragraph in case.of(Element.NOTE):
        if not (paragraph.words.startswith("（") and paragraph.words.endswith("）")):
            yield case.deviation("7.3.6", "附注", paragraph.words[:20], "加圆括号（全角）", paragraph)
        if off_characters(case.left(paragraph), 2):
            yield case.deviation(
                "7.3.6", "附注", f"左空 {characters(case.left(paragraph))}", "居左空 2 字", paragraph
            )
        above, distance = case.before(paragraph)
        if case.element(above) is Element.DATE and off_lines(distance, 0):
            yield case.deviation(
                "7.3.6", "附注", f"与成文日期隔 {lines(distance)}", "成文日期的下一行", paragraph
            )
