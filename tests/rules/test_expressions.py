"""Expressions of a diagram that cannot work are refused, with what to do; those that may work are let be."""

from __future__ import annotations

import json

import pytest

from engine import rules
from engine.bpmn.parser import parse_xml
from engine.errors import Finding
from tests.engine.drawing import (
    boundary,
    draw,
    each,
    end,
    extensions,
    flow,
    node,
    ours,
    path,
    service,
    start,
    timer,
    user,
)

FORM = json.dumps(
    {
        "type": "default",
        "components": [
            {"type": "number", "key": "金额", "label": "金额"},
            {"type": "textfield", "key": "事由", "label": "事由"},
            {"type": "datetime", "subtype": "date", "key": "截止", "label": "截止"},
            {"type": "checklist", "key": "名单", "label": "名单", "values": [{"label": "甲", "value": "甲"}]},
        ],
    }
).encode()


ABOUT = {"expressions", "timers", "multi-instance", "conditions"}


def found(*nodes: str, paths: tuple[str, ...] = ("start", "a", "end")) -> list[Finding]:
    """What is told of the expressions of a process with a start form, these nodes and an end."""
    xml = draw(
        "p", start("start", ours("form", ref="start.form.json")), *nodes, end(), path(*paths) if paths else ""
    )
    told = rules.check(parse_xml(xml), {"p.bpmn": xml, "start.form.json": FORM}, set())
    assert {f.rule for f in told} <= ABOUT | {"variables", "decisions", "default-flows"}, told
    return [f for f in told if f.rule in ABOUT]


def choice(condition: str) -> tuple[str, ...]:
    escaped = condition.replace("<", "&lt;")
    return (
        node("exclusiveGateway", "a", default="a_end"),
        flow("start", "a"),
        flow("a", "no", escaped),
        flow("a", "end"),
        end("no"),
    )


@pytest.mark.parametrize(
    ("condition", "severity", "says"),
    [
        ('"三"', "error", "是文字，不能这样用。请改成一个判断"),
        ("金额", "error", "是数字，不能这样用"),
        ("null", "error", "总是空，不能这样用"),
        ('金额 > "1000"', "error", "数字与文字不能比较大小"),
        ("coutn(名单) > 1", "error", "“coutn”应为“count”？"),
        ("initiator.nmae = 事由", "error", "没有“nmae”这一项。是不是“name”？"),
        ("金额 > 1 and 事由", "warning", "不是真假"),
        ("金额 > ", "error", "不是有效的表达式"),
    ],
)
def test_conditions(condition: str, severity: str, says: str) -> None:
    (finding,) = found(*choice(condition), paths=())
    assert (finding.element, finding.severity) == ("a_no", severity)
    assert finding.message.startswith(f"条件“{condition.strip()}”") and says in finding.message


@pytest.mark.parametrize(
    "condition",
    [
        "true",
        "金额 > 1000 and 事由 != null",
        "count(名单) > 0",
        "=金额 = 5",
        "截止 < today()",
        "initiator.person in [1, 2]",
    ],
)
def test_conditions_that_may_work(condition: str) -> None:
    assert found(*choice(condition), paths=()) == []


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        ("timeDate", "=金额", "是数字，不能这样用。请改成日期"),
        ("timeDate", '=time("08:00:00")', "是时间，不能这样用"),
        ("timeDate", '=date("2026-02-30")', "没有这一天"),
        ("timeDate", "明天", "不是日期、日期时间或时长"),
        ("timeDuration", "七天", "请写成 5 工作日"),
        ("timeDuration", "=true", "是真假，不能这样用"),
        ("timeCycle", "每天", "应形如 R3/P1D"),
        ("timeCycle", "R3/2026-01-01", "应形如 R3/P1D"),
        ("timeCycle", '=duration("P1D")', "是时长，不能这样用。请改成形如"),
        ("timeDate", "", "没有设置时间"),
    ],
)
def test_timers(kind: str, text: str, says: str) -> None:
    (finding,) = found(user("a"), boundary("t", "a", timer(kind, text)), end("e"), path("t", "e"))
    assert (finding.element, finding.severity) == ("t", "error") and says in finding.message


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("timeDate", "2026-04-30"),
        ("timeDate", "2026-04-30T08:30:00"),
        ("timeDate", "=截止"),
        ("timeDate", '=截止 - duration("P8D")'),
        ("timeDate", "=事由"),
        ("timeDuration", "P7D"),
        ("timeDuration", '=duration("P1M")'),
        ("timeCycle", "R3/PT2H"),
        ("timeCycle", "R/P1D"),
        ("timeCycle", '="R" + string(金额) + "/P1D"'),
    ],
)
def test_timers_that_may_work(kind: str, text: str) -> None:
    assert found(user("a"), boundary("t", "a", timer(kind, text)), end("e"), path("t", "e")) == []


