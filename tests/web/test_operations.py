"""The pages of the office operations, without JavaScript: 退回, 撤回, 转办, 委派, 加签, 抄送, 催办; 常用语 and 代理."""

from __future__ import annotations

from engine import ProcessEngine
from tests.web.conftest import Visit, Visitor, World
from tests.web.test_work_items import GOOD, drafted, error_of


def handed_in(visit: Visit) -> tuple[Visitor, str, Visitor, str]:
    """The member has drafted, the secretary has the review: both, each with the path of the item."""
    member = visit("suxiaoman")
    draft = drafted(member)
    member.get(draft)
    assert member.post(f"{draft}/completion", GOOD).location == "/inbox"
    secretary = visit("chengligong")
    secretary.get("/inbox")
    return member, draft, secretary, secretary.link("review")


def test_back_to_the_previous_step_with_what_it_takes_away(
    visit: Visit, engine: ProcessEngine, world: World
) -> None:
    member, _, secretary, review = handed_in(visit)
    secretary.get(review)
    assert f'href="{review}/reject"' in secretary.page
    secretary.get(f"{review}/reject")
    assert (
        "上一步：" in secretary.page and "苏小满" in secretary.page and "之后由这一步办理" in secretary.page
    )
    refused = secretary.post(f"{review}/reject", {"_opinion": " "})
    assert refused.status_code == 422 and "意见" in error_of(secretary.page, "_opinion")
    assert secretary.post(f"{review}/reject", {"_opinion": "请补充目标"}).location == "/inbox"
    (row,) = engine.inbox(by=world.member)
    member.get(f"/work-items/{row.item.id}")  # type: ignore[union-attr]
    assert "请补充目标" in member.page and GOOD["标题"] in member.page


def test_a_submitter_takes_back_what_nobody_has_acted_on(
    visit: Visit, engine: ProcessEngine, world: World
) -> None:
    member, draft, secretary, review = handed_in(visit)
    member.get(draft)
    assert f'href="{draft}/withdraw"' in member.page
    member.get(f"{draft}/withdraw")
    assert "审" in member.page or "review" in member.page
    assert member.post(f"{draft}/withdraw").status_code == 302
    assert [row.item.element_id for row in engine.inbox(by=world.member)] == ["draft"]  # type: ignore[union-attr]
    assert secretary.post(f"{review}/completion", {"决定": "同意"}).status_code == 409


def test_handing_over_looks_people_up(visit: Visit, engine: ProcessEngine, world: World) -> None:
    _, _, secretary, review = handed_in(visit)
    secretary.get(f"{review}/transfer?words=丁")
    assert "丁一凡" in secretary.page
    refused = secretary.post(f"{review}/transfer", {"reason": "出差"})
    assert refused.status_code == 422 and error_of(secretary.page, "person") == "请选择一个人。"
    assert (
        secretary.post(f"{review}/transfer", {"person": str(world.other), "reason": "出差"}).location
        == "/inbox"
    )
    assert [row.item.element_id for row in engine.inbox(by=world.other)] == ["review"]  # type: ignore[union-attr]
    fragment = secretary.get(f"/people?words=丁&many=1&person={world.member}").get_data(as_text=True)
    assert 'type="checkbox"' in fragment and fragment.index("苏小满") < fragment.index("丁一凡")


def test_asked_first_the_item_waits_then_returns(visit: Visit, engine: ProcessEngine, world: World) -> None:
    _, _, secretary, review = handed_in(visit)
    secretary.get(f"{review}/add_signers")
    assert "前加签" in secretary.page
    added = {"place": "before", "person": str(world.other), "note": "请先看"}
    assert secretary.post(f"{review}/add_signers", added).location == review
    secretary.get("/inbox?box=waiting")
    assert "等丁一凡办理" in secretary.page
    (row,) = engine.inbox(by=world.other)
    other = visit("dingyifan")
    other.get(f"/work-items/{row.item.id}")  # type: ignore[union-attr]
    assert other.post(f"/work-items/{row.item.id}/completion", {"_opinion": "没有意见"}).location == "/inbox"  # type: ignore[union-attr]
    secretary.get(review)
    assert "没有意见" in secretary.page
    assert secretary.post(f"{review}/completion", {"决定": "同意"}).location == "/inbox"


def test_a_copy_is_read_and_leaves_a_receipt(visit: Visit, engine: ProcessEngine, world: World) -> None:
    _, _, secretary, review = handed_in(visit)
    secretary.get(f"{review}/send_copies")
    sent = {"person": [str(world.other)], "note": "供参考"}
    assert secretary.post(f"{review}/send_copies", sent).location == review
    other = visit("dingyifan")
    other.get("/copies/")
    assert "供参考" in other.page and "未读" in other.page
    (copy,) = engine.copies(by=world.other)
    opened = other.post(f"/copies/{copy.copy.id}/receipt", {"instance": str(copy.instance.id)})
    assert opened.location == f"/instances/{copy.instance.id}"
    assert other.get(opened.location).status_code == 200
    other.get("/copies/")
    assert "未读" not in other.page


def test_a_nudge_reminds_once(visit: Visit, engine: ProcessEngine, world: World) -> None:
    member, _, _, review = handed_in(visit)
    member.get(review)
    assert f'href="{review}/nudge"' in member.page
    assert member.post(f"{review}/nudge", {"note": "请尽快"}).location == review
    assert any("请尽快" in one.notification.text for one in engine.notifications(by=world.secretary))
    member.get(f"{review}/nudge")
    assert "以后才能再催" in member.page


def test_phrases_are_kept_and_offered(visit: Visit) -> None:
    _, _, secretary, review = handed_in(visit)
    assert secretary.post("/phrases/", {"text": ""}).status_code == 422
    assert secretary.post("/phrases/", {"text": "同意，请按程序办理。"}).location == "/phrases/"
    secretary.get(review)
    assert "同意，请按程序办理。" in secretary.page
    secretary.get("/phrases/")
    assert secretary.post("/phrases/1/removal").location == "/phrases/"
    secretary.get("/phrases/")
    assert "还没有常用语" in secretary.page


def test_somebody_acts_in_anothers_place(visit: Visit, engine: ProcessEngine, world: World) -> None:
    _, _, secretary, _ = handed_in(visit)
    refused = secretary.post(
        "/delegations/", {"person": str(world.other), "from_on": "2026-03-05", "reason": ""}
    )
    assert refused.status_code == 422 and "事由" in error_of(secretary.page, "reason")
    made = {"person": str(world.other), "from_on": "2026-03-05", "to_on": "2026-03-10", "reason": "出差"}
    assert secretary.post("/delegations/", made).location == "/delegations/"
    assert [row.item.element_id for row in engine.inbox(by=world.other)] == ["review"]  # type: ignore[union-attr]
    secretary.get("/delegations/")
    assert "代理中" in secretary.page
    assert secretary.post("/delegations/1/end").location == "/delegations/"
    assert engine.inbox(by=world.other) == []


def test_what_is_not_offered_is_refused(visit: Visit) -> None:
    member, draft, secretary, review = handed_in(visit)
    assert member.get(f"{review}/reject").status_code == 409
    assert secretary.post(f"{draft}/withdraw").status_code in (403, 404, 409)
