"""Trying a template: data that look like what a process would fill it with, a form to change them, and the document they make."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

from docx import Document
from PIL import Image, ImageDraw

from engine.documents import classification, imprint, pages, standard
from engine.documents.docx import missing_characters
from engine.documents.fields import Field
from engine.documents.rendered import Rendered
from engine.documents.signature_lines import Line, insert_signature_lines
from engine.documents.standard import Deviation
from engine.documents.templates import Template, as_text, places_in
from engine.errors import Invalid

MAX_PICTURES = 20
GIVEN = {"验真"}  # what the render task adds by itself
_JOIN = "__"  # between a table-like field and its entry in a form's key
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_WIDE = {"标题", "正文", "事由", "说明", "依据"}

# What a field is probably about, by a part of its name; the first that fits.
_WORDS: tuple[tuple[str, str], ...] = (
    ("年度", "2026"), ("年份", "2026"), ("季度", "1"), ("字号", "云工委〔2026〕5号"), ("文号", "云工委〔2026〕5号"),
    ("标题", "关于开展2026年度机关党建工作考评的通知"), ("主送", "市直机关各党委、总支、支部"),
    ("抄送", "市委组织部，市纪委机关"), ("印发机关", "中共云溪市直机关工作委员会办公室"),
    ("机关", "中共云溪市直机关工作委员会"), ("单位", "中共云溪市财政局委员会"), ("支部", "中共云溪市财政局机关支部委员会"),
    ("姓名", "林海燕"), ("签发人", "陈立功"), ("负责人", "陈立功"), ("联系人", "林海燕"), ("人", "陈立功"), ("电话", "0598-1234567"),
    ("职务", "党委书记"), ("科室", "办公室"), ("岗位", "科员"), ("网址", "https://example.gov.cn/v/sample"),
    ("附注", "此件发至基层党支部"), ("密级", ""), ("紧急", ""), ("份号", ""), ("理由", "本季度无此项任务"),
)  # fmt: skip
# Of agencies and people who do something together, those after the first.
_OTHERS = {"中共云溪市直机关工作委员会": "中共云溪市委组织部", "陈立功": "林海燕"}
_NUMBERS = (
    ("季度", 1),
    ("年", 2026),
    ("金额", Decimal("12800.50")),
    ("额", Decimal("12800.50")),
    ("分", 10),
    ("份数", 2),
)
_LONG = (
    "为全面落实党要管党、从严治党责任，现就有关事项通知如下。\n一、总体要求\n（一）提高认识。各单位要把此项工作摆在突出位置，"
    "精心组织，周密安排，确保各项要求落到实处。\n（二）明确责任。主要负责同志负总责，分管负责同志具体抓。\n"
    "二、工作安排\n请各单位于2026年4月30日前报送落实情况。"
)
_SHORT = "经研究，提出如下意见，请结合实际抓好落实。\n执行中遇到的问题，请及时报告。"


@dataclass(frozen=True, slots=True)
class Trial:
    """A template filled with data that mean nothing.

    :ivar docx: with an empty place for every signature that it has room for
    :ivar pictures: PNG of the first ``MAX_PICTURES`` pages
    :ivar deviations: from GB/T 9704-2012
    :ivar missing: characters that no font has
    """

    docx: bytes
    rendered: Rendered
    pictures: Sequence[bytes]
    deviations: Sequence[Deviation]
    missing: str


@dataclass(frozen=True, slots=True)
class Questions:
    """What a template is tried with.

    :ivar form: in the notation of ``engine.forms``
    :ivar values: for the form
    :ivar data: for the template; pictures and sub-documents, which no form asks for, are not among them
    """

    form: bytes
    values: dict[str, Any]
    data: dict[str, Any]


def document(
    template: Template,
    data: Mapping[str, Any],
    render: Callable[[bytes], Rendered],
    *,
    approval: str | None = None,
) -> bytes:
    """The .docx as a process makes it, with an empty place for every signature that it has room for.

    :param approval: by which the installation may have a 密级 (``classification``)
    :raises Invalid: as ``Template.fill``; ``classified``
    """
    filled = template.fill(data)
    classification.require_approval(filled, approval=approval)
    lines = [Line(slot) for slot in places_in(filled)]
    return imprint.placed(insert_signature_lines(filled, lines), render)


def fill(
    template: Template,
    data: Mapping[str, Any],
    render: Callable[[bytes], Rendered],
    *,
    approval: str | None = None,
) -> Trial:
    """:raises Invalid: as ``document``, or beyond the renderer's limits"""
    docx = document(template, data, render, approval=approval)
    rendered = render(docx)
    pictures = [
        pages.page_picture(rendered.pdf, number) for number in range(1, min(rendered.pages, MAX_PICTURES) + 1)
    ]
    return Trial(docx, rendered, pictures, standard.check(docx, None, rendered), missing_characters(docx))


