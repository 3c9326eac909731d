"""Random processes of nested blocks, and a model of what their tokens do: written from BPMN, without a look at the engine.

A block has one way in and one way out. The model is a token game in continuations: a block is told what to do when it is left. What
waits is a ``Leaf``; to undo an act, the acts before it are played again.
"""

from __future__ import annotations

import itertools
import json
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import strategies as st

from tests.engine.drawing import (
    boundary,
    catch,
    defines,
    draw,
    each,
    end,
    flow,
    gateway,
    inner_start,
    looped,
    named,
    node,
    ours,
    path,
    start,
    sub,
    timer,
    user,
)

#: the variables on which gateways and loops decide; each completion may change them
VARIABLES = ("甲", "乙", "丙")
ROUNDS = 3
KINDS = ("task", "many", "timer", "message")


@dataclass(frozen=True)
class Task:
    """:ivar guard: a timer on its boundary that interrupts (``stop``) or does not (``note``)"""

    guard: str = ""


@dataclass(frozen=True)
class Rounds:
    """A task with a standard loop: at most ``ROUNDS`` times, while the variable is true."""

    variable: str
    before: bool
    guard: str


@dataclass(frozen=True)
class Many:
    count: int


@dataclass(frozen=True)
class Pass:
    """A task that is done at once."""


@dataclass(frozen=True)
class Line:
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Either:
    """An exclusive gateway."""

    variable: str
    yes: Block
    no: Block


@dataclass(frozen=True)
class Both:
    """A parallel gateway."""

    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Some:
    """An inclusive gateway: each branch whose variable is true, or else the last one."""

    first: tuple[str, Block]
    second: tuple[str, Block]
    otherwise: Block


@dataclass(frozen=True)
class Again:
    """A task and a block, repeated by a flow while the variable is true."""

    variable: str
    block: Block


@dataclass(frozen=True)
class Scope:
    """An embedded sub-process; with a variable, a looped one."""

    block: Block
    guard: str
    variable: str = ""


@dataclass(frozen=True)
class Race:
    """An event gateway: a timer against a message."""

    late: Block
    heard: Block


Block = Task | Rounds | Many | Pass | Line | Either | Both | Some | Again | Scope | Race

variables = st.sampled_from(VARIABLES)
guards = st.sampled_from(["", "", "stop", "note"])


def _wider(inner: st.SearchStrategy[Block]) -> st.SearchStrategy[Block]:
    return st.one_of(
        st.builds(Line, st.tuples(inner, inner)),
        st.builds(Line, st.tuples(inner, inner, inner)),
        st.builds(Either, variables, inner, inner),
        st.builds(Both, st.tuples(inner, inner)),
        st.builds(Both, st.tuples(inner, inner, inner)),
        st.builds(Some, st.tuples(variables, inner), st.tuples(variables, inner), inner),
        st.builds(Again, variables, inner),
        st.builds(Scope, inner, guards),
        st.builds(Scope, st.builds(Line, st.tuples(st.builds(Task), inner)), guards, variables),
        st.builds(Race, inner, inner),
    )


leaves = st.one_of(
    st.builds(Task, guards),
    st.builds(Rounds, variables, st.booleans(), guards),
    st.builds(Many, st.integers(1, 3)),
    st.just(Pass()),
)
blocks: st.SearchStrategy[Block] = st.recursive(leaves, _wider, max_leaves=6)


def seconds(place: str) -> int:
    """How long the timer at a place waits; hardly ever are two due at once."""
    return 1_000 + zlib.crc32(place.encode()) % 1_000_000


# the diagram

FORM = json.dumps(
    {"type": "default", "components": [{"type": "checkbox", "key": one, "label": one} for one in VARIABLES]}
).encode()


def diagram(key: str, block: Block, persons: str = "=initiator.person") -> bytes:
    """:param persons: expression -> who may do the tasks"""
    parts, first, last = _drawn(block, "n")
    messages = "".join(named("message", id, f"{key} {id}") for id in re.findall(r'messageRef="(\w+)"', parts))
    drawn = draw(key, start(), parts, end(), path("start", first), path(last, "end"), extra=messages)
    return drawn.replace(b"=initiator.person", persons.encode())


