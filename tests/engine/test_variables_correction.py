"""Variables as an operator reads and corrects them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from engine import Conflict, Invalid, NotAllowed, NotFound, ProcessEngine
from tests.engine.conftest import World
from tests.engine.drawing import (
    boundary,
    draw,
    each,
    end,
    flow,
    gateway,
    inner_start,
    ours,
    path,
    start,
    sub,
    user,
    when,
)

Fresh = Callable[[], ProcessEngine]
FORM = '{"type":"default","components":[{"type":"number","key":"金额","label":"金额"}]}'.encode()


@pytest.fixture
def admin(engine: ProcessEngine, world: World) -> int:
    engine.create_account(world.clerk, "jiwenjing", by=None, is_admin=True)
    return world.clerk


CHOOSES = draw(
    "p",
    start("start", ours("form", ref="a.form.json")),
    user("a", ours("title", value='="金额 " + string(金额)')),
    gateway("exclusive", "x", default="x_small"),
    user("big"),
    user("small"),
    end(),
    path("start", "a", "x"),
    flow("x", "big", "金额 > 100"),
    flow("x", "small"),
    path("big", "end"),
    path("small", "end"),
)


def todo(engine: ProcessEngine, by: int) -> dict[str, int]:
    return {row.item.element_id: row.item.id for row in engine.inbox(by=by) if row.item is not None}


def begin(engine: ProcessEngine, world: World) -> int:
    engine.deploy({"p.bpmn": CHOOSES, "a.form.json": FORM})
    return engine.start("p", by=world.member, data={"金额": "50"}).id


def test_a_correction_has_its_old_and_new_values_in_the_history(
    fresh: Fresh, engine: ProcessEngine, world: World, admin: int
) -> None:
    instance = begin(fresh(), world)
    assert fresh().variables(instance, by=world.member)["金额"] == 50
    fresh().correct_variables(
        instance,
        {"备注": ["漏报", date(2026, 3, 1)], "单价": Decimal("7.5")},
        expressions={"金额": "金额 * 3", "明细": '{"项目": [1, 2.5, true, null]}'},
        reason="录入有误",
        by=admin,
    )
    seen = fresh().variables(instance, by=world.member)
    assert (
        seen["金额"] == 150 and seen["备注"] == ["漏报", date(2026, 3, 1)] and seen["单价"] == Decimal("7.5")
    )
    assert seen["明细"] == {"项目": [1, Decimal("2.5"), True, None]}
    (event,) = [e for e in fresh().timeline(instance, by=admin) if e.code == "corrected"]
    assert event.person_id == admin and event.payload is not None
    assert event.payload["reason"] == "录入有误"
    assert event.payload["changes"]["金额"] == [50, 150]
    assert event.payload["changes"]["单价"] == [None, Decimal("7.5")]
    (row,) = fresh().inbox(by=world.member)
    assert row.item is not None and row.item.title == "金额 50"  # as it was opened
    fresh().complete(row.item.id, by=world.member)
    assert set(todo(fresh(), world.member)) == {"big"}


def test_what_cannot_be_kept_is_refused_by_name(engine: ProcessEngine, world: World, admin: int) -> None:
    instance = begin(engine, world)
    for data, expressions, name in (
        ({"x": object()}, {}, "x"),
        ({" ": 1}, {}, " "),
        ({}, {"x": "1 +"}, "x"),
        ({}, {"x": "没有的变量"}, "x"),
        ({}, {"x": "function(a) a"}, "x"),
    ):
        with pytest.raises(Invalid) as error:
            engine.correct_variables(instance, data, expressions=expressions, reason="更正", by=admin)
        assert set(error.value.errors) == {name}
    with pytest.raises(Invalid, match="相同"):
        engine.correct_variables(instance, {"金额": 50}, reason="更正", by=admin)
    with pytest.raises(Invalid) as error:
        engine.correct_variables(instance, {"金额": 60}, reason=" ", by=admin)
    assert set(error.value.errors) == {"reason"}
    assert [e.code for e in engine.timeline(instance, by=admin)] == ["started", "opened"]


def test_who_may_read_and_correct(engine: ProcessEngine, world: World, admin: int) -> None:
    instance = begin(engine, world)
    with pytest.raises(NotAllowed):
        engine.correct_variables(instance, {"金额": 60}, reason="更正", by=world.member)
    with pytest.raises(NotFound):
        engine.variables(instance, by=world.other)
    engine.cancel(instance, reason="不办了", by=admin)
    with pytest.raises(Conflict, match="已经结束"):
        engine.correct_variables(instance, {"金额": 60}, reason="更正", by=admin)


def test_a_suspended_instance_is_corrected_and_stays_suspended(
    engine: ProcessEngine, world: World, admin: int
) -> None:
    xml = draw(
        "p",
        start("start", ours("form", ref="a.form.json")),
        user("a"),
        boundary("many", "a", when("金额 > 100"), interrupting=False),
        sub("each", each("[1, 2, 3]"), inner_start("i"), user("b"), end("ie"), path("i", "b", "ie")),
        end("e1"),
        end("e2"),
        path("start", "a", "e1"),
        path("many", "each", "e2"),
    )
    engine.deploy({"p.bpmn": xml, "a.form.json": FORM})
    instance = engine.start("p", by=world.member, data={"金额": "50"}).id
    engine.suspend(instance, reason="核实", by=admin)
    engine.correct_variables(instance, {"金额": 200}, reason="录入有误", by=admin)
    engine.run_jobs()
    for row in engine.inbox(by=world.member):  # what the condition has opened stands still too
        assert row.item is not None
        with pytest.raises(Conflict, match="暂停"):
            engine.complete(row.item.id, by=world.member)
    engine.resume(instance, by=admin)
    engine.run_jobs()
    rows = engine.inbox(by=world.member)
    assert sorted(row.item.element_id for row in rows if row.item) == ["a", "b", "b", "b"]
    for row in rows:
        assert row.item is not None
        engine.complete(row.item.id, by=world.member)
    engine.run_jobs()
    assert engine.instance(instance, by=admin).instance.outcome == "completed"


def test_a_child_that_nobody_has_touched_can_be_corrected(
    fresh: Fresh, engine: ProcessEngine, world: World, admin: int
) -> None:
    xml = draw(
        "p",
        start(),
        sub(
            "each",
            each("[10, 200]", "金额"),
            inner_start("i"),
            user("a"),
            gateway("exclusive", "x", default="x_ie"),
            user("big"),
            end("ie"),
            path("i", "a", "x"),
            flow("x", "big", "金额 > 100"),
            flow("x", "ie"),
            path("big", "ie"),
        ),
        end(),
        path("start", "each", "end"),
    )
    fresh().deploy({"p.bpmn": xml})
    instance = fresh().start("p", by=world.member).id
    fresh().run_jobs()
    first, second = fresh().instance(instance, by=admin).fanouts[0].children
    assert fresh().variables(first.id, by=admin)["金额"] == 10
    fresh().correct_variables(first.id, {"金额": 300}, reason="录入有误", by=admin)
    assert fresh().variables(first.id, by=admin)["金额"] == 300
    assert fresh().variables(second.id, by=admin)["金额"] == 200
    (row,) = [r for r in fresh().inbox(by=world.member) if r.instance.id == first.id]
    assert row.item is not None
    fresh().complete(row.item.id, by=world.member)
    assert "big" in todo(fresh(), world.member)
