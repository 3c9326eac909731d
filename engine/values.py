"""Process values as text: JSON that keeps decimals, dates, times and durations.

A value is a plain Python object: ``None``, ``bool``, ``int``, ``Decimal``, ``str``, ``date``, ``datetime``, ``time``,
``timedelta`` (days-and-time duration), ``list`` or ``dict`` with string keys. What FEEL has beside these, such as its
years-and-months duration, is written by ``engine.feel`` through ``register``. A typed value is written as an object with the single
key ``$<type>``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

_WRITE: dict[type, tuple[str, Callable[[Any], Any]]] = {}
_READ: dict[str, Callable[[Any], Any]] = {}


def register(kind: type, tag: str, write: Callable[[Any], Any], read: Callable[[Any], Any]) -> None:
    """Teach the text form one more type: ``{"$tag": write(value)}``; what is written may hold other values."""
    _WRITE[kind] = (f"${tag}", write)
    _READ[f"${tag}"] = read


def _write_time(value: time) -> str:
    zone = value.tzinfo
    return value.isoformat() + (f"@{zone.key}" if isinstance(zone, ZoneInfo) else "")


def _read_time(text: str) -> time:
    clock, _, zone = text.partition("@")
    value = time.fromisoformat(clock)
    return value.replace(tzinfo=ZoneInfo(zone)) if zone else value


register(Decimal, "decimal", str, Decimal)
register(datetime, "datetime", datetime.isoformat, datetime.fromisoformat)
register(date, "date", date.isoformat, date.fromisoformat)
register(time, "time", _write_time, _read_time)
register(timedelta, "duration", lambda d: [d.days, d.seconds, d.microseconds], lambda v: timedelta(*v))


def _default(value: Any) -> Any:
    for kind in type(value).__mro__:
        if kind in _WRITE:
            tag, write = _WRITE[kind]
            return {tag: write(value)}
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    raise TypeError(f"not a process value: {type(value).__name__}")


def _hook(value: dict[str, Any]) -> Any:
    if len(value) == 1:
        (tag,) = value
        read = _READ.get(tag)
        if read is not None:
            try:
                return read(value[tag])
            except (
                ValueError,
                TypeError,
                ArithmeticError,
                LookupError,
            ):  # somebody's own key that only looks like ours
                return value
    return value


def dumps(value: Any) -> str:
    """Canonical text: sorted keys, no spaces, Chinese as it is. Equal values give equal text.

    :raises TypeError: something that is not a process value
    """
    return json.dumps(value, default=_default, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def loads(text: str | bytes) -> Any:
    """What ``dumps`` wrote.

    :raises ValueError: no such text
    """
    return json.loads(text, object_hook=_hook)
