"""A form on its way back from a page, with or without JavaScript."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request

from engine.forms import Form
from web.current import engine


def handed_in(form: Form | None) -> dict[str, Any]:
    """What the page sent for the form's own fields."""
    return form.unflatten(request.form) if form else {}


def rearranged(raw: dict[str, Any]) -> bool:
    """Add or remove a row where the page has no JavaScript; true if that was the button pressed."""
    added, removed = request.form.get("_add"), request.form.get("_remove", "")
    if added:
        raw[added] = [*raw.get(added, []), {}]
    elif removed:
        key, _, number = removed.rpartition("-")
        raw[key] = [row for at, row in enumerate(raw.get(key, [])) if str(at) != number]
    return bool(added or removed)


def sheet_of(
    form: Form | None, data: Mapping[str, Any], raw: Mapping[str, Any] | None, refresh_url: str
) -> dict[str, Any]:
    """What the sheet of ``_form.html`` draws: the fields, and the names of those after which it is asked for again."""
    if form is None:
        return {"fields": [], "watched": frozenset(), "refresh_url": refresh_url}
    fields = form.fields(data, raw, now=engine.clock.now())
    return {"fields": fields, "watched": form.watched, "refresh_url": refresh_url}
