"""Ad-hoc sub-processes through the facade: who may start what, and what the history says."""

from __future__ import annotations

import pytest

from engine import NotAllowed, NotExecutable, NotFound, ProcessEngine
from engine.errors import Conflict
from tests.engine.conftest import World
from tests.engine.drawing import draw, end, path, start, sub, user


def test_whoever_takes_part_starts_activities_until_the_condition_holds(
    engine: ProcessEngine, world: World
) -> None:
    done = "<bpmn:completionCondition>=loopDone = true</bpmn:completionCondition>"
    xml = draw(
        "p",
        start(),
        sub("free", user("visit"), user("check"), done, kind="adHocSubProcess", ordering="Sequential"),
        end(),
        path("start", "free", "end"),
    )
    engine.deploy({"p.bpmn": xml})
    instance = engine.start("p", by=world.member).id
    engine.run_jobs()
    assert engine.inbox(by=world.member) == []
    offered = engine.activities(instance, by=world.member)
    assert [one.element_id for one in offered] == ["visit", "check"]
    task = offered[0].task_id
    with pytest.raises(NotFound):
        engine.start_activity(instance, task, "visit", by=world.other)
    engine.send_copies(instance, by=world.member, persons=[world.other])
    assert engine.activities(instance, by=world.other) == []
    with pytest.raises(NotAllowed, match="只有参与办理的人"):
        engine.start_activity(instance, task, "visit", by=world.other)
    engine.start_activity(instance, task, "visit", by=world.member)
    with pytest.raises(NotExecutable, match="一次只办一个"):
        engine.start_activity(instance, task, "check", by=world.member)
    (row,) = engine.inbox(by=world.member)
    assert row.item is not None and row.item.element_id == "visit"
    engine.complete(row.item.id, by=world.member)
    engine.start_activity(instance, task, "visit", by=world.member)  # as often as needed
    (row,) = engine.inbox(by=world.member)
    engine.correct_variables(instance, data={"loopDone": True}, reason="试办", by=_admin(engine, world))
    assert row.item is not None
    assert engine.complete(row.item.id, by=world.member).ended
    codes = [event.code for event in engine.timeline(instance, by=world.member)]
    assert codes.count("activity-started") == 2
    with pytest.raises(Conflict):
        engine.start_activity(instance, task, "visit", by=world.member)


def _admin(engine: ProcessEngine, world: World) -> int:
    engine.create_account(world.secretary, "xuchanglin", by=None, is_admin=True)
    return world.secretary
