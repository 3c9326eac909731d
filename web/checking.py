"""Checking a document's format against GB/T 9704-2012: a file that somebody brings, or one of ours. Nothing is kept."""

from __future__ import annotations

from base64 import b64encode

from flask import Blueprint, render_template, request
from flask_babel import gettext as _

from engine import LvzeError
from web.current import engine, person_id

checking = Blueprint("checking", __name__)

PROFILES = ("法定公文", "信函", "纪要", "其他文书", "牌证")


@checking.get("/checks")
def form() -> str:
    return render_template("checking/form.html", profiles=PROFILES)


@checking.post("/checks")
def check() -> str | tuple[str, int]:
    upload, profile = request.files.get("file"), request.form.get("profile") or None
    content = upload.read() if upload else b""
    if not upload or not content:
        wrong = _("请选择要检查的 Word 文件（.docx）。")
        return render_template("checking/form.html", profiles=PROFILES, profile=profile, wrong=wrong), 422
    try:
        inspection = engine.check_document(content, profile=profile, by=person_id())
    except LvzeError as error:
        page = render_template("checking/form.html", profiles=PROFILES, profile=profile, wrong=str(error))
        return page, error.status
    return _result(upload.filename or _("文件"), inspection)


@checking.get("/documents/<int:id>/check")
def document(id: int) -> str:
    found = engine.document(id, by=person_id())
    inspection = engine.check_document(engine.document_file(id, by=person_id()), by=person_id())
    return _result(found.title, inspection, document=found)


def _result(name: str, inspection: object, **more: object) -> str:
    # The pictures are in the page itself: there is nothing on the server to fetch them from.
    return render_template(
        "checking/result.html",
        name=name,
        inspection=inspection,
        data=lambda png: b64encode(png).decode(),
        **more,
    )
