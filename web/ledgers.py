"""Ledgers 台账: how far things have come, by unit and year; who is still outstanding."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from web.current import engine, person_id

ledgers = Blueprint("ledgers", __name__, url_prefix="/ledgers")


@ledgers.get("/")
def index() -> str:
    return render_template("ledgers/index.html", definitions=engine.ledgers(by=person_id()))


@ledgers.get("/<name>")
def show(name: str) -> str:
    year = request.args.get("year", type=int)
    unit = request.args.get("unit", type=int)
    definition = engine.ledger_definition(name)
    groups = engine.rollup(name, by=person_id(), unit=unit, year=year) if definition.status else []
    rows = engine.ledger(name, by=person_id())
    return render_template(
        "ledgers/show.html", definition=definition, groups=groups, rows=rows, year=year, unit=unit
    )
