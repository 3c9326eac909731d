"""What an expression can be told without values: the names it needs, how deep it is."""

from __future__ import annotations

from . import tree
from .functions import BUILT_IN
from .limits import MAX_DEPTH, FeelLimitError
from .tree import children, depth


def free_names(node: tree.Node, bound: frozenset[str] = frozenset()) -> tuple[set[str], set[str]]:
    """Names that the context must supply.

    :returns: those surely meant as variables, and those in filters, which may be entries of the list's items
    """
    sure: set[str] = set()
    maybe: set[str] = set()

    def visit(node: tree.Node, bound: frozenset[str], into: set[str]) -> None:
        if isinstance(node, tree.Name):
            if node.name not in bound and node.name not in BUILT_IN:
                into.add(node.name)
        elif isinstance(node, tree.Filter):
            visit(node.source, bound, into)
            visit(node.condition, bound | {"item"}, maybe)
        elif isinstance(node, (tree.For, tree.Quantified)):
            for iterator in node.iterators:
                for part in children(iterator):
                    visit(part, bound, into)
                bound |= {iterator.name}
            visit(node.body, bound | {"partial"} if isinstance(node, tree.For) else bound, into)
        elif isinstance(node, tree.FunctionLiteral):
            if not node.external:
                visit(node.body, bound | {name for name, _ in node.parameters}, into)
        elif isinstance(node, tree.ContextLiteral):
            for key, value in node.entries:
                visit(value, bound, into)
                bound |= {key}
        elif isinstance(node, (tree.In, tree.Tests)):
            for child in children(node):
                visit(child, bound | {"?"}, into)
        else:
            for child in children(node):
                visit(child, bound, into)

    visit(node, bound, sure)
    return sure, maybe - sure


def check_depth(node: tree.Node) -> None:
    """:raises FeelLimitError: a tree too deep to be evaluated"""
    try:
        deep = depth(node)
    except RecursionError:
        deep = MAX_DEPTH + 1
    if deep > MAX_DEPTH:
        raise FeelLimitError("nesting", f"表达式嵌套过深，最多 {MAX_DEPTH} 层。请拆成几个表达式。")
