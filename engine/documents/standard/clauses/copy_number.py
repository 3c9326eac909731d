"""7.2.1: 份号 has six digits and stands flush left on the first line of the type area."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.documents.standard.case import Case, Deviation
from engine.documents.standard.elements import FULL, Element
from engine.documents.standard.tolerances import characters, off_characters

PROFILES = FULL


def check(case: Case) -> Iterator[Deviation]:
    for paragraph in case.of(Element.COPY_NUMBER):
        if not re.fullmatch(r"[0-9]{6}", paragraph.words):
            yield case.deviation("7.2.1", "份号", paragraph.words, "6 位阿拉伯数字，如 000012", paragraph)
        if off_characters(case.left(paragraph), 0):
            yield case.deviation(
                "7.2.1", "份号", f"距版心左边缘 {characters(case.left(paragraph))}", "顶格", paragraph
            )
