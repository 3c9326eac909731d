"""Notifications 通知: what processes tell a person without asking for anything; seen is read."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from web.current import engine, person_id

notifications = Blueprint("notifications", __name__)

PAGE = 50


@notifications.get("/notifications")
def index() -> str:
    page = max(request.args.get("page", 1, type=int), 1)
    found = engine.notifications(by=person_id(), limit=PAGE + 1, offset=PAGE * (page - 1))
    messages, more = found[:PAGE], len(found) > PAGE
    new = [one.notification.id for one in messages if one.notification.read_at is None]
    if new:
        engine.mark_read(new, by=person_id())
    return render_template("notifications/index.html", messages=messages, page=page, more=more)
