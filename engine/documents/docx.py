"""A .docx as one HTML page with paged-media CSS, for ``engine.documents.pdf``.

The layout comes from the file itself (styles, page size and margins, footers, tables, anchored pictures), so that the Word
template stays the single source. What a letter in house style can hold is converted; text boxes, charts and several
sections with different pages are not. Lengths in the file are twips (1/20 pt), half points or EMU (1/12700 pt); in the CSS
they are points.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lxml import etree

from engine.documents.package import parse_xml, read_package, relationships_of, target_of
from engine.documents.signing import signature_pictures
from engine.errors import Invalid

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
WP = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"
A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
V = "{urn:schemas-microsoft-com:vml}"
O = "{urn:schemas-microsoft-com:office:office}"  # noqa: E741
MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"

_PICTURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}
# Letters and digits take the Latin font; “ ” — … between them stay with the East Asian one.
_LATIN = re.compile(r"[\x21-\x7e\u00a0-\u00b6\u00b8-\u02ff]+(?: +[\x21-\x7e\u00a0-\u00b6\u00b8-\u02ff]+)*")
# Pango doesn't break a line before “ nor after ”: a space without width says where it may.
_QUOTE = re.compile(
    "(?<=[\u3001-\u301f\u3400-\u9fff\uff01-\uff60])(?=[\u201c\u2018])|(?<=[\u201d\u2019])(?=[\u3400-\u9fff\u201c])"
)
_BASE = """
body{margin:0;hyphens:none}
p,h1,h2,h3,h4,h5,h6{font-weight:normal;margin:0;orphans:1;widows:1}
table{border-collapse:collapse;table-layout:fixed}
.tab{display:inline-block;width:2em}
.right{float:right}
.page::before{content:counter(page)}
.pages::before{content:counter(pages)}
.bottom{float:footnote;display:block}
.bottom::footnote-call,.bottom::footnote-marker{content:none}
@page{@footnote{margin:0;padding:0}}
"""

Properties = dict[str, Any]

KEY = "data-key"  # attribute of what has a place on the page: p0, t0, line:{GUID}


def to_html(content: bytes) -> str:
    """The page. Pictures are inside as data: nothing outside is referred to.

    A signature line shows the picture of the signature made for it, and nothing before.

    :raises Invalid: ``not-a-docx``
    """
    parts = read_package(content)
    if "word/document.xml" not in parts:
        raise Invalid("not-a-docx", "文件不是 Word 文档，请上传由 Word 或 WPS 保存的 .docx 文件。")
    return _Converter(parts, signature_pictures(content)).page()


def _value(element: etree._Element | None, name: str = "val", default: str = "") -> str:
    return default if element is None else (element.get(W + name) or default)


def _number(text: str | None, default: float = 0) -> float:
    try:
        return float(text or "")
    except ValueError:
        return default


def _points(twips: float) -> str:
    return f"{twips / 20:g}pt"


def _on(element: etree._Element) -> bool:
    return _value(element, default="1") not in ("0", "false", "off")


def _colour(text: str) -> str:
    return f"#{text}" if re.fullmatch(r"[0-9A-Fa-f]{6}", text) else "#000"


def _family(name: str) -> str:
    return re.sub(r"[^\w .-]", "", name)


# ---- properties: OOXML -> flat dict -> CSS ------------------------------------------------------------------------


def _read_paragraph(properties: etree._Element, out: Properties) -> None:
    for element in properties:
        tag = str(element.tag).removeprefix(W)
        match tag:
            case "jc":
                out["align"] = _value(element)
            case "spacing":
                out |= {
                    name: _number(v) for name in ("line", "before", "after") if (v := _value(element, name))
                }
                if rule := _value(element, "lineRule"):
                    out["rule"] = rule
            case "ind":
                indents = {
                    name.replace("start", "left").replace("end", "right"): _number(v)
                    for name in (
                        "left", "start", "right", "end", "firstLine", "hanging",
                        "leftChars", "startChars", "rightChars", "endChars", "firstLineChars", "hangingChars",
                    )
                    if (v := _value(element, name))
                }  # fmt: skip
                for one, other in (("firstLine", "hanging"), ("hanging", "firstLine")):
                    if one in indents or f"{one}Chars" in indents:
                        out.pop(other, None)
                        out.pop(f"{other}Chars", None)
                out |= indents
            case "pBdr":
                out["borders"] = _borders(element)
            case "tabs":
                out["right_tab"] = any(_value(stop) == "right" for stop in element)
            case "keepNext" | "keepLines" | "pageBreakBefore" | "widowControl":
                out[tag] = _on(element)
            case "outlineLvl":
                out["outline"] = int(_number(_value(element), 9))
            case "numPr":
                out["numbering"] = (
                    _value(element.find(W + "numId")),
                    int(_number(_value(element.find(W + "ilvl")))),
                )


def _read_run(properties: etree._Element, out: Properties) -> None:
    for element in properties:
        tag = str(element.tag).removeprefix(W)
        match tag:
            case "rFonts":
                out |= {name: _family(v) for name in ("eastAsia", "ascii") if (v := _value(element, name))}
            case "sz":
                out["size"] = _number(_value(element)) / 2
            case "color" | "u" | "vertAlign":
                out[tag] = _value(element)
            case "b" | "i" | "strike" | "vanish":
                out[tag] = _on(element)
            case "spacing":
                out["letter"] = _number(_value(element)) / 20


def _borders(element: etree._Element) -> dict[str, tuple[str, float, str, float]]:
    """Side -> (kind, width pt, colour, distance pt)."""
    return {
        str(side.tag).removeprefix(W).replace("start", "left").replace("end", "right"): (
            _value(side), _number(_value(side, "sz"), 4) / 8, _colour(_value(side, "color")), _number(_value(side, "space"))
        )
        for side in element
    }  # fmt: skip


def _line(border: tuple[str, float, str, float] | None) -> str:
    if border is None or border[0] in ("nil", "none"):
        return "none"
    kind = "double" if border[0] in ("double", "thickThinSmallGap", "thinThickSmallGap") else "solid"
    return f"{border[1]:g}pt {kind} {border[2]}"


def _run_css(run: Properties) -> str:
    out = [
        f"font-family:'{run.get('eastAsia', '宋体')}',serif",
        f"font-size:{run.get('size', 10.5):g}pt",
        f"letter-spacing:{run.get('letter', 0):g}pt",
    ]
    if run.get("color", "auto") != "auto":
        out.append(f"color:{_colour(run['color'])}")
    if run.get("b"):
        out.append("font-weight:bold")
    if run.get("i"):
        out.append("font-style:italic")
    if run.get("u", "none") != "none":
        out.append("text-decoration:underline")
    if run.get("strike"):
        out.append("text-decoration:line-through")
    if run.get("vertAlign") in ("superscript", "subscript"):
        out.append(f"vertical-align:{run['vertAlign'].removesuffix('script')};font-size:65%")
    return ";".join(out)


_ALIGN = {"both": "justify", "distribute": "justify", "center": "center", "right": "right", "end": "right"}


def _indents(paragraph: Properties, run: Properties) -> tuple[float, float, float]:
    """Left and right margin and first-line indent in points. Where Word counts characters, that wins."""
    em = run.get("size", 10.5) + run.get("letter", 0)

    def length(name: str) -> float:
        characters = paragraph.get(f"{name}Chars")
        return float(characters / 100 * em if characters else paragraph.get(name, 0) / 20)

    hanging = length("hanging")
    # leftChars counts from the hanging line's start, left from the others'
    left = length("left") + (hanging if paragraph.get("leftChars") else 0)
    return left, length("right"), length("firstLine") - hanging


def _paragraph_css(paragraph: Properties, run: Properties) -> str:
    align = paragraph.get("align", "left")
    left, right, first = _indents(paragraph, run)
    line = paragraph.get("line", 240)
    exact = paragraph.get("rule") in ("exact", "atLeast")
    height = line / 20 if exact else line / 240 * run.get("size", 10.5) * 1.3
    out = [
        f"text-align:{_ALIGN.get(align, 'left')}",
        f"line-height:{height:g}pt;min-height:{height:g}pt",
        f"margin:{_points(paragraph.get('before', 0))} {right:g}pt {_points(paragraph.get('after', 0))} {left:g}pt",
        f"text-indent:{first:g}pt",
    ]
    if align == "distribute":
        out.append("text-align-last:justify")
    for side, border in paragraph.get("borders", {}).items():
        if side in ("top", "bottom", "left", "right"):
            out.append(f"border-{side}:{_line(border)};padding-{side}:{border[3]:g}pt")
    if paragraph.get("keepNext"):
        out.append("break-after:avoid")
    if paragraph.get("keepLines"):
        out.append("break-inside:avoid")
    if paragraph.get("widowControl"):
        out.append("orphans:2;widows:2")
    if paragraph.get("pageBreakBefore"):
        out.append("break-before:page")
    return ";".join(out)


class _Styles:
    """Paragraph styles with everything that they inherit."""

    def __init__(self, root: etree._Element) -> None:
        self._styles = {_value(style, "styleId"): style for style in root.iter(W + "style")}
        self._known: dict[str, tuple[Properties, Properties]] = {}
        self.default = next(
            (
                key
                for key, style in self._styles.items()
                if _value(style, "default") in ("1", "true") and _value(style, "type") == "paragraph"
            ),
            "",
        )
        self._paragraph: Properties = {}
        self._run: Properties = {}
        for path, read, out in (
            (f"{W}docDefaults/{W}pPrDefault/{W}pPr", _read_paragraph, self._paragraph),
            (f"{W}docDefaults/{W}rPrDefault/{W}rPr", _read_run, self._run),
        ):
            if (found := root.find(path)) is not None:
                read(found, out)

    def chain(self, key: str) -> list[etree._Element]:
        """The style and those it is based on, nearest first."""
        chain: list[etree._Element] = []
        while (style := self._styles.get(key)) is not None and style not in chain:
            chain.append(style)
            key = _value(style.find(W + "basedOn"))
        return chain

    def resolve(self, key: str) -> tuple[Properties, Properties]:
        if key not in self._known:
            paragraph, run = dict(self._paragraph), dict(self._run)
            for style in reversed(self.chain(key)):
                if (found := style.find(W + "pPr")) is not None:
                    _read_paragraph(found, paragraph)
                if (found := style.find(W + "rPr")) is not None:
                    _read_run(found, run)
            self._known[key] = paragraph, run
        return self._known[key]


# ---- automatic numbering ------------------------------------------------------------------------------------------

_DIGITS = "零一二三四五六七八九"


def _chinese(number: int) -> str:
    tens, ones = divmod(number, 10)
    return (("" if tens == 1 else _DIGITS[tens % 10]) + "十" if tens else "") + (
        _DIGITS[ones] if ones or not tens else ""
    )


_FORMATS: dict[str, Callable[[int], str]] = {
    "decimal": str,
    "lowerLetter": lambda n: chr(96 + (n - 1) % 26 + 1),
    "upperLetter": lambda n: chr(64 + (n - 1) % 26 + 1),
    "decimalEnclosedCircle": lambda n: chr(0x2460 + n - 1) if n <= 20 else str(n),
    "bullet": lambda n: "",
}
_FORMATS |= dict.fromkeys(
    (
        "chineseCounting",
        "chineseCountingThousand",
        "ideographDigital",
        "japaneseCounting",
        "taiwaneseCounting",
    ),
    _chinese,
)


class _Numbering:
    """Numbers that Word counts itself (numbering.xml), such as 一、二、三、 of a designer's list."""

    def __init__(self, root: etree._Element | None) -> None:
        self._levels: dict[str, dict[int, etree._Element]] = {}
        self._counts: dict[tuple[str, int], int] = {}
        if root is None:
            return
        kinds = {_value(kind, "abstractNumId"): kind for kind in root.iter(W + "abstractNum")}
        for number in root.iter(W + "num"):
            kind = kinds.get(_value(number.find(W + "abstractNumId")))
            if kind is not None:
                self._levels[_value(number, "numId")] = {
                    int(_number(_value(level, "ilvl"))): level for level in kind.iter(W + "lvl")
                }

    def next(self, key: str, level: int) -> str:
        levels = self._levels.get(key, {})
        if level not in levels:
            return ""
        start = int(_number(_value(levels[level].find(W + "start")), 1))
        self._counts[key, level] = self._counts.get((key, level), start - 1) + 1
        for deeper in range(level + 1, 9):
            self._counts.pop((key, deeper), None)

        def number(found: re.Match[str]) -> str:
            index = int(found[1]) - 1
            style = _value(levels[index].find(W + "numFmt")) if index in levels else "decimal"
            return _FORMATS.get(style, str)(self._counts.get((key, index), 1))

        text = _value(levels[level].find(W + "lvlText"))
        if _value(levels[level].find(W + "numFmt")) == "bullet":
            return "● "
        return re.sub(r"%(\d)", number, text)


