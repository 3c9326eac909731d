"""What is disclosed to whom, who may write it, and how far things have come."""

from __future__ import annotations

from datetime import date

import pytest

from engine import ProcessEngine, ledgers
from engine.database import Database
from engine.documents import register, revisions
from engine.shipped import DOC_TEMPLATES, PROCESSES
from tests.web.conftest import NOW, Visit, World

LEDGER = PROCESSES / "member_commitment" / "commitments.ledger.yaml"


@pytest.fixture
def entry(engine: ProcessEngine, world: World, database: Database) -> int:
    """The member's commitments, disclosed to the unit, his progress to everybody."""
    files = [*LEDGER.parent.iterdir(), DOC_TEMPLATES / "承诺书.docx", DOC_TEMPLATES / "承诺监督牌.docx"]
    engine.deploy({path.name: path.read_bytes() for path in files})
    with database.write() as session:
        row = ledgers.publish(
            session,
            ledgers.load(LEDGER.read_bytes()),
            key={"年度": 2026, "党员": world.member},
            values={
                "姓名": "苏小满",
                "岗位": "科员",
                "承诺日期": date(2026, 3, 5),
                "目标任务": "学习：每季度一次",
            },
            at=NOW,
            unit_id=world.branch,
            person_id=world.member,
        )
        ledgers.update_section(
            session, row.id, "工作进展情况", text="已走访企业三家", at=NOW, audience="社会"
        )
        return row.id


def test_the_street_sees_less_than_the_branch(visit: Visit, entry: int) -> None:
    stranger, colleague = visit(""), visit("dingyifan")
    stranger.get(f"/noticeboard/{entry}")
    assert "已走访企业三家" in stranger.page and "每季度一次" not in stranger.page
    assert "textarea" not in stranger.page
    colleague.get("/noticeboard/")
    assert "苏小满" in colleague.page
    colleague.get("/noticeboard/?q=没有这个词")
    assert "没有找到" in colleague.page
    colleague.get(f"/noticeboard/{entry}")
    assert "每季度一次" in colleague.page
    for section in ("姓名", "职责", "目标任务", "工作进展情况", "考核评议", "奖惩结果"):
        assert f"<dt>{section}</dt>" in colleague.page
    assert stranger.get("/noticeboard/999").status_code == 404


def test_the_plaque_is_for_who_may_read_all_that_stands_on_it(
    visit: Visit, entry: int, world: World, database: Database
) -> None:
    with database.write() as session:  # as the instance that published it would have left a job for
        row = ledgers.get(session, entry)
        document = register.create(
            session,
            instance_id=None,
            kind="承诺监督牌",
            title="承诺监督牌（苏小满）",
            unit_id=world.branch,
            template_digest="0" * 64,
            data={},
            base=(DOC_TEMPLATES / "承诺监督牌.docx").read_bytes(),
            slots=[],
            at=NOW,
        )
        revisions.set_pdf(session, document.revision.id, pdf=b"%PDF-1.7", page_count=1, at=NOW)
        row.plaque_id = document.id
    address = f"/noticeboard/{entry}/plaque.pdf"
    stranger, colleague = visit(""), visit("dingyifan")
    stranger.get(f"/noticeboard/{entry}")
    assert address not in stranger.page
    assert stranger.get(address).status_code == 404
    colleague.get(f"/noticeboard/{entry}")
    assert address in colleague.page
    assert colleague.get(address).data == b"%PDF-1.7"


def test_only_who_answers_for_it_writes(visit: Visit, entry: int) -> None:
    member, colleague, stranger = visit("suxiaoman"), visit("dingyifan"), visit("")
    sent = {"section": "工作进展情况", "text": "已走访 <b>五家</b>"}
    stranger.get(f"/noticeboard/{entry}")
    assert "/login" in stranger.post(f"/noticeboard/{entry}/sections", sent).location
    colleague.get(f"/noticeboard/{entry}")
    assert "textarea" not in colleague.page
    assert colleague.post(f"/noticeboard/{entry}/sections", sent).status_code == 403
    secretary = visit("chengligong")
    secretary.get(f"/noticeboard/{entry}")
    assert secretary.page.count("<textarea") == 5, "his branch's secretary writes every section but the name"
    member.get(f"/noticeboard/{entry}")
    assert member.post(f"/noticeboard/{entry}/sections", sent).status_code == 302
    member.get(f"/noticeboard/{entry}")
    assert "已走访 &lt;b&gt;五家" in member.page and "<b>五家" not in member.page
    assert member.post(f"/noticeboard/{entry}/sections", {**sent, "section": "没有"}).status_code == 404


def test_a_ledger_shows_names_for_ids(visit: Visit, entry: int) -> None:
    secretary = visit("chengligong")
    assert "党员岗位责任承诺" in secretary.get("/ledgers/").get_data(as_text=True)
    secretary.get("/ledgers/commitments?year=2026")
    assert "苏小满" in secretary.page and "2026年3月5日" in secretary.page
    secretary.get("/ledgers/commitments?year=1999")
    assert "没有登记" in secretary.page
    assert secretary.get("/ledgers/nothing").status_code == 404
