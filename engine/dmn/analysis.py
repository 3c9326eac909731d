"""What is wrong with a decision model, told before it decides anything: each finding with its place, in words for whoever drew it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Protocol

from engine.errors import Finding
from engine.feel import FeelLimitError, Run, UnaryTests, advice, conformed, tree
from engine.feel import Scope as EvaluationScope
from engine.feel.analysis import (
    NULL,
    NUMBER,
    Analyser,
    Analysis,
    Scope,
    context_of,
    extend,
    item_scope,
    list_of,
    nearest,
    quoted,
)
from engine.feel.lexer import words
from engine.feel.operators import equal
from engine.feel.types import BUILT_IN as BUILT_IN_TYPES
from engine.feel.types import named
from engine.feel.values import WORDS

from .boxed import BoxedConditional, BoxedContext, BoxedFilter, BoxedQuantified, Broken, Typed
from .coverage import Column, Coverage, NotCheckable, constant, literal
from .reading import EMPTY, NEVER, Part, Problem
from .table import Rule, Table

MAX_TOLD = 10
"""Pairs of rules, or rules, that one check of a table tells; the rest is counted."""
SIMILARITY = 20
"""Steps that comparing two names costs."""


class Linked(Protocol):
    """A part with its links."""

    part: Part
    namespace: str
    prefixes: dict[str, str]

    @property
    def requires(self) -> Sequence[Linked]: ...
    @property
    def inputs(self) -> Sequence[Linked]: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands.

    :ivar element: id of the rule or of the part
    :ivar words: 决策“等次”，第 2 条规则，输入第 1 列
    :ivar table: whose decision table, as in ``Match.table``
    :ivar rule: 1-based, ``column`` too
    """

    element: str | None
    words: str
    table: str | None = None
    rule: int | None = None
    column: int | None = None

    def at(self, **more: Any) -> Place:
        """A narrower place."""
        return replace(self, **more)


def findings(
    elements: Sequence[Linked], types: Mapping[str, tree.Type], problems: Iterable[Problem]
) -> Iterator[Finding]:
    """All findings on the parts of a model; ``details`` have ``table``, ``rule`` or ``rules``, ``column`` and ``example`` where there are.

    :param elements: the model's own
    :param types: item definitions by name
    """
    for problem in problems:
        text = f"{problem.place}：{problem.message}" if problem.place else problem.message
        yield _finding("syntax", Place(problem.element, text), text, "error")
    inspection = _Inspection(elements, types)
    for element in elements:
        yield from inspection.findings(element)


# --- boxed expressions, as the analysis of FEEL sees them ---


class _Inspector(Analyser):
    """The analysis of one part, which remembers the decision tables that it meets."""

    place: Place

    def __init__(
        self, names: Mapping[str, tree.Type | None], types: Mapping[str, tree.Type], place: Place, run: Run
    ) -> None:
        super().__init__(names, types)
        self.place = place
        self.run = run  # one budget for all values of a model that are tried
        self.tables: list[tuple[Table, Scope | None, list[tree.Type | None]]] = []

    def takes(self, type_: tree.Type, value: Any) -> bool:
        """Whether a value is of a type; so it is where trying costs too much."""
        try:
            self.run.spend(1)
            return conformed(value, type_, self.run)[0]
        except FeelLimitError:
            return True

    def wrong(self, code: str, message: str) -> None:
        self.defect(code, None, message)

    def fits(self, node: tree.Node, type_: tree.Type | None, wanted: tree.Type | None, what: str) -> None:
        """A finding where a value can never be of the type that is wanted."""
        if wanted is None:
            return
        of, to = self.kind(type_), self.kind(wanted)
        if not self.may_become(type_, wanted):
            self.wrong(
                "types",
                f"{what}“{quoted(node)}”是{WORDS[of or '']}，应为{_type_words(wanted, to)}。{_instead(of, to, node)}",
            )
        elif (value := constant(node)) is not None and not self.takes(wanted, value):
            self.wrong("values", f"{what}{literal(value)} 不是“{wanted.name}”允许的值。请改用允许的值。")


