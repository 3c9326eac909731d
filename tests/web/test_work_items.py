"""From the inbox to a completion: what is shown, what is refused, that nothing typed is lost."""

from __future__ import annotations

import re
import threading
from html import unescape

from flask import Flask

from engine import ProcessEngine
from tests.engine.drawing import draw, each, end, ours, path, start, user
from tests.web.conftest import PROCESS, Visit, Visitor, World

GOOD = {"标题": "关于学习的请示", "份数": "3", "目标": "", "目标-0-措施": "党课", "目标-0-分值": "20"}


def drafted(visitor: Visitor) -> str:
    """Start the process; the path of its first work item."""
    visitor.get("/start/memo")
    response = visitor.post("/start/memo")
    assert response.status_code == 302 and response.location.startswith("/instances/"), response.status
    visitor.get("/inbox")
    return visitor.link("起草苏小满")


def error_of(page: str, name: str) -> str:
    found = re.search(rf'id="e-{name}">([^<]+)<', page)
    return unescape(found[1]) if found else ""


def test_the_whole_way_without_javascript(visit: Visit, engine: ProcessEngine, world: World) -> None:
    member = visit("suxiaoman")
    item = drafted(member)
    assert "起草苏小满" in member.page and re.search(r'待办\s*<span class="count">1</span>', member.page)
    member.get(item)
    assert 'name="标题"' in member.page and 'name="目标-0-措施"' in member.page
    assert member.post(f"{item}/completion", {**GOOD, "_opinion": "请审核"}).location == "/inbox"

    secretary = visit("chengligong")
    review = secretary.link("review")
    secretary.get(review)
    assert 'name="理由"' not in secretary.page, "hidden until the decision asks for it"
    refused = secretary.post(f"{review}/completion", {"决定": "退回"})
    assert refused.status_code == 422 and error_of(secretary.page, "理由") == "请填写“理由”"
    assert secretary.post(f"{review}/completion", {"决定": "退回", "理由": "补充"}).location == "/inbox"

    instance = next(row.instance for row in engine.inbox(by=world.member, box="started"))
    assert instance.outcome == "completed"
    member.get(f"/instances/{instance.id}")
    assert "已办结" in member.page and "请审核" in member.page and "程立功" in member.page
    state = member.get(f"/instances/{instance.id}/diagram").get_json()
    assert state["elements"]["review"] == "done"


def test_a_refused_form_keeps_everything_beside_its_errors(visit: Visit) -> None:
    member = visit("suxiaoman")
    item = drafted(member)
    member.get(item)
    sent = {
        "标题": "字" * 21,
        "份数": "一",
        "目标-0-措施": "",
        "目标-0-分值": "5",
        "目标-1-措施": "走访 <b>群众</b>",
    }
    response = member.post(f"{item}/completion", {**sent, "_opinion": "先交"})
    assert response.status_code == 422
    assert "最多 20 个字" in error_of(member.page, "标题")
    assert error_of(member.page, "份数") == "请输入数字"
    assert error_of(member.page, "目标-0-措施") == "请填写“措施”"
    assert 'href="#f-目标-0-措施"' in member.page and "（第 1 行）" in member.page
    for kept in ("字" * 21, 'value="一"', 'value="5"', "走访 &lt;b&gt;群众&lt;/b&gt;", "先交"):
        assert kept in member.page
    assert "<b>群众" not in member.page


def test_rows_without_javascript(visit: Visit) -> None:
    member = visit("suxiaoman")
    item = drafted(member)
    member.get(item)
    assert member.post(f"{item}/completion", {**GOOD, "_add": "目标"}).status_code == 200
    assert 'name="目标-1-措施"' in member.page and "党课" in member.page
    member.post(f"{item}/completion", {**GOOD, "目标-1-措施": "走访", "_remove": "目标-0"})
    assert "走访" in member.page and "党课" not in member.page


def test_a_draft_is_kept(visit: Visit) -> None:
    member = visit("suxiaoman")
    item = drafted(member)
    member.get(item)
    assert member.post(f"{item}/draft", {"标题": "半句"}).get_json() == {"saved": True}
    member.get(item)
    assert 'value="半句"' in member.page
    member.post(f"{item}/completion", {**GOOD, "标题": "", "_save": "1"})
    member.get(item)
    assert "党课" in member.page, "saved without the checks of a completion"


def test_the_form_again_when_a_choice_changes(visit: Visit) -> None:
    member = visit("suxiaoman")
    item = drafted(member)
    member.get(item)
    member.post(f"{item}/completion", GOOD)
    secretary = visit("chengligong")
    review = secretary.link("review")
    secretary.get(review)
    assert f'hx-post="{review}/form"' in secretary.page
    again = secretary.client.post(f"{review}/form", data={"_csrf": secretary.token, "决定": "退回"})
    text = again.get_data(as_text=True)
    assert 'name="理由"' in text and "<html" not in text


