"""The checker of GB/T 9704-2012: what is made here passes, what is a little beyond a tolerance is told by its clause and nothing else."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import NamedTuple

import docx
import pytest
from docx.shared import Cm, Pt
from lxml import etree

from engine.documents import imprint, standard
from engine.documents.package import parse_xml, read_package, write_package
from engine.documents.pdf import Renderer
from engine.documents.templates import Template
from engine.errors import Invalid
from tests.documents.samples import SAMPLES, template

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
DOCUMENT, STYLES, SETTINGS = "word/document.xml", "word/styles.xml", "word/settings.xml"
# The schema's order of what is put into properties here.
ORDER = (
    "pStyle",
    "keepNext",
    "keepLines",
    "pageBreakBefore",
    "framePr",
    "widowControl",
    "pBdr",
    "tabs",
    "spacing",
    "ind",
    "jc",
)


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer() as renderer:
        yield renderer


@cache
def filled(kind: str) -> bytes:
    return Template.load(template(kind)).fill(SAMPLES[kind])


def told(found: list[standard.Deviation]) -> list[str]:
    return [f"{one.clause} {one.element} {one.place}: {one.found} / {one.wanted}" for one in found]


# ---- what is made here


@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_every_house_template_passes(kind: str, renderer: Renderer) -> None:
    content = imprint.placed(filled(kind), renderer.render)
    assert told(standard.check(content)) == []
    assert told(standard.check(content, layout=renderer.render(content))) == []


def test_a_page_number_behind_a_blank_page_is_told(renderer: Renderer) -> None:
    """Where the text leaves no room on an even page, the 版记 stands behind a blank page, and neither has a number."""
    text_ = "\n".join(["各单位要认真贯彻执行，有关情况及时报告。"] * 18)
    content = Template.load(template("通知")).fill(
        SAMPLES["通知"] | {"正文": text_, "附件": None, "附件正文": None}
    )
    content = imprint.placed(content, renderer.render)
    layout = renderer.render(content)
    assert layout.pages == 4
    assert told(standard.check(content, layout=layout)) == []
    raw = read_package(content)
    footer = next(name for name in raw if name.endswith("footer-none.xml"))
    numbered = write_package(raw | {footer: raw["word/footer2.xml"]})
    found = standard.check(numbered, layout=renderer.render(numbered))
    assert {one.clause for one in found} == {"7.5"}, told(found)
    assert "空白页" in found[-1].found


# ---- a little beyond, a little inside


class Parts(dict[str, etree._Element]):
    """A package's XML, changed in place."""

    def style(self, name: str) -> etree._Element:
        return next(s for s in self[STYLES].iter(f"{W}style") if s.get(f"{W}styleId") == name)

    def paragraph(self, style: str, number: int = 0) -> etree._Element:
        found = (
            p
            for p in self[DOCUMENT].iter(f"{W}p")
            if p.find(f"{W}pPr/{W}pStyle[@{W}val='{style}']") is not None
        )
        return [p for p in found if "".join(p.itertext()).strip()][number]

    def blank_before(self, paragraph: etree._Element) -> etree._Element:
        before = paragraph.getprevious()
        assert before is not None and "".join(before.itertext()).strip() == ""
        return before

    def section(self, name: str) -> etree._Element:
        return next(self[DOCUMENT].iter(f"{W}{name}"))


Edit = Callable[[Parts], None]


def put(holder: etree._Element, path: str, **attributes: object) -> None:
    """Set attributes of a property, making it where it is missing."""
    element = holder
    for name in path.split("/"):
        child = element.find(W + name)
        if child is None:
            child = etree.Element(W + name)
            later = [
                c
                for c in element
                if name in ORDER and str(c.tag).removeprefix(W) in ORDER[ORDER.index(name) + 1 :]
            ]
            if later:
                later[0].addprevious(child)
            elif name in ("pPr", "rPr") and holder.tag != f"{W}style":
                element.insert(0, child)
            else:
                element.append(child)
        element = child
    for name, value in attributes.items():
        element.set(W + name.rstrip("_"), str(value))


