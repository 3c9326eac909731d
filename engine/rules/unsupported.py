"""Refuses what would not run, or would run wrong: nothing is silently ignored."""

from __future__ import annotations

from collections.abc import Iterator

from engine.bpmn.parser import ACTIVITIES, EVENTS, bpmn, local
from engine.errors import Finding
from engine.rules import Case

_INSTEAD = {
    "scriptTask": "脚本任务不能执行；请改用“业务规则任务”写判断，或用“服务任务”调用系统操作。",
    "task": "普通任务没有办理方式；请改为“用户任务”或“服务任务”。",
    "manualTask": "手工任务没有办理方式；请改为“用户任务”。",
    "sendTask": "发送任务暂不支持；请改用“服务任务”的“通知”操作。",
    "receiveTask": "接收任务暂不支持；请改为“用户任务”。",
    "transaction": "事务子流程暂不支持；请改为普通子流程。",
    "adHocSubProcess": "自由子流程暂不支持；请画出明确的顺序。",
    "complexGateway": "复杂网关暂不支持；请改用包容网关或并行网关。",
    "eventBasedGateway": "事件网关暂不支持；请改用边界定时事件。",
}
_EVENTS = {
    "startEvent": set(),
    "endEvent": {"terminateEventDefinition", "errorEventDefinition"},
    "intermediateCatchEvent": {"timerEventDefinition"},
    "intermediateThrowEvent": set(),
    "boundaryEvent": {"timerEventDefinition", "errorEventDefinition"},
}


def check(case: Case) -> Iterator[Finding]:
    for node in case.nodes(*_INSTEAD):
        yield Finding("unsupported", _INSTEAD[local(node)], node.get("id"))
    for node in case.nodes(*EVENTS):
        kinds = [local(d) for d in node if local(d).endswith("EventDefinition")]
        for kind in kinds:
            if kind not in _EVENTS[local(node)]:
                yield Finding("unsupported", f"{local(node)} 暂不支持 {kind}。", node.get("id"))
        if len(kinds) > 1:
            yield Finding("unsupported", "一个事件只能有一种触发方式。", node.get("id"))
        if local(node) == "intermediateCatchEvent" and not kinds:
            yield Finding("unsupported", "中间捕获事件没有触发方式；请选择定时。", node.get("id"))
    for node in case.nodes("subProcess"):
        if node.get("triggeredByEvent") == "true":
            yield Finding("unsupported", "事件子流程暂不支持；请改用边界事件。", node.get("id"))
        if len(node.findall(bpmn("startEvent"))) != 1 or not node.findall(bpmn("endEvent")):
            yield Finding(
                "unsupported", "子流程应有且只有一个开始事件，并至少有一个结束事件。", node.get("id")
            )
    for node in case.nodes(*ACTIVITIES):
        if node.find(bpmn("standardLoopCharacteristics")) is not None:
            yield Finding("unsupported", "标准循环暂不支持；请用网关画出回路，或用多实例。", node.get("id"))
        flows = case.leaving(node)
        if len(flows) > 1:
            yield Finding("unsupported", "任务之后不能直接分支；请在任务后面加一个网关。", node.get("id"))
        if len(flows) == 1 and flows[0].find(bpmn("conditionExpression")) is not None:
            yield Finding(
                "unsupported", "任务出口上的条件不起作用；请在任务后面加一个排他网关。", flows[0].get("id")
            )
    for node in case.nodes("dataInputAssociation", "dataOutputAssociation", "ioSpecification"):
        parent = node.getparent()
        yield Finding(
            "unsupported",
            "数据关联不起作用；请用任务的输入、输出映射。",
            parent.get("id") if parent is not None else None,
        )
    starts = [e for e in case.by_scope.get(case.model.key, []) if e.kind == "startEvent"]
    if len(starts) > 1:
        yield Finding("unsupported", "流程只能有一个开始事件。", starts[1].id)
    for node in case.nodes("collaboration"):
        if len(node.findall(bpmn("messageFlow"))):
            yield Finding("unsupported", "消息流不会执行，仅作图示。", node.get("id"), severity="warning")
