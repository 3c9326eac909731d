"""Forms 表单: form-js JSON that designers draw, resolved and validated here, never in the browser.

A form is the bytes of ``<name>.form.json``. ``load`` refuses what it cannot render; ``Form.fields`` is what a
page shows; ``Form.clean`` turns what people typed into typed values. Conditions, defaults and options are FEEL
over the process data and the form's own values; a hidden field is never shown, asked for or taken.

What form-js does not know stands in a component's ``properties``:

- ``default``: FEEL; what the field starts with while the process data has nothing for its key
- ``prefill``: ``"false"``: never start with what the process data has (a decision is taken anew each round)

A field that was not handed in at all keeps what it started with if it is read-only or has a default, is an
error if it is required, and is otherwise left alone. A field handed in empty becomes ``None`` (a list ``[]``,
a checkbox ``False``).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Protocol

from engine import feel
from engine.clock import local
from engine.errors import Invalid
from engine.patterns import LONGEST, compile_pattern

#: Characters of a text by type, whatever a form says; rows of a list; components and bytes of a form.
TEXT_LIMITS = {"textfield": 1_000, "textarea": 20_000}
ROW_LIMIT = 200
COMPONENT_LIMIT = 300
FILE_LIMIT = 512 * 1024

_INPUTS = {"textfield", "textarea", "number", "select", "radio", "checkbox", "checklist", "datetime"}
_TYPES = _INPUTS | {"text", "separator", "group", "dynamiclist"}
_KEY = re.compile(r"[^\W\d_]\w*")  # a FEEL name without spaces; "-" separates the parts of an HTML name
_NUMBER = re.compile(r"[+-]?\d{1,20}(\.\d{1,10})?")
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]"
)  # no XML or database takes these
_NOTHING: Final = object()


@dataclass(frozen=True, slots=True)
class Option:
    value: Any
    label: str


@dataclass(frozen=True, slots=True)
class Component:
    """One component as drawn. Texts and bounds that start with ``=`` are still FEEL."""

    type: str
    key: str = ""
    label: str = ""
    description: str = ""
    text: str = ""
    required: bool = False
    readonly: bool | str = False
    hide: str = ""
    default: str | None = None
    prefill: bool = True
    min: Any = None
    max: Any = None
    min_length: int = 0
    max_length: int = 0
    decimal_digits: int | None = None
    pattern: re.Pattern[str] | None = None
    pattern_message: str = ""
    options: tuple[Option, ...] = ()
    options_expression: str = ""
    children: tuple[Component, ...] = ()
    fixed_rows: bool = False
    repetitions: int = 1
    width: int = 16


@dataclass(frozen=True, slots=True)
class Field:
    """One component as shown now.

    :ivar name: name in HTML, such as ``目标-0-措施``
    :ivar path: key of its error, such as ``目标[0].措施``
    :ivar value: what was typed, else a process value; a list's value is in ``rows``
    :ivar fields: a group's fields; a list's columns (without values)
    :ivar rows: one tuple of fields a row
    :ivar width: columns taken, of 16
    """

    type: str
    name: str
    path: str
    label: str
    description: str = ""
    text: str = ""
    value: Any = None
    required: bool = False
    readonly: bool = False
    options: tuple[Option, ...] = ()
    fields: tuple[Field, ...] = ()
    rows: tuple[tuple[Field, ...], ...] = ()
    fixed_rows: bool = False
    width: int = 16
    min: Any = None
    max: Any = None
    max_length: int = 0

    @property
    def key(self) -> str:
        """The variable, or the column of its row."""
        return self.name.rpartition("-")[2]

    @property
    def value_text(self) -> str:
        """The value as an HTML attribute holds it."""
        return _as_text(self.value)

    def chosen(self, option: Option) -> bool:
        """Is this option (one of) the value?"""
        values = self.value if isinstance(self.value, (list, tuple)) else [self.value]
        return any(_as_text(value) == _as_text(option.value) for value in values if value is not None)

    @property
    def shown(self) -> str:
        """The value as a person reads it: labels instead of values, a date in Chinese."""
        if self.type in ("select", "radio", "checklist"):
            return (
                "、".join(option.label for option in self.options if self.chosen(option)) or self.value_text
            )
        if self.type == "checkbox":
            return "是" if self.value in (True, "true", "on", "1") else "否"
        if isinstance(self.value, date):
            return f"{self.value.year}年{self.value.month}月{self.value.day}日"
        return self.value_text


class MultiValues(Protocol):
    """What a web framework calls a multi-dict."""

    def keys(self) -> Iterable[str]: ...
    def getlist(self, key: str, /) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Form:
    components: tuple[Component, ...]

    def fields(
        self,
        data: Mapping[str, Any],
        raw: Mapping[str, Any] | None = None,
        *,
        now: datetime,
    ) -> list[Field]:
        """What the page shows.

        :param data: the process data
        :param raw: what was typed so far (a draft, a refused submission): shown as it is, conditions follow
        :param now: business time, for FEEL's ``today()`` and ``now()``
        """
        return list(_Level(self.components, raw or {}, data, now).shown(self.components))

    def clean(self, raw: Mapping[str, Any], data: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
        """Typed values of the visible fields.

        :param raw: by key: text from a page or typed values from a program; a list's value is a list of
            mappings. Unknown keys are ignored.
        :param now: business time, for FEEL's ``today()`` and ``now()``
        :raises Invalid: ``errors`` by path (``目标[0].措施``), one sentence each
        """
        errors: dict[str, str] = {}
        values = _Level(self.components, raw, data, now).clean(self.components, errors)
        if errors:
            raise Invalid("form", f"有 {len(errors)} 处需要修改：{next(iter(errors.values()))}", errors)
        return values

    def record(self, values: Mapping[str, Any], data: Mapping[str, Any], *, now: datetime) -> list[Field]:
        """The fields as somebody handed them in: ``values`` stand, whatever the process data have become since."""
        settled = tuple(map(_settled, self.components))
        return list(_Level(settled, {}, {**data, **values}, now).shown(settled))

    def so_far(
        self, data: Mapping[str, Any], raw: Mapping[str, Any] | None, *, now: datetime
    ) -> dict[str, Any]:
        """The process data under what was typed so far, read leniently: what conditions are asked about."""
        return _Level(self.components, raw or {}, data, now).names

    def chosen(self, values: Mapping[str, Any]) -> list[str]:
        """How the radio buttons among the values read: what somebody decided."""
        return [
            option.label
            for component in _flat(self.components)
            if component.type == "radio"
            for option in component.options
            if option.value == values.get(component.key)
        ]

    def unflatten(self, sent: MultiValues) -> dict[str, Any]:
        """A page's names and texts as ``raw``: ``目标-0-措施`` goes to its row, rows in order of number."""
        names = list(sent.keys())
        raw: dict[str, Any] = {}
        for component in _flat(self.components):
            if component.type == "dynamiclist":
                if (rows := _rows_sent(component, names, sent)) is not None:
                    raw[component.key] = rows
            elif component.type in _INPUTS and component.key in names:
                raw[component.key] = _sent(component, component.key, sent)
        return raw

    @property
    def watched(self) -> frozenset[str]:
        """The fields whose values can change what else is shown: after each, the page asks for the form again."""
        return self.named(
            source
            for top in _flat(self.components)
            for component in (top, *top.children)
            for source in _leanings(component)
        )

    def named(self, expressions: Iterable[str]) -> frozenset[str]:
        """The fields, columns among them, that FEEL expressions speak of."""
        names = {name for source in expressions for name in _names(source)}
        every = (component for top in _flat(self.components) for component in (top, *top.children))
        return frozenset(component.key for component in every if component.key in names)

    @property
    def keys(self) -> tuple[str, ...]:
        """The process variables that the form can write."""
        return tuple(component.key for component in _flat(self.components) if component.key)


