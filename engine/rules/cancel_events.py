"""Only a transaction can be cancelled."""

from __future__ import annotations

from collections.abc import Iterator

from engine.errors import Finding
from engine.rules import Case


def check(case: Case) -> Iterator[Finding]:
    ends, boundaries = set(), set()
    for element in case.elements:
        if element.event is None or element.event.kind != "cancel":
            continue
        if element.kind == "endEvent":
            ends.add(element.scope)
            if not _transaction(case, element.scope):
                yield Finding(
                    "cancel-events", "取消结束事件只能直接画在事务里；请改用错误结束事件。", element.id
                )
        elif element.kind == "boundaryEvent" and element.attached_to:
            boundaries.add(element.attached_to)
            if not _transaction(case, element.attached_to):
                yield Finding(
                    "cancel-events", "取消边界事件只能附着在事务上；请改用错误边界事件。", element.id
                )
    for element in case.elements:
        if element.kind == "transaction" and (element.id in ends) != (element.id in boundaries):
            what = (
                "事务可以取消，取消之后却没有去处；请加一个取消边界事件。"
                if element.id in ends
                else "事务里没有取消结束事件，它的取消边界事件不会发生。"
            )
            yield Finding("cancel-events", what, element.id, "warning")


def _transaction(case: Case, id_: str) -> bool:
    element = case.model.elements.get(id_)
    return element is not None and element.kind == "transaction"
