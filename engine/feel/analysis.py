"""What an expression can be told without values: the names it needs, the type of its result, and what in it can only go wrong.

Sound: a type is said only where every value is null or of it, a defect only where every evaluation has it. One thing is assumed:
no item of a list holds a function under the name of a built-in one or of a misspelt one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

from . import advice, operators, temporal, tree
from .functions import BUILT_IN
from .functions.registry import Overload, Parameter
from .limits import MAX_DEPTH, FeelLimitError
from .printing import printed
from .run import Run
from .tree import ContextType, FunctionType, ListType, RangeType, RestrictedType, Type, children, depth
from .types import BUILT_IN as BUILT_IN_TYPES
from .types import named, resolved
from .values import WORDS, Range, YearsMonthsDuration, kind

Types = Mapping[str, Type]
NULL, NUMBER, STRING, BOOLEAN, DATE = (Type(n) for n in ("Null", "number", "string", "boolean", "date"))
LIST, CONTEXT, FUNCTION, RANGE = (Type(n) for n in ("list", "context", "function", "range"))

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_SAMPLES: dict[str, tuple[Any, ...]] = {
    "number": (Decimal(1), Decimal(2)),
    "string": ("a",),
    "boolean": (True,),
    "date": (date(2026, 1, 1),),
    "time": (time(12), time(12, tzinfo=UTC), time(12, tzinfo=_SHANGHAI)),
    "date and time": (
        datetime(2026, 1, 1),  # noqa: DTZ001 (FEEL has local times)
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 1, tzinfo=_SHANGHAI),
    ),
    "days and time duration": (timedelta(days=1), timedelta(seconds=1)),
    "years and months duration": (YearsMonthsDuration(1), YearsMonthsDuration(12)),
    "list": ([], [Decimal(1)]),
    "context": ({},),
    "function": (BUILT_IN["count"],),
    "range": (Range(Decimal(1), Decimal(2), True, True),),
    "Null": (None,),
}


@dataclass(frozen=True, slots=True)
class Defect:
    """Something that can only be null or wrong, whatever the values.

    :ivar code: stable, such as ``unknown-function``
    :ivar expression: the part that has it
    :ivar message: Chinese sentences that quote the part and say what to do
    :ivar place: where the caller said it was looking
    """

    code: str
    expression: str
    message: str
    place: Any = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """What an expression can be told.

    :ivar type: of its value, unless that is null; ``Null`` where it always is; None where it is not known
    :ivar names: the names that the context must supply, each with the type it is used as, where that is clear
    :ivar possible: names in filters, which may be entries of the filtered items instead
    :ivar first: where each name stands first, as the caller said where it was looking
    """

    type: Type | None
    names: Mapping[str, Type | None]
    possible: frozenset[str]
    defects: tuple[Defect, ...]
    first: Mapping[str, Any]


def analyse(
    node: tree.Node, names: Mapping[str, Type | None] | None = None, types: Types | None = None
) -> Analysis:
    """What a tree can be told.

    :param names: what the context is known to supply, with types; None for one of unknown type
    :param types: item definitions by name
    """
    analyser = Analyser(names or {}, types or {})
    try:
        found = analyser.visit(node, None)
    except RecursionError:  # deep, but not too deep to be evaluated
        return Analysis(None, {}, frozenset(), (), {})
    return analyser.told(found)


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The name that was probably meant."""
    others = [other for other in candidates if other != name]
    similarity = 0.5 if len(name) <= 3 else 0.6
    close = get_close_matches(name, others, 1, similarity)
    return next(iter((*close, *(other for other in others if other.startswith(name)))), None)


def quoted(node: tree.Node, longest: int = 60) -> str:
    """A part of an expression as a finding quotes it."""
    try:
        text = printed(node)
    except KeyError:  # what a decision model draws instead of writing
        return "…"
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _instead(kinds: tuple[str | None, ...], *written: tree.Node) -> str:
    return advice.of_kinds(kinds, [quoted(node) for node in written])


class Scope:
    """Names and their types, innermost first.

    :ivar open: an item stands here whose entries are not all known: any name may be one of them
    """

    __slots__ = ("names", "open", "parent")

    def __init__(self, names: Mapping[str, Type | None], parent: Scope | None, *, open: bool = False) -> None:
        self.names = names
        self.parent = parent
        self.open = open


