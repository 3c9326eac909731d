"""Numbers 发文字号登记簿: what was issued, 作废 with a reason, the register as a workbook, and old numbers brought in."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, send_file, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as Answer

from engine.documents.number_workbook import NumberImport
from engine.errors import Invalid
from web.current import engine, person_id

numbers = Blueprint("numbers", __name__, url_prefix="/numbers")

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_PAGE = 100


@numbers.get("/")
def index() -> str:
    return _page()


@numbers.post("/<int:id>/cancellation")
def cancel(id: int) -> tuple[str, int] | Answer:
    try:
        number = engine.cancel_number(id, reason=request.form.get("reason", ""), by=person_id())
    except Invalid as refused:
        return _page(wrong=(id, str(refused))), 422
    flash(_("“%(number)s”已作废，字号保留在登记簿中，不再使用。", number=number.text))
    return redirect(url_for(".index", **_wanted()))


@numbers.get("/register.xlsx")
def export() -> Response:
    content = engine.numbers_workbook(by=person_id(), **_wanted())
    return send_file(BytesIO(content), _XLSX, as_attachment=True, download_name="发文字号登记簿.xlsx")


@numbers.get("/template.xlsx")
def template() -> Response:
    content = engine.numbers_template()
    return send_file(BytesIO(content), _XLSX, as_attachment=True, download_name="旧发文字号导入模板.xlsx")


@numbers.post("/import")
def import_() -> str | tuple[str, int]:
    upload = request.files.get("workbook")
    content = upload.read() if upload else b""
    if not content:
        return _page(errors={"workbook": _("请选择要导入的 .xlsx 文件。")}), 422
    try:
        report = engine.import_numbers(content, by=person_id())
    except Invalid as refused:
        return _page(errors={"workbook": str(refused)}), 422
    page = _page(report=report)
    return (page, 422) if report.errors else page


def _wanted() -> dict[str, Any]:
    """What the list is narrowed to; forms carry it on in their address."""
    found = {
        "agency": request.args.get("agency", type=int),
        "year": request.args.get("year", type=int),
        "code": request.args.get("code") or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _page(
    wrong: tuple[int, str] | None = None,
    report: NumberImport | None = None,
    errors: dict[str, str] | None = None,
) -> str:
    """:param wrong: the number that was not cancelled, and why"""
    by, wanted = person_id(), _wanted()
    page = max(request.args.get("page", 1, type=int), 1)
    lines = engine.numbers(by=by, limit=_PAGE + 1, offset=(page - 1) * _PAGE, **wanted)
    return render_template(
        "numbers/index.html",
        lines=lines[:_PAGE],
        more=len(lines) > _PAGE,
        page=page,
        wanted=wanted,
        series=engine.number_series(by=by),
        wrong=wrong,
        report=report,
        errors=errors or {},
    )
