"""党建工作责任书: one level issues, the next signs, decides, and issues its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from engine import Conflict, Invalid, NotAllowed, Signing
from engine.documents import register, verification
from engine.documents.package import parse_xml, read_package
from engine.notifications import Notification
from engine.organisation import posts
from tests.processes.conftest import World
from web.play import handwriting

KEY = "responsibility_letter"
SEEN = {"已阅": True}


def issue(
    world: World, unit: str, clerk: str, reviewer: str, secretary: str, to: list[str], **more: Any
) -> None:
    """Draft, review and issue letters to these units."""
    sent = [world.player.units[name] for name in to]
    world.player.do(clerk, "draft", 发往=sent, **more)
    world.player.do(reviewer, "review", 审核决定="通过")
    world.player.do(secretary, "issue", 签发决定="同意签发")


def begin(world: World, to: list[str], **more: Any) -> int:
    """The Working Committee issues letters to these units."""
    number = world.player.start(KEY, "许知秋", unit="市直机关工委", 年度=2026, 依据文号="云委〔2026〕3号")
    issue(world, "市直机关工委", "许知秋", "沈若川", "林思远", to, **more)
    return number


def test_a_letter_travels_three_levels_down(world: World) -> None:
    play = world.player
    instance = begin(world, ["市发改局党委"])
    play.do("高景行", "sign_back", **SEEN)
    play.do("高景行", "decide_own", 是否下发="下发")
    issue(world, "市发改局党委", "梁书怡", "程立言", "高景行", ["节能监察中心总支"])
    play.do("韩松年", "sign_back", **SEEN)
    play.do("韩松年", "decide_own", 是否下发="下发")
    issue(world, "节能监察中心总支", "邹沐阳", "方雅南", "韩松年", ["节能监察一支部", "节能监察二支部"])
    play.do("潘若谷", "sign_back", **SEEN)
    assert not world.ended(instance, "许知秋")
    play.do("薛怀瑾", "sign_back", **SEEN)
    assert world.ended(instance, "许知秋")

    assert world.statuses("市直机关工委") == {"市发改局党委": "已签"}
    assert world.statuses("市发改局党委") == {"节能监察中心总支": "已签"}
    assert world.statuses("节能监察中心总支") == {"节能监察一支部": "已签", "节能监察二支部": "已签"}
    numbers = [notice.number for notice in world.documents("印发通知")]
    assert numbers == ["云直工〔2026〕1号", "云发改党〔2026〕1号", "云节能党〔2026〕1号"]
    letters = world.documents("责任书")
    assert [letter.data["依据文号"] for letter in letters] == [
        "云委〔2026〕3号",
        *numbers[:1],
        *numbers[1:2] * 2,
    ]
    assert all(letter.number is None for letter in letters)

    with world.session() as session:
        found = verification.verify(register.package(session, register.get(session, letters[0].id)))
    assert found.valid
    assert [(one.signer, one.capacity) for one in found.signatures] == [
        ("林思远", "中共云岭市直属机关工作委员会书记"),
        ("中共云岭市直属机关工作委员会", "演示印章"),
        ("高景行", "中共云岭市发展和改革局委员会书记"),
        ("中共云岭市发展和改革局委员会", "演示印章"),
    ]
    # A unit without a seal has no place for one.
    assert [slot.slot for slot in letters[2].slots] == ["issuer", "recipient"]
    assert all(letter.revision.pdf_digest for letter in letters)


def test_review_and_issue_return_the_draft(world: World) -> None:
    play = world.player
    play.start(KEY, "许知秋", unit="市直机关工委", 年度=2026, 依据文号="云委〔2026〕3号")
    play.do("许知秋", "draft")
    before = [letter.digest for letter in world.documents("责任书")]
    with pytest.raises(Invalid) as refused:
        play.do("沈若川", "review", 审核决定="退回修改")
    assert set(refused.value.errors) == {"_opinion"}
    play.do("沈若川", "review", 审核决定="退回修改", opinion="请把考核奖惩写具体。")
    to = [play.units[name] for name in ("市发改局党委", "市教育局党委")]
    play.do("许知秋", "draft", 发往=to, 考核奖惩="未完成主要目标的，约谈书记。")
    letters = world.documents("责任书")
    assert [(letter.revision.seq, letter.voided_at is None) for letter in letters] == [
        (1, False),
        (2, True),
        (2, True),
        (1, False),
        (1, False),
    ]
    assert letters[1].digest not in before
    play.do("沈若川", "review", 审核决定="通过")
    play.do("林思远", "issue", 签发决定="退回修改", opinion="分值合计应为一百分。")
    play.do("许知秋", "draft")
    play.do("沈若川", "review", 审核决定="通过")
    play.do("林思远", "issue", 签发决定="同意签发")
    assert world.statuses("市直机关工委") == {"市发改局党委": "未签", "市教育局党委": "未签"}
    assert [notice.number for notice in world.documents("印发通知")] == ["云直工〔2026〕1号"]


def test_whom_the_issuer_asks_late_stands_on_the_approval_form_and_has_no_line_in_the_file(
    world: World,
) -> None:
    """后加签 at the issue: the signature is given already when they are asked."""
    play = world.player
    play.start(KEY, "许知秋", unit="市直机关工委", 年度=2026, 依据文号="云委〔2026〕3号")
    play.do("许知秋", "draft", 发往=[play.units["市发改局党委"]])
    play.do("沈若川", "review", 审核决定="退回修改", opinion="分值请合计为一百分。")
    play.do("许知秋", "draft", 发往=[play.units["市发改局党委"]])
    play.do("沈若川", "review", 审核决定="通过")
    item = play.find("林思远", "issue")
    asked = play.people["何静姝"]
    with world.opening() as engine:
        engine.add_signers(item.id, persons=[asked], place="after", note="请核对", by=play.people["林思远"])
    (letter,) = world.documents("责任书")
    play.do("林思远", "issue", 签发决定="同意签发", opinion="请跟踪回签情况。")
    assert world.documents("审批单") == []
    play.do("何静姝", "issue", opinion="组织建设部分与换届安排一致。")

    (form,) = world.documents("审批单")
    lines = [(one["环节"], one["姓名"], one["决定"], one["意见"], one["加签"]) for one in form.data["审批"]]
    assert lines == [
        ("审核", "沈若川", "退回修改", "分值请合计为一百分。", None),
        ("审核", "沈若川", "通过", None, None),
        ("签发", "林思远", "同意签发，已签", "请跟踪回签情况。", None),
        ("签发", "何静姝", None, "组织建设部分与换届安排一致。", "后加签"),
    ]
    assert form.data["审批"][2]["职务"] == "中共云岭市直属机关工作委员会书记"
    assert form.data["审批"][3]["职务"] == "组织部部长"
    with world.session() as session:
        letter = register.get(session, letter.id)
        package = register.package(session, letter)
        found = verification.verify(package)
        text = "".join(
            parse_xml(read_package(register.package(session, form))["word/document.xml"]).itertext()
        )
    assert found.valid
    assert [slot.slot for slot in letter.slots] == ["issuer", "issuer_seal", "recipient", "recipient_seal"]
    assert "何静姝" not in [one.signer for one in found.signatures]
    assert "何静姝" not in "".join(parse_xml(read_package(package)["word/document.xml"]).itertext())
    assert "何静姝" in text
    assert "（后加签）" in text


def test_goals_are_printed_by_their_five_parts(world: World) -> None:
    play = world.player
    play.start(KEY, "许知秋", unit="市直机关工委", 年度=2026, 依据文号="云委〔2026〕3号")
    row = {"措施": "每月学习一次", "时限": "全年", "责任人": "书记", "分值": 20}
    order = ("作风建设", "思想建设", "反腐倡廉建设", "制度建设", "组织建设", "思想建设")
    paired = {"业务目标": "重点项目开工率不低于百分之九十"}
    play.do("许知秋", "draft", 目标=[{**row, **paired, "部分": part} for part in order])
    printed = [goal["部分"] for goal in world.documents("责任书")[0].data["目标"]]
    assert printed == ["思想建设", "思想建设", "组织建设", "作风建设", "制度建设", "反腐倡廉建设"]
    assert world.documents("责任书")[0].data["目标"][0]["业务目标"] == paired["业务目标"]


def test_the_reviewer_is_not_the_drafter(world: World) -> None:
    """节能监察中心总支 has no 专职副书记: its deputy reviews; where he drafted himself, the secretary does."""
    play = world.player
    play.start(KEY, "方雅南", unit="节能监察中心总支", 年度=2026, 依据文号="云发改党〔2026〕1号")
    play.do("邹沐阳", "draft")
    assert [item.element for item in play.todo("方雅南")] == ["review"]
    assert play.todo("韩松年") == []


def test_a_past_deadline_is_replaced_when_issuing(world: World) -> None:
    play = world.player
    world.at("2026-04-10")
    play.start(KEY, "许知秋", unit="市直机关工委", 年度=2026, 依据文号="云委〔2026〕3号")
    play.do("许知秋", "draft")
    play.do("沈若川", "review", 审核决定="通过")
    with pytest.raises(Invalid) as refused:
        play.do("林思远", "issue", 签发决定="同意签发")
    assert set(refused.value.errors) == {"回签截止日期"}
    play.do("林思远", "issue", 签发决定="同意签发", 回签截止日期="2026-05-10")
    assert {str(row.values["回签截止日期"]) for row in world.rows("letters")} == {"2026-05-10"}
    assert "2026年5月10日前" in world.documents("印发通知")[0].data["正文"]


def test_who_refuses_says_why(world: World) -> None:
    play = world.player
    instance = begin(world, ["科协侨联联合支部"])
    with pytest.raises(Invalid) as refused:
        play.do("乔知远", "sign_back", signing=Signing("拒签"), **SEEN)
    assert set(refused.value.errors) == {"_reason"}
    play.do(
        "乔知远", "sign_back", signing=Signing("拒签", reason="目标与本单位职能不符，已书面反映。"), **SEEN
    )
    assert world.statuses("市直机关工委") == {"科协侨联联合支部": "拒签"}
    assert world.rows("letters")[0].values["原因"] == "目标与本单位职能不符，已书面反映。"
    assert world.ended(instance, "许知秋")


def test_a_signature_on_paper_counts_and_is_no_cryptographic_one(world: World) -> None:
    play = world.player
    begin(world, ["科协侨联联合支部"])
    with pytest.raises(Invalid) as refused:
        play.do("乔知远", "sign_back", signing=Signing(way="纸质"), **SEEN)
    assert set(refused.value.errors) == {"_scan"}
    play.do("乔知远", "sign_back", signing=Signing(way="纸质", scan=b"%PDF-1.7 signed"), **SEEN)
    (row,) = world.rows("letters")
    assert (row.values["状态"], row.values["签署方式"]) == ("已签", "纸质")
    letter = world.documents("责任书")[0]
    assert not letter.slot("recipient").signature.is_electronic
    with world.session() as session:
        found = verification.verify(register.package(session, register.get(session, letter.id)))
    assert [one.signer for one in found.signatures] == ["林思远", "中共云岭市直属机关工作委员会"]


def test_a_clerk_hands_in_what_the_secretaries_signed_on_paper(world: World) -> None:
    """签发 on paper is a consent for the whole batch; 回签 is one letter's. Only who signed is the signer."""
    play = world.player
    instance = play.start(KEY, "许知秋", unit="市直机关工委", 年度=2026, 依据文号="云委〔2026〕3号")
    play.do("许知秋", "draft", 发往=[play.units["科协侨联联合支部"]])
    play.do("沈若川", "review", 审核决定="通过")
    paper = Signing(way="纸质", scan=b"%PDF-1.7 signed")
    issued, received = (replace(paper, signer=play.people[name]) for name in ("林思远", "乔知远"))
    with pytest.raises(Invalid) as refused:
        play.do("许知秋", "issue", signing=issued, 签发决定="退回修改", opinion="请改。")
    assert set(refused.value.errors) == {"_outcome"}
    play.do("许知秋", "issue", signing=issued, 签发决定="同意签发")
    assert [item.element for item in play.todo("乔知远")] == ["sign_back"]
    with pytest.raises(NotAllowed):
        play.do("柏一舟", "sign_back", **SEEN)
    play.do("柏一舟", "sign_back", signing=received, **SEEN)
    assert world.ended(instance, "许知秋")
    (row,) = world.rows("letters")
    assert (row.values["状态"], row.values["签署方式"]) == ("已签", "纸质")
    with world.opening() as engine:
        (found,) = engine.rollup("letters", by=play.people["林思远"])
        assert found.counts["已签"] == 1 and found.outstanding == []
    letter = world.documents("责任书")[0]
    assert letter.data["签收人"]["职务"] == "书记"
    persons = [
        (slot.signer, slot.signature) for slot in letter.slots if slot.kind == "签名" and slot.signature
    ]
    names = {number: name for name, number in play.people.items()}
    assert [(who, names[one.attested_by_id], one.capacity, one.is_electronic) for who, one in persons] == [
        ("林思远", "许知秋", "中共云岭市直属机关工作委员会书记", False),
        ("乔知远", "柏一舟", "中共云岭市科学技术协会、云岭市归国华侨联合会联合支部委员会书记", False),
    ]
    with world.session() as session:
        verified = verification.verify(register.package(session, register.get(session, letter.id)))
    assert [one.signer for one in verified.signatures] == ["中共云岭市直属机关工作委员会"]


