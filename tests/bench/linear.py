"""Completions a second of a line of 20 user tasks: 1, 4 and 8 threads of one process, each with instances of its own."""

from __future__ import annotations

import threading
import time

from sqlalchemy import select

from engine.work_items import WorkItem
from tests.bench.ground import Ground, ground
from tests.bench.report import Report, p50, p95
from tests.engine.drawing import draw, end, path, start, user

TASKS = [f"t{number}" for number in range(1, 21)]
LINE = draw("line", start(), *(user(task) for task in TASKS), end(), path("start", *TASKS, "end"))


def run(report: Report) -> None:
    seconds, turns = (1.0, 1) if report.quick else (4.0, 5)
    for database in report.databases:
        with ground(database) as g:
            g.engine.deploy({"p.bpmn": LINE})
            rates: dict[int, list[float]] = {1: [], 4: [], 8: []}
            took: dict[int, list[float]] = {1: [], 4: [], 8: []}
            for turn in range(turns + 1):
                for threads in rates:
                    rate, samples = _round(g, threads, seconds if turn else 0.5)
                    if turn:  # the first one warms up
                        rates[threads].append(rate)
                        took[threads] += samples
        report.table(
            f"A line of 20 user tasks, {database}, {turns} rounds of {seconds:g} s each, interleaved",
            ["threads", "completions/s: median", "least", "most", "completion p50 ms", "p95 ms"],
            [
                [threads, p50(rates[threads]), min(rates[threads]), max(rates[threads]), p50(took[threads]), p95(took[threads])]
                for threads in rates
            ],
        )  # fmt: skip


def _round(g: Ground, threads: int, seconds: float) -> tuple[float, list[float]]:
    samples: list[list[float]] = [[] for _ in range(threads)]
    until = time.perf_counter() + seconds
    workers = [
        threading.Thread(target=_work, args=(g, g.people[number], until, samples[number]))
        for number in range(threads)
    ]
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    found = [one for each in samples for one in each]
    return len(found) / (time.perf_counter() - began), found


def _work(g: Ground, person: int, until: float, samples: list[float]) -> None:
    """Starting an instance and looking for its next item take their time too; only completions are counted."""
    item = None
    instance = 0
    while time.perf_counter() < until:
        if item is None:
            instance = g.engine.start("line", by=person).id
            item = _next(g, instance)
        assert item is not None
        began = time.perf_counter()
        g.engine.complete(item, by=person)
        samples.append((time.perf_counter() - began) * 1000)
        item = _next(g, instance)


def _next(g: Ground, instance: int) -> int | None:
    with g.engine._runtime.database.read() as session:
        query = select(WorkItem.id).where(WorkItem.instance_id == instance, WorkItem.closed_at.is_(None))
        return session.scalars(query).one_or_none()
