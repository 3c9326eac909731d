"""From a .bpmn file to a Model. The file is a stranger's: it is bounded before it is believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lxml import etree

from engine.bpmn.model import (
    AdHoc,
    Assignment,
    Element,
    Escalation,
    EventDefinition,
    Flow,
    Loop,
    Model,
    Recipients,
    Reminder,
    SignatureRequest,
    StandardLoop,
    Tally,
    Voting,
)
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
SUB_PROCESSES = frozenset({"subProcess", "transaction", "adHocSubProcess"})
SCOPES = SUB_PROCESSES | {"process"}


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
        elif identity and local(node):
            if identity in seen:
                findings.append(Finding("ids", f"编号“{identity}”重复。", identity))
            seen.add(identity)
    key = process.get("id") or ""
    if not key:
        findings.append(Finding("ids", "流程没有编号（id）。"))
    if findings:
        raise Refused(findings)
    diagram = _Diagram(root, process)
    elements = {e.id: e for e in (diagram.element(node) for node in flow_nodes(process))}
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
        unique_business_key=settings is not None and settings.get("uniqueBusinessKey") == "true",
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


class _Diagram:
    """What an element refers to elsewhere in the file, looked up once: flows, messages, lanes, associations."""

    def __init__(self, root: etree._Element, process: etree._Element) -> None:
        self._leaving = exits(process)
        self._arriving: dict[tuple[str | None, str | None], list[etree._Element]] = {}
        for flow in process.iter(bpmn("sequenceFlow")):
            parent = flow.getparent()
            if parent is not None:
                self._arriving.setdefault((parent.get("id"), flow.get("targetRef")), []).append(flow)
        self._named = {
            node.get("id", ""): node
            for kind in ("message", "signal", "error", "escalation")
            for node in root.findall(bpmn(kind))
        }
        self._lanes = {
            (ref.text or "").strip(): lane
            for lane in process.iter(bpmn("lane"))  # an inner lane comes after the one around it
            for ref in lane.findall(bpmn("flowNodeRef"))
        }
        self._data = _data_objects(process)
        self._handlers = {
            one.get("sourceRef", ""): one.get("targetRef", "") for one in process.iter(bpmn("association"))
        }

    def _lane(self, node: etree._Element) -> etree._Element | None:
        """The innermost lane that holds it; what is inside a sub-process stands in the sub-process's lane."""
        around = node.iterancestors(*map(bpmn, SUB_PROCESSES))
        held = (self._lanes.get(one.get("id", "")) for one in (node, *around))
        return next((lane for lane in held if lane is not None), None)

    def element(self, node: etree._Element) -> Element:
        parent = node.getparent()
        assert parent is not None
        identity, scope = node.get("id", ""), parent.get("id", "")
        kind = local(node)
        lane = self._lane(node)
        signature = _extension(node, "signature")
        decision = _extension(node, "decision")
        operation = _extension(node, "operation")
        permitted = _value(node, "operations", "allow")
        schedule = _value(node, "retry", "schedule")
        starter = _extension(node, "starter")
        renews = _extension(node, "renews")
        return Element(
            id=identity,
            kind=kind,
            name=(node.get("name") or "").strip(),
            scope=scope,
            form=_value(node, "form", "ref"),
            assignment=_assignment(node)
            or (_assignment(lane) if lane is not None and kind == "userTask" and not _votes(node) else ()),
            title=_value(node, "title"),
            due=_value(node, "due"),
            reminders=tuple(
                Reminder(
                    r.get("before", ""),
                    Recipients(
                        r.get("person"), _words(r.get("post")), r.get("unit"), r.get("superior") == "true"
                    ),
                )
                for r in _extensions(node, "reminder")
            ),
            escalations=tuple(
                Escalation(
                    e.get("after", ""),
                    e.get("action", "notify"),
                    e.get("code"),
                    Recipients(
                        e.get("person"), _words(e.get("post")), e.get("unit"), e.get("superior") == "true"
                    ),
                )
                for e in _extensions(node, "escalation")
            ),
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
            operations=None if permitted is None else frozenset(_words(permitted)),
            operation=None if operation is None else operation.get("name"),
            retry=None if schedule is None else _words(schedule),
            inputs=self._taken(node)
            | {
                i.get("name", ""): i.get("value", "")
                for i in [
                    *(operation.findall(lvze("input")) if operation is not None else ()),
                    *_extensions(node, "input"),
                ]
            },
            outputs=self._given(node, kind)
            | {
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
            vote=_vote(node),
            starter_posts=_words(starter.get("post")) if starter is not None else (),
            starter_member=starter is not None and starter.get("member") == "true",
            renews=None if renews is None else (renews.get("ledger", ""), renews.get("variable", "")),
            standard_loop=_standard_loop(node),
            adhoc=_adhoc(node) if kind == "adHocSubProcess" else None,
            attached_to=node.get("attachedToRef"),
            interrupting=node.get("isInterrupting" if kind == "startEvent" else "cancelActivity", "true")
            == "true",
            event=self._event(node),
            triggered=node.get("triggeredByEvent") == "true",
            compensates=node.get("isForCompensation") == "true",
            handler=self._handlers.get(identity),
            activation=_text(node, "activationCondition") if kind == "complexGateway" else None,
            lane=None if lane is None else lane.get("name") or lane.get("id"),
            incoming=tuple(self._flows(self._arriving, scope, identity)),
            outgoing=tuple(self._flows(self._leaving, scope, identity, node.get("default"))),
        )

    def _taken(self, node: etree._Element) -> dict[str, str]:
        """Inputs from data objects, by the names of the data inputs."""
        names = {
            one.get("id"): one.get("name") or one.get("id") or "" for one in node.iter(bpmn("dataInput"))
        }
        return {
            names[target]: f"={self._data[source]}"
            for one in node.findall(bpmn("dataInputAssociation"))
            if (source := _text(one, "sourceRef")) in self._data
            and (target := _text(one, "targetRef")) in names
        }

    def _given(self, node: etree._Element, kind: str) -> dict[str, str]:
        """Outputs to data objects, from the data outputs: of an operation they are parts of its result."""
        names = {
            one.get("id"): one.get("name") or one.get("id") or "" for one in node.iter(bpmn("dataOutput"))
        }
        of = "result." if kind in ("serviceTask", "sendTask") else ""
        return {
            self._data[target]: f"={of}{names[source]}"
            for one in node.findall(bpmn("dataOutputAssociation"))
            if (target := _text(one, "targetRef")) in self._data
            and (source := _text(one, "sourceRef")) in names
        }

    def _flows(
        self,
        found: Mapping[tuple[str | None, str | None], list[etree._Element]],
        scope: str,
        identity: str,
        default: str | None = None,
    ) -> Iterator[Flow]:
        for flow in found.get((scope, identity), ()):
            condition = _text(flow, "conditionExpression")
            yield Flow(
                flow.get("id", ""),
                flow.get("sourceRef", ""),
                flow.get("targetRef", ""),
                condition,
                flow.get("id") == default,
            )

    def _event(self, node: etree._Element) -> EventDefinition | None:
        ours = _extension(node, "message")
        correlation = ours.get("correlation") if ours is not None else None
        if local(node) in ("sendTask", "receiveTask"):
            reference = node.get("messageRef")
            return (
                EventDefinition("message", self._name(reference), correlation=correlation)
                if reference
                else None
            )
        definition = next((child for child in node if local(child).endswith("EventDefinition")), None)
        if definition is None:
            return None
        kind = local(definition).removesuffix("EventDefinition")
        kind = "compensation" if kind == "compensate" else kind
        return EventDefinition(
            kind,
            name=definition.get("name") if kind == "link" else self._name(definition.get(f"{kind}Ref")),
            timer=_timer(definition) if kind == "timer" else None,
            condition=_text(definition, "condition") if kind == "conditional" else None,
            correlation=correlation,
            activity=definition.get("activityRef") if kind == "compensation" else None,
        )

    def _name(self, reference: str | None) -> str | None:
        """The name of a message or signal, the code of an error or escalation; the id where it has none."""
        node = self._named.get((reference or "").split(":")[-1])
        if node is None:
            return None
        code = node.get(f"{local(node)}Code") if local(node) in ("error", "escalation") else None
        return code or node.get("name") or node.get("id")


def _assignment(node: etree._Element) -> tuple[Assignment, ...]:
    return tuple(
        Assignment(
            a.get("person"),
            _words(a.get("post")),
            a.get("unit"),
            _words(a.get("otherwise")),
            a.get("exclude"),
        )
        for a in _extensions(node, "assignment")
    )


def _data_objects(process: etree._Element) -> dict[str | None, str]:
    """Data objects are variables: id of a reference or an object -> name."""
    names = {
        one.get("id"): one.get("name") or one.get("id") or "" for one in process.iter(bpmn("dataObject"))
    }
    references = {
        one.get("id"): one.get("name") or names.get(one.get("dataObjectRef"), "")
        for one in process.iter(bpmn("dataObjectReference"))
    }
    return {**names, **references}


def _text(node: etree._Element, tag: str) -> str | None:
    return (node.findtext(bpmn(tag)) or "").strip() or None


def _standard_loop(node: etree._Element) -> StandardLoop | None:
    found = node.find(bpmn("standardLoopCharacteristics"))
    if found is None:
        return None
    maximum = found.get("loopMaximum", "")
    return StandardLoop(
        _text(found, "loopCondition"),
        found.get("testBefore") == "true",
        int(maximum) if maximum.isdecimal() else None,
    )


def _adhoc(node: etree._Element) -> AdHoc:
    return AdHoc(
        node.get("ordering") == "Sequential",
        _value(node, "adHoc", "activities"),
        _text(node, "completionCondition"),
        node.get("cancelRemainingInstances", "true") == "true",
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
        tallies=tuple(
            Tally(tally.get("name", ""), tally.get("condition"), tally.get("weight"))
            for tally in (ours.findall(lvze("tally")) if ours is not None else ())
        ),
    )


def _votes(node: etree._Element) -> bool:
    """A vote's own collection says who votes, not its lane."""
    return _extension(node, "vote") is not None


def _vote(node: etree._Element) -> Voting | None:
    found = _extension(node, "vote")
    if found is None:
        return None
    kind, measure = found.get("kind", "all"), found.get("measure", "share")
    secret, share = found.get("secret") == "true", kind == "ratio" and measure == "share"
    return Voting(
        kind=kind,
        field=found.get("field", ""),
        agree=_words(found.get("agree", "同意")),
        reject=_words(found.get("reject")),
        abstain=_words(found.get("abstain")),
        threshold="1" if kind == "all" else found.get("threshold", "0.5"),
        measure="share" if kind == "all" else measure,
        of=found.get("of", "应到"),
        abstention=found.get("abstention", "valid"),
        tie=found.get("tie", "fail") if share else "pass",
        quorum=found.get("quorum"),
        weight=found.get("weight"),
        early=found.get("early", "none" if secret else "fail"),
        secret=secret,
        franchise=found.get("franchise", "members" if kind == "ratio" else "everyone"),
        until=found.get("until"),
        result=found.get("result"),
    )


def _timer(definition: etree._Element) -> tuple[str, str]:
    for kind in ("timeDate", "timeDuration", "timeCycle"):
        text = definition.findtext(bpmn(kind))
        if text is not None:
            return kind, text.strip()
    return "", ""
