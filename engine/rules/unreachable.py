"""A token must be able to come to every element."""

from __future__ import annotations

from collections.abc import Iterator

from engine.bpmn.graph import is_free
from engine.bpmn.model import Element
from engine.errors import Finding
from engine.rules import Case


def check(case: Case) -> Iterator[Finding]:
    reached: set[str] = set()
    todo = [e.id for elements in case.graph.inside.values() for e in _roots(case, elements)]
    while todo:
        here = todo.pop()
        if here not in reached and here in case.model.elements:
            reached.add(here)
            element = case.model.elements[here]
            todo += case.graph.following(element)
            todo += [element.handler] if element.handler else []
    for element in case.elements:
        if element.id not in reached:
            yield Finding("unreachable", "从开始事件走不到这里；请连上线，或删除它。", element.id)


def _roots(case: Case, elements: list[Element]) -> Iterator[Element]:
    """Where tokens begin: at start events; where a sub-process has none, at everything that nothing leads to."""
    starts = [e for e in elements if e.kind == "startEvent"]
    yield from starts or (e for e in elements if is_free(e))
    yield from (e for e in elements if e.triggered)
    yield from (e for e in elements if e.compensates)  # whose handler it is, another rule asks
