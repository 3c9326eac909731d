"""A process, and every sub-process, begins in one way that is known beforehand."""

from __future__ import annotations

from collections.abc import Iterator

from engine.bpmn.model import Element
from engine.bpmn.parser import SUB_PROCESSES
from engine.errors import Finding
from engine.rules import Case

_STARTS = frozenset(
    {"message", "timer", "signal", "conditional"}
)  # of a condition, the rule unsupported tells


def check(case: Case) -> Iterator[Finding]:
    starts = [e for e in case.graph.inside.get(case.model.key, ()) if e.kind == "startEvent"]
    for extra in [e for e in starts if e.event is None][1:]:
        yield Finding(
            "start-events", "流程只能有一个无触发的开始事件；请合并，或给它设置消息、定时或信号。", extra.id
        )
    for start in starts:
        if start.event is not None and start.event.kind not in _STARTS:
            yield Finding("start-events", "流程不能由这种事件开始；它只能用在事件子流程里。", start.id)
    for element in case.elements:
        if element.kind in SUB_PROCESSES and element.kind != "adHocSubProcess" and not element.triggered:
            yield from _inside(element, case.graph.inside.get(element.id, []))


def _inside(element: Element, inside: list[Element]) -> Iterator[Finding]:
    starts = [e for e in inside if e.kind == "startEvent"]
    if not inside:
        yield Finding("start-events", "子流程是空的；请画出其中的步骤，或改为任务或调用活动。", element.id)
    elif len(starts) != 1 and (starts or any(e.kind == "endEvent" for e in inside)):
        yield Finding("start-events", "子流程应有且只有一个开始事件。", element.id)
    for start in starts:
        if start.event is not None:
            yield Finding(
                "start-events",
                "普通子流程的开始事件不能有触发方式；请去掉它，或把子流程改为事件子流程。",
                start.id,
            )
