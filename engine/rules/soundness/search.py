"""Every state that a net can come to, as far as it differs.

A state is a multiset of places, as a sorted tuple. What a token does at a node does not depend on other tokens, except at joins. So of
several waiting tokens one moves first and the others stay where they are: what they can do later is the same (partial-order reduction;
Valmari's stubborn sets, with the proviso that no circle of states leaves a token out). It does not hold where a token may come to
several flows of an inclusive join, nor for a step that ends the scope: there, every order is tried.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from engine.bpmn.model import Element, Flow
from engine.rules.soundness.net import COMPLETE, Ending, Join, Net, Way

State = tuple[int, ...]
Marks = tuple[tuple[str, tuple[str, ...]], ...]
Edge = tuple[Marks, State]

MOST_STATES = 100_000
#: states looked at after the first in which tokens wait for ever
FURTHER = 2_000
#: how far back a state is compared with those before it
NEAR = 200


@dataclass(slots=True)
class Stuck:
    """Tokens that wait for ever.

    :ivar missing: the incoming flows by which no token comes
    """

    at: Element
    missing: list[Flow]
    path: Marks


@dataclass(slots=True)
class Found:
    """
    :ivar complete: every state was seen
    :ivar unbounded: the way on which tokens multiply, and the element at which they do
    :ivar done: elements that are passed on some way
    """

    stuck: list[Stuck] = field(default_factory=list)
    unbounded: tuple[Element, Marks] | None = None
    done: set[str] = field(default_factory=set)
    endings: set[Ending] = field(default_factory=set)
    complete: bool = True
    states: int = 0
    way_to: Callable[[str], Marks] = lambda _: ()


class Search:
    def __init__(
        self,
        net: Net,
        begins: Iterable[State],
        most_states: int = MOST_STATES,
        harmless: dict[State, bool] | None = None,
    ) -> None:
        """:param begins: to begin with any one of these"""
        self._net = net
        self._begins = begins
        self._harmless: dict[State, bool] = {} if harmless is None else harmless
        self._most = most_states
        self._edges: dict[State, list[Edge]] = {}
        self._begun: list[Edge] = []
        self._found = Found(way_to=self._way_to)

    def run(self) -> Found:
        found = self._found
        for state in self._begins:
            edge = self._settled(list(state), [])
            self._begun.append(edge)
            found.done.update(mark[0] for mark in edge[0])
            self._walk(edge)
        found.complete = found.complete and self._net.too_wide is None
        found.states = len(self._edges)
        if found.unbounded is None:
            self._judge()
        return found

    # states

    def _walk(self, begun: Edge) -> None:
        """Depth first; the stack holds the edges that lead here, each with those that are still to be tried."""
        if begun[1] in self._edges:
            return
        path: list[Edge] = [begun]
        here: set[State] = {begun[1]}
        todo: list[Iterator[Edge]] = [iter(self._expand(begun[1], here))]
        while todo:
            edge = next(todo[-1], None)
            if edge is None:
                todo.pop()
                here.discard(path.pop()[1])
                continue
            self._found.done.update(mark[0] for mark in edge[0])
            state = edge[1]
            if state in self._edges:
                continue
            if len(self._edges) >= self._most:
                self._found.complete = False
                return
            more = self._more(path, state)
            if more is not None and self._ends_well(more):
                continue  # one token more of what is sound by itself
            path.append(edge)
            if more is not None:
                marks = tuple(mark for one in path for mark in one[0])
                self._found.unbounded = self._net.at[more[0]], marks
                return
            here.add(state)
            todo.append(iter(self._expand(state, here)))

    def _more(self, path: list[Edge], state: State) -> State | None:
        """The tokens by which a state exceeds one on the way to it: the way between can be gone again and again (Karp, Miller).

        An inclusive join may take the further tokens along; there, the way has to have been gone twice."""
        near = [edge[1] for edge in path[-NEAR:]]
        for number, more in _exceeds(near, state):
            if not self._net.inclusive or any(
                more == further for _, further in _exceeds(near[:number], near[number])
            ):
                return more
        return None

    def _ends_well(self, tokens: State) -> bool:
        """These tokens by themselves never wait for ever, nor multiply. Then any number of them does no harm."""
        if tokens not in self._harmless:
            self._harmless[tokens] = False  # what brings forth itself once more is not harmless
            found = Search(self._net, [tokens], min(self._most, FURTHER), self._harmless).run()
            self._found.done |= found.done
            self._harmless[tokens] = found.complete and not found.stuck and found.unbounded is None
        return self._harmless[tokens]

    def _expand(self, state: State, here: set[State]) -> list[Edge]:
        groups = self._groups(state)
        if len(groups) > 1 and self._in_any_order(state):
            for place, edges in groups:
                if place not in self._net.kills and not any(edge[1] in here for edge in edges):
                    groups = [(place, edges)]
                    break
        edges = [edge for _, some in groups for edge in some]
        self._edges[state] = edges
        if state and not edges:  # one way that ends badly is enough to look at
            self._most = min(self._most, len(self._edges) + FURTHER)
        return edges

    def _groups(self, state: State) -> list[tuple[int, list[Edge]]]:
        """What each token may do; tokens that wait for nothing move first, then joins that look around."""
        net = self._net
        passing = [place for place in state if place in net.passes and net.ways[place]]
        if passing:
            place = next((p for p in passing if p not in net.kills), passing[0])
            return [(place, self._taken(state, place))]
        groups: list[tuple[int, list[Edge]]] = []
        for join in net.inclusive:
            edges, only = self._looks_around(state, join)
            if only:
                return [(-1, edges)]
            if edges:
                groups.append((-1, edges))
        if groups and not any(join.rounds for join in net.inclusive):
            return groups
        return groups + [(p, self._taken(state, p)) for p in dict.fromkeys(state) if net.ways[p]]

    def _taken(self, state: State, place: int) -> list[Edge]:
        return [self._go(_without(state, (place,)), way) for way in self._net.ways[place]]

    def _go(self, rest: list[int], way: Way) -> Edge:
        if way.ends is not None:
            self._found.endings.add(way.ends)
            return way.marks, ()
        return self._settled([*rest, *way.to], list(way.marks))

    def _settled(self, tokens: list[int], marks: list[tuple[str, tuple[str, ...]]]) -> Edge:
        """Tokens that can do but one thing do it: nobody else is in their way."""
        net = self._net
        seen: set[int] = set()
        moved = True
        while moved:
            moved = False
            for join in net.parallel:
                if all(place in tokens for place in join.flows) and len(join.ways) == 1:
                    for place in join.flows:
                        tokens.remove(place)
                    tokens += join.ways[0].to
                    marks += join.ways[0].marks
                    moved = True
            ending = any(place in net.passes and place in net.kills for place in tokens)
            free = not ending and self._in_any_order(tokens)
            for place in tokens:
                ways = net.ways[place]
                if (
                    len(ways) == 1
                    and place not in seen
                    and (place in net.passes or free)
                    and place not in net.kills
                    and ways[0].ends is None
                ):
                    seen.add(place)
                    tokens.remove(place)
                    tokens += ways[0].to
                    marks += ways[0].marks
                    moved = True
                    break
        if not tokens:
            self._found.endings.add(COMPLETE)
        return tuple(marks), tuple(sorted(tokens))

    def _in_any_order(self, tokens: Sequence[int]) -> bool:
        """Does it make no difference to inclusive joins which token moves first? It does where one may come to several flows of a
        join, and another to one of these flows, or is there."""
        if len(tokens) == 1:
            return True
        for join in self._net.inclusive:
            if join.rounds:
                return False
            several = single = 0
            for place in tokens:
                bits = join.reach[place] or join.bits.get(place, 0)
                if bits & several or (bits & (bits - 1) and bits & single):
                    return False
                if bits & (bits - 1):
                    several |= bits
                else:
                    single |= bits
        return True

    def _looks_around(self, state: State, join: Join) -> tuple[list[Edge], bool]:
        """What an inclusive or complex join may do, and whether it does so before anything else happens."""
        here = [place for place in join.flows if place in state]
        elsewhere = [join.reach[place] for place in state]
        if not join.rounds:
            came = sum(join.bits[place] for place in here)
            if not here or any(bits & ~came and not bits & came for bits in elsewhere):
                return [], False
            return [self._go(_without(state, here), way) for way in join.ways], False
        begun = [place for place, mark in join.rounds.items() if mark in state]
        missing = [place for place in join.flows if place not in begun]
        if begun:
            late = [place for place in missing if place in here]
            if late:
                return [self._settled([*_without(state, late), *(join.rounds[p] for p in late)], [])], True
            open_ = sum(join.bits[place] for place in missing)
            if not any(bits & open_ for bits in elsewhere):
                return [self._settled(_without(state, [join.rounds[p] for p in begun]), [])], True
            return [], False
        if not here:
            return [], False
        marks = [join.rounds[place] for place in here]
        edges = [self._go([*_without(state, here), *marks], way) for way in join.ways]
        open_ = sum(join.bits[place] for place in missing if place not in here)
        return edges, not any(bits & open_ for bits in elsewhere)

    # what it means

    def _judge(self) -> None:
        """Where tokens wait for ever, with the shortest way there."""
        ends = {state for state, edges in self._edges.items() if state and not edges}
        told: set[str] = set()
        for state, path in self._ways(lambda _, state: state in ends):
            for join in (*self._net.parallel, *self._net.inclusive):
                if join.element.id not in told and any(place in state for place in join.flows):
                    told.add(join.element.id)
                    missing = [flow for place, flow in join.flows.items() if place not in state]
                    self._found.stuck.append(Stuck(join.element, missing, path))

    def _way_to(self, element_id: str) -> Marks:
        """The shortest way on which an element is passed."""
        wanted = self._ways(lambda marks, _: any(mark[0] == element_id for mark in marks))
        return next((path for _, path in wanted), ())

    def _ways(self, wanted: Callable[[Marks, State], bool]) -> Iterator[tuple[State, Marks]]:
        """Breadth first: the states that an edge that is wanted leads to, and the way there."""
        came: dict[State, tuple[State | None, Marks]] = {}
        todo: deque[State] = deque()

        def path(state: State | None, marks: Marks) -> Marks:
            steps = [marks]
            while state is not None:
                state, marks = came[state]
                steps.append(marks)
            return tuple(mark for step in reversed(steps) for mark in step)

        def arrive(before: State | None, edge: Edge) -> Iterator[tuple[State, Marks]]:
            if wanted(*edge):
                yield edge[1], path(before, edge[0])
            if edge[1] not in came:
                came[edge[1]] = before, edge[0]
                todo.append(edge[1])

        for edge in self._begun:
            yield from arrive(None, edge)
        while todo:
            state = todo.popleft()
            for edge in self._edges.get(state, ()):
                yield from arrive(state, edge)


def _without(state: State, places: list[int] | tuple[int, ...]) -> list[int]:
    rest = list(state)
    for place in places:
        rest.remove(place)
    return rest


def _exceeds(path: list[State], state: State) -> Iterator[tuple[int, State]]:
    """The states of a path, the latest first, that have fewer tokens and no others; with the tokens that they lack."""
    places = set(state)
    for number in range(len(path) - 1, -1, -1):
        earlier = path[number]
        if len(earlier) < len(state) and places.issuperset(earlier):
            before, now = Counter(earlier), Counter(state)
            if before <= now:
                yield number, tuple(sorted((now - before).elements()))
