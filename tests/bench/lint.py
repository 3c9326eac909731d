"""What it costs to check and to deploy a diagram of 100 tasks, and what the search for a deadlock has of it."""

from __future__ import annotations

from engine import rules
from engine.bpmn.execution import Process
from engine.bpmn.graph import Graph
from engine.bpmn.parser import parse, parse_xml
from engine.rules.soundness import analyse
from tests.bench.ground import ground
from tests.bench.report import Report, p50, p95, timed
from tests.engine.drawing import boundary, draw, end, flow, node, path, start, timer, user

DAY = timer("timeDuration", "P1D")


def in_a_row(tasks: int) -> bytes:
    ids = [f"t{i}" for i in range(tasks)]
    return draw("row", start(), *map(user, ids), end(), path("start", *ids, "end"))


def side_by_side(branches: int, tasks: int) -> bytes:
    """Parallel branches; in each, every task may be sent back to the one before."""
    parts = [start(), node("parallelGateway", "g"), node("parallelGateway", "j"), end(), path("start", "g")]
    for branch in range(branches):
        before = "g"
        for number in range(tasks):
            task, gate = f"t{branch}_{number}", f"x{branch}_{number}"
            again = f"t{branch}_{max(0, number - 1)}"
            parts += [
                user(task),
                node("exclusiveGateway", gate, default=f"{gate}_{again}"),
                flow(gate, again),
            ]
            parts.append(flow(before, task, "true" if number else "") + flow(task, gate))
            before = gate
        parts.append(flow(before, "j", "true"))
    return draw("side", *parts, path("j", "end"))


def office(blocks: int) -> bytes:
    """Draft, review that sends back, three countersignatures at a time with reminders, each with a way back: five tasks a block."""
    parts, before = [start()], "start"
    for b in range(blocks):
        draft, review, gate, fork, join = (f"{name}{b}" for name in ("d", "r", "x", "f", "j"))
        parts += [user(draft), user(review), node("exclusiveGateway", gate, default=f"{gate}_{draft}")]
        parts += [node("parallelGateway", fork), node("parallelGateway", join)]
        parts += [path(before, draft, review, gate, draft), flow(gate, fork, "true")]
        for number in range(3):
            sign, ok = f"s{b}_{number}", f"q{b}_{number}"
            parts += [user(sign), boundary(f"b{sign}", sign, DAY, interrupting=False), end(f"e{sign}")]
            parts += [path(f"b{sign}", f"e{sign}"), node("exclusiveGateway", ok, default=f"{ok}_{sign}")]
            parts += [path(fork, sign, ok, sign), flow(ok, join, "true")]
        before = join
    return draw("office", *parts, end(), path(before, "end"))


def choosing(branches: int, tasks: int) -> bytes:
    """Any of some branches, joined again."""
    gate = node("inclusiveGateway", "g", default="g_t0_0")
    parts = [start(), gate, node("inclusiveGateway", "j"), end(), path("start", "g"), path("j", "end")]
    for branch in range(branches):
        ids = [f"t{branch}_{number}" for number in range(tasks)]
        parts += [*map(user, ids), flow("g", ids[0], "true" if branch else ""), path(*ids, "j")]
    return draw("choosing", *parts)


def run(report: Report) -> None:
    rounds = 5 if report.quick else 30
    rows: list[list[object]] = []
    with ground("sqlite") as g:
        for name, xml in (
            ("100 in a row", in_a_row(100)),
            ("10 parallel x 10, each may be sent back", side_by_side(10, 10)),
            ("20 x draft, review, 3 countersign", office(20)),
            ("any of 6 x 16", choosing(6, 16)),
            ("any of 10 x 10", choosing(10, 10)),
        ):
            model = parse(parse_xml(xml))
            found = analyse(Graph(model))
            told = rules.check(parse_xml(xml), {"p.bpmn": xml}, set())
            lint, sound, built, deployed = [], [], [], []
            for number in range(rounds):
                lint.append(timed(lambda xml=xml: rules.check(parse_xml(xml), {"p.bpmn": xml}, set())))
                sound.append(timed(lambda model=model: analyse(Graph(model))))
                built.append(timed(lambda xml=xml: Process.compile(xml)))
                again = xml.replace(b'name="start"', f'name="{number}"'.encode())  # a new version each time
                deployed.append(timed(lambda again=again: g.engine.deploy({"p.bpmn": again})))
            states = sum(verdict.found.states for verdict in found)
            size = (name, len(model.elements), len(told), states)
            rows.append([*size, p50(sound), p50(lint), p50(built), p50(deployed), p95(deployed)])
    report.table(
        f"Check and deploy a diagram of 100 tasks, {rounds} each, ms",
        ["", "nodes", "findings", "states", "soundness", "all rules", "compile", "deploy p50", "deploy p95"],
        rows,
    )
