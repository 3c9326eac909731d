"""An event gateway waits for the first of the events that follow it."""

from __future__ import annotations

from collections.abc import Iterator

from engine.bpmn.model import Element
from engine.errors import Finding
from engine.rules import Case

_EVENTS = frozenset({"message", "signal", "timer", "conditional"})


def check(case: Case) -> Iterator[Finding]:
    for element in case.elements:
        if element.kind != "eventBasedGateway":
            continue
        if len(element.outgoing) < 2:
            yield Finding("event-gateways", "事件网关后面至少要有两个事件，先到的决定走哪一路。", element.id)
        for flow in element.outgoing:
            target = case.model.elements.get(flow.target)
            if target is None:
                continue  # another rule tells
            if not _waits(target):
                yield Finding(
                    "event-gateways",
                    "事件网关后面只能直接跟消息、信号、定时、条件的中间捕获事件，或接收任务；请在这里加一个。",
                    target.id,
                )
            elif len(target.incoming) > 1:
                yield Finding("event-gateways", "事件网关后面的事件不能再从别处进入；请各画一个。", target.id)
            elif case.graph.boundary.get(target.id):
                yield Finding(
                    "event-gateways", "事件网关后面的接收任务不能有边界事件；请另加一路事件。", target.id
                )


def _waits(target: Element) -> bool:
    if target.kind == "receiveTask":
        return target.loop is None and target.standard_loop is None
    kind = target.event.kind if target.event is not None else None
    return target.kind == "intermediateCatchEvent" and kind in _EVENTS
