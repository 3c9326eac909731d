import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from engine.errors import Invalid
from engine.organisation import people, posts, units
from engine.organisation.importing import import_workbook
from engine.organisation.people import Membership, Person
from engine.organisation.posts import Holding
from engine.organisation.units import Unit
from engine.organisation.workbook import SHEETS, read_workbook, template_workbook

AT = datetime(2026, 2, 28, 17, 0, tzinfo=UTC)  # 1 March, one in the morning, in Shanghai
DAY = date(2026, 3, 1)

UNITS = [
    [
        "支部",
        "中共云岭市教育局机关支部委员会",
        "教育局机关支部",
        "市教育局党委",
        "2011-01-01",
        None,
    ],  # before its superior
    ["党委", "中共云岭市教育局委员会", "市教育局党委", None, date(2010, 7, 1), "云教党"],
]
PEOPLE = [
    ["高 景行", "教育局机关支部", None, None, "2001年7月", None, "市教育局/局领导", "局长", 13800000000.0],
    ["何静姝", "中共云岭市教育局机关支部委员会", None, "预备", "20250701", "2025/7/1", None, None, None],
    ["王伟", "教育局机关支部", "A-1", None, None, None, None, None, None],
    ["王伟", "教育局机关支部", "A-2", None, None, None, None, None, None],
    ["叶青禾", None, None, "非党员", None, None, "市教育局/办公室", "打字员", None],
]
POSTS = [
    ["市教育局党委", "书记", "高景行", None, None, None, "2021.05.01"],
    ["教育局机关支部", "书记", "空缺", None, None, None, None],
    ["教育局机关支部", "委员", "王伟", None, "A-2", None, None],
]


def workbook(**sheets: list[list[Any]]) -> bytes:
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        sheet.append(list(SHEETS[name]) if name in SHEETS else [])
        for row in rows:
            sheet.append(row)
    stream = BytesIO()
    book.save(stream)
    return stream.getvalue()


def whole(
    党组织: list[list[Any]] = UNITS, 人员: list[list[Any]] = PEOPLE, 任职: list[list[Any]] = POSTS
) -> bytes:
    return workbook(党组织=党组织, 人员=人员, 任职=任职)


def counts(session: Session) -> list[int | None]:
    return [
        session.scalar(select(func.count()).select_from(table))
        for table in (Unit, Person, Membership, Holding)
    ]


def test_a_workbook_becomes_the_organisation(session: Session) -> None:
    report = import_workbook(session, whole(), at=AT)
    assert report.errors == []
    assert (report.rows, report.added, report.changed, report.unchanged) == (10, 10, 0, 0)
    assert counts(session) == [2, 5, 4, 3]
    (_, committee), (depth, branch) = units.tree(session, DAY)
    assert (depth, committee.agency_code, committee.founded_on) == (1, "云教党", date(2010, 7, 1))
    secretary = posts.secretary(session, committee.id, DAY)
    assert secretary is not None and secretary.person is not None
    assert (secretary.person.name, secretary.from_on) == ("高景行", date(2021, 5, 1))
    assert (secretary.person.phone, secretary.person.job_title) == ("13800000000", "局长")
    membership = people.membership(session, secretary.person.id, DAY)
    assert membership is not None
    assert (membership.from_on, membership.joined_party_on) == (DAY, date(2001, 7, 1))
    assert posts.secretary(session, branch.id, DAY) is None
    (member,) = posts.holders(session, branch.id, "委员", DAY)
    assert member.person is not None and member.person.number == "A-2"


def test_the_same_workbook_twice_changes_nothing(session: Session) -> None:
    import_workbook(session, whole(), at=AT)
    before = counts(session)
    report = import_workbook(session, whole(), at=datetime(2026, 9, 1, tzinfo=UTC))
    assert (report.added, report.changed, report.unchanged, report.errors) == (0, 0, 10, [])
    assert counts(session) == before


