"""Properties of paragraphs and runs: OOXML -> flat dict -> CSS. Points, characters in hundredths."""

from __future__ import annotations

from typing import Any

from lxml import etree

from engine.documents.docx import borders
from engine.documents.docx.markup import W, colour, family, find, number, on, points, value

Properties = dict[str, Any]

SIZE = 10.5  # points, where nothing says
FONT, LATIN = "宋体", "Times New Roman"
_NATURAL = 1.3  # height of a line whose height nothing says, in characters
_INDENTS = ("left", "start", "right", "end", "firstLine", "hanging")
_ALIGN = {"both": "justify", "distribute": "justify", "center": "center", "right": "right", "end": "right"}


def read_paragraph(properties: etree._Element | None, out: Properties) -> Properties:
    """Put what ``properties`` say into ``out``."""
    for element in properties if properties is not None else ():
        tag = str(element.tag).removeprefix(W)
        match tag:
            case "jc":
                out["align"] = value(element)
            case "spacing":
                out |= {
                    name: points(element, name)
                    for name in ("line", "before", "after")
                    if value(element, name)
                }
                if rule := value(element, "lineRule"):
                    out["rule"] = rule
                elif value(element, "line"):
                    out["rule"] = "auto"
            case "ind":
                _read_indents(element, out)
            case "pBdr":
                out["borders"] = out.get("borders", {}) | borders.borders(element)
            case "tabs":
                stops = dict(out.get("stops", ()))
                for stop in element:
                    stops.pop(points(stop, "pos"), None)
                    if (kind := value(stop)) != "clear":
                        stops[points(stop, "pos")] = kind.replace("end", "right")
                out["stops"] = tuple(sorted(stops.items()))
            case "shd":
                out["fill"] = value(element, "fill", "auto")
            case "textAlignment":
                out["upright"] = value(element)
            case "keepNext" | "keepLines" | "pageBreakBefore" | "widowControl":
                out[tag] = on(element)
            case "outlineLvl":
                out["outline"] = int(number(value(element), 9))
            case "framePr":
                out["frame"] = dict(
                    sorted((str(k).removeprefix(W), str(v)) for k, v in element.attrib.items())
                )
            case "numPr":
                # a paragraph of a style in a list may name its level alone
                list_, level = out.get("numbering", ("", 0))
                list_ = value(find(element, "numId"), default=list_)
                out["numbering"] = list_, int(number(value(find(element, "ilvl")), level))
    return out


def _read_indents(element: etree._Element, out: Properties) -> None:
    found = {
        name.replace("start", "left").replace("end", "right"): number(value(element, name))
        / (1 if name.endswith("Chars") else 20)
        for name in (*_INDENTS, *(f"{name}Chars" for name in _INDENTS))
        if value(element, name)
    }
    for one, other in (("firstLine", "hanging"), ("hanging", "firstLine")):
        if one in found or f"{one}Chars" in found:
            out.pop(other, None)
            out.pop(f"{other}Chars", None)
    out |= found


def read_run(properties: etree._Element | None, out: Properties) -> Properties:
    """Put what ``properties`` say into ``out``."""
    for element in properties if properties is not None else ():
        tag = str(element.tag).removeprefix(W)
        match tag:
            case "rFonts":
                out |= {name: family(v) for name in ("eastAsia", "ascii") if (v := value(element, name))}
            case "sz":
                out["size"] = number(value(element)) / 2
            case "color" | "u" | "vertAlign":
                out[tag] = value(element)
            case "shd":
                out["fill"] = value(element, "fill", "auto")
            case "b" | "i" | "strike" | "vanish":
                out[tag] = on(element)
            case "spacing":
                out["letter"] = points(element)
            case "position":
                out["raised"] = number(value(element)) / 2
    return out


def run_css(run: Properties) -> str:
    out = [
        f"font-family:'{run.get('eastAsia', FONT)}',serif",
        f"font-size:{run.get('size', SIZE):g}pt",
        f"letter-spacing:{run.get('letter', 0):g}pt",
    ]
    if run.get("color", "auto") != "auto":
        out.append(f"color:{colour(run['color'])}")
    if run.get("fill", "auto") != "auto":
        out.append(f"background:{colour(run['fill'])}")
    if run.get("b"):
        out.append("font-weight:bold")
    if run.get("i"):
        out.append("font-style:italic")
    if run.get("u", "none") != "none":
        out.append("text-decoration:underline")
    if run.get("strike"):
        out.append("text-decoration:line-through")
    if run.get("raised"):
        out.append(f"vertical-align:{run['raised']:g}pt")
    if run.get("vertAlign") in ("superscript", "subscript"):
        out.append(f"vertical-align:{run['vertAlign'].removesuffix('script')};font-size:65%")
    return ";".join(out)


def indents(paragraph: Properties, run: Properties) -> tuple[float, float, float]:
    """Left and right margin and first-line indent. Where Word counts characters, that wins."""
    em = run.get("size", SIZE) + run.get("letter", 0)

    def length(name: str) -> float:
        characters = paragraph.get(f"{name}Chars")
        return float(characters / 100 * em if characters else paragraph.get(name, 0))

    hanging = length("hanging")
    # leftChars counts from the hanging line's start, left from the others'
    left = length("left") + (hanging if paragraph.get("leftChars") else 0)
    return left, length("right"), length("firstLine") - hanging


def line_height(paragraph: Properties, run: Properties) -> float:
    line, natural = paragraph.get("line", 12), run.get("size", SIZE) * _NATURAL
    match paragraph.get("rule"):
        case "exact":
            return float(line)
        case "atLeast":
            return float(max(line, natural))
    return float(line / 12 * natural)


def paragraph_css(
    paragraph: Properties, run: Properties, *, joined: tuple[bool, bool] = (False, False)
) -> str:
    """:param joined: whether the lines around the paragraph are one with the former's and with the next one's"""
    align, lines = paragraph.get("align", "left"), paragraph.get("borders", {})
    left, right, first = indents(paragraph, run)
    height = line_height(paragraph, run)
    before, after = paragraph.get("before", 0), paragraph.get("after", 0)
    out = [
        f"text-align:{_ALIGN.get(align, 'left')}",
        f"line-height:{height:g}pt;min-height:{height:g}pt",
        f"margin:{before:g}pt {right:g}pt {after:g}pt {left:g}pt",
        f"text-indent:{first:g}pt",
    ]
    if align == "distribute":
        out.append("text-align-last:justify")
    for side in ("top", "bottom", "left", "right"):
        border = lines.get(side)
        if side == "top" and joined[0]:
            border = lines.get("between")
        if (
            border is None
            or (side == "bottom" and joined[1])
            or (side in ("top", "bottom") and borders.unequal(border))
        ):
            continue
        out.append(f"border-{side}:{borders.css(border)};padding-{side}:{border.space:g}pt")
        if side in ("left", "right"):  # Word draws them outside the text's edge
            out.append(
                f"margin-{side}:{(left if side == 'left' else right) - border.space - border.width:g}pt"
            )
    if paragraph.get("fill", "auto") != "auto":
        out.append(f"background:{colour(paragraph['fill'])}")
    if paragraph.get("keepNext"):
        out.append("break-after:avoid")
    if paragraph.get("keepLines"):
        out.append("break-inside:avoid")
    if paragraph.get("widowControl"):
        out.append("orphans:2;widows:2")
    if paragraph.get("pageBreakBefore"):
        out.append("break-before:page")
    return ";".join(out)
