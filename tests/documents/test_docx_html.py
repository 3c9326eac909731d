""".docx as HTML: what the page says, and that nothing in it leads outside."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from lxml import html

from engine.documents import codes
from engine.documents.docx import to_html
from engine.documents.keys import held_in_memory
from engine.documents.package import read_package, write_package
from engine.documents.signature_lines import Line, insert_signature_lines, line_id
from engine.documents.signing import assemble, signature_part
from engine.documents.templates import Template
from engine.errors import Invalid
from tests.documents.samples import COMMITMENT, LETTER, NOTICE, SAMPLES, template

PROOF = codes.for_template("ABCDEFGHJKLMNPQR", "https://lvze.example.org")
AT = datetime(2026, 3, 5, 2, tzinfo=UTC)
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63"
    "f8cfc0f01f00050001ff56c72f0d0000000049454e44ae426082"
)


def page(docx: bytes) -> html.HtmlElement:
    return html.document_fromstring(to_html(docx))


def with_body(markup: str, **parts: bytes) -> bytes:
    """The 整改通知书's styles around another body."""
    shell = read_package(Template.load(template("整改通知书")).fill(SAMPLES["整改通知书"]))
    document = shell["word/document.xml"].decode()
    start, end = document.index("<w:body>") + len("<w:body>"), document.index("<w:sectPr")
    shell["word/document.xml"] = (document[:start] + markup + document[end:]).encode()
    return write_package(shell | {name.replace("__", "/") + ".xml": part for name, part in parts.items()})


def signed(name: str, *slots: str, picture: bytes = PIXEL) -> bytes:
    """A filled document with lines for all its slots, signed in those named that it has a place for."""
    filled = Template.load(template(name)).fill(SAMPLES[name])
    places = Template(filled).slots
    base = insert_signature_lines(filled, [Line(slot) for _, slot in places])
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "陈志强")])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 7, AT, AT.replace(year=2027))
    certificate = builder.sign(key, hashes.SHA256())
    parts = [
        signature_part(
            base,
            key=held_in_memory(key, certificate),
            line_id=line_id(slot),
            image_png=picture,
            capacity="书记",
            signer_name="陈志强",
            comment="",
            at=AT,
        )
        for _, slot in places
        if slot in slots
    ]
    return assemble(base, parts)


@pytest.mark.parametrize("name", SAMPLES)
def test_page_refers_to_nothing_outside(name: str) -> None:
    text = to_html(signed(name, *(slot for _, slot in Template.load(template(name)).slots)))
    assert not re.search(r"""(src|href)=["'](?!data:)""", text)
    assert "url(" not in text and "@import" not in text and "<script" not in text


@pytest.mark.parametrize("name", SAMPLES)
def test_all_text_of_the_document_is_on_the_page(name: str) -> None:
    docx = Template.load(template(name)).fill(SAMPLES[name])
    written = re.sub(r"<[^>]+>|\s", "", read_package(docx)["word/document.xml"].decode())
    shown = "".join(page(docx).find("body").itertext())
    assert Counter(written) <= Counter(shown)


def test_geometry_is_that_of_the_standard() -> None:
    text = to_html(Template.load(template("印发通知")).fill(NOTICE))
    assert "@page {size:595.3pt 841.9pt;margin:104.9pt 73.7pt 99.2pt 79.35pt}" in text
    assert "line-height:28.95pt" in text and "letter-spacing:-0.25pt" in text
    assert "border-bottom:2pt solid #FF0000" in text  # the red line
    assert "@page :right{@bottom-center{content:element(-footer-default)" in text
    assert "@page :left{@bottom-center{content:element(-footer-even)" in text


def test_signature_is_shown_where_its_line_is_and_not_before() -> None:
    assert not page(signed("责任书")).xpath("//img")
    shown = page(signed("责任书", "issuer")).xpath("//img")
    assert len(shown) == 1 and "position:absolute" not in shown[0].get("style")
    cells = page(signed("责任书", "recipient")).xpath("//td[.//img]")
    assert [LETTER["接收单位"] in "".join(cell.itertext()) for cell in cells] == [True]


def test_empty_signature_line_keeps_its_room() -> None:
    boxes = page(signed("承诺书")).xpath("//span[contains(@style,'inline-block')]")
    assert len(boxes) == 2


def test_seal_lies_behind_the_text_over_its_paragraph() -> None:
    (image,) = page(signed("印发通知", "seal")).xpath("//img")
    assert "position:absolute" in image.get("style") and "z-index:-1" in image.get("style")
    assert "2026年3月5日" in "".join(image.getparent().itertext())


def test_imprint_stands_at_the_bottom() -> None:
    (bottom,) = page(Template.load(template("印发通知")).fill(NOTICE)).xpath("//div[@class='bottom']")
    assert "抄送" in "".join(bottom.itertext())


def test_merged_cells_stay_one_a_row_without_lines_between() -> None:
    document = page(Template.load(template("承诺书")).fill(COMMITMENT))
    rows = document.xpath("//tr[td[contains(.,'编写预算编审操作规程')]]")
    assert len(rows) == 1
    first, second = rows[0].getprevious().find("td"), rows[0].find("td")
    assert "".join(first.itertext()) == "履行岗位职责" and "".join(second.itertext()) == ""
    css = document.find(".//style").text
    assert re.search(rf"\.{first.get('class')}\{{[^}}]*border-bottom:none", css)
    assert re.search(rf"\.{second.get('class')}\{{[^}}]*border-top:none", css)