class Analyser:
    """One walk through a tree, or through several that share their names.

    :ivar place: where the walk is, for the defects found there
    """

    def __init__(self, names: Mapping[str, Type | None], types: Types) -> None:
        self.names = names
        self.types = types
        self.place: Any = None
        self._used: dict[str, list[Type]] = {}
        self._possible: set[str] = set()
        self._first: dict[str, Any] = {}
        self._defects: dict[Defect, None] = {}

    def told(self, type_: Type | None) -> Analysis:
        """All that the walk has found."""
        hints = {name: self.names.get(name) or self._agreed(types) for name, types in self._used.items()}
        possible = frozenset(self._possible - self._used.keys())
        return Analysis(self.known(type_), hints, possible, tuple(self._defects), self._first)

    def visit(self, node: tree.Node, scope: Scope | None) -> Type | None:
        """The type of a node's value."""
        visitor = _VISITORS.get(type(node))
        if visitor is not None:
            return visitor(self, node, scope)
        for child in children(node):
            self.visit(child, scope)
        return None

    def defect(self, code: str, node: tree.Node | None, message: str) -> None:
        self._defects[Defect(code, "" if node is None else quoted(node), message, self.place)] = None

    # --- names ---

    def lookup(self, name: str, scope: Scope | None) -> tuple[str, Type | None]:
        """How a name is bound, and its type: ``bound``, ``given``, ``built-in``, ``free``, or ``maybe`` an entry of an item."""
        hidden = False
        while scope is not None:
            if name in scope.names:
                return ("maybe", None) if hidden else ("bound", scope.names[name])
            hidden = hidden or scope.open
            scope = scope.parent
        if name in self.names:
            return ("maybe", None) if hidden else ("given", self.names[name])
        if name in BUILT_IN:
            return "built-in", None if hidden else FUNCTION
        return ("maybe" if hidden else "free"), None

    def hint(self, node: tree.Node, scope: Scope | None, type_: Type) -> None:
        """Note as what a name is used."""
        if isinstance(node, tree.Name) and self.lookup(node.name, scope)[0] in ("free", "given"):
            self._used.setdefault(node.name, []).append(type_)

    def _agreed(self, types: list[Type]) -> Type | None:
        return types[0] if types and all(t == types[0] for t in types) else None

    # --- types ---

    def known(self, type_: Type | None) -> Type | None:
        """A type that says something, None for one that takes anything or is not known."""
        return type_ if self.kind(type_) is not None else None

    def bare(self, type_: Type | None) -> Type | None:
        """A type without its name and restrictions."""
        if type_ is None:
            return None
        found = resolved(type_, self.types)
        for _ in range(20):
            if not isinstance(found, RestrictedType):
                break
            found = resolved(found.base, self.types)
        return found

    def kind(self, type_: Type | None) -> str | None:
        """The kind of a type's values, None where it is not known."""
        found = self.bare(type_)
        for structured, of in _STRUCTURED:
            if isinstance(found, structured):
                return of
        return (
            None if found is None or found.name == "Any" or found.name not in BUILT_IN_TYPES else found.name
        )

    def element(self, type_: Type | None) -> Type | None:
        """The type of a list's items."""
        found = self.bare(type_)
        return self.known(found.element) if isinstance(found, ListType) else None

    def entries(self, type_: Type | None) -> dict[str, Type | None]:
        """The entries that a context is known to have."""
        found = self.bare(type_)
        return dict(found.entries) if isinstance(found, ContextType) else {}

    def may_become(self, type_: Type | None, wanted: Type) -> bool:
        """Whether a value may be of a type, converted where the standard does that (10.3.2.9.4)."""
        of, to = self.kind(type_), self.kind(wanted)
        if of is None or to is None or of in (to, "Null") or to == "list":
            return True
        if of == "list":
            item = self.element(type_)
            return item is None or self.may_become(item, wanted)
        return of == "date" and to == "date and time"

    def joined(self, left: Type | None, right: Type | None) -> Type | None:
        """The type of a value that is of one of two."""
        if right == NULL or _same(left, right, [MAX_COMPARED]):
            return left
        if left == NULL:
            return right
        a, b = self.kind(left), self.kind(right)
        return Type(a) if a == b and a is not None else None


_STRUCTURED: tuple[tuple[type[Type], str], ...] = (
    (ListType, "list"),
    (ContextType, "context"),
    (RangeType, "range"),
    (FunctionType, "function"),
)


MAX_COMPARED = 1_000  # parts of two types; parts that are shared make a type longer than its expression


def _same(left: Type | None, right: Type | None, budget: list[int]) -> bool:
    """Whether two types are equal; no, where it takes too long to tell."""
    if left is right:
        return True
    budget[0] -= 1
    if budget[0] < 0 or type(left) is not type(right):
        return False
    if isinstance(left, (ListType, RangeType)) and isinstance(right, (ListType, RangeType)):
        return left.name == right.name and _same(left.element, right.element, budget)
    if isinstance(left, ContextType) and isinstance(right, ContextType):
        return (left.name, len(left.entries)) == (right.name, len(right.entries)) and all(
            a == b and _same(one, other, budget)
            for (a, one), (b, other) in zip(left.entries, right.entries, strict=True)
        )
    if isinstance(left, FunctionType) and isinstance(right, FunctionType):
        parts = (*left.parameters, left.result), (*right.parameters, right.result)
        return len(parts[0]) == len(parts[1]) and all(
            _same(one, other, budget) for one, other in zip(*parts, strict=True)
        )
    return left == right


