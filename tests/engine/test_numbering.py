"""发文字号: one sequence an agency and year, without gaps, whoever fails."""

from __future__ import annotations

import random
import threading
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select

from engine.database import Database
from engine.documents import numbering
from engine.documents.numbering import DocumentNumber, NumberSeries
from engine.errors import Conflict, Invalid
from engine.organisation.units import Unit

AT = datetime(2026, 3, 5, 2, tzinfo=UTC)


@pytest.fixture
def agency(database: Database) -> int:
    with database.write() as session:
        unit = Unit(
            kind="党工委",
            name="中共云溪市直机关工作委员会",
            short_name="市直机关党工委",
            founded_on=date(2000, 1, 1),
            agency_code="云工委",
        )
        session.add(unit)
        session.flush()
        return unit.id


def issue(database: Database, agency: int, year: int = 2026, *, fail: bool = False) -> str:
    with database.write() as session:
        number = numbering.assign(session, agency_unit_id=agency, code="云工委", year=year, at=AT)
        if fail:
            raise RuntimeError("the rest of the transaction failed")
        return number.text


def test_text_has_no_padding_and_starts_again_each_year(database: Database, agency: int) -> None:
    assert [issue(database, agency) for _ in range(2)] == ["云工委〔2026〕1号", "云工委〔2026〕2号"]
    assert issue(database, agency, 2027) == "云工委〔2027〕1号"


def test_failed_transaction_gives_its_number_back(database: Database, agency: int) -> None:
    issue(database, agency)
    with pytest.raises(RuntimeError):
        issue(database, agency, fail=True)
    assert issue(database, agency) == "云工委〔2026〕2号"


def test_eight_threads_with_failures_leave_no_gap(database: Database, agency: int) -> None:
    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(15):
            try:
                issue(database, agency, fail=chance.random() < 0.3)
            except RuntimeError:
                continue

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        found = session.scalars(select(DocumentNumber.sequence).order_by(DocumentNumber.sequence)).all()
        last = session.scalar(select(NumberSeries.last))
    assert list(found) == list(range(1, len(found) + 1))
    assert last == len(found) > 50


def test_cancelled_number_stays_with_its_reason_and_is_not_used_again(
    database: Database, agency: int
) -> None:
    issue(database, agency)
    with database.write() as session:
        number = session.scalars(select(DocumentNumber)).one()
        with pytest.raises(Invalid, match="理由"):
            numbering.cancel(session, number, reason="  ", at=AT)
        numbering.cancel(session, number, reason="文件撤回", at=AT)
        with pytest.raises(Conflict, match="已经作废"):
            numbering.cancel(session, number, reason="再次作废", at=AT)
        with pytest.raises(Conflict, match="已作废"):
            numbering.attach(session, number, document_id=1)
    assert issue(database, agency) == "云工委〔2026〕2号"
    with database.read() as session:
        kept = session.scalars(select(DocumentNumber).where(DocumentNumber.sequence == 1)).one()
    assert (kept.reason, kept.cancelled_at) == ("文件撤回", AT)


@pytest.mark.parametrize(("code", "year"), [("", 2026), ("云〔委", 2026), ("云工委", 26)])
def test_bad_code_or_year_is_refused(database: Database, agency: int, code: str, year: int) -> None:
    with database.write() as session, pytest.raises(Invalid):
        numbering.assign(session, agency_unit_id=agency, code=code, year=year, at=AT)
