"""An ad-hoc sub-process holds activities that people choose from."""

from __future__ import annotations

from collections.abc import Iterator

from engine.bpmn.graph import is_free
from engine.bpmn.parser import ACTIVITIES
from engine.errors import Finding
from engine.rules import Case


def check(case: Case) -> Iterator[Finding]:
    for element in case.elements:
        if element.kind != "adHocSubProcess":
            continue
        inside = case.graph.inside.get(element.id, [])
        if not any(e.kind in ACTIVITIES and is_free(e) for e in inside):
            yield Finding("ad-hoc", "自由子流程里没有可以选择的活动；请画出来。", element.id)
        for event in inside:
            if event.kind in ("startEvent", "endEvent"):
                yield Finding("ad-hoc", "自由子流程里不能有开始和结束事件：活动由人选择；请删除。", event.id)
