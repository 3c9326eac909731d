"""7.2.7: a red line as wide as the type area, 4 mm under the 发文字号."""

from __future__ import annotations

from collections.abc import Iterator

from engine.documents.standard.case import Case, Deviation, below
from engine.documents.standard.elements import Element, Profile, red
from engine.documents.standard.manuscript import MILLIMETRE, Border, Paragraph
from engine.documents.standard.tolerances import mm, off_length

PROFILES = (Profile.OFFICIAL, Profile.MINUTES)
_DISTANCE = 4.0


def check(case: Case) -> Iterator[Deviation]:
    numbers = case.of(Element.NUMBER, Element.SIGNER)
    if not numbers:
        return  # told by 7.2.5
    number = numbers[-1]
    drawn = [picture for p in case.manuscript.paragraphs for picture in p.pictures if picture.red_line]
    if drawn:
        yield from _width(case, number, max(picture.red_line for picture in drawn) / MILLIMETRE)
        return
    found = _line(case, number)
    if found is None:
        yield case.deviation(
            "7.2.7", "版头中的分隔线", "没有", "发文字号之下 4 mm 处有与版心等宽的红色分隔线", number
        )
        return
    holder, border, distance = found
    if not red(border.colour):
        colour = "黑色" if border.colour == "AUTO" else f"#{border.colour}"
        yield case.deviation("7.2.7", "版头中的分隔线", f"颜色 {colour}", "红色", holder)
    distance = (distance + below(number)) / MILLIMETRE
    if off_length(distance, _DISTANCE):
        yield case.deviation("7.2.7", "版头中的分隔线", f"在发文字号之下 {mm(distance)}", "4 mm±1 mm", number)
    yield from _width(case, holder, (holder.column - holder.left - holder.right) / MILLIMETRE)


def _line(case: Case, number: Paragraph) -> tuple[Paragraph, Border, float] | None:
    """The paragraph that has the line, the line, and its distance in points from the number's line."""
    if number.bottom_border.drawn:
        return number, number.bottom_border, number.bottom_border.space
    distance = number.after
    after = False
    for block in case.manuscript.flow:
        if after and isinstance(block, Paragraph):
            if block.top_border.drawn:
                return block, block.top_border, distance + block.before - block.top_border.space
            if block.bottom_border.drawn and block.blank:
                return (
                    block,
                    block.bottom_border,
                    distance + block.before + block.pitch + block.bottom_border.space,
                )
            if not block.blank:
                return None
            distance += block.height
        after = after or block is number
    return None


def _width(case: Case, at: Paragraph, width: float) -> Iterator[Deviation]:
    if not case.as_wide(at, width):
        yield case.deviation("7.2.7", "版头中的分隔线", f"长 {mm(width)}", "与版心等宽：156 mm±1 mm", at)
