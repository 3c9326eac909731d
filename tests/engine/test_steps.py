"""The pure step: what one action means, without a database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.bpmn.execution import Complete, Context, Fire, Process, Step, Throw
from engine.dmn import Decision
from engine.errors import NotExecutable, Refused
from tests.engine.drawing import (
    boundary,
    draw,
    each,
    end,
    flow,
    inner_start,
    node,
    path,
    service,
    start,
    timer,
    user,
)

NOW = datetime(2026, 3, 5, 1, 0, tzinfo=UTC)


def nothing(resource: str, decision: str, data: Mapping[str, Any], now: datetime) -> Decision:
    return Decision(None, (), (), {}, ())


CONTEXT = Context(NOW, nothing)


class Run:
    """Drives one instance, saved and loaded between every two steps."""

    def __init__(self, xml: bytes, data: dict[str, Any] | None = None, scope: str | None = None) -> None:
        self.process = Process.compile(xml)
        self.scope = scope or self.process.model.key
        self.step: Step = self.process.start(
            self.scope, {"initiator": {"person": 1}, **(data or {})}, CONTEXT
        )
        self.open = {o.element.id: o.task_id for o in self.step.opened}
        self.timers = {s.element.id: s for s in self.step.scheduled}

    def do(self, action: Any, context: Context = CONTEXT) -> Step:
        self.step = self.process.advance(self.scope, self.step.state, action, context)
        gone = {*self.step.cancelled, action.task_id}
        self.open = {k: v for k, v in self.open.items() if v not in gone} | {
            o.element.id: o.task_id for o in self.step.opened
        }
        unscheduled = {*self.step.unscheduled, action.task_id}
        self.timers = {k: v for k, v in self.timers.items() if v.task_id not in unscheduled}
        self.timers |= {s.element.id: s for s in self.step.scheduled}
        return self.step

    def complete(self, element: str, **data: Any) -> Step:
        return self.do(Complete(self.open[element], data))


def test_a_line_of_tasks() -> None:
    run = Run(draw("p", start(), user("a"), user("b"), end(), path("start", "a", "b", "end")))
    assert list(run.open) == ["a"]
    run.complete("a", 意见="同意")
    assert list(run.open) == ["b"]
    step = run.complete("b")
    assert (step.ended and step.data["意见"] == "同意" and step.passed == ["b", "end"]) or step.passed == [
        "end"
    ]


def test_a_gateway_reads_feel_with_chinese_names() -> None:
    xml = draw(
        "p",
        start(),
        user("审核"),
        node("exclusiveGateway", "g", default="g_end"),
        user("退回"),
        end(),
        path("start", "审核", "g"),
        flow("g", "退回", '=审核决定 = "退回修改"'),
        flow("g", "end"),
        flow("退回", "审核"),
    )
    run = Run(xml)
    run.complete("审核", 审核决定="退回修改")
    assert list(run.open) == ["退回"]
    run.complete("退回")
    assert list(run.open) == ["审核"]
    assert run.complete("审核", 审核决定="同意").ended


def test_a_gateway_without_a_match_says_which_one() -> None:
    xml = draw("p", start(), user("a"), node("exclusiveGateway", "g", name="通过？"), end(), end("e2"), path("start", "a", "g"),
               flow("g", "end", "x = 1"), flow("g", "e2", "x = 2"))  # fmt: skip
    run = Run(xml)
    with pytest.raises(NotExecutable, match="通过？"):
        run.complete("a", x=3)
    assert run.complete("a", x=2).ended


def test_parallel_branches_join() -> None:
    xml = draw("p", start(), node("parallelGateway", "f"), user("a"), user("b"), node("parallelGateway", "j"), user("c"), end(),
               path("start", "f", "a", "j", "c", "end"), path("f", "b", "j"))  # fmt: skip
    run = Run(xml)
    assert set(run.open) == {"a", "b"}
    run.complete("a", 甲=1)
    assert set(run.open) == {"b"}
    run.complete("b", 乙=2)
    assert set(run.open) == {"c"}
    step = run.complete("c")
    assert step.ended and (step.data["甲"], step.data["乙"]) == (1, 2)


def test_a_reminder_does_not_interrupt_and_a_deadline_does() -> None:
    xml = draw(
        "p",
        start(),
        user("回签"),
        boundary("提醒", "回签", timer("timeDuration", "P1D"), interrupting=False),
        boundary("到期", "回签", timer("timeDate", "=截止"), interrupting=True),
        service("notify", "notify"),
        user("督办"),
        end(),
        end("e2"),
        end("e3"),
        path("start", "回签", "end"),
        path("提醒", "notify", "e2"),
        path("到期", "督办", "e3"),
    )
    deadline = datetime(2026, 4, 30, tzinfo=UTC)
    run = Run(xml, {"截止": deadline})
    assert run.timers["提醒"].due == NOW + timedelta(days=1)
    assert run.timers["到期"].due == deadline
    run.do(Fire(run.timers["提醒"].task_id))
    assert set(run.open) == {"回签", "notify"}
    run.complete("notify")
    step = run.do(Fire(run.timers["到期"].task_id))
    assert set(run.open) == {"督办"} and len(step.cancelled) == 1
    assert run.complete("督办").ended


def test_a_completed_task_takes_its_timers_along() -> None:
    xml = draw("p", start(), user("a"), boundary("t", "a", timer("timeDuration", "P1D")), user("b"), end(), end("e2"),
               path("start", "a", "b", "end"), path("t", "e2"))  # fmt: skip
    run = Run(xml)
    timer_task = run.timers["t"].task_id
    assert run.complete("a").unscheduled == [timer_task]


def test_a_cycle_reminds_again_and_ends_with_the_task() -> None:
    xml = draw("p", start(), user("a"), boundary("t", "a", timer("timeCycle", "R3/P1D"), interrupting=False), service("n", "notify"),
               end(), end("e2"), path("start", "a", "end"), path("t", "n", "e2"))  # fmt: skip
    run = Run(xml)
    for round_ in (1, 2, 3):
        assert run.timers["t"].due == NOW + timedelta(days=round_)
        run.do(Fire(run.timers["t"].task_id))
        run.complete("n")
    assert run.timers == {} and list(run.open) == ["a"]
    assert run.complete("a").ended


def test_a_date_is_due_when_its_day_is_over_in_shanghai() -> None:
    xml = draw("p", start(), user("a"), boundary("t", "a", timer("timeDate", '=date("2026-04-30")')), end(), end("e2"),
               path("start", "a", "end"), path("t", "e2"))  # fmt: skip
    assert Run(xml).timers["t"].due == datetime(2026, 4, 30, 16, 0, tzinfo=UTC)


def test_an_intermediate_timer_waits() -> None:
    xml = draw(
        "p",
        start(),
        node("intermediateCatchEvent", "t", timer("timeDuration", "PT2H")),
        end(),
        path("start", "t", "end"),
    )
    run = Run(xml)
    assert not run.step.ended
    assert run.do(Fire(run.timers["t"].task_id)).ended


def test_a_sub_process_shares_its_parents_variables() -> None:
    inner = inner_start("s2") + user("b") + end("e2") + path("s2", "b", "e2")
    xml = draw(
        "p",
        start(),
        user("a"),
        node("subProcess", "sub", inner),
        user("c"),
        end(),
        path("start", "a", "sub", "c", "end"),
    )
    run = Run(xml)
    run.complete("a", x=1)
    assert list(run.open) == ["b"]
    run.complete("b", y=2)
    step = run.complete("c")
    assert step.ended and step.data["x"] == 1 and step.data["y"] == 2


def test_an_error_boundary_catches_a_service_error() -> None:
    error = '<bpmn:error id="e_no" name="无印章" errorCode="no-seal"/>'
    xml = draw("p", start(), service("seal", "seal"),
               boundary("caught", "seal", '<bpmn:errorEventDefinition errorRef="e_no"/>'),
               user("线下盖章"), end(), end("e2"), path("start", "seal", "end"), path("caught", "线下盖章", "e2"), extra=error)  # fmt: skip
    run = Run(xml)
    with pytest.raises(NotExecutable):
        run.do(Throw(run.open["seal"], "other"))
    run.do(Throw(run.open["seal"], "no-seal"))
    assert list(run.open) == ["线下盖章"]
    assert run.complete("线下盖章").ended


def test_an_error_end_leaves_the_instance_with_its_code() -> None:
    error = '<bpmn:error id="e_x" name="x" errorCode="X1"/>'
    xml = draw(
        "p",
        start(),
        user("a"),
        end("e", '<bpmn:errorEventDefinition errorRef="e_x"/>'),
        path("start", "a", "e"),
        extra=error,
    )
    step = Run(xml).complete("a")
    assert step.outcome == "error:X1"


def test_terminate_ends_everything() -> None:
    xml = draw("p", start(), node("parallelGateway", "f"), user("a"), user("b"), end("t", "<bpmn:terminateEventDefinition/>"), end(),
               path("start", "f", "a", "t"), path("f", "b", "end"))  # fmt: skip
    run = Run(xml)
    step = run.complete("a")
    assert step.ended and len(step.cancelled) == 1


def test_a_fan_out_waits_like_one_activity() -> None:
    inner = inner_start("s2") + user("签") + end("e2") + path("s2", "签", "e2")
    xml = draw(
        "p",
        start(),
        node("subProcess", "每单位", each("=单位") + inner),
        user("后"),
        end(),
        path("start", "每单位", "后", "end"),
    )
    run = Run(xml, {"单位": [1, 2, 3]})
    assert list(run.open) == ["每单位"]
    run.complete("每单位")
    assert list(run.open) == ["后"]
    child = Run(xml, {"item": 2}, scope="每单位")
    assert list(child.open) == ["签"] and child.complete("签").ended
    assert child.process.entry("每单位") is not None


@pytest.mark.parametrize("key", ["typename", "$date", "__class__"])
def test_no_variable_name_can_confuse_the_state(key: str) -> None:
    run = Run(draw("p", start(), user("a"), user("b"), end(), path("start", "a", "b", "end")))
    run.complete("a", x={key: "2026"}, **{key: 1})
    step = run.complete("b")
    assert step.data["x"] == {key: "2026"} and step.data[key] == 1


def test_dates_and_decimals_keep_their_type() -> None:
    from datetime import date
    from decimal import Decimal

    run = Run(draw("p", start(), user("a"), user("b"), end(), path("start", "a", "b", "end")))
    run.complete("a", 日=date(2026, 4, 30), 分=Decimal("12.50"))
    step = run.complete("b")
    assert step.data["日"] == date(2026, 4, 30) and step.data["分"] == Decimal("12.50")


def test_what_is_no_bpmn_is_refused_with_a_finding() -> None:
    for content in (
        b"no xml",
        b"<a/>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        "<!DOCTYPE a><a/>".encode("utf-16"),
    ):
        with pytest.raises(Refused):
            Process.compile(content)


def test_a_value_that_cannot_be_kept_is_refused_in_words() -> None:
    run = Run(draw("p", start(), user("a"), user("b"), end(), path("start", "a", "b", "end")))
    with pytest.raises(NotExecutable, match="不能保存"):
        run.complete("a", x=object())
    assert list(run.open) == ["a"]