def _instead(of: str | None, to: str | None, node: tree.Node) -> str:
    text = quoted(node)
    if to == "string" and advice.of_date(text):
        return '日期请写 date("…")，并把类型改成 date；文字要加引号。'
    if to == "string":
        return "请改正，文字要加引号。"
    found = advice.of_kinds((of, to), (text,))
    return found if found != advice.SAME else f"请改成{WORDS[to or '']}。"


def _type_words(type_: tree.Type, kind: str | None) -> str:
    word = WORDS[kind or ""]
    return word if type_.name == kind else f"“{type_.name}”（{word}）"


def _broken(self: Analyser, node: Broken, scope: Scope | None) -> None:
    return None


def _typed(self: Analyser, node: Typed, scope: Scope | None) -> tree.Type | None:
    found = self.visit(node.value, scope)
    if isinstance(self, _Inspector):
        self.fits(node.value, found, node.type, "")
    return self.known(node.type) or found


def _context(self: Analyser, node: BoxedContext, scope: Scope | None) -> tree.Type | None:
    entries: dict[str, tree.Type | None] = {}
    inner = Scope(entries, scope)
    for name, value in node.entries:
        entries[name] = self.visit(value, inner)
    return context_of(entries) if node.result is None else self.visit(node.result, inner)


def _conditional(self: Analyser, node: BoxedConditional, scope: Scope | None) -> tree.Type | None:
    return self.visit(tree.If(node.condition, node.then, node.otherwise), scope)


def _filter(self: Analyser, node: BoxedFilter, scope: Scope | None) -> tree.Type | None:
    source = self.visit(node.source, scope)
    of = self.kind(source)
    item = self.element(source) if of == "list" else source
    found = self.kind(self.visit(node.match, item_scope(self, item, scope)))
    if found not in (None, "boolean", "Null"):
        self.defect(
            "filter",
            node.match,
            f'筛选条件“{quoted(node.match)}”是{WORDS[found]}，不是真假。请写成一个判断，例如 状态 = "未签"。',
        )
    return list_of(item) if of != "Null" else NULL


def _quantified(self: Analyser, node: BoxedQuantified, scope: Scope | None) -> tree.Type | None:
    conditions = node.conditions
    return self.visit(tree.Quantified(node.quantifier, conditions.iterators, conditions.body), scope)


def _table(self: Analyser, node: Table, scope: Scope | None) -> tree.Type | None:
    around: Place = self.place if isinstance(self.place, Place) else Place("", "")
    table = around.at(table=node.label)
    columns: list[tree.Type | None] = []
    for number, column in enumerate(node.inputs, 1):
        self.place = table.at(words=f"{around.words}，输入第 {number} 列", column=number)
        found = self.visit(column.expression, scope)
        if isinstance(self, _Inspector):
            self.fits(column.expression, found, column.type, "列的表达式")
        columns.append(self.known(column.type) or found)
        if (
            isinstance(self, _Inspector)
            and column.expression is EMPTY
            and any(len(rule.tests) >= number and rule.tests[number - 1].tests for rule in node.rules)
        ):
            self.wrong("empty-input", "这一列没有写表达式，值总是空。请写上要判断的输入，例如 得分。")
        if column.values is not None:
            self.visit(column.values, Scope({"?": columns[-1]}, scope))
    results: list[tree.Type | None] = [NULL] * len(node.outputs)
    for number, rule in enumerate(node.rules, 1):
        if _misshapen(rule):
            continue  # that has been told
        row = table.at(element=rule.id or around.element, rule=number)
        words = f"{around.words}，第 {number} 条规则"
        for at, (tests, type_) in enumerate(zip(rule.tests, columns, strict=False), 1):
            self.place = row.at(words=f"{words}，输入第 {at} 列", column=at)
            self.visit(tests, Scope({"?": type_}, scope))
            if isinstance(self, _Inspector):
                _allowed(self, tests, type_, node.inputs[at - 1].values)
                _misread(self, tests, self.kind(type_))
        for at, cell in enumerate(rule.outputs):
            self.place = row.at(words=f"{words}，输出第 {at + 1} 列", column=at + 1)
            results[at] = self.joined(results[at], _output(self, node, at, cell, scope))
    for at, output in enumerate(node.outputs):
        if output.default is not None:
            self.place = table.at(words=f"{around.words}，输出第 {at + 1} 列的默认值", column=at + 1)
            results[at] = self.joined(results[at], _output(self, node, at, output.default, scope))
    self.place = table
    if isinstance(self, _Inspector):
        _policy(self, node, results)
        self.tables.append((node, scope, columns))
    self.place = around
    return _result(node, results)