def of_style(style: str, path: str, **attributes: object) -> Edit:
    return lambda parts: put(parts.style(style), path, **attributes)


def of_paragraph(style: str, path: str, number: int = 0, **attributes: object) -> Edit:
    return lambda parts: put(parts.paragraph(style, number), f"pPr/{path}", **attributes)


def of_section(name: str, **attributes: object) -> Edit:
    def edit(parts: Parts) -> None:
        for key, value in attributes.items():
            assert parts.section(name).get(W + key) is not None
            parts.section(name).set(W + key, str(value))

    return edit


def of_footer(number: int, path: str, **attributes: object) -> Edit:
    return lambda parts: put(next(parts[f"word/footer{number}.xml"].iter(f"{W}p")), path, **attributes)


def text(style: str, old: str, new: str, number: int = 0) -> Edit:
    def edit(parts: Parts) -> None:
        paragraph = parts.paragraph(style, number)
        runs = [t for t in paragraph.iter(f"{W}t") if old in (t.text or "")]
        assert runs, "".join(paragraph.itertext())
        runs[0].text = (runs[0].text or "").replace(old, new)

    return edit


def font(style: str, name: str) -> Edit:
    return of_style(style, "rPr/rFonts", eastAsia=name)


def fonts_of_runs(style: str, name: str, number: int = 0) -> Edit:
    def edit(parts: Parts) -> None:
        for fonts in parts.paragraph(style, number).iter(f"{W}rFonts"):
            fonts.set(f"{W}eastAsia", name)

    return edit


def gap(style: str, *, before: int, number: int = 0) -> Edit:
    """Change the empty line over a paragraph into a distance in twips."""
    return lambda parts: put(
        parts.blank_before(parts.paragraph(style, number)), "pPr/spacing", line=before, lineRule="exact"
    )


def row_height(twips: int) -> Edit:
    return lambda parts: next(parts[DOCUMENT].iter(f"{W}trHeight")).set(f"{W}val", str(twips))


def border(style: str, **attributes: object) -> Edit:
    def edit(parts: Parts) -> None:
        line = next(b for b in parts.style(style).iter(f"{W}bottom"))
        for name, value in attributes.items():
            line.set(W + name, str(value))

    return edit


def imprint_table(name: str, **attributes: object) -> Edit:
    def edit(parts: Parts) -> None:
        table = next(t for t in parts[DOCUMENT].iter(f"{W}tbl") if t.find(f"{W}tblPr/{W}tblpPr") is not None)
        for element in list(table.iter(W + name))[:1]:
            for key, value in attributes.items():
                element.set(W + key, str(value))

    return edit


def running_border(part: str, **attributes: object) -> Edit:
    def edit(parts: Parts) -> None:
        line = next(parts[part].iter(f"{W}bottom"))
        for name, value in attributes.items():
            line.set(W + name, str(value))

    return edit


def running_frame(part: str, **attributes: object) -> Edit:
    def edit(parts: Parts) -> None:
        for name, value in attributes.items():
            next(parts[part].iter(f"{W}framePr")).set(W + name, str(value))

    return edit


def added(style: str, words: str) -> Edit:
    """A paragraph more, before the first one with text."""

    def edit(parts: Parts) -> None:
        first = parts.paragraph("GWTitle")
        paragraph = etree.Element(f"{W}p")
        put(paragraph, "pPr/pStyle", val=style)
        etree.SubElement(etree.SubElement(paragraph, f"{W}r"), f"{W}t").text = words
        first.addprevious(paragraph)

    return edit


def removed(element: str, part: str = DOCUMENT) -> Edit:
    def edit(parts: Parts) -> None:
        found = next(parts[part].iter(W + element))
        found.getparent().remove(found)  # type: ignore[union-attr]

    return edit


def together(*edits: Edit) -> Edit:
    def edit(parts: Parts) -> None:
        for one in edits:
            one(parts)

    return edit


def nothing(parts: Parts) -> None:
    """Only beyond: what is counted or written has no inside."""


