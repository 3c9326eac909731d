"""加签, 减签, 委派, 转办: more people at one work item, or another one; the token does not move for them."""

from __future__ import annotations

import threading
from datetime import date
from typing import Any

import pytest

from engine import Conflict, Invalid, NotAllowed, NotFound, ProcessEngine
from engine.database import Database
from engine.organisation import posts
from tests.engine.conftest import World
from tests.engine.drawing import draw, each, end, ours, path, start, user
from tests.engine.test_process_engine import begin, todo
from tests.engine.test_votes import FORM as BALLOT

FORM = '{"type":"default","components":[{"type":"textfield","key":"目标","label":"目标","validate":{"required":true}}]}'.encode()


def two(world: World, *extra: str) -> bytes:
    """初审 by the deputy, then 终审 by the secretary."""
    return draw(
        "p",
        start(),
        user("初审", *extra, person=f"={world.deputy}"),
        user("终审", person=f"={world.secretary}"),
        end(),
        path("start", "初审", "终审", "end"),
    )


def bare(world: World) -> bytes:
    """会签 by two, each of whom has a bare work item."""
    everybody = f"=[{world.deputy}, {world.clerk}]"
    return draw(
        "p",
        start(),
        user("初审", person="=谁", loop=each(everybody, item="谁", output="=谁", outputs="都签了")),
        user("终审", person=f"={world.secretary}"),
        end(),
        path("start", "初审", "终审", "end"),
    )


@pytest.fixture(params=[two, bare])
def item(request: pytest.FixtureRequest, engine: ProcessEngine, world: World) -> int:
    begin(engine, request.param(world), world.member)
    return todo(engine, world.deputy)["初审"]


def codes(engine: ProcessEngine, world: World) -> list[str]:
    (row,) = engine.inbox(by=world.member, box="started")
    seen = [event.code for event in engine.timeline(row.instance.id, by=world.member)]
    return [code for code in seen if code not in ("started", "opened", "fanned-out", "joined")]


def finish(engine: ProcessEngine, world: World) -> None:
    """Whatever else has to be done before 终审."""
    for id in todo(engine, world.clerk).values():
        engine.complete(id, by=world.clerk)
    engine.run_jobs()
    assert list(todo(engine, world.secretary)) == ["终审"]


def test_before_lets_the_item_sleep_until_all_are_done(
    engine: ProcessEngine, world: World, item: int
) -> None:
    added = engine.add_signers(item, by=world.deputy, persons=[world.member, world.other], place="before")
    assert todo(engine, world.deputy) == {}
    (waiting,) = engine.inbox(by=world.deputy, box="waiting")
    assert waiting.item is not None and waiting.item.id == item and waiting.waits_for == ("苏小满", "丁一凡")
    assert engine.inbox_counts(by=world.deputy)["waiting"] == 1
    for act in (
        lambda: engine.complete(item, by=world.deputy),
        lambda: engine.save_draft(item, by=world.deputy, data={}),
        lambda: engine.transfer(item, by=world.deputy, to=world.other, reason="出差"),
    ):
        with pytest.raises(Conflict) as refused:
            act()
        assert refused.value.code == "asleep"
    assert engine.work_item(item, by=world.deputy).eligibility is None
    with pytest.raises(Invalid) as missing:
        engine.complete(added[0].id, by=world.member)
    assert set(missing.value.errors) == {"_opinion"}
    engine.complete(added[0].id, by=world.member, opinion="没有意见")
    assert todo(engine, world.deputy) == {}
    view = engine.work_item(added[1].id, by=world.other)
    assert view.asks(None, engine.clock.now()).opinion and not view.fills
    engine.complete(added[1].id, by=world.other, opinion="可以")
    assert todo(engine, world.deputy) == {"初审": item} and todo(engine, world.secretary) == {}
    engine.complete(item, by=world.deputy)
    finish(engine, world)
    assert codes(engine, world)[:4] == ["added", "completed", "completed", "completed"]
    (row,) = engine.inbox(by=world.member, box="started")
    said = engine.opinions(row.instance.id, by=world.member)
    assert [(one.person_id, one.text) for one in said] == [(world.member, "没有意见"), (world.other, "可以")]


