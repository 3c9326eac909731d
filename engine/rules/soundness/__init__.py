"""Whatever the conditions say and whichever events happen: no token waits for ever, nothing is never reached, tokens do not multiply.

Every sub-process is searched by itself, the inner ones first; so is what a boundary event sets off beside the flow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.bpmn.graph import Graph
from engine.bpmn.model import Element
from engine.errors import Finding
from engine.rules import Case
from engine.rules.soundness.net import COMPLETE, Builder, Ending, catches, interrupts, raised_at
from engine.rules.soundness.search import MOST_STATES, Found, Marks, Search, Stuck

_WORDS = {
    "startEvent": "开始",
    "endEvent": "结束",
    "intermediateThrowEvent": "事件",
    "intermediateCatchEvent": "事件",
    "boundaryEvent": "边界事件",
    "subProcess": "子流程",
    "transaction": "事务",
    "adHocSubProcess": "自由子流程",
    "callActivity": "调用",
    "exclusiveGateway": "分支",
    "inclusiveGateway": "包容网关",
    "parallelGateway": "并行网关",
    "complexGateway": "复杂网关",
    "eventBasedGateway": "事件网关",
}
_LONGEST = 14


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    :ivar within: what was searched: the process, a sub-process, or what a boundary event sets off
    :ivar apart: it was one of several searches of the same scope
    """

    scope: str
    within: str
    found: Found
    wide: Element | None


def check(case: Case) -> Iterator[Finding]:
    verdicts = analyse(case.graph)
    for verdict in verdicts:
        found = verdict.found
        for stuck in found.stuck:
            yield Finding("soundness", _stuck(case, stuck), stuck.at.id)
        if found.unbounded is not None:
            element, path = found.unbounded
            yield Finding(
                "soundness",
                f"令牌会越来越多：{_path(case, path)}，每转一圈，{_named(element)} 就多一个。"
                "请在回路里用并行或包容网关把各路汇合成一路。",
                element.id,
            )
        elif not found.complete and not found.stuck:
            why = f"{_named(verdict.wide)} 的出口太多" if verdict.wide else f"状态超过 {MOST_STATES} 个"
            yield Finding(
                "soundness",
                f"未能证明不会卡死：{why}。请把流程的一部分画成子流程。",
                (verdict.wide.id if verdict.wide else verdict.within),
                "warning",
            )
    yield from _dead(case, verdicts)


def analyse(graph: Graph, most_states: int = MOST_STATES) -> list[Verdict]:
    """What the search found in each scope of a model."""
    endings: dict[str, set[Ending]] = {}
    verdicts: list[Verdict] = []
    for scope in sorted(graph.inside, key=lambda scope: -_depth(graph, scope)):
        own = list(_scope(graph, scope, endings, most_states))
        endings[scope] = _endings(graph, scope, own, endings)
        verdicts += own
    return verdicts


def _depth(graph: Graph, scope: str) -> int:
    element = graph.model.elements.get(scope)
    return 0 if element is None else 1 + _depth(graph, element.scope)


def _scope(graph: Graph, scope: str, endings: dict[str, set[Ending]], most_states: int) -> Iterator[Verdict]:
    element = graph.model.elements.get(scope)
    starts = [e.id for e in graph.inside[scope] if e.kind == "startEvent"]
    one_of = starts and (element is None or element.triggered)
    begins = [[start] for start in starts] if one_of else [graph.starting[scope]]
    aside = _aside(graph, scope, begins)
    net = Builder(graph, endings).build(scope, aside)
    for begin, within in ((begins, scope), *(([[event]], event) for event in aside)):
        states = [tuple(net.node[node] for node in nodes) for nodes in begin]
        yield Verdict(scope, within, Search(net, states, most_states).run(), net.too_wide)


def _aside(graph: Graph, scope: str, begins: list[list[str]]) -> list[str]:
    """Boundary events that do not interrupt, whose way never meets the flow of their activity again."""
    found = []
    for event in graph.inside[scope]:
        host = event.attached_to
        if host in graph.model.elements and not interrupts(event) and event.outgoing:
            own = _reached(graph, [event.id], "")
            if host not in own and not own & _reached(
                graph, [n for begin in begins for n in begin], event.id
            ):
                found.append(event.id)
    return found


