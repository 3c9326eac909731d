"""The inbox: 待办, 已办, 我发起; and what a person may start."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from engine.deployments import ProcessDefinition
from engine.errors import Invalid, NotAllowed, NotFound
from engine.starting import StartForm
from web.current import engine, person_id, public
from web.filling import handed_in, rearranged, sheet_of

inbox = Blueprint("inbox", __name__)

PAGE = 50


@inbox.app_context_processor
def waiting() -> dict[str, int | None]:
    """The menu's counts of open work items and of unread notifications."""
    if not g.get("account"):
        return {"waiting": None, "unread": None}
    counts = engine.inbox_counts(by=person_id())
    return {"waiting": counts["todo"], "unread": counts["unread"]}


@inbox.get("/")
@public
def home() -> Response:
    return redirect(url_for("inbox.show") if g.account else url_for("noticeboard.board"))


@inbox.get("/inbox")
def show() -> str:
    box = request.args.get("box", "todo")
    if box not in ("todo", "waiting", "done", "started"):
        raise NotFound("no-box", _("没有这个分类，请从待办、等待、已办、我发起中选择。"))
    page = max(request.args.get("page", 1, type=int), 1)
    rows = engine.inbox(by=person_id(), box=box, limit=PAGE + 1, offset=PAGE * (page - 1))
    counts = engine.inbox_counts(by=person_id())
    return render_template(
        "inbox/show.html", box=box, rows=rows[:PAGE], page=page, more=len(rows) > PAGE, counts=counts
    )


@inbox.get("/start")
def startable() -> str:
    return render_template("inbox/startable.html", definitions=engine.startable(by=person_id()))


@inbox.get("/start/<key>")
def start_form(key: str) -> str:
    """The address may say what to begin with: ``?_unit=3&责任书=12``."""
    form = engine.start_form(_definition(key).id, by=person_id()).form
    return _page(key, form.unflatten(request.args) if form else None, {})


@inbox.post("/start/<key>")
def start(key: str) -> tuple[str, int] | str | Response:
    form = engine.start_form(_definition(key).id, by=person_id())
    raw = handed_in(form.form)
    if rearranged(raw) or "_refresh" in request.form:
        return _page(key, raw, {})
    try:
        instance = engine.start(key, by=person_id(), data=raw, unit=request.form.get("_unit", type=int))
    except Invalid as invalid:
        return _page(key, raw, invalid.errors or {"": str(invalid)}), 422
    flash(_("已发起：%(title)s", title=instance.title))
    return redirect(url_for("instances.show", id=instance.id))


@inbox.post("/start/<key>/form")
def start_sheet(key: str) -> str:
    """The form again, after a choice that others depend on."""
    start = engine.start_form(_definition(key).id, by=person_id())
    return render_template(
        "inbox/sheet.html", **sheet_of(start.form, _data(start), handed_in(start.form), request.path)
    )


def _definition(key: str) -> ProcessDefinition:
    found = next((one for one in engine.startable(by=person_id()) if one.key == key), None)
    if found is None:
        raise NotAllowed("not-startable", _("您不能发起这项流程：没有这个流程，或您不任它要求的职务。"))
    return found


def _page(key: str, raw: dict[str, Any] | None, errors: dict[str, str]) -> str:
    start = engine.start_form(_definition(key).id, by=person_id())
    return render_template(
        "inbox/start.html",
        definition=start.definition,
        start=start,
        **sheet_of(start.form, _data(start), raw, url_for("inbox.start_sheet", key=key)),
        errors=errors,
    )


def _data(start: StartForm) -> dict[str, Any]:
    """What the start form leans on: the process's own data and the unit chosen on the page, else the first."""
    if not start.units:
        return start.data
    wanted = request.values.get("_unit", type=int)
    unit = next((one for one in start.units if one.id == wanted), start.units[0])
    shown_as = {"id": unit.id, "name": unit.name, "short_name": unit.short_name, "kind": unit.kind}
    return {**start.data, "unit": shown_as}
