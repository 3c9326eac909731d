"""The register of 发文字号 as an .xlsx workbook: written for an archive, read from what was kept before this register."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from io import BytesIO

from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from engine.clock import SHANGHAI, local
from engine.documents import numbering
from engine.documents.numbering import Line
from engine.errors import LvzeError
from engine.organisation.units import Unit
from engine.organisation.workbook import Problem, Row, read_workbook, template_workbook

SHEET = "发文字号"
SHEETS = {
    SHEET: {
        "发文机关*": "党组织的全称或简称，须已在组织机构中",
        "发文字号*": "照原样填写，如 云工委综字【2012】05号",
        "标题*": "文件标题",
        "签发日期*": "如 2012-03-05",
        "作废原因": "已作废的写明原因；在用的不填",
    }
}
COLUMNS = {
    "发文字号": 26, "发文机关": 34, "机关代字": 16, "年份": 8, "序号": 8, "文件标题": 50, "签发日期": 14,
    "状态": 10, "作废日期": 14, "作废原因": 40,
}  # fmt: skip


@dataclass(slots=True)
class NumberImport:
    """:ivar rows: filled rows that were read
    :ivar errors: with any of them nothing was imported
    """

    rows: int = 0
    errors: list[Problem] = field(default_factory=list)


def write(lines: Iterable[Line]) -> bytes:
    """The register as a workbook, one line a number, in the order given."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = SHEET
    sheet.append(list(COLUMNS))
    for line in lines:
        number = line.number
        values: list[str | int | date | None] = [
            number.text,
            line.agency,
            number.code,
            number.year,
            number.sequence,
            line.title,
            local(number.issued_at).date(),
            line.state,
            local(number.cancelled_at).date() if number.cancelled_at else None,
            number.reason,
        ]
        sheet.append([_cell(sheet, value) for value in values])
    for index, width in enumerate(COLUMNS.values(), 1):
        sheet.column_dimensions[get_column_letter(index)].width = width
        sheet.cell(1, index).font = Font(bold=True)
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions
    stream = BytesIO()
    book.save(stream)
    return stream.getvalue()


def _cell(sheet: object, value: str | int | date | None) -> Cell:
    """Text stays text: a title that begins with “=” is no formula."""
    cell = Cell(sheet, row=1, column=1)  # type: ignore[arg-type]
    # A spreadsheet cannot hold control characters, and somebody's reason may.
    cell.value = ILLEGAL_CHARACTERS_RE.sub("", value) if isinstance(value, str) else value
    if isinstance(value, str):
        cell.data_type = "s"
    elif isinstance(value, date):
        cell.number_format = "yyyy-mm-dd"
    return cell


def template() -> bytes:
    return template_workbook(SHEETS)


def read(session: Session, content: bytes, *, at: datetime) -> NumberImport:
    """Enter the numbers of a workbook: all of them, or none and every bad row named.

    :raises Invalid: the file is refused as a whole
    """
    rows, problems = read_workbook(content, SHEETS)
    report = NumberImport(len(rows), list(problems))
    savepoint = session.begin_nested()
    for row in rows:
        try:
            _enter(session, row, at)
        except _Wrong as wrong:
            report.errors.append(Problem(row.sheet, row.number, wrong.column, str(wrong)))
        except LvzeError as error:
            report.errors.append(Problem(row.sheet, row.number, "发文字号", str(error)))
    if report.errors:
        savepoint.rollback()
        report.errors.sort(key=lambda problem: problem.row)
    else:
        savepoint.commit()
    return report


class _Wrong(Exception):
    """A row that cannot be imported: the column and what to do."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column


def _enter(session: Session, row: Row, at: datetime) -> None:
    for column in ("发文机关", "发文字号", "标题"):
        if not row.text(column):
            raise _Wrong(column, f"请填写“{column}”。")
    issued = row.date("签发日期")
    if issued is None:
        raise _Wrong("签发日期", "请填写签发日期，如 2012-03-05。")
    name = row.text("发文机关")
    # Of two that bear one name, the one that still exists.
    agency = session.scalar(
        select(Unit.id)
        .where(or_(Unit.name == name, Unit.short_name == name))
        .order_by(Unit.dissolved_on.is_not(None), Unit.id.desc())
        .limit(1)
    )
    if agency is None:
        raise _Wrong("发文机关", f"组织机构中没有“{name}”，请先登记，或改成全称。")
    numbering.enter(
        session,
        agency_unit_id=agency,
        text=row.text("发文字号"),
        title=row.text("标题"),
        issued_at=datetime.combine(issued, time(), SHANGHAI).astimezone(UTC),
        cancelled=row.text("作废原因") or None,
        at=at,
    )
