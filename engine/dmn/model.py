"""A decision model ready to decide: its parts linked, its logic compiled, its requirement graph checked (DMN 1.5, 6 and 10.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from engine.errors import Finding, NotFound
from engine.feel import FeelLimitError, Function, Run, Scope, checked, conformed, json, tree
from engine.feel.compiler import Closure, Code, compile_node
from engine.feel.tree import size
from engine.feel.types import resolved
from engine.feel.values import WORDS, adopt, type_word, word

from . import analysis, xml
from .boxed import Typed
from .reading import Definitions, Part, Problem, imports_of, names_of, read
from .table import Consulted, Deciding, Match, Table
from .xml import DmnError, Element

Resolve = Callable[[str], bytes | None]
MAX_IMPORTS = 20
MAX_IMPORT_DEPTH = 4  # imports of imports whose types have a name
MAX_IMPORTED_TYPES = 50_000  # under all their names


@dataclass(frozen=True, slots=True)
class Decision:
    """What a model decided.

    :ivar value: None also where the standard defines an error; ``warnings`` says which
    :ivar matched: the rules that matched, in the order of evaluation
    :ivar inputs: the input data that it used, or the arguments
    :ivar consulted: the decision tables that were asked, in the order of evaluation
    """

    value: Any
    matched: tuple[Match, ...]
    warnings: tuple[str, ...]
    inputs: Mapping[str, Any]
    consulted: tuple[Consulted, ...]


class Model:
    """A decision model; may be shared by threads.

    :ivar problems: expressions with syntax errors and the like, which answer null
    """

    def __init__(self, root: Definitions, files: Mapping[str, Definitions]) -> None:
        self.name = root.name
        self.namespace = root.namespace
        self.problems: tuple[Problem, ...] = tuple(p for file in files.values() for p in file.problems)
        self._files = files
        self._named = 0
        self._types = {namespace: self._types_of(file, (namespace,)) for namespace, file in files.items()}
        self.types = self._types[root.namespace]
        self._paths = self._import_paths(root)
        self._elements: dict[tuple[str, str], _Element] = {}
        for file in files.values():
            prefixes = {i.namespace: i.name for i in file.imports}
            for part in file.parts:
                types = self._types[file.namespace]
                self._elements[file.namespace, part.id] = _Element(part, file.namespace, prefixes, types)
        self._refuse_endless_types()
        for element in self._elements.values():
            self._link(element)
            self._type_result(element)
        self._own = [e for e in self._elements.values() if e.namespace == root.namespace]
        self._refuse_cycles()

    def _types_of(self, file: Definitions, seen: tuple[str, ...]) -> dict[str, tree.Type]:
        """Types by the names that a file has for them: its own, and those of its imports under the import's name (10.3.1.6)."""
        found = dict(file.types)
        for imported in file.imports:
            inner = self._files.get(imported.namespace)
            if inner is None or imported.namespace in seen or len(seen) > MAX_IMPORT_DEPTH:
                continue
            theirs = self._types_of(inner, (*seen, imported.namespace))
            self._named += 1 + len(theirs)
            if self._named > MAX_IMPORTED_TYPES:
                raise DmnError("dmn-too-large", "引用的决策模型互相引用过多。请合并成几个文件。")
            for name, type_ in theirs.items():
                prefix = f"{imported.name}." if imported.name else ""
                found.setdefault(prefix + name, _qualified(type_, prefix, theirs))
        return found

    def _import_paths(self, root: Definitions) -> dict[str, tuple[str, ...]]:
        """Namespace -> the names of the imports that lead to it, by the shortest way."""
        paths: dict[str, tuple[str, ...]] = {root.namespace: ()}
        waiting = [root]
        for file in waiting:
            for imported in file.imports:
                if imported.namespace in self._files and imported.namespace not in paths:
                    name = (imported.name,) if imported.name else ()
                    paths[imported.namespace] = (*paths[file.namespace], *name)
                    waiting.append(self._files[imported.namespace])
        return paths

    def _refuse_endless_types(self) -> None:
        """A type with allowed values is of another type in the end."""
        for types in self._types.values():
            for name, type_ in types.items():
                restricted: set[int] = set()
                found = type_
                while isinstance(found, tree.RestrictedType):
                    if id(found) in restricted:
                        raise DmnError("dmn-cycle", f"类型“{name}”以自身为基础。请为它选择别的类型。")
                    restricted.add(id(found))
                    found = resolved(found.base, types)

    def _link(self, element: _Element) -> None:
        part = element.part

        def find(reference: str) -> _Element:
            namespace, _, id_ = reference.rpartition("#")
            found = self._elements.get((namespace or element.namespace, id_))
            if found is None:
                raise DmnError(
                    "dmn-missing-requirement",
                    f"“{part.name}”依赖的元素“{reference}”不存在。请在编辑器里重新连线。",
                    element=part.id,
                )
            return found

        element.requires = [find(reference) for reference in part.requires]
        element.outputs = [find(reference) for reference in part.outputs]
        element.inputs = [find(reference) for reference in (*part.input_data, *part.input_decisions)]

    def _type_result(self, element: _Element) -> None:
        """The variable of a function has a function's type, or in old files that of the result."""
        part = element.part
        if part.kind in ("businessKnowledgeModel", "decisionService") and part.type is not None:
            found = resolved(part.type, element.types)
            part.type = found.result if isinstance(found, tree.FunctionType) else part.type
        if part.kind == "businessKnowledgeModel" and part.type is not None and part.logic is not None:
            part.logic = Typed(part.logic, part.type)

    def _refuse_cycles(self) -> None:
        done: set[int] = set()
        for start in self._elements.values():
            path: list[_Element] = []
            on_path: set[int] = set()
            stack: list[tuple[_Element, Iterator[_Element]]] = [(start, iter(start.requires))]
            while stack:
                element, rest = stack[-1]
                if id(element) not in on_path:
                    on_path.add(id(element))
                    path.append(element)
                following = next(rest, None)
                if following is None:
                    stack.pop()
                    path.pop()
                    on_path.discard(id(element))
                    done.add(id(element))
                elif id(following) in on_path:
                    # A function may call itself; a value cannot need itself.
                    if all(e.part.kind == "businessKnowledgeModel" for e in path[path.index(following) :]):
                        continue
                    raise DmnError(
                        "dmn-cycle", f"“{following.part.name}”依赖自身，无法求值。", element=following.part.id
                    )
                elif id(following) not in done:
                    stack.append((following, iter(following.requires)))

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong with it, errors first, each with its place (``engine.dmn.analysis``)."""
        found = analysis.findings(self._own, self.types, self.problems)
        return tuple(sorted(found, key=lambda finding: finding.severity != "error"))

    @property
    def decisions(self) -> list[str]:
        """Names of the decisions, in the order of the file."""
        return [e.part.name for e in self._own if e.part.kind == "decision"]

    @property
    def inputs(self) -> dict[str, tree.Type | None]:
        """Names and types of the input data."""
        return {e.part.name: e.part.type for e in self._own if e.part.kind == "inputData"}

    @property
    def functions(self) -> dict[str, dict[str, tree.Type | None]]:
        """Decision services and business knowledge models: names and types of their parameters."""
        return {
            e.part.name: dict(e.part.parameters) or {i.part.name: i.part.type for i in e.inputs}
            for e in self._own
            if e.part.kind in ("businessKnowledgeModel", "decisionService")
        }

    def from_json(self, inputs: Mapping[str, Any], function: str | None = None) -> dict[str, Any]:
        """Inputs as JSON has them, their texts made dates, times and durations where the model declares such.

        :param function: a decision service or business knowledge model, whose parameters they are
        """
        declared = self.functions.get(function or "")
        if declared is None:
            data = self._input_types(())
            imported = {
                name: type_ for path in self._paths.values() for name, type_ in self._input_types(path)
            }
            declared = {**imported, **dict(data)}
        return {name: json.typed(value, declared.get(name), self.types) for name, value in inputs.items()}

    def _input_types(self, path: tuple[str, ...]) -> list[tuple[str, tree.Type]]:
        """Names and types of the input data that a path of imports leads to, and of those nested under it."""
        found: dict[str, tree.Type] = {}
        for each in self._paths.values():
            if len(each) == len(path) + 1 and each[:-1] == path:
                found[each[-1]] = tree.ContextType(each[-1], tuple(self._input_types(each)))
        for element in self._elements.values():
            part = element.part
            if part.kind == "inputData" and part.type and self._paths.get(element.namespace) == path:
                prefix = "".join(f"{name}." for name in path)
                found[part.name] = _qualified(part.type, prefix, element.types)
        return list(found.items())

    def inputs_of(self, decision: str) -> dict[str, tree.Type | None]:
        """Names and types of the model's own input data that a decision comes from.

        :raises NotFound: no such decision
        """
        todo, seen = [self._find(decision, "decision")], set[int]()
        while todo:
            element = todo.pop()
            if id(element) not in seen:
                seen.add(id(element))
                todo += element.requires
        return {e.part.name: e.part.type for e in self._own if e.part.kind == "inputData" and id(e) in seen}

    def _find(self, name: str, *kinds: str) -> _Element:
        for element in self._own:
            if element.part.kind in kinds and name in (element.part.name, element.part.id):
                return element
        names = "、".join(e.part.name for e in self._own if e.part.kind in kinds)
        raise NotFound(
            "dmn-no-such-element",
            f"决策模型“{self.name}”中没有“{name}”。" + (f"有的是：{names}。" if names else ""),
            name=name,
        )

    def decide(self, decision: str, inputs: Mapping[str, Any], *, now: datetime | None = None) -> Decision:
        """What a decision comes to.

        :param decision: name or id
        :param inputs: input data by name; for imported input data also ``{namespace}name`` or nested under the import's name
        :param now: what ``now()`` gives; its zone decides what ``today()`` is
        :raises NotFound: no such decision
        :raises FeelLimitError: the model asks for too much
        """
        element = self._find(decision, "decision")
        return self._run(lambda evaluation: evaluation.value(element), inputs, now)

    def call(self, name: str, inputs: Mapping[str, Any], *, now: datetime | None = None) -> Decision:
        """The result of a decision service or business knowledge model, its arguments by name.

        :raises NotFound: no such function
        :raises FeelLimitError: the model asks for too much
        """
        element = self._find(name, "decisionService", "businessKnowledgeModel")

        def invoke(evaluation: _Evaluation) -> Any:
            function = evaluation.value(element)
            evaluation.run.inputs = {p: inputs.get(p) for p in function.parameters}
            return function.invoke(list(evaluation.run.inputs.values()), evaluation.run)

        return self._run(invoke, inputs, now)

    def _run(
        self, act: Callable[[_Evaluation], Any], inputs: Mapping[str, Any], now: datetime | None
    ) -> Decision:
        warnings: list[str] = []
        run = Deciding(warnings, now, self.types)
        try:
            value = checked(act(_Evaluation(self, inputs, run)))
        except RecursionError:
            raise FeelLimitError("depth", "决策或数据嵌套过深，已停止。") from None
        except ArithmeticError:  # only numbers of the data that no function has seen get here
            value = run.warn("数值超出范围。")
        return Decision(value, tuple(run.matched), tuple(warnings), run.inputs, tuple(run.consulted))


class _Element:
    """A part with its links.

    :ivar prefixes: namespace of an imported file -> the name that the part's own file gave it
    :ivar types: by the names that the part's own file has for them
    """

    __slots__ = ("_code", "inputs", "namespace", "outputs", "part", "prefixes", "requires", "size", "types")

    def __init__(
        self, part: Part, namespace: str, prefixes: dict[str, str], types: Mapping[str, tree.Type]
    ) -> None:
        self.part = part
        self.namespace = namespace
        self.prefixes = prefixes
        self.types = types
        self.requires: list[_Element] = []
        self.outputs: list[_Element] = []
        self.inputs: list[_Element] = []
        self.size = 1
        self._code: Code | None = None

    @property
    def code(self) -> Code:
        if self._code is None:
            logic = self.part.logic or tree.Constant(None)
            self.size = _weight(logic)
            self._code = compile_node(logic)
        return self._code


def _weight(logic: tree.Node) -> int:
    """Steps that evaluating it costs, beside those that a table counts itself."""
    if isinstance(logic, Typed):
        return _weight(logic.value)
    return 1 if isinstance(logic, Table) else size(logic)


@contextmanager
def _speaking(run: Run, element: _Element) -> Iterator[None]:
    """Within it, names of types are those of the element's file."""
    around, run.types = run.types, element.types
    try:
        yield
    finally:
        run.types = around


