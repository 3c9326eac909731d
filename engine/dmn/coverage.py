"""Which inputs the rules of a decision table cover: rules that match together, rules never reached, inputs that none matches.

The values of each column are cut into pieces, at the constants of its cells, so that every cell takes a piece whole or not at all;
a rule is then a box of pieces. This is exact for columns whose cells are constants, comparisons, intervals, lists of them,
``not(...)`` of them, and ``-``; for any other table there is no answer.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

from engine.feel import (
    Expression,
    FeelLimitError,
    UnaryTests,
    YearsMonthsDuration,
    kind,
    text_of,
    tree,
)
from engine.feel.analysis import quoted

from .table import Table

MAX_RULES = 1_000
MAX_COLUMNS = 200
MAX_CONSTANTS = 5_000  # of one column
MAX_WORK = 300_000
"""Pieces looked at by one search for a gap, or by all searches for rules never reached."""


class NotCheckable(Exception):
    """The table has cells whose values cannot be told apart, or it is too big."""


@dataclass(frozen=True, slots=True)
class Column:
    """What is known of an input column.

    :ivar sources: paths of the inputs that its value is made of, such as ``("人员", "年龄")``; two columns of which one asks for
        a part of what the other asks for may not vary independently
    :ivar outcomes: all values it can have, where those are few and known
    :ivar allows: whether a value is of the column's type
    :ivar derived: computed by another decision, so that not every value need ever occur
    """

    expression: tree.Node
    sources: frozenset[tuple[str, ...]]
    outcomes: tuple[Any, ...] | None
    allows: Callable[[Any], bool]
    derived: bool = False


@dataclass(slots=True)
class Axis:
    """One column, or several that ask the same, as pieces; sets of pieces and of rules are bits of an int.

    Piece 0 is null. Of n constants, 2i + 2 is the i-th itself and 2i + 1 what lies before it; 2n + 1 is what lies after all.

    :ivar rules: per rule the pieces that it takes
    :ivar there: the pieces in which an input can be
    :ivar shown: those that have an example of the column's type
    :ivar domain: those for which a rule is expected
    """

    name: str
    pieces: Pieces
    rules: list[int]
    there: int
    shown: int
    domain: int

    @property
    def everything(self) -> int:
        """All pieces."""
        return (1 << self.pieces.count) - 1


@dataclass(frozen=True, slots=True)
class Example:
    """An input, as text and as values; a column that is not named may have any value."""

    text: str
    values: Mapping[str, Any]


class Coverage:
    """The boxes of a table.

    :param columns: one for each input
    :raises NotCheckable: there is no answer
    """

    def __init__(self, table: Table, columns: Sequence[Column]) -> None:
        if len(table.rules) > MAX_RULES or len(columns) > MAX_COLUMNS:
            raise NotCheckable
        if any(len(r.tests) != len(table.inputs) for r in table.rules):
            raise NotCheckable
        self.table = table
        self.axes = [
            axis
            for group in _groups(columns)
            if (axis := _axis(table, [columns[index] for index in group], group)) is not None
        ]
        self.axes.sort(key=lambda axis: sum(mask.bit_count() for mask in axis.rules))
        self._expected = not any(column.derived and column.outcomes is None for column in columns)

    def overlaps(self) -> Iterator[tuple[int, int]]:
        """Pairs of rules that can match the same input, the earlier one first, 0-based."""
        for later in range(len(self.table.rules)):
            for earlier in self._meeting(later, range(later), [axis.shown for axis in self.axes]):
                yield earlier, later

    def _meeting(self, rule: int, others: Iterable[int], within: list[int]) -> Iterator[int]:
        """Those of the other rules that have pieces in common with a rule."""
        box = [axis.rules[rule] & mask for axis, mask in zip(self.axes, within, strict=True)]
        if not all(box):
            return
        for axis, mask in zip(self.axes, box, strict=True):
            taken = axis.rules
            others = [other for other in others if taken[other] & mask]
        yield from others

    def both(self, one: int, other: int) -> Example:
        """An input that two rules match."""
        common = [(axis, axis.rules[one] & axis.rules[other]) for axis in self.axes]
        return _example(
            (axis, _first(axis, mask & axis.shown)) for axis, mask in common if mask != axis.everything
        )

    def hidden(self, order: Sequence[int]) -> Iterator[tuple[int, int | None]]:
        """Rules that are never reached, each with the one rule that hides it, None where several do together.

        :param order: the rules, the most important first
        """
        budget = [MAX_WORK]
        for position, rule in enumerate(order):
            box = [axis.rules[rule] & axis.there for axis in self.axes]
            before = list(self._meeting(rule, order[:position], [axis.there for axis in self.axes]))
            single = next((other for other in before if self._within(box, other)), None)
            if single is not None:
                yield rule, single
            elif len(before) > 1:
                try:
                    if self._uncovered(box, before, budget) is None:
                        yield rule, None
                except NotCheckable:
                    return

    def empty(self) -> Iterator[int]:
        """Rules that match nothing."""
        for rule in range(len(self.table.rules)):
            if any(not axis.rules[rule] & axis.there for axis in self.axes):
                yield rule

    def gap(self) -> Example | None:
        """An input that no rule matches.

        :raises NotCheckable: it cannot be said
        """
        if not self._expected:
            raise NotCheckable
        box = [axis.domain & axis.shown for axis in self.axes]
        found = self._uncovered(box, range(len(self.table.rules)), [MAX_WORK])
        return None if found is None else _example(found)

    def _within(self, box: list[int], rule: int) -> bool:
        return all(not mask & ~axis.rules[rule] for mask, axis in zip(box, self.axes, strict=True))

    def _uncovered(
        self, box: list[int], rules: Iterable[int], budget: list[int]
    ) -> list[tuple[Axis, int]] | None:
        """Pieces of a part of the box that none of the rules takes; None where they take all of it."""
        axes = self.axes
        rules = list(rules)
        takers = [_takers(axis, rules) for axis in axes]
        pieces = [_by_interest(axis, mask) for axis, mask in zip(axes, box, strict=True)]
        rest = [
            _bits_of(r for r in rules if not mask & ~axis.rules[r])
            for axis, mask in zip(axes, box, strict=True)
        ]
        for level in reversed(range(len(axes) - 1)):
            rest[level] &= rest[level + 1]  # rules that take all of this axis and of those after it
        covered: set[tuple[int, int]] = set()

        def search(level: int, active: int) -> list[tuple[Axis, int]] | None:
            if not active:
                return []
            if level == len(axes) or active & rest[level] or (level, active) in covered:
                return None
            budget[0] -= len(pieces[level])
            if budget[0] < 0:
                raise NotCheckable
            tried: set[int] = set()
            for piece in pieces[level]:
                left = active & takers[level][piece]
                if left in tried:
                    continue
                tried.add(left)
                found = search(level + 1, left)
                if found is not None:
                    return [(axes[level], piece), *found]
            covered.add((level, active))
            return None

        return search(0, _bits_of(rules))


# --- columns to axes ---


def _groups(columns: Sequence[Column]) -> list[list[int]]:
    """Columns that ask the same, together.

    :raises NotCheckable: columns that ask different things of the same input
    """
    groups: dict[tree.Node, list[int]] = {}
    for index, column in enumerate(columns):
        groups.setdefault(column.expression, []).append(index)
    sources = [columns[members[0]].sources for members in groups.values()]
    for these, those in combinations(sources, 2):
        if any(a[: len(b)] == b[: len(a)] for a in these for b in those):
            raise NotCheckable
    return list(groups.values())


def _axis(table: Table, columns: list[Column], group: list[int]) -> Axis | None:
    """The axis of columns that ask the same; None where their cells take anything."""
    column = columns[0]
    cells = [[rule.tests[index] for index in group if rule.tests[index].tests] for rule in table.rules]
    declared = [values for index in group if (values := table.inputs[index].values) and values.tests]
    if not any(cells):
        return None
    reader = _Reader()
    for tests in (*(test for cell in cells for test in cell), *declared):
        reader.read(tests)
    counts = _counts(column.expression)
    if counts:
        reader.constants.append(Decimal(0))
    known = {*reader.constants, *(column.outcomes or ())} if reader.ordered else {False, True}
    kinds = {kind(value) for value in {*known, *reader.constants}}
    if len(kinds) > 1:
        raise NotCheckable
    pieces = Pieces(sorted(known), kinds.pop() if kinds else "string", counts)
    if pieces.kind == "string" and reader.compares:
        raise NotCheckable
    take: dict[int, int] = {}
    for tests in (*(test for cell in cells for test in cell), *declared):
        if id(tests) not in take:
            take[id(tests)] = pieces.taken(tests, reader)
    everything = (1 << pieces.count) - 1
    rules = [_both((take[id(test)] for test in cell), everything) for cell in cells]
    there = _both((take[id(test)] | 1 for test in declared), pieces.there)
    shown = 1 | _bits_of(piece for piece in _bits(there & ~1) if column.allows(pieces.sample(piece)))
    domain = _domain(pieces, reader, column, rules, bool(declared), everything)
    return Axis(quoted(column.expression, 40), pieces, rules, there, shown, domain & ~1)


def _domain(
    pieces: Pieces, reader: _Reader, column: Column, rules: list[int], declared: bool, everything: int
) -> int:
    """The pieces for which somebody expects a rule."""
    points = _bits_of(range(2, pieces.count, 2))
    if column.outcomes is not None:
        return _bits_of(2 * bisect_left(pieces.constants, value) + 2 for value in column.outcomes)
    if declared or pieces.kind == "boolean":
        return everything
    if pieces.kind == "string" or not reader.compares:
        return points  # a choice among the values that are named
    bounds = [mask for mask in rules if mask != everything]
    if not any(mask & 2 or mask >> (pieces.count - 1) for mask in bounds):
        return everything & ~2 & ~(1 << (pieces.count - 1))  # nobody looks beyond the outermost values
    return everything


def _counts(expression: tree.Node) -> bool:
    """Whether a column can only have whole numbers from 0."""
    return isinstance(expression, tree.Call) and expression.function in (
        tree.Name("count"),
        tree.Name("string length"),
    )


class _Reader:
    """The constants of cells.

    :ivar compares: a cell asks for more than equality
    :ivar ordered: the cells are not about true and false
    """

    def __init__(self) -> None:
        self.constants: list[Any] = []
        self.compares = False
        self.ordered = True
        self._values: dict[int, Any] = {}

    def read(self, tests: tree.Tests) -> None:
        """:raises NotCheckable: a cell that is more than constants"""
        for test in tests.tests:
            self._test(test)

    def _test(self, test: tree.Node) -> None:
        if isinstance(test, (tree.UnaryTest, tree.UnaryRange)):
            self.compares = self.compares or test.operator not in ("=", "!=")
            self._constant(test.operand if isinstance(test, tree.UnaryTest) else test.end)
        elif isinstance(test, tree.Interval):
            self.compares = True
            self._constant(test.start)
            self._constant(test.end)
        elif isinstance(test, tree.ListLiteral):
            for item in test.items:
                self._test(item)
        else:
            self._constant(test)

    def _constant(self, node: tree.Node) -> None:
        value = constant(node)
        if value is None:
            if not isinstance(node, tree.Constant):
                raise NotCheckable
        elif type(value) is bool:
            self.ordered = False
        else:
            self.constants.append(value)
            if len(self.constants) > MAX_CONSTANTS:
                raise NotCheckable


def constant(node: tree.Node) -> Any:
    """The value of a constant that can be ordered; None for null and for anything else."""
    if isinstance(node, (tree.Number, tree.Text, tree.Constant)):
        return node.value
    literal = isinstance(node, tree.AtLiteral) or (
        isinstance(node, tree.Negation) and isinstance(node.operand, tree.Number)
    )
    if isinstance(node, tree.Call) and isinstance(node.function, tree.Name):
        conversion = node.function.name in ("date", "date and time", "duration")
        literal = conversion and all(isinstance(a, (tree.Text, tree.Number)) for a in node.arguments)
    value = Expression("", node).evaluate({}) if literal else None
    plain = type(value) in (Decimal, date, timedelta, YearsMonthsDuration)
    return value if plain or (type(value) is datetime and value.tzinfo is None) else None


class Pieces:
    """The pieces between and at sorted constants.

    :ivar there: those that have values: there is no day between two days that follow each other
    """

    def __init__(self, constants: list[Any], of: str, whole: bool) -> None:
        self.constants = constants
        self.kind = of
        self.whole = whole or of in ("date", "years and months duration")
        self.count = 2 * len(constants) + 2
        points = _bits_of(range(2, self.count, 2))
        if of == "boolean":
            self.there = 1 | points
            return
        self.there = 1 | _bits_of(piece for piece in range(1, self.count) if self.sample(piece) is not None)
        if whole:  # and not negative
            self.there &= ~_span(1, self._at(Decimal(0)))
            self.there &= ~_bits_of(self._at(value) for value in constants if value % 1)

    def sample(self, piece: int) -> Any:
        """A value of a piece; None for null, and where there is none."""
        if piece == 0:
            return None
        if piece % 2 == 0:
            return self.constants[piece // 2 - 1]
        at = piece // 2
        low = self.constants[at - 1] if at > 0 else None
        high = self.constants[at] if at < len(self.constants) else None
        if self.kind == "string":
            return _other(self.constants)
        if low is None and high is None:
            return Decimal(0)
        try:
            return self._between(low, high)
        except (OverflowError, ArithmeticError):  # at the end of what Python can count
            raise NotCheckable from None

    def _between(self, low: Any, high: Any) -> Any:
        if self.kind == "years and months duration":
            months = high.total - 1 if low is None else low.total + 1
            return YearsMonthsDuration(months) if high is None or months < high.total or low is None else None
        one: Any = Decimal(1) if self.kind == "number" else timedelta(days=1)
        if low is None:
            return high - one
        near = low // 1 + 1 if self.kind == "number" else low + one
        if high is None or near < high:
            return near
        return None if self.whole else low + (high - low) / 2

    def words(self, piece: int) -> str:
        """A piece as an example shows it."""
        if self.kind == "string" and piece % 2:
            return "其他文字"
        return literal(self.sample(piece))

    def taken(self, tests: tree.Tests, reader: _Reader) -> int:
        """The pieces that a cell takes."""
        null = 1 if _passes(tests, None) else 0
        if self.kind == "boolean":
            return null | _bits_of(
                2 * at + 2 for at, value in enumerate(self.constants) if _passes(tests, value)
            )
        found = 0
        for test in tests.tests:
            found |= self._test(test)
        if tests.negated:
            found = ~found & ((1 << self.count) - 1)
        return found & ~1 | null

    def _test(self, test: tree.Node) -> int:
        last = self.count - 1
        if isinstance(test, tree.ListLiteral):
            found = 0
            for item in test.items:
                found |= self._test(item)
            return found
        if isinstance(test, tree.Interval):
            low, high = constant(test.start), constant(test.end)
            if low is None or high is None:
                return 0
            start = self._at(low) + (0 if test.start_included else 1)
            return _span(start, self._at(high) + (1 if test.end_included else 0))
        if isinstance(test, (tree.UnaryTest, tree.UnaryRange)):
            value = constant(test.operand if isinstance(test, tree.UnaryTest) else test.end)
            everything = _span(1, last + 1)
            if value is None:
                return everything if test.operator == "!=" else 0
            at = self._at(value)
            return {
                "=": 1 << at,
                "!=": everything & ~(1 << at),
                "<": _span(1, at),
                "<=": _span(1, at + 1),
                ">": _span(at + 1, last + 1),
                ">=": _span(at, last + 1),
            }[test.operator]
        value = constant(test)
        return 0 if value is None else 1 << self._at(value)

    def _at(self, value: Any) -> int:
        return 2 * bisect_left(self.constants, value) + 2


def literal(value: Any) -> str:
    """A value as FEEL writes it."""
    if value is None:
        return "空"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    text = text_of(value)
    return text if isinstance(value, (bool, Decimal)) else f'@"{text}"'


def _other(constants: list[str]) -> str:
    return "其他" + max(constants, key=len, default="")


def _passes(tests: tree.Tests, value: Any) -> bool:
    try:
        return UnaryTests("", tests).matches(value, {})
    except FeelLimitError:
        raise NotCheckable from None


# --- sets as bits ---


def _span(start: int, end: int) -> int:
    """The pieces from ``start`` to before ``end``."""
    return (1 << end) - (1 << start) if start < end else 0


def _bits_of(items: Iterable[int]) -> int:
    found = 0
    for item in items:
        found |= 1 << item
    return found


def _bits(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def _both(masks: Iterable[int], everything: int) -> int:
    for mask in masks:
        everything &= mask
    return everything


def _takers(axis: Axis, rules: list[int]) -> list[int]:
    """Per piece the rules that take it."""
    begin = [0] * axis.pieces.count
    stop = [0] * axis.pieces.count
    for rule in rules:
        mask = axis.rules[rule]
        for piece in _bits(mask & ~(mask << 1)):
            begin[piece] |= 1 << rule
        for piece in _bits(mask & ~(mask >> 1)):
            stop[piece] |= 1 << rule
    takers, active = [], 0
    for starting, stopping in zip(begin, stop, strict=True):
        active |= starting
        takers.append(active)
        active &= ~stopping
    return takers


def _by_interest(axis: Axis, mask: int) -> list[int]:
    """Pieces with those between the constants first: an example from the middle says more than one from the ends."""
    last = axis.pieces.count - 1
    return sorted(_bits(mask), key=lambda piece: (piece in (0, 1, last), piece))


def _first(axis: Axis, mask: int) -> int:
    """The piece to show of several: a constant before what lies between, null last."""
    return min(_bits(mask), key=lambda piece: (piece == 0, piece % 2, piece))


def _example(pieces: Iterable[tuple[Axis, int]]) -> Example:
    chosen = [(axis.name, axis.pieces.words(piece), axis.pieces.sample(piece)) for axis, piece in pieces]
    text = "，".join(
        f"{name} 为空" if value is None else f"{name} = {words}" for name, words, value in chosen
    )
    return Example(text or "任何输入", {name: value for name, _, value in chosen})
