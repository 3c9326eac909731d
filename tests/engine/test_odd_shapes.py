"""Shapes that nobody draws on the first day: nested scopes and handlers, loops around joins, compensation from odd places, and work
that is taken back out of each of them. The state goes through text between every two steps."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from engine.bpmn.execution import (
    Action,
    Assign,
    Complete,
    Fire,
    Jump,
    Process,
    Receive,
    Reopen,
    Restart,
    Step,
    Throw,
    Trigger,
)
from engine.errors import NotExecutable
from tests.engine.drawing import (
    boundary,
    catch,
    defines,
    draw,
    end,
    flow,
    gateway,
    inner_start,
    link,
    looped,
    named,
    node,
    path,
    start,
    sub,
    throw,
    timer,
    user,
    when,
)
from tests.engine.test_constructs import handler, undoing, undone
from tests.engine.test_steps import CONTEXT


class Walk:
    """Keeps everything that waits, several tokens of one element too.

    :ivar done: element -> the task that completed it last
    """

    def __init__(self, xml: bytes, **data: Any) -> None:
        self.process = Process.compile(xml)
        self.scope = self.process.model.key
        self.items: dict[str, str] = {}
        self.timers: dict[str, str] = {}
        self.subscriptions: dict[str, str] = {}
        self.done: dict[str, str] = {}
        self._note(self.process.start(self.scope, {"initiator": {"person": 1}, **data}, CONTEXT))

    def _note(self, step: Step) -> Step:
        self.step = step
        for gone in (*step.cancelled, *step.unscheduled, *step.unsubscribed):
            for waiting in (self.items, self.timers, self.subscriptions):
                waiting.pop(gone, None)
        self.items |= {one.task_id: one.element.id for one in step.opened}
        self.timers |= {one.task_id: one.element.id for one in step.scheduled}
        self.subscriptions |= {one.task_id: one.element.id for one in step.subscribed}
        if step.ended:
            assert not self.items and not self.timers and not self.subscriptions
        return step

    def do(self, action: Action) -> Step:
        step = self.process.advance(self.scope, self.step.state, action, CONTEXT)
        if isinstance(action, Complete | Fire) or (isinstance(action, Throw) and action.kind == "error"):
            self.items.pop(action.task_id, None)
            self.timers.pop(action.task_id, None)
        return self._note(step)

    @property
    def open(self) -> list[str]:
        return sorted(self.items.values())

    @property
    def waiting(self) -> list[str]:
        return sorted([*self.timers.values(), *self.subscriptions.values()])

    def id(self, element: str) -> str:
        found = {**self.items, **self.timers, **self.subscriptions}
        return next(key for key, value in found.items() if value == element)

    def complete(self, *elements: str, **data: Any) -> Walk:
        for element in elements:
            self.done[element] = self.id(element)
            self.do(Complete(self.id(element), data))
        return self

    def fire(self, element: str) -> Step:
        return self.do(Fire(self.id(element)))

    def receive(self, element: str, **data: Any) -> Step:
        return self.do(Receive(self.id(element), data))

    def reopen(self, element: str, direct_from: str | None = None) -> Step:
        return self.do(Reopen(element, self.done[element], direct_from and self.id(direct_from)))

    def jump(self, *elements: str, to: str) -> Step:
        return self.do(Jump(tuple(self.id(one) for one in elements), to))


# loops


@pytest.mark.parametrize("interrupting", [True, False])
def test_a_boundary_timer_spans_all_rounds_of_a_loop(interrupting: bool) -> None:
    """An event on the boundary of a looped activity belongs to the activity, not to one of its rounds."""
    xml = draw("p", start(), sub("s", inner_start("i"), user("a"), path("i", "a"), looped("=loopCounter &lt; 3")),
               boundary("late", "s", timer("timeDuration", "P1D"), interrupting=interrupting), user("b"), user("c"),
               path("start", "s", "b"), flow("late", "c"))  # fmt: skip
    run = Walk(xml)
    first = run.id("late")
    run.complete("a")
    assert run.id("late") == first
    run.fire("late")
    assert run.open == (["c"] if interrupting else ["a", "c"])
    if not interrupting:
        run.complete("a")
        assert run.waiting == []  # it has fired: no round begins it again
        run.complete("a", "b")
    assert run.complete("c").step.ended


def test_a_loop_that_is_over_before_its_next_round_takes_its_boundary_along() -> None:
    xml = draw("p", start(), node("userTask", "a", looped("=n &lt; 1", before=True)), boundary("late", "a", timer("timeDuration", "P1D")),
               path("start", "a"))  # fmt: skip
    run = Walk(xml, n=Decimal(0))
    assert run.waiting == ["late"]
    assert run.complete("a", n=Decimal(1)).step.ended


@pytest.mark.parametrize("ordering", ["Sequential", "Parallel"])
def test_each_round_of_a_looped_ad_hoc_sub_process_is_a_new_one(ordering: str) -> None:
    condition = (
        "" if ordering == "Sequential" else "<bpmn:completionCondition>=够了</bpmn:completionCondition>"
    )
    xml = draw("p", start(), sub("s", user("a"), user("b"), looped("=loopCounter &lt; 2"), condition, kind="adHocSubProcess",
                               ordering=ordering),
               user("after"), path("start", "s", "after"))  # fmt: skip
    run = Walk(xml, 够了=False)
    for _ in range(2):
        assert "after" not in run.open
        if ordering == "Sequential":
            for element in "ab":
                ((scope, _),) = run.process.adhoc(run.scope, run.step.state).items()
                run.do(Trigger(scope, element))
                run.complete(element)
        else:
            run.do(Assign({"够了": False}))
            assert run.open == ["a", "b"]
            run.complete("a")
            assert run.open == ["b"]
            run.complete("b", 够了=True)
    assert run.open == ["after"]


def test_taken_back_rounds_are_counted_as_before() -> None:
    one = node("userTask", "a", looped("=loopCounter &lt; 3"))
    run = Walk(draw("p", start(), one, user("b"), path("start", "a", "b"))).complete("a", "a", "a")
    run.reopen("a")  # the third round, again
    assert run.complete("a").open == ["b"]
    inside = sub(
        "s", inner_start("i"), user("a"), user("b"), path("i", "a", "b"), looped("=loopCounter &lt; 3")
    )
    run = Walk(draw("p", start(), inside, user("c"), path("start", "s", "c"))).complete(
        "a", "b", "a", "b", "a", "b"
    )
    assert run.open == ["c"]
    run.reopen("a")
    assert run.complete("a", "b").open == ["c"]


def test_a_round_is_taken_back_though_the_loop_would_not_begin_it_any_more() -> None:
    one = node("userTask", "a", looped("=n &lt; 1", before=True))
    run = Walk(draw("p", start(), one, user("b"), path("start", "a", "b")), n=Decimal(0)).complete(
        "a", n=Decimal(1)
    )
    run.reopen("a")
    assert run.open == ["a"]
    assert run.complete("a").open == ["b"]


def test_the_tasks_of_a_looped_sub_process_see_its_counter() -> None:
    run = Walk(
        draw(
            "p",
            start(),
            sub("s", inner_start("i"), user("a"), path("i", "a"), looped("=loopCounter &lt; 3")),
            path("start", "s"),
        )
    )
    for counter in (1, 2, 3):
        assert run.process.tasks(run.scope, run.step.state, {})[run.id("a")]["loopCounter"] == counter
        run.complete("a")
    assert run.step.ended


def test_a_send_task_loops() -> None:
    send = node("sendTask", "s", looped("=loopCounter &lt; 3"), messageRef="m")
    run = Walk(draw("p", start(), send, path("start", "s"), extra=named("message", "m", "通知")))
    assert run.step.ended and len(run.step.thrown) == 3


# joins


def test_many_joins_one_after_another_keep_the_state_small() -> None:
    parts, line = [start()], "start"
    for n in range(20):
        parts += [gateway("parallel", f"f{n}"), user(f"a{n}"), user(f"b{n}"), gateway("parallel", f"j{n}")]
        parts += [path(line, f"f{n}", f"a{n}", f"j{n}"), path(f"f{n}", f"b{n}", f"j{n}")]
        line = f"j{n}"
    run = Walk(draw("p", *parts, user("last"), path(line, "last")))
    for n in range(20):
        run.complete(f"a{n}", f"b{n}")
    assert len(run.step.state) < 100_000
    run.reopen("a19")
    assert run.open == ["a19"]
    run.complete("a19")
    run.reopen("a3")  # what b3 did is not undone
    assert run.open == ["a3"]
    run.complete("a3")
    assert run.open == ["a4", "b4"]


def test_joins_in_a_loop_keep_the_state_small() -> None:
    def block(n: int) -> str:
        return (gateway("parallel", f"f{n}") + user(f"a{n}") + user(f"b{n}") + gateway("parallel", f"j{n}")
                + path(f"f{n}", f"a{n}", f"j{n}") + path(f"f{n}", f"b{n}", f"j{n}"))  # fmt: skip

    xml = draw("p", start(), gateway("exclusive", "m"), block(1), block(2), gateway("exclusive", "g", default="g_end"), end(),
               path("start", "m", "f1"), path("j1", "f2"), path("j2", "g", "end"), flow("g", "m", "=再来"))  # fmt: skip
    run = Walk(xml, 再来=True)
    sizes = []
    for _ in range(12):
        run.complete("a1", "b1", "a2", "b2")
        sizes.append(len(run.step.state))
    assert sizes[-1] < sizes[2] + 50
    run.complete("a1", "b1", "a2")
    run.reopen("b1")
    assert run.open == ["b1"]
    run.complete("b1")
    assert run.open == ["a2", "b2"]
    assert run.complete("a2", "b2", 再来=False).step.ended


def test_an_inclusive_join_in_a_loop_and_around_a_sub_process() -> None:
    xml = draw(
        "p",
        start(),
        gateway("exclusive", "m"),
        gateway("inclusive", "f", default="f_a"),
        user("a"),
        sub("s", inner_start("i"), gateway("inclusive", "f2"), user("b"), user("c"), gateway("inclusive", "j2"),
            flow("i", "f2"), flow("f2", "b", "=true"), flow("f2", "c", "=x"), path("b", "j2"), path("c", "j2")),
        gateway("inclusive", "j"),
        gateway("exclusive", "g", default="g_end"),
        end(),
        path("start", "m", "f"),
        flow("f", "a"),
        flow("f", "s", "=x"),
        flow("f", "a", "=x", id="also"),
        path("a", "j"),
        path("s", "j", "g", "end"),
        flow("g", "m", "=再来"),
    )  # fmt: skip
    run = Walk(xml, x=True, 再来=True)
    for again in (True, True, False):
        assert run.open == ["a", "b", "c"]
        run.complete("a", "b", 再来=again)
        assert run.open == ["c"]
        run.complete("c")
    assert run.step.ended


def test_a_token_put_back_at_a_join_meets_the_ones_that_came_meanwhile() -> None:
    """直达驳回者, while the other way into the join is finished."""
    xml = draw("p", start(), gateway("parallel", "f"), user("a"), gateway("parallel", "f2"), user("x"), user("y"), user("z"),
               gateway("parallel", "j"), user("d"), path("start", "f", "a", "f2", "x", "j", "d"), path("f2", "y"),
               path("f", "z", "j"))  # fmt: skip
    run = Walk(xml).complete("a", "x")
    run.reopen("a", direct_from="y")
    assert run.open == ["a", "z"]
    run.complete("z", "a")
    assert run.open == ["d", "y"]
    assert run.complete("d", "y").step.ended


def test_a_complex_gateway_begins_anew_for_what_was_taken_back() -> None:
    activation = "<bpmn:activationCondition>=activationCount >= 2</bpmn:activationCondition>"
    xml = draw("p", start(), user("t"), gateway("parallel", "f"), user("a"), user("b"), user("c"), gateway("complex", "j", activation),
               user("d"), path("start", "t", "f"), *(path("f", one, "j") for one in "abc"), flow("j", "d"))  # fmt: skip
    for again in ("reopen", "restart"):
        run = Walk(xml).complete("t", "a", "b")
        assert run.open == ["c", "d"]
        if again == "reopen":
            run.reopen("t")
        else:
            run.do(Restart())
            run.complete("start")
        run.complete("t")
        assert run.open == ["a", "b", "c"]
        run.complete("a", "b")
        assert run.open == ["c", "d"]
        run.complete("c")
        assert run.complete("d").step.ended


# scopes


def test_a_jump_out_of_a_sub_process_ends_it_without_going_on_from_it() -> None:
    xml = draw("p", start(), sub("s", inner_start("i"), sub("s2", inner_start("i2"), user("a"), path("i2", "a")), user("b"),
                                 path("i", "s2", "b")),
               boundary("late", "s", timer("timeDuration", "P1D")), user("c"), user("d"), path("start", "s", "c", "d"))  # fmt: skip
    run = Walk(xml)
    run.jump("a", to="d")
    assert (run.open, run.waiting) == (["d"], [])
    assert run.complete("d").step.ended
    run = Walk(xml)
    run.jump("a", to="b")  # out of the inner one only
    assert (run.open, run.waiting) == (["b"], ["late"])
    run.complete("b")
    assert run.open == ["c"]


def test_a_jump_of_one_of_several_tokens_leaves_the_scope_open() -> None:
    xml = draw("p", start(), sub("s", inner_start("i"), gateway("parallel", "f"), user("a"), user("b"), path("i", "f", "a"),
                                 path("f", "b")),
               user("c"), user("d"), path("start", "s", "c", "d"))  # fmt: skip
    run = Walk(xml)
    run.jump("a", to="d")
    assert run.open == ["b", "d"]
    run.complete("b")
    assert run.open == ["c", "d"]


def test_a_jump_takes_a_scope_and_what_is_in_it_in_any_order() -> None:
    xml = draw(
        "p",
        start(),
        sub("s", inner_start("i"), user("a"), user("b"), path("i", "a", "b")),
        user("d"),
        path("start", "s", "d"),
    )
    for order in (1, -1):
        run = Walk(xml)
        standing = {e: t for t, e in run.process.standing(run.scope, run.step.state).items()}
        run.do(Jump((standing["a"], standing["s"])[::order], "d"))
        assert run.open == ["d"] and run.complete("d").step.ended


def test_a_jump_remembers_the_joins_that_it_has_passed() -> None:
    xml = draw("p", start(), gateway("parallel", "f"), user("a"), user("b"), gateway("parallel", "j"), user("c"), user("d"),
               path("start", "f", "a", "j", "c", "d"), path("f", "b", "j"))  # fmt: skip
    run = Walk(xml).complete("a", "b")
    run.jump("c", to="d")
    run.reopen("a")
    assert run.open == ["a"]
    assert run.complete("a").open == ["c"]


def test_a_jump_takes_the_whole_race_along() -> None:
    """What waits behind an event gateway is one token in several places."""
    xml = draw("p", start(), gateway("eventBased", "g"), catch("t", timer("timeDuration", "PT1H")), catch("m", defines("message", "x")),
               user("a"), user("b"), path("start", "g", "t", "a"), path("g", "m", "b"), extra=named("message", "x", "来件"))  # fmt: skip
    run = Walk(xml)
    run.jump("t", to="a")
    assert (run.open, run.waiting) == (["a"], [])
    assert run.complete("a").step.ended


def test_nested_handlers_and_boundaries() -> None:
    """A sub-process with a handler inside a handler, and boundary events on both, left in each possible way."""
    xml = draw(
        "p",
        start(),
        sub(
            "s", inner_start("i"), user("a"), path("i", "a"),
            handler("h", defines("message", "m1"),
                    sub("t", inner_start("ti"), user("b"), path("ti", "b"),
                        handler("k", defines("message", "m2"), user("c"), path("k_start", "c"), interrupting=False)),
                    boundary("late", "t", timer("timeDuration", "P1D")), user("mend"),
                    path("h_start", "t"), flow("late", "mend")),
        ),
        boundary("stop", "s", defines("message", "m3")),
        user("after"),
        user("stopped"),
        path("start", "s", "after"),
        flow("stop", "stopped"),
        extra=named("message", "m1", "一") + named("message", "m2", "二") + named("message", "m3", "三"),
    )  # fmt: skip
    run = Walk(xml)
    assert (run.open, run.waiting) == (["a"], ["h_start", "stop"])
    run.receive("h_start")
    assert (run.open, run.waiting) == (["b"], ["k_start", "late", "stop"])
    run.receive("k_start")
    run.receive("k_start")
    assert (run.open, run.waiting) == (["b", "c", "c"], ["k_start", "late", "stop"])
    ended, late = deepcopy(run), deepcopy(run)
    ended.complete("b", "c")
    assert "after" not in ended.open
    assert ended.complete("c").open == ["after"] and ended.waiting == []
    late.fire("late")
    assert (late.open, late.waiting) == (["mend"], ["stop"])
    assert late.complete("mend").open == ["after"]
    run.receive("stop")
    assert (run.open, run.waiting) == (["stopped"], []) and run.complete("stopped").step.ended


def test_terminate_in_nested_scopes_and_in_a_handler() -> None:
    stop = end("x", defines("terminate"))
    xml = draw(
        "p",
        start(),
        sub("s", inner_start("i"), gateway("parallel", "f"), user("a"),
            sub("t", inner_start("ti"), gateway("parallel", "f2"), user("b"), user("c"), stop, path("ti", "f2", "b", "x"), path("f2", "c")),
            path("i", "f", "a"), path("f", "t")),
        user("after"),
        path("start", "s", "after"),
    )  # fmt: skip
    run = Walk(xml).complete("b")
    assert run.open == ["a"]
    assert run.complete("a").open == ["after"]
    inside = draw("p", start(), user("a"), path("start", "a"),
                  handler("h", defines("message", "m"), gateway("parallel", "f"), user("b"), user("c"), stop,
                          path("h_start", "f", "b", "x"), path("f", "c"), interrupting=False),
                  extra=named("message", "m", "来件"))  # fmt: skip
    run = Walk(inside)
    run.receive("h_start")
    run.complete("b")
    assert run.open == ["a"] and run.complete("a").step.ended


def test_an_ad_hoc_sub_process_in_another() -> None:
    xml = draw("p", start(), sub("s", user("a"), sub("t", user("b"), user("c"), kind="adHocSubProcess"), kind="adHocSubProcess"),
               user("after"),
               path("start", "s", "after"))  # fmt: skip
    run = Walk(xml)
    assert run.open == ["a", "b", "c"]
    run.complete("b", "a")
    assert run.open == ["c"]
    assert run.complete("c").open == ["after"]
    run.reopen("b")
    assert run.open == ["b"]
    assert run.complete("b").open == ["after"]


def test_a_link_inside_a_sub_process_goes_to_the_one_in_its_own_scope() -> None:
    xml = draw("p", start(), sub("s", inner_start("i"), throw("t", link("甲")), catch("c", link("甲")), user("a"), path("i", "t"),
                                 path("c", "a")),
               user("b"), throw("t2", link("甲")), catch("c2", link("甲")), user("d"), path("start", "s", "b", "t2"),
               path("c2", "d"))  # fmt: skip
    run = Walk(xml)
    assert run.open == ["a"]
    run.complete("a", "b")
    assert run.open == ["d"]
    run.reopen("a")
    assert run.complete("a").open == ["b"]


# errors


def test_an_error_in_a_handler_that_does_not_interrupt_goes_outwards() -> None:
    xml = draw(
        "p",
        start(),
        sub("s", inner_start("i"), user("a"), path("i", "a"),
            handler("h", defines("message", "m"), user("b"), end("x", defines("error", "e")), path("h_start", "b", "x"),
                    interrupting=False)),
        boundary("caught", "s", defines("error", "e")),
        user("mend"),
        path("start", "s"),
        flow("caught", "mend"),
        extra=named("message", "m", "来件") + named("error", "e", "E1"),
    )  # fmt: skip
    run = Walk(xml)
    run.receive("h_start")
    assert run.complete("b").open == ["mend"] and run.waiting == []
    assert run.complete("mend").step.ended


def test_a_token_of_a_cancelled_scope_and_a_timer_that_has_fired_are_gone() -> None:
    xml = draw("p", start(), sub("s", inner_start("i"), user("a"), path("i", "a")), boundary("late", "s", timer("timeDuration", "P1D")),
               user("b"), user("c"), path("start", "s", "c"), flow("late", "b"))  # fmt: skip
    run = Walk(xml)
    a, late = run.id("a"), run.id("late")
    run.fire("late")
    for action in (Complete(a), Fire(late), Throw(a, "E1")):
        with pytest.raises(NotExecutable, match="不再等待"):
            run.do(action)
    assert run.open == ["b"] and run.complete("b").step.ended


# compensation and transactions


def test_every_kind_of_activity_can_be_compensated() -> None:
    send = node("sendTask", "s", messageRef="m")
    xml = draw("p", start(), node("task", "t"), undone("ct", "t", "ut"), undoing("ut"), send, undone("cs", "s", "us"), undoing("us"),
               node("receiveTask", "r", messageRef="m"), undone("cr", "r", "ur"), undoing("ur"), throw("undo", defines("compensation")),
               path("start", "t", "s", "r", "undo"), extra=named("message", "m", "函"))  # fmt: skip
    run = Walk(xml)
    run.receive("r")
    for element in ("ur", "us", "ut"):
        assert run.open == [element]
        run.complete(element)
    assert run.step.ended


def test_a_compensation_handler_may_be_a_sub_process_with_a_boundary() -> None:
    xml = draw("p", start(), user("a"), undone("ca", "a", "s"),
               sub("s", inner_start("i"), user("b"), user("c"), path("i", "b", "c"), isForCompensation="true"),
               throw("undo", defines("compensation")), user("after"), path("start", "a", "undo", "after"))  # fmt: skip
    run = Walk(xml).complete("a")
    assert run.open == ["b"]
    assert run.complete("b", "c").open == ["after"]


def test_a_compensating_event_sub_process_undoes_what_was_inside_when_it_says_so() -> None:
    begins = node("startEvent", "h_start", defines("compensation"))
    xml = draw(
        "p",
        start(),
        user("before"), undone("cb", "before", "ub"), undoing("ub"),
        sub("s", inner_start("i"), user("a"), undone("ca", "a", "ua"), undoing("ua"), path("i", "a"),
            sub("h", begins, user("own"), throw("rest", defines("compensation")), path("h_start", "own", "rest"), triggeredByEvent="true")),
        throw("undo", '<bpmn:compensateEventDefinition activityRef="s"/>'),
        user("after"),
        path("start", "before", "s", "undo", "after"),
    )  # fmt: skip
    run = Walk(xml).complete("before", "a")
    for element in ("own", "ua", "after"):
        assert run.open == [element]
        run.complete(element)
    assert run.step.ended


def test_compensation_thrown_in_an_event_sub_process_undoes_its_scope_and_its_own() -> None:
    xml = draw(
        "p",
        start(),
        sub("s", inner_start("i"), user("a"), undone("ca", "a", "ua"), undoing("ua"), user("b"), path("i", "a", "b"),
            handler("h", defines("error", "e"), user("c"), undone("cc", "c", "uc"), undoing("uc"), throw("undo", defines("compensation")),
                    user("mend"), path("h_start", "c", "undo", "mend"))),
        path("start", "s"),
        extra=named("error", "e", "E1"),
    )  # fmt: skip
    run = Walk(xml).complete("a")
    run.do(Throw(run.id("b"), "E1"))
    for element in ("c", "uc", "ua", "mend"):
        assert run.open == [element]
        run.complete(element)
    assert run.step.ended


def test_cancelling_an_inner_transaction_leaves_the_outer_one_alone() -> None:
    inner = sub("t2", inner_start("i2"), user("b"), undone("cb", "b", "ub"), undoing("ub"), user("c"), end("x", defines("cancel")),
                path("i2", "b", "c", "x"), kind="transaction")  # fmt: skip
    xml = draw(
        "p",
        start(),
        sub("t1", inner_start("i1"), user("a"), undone("ca", "a", "ua"), undoing("ua"), inner,
            boundary("cancelled2", "t2", defines("cancel")),
            user("d"), end("x1", defines("cancel")), path("i1", "a", "t2"), path("cancelled2", "d", "x1"), kind="transaction"),
        boundary("cancelled1", "t1", defines("cancel")),
        user("after"),
        path("start", "t1"),
        flow("cancelled1", "after"),
    )  # fmt: skip
    run = Walk(xml).complete("a", "b", "c")
    for element in ("ub", "d", "ua", "after"):
        assert run.open == [element]
        run.complete(element)
    assert run.step.ended


def test_a_cancelled_transaction_undoes_what_was_done_inside_of_what_is_open() -> None:
    xml = draw(
        "p",
        start(),
        sub("t", inner_start("i"), user("a"), undone("ca", "a", "ua"), undoing("ua"), gateway("parallel", "f"), user("b"),
            sub("s", inner_start("i2"), user("c"), undone("cc", "c", "uc"), undoing("uc"), user("d"), path("i2", "c", "d")),
            end("x", defines("cancel")), path("i", "a", "f", "b", "x"), path("f", "s"), kind="transaction"),
        boundary("cancelled", "t", defines("cancel")),
        user("after"),
        path("start", "t"),
        flow("cancelled", "after"),
    )  # fmt: skip
    run = Walk(xml).complete("a", "c", "b")
    for element in ("uc", "ua", "after"):
        assert run.open == [element]
        run.complete(element)
    assert run.step.ended


def test_what_was_taken_back_and_done_again_is_compensated_once() -> None:
    xml = draw("p", start(), user("a"), undone("ca", "a", "ua"), undoing("ua"), user("b"), undone("cb", "b", "ub"), undoing("ub"),
               user("c"), throw("undo", defines("compensation")), path("start", "a", "b", "c", "undo"))  # fmt: skip
    run = Walk(xml).complete("a", "b")
    run.reopen("b")
    run.complete("b", "c")
    assert run.open == ["ub"]
    run.complete("ub")
    assert run.open == ["ua"] and run.complete("ua").step.ended
    run = Walk(xml).complete("a", "b")
    run.do(Restart())
    run.complete("start", "a", "b", "c", "ub")
    assert run.open == ["ua"] and run.complete("ua").step.ended


def test_what_was_taken_back_inside_a_sub_process_is_compensated_once() -> None:
    xml = draw("p", start(), sub("s", inner_start("i"), user("a"), undone("ca", "a", "ua"), undoing("ua"), user("b"),
                                 undone("cb", "b", "ub"), undoing("ub"), path("i", "a", "b")),
               user("c"), throw("undo", defines("compensation")),
               path("start", "s", "c", "undo"))  # fmt: skip
    run = Walk(xml).complete("a", "b")
    run.reopen("b")
    run.complete("b", "c")
    for element in ("ub", "ua"):
        assert run.open == [element]
        run.complete(element)
    assert run.step.ended


# taking back


def test_directly_back_into_nested_scopes_with_their_timers() -> None:
    xml = draw(
        "p",
        start(),
        user("z"),
        sub("s", inner_start("i"), user("a"),
            sub("t", inner_start("ti"), user("b"), boundary("soon", "b", timer("timeDuration", "PT1H"), interrupting=False), user("note"),
                path("ti", "b"), flow("soon", "note")),
            boundary("late", "t", timer("timeDuration", "P1D")), user("mend"), path("i", "a", "t"), flow("late", "mend"),
            handler("h", defines("message", "m"), user("k"), path("h_start", "k"), interrupting=False)),
        boundary("later", "s", timer("timeDuration", "P2D")),
        path("start", "z", "s"),
        extra=named("message", "m", "来件"),
    )  # fmt: skip
    run = Walk(xml).complete("z", "a")
    before = (run.open, run.waiting)
    assert before == (["b"], ["h_start", "late", "later", "soon"])
    run.reopen("a", direct_from="b")
    assert (run.open, run.waiting) == (["a"], ["h_start", "later"])
    run.complete("a")
    assert (run.open, run.waiting) == before
    run.reopen("z", direct_from="b")
    assert (run.open, run.waiting) == (["z"], [])
    run.complete("z")
    assert (run.open, run.waiting) == before
    run.fire("late")
    assert (run.open, run.waiting) == (["mend"], ["h_start", "later"])
    assert run.complete("mend").step.ended


def test_directly_back_twice_and_then_step_by_step() -> None:
    run = Walk(draw("p", start(), user("a"), user("b"), user("c"), path("start", "a", "b", "c"))).complete(
        "a", "b"
    )
    run.reopen("b", direct_from="c")
    run.reopen("a", direct_from="b")
    assert run.open == ["a"]
    assert run.complete("a").open == ["b"]
    assert run.complete("b").open == ["c"]
    run.reopen("b", direct_from="c")
    run.reopen("a")
    assert run.complete("a").open == ["b"]
    assert run.complete("b").open == ["c"] and run.complete("c").step.ended


def test_nobody_started_it_so_it_cannot_go_back_to_the_initiator() -> None:
    begins = node("startEvent", "start", timer("timeCycle", "R/P1D"))
    run = Walk(draw("p", begins, user("a"), path("start", "a")))
    with pytest.raises(NotExecutable, match="不是由人发起"):
        run.do(Restart())
    assert run.open == ["a"]


def test_a_condition_that_holds_from_the_start_fires_once() -> None:
    xml = draw(
        "p",
        start(),
        user("a"),
        boundary("c", "a", when("=急"), interrupting=False),
        user("b"),
        path("start", "a"),
        flow("c", "b"),
    )
    run = Walk(xml, 急=True)
    assert run.open == ["a", "b"]
    run.do(Assign({"急": True}))
    assert run.open == ["a", "b"]
    run.do(Assign({"急": False}))
    run.do(Assign({"急": True}))
    assert Counter(run.open) == {"a": 1, "b": 2}


def test_an_error_handler_undoes_a_loop_in_the_middle() -> None:
    xml = draw("p", start(), sub("s", inner_start("i"), node("serviceTask", "a", looped("=true")), path("i", "a"),
                                 handler("h", defines("error", "e"), user("mend"), path("h_start", "mend"))),
               user("after"), path("start", "s", "after"), extra=named("error", "e", "E1"))  # fmt: skip
    run = Walk(xml).complete("a", "a")
    run.do(Throw(run.id("a"), "E1"))
    assert run.open == ["mend"] and run.complete("mend").open == ["after"]
