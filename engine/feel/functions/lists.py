"""List functions and sort (DMN 1.5, tables 75 and 80). Positions count from 1, or from the end with -1."""

from __future__ import annotations

from decimal import Decimal
from functools import cmp_to_key
from typing import Any

from ..operators import equal, order
from ..operators import number as as_number
from ..run import Run
from ..temporal import make_duration, make_months, nanoseconds
from ..values import NUMBERS, Function, adopt, kind
from .registry import built_in


def _read(run: Run, items: list[Any], times: int = 1) -> None:
    """Pay for reading the texts in a list so many times."""
    run.spend_text(times * sum(len(item) for item in items if type(item) is str))


def _flat(items: tuple[Any, ...]) -> list[Any]:
    """Arguments of a function that takes a list or the things themselves."""
    return items[0] if len(items) == 1 and isinstance(items[0], list) else list(items)


def _numbers(items: tuple[Any, ...]) -> list[Decimal]:
    numbers = [as_number(item) for item in _flat(items)]
    if not numbers:
        raise ValueError("列表为空")
    if any(n is None for n in numbers):
        raise ValueError("列表里应都是数字")
    return [n for n in numbers if n is not None]


def _all(values: list[Any], of: str) -> bool:
    return bool(values) and all(kind(value) == of for value in values)


def _index(items: list[Any], position: Any) -> int:
    at = int(position)
    if at == 0 or abs(at) > len(items):
        raise ValueError("位置不在列表之内")
    return at - 1 if at > 0 else len(items) + at


@built_in("list contains(list: list, element: any)")
def list_contains(run: Run, items: list[Any], element: Any) -> bool:
    return any(equal(item, element, run.spend) is True for item in items)


@built_in("count(list: list)")
def count(run: Run, items: list[Any]) -> Decimal:
    return Decimal(len(items))


def _extreme(run: Run, items: tuple[Any, ...], sign: int) -> Any:
    values = _flat(items)
    _read(run, values)
    if not values:
        raise ValueError("列表为空")
    best = values[0]
    if len(values) == 1 and kind(best) not in _ORDERED:
        raise ValueError("列表里的值不能比较")
    for value in values[1:]:
        found = order(value, best)
        if found is None:
            raise ValueError("列表里的值不能比较")
        if found == sign:
            best = value
    return best


_ORDERED = frozenset(
    {
        "number",
        "string",
        "date",
        "time",
        "date and time",
        "days and time duration",
        "years and months duration",
    }
)


@built_in("min(list: list)", "min(c: any...)")
def minimum(run: Run, *items: Any) -> Any:
    return _extreme(run, items, -1)


@built_in("max(list: list)", "max(c: any...)")
def maximum(run: Run, *items: Any) -> Any:
    return _extreme(run, items, 1)


@built_in("sum(list: list)", "sum(n: any...)")
def total(run: Run, *items: Any) -> Any:
    values = _flat(items)
    if _all(values, "years and months duration"):
        return make_months(sum(v.total for v in values))
    if _all(values, "days and time duration"):
        return make_duration(sum(nanoseconds(v) for v in values))
    return _add(_numbers(items))


def _add(numbers: list[Decimal]) -> Decimal:
    result = Decimal(0)
    for n in numbers:
        result = NUMBERS.add(result, n)
    return result


@built_in("product(list: list)", "product(n: any...)")
def product(run: Run, *items: Any) -> Decimal:
    result = Decimal(1)
    for n in _numbers(items):
        result = NUMBERS.multiply(result, n)
    return result


