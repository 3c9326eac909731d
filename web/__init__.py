"""The web pages: Flask over the engine's public names. Nothing here decides who may act; the engine does.

``create_app(engine)`` makes the WSGI application.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
from datetime import timedelta
from typing import Any

from flask import Flask, Response, current_app, g, jsonify, render_template, request
from flask.sessions import SecureCookieSessionInterface
from flask_babel import Babel
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException

from engine import ProcessEngine
from engine.errors import LvzeError
from web import wording
from web.accounts import accounts
from web.assets import asset
from web.authenticity import authenticity
from web.authority import authority
from web.checking import checking
from web.copies import copies
from web.current import engine as current_engine
from web.delegations import delegations
from web.designer import designer
from web.documents import documents
from web.inbox import inbox
from web.instances import instances
from web.ledgers import ledgers
from web.migrations import migrations
from web.noticeboard import noticeboard
from web.notifications import notifications
from web.numbers import numbers
from web.operations import operations
from web.phrases import phrases
from web.seals import seals
from web.word_templates import word_templates
from web.work_items import work_items

__all__ = ["create_app"]

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class _Sessions(SecureCookieSessionInterface):
    """The cookie is Secure wherever the page came over HTTPS; on loopback there is none."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def create_app(engine: ProcessEngine) -> Flask:
    app = Flask("web")
    app.config.update(
        SECRET_KEY=engine.settings.secret_key,
        SESSION_COOKIE_NAME="lvze",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(hours=12),
        # A slow answer, such as a page picture, must not put an older cookie over a newer one.
        SESSION_REFRESH_EACH_REQUEST=False,
        MAX_CONTENT_LENGTH=24 * 1024 * 1024,
        MAX_FORM_MEMORY_SIZE=4 * 1024 * 1024,  # handwriting comes as a form field
        MAX_FORM_PARTS=4000,
        WTF_CSRF_FIELD_NAME="_csrf",  # a form's own keys never begin with "_"
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
        BABEL_DEFAULT_LOCALE="zh",
        BABEL_DEFAULT_TIMEZONE="Asia/Shanghai",
    )
    app.session_interface = _Sessions()
    app.extensions["lvze"] = engine
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    CSRFProtect(app)
    Babel(app, locale_selector=_locale)
    for blueprint in (
        accounts,
        inbox,
        work_items,
        operations,
        copies,
        phrases,
        delegations,
        instances,
        notifications,
        documents,
        checking,
        authenticity,
        authority,
        noticeboard,
        ledgers,
        numbers,
        seals,
        designer,
        word_templates,
        migrations,
    ):
        app.register_blueprint(blueprint)
    if importlib.util.find_spec("web.administration"):
        app.register_blueprint(importlib.import_module("web.administration").administration)
    wording.register(app)
    app.context_processor(_page)
    app.after_request(_harden)
    app.register_error_handler(LvzeError, _refused)
    app.register_error_handler(CSRFError, _stale)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _broken)
    return app


def _locale() -> str:
    return request.accept_languages.best_match(["zh"], "zh")


def _page() -> dict[str, Any]:
    """What every template may use."""
    account = g.get("account")
    return {
        "account": account,
        "account_name": current_engine.names([account.person_id]).get(account.person_id, account.username)
        if account
        else "",
        "blueprints": current_app.blueprints,
        "asset": asset,
        "locale": "zh-CN",
        "type_size": "large" if request.cookies.get("type") == "large" else "normal",
    }


def _harden(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if response.mimetype == "application/pdf":
        del response.headers["Content-Security-Policy"]  # a browser's own viewer is an object
    if request.path.startswith("/static/dist/"):
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    elif request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _refused(error: LvzeError) -> tuple[Response | str, int]:
    """An error of the engine: its status with its sentence."""
    return _problem(error.status, error.code, str(error), getattr(error, "errors", {}))


def _stale(error: CSRFError) -> tuple[Response | str, int]:
    return _problem(400, "csrf", _("这个页面已过期，没有提交任何内容。请返回上一页刷新后再试。"))


def _http_error(error: HTTPException) -> tuple[Response | str, int] | HTTPException:
    sentences = {
        400: _("请求不完整，请返回上一页重试。"),
        403: _("您没有权限打开这个页面。"),
        404: _("没有这个页面，可能地址有误，或者内容已被移走。"),
        405: _("不能这样访问这个地址，请从页面上的按钮进入。"),
        413: _("上传的内容超过 24 MB，请压缩后再传。"),
    }
    if error.code is None or error.code < 400:
        return error
    return _problem(error.code, f"http-{error.code}", sentences.get(error.code, _("请求无法处理。")))


def _broken(error: Exception) -> tuple[Response | str, int]:
    logging.getLogger("lvze.web").exception("unexpected error at %s %s", request.method, request.path)
    return _problem(
        500, "unexpected", _("系统出了意外的错误，您的操作没有生效。请稍后重试；若仍如此，请告诉管理员。")
    )


def _problem(
    status: int, code: str, sentence: str, errors: dict[str, str] | None = None
) -> tuple[Response | str, int]:
    """A page for people, ``application/problem+json`` (RFC 9457) for programs."""
    if (
        request.accept_mimetypes.best_match(["text/html", "application/json"], "text/html")
        == "application/json"
    ):
        body = {"type": f"about:blank#{code}", "title": sentence, "status": status, "code": code}
        if errors:
            body["errors"] = errors
        response = jsonify(body)
        response.content_type = "application/problem+json"
        return response, status
    return render_template("errors/problem.html", status=status, sentence=sentence), status
