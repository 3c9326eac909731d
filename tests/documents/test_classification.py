"""密级: seen wherever it stands at the top of a document, and refused without an approval."""

from __future__ import annotations

import pytest

from engine.documents import classification
from engine.documents.package import read_package, write_package
from engine.documents.templates import Template
from engine.errors import Invalid
from tests.documents import samples


@pytest.mark.parametrize(
    ("mark", "level"),
    [
        ("机密★1年", "机密"),
        ("绝 密", "绝密"),
        ("秘密", "秘密"),
        ("秘密★1年　特急", "秘密"),
        ("秘\u200b密", "秘密"),
        ("機密★長期", "机密"),
        ("000001　秘密（1年）", "秘密"),
        ("密级：秘密", "秘密"),
        ("【绝密】", "绝密"),
        ("秘密十年", "秘密"),
        ("秘密级", "秘密"),
        ("ＡＢ", None),
        ("机密：一旦泄露会使国家安全遭受严重损害的国家秘密", None),
        ("内部", None),
        ("保守机密是每个人的责任", None),
    ],
)
def test_the_mark_is_seen(mark: str, level: str | None) -> None:
    filled = Template.load(samples.template("印发通知")).fill({**samples.NOTICE, "密级": mark})
    assert classification.of(filled) == level
    if level is None:
        assert classification.require_approval(filled, approval=None) is None
    else:
        with pytest.raises(Invalid, match="涉密系统") as caught:
            classification.require_approval(filled, approval=None)
        assert caught.value.code == "classified"
        assert classification.require_approval(filled, approval="国保测 2026-001") == level


def test_a_document_without_a_mark_has_none() -> None:
    for name, data in samples.SAMPLES.items():
        level = "秘密" if "密级" in data else None
        assert classification.of(Template.load(samples.template(name)).fill(data)) == level, name


def paragraph(*runs: str) -> str:
    return f"<w:p>{''.join(f'<w:r>{run}</w:r>' for run in runs)}</w:p>"


WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
BODY = paragraph("<w:t>正文。</w:t>")
MARKED = paragraph("<w:t>机</w:t>", '<w:tab/><w:t xml:space="preserve"> 密★</w:t>', "<w:t>1年</w:t>")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("word/document.xml", f"<w:document {WORD}><w:body>{BODY * 40}{MARKED}</w:body></w:document>"),
        (
            "word/document.xml",
            f"<w:document {WORD}><w:body><w:tbl><w:tr><w:tc>{MARKED}</w:tc></w:tr></w:tbl></w:body></w:document>",
        ),
        (
            "word/document.xml",
            f"<w:document {WORD}><w:body>{paragraph('<w:t>000001</w:t><w:br/><w:t>机密</w:t>')}</w:body></w:document>",
        ),
        ("word/header1.xml", f"<w:hdr {WORD}>{MARKED}</w:hdr>"),
        ("word/footer3.xml", f"<w:ftr {WORD}>{MARKED}</w:ftr>"),
        ("word/footnotes.xml", f"<w:footnotes {WORD}><w:footnote>{MARKED}</w:footnote></w:footnotes>"),
        (
            "word/numbering.xml",
            f'<w:numbering {WORD}><w:abstractNum><w:lvl><w:lvlText w:val="机密★%1年"/></w:lvl></w:abstractNum></w:numbering>',
        ),
    ],
)
def test_the_mark_is_seen_wherever_a_page_shows_it(name: str, content: str) -> None:
    """Far down, in a table, behind a line break, in a header, a footer, a note, or as an automatic number; in pieces."""
    parts = read_package(Template.load(samples.template("印发通知")).fill(samples.NOTICE))
    assert classification.of(write_package(parts | {name: content.encode()})) == "机密"
