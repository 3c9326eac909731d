"""Every variable that an expression asks for must come from somewhere: a form, an output, a result, a loop, a decision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from engine import dmn, feel, forms
from engine.bpmn.model import Element
from engine.errors import Finding, LvzeError
from engine.feel.analysis import Analyser, context_of, nearest
from engine.feel.tree import ListType, Type
from engine.feel.values import WORDS
from engine.rules import Case

Names = dict[str, "Type | None"]
NUMBER, TEXT, TRUTH, DAY, LIST = (Type(n) for n in ("number", "string", "boolean", "date", "list"))
_PERSON = context_of({"person": NUMBER, "name": TEXT})
_UNIT = context_of({"id": NUMBER, "name": TEXT, "short_name": TEXT, "kind": TEXT})
_RESULT = context_of(
    {
        "操作人": _PERSON,
        "职务": TEXT,
        "时间": Type("date and time"),
        "日期": DAY,
        "意见": TEXT,
        "结果": TEXT,
        "方式": TEXT,
        "经办人": _PERSON,
        "理由": TEXT,
        "签名": None,
    }
)
_HEADS = dict.fromkeys(("应到", "实到", "有效票", "同意", "反对", "弃权", "无效"), NUMBER)
_VOTE = context_of(
    {
        "结果": TEXT,
        **_HEADS,
        "权重": context_of(_HEADS),
        "门槛": NUMBER,
        "基数": TEXT,
        "达到法定人数": TRUTH,
    }
)
_FIELDS = {
    "textfield": TEXT,
    "textarea": TEXT,
    "number": NUMBER,
    "checkbox": TRUTH,
    "datetime": DAY,
    "checklist": LIST,
    "dynamiclist": ListType("list", Type("context")),
}
_COUNTED: Names = dict.fromkeys(
    (
        "numberOfInstances",
        "numberOfActiveInstances",
        "numberOfCompletedInstances",
        "numberOfTerminatedInstances",
    ),
    NUMBER,
)
TIMES = frozenset({"date", "date and time", "days and time duration", "years and months duration"})
NO_IDS = TIMES | {"boolean", "time", "function", "range"}


@dataclass(frozen=True, slots=True)
class Expected:
    """What an expression must give: ``kinds`` of values, and what that is in words."""

    kinds: frozenset[str]
    words: str


A_TRUTH = Expected(frozenset({"boolean"}), '一个判断，例如 审核决定 = "同意"')
A_LIST = Expected(frozenset({"list"}), "一个列表，例如 发送")
A_COUNT = Expected(frozenset({"number"}), "一个数字")
A_CYCLE = Expected(frozenset({"string"}), '形如 "R3/P1D" 的文字')
A_TIMER = Expected(TIMES | {"string"}, '日期、日期时间或时长，例如 duration("P7D") 或 "5 工作日"')
IDS = Expected(frozenset(WORDS) - NO_IDS, "编号，例如 unit.id 或 initiator.person")


@dataclass(frozen=True, slots=True)
class Written:
    """An expression of the diagram, and what it sees.

    :ivar element: of the diagram
    :ivar label: what it is for, in words
    :ivar within: the scope whose variables it sees, ``extra`` what else it sees
    :ivar expected: None where any value will do
    :ivar open: it sees more than is known here, such as what a message brings
    """

    element: str
    label: str
    source: str
    within: str
    extra: Mapping[str, Type | None] = field(default_factory=dict)
    expected: Expected | None = None
    open: bool = False


def written(case: Case) -> Iterator[Written]:
    """Every expression of the diagram that is evaluated on variables known here."""
    scopes = Scopes(case)
    for node in case.nodes("sequenceFlow"):
        condition = case.model.conditions.get(node.get("id", ""))
        parent = node.getparent()
        if condition is not None and parent is not None:
            home = scopes.home(parent.get("id", ""))
            yield Written(node.get("id", ""), "条件", condition.removeprefix("="), home, {}, A_TRUTH)
    for label, text in (("流程的标题", case.model.title), ("流程的业务编号", case.model.business_key)):
        if text is not None and text.startswith("="):
            yield Written(case.model.key, label, text[1:], case.model.key)
    for element in case.model.elements.values():
        yield from _of(element, scopes, case.model.key)


def _of(element: Element, scopes: Scopes, key: str) -> Iterator[Written]:
    home, loop = scopes.home(element.scope), element.loop
    item: Names = scopes.item(element)
    handed_in = (
        item if loop is None else {**item, **scopes.handed_in(element), **dict.fromkeys(element.outputs)}
    )

    form = scopes.form(element)
    if form is not None and (element.kind == "userTask" or element == scopes.start):
        filled = {**item, **dict.fromkeys(form.keys)}  # what is being filled in may be anything yet
        for label, source, truth in _asked_in(form.components):
            name = f"表单“{element.form}”{label}"
            yield Written(element.id, name, source, home, filled, truth)

    def one(
        label: str, text: str | None, extra: Names, expected: Expected | None = None, *, always: bool = False
    ) -> Iterator[Written]:
        if text and (always or text.startswith("=")):
            yield Written(element.id, label, text.removeprefix("="), home, extra, expected)

    yield from one("标题", element.title, item)
    yield from one("期限", element.due, item, A_TIMER)
    for to in [r.to for r in element.reminders] + [e.to for e in element.escalations]:
        yield from one("提醒的人员", to.person, item, IDS)
        yield from one("提醒的岗位所在单位", to.unit, item, IDS)
    yield from one("文书", element.document, item, IDS)
    yield from one("必填意见", element.opinion_required, handed_in, A_TRUTH, always=True)
    if element.signature is not None:
        yield from one("签名文书", element.signature.document, item, IDS)
        yield from one("签名职务", element.signature.capacity, item)
        yield from one("须签名的条件", element.signature.required, handed_in, A_TRUTH, always=True)
    for assigned in element.assignment:
        yield from one("办理人", assigned.person, item, IDS)
        yield from one("办理单位", assigned.unit, item, IDS)
        yield from one("回避人员", assigned.exclude, item, IDS)
    for name, text in element.inputs.items():
        yield from one(f"输入“{name}”", text, item)
    if element.timer is not None:
        kind, text = element.timer
        yield from one("时间", text, {}, A_CYCLE if kind == "timeCycle" else A_TIMER)
    if element.event is not None:
        yield from one("条件", element.event.condition, {}, A_TRUTH, always=True)
        yield from one("关联键", element.event.correlation, item)
    if element.standard_loop is not None:
        yield from one("循环的条件", element.standard_loop.condition, item, A_TRUTH, always=True)
    if element.adhoc is not None:
        yield from one("自动启动的活动", element.adhoc.activities, {}, always=True)
        yield from one("自由子流程的完成条件", element.adhoc.condition, {}, A_TRUTH, always=True)
    yield from one("激活条件", element.activation, {"activationCount": NUMBER}, A_TRUTH, always=True)
    if element.kind != "callActivity":  # what a called process returns is told by its own variables
        filled_in = handed_in if element.kind == "userTask" else {**item, "result": None}
        for name, text in element.outputs.items():
            for output in one(f"输出“{name}”", text, filled_in):
                yield replace(output, open=element.event is not None)
    if loop is None:
        return
    yield from one("多实例的集合", loop.collection, {}, A_LIST, always=True)
    yield from one("多实例的次数", loop.cardinality, {}, A_COUNT, always=True)
    tallied: Names = {tally.name: NUMBER for tally in loop.tallies}
    counted: Names = {**_COUNTED, **tallied, **({loop.outputs: LIST} if loop.outputs else {})}
    yield from one("多实例的完成条件", loop.condition, counted, A_TRUTH, always=True)
    if element.vote is not None:
        yield from one("表决的门槛", element.vote.threshold, {}, A_COUNT, always=True)
        yield from one("表决的法定人数", element.vote.quorum, {}, A_COUNT, always=True)
        yield from one("表决的权重", element.vote.weight, item, A_COUNT, always=True)
        yield from one("表决的截止", element.vote.until, {}, A_TIMER)
    if element.kind == "callActivity":
        return
    within = element.id if element.id in scopes.provided else home
    if loop.output and loop.output.startswith("="):
        yield Written(element.id, "多实例的输出", loop.output[1:], within, handed_in)
    for tally in loop.tallies:
        for label, counted_by, expected in (
            ("条件", tally.condition, A_TRUTH),
            ("权重", tally.weight, A_COUNT),
        ):
            if counted_by:
                source, what = counted_by.removeprefix("="), f"计数“{tally.name}”的{label}"
                yield Written(element.id, what, source, within, handed_in, expected)


def _asked_in(components: Iterable[forms.Component]) -> Iterator[tuple[str, str, Expected | None]]:
    """The expressions of a form: what for, the source, what it must give."""
    for component in components:
        label = f"“{component.key or component.label or component.text[:20]}”的"
        for what, condition in (("隐藏条件", component.hide), ("只读条件", component.readonly)):
            if condition and isinstance(condition, str):
                yield label + what, condition, A_TRUTH
        for what, source in (("选项", component.options_expression), ("默认值", component.default)):
            if source:
                yield label + what, source, None
        texts = (("标签", component.label), ("说明", component.description), ("文字", component.text))
        for what, text in (*texts, ("最小值", component.min), ("最大值", component.max)):
            if isinstance(text, str) and text.startswith("="):
                yield label + what, text[1:], None
        if component.type == "group":  # the columns of a list see whatever its rows already have
            yield from _asked_in(component.children)


class Scopes:
    """What each scope of a process provides: the process itself, and each multi-instance sub-process, whose children see the
    variables around them and return only what is declared.

    :ivar provided: scope -> its variables, with types where they have one source of a known type
    :ivar open: called processes: their variables come from callers, which are not known here
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        self._elements = case.model.elements
        self._key = case.model.key
        self._forms: dict[str, forms.Form] = {}
        self._found: dict[str, dict[str, list[Type | None]]] = {self._key: {}}
        self.start = start = case.model.start
        self.open = not (start.starter_member or start.starter_posts)
        self._add(self._key, {"initiator": _PERSON, "unit": _UNIT, "今天": DAY})
        if start.renews is not None:
            self._add(self._key, {start.renews[1]: None})
        self._add(self._key, self._form(start))
        for element in self._elements.values():
            self._provide(element)
        self.provided: dict[str, Names] = {
            scope: {name: types[0] if len(types) == 1 else None for name, types in found.items()}
            for scope, found in self._found.items()
        }

    def home(self, scope: str) -> str:
        """The process, or the multi-instance sub-process, whose variables a scope's elements see first."""
        element = self._elements.get(scope)
        if element is None or element.loop is not None:
            return scope
        return self.home(element.scope)

    def seen(self, scope: str) -> Names:
        """All that the elements of a scope see."""
        element = self._elements.get(scope)
        around = self.seen(self.home(element.scope)) if element is not None else {}
        return {**around, **self.provided.get(scope, {})}

    def item(self, element: Element) -> Names:
        """What each child of a fan-out, or each round of a loop, sees besides."""
        if element.standard_loop is not None:
            return {"loopCounter": NUMBER}
        if not element.is_fanout:
            return {}
        item = element.loop.item if element.loop is not None else None
        return {"loopCounter": NUMBER, **({item: None} if item else {})}

    def handed_in(self, element: Element) -> Names:
        """What completing a user task provides."""
        result: Names = {element.result: _RESULT} if element.result else {}
        return {**self._form(element), **result}

    def _add(self, scope: str, names: Names) -> None:
        found = self._found.setdefault(scope, {})
        for name, type_ in names.items():
            types = found.setdefault(name, [])
            if type_ not in types:
                types.append(type_)

    def _provide(self, element: Element) -> None:
        home, loop = self.home(element.scope), element.loop
        if element.kind == "userTask" and loop is None:
            self._add(home, self.handed_in(element))
        if loop is not None:
            if element.kind != "userTask":
                self._add(element.id, self.item(element))
            self._add(home, {loop.outputs: LIST} if loop.outputs else {})
            self._add(home, {tally.name: NUMBER for tally in loop.tallies})
            if element.vote is not None and element.vote.result:
                self._add(home, {element.vote.result: _VOTE})
        else:
            self._add(home, dict.fromkeys(element.outputs))
        if element.decision is not None:
            self._add(home, {element.decision[2] or element.decision[1]: None})
        if element.kind == "callActivity" and element.called == self._key:
            self._add(self._key, dict.fromkeys(element.inputs))
            if not element.inputs:
                self.open = True  # it is given whatever there is

    def form(self, element: Element) -> forms.Form | None:
        """The form of an element; None where it has none, or none that can be read."""
        content = self._case.files.get(element.form or "")
        if content is None:
            return None
        if element.form not in self._forms:
            try:
                self._forms[element.form or ""] = forms.load(content)
            except LvzeError:
                return None
        return self._forms[element.form or ""]

    def _form(self, element: Element) -> Names:
        form = self.form(element)
        if form is None:
            # Another rule tells of a form that cannot be read; what it would provide is not known.
            self.open = self.open or element.form is not None
            return {}
        types: Names = dict.fromkeys(form.keys)
        todo = list(form.components)
        while todo:
            component = todo.pop()
            todo += component.children if component.type == "group" else ()
            if component.key and not component.readonly:  # one that is only shown keeps what it was given
                types[component.key] = _FIELDS.get(component.type)
        return types


