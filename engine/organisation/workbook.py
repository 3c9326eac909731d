"""The organisation as an .xlsx workbook: the template to fill in, and reading one that a stranger sent."""

from __future__ import annotations

import re
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from io import BytesIO
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from engine.errors import Invalid
from engine.organisation import people, posts, units
from engine.organisation.people import refuse_identity_number

MOST_BYTES = 8_000_000
MOST_UNPACKED = 80_000_000
MOST_ENTRIES = 200
MOST_ROWS = 50_000
MOST_COLUMNS = 40
HIGHEST_RATIO = 100

# Sheet -> column -> what to write there. A star: must be filled in.
SHEETS: dict[str, dict[str, str]] = {
    "党组织": {
        "类型*": "、".join(units.KINDS),
        "全称*": "印在文件上的全称，如：中共云岭市发展和改革局委员会",
        "简称": "列表中显示的名称；不填与全称相同",
        "上级党组织": "上级的全称或简称；最上级不填",
        "成立日期": "如 2015-07-01；不详可不填",
        "机关代字": "发文字号中的代字，如：云直工；不发文不填",
    },
    "人员": {
        "姓名*": "同一支部有同名的人时，请另填人员编号",
        "所在党支部*": "支部的全称或简称；党员类别为“非党员”时不填",
        "人员编号": "本单位自编的编号，用于区分同名的人；不要填身份证号",
        "党员类别": f"{'、'.join(people.KINDS)}或非党员；不填为正式",
        "入党日期": "如 2008-07-01 或 2008年7月",
        "编入日期": "编入该支部的日期；不填为导入当天",
        "科室": "如：市发展和改革局/办公室",
        "岗位": "岗位或行政职务",
        "电话": "",
        "电子邮箱": "流程发送邮件时用",
    },
    "任职": {
        "党组织*": "全称或简称",
        "职务*": "、".join(posts.POSTS),
        "姓名": "空缺时不填，或填“空缺”",
        "所在党支部": "有同名的人时填写，以便区分",
        "人员编号": "有同名的人时填写，以便区分",
        "任职方式": f"{'、'.join(posts.MODES)}；不填为正式",
        "任职日期": "如 2021-05-01；不填为导入当天",
    },
}
DATES = frozenset({"成立日期", "入党日期", "编入日期", "任职日期", "签发日期"})
GUIDE = "说明"
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})(?:[-/.月](\d{1,2})日?|月)?")


