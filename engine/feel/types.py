"""Types of FEEL: which value is an instance of which (DMN 1.5, 10.3.2.9), and the conversions that the standard makes by itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date
from typing import Any

from .tree import ContextType, FunctionType, ListType, RangeType, RestrictedType, Type
from .values import Function, Range, WideDate, kind

ANY = Type("Any")
_ALIASES = {
    "dateTime": "date and time",
    "dayTimeDuration": "days and time duration",
    "yearMonthDuration": "years and months duration",
    "feel:number": "number",
    "feel:string": "string",
    "feel:boolean": "boolean",
}
BUILT_IN = frozenset(
    {
        "Any",
        "Null",
        "number",
        "string",
        "boolean",
        "date",
        "time",
        "date and time",
        "days and time duration",
        "years and months duration",
        "list",
        "context",
        "function",
        "range",
    }
)


def named(name: str, types: Mapping[str, Type]) -> Type | None:
    """A type by its name: an item definition or built in; None for an unknown one."""
    found = types.get(name)
    if found is not None:
        return found
    name = _ALIASES.get(name, name)
    return Type(name) if name in BUILT_IN else None


def resolved(type_: Type, types: Mapping[str, Type], depth: int = 0) -> Type:
    """What a name stands for, through names of names."""
    found = named(type_.name, types) if type(type_) is Type else None
    if found is None or found == type_ or depth > 20:
        return found or type_
    return resolved(found, types, depth + 1)


def is_instance(value: Any, type_: Type, types: Mapping[str, Type], depth: int = 0) -> bool | None:
    """Whether a value conforms to a type; None for a type that is not known."""
    if depth > 50:
        return None
    if isinstance(type_, ListType):
        return isinstance(value, list) and all(
            item is None or is_instance(item, type_.element, types, depth + 1) for item in value
        )
    if isinstance(type_, ContextType):
        return isinstance(value, dict) and all(
            name in value and (value[name] is None or bool(is_instance(value[name], entry, types, depth + 1)))
            for name, entry in type_.entries
        )
    if isinstance(type_, RestrictedType):
        return is_instance(value, type_.base, types, depth + 1) and type_.allows(value)
    if isinstance(type_, RangeType):
        ends = (
            [end for end in (value.start, value.end) if end is not None] if isinstance(value, Range) else []
        )
        return bool(ends) and all(is_instance(end, type_.element, types, depth + 1) for end in ends)
    if isinstance(type_, FunctionType):
        return isinstance(value, Function) and len(value.parameters) == len(type_.parameters)
    found = named(type_.name, types)
    if found is None:
        return None
    if found.name not in BUILT_IN or type(found) is not Type:
        return is_instance(value, found, types, depth + 1)
    if found.name == "Null":
        return value is None
    if value is None:
        return False
    return found.name == "Any" or kind(value) == found.name


def conformed(value: Any, type_: Type | None, types: Mapping[str, Type]) -> tuple[bool, Any]:
    """A value as a type wants it (10.3.2.9.4): a list of one thing is the thing, a thing a list of it, a date its midnight in UTC.

    :returns: whether it conforms, and the value, None where it does not
    """
    if type_ is None or value is None or is_instance(value, type_, types) is not False:
        return True, value
    found = resolved(type_, types)
    if isinstance(value, list) and len(value) == 1 and is_instance(value[0], found, types):
        return True, value[0]
    if isinstance(found, ListType) and not isinstance(value, list) and is_instance([value], found, types):
        return True, [value]
    if found.name == "list" and type(found) is Type and not isinstance(value, list):
        return True, [value]
    if found.name == "date and time" and (isinstance(value, WideDate) or type(value) is date):
        from .temporal import midnight

        return True, midnight(value, UTC)
    return False, None