def swapped(style: str, one: int, other: int) -> Edit:
    def edit(parts: Parts) -> None:
        first, second = parts.paragraph(style, one), parts.paragraph(style, other)
        copy = deepcopy(first)
        second.addnext(copy)
        first.addnext(second)
        first.getparent().remove(first)  # type: ignore[union-attr]

    return edit


def ordered(parts: Parts) -> None:
    """Head of a 命令（令）."""
    text("GWMark2", "文件", "令")(parts)
    text("GWNumber", "云工委〔2026〕5号", "第5号")(parts)


class Mutation(NamedTuple):
    kind: str
    clause: str
    beyond: Edit
    inside: Edit = nothing


NOTICE, FULL, UPWARD, LETTER, MINUTES, OTHER = "印发通知", "公文", "报告", "函", "纪要", "述职报告"
MM = 56.693  # twips


def mm(length: float) -> int:
    return round(length * MM)


MUTATIONS = {
    "paper 1.2 mm wider": Mutation(
        NOTICE, "5.1", of_section("pgSz", w=mm(211.2)), of_section("pgSz", w=mm(210.9))
    ),
    "paper 1.2 mm shorter": Mutation(
        NOTICE, "5.1", of_section("pgSz", h=mm(295.8)), of_section("pgSz", h=mm(296.1))
    ),
    "天头 1.1 mm": Mutation(
        NOTICE, "5.2.1", of_section("pgMar", top=mm(38.1)), of_section("pgMar", top=mm(37.9))
    ),
    "订口 1.1 mm": Mutation(
        NOTICE, "5.2.1", of_section("pgMar", left=mm(26.9)), of_section("pgMar", left=mm(27.2))
    ),
    "right margin 1.1 mm": Mutation(
        NOTICE, "5.2.1", of_section("pgMar", right=mm(27.2)), of_section("pgMar", right=mm(26.9))
    ),
    "lower margin 1.1 mm": Mutation(
        NOTICE, "5.2.1", of_section("pgMar", bottom=mm(36.2)), of_section("pgMar", bottom=mm(35.4))
    ),
    "text 1 pt larger": Mutation(
        NOTICE, "5.2.2", of_style("GWBody", "rPr/sz", val=34), of_style("GWBody", "rPr/sz", val=33)
    ),
    "text 1 pt smaller": Mutation(
        NOTICE, "5.2.2", of_style("GWBody", "rPr/sz", val=30), of_style("GWBody", "rPr/sz", val=31)
    ),
    "text in 宋体": Mutation(NOTICE, "5.2.2", font("GWBody", "宋体"), font("GWBody", "方正仿宋_GBK")),
    "number in 宋体": Mutation(NOTICE, "5.2.2", font("GWNumber", "宋体"), font("GWNumber", "FangSong")),
    "lines 0.6 pt apart": Mutation(
        NOTICE,
        "5.2.3",
        of_style("GWBody", "pPr/spacing", line=592, lineRule="exact"),
        of_style("GWBody", "pPr/spacing", line=589, lineRule="exact"),
    ),
    "lines 0.6 pt together": Mutation(
        NOTICE,
        "5.2.3",
        of_style("GWBody", "pPr/spacing", line=567, lineRule="exact"),
        of_style("GWBody", "pPr/spacing", line=570, lineRule="exact"),
    ),
    "29 characters a line": Mutation(
        NOTICE,
        "5.2.3",
        of_style("GWBody", "rPr/spacing", val=-16),
        of_style("GWBody", "rPr/spacing", val=-13),
    ),
    "27 characters a line": Mutation(
        NOTICE, "5.2.3", of_style("GWBody", "rPr/spacing", val=8), of_style("GWBody", "rPr/spacing", val=7)
    ),
    "title dark grey": Mutation(
        NOTICE,
        "5.2.4",
        of_style("GWTitle", "rPr/color", val="333333"),
        of_style("GWTitle", "rPr/color", val="202020"),
    ),
    "份号 of five digits": Mutation(FULL, "7.2.1", text("GWTop", "0", "", 0)),
    "份号 indented": Mutation(
        FULL, "7.2.1", of_paragraph("GWTop", "ind", left=330), of_paragraph("GWTop", "ind", left=300)
    ),
    "term of secrecy in words": Mutation(
        FULL, "7.2.2", text("GWTop", "1年", "一年", 1), text("GWTop", "1年", "6个月", 1)
    ),
    "secrecy in 宋体": Mutation(
        FULL,
        "7.2.2",
        lambda parts: put(next(parts.paragraph("GWTop", 1).iter(f"{W}r")), "rPr/rFonts", eastAsia="宋体"),
        lambda parts: put(next(parts.paragraph("GWTop", 1).iter(f"{W}r")), "rPr/rFonts", eastAsia="SimHei"),
    ),
    "urgency of one's own words": Mutation(
        FULL, "7.2.3", text("GWTop", "加急", "十万火急", 2), text("GWTop", "加急", "特急", 2)
    ),
    "urgency over secrecy": Mutation(FULL, "7.2.3", swapped("GWTop", 1, 2)),
    # The mark's strokes begin 1.18 mm under the row's end.
    "mark 1.1 mm low": Mutation(NOTICE, "7.2.4", row_height(mm(36.1 - 1.18)), row_height(mm(35.9 - 1.18))),
    "mark 1.1 mm high": Mutation(NOTICE, "7.2.4", row_height(mm(33.9 - 1.18)), row_height(mm(34.1 - 1.18))),
    "mark too dark": Mutation(
        NOTICE,
        "7.2.4",
        of_style("GWMark2", "rPr/color", val="B00000"),
        of_style("GWMark2", "rPr/color", val="C00000"),
    ),
    "mark in 宋体": Mutation(
        NOTICE, "7.2.4", font("GWMark2", "宋体"), font("GWMark2", "FZXiaoBiaoSong-B05S")
    ),
    "mark aside": Mutation(
        NOTICE,
        "7.2.4",
        of_paragraph("GWMark2", "ind", left=mm(2.2)),
        of_paragraph("GWMark2", "ind", left=mm(1.8)),
    ),
    "square brackets": Mutation(
        NOTICE, "7.2.5", text("GWNumber", "〔2026〕", "[2026]"), text("GWNumber", "2026", "1999")
    ),
    "leading zero": Mutation(
        NOTICE, "7.2.5", text("GWNumber", "5号", "05号"), text("GWNumber", "5号", "50号")
    ),
    "第 in the number": Mutation(NOTICE, "7.2.5", text("GWNumber", "5号", "第5号")),
    "year of two digits": Mutation(NOTICE, "7.2.5", text("GWNumber", "2026", "26")),
    "number aside": Mutation(
        NOTICE,
        "7.2.5",
        of_paragraph("GWNumber", "ind", left=0, firstLine=mm(2.2)),
        of_paragraph("GWNumber", "ind", firstLine=mm(1.8)),
    ),
    "number a character too close": Mutation(
        NOTICE, "7.2.5", gap("GWNumber", before=250), gap("GWNumber", before=270)
    ),
    "number of 上行文 indented by two": Mutation(
        UPWARD,
        "7.2.5",
        of_paragraph("GWSigner", "ind", 1, firstLine=640),
        of_paragraph("GWSigner", "ind", 1, firstLine=610),
    ),
    "colon of 签发人": Mutation(UPWARD, "7.2.6", text("GWSigner", "：", ":")),
    "signer's name in 仿宋": Mutation(
        UPWARD, "7.2.6", fonts_of_runs("GWSigner", "仿宋_GB2312"), fonts_of_runs("GWSigner", "楷体")
    ),
    "red line 1.1 mm low": Mutation(
        NOTICE, "7.2.7", border("GWNumber", space=9), border("GWNumber", space=8)
    ),
    "red line black": Mutation(
        NOTICE, "7.2.7", border("GWNumber", color="000000"), border("GWNumber", color="E60012")
    ),
    "red line short": Mutation(
        NOTICE,
        "7.2.7",
        of_paragraph("GWNumber", "ind", right=mm(1.2)),
        of_paragraph("GWNumber", "ind", right=mm(0.8)),
    ),
    "title 1 pt larger": Mutation(
        NOTICE, "7.3.1", of_style("GWTitle", "rPr/sz", val=46), of_style("GWTitle", "rPr/sz", val=45)
    ),
    "title in 黑体": Mutation(NOTICE, "7.3.1", font("GWTitle", "黑体"), font("GWTitle", "方正小标宋_GBK")),
    "title aside": Mutation(
        NOTICE,
        "7.3.1",
        of_paragraph("GWTitle", "ind", right=mm(2.2)),
        of_paragraph("GWTitle", "ind", right=mm(1.8)),
    ),
    "title a character too close": Mutation(
        NOTICE, "7.3.1", gap("GWTitle", before=250), gap("GWTitle", before=270)
    ),
    "colon of 主送": Mutation(NOTICE, "7.3.2", text("GWTo", "：", ":")),
    "主送 indented": Mutation(
        NOTICE, "7.3.2", of_paragraph("GWTo", "ind", left=320), of_paragraph("GWTo", "ind", left=300)
    ),
    "主送 a character too low": Mutation(NOTICE, "7.3.2", gap("GWTo", before=910), gap("GWTo", before=890)),
    "heading in 仿宋": Mutation(NOTICE, "7.3.3", font("GWH1", "仿宋_GB2312"), font("GWH1", "方正黑体_GBK")),
    "second heading in 仿宋": Mutation(
        NOTICE, "7.3.3", fonts_of_runs("GWBody", "仿宋_GB2312", 1), fonts_of_runs("GWBody", "KaiTi", 1)
    ),
    "a number left out": Mutation(NOTICE, "7.3.3", text("GWH1", "二、", "三、", 1)),
    "comma behind a number": Mutation(NOTICE, "7.3.3", text("GWH1", "一、", "一，")),
    "paragraph indented by one": Mutation(
        NOTICE,
        "7.3.3",
        of_style("GWBody", "pPr/ind", firstLine=310),
        of_style("GWBody", "pPr/ind", firstLine=330),
    ),
    "附件说明 a character to the left": Mutation(
        NOTICE,
        "7.3.4",
        of_paragraph("GWAttachment", "ind", left=1500, hanging=1185),
        of_paragraph("GWAttachment", "ind", left=1520, hanging=1185),
    ),
    "full stop behind an attachment": Mutation(
        NOTICE, "7.3.4", text("GWAttachment", "总支）", "总支）。", 1)
    ),
    "Chinese numbers of attachments": Mutation(NOTICE, "7.3.4", text("GWAttachment", "1.", "一、")),
    "附件说明 close to the text": Mutation(
        NOTICE, "7.3.4", gap("GWAttachment", before=250), gap("GWAttachment", before=270)
    ),
    "zero in the date": Mutation(
        NOTICE, "7.3.5", text("GWDate", "3月5日", "03月05日"), text("GWDate", "3月5日", "12月25日")
    ),
    "a day that is none": Mutation(
        NOTICE, "7.3.5", text("GWDate", "3月5日", "2月30日"), text("GWDate", "3月5日", "2月28日")
    ),
    "date five characters from the right": Mutation(
        NOTICE, "7.3.5", of_style("GWDate", "pPr/ind", right=1580), of_style("GWDate", "pPr/ind", right=1560)
    ),
    "署名 aside": Mutation(
        NOTICE,
        "7.3.5",
        of_style("GWIssuer", "pPr/ind", left=8845 - 4550 - 480),
        of_style("GWIssuer", "pPr/ind", left=8845 - 4550 - 440),
    ),
    "note without parentheses": Mutation(NOTICE, "7.3.6", text("GWNote", "（", "")),
    "note indented by three": Mutation(
        NOTICE,
        "7.3.6",
        of_style("GWNote", "pPr/ind", firstLine=950),
        of_style("GWNote", "pPr/ind", firstLine=930),
    ),
    "附件 on the same page": Mutation(FULL, "7.3.7", of_paragraph("GWAnnexMark", "pageBreakBefore", val=0)),
    "附件 in 仿宋": Mutation(FULL, "7.3.7", font("GWAnnexMark", "仿宋"), font("GWAnnexMark", "SimHei")),
    "annex title on line 2": Mutation(
        FULL, "7.3.7", gap("GWAnnexTitle", before=250), gap("GWAnnexTitle", before=270)
    ),
    "another title than announced": Mutation(
        FULL, "7.3.7", text("GWAnnexTitle", "自查", "自检"), text("GWAnnexTitle", "自查", "《自查》")
    ),
    "first line too thick": Mutation(
        NOTICE, "7.4.1", imprint_table("top", sz=12), imprint_table("top", sz=10)
    ),
    "inner line too thick": Mutation(
        NOTICE, "7.4.1", imprint_table("insideH", sz=9), imprint_table("insideH", sz=8)
    ),
    "版记 narrow": Mutation(
        NOTICE,
        "7.4.1",
        imprint_table("gridCol", w=5600 - mm(1.2)),
        imprint_table("gridCol", w=5600 - mm(0.9)),
    ),
    "抄送 without full stop": Mutation(NOTICE, "7.4.2", text("GWImprint", "党工委。", "党工委")),
    "抄送 1 pt larger": Mutation(
        NOTICE,
        "7.4.2",
        lambda parts: put(next(parts.paragraph("GWImprint").iter(f"{W}r")), "rPr/sz", val=30),
        lambda parts: put(next(parts.paragraph("GWImprint").iter(f"{W}r")), "rPr/sz", val=29),
    ),
    "抄送 flush left": Mutation(
        NOTICE,
        "7.4.2",
        of_paragraph("GWImprint", "ind", left=840, hanging=1120),
        of_paragraph("GWImprint", "ind", left=840, hanging=1100),
    ),
    "zero in the date of printing": Mutation(
        NOTICE, "7.4.3", text("GWImprint", "3月6日", "03月06日", 2), text("GWImprint", "3月6日", "3月16日", 2)
    ),
    "without 印发": Mutation(NOTICE, "7.4.3", text("GWImprint", "印发", "", 2)),
    "page number 1 pt larger": Mutation(
        NOTICE, "7.5", of_style("GWPage", "rPr/sz", val=30), of_style("GWPage", "rPr/sz", val=29)
    ),
    "page number in Times": Mutation(
        NOTICE,
        "7.5",
        of_style("GWPage", "rPr/rFonts", ascii="Times New Roman"),
        of_style("GWPage", "rPr/rFonts", ascii="SimSun"),
    ),
    "page number at the edge": Mutation(
        NOTICE, "7.5", of_footer(1, "pPr/ind", right=0), of_footer(1, "pPr/ind", right=20)
    ),
    "page number 1.1 mm low": Mutation(
        NOTICE, "7.5", of_section("pgMar", footer=1446 - mm(1.1)), of_section("pgMar", footer=1446 - mm(0.9))
    ),
    "page numbers on one side": Mutation(NOTICE, "7.5", removed("evenAndOddHeaders", SETTINGS)),
    "mark of a letter 1.1 mm low": Mutation(
        LETTER,
        "10.1",
        of_paragraph("GWMarkLetter", "framePr", y=mm(29.8)),
        of_paragraph("GWMarkLetter", "framePr", y=mm(29.2)),
    ),
    "double line 1.2 mm low": Mutation(
        LETTER,
        "10.1",
        running_frame("word/header1.xml", y=mm(45.5)),
        running_frame("word/header1.xml", y=mm(45)),
    ),
    "double line turned": Mutation(
        LETTER,
        "10.1",
        running_border("word/header1.xml", val="thinThickSmallGap"),
        running_border("word/header1.xml", color="E60012"),
    ),
    "double line short": Mutation(
        LETTER,
        "10.1",
        running_frame("word/header1.xml", w=mm(168.8)),
        running_frame("word/header1.xml", w=mm(169.2)),
    ),
    "second double line high": Mutation(
        LETTER,
        "10.1",
        running_frame("word/footer3.xml", y=mm(275.5)),
        running_frame("word/footer3.xml", y=mm(275.8)),
    ),
    "number of a letter away from the edge": Mutation(
        LETTER, "10.1", of_paragraph("GWNumber", "ind", right=320), of_paragraph("GWNumber", "ind", right=300)
    ),
    "mark of an order 1.1 mm low": Mutation(
        NOTICE,
        "10.2",
        together(ordered, row_height(mm(21.1 - 1.18))),
        together(ordered, row_height(mm(20.9 - 1.18))),
    ),
    "label in 仿宋": Mutation(
        MINUTES, "10.3", fonts_of_runs("GWLabel", "仿宋"), fonts_of_runs("GWLabel", "SimHei")
    ),
    "列席 before 请假": Mutation(MINUTES, "10.3", text("GWLabel", "出席", "列席")),
    "mark of something else": Mutation(MINUTES, "10.3", text("GWMarkMinutes", "纪要", "记录")),
    "发文字号 of a report on duties": Mutation(
        OTHER, "7.1", added("GWNumber", "云工委〔2026〕5号"), added("GWSubtitle", "云工委〔2026〕5号")
    ),
}