def questions(fields: Sequence[Field], data: Mapping[str, Any] | None = None) -> Questions:
    """:param data: None for the sample"""
    shown = _without_files(sample(fields)) if data is None else dict(data)
    return Questions(form(fields), to_form(fields, shown), shown)


def completed(fields: Sequence[Field], data: Mapping[str, Any]) -> dict[str, Any]:
    """Data from JSON: dates in ISO notation become dates; pictures and sub-documents that are not given are the samples."""
    found = {str(key): _typed(value) for key, value in data.items()}
    for field in fields:
        if field.name not in found and (field.item in ("图片", "子文档")):
            found[field.name] = _sample(field)
    return found


def _typed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    if isinstance(value, str) and _ISO.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return value
    return value


def _without_files(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_files(item) for key, item in value.items() if not isinstance(item, bytes)}
    return (
        [_without_files(item) for item in value if not isinstance(item, bytes)]
        if isinstance(value, list)
        else value
    )


# ---- sample data


def sample(fields: Sequence[Field]) -> dict[str, Any]:
    """Data by type, and by what the names seem to say; nothing for what only chooses between wordings of its own kind."""
    return {field.name: _sample(field) for field in fields if field.name not in GIVEN}


def _sample(field: Field) -> Any:
    if field.many:
        rows = 3 if field.parts else 2
        return [_row(field, number) for number in range(rows)]
    return sample(field.parts) if field.parts else _plain(field, field.type)


def _row(field: Field, number: int) -> Any:
    if field.parts:
        return {key: _numbered(value, number) for key, value in sample(field.parts).items()}
    return _numbered(_plain(field, field.item), number)


def _numbered(value: Any, number: int) -> Any:
    """Rows that say which they are."""
    if not isinstance(value, str):
        return value
    if value.endswith("示例"):
        return f"{value}（{'一二三'[number]}）"
    return _OTHERS.get(value, value) if number else value


def _plain(field: Field, type_: str) -> Any:
    name = field.name
    match type_:
        case "日期":
            return date(2026, 3, 5)
        case "数":
            return next((value for word, value in _NUMBERS if word in name), 12)
        case "是否":
            return False
        case "图片":
            return sample_picture()
        case "子文档":
            return sample_document()
        case "多段文字":
            return _LONG if name == "正文" else _SHORT
    if field.choices:
        return field.choices[0]
    if name.endswith(("日期", "时间", "时限", "期限", "日")):
        return date(2026, 3, 5)
    return next((value for word, value in _WORDS if word in name), f"{name}示例")


@cache
def sample_picture() -> bytes:
    """A grey card with a cross, 4 to 3."""
    image = Image.new("RGB", (800, 600), (226, 231, 238))
    draw = ImageDraw.Draw(image)
    for line in (
        (0, 0, 799, 599),
        (0, 599, 799, 0),
        (0, 0, 799, 0),
        (0, 599, 799, 599),
        (0, 0, 0, 599),
        (799, 0, 799, 599),
    ):
        draw.line(line, fill=(120, 134, 152), width=4)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


@cache
def sample_document() -> bytes:
    """Two paragraphs and a table."""
    document, out = Document(), io.BytesIO()
    document.add_paragraph("子文档示例：这里是另一份文件的内容。")
    table = document.add_table(2, 2)
    for number, cell in enumerate(table._cells):
        cell.text = f"表格内容 {number + 1}"
    document.add_paragraph("子文档到此为止。")
    document.save(out)
    return out.getvalue()


