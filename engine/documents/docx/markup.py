"""WordprocessingML as elements and attributes. Lengths are twips (1/20 pt), half points or EMU (1/12700 pt) in the file, points
everywhere else."""

from __future__ import annotations

import math
import re

from lxml import etree

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
WP = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"
A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
V = "{urn:schemas-microsoft-com:vml}"
O = "{urn:schemas-microsoft-com:office:office}"  # noqa: E741
MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"

EMU = 12700


def find(element: etree._Element | None, name: str) -> etree._Element | None:
    return None if element is None else element.find(W + name)


def value(element: etree._Element | None, name: str = "val", default: str = "") -> str:
    return default if element is None else (element.get(W + name) or default)


def number(text: str | None, default: float = 0) -> float:
    try:
        found = float(text or "")
    except ValueError:
        return default
    return found if math.isfinite(found) else default


def points(element: etree._Element | None, name: str = "val", default: float = 0) -> float:
    """An attribute in twips."""
    return number(value(element, name), default * 20) / 20


def on(element: etree._Element) -> bool:
    return value(element, default="1") not in ("0", "false", "off")


def switched(element: etree._Element | None, name: str) -> bool:
    """Whether a property that is on or off is there and on."""
    found = find(element, name)
    return found is not None and on(found)


def colour(text: str) -> str:
    return f"#{text}" if re.fullmatch(r"[0-9A-Fa-f]{6}", text) else "#000"


def family(name: str) -> str:
    """A font's name that can't leave its quotation marks in CSS."""
    return re.sub(r"[^\w .-]", "", name)


def css_length(text: str) -> float:
    """CSS length in points."""
    found = re.fullmatch(r"(-?[\d.]+)(pt|mm|cm|in|px)?", text)
    scale = {"mm": 72 / 25.4, "cm": 72 / 2.54, "in": 72, "px": 0.75}
    return number(found[1]) * scale.get(found[2], 1) if found else 0
