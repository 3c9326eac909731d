"""7.3.2: 主送机关 a line under the title, flush left, with a full-width colon behind the last."""

from __future__ import annotations

from collections.abc import Iterator

from engine.documents.standard.case import Case, Deviation
from engine.documents.standard.elements import Element, Profile
from engine.documents.standard.tolerances import characters, lines, off_characters, off_lines

PROFILES = (Profile.OFFICIAL, Profile.LETTER)


def check(case: Case) -> Iterator[Deviation]:
    for paragraph in case.of(Element.ADDRESSEES):
        if not paragraph.words.endswith("："):
            found = f"以“{paragraph.words[-1]}”结尾"
            yield case.deviation("7.3.2", "主送机关", found, "最后一个机关名称后标全角冒号“：”", paragraph)
        if off_characters(case.left(paragraph), 0) or off_characters(paragraph.left / paragraph.em, 0):
            found = f"左空 {characters(max(case.left(paragraph), paragraph.left / paragraph.em))}"
            yield case.deviation("7.3.2", "主送机关", found, "居左顶格，回行仍顶格", paragraph)
        above, distance = case.before(paragraph)
        if case.element(above) in (Element.TITLE, Element.SUBTITLE) and off_lines(distance, 1):
            yield case.deviation("7.3.2", "主送机关", f"在标题下空 {lines(distance)}", "空 1 行", paragraph)
