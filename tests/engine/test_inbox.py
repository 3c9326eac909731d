"""The inbox finds a person's items by index, however many others there are."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import event

from engine import ProcessEngine
from engine.database import Database
from engine.organisation import delegation
from tests.engine.conftest import World
from tests.engine.drawing import draw, end, ours, path, start, user


@pytest.mark.parametrize("read", ["inbox", "inbox_counts"])
def test_it_never_scans_the_items(engine: ProcessEngine, world: World, database: Database, read: str) -> None:
    if not database.is_sqlite:
        pytest.skip("PostgreSQL plans by the size of its tables, which are tiny here")
    statements: list[tuple[str, object]] = []
    connections = engine._runtime.database.read_engine
    event.listen(
        connections,
        "before_cursor_execute",
        lambda c, r, statement, values, *_: statements.append((statement, values)),
    )
    getattr(engine, read)(by=world.member)
    with database.read_engine.connect() as connection:
        plans = [
            str(line[-1])
            for statement, values in list(statements)
            for line in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        ]
    assert any("work_item_candidate" in line for line in plans)
    assert [line for line in plans if line.startswith("SCAN") and "work_item" in line] == []


def test_an_item_for_several_reasons_is_one_line(
    engine: ProcessEngine, world: World, database: Database
) -> None:
    """By name, by post, and in the place of somebody else who is named too."""
    several = ours("assignment", person=f"=[{world.secretary}, {world.deputy}]") + ours(
        "assignment", post="书记 副书记", unit=f"={world.committee}"
    )
    with database.write() as session:
        delegation.delegate(
            session,
            from_person_id=world.deputy,
            to_person_id=world.secretary,
            from_on=date(2026, 1, 1),
            to_on=None,
            reason="出差",
        )
    engine.deploy(
        {"p.bpmn": draw("p", start(), user("a", several, person=None), end(), path("start", "a", "end"))}
    )
    engine.start("p", by=world.member)
    assert len(engine.inbox(by=world.secretary)) == 1
    assert engine.inbox_counts(by=world.secretary)["todo"] == 1
    engine.complete(engine.inbox(by=world.secretary)[0].item.id, by=world.secretary)
    assert engine.inbox_counts(by=world.secretary) == {
        "todo": 0,
        "waiting": 0,
        "done": 1,
        "started": 0,
        "copies": 0,
        "unread": 0,
    }
