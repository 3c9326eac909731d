"""验真: what strangers learn of a document, by the code that is printed on it or from its file. No login."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from engine.authenticity import Brought
from engine.errors import Conflict, NotFound
from web.current import engine, public

authenticity = Blueprint("authenticity", __name__)

#: Files that are checked at a time, and how many seconds the next one waits: a check costs far more than a page.
CHECKS, PATIENCE = 2, 10
_checks = BoundedSemaphore(CHECKS)


@authenticity.get("/verification")
@public
def ask() -> tuple[str, int] | str | Response:
    """The form; with ``code`` as it was typed, on to its document."""
    typed = request.args.get("code", "").strip()
    if not typed:
        return render_template("authenticity/ask.html", typed="")
    try:
        standing = engine.authenticity(typed)
    except NotFound as missing:
        return render_template("authenticity/ask.html", typed=typed, missing=str(missing)), 404
    return redirect(url_for(".show", code=standing.code))


@authenticity.post("/verification")
@public
def check() -> tuple[str, int] | str:
    file = _file()
    if file is None:
        return render_template("authenticity/ask.html", typed="", wrong=_no_file()), 422
    name, content = file
    return render_template("authenticity/ask.html", typed="", name=name, brought=_checked(content))


@authenticity.get("/v/<code>")
@public
def show(code: str) -> tuple[str, int] | str:
    """Where the QR code on a document leads."""
    try:
        return render_template("authenticity/show.html", standing=engine.authenticity(code))
    except NotFound as missing:
        return render_template("authenticity/ask.html", typed=code, missing=str(missing)), 404


@authenticity.post("/v/<code>")
@public
def compare(code: str) -> tuple[str, int] | str:
    """Is this file the document of the code?"""
    standing, file = engine.authenticity(code), _file()
    if file is None:
        return render_template("authenticity/show.html", standing=standing, wrong=_no_file()), 422
    name, content = file
    brought = _checked(content, standing.code)
    if brought.standing is not None and brought.standing.code == standing.code:
        standing = brought.standing
    return render_template("authenticity/show.html", standing=standing, name=name, brought=brought)


def _no_file() -> str:
    return str(_("请选择要验证的文件（.docx 或 .pdf）。"))


def _file() -> tuple[str, bytes] | None:
    upload = request.files.get("file")
    content = upload.read() if upload else b""
    return ((upload.filename or "") if upload else "", content) if content else None


def _checked(content: bytes, code: str | None = None) -> Brought:
    with _turn():
        return engine.check_file(content, code=code)


@contextmanager
def _turn() -> Iterator[None]:
    """One of the few checks at a time.

    :raises Conflict: others have been checking for too long
    """
    if not _checks.acquire(timeout=PATIENCE):
        raise Conflict("busy", _("现在验证文件的人太多，请过一会儿再试。"))
    try:
        yield
    finally:
        _checks.release()
