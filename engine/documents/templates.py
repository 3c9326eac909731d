"""Word templates: a .docx with ``{{ field }}`` tags, read as hostile input, compiled once, filled in milliseconds.

The tag language is what a form letter needs of Jinja, in the notation of docxtpl (``tags``): fields, ``for``, ``if``, comparisons and the
filters below. Whatever else Jinja knows is refused when the template is loaded, so that no template can reach Python, however it
was edited. ``doc_templates/README.md`` is the designer's page.
"""

from __future__ import annotations

import re
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from typing import Any, NoReturn

from jinja2 import TemplateError, Undefined, nodes, pass_context
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from lxml import etree
from markupsafe import Markup, escape

from engine.documents import fitting, tags
from engine.documents.chinese import date_cn, date_words, decimal, money_cn, num_cn, year_words
from engine.documents.fields import Field, FieldReader
from engine.documents.inserts import Files, Inserts
from engine.documents.package import parse_xml, read_package, write_package
from engine.documents.places import W, paragraphs
from engine.documents.screening import screen
from engine.documents.tags import Tag, refuse
from engine.errors import Invalid

MAX_NESTING = 3  # loops within loops
MAX_VALUES = 20_000  # strings, numbers and dates that one filling takes
MAX_TEXT = 2_000_000  # characters of all values together
MAX_DIGITS = 100  # of a number
MAX_PASSES = 20_000  # passes through all loops together
MAX_SECONDS = 10.0  # of this thread's processor time for one filling
MAX_HEADING = 24  # characters; a longer first sentence is text
MAX_OUTPUT = 8 * 1024 * 1024  # characters of all filled parts
MAX_MARKS = 600_000  # of markup in them; an element takes some hundred times the memory of its characters
MAX_NODES = 10_000  # of all expressions of a part
MAX_LEVELS = 6  # of names after each other: 甲.乙.丙
CACHED = 48 * 1024 * 1024  # bytes of the templates that are kept compiled

_TAGGED_PARTS = re.compile(r"word/(document|header\d*|footer\d*|footnotes|endnotes)\.xml")
_MARKER = re.compile(r"⟦(签名|印章):([^⟦⟧]+)⟧")
_NOT_XML = re.compile("[^\n\t\u0020-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]")


class Template:
    """A compiled template. Immutable, shared between threads.

    :param content: the .docx as uploaded
    :raises Invalid: no sound .docx (``not-a-docx``, ``package-too-big``), one that carries code, foreign content or links
        (``unsafe-template``), or a tag that the language does not have (``template-syntax``); with the place
    """

    def __init__(self, content: bytes) -> None:
        parts = screen(read_package(content))
        self.digest = sha256(content).hexdigest()
        self._static: dict[str, bytes] = {}
        self._filled: list[tuple[str, Any, dict[int, Tag]]] = []
        reader, slots, count = FieldReader(), dict[tuple[str, str], None](), 0
        for name, part in parts.items():
            root = parse_xml(part) if _TAGGED_PARTS.fullmatch(name) else None
            found, source, by_line = ([], "", {}) if root is None else _read(name, root, slots)
            count += len(found)
            if count > tags.MAX_TAGS:
                raise Invalid("package-too-big", f"模板的标签超过 {tags.MAX_TAGS} 个，请分成几个模板。")
            if found:
                reader.read(_checked(found), found)
                self._filled.append((name, _compiled(source), by_line))
            else:
                self._static[name] = part
        self.size = 4 * sum(map(len, parts.values()))  # about what it takes in memory
        self.fields: tuple[Field, ...] = reader.fields()
        self.slots: tuple[tuple[str, str], ...] = tuple(slots)
        """Places for signatures: (签名 or 印章, slot) in the order of the text."""

    @staticmethod
    def load(content: bytes) -> Template:
        """The same, compiled only once for the same bytes."""
        return _compiled_once(content)

    def fill(self, data: Mapping[str, Any], files: Files | None = None) -> bytes:
        """The filled .docx; equal data give equal bytes. Signature markers are still in it.

        :param data: process values; fields that the template does not know are ignored
        :param files: the content of a stored file by its digest, for pictures and sub-documents that the data names so
        :raises Invalid: ``missing-field`` with the field named as in ``目标[0].措施``; ``bad-value`` for a value that no
            document can hold; ``document-too-big``; as ``screening.screen`` for a sub-document
        """
        budget, inserts = _Budget(), Inserts(files)
        values = budget.clean(data, "")
        parts, size, marks = dict(self._static), 0, 0
        for name, compiled, by_line in self._filled:
            inserts.part, pieces = name, []
            with _placed(by_line):
                for piece in compiled.generate(values, _inserts=inserts, _budget=budget):
                    budget.check_time()
                    size += len(piece)
                    marks += piece.count("<")
                    if size > MAX_OUTPUT or marks > MAX_MARKS:
                        raise Invalid("document-too-big", "填写后的文件过大，请减少内容。")
                    pieces.append(piece)
            parts[name] = _whole("".join(pieces).encode())
        inserts.finish(parts)
        return write_package(parts)


