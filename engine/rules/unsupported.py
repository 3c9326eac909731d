"""Refuses what would not run, or would run wrong. Every element of BPMN 2.0 is in exactly one of the tables here, so that nothing
is silently ignored: what runs, what is refused, what is only drawn (``drawn-only`` tells) and what has no effect by its nature."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from engine.bpmn.parser import EVENTS, FLOW_NODES, bpmn, local
from engine.errors import Finding
from engine.rules import Case

RUNS = FLOW_NODES - {"scriptTask"} | {
    *(
        "definitions",
        "process",
        "extensionElements",
        "sequenceFlow",
        "conditionExpression",
        "laneSet",
        "lane",
    ),
    *("childLaneSet", "flowNodeRef", "message", "signal", "error", "escalation", "association"),
    *("messageEventDefinition", "timerEventDefinition", "signalEventDefinition", "errorEventDefinition"),
    *("escalationEventDefinition", "conditionalEventDefinition", "linkEventDefinition"),
    *("compensateEventDefinition", "cancelEventDefinition", "terminateEventDefinition"),
    *("timeDate", "timeDuration", "timeCycle", "condition", "activationCondition", "completionCondition"),
    *("standardLoopCharacteristics", "loopCondition", "multiInstanceLoopCharacteristics", "loopCardinality"),
    *("dataObject", "dataObjectReference", "dataInputAssociation", "dataOutputAssociation"),
    *("ioSpecification", "dataInput", "dataOutput"),
}
REFUSED = {
    "scriptTask": "脚本任务不能执行；请改用“业务规则任务”写判断，或用“服务任务”调用系统操作。",
    "eventDefinitionRef": "不能引用别处的事件定义；请把触发方式直接设在这个事件上。",
    "complexBehaviorDefinition": "多实例不能逐项抛出事件；请在多实例的子流程里画出要抛出的事件。",
    "choreographyTask": "编排任务不能执行；请画成流程里的发送任务和接收任务。",
    "subChoreography": "子编排不能执行；请画成子流程。",
    "callChoreography": "调用编排不能执行；请改用调用活动。",
    "implicitThrowEvent": "多实例不能逐项抛出事件；请在多实例的子流程里画出要抛出的事件。",
}
#: Only drawn: told by the rule ``drawn-only``, at the nearest element with an id
DRAWN = {
    "messageFlow": "消息流不会执行，仅作图示；要收发消息，请用消息事件或发送、接收任务。",
    "participantMultiplicity": "参与者的数量仅作图示；要办多份，请用多实例。",
    "conversation": "会话仅作图示。",
    "subConversation": "会话仅作图示。",
    "callConversation": "会话仅作图示。",
    "globalConversation": "会话仅作图示。",
    "choreography": "编排图仅作图示，不会执行。",
    "globalChoreographyTask": "编排图仅作图示，不会执行。",
    "correlationKey": "BPMN 的关联定义不起作用；请在消息事件的属性里设置关联键。",
    "correlationProperty": "BPMN 的关联定义不起作用；请在消息事件的属性里设置关联键。",
    "correlationSubscription": "BPMN 的关联定义不起作用；请在消息事件的属性里设置关联键。",
    "dataStore": "数据存储仅作图示；要登记数据，请用台账和服务任务“登记台账”。",
    "dataStoreReference": "数据存储仅作图示；要登记数据，请用台账和服务任务“登记台账”。",
    "ioBinding": "接口绑定仅作图示；请用服务任务选择操作。",
    "property": "BPMN 的 property 不是变量，仅作图示；变量来自表单和输出。",
    "loopDataInputRef": "多实例的数据引用不起作用；请在属性里填写集合。",
    "loopDataOutputRef": "多实例的数据引用不起作用；请在属性里填写每项的输出和汇总变量。",
    "inputDataItem": "多实例的数据项不起作用；请在属性里填写每一项叫什么。",
    "outputDataItem": "多实例的数据项不起作用；请在属性里填写每项的输出。",
    "performer": "这里写的办理人不起作用；请在“由谁办理”里设置。",
    "humanPerformer": "这里写的办理人不起作用；请在“由谁办理”里设置。",
    "potentialOwner": "这里写的办理人不起作用；请在“由谁办理”里设置。",
    "resourceRole": "这里写的资源不起作用；请在“由谁办理”里设置。",
    "rendering": "界面的说明不起作用；请选择表单。",
    "auditing": "审计的设置不起作用；办理过程总是全部记录。",
    "monitoring": "监控的设置不起作用；在“运行情况”里查看。",
    "callableElement": "全局任务不会执行，仅作图示；请画成流程，用调用活动调用。",
    "globalTask": "全局任务不会执行，仅作图示；请画成流程，用调用活动调用。",
    "globalUserTask": "全局任务不会执行，仅作图示；请画成流程，用调用活动调用。",
    "globalManualTask": "全局任务不会执行，仅作图示；请画成流程，用调用活动调用。",
    "globalScriptTask": "全局任务不会执行，仅作图示；请画成流程，用调用活动调用。",
    "globalBusinessRuleTask": "全局任务不会执行，仅作图示；请画成流程，用调用活动调用。",
}
#: Without an effect by their nature, and why
HARMLESS = {
    **dict.fromkeys(
        ("documentation", "textAnnotation", "text", "group", "category", "categoryValue"), "for readers"
    ),
    **dict.fromkeys(("categoryValueRef", "source", "target", "relationship"), "for readers"),
    **dict.fromkeys(("incoming", "outgoing"), "repeats what sequence flows say"),
    **dict.fromkeys(("collaboration", "participant", "messageFlowAssociation"), "pools frame processes"),
    **dict.fromkeys(
        ("participantAssociation", "partnerEntity", "partnerRole", "processRef"), "names of partners"
    ),
    **dict.fromkeys(("innerParticipantRef", "outerParticipantRef", "participantRef"), "names of partners"),
    **dict.fromkeys(("import", "itemDefinition", "dataState"), "types; values are FEEL's"),
    **dict.fromkeys(
        ("interface", "operation", "endPoint", "inMessageRef", "outMessageRef"), "a task names its operation"
    ),
    **dict.fromkeys(
        ("errorRef", "operationRef", "interfaceRef", "endPointRef"), "a task names its operation"
    ),
    **dict.fromkeys(("supportedInterfaceRef", "supports"), "declares what a process is for"),
    **dict.fromkeys(("resource", "resourceParameter"), "refused or told where a task refers to it"),
    **dict.fromkeys(
        ("partitionElement", "partitionElementRef"), "what a lane stands for; assignments say who"
    ),
    **dict.fromkeys(("extension",), "refused where it has to be understood"),
    **dict.fromkeys(
        ("conversationLink", "conversationAssociation", "messageFlowRef"), "part of a conversation"
    ),
    **dict.fromkeys(("choreographyRef", "initiatingParticipantRef"), "part of a choreography"),
    **dict.fromkeys(
        ("sourceRef", "targetRef", "transformation", "assignment", "from", "to"), "data-associations tells"
    ),
    **dict.fromkeys(("inputSet", "outputSet"), "part of an ioSpecification"),
    **dict.fromkeys(
        ("dataInputRefs", "dataOutputRefs", "optionalInputRefs", "whileExecutingInputRefs"), "the same"
    ),
    **dict.fromkeys(
        ("outputSetRefs", "inputSetRefs", "optionalOutputRefs", "whileExecutingOutputRefs"), "the same"
    ),
    **dict.fromkeys(
        ("correlationPropertyRef", "correlationPropertyBinding", "dataPath"), "part of a correlation"
    ),
    **dict.fromkeys(
        ("correlationPropertyRetrievalExpression", "messagePath", "correlationKeyRef"), "the same"
    ),
    **dict.fromkeys(
        ("resourceRef", "resourceParameterBinding", "resourceAssignmentExpression"), "part of a performer"
    ),
    **dict.fromkeys(("expression", "formalExpression", "script"), "part of what is told already"),
    **dict.fromkeys(("event",), "part of a complex behaviour, which is refused"),
}
_ALLOWED = {
    "startEvent": {"message", "timer", "signal", "conditional", "error", "escalation", "compensate"},
    "endEvent": {"message", "signal", "error", "escalation", "compensate", "cancel", "terminate"},
    "intermediateCatchEvent": {"message", "timer", "signal", "conditional", "link"},
    "intermediateThrowEvent": {"message", "signal", "escalation", "compensate", "link"},
    "boundaryEvent": {
        "message",
        "timer",
        "signal",
        "conditional",
        "error",
        "escalation",
        "compensate",
        "cancel",
    },
}


def check(case: Case) -> Iterator[Finding]:
    for node in case.nodes(*REFUSED):
        yield Finding("unsupported", REFUSED[local(node)], nearest(node))
    for child in case.root:
        if local(child) == "process" and child.get("id") != case.model.key:
            continue
        for node in _standard(child):
            tag = local(node)
            if tag and tag not in RUNS and tag not in REFUSED and tag not in DRAWN and tag not in HARMLESS:
                yield Finding("unsupported", f"不认识的元素“{tag}”；请用流程设计器重新画。", nearest(node))
    yield from _events(case)
    yield from _quantities(case)
    for node in case.nodes("extension"):
        if node.get("mustUnderstand") == "true":
            yield Finding(
                "unsupported", "文件要求支持别的系统的扩展，这里不支持；请去掉这些扩展。", node.get("id")
            )


def _standard(node: etree._Element) -> Iterator[etree._Element]:
    """An element and what is inside it, without what others put into its extensions (some forget to name their namespace)."""
    todo = [node]
    while todo:
        here = todo.pop()
        yield here
        todo += [] if local(here) == "extensionElements" else here


def _events(case: Case) -> Iterator[Finding]:
    for node in case.nodes(*EVENTS):
        kinds = [
            local(d).removesuffix("EventDefinition") for d in node if local(d).endswith("EventDefinition")
        ]
        for kind in kinds:
            if kind not in _ALLOWED[local(node)]:
                yield Finding(
                    "unsupported", f"{local(node)} 不能用 {kind} 触发；请改用别的事件。", node.get("id")
                )
        if len(kinds) > 1 or node.get("parallelMultiple") == "true":
            yield Finding("unsupported", "一个事件只能有一种触发方式；请分成几个事件。", node.get("id"))
        if local(node) == "intermediateCatchEvent" and not kinds:
            yield Finding(
                "unsupported", "中间捕获事件没有触发方式；请选择定时、消息、信号或条件。", node.get("id")
            )
        element = case.model.elements.get(node.get("id", ""))
        if (
            element is not None
            and (element.kind, element.scope) == ("startEvent", case.model.key)
            and "conditional" in kinds
        ):
            yield Finding(
                "unsupported",
                "流程不能由条件开始：还没有变量可看。请用消息、信号或定时，或把条件写在流程里。",
                element.id,
            )
        for definition in node.findall(bpmn("compensateEventDefinition")):
            if definition.get("waitForCompletion") == "false":
                yield Finding("unsupported", "补偿总要等它办完；请去掉“不等待”。", node.get("id"))


def _quantities(case: Case) -> Iterator[Finding]:
    for node in case.nodes(*FLOW_NODES, "multiInstanceLoopCharacteristics"):
        if node.get("instantiate") == "true":
            yield Finding("unsupported", "不能由它开始一个流程；请在前面画一个消息开始事件。", node.get("id"))
        if node.get("eventGatewayType") == "Parallel":
            yield Finding(
                "unsupported", "事件网关不能等齐全部事件；请用并行网关，后面各接一个事件。", node.get("id")
            )
        if node.get("startQuantity", "1") != "1" or node.get("completionQuantity", "1") != "1":
            yield Finding(
                "unsupported", "不能要求几个令牌才开始，或一次给出几个；请用并行网关画出来。", node.get("id")
            )
        if (
            node.get("behavior", "All") != "All"
            or node.get("noneBehaviorEventRef")
            or node.get("oneBehaviorEventRef")
        ):
            yield Finding(
                "unsupported", "多实例不能逐项抛出事件；请在多实例的子流程里画出要抛出的事件。", nearest(node)
            )
    for node in case.nodes("conditionExpression", "condition", "timeDate", "timeDuration", "timeCycle"):
        language = node.get("language")
        if language and "feel" not in language.lower():
            yield Finding("unsupported", f"表达式的语言是“{language}”；只能用 FEEL，请改写。", nearest(node))


def nearest(node: etree._Element) -> str | None:
    """The id of the flow node, flow or whatever else of the picture it belongs to."""
    here: etree._Element | None = node
    while here is not None and (local(here) not in _SHOWN or not here.get("id")):
        here = here.getparent()
    return here.get("id") if here is not None else node.get("id")


_SHOWN = FLOW_NODES | {
    *(
        "sequenceFlow",
        "process",
        "collaboration",
        "participant",
        "messageFlow",
        "dataStoreReference",
        "dataStore",
    ),
    *("dataObjectReference", "dataObject", "lane", "choreography", "choreographyTask", "conversation"),
    *(
        "callConversation",
        "subConversation",
        "subChoreography",
        "callChoreography",
        "globalTask",
        "globalUserTask",
    ),
    *("globalManualTask", "globalScriptTask", "globalBusinessRuleTask", "globalConversation"),
    *("globalChoreographyTask", "correlationProperty", "message", "error", "signal", "escalation"),
}
