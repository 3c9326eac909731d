"""A .docx as one HTML page (well-formed XML) with paged-media CSS, for ``engine.documents.pdf``.

The layout comes from the file itself (styles, sections with their page size, margins, headers and footers, tables, frames,
anchored pictures), so that the Word template stays the single source. What a letter in house style can hold is converted; text
boxes and charts are not.
"""

from __future__ import annotations

from engine.documents import fonts
from engine.documents.docx.converter import TAB, Converter
from engine.documents.docx.markup import W
from engine.documents.docx.pictures import KEY
from engine.documents.package import parse_xml, read_package
from engine.documents.signing import signature_pictures
from engine.errors import Invalid

__all__ = ["KEY", "TAB", "W", "missing_characters", "to_html"]


def to_html(content: bytes) -> str:
    """The page. Pictures are inside as data: nothing outside is referred to.

    A signature line shows the picture of the signature made for it, and nothing before.

    :raises Invalid: ``not-a-docx``
    """
    return Converter(_parts(content), signature_pictures(content)).html()


def missing_characters(content: bytes) -> str:
    """The characters of a .docx that no font on this machine can draw, each once, in order. They are printed as 〓.

    :raises Invalid: ``not-a-docx``
    """
    parts = _parts(content)
    names = [
        name for name in parts if name.startswith(("word/header", "word/footer")) and name.endswith(".xml")
    ]
    text = "".join(
        found.text or ""
        for name in ["word/document.xml", *names]
        for found in parse_xml(parts[name]).iter(W + "t")
    )
    return fonts.not_covered(text)


def _parts(content: bytes) -> dict[str, bytes]:
    parts = read_package(content)
    if "word/document.xml" not in parts:
        raise Invalid("not-a-docx", "文件不是 Word 文档，请上传由 Word 或 WPS 保存的 .docx 文件。")
    return parts
