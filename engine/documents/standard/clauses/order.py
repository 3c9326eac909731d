"""10.2: 命令（令）: the mark 20 mm under the upper edge of the type area, its number two lines below it."""

from __future__ import annotations

from collections.abc import Iterator

from engine.documents.standard.case import Case, Deviation
from engine.documents.standard.clauses.mark import look
from engine.documents.standard.elements import MARKS, Profile
from engine.documents.standard.tolerances import mm, off_length

PROFILES = (Profile.OFFICIAL,)


def check(case: Case) -> Iterator[Deviation]:
    for mark in case.of(*MARKS):
        if not mark.words.endswith("令"):
            continue
        yield from look(case, "10.2", mark)
        top = case.top(mark)
        if top is not None and mark.section is not None and off_length(top - mark.section.top, 20):
            found = f"上边缘距版心上边缘 {mm(top - mark.section.top)}"
            yield case.deviation("10.2", "命令标志", found, "20 mm±1 mm", mark)
