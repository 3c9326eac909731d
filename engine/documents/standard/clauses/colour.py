"""5.2.4: text is black."""

from __future__ import annotations

from collections.abc import Iterator

from engine.documents.standard.case import Case, Deviation
from engine.documents.standard.elements import FULL, MARKS, Profile, black, known

PROFILES = (*FULL, Profile.OTHER)


def check(case: Case) -> Iterator[Deviation]:
    for paragraph in case.manuscript.paragraphs:
        if case.element(paragraph) in MARKS or known(paragraph) == "GWVerify":
            continue
        for run in paragraph.runs:
            if run.text.strip() and not black(run.colour.upper()):
                element = str(case.element(paragraph) or "文字")
                yield case.deviation("5.2.4", element, f"颜色 #{run.colour}", "黑色", paragraph)
                break
