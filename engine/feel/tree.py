"""The syntax tree of FEEL (DMN 1.5, 10.3.1.2): frozen, comparable, without positions."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator as Iterating
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    """Any expression."""


@dataclass(frozen=True, slots=True)
class Number(Node):
    value: Decimal


@dataclass(frozen=True, slots=True)
class Text(Node):
    value: str


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """true, false, null."""

    value: bool | None


@dataclass(frozen=True, slots=True)
class AtLiteral(Node):
    """``@"2026-04-30"``."""

    text: str


@dataclass(frozen=True, slots=True)
class Name(Node):
    name: str


@dataclass(frozen=True, slots=True)
class ListLiteral(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ContextLiteral(Node):
    entries: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Interval(Node):
    start: Node
    end: Node
    start_included: bool
    end_included: bool


@dataclass(frozen=True, slots=True)
class UnaryRange(Node):
    """``(< 10)``: a range with one end."""

    operator: str
    end: Node


@dataclass(frozen=True, slots=True)
class Negation(Node):
    operand: Node


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Comparison(Node):
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class And(Node):
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or(Node):
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Between(Node):
    value: Node
    low: Node
    high: Node


@dataclass(frozen=True, slots=True)
class UnaryTest(Node):
    """``< 5`` in a cell or after ``in``."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class In(Node):
    value: Node
    tests: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class InstanceOf(Node):
    value: Node
    type: Type


@dataclass(frozen=True, slots=True)
class Path(Node):
    source: Node
    name: str


@dataclass(frozen=True, slots=True)
class Filter(Node):
    source: Node
    condition: Node


@dataclass(frozen=True, slots=True)
class Call(Node):
    function: Node
    arguments: tuple[Node, ...]
    names: tuple[str, ...] | None = None
    """Of the arguments, where they were named."""


@dataclass(frozen=True, slots=True)
class If(Node):
    condition: Node
    then: Node
    otherwise: Node


@dataclass(frozen=True, slots=True)
class Iterator(Node):
    """``x in list`` or ``x in start..end`` of a for, some or every."""

    name: str
    source: Node
    end: Node | None = None


@dataclass(frozen=True, slots=True)
class For(Node):
    iterators: tuple[Iterator, ...]
    body: Node


@dataclass(frozen=True, slots=True)
class Quantified(Node):
    quantifier: str
    iterators: tuple[Iterator, ...]
    body: Node


@dataclass(frozen=True, slots=True)
class FunctionLiteral(Node):
    parameters: tuple[tuple[str, Type | None], ...]
    body: Node
    external: bool = False


@dataclass(frozen=True, slots=True)
class Tests(Node):
    """The content of a decision table's cell; no tests means ``-``: anything goes."""

    tests: tuple[Node, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Type:
    """A type by name: built in, or an item definition of a decision model."""

    name: str


@dataclass(frozen=True, slots=True)
class ListType(Type):
    element: Type = Type("Any")


@dataclass(frozen=True, slots=True)
class RestrictedType(Type):
    """A type with allowed values; the test is null-safe and asks for the value alone. It is paid for by the evaluation, a ``Run``."""

    base: Type = Type("Any")
    allows: Callable[[Any, Any], bool] = lambda value, run: True


@dataclass(frozen=True, slots=True)
class RangeType(Type):
    element: Type = Type("Any")


@dataclass(frozen=True, slots=True)
class ContextType(Type):
    entries: tuple[tuple[str, Type], ...] = ()


@dataclass(frozen=True, slots=True)
class FunctionType(Type):
    parameters: tuple[Type, ...] = ()
    result: Type = Type("Any")


# --- what a tree is made of ---


def children(node: Node) -> Iterating[Node]:
    """The nodes directly below."""
    for name in _FIELD_NAMES[type(node)]:
        yield from _nodes(getattr(node, name))


class _FieldNames(dict[type, tuple[str, ...]]):
    """Those of a class of nodes, asked for once."""

    def __missing__(self, kind: type) -> tuple[str, ...]:
        self[kind] = tuple(field.name for field in fields(kind))
        return self[kind]


_FIELD_NAMES = _FieldNames()


def _nodes(value: Any) -> Iterating[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes(item)


def nodes(node: Node) -> Iterating[Node]:
    """The node and all below it."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(children(found))


def size(node: Node) -> int:
    """How many nodes a tree has: what evaluating it once costs."""
    return sum(1 for _ in nodes(node))


def depth(node: Node) -> int:
    """Levels of a tree."""
    return 1 + max((depth(child) for child in children(node)), default=0)


def mentions(node: Node, name: str) -> bool:
    """Whether a name occurs in a tree, declared ones included."""
    return any(isinstance(found, Name) and found.name == name for found in nodes(node))


def mentioned(node: Node) -> frozenset[str]:
    """Every name that occurs in a tree, declared ones included."""
    return frozenset(found.name for found in nodes(node) if isinstance(found, Name))
