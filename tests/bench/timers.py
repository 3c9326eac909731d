"""Timers: what a claim costs with many that wait, and how late those are that are due, 20 a second on two workers."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select, text

from engine import ProcessEngine, SystemClock, jobs, timers, workers
from engine.database import Database
from engine.jobs import Job
from engine.runtime import Runtime
from tests.bench.ground import NOW, Ground, ground
from tests.bench.report import Report, p50, p95, timed
from tests.engine.drawing import catch, draw, end, path, start, timer

RATE, SECONDS, THREADS = 20, 30, 2


def run(report: Report) -> None:
    sizes = (1_000, 10_000) if report.quick else (1_000, 10_000, 100_000)
    seconds = 5 if report.quick else SECONDS
    claims: list[list[object]] = []
    late: list[list[object]] = []
    for database in report.databases:
        with ground(database) as g:
            waiting = 0
            started = start_all(g, RATE * seconds)
            for size in sizes:
                fill(g.engine._runtime.database, started[0], waiting, size)
                waiting = size
                one, none = claim_costs(g.engine._runtime.database, started[0], 20 if report.quick else 100)
                claims.append([database, size, p50(one), p95(one), p50(none)])
            found = sorted(lateness(g, seconds))
            assert len(found) == RATE * seconds, f"{len(found)} of {RATE * seconds} timers fired"
            late.append(
                [
                    database,
                    waiting,
                    *(found[min(int(len(found) * q), len(found) - 1)] * 1000 for q in (0.5, 0.99, 1)),
                ]
            )
    report.table(
        "Claiming a job: a transaction of its own",
        ["", "timers waiting", "one is due: p50 ms", "p95 ms", "none is due: p50 ms"],
        claims,
    )
    report.table(
        f"Lateness of timers, from due to committed: {RATE} a second for {seconds} s, {THREADS} workers",
        ["", "waiting besides", "p50 ms", "p99 ms", "max ms"],
        late,
    )


def start_all(g: Ground, count: int) -> list[int]:
    wait = catch("等", timer("timeDuration", "P1D"))
    g.engine.deploy({"p.bpmn": draw("p", start(), wait, end(), path("start", "等", "end"))})
    return [g.engine.start("p", by=g.people[0]).id for _ in range(count)]


def fill(database: Database, instance: int, first: int, last: int) -> None:
    """Rows ``first`` to ``last`` of timers that nobody waits for to be over."""
    at = datetime.now(UTC)
    rows = [
        {"kind": "timer", "instance_id": instance, "task_id": f"bench:{n}", "element_id": "等", "attempts": 0}
        | {"created_at": at, "due_at": at + timedelta(days=30, seconds=n)}
        for n in range(first, last)
    ]
    with database.write() as session:
        session.execute(insert(Job.__table__), rows)  # type: ignore[arg-type]
    with database.write() as session:
        session.execute(text("ANALYZE"))


def claim_costs(database: Database, instance: int, samples: int) -> tuple[list[float], list[float]]:
    """Milliseconds with one due, and with none."""
    at = NOW  # before those that will be measured for lateness are due

    def claim() -> Any:
        with database.write() as session:
            return jobs.claim(session, at)

    one = []
    for _ in range(samples):
        with database.write() as session:
            session.add(Job(kind="timer", instance_id=instance, task_id="due", created_at=at, due_at=at))
        one.append(timed(claim))
        with database.write() as session:
            session.execute(delete(Job).where(Job.task_id == "due"))
    return one, [timed(claim) for _ in range(samples)]


def lateness(g: Ground, seconds: int) -> list[float]:
    """Seconds, of each timer that fired."""
    found: list[float] = []

    def fire(runtime: Runtime, job: Job, at: datetime) -> None:
        timers.fire(runtime, job, at)
        assert job.due_at is not None
        found.append((datetime.now(UTC) - job.due_at).total_seconds())

    with g.engine._runtime.database.write() as session:
        first = datetime.now(UTC) + timedelta(seconds=2)
        waiting = select(Job).where(~Job.task_id.startswith("bench:")).order_by(Job.id)
        for number, job in enumerate(session.scalars(waiting)):
            job.due_at = first + timedelta(seconds=number / RATE)
    engine = ProcessEngine(g.settings, SystemClock())
    workers.KINDS["timer"] = fire
    try:
        engine.start_workers(THREADS)
        last = time.monotonic() + 2 + seconds + 30
        while len(found) < RATE * seconds and time.monotonic() < last:
            time.sleep(0.2)
    finally:
        engine.close()
        workers.KINDS["timer"] = timers.fire
    return found