def check(case: Case) -> Iterator[Finding]:
    scopes = Scopes(case)
    if scopes.open:
        return
    everywhere = {name for provided in scopes.provided.values() for name in provided}
    for one in written(case):
        if one.open:
            continue
        seen = {**scopes.seen(one.within), **one.extra}
        try:
            node = feel.compile(one.source, everywhere | seen.keys()).tree
        except (feel.FeelSyntaxError, feel.FeelLimitError):
            continue  # another rule tells
        analyser = Analyser(seen, {})
        try:
            asked = analyser.told(analyser.visit(node, None)).names
        except RecursionError:
            continue
        for name in asked:
            if name not in seen:
                yield _missing(name, f"{one.label}“{_short(one.source)}”", one.element, seen, everywhere)
    yield from _decisions(case, scopes)


def _missing(name: str, where: str, element: str, seen: Names, everywhere: set[str]) -> Finding:
    if name in everywhere:
        what = f"“{name}”只在多实例的子流程里有，外面看不到。请用多实例的输出把它带出来。"
    else:
        near = nearest(name, seen)
        what = f"“{name}”没有来源：没有表单、输出、结果、循环或决策给它值" + (
            f"；是不是“{near}”？" if near else "。请改正名称；如果是文字，请加引号。"
        )
    return Finding("variables", f"{where}：{what}", element, "warning")


def _short(source: str, longest: int = 80) -> str:
    return source if len(source) <= longest else source[: longest - 1] + "…"


def _decisions(case: Case, scopes: Scopes) -> Iterator[Finding]:
    """A decision takes its inputs from the variables of their names."""
    folder = dmn.Folder(case.files)
    for element in case.model.elements.values():
        if element.decision is None or element.decision[0] not in case.files:
            continue
        file, decision, _ = element.decision
        try:
            model = folder.load(file)
            inputs = model.functions.get(decision) or model.inputs_of(decision)
        except LvzeError:
            continue  # another rule tells
        seen = {**scopes.seen(scopes.home(element.scope)), **scopes.item(element)}
        types = Analyser(seen, model.types)
        for name, wanted in inputs.items():
            given = seen.get(name)
            if name not in seen:
                yield _missing(name, f"决策“{decision}”的输入", element.id, seen, set(seen))
            elif wanted is not None and not types.may_become(given, wanted):
                a, b = types.kind(given) or "", types.kind(wanted) or ""
                yield Finding(
                    "variables",
                    f"决策“{decision}”的输入“{name}”要{WORDS[b]}，流程里的“{name}”却是{WORDS[a]}，结果会是空。请改正类型。",
                    element.id,
                )