def list_of(element: Type | None) -> Type:
    """The type of a list with such items."""
    return LIST if element is None or element == NULL else ListType("list", element)


# --- what the operators do to each kind, asked of the operators themselves ---


@cache
def _results(operator: str, left: str, right: str) -> frozenset[str]:
    """The kinds that an arithmetic operation on values of two kinds may give; none where it never gives a value."""
    found = set()
    for a, b in product(_SAMPLES[left], _SAMPLES[right]):
        try:
            found.add(kind(operators.ARITHMETIC[operator](a, b)))
        except (ArithmeticError, ValueError):
            continue
    return frozenset(found - {"Null"})


@cache
def _possible(operator: str, left: str | None, right: str | None) -> frozenset[str]:
    """The same for kinds that may not be known."""
    pairs = product(_alternatives(left), _alternatives(right))
    return frozenset[str]().union(*(_results(operator, *pair) for pair in pairs))


@cache
def _negated(of: str) -> bool:
    return any(operators.negate(value) is not None for value in _SAMPLES[of])


@cache
def _ordered(left: str, right: str) -> bool:
    return any(operators.order(a, b) is not None for a, b in product(_SAMPLES[left], _SAMPLES[right]))


@cache
def _part(of: str, name: str) -> Type | None:
    """The type of a property of a date and the like."""
    values = [
        value for sample in _SAMPLES[of] if (value := operators.PROPERTIES[of][name](sample)) is not None
    ]
    kinds = {kind(value) for value in values}
    return Type(kinds.pop()) if len(kinds) == 1 and of != "range" else None


def _alternatives(of: str | None) -> Iterable[str]:
    return _SAMPLES if of is None else (of,)


def _words(*kinds: str | None) -> str:
    return "与".join(WORDS[k] for k in kinds if k)


def _is_null(node: tree.Node) -> bool:
    return isinstance(node, tree.Constant) and node.value is None


def _sure(node: tree.Node) -> bool:
    """Whether a node's value cannot be null."""
    if isinstance(node, tree.Negation):
        return isinstance(node.operand, tree.Number)
    return isinstance(node, (tree.Number, tree.Text, tree.ListLiteral, tree.FunctionLiteral)) or (
        isinstance(node, tree.Constant) and node.value is not None
    )


# --- values ---


def _name(self: Analyser, node: tree.Name, scope: Scope | None) -> Type | None:
    how, type_ = self.lookup(node.name, scope)
    if how == "maybe":
        self._possible.add(node.name)
    elif how in ("free", "given"):
        self._used.setdefault(node.name, [])
    if how in ("free", "maybe", "given"):
        self._first.setdefault(node.name, self.place)
    return self.known(type_)


def _constant(self: Analyser, node: tree.Constant, scope: Scope | None) -> Type:
    return NULL if node.value is None else BOOLEAN


def _at_literal(self: Analyser, node: tree.AtLiteral, scope: Scope | None) -> Type:
    try:
        return Type(kind(temporal.read(node.text)))
    except (ValueError, OverflowError) as error:
        self.defect(
            "literal",
            node,
            f'“{quoted(node)}”{error}。请写成 @"2026-04-30"、@"08:30:00"、@"2026-04-30T08:30:00" 或 @"P7D"。',
        )
        return NULL


def _list(self: Analyser, node: tree.ListLiteral, scope: Scope | None) -> Type:
    found: Type | None = NULL
    for item in node.items:
        found = self.joined(found, self.visit(item, scope))
    return list_of(found)


def _context(self: Analyser, node: tree.ContextLiteral, scope: Scope | None) -> Type:
    entries: dict[str, Type | None] = {}
    inner = Scope(entries, scope)
    twice = []
    for key, value in node.entries:
        if key in entries:
            twice.append(key)
        entries[key] = self.visit(value, inner)
    if twice:
        keys = "、".join(f"“{key}”" for key in twice)
        self.defect("duplicate-key", node, f"“{quoted(node)}”里有重复的键：{keys}。每个键只能写一次。")
        return NULL
    return context_of(entries)


EXACT = "exact context"
"""The name of the type of a context that has no entries but those of the type."""


def context_of(entries: Mapping[str, Type | None]) -> Type:
    """The type of a context with exactly such entries."""
    return ContextType(EXACT, tuple((key, type_ or Type("Any")) for key, type_ in entries.items()))


def _interval(self: Analyser, node: tree.Interval, scope: Scope | None) -> Type:
    start, end = self.visit(node.start, scope), self.visit(node.end, scope)
    a, b = self.kind(start), self.kind(end)
    if a and b and "Null" not in (a, b) and not _ordered(a, b):
        self.defect(
            "range",
            node,
            f"区间“{quoted(node)}”的两端是{_words(a, b)}，不能比较。两端请用同一种值：数字、文字、日期等。",
        )
        return RANGE
    return _range_of(self, (node.start, start), (node.end, end))


