"""Fitting text into a place of fixed size, such as a field of a plaque: how many lines it takes, and its beginning where it is too long.

Lines are reckoned in full-width characters, a Latin letter or digit as half of one. Where a line really breaks is the layout's affair:
a template leaves a character of room.
"""

from __future__ import annotations

from collections.abc import Iterator

ELLIPSIS = "……"


def line_count(text: str, width: int) -> int:
    """:param width: full-width characters a line"""
    return sum(1 for _ in _lines(text, width))


def cut(text: str, lines: int, width: int) -> str:
    """As many lines as there is room for; where something is left out, the last one ends with ……"""
    found = list(_lines(text, width))
    if len(found) <= lines:
        return text
    last = found[lines - 1][0]
    while last and _width(last + ELLIPSIS) > width:
        last = last[:-1]
    kept = "".join(line + ("\n" if ends else "") for line, ends in found[: lines - 1])
    return kept + last.rstrip("，、；：。") + ELLIPSIS


def _lines(text: str, width: int) -> Iterator[tuple[str, bool]]:
    """Each line, and whether the paragraph ends with it."""
    for paragraph in text.split("\n"):
        start, taken = 0, 0.0
        for at, character in enumerate(paragraph):
            taken += _width(character)
            if taken > width and at > start:
                yield paragraph[start:at], False
                start, taken = at, _width(character)
        yield paragraph[start:], True


def _width(text: str) -> float:
    return sum(0.5 if character.isascii() else 1 for character in text)
