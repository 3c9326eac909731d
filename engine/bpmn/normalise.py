"""From what designers draw to what SpiffWorkflow runs right.

Every activity that waits for something outside (a person, a job, children) becomes a ``serviceTask``, which our task spec keeps
STARTED until the engine completes it. Fan-outs lose their loop: their children are rows, not a bigger workflow. A multi-instance
sub-process moves out into a process of its own, which each child runs.
"""

from __future__ import annotations

from copy import deepcopy

from lxml import etree

from engine.bpmn.model import Model
from engine.bpmn.parser import bpmn, lvze

_WAITING = frozenset(
    [
        "userTask",
        "manualTask",
        "task",
        "serviceTask",
        "callActivity",
        "businessRuleTask",
        "sendTask",
        "receiveTask",
    ]
)


def normalise(root: etree._Element, model: Model) -> etree._Element:
    """A new tree with one ``bpmn:process`` for the model and one for each multi-instance sub-process."""
    tree = deepcopy(root)
    process = next(p for p in tree.findall(bpmn("process")) if p.get("id") == model.key)
    definitions = etree.Element(bpmn("definitions"), nsmap={"bpmn": tree.nsmap.get("bpmn") or bpmn("")[1:-1]})
    for kind in ("message", "signal", "error", "escalation"):
        definitions.extend(tree.findall(bpmn(kind)))
    definitions.append(process)
    for element in model.elements.values():
        node = next(n for n in definitions.iter() if n.get("id") == element.id)
        for loop in node.findall(bpmn("multiInstanceLoopCharacteristics")):
            node.remove(loop)
        if element.loop is not None and element.kind in ("subProcess", "transaction"):
            _move_out(definitions, node)
        elif element.kind in _WAITING and element.decision is None:
            node.tag = bpmn("serviceTask")
    for process in definitions.findall(bpmn("process")):
        for lanes in process.findall(bpmn("laneSet")):
            process.remove(lanes)
    for extension in list(definitions.iter(bpmn("extensionElements"))):
        parent = extension.getparent()
        assert parent is not None
        parent.remove(extension)
    for leftover in definitions.iter(lvze("*")):
        raise AssertionError(f"an extension outside extensionElements: {leftover.tag}")
    return definitions


def _move_out(definitions: etree._Element, node: etree._Element) -> None:
    body = etree.SubElement(definitions, bpmn("process"), {"id": node.get("id", ""), "isExecutable": "true"})
    body.set("name", str(node.get("name") or node.get("id", "")))
    keep = {bpmn("incoming"), bpmn("outgoing"), bpmn("extensionElements"), bpmn("documentation")}
    body.extend([child for child in node if child.tag not in keep])
    node.tag = bpmn("serviceTask")
