"""The body of a document: its blocks in their order, paragraphs with their runs."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from lxml import etree

from engine.documents import fonts
from engine.documents.docx import borders
from engine.documents.docx.frames import Frame
from engine.documents.docx.geometry import Page
from engine.documents.docx.markup import W, find, points, switched, value
from engine.documents.docx.numbering import Numbering
from engine.documents.docx.pictures import KEY, ON_PAGE, pictures
from engine.documents.docx.properties import (
    FONT,
    LATIN,
    Properties,
    indents,
    line_height,
    paragraph_css,
    read_paragraph,
    read_run,
    run_css,
)
from engine.documents.docx.sections import Section, sections
from engine.documents.docx.styles import Styles
from engine.documents.docx.tables import Table
from engine.documents.package import parse_xml, relationships_of, target_of
from engine.errors import Invalid

TAB = "data-tab"  # attribute of a tab: "default distance;stop stop ...", a stop being l, c or r and its place

# Letters and digits take the Latin font; “ ” — … between them stay with the East Asian one.
_LATIN = re.compile(r"[\x21-\x7e\u00a0-\u00b6\u00b8-\u02ff]+(?: +[\x21-\x7e\u00a0-\u00b6\u00b8-\u02ff]+)*")
# Pango doesn't break a line before “ nor after ”: a space without width says where it may.
_QUOTE = re.compile(
    "(?<=[\u3001-\u301f\u3400-\u9fff\uff01-\uff60])(?=[\u201c\u2018])|(?<=[\u201d\u2019])(?=[\u3400-\u9fff\u201c])"
)
_TAB, _BREAK = "\0tab", "\0break"  # items of a paragraph that are no content: no XML has a NUL
_FIELDS = {
    "PAGE": '<span class="page"></span>',
    "NUMPAGES": '<span class="pages"></span>',
    "SECTIONPAGES": '<span class="pages"></span>',
}
# Signs of the font Wingdings that Word inserts: boxes, ticks, bullets
_SYMBOLS = {"A8": "□", "6F": "□", "FE": "☑", "52": "☑", "FD": "☒", "FC": "✓", "6C": "●", "6E": "■", "75": "◆"}
_BASE = """
body{margin:0;hyphens:none}
p,h1,h2,h3,h4,h5,h6{font-weight:normal;margin:0;orphans:1;widows:1}
table{border-collapse:collapse;table-layout:fixed}
.tab{display:inline-block;white-space:nowrap;text-indent:0;text-align:right}
.spaces{white-space:pre-wrap}
img{image-rendering:crisp-edges}
.page::before{content:counter(page)}
.pages::before{content:counter(pages)}
.bottom{float:footnote;display:block}
.bottom::footnote-call,.bottom::footnote-marker{content:none}
@page{@footnote{margin:0;padding:0}}
"""


@dataclass(frozen=True)
class _Place:
    """Where a block stands: the part with its pictures, the page, and how far things are.

    :ivar left: of its paragraph, from the column's left edge
    :ivar level: what stands in a line of its paragraph is level with the line's middle
    :ivar origin: what places on the page are measured from in CSS, from the page's upper left corner
    :ivar loose: takes what stands on the page itself, in headers and footers
    """

    part: str
    relations: Mapping[str, str]
    page: Page
    left: float = 0.0
    level: bool = False
    origin: tuple[float, float] = (0.0, 0.0)
    loose: list[str] | None = None


@dataclass
class Converter:
    """:ivar parts: of the package
    :ivar pictures: id of a signature line -> its picture"""

    parts: Mapping[str, bytes]
    pictures: Mapping[str, bytes]
    classes: dict[str, str] = field(default_factory=dict)
    keys: dict[etree._Element, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.styles = Styles(self._xml("word/styles.xml", f"<w:styles xmlns:w='{W[1:-1]}'/>"))
        settings = self._xml("word/settings.xml", "<none/>")
        self.facing = switched(settings, "evenAndOddHeaders")
        self.tab = points(find(settings, "defaultTabStop"), default=36)
        self.numbering = Numbering(
            parse_xml(self.parts["word/numbering.xml"]) if "word/numbering.xml" in self.parts else None
        )

    def html(self) -> str:
        part = "word/document.xml"
        document, relations = parse_xml(self.parts[part]), self._relations(part)
        body = find(document, "body")
        for kind in ("p", "tbl"):
            self.keys |= {found: f"{kind[0]}{n}" for n, found in enumerate(document.iter(W + kind))}
        found = sections(body, relations) if body is not None else []
        if not found:
            raise Invalid("not-a-docx", "Word 文档没有正文或页面设置，请在 Word 中重新保存。")
        running, content, rules = list[str](), list[str](), list[str]()
        for index, section in enumerate(found):
            name = f"s{index}"
            page, turn = section.page, {"oddPage": "right", "evenPage": "left"}.get(section.starts, "page")
            if section.title_page or section.first_number is not None or len(found) > 1:
                start = f"page:{name};" + (f"break-before:{turn}" if index else "")
            else:  # without the pages' name, page groups cost nothing
                name, start = "", ""
            place = _Place(part, relations, page, origin=(page.left, page.top))
            blocks = self._blocks(section.blocks, place, first=True)
            content.append(f'<div style="{start}">{blocks}</div>' if start else blocks)
            rules.append(section.css(name, facing=self.facing, parts=self.parts))
            running += self._running(section, name)
        if name:
            rules.insert(0, section.css(name, facing=self.facing, parts=self.parts, unnamed=True))
        if len(found) > 1:
            rules.append("@page:blank{@top-center{content:none}@bottom-center{content:none}}")
        classes = "".join(f".{name}{{{css}}}" for css, name in self.classes.items())
        return (
            f'<html lang="zh-CN"><head><meta charset="utf-8"/>{self._metadata()}'
            f"<style>{_BASE}{''.join(rules)}{classes}</style></head><body>{''.join(running)}{''.join(content)}</body></html>"
        )

    def _metadata(self) -> str:
        core = self._xml("docProps/core.xml", "<none/>")
        title, author = (
            html.escape(core.findtext(f"{{http://purl.org/dc/elements/1.1/}}{name}") or "").strip()
            for name in ("title", "creator")
        )
        title = f"<title>{title}</title>" if title else ""
        return title + (f'<meta name="author" content="{author}"/>' if author else "")

    def _running(self, section: Section, name: str) -> Iterator[str]:
        """Headers and footers as running elements."""
        page = section.page
        for (kind, pages), part in section.running.items():
            if part not in self.parts:
                continue
            # In a margin box, places are measured from its upper left corner.
            corner = page.height - page.bottom if kind == "footer" else 0.0
            place = _Place(part, self._relations(part), page, origin=(page.left, corner), loose=[])
            blocks = self._blocks(parse_xml(self.parts[part]), place)
            side = f"bottom:{page.footer - page.bottom:g}pt" if kind == "footer" else f"top:{page.header:g}pt"
            running = self._class(f"position:running({name}-{kind}-{pages})")
            flow = self._class(f"position:absolute;left:0;right:0;{side}")
            yield f'<div class="{running}"><div class="{flow}">{blocks}</div>{"".join(place.loose or ())}</div>'

    def _xml(self, part: str, otherwise: str) -> etree._Element:
        return parse_xml(self.parts.get(part, otherwise.encode()))

    def _relations(self, part: str) -> dict[str, str]:
        rels = self.parts.get(relationships_of(part))
        return {
            r.get("Id", ""): target_of(part, r.get("Target", ""))
            for r in (parse_xml(rels) if rels else ())
            if r.get("TargetMode") != "External"
        }

    def _class(self, css: str) -> str:
        return self.classes.setdefault(css, f"c{len(self.classes)}")

    def _key(self, element: etree._Element) -> str:
        """Names the element, so that its place on the page can be told."""
        return f' {KEY}="{self.keys[element]}"' if element in self.keys else ""

    # -- blocks

    def _blocks(
        self, elements: etree._Element | Sequence[etree._Element], place: _Place, *, first: bool = False
    ) -> str:
        """:param first: whether they begin a page"""
        out, blocks = [], list(_each_block(elements))
        at = 0
        while at < len(blocks):
            element = blocks[at]
            frame = self._framed(element)
            if element.tag == W + "tbl":
                out.append(self._table(element, place))
            elif frame:
                group = [element]
                while at + 1 < len(blocks) and self._framed(blocks[at + 1]) == frame:
                    at += 1
                    group.append(blocks[at])
                out.append(self._frame(frame, group, place, first=first))
            else:
                near = (blocks[at - 1] if at else None, blocks[at + 1] if at + 1 < len(blocks) else None)
                out.append(self._paragraph(element, place, near))
            first = first and bool(frame)
            at += 1
        return "".join(out)

    def _framed(self, element: etree._Element) -> Properties:
        """The properties of the frame that the paragraph stands in; empty: in none."""
        if element.tag != W + "p":
            return {}
        frame: Properties = self.styles.of(element)[0].get("frame", {})
        return frame if "dropCap" not in frame else {}

    def _frame(
        self, properties: Properties, paragraphs: list[etree._Element], place: _Place, *, first: bool
    ) -> str:
        page = place.page
        frame = Frame.read(properties, page)
        height = sum(line_height(*self.styles.of(paragraph)) for paragraph in paragraphs)
        inside = replace(place, origin=(page.left + frame.left, page.top + (frame.top or 0)))
        content = "".join(self._paragraph(paragraph, inside, (None, None)) for paragraph in paragraphs)
        if first and frame.pushes(page, height):
            return f'<div style="{frame.flow_css()}">{content}</div>'
        content = f'<div style="{frame.css(page.top - place.origin[1])}">{content}</div>'
        if place.loose is None:
            return content
        place.loose.append(content)
        return ""

    # -- paragraphs

    def _paragraph(
        self,
        element: etree._Element,
        place: _Place,
        near: tuple[etree._Element | None, etree._Element | None] = (None, None),
    ) -> str:
        """:param near: the blocks before and after it"""
        paragraph, run = self.styles.of(element)
        mark: list[str] = []
        if "numbering" in paragraph:
            paragraph, mark = self._numbered(element, paragraph, run)
        left = indents(paragraph, run)[0]
        within = replace(place, left=left, level=paragraph.get("upright") == "center")
        items = mark + self._runs(element, run, within)
        joined = tuple(other is not None and self._joined(paragraph, other) for other in near)
        css = f"{paragraph_css(paragraph, run, joined=(joined[0], joined[1]))};{run_css(run)}"
        level, out = paragraph.get("outline", 9), []
        tag, key = f"h{level + 1}" if level < 6 else "p", self._key(element)
        # What stands on the page is measured from it, what stands beside the paragraph from the paragraph: never both in one box.
        beside = any("position:absolute" in item and ON_PAGE not in item for item in items)
        loose = [item for item in items if ON_PAGE in item] if beside or place.loose is not None else []
        if loose and place.loose is not None:
            place.loose.extend(loose)
        elif loose:
            out.append(f'<div style="height:0;break-after:avoid">{"".join(loose)}</div>')
        pages = _split([item for item in items if item not in loose], _BREAK)
        for index, page in enumerate(pages):
            if index and index == len(pages) - 1 and not page:
                break  # Word leaves the paragraph's end before the break
            content, own = self._tabbed(page, paragraph, left), css
            for side, end in (("top", index == 0), ("bottom", index == len(pages) - 1)):
                border = paragraph.get("borders", {}).get(side)
                if end and borders.unequal(border) and not joined[side == "bottom"]:
                    line = f'<span class="{self._class(borders.block_css(border, side))}"></span>'
                    content = content or "\u200b"
                    content = line + content if side == "top" else content + line
            if beside:
                own += ";position:relative"
            if index:
                own += ";break-before:page;text-indent:0"
            elif len(pages) == 2 and not pages[1]:
                own += ";break-after:page"
            out.append(f'<{tag} class="{self._class(own)}"{key}>{content}</{tag}>')
        return "".join(out)

    def _joined(self, paragraph: Properties, other: etree._Element) -> bool:
        """Whether the lines around two neighbours are one: they are equal, at equal indents."""
        if not paragraph.get("borders") or other.tag != W + "p":
            return False
        same = ("borders", "left", "right", "firstLine", "hanging")
        found = self.styles.of(other)[0]
        return all(paragraph.get(name) == found.get(name) for name in same) and "frame" not in found

    def _numbered(
        self, element: etree._Element, paragraph: Properties, run: Properties
    ) -> tuple[Properties, list[str]]:
        """The paragraph with the indents of its list, and the number in front of it."""
        properties = find(element, "pPr")
        item = self.numbering.next(*paragraph["numbering"])
        if item is None:
            return paragraph, []
        level = find(self.numbering.level(*paragraph["numbering"]), "pPr")
        if find(properties, "numPr") is not None:  # of its own: above its style's indents
            named = value(find(properties, "pStyle")) or self.styles.default
            paragraph = read_paragraph(properties, read_paragraph(level, dict(self.styles.resolve(named)[0])))
        else:
            paragraph = read_paragraph(level, {}) | paragraph
        style = read_run(item.run, read_run(find(find(element, "pPr"), "rPr"), dict(run)))
        mark = [self._text(item.text, style, run)]
        mark += {"tab": [_TAB], "space": [" "]}.get(item.then, [])
        return paragraph, mark

    def _tabbed(self, items: list[str], paragraph: Properties, left: float) -> str:
        """The items of a paragraph; what follows a tab to the middle or the right stands in the tab's own box."""
        parts = _split(items, _TAB)
        if len(parts) == 1:
            return "".join(items)
        stops = list(paragraph.get("stops", ()))
        if paragraph.get("hanging") and left not in dict(stops):
            stops = sorted([*stops, (left, "left")])
        told = " ".join(f"{_STOPS.get(kind, 'l')}{place - left:g}" for place, kind in stops)
        out = "".join(parts[0])
        for index, part in enumerate(parts[1:]):
            kind = stops[index][1] if index < len(stops) else "left"
            content = "".join(part)
            tab = f'<span class="tab" {TAB}="{self.tab:g};{-left:g};{told}">'
            out += f"{tab}{content}</span>" if kind in ("center", "right") else f"{tab}</span>{content}"
        return out

    # -- runs

    def _runs(self, element: etree._Element, inherited: Properties, place: _Place) -> list[str]:
        """Content, ``_TAB`` and ``_BREAK``."""
        out: list[str] = []
        stage, code = "", ""  # stage of a field: its code, or the result that Word last saw
        for run in _each_run(element):
            if run.tag == W + "fldSimple":
                out.append(_FIELDS.get((value(run, "instr").split() or [""])[0].upper(), ""))
                continue
            style, properties = dict(inherited), find(run, "rPr")
            if (named := find(properties, "rStyle")) is not None:
                self.styles.character(value(named), style)
            if read_run(properties, style).get("vanish"):
                continue
            for child in run:
                tag = str(child.tag).removeprefix(W)
                if tag == "fldChar":
                    kind = value(child, "fldCharType")
                    if kind == "begin":
                        code = ""
                    elif stage == "code" and (shown := _field(code)):
                        out.append(self._styled(shown, style, inherited))
                    stage = {"begin": "code", "separate": "result"}.get(kind, "")
                elif tag == "instrText":
                    code += child.text or ""
                elif stage == "code" or (stage == "result" and _field(code)):
                    continue
                elif tag == "t":
                    out.append(self._text(child.text or "", style, inherited))
                elif tag in ("tab", "ptab"):
                    out.append(_TAB)
                elif tag == "noBreakHyphen":
                    out.append(self._text("\u2011", style, inherited))
                elif tag == "sym":
                    sign = _SYMBOLS.get(value(child, "char")[-2:].upper(), fonts.GETA)
                    out.append(self._text(sign, style, inherited))
                elif tag in ("br", "cr"):
                    out.append(_BREAK if value(child, "type") == "page" else "<br/>")
                else:
                    out += self._pictures(child, place)
        return out

    def _styled(self, content: str, style: Properties, inherited: Properties) -> str:
        if style == inherited or not content:
            return content
        # A line with two fonts would grow beyond the pitch: only the paragraph's own font counts for its height.
        return f'<span class="{self._class(run_css(style) + ";line-height:0")}">{content}</span>'

    def _text(self, text: str, style: Properties, inherited: Properties) -> str:
        text = fonts.printable(text.replace("\n", " "))
        return self._styled(self._in_fonts(text, style), style, inherited)

    def _in_fonts(self, text: str, run: Properties) -> str:
        latin = run.get("ascii", LATIN)
        if latin == run.get("eastAsia", FONT):
            return _escaped(text)
        name = self._class(f"font-family:'{latin}',serif;line-height:0")
        out, at = [], 0
        for found in _LATIN.finditer(text):
            out += [
                _escaped(text[at : found.start()]),
                f'<span class="{name}">{html.escape(found[0])}</span>',
            ]
            at = found.end()
        return "".join(out) + _escaped(text[at:])

    def _pictures(self, element: etree._Element, place: _Place) -> Iterator[str]:
        for picture in pictures(element, place.page):
            source = place.relations.get(picture.source, "")
            content = self.pictures.get(picture.line, b"") if picture.line else self.parts.get(source, b"")
            on_page = picture.spot is not None and picture.spot.on_page
            yield picture.html(content, place.origin if on_page else (place.left, 0), level=place.level)

    # -- tables

    def _table(self, element: etree._Element, place: _Place) -> str:
        return Table.read(element, self.styles).html(
            self._key(element),
            css_class=self._class,
            blocks=lambda cell: self._blocks(cell, place),
            kept=lambda paragraph: bool(self.styles.of(paragraph)[0].get("keepNext")),
        )


