"""Tree to closures: each node becomes a Python function of the scope, once; evaluating is calling them. No eval, no exec.

Names reach dictionaries only, never attributes of Python objects; a property of a date or range is looked up in a table.
"""

from __future__ import annotations

import operator as python
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any

from . import temporal, tree
from .functions import BUILT_IN, BuiltIn
from .limits import MAX_CALLS, TEXT_STEP, TRANSCENDENTAL, FeelLimitError
from .operators import (
    ARITHMETIC,
    COMPARISONS,
    PROPERTIES,
    equal,
    half_range,
    interval,
    is_in,
    less_or_equal,
    negate,
    number,
    order,
)
from .run import Run, Scope
from .tree import mentions, nodes, size
from .types import bare, conformed, is_instance
from .values import KINDS, NUMBERS, Function, Range, adopt, kind, type_word, word

Code = Callable[[Scope], Any]
Test = Callable[[Scope, Any], "bool | None"]

_MISSING: Any = object()
_KNOWN = frozenset(KINDS) - {Decimal, float, int}


def compile_node(node: tree.Node) -> Code:
    """The function that evaluates a node."""
    return _COMPILERS[type(node)](node)


# --- values ---


def _constant(value: Any) -> Code:
    return lambda scope: value


def _number(node: tree.Number) -> Code:
    return _constant(node.value)


def _text(node: tree.Text) -> Code:
    return _constant(node.value)


def _plain_constant(node: tree.Constant) -> Code:
    return _constant(node.value)


def _at_literal(node: tree.AtLiteral) -> Code:
    try:
        return _constant(temporal.read(node.text))
    except (ValueError, OverflowError) as error:
        warning = f"@“{node.text[:40]}”{error}。"
        return lambda scope: scope.run.warn(warning)


def _name(node: tree.Name) -> Code:
    name = node.name
    fallback = BUILT_IN.get(name, _MISSING)
    if name == "not":  # a keyword, which no variable can be called (10.3.1.4)
        return _constant(fallback)

    def lookup(scope: Scope) -> Any:
        inner: Scope | None = scope
        while inner is not None:
            value = inner.names.get(name, _MISSING)
            if value is not _MISSING:
                return value if type(value) in _KNOWN else adopt(value)
            inner = inner.parent
        if fallback is not _MISSING:
            return fallback
        return scope.run.warn(f"没有名为“{name}”的变量。")

    return lookup


def _list(node: tree.ListLiteral) -> Code:
    items = [compile_node(item) for item in node.items]
    return lambda scope: [item(scope) for item in items]


def _context(node: tree.ContextLiteral) -> Code:
    entries = [(key, compile_node(value)) for key, value in node.entries]
    duplicate = len({key for key, _ in entries}) < len(entries)

    def build(scope: Scope) -> Any:
        if duplicate:
            return scope.run.warn("上下文里有重复的键。")
        built: dict[str, Any] = {}
        inner = Scope(built, scope, scope.run)  # later entries see earlier ones
        for key, value in entries:
            built[key] = value(inner)
        return built

    return build


def _interval(node: tree.Interval) -> Code:
    start, end = compile_node(node.start), compile_node(node.end)
    start_included, end_included = node.start_included, node.end_included

    def build(scope: Scope) -> Any:
        found = interval(start(scope), end(scope), start_included, end_included)
        return scope.run.warn("区间的两端不能比较，或者前大后小。") if found is None else found

    return build


def _unary_range(node: tree.UnaryRange | tree.UnaryTest) -> Code:
    end = compile_node(node.end if isinstance(node, tree.UnaryRange) else node.operand)
    sign = node.operator

    def build(scope: Scope) -> Any:
        value = end(scope)
        found = None if value is None else half_range(sign, value)
        return scope.run.warn(f"“{sign}”不能成为区间。") if found is None else found

    return build


# --- operators ---


def _why(what: str, left: Any, right: Any) -> str:
    return f"“{what}”不能用于{word(left)}与{word(right)}。"


def _negation(node: tree.Negation) -> Code:
    if isinstance(node.operand, tree.Number):
        return _constant(NUMBERS.minus(node.operand.value))
    operand = compile_node(node.operand)

    def evaluate(scope: Scope) -> Any:
        value = operand(scope)
        found = negate(value)
        return scope.run.warn(f"“-”不能用于{word(value)}。") if found is None else found

    return evaluate


