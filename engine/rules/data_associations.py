"""A data association carries a data object to a data input, or a data output to a data object, as it is."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from engine.bpmn.parser import bpmn, local
from engine.errors import Finding
from engine.rules import Case
from engine.rules.unsupported import nearest


def check(case: Case) -> Iterator[Finding]:
    objects = {node.get("id") for node in case.nodes("dataObject", "dataObjectReference")}
    told: set[str | None] = set()
    for node in case.nodes("dataInputAssociation", "dataOutputAssociation"):
        if node.find(bpmn("transformation")) is not None or node.find(bpmn("assignment")) is not None:
            yield Finding(
                "data-associations",
                "数据关联里的转换不会执行；请用任务的输入、输出映射写成公式。",
                nearest(node),
            )
        elif not _carried(node, objects) and nearest(node) not in told:
            told.add(nearest(node))
            yield Finding(
                "data-associations",
                "这条数据关联仅作图示：一头应是数据对象，另一头应是任务声明的数据输入或输出。",
                nearest(node),
                "warning",
            )


def _carried(node: etree._Element, objects: set[str | None]) -> bool:
    source, target = ((node.findtext(bpmn(end)) or "").strip() for end in ("sourceRef", "targetRef"))
    inward = local(node) == "dataInputAssociation"
    parent = node.getparent()
    kind = bpmn("dataInput" if inward else "dataOutput")
    declared = {one.get("id") for one in parent.iter(kind)} if parent is not None else set()
    return (
        (source in objects and target in declared) if inward else (target in objects and source in declared)
    )
