"""7.3.5: 署名, 成文日期 and 印章: the date's form and place, the issuer over it, the seal close to the text, no page with a seal alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from itertools import pairwise

from engine.documents.standard.case import Case, Deviation
from engine.documents.standard.elements import FULL, TEXT, WRITTEN, Element, Profile
from engine.documents.standard.manuscript import MILLIMETRE, Paragraph, Picture, Table
from engine.documents.standard.tolerances import (
    LENGTH,
    PITCH,
    STEP,
    characters,
    lines,
    off_characters,
    off_lines,
)

PROFILES = WRITTEN
_FORM = re.compile(r"((?:19|20)\d\d)年([1-9]|1[0-2])月([1-9]|[12]\d|3[01])日")


def check(case: Case) -> Iterator[Deviation]:
    dates = case.of(Element.DATE)
    for paragraph in dates:
        if not right_form(paragraph.words):
            wanted = "阿拉伯数字，年份标全，月、日不编虚位，如 2026年3月5日"
            yield case.deviation("7.3.5", "成文日期", paragraph.words, wanted, paragraph)
    if case.profile not in FULL:
        return
    if not dates:
        if case.profile is not Profile.MINUTES:
            yield case.deviation("7.3.5", "成文日期", "没有", "署名下一行编排成文日期")
        return
    yield from _stands(case, dates[-1])
    yield from _seals(case, dates[-1])
    yield from _page(case, dates[-1])


def right_form(text: str) -> bool:
    found = _FORM.fullmatch(text)
    try:
        return found is not None and bool(date(*map(int, found.groups())))
    except ValueError:
        return False


def seals(case: Case) -> list[tuple[Paragraph, Picture]]:
    return [
        (p, picture)
        for p in case.manuscript.paragraphs
        for picture in p.pictures
        if picture.name.startswith("印章")
        or (picture.left is not None and case.element(p) in (Element.ISSUER, Element.DATE))
    ]


def _stands(case: Case, day: Paragraph) -> Iterator[Deviation]:
    above, distance = case.before(day)
    issuers = case.of(Element.ISSUER)
    alone = len(issuers) == 1 and issuers[0] is above and not isinstance(above, Table)
    right = case.right(day)
    if not alone or seals(case) or not _unsealed(case, issuers[0], day):
        if off_characters(right, 4):
            yield case.deviation("7.3.5", "成文日期", f"右空 {characters(right)}", "右空 4 字", day)
        elif alone and _aside(case, issuers[0], day):
            found = f"偏离成文日期的中线 {characters(abs(case.middle(issuers[0]) - case.middle(day)) / STEP)}"
            yield case.deviation("7.3.5", "发文机关署名", found, "以成文日期为准居中", issuers[0])
    if alone and off_lines(distance, 0):
        yield case.deviation("7.3.5", "成文日期", f"与署名隔 {lines(distance)}", "署名的下一行", day)


def _aside(case: Case, issuer: Paragraph, day: Paragraph) -> bool:
    """Not over the middle of the date. A name too wide for that ends at the edge of the type area."""
    if off_characters((case.middle(issuer) - case.middle(day)) / STEP, 0):
        return off_characters(case.right(issuer), 0) or case.middle(issuer) > case.middle(day)
    return False


def _unsealed(case: Case, issuer: Paragraph, day: Paragraph) -> bool:
    """Without a seal: 署名 two characters from the right, the date two characters to the right of its first; or the other way
    round where the date is longer."""
    shift = case.left(day) - case.left(issuer)
    if not off_characters(case.right(issuer), 2) and not off_characters(shift, 2):
        return True
    return not off_characters(case.right(day), 2) and shift > 0


def _seals(case: Case, day: Paragraph) -> Iterator[Deviation]:
    """At most one line between the text and the upper edge of the first row of seals, and none over nothing."""
    found = seals(case)
    for paragraph, _ in found:
        if paragraph.blank and not _beside(case, paragraph):
            yield case.deviation(
                "7.3.5",
                "印章",
                "空白印章：没有压在署名或成文日期上",
                "居中下压发文机关署名和成文日期",
                paragraph,
            )
    distances = [(d, p) for p, picture in found if (d := _distance(case, p, picture)) is not None]
    if distances:
        distance, paragraph = min(distances, key=lambda one: one[0])
        if abs(distance) > PITCH + LENGTH * MILLIMETRE:
            where = "下方" if distance > 0 else "上方"
            found_ = f"顶端在正文末行{where} {lines(abs(distance))}处"
            yield case.deviation("7.3.5", "印章", found_, "顶端上距正文（或附件说明）一行之内", paragraph)
    if case.layout:
        boxes = [box for _, picture in found for box in case.places(f"line:{picture.line}")]
        for one, other in pairwise(sorted(boxes, key=lambda box: (box.page, box.top, box.left))):
            level = one.page == other.page and abs(one.top - other.top) < one.height / 2
            if level and one.left + one.width > other.left + 0.1:
                yield case.deviation("7.3.5", "印章", "两枚印章相交或相切", "印章之间互不相交或相切", day)


def _beside(case: Case, paragraph: Paragraph) -> bool:
    """A seal may be bound to an empty line over the name that it covers."""
    near = range(paragraph.index - 2, paragraph.index + 3)
    return any(case.elements.get(index) in (Element.ISSUER, Element.DATE) for index in near)


def _distance(case: Case, paragraph: Paragraph, picture: Picture) -> float | None:
    """Points from the end of the text to the seal's upper edge."""
    last = next(
        (
            p
            for p in reversed(case.of(*TEXT, Element.ATTACHMENTS))
            if p.table is None and _earlier(p, paragraph)
        ),
        None,
    )
    box = next(iter(case.places(f"line:{picture.line}")), None) if picture.line else None
    if last is not None and box is not None and (places := case.places(last)):
        return (
            None
            if places[-1].page != box.page
            else (box.top - places[-1].top - places[-1].height) * MILLIMETRE
        )
    if last is None or picture.top is None or paragraph.table is not None:
        return None
    distance, counting = picture.top, False
    for block in case.manuscript.flow:
        if block is paragraph:
            return distance + paragraph.before if counting else None
        if counting:
            distance += block.height
        if block is last:
            counting, distance = True, distance + last.after
    return None


def _earlier(one: Paragraph, other: Paragraph) -> bool:
    return one.index < other.index


def _page(case: Case, day: Paragraph) -> Iterator[Deviation]:
    page = case.page(day)
    if page is None or page == 1:
        return
    on_it = {
        place.page
        for p in case.of(*TEXT, Element.ATTACHMENTS, Element.ADDRESSEES)
        if p.index < day.index
        for place in case.places(p)
    }
    if page not in on_it:
        yield case.deviation(
            "7.3.5",
            "成文日期",
            "这一页只有署名、日期或印章，没有正文",
            "与正文同处一面（调整行距、字距）",
            day,
        )