def _arithmetic(node: tree.Arithmetic) -> Code:
    sign = node.operator
    left, right, operation = compile_node(node.left), compile_node(node.right), ARITHMETIC[sign]
    price = TRANSCENDENTAL if sign == "**" else 0

    def evaluate(scope: Scope) -> Any:
        a, b = left(scope), right(scope)
        if price:
            scope.run.spend(price)
        try:
            if type(a) is int:
                a = NUMBERS.create_decimal(a)
            if type(b) is int:
                b = NUMBERS.create_decimal(b)
            found = operation(a, b)
        except (ArithmeticError, ValueError):  # beyond the range of the type
            found = None
        if type(found) is str:
            scope.run.spend_text(len(found))
        return scope.run.warn(_why(sign, a, b)) if found is None else found

    return evaluate


_PLAIN_COMPARISONS = {
    "=": python.eq,
    "!=": python.ne,
    "<": python.lt,
    "<=": python.le,
    ">": python.gt,
    ">=": python.ge,
}


def _compare(sign: str) -> Callable[[Scope, Any, Any], Any]:
    """Two values at run time, the frequent kinds without a detour."""
    plain, slow = _PLAIN_COMPARISONS[sign], COMPARISONS[sign]
    equality = sign in ("=", "!=")

    def compare(scope: Scope, a: Any, b: Any) -> Any:
        a_type, b_type = type(a), type(b)
        if a_type is b_type:
            if a_type is Decimal or a_type is int:
                return plain(a, b)
            if a_type is str:
                if len(a) > TEXT_STEP:
                    scope.run.spend_text(min(len(a), len(b)))
                return plain(a, b)
        elif (a_type is Decimal or a_type is int) and (b_type is Decimal or b_type is int):
            return plain(a, b)
        if equality:
            found = equal(a, b, scope.run.spend)
            if found is not None and sign == "!=":
                found = not found
        else:
            found = slow(a, b)
        return scope.run.warn(_why(sign, a, b)) if found is None else found

    return compare


def _comparison(node: tree.Comparison) -> Code:
    left, compare = compile_node(node.left), _compare(node.operator)
    if isinstance(node.right, (tree.Number, tree.Text)):
        constant = node.right.value
        return lambda scope: compare(scope, left(scope), constant)
    right = compile_node(node.right)
    return lambda scope: compare(scope, left(scope), right(scope))


def _and(node: tree.And) -> Code:
    return _logical(node.operands, False)


def _or(node: tree.Or) -> Code:
    return _logical(node.operands, True)


def _logical(nodes: tuple[tree.Node, ...], decisive: bool) -> Code:
    """Three-valued: one decisive operand decides; otherwise anything but a boolean makes it null (table 50)."""
    operands = [compile_node(node) for node in nodes]
    neutral = not decisive

    def evaluate(scope: Scope) -> Any:
        result: bool | None = neutral
        for operand in operands:
            value = operand(scope)
            if value is decisive:
                return decisive
            if value is not neutral:
                result = None
        return result

    return evaluate


def _between(node: tree.Between) -> Code:
    value, low, high = compile_node(node.value), compile_node(node.low), compile_node(node.high)

    def evaluate(scope: Scope) -> Any:
        v, a, b = value(scope), low(scope), high(scope)
        first, second = less_or_equal(a, v), less_or_equal(v, b)
        if first is None or second is None:
            return scope.run.warn(_why("between", v, a if first is None else b))
        return first and second

    return evaluate


def _in(node: tree.In) -> Code:
    value = compile_node(node.value)
    tests = [_test(test, False) for test in node.tests]

    def evaluate(scope: Scope) -> Any:
        v = value(scope)
        result: bool | None = False
        for test in tests:
            found = test(scope, v)
            if found is True:
                return True
            if found is None:
                result = None
        return scope.run.warn(f"“in”不能判断{word(v)}。") if result is None else result

    return evaluate


def _instance_of(node: tree.InstanceOf) -> Code:
    value, type_ = compile_node(node.value), node.type
    if bare(type_):  # not in the lattice (table 61)
        return lambda scope: scope.run.warn(f"类型“{type_.name}”没有写参数，例如 list<Any>。")

    def evaluate(scope: Scope) -> Any:
        found = is_instance(value(scope), type_, scope.run)
        return scope.run.warn(f"没有类型“{type_.name}”。") if found is None else found

    return evaluate


# --- unary tests ---


