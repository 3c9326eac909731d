"""A scope of a model as a token net: what a token at each of its nodes may do.

A scope is the process or one sub-process; a sub-process inside it is one node of it, whose ways out are those that its own search
found. Conditions are not evaluated: whatever they may say can happen.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from engine.bpmn.graph import Graph
from engine.bpmn.model import Element, Flow
from engine.bpmn.parser import SUB_PROCESSES

#: how a scope may end: ("complete", None), ("error", code), ("escalation", code), ("cancel", None); an escalation does not end it
Ending = tuple[str, str | None]
COMPLETE: Ending = ("complete", None)
#: the code of an error that is known only when it happens
ANY = "*"
#: an inclusive choice among more exits than this is not enumerated
MOST_EXITS = 10

_PASSING = frozenset(
    {"startEvent", "endEvent", "intermediateThrowEvent", "task", "manualTask", "businessRuleTask"}
)
_GATEWAYS = frozenset({"exclusiveGateway", "parallelGateway", "inclusiveGateway", "complexGateway"})
_WAITED_FOR = frozenset({"timer", "message", "signal", "conditional"})


@dataclass(frozen=True, slots=True)
class Way:
    """One thing that a token may do.

    :ivar marks: the elements that are passed, each with the flows that are taken from it
    :ivar to: the places where tokens are put
    :ivar ends: the whole scope ends so, with every token in it
    """

    marks: tuple[tuple[str, tuple[str, ...]], ...]
    to: tuple[int, ...]
    ends: Ending | None = None


@dataclass(slots=True)
class Join:
    """A gateway with several incoming flows.

    :ivar flows: place -> incoming flow, of a token that waits here
    :ivar rounds: of a complex gateway: place of a token -> the place that remembers that the flow belongs to this round
    :ivar reach: of inclusive and complex ones: place -> the places here that a token of it can still come to, as bits
    """

    element: Element
    flows: dict[int, Flow]
    ways: tuple[Way, ...]
    rounds: dict[int, int] = field(default_factory=dict)
    bits: dict[int, int] = field(default_factory=dict)
    reach: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Net:
    """
    :ivar at: place -> the element at which a token in it is
    :ivar ways: place -> what a token in it may do; none for a place at a join
    :ivar passes: places of nodes where a token does not wait for anything outside
    :ivar kills: places from which the scope may be ended before anything else is waited for
    :ivar node: element -> the place at which a token arrives there, unless it has to wait for others
    :ivar too_wide: an inclusive choice that is not enumerated
    """

    at: list[Element]
    ways: list[tuple[Way, ...]]
    parallel: list[Join]
    inclusive: list[Join]
    passes: set[int]
    kills: set[int]
    node: dict[str, int]
    too_wide: Element | None = None


class Builder:
    """Builds the net of one scope, or of what one event of it sets off."""

    def __init__(self, graph: Graph, endings: Mapping[str, set[Ending]]) -> None:
        self._graph = graph
        self._endings = endings
        self._at: list[Element] = []
        self._node: dict[str, int] = {}
        self._arrival: dict[str, int] = {}
        self._joins: dict[str, Join] = {}
        self._waiting: set[int] = set()
        self._wide: Element | None = None

    def build(self, scope: str, aside: Collection[str] = ()) -> Net:
        """:param aside: boundary events that set off something apart, which is looked at by itself"""
        elements = [e for e in self._graph.inside.get(scope, ()) if not e.triggered and not e.compensates]
        for element in elements:
            self._node[element.id] = self._place(element)
            if _joins(element):
                flows = {self._place(element): flow for flow in element.incoming}
                self._arrival |= {flow.id: place for place, flow in flows.items()}
                self._waiting |= flows.keys()
                self._joins[element.id] = Join(element, flows, ())
        ways: list[tuple[Way, ...]] = []
        places = dict(enumerate(list(self._at)))
        for place, element in places.items():
            own = self._node[element.id] == place
            ways.append(tuple(self._ways(element, aside)) if own else ())
        for join in self._joins.values():
            join.ways = ways[self._node[join.element.id]]
            if join.element.kind == "complexGateway" and join.element.activation is not None:
                for place in join.flows:
                    join.rounds[place] = self._place(join.element)
                    ways.append(())
        parallel = [j for j in self._joins.values() if j.element.kind == "parallelGateway"]
        inclusive = [j for j in self._joins.values() if j.element.kind != "parallelGateway"]
        for join in inclusive:
            self._reach(join)
        passes = {p for p, e in enumerate(self._at) if self._passes(e)}
        return Net(
            self._at, ways, parallel, inclusive, passes, self._kills(ways, passes), self._node, self._wide
        )

    def _place(self, element: Element) -> int:
        self._at.append(element)
        return len(self._at) - 1

    def _reach(self, join: Join) -> None:
        join.bits = {place: 1 << number for number, place in enumerate(join.flows)}
        by_flow = {flow.id: place for place, flow in join.flows.items()}
        reach: dict[str, int] = {}
        for flow_id, before in self._graph.reaching[join.element.id].items():
            for node in before:
                reach[node] = reach.get(node, 0) | join.bits[by_flow[flow_id]]
        join.reach = [0 if e is join.element else reach.get(e.id, 0) for e in self._at]

    def _kills(self, ways: list[tuple[Way, ...]], passes: set[int]) -> set[int]:
        """Waiting nodes whose next step may end the scope, and the passing ones on the way to it."""
        found = {p for p, some in enumerate(ways) if any(way.ends is not None for way in some)}
        # a token at a join goes on as the join does
        ahead = {
            p: [t for way in some for t in way.to]
            for p, some in enumerate(
                self._joins[e.id].ways if p in self._waiting else ways[p] for p, e in enumerate(self._at)
            )
        }
        todo = list(found)
        behind: dict[int, list[int]] = {}
        for place, targets in ahead.items():
            for target in targets:
                behind.setdefault(target, []).append(place)
        while todo:
            here = todo.pop()
            if here not in passes and here not in self._waiting:
                continue  # whatever comes before waits here first
            for place in behind.get(here, ()):
                if place not in found:
                    found.add(place)
                    todo.append(place)
        return found

    def _passes(self, element: Element) -> bool:
        if element.loop is not None or element.is_fanout:
            return False
        return (
            element.kind in _PASSING
            or element.kind in _GATEWAYS
            or (element.kind == "sendTask" and element.operation is None)
            or (
                element.kind == "intermediateCatchEvent"
                and element.event is not None
                and element.event.kind == "link"
            )
            or element.kind == "boundaryEvent"
        )

    # what a token may do

    def _to(self, flow: Flow) -> tuple[int, ...]:
        if flow.id in self._arrival:
            return (self._arrival[flow.id],)
        place = self._node.get(flow.target)
        return () if place is None else (place,)

    def _leaving(self, element: Element) -> Iterator[tuple[tuple[str, ...], tuple[int, ...]]]:
        """The sets of flows that may be taken, and where they lead."""
        for flows in self._choices(element):
            yield tuple(flow.id for flow in flows), tuple(sorted(p for flow in flows for p in self._to(flow)))

    def _choices(self, element: Element) -> Iterable[tuple[Flow, ...]]:
        flows = element.outgoing
        if element.kind == "exclusiveGateway":
            return [(flow,) for flow in flows] or [()]
        if element.kind == "parallelGateway" or all(
            flow.condition is None and not flow.default for flow in flows
        ):
            return [flows]
        free = tuple(flow for flow in flows if flow.condition is None and not flow.default)
        chosen = [flow for flow in flows if flow.condition is not None and not flow.default]
        default = tuple(flow for flow in flows if flow.default)
        if len(chosen) > MOST_EXITS:
            self._wide = element
            return [(flow,) for flow in flows]
        some = [
            (*free, *subset)
            for size in range(1, len(chosen) + 1)
            for subset in itertools.combinations(chosen, size)
        ]
        none = [(*free, *default)] if default or free else []
        return [*some, *none] or [()]

    def _ways(self, element: Element, aside: Collection[str]) -> Iterator[Way]:
        event = element.event.kind if element.event is not None else None
        if element.kind == "endEvent" and event in ("terminate", "error", "cancel"):
            assert element.event is not None
            name = element.event.name if event == "error" else None
            yield Way(((element.id, ()),), (), COMPLETE if event == "terminate" else (event, name))
        elif element.kind == "intermediateThrowEvent" and event == "link":
            target = self._graph.link(element)
            yield Way(((element.id, ()),), () if target is None else (self._node[target],))
        elif element.kind == "eventBasedGateway":
            for flow in element.outgoing:
                target_ = self._graph.model.elements.get(flow.target)
                if target_ is not None and target_.id in self._node:
                    yield from self._after(target_, ((element.id, (flow.id,)),))
        else:
            yield from self._activity(element, aside)

    def _activity(self, element: Element, aside: Collection[str]) -> list[Way]:
        """It is completed, or interrupted; and each event on it that does not interrupt happens or not, at most once."""
        events = [e for e in self._caught(element, self._endings.get(element.id, set())) if e.id not in aside]
        ways = list(self._completed(element))
        for event in events:
            if interrupts(event):
                ways += self._after(event, ((element.id, ()),))
        for event in events:
            if not interrupts(event) and len(ways) < 2**MOST_EXITS:
                ways += [
                    Way((*own.marks, *rest.marks), tuple(sorted((*own.to, *rest.to))), rest.ends)
                    for rest in list(ways)
                    for own in self._after(event, ((element.id, ()),))
                ]
        return ways

    def _after(self, element: Element, before: tuple[tuple[str, tuple[str, ...]], ...] = ()) -> Iterator[Way]:
        for taken, to in self._leaving(element):
            yield Way((*before, (element.id, taken)), to)

    def _completed(self, element: Element) -> Iterator[Way]:
        if element.kind in SUB_PROCESSES:
            endings = self._endings.get(element.id, {COMPLETE})
            caught = self._caught(element, endings)
            if COMPLETE in endings or (
                ("cancel", None) in endings and not any(e.event and e.event.kind == "cancel" for e in caught)
            ):
                yield from self._after(element)
            for ending in endings:
                if ending[0] == "error" and ending[1] != ANY and not any(catches(e, ending) for e in caught):
                    yield Way(((element.id, ()),), (), ending)
        else:
            yield from self._after(element)

    def _caught(self, element: Element, endings: set[Ending]) -> list[Element]:
        return [e for e in self._graph.boundary.get(element.id, ()) if self._happens(e, element, endings)]

    def _happens(self, event: Element, host: Element, endings: set[Ending]) -> bool:
        kind = event.event.kind if event.event is not None else None
        if kind in _WAITED_FOR:
            return not self._passes(host)
        if kind in ("error", "escalation", "cancel"):
            if host.kind in SUB_PROCESSES:
                return any(catches(event, ending) for ending in endings)
            return host.kind == "callActivity" or (
                host.operation is not None
                if kind == "error"
                else kind == "escalation" and any(one.action == "throw" for one in host.escalations)
            )
        return False


def _joins(element: Element) -> bool:
    return (
        element.kind in ("parallelGateway", "inclusiveGateway", "complexGateway")
        and len(element.incoming) > 1
    )


def interrupts(event: Element) -> bool:
    return event.interrupting or (event.event is not None and event.event.kind in ("error", "cancel"))


def catches(event: Element, ending: Ending) -> bool:
    kind, code = ending
    if event.event is None or event.event.kind != kind:
        return False
    return kind == "cancel" or event.event.name in (None, "", code) or code == ANY


def raised_at(element: Element, endings: Mapping[str, set[Ending]]) -> Iterator[Ending]:
    """What an element may throw in its scope without ending it: escalations, and errors of operations and called processes."""
    event = element.event
    if (
        event is not None
        and event.kind == "escalation"
        and element.kind in ("endEvent", "intermediateThrowEvent")
    ):
        yield "escalation", event.name
    for one in element.escalations:
        if one.action == "throw":
            yield "escalation", one.code
    if element.operation is not None or element.kind == "callActivity":
        yield "error", ANY
    if element.kind == "callActivity":
        yield "escalation", ANY
    for ending in endings.get(element.id, ()):
        if ending[0] == "escalation" or ending == ("error", ANY):
            yield ending
