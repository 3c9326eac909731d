"""Range functions (DMN 1.5, table 81): Allen's relations between points and ranges, and reading a range from text."""

from __future__ import annotations

import re
from typing import Any

from .. import parser, tree
from ..lexer import FeelSyntaxError
from ..limits import FeelLimitError
from ..operators import contains, equal, half_range, order
from ..operators import interval as make_range
from ..run import Run
from ..values import Range
from .registry import built_in

_CONVERSIONS = frozenset({"date", "time", "date and time", "duration"})


def _order(left: Any, right: Any) -> int:
    found = order(left, right)
    if found is None:
        raise ValueError("两个值不能比较")
    return found


def _start(a: Range, b: Range) -> int:
    """Which range begins first."""
    if a.start is None or b.start is None:
        return (a.start is not None) - (b.start is not None)
    found = _order(a.start, b.start)
    return found or (not a.start_included) - (not b.start_included)


def _end(a: Range, b: Range) -> int:
    """Which range ends first."""
    if a.end is None or b.end is None:
        return (a.end is None) - (b.end is None)
    found = _order(a.end, b.end)
    return found or a.end_included - b.end_included


def _gap(a: Range, b: Range) -> bool:
    """Whether a ends before b begins."""
    if a.end is None or b.start is None:
        return False
    found = _order(a.end, b.start)
    return found < 0 or (found == 0 and not (a.end_included and b.start_included))


@built_in(
    "before(point1: any, point2: any)",
    "before(point: any, range: any)",
    "before(range: any, point: any)",
    "before(range1: any, range2: any)",
)
def before(run: Run, a: Any, b: Any) -> bool:
    return _gap(_as_range(a), _as_range(b))


@built_in(
    "after(point1: any, point2: any)",
    "after(point: any, range: any)",
    "after(range: any, point: any)",
    "after(range1: any, range2: any)",
)
def after(run: Run, a: Any, b: Any) -> bool:
    return _gap(_as_range(b), _as_range(a))


def _as_range(value: Any) -> Range:
    if isinstance(value, Range):
        return value
    if value is None:
        raise ValueError("值不能为空")
    return Range(value, value, True, True)


@built_in("meets(range1: range, range2: range)")
def meets(run: Run, a: Range, b: Range) -> bool:
    return bool(a.end_included and b.start_included and equal(a.end, b.start))


@built_in("met by(range1: range, range2: range)")
def met_by(run: Run, a: Range, b: Range) -> bool:
    return meets(run, b, a)


@built_in("overlaps(range1: range, range2: range)")
def overlaps(run: Run, a: Range, b: Range) -> bool:
    return not _gap(a, b) and not _gap(b, a)


@built_in("overlaps before(range1: range, range2: range)")
def overlaps_before(run: Run, a: Range, b: Range) -> bool:
    return _start(a, b) < 0 and not _gap(a, b) and _end(a, b) <= 0


@built_in("overlaps after(range1: range, range2: range)")
def overlaps_after(run: Run, a: Range, b: Range) -> bool:
    return overlaps_before(run, b, a)


@built_in("finishes(point: any, range: range)", "finishes(range1: any, range2: range)")
def finishes(run: Run, a: Any, b: Range) -> bool:
    if isinstance(a, Range):
        return _end(a, b) == 0 and _start(a, b) >= 0
    return bool(b.end_included and equal(a, b.end))


@built_in("finished by(range: range, point: any)", "finished by(range1: range, range2: any)")
def finished_by(run: Run, a: Range, b: Any) -> bool:
    return finishes(run, b, a)


@built_in("includes(range: range, point: any)", "includes(range1: range, range2: any)")
def includes(run: Run, a: Range, b: Any) -> bool | None:
    if isinstance(b, Range):
        return _start(a, b) <= 0 and _end(a, b) >= 0
    return contains(a, b)


@built_in("during(point: any, range: range)", "during(range1: any, range2: range)")
def during(run: Run, a: Any, b: Range) -> bool | None:
    return includes(run, b, a)


@built_in("starts(point: any, range: range)", "starts(range1: any, range2: range)")
def starts(run: Run, a: Any, b: Range) -> bool:
    if isinstance(a, Range):
        return _start(a, b) == 0 and _end(a, b) <= 0
    return bool(b.start_included and equal(a, b.start))


@built_in("started by(range: range, point: any)", "started by(range1: range, range2: any)")
def started_by(run: Run, a: Range, b: Any) -> bool:
    return starts(run, b, a)


@built_in("coincides(point1: any, point2: any)", "coincides(range1: any, range2: any)")
def coincides(run: Run, a: Any, b: Any) -> bool | None:
    if isinstance(a, Range) and isinstance(b, Range):
        return _start(a, b) == 0 and _end(a, b) == 0
    return equal(a, b, run.spend)


_ONE_END = re.compile(
    r"\s*(?:[(\]]\s*\.\.(?P<end>.*)(?P<closing>[)\]\[])|(?P<opening>[(\[\]])(?P<start>.*)\.\.\s*[)\[])\s*",
    re.DOTALL,
)
"""``(..2]`` and ``[2..)``: grammar rules 66 b and c."""


@built_in("range(from: string)")
def range_of_text(run: Run, text: str) -> Range:
    """A range literal (grammar rule 66), whose ends are literals or conversions of literals."""
    one_end = _ONE_END.fullmatch(text)
    if one_end and one_end["end"] is not None:
        return half_range(
            "<=" if one_end["closing"] == "]" else "<", _end_value(run, _parsed(one_end["end"]))
        )
    if one_end:
        return half_range(
            ">=" if one_end["opening"] == "[" else ">", _end_value(run, _parsed(one_end["start"]))
        )
    node = _parsed(text)
    if not isinstance(node, tree.Interval):
        raise ValueError("应为区间，例如 [1..3]")
    start, end = _end_value(run, node.start), _end_value(run, node.end)
    found = make_range(start, end, node.start_included, node.end_included)
    if found is None:
        raise ValueError("区间的两端应从小到大")
    return found


def _parsed(text: str) -> tree.Node:
    try:
        return parser.parse(text)
    except (FeelSyntaxError, FeelLimitError) as error:
        raise ValueError(f"不是区间：{error}".rstrip("。")) from None


def _end_value(run: Run, node: tree.Node) -> Any:
    from ..compiler import compile_node  # the compiler knows the functions
    from ..run import Scope

    allowed = isinstance(node, (tree.Number, tree.Text, tree.AtLiteral))
    if isinstance(node, tree.Negation):
        allowed = isinstance(node.operand, tree.Number)
    if isinstance(node, tree.Call) and isinstance(node.function, tree.Name):
        allowed = node.function.name in _CONVERSIONS and all(isinstance(a, tree.Text) for a in node.arguments)
    if not allowed:
        raise ValueError("区间的两端应为字面量")
    value = compile_node(node)(Scope({}, None, run))
    if value is None:
        raise ValueError("区间的一端没有值")
    return value
