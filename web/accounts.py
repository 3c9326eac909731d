"""Signing in and out, the password, and who is behind a request.

A session names an account and its ``session_version``; it is made anew at every sign-in and ends after 30 minutes without
a request, when the password changes, or when an administrator says so.
"""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from flask import Blueprint, current_app, flash, g, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from engine.errors import Invalid
from web.current import engine, public

accounts = Blueprint("accounts", __name__)

#: Seconds without a request after which a session is over.
IDLE = 30 * 60


@accounts.before_app_request
def sign_in_first() -> Response | None:
    """Every view that is not marked public asks for a login."""
    g.account = _account()
    view = current_app.view_functions.get(request.endpoint or "")
    if (
        g.account is not None
        or view is None
        or request.endpoint == "static"
        or getattr(view, "public", False)
    ):
        return None
    wanted = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("accounts.login", next=wanted))


def _account() -> object | None:
    if "account" not in session:
        return None
    now = time.time()
    if now - session.get("seen", 0) > IDLE:
        session.clear()
        flash(_("您已有 30 分钟没有操作，请重新登录。"), "warning")
        return None
    found = engine.resume_session(session["account"], session.get("version", 0))
    if found is None:
        session.clear()
        return None
    if now - session["seen"] > 60:  # not on every request: the cookie would change under parallel ones
        session["seen"] = now
    return found


@accounts.get("/login")
@public
def login() -> str | Response:
    return redirect(_wanted()) if g.account else render_template("accounts/login.html", username="")


@accounts.post("/login")
@public
def sign_in() -> tuple[str, int] | Response:
    username = request.form.get("username", "")
    account = engine.authenticate(username, request.form.get("password", ""))
    if account is None:
        wrong = _(
            "用户名或密码不对，或账号已被锁定、停用。连续输错 5 次锁定 15 分钟；忘记密码请找党务干事重设。"
        )
        return render_template("accounts/login.html", username=username, wrong=wrong), 422
    session.clear()
    session.update(account=account.id, version=account.session_version, seen=time.time())
    session.permanent = True
    return redirect(_wanted())


@accounts.post("/logout")
def logout() -> Response:
    session.clear()
    flash(_("您已退出。"))
    return redirect(url_for("accounts.login"))


@accounts.get("/password")
def password() -> str:
    return render_template("accounts/password.html", errors={})


@accounts.post("/password")
def change_password() -> tuple[str, int] | Response:
    new = request.form.get("password", "")
    try:
        if new != request.form.get("again", ""):
            raise Invalid(
                "password-again", _("两次输入的新密码不一样。"), {"again": _("两次输入的新密码不一样。")}
            )
        account = engine.change_password(g.account.id, current=request.form.get("current", ""), password=new)
    except Invalid as invalid:
        return render_template(
            "accounts/password.html", errors=invalid.errors or {"current": str(invalid)}
        ), 422
    session.clear()
    session.update(account=account.id, version=account.session_version, seen=time.time())
    session.permanent = True
    flash(_("密码已修改，其他设备上的登录已失效。"))
    return redirect(url_for("inbox.show"))


@accounts.post("/type-size")
@public
def type_size() -> Response:
    """适老化: large type, remembered by the browser for a year."""
    response = redirect(_local(request.referrer) or url_for("inbox.show"))
    size = "large" if request.form.get("size") == "large" else "normal"
    response.set_cookie("type", size, max_age=365 * 86400, samesite="Lax", httponly=True)
    return response


def _wanted() -> str:
    wanted = request.values.get("next", "")
    # Only a path of our own: "//host" and "/\host" leave the site.
    return wanted if wanted.startswith("/") and wanted[1:2] not in ("/", "\\") else url_for("inbox.show")


def _local(address: str | None) -> str | None:
    """The path of an address on this site."""
    parts = urlsplit(address or "")
    if parts.netloc != request.host:
        return None
    return parts.path + (f"?{parts.query}" if parts.query else "")
