"""WordprocessingML: runs, paragraphs, tables. Lengths are twips (1/20 pt) unless the name says otherwise."""

from __future__ import annotations

from xml.sax.saxutils import escape

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

RED = "FF0000"

# The order is the schema's: Word refuses paragraph properties in another one.
PARAGRAPH = ("keepNext", "keepLines", "pageBreakBefore", "framePr", "widowControl", "pBdr", "tabs", "kinsoku",
             "overflowPunct", "autoSpaceDE", "autoSpaceDN", "snapToGrid", "spacing", "ind", "jc",
             "textAlignment", "outlineLvl")  # fmt: skip


def millimetres(length: float) -> int:
    """A length in millimetres as twips."""
    return round(length * MILLIMETRE)


def frame(
    width: int,
    *,
    y: int,
    x: int | None = None,
    x_align: str = "",
    height: int = 0,
    horizontal: str = "page",
    vertical: str = "page",
) -> str:
    """Where a paragraph stands outside the text, measured from the page, the type area ("margin") or the text around it.

    :param x: or ``x_align``, such as "center"
    :param height: exact; else as high as the content"""
    place = f'w:xAlign="{x_align}"' if x_align else f'w:x="{x or 0}"'
    size = f'w:h="{height}" w:hRule="exact" ' if height else ""
    return (
        f'<w:framePr w:w="{width}" {size}w:hSpace="0" w:vSpace="0" w:wrap="notBeside" w:vAnchor="{vertical}" '
        f'w:hAnchor="{horizontal}" {place} w:y="{y}"/>'
    )


def border(side: str, kind: str = "single", *, size: int, color: str = "auto", space: int = 0) -> str:
    """A line at one side of a paragraph, cell or table.

    :param size: eighths of a point
    :param space: points to the text"""
    return f'<w:{side} w:val="{kind}" w:sz="{size}" w:space="{space}" w:color="{color}"/>'


def run_properties(
    font: str = "",
    size: float = 0,
    color: str = "",
    spacing: int | None = None,
    latin: str = LATIN,
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
    level: bool = False,
    keep: bool = False,
    keep_lines: bool = False,
    two_lines: bool = False,
    break_before: bool = False,
    red_line: bool = False,
    borders: str = "",
    framed: str = "",
    tabs: tuple[tuple[str, int], ...] = (),
    outline: int | None = None,
    base: bool = False,
) -> str:
    """:param level: pictures and characters of a line have one middle, not one foot
    :param framed: what ``frame`` returns
    :param tabs: (left, center or right; place from the column's left edge)"""
    parts: dict[str, str] = {}
    if keep:
        parts["keepNext"] = "<w:keepNext/>"
    if keep_lines:
        parts["keepLines"] = "<w:keepLines/>"
    if two_lines:  # at least two on either side of a page break
        parts["widowControl"] = "<w:widowControl/>"
    if break_before:
        parts["pageBreakBefore"] = "<w:pageBreakBefore/>"
    if red_line:  # 4 mm under the number, as wide as the type area (7.2.7); the line of text reaches 2 mm under its characters
        borders += border("bottom", size=16, space=6, color=RED)
    if borders:
        parts["pBdr"] = f"<w:pBdr>{borders}</w:pBdr>"
    if framed:
        parts["framePr"] = framed
    if tabs:
        stops = "".join(f'<w:tab w:val="{kind}" w:pos="{place}"/>' for kind, place in tabs)
        parts["tabs"] = f"<w:tabs>{stops}</w:tabs>"
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
    if level:
        parts["textAlignment"] = '<w:textAlignment w:val="center"/>'
    if outline is not None:
        parts["outlineLvl"] = f'<w:outlineLvl w:val="{outline}"/>'
    inner = (f'<w:pStyle w:val="{style}"/>' if style else "") + "".join(
        parts.get(name, "") for name in PARAGRAPH
    )
    return f"<w:pPr>{inner}</w:pPr>" if inner else ""


def text(content: str, **properties: object) -> str:
    """A run. A signature marker is one run by itself."""
    return f'<w:r>{run_properties(**properties)}<w:t xml:space="preserve">{escape(content)}</w:t></w:r>'  # type: ignore[arg-type]


TAB = "<w:r><w:tab/></w:r>"


def par(style: str, *content: str, **properties: object) -> str:
    """A paragraph; content that starts with ``<`` is markup, else text."""
    runs = "".join(item if item.startswith("<w:") else text(item) for item in content)
    return f"<w:p>{paragraph_properties(style, **properties)}{runs}</w:p>"  # type: ignore[arg-type]


def blank(count: int = 1, **properties: object) -> str:
    return par("GWBlank", **properties) * count


def cell(
    *paragraphs: str,
    width: int,
    span: int = 1,
    align: str = "center",
    merge: str = "",
    borders: str = "",
    fill: str = "",
) -> str:
    """:param merge: "restart" where cells become one downwards, "continue" in those below
    :param borders: its own, made of ``border``
    :param fill: colour of the ground"""
    properties = f'<w:tcW w:w="{width}" w:type="dxa"/>'
    properties += f'<w:gridSpan w:val="{span}"/>' if span > 1 else ""
    properties += f'<w:vMerge w:val="{merge}"/>' if merge else ""
    properties += f"<w:tcBorders>{borders}</w:tcBorders>" if borders else ""
    properties += f'<w:shd w:val="clear" w:color="auto" w:fill="{fill}"/>' if fill else ""
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
