"""The fields of a template, derived from its tags: what is used, as what, where, and whether every filling needs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from jinja2 import nodes

from engine.documents.tags import Tag

Type = Literal["文本", "多段文字", "数", "日期", "是否", "图片", "列表", "表", "子文档"]

# What a filter makes of a field's value.
_OF_FILTER: dict[str, Type] = {
    "date_cn": "日期", "日期": "日期", "日期汉字": "日期", "num_cn": "数", "中文数字": "数", "money_cn": "数", "大写金额": "数",
    "round": "数", "段落": "多段文字", "图片": "图片", "子文档": "子文档", "二维码": "文本", "trim": "文本", "join": "列表",
    "分组": "列表", "行数": "文本", "截行": "文本",
}  # fmt: skip
# A field that is used in several ways is what tells most.
_ORDER: tuple[Type, ...] = ("子文档", "图片", "多段文字", "日期", "数", "列表", "文本", "是否")


@dataclass(frozen=True, slots=True)
class Field:
    """What a template wants to know.

    :ivar name: as in the data
    :ivar required: a filling without it is refused
    :ivar many: a list; with ``parts`` a list of rows
    :ivar parts: the columns of a row, or the entries of a table-like value; empty for plain text
    :ivar type: of the value; 列表 where it is a list, 表 where it has parts
    :ivar item: of a list's items; equal to ``type`` elsewhere
    :ivar places: of the tags that use it, without its parts'
    :ivar choices: texts that the template compares it with
    """

    name: str
    required: bool
    many: bool = False
    parts: tuple[Field, ...] = ()
    type: Type = "文本"
    item: Type = "文本"
    places: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()


_Path = tuple[str, ...]  # ("目标", "[]", "措施"); () is no field
_Conditions = tuple[frozenset[_Path], ...]


class FieldReader:
    """Reads the trees of a template's parts one after the other; each is that of the tags alone, line by line.

    A loop variable stands for the path of its list's rows; ``{}`` ends the path of a group of rows.
    """

    def __init__(self) -> None:
        self._required: dict[_Path, bool] = {}
        self._types: dict[_Path, set[Type]] = {}
        self._places: dict[_Path, dict[str, None]] = {}
        self._choices: dict[_Path, dict[str, None]] = {}
        self._below: dict[_Path, dict[str, None]] = {}
        self._tags: Sequence[Tag] = ()

    def read(self, tree: nodes.Template, tags: Sequence[Tag]) -> None:
        self._tags = tags
        self._visit(tree, {}, ())

    def fields(self, within: _Path = ()) -> tuple[Field, ...]:
        return tuple(self._field((*within, name)) for name in self._below.get(within, ()) if name != "[]")

    def _field(self, path: _Path) -> Field:
        many = (*path, "[]") in self._required
        parts = self.fields((*path, "[]") if many else path)
        item: Type = "表" if parts else self._type((*path, "[]") if many else path)
        return Field(
            path[-1],
            self._required[path],
            many,
            parts,
            "列表" if many else item,
            item,
            tuple(self._places.get(path, ())),
            tuple(self._choices.get(path, ())),
        )

    def _type(self, path: _Path) -> Type:
        found = self._types.get(path, set())
        if found == {"文本"} and path[-1].endswith("日期"):  # a date needs no filter to be printed as one
            return "日期"
        return next((one for one in _ORDER if one in found), "文本" if path[-1] == "[]" else "是否")

    def _use(self, path: _Path, conditions: _Conditions, node: nodes.Node, type_: Type | None) -> None:
        """A path is needed where every condition around it asks no more than whether the thing that holds it is there."""
        for end in range(1, len(path) + 1):
            here = path[:end]
            self._below.setdefault(path[: end - 1], {})[path[end - 1]] = None
            needed = all(any(here[: len(c)] == c != here for c in condition) for condition in conditions)
            self._required[here] = self._required.get(here, False) or needed
        if path:
            self._places.setdefault(path, {})[self._tags[node.lineno - 1].place] = None
            if type_ is not None:
                self._types.setdefault(path, set()).add(type_)

    def _path(self, node: nodes.Node | None, scope: Mapping[str, _Path]) -> _Path | None:
        """The field that an expression names; None for one that is more than a name."""
        if isinstance(node, nodes.Name):
            return scope.get(node.name, (node.name,))
        if isinstance(node, nodes.Getattr) and (base := self._path(node.node, scope)) is not None:
            if base[-1:] == ("{}",):
                return base[:-1] if node.attr == "行" else ()
            return (*base, node.attr) if base else ()
        return None

    def _visit(
        self,
        node: nodes.Node,
        scope: Mapping[str, _Path],
        conditions: _Conditions,
        type_: Type | None = "文本",
    ) -> None:
        """:param type_: what is made of the value of the expression"""
        path = self._path(node, scope)
        if path is not None:
            self._use(path, conditions, node, type_)
        elif isinstance(node, nodes.For):
            self._loop(node, scope, conditions)
        elif isinstance(node, (nodes.If, nodes.CondExpr)):
            self._branches(node, scope, conditions, type_)
        elif isinstance(node, nodes.Filter):
            self._filter(node, scope, conditions, type_)
        elif isinstance(node, nodes.Compare):
            self._compare(node, scope, conditions)
        else:
            for child in node.iter_child_nodes():
                self._visit(child, scope, conditions, type_)

    def _branches(
        self,
        node: nodes.If | nodes.CondExpr,
        scope: Mapping[str, _Path],
        conditions: _Conditions,
        type_: Type | None,
    ) -> None:
        asked = frozenset(self._asked(node.test, scope, conditions))
        if isinstance(node, nodes.If):
            yes, no = node.body, [*node.elif_, *node.else_]
        else:
            yes, no = [node.expr1], [node.expr2] if node.expr2 is not None else []
        for branch, condition in ((yes, asked), (no, frozenset[_Path]())):
            for child in branch:
                self._visit(child, scope, (*conditions, condition), type_)

    def _filter(
        self, node: nodes.Filter, scope: Mapping[str, _Path], conditions: _Conditions, type_: Type | None
    ) -> None:
        if node.name == "length":
            type_ = None  # of a list or of a text
        type_ = _OF_FILTER.get(node.name, type_)
        if node.name == "default":
            inner = self._path(node.node, scope)
            if inner is not None and type_ is not None:
                self._types.setdefault(inner, set()).add(type_)
            list(self._asked(node.node, scope, conditions))
        elif node.node is not None:
            self._visit(node.node, scope, conditions, type_)
        for argument in node.args:
            self._visit(argument, scope, conditions)

    def _compare(self, node: nodes.Compare, scope: Mapping[str, _Path], conditions: _Conditions) -> None:
        """A field that is compared with a number is one, with a text one of those that may be chosen."""
        sides = [node.expr, *(operand.expr for operand in node.ops)]
        constants = [side.value for side in sides if isinstance(side, nodes.Const)]
        texts = [value for value in constants if isinstance(value, str) and value]
        numbers = any(isinstance(value, (int, float)) and not isinstance(value, bool) for value in constants)
        type_: Type | None = "数" if numbers else "文本" if texts else None
        for side in sides:
            if (path := self._path(side, scope)) is not None and texts:
                self._choices.setdefault(path, {}).update(dict.fromkeys(texts))
            self._visit(side, scope, conditions, type_)

    def _asked(
        self, node: nodes.Node | None, scope: Mapping[str, _Path], conditions: _Conditions
    ) -> Iterator[_Path]:
        """Fields whose mere presence the condition asks for."""
        if isinstance(node, (nodes.And, nodes.Or)):
            yield from self._asked(node.left, scope, conditions)
            yield from self._asked(node.right, scope, conditions)
        elif isinstance(node, (nodes.Not, nodes.Test)):
            yield from self._asked(node.node, scope, conditions)
        elif node is not None and (path := self._path(node, scope)):
            self._use(path, (*conditions, frozenset({path})), node, None)
            yield path
        elif node is not None:
            self._visit(node, scope, conditions, None)

    def _loop(self, node: nodes.For, scope: Mapping[str, _Path], conditions: _Conditions) -> None:
        source, filters = node.iter, dict[str, nodes.Filter]()
        while isinstance(source, nodes.Filter) and source.node is not None:
            filters[source.name] = source
            source = source.node
        rows = self._path(source, scope) or ()
        text = "段落" in filters
        if rows:
            self._use(rows, conditions, source, "多段文字" if text else "列表")
        if text:
            rows = ()
        elif rows:
            self._use((*rows, "[]"), conditions, source, None)
            group = filters.get("分组")
            for column in group.args if group else []:
                if isinstance(column, nodes.Const):
                    self._use((*rows, "[]", str(column.value)), conditions, source, "文本")
            rows = (*rows, "{}" if group else "[]")
        assert isinstance(node.target, nodes.Name)
        inner = {**scope, node.target.name: rows, "loop": ()}
        for child in [*node.body, *node.else_]:
            self._visit(child, inner, conditions)