def test_after_asks_when_the_item_is_handed_in_and_holds_it(
    engine: ProcessEngine, world: World, item: int
) -> None:
    (added,) = engine.add_signers(item, by=world.deputy, persons=[world.member], place="after")
    assert todo(engine, world.member) == {}
    with pytest.raises(Conflict) as asleep:
        engine.complete(added.id, by=world.member, opinion="早了")
    assert asleep.value.code == "asleep"
    engine.complete(item, by=world.deputy, opinion="同意")
    engine.run_jobs()
    assert todo(engine, world.deputy) == {} and todo(engine, world.member) == {"初审": added.id}
    assert "终审" not in todo(engine, world.secretary)
    with pytest.raises(Conflict):
        engine.complete(item, by=world.deputy)
    engine.complete(added.id, by=world.member, opinion="同意")
    finish(engine, world)


@pytest.mark.parametrize("first", ["item", "added"])
@pytest.mark.parametrize("shape", [two, bare])
def test_parallel_goes_on_when_both_are_done(
    engine: ProcessEngine, world: World, shape: Any, first: str
) -> None:
    begin(engine, shape(world), world.member)
    item = todo(engine, world.deputy)["初审"]
    (added,) = engine.add_signers(item, by=world.deputy, persons=[world.other], place="parallel")
    acts: dict[str, Any] = {
        "item": lambda: engine.complete(item, by=world.deputy, opinion="同意"),
        "added": lambda: engine.complete(added.id, by=world.other, opinion="同意"),
    }
    acts.pop(first)()
    engine.run_jobs()
    assert "终审" not in todo(engine, world.secretary)
    acts.popitem()[1]()
    finish(engine, world)


def test_what_was_held_is_what_moves_on(engine: ProcessEngine, world: World) -> None:
    instance = begin(engine, two(world, ours("form", ref="a.form.json")), world.member, a__form__json=FORM)
    item = todo(engine, world.deputy)["初审"]
    (added,) = engine.add_signers(item, by=world.deputy, persons=[world.other], place="after")
    with pytest.raises(Invalid):
        engine.complete(item, by=world.deputy)
    engine.complete(item, by=world.deputy, data={"目标": "深入基层"})
    assert "目标" not in engine.instance(instance, by=world.member).variables
    engine.complete(added.id, by=world.other, data={"目标": "改不了"}, opinion="同意")
    assert engine.instance(instance, by=world.member).variables["目标"] == "深入基层"


def test_a_removed_signer_holds_up_nothing(engine: ProcessEngine, world: World, item: int) -> None:
    (before,) = engine.add_signers(item, by=world.deputy, persons=[world.other], place="before")
    with pytest.raises(Invalid):
        engine.remove_signer(before.id, by=world.deputy, reason=" ")
    with pytest.raises(NotAllowed):
        engine.remove_signer(before.id, by=world.other, reason="不想签")
    engine.remove_signer(before.id, by=world.deputy, reason="选错人了")
    assert todo(engine, world.deputy) == {"初审": item} and todo(engine, world.other) == {}
    with pytest.raises(Conflict):
        engine.complete(before.id, by=world.other, opinion="晚了")
    (after,) = engine.add_signers(item, by=world.deputy, persons=[world.other], place="after")
    engine.complete(item, by=world.deputy)
    engine.remove_signer(after.id, by=world.deputy, reason="不必了")
    finish(engine, world)
    with pytest.raises((Conflict, NotAllowed)):
        engine.remove_signer(item, by=world.deputy, reason="不必了")


def test_entrusted_work_returns(engine: ProcessEngine, world: World) -> None:
    begin(engine, two(world, ours("form", ref="a.form.json")), world.member, a__form__json=FORM)
    item = todo(engine, world.deputy)["初审"]
    engine.save_draft(item, by=world.deputy, data={"目标": "旧", "别的": "留着"})
    lent = engine.entrust(item, by=world.deputy, to=world.other, note="请先拟一稿")
    assert todo(engine, world.deputy) == {} and engine.work_item(lent.id, by=world.other).fills
    engine.complete(lent.id, by=world.other, data={"目标": "深入基层"}, opinion="已拟好")
    assert todo(engine, world.secretary) == {}
    assert engine.work_item(item, by=world.deputy).draft == {"目标": "深入基层", "别的": "留着"}
    engine.complete(item, by=world.deputy, data={"目标": "深入基层"})
    assert list(todo(engine, world.secretary)) == ["终审"]