def _settled(component: Component) -> Component:
    """The component as a record shows it: what was handed in, and nothing made up now."""
    return replace(
        component,
        readonly=True,
        prefill=True,
        default=None,
        fixed_rows=False,
        repetitions=0,
        children=tuple(map(_settled, component.children)),
    )


def _leanings(component: Component) -> Iterator[str]:
    """The FEEL that decides whether and how a component is shown."""
    for source in (component.hide, component.options_expression, component.readonly):
        if source and isinstance(source, str):
            yield source
    for text in (component.label, component.description, component.text):
        if text.startswith("="):
            yield text[1:]


def _names(source: str) -> frozenset[str]:
    expression = feel.compile(source)
    return expression.free_names | expression.possible_names


# ---------------------------------------------------------------- loading


def load(content: bytes) -> Form:
    """Read a form.

    :raises Invalid: no form-js JSON, or components that cannot be rendered; ``errors`` by component id
    """
    problems: dict[str, str] = {}
    if len(content) > FILE_LIMIT:
        raise Invalid("form-file", f"表单文件超过 {FILE_LIMIT // 1024} KB。")
    try:
        schema = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_no_duplicates)
    except Invalid:
        raise
    except (ValueError, RecursionError):
        raise Invalid("form-file", "表单文件不是有效的 JSON。") from None
    if not isinstance(schema, dict) or not isinstance(schema.get("components"), list):
        raise Invalid("form-file", "表单文件里没有 components 列表，请用表单设计器保存后再上传。")
    loader = _Loader(problems)
    components = loader.components(schema["components"], _TYPES, set())
    if problems:
        name, sentence = next(iter(problems.items()))
        raise Invalid("form-component", f"表单组件“{name}”：{sentence}", problems)
    return Form(components)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        name = next(key for at, (key, _) in enumerate(pairs) if key in dict(pairs[:at]))
        raise Invalid("form-file", f"表单文件里同一对象的“{name[:60]}”写了两次。")
    return found