def _test(node: tree.Node, cell: bool) -> Test:
    """A test of a value: an operator with its operand, or an expression that is compared with it.

    :param cell: of a decision table, where an expression that is true passes too
    """
    if isinstance(node, tree.UnaryTest):
        operand, compare = compile_node(node.operand), _compare(node.operator)
        return lambda scope, value: compare(scope, value, operand(scope))
    if isinstance(node, (tree.Text, tree.Number)):
        return _same(node.value)
    if (
        isinstance(node, tree.Interval)
        and isinstance(node.start, tree.Number)
        and isinstance(node.end, tree.Number)
    ):
        return _numbers_between(node, node.start.value, node.end.value)
    code = compile_node(node)
    asks = mentions(node, "?")
    if isinstance(node, tree.Interval):

        def within(scope: Scope, value: Any) -> Any:
            found = code(Scope({"?": value}, scope, scope.run) if asks else scope)
            return None if found is None else is_in(value, found)  # no range is not null, which null is in

        return within
    if not asks:
        cell = cell and not isinstance(node, tree.Constant)  # ``true`` is a value to compare with

        def expected(scope: Scope, value: Any) -> Any:
            found = code(scope)
            if cell and found is True and type(value) is not bool:
                return True
            return is_in(value, found, scope.run.spend)

        return expected

    def asked(scope: Scope, value: Any) -> Any:
        found = code(Scope({"?": value}, scope, scope.run))
        return found if type(found) is bool else is_in(value, found, scope.run.spend)

    return asked


def _same(constant: str | Decimal) -> Test:
    constant_type = type(constant)

    def same(scope: Scope, value: Any) -> Any:
        if type(value) is constant_type:
            return value == constant
        return is_in(value, constant)

    return same


def _numbers_between(node: tree.Interval, low: Decimal, high: Decimal) -> Test:
    """``[1..5)`` in a cell, the commonest test of all."""
    above = python.le if node.start_included else python.lt
    below = python.le if node.end_included else python.lt
    whole = interval(low, high, node.start_included, node.end_included)

    def between(scope: Scope, value: Any) -> Any:
        if type(value) is Decimal or type(value) is int:
            return above(low, value) and below(value, high)
        return None if whole is None else is_in(value, whole)

    return between


def compile_tests(node: tree.Tests) -> Test:
    """The function that tests a value against a cell."""
    tests = [_test(test, True) for test in node.tests]
    if not tests:
        return lambda scope, value: True
    negated = node.negated
    if len(tests) == 1 and not negated:
        return tests[0]

    def evaluate(scope: Scope, value: Any) -> bool | None:
        result: bool | None = False
        for test in tests:
            found = test(scope, value)
            if found is True:
                return not negated
            if found is None:
                result = None
        return result if result is None else negated

    return evaluate


# --- paths and filters ---


def _path(node: tree.Path) -> Code:
    source, name = compile_node(node.source), node.name

    def evaluate(scope: Scope) -> Any:
        value = source(scope)
        if type(value) is dict:
            found = value.get(name, _MISSING)
            if found is not _MISSING:
                return found if type(found) in _KNOWN else adopt(found)
        return property_of(value, name, scope.run)

    return evaluate


def property_of(value: Any, name: str, run: Run) -> Any:
    """``value.name``: an entry of a context, a part of a date or range, or of each thing in a list (table 59)."""
    if type(value) is dict:
        found = value.get(name, _MISSING)
        if found is not _MISSING:
            return found if type(found) in _KNOWN else adopt(found)
        return run.warn(f"没有“{name}”这一项。")
    if type(value) is list:
        run.spend(len(value))
        return [property_of(item if type(item) is dict else adopt(item), name, run) for item in value]
    part = PROPERTIES.get(kind(value), {}).get(name)
    if part is None:
        return run.warn(f"{word(value)}没有“{name}”这一项。")
    return part(value)


def _quietly(code: Code, scope: Scope) -> Any:
    """A value whose warnings are about items that there are not."""
    said, scope.run.warnings = scope.run.warnings, None
    try:
        return code(scope)
    finally:
        scope.run.warnings = said


def _filter(node: tree.Filter) -> Code:
    source, condition = compile_node(node.source), compile_node(node.condition)
    weight = size(node.condition)

    def evaluate(scope: Scope) -> Any:
        value = source(scope)
        if value is None:
            return None
        items = value if type(value) is list else [value]
        run = scope.run
        run.spend(weight * (len(items) + 1))
        scope_of = item_scopes(scope)
        kept = []
        for position, item in enumerate(items):
            if type(item) not in _KNOWN:
                item = adopt(item)
            found = condition(scope_of(item))
            if position == 0 and type(found) is not bool and (index := number(found)) is not None:
                return _at(items, index, run)
            if found is True:
                kept.append(item)
        if not items and number(_quietly(condition, scope)) is not None:
            return run.warn("位置不在列表之内。")
        return kept

    return evaluate


