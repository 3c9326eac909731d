"""Somebody must be able to do every user task."""

from __future__ import annotations

from collections.abc import Iterator

from engine.bpmn.model import Element
from engine.errors import Finding
from engine.organisation.posts import POSTS
from engine.rules import Case


def check(case: Case) -> Iterator[Finding]:
    for element in case.elements:
        if element.kind == "userTask":
            yield from _assigned(element)


def _assigned(element: Element) -> Iterator[Finding]:
    if element.vote is None and not any(a.person or a.posts for a in element.assignment):
        yield Finding("assignment", "这个用户任务没有办理人；请设置人员，或设置职务与单位。", element.id)
    for assigned in element.assignment:
        if assigned.posts and not assigned.unit:
            yield Finding("assignment", "按职务分派需要同时说明是哪个单位的职务。", element.id)
        for post in (*assigned.posts, *assigned.otherwise):
            if post not in POSTS:
                yield Finding("assignment", f"没有“{post}”这个职务；可选：{'、'.join(POSTS)}。", element.id)
    attestors = element.signature.attestors if element.signature is not None else ()
    if attestors and not any(a.posts for a in element.assignment):
        yield Finding("assignment", "代交纸质签名件的职务要和按职务分派一起用。", element.id)
    for post in attestors:
        if post not in POSTS:
            yield Finding("assignment", f"没有“{post}”这个职务；可选：{'、'.join(POSTS)}。", element.id)
