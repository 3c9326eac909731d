"""What a completion costs beside N siblings, what two processes do in a second, and what opening and joining a fan-out cost."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Sequence
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier

from sqlalchemy import insert, select

from engine import ProcessEngine, Settings
from engine.arrivals import Arrival
from engine.clock import SettableClock
from engine.fanout import Fanout
from engine.instances import ProcessInstance
from engine.work_items import WorkItem
from tests.bench.ground import NOW, Ground, counted, ground
from tests.bench.report import Report, p50, p95, timed
from tests.engine.drawing import draw, each, end, inner_start, node, ours, path, service, start, user

FORM = json.dumps(
    {
        "type": "default",
        "components": [
            {"type": "textfield", "key": "目标", "label": "目标", "validate": {"required": True}},
            {"type": "number", "key": "分值", "label": "分值", "validate": {"min": 0, "max": 100}},
        ],
    }
).encode()
FILLED = {"目标": "党员示范岗覆盖全部窗口单位，群众满意率不低于百分之九十五", "分值": "95"}
SIZES = (10, 1_000, 20_000)


def diagram(size: int) -> dict[str, bytes]:
    """A fan-out over a list that is a variable of the parent; every child has two user tasks with a form."""
    form = ours("form", ref="a.form.json")
    inner = (
        inner_start("s2")
        + user("一", form, person="=对象.person")
        + user("二", form, person="=对象.person")
        + end("e2")
        + path("s2", "一", "二", "e2")
    )
    everyone = f'=for i in 1..{size} return {{person: 1 + modulo(i, 50), name: "第" + string(i) + "支部"}}'
    key = f"fan{size}"
    return {
        "a.form.json": FORM,
        "p.bpmn": draw(
            key,
            start(),
            service("名单", "lookup", {"名单": everyone}, unit="=unit.id"),
            node("subProcess", "每人", each("=名单", item="对象", output="=分值", outputs="结果") + inner),
            user("后"),
            end(),
            path("start", "名单", "每人", "后", "end"),
        ),
    }


def open_fan_out(ground: Ground, size: int) -> int:
    """The id of a new fan-out; its definition is deployed."""
    ground.engine.start(f"fan{size}", by=ground.people[0])
    ground.engine.run_jobs()
    with ground.engine._runtime.database.read() as session:
        return session.scalars(select(Fanout.id).order_by(Fanout.id.desc()).limit(1)).one()


def open_items(engine: ProcessEngine, fanout_id: int) -> list[tuple[int, int]]:
    """(work item, whose) of the children's first tasks; person ids are 1 + position modulo 50."""
    with engine._runtime.database.read() as session:
        query = (
            select(WorkItem.id, ProcessInstance.position)
            .join(ProcessInstance, ProcessInstance.id == WorkItem.instance_id)
            .where(ProcessInstance.fanout_id == fanout_id, WorkItem.closed_at.is_(None))
            .order_by(WorkItem.id)
        )
        return [(item, 1 + (position + 1) % 50) for item, position in session.execute(query)]


def next_item(engine: ProcessEngine, instance_id: int) -> int:
    with engine._runtime.database.read() as session:
        query = select(WorkItem.id).where(WorkItem.instance_id == instance_id, WorkItem.closed_at.is_(None))
        return session.scalars(query).one()


def run(report: Report) -> None:
    sizes = (10, 100, 1_000) if report.quick else SIZES
    for database in report.databases:
        with ground(database) as g:
            opening = {}
            for size in sizes:
                g.engine.deploy(diagram(size))
                opening[size] = _opening(g, size)
            _completions(report, database, g, sizes)
            _throughput(report, database, g, 200 if report.quick else 4_000, 1.0 if report.quick else 4.0)
            _joining(report, database, g, sizes, opening)


def _opening(g: Ground, size: int) -> tuple[float, int, int]:
    """ms and statements of the job that opens the fan-out, its fan-out."""
    g.engine.start(f"fan{size}", by=g.people[0])
    with counted(g.engine) as counts:
        took = timed(lambda: g.engine.run_jobs(1))
    g.engine.run_jobs()
    with g.engine._runtime.database.read() as session:
        fanout = session.scalars(select(Fanout.id).order_by(Fanout.id.desc()).limit(1)).one()
    return took, len(counts.statements), fanout


