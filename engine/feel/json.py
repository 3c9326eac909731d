"""FEEL values as plain JSON, as other programs read and write it.

JSON has no dates: a text becomes one where a type says so (``read``), and a date is written as its ISO text (``text``). Process
state keeps types by itself and goes another way (``engine.values``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from . import tree
from .functions import BUILT_IN
from .run import Run
from .types import resolved
from .values import kind
from .writing import number_text, text_of

_FROM_TEXT = {
    "date": "date",
    "time": "time",
    "date and time": "date and time",
    "days and time duration": "duration",
    "years and months duration": "duration",
}


def read(text: str) -> Any:
    """The value of a JSON text; numbers as exact as they are written.

    :raises ValueError: not JSON (NaN and Infinity are not), or nested too deeply
    """
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("嵌套过深") from None


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} 不是 JSON 的数")


def typed(value: Any, type_: tree.Type | None, types: Mapping[str, tree.Type]) -> Any:
    """A value of JSON as a type means it: texts become dates, times and durations, inside lists and contexts too.

    What does not fit stays as it is, for the evaluation to say so.
    """
    if type_ is None:
        return value
    found = resolved(type_, types)
    while isinstance(found, tree.RestrictedType):
        found = resolved(found.base, types)
    if isinstance(found, tree.ListType) and isinstance(value, list):
        return [typed(item, found.element, types) for item in value]
    if isinstance(found, tree.ContextType) and isinstance(value, dict):
        entries = dict(found.entries)
        return {name: typed(item, entries.get(name), types) for name, item in value.items()}
    if isinstance(value, str) and found.name in _FROM_TEXT:
        made = BUILT_IN[_FROM_TEXT[found.name]].invoke([value], Run())
        return made if kind(made) == found.name else value
    return value


def text(value: Any, *, indent: int | None = None) -> str:
    """The JSON of a value: numbers with all their digits, dates, times and durations in ISO 8601, ranges and functions as FEEL.

    :param indent: spaces a level, None for one line
    """
    written = "".join(_written(value, indent, 0))
    # Half of a character, which only an escape can write.
    return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", written)


def _written(value: Any, indent: int | None, level: int) -> Iterator[str]:
    of = kind(value)
    if of == "Null" or of == "boolean":
        yield json.dumps(value)
    elif of == "number":
        yield _number(value)
    elif of == "list":
        yield from _all("[", [("", item) for item in value], "]", indent, level)
    elif of == "context":
        entries = [(json.dumps(key, ensure_ascii=False) + ": ", item) for key, item in value.items()]
        yield from _all("{", entries, "}", indent, level)
    else:
        yield json.dumps(text_of(value), ensure_ascii=False)


def _all(begin: str, items: list[tuple[str, Any]], end: str, indent: int | None, level: int) -> Iterator[str]:
    line = "" if indent is None or not items else "\n" + " " * (indent * (level + 1))
    yield begin
    for number, (label, item) in enumerate(items):
        if number:
            yield "," if line else ", "
        yield line + label
        yield from _written(item, indent, level + 1)
    yield ("\n" + " " * (indent or 0) * level if line else "") + end


def _number(value: Any) -> str:
    exact = value if isinstance(value, Decimal) else Decimal(str(value))
    return number_text(exact) if abs(exact.adjusted()) < 40 else str(exact)
