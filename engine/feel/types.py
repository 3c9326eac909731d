"""Types of FEEL: which value is an instance of which, and which type conforms to which (DMN 1.5, 10.3.2.9); the conversions that the
standard makes by itself (10.3.2.9.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from .run import Run
from .temporal import midnight
from .tree import ContextType, FunctionType, ListType, RangeType, RestrictedType, Type
from .values import Function, Range, Signature, kind

Types = Mapping[str, Type]

ANY = Type("Any")
MAX_DEPTH = 50  # types in types, of item definitions that contain themselves
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
_PARAMETERIZED = frozenset({"list", "context", "function", "range"})


def named(name: str, types: Types) -> Type | None:
    """A type by its name: an item definition or built in; None for an unknown one."""
    found = types.get(name)
    if found is not None:
        return found
    name = _ALIASES.get(name, name)
    return Type(name) if name in BUILT_IN else None


def resolved(type_: Type, types: Types, depth: int = 0) -> Type:
    """What a name stands for, through names of names."""
    found = named(type_.name, types) if type(type_) is Type else None
    if found is None or found == type_ or depth > 20:
        return found or type_
    return resolved(found, types, depth + 1)


# --- values and types ---


def is_instance(value: Any, type_: Type, run: Run) -> bool | None:
    """``value instance of type``, which does not ask for allowed values; None for a type that is not known."""
    if value is None:
        found = resolved(type_, run.types)
        return None if _unknown(found) else found.name == "Null" and type(found) is Type
    return _fits(value, type_, run, False, 0)


def bare(type_: Type) -> bool:
    """Whether a list, range, context or function lacks its parameters, as in ``instance of list``."""
    if isinstance(type_, (ListType, RangeType)):
        return bare(type_.element)
    if isinstance(type_, ContextType):
        return any(bare(entry) for _, entry in type_.entries)
    if isinstance(type_, FunctionType):
        return any(map(bare, (*type_.parameters, type_.result)))
    return type(type_) is Type and type_.name in _PARAMETERIZED


def _unknown(found: Type) -> bool:
    return type(found) is Type and found.name not in BUILT_IN


def _fits(value: Any, type_: Type, run: Run, allowed: bool, depth: int) -> bool | None:
    """Whether a value, or null within a list or context, conforms to a type.

    :param allowed: whether allowed values count
    """
    found = resolved(type_, run.types)
    if depth > MAX_DEPTH or _unknown(found):
        return None
    run.spend(1)
    if value is None:
        return True
    if isinstance(found, RestrictedType):
        base = _fits(value, found.base, run, allowed, depth + 1)
        return base and (not allowed or found.allows(value, run))
    if isinstance(found, ListType):
        return isinstance(value, list) and all(
            _fits(item, found.element, run, allowed, depth + 1) for item in value
        )
    if isinstance(found, ContextType):
        return isinstance(value, dict) and all(
            name in value and _fits(value[name], entry, run, allowed, depth + 1)
            for name, entry in found.entries
        )
    if isinstance(found, RangeType):
        ends = (value.start, value.end) if isinstance(value, Range) else ()
        return any(end is not None for end in ends) and all(
            _fits(end, found.element, run, allowed, depth + 1) for end in ends
        )
    if isinstance(found, FunctionType):
        return isinstance(value, Function) and any(
            _callable_as(signature, found, run.types) for signature in value.signatures(len(found.parameters))
        )
    return found.name == "Any" or kind(value) == found.name


def _callable_as(signature: Signature, wanted: FunctionType, types: Types) -> bool:
    """Whether a function takes what is passed and gives what is wanted; a result that is not declared may be anything."""
    parameters, result = signature
    return all(
        not taken or any(conforms(passed, each, types) for each in taken)
        for passed, taken in zip(wanted.parameters, parameters, strict=True)
    ) and (result is None or conforms(result, wanted.result, types))


# --- types and types ---


def conforms(type_: Type, to: Type, types: Types, depth: int = 0) -> bool:
    """Whether every value of a type may stand where another type is wanted (10.3.2.9.2)."""
    left, right = _base(type_, types), _base(to, types)
    if left == right or right == ANY or left.name == "Null" or depth > MAX_DEPTH:
        return True
    if isinstance(left, ListType) and isinstance(right, ListType):
        return conforms(left.element, right.element, types, depth + 1)
    if isinstance(left, RangeType) and isinstance(right, RangeType):
        return conforms(left.element, right.element, types, depth + 1)
    if isinstance(left, ContextType) and isinstance(right, ContextType):
        entries = dict(left.entries)
        return all(
            name in entries and conforms(entries[name], entry, types, depth + 1)
            for name, entry in right.entries
        )
    if isinstance(left, FunctionType) and isinstance(right, FunctionType):
        return (
            len(left.parameters) == len(right.parameters)
            and all(
                conforms(passed, taken, types, depth + 1)
                for taken, passed in zip(left.parameters, right.parameters, strict=True)
            )
            and conforms(left.result, right.result, types, depth + 1)
        )
    return type(right) is Type and right.name == _KINDS.get(type(left), left.name)


_KINDS: dict[type[Type], str] = {
    ListType: "list",
    ContextType: "context",
    RangeType: "range",
    FunctionType: "function",
}


def _base(type_: Type, types: Types) -> Type:
    """What a name stands for, without allowed values."""
    found = resolved(type_, types)
    while isinstance(found, RestrictedType):
        found = resolved(found.base, types)
    return found


# --- conversions ---


def conformed(value: Any, type_: Type | None, run: Run) -> tuple[bool, Any]:
    """A value as a type wants it (10.3.2.9.4): a list of one thing is the thing, a thing a list of it, a date its midnight in UTC.

    :returns: whether it conforms, and the value, None where it does not
    """
    if type_ is None or value is None or _fits(value, type_, run, True, 0) is not False:
        return True, value
    for converted in _conversions(value, _base(type_, run.types)):
        if _fits(converted, type_, run, True, 0):
            return True, converted
    return False, None


def _conversions(value: Any, wanted: Type) -> list[Any]:
    if isinstance(value, list):
        return value if len(value) == 1 else []
    if isinstance(wanted, ListType) or wanted == Type("list"):
        return [[value]]
    if wanted == Type("date and time") and kind(value) == "date":
        return [midnight(value, UTC)]
    return []