def _completions(report: Report, database: str, g: Ground, sizes: Sequence[int]) -> None:
    """Interleaved: one child of each size in turn, so that whatever else the machine does falls on all of them."""
    rounds = 30 if report.quick else 300
    items = {}
    for size in sizes:
        found: list[tuple[int, int]] = []
        while len(found) < rounds + 5:
            found += open_items(g.engine, open_fan_out(g, size))
        items[size] = found
    took: dict[tuple[int, str], list[float]] = {(size, which): [] for size in sizes for which in "一二"}
    counts: dict[tuple[int, str], tuple[int, int]] = {}
    for number in range(rounds + 5):
        for size in sizes:
            item, by = items[size][number]
            for which in "一二":
                with counted(g.engine) as counted_:
                    began = time.perf_counter()
                    done = g.engine.complete(item, by=by, data=FILLED, opinion="同意")
                    took[size, which].append((time.perf_counter() - began) * 1000)
                counts[size, which] = (len(counted_.statements), counted_.commits)
                if which == "一":
                    item = next_item(g.engine, done.instance.id)
        if number % 20 == 0:
            g.engine.run_jobs()
    rows = []
    for which, name in (
        ("一", "first task (makes the child's state)"),
        ("二", "second task (ends the child)"),
    ):
        first = p50(took[sizes[0], which][5:])
        for size in sizes:
            samples = took[size, which][5:]
            rows.append([name, size, p50(samples), p95(samples), p50(samples) / first, *counts[size, which]])
    report.table(
        f"Completion beside N siblings, {database}, {rounds} each, interleaved",
        ["", "N", "p50 ms", "p95 ms", "p50 / smallest", "statements", "commits"],
        rows,
    )


def _complete_for(
    settings: Settings, items: Sequence[tuple[int, int]], seconds: float, gate: Barrier, done: Queue[float]
) -> None:
    engine = ProcessEngine(settings, SettableClock(NOW))
    for item, by in items[:5]:
        engine.complete(item, by=by, data=FILLED)
    gate.wait()
    began, count = time.perf_counter(), 0
    for item, by in items[5:]:
        engine.complete(item, by=by, data=FILLED)
        count += 1
        if time.perf_counter() - began > seconds:
            break
    done.put(count / (time.perf_counter() - began))
    engine.close()


def _throughput(report: Report, database: str, g: Ground, size: int, seconds: float) -> None:
    g.engine.deploy(diagram(size))
    fan_outs = [open_items(g.engine, open_fan_out(g, size)) for _ in range(3)]
    half = size // 2
    rows = []
    for name, shares in (
        ("one process", [fan_outs[0][:half]]),
        ("two, different fan-outs", [fan_outs[0][half:], fan_outs[1][:half]]),
        ("two, the same fan-out", [fan_outs[2][:half], fan_outs[2][half:]]),
    ):
        context = multiprocessing.get_context("spawn")
        gate, done = context.Barrier(len(shares)), context.Queue()
        processes = [
            context.Process(target=_complete_for, args=(g.settings, share, seconds, gate, done))
            for share in shares
        ]
        for process in processes:
            process.start()
        rates = [done.get(timeout=120) for _ in processes]
        for process in processes:
            process.join()
        rows.append([name, sum(rates)])
    report.table(f"Completions/s (first task of a child), {database}", ["", "completions/s"], rows)


def _joining(
    report: Report, database: str, g: Ground, sizes: Sequence[int], opening: dict[int, tuple[float, int, int]]
) -> None:
    """Opening, one drain beside N siblings, and the drain of all that resumes the parent (arrivals put there directly)."""
    rows = []
    for size in sizes:
        took, statements, fanout = opening[size]
        item, by = open_items(g.engine, fanout)[0]
        done = g.engine.complete(item, by=by, data=FILLED)
        g.engine.complete(next_item(g.engine, done.instance.id), by=by, data=FILLED)
        with counted(g.engine) as one:
            drained = timed(lambda: g.engine.run_jobs(1))
        with g.engine._runtime.database.write() as session:
            there = set(session.scalars(select(Arrival.position).where(Arrival.fanout_id == fanout)))
            session.execute(
                insert(Arrival),
                [
                    {"fanout_id": fanout, "position": i, "outcome": "completed", "result": 95, "at": NOW}
                    for i in range(size)
                    if i not in there
                ],
            )
        with counted(g.engine) as all_:
            joined = timed(lambda: g.engine.run_jobs(1))
        with g.engine._runtime.database.read() as session:
            assert session.get_one(Fanout, fanout).outcome == "completed"
        rows.append([size, took, statements, drained, len(one.statements), joined, len(all_.statements)])
    report.table(
        f"Opening and joining a fan-out of N, {database}",
        [
            "N",
            "open ms",
            "statements",
            "drain one ms",
            "statements",
            "drain the rest, resume ms",
            "statements",
        ],
        rows,
    )