def test_a_vacant_post_goes_visibly_to_the_superiors_clerk(world: World) -> None:
    play = world.player
    play.start(KEY, "夏知微", unit="市教育局党委", 年度=2026, 依据文号="云直工〔2026〕1号")
    issue(world, "市教育局党委", "夏知微", "田沁芳", "郑启明", ["教研室支部"])
    assert [(item.element, item.vacancy) for item in play.todo("夏知微")] == [("sign_back", True)]
    assert world.documents("责任书")[0].data["第一责任人"] is None
    witness = play.people["冯采薇"]
    with pytest.raises(Invalid, match="不能替这个党组织签署"):
        play.do("夏知微", "sign_back", **SEEN)
    play.do(
        "夏知微",
        "sign_back",
        signing=Signing("无法签", reason="书记空缺，待补选后换签。", witness=witness),
        **SEEN,
    )
    assert world.statuses("市教育局党委") == {"教研室支部": "无法签"}


def test_nobody_signs_both_sides(world: World) -> None:
    """贺千山 is secretary of 总支 and, concurrently, of its branch: the branch's deputy signs for the branch."""
    play = world.player
    play.start(KEY, "段明溪", unit="市档案馆总支", 年度=2026, 依据文号="云直工〔2026〕1号")
    issue(world, "市档案馆总支", "段明溪", "殷雨桐", "贺千山", ["档案馆管理支部"])
    assert play.todo("贺千山") == []
    play.do("侯凌波", "sign_back", **SEEN)
    letter = world.documents("责任书")[0]
    assert [(slot.signer, slot.signature.capacity) for slot in letter.slots if slot.signature] == [
        ("贺千山", "中共云岭市档案馆总支部委员会书记"),
        ("侯凌波", "中共云岭市档案馆管理支部委员会副书记"),
    ]
    assert letter.data["签收人"]["职务"] == "副书记"


