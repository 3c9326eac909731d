"""What tokens know of the way behind them, and of the scopes around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from SpiffWorkflow.task import Task


def latest(*trails: Mapping[str, Any]) -> dict[str, Any]:
    """Several trails as one: of each element the latest completion."""
    found: dict[str, Any] = {}
    for trail in trails:
        for element_id, entry in trail.items():
            if element_id not in found or found[element_id][0] < entry[0]:
                found[element_id] = entry
    return found


def above(task: Task) -> Iterator[Task]:
    here = task.parent
    while here is not None:
        yield here
        here = here.parent


def known_to(task: Task) -> Iterator[dict[str, Any]]:
    """What a token and the scopes around it know, the innermost first."""
    yield task.internal_data
    yield from (scope.internal_data for scope in above(task))
