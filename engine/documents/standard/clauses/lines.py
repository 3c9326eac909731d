"""5.2.3: 22 lines a page and 28 characters a line, which fill the type area."""

from __future__ import annotations

from collections.abc import Iterator

from engine.documents.standard.case import Case, Deviation
from engine.documents.standard.elements import TEXT, WRITTEN, Element
from engine.documents.standard.tolerances import (
    PER_LINE,
    PITCH,
    SIZE,
    STEP,
    THREE,
    characters,
    far,
    off_characters,
    pt,
)

PROFILES = WRITTEN
_SET = (*TEXT, Element.ADDRESSEES, Element.ATTACHMENTS, Element.NOTE)


def check(case: Case) -> Iterator[Deviation]:
    for paragraph in case.of(*_SET):
        if paragraph.table is not None or paragraph.outside:
            continue
        element = str(case.element(paragraph))
        if far(paragraph.pitch, PITCH, SIZE):
            yield case.deviation(
                "5.2.3",
                element,
                f"行距 {pt(paragraph.pitch)}，每面 {225 * 72 / 25.4 / max(paragraph.pitch, 1):.1f} 行",
                "每面 22 行：行距 28.95 磅±0.5 磅",
                paragraph,
            )
        # The size of the characters is 5.2.2's: here their distance counts.
        section = paragraph.section
        step = (
            THREE + paragraph.main.spacing + (section.character_space if section and paragraph.snapped else 0)
        )
        count = PER_LINE * STEP / max(step, 1)
        if off_characters(count, PER_LINE):
            yield case.deviation(
                "5.2.3", element, f"每行 {characters(count)}", "每行 28 字（字距紧缩 0.25 磅）", paragraph
            )
