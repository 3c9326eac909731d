"""What a diagram may say of deadlines, reminders and escalations."""

from __future__ import annotations

import pytest

from engine.bpmn.parser import parse_xml
from engine.rules import check
from tests.engine.drawing import draw, end, ours, path, start, user


def told(*inner: str) -> list[str]:
    xml = draw("p", start(), user("a", *inner), end(), path("start", "a", "end"))
    return [f.message for f in check(parse_xml(xml), {"p.bpmn": xml}, set()) if f.rule == "deadlines"]


DUE = ours("due", value="5 工作日")


@pytest.mark.parametrize(
    "due", ["5 工作日", "8工作小时", "3 天", "P7D", "2026-04-30", '="3 工作日"', '=duration("P7D")']
)
def test_deadlines_that_count(due: str) -> None:
    assert told(ours("due", value=due)) == []


def test_reminders_and_escalations_that_count() -> None:
    assert not told(
        DUE,
        ours("reminder", before="1 工作日"),
        ours("reminder", before="4 工作小时", post="书记", superior="true"),
        ours("escalation", after="1 工作日"),
        ours("escalation", after="2 工作日", action="reassign", post="党务干事"),
        ours("escalation", after="3 工作日", action="throw", code="严重超期"),
    )


@pytest.mark.parametrize(
    ("inner", "says"),
    [
        ([ours("due", value="七天")], "期限“七天”看不懂"),
        ([ours("due", value="2026-02-30")], "期限“2026-02-30”看不懂"),
        ([ours("reminder", before="1 工作日")], "没有办理期限"),
        ([DUE, ours("reminder", before="一天")], "第 1 个提醒的“提前多久”是“一天”"),
        ([DUE, ours("reminder")], "第 1 个提醒的“提前多久”是“”"),
        ([DUE, ours("escalation", after="P1D")], "第 1 个催办升级的“超期多久以后”"),
        ([DUE, ours("escalation", after="1 天", action="shout")], "没有“shout”这种做法"),
        ([DUE, ours("escalation", after="1 天", action="reassign")], "没有说改派给谁"),
        ([DUE, ours("escalation", after="1 天", action="throw")], "没有填写升级代码"),
    ],
)
def test_findings(inner: list[str], says: str) -> None:
    (message,) = told(*inner)
    assert says in message
