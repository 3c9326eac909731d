"""发文字号: one sequence an agency and year, without gaps, whoever fails."""

from __future__ import annotations

import random
import threading
from datetime import UTC, date, datetime
from io import BytesIO

import pytest
from openpyxl import load_workbook
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import blobs
from engine.database import Database
from engine.deployments import Deployment, ProcessDefinition
from engine.documents import number_workbook, numbering
from engine.documents.numbering import DocumentNumber, NumberSeries
from engine.documents.register import MAKER, Document
from engine.errors import Conflict, Invalid
from engine.instances import ProcessInstance
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
            numbering.attach(session, number, document_id=1, at=AT)
    assert issue(database, agency) == "云工委〔2026〕2号"
    with database.read() as session:
        kept = session.scalars(select(DocumentNumber).where(DocumentNumber.sequence == 1)).one()
    assert (kept.reason, kept.cancelled_at) == ("文件撤回", AT)


@pytest.mark.parametrize(("code", "year"), [("", 2026), ("云〔委", 2026), ("云工委", 26)])
def test_bad_code_or_year_is_refused(database: Database, agency: int, code: str, year: int) -> None:
    with database.write() as session, pytest.raises(Invalid):
        numbering.assign(session, agency_unit_id=agency, code=code, year=year, at=AT)


def test_a_class_of_documents_has_a_sequence_of_its_own(database: Database, agency: int) -> None:
    with database.write() as session:
        plain = numbering.assign(session, agency_unit_id=agency, code="云工委", year=2026, at=AT)
        classed = numbering.assign(
            session, agency_unit_id=agency, code="云工委", category="综字", year=2026, at=AT
        )
        assert (plain.text, classed.text) == ("云工委〔2026〕1号", "云工委综字〔2026〕1号")
        assert (classed.code, classed.category) == ("云工委综字", "综字")
        with pytest.raises(Invalid, match="综字"):
            numbering.assign(session, agency_unit_id=agency, code="云工委", category="A1", year=2026, at=AT)


def test_a_successor_counts_on_in_the_year_in_which_it_took_over_the_code(
    database: Database, agency: int
) -> None:
    assert [issue(database, agency) for _ in range(2)] == ["云工委〔2026〕1号", "云工委〔2026〕2号"]
    with database.write() as session:
        session.get_one(Unit, agency).dissolved_on = date(2026, 7, 1)
        session.flush()
        new = Unit(
            kind="党工委", name="新", short_name="新", founded_on=date(2026, 7, 1), agency_code="云工委"
        )
        session.add(new)
        session.flush()
        successor = new.id
    assert [issue(database, successor), issue(database, agency)] == ["云工委〔2026〕3号", "云工委〔2026〕4号"]
    with database.read() as session:
        assert not any(one.missing for one in numbering.series(session, agencies=None))
        assert not any(one.missing for one in numbering.series(session, agencies=[successor]))


def test_no_number_zero_comes_in(database: Database, agency: int) -> None:
    """It would count the series on: a gap."""
    issue(database, agency)
    content = workbook(("市直机关党工委", "云工委〔2026〕0号", "关于党费收缴的通知", "2026-03-05", ""))
    with database.write() as session:
        report = number_workbook.read(session, content, at=AT)
    assert "从 1 编起" in report.errors[0].message and issue(database, agency) == "云工委〔2026〕2号"


def test_a_document_has_one_number_and_gives_the_former_up(database: Database, agency: int) -> None:
    for year in (2026, 2027):
        issue(database, agency, year)
    with database.write() as session:
        former, later = session.scalars(select(DocumentNumber).order_by(DocumentNumber.year))
        letter = Document(kind="通知", title="甲", template_digest="", data={}, created_at=AT)
        session.add(letter)
        session.flush()
        numbering.attach(session, former, document_id=letter.id, at=AT)
        numbering.attach(session, later, document_id=letter.id, at=AT)
        assert (former.cancelled_at, former.reason) == (AT, "文件改用“云工委〔2027〕1号”")
        later.imported_at = AT
        session.flush()
        with pytest.raises(Conflict, match="旧登记"):
            numbering.attach(session, later, document_id=letter.id, at=AT)


def test_a_step_taken_back_takes_its_number_again(database: Database, agency: int) -> None:
    with database.write() as session:
        session.add(_instance(session))
        session.flush()
        session.info[MAKER] = (1, "number")
        first, second = (
            numbering.assign(session, agency_unit_id=agency, code="云工委", year=2026, at=AT)
            for _ in range(2)
        )
        assert [first.sequence, second.sequence] == [1, 2], "a step that runs twice needs two"
        numbering.give_back(numbering.taken_by(session, 1, {"number"}), at=AT)
        session.flush()
        again = {
            numbering.assign(session, agency_unit_id=agency, code="云工委", year=2026, at=AT).sequence
            for _ in range(2)
        }
        assert again == {1, 2}
        session.info.clear()
        assert numbering.assign(session, agency_unit_id=agency, code="云工委", year=2026, at=AT).sequence == 3


