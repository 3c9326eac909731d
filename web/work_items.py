"""A work item's page: its form, its documents, the signature, and the acts claim, release, save, complete."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from engine import Handwriting, Invalid, Signing
from engine.completion import View
from engine.errors import Conflict
from engine.history import Event
from web.current import engine, person_id
from web.filling import handed_in, rearranged, sheet_of
from web.operations import menu
from web.wording import lines, vote_rule

work_items = Blueprint("work_items", __name__, url_prefix="/work-items")


@work_items.get("/<int:id>")
def show(id: int) -> str:
    return _page(id, None, {})


@work_items.post("/<int:id>/completion")
def complete(id: int) -> tuple[str, int] | str | Response:
    view = engine.work_item(id, by=person_id())
    raw = handed_in(view.form)
    if rearranged(raw) or "_refresh" in request.form:
        return _page(id, raw, {})
    try:
        if "_save" in request.form:
            engine.save_draft(id, by=person_id(), data=raw)
            flash(_("已暂存，尚未提交。"))
            return redirect(url_for("work_items.show", id=id))
        signature = _signing() if view.signing else None
        done = engine.complete(
            id,
            by=person_id(),
            data=raw,
            opinion=request.form.get("_opinion", "").strip() or None,
            signature=signature,
        )
    except Invalid as invalid:
        return _page(id, raw, invalid.errors or {"": str(invalid)}), 422
    except Conflict as conflict:
        return _held(id, conflict, raw)
    flash(_("已提交：%(title)s", title=done.work_item.title))
    return redirect(url_for("inbox.show"))


@work_items.post("/<int:id>/form")
def sheet(id: int) -> str:
    """The form again, after a choice that others depend on."""
    view = engine.work_item(id, by=person_id())
    return render_template("inbox/sheet.html", **_sheet(view, handed_in(view.form)))


@work_items.post("/<int:id>/draft")
def draft(id: int) -> Response:
    """What has been typed, saved from time to time by the page itself."""
    view = engine.work_item(id, by=person_id())
    engine.save_draft(id, by=person_id(), data=handed_in(view.form))
    return jsonify(saved=True)


@work_items.post("/<int:id>/claim")
def claim(id: int) -> tuple[str, int] | Response:
    try:
        engine.claim(id, by=person_id())
    except Conflict as conflict:
        return _held(id, conflict)
    flash(_("已签收，由您办理。"))
    return redirect(url_for("work_items.show", id=id))


@work_items.post("/<int:id>/release")
def release(id: int) -> tuple[str, int] | Response:
    try:
        engine.release(id, by=person_id())
    except Conflict as conflict:
        return _held(id, conflict)
    flash(_("已退回公共待办。"))
    return redirect(url_for("inbox.show"))


def _held(id: int, conflict: Conflict, raw: dict[str, Any] | None = None) -> tuple[str, int]:
    """The page again, with what was typed, because the process was suspended meanwhile.

    :raises Conflict: it is about something else
    """
    if conflict.code != "suspended":
        raise conflict
    sentence = _("刚才的操作没有生效，因为流程已暂停。")
    if raw is not None:
        sentence += _("您填的内容都在下面：请不要关闭这一页，恢复办理后再提交。")
    return _page(id, raw, {}, refused=sentence), conflict.status


def _page(id: int, raw: dict[str, Any] | None, errors: dict[str, str], refused: str = "") -> str:
    """:param raw: what was handed in and is kept; None for what the engine has"""
    view = engine.work_item(id, by=person_id())
    events = engine.timeline(view.instance.id, by=person_id())
    shown = _sheet(view, view.draft if raw is None else raw)
    if view.form and (handed := _handed_in(id, events)) is not None:
        shown["fields"] = view.form.record(handed, view.data, now=engine.clock.now())
    held = engine.suspension(view.instance.id, by=person_id()) if view.item.closed_at is None else None
    return render_template(
        "work_items/show.html",
        view=view,
        held=held,
        refused=refused,
        rule=vote_rule(view.vote, view.element.vote) if view.vote and view.element.vote else [],
        handed=raw is not None,
        held_by=engine.names([held.suspended_by_id])[held.suspended_by_id] if held else "",
        item=view.item,
        **shown,
        errors=errors,
        typed=request.form,
        witnesses=engine.colleagues(by=person_id()) if view.signing else [],
        lines=lines(events),
        menu=[] if held else menu(engine.operations_for(id, by=person_id())),
        phrases=engine.phrases(by=person_id()) if view.eligibility else [],
    )


def _handed_in(id: int, events: Iterable[Event]) -> dict[str, Any] | None:
    """The answers that completed the item; None while it is open."""
    done = (event.payload or {} for event in events if event.code == "completed")
    return next((payload["data"] for payload in done if payload.get("work_item") == id), None)


def _sheet(view: View, raw: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the sheet draws, and what is asked beside it."""
    return {
        **sheet_of(view.form, view.data, raw, url_for("work_items.sheet", id=view.item.id)),
        "watched": view.watched,
        "asks": view.asks(raw, engine.clock.now()),
    }


def _signing() -> Signing:
    """What was handed in beside the form: the outcome, the handwriting or the scan, and which bytes were shown.

    :raises Invalid: something is missing, under the names that the page gives its controls
    """
    outcome = request.form.get("_outcome", "已签")
    way = request.form.get("_way", "电子")
    shown = {
        int(key.removeprefix("_shown-")): value
        for key, value in request.form.items()
        if key.startswith("_shown-")
    }
    scan = request.files.get("_scan")
    return Signing(
        outcome=outcome,
        way=way,
        handwriting=_handwriting() if outcome == "已签" and way == "电子" else None,
        shown=shown,
        reason=request.form.get("_reason", "").strip() or None,
        witness=request.form.get("_witness", type=int),
        scan=scan.read() if scan and scan.filename else None,
        signer=request.form.get("_signer", type=int),
    )


def _handwriting() -> Handwriting | None:
    """The strokes that were drawn; the picture is made from them by the engine, not by a browser."""
    try:
        strokes = json.loads(request.form.get("_strokes") or "[]")
    except (ValueError, RecursionError):
        sentence = _("签名没有传完整，请重写一次。")
        raise Invalid("handwriting", sentence, {"_signature": sentence}) from None
    return Handwriting(strokes) if strokes else None
