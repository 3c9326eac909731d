"""5.2.1: 天头 37 mm, 订口 28 mm, 版心 156 mm x 225 mm. Landscape pages carry the same 版心, turned (8)."""

from __future__ import annotations

from collections.abc import Iterator

from engine.documents.standard.case import Case, Deviation
from engine.documents.standard.elements import Profile
from engine.documents.standard.tolerances import AREA, LEFT, PAPER, TOP, mm, off_length

PROFILES = tuple(Profile)
_NARROWEST = 5.0  # mm: what is hung up or framed has margins of its own; less than this no printer prints


def check(case: Case) -> Iterator[Deviation]:
    for section in case.manuscript.sections:
        if case.profile is Profile.PLATE:
            sides = section.top, section.right, section.bottom, section.left
            if min(sides) < _NARROWEST:
                yield case.deviation(
                    "5.2.1", "页边", f"最窄处 {mm(min(sides))}", "牌证各边不小于 5 mm，以便打印"
                )
            continue
        # A wrong paper is told by itself: here the margins count.
        paper = PAPER[::-1] if section.landscape else PAPER
        width, height = paper[0] - section.left - section.right, paper[1] - section.top - section.bottom
        if not section.landscape:
            if off_length(section.top, TOP):
                yield case.deviation("5.2.1", "天头（上白边）", mm(section.top), "37 mm±1 mm")
            if off_length(section.left, LEFT):
                yield case.deviation("5.2.1", "订口（左白边）", mm(section.left), "28 mm±1 mm")
        area = AREA[::-1] if section.landscape else AREA
        if off_length(width, area[0]) or off_length(height, area[1]):
            turned = "（横排）" if section.landscape else ""
            wanted = f"{mm(area[0])} × {mm(area[1])}，各±1 mm"
            yield case.deviation("5.2.1", f"版心尺寸{turned}", f"{mm(width)} × {mm(height)}", wanted)