class _Loader:
    """Reads components and notes every problem under the component's id (or key, or place)."""

    def __init__(self, problems: dict[str, str]) -> None:
        self.problems = problems
        self.count = 0

    def components(self, drawn: Any, allowed: set[str], keys: set[str]) -> tuple[Component, ...]:
        found = []
        for at, one in enumerate(drawn if isinstance(drawn, list) else [drawn]):
            self.count += 1
            if not isinstance(one, dict):
                self.problems[f"第 {at + 1} 个组件"] = "不是对象。"
                continue
            name = str(one.get("id") or one.get("key") or f"第 {at + 1} 个组件")[:60]
            if self.count > COMPONENT_LIMIT:
                self.problems[name] = f"一个表单最多 {COMPONENT_LIMIT} 个组件。"
                break
            try:
                found.append(self.component(one, allowed, keys))
            except Invalid as problem:
                self.problems[name] = str(problem)
            except (TypeError, ValueError, AttributeError, ArithmeticError):
                self.problems[name] = "属性的类型不对，请用表单设计器检查。"
        return tuple(found)

    def component(self, one: dict[str, Any], allowed: set[str], keys: set[str]) -> Component:
        kind = one.get("type")
        if kind not in _TYPES:
            raise _wrong(f"不支持“{str(kind)[:30]}”类型的组件。")
        if kind not in allowed:
            raise _wrong(f"列表里不能放“{kind}”类型的组件。")
        if kind == "datetime" and one.get("subtype", "date") != "date":
            raise _wrong("日期时间组件只支持日期（subtype: date）。")
        if kind == "group" and one.get("path"):
            raise _wrong("分组不能有自己的路径（path），请留空。")
        key = self.key(one, kind, keys)
        rules, properties = one.get("validate") or {}, one.get("properties") or {}
        expression = str(one.get("valuesExpression") or "")
        return Component(
            type=kind,
            key=key,
            label=str(one.get("label") or ""),
            description=str(one.get("description") or ""),
            text=str(one.get("text") or ""),
            required=bool(rules.get("required")),
            readonly=_flag(one.get("readonly")) or _flag(one.get("disabled")),
            hide=_expression((one.get("conditional") or {}).get("hide")),
            default=_default_of(one, properties),
            prefill=str(properties.get("prefill", "true")).lower() != "false",
            min=_bound(rules.get("min")),
            max=_bound(rules.get("max")),
            min_length=int(rules.get("minLength") or 0),
            max_length=min(
                int(rules.get("maxLength") or TEXT_LIMITS.get(kind, 0)), TEXT_LIMITS.get(kind, ROW_LIMIT)
            ),
            decimal_digits=None if one.get("decimalDigits") is None else int(one["decimalDigits"]),
            pattern=compile_pattern(str(rules["pattern"])) if rules.get("pattern") else None,
            pattern_message=str(rules.get("patternErrorMessage") or ""),
            options=() if expression else _options(one.get("values") or ()),
            options_expression=_expression(expression),
            children=self.children(one, kind, keys),
            fixed_rows=one.get("allowAddRemove") is False,
            repetitions=max(0, min(int(one.get("defaultRepetitions", 1)), 20)),
            width=int((one.get("layout") or {}).get("columns") or 16),
        )

    def key(self, one: dict[str, Any], kind: str, keys: set[str]) -> str:
        if kind not in _INPUTS and kind != "dynamiclist":
            return ""
        key = one.get("key") or one.get("path")
        if not isinstance(key, str) or not _KEY.fullmatch(key) or len(key) > 60:
            raise _wrong("键（key）应是变量名：以汉字或字母开头，只含汉字、字母、数字和下划线。")
        if key in keys:
            raise _wrong(f"键“{key}”与另一个组件重复。")
        keys.add(key)
        return key

    def children(self, one: dict[str, Any], kind: str, keys: set[str]) -> tuple[Component, ...]:
        if kind == "group":
            return self.components(one.get("components") or [], _TYPES, keys)
        if kind == "dynamiclist":
            return self.components(one.get("components") or [], _INPUTS, set())
        return ()


