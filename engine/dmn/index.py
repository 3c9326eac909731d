"""Which rules of a large decision table match: looked up by value, instead of testing every cell of every rule.

A cell of constants (``"甲","乙"``, ``< 5``, ``not([1..3])``, ``? > date("2026-01-01") or ? = null``) answers a value by where
it lies among the cell's own constants. So its answers to all values are known once its test was asked at each constant and between
each two. A column keeps the rules that pass, a bit mask, for every stretch of values on which no cell changes its answer; a value
finds its stretch by bisection, and the masks of the columns are intersected.

Other cells (with names, calculations, times, or many constants) are tested one by one, as are all cells for values without such an order
(lists, contexts, times); but only for rules that the other columns leave, and equal cells once.

The rules are exactly those that testing every cell in turn finds. Warnings are those of cells whose rule the columns before leave;
testing in turn may stop short of such a cell, where an expression in a column before fails or an earlier rule is enough.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Context, Decimal
from functools import cached_property
from itertools import accumulate
from operator import xor
from typing import Any

from engine.feel import FeelLimitError, Run, Scope, YearsMonthsDuration, tree
from engine.feel.compiler import compile_node, compile_tests
from engine.feel.tree import children, mentioned

BLOCK = 1_000  # rules whose masks are kept together: memory grows with the rules, not with their square
MOST = 10  # constants of a cell: knowing its answers costs their square
_COMPOSED = (
    *(tree.UnaryTest, tree.UnaryRange, tree.Interval, tree.ListLiteral),
    *(tree.Comparison, tree.Between, tree.In, tree.And, tree.Or),
)
"""Nodes that compare what is in them, and do nothing else."""
_LITERALS = (tree.Number, tree.Text, tree.Constant, tree.AtLiteral)
_VALUE = tree.Name("?")
_CONSTRUCTORS = frozenset({"date", "duration"})
_EXACT = 10**34  # whole numbers from here on are rounded by some operators and not by others
_BETWEEN = Context(prec=40)  # tells any two numbers of 34 digits apart


# --- kinds of values and their order ---


@dataclass(frozen=True, eq=False)
class _Kind:
    """Values that constants of the kind tell apart, and nothing else does.

    :ivar sample: any value
    :ivar before: less than a value
    :ivar after: greater than the first value and less than the second, or than any for None

    Where there is no such value, any other will do, as none is ever looked up there.
    """

    sample: Any
    before: Callable[[Any], Any] = lambda value: value
    after: Callable[[Any, Any], Any] = lambda value, following: value


def _number_before(value: Decimal) -> Decimal:
    return _BETWEEN.subtract(_BETWEEN.subtract(value, abs(value)), Decimal(1))


def _number_after(value: Decimal, following: Decimal | None) -> Decimal:
    if following is None:
        return -_number_before(-value)
    return _BETWEEN.divide(_BETWEEN.add(value, following), Decimal(2))


def _one_step(step: timedelta) -> Callable[[Any, Any], Any]:
    def after(value: Any, following: Any) -> Any:
        try:
            return value + step
        except OverflowError:  # the last there is
            return value

    return after


_NUMBER = _Kind(Decimal(0), _number_before, _number_after)
_TRUE, _FALSE = _Kind(True), _Kind(False)
_KINDS: dict[type, _Kind] = {
    str: _Kind("", lambda value: "", lambda value, following: value + "\0"),
    date: _Kind(date.min, lambda value: date.min, _one_step(timedelta(days=1))),
    timedelta: _Kind(timedelta(), lambda value: timedelta.min, _one_step(timedelta.resolution)),
    YearsMonthsDuration: _Kind(
        YearsMonthsDuration(0),
        lambda value: YearsMonthsDuration(value.total - 1),
        lambda value, following: YearsMonthsDuration(value.total + 1),
    ),
    type(None): _Kind(None),
}


def _kind_of(value: Any) -> _Kind | None:
    kind_of = type(value)
    if kind_of is Decimal:
        return _NUMBER if value.is_finite() else None
    if kind_of is int:
        return _NUMBER if -_EXACT < value < _EXACT else None
    if kind_of is bool:
        return _TRUE if value else _FALSE
    return _KINDS.get(kind_of)


# --- cells ---


def _operands(node: tree.Node) -> Iterator[tree.Node]:
    if isinstance(node, _COMPOSED):
        for child in children(node):
            yield from _operands(child)
    else:
        yield node


def _is_literal(node: tree.Node) -> bool:
    if isinstance(node, tree.Negation):
        return _is_literal(node.operand)
    if isinstance(node, tree.Call):
        called = isinstance(node.function, tree.Name) and node.function.name in _CONSTRUCTORS
        return called and node.names is None and all(map(_is_literal, node.arguments))
    return isinstance(node, _LITERALS)


def _constants(tests: tree.Tests) -> dict[_Kind, set[Any]] | None:
    """What a cell compares with; None where it asks for anything else."""
    found: dict[_Kind, set[Any]] = {}
    for test in tests.tests:
        bound = not isinstance(test, tree.UnaryTest)  # in ``< ?`` the name means one further out
        for node in _operands(test):
            if bound and node == _VALUE:
                continue
            if not _is_literal(node):
                return None
            value = compile_node(node)(Scope({}, None, Run()))
            kind = _kind_of(value)
            if kind is None:
                return None
            found.setdefault(kind, set()).add(value)
    return found


_Stretch = tuple[Any, bool]
"""Where values are told apart: from a constant on, or (True) from right behind it."""


class Cell:
    """What a rule asks of an input; rules may share one."""

    __slots__ = ("test", "tree")

    def __init__(self, tests: tree.Tests) -> None:
        self.tree = tests
        self.test = compile_tests(tests)

    def answers(self, kind: _Kind) -> tuple[bool, list[_Stretch], list[str]] | None:
        """Whether the least values of a kind pass, from where on it is otherwise, and what it warns of; None if that must be tested."""
        constants = _constants(self.tree)
        if constants is None:
            return None
        points = sorted(constants.get(kind, ()))
        if len(points) > MOST:
            return None
        values = [kind.before(points[0]) if points else kind.sample]
        for point, following in zip(points, (*points[1:], None), strict=False):
            values += point, kind.after(point, following)
        warnings: list[str] = []
        scope = Scope({}, None, Run(warnings))
        try:
            passed = [self.test(scope, value) is True for value in values]
        except FeelLimitError:
            return None
        if points and warnings:  # of some values, perhaps, and not of others
            return None
        stretches = ((point, beyond) for point in points for beyond in (False, True))
        changes = zip(stretches, passed, passed[1:], strict=False)
        return passed[0], [stretch for stretch, before, now in changes if before is not now], warnings


# --- columns ---


class _Passing:
    """The rules whose cell a value of one kind passes.

    :ivar open: rules whose cell must be tested
    :ivar warnings: what a value of this kind makes cells say, and the rules of these cells
    """

    __slots__ = ("_masks", "_stretches", "open", "warnings")

    def __init__(self, cells: Mapping[Cell, int], kind: _Kind) -> None:
        self.open = least = 0
        self.warnings: dict[str, int] = {}
        changing: dict[_Stretch, int] = {}
        for cell, rules in cells.items():
            answers = cell.answers(kind)
            if answers is None:
                self.open |= rules
                continue
            passed, changes, warnings = answers
            if passed:
                least |= rules
            for stretch in changes:
                changing[stretch] = changing.get(stretch, 0) ^ rules
            for warning in warnings:
                self.warnings[warning] = self.warnings.get(warning, 0) | rules
        self._stretches = sorted(changing)
        self._masks = list(accumulate(map(changing.__getitem__, self._stretches), xor, initial=least))

    def rules(self, value: Any) -> int:
        return self._masks[bisect_right(self._stretches, (value, False))]


class _Column:
    def __init__(self, cells: Sequence[Cell | None]) -> None:
        self._cells = cells
        self._free = 0  # the rules that anything passes
        self._rules: dict[Cell, int] = {}
        for rule, cell in enumerate(cells):
            if cell is None:
                self._free |= 1 << rule
            else:
                self._rules[cell] = self._rules.get(cell, 0) | 1 << rule
        self._passing: dict[_Kind, _Passing] = {}

    def look_up(self, value: Any, rules: int, run: Run) -> tuple[int, int]:
        """Those of some rules that a value passes, and those whose cell must be tested."""
        kind = _kind_of(value)
        if kind is None:
            return self.leave(rules)
        passing = self._passing.get(kind)
        if passing is None:  # two threads may both make it, and the same
            passing = self._passing[kind] = _Passing(self._rules, kind)
        for warning, warned in passing.warnings.items():
            if warned & rules:
                run.warn(warning)
        return (passing.rules(value) | self._free) & rules, passing.open & rules

    def leave(self, rules: int) -> tuple[int, int]:
        """The same where every cell must be tested."""
        return rules & self._free, rules & ~self._free

    def tester(self, scope: Scope, value: Any) -> Callable[[int], bool]:
        """Whether a value passes the cell of a rule; the same cell is asked once."""
        known: dict[Cell | None, bool] = {None: True}

        def passes(rule: int) -> bool:
            cell = self._cells[rule]
            found = known.get(cell)
            if found is None:
                scope.run.spend(1)
                found = known[cell] = cell is None or cell.test(scope, value) is True
            return found

        return passes


class _Block:
    """Some of the rules.

    :ivar first: 0-based number of the first
    """

    def __init__(self, first: int, rules: Sequence[Sequence[Cell | None]]) -> None:
        self.first = first
        self.size = len(rules)
        self.columns = [_Column(cells) for cells in zip(*rules, strict=True)]

    def matching(self, scope: Scope, values: Sequence[Any], by_value: bool) -> Iterator[int]:
        scope.run.spend(len(values) * (1 + self.size // 64))  # of a mask, a machine word a step
        alive = (1 << self.size) - 1
        testers: list[tuple[int, Callable[[int], bool]]] = []
        for column, value in zip(self.columns, values, strict=True):
            passed, open_ = column.look_up(value, alive, scope.run) if by_value else column.leave(alive)
            alive = passed | open_
            if not alive:
                return
            if open_:
                testers.append((open_, column.tester(scope, value)))
        scope.run.spend(alive.bit_count())
        for rule in _bits(alive):
            if all(tester(rule) for open_, tester in testers if open_ >> rule & 1):
                yield self.first + rule


def _bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, the lowest first."""
    digits = bin(mask)[:1:-1]
    position = digits.find("1")
    while position >= 0:
        yield position
        position = digits.find("1", position + 1)


class Index:
    """Of a table's rules; may be shared by threads."""

    def __init__(self, rules: Sequence[Sequence[Cell | None]]) -> None:
        """:param rules: per rule its cells, every column's, None where anything passes"""
        self._blocks = [_Block(first, rules[first : first + BLOCK]) for first in range(0, len(rules), BLOCK)]
        self._rules = rules

    @cached_property
    def _called(self) -> frozenset[str]:
        """Functions whose results are taken for constants."""
        cells = {cell for rule in self._rules for cell in rule if cell}
        return _CONSTRUCTORS & frozenset[str]().union(*(mentioned(cell.tree) for cell in cells))

    def matching(self, scope: Scope, values: Sequence[Any]) -> Iterator[int]:
        """0-based numbers of the rules that match, ascending.

        :param values: one for every column
        """
        by_value = not any(_is_bound(name, scope) and name in self._called for name in _CONSTRUCTORS)
        for block in self._blocks:
            yield from block.matching(scope, values, by_value)


def _is_bound(name: str, scope: Scope | None) -> bool:
    """Whether a variable takes the place of a built-in function."""
    while scope is not None:
        if name in scope.names:
            return True
        scope = scope.parent
    return False
