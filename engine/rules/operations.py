"""What a user task permits (驳回, 加签, 转办 ...) is spelled so that the engine knows it; who signs is not left to whoever has the task."""

from __future__ import annotations

from collections.abc import Iterator

from engine.bpmn.model import OPERATIONS
from engine.errors import Finding
from engine.rules import Case


def check(case: Case) -> Iterator[Finding]:
    for element in case.model.elements.values():
        if element.operations is None:
            continue
        name = element.name or element.id
        for word in sorted(element.operations - {*OPERATIONS, "none"}):
            yield Finding(
                "operations",
                f"“{name}”开放的操作里没有“{word}”这一项；可用：{' '.join(OPERATIONS)}，一项也不开放写 none。",
                element.id,
            )
        if "transfer" in element.operations and element.signature is not None:
            yield Finding(
                "operations",
                f"“{name}”要签名又开放了转办：签名的人将由办理人选定。确认这样可以，否则请关掉转办。",
                element.id,
                "warning",
            )