def _unary_range(self: Analyser, node: tree.UnaryRange | tree.UnaryTest, scope: Scope | None) -> Type:
    end = node.end if isinstance(node, tree.UnaryRange) else node.operand
    return _range_of(self, (end, self.visit(end, scope)))


def _range_of(self: Analyser, *ends: tuple[tree.Node, Type | None]) -> Type:
    """The type of a range; that of its ends is told where one of them is sure to be there."""
    there = any(_sure(end) or (isinstance(end, tree.AtLiteral) and type_ != NULL) for end, type_ in ends)
    found = self.joined(ends[0][1], ends[-1][1])
    return RANGE if found is None or not there else RangeType("range", found)


# --- operators ---


def _negation(self: Analyser, node: tree.Negation, scope: Scope | None) -> Type | None:
    self.hint(node.operand, scope, NUMBER)
    type_ = self.visit(node.operand, scope)
    of = self.kind(type_)
    if of is None:
        return None
    if _negated(of):
        return Type(of)
    if of != "Null" or _is_null(node.operand):
        self.defect("types", node, f"“{quoted(node)}”永远没有结果：{_words(of)}不能取负。请改用数字或时长。")
    return NULL


def _arithmetic(self: Analyser, node: tree.Arithmetic, scope: Scope | None) -> Type | None:
    left, right = self.visit(node.left, scope), self.visit(node.right, scope)
    a, b = self.kind(left), self.kind(right)
    for operand, other in ((node.left, b), (node.right, a)):
        if other == "number" and node.operator != "*":
            self.hint(operand, scope, NUMBER)
        elif other == "string" and node.operator == "+":
            self.hint(operand, scope, STRING)
    found = _possible(node.operator, a, b)
    if len(found) > 1:
        return None
    if found:
        return Type(next(iter(found)))
    if "Null" not in (a, b) or _is_null(node.left) or _is_null(node.right):
        self.defect("types", node, f"“{quoted(node)}”永远没有结果：{_why(node, a, b)}")
    return NULL


def _why(node: tree.Arithmetic, a: str | None, b: str | None) -> str:
    if "Null" in (a, b):
        return "空值不能参加运算。请改用有值的内容。"
    if node.operator == "+" and "string" in (a, b):
        other, type_ = (node.right, b) if a == "string" else (node.left, a)
        if type_:
            return f"{_words(a, b)}不能直接相加。要连成文字，请写 string({quoted(other, 30)})。"
    if a in ("date", "date and time") and b == "number" and node.operator in "+-":
        return f'{_words(a, b)}不能用“{node.operator}”计算。加减天数请写 duration("P7D")，月数请写 duration("P1M")。'
    if a and b:
        return f"{_words(a, b)}不能用“{node.operator}”计算。请检查两边的值。"
    return f"{_words(a or b)}不能用“{node.operator}”计算。请改用数字、日期或时长。"


def _comparison(self: Analyser, node: tree.Comparison, scope: Scope | None) -> Type:
    left, right = self.visit(node.left, scope), self.visit(node.right, scope)
    for operand, type_ in ((node.left, right), (node.right, left)):
        if (of := self.kind(type_)) not in (None, "Null"):
            self.hint(operand, scope, Type(of or ""))
    return _compared(self, node, node.operator, self.kind(left), self.kind(right), (node.left, node.right))


def _compared(
    self: Analyser,
    node: tree.Node,
    operator: str,
    a: str | None,
    b: str | None,
    operands: tuple[tree.Node, ...] = (),
) -> Type:
    if operator in ("=", "!="):
        if a and b and a != b and "Null" not in (a, b):
            self.defect(
                "types",
                node,
                f"“{quoted(node)}”永远不成立：{_words(a, b)}不会相等。{_instead((a, b), *operands)}",
            )
        return BOOLEAN
    if any(_ordered(*pair) for pair in product(_alternatives(a), _alternatives(b))):
        return BOOLEAN
    if "Null" in (a, b):
        if any(map(_is_null, operands)):
            self.defect(
                "types",
                node,
                f"“{quoted(node)}”永远没有结果：空值不能比较大小。要判断是否为空，请写 x = null。",
            )
    elif a and b and a != b:
        self.defect(
            "types",
            node,
            f"“{quoted(node)}”永远没有结果：{_words(a, b)}不能比较大小。{_instead((a, b), *operands)}",
        )
    else:
        one = a if a and not any(_ordered(a, other) for other in _SAMPLES) else b
        self.defect(
            "types",
            node,
            f"“{quoted(node)}”永远没有结果：{_words(one)}不能比较大小。请改用数字、文字或日期等。",
        )
    return NULL