def mutated(kind: str, edit: Edit) -> bytes:
    content = filled(kind)
    raw = read_package(content)
    parts = Parts({name: parse_xml(part) for name, part in raw.items() if name.endswith(".xml")})
    edit(parts)
    return write_package(raw | {name: etree.tostring(root, encoding="UTF-8") for name, root in parts.items()})


@pytest.mark.parametrize("name", MUTATIONS)
def test_beyond_a_tolerance_is_told_by_its_clause_alone(name: str) -> None:
    mutation = MUTATIONS[name]
    found = standard.check(mutated(mutation.kind, mutation.beyond))
    assert {one.clause for one in found} == {mutation.clause}, told(found)
    assert told(standard.check(mutated(mutation.kind, mutation.inside))) == []


# ---- what only the pages tell


ON_PAGES = {
    "版记 in the text": (
        NOTICE,
        "7.4.1",
        lambda parts: parts.section("tblpPr").getparent().remove(parts.section("tblpPr")),
    ),
    "a page with the seal alone": (NOTICE, "7.3.5", of_paragraph("GWIssuer", "pageBreakBefore", val=1)),
    "annex under an empty line": (FULL, "7.3.7", of_paragraph("GWAnnexMark", "spacing", before=400)),
    "no text on page 1": (NOTICE, "7.3.3", of_paragraph("GWBody", "pageBreakBefore", val=1)),
}


