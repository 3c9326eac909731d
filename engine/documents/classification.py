"""密级: which documents are state secrets, and that this installation refuses them unless it was declared approved for them.

A system that handles state secrets needs an approval of its own (保守国家秘密法, 第三十条), which software cannot give: without
``LVZE_CLASSIFIED_APPROVAL`` nothing that bears such a mark is rendered, whatever a form or a template says. GB/T 9704-2012, 7.2.2 says
how the mark looks.
"""

from __future__ import annotations

import re

from engine.documents.package import parse_xml, read_package
from engine.errors import Invalid

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
LEVELS = ("绝密", "机密", "秘密")
_MARK = re.compile(r"\s*(绝\s*密|机\s*密|秘\s*密)\s*(?:[★☆*].*)?")
_WITHIN = 12  # paragraphs from the top; 密级 stands in the first lines of the type area


def of(docx: bytes) -> str | None:
    """绝密, 机密 or 秘密 as the document is marked; None for one without a mark.

    :raises Invalid: ``not-a-docx``
    """
    document = parse_xml(read_package(docx)["word/document.xml"])
    seen = 0
    for paragraph in document.iter(f"{W}p"):
        text = "".join(run.text or "" for run in paragraph.iter(f"{W}t")).strip()
        seen += bool(text)
        if seen > _WITHIN:
            break
        if found := _MARK.fullmatch(text):
            return re.sub(r"\s", "", found[1])
    return None


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