@contextmanager
def _placed(by_line: Mapping[int, Tag]) -> Iterator[None]:
    """A value that does not fit its tag is told with the tag and its place; a field that is missing names itself.

    :raises Invalid: ``bad-value``
    """
    try:
        yield
    except Invalid as error:
        tag = _tag_of(error, by_line)
        if tag is None or error.code != "bad-value" or "tag" in error.details:
            raise
        message = f"{error}位置：{tag.place}，标签 {tag.text}。"
        raise Invalid(error.code, message, error.errors, place=tag.place, tag=tag.text) from error
    except (TypeError, ValueError, AttributeError, ArithmeticError, LookupError) as error:
        tag = _tag_of(error, by_line)
        where = f"位置：{tag.place}，标签 {tag.text}。" if tag else ""
        message = f"所给的值不能这样填写，文件没有生成。{where}"
        raise Invalid("bad-value", message, place=tag and tag.place, tag=tag and tag.text) from error


def _tag_of(error: Exception, by_line: Mapping[int, Tag]) -> Tag | None:
    """Jinja puts the lines of its source into the trace."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == "<template>"]
    return by_line.get(lines[-1] or 0) if lines else None


_kept: OrderedDict[str, tuple[Template, int]] = OrderedDict()
_kept_lock = threading.Lock()


def _compiled_once(content: bytes) -> Template:
    digest = sha256(content).hexdigest()
    with _kept_lock:
        if digest in _kept:
            _kept.move_to_end(digest)
            return _kept[digest][0]
    made = Template(content)
    with _kept_lock:
        made = _kept.setdefault(digest, (made, made.size))[0]
        while sum(size for _, size in _kept.values()) > CACHED and len(_kept) > 1:
            _kept.popitem(last=False)
    return made


def places_in(docx: bytes) -> list[str]:
    """The places for signatures that a filled document still has, in the order of the text."""
    name = "word/document.xml"
    text = "\n".join(one.text for one in paragraphs(name, parse_xml(read_package(docx)[name])))
    return [slot for _, slot in dict.fromkeys(_MARKER.findall(text))]


def _read(
    name: str, root: etree._Element, slots: dict[tuple[str, str], None]
) -> tuple[list[Tag], str, dict[int, Tag]]:
    for paragraph in paragraphs(name, root):
        slots |= dict.fromkeys(_MARKER.findall(paragraph.text))
    return tags.read(name, root)


def _checked(found: Sequence[Tag]) -> nodes.Template:
    """The tree of the tags alone, whose lines tell which tag is at fault."""
    try:
        tree = _ENVIRONMENT.parse(tags.skeleton(found))
        _check_syntax(tree, found)
    except TemplateError as error:
        line = getattr(error, "lineno", 0) or 0
        refuse(f"模板标签有误：{error.message}。", found[min(line, len(found)) - 1] if line else None)
    except RecursionError:
        refuse("标签里的写法嵌套过深，请简化。")
    return tree


def _compiled(source: str) -> Any:
    try:
        _check_syntax(_ENVIRONMENT.parse(source), ())
        return _ENVIRONMENT.from_string(source)
    except (TemplateError, RecursionError, MemoryError, SyntaxError) as error:
        refuse(f"模板标签有误：{error}。")


def _whole(content: bytes) -> bytes:
    """The part as it goes into the file. A cell whose last paragraph has left gets an empty one: Word wants it."""
    root, changed = parse_xml(content), False
    for cell in root.iter(f"{W}tc"):
        if not len(cell) or cell[-1].tag != f"{W}p":
            etree.SubElement(cell, f"{W}p")
            changed = True
    if changed:
        content = etree.tostring(root, encoding="UTF-8")
    return b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n' + content


# ---- the language -------------------------------------------------------------------------------------------------

_NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.For, nodes.If, nodes.Filter,
    nodes.Const, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.CondExpr, nodes.Test,
)  # fmt: skip
_LOOP = {"index", "index0", "first", "last", "length"}


def _check_syntax(tree: nodes.Template, found: Sequence[Tag]) -> None:
    """:param found: the tags by line, or none where the lines mean nothing"""

    def bad(message: str, node: nodes.Node) -> NoReturn:
        refuse(message, found[node.lineno - 1] if found else None)

    count = 0

    def check(node: nodes.Node, depth: int, levels: int = 0) -> None:
        nonlocal count
        count += not isinstance(node, (nodes.TemplateData, nodes.Output))
        if count > MAX_NODES:
            raise Invalid("package-too-big", f"模板中的字段和条件超过 {MAX_NODES} 处，请分成几个模板。")
        if not isinstance(node, _NODES):
            bad(f"模板中不能使用这种写法（{type(node).__name__}），只能用字段、for、if、比较和过滤器。", node)
        if isinstance(node, nodes.Filter) and (
            node.name not in _FILTERS
            or (found and node.name == "子文档" and found[node.lineno - 1].kind != "p")
        ):
            if node.name == "子文档":
                bad("子文档单独成段，写成 {{p 字段 }}。", node)
            names = "、".join(name for name in _FILTERS if name != "子文档")
            bad(f"模板中没有过滤器“{node.name}”，可用：{names}。", node)
        if isinstance(node, nodes.Test) and node.name != "defined":
            bad(f"模板中没有检验“{node.name}”，可用：defined。", node)
        if isinstance(node, nodes.Getattr):
            loop = isinstance(node.node, nodes.Name) and node.node.name == "loop"
            levels += 1
            if levels > MAX_LEVELS:
                bad(f"字段的下级最多 {MAX_LEVELS} 层。", node)
            if node.attr.startswith("_") or (loop and node.attr not in _LOOP):
                bad(f"模板中不能使用“{node.attr}”。", node)
        if isinstance(node, nodes.Name) and (
            node.name.startswith("_") or (node.ctx == "store" and node.name == "loop")
        ):
            bad(f"模板中不能使用名称“{node.name}”。", node)
        if isinstance(node, nodes.For):
            if node.recursive or node.test or not isinstance(node.target, nodes.Name):
                bad("for 只能写成“for 行 in 字段”。", node)
            depth += 1
            if depth > MAX_NESTING:
                bad(f"for 最多嵌套 {MAX_NESTING} 层。", node)
        for child in node.iter_child_nodes():
            check(child, depth, levels)

    check(tree, 0)


# ---- values -------------------------------------------------------------------------------------------------------


class _Record(dict[str, Any]):
    """A row or table of the data that knows where it stands, so that what it lacks can be named."""

    path = ""


class _Rows(list[Any]):
    """A list of the data; every pass through it is counted."""

    budget: _Budget

    def __iter__(self) -> Iterator[Any]:
        for item in super().__iter__():
            self.budget.passes -= 1
            if self.budget.passes < 0:
                raise Invalid("document-too-big", "模板的循环次数过多，请减少行数。")
            self.budget.check_time()
            yield item

    def __contains__(self, wanted: object) -> bool:
        return any(item == wanted for item in self)

    def like(self, items: Iterable[Any]) -> _Rows:
        rows = _Rows(items)
        rows.budget = self.budget
        return rows


class _Budget:
    """What one filling may take, and the data made safe on the way in."""

    def __init__(self) -> None:
        self.values, self.text, self.passes = MAX_VALUES, MAX_TEXT, MAX_PASSES
        self._until = time.thread_time() + MAX_SECONDS

    def check_time(self) -> None:
        """A template can ask for more work than its limits on data forbid."""
        if time.thread_time() > self._until:
            raise Invalid("document-too-big", "填写这个模板费时过长，已停止；请简化模板。")

    def clean(self, value: Any, path: str) -> Any:
        """Plain values only. ``None`` is the same as not there."""
        self.values -= 1
        if self.values < 0 or self.text < 0:
            raise Invalid("document-too-big", "填写的内容过多，请减少行数或文字。")
        if isinstance(value, Mapping):
            prefix = f"{path}." if path else ""
            record = _Record(
                (str(key), self.clean(item, f"{prefix}{key}"))
                for key, item in value.items()
                if item is not None
            )
            record.path = path
            return record
        if isinstance(value, (list, tuple)):
            rows = _Rows(self.clean(item, f"{path}[{n}]") for n, item in enumerate(value) if item is not None)
            rows.budget = self
            return rows
        if isinstance(value, bytes):
            return value  # a picture or a file; how much of them is taken is for ``Inserts`` to say
        if isinstance(value, str) and value.startswith("data:image/"):
            return value
        if isinstance(value, str):
            self.text -= len(value)
            value = value.replace("\r\n", "\n").replace("\r", "\n")
            if _NOT_XML.search(value):
                raise _bad_value(path, "含有不能写进文件的控制字符")
            if _MARKER.search(value):
                # Or a person could open a place for another's signature by typing it into a form.
                raise _bad_value(path, "含有签名处标记")
            return value
        if isinstance(value, (bool, int, float, Decimal, date)):
            if isinstance(value, (float, Decimal)) and not Decimal(value).is_finite():
                raise _bad_value(path, "不是有限的数")
            if not isinstance(value, date) and not _is_short(value):
                raise _bad_value(path, "的数字过长，不能写出")
            return value
        raise _bad_value(path, f"是 {type(value).__name__}，不能填入文件")


def _is_short(number: int | float | Decimal) -> bool:
    """Can it be written out? ``Decimal('1E+999999999')`` would be a gigabyte of digits."""
    if isinstance(number, int):
        return number.bit_length() < 3 * MAX_DIGITS
    parts = Decimal(str(number)).as_tuple()
    return len(parts.digits) < MAX_DIGITS and abs(int(parts.exponent)) < MAX_DIGITS


def _bad_value(path: str, why: str) -> Invalid:
    return Invalid("bad-value", f"字段“{path}”{why}，请修改后再试。", {path: f"{why}。"}, field=path)


class _Missing(Undefined):
    """A field without value: false in a condition, an error anywhere else."""

    def _fail_with_undefined_error(self, *args: Any, **kwargs: Any) -> NoReturn:
        path = str(self._undefined_name)
        raise Invalid("missing-field", f"缺少字段“{path}”，文件没有生成。", {path: "此项必填。"}, field=path)

    __str__ = __iter__ = __len__ = __eq__ = __ne__ = __hash__ = _fail_with_undefined_error

    def __bool__(self) -> bool:
        return False


def _printed(value: Any) -> Markup:
    """A value as people read it; line breaks and tabs become Word's own."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, Undefined):
        str(value)
    text = escape(as_text(value))
    for character, element in (("\n", "<w:br/>"), ("\t", "<w:tab/>")):
        text = text.replace(character, Markup(f'</w:t>{element}<w:t xml:space="preserve">'))
    return text


