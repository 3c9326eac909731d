"""Boxed expressions that FEEL has no words for, as nodes of FEEL's tree (DMN 1.5, 7.3 and 10.2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.feel import BUILT_IN, Scope, conformed, tree
from engine.feel.compiler import Code, compile_node, extend, item_scopes
from engine.feel.tree import size
from engine.feel.values import type_word


@dataclass(frozen=True, slots=True)
class Broken(tree.Node):
    """An expression with a syntax error: null whenever it is asked for."""

    problem: str


@dataclass(frozen=True, slots=True)
class Typed(tree.Node):
    """A value that must conform to a type, or it is null."""

    value: tree.Node
    type: tree.Type


@dataclass(frozen=True, slots=True)
class BoxedContext(tree.Node):
    """Entries that see the earlier ones; the cell without a name is the result."""

    entries: tuple[tuple[str, tree.Node], ...]
    result: tree.Node | None


@dataclass(frozen=True, slots=True)
class BoxedConditional(tree.Node):
    """Unlike FEEL's ``if``, null for a condition that is neither true, false nor null."""

    condition: tree.Node
    then: tree.Node
    otherwise: tree.Node


@dataclass(frozen=True, slots=True)
class BoxedFilter(tree.Node):
    """Unlike FEEL's filter, null for a match that is no boolean."""

    source: tree.Node
    match: tree.Node


@dataclass(frozen=True, slots=True)
class BoxedQuantified(tree.Node):
    """Unlike FEEL's ``some`` and ``every``, null as soon as one condition is no boolean.

    :ivar conditions: the loop that gives the condition for each item
    """

    quantifier: str
    conditions: tree.For


def _broken(node: Broken) -> Code:
    return lambda scope: scope.run.warn(node.problem)


def _typed(node: Typed) -> Code:
    value, type_ = compile_node(node.value), node.type

    def evaluate(scope: Scope) -> Any:
        found = value(scope)
        fits, found = conformed(found, type_, scope.run)
        return found if fits else scope.run.warn(f"结果不是{type_word(type_)}。")

    return evaluate


def _context(node: BoxedContext) -> Code:
    entries = [(name, compile_node(value)) for name, value in node.entries]
    result = compile_node(node.result) if node.result else None

    def evaluate(scope: Scope) -> Any:
        built: dict[str, Any] = {}
        inner = Scope(built, scope, scope.run)
        for name, value in entries:
            built[name] = value(inner)
        return result(inner) if result else built

    return evaluate


def _conditional(node: BoxedConditional) -> Code:
    condition, then, otherwise = (compile_node(n) for n in (node.condition, node.then, node.otherwise))

    def evaluate(scope: Scope) -> Any:
        found = condition(scope)
        if found is True:
            return then(scope)
        return otherwise(scope) if found is False or found is None else scope.run.warn("条件应为真或假。")

    return evaluate


def _filter(node: BoxedFilter) -> Code:
    source, match = compile_node(node.source), compile_node(node.match)
    weight = size(node.match)

    def evaluate(scope: Scope) -> Any:
        items = source(scope)
        if items is None:
            return None
        scope_of = item_scopes(scope)
        kept = []
        for item in items if isinstance(items, list) else [items]:
            scope.run.spend(weight)
            found = match(scope_of(item))
            if found is not None and type(found) is not bool:
                return scope.run.warn("筛选条件应为真或假。")
            if found:
                kept.append(item)
        return kept

    return evaluate


def _quantified(node: BoxedQuantified) -> Code:
    conditions = compile_node(node.conditions)
    three_valued = BUILT_IN["any" if node.quantifier == "some" else "all"]

    def evaluate(scope: Scope) -> Any:
        found = conditions(scope)
        if found is None:
            return None
        if any(value is not None and type(value) is not bool for value in found):
            return scope.run.warn("条件应为真或假。")
        return three_valued.invoke([found], scope.run)

    return evaluate


extend(Broken, _broken)
extend(Typed, _typed)
extend(BoxedContext, _context)
extend(BoxedConditional, _conditional)
extend(BoxedFilter, _filter)
extend(BoxedQuantified, _quantified)
