"""Migrating running instances to another version of their process: choose, look at what would happen, confirm, follow."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from engine.errors import Invalid
from engine.instance_migrations import Plan
from web.current import engine, person_id

migrations = Blueprint("migrations", __name__, url_prefix="/definitions")

Page = str | tuple[str, int] | Response


@migrations.before_request
def only_administrators() -> None:
    engine.require_admin(by=person_id())


@migrations.get("/")
def index() -> str:
    return render_template("migrations/index.html", definitions=engine.definitions())


@migrations.get("/<key>/versions")
def versions(key: str) -> str:
    """The versions of a process, and how many instances run in each."""
    return render_template(
        "migrations/versions.html",
        versions=engine.definition_versions(key),
        running=engine.running_versions(key, by=person_id()),
    )


@migrations.get("/<int:id>/migration")
def plan(id: int) -> str:
    """``to``: the other version; ``map-<element>``: its counterpart there; ``instance``: not all of them, but these."""
    return _page(id)


@migrations.post("/<int:id>/migration")
def migrate(id: int) -> Page:
    marks = dict(pair.split(":") for pair in request.form.get("marks", "").split(",") if ":" in pair)
    seen = {int(instance): mark for instance, mark in marks.items() if instance.isdecimal()}
    try:
        found = _plan(id, list(seen)).as_seen(seen)
        act = engine.migrate_instances(found, reason=request.form.get("reason", ""), by=person_id())
    except Invalid as refused:
        return _page(id, refused.errors or {"": str(refused)}), refused.status
    return redirect(url_for(".progress", id=act.id))


@migrations.get("/migrations/<int:id>")
def progress(id: int) -> str:
    return render_template("migrations/progress.html", progress=engine.migration(id, by=person_id()))


def _plan(id: int, instances: list[int] | None) -> Plan:
    to = request.values.get("to", 0, type=int)
    return engine.preview_migration(id, to, by=person_id(), instances=instances, mapping=_mapping())


def _mapping() -> dict[str, str]:
    chosen = {name.removeprefix("map-"): to for name, to in request.values.items() if name.startswith("map-")}
    return {element: to for element, to in chosen.items() if to}


def _page(id: int, errors: dict[str, str] | None = None) -> str:
    definition = engine.definition(id)
    running = engine.running_versions(definition.key, by=person_id())
    to = request.values.get("to", type=int)
    only = [int(one) for one in request.values.getlist("instance") if one.isdecimal()] or None
    return render_template(
        "migrations/plan.html",
        definition=definition,
        versions=engine.definition_versions(definition.key),
        running=running,
        to=to,
        instances=only,
        missing=engine.missing_elements(id, to, by=person_id()) if to is not None else [],
        mapping=_mapping(),
        plan=_plan(id, only) if to is not None and (only or running.get(id)) else None,
        errors=errors or {},
    )
