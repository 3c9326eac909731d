"""The BPMN MIWG reference diagrams: each process of each file is read whole; made executable it deploys, or findings name the element.

The files are not part of this repository (bpmn-miwg-test-suite, CC BY 3.0); the test looks for them beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
from lxml import etree

from engine import rules
from engine.bpmn.execution import Process
from engine.bpmn.model import Model
from engine.bpmn.parser import FLOW_NODES, GATEWAYS, SUB_PROCESSES, bpmn, local, lvze, parse, parse_xml
from engine.errors import Refused

FOLDER = Path(__file__).parents[3] / "shared" / "conformance" / "bpmn-miwg"
DIAGRAMS = sorted(FOLDER.glob("*.bpmn"))
WITHOUT = pytest.mark.skipif(
    not DIAGRAMS, reason="the MIWG diagrams are not beside the repository (../shared/conformance/bpmn-miwg)"
)
DECISION = b"""<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" name="m" namespace="urn:m">
  <decision id="d" name="d"><literalExpression><text>1</text></literalExpression></decision></definitions>"""
#: what stays refused after all that ``executable`` fills in: file -> (rule, element)
REFUSED = {
    "B.2.0": {
        ("unsupported", "_cba8fbed-2bb6-40a9-8ac5-83e827ce9d9f"),  # begins by a condition
        ("soundness", "_397c783e-ad6a-4cf3-8266-9b41962c83bd"),  # an inclusive choice before a parallel join
        ("soundness", "_df7727a0-f509-45eb-bb89-85753f439576"),  # an event gateway before a parallel join
    },
    "C.3.0": {("unsupported", "_c73a5f4a-72f1-4e11-bb40-2f98da75fb9a")},  # needs two tokens to start
    "C.8.0": {("expressions", "_2b960d84-feb1-46a9-a1a1-c300dd996b99")},  # a data output without a name
    "C.8.1": {  # transformations in data associations
        ("data-associations", "_2b960d84-feb1-46a9-a1a1-c300dd996b99"),
        ("data-associations", "_1a818a94-ba6f-413b-a7e8-6f8fd2a11e32"),
    },
}


def roots(path: Path) -> Iterator[etree._Element]:
    """The file once for each process in it: that one is executable, the others are not."""
    root = parse_xml(path.read_bytes())
    for number, _ in enumerate(root.findall(bpmn("process"))):
        one = deepcopy(root)
        for other, process in enumerate(one.findall(bpmn("process"))):
            process.set("isExecutable", "true" if other == number else "false")
        yield one


def executable(root: etree._Element) -> bytes:
    """Fills in what only this engine needs, and what the picture leaves open: who, which operation, what condition, which message.

    No node and no flow is taken away, moved or given another kind.
    """
    for kind in ("message", "signal", "error", "escalation"):
        root.insert(0, etree.Element(bpmn(kind), {"id": f"a-{kind}", "name": "x"}))
    for node in list(root.iter()):
        match local(node):
            case "userTask":
                _extended(node, "assignment", person="=initiator.person")
            case "serviceTask":
                node.set("name", node.get("name") or "x")
                _extended(node, "operation", name="lookup")
            case "businessRuleTask":
                _extended(node, "decision", ref="a.dmn", decision="d", result="r")
            case "callActivity":
                node.set("calledElement", "other")
            case "sendTask" | "receiveTask" if not node.get("messageRef"):
                node.set("messageRef", "a-message")
            case tag if tag.endswith("EventDefinition"):
                _defined(node, tag.removesuffix("EventDefinition"))
            case "standardLoopCharacteristics":
                node.set("loopMaximum", node.get("loopMaximum", "2"))
            case "multiInstanceLoopCharacteristics":
                for child in list(node):
                    node.remove(child)
                etree.SubElement(node, bpmn("loopCardinality")).text = "2"
            case "conditionExpression":
                node.text = "true"
                node.attrib.pop("language", None)
            case tag if tag in SUB_PROCESSES and not any(local(child) in FLOW_NODES for child in node):
                _filled(node)
    for node in root.iter():
        if local(node) in GATEWAYS & {"exclusiveGateway", "inclusiveGateway"}:
            _decided(root, node)
    return etree.tostring(root)


def _extended(node: etree._Element, tag: str, **attributes: str) -> None:
    extensions = node.find(bpmn("extensionElements"))
    if extensions is None:
        extensions = etree.Element(bpmn("extensionElements"))
        node.insert(0, extensions)
    etree.SubElement(extensions, lvze(tag), attributes)


def _defined(node: etree._Element, kind: str) -> None:
    if kind in ("message", "signal", "error", "escalation"):
        node.set(f"{kind}Ref", node.get(f"{kind}Ref") or f"a-{kind}")
    if kind == "timer":
        for child in list(node):
            node.remove(child)
        etree.SubElement(node, bpmn("timeDuration")).text = "PT1H"
    if kind == "conditional":
        for child in list(node):
            node.remove(child)
        etree.SubElement(node, bpmn("condition")).text = "true"


def _filled(node: etree._Element) -> None:
    id_ = node.get("id")
    if local(node) == "adHocSubProcess":
        etree.SubElement(node, bpmn("task"), {"id": f"{id_}-t"})
        return
    etree.SubElement(node, bpmn("startEvent"), {"id": f"{id_}-s"})
    etree.SubElement(node, bpmn("endEvent"), {"id": f"{id_}-e"})
    ends = {"id": f"{id_}-f", "sourceRef": f"{id_}-s", "targetRef": f"{id_}-e"}
    etree.SubElement(node, bpmn("sequenceFlow"), ends)


def _decided(root: etree._Element, gateway: etree._Element) -> None:
    flows = [f for f in root.iter(bpmn("sequenceFlow")) if f.get("sourceRef") == gateway.get("id")]
    if len(flows) > 1:
        default = gateway.get("default") or flows[0].get("id", "")
        gateway.set("default", default)
        for flow in flows:
            for condition in flow.findall(bpmn("conditionExpression")):
                flow.remove(condition)
            if flow.get("id") != default:
                etree.SubElement(flow, bpmn("conditionExpression")).text = "true"


@WITHOUT
@pytest.mark.parametrize("path", DIAGRAMS, ids=lambda path: path.stem)
def test_a_reference_diagram_is_read_or_refused_by_element(path: Path) -> None:
    for root in roots(path):
        ids = {node.get("id") for node in root.iter() if isinstance(node.tag, str)}
        findings = rules.check(root, {}, set())
        assert all(finding.message for finding in findings)
        assert {finding.element for finding in findings if finding.element} <= ids
        assert all(finding.element for finding in findings if finding.rule not in ("one-process", "start"))


@WITHOUT
@pytest.mark.parametrize("path", DIAGRAMS, ids=lambda path: path.stem)
def test_a_reference_diagram_made_executable_deploys(path: Path) -> None:
    refused: set[tuple[str, str]] = set()
    for root in roots(path):
        xml = executable(root)
        if (process := parse_xml(xml).find(f"{bpmn('process')}[@isExecutable='true']")) is None or not any(
            local(node) in FLOW_NODES for node in process.iter()
        ):
            continue  # a pool without content
        findings = rules.check(parse_xml(xml), {"a.dmn": DECISION}, {"other"})
        errors = {(f.rule, f.element or "") for f in findings if f.severity == "error"}
        refused |= errors
        if not errors:
            Process.compile(xml)
    assert refused == REFUSED.get(path.stem, set())


@WITHOUT
@pytest.mark.parametrize("path", DIAGRAMS, ids=lambda path: path.stem)
def test_nothing_of_a_reference_diagram_is_lost_on_reading(path: Path) -> None:
    for root in roots(path):
        try:
            model = parse(root)
        except Refused:
            continue  # a pool without a start event
        process = next(p for p in root.findall(bpmn("process")) if p.get("isExecutable") == "true")
        nodes = {n.get("id"): n for n in process.iter() if local(n) in FLOW_NODES}
        assert model.elements.keys() == nodes.keys()
        for id_, node in nodes.items():
            element, parent = model.elements[id_ or ""], node.getparent()
            assert parent is not None
            assert (element.kind, element.name, element.scope) == (
                local(node),
                (node.get("name") or "").strip(),
                parent.get("id"),
            )
            assert element.attached_to == node.get("attachedToRef")
            assert (element.loop is not None) == (
                node.find(bpmn("multiInstanceLoopCharacteristics")) is not None
            )
            assert (element.standard_loop is not None) == (
                node.find(bpmn("standardLoopCharacteristics")) is not None
            )
            if any(local(child).endswith("EventDefinition") for child in node):
                assert element.event is not None
        _flows(model, process)


def _flows(model: Model, process: etree._Element) -> None:
    drawn = {
        (
            flow.get("id"),
            flow.get("sourceRef"),
            flow.get("targetRef"),
            (flow.findtext(bpmn("conditionExpression")) or "").strip() or None,
        )
        for flow in process.iter(bpmn("sequenceFlow"))
    }
    for side in ("incoming", "outgoing"):
        read = {
            (flow.id, flow.source, flow.target, flow.condition)
            for element in model.elements.values()
            for flow in getattr(element, side)
        }
        assert read == drawn
