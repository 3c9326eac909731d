"""Conditions stand where they are looked at, and every exit of a gateway that chooses has one."""

from __future__ import annotations

from collections.abc import Iterator

from engine.bpmn.parser import ACTIVITIES
from engine.errors import Finding
from engine.rules import Case

_CHOOSING = frozenset({"exclusiveGateway", "inclusiveGateway", "complexGateway"})


def check(case: Case) -> Iterator[Finding]:
    for element in case.elements:
        for flow in element.outgoing:
            if flow.condition is not None and element.kind not in _CHOOSING | ACTIVITIES:
                yield Finding(
                    "conditions", "这里的条件不起作用；请删去条件，或改用排他网关或包容网关。", flow.id
                )
            if (
                element.kind in _CHOOSING - {"complexGateway"}
                and len(element.outgoing) > 1
                and flow.condition is None
                and not flow.default
            ):
                yield Finding(
                    "conditions",
                    "网关的这个出口没有条件，也不是默认出口；请写上走这里的条件，或在其中一个出口勾选“其他情况都走这里”。",
                    flow.id,
                )
