"""季度考评: self-assessment, the branch's judgement, a decision table, and rectification for a poor result."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from engine import Invalid, dmn
from engine.documents import register, verification
from engine.notifications import Notification
from engine.shipped import PROCESSES
from tests.processes.conftest import World
from tests.processes.test_member_commitment import commit

KEY = "quarterly_evaluation"


def evaluate(world: World, score: int, veto: bool = False, result: str = "完成") -> int:
    """范承志 has committed himself; he assesses himself and the branch judges."""
    play = world.player
    commit(world)
    play.do("陆远帆", "review", 审核决定="同意")
    play.do("范承志", "sign", 已阅=True)
    play.do("陆远帆", "countersign", 已核对=True)
    world.at("2026-04-02")
    instance = play.start(KEY, "陆远帆", unit="发改局综合支部", 年度=2026, 季度=1)
    (entry,) = world.rows("commitments")
    play.do("陆远帆", "choose", 考评对象=entry.id)
    done = {"完成结果": result, "完成情况": "已按计划推进"}
    play.do("范承志", "assess", 自评=[done] * 6, 自评小结="总体较好。")
    judge(world, score, veto)
    return instance


def judge(world: World, score: int, veto: bool = False) -> None:
    world.player.do("陆远帆", "judge", 评议得分=score, 一票否决=veto, 评议意见="实事求是。")


def disclosed(world: World) -> str:
    with world.opening() as engine:
        (notice,) = engine.noticeboard(by=world.player.people["叶青禾"])
        return notice.sections["考核评议"]


def test_a_good_quarter_is_recorded_and_disclosed(world: World) -> None:
    instance = evaluate(world, 92)
    assert world.ended(instance, "陆远帆")
    (row,) = world.rows("evaluations")
    assert (row.values["等次"], row.values["得分"], row.values["整改"]) == ("优秀", 92, "无")
    assert disclosed(world) == "第1季度考评等次：优秀。实事求是。"


def explain(world: World) -> None:
    world.player.do(
        "陆远帆",
        "explain",
        会议日期="2026-04-02",
        参会人数=18,
        说明情况="精力投入不足，愿意整改。",
        问题=[{"内容": "走访企业未开展"}, {"内容": "组织生活缺席两次"}],
        要求=[{"内容": "五月底前补走访六家企业"}],
        整改期限="2026-05-31",
    )


def test_a_poor_quarter_is_rectified(world: World) -> None:
    play = world.player
    instance = evaluate(world, 55, result="未完成")
    assert world.rows("evaluations") == []
    with pytest.raises(Invalid) as refused:
        play.do("陆远帆", "confirm", 确认决定="重新评议")
    assert set(refused.value.errors) == {"_opinion"}
    play.do("陆远帆", "confirm", 确认决定="确认")
    explain(world)
    play.do("陆远帆", "issue", 已核对=True)
    (notice,) = world.documents("整改通知书")
    assert notice.data["问题"] == ["走访企业未开展", "组织生活缺席两次"]
    with world.session() as session:
        found = verification.verify(register.package(session, register.get(session, notice.id)))
    assert found.valid
    assert [one.signer for one in found.signatures] == ["陆远帆"]
    assert world.rows("evaluations")[0].values["整改"] == "整改中"
    assert disclosed(world) == "第1季度考评等次：较差。已责令限期整改。"

    world.at("2026-06-01")
    with world.session() as session:
        reminded = set(session.scalars(select(Notification.person_id)))
    assert reminded == {play.people["陆远帆"], play.people["范承志"]}
    play.do("范承志", "report", 整改报告="已补走访三家企业，其余三家已约定时间。")
    play.do("陆远帆", "verify", 复核结果="不合格", 复核意见="还差三家。", 整改期限="2026-06-30")
    assert [item.element for item in play.todo("范承志")] == ["report"]
    play.do("范承志", "report", 整改报告="六家企业已全部走访，形成走访记录。")
    play.do("陆远帆", "verify", 复核结果="合格", 复核意见="已整改到位。")
    assert world.ended(instance, "陆远帆")
    (row,) = world.rows("evaluations")
    assert (row.values["等次"], row.values["整改"], row.document_id) == ("较差", "已完成", notice.id)
    assert disclosed(world).endswith("复核合格。")


def test_the_branch_may_judge_again(world: World) -> None:
    play = world.player
    evaluate(world, 55)
    play.do("陆远帆", "confirm", 确认决定="重新评议", opinion="遗漏了年初的驻村工作。")
    judge(world, 76)
    assert world.rows("evaluations")[0].values["等次"] == "合格"


def test_without_commitments_there_is_nothing_to_evaluate(world: World) -> None:
    instance = world.player.start(KEY, "陆远帆", unit="发改局综合支部", 年度=2026, 季度=1)
    assert world.ended(instance, "陆远帆")


@pytest.mark.parametrize(
    ("score", "veto", "unfinished", "grade"),
    [
        (100, False, 0, "优秀"),
        (90, False, 0, "优秀"),
        (90, False, 1, "合格"),
        ("89.9", False, 0, "合格"),
        (75, False, 3, "合格"),
        ("74.9", False, 0, "基本合格"),
        (60, False, 0, "基本合格"),
        ("59.9", False, 0, "较差"),
        (0, False, 0, "较差"),
        (100, True, 0, "较差"),
    ],
)
def test_the_grade(score: Any, veto: bool, unfinished: int, grade: str) -> None:
    model = dmn.load((PROCESSES / KEY / "grade.dmn").read_bytes())
    assessed = [{"完成结果": "未完成"}] * unfinished + [{"完成结果": "完成"}]
    data = {"评议得分": Decimal(score), "一票否决": veto, "自评": assessed}
    assert model.decide("等次", data).value == grade
