"""A sequence flow joins two elements of the same process or sub-process."""

from __future__ import annotations

from collections.abc import Iterator

from engine.bpmn.parser import bpmn
from engine.errors import Finding
from engine.rules import Case


def check(case: Case) -> Iterator[Finding]:
    seen: set[tuple[str, str, str]] = set()
    for node in case.nodes("sequenceFlow"):
        parent = node.getparent()
        scope = parent.get("id", "") if parent is not None else ""
        source, target = (case.model.elements.get(node.get(end, "")) for end in ("sourceRef", "targetRef"))
        if source is None or target is None:
            yield Finding("sequence-flows", "连线有一头没有接上；请连到元素上，或删除它。", node.get("id"))
            continue
        if source.scope != scope or target.scope != scope:
            yield Finding(
                "sequence-flows",
                "连线不能穿过子流程的边界；请从子流程本身连出，或用边界事件。",
                node.get("id"),
            )
        if target.kind in ("startEvent", "boundaryEvent"):
            yield Finding(
                "sequence-flows", "开始事件和边界事件不能有连入的线；请连到它后面的步骤。", node.get("id")
            )
        if source.kind == "endEvent":
            yield Finding("sequence-flows", "结束事件不能有连出的线；请改用中间事件。", node.get("id"))
        same = (source.id, target.id, (node.findtext(bpmn("conditionExpression")) or "").strip())
        if same in seen:
            yield Finding("sequence-flows", "这两个元素之间有重复的连线；请删除一条。", node.get("id"))
        seen.add(same)
