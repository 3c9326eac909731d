"""How far from the standard a measure may be, and how measures are put into words. docs/checking.md has the same table."""

from __future__ import annotations

from engine.documents.standard.manuscript import MILLIMETRE

LENGTH = 1.0  # millimetres: the standard's own ±1 mm for margins (5.2.1), taken for every length on the page
SIZE = 0.5  # points: sizes of characters, distances between lines
CHARACTERS = 1.0  # characters: less than one is not counted
LINE = 0.1  # millimetres: thickness of the lines in 版记; 0.35 and 0.25 would else be the same
_ROUNDING = 0.02  # the file counts in twips, half points and EMU

# Where the strokes of a character begin and end, in parts of its size, from the edges of the square that stands in the middle of
# its line: they stand low. The mean of what WeasyPrint and LibreOffice print.
INK_TOP, INK_BOTTOM = 0.09, -0.03

PAPER = 210.0, 297.0  # millimetres (5.1)
TOP, LEFT = 37.0, 28.0  # 天头, 订口 (5.2.1)
AREA = 156.0, 225.0  # 版心
LINES, PER_LINE = 22, 28  # (5.2.3)
PITCH = 28.95  # points: the widest, in twips, of which 22 fit into 225 mm
STEP = AREA[0] * MILLIMETRE / PER_LINE  # 15.79 points
THREE, FOUR, TWO = 16.0, 14.0, 22.0  # 3号, 4号, 2号 in points


def far(found: float, wanted: float, tolerance: float) -> bool:
    return abs(found - wanted) > tolerance + _ROUNDING


def off_length(found: float, wanted: float) -> bool:
    """:param found: millimetres"""
    return far(found, wanted, LENGTH)


def off_size(found: float, wanted: float) -> bool:
    """:param found: points"""
    return far(found, wanted, SIZE)


def off_characters(found: float, wanted: float) -> bool:
    return abs(found - wanted) > CHARACTERS - _ROUNDING


def off_lines(found: float, wanted: float) -> bool:
    """Empty lines, measured as a distance: within one character of 3号.

    :param found: points
    :param wanted: lines
    """
    return abs(found - wanted * PITCH) > THREE


def mm(length: float) -> str:
    return f"{length:.1f} mm".replace(".0 mm", " mm")


def pt(length: float) -> str:
    return f"{length:.2f}".rstrip("0").rstrip(".") + " 磅"


def characters(count: float) -> str:
    return f"{count:.1f}".removesuffix(".0") + " 字"


def lines(distance: float) -> str:
    """A distance in points as lines of the text."""
    return f"{distance / PITCH:.1f}".removesuffix(".0") + " 行"


_SIZES = {42: "初号", 36: "小初", 26: "1号", 24: "小1号", 22: "2号", 18: "小2号", 16: "3号", 15: "小3号", 14: "4号",
          12: "小4号", 10.5: "5号", 9: "小5号"}  # fmt: skip


def size(points: float) -> str:
    named = _SIZES.get(points)
    return f"{named}（{pt(points)}）" if named else pt(points)
