"""From the XML of a decision model to its parts: types, and the logic of each element as a node of FEEL's tree."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from engine.feel import FeelLimitError, FeelSyntaxError, Scope, UnaryTests, advice, tree
from engine.feel.parser import is_special, parse, parse_unary_tests
from engine.feel.run import Run

from . import xml
from .boxed import BoxedConditional, BoxedContext, BoxedFilter, BoxedQuantified, Broken, Typed
from .table import AGGREGATORS, HIT_POLICIES, Input, Output, Rule, Table
from .xml import DmnError, Element

_LOGIC = (
    "literalExpression",
    "decisionTable",
    "context",
    "invocation",
    "list",
    "relation",
    "functionDefinition",
    "conditional",
    "filter",
    "for",
    "some",
    "every",
)
EMPTY = tree.Constant(None)
"""What is not filled in; told from a written ``null`` by its identity."""
_NOTHING = tree.Comparison("=", tree.ListLiteral((tree.Name("?"),)), tree.ListLiteral(()))
"""A test that no value passes, null neither."""
NEVER = tree.Tests((_NOTHING,))
"""The cells of a rule that is told to be wrong, by their identity."""
_SCHEMA = {
    **dict.fromkeys(("decimal", "integer", "int", "long", "short", "double", "float"), "number"),
    "duration": "Any",
    "any": "Any",
}
"""Types of XML Schema that FEEL calls otherwise (table 47); dateTime and the durations it knows by both names."""
_THOUSANDS = re.compile(r"(?:[<>]=?\s*)?[0-9]{1,3}(?:,[0-9]{3})*,0[0-9]{2}(?:,[0-9]{3})*(?:\.[0-9]+)?")
"""A number as spreadsheets show it, ``1,000``; where no group begins with 0 it may as well be a list."""
_COLLECTING = {"C+": "SUM", "C<": "MIN", "C>": "MAX", "C#": "COUNT"}
Node = TypeVar("Node", bound=tree.Node)


MAX_PROBLEMS = 100  # of a file; whoever has so many wants to see the first


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the model that cannot work.

    :ivar element: the id of the nearest element that has one
    :ivar place: where it stands, in words
    """

    element: str | None
    message: str
    place: str = ""


@dataclass(slots=True)
class Part:
    """An element of the requirement graph.

    :ivar kind: inputData, decision, businessKnowledgeModel or decisionService
    :ivar requires: references to other parts, ``#id`` or ``namespace#id``
    :ivar logic: of a decision, or the body of a business knowledge model
    :ivar type: of its variable
    """

    kind: str
    id: str
    name: str
    type: tree.Type | None = None
    requires: tuple[str, ...] = ()
    logic: tree.Node | None = None
    parameters: tuple[tuple[str, tree.Type | None], ...] = ()
    outputs: tuple[str, ...] = ()
    encapsulated: tuple[str, ...] = ()
    input_decisions: tuple[str, ...] = ()
    input_data: tuple[str, ...] = ()


@dataclass(slots=True)
class Import:
    name: str
    namespace: str
    location: str | None


@dataclass(slots=True)
class Definitions:
    """One file, read."""

    namespace: str
    name: str
    parts: list[Part] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    types: dict[str, tree.Type] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    names: frozenset[str] = frozenset()


def imports_of(root: Element) -> list[Import]:
    """The decision models that a file uses; other imports are not read."""
    return [
        Import(xml.name(element), element.get("namespace") or "", element.get("locationURI"))
        for element in xml.children(root, "import")
        if (element.get("importType") or "") in xml.NAMESPACES or "DMN" in (element.get("importType") or "")
    ]


def names_of(root: Element) -> frozenset[str]:
    """Every special name that an expression of the file may mean; parameters count only inside their function."""
    found = {
        " ".join(value.split())
        for element in root.iter()
        for value in (element.get("name"), element.get("iteratorVariable"))
        if value and xml.tag(element) not in ("", "parameter", "formalParameter")
    }
    return frozenset(name for name in found if is_special(name))


