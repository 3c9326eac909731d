"""抄送: what a person was sent to read; opening one leaves a receipt."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from web.current import engine, person_id

copies = Blueprint("copies", __name__, url_prefix="/copies")

PAGE = 50


@copies.get("/")
def index() -> str:
    page = max(request.args.get("page", 1, type=int), 1)
    found = engine.copies(by=person_id(), limit=PAGE + 1, offset=PAGE * (page - 1))
    counts = engine.inbox_counts(by=person_id())
    return render_template(
        "copies/index.html", copies=found[:PAGE], page=page, more=len(found) > PAGE, counts=counts
    )


@copies.post("/<int:id>/receipt")
def read(id: int) -> Response:
    """Open a copy's instance; that it was read is noted."""
    engine.read_copies([id], by=person_id())
    return redirect(url_for("instances.show", id=request.form.get("instance", type=int) or 0))
