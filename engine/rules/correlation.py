"""A message that a running instance waits for must find this instance and no other."""

from __future__ import annotations

from collections.abc import Iterator

from engine.errors import Finding
from engine.rules import Case


def check(case: Case) -> Iterator[Finding]:
    for element in case.elements:
        event = element.event
        if (
            event is not None
            and event.kind == "message"
            and event.correlation is None
            and (
                element.kind in ("intermediateCatchEvent", "boundaryEvent", "receiveTask")
                or (element.kind == "startEvent" and element.scope != case.model.key)
            )
        ):
            yield Finding(
                "correlation",
                "没有关联键：同时有几件在等这个消息时，分不清是给哪一件的。请设置关联键，例如 =业务编号。",
                element.id,
                "warning",
            )