def _qualified(type_: tree.Type, prefix: str, types: Mapping[str, tree.Type]) -> tree.Type:
    """A type of one file as another says it: the names that the first has for types get a prefix."""

    def within(inner: tree.Type) -> tree.Type:
        return _qualified(inner, prefix, types)

    if isinstance(type_, tree.RestrictedType):
        return replace(type_, base=within(type_.base))
    if isinstance(type_, (tree.ListType, tree.RangeType)):
        return replace(type_, element=within(type_.element))
    if isinstance(type_, tree.ContextType):
        return replace(type_, entries=tuple((name, within(entry)) for name, entry in type_.entries))
    if isinstance(type_, tree.FunctionType):
        parameters = tuple(map(within, type_.parameters))
        return replace(type_, parameters=parameters, result=within(type_.result))
    return tree.Type(prefix + type_.name) if type_.name in types else type_


class _Evaluation:
    """One run through the graph: every part is evaluated at most once.

    :ivar given: decisions whose values were handed in, as a decision service's arguments are
    """

    def __init__(
        self, model: Model, inputs: Mapping[str, Any], run: Deciding, given: dict[int, Any] | None = None
    ) -> None:
        self.model = model
        self.inputs = inputs
        self.run = run
        self.values: dict[int, Any] = given or {}

    def value(self, element: _Element) -> Any:
        key = id(element)
        if key not in self.values:
            with _speaking(self.run, element):
                self.values[key] = _VALUES[element.part.kind](self, element)
        return self.values[key]

    def scope(self, element: _Element) -> Scope:
        """What an element may use: what it requires, imported things under the import's name."""
        names: dict[str, Any] = {}
        for required in element.requires:
            into = names
            if required.namespace != element.namespace:
                prefix = element.prefixes.get(required.namespace)
                if prefix:
                    into = names.setdefault(prefix, {})
            into[required.part.name] = self.value(required)
        return Scope(names, None, self.run)

    def input(self, element: _Element) -> Any:
        part = element.part
        value = self.inputs.get(f"{{{element.namespace}}}{part.name}", _MISSING)
        if value is _MISSING:
            inner: Any = self.inputs
            for name in self.model._paths.get(element.namespace, ()):
                inner = inner.get(name) if isinstance(inner, Mapping) else None
            if isinstance(inner, Mapping):
                value = inner.get(part.name, _MISSING)
        if value is _MISSING:
            value = self.inputs.get(part.name)
        value = adopt(value)
        self.run.inputs[part.name] = value
        fits, found = conformed(value, part.type, self.run)
        if fits:
            return found
        given = f"，给的是{word(value)}" if part.type and part.type.name in WORDS else ""
        return self.run.warn(f"输入“{part.name}”不是{type_word(part.type)}{given}。")

    def decision(self, element: _Element) -> Any:
        part = element.part
        if part.logic is None:
            return self.run.warn(f"决策“{part.name}”没有决策逻辑。")
        code, scope = element.code, self.scope(element)
        self.run.spend(element.size)
        fits, value = conformed(code(scope), part.type, self.run)
        return value if fits else self.run.warn(f"决策“{part.name}”的结果不是{type_word(part.type)}。")

    def knowledge(self, element: _Element) -> Function:
        part = element.part
        names: dict[str, Any] = {}
        body = Scope(names, None, self.run)
        code = element.code
        function = _Knowledge(part.parameters, code, element.size, body, part.name, part.type)
        function.element = element
        self.values[id(element)] = function  # before its requirements, one of which may be itself
        names.update(self.scope(element).names)
        return function

    def service(self, element: _Element) -> Function:
        return _Service(element, self)


