"""Word templates: a .docx with ``{{ field }}`` tags, read as hostile input, compiled once, filled in milliseconds.

The tag language is docxtpl's (``{{ }}``, ``{%p %}``, ``{%tr %}``, ``{% vm %}``) cut down to what a form letter needs: fields,
``for``, ``if``, comparisons and the filters below. Whatever else Jinja knows is refused when the template is loaded, so that
no template can reach Python, however it was edited. ``doc_templates/README.md`` is the designer's page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from hashlib import sha256
from typing import Any, NoReturn

from docxtpl import DocxTemplate
from jinja2 import TemplateError, Undefined, nodes
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from lxml import etree
from markupsafe import Markup, escape

from engine.clock import local
from engine.documents import fitting
from engine.documents.package import content_types, parse_xml, read_package, write_package
from engine.errors import Invalid

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
RELATIONSHIP = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"

MAX_TEMPLATE_PART = 3 * 1024 * 1024
MAX_TAGS = 2000
MAX_TAG = 300  # characters
MAX_NESTING = 3  # loops within loops
MAX_VALUES = 20_000  # strings, numbers and dates that one filling takes
MAX_TEXT = 2_000_000  # characters of all values together
MAX_PASSES = 20_000  # passes through all loops together
MAX_HEADING = 24  # characters; a longer first sentence is text
MAX_OUTPUT = 15 * 1024 * 1024  # bytes of one filled part

_TAGGED_PARTS = re.compile(r"word/(document|header\d*|footer\d*|footnotes|endnotes)\.xml")
_MARKER = re.compile(r"⟦(签名|印章):([^⟦⟧]+)⟧")
_NOT_XML = re.compile("[^\n\t\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# docxtpl puts a merged cell's vMerge last; the schema wants it before vAlign, and so may Word.
_MERGE = re.compile(r"(<w:vAlign [^>]*/>)(<w:vMerge w:val=\"\{% if loop\.first %\}.*?/>)")
_CLOSERS = {"{{": "}}", "{%": "%}", "{#": "#}"}

# What a letter needs of Word's fields. Others run programs (DDE), read files (INCLUDETEXT) or call home (LINK).
_WORD_FIELDS = {"PAGE", "NUMPAGES", "SECTIONPAGES", "SECTION", "SEQ", "REF", "PAGEREF", "TOC"}
_ACTIVE = {
    "vbaProject": "宏",
    "oleObject": "嵌入的 OLE 对象",
    "package": "嵌入的文件",
    "control": "ActiveX 控件",
    "aFChunk": "外部内容块（altChunk）",
    "attachedTemplate": "附加模板",
    "frame": "框架",
    "subDocument": "子文档",
    "mailMergeSource": "邮件合并数据源",
}


@dataclass(frozen=True, slots=True)
class Field:
    """What a template wants to know.

    :ivar name: as in the data
    :ivar required: a filling without it is refused
    :ivar many: a list; with ``parts`` a list of rows
    :ivar parts: the columns of a row, or the entries of a table-like value; empty for plain text
    """

    name: str
    required: bool
    many: bool = False
    parts: tuple[Field, ...] = ()


class Template:
    """A compiled template. Immutable, shared between threads.

    :param content: the .docx as uploaded
    :raises Invalid: no sound .docx (``not-a-docx``, ``package-too-big``), one that carries code, foreign content or links
        (``unsafe-template``), or a tag that the language does not have (``template-syntax``)
    """

    def __init__(self, content: bytes) -> None:
        parts = read_package(content)
        _refuse_active_content(parts)
        self.digest = sha256(content).hexdigest()
        self._static: dict[str, bytes] = {}
        self._filled: list[tuple[str, Any]] = []
        reader, slots = _FieldReader(), dict[tuple[str, str], None]()
        for name, part in parts.items():
            root = parse_xml(part) if _TAGGED_PARTS.fullmatch(name) else None
            if root is None or not _check_tags(name, root, slots):
                self._static[name] = part
                continue
            source = _MERGE.sub(r"\2\1", _PATCHER.patch_xml(etree.tostring(root, encoding="unicode")))
            try:
                tree = _ENVIRONMENT.parse(source)
                _check_syntax(tree)
                compiled = _ENVIRONMENT.from_string(source)
            except TemplateError as error:
                _bad_tag(f"模板标签有误：{error.message}")
            reader.read(tree)
            self._filled.append((name, compiled))
        self.fields: tuple[Field, ...] = reader.fields()
        self.slots: tuple[tuple[str, str], ...] = tuple(slots)
        """Places for signatures: (签名 or 印章, slot) in the order of the text."""

    @staticmethod
    def load(content: bytes) -> Template:
        """The same, compiled only once for the same bytes."""
        return _load(content)

    def fill(self, data: Mapping[str, Any]) -> bytes:
        """The filled .docx; equal data give equal bytes. Signature markers are still in it.

        :param data: process values; fields that the template does not know are ignored
        :raises Invalid: ``missing-field`` with the field named as in ``目标[0].措施``; ``bad-value`` for a value that no
            document can hold; ``document-too-big``
        """
        values = _Budget().clean(data, "")
        parts = dict(self._static)
        for name, compiled in self._filled:
            size, pieces = 0, []
            for piece in compiled.generate(values):
                size += len(piece)
                if size > MAX_OUTPUT:
                    raise Invalid("document-too-big", "填写后的文件过大，请减少内容。")
                pieces.append(piece)
            content = "".join(pieces).encode()
            parse_xml(content)
            parts[name] = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n' + content
        return write_package(parts)


@lru_cache(maxsize=64)
def _load(content: bytes) -> Template:
    return Template(content)


# ---- refusing hostile files ---------------------------------------------------------------------------------------


def _unsafe(what: str) -> NoReturn:
    raise Invalid("unsafe-template", f"模板含有{what}，不能使用。请在 Word 中删去后另存为 .docx 再上传。")


def _refuse_active_content(parts: Mapping[str, bytes]) -> None:
    """Nothing in a template may run, load or fetch: not here, and not in the Word of whoever opens the document."""
    if "word/document.xml" not in parts:
        raise Invalid("not-a-docx", "文件不是 Word 文档，请上传由 Word 或 WPS 保存的 .docx 文件。")
    if any(
        word in kind
        for kind in content_types(parts).values()
        for word in ("macroEnabled", "vbaProject", "activeX")
    ):
        _unsafe("宏或控件")
    for name, part in parts.items():
        if name.startswith("_xmlsignatures/"):
            _unsafe("数字签名")
        if name.lower().endswith(".bin") and "printerSettings" not in name:
            _unsafe(f"程序或嵌入的对象（{name}）")
        if name.endswith(".rels"):
            for relationship in parse_xml(part).iter(RELATIONSHIP):
                kind = relationship.get("Type", "").rpartition("/")[2]
                if kind in _ACTIVE:
                    _unsafe(_ACTIVE[kind])
                if relationship.get("TargetMode") == "External":
                    _unsafe(f"外部链接（{relationship.get('Target', '')[:80]}）")
        elif name.startswith("word/") and name.endswith(".xml"):
            if len(part) > MAX_TEMPLATE_PART:
                raise Invalid("package-too-big", f"模板中的 {name} 过大，请删去多余内容。")
            _refuse_fields(parse_xml(part))


def _refuse_fields(root: etree._Element) -> None:
    codes: list[str] = []  # Word splits a field's code over runs, and fields nest
    for element in root.iter(
        f"{W}fldChar", f"{W}instrText", f"{W}fldSimple", f"{W}altChunk", f"{W}object", f"{W}control"
    ):
        tag = element.tag[len(W) :]
        if tag in ("altChunk", "object", "control"):
            _unsafe("嵌入的对象")
        elif tag == "fldSimple":
            _check_field(element.get(f"{W}instr", ""))
        elif tag == "instrText":
            if not codes:
                _unsafe("不完整的域代码")
            codes[-1] += element.text or ""
        elif element.get(f"{W}fldCharType") == "begin":
            codes.append("")
        elif codes and element.get(f"{W}fldCharType") == "end":
            _check_field(codes.pop())
    for code in codes:
        _check_field(code)


def _check_field(code: str) -> None:
    name = code.split()[0].upper() if code.split() else ""
    if name not in _WORD_FIELDS:
        _unsafe(f"域代码 {name or '（空）'}")


def _bad_tag(message: str) -> NoReturn:
    raise Invalid("template-syntax", message)


def _check_tags(name: str, root: etree._Element, slots: dict[tuple[str, str], None]) -> bool:
    """Whether there are tags. Every one must end in the paragraph where it starts: an open one would make docxtpl's patterns
    run for hours, and a designer look for it as long."""
    count = 0
    for element in root.iter():
        if not isinstance(element.tag, str):
            continue
        others = [str(value) for value in element.attrib.values()]
        others += [element.text or ""] if element.tag != f"{W}t" else []
        if any(opener in text for text in [*others, element.tail or ""] for opener in _CLOSERS):
            _bad_tag("模板标签只能写在正文文字里，不能写在域、替换文字或属性中。")
        if element.tag != f"{W}p":
            continue
        text = "".join(run.text or "" for run in element.iter(f"{W}t"))
        slots |= dict.fromkeys(_MARKER.findall(text))
        at = 0
        while (start := min((i for o in _CLOSERS if (i := text.find(o, at)) >= 0), default=-1)) >= 0:
            end = text.find(_CLOSERS[text[start : start + 2]], start)
            if end < 0 or end - start > MAX_TAG:
                _bad_tag(
                    f"模板标签没有写完：“{text[start : start + 30]}”。标签应在同一段内以 }}}} 或 %}} 结束。"
                )
            at, count = end + 2, count + 1
    if count > MAX_TAGS:
        raise Invalid("package-too-big", f"模板中的 {name} 有 {count} 个标签，最多 {MAX_TAGS} 个。")
    return count > 0


# ---- the language -------------------------------------------------------------------------------------------------

_NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.For, nodes.If, nodes.Filter,
    nodes.Const, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.CondExpr, nodes.Test,
)  # fmt: skip
_LOOP = {"index", "index0", "first", "last", "length"}


def _check_syntax(tree: nodes.Template) -> None:
    def check(node: nodes.Node, depth: int) -> None:
        line = f"（{type(node).__name__}）"
        if not isinstance(node, _NODES):
            _bad_tag(f"模板中不能使用这种写法{line}，只能用字段、for、if、比较和过滤器。")
        if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
            _bad_tag(f"模板中没有过滤器 {node.name}，可用：{'、'.join(_FILTERS)}。")
        if isinstance(node, nodes.Test) and node.name != "defined":
            _bad_tag(f"模板中没有检验 {node.name}，可用：defined。")
        if isinstance(node, nodes.Getattr):
            loop = isinstance(node.node, nodes.Name) and node.node.name == "loop"
            if node.attr.startswith("_") or (loop and node.attr not in _LOOP):
                _bad_tag(f"模板中不能使用 {node.attr}。")
        if isinstance(node, nodes.Name) and (
            node.name.startswith("_") or (node.ctx == "store" and node.name == "loop")
        ):
            _bad_tag(f"模板中不能使用名称 {node.name}。")
        if isinstance(node, nodes.For):
            if node.recursive or node.test or not isinstance(node.target, nodes.Name):
                _bad_tag("for 只能写成“for 行 in 字段”。")
            depth += 1
            if depth > MAX_NESTING:
                _bad_tag(f"for 最多嵌套 {MAX_NESTING} 层。")
        for child in node.iter_child_nodes():
            check(child, depth)

    check(tree, 0)


_Path = tuple[str, ...]  # ("目标", "[]", "措施"); () is no field
_Conditions = tuple[frozenset[_Path], ...]


class _FieldReader:
    """Derives the fields from the tags: what is used, how, and whether every filling needs it.

    A loop variable stands for the path of its list's rows; ``{}`` ends the path of a group of rows.
    """

    def __init__(self) -> None:
        self._required: dict[_Path, bool] = {}

    def read(self, tree: nodes.Template) -> None:
        self._visit(tree, {}, ())

    def fields(self, within: _Path = ()) -> tuple[Field, ...]:
        depth = len(within)
        names = dict.fromkeys(
            path[depth] for path in self._required if path[:depth] == within and len(path) > depth
        )
        found = []
        for name in names:
            path = (*within, name)
            many = (*path, "[]") in self._required
            parts = self.fields((*path, "[]") if many else path)
            found.append(Field(name, self._required[path], many, parts))
        return tuple(found)

    def _use(self, path: _Path, conditions: _Conditions) -> None:
        """A path is needed where every condition around it asks no more than whether the thing that holds it is there."""
        for end in range(1, len(path) + 1):
            here = path[:end]
            needed = all(any(here[: len(c)] == c != here for c in condition) for condition in conditions)
            self._required[here] = self._required.get(here, False) or needed

    def _path(self, node: nodes.Node, scope: Mapping[str, _Path]) -> _Path | None:
        """The field that an expression names; None for one that is more than a name."""
        if isinstance(node, nodes.Name):
            return scope.get(node.name, (node.name,))
        if isinstance(node, nodes.Getattr) and (base := self._path(node.node, scope)) is not None:
            if base[-1:] == ("{}",):
                return base[:-1] if node.attr == "行" else ()
            return (*base, node.attr) if base else ()
        return None

    def _visit(self, node: nodes.Node, scope: Mapping[str, _Path], conditions: _Conditions) -> None:
        path = self._path(node, scope)
        if path is not None:
            self._use(path, conditions)
        elif isinstance(node, nodes.For):
            self._loop(node, scope, conditions)
        elif isinstance(node, (nodes.If, nodes.CondExpr)):
            asked = frozenset(self._asked(node.test, scope, conditions))
            yes, no = (
                (node.body, [*node.elif_, *node.else_])
                if isinstance(node, nodes.If)
                else ([node.expr1], [node.expr2])
            )
            for branch, condition in ((yes, asked), (no, frozenset[_Path]())):
                for child in branch:
                    if child is not None:
                        self._visit(child, scope, (*conditions, condition))
        elif isinstance(node, nodes.Filter) and node.name == "default":
            list(self._asked(node.node, scope, conditions))
        else:
            for child in node.iter_child_nodes():
                self._visit(child, scope, conditions)

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
            self._use(path, (*conditions, frozenset({path})))
            yield path
        elif node is not None:
            self._visit(node, scope, conditions)

    def _loop(self, node: nodes.For, scope: Mapping[str, _Path], conditions: _Conditions) -> None:
        source, filters = node.iter, dict[str, nodes.Filter]()
        while isinstance(source, nodes.Filter) and source.node is not None:
            filters[source.name] = source
            source = source.node
        rows = self._path(source, scope) or ()
        if rows:
            self._use(rows, conditions)
        if rows and "段落" in filters:
            rows = ()
        elif rows:
            self._use((*rows, "[]"), conditions)
            group = filters.get("分组")
            for column in group.args if group else []:
                if isinstance(column, nodes.Const):
                    self._use((*rows, "[]", str(column.value)), conditions)
            rows = (*rows, "{}" if group else "[]")
        assert isinstance(node.target, nodes.Name)
        inner = {**scope, node.target.name: rows, "loop": ()}
        for child in [*node.body, *node.else_]:
            self._visit(child, inner, conditions)


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
            yield item

    def like(self, items: Iterable[Any]) -> _Rows:
        rows = _Rows(items)
        rows.budget = self.budget
        return rows


class _Budget:
    """What one filling may take, and the data made safe on the way in."""

    def __init__(self) -> None:
        self.values, self.text, self.passes = MAX_VALUES, MAX_TEXT, MAX_PASSES

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
            return value
        raise _bad_value(path, f"是 {type(value).__name__}，不能填入文件")


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


def date_cn(value: date | str) -> str:
    """2026年3月5日, without padding zeros (GB/T 9704-2012, 7.3.5.4). Text stays as it is."""
    if isinstance(value, datetime):
        value = local(value) if value.tzinfo else value
    return value if isinstance(value, str) else f"{value.year}年{value.month}月{value.day}日"


_DIGITS = "零一二三四五六七八九"


def num_cn(value: Any) -> str:
    """十二, 一百零五: a whole number below 100,000,000 in words."""
    number = _whole(value)
    if number >= 10**8 or number < 0:
        raise Invalid("bad-value", f"{number} 不能写成中文数字。")
    if number >= 10**4:
        high, low = divmod(number, 10**4)
        return num_cn(high) + "万" + ("零" if 0 < low < 1000 else "") + (num_cn(low) if low else "")
    out, zero = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, number = divmod(number, unit)
        if digit:
            out += ("零" if zero else "") + _DIGITS[digit] + name
            zero = False
        else:
            zero = bool(out)
    out = out or "零"
    return out.removeprefix("一") if out.startswith("一十") else out


def money_cn(value: Any) -> str:
    """壹万贰仟元整: an amount of yuan in the bank's characters, to the fen."""
    amount = _decimal(value).quantize(Decimal("0.01"), ROUND_HALF_UP)
    yuan, fen = divmod(int(amount * 100), 100)
    words = num_cn(yuan) if yuan else ""
    words = "一" + words if words.startswith("十") else words
    out = words.translate(str.maketrans("一二三四五六七八九十百千", "壹贰叁肆伍陆柒捌玖拾佰仟")) + (
        "元" if yuan else ""
    )
    jiao, cent = divmod(fen, 10)
    capital = "零壹贰叁肆伍陆柒捌玖"
    if not fen:
        return (out or "零元") + "整"
    out += capital[jiao] + "角" if jiao else ("零" if yuan else "")
    return out + (capital[cent] + "分" if cent else "整")


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise Invalid("bad-value", f"“{as_text(value)}”不是数字。")
    return Decimal(str(value))


