"""5.2.2: 3号仿宋, where the clause of an element names nothing else. Tables are set as their content needs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.documents.standard import tolerances
from engine.documents.standard.case import Case, Deviation
from engine.documents.standard.elements import HEADINGS, WRITTEN, Element
from engine.documents.standard.manuscript import Paragraph, Run
from engine.documents.standard.tolerances import off_size
from engine.documents.standard.typefaces import FANG, HEI, KAI, called

PROFILES = WRITTEN
_SIZED = (
    Element.NUMBER, Element.SIGNER, Element.ADDRESSEES, Element.BODY, *HEADINGS, Element.ATTACHMENTS, Element.ISSUER, Element.DATE,
    Element.NOTE, Element.ANNEX_MARK, Element.PRESENT, Element.COPY_NUMBER, Element.SECRECY, Element.URGENCY,
)  # fmt: skip
_FANG = (
    Element.NUMBER,
    Element.ADDRESSEES,
    Element.BODY,
    Element.ATTACHMENTS,
    Element.ISSUER,
    Element.DATE,
    Element.NOTE,
)
HAN = re.compile("[\u3400-\u9fff]")


def check(case: Case) -> Iterator[Deviation]:
    for paragraph in case.of(*_SIZED):
        if paragraph.table is not None and case.element(paragraph) in (Element.BODY, *HEADINGS):
            continue
        element = str(case.element(paragraph))
        for run in paragraph.runs:
            if run.text.strip() and off_size(run.size, tolerances.THREE):
                yield case.deviation(
                    "5.2.2", element, f"字号 {tolerances.size(run.size)}", "3号（16 磅）", paragraph
                )
                break
        if case.element(paragraph) in _FANG:
            yield from _fang(case, paragraph)


def _fang(case: Case, paragraph: Paragraph) -> Iterator[Deviation]:
    for at, run in enumerate(paragraph.runs):
        if HAN.search(run.text) and not FANG.covers(run.font) and not _run_in(paragraph, at, run):
            yield case.deviation(
                "5.2.2", str(case.element(paragraph)), f"字体 {called(run.font)}", "3号仿宋体字", paragraph
            )
            return


def _run_in(paragraph: Paragraph, at: int, run: Run) -> bool:
    """A sentence of 黑体 or 楷体 that opens a paragraph is a heading that goes on in the line."""
    opens = not any(before.text.strip() for before in paragraph.runs[:at])
    return opens and (HEI.covers(run.font) or KAI.covers(run.font)) and at + 1 < len(paragraph.runs)