def test_who_was_added_adds_nobody(engine: ProcessEngine, world: World, item: int) -> None:
    (added,) = engine.add_signers(item, by=world.deputy, persons=[world.other], place="before")
    for act in (
        lambda: engine.add_signers(added.id, by=world.other, persons=[world.member], place="before"),
        lambda: engine.entrust(added.id, by=world.other, to=world.member),
    ):
        with pytest.raises(Conflict) as refused:
            act()
        assert refused.value.code == "added-itself"
    engine.transfer(added.id, by=world.other, to=world.member, reason="我不了解情况")
    engine.complete(added.id, by=world.member, opinion="同意")
    assert todo(engine, world.deputy) == {"初审": item}


def test_who_may_be_added(engine: ProcessEngine, world: World, item: int) -> None:
    def add(*persons: int, place: str = "before") -> None:
        engine.add_signers(item, by=world.deputy, persons=persons, place=place)

    add(world.other)
    for wrong in ((), (world.deputy,), (world.other,)):
        with pytest.raises(Invalid):
            add(*wrong)
    with pytest.raises(NotFound):
        add(999_999)
    with pytest.raises(Invalid):
        add(world.member, place="beside")
    with pytest.raises(NotAllowed):
        engine.add_signers(item, by=world.member, persons=[world.secretary], place="before")


def test_a_transferred_item_is_the_others_and_stays_readable(
    engine: ProcessEngine, world: World, item: int
) -> None:
    with pytest.raises(Invalid):
        engine.transfer(item, by=world.deputy, to=world.other, reason="")
    with pytest.raises(Invalid):
        engine.transfer(item, by=world.deputy, to=world.deputy, reason="出差")
    engine.transfer(item, by=world.deputy, to=world.other, reason="出差")
    assert todo(engine, world.deputy) == {} and todo(engine, world.other) == {"初审": item}
    with pytest.raises(NotAllowed):
        engine.complete(item, by=world.deputy)
    assert engine.work_item(item, by=world.deputy).eligibility is None
    engine.transfer(item, by=world.other, to=world.member, reason="再转一次")
    assert todo(engine, world.other) == {}
    engine.complete(item, by=world.member)
    finish(engine, world)
    assert codes(engine, world)[:3] == ["transferred", "transferred", "completed"]


def test_what_the_diagram_switches_off_is_refused(engine: ProcessEngine, world: World) -> None:
    begin(engine, two(world, ours("operations", allow="nudge")), world.member)
    item = todo(engine, world.deputy)["初审"]
    (row,) = engine.inbox(by=world.deputy)
    for act in (
        lambda: engine.transfer(item, by=world.deputy, to=world.other, reason="出差"),
        lambda: engine.entrust(item, by=world.deputy, to=world.other),
        lambda: engine.add_signers(item, by=world.deputy, persons=[world.other], place="after"),
        lambda: engine.send_copies(row.instance.id, by=world.deputy, persons=[world.other], work_item=item),
    ):
        with pytest.raises(NotAllowed) as refused:
            act()
        assert refused.value.code == "operation-off"


def test_a_signature_is_not_handed_over_unless_the_diagram_says_so(
    engine: ProcessEngine, world: World
) -> None:
    signature = ours("signature", document="=null", slot="签发", required="=false")
    begin(engine, two(world, signature), world.member)
    with pytest.raises(NotAllowed):
        engine.transfer(todo(engine, world.deputy)["初审"], by=world.deputy, to=world.other, reason="出差")


def test_a_deputy_acts_in_his_place_and_it_is_said(engine: ProcessEngine, world: World, item: int) -> None:
    today = engine.today()
    engine.delegate(
        by=world.deputy,
        from_person_id=world.deputy,
        to_person_id=world.member,
        from_on=today,
        to_on=today.replace(year=today.year + 1),
        reason="学习",
    )
    own = [one.id for one in engine.own_delegations(by=world.deputy)]
    assert own == [one.id for one in engine.own_delegations(by=world.member)]
    assert len(own) == 1 and engine.own_delegations(by=world.other) == []
    engine.add_signers(item, by=world.member, persons=[world.other], place="before")
    (row,) = engine.inbox(by=world.member, box="started")
    (event,) = [e for e in engine.timeline(row.instance.id, by=world.member) if e.code == "added"]
    assert event.person_id == world.member and event.payload["for"] == world.deputy  # type: ignore[index]