def test_the_acting_secretary_signs_in_his_own_capacity(world: World) -> None:
    play = world.player
    play.start(KEY, "梁书怡", unit="市发改局党委", 年度=2026, 依据文号="云直工〔2026〕1号")
    issue(world, "市发改局党委", "梁书怡", "程立言", "高景行", ["发改局项目支部"])
    play.do("唐若愚", "sign_back", **SEEN)
    letter = world.documents("责任书")[0]
    assert letter.data["签收人"]["职务"] == "主持工作的副书记"
    assert letter.slot("recipient").signature.capacity.endswith("主持工作的副书记")


def test_the_deadline_reminds_then_escalates(world: World) -> None:
    play = world.player
    instance = begin(world, ["市发改局党委", "科协侨联联合支部"])
    world.at("2026-03-23")

    def reminded() -> list[str]:
        with world.session() as session:
            names = {number: name for name, number in play.people.items()}
            return [
                names[one.person_id]
                for one in session.scalars(select(Notification).order_by(Notification.id))
            ]

    assert reminded() == []
    world.at("2026-03-24")
    assert sorted(reminded()) == sorted(["高景行", "乔知远"])
    play.do("高景行", "sign_back", **SEEN)
    play.do("高景行", "decide_own", 是否下发="不下发", 不下发原因="所属支部的责任书另行安排。")
    world.at("2026-03-31")
    assert play.todo("许知秋") == []
    world.at("2026-04-01")
    assert [item.element for item in play.todo("许知秋")] == ["supervise"]
    play.do("许知秋", "supervise", 督办决定="延期", 延期至="2026-04-10", 督办说明="书记出差在外。")
    assert play.todo("许知秋") == []
    assert [item.element for item in play.todo("乔知远")] == ["sign_back"]
    world.at("2026-04-11")
    play.do("许知秋", "supervise", 督办决定="记为逾期", 督办说明="两次催办仍未回签。")
    assert play.todo("乔知远") == []
    assert world.statuses("市直机关工委") == {"市发改局党委": "已签", "科协侨联联合支部": "逾期"}
    letter = next(one for one in world.documents("责任书") if "科协侨联" in one.title)
    signature = letter.slot("recipient").signature
    assert (signature.outcome, signature.reason, signature.person_id) == ("逾期", "两次催办仍未回签。", None)
    assert world.ended(instance, "许知秋")
    with world.opening() as engine:
        (found,) = engine.rollup("letters", by=play.people["林思远"])
        assert found.counts == {"未签": 0, "已签": 1, "拒签": 0, "无法签": 0, "逾期": 1}
        assert [row.values["责任单位"] for row in found.outstanding] == [play.units["科协侨联联合支部"]]


