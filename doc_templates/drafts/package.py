"""A body of text as a .docx: page geometry (clause 5), page numbers (clause 7.5), settings."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from drafts.ooxml import FANG, HEAD, HEI, KAI, NAMESPACES, PITCH, SONG, XBS, par
from drafts.styles import styles


def page_number(jc: str) -> str:
    """— 1 — in 4号宋体, one character from the outer edge (7.5)."""
    number = "".join(
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
    return par("GWPage", "— ", number, " —", jc=jc, **indent)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Page:
    """Size, margins, headers and footers. Twips; the type area is 156 x 225 mm of A4, 37 mm from the top, 28 mm from the
    left (5.2.1).

    :ivar headers: paragraphs for "default" (odd), "even" and "first" pages; the first page differs where "first" is among
        headers or footers
    :ivar grid: lines at the standard's pitch; LibreOffice centres them on the page, which moves a page full of tables down
    """

    width: int = 11906
    height: int = 16838
    top: int = 2098
    right: int = 1474
    bottom: int = 1984
    left: int = 1587
    header: int = 851
    footer: int = 1446  # the dash 7 mm under the type area (7.5)
    grid: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)
    footers: Mapping[str, str] = field(
        default_factory=lambda: {"default": page_number("right"), "even": page_number("left")}
    )

    def parts(self) -> dict[str, str]:
        """Part name -> content."""
        return {
            f"word/{kind}{number}.xml": f"{HEAD}<w:{tag} {NAMESPACES}>{content}</w:{tag}>"
            for kind, tag, contents in (("header", "hdr", self.headers), ("footer", "ftr", self.footers))
            for number, content in enumerate(contents.values(), 1)
        }

    def section(self, relations: Mapping[str, str]) -> str:
        """``sectPr``.

        :param relations: part name -> relationship's id"""
        references = "".join(
            f'<w:{kind}Reference w:type="{pages}" r:id="{relations[f"{kind}{number}.xml"]}"/>'
            for kind, contents in (("header", self.headers), ("footer", self.footers))
            for number, pages in enumerate(contents, 1)
        )
        turned = ' w:orient="landscape"' if self.width > self.height else ""
        first = "<w:titlePg/>" if "first" in {*self.headers, *self.footers} else ""
        grid = f'<w:docGrid w:type="lines" w:linePitch="{PITCH}"/>' if self.grid else ""
        return (
            f'<w:sectPr>{references}<w:pgSz w:w="{self.width}" w:h="{self.height}"{turned}/>'
            f'<w:pgMar w:top="{self.top}" w:right="{self.right}" w:bottom="{self.bottom}" w:left="{self.left}" '
            f'w:header="{self.header}" w:footer="{self.footer}" w:gutter="0"/>{first}'
            f"{grid}</w:sectPr>"
        )


TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml."

RELATIONSHIP = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"

CORE_TYPE = "application/vnd.openxmlformats-package.core-properties+xml"

CORE_RELATIONSHIP = "http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties"


PAGE = Page()


def relationships(targets: dict[str, str]) -> str:
    rows = "".join(
        f'<Relationship Id="rId{n}" Type="{kind}" Target="{target}"/>'
        for n, (target, kind) in enumerate(targets.items(), 1)
    )
    namespace = "http://schemas.openxmlformats.org/package/2006/relationships"
    return f'{HEAD}<Relationships xmlns="{namespace}">{rows}</Relationships>'


def package(body: str, title: str, *, profile: str = "其他文书", page: Page = PAGE) -> bytes:
    """A .docx with the same bytes at every run.

    :param profile: which rules it keeps: 法定公文, 信函, 纪要, 其他文书 or 牌证
    """
    running = page.parts()
    targets = {f"{kind}.xml": RELATIONSHIP + kind for kind in ("styles", "settings", "fontTable")}
    targets |= {
        part.removeprefix("word/"): RELATIONSHIP + part[len("word/") : len("word/header")] for part in running
    }
    relations = {target: f"rId{number}" for number, target in enumerate(targets, 1)}
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
        for part, kind in {
            "word/document.xml": "document.main",
            **{f"word/{target}": kind.removeprefix(RELATIONSHIP) for target, kind in targets.items()},
        }.items()
    )
    parts = {
        "[Content_Types].xml": f'{HEAD}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/><Default Extension="png" ContentType="image/png"/>'
        f'{overrides}<Override PartName="/docProps/core.xml" ContentType="{CORE_TYPE}"/></Types>',
        "_rels/.rels": relationships(
            {"word/document.xml": RELATIONSHIP + "officeDocument", "docProps/core.xml": CORE_RELATIONSHIP}
        ),
        "word/document.xml": f"{HEAD}<w:document {NAMESPACES}><w:body>{body}{page.section(relations)}</w:body></w:document>",
        "word/_rels/document.xml.rels": relationships(targets),
        "word/styles.xml": styles(),
        "word/settings.xml": f'{HEAD}<w:settings {NAMESPACES}><w:zoom w:percent="100"/><w:evenAndOddHeaders/>'
        '<w:characterSpacingControl w:val="doNotCompress"/><w:compat><w:compatSetting w:name="compatibilityMode" '
        'w:uri="http://schemas.microsoft.com/office/word" w:val="15"/></w:compat>'
        '<w:themeFontLang w:val="en-US" w:eastAsia="zh-CN"/></w:settings>',
        **running,
        "word/fontTable.xml": f"{HEAD}<w:fonts {NAMESPACES}>{fonts}</w:fonts>",
        "docProps/core.xml": f"{HEAD}<cp:coreProperties "
        'xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{escape(title)}</dc:title>'
        f"<cp:category>{profile}</cp:category></cp:coreProperties>",
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()
