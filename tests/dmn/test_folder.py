"""Decision files that lie together, and their tables as they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.dmn import DmnError, Folder, load, sheets

MODELS = Path(__file__).parent / "models"
NAMES = ("结论.dmn", "标准.dmn", "回签期限.dmn")
FILES = {name: (MODELS / name).read_bytes() for name in NAMES}
LOCATION = 'locationURI="标准.dmn"'


def folder(location: str = LOCATION, **more: bytes) -> Folder:
    files = {**FILES, "结论.dmn": FILES["结论.dmn"].replace(LOCATION.encode(), location.encode())}
    return Folder(files | {f"{name}.dmn": content for name, content in more.items()})


@pytest.mark.parametrize(
    "location",
    [
        LOCATION,
        'locationURI="./标准.dmn"',
        'locationURI="%E6%A0%87%E5%87%86.dmn"',
        "",
        'locationURI="别处.dmn"',
    ],
)
def test_an_import_is_found_by_its_file_name_or_else_by_its_namespace(location: str) -> None:
    found = folder(location)
    assert found.load("结论.dmn").decide("结论", {"得分": 80}).value == "合格！"
    assert found.imported("结论.dmn") == ["标准.dmn"] and found.imported("标准.dmn") == []
    assert [sheet.table for sheet in found.sheets("结论.dmn")] == ["等次"]


def test_what_lies_beside_need_not_be_a_model() -> None:
    assert folder("", broken=b"<a", other=b"<b/>").imported("结论.dmn") == ["标准.dmn"]


@pytest.mark.parametrize(
    "location", ["../标准.dmn", "/标准.dmn", "..%2F标准.dmn", "http://example.org/标准.dmn"]
)
def test_nothing_outside_is_imported(location: str) -> None:
    content = FILES["结论.dmn"].replace("标准.dmn".encode(), location.encode())
    with pytest.raises(DmnError) as error:
        Folder({"结论.dmn": content, "回签期限.dmn": FILES["回签期限.dmn"]}).load("结论.dmn")
    assert error.value.code == "dmn-missing-import" and "“结论.dmn”引用的决策模型“标准”" in str(error.value)


def test_two_files_of_one_namespace_are_told() -> None:
    with pytest.raises(DmnError) as error:
        folder("", copy=FILES["标准.dmn"]).load("结论.dmn")
    assert error.value.code == "dmn-ambiguous-import" and "copy.dmn、标准.dmn" in str(error.value)


def test_files_that_import_each_other_are_read_once() -> None:
    back = (
        '<import name="结论" namespace="http://lvze.org/tests/conclusion" '
        'importType="https://www.omg.org/spec/DMN/20230324/MODEL/"/>'
    )
    mutual = FILES["标准.dmn"].replace(b'<inputData id="i1"', f'{back}<inputData id="i1"'.encode())
    assert (
        Folder({**FILES, "标准.dmn": mutual}).load("结论.dmn").decide("结论", {"得分": 95}).value == "优秀！"
    )


NESTED = """<definitions xmlns="https://www.omg.org/spec/DMN/20230324/MODEL/" name="n" namespace="urn:n">
  <decision id="d" name="结果"><variable name="结果"/><context>
    <contextEntry><variable name="加分"/>{table}</contextEntry>
    <contextEntry><literalExpression><text>加分</text></literalExpression></contextEntry>
  </context></decision></definitions>"""
TABLE = """<decisionTable hitPolicy="FIRST" outputLabel="分">
  <input><inputExpression><text>1 + 1</text></inputExpression></input><output/>
  <rule id="r"><inputEntry><text>{cell}</text></inputEntry><outputEntry><text>5</text></outputEntry></rule></decisionTable>"""


def test_a_sheet_goes_by_the_name_that_its_matches_go_by() -> None:
    content = NESTED.format(table=TABLE.format(cell="2")).encode()
    found = load(content).decide("结果", {})
    (sheet,) = sheets(content)
    assert found.value == 5 and [match.table for match in found.matched] == [sheet.table] == ["加分"]
    assert [(one.table, one.inputs) for one in found.consulted] == [("加分", (2,))]
    assert (sheet.inputs, sheet.outputs, sheet.annotations) == (("1 + 1",), ("分",), ())


def test_a_problem_says_where_it_is() -> None:
    (problem,) = load(NESTED.format(table=TABLE.format(cell="2 +")).encode()).problems
    assert (problem.element, problem.place) == ("r", "决策“结果”，“加分”，第 1 条规则，输入第 1 列")