def _logical(self: Analyser, node: tree.And | tree.Or, scope: Scope | None) -> Type:
    word = "and" if isinstance(node, tree.And) else "or"
    for operand in node.operands:
        self.hint(operand, scope, BOOLEAN)
        of = self.kind(self.visit(operand, scope))
        if of not in (None, "boolean", "Null"):
            self.defect(
                "not-boolean",
                operand,
                f"“{word}”的一边“{quoted(operand)}”是{_words(of)}，不是真假。请写成一个判断，例如 x = 1。",
            )
    return BOOLEAN


def _between(self: Analyser, node: tree.Between, scope: Scope | None) -> Type:
    parts = (node.value, node.low, node.high)
    kinds = [self.kind(self.visit(part, scope)) for part in parts]
    ends = {k for k in kinds[1:] if k and k != "Null"}
    if len(ends) == 1:
        self.hint(node.value, scope, Type(next(iter(ends))))
    found = BOOLEAN
    for one, other in ((1, 0), (0, 2)):
        if found == BOOLEAN:
            found = _compared(self, node, "<=", kinds[one], kinds[other], (parts[one], parts[other]))
    return found


def _in(self: Analyser, node: tree.In, scope: Scope | None) -> Type:
    value = self.visit(node.value, scope)
    inner = Scope({"?": value}, scope)
    kinds = {tested(self, value, test, inner) for test in node.tests}
    if len(kinds) == 1 and (of := kinds.pop()) not in (None, "Null"):
        self.hint(node.value, scope, Type(of or ""))
    return BOOLEAN


def tested(
    self: Analyser, value: Type | None, test: tree.Node, scope: Scope | None, *, cell: bool = False
) -> str | None:
    """The kind of values that a test lets pass, where it is known.

    :param cell: of a decision table, where an expression that is true passes too
    """
    a = self.kind(value)
    if isinstance(test, tree.UnaryTest):
        b = self.kind(self.visit(test.operand, scope))
        if a not in (None, "Null"):
            self.hint(test.operand, scope, Type(a or ""))
        _compared(self, test, test.operator, a, b, (test.operand,))
        return b
    type_ = self.visit(test, scope)
    of = self.kind(type_)
    if "?" in tree.mentioned(test) or (
        cell and of == "boolean" and a != "boolean" and not isinstance(test, tree.Constant)
    ):
        return None
    found = self.bare(type_)
    if of == "range":
        end = self.kind(found.element) if isinstance(found, RangeType) else None
        if a and end and a not in ("Null", "range") and not _ordered(a, end):
            self.defect(
                "types",
                test,
                f"“{quoted(test)}”永远不成立：{_words(a)}不会在{_words(end)}的区间里。{_instead((a, end), *children(test))}",
            )
        return end
    if of == "list":
        item = self.kind(self.element(type_))
        if a not in (None, "list", "Null") and item not in (None, a, "range", "list", "Null"):
            self.defect(
                "types",
                test,
                f"“{quoted(test)}”永远不成立：{_words(a)}不会在{_words(item)}的列表里。请改成同一种值。",
            )
        return item
    if a and of and of != a and "Null" not in (a, of):
        self.defect(
            "types", test, f"“{quoted(test)}”永远不成立：{_words(a, of)}不会相等。{_instead((a, of), test)}"
        )
    return of


def _tests(self: Analyser, node: tree.Tests, scope: Scope | None) -> Type:
    value = self.lookup("?", scope)[1]
    for test in node.tests:
        tested(self, value, test, scope, cell=True)
    return BOOLEAN


def _instance_of(self: Analyser, node: tree.InstanceOf, scope: Scope | None) -> Type:
    self.visit(node.value, scope)
    unknown = [name for name in _type_names(node.type) if named(name, self.types) is None]
    for name in unknown:
        near = nearest(name, [*BUILT_IN_TYPES, *self.types])
        self.defect(
            "unknown-type",
            node,
            f"“{quoted(node)}”：没有类型“{name}”。" + (f"是不是“{near}”？" if near else "请改用已有的类型。"),
        )
    return NULL if unknown and type(node.type) is Type else BOOLEAN


def _type_names(type_: Type) -> Iterable[str]:
    if isinstance(type_, (ListType, RangeType)):
        yield from _type_names(type_.element)
    elif isinstance(type_, ContextType):
        for _, entry in type_.entries:
            yield from _type_names(entry)
    elif isinstance(type_, FunctionType):
        for each in (*type_.parameters, type_.result):
            yield from _type_names(each)
    elif type(type_) is Type:
        yield type_.name


# --- paths and filters ---


def _path(self: Analyser, node: tree.Path, scope: Scope | None) -> Type | None:
    return _property(self, node, self.visit(node.source, scope))


