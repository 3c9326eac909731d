"""发文字号登记簿: who reads it, 作废 with a reason, the workbook out and in."""

from __future__ import annotations

from io import BytesIO

import pytest
from openpyxl import load_workbook

from engine import ProcessEngine
from engine.database import Database
from engine.documents import numbering
from engine.organisation import accounts, people
from tests.web.conftest import NOW, PASSWORD, Visit, World


@pytest.fixture
def numbered(database: Database, world: World) -> list[int]:
    with database.write() as session:
        admin = people.add(session, name="邵文清")
        accounts.create(
            session,
            person_id=admin.id,
            username="shaowenqing",
            password_hash=accounts.hashed(PASSWORD),
            is_admin=True,
        )
        return [
            numbering.assign(session, agency_unit_id=world.branch, code="云林支", year=2026, at=NOW).id
            for _ in range(2)
        ]


def test_an_officer_reads_cancels_and_exports(visit: Visit, numbered: list[int]) -> None:
    visitor = visit("chengligong")
    assert "发文字号登记簿" in visitor.get("/ledgers/").text
    page = visitor.get("/numbers/").text
    assert "云林支〔2026〕2号" in page and "登记旧字号" not in page
    assert visitor.post(f"/numbers/{numbered[0]}/cancellation", {"reason": " "}).status_code == 422
    assert "理由" in visitor.page and "云林支〔2026〕1号" in visitor.page
    visitor.get("/numbers/")
    assert visitor.post(f"/numbers/{numbered[0]}/cancellation", {"reason": "文稿撤回"}).status_code == 302
    assert "文稿撤回" in visitor.get("/numbers/?code=云林支&year=2026").text
    content = visitor.get("/numbers/register.xlsx").data
    rows = list(load_workbook(BytesIO(content)).active.values)
    assert [row[0] for row in rows[1:]] == ["云林支〔2026〕2号", "云林支〔2026〕1号"]
    assert rows[2][9] == "文稿撤回"


def test_others_are_told_whose_it_is(visit: Visit, numbered: list[int]) -> None:
    visitor = visit("suxiaoman")
    assert "发文字号登记簿" not in visitor.get("/ledgers/").text
    refused = visitor.get("/numbers/")
    assert refused.status_code == 403 and "党务干事" in refused.text
    visitor.get("/inbox")
    assert visitor.post(f"/numbers/{numbered[0]}/cancellation", {"reason": "试试"}).status_code == 403
    assert visitor.post("/numbers/import", {"workbook": (BytesIO(b"x"), "a.xlsx")}).status_code == 403


def test_an_administrator_brings_old_numbers_in(
    visit: Visit, engine: ProcessEngine, numbered: list[int]
) -> None:
    visitor = visit("shaowenqing")
    visitor.get("/numbers/")
    book = load_workbook(BytesIO(visitor.get("/numbers/template.xlsx").data))
    book["发文字号"].append(("机关支部", "云林支【2012】05号", "关于党费的通知", "2012-03-05"))
    stream = BytesIO()
    book.save(stream)
    visitor.get("/numbers/")
    done = visitor.post("/numbers/import", {"workbook": (BytesIO(stream.getvalue()), "旧字号.xlsx")})
    assert done.status_code == 200 and "云林支【2012】05号" in done.text and "已登记 1 个" in done.text
    again = visitor.post("/numbers/import", {"workbook": (BytesIO(stream.getvalue()), "旧字号.xlsx")})
    assert again.status_code == 422 and "已经登记" in again.text
    assert visitor.post("/numbers/import", {"workbook": (BytesIO(b"no"), "a.xlsx")}).status_code == 422
    assert visitor.post("/numbers/import").status_code == 422
