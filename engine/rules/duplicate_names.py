"""Two user tasks of one name cannot be told apart in a list of work items."""

from __future__ import annotations

from collections.abc import Iterator

from engine.errors import Finding
from engine.rules import Case


def check(case: Case) -> Iterator[Finding]:
    seen: dict[tuple[str, str], str] = {}
    for element in case.elements:
        if element.kind != "userTask" or not element.name:
            continue
        first = seen.setdefault((element.scope, element.name), element.id)
        if first != element.id:
            yield Finding(
                "duplicate-names",
                f"与“{first}”同名，都叫“{element.name}”，办理的人分不清；请改名。",
                element.id,
                "warning",
            )
