"""Tokens that are taken back, moved, or sent back to the start: what the office operations do to a state."""

from __future__ import annotations

from typing import Any

import pytest

from engine.bpmn.execution import Complete, Jump, Reopen, Restart
from engine.errors import NotExecutable
from tests.engine.drawing import (
    boundary,
    defines,
    draw,
    each,
    end,
    flow,
    gateway,
    inner_start,
    path,
    start,
    sub,
    throw,
    timer,
    user,
)
from tests.engine.test_constructs import Instance, undoing, undone

LINE = draw("p", start(), user("a"), user("b"), user("c"), end(), path("start", "a", "b", "c", "end"))
FORK = draw("p", start(), user("a"), gateway("parallel", "f"), user("b"), user("c"), user("c2"), gateway("parallel", "j"), user("d"), end(),
            path("start", "a", "f", "b", "j", "d", "end"), path("f", "c", "c2", "j"))  # fmt: skip


class Office(Instance):
    """Remembers which task completed which element."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.completions: dict[str, str] = {}

    def complete(self, element: str, **data: Any) -> Any:
        self.completions[element] = self.open[element]
        return super().complete(element, **data)

    def reopen(self, element: str, direct_from: str | None = None) -> Any:
        return self.do(Reopen(element, self.completions[element], direct_from and self.open[direct_from]))

    def do(self, action: Any, *context: Any) -> Any:
        if isinstance(action, Reopen):  # its task id is a completed one: what is open is told by the step
            step = self.process.advance(self.scope, self.step.state, action, _context())
            self.step = step
            self.open = {k: v for k, v in self.open.items() if v not in step.cancelled}
            self.open |= {o.element.id: o.task_id for o in step.opened}
            self.timers = {k: v for k, v in self.timers.items() if v.task_id not in step.unscheduled}
            self.timers |= {s.element.id: s for s in step.scheduled}
            return step
        return super().do(action, *context)

    def trail(self, element: str) -> list[str]:
        passed = self.process.trail(self.scope, self.step.state, self.open[element])
        assert all(self.completions.get(one.element_id, one.task_id) == one.task_id for one in passed)
        return [one.element_id for one in passed]


def _context() -> Any:
    from tests.engine.test_steps import CONTEXT

    return CONTEXT


def test_back_to_the_previous_task_and_on_again() -> None:
    run = Office(LINE)
    run.complete("a", x=1)
    run.complete("b")
    assert run.trail("c") == ["b", "a"]
    step = run.reopen("b")
    assert set(run.open) == {"b"} and len(step.cancelled) == 1
    assert run.trail("b") == ["a"]
    run.complete("b")
    assert set(run.open) == {"c"} and run.complete("c").data["x"] == 1


def test_back_by_several_steps_all_are_done_again_or_straight_on() -> None:
    run = Office(LINE)
    run.complete("a")
    run.complete("b")
    run.reopen("a")
    run.complete("a")
    assert set(run.open) == {"b"}  # 逐级重审
    run.complete("b")
    run.reopen("a", direct_from="c")
    assert set(run.open) == {"a"}
    run.complete("a")
    assert set(run.open) == {"c"} and run.trail("c") == ["a", "b"]  # 直达驳回者


def test_out_of_a_parallel_branch_the_siblings_go_too() -> None:
    run = Office(FORK)
    run.complete("a")
    run.complete("c")
    step = run.reopen("a")
    assert set(run.open) == {"a"} and len(step.cancelled) == 2
    run.complete("a")
    assert set(run.open) == {"b", "c"}
    run.complete("b")
    run.complete("c")
    run.complete("c2")
    assert set(run.open) == {"d"} and run.complete("d").ended


def test_within_a_branch_the_siblings_stay() -> None:
    run = Office(FORK)
    run.complete("a")
    run.complete("c")
    step = run.reopen("c")
    assert set(run.open) == {"b", "c"} and len(step.cancelled) == 1


def test_a_token_that_waits_at_a_join_is_taken_back_from_there() -> None:
    run = Office(FORK)
    run.complete("a")
    run.complete("b")
    run.reopen("b")
    assert set(run.open) == {"b", "c"}
    run.complete("c")
    run.complete("c2")
    assert "d" not in run.open
    run.complete("b")
    assert set(run.open) == {"d"}


def test_behind_a_join_one_way_is_undone_and_the_other_waits_again() -> None:
    run = Office(FORK)
    run.complete("a")
    run.complete("b")
    run.complete("c")
    run.complete("c2")
    run.reopen("b")
    assert set(run.open) == {"b"}
    run.complete("b")
    assert set(run.open) == {"d"}
    run.reopen("c")
    assert set(run.open) == {"c"}
    run.complete("c")
    run.complete("c2")
    assert set(run.open) == {"d"} and run.complete("d").ended


def test_a_join_is_remembered_through_a_second_one() -> None:
    xml = draw("p", start(), gateway("parallel", "f"), user("a"), user("b"), gateway("parallel", "j"), user("t"), gateway("parallel", "f2"),
               user("x"), user("y"), gateway("parallel", "j2"), user("z"), path("start", "f", "a", "j", "t", "f2", "x", "j2", "z"),
               path("f", "b", "j"), path("f2", "y", "j2"))  # fmt: skip
    run = Office(xml)
    for element in "abtxy":
        run.complete(element)
    run.reopen("t")  # before the second fork: both its ways go
    assert set(run.open) == {"t"}
    run.reopen("a")  # and before the first join, which b has passed
    assert set(run.open) == {"a"}
    run.complete("a")
    assert set(run.open) == {"t"}


def test_directly_back_to_where_the_parallel_branches_stood() -> None:
    run = Office(FORK)
    run.complete("a")
    run.complete("b")
    run.complete("c")
    run.reopen("a", direct_from="c2")
    assert set(run.open) == {"a"}
    run.complete("a")
    assert set(run.open) == {"c2"}  # b has been done and still waits at the join
    run.complete("c2")
    assert set(run.open) == {"d"}


def test_into_a_sub_process_that_is_over_and_out_of_one_that_is_open() -> None:
    xml = draw("p", start(), user("a"), sub("s", inner_start("i"), user("b"), user("c"), path("i", "b", "c")),
               boundary("late", "s", timer("timeDuration", "P1D")), user("d"), path("start", "a", "s", "d"))  # fmt: skip
    run = Office(xml)
    run.complete("a")
    run.complete("b")
    run.complete("c")
    assert run.trail("d") == ["s", "c", "b", "a"]
    step = run.reopen("b")
    assert set(run.open) == {"b"} and set(run.timers) == {"late"} and len(step.scheduled) == 1
    run.complete("b")
    assert set(run.open) == {"c"}
    step = run.reopen("a")
    assert set(run.open) == {"a"} and not run.timers and len(step.unscheduled) == 1


def test_a_join_inside_a_sub_process_that_is_over_is_remembered() -> None:
    xml = draw("p", start(), sub("s", inner_start("i"), gateway("parallel", "f"), user("a"), user("b"), gateway("parallel", "j"), user("c"),
                                 path("i", "f", "a", "j", "c"), path("f", "b", "j")), user("d"), path("start", "s", "d"))  # fmt: skip
    run = Office(xml)
    for element in "abc":
        run.complete(element)
    run.reopen("b")
    assert set(run.open) == {"b"}
    run.complete("b")
    assert set(run.open) == {"c"}


def test_what_has_not_been_done_cannot_be_undone() -> None:
    run = Office(LINE)
    run.complete("a")
    done = run.completions["a"]
    run.reopen("a")
    with pytest.raises(NotExecutable, match="没有在办的环节"):
        run.do(Reopen("a", done))


def test_while_a_compensation_runs_there_is_no_way_straight_back() -> None:
    xml = draw("p", start(), user("a"), user("b"), undone("cb", "b", "ub"), undoing("ub"), throw("undo", defines("compensation")), end(),
               path("start", "a", "b", "undo", "end"))  # fmt: skip
    run = Office(xml)
    run.complete("a")
    run.complete("b")
    assert set(run.open) == {"ub"}
    with pytest.raises(NotExecutable, match="补偿正在进行"):
        run.reopen("a", direct_from="ub")
    run.reopen("a")
    assert set(run.open) == {"a"}


def test_the_elements_that_every_path_passes() -> None:
    process = Office(FORK).process
    assert process.dominators("d") == {"start", "a", "f", "b", "c", "c2", "j"} - {"b", "c", "c2"}
    assert process.dominators("c2") == {"start", "a", "f", "c"}
    loop = draw("p", start(), user("a"), user("b"), gateway("exclusive", "g"), user("c"), path("start", "a", "b", "g", "c"),
                flow("g", "a", "=x"))  # fmt: skip
    assert Office(loop).process.dominators("b") == {"start", "a"}


def test_a_jump_lists_what_it_takes_away() -> None:
    run = Office(FORK)
    run.complete("a")
    step = run.do(Jump((run.open["b"], run.open["c"]), "d"))
    assert set(run.open) == {"d"} or [o.element.id for o in step.opened] == ["d"]
    assert len(step.cancelled) == 2
    (opened,) = step.opened
    assert run.do(Complete(opened.task_id)).ended


def test_a_jump_into_a_sub_process_opens_it() -> None:
    xml = draw("p", start(), user("a"), sub("s", inner_start("i"), user("b"), user("c"), path("i", "b", "c")), user("d"),
               path("start", "a", "s", "d"))  # fmt: skip
    run = Office(xml)
    step = run.do(Jump((run.open["a"],), "c"))
    assert [o.element.id for o in step.opened] == ["c"]
    step = run.do(Complete(step.opened[0].task_id))
    assert [o.element.id for o in step.opened] == ["d"]


def test_no_jump_into_a_fan_out() -> None:
    xml = draw(
        "p",
        start(),
        user("a"),
        sub("s", inner_start("i"), user("b"), path("i", "b"), each("=[1]")),
        path("start", "a", "s"),
    )
    run = Office(xml)
    with pytest.raises(NotExecutable, match="另一个子流程"):
        run.do(Jump((run.open["a"],), "b"))


def test_back_to_the_initiator_waits_at_the_start_event() -> None:
    run = Office(FORK, {"事由": "探亲"})
    run.complete("a")
    step = run.do(Restart())
    (opened,) = step.opened
    assert opened.element.kind == "startEvent" and opened.data["事由"] == "探亲" and len(step.cancelled) == 2
    step = run.do(Complete(opened.task_id, {"事由": "出差"}))
    assert [o.element.id for o in step.opened] == ["a"] and step.opened[0].data["事由"] == "出差"
