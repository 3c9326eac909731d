"""Messages: from outside and between instances; each goes to exactly one receiver."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from engine import Conflict, Invalid, NotAllowed, NotExecutable, NotFound, ProcessEngine, SettableClock
from engine.database import Database
from engine.deliveries import Delivery
from engine.jobs import Job
from engine.messages import KEPT, Message
from engine.subscriptions import Subscription
from tests.engine.conftest import World
from tests.engine.drawing import (
    boundary,
    catch,
    defines,
    draw,
    each,
    end,
    extensions,
    flow,
    gateway,
    inner_start,
    named,
    node,
    ours,
    path,
    start,
    sub,
    throw,
    user,
)

Fresh = Callable[[], ProcessEngine]
MESSAGE = named("message", "m", "批复")


@pytest.fixture
def admin(engine: ProcessEngine, world: World) -> int:
    engine.create_account(world.clerk, "jiwenjing", by=None, is_admin=True)
    return world.clerk


def keyed(correlation: str | None = "=编号", **outputs: str) -> str:
    return extensions(
        *([ours("message", correlation=correlation)] if correlation else []),
        *(ours("output", name=name, value=value) for name, value in outputs.items()),
    )


#: waits for the message 批复 with its number as the key, and takes the decision from it
WAITS = draw(
    "waits",
    start("start", ours("form", ref="n.form.json")),
    catch("c", keyed(结论="=结论") + defines("message", "m")),
    user("a"),
    end(),
    path("start", "c", "a", "end"),
    extra=MESSAGE,
)
NUMBER = {
    "n.form.json": '{"type":"default","components":[{"type":"textfield","key":"编号","label":"编号"}]}'.encode()
}


def waiting(engine: ProcessEngine, world: World, number: str) -> int:
    engine.deploy({"p.bpmn": WAITS, **NUMBER})
    return engine.start("waits", by=world.member, data={"编号": number}).id


def count(database: Database, table: Any) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def at(engine: ProcessEngine, instance: int, by: int) -> list[str]:
    return [item.element_id for item in engine.instance(instance, by=by).items]


def test_a_message_goes_to_the_one_that_has_its_key_and_only_declared_outputs_take_from_it(
    fresh: Fresh, engine: ProcessEngine, world: World, admin: int, database: Database
) -> None:
    first, second = waiting(fresh(), world, "甲"), waiting(fresh(), world, "乙")
    done = fresh().send_message("批复", correlation="乙", data={"结论": "同意", "多余": 1}, by=admin)
    assert (done.instance_id, done.receivers, done.repeated) == (second, 1, False)
    engine = fresh()
    assert at(engine, first, admin) == [] and at(engine, second, admin) == ["a"]
    seen = engine.variables(second, by=admin)
    assert seen["结论"] == "同意" and "多余" not in seen
    assert count(database, Subscription) == 1
    (event,) = [e for e in engine.timeline(second, by=admin) if e.code == "message-received"]
    assert event.person_id == admin and event.element_id == "c"
    assert event.payload == {"message": "批复", "correlation": "乙", "data": {"结论": "同意", "多余": 1}}


def test_nobody_who_waits_is_said(engine: ProcessEngine, world: World, admin: int) -> None:
    waiting(engine, world, "甲")
    for key in ("丙", None):
        with pytest.raises(NotFound, match="没有流程在等待消息") as error:
            engine.send_message("批复", correlation=key, by=admin)
        assert error.value.code == "nobody-waits"
    engine.send_message("批复", correlation="甲", by=admin)
    with pytest.raises(NotFound):
        engine.send_message("批复", correlation="甲", by=admin)


def test_a_number_is_the_same_key_as_its_text(engine: ProcessEngine, world: World, admin: int) -> None:
    instance = waiting(engine, world, "7")
    assert engine.send_message("批复", correlation=7, by=admin).instance_id == instance


def test_only_administrators_send_from_outside(engine: ProcessEngine, world: World) -> None:
    waiting(engine, world, "甲")
    with pytest.raises(NotAllowed):
        engine.send_message("批复", correlation="甲", by=world.member)
    with pytest.raises(NotAllowed):
        engine.send_signal("批复", by=world.member)


def test_of_several_that_wait_with_one_key_none_is_guessed(
    engine: ProcessEngine, world: World, admin: int
) -> None:
    waiting(engine, world, "甲")
    waiting(engine, world, "甲")
    with pytest.raises(NotExecutable, match="不知道该交给哪一个"):
        engine.send_message("批复", correlation="甲", by=admin)


def test_within_one_instance_the_one_that_waited_longest_takes_it(
    engine: ProcessEngine, world: World, admin: int
) -> None:
    xml = draw(
        "p",
        start(),
        gateway("parallel", "fork"),
        catch("c1", keyed(None) + defines("message", "m")),
        catch("c2", keyed(None) + defines("message", "m")),
        user("a"),
        user("b"),
        end("e1"),
        end("e2"),
        path("start", "fork", "c1", "a", "e1"),
        path("fork", "c2", "b", "e2"),
        extra=MESSAGE,
    )
    engine.deploy({"p.bpmn": xml})
    instance = engine.start("p", by=world.member).id
    engine.send_message("批复", by=admin)
    assert at(engine, instance, admin) == ["a"]
    engine.send_message("批复", by=admin)
    assert at(engine, instance, admin) == ["a", "b"]


def test_the_same_idempotency_key_has_one_effect_and_one_result(
    fresh: Fresh, engine: ProcessEngine, world: World, admin: int
) -> None:
    instance = waiting(fresh(), world, "甲")
    sent = {"correlation": "甲", "data": {"结论": "同意"}, "idempotency_key": "请求-1", "by": admin}
    assert not fresh().send_message("批复", **sent).repeated
    again = fresh().send_message("批复", **sent)
    assert (again.instance_id, again.repeated) == (instance, True)
    assert len([e for e in fresh().timeline(instance, by=admin) if e.code == "message-received"]) == 1
    with pytest.raises(Conflict, match="已用于另一次发送"):
        fresh().send_message("批复", correlation="乙", idempotency_key="请求-1", by=admin)


def test_a_refused_message_leaves_its_idempotency_key_free(
    engine: ProcessEngine, world: World, admin: int
) -> None:
    with pytest.raises(NotFound):
        engine.send_message("批复", correlation="甲", idempotency_key="请求-1", by=admin)
    waiting(engine, world, "甲")
    assert not engine.send_message("批复", correlation="甲", idempotency_key="请求-1", by=admin).repeated


def test_a_payload_that_cannot_be_kept_is_refused(engine: ProcessEngine, world: World, admin: int) -> None:
    waiting(engine, world, "甲")
    with pytest.raises(Invalid):
        engine.send_message("批复", correlation="甲", data={"x": object()}, by=admin)
    with pytest.raises(Invalid):
        engine.send_message("批复", correlation="甲", data={"x": "长" * 400_000}, by=admin)


def test_a_message_starts_the_process_that_begins_with_it(
    fresh: Fresh, engine: ProcessEngine, world: World, admin: int
) -> None:
    begins = node("startEvent", "s", keyed(None, 事由="=事由") + defines("message", "m"))
    xml = draw(
        "p",
        start(),
        begins,
        user("a", person=f"={world.member}"),
        end(),
        path("start", "a", "end"),
        path("s", "a"),
        extra=MESSAGE,
    )
    fresh().deploy({"p.bpmn": xml})
    done = fresh().send_message("批复", correlation="2026-7", data={"事由": "整改", "x": 1}, by=admin)
    assert done.instance_id is not None
    view = fresh().instance(done.instance_id, by=admin)
    assert view.instance.business_key == "2026-7" and view.instance.started_by_id is None
    assert view.variables["事由"] == "整改" and "x" not in view.variables
    (started, *_) = fresh().timeline(done.instance_id, by=admin)
    assert (started.code, started.person_id, started.element_id) == ("started", admin, "s")
    assert started.payload is not None and started.payload["message"] == "批复"
    assert at(fresh(), done.instance_id, admin) == ["a"]
    assert at(fresh(), fresh().start("p", by=world.member).id, admin) == ["a"]


def test_who_waits_comes_before_who_would_start(engine: ProcessEngine, world: World, admin: int) -> None:
    begins = node("startEvent", "s", defines("message", "m"))
    task = user("a", person=f"={world.member}")
    engine.deploy({"p.bpmn": draw("p", begins, task, end(), path("s", "a", "end"), extra=MESSAGE)})
    instance = waiting(engine, world, "甲")
    assert engine.send_message("批复", correlation="甲", by=admin).instance_id == instance
    assert engine.send_message("批复", correlation="甲", by=admin).instance_id != instance


def sender(correlation: str = "=编号") -> bytes:
    """Sends the message 批复 with what was decided, and ends."""
    sends = throw(
        "t",
        extensions(ours("message", correlation=correlation), ours("input", name="结论", value='=编号 + "办"'))
        + defines("message", "m"),
    )
    begins = start("start", ours("form", ref="n.form.json"))
    return draw("sends", begins, sends, end(), path("start", "t", "end"), extra=MESSAGE)


def test_one_instance_sends_to_another(
    fresh: Fresh, engine: ProcessEngine, world: World, admin: int, database: Database
) -> None:
    instance = waiting(fresh(), world, "甲")
    fresh().deploy({"p.bpmn": sender(), **NUMBER})
    thrower = fresh().start("sends", by=world.member, data={"编号": "甲"})
    assert thrower.outcome == "completed"
    assert at(fresh(), instance, admin) == []  # a job brings it
    fresh().run_jobs()
    assert at(fresh(), instance, admin) == ["a"]
    assert fresh().variables(instance, by=admin)["结论"] == "甲办"
    assert count(database, Message) == count(database, Job) == 0
    codes = [e.code for e in fresh().timeline(thrower.id, by=admin)]
    assert codes == ["started", "message-thrown", "ended"]


def test_a_thrown_message_waits_for_its_receiver_for_an_hour(
    fresh: Fresh, engine: ProcessEngine, world: World, admin: int, clock: SettableClock, database: Database
) -> None:
    fresh().deploy({"p.bpmn": sender(), **NUMBER})
    engine = fresh()
    engine.start("sends", by=world.member, data={"编号": "甲"})
    late = engine.start("sends", by=world.member, data={"编号": "乙"})
    engine.run_jobs()
    clock.advance(KEPT - timedelta(minutes=1))
    engine.run_jobs()
    engine = fresh()
    instance = waiting(engine, world, "甲")
    engine.run_jobs()
    assert at(engine, instance, admin) == ["a"]
    clock.advance(timedelta(minutes=1))
    engine.run_jobs()
    assert count(database, Message) == count(database, Job) == 0
    assert engine.timeline(late.id, by=admin)[-1].code == "message-expired"
    other = waiting(engine, world, "乙")
    engine.run_jobs()
    assert at(engine, other, admin) == []


def test_an_instance_may_send_to_itself(engine: ProcessEngine, world: World, admin: int) -> None:
    xml = draw(
        "p",
        start(),
        gateway("parallel", "fork"),
        throw("t", defines("message", "m")),
        catch("c", defines("message", "m")),
        user("a"),
        end("e1"),
        end("e2"),
        path("start", "fork", "t", "e1"),
        path("fork", "c", "a", "e2"),
        extra=MESSAGE,
    )
    engine.deploy({"p.bpmn": xml})
    instance = engine.start("p", by=world.member).id
    engine.run_jobs()
    assert at(engine, instance, admin) == ["a"]


def test_a_boundary_message_interrupts_and_its_subscription_goes_with_the_activity(
    engine: ProcessEngine, world: World, admin: int, database: Database
) -> None:
    xml = draw(
        "p",
        start(),
        user("a"),
        boundary("stop", "a", keyed(None) + defines("message", "m")),
        user("b"),
        end("e1"),
        end("e2"),
        path("start", "a", "e1"),
        path("stop", "b", "e2"),
        extra=MESSAGE,
    )
    engine.deploy({"p.bpmn": xml})
    first = engine.start("p", by=world.member).id
    engine.send_message("批复", by=admin)
    assert at(engine, first, admin) == ["b"]
    second = engine.start("p", by=world.member).id
    (row,) = [r for r in engine.inbox(by=world.member) if r.item and r.item.element_id == "a"]
    assert row.item is not None
    assert engine.complete(row.item.id, by=world.member).ended
    assert count(database, Subscription) == 0
    with pytest.raises(NotFound):
        engine.send_message("批复", by=admin)
    assert engine.instance(second, by=admin).instance.outcome == "completed"


def test_children_of_a_fan_out_wait_each_for_its_own_and_end_with_their_parent(
    engine: ProcessEngine, world: World, admin: int, database: Database
) -> None:
    xml = draw(
        "p",
        start(),
        sub(
            "each",
            each('["甲", "乙"]', "编号"),
            inner_start("i"),
            catch("c", keyed() + defines("message", "m")),
            end("ie"),
            path("i", "c", "ie"),
        ),
        end(),
        path("start", "each", "end"),
        extra=MESSAGE,
    )
    engine.deploy({"p.bpmn": xml})
    instance = engine.start("p", by=world.member).id
    engine.run_jobs()
    assert count(database, Subscription) == 2
    done = engine.send_message("批复", correlation="乙", by=admin)
    (fanout,) = engine.instance(instance, by=admin).fanouts
    assert done.instance_id == fanout.children[1].id
    assert count(database, Subscription) == 1
    engine.cancel(instance, reason="不办了", by=world.member)
    assert count(database, Subscription) == count(database, Job) == 0


def test_an_instance_that_ends_waits_for_nothing(
    engine: ProcessEngine, world: World, admin: int, database: Database
) -> None:
    xml = draw(
        "p",
        start(),
        gateway("parallel", "fork"),
        catch("c", keyed(None) + defines("message", "m")),
        user("a"),
        end("e1"),
        end("e2", "<bpmn:terminateEventDefinition/>"),
        path("start", "fork", "c", "e1"),
        path("fork", "a", "e2"),
        extra=MESSAGE,
    )
    engine.deploy({"p.bpmn": xml})
    engine.start("p", by=world.member)
    (row,) = engine.inbox(by=world.member)
    assert row.item is not None
    engine.complete(row.item.id, by=world.member)
    assert count(database, Subscription) == 0


def test_a_receiver_that_cannot_go_on_refuses_the_message_and_still_waits(
    engine: ProcessEngine, world: World, admin: int, database: Database
) -> None:
    xml = draw(
        "p",
        start(),
        catch("c", keyed(None, 结论="=结论") + defines("message", "m")),
        gateway("exclusive", "x"),
        user("a"),
        end(),
        path("start", "c", "x"),
        flow("x", "a", '结论 = "同意"'),
        path("a", "end"),
        extra=MESSAGE,
    )
    engine.deploy({"p.bpmn": xml})
    instance = engine.start("p", by=world.member).id
    with pytest.raises(NotExecutable):
        engine.send_message("批复", data={"结论": "不同意"}, by=admin)
    assert count(database, Subscription) == 1
    engine.send_message("批复", data={"结论": "同意"}, by=admin)
    assert at(engine, instance, admin) == ["a"]


def together(number: int, act: Callable[[], object]) -> list[Exception]:
    """The act in that many threads at once; what went wrong."""
    ready, failures = threading.Barrier(number), list[Exception]()

    def attempt() -> None:
        ready.wait()
        try:
            act()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=attempt) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def test_one_idempotency_key_at_once_from_many_sides_has_one_effect(
    engine: ProcessEngine, world: World, admin: int
) -> None:
    instance = waiting(engine, world, "甲")
    results: list[Delivery] = []

    def send() -> None:
        results.append(engine.send_message("批复", correlation="甲", idempotency_key="请求-1", by=admin))

    assert together(6, send) == []
    assert [one.instance_id for one in results] == [instance] * 6
    assert sorted(one.repeated for one in results) == [False, *[True] * 5]


def test_two_messages_at_once_for_one_receiver_move_it_once(
    engine: ProcessEngine, world: World, admin: int
) -> None:
    instance = waiting(engine, world, "甲")
    failures = together(2, lambda: engine.send_message("批复", correlation="甲", by=admin))
    assert len(failures) == 1 and isinstance(failures[0], (Conflict, NotFound))
    assert at(engine, instance, admin) == ["a"]
    assert engine.verify_history() == []


def test_a_thrown_message_that_several_wait_for_is_an_incident(
    engine: ProcessEngine, world: World, admin: int, database: Database
) -> None:
    first, second = waiting(engine, world, "甲"), waiting(engine, world, "甲")
    engine.deploy({"p.bpmn": sender(), **NUMBER})
    engine.start("sends", by=world.member, data={"编号": "甲"})
    engine.run_jobs()
    (incident,) = engine.incidents(by=admin)
    assert "不知道该交给哪一个" in incident.error["message"]
    engine.cancel(second, reason="重复", by=world.member)
    engine.retry_incident(incident.job.id, by=admin)
    engine.run_jobs()
    assert at(engine, first, admin) == ["a"] and count(database, Message) == 0
