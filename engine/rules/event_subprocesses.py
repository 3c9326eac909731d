"""An event sub-process hangs on no flow and begins with exactly one event that has a trigger."""

from __future__ import annotations

from collections.abc import Iterator

from engine.errors import Finding
from engine.rules import Case

_STARTS = frozenset({"message", "timer", "signal", "conditional", "error", "escalation", "compensation"})


def check(case: Case) -> Iterator[Finding]:
    for element in case.elements:
        if not element.triggered:
            continue
        if element.incoming or element.outgoing or case.graph.boundary.get(element.id):
            yield Finding(
                "event-subprocesses",
                "事件子流程由事件触发，不能有连线和边界事件；请删去，或改为普通子流程。",
                element.id,
            )
        if element.loop is not None or element.standard_loop is not None:
            yield Finding("event-subprocesses", "事件子流程不能多实例或循环；请在里面画。", element.id)
        starts = [e for e in case.graph.inside.get(element.id, ()) if e.kind == "startEvent"]
        if len(starts) != 1:
            yield Finding("event-subprocesses", "事件子流程应有且只有一个开始事件。", element.id)
        for start in starts:
            if start.event is None or start.event.kind not in _STARTS:
                yield Finding(
                    "event-subprocesses", "事件子流程的开始事件要有触发方式：消息、定时、错误等。", start.id
                )
            elif start.event.kind == "error" and not start.interrupting:
                yield Finding("event-subprocesses", "错误总是中断所在的流程；请设为中断。", start.id)
