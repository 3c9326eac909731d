"""The noticeboard 公示栏: what ledgers disclose, to the public and, with a login, to the unit and the branch."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from types import MappingProxyType

from flask import Blueprint, flash, g, redirect, render_template, request, send_file, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from engine.errors import Invalid, NotFound
from engine.ledgers import Notice
from web.current import engine, person_id, public, reader_id

_NONE: Mapping[str, str] = MappingProxyType({})

noticeboard = Blueprint("noticeboard", __name__, url_prefix="/noticeboard")


@noticeboard.get("/")
@public
def board() -> str:
    wanted = request.args.get("q", "").strip()
    notices = [one for one in engine.noticeboard(by=reader_id()) if not wanted or _mentions(one, wanted)]
    return render_template("noticeboard/board.html", notices=notices, wanted=wanted)


@noticeboard.get("/<int:id>")
@public
def show(id: int) -> str:
    return _page(id)


@noticeboard.get("/<int:id>/plaque.pdf")
@public
def plaque(id: int) -> Response:
    """The plaque that hangs on the wall for it (承诺监督牌), to be printed."""
    response = send_file(BytesIO(engine.plaque(id, by=reader_id())), "application/pdf")
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Disposition"] = f'inline; filename="plaque-{id}.pdf"'
    return response


@noticeboard.post("/<int:id>/sections")
def update(id: int) -> tuple[str, int] | Response:
    """Write what a section discloses, in the course of the year."""
    section, text = request.form.get("section", ""), request.form.get("text", "")
    try:
        engine.update_notice(id, section, text, by=person_id(), audience=request.form.get("audience") or None)
    except Invalid as invalid:
        return _page(id, errors={section: str(invalid)}, typed={section: text}), 422
    flash(_("“%(section)s”已更新。", section=section))
    return redirect(url_for("noticeboard.show", id=id))


def _page(id: int, errors: Mapping[str, str] = _NONE, typed: Mapping[str, str] = _NONE) -> str:
    kept = engine.kept_sections(id, by=person_id()) if g.account is not None else set()
    notice = _notice(id)
    return render_template(
        "noticeboard/show.html",
        notice=notice,
        kept=kept,
        audience_of={one.section: one.audience for one in notice.entry.sections},
        readers={"支部": _("本支部"), "单位": _("本单位"), "社会": _("社会公开")},
        errors=errors,
        typed=typed,
    )


def _notice(id: int) -> Notice:
    found = next((one for one in engine.noticeboard(by=reader_id()) if one.entry.id == id), None)
    if found is None:
        raise NotFound("no-notice", _("公示栏没有这一条，或者它不对您公开；登录后再看看。"))
    return found


def _mentions(notice: Notice, wanted: str) -> bool:
    return any(wanted in text for text in notice.sections.values())
