"""Every expression must be FEEL that parses; a gateway's flows need conditions; timers need a time."""

from __future__ import annotations

from collections.abc import Iterator

from engine import feel
from engine.bpmn.model import Element
from engine.bpmn.parser import bpmn
from engine.errors import Finding
from engine.rules import Case


def check(case: Case) -> Iterator[Finding]:
    for condition, source in case.model.conditions.items():
        yield from _parses(source.removeprefix("="), condition, "条件")
    for element in case.model.elements.values():
        for label, text in _expressions(element):
            if text is not None and text.startswith("="):
                yield from _parses(text.removeprefix("="), element.id, label)
        if element.loop is not None:
            yield from _loop(element)
        if element.timer is not None and not element.timer[1]:
            yield Finding("expressions", "定时事件没有设置时间。", element.id)
    for node in case.nodes("exclusiveGateway", "inclusiveGateway"):
        parent = node.getparent()
        flows = (
            [f for f in parent.findall(bpmn("sequenceFlow")) if f.get("sourceRef") == node.get("id")]
            if parent is not None
            else []
        )
        for flow in flows:
            if (
                len(flows) > 1
                and flow.get("id") != node.get("default")
                and flow.get("id") not in case.model.conditions
            ):
                yield Finding("expressions", "网关的这个出口没有条件，也不是默认出口。", flow.get("id"))


def _expressions(element: Element) -> Iterator[tuple[str, str | None]]:
    yield "标题", element.title
    yield "期限", element.due
    yield "文书", element.document
    yield "必填意见", element.opinion_required
    if element.signature is not None:
        yield "签名文书", element.signature.document
        yield "签名职务", element.signature.capacity
        yield "须签名的条件", element.signature.required
    for assigned in element.assignment:
        yield "办理人", assigned.person
        yield "办理单位", assigned.unit
        yield "回避人员", assigned.exclude
    for name, text in element.inputs.items():
        yield f"输入“{name}”", text
    for name, text in element.outputs.items():
        yield f"输出“{name}”", text
    if element.timer is not None:
        yield "时间", element.timer[1]


def _loop(element: Element) -> Iterator[Finding]:
    loop = element.loop
    assert loop is not None
    if (loop.collection is None) == (loop.cardinality is None):
        yield Finding("expressions", "多实例需要一个集合（或一个次数），二者取一。", element.id)
    for label, text in (
        ("集合", loop.collection),
        ("次数", loop.cardinality),
        ("输出", loop.output),
        ("完成条件", loop.condition),
    ):
        if text is not None:
            yield from _parses(text.removeprefix("="), element.id, f"多实例的{label}")


def _parses(source: str, element: str, label: str) -> Iterator[Finding]:
    try:
        feel.compile(source)
    except (feel.FeelSyntaxError, feel.FeelLimitError) as error:
        yield Finding("expressions", f"{label}“{source}”不是有效的表达式：{error}", element)