@pytest.mark.parametrize("shape", [two, bare])
def test_of_a_transfer_and_a_completion_exactly_one_wins(
    engine: ProcessEngine, world: World, shape: Any
) -> None:
    for _ in range(5):
        begin(engine, shape(world), world.member)
        item = todo(engine, world.deputy)["初审"]
        won = race(
            lambda item=item: engine.complete(item, by=world.deputy),
            lambda item=item: engine.transfer(item, by=world.deputy, to=world.other, reason="出差"),
        )
        assert len(won) == 1
        assert ("初审" in todo(engine, world.other)) == (won == [1])
        if won == [1]:
            engine.complete(item, by=world.other)
    assert list(engine.verify_history()) == []


@pytest.mark.parametrize("shape", [two, bare])
def test_the_last_two_of_those_added_wake_the_item(engine: ProcessEngine, world: World, shape: Any) -> None:
    for _ in range(5):
        begin(engine, shape(world), world.member)
        item = todo(engine, world.deputy)["初审"]
        a, b = engine.add_signers(item, by=world.deputy, persons=[world.member, world.other], place="before")
        won = race(
            lambda a=a: engine.complete(a.id, by=world.member, opinion="同意"),
            lambda b=b: engine.complete(b.id, by=world.other, opinion="同意"),
        )
        for slow in {0, 1} - set(won):
            engine.complete((a, b)[slow].id, by=(world.member, world.other)[slow], opinion="同意")
        assert todo(engine, world.deputy)["初审"] == item
        engine.complete(item, by=world.deputy)


