"""Differences: what a reader sees changed between two files."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import pytest

from engine.documents.differences import Change, differences, hunks
from engine.documents.package import read_package, write_package
from engine.documents.templates import Template
from engine.errors import Invalid
from tests.documents import samples


def _docx(body: str) -> bytes:
    """The smallest .docx around a body."""
    main = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    types, rels = (
        "http://schemas.openxmlformats.org/package/2006/content-types",
        "http://schemas.openxmlformats.org/package/2006/relationships",
    )
    return write_package(
        {
            "[Content_Types].xml": f'<Types xmlns="{types}"><Default Extension="rels" ContentType="application/vnd.'
            f'openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="{main}"/></Types>'.encode(),
            "_rels/.rels": f'<Relationships xmlns="{rels}"/>'.encode(),
            "word/document.xml": '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
            f"<w:body>{body}</w:body></w:document>".encode(),
        }
    )


def _p(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def _table(*rows: Sequence[str]) -> str:
    return "".join(
        (
            "<w:tbl>",
            *("<w:tr>" + "".join(f"<w:tc>{_p(c)}</w:tc>" for c in row) + "</w:tr>" for row in rows),
            "</w:tbl>",
        )
    )


def _shown(changes: Sequence[Change]) -> list[str]:
    """``+``, ``-``, ``~`` and the cells with [-words-] taken out and {+words+} put in."""
    signs = {"insert": "+", "delete": "-", "change": "~", "equal": "="}
    marks = {"insert": ("{+", "+}"), "delete": ("[-", "-]"), "equal": ("", "")}
    return [
        signs[change.operation]
        + " | ".join("".join(p.text.join(marks[p.operation]) for p in cell) for cell in change.cells)
        for change in changes
    ]


def test_a_word_that_changed_is_shown_in_its_paragraph() -> None:
    old = _docx(_p("一、时限") + _p("请于2026年9月30日前完成整改。") + _p("特此通知。"))
    new = _docx(_p("一、时限") + _p("请于2026年10月15日前完成全部整改。") + _p("特此通知。"))
    assert _shown(differences(old, new)) == [
        "=一、时限",
        "~请于2026年[-9月30-]{+10月15+}日前完成{+全部+}整改。",
        "=特此通知。",
    ]


def test_paragraphs_come_and_go() -> None:
    old = _docx(_p("甲段在此。") + _p("乙段将被删去。") + _p("丙段在此。"))
    new = _docx(_p("甲段在此。") + _p("丙段在此。") + _p("另加一条：完全不同之语。"))
    assert _shown(differences(old, new)) == [
        "=甲段在此。", "-[-乙段将被删去。-]", "=丙段在此。", "+{+另加一条：完全不同之语。+}"
    ]  # fmt: skip


def test_a_row_is_compared_cell_by_cell_and_named() -> None:
    old = _docx(_table(("目标", "分值"), ("组织集中学习", "10"), ("按期换届", "20")))
    new = _docx(_table(("目标", "分值"), ("新的一行", "5"), ("组织集中学习", "15"), ("按期换届", "20")))
    changes = differences(old, new)
    assert _shown(changes) == [
        "=目标 | 分值",
        "+{+新的一行+} | {+5+}",
        "~组织集中学习 | [-10-]{+15+}",
        "=按期换届 | 20",
    ]
    assert [change.place for change in changes] == [
        "表 1 第 1 行",
        "表 1 第 2 行",
        "表 1 第 3 行",
        "表 1 第 4 行",
    ]


def test_only_what_changed_is_told_with_a_neighbour() -> None:
    lines = [f"第{n}段，内容各不相同之{n * 7919}" for n in range(12)]
    old, new = (
        _docx("".join(map(_p, lines))),
        _docx("".join(map(_p, [*lines[:5], "改写了的一段", *lines[6:]]))),
    )
    (hunk,) = hunks(differences(old, new))
    assert [c.operation for c in hunk] == ["equal", "delete", "insert", "equal"]
    assert hunks(differences(old, old)) == []


def test_a_filled_template_tells_what_was_corrected() -> None:
    data = copy.deepcopy(samples.LETTER)
    data["目标"][1]["措施"] = data["目标"][1]["措施"].replace("10篇", "12篇")
    data["目标"].pop(4)
    compiled = Template.load(samples.template("责任书"))
    changed = [
        c for c in differences(compiled.fill(samples.LETTER), compiled.fill(data)) if c.operation != "equal"
    ]
    assert any("[-10-]{+12+}篇" in line for line in _shown(changed))
    assert any(c.operation == "delete" and c.place.startswith("表 ") for c in changed)


def test_field_instructions_and_deleted_words_are_not_text() -> None:
    field = "<w:p><w:r><w:instrText>PAGE</w:instrText></w:r><w:r><w:delText>旧</w:delText></w:r><w:r><w:t>页</w:t></w:r></w:p>"
    assert _shown(differences(_docx(field), _docx(_p("页")))) == ["=页"]


def test_a_text_of_many_like_lines_is_compared_in_bounded_time() -> None:
    old = _docx("".join(_p("同样的一行文字" * 30 + str(n)) for n in range(400)))
    new = _docx("".join(_p("同样的一行文字" * 30 + str(n) + "改") for n in range(400)))
    assert {c.operation for c in differences(old, new)} == {"change"}


def test_what_is_no_docx_is_refused() -> None:
    with pytest.raises(Invalid):
        differences(b"x", _docx(_p("甲")))
    parts = read_package(_docx(_p("甲"))) | {"word/document.xml": b"<x"}
    with pytest.raises(Invalid):
        differences(write_package(parts), _docx(_p("甲")))


def test_thousands_of_identical_rows_are_compared_in_bounded_time() -> None:
    rows = [("同", "上")] * 4000
    old, new = _docx(_table(*rows)), _docx(_table(*rows[:2000], ("改", "动"), *rows[2000:]))
    assert "+{+改+} | {+动+}" in _shown(differences(old, new))