def test_a_late_signature_still_counts_and_ends_the_supervision(world: World) -> None:
    play = world.player
    begin(world, ["科协侨联联合支部"])
    world.at("2026-04-02")
    assert [item.element for item in play.todo("许知秋")] == ["supervise"]
    play.do("乔知远", "sign_back", **SEEN)
    assert play.todo("许知秋") == []
    assert world.statuses("市直机关工委") == {"科协侨联联合支部": "已签"}


def test_open_items_follow_the_post_and_old_signatures_stand(world: World) -> None:
    play = world.player
    begin(world, ["市发改局党委"])
    assert [item.element for item in play.todo("高景行")] == ["sign_back"]
    with world.database.write() as session:
        unit = play.units["市发改局党委"]
        day = world.clock.now().date()
        posts.appoint(session, unit, "书记", play.people["苏望舒"], from_on=day, replacing=True)
    assert play.todo("高景行") == []
    play.do("苏望舒", "sign_back", **SEEN)
    letter = world.documents("责任书")[0]
    assert letter.slot("issuer").signer == "林思远"
    assert letter.slot("recipient").signer == "苏望舒"


def test_signing_anew_supersedes_the_letter(world: World) -> None:
    """换签: issuing again to one unit begins a new row; the old letter and its signatures stay."""
    play = world.player
    begin(world, ["市发改局党委", "科协侨联联合支部"])
    play.do("乔知远", "sign_back", **SEEN)
    begin(world, ["科协侨联联合支部"])
    rows = world.rows("letters", {"责任单位": play.units["科协侨联联合支部"]}, history=True)
    assert [(row.values["状态"], row.live) for row in rows] == [("已签", False), ("未签", True)]
    assert rows[1].supersedes_id == rows[0].id
    play.do("乔知远", "sign_back", **SEEN)
    assert world.statuses("市直机关工委") == {"市发改局党委": "未签", "科协侨联联合支部": "已签"}
    assert [notice.number for notice in world.documents("印发通知")] == [
        "云直工〔2026〕1号",
        "云直工〔2026〕2号",
    ]