def race(*acts: Any) -> list[int]:
    """Run the acts at once; the numbers of those that were not refused."""
    gate, won = threading.Barrier(len(acts)), []

    def run(number: int) -> None:
        gate.wait()
        try:
            acts[number]()
        except (Conflict, NotAllowed):
            return
        won.append(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won


def test_parallel_makes_one_more_of_those_who_count_together(engine: ProcessEngine, world: World) -> None:
    instance = begin(engine, bare(world), world.member)
    item = todo(engine, world.deputy)["初审"]
    (added,) = engine.add_signers(item, by=world.deputy, persons=[world.other], place="parallel")
    engine.complete(item, by=world.deputy)
    engine.complete(todo(engine, world.clerk)["初审"], by=world.clerk)
    engine.run_jobs()
    assert todo(engine, world.secretary) == {} and todo(engine, world.other) == {"初审": added.id}
    with pytest.raises(NotAllowed):
        engine.remove_signer(added.id, by=world.clerk, reason="不必")
    with pytest.raises(Invalid):
        engine.remove_signer(added.id, by=world.deputy, reason="")
    assert "remove_signer" in {one.name for one in engine.operations_for(added.id, by=world.member)}
    engine.remove_signer(added.id, by=world.deputy, reason="不必了")
    engine.run_jobs()
    assert list(todo(engine, world.secretary)) == ["终审"]
    assert engine.instance(instance, by=world.member).variables["都签了"] == [world.deputy, world.clerk]
    begin(engine, bare(world), world.member)
    item = todo(engine, world.deputy)["初审"]
    engine.remove_signer(item, by=world.member, reason="出差")
    with pytest.raises(Conflict) as last:
        engine.remove_signer(todo(engine, world.clerk)["初审"], by=world.member, reason="出差")
    assert last.value.code == "last-child"
    assert engine.verify_history() == []


def by_post(world: World, *extra: str) -> bytes:
    """初审 by the committee's secretary, or its deputy where there is none."""
    asked = ours("assignment", post="书记", unit=f"={world.committee}", otherwise="副书记")
    return draw(
        "p",
        start(),
        user("初审", asked, *extra, person=None),
        user("终审", person=f"={world.other}"),
        end(),
        path("start", "初审", "终审", "end"),
    )


def leaves(database: Database, world: World) -> None:
    with database.write() as session:
        for holding in posts.holders(session, world.committee, "书记", date(2026, 3, 5)):
            posts.leave(session, holding.id, on=date(2026, 3, 5))


def test_what_somebody_claimed_goes_with_his_post(
    engine: ProcessEngine, database: Database, world: World
) -> None:
    begin(engine, by_post(world), world.member)
    item = todo(engine, world.secretary)["初审"]
    engine.claim(item, by=world.secretary)
    leaves(database, world)
    assert todo(engine, world.deputy) == {"初审": item} and engine.inbox_counts(by=world.deputy)["todo"] == 1
    assert "claim" in {one.name for one in engine.operations_for(item, by=world.deputy)}
    assert engine.work_item(item, by=world.deputy).eligibility is not None
    engine.claim(item, by=world.deputy)
    assert engine.work_item(item, by=world.deputy).item.owner_id == world.deputy
    engine.complete(item, by=world.deputy)


def test_what_a_deputy_claimed_goes_with_his_delegation(engine: ProcessEngine, world: World) -> None:
    begin(engine, two(world), world.member)
    item = todo(engine, world.deputy)["初审"]
    today = date(2026, 3, 5)
    given = engine.delegate(
        by=world.deputy, from_person_id=world.deputy, to_person_id=world.other, from_on=today, to_on=None, reason="出差"
    )  # fmt: skip
    engine.claim(item, by=world.other)
    assert todo(engine, world.deputy) == {}
    with pytest.raises(Conflict):
        engine.complete(item, by=world.deputy)
    engine.end_delegation(given.id, by=world.deputy, on=today)
    assert todo(engine, world.deputy) == {"初审": item}
    engine.complete(item, by=world.deputy)


def test_what_is_taken_back_by_somebody_who_left_is_free(
    engine: ProcessEngine, database: Database, world: World
) -> None:
    begin(engine, by_post(world), world.member)
    item = todo(engine, world.secretary)["初审"]
    engine.add_signers(item, by=world.secretary, persons=[world.clerk], place="after")
    engine.complete(item, by=world.secretary)
    leaves(database, world)
    engine.withdraw(item, by=world.secretary)
    assert engine.work_item(item, by=world.deputy).item.owner_id is None
    engine.complete(item, by=world.deputy)


@pytest.mark.parametrize("votes", [False, True])
def test_who_is_excluded_comes_in_by_no_other_door(engine: ProcessEngine, world: World, votes: bool) -> None:
    """回避: neither as a voter, nor to be asked, nor to prepare."""
    out = ours("assignment", person="=谁", exclude=f"=[{world.other}]")
    voting = [ours("vote", kind="all", field="决定", result="表决")] if votes else []
    many = each(f"=[{world.deputy}, {world.clerk}]", item="谁")
    task = user("初审", out, ours("form", ref="a.form.json"), *voting, person=None, loop=many)
    xml = draw("p", start(), task, end(), path("start", "初审", "end"))
    begin(engine, xml, world.member, a__form__json=BALLOT)
    item = todo(engine, world.deputy)["初审"]
    for act in (
        lambda: engine.add_signers(item, by=world.deputy, persons=[world.other], place="parallel"),
        lambda: engine.add_signers(item, by=world.deputy, persons=[world.other], place="before"),
        lambda: engine.entrust(item, by=world.deputy, to=world.other),
    ):
        with pytest.raises(Invalid) as refused:
            act()
        assert refused.value.code == "excluded"
    (asked,) = engine.add_signers(item, by=world.deputy, persons=[world.member], place="before")
    with pytest.raises(Conflict if votes else Invalid) as handed_on:
        engine.transfer(asked.id, by=world.member, to=world.other, reason="出差")
    assert handed_on.value.code == ("ballot" if votes else "excluded")
    assert todo(engine, world.other) == {}


def test_of_those_who_count_together_not_too_many_come_at_once(engine: ProcessEngine, world: World) -> None:
    begin(engine, bare(world), world.member)
    item = todo(engine, world.deputy)["初审"]
    for persons, note, code in (
        (range(100, 121), "", "too-many"),
        ([world.other], "长" * 501, "text-too-long"),
    ):
        with pytest.raises(Invalid) as refused:
            engine.add_signers(item, by=world.deputy, persons=list(persons), place="parallel", note=note)
        assert refused.value.code == code


def test_a_stranger_who_tries_numbers_learns_no_title(engine: ProcessEngine, world: World) -> None:
    begin(engine, two(world), world.member)
    item, x = todo(engine, world.deputy)["初审"], world.other
    (added,) = engine.add_signers(item, by=world.deputy, persons=[world.clerk], place="parallel")
    for act in (
        lambda: engine.work_item(item, by=x),
        lambda: engine.complete(item, by=x),
        lambda: engine.claim(item, by=x),
        lambda: engine.withdraw(item, by=x),
        lambda: engine.preview_reject(item, by=x),
        lambda: engine.remove_signer(item, by=x, reason="减"),
        lambda: engine.remove_signer(added.id, by=x, reason="减"),
        lambda: engine.nudge(item, by=x),
    ):
        with pytest.raises((NotAllowed, NotFound, Conflict)) as refused:
            act()
        assert "初审" not in str(refused.value)