@dataclass(frozen=True, slots=True)
class Row:
    """One filled line: column name without star -> text or date; empty cells are left out."""

    sheet: str
    number: int
    cells: dict[str, str | date]

    def text(self, column: str) -> str:
        return str(self.cells.get(column, ""))

    def date(self, column: str) -> date | None:
        value = self.cells.get(column)
        return value if isinstance(value, date) else None


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong where: ``row`` as the spreadsheet numbers it, ``column`` by its heading, ``message`` says what to do."""

    sheet: str
    row: int
    column: str
    message: str


def read_workbook(
    content: bytes, sheets: Mapping[str, Mapping[str, str]] = SHEETS
) -> tuple[list[Row], list[Problem]]:
    """The filled rows of the sheets, and what is wrong with cells and headings.

    :param sheets: columns by sheet, a required one with a star, each with a hint

    :raises Invalid: no .xlsx, or one that is too large or hostile; it is refused before it is parsed
    """
    _refuse_hostile(content)
    rows: list[Row] = []
    problems: list[Problem] = []
    known = False
    try:
        book = load_workbook(BytesIO(content), read_only=True, data_only=True, keep_links=False)
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # the file's own statement of its size is not to be trusted
            lines = enumerate(sheet.iter_rows(max_col=MOST_COLUMNS), start=1)
            if sheet.title in sheets:
                known = True
                _read_sheet(sheet.title, sheets[sheet.title], lines, rows, problems)
            elif sheet.title != GUIDE and any(cell.value is not None for _, line in lines for cell in line):
                problems.append(
                    Problem(
                        sheet.title, 1, "", f"工作表应名为 {'、'.join(sheets)}，请改名或删除“{sheet.title}”。"
                    )
                )
    except Invalid:
        raise
    except Exception as error:  # openpyxl lets KeyError, ValueError, ParseError and others through
        raise _refused("文件不是有效的 Excel 工作簿（.xlsx），请用模板另存后重试。") from error
    if not known:
        raise _refused(f"工作簿中没有名为 {'、'.join(sheets)} 的工作表，请使用下载的模板。")
    return rows, problems


def template_workbook(sheets: Mapping[str, Mapping[str, str]] = SHEETS) -> bytes:
    """An empty workbook to fill in, with a sheet that explains every column."""
    book = Workbook()
    guide = book.worksheets[0]
    guide.title = GUIDE
    guide.append(["工作表", "列", "怎么填（带 * 的必填；不要填身份证号）"])
    for name, columns in sheets.items():
        sheet = book.create_sheet(name)
        sheet.append(list(columns))
        sheet.freeze_panes = "A2"
        for index, (column, hint) in enumerate(columns.items(), start=1):
            guide.append([name, column, hint])
            sheet.column_dimensions[get_column_letter(index)].width = 36 if "全称" in column else 20
            if column in DATES:
                sheet.column_dimensions[get_column_letter(index)].number_format = "yyyy-mm-dd"
    for sheet in book.worksheets:
        for cell in sheet[1]:
            cell.font = Font(bold=True)
            cell.fill = PatternFill("solid", fgColor="DDE6F2")
            cell.alignment = Alignment(horizontal="center")
    for letter, width in (("A", 12), ("B", 16), ("C", 70)):
        guide.column_dimensions[letter].width = width
    stream = BytesIO()
    book.save(stream)
    return stream.getvalue()


def _refused(message: str) -> Invalid:
    return Invalid("bad-workbook", message, {"workbook": message})


def _refuse_hostile(content: bytes) -> None:
    if len(content) > MOST_BYTES:
        raise _refused(f"文件超过 {MOST_BYTES // 1_000_000} MB，请分成几个工作簿导入。")
    try:
        with zipfile.ZipFile(BytesIO(content)) as package:
            entries = package.infolist()
            names = {entry.filename for entry in entries}
            if "xl/workbook.xml" not in names:
                raise _refused("文件不是 .xlsx 工作簿。旧的 .xls 请先在 Excel 或 WPS 中另存为 .xlsx。")
            if any(".." in name or name.startswith(("/", "\\")) or "vbaProject" in name for name in names):
                raise _refused("工作簿含宏或异常路径，不能导入，请另存为不含宏的 .xlsx。")
            unpacked = sum(entry.file_size for entry in entries)
            if (
                len(entries) > MOST_ENTRIES
                or unpacked > MOST_UNPACKED
                # Small packages compress well because they are mostly boiler-plate.
                or (unpacked > 1_000_000 and unpacked > HIGHEST_RATIO * len(content))
            ):
                raise _refused("工作簿解压后过大，不能导入，请只保留需要的工作表和行。")
            for entry in entries:
                # A document type is where entity bombs start; no spreadsheet program writes one.
                part = package.read(entry)
                if entry.filename.endswith((".xml", ".rels")) and (b"<!DOCTYPE" in part or b"\0" in part):
                    raise _refused("工作簿含不允许的 XML 声明，不能导入，请在 Excel 或 WPS 中另存后再试。")
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError, ValueError) as error:
        raise _refused("文件不是 .xlsx 工作簿。旧的 .xls 请先在 Excel 或 WPS 中另存为 .xlsx。") from error


def _read_sheet(
    sheet: str,
    wanted: Mapping[str, str],
    lines: Iterator[tuple[int, Sequence[Any]]],
    rows: list[Row],
    problems: list[Problem],
) -> None:
    known = {column.rstrip("*"): column.endswith("*") for column in wanted}
    _, heading = next(lines, (1, ()))
    columns: dict[int, str] = {}
    for index, cell in enumerate(heading):
        title = _clean(cell.value).rstrip("*＊")
        if not title:
            continue
        if "身份证" in title:
            problems.append(Problem(sheet, 1, title, "系统不收集身份证号，请删除这一列。"))
        elif title not in known:
            problems.append(Problem(sheet, 1, title, f"没有“{title}”这一列，请按模板改名或删除。"))
        elif title in columns.values():
            problems.append(Problem(sheet, 1, title, f"“{title}”这一列出现了两次，请只留一列。"))
        else:
            columns[index] = title
    problems.extend(
        Problem(sheet, 1, column, f"缺少“{column}”这一列，请按模板补上。")
        for column, required in known.items()
        if required and column not in columns.values()
    )
    for number, line in lines:
        if number > MOST_ROWS:
            raise _refused(f"“{sheet}”超过 {MOST_ROWS} 行，请分成几个工作簿导入。")
        cells: dict[str, str | date] = {}
        for index, cell in enumerate(line):
            if cell.value is None:
                continue
            column = columns.get(index, get_column_letter(index + 1))
            try:
                value = _value(cell, column)
            except Invalid as error:
                problems.append(Problem(sheet, number, column, str(error)))
                continue
            if value and index in columns:
                cells[column] = value
        if cells:
            rows.append(Row(sheet, number, cells))


def _value(cell: Any, column: str) -> str | date:
    """:raises Invalid: a formula's error, a 身份证号, or no date where one belongs"""
    if cell.data_type == "e":
        raise _refused(f"单元格是公式错误 {cell.value}，请改为文字。")
    if isinstance(cell.value, datetime):
        return cell.value.date()
    text = _clean(cell.value)
    refuse_identity_number(text, column)
    if column not in DATES or not text:
        return text.replace(" ", "") if column == "姓名" and not text.isascii() else text
    # A number such as 2015.1 may have been 2015.10: only text and date cells say which.
    found = _DATE.fullmatch(text) if isinstance(cell.value, str) else None
    if found is None and re.fullmatch(r"\d{8}", text):
        found = re.fullmatch(r"(\d{4})(\d\d)(\d\d)", text)
    try:
        if found is None:
            raise ValueError
        return date(int(found[1]), int(found[2]), int(found[3] or 1))
    except ValueError:
        raise _refused(f"“{text}”不是日期，请写成 2015-07-01 或 2015年7月。") from None


def _clean(value: Any) -> str:
    """Text as people mean it: no padding, full-width digits and blanks made plain, 13800000000.0 without the tail."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = "".join(c for c in str(value) if unicodedata.category(c) not in ("Cf", "Cc") or c in "\n\t")
    plain = "".join(unicodedata.normalize("NFKC", c) if c.isdigit() or c.isspace() else c for c in text)
    return " ".join(plain.split())