def _whole(value: Any) -> int:
    number = _decimal(value)
    if number != number.to_integral_value():
        raise Invalid("bad-value", f"{as_text(number)} 不是整数。")
    return int(number)


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


_FILTERS: dict[str, Callable[..., Any]] = {
    "date_cn": date_cn,
    "num_cn": num_cn,
    "money_cn": money_cn,
    "段落": _paragraphs,
    "分组": _grouped,
    "default": lambda value, other="": other if isinstance(value, Undefined) else value,
    "join": lambda value, by="": by.join(as_text(item) for item in value),
    "length": _length,
    "行数": lambda value, width: fitting.line_count(as_text(value), int(width)),
    "截行": lambda value, lines, width: fitting.cut(as_text(value), int(lines), int(width)),
    "最长": _longest,
    "署名": _unsealed_issuer,
    "署名日期": _unsealed_date,
    "trim": lambda value: as_text(value).strip(),
    "round": lambda value, digits=0: _decimal(value).quantize(
        Decimal(1).scaleb(-min(int(digits), 10)), ROUND_HALF_UP
    ),
}


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
    environment.filters = dict(_FILTERS)
    environment.tests = {"defined": environment.tests["defined"]}
    return environment


_ENVIRONMENT = _environment()
_PATCHER = DocxTemplate(None)