def as_text(value: Any) -> str:
    """``2026年3月5日`` for a date or (in Shanghai) a moment, ``3.5`` for ``Decimal('3.50')``, 是/否 for a truth value."""
    match value:
        case str():
            return value
        case bool():
            return "是" if value else "否"
        case int():
            return str(value)
        case float() | Decimal():
            text = f"{Decimal(str(value)):f}"
            return text.rstrip("0").rstrip(".") if "." in text else text
        case date():
            return date_cn(value)
        case _:
            path = getattr(value, "path", "")
            raise Invalid(
                "template-syntax",
                f"模板把有下级内容的字段{path and f'“{path}”'}当作文字填写，请写出下级字段。",
            )


# ---- filters ------------------------------------------------------------------------------------------------------


def _paragraphs(value: Any) -> list[_Record]:
    """Text by paragraph: {级, 小标题, 文字}. 级 1 is a line “一、…” without full stop, 2 one that starts with “（一）…”, whose first
    sentence is the 小标题 (GB/T 9704-2012, 7.3.3)."""
    if isinstance(value, Undefined):
        str(value)
    lines = value if isinstance(value, _Rows) else as_text(value).split("\n")
    out = []
    for line in (as_text(line).strip() for line in lines):
        if not line:
            continue
        level, heading, text = 0, "", line
        if re.match(r"[一二三四五六七八九十]+、", line) and "。" not in line:
            level = 1
        elif re.match(r"（[一二三四五六七八九十]+）", line):
            level = 2
            if 0 < (stop := line.find("。") + 1) <= MAX_HEADING:
                heading, text = line[:stop], line[stop:]
        out.append(_Record(级=level, 小标题=heading, 文字=text))
    return out