def _wrong(sentence: str) -> Invalid:
    return Invalid("form-component", sentence)


def _flag(value: Any) -> bool | str:
    return _expression(value) if isinstance(value, str) and value.startswith("=") else bool(value)


def _expression(value: Any) -> str:
    """FEEL without its leading ``=``; checked for syntax."""
    if not value:
        return ""
    if not isinstance(value, str):
        raise _wrong("条件和表达式应写成 FEEL 文本。")
    source = value.removeprefix("=").strip()
    try:
        feel.compile(source)
    except (feel.FeelSyntaxError, feel.FeelLimitError) as error:
        raise _wrong(f"表达式“{source[:60]}”有误：{error}") from None
    return source


def _default_of(one: dict[str, Any], properties: Mapping[str, Any]) -> str | None:
    """Our FEEL default, else form-js's literal one as FEEL."""
    if "default" in properties:
        return _expression(str(properties["default"])) or None
    literal = one.get("defaultValue")
    return None if literal in (None, "", []) else json.dumps(literal, ensure_ascii=False)


def _bound(value: Any) -> Any:
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.startswith("="):
        return "=" + _expression(value)
    if isinstance(value, str) and (day := _day(value)):
        return day
    return Decimal(str(value))


def _options(values: Any) -> tuple[Option, ...]:
    """Options from texts or from ``{label, value}``; anything else counts as its text."""
    found = []
    for one in values:
        if isinstance(one, Mapping):
            value = one.get("value")
            found.append(Option(value, str(one.get("label") or _as_text(value))))
        else:
            found.append(Option(one, _as_text(one)))
    return tuple(option for option in found if option.value is not None)


# ---------------------------------------------------------------- filling


def _flat(components: Iterable[Component]) -> Iterator[Component]:
    """The components with groups opened."""
    for component in components:
        yield component
        if component.type == "group":
            yield from _flat(component.children)


