"""用印登记: every use of a seal, for the officers of its unit."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from web.current import engine, person_id

seals = Blueprint("seals", __name__, url_prefix="/seals")

_PAGE = 100


@seals.get("/uses")
def uses() -> str:
    page = max(request.args.get("page", 1, type=int), 1)
    lines = engine.seal_uses(by=person_id(), limit=_PAGE + 1, offset=(page - 1) * _PAGE)
    return render_template(
        "seals/uses.html",
        uses=lines[:_PAGE],
        more=len(lines) > _PAGE,
        page=page,
        names={line.unit.id: line.unit.short_name for line in engine.units()},
    )
