"""Write the first draft of every Word template in this folder, in house style (GB/T 9704-2012).

The .docx files are the originals that people go on to edit in Word or WPS; this script only saves drawing styles, margins and
page numbers by hand. Lengths are twips (1/20 pt) unless the name says otherwise; the page's geometry is clause 5 of the
standard, the styles are clause 7.
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).parent
NAMESPACES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
)
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
FANG, KAI, HEI, XBS, SONG, LATIN = (
    "仿宋_GB2312",
    "楷体_GB2312",
    "黑体",
    "方正小标宋简体",
    "宋体",
    "Times New Roman",
)

PITCH = 579  # 28.95 pt: 22 lines are 636.9 pt of the type area's 225 mm (637.8 pt)
CHARACTER = 315  # 16 pt less 0.25 pt: 28 of them are 441 pt of the type area's 156 mm (442.2 pt)
WIDTH = 8845  # 156 mm
MILLIMETRE = 56.693
# The order is the schema's: Word refuses paragraph properties in another one.
PARAGRAPH = ("keepNext", "keepLines", "pageBreakBefore", "widowControl", "pBdr", "tabs", "kinsoku", "overflowPunct",
             "autoSpaceDE", "autoSpaceDN", "snapToGrid", "spacing", "ind", "jc", "outlineLvl")  # fmt: skip


def run_properties(
    font: str = "", size: float = 0, color: str = "", spacing: int | None = None, latin: str = LATIN
) -> str:
    """:param size: points"""
    out = ""
    if font:
        out += f'<w:rFonts w:hint="eastAsia" w:ascii="{latin}" w:hAnsi="{latin}" w:eastAsia="{font}" w:cs="{latin}"/>'
    if color:
        out += f'<w:color w:val="{color}"/>'
    if spacing is not None:
        out += f'<w:spacing w:val="{spacing}"/>'
    if size:
        out += f'<w:sz w:val="{size * 2:g}"/><w:szCs w:val="{size * 2:g}"/>'
    return f"<w:rPr>{out}</w:rPr>" if out else ""


def paragraph_properties(
    style: str = "",
    *,
    line: int = 0,
    rule: str = "exact",
    before: int | None = None,
    after: int | None = None,
    left: int | None = None,
    right: int | None = None,
    first: int | None = None,
    hanging: int | None = None,
    jc: str = "",
    keep: bool = False,
    keep_lines: bool = False,
    two_lines: bool = False,
    break_before: bool = False,
    red_line: bool = False,
    outline: int | None = None,
    base: bool = False,
) -> str:
    parts: dict[str, str] = {}
    if keep:
        parts["keepNext"] = "<w:keepNext/>"
    if keep_lines:
        parts["keepLines"] = "<w:keepLines/>"
    if two_lines:  # at least two on either side of a page break
        parts["widowControl"] = "<w:widowControl/>"
    if break_before:
        parts["pageBreakBefore"] = "<w:pageBreakBefore/>"
    if red_line:  # 4 mm under the number, as wide as the type area
        parts["pBdr"] = '<w:pBdr><w:bottom w:val="single" w:sz="16" w:space="11" w:color="FF0000"/></w:pBdr>'
    if base:
        parts |= {
            name: f'<w:{name} w:val="{value}"/>'
            for name, value in {
                "widowControl": 0, "kinsoku": 1, "overflowPunct": 0,
                "autoSpaceDE": 0, "autoSpaceDN": 0, "snapToGrid": 0,
            }.items()
        }  # fmt: skip
    spacing = {"before": before, "after": after, "line": line or None, "lineRule": rule if line else None}
    indents = {"left": left, "right": right, "firstLine": first, "hanging": hanging}
    for name, values in (("spacing", spacing), ("ind", indents)):
        attributes = "".join(f' w:{key}="{value}"' for key, value in values.items() if value is not None)
        if attributes:
            parts[name] = f"<w:{name}{attributes}/>"
    if jc:
        parts["jc"] = f'<w:jc w:val="{jc}"/>'
    if outline is not None:
        parts["outlineLvl"] = f'<w:outlineLvl w:val="{outline}"/>'
    inner = (f'<w:pStyle w:val="{style}"/>' if style else "") + "".join(
        parts.get(name, "") for name in PARAGRAPH
    )
    return f"<w:pPr>{inner}</w:pPr>" if inner else ""


def text(content: str, **properties: object) -> str:
    """A run. A signature marker is one run by itself."""
    return f'<w:r>{run_properties(**properties)}<w:t xml:space="preserve">{escape(content)}</w:t></w:r>'  # type: ignore[arg-type]


def par(style: str, *content: str, **properties: object) -> str:
    """A paragraph; content that starts with ``<`` is markup, else text."""
    runs = "".join(item if item.startswith("<w:") else text(item) for item in content)
    return f"<w:p>{paragraph_properties(style, **properties)}{runs}</w:p>"  # type: ignore[arg-type]


def blank(count: int = 1, **properties: object) -> str:
    return par("GWBlank", **properties) * count


def cell(*paragraphs: str, width: int, span: int = 1, align: str = "center") -> str:
    properties = f'<w:tcW w:w="{width}" w:type="dxa"/>'
    properties += f'<w:gridSpan w:val="{span}"/>' if span > 1 else ""
    properties += f'<w:vAlign w:val="{align}"/>' if align else ""
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{''.join(paragraphs)}</w:tc>"


def row(*cells: str, header: bool = False, height: int = 0, exact: bool = False, split: bool = False) -> str:
    properties = "" if split else "<w:cantSplit/>"
    if height:
        properties += f'<w:trHeight w:val="{height}" w:hRule="{"exact" if exact else "atLeast"}"/>'
    properties += "<w:tblHeader/>" if header else ""
    return f"<w:tr><w:trPr>{properties}</w:trPr>{''.join(cells)}</w:tr>"


def tag_row(tag: str, span: int, width: int = WIDTH) -> str:
    """A row that holds nothing but a ``{%tr %}`` tag and vanishes when the template is filled."""
    return row(cell(par("GWCell", tag), width=width, span=span))


def table(
    columns: list[int], *rows: str, borders: bool | str = True, bottom: bool = False, margin: int = 57
) -> str:
    """:param columns: widths in twips
    :param bottom: a floating table that stands on the bottom of the type area (the 版记)"""
    place = ""
    if bottom:
        place = (
            '<w:tblpPr w:leftFromText="0" w:rightFromText="0" w:vertAnchor="margin" w:horzAnchor="margin" '
            'w:tblpXSpec="center" w:tblpYSpec="bottom"/>'
        )
    padding = 0
    if borders is True:
        padding = 20
        borders = "".join(
            f'<w:{side} w:val="single" w:sz="4" w:space="0" w:color="auto"/>'
            for side in ("top", "left", "bottom", "right", "insideH", "insideV")
        )
    lines = f"<w:tblBorders>{borders}</w:tblBorders>" if borders else ""
    grid = "".join(f'<w:gridCol w:w="{width}"/>' for width in columns)
    return (
        f'<w:tbl><w:tblPr>{place}<w:tblW w:w="{sum(columns)}" w:type="dxa"/><w:jc w:val="center"/>{lines}'
        f'<w:tblLayout w:type="fixed"/><w:tblCellMar><w:top w:w="{padding}" w:type="dxa"/><w:left w:w="{margin}" w:type="dxa"/>'
        f'<w:bottom w:w="{padding}" w:type="dxa"/><w:right w:w="{margin}" w:type="dxa"/></w:tblCellMar></w:tblPr>'
        f"<w:tblGrid>{grid}</w:tblGrid>"
        f"{''.join(rows)}</w:tbl>"
    )


# ---- styles -------------------------------------------------------------------------------------------------------


def style(name: str, identifier: str, run: str = "", paragraph: str = "", based_on: str = "Normal") -> str:
    return (
        f'<w:style w:type="paragraph" w:customStyle="1" w:styleId="{identifier}"><w:name w:val="{name}"/>'
        f'<w:basedOn w:val="{based_on}"/><w:qFormat/>{paragraph}{run}</w:style>'
    )


def styles() -> str:
    run, par_ = run_properties, paragraph_properties
    red = "FF0000"
    return (
        f"{HEAD}<w:styles {NAMESPACES}><w:docDefaults><w:rPrDefault><w:rPr>"
        + run(FANG, 16)[len("<w:rPr>") : -len("</w:rPr>")]
        + '<w:lang w:val="en-US" w:eastAsia="zh-CN" w:bidi="ar-SA"/></w:rPr></w:rPrDefault>'
        + "<w:pPrDefault/></w:docDefaults>"
        + '<w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/><w:qFormat/>'
        + par_(base=True, line=PITCH, jc="both")
        + run(FANG, 16, spacing=-5)
        + "</w:style>"
        + style("公文空行", "GWBlank")
        + style("公文份号密级", "GWTop", run(HEI), par_(jc="left"))
        + "".join(
            style(name, key, run(XBS, size, red, 0), par_(line=int(size * 21), jc="center"))
            for name, key, size in (
                ("公文发文机关标志", "GWMark", 40),
                ("公文发文机关标志二", "GWMark2", 29),
                ("公文发文机关标志三", "GWMark3", 23),
            )
        )
        + style("公文发文字号", "GWNumber", "", par_(jc="center", red_line=True))
        + style("公文标题", "GWTitle", run(XBS, 22, spacing=0), par_(line=640, jc="center", outline=0))
        + style("公文副标题", "GWSubtitle", run(KAI), par_(jc="center"))
        + style("公文主送机关", "GWTo", "", par_(jc="left"))
        + style("公文正文", "GWBody", "", par_(first=2 * CHARACTER))
        + style("公文一级标题", "GWH1", run(HEI), par_(outline=1, keep=True), "GWBody")
        + style("公文二级标题", "GWH2", run(KAI), par_(outline=2, keep=True), "GWBody")
        + style(
            "公文附件说明", "GWAttachment", "", par_(left=5 * CHARACTER, hanging=3 * CHARACTER, jc="left")
        )
        # Centred over the date, whose middle is 114 pt from the right edge on a usual day.
        + style("公文署名", "GWIssuer", "", par_(left=WIDTH - 4550, jc="center", keep=True))
        + style("公文成文日期", "GWDate", "", par_(right=4 * CHARACTER, jc="right"))
        + style("公文附注", "GWNote", "", par_(first=2 * CHARACTER, jc="left"))
        # A signature picture is higher than a line: an exact pitch would cut it. In 四号 a unit's name mostly fits into half a page.
        + style(
            "公文签名",
            "GWSignature",
            run(size=14, spacing=0),
            par_(line=PITCH, rule="atLeast", jc="left", keep=True, keep_lines=True),
        )
        + style("公文版记", "GWImprint", run(size=14, spacing=0), par_(line=480, jc="left"))
        + style("公文页码", "GWPage", run(SONG, 14, spacing=0, latin=SONG), par_(line=280))
        + style("公文表格", "GWCell", run(size=12, spacing=0), par_(line=360, jc="left"))
        + style("公文表格居中", "GWCellCentre", "", par_(jc="center"), "GWCell")
        + style("公文表头", "GWCellHead", run(HEI), par_(jc="center"), "GWCell")
        + style("公文表格分部", "GWCellPart", run(HEI), par_(keep=True), "GWCell")
        + style("公文表单", "GWForm", run(size=14, spacing=0), par_(line=420, jc="left"))
        + style("公文表单栏目", "GWFormLabel", run(HEI), par_(jc="center"), "GWForm")
        + "</w:styles>"
    )


# ---- the package --------------------------------------------------------------------------------------------------


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


# ---- the templates ------------------------------------------------------------------------------------------------


def paragraphs(field: str, *, keep_last: bool = False) -> str:
    """A field of several paragraphs: headings in their typefaces, the rest as body.

    :param keep_last: the last one stays with what follows: no page may carry a seal and no text
    """
    body = text("{{ 段.小标题 }}", font=KAI), "{{ 段.文字 }}"
    last = par("GWBody", *body, keep=True, two_lines=True)
    last = par("GWBody", "{%p elif loop.last %}") + last if keep_last else ""
    return (
        par("GWBody", f"{{%p for 段 in {field}|段落 %}}")
        + par("GWBody", "{%p if 段.级 == 1 %}")
        + par("GWH1", "{{ 段.文字 }}")
        + last
        + par("GWBody", "{%p else %}")
        + par("GWBody", *body)
        + par("GWBody", "{%p endif %}")
        + par("GWBody", "{%p endfor %}")
    )


def optional(field: str, *content: str) -> str:
    return par("GWBody", f"{{%p if {field} %}}") + "".join(content) + par("GWBody", "{%p endif %}")


def notice() -> str:
    """印发通知: a 法定公文 with red head, number, seal and 版记 (clause 7)."""
    top = row(
        cell(
            *(optional(field, par("GWTop", f"{{{{ {field} }}}}")) for field in ("份号", "密级", "紧急程度")),
            par("GWTop"),
            width=WIDTH,
            align="top",
        ),
        height=round(35 * MILLIMETRE),  # the mark's upper edge stands 35 mm under the top of the type area
        exact=True,
    )
    mark = (
        par("GWBody", "{%p if 发文机关|length <= 9 %}")
        + par("GWMark", "{{ 发文机关 }}文件")
        + par("GWBody", "{%p elif 发文机关|length <= 13 %}")
        + par("GWMark2", "{{ 发文机关 }}文件")
        + par("GWBody", "{%p else %}")
        + par("GWMark3", "{{ 发文机关 }}文件")
        + par("GWBody", "{%p endif %}")
    )
    one, many = 5 * CHARACTER, 5 * CHARACTER + 240
    attachments = optional(
        "附件",
        blank(1, keep=True),
        par("GWBody", "{%p if 附件|length == 1 %}"),
        par("GWAttachment", "附件：{{ 附件|join('') }}", left=one, hanging=3 * CHARACTER, keep=True),
        par("GWBody", "{%p else %}"),
        par("GWBody", "{%p for 名称 in 附件 %}"),
        par("GWBody", "{%p if loop.first %}"),
        par(
            "GWAttachment",
            "附件：{{ loop.index }}.{{ 名称 }}",
            left=many,
            hanging=3 * CHARACTER + 240,
            keep=True,
        ),
        par("GWBody", "{%p else %}"),
        par("GWAttachment", "{{ loop.index }}.{{ 名称 }}", left=many, hanging=240, keep=True),
        par("GWBody", "{%p endif %}"),
        par("GWBody", "{%p endfor %}"),
        par("GWBody", "{%p endif %}"),
    )
    line = '<w:{} w:val="single" w:sz="{}" w:space="0" w:color="auto"/>'.format
    imprint = table(
        [5600, WIDTH - 5600],
        tag_row("{%tr if 抄送 %}", 2),
        row(cell(par("GWImprint", "抄送：{{ 抄送 }}。", left=840, hanging=840), width=WIDTH, span=2)),
        tag_row("{%tr endif %}", 2),
        row(
            cell(par("GWImprint", "{{ 印发机关 }}"), width=5600),
            cell(par("GWImprint", "{{ 印发日期 }}印发", jc="right"), width=WIDTH - 5600),
        ),
        borders=line("top", 8) + line("bottom", 8) + line("insideH", 6),
        bottom=True,
        margin=280,
    )
    return (
        table([WIDTH], top, borders="", margin=0)
        + mark
        + blank(2)
        + par("GWNumber", "{{ 发文字号 }}")
        + blank(2)
        + par("GWTitle", "{{ 标题 }}")
        + blank()
        + par("GWTo", "{{ 主送 }}：")
        + paragraphs("正文", keep_last=True)
        + attachments
        + blank(2, keep=True)
        # A name wider than twice the way from the date's middle to the edge would wrap: it ends at the edge instead.
        + par("GWBody", "{%p if 发文机关|length <= 14 %}")
        + par("GWIssuer", "{{ 发文机关 }}")
        + par("GWBody", "{%p else %}")
        + par("GWIssuer", "{{ 发文机关 }}", left=0, jc="right")
        + par("GWBody", "{%p endif %}")
        + par("GWDate", text("⟦印章:seal⟧"), "{{ 成文日期 }}")
        + optional("附注", par("GWNote", "（{{ 附注 }}）"))
        + imprint
        + par("GWImprint", line=20)
    )


# Post and date stand in the signature's picture: who signs, and when, is not known before.
SIGNER = "负责人（签名）："


def parties() -> str:
    """Two dated signature blocks in columns with a gutter; a seal lies over the unit's name.

    Name and signature share a cell that is high enough for the seal (LibreOffice lets a row grow around it) and stand at its
    bottom, so that both sides are level where only one name wraps.
    """

    def side(slot: str, unit: str) -> str:
        return (
            par("GWSignature", text(f"⟦印章:{slot}_seal⟧"), f"{{{{ {unit} }}}}")
            + par("GWSignature", SIGNER)
            + par("GWSignature", text(f"⟦签名:{slot}⟧"))
        )

    def line(left: str, right: str) -> str:
        contents = zip((left, par("GWSignature"), right), widths, strict=True)
        return row(*(cell(content, width=width, align="bottom") for content, width in contents))

    gutter = CHARACTER
    widths = [(WIDTH - gutter) // 2, gutter, WIDTH - gutter - (WIDTH - gutter) // 2]
    return table(
        widths,
        line(par("GWSignature", "颁发单位："), par("GWSignature", "责任单位：")),
        line(side("issuer", "发文单位"), side("recipient", "接收单位")),
        borders="",
        margin=0,
    )


def letter() -> str:
    """责任书: an attachment of the 印发通知, so without red head, number and 版记."""
    widths = [640, 2560, 1990, 1900, 1040, 715]
    heads = ("序号", "目标和措施", "业务工作目标\n（一岗双责）", "完成时限", "责任人", "分值")
    head = row(
        *(
            cell(*(par("GWCellHead", line) for line in name.split("\n")), width=width)
            for name, width in zip(heads, widths, strict=True)
        ),
        header=True,
    )
    values = (
        ("GWCellCentre", "{{ loop.index }}"),
        ("GWCell", "{{ 行.措施 }}"),
        ("GWCell", "{{ 行.业务目标|default('') }}"),
        ("GWCellCentre", "{{ 行.时限 }}"),
        ("GWCellCentre", "{{ 行.责任人 }}"),
        ("GWCellCentre", "{{ 行.分值 }}"),
    )
    goals = table(
        widths,
        head,
        tag_row("{%tr for 组 in 目标|分组('部分') %}", 6),
        row(cell(par("GWCellPart", "{{ loop.index|num_cn }}、{{ 组.名称 }}"), width=WIDTH, span=6)),
        tag_row("{%tr for 行 in 组.行 %}", 6),
        row(*(cell(par(name, value), width=w) for (name, value), w in zip(values, widths, strict=True))),
        tag_row("{%tr endfor %}", 6),
        tag_row("{%tr endfor %}", 6),
    )
    officers = table(
        [2000, 4845, 2000],
        row(
            *(
                cell(par("GWCellHead", name), width=width)
                for name, width in (("责任", 2000), ("职务", 4845), ("姓名", 2000))
            ),
            header=True,
        ),
        *(
            tag_row(f"{{%tr if {field} %}}", 3)
            + row(
                cell(par("GWCellCentre", field), width=2000),
                cell(par("GWCellCentre", f"{{{{ {field}.职务 }}}}"), width=4845),
                cell(par("GWCellCentre", f"{{{{ {field}.姓名 }}}}"), width=2000),
            )
            + tag_row("{%tr else %}", 3)
            + row(
                cell(par("GWCellCentre", field), width=2000),
                cell(par("GWCellCentre", "（岗位空缺）"), width=6845, span=2),
            )
            + tag_row("{%tr endif %}", 3)
            for field in ("第一责任人", "直接责任人", "具体责任人")
        ),
    )
    return (
        par("GWTitle", "党建工作责任书")
        + par("GWSubtitle", "（{{ 年度 }}年度）")
        + blank()
        + par("GWTo", "颁发单位：{{ 发文单位 }}")
        + par("GWTo", "责任单位：{{ 接收单位 }}")
        + blank()
        + par(
            "GWBody",
            "为落实党要管党、从严治党责任，实行党建工作“目标管理”，形成一级抓一级、层层抓落实的党建工作格局，根据{{ 依据文号 }}文件要求，"
            "{{ 发文单位 }}与{{ 接收单位 }}签订{{ 年度 }}年度党建工作责任书。",
        )
        + par("GWH1", "一、责任主体")
        + par(
            "GWBody",
            "{{ 接收单位 }}的党建工作责任到单位、责任到人。党员领导干部履行“一岗双责”，既抓好业务工作，又履行党建工作责任制。",
        )
        + officers
        + par("GWH1", "二、目标任务")
        + par(
            "GWBody",
            "党建工作目标与业务工作目标同制定、同考核、同落实，各部分的目标、措施、时限和责任人如下。",
        )
        + goals
        + par("GWH1", "三、考核奖惩")
        + paragraphs("考核奖惩")
        + par("GWH1", "四、附则")
        + par(
            "GWBody",
            "本责任书一式{{ '两' if 份数 == 2 else 份数|num_cn }}份，由签订双方分别存执，自双方签名之日起生效。",
            keep=True,
            keep_lines=True,
        )
        + blank(1, keep=True)
        + parties()
        + par("GWBlank", line=20)
    )


def commitment() -> str:
    """党员岗位责任承诺书: one form on one page where the goals allow."""
    area, goal, number, quality, limit = widths = [1600, 2905, 1280, 1200, 1860]

    def pair(*fields: str) -> str:
        return row(
            cell(par("GWFormLabel", fields[0]), width=area),
            cell(par("GWForm", f"{{{{ {fields[0]} }}}}", jc="center"), width=goal),
            cell(par("GWFormLabel", fields[1]), width=number),
            cell(par("GWForm", f"{{{{ {fields[1]} }}}}", jc="center"), width=quality + limit, span=2),
        )

    goals = (
        row(
            *(
                cell(par("GWFormLabel", name), width=width)
                for name, width in zip(("方面", "承诺目标", "数量", "质量", "时限"), widths, strict=True)
            )
        )
        + tag_row("{%tr for 组 in 承诺|分组('方面') %}", 5)
        + tag_row("{%tr for 行 in 组.行 %}", 5)
        + tag_row("{%tr if 行.无承诺理由 %}", 5)
        + row(
            cell(par("GWCellHead", "{% vm %}{{ 组.名称 }}"), width=area),
            cell(par("GWCell", "无（{{ 行.无承诺理由 }}）"), width=WIDTH - area, span=4),
        )
        + tag_row("{%tr else %}", 5)
        + row(
            cell(par("GWCellHead", "{% vm %}{{ 组.名称 }}"), width=area),
            cell(par("GWCell", "{{ 行.目标 }}"), width=goal),
            *(
                cell(par("GWCellCentre", f"{{{{ 行.{name}|default('') }}}}"), width=width)
                for name, width in (("数量", number), ("质量", quality), ("时限", limit))
            ),
        )
        + tag_row("{%tr endif %}", 5)
        + tag_row("{%tr endfor %}", 5)
        + tag_row("{%tr endfor %}", 5)
    )
    return (
        par("GWTitle", "党员岗位责任承诺书")
        + par("GWSubtitle", "（{{ 年度 }}年度）")
        + par("GWBody", "按照以岗定责、责任到人的原则，向支部作出如下承诺：")
        + table(
            widths,
            pair("姓名", "入党时间"),
            pair("科室", "岗位"),
            row(
                cell(par("GWFormLabel", "支部"), width=area),
                cell(par("GWForm", "{{ 支部 }}"), width=WIDTH - area, span=4),
            ),
            goals,
            row(
                cell(par("GWFormLabel", "监督方式"), width=area),
                cell(par("GWForm", "{{ 监督方式 }}"), width=WIDTH - area, span=4),
            ),
            row(
                cell(par("GWFormLabel", "支部意见"), width=area),
                cell(par("GWForm", "{{ 支部意见 }}"), width=WIDTH - area, span=4),
            ),
            row(
                cell(par("GWFormLabel", "承诺人"), par("GWFormLabel", "签　名"), width=area),
                cell(par("GWSignature", text("⟦签名:member⟧"), jc="center", before=80), width=goal),
                cell(par("GWFormLabel", "支　部"), par("GWFormLabel", "签　名"), width=number),
                cell(
                    par("GWSignature", text("⟦签名:secretary⟧"), jc="center", before=80),
                    width=quality + limit,
                    span=2,
                ),
            ),
        )
        + par("GWBlank", line=20)
    )


def rectification() -> str:
    """整改通知书: from the branch to a member after a poor evaluation."""

    def numbered(field: str) -> str:
        return (
            par("GWBody", f"{{%p for 项 in {field} %}}")
            + par(
                "GWBody",
                f"{{% if {field}|length > 1 %}}（{{{{ loop.index|num_cn }}}}）{{% endif %}}{{{{ 项 }}}}",
            )
            + par("GWBody", "{%p endfor %}")
        )

    return (
        par("GWTitle", "整改通知书")
        + optional("编号", par("GWSubtitle", "{{ 编号 }}"))
        + blank()
        + par("GWTo", "{{ 姓名 }}同志：")
        + par(
            "GWBody",
            "在{{ 年度 }}年第{{ 季度|num_cn }}季度履行岗位责任承诺的评价中，你{% if 岗位 %}（岗位：{{ 岗位 }}）{% endif %}的评价结果为"
            "“{{ 等次 }}”。经{{ 支部 }}研究，现通知你限期整改。",
        )
        + par("GWH1", "一、存在的问题")
        + numbered("问题")
        + optional("说明情况", par("GWBody", "本人在党员大会上的解释和说明：{{ 说明情况 }}"))
        + par("GWH1", "二、整改要求")
        + numbered("要求")
        + par("GWH1", "三、整改期限和复核")
        + par(
            "GWBody",
            "请于{{ 期限 }}前完成整改，并向支部书面报告整改情况。整改期满后，由{{ 复核人 }}以{{ 复核方式 }}的方式复核，"
            "复核结果记入党员履责登记。",
            keep=True,
            two_lines=True,
        )
        + blank(1, keep=True)
        + par("GWSignature", text("⟦印章:seal⟧"), "{{ 支部 }}", left=3600)
        + par("GWSignature", SIGNER, left=3600)
        + par("GWSignature", text("⟦签名:secretary⟧"), left=3600)
    )


TEMPLATES = {"印发通知": notice, "责任书": letter, "承诺书": commitment, "整改通知书": rectification}


def main(out: Path = HERE) -> None:
    for name, body in TEMPLATES.items():
        (out / f"{name}.docx").write_bytes(package(body(), name))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