class _Level:
    """A form being filled, or one row of a list in it.

    :ivar names: what FEEL sees: process data under the level's own values, read leniently
    """

    def __init__(
        self,
        components: tuple[Component, ...],
        raw: Mapping[str, Any],
        data: Mapping[str, Any],
        now: datetime,
        around: _Level | None = None,
        prefix: tuple[str, str] = ("", ""),
    ) -> None:
        self.components, self.raw, self.data, self.prefix = components, raw, data, prefix
        self.now = local(now)  # today() is the day on the wall
        self.names: dict[str, Any] = {**(around.names if around else {}), **data}
        for component in _flat(components):
            if component.key:
                self.names[component.key] = self.lenient(component)

    def evaluate(self, source: str) -> Any:
        """The value; null where it asks for too much, or where a variable's name breaks it: the page must open."""
        try:
            return feel.evaluate(source, self.names, now=self.now)
        except (feel.FeelLimitError, feel.FeelSyntaxError):
            return None

    def resolve(self, value: Any) -> Any:
        """A literal, or what its FEEL says."""
        return self.evaluate(value[1:]) if isinstance(value, str) and value.startswith("=") else value

    def holds(self, condition: str | bool) -> bool:
        return (
            self.evaluate(condition) is True
            if isinstance(condition, str) and condition
            else condition is True
        )

    def label(self, component: Component) -> str:
        return str(self.resolve(component.label) or component.key)

    def options(self, component: Component) -> tuple[Option, ...]:
        if not component.options_expression:
            return component.options
        found = self.evaluate(component.options_expression)
        return _options(found if isinstance(found, list) else () if found is None else [found])

    def initial(self, component: Component) -> Any:
        """What the field starts with."""
        value = self.data.get(component.key) if component.prefill else None
        if value is None and component.default is not None:
            value = self.evaluate(component.default)
        return value

    def lenient(self, component: Component) -> Any:
        """The value as far as it can be read: what conditions and options are asked about."""
        if component.key not in self.raw or self.holds(component.readonly):
            return self.initial(component)
        if component.type == "dynamiclist":
            keys = [child.key for child in component.children]
            return [{**row.data, **{key: row.names[key] for key in keys}} for row in self.rows(component)]
        try:
            return self.read(component, self.raw[component.key])
        except ValueError:
            return None

    def rows(self, component: Component) -> list[_Level]:
        """A list's rows. Rows that people add or remove have no counterpart in the process data."""
        given, known = _mappings(self.raw.get(component.key)), _mappings(self.initial(component))
        if component.fixed_rows:
            pairs = [(given[at] if at < len(given) else {}, row) for at, row in enumerate(known)]
        elif component.key in self.raw:
            pairs = [(row, {}) for row in given[: ROW_LIMIT + 1]]
        else:
            pairs = [({}, row) for row in known or [{}] * component.repetitions]
        key = self.prefix[0] + component.key
        return [
            _Level(component.children, raw, data, self.now, self, (f"{key}-{at}-", f"{key}[{at}]."))
            for at, (raw, data) in enumerate(pairs)
        ]

    # what the page shows

    def shown(self, components: Iterable[Component]) -> Iterator[Field]:
        for component in components:
            if not self.holds(component.hide):
                yield self.field(component)

    def field(self, component: Component) -> Field:
        value: Any = None
        readonly = self.holds(component.readonly)
        if component.key and (readonly or component.key not in self.raw):
            value = self.initial(component)
        elif component.key:
            value = self.raw[component.key]
        fields: tuple[Field, ...] = ()
        rows: tuple[tuple[Field, ...], ...] = ()
        if component.type == "group":
            fields = tuple(self.shown(component.children))
        elif component.type == "dynamiclist":
            blank = _Level(component.children, {}, {}, self.now, self, (f"{component.key}-#-", ""))
            fields = tuple(map(blank.field, component.children))
            rows = tuple(tuple(row.shown(row.components)) for row in self.rows(component))
        return Field(
            type=component.type,
            name=self.prefix[0] + component.key,
            path=self.prefix[1] + component.key,
            label=self.label(component),
            description=str(self.resolve(component.description) or ""),
            text=str(self.resolve(component.text) or ""),
            value=value,
            required=component.required,
            readonly=readonly,
            options=self.options(component),
            fields=fields,
            rows=rows,
            fixed_rows=component.fixed_rows,
            width=component.width,
            min=self.resolve(component.min),
            max=self.resolve(component.max),
            max_length=component.max_length,
        )

    # what was handed in

    def clean(self, components: Iterable[Component], errors: dict[str, str]) -> dict[str, Any]:
        """Typed values of the visible fields; what is wrong goes to ``errors`` by path."""
        values: dict[str, Any] = {}
        for component in components:
            if self.holds(component.hide):
                for inner in _flat((component,)):
                    self.names[inner.key] = None  # later fields must not lean on what nobody saw
            elif component.type == "group":
                values |= self.clean(component.children, errors)
            elif component.key:
                try:
                    value = self.value(component, errors)
                except ValueError as problem:
                    errors[self.prefix[1] + component.key] = str(problem)
                    continue
                if value is not _NOTHING:
                    values[component.key] = self.names[component.key] = value
        return values

    def value(self, component: Component, errors: dict[str, str]) -> Any:
        """The typed value of a visible field, or ``_NOTHING`` where it is left alone.

        :raises ValueError: the sentence for the person
        """
        if self.holds(component.readonly):
            value = self.initial(component)
            return _NOTHING if value is None else value
        if component.key in self.raw:
            given = self.raw[component.key]
        elif component.default is not None:
            given = self.initial(component)
        elif component.required:
            raise ValueError(self.asked(component))
        else:
            return _NOTHING
        if component.type == "dynamiclist":
            return self.list_value(component, errors)
        value = self.read(component, given)
        if component.required and (value is None or value is False or value == []):
            raise ValueError(self.asked(component))
        if value is not None:
            self.check(component, value)
        return value

    def list_value(self, component: Component, errors: dict[str, str]) -> list[dict[str, Any]]:
        """:raises ValueError: too few or too many rows; what is wrong in a row goes to ``errors``"""
        found = []
        rows = self.rows(component)
        most = component.max_length or ROW_LIMIT
        if len(rows) > most:
            raise ValueError(f"最多 {most} 行")
        for row in rows:
            if component.fixed_rows or not _is_blank(component, row.raw or row.data):
                empty = dict.fromkeys(child.key for child in component.children)
                found.append({**empty, **row.data, **row.clean(row.components, errors)})
        least = max(component.min_length, 1 if component.required else 0)
        if len(found) < least:
            raise ValueError(f"请至少填写 {least} 行" if least > 1 else self.asked(component))
        return found

    def read(self, component: Component, given: Any) -> Any:
        """The typed value; None where nothing was given.

        :raises ValueError: no value of this type
        """
        match component.type:
            case "textfield" | "textarea":
                return _text(component, given)
            case "number":
                return _number(component, given)
            case "checkbox":
                return given in (True, "true", "on", "1", "是")
            case "datetime":
                return _date(given)
            case "checklist":
                chosen = given if isinstance(given, (list, tuple)) else [given]
                options = self.options(component)
                return [_choice(options, one) for one in dict.fromkeys(map(_as_text, chosen)) if one != ""]
        if isinstance(given, (list, tuple, dict)):
            raise ValueError("只能选择一项")
        return None if _as_text(given) == "" else _choice(self.options(component), _as_text(given))

    def check(self, component: Component, value: Any) -> None:
        """:raises ValueError: out of the component's bounds"""
        if isinstance(value, str) and component.type in TEXT_LIMITS:
            if len(value) < component.min_length:
                raise ValueError(f"至少 {component.min_length} 个字，现在 {len(value)} 个")
            if len(value) > component.max_length:
                raise ValueError(f"最多 {component.max_length} 个字，现在 {len(value)} 个")
            if component.pattern and (len(value) > LONGEST or not component.pattern.fullmatch(value)):
                raise ValueError(component.pattern_message or "格式不正确")
        elif component.type in ("number", "datetime"):
            low, high = self.resolve(component.min), self.resolve(component.max)
            words = ("早于", "晚于") if component.type == "datetime" else ("小于", "大于")
            if _comparable(low, value) and value < low:
                raise ValueError(f"不能{words[0]} {_as_text(low)}")
            if _comparable(high, value) and value > high:
                raise ValueError(f"不能{words[1]} {_as_text(high)}")

    def asked(self, component: Component) -> str:
        match component.type:
            case "select" | "radio" | "checklist":
                return f"请选择“{self.label(component)}”"
            case "checkbox":
                return f"请勾选“{self.label(component)}”"
        return f"请填写“{self.label(component)}”"


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, (list, tuple)) else []


