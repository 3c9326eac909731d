"""A value as text, as the function ``string`` gives it (DMN 1.5, 10.3.4.1)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from . import temporal
from .lexer import escape
from .limits import TEXT_STEP, refuse_long_text
from .operators import number
from .values import Function, Range, adopt, kind


def number_text(value: Decimal) -> str:
    """Plain digits, without an exponent and without zeros at the end of a fraction."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def text_of(value: Any, spend: Callable[[int], None] = lambda steps: None) -> str:
    """The text of any value; a string is itself.

    :raises FeelLimitError: too long a text
    """
    if isinstance(value, str):
        return value
    pieces = _Pieces(spend)
    _write(value, pieces)
    return "".join(pieces)


class _Pieces(list[str]):
    """The parts of a text, together never longer than a text may be."""

    def __init__(self, spend: Callable[[int], None]) -> None:
        super().__init__()
        self._spend = spend
        self._length = 0

    def append(self, piece: str) -> None:
        self._length += len(piece)
        refuse_long_text(self._length)
        self._spend(1 + len(piece) // TEXT_STEP)
        super().append(piece)


def _write(value: Any, pieces: _Pieces) -> None:
    value = adopt(value)
    of = kind(value)
    if value is None:
        pieces.append("null")
    elif of == "boolean":
        pieces.append("true" if value else "false")
    elif of == "number":
        pieces.append(number_text(number(value) or Decimal(0)))
    elif of == "string":
        pieces.append(escape(value))
    elif of == "list":
        _write_all("[", [("", item) for item in value], "]", pieces)
    elif of == "context":
        entries = [(f"{key}: ", item) for key, item in value.items() if type(key) is str]
        _write_all("{", entries, "}", pieces)
    elif isinstance(value, Range):
        _write_range(value, pieces)
    elif isinstance(value, Function):
        pieces.append(f"function {value.name}".strip())
    else:
        pieces.append(temporal.write(value))


def _write_all(begin: str, items: list[tuple[str, Any]], end: str, pieces: _Pieces) -> None:
    pieces.append(begin)
    for index, (label, item) in enumerate(items):
        pieces.append(", " + label if index else label)
        _write(item, pieces)
    pieces.append(end)


def _write_range(value: Range, pieces: _Pieces) -> None:
    if value.start is None and not value.undefined:
        pieces.append("<=" if value.end_included else "<")
        _write(value.end, pieces)
    elif value.end is None and not value.undefined:
        pieces.append(">=" if value.start_included else ">")
        _write(value.start, pieces)
    else:
        pieces.append("[" if value.start_included else "(")
        _write(value.start, pieces)
        pieces.append(" .. ")
        _write(value.end, pieces)
        pieces.append("]" if value.end_included else ")")
