"""The pages of the office operations at a work item: 退回, 转办, 委派, 加签, 减签, 抄送, 催办, 撤回; and 跳转 at an instance.

Each is a page with a form, so that it works without JavaScript; whatever moves the process shows first what it takes away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from engine.errors import Conflict, Invalid, LvzeError
from engine.operations import Operation
from web.current import engine, person_id

operations = Blueprint("operations", __name__)

#: operation -> (the button, the sentence under the page's title); in the order of the menu
TITLES: dict[str, tuple[str, str]] = {
    "reject": ("退回", "退回后，对方之后办过的都要重新办理。"),
    "transfer": ("转办", "转给别人办理，之后由对方负责，您仍能查看。"),
    "entrust": ("委派", "请别人先办并提出意见，办完回到您这里，由您提交。"),
    "add_signers": ("加签", "再请人提出意见。"),
    "remove_signer": ("减签", "不再请还没有办理的人。"),
    "send_copies": ("抄送", "让别人知道这件事，不需要对方办理。"),
    "nudge": ("催办", "提醒正在办理的人，同一事项两小时内只能催一次。"),
    "withdraw": ("撤回", "下一步还没有人办理，可以把您提交的收回来。"),
}
#: those that are addressed to people
TO_PEOPLE = frozenset({"transfer", "entrust", "add_signers", "send_copies"})
PLACES = {
    "before": ("前加签", "对方先办，办完您再办"),
    "parallel": ("并加签", "与您同时办"),
    "after": ("后加签", "您办完，对方再办"),
}

#: What an element without a name is called.
KINDS = {
    "startEvent": "开始事件",
    "endEvent": "结束事件",
    "intermediateThrowEvent": "中间事件",
    "intermediateCatchEvent": "中间事件",
    "exclusiveGateway": "排他网关",
    "parallelGateway": "并行网关",
    "inclusiveGateway": "包容网关",
    "complexGateway": "复杂网关",
    "eventBasedGateway": "事件网关",
}


@operations.app_context_processor
def _words() -> dict[str, Any]:
    return {"operation_titles": TITLES}


@operations.get("/work-items/<int:id>/<any({}):name>".format(",".join(TITLES)))
def show(id: int, name: str) -> str:
    return _page(id, name, {})


@operations.post("/work-items/<int:id>/<any({}):name>".format(",".join(TITLES)))
def act(id: int, name: str) -> tuple[str, int] | Response:
    try:
        message = _ACTS[name](id)
    except Invalid as invalid:
        return _page(id, name, invalid.errors or {"": str(invalid)}), 422
    except Conflict as conflict:
        if conflict.code != "suspended":
            raise
        flash(str(conflict))
        return redirect(url_for("work_items.show", id=id))
    flash(message)
    if name in ("add_signers", "remove_signer", "send_copies", "nudge"):
        return redirect(url_for("work_items.show", id=id))
    return redirect(url_for("inbox.show"))


@operations.get("/work-items/<int:id>/effects")
def effects(id: int) -> str:
    """What a 退回 to the chosen step takes away; asked for again at every choice."""
    return render_template("operations/_effects.html", effects=_rejection(id))


@operations.get("/people")
def people() -> str:
    """People to choose from, those chosen already first."""
    chosen = request.args.getlist("person", type=int)
    found = engine.addressees(request.args.get("words", "").strip(), by=person_id(), chosen=chosen)
    many = request.args.get("many") == "1"
    return render_template("operations/_people.html", people=found, chosen=chosen, many=many)


def _page(id: int, name: str, errors: dict[str, str]) -> str:
    view = engine.work_item(id, by=person_id())
    offered = {one.name: one for one in engine.operations_for(id, by=person_id())}
    if name not in offered:
        abort(409)
    chosen = request.values.getlist("person", type=int)
    words = request.values.get("words", "").strip()
    return render_template(
        "operations/show.html",
        view=view,
        item=view.item,
        name=name,
        title=TITLES[name][0],
        says=TITLES[name][1],
        operation=offered[name],
        errors=errors,
        typed=request.values,
        places=[(key, *PLACES[key]) for key in offered[name].places],
        effects=_taken_away(id, name),
        people=engine.addressees(words, by=person_id(), chosen=chosen) if name in TO_PEOPLE else [],
        chosen=chosen,
        phrases=engine.phrases(by=person_id()),
        units=engine.units() if name == "send_copies" else [],
    )


def _taken_away(id: int, name: str) -> Any:
    if name == "withdraw":
        return engine.preview_withdraw(id, by=person_id())
    return _rejection(id) if name == "reject" else None


def _rejection(id: int) -> Any:
    return engine.preview_reject(
        id, by=person_id(), to=request.values.get("to"), direct=request.values.get("direct") == "1"
    )


def _text(name: str) -> str:
    return request.form.get(name, "").strip()


def _one_person() -> int:
    person = request.form.get("person", type=int)
    if person is None:
        sentence = _("请选择一个人。")
        raise Invalid("no-person", sentence, {"person": sentence})
    return person


def _reject(id: int) -> Any:
    direct = request.form.get("direct") == "1"
    done = engine.reject(
        id, by=person_id(), opinion=_text("_opinion"), to=request.form.get("to"), direct=direct
    )
    where = "、".join(done.effects.opens)
    return _("已退回到“%(where)s”。", where=where) if where else _("已退回。")


def _transfer(id: int) -> Any:
    to = _one_person()
    engine.transfer(id, by=person_id(), to=to, reason=_text("reason"))
    return _("已转给%(name)s办理。", name=engine.names([to])[to])


def _entrust(id: int) -> Any:
    to = _one_person()
    engine.entrust(id, by=person_id(), to=to, note=_text("note"))
    return _("已委派%(name)s，办完会回到您这里。", name=engine.names([to])[to])


def _add_signers(id: int) -> Any:
    persons = request.form.getlist("person", type=int)
    engine.add_signers(
        id, by=person_id(), persons=persons, place=request.form.get("place", ""), note=_text("note")
    )
    names = engine.names(persons)
    return _("已请%(names)s加签。", names="、".join(names[one] for one in persons))


def _remove_signer(id: int) -> Any:
    engine.remove_signer(request.form.get("item", id, type=int), by=person_id(), reason=_text("reason"))
    return _("已减签。")


def _send_copies(id: int) -> Any:
    view = engine.work_item(id, by=person_id())
    unit, post = request.form.get("unit", type=int), request.form.get("post", "")
    sent = engine.send_copies(
        view.instance.id,
        by=person_id(),
        persons=request.form.getlist("person", type=int),
        posts=[(unit, post)] if unit and post else [],
        note=_text("note"),
        work_item=id,
    )
    return _("已抄送 %(count)s 份。", count=len(sent))


def _nudge(id: int) -> Any:
    done = engine.nudge(id, by=person_id(), note=_text("note"))
    return _("已提醒：%(names)s。", names="、".join(done.reminded))


def _withdraw(id: int) -> Any:
    engine.withdraw(id, by=person_id())
    return _("已撤回，在待办里可以修改后重新提交。")


_ACTS: dict[str, Callable[[int], Any]] = {
    "reject": _reject,
    "transfer": _transfer,
    "entrust": _entrust,
    "add_signers": _add_signers,
    "remove_signer": _remove_signer,
    "send_copies": _send_copies,
    "nudge": _nudge,
    "withdraw": _withdraw,
}


def menu(offered: list[Operation]) -> list[tuple[str, str]]:
    """(name, button) of what has a page of its own, in the order of the menu."""
    names = {one.name for one in offered}
    return [(name, label) for name, (label, _) in TITLES.items() if name in names]


@operations.get("/instances/<int:id>/jump")
def jump(id: int) -> str:
    return _jump_page(id, {})


@operations.post("/instances/<int:id>/jump")
def jump_now(id: int) -> tuple[str, int] | Response:
    try:
        tokens = request.form.getlist("token") or None
        engine.jump(id, by=person_id(), to=request.form.get("to", ""), reason=_text("reason"), tokens=tokens)
    except Invalid as invalid:
        return _jump_page(id, invalid.errors or {"": str(invalid)}), 422
    flash(_("已跳转，理由已记入办理过程。"))
    return redirect(url_for("instances.show", id=id))


@operations.get("/instances/<int:id>/jump/effects")
def jump_effects(id: int) -> str:
    found, sentence = _jumping(id)
    return render_template("operations/_effects.html", effects=found, sentence=sentence)


def _jump_page(id: int, errors: dict[str, str]) -> str:
    view = engine.instance(id, by=person_id())
    tokens, places = engine.jump_places(id, by=person_id())
    found, sentence = _jumping(id)
    return render_template(
        "operations/jump.html",
        instance=view.instance,
        tokens=tokens,
        places=places,
        kinds=KINDS,
        effects=found,
        sentence=sentence,
        errors=errors,
        typed=request.values,
    )


def _jumping(id: int) -> tuple[Any, str]:
    """What the chosen jump takes away, or why it cannot be made."""
    to = request.values.get("to")
    if not to:
        return None, ""
    try:
        tokens = request.values.getlist("token") or None
        return engine.preview_jump(id, by=person_id(), to=to, tokens=tokens), ""
    except LvzeError as error:
        return None, str(error)
