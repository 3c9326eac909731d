"""From a .bpmn file to a Model. The file is a stranger's: it is bounded before it is believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lxml import etree

from engine.bpmn.model import Assignment, Element, Loop, Model, SignatureRequest
from engine.errors import Finding, Refused

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
LVZE = "http://lvze.org/bpmn/1.0"
MAX_BYTES = 5_000_000
MAX_ELEMENTS = 50_000

ACTIVITIES = frozenset(
    {
        "task",
        "userTask",
        "manualTask",
        "serviceTask",
        "businessRuleTask",
        "sendTask",
        "receiveTask",
        "scriptTask",
        "callActivity",
        "subProcess",
        "transaction",
        "adHocSubProcess",
    }
)
GATEWAYS = frozenset(
    ["exclusiveGateway", "parallelGateway", "inclusiveGateway", "eventBasedGateway", "complexGateway"]
)
EVENTS = frozenset(
    ["startEvent", "endEvent", "intermediateCatchEvent", "intermediateThrowEvent", "boundaryEvent"]
)
FLOW_NODES = ACTIVITIES | GATEWAYS | EVENTS
SCOPES = frozenset({"process", "subProcess", "transaction", "adHocSubProcess"})


def bpmn(tag: str) -> str:
    return f"{{{BPMN}}}{tag}"


def lvze(tag: str) -> str:
    return f"{{{LVZE}}}{tag}"


def local(node: etree._Element) -> str:
    """The tag without its namespace; an empty text for comments and foreign elements."""
    name = etree.QName(node) if isinstance(node.tag, str) else None
    return name.localname if name is not None and name.namespace == BPMN else ""


def parse_xml(content: bytes) -> etree._Element:
    """The root of a bounded, inert XML document.

    :raises Refused: too large, not XML, a DOCTYPE, or not BPMN
    """

    def refuse(message: str) -> Refused:
        return Refused([Finding("readable", message)])

    if len(content) > MAX_BYTES:
        raise refuse(f"文件超过 {MAX_BYTES // 1_000_000} MB，不能作为流程图导入。")
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise refuse("文件含有 DOCTYPE 声明，已拒绝；请从流程设计器重新导出 BPMN 文件。")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise refuse(f"文件不是有效的 XML：{error}") from error
    if root.getroottree().docinfo.doctype:  # type: ignore[union-attr]  # another encoding hides the text from the search above
        raise refuse("文件含有 DOCTYPE 声明，已拒绝；请从流程设计器重新导出 BPMN 文件。")
    if root.tag != bpmn("definitions"):
        raise refuse("文件不是 BPMN 2.0 流程图（根元素应为 bpmn:definitions）。")
    if sum(1 for _ in root.iter()) > MAX_ELEMENTS:
        raise refuse(f"流程图的元素超过 {MAX_ELEMENTS} 个，不能导入。")
    return root


def flow_nodes(root: etree._Element) -> Iterator[etree._Element]:
    return (node for node in root.iter() if local(node) in FLOW_NODES)


def parse(root: etree._Element) -> Model:
    """The model of the file's one executable process.

    :raises Refused: none or several executable processes, an id missing or used twice, a start event missing
    """
    processes = [p for p in root.findall(bpmn("process")) if p.get("isExecutable") == "true"]
    if len(processes) != 1:
        raise Refused(
            [
                Finding(
                    "one-process", f"文件应有且只有一个可执行流程（isExecutable），现有 {len(processes)} 个。"
                )
            ]
        )
    (process,) = processes
    findings: list[Finding] = []
    seen: set[str] = set()
    for node in process.iter():
        identity = node.get("id")
        if local(node) in FLOW_NODES | {"sequenceFlow"} and not identity:
            findings.append(Finding("ids", f"有一个 {local(node)} 没有编号（id）。"))
        elif identity:
            if identity in seen:
                findings.append(Finding("ids", f"编号“{identity}”重复。", identity))
            seen.add(identity)
    key = process.get("id") or ""
    if not key:
        findings.append(Finding("ids", "流程没有编号（id）。"))
    if findings:
        raise Refused(findings)
    leaving = exits(process)
    elements = {e.id: e for e in (_element(node, leaving) for node in flow_nodes(process))}
    if not any(e.kind == "startEvent" and e.scope == key for e in elements.values()):
        raise Refused([Finding("start", "流程没有开始事件。", key)])
    settings = _extension(process, "process")
    return Model(
        key=key,
        name=process.get("name") or key,
        elements=elements,
        conditions={
            flow.get("id", ""): (condition.text or "").strip()
            for flow in process.iter(bpmn("sequenceFlow"))
            if (condition := flow.find(bpmn("conditionExpression"))) is not None
            and (condition.text or "").strip()
        },
        title=settings.get("title") if settings is not None else None,
        business_key=settings.get("businessKey") if settings is not None else None,
    )


def _extensions(node: etree._Element, tag: str) -> list[etree._Element]:
    return node.findall(f"{bpmn('extensionElements')}/{lvze(tag)}")


def _extension(node: etree._Element, tag: str) -> etree._Element | None:
    return next(iter(_extensions(node, tag)), None)


def _value(node: etree._Element, tag: str, attribute: str = "value") -> str | None:
    found = _extension(node, tag)
    return None if found is None else found.get(attribute)


def _words(text: str | None) -> tuple[str, ...]:
    return tuple((text or "").split())


def exits(root: etree._Element) -> dict[tuple[str | None, str | None], list[etree._Element]]:
    """The sequence flows that leave a node, by the ids of its scope and its own: asked for every node, looked up once."""
    found: dict[tuple[str | None, str | None], list[etree._Element]] = {}
    for flow in root.iter(bpmn("sequenceFlow")):
        parent = flow.getparent()
        if parent is not None:
            found.setdefault((parent.get("id"), flow.get("sourceRef")), []).append(flow)
    return found


def _element(
    node: etree._Element, leaving: Mapping[tuple[str | None, str | None], list[etree._Element]]
) -> Element:
    parent = node.getparent()
    assert parent is not None
    kind = local(node)
    signature = _extension(node, "signature")
    decision = _extension(node, "decision")
    operation = _extension(node, "operation")
    starter = _extension(node, "starter")
    renews = _extension(node, "renews")
    return Element(
        id=node.get("id", ""),
        kind=kind,
        name=(node.get("name") or "").strip(),
        scope=parent.get("id", ""),
        form=_value(node, "form", "ref"),
        assignment=tuple(
            Assignment(
                a.get("person"),
                _words(a.get("post")),
                a.get("unit"),
                _words(a.get("otherwise")),
                a.get("exclude"),
            )
            for a in _extensions(node, "assignment")
        ),
        title=_value(node, "title"),
        due=_value(node, "due"),
        document=_value(node, "document"),
        signature=None
        if signature is None
        else SignatureRequest(
            signature.get("document", ""),
            signature.get("slot", ""),
            signature.get("capacity"),
            signature.get("required"),
            signature.get("deferred") == "true",
            _words(signature.get("attestors")),
        ),
        result=_value(node, "result", "variable"),
        opinion_required=_value(node, "opinion", "required"),
        operation=None if operation is None else operation.get("name"),
        inputs={
            i.get("name", ""): i.get("value", "")
            for i in [
                *(operation.findall(lvze("input")) if operation is not None else ()),
                *_extensions(node, "input"),
            ]
        },
        outputs={
            o.get("name", ""): o.get("value", "")
            for o in [
                *(operation.findall(lvze("output")) if operation is not None else ()),
                *_extensions(node, "output"),
            ]
        },
        decision=None
        if decision is None
        else (decision.get("ref", ""), decision.get("decision", ""), decision.get("result", "")),
        called=node.get("calledElement") if kind == "callActivity" else None,
        loop=_loop(node),
        starter_posts=_words(starter.get("post")) if starter is not None else (),
        starter_member=starter is not None and starter.get("member") == "true",
        renews=None if renews is None else (renews.get("ledger", ""), renews.get("variable", "")),
        attached_to=node.get("attachedToRef"),
        interrupting=node.get("cancelActivity", "true") == "true",
        timer=_timer(node),
        flows=tuple(
            flow.get("targetRef", "") for flow in leaving.get((parent.get("id"), node.get("id")), ())
        ),
    )


def _loop(node: etree._Element) -> Loop | None:
    multiple = node.find(bpmn("multiInstanceLoopCharacteristics"))
    if multiple is None:
        return None
    ours = _extension(multiple, "loop")
    cardinality = multiple.findtext(bpmn("loopCardinality"))
    condition = multiple.findtext(bpmn("completionCondition"))
    return Loop(
        collection=ours.get("collection") if ours is not None else None,
        cardinality=cardinality.strip() if cardinality else None,
        sequential=multiple.get("isSequential") == "true",
        item=ours.get("item") if ours is not None else None,
        output=ours.get("output") if ours is not None else None,
        outputs=ours.get("outputs") if ours is not None else None,
        condition=condition.strip() if condition and condition.strip() else None,
    )


def _timer(node: etree._Element) -> tuple[str, str] | None:
    definition = node.find(bpmn("timerEventDefinition"))
    if definition is None:
        return None
    for kind in ("timeDate", "timeDuration", "timeCycle"):
        text = definition.findtext(bpmn(kind))
        if text is not None:
            return kind, text.strip()
    return "", ""
