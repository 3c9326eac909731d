"""常用语: what a person writes into opinions again and again, and what everybody is offered."""

from __future__ import annotations

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from engine.errors import Invalid
from web.current import engine, person_id

phrases = Blueprint("phrases", __name__, url_prefix="/phrases")


@phrases.get("/")
def index() -> str:
    return _page({})


@phrases.post("/")
def add() -> tuple[str, int] | Response:
    shared = request.form.get("shared") == "1" and bool(g.account.is_admin)
    try:
        engine.add_phrase(request.form.get("text", ""), by=person_id(), shared=shared)
    except Invalid as invalid:
        return _page(invalid.errors or {"": str(invalid)}), 422
    flash(_("已添加。"))
    return redirect(url_for("phrases.index"))


@phrases.post("/<int:id>/removal")
def remove(id: int) -> Response:
    engine.remove_phrase(id, by=person_id())
    flash(_("已删去。"))
    return redirect(url_for("phrases.index"))


def _page(errors: dict[str, str]) -> str:
    return render_template(
        "phrases/index.html", phrases=engine.phrases(by=person_id()), errors=errors, typed=request.form
    )
