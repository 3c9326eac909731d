"""党员表彰: a list is drawn up from the year's commitments and evaluations, publicised, decided on, and everybody gets his certificate."""

from __future__ import annotations

from typing import Any

import pytest

from engine import Invalid
from engine.documents import register, verification
from tests.processes.conftest import World
from tests.processes.test_member_commitment import publish
from tests.processes.test_quarterly_evaluation import evaluate

KEY = "commendation"


def propose(world: World, **more: Any) -> int:
    """范承志 was 优秀 in the first quarter, 叶青禾 has only committed herself; the office clerk draws up the list."""
    evaluate(world, 95)
    publish(world, "叶青禾")
    world.at("2026-12-07")
    instance = world.player.start(KEY, "梁书怡", unit="市发改局党委", 年度=2026)
    world.player.do("梁书怡", "propose", 监督电话="0598-8888888", 公示期止="2026-12-11", **more)
    return instance


def test_who_was_excellent_is_publicised_commended_and_gets_a_certificate(world: World) -> None:
    play = world.player
    instance = propose(world)
    with pytest.raises(Invalid) as refused:
        play.do("高景行", "review", 审核决定="退回修改")
    assert set(refused.value.errors) == {"_opinion"}
    play.do("高景行", "review", 审核决定="同意公示")
    (notice,) = world.documents("公示")
    assert [row["姓名"] for row in notice.data["名单"]] == ["范承志"]  # those with an 优秀 are ticked
    assert [slot.signature.outcome for slot in notice.slots] == ["已签"]
    assert play.todo("高景行") == []
    world.at("2026-12-11")
    assert play.todo("高景行") == []  # the last day belongs to the time for objections
    world.at("2026-12-12")
    play.do("高景行", "decide", 表彰决定="予以表彰", opinion="公示无异议。")
    assert world.ended(instance, "梁书怡")

    (decision,) = world.documents("表彰决定")
    assert decision.number == "云发改党〔2026〕1号"
    (certificate,) = world.documents("荣誉证书")
    assert certificate.data["称号"] == "优秀共产党员"
    with world.session() as session:
        for document in (decision, certificate):
            found = verification.verify(register.package(session, register.get(session, document.id)))
            assert found.valid
            assert [one.signer for one in found.signatures] == ["中共云岭市发展和改革局委员会"]
    with world.opening() as engine:
        shown = {n.sections["姓名"].splitlines()[0]: n for n in engine.noticeboard(by=play.people["叶青禾"])}
        assert shown["范承志"].sections["奖惩结果"] == (
            "2026年12月被授予“优秀共产党员”称号（云发改党〔2026〕1号）。"
        )
        assert shown["叶青禾"].sections["奖惩结果"] == ""
    plaques = [one for one in world.documents("承诺监督牌") if "范承志" in one.title]
    assert plaques[-1].data["公开"]["奖惩结果"].startswith("2026年12月被授予")
    (form,) = world.documents("审批单")
    assert [(line["环节"], line["姓名"], line["决定"], line["意见"]) for line in form.data["审批"]] == [
        ("审核", "高景行", "同意公示", None),
        ("研究决定", "高景行", "予以表彰", "公示无异议。"),
    ]


def test_objections_may_end_it(world: World) -> None:
    play = world.player
    instance = propose(world)
    play.do("高景行", "review", 审核决定="同意公示")
    world.at("2026-12-12")
    play.do("高景行", "decide", 表彰决定="不予表彰", opinion="有群众反映，经核查属实。")
    assert world.ended(instance, "梁书怡")
    assert world.documents("荣誉证书") == world.documents("表彰决定") == []


def test_without_commitments_nobody_is_commended(world: World) -> None:
    instance = world.player.start(KEY, "梁书怡", unit="市发改局党委", 年度=2026)
    assert world.ended(instance, "梁书怡")