def test_what_is_not_yours_or_already_done(visit: Visit) -> None:
    member, other = visit("suxiaoman"), visit("dingyifan")
    item = drafted(member)
    other.get("/inbox")
    assert other.post(f"{item}/completion", GOOD).status_code in (403, 404)
    assert other.post(f"{item}/claim").status_code in (403, 404)
    assert other.post(f"{item}/draft", GOOD).status_code in (403, 404)
    member.get(item)
    assert member.post(f"{item}/completion", GOOD).status_code == 302
    assert member.post(f"{item}/completion", GOOD).status_code == 409
    assert "不能再次办理" in member.page
    member.get(item)
    assert "已经办结" in member.page and 'id="task"' not in member.page


def test_of_two_completions_at_once_one_wins(visit: Visit, app: Flask) -> None:
    one, two = visit("suxiaoman"), visit("suxiaoman")
    item = drafted(one)
    for visitor in (one, two):
        visitor.get(item)
    statuses: list[int] = []
    ready = threading.Barrier(2)

    def complete(visitor: Visitor) -> None:
        ready.wait()
        statuses.append(visitor.post(f"{item}/completion", GOOD).status_code)

    threads = [threading.Thread(target=complete, args=(visitor,)) for visitor in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [302, 409]


def test_a_process_that_is_not_for_you(visit: Visit) -> None:
    member = visit("suxiaoman")
    assert member.get("/start/no_such").status_code == 403 and "不能发起" in member.page


def test_a_page_for_designers_only(visit: Visit) -> None:
    member, designer = visit("suxiaoman"), visit("dingyifan")
    assert member.get("/designer/").status_code == 403
    assert designer.get("/designer/").status_code == 200 and "内部请示" in designer.page
    page = designer.link("内部请示")
    assert designer.get(page).status_code == 200
    xml = designer.get(f"{page}.bpmn").get_data()
    headers = {"X-CSRFToken": designer.token, "Content-Type": "application/xml"}
    clean = designer.client.post(f"{page}/findings", data=xml, headers=headers)
    assert [one for one in clean.get_json()["findings"] if one["severity"] == "error"] == []
    for bad in (
        b"no xml",
        b'<!DOCTYPE x [<!ENTITY a "b">]><x/>',
        xml.replace(b'targetRef="review"', b'targetRef="gone"'),
    ):
        found = designer.client.post(f"{page}/findings", data=bad, headers=headers)
        assert found.status_code == 200 and found.get_json()["findings"]
        refused = designer.client.post(f"{page}/version", data=bad, headers=headers)
        assert refused.status_code == 422 and refused.get_json()["findings"]
    changed = designer.client.post(
        f"{page}/version", data=xml.replace("内部请示".encode(), "请示".encode()), headers=headers
    )
    assert changed.get_json()["version"] == 2
    assert (
        member.client.post(
            f"{page}/version", data=xml, headers={**headers, "X-CSRFToken": member.token}
        ).status_code
        == 403
    )


def test_a_voter_reads_the_rule_before_he_votes(visit: Visit, engine: ProcessEngine, world: World) -> None:
    rules = {
        "open": ("ratio", {"threshold": "2/3", "of": "有效票", "abstention": "invalid", "quorum": "4/5"}),
        "secret": ("ratio", {"secret": "true", "until": '=duration("P1D")'}),
        "all": ("all", {}),
    }
    keys = {}
    for key, (kind, more) in rules.items():
        vote = ours(
            "vote", kind=kind, field="决定", abstain="弃权", franchise="everyone", result="表决", **more
        )
        voters = f"=[{world.member}, {world.secretary}, {world.other}]"
        ballot = user("ballot", ours("form", ref="a.form.json"), vote, person=None, loop=each(voters, "人"))
        drawn = draw(key, start(), ballot, end(), path("start", "ballot", "end"))
        engine.deploy({f"{key}.bpmn": drawn, "a.form.json": PROCESS["review.form.json"]})
        keys[engine.start(key, by=world.member).id] = key
    engine.run_jobs()
    items = {keys[row.instance.id]: row.item for row in engine.inbox(by=world.member) if row.item}
    member = visit("suxiaoman")
    pages = {}
    for key, item in items.items():
        member.get(f"/work-items/{item.id}")
        pages[key] = unescape(member.page)
    for said in (
        "应到 3 人。",
        "同意超过有效票（不含弃权）的 2/3 ，就通过",
        "须达到应到的 4/5",
        "弃权：不算有效票",
    ):
        assert said in pages["open"], said
    assert "记名：谁怎么决定" in pages["open"] and "截止" not in pages["open"]
    for said in (
        "同意超过应到的半数，就通过",
        "2026-03-06 09:00 截止",
        "无记名：",
        "不能代投",
        "交出后不能更改",
    ):
        assert said in pages["secret"], said
    assert "全体同意才通过" in pages["all"] and "弃权：计入总数而不算同意" in pages["all"]
    for person in (world.member, world.secretary, world.other):
        (item,) = (
            row.item for row in engine.inbox(by=person) if row.item and keys[row.instance.id] == "secret"
        )
        engine.complete(item.id, by=person, data={"决定": "同意"})
    engine.run_jobs()
    member.get(f"/instances/{items['secret'].instance_id}")
    assert "表决通过（应到 3，实到 3，同意 3，反对 0" in unescape(member.page)
