"""7.2.6: 签发人 with a full-width colon in 仿宋, the names in 楷体; one character from the right; two names a line, evenly, wrapped under
the first name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.documents.standard.case import Case, Deviation
from engine.documents.standard.clauses.characters import HAN
from engine.documents.standard.elements import Element, Profile
from engine.documents.standard.manuscript import Paragraph
from engine.documents.standard.tolerances import STEP, characters, off_characters
from engine.documents.standard.typefaces import FANG, KAI, called

PROFILES = (Profile.OFFICIAL,)
_LABEL = re.compile(r"签\s*发\s*人\s*[:：]?")


def check(case: Case) -> Iterator[Deviation]:
    lines = case.of(Element.SIGNER)
    if not lines:
        return
    labelled = next((p for p in lines if _LABEL.search(p.words)), None)
    if labelled is None:
        yield case.deviation("7.2.6", "签发人", lines[0].words, "“签发人：”加姓名", lines[0])
        return
    label = _LABEL.search(labelled.words)
    if label is not None and label[0] != "签发人：":
        yield case.deviation("7.2.6", "签发人", label[0], "“签发人”后标全角冒号“：”", labelled)
    for paragraph in lines:
        yield from _typefaces(case, paragraph)
        names = _names(paragraph)
        if len(names) > 2:
            yield case.deviation(
                "7.2.6", "签发人", f"一行 {len(names)} 个姓名", "一般每行排两个姓名", paragraph
            )
        # A name of two characters keeps the place of three.
        room = case.right(paragraph) - (max(0, 3 - len(names[-1])) if names else 0)
        if len(names) in (1 if paragraph is labelled else 2, 2) and off_characters(room, 1):
            yield case.deviation("7.2.6", "签发人", f"右空 {characters(room)}", "居右空 1 字", paragraph)
    starts = [start for p in lines if (start := _first_name(p)) is not None]
    for paragraph, start in zip(lines, starts, strict=False):
        if off_characters((start - starts[0]) / STEP, 0):
            yield case.deviation(
                "7.2.6", "签发人", "回行没有与上一行第一个姓名对齐", "与第一个签发人姓名对齐", paragraph
            )


def _names(paragraph: Paragraph) -> list[str]:
    return re.split(r"[\s　、，]+", _signed(paragraph).strip(" \t　")) if _signed(paragraph).strip() else []


def _signed(paragraph: Paragraph) -> str:
    """What stands on the line of names, without number and label."""
    text = paragraph.text
    if label := _LABEL.search(text):
        return text[label.end() :]
    return re.sub(r"^.*?号", "", text) if "〕" in text else text


def _typefaces(case: Case, paragraph: Paragraph) -> Iterator[Deviation]:
    names, at = len(paragraph.text) - len(_signed(paragraph)), len(paragraph.number)
    for run in paragraph.runs:
        here, at = at, at + len(run.text)
        if not HAN.search(run.text):
            continue
        wanted, what = (KAI, "姓名") if here >= names else (FANG, "“签发人”三字")
        if not wanted.covers(run.font):
            yield case.deviation(
                "7.2.6", "签发人", f"{what}用 {called(run.font)}", f"{what}用3号{wanted.name}字", paragraph
            )


def _first_name(paragraph: Paragraph) -> float | None:
    """Where the first name on the line begins, in points; None where it is on no tab stop."""
    text = paragraph.text
    names = len(text) - len(_signed(paragraph).lstrip(" \t　"))
    before = text[:names]
    if "\t" not in text or not _names(paragraph):
        return None
    return paragraph.after_tabs(before)
