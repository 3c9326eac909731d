"""A body of text as a .docx: page geometry (clause 5), page numbers (clause 7.5), settings."""

from __future__ import annotations

import io
import zipfile
from xml.sax.saxutils import escape

from drafts.ooxml import FANG, HEAD, HEI, KAI, NAMESPACES, PITCH, SONG, XBS, par
from drafts.styles import styles


def footer(jc: str) -> str:
    """— 1 — in 4号宋体, one character from the outer edge (clause 7.5)."""
    field = "".join(
        f"<w:r>{part}</w:r>"
        for part in (
            '<w:fldChar w:fldCharType="begin"/>',
            '<w:instrText xml:space="preserve"> PAGE </w:instrText>',
            '<w:fldChar w:fldCharType="separate"/>',
            "<w:t>1</w:t>",
            '<w:fldChar w:fldCharType="end"/>',
        )
    )
    indent = {jc: 280}
    return f"{HEAD}<w:ftr {NAMESPACES}>{par('GWPage', '— ', field, ' —', jc=jc, **indent)}</w:ftr>"  # type: ignore[arg-type]


CONTENT_TYPES = {
    "word/document.xml": "document.main", "word/styles.xml": "styles", "word/settings.xml": "settings",
    "word/footer1.xml": "footer", "word/footer2.xml": "footer", "word/fontTable.xml": "fontTable",
}  # fmt: skip

TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml."

RELATIONSHIP = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"

CORE_TYPE = "application/vnd.openxmlformats-package.core-properties+xml"

CORE_RELATIONSHIP = "http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties"


def relationships(targets: dict[str, str]) -> str:
    rows = "".join(
        f'<Relationship Id="rId{n}" Type="{kind}" Target="{target}"/>'
        for n, (target, kind) in enumerate(targets.items(), 1)
    )
    namespace = "http://schemas.openxmlformats.org/package/2006/relationships"
    return f'{HEAD}<Relationships xmlns="{namespace}">{rows}</Relationships>'


def package(body: str, title: str) -> bytes:
    """A .docx with the same bytes at every run."""
    section = (
        '<w:sectPr><w:footerReference w:type="default" r:id="rId3"/><w:footerReference w:type="even" r:id="rId4"/>'
        '<w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="2098" w:right="1474" w:bottom="1984" w:left="1587" '
        f'w:header="851" w:footer="1446" w:gutter="0"/><w:docGrid w:type="lines" w:linePitch="{PITCH}"/></w:sectPr>'
    )
    fonts = "".join(
        f'<w:font w:name="{name}"><w:altName w:val="{other}"/><w:charset w:val="86"/><w:pitch w:val="auto"/></w:font>'
        for name, other in (
            (FANG, "仿宋"),
            (KAI, "楷体"),
            (HEI, "SimHei"),
            (XBS, "小标宋体"),
            (SONG, "SimSun"),
        )
    )
    overrides = "".join(
        f'<Override PartName="/{part}" ContentType="{TYPE}{kind}+xml"/>'
        for part, kind in CONTENT_TYPES.items()
    )
    parts = {
        "[Content_Types].xml": f'{HEAD}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/><Default Extension="png" ContentType="image/png"/>'
        f'{overrides}<Override PartName="/docProps/core.xml" ContentType="{CORE_TYPE}"/></Types>',
        "_rels/.rels": relationships(
            {"word/document.xml": RELATIONSHIP + "officeDocument", "docProps/core.xml": CORE_RELATIONSHIP}
        ),
        "word/document.xml": f"{HEAD}<w:document {NAMESPACES}><w:body>{body}{section}</w:body></w:document>",
        "word/_rels/document.xml.rels": relationships(
            {
                "styles.xml": RELATIONSHIP + "styles",
                "settings.xml": RELATIONSHIP + "settings",
                "footer1.xml": RELATIONSHIP + "footer",
                "footer2.xml": RELATIONSHIP + "footer",
                "fontTable.xml": RELATIONSHIP + "fontTable",
            }
        ),
        "word/styles.xml": styles(),
        "word/settings.xml": f'{HEAD}<w:settings {NAMESPACES}><w:zoom w:percent="100"/><w:evenAndOddHeaders/>'
        '<w:characterSpacingControl w:val="doNotCompress"/><w:compat><w:compatSetting w:name="compatibilityMode" '
        'w:uri="http://schemas.microsoft.com/office/word" w:val="15"/></w:compat>'
        '<w:themeFontLang w:val="en-US" w:eastAsia="zh-CN"/></w:settings>',
        "word/footer1.xml": footer("right"),
        "word/footer2.xml": footer("left"),
        "word/fontTable.xml": f"{HEAD}<w:fonts {NAMESPACES}>{fonts}</w:fonts>",
        "docProps/core.xml": f"{HEAD}<cp:coreProperties "
        'xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{escape(title)}</dc:title></cp:coreProperties>',
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()
