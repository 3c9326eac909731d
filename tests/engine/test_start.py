"""The operation start: another process, once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import event, select

from engine import ProcessEngine, SettableClock
from engine.database import Database
from engine.history import Event
from engine.instances import ProcessInstance
from tests.engine.conftest import World
from tests.engine.drawing import draw, end, ours, path, service, start, user


def test_a_process_starts_another_once_however_often_it_is_tried(
    engine: ProcessEngine, world: World, database: Database, clock: SettableClock
) -> None:
    asked = user("看", ours("title", value='="看" + 事 + initiator.name + unit.short_name'))
    engine.deploy({"q.bpmn": draw("q", start(), asked, end(), path("start", "看", "end"))})
    crashes = ["once"]

    def crash(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if crashes and statement.startswith("INSERT INTO work_item"):
            crashes.clear()
            raise RuntimeError("as if the power had failed")

    event.listen(engine._runtime.database.engine, "before_cursor_execute", crash)
    begun = service(
        "起", "start", {"号": "=result.instance"}, process="q", data='={事: "材料"}', business_key="甲-1"
    )
    engine.deploy({"p.bpmn": draw("p", start(), begun, user("后"), end(), path("start", "起", "后", "end"))})
    instance = engine.start("p", by=world.member).id
    engine.run_jobs()
    clock.advance(timedelta(seconds=5))
    engine.run_jobs()
    assert not crashes
    number = engine.instance(instance, by=world.member).variables["号"]
    started = engine.instance(int(number), by=world.member)
    assert (started.instance.business_key, started.instance.started_by_id) == ("甲-1", world.member)
    assert started.items[0].title == "看材料苏小满机关支部"
    with database.read() as session:
        assert len(session.scalars(select(ProcessInstance)).all()) == 2


def test_a_process_that_is_not_there_is_tried_again_and_started_when_it_is(
    engine: ProcessEngine, world: World, clock: SettableClock, database: Database
) -> None:
    begun = service("起", "start", process="q")
    engine.deploy({"p.bpmn": draw("p", start(), begun, end(), path("start", "起", "end"))})
    instance = engine.start("p", by=world.member).id
    engine.run_jobs()
    engine.deploy({"q.bpmn": draw("q", start(), user("看"), end(), path("start", "看", "end"))})
    clock.advance(timedelta(seconds=5))
    engine.run_jobs()
    assert engine.instance(instance, by=world.member).instance.outcome == "completed"
    with database.read() as session:
        assert session.scalars(select(Event.code).where(Event.code == "incident")).all() == []
