"""The designer's library of Word templates: upload, versions and what changed in them, fields, a trial, who uses which."""

from __future__ import annotations

import json
from base64 import b64encode
from io import BytesIO
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, flash, redirect, render_template, request, send_file, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as Redirect

from engine import Invalid, LvzeError, Refused, feel
from engine.documents.trials import Questions, Trial
from engine.forms import Form, load
from web.current import engine, person_id
from web.designer import designers_only
from web.filling import handed_in, rearranged, sheet_of
from web.wording import lines

word_templates = Blueprint("word_templates", __name__, url_prefix="/designer/templates")
word_templates.before_request(designers_only)

_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@word_templates.get("/")
def index() -> str:
    return _index()


@word_templates.post("/")
def upload() -> tuple[str, int] | Redirect:
    """A new template, or a new version of the one of that name."""
    sent = request.files.get("file")
    name = request.form.get("name", "").strip() or (sent.filename if sent else "") or ""
    try:
        version, new = engine.upload_template(
            name, _uploaded(), note=request.form.get("note", ""), by=person_id()
        )
    except Invalid as refused:
        return _index(refused), 422
    _say(version.number, new)
    return redirect(url_for(".show", id=version.template.id))


@word_templates.get("/<int:id>")
def show(id: int) -> str:
    return _show(id)


@word_templates.post("/<int:id>/versions")
def add_version(id: int) -> tuple[str, int] | Redirect:
    template = engine.word_template(id, by=person_id())
    try:
        version, new = engine.upload_template(
            template.name, _uploaded(), note=request.form.get("note", ""), by=person_id()
        )
    except Invalid as refused:
        return _show(id, refused), 422
    _say(version.number, new)
    return redirect(url_for(".show", id=id))


@word_templates.get("/<int:id>/versions/<int:number>.docx")
def download(id: int, number: int) -> Response:
    template = engine.word_template(id, by=person_id())
    content = engine.template_content(id, number, by=person_id())
    return _sent(content, _DOCX, template.name)


@word_templates.get("/<int:id>/differences")
def differences(id: int) -> str:
    """What changed in the text between two versions; between the two last ones where none is chosen."""
    template = engine.word_template(id, by=person_id())
    new = request.args.get("new", template.latest.number, type=int)
    old = request.args.get("old", max(1, new - 1), type=int)
    whole = "all" in request.args
    return render_template(
        "word_templates/differences.html",
        template=template,
        old=old,
        new=new,
        whole=whole,
        parts=engine.template_differences(id, old, new, whole=whole, by=person_id()),
    )


@word_templates.post("/<int:id>/uses/<key>")
def adopt(id: int, key: str) -> tuple[str, int] | Redirect:
    """让流程使用新版本."""
    try:
        made = engine.adopt_template(id, key, by=person_id())
    except Refused as refused:
        return _show(id, refused), 422
    flash(
        _("流程“%(name)s”已部署第 %(number)s 版，此后发起的使用新模板。", name=made.name, number=made.version)
    )
    return redirect(url_for(".show", id=id))


@word_templates.get("/<int:id>/trial")
def trial(id: int) -> str:
    questions = engine.template_questions(id, _number(), by=person_id())
    return _trial(id, questions, load(questions.form), None)


@word_templates.post("/<int:id>/trial")
def run_trial(id: int) -> tuple[str, int] | Response:
    """From the form, or from JSON; as a page with pictures, or as a file."""
    questions = engine.template_questions(id, _number(), by=person_id())
    form = load(questions.form)
    sent, text = handed_in(form), ""
    if rearranged(sent):
        return _trial(id, questions, form, sent), 200
    raw: dict[str, Any] | None = sent
    wanted, _sep, kind = request.form.get("make", "form-page").partition("-")
    try:
        if wanted == "json":
            text = _json_text()
            data = _object(text)
            questions = engine.template_questions(id, _number(), data=data, by=person_id())
            made = engine.try_template(id, _number(), data=data, by=person_id())
            raw = None
        else:
            values = form.clean(sent, questions.values, now=engine.clock.now())
            made = engine.try_template(id, _number(), values=values, by=person_id())
    except Invalid as refused:
        return _trial(id, questions, form, raw, text=text, refused=refused), 422
    name = engine.word_template(id, by=person_id()).name.removesuffix(".docx")
    if kind == "docx":
        return _sent(made.docx, _DOCX, _("%(name)s（试填）.docx", name=name))
    if kind == "pdf":
        return _sent(made.rendered.pdf, "application/pdf", _("%(name)s（试填）.pdf", name=name))
    return _trial(id, questions, form, raw, text=text, made=made), 200


