"""Every construct of BPMN that runs, a diagram each. The state goes through text between every two steps."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from engine.bpmn.execution import Assign, Compensate, Complete, Fire, Receive, Throw, Trigger
from engine.dmn import Decision
from engine.errors import NotExecutable
from tests.engine.drawing import (
    association,
    boundary,
    catch,
    defines,
    draw,
    each,
    end,
    extensions,
    flow,
    gateway,
    inner_start,
    link,
    looped,
    named,
    node,
    ours,
    path,
    service,
    start,
    sub,
    throw,
    timer,
    user,
    when,
)
from tests.engine.test_steps import CONTEXT, NOW, Run

APPEND = ours("output", name="列表", value="=append(列表, 项)")


class Instance(Run):
    """A run that also keeps its subscriptions, and fires events by element."""

    def __init__(self, xml: bytes, data: dict[str, Any] | None = None, scope: str | None = None) -> None:
        super().__init__(xml, data, scope)
        self.waiting = {s.element.id: s for s in self.step.subscribed}

    def do(self, action: Any, context: Any = CONTEXT) -> Any:
        if not hasattr(action, "task_id"):
            action_id, self.step = None, self.process.advance(self.scope, self.step.state, action, context)
            self.open = {k: v for k, v in self.open.items() if v not in self.step.cancelled}
            self.open |= {o.element.id: o.task_id for o in self.step.opened}
            self.timers = {k: v for k, v in self.timers.items() if v.task_id not in self.step.unscheduled}
            self.timers |= {s.element.id: s for s in self.step.scheduled}
        else:
            action_id = action.task_id
            super().do(action, context)
        gone = (
            {*self.step.unsubscribed, action_id}
            if action_id in self.step.unsubscribed
            else {*self.step.unsubscribed}
        )
        self.waiting = {k: v for k, v in self.waiting.items() if v.task_id not in gone}
        self.waiting |= {s.element.id: s for s in self.step.subscribed}
        return self.step

    def receive(self, element: str, **data: Any) -> Any:
        return self.do(Receive(self.waiting[element].task_id, data))

    def fire(self, element: str) -> Any:
        timer_ = self.timers[element]
        return self.do(Fire(timer_.task_id), replace(CONTEXT, now=timer_.due))

    def throw(self, element: str, code: str, **more: Any) -> Any:
        return self.do(Throw(self.open[element], code, **more))

    @property
    def marks(self) -> dict[str, str]:
        return self.process.elements_of(self.scope, self.step.state)


# tasks


def test_manual_and_abstract_tasks_are_passed_and_noted() -> None:
    run = Instance(
        draw(
            "p",
            start(),
            node("manualTask", "m"),
            node("task", "t"),
            user("a"),
            end(),
            path("start", "m", "t", "a", "end"),
        )
    )
    assert run.step.passed == ["start", "m", "t"] and set(run.open) == {"a"}
    assert run.complete("a").outcome == "completed"


def test_a_business_rule_task_is_decided_inside_the_step() -> None:
    rule = node(
        "businessRuleTask", "r", extensions(ours("decision", ref="g.dmn", decision="等次", result="结果"))
    )
    decide = replace(CONTEXT, decide=lambda *_: Decision("优秀", (), (), {}, ()))
    run = Instance(draw("p", start(), user("a"), rule, end(), path("start", "a", "r", "end")))
    step = run.do(Complete(run.open["a"]), decide)
    assert step.data["结果"] == "优秀" and [d.decision for d in step.decided] == ["等次"]


def test_a_send_task_throws_its_message_with_key_and_content() -> None:
    send = node(
        "sendTask",
        "s",
        extensions(ours("message", correlation="=编号"), ours("input", name="内容", value="=文号 + 1")),
        messageRef="m",
    )
    run = Instance(
        draw("p", start(), send, end(), path("start", "s", "end"), extra=named("message", "m", "通知")),
        {"编号": Decimal(7), "文号": Decimal(1)},
    )
    (thrown,) = run.step.thrown
    assert (thrown.kind, thrown.name, thrown.correlation, thrown.data) == (
        "message",
        "通知",
        "7",
        {"内容": 2},
    )
    assert run.step.ended


def test_a_receive_task_takes_only_what_it_declares() -> None:
    receive = node(
        "receiveTask",
        "r",
        extensions(ours("message", correlation="=编号"), ours("output", name="答复", value="=正文")),
        messageRef="m",
    )
    run = Instance(
        draw("p", start(), receive, end(), path("start", "r", "end"), extra=named("message", "m", "答复件")),
        {"编号": "A1", "密级": "公开"},
    )
    waiting = run.waiting["r"]
    assert (waiting.kind, waiting.name, waiting.correlation) == ("message", "答复件", "A1")
    step = run.receive("r", 正文="同意", 密级="绝密")
    assert (
        step.ended and step.data["答复"] == "同意" and step.data["密级"] == "公开" and "正文" not in step.data
    )


# gateways and flows


def test_an_activity_forks_and_conditional_flows_leave_it() -> None:
    xml = draw(
        "p",
        start(),
        user("a"),
        user("always"),
        user("big"),
        user("small"),
        flow("start", "a"),
        flow("a", "always"),
        flow("a", "big", "=额 > 10"),
        flow("a", "small", "=额 &lt;= 10"),
    )
    run = Instance(xml)
    run.complete("a", 额=Decimal(11))
    assert set(run.open) == {"always", "big"}
    run.complete("always")
    assert run.complete("big").ended


def test_the_default_flow_of_an_activity() -> None:
    xml = draw("p", start(), node("userTask", "a", default="a_b"), user("b"), user("c"), flow("start", "a"),
               flow("a", "b"), flow("a", "c", "=急"))  # fmt: skip
    run = Instance(xml)
    run.complete("a", 急=False)
    assert set(run.open) == {"b"}
    run = Instance(xml)
    run.complete("a", 急=True)
    assert set(run.open) == {"c"}


INCLUSIVE = draw(
    "p",
    start(),
    gateway("inclusive", "f", default="f_c"),
    user("a"),
    user("b"),
    user("c"),
    gateway("inclusive", "j"),
    user("d"),
    end(),
    flow("start", "f"),
    flow("f", "a", "=x > 0"),
    flow("f", "b", "=x > 1"),
    flow("f", "c"),
    path("a", "j"),
    path("b", "j"),
    path("c", "j", "d", "end"),
)


@pytest.mark.parametrize(("x", "taken"), [(0, {"c"}), (1, {"a"}), (2, {"a", "b"})])
def test_an_inclusive_gateway_waits_for_what_can_come(x: int, taken: set[str]) -> None:
    run = Instance(INCLUSIVE, {"x": Decimal(x)})
    assert set(run.open) == taken
    for number, element in enumerate(sorted(taken)):
        assert "d" not in run.open
        run.complete(element)
        assert ("d" in run.open) is (number == len(taken) - 1)
    assert run.complete("d").ended


def test_an_inclusive_join_looks_through_loops_and_boundary_events() -> None:
    xml = draw(
        "p",
        start(),
        gateway("inclusive", "f"),
        user("a"),
        user("b"),
        boundary("late", "b", timer("timeDuration", "PT1H")),
        gateway("inclusive", "j"),
        user("d"),
        flow("start", "f"),
        flow("f", "a", "=true"),
        flow("f", "b", "=true"),
        path("a", "j"),
        path("late", "j", "d"),
        flow("b", "elsewhere"),
        end("elsewhere"),
    )
    run = Instance(xml)
    run.complete("a")
    assert "d" not in run.open  # b may still be late
    run.fire("late")
    assert set(run.open) == {"d"}
    run = Instance(xml)
    run.complete("a")
    run.complete("b")
    assert set(run.open) == {"d"}


def test_a_parallel_join_counts_flows_not_tokens() -> None:
    xml = draw("p", start(), gateway("parallel", "f"), user("a"), user("b"), gateway("exclusive", "m"), gateway("parallel", "f2"),
               user("c"), gateway("parallel", "j"), user("d"), path("start", "f", "a", "m"), path("f", "b", "m"), flow("f", "c"),
               flow("m", "j"), path("c", "j", "d"))  # fmt: skip
    run = Instance(xml)
    run.complete("a")
    run.complete("b")  # a second token by the same flow
    assert set(run.open) == {"c"}
    run.complete("c")
    assert set(run.open) == {"d"}
    assert not run.complete(
        "d"
    ).ended  # the other token waits for a partner that cannot come: soundness tells at deploy


def test_the_first_event_behind_an_event_gateway_decides() -> None:
    xml = draw(
        "p",
        start(),
        gateway("eventBased", "g"),
        catch("soon", timer("timeDuration", "PT1S")),
        catch("later", timer("timeDuration", "PT100S")),
        catch("answer", defines("message", "m")),
        user("a"),
        user("b"),
        path("start", "g", "later", "a"),
        path("g", "soon", "b"),
        path("g", "answer", "a"),
        extra=named("message", "m", "答复"),
    )
    run = Instance(xml)
    assert set(run.timers) == {"soon", "later"} and set(run.waiting) == {"answer"}
    assert run.timers["soon"].due == NOW + timedelta(seconds=1)
    step = run.fire("soon")
    assert set(run.open) == {"b"} and not run.timers and not run.waiting
    assert len(step.unscheduled) == 1 and len(step.unsubscribed) == 1
    run = Instance(xml)
    run.receive("answer")
    assert set(run.open) == {"a"} and not run.timers


def test_a_complex_gateway_goes_on_at_its_condition_and_swallows_the_rest() -> None:
    activation = "<bpmn:activationCondition>=activationCount >= 2</bpmn:activationCondition>"
    xml = draw("p", start(), gateway("parallel", "f"), user("a"), user("b"), user("c"), gateway("complex", "j", activation), user("d"),
               path("start", "f"), *(path("f", one, "j") for one in "abc"), flow("j", "d"))  # fmt: skip
    run = Instance(xml)
    run.complete("a")
    assert set(run.open) == {"b", "c"}
    run.complete("c")
    assert set(run.open) == {"b", "d"}
    run.complete("b")
    assert set(run.open) == {"d"}
    assert run.complete("d").ended


def test_links_go_on_elsewhere() -> None:
    xml = draw(
        "p",
        start(),
        throw("t", link("甲")),
        catch("c", link("甲")),
        user("a"),
        path("start", "t"),
        path("c", "a"),
    )
    assert set(Instance(xml).open) == {"a"}


# events


def test_a_boundary_message_interrupts_and_another_does_not() -> None:
    xml = draw(
        "p",
        start(),
        user("a"),
        boundary("stop", "a", defines("message", "m1")),
        boundary(
            "note",
            "a",
            extensions(ours("output", name="备注", value="=内容")) + defines("message", "m2"),
            interrupting=False,
        ),
        user("stopped"),
        user("noted"),
        flow("start", "a"),
        flow("stop", "stopped"),
        flow("note", "noted"),
        extra=named("message", "m1", "撤件") + named("message", "m2", "补充"),
    )
    run = Instance(xml)
    run.receive("note", 内容="一")
    assert set(run.open) == {"a", "noted"} and set(run.waiting) == {"stop", "note"}
    run.receive("note", 内容="二")
    step = run.receive("stop")
    assert set(run.open) == {"noted", "stopped"} and not run.waiting and len(step.cancelled) == 1


def test_a_signal_end_event_throws() -> None:
    xml = draw(
        "p",
        start(),
        end("e", defines("signal", "s")),
        flow("start", "e"),
        extra=named("signal", "s", "公示期满"),
    )
    (thrown,) = Instance(xml).step.thrown
    assert (thrown.kind, thrown.name) == ("signal", "公示期满")


def test_a_conditional_event_fires_when_its_condition_becomes_true() -> None:
    xml = draw(
        "p",
        start(),
        gateway("parallel", "f"),
        user("a"),
        catch("c", when("=总数 >= 3")),
        user("b"),
        user("more"),
        boundary("alarm", "more", when("=总数 > 5"), interrupting=False),
        user("alarmed"),
        path("start", "f", "a"),
        path("f", "c", "b"),
        path("f", "more"),
        flow("alarm", "alarmed"),
    )
    run = Instance(xml, {"总数": Decimal(1)})
    assert set(run.open) == {"a", "more"}
    run.do(Assign({"总数": Decimal(3)}))
    assert set(run.open) == {"a", "more", "b"}
    run.complete("a", 总数=Decimal(6))
    assert set(run.open) == {"more", "b", "alarmed"}
    run.complete("b", 总数=Decimal(7))  # still true: it does not fire again
    assert set(run.open) == {"more", "alarmed"}
    run.do(Assign({"总数": Decimal(0)}))
    step = run.do(Assign({"总数": Decimal(9)}))
    assert [o.element.id for o in step.opened] == ["alarmed"]


def test_an_error_is_caught_where_it_is_named_then_by_whoever_catches_all() -> None:
    def xml(*codes: str) -> bytes:
        return draw(
            "p",
            start(),
            service("s", "notify", text="x"),
            *(
                boundary(f"b{i}", "s", defines("error", f"e{i}" if code else ""))
                for i, code in enumerate(codes)
            ),
            *(user(f"u{i}") for i in range(len(codes))),
            flow("start", "s"),
            *(flow(f"b{i}", f"u{i}") for i in range(len(codes))),
            extra="".join(named("error", f"e{i}", code) for i, code in enumerate(codes) if code),
        )

    for codes, thrown, caught in ((("X", ""), "X", "u0"), (("", "X"), "X", "u1"), (("X", ""), "Y", "u1")):
        run = Instance(xml(*codes))
        run.throw("s", thrown)
        assert set(run.open) == {caught}
    with pytest.raises(NotExecutable, match="没有被任何边界事件捕获"):
        Instance(xml("X")).throw("s", "Y")
    assert Instance(xml("X")).throw("s", "Y", propagate=True).outcome == "error:Y"


def test_an_error_end_event_leaves_its_sub_process_by_the_boundary() -> None:
    xml = draw(
        "p",
        start(),
        sub("s", inner_start("i"), gateway("parallel", "f"), user("a"), user("b"), end("e", defines("error", "x")),
            path("i", "f", "a", "e"), path("f", "b")),
        boundary("caught", "s", extensions(ours("output", name="原因", value="=errorCode")) + defines("error", "x")),
        user("after"),
        path("start", "s"),
        flow("caught", "after"),
        extra=named("error", "x", "E1"),
    )  # fmt: skip
    run = Instance(xml)
    step = run.complete("a")
    assert set(run.open) == {"after"} and len(step.cancelled) == 1
    assert run.complete("after").data["原因"] == "E1"


def test_an_escalation_is_heard_outside_while_the_work_goes_on() -> None:
    def xml(interrupting: bool) -> bytes:
        return draw(
            "p",
            start(),
            sub(
                "s",
                inner_start("i"),
                throw("up", defines("escalation", "x")),
                user("a"),
                path("i", "up", "a"),
            ),
            boundary("heard", "s", defines("escalation", "x"), interrupting=interrupting),
            user("told"),
            user("next"),
            path("start", "s", "next"),
            flow("heard", "told"),
            extra=named("escalation", "x", "逾期"),
        )

    assert set(Instance(xml(False)).open) == {"a", "told"}
    assert set(Instance(xml(True)).open) == {"told"}
    alone = draw("p", start(), throw("up", defines("escalation", "x")), user("a"), path("start", "up", "a"),
                 extra=named("escalation", "x", "逾期"))  # fmt: skip
    run = Instance(alone)
    assert set(run.open) == {"a"} and [e.code for e in run.step.escalated] == ["逾期"]


def test_terminate_ends_its_own_scope_only() -> None:
    xml = draw(
        "p",
        start(),
        sub("s", inner_start("i"), gateway("parallel", "f"), user("a"), user("b"), end("t", defines("terminate")),
            path("i", "f", "a", "t"), path("f", "b")),
        user("after"),
        path("start", "s", "after"),
    )  # fmt: skip
    run = Instance(xml)
    run.complete("a")
    assert set(run.open) == {"after"}
    top = draw("p", start(), gateway("parallel", "f"), user("a"), user("b"), end("t", defines("terminate")),
               path("start", "f", "a", "t"), path("f", "b"))  # fmt: skip
    run = Instance(top)
    step = run.complete("a")
    assert step.outcome == "terminated" and len(step.cancelled) == 1


@pytest.mark.parametrize("cycle", ["R3/PT1H", "R/PT1H"])
def test_a_timer_cycle_on_a_boundary(cycle: str) -> None:
    xml = draw("p", start(), user("a"), boundary("tick", "a", timer("timeCycle", cycle), interrupting=False), node("task", "t"),
               path("start", "a"), flow("tick", "t"))  # fmt: skip
    run = Instance(xml)
    for hours in (1, 2, 3):
        assert run.timers["tick"].due == NOW + timedelta(hours=hours)
        run.fire("tick")
    assert ("tick" in run.timers) is (cycle == "R/PT1H")
    assert run.complete("a").ended


# scopes


def handler(id: str, definition: str, *parts: str, interrupting: bool = True) -> str:
    """An event sub-process."""
    begins = node("startEvent", f"{id}_start", definition, isInterrupting=str(interrupting).lower())
    return sub(id, begins, *parts, triggeredByEvent="true")


def test_an_event_sub_process_interrupts_its_process() -> None:
    xml = draw(
        "p",
        start(),
        user("a"),
        end(),
        path("start", "a", "end"),
        handler("h", defines("message", "m"), user("b"), path("h_start", "b")),
        extra=named("message", "m", "撤件"),
    )
    run = Instance(xml)
    assert set(run.open) == {"a"} and set(run.waiting) == {"h_start"}
    run.receive("h_start")
    assert set(run.open) == {"b"} and not run.waiting
    assert run.complete("b").outcome == "completed"
    untouched = Instance(xml)
    step = untouched.complete("a")
    assert step.ended and len(step.unsubscribed) == 1
    assert set(Instance(xml).open) == {"a"}  # the shared spec is as it was


def test_an_event_sub_process_that_does_not_interrupt_runs_beside_and_again() -> None:
    xml = draw(
        "p",
        start(),
        sub("s", inner_start("i"), user("a"), path("i", "a"),
            handler("h", timer("timeCycle", "R2/PT1H"), user("b"), path("h_start", "b"), interrupting=False)),
        user("after"),
        path("start", "s", "after"),
    )  # fmt: skip
    run = Instance(xml)
    run.fire("h_start")
    first = run.open["b"]
    run.fire("h_start")
    assert run.open["b"] != first and "h_start" not in run.timers
    run.complete("a")
    assert "after" not in run.open  # the scope ends with all that runs in it
    run.complete("b")
    run.do(Complete(first))
    assert set(run.open) == {"after"}


def test_errors_and_escalations_reach_event_sub_processes_of_outer_scopes() -> None:
    xml = draw(
        "p",
        start(),
        sub("outer", inner_start("o"), sub("inner", inner_start("i"), service("s", "notify", text="x"), path("i", "s")), path("o", "inner"),
            handler("h", defines("error", "x"), user("mend"), path("h_start", "mend"))),
        user("after"),
        path("start", "outer", "after"),
        extra=named("error", "x", "E1"),
    )  # fmt: skip
    run = Instance(xml)
    run.throw("s", "E1")
    assert set(run.open) == {"mend"}
    run.complete("mend")
    assert set(run.open) == {"after"}


def test_a_handlers_own_error_is_not_caught_by_itself() -> None:
    xml = draw(
        "p",
        start(),
        sub("s", inner_start("i"), service("a", "notify", text="x"), path("i", "a"),
            handler("h", defines("error", "x"), service("b", "notify", text="x"), path("h_start", "b"))),
        boundary("outside", "s", defines("error", "x")),
        user("u"),
        flow("start", "s"),
        flow("outside", "u"),
        extra=named("error", "x", "E1"),
    )  # fmt: skip
    run = Instance(xml)
    run.throw("a", "E1")
    assert set(run.open) == {"b"}
    run.throw("b", "E1")
    assert set(run.open) == {"u"}


def adhoc(
    ordering: str = "Parallel", condition: str = "", *, cancels: bool = True, chosen: str = ""
) -> bytes:
    done = f"<bpmn:completionCondition>{condition}</bpmn:completionCondition>" if condition else ""
    asked = extensions(ours("adHoc", activities=chosen)) if chosen else ""
    return draw(
        "p",
        start(),
        sub("s", asked, user("a"), user("b"), user("b2"), path("b", "b2"), user("c"), done, kind="adHocSubProcess", ordering=ordering,
            cancelRemainingInstances=str(cancels).lower()),
        user("after"),
        path("start", "s", "after"),
    )  # fmt: skip


def test_an_ad_hoc_sub_process_opens_everything_that_nothing_leads_to() -> None:
    run = Instance(adhoc())
    assert set(run.open) == {"a", "b", "c"}
    for element in ("a", "b", "c", "b2"):
        assert "after" not in run.open
        run.complete(element)
    assert set(run.open) == {"after"}


def test_an_ad_hoc_sub_process_opens_what_is_asked_for_and_ends_on_its_condition() -> None:
    run = Instance(adhoc(condition="=够了", chosen='=["a"]'), {"够了": False})
    assert set(run.open) == {"a"}
    run.complete("a")
    assert not run.open
    ((scope, choices),) = run.process.adhoc(run.scope, run.step.state).items()
    assert choices == ["a", "b", "c"]
    run.do(Trigger(scope, "a"))
    run.do(Trigger(scope, "c"))
    with pytest.raises(NotExecutable, match="不是“s”中可以随时启动的环节"):
        run.do(Trigger(scope, "b2"))
    run.complete("a", 够了=True)
    assert set(run.open) == {"after"}


def test_a_sequential_ad_hoc_sub_process_does_one_thing_at_a_time() -> None:
    run = Instance(adhoc("Sequential"))
    ((scope, _),) = run.process.adhoc(run.scope, run.step.state).items()
    assert not run.open
    run.do(Trigger(scope, "c"))
    with pytest.raises(NotExecutable, match="一次只办一个环节"):
        run.do(Trigger(scope, "a"))
    run.complete("c")
    run.do(Trigger(scope, "a"))
    run.complete("a")
    run.do(Trigger(scope, "b"))
    run.complete("b")
    run.complete("b2")
    assert set(run.open) == {"after"}


# compensation and transactions


def undone(id: str, on: str, by: str) -> str:
    return boundary(id, on, defines("compensation")) + association(id, by)


def undoing(id: str) -> str:
    return node("userTask", id, isForCompensation="true")


def test_compensation_undoes_in_reverse_order() -> None:
    xml = draw("p", start(), user("a"), undone("ca", "a", "ua"), undoing("ua"), user("b"), undone("cb", "b", "ub"), undoing("ub"),
               user("c"), undone("cc", "c", "uc"), undoing("uc"), throw("undo", defines("compensation")), user("after"),
               path("start", "a", "b", "undo", "after"))  # fmt: skip
    run = Instance(xml)
    run.complete("a")
    run.complete("b")
    assert set(run.open) == {"ub"}
    run.complete("ub")
    assert set(run.open) == {"ua"}
    run.complete("ua")
    assert set(run.open) == {"after"}  # c never ran


def test_compensation_of_one_activity() -> None:
    one = '<bpmn:compensateEventDefinition activityRef="a"/>'
    xml = draw("p", start(), user("a"), undone("ca", "a", "ua"), undoing("ua"), user("b"), undone("cb", "b", "ub"), undoing("ub"),
               throw("undo", one), end("e", defines("compensation")), path("start", "a", "b", "undo", "e"))  # fmt: skip
    run = Instance(xml)
    run.complete("a")
    run.complete("b")
    assert set(run.open) == {"ua"}
    run.complete("ua")
    assert set(run.open) == {"ub"}  # the end event compensates the rest, not the same twice
    assert run.complete("ub").ended


def test_a_completed_sub_process_is_compensated_from_within() -> None:
    xml = draw(
        "p",
        start(),
        sub("s", inner_start("i"), user("a"), undone("ca", "a", "ua"), undoing("ua"), user("b"), undone("cb", "b", "ub"), undoing("ub"),
            path("i", "a", "b")),
        throw("undo", defines("compensation")),
        path("start", "s", "undo"),
    )  # fmt: skip
    run = Instance(xml)
    run.complete("a")
    run.complete("b")
    run.complete("ub")
    assert run.complete("ua").ended


def test_a_cancelled_transaction_is_compensated_and_left_by_its_boundary() -> None:
    xml = draw(
        "p",
        start(),
        sub("t", inner_start("i"), user("a"), undone("ca", "a", "ua"), undoing("ua"), gateway("parallel", "f"), user("b"), user("c"),
            end("x", defines("cancel")), path("i", "a", "f", "b", "x"), path("f", "c"), kind="transaction"),
        boundary("cancelled", "t", defines("cancel")),
        user("after"),
        user("fine"),
        path("start", "t", "fine"),
        flow("cancelled", "after"),
    )  # fmt: skip
    run = Instance(xml)
    run.complete("a")
    run.complete("b")
    assert set(run.open) == {"ua"}  # c was cancelled
    run.complete("ua")
    assert set(run.open) == {"after"}
    assert run.complete("after").ended
    fine = Instance(draw("p", start(), sub("t", inner_start("i"), user("a"), path("i", "a"), kind="transaction"), user("b"),
                         path("start", "t", "b")))  # fmt: skip
    fine.complete("a")
    assert set(fine.open) == {"b"}


def test_an_ended_child_is_compensated_from_within() -> None:
    xml = draw("p", start(), sub("s", inner_start("i"), user("a"), undone("ca", "a", "ua"), undoing("ua"), path("i", "a"), each("=人")),
               throw("undo", defines("compensation")), path("start", "s", "undo"))  # fmt: skip
    child = Instance(xml, scope="s")
    assert child.complete("a").ended
    child.do(Compensate())
    assert set(child.open) == {"ua"} and not child.step.ended
    assert child.complete("ua").outcome == "completed"
    parent = Instance(xml, {"人": [1]})
    fan_out = parent.open["s"]
    parent.complete("s")
    (opened,) = parent.step.opened
    assert opened.compensates == fan_out and opened.element.id == "s"
    assert parent.do(Complete(opened.task_id)).ended


# loops


def test_a_loop_of_more_than_a_thousand_rounds() -> None:
    loop = looped("=loopCounter &lt; 1500")
    run = Instance(draw("p", start(), node("userTask", "a", loop), end(), path("start", "a", "end")))
    for _ in range(1499):
        assert not run.complete("a").ended
    assert run.complete("a").ended
    assert len(run.step.state) < 2000  # rounds that are over leave nothing behind


def test_a_loop_that_tests_before_may_have_no_round() -> None:
    xml = draw(
        "p",
        start(),
        node("userTask", "a", looped("=n &lt; 2", before=True)),
        end(),
        path("start", "a", "end"),
    )
    assert Instance(xml, {"n": Decimal(2)}).step.ended
    run = Instance(xml, {"n": Decimal(0)})
    run.complete("a", n=Decimal(1))
    assert run.complete("a", n=Decimal(2)).ended


def test_a_loop_has_a_maximum() -> None:
    run = Instance(
        draw(
            "p", start(), node("userTask", "a", looped("=true", maximum=2)), end(), path("start", "a", "end")
        )
    )
    assert not run.complete("a").ended
    assert run.complete("a").ended


def test_a_looped_sub_process_and_a_flow_that_goes_round_two_thousand_times() -> None:
    xml = draw("p", start(), sub("s", inner_start("i"), user("a"), path("i", "a"), looped("=loopCounter &lt; 3")), end(),
               path("start", "s", "end"))  # fmt: skip
    run = Instance(xml)
    for last in (False, False, True):
        assert run.complete("a").ended is last
    drawn = draw("p", start(), gateway("exclusive", "m"), node("task", "t"), user("a"), gateway("exclusive", "g", default="g_end"), end(),
                 path("start", "m", "t", "a", "g", "end"), flow("g", "m", "=n &lt; 2000"))  # fmt: skip
    run = Instance(drawn)
    for n in range(1, 2000):
        assert not run.complete("a", n=Decimal(n)).ended
    assert run.complete("a", n=Decimal(2000)).ended


def test_a_loop_that_waits_for_nothing_is_stopped() -> None:
    xml = draw(
        "p",
        start(),
        gateway("exclusive", "m"),
        node("task", "t"),
        user("a"),
        path("start", "a", "m", "t", "m"),
    )
    run = Instance(xml)
    with pytest.raises(NotExecutable, match="还没有停下"):
        run.complete("a")


# data


def test_two_branches_that_append_to_one_list_keep_both() -> None:
    xml = draw("p", start(), gateway("parallel", "f"), user("a", APPEND), user("b", APPEND), gateway("parallel", "j"), user("c"),
               path("start", "f", "a", "j", "c"), path("f", "b", "j"))  # fmt: skip
    run = Instance(xml, {"列表": []})
    run.complete("a", 项="甲")
    run.complete("b", 项="乙")
    assert run.complete("c").data["列表"] == ["甲", "乙"]


def test_a_task_of_a_fan_out_runs_alone_as_a_child() -> None:
    xml = draw("p", start(), node("serviceTask", "s", extensions(ours("operation", name="notify")) + each("=人")), end(),
               path("start", "s", "end"))  # fmt: skip
    child = Instance(xml, {"item": 1}, scope="s")
    assert not child.step.opened[0].element.is_fanout
    assert child.complete("s").ended


def test_data_objects_are_variables() -> None:
    """An association from a data object gives an input, one to a data object takes an output."""
    io = (
        '<bpmn:ioSpecification><bpmn:dataInput id="i1" name="text"/><bpmn:dataOutput id="o1" name="persons"/>'
        '<bpmn:inputSet id="is"/><bpmn:outputSet id="os"/></bpmn:ioSpecification>'
    )

    def carry(kind: str, source: str, target: str) -> str:
        ends = f"<bpmn:sourceRef>{source}</bpmn:sourceRef><bpmn:targetRef>{target}</bpmn:targetRef>"
        return f'<bpmn:data{kind}Association id="{kind}">{ends}</bpmn:data{kind}Association>'

    into, out = carry("Input", "r1", "i1"), carry("Output", "o1", "r2")
    task = node("serviceTask", "s", extensions(ours("operation", name="notify")) + io + into + out)
    objects = (
        '<bpmn:dataObject id="d1" name="通知正文"/><bpmn:dataObjectReference id="r1" dataObjectRef="d1"/>'
        '<bpmn:dataObject id="d2"/><bpmn:dataObjectReference id="r2" name="收件人" dataObjectRef="d2"/>'
    )
    run = Instance(draw("p", objects, start(), task, path("start", "s")))
    element = run.process.model.elements["s"]
    assert dict(element.inputs) == {"text": "=通知正文"} and dict(element.outputs) == {
        "收件人": "=result.persons"
    }


def test_a_lane_says_who_does_its_tasks() -> None:
    lanes = (
        '<bpmn:laneSet id="ls"><bpmn:lane id="l1" name="党委">'
        + extensions(ours("assignment", post="书记", unit="=unit.id"))
        + "<bpmn:flowNodeRef>a</bpmn:flowNodeRef><bpmn:flowNodeRef>b</bpmn:flowNodeRef></bpmn:lane></bpmn:laneSet>"
    )
    run = Instance(draw("p", lanes, start(), user("a", person=None), user("b"), path("start", "a", "b")))
    elements = run.process.model.elements
    assert elements["a"].assignment[0].posts == ("书记",) and elements["a"].lane == "党委"
    assert elements["b"].assignment[0].person == "=initiator.person"


def test_a_lane_says_who_does_what_is_in_its_sub_processes() -> None:
    lanes = (
        '<bpmn:laneSet id="ls"><bpmn:lane id="l1" name="党委">'
        + extensions(ours("assignment", post="书记", unit="=unit.id"))
        + "<bpmn:flowNodeRef>sub</bpmn:flowNodeRef></bpmn:lane></bpmn:laneSet>"
    )
    inside = sub("sub", inner_start("i"), user("a", person=None), path("i", "a"))
    run = Instance(draw("p", lanes, start(), inside, path("start", "sub")))
    assert run.process.model.elements["a"].assignment[0].posts == ("书记",)
