"""密级: which documents are state secrets, and that this installation refuses them unless it was declared approved for them.

A system that handles state secrets needs an approval of its own (保守国家秘密法, 第三十条), which software cannot give: without
``LVZE_CLASSIFIED_APPROVAL`` nothing that bears such a mark is rendered, whatever a form or a template says. GB/T 9704-2012, 7.2.2 says
how the mark looks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from lxml import etree

from engine.documents.package import parse_xml, read_package
from engine.errors import Invalid

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
LEVELS = ("绝密", "机密", "秘密")
#: what a page shows of text: body, headers and footers, notes, and what numbers paragraphs
_SHOWN = re.compile(r"word/(?:document|header\d*|footer\d*|footnotes|endnotes|numbering)\.xml")
_TERM = r"(?:[\d一二三四五六七八九十百两]+(?:年|个?月|日|天)|长期)"
# A line of its own, also beside 份号 or 紧急程度; 年限 may follow the star or, where somebody left that out, the word.
_MARK = re.compile(
    rf"(?:\d{{1,6}})?(?:密级:?)?[\[(【〔「]?(?P<level>绝密|机密|秘密)级?[\])】〕」]?"
    rf"(?:[★☆✩✭⭐*].*|[:·]?\(?{_TERM}\)?.*|(?:特急|加急|特提|平急).*)?"
)
_TRADITIONAL = str.maketrans("絕機祕級長", "绝机秘级长")


def of(docx: bytes) -> str | None:
    """绝密, 机密 or 秘密 as the document is marked, wherever a page shows it; None for one without a mark.

    :raises Invalid: ``not-a-docx``
    """
    for name, part in read_package(docx).items():
        if _SHOWN.fullmatch(name):
            for line in _lines(parse_xml(part)):
                if found := _MARK.fullmatch(_plain(line)):
                    return found["level"]
    return None


def _lines(root: etree._Element) -> Iterator[str]:
    """The text of each paragraph, its lines one by one, and of automatic numbers."""
    for paragraph in root.iter(f"{W}p"):
        pieces = []
        for element in paragraph.iter(f"{W}t", f"{W}br", f"{W}cr"):
            pieces.append(element.text or "" if element.tag == f"{W}t" else "\n")
        yield from "".join(pieces).split("\n")
    for number in root.iter(f"{W}lvlText"):
        yield re.sub(r"%\d", "", number.get(f"{W}val", ""))


def _plain(line: str) -> str:
    """As it is read: without spaces and signs that nobody sees, in plain forms of letters."""
    plain = unicodedata.normalize("NFKC", line).translate(_TRADITIONAL)
    return "".join(sign for sign in plain if not sign.isspace() and unicodedata.category(sign) != "Cf")


def require_approval(docx: bytes, *, approval: str | None) -> str | None:
    """The document's 密级, where the installation may have it.

    :param approval: number or name of the approval; None where there is none
    :raises Invalid: ``classified``
    """
    level = of(docx)
    if level is not None and not approval:
        raise Invalid(
            "classified",
            f"文件标有密级“{level}”，本系统没有声明为经批准处理国家秘密的系统，不能生成。请删去密级，或改用经批准的涉密系统办理。",
        )
    return level