def _is_blank(component: Component, row: Mapping[str, Any]) -> bool:
    """Has nobody typed into this row? A choice that started filled does not count."""
    return all(
        row.get(child.key) in (None, [], False, "false")
        or _as_text(row[child.key]).strip() in ("", (child.default or "").strip('"'))
        for child in component.children
    )


def _comparable(bound: Any, value: Any) -> bool:
    numbers = (int, Decimal)
    if isinstance(value, numbers):
        return isinstance(bound, numbers)
    return type(bound) is type(value)


def _text(component: Component, given: Any) -> str | None:
    if isinstance(given, (list, tuple, dict, bool)):
        raise ValueError("请输入文字")
    text = _UNPRINTABLE.sub("", _as_text(given)).replace("\r\n", "\n").replace("\r", "\n").strip()
    if component.type == "textfield":
        text = " ".join(text.split("\n"))
    return text or None


def _number(component: Component, given: Any) -> int | Decimal | None:
    if isinstance(given, (bool, list, tuple, dict)):
        raise ValueError("请输入数字")
    text = unicodedata.normalize(
        "NFKC", _as_text(given)
    ).strip()  # an input method's full-width digits are digits
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise ValueError("请输入数字")
    number = Decimal(text)
    digits = component.decimal_digits
    if digits is not None and -int(number.as_tuple().exponent) > digits:
        raise ValueError(f"最多 {digits} 位小数" if digits else "请输入整数")
    return int(number) if "." not in text else number


