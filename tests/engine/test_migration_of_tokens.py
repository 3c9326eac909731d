"""Tokens in another version of their process: what stays, what is armed and disarmed, what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bpmn.execution import Assign, Complete, Process
from engine.bpmn.migration import Migration, Moved
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
from tests.engine.test_constructs import Instance
from tests.engine.test_steps import CONTEXT, NOW
from tests.engine.test_taking_back import Office

LATER = replace(CONTEXT, now=NOW + timedelta(hours=6))


def move(run: Instance, xml: bytes, began: dict[str, Any] | None = None, /, **mapping: str) -> Moved:
    """Migrate; where that can be done, the run goes on in the new version."""
    new = Process.compile(xml)
    state = run.step.state
    moved = Migration(run.process, new, mapping).move(run.scope, state, LATER, began)
    again = Migration(run.process, new, mapping).move(run.scope, state, LATER, began)
    assert run.step.state == state
    assert [n.key for n in moved.notes] == [n.key for n in again.notes]  # the preview is what then happens
    if moved.step is None:
        assert moved.reasons
        return moved
    assert not moved.reasons
    run.process, run.scope, run.step = new, moved.scope, moved.step
    step = moved.step
    run.open = {mapping.get(k, k): v for k, v in run.open.items() if v not in step.cancelled}
    run.open |= {o.element.id: o.task_id for o in step.opened}
    run.timers = {mapping.get(k, k): v for k, v in run.timers.items() if v.task_id not in step.unscheduled}
    run.timers |= {s.element.id: s for s in step.scheduled}
    run.waiting = {mapping.get(k, k): v for k, v in run.waiting.items() if v.task_id not in step.unsubscribed}
    run.waiting |= {s.element.id: s for s in step.subscribed}
    standing = set(new.standing(run.scope, step.state).values())
    assert set(run.open) <= standing | {run.scope}
    return moved


def codes(moved: Moved) -> set[tuple[str, str]]:
    return {note.key for note in moved.notes}


def refused(moved: Moved) -> set[tuple[str, str | None]]:
    return {(reason.rule, reason.element) for reason in moved.reasons}


LINE = draw("p", start(), user("a"), user("b"), end(), path("start", "a", "b", "end"))


def test_a_user_task_stays_where_it_is_and_goes_the_new_way() -> None:
    run = Instance(LINE)
    task = run.open["a"]
    moved = move(
        run,
        draw(
            "p",
            start(),
            user("neu"),
            user("a"),
            user("x"),
            user("b"),
            end(),
            path("start", "neu", "a", "x", "b", "end"),
        ),
    )
    assert run.open == {"a": task} and not moved.notes
    run.complete("a", 意见="同意")
    assert set(run.open) == {"x"}
    run.complete("x")
    assert run.complete("b").data["意见"] == "同意"


def test_an_element_that_is_gone_is_refused_by_name_or_mapped() -> None:
    run = Instance(LINE)
    new = draw("p", start(), user("a2"), user("b"), user("c"), end(), path("start", "a2", "b", "c", "end"))
    moved = move(run, new)
    assert refused(moved) == {("vanished", "a")} and "“a”" in moved.reasons[0].message and moved.step is None
    assert Migration(run.process, Process.compile(new), {}).missing() == {"a": ["a2", "c", "b"]}
    task = run.open["a"]
    assert codes(move(run, new, a="a2")) == {("renamed", "a")}
    assert run.open == {"a2": task}
    run.complete("a2")
    assert set(run.open) == {"b"}


def test_another_kind_another_scope_another_operation_are_refused() -> None:
    run = Instance(LINE)
    assert refused(
        move(
            run, draw("p", start(), service("a", "notify"), user("b"), end(), path("start", "a", "b", "end"))
        )
    ) == {("different", "a")}
    inside = draw(
        "p",
        start(),
        sub("s", inner_start("i"), user("a"), path("i", "a")),
        user("b"),
        end(),
        path("start", "s", "b", "end"),
    )
    moved = move(run, inside)
    assert refused(moved) == {("different", "a")} and "子流程" in moved.reasons[0].message
    many = draw("p", start(), user("a", loop=each("=人")), user("b"), end(), path("start", "a", "b", "end"))
    assert refused(move(run, many)) == {("different", "a")}
    assert run.complete("a") is not None and set(run.open) == {"b"}  # nothing has happened
    job = Instance(draw("p", start(), service("s", "notify"), end(), path("start", "s", "end")))
    assert refused(
        move(job, draw("p", start(), service("s", "number"), end(), path("start", "s", "end")))
    ) == {("different", "s")}


def waiting_with(*timers: str, kind: str = "P1D") -> bytes:
    parts = [boundary(one, "a", timer("timeDuration", kind), interrupting=False) for one in timers]
    return draw(
        "p",
        start(),
        user("a"),
        *parts,
        *(user(f"t{one}") for one in timers),
        end(),
        path("start", "a", "end"),
        *(path(one, f"t{one}") for one in timers),
    )


def test_a_timer_keeps_its_moment_unless_its_text_differs() -> None:
    run = Instance(waiting_with("x"))
    before = run.timers["x"]
    move(run, waiting_with("x", "y"))
    assert run.timers["x"] == before and run.timers["y"].due == LATER.now + timedelta(days=1)
    moved = move(run, waiting_with("x", kind="P3D"), {before.task_id: NOW})
    assert run.timers["x"].due == NOW + timedelta(days=3) and run.timers["x"].task_id != before.task_id
    assert codes(moved) == {("timer", "x"), ("disarmed", "y")}
    (note,) = [n for n in moved.notes if n.code == "timer"]
    assert note.data == {"from": before.due, "to": run.timers["x"].due, "since": NOW}
    assert moved.step is not None and moved.since == {run.timers["x"].task_id: NOW}
    run.fire("x")
    assert set(run.open) == {"a", "tx"} and not run.timers
    move(run, waiting_with("x"))  # it has fired: it is not armed again
    assert not run.timers
    run.complete("tx")
    assert run.complete("a").ended


def test_a_cycle_counted_anew_and_an_intermediate_timer() -> None:
    def cycle(text: str) -> bytes:
        return draw(
            "p",
            start(),
            user("a"),
            boundary("x", "a", timer("timeCycle", text), interrupting=False),
            user("t"),
            end(),
            path("start", "a", "end"),
            path("x", "t"),
        )

    run = Instance(cycle("R3/P1D"))
    run.fire("x")
    move(run, cycle("R2/PT1H"), {run.timers["x"].task_id: NOW + timedelta(days=1)})
    assert run.timers["x"].due == NOW + timedelta(days=1, hours=1)

    def pause(text: str) -> bytes:
        return draw(
            "p",
            start(),
            catch("c", timer("timeDuration", text)),
            user("a"),
            end(),
            path("start", "c", "a", "end"),
        )

    run = Instance(pause("P2D"))
    move(run, pause("P5D"), {run.timers["c"].task_id: NOW})
    assert run.timers["c"].due == NOW + timedelta(days=5)
    run.fire("c")
    assert run.complete("a").ended


def test_a_timer_that_cannot_be_counted_is_a_refusal() -> None:
    run = Instance(waiting_with("x"))
    moved = move(run, waiting_with("x", kind="=nirgends"))
    assert moved.step is None and "nirgends" in moved.reasons[0].message


def message(name: str, **more: str) -> bytes:
    listen = ours("message", **more) if more else ""
    return draw(
        "p",
        start(),
        catch("c", (extensions(listen) if listen else "") + defines("message", "m")),
        user("a"),
        end(),
        path("start", "c", "a", "end"),
        extra=named("message", "m", name),
    )


def test_a_message_catch_waits_for_what_the_new_version_names() -> None:
    run = Instance(message("批复"), {"编号": "7"})
    same = run.waiting["c"]
    move(run, message("批复"))
    assert run.waiting["c"] == same
    moved = move(run, message("回函", correlation="=编号"))
    assert codes(moved) == {("awaits", "c")}
    assert (run.waiting["c"].name, run.waiting["c"].correlation) == ("回函", "7")
    run.receive("c")
    assert run.complete("a").ended


def test_a_receive_task_keeps_its_boundary_though_its_message_changes() -> None:
    def receive(name: str) -> bytes:
        return draw(
            "p",
            start(),
            node("receiveTask", "r", messageRef="m"),
            boundary("x", "r", timer("timeDuration", "P1D")),
            user("late"),
            end(),
            path("start", "r", "end"),
            path("x", "late"),
            extra=named("message", "m", name),
        )

    run = Instance(receive("甲"))
    due = run.timers["x"]
    move(run, receive("乙"))
    assert run.timers["x"] == due
    run.fire("x")
    assert set(run.open) == {"late"} and not run.waiting
    run = Instance(receive("甲"))
    move(run, receive("乙"))
    assert run.receive("r").ended


def race(*events: str) -> bytes:
    made = {"t": timer("timeDuration", "P1D"), "m": defines("message", "m"), "s": defines("signal", "z")}
    return draw(
        "p",
        start(),
        gateway("eventBased", "g"),
        *(catch(one, made[one]) for one in events),
        *(user(f"after_{one}") for one in events),
        path("start", "g"),
        *(path("g", one, f"after_{one}") for one in events),
        extra=named("message", "m", "批复") + named("signal", "z", "停"),
    )


def test_behind_an_event_gateway_the_new_alternatives_count() -> None:
    run = Instance(race("t", "m"))
    kept = run.waiting["m"]
    moved = move(run, race("m", "s"))
    assert codes(moved) == {("disarmed", "t"), ("armed", "s")}
    assert run.waiting["m"] == kept and not run.timers
    assert not codes(move(run, race("m", "s")))
    run.receive("s")
    assert set(run.open) == {"after_s"} and not run.waiting and run.complete("after_s").ended


def test_an_event_gateway_that_is_gone_is_refused() -> None:
    run = Instance(race("t", "m"))
    assert refused(move(run, LINE)) == {("vanished", "g")}


def inside(*more: str, at: str = "b") -> bytes:
    return draw(
        "p",
        start(),
        user("a"),
        sub("s", inner_start("i"), user(at), *more, path("i", at)),
        user("d"),
        end(),
        path("start", "a", "s", "d", "end"),
    )


def test_into_an_open_sub_process_and_out_of_it() -> None:
    run = Instance(inside())
    run.complete("a")
    moved = move(run, inside(user("c"), path("b", "c")))
    assert not moved.notes
    run.complete("b")
    assert set(run.open) == {"c"}
    run.complete("c")
    assert run.complete("d").ended


def test_a_sub_process_can_be_mapped_with_what_is_in_it() -> None:
    other = draw(
        "p",
        start(),
        user("a"),
        sub("s2", inner_start("i"), user("b2"), path("i", "b2")),
        user("d"),
        end(),
        path("start", "a", "s2", "d", "end"),
    )
    run = Instance(inside())
    run.complete("a")
    assert refused(move(run, other)) == {("vanished", "s")}
    assert refused(move(run, other, s="s2")) == {("vanished", "b")}
    move(run, other, s="s2", b="b2")
    run.complete("b2")
    assert run.complete("d").ended


HANDLER = sub(
    "h",
    node("startEvent", "hs", defines("message", "m"), isInterrupting="false"),
    user("u"),
    path("hs", "u"),
    triggeredByEvent="true",
)
STOP = sub(
    "k",
    node("startEvent", "ks", defines("message", "n"), isInterrupting="true"),
    user("v"),
    path("ks", "v"),
    triggeredByEvent="true",
)
MESSAGES = named("message", "m", "甲") + named("message", "n", "乙")


def watched(*handlers: str) -> bytes:
    return draw("p", start(), user("a"), *handlers, end(), path("start", "a", "end"), extra=MESSAGES)


def test_event_sub_processes_begin_and_cease_to_watch() -> None:
    run = Instance(watched(HANDLER))
    kept = run.waiting["hs"]
    moved = move(run, watched(HANDLER, STOP))
    assert codes(moved) == {("armed", "ks")} and run.waiting["hs"] == kept
    run.receive("hs")
    assert set(run.open) == {"a", "u"}
    moved = move(run, watched(STOP))
    assert refused(moved) == {("vanished", "h"), ("vanished", "u")} or refused(moved) == {("vanished", "h")}
    run.complete("u")
    moved = move(run, watched(STOP))
    assert set(run.waiting) == {"ks"} and ("disarmed", "hs") in codes(moved)
    run.receive("ks")
    assert set(run.open) == {"v"}
    moved = move(run, watched(HANDLER, STOP))
    assert not run.waiting and not codes(moved)  # interrupted: nothing else begins there any more
    assert run.complete("v").ended


FORK = draw(
    "p",
    start(),
    gateway("parallel", "f"),
    user("a"),
    user("b"),
    gateway("parallel", "j"),
    user("d"),
    end(),
    path("start", "f", "a", "j", "d", "end"),
    path("f", "b", "j"),
)


def test_a_join_that_is_half_full_keeps_the_way_its_token_came() -> None:
    run = Office(FORK)
    run.complete("a")
    between = draw(
        "p",
        start(),
        gateway("parallel", "f"),
        user("a"),
        user("neu"),
        user("b"),
        gateway("parallel", "j"),
        user("d"),
        end(),
        path("start", "f", "a"),
        flow("a", "neu", id="a_j"),
        flow("neu", "j"),
        path("j", "d", "end"),
        path("f", "b", "j"),
    )
    moved = move(run, between)
    assert codes(moved) == {("arrived", "j")}
    run.complete("b")
    assert set(run.open) == {"d"}
    run.reopen("a")  # the join is still known, and can be taken apart
    assert set(run.open) == {"a"}
    run.complete("a")
    run.complete("neu")
    assert set(run.open) == {"d"} and run.complete("d").ended


def test_a_join_whose_other_way_is_gone_goes_on_at_once() -> None:
    run = Instance(FORK)
    run.complete("a")
    gone = draw(
        "p",
        start(),
        gateway("parallel", "f"),
        user("a"),
        gateway("parallel", "j"),
        user("d"),
        end(),
        path("start", "f", "a", "j", "d", "end"),
    )
    assert refused(move(run, gone)) == {("vanished", "b")}
    aside = draw(
        "p",
        start(),
        gateway("parallel", "f"),
        user("a"),
        user("b"),
        end("e2"),
        gateway("parallel", "j"),
        user("d"),
        end(),
        path("start", "f", "a", "j", "d", "end"),
        path("f", "b", "e2"),
    )
    moved = move(run, aside)
    assert set(run.open) == {"b", "d"} and ("opened", "d") in codes(moved)
    run.complete("b")
    assert run.complete("d").ended


def test_a_join_that_would_wait_for_ever_is_refused() -> None:
    third = draw(
        "p",
        start(),
        gateway("parallel", "f"),
        user("a"),
        user("b"),
        user("c"),
        gateway("parallel", "j"),
        user("d"),
        end(),
        path("start", "f", "a", "j", "d", "end"),
        path("f", "b", "j"),
        path("f", "c", "j"),
    )
    run = Instance(FORK)
    moved = move(run, third)
    assert refused(moved) == {("starved", "j")} and "“c”" in moved.reasons[0].message
    run.complete("a")
    assert refused(move(run, third)) == {("starved", "j")}
    run.complete("b")
    assert not move(run, third).reasons and run.complete("d").ended
    before = Instance(
        draw(
            "p",
            start(),
            user("z"),
            gateway("parallel", "f"),
            user("a"),
            user("b"),
            gateway("parallel", "j"),
            user("d"),
            end(),
            path("start", "z", "f", "a", "j", "d", "end"),
            path("f", "b", "j"),
        )
    )
    more = draw(
        "p",
        start(),
        user("z"),
        gateway("parallel", "f"),
        user("a"),
        user("b"),
        user("c"),
        gateway("parallel", "j"),
        user("d"),
        end(),
        path("start", "z", "f", "a", "j", "d", "end"),
        path("f", "b", "j"),
        path("f", "c", "j"),
    )
    assert not move(before, more).reasons
    before.complete("z")
    assert set(before.open) == {"a", "b", "c"}


def test_two_ways_into_a_join_that_have_become_one_are_refused() -> None:
    merged = draw(
        "p",
        start(),
        gateway("parallel", "f"),
        user("a"),
        user("b"),
        gateway("exclusive", "x"),
        user("c"),
        gateway("parallel", "j"),
        user("d"),
        path("start", "f", "a", "x", "j", "d"),
        path("f", "b", "x"),
        path("f", "c", "j"),
    )
    three = draw(
        "p",
        start(),
        gateway("parallel", "f"),
        user("a"),
        user("b"),
        user("c"),
        gateway("parallel", "j"),
        user("d"),
        path("start", "f", "a", "j", "d"),
        path("f", "b", "j"),
        path("f", "c", "j"),
    )
    run = Instance(three)
    run.complete("a")
    run.complete("b")
    assert refused(move(run, merged)) == {("no-way-in", "j")}


def test_an_inclusive_join_looks_around_in_the_new_diagram() -> None:
    def either(*parts: str) -> bytes:
        return draw(
            "p",
            start(),
            gateway("inclusive", "f"),
            user("a"),
            user("b"),
            gateway("inclusive", "j"),
            user("d"),
            end(),
            path("start", "f"),
            flow("f", "a", "=true"),
            flow("f", "b", "=true"),
            path("a", "j"),
            *parts,
            path("j", "d", "end"),
        )

    run = Instance(either(path("b", "j")))
    run.complete("a")
    assert set(run.open) == {"b"}
    moved = move(run, either(end("e2"), path("b", "e2")))
    assert set(run.open) == {"b", "d"} and ("opened", "d") in codes(moved)


def test_an_ad_hoc_sub_process_keeps_what_is_open_and_what_is_queued() -> None:
    def adhoc(*tasks: str) -> bytes:
        return draw(
            "p",
            start(),
            sub(
                "s",
                extensions(ours("adHoc", activities="=[" + ",".join(f'"{t}"' for t in tasks) + "]")),
                *(user(t) for t in tasks),
                kind="adHocSubProcess",
                ordering="Sequential",
            ),
            user("z"),
            end(),
            path("start", "s", "z", "end"),
        )

    run = Instance(adhoc("a", "b", "c"))
    assert set(run.open) == {"a"}
    moved = move(run, adhoc("a", "c"))
    assert codes(moved) == {("unqueued", "b")}
    run.complete("a")
    assert set(run.open) == {"c"}
    run.complete("c")
    assert run.complete("z").ended


def test_what_was_done_is_remembered_as_far_as_it_still_exists() -> None:
    long = draw("p", start(), user("a"), user("b"), user("c"), end(), path("start", "a", "b", "c", "end"))
    run = Office(long)
    run.complete("a")
    run.complete("b")
    moved = move(run, draw("p", start(), user("a"), user("c"), end(), path("start", "a", "c", "end")))
    assert codes(moved) == {("forgotten", "b")} and run.trail("c") == ["a"]
    run.reopen("a")
    run.complete("a")
    assert run.complete("c").ended


def test_a_rejected_token_comes_back_unless_its_element_is_gone() -> None:
    def line(*ids: str) -> bytes:
        return draw("p", start(), *(user(one) for one in ids), end(), path("start", *ids, "end"))

    run = Office(line("a", "b", "c"))
    run.complete("a")
    run.complete("b")
    run.reopen("a", direct_from="c")
    kept = Office(line("a", "b", "c"))
    kept.complete("a")
    kept.complete("b")
    kept.reopen("a", direct_from="c")
    move(kept, line("a", "b", "x", "c"))
    kept.complete("a")
    assert set(kept.open) == {"c"}
    assert ("unparked", "c") in codes(move(run, line("a", "b")))
    run.complete("a")
    assert set(run.open) == {"b"} and run.complete("b").ended


def test_compensation_keeps_what_can_still_be_compensated() -> None:
    def booked(*handlers: str) -> bytes:
        events = [
            boundary(f"c{one}", one, defines("compensation"))
            + user(f"undo_{one}").replace("<bpmn:userTask", '<bpmn:userTask isForCompensation="true"')
            + association(f"c{one}", f"undo_{one}")
            for one in handlers
        ]
        return draw(
            "p",
            start(),
            user("a"),
            user("b"),
            user("c"),
            throw("back", defines("compensation")),
            end(),
            *events,
            path("start", "a", "b", "c", "back", "end"),
        )

    run = Instance(booked("a", "b"))
    run.complete("a")
    run.complete("b")
    moved = move(run, booked("a"))
    assert codes(moved) == {("uncompensated", "b")}
    run.complete("c")
    assert set(run.open) == {"undo_a"} and run.complete("undo_a").ended
    run = Instance(booked("a", "b"))
    for one in "abc":
        run.complete(one)
    assert set(run.open) == {"undo_b"}
    move(run, booked("a", "b"))
    run.complete("undo_b")
    assert run.complete("undo_a").ended


def test_a_condition_that_holds_in_the_new_version_fires_at_once() -> None:
    def until(condition: str) -> bytes:
        return draw(
            "p",
            start(),
            user("a"),
            boundary("x", "a", when(condition)),
            user("t"),
            end(),
            path("start", "a", "end"),
            path("x", "t"),
        )

    run = Instance(until("=金额 > 100"), {"金额": 50})
    moved = move(run, until("=金额 > 10"))
    assert set(run.open) == {"t"} and {("opened", "t"), ("withdrawn", "a")} <= codes(moved)
    run = Instance(until("=金额 > 100"), {"金额": 50})
    move(run, until("=金额 > 200"))
    run.do(Assign({"金额": 150}))
    assert set(run.open) == {"a"}
    run.do(Assign({"金额": 250}))
    assert set(run.open) == {"t"}


def test_a_child_of_a_fan_out_moves_within_its_scope() -> None:
    def many(*ids: str, scope: str = "s") -> bytes:
        inner = "".join([inner_start("i"), *(user(one) for one in ids), path("i", *ids), each("=人")])
        return draw(
            "p", start(), node("subProcess", scope, inner), user("z"), end(), path("start", scope, "z", "end")
        )

    run = Instance(many("a", "b"), {"人": [1]}, scope="s")
    move(run, many("a", "x", "b", scope="s2"), s="s2")
    assert run.scope == "s2"
    run.complete("a")
    run.complete("x")
    assert run.complete("b").ended
    gone = Instance(many("a", "b"), {"人": [1]}, scope="s")
    assert refused(move(gone, LINE)) == {("vanished", "s")}


def test_no_way_on_is_told_before_it_happens() -> None:
    run = Instance(FORK)
    run.complete("a")
    stuck = draw(
        "p",
        start(),
        gateway("parallel", "f"),
        user("a"),
        user("b"),
        end("e2"),
        gateway("parallel", "j"),
        gateway("exclusive", "x"),
        user("d"),
        end(),
        path("start", "f", "a", "j", "x"),
        flow("x", "d", "=falsch"),
        path("d", "end"),
        path("f", "b", "e2"),
    )
    moved = move(run, stuck)
    assert moved.step is None and moved.reasons[0].element == "x"
    run.complete("b")
    assert set(run.open) == {"d"}


BRANCHES = st.lists(st.integers(1, 3), min_size=1, max_size=3)


def shape(branches: list[int], inserted: set[tuple[int, int]]) -> bytes:
    """A fork of branches of tasks, joined again, one task before and one behind; ``inserted``: a new task before that one."""
    parts, ways = (
        [start(), user("vor"), user("nach"), end(), gateway("parallel", "f"), gateway("parallel", "j")],
        [path("start", "vor", "f"), path("j", "nach", "end")],
    )
    for number, length in enumerate(branches):
        ids: list[str] = []
        for place in range(length):
            ids += [f"n{number}_{place}"] if (number, place) in inserted else []
            ids += [f"t{number}_{place}"]
        ids += [f"n{number}_{length}"] if (number, length) in inserted else []
        parts += [user(one) for one in ids]
        ways.append(path("f", *ids, "j"))
    return draw("p", *parts, *ways)


@settings(max_examples=60, deadline=None)
@given(
    BRANCHES,
    st.sets(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=5),
    st.integers(0, 8),
    st.randoms(use_true_random=False),
)
def test_with_tasks_inserted_every_instance_still_comes_to_its_end(
    branches: list[int], inserted: set[tuple[int, int]], steps: int, chance: Any
) -> None:
    old, new = shape(branches, set()), shape(branches, inserted)
    run = Instance(old)
    done: list[str] = []
    for _ in range(min(steps, sum(branches) + 1)):
        if not run.open:
            break
        done.append(chance.choice(sorted(run.open)))
        run.complete(done[-1])
        run.open.pop(done[-1], None)
    if run.step.ended:
        return
    stood = dict(run.open)
    moved = move(run, new)
    assert not moved.reasons and run.open == stood
    seen = list(done)
    while not run.step.ended:
        one = chance.choice(sorted(run.open))
        seen.append(one)
        run.complete(one)
        run.open.pop(one, None)
    behind = {f"n{b}_{p}" for b, p in inserted if b < len(branches) and p <= branches[b]}
    assert set(seen) >= {"vor", "nach", *(f"t{b}_{p}" for b, n in enumerate(branches) for p in range(n))}
    assert len(seen) == len(set(seen))
    for one in behind:  # an inserted task is done exactly where its place was still ahead
        branch, place = int(one[1 : one.index("_")]), int(one[one.index("_") + 1 :])
        passed = f"t{branch}_{place}" in done or (
            place == branches[branch] and f"t{branch}_{place - 1}" in done
        )
        reached = passed or f"t{branch}_{place}" in stood
        assert (one in seen) == (not reached)


def test_nothing_is_gone_that_was_not_there() -> None:
    run = Instance(LINE)
    move(run, LINE)
    with pytest.raises(NotExecutable):
        run.do(Complete("00000000-0000-0000-0000-000000000000"))
