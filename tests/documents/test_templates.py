"""Templates: filled as people read them, hostile ones refused before they do anything."""

from __future__ import annotations

import base64
import io
import re
import struct
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
import segno
from docx import Document
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml.ns import qn
from lxml import etree
from PIL import Image

from engine.documents.chinese import money_cn, num_cn
from engine.documents.package import read_package, write_package
from engine.documents.templates import Template, as_text
from engine.errors import Invalid
from tests.documents.samples import LETTER, NOTICE, SAMPLES, template

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def made(*paragraphs: str) -> bytes:
    """A template with these paragraphs, as Word would save it."""
    document, out = Document(), io.BytesIO()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    document.save(out)
    parts = read_package(out.getvalue())
    return write_package(parts)


def changed(content: bytes, change: Callable[[dict[str, bytes]], object]) -> bytes:
    parts = read_package(content)
    change(parts)
    return write_package(parts)


def lines(docx: bytes) -> list[str]:
    root = etree.fromstring(read_package(docx)["word/document.xml"])
    return ["".join(t.text or "" for t in p.iter(f"{W}t")) for p in root.iter(f"{W}p")]


def filled(*paragraphs: str, **data: Any) -> list[str]:
    return lines(Template.load(made(*paragraphs)).fill(data))


# ---- the shipped templates


@pytest.mark.parametrize("name", SAMPLES)
def test_shipped_template_fills_and_leaves_nothing_open(name: str) -> None:
    content = Template.load(template(name)).fill(SAMPLES[name])
    text = "\n".join(lines(content))
    assert "{" not in text and "}" not in text and "None" not in text
    Document(io.BytesIO(content))  # an independent reader takes it


@pytest.mark.parametrize("name", SAMPLES)
def test_every_required_field_of_a_shipped_template_is_missed_by_name(name: str) -> None:
    compiled = Template.load(template(name))
    required = [field for field in compiled.fields if field.required]
    assert required
    for field in required:
        with pytest.raises(Invalid) as caught:
            compiled.fill({**SAMPLES[name], field.name: None})
        assert caught.value.code == "missing-field"
        assert next(iter(caught.value.errors)) in (
            field.name,
            *(f"{field.name}.{part.name}" for part in field.parts),
        )


@pytest.mark.parametrize("name", SAMPLES)
def test_every_optional_field_of_a_shipped_template_can_be_left_out(name: str) -> None:
    compiled = Template.load(template(name))
    optional = {field.name for field in compiled.fields if not field.required}
    compiled.fill({key: value for key, value in SAMPLES[name].items() if key not in optional})


def test_letter_groups_goals_by_part_in_the_order_given() -> None:
    text = lines(Template.load(template("责任书")).fill(LETTER))
    parts = [line for line in text if line.endswith("建设") and "、" in line]
    assert parts == ["一、思想建设", "二、组织建设", "三、作风建设", "四、制度建设", "五、反腐倡廉建设"]
    assert "12.5" in text and "2026年12月20日" in text and "（岗位空缺）" in text


def test_slots_are_known_before_filling() -> None:
    assert Template.load(template("责任书")).slots == (
        ("印章", "issuer_seal"), ("签名", "issuer"), ("印章", "recipient_seal"), ("签名", "recipient")
    )  # fmt: skip
    assert Template.load(template("承诺书")).slots == (("签名", "member"), ("签名", "secretary"))
    assert Template.load(template("印发通知")).slots == (("印章", "seal"),)


def test_equal_data_give_equal_bytes() -> None:
    one = Template(template("印发通知")).fill(NOTICE)
    assert one == Template(template("印发通知")).fill(dict(reversed(NOTICE.items())))
    assert Template.load(template("印发通知")) is Template.load(bytes(bytearray(template("印发通知"))))


def test_readme_lists_every_field() -> None:
    from tests.documents.samples import TEMPLATES

    readme = (TEMPLATES / "README.md").read_text()
    for name in SAMPLES:
        section = readme.partition(f"## {name}.docx")[2].partition("\n## ")[0]
        for field in Template.load(template(name)).fields:
            assert field.name in section, f"{name}: {field.name}"
            assert all(part.name in section for part in field.parts), f"{name}: {field.name}"


# ---- the language


def test_values_are_written_as_people_read_them() -> None:
    assert filled("{{ a }}|{{ b }}|{{ c }}|{{ d }}", a=date(2026, 3, 5), b=Decimal("3.50"), c=True, d=12) == [
        "2026年3月5日|3.5|是|12"
    ]
    # 18:00 UTC is already the next day in Shanghai
    assert filled("{{ a }}", a=datetime(2026, 3, 5, 18, tzinfo=UTC)) == ["2026年3月6日"]
    assert as_text(Decimal("100")) == "100"


