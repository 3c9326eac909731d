"""Suspending, resuming, cancelling and deleting whole instances; business keys."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from engine import (
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    ProcessEngine,
    SettableClock,
    history,
    jobs,
    workers,
)
from engine.blobs import Blob
from engine.database import Database
from engine.fanout import Fanout
from engine.instances import ProcessInstance
from engine.jobs import Job
from engine.subscriptions import Subscription
from engine.work_items import WorkItem
from tests.bench.ground import counted
from tests.engine.conftest import World
from tests.engine.drawing import (
    boundary,
    catch,
    defines,
    draw,
    each,
    end,
    extensions,
    gateway,
    inner_start,
    named,
    ours,
    path,
    start,
    sub,
    throw,
    timer,
    user,
)

Fresh = Callable[[], ProcessEngine]


@pytest.fixture
def admin(engine: ProcessEngine, world: World) -> int:
    engine.create_account(world.clerk, "jiwenjing", by=None, is_admin=True)
    return world.clerk


def line(*extra: str) -> bytes:
    return draw("p", *extra, start(), user("a"), user("b"), end(), path("start", "a", "b", "end"))


def begin(engine: ProcessEngine, xml: bytes, by: int, **more: Any) -> int:
    definition = engine.deploy({"p.bpmn": xml})
    instance = engine.start(definition.key, by=by, **more).id
    engine.run_jobs()
    return instance


def todo(engine: ProcessEngine, by: int) -> dict[str, int]:
    return {row.item.element_id: row.item.id for row in engine.inbox(by=by) if row.item is not None}


def count(database: Database, table: Any, *where: Any) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(table).where(*where)) or 0


def test_a_suspended_instance_says_who_and_why(
    fresh: Fresh, engine: ProcessEngine, world: World, admin: int
) -> None:
    instance = begin(fresh(), line(), world.member)
    fresh().suspend(instance, reason="等待上级批复", by=admin)
    item = todo(fresh(), world.member)["a"]
    for act in (
        lambda e: e.complete(item, by=world.member),
        lambda e: e.claim(item, by=world.member),
        lambda e: e.save_draft(item, by=world.member, data={}),
    ):
        with pytest.raises(
            Conflict, match=r"已由纪文静于 2026-03-05 09:00 暂停.*原因：等待上级批复"
        ) as error:
            act(fresh())
        assert error.value.code == "suspended"
    held = fresh().suspension(instance, by=world.member)
    assert held is not None and (held.reason, held.suspended_by_id) == ("等待上级批复", admin)
    fresh().resume(instance, by=admin)
    assert fresh().suspension(instance, by=world.member) is None
    fresh().complete(item, by=world.member)
    codes = [(e.code, e.person_id) for e in fresh().timeline(instance, by=admin)]
    assert codes[2:4] == [("suspended", admin), ("resumed", admin)]


def test_only_administrators_suspend_and_resume(engine: ProcessEngine, world: World, admin: int) -> None:
    instance = begin(engine, line(), world.member)
    with pytest.raises(NotAllowed):
        engine.suspend(instance, reason="不想办", by=world.member)
    with pytest.raises(Invalid):
        engine.suspend(instance, reason=" ", by=admin)
    with pytest.raises(Conflict, match="没有暂停"):
        engine.resume(instance, by=admin)
    engine.suspend(instance, reason="核实", by=admin)
    with pytest.raises(NotAllowed):
        engine.resume(instance, by=world.member)
    with pytest.raises(Conflict, match="暂停"):
        engine.suspend(instance, reason="再次", by=admin)


def test_timers_that_became_due_fire_after_the_resumption(
    fresh: Fresh, engine: ProcessEngine, world: World, admin: int, clock: SettableClock
) -> None:
    xml = draw(
        "p",
        start(),
        user("a"),
        boundary("late", "a", timer("timeDuration", "P1D")),
        user("b"),
        end("e1"),
        end("e2"),
        path("start", "a", "e1"),
        path("late", "b", "e2"),
    )
    instance = begin(fresh(), xml, world.member)
    fresh().suspend(instance, reason="核实", by=admin)
    clock.advance(timedelta(days=2))
    assert fresh().run_jobs() == 0
    assert set(todo(fresh(), world.member)) == {"a"}
    fresh().resume(instance, by=admin)
    assert fresh().run_jobs() == 1
    assert set(todo(fresh(), world.member)) == {"b"}


CHILDREN = draw(
    "p",
    start(),
    sub(
        "each",
        each("1..n"),
        inner_start("i"),
        user("a"),
        boundary("late", "a", timer("timeDuration", "P1D")),
        end("ie"),
        end("le"),
        path("i", "a", "ie"),
        path("late", "le"),
    ),
    end(),
    path("start", "each", "end"),
)


def many(number: int) -> bytes:
    return CHILDREN.replace(b"1..n", str(list(range(number))).encode())


def children(engine: ProcessEngine, instance: int, by: int) -> list[ProcessInstance]:
    (fanout,) = engine.instance(instance, by=by).fanouts
    return fanout.children


def test_everything_below_stands_still_in_a_constant_number_of_statements(
    engine: ProcessEngine, world: World, admin: int, clock: SettableClock, database: Database
) -> None:
    costs = []
    for number in (3, 30):
        instance = begin(engine, many(number), world.member)
        with counted(engine) as counts:
            engine.suspend(instance, reason="核实", by=admin)
        costs.append(len(counts.statements))
        under = ProcessInstance.path.startswith(f"/{instance}/")
        assert count(database, ProcessInstance, under, ProcessInstance.suspension_id.is_(None)) == 0
        assert count(database, Job, Job.held_at.is_(None)) == 0
        clock.advance(timedelta(days=2))
        assert engine.run_jobs() == 0
        item = next(iter(todo(engine, world.member).values()))
        with pytest.raises(Conflict, match="暂停"):
            engine.complete(item, by=world.member)
        with counted(engine) as counts:
            engine.resume(instance, by=admin)
        costs.append(len(counts.statements))
        engine.run_jobs()
        assert engine.instance(instance, by=admin).instance.outcome == "completed"
    assert costs[:2] == costs[2:]


def test_what_was_suspended_below_stays_so_and_is_resumed_where_it_was_suspended(
    engine: ProcessEngine, world: World, admin: int, clock: SettableClock
) -> None:
    instance = begin(engine, many(2), world.member)
    first, second = (child.id for child in children(engine, instance, admin))
    engine.suspend(first, reason="核实", by=admin)
    engine.suspend(instance, reason="全部暂停", by=admin)
    with pytest.raises(Conflict, match="请先恢复上级流程"):
        engine.resume(first, by=admin)
    with pytest.raises(Conflict, match="一起暂停"):
        engine.resume(second, by=admin)
    engine.resume(instance, by=admin)
    clock.advance(timedelta(days=2))
    engine.run_jobs()
    assert [child.outcome for child in children(engine, instance, admin)] == [None, "completed"]
    engine.resume(first, by=admin)
    engine.run_jobs()
    assert engine.instance(instance, by=admin).instance.outcome == "completed"


def test_a_thrown_message_waits_for_the_resumption_of_its_receiver(
    engine: ProcessEngine, world: World, admin: int, clock: SettableClock
) -> None:
    extra = named("message", "m", "批复") + named("signal", "g", "开会")
    for key, event in (("p", defines("message", "m")), ("q", defines("signal", "g"))):
        parts = (start(), catch("c", event), user(f"a{key}"), end(), path("start", "c", f"a{key}", "end"))
        engine.deploy({"p.bpmn": draw(key, *parts, extra=extra)})
    throws = draw(
        "s",
        start(),
        throw("t", defines("message", "m")),
        throw("g1", defines("signal", "g")),
        end(),
        path("start", "t", "g1", "end"),
        extra=extra,
    )
    engine.deploy({"s.bpmn": throws})
    waiting = [engine.start(key, by=world.member).id for key in ("p", "q")]
    for instance in waiting:
        engine.suspend(instance, reason="核实", by=admin)
    with pytest.raises(Conflict, match="暂停"):
        engine.send_message("批复", by=admin)
    engine.start("s", by=world.member)
    engine.run_jobs()
    clock.advance(timedelta(days=3))  # far longer than a message is kept for nobody
    engine.run_jobs()
    assert todo(engine, world.member) == {}
    for instance in waiting:
        engine.resume(instance, by=admin)
    engine.run_jobs()
    assert set(todo(engine, world.member)) == {"ap", "aq"}
    clock.advance(timedelta(days=3))
    assert engine.run_jobs() <= 1 and engine.incidents(by=admin) == []


def test_a_job_under_way_does_not_step_what_was_suspended_meanwhile(
    engine: ProcessEngine, world: World, admin: int, database: Database
) -> None:
    xml = draw("p", start(), catch("c", timer("timeDuration", "PT0S")), user("a"), end(), path("start", "c", "a", "end"))  # fmt: skip
    engine.deploy({"p.bpmn": xml})
    instance = engine.start("p", by=world.member).id
    with database.write() as session:
        job = jobs.claim(session, engine.clock.now())
    assert job is not None
    engine.suspend(instance, reason="核实", by=admin)
    with pytest.raises(Conflict):
        workers.run(engine._runtime, job, engine.clock.now())
    with database.write() as session:
        jobs.let_go(session, job)
    assert engine.run_jobs() == 0
    engine.resume(instance, by=admin)
    assert engine.run_jobs() == 1 and set(todo(engine, world.member)) == {"a"}


def test_a_fan_out_s_next_child_is_not_opened_by_a_job_under_way(
    engine: ProcessEngine, world: World, admin: int, database: Database
) -> None:
    loop = each("[1, 2, 3]", sequential=True)
    engine.deploy({"p.bpmn": draw("p", start(), user("a", loop=loop), end(), path("start", "a", "end"))})
    instance = engine.start("p", by=world.member).id
    engine.complete(todo(engine, world.member)["a"], by=world.member)
    with database.write() as session:
        job = jobs.claim(session, engine.clock.now())
    assert job is not None and job.kind == "fanout"
    engine.suspend(instance, reason="核实", by=admin)
    with pytest.raises(Conflict):
        workers.run(engine._runtime, job, engine.clock.now())
    assert todo(engine, world.member) == {}
    with database.write() as session:
        jobs.let_go(session, job)
    engine.resume(instance, by=admin)
    engine.run_jobs()
    assert set(todo(engine, world.member)) == {"a"}


def test_suspending_and_completing_at_once_ends_in_one_of_both(
    engine: ProcessEngine, world: World, admin: int
) -> None:
    instance = begin(engine, line(), world.member)
    item = todo(engine, world.member)["a"]
    together, failures = threading.Barrier(2), list[Exception]()

    def attempt(act: Callable[[], object]) -> None:
        together.wait()
        try:
            act()
        except Conflict as error:
            failures.append(error)

    acts = (
        lambda: engine.suspend(instance, reason="核实", by=admin),
        lambda: engine.complete(item, by=world.member),
    )
    threads = [threading.Thread(target=attempt, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held = engine.suspension(instance, by=admin) is not None
    assert held or failures
    open_item = todo(engine, world.member)
    for element in open_item:
        if held:
            with pytest.raises(Conflict):
                engine.complete(open_item[element], by=world.member)
    assert engine.verify_history() == []


# cancelling


def test_the_initiator_cancels_with_a_reason_and_everything_below_ends(
    fresh: Fresh, engine: ProcessEngine, world: World, admin: int, database: Database
) -> None:
    instance = begin(fresh(), many(5), world.member)
    foreseen = fresh().preview_cancel(instance, by=world.member)
    assert (foreseen.open_items, foreseen.children, foreseen.timers) == (5, 5, 5)
    assert [item.element_id for item in foreseen.items] == ["a"] * 5 and foreseen.documents == []
    with pytest.raises(Invalid):
        fresh().cancel(instance, reason="", by=world.member)
    fresh().cancel(instance, reason="填错了", by=world.member)
    assert count(database, WorkItem, WorkItem.closed_at.is_(None)) == 0
    assert count(database, ProcessInstance, ProcessInstance.ended_at.is_(None)) == 0
    assert count(database, Fanout, Fanout.closed_at.is_(None)) == count(database, Job) == 0
    own = [e for e in fresh().timeline(instance, by=admin) if e.stream == f"instance:{instance}"]
    assert (own[-1].code, own[-1].person_id, own[-1].payload) == (
        "ended",
        world.member,
        {"outcome": "cancelled", "reason": "填错了"},
    )
    with pytest.raises(Conflict, match="已经结束"):
        fresh().cancel(instance, reason="再次", by=world.member)


def test_what_a_cancellation_costs_does_not_depend_on_how_many_wait_below(
    engine: ProcessEngine, world: World, admin: int, database: Database
) -> None:
    costs = []
    for number in (3, 30):
        inside = (inner_start("i"), catch("c", defines("message", "m")), end("ie"), path("i", "c", "ie"))
        below = sub("each", each(str(list(range(number)))), *inside)
        parts = (start(), below, end(), path("start", "each", "end"))
        instance = begin(engine, draw("p", *parts, extra=named("message", "m", "批复")), world.member)
        assert count(database, Subscription) == number
        with counted(engine) as counts:
            engine.cancel(instance, reason="不办了", by=world.member)
        costs.append(len(counts.statements))
        assert count(database, Subscription) == count(database, Job) == 0
    assert costs[0] == costs[1]


def test_who_may_cancel(engine: ProcessEngine, world: World, admin: int) -> None:
    xml = draw("p", start(), user("a", person=f"={world.other}"), end(), path("start", "a", "end"))
    instance = begin(engine, xml, world.member)
    for act in (engine.preview_cancel, lambda i, by: engine.cancel(i, reason="x", by=by)):
        with pytest.raises(NotAllowed):
            act(instance, by=world.other)
        with pytest.raises(NotFound):
            act(instance, by=world.secretary)
    engine.cancel(instance, reason="核实有误", by=admin)
    parent = begin(engine, many(2).replace(b'id="p"', b'id="q"'), world.member)
    child = children(engine, parent, admin)[0].id
    with pytest.raises(NotAllowed):  # a part belongs to the whole
        engine.cancel(child, reason="x", by=world.member)
    engine.cancel(child, reason="重复", by=admin)
    assert [one.outcome for one in children(engine, parent, admin)] == ["cancelled", None]


def test_a_suspended_instance_can_be_cancelled_and_goes_out_of_the_way(
    engine: ProcessEngine, world: World, admin: int, database: Database
) -> None:
    extra = named("message", "m", "批复")
    xml = draw(
        "p",
        start(),
        gateway("parallel", "fork"),
        catch("c", defines("message", "m")),
        user("a"),
        end("e1"),
        end("e2"),
        path("start", "fork", "c", "e1"),
        path("fork", "a", "e2"),
        extra=extra,
    )
    instance = begin(engine, xml, world.member)
    engine.suspend(instance, reason="核实", by=admin)
    engine.cancel(instance, reason="不办了", by=world.member)
    assert count(database, Subscription) == 0 and todo(engine, world.member) == {}
    assert engine.instances(by=admin, state="suspended") == []


# deleting


def test_deletion_erases_the_data_and_keeps_the_evidence(
    fresh: Fresh, engine: ProcessEngine, world: World, admin: int, database: Database
) -> None:
    xml = many(2).replace(b"[0, 1]", "[&quot;密甲&quot;, &quot;密乙&quot;]".encode())
    kept = begin(fresh(), xml, world.member)  # its snapshot has the same digest
    instance = fresh().start("p", by=world.member).id
    fresh().run_jobs()
    item = todo(fresh(), world.member)["a"]
    fresh().save_draft(item, by=world.member, data={"x": "密"})
    with pytest.raises(Conflict, match="还没有结束"):
        fresh().delete(instance, reason="x", by=admin)
    fresh().cancel(instance, reason="演练", by=world.member)
    with pytest.raises(NotAllowed):
        fresh().delete(instance, reason="x", by=world.member)
    with pytest.raises(Conflict, match="上级流程的一部分"):
        fresh().delete(children(fresh(), instance, admin)[0].id, reason="x", by=admin)
    with pytest.raises(Invalid):
        fresh().delete(instance, reason="", by=admin)
    before = len(fresh().timeline(instance, by=admin))
    fresh().delete(instance, reason="演练数据", by=admin)
    with database.read() as session:
        gone = session.scalars(
            select(ProcessInstance).where(ProcessInstance.path.startswith(f"/{instance}/"))
        ).all()
        assert len(gone) == 3 and all(one.deleted_at and one.state is one.item is None for one in gone)
        assert all(
            i.draft is None for i in session.scalars(select(WorkItem).where(WorkItem.instance_id == instance))
        )
        assert list(history.verify(session)) == []
    engine = fresh()
    with pytest.raises(NotFound):
        engine.instance(instance, by=world.member)
    assert [row.instance.id for row in engine.inbox(by=world.member, box="started")] == [kept]
    assert engine.instances(by=world.member) != [] and instance not in {
        i.id for i in engine.instances(by=admin)
    }
    assert engine.variables(instance, by=admin) == {}
    events = engine.timeline(instance, by=admin)
    assert len(events) == before + 1
    assert [(e.code, e.payload) for e in events if e.code == "deleted"] == [
        ("deleted", {"reason": "演练数据"})
    ]
    with pytest.raises(Conflict, match="已经删除"):
        engine.delete(instance, reason="再次", by=admin)
    child = children(engine, kept, admin)[0]
    assert engine.variables(child.id, by=admin)["item"] == "密甲"  # what others hold stays
    snapshots = (Blob.media_type == "application/json", Blob.content.like("%密甲%".encode()))
    assert count(database, Blob, *snapshots) == 1
    engine.cancel(kept, reason="演练", by=admin)
    engine.delete(kept, reason="演练数据", by=admin)
    assert count(database, Blob, *snapshots) == 0


def test_what_is_deleted_leaves_the_lists(engine: ProcessEngine, world: World, admin: int) -> None:
    instance = begin(engine, line(), world.member)
    for name in ("a", "b"):
        engine.complete(todo(engine, world.member)[name], by=world.member)
    counts = engine.inbox_counts(by=world.member)
    assert (counts["done"], counts["started"]) == (2, 1)
    engine.delete(instance, reason="演练数据", by=admin)
    counts = engine.inbox_counts(by=world.member)
    assert (counts["done"], counts["started"]) == (0, 0)
    assert engine.inbox(by=world.member, box="done") == []


# business keys


UNIQUE = draw(
    "p",
    extensions(ours("process", uniqueBusinessKey="true")),
    start(),
    user("a"),
    end(),
    path("start", "a", "end"),
)


def test_a_business_key_is_unique_among_running_instances_of_the_process(
    fresh: Fresh, engine: ProcessEngine, world: World, admin: int
) -> None:
    first = begin(fresh(), UNIQUE, world.member, business_key="2026-1")
    with pytest.raises(Conflict, match="已有一个业务编号为“2026-1”"):
        fresh().start("p", by=world.other, business_key="2026-1")
    fresh().start("p", by=world.other, business_key="2026-2")
    fresh().start("p", by=world.other)  # without a key there is nothing to be unique
    fresh().start("p", by=world.other)
    fresh().complete(todo(fresh(), world.member)["a"], by=world.member)
    second = fresh().start("p", by=world.member, business_key="2026-1").id
    fresh().cancel(second, reason="重来", by=world.member)
    third = fresh().start("p", by=world.member, business_key="2026-1").id
    with pytest.raises(Invalid):
        fresh().start("p", by=world.member, business_key="长" * 201)
    found = fresh().instances(business_key="2026-1", definition="p", by=admin)
    assert [one.id for one in found] == [third, second, first]


def test_two_starts_with_one_key_at_once_make_one_instance(
    engine: ProcessEngine, world: World, admin: int
) -> None:
    engine.deploy({"p.bpmn": UNIQUE})
    together, results = threading.Barrier(4), list[str]()

    def attempt() -> None:
        together.wait()
        try:
            engine.start("p", by=world.member, business_key="2026-1")
            results.append("started")
        except Conflict as error:
            results.append(error.code)

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["business-key"] * 3 + ["started"]


def test_instances_are_found_by_whoever_may_read_them(
    engine: ProcessEngine, world: World, admin: int
) -> None:
    xml = draw("p", start(), user("a", person=f"={world.other}"), end(), path("start", "a", "end"))
    first = begin(engine, xml, world.member)
    second = engine.start("p", by=world.secretary).id
    engine.suspend(second, reason="核实", by=admin)

    def ids(by: int, **asked: Any) -> list[int]:
        return [one.id for one in engine.instances(by=by, **asked)]

    assert ids(admin) == [second, first]
    assert ids(world.member) == [first] and ids(world.secretary) == [second]
    assert ids(world.other) == [second, first] and ids(world.deputy) == []
    assert ids(admin, state="suspended") == [second] and ids(admin, state="running") == [second, first]
    engine.cancel(first, reason="x", by=world.member)
    assert ids(admin, state="ended") == ids(admin, state="cancelled") == [first]
    assert ids(admin, definition="q") == [] and ids(admin, limit=1, offset=1) == [first]
