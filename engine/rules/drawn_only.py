"""Tells what of a diagram is only a picture: it is kept, and nothing happens because of it."""

from __future__ import annotations

from collections.abc import Iterator

from engine.bpmn.parser import bpmn, local
from engine.errors import Finding
from engine.rules import Case
from engine.rules.unsupported import DRAWN, nearest


def check(case: Case) -> Iterator[Finding]:
    told: set[tuple[str | None, str]] = set()
    for node in case.nodes(*DRAWN):
        one = (nearest(node), DRAWN[local(node)])
        if one not in told:
            told.add(one)
            yield Finding("drawn-only", one[1], one[0], "warning")
    for process in case.root.findall(bpmn("process")):
        if process.get("id") != case.model.key:
            yield Finding(
                "drawn-only",
                "这个流程没有标为可执行，仅作图示；要执行它，请存成另一个文件，单独部署。",
                process.get("id"),
                "warning",
            )