def _misshapen(rule: Rule) -> bool:
    """Whether a rule did not have a cell for every column."""
    return NEVER in rule.tests


def _output(self: Analyser, node: Table, at: int, cell: tree.Node, scope: Scope | None) -> tree.Type | None:
    found, output = self.visit(cell, scope), node.outputs[at]
    if not isinstance(self, _Inspector):
        return found
    if cell is EMPTY:
        self.wrong("empty-output", "输出没有填写，匹配时结果为空。请填写，或写 null 表示本来就没有。")
    self.fits(cell, found, output.type, "输出")
    value = constant(cell)
    if value is not None and output.values and not _among(self, output.values, value):
        listed = "、".join(quoted(one, 20) for one in output.values[:10])
        self.wrong(
            "output-values",
            f"输出 {literal(value)} 不在这一列的输出值之内：{listed}。请改正，或把它加进输出值。",
        )
    return self.known(output.type) or found


def _allowed(self: _Inspector, tests: tree.Tests, type_: tree.Type | None, values: tree.Tests | None) -> None:
    """A finding for a constant that the column never has."""
    for test in tests.tests:
        value = constant(test) if not isinstance(test, tree.Constant) else None
        if value is None:
            continue
        if (
            type_ is not None
            and self.may_become(self.visit(test, None), type_)
            and not self.takes(type_, value)
        ):
            self.wrong(
                "values", f"{literal(value)} 不是“{type_.name}”允许的值，永远不会匹配。请改用允许的值。"
            )
        if values is not None and values.tests and not _among(self, values.tests, value, values.negated):
            listed = quoted(values)
            self.wrong(
                "values",
                f"{literal(value)} 不在这一列允许的输入值之内（{listed}），永远不会匹配。请改正，或把它加进输入值。",
            )


def _misread(self: _Inspector, tests: tree.Tests, of: str | None) -> None:
    """A finding for a cell that is FEEL, but surely not what was meant: ``75-90`` and ``> 1,5``."""
    ends = [end for test in tests.tests if isinstance(test, tree.Interval) for end in tree.children(test)]
    others = [test.operand if isinstance(test, tree.UnaryTest) else test for test in tests.tests]
    told = of == "date"  # of all but ranges, as a value of the wrong type
    for node in (*ends, *([] if told else others)):
        if isinstance(node, tree.Arithmetic) and (found := advice.of_date(quoted(node))):
            self.wrong("misread", f"“{quoted(node)}”是算式，不是日期。{found}")
            return
    match tests.tests:
        case (tree.Arithmetic("-", tree.Number(low), tree.Number(high)),) if low < high:
            self.wrong(
                "misread",
                f"“{low}-{high}”是减法，得 {low - high}。区间请写 [{low}..{high}]；{high} 不算在内，写 [{low}..{high})。",
            )
        case (tree.UnaryTest(), tree.Number(value)) if _among(self, tests.tests[:1], value):
            self.wrong(
                "misread",
                f"“{quoted(tests)}”里的“{value}”已经包含在前一项里，是多余的。小数点请用“.”；数字里不要写逗号。",
            )


def _among(self: _Inspector, values: tuple[tree.Node, ...], value: Any, negated: bool = False) -> bool:
    try:
        self.run.spend(len(values))
        return UnaryTests("", tree.Tests(values, negated)).run(value, EvaluationScope({}, None, self.run))
    except FeelLimitError:
        return True


