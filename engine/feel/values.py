"""FEEL's values that Python has no type for, and the kind of every value (DMN 1.5, 10.3.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any
from zoneinfo import ZoneInfo

from engine import values as process_values

from .tree import Type

NUMBERS = Context(prec=34, Emin=-6143, Emax=6144, traps=[InvalidOperation, DivisionByZero, Overflow])
"""IEEE 754 decimal128, as the standard asks (10.3.2.3.1)."""


@dataclass(frozen=True, slots=True, order=True)
class YearsMonthsDuration:
    """A duration of whole months; negative ones run backwards."""

    total: int

    @property
    def years(self) -> int:
        return _toward_zero(self.total, 12)

    @property
    def months(self) -> int:
        return self.total - 12 * self.years

    def __str__(self) -> str:
        if not self.total:
            return "P0M"
        years, months = divmod(abs(self.total), 12)
        return (
            ("-P" if self.total < 0 else "P")
            + (f"{years}Y" if years else "")
            + (f"{months}M" if months else "")
        )


def _toward_zero(number: int, by: int) -> int:
    quotient = abs(number) // by
    return -quotient if number < 0 else quotient


@dataclass(frozen=True, slots=True)
class WideDate:
    """A date outside the years 1-9999 that Python's ``date`` can hold."""

    year: int
    month: int
    day: int


@dataclass(frozen=True, slots=True)
class WideTime:
    """A time with nanoseconds."""

    hour: int
    minute: int
    second: int
    nanosecond: int
    tzinfo: Any = None


@dataclass(frozen=True, slots=True)
class WideDateTime:
    """A date and time outside Python's years, or with nanoseconds."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    nanosecond: int
    tzinfo: Any = None


@dataclass(frozen=True, slots=True)
class WideDuration:
    """A days-and-time duration that ``timedelta`` cannot hold."""

    nanoseconds: int


@dataclass(frozen=True, slots=True)
class Range:
    """An interval (10.3.2.7).

    :ivar start: None for one without a start, such as ``(< 10)``
    :ivar end: None for one without an end, such as ``(> 10)``
    :ivar operator: of a range written as ``(< 10)``, which is never equal to one written with two ends (table 53)
    """

    start: Any
    end: Any
    start_included: bool
    end_included: bool
    operator: str = ""

    @property
    def undefined(self) -> bool:
        """Whether an end was null without being meant as unbounded: nothing can be said to be in it."""
        return not self.operator and (self.start is None or self.end is None)


Signature = tuple[tuple[tuple[Type, ...], ...], "Type | None"]
"""For each parameter the types that it takes, none for anything; the type of the result, None where it is not declared."""


class Function:
    """A callable FEEL value: ``parameters`` by name, the implementation behind ``invoke``.

    :ivar parameter_types: None for a parameter that takes anything
    :ivar result_type: None where it is not declared
    """

    __slots__ = ("name", "parameter_types", "parameters", "result_type")

    def __init__(
        self,
        name: str,
        parameters: tuple[tuple[str, Type | None], ...],
        result_type: Type | None = None,
    ) -> None:
        self.name = name
        self.parameters = tuple(name for name, _ in parameters)
        self.parameter_types = tuple(type_ for _, type_ in parameters)
        self.result_type = result_type

    def signatures(self, count: int) -> Iterable[Signature]:
        """The ways to call it with so many arguments."""
        if count == len(self.parameters):
            yield tuple((type_,) if type_ else () for type_ in self.parameter_types), self.result_type

    def invoke(self, arguments: list[Any], run: Any) -> Any:
        """The value of the call; the arguments are in the order of ``parameters``."""
        raise NotImplementedError


# --- as process values ---


def _fields(value: Any) -> list[Any]:
    """Its numbers, and its zone by name or by seconds ahead of UTC."""
    return [_zone_text(field) if isinstance(field, tzinfo) else field for field in astuple(value)]


def _zone_text(zone: tzinfo) -> str | int:
    return (
        zone.key if isinstance(zone, ZoneInfo) else int((zone.utcoffset(None) or timedelta()).total_seconds())
    )


def _clock_of(kind_of: type) -> Callable[[list[Any]], Any]:
    def read(fields: list[Any]) -> Any:
        *numbers, zone = fields
        if zone is None:
            return kind_of(*numbers)
        return kind_of(
            *numbers, ZoneInfo(zone) if isinstance(zone, str) else timezone(timedelta(seconds=zone))
        )

    return read


def _refuse(value: Any) -> Any:
    raise TypeError("函数不是流程数据")


process_values.register(YearsMonthsDuration, "months", lambda d: d.total, YearsMonthsDuration)
process_values.register(WideDate, "wide-date", _fields, lambda fields: WideDate(*fields))
process_values.register(WideTime, "wide-time", _fields, _clock_of(WideTime))
process_values.register(WideDateTime, "wide-datetime", _fields, _clock_of(WideDateTime))
process_values.register(WideDuration, "nanoseconds", lambda d: d.nanoseconds, WideDuration)
process_values.register(
    Range,
    "range",
    lambda r: [r.start, r.end, r.start_included, r.end_included, r.operator],
    lambda fields: Range(*fields),
)
process_values.register(Function, "function", _refuse, _refuse)


# --- kinds ---

KINDS: dict[type, str] = {
    bool: "boolean",
    Decimal: "number",
    int: "number",
    float: "number",
    str: "string",
    date: "date",
    WideDate: "date",
    datetime: "date and time",
    WideDateTime: "date and time",
    time: "time",
    WideTime: "time",
    timedelta: "days and time duration",
    WideDuration: "days and time duration",
    YearsMonthsDuration: "years and months duration",
    list: "list",
    dict: "context",
    Range: "range",
    type(None): "Null",
}


def kind(value: Any) -> str:
    """The FEEL kind of a value: ``number``, ``string``, ..., ``function`` or, for something foreign, ``unknown``."""
    found = KINDS.get(type(value))
    if found is None:
        found = "function" if issubclass(type(value), Function) else "unknown"
    return found


WORDS = {
    "number": "数字",
    "string": "文字",
    "boolean": "真假",
    "date": "日期",
    "time": "时间",
    "date and time": "日期时间",
    "days and time duration": "时长",
    "years and months duration": "年月时长",
    "list": "列表",
    "context": "上下文",
    "function": "函数",
    "range": "区间",
    "Null": "空值",
}
"""Kind -> what people call it."""


def word(value: Any) -> str:
    """The kind of a value as people call it."""
    return WORDS.get(kind(value), "未知")


def type_word(type_: Type | None) -> str:
    """A type as people call it: one of FEEL's own in words, any other by its name."""
    name = "Any" if type_ is None else type_.name
    return WORDS.get(name, f"“{name}”")