@pytest.mark.parametrize("name", ON_PAGES)
def test_what_only_the_pages_tell(name: str, renderer: Renderer) -> None:
    kind, clause, edit = ON_PAGES[name]
    content = imprint.placed(mutated(kind, edit), renderer.render)
    found = standard.check(content, layout=renderer.render(content))
    assert {one.clause for one in found} == {clause}, told(found)
    assert all(one.page for one in found)


def test_copies_of_a_letter_that_find_no_room_stand_on_the_foot_of_the_next_page(renderer: Renderer) -> None:
    copies = "，".join(["市委办公室、市委组织部、市委宣传部、市人大常委会办公室、市政府办公室"] * 3)
    content = Template.load(template(LETTER)).fill(SAMPLES[LETTER] | {"抄送": copies})
    layout = renderer.render(content)
    assert layout.pages == 2
    assert told(standard.check(content, layout=layout)) == []


def test_a_document_of_odd_pages_is_told(renderer: Renderer) -> None:
    content = filled(NOTICE)
    layout = renderer.render(content)
    assert layout.pages % 2
    assert [one.clause for one in standard.check(content, layout=layout)] == ["7.4.1"]


# ---- files of others


def plain(*paragraphs: str) -> bytes:
    file = docx.Document()
    for words in paragraphs:
        file.add_paragraph(words)
    out = io.BytesIO()
    file.save(out)
    return out.getvalue()