class _Knowledge(Closure):
    """A business knowledge model as a function, which knows the types of its own file wherever it is called."""

    __slots__ = ("element",)

    element: _Element

    def invoke(self, arguments: list[Any], run: Run) -> Any:
        with _speaking(run, self.element):
            return super().invoke(arguments, run)


class _Service(Function):
    """A decision service as a function: input data first, then input decisions (10.4)."""

    __slots__ = ("_element", "_outer")

    def __init__(self, element: _Element, outer: _Evaluation) -> None:
        parameters = tuple((each.part.name, each.part.type) for each in element.inputs)
        super().__init__(element.part.name, parameters, element.part.type)
        self._element = element
        self._outer = outer

    def invoke(self, arguments: list[Any], run: Run) -> Any:
        with _speaking(run, self._element):
            return self._decide(arguments, run)

    def _decide(self, arguments: list[Any], run: Run) -> Any:
        model, part = self._outer.model, self._element.part
        given: dict[int, Any] = {}
        for element, value in zip(self._element.inputs, map(adopt, arguments), strict=True):
            fits, given[id(element)] = conformed(value, element.part.type, run)
            if not fits:
                return run.warn(f"决策服务“{part.name}”的输入“{element.part.name}”类型不符。")
        evaluation = _Evaluation(model, {}, self._outer.run, given)
        values = {output.part.name: evaluation.value(output) for output in self._element.outputs}
        result = next(iter(values.values())) if len(values) == 1 else values
        if part.type is None:
            return result
        fits, result = conformed(result, part.type, run)
        return result if fits else run.warn(f"决策服务“{part.name}”的结果类型不符。")


