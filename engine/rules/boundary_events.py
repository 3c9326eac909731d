"""A boundary event is attached to an activity at which it can happen."""

from __future__ import annotations

from collections.abc import Iterator

from engine.bpmn.model import Element
from engine.bpmn.parser import ACTIVITIES, SUB_PROCESSES
from engine.errors import Finding
from engine.rules import Case


def check(case: Case) -> Iterator[Finding]:
    caught: set[tuple[str, str, str | None]] = set()
    for element in case.elements:
        if element.kind != "boundaryEvent":
            continue
        host = case.model.elements.get(element.attached_to or "")
        if host is None or host.kind not in ACTIVITIES or host.scope != element.scope:
            yield Finding("boundary-events", "边界事件没有附着在任务或子流程上；请拖到它的边上。", element.id)
            continue
        event = element.event
        if event is None:
            yield Finding("boundary-events", "边界事件没有触发方式；请选择定时、消息、错误等。", element.id)
            continue
        if event.kind in ("error", "cancel") and not element.interrupting:
            yield Finding("boundary-events", "错误和取消总是中断所附着的活动；请设为中断。", element.id)
        if event.kind in ("error", "escalation"):
            same = (host.id, event.kind, event.name)
            if same in caught:
                yield Finding("boundary-events", "同一个活动上已有接住它的边界事件；请删除一个。", element.id)
            caught.add(same)
        why = _never(case, element, host)
        if why:
            yield Finding("boundary-events", f"这个边界事件不会发生：{why}", element.id, "warning")


def _never(case: Case, element: Element, host: Element) -> str | None:
    event = element.event
    assert event is not None
    if event.kind in ("timer", "message", "signal", "conditional") and _passes(host):
        return "所附着的任务不等待，一到就过。请附着在会等待的任务上，或改用中间事件。"
    if event.kind in ("error", "escalation"):
        thrown = _thrown(case, host, event.kind)
        if thrown is not None and (event.name not in thrown if event.name is not None else not thrown):
            word = "错误" if event.kind == "error" else "升级"
            which = f"{word}“{event.name}”" if event.name is not None else word
            return f"所附着的活动不会抛出{which}。请在里面画出抛出它的事件，或删除这个边界事件。"
    return None


def _passes(host: Element) -> bool:
    """A token does not stay at it."""
    if host.loop is not None:
        return False
    return host.kind in ("task", "manualTask", "businessRuleTask") or (
        host.kind == "sendTask" and host.operation is None
    )


def _thrown(case: Case, host: Element, kind: str) -> set[str | None] | None:
    """The codes that an activity can throw; None where that is known only when it runs."""
    if host.kind == "callActivity":
        return None
    codes: set[str | None] = set()
    if host.kind not in SUB_PROCESSES:
        if kind == "escalation":  # of a user task's deadline
            codes = {one.code for one in host.escalations if one.action == "throw"}
        return None if kind == "error" and host.operation is not None else codes
    for inner in case.graph.inside.get(host.id, ()):
        if inner.kind in ("endEvent", "intermediateThrowEvent"):
            if inner.event is not None and inner.event.kind == kind:
                codes.add(inner.event.name)
        else:
            further = _thrown(case, inner, kind)
            if further is None:
                return None
            codes |= further
    return codes