def test_a_plain_file_gets_findings_that_say_what_to_do() -> None:
    content = plain(
        "关于开展检查工作的通知", "各单位:", "根据安排，现就有关事项通知如下。", "一，总体要求", "认真做好工作。", "三、保障措施",
        "附件:1、方案。", "某某委员会", "2026年03月05日",
    )  # fmt: skip
    found = standard.check(content)
    assert standard.profile_of(content) == "法定公文"
    clauses = {one.clause for one in found}
    assert {
        "5.1",
        "5.2.1",
        "5.2.2",
        "5.2.3",
        "7.2.4",
        "7.2.5",
        "7.3.1",
        "7.3.2",
        "7.3.3",
        "7.3.4",
        "7.3.5",
        "7.4.3",
        "7.5",
    } <= clauses
    dated = next(one for one in found if one.clause == "7.3.5" and "03月" in one.found)
    assert (dated.element, dated.paragraph, dated.words) == ("成文日期", 8, "2026年03月05日")
    assert dated.place == "第 9 段“2026年03月05日”"


def test_a_letter_set_by_hand_in_word_passes_where_it_is_right() -> None:
    """Word's own page set-up of 22 lines and 28 characters, its own styles, theme fonts, indents in characters."""
    file = docx.Document()
    section = file.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.top_margin, section.bottom_margin, section.left_margin, section.right_margin = (
        Cm(3.7),
        Cm(3.5),
        Cm(2.8),
        Cm(2.6),
    )
    grid = section._sectPr.find(f"{W}docGrid")
    if grid is None:
        grid = etree.SubElement(section._sectPr, f"{W}docGrid")
    for name, value in {"type": "linesAndChars", "linePitch": "579", "charSpace": "-842"}.items():
        grid.set(W + name, value)
    normal = file.styles["Normal"]
    normal.font.size = Pt(16)
    normal.paragraph_format.space_after = Pt(0)
    normal.paragraph_format.line_spacing = 1
    put(normal.element, "rPr/rFonts", eastAsia="仿宋_GB2312")
    paragraph = file.add_paragraph("各单位要认真贯彻执行，有关情况及时报告。")
    put(paragraph._p, "pPr/ind", firstLineChars=200)
    out = io.BytesIO()
    file.save(out)
    assert told(standard.check(out.getvalue(), "其他文书")) == []


