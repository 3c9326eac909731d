"""A data association that would change what it carries says so where it is carried out: in a mapping."""

from __future__ import annotations

from collections.abc import Iterator

from engine.bpmn.parser import bpmn
from engine.errors import Finding
from engine.rules import Case
from engine.rules.unsupported import nearest


def check(case: Case) -> Iterator[Finding]:
    for node in case.nodes("dataInputAssociation", "dataOutputAssociation"):
        if node.find(bpmn("transformation")) is not None or node.find(bpmn("assignment")) is not None:
            yield Finding(
                "data-associations",
                "数据关联里的转换不会执行；请用任务的输入、输出映射写成公式。",
                nearest(node),
            )
