"""Numbers that Word counts itself (numbering.xml), such as 一、二、三、 of a designer's list."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from lxml import etree

from engine.documents.docx.markup import W, find, number, value

_DIGITS = "零一二三四五六七八九"


def _chinese(count: int) -> str:
    """1 to 9999: 一, 十, 二十一, 一百零一."""
    out = ""
    for digit, unit in zip(f"{count:04d}"[-4:], "千百十 ", strict=True):
        if digit != "0":
            out += _DIGITS[int(digit)] + unit.strip()
        elif out and not out.endswith("零"):
            out += "零"
    out = out.rstrip("零") or "零"
    return out[1:] if out.startswith("一十") else out


def _roman(count: int) -> str:
    out = ""
    for worth, sign in zip((1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
                           ["M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"], strict=True):  # fmt: skip
        out += sign * (count // worth)
        count %= worth
    return out


_FORMATS: dict[str, Callable[[int], str]] = {
    "decimal": str,
    "decimalZero": lambda n: f"{n:02d}",
    "lowerLetter": lambda n: chr(97 + (n - 1) % 26) * ((n - 1) // 26 + 1),
    "upperLetter": lambda n: chr(65 + (n - 1) % 26) * ((n - 1) // 26 + 1),
    "lowerRoman": lambda n: _roman(n).lower(),
    "upperRoman": _roman,
    "decimalEnclosedCircle": lambda n: chr(0x2460 + n - 1) if n <= 20 else str(n),
    "ideographTraditional": lambda n: "甲乙丙丁戊己庚辛壬癸"[(n - 1) % 10],
    "none": lambda n: "",
}
_FORMATS |= dict.fromkeys(("decimalEnclosedCircleChinese",), _FORMATS["decimalEnclosedCircle"])
_FORMATS |= dict.fromkeys(("chineseCounting", "chineseCountingThousand", "ideographDigital", "japaneseCounting",
                           "taiwaneseCounting", "taiwaneseCountingThousand"), _chinese)  # fmt: skip


class Item(NamedTuple):
    """What Word puts before a paragraph.

    :ivar then: tab, space or nothing
    """

    text: str
    then: str
    run: etree._Element | None


class Numbering:
    def __init__(self, root: etree._Element | None) -> None:
        self._levels: dict[str, dict[int, etree._Element]] = {}
        self._starts: dict[tuple[str, int], int] = {}
        self._counts: dict[tuple[str, int], int] = {}
        if root is None:
            return
        kinds = {value(kind, "abstractNumId"): kind for kind in root.iter(W + "abstractNum")}
        for list_ in root.iter(W + "num"):
            key, kind = value(list_, "numId"), kinds.get(value(find(list_, "abstractNumId")))
            levels = list(kind.iter(W + "lvl")) if kind is not None else []
            levels += list_.iterfind(f"{W}lvlOverride/{W}lvl")
            self._levels[key] = {int(number(value(level, "ilvl"))): level for level in levels}
            for override in list_.iterfind(f"{W}lvlOverride"):
                if (start := find(override, "startOverride")) is not None:
                    self._starts[key, int(number(value(override, "ilvl")))] = int(number(value(start), 1))

    def level(self, key: str, level: int) -> etree._Element | None:
        """Its definition; None where there is none (``numId`` 0 takes a style's number away)."""
        return self._levels.get(key, {}).get(level)

    def next(self, key: str, level: int) -> Item | None:
        """Count one further."""
        levels, found = self._levels.get(key, {}), self.level(key, level)
        if found is None:
            return None
        self._counts[key, level] = self._counts.get((key, level), self._start(key, level) - 1) + 1
        for deeper in range(level + 1, 9):
            self._counts.pop((key, deeper), None)

        def count(reference: re.Match[str]) -> str:
            index = int(reference[1]) - 1
            style = value(find(levels.get(index), "numFmt"), default="decimal")
            return _FORMATS.get(style, str)(self._counts.get((key, index), self._start(key, index)))

        text, then = value(find(found, "lvlText")), value(find(found, "suff"), default="tab")
        if value(find(found, "numFmt")) == "bullet":
            return Item("●", then, None)  # its own sign is of a symbol font
        return Item(re.sub(r"%(\d)", count, text), then, find(found, "rPr"))

    def _start(self, key: str, level: int) -> int:
        found = self.level(key, level)
        return self._starts.get((key, level), int(number(value(find(found, "start")), 1)))
