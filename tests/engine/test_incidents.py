"""Incidents: the real error, without secrets; retried, done by hand, thrown, or the end of the instance."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from engine import ProcessEngine, SettableClock, history
from engine.database import Database
from engine.errors import Conflict, Invalid, NotAllowed, NotExecutable, NotFound
from engine.incidents import HIDDEN, Incident, shown
from engine.jobs import Job
from engine.organisation import accounts
from tests.engine.conftest import NOW, World
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
    named,
    ours,
    path,
    service,
    start,
    sub,
    timer,
    user,
)

GONE = named("error", "E", "办不了")


@pytest.fixture
def admin(database: Database, world: World) -> int:
    with database.write() as session:
        accounts.create(session, person_id=world.clerk, username="guanli", password_hash="x", is_admin=True)
    return world.clerk


def stuck(engine: ProcessEngine, world: World, *, caught: bool = False) -> tuple[int, Incident]:
    """An instance whose one service task fails for good, and its incident."""
    called = service(
        "坏",
        "publish",
        {"编号": "=result.entry", "内容": "=result.values"},
        entry="=7",
        section="一",
        text="=没有的变量",
        key='={password: "a", 名称: "好"}',
        audience="https://u:p@h/?token=1&x=2",
    )
    called = called.replace(
        "</bpmn:extensionElements>", ours("retry", schedule="") + "</bpmn:extensionElements>"
    )
    parts = [start(), called, user("后"), end(), path("start", "坏", "后", "end")]
    if caught:
        parts += [boundary("错", "坏", defines("error", "E")), user("改"), path("错", "改", "end")]
    engine.deploy({"p.bpmn": draw("p", *parts, extra=GONE)})
    instance = engine.start("p", by=world.member, business_key="k").id
    engine.run_jobs()
    (incident,) = engine.incidents(by=world.clerk)
    return instance, incident


def codes(engine: ProcessEngine, world: World, instance: int) -> list[str]:
    return [event.code for event in engine.timeline(instance, by=world.member)]


def open_tasks(engine: ProcessEngine, world: World, instance: int) -> list[str]:
    return [
        item.element_id for item in engine.instance(instance, by=world.member).items if item.closed_at is None
    ]


def test_an_incident_says_what_failed_with_what(engine: ProcessEngine, world: World, admin: int) -> None:
    instance, incident = stuck(engine, world)
    assert incident.instance is not None and incident.instance.id == instance
    assert incident.element is not None and incident.element.id == "坏"
    error = incident.error
    assert (error["class"], error["operation"], error["attempts"], error["at"]) == (
        "NotFound",
        "publish",
        1,
        NOW,
    )
    assert "“没有的变量”的值是 null" in error["message"]
    assert error["inputs"]["key"] == {"password": HIDDEN, "名称": "好"}
    assert error["inputs"]["audience"] == f"https://h/?token={HIDDEN}&x=2"
    event = engine.timeline(instance, by=world.member)[-1]
    assert (event.code, event.element_id, event.payload["class"]) == ("incident", "坏", "NotFound")
    assert "inputs" not in event.payload  # the history is for more people than the administrators


def test_secrets_are_not_shown() -> None:
    value = {
        "headers": {"Authorization": "Bearer x", "Accept": "json"},
        "口令": "x",
        "api_key": 5,
        "url": "http://u:p@h/a?apikey=1&b=2#c",
        "authorization": {"签名": "x"},
        "长": "字" * 600,
        "多": list(range(30)),
        "空": None,
    }
    seen = shown(value)
    assert seen["headers"] == {"Authorization": HIDDEN, "Accept": "json"}
    assert seen["口令"] == seen["api_key"] == seen["authorization"] == HIDDEN
    assert seen["url"] == f"http://h/a?apikey={HIDDEN}&b=2#c"
    assert len(seen["长"]) == 501 and len(seen["多"]) == 21 and seen["空"] is None


def test_only_administrators_deal_with_incidents(engine: ProcessEngine, world: World, admin: int) -> None:
    _, incident = stuck(engine, world)
    for act in (
        lambda: engine.incidents(by=world.member),
        lambda: engine.incident(incident.id, by=world.member),
        lambda: engine.retry_incident(incident.id, by=world.member),
        lambda: engine.complete_incident(incident.id, by=world.member, reason="x"),
        lambda: engine.throw_incident(incident.id, by=world.member, reason="x", code="办不了"),
        lambda: engine.cancel_incident(incident.id, by=world.member, reason="x"),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_a_retry_is_a_fresh_start(engine: ProcessEngine, world: World, admin: int) -> None:
    instance, incident = stuck(engine, world)
    engine.retry_incident(incident.id, by=admin)
    assert engine.incidents(by=admin) == []
    with pytest.raises(NotFound):
        engine.retry_incident(incident.id, by=admin)
    assert engine.run_jobs() == 1
    (again,) = engine.incidents(by=admin)
    assert again.id == incident.id and again.error["attempts"] == 1
    assert codes(engine, world, instance) == ["started", "incident", "incident-retried", "incident"]


def test_a_person_completes_the_step_with_its_outputs(
    engine: ProcessEngine, world: World, admin: int
) -> None:
    instance, incident = stuck(engine, world)
    with pytest.raises(Invalid, match="理由"):
        engine.complete_incident(incident.id, by=admin, reason=" ")
    with pytest.raises(Invalid, match="别的"):
        engine.complete_incident(incident.id, by=admin, reason="手工登记", outputs={"别的": 1})
    engine.complete_incident(incident.id, by=admin, reason="手工登记", outputs={"编号": 12})
    view = engine.instance(instance, by=world.member)
    assert view.variables["编号"] == 12 and view.variables["内容"] is None
    assert open_tasks(engine, world, instance) == ["后"] and view.pending == []
    (event,) = [e for e in engine.timeline(instance, by=world.member) if e.code == "incident-resolved"]
    assert (event.person_id, event.element_id) == (admin, "坏")
    assert event.payload == {"way": "completed", "reason": "手工登记", "outputs": {"编号": 12, "内容": None}}
    with pytest.raises(NotFound):
        engine.complete_incident(incident.id, by=admin, reason="再来")


def test_a_person_throws_the_error_that_a_boundary_event_catches(
    engine: ProcessEngine, world: World, admin: int
) -> None:
    instance, incident = stuck(engine, world, caught=True)
    with pytest.raises(NotExecutable):
        engine.throw_incident(incident.id, by=admin, reason="x", code="别的")
    assert [one.id for one in engine.incidents(by=admin)] == [incident.id]  # nothing was changed
    engine.throw_incident(incident.id, by=admin, reason="对方停机", code="办不了")
    assert open_tasks(engine, world, instance) == ["改"]
    assert codes(engine, world, instance)[-2:] == ["incident-resolved", "opened"]


def test_a_person_ends_the_instance(engine: ProcessEngine, world: World, admin: int) -> None:
    instance, incident = stuck(engine, world)
    engine.cancel_incident(incident.id, by=admin, reason="不办了")
    view = engine.instance(instance, by=world.member)
    assert view.instance.outcome == "cancelled" and engine.incidents(by=admin) == []
    assert codes(engine, world, instance)[-2:] == ["incident-resolved", "ended"]


def test_what_cannot_get_better_is_an_incident_at_once(
    engine: ProcessEngine, world: World, admin: int, clock: SettableClock
) -> None:
    pushed = service("推", "webhook", url="http://127.0.0.1:1/", type="x")
    engine.deploy({"p.bpmn": draw("p", start(), pushed, end(), path("start", "推", "end"))})
    engine.start("p", by=world.member)
    clock.advance(engine.settings.undo)
    assert engine.run_jobs() == 1
    (incident,) = engine.incidents(by=admin)
    assert incident.error["code"] == "host-not-allowed" and incident.error["attempts"] == 1


def test_a_timer_whose_token_cannot_go_on_names_the_gateway(
    engine: ProcessEngine, world: World, admin: int, clock: SettableClock
) -> None:
    wait = catch("等", timer("timeDuration", "PT1H"))
    parts = (start(), wait, gateway("exclusive", "去哪"), user("甲"), user("乙"), end())
    flows = (
        path("start", "等", "去哪")
        + flow("去哪", "甲", "1 = 2")
        + flow("去哪", "乙", "1 = 3")
        + path("甲", "end")
    )
    engine.deploy({"p.bpmn": draw("p", *parts, flows, path("乙", "end"))})
    instance = engine.start("p", by=world.member).id
    clock.advance(timedelta(hours=2))
    assert engine.run_jobs() == 1
    (incident,) = engine.incidents(by=admin)
    assert incident.error["class"] == "NotExecutable" and incident.error["element"] == "去哪"
    assert incident.element is not None and incident.element.id == "等" and not incident.by_hand
    assert engine.timeline(instance, by=world.member)[-1].element_id == "去哪"
    with pytest.raises(Conflict, match="不是服务任务"):
        engine.complete_incident(incident.id, by=admin, reason="x")


def test_a_join_that_cannot_go_on_names_the_gateway(engine: ProcessEngine, world: World, admin: int) -> None:
    asked = user("问", person="=item", loop=each(f"=[{world.member}]"))
    parts = (start(), asked, gateway("exclusive", "去哪"), user("甲"), user("乙"), end())
    flows = (
        path("start", "问", "去哪")
        + flow("去哪", "甲", "1 = 2")
        + flow("去哪", "乙", "1 = 3")
        + path("甲", "end")
    )
    engine.deploy({"p.bpmn": draw("p", *parts, flows, path("乙", "end"))})
    engine.start("p", by=world.member)
    (row,) = engine.inbox(by=world.member)
    assert row.item is not None
    engine.complete(row.item.id, by=world.member)
    engine.run_jobs()
    (incident,) = engine.incidents(by=admin)
    assert incident.error["element"] == "去哪"
    assert incident.element is not None and incident.element.id == "问"


def test_a_childs_business_error_is_its_parents(
    engine: ProcessEngine, world: World, admin: int, clock: SettableClock
) -> None:
    """Uncaught in the child it is caught at the parent's boundary, and no incident."""
    called = service("寄", "start", process="没有")
    inner = sub("各", inner_start("s"), called, end("e"), path("s", "寄", "e"), each('=["一"]'))
    parts = (start(), inner, boundary("错", "各", defines("error", "E")), user("改"), end())
    engine.deploy(
        {"p.bpmn": draw("p", *parts, path("start", "各", "end"), path("错", "改", "end"), extra=GONE)}
    )
    instance = engine.start("p", by=world.member).id
    engine.run_jobs()
    for _ in range(4):
        clock.advance(timedelta(minutes=5))
        engine.run_jobs()
    (incident,) = engine.incidents(by=admin)
    engine.throw_incident(incident.id, by=admin, reason="对方停机", code="办不了")
    engine.run_jobs()
    assert open_tasks(engine, world, instance) == ["改"]


def test_what_belongs_to_no_instance_is_dropped_on_the_record(
    engine: ProcessEngine, world: World, admin: int, database: Database
) -> None:
    with database.write() as session:
        row = {"kind": "delivery", "created_at": NOW, "incident_at": NOW, "last_error": "x", "attempts": 1}
        session.execute(insert(Job.__table__), [row])  # type: ignore[arg-type]
    (incident,) = engine.incidents(by=admin)
    assert incident.instance is None and incident.error["message"] == "x"
    engine.cancel_incident(incident.id, by=admin, reason="过期了")
    with database.read() as session:
        assert session.scalars(select(Job)).all() == []
        (event,) = history.read(session, "incidents")
    assert event.payload == {"way": "cancelled", "reason": "过期了", "kind": "delivery"}