_TOO_GREAT = 10**6145
_DATE_FIELDS = (date.year, date.month, date.day)
_TIME_FIELDS = (time.hour, time.minute, time.second, time.microsecond, time.tzinfo)
_DATETIME_FIELDS = tuple(
    getattr(datetime, name)
    for name in ("year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo")
)
_TIMEDELTA_FIELDS = (timedelta.days, timedelta.seconds, timedelta.microseconds)


def _rebuild(into: type, fields: tuple[Any, ...]) -> Callable[[Any], Any]:
    return lambda value: into(*(field.__get__(value) for field in fields))


_PLAIN_PARTS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (dict, lambda value: dict(dict.items(value))),
    (list, list.copy),
    (tuple, lambda value: list(tuple.__iter__(value))),
    (Mapping, dict),
    (int, int.__int__),
    (float, float.__float__),
    (str, str.__str__),
    (Decimal, Decimal),
    (datetime, _rebuild(datetime, _DATETIME_FIELDS)),
    (date, _rebuild(date, _DATE_FIELDS)),
    (time, _rebuild(time, _TIME_FIELDS)),
    (timedelta, _rebuild(timedelta, _TIMEDELTA_FIELDS)),
)
"""How a subclass, such as an enum, becomes the plain value it holds without any method of its own being called."""


def adopt(value: Any) -> Any:
    """A value from outside as FEEL knows it; what it does not know is null, so no Python object gets in.

    Nor does a number beyond decimal128, NaN or infinity.
    """
    kind_of = type(value)
    if kind_of is Decimal:
        return value if value.is_finite() and -6177 < value.adjusted() < 6145 else None
    if kind_of is int:
        return value if -_TOO_GREAT < value < _TOO_GREAT else None
    if kind_of is float:
        return Decimal(repr(value)) if value - value == 0 else None
    if kind_of in KINDS or issubclass(kind_of, Function):
        return value
    for plain, part in _PLAIN_PARTS:
        if issubclass(kind_of, plain):
            return adopt(part(value))
    return None