def _grouped(rows: Any, column: str) -> list[_Record]:
    """Neighbours with the same value in ``column``: {名称, 行}."""
    if not isinstance(rows, _Rows):
        str(rows)
        raise Invalid("template-syntax", "“分组”只能用于列表。")
    groups: list[_Record] = []
    for row in rows:
        name = _ENVIRONMENT.getattr(row, column)
        if isinstance(name, Undefined):
            str(name)
        if not groups or groups[-1]["名称"] != name:
            groups.append(_Record(名称=name, 行=rows.like([])))
        groups[-1]["行"].append(row)
    return groups


def _length(value: Any) -> int:
    return len(value)


def _longest(values: Iterable[Any]) -> int:
    return max((len(as_text(value)) for value in values), default=0)


def _unsealed_issuer(issuer: Any, dated: Any) -> str:
    """署名 without a seal, moved to its place on a line of 28 characters: it ends two before the edge, or earlier where the date
    below, which starts two characters further right, would come nearer than two (GB/T 9704-2012, 7.3.5.2)."""
    name, day = as_text(issuer), as_text(dated)
    width = sum(1 if character > "\u02ff" else 0.5 for character in day)
    return "\u3000" * int(min(26 - len(name), 24 - width)) + name


def _unsealed_date(dated: Any, issuer: Any) -> str:
    name = _unsealed_issuer(issuer, dated)
    return name[: len(name) - len(as_text(issuer))] + "\u3000" * 2 + as_text(dated)