def _user(id: str, loop: str = "") -> str:
    return user(id, ours("form", ref="a.form.json"), loop=loop)


def _drawn(block: Block, at: str) -> tuple[str, str, str]:
    """The parts of a block at a place, its first element and its last."""
    match block:
        case Task(guard):
            return _guarded(_user(at), at, guard)
        case Rounds(variable, before, guard):
            return _guarded(_user(at, loop=looped(f"={variable}", before=before, maximum=ROUNDS)), at, guard)
        case Many(count):
            return _user(at, loop=each(f"={list(range(count))}")), at, at
        case Pass():
            return node("task", at), at, at
        case Line(blocks):
            drawn = [_drawn(one, f"{at}{number}") for number, one in enumerate(blocks)]
            joined = "".join(path(a[2], b[1]) for a, b in itertools.pairwise(drawn))
            return "".join(one[0] for one in drawn) + joined, drawn[0][1], drawn[-1][2]
        case Either(variable, yes, no):
            return _split("exclusive", at, [(f"={variable}", yes), ("", no)])
        case Both(blocks):
            return _split("parallel", at, [("", one) for one in blocks])
        case Some(first, second, otherwise):
            ways = [(f"={first[0]}", first[1]), (f"={second[0]}", second[1]), ("", otherwise)]
            return _split("inclusive", at, ways)
        case Again(variable, inner):
            parts, first_, last = _drawn(inner, f"{at}0")
            merge, task, choice, out = (f"{at}{what}" for what in ("m", "t", "g", "x"))
            parts += gateway("exclusive", merge) + _user(task) + node("task", out)
            parts += gateway("exclusive", choice, default=f"{choice}_{out}")
            parts += path(merge, task, first_) + path(last, choice, out) + flow(choice, merge, f"={variable}")
            return parts, merge, out
        case Scope(inner, guard, variable):
            parts, first_, last = _drawn(inner, f"{at}0")
            loop = looped(f"={variable}", maximum=ROUNDS) if variable else ""
            body = (
                inner_start(f"{at}i"),
                parts,
                end(f"{at}e"),
                path(f"{at}i", first_),
                path(last, f"{at}e"),
                loop,
            )
            return _guarded(sub(at, *body), at, guard)
        case Race(late, heard):
            events = (
                catch(f"{at}w", timer("timeDuration", f"PT{seconds(at)}S")),
                catch(f"{at}m", defines("message", f"{at}msg")),
            )
            parts, first_, last = _split("eventBased", at, [("", late), ("", heard)], [f"{at}w", f"{at}m"])
            return parts + "".join(events), first_, last
    raise AssertionError(block)


def _split(
    kind: str, at: str, ways: list[tuple[str, Block]], events: list[str] | None = None
) -> tuple[str, str, str]:
    fork, join = f"{at}f", f"{at}j"
    parts: list[str] = []
    for number, (condition, block) in enumerate(ways):
        inner, first, last = _drawn(block, f"{at}{number}")
        entry = events[number] if events else first
        parts += [inner, flow(fork, entry, condition), path(last, join)]
        parts += [path(entry, first)] if events else []
        default = entry
    more = {"default": f"{fork}_{default}"} if kind in ("exclusive", "inclusive") else {}
    merging = "exclusive" if kind == "eventBased" else kind
    return "".join(parts) + gateway(kind, fork, **more) + gateway(merging, join), fork, join


def _guarded(host: str, at: str, guard: str) -> tuple[str, str, str]:
    if not guard:
        return host, at, at
    event = boundary(f"{at}b", at, timer("timeDuration", f"PT{seconds(at)}S"), interrupting=guard == "stop")
    parts = host + event + _user(f"{at}h") + path(f"{at}b", f"{at}h")
    if guard == "note":
        return parts + end(f"{at}he") + path(f"{at}h", f"{at}he"), at, at
    return (
        parts + gateway("exclusive", f"{at}k") + path(f"{at}h", f"{at}k") + path(at, f"{at}k"),
        at,
        f"{at}k",
    )