_STOPS = {"center": "c", "right": "r"}


def _field(code: str) -> str:
    return _FIELDS.get((code.split() or [""])[0].upper(), "")


def _split(items: list[str], at: str) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for item in items:
        if item == at:
            parts.append([])
        else:
            parts[-1].append(item)
    return parts


def _escaped(text: str) -> str:
    text = _QUOTE.sub("\u200b", html.escape(text))
    return f'<span class="spaces">{text}</span>' if "  " in text else text


def _each_block(elements: etree._Element | Sequence[etree._Element]) -> Iterator[etree._Element]:
    for element in elements:
        if element.tag in (W + "p", W + "tbl"):
            yield element
        elif element.tag in (W + "sdt", W + "sdtContent", W + "ins", W + "customXml"):
            yield from _each_block(element)


def _each_run(element: etree._Element) -> Iterator[etree._Element]:
    """The runs of a paragraph; deleted text is left out, inserted text is in. A field that is known comes as it is."""
    for child in element:
        if child.tag == W + "r" or (child.tag == W + "fldSimple" and _field(value(child, "instr"))):
            yield child
        elif child.tag in (
            W + "hyperlink", W + "ins", W + "smartTag", W + "sdt", W + "sdtContent", W + "fldSimple"
        ):  # fmt: skip
            yield from _each_run(child)