def _inserts(context: Context) -> Inserts:
    context.resolve("_budget").check_time()
    found = context.resolve("_inserts")
    assert isinstance(found, Inserts)
    return found


@pass_context
def _picture(context: Context, value: Any, millimetres: Any = None, alt: Any = "图片") -> Markup:
    if isinstance(value, Undefined):
        str(value)
    return _inserts(context).picture(value, millimetres, as_text(alt))


@pass_context
def _qr(context: Context, value: Any, millimetres: Any = None) -> Markup:
    if isinstance(value, Undefined):
        str(value)
    return _inserts(context).qr(as_text(value), millimetres)


@pass_context
def _subdocument(context: Context, value: Any) -> Markup:
    if isinstance(value, Undefined):
        str(value)
    return _inserts(context).subdocument(value)


def _timed(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """Asked of the clock at every call, and never called while a template is compiled."""

    @pass_context
    def call(context: Context, value: Any, *arguments: Any) -> Any:
        context.resolve("_budget").check_time()
        return filter_(value, *arguments)

    return call


_FILTERS: dict[str, Callable[..., Any]] = {
    "日期": date_cn,
    "date_cn": date_cn,
    "日期汉字": date_words,
    "年份汉字": year_words,
    "中文数字": num_cn,
    "num_cn": num_cn,
    "大写金额": money_cn,
    "money_cn": money_cn,
    "段落": _paragraphs,
    "分组": _grouped,
    "图片": _picture,
    "二维码": _qr,
    "子文档": _subdocument,
    "default": lambda value, other="": other if isinstance(value, Undefined) else value,
    "join": lambda value, by="": by.join(as_text(item) for item in value),
    "length": _length,
    "最长": _longest,
    "行数": lambda value, width: fitting.line_count(as_text(value), int(width)),
    "截行": lambda value, lines, width: fitting.cut(as_text(value), int(lines), int(width)),
    "署名": _unsealed_issuer,
    "署名日期": _unsealed_date,
    "trim": lambda value: as_text(value).strip(),
    "round": lambda value, digits=0: decimal(value).quantize(
        Decimal(1).scaleb(-max(min(int(digits), 10), 0)), ROUND_HALF_UP
    ),
}


_INSERTING = {"图片", "二维码", "子文档"}


class _Environment(ImmutableSandboxedEnvironment):
    """Names lead to data and nowhere else: there is no attribute of a Python object that a template can reach."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, _Record):
            if attribute in obj:
                return obj[attribute]
            return self.undefined(name=f"{obj.path}.{attribute}" if obj.path else attribute)
        if isinstance(obj, LoopContext):
            return super().getattr(obj, attribute)
        if isinstance(obj, Undefined):
            return self.undefined(name=f"{obj._undefined_name}.{attribute}")
        raise Invalid("bad-value", f"字段的值“{as_text(obj)[:40]}”没有下级“{attribute}”。")

    def getitem(self, obj: Any, argument: Any) -> Any:
        return self.getattr(obj, str(argument))


def _environment() -> _Environment:
    environment = _Environment(
        autoescape=True, undefined=_Missing, finalize=_printed, keep_trailing_newline=True
    )
    environment.globals.clear()
    environment.filters = {
        name: filter_ if name in _INSERTING else _timed(filter_) for name, filter_ in _FILTERS.items()
    }
    environment.tests = {"defined": environment.tests["defined"]}
    return environment


_ENVIRONMENT = _environment()
