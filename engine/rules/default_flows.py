"""Where conditions decide, something must hold when none of them does."""

from __future__ import annotations

from collections.abc import Iterator

from engine.bpmn.parser import ACTIVITIES
from engine.errors import Finding
from engine.rules import Case


def check(case: Case) -> Iterator[Finding]:
    for element in case.elements:
        flows = element.outgoing
        chooses = element.kind in ("exclusiveGateway", "inclusiveGateway") and len(flows) > 1
        chooses = chooses or (element.kind in ACTIVITIES and bool(flows))
        if chooses and all(flow.condition is not None and not flow.default for flow in flows):
            yield Finding(
                "default-flows",
                "没有默认出口：条件都不成立时，流程会停在这里。请把一条线设为默认。",
                element.id,
                "warning",
            )
        for flow in flows:
            if flow.default and flow.condition is not None:
                yield Finding(
                    "default-flows",
                    "默认出口上的条件不起作用：别的条件都不成立时就走它。请删去条件。",
                    flow.id,
                    "warning",
                )
    leaving = {flow.id: element.id for element in case.elements for flow in element.outgoing}
    for node in case.nodes(*{element.kind for element in case.elements}):
        default = node.get("default")
        if default and node.get("id") in case.model.elements and leaving.get(default) != node.get("id"):
            yield Finding(
                "default-flows",
                f"默认出口“{default}”不是从这里连出的线；请重新选择默认出口。",
                node.get("id"),
            )