def _policy(self: _Inspector, node: Table, results: list[tree.Type | None]) -> None:
    names = [output.name for output in node.outputs]
    if len(set(names)) < len(names) or (len(names) > 1 and "" in names and node.aggregator != "COUNT"):
        self.wrong(
            "output-name",
            "有几列输出时，每一列都要有自己的名称（name），结果才分得清。请在编辑器里给每列输出命名，不要重名。",
        )
    if node.hit_policy in ("PRIORITY", "OUTPUT ORDER") and not any(output.values for output in node.outputs):
        self.wrong(
            "no-output-values",
            f"命中策略“{node.hit_policy}”按输出值的次序取结果，却没有写输出值。请在输出列里按重要程度列出输出值，或改用 FIRST。",
        )
    if node.aggregator and node.hit_policy != "COLLECT":
        self.wrong(
            "aggregator",
            f"汇总“{node.aggregator}”只能和命中策略 COLLECT 一起用。请改用 COLLECT，或去掉汇总。",
        )
    if node.aggregator not in ("SUM", "MIN", "MAX"):
        return
    takes = {"number", "days and time duration", "years and months duration", "Null"}
    if node.aggregator != "SUM":
        takes |= {"string", "date", "time", "date and time"}
    for number, type_ in enumerate(results, 1):
        of = self.kind(type_)
        if of is not None and of not in takes:
            self.wrong(
                "aggregator",
                f"汇总“{node.aggregator}”不能用于{WORDS[of]}，输出第 {number} 列应为数字。请改正输出，或去掉汇总。",
            )


def _result(node: Table, results: list[tree.Type | None]) -> tree.Type | None:
    if node.aggregator:
        return NUMBER if node.aggregator == "COUNT" else None
    names = [output.name for output in node.outputs]
    one = results[0] if len(results) == 1 else context_of(dict(zip(names, results, strict=True)))
    if node.hit_policy in ("UNIQUE", "ANY", "PRIORITY", "FIRST"):
        return one
    return None if any(output.default for output in node.outputs) else list_of(one)  # a default is in no list


extend(Broken, _broken)
extend(Typed, _typed)
extend(BoxedContext, _context)
extend(BoxedConditional, _conditional)
extend(BoxedFilter, _filter)
extend(BoxedQuantified, _quantified)
extend(Table, _table)


# --- the graph ---

_MAY_WORK = frozenset({"empty-output", "output-values", "values", "not-boolean", "misread"})
"""Defects with which a decision may still give a value."""

_KINDS = {"decision": "决策", "businessKnowledgeModel": "业务知识"}