# ---- a form for them


def form(fields: Sequence[Field]) -> bytes:
    """A form in the notation of ``engine.forms`` with a component for each field; pictures and sub-documents are not asked for."""
    return json.dumps({"components": list(_components(fields))}, ensure_ascii=False).encode()


def _components(fields: Sequence[Field], within: str = "") -> Iterator[dict[str, Any]]:
    for field in fields:
        if (not within and field.name in GIVEN) or field.type in ("图片", "子文档"):
            continue
        key = f"{within}{field.name}"
        if field.parts and not field.many:
            yield {
                "type": "group",
                "label": field.name,
                "components": list(_components(field.parts, key + _JOIN)),
            }
        elif field.parts and all(not one.many and not one.parts for one in field.parts) and not within:
            columns = [c for one in field.parts for c in _components((one,))]
            yield {"type": "dynamiclist", "key": key, "path": key, "label": field.name, "components": columns}
        else:
            yield _component(field, key)


def _component(field: Field, key: str) -> dict[str, Any]:
    kind = {
        "多段文字": "textarea",
        "列表": "textarea",
        "数": "number",
        "日期": "datetime",
        "是否": "checkbox",
    }.get(field.type, "textarea" if field.name in _WIDE else "textfield")
    told = {"列表": "一行一项", "多段文字": "一行一段"}.get(field.type, "")
    if field.many and field.parts:
        told = "JSON 数组"
    narrow = kind in ("number", "datetime", "checkbox")
    return {
        "type": kind,
        "key": key,
        "label": field.name,
        "description": told,
        **({"subtype": "date"} if kind == "datetime" else {}),
        "layout": {"columns": 8 if narrow else 16},
    }


def to_form(fields: Sequence[Field], data: Mapping[str, Any], within: str = "") -> dict[str, Any]:
    """Data as the form's fields hold them."""
    found: dict[str, Any] = {}
    for field in fields:
        key, value = f"{within}{field.name}", data.get(field.name)
        if value is None or field.type in ("图片", "子文档"):
            continue
        if field.parts and not field.many:
            found |= to_form(field.parts, value if isinstance(value, Mapping) else {}, key + _JOIN)
        elif field.many and not _is_table(field, within):
            found[key] = _lines(field, value)
        elif field.many:
            found[key] = [to_form(field.parts, row) for row in value if isinstance(row, Mapping)]
        elif field.type in ("文本", "多段文字"):
            found[key] = value if isinstance(value, str) else as_text(value)
        else:
            found[key] = value
    return found


def from_form(fields: Sequence[Field], values: Mapping[str, Any], within: str = "") -> dict[str, Any]:
    """What was filled in, as the template takes it; pictures and sub-documents are the samples.

    :raises Invalid: ``bad-value``: JSON that is none
    """
    found: dict[str, Any] = {}
    for field in fields:
        key = f"{within}{field.name}"
        value = values.get(key)
        if field.name in GIVEN and not within:
            continue
        if field.type in ("图片", "子文档") or (field.many and field.item in ("图片", "子文档")):
            value = _sample(field)
        elif field.parts and not field.many:
            value = from_form(field.parts, values, key + _JOIN) or None
        elif field.many and not _is_table(field, within):
            value = _listed(field, key, value)
        elif field.many:
            value = [from_form(field.parts, row) for row in value or ()]
        if value not in (None, "", [], {}):
            found[field.name] = value
    return found


def _is_table(field: Field, within: str) -> bool:
    return bool(field.parts) and not within and all(not one.many and not one.parts for one in field.parts)


def _lines(field: Field, value: Any) -> str:
    if field.parts:
        return json.dumps(value, ensure_ascii=False, indent=1, default=as_text)
    return "\n".join(as_text(one) for one in value) if isinstance(value, (list, tuple)) else as_text(value)


def _listed(field: Field, key: str, value: Any) -> list[Any]:
    if not field.parts:
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]
    try:
        found = json.loads(value or "[]")
    except ValueError as error:
        raise Invalid(
            "bad-value", f"“{field.name}”不是正确的 JSON：{error}。", {key: "不是正确的 JSON。"}
        ) from None
    return found if isinstance(found, list) else [found]