def _property(self: Analyser, node: tree.Path, source: Type | None) -> Type | None:
    of = self.kind(source)
    if of is None or of == "Null":
        return None if of is None else NULL
    if of == "context":
        entries, exact = self.entries(source), self.bare(source)
        if exact is None or exact.name != EXACT or node.name in entries:
            return self.known(entries.get(node.name))
        _no_part(self, node, f"“{quoted(node.source)}”没有“{node.name}”这一项。", entries)
        return NULL
    if of == "list":
        item = self.element(source)
        return LIST if item is None else list_of(_property(self, node, item))
    parts = operators.PROPERTIES.get(of, {})
    if node.name in parts:
        found = self.bare(source)
        if isinstance(found, RangeType) and node.name in ("start", "end"):
            return self.known(found.element)
        return BOOLEAN if of == "range" and "included" in node.name else _part(of, node.name)
    _no_part(self, node, f"{_words(of)}没有“{node.name}”这一项。", parts)
    return NULL


def _no_part(self: Analyser, node: tree.Path, why: str, parts: Iterable[str]) -> None:
    near = nearest(node.name, parts)
    hint = (
        f"是不是“{near}”？" if near else f"可用的有：{'、'.join(parts)}。" if parts else "请检查“.”前面的值。"
    )
    self.defect("property", node, f"“{quoted(node)}”永远没有结果：{why}{hint}")


def _filter(self: Analyser, node: tree.Filter, scope: Scope | None) -> Type | None:
    source = self.visit(node.source, scope)
    of = self.kind(source)
    item = self.element(source) if of == "list" else source
    condition = self.visit(node.condition, item_scope(self, item, scope))
    found = self.kind(condition)
    if of == "Null":
        return NULL
    if found == "number" and _sure(node.condition):
        return None if of is None else item
    if found == "boolean":
        return list_of(item)
    if found not in (None, "number", "Null"):
        self.defect(
            "filter",
            node,
            f'“{quoted(node)}”永远选不出内容：方括号里是{_words(found)}。请写一个判断，例如 [状态 = "未签"]，或一个位置，例如 [1]。',
        )
    return None


def item_scope(self: Analyser, item: Type | None, scope: Scope | None) -> Scope:
    """Where a filter's condition stands: the entries of the item, then ``item``, then all around."""
    inner = Scope({"item": item}, scope)
    of = self.kind(item)
    if of not in (None, "context"):
        return inner
    entries = self.entries(item)
    for name, type_ in entries.items():  # an item may also be null, and leave the name to what stands around
        how, outer = self.lookup(name, inner)
        if how != "free" and not _same(outer, type_, [MAX_COMPARED]):
            entries[name] = None
    return Scope(entries, inner, open=True)


# --- control ---


def _if(self: Analyser, node: tree.If, scope: Scope | None) -> Type | None:
    self.hint(node.condition, scope, BOOLEAN)
    condition = self.kind(self.visit(node.condition, scope))
    then, otherwise = self.visit(node.then, scope), self.visit(node.otherwise, scope)
    if condition not in (None, "boolean") and (condition != "Null" or _is_null(node.condition)):
        self.defect(
            "not-boolean",
            node.condition,
            f"if 的条件“{quoted(node.condition)}”是{_words(condition)}，永远不是真假，只会走 else。请写成一个判断，例如 x = 1。",
        )
        return otherwise
    return self.joined(then, otherwise)


def _iterated(self: Analyser, iterator: tree.Iterator, scope: Scope | None) -> tuple[Type | None, bool]:
    """The type of what an iterator gives, and whether it can be gone through at all."""
    source = self.visit(iterator.source, scope)
    of = self.kind(source)
    if iterator.end is not None:
        end = self.kind(self.visit(iterator.end, scope))
        for part in (iterator.source, iterator.end):
            self.hint(part, scope, NUMBER)
        if any(k not in (None, "number", "date") for k in (of, end)) or (of and end and of != end):
            text = f"{quoted(iterator.source, 30)}..{quoted(iterator.end, 30)}"
            self.defect(
                "iteration", iterator.source, f"“{text}”不能逐个列举：只能从整数到整数，或从日期到日期。"
            )
            return None, False
        return Type(of or end or "") if of or end else None, True
    self.hint(iterator.source, scope, LIST)
    if of == "list":
        return self.element(source), True
    if of == "range":
        found = self.bare(source)
        item = self.kind(found.element) if isinstance(found, RangeType) else None
        if item not in (None, "number", "date"):
            text = quoted(iterator.source)
            self.defect(
                "iteration", iterator.source, f"区间“{text}”不能逐个列举：只能从整数到整数，或从日期到日期。"
            )
            return None, False
        return Type(item) if item else None, True
    if of == "Null" and _is_null(iterator.source):
        self.defect("iteration", iterator.source, "for、some、every 里的“null”不是列表。请改成一个列表。")
    return source, of != "Null"


def _iterators(
    self: Analyser, iterators: tuple[tree.Iterator, ...], scope: Scope | None
) -> tuple[Scope | None, bool]:
    """The scope inside, and whether the first, which is always asked, can be gone through."""
    possible = True
    for index, iterator in enumerate(iterators):
        item, goes = _iterated(self, iterator, scope)
        possible = goes if index == 0 else possible
        scope = Scope({iterator.name: item}, scope)
    return scope, possible


