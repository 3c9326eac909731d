"""7.1: 版头 and 版记 belong to 公文; a 责任书 or 承诺书 that travels with one has none of its own."""

from __future__ import annotations

from collections.abc import Iterator

from engine.documents.standard.case import Case, Deviation, red_line
from engine.documents.standard.elements import HEAD, IMPRINT, Profile

PROFILES = (Profile.OTHER,)


def check(case: Case) -> Iterator[Deviation]:
    for paragraph in case.of(*HEAD, *IMPRINT):
        element = str(case.element(paragraph))
        yield case.deviation(
            "7.1", element, paragraph.words[:20], "其他文书没有版头（红头、发文字号）和版记", paragraph
        )
    for paragraph in case.manuscript.paragraphs:
        if red_line(paragraph) and case.element(paragraph) not in HEAD:
            yield case.deviation("7.1", "版头中的分隔线", "有红色分隔线", "其他文书没有版头", paragraph)
