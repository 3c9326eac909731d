"""5.1: A4, 210 mm x 297 mm."""

from __future__ import annotations

from collections.abc import Iterator

from engine.documents.standard.case import Case, Deviation
from engine.documents.standard.elements import Profile
from engine.documents.standard.tolerances import PAPER, mm, off_length

PROFILES = tuple(Profile)


def check(case: Case) -> Iterator[Deviation]:
    for section in case.manuscript.sections:
        narrow, wide = sorted((section.width, section.height))
        if off_length(narrow, PAPER[0]) or off_length(wide, PAPER[1]):
            yield case.deviation(
                "5.1", "幅面", f"{mm(section.width)} × {mm(section.height)}", "A4：210 mm × 297 mm"
            )