def _day(text: str) -> date | None:
    """2026-04-30, 2026/4/30 or 2026年4月30日; None for anything else."""
    match = _DATE.fullmatch(text.strip())
    try:
        return date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def _date(given: Any) -> date | None:
    if isinstance(given, date) and not isinstance(given, datetime):
        return given
    text = given.strip() if isinstance(given, str) else _as_text(given)
    if not text:
        return None
    if (day := _day(unicodedata.normalize("NFKC", text))) is None:
        raise ValueError("请输入日期，如 2026-04-30")
    return day


def _choice(options: Sequence[Option], given: str) -> Any:
    for option in options:
        if _as_text(option.value) == given:
            return option.value
    raise ValueError("所选的项不在允许的范围内，请重新选择")


def _as_text(value: Any) -> str:
    """The text that a page would hand in for the value."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (float, Decimal)) and -(10**20) < value < 10**20:
        return format(Decimal(str(value)), "f")
    return value.isoformat() if isinstance(value, date) else str(value)


# ---------------------------------------------------------------- a page's names


def _sent(component: Component, name: str, sent: MultiValues) -> Any:
    """A checklist gives all its values; of a box and its hidden twin the last one speaks."""
    values = sent.getlist(name)
    if component.type == "checklist":
        return [value for value in values if value]
    return values[-1] if values else ""


def _rows_sent(component: Component, names: Sequence[str], sent: MultiValues) -> list[dict[str, Any]] | None:
    children = {child.key: child for child in component.children}
    rows: dict[int, dict[str, Any]] = {}
    for name in names:
        match name.split("-"):
            case [component.key, number, key] if key in children and number.isdecimal() and len(number) < 7:
                rows.setdefault(int(number), {})[key] = _sent(children[key], name, sent)
    if not rows and component.key not in names:
        return None
    return [rows[number] for number in sorted(rows)]