def test_what_is_signed_is_what_was_shown(world: World) -> None:
    play = world.player
    begin(world, ["科协侨联联合支部"])
    item = play.find("乔知远", "sign_back")
    with world.opening() as engine, pytest.raises(Conflict) as refused:
        stale = Signing(handwriting=handwriting("乔知远"), shown={world.documents("责任书")[0].id: "0" * 64})
        engine.complete(item.id, by=play.people["乔知远"], data=SEEN, signature=stale)
    assert refused.value.code == "document-changed"


def test_a_branch_has_nobody_to_issue_to(world: World) -> None:
    play = world.player
    instance = play.start(KEY, "潘若谷", unit="节能监察一支部", 年度=2026, 依据文号="云节能党〔2026〕1号")
    assert world.ended(instance, "潘若谷")
    assert world.documents("责任书") == []


def test_a_receiving_units_page_shows_the_notice_and_its_letter(world: World) -> None:
    """They belong to the issuing unit's instance; the neighbour's letter stays out."""
    begin(world, ["市教育局党委", "科协侨联联合支部"])
    item, by = world.player.find("乔知远", "sign_back"), world.player.people["乔知远"]
    with world.opening() as engine:
        instance = engine.work_item(item.id, by=by).instance
        found = [document.title for document in engine.instance(instance.id, by=by).documents]
    assert found == ["2026年度党建工作责任书（科协侨联联合支部）", "关于印发2026年度党建工作责任书的通知"]