def _reached(graph: Graph, nodes: list[str], without: str) -> set[str]:
    found: set[str] = set()
    todo = list(nodes)
    while todo:
        here = todo.pop()
        if here not in found and here != without and here in graph.model.elements:
            found.add(here)
            todo += graph.following(graph.model.elements[here])
    return found


def _endings(graph: Graph, scope: str, verdicts: list[Verdict], known: dict[str, set[Ending]]) -> set[Ending]:
    """How a sub-process may end, and what it may throw outwards."""
    found: set[Ending] = set()
    for verdict in verdicts:
        found |= verdict.found.endings - ({COMPLETE} if verdict.within != scope else set())
        if verdict.found.stuck or verdict.found.unbounded or not verdict.found.complete:
            found.add(COMPLETE)  # one finding is enough
        for element_id in verdict.found.done:
            found |= set(raised_at(graph.model.elements[element_id], known))
    for start, sub in graph.handlers.get(scope, ()):
        caught = {ending for ending in found if catches(start, ending)}
        if start.event is None or (start.event.kind in ("error", "escalation") and not caught):
            continue
        further = known.get(sub.id, set())
        found |= further if start.interrupting else further - {COMPLETE}
        if start.event.kind == "error":
            found -= {ending for ending in caught if ending not in further and ending[1] != "*"}
    return found


def _dead(case: Case, verdicts: list[Verdict]) -> Iterator[Finding]:
    """The first elements of each part that no way comes to."""
    graph = case.graph
    for scope, elements in graph.inside.items():
        own = [verdict for verdict in verdicts if verdict.scope == scope]
        if any(v.found.unbounded or not v.found.complete for v in own):
            continue
        done = {element for verdict in own for element in verdict.found.done}
        stuck = {one.at.id for verdict in own for one in verdict.found.stuck}
        for element in elements:
            told = element.id in stuck or element.triggered or element.compensates
            if element.id in done or told or element.kind == "boundaryEvent":
                continue
            before = next((flow.source for flow in element.incoming if flow.source in done), None)
            if before is not None:
                path = next((path for v in own if (path := v.found.way_to(before))), ())
                at = next((number for number, mark in enumerate(path) if mark[0] == before), len(path))
                yield Finding(
                    "soundness",
                    f"永远走不到这里：{_path(case, path[: at + 1])}，之后没有一路通到 {_named(element)}。"
                    "请检查它前面的子流程能不能正常结束，前面的汇合能不能等齐。",
                    element.id,
                )


def _stuck(case: Case, stuck: Stuck) -> str:
    missing = "、".join(flow.id for flow in stuck.missing[:5]) + (" 等" if len(stuck.missing) > 5 else "")
    instead = (
        "请改用排他网关或包容网关汇合"
        if stuck.at.kind == "parallelGateway"
        else "请让回路不经过两个互相等待的网关"
    )
    waits = f"永远等待来自 {missing} 的一路" if missing else "永远等不到下一轮"
    return f"流程会卡死：{_path(case, stuck.path)}，在汇合 {stuck.at.id} 处{waits}。{instead}，或让各路都能到达。"


def _path(case: Case, marks: Marks) -> str:
    steps = [_step(case, element_id, flows) for element_id, flows in marks]
    if len(steps) > _LONGEST:
        steps = [*steps[:3], "…", *steps[3 - _LONGEST :]]
    return " → ".join(steps) or "一开始"


def _step(case: Case, element_id: str, flows: tuple[str, ...]) -> str:
    element = case.model.elements[element_id]
    if len(element.outgoing) < 2 or not flows:
        return _named(element)
    taken = "、".join(case.flow_names.get(flow) or flow for flow in flows)
    return f"{_named(element)}（{'分出' if len(flows) > 1 else '走'} {taken}）"


def _named(element: Element) -> str:
    word = _WORDS.get(element.kind, "任务")
    name = f"“{element.name}”" if element.name and element.name != element.id else ""
    return f"{word}{name} {element.id}"