class _Inspection:
    """A model's parts, each looked at once."""

    def __init__(self, elements: Sequence[Linked], types: Mapping[str, tree.Type]) -> None:
        self.elements = elements
        self.types = types
        self.run = Run(types=types)
        self._own = {element.part.name for element in elements}
        self._told: dict[int, tuple[_Inspector, Analysis]] = {}
        self._busy: set[int] = set()

    def told(self, element: Linked) -> tuple[_Inspector, Analysis] | None:
        """The analysis of a part; None while it is under way, or where it has no logic."""
        key = id(element)
        if key not in self._told:
            part = element.part
            if part.logic is None or key in self._busy:
                return None
            place = Place(part.id, f"{_KINDS[part.kind]}“{part.name}”")
            self._busy.add(key)
            try:
                inspector = _Inspector(self.names(element), self.types, place, self.run)
                parameters = {name: inspector.known(type_) for name, type_ in part.parameters}
                scope = Scope(parameters, None) if parameters else None
                found = inspector.visit(part.logic, scope)
                if part.kind == "decision":
                    inspector.fits(part.logic, found, part.type, "决策的结果")
            except RecursionError:  # deep, but perhaps not too deep to be evaluated
                inspector, found = _Inspector({}, self.types, place, self.run), None
            finally:
                self._busy.discard(key)
            self._told[key] = inspector, inspector.told(found)
        return self._told[key]

    def type(self, element: Linked) -> tree.Type | None:
        """What a part is to those that require it."""
        part = element.part
        result = part.type
        if result is None and part.kind != "inputData" and (told := self.told(element)) is not None:
            result = told[1].type
        if part.kind == "businessKnowledgeModel":
            parameters = tuple(type_ or tree.Type("Any") for _, type_ in part.parameters)
            return tree.FunctionType("function", parameters, result or tree.Type("Any"))
        if part.kind == "decisionService":
            inputs = tuple(each.part.type or tree.Type("Any") for each in element.inputs)
            return tree.FunctionType("function", inputs, result or tree.Type("Any"))
        return result

    def names(self, element: Linked) -> dict[str, tree.Type | None]:
        """What a part may use: what it requires, imported things under the import's name."""
        names: dict[str, tree.Type | None] = {}
        for required in element.requires:
            prefix = (
                element.prefixes.get(required.namespace) if required.namespace != element.namespace else None
            )
            if prefix:
                names[prefix] = tree.Type("context")
            else:
                names[required.part.name] = self.type(required)
        if element.part.kind == "businessKnowledgeModel":
            own = tuple(type_ or tree.Type("Any") for _, type_ in element.part.parameters)
            names.setdefault(
                element.part.name, tree.FunctionType("function", own, element.part.type or tree.Type("Any"))
            )
        return names

    def findings(self, element: Linked) -> Iterator[Finding]:
        part = element.part
        if part.kind not in _KINDS:
            return
        told = self.told(element)
        if told is None:
            if part.kind == "decision":
                what = f"决策“{part.name}”没有决策逻辑，结果总是空。请画决策表或写表达式。"
                yield _finding("no-logic", Place(part.id, what), what, "warning")
            return
        yield from self._unnameable(element)
        yield from self._untyped(element)
        inspector, analysis = told
        for defect in analysis.defects:
            place: Place = defect.place
            severity = "warning" if defect.code in _MAY_WORK else "error"
            yield _finding(defect.code, place, f"{place.words}：{defect.message}", severity)
        yield from self._unknown_names(element, analysis)
        yield from self._unused(element)
        for table, scope, columns in inspector.tables:
            yield from self._coverage(element, inspector, table, scope, columns)

    def _unknown_names(self, element: Linked, analysis: Analysis) -> Iterator[Finding]:
        known = self.names(element)
        for name in analysis.names:
            if name in known:
                continue
            place: Place = analysis.first[name]
            own = element.part.name
            if name in self._own:
                what = f"“{name}”没有连线到“{own}”。请在决策图上从“{name}”画一条连线到“{own}”。"
            else:
                near = self._nearest(name, known)
                what = f"“{name}”没有连线到“{own}”，图上也没有它" + (
                    f"；是不是“{near}”？"
                    if near
                    else f"。{advice.of_word(name) or '请加上这个输入并连线；如果是文字，请加引号。'}"
                )
            yield _finding("unknown-name", place, f"{place.words}：{what}", "error")

    def _unnameable(self, element: Linked) -> Iterator[Finding]:
        """Required parts whose names no expression can write; functions are called by name too."""
        for required in element.requires:
            name = required.part.name
            parts = words(name) or ()
            if required.namespace != element.namespace or (parts and not parts[0][0].isdecimal()):
                continue
            signs = "、".join(dict.fromkeys(f"“{sign}”" for sign in name if words(f"a{sign}") is None))
            why = f"里有公式不能写的字符{signs}" if signs else "以数字开头"
            what = f"名称“{name}”{why}，公式里用不了它。请改名，例如去掉它或换成文字。"
            yield _finding("name", Place(required.part.id, what), what, "error")

    def _untyped(self, element: Linked) -> Iterator[Finding]:
        """Types that nobody defines: values are not checked against them."""
        part = element.part
        table = part.logic.value if isinstance(part.logic, Typed) else part.logic
        columns: list[tree.Type | None] = []
        if isinstance(table, Table):
            columns = [column.type for column in table.inputs] + [column.type for column in table.outputs]
        required = [r.part.type for r in element.requires if r.namespace == element.namespace]
        used = (part.type, *required, *(type_ for _, type_ in part.parameters), *columns)
        for name in dict.fromkeys(type_.name for type_ in used if type(type_) is tree.Type):
            if named(name, self.types) is not None:
                continue
            near = nearest(name, (*self.types, *BUILT_IN_TYPES))
            yield _finding(
                "unknown-type",
                Place(part.id, part.name),
                f"“{part.name}”用了类型“{name}”，模型里没有它，值不会检查。"
                + (
                    f"应为“{near}”？" if near else "请改用 string、number、boolean、date 等，或定义这个类型。"
                ),
                "warning",
            )

    def _nearest(self, name: str, known: Mapping[str, Any]) -> str | None:
        """The name that was probably meant, as long as looking for it is not too much."""
        try:
            self.run.spend((SIMILARITY + len(name)) * len(known))
        except FeelLimitError:
            return None
        return nearest(name, known)

    def _unused(self, element: Linked) -> Iterator[Finding]:
        logic = element.part.logic
        if logic is None or _holds_broken(logic):
            return
        used = tree.mentioned(logic)
        for required in element.requires:
            foreign = required.namespace != element.namespace
            name = (foreign and element.prefixes.get(required.namespace)) or required.part.name
            if name not in used:
                own = element.part
                what = (
                    f"“{own.name}”连了“{required.part.name}”，却没有用到它。请删去这条连线，或在逻辑里用它。"
                )
                yield _finding("unused", Place(own.id, what), what, "warning")

    # --- decision tables ---

    def _coverage(
        self,
        element: Linked,
        inspector: _Inspector,
        table: Table,
        scope: Scope | None,
        columns: list[tree.Type | None],
    ) -> Iterator[Finding]:
        place = Place(element.part.id, f"决策表“{table.label}”", table.label)
        if any(map(_misshapen, table.rules)):
            return
        try:
            told = [
                self._column(element, inspector, column.expression, type_, scope)
                for column, type_ in zip(table.inputs, columns, strict=True)
            ]
            coverage = Coverage(table, told)
        except NotCheckable:
            return
        if table.hit_policy == "UNIQUE":
            yield from self._overlaps(place, table, coverage, coverage.overlaps(), None)
        if table.hit_policy == "ANY":
            yield from self._overlaps(place, table, coverage, _disagreeing(table, coverage), "不同")
        order = _order(table)
        if order is not None:
            yield from self._hidden(place, table, coverage, order)
        if table.hit_policy in ("UNIQUE", "ANY", "PRIORITY", "FIRST") and not any(
            output.default for output in table.outputs
        ):
            try:
                gap = coverage.gap()
            except NotCheckable:
                return
            if gap is not None:
                yield _finding(
                    "gap",
                    place,
                    f"{place.words}有没被覆盖的输入，例如 {gap.text}：没有规则匹配，结果为空。请补一条规则，或设置默认输出。",
                    "warning",
                    example=dict(gap.values),
                )

    def _column(
        self,
        element: Linked,
        inspector: _Inspector,
        expression: tree.Node,
        type_: tree.Type | None,
        scope: Scope | None,
    ) -> Column:
        """:raises NotCheckable: it cannot be said what values a column can have"""
        counted = (
            isinstance(expression, tree.Call)
            and expression.function in (tree.Name("count"), tree.Name("string length"))
            and len(expression.arguments) == 1
        )
        asked = expression.arguments[0] if counted and isinstance(expression, tree.Call) else expression
        while counted and isinstance(asked, tree.Filter):
            asked = asked.source
        path: list[str] = []
        while isinstance(asked, tree.Path):
            path.append(asked.name)
            asked = asked.source
        if not isinstance(asked, tree.Name):
            raise NotCheckable
        required = {e.part.name: e for e in element.requires if e.namespace == element.namespace}
        source = required.get(asked.name)
        if counted and tree.mentioned(expression) & required.keys() - {asked.name}:
            raise NotCheckable
        if inspector.lookup(asked.name, scope)[0] == "bound" and asked.name in dict(element.part.parameters):
            source = None
        elif source is None or inspector.lookup(asked.name, scope)[0] != "given":
            raise NotCheckable

        def allows(value: Any) -> bool:
            return type_ is None or inspector.takes(type_, value)

        if source is None or source.part.kind == "inputData":
            return Column(expression, frozenset({(asked.name, *reversed(path))}), None, allows)
        upstream = frozenset((name,) for name in _upstream(source))
        outcomes = None if path or counted else _outcomes(source.part)
        return Column(expression, upstream, outcomes, allows, derived=not counted)

    def _overlaps(
        self,
        place: Place,
        table: Table,
        coverage: Coverage,
        pairs: Iterator[tuple[int, int]],
        results: str | None,
    ) -> Iterator[Finding]:
        code = "disagreement" if results else "overlap"
        why = (
            "结果却不同，ANY 策略下结果为空。请让它们的输出相同，或改小其中一条的范围。"
            if results
            else "UNIQUE 策略下结果为空。请改小其中一条的范围，或改用 FIRST 策略。"
        )
        for earlier, later in islice(pairs, MAX_TOLD):
            example = coverage.both(earlier, later)
            yield _finding(
                code,
                place.at(element=table.rules[later].id or place.element),
                f"{place.words}的第 {earlier + 1} 条与第 {later + 1} 条规则会同时匹配，例如 {example.text}；{why}",
                "warning",
                rules=[earlier + 1, later + 1],
                example=dict(example.values),
            )
        if more := sum(1 for _ in pairs):
            yield _finding(
                code, place, f"{place.words}还有 {more} 对规则也会这样同时匹配。请一并检查。", "warning"
            )

    def _hidden(
        self, place: Place, table: Table, coverage: Coverage, order: Sequence[int]
    ) -> Iterator[Finding]:
        for rule, by in islice(coverage.hidden(order), MAX_TOLD):
            what = f"第 {by + 1} 条" if by is not None else "排在它之前的几条合起来"
            yield _finding(
                "hidden",
                place.at(element=table.rules[rule].id or place.element, rule=rule + 1),
                f"{place.words}的第 {rule + 1} 条规则永远轮不到：{what}已经包含它的全部情形。请调整次序，或删去它。",
                "warning",
                rules=[rule + 1] if by is None else [by + 1, rule + 1],
            )