def item_scopes(scope: Scope) -> Callable[[Any], Scope]:
    """Where a filter's condition is evaluated: the entries of the item, then ``item``, then all around.

    The next item takes the place of the last one: nothing outlives a condition that could look at it again.
    """
    names: dict[str, Any] = {}
    around = Scope(names, scope, scope.run)
    entries = Scope(names, around, scope.run)

    def scope_of(item: Any) -> Scope:
        names["item"] = item
        if type(item) is not dict:
            return around
        entries.names = item
        return entries

    return scope_of


def _at(items: list[Any], index: Decimal, run: Run) -> Any:
    position = int(index)
    if position != index:
        return run.warn("位置应为整数。")
    if position == 0 or abs(position) > len(items):
        return run.warn("位置不在列表之内。")
    return adopt(items[position - 1 if position > 0 else position])


# --- control ---


def _if(node: tree.If) -> Code:
    condition, then, otherwise = (compile_node(n) for n in (node.condition, node.then, node.otherwise))
    return lambda scope: then(scope) if condition(scope) is True else otherwise(scope)


def _sequence(iterator: tree.Iterator) -> Callable[[Scope], Iterable[Any] | None]:
    """What an iterator runs through; None, with a warning, where it is nothing to run through."""
    source = compile_node(iterator.source)
    if iterator.end is not None:
        last = compile_node(iterator.end)
        return lambda scope: _steps(source(scope), last(scope), True, True, scope.run)

    def items(scope: Scope) -> Iterable[Any] | None:
        value = source(scope)
        if type(value) is list:
            return map(adopt, value)
        if isinstance(value, Range):
            if value.undefined or (order(value.start, value.end) or 0) > 0:
                scope.run.warn("区间不能逐个列举。")
                return None
            return _steps(value.start, value.end, value.start_included, value.end_included, scope.run)
        if value is None:
            scope.run.warn("for 之后的列表为空值。")
            return None
        return [value]

    return items


def _steps(
    first: Any, last: Any, first_included: bool, last_included: bool, run: Run
) -> Iterator[Any] | None:
    """The whole numbers, or days, from one end to the other, upwards or downwards."""
    if kind(first) == kind(last) == "date":
        low, high = temporal.day_number(first), temporal.day_number(last)
        return map(temporal.day_of, _between_ends(low, high, first_included, last_included))
    a, b = number(first), number(last)
    if a is None or b is None or a != a.to_integral_value() or b != b.to_integral_value():
        run.warn("只能列举整数或日期的区间。")
        return None
    return map(Decimal, _between_ends(int(a), int(b), first_included, last_included))


def _between_ends(low: int, high: int, low_included: bool, high_included: bool) -> range:
    step = 1 if low <= high else -1
    return range(low if low_included else low + step, high + step if high_included else high, step)


def _for(node: tree.For) -> Code:
    sequences = [(iterator.name, _sequence(iterator)) for iterator in node.iterators]
    body = compile_node(node.body)
    weight = size(node.body)
    partial = mentions(node, "partial")
    # A function keeps the scope that it was written in; without one, the next value may take the place of the last.
    lasting = any(isinstance(found, tree.FunctionLiteral) for found in nodes(node))

    def evaluate(scope: Scope) -> Any:
        results: list[Any] = []

        def descend(level: int, scope: Scope) -> bool:
            name, sequence = sequences[level]
            values = sequence(scope)
            if values is None:
                return False
            run = scope.run
            names: dict[str, Any] = {}
            inner = Scope(names, scope, run)
            for value in values:
                if lasting:
                    inner = Scope(names := {}, scope, run)
                names[name] = value
                if level + 1 < len(sequences):
                    run.spend(1)
                    if not descend(level + 1, inner):
                        return False
                    continue
                run.spend(weight)
                if partial:
                    run.spend(len(results))
                    names["partial"] = list(results)
                results.append(body(inner))
            return True

        return results if descend(0, scope) else None

    return evaluate


def _quantified(node: tree.Quantified) -> Code:
    sequences = [(iterator.name, _sequence(iterator)) for iterator in node.iterators]
    body = compile_node(node.body)
    weight = size(node.body)
    decisive = node.quantifier == "some"

    def descend(level: int, scope: Scope) -> bool | None:
        name, sequence = sequences[level]
        values = sequence(scope)
        if values is None:
            return None
        result: bool | None = not decisive
        names: dict[str, Any] = {}
        inner = Scope(names, scope, scope.run)
        for value in values:
            scope.run.spend(weight)
            names[name] = value
            found = descend(level + 1, inner) if level + 1 < len(sequences) else body(inner)
            if found is decisive:
                return decisive
            if found is not (not decisive):
                result = None
        return scope.run.warn(f"{node.quantifier} 的条件应为真或假。") if result is None else result

    return lambda scope: descend(0, scope)


