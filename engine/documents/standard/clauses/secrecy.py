"""7.2.2: 密级 and its term, in 3号黑体, flush left; the term in Arabic digits."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.documents.standard.case import Case, Deviation
from engine.documents.standard.elements import FULL, Element
from engine.documents.standard.manuscript import Paragraph
from engine.documents.standard.tolerances import characters, off_characters
from engine.documents.standard.typefaces import HEI, called

PROFILES = FULL
_FORM = re.compile(
    r"(绝密|机密|秘密)(★([1-9]\d*(年|个月|天|日)|长期|[12]\d{3}年([1-9]|1[0-2])月([1-9]|[12]\d|3[01])日))?"
)


def check(case: Case) -> Iterator[Deviation]:
    for paragraph in case.of(Element.SECRECY):
        if not _FORM.fullmatch(paragraph.words):
            yield case.deviation(
                "7.2.2", "密级和保密期限", paragraph.words, "如“机密★1年”，期限用阿拉伯数字", paragraph
            )
        yield from flush_black(case, "7.2.2", paragraph)


def flush_black(case: Case, clause: str, paragraph: Paragraph) -> Iterator[Deviation]:
    """In 黑体 and flush left, as 密级 and 紧急程度 are."""
    element = str(case.element(paragraph))
    if not HEI.covers(paragraph.main.font):
        yield case.deviation(clause, element, f"字体 {called(paragraph.main.font)}", "3号黑体字", paragraph)
    if off_characters(case.left(paragraph), 0):
        yield case.deviation(
            clause, element, f"距版心左边缘 {characters(case.left(paragraph))}", "顶格", paragraph
        )