def test_filters() -> None:
    assert filled("{{ n|num_cn }} {{ l|join('、') }} {{ l|length }} {{ x|default('无') }} {{ s|trim }} {{ d|round(1) }}",
                  n=12, l=["甲", "乙"], s=" 丙 ", d=Decimal("2.25")) == ["十二 甲、乙 2 无 丙 2.3"]  # fmt: skip


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "零"), (2, "二"), (10, "十"), (19, "十九"), (105, "一百零五"), (110, "一百一十"), (1010, "一千零一十"),
     (10_005, "一万零五"), (12_000, "一万二千"), (100_000, "十万")],
)  # fmt: skip
def test_numbers_in_words(number: int, words: str) -> None:
    assert num_cn(number) == words


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("12000", "壹万贰仟元整"),
        ("10", "壹拾元整"),
        ("0.05", "伍分"),
        ("3.4", "叁元肆角整"),
        ("3.04", "叁元零肆分"),
        ("0", "零元整"),
    ],
)
def test_money_in_words(amount: str, words: str) -> None:
    assert money_cn(Decimal(amount)) == words


def test_text_of_several_paragraphs_finds_its_headings() -> None:
    rows = ("{%p for 段 in 正文|段落 %}", "{{ 段.级 }}:{{ 段.小标题 }}/{{ 段.文字 }}", "{%p endfor %}")
    assert filled(
        *rows,
        正文="一、总体要求\n\n（一）目标。做好。\n（二）这是一个很长很长很长很长很长很长很长很长的句子。好。\n一、做好。",
    ) == [
        "1:/一、总体要求",
        "2:（一）目标。/做好。",
        "2:/（二）这是一个很长很长很长很长很长很长很长很长的句子。好。",
        "0:/一、做好。",
    ]


def test_markup_in_values_stays_text() -> None:
    attack = "A</w:t></w:r></w:p><w:p><w:r><w:t>伪造 & {{ 姓名 }} {% if x %}"
    assert filled("{{ x }}", x=attack) == [attack]


def test_line_breaks_become_breaks() -> None:
    content = Template.load(made("{{ x }}")).fill({"x": "甲\r\n乙\t丙"})
    xml = read_package(content)["word/document.xml"]
    assert xml.count(b"<w:br/>") == 1 and xml.count(b"<w:tab/>") == 1


def test_tag_that_word_split_over_runs_is_read_as_one() -> None:
    document, out = Document(), io.BytesIO()
    paragraph = document.add_paragraph("{")
    for piece in ("{ 姓", "名", " }", "}"):
        paragraph.add_run(piece).bold = True
    document.save(out)
    assert lines(Template.load(out.getvalue()).fill({"姓名": "张三"})) == ["张三"]


def test_tags_in_footers_are_filled() -> None:
    document, out = Document(), io.BytesIO()
    document.sections[0].footer.paragraphs[0].text = "{{ 编号 }}"
    document.save(out)
    parts = read_package(Template.load(out.getvalue()).fill({"编号": "七"}))
    assert any("七" in part.decode() for name, part in parts.items() if "footer" in name)


def test_fields_say_what_is_needed() -> None:
    rows = ("{{ 甲 }}", "{% if 乙 %}{{ 乙.丙 }}{% endif %}", "{% for 行 in 丁 %}{{ 行.戊 }}{{ 行.己|default('') }}{% endfor %}",
            "{% if 甲 == '一' %}{{ 庚 }}{% else %}{{ 辛 }}{% endif %}")  # fmt: skip
    fields = {field.name: field for field in Template.load(made(*rows)).fields}
    assert {name: field.required for name, field in fields.items()} == {
        "甲": True, "乙": False, "丁": True, "庚": False, "辛": False
    }  # fmt: skip
    assert [(part.name, part.required) for part in fields["乙"].parts] == [("丙", True)]
    assert [(part.name, part.required) for part in fields["丁"].parts] == [("戊", True), ("己", False)]
    assert fields["丁"].many and not fields["乙"].many


def test_missing_column_is_named_with_its_row() -> None:
    with pytest.raises(Invalid) as caught:
        filled("{% for 行 in 目标 %}{{ 行.措施 }}{% endfor %}", 目标=[{"措施": "甲"}, {"其他": "乙"}])
    assert caught.value.errors == {"目标[1].措施": "此项必填。"}
    assert "目标[1].措施" in str(caught.value)


@pytest.mark.parametrize(
    "value", ["a\x00b", "a\x0bb", "\ud800", "⟦签名:secretary⟧", object(), Decimal("NaN"), float("inf")]
)
def test_value_that_no_document_can_hold_is_refused_by_name(value: object) -> None:
    with pytest.raises(Invalid) as caught:
        filled("{{ 甲.乙 }}", 甲={"乙": value})
    assert (caught.value.code, caught.value.details["field"]) == ("bad-value", "甲.乙")


def test_table_printed_as_text_is_refused() -> None:
    with pytest.raises(Invalid, match="下级"):
        filled("{{ 甲 }}", 甲={"乙": 1})
    with pytest.raises(Invalid, match="没有下级"):
        filled("{{ 甲.乙 }}", 甲="文字")


# ---- hostile templates


