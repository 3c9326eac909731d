"""What undoes an activity is tied to it, runs apart from the flow, and is asked for somewhere."""

from __future__ import annotations

from collections.abc import Iterator

from engine.bpmn.model import Element
from engine.bpmn.parser import ACTIVITIES
from engine.errors import Finding
from engine.rules import Case


def check(case: Case) -> Iterator[Finding]:
    events = [e for e in case.elements if e.event is not None and e.event.kind == "compensation"]
    boundaries = [e for e in events if e.kind == "boundaryEvent"]
    throws = [e for e in events if e.kind in ("endEvent", "intermediateThrowEvent")]
    asked = bool(throws) or any(
        e.kind == "endEvent" and e.event and e.event.kind == "cancel" for e in case.elements
    )
    for boundary in boundaries:
        yield from _boundary(case, boundary)
        if not asked:
            yield Finding(
                "compensation",
                "没有补偿抛出事件，也没有取消，这里的补偿不会发生；请画出补偿事件，或删除它。",
                boundary.id,
                "warning",
            )
    handled = {boundary.handler for boundary in boundaries}
    for element in case.elements:
        if element.compensates:
            if element.incoming or element.outgoing:
                yield Finding(
                    "compensation", "补偿活动不在流程的线上，不能有连入或连出的线；请删去。", element.id
                )
            if element.id not in handled:
                yield Finding(
                    "compensation", "补偿活动没有连到补偿边界事件；请用关联线（虚线）连上。", element.id
                )
    for throw in throws:
        yield from _throw(case, throw)


def _boundary(case: Case, boundary: Element) -> Iterator[Finding]:
    handler = case.model.elements.get(boundary.handler or "")
    if handler is None:
        yield Finding("compensation", "补偿边界事件没有连到补偿活动；请用关联线（虚线）连上。", boundary.id)
    elif not handler.compensates or handler.kind not in ACTIVITIES or handler.scope != boundary.scope:
        yield Finding("compensation", "补偿边界事件要连到同一层里标为“用于补偿”的活动；请设置。", boundary.id)
    if boundary.outgoing:
        yield Finding(
            "compensation", "补偿边界事件不能有连出的线；请用关联线（虚线）连到补偿活动。", boundary.id
        )


def _throw(case: Case, throw: Element) -> Iterator[Finding]:
    activity = throw.event.activity if throw.event is not None else None
    scope = throw.scope
    around = case.model.elements.get(scope)
    if (
        around is not None and around.triggered
    ):  # from inside an event sub-process the scope around it is undone
        scope = around.scope
    if activity is not None:
        target = case.model.elements.get(activity)
        if target is None or target.scope not in (scope, throw.scope):
            yield Finding("compensation", f"要补偿的活动“{activity}”不在同一层里；请重新选择。", throw.id)
        elif not _undoable(case, target):
            yield Finding(
                "compensation",
                f"要补偿的活动“{activity}”没有补偿边界事件，什么也不会发生；请给它画上。",
                throw.id,
                "warning",
            )
    elif not case.graph.compensable(scope):
        yield Finding(
            "compensation",
            "这里没有可补偿的活动，什么也不会发生；请给要撤销的活动画上补偿边界事件。",
            throw.id,
            "warning",
        )


def _undoable(case: Case, target: Element) -> bool:
    own = case.graph.boundary.get(target.id, ())
    return any(e.event is not None and e.event.kind == "compensation" for e in own) or case.graph.compensable(
        target.id
    )
