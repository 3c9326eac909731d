"""抄送, 催办, opinions and 常用语: what moves nothing."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta

import pytest

from engine import Conflict, Invalid, NotAllowed, NotFound, ProcessEngine, SettableClock
from engine.database import Database
from tests.engine.conftest import World
from tests.engine.drawing import ours
from tests.engine.test_operations_added import race
from tests.engine.test_operations_back import do, line, make_admin
from tests.engine.test_process_engine import begin, todo


def test_a_copy_is_read_by_whom_it_reaches_and_blocks_nothing(engine: ProcessEngine, world: World) -> None:
    instance = begin(engine, line(world), world.member)
    item = todo(engine, world.member)["拟稿"]
    with pytest.raises(NotFound):
        engine.instance(instance, by=world.other)
    with pytest.raises(NotFound):
        engine.send_copies(instance, by=world.other, persons=[world.clerk])
    engine.send_copies(
        instance,
        by=world.member,
        persons=[world.other, world.other],
        posts=[(world.branch, "书记")],
        note="请知悉",
        work_item=item,
    )
    assert engine.instance(instance, by=world.other).instance.id == instance
    (got,) = engine.copies(by=world.branch_secretary)
    assert (got.sender, got.copy.note, got.read_at, got.process) == ("苏小满", "请知悉", None, "p")
    assert engine.inbox_counts(by=world.other)["copies"] == 1
    with pytest.raises(NotAllowed) as refused:
        engine.send_copies(instance, by=world.other, persons=[world.clerk])
    assert refused.value.code == "copy-only"
    (mine,) = engine.copies(by=world.other)
    engine.read_copies([mine.copy.id, got.copy.id], by=world.other)  # the second is not his: no receipt
    assert engine.inbox_counts(by=world.other)["copies"] == 0
    assert engine.inbox_counts(by=world.branch_secretary)["copies"] == 1
    sent = engine.copies_of(instance, by=world.member)
    assert [(one.to, [name for name, _ in one.receipts]) for one in sent] == [
        ("丁一凡", ["丁一凡"]),
        ("中共云岭市林业局机关支部委员会书记", []),
    ]
    do(engine, world.member, "拟稿")
    engine.reject(todo(engine, world.deputy)["审核"], by=world.deputy, opinion="重拟")
    assert len(engine.copies(by=world.other)) == 1 and list(todo(engine, world.member)) == ["拟稿"]
    assert [e.code for e in engine.timeline(instance, by=world.other)].count("copied") == 1


def test_a_task_that_permits_no_copies_cannot_go_unnamed(engine: ProcessEngine, world: World) -> None:
    instance = begin(engine, line(world, ours("operations", allow="reject")), world.member)
    item = todo(engine, world.member)["拟稿"]
    engine.complete(item, by=world.member)
    for named in (item, None):
        with pytest.raises(NotAllowed):
            engine.send_copies(instance, by=world.deputy, persons=[world.other], work_item=named)
    engine.send_copies(instance, by=world.member, persons=[world.other])


def test_a_second_reading_keeps_the_first_receipt(
    engine: ProcessEngine, world: World, clock: SettableClock
) -> None:
    instance = begin(engine, line(world), world.member)
    (copy,) = engine.send_copies(instance, by=world.member, persons=[world.other])
    first = clock.now()
    engine.read_copies([copy.id], by=world.other)
    clock.advance(timedelta(days=1))
    engine.read_copies([copy.id], by=world.other)
    assert engine.copies_of(instance, by=world.member)[0].receipts == [("丁一凡", first)]


def test_of_many_who_read_or_administer_at_once_none_fails(
    engine: ProcessEngine, world: World, database: Database
) -> None:
    admin = make_admin(database, world.branch_secretary)
    instance = begin(engine, line(world), world.member)
    copies = [copy.id for copy in engine.send_copies(instance, by=world.member, persons=[world.other])]
    day = date(2026, 5, 6)
    assert len(race(*[lambda: engine.read_copies(copies, by=world.other)] * 8)) == 8
    noted = race(*[lambda: engine.note_local_day(day, by=admin, is_working=False, reason="防汛")] * 8)
    assert len(noted) == 8 and engine.verify_history() == []


def test_to_whom_a_copy_cannot_go(engine: ProcessEngine, world: World) -> None:
    instance = begin(engine, line(world), world.member)
    with pytest.raises(Invalid):
        engine.send_copies(instance, by=world.member)
    with pytest.raises(Invalid):
        engine.send_copies(instance, by=world.member, posts=[(world.branch, "科长")])
    with pytest.raises(NotFound):
        engine.send_copies(instance, by=world.member, persons=[999_999])
    with pytest.raises(Invalid):
        engine.send_copies(instance, by=world.member, persons=range(1, 300))


def test_a_nudge_reminds_the_owners_and_not_too_often(
    engine: ProcessEngine, world: World, clock: SettableClock
) -> None:
    instance = begin(engine, line(world), world.member)
    do(engine, world.member, "拟稿")
    item = todo(engine, world.deputy)["审核"]
    with pytest.raises(NotAllowed):
        engine.nudge(item, by=world.other)
    assert engine.nudge(item, by=world.member, note="今天要报").reminded == ["方若兰"]
    (said,) = engine.notifications(by=world.deputy)
    assert said.notification.text == "苏小满催办“审核”：今天要报" and said.instance is not None
    with pytest.raises(Conflict) as soon:
        engine.nudge(item, by=world.branch_secretary)
    assert soon.value.code == "nudged-lately" and "11:00" in str(soon.value)
    clock.advance(timedelta(hours=2))
    engine.nudge(item, by=world.secretary)  # heads the unit above the branch: oversees it
    engine.add_signers(item, by=world.deputy, persons=[world.other], place="before")
    clock.advance(timedelta(hours=2))
    assert engine.nudge(item, by=world.member).reminded == ["丁一凡"]
    assert todo(engine, world.other) and engine.instance(instance, by=world.member).instance.ended_at is None
    assert [e.code for e in engine.timeline(instance, by=world.member)].count("nudged") == 3


def test_of_two_nudges_at_once_one_is_too_soon(engine: ProcessEngine, world: World) -> None:
    begin(engine, line(world), world.member)
    do(engine, world.member, "拟稿")
    item = todo(engine, world.deputy)["审核"]
    won = race(*[lambda: engine.nudge(item, by=world.member)] * 3)
    assert len(won) == 1 and len(engine.notifications(by=world.deputy)) == 1


def test_a_closed_item_is_not_nudged(engine: ProcessEngine, world: World) -> None:
    begin(engine, line(world), world.member)
    item = do(engine, world.member, "拟稿")
    with pytest.raises(Conflict):
        engine.nudge(item, by=world.member)


def test_opinions_are_bound_to_act_and_task(engine: ProcessEngine, world: World) -> None:
    instance = begin(engine, line(world), world.member)
    item = do(engine, world.member, "拟稿", opinion="请审")
    back = todo(engine, world.deputy)["审核"]
    engine.reject(back, by=world.deputy, opinion="再斟酌")
    said = engine.opinions(instance, by=world.member)
    assert [(one.code, one.work_item_id, one.text) for one in said] == [
        ("completed", item, "请审"),
        ("rejected", back, "再斟酌"),
    ]


def test_phrases_are_ones_own_or_everybodys(engine: ProcessEngine, world: World, database: Database) -> None:
    admin = make_admin(database, world.secretary)
    own = engine.add_phrase(" 已阅，同意。 ", by=world.member)
    assert engine.add_phrase("已阅，同意。", by=world.member).id == own.id
    shared = engine.add_phrase("请按程序办理。", by=admin, shared=True)
    assert [one.text for one in engine.phrases(by=world.member)] == ["已阅，同意。", "请按程序办理。"]
    assert [one.text for one in engine.phrases(by=world.other)] == ["请按程序办理。"]
    for act in (
        lambda: engine.add_phrase("大家用", by=world.member, shared=True),
        lambda: engine.change_phrase(shared.id, "改", by=world.member),
        lambda: engine.remove_phrase(shared.id, by=world.member),
    ):
        with pytest.raises(NotAllowed):
            act()
    with pytest.raises(NotFound):
        engine.remove_phrase(own.id, by=world.other)
    with pytest.raises(Invalid):
        engine.add_phrase("  ", by=world.member)
    engine.change_phrase(own.id, "同意。", by=world.member)
    engine.remove_phrase(shared.id, by=admin)
    assert [one.text for one in engine.phrases(by=world.member)] == ["同意。"]
    assert engine.verify_history() == []


def test_what_stands_still_is_not_nudged(engine: ProcessEngine, world: World, database: Database) -> None:
    admin = make_admin(database, world.branch_secretary)
    instance = begin(engine, line(world), world.member)
    item = todo(engine, world.member)["拟稿"]
    engine.suspend(instance, reason="核查", by=admin)
    with pytest.raises(Conflict) as refused:
        engine.nudge(item, by=admin)
    assert refused.value.code == "suspended"
    assert "nudge" not in {one.name for one in engine.operations_for(item, by=admin)}


def test_nobody_but_administrators_sees_what_is_deleted(
    engine: ProcessEngine, world: World, database: Database
) -> None:
    admin = make_admin(database, world.branch_secretary)
    instance = begin(engine, line(world), world.member)
    item = todo(engine, world.member)["拟稿"]
    engine.send_copies(instance, by=world.member, persons=[world.other])
    engine.complete(item, by=world.member)
    engine.cancel(instance, reason="误发", by=world.member)
    engine.delete(instance, reason="误发", by=admin)
    assert engine.copies(by=world.other) == [] and engine.inbox_counts(by=world.other)["copies"] == 0
    with pytest.raises(NotFound):
        engine.work_item(item, by=world.member)
    with pytest.raises(NotFound):
        engine.operations_for(item, by=world.member)
    assert engine.work_item(item, by=admin).data == {}


def test_what_a_database_cannot_hold_is_refused_in_a_sentence(engine: ProcessEngine, world: World) -> None:
    """Of NUL in a text PostgreSQL alone complains."""
    instance = begin(engine, line(world), world.member)
    for act in (
        lambda: engine.work_item(2**70, by=world.member),
        lambda: engine.send_copies(instance, by=world.member, persons=[2**70]),
        lambda: engine.read_copies([2**70], by=world.member),
    ):
        with pytest.raises(Invalid) as refused:
            act()
        assert refused.value.code == "unfit-value"
    with suppress(Invalid):
        engine.send_copies(instance, by=world.member, persons=[world.other], note="a\0b")
    assert engine.addressees("长" * 100_000, by=world.member) == []