@pytest.mark.parametrize(
    "tag",
    [
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ ''.__class__.__mro__[1].__subclasses__()|length }}",
        "{{ x.__class__ }}",
        "{{ x['__class__'] }}",
        "{{ x|attr('__class__') }}",
        "{{ '{0.__class__}'.format(x) }}",
        "{{ 'a' * 1000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ x() }}",
        "{{ x + 1 }}",
        "{% for i in range(999999999) %}{% endfor %}",
        "{% set a = 1 %}",
        "{% include '/etc/passwd' %}",
        "{% macro m() %}{% endmacro %}",
        "{% for a, b in x %}{% endfor %}",
        "{% for a in x recursive %}{% endfor %}",
        "{% for a in x %}{{ loop.cycle }}{% endfor %}",
        "{% for a in x %}{{ loop._iterable }}{% endfor %}",
        "{% for a in x %}{% for b in x %}{% for c in x %}{% for d in x %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}",
        "{{ x is callable }}",
        "{{ _x }}",
        "{{ 未写完",
        "{% if x %}",
        "{% endif %}",
        "{{ }}",
        "{{ " + "a" * 400 + " }}",
    ],
)
def test_tags_beyond_the_language_are_refused(tag: str) -> None:
    with pytest.raises(Invalid) as caught:
        Template(made(tag))
    assert caught.value.code == "template-syntax"


def test_names_lead_to_data_and_nowhere_else() -> None:
    with pytest.raises(Invalid, match=r"x\.items"):
        filled("{{ x.items }}", x={"a": 1})
    with pytest.raises(Invalid, match="range"):
        filled("{{ range }}")


def test_unclosed_tags_by_the_thousand_are_refused_at_once() -> None:
    started = time.perf_counter()
    with pytest.raises(Invalid):
        Template(made("{%" * 200_000))
    with pytest.raises(Invalid):
        Template(changed(made("x"), lambda parts: parts.update(
            {"word/document.xml": parts["word/document.xml"].replace(b"<w:p>", b'<w:p w:rsidR="' + b"{%" * 100_000 + b'">')}
        )))  # fmt: skip
    assert time.perf_counter() - started < 5


def test_nested_loops_end_at_the_limit() -> None:
    rows = [1] * 500
    with pytest.raises(Invalid) as caught:
        filled("{% for a in x %}{% for b in x %}{% for c in x %}{% endfor %}{% endfor %}{% endfor %}", x=rows)
    assert caught.value.code == "document-too-big"


def test_too_much_data_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        filled("{{ x|length }}", x=list(range(30_000)))
    assert caught.value.code == "document-too-big"
    with pytest.raises(Invalid) as caught:
        filled(
            "{% for a in x %}{% for b in x %}{{ s }}{% endfor %}{% endfor %}",
            x=list(range(100)),
            s="长" * 10_000,
        )
    assert caught.value.code == "document-too-big"


def relation(kind: str, target: str, mode: str = "") -> Callable[[dict[str, bytes]], object]:
    def change(parts: dict[str, bytes]) -> None:
        name = "word/_rels/document.xml.rels"
        extra = f'<Relationship Id="rX" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}" '
        extra += f'Target="{target}"{mode}/></Relationships>'
        parts[name] = parts[name].replace(b"</Relationships>", extra.encode())

    return change


def field(code: str) -> Callable[[dict[str, bytes]], object]:
    half = len(code) // 2
    runs = "".join(
        f"<w:r>{inner}</w:r>"
        for inner in (
            '<w:fldChar w:fldCharType="begin"/>',
            f"<w:instrText>{code[:half]}</w:instrText>",
            f"<w:instrText>{code[half:]}</w:instrText>",
            '<w:fldChar w:fldCharType="end"/>',
        )
    )
    return into_body(runs)


def into_body(markup: str) -> Callable[[dict[str, bytes]], object]:
    def change(parts: dict[str, bytes]) -> None:
        document = parts["word/document.xml"]
        parts["word/document.xml"] = document.replace(b"</w:p>", f"{markup}</w:p>".encode(), 1)

    return change


def macro(parts: dict[str, bytes]) -> None:
    types = parts["[Content_Types].xml"]
    parts["[Content_Types].xml"] = types.replace(b"document.main", b"document.macroEnabled.main")


@pytest.mark.parametrize(
    "change",
    [
        macro,
        lambda parts: parts.update({"word/vbaProject.bin": b"\xd0\xcf\x11\xe0"}),
        lambda parts: parts.update({"_xmlsignatures/origin.sigs": b""}),
        relation("image", "http://127.0.0.1:9/x.png", ' TargetMode="External"'),
        relation("attachedTemplate", "file:///C:/x.dotm", ' TargetMode="External"'),
        relation("oleObject", "embeddings/x.xml"),
        relation("aFChunk", "chunk.html"),
        field(' DDEAUTO c:\\\\windows\\\\system32\\\\cmd.exe "/k calc" '),
        field(" INCLUDETEXT /etc/passwd "),
        field(" INCLUDEPICTURE http://127.0.0.1/x "),
        field(" "),
        into_body('<w:fldSimple w:instr="LINK Excel.Sheet x"/>'),
        into_body(
            '<w:altChunk xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" r:id="rX"/>'
        ),
        into_body("<w:object/>"),
        into_body("<w:r><w:instrText>DDE x</w:instrText></w:r>"),
    ],
)
def test_active_or_foreign_content_is_refused(change: Callable[[dict[str, bytes]], object]) -> None:
    with pytest.raises(Invalid) as caught:
        Template(changed(made("{{ x }}"), change))
    assert caught.value.code in ("unsafe-template", "not-a-docx")
    assert "请" in str(caught.value)