def test_what_a_cancelled_process_took_is_cancelled_with_it(database: Database, agency: int) -> None:
    with database.write() as session:
        session.add(_instance(session))
        session.flush()
        session.info[MAKER] = (1, "number")
        number = numbering.assign(session, agency_unit_id=agency, code="云工委", year=2026, at=AT)
        numbering.release(session, select(ProcessInstance.id), reason="流程撤销：重复发起", at=AT)
        session.flush()
        session.refresh(number)
        assert (number.cancelled_at, number.reason) == (AT, "流程撤销：重复发起")


def _instance(session: Session) -> ProcessInstance:
    deployment = Deployment(deployed_at=AT)
    session.add(deployment)
    session.flush()
    definition = ProcessDefinition(
        key="letter",
        version=1,
        name="发文",
        deployment_id=deployment.id,
        digest="0" * 64,
        bpmn_digest=blobs.put(session, b"<definitions/>", "application/xml", AT),
        resources={},
        called={},
        findings=[],
        deployed_at=AT,
    )
    session.add(definition)
    session.flush()
    return ProcessInstance(
        id=1, definition_id=definition.id, path="/1/", title="发文", started_at=AT, scope="letter", version=1
    )


OLD = [
    ("云工委【2012】05号", ("云工委", 2012, 5)),
    ("云工委综字[1998]第012号", ("云工委综字", 1998, 12)),
    ("云工委（2009）3号", ("云工委", 2009, 3)),
    ("云工委〔2026〕41号", ("云工委", 2026, 41)),
    ("云工委2012年5号", None),
    ("〔2012〕5号", None),
    ("云工委〔12〕5号", None),
]


@pytest.mark.parametrize(("text", "parsed"), OLD)
def test_old_forms_are_understood(text: str, parsed: tuple[str, int, int] | None) -> None:
    assert numbering.parse(text) == parsed


def workbook(*rows: tuple[str, ...]) -> bytes:
    book = load_workbook(BytesIO(number_workbook.template()))
    for row in rows:
        book["发文字号"].append(row)
    stream = BytesIO()
    book.save(stream)
    return stream.getvalue()


def test_old_numbers_come_in_unchanged_and_the_series_goes_on(database: Database, agency: int) -> None:
    issue(database, agency)
    content = workbook(
        ("市直机关党工委", "云工委【2012】05号", "关于党费收缴的通知", "2012-03-05", ""),
        ("中共云溪市直机关工作委员会", "云工委〔2026〕41号", "关于换届的批复", "2026-02-03", "重复编号"),
    )
    with database.write() as session:
        report = number_workbook.read(session, content, at=AT)
    assert (report.rows, report.errors) == (2, [])
    assert issue(database, agency) == "云工委〔2026〕42号"
    with database.read() as session:
        lines = numbering.lines(session, agencies=None, limit=10)
        assert [(line.number.text, line.title, line.state) for line in lines] == [
            ("云工委〔2026〕42号", "", "未用"),
            ("云工委〔2026〕41号", "关于换届的批复", "作废"),
            ("云工委〔2026〕1号", "", "未用"),
            ("云工委【2012】05号", "关于党费收缴的通知", "旧登记"),
        ]
        [this_year, old] = numbering.series(session, agencies=[agency])
        assert (this_year.last, this_year.issued, this_year.cancelled, this_year.missing) == (42, 3, 1, 39)
        assert (old.code, old.year, old.last, old.missing) == ("云工委", 2012, 5, 4)
        assert numbering.lines(session, agencies=[], limit=10) == []


def test_every_bad_row_is_named_and_nothing_is_half_imported(database: Database, agency: int) -> None:
    content = workbook(
        ("市直机关党工委", "云工委【2012】5号", "好的一行", "2012-03-05", ""),
        ("无此单位", "云工委【2012】6号", "标题", "2012-03-05", ""),
        ("市直机关党工委", "第七号", "标题", "2012-03-05", ""),
        ("市直机关党工委", "云工委〔2012〕05号", "同一个号", "2012-03-05", ""),
        ("市直机关党工委", "云工委【2012】8号", "", "2012-03-05", ""),
    )
    with database.write() as session:
        report = number_workbook.read(session, content, at=AT)
    assert [(problem.row, problem.column) for problem in report.errors] == [
        (3, "发文机关"),
        (4, "发文字号"),
        (5, "发文字号"),
        (6, "标题"),
    ]
    with database.read() as session:
        assert numbering.lines(session, agencies=None, limit=10) == []
        assert session.scalars(select(NumberSeries)).all() == []


def test_the_exported_register_is_read_by_a_spreadsheet(database: Database, agency: int) -> None:
    with database.write() as session:
        numbering.enter(
            session,
            agency_unit_id=agency,
            text="云工委【2012】5号",
            title="=1+1",
            issued_at=AT,
            cancelled="重\x01复",
            at=AT,
        )
        content = number_workbook.write(numbering.lines(session, agencies=None, limit=10))
    [heads, row] = load_workbook(BytesIO(content)).active.iter_rows()
    assert [cell.value for cell in heads] == list(number_workbook.COLUMNS)
    assert [cell.value for cell in row][:6] == [
        "云工委【2012】5号",
        "中共云溪市直机关工作委员会",
        "云工委",
        2012,
        5,
        "=1+1",
    ]
    assert row[5].data_type == "s", "a title is no formula"
    assert row[9].value == "重复", "a spreadsheet holds no control characters"
    assert [cell.value for cell in row][7] == "作废"
