"""What a step looks up in a model again and again, looked up once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property

from engine.bpmn.model import Element, Model
from engine.bpmn.parser import SUB_PROCESSES

#: the name of the task spec that stands in the tree for the compensation of a whole instance
COMPENSATION = "/compensation"


class Graph:
    """A model as a net.

    :ivar inside: scope -> its flow nodes
    :ivar boundary: activity -> the boundary events attached to it
    :ivar handlers: scope -> (start event, event sub-process) for each event sub-process in it
    :ivar starting: scope -> where a token begins: the start event without a trigger, or else every node that nothing leads to
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.inside: dict[str, list[Element]] = {}
        self.boundary: dict[str, list[Element]] = {}
        for element in model.elements.values():
            self.inside.setdefault(element.scope, []).append(element)
            if element.attached_to is not None:
                self.boundary.setdefault(element.attached_to, []).append(element)
        self.handlers: dict[str, list[tuple[Element, Element]]] = {}
        for scope, elements in self.inside.items():
            for sub in elements:
                if sub.triggered:
                    for start in self.inside.get(sub.id, ()):
                        if start.kind == "startEvent" and start.event is not None:
                            self.handlers.setdefault(scope, []).append((start, sub))
        self.starting = {scope: self._starting(elements) for scope, elements in self.inside.items()}
        self._links = {
            (e.scope, e.event.name): e.id
            for e in model.elements.values()
            if e.kind == "intermediateCatchEvent" and e.event is not None and e.event.kind == "link"
        }
        self._dominators: dict[str, frozenset[str]] = {}

    @staticmethod
    def _starting(elements: list[Element]) -> list[str]:
        starts = [e.id for e in elements if e.kind == "startEvent" and e.event is None]
        return starts or [e.id for e in elements if is_free(e)]

    def link(self, throwing: Element) -> str | None:
        """The catch event that a link throw event goes on at."""
        name = throwing.event.name if throwing.event is not None else None
        return self._links.get((throwing.scope, name))

    def following(self, element: Element) -> Iterable[str]:
        """Where a token may be next in the same scope, interrupted or not."""
        yield from (flow.target for flow in element.outgoing)
        yield from (event.id for event in self.boundary.get(element.id, ()))
        if element.event is not None and element.event.kind == "link":
            target = self.link(element) if element.kind == "intermediateThrowEvent" else None
            yield from () if target is None else (target,)

    @cached_property
    def _preceding(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for element in self.model.elements.values():
            for target in self.following(element):
                found.setdefault(target, set()).add(element.id)
        return found

    @cached_property
    def reaching(self) -> dict[str, dict[str, frozenset[str]]]:
        """Inclusive or complex gateway -> incoming flow -> the nodes from which a token can come to that flow without passing the
        gateway (BPMN 2.0, 13.4.3: upstream tokens)."""
        return {
            e.id: {flow.id: self.before(flow.source, e.id) for flow in e.incoming}
            for e in self.model.elements.values()
            if e.kind in ("inclusiveGateway", "complexGateway") and len(e.incoming) > 1
        }

    def before(self, node: str, without: str) -> frozenset[str]:
        found: set[str] = set()
        todo = [node]
        while todo:
            here = todo.pop()
            if here != without and here not in found:
                found.add(here)
                todo += self._preceding.get(here, ())
        return frozenset(found)

    def after(self, element_id: str) -> frozenset[str]:
        """The elements to which a token can come from this one, in its scope and in those around and inside."""
        found: set[str] = set()
        todo = [element_id]
        while todo:
            here = self.model.elements[todo.pop()]
            around = self.model.elements.get(here.scope)
            following = [*self.following(here), *self.starting.get(here.id, ())]
            following += [] if around is None or around.is_fanout else [around.id]
            todo += set(following) - found
            found |= set(following)
        return frozenset(found)

    def dominators(self, element_id: str) -> frozenset[str]:
        """The nodes that every path from the start to this one passes; those of the enclosing sub-processes among them."""
        known = self._dominators.get(element_id)
        if known is not None:
            return known
        element = self.model.elements[element_id]
        scope = element.scope
        candidates = self.before(element_id, "") - {element_id}
        found = {node for node in candidates if element_id not in self._reached(scope, node)}
        around = self.model.elements.get(scope)
        if around is not None and around.loop is None and not around.triggered:
            found |= self.dominators(scope)
        self._dominators[element_id] = frozenset(found)
        return self._dominators[element_id]

    def _reached(self, scope: str, without: str) -> set[str]:
        starts = [e.id for e in self.inside[scope] if e.kind == "startEvent"] or self.starting[scope]
        found: set[str] = set()
        todo = [start for start in starts if start != without]
        while todo:
            here = todo.pop()
            if here not in found:
                found.add(here)
                todo += (one for one in self.following(self.model.elements[here]) if one != without)
        return found

    def compensable(self, scope: str) -> bool:
        """Has anything inside this scope a compensation handler?"""
        return any(
            (e.kind == "boundaryEvent" and e.event is not None and e.event.kind == "compensation")
            or (e.kind in SUB_PROCESSES and self.compensable(e.id))
            or any(
                start.event is not None and start.event.kind == "compensation"
                for start, _ in self.handlers.get(scope, ())
            )
            for e in self.inside.get(scope, ())
        )


def is_free(element: Element) -> bool:
    """Begins when its scope does, or when somebody says so (ad hoc): nothing leads to it."""
    return (
        not element.incoming
        and element.kind not in ("boundaryEvent", "startEvent")
        and not element.triggered
        and not element.compensates
        and not (element.event is not None and element.event.kind == "link")
    )


def single(element: Element) -> Element:
    """One instance of a multi-instance task: the same element without its loop, and nothing after it."""
    return replace(element, loop=None, incoming=(), outgoing=())
