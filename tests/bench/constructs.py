"""What a step of each construct costs: in the bare kernel, which loads, moves and writes the state, and through the engine on SQLite."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

from sqlalchemy import select

from engine.bpmn.execution import Complete, Fire, Process, Receive, Step
from engine.instances import ProcessInstance
from engine.work_items import WorkItem
from tests.bench.ground import ground
from tests.bench.report import Report, timed
from tests.engine.drawing import (
    boundary,
    catch,
    defines,
    draw,
    each,
    end,
    flow,
    gateway,
    inner_start,
    looped,
    named,
    node,
    path,
    start,
    sub,
    timer,
    user,
)
from tests.engine.test_steps import CONTEXT

BRANCHES = ("b1", "b2", "b3")


def _fork(kind: str) -> str:
    ways = "".join(flow("f", b, "=true" if kind == "inclusive" else "") + path(b, "j") for b in BRANCHES)
    return gateway(kind, "f") + gateway(kind, "j") + "".join(user(b) for b in BRANCHES) + ways


def _process(*parts: str, first: str, last: str) -> bytes:
    """Something before, the construct, something after."""
    return draw("p", start(), user("a"), *parts, user("z"), end(), path("start", "a", first), path(last, "z", "end"),
                extra=named("message", "m", "来件"))  # fmt: skip


CONSTRUCTS: dict[str, bytes] = {
    "user task": _process(user("b"), first="b", last="b"),
    "user task with two boundary timers": _process(
        user("b"), boundary("t", "b", timer("timeDuration", "P1D")), end("e1"),
        boundary("u", "b", timer("timeDuration", "P2D"), interrupting=False), end("e2"), path("t", "e1"), path("u", "e2"),
        first="b", last="b"),
    "exclusive gateway": _process(
        gateway("exclusive", "g", default="g_c"), user("b"), user("c"), gateway("exclusive", "k"), flow("g", "b", "=true"), flow("g", "c"),
        path("b", "k"), path("c", "k"), first="g", last="k"),
    "parallel gateway, three ways": _process(_fork("parallel"), first="f", last="j"),
    "inclusive gateway, three ways": _process(_fork("inclusive"), first="f", last="j"),
    "event gateway, timer and message": _process(
        gateway("eventBased", "g"), catch("t", timer("timeDuration", "P1D")), catch("m1", defines("message", "m")),
        gateway("exclusive", "k"), path("g", "t", "k"), path("g", "m1", "k"), first="g", last="k"),
    "timer event": _process(catch("t", timer("timeDuration", "P1D")), first="t", last="t"),
    "message event": _process(catch("m1", defines("message", "m")), first="m1", last="m1"),
    "embedded sub-process": _process(sub("s", inner_start("i"), user("b"), end("e"), path("i", "b", "e")), first="s", last="s"),
    "three nested sub-processes": _process(
        sub("s", inner_start("i"), sub("s2", inner_start("i2"), sub("s3", inner_start("i3"), user("b"), end("e3"), path("i3", "b", "e3")),
                                   end("e2"), path("i2", "s3", "e2")), end("e"),
            path("i", "s2", "e")), first="s", last="s"),
    "event sub-process watching": _process(
        sub("s", inner_start("i"), user("b"), end("e"), path("i", "b", "e"),
            sub("h", node("startEvent", "hs", defines("message", "m")), end("he"), path("hs", "he"), triggeredByEvent="true")),
        first="s", last="s"),
    "standard loop, five rounds": _process(user("b", loop=looped("=loopCounter &lt; 5")), first="b", last="b"),
    "multi-instance user task of three": _process(user("b", loop=each("=[1,2,3]")), first="b", last="b"),
    "ad-hoc sub-process of three": _process(sub("s", *(user(b) for b in BRANCHES), kind="adHocSubProcess"), first="s", last="s"),
}  # fmt: skip


def run(report: Report) -> None:
    rounds = 5 if report.quick else 60
    kernel = _kernel(rounds)
    sqlite = _engine(3 if report.quick else 25)
    report.table(
        f"A step of each construct, from the task before it to the task after it, median of {rounds} runs, interleaved",
        ["", "steps", "kernel ms a step", "state bytes", "engine steps", "SQLite ms a step"],
        [[name, *kernel[name], *sqlite[name]] for name in CONSTRUCTS],
    )


def _kernel(rounds: int) -> dict[str, tuple[int, float, int]]:
    processes = {name: Process.compile(xml) for name, xml in CONSTRUCTS.items()}
    took: dict[str, list[float]] = {name: [] for name in CONSTRUCTS}
    found: dict[str, tuple[int, int]] = {}
    for _ in range(rounds + 1):
        for name, process in processes.items():
            steps: list[float] = []
            largest = _play(process, lambda act, steps=steps: steps.append(timed(act)))  # type: ignore[misc]
            took[name].append(sum(steps) / len(steps))
            found[name] = len(steps), largest
    return {name: (found[name][0], median(took[name][1:]), found[name][1]) for name in CONSTRUCTS}


def _play(process: Process, measure: Callable[[Callable[[], None]], None]) -> int:
    """From start to end; the largest state on the way, in bytes."""
    step: Step = process.start("p", {"initiator": {"person": 1}}, CONTEXT)
    waiting: dict[str, Any] = {}
    largest = 0
    while True:
        for gone in (*step.cancelled, *step.unscheduled, *step.unsubscribed):
            waiting.pop(gone, None)
        waiting |= {one.task_id: Complete(one.task_id) for one in step.opened}
        waiting |= {one.task_id: Fire(one.task_id) for one in step.scheduled}
        waiting |= {one.task_id: Receive(one.task_id) for one in step.subscribed}
        largest = max(largest, len(step.state.encode()))
        if step.ended:
            return largest
        # people first; what only time or a message can move, after them
        key = next((k for k, v in waiting.items() if isinstance(v, Complete)), next(iter(waiting)))
        action, state = waiting.pop(key), step.state

        def act(action: Any = action, state: str = state) -> None:
            nonlocal step
            step = process.advance("p", state, action, CONTEXT)

        measure(act)


def _engine(rounds: int) -> dict[str, tuple[int, float]]:
    """Completions of work items; timers and messages are other acts, and jobs are not in the figure."""
    took: dict[str, list[float]] = {name: [] for name in CONSTRUCTS}
    with ground("sqlite") as g:
        keys = {}
        for number, (name, xml) in enumerate(CONSTRUCTS.items()):
            keys[name] = f"p{number}"
            drawn = xml.replace(b'id="p" name="p"', f'id="p{number}" name="p{number}"'.encode())
            g.engine.deploy({"p.bpmn": drawn.replace("来件".encode(), f"来件{number}".encode())})
        for turn in range(rounds + 1):
            for name, key in keys.items():
                instance = g.engine.start(key, by=g.people[0]).id
                g.engine.run_jobs()
                while item := _item(g.engine, instance):
                    milliseconds = timed(lambda item=item: g.engine.complete(item, by=g.people[0]))  # type: ignore[misc]
                    if turn:
                        took[name].append(milliseconds)
                    g.engine.run_jobs()
                with g.engine._runtime.database.read() as session:
                    over = session.get_one(ProcessInstance, instance).ended_at is not None
                if not over:
                    g.engine.cancel(instance, reason="完", by=g.people[0])
    return {name: (len(took[name]) // rounds, median(took[name])) for name in CONSTRUCTS}


def _item(engine: Any, instance: int) -> int | None:
    with engine._runtime.database.read() as session:
        query = select(WorkItem.id).where(WorkItem.instance_id == instance, WorkItem.closed_at.is_(None))
        found: int | None = session.scalars(query.order_by(WorkItem.id).limit(1)).first()
        return found