# --- functions ---


class Closure(Function):
    """A function written in FEEL, with the scope it was written in."""

    __slots__ = ("_body", "_scope", "_typed", "_weight")

    def __init__(
        self,
        parameters: tuple[tuple[str, tree.Type | None], ...],
        body: Code,
        weight: int,
        scope: Scope,
        name: str = "",
        result_type: tree.Type | None = None,
    ) -> None:
        super().__init__(name, parameters, result_type)
        self._typed = [(name, type_) for name, type_ in parameters if type_ is not None]
        self._body = body
        self._weight = weight
        self._scope = scope

    def invoke(self, arguments: list[Any], run: Run) -> Any:
        names = dict(zip(self.parameters, arguments, strict=True))
        for name, type_ in self._typed:
            fits, names[name] = conformed(names[name], type_, run)
            if not fits:
                return run.warn(f"参数“{name}”不是{type_word(type_)}。")
        run.spend(self._weight)
        run.depth += 1
        if run.depth > MAX_CALLS:
            raise FeelLimitError("calls", f"函数互相调用过深，最多 {MAX_CALLS} 层。")
        value = self._body(Scope(names, self._scope, run))
        run.depth -= 1
        return value


def _function(node: tree.FunctionLiteral) -> Code:
    parameters = node.parameters
    if node.external:
        body: Code = lambda scope: scope.run.warn("不支持外部函数（Java、PMML）。")  # noqa: E731
    else:
        body = compile_node(node.body)
    weight = size(node.body)
    return lambda scope: Closure(parameters, body, weight, scope)


def _literal(node: tree.Call, label: str) -> Any:
    """The value of ``date("2026-04-30")`` and its like, None for any other call."""
    texts = [argument.value for argument in node.arguments if isinstance(argument, tree.Text)]
    if label not in _OF_LITERALS or node.names or len(texts) != 1 or len(node.arguments) != 1:
        return None
    return BUILT_IN[label].invoke(texts, Run())


_OF_LITERALS = frozenset({"date", "time", "date and time", "duration"})
"""Functions that are called with a text to write a constant, as ``date("2026-04-30")``."""


def _call(node: tree.Call) -> Code:
    callee = compile_node(node.function)
    arguments = [compile_node(argument) for argument in node.arguments]
    names = node.names
    label = node.function.name if isinstance(node.function, tree.Name) else "函数"
    literal, constant = BUILT_IN.get(label), _literal(node, label)

    def evaluate(scope: Scope) -> Any:
        function = callee(scope)
        if constant is not None and function is literal:  # not a variable of that name
            return constant
        values = [argument(scope) for argument in arguments]
        if type(function) is BuiltIn:
            return function.invoke(values, scope.run, names)
        if isinstance(function, Function):
            return call(function, values, names, scope.run)
        return scope.run.warn(f"“{label}”不是函数。")

    return evaluate


def call(function: Function, values: list[Any], names: tuple[str, ...] | None, run: Run) -> Any:
    """The value of a call; null where the arguments are not those of the function."""
    if isinstance(function, BuiltIn):
        return function.invoke(values, run, names)
    if names is not None:
        given = dict(zip(names, values, strict=True))
        if not given.keys() <= set(function.parameters) or len(given) != len(names):
            return run.warn(f"函数“{function.name}”的参数名应为：{'、'.join(function.parameters)}。")
        values = [
            given.get(name) for name in function.parameters
        ]  # null for one that is not given (10.3.2.13.5)
    if len(values) != len(function.parameters):
        return run.warn(
            f"函数“{function.name}”应有 {len(function.parameters)} 个参数，给出 {len(values)} 个。"
        )
    return function.invoke(values, run)


_COMPILERS: dict[type, Callable[[Any], Code]] = {
    tree.Number: _number,
    tree.Text: _text,
    tree.Constant: _plain_constant,
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
    tree.And: _and,
    tree.Or: _or,
    tree.Between: _between,
    tree.In: _in,
    tree.InstanceOf: _instance_of,
    tree.Path: _path,
    tree.Filter: _filter,
    tree.Call: _call,
    tree.If: _if,
    tree.For: _for,
    tree.Quantified: _quantified,
    tree.FunctionLiteral: _function,
}


def extend(kind_of: type, compiler: Callable[[Any], Code]) -> None:
    """Teach the compiler another kind of node."""
    _COMPILERS[kind_of] = compiler
