"""A value as text, as the function ``string`` gives it (DMN 1.5, 10.3.4.1)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from . import temporal
from .lexer import escape
from .limits import MAX_TEXT, FeelLimitError
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
    pieces: list[str] = []
    _write(value, pieces, spend)
    return "".join(pieces)


def _write(value: Any, pieces: list[str], spend: Callable[[int], None]) -> None:
    spend(1)
    if len(pieces) > MAX_TEXT:
        raise FeelLimitError("text", f"字符串过长，最多 {MAX_TEXT} 个字符。")
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
        _write_all("[", [("", item) for item in value], "]", pieces, spend)
    elif of == "context":
        _write_all("{", [(f"{key}: ", item) for key, item in value.items() if type(key) is str], "}", pieces, spend)
    elif isinstance(value, Range):
        _write_range(value, pieces, spend)
    elif isinstance(value, Function):
        pieces.append(f"function {value.name}".strip())
    else:
        pieces.append(temporal.write(value))


def _write_all(
    begin: str, items: list[tuple[str, Any]], end: str, pieces: list[str], spend: Callable[[int], None]
) -> None:
    pieces.append(begin)
    for index, (label, item) in enumerate(items):
        pieces.append(", " + label if index else label)
        _write(item, pieces, spend)
    pieces.append(end)


def _write_range(value: Range, pieces: list[str], spend: Callable[[int], None]) -> None:
    if value.start is None and not value.undefined:
        pieces.append("<=" if value.end_included else "<")
        _write(value.end, pieces, spend)
    elif value.end is None and not value.undefined:
        pieces.append(">=" if value.start_included else ">")
        _write(value.start, pieces, spend)
    else:
        pieces.append("[" if value.start_included else "(")
        _write(value.start, pieces, spend)
        pieces.append(" .. ")
        _write(value.end, pieces, spend)
        pieces.append("]" if value.end_included else ")")
