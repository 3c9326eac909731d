"""The verdict on a net is that of an executor which tries everything, one token at a time; and of runs of the real kernel."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from engine import rules
from engine.bpmn.execution import Complete, Context, Fire, Process
from engine.bpmn.graph import Graph
from engine.bpmn.model import Element, Model
from engine.bpmn.parser import parse, parse_xml
from engine.rules import loops
from engine.rules.soundness import Verdict, analyse
from tests.engine.drawing import boundary, draw, end, flow, node, path, start, timer, user

#: what the executor looks at no further: with more tokens of what comes again and again nothing new happens
MANY = 7


@st.composite
def nets(draw_: st.DrawFn, *, most: int = 7) -> bytes:
    """Some tasks and gateways, joined at random: every node can be come to, and has a way out."""
    kinds = ["userTask", "userTask", "exclusiveGateway", "parallelGateway", "inclusiveGateway", "task"]
    kind = {f"n{i}": draw_(st.sampled_from(kinds)) for i in range(draw_(st.integers(2, most)))}
    middle = list(kind)
    ends = ["end", "end", "stop"] if draw_(st.integers(0, 3)) == 0 else ["end", "end"]
    out: dict[str, list[str]] = {n: [] for n in ("start", *middle)}

    def open_(n: str) -> bool:
        return len(out[n]) < (3 if kind.get(n, "").endswith("Gateway") else 1)

    before = ["start"]
    for n in middle:
        out[draw_(st.sampled_from([b for b in before if open_(b)] or [before[-1]]))].append(n)
        before.append(n)
    for n in middle:
        more = draw_(st.integers(0 if out[n] else 1, 2 if kind[n].endswith("Gateway") else 1))
        for target in draw_(st.lists(st.sampled_from([*middle, *ends]), min_size=more, max_size=more)):
            if target not in out[n] and (open_(n) or not out[n]):
                out[n].append(target)
    parts = [start(), flow("start", out["start"][0]), *(flow("start", n) for n in out["start"][1:])]
    used = {target for targets in out.values() for target in targets}
    for n in middle:
        chooses = kind[n] in ("exclusiveGateway", "inclusiveGateway") and len(out[n]) > 1
        default = {"default": f"{n}_{out[n][-1]}"} if chooses else {}
        parts.append(user(n) if kind[n] == "userTask" else node(kind[n], n, **default))
        parts += [flow(n, b, f"v_{n}_{b}" if chooses and b != out[n][-1] else "") for b in out[n]]
        if kind[n] == "userTask" and draw_(st.integers(0, 5)) == 0:
            target = draw_(st.sampled_from([*middle, *ends]))
            parts += [boundary(f"b{n}", n, timer("timeDuration", "P1D")), flow(f"b{n}", target)]
            used.add(target)
    parts += [end()] if "end" in used else []
    parts += [end("stop", "<bpmn:terminateEventDefinition/>")] if "stop" in used else []
    return draw("p", *parts)


class Executor:
    """Tries every order of everything: tokens that wait for nothing first, then inclusive joins, then what is waited for."""

    def __init__(self, model: Model) -> None:
        self.elements = model.elements
        self.done: set[str] = set()
        self.stuck: set[str] = set()
        self.grows = False
        self.bounds: dict[str, list[Element]] = {}
        for element in model.elements.values():
            self.bounds.setdefault(element.attached_to or "", []).append(element)

    def run(self) -> Executor:
        first = (("start", ""),)
        seen, todo = {first}, [first]
        while todo:
            assume(len(seen) < 5_000)
            for state in self.successors(todo.pop()):
                if len(state) > MANY:
                    self.grows = True
                elif state not in seen:
                    seen.add(state)
                    todo.append(state)
        return self

    def successors(self, state):
        found = []
        automatic = [t for t in set(state) if self.automatic(t) and self.alone(t)]
        joins = [
            t
            for t in set(state)
            if self.elements[t[0]].kind == "parallelGateway" and self.complete(t[0], state)
        ]
        for token in automatic:
            found += self.move(state, [token], self.elements[token[0]])
        for token in joins:
            gate = self.elements[token[0]]
            found += self.move(state, [(gate.id, f.id) for f in gate.incoming], gate)
        if found:
            return found
        for id_ in {t[0] for t in state if self.elements[t[0]].kind == "inclusiveGateway"}:
            gate = self.elements[id_]
            came = {f for n, f in state if n == id_}
            if not self.may_come(gate, came, state):
                found += self.move(state, [(id_, f) for f in sorted(came)], gate)
        if found:
            return found
        for token in set(state):
            element = self.elements[token[0]]
            if element.kind == "userTask":
                found += self.move(state, [token], element)
                for event in self.bounds.get(element.id, ()):
                    self.done.add(event.id)
                    found += self.move(state, [token], event)
        if state and not found:
            self.stuck |= {n for n, _ in state}
        return found

    def alone(self, token) -> bool:
        element = self.elements[token[0]]
        joining = element.kind in ("parallelGateway", "inclusiveGateway") and len(element.incoming) > 1
        return not joining

    def automatic(self, token) -> bool:
        return self.elements[token[0]].kind != "userTask"

    def complete(self, id_, state) -> bool:
        incoming = self.elements[id_].incoming
        return len(incoming) > 1 and all((id_, f.id) in state for f in incoming)

    def move(self, state, tokens, element):
        self.done.add(element.id)
        rest = list(state)
        for token in tokens:
            rest.remove(token)
        if element.event is not None and element.event.kind == "terminate":
            return [()]
        out = element.outgoing
        if element.kind == "exclusiveGateway":
            choices = [[f] for f in out]
        elif element.kind == "inclusiveGateway" and len(out) > 1:
            some = [f for f in out if not f.default]
            choices = [[f for i, f in enumerate(some) if bits >> i & 1] for bits in range(1, 2 ** len(some))]
            choices.append([f for f in out if f.default])
        else:
            choices = [list(out)]
        return [tuple(sorted([*rest, *((f.target, f.id) for f in c)])) for c in choices]

    def may_come(self, gate: Element, came: set[str], state) -> bool:
        """BPMN 2.0, 13.4.3."""
        for id_, _ in state:
            if id_ == gate.id:
                continue
            reached = self.flows_reached(id_, gate)
            if reached - came and not reached & came:
                return True
        return False

    def flows_reached(self, id_: str, gate: Element) -> set[str]:
        found, seen, todo = set(), set(), [id_]
        while todo:
            here = todo.pop()
            if here in seen or here == gate.id:
                continue
            seen.add(here)
            for f in (*self.elements[here].outgoing,):
                if f.target == gate.id:
                    found.add(f.id)
                todo.append(f.target)
            todo += [e.id for e in self.bounds.get(here, ())]
        return found


def judge(xml: bytes) -> tuple[Model, Verdict]:
    model = parse(parse_xml(xml))
    (verdict,) = analyse(Graph(model))
    return model, verdict


def _told(xml: bytes, severity: str = "") -> bool:
    """Another rule tells of a circle that has no way out, or in which nothing waits."""
    root = parse_xml(xml)
    told = loops.check(rules.Case(root, parse(root), {}, set()))
    return any(finding.severity.startswith(severity) for finding in told)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(nets())
def test_the_verdict_is_that_of_an_executor_that_tries_everything(xml: bytes) -> None:
    model, verdict = judge(xml)
    assume(not _told(xml, "error"))
    found = verdict.found
    assert found.complete
    executor = Executor(model).run()
    if found.unbounded is not None:
        assert executor.grows
    else:
        assert {s.at.id for s in found.stuck} == executor.stuck
        assert found.done == executor.done or (executor.grows and found.done > executor.done)


def _undecided(*_: object) -> None:
    raise AssertionError("no decision is drawn here")


def played(xml: bytes, seed: int, most: int = 40) -> set[str] | None:
    """The elements where a random run of the kernel gets stuck; None where it does not, within so many acts."""
    chance = random.Random(seed)
    process = Process.compile(xml)
    names = set(re.findall(r"v_\w+", xml.decode()))
    now = datetime(2026, 3, 2, tzinfo=UTC)

    def context() -> Context:
        return Context(now, _undecided)  # type: ignore[arg-type]

    def values() -> dict[str, bool]:
        return {name: chance.random() < 0.5 for name in names}

    step = process.start("p", values(), context())
    timers = {one.task_id for one in step.scheduled}
    for _ in range(most):
        if step.outcome is not None:
            return None
        waiting = sorted(process.tasks("p", step.state, {}))
        if not waiting:
            return set(process.standing("p", step.state).values())
        chosen = chance.choice(waiting)
        now += timedelta(days=2)
        act = Fire(chosen) if chosen in timers else Complete(chosen, values())
        step = process.advance("p", step.state, act, context())
        timers |= {one.task_id for one in step.scheduled}
    return None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(nets(), st.integers(0, 2**32))
def test_the_kernel_gets_stuck_nowhere_else(xml: bytes, seed: int) -> None:
    """A net that is proven sound never; another one only at the joins that are named."""
    _, verdict = judge(xml)
    assume(not _told(xml) and verdict.found.unbounded is None)
    assert (played(xml, seed) or set()) <= {one.at.id for one in verdict.found.stuck}


def test_the_kernel_does_get_stuck_where_the_search_says() -> None:
    """The way that is shown is one that the kernel goes."""
    gate = node("exclusiveGateway", "g", default="g_b")
    parts = [start(), gate, user("a"), user("b"), node("parallelGateway", "j"), end(), path("start", "g")]
    xml = draw("p", *parts, flow("g", "a", "v_g_a"), flow("g", "b"), path("a", "j", "end"), path("b", "j"))
    _, verdict = judge(xml)
    assert [one.at.id for one in verdict.found.stuck] == ["j"]
    assert {frozenset(played(xml, seed) or ()) for seed in range(8)} == {frozenset({"j"})}