def read(root: Element, foreign_names: Iterable[str] = ()) -> Definitions:
    """The parts of a file.

    :param foreign_names: special names of the imported files
    """
    return _Reader(root, frozenset(foreign_names)).definitions


def _with_advice(element: Element, text: str, error: FeelSyntaxError | FeelLimitError) -> str:
    """What is wrong with an expression; of a table's cell what to write instead, where that is known better."""
    kind = xml.tag(element)
    known = advice.of_cell(text, kind == "outputEntry") if kind in ("inputEntry", "outputEntry") else ""
    if not known or not isinstance(error, FeelSyntaxError):
        return str(error)
    return f"“{text[:60]}”不是 FEEL 的写法。{known}"


def _policy_advice(policy: str) -> str:
    if policy in _COLLECTING:
        return f'请写 hitPolicy="COLLECT" aggregation="{_COLLECTING[policy]}"。'
    if policy.upper() in (*HIT_POLICIES, *HIT_POLICIES.values()):
        return f"请用大写：{policy.upper()}。"
    return f"请写 {'、'.join(HIT_POLICIES.values())} 之一。"


class _Reader:
    def __init__(self, root: Element, foreign_names: frozenset[str]) -> None:
        found = Definitions(root.get("namespace") or "", xml.name(root))
        found.imports = imports_of(root)
        found.names = names_of(root) | foreign_names
        self.definitions = found
        self.language = root.get("expressionLanguage")
        self.own_types = {xml.name(element) for element in xml.children(root, "itemDefinition")}
        self.trees: dict[tuple[object, str, frozenset[str]], tree.Node] = {}
        for element in xml.children(root, "itemDefinition"):
            name = xml.name(element)
            found.types[name] = self.item_type(element, name)
        for element in xml.children(root):
            make = _PARTS.get(xml.tag(element))
            if make:
                found.parts.append(make(self, element))

    def problem(self, element: Element, message: str) -> None:
        if len(self.definitions.problems) >= MAX_PROBLEMS:
            return
        holder: Element | None = element
        while holder is not None and not holder.get("id"):
            holder = holder.getparent()
        identity = None if holder is None else holder.get("id")
        self.definitions.problems.append(Problem(identity, message, xml.place(element)))

    # --- types ---

    def item_type(self, element: Element, label: str) -> tree.Type:
        """An item definition or component (7.3.2)."""
        components = list(xml.children(element, "itemComponent"))
        function = xml.child(element, "functionItem")
        reference = xml.child(element, "typeRef")
        if components:
            entries = tuple((xml.name(c), self.item_type(c, f"{label}.{xml.name(c)}")) for c in components)
            type_: tree.Type = tree.ContextType(label, entries)
        elif function is not None:
            parameters = tuple(
                tree.Type(self.type_name(p, p.get("typeRef"))) for p in xml.children(function, "parameters")
            )
            result = tree.Type(self.type_name(function, function.get("outputTypeRef")))
            type_ = tree.FunctionType(label, parameters, result)
        else:
            type_ = tree.Type(
                "Any" if reference is None else self.type_name(reference, str(reference.text or ""))
            )
        type_ = self.restricted(type_, label, xml.child(element, "allowedValues"))
        if (element.get("isCollection") or "").strip() in ("true", "1"):
            type_ = tree.ListType(label, type_)
        return self.restricted(type_, label, xml.child(element, "typeConstraint"))

    def restricted(self, type_: tree.Type, label: str, constraint: Element | None) -> tree.Type:
        tests = self.tests(constraint) if constraint is not None else None
        if tests is None or not tests.tests:
            return type_
        compiled = UnaryTests(xml.text(constraint), tests)

        def allows(value: Any, run: Run) -> bool:
            warnings, run.warnings = run.warnings, None  # a value that is not allowed needs no second reason
            try:
                return value is None or compiled.run(value, Scope({}, None, run))
            finally:
                run.warnings = warnings

        return tree.RestrictedType(label, type_, allows)

    def type(self, element: Element | None) -> tree.Type | None:
        """The type that an element's ``typeRef`` names, None for Any."""
        reference = None if element is None else element.get("typeRef")
        if element is not None and reference is None:
            inner = xml.child(element, "typeRef")  # DMN 1.1 wrote QNames
            element, reference = (element, None) if inner is None else (inner, inner.text)
        name = "Any" if element is None else self.type_name(element, reference)
        return None if name == "Any" else tree.Type(name)

    def type_name(self, element: Element, reference: str | None) -> str:
        """A type's name as expressions write it; DMN 1.1 had QNames, such as ``feel:number`` or ``kie:tPerson``."""
        name = " ".join((reference or "").split())
        prefix, colon, local = name.rpartition(":")
        if not colon:  # editors write types of XML Schema without a prefix
            return (name if name in self.own_types else _SCHEMA.get(name, name)) or "Any"
        namespace = element.nsmap.get(prefix or None, "")
        if namespace == "http://www.w3.org/2001/XMLSchema":
            return _SCHEMA.get(local, local)
        for imported in self.definitions.imports:
            if imported.namespace == namespace and imported.name:
                return f"{imported.name}.{local}"
        return local if namespace or prefix in ("", "feel", "sfeel") else name

    # --- expressions ---

    def parsed(self, rule: Callable[[str, frozenset[str]], Node], text: str) -> Node:
        """The tree of a text; cells of the same text share one."""
        key = rule, text, self.definitions.names
        if key not in self.trees:
            self.trees[key] = rule(text, self.definitions.names)
        return cast(Node, self.trees[key])

    def foreign(self, element: Element) -> str | None:
        """What is wrong with the language of an expression; None for FEEL (7.3.4)."""
        language = (element.get("expressionLanguage") or self.language or "FEEL").strip()
        if "feel" in language.lower():
            return None
        message = f"表达式语言“{language[:100]}”不支持，这里只用 FEEL。请改用 FEEL 书写，并去掉 expressionLanguage。"
        self.problem(element, message)
        return message

    def parse(self, element: Element, text: str) -> tree.Node:
        if not text:
            return EMPTY
        foreign = self.foreign(element)
        if foreign:
            return Broken(foreign)
        try:
            return self.parsed(parse, text)
        except (FeelSyntaxError, FeelLimitError) as error:
            message = _with_advice(element, text, error)
            self.problem(element, message)
            return Broken(message)

    def tests(self, element: Element) -> tree.Tests:
        text = xml.text(element)
        if not text:
            return tree.Tests(())
        message = self.foreign(element)
        if not message:
            try:
                return self.parsed(parse_unary_tests, text)
            except (FeelSyntaxError, FeelLimitError) as error:
                message = _with_advice(element, text, error)
                self.problem(element, message)
        return tree.Tests((tree.And((Broken(message), _NOTHING)),))

    def logic(self, parent: Element, label: str) -> tree.Node | None:
        """The expression below an element, None where there is none."""
        element = xml.child(parent, *_LOGIC)
        return None if element is None else self.expression(element, label)

    def inner(self, parent: Element | None, label: str) -> tree.Node:
        return EMPTY if parent is None else self.logic(parent, label) or EMPTY

    def expression(self, element: Element, label: str) -> tree.Node:
        node = _EXPRESSIONS[xml.tag(element)](self, element, label)
        type_ = self.type(element)
        return node if type_ is None or xml.tag(element) == "functionDefinition" else Typed(node, type_)

    def literal(self, element: Element, label: str) -> tree.Node:
        if xml.child(element, "importedValues") is not None:
            message = "不支持从别的文件取表达式（importedValues）。请把表达式写在这里。"
            self.problem(element, message)
            return Broken(message)
        return self.parse(element, xml.text(element))

    def context(self, element: Element, label: str) -> tree.Node:
        entries: list[tuple[str, tree.Node]] = []
        result = None
        for entry in xml.children(element, "contextEntry"):
            variable = xml.child(entry, "variable")
            value = self.logic(entry, label if variable is None else xml.name(variable)) or EMPTY
            type_ = self.type(variable)
            if type_ is not None:
                value = Typed(value, type_)
            if variable is None:
                result = value
            else:
                entries.append((xml.name(variable), value))
        return BoxedContext(tuple(entries), result)

    def invocation(self, element: Element, label: str) -> tree.Node:
        bindings = list(xml.children(element, "binding"))
        parameters = [xml.child(binding, "parameter") for binding in bindings]
        names = tuple("" if parameter is None else xml.name(parameter) for parameter in parameters)
        arguments = tuple(self.logic(binding, label) or EMPTY for binding in bindings)
        return tree.Call(self.inner(element, label), arguments, names)

    def list(self, element: Element, label: str) -> tree.Node:
        return tree.ListLiteral(tuple(self.expression(e, label) for e in xml.children(element, *_LOGIC)))

    def relation(self, element: Element, label: str) -> tree.Node:
        columns = [(xml.name(column), self.type(column)) for column in xml.children(element, "column")]
        rows = []
        for row in xml.children(element, "row"):
            cells = [self.expression(cell, label) for cell in xml.children(row, *_LOGIC)]
            if len(cells) != len(columns):
                self.problem(row, f"关系表的一行有 {len(cells)} 格，列却有 {len(columns)} 个。请补齐或删去。")
            cells += [EMPTY] * (len(columns) - len(cells))
            rows.append(
                BoxedContext(
                    tuple(
                        (name, Typed(cell, type_) if type_ else cell)
                        for (name, type_), cell in zip(columns, cells, strict=False)
                    ),
                    None,
                )
            )
        return tree.ListLiteral(tuple(rows))

    def function(self, element: Element, label: str) -> tree.Node:
        parameters = tuple((xml.name(p), self.type(p)) for p in xml.children(element, "formalParameter"))
        external = (element.get("kind") or "FEEL").upper() != "FEEL"
        around = self.definitions.names
        self.definitions.names = around | {name for name, _ in parameters if is_special(name)}
        body = self.logic(element, label) or EMPTY
        self.definitions.names = around
        type_ = self.type(element)
        return tree.FunctionLiteral(parameters, Typed(body, type_) if type_ else body, external)

    def conditional(self, element: Element, label: str) -> tree.Node:
        return BoxedConditional(*(self.inner(xml.child(element, t), label) for t in ("if", "then", "else")))

    def filter(self, element: Element, label: str) -> tree.Node:
        return BoxedFilter(*(self.inner(xml.child(element, t), label) for t in ("in", "match")))

    def iterator(self, element: Element, label: str) -> tuple[tree.Iterator, ...]:
        name = " ".join((element.get("iteratorVariable") or "").split())
        return (tree.Iterator(name, self.inner(xml.child(element, "in"), label)),)

    def loop(self, element: Element, label: str) -> tree.Node:
        return tree.For(self.iterator(element, label), self.inner(xml.child(element, "return"), label))

    def quantified(self, element: Element, label: str) -> tree.Node:
        body = self.inner(xml.child(element, "satisfies"), label)
        return BoxedQuantified(xml.tag(element), tree.For(self.iterator(element, label), body))

    def table(self, element: Element, label: str) -> tree.Node:
        policy = element.get("hitPolicy") or "UNIQUE"
        policy = HIT_POLICIES.get(policy, policy)
        aggregator = element.get("aggregation")
        if policy not in HIT_POLICIES.values():
            self.problem(element, f"没有命中策略“{policy}”。{_policy_advice(policy)}")
        if aggregator not in (None, *AGGREGATORS):
            self.problem(element, f"没有汇总方式“{aggregator}”。请写 SUM、MIN、MAX 或 COUNT。")
        inputs = tuple(self.table_input(column, label) for column in xml.children(element, "input"))
        outputs = tuple(self.table_output(column, label) for column in xml.children(element, "output"))
        rules = []
        for number, rule in enumerate(xml.children(element, "rule"), 1):
            tests = tuple(self.tests(cell) for cell in xml.children(rule, "inputEntry"))
            results = tuple(self.parse(cell, xml.text(cell)) for cell in xml.children(rule, "outputEntry"))
            if not tests:  # a rule without input entries is always applicable (8.3.3)
                tests = (tree.Tests(()),) * len(inputs)
            if len(tests) != len(inputs) or len(results) != len(outputs):
                message = f"第 {number} 条规则的单元格与列数不符。"
                self.problem(rule, message)
                tests = (NEVER,) * len(inputs)
                results = (EMPTY,) * len(outputs)
            for cell in xml.children(rule, "inputEntry"):
                if _THOUSANDS.fullmatch(xml.text(cell)):
                    self.problem(
                        cell, f"“{xml.text(cell)}”不是一个数：逗号分开的是几个值。数字里不要写逗号。"
                    )
            rules.append(Rule(rule.get("id") or "", tests, results))
        return Table(label, policy, aggregator, inputs, outputs, tuple(rules))

    def table_input(self, column: Element, label: str) -> Input:
        expression = xml.child(column, "inputExpression")
        values = xml.child(column, "inputValues")
        node = EMPTY if expression is None else self.parse(expression, xml.text(expression))
        return Input(node, self.type(expression), None if values is None else self.tests(values))

    def table_output(self, column: Element, label: str) -> Output:
        values, default = xml.child(column, "outputValues"), xml.child(column, "defaultOutputEntry")
        return Output(
            xml.name(column),
            self.type(column),
            () if values is None else self.tests(values).tests,
            None if default is None else self.parse(default, xml.text(default)),
        )

    # --- parts ---

    def part(self, element: Element) -> Part:
        variable = xml.child(element, "variable")
        requires = tuple(
            reference.get("href") or ""
            for requirement in xml.children(element, "informationRequirement", "knowledgeRequirement")
            for reference in xml.children(
                requirement, "requiredInput", "requiredDecision", "requiredKnowledge"
            )
        )
        name = xml.name(element)
        if not name:
            raise DmnError("dmn-no-name", f"元素“{element.get('id')}”没有名称。请在编辑器里命名。")
        return Part(xml.tag(element), element.get("id") or name, name, self.type(variable), requires)

    def decision(self, element: Element) -> Part:
        part = self.part(element)
        part.logic = self.logic(element, part.name)
        return part

    def knowledge(self, element: Element) -> Part:
        part = self.part(element)
        function = xml.child(element, "encapsulatedLogic")
        if function is not None:
            literal = self.function(function, part.name)
            if isinstance(literal, tree.FunctionLiteral):
                part.parameters = literal.parameters
                part.logic = Broken("不支持外部函数（Java、PMML）。") if literal.external else literal.body
        return part

    def service(self, element: Element) -> Part:
        part = self.part(element)

        def references(tag: str) -> tuple[str, ...]:
            return tuple(e.get("href") or "" for e in xml.children(element, tag))

        part.outputs = references("outputDecision")
        part.encapsulated = references("encapsulatedDecision")
        part.input_decisions = references("inputDecision")
        part.input_data = references("inputData")
        return part


_Read = Callable[[_Reader, Element, str], tree.Node]
_EXPRESSIONS: dict[str, _Read] = {
    "literalExpression": _Reader.literal,
    "decisionTable": _Reader.table,
    "context": _Reader.context,
    "invocation": _Reader.invocation,
    "list": _Reader.list,
    "relation": _Reader.relation,
    "functionDefinition": _Reader.function,
    "conditional": _Reader.conditional,
    "filter": _Reader.filter,
    "for": _Reader.loop,
    "some": _Reader.quantified,
    "every": _Reader.quantified,
}
_PARTS: dict[str, Callable[[_Reader, Element], Part]] = {
    "inputData": _Reader.part,
    "decision": _Reader.decision,
    "businessKnowledgeModel": _Reader.knowledge,
    "decisionService": _Reader.service,
}
