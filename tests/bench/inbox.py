"""The inbox of one person where many items are open and many more are done."""

from __future__ import annotations

from sqlalchemy import insert, select

from engine.assignment import VACANCY, Candidate
from engine.history import GENESIS
from engine.instances import ProcessInstance
from engine.work_items import WorkItem
from tests.bench.ground import NOW, Ground, counted, ground
from tests.bench.report import Report, p50, p95, timed
from tests.engine.drawing import draw, end, path, start, user


def run(report: Report) -> None:
    closed, open_ = (2_000, 500) if report.quick else (50_000, 5_000)
    rows: list[list[object]] = []
    for database in report.databases:
        with ground(database) as g:
            fill(g, closed, open_)
            for who, by in (
                ("secretary: by post and by name", g.people[0]),
                ("member: by name", g.people[1]),
            ):
                for what, act in (
                    ("first page", lambda by=by: g.engine.inbox(by=by)),
                    ("counts", lambda by=by: g.engine.inbox_counts(by=by)),
                ):
                    with counted(g.engine, reading=True) as counts:
                        act()
                    samples = [timed(act) for _ in range(5 if report.quick else 20)]
                    rows.append([database, who, what, p50(samples), p95(samples), len(counts.statements)])
    report.table(
        f"Inbox with {open_:,} open and {closed:,} closed items",
        ["", "", "", "p50 ms", "p95 ms", "statements"],
        rows,
    )


def fill(ground: Ground, closed: int, open_: int) -> None:
    """Items put there directly: one in ten for the secretary's post, the others for the people in turn."""
    ground.engine.deploy({"p.bpmn": draw("p", start(), user("a"), end(), path("start", "a", "end"))})
    ground.engine.start("p", by=ground.people[0])
    with ground.engine._runtime.database.write() as session:
        instance = session.scalars(select(ProcessInstance.id)).one()
        items = [
            {
                "instance_id": instance,
                "task_id": f"bench:{i}",
                "element_id": "a",
                "name": "回签",
                "title": f"第{i}件",
                "opened_at": NOW,
                "closed_at": NOW if i < closed else None,
                "closing": "completed" if i < closed else None,
                "completed_by_id": ground.people[i % len(ground.people)] if i < closed else None,
                "version": 1,
                "event_seq": 0,
                "event_hash": GENESIS,
            }
            for i in range(closed + open_)
        ]
        session.execute(insert(WorkItem.__table__), items)  # type: ignore[arg-type]
        ids = session.scalars(
            select(WorkItem.id).where(WorkItem.task_id.startswith("bench:")).order_by(WorkItem.id)
        )
        candidates = []
        for i, item in enumerate(ids):
            named = {
                "work_item_id": item,
                "rank": 0,
                "person_id": None,
                "unit_id": None,
                "post": None,
                "excluded": False,
                "attests": False,
            }
            if i % 10:
                candidates.append({**named, "person_id": ground.people[i % len(ground.people)]})
            else:
                for rank, post in ((0, "书记"), (1, "副书记"), (VACANCY, "党务干事")):
                    candidates.append({**named, "rank": rank, "unit_id": ground.branch, "post": post})
        session.execute(insert(Candidate.__table__), candidates)  # type: ignore[arg-type]
