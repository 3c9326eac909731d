"""A process instance's page: where it stands, what happened, what it fanned out into, its documents, its live diagram."""

from __future__ import annotations

import json
from datetime import date, time, timedelta
from tempfile import TemporaryFile
from typing import Any

from flask import Blueprint, flash, jsonify, redirect, render_template, request, send_file, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from engine import feel
from engine.errors import Invalid
from web.current import engine, person_id
from web.wording import lines, value

#: Lines of the children's history that a page shows: the latest.
BELOW = 300

instances = Blueprint("instances", __name__, url_prefix="/instances")


@instances.get("/<int:id>")
def show(id: int) -> str:
    view = engine.instance(id, by=person_id())
    history = lines(engine.timeline(id, by=person_id()))
    own = [line for line in history if line.stream == view.instance.stream]
    below = [line for line in history if line.stream != view.instance.stream]
    places = {child.stream: value(child.item) for each in view.fanouts for child in each.children}
    return render_template(
        "instances/show.html",
        view=view,
        instance=view.instance,
        lines=own,
        below=below[-BELOW:],
        places=places,
        activities=engine.activities(id, by=person_id()),
        copies=engine.copies_of(id, by=person_id()),
        suspended_by=_name(view.suspension.suspended_by_id) if view.suspension is not None else "",
        archivable=engine.may_archive(id, by=person_id()),
    )


@instances.post("/<int:id>/archive")
def archive(id: int) -> Response:
    """The whole of it as one .zip, written to disk first: it may be large."""
    out = TemporaryFile()  # noqa: SIM115  # closed with the response
    engine.archive(id, out, by=person_id())
    out.seek(0)
    return send_file(out, "application/zip", as_attachment=True, download_name=f"lvze-{id}.zip")


@instances.post("/<int:id>/activities")
def start_activity(id: int) -> Response:
    """Start an activity of an ad-hoc sub-process."""
    task, _sep, element = request.form.get("activity", "").partition(" ")
    engine.start_activity(id, task, element, by=person_id())
    flash(_("已启动，请到待办中办理。"))
    return redirect(url_for(".show", id=id))


def _name(person: int) -> str:
    return engine.names([person])[person]


@instances.get("/<int:id>/decisions/<int:number>")
def decision(id: int, number: int) -> str:
    """A decision that the instance took: its tables, what they were given, the rules that matched."""
    taken = engine.decision(id, number, by=person_id())
    return render_template("instances/decision.html", taken=taken, instance=taken.instance)


@instances.get("/<int:id>/standing")
def standing(id: int) -> Response:
    """Asked again and again while automatic steps run: when they are done, the page is to be loaded anew."""
    working = engine.instance(id, by=person_id()).working
    return Response(status=204, headers={} if working else {"HX-Refresh": "true"})


@instances.get("/<int:id>/diagram")
def diagram(id: int) -> Response:
    """Where the instance stands, element by element; asked for again while somebody looks."""
    return jsonify(elements=engine.instance_diagram(id, by=person_id()))


@instances.get("/definitions/<int:id>.bpmn")
def definition(id: int) -> Response:
    return Response(engine.definition_xml(id), mimetype="application/xml")


# what administrators do to a whole instance; its initiator may cancel it too

#: act -> (the button, the sentence under the page's title)
ACTS: dict[str, tuple[str, str]] = {
    "suspension": ("暂停", "这件和它的全部下级停住：不能办理，定时、自动步骤和消息都等着，直到恢复。"),
    "resumption": ("恢复", "继续办理。暂停期间到期的，马上处理。"),
    "cancellation": ("撤销", "提前结束，不能恢复。已生成的文件、签名和台账不动。"),
    "deletion": (
        "删除",
        "变量、草稿和中间数据永久清除，别人不再看得到。文件、签名、用印登记、发文字号、台账和历史依法保留。",
    ),
}
_ACT = "/<int:id>/<any({}):act>".format(",".join(ACTS))


@instances.get(_ACT)
def act_page(id: int, act: str) -> str:
    return _act_page(id, act, {})


@instances.post(_ACT)
def act(id: int, act: str) -> tuple[str, int] | Response:
    reason, by = request.form.get("reason", ""), person_id()
    try:
        match act:
            case "suspension":
                engine.suspend(id, reason=reason, by=by)
            case "resumption":
                engine.resume(id, by=by)
            case "cancellation":
                engine.cancel(id, reason=reason, by=by)
            case _:
                engine.delete(id, reason=reason, by=by)
    except Invalid as invalid:
        return _act_page(id, act, invalid.errors or {"": str(invalid)}), 422
    flash(
        {
            "suspension": _("已暂停，连同全部下级。"),
            "resumption": _("已恢复办理。"),
            "cancellation": _("已撤销，原因已记入办理过程。"),
            "deletion": _("已删除数据，依法保留的仍在。"),
        }[act]
    )
    return redirect(url_for(".show", id=id))


def _act_page(id: int, act: str, errors: dict[str, str]) -> str:
    view = engine.instance(id, by=person_id())
    if act != "cancellation":
        engine.require_admin(by=person_id())
    title, says = ACTS[act]
    return render_template(
        "instances/act.html",
        instance=view.instance,
        act=act,
        title=title,
        says=says,
        errors=errors,
        typed=request.form,
        foreseen=engine.preview_cancel(id, by=person_id()) if act == "cancellation" else None,
    )


@instances.get("/<int:id>/variables")
def variables(id: int) -> str:
    return _variables_page(id, {})


@instances.post("/<int:id>/variables")
def correct(id: int) -> tuple[str, int] | Response:
    name, text = request.form.get("name", "").strip(), request.form.get("value", "").strip()
    try:
        if not text:
            sentence = _("请填写新值；要清空就写 null。")
            raise Invalid("no-value", sentence, {name: sentence})
        engine.correct_variables(
            id, expressions={name: text}, reason=request.form.get("reason", ""), by=person_id()
        )
    except Invalid as invalid:
        return _variables_page(id, invalid.errors or {"": str(invalid)}), 422
    flash(_("已更正“%(name)s”，原值、新值和原因已记入办理过程。", name=name))
    return redirect(url_for(".variables", id=id))


def _variables_page(id: int, errors: dict[str, str]) -> str:
    engine.require_admin(by=person_id())
    found = engine.variables(id, by=person_id())
    return render_template(
        "instances/variables.html",
        instance=engine.instance(id, by=person_id()).instance,
        variables={name: _literal(one) for name, one in sorted(found.items())},
        errors=errors,
        typed=request.values,
    )


def _literal(thing: Any) -> str:
    """A value as it can be typed in again."""
    if isinstance(thing, str):
        return json.dumps(thing, ensure_ascii=False)
    text = feel.text_of(thing)
    return f'@"{text}"' if isinstance(thing, (date, time, timedelta)) else text
