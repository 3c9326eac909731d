"""驳回, 撤回, 跳转: tokens go back, or elsewhere; a preview says the same as what then happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from engine import Conflict, Invalid, NotAllowed, ProcessEngine
from engine.database import Database
from engine.instances import ProcessInstance
from engine.jobs import Job
from engine.organisation import accounts
from engine.work_items import WorkItem
from tests.engine.conftest import World
from tests.engine.drawing import (
    boundary,
    draw,
    each,
    end,
    inner_start,
    node,
    ours,
    path,
    start,
    timer,
    user,
)
from tests.engine.test_operations_added import race
from tests.engine.test_process_engine import begin, todo

FORM = '{"type":"default","components":[{"type":"textfield","key":"目标","label":"目标","validate":{"required":true}}]}'.encode()


def person(id: int) -> str:
    return f"={id}"


def line(world: World, *extra: str) -> bytes:
    """拟稿 (member), 审核 (deputy), 签发 (secretary)."""
    return draw(
        "p",
        start(),
        user("拟稿", *extra),
        user("审核", person=person(world.deputy)),
        user("签发", person=person(world.secretary)),
        end(),
        path("start", "拟稿", "审核", "签发", "end"),
    )


def do(engine: ProcessEngine, by: int, name: str, **more: Any) -> int:
    """Complete the open item of that name; its id."""
    item = todo(engine, by)[name]
    engine.complete(item, by=by, **more)
    engine.run_jobs()
    return item


def targets(engine: ProcessEngine, item: int, by: int) -> list[tuple[str, str, list[str]]]:
    (offer,) = [one for one in engine.operations_for(item, by=by) if one.name == "reject"]
    return [(one.kind, one.element_id, one.persons) for one in offer.targets]


def key(engine: ProcessEngine, item: int, by: int, element: str) -> str:
    (offer,) = [one for one in engine.operations_for(item, by=by) if one.name == "reject"]
    return next(one.key for one in offer.targets if one.element_id == element)


def names(engine: ProcessEngine, item: int, by: int) -> set[str]:
    return {one.name for one in engine.operations_for(item, by=by)}


def make_admin(database: Database, person_id: int) -> int:
    with database.write() as session:
        accounts.create(
            session,
            person_id=person_id,
            username=f"admin{person_id}",
            password_hash=accounts.hashed("Wd8#kkq2-lvze"),
            is_admin=True,
        )
    return person_id


def test_back_to_whoever_did_it_with_what_he_had_handed_in(engine: ProcessEngine, world: World) -> None:
    xml = line(world, ours("form", ref="a.form.json"))
    instance = begin(engine, xml, world.member, a__form__json=FORM)
    do(engine, world.member, "拟稿", data={"目标": "深入基层"})
    item = todo(engine, world.deputy)["审核"]
    assert targets(engine, item, world.deputy) == [
        ("previous", "拟稿", ["苏小满"]),
        ("initiator", "start", ["苏小满"]),
    ]
    with pytest.raises(Invalid) as missing:
        engine.reject(item, by=world.deputy, opinion=" ")
    assert set(missing.value.errors) == {"_opinion"}
    done = engine.reject(item, by=world.deputy, opinion="目标太空")
    assert [one.element_id for one in done.opened] == ["拟稿"] and done.effects.items == []
    assert todo(engine, world.deputy) == {}
    (again,) = todo(engine, world.member).values()
    assert engine.work_item(again, by=world.member).draft == {"目标": "深入基层"}
    (row,) = engine.inbox(by=world.deputy, box="done")
    assert row.item is not None and row.item.closing == "rejected"
    (event,) = [e for e in engine.timeline(instance, by=world.member) if e.code == "rejected"]
    assert event.payload["opinion"] == "目标太空" and event.payload["to"]["name"] == "拟稿"  # type: ignore[index,call-overload]
    do(engine, world.member, "拟稿", data={"目标": "结对帮扶"})
    do(engine, world.deputy, "审核")
    do(engine, world.secretary, "签发")
    assert engine.instance(instance, by=world.member).variables["目标"] == "结对帮扶"
    assert engine.verify_history() == []


def test_step_by_step_or_straight_to_who_rejected(engine: ProcessEngine, world: World) -> None:
    begin(engine, line(world), world.member)
    do(engine, world.member, "拟稿")
    do(engine, world.deputy, "审核")
    item = todo(engine, world.secretary)["签发"]
    assert [one[:2] for one in targets(engine, item, world.secretary)] == [
        ("previous", "审核"),
        ("earlier", "拟稿"),
        ("initiator", "start"),
    ]
    back = key(engine, item, world.secretary, "拟稿")
    engine.reject(item, by=world.secretary, opinion="重拟", to=back, direct=True)
    assert todo(engine, world.secretary) == todo(engine, world.deputy) == {}
    do(engine, world.member, "拟稿")
    item = todo(engine, world.secretary)["签发"]  # 审核 is not asked again
    engine.reject(item, by=world.secretary, opinion="重拟", to=key(engine, item, world.secretary, "拟稿"))
    do(engine, world.member, "拟稿")
    assert todo(engine, world.secretary) == {}
    do(engine, world.deputy, "审核")
    do(engine, world.secretary, "签发")


def test_back_to_the_initiator_opens_the_start_form(engine: ProcessEngine, world: World) -> None:
    begun = start("start", ours("form", ref="a.form.json"))
    xml = draw("p", begun, user("审核", person=person(world.deputy)), end(), path("start", "审核", "end"))
    engine.deploy({"p.bpmn": xml, "a.form.json": FORM})
    instance = engine.start("p", by=world.member, data={"目标": "旧"}).id
    item = todo(engine, world.deputy)["审核"]
    engine.reject(item, by=world.deputy, opinion="重来", to="initiator")
    assert todo(engine, world.deputy) == {}
    again = todo(engine, world.member)["start"]
    view = engine.work_item(again, by=world.member)
    assert view.form is not None and view.data["目标"] == "旧"
    with pytest.raises(Invalid):
        engine.complete(again, by=world.member, data={"目标": ""})
    engine.complete(again, by=world.member, data={"目标": "新"})
    assert list(todo(engine, world.deputy)) == ["审核"]
    assert engine.instance(instance, by=world.member).variables["目标"] == "新"


def fork(world: World) -> bytes:
    """拟稿, then 甲 (deputy) beside 乙 (clerk, with a timer and a subprocess), then 签发."""
    return draw(
        "p",
        start(),
        user("拟稿"),
        node("parallelGateway", "fork"),
        user("甲", person=person(world.deputy)),
        user("乙", person=person(world.clerk)),
        boundary("迟", "乙", timer("timeDuration", "P3D"), interrupting=False),
        user("催", person=person(world.other)),
        end("e2"),
        node("parallelGateway", "join"),
        user("签发", person=person(world.secretary)),
        end(),
        path("start", "拟稿", "fork", "甲", "join", "签发", "end"),
        path("fork", "乙", "join"),
        path("迟", "催", "e2"),
    )


def test_out_of_a_parallel_branch_the_siblings_go_too(engine: ProcessEngine, world: World) -> None:
    begin(engine, fork(world), world.member)
    do(engine, world.member, "拟稿")
    item = todo(engine, world.deputy)["甲"]
    preview = engine.preview_reject(item, by=world.deputy)
    assert [(one.title, one.persons) for one in preview.items] == [("乙", ["纪文静"])] and preview.timers == 1
    done = engine.reject(item, by=world.deputy, opinion="重拟")
    assert done.effects == preview
    assert todo(engine, world.clerk) == {}
    do(engine, world.member, "拟稿")
    do(engine, world.deputy, "甲")
    do(engine, world.clerk, "乙")
    item = todo(engine, world.secretary)["签发"]
    kinds = targets(engine, item, world.secretary)
    assert kinds[0][:2] == ("previous", "乙") and ("earlier", "拟稿") in [one[:2] for one in kinds]
    assert "甲" not in [one[1] for one in kinds]  # not every way passes there
    engine.reject(item, by=world.secretary, opinion="乙重办")
    assert todo(engine, world.deputy) == {} and list(todo(engine, world.clerk)) == ["乙"]
    do(engine, world.clerk, "乙")
    do(engine, world.secretary, "签发")


def children(world: World) -> bytes:
    inner = (
        inner_start("s2")
        + user("一", person="=谁")
        + user("二", person="=谁")
        + end("e2")
        + path("s2", "一", "二", "e2")
    )
    return draw(
        "p",
        start(),
        user("拟稿"),
        node("subProcess", "每人", each(f"=[{world.deputy}, {world.clerk}]", item="谁") + inner),
        user("签发", person=person(world.secretary)),
        end(),
        path("start", "拟稿", "每人", "签发", "end"),
    )


def test_from_a_child_it_climbs_to_the_parent(
    engine: ProcessEngine, world: World, database: Database
) -> None:
    instance = begin(engine, children(world), world.member)
    do(engine, world.member, "拟稿")
    do(engine, world.deputy, "一")
    item = todo(engine, world.deputy)["二"]
    assert [one[:2] for one in targets(engine, item, world.deputy)] == [
        ("previous", "一"),
        ("earlier", "拟稿"),
        ("initiator", "start"),
    ]
    engine.reject(item, by=world.deputy, opinion="我自己重办")
    assert list(todo(engine, world.deputy)) == ["一"] and list(todo(engine, world.clerk)) == ["一"]
    item = todo(engine, world.clerk)["一"]  # untouched: a child without a state
    preview = engine.preview_reject(item, by=world.clerk)
    assert preview.children == 2 and [one.title for one in preview.items] == ["一"]
    done = engine.reject(item, by=world.clerk, opinion="整个重拟")
    assert done.effects == preview and done.instance.id == instance
    assert todo(engine, world.clerk) == todo(engine, world.deputy) == {}
    with database.read() as session:
        below = session.scalars(select(ProcessInstance).where(ProcessInstance.parent_id == instance)).all()
        assert {one.outcome for one in below} == {"cancelled"}
    do(engine, world.member, "拟稿")
    for who in (world.deputy, world.clerk):
        do(engine, who, "一")
        do(engine, who, "二")
    item = todo(engine, world.secretary)["签发"]
    assert targets(engine, item, world.secretary)[0][:2] == ("previous", "每人")
    engine.reject(item, by=world.secretary, opinion="都重办")
    engine.run_jobs()
    assert list(todo(engine, world.deputy)) == list(todo(engine, world.clerk)) == ["一"]
    assert engine.verify_history() == []


def test_from_a_bare_item_the_whole_vote_is_undone(engine: ProcessEngine, world: World) -> None:
    xml = draw(
        "p",
        start(),
        user("拟稿"),
        user("会签", person="=谁", loop=each(f"=[{world.deputy}, {world.clerk}, {world.other}]", item="谁")),
        user("签发", person=person(world.secretary)),
        end(),
        path("start", "拟稿", "会签", "签发", "end"),
    )
    begin(engine, xml, world.member)
    do(engine, world.member, "拟稿")
    voted = do(engine, world.deputy, "会签")
    with pytest.raises(Conflict) as counted:
        engine.withdraw(voted, by=world.deputy)
    assert counted.value.code == "counted"
    item = todo(engine, world.clerk)["会签"]
    preview = engine.preview_reject(item, by=world.clerk)
    assert [one.persons for one in preview.items] == [["丁一凡"]]
    assert engine.reject(item, by=world.clerk, opinion="重拟").effects == preview
    assert todo(engine, world.other) == {} and list(todo(engine, world.member)) == ["拟稿"]
    do(engine, world.member, "拟稿")
    for who in (world.deputy, world.clerk, world.other):
        do(engine, who, "会签")
    item = todo(engine, world.secretary)["签发"]
    assert targets(engine, item, world.secretary)[0] == ("previous", "会签", ["方若兰", "纪文静", "丁一凡"])


def test_who_was_added_after_may_reject_and_who_was_asked_before_may_not(
    engine: ProcessEngine, world: World
) -> None:
    begin(engine, line(world), world.member)
    do(engine, world.member, "拟稿")
    item = todo(engine, world.deputy)["审核"]
    (before,) = engine.add_signers(item, by=world.deputy, persons=[world.other], place="before")
    assert "reject" not in names(engine, before.id, world.other)
    with pytest.raises(Conflict) as refused:
        engine.reject(before.id, by=world.other, opinion="不行")
    assert refused.value.code == "opinion-only"
    engine.complete(before.id, by=world.other, opinion="不行")
    (after,) = engine.add_signers(item, by=world.deputy, persons=[world.clerk], place="after")
    engine.complete(item, by=world.deputy)
    engine.reject(after.id, by=world.clerk, opinion="重拟")
    assert list(todo(engine, world.member)) == ["拟稿"] and todo(engine, world.secretary) == {}


def test_withdrawn_while_nobody_has_acted(engine: ProcessEngine, world: World) -> None:
    xml = line(world, ours("form", ref="a.form.json"))
    begin(engine, xml, world.member, a__form__json=FORM)
    item = do(engine, world.member, "拟稿", data={"目标": "甲"})
    assert "withdraw" in names(engine, item, world.member)
    with pytest.raises(NotAllowed):
        engine.withdraw(item, by=world.deputy)
    preview = engine.preview_withdraw(item, by=world.member)
    assert [one.title for one in preview.items] == ["审核"]
    assert engine.withdraw(item, by=world.member).effects == preview
    assert todo(engine, world.deputy) == {}
    (again,) = todo(engine, world.member).values()
    assert engine.work_item(again, by=world.member).draft == {"目标": "甲"}
    item = do(engine, world.member, "拟稿", data={"目标": "乙"})
    do(engine, world.deputy, "审核")
    assert "withdraw" not in names(engine, item, world.member)
    with pytest.raises(Conflict) as late:
        engine.withdraw(item, by=world.member)
    assert late.value.code == "acted-on"
    last = do(engine, world.secretary, "签发")
    with pytest.raises(Conflict) as ended:
        engine.withdraw(last, by=world.secretary)
    assert ended.value.code == "ended"


def test_a_sibling_is_no_successor(engine: ProcessEngine, world: World) -> None:
    begin(engine, fork(world), world.member)
    first = do(engine, world.member, "拟稿")
    item = do(engine, world.deputy, "甲")
    do(engine, world.clerk, "乙")
    with pytest.raises(Conflict):
        engine.withdraw(first, by=world.member)
    engine.withdraw(item, by=world.deputy)
    assert todo(engine, world.secretary) == {} and list(todo(engine, world.deputy)) == ["甲"]
    assert todo(engine, world.clerk) == {}
    do(engine, world.deputy, "甲")
    assert list(todo(engine, world.secretary)) == ["签发"]


def test_what_is_held_is_withdrawn_without_a_move(engine: ProcessEngine, world: World) -> None:
    begin(engine, line(world), world.member)
    do(engine, world.member, "拟稿")
    item = todo(engine, world.deputy)["审核"]
    (after,) = engine.add_signers(item, by=world.deputy, persons=[world.clerk], place="after")
    engine.complete(item, by=world.deputy)
    assert list(todo(engine, world.clerk)) == ["审核"]
    engine.withdraw(item, by=world.deputy)
    assert todo(engine, world.clerk) == {} and todo(engine, world.deputy) == {"审核": item}
    engine.complete(item, by=world.deputy)
    engine.complete(after.id, by=world.clerk, opinion="同意")
    with pytest.raises(Conflict):
        engine.withdraw(after.id, by=world.clerk)
    engine.withdraw(item, by=world.deputy)
    assert list(todo(engine, world.deputy)) == ["审核"]


def test_an_administrator_moves_tokens(engine: ProcessEngine, world: World, database: Database) -> None:
    instance = begin(engine, fork(world), world.member)
    do(engine, world.member, "拟稿")
    with pytest.raises(NotAllowed):
        engine.jump(instance, by=world.member, to="签发", reason="急件")
    admin = make_admin(database, world.branch_secretary)
    tokens, places = engine.jump_places(instance, by=admin)
    assert {one.element_id for one in tokens} == {"甲", "乙"}
    assert {"签发", "拟稿", "fork", "end"} <= {one.element_id for one in places}
    assert not {"start", "迟"} & {one.element_id for one in places}
    for wrong in ("start", "迟", "没有"):
        with pytest.raises(Invalid):
            engine.jump(instance, by=admin, to=wrong, reason="急件")
    with pytest.raises(Invalid):
        engine.jump(instance, by=admin, to="签发", reason="")
    preview = engine.preview_jump(instance, by=admin, to="签发")
    assert [one.title for one in preview.items] == ["甲", "乙"] and preview.opens == ["签发"]
    assert engine.jump(instance, by=admin, to="签发", reason="急件").effects == preview
    assert todo(engine, world.deputy) == todo(engine, world.clerk) == {}
    do(engine, world.secretary, "签发")
    with pytest.raises(Conflict):
        engine.jump(instance, by=admin, to="拟稿", reason="急件")
    other = begin(engine, fork(world), world.member)
    do(engine, world.member, "拟稿")
    (alone,) = [one.task_id for one in engine.jump_places(other, by=admin)[0] if one.element_id == "甲"]
    assert alone is not None
    engine.jump(other, by=admin, to="join", reason="出差", tokens=[alone])
    assert todo(engine, world.deputy) == {} and list(todo(engine, world.clerk)) == ["乙"]
    with pytest.raises(Conflict):
        engine.jump(other, by=admin, to="签发", reason="晚了", tokens=[alone])


def test_what_the_diagram_switches_off(engine: ProcessEngine, world: World) -> None:
    xml = draw(
        "p",
        start(),
        user("拟稿", ours("operations", allow="add")),
        user("审核", ours("operations", allow=""), person=person(world.deputy)),
        end(),
        path("start", "拟稿", "审核", "end"),
    )
    begin(engine, xml, world.member)
    item = do(engine, world.member, "拟稿")
    assert names(engine, todo(engine, world.deputy)["审核"], world.deputy) == {
        "complete",
        "save_draft",
        "claim",
    }
    assert names(engine, item, world.member) == {"cancel"}
    for act in (
        lambda: engine.withdraw(item, by=world.member),
        lambda: engine.reject(todo(engine, world.deputy)["审核"], by=world.deputy, opinion="不行"),
    ):
        with pytest.raises(NotAllowed) as refused:
            act()
        assert refused.value.code == "operation-off"


def test_what_is_offered(engine: ProcessEngine, world: World) -> None:
    begin(engine, line(world), world.member)
    do(engine, world.member, "拟稿")
    item = todo(engine, world.deputy)["审核"]
    offered = {one.name: one for one in engine.operations_for(item, by=world.deputy)}
    assert list(offered) == [
        *("complete", "save_draft", "claim", "reject", "add_signers", "transfer", "entrust", "send_copies"),
    ]
    assert offered["add_signers"].places == ("before", "parallel", "after")
    assert names(engine, item, world.member) == {"send_copies", "nudge", "cancel"}
    engine.add_signers(item, by=world.deputy, persons=[world.other], place="before")
    offered = {one.name: one for one in engine.operations_for(item, by=world.deputy)}
    assert {"complete", "reject", "transfer"}.isdisjoint(offered) and offered["add_signers"].places == (
        "before",
    )
    (signer,) = offered["remove_signer"].items
    assert signer.name == "丁一凡" and signer.work_item_id in todo(engine, world.other).values()


def test_of_a_withdrawal_and_a_completion_exactly_one_wins(engine: ProcessEngine, world: World) -> None:
    for _ in range(6):
        begin(engine, line(world), world.member)
        item = do(engine, world.member, "拟稿")
        next_ = todo(engine, world.deputy)["审核"]
        won = race(
            lambda item=item: engine.withdraw(item, by=world.member),
            lambda next_=next_: engine.complete(next_, by=world.deputy),
        )
        assert len(won) == 1
        (done,) = won
        assert ("拟稿" in todo(engine, world.member)) == (done == 0)
        assert ("签发" in todo(engine, world.secretary)) == (done == 1)
        finish = (world.member, "拟稿") if done == 0 else (world.secretary, "签发")
        do(engine, *finish)
        for who in (world.deputy, world.secretary):
            for name in todo(engine, who):
                do(engine, who, name)
        for name in todo(engine, world.secretary):
            do(engine, world.secretary, name)
    assert engine.verify_history() == []


@pytest.mark.parametrize("shape", [fork, children])
def test_of_two_rejections_exactly_one_wins(
    engine: ProcessEngine, world: World, database: Database, shape: Callable[[World], bytes]
) -> None:
    for _ in range(4):
        begin(engine, shape(world), world.member)
        do(engine, world.member, "拟稿")
        (a,), (b,) = todo(engine, world.deputy).values(), todo(engine, world.clerk).values()
        won = race(
            lambda a=a: engine.reject(a, by=world.deputy, opinion="重拟"),
            lambda b=b: engine.reject(b, by=world.clerk, opinion="重拟"),
        )
        assert len(won) == 1
        assert list(todo(engine, world.member)) == ["拟稿"]
        with database.read() as session:
            closed = session.scalars(select(WorkItem.closing).where(WorkItem.id.in_([a, b]))).all()
            assert sorted(map(str, closed)) == ["rejected", "withdrawn"]
            instance = session.get_one(WorkItem, todo(engine, world.member)["拟稿"]).instance_id
        engine.cancel(instance, by=world.member, reason="试完")
    assert engine.verify_history() == []


def standing(database: Database) -> dict[str, Any]:
    """What is open, by row."""
    with database.read() as session:
        return {
            "items": set(session.scalars(select(WorkItem.id).where(WorkItem.closed_at.is_(None)))),
            "children": session.scalar(
                select(func.count())
                .select_from(ProcessInstance)
                .where(ProcessInstance.ended_at.is_(None), ProcessInstance.parent_id.is_not(None))
            ),
            "timers": set(session.scalars(select(Job.id).where(Job.kind == "timer"))),
        }
