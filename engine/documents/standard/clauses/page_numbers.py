"""7.5: — 1 — in 4号宋体, its dash 7 mm under the type area, odd pages one character from the right, even pages from the left."""

from __future__ import annotations

from collections.abc import Iterator

from engine.documents.standard import tolerances
from engine.documents.standard.case import Case, Deviation
from engine.documents.standard.elements import IMPRINT, WRITTEN, Profile
from engine.documents.standard.manuscript import MILLIMETRE, PAGE_NUMBER, Paragraph, Section
from engine.documents.standard.tolerances import (
    AREA,
    FOUR,
    PAPER,
    TOP,
    characters,
    mm,
    off_characters,
    off_length,
    off_size,
)
from engine.documents.standard.typefaces import SONG, called

PROFILES = WRITTEN
_DISTANCE = 7.0


def check(case: Case) -> Iterator[Deviation]:
    sections = [s for s in case.manuscript.sections if not s.landscape]
    numbered = [s for s in sections if any(number_of(s, kind) for kind in s.footers)]
    if case.profile is Profile.OTHER and not numbered:
        return
    if not numbered:
        if case.layout is None or case.layout.pages > 1 or case.profile is not Profile.LETTER:
            yield case.deviation("7.5", "页码", "没有", "版心下边缘之下编排页码“— 1 —”")
        return
    yield from _behind_blank(case)
    facing = case.manuscript.facing
    if not facing and (case.layout is None or case.layout.pages > 1):
        yield case.deviation("7.5", "页码", "单、双页的页码在同一侧", "单页码居右空 1 字，双页码居左空 1 字")
    for section in numbered:
        for kind, left in (("default", False), ("even", True)):
            paragraph = number_of(section, kind)
            if paragraph is None or (left and not facing):
                continue
            yield from _number(case, section, paragraph, left=left if facing else None)


def _behind_blank(case: Case) -> Iterator[Deviation]:
    """A 版记 behind a blank page has no number, as the blank page has none."""
    imprint = case.of(*IMPRINT)
    page = case.page(imprint[0].table or imprint[0]) if imprint else None
    written = {place.page for p in case.manuscript.paragraphs if not p.blank for place in case.places(p)}
    section = imprint[0].section if imprint else None
    if page is None or page == 1 or page - 1 in written or section is None:
        return
    if any(number_of(section, kind) for kind in section.footers):
        found = "版记页前有空白页，仍编排页码"
        yield case.deviation("7.5", "页码", found, "空白页和版记页均不编排页码", imprint[0])


def number_of(section: Section, kind: str) -> Paragraph | None:
    return next((p for p in section.footers.get(kind, ()) if "PAGE" in p.fields), None)


def _number(case: Case, section: Section, paragraph: Paragraph, *, left: bool | None) -> Iterator[Deviation]:
    name = {None: "页码", True: "双页页码", False: "单页页码"}[left]
    text = paragraph.words.replace(" ", "").replace(PAGE_NUMBER, "1")
    if text != "—1—":
        yield case.deviation("7.5", name, text, "数字左右各放一条一字线：— 1 —")
    run = next((run for run in paragraph.runs if PAGE_NUMBER in run.text), paragraph.main)
    if off_size(run.size, FOUR):
        yield case.deviation("7.5", name, f"字号 {tolerances.size(run.size)}", "4号（14 磅）")
    if not SONG.covers(run.latin):
        yield case.deviation("7.5", name, f"数字字体 {called(run.latin)}", "4号半角宋体阿拉伯数字")
    if paragraph.outside:
        return  # in a frame or text box: where it stands only the page can tell
    if left is not None:
        free = case.left(paragraph) if left else case.right(paragraph)
        free *= tolerances.STEP / FOUR
        if off_characters(free, 1):
            side = "左" if left else "右"
            yield case.deviation("7.5", name, f"{side}空 {characters(free)}", f"居{side}空 1 字")
    lines = section.footers["even" if left else "default"]
    under = sum(p.height for p in lines[lines.index(paragraph) + 1 :] if not p.outside)
    up = section.footer + (under + paragraph.after + paragraph.pitch / 2) / MILLIMETRE
    dash = section.bottom - up
    # Where the type area ends too high or too low, that is told by 5.2.1.
    if off_length(dash, _DISTANCE) and off_length(PAPER[1] - TOP - AREA[1] - up, _DISTANCE):
        yield case.deviation("7.5", name, f"一字线在版心下边缘之下 {mm(dash)}", "7 mm±1 mm")
