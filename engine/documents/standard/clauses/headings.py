"""7.3.3: paragraphs indented by two characters; 一、 in 黑体, （一） in 楷体, 1. and （1） in 仿宋, without gaps; text on page 1."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.documents.standard.case import Case, Deviation
from engine.documents.standard.clauses.characters import HAN
from engine.documents.standard.elements import HEADINGS, LEVELS, LOOSE, TEXT, WRITTEN, Element, Profile
from engine.documents.standard.manuscript import Paragraph
from engine.documents.standard.tolerances import characters, off_characters
from engine.documents.standard.typefaces import FANG, HEI, KAI, Typeface, called

PROFILES = WRITTEN
_TYPEFACES: dict[Element, Typeface] = dict(zip(HEADINGS, (HEI, KAI, FANG, FANG), strict=True))
_FORMS = dict(zip(HEADINGS, ("一、", "（一）", "1.", "（1）"), strict=True))
LONGEST = 24  # characters of a sentence that is a heading; a longer one is text
_DIGITS = {c: n for n, c in enumerate("一二三四五六七八九", 1)}


def check(case: Case) -> Iterator[Deviation]:
    for paragraph in case.of(*TEXT):
        if (
            paragraph.table is None
            and not paragraph.outside
            and paragraph.align not in ("center", "right", "end")
        ):
            yield from _indents(case, paragraph)
    yield from _headings(case)
    text = [p for p in case.of(*TEXT) if p.table is None]
    if case.profile is not Profile.OTHER and text and min(case.page(p) or 1 for p in text) > 1:
        yield case.deviation(
            "7.3.3", "正文", "首页没有正文", "公文首页必须显示正文（主送机关过多时移至版记）", text[0]
        )


def _indents(case: Case, paragraph: Paragraph) -> Iterator[Deviation]:
    element, em = str(case.element(paragraph)), max(paragraph.em, 1)
    spaces = len(paragraph.text) - len(paragraph.text.lstrip("\u3000"))
    first = (paragraph.left + paragraph.first) / em + spaces
    if off_characters(first, 2):
        yield case.deviation(
            "7.3.3", element, f"段首空 {characters(first)}", "每个自然段左空 2 字", paragraph
        )
    elif off_characters(paragraph.left / em, 0) or off_characters(paragraph.right / em, 0):
        found = f"回行左空 {characters(paragraph.left / em)}、右空 {characters(paragraph.right / em)}"
        yield case.deviation("7.3.3", element, found, "回行顶格，撑满版心", paragraph)


def _headings(case: Case) -> Iterator[Deviation]:
    counts: dict[Element, int] = {}
    for paragraph in case.of(*HEADINGS, Element.TITLE, Element.ANNEX_TITLE, Element.ANNEX_MARK):
        level = case.element(paragraph)
        if level not in HEADINGS or level is None:
            counts = {}
            continue
        if paragraph.table is not None:
            continue
        number = next(
            (m[0] for one, form in LOOSE if one is level and (m := re.match(form, paragraph.words))), ""
        )
        if not number:
            continue  # a heading without number
        if not re.match(dict(LEVELS)[level], paragraph.words):
            yield case.deviation(
                "7.3.3", level, f"序数写作“{number.strip()}”", f"写作“{_FORMS[level]}”的形式", paragraph
            )
        counted = _count(number)
        deeper = HEADINGS[HEADINGS.index(level) + 1 :]
        # A list of items may begin anew under the same heading.
        anew = level not in counts or (counted == 1 and level in (Element.THIRD, Element.FOURTH))
        wanted = 1 if anew else counts[level] + 1
        if counted and counted != wanted:
            yield case.deviation(
                "7.3.3", level, f"序数“{number.strip()}”不连续", f"此处应为第 {wanted} 个", paragraph
            )
        if level not in counts and any(one in counts for one in deeper):
            found = f"“{number.strip()}”之前已用了下一层序数"
            yield case.deviation("7.3.3", level, found, "依次用“一、”“（一）”“1.”“（1）”", paragraph)
        counts[level] = counted or counts.get(level, 0) + 1
        for one in deeper:
            counts.pop(one, None)
        yield from _typeface(case, paragraph, level)


def _typeface(case: Case, paragraph: Paragraph, level: Element) -> Iterator[Deviation]:
    run = next((run for run in paragraph.runs if HAN.search(run.text)), None)
    wanted = _TYPEFACES[level]
    sentence, stop, rest = paragraph.words.partition("。")
    # An item, not a heading, is text as any other: a whole sentence, or 一、 with its text on the same line.
    if len(sentence + stop) > LONGEST or (stop and (not rest or level is Element.FIRST)):
        return
    if run is not None and not wanted.covers(run.font):
        yield case.deviation(
            "7.3.3", level, f"字体 {called(run.font)}", f"{level}用{wanted.name}字", paragraph
        )


def _count(number: str) -> int:
    """The value of 十二, 12; 0 where it is none."""
    text = re.sub(r"[^\d一二三四五六七八九十]", "", number)
    if text.isdigit():
        return int(text)
    tens, ten, ones = text.rpartition("十")
    return (_DIGITS.get(tens, 1) * 10 if ten else 0) + _DIGITS.get(ones, 0)
