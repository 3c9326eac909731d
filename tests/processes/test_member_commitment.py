"""党员岗位责任承诺书: a member sets himself goals, the branch reviews, both sign, the noticeboard shows."""

from __future__ import annotations

from typing import Any

import pytest

from engine import Invalid, NotFound, Signing
from engine.documents import register, verification
from engine.errors import NotAllowed, Refused
from tests.processes.conftest import World, shipped

KEY = "member_commitment"
AREAS = ("思想政治", "履行岗位职责", "服务经济发展", "结对帮带帮扶", "廉政建设", "参加组织生活")


def goals(**more: dict[str, Any]) -> list[dict[str, Any]]:
    """One goal in each of the six areas; ``more`` changes the row of an area."""
    row = {"无": False, "目标": "按计划完成", "数量": "12次", "质量": "群众满意", "时限": "12月底前"}
    return [{**row, "方面": area, **more.get(area, {})} for area in AREAS]


def commit(world: World, member: str = "范承志", **data: Any) -> int:
    instance = world.player.start(KEY, member, 年度=2026)
    world.player.do(member, "commit", **{"承诺": goals(), **data})
    return instance


def publish(world: World, member: str = "范承志", **data: Any) -> int:
    """A commitment up to the noticeboard; ``data`` of the branch's review."""
    instance = commit(world, member)
    world.player.do("陆远帆", "review", 审核决定="同意", **data)
    world.player.do(member, "sign", 已阅=True)
    world.player.do("陆远帆", "countersign", 已核对=True)
    return instance


def test_a_commitment_is_returned_revised_signed_by_both_and_disclosed(world: World) -> None:
    play = world.player
    instance = commit(world)
    with pytest.raises(Invalid) as refused:
        play.do("陆远帆", "review", 审核决定="退回修改")
    assert set(refused.value.errors) == {"_opinion"}
    play.do("陆远帆", "review", 审核决定="退回修改", opinion="服务经济发展的目标请写明数量。")
    assert world.documents("承诺书") == []
    extra = [{"方面": "其他", "目标": "参加义务植树", "数量": "1次", "质量": "栽活管好", "时限": "3月底前"}]
    play.do(
        "范承志",
        "commit",
        承诺=goals(
            服务经济发展={"目标": "走访企业", "数量": "6家"},
            结对帮带帮扶={"无": True, "无承诺理由": "正在脱产学习"},
        ),
        补充承诺=extra,
    )
    play.do("陆远帆", "review", 审核决定="同意")
    play.do("范承志", "sign", 已阅=True)
    play.do("陆远帆", "countersign", 已核对=True)
    assert world.ended(instance, "范承志")

    (document,) = world.documents("承诺书")
    assert document.data["科室"] == "综合科"
    assert [row["方面"] for row in document.data["承诺"]] == [*AREAS, "其他"]
    assert document.data["承诺"][3]["无承诺理由"] == "正在脱产学习"
    assert document.revision.pdf_digest
    with world.session() as session:
        found = verification.verify(register.package(session, register.get(session, document.id)))
    assert found.valid
    assert [(one.signer, one.capacity) for one in found.signatures] == [
        ("范承志", "承诺人"),
        ("陆远帆", "中共云岭市发展和改革局综合支部委员会书记"),
    ]

    with world.opening() as engine:
        (notice,) = engine.noticeboard(by=play.people["叶青禾"])
        assert list(notice.sections) == ["姓名", "职责", "目标任务", "工作进展情况", "考核评议", "奖惩结果"]
        assert "服务经济发展：走访企业（6家，群众满意，12月底前）" in notice.sections["目标任务"]
        assert "结对帮带帮扶" not in notice.sections["目标任务"]
        assert engine.noticeboard(by=play.people["郑启明"]) == engine.noticeboard(by=None) == []


def test_every_area_needs_a_measured_goal_or_a_reason(world: World) -> None:
    play = world.player
    play.start(KEY, "范承志", 年度=2026)
    unmeasured = goals(思想政治={"数量": "", "时限": " "}, 廉政建设={"无": True})
    with pytest.raises(Invalid) as refused:
        play.do("范承志", "commit", 承诺=unmeasured)
    assert set(refused.value.errors) == {"承诺[0].数量", "承诺[0].时限", "承诺[4].无承诺理由"}


