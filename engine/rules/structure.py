"""Every element must be reachable, every path must lead on, and somebody must be able to do every user task."""

from __future__ import annotations

from collections.abc import Iterator

from engine.bpmn.model import Element
from engine.errors import Finding
from engine.organisation.posts import POSTS
from engine.rules import Case

_LAST = frozenset({"endEvent"})


def check(case: Case) -> Iterator[Finding]:
    for elements in case.by_scope.values():
        yield from _reachable(elements)
    for element in case.model.elements.values():
        if not element.outgoing and element.kind not in _LAST and element.kind != "intermediateThrowEvent":
            yield Finding(
                "structure", "这里没有出口，流程会在此悄然停下；请连到下一步或结束事件。", element.id
            )
        if element.kind == "userTask":
            yield from _assigned(element)


def _reachable(elements: list[Element]) -> Iterator[Finding]:
    by_id = {e.id: e for e in elements}
    attached: dict[str, list[str]] = {}
    for element in elements:
        if element.attached_to:
            attached.setdefault(element.attached_to, []).append(element.id)
    todo = [e.id for e in elements if e.kind == "startEvent"]
    seen: set[str] = set()
    while todo:
        here = todo.pop()
        if here in seen or here not in by_id:
            continue
        seen.add(here)
        todo += (flow.target for flow in by_id[here].outgoing)
        todo += attached.get(here, ())
    for element in elements:
        if element.id not in seen:
            yield Finding("structure", "从开始事件走不到这里；请连上线，或删除它。", element.id)


def _assigned(element: Element) -> Iterator[Finding]:
    if not any(a.person or a.posts for a in element.assignment):
        yield Finding("structure", "这个用户任务没有办理人；请设置人员，或设置职务与单位。", element.id)
    for assigned in element.assignment:
        if assigned.posts and not assigned.unit:
            yield Finding("structure", "按职务分派需要同时说明是哪个单位的职务。", element.id)
        for post in (*assigned.posts, *assigned.otherwise):
            if post not in POSTS:
                yield Finding("structure", f"没有“{post}”这个职务；可选：{'、'.join(POSTS)}。", element.id)
    attestors = element.signature.attestors if element.signature is not None else ()
    if attestors and not any(a.posts for a in element.assignment):
        yield Finding("structure", "代交纸质签名件的职务要和按职务分派一起用。", element.id)
    for post in attestors:
        if post not in POSTS:
            yield Finding("structure", f"没有“{post}”这个职务；可选：{'、'.join(POSTS)}。", element.id)