def test_page_numbers_are_allowed() -> None:
    Template(changed(made("{{ x }}"), field(" PAGE \\* MERGEFORMAT ")))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"%PDF-1.7", b"not a docx"])
def test_what_is_no_docx_is_refused(content: bytes) -> None:
    with pytest.raises(Invalid, match=r"\.docx"):
        Template(content)


def test_bomb_is_refused_before_it_is_unpacked() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in read_package(made("{{ x }}")).items():
            archive.writestr(name, part if name != "word/document.xml" else part + b" " * (200 << 20))
    started = time.perf_counter()
    with pytest.raises(Invalid) as caught:
        Template(out.getvalue())
    assert caught.value.code == "package-too-big"
    assert time.perf_counter() - started < 0.5


def test_doctype_is_refused() -> None:
    def change(parts: dict[str, bytes]) -> None:
        document = parts["word/document.xml"]
        head, _, rest = document.partition(b"?>")
        parts["word/document.xml"] = (
            head + b'?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>' + rest
        )

    with pytest.raises(Invalid, match="DOCTYPE"):
        Template(changed(made("{{ x }}"), change))


# ---- numbers, amounts and dates in Chinese


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (
            "1409.50",
            "壹仟肆佰零玖元伍角整",
        ),  # the examples of 支付结算办法, appendix 1, but for what may be left out
        ("6007.14", "陆仟零柒元壹角肆分"),
        ("107000.53", "壹拾万柒仟元伍角叁分"),
        ("16409.02", "壹万陆仟肆佰零玖元零贰分"),
        ("325.04", "叁佰贰拾伍元零肆分"),
        ("100000012", "壹亿零壹拾贰元整"),
        ("9999999999999999.99", "玖仟玖佰玖拾玖万玖仟玖佰玖拾玖亿玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分"),
        ("1000000000000", "壹万亿元整"),
        ("0.005", "壹分"),
        ("99999999.995", "壹亿元整"),
    ],
)
def test_money_as_the_bank_has_it(amount: str, words: str) -> None:
    assert filled("{{ x|大写金额 }}", x=Decimal(amount)) == [words]


@pytest.mark.parametrize("amount", [Decimal("-0.01"), Decimal(10**16), "12", True])
def test_what_is_no_amount_is_refused(amount: Any) -> None:
    with pytest.raises(Invalid) as caught:
        filled("{{ x|大写金额 }}", x=amount)
    assert caught.value.code == "bad-value"


def test_dates_in_both_forms() -> None:
    row = "{{ d|日期 }} {{ d|日期汉字 }} {{ d|年份汉字 }} {{ t|日期汉字 }} {{ y|年份汉字 }} {{ w|日期汉字 }}"
    assert filled(row, d=date(2026, 3, 5), t="2010-12-31", y=2009, w="三月底") == [
        "2026年3月5日 二〇二六年三月五日 二〇二六 二〇一〇年十二月三十一日 二〇〇九 三月底"
    ]
    with pytest.raises(Invalid, match="年份"):
        filled("{{ y|年份汉字 }}", y=26)


# ---- pictures, QR codes, sub-documents

WP = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"
A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"


def picture(size: tuple[int, int] = (400, 200), form: str = "PNG", **more: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, form, **more)
    return out.getvalue()


def drawings(docx: bytes) -> list[tuple[float, float, str, bytes]]:
    """Width and height in millimetres, alternative text, file."""
    document, found = Document(io.BytesIO(docx)), []
    for inline in document.element.body.iter(f"{WP}inline"):
        extent, told = inline.find(f"{WP}extent"), inline.find(f"{WP}docPr")
        related = document.part.related_parts[next(inline.iter(f"{A}blip")).get(qn("r:embed"))]
        size = (int(extent.get("cx")) / 36_000, int(extent.get("cy")) / 36_000)
        found.append((*size, told.get("descr"), related.blob))
    return found


@pytest.mark.parametrize("way", ["bytes", "data URI", "digest"])
def test_pictures_come_in_at_their_width(way: str) -> None:
    content = picture()
    value = {
        "bytes": content,
        "data URI": "data:image/png;base64," + base64.b64encode(content).decode(),
        "digest": {"digest": sha256(content).hexdigest()},
    }[way]
    template = Template.load(made("前{{ x|图片(60, '会场') }}后"))
    ((width, height, told, file),) = drawings(
        template.fill({"x": value}, {sha256(content).hexdigest(): content}.__getitem__)
    )
    assert (width, height, told) == (60, 30, "会场")
    assert Image.open(io.BytesIO(file)).size == (400, 200)


def test_pictures_are_written_anew_and_no_larger_than_print_shows() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "住址：秘密"  # turned by 90 degrees; a description
    content = picture((3000, 2000), "JPEG", exif=exif) + b"<script>"
    ((width, height, _, file),) = drawings(Template.load(made("{{ x|图片(50) }}")).fill({"x": content}))
    assert (width, round(height)) == (50, 75)
    assert b"script" not in file and "秘密".encode() not in file
    assert Image.open(io.BytesIO(file)).size[0] == round(50 / 25.4 * 300)


def test_the_same_picture_twice_is_one_file() -> None:
    docx = Template.load(made("{{ x|图片(60) }}{{ x|图片(60) }}")).fill({"x": picture()})
    assert len([name for name in read_package(docx) if "media" in name]) == 1
    numbers = re.findall(rb'docPr id="(\d+)"', read_package(docx)["word/document.xml"])
    assert len(numbers) == len(set(numbers)) == 2


