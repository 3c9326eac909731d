"""责任书换签: a secretary has changed; the letter is signed anew, and what was signed before stands."""

from __future__ import annotations

import pytest

from engine import Conflict, Invalid, NotAllowed, NotFound, Signing
from engine.documents import verification
from engine.renewals import Renewal
from tests.processes.conftest import World
from tests.processes.test_responsibility_letter import SEEN, begin, issue

KEY = "letter_renewal"
REFUSAL = "目标须按新的分工调整。"


def signed(world: World) -> None:
    """A letter to 市发改局党委 that both secretaries have signed."""
    begin(world, ["市发改局党委"])
    world.player.do("高景行", "sign_back", **SEEN)
    world.player.do("高景行", "decide_own", 是否下发="不下发", 不下发原因="所属支部另行安排。")


def appoint(world: World, unit: str, person: str, mode: str = "正式") -> None:
    day = world.clock.now().date()
    with world.opening() as engine:
        engine.appoint(
            world.player.units[unit],
            "书记",
            world.player.people[person],
            by=None,
            from_on=day,
            mode=mode,
            replacing=True,
        )


def offered(world: World, by: str) -> list[Renewal]:
    with world.opening() as engine:
        return engine.renewals("letters", by=world.player.people[by])


def start(world: World, by: str, unit: str, entry: int) -> int:
    return world.player.start(KEY, by, unit=unit, 责任书=entry, 签署期限="2026-06-30")


def file_of(world: World, document: int, by: str) -> bytes:
    with world.opening() as engine:
        return engine.document_file(document, by=world.player.people[by])


def signers(content: bytes) -> list[str | None]:
    found = verification.verify(content)
    assert found.valid
    return [one.signer for one in found.signatures if one.capacity != "演示印章"]


def test_a_letter_is_signed_anew_and_the_old_one_stands(world: World) -> None:
    play = world.player
    signed(world)
    assert offered(world, "许知秋") == []
    (old,) = world.rows("letters")
    assert old.document_id is not None
    before = file_of(world, old.document_id, "许知秋")

    world.at("2026-06-01")
    appoint(world, "市发改局党委", "苏望舒")
    (found,) = offered(world, "许知秋")
    assert (found.entry.id, found.signers, found.process) == (old.id, "高景行", KEY)
    # The recipient's officers see it and cannot start it: the letter is kept by its issuer.
    assert [one.process for one in offered(world, "梁书怡")] == [None]
    instance = start(world, "许知秋", "市直机关工委", old.id)
    assert offered(world, "许知秋") == [], "it is under way"

    # The issuer's secretary changes in the middle: the open item follows the post.
    assert [item.element for item in play.todo("林思远")] == ["sign_issuer"]
    appoint(world, "市直机关工委", "周明礼")
    assert play.todo("林思远") == []
    play.do("周明礼", "sign_issuer", **SEEN)
    play.do("苏望舒", "sign_recipient", **SEEN)
    assert world.ended(instance, "许知秋")

    row, new = world.rows("letters", history=True)
    assert (row.id, row.live, row.values["回签人"]) == (old.id, False, "高景行")
    assert (new.live, new.supersedes_id, new.values["状态"]) == (True, old.id, "已签")
    assert (new.values["签发人"], new.values["回签人"]) == ("周明礼", "苏望舒")
    assert new.values["发文字号"] == old.values["发文字号"]
    assert new.document_id is not None
    former, letter = world.documents("责任书")
    assert (letter.id, letter.replaces_id, former.voided_at) == (new.document_id, former.id, None)
    for part in ("年度", "依据文号", "目标", "考核奖惩", "份数"):
        assert letter.data[part] == former.data[part]
    assert letter.data["第一责任人"]["姓名"] == "苏望舒"
    assert signers(file_of(world, letter.id, "许知秋")) == ["周明礼", "苏望舒"]
    assert file_of(world, former.id, "许知秋") == before
    assert signers(before) == ["林思远", "高景行"]
    assert offered(world, "许知秋") == []
    assert world.statuses("市直机关工委") == {"市发改局党委": "已签"}
    with world.opening() as engine:
        successor = engine.renewed_by(former.id, by=play.people["许知秋"])
        assert successor is not None and successor.id == letter.id


def test_only_the_keepers_officers_renew_and_only_what_is_due(world: World) -> None:
    signed(world)
    (row,) = world.rows("letters")
    with pytest.raises(Invalid) as refused:
        start(world, "许知秋", "市直机关工委", row.id)
    assert set(refused.value.errors) == {"责任书"}, "everybody is still in office"
    appoint(world, "市发改局党委", "苏望舒")
    with pytest.raises(Invalid) as refused:
        start(world, "梁书怡", "市发改局党委", row.id)
    assert set(refused.value.errors) == {"责任书"}
    with pytest.raises(NotAllowed):
        start(world, "范承志", "市发改局党委", row.id)


