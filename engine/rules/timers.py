"""The time of a timer is an ISO 8601 text or FEEL."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine import feel
from engine.bpmn.model import Element
from engine.errors import Finding
from engine.rules import Case
from engine.rules.variables import TIMES
from engine.working_time import Span

_MOMENTS = {"date", "date and time"}
_CYCLE = re.compile(r"R\d*/(?:([^/]+)/)?([^/]+)")


def check(case: Case) -> Iterator[Finding]:
    for element in case.elements:
        if element.timer is not None:
            begins = element.kind == "startEvent" and element.scope == case.model.key
            yield from _timer(element, *element.timer, begins=begins)


def _timer(element: Element, kind: str, text: str, *, begins: bool) -> Iterator[Finding]:
    """:param begins: it starts the process: its cycles may count months too"""
    if not text:
        yield Finding("timers", "定时事件没有设置时间。", element.id)
        return
    if text.startswith("="):
        return  # the rule of expressions looks at it
    literal = text.strip('"')
    if kind == "timeCycle":
        cycle = _CYCLE.fullmatch(literal)
        spans = {"days and time duration", *(("years and months duration",) if begins else ())}
        first = cycle[1] if cycle is not None else None
        if cycle is None or _kind(cycle[2]) not in spans or (first and _kind(first) not in _MOMENTS):
            yield Finding(
                "timers",
                f"循环“{text}”应形如 R3/P1D（每天一次，共三次），或带第一次的时间：R/2026-03-31T08:00:00/P1D。",
                element.id,
            )
    elif Span.parse(literal) is None and _kind(literal) not in TIMES:
        yield Finding(
            "timers",
            f"时间“{text}”不是日期、日期时间或时长。请写成 5 工作日、2026-04-30、2026-04-30T08:30:00 或 P7D，或以 = 开头的表达式。",
            element.id,
        )


def _kind(literal: str) -> str | None:
    """The kind of what an ISO 8601 text stands for."""
    return feel.kind(feel.evaluate('@"' + literal.replace('"', "") + '"', {}))
