"""FEEL, the expression language of DMN 1.5: ``evaluate('金额 > 1000 and 类别 in ("甲","乙")', {"金额": 1200, "类别": "甲"})``.

Safe for strangers' input: expressions reach the values handed in and the functions of the standard, nothing of Python; length,
nesting, steps, time and the size of texts, lists and results are limited (:class:`FeelLimitError`). What FEEL defines as an error is
None, and the warnings say why.

Values are plain: Decimal (int is taken too), str, bool, None, list, dict, date, time, datetime, timedelta,
:class:`YearsMonthsDuration`, :class:`Range`, and functions. Dates outside the years 1-9999 and nanoseconds, which Python's types
cannot hold, are values of their own with the same attributes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from threading import Lock
from typing import Any, Generic, TypeVar

from . import tree
from .analysis import Analysis, Defect, analyse, check_depth, nearest
from .compiler import Code, Test, call, compile_node, compile_tests
from .functions import BUILT_IN
from .lexer import FeelSyntaxError
from .limits import MAX_RESULT, MAX_RESULT_DEPTH, MAX_SOURCE, FeelLimitError
from .parser import is_special, parse, parse_unary_tests
from .run import Run, Scope
from .types import conformed, is_instance
from .values import KINDS, Function, Range, YearsMonthsDuration, adopt, kind, word
from .writing import text_of

__all__ = [
    "BUILT_IN",
    "Analysis",
    "Defect",
    "Expression",
    "FeelLimitError",
    "FeelSyntaxError",
    "Function",
    "Range",
    "Run",
    "Scope",
    "UnaryTests",
    "YearsMonthsDuration",
    "analyse",
    "call",
    "checked",
    "compile",
    "compile_unary_tests",
    "conformed",
    "evaluate",
    "is_instance",
    "kind",
    "nearest",
    "text_of",
    "tree",
    "word",
]

_CACHED = 1_000_000  # characters of source; each takes some 400 bytes when compiled
T = TypeVar("T")


class Expression:
    """A compiled expression; may be shared by threads.

    :ivar tree: its syntax tree
    """

    __slots__ = ("_analysis", "_code", "source", "tree")

    def __init__(self, source: str, node: tree.Node) -> None:
        check_depth(node)
        self.source = source
        self.tree = node
        self._code: Code = compile_node(node)
        self._analysis: Analysis | None = None

    @property
    def analysis(self) -> Analysis:
        """What can be told of it without values: its type, what its names are used as, what in it can only go wrong."""
        if self._analysis is None:
            self._analysis = analyse(self.tree)
        return self._analysis

    @property
    def free_names(self) -> frozenset[str]:
        """The variables it needs."""
        return frozenset(self.analysis.names)

    @property
    def possible_names(self) -> frozenset[str]:
        """Names inside filters, which may be variables or entries of the filtered items."""
        return self.analysis.possible

    def evaluate(
        self,
        context: Mapping[str, Any],
        warnings: list[str] | None = None,
        *,
        now: datetime | None = None,
        types: Mapping[str, tree.Type] | None = None,
    ) -> Any:
        """The value in a context.

        :param warnings: takes a sentence for every null that stands for an error
        :param now: what ``now()`` gives; its zone decides what ``today()`` is
        :param types: item definitions by name, for ``instance of`` and typed parameters
        :raises FeelLimitError: it asks for too much
        """
        return checked(self.run(Scope(context, None, Run(warnings, now, types))))

    def run(self, scope: Scope) -> Any:
        """The value in a scope, for callers that share one budget among several expressions.

        :raises FeelLimitError: it asks for too much
        """
        return _guarded(self._code, scope)

    def __repr__(self) -> str:
        return f"Expression({self.source!r})"


class UnaryTests:
    """A compiled cell of a decision table.

    :ivar tree: its syntax tree
    """

    __slots__ = ("_test", "source", "tree")

    def __init__(self, source: str, node: tree.Tests) -> None:
        check_depth(node)
        self.source = source
        self.tree = node
        self._test: Test = compile_tests(node)

    def matches(
        self,
        value: Any,
        context: Mapping[str, Any],
        warnings: list[str] | None = None,
        *,
        now: datetime | None = None,
        types: Mapping[str, tree.Type] | None = None,
    ) -> bool:
        """Whether a value passes; an answer of null is no.

        :raises FeelLimitError: it asks for too much
        """
        return self.run(adopt(value), Scope(context, None, Run(warnings, now, types)))

    def run(self, value: Any, scope: Scope) -> bool:
        """As ``matches``, in a scope of the caller's.

        :raises FeelLimitError: it asks for too much
        """
        return _guarded(lambda scope: self._test(scope, value), scope) is True


def _guarded(code: Callable[[Scope], Any], scope: Scope) -> Any:
    try:
        return code(scope)
    except RecursionError:
        raise FeelLimitError("depth", "表达式或数据嵌套过深，已停止。") from None
    except ArithmeticError:  # only numbers of the data that no function has seen get here
        return scope.run.warn("数值超出范围。")


def checked(value: Any) -> Any:
    """A result to be handed out: of values of FEEL only, and not too big.

    :raises FeelLimitError: too many values in it, or too deep
    """
    return adopt(value) if type(value) in _FLAT else _handed_out(value, [0], 0)


_FLAT = frozenset(KINDS) - {list, dict, Range}
"""Values that have no others in them, however they are adopted."""


def _handed_out(value: Any, count: list[int], depth: int) -> Any:
    value = adopt(value)
    of = type(value)
    if of is Range:
        start, end = (_handed_out(each, count, depth + 1) for each in (value.start, value.end))
        return Range(start, end, value.start_included, value.end_included, value.operator)
    if of is not list and of is not dict:
        return value
    if depth > MAX_RESULT_DEPTH:
        raise FeelLimitError("depth", f"结果嵌套过深，最多 {MAX_RESULT_DEPTH} 层。")
    count[0] += len(value)
    if count[0] > MAX_RESULT:
        raise FeelLimitError("result", f"结果过大，最多 {MAX_RESULT} 个值。")
    if of is list:
        return [adopt(item) if type(item) in _FLAT else _handed_out(item, count, depth + 1) for item in value]
    return {
        key if type(key) is str else str.__str__(key): adopt(item)
        if type(item) in _FLAT
        else _handed_out(item, count, depth + 1)
        for key, item in value.items()
        if type(key) is str or issubclass(type(key), str)
    }


class _Cache(Generic[T]):
    """The least recently used entries go first, when the sources together become too long."""

    def __init__(self, make: Callable[[str, frozenset[str]], T]) -> None:
        self._make = make
        self._entries: OrderedDict[tuple[str, frozenset[str]], T] = OrderedDict()
        self._length = 0
        self._lock = Lock()

    def get(self, source: str, names: Iterable[str]) -> T:
        key = (source, frozenset(name for name in names if _SPECIAL(name)))
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
                return found
        try:
            made = self._make(*key)
        except RecursionError:
            raise FeelLimitError("nesting", "表达式嵌套过深。请拆成几个表达式。") from None
        with self._lock:
            if key not in self._entries:
                self._entries[key] = made
                self._length += _length(key)
            while self._length > _CACHED:
                self._length -= _length(self._entries.popitem(last=False)[0])
        return made


def _length(key: tuple[str, frozenset[str]]) -> int:
    source, names = key
    return 10 + len(source) + sum(map(len, names))


class _Special(dict[str, bool]):
    """Whether a name is special, remembered: asked for every name of the context in every evaluation."""

    def __missing__(self, name: str) -> bool:
        if len(self) > 50_000:
            self.clear()
        special = isinstance(name, str) and len(name) <= MAX_SOURCE and is_special(name)
        self[name] = special
        return special


_SPECIAL = _Special().__getitem__
_EXPRESSIONS = _Cache(lambda source, specials: Expression(source, parse(source, specials)))
_UNARY_TESTS = _Cache(lambda source, specials: UnaryTests(source, parse_unary_tests(source, specials)))


def compile(expression: str, names: Iterable[str] = ()) -> Expression:
    """An expression made ready; the same one for the same text and names.

    :param names: those in scope; only names with signs such as ``-`` or with keywords in them matter
    :raises FeelSyntaxError: no FEEL
    :raises FeelLimitError: too long or nested too deeply
    """
    return _EXPRESSIONS.get(expression, names)


def compile_unary_tests(text: str, names: Iterable[str] = ()) -> UnaryTests:
    """A decision table's cell made ready: ``-``, ``< 5``, ``"甲","乙"``, ``not([1..3])`` or an expression with ``?``.

    :raises FeelSyntaxError: no FEEL
    :raises FeelLimitError: too long or nested too deeply
    """
    return _UNARY_TESTS.get(text, names)


def evaluate(
    expression: str,
    context: Mapping[str, Any],
    *,
    warnings: list[str] | None = None,
    now: datetime | None = None,
) -> Any:
    """The value of an expression; an error that FEEL defines is None, and ``warnings`` says why.

    :param now: what ``now()`` gives; its zone decides what ``today()`` is
    :raises FeelSyntaxError: no FEEL
    :raises FeelLimitError: it asks for too much
    """
    return _EXPRESSIONS.get(expression, context).evaluate(context, warnings, now=now)