def _number() -> int | None:
    """The version that the page is about; None for the latest."""
    return request.values.get("version", type=int)


def _uploaded() -> bytes:
    sent = request.files.get("file")
    content = sent.read() if sent else b""
    if not content:
        raise Invalid(
            "no-file", _("请选择一个 Word 文件（.docx）。"), {"file": _("请选择一个 Word 文件（.docx）。")}
        )
    return content


def _say(number: int, new: bool) -> None:
    if new:
        flash(_("已存为第 %(number)s 版。", number=number))
    else:
        flash(_("文件与第 %(number)s 版完全相同，没有新增版本。", number=number))


def _index(refused: LvzeError | None = None) -> str:
    return render_template(
        "word_templates/index.html", templates=engine.word_templates(by=person_id()), refused=refused
    )


def _show(id: int, refused: LvzeError | None = None) -> str:
    template = engine.word_template(id, by=person_id())
    uploaders = {one.uploaded_by_id for one in template.versions if one.uploaded_by_id is not None}
    return render_template(
        "word_templates/show.html",
        template=template,
        compiled=engine.template_fields(id, by=person_id()),
        uses=engine.template_uses(id, by=person_id()),
        acts=lines(engine.template_acts(id, by=person_id())),
        names=engine.names(uploaders),
        refused=refused,
        findings=refused.findings if isinstance(refused, Refused) else (),
    )


def _trial(
    id: int,
    questions: Questions,
    form: Form,
    raw: dict[str, Any] | None,
    *,
    text: str = "",
    made: Trial | None = None,
    refused: Invalid | None = None,
) -> str:
    template = engine.word_template(id, by=person_id())
    version = template.version(_number())
    return render_template(
        "word_templates/trial.html",
        template=template,
        version=version,
        **sheet_of(form, questions.values, raw, ""),
        text=text or feel.json.text(questions.data, indent=1),
        made=made,
        pictures=[b64encode(picture).decode() for picture in made.pictures] if made else [],
        refused=refused,
        errors=refused.errors if refused else {},
    )


def _json_text() -> str:
    """What was typed, or the file that was chosen.

    :raises Invalid: not UTF-8
    """
    sent = request.files.get("file")
    content = sent.read() if sent else b""
    try:
        return content.decode("utf-8-sig") if content else request.form.get("json", "")
    except UnicodeDecodeError:
        raise Invalid("bad-json", _("文件不是 UTF-8 的文字，请另存为 UTF-8。")) from None


def _object(text: str) -> dict[str, Any]:
    """:raises Invalid: no JSON object"""
    try:
        found = feel.json.read(text)
    except json.JSONDecodeError as error:
        message = _("第 %(line)s 行第 %(column)s 列不是正确的 JSON。", line=error.lineno, column=error.colno)
        raise Invalid("bad-json", message) from None
    except ValueError as error:
        raise Invalid("bad-json", _("不是正确的 JSON：%(why)s", why=error)) from None
    if not isinstance(found, dict):
        raise Invalid("bad-json", _('数据应是一个 JSON 对象，形如 {"标题": "通知"}。'))
    return found


def _sent(content: bytes, mimetype: str, name: str) -> Response:
    response = send_file(BytesIO(content), mimetype)
    ending = name.rpartition(".")[2]
    response.headers["Content-Disposition"] = (
        f"attachment; filename=\"template.{ending}\"; filename*=UTF-8''{quote(name)}"
    )
    return response