def _for(self: Analyser, node: tree.For, scope: Scope | None) -> Type:
    inner, possible = _iterators(self, node.iterators, scope)
    body = self.visit(node.body, Scope({"partial": LIST}, inner))
    return list_of(body) if possible else NULL


def _quantified(self: Analyser, node: tree.Quantified, scope: Scope | None) -> Type:
    inner, possible = _iterators(self, node.iterators, scope)
    self.hint(node.body, inner, BOOLEAN)
    of = self.kind(self.visit(node.body, inner))
    if of not in (None, "boolean", "Null"):
        self.defect(
            "not-boolean",
            node.body,
            f"satisfies 之后的“{quoted(node.body)}”是{_words(of)}，不是真假。请写成一个判断，例如 x = 1。",
        )
    return BOOLEAN if possible else NULL


# --- functions ---


def _function(self: Analyser, node: tree.FunctionLiteral, scope: Scope | None) -> Type:
    parameters = tuple(type_ or Type("Any") for _, type_ in node.parameters)
    if node.external:
        return FunctionType("function", parameters)
    inner = Scope({name: self.known(type_) for name, type_ in node.parameters}, scope)
    return FunctionType("function", parameters, self.visit(node.body, inner) or Type("Any"))


def _call(self: Analyser, node: tree.Call, scope: Scope | None) -> Type | None:
    if isinstance(node.function, tree.Name):
        name = node.function.name
        how, _ = self.lookup(name, scope)
        if how == "built-in":
            return _built_in(self, node, name, scope)
        if how in ("free", "maybe"):
            _unknown(self, node, name, how, scope)
            return None
    function = self.visit(node.function, scope)
    for argument in node.arguments:
        self.visit(argument, scope)
    of, found = self.kind(function), self.bare(function)
    if of not in (None, "function"):
        if of != "Null":
            self.defect(
                "no-function",
                node,
                f"“{quoted(node)}”永远没有结果：“{quoted(node.function)}”是{_words(of)}，不是函数。",
            )
        return NULL
    if not isinstance(found, FunctionType):
        return None
    if len(found.parameters) != len(node.arguments):
        self.defect(
            "arguments",
            node,
            f"“{quoted(node)}”永远没有结果：函数应有 {len(found.parameters)} 个参数，这里有 {len(node.arguments)} 个。",
        )
        return NULL
    return self.known(found.result)


def _unknown(self: Analyser, node: tree.Call, name: str, how: str, scope: Scope | None) -> None:
    for argument in node.arguments:
        self.visit(argument, scope)
    near = nearest(name, [*BUILT_IN, *self.names])
    if near or how == "free":
        hint = f"“{name}”应为“{near}”？" if near else "请检查函数的名称。"
        self.defect("unknown-function", node, f"“{quoted(node)}”永远没有结果：没有函数“{name}”。{hint}")


def _built_in(self: Analyser, node: tree.Call, name: str, scope: Scope | None) -> Type | None:
    overloads = BUILT_IN[name].overloads
    types = [self.visit(argument, scope) for argument in node.arguments]
    pairs = [(one, paired) for one in overloads if (paired := _paired(one, node)) is not None]
    fitting = [one for one, _ in pairs]
    if not fitting:
        self.defect("arguments", node, f"“{quoted(node)}”永远没有结果：{_wrong_call(name, overloads, node)}")
        return NULL
    for index, argument in enumerate(node.arguments):
        kinds = {paired[index].kinds for _, paired in pairs} - {frozenset()}
        if len(kinds) == 1 and len(only := kinds.pop()) == 1:
            self.hint(argument, scope, Type(next(iter(only))))
    possible = [
        one
        for one, paired in pairs
        if all(
            _may_take(self, parameter, type_, argument)
            for parameter, type_, argument in zip(paired, types, node.arguments, strict=True)
        )
    ]
    if not possible:
        _wrong_argument(self, node, name, fitting, types)
        return NULL
    constant = _of_constants(self, node, name)
    if constant is not None:
        return constant
    results = {one.result for one in possible}
    found = results.pop() if len(results) == 1 else None
    return Type(found) if found else None


_CONVERSIONS = frozenset({"date", "time", "date and time", "duration", "number"})
_PATTERNS = frozenset({"matches", "replace", "split"})


def _of_constants(self: Analyser, node: tree.Call, name: str) -> Type | None:
    """The type of a conversion of constants, which may turn out to be none; NULL too for a pattern that is none."""
    values: list[Any] = [a.value if isinstance(a, (tree.Text, tree.Number)) else None for a in node.arguments]
    if name in _PATTERNS and node.names is None and isinstance(values[1], str):
        before = 3 if name == "replace" else 2
        if None in values[before:]:  # flags decide how a pattern is read
            return None
        values = [values[1] if at == 1 else "" for at in range(before)] + values[before:]
    elif name not in _CONVERSIONS or None in values:
        return None
    warnings: list[str] = []
    try:
        found = BUILT_IN[name].invoke(values, Run(warnings), node.names)
    except FeelLimitError:
        return None
    if found is None:
        self.defect("literal", node, f"“{quoted(node)}”永远没有结果：{''.join(warnings)}请改正其中的文字。")
    return Type(kind(found)) if found is None or name in _CONVERSIONS else None