def test_a_cell_merged_over_rows_of_exact_height_is_cut_where_the_last_of_them_ends() -> None:
    def row(merge: str, text: str) -> str:
        return (
            '<w:tr><w:trPr><w:trHeight w:val="400" w:hRule="exact"/></w:trPr><w:tc><w:tcPr>'
            f"<w:vMerge{merge}/></w:tcPr><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc></w:tr>"
        )

    rows = row(' w:val="restart"', "上下三行") + row("", "") * 2 + row(' w:val="restart"', "一行")
    found = page(with_body(f"<w:tbl>{rows}</w:tbl>"))
    kept = {
        text: re.findall(r"max-height:(\d+)pt", cell.find("div").get("style") + html.tostring(cell).decode())[
            0
        ]
        for cell in found.iter("td")
        if (text := "".join(cell.itertext()).strip())
    }
    assert kept == {"上下三行": "60", "一行": "20"}


def test_characters_beside_a_picture_are_level_with_its_middle_where_the_paragraph_says_so() -> None:
    (code,) = (
        image
        for image in page(Template.load(template("通知")).fill({**SAMPLES["通知"], "验真": PROOF})).iter(
            "img"
        )
        if "vertical-align:middle" in image.get("style")
    )
    assert "验真码 ABCD-EFGH-JKLM-NPQR" in "".join(code.getparent().itertext())


def test_header_row_repeats_and_part_stays_with_its_first_goal() -> None:
    document = page(Template.load(template("责任书")).fill(LETTER))
    heads = ["".join(head.itertext()) for head in document.xpath("//thead")]
    assert any("目标和措施" in head for head in heads)
    (part,) = document.xpath("//tr[contains(.,'三、作风建设')]")
    assert "break-after:avoid" in part.get("style")


def test_text_is_text() -> None:
    docx = Template.load(template("整改通知书")).fill(
        {**SAMPLES["整改通知书"], "姓名": "<img src=http://127.0.0.1/x onerror=alert(1)>&amp;"}
    )
    assert "<img src=http" not in to_html(docx)


def test_fonts_and_colours_cannot_leave_their_place() -> None:
    text = to_html(
        with_body(
            '<w:p><w:r><w:rPr><w:rFonts w:eastAsia="a\';}@import url(http://127.0.0.1/x);{"/>'
            '<w:color w:val="000;background:url(x)"/></w:rPr><w:t>文</w:t></w:r></w:p>'
        )
    )
    assert "url(" not in text and "@import url" not in text


def test_deleted_text_is_left_out_and_inserted_text_is_in() -> None:
    body = "<w:p><w:del><w:r><w:delText>旧</w:delText></w:r></w:del><w:ins><w:r><w:t>新</w:t></w:r></w:ins></w:p>"
    text = "".join(page(with_body(body)).find("body").itertext())
    assert "新" in text and "旧" not in text


def test_hidden_text_stays_hidden() -> None:
    body = "<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>藏</w:t></w:r><w:r><w:t>明</w:t></w:r></w:p>"
    text = "".join(page(with_body(body)).find("body").itertext())
    assert "明" in text and "藏" not in text


def test_word_counts_its_own_lists() -> None:
    numbering = """<w:numbering xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">
      <w:abstractNum w:abstractNumId="3">
        <w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="chineseCounting"/><w:lvlText w:val="%1、"/></w:lvl>
        <w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="（%2）"/></w:lvl>
      </w:abstractNum><w:num w:numId="5"><w:abstractNumId w:val="3"/></w:num></w:numbering>"""
    item = '<w:p><w:pPr><w:numPr><w:ilvl w:val="{}"/><w:numId w:val="5"/></w:numPr></w:pPr><w:r><w:t>项</w:t></w:r></w:p>'
    body = "".join(item.format(level) for level in (0, 1, 1, 0, 1))
    document = page(with_body(body, word__numbering=numbering.encode()))
    shown = ["".join(p.itertext()) for p in document.xpath("//p") if "项" in "".join(p.itertext())]
    assert shown == ["一、项", "（1）项", "（2）项", "二、项", "（1）项"]


def test_line_may_break_before_an_opening_quote() -> None:
    assert "说\u200b“好”\u200b的" in to_html(with_body("<w:p><w:r><w:t>说“好”的</w:t></w:r></w:p>"))


def test_picture_that_is_no_picture_is_left_out() -> None:
    docx = signed("印发通知", "seal")
    parts = read_package(docx)
    name = next(name for name in parts if name.startswith("_xmlsignatures/sig"))
    parts[name] = re.sub(rb'(Id="idValidSigLnImg">)[^<]*', rb"\1PHN2Zy8+", parts[name])
    assert not page(write_package(parts)).xpath("//img")


def test_what_is_no_document_is_refused() -> None:
    with pytest.raises(Invalid):
        to_html(b"%PDF-1.7")
    parts = read_package(template("责任书"))
    del parts["word/document.xml"]
    with pytest.raises(Invalid):
        to_html(write_package(parts))