def _finding(code: str, place: Place, message: str, severity: str, **details: Any) -> Finding:
    known = {"table": place.table, "rule": place.rule, "column": place.column}
    return Finding(
        code,
        message,
        place.element,
        severity,
        details={name: value for name, value in known.items() if value is not None} | details,
    )


def _holds_broken(node: tree.Node) -> bool:
    return isinstance(node, Broken) or any(map(_holds_broken, tree.children(node)))


def _upstream(element: Linked) -> set[str]:
    """The input data that a decision comes from."""
    todo, seen = [element], set()
    found = set()
    while todo:
        here = todo.pop()
        if id(here) in seen:
            continue
        seen.add(id(here))
        todo += here.requires
        if here.part.kind == "inputData":
            found.add(here.part.name)
    return found


def _outcomes(part: Part) -> tuple[Any, ...] | None:
    """All values that a decision can have, where it is a table of constants."""
    logic = part.logic.value if isinstance(part.logic, Typed) else part.logic
    if (
        not isinstance(logic, Table)
        or len(logic.outputs) != 1
        or logic.hit_policy in ("RULE ORDER", "OUTPUT ORDER", "COLLECT")
    ):
        return None
    cells = [rule.outputs[0] for rule in logic.rules]
    default = logic.outputs[0].default
    cells += [] if default is None else [default]
    values = [constant(cell) for cell in cells if cell != EMPTY]
    return None if any(value is None for value in values) else tuple(dict.fromkeys(values))