def test_a_table_across_the_page_keeps_its_page_number_at_the_foot_of_the_sheet() -> None:
    def turned(parts: Parts) -> None:
        of_section("pgSz", w=16838, h=11906)(parts)
        of_section("pgMar", top=1587, right=2098, bottom=1474, left=1984)(parts)

    found = standard.check(mutated(NOTICE, turned))
    assert "8" in {one.clause for one in found}
    assert not {"5.1", "5.2.1"} & {one.clause for one in found}, told(found)


@pytest.mark.parametrize(
    "broken", ['w:val="abc"', 'w:val=""', 'w:val="-99999999999"', 'w:val="nan"', 'w:val="1e400"']
)
def test_numbers_that_are_none_break_nothing(broken: str) -> None:
    raw = read_package(filled(NOTICE))
    for part in (DOCUMENT, STYLES):
        content = re.sub(
            r'w:(val|w|h|left|right|top|line|sz|firstLine|y|x)="-?\d+"',
            lambda m: broken.replace("val", m[1]),
            raw[part].decode(),
        )
        raw[part] = content.encode()
    standard.check(write_package(raw))


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        standard.check(filled(NOTICE), "公报")
    assert refused.value.code == "no-profile"
    with pytest.raises(Invalid) as refused:
        standard.check(b"PK nothing")
    assert refused.value.code == "not-a-docx"


def test_a_file_beyond_all_measure_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.documents.standard.reading.MOST_PARAGRAPHS", 10)
    with pytest.raises(Invalid) as refused:
        standard.check(filled(NOTICE))
    assert refused.value.code == "document-too-big"


def test_every_rule_has_its_row_in_the_book() -> None:
    book = Path("docs/checking.md").read_text(encoding="utf-8")
    told_ = set(re.findall(r"^\| (\d+(?:\.\d+)*) \|", book, re.MULTILINE))
    clauses = {mutation.clause for mutation in MUTATIONS.values()} | {
        clause for _, clause, _ in ON_PAGES.values()
    }
    assert clauses | {"8", "10.2"} <= told_
