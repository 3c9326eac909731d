"""7.2.3: 紧急程度 in 3号黑体, flush left; 份号, 密级 and 紧急程度 one under the other in this order."""

from __future__ import annotations

from collections.abc import Iterator

from engine.documents.standard.case import Case, Deviation
from engine.documents.standard.clauses.secrecy import flush_black
from engine.documents.standard.elements import FULL, Element

PROFILES = FULL
_STACK = (Element.COPY_NUMBER, Element.SECRECY, Element.URGENCY)


def check(case: Case) -> Iterator[Deviation]:
    for paragraph in case.of(Element.URGENCY):
        if paragraph.words not in ("特急", "加急"):
            yield case.deviation("7.2.3", "紧急程度", paragraph.words, "“特急”或“加急”", paragraph)
        yield from flush_black(case, "7.2.3", paragraph)
    stack = case.of(*_STACK)
    ranks = [_STACK.index(element) for p in stack if (element := case.element(p)) in _STACK]
    if ranks != sorted(ranks):
        found = "、".join(str(case.element(p)) for p in stack)
        yield case.deviation(
            "7.2.3", "份号、密级、紧急程度", found, "自上而下：份号、密级和保密期限、紧急程度", stack[0]
        )