# the model


@dataclass(eq=False)
class Frame:
    """Where tokens live: what is cancelled together.

    :ivar tokens: how many live in it; when none does, it is left
    :ivar round: of a loop
    """

    above: Frame | None
    left: Callable[[], None]
    tokens: int = 1
    cancelled: bool = False
    round: int = 1

    def end(self) -> None:
        self.tokens -= 1
        if not self.tokens:
            self.left()

    @property
    def gone(self) -> bool:
        return self.cancelled or (self.above is not None and self.above.gone)


@dataclass(eq=False, repr=False)
class Leaf:
    """What waits for somebody outside.

    :ivar kind: ``task``, ``many``, ``timer`` or ``message``
    :ivar open: of a multi-instance task: how many are still to be done
    :ivar host: of a guard: the number of its activity
    """

    element: str
    kind: str
    frame: Frame
    then: Callable[[], None]
    due: int = 0
    open: int = 1
    host: int = 0

    def __repr__(self) -> str:
        return f"{self.kind} {self.element}"


#: an act: the element, which of its leaves, when, what was written; or the guards that were set anew when one was taken back
Entry = tuple[str | list[int], int, int, dict[str, bool]]


@dataclass(eq=False)
class Game:
    """An instance of a block.

    :ivar now: in seconds
    :ivar whole: a multi-instance task is done as one
    :ivar guarded: number of each open activity with a guard -> how its guard is set
    """

    block: Block
    values: dict[str, bool]
    whole: bool = False
    now: int = 0
    leaves: list[Leaf] = field(default_factory=list)
    ended: bool = False
    log: list[Entry] = field(default_factory=list)
    guarded: dict[int, tuple[Frame, Callable[[], object]]] = field(default_factory=dict)
    began: int = 0

    def __post_init__(self) -> None:
        self.first, self.values = self.values, dict(self.values)
        root = Frame(None, self._over)
        self._go(self.block, "n", root, root.end)

    def _over(self) -> None:
        self.ended = True

    def standing(self, *kinds: str) -> list[Leaf]:
        return [leaf for leaf in self.leaves if leaf.kind in kinds and not leaf.frame.gone]

    def act(self, leaf: Leaf, values: dict[str, bool] | None = None, now: int | None = None) -> None:
        """A task is done (with new values), a timer fires, a message arrives."""
        self.now = self.now if now is None else now
        same = [one for one in self.standing(*KINDS) if one.element == leaf.element]
        self.log.append((leaf.element, same.index(leaf), self.now, dict(values or {})))
        if leaf.kind == "many":
            leaf.open -= 1
            if leaf.open:
                return
        self.values.update(values or {})
        self._leave(leaf)
        leaf.then()

    def undone(self) -> Game:
        """The last act taken back, except for what it has written. A guard begins anew with its activity, or its activity's round."""
        before = Game(self.block, self.first, self.whole)
        for entry in self.log[:-1]:
            before._play(entry)
        rounds = {number: host.round for number, (host, _) in self.guarded.items()}
        ended = [number for number, (host, _) in before.guarded.items() if rounds.get(number) != host.round]
        before._play((ended, 0, self.now, self.values))
        return before

    def _play(self, entry: Entry) -> None:
        what, number, now, values = entry
        if isinstance(what, str):
            self.act([leaf for leaf in self.standing(*KINDS) if leaf.element == what][number], values, now)
            return
        self.now = now
        self.log.append(entry)
        self.values.update(values)
        for host in what:
            self._leave(*(leaf for leaf in self.leaves if leaf.host == host))
            self.guarded[host][1]()

    def _wait(self, element: str, kind: str, frame: Frame, then: Callable[[], None], **more: int) -> Leaf:
        leaf = Leaf(element, kind, frame, then, **more)
        self.leaves.append(leaf)
        return leaf

    def _leave(self, *gone: Leaf) -> None:
        self.leaves = [leaf for leaf in self.leaves if leaf not in gone]

    def _go(self, block: Block, at: str, frame: Frame, then: Callable[[], None]) -> None:
        match block:
            case Pass():
                then()
            case Task(guard):
                self._host(at, guard, frame, then, lambda inside, done: self._wait(at, "task", inside, done))
            case Rounds(variable, before, guard):
                if before and not self.values[variable]:
                    then()
                    return

                def rounds(inside: Frame, done: Callable[[], None]) -> None:
                    def over() -> None:
                        if self.values[variable] and inside.round < ROUNDS:
                            inside.round += 1
                            rounds(inside, done)
                        else:
                            done()

                    self._wait(at, "task", inside, over)

                self._host(at, guard, frame, then, rounds)
            case Many(count):
                self._wait(at, "many", frame, then, open=1 if self.whole else count)
            case Line(blocks):

                def following(number: int) -> None:
                    if number == len(blocks):
                        then()
                    else:
                        self._go(blocks[number], f"{at}{number}", frame, lambda: following(number + 1))

                following(0)
            case Either(variable, yes, no):
                number = 0 if self.values[variable] else 1
                self._go((yes, no)[number], f"{at}{number}", frame, then)
            case Both(blocks):
                self._all(list(enumerate(blocks)), at, frame, then)
            case Some(first, second, otherwise):
                ways = [(n, way[1]) for n, way in enumerate((first, second)) if self.values[way[0]]]
                self._all(ways or [(2, otherwise)], at, frame, then)
            case Again(variable, inner):

                def again() -> None:
                    self._wait(f"{at}t", "task", frame, lambda: self._go(inner, f"{at}0", frame, choose))

                def choose() -> None:
                    again() if self.values[variable] else then()

                again()
            case Scope(inner, guard, variable):

                def inside_(host: Frame, done: Callable[[], None]) -> None:
                    def over() -> None:
                        if variable and self.values[variable] and host.round < ROUNDS:
                            host.round += 1
                            inside_(host, done)
                        else:
                            done()

                    scope = Frame(host, over)
                    self._go(inner, f"{at}0", scope, scope.end)

                self._host(at, guard, frame, then, inside_)
            case Race(late, heard):

                def won(number: int) -> None:
                    self._leave(timer_, message)
                    self._go((late, heard)[number], f"{at}{number}", frame, then)

                timer_ = self._wait(f"{at}w", "timer", frame, lambda: won(0), due=self.now + seconds(at))
                message = self._wait(f"{at}m", "message", frame, lambda: won(1))

    def _all(self, ways: list[tuple[int, Block]], at: str, frame: Frame, then: Callable[[], None]) -> None:
        coming = len(ways)

        def come() -> None:
            nonlocal coming
            coming -= 1
            if not coming:
                then()

        for number, block in ways:
            self._go(block, f"{at}{number}", frame, come)

    def _host(
        self,
        at: str,
        guard: str,
        frame: Frame,
        then: Callable[[], None],
        body: Callable[[Frame, Callable[[], None]], object],
    ) -> None:
        """An activity with what sits on its boundary."""
        host = Frame(frame, lambda: None)
        self.began += 1
        number = self.began

        def closed() -> None:
            self.guarded.pop(number, None)
            self._leave(*(leaf for leaf in self.leaves if leaf.host == number))

        def late() -> None:
            if guard == "stop":
                host.cancelled = True
                closed()
                self._wait(f"{at}h", "task", frame, then)
            else:
                frame.tokens += 1
                self._wait(f"{at}h", "task", frame, frame.end)

        def armed() -> Leaf:
            return self._wait(f"{at}b", "timer", frame, late, due=self.now + seconds(at), host=number)

        def done() -> None:
            closed()
            then()

        if guard:
            armed()
            self.guarded[number] = host, armed
        body(host, done)