def test_name_and_branch_suffice_and_empty_cells_erase_nothing(session: Session) -> None:
    import_workbook(session, whole(), at=AT)
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "人员"
    for row in (
        ["姓名", "所在党支部", "岗位"],
        ["高景行", "教育局机关支部", "党组书记"],
        ["新同志", "教育局机关支部"],
    ):
        sheet.append(row)
    stream = BytesIO()
    book.save(stream)
    report = import_workbook(session, stream.getvalue(), at=AT)
    assert (report.added, report.changed, report.errors) == (1, 1, [])
    person = session.scalars(select(Person).where(Person.name == "高景行")).one()
    assert (person.job_title, person.phone) == ("党组书记", "13800000000")


def test_every_bad_row_is_named_and_nothing_is_imported(session: Session) -> None:
    content = whole(
        党组织=[
            *UNITS,
            ["党小组", "第一党小组", None, None, None, None],
            ["支部", "中共云岭市水务局支部委员会", None, "水务局党委", None, None],
            ["支部", None, None, None, None, None],
            ["总支", "甲总支", None, "乙总支", None, None],
            ["总支", "乙总支", None, "甲总支", None, None],
        ],
        人员=[
            *PEOPLE,
            ["高景行", "教育局机关支部", None, None, None, None, None, None, None],
            ["苏望舒", "市教育局党委", None, None, None, None, None, None, None],
            ["程立言", "没有的支部", None, None, None, None, None, None, None],
            ["罗维翰", "教育局机关支部", None, "积极分子", None, None, None, None, None],
            ["唐若愚", "教育局机关支部", None, None, "去年", None, None, None, None],
            ["范承志", "第一党小组", None, None, None, None, None, None, None],
            ["陆远帆", "教育局机关支部", "A-1", None, None, None, None, None, None],
        ],
        任职=[
            *POSTS,
            ["市教育局党委", "组织委员", "何静姝", None, None, None, None],
            ["市教育局党委", "书记", "何静姝", None, None, None, "2022-01-01"],
            ["市教育局党委", "委员", "王伟", None, None, None, None],
            ["市教育局党委", "副书记", "查无此人", None, None, None, None],
            ["市教育局党委", "副书记", "程立言", None, None, None, None],
        ],
    )
    report = import_workbook(session, content, at=AT)
    assert not report.imported
    assert [(each.sheet, each.row, each.column) for each in report.errors] == [
        ("党组织", 4, "类型"),
        ("党组织", 5, "上级党组织"),
        ("党组织", 6, "全称"),
        ("党组织", 7, "上级党组织"),
        ("党组织", 8, "上级党组织"),
        ("人员", 7, "姓名"),
        ("人员", 8, "所在党支部"),
        ("人员", 9, "所在党支部"),
        ("人员", 10, "党员类别"),
        ("人员", 11, "入党日期"),
        # row 12 names a unit whose own row is reported above
        ("人员", 13, "人员编号"),
        ("任职", 5, "职务"),
        ("任职", 6, ""),
        ("任职", 7, "姓名"),
        ("任职", 8, "姓名"),
        # row 9 names a person whose own row is reported above
    ]
    assert "与第 2 行重复" in report.errors[5].message
    assert "现由高景行担任" in report.errors[12].message
    assert counts(session) == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("column", "value"),
    [("电话", "35040219900101123X"), ("岗位", "号码350402199001011234"), ("人员编号", 350402199001011234)],
)
def test_a_value_like_an_identity_number_is_refused(session: Session, column: str, value: object) -> None:
    row: list[Any] = ["高景行", "教育局机关支部", *[None] * 7]
    row[[each.rstrip("*") for each in SHEETS["人员"]].index(column)] = value
    report = import_workbook(session, whole(人员=[row], 任职=[]), at=AT)
    assert [(each.row, each.column) for each in report.errors] == [(2, column)]
    assert "身份证号" in report.errors[0].message
    assert counts(session) == [0, 0, 0, 0]


