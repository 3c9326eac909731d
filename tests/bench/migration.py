"""Migrating the running instances of a version: what a dry run of them all costs, and doing it."""

from __future__ import annotations

from sqlalchemy import insert, select

from engine.fanout import Fanout
from engine.history import GENESIS
from engine.instance_migrations import CHUNK
from engine.instances import ProcessInstance
from engine.jobs import Job
from engine.work_items import WorkItem
from tests.bench.ground import NOW, Ground, counted, ground
from tests.bench.report import Report, p50, timed
from tests.engine.drawing import (
    boundary,
    draw,
    each,
    end,
    gateway,
    inner_start,
    node,
    path,
    start,
    timer,
    user,
)

PLAIN = 20


def run(report: Report) -> None:
    instances, done = (100, 10) if report.quick else (1_000, 200)
    shown: list[list[object]] = []
    moved: list[list[object]] = []
    for database in report.databases:
        with ground(database) as g:
            admin = g.people[1]
            g.engine.create_account(admin, "bench", by=None, is_admin=True)
            for name, draw_version in (("line of 20 tasks", plain), ("half a join, timer, 5 children", rich)):
                key = draw_version(1)[0]
                old = g.engine.deploy({"p.bpmn": draw_version(1)[1]}).id
                template = g.engine.start(key, by=g.people[0]).id
                g.engine.run_jobs()
                for item in g.engine.inbox(by=g.people[0]):
                    if item.item is not None and item.item.element_id in ("b", "t3"):
                        g.engine.complete(item.item.id, by=g.people[0])
                copy(g, template, instances - 1)
                new = g.engine.deploy({"p.bpmn": draw_version(2)[1]}).id
                g.engine.preview_migration(old, new, by=admin)

                def look(old: int = old, new: int = new, admin: int = admin) -> None:
                    plan = g.engine.preview_migration(old, new, by=admin)
                    assert len(plan.movable) == instances, plan.groups[0].reasons

                samples = [timed(look) for _ in range(3 if report.quick else 5)]
                with counted(g.engine, reading=True) as counts:
                    look()
                per = len(counts.statements) / (-(-instances // CHUNK))
                shown.append([database, name, p50(samples) / 1000, p50(samples) / instances, per])
                some = g.engine.preview_migration(old, new, by=admin, instances=ids(g, old, done))
                g.engine.migrate_instances(some, reason="启用新版", by=admin)
                took = timed(g.engine.run_jobs)
                moved.append([database, name, took / done, done / took * 1000])
    report.table(
        f"Dry run of migrating {instances:,} instances",
        ["", "", "s", "ms an instance", f"statements for {CHUNK}"],
        shown,
    )
    report.table(
        f"Migrating {done:,} instances, one worker", ["", "", "ms an instance", "instances/s"], moved
    )


def plain(version: int) -> tuple[str, bytes]:
    tasks = [f"t{i}" for i in range(PLAIN)] + (["neu"] if version == 2 else [])
    return "line", draw("line", start(), *(user(one) for one in tasks), end(), path("start", *tasks, "end"))


def rich(version: int) -> tuple[str, bytes]:
    upper = ("b", "neu") if version == 2 else ("b",)
    inner = "".join([inner_start("i"), user("x"), end("ie"), path("i", "x", "ie"), each("=[1, 2, 3, 4, 5]")])
    late = timer("timeDuration", "P9D" if version == 2 else "P5D")
    return "rich", draw(
        "rich",
        start(),
        gateway("parallel", "f"),
        *(user(one) for one in upper),
        user("c"),
        boundary("late", "c", late, interrupting=False),
        end("e2"),
        path("late", "e2"),
        node("subProcess", "s", inner),
        gateway("parallel", "j"),
        user("d"),
        end(),
        path("start", "f", *upper, "j", "d", "end"),
        path("f", "c", "j"),
        path("f", "s", "j"),
    )


def ids(g: Ground, definition: int, number: int) -> list[int]:
    of = ProcessInstance
    with g.engine._runtime.database.read() as session:
        query = select(of.id).where(of.definition_id == definition, of.parent_id.is_(None)).order_by(of.id)
        return list(session.scalars(query.limit(number)))


def copy(g: Ground, template: int, times: int) -> None:
    """The same instance many times over: rows put there directly, work items, jobs, fan-outs and children with it."""
    with g.engine._runtime.database.write() as session:

        def rows(table: type, *where: object) -> list[dict[str, object]]:
            return [dict(row._mapping) for row in session.execute(select(table.__table__).where(*where))]  # type: ignore[attr-defined, arg-type]

        def put(table: type, values: list[dict[str, object]]) -> list[int]:
            first = session.scalar(select(table.id).order_by(table.id.desc()).limit(1)) or 0  # type: ignore[attr-defined]
            fresh = [{name: one for name, one in value.items() if name != "id"} for value in values]
            session.execute(insert(table.__table__), fresh)  # type: ignore[attr-defined]
            return list(session.scalars(select(table.id).where(table.id > first).order_by(table.id)))  # type: ignore[attr-defined]

        of = ProcessInstance
        (root,) = rows(of, of.id == template)
        plain_head = {"event_seq": 0, "event_hash": GENESIS, "started_at": NOW}
        roots = put(of, [{**root, **plain_head} for _ in range(times)])
        for row in rows(Fanout, Fanout.instance_id == template):
            fanouts = put(Fanout, [{**row, "instance_id": one} for one in roots])
            for child in rows(of, of.fanout_id == row["id"]):
                pairs = list(zip(roots, fanouts, strict=True))
                children = put(of, [{**child, "parent_id": one, "fanout_id": fan} for one, fan in pairs])
                for item in rows(WorkItem, WorkItem.instance_id == child["id"]):
                    put(WorkItem, [{**item, "instance_id": one} for one in children])
        for item in rows(WorkItem, WorkItem.instance_id == template):
            put(WorkItem, [{**item, "instance_id": one} for one in roots])
        for job in rows(Job, Job.instance_id == template, Job.kind == "timer"):
            put(Job, [{**job, "instance_id": one} for one in roots])
