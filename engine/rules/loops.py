"""Whatever goes round must be able to come out, and must wait for something while it goes round."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from engine.bpmn.model import Element
from engine.bpmn.parser import SUB_PROCESSES
from engine.errors import Finding
from engine.rules import Case

_WAITING = frozenset(
    {"userTask", "serviceTask", "receiveTask", "callActivity", "intermediateCatchEvent", *SUB_PROCESSES}
)


def check(case: Case) -> Iterator[Finding]:
    for element in case.elements:
        loop = element.standard_loop
        if loop is not None and loop.condition is None and loop.maximum is None:
            yield Finding("loops", "循环没有条件，也没有最多次数，不会停；请至少设置一样。", element.id)
    for scope, elements in case.graph.inside.items():
        held = _held(case, elements)
        endless: set[str] = set()
        for ring in _rings(case, elements):
            if ring & held and not _interrupted(case, scope, ring & held):
                endless |= ring
                first, around = _shown(elements, ring & held)
                yield Finding(
                    "loops", f"这个回路没有出口，流程会一直转下去：{around}。请画出离开的条件。", first
                )
        for ring in _rings(case, [e for e in elements if not _changes(e)]):
            if not ring & endless:
                first, around = _shown(elements, ring)
                yield Finding(
                    "loops",
                    f"这个回路里没有等待的步骤，变量不会变，条件也不会变：{around}。请加上用户任务、服务任务或定时。",
                    first,
                    "warning",
                )


def _shown(elements: Collection[Element], ring: Collection[str]) -> tuple[str, str]:
    """The first element of a circle, and all of them in words."""
    ids = [e.id for e in elements if e.id in ring]
    return ids[0], "、".join(ids)


def _held(case: Case, elements: Collection[Element]) -> set[str]:
    """Where a token that has come cannot but go on: the largest set of which every choice of a member leads back into it, or one
    token of each fork does."""
    held = {element.id for element in elements}
    while True:
        free = {id_ for id_ in held if _leaves(case, case.model.elements[id_], held)}
        if not free:
            return held
        held -= free


def _leaves(case: Case, element: Element, held: Collection[str]) -> bool:
    events = case.graph.boundary.get(element.id, ())
    if any(event.interrupting and event.id not in held for event in events):
        return True
    chooses = element.kind in ("exclusiveGateway", "eventBasedGateway")
    always = [f for f in element.outgoing if f.condition is None and not f.default and not chooses]
    if any(flow.target in held for flow in always):
        return False
    if always or not element.outgoing:
        beside = {event.id for event in events}
        return not any(target in held for target in case.graph.following(element) if target not in beside)
    return any(flow.target not in held for flow in element.outgoing)


def _interrupted(case: Case, scope: str, ring: Collection[str]) -> bool:
    """Something waits in it, and something else may end it meanwhile."""
    if not any(_waits(case.model.elements[one]) for one in ring):
        return False
    exits = {target for one in ring for target in case.graph.following(case.model.elements[one])}
    if any(_kills(case, target) for target in exits.difference(ring)):
        return True
    while scope in case.model.elements:
        handlers = (start for start, _ in case.graph.handlers.get(scope, ()))
        if any(event.interrupting for event in (*case.graph.boundary.get(scope, ()), *handlers)):
            return True
        scope = case.model.elements[scope].scope
    return any(start.interrupting for start, _ in case.graph.handlers.get(scope, ()))


def _kills(case: Case, target: str) -> bool:
    """From here a token may come to an event that ends the whole scope."""
    seen: set[str] = set()
    todo = [target]
    while todo:
        here = case.model.elements.get(todo.pop())
        if here is not None and here.id not in seen:
            seen.add(here.id)
            if here.kind == "endEvent" and here.event and here.event.kind in ("terminate", "error", "cancel"):
                return True
            todo += case.graph.following(here)
    return False


def _changes(element: Element) -> bool:
    return _waits(element) or element.decision is not None


def _waits(element: Element) -> bool:
    return element.kind in _WAITING or element.is_fanout


def _rings(case: Case, elements: Collection[Element]) -> list[set[str]]:
    """Sets of elements that can be reached from each other (Tarjan's strongly connected components, without recursion)."""
    inside = {element.id for element in elements}
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_: list[str] = []
    found: list[set[str]] = []
    for root in elements:
        todo: list[tuple[str, Iterator[str]]] = []
        if root.id not in number:
            todo.append((root.id, iter(list(case.graph.following(root)))))
            number[root.id] = lowest[root.id] = len(number)
            open_.append(root.id)
        while todo:
            here, further = todo[-1]
            target = next(further, None)
            if target is None:
                todo.pop()
                if todo:
                    lowest[todo[-1][0]] = min(lowest[todo[-1][0]], lowest[here])
                if lowest[here] == number[here]:
                    at = open_.index(here)
                    ring, open_[at:] = set(open_[at:]), []
                    if len(ring) > 1 or here in case.graph.following(case.model.elements[here]):
                        found.append(ring)
            elif target in number:
                if target in open_:
                    lowest[here] = min(lowest[here], number[target])
            elif target in inside:
                number[target] = lowest[target] = len(number)
                open_.append(target)
                todo.append((target, iter(list(case.graph.following(case.model.elements[target])))))
    return found