def test_headings_are_checked(session: Session) -> None:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "人员"
    sheet.append(["姓名", "公民身份证号码", "民族", "姓名"])
    sheet.append(["高景行", None, "汉", None])
    book.create_sheet("名单").append(["高景行"])
    book.create_sheet("Sheet1")
    stream = BytesIO()
    book.save(stream)
    _, problems = read_workbook(stream.getvalue())
    assert [(each.sheet, each.column) for each in problems] == [
        ("人员", "公民身份证号码"),
        ("人员", "民族"),
        ("人员", "姓名"),
        ("人员", "所在党支部"),
        ("名单", ""),
    ]
    assert "不收集身份证号" in problems[0].message


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2015-07-01", date(2015, 7, 1)),
        ("2015.7.1", date(2015, 7, 1)),
        ("２０１５年7月1日", date(2015, 7, 1)),
        ("2015年7月", date(2015, 7, 1)),
        ("2015.10", date(2015, 10, 1)),
        (20150701, date(2015, 7, 1)),
        (datetime(2015, 7, 1), date(2015, 7, 1)),  # noqa: DTZ001 - a date cell is naive
        (2015.1, None),
        (42186, None),
        ("2015-02-30", None),
        ("2015", None),
    ],
)
def test_dates_as_people_write_them(written: object, meant: date | None) -> None:
    rows, problems = read_workbook(workbook(人员=[["高景行", "支部", None, None, written]]))
    assert rows[0].date("入党日期") == meant
    assert [each.column for each in problems] == ([] if meant else ["入党日期"])


def test_the_template_explains_itself_and_can_be_filled_in(session: Session) -> None:
    book = load_workbook(BytesIO(template_workbook()))
    assert book.sheetnames == ["说明", *SHEETS]
    for row in UNITS:
        book["党组织"].append(row)
    stream = BytesIO()
    book.save(stream)
    report = import_workbook(session, stream.getvalue(), at=AT)
    assert (report.added, report.errors) == (2, [])
    assert not any("身份证" in column for columns in SHEETS.values() for column in columns)


def package(**parts: bytes) -> bytes:
    """The template with other parts in it; ``__`` stands for a slash, ``_`` for a dot."""
    stream = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(template_workbook())) as source,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as out,
    ):
        replaced = {name.replace("__", "/").replace("_", "."): content for name, content in parts.items()}
        for name in source.namelist():
            out.writestr(name, replaced.pop(name, None) or source.read(name))
        for name, content in replaced.items():
            out.writestr(name, content)
    return stream.getvalue()


def zipped(name: str) -> bytes:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as out:
        out.writestr(name, b"x")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda: b"", "不是 .xlsx"),
        (lambda: b"\xd0\xcf\x11\xe0" + bytes(600), "不是 .xlsx"),
        (lambda: b"PK\x03\x04" + bytes(600), "不是 .xlsx"),
        (lambda: zipped("word/document.xml"), "不是 .xlsx"),
        (lambda: template_workbook()[:-200], "不是 .xlsx"),
        (lambda: bytes(8_000_001), "超过 8 MB"),
        (lambda: package(xl__media__a_png=bytes(60_000_000)), "解压后过大"),
        (lambda: package(xl__vbaProject_bin=b"x"), "宏"),
        (
            lambda: package(
                xl__workbook_xml=b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaa">]><x>&a;</x>'
            ),
            "XML 声明",
        ),
        (lambda: package(xl__workbook_xml="<!DOCTYPE x><x/>".encode("utf-16")), "XML 声明"),
        (lambda: package(xl__workbook_xml=b"<x>"), "有效的"),
        (lambda: package(xl__worksheets__sheet2_xml=b"<worksheet><sheetData><row>"), "有效的"),
        (lambda: workbook(别的=[["高景行"]]), "没有名为"),
    ],
)
def test_hostile_and_broken_files_are_refused_before_they_are_parsed(
    content: Callable[[], bytes], reason: str
) -> None:
    with pytest.raises(Invalid, match=reason):
        read_workbook(content())


def test_a_file_that_lies_about_its_size_is_read_within_limits() -> None:
    rows, problems = read_workbook(
        package(
            xl__worksheets__sheet3_xml=b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
            b'<dimension ref="A1:XFD1048576"/><sheetData><row r="1"><c r="XFD1" t="inlineStr"><is><t>x</t></is></c></row>'
            b"</sheetData></worksheet>"
        )
    )
    assert rows == []
    assert {each.sheet for each in problems} == {"人员"}
    with pytest.raises(Invalid, match="超过 50000 行"):
        read_workbook(
            package(
                xl__worksheets__sheet3_xml=b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
                b'<sheetData><row r="1048576"><c r="A1048576"><v>1</v></c></row></sheetData></worksheet>'
            )
        )