def test_who_refuses_leaves_the_old_letter_in_force(world: World) -> None:
    play = world.player
    signed(world)
    (old,) = world.rows("letters")
    appoint(world, "市发改局党委", "苏望舒")
    instance = start(world, "林思远", "市直机关工委", old.id)
    play.do("林思远", "sign_issuer", **SEEN)
    play.do("苏望舒", "sign_recipient", signing=Signing("拒签", reason=REFUSAL), **SEEN)
    assert world.ended(instance, "林思远")
    (row,) = world.rows("letters", history=True)
    assert (row.id, row.values["状态"], row.values["回签人"]) == (old.id, "已签", "高景行")
    assert row.values["原因"] == f"换签未成（责任单位拒签）：{REFUSAL}"
    assert [one.entry.id for one in offered(world, "许知秋")] == [old.id], "it is offered again"


def test_nobody_signs_both_sides_anew(world: World) -> None:
    """The new secretary of 总支 takes over its branch as well: the branch's deputy signs, and goes on as such."""
    play = world.player
    play.start(
        "responsibility_letter", "段明溪", unit="市档案馆总支", 年度=2026, 依据文号="云直工〔2026〕1号"
    )
    issue(world, "市档案馆总支", "段明溪", "殷雨桐", "贺千山", ["档案馆管理支部"])
    play.do("侯凌波", "sign_back", **SEEN)
    assert offered(world, "段明溪") == [], "a deputy who signed as such is still in office"
    appoint(world, "市档案馆总支", "殷雨桐")
    appoint(world, "档案馆管理支部", "殷雨桐", mode="兼任")
    (found,) = offered(world, "段明溪")
    assert found.signers == "贺千山"
    start(world, "段明溪", "市档案馆总支", found.entry.id)
    play.do("殷雨桐", "sign_issuer", **SEEN)
    assert play.todo("殷雨桐") == []
    play.do("侯凌波", "sign_recipient", **SEEN)
    (row,) = world.rows("letters")
    assert (row.values["签发人"], row.values["回签人"]) == ("殷雨桐", "侯凌波")


def test_a_vacancy_waits_and_its_new_secretary_signs(world: World) -> None:
    """无法签 because of a vacancy: renewal is offered when somebody has been elected, not before."""
    play = world.player
    play.start(
        "responsibility_letter", "夏知微", unit="市教育局党委", 年度=2026, 依据文号="云直工〔2026〕1号"
    )
    issue(world, "市教育局党委", "夏知微", "田沁芳", "郑启明", ["教研室支部"])
    reason = "书记空缺，待补选后换签。"
    unable = Signing("无法签", reason=reason, witness=play.people["冯采薇"])
    play.do("夏知微", "sign_back", signing=unable, **SEEN)
    assert offered(world, "夏知微") == []
    world.at("2026-03-10")
    appoint(world, "教研室支部", "冯采薇")
    (found,) = offered(world, "夏知微")
    start(world, "夏知微", "市教育局党委", found.entry.id)
    play.do("郑启明", "sign_issuer", **SEEN)
    play.do("冯采薇", "sign_recipient", **SEEN)
    assert world.statuses("市教育局党委") == {"教研室支部": "已签"}


def test_a_letter_taken_out_of_force_is_asked_for_no_longer(world: World) -> None:
    play = world.player
    instance = begin(world, ["市发改局党委", "科协侨联联合支部"])
    rows = {row.values["责任单位"]: row for row in world.rows("letters")}
    row = rows[play.units["市发改局党委"]]
    reason = "接收单位有误。"

    def void(by: str, reason: str) -> None:
        with world.opening() as engine:
            engine.void_entry(row.id, reason=reason, by=play.people[by])
            engine.run_jobs()

    with pytest.raises(NotAllowed):
        void("高景行", reason)
    with pytest.raises(Invalid):
        void("许知秋", " ")
    assert [item.element for item in play.todo("高景行")] == ["sign_back"]
    void("许知秋", reason)
    assert play.todo("高景行") == []
    with pytest.raises(Conflict):
        void("许知秋", reason)
    assert world.statuses("市直机关工委") == {"科协侨联联合支部": "未签"}
    letter = next(one for one in world.documents("责任书") if one.id == row.document_id)
    assert (letter.void_reason, letter.slot("issuer").signer) == (reason, "林思远")
    with world.opening() as engine:
        shown = engine.ledger("letters", by=play.people["许知秋"], history=True)
        assert [one.void_reason for one in shown if not one.live] == [reason]
        assert engine.verify_history() == []
    assert not world.ended(instance, "许知秋"), "the other letter is still open"
    play.do("乔知远", "sign_back", **SEEN)
    assert world.ended(instance, "许知秋")


def test_voiding_ends_a_renewal_under_way(world: World) -> None:
    signed(world)
    (row,) = world.rows("letters")
    appoint(world, "市发改局党委", "苏望舒")
    instance = start(world, "许知秋", "市直机关工委", row.id)
    with world.opening() as engine:
        engine.void_entry(row.id, reason="该单位改由其他机关主管。", by=world.player.people["沈若川"])
        engine.run_jobs()
    assert world.player.todo("林思远") == []
    assert world.ended(instance, "许知秋")
    assert [letter.voided_at is not None for letter in world.documents("责任书")] == [True, True]
    with world.opening() as engine, pytest.raises(NotFound):
        engine.renewals("no_such_ledger", by=world.player.people["许知秋"])
