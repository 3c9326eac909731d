"""An event says which message, signal, error or escalation it is about."""

from __future__ import annotations

from collections.abc import Iterator

from engine.errors import Finding
from engine.rules import Case

_WORDS = {"message": "消息", "signal": "信号", "error": "错误", "escalation": "升级"}


def check(case: Case) -> Iterator[Finding]:
    dangling = set(_dangling(case))
    for element in case.elements:
        kind = element.event.kind if element.event is not None else None
        if element.id in dangling:
            yield Finding("event-references", "引用的消息、信号、错误或升级不存在；请重新选择。", element.id)
        elif (
            kind in _WORDS
            and element.event is not None
            and element.event.name is None
            and (kind in ("message", "signal") or element.kind in ("endEvent", "intermediateThrowEvent"))
        ):
            yield Finding(
                "event-references", f"没有说明是哪个{_WORDS[kind]}；请在属性里选择或新建。", element.id
            )
        if element.kind == "receiveTask" and element.event is None:
            yield Finding("event-references", "接收任务没有说明等哪个消息；请选择消息。", element.id)
        if element.kind == "sendTask" and element.event is None and element.operation is None:
            yield Finding(
                "event-references", "发送任务没有说明发什么；请选择消息，或选择“通知”等操作。", element.id
            )


def _dangling(case: Case) -> Iterator[str]:
    known = {node.get("id") for node in case.nodes(*_WORDS)}
    for node in case.nodes("sendTask", "receiveTask", *(f"{kind}EventDefinition" for kind in _WORDS)):
        for kind in _WORDS:
            reference = node.get(f"{kind}Ref")
            if reference and reference.split(":")[-1] not in known:
                parent = node if node.get("id") in case.model.elements else node.getparent()
                yield parent.get("id", "") if parent is not None else ""