@built_in("mean(list: list)", "mean(n: any...)")
def mean(run: Run, *items: Any) -> Any:
    values = _flat(items)
    if _all(values, "years and months duration"):
        return make_months(int(Decimal(sum(v.total for v in values)) / len(values)))
    if _all(values, "days and time duration"):
        return make_duration(sum(nanoseconds(v) for v in values) // len(values))
    numbers = _numbers(items)
    return NUMBERS.divide(_add(numbers), len(numbers))


@built_in("median(list: list)", "median(n: any...)")
def median(run: Run, *items: Any) -> Any:
    numbers = sorted(_numbers(items))
    middle = len(numbers) // 2
    if len(numbers) % 2:
        return numbers[middle]
    return NUMBERS.divide(NUMBERS.add(numbers[middle - 1], numbers[middle]), 2)


@built_in("stddev(list: list)", "stddev(n: any...)")
def stddev(run: Run, *items: Any) -> Decimal:
    numbers = _numbers(items)
    if len(numbers) < 2:
        raise ValueError("至少需要两个数字")
    average = NUMBERS.divide(_add(numbers), len(numbers))
    squares = [NUMBERS.multiply(NUMBERS.subtract(n, average), NUMBERS.subtract(n, average)) for n in numbers]
    return NUMBERS.sqrt(NUMBERS.divide(_add(squares), len(numbers) - 1))


@built_in("mode(list: list)", "mode(n: any...)")
def mode(run: Run, *items: Any) -> list[Decimal]:
    if not _flat(items):
        return []
    counts: dict[Decimal, int] = {}
    for n in _numbers(items):
        counts[n] = counts.get(n, 0) + 1
    most = max(counts.values())
    return sorted(n for n, times in counts.items() if times == most)


def _three_valued(values: list[Any], decisive: bool) -> bool:
    if any(value is decisive for value in values):
        return decisive
    if any(value is not (not decisive) for value in values):
        raise ValueError("列表里应都是真或假")
    return not decisive


@built_in("all(list: list)", "all(b: any...)")
def every(run: Run, *items: Any) -> bool:
    return _three_valued(_flat(items), False)


@built_in("any(list: list)", "any(b: any...)")
def some(run: Run, *items: Any) -> bool:
    return _three_valued(_flat(items), True)


@built_in("sublist(list: list, start position: number, length: number?)")
def sublist(run: Run, items: list[Any], start: Any, length: Any = None) -> list[Any]:
    begin = _index(items, start)
    if length is None:
        return items[begin:]
    if length < 1 or begin + int(length) > len(items):
        raise ValueError("长度超出列表")
    return items[begin : begin + int(length)]


@built_in("append(list: list, item: any...)")
def append(run: Run, items: list[Any], *more: Any) -> list[Any]:
    return [*items, *more]


@built_in("concatenate(list: list...)")
def concatenate(run: Run, *lists: list[Any]) -> list[Any]:
    run.spend(sum(len(items) for items in lists))
    return [item for items in lists for item in items]


@built_in("insert before(list: list, position: number, newItem: any)")
def insert_before(run: Run, items: list[Any], position: Any, new: Any) -> list[Any]:
    at = _index(items, position)
    return [*items[:at], new, *items[at:]]


@built_in("remove(list: list, position: number)")
def remove(run: Run, items: list[Any], position: Any) -> list[Any]:
    at = _index(items, position)
    return [*items[:at], *items[at + 1 :]]


@built_in("list replace(list: list, position: number, newItem: any)")
def list_replace(run: Run, items: list[Any], position: Any, new: Any) -> list[Any]:
    at = _index(items, position)
    return [*items[:at], new, *items[at + 1 :]]


def _refuse_other_than_two(function: Function) -> None:
    if not any(function.signatures(2)):
        raise ValueError("函数应有两个参数")


@built_in("list replace(list: list, match: function, newItem: any)")
def list_replace_where(run: Run, items: list[Any], match: Function, new: Any) -> list[Any]:
    _refuse_other_than_two(match)
    found = []
    for item in items:
        matches = match.invoke([item, new], run)
        if type(matches) is not bool:
            raise ValueError("匹配函数应返回真或假")
        found.append(new if matches else item)
    return found


@built_in("reverse(list: list)")
def reverse(run: Run, items: list[Any]) -> list[Any]:
    return items[::-1]


@built_in("index of(list: list, match: any)")
def index_of(run: Run, items: list[Any], match: Any) -> list[Decimal]:
    return [Decimal(n) for n, item in enumerate(items, 1) if equal(item, match, run.spend) is True]


def _distinct(run: Run, items: list[Any]) -> list[Any]:
    found: list[Any] = []
    plain: set[Any] = set()
    _read(run, items)
    for item in items:
        if type(item) is str:  # the frequent case, without comparing each with each
            if item not in plain:
                plain.add(item)
                found.append(item)
            continue
        run.spend(len(found))
        if not any(equal(item, other, run.spend) is True for other in found):
            found.append(item)
    return found


@built_in("union(list: list...)")
def union(run: Run, *lists: list[Any]) -> list[Any]:
    return _distinct(run, [item for items in lists for item in items])


@built_in("distinct values(list: list)")
def distinct_values(run: Run, items: list[Any]) -> list[Any]:
    return _distinct(run, items)


@built_in("flatten(list: list)")
def flatten(run: Run, items: list[Any]) -> list[Any]:
    found: list[Any] = []
    stack = [iter(items)]
    while stack:
        for item in stack[-1]:
            run.spend(1)
            item = adopt(item)
            if isinstance(item, list):
                stack.append(iter(item))
                break
            found.append(item)
        else:
            stack.pop()
    return found


@built_in("sort(list: list, precedes: function?)")
def sort(run: Run, items: list[Any], precedes: Function | None = None) -> list[Any]:
    _read(run, items, len(items).bit_length())

    if precedes is not None:
        _refuse_other_than_two(precedes)

    def compare(left: Any, right: Any) -> int:
        run.spend(1)
        if precedes is None:
            found = order(left, right)
            if found is None:
                raise ValueError("列表里的值不能比较")
            return found
        return -1 if precedes.invoke([left, right], run) is True else 0  # sorting asks only who comes first

    return sorted(items, key=cmp_to_key(compare))