def _paired(overload: Overload, node: tree.Call) -> list[Parameter] | None:
    """The parameter of each argument; None where their number or names are not the overload's."""
    parameters = overload.parameters
    if node.names is None:
        count = len(parameters)
        if len(node.arguments) < overload.required or (len(node.arguments) > count and not overload.variadic):
            return None
        return [parameters[min(index, count - 1)] for index in range(len(node.arguments))]
    by_name = {p.name: p for p in parameters}
    # One that is not given is null (10.3.2.13.5).
    required = {p.name for p in parameters if not p.optional and p.kinds and "Null" not in p.kinds}
    if len(set(node.names)) < len(node.names) or not required <= set(node.names) <= by_name.keys():
        return None
    return [by_name[name] for name in node.names]


def _may_take(self: Analyser, parameter: Parameter, type_: Type | None, argument: tree.Node) -> bool:
    of = self.kind(type_)
    if of is None or not parameter.kinds or of in parameter.kinds:
        return True
    if "Null" in parameter.kinds and not _sure(argument):
        return True
    if of == "Null":
        return False
    if of == "list":
        item = self.kind(self.element(type_))
        return item is None or item in parameter.kinds
    return "list" in parameter.kinds


def _signature(name: str, overload: Overload) -> str:
    parts = [
        p.name
        + (f": {'或'.join(sorted(WORDS[k] for k in p.kinds))}" if p.kinds else "")
        + ("（可省）" if p.optional else "…" if p.variadic else "")
        for p in overload.parameters
    ]
    return f"{name}({', '.join(parts)})"


def _wrong_call(name: str, overloads: list[Overload], node: tree.Call) -> str:
    signatures = "，或 ".join(dict.fromkeys(_signature(name, one) for one in overloads))
    if node.names is not None:
        known = {p.name for one in overloads for p in one.parameters}
        for given in node.names:
            if given not in known:
                near = nearest(given, known)
                return f"函数“{name}”没有名为“{given}”的参数" + (
                    f"，是不是“{near}”？" if near else f"。应为 {signatures}。"
                )
    return f"函数“{name}”的参数个数或名称不对，应为 {signatures}。"


def _wrong_argument(
    self: Analyser, node: tree.Call, name: str, fitting: list[Overload], types: list[Type | None]
) -> None:
    for argument, type_ in zip(node.arguments, types, strict=True):
        if self.kind(type_) == "Null" and not _is_null(argument):
            return  # its own defect has been told
    signatures = "，或 ".join(dict.fromkeys(_signature(name, one) for one in fitting))
    given = "、".join(WORDS[k] if (k := self.kind(t)) else "不确定" for t in types)
    self.defect(
        "arguments",
        node,
        f"“{quoted(node)}”永远没有结果：函数应为 {signatures}，给出的参数是：{given}。请改成相符的值。",
    )


Visitor = Callable[[Analyser, Any, "Scope | None"], "Type | None"]
_VISITORS: dict[type, Visitor] = {
    tree.Number: lambda self, node, scope: NUMBER,
    tree.Text: lambda self, node, scope: STRING,
    tree.Constant: _constant,
    tree.AtLiteral: _at_literal,
    tree.Name: _name,
    tree.ListLiteral: _list,
    tree.ContextLiteral: _context,
    tree.Interval: _interval,
    tree.UnaryRange: _unary_range,
    tree.UnaryTest: _unary_range,
    tree.Negation: _negation,
    tree.Arithmetic: _arithmetic,
    tree.Comparison: _comparison,
    tree.And: _logical,
    tree.Or: _logical,
    tree.Between: _between,
    tree.In: _in,
    tree.Tests: _tests,
    tree.InstanceOf: _instance_of,
    tree.Path: _path,
    tree.Filter: _filter,
    tree.If: _if,
    tree.For: _for,
    tree.Quantified: _quantified,
    tree.FunctionLiteral: _function,
    tree.Call: _call,
}


def extend(kind_of: type, visitor: Visitor) -> None:
    """Teach the analysis another kind of node."""
    _VISITORS[kind_of] = visitor


def check_depth(node: tree.Node) -> None:
    """:raises FeelLimitError: a tree too deep to be evaluated"""
    try:
        deep = depth(node)
    except RecursionError:
        deep = MAX_DEPTH + 1
    if deep > MAX_DEPTH:
        raise FeelLimitError("nesting", f"表达式嵌套过深，最多 {MAX_DEPTH} 层。请拆成几个表达式。")