def test_pictures_in_headers_belong_to_the_header() -> None:
    document, out = Document(), io.BytesIO()
    document.sections[0].header.paragraphs[0].text = "{{ x|图片(10) }}"
    document.save(out)
    docx = Template.load(out.getvalue()).fill({"x": picture()})
    header = Document(io.BytesIO(docx)).sections[0].header
    assert (
        header.part.related_parts[next(header._element.iter(f"{A}blip")).get(qn("r:embed"))].blob[:4]
        == b"\x89PNG"
    )


@pytest.mark.parametrize(
    "value",
    [b"", b"GIF89a", b"<svg/>", "data:image/png;base64,!!", "文字", {"digest": "x"}, {"digest": "0" * 64}, 3],
)
def test_what_is_no_picture_is_refused(value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        Template.load(made("{{ x|图片(60) }}")).fill({"x": value})
    assert caught.value.code == "bad-value"


@pytest.mark.parametrize("width", ["0", "0.5", "1000", "'60'", "none"])
def test_a_width_is_millimetres(width: str) -> None:
    with pytest.raises(Invalid) as caught:
        filled(f"{{{{ x|图片({width}) }}}}", x=picture(), none=None)
    assert caught.value.code in ("bad-value", "missing-field")


def test_a_picture_of_too_many_pixels_is_refused_unread() -> None:
    with pytest.raises(Invalid, match="像素"):
        filled("{{ x|图片(60) }}", x=bomb(20_000, 15_000))


def bomb(width: int, height: int) -> bytes:
    """A PNG that promises so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width + 7) // 8 + 1) * 100, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_qr_code_can_be_read_back() -> None:
    address = "https://lvze.example.gov.cn/v/ABCDEFGHJKLMNPQR"
    ((width, height, told, file),) = drawings(Template.load(made("{{ x|二维码(15) }}")).fill({"x": address}))
    assert (width, height, told) == (15, 15, address)
    image = Image.open(io.BytesIO(file))
    expected = [
        [bool(dark) for dark in row] for row in segno.make(address, error="q", boost_error=False).matrix
    ]
    modules = len(expected) + 8
    assert image.size == (modules * 8, modules * 8), "every module is a whole number of pixels"
    pixels = image.convert("L")
    read = [
        [pixels.getpixel(((x + 4) * 8 + 4, (y + 4) * 8 + 4)) < 128 for x in range(modules - 8)]
        for y in range(modules - 8)
    ]
    assert read == expected


def test_a_missing_code_leaves_its_place_away() -> None:
    rows = ("{%p if 验真 %}", "{{ 验真.网址|二维码(15) }}", "{%p endif %}", "正文")
    assert filled(*rows) == ["正文"]


def test_a_sub_document_comes_in_with_its_styles_pictures_and_lists() -> None:
    sub, out = Document(), io.BytesIO()
    sub.styles.add_style("附表标题", WD_STYLE_TYPE.PARAGRAPH).font.bold = True
    sub.add_paragraph("子文档的标题", "附表标题")
    sub.add_paragraph("第一项", "List Number").paragraph_format.left_indent = 100
    sub.add_picture(io.BytesIO(picture()), width=1_000_000)
    sub.add_table(1, 2).cell(0, 1).text = "格子"
    sub.add_section()
    sub.add_paragraph("签名处⟦签名:secretary⟧在此")
    sub.sections[0].header.paragraphs[0].text = "不该出现的页眉"
    sub.save(out)
    docx = Template.load(made("前", "{{p 附件 }}", "后")).fill({"附件": out.getvalue()})
    found = Document(io.BytesIO(docx))
    assert [p.text for p in found.paragraphs if p.text] == [
        "前",
        "子文档的标题",
        "第一项",
        "签名处在此",
        "后",
    ]
    assert found.paragraphs[1].style.name == "附表标题" and found.paragraphs[1].style.font.bold
    assert found.tables[0].cell(0, 1).text == "格子"
    assert drawings(docx)[0][3] == picture(), "the sub-document's own picture"
    assert len(found.sections) == 1 and not found.sections[0].header.paragraphs[0].text


def test_sub_documents_may_be_filled_templates_in_a_loop() -> None:
    part = Template.load(made("{{ 名 }}的责任书"))
    rows = ("{%p for 一份 in 全部 %}", "{{p 一份.文件 }}", "{%p endfor %}")
    data = [{"文件": part.fill({"名": name})} for name in ("甲", "乙")]
    assert filled(*rows, 全部=data) == ["甲的责任书", "乙的责任书"]


def test_tags_in_a_sub_document_are_text() -> None:
    assert filled("{{p x }}", x=made("{{ 密码 }}"), 密码="秘密") == ["{{ 密码 }}"]


def test_a_hostile_sub_document_is_refused() -> None:
    for change in (macro, field(" INCLUDETEXT /etc/passwd "), relation("oleObject", "a.xml")):
        with pytest.raises(Invalid, match="子文档") as caught:
            filled("{{p x }}", x=changed(made("甲"), change))
        assert caught.value.code == "unsafe-template"


def test_a_cell_that_lost_its_paragraphs_gets_one() -> None:
    document, out = Document(), io.BytesIO()
    cell = document.add_table(1, 1).cell(0, 0)
    cell.text = "{%p if 有 %}"
    for text in ("内容", "{%p endif %}"):
        cell.add_paragraph(text)
    document.save(out)
    empty = Document(io.BytesIO(Template.load(out.getvalue()).fill({})))
    assert len(empty.tables[0].cell(0, 0).paragraphs) == 1


def test_repeated_rows_and_merged_cells() -> None:
    document, out = Document(), io.BytesIO()
    table = document.add_table(3, 2)
    texts = (("{%tr for 行 in 表 %}", ""), ("{% vm %}{{ 部分 }}", "{{ 行.事 }}"), ("{%tr endfor %}", ""))
    for row, cells in zip(table.rows, texts, strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    document.save(out)
    docx = Template.load(out.getvalue()).fill(
        {"部分": "思想", "表": [{"事": "甲"}, {"事": "乙"}, {"事": "丙"}]}
    )
    table = Document(io.BytesIO(docx)).tables[0]
    assert [row.cells[1].text for row in table.rows] == ["甲", "乙", "丙"]
    assert [row.cells[0].text for row in table.rows] == ["思想"] * 3, "one cell over three rows"
    assert read_package(docx)["word/document.xml"].count("思想".encode()) == 1


# ---- fields with their types, refusals with their places


def test_fields_have_types() -> None:
    rows = (
        "{{ 文 }}{{ 日|日期汉字 }}{{ 额|大写金额 }}{{ 像|图片(30) }}{{ 成文日期 }}",
        "{% if 旗 %}是{% endif %}{% if 数 > 3 %}多{% endif %}{{ 名单|join('、') }}{% if 等次 == '较差' %}差{% endif %}",
        "{%p for 段 in 正文|段落 %}",
        "{{ 段.文字 }}",
        "{%p endfor %}",
        "{% for 行 in 目标 %}{{ 行.时限|日期 }}{% endfor %}{% for 图 in 照片 %}{{ 图|图片(20) }}{% endfor %}{{ 人.姓名 }}",
        "{{p 附件 }}",
    )
    fields = {field.name: field for field in Template.load(made(*rows)).fields}
    assert {name: field.type for name, field in fields.items()} == {
        "文": "文本", "日": "日期", "额": "数", "像": "图片", "成文日期": "日期", "旗": "是否", "数": "数", "名单": "列表",
        "等次": "文本", "正文": "多段文字", "目标": "列表", "照片": "列表", "人": "表", "附件": "子文档",
    }  # fmt: skip
    assert (fields["照片"].item, fields["目标"].item, fields["目标"].parts[0].type) == ("图片", "表", "日期")
    assert fields["等次"].choices == ("较差",)
    assert fields["附件"].places == ("正文第 7 段“{{p 附件 }}”",)


@pytest.mark.parametrize(
    ("texts", "place", "tag"),
    [
        (("一", "{{ x", "二"), "正文第 2 段", "{{ x"),
        (("一", "", "甲{{ x.y() }}乙"), "正文第 3 段“甲{{ x.y() }}乙”", "{{ x.y() }}"),
        (("{% if x %}甲", "乙{% endif %}"), "正文第 2 段", "{% endif %}"),
        (("{%p if x %}", "甲"), "正文第 1 段", "{%p if x %}"),
        (("甲{%p if x %}", "{%p endif %}"), "正文第 1 段", "{%p if x %}"),
        (("甲", "{% endfor %}"), "正文第 2 段", "{% endfor %}"),
        (("{{ x|秘密 }}",), "正文第 1 段", "{{ x|秘密 }}"),
        (("甲", "{{ x|子文档 }}"), "正文第 2 段", "{{ x|子文档 }}"),
        (("甲 {{p x }}",), "正文第 1 段", "{{p x }}"),
        (("{%tr for a in b %}", "{%tr endfor %}"), "正文第 1 段", "{%tr for a in b %}"),
        (("{%- if x %}{% endif %}",), "正文第 1 段", "{%- if x %}"),
        (("{{ " + "(" * 60 + "x" + ")" * 60 + " }}",), "正文第 1 段", "括号"),
        (("{{ a.b.c.d.e.f.g.h }}",), "正文第 1 段", "层"),
        (('{{ "}}', '{{ " }}'), "正文第 1 段", "标签"),
    ],
)
def test_refusals_name_place_and_tag(texts: tuple[str, ...], place: str, tag: str) -> None:
    with pytest.raises(Invalid) as caught:
        Template(made(*texts))
    assert caught.value.code == "template-syntax"
    assert place in str(caught.value) and tag in str(caught.value)


def test_places_in_tables_and_headers_are_named() -> None:
    document, out = Document(), io.BytesIO()
    document.add_paragraph("甲")
    document.add_table(1, 1)
    document.add_table(3, 2).cell(2, 1).text = "分值{{ 行.分值| }}"
    document.save(out)
    with pytest.raises(Invalid, match=r"正文第 2 个表格第 3 行第 2 格“分值"):
        Template(out.getvalue())
    document, out = Document(), io.BytesIO()
    document.sections[0].footer.paragraphs[0].text = "{{ 页码() }}"
    document.save(out)
    with pytest.raises(Invalid, match=r"页脚.*第 1 段"):
        Template(out.getvalue())


def test_unsafe_content_is_named_with_its_place() -> None:
    with pytest.raises(Invalid, match=r"INCLUDETEXT.*正文第 2 段“乙"):
        Template(changed(made("甲", "乙"), lambda parts: last_paragraph(parts, " INCLUDETEXT c:/x ")))


def last_paragraph(parts: dict[str, bytes], code: str) -> None:
    head, _, tail = parts["word/document.xml"].rpartition(b"</w:p>")
    parts["word/document.xml"] = head + f'<w:fldSimple w:instr="{code}"/></w:p>'.encode() + tail


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("{{ x|num_cn }}", "文字"),
        ("{{ x|日期 }}", 5),
        ("{{ x|大写金额 }}", -1),
        ("{{ x|图片 }}", b"x"),
        ("{{ x|round('a') }}", 1.5),
        ("{{ x|join(3) }}", [1, 2]),
        ("{{ x|分组 }}", [{}]),
        ("{% if x > 3 %}{% endif %}", "文字"),
        ("{% for a in x %}{% endfor %}", 5),
    ],
)
def test_a_value_that_does_not_fit_its_tag_is_told_with_the_place(tag: str, value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        filled("甲", f"乙{tag}", x=value)
    assert caught.value.code == "bad-value"
    assert "正文第 2 段" in str(caught.value) and tag.partition("%}")[0] in str(caught.value)


# ---- hostile files


def rename(old: str, new: str) -> Callable[[dict[str, bytes]], object]:
    def change(parts: dict[str, bytes]) -> None:
        parts[new] = parts.pop(old)
        for name in [name for name in parts if name.endswith(".rels")]:
            parts[name] = parts[name].replace(
                old.rpartition("/")[2].encode(), new.rpartition("/")[2].encode()
            )

    return change


def settings(markup: str) -> Callable[[dict[str, bytes]], object]:
    def change(parts: dict[str, bytes]) -> None:
        name = "word/settings.xml"
        parts[name] = parts[name].replace(b"</w:settings>", f"{markup}</w:settings>".encode())

    return change


def utf16(parts: dict[str, bytes]) -> None:
    text = parts["word/settings.xml"].decode().partition("?>")[2]
    declared = '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a [<!ENTITY b "c">]>' + text
    parts["word/settings.xml"] = declared.encode("utf-16")


@pytest.mark.parametrize(
    "change",
    [
        relation("hyperlink", "https://example.org", ' TargetMode="External"'),
        relation("image", "file:///etc/passwd"),
        relation("image", "\\\\\\\\server\\\\share"),
        relation("image", "//server/share.png"),
        relation("image", "../../../etc/passwd"),
        relation("subDocument", "sub.docx"),
        relation("frame", "frame.htm"),
        relation("control", "activeX/activeX1.xml"),
        relation("package", "embeddings/a.xlsx"),
        relation("chart", "charts/chart1.xml"),
        relation("comments", "comments.xml"),
        relation("unheard-of", "x.xml"),
        settings("<w:mailMerge/>"),
        settings('<w:attachedTemplate w:val="x"/>'),
        settings("<w:saveThroughXslt/>"),
        into_body('<w:r><w:pict><v:imagedata xmlns:v="urn:schemas-microsoft-com:vml" src="http://127.0.0.1/x"/></w:pict></w:r>'),
        into_body('<w:r><w:fldChar w:fldCharType="begin"><w:fldData>AAAA</w:fldData></w:fldChar></w:r>'),
        into_body("<w:ins><w:r><w:t>修订</w:t></w:r></w:ins>"),
        into_body("<w:del><w:r><w:delText>修订</w:delText></w:r></w:del>"),
        into_body("<?php system('id') ?>"),
        lambda parts: parts.update({"word/embeddings/oleObject1.bin": b"\xd0\xcf\x11\xe0"}),
        field(" AUTOTEXT x "),
        field(" MACROBUTTON x "),
        field(" HYPERLINK http://127.0.0.1 "),
    ],
)  # fmt: skip
def test_more_active_content_is_refused(change: Callable[[dict[str, bytes]], object]) -> None:
    with pytest.raises(Invalid) as caught:
        Template(changed(made("{{ x }}"), change))
    assert caught.value.code == "unsafe-template"
    assert "位置：" in str(caught.value) and "请" in str(caught.value)


def test_a_doctype_in_any_part_is_refused_in_any_encoding() -> None:
    with pytest.raises(Invalid, match="DOCTYPE"):
        Template(changed(made("{{ x }}"), utf16))


def test_a_settings_part_under_another_name_is_read_too() -> None:
    content = changed(made("{{ x }}"), settings("<w:mailMerge/>"))
    with pytest.raises(Invalid, match="邮件合并"):
        Template(changed(content, rename("word/settings.xml", "word/settings.txt")))


def test_what_word_leaves_behind_without_harm_is_left_out() -> None:
    def change(parts: dict[str, bytes]) -> None:
        relation("printerSettings", "printerSettings/printerSettings1.bin")(parts)
        relation("customXml", "../customXml/item1.xml")(parts)
        parts["word/printerSettings/printerSettings1.bin"] = b"\x00" * 10
        parts["customXml/item1.xml"] = b"<secret/>"

    parts = read_package(Template(changed(made("{{ x }}"), change)).fill({"x": 1}))
    assert not [name for name in parts if "printer" in name or "customXml" in name]
    assert b"printerSettings" not in parts["word/_rels/document.xml.rels"]
    Document(io.BytesIO(write_package(parts)))


@pytest.mark.parametrize(
    "name", ["../evil.xml", "/etc/passwd", "word/document.xml", "word\\x.xml", "WORD/DOCUMENT.XML"]
)
def test_entries_that_stray_or_repeat_are_refused(name: str) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for part, content in read_package(made("{{ x }}")).items():
            archive.writestr(part, content)
        archive.writestr(zipfile.ZipInfo(name), b"<x/>")
    with pytest.raises(Invalid) as caught:
        Template(out.getvalue())
    assert caught.value.code == "not-a-docx"


TABLE = "<w:tbl><w:tr><w:tc>{}</w:tc></w:tr></w:tbl>"
VM = "<w:p><w:r><w:t>{% vm %}</w:t></w:r></w:p>"
LOADED = {
    # 800 runs behind such a cell take docxtpl's patterns 18 seconds, and the time grew with the cube.
    "a cell for patterns": TABLE.format(
        VM + "<w:tcPr/><w:p><w:r>" + "<w:t>a</w:t>" * 20_000 + "</w:r></w:p>"
    ),
    "many rows": "<w:tbl>" + "<w:tr><w:tc><w:p/></w:tc></w:tr>" * 15_000 + "</w:tbl>",
    "nested paragraphs": "<w:p><w:r>" * 100 + "<w:t>a</w:t>" * 20_000 + "</w:r></w:p>" * 100,
    "many runs": "<w:p>"
    + "<w:r><w:t>a</w:t></w:r>" * 20_000
    + "<w:r><w:t>{{ x }}</w:t></w:r>" * 1_000
    + "</w:p>",
}
REFUSED = {
    "attributes": "<w:p " + " ".join(f'a{n}="1"' for n in range(100_000)) + "/>",
    "elements": "<w:p/>" * 201_000,
    "expressions": "".join(
        f"<w:p><w:r><w:t>{{{{ {' or '.join('abcdefghij' * 4)} }}}}</w:t></w:r></w:p>" for _ in range(300)
    ),
    "tags": "<w:p><w:r><w:t>" + "{{ x }}" * 2_100 + "</w:t></w:r></w:p>",
}


def body(markup: str) -> Callable[[dict[str, bytes]], object]:
    def change(parts: dict[str, bytes]) -> None:
        head, _, tail = parts["word/document.xml"].partition(b"<w:body>")
        parts["word/document.xml"] = head + b"<w:body>" + markup.encode() + tail

    return change


@pytest.mark.parametrize("markup", LOADED.values(), ids=LOADED)
def test_heavy_templates_cost_little(markup: str) -> None:
    """What costs the square of its size, or its cube, would not come to an end here."""
    Template(changed(made("{{ x }}"), body(markup)))


@pytest.mark.parametrize("markup", REFUSED.values(), ids=REFUSED)
def test_templates_beyond_the_limits_are_refused_early(markup: str) -> None:
    with pytest.raises(Invalid) as caught:
        Template(changed(made("{{ x }}"), body(markup)))
    assert caught.value.code in ("package-too-big", "not-a-docx")


def test_a_list_of_relationships_may_not_be_a_bomb() -> None:
    def change(parts: dict[str, bytes]) -> None:
        name = "word/_rels/document.xml.rels"
        parts[name] = parts[name].replace(b"</Relationships>", b"<a/>" * 100_000 + b"</Relationships>")

    with pytest.raises(Invalid, match="清单"):
        Template(changed(made("{{ x }}"), change))


@pytest.mark.parametrize("number", ["1E+999999999", "1E-999999999", "0E-999999999", "1" * 4000])
def test_numbers_that_nobody_can_write_out_are_refused(number: str) -> None:
    for value in (Decimal(number), int(number) if number.isdecimal() else Decimal(number)):
        with pytest.raises(Invalid) as caught:
            filled("{{ x }}", x=value)
        assert caught.value.code == "bad-value"


def test_filling_ends_when_its_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.documents.templates.MAX_SECONDS", 0.0)
    for tag in ("{{ x|length }}", "{% for a in l %}{% endfor %}", "{{ x }}"):
        with pytest.raises(Invalid, match="费时"):
            filled(tag, x="甲", l=["乙"])


def test_pictures_and_sub_documents_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.documents.inserts.MAX_INSERTS", 3)
    loop = "{% for a in l %}{{ x|图片(5) }}{% endfor %}"
    filled(loop, l=[1] * 3, x=picture())
    with pytest.raises(Invalid) as caught:
        filled(loop, l=[1] * 4, x=picture())
    assert caught.value.code == "document-too-big"
    monkeypatch.setattr("engine.documents.inserts.MAX_BYTES", 1000)
    with pytest.raises(Invalid) as caught:
        filled("{{p x }}", x=made("甲"))
    assert caught.value.code == "document-too-big"
