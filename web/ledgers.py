"""Ledgers 台账: how far things have come, by unit and year; who is still outstanding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from engine.errors import Invalid, NotFound
from engine.ledgers import LedgerDefinition, LedgerEntry
from web.current import engine, person_id
from web.wording import value

ledgers = Blueprint("ledgers", __name__, url_prefix="/ledgers")


@ledgers.get("/")
def index() -> str:
    return render_template(
        "ledgers/index.html",
        definitions=engine.ledgers(),
        keeps_registers=g.account.is_admin or engine.ledger_offices(by=person_id()),
    )


@ledgers.get("/<name>")
def show(name: str) -> str:
    return _page(name)


@ledgers.post("/<name>/entries/<int:id>/void")
def void(name: str, id: int) -> str | tuple[str, int] | Response:
    try:
        engine.void_entry(id, reason=request.form.get("reason", ""), by=person_id())
    except Invalid as refused:
        return _page(name, (id, str(refused))), 422
    flash(_("已作废。已有的签名保留，尚未签署的不再需要签署。"))
    return redirect(url_for(".show", name=name, all=1))


def _page(name: str, wrong: tuple[int, str] | None = None) -> str:
    """:param wrong: the row that was not voided, and why"""
    definition = next((one for one in engine.ledgers() if one.name == name), None)
    if definition is None:
        raise NotFound("no-ledger", _("没有这本台账。"))
    by = person_id()
    year, everything = request.args.get("year", type=int), "all" in request.args
    filters = {"年度": year} if year and "年度" in definition.fields else {}
    rows = engine.ledger(name, by=by, filters=filters, history=everything)
    groups = engine.rollup(name, by=by, filters=filters) if definition.status else []
    shown = {row.id for row in rows}
    return render_template(
        "ledgers/show.html",
        definition=definition,
        groups=groups,
        rows=rows,
        year=year,
        everything=everything,
        renewals={one.entry.id: one for one in engine.renewals(name, by=by) if one.entry.id in shown},
        offices=engine.ledger_offices(by=by),
        wrong=wrong,
        reads=_Reader(definition, [*rows, *(entry for group in groups for entry in group.outstanding)]),
    )


class _Reader:
    """Values of a ledger as a person reads them: people and units by name."""

    def __init__(self, definition: LedgerDefinition, rows: Iterable[LedgerEntry]) -> None:
        self.definition = definition
        people = [name for name, field in definition.fields.items() if field.type == "person"]
        self.people = engine.names(
            {row.values[name] for row in rows for name in people if row.values.get(name)}
        )
        self.units = {line.unit.id: line.unit.short_name or line.unit.name for line in engine.units()}

    def __call__(self, name: str, found: Any) -> str:
        match self.definition.fields[name].type:
            case "person":
                return self.people.get(found, value(found))
            case "unit":
                return self.units.get(found, value(found))
            case "table":
                return str(_("%(count)s 项", count=len(found or [])))
        return value(found)
