"""7.2.5: 发文字号: 代字, the full year in 〔〕, the number without 第 and leading zeros, 号; two lines under the mark, centred."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.documents.standard.case import Case, Deviation
from engine.documents.standard.elements import MARKS, Element, Profile
from engine.documents.standard.manuscript import Paragraph
from engine.documents.standard.tolerances import (
    characters,
    lines,
    mm,
    off_characters,
    off_length,
    off_lines,
)

PROFILES = (Profile.OFFICIAL, Profile.LETTER)
FORM = re.compile(r"[^\d\s〔〕第]{1,16}〔(19|20)\d{2}〕[1-9]\d*号")
_ORDER = re.compile(r"第[1-9]\d*号")


def check(case: Case) -> Iterator[Deviation]:
    numbers = case.of(Element.NUMBER, Element.SIGNER)
    marks = case.of(*MARKS)
    order = bool(marks) and marks[-1].words.endswith("令")
    texts = [number_in(paragraph) for paragraph in numbers]
    if not any(texts):
        yield case.deviation("7.2.5", "发文字号", "没有", "如“×政发〔2026〕5号”")
    for paragraph, text in zip(numbers, texts, strict=True):
        if not text:
            continue
        if not (_ORDER if order else FORM).fullmatch(text):
            wanted = "令号，如“第5号”" if order else f"如“×政发〔2026〕5号”：{_advice(text)}"
            yield case.deviation("7.2.5", "发文字号", text, wanted, paragraph)
        if case.profile is Profile.OFFICIAL:
            yield from _stands(case, paragraph)


def number_in(paragraph: Paragraph) -> str:
    """The number on a line that may also carry 签发人."""
    before = re.split(r"\t| {3,}|签\s*发\s*人", paragraph.text.strip(" \u3000"))[0].strip()
    return before if re.search(r"\d.*号|[〔〕]", before) else ""


def _advice(text: str) -> str:
    if "第" in text:
        return "顺序号不加“第”字"
    if not re.search(r"〔.*〕", text):
        return "年份用六角括号〔〕括入"
    if not re.search(r"〔(19|20)\d{2}〕", text):
        return "年份用四位阿拉伯数字标全"
    if re.search(r"〕\s*0", text):
        return "顺序号不编虚位（1 不编为 01）"
    return "顺序号用阿拉伯数字，后加“号”字，中间不空格"


def _stands(case: Case, paragraph: Paragraph) -> Iterator[Deviation]:
    above, distance = case.before(paragraph)
    signed = "签发人" in "".join(p.words for p in case.of(Element.SIGNER))
    marked = case.element(above) in MARKS or (
        above is not None
        and not hasattr(above, "words")
        and any(case.element(p) in MARKS for p in above.paragraphs)
    )
    if marked and not signed and off_lines(distance, 2):
        yield case.deviation(
            "7.2.5", "发文字号", f"在发文机关标志下空 {lines(distance)}", "空 2 行", paragraph
        )
    if signed:
        if off_characters(case.left(paragraph), 1):
            found = f"左空 {characters(case.left(paragraph))}"
            yield case.deviation("7.2.5", "发文字号", found, "上行文居左空 1 字", paragraph)
    elif off_length(case.aside(paragraph), 0):
        found = f"偏离版心中线 {mm(case.aside(paragraph))}"
        yield case.deviation("7.2.5", "发文字号", found, "居中排布", paragraph)
