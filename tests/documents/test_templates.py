"""Templates: filled as people read them, hostile ones refused before they do anything."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from docx import Document
from lxml import etree

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