def _constants(table: Table, rule: int) -> list[Any] | None:
    """The outputs of a rule, None where one is no constant."""
    values = [constant(cell) for cell in table.rules[rule].outputs]
    known = all(
        value is not None or cell == EMPTY
        for value, cell in zip(values, table.rules[rule].outputs, strict=True)
    )
    return values if known else None


def _disagreeing(table: Table, coverage: Coverage) -> Iterator[tuple[int, int]]:
    outputs = [_constants(table, rule) for rule in range(len(table.rules))]
    for earlier, later in coverage.overlaps():
        a, b = outputs[earlier], outputs[later]
        if (
            a is not None
            and b is not None
            and not all(equal(x, y) is True for x, y in zip(a, b, strict=True))
        ):
            yield earlier, later


def _order(table: Table) -> list[int] | None:
    """The rules in the order in which one result is taken; None where all count, or the order cannot be said."""
    rules = range(len(table.rules))
    if table.hit_policy == "FIRST":
        return list(rules)
    if table.hit_policy != "PRIORITY":
        return None
    ranked = [[constant(value) for value in output.values] for output in table.outputs]
    ranks = []
    for rule in rules:
        values = _constants(table, rule)
        if values is None or not all(v in known for v, known in zip(values, ranked, strict=True)):
            return None
        ranks.append(tuple(known.index(v) for v, known in zip(values, ranked, strict=True)))
    return sorted(rules, key=ranks.__getitem__)
