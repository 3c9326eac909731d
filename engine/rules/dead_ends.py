"""Every path leads on to an end event."""

from __future__ import annotations

from collections.abc import Iterator

from engine.bpmn.model import Element
from engine.errors import Finding
from engine.rules import Case


def check(case: Case) -> Iterator[Finding]:
    for scope, elements in case.graph.inside.items():
        around = case.model.elements.get(scope)
        if around is not None and (
            around.kind == "adHocSubProcess"
            or not any(e.kind in ("startEvent", "endEvent") for e in elements)
        ):
            continue  # activities without an order: each ends by itself
        for element in elements:
            if not element.outgoing and not _ends(element):
                yield Finding(
                    "dead-ends", "这里没有出口，流程会在此悄然停下；请连到下一步或结束事件。", element.id
                )


def _ends(element: Element) -> bool:
    """It needs no way out, or it has another one than a sequence flow."""
    kind = element.event.kind if element.event is not None else None
    return (
        element.kind == "endEvent"
        or (element.kind == "intermediateThrowEvent" and kind == "link")
        or (element.kind == "boundaryEvent" and kind == "compensation")
        or element.triggered
        or element.compensates
    )
