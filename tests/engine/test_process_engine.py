"""The engine through its public API, a fresh engine object between every two steps where it matters."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, event, select

from engine import (
    Conflict,
    Invalid,
    NotAllowed,
    NotExecutable,
    NotFound,
    ProcessEngine,
    Refused,
    SettableClock,
    checkpoints,
    history,
)
from engine.database import Database
from engine.fanout import Fanout
from engine.instances import ProcessInstance
from engine.jobs import Job
from tests.engine.conftest import World
from tests.engine.drawing import (
    boundary,
    draw,
    each,
    end,
    flow,
    inner_start,
    node,
    ours,
    path,
    service,
    start,
    timer,
    user,
)

FORM = '{"type":"default","components":[{"type":"textfield","key":"目标","label":"目标","validate":{"required":true}}]}'.encode()

Fresh = Callable[[], ProcessEngine]


def begin(engine: ProcessEngine, xml: bytes, by: int, **files: bytes) -> int:
    definition = engine.deploy(
        {"p.bpmn": xml, **{name.replace("__", "."): content for name, content in files.items()}}
    )
    instance = engine.start(definition.key, by=by)
    engine.run_jobs()
    return instance.id


def todo(engine: ProcessEngine, by: int) -> dict[str, int]:
    return {row.item.element_id: row.item.id for row in engine.inbox(by=by) if row.item is not None}


def test_a_line_of_tasks_with_a_restart_between(fresh: Fresh, world: World) -> None:
    xml = draw(
        "p", start(), user("a"), user("b", person=f"={world.other}"), end(), path("start", "a", "b", "end")
    )
    instance = begin(fresh(), xml, world.member)
    fresh().complete(todo(fresh(), world.member)["a"], by=world.member)
    assert todo(fresh(), world.member) == {}
    done = fresh().complete(todo(fresh(), world.other)["b"], by=world.other, opinion="同意")
    assert done.ended
    assert fresh().instance(instance, by=world.member).instance.outcome == "completed"
    codes = [e.code for e in fresh().timeline(instance, by=world.member)]
    assert codes == ["started", "opened", "completed", "opened", "completed", "ended"]
    assert fresh().inbox_counts(by=world.other) == {
        "todo": 0,
        "waiting": 0,
        "done": 1,
        "started": 0,
        "copies": 0,
        "unread": 0,
    }


def test_a_refused_start_leaves_nothing_behind_in_memory(engine: ProcessEngine, world: World) -> None:
    xml = draw("p", node("startEvent", "start", "<bpmn:extensionElements>" + ours("starter", post="书记") + "</bpmn:extensionElements>"),
               user("a"), end(), path("start", "a", "end"))  # fmt: skip
    engine.deploy({"p.bpmn": xml})
    with pytest.raises(NotAllowed):
        engine.start("p", by=world.member)
    assert engine.start("p", by=world.secretary).title == "p"


def test_a_form_names_each_error_and_keeps_the_item_open(engine: ProcessEngine, world: World) -> None:
    xml = draw("p", start(), user("a", ours("form", ref="a.form.json")), end(), path("start", "a", "end"))
    begin(engine, xml, world.member, a__form__json=FORM)
    item = todo(engine, world.member)["a"]
    with pytest.raises(Invalid) as refused:
        engine.complete(item, by=world.member, data={"目标": " "})
    assert set(refused.value.errors) == {"目标"}
    engine.save_draft(item, by=world.member, data={"目标": "未写完"})
    assert engine.work_item(item, by=world.member).draft == {"目标": "未写完"}
    assert engine.complete(item, by=world.member, data={"目标": "深入基层"}).ended


def test_only_whose_item_it_is_may_act(engine: ProcessEngine, world: World) -> None:
    xml = draw("p", start(), user("a"), end(), path("start", "a", "end"))
    begin(engine, xml, world.member)
    item = todo(engine, world.member)["a"]
    for act in (
        lambda: engine.complete(item, by=world.other),
        lambda: engine.claim(item, by=world.other),
        lambda: engine.save_draft(item, by=world.other, data={}),
    ):
        with pytest.raises(NotAllowed):
            act()
    with pytest.raises(NotFound):
        engine.work_item(item, by=world.other)
    engine.complete(item, by=world.member)
    with pytest.raises(Conflict):
        engine.complete(item, by=world.member)
    with pytest.raises(NotFound):
        engine.complete(999_999, by=world.member)


def test_a_claimed_item_is_held_until_it_is_released(engine: ProcessEngine, world: World) -> None:
    xml = draw(
        "p", start(), user("a", person=f"=[{world.member}, {world.other}]"), end(), path("start", "a", "end")
    )
    begin(engine, xml, world.member)
    item = todo(engine, world.other)["a"]
    engine.claim(item, by=world.member)
    assert todo(engine, world.other) == {}
    with pytest.raises(Conflict):
        engine.complete(item, by=world.other)
    engine.release(item, by=world.member)
    assert engine.complete(item, by=world.other).ended


def test_of_two_at_once_exactly_one_wins(engine: ProcessEngine, world: World) -> None:
    xml = draw(
        "p", start(), user("a", person=f"=[{world.member}, {world.other}]"), end(), path("start", "a", "end")
    )
    for _ in range(10):
        begin(engine, xml, world.member)
        item = todo(engine, world.member)["a"]
        results: list[Any] = []
        gate = threading.Barrier(4)

        def act(
            by: int, item: int = item, results: list[Any] = results, gate: threading.Barrier = gate
        ) -> None:
            gate.wait()
            try:
                results.append(engine.complete(item, by=by))
            except Conflict as conflict:
                results.append(conflict)

        threads = [threading.Thread(target=act, args=(by,)) for by in (world.member, world.other) * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(not isinstance(r, Conflict) for r in results) == 1, results


def test_open_items_follow_the_post_and_a_vacancy_goes_to_the_superior(
    engine: ProcessEngine, world: World, database: Database, clock: SettableClock
) -> None:
    from engine.organisation import posts

    sign = user("回签", ours("assignment", post="书记", unit=f"={world.branch}"), person=None)
    begin(engine, draw("p", start(), sign, end(), path("start", "回签", "end")), world.member)
    assert "回签" in todo(engine, world.branch_secretary)
    with database.write() as session:
        (holding,) = posts.holders(session, world.branch, "书记", engine.today())
        posts.leave(session, holding.id, on=engine.today())
    assert todo(engine, world.branch_secretary) == {}
    (row,) = engine.inbox(by=world.clerk)
    assert row.vacancy
    with database.write() as session:
        posts.appoint(session, world.branch, "书记", world.other, from_on=engine.today())
    assert todo(engine, world.clerk) == {}
    item = todo(engine, world.other)["回签"]
    engine.complete(item, by=world.other)
    completed = next(
        e
        for e in engine.timeline(engine.work_item(item, by=world.other).instance.id, by=world.other)
        if e.code == "completed"
    )
    assert completed.post == "中共云岭市林业局机关支部委员会书记"


def test_one_person_on_both_sides_gives_way_to_the_deputy(engine: ProcessEngine, world: World) -> None:
    sign = user(
        "签",
        ours(
            "assignment",
            post="书记",
            unit=f"={world.committee}",
            otherwise="副书记",
            exclude=f"={world.secretary}",
        ),
        person=None,
    )
    begin(engine, draw("p", start(), sign, end(), path("start", "签", "end")), world.member)
    assert todo(engine, world.secretary) == {} and "签" in todo(engine, world.deputy)


def test_who_is_excluded_somewhere_still_stands_before_others_elsewhere(
    engine: ProcessEngine, world: World
) -> None:
    posts_of = {"post": "书记", "unit": f"={world.committee}", "otherwise": "副书记"}
    xml = draw(
        "p",
        start(),
        user("一", ours("assignment", exclude=f"={world.secretary}", **posts_of), person=None),
        user("二", ours("assignment", **posts_of), person=None),
        end(),
        path("start", "一", "二", "end"),
    )
    begin(engine, xml, world.member)
    engine.complete(todo(engine, world.deputy)["一"], by=world.deputy)
    assert todo(engine, world.deputy) == {} and "二" in todo(engine, world.secretary)


def test_a_timer_is_a_job_that_reminds_and_one_that_interrupts(
    fresh: Fresh, world: World, clock: SettableClock
) -> None:
    xml = draw(
        "p",
        start(),
        user("a"),
        boundary("提醒", "a", timer("timeDuration", "P1D"), interrupting=False),
        boundary("到期", "a", timer("timeDuration", "P3D")),
        user("看提醒", person=f"={world.other}"),
        user("督办", person=f"={world.clerk}"),
        end(),
        end("e2"),
        end("e3"),
        path("start", "a", "end"),
        path("提醒", "看提醒", "e2"),
        path("到期", "督办", "e3"),
    )
    begin(fresh(), xml, world.member)
    assert fresh().run_jobs() == 0
    clock.advance(timedelta(days=1, minutes=1))
    assert fresh().run_jobs() == 1
    assert "看提醒" in todo(fresh(), world.other) and "a" in todo(fresh(), world.member)
    clock.advance(timedelta(days=2))
    assert fresh().run_jobs() == 1
    assert todo(fresh(), world.member) == {} and "督办" in todo(fresh(), world.clerk)


def fan(world: World, *, loop: str, kind: str = "subProcess") -> bytes:
    inner = inner_start("s2") + user("签", person="=item") + end("e2") + path("s2", "签", "e2")
    body = (
        node("subProcess", "每人", loop + inner)
        if kind == "subProcess"
        else user("每人", person="=item", loop=loop)
    )
    return draw("p", start(), user("a"), body, user("后"), end(), path("start", "a", "每人", "后", "end"))


@pytest.mark.parametrize("kind", ["subProcess", "userTask"])
def test_a_fan_out_is_rows_and_joins_with_its_results_in_order(fresh: Fresh, world: World, kind: str) -> None:
    people = [world.secretary, world.deputy, world.clerk]
    loop = each(f"={people}", output="=item * 10", outputs="结果")
    instance = begin(fresh(), fan(world, loop=loop, kind=kind), world.member)
    fresh().complete(todo(fresh(), world.member)["a"], by=world.member)
    fresh().run_jobs()
    name = "签" if kind == "subProcess" else "每人"
    for person in reversed(people):
        assert todo(fresh(), world.member) == {}
        fresh().complete(todo(fresh(), person)[name], by=person)
        fresh().run_jobs()
    assert list(todo(fresh(), world.member)) == ["后"]
    assert fresh().instance(instance, by=world.member).variables["结果"] == [p * 10 for p in people]
    fresh().complete(todo(fresh(), world.member)["后"], by=world.member)


def test_a_sequential_fan_out_opens_one_after_the_other(engine: ProcessEngine, world: World) -> None:
    people = [world.secretary, world.deputy]
    begin(engine, fan(world, loop=each(f"={people}", sequential=True)), world.member)
    engine.complete(todo(engine, world.member)["a"], by=world.member)
    engine.run_jobs()
    assert todo(engine, world.deputy) == {}
    engine.complete(todo(engine, world.secretary)["签"], by=world.secretary)
    engine.run_jobs()
    engine.complete(todo(engine, world.deputy)["签"], by=world.deputy)
    engine.run_jobs()
    assert list(todo(engine, world.member)) == ["后"]


def test_a_completion_condition_closes_the_rest(engine: ProcessEngine, world: World) -> None:
    people = [world.secretary, world.deputy, world.clerk]
    begin(
        engine, fan(world, loop=each(f"={people}", condition="numberOfCompletedInstances >= 2")), world.member
    )
    engine.complete(todo(engine, world.member)["a"], by=world.member)
    engine.run_jobs()
    for person in people[:2]:
        engine.complete(todo(engine, person)["签"], by=person)
        engine.run_jobs()
    assert todo(engine, world.clerk) == {} and list(todo(engine, world.member)) == ["后"]


def test_an_empty_fan_out_goes_straight_on(engine: ProcessEngine, world: World) -> None:
    begin(engine, fan(world, loop=each("=[]")), world.member)
    engine.complete(todo(engine, world.member)["a"], by=world.member)
    engine.run_jobs()
    assert list(todo(engine, world.member)) == ["后"]


def test_a_fan_out_over_no_list_is_refused_and_nothing_is_lost(engine: ProcessEngine, world: World) -> None:
    begin(engine, fan(world, loop=each("=没有")), world.member)
    item = todo(engine, world.member)["a"]
    with pytest.raises(NotExecutable, match="不是列表"):
        engine.complete(item, by=world.member)
    assert todo(engine, world.member) == {"a": item}


def test_an_interrupted_fan_out_takes_everything_below_along(
    engine: ProcessEngine, world: World, clock: SettableClock, database: Database
) -> None:
    inner = inner_start("s2") + user("签", person="=item") + end("e2") + path("s2", "签", "e2")
    nested = (
        inner_start("s1")
        + node("subProcess", "内", each(f"={[world.deputy, world.clerk]}") + inner)
        + end("e1")
        + path("s1", "内", "e1")
    )
    xml = draw(
        "p",
        start(),
        node("subProcess", "外", each("=[1, 2]", item="n") + nested),
        boundary("到期", "外", timer("timeDuration", "P1D")),
        user("督办"),
        end(),
        end("e3"),
        path("start", "外", "end"),
        path("到期", "督办", "e3"),
    )
    instance = begin(engine, xml, world.member)
    assert engine.inbox_counts(by=world.clerk)["todo"] == 2
    clock.advance(timedelta(days=2))
    engine.run_jobs()
    assert engine.inbox_counts(by=world.clerk)["todo"] == 0 and list(todo(engine, world.member)) == ["督办"]
    with database.read() as session:
        below = list(
            session.scalars(select(ProcessInstance).where(ProcessInstance.path.startswith(f"/{instance}/f")))
        )
        assert len(below) == 6 and {b.outcome for b in below} == {"cancelled"}
        assert all(f.closed_at is not None for f in session.scalars(select(Fanout)))
        assert session.scalars(select(Job)).all() == []


def test_a_called_process_gets_what_is_declared_and_returns_what_is_declared(
    fresh: Fresh, world: World
) -> None:
    called = draw("called", start(), user("内"), end(), path("start", "内", "end"))
    fresh().deploy({"called.bpmn": called})
    inputs = ours("input", name="initiator", value="=initiator") + ours("input", name="年度", value="=2026")
    call = node("callActivity", "call", f"<bpmn:extensionElements>{inputs}"
                f"{ours('output', name='总', value='=年度 + 1')}</bpmn:extensionElements>", calledElement="called")  # fmt: skip
    xml = draw("p", start(), user("a"), call, user("b"), end(), path("start", "a", "call", "b", "end"))
    instance = begin(fresh(), xml, world.member)
    fresh().complete(todo(fresh(), world.member)["a"], by=world.member)
    fresh().run_jobs()
    item = todo(fresh(), world.member)["内"]
    assert set(fresh().work_item(item, by=world.member).data) == {"initiator", "年度"}
    fresh().complete(item, by=world.member)
    fresh().run_jobs()
    assert fresh().instance(instance, by=world.member).variables["总"] == 2027
    assert list(todo(fresh(), world.member)) == ["b"]


def test_a_process_calls_itself_in_its_own_version(engine: ProcessEngine, world: World) -> None:
    call = node("callActivity", "call", f"<bpmn:extensionElements>{ours('input', name='initiator', value='=initiator')}"
                f"{ours('input', name='深', value='=if 深 = null then 1 else 深 + 1')}"
                "</bpmn:extensionElements>", calledElement="p")  # fmt: skip
    xml = draw("p", start(), user("a"), node("exclusiveGateway", "g", default="g_end"), call, end(),
               path("start", "a", "g"), flow("g", "end"), flow("g", "call", "深 = null or 2 > 深"), path("call", "end"))  # fmt: skip
    begin(engine, xml, world.member)
    engine.deploy({"p.bpmn": draw("p", start(), user("新"), end(), path("start", "新", "end"))})
    for _ in range(3):
        engine.complete(todo(engine, world.member)["a"], by=world.member)
        engine.run_jobs()
    assert todo(engine, world.member) == {}


def test_the_same_folder_makes_no_new_version_and_an_older_one_does(
    engine: ProcessEngine, world: World
) -> None:
    one = draw("p", start(), user("a"), end(), path("start", "a", "end"))
    two = draw("p", start(), user("b"), end(), path("start", "b", "end"))
    assert [engine.deploy({"p.bpmn": xml}).version for xml in (one, one, two, one)] == [1, 1, 2, 3]


@pytest.mark.parametrize(
    ("content", "rule", "element"),
    [
        (b"no diagram", "readable", None),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "readable", None),
        (draw("p", start(), node("scriptTask", "s"), end(), path("start", "s", "end")), "unsupported", "s"),
        (draw("p", start(), user("a", person=None), end(), path("start", "a", "end")), "assignment", "a"),
        (draw("p", start(), user("a"), end(), path("start", "a")), "unreachable", "end"),
        (draw("p", start(), user("a", person="=1 +"), end(), path("start", "a", "end")), "expressions", "a"),
        (
            draw("p", start(), user("a", ours("form", ref="x.form.json")), end(), path("start", "a", "end")),
            "references",
            "a",
        ),
        (draw("p", start(), service("s", "nothing"), end(), path("start", "s", "end")), "references", "s"),
    ],
)
def test_what_cannot_run_is_refused_with_the_element(
    engine: ProcessEngine, content: bytes, rule: str, element: str | None
) -> None:
    with pytest.raises(Refused) as refused:
        engine.deploy({"p.bpmn": content})
    assert (rule, element) in {(f.rule, f.element) for f in refused.value.findings}
    assert engine.definitions() == []
    assert engine.lint({"p.bpmn": content}) == refused.value.findings


def test_the_chain_shows_a_changed_line(engine: ProcessEngine, world: World, database: Database) -> None:
    xml = draw("p", start(), user("a"), end(), path("start", "a", "end"))
    begin(engine, xml, world.member)
    engine.complete(todo(engine, world.member)["a"], by=world.member, opinion="同意")
    with database.read() as session:
        assert list(history.verify(session)) == []
    with database.write() as session:
        first = session.scalars(select(history.Event).where(history.Event.code == "completed")).one()
        first.payload = {**first.payload, "opinion": "不同意"}
    with database.read() as session:
        assert len(list(history.verify(session))) == 1


def test_a_checkpoint_shows_lines_that_were_cut_off(
    engine: ProcessEngine, world: World, database: Database
) -> None:
    engine.create_authority()
    instance = begin(engine, draw("p", start(), user("a"), end(), path("start", "a", "end")), world.member)
    engine.seal_history()
    engine.complete(todo(engine, world.member)["a"], by=world.member)
    engine.seal_history()
    assert engine.verify_history() == []
    with database.write() as session:
        session.execute(
            delete(history.Event).where(history.Event.stream == f"instance:{instance}", history.Event.seq > 2)
        )
    assert any("检查点不符" in fault for fault in engine.verify_history())
    with database.write() as session:
        session.scalars(select(checkpoints.Checkpoint)).first().heads = {}
    assert any("已被改动" in fault for fault in engine.verify_history())


def test_a_failing_operation_becomes_an_incident_with_the_real_error(
    engine: ProcessEngine, world: World, clock: SettableClock
) -> None:
    xml = draw(
        "p",
        start(),
        service("s", "render", template="=没有", kind="x", title="x", data="={}"),
        end(),
        path("start", "s", "end"),
    )
    instance = begin(engine, xml, world.member)
    for _ in range(5):
        clock.advance(timedelta(minutes=5))
        engine.run_jobs()
    (incident,) = engine.instance(instance, by=world.member).incidents
    assert incident.last_error and incident.attempts == 4


def test_a_completion_costs_at_most_ten_statements_and_one_commit(
    engine: ProcessEngine, world: World, database: Database
) -> None:
    for size in (3, 60):
        people = [world.member] * size
        begin(engine, fan(world, loop=each(f"={people}")), world.member)
        engine.complete(todo(engine, world.member)["a"], by=world.member)
        engine.run_jobs()
        item = todo(engine, world.member)["签"]
        statements: list[str] = []
        commits: list[int] = []
        connections = engine._runtime.database.engine

        def note(conn: Any, cursor: Any, statement: str, *rest: Any, into: list[str] = statements) -> None:
            into.append(statement)

        def done(conn: Any, into: list[int] = commits) -> None:
            into.append(1)

        event.listen(connections, "before_cursor_execute", note)
        event.listen(connections, "commit", done)
        engine.complete(item, by=world.member)
        event.remove(connections, "before_cursor_execute", note)
        event.remove(connections, "commit", done)
        counted = [s for s in statements if not s.startswith(("BEGIN", "PRAGMA"))]
        assert len(counted) <= 10, "\n".join(c[:150] for c in counted)
        assert len(commits) == 1
