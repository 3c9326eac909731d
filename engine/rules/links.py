"""A link leads from any number of throw events to the one catch event of its name."""

from __future__ import annotations

from collections.abc import Iterator

from engine.bpmn.model import Element
from engine.errors import Finding
from engine.rules import Case


def check(case: Case) -> Iterator[Finding]:
    for elements in case.graph.inside.values():
        links = [e for e in elements if e.event is not None and e.event.kind == "link"]
        throws = [e for e in links if e.kind == "intermediateThrowEvent"]
        catches = [e for e in links if e.kind == "intermediateCatchEvent"]
        names = [_name(e) for e in catches]
        for link in links:
            if not _name(link):
                yield Finding("links", "链接事件没有名称；请填写，两头要一样。", link.id)
        for throw in throws:
            if _name(throw) and _name(throw) not in names:
                yield Finding(
                    "links", f"链接“{_name(throw)}”没有去处；请在同一层画一个同名的链接捕获事件。", throw.id
                )
            if throw.outgoing:
                yield Finding("links", "链接抛出事件不能有连出的线：流程从同名的捕获事件继续。", throw.id)
        for number, catch in enumerate(catches):
            if _name(catch) and _name(catch) not in {_name(e) for e in throws}:
                yield Finding(
                    "links", f"没有通到这里的链接“{_name(catch)}”；请画出链接抛出事件，或删除它。", catch.id
                )
            if _name(catch) and _name(catch) in names[:number]:
                yield Finding(
                    "links", f"有两个名为“{_name(catch)}”的链接捕获事件；请给其中一个换个名称。", catch.id
                )
            if catch.incoming:
                yield Finding("links", "链接捕获事件不能有连入的线：流程从同名的抛出事件过来。", catch.id)


def _name(link: Element) -> str:
    return (link.event.name or "") if link.event is not None else ""
