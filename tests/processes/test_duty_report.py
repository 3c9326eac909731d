"""述职述廉: a member reports in writing, signs, and the branch appraises."""

from __future__ import annotations

import pytest

from engine import Invalid, Signing
from engine.documents import register, verification
from tests.processes.conftest import World

KEY = "duty_report"
PARTS = {
    "履职情况": "（一）按时办结审批事项。全年办结80件。\n（二）走访企业6家。",
    "存在问题": "调查研究不够深入。",
    "廉洁自律": "遵守廉洁自律各项规定。",
    "下步打算": "每季度到企业蹲点两天。",
}


def report(world: World) -> int:
    instance = world.player.start(KEY, "范承志", 年度=2026)
    world.player.do("范承志", "write", **PARTS)
    return instance


def test_a_report_is_signed_and_appraised(world: World) -> None:
    play = world.player
    instance = report(world)
    play.do("范承志", "sign", 已阅=True)
    with pytest.raises(Invalid) as refused:
        play.do("陆远帆", "appraise", 评议等次="好")
    assert set(refused.value.errors) == {"_opinion"}
    play.do("陆远帆", "appraise", 评议等次="好", opinion="履职扎实，群众认可。")
    assert world.ended(instance, "范承志")
    (document,) = world.documents("述职报告")
    assert document.revision.pdf_digest
    with world.session() as session:
        found = verification.verify(register.package(session, register.get(session, document.id)))
    assert found.valid
    assert [(one.signer, one.capacity) for one in found.signatures] == [("范承志", "报告人")]


def test_who_does_not_sign_is_not_appraised(world: World) -> None:
    instance = report(world)
    world.player.do("范承志", "sign", 已阅=True, signing=Signing("拒签", reason="内容还要补充。"))
    assert world.ended(instance, "范承志")
    assert world.player.todo("陆远帆") == []
