"""代理: a person lets somebody act in his place from one day to another, and ends it early."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from engine.errors import Invalid
from web.current import engine, person_id

delegations = Blueprint("delegations", __name__, url_prefix="/delegations")


@delegations.get("/")
def index() -> str:
    return _page({})


@delegations.post("/")
def delegate() -> tuple[str, int] | Response:
    try:
        to = request.form.get("person", type=int)
        if to is None:
            raise Invalid("no-person", _("请选择代理人。"), {"person": _("请选择代理人。")})
        begins = _day("from_on")
        if begins is None:
            raise Invalid("no-day", _("请填开始日期。"), {"from_on": _("请填开始日期。")})
        engine.delegate(
            by=person_id(),
            from_person_id=person_id(),
            to_person_id=to,
            from_on=begins,
            to_on=_day("to_on"),
            reason=request.form.get("reason", "").strip(),
        )
    except Invalid as invalid:
        return _page(invalid.errors or {"": str(invalid)}), 422
    flash(_("已设置代理。对方办理时会记为代您办理。"))
    return redirect(url_for("delegations.index"))


@delegations.post("/<int:id>/end")
def end(id: int) -> Response:
    engine.end_delegation(id, by=person_id(), on=engine.today())
    flash(_("代理已结束。"))
    return redirect(url_for("delegations.index"))


def _day(name: str) -> date | None:
    """:raises Invalid: no date"""
    text = request.form.get(name, "").strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        sentence = _("日期写得不对，例如 2026-05-01。")
        raise Invalid("no-date", sentence, {name: sentence}) from None


def _page(errors: dict[str, str]) -> str:
    found = engine.own_delegations(by=person_id())
    chosen = request.values.getlist("person", type=int)
    return render_template(
        "delegations/index.html",
        delegations=found,
        names=engine.names({n for one in found for n in (one.from_person_id, one.to_person_id)}),
        me=person_id(),
        today=engine.today(),
        people=engine.addressees(request.values.get("words", "").strip(), by=person_id(), chosen=chosen),
        chosen=chosen,
        errors=errors,
        typed=request.values,
    )
