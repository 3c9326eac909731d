"""Decision tables with every hit policy and aggregator (DMN 1.5, 8.2.8-8.2.11)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any

from engine.feel import BUILT_IN, Run, Scope, conformed, tree
from engine.feel.compiler import Test, compile_node, compile_tests, extend
from engine.feel.operators import equal
from engine.feel.values import type_word

from .index import Cell, Index

HIT_POLICIES = {
    "U": "UNIQUE",
    "A": "ANY",
    "P": "PRIORITY",
    "F": "FIRST",
    "R": "RULE ORDER",
    "O": "OUTPUT ORDER",
    "C": "COLLECT",
}
AGGREGATORS = ("SUM", "MIN", "MAX", "COUNT")
INDEXED = 20
"""Rules from which on looking them up beats testing each."""


@dataclass(frozen=True, slots=True)
class Input(tree.Node):
    """:ivar values: the tests that the input itself must pass"""

    expression: tree.Node
    type: tree.Type | None
    values: tree.Tests | None


@dataclass(frozen=True, slots=True)
class Output(tree.Node):
    """:ivar values: the possible outputs, the most important first"""

    name: str
    type: tree.Type | None
    values: tuple[tree.Node, ...]
    default: tree.Node | None


@dataclass(frozen=True, slots=True)
class Rule(tree.Node):
    id: str
    tests: tuple[tree.Tests, ...]
    outputs: tuple[tree.Node, ...]


@dataclass(frozen=True, slots=True)
class Table(tree.Node):
    """:ivar label: whose table it is, for the record of the rules that matched"""

    label: str
    hit_policy: str
    aggregator: str | None
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """A rule that matched.

    :ivar table: the decision or business knowledge model
    :ivar rule: 1-based
    :ivar rule_id: the rule element's id
    """

    table: str
    rule: int
    rule_id: str


@dataclass(frozen=True, slots=True)
class Consulted:
    """A table that was asked.

    :ivar table: the decision or business knowledge model
    :ivar inputs: the values of its input columns
    """

    table: str
    inputs: tuple[Any, ...]


class Deciding(Run):
    """An evaluation that remembers what it was given, which tables it asked, and which rules matched."""

    __slots__ = ("consulted", "inputs", "matched")

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.inputs: dict[str, Any] = {}
        self.consulted: list[Consulted] = []
        self.matched: list[Match] = []


def _cells(node: Table) -> list[list[Cell | None]]:
    """Per rule the cell of every column, None for one that anything passes; a tree that cells share is compiled once."""
    known: dict[int, Cell | None] = {}

    def cell(tests: tree.Tests) -> Cell | None:
        if id(tests) not in known:
            known[id(tests)] = Cell(tests) if tests.tests else None
        return known[id(tests)]

    missing = [tree.Tests(())] * len(node.inputs)
    return [[cell(tests) for tests in (*rule.tests, *missing[len(rule.tests) :])] for rule in node.rules]


class _Compiled:
    def __init__(self, node: Table) -> None:
        self.node = node
        self.inputs = [compile_node(column.expression) for column in node.inputs]
        self.allowed: list[Test | None] = [
            compile_tests(column.values) if column.values else None for column in node.inputs
        ]
        self.rules = _cells(node)
        self.results = [[compile_node(output) for output in rule.outputs] for rule in node.rules]
        self.index = Index(self.rules) if len(self.rules) >= INDEXED else None
        self.ranks = [[compile_node(value) for value in output.values] for output in node.outputs]
        self.defaults = [compile_node(output.default) if output.default else None for output in node.outputs]
        self.single = len(node.outputs) == 1

    def __call__(self, scope: Scope) -> Any:
        run, node = scope.run, self.node
        values = []
        for column, code, allowed in zip(node.inputs, self.inputs, self.allowed, strict=True):
            fits, value = conformed(code(scope), column.type, run)
            if not fits:
                return run.warn(f"决策表“{node.label}”的输入不是{type_word(column.type)}。")
            if allowed and value is not None and allowed(scope, value) is not True:
                return run.warn(f"决策表“{node.label}”的输入不在允许的值之内。")
            values.append(value)
        if isinstance(run, Deciding):
            run.consulted.append(Consulted(node.label, tuple(values)))
        matching = (self.index.matching if self.index else self._matching)(scope, values)
        hits = list(islice(matching, 1 if node.hit_policy == "FIRST" else None))
        return self._result(hits, scope)

    def _matching(self, scope: Scope, values: list[Any]) -> Iterator[int]:
        """The rules that match, found by testing each."""
        scope.run.spend(1 + len(self.rules) * max(1, len(values)))
        for number, cells in enumerate(self.rules):
            for cell, value in zip(cells, values, strict=True):
                if cell and cell.test(scope, value) is not True:
                    break
            else:
                yield number

    def _result(self, hits: list[int], scope: Scope) -> Any:
        run, policy = scope.run, self.node.hit_policy
        if not hits:
            return self._default(scope)
        if policy == "UNIQUE" and len(hits) > 1:
            self._record(hits, run)
            rules = "、".join(str(hit + 1) for hit in hits)
            return run.warn(f"决策表“{self.node.label}”只允许一条规则匹配，却有 {len(hits)} 条：{rules}。")
        results = [self._outputs(hit, scope) for hit in hits]
        if policy in ("PRIORITY", "OUTPUT ORDER"):
            order = sorted(range(len(hits)), key=self._by_rank(results, scope).__getitem__)
            hits, results = [hits[i] for i in order], [results[i] for i in order]
        if policy == "ANY" and not all(equal(results[0], other, run.spend) is True for other in results[1:]):
            self._record(hits, run)
            return run.warn(f"决策表“{self.node.label}”匹配的规则给出了不同的结果。")
        if policy in ("UNIQUE", "ANY", "PRIORITY", "FIRST"):
            self._record(hits[:1] if policy != "ANY" else hits, run)
            return self._named(results[0])
        self._record(hits, run)
        if self.node.aggregator:
            return self._aggregate(results, run)
        return [self._named(result) for result in results]

    def _record(self, hits: list[int], run: Run) -> None:
        if isinstance(run, Deciding):
            run.matched.extend(Match(self.node.label, hit + 1, self.node.rules[hit].id) for hit in hits)

    def _outputs(self, hit: int, scope: Scope) -> list[Any]:
        outputs = zip(self.node.outputs, self.results[hit], strict=True)
        return [conformed(code(scope), output.type, scope.run)[1] for output, code in outputs]

    def _named(self, result: list[Any]) -> Any:
        if self.single:
            return result[0]
        return {output.name: value for output, value in zip(self.node.outputs, result, strict=True)}

    def _default(self, scope: Scope) -> Any:
        """10.3.2.10: of every hit policy the default itself, no list of it."""
        if not any(self.defaults):
            if self.node.aggregator == "COUNT":
                return Decimal(0)
            return scope.run.warn(f"决策表“{self.node.label}”没有匹配的规则。")
        return self._named([code(scope) if code else None for code in self.defaults])

    def _by_rank(self, results: list[list[Any]], scope: Scope) -> list[tuple[int, ...]]:
        ranks = [[code(scope) for code in column] for column in self.ranks]

        def rank(column: int, value: Any) -> int:
            for position, listed in enumerate(ranks[column]):
                if equal(value, listed) is True:
                    return position
            return len(ranks[column])

        return [tuple(rank(column, value) for column, value in enumerate(result)) for result in results]

    def _aggregate(self, results: list[list[Any]], run: Run) -> Any:
        aggregator = self.node.aggregator or ""
        if aggregator == "COUNT":
            return Decimal(len(results))
        if self.single:
            return self._over([result[0] for result in results], run)
        columns = zip(*results, strict=True)
        return {
            output.name: self._over(list(c), run)
            for output, c in zip(self.node.outputs, columns, strict=True)
        }

    def _over(self, values: list[Any], run: Run) -> Any:
        return BUILT_IN[(self.node.aggregator or "").lower()].invoke([values], run)


def _compile(node: Table) -> Callable[[Scope], Any]:
    return _Compiled(node)


extend(Table, _compile)
__all__ = [
    "AGGREGATORS",
    "HIT_POLICIES",
    "Consulted",
    "Deciding",
    "Input",
    "Match",
    "Output",
    "Rule",
    "Table",
]
