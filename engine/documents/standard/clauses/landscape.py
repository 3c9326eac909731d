"""8: a page in landscape carries its number where the others carry theirs, on the short edge of the turned sheet."""

from __future__ import annotations

from collections.abc import Iterator

from engine.documents.standard.case import Case, Deviation
from engine.documents.standard.clauses.page_numbers import number_of
from engine.documents.standard.elements import FULL

PROFILES = FULL


def check(case: Case) -> Iterator[Deviation]:
    for section in case.manuscript.sections:
        if not section.landscape:
            continue
        for kind in ("default", "even"):
            paragraph = number_of(section, kind)
            if paragraph is not None and not paragraph.outside:
                yield case.deviation(
                    "8", "横排页的页码", "在横排页面的下边", "与其他页的页码位置一致（纸张竖放时的下边）"
                )
                break