# ---- the converter ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    """Where a block stands: the part with its pictures, and how far its paragraph is from the column's left edge."""

    part: str
    relations: Mapping[str, str]
    left: float = 0.0


@dataclass
class _Converter:
    parts: Mapping[str, bytes]
    pictures: Mapping[str, bytes]
    classes: dict[str, str] = field(default_factory=dict)
    keys: dict[etree._Element, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.styles = _Styles(self._xml("word/styles.xml", f"<w:styles xmlns:w='{W[1:-1]}'/>"))
        settings = self._xml("word/settings.xml", "<none/>")
        self.facing_pages = settings.find(W + "evenAndOddHeaders") is not None
        self.numbering = _Numbering(
            parse_xml(self.parts["word/numbering.xml"]) if "word/numbering.xml" in self.parts else None
        )

    def page(self) -> str:
        place = self._place("word/document.xml")
        document = parse_xml(self.parts[place.part])
        body = document.find(W + "body")
        for kind in ("p", "tbl"):
            self.keys |= {found: f"{kind[0]}{n}" for n, found in enumerate(document.iter(W + kind))}
        section = body.find(W + "sectPr") if body is not None else None
        if body is None or section is None:
            raise Invalid("not-a-docx", "Word 文档没有正文或页面设置，请在 Word 中重新保存。")
        size, margin = section.find(W + "pgSz"), section.find(W + "pgMar")
        top, right, bottom, left = (
            _points(abs(_number(_value(margin, side), 1440))) for side in ("top", "right", "bottom", "left")
        )
        width, height = (_points(_number(_value(size, side), 11906)) for side in ("w", "h"))
        blocks = self._blocks(body, place)
        running, rules = self._running(section, place)
        classes = "".join(f".{name}{{{css}}}" for css, name in self.classes.items())
        return (
            '<!doctype html><html lang="zh-CN"><meta charset="utf-8"><style>'
            f"@page{{size:{width} {height};margin:{top} {right} {bottom} {left}}}{_BASE}{rules}{classes}"
            f"</style><body>{running}{blocks}</body></html>"
        )

    def _running(self, section: etree._Element, place: _Place) -> tuple[str, str]:
        """Headers and footers as running elements, with the rules that put them on their pages."""
        content, rules = [], []
        margin = section.find(W + "pgMar")
        title_page = (title := section.find(W + "titlePg")) is not None and _on(title)
        for kind, box, pad in (("footer", "@bottom-center", "bottom"), ("header", "@top-center", "top")):
            distance = _points(_number(_value(margin, kind), 720))
            for reference in section.findall(f"{W}{kind}Reference"):
                pages = _value(reference, "type", "default")
                part = place.relations.get(reference.get(f"{R}id", ""), "")
                if part not in self.parts or (pages == "even" and not self.facing_pages):
                    continue
                if pages == "first" and not title_page:
                    continue
                name = f"{kind}-{pages}"
                content.append(
                    f'<div class="{name}">{self._blocks(parse_xml(self.parts[part]), self._place(part))}</div>'
                )
                default = "@page:right" if self.facing_pages else "@page"
                selector = {"even": "@page:left", "first": "@page:first"}.get(pages, default)
                rules.append(
                    f".{name}{{position:running({name})}}{selector}{{{box}{{content:element({name});width:100%;"
                    f"vertical-align:{pad};padding-{pad}:{distance}}}}}"
                )
            if title_page and not any(
                _value(r, "type") == "first" for r in section.findall(f"{W}{kind}Reference")
            ):
                rules.append(f"@page:first{{{box}{{content:none}}}}")
        return "".join(content), "".join(rules)

    def _xml(self, part: str, otherwise: str) -> etree._Element:
        return parse_xml(self.parts.get(part, otherwise.encode()))

    def _place(self, part: str) -> _Place:
        rels = self.parts.get(relationships_of(part))
        found = parse_xml(rels) if rels else ()
        targets = {
            r.get("Id", ""): target_of(part, r.get("Target", ""))
            for r in found
            if r.get("TargetMode") != "External"
        }
        return _Place(part, targets)

    def _class(self, css: str) -> str:
        return self.classes.setdefault(css, f"c{len(self.classes)}")

    def _key(self, element: etree._Element) -> str:
        """Names the element, so that its place on the page can be told."""
        return f' {KEY}="{self.keys[element]}"' if element in self.keys else ""

    def _blocks(self, parent: etree._Element, place: _Place) -> str:
        out = []
        for element in parent:
            if element.tag == W + "p":
                out.append(self._paragraph(element, place))
            elif element.tag == W + "tbl":
                out.append(self._table(element, place))
            elif element.tag in (W + "sdt", W + "sdtContent", W + "ins", W + "customXml"):
                out.append(self._blocks(element, place))
        return "".join(out)

    # -- paragraphs

    def _paragraph(self, element: etree._Element, place: _Place) -> str:
        properties = element.find(W + "pPr")
        named = _value(properties.find(W + "pStyle")) if properties is not None else ""
        inherited, run = self.styles.resolve(named or self.styles.default)
        paragraph = dict(inherited)
        if properties is not None:
            _read_paragraph(properties, paragraph)
        left = _indents(paragraph, run)[0]
        content = self._runs(element, run, replace(place, left=left))
        if "numbering" in paragraph:
            content = self._text(self.numbering.next(*paragraph["numbering"]), run) + content
        if paragraph.get("right_tab") and _TAB in content:
            before, _, after = content.partition(_TAB)
            content = f'<span class="right">{after.replace(_TAB, "")}</span>{before}'
        content = content.replace(_TAB, '<span class="tab"></span>')
        css = f"{_paragraph_css(paragraph, run)};{_run_css(run)}"
        if "position:absolute" in content:
            css += ";position:relative"
        if _PAGE_BREAK in content:
            content = content.replace(_PAGE_BREAK, "")
            css += ";break-after:page"
        level = paragraph.get("outline", 9)
        tag = f"h{level + 1}" if level < 6 else "p"
        return f'<{tag} class="{self._class(css)}"{self._key(element)}>{content}</{tag}>'

    def _runs(self, element: etree._Element, inherited: Properties, place: _Place) -> str:
        out, stage, code = [], "", ""  # stage of a field: its code, or the result that Word last saw
        for run in _each_run(element):
            style = dict(inherited)
            if (properties := run.find(W + "rPr")) is not None:
                _read_run(properties, style)
            if style.get("vanish"):
                continue
            content = []
            for child in run:
                tag = str(child.tag).removeprefix(W)
                if tag == "fldChar":
                    kind = _value(child, "fldCharType")
                    if kind == "begin":
                        code = ""
                    elif stage == "code":
                        content.append(_FIELDS.get((code.split() or [""])[0].upper(), ""))
                    stage = {"begin": "code", "separate": "result"}.get(kind, "")
                elif tag == "instrText":
                    code += child.text or ""
                elif stage == "code" or (stage == "result" and (code.split() or [""])[0].upper() in _FIELDS):
                    continue
                elif tag == "t":
                    content.append(self._text(child.text or "", style))
                elif tag in ("tab", "ptab"):
                    content.append(_TAB)
                elif tag == "noBreakHyphen":
                    content.append("\u2011")
                elif tag == "br":
                    content.append(_PAGE_BREAK if _value(child, "type") == "page" else "<br>")
                else:
                    content.append(self._picture(child, place))
            text = "".join(content)
            if text and style != inherited:
                text = f'<span class="{self._class(_run_css(style) + ";line-height:0")}">{text}</span>'
            out.append(text)
        return "".join(out)

    def _text(self, text: str, run: Properties) -> str:
        latin = run.get("ascii", "Times New Roman")
        if latin == run.get("eastAsia"):
            return _escaped(text)
        # A line with two fonts would grow beyond the pitch: only the paragraph's own font counts for its height.
        name = self._class(f"font-family:'{latin}',serif;line-height:0")
        out, at = [], 0
        for found in _LATIN.finditer(text):
            out += [
                _escaped(text[at : found.start()]),
                f'<span class="{name}">{html.escape(found[0])}</span>',
            ]
            at = found.end()
        return "".join(out) + _escaped(text[at:])

    # -- pictures

    def _picture(self, element: etree._Element, place: _Place) -> str:
        """A drawing or a VML shape, inline or placed against its paragraph; empty for what isn't a picture."""
        if element.tag == MC + "AlternateContent":
            branches = [c for branch in element for c in branch]
            return next((shown for branch in branches if (shown := self._picture(branch, place))), "")
        if element.tag == W + "drawing":
            return self._drawing(element, place)
        if element.tag == W + "pict":
            return "".join(self._shape(shape, place) for shape in element.iter(V + "shape"))
        return ""

    def _drawing(self, element: etree._Element, place: _Place) -> str:
        blip, extent = element.find(f".//{A}blip"), element.find(f".//{WP}extent")
        if blip is None or extent is None:
            return ""
        width, height = (_number(extent.get(side)) / 12700 for side in ("cx", "cy"))
        image = self.parts.get(place.relations.get(blip.get(f"{R}embed", ""), ""), b"")
        anchor = element.find(WP + "anchor")
        if anchor is None:
            return _image(image, width, height)
        left = _offset(anchor.find(WP + "positionH")) - place.left
        top = _offset(anchor.find(WP + "positionV"))
        return _image(image, width, height, (left, top, anchor.get("behindDoc") == "1"))

    def _shape(self, shape: etree._Element, place: _Place) -> str:
        declarations = (item.partition(":") for item in shape.get("style", "").split(";"))
        style = {key.strip(): value.strip() for key, _, value in declarations}
        width, height = _length(style.get("width", "")), _length(style.get("height", ""))
        data, line = shape.find(V + "imagedata"), shape.find(O + "signatureline")
        key = "" if line is None else f"line:{line.get('id', '')}"
        if line is not None:
            image = self.pictures.get(line.get("id", ""), b"")
        elif data is not None:
            image = self.parts.get(place.relations.get(data.get(f"{R}id", ""), ""), b"")
        else:
            return ""
        if style.get("position") != "absolute":
            return _image(image, width, height, key=key)
        left = _length(style.get("margin-left", style.get("left", "")))
        if style.get("mso-position-horizontal-relative", "text") in ("text", "margin", "column"):
            left -= place.left
        top = _length(style.get("margin-top", style.get("top", "")))
        return _image(image, width, height, (left, top, style.get("z-index", "").startswith("-")), key)

    # -- tables

    def _table(self, element: etree._Element, place: _Place) -> str:
        properties = element.find(W + "tblPr")
        chain = [
            style.find(W + "tblPr") for style in self.styles.chain(_value(_find(properties, "tblStyle")))
        ]
        borders: dict[str, tuple[str, float, str, float]] = {}
        padding = {"top": 0.0, "right": 108.0, "bottom": 0.0, "left": 108.0}
        for level in [*reversed(chain), properties]:
            if (found := _find(level, "tblBorders")) is not None:
                borders |= _borders(found)
            for side in level.iterfind(f"{W}tblCellMar/*") if level is not None else ():
                padding[str(side.tag).removeprefix(W)] = _number(_value(side, "w"))
        grid = [_number(_value(column, "w")) for column in element.findall(f"{W}tblGrid/{W}gridCol")]
        rows = [_Row.read(row) for row in element.iter(W + "tr") if _table_of(row) is element]
        _centre_merged(rows)
        head, out = 0, []
        for number, row in enumerate(rows):
            cells = []
            for cell in row.cells:
                own = borders | cell.borders
                first, last = cell.column == 0, cell.column + cell.span >= max(len(grid), 1)
                top = (
                    None
                    if cell.merged
                    else own.get("top" if number == 0 or "top" in cell.borders else "insideH")
                )
                bottom = own.get(
                    "bottom" if number == len(rows) - 1 or "bottom" in cell.borders else "insideH"
                )
                css = (
                    f"padding:{' '.join(_points(padding[side]) for side in ('top', 'right', 'bottom', 'left'))};"
                    f"vertical-align:{cell.align};"
                    f"border-top:{_line(top)};border-bottom:{_line(None if cell.goes_on else bottom)};"
                    f"border-left:{_line(own.get('left' if first or 'left' in cell.borders else 'insideV'))};"
                    f"border-right:{_line(own.get('right' if last or 'right' in cell.borders else 'insideV'))}"
                )
                if cell.fill:
                    css += f";background:{cell.fill}"
                if row.height:
                    css += f";height:{_points(row.height - padding['top'] - padding['bottom'])}"
                span = f' colspan="{cell.span}"' if cell.span > 1 else ""
                content = "".join(self._blocks(block, place) for block in cell.content)
                cells.append(f'<td class="{self._class(css)}"{span}>{content}</td>')
            keep = "break-inside:avoid;" if row.whole else ""
            if any(
                self._kept(p) for cell in row.cells for block in cell.content for p in block.iter(W + "p")
            ):
                keep += "break-after:avoid"
            keep = f' style="{keep}"' if keep else ""
            out.append(f"<tr{keep}>{''.join(cells)}</tr>")
            head += row.header and head == number
        total = sum(grid) or 1
        columns = "".join(f'<col style="width:{100 * width / total:.3f}%">' for width in grid)
        margin = {"center": "0 auto", "right": "0 0 0 auto"}.get(_value(_find(properties, "jc")), "0")
        css = self._class(f"width:{_points(total)};margin:{margin}")
        body = f"<thead>{''.join(out[:head])}</thead>{''.join(out[head:])}" if head else "".join(out)
        table = f'<table class="{css}"{self._key(element)}><colgroup>{columns}</colgroup>{body}</table>'
        floating = _find(properties, "tblpPr")
        if _value(floating, "tblpYSpec") == "bottom":
            return f'<div class="bottom">{table}</div>'
        return table

    def _kept(self, paragraph: etree._Element) -> bool:
        """Whether a paragraph stays on the page of the next one."""
        properties = paragraph.find(W + "pPr")
        found = dict(self.styles.resolve(_value(_find(properties, "pStyle")) or self.styles.default)[0])
        if properties is not None:
            _read_paragraph(properties, found)
        return bool(found.get("keepNext"))


_TAB, _PAGE_BREAK = "\ue000", "\ue001"  # private use: replaced when the paragraph is known
_FIELDS = {
    "PAGE": '<span class="page"></span>',
    "NUMPAGES": '<span class="pages"></span>',
    "SECTIONPAGES": '<span class="pages"></span>',
}


def _escaped(text: str) -> str:
    return _QUOTE.sub("\u200b", html.escape(text))


def _find(element: etree._Element | None, name: str) -> etree._Element | None:
    return None if element is None else element.find(W + name)


def _each_run(element: etree._Element) -> Iterator[etree._Element]:
    """The runs of a paragraph; deleted text is left out, inserted text is in."""
    for child in element:
        if child.tag == W + "r":
            yield child
        elif child.tag in (
            W + "hyperlink", W + "ins", W + "smartTag", W + "sdt", W + "sdtContent", W + "fldSimple"
        ):  # fmt: skip
            yield from _each_run(child)


def _image(
    content: bytes, width: float, height: float, place: tuple[float, float, bool] | None = None, key: str = ""
) -> str:
    """:param width: in points, as the others
    :param place: distance from the paragraph's left and top edge, and whether it lies behind the text
    :param key: what its place on the page is told by"""
    kind = next((kind for magic, kind in _PICTURES.items() if content.startswith(magic)), None)
    css = f"width:{width:g}pt;height:{height:g}pt;"
    key = f' {KEY}="{html.escape(key)}"' if key else ""
    if place is not None:
        left, top, behind = place
        css += f"position:absolute;left:{left:g}pt;top:{top:g}pt;z-index:{-1 if behind else 5};"
    if kind is None:
        return "" if place and not key else f'<span{key} style="display:inline-block;{css}"></span>'
    data = base64.b64encode(content).decode()
    return f'<img{key} alt="" style="{css}object-fit:contain" src="data:{kind};base64,{data}">'


def _offset(position: etree._Element | None) -> float:
    return 0 if position is None else _number(position.findtext(WP + "posOffset")) / 12700


def _length(text: str) -> float:
    """CSS length in points."""
    found = re.fullmatch(r"(-?[\d.]+)(pt|mm|cm|in|px)?", text)
    scale = {"mm": 72 / 25.4, "cm": 72 / 2.54, "in": 72, "px": 0.75}
    return _number(found[1]) * scale.get(found[2], 1) if found else 0


@dataclass
class _Cell:
    content: list[etree._Element]
    column: int
    span: int
    align: str
    borders: dict[str, tuple[str, float, str, float]]
    fill: str
    merged: bool  # goes on from the cell above
    goes_on: bool = False  # below


@dataclass
class _Row:
    cells: list[_Cell]
    height: float  # twips
    header: bool
    whole: bool

    @classmethod
    def read(cls, row: etree._Element) -> _Row:
        properties, column = row.find(W + "trPr"), 0
        cells = []
        for cell in row.iter(W + "tc"):
            if _table_of(cell) is not _table_of(row):
                continue
            own = cell.find(W + "tcPr")
            span = int(_number(_value(_find(own, "gridSpan")), 1))
            merge = _find(own, "vMerge")
            cells.append(
                _Cell(
                    content=[cell],
                    column=column,
                    span=span,
                    align={"center": "middle", "bottom": "bottom"}.get(_value(_find(own, "vAlign")), "top"),
                    borders=_borders(found) if (found := _find(own, "tcBorders")) is not None else {},
                    fill=_colour(fill)
                    if (fill := _value(_find(own, "shd"), "fill", "auto")) != "auto"
                    else "",
                    merged=merge is not None and _value(merge, default="continue") == "continue",
                )
            )
            column += span
        height = _find(properties, "trHeight")
        return cls(
            cells,
            _number(_value(height)),
            (header := _find(properties, "tblHeader")) is not None and _on(header),
            (whole := _find(properties, "cantSplit")) is not None and _on(whole),
        )


def _centre_merged(rows: Sequence[_Row]) -> None:
    """Vertically merged cells stay one cell a row, without lines between: a page may then break anywhere among them. What is
    centred moves to the row in the middle."""
    for number, row in enumerate(rows):
        for cell in row.cells:
            if cell.merged:
                continue
            group = [cell]
            for below in rows[number + 1 :]:
                same = next((c for c in below.cells if c.column == cell.column and c.merged), None)
                if same is None:
                    break
                group[-1].goes_on = True
                group.append(same)
                same.content = []
            if len(group) > 1 and cell.align == "middle":
                middle = group[(len(group) - 1) // 2]
                cell.content, middle.content = [], cell.content
                if len(group) % 2 == 0:
                    middle.align = "bottom"


def _table_of(element: etree._Element) -> etree._Element | None:
    return next(element.iterancestors(W + "tbl"), None)
