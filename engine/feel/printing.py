"""A tree as FEEL text again: ``parse(printed(tree)) == tree``. Compound operands always stand in brackets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import tree
from .lexer import escape, words
from .parser import RESERVED

_PLAIN = (
    tree.Number,
    tree.Text,
    tree.Constant,
    tree.AtLiteral,
    tree.Name,
    tree.ListLiteral,
    tree.ContextLiteral,
    tree.Interval,
    tree.UnaryRange,
    tree.Path,
    tree.Call,
)


def printed(node: tree.Node | tree.Type) -> str:
    """The text of an expression, of unary tests or of a type."""
    return _PRINTERS[type(node)](node)


def _operand(node: tree.Node) -> str:
    text = printed(node)
    return text if isinstance(node, _PLAIN) else f"({text})"


def _negation(node: tree.Negation) -> str:
    text = _operand(node.operand)
    signed = text[0].isdigit() and not isinstance(
        node.operand, tree.Number
    )  # the sign would go to the number
    return f"-({text})" if signed else f"-{text}"


def _all(nodes: tuple[Any, ...]) -> str:
    return ", ".join(printed(node) for node in nodes)


def _key(name: str) -> str:
    plain = name.isidentifier() and words(name) == (name,) and name not in RESERVED
    return name if plain else escape(name)


def _interval(node: tree.Interval) -> str:
    begin, end = "[" if node.start_included else "(", "]" if node.end_included else ")"
    return f"{begin}{_operand(node.start)} .. {_operand(node.end)}{end}"


def _call(node: tree.Call) -> str:
    if node.names is None:
        return f"{_operand(node.function)}({_all(node.arguments)})"
    named = zip(node.names, node.arguments, strict=True)
    return f"{_operand(node.function)}({', '.join(f'{name}: {printed(value)}' for name, value in named)})"


def _iterators(iterators: tuple[tree.Iterator, ...]) -> str:
    return ", ".join(
        f"{i.name} in {_operand(i.source)}" + (f"..{_operand(i.end)}" if i.end else "") for i in iterators
    )


def _function(node: tree.FunctionLiteral) -> str:
    parameters = ", ".join(f"{name}: {printed(type_)}" if type_ else name for name, type_ in node.parameters)
    return f"function({parameters}) {'external ' if node.external else ''}{_operand(node.body)}"


def _tests(node: tree.Tests) -> str:
    if not node.tests:
        return "-"
    return f"not({_all(node.tests)})" if node.negated else _all(node.tests)


def _function_type(type_: tree.FunctionType) -> str:
    return f"function<{_all(type_.parameters)}> -> {printed(type_.result)}"


def _context_type(type_: tree.ContextType) -> str:
    return f"context<{', '.join(f'{name}: {printed(entry)}' for name, entry in type_.entries)}>"


_PRINTERS: dict[type, Callable[[Any], str]] = {
    tree.Number: lambda n: str(n.value),
    tree.Text: lambda n: escape(n.value),
    tree.Constant: lambda n: {None: "null", True: "true", False: "false"}[n.value],
    tree.AtLiteral: lambda n: "@" + escape(n.text),
    tree.Name: lambda n: str(n.name),
    tree.ListLiteral: lambda n: f"[{_all(n.items)}]",
    tree.ContextLiteral: lambda n: "{" + ", ".join(f"{_key(k)}: {printed(v)}" for k, v in n.entries) + "}",
    tree.Interval: _interval,
    tree.UnaryRange: lambda n: f"({n.operator} {_operand(n.end)})",
    tree.Negation: _negation,
    tree.Arithmetic: lambda n: f"{_operand(n.left)} {n.operator} {_operand(n.right)}",
    tree.Comparison: lambda n: f"{_operand(n.left)} {n.operator} {_operand(n.right)}",
    tree.And: lambda n: " and ".join(_operand(o) for o in n.operands),
    tree.Or: lambda n: " or ".join(_operand(o) for o in n.operands),
    tree.Between: lambda n: f"{_operand(n.value)} between {_operand(n.low)} and {_operand(n.high)}",
    tree.UnaryTest: lambda n: f"{n.operator} {_operand(n.operand)}",
    tree.In: lambda n: f"{_operand(n.value)} in ({_all(n.tests)})",
    tree.InstanceOf: lambda n: f"{_operand(n.value)} instance of {printed(n.type)}",
    tree.Path: lambda n: f"{_operand(n.source)}.{n.name}",
    tree.Filter: lambda n: f"{_operand(n.source)}[{printed(n.condition)}]",
    tree.Call: _call,
    tree.If: lambda n: f"if {printed(n.condition)} then {_operand(n.then)} else {_operand(n.otherwise)}",
    tree.For: lambda n: f"for {_iterators(n.iterators)} return {_operand(n.body)}",
    tree.Quantified: lambda n: f"{n.quantifier} {_iterators(n.iterators)} satisfies {_operand(n.body)}",
    tree.FunctionLiteral: _function,
    tree.Tests: _tests,
    tree.Type: lambda t: str(t.name),
    tree.ListType: lambda t: f"list<{printed(t.element)}>",
    tree.RangeType: lambda t: f"range<{printed(t.element)}>",
    tree.ContextType: _context_type,
    tree.FunctionType: _function_type,
}