_MISSING: Any = object()
_VALUES: dict[str, Callable[[_Evaluation, _Element], Any]] = {
    "inputData": _Evaluation.input,
    "decision": _Evaluation.decision,
    "businessKnowledgeModel": _Evaluation.knowledge,
    "decisionService": _Evaluation.service,
}


def load(content: bytes, *, resolve: Resolve | None = None) -> Model:
    """A decision model from its XML.

    :param resolve: maps an import's location, or its namespace where the file names no location, to the content; None for an
        unknown one
    :raises DmnError: no decision model that could be run
    """
    try:
        return _load(content, resolve)
    except RecursionError:
        raise DmnError("dmn-too-deep", "决策文件嵌套过深。请拆成几个决策。") from None


def _load(content: bytes, resolve: Resolve | None) -> Model:
    root = xml.parse(content)
    files: dict[str, Definitions] = {}
    roots: dict[str, Element] = {root.get("namespace") or "": root}
    waiting = [root]
    while waiting:
        for imported in imports_of(waiting.pop()):
            if imported.namespace in roots:
                continue
            found = resolve(imported.location or imported.namespace) if resolve else None
            if found is None:
                raise DmnError(
                    "dmn-missing-import", f"找不到引用的决策模型“{imported.name or imported.namespace}”。"
                )
            if len(roots) > MAX_IMPORTS:
                raise DmnError("dmn-too-large", f"引用的决策模型过多，最多 {MAX_IMPORTS} 个。")
            inner = xml.parse(found)
            roots[imported.namespace] = inner
            waiting.append(inner)
    names = frozenset[str]().union(*(names_of(each) for each in roots.values()))
    for namespace, each in roots.items():
        files[namespace] = read(each, names)
        files[namespace].namespace = namespace
    return Model(files[root.get("namespace") or ""], files)