def test_a_secretarys_own_commitment_is_reviewed_by_another_officer(world: World) -> None:
    play = world.player
    commit(world, "陆远帆")
    assert play.todo("陆远帆") == []
    play.do("白晓岚", "review", 审核决定="同意")
    play.do("陆远帆", "sign", 已阅=True)
    play.do("白晓岚", "countersign", 已核对=True)
    (document,) = world.documents("承诺书")
    assert document.data["书记"]["职务"] == "副书记"
    assert [slot.signer for slot in document.slots] == ["陆远帆", "白晓岚"]


def test_nothing_is_disclosed_without_both_signatures(world: World) -> None:
    play = world.player
    instance = commit(world)
    play.do("陆远帆", "review", 审核决定="同意")
    play.do("范承志", "sign", 已阅=True)
    play.do("陆远帆", "countersign", 已核对=True, signing=Signing("拒签", reason="岗位已调整，须重新定责。"))
    assert world.ended(instance, "范承志")
    assert world.rows("commitments") == []


def test_a_new_commitment_of_the_year_supersedes_the_former(world: World) -> None:
    for _ in range(2):
        publish(world)
    former, present = world.rows("commitments", history=True)
    assert (former.live, present.live, present.supersedes_id) == (False, True, former.id)
    first, second = world.documents("承诺监督牌")
    assert (present.plaque_id, second.replaces_id) == (second.id, first.id)


def test_the_plaque_is_issued_anew_when_what_it_discloses_changes(world: World) -> None:
    """The former one stays, superseded; its code is its own."""
    play = world.player
    publish(world, 监督电话="0598-8888888")
    (entry,) = world.rows("commitments")
    (first,) = world.documents("承诺监督牌")
    assert (entry.plaque_id, first.revision.page_count) == (first.id, 1)
    assert first.data["监督电话"] == "0598-8888888"
    assert first.data["公开"]["工作进展情况"] == ""
    with world.opening() as engine:
        engine.update_notice(entry.id, "工作进展情况", "走访企业两家。", by=play.people["范承志"])
        engine.update_notice(
            entry.id, "考核评议", "支部内部评议。", by=play.people["陆远帆"], audience="支部"
        )
        engine.run_jobs()
        engine.update_notice(entry.id, "工作进展情况", "走访企业两家。", by=play.people["范承志"])
        engine.run_jobs()
    first, second = world.documents("承诺监督牌")  # two changes at once, then none: one more plaque
    assert (second.replaces_id, first.voided_at, first.code != second.code) == (first.id, None, True)
    assert second.data["公开"]["工作进展情况"] == "走访企业两家。"
    assert second.data["公开"]["考核评议"] == "在本支部范围内公开。"
    with world.session() as session:
        assert register.successor(session, first.id).id == second.id
    with world.opening() as engine:
        assert engine.plaque(entry.id, by=play.people["苏望舒"]).startswith(b"%PDF-")
        with pytest.raises(NotFound):
            engine.plaque(entry.id)  # its sections are the agency's own
        for section in ("姓名", "职责", "目标任务", "工作进展情况", "奖惩结果"):
            text = second.data["公开"][section]
            by = play.people["陆远帆" if section == "奖惩结果" else "范承志"]
            engine.update_notice(entry.id, section, text, by=by, audience="社会")
        engine.run_jobs()
        assert engine.plaque(entry.id).startswith(b"%PDF-")
        engine.void_entry(entry.id, reason="党员调离", by=play.people["陆远帆"])
    assert [one.void_reason for one in world.documents("承诺监督牌")] == [None, "党员调离"]


def test_nobody_writes_his_own_assessment(world: World) -> None:
    publish(world)
    (entry,) = world.rows("commitments")
    member, secretary = world.player.people["范承志"], world.player.people["陆远帆"]
    with world.opening() as engine:
        with pytest.raises(NotAllowed, match="党组织填写"):
            engine.update_notice(entry.id, "考核评议", "优秀。", by=member)
        assert engine.kept_sections(entry.id, by=member) == {"姓名", "职责", "目标任务", "工作进展情况"}
        assert engine.kept_sections(entry.id, by=secretary) >= {"考核评议", "奖惩结果"}
        engine.update_notice(entry.id, "考核评议", "合格。", by=secretary)


def test_a_plaque_without_its_template_is_not_deployed(world: World) -> None:
    files = shipped(KEY)
    ledger = files["commitments.ledger.yaml"].decode()
    files["commitments.ledger.yaml"] = ledger.replace("承诺监督牌.docx", "没有的牌.docx").encode()
    with world.opening() as engine:
        assert [(one.rule, one.element) for one in engine.lint(files)] == [("references", "publish")]
        with pytest.raises(Refused, match=r"没有的牌\.docx"):
            engine.deploy(files)
