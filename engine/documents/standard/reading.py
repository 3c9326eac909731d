"""Reads a .docx into a manuscript.

It reads the file by itself, apart from the converter to PDF: what both would misread alike, the checker would call right. Nothing
of a strange file makes it fail but a broken package.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lxml import etree

from engine.documents.docx import markup
from engine.documents.docx.markup import MC, WP, A, O, R, V, W, css_length, on, value
from engine.documents.docx.numbering import Numbering
from engine.documents.package import parse_xml, read_package, relationships_of, target_of
from engine.documents.standard.manuscript import (
    MILLIMETRE,
    PAGE_NUMBER,
    Border,
    Cell,
    Frame,
    Manuscript,
    Paragraph,
    Picture,
    Row,
    Run,
    Section,
    Table,
)
from engine.errors import Invalid

_CATEGORY = "{http://schemas.openxmlformats.org/package/2006/metadata/core-properties}category"
_BEYOND = 1e8  # EMU of three metres
MOST_PARAGRAPHS = 20_000  # some seconds
_DEEPEST = 20  # styles that are based on one another
_MARKER = re.compile(r"⟦(签名|印章):[^⟦⟧]+⟧")
_NO_BORDER = Border("", 0, "", 0)

Values = dict[str, Any]


def read(content: bytes) -> Manuscript:
    """:raises Invalid: ``not-a-docx``, ``package-too-big``"""
    parts = read_package(content)
    main = _main_part(parts)
    if main not in parts:
        raise Invalid("not-a-docx", "文件不是 Word 文档，请上传由 Word 或 WPS 保存的 .docx 文件。")
    return _Reader(parts, main).manuscript()


def _main_part(parts: Mapping[str, bytes]) -> str:
    for link in parse_xml(parts["_rels/.rels"]):
        if link.get("Type", "").endswith("/officeDocument"):
            return target_of("", link.get("Target", ""))
    return ""


# ---- properties ----------------------------------------------------------------------------------------------------


def number(text: str | None, default: float = 0.0) -> float:
    """A number as the file writes it; ``default`` for what is none, or beyond any page."""
    found = markup.number(text, default)
    return found if abs(found) < _BEYOND else default


def _find(element: etree._Element | None, path: str) -> etree._Element | None:
    return None if element is None else element.find("/".join(W + name for name in path.split("/")))


def _each(element: etree._Element | None, path: str) -> list[etree._Element]:
    found = _find(element, path)
    return [] if found is None else [child for child in found if isinstance(child.tag, str)]


def _border(element: etree._Element | None) -> Border:
    if element is None:
        return Border("", 0, "", 0)
    return Border(
        value(element),
        number(value(element, "sz")) / 8,
        value(element, "color", "auto").upper(),
        number(value(element, "space")),
    )


_TWIPS = ("before", "after", "left", "start", "right", "end", "firstLine", "hanging")
_CHARACTERS = ("leftChars", "startChars", "rightChars", "endChars", "firstLineChars", "hangingChars")
_ONE_NAME = {"start": "left", "end": "right", "startChars": "leftChars", "endChars": "rightChars"}


def _paragraph_values(properties: etree._Element | None, out: Values) -> None:
    for element in properties if properties is not None else ():
        if not isinstance(element.tag, str):
            continue
        tag = element.tag.removeprefix(W)
        if tag == "jc":
            out["align"] = value(element)
        elif tag == "spacing":
            rule = value(element, "lineRule")
            if (line := value(element, "line")) or rule:
                out["rule"] = rule or "auto"
                measure = number(line, 240)
                out["line"] = measure if out["rule"] == "auto" else abs(measure) / 20
            for name in ("before", "after"):
                if given := value(element, name):
                    out[name] = number(given) / 20
                    out.pop(f"{name}Lines", None)
                if given := value(element, f"{name}Lines"):
                    out[f"{name}Lines"] = number(given) / 100
        elif tag == "ind":
            found = {_ONE_NAME.get(n, n): number(v) / 20 for n in _TWIPS if (v := value(element, n))}
            found |= {_ONE_NAME.get(n, n): number(v) / 100 for n in _CHARACTERS if (v := value(element, n))}
            for one, other in (("firstLine", "hanging"), ("hanging", "firstLine")):
                if one in found or f"{one}Chars" in found:
                    out.pop(other, None)
                    out.pop(f"{other}Chars", None)
            for name in ("left", "right", "firstLine", "hanging"):
                if name in found and f"{name}Chars" not in found:
                    out.pop(f"{name}Chars", None)
            out |= found
        elif tag == "pBdr":
            for side in element:
                out[f"{str(side.tag).removeprefix(W)}_border"] = _border(side)
        elif tag == "tabs":
            stops = dict(out.get("stops", {}))
            for stop in element:
                kind, at = value(stop), number(value(stop, "pos")) / 20
                stops.pop(at, None)
                if kind in ("left", "start", "center", "right", "end"):
                    stops[at] = _ONE_NAME.get(kind, kind)
            out["stops"] = stops
        elif tag in ("pageBreakBefore", "snapToGrid"):
            out[tag] = on(element)
        elif tag == "numPr":
            out["numbering"] = (
                value(element.find(W + "numId")),
                int(number(value(element.find(W + "ilvl")))),
            )
        elif tag == "framePr":
            out["frame"] = element


def _run_values(properties: etree._Element | None, out: Values, themes: Mapping[str, str]) -> None:
    for element in properties if properties is not None else ():
        if not isinstance(element.tag, str):
            continue
        tag = element.tag.removeprefix(W)
        if tag == "rFonts":
            for name in ("eastAsia", "ascii"):
                if theme := value(element, f"{name}Theme"):
                    out[name] = themes.get(theme, "")
                elif given := value(element, name):
                    out[name] = given
        elif tag == "sz":
            out["size"] = number(value(element), 20) / 2
        elif tag == "color":
            out["colour"] = value(element, default="auto").upper()
            if theme := value(element, "themeColor"):
                out["colour"] = "auto" if theme in ("text1", "dark1") else out["colour"]
        elif tag == "spacing":
            out["spacing"] = number(value(element)) / 20
        elif tag in ("b", "vanish"):
            out[tag] = on(element)


# ---- reading -------------------------------------------------------------------------------------------------------


class _Reader:
    def __init__(self, parts: Mapping[str, bytes], main: str) -> None:
        self.parts, self.main = parts, main
        self.links = self._links(main)
        self.themes = self._theme_fonts()
        root = self._part("styles")
        self.styles = {value(s, "styleId"): s for s in root.iter(W + "style")} if root is not None else {}
        self.normal = next(
            (
                key
                for key, style in self.styles.items()
                if value(style, "type") == "paragraph" and value(style, "default") in ("1", "true")
            ),
            "",
        )
        self.basics: tuple[Values, Values] = {}, {}
        _paragraph_values(_find(root, "docDefaults/pPrDefault/pPr"), self.basics[0])
        _run_values(_find(root, "docDefaults/rPrDefault/rPr"), self.basics[1], self.themes)
        self.resolved: dict[str, tuple[Values, Values, tuple[str, ...]]] = {}
        self.numbering = Numbering(self._part("numbering"))
        self.settings = self._part("settings")
        self.break_before = False

    def _links(self, part: str) -> dict[str, tuple[str, str]]:
        """Relationship id -> kind and part."""
        content = self.parts.get(relationships_of(part))
        return {
            link.get("Id", ""): (
                link.get("Type", "").rpartition("/")[2],
                target_of(part, link.get("Target", "")),
            )
            for link in (parse_xml(content) if content else ())
            if isinstance(link.tag, str) and link.get("TargetMode") != "External"
        }

    def _part(self, kind: str) -> etree._Element | None:
        name = next((name for one, name in self.links.values() if one == kind), "")
        return parse_xml(self.parts[name]) if name in self.parts else None

    def _theme_fonts(self) -> dict[str, str]:
        root, found = self._part("theme"), dict[str, str]()
        for weight in ("minor", "major"):
            fonts = root.find(f".//{A}{weight}Font") if root is not None else None
            if fonts is None:
                continue
            latin, east = fonts.find(f"{A}latin"), fonts.find(f"{A}ea")
            chinese = next((f for f in fonts.findall(f"{A}font") if f.get("script") == "Hans"), None)
            names = {
                "Ascii": latin.get("typeface", "") if latin is not None else "",
                "HAnsi": latin.get("typeface", "") if latin is not None else "",
                "EastAsia": (east.get("typeface", "") if east is not None else "")
                or (chinese.get("typeface", "") if chinese is not None else ""),
            }
            found |= {f"{weight}{kind}": name for kind, name in names.items()}
        return found

    def _style(self, key: str) -> tuple[Values, Values, tuple[str, ...]]:
        if key not in self.resolved:
            chain: list[etree._Element] = []
            here = key
            while (style := self.styles.get(here)) is not None and len(chain) < _DEEPEST:
                chain.append(style)
                here = value(style.find(W + "basedOn"))
            names: list[str] = []
            paragraph, run = dict(self.basics[0]), dict(self.basics[1])
            for style in reversed(chain):
                _paragraph_values(style.find(W + "pPr"), paragraph)
                _run_values(style.find(W + "rPr"), run, self.themes)
            for style in chain:
                names += [value(style, "styleId"), value(style.find(W + "name"))]
            self.resolved[key] = paragraph, run, tuple(names)
        return self.resolved[key]

    def manuscript(self) -> Manuscript:
        root = parse_xml(self.parts[self.main])
        body = root.find(W + "body")
        if body is None:
            raise Invalid("not-a-docx", "Word 文档没有正文，请在 Word 中重新保存。")
        places: dict[etree._Element, Paragraph] = {}
        if sum(1 for _ in root.iter(W + "p")) > MOST_PARAGRAPHS:
            raise Invalid("document-too-big", f"文档超过 {MOST_PARAGRAPHS} 段，请拆分后再检查。")
        elements = [p for p in root.iter(W + "p") if not any(True for _ in p.iterancestors(MC + "Fallback"))]
        numbers = {p: n for n, p in enumerate(root.iter(W + "p"))}
        for element in elements:
            places[element] = self.paragraph(element, numbers[element])
        tables = self._tables(root, places)
        sections = self._sections(body)
        current, begins = 0, False
        flow: list[Paragraph | Table] = []
        for block in _blocks(body):
            for paragraph in block.iter(W + "p"):
                if paragraph in places:
                    places[paragraph].section = sections[current]
            if block.tag == W + "p":
                flow.append(places[block])
                places[block].new_page |= begins and not places[block].outside
                begins &= places[block].outside
            else:
                flow.append(tables[block])
            if block.tag == W + "p" and _find(block, "pPr/sectPr") is not None:
                current = min(current + 1, len(sections) - 1)
                begins = sections[current].start != "continuous"
        paragraphs = tuple(places.values())
        for one in paragraphs:
            one.section = one.section or sections[0]
        settings = self.settings
        facing = settings is not None and (e := settings.find(W + "evenAndOddHeaders")) is not None and on(e)
        shown = tuple(b for b in flow if isinstance(b, Table) or not b.outside)
        return Manuscript(
            self._category(), paragraphs, tuple(tables.values()), shown, tuple(sections), facing
        )

    def _category(self) -> str:
        for link in parse_xml(self.parts["_rels/.rels"]):
            if link.get("Type", "").endswith("/core-properties"):
                content = self.parts.get(target_of("", link.get("Target", "")))
                found = parse_xml(content).findtext(_CATEGORY) if content else ""
                return (found or "").strip()
        return ""

    # -- paragraphs

    def paragraph(self, element: etree._Element, index: int) -> Paragraph:
        properties = element.find(W + "pPr")
        inherited, run, names = self._style(value(_find(properties, "pStyle")) or self.normal)
        values = dict(inherited)
        _paragraph_values(properties, values)
        mark = dict(run)
        _run_values(_find(properties, "rPr"), mark, self.themes)
        runs, pictures, fields = self._runs(element, run)
        look = self._look("", mark)
        em = run.get("size", 10.0) + run.get("spacing", 0.0)

        def indent(name: str) -> float:
            characters = values.get(f"{name}Chars")
            return float(characters * em if characters else values.get(name, 0.0))

        hanging = indent("hanging")
        left = indent("left") + (hanging if values.get("leftChars") else 0)
        item = self.numbering.next(*values["numbering"]) if "numbering" in values else None
        frame = _frame(values.get("frame"))
        boxed = any(True for _ in element.iterancestors(f"{W}txbxContent"))
        broken = self.break_before and not boxed
        self.break_before &= boxed
        for at, one in enumerate(runs):  # a page break in the text: what follows it begins a page
            if "\f" in one.text:
                rest = "".join(r.text for r in runs[at:]).partition("\f")[2]
                before = "".join(r.text for r in runs[: at + 1]).partition("\f")[0]
                if rest.strip() and not before.strip():
                    broken = True
                elif not rest.strip():
                    self.break_before = True
                runs[at] = Run(one.text.replace("\f", ""), *_look_of(one))
        return Paragraph(
            index=index,
            styles=names,
            runs=tuple(runs),
            number=item.text if item else "",
            align=values.get("align", "left"),
            left=left,
            right=indent("right"),
            first=indent("firstLine") - hanging,
            before=values["beforeLines"] * 12 if values.get("beforeLines") else values.get("before", 0.0),
            after=values["afterLines"] * 12 if values.get("afterLines") else values.get("after", 0.0),
            line=values.get("line", 240.0),
            rule=values.get("rule", "auto"),
            snapped=values.get("snapToGrid", True),
            new_page=broken or values.get("pageBreakBefore", False),
            top_border=values.get("top_border", _NO_BORDER),
            bottom_border=values.get("bottom_border", _NO_BORDER),
            frame=frame,
            outside=frame is not None or boxed,
            pictures=tuple(pictures),
            fields=tuple(fields),
            stops=tuple(sorted(values.get("stops", {}).items())),
            mark=look,
        )

    def _look(self, text: str, values: Values) -> Run:
        return Run(
            text,
            values.get("eastAsia", ""),
            values.get("ascii", ""),
            values.get("size", 10.0),
            values.get("colour", "auto"),
            values.get("spacing", 0.0),
            values.get("b", False),
        )

    def _runs(self, element: etree._Element, inherited: Values) -> tuple[list[Run], list[Picture], list[str]]:
        runs, pictures, fields = list[Run](), list[Picture](), list[str]()
        stage, code = "", ""
        for run in _each_run(element):
            values = dict(inherited)
            properties = run.find(W + "rPr")
            if key := value(_find(properties, "rStyle")):
                for style in self._character_styles(key):
                    _run_values(style.find(W + "rPr"), values, self.themes)
            _run_values(properties, values, self.themes)
            if values.get("vanish"):
                continue
            text = ""
            for child in run:
                tag = child.tag.removeprefix(W) if isinstance(child.tag, str) else ""
                if tag == "fldChar":
                    kind = value(child, "fldCharType")
                    if kind == "begin":
                        stage, code = "code", ""
                    else:
                        if stage == "code":
                            fields.append((code.split() or [""])[0].upper())
                        stage = {"separate": "result"}.get(kind, "")
                        if kind == "separate" and fields and fields[-1] == "PAGE":
                            stage = "page"
                            text += PAGE_NUMBER
                elif tag == "instrText":
                    code += child.text or ""
                elif stage in ("code", "page"):
                    continue
                elif tag == "t":
                    text += child.text or ""
                elif tag in ("tab", "ptab"):
                    text += "\t"
                elif tag in ("br", "cr"):
                    kind = value(child, "type")
                    text += {"page": "\f", "column": ""}.get(kind, "\n")
                elif tag == "noBreakHyphen":
                    text += "-"
                elif tag == "pgNum":
                    fields.append("PAGE")
                    text += PAGE_NUMBER
                elif tag in ("drawing", "pict", "object") or child.tag == MC + "AlternateContent":
                    pictures += _pictures(child)
            if run.getparent().tag == W + "fldSimple" and (  # type: ignore[union-attr]
                code := (value(run.getparent(), "instr").split() or [""])[0].upper()
            ):
                fields.append(code)
                text = PAGE_NUMBER if code == "PAGE" else text
            for marker in _MARKER.finditer(text):  # a template's place for a seal
                if marker[1] == "印章":
                    pictures.append(Picture("印章", "", None, None, 0, 0))
            text = _MARKER.sub("", text)
            if text:
                runs.append(self._look(text, values))
        return runs, pictures, fields

    def _character_styles(self, key: str) -> list[etree._Element]:
        chain: list[etree._Element] = []
        while (style := self.styles.get(key)) is not None and len(chain) < _DEEPEST:
            chain.append(style)
            key = value(style.find(W + "basedOn"))
        return chain[::-1]

    # -- tables

    def _tables(
        self, root: etree._Element, places: Mapping[etree._Element, Paragraph]
    ) -> dict[etree._Element, Table]:
        found: dict[etree._Element, Table] = {}
        for at_table, element in enumerate(root.iter(W + "tbl")):
            properties = element.find(W + "tblPr")
            chain = [
                style.find(W + "tblPr")
                for style in self._character_styles(value(_find(properties, "tblStyle")))
            ]
            borders: dict[str, Border] = {}
            padding = {"left": 108.0, "right": 108.0}
            for level in [*chain, properties]:
                borders |= {_side(side): _border(side) for side in _each(level, "tblBorders")}
                padding |= {_side(side): number(value(side, "w")) for side in _each(level, "tblCellMar")}
            floating = _find(properties, "tblpPr")
            grid = tuple(number(value(c, "w")) / 20 for c in element.findall(f"{W}tblGrid/{W}gridCol"))
            table = Table(
                at_table,
                value(floating, "tblpYSpec") == "bottom",
                grid,
                (padding["left"] / 20, padding["right"] / 20),
            )
            found[element] = table
            rows = [r for r in element.iter(W + "tr") if next(r.iterancestors(W + "tbl")) is element]
            for at, row in enumerate(rows):
                height = _find(row, "trPr/trHeight")
                line = Row(number(value(height)) / 20, value(height, "hRule") == "exact")
                table.rows.append(line)
                for cell in row.iter(W + "tc"):
                    if next(cell.iterancestors(W + "tr")) is not row:
                        continue
                    own = _find(cell, "tcPr/tcBorders")
                    merged = _find(cell, "tcPr/vMerge")
                    edge = "top" if at == 0 else "insideH", "bottom" if at == len(rows) - 1 else "insideH"
                    box = Cell(
                        number(value(_find(cell, "tcPr/tcW"), "w")) / 20,
                        "" if merged is None else value(merged, default="continue"),
                        value(_find(cell, "tcPr/vAlign"), default="top"),
                        _border(_find(own, "top"))
                        if _find(own, "top") is not None
                        else borders.get(edge[0], _NO_BORDER),
                        _border(_find(own, "bottom"))
                        if _find(own, "bottom") is not None
                        else borders.get(edge[1], _NO_BORDER),
                    )
                    line.cells.append(box)
                    for paragraph in cell.iter(W + "p"):
                        if paragraph in places and next(paragraph.iterancestors(W + "tbl")) is element:
                            box.paragraphs.append(places[paragraph])
                            places[paragraph].table = table
        return found

    # -- sections

    def _sections(self, body: etree._Element) -> list[Section]:
        elements = [
            e for e in body.iter(W + "sectPr") if e.getparent() in (body, *e.iterancestors(W + "pPr"))
        ]
        found: list[Section] = []
        footers: dict[str, tuple[Paragraph, ...]] = {}
        headers: dict[str, tuple[Paragraph, ...]] = {}
        for element in elements or [etree.Element(W + "sectPr")]:
            size, margin, grid = (element.find(W + name) for name in ("pgSz", "pgMar", "docGrid"))
            mm = {
                name: abs(number(value(margin, name), default)) / 20 / MILLIMETRE
                for name, default in (
                    *((side, 1440) for side in ("top", "right", "bottom", "left")),
                    ("footer", 720),
                )
            }
            title = element.find(W + "titlePg")
            footers, headers = dict(footers), dict(headers)
            for kind, out in (("footer", footers), ("header", headers)):
                for reference in element.findall(f"{W}{kind}Reference"):
                    part = self.links.get(reference.get(R + "id", ""), ("", ""))[1]
                    if part in self.parts:
                        out[value(reference, "type", "default")] = self._running(part)
            section = Section(
                number(value(size, "w"), 12240) / 20 / MILLIMETRE,
                number(value(size, "h"), 15840) / 20 / MILLIMETRE,
                mm["top"],
                mm["right"],
                mm["bottom"],
                mm["left"],
                mm["footer"],
                grid_kind if (grid_kind := value(grid, "type")) != "default" else "",
                number(value(grid, "linePitch")) / 20,
                number(value(grid, "charSpace")) / 4096
                if grid_kind in ("linesAndChars", "snapToChars")
                else 0.0,
                title is not None and on(title),
                value(element.find(W + "type"), default="nextPage"),
                footers,
                headers,
            )
            for paragraph in (p for ps in (*footers.values(), *headers.values()) for p in ps):
                paragraph.section = section
            found.append(section)
        return found

    def _running(self, part: str) -> tuple[Paragraph, ...]:
        return tuple(self.paragraph(p, -1) for p in parse_xml(self.parts[part]).iter(W + "p"))


def _look_of(run: Run) -> tuple[str, str, float, str, float, bool]:
    return run.font, run.latin, run.size, run.colour, run.spacing, run.bold


def _side(element: etree._Element) -> str:
    name = str(element.tag).removeprefix(W)
    return {"start": "left", "end": "right"}.get(name, name)


def _blocks(parent: etree._Element) -> Iterator[etree._Element]:
    for element in parent:
        if element.tag in (W + "p", W + "tbl"):
            yield element
        elif element.tag in (W + "sdt", W + "sdtContent", W + "ins", W + "customXml"):
            yield from _blocks(element)


def _each_run(element: etree._Element) -> Iterator[etree._Element]:
    """The runs of a paragraph; deleted text is left out, inserted text is in."""
    inside = ("hyperlink", "ins", "smartTag", "sdt", "sdtContent", "fldSimple", "moveTo")
    for child in element:
        if child.tag == W + "r":
            yield child
        elif isinstance(child.tag, str) and child.tag.removeprefix(W) in inside:
            yield from _each_run(child)


def _frame(element: etree._Element | None) -> Frame | None:
    if element is None or value(element, "dropCap") in ("drop", "margin"):
        return None
    width = value(element, "w")
    return Frame(
        number(width) / 20 if width else None,
        number(value(element, "x")) / 20,
        number(value(element, "y")) / 20,
        value(element, "hAnchor", "page"),
        value(element, "vAnchor", "page"),
        value(element, "xAlign"),
    )


def _pictures(element: etree._Element) -> Iterator[Picture]:
    for anchor in (*element.iter(WP + "anchor"), *element.iter(WP + "inline")):
        extent, named = anchor.find(WP + "extent"), anchor.find(WP + "docPr")
        width, height = (number(extent.get(s)) / 12700 if extent is not None else 0.0 for s in ("cx", "cy"))
        offsets = [anchor.findtext(f"{WP}position{axis}/{WP}posOffset") for axis in "HV"]
        left, top = (number(text) / 12700 if text else None for text in offsets)
        ink = anchor.find(f".//{A}ln//{A}srgbClr")
        flat = anchor.find(f".//{A}prstGeom")
        line = flat is not None and flat.get("prst", "") in ("line", "straightConnector1")
        red = line and ink is not None and ink.get("val", "").upper().startswith(("F", "E", "D", "C"))
        name = (named.get("descr") or named.get("name") or "") if named is not None else ""
        yield Picture(name, "", left, top, width, height, width if red else 0)
    for shape in element.iter(V + "shape"):
        style = dict(part.split(":", 1) for part in shape.get("style", "").split(";") if ":" in part)
        style = {key.strip(): value.strip() for key, value in style.items()}
        line_ = shape.find(O + "signatureline")
        floating = style.get("position") == "absolute"
        yield Picture(
            shape.get("alt", ""),
            line_.get("id", "") if line_ is not None else "",
            css_length(style.get("margin-left", "")) if floating else None,
            css_length(style.get("margin-top", "")) if floating else None,
            css_length(style.get("width", "")),
            css_length(style.get("height", "")),
        )
    for stroke in element.iter(V + "line"):
        ends = [css_length(stroke.get(name, "").split(",")[0]) for name in ("from", "to")]
        if re.fullmatch(r"#?(red|f00|[c-f][0-9a-f]0000)", stroke.get("strokecolor", ""), re.IGNORECASE):
            yield Picture("", "", None, None, abs(ends[1] - ends[0]), 0, abs(ends[1] - ends[0]))
