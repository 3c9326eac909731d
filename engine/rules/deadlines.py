"""A deadline is a time or a length of time; reminders and escalations hang on one, and say who, how long and what."""

from __future__ import annotations

from collections.abc import Iterator

from engine import feel
from engine.bpmn.model import Element
from engine.errors import Finding
from engine.rules import Case
from engine.rules.variables import TIMES
from engine.working_time import Span

_ACTIONS = ("notify", "reassign", "throw")


def check(case: Case) -> Iterator[Finding]:
    for element in case.elements:
        due = element.due
        if due is not None and not due.startswith("=") and not _is_time(due):
            yield _error(
                element,
                f"期限“{due}”看不懂。请写成 5 工作日、8 工作小时、3 天、P5D，或 =截止日期 这样的表达式。",
            )
        if due is None and (element.reminders or element.escalations):
            yield _error(element, "设置了提醒或催办升级，却没有办理期限，不会起作用。请填写办理期限。")
        for number, reminder in enumerate(element.reminders, 1):
            yield from _length(element, f"第 {number} 个提醒", "提前多久", reminder.before)
        for number, escalation in enumerate(element.escalations, 1):
            which = f"第 {number} 个催办升级"
            yield from _length(element, which, "超期多久以后", escalation.after)
            if escalation.action not in _ACTIONS:
                yield _error(
                    element, f"{which}没有“{escalation.action}”这种做法。请选：通知、改派、触发升级事件。"
                )
            named = escalation.to.person is not None or escalation.to.posts
            if escalation.action == "reassign" and not named:
                yield _error(element, f"{which}要改派，却没有说改派给谁。请填写岗位或人员。")
            if escalation.action == "throw" and not escalation.code:
                yield _error(element, f"{which}要触发升级事件，却没有填写升级代码。")


def _length(element: Element, which: str, what: str, text: str) -> Iterator[Finding]:
    if Span.parse(text) is None:
        yield _error(element, f"{which}的“{what}”是“{text}”，看不懂。请写成 1 工作日、4 工作小时、2 天这样。")


def _is_time(text: str) -> bool:
    literal = '@"' + text.strip().strip('"').replace('"', "") + '"'
    return Span.parse(text) is not None or feel.kind(feel.evaluate(literal, {})) in TIMES


def _error(element: Element, sentence: str) -> Finding:
    return Finding("deadlines", sentence, element.id)
