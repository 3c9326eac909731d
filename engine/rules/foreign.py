"""Tells what another engine would have read: it is kept, and nothing happens because of it."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from engine.bpmn.parser import BPMN, LVZE, local
from engine.errors import Finding
from engine.rules import Case
from engine.rules.unsupported import nearest

ENGINES = {
    "http://camunda.org/schema/1.0/bpmn": "Camunda",
    "http://camunda.org/schema/zeebe/1.0": "Camunda 8",
    "http://operaton.org/schema/1.0/bpmn": "Operaton",
    "http://flowable.org/bpmn": "Flowable",
    "http://activiti.org/bpmn": "Activiti",
    "http://www.jboss.org/drools": "jBPM",
    "http://spiffworkflow.org/bpmn/schema/1.0/core": "SpiffWorkflow",
}
_OURS = {BPMN, LVZE, "", "http://www.w3.org/2001/XMLSchema-instance"}


def check(case: Case) -> Iterator[Finding]:
    told: set[tuple[str | None, str]] = set()
    others: set[str] = set()
    for child in case.root:
        if not local(child) or (local(child) == "process" and child.get("id") != case.model.key):
            continue  # the picture, or a process that is not executed
        for node in child.iter():
            inside = any(local(one) == "extensionElements" for one in node.iterancestors())
            for namespace in _namespaces(node) - (_OURS - {BPMN} if inside else _OURS):
                if namespace not in ENGINES:
                    others.add(namespace)
                elif (one := (nearest(node), ENGINES[namespace])) not in told:
                    told.add(one)
                    yield Finding(
                        "foreign",
                        f"{one[1]} 的属性在这里不起作用；请在属性栏里另行设置办理人、表单、操作等。",
                        one[0],
                        "warning",
                    )
    for namespace in sorted(others):
        yield Finding(
            "foreign", f"“{namespace}”的扩展内容在这里不起作用，仅原样保留。", case.model.key, "warning"
        )


def _namespaces(node: etree._Element) -> set[str]:
    if not isinstance(node.tag, str):
        return set()
    return {etree.QName(name).namespace or "" for name in (node.tag, *map(str, node.attrib))}