@pytest.mark.parametrize(
    ("drawn", "label", "says"),
    [
        (user("a", loop=each("=金额")), "多实例的集合", "是数字，不能这样用。请改成一个列表"),
        (user("a", loop=each("=名单", condition="numberOfCompletedInstances")), "多实例的完成条件", "是数字"),
        (user("a", loop=each("=名单", output='=1 + "元"', outputs="各项")), "多实例的输出", "数字与文字"),
        (user("a", loop=each("=名单", output="=1 +", outputs="各项")), "多实例的输出", "不是有效的表达式"),
        (user("a", ours("due", value="=金额")), "期限", "是数字"),
        (user("a", ours("title", value="=1 + 事由")), "标题", "string(1)"),
        (user("a", ours("opinion", required="事由")), "必填意见", "是文字"),
        (user("a", ours("opinion", required="=1 +")), "必填意见", "不是有效的表达式"),
        (user("a", ours("document", value="=截止")), "文书", "是日期，不能这样用。请改成编号"),
        (user("a", ours("signature", document="=1", slot="x", required="金额")), "须签名的条件", "是数字"),
        (
            user("a", ours("result", variable="签发"), ours("title", value="=签发.结论")),
            "标题",
            "没有“结论”这一项",
        ),
        (user("a", ours("signature", document="=截止", slot="x")), "签名文书", "是日期"),
        (
            user("a", ours("signature", document="=1", slot="x", capacity="=1 + 事由")),
            "签名职务",
            "string(1)",
        ),
        (user("a", ours("assignment", post="书记", unit="=截止")), "办理单位", "是日期"),
        (user("a", ours("assignment", person="=1", exclude="=截止")), "回避人员", "是日期"),
        (user("a", loop=each("=名单", output="1 +", outputs="各项")), "多实例的输出", "不是有效的表达式"),
        (user("a", person="=today()"), "办理人", "是日期"),
        (service("a", "notify", text="=金额 + 事由", person="=1"), "输入“text”", "string(金额)"),
        (
            service("a", "notify", {"人数": '=result.persons + (1 + "a")'}, text="x", person="=1"),
            "输出“人数”",
            '1 + "a"',
        ),
        (
            node(
                "callActivity",
                "a",
                extensions(ours("input", name="x", value="=-事由"), ours("output", name="y", value="=1 +")),
                calledElement="p",
            ),
            "输出“y”",
            "不是有效的表达式",
        ),
    ],
)
def test_expressions_of_elements(drawn: str, label: str, says: str) -> None:
    told = [f for f in found(drawn) if f.message.startswith(label)]
    assert [(f.element, f.severity) for f in told] == [("a", "error")]
    assert says in told[0].message


def test_the_title_and_the_key_of_the_process() -> None:
    named = extensions(ours("process", title="=金额 + 事由", businessKey="=-事由"))
    told = found(named, user("a"))
    assert [(f.element, f.severity) for f in told] == [("p", "error")] * 2
    assert told[0].message.startswith("流程的标题") and told[1].message.startswith("流程的业务编号")


def test_a_loop_needs_one_thing_to_count() -> None:
    (finding,) = found(user("a", loop="<bpmn:multiInstanceLoopCharacteristics/>"))
    assert "二者取一" in finding.message
    times = "<bpmn:loopCardinality>{}</bpmn:loopCardinality>"
    counted = f"<bpmn:multiInstanceLoopCharacteristics>{times}</bpmn:multiInstanceLoopCharacteristics>"
    assert found(user("a", loop=counted.format("金额"))) == []
    assert "请改成一个数字" in found(user("a", loop=counted.format("事由")))[0].message


def test_a_variable_that_has_several_sources_may_be_of_several_types() -> None:
    other = service("b", "lookup", {"金额": "=result"}, unit="=unit.id")
    assert found(*choice('金额 = "多"')[1:], node("exclusiveGateway", "a", default="a_end"), paths=()) != []
    nodes = (
        node("exclusiveGateway", "a", default="a_end"),
        flow("start", "b"),
        flow("b", "a"),
        flow("a", "no", '金额 = "多"'),
    )
    assert found(other, *nodes, flow("a", "end"), end("no"), paths=()) == []


def test_a_called_process_is_told_of_nothing_that_its_callers_decide() -> None:
    xml = draw(
        "p",
        node("startEvent", "start"),
        user("a", ours("title", value="=unit + 1"), person="=谁"),
        end(),
        path("start", "a", "end"),
    )
    assert rules.check(parse_xml(xml), {"p.bpmn": xml}, set()) == []


def test_an_exit_without_a_condition() -> None:
    (finding,) = found(
        node("exclusiveGateway", "a"),
        flow("start", "a"),
        flow("a", "no"),
        flow("a", "end", "true"),
        end("no"),
        paths=(),
    )
    assert finding.element == "a_no" and "也不是默认出口" in finding.message
