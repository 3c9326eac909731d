"""Administration: the organisation, accounts, seals, certificates, delegations, incidents, messages. The engine says who may."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from datetime import date, datetime, time
from io import BytesIO
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, send_file, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from engine import feel
from engine.clock import SHANGHAI
from engine.deliveries import Delivery
from engine.documents.certificates import REASONS
from engine.documents.seal_pictures import DIAMETER
from engine.errors import Conflict, Invalid, NotExecutable, NotFound
from engine.organisation.people import KINDS as MEMBERSHIPS
from engine.organisation.posts import MODES, POSTS
from engine.organisation.units import BRANCHES
from engine.organisation.units import KINDS as UNIT_KINDS
from engine.pki import KEY_KINDS
from engine.working_time import KNOWN
from web.current import engine, person_id

administration = Blueprint("administration", __name__, url_prefix="/administration")

PAGE = 100
Page = str | tuple[str, int] | Response


@administration.before_request
def only_administrators() -> None:
    engine.require_admin(by=person_id())


@administration.app_template_test("branch")
def is_branch(unit: Any) -> bool:
    return unit.kind in BRANCHES


@administration.get("/")
def index() -> Response:
    return redirect(url_for(".units"))


# units


@administration.get("/units")
def units() -> str:
    return render_template("administration/units.html", tree=engine.units())


@administration.get("/units/new")
def new_unit() -> str:
    return _unit_form({})


@administration.post("/units")
def add_unit() -> Page:
    return _act(
        lambda: engine.add_unit(
            by=person_id(),
            kind=_text("kind"),
            name=_text("name"),
            short_name=_text("short_name"),
            parent_id=request.form.get("parent_id", type=int),
            founded_on=_date("founded_on"),
            agency_code=_text("agency_code"),
        ),
        said=_("已登记%(name)s。", name=_text("name")),
        back=url_for(".units"),
        again=_unit_form,
    )


@administration.get("/units/<int:id>")
def unit(id: int) -> str:
    return _unit_page(id)


@administration.post("/units/<int:id>/name")
def rename_unit(id: int) -> Page:
    return _act(
        lambda: engine.rename_unit(
            id, by=person_id(), name=_text("name"), short_name=_text("short_name"), on=_date("on")
        ),
        said=_("已更名。此前印发的文件仍用原名称。"),
        back=url_for(".unit", id=id),
        again=lambda errors: _unit_page(id, "name", errors),
    )


@administration.post("/units/<int:id>/superior")
def move_unit(id: int) -> Page:
    return _act(
        lambda: engine.move_unit(id, by=person_id(), parent_id=request.form.get("parent_id", type=int)),
        said=_("已调整上级党组织。"),
        back=url_for(".unit", id=id),
        again=lambda errors: _unit_page(id, "superior", errors),
    )


@administration.post("/units/<int:id>/dissolution")
def dissolve_unit(id: int) -> Page:
    return _act(
        lambda: engine.dissolve_unit(id, by=person_id(), on=_date("on")),
        said=_("已撤销，其中的任职同日结束。"),
        back=url_for(".units"),
        again=lambda errors: _unit_page(id, "dissolution", errors),
    )


@administration.post("/units/<int:id>/holdings")
def appoint(id: int) -> Page:
    vacant = "vacant" in request.form
    return _act(
        lambda: engine.appoint(
            id,
            _text("post"),
            None if vacant else _person(_text("person")),
            by=person_id(),
            from_on=_date("from_on"),
            mode=_text("mode") or MODES[0],
            replacing="replacing" in request.form,
        ),
        said=_("已登记空缺。") if vacant else _("已任职。未办结的事项随职务转到新任职人。"),
        back=url_for(".unit", id=id),
        again=lambda errors: _unit_page(id, "appoint", errors),
    )


@administration.post("/units/<int:id>/holdings/<int:holding>/end")
def leave_post(id: int, holding: int) -> Page:
    return _act(
        lambda: engine.leave_post(holding, by=person_id(), on=_date("on")),
        said=_("任职已结束。以前的签名不受影响，未办结的事项随职务转移。"),
        back=url_for(".unit", id=id),
        again=lambda errors: _unit_page(id, f"end-{holding}", errors),
    )


# people


@administration.get("/people")
def people() -> str:
    words = request.args.get("q", "").strip()
    rows = engine.people(words, by=person_id(), limit=PAGE + 1, after=request.args.get("after", 0, type=int))
    return render_template("administration/people.html", rows=rows[:PAGE], more=len(rows) > PAGE, words=words)


@administration.get("/people/new")
def new_person() -> str:
    return _person_form({})


@administration.post("/people")
def add_person() -> Page:
    return _act(
        lambda: engine.add_person(
            by=person_id(),
            **_particulars(),
            branch_id=request.form.get("unit_id", type=int),
            kind=_text("kind") or MEMBERSHIPS[0],
            joined_party_on=_optional_date("joined_party_on"),
        ),
        said=_("已登记%(name)s。", name=_text("name")),
        back=url_for(".people", q=_text("name")),
        again=_person_form,
    )


@administration.get("/people/<int:id>")
def person(id: int) -> str:
    return _person_page(id)


@administration.post("/people/<int:id>")
def change_person(id: int) -> Page:
    return _act(
        lambda: engine.change_person(id, by=person_id(), **_particulars()),
        said=_("已保存。"),
        back=url_for(".person", id=id),
        again=lambda errors: _person_page(id, "particulars", errors),
    )


@administration.post("/people/<int:id>/membership")
def transfer_member(id: int) -> Page:
    return _act(
        lambda: engine.transfer_member(id, _unit("unit_id"), by=person_id(), on=_date("on")),
        said=_("组织关系已登记。"),
        back=url_for(".person", id=id),
        again=lambda errors: _person_page(id, "membership", errors),
    )


@administration.post("/people/<int:id>/confirmation")
def confirm_member(id: int) -> Page:
    return _act(
        lambda: engine.confirm_member(id, by=person_id(), on=_date("on")),
        said=_("已转正。"),
        back=url_for(".person", id=id),
        again=lambda errors: _person_page(id, "confirmation", errors),
    )


@administration.post("/people/<int:id>/membership/<int:membership>/end")
def end_membership(id: int, membership: int) -> Page:
    return _act(
        lambda: engine.end_membership(membership, by=person_id(), on=_date("on")),
        said=_("组织关系已终止。"),
        back=url_for(".person", id=id),
        again=lambda errors: _person_page(id, "end-membership", errors),
    )


# accounts


@administration.get("/accounts")
def accounts() -> str:
    return render_template(
        "administration/accounts.html", accounts=engine.accounts(by=person_id()), now=engine.clock.now()
    )


@administration.post("/people/<int:id>/account")
def create_account(id: int) -> Page:
    try:
        account, password = engine.create_account(
            id,
            _text("username"),
            by=person_id(),
            is_admin="is_admin" in request.form,
            is_designer="is_designer" in request.form,
        )
    except (Invalid, Conflict) as refused:
        return _person_page(id, "account", _errors(refused)), refused.status
    return render_template("administration/password.html", username=account.username, password=password)


@administration.post("/accounts/<int:id>/password")
def reset_password(id: int) -> str:
    password = engine.reset_password(id, by=person_id())
    return render_template("administration/password.html", username=_text("username"), password=password)


@administration.post("/accounts/<int:id>")
def grant_account(id: int) -> Page:
    def grant() -> None:
        engine.grant_account(
            id,
            by=person_id(),
            is_admin="is_admin" in request.form,
            is_designer="is_designer" in request.form,
            disabled="disabled" in request.form,
        )

    def again(errors: dict[str, str]) -> str:
        flash(next(iter(errors.values())), "warning")
        return accounts()

    return _act(grant, said=_("已保存，该账号需要重新登录。"), back=url_for(".accounts"), again=again)


# import


@administration.get("/import")
def workbook() -> str:
    return render_template("administration/import.html", report=None, errors={})


@administration.post("/import")
def import_workbook() -> Page:
    upload = request.files.get("workbook")
    try:
        if upload is None or not upload.filename:
            raise Invalid(
                "no-workbook",
                _("请选择要导入的 .xlsx 文件。"),
                {"workbook": _("请选择要导入的 .xlsx 文件。")},
            )
        report = engine.import_workbook(upload.read(), by=person_id())
    except Invalid as refused:
        return render_template("administration/import.html", report=None, errors=_errors(refused)), 422
    status = 200 if report.imported else 422
    return render_template("administration/import.html", report=report, errors={}), status


@administration.get("/import/template.xlsx")
def workbook_template() -> Response:
    return send_file(
        BytesIO(engine.workbook_template()),
        mimetype="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        as_attachment=True,
        download_name="组织机构导入模板.xlsx",
    )


# seals


@administration.get("/seals")
def seals() -> str:
    return _seals_page()


@administration.post("/seals/<int:unit>")
def put_seal(unit: int) -> Page:
    """Put a seal into use: the unit's own, uploaded; or a demo one, drawn."""

    def put() -> None:
        if "demo" in request.form:
            engine.grant_demo_seal(unit, by=person_id())
            return
        upload = request.files.get("picture")
        if upload is None or not upload.filename:
            raise Invalid(
                "no-picture", _("请选择印章图片。"), {"picture": _("请选择印章图片（PNG，背景透明）。")}
            )
        try:
            diameter = float(_text("diameter") or DIAMETER)
        except ValueError:
            raise Invalid(
                "seal-diameter", _("直径请填数字。"), {"diameter": _("直径请填数字，单位为毫米。")}
            ) from None
        engine.upload_seal(unit, upload.read(), diameter=diameter, by=person_id())

    return _act(
        put,
        said=_("印章已启用。"),
        back=url_for(".seals"),
        again=lambda errors: _seals_page(unit, errors),
    )


@administration.post("/seals/<int:unit>/withdrawal")
def withdraw_seal(unit: int) -> Page:
    return _act(
        lambda: engine.withdraw_seal(unit, by=person_id()),
        said=_("印章已停用。已经盖过的不受影响。"),
        back=url_for(".seals"),
        again=lambda errors: _seals_page(unit, errors),
    )


@administration.post("/seals/permissions")
def permit_seal() -> Page:
    def permit() -> None:
        engine.permit_seal(
            request.form.get("unit", 0, type=int),
            _person(_text("person_id"), "person_id"),
            reason=_text("reason"),
            from_on=_optional_date("from_on"),
            until_on=_optional_date("until_on"),
            by=person_id(),
        )

    return _act(
        permit,
        said=_("已登记用印授权。"),
        back=url_for(".seals"),
        again=lambda errors: _seals_page(errors=errors),
    )


@administration.post("/seals/permissions/<int:id>/end")
def end_seal_permission(id: int) -> Page:
    return _act(
        lambda: engine.end_seal_permission(id, by=person_id()),
        said=_("用印授权自今天起结束。"),
        back=url_for(".seals"),
        again=lambda errors: _seals_page(errors=errors),
    )


@administration.get("/seals/<int:unit>.png")
def seal_picture(unit: int) -> Response:
    return send_file(BytesIO(engine.seal_picture(unit, by=person_id())), "image/png")


def _seals_page(unit: int = 0, errors: dict[str, str] | None = None) -> str:
    """:param unit: the one whose seal was refused"""
    tree = engine.units()
    return render_template(
        "administration/seals.html",
        tree=tree,
        names={line.unit.id: line.unit.short_name for line in tree},
        seals=engine.seals_in_use(by=person_id()),
        counts=engine.seal_counts(by=person_id()),
        permissions=engine.seal_permissions(by=person_id()),
        candidates=engine.people(by=person_id(), limit=1000),
        refused=unit,
        errors=errors or {},
    )


# certificates


@administration.get("/certificates")
def certificates() -> str:
    return _certificates_page({})


@administration.post("/certificates")
def issue_certificate() -> Page:
    """A certificate for somebody: issued here, imported, or bound to a token."""

    def issue() -> None:
        way, holder = _text("way"), _holder()
        if way == "pkcs12":
            engine.import_certificate(_upload(), request.form.get("password", ""), **holder, by=person_id())
        elif way == "token":
            content = _upload(required=False) or None
            engine.bind_token(_text("token"), _text("key_id"), content, **holder, by=person_id())
        else:
            kind = next((kind for kind in KEY_KINDS if kind == _text("kind")), None)
            engine.issue_certificate(**holder, kind=kind, by=person_id())

    return _act(
        issue,
        said=_("证书已登记，持有人下次签名起使用。"),
        back=url_for(".certificates"),
        again=_certificates_page,
    )


@administration.get("/certificates/<int:id>")
def certificate(id: int) -> str:
    return _certificate_page(id)


@administration.get("/certificates/<int:id>.cer")
def certificate_file(id: int) -> Response:
    found = engine.certificate(id, by=person_id())
    name = f"{found.serial[:16]}.cer"
    return send_file(
        BytesIO(found.certificate_pem.encode()),
        "application/x-pem-file",
        as_attachment=True,
        download_name=name,
    )


@administration.post("/certificates/<int:id>/revocation")
def revoke_certificate(id: int) -> Page:
    def revoke() -> None:
        day = _optional_date("since")
        since = datetime.combine(day, time(), SHANGHAI) if day is not None else None
        engine.revoke_certificate(id, reason=_text("reason") or "其他", since=since, by=person_id())

    return _act(
        revoke,
        said=_("证书已吊销。以前的签名仍然有效；下次签名时另发新证书。"),
        back=url_for(".certificate", id=id),
        again=lambda errors: _certificate_page(id, errors),
    )


@administration.post("/certificates/<int:id>/renewal")
def renew_certificate(id: int) -> Page:
    return _act(
        lambda: engine.renew_certificate(id, same_key="same_key" in request.form, by=person_id()),
        said=_("新证书已签发，持有人下次签名起使用。以前的签名仍然有效。"),
        back=url_for(".certificates"),
        again=lambda errors: _certificate_page(id, errors),
    )


@administration.post("/certificates/authorities")
def trust_authority() -> Page:
    return _act(
        lambda: engine.trust_authority(_upload(), by=person_id()),
        said=_("已加入信任名单。"),
        back=url_for(".certificates"),
        again=_certificates_page,
    )


@administration.post("/certificates/authorities/<int:id>/removal")
def distrust_authority(id: int) -> Page:
    return _act(
        lambda: engine.distrust_authority(id, by=person_id()),
        said=_("已移出信任名单。由它证明的签名，从现在起无法确认签名人身份。"),
        back=url_for(".certificates"),
        again=_certificates_page,
    )


def _holder() -> dict[str, int | None]:
    """Whose certificate it is to be: a person's, or a unit's for its seal."""
    if unit := request.form.get("unit", type=int):
        return {"person_id": None, "unit_id": unit}
    return {"person_id": _person(_text("holder"), "holder"), "unit_id": None}


def _upload(*, required: bool = True) -> bytes:
    upload = request.files.get("file")
    content = upload.read() if upload else b""
    if required and not content:
        raise Invalid("no-file", _("请选择文件。"), {"file": _("请选择文件。")})
    return content


def _certificates_page(errors: dict[str, str]) -> str:
    words, page = request.args.get("q", ""), max(request.args.get("page", 1, type=int), 1)
    found, count = engine.find_certificates(words, limit=PAGE, offset=PAGE * (page - 1), by=person_id())
    tree = engine.units()
    waiting, since = engine.unstamped_signatures()
    return render_template(
        "administration/certificates.html",
        certificates=found,
        count=count,
        page=page,
        more=count > PAGE * page,
        words=words,
        people=engine.names({one.person_id for one in found if one.person_id is not None}),
        units={line.unit.id: line.unit.name for line in tree},
        tree=tree,
        candidates=engine.people(by=person_id(), limit=1000),
        kinds=KEY_KINDS,
        chosen=engine.settings.signature_algorithm,
        tokens=bool(engine.settings.pkcs11_module),
        roots=engine.trusted_authorities(by=person_id()),
        expiring={one.id for one in engine.expiring_certificates()},
        stamping=engine.settings.tsa_url,
        waiting=waiting,
        waiting_since=since,
        now=engine.clock.now(),
        errors=errors,
    )


def _certificate_page(id: int, errors: dict[str, str] | None = None) -> str:
    found = engine.certificate(id, by=person_id())
    names = engine.names({found.person_id} if found.person_id is not None else set())
    units = {line.unit.id: line.unit.name for line in engine.units()}
    return render_template(
        "administration/certificate.html",
        one=found,
        holder=names.get(found.person_id or 0) or units.get(found.unit_id or 0) or _("证书机构"),
        vouched=engine.is_vouched_for(id, by=person_id()),
        uses=engine.certificate_uses(id, by=person_id()),
        reasons=list(REASONS),
        now=engine.clock.now(),
        errors=errors or {},
    )


# delegations


@administration.get("/delegations")
def delegations() -> str:
    return _delegations_page({})


@administration.post("/delegations")
def delegate() -> Page:
    return _act(
        lambda: engine.delegate(
            by=person_id(),
            from_person_id=_person(_text("from_person_id"), "from_person_id"),
            to_person_id=_person(_text("to_person_id"), "to_person_id"),
            from_on=_date("from_on"),
            to_on=_optional_date("to_on"),
            reason=_text("reason"),
        ),
        said=_("已登记代理。"),
        back=url_for(".delegations"),
        again=_delegations_page,
    )


@administration.post("/delegations/<int:id>/end")
def end_delegation(id: int) -> Page:
    return _act(
        lambda: engine.end_delegation(id, by=person_id(), on=engine.today()),
        said=_("代理自今天起结束。"),
        back=url_for(".delegations"),
        again=_delegations_page,
    )


def _delegations_page(errors: dict[str, str]) -> str:
    found = engine.delegations(by=person_id())
    return render_template(
        "administration/delegations.html",
        delegations=found,
        names=engine.names({person for one in found for person in (one.from_person_id, one.to_person_id)}),
        candidates=engine.people(by=person_id(), limit=500),
        today=engine.today(),
        errors=errors,
    )


# working calendar


@administration.get("/calendar")
def working_calendar() -> str:
    return _calendar_page({})


@administration.post("/calendar")
def note_local_day() -> Page:
    return _act(
        lambda: engine.note_local_day(
            _date("day"), by=person_id(), is_working=_text("kind") == "working", reason=_text("reason")
        ),
        said=_("已登记。此后计算的期限照此办，已经定下的期限不变。"),
        back=url_for(".working_calendar"),
        again=_calendar_page,
    )


@administration.post("/calendar/removal")
def forget_local_day() -> Page:
    return _act(
        lambda: engine.forget_local_day(_date("day"), by=person_id()),
        said=_("已删除，这一天照国家的放假安排办。"),
        back=url_for(".working_calendar"),
        again=_calendar_page,
    )


def _calendar_page(errors: dict[str, str]) -> str:
    today = engine.today()
    return render_template(
        "administration/calendar.html",
        years=[(year, year in KNOWN) for year in range(today.year - 1, today.year + 3)],
        hours=engine.settings.office_hours,
        days=engine.local_days(by=person_id()),
        today=today,
        errors=errors,
    )


# incidents


@administration.get("/incidents")
def incidents() -> str:
    return render_template("administration/incidents.html", incidents=engine.incidents(by=person_id()))


@administration.get("/incidents/<int:id>")
def incident(id: int) -> str:
    return _incident_page(id)


@administration.post("/incidents/<int:id>/retry")
def retry_incident(id: int) -> Page:
    engine.retry_incident(id, by=person_id())
    flash(_("已重新安排，几秒后刷新可见结果。"))
    return redirect(url_for(".incidents"))


@administration.post("/incidents/<int:id>/completion")
def complete_incident(id: int) -> Page:
    return _act(
        lambda: engine.complete_incident(id, by=person_id(), reason=_text("reason"), outputs=_outputs()),
        said=_("已按您填的结果办完这一步，流程继续。"),
        back=url_for(".incidents"),
        again=lambda errors: _incident_page(id, "completion", errors),
    )


@administration.post("/incidents/<int:id>/error")
def throw_incident(id: int) -> Page:
    return _act(
        lambda: engine.throw_incident(id, by=person_id(), reason=_text("reason"), code=_text("code")),
        said=_("已按这个错误代码转到流程图中处理它的路径。"),
        back=url_for(".incidents"),
        again=lambda errors: _incident_page(id, "error", errors),
    )


@administration.post("/incidents/<int:id>/cancellation")
def cancel_incident(id: int) -> Page:
    return _act(
        lambda: engine.cancel_incident(id, by=person_id(), reason=_text("reason")),
        said=_("已撤销。"),
        back=url_for(".incidents"),
        again=lambda errors: _incident_page(id, "cancellation", errors),
    )


def _incident_page(id: int, failed: str = "", errors: dict[str, str] | None = None) -> str:
    return render_template(
        "administration/incident.html",
        incident=engine.incident(id, by=person_id()),
        failed=failed,
        errors=errors or {},
        typed=request.form,
    )


def _outputs() -> dict[str, Any]:
    """What the administrator typed for the step's outputs, as FEEL; an empty field is null.

    :raises Invalid: by field
    """
    names = [name.removeprefix("output-") for name in request.form if name.startswith("output-")]
    found: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name in names:
        text = _text(f"output-{name}")
        found[name], wrong = _feel(text) if text else (None, "")
        if wrong:
            errors[f"output-{name}"] = _("这不是一个值（文字要加双引号）：%(why)s", why=wrong)
    if errors:
        raise Invalid("outputs", _("请改正输出的值。"), errors)
    return found


def _feel(text: str) -> tuple[Any, str]:
    """A FEEL expression's value without variables, and what is wrong where it has none."""
    said: list[str] = []
    try:
        found = feel.evaluate(text, {}, warnings=said)
    except (feel.FeelSyntaxError, feel.FeelLimitError) as error:
        return None, str(error)
    return found, said[0] if said and found is None else ""


# messages and signals from outside


@administration.get("/messages")
def messages() -> str:
    return _messages_page({})


@administration.post("/messages")
def send() -> Page:
    try:
        kind, name, correlation = _receiver()
        data, key = _lines("values"), _text("_key") or None
        if kind == "signal":
            sent = engine.send_signal(name, data=data, idempotency_key=key, by=person_id())
        else:
            sent = engine.send_message(
                name, correlation=correlation, data=data, idempotency_key=key, by=person_id()
            )
    except (Invalid, Conflict, NotExecutable, NotFound) as refused:
        return _messages_page(_errors(refused)), refused.status
    flash(_delivered(name, sent))
    return redirect(url_for(".messages"))


def _delivered(name: str, sent: Delivery) -> str:
    if sent.repeated:
        return str(_("“%(name)s”刚才已经发出，没有再发一次。", name=name))
    if sent.instance_id is not None:
        title = engine.instance(sent.instance_id, by=person_id()).instance.title
        return str(_("消息“%(name)s”已送达“%(title)s”。", name=name, title=title))
    if not sent.receivers:
        return str(_("没有流程在等待信号“%(name)s”，发出后没有起作用。", name=name))
    return str(_("信号“%(name)s”已发出，送往 %(count)s 个流程。", name=name, count=sent.receivers))


def _receiver() -> tuple[str, str, str | None]:
    """Kind, name and correlation key of what is to be sent; a key that was typed goes before the receiver's own.

    :raises Invalid: nothing is chosen
    """
    try:
        kind, name, correlation = json.loads(_text("to"))
    except ValueError:
        sentence = _("请选择要发的消息或信号。")
        raise Invalid("no-receiver", sentence, {"to": sentence}) from None
    return str(kind), str(name), _text("correlation") or correlation


def _lines(field: str) -> dict[str, Any]:
    """Values that were typed as lines of 名称 = FEEL.

    :raises Invalid: a line is none
    """
    found: dict[str, Any] = {}
    for number, line in enumerate(_text(field).splitlines(), 1):
        if not line.strip():
            continue
        name, _equals, text = (part.strip() for part in line.partition("="))
        given, wrong = _feel(text) if name and text else (None, str(_("应写成“名称 = 值”")))
        if wrong:
            sentence = _("第 %(number)s 行不对（文字要加双引号）：%(why)s", number=number, why=wrong)
            raise Invalid("values", sentence, {field: sentence})
        found[name] = given
    return found


def _messages_page(errors: dict[str, str]) -> str:
    return render_template(
        "administration/messages.html",
        receivers=[
            (json.dumps([one.kind, one.name, one.correlation], ensure_ascii=False), one)
            for one in engine.waited_for(by=person_id())
        ],
        errors=errors,
        typed=request.form,
        # Made by the page: the same page sent twice sends once.
        key=_text("_key") or secrets.token_urlsafe(16),
    )


# pages that are shown again when something was wrong


def _act(act: Callable[[], object], *, said: str, back: str, again: Callable[[dict[str, str]], str]) -> Page:
    """Do it and go back; or show the page again, with what was typed and what is wrong with it."""
    try:
        act()
    except (Invalid, Conflict, NotExecutable) as refused:
        return again(_errors(refused)), refused.status
    flash(said)
    return redirect(back)


def _unit_form(errors: dict[str, str]) -> str:
    return render_template(
        "administration/new_unit.html", errors=errors, kinds=UNIT_KINDS, tree=engine.units()
    )


def _unit_page(id: int, form: str = "", errors: dict[str, str] | None = None) -> str:
    """:param form: the one that was refused; its fields show what was typed"""
    return render_template(
        "administration/unit.html",
        view=engine.unit(id, by=person_id()),
        renewals=engine.renewals_at(id, by=person_id()),
        tree=engine.units(),
        candidates=engine.people(by=person_id(), limit=500),
        posts=POSTS,
        modes=MODES,
        today=engine.today(),
        form=form,
        errors=errors or {},
    )


def _person_form(errors: dict[str, str]) -> str:
    return render_template(
        "administration/new_person.html",
        errors=errors,
        tree=engine.units(),
        memberships=MEMBERSHIPS,
        departments=engine.departments(by=person_id()),
    )


def _person_page(id: int, form: str = "", errors: dict[str, str] | None = None) -> str:
    return render_template(
        "administration/person.html",
        view=engine.person(id, by=person_id()),
        tree=engine.units(),
        departments=engine.departments(by=person_id()),
        today=engine.today(),
        form=form,
        errors=errors or {},
    )


# what was typed


def _errors(refused: Invalid | Conflict | NotExecutable | NotFound) -> dict[str, str]:
    return (refused.errors if isinstance(refused, Invalid) else {}) or {"": str(refused)}


def _text(name: str) -> str:
    return request.form.get(name, "").strip()


def _particulars() -> dict[str, Any]:
    return {name: _text(name) for name in ("name", "number", "department", "job_title", "phone", "email")}


def _optional_date(name: str) -> date | None:
    try:
        return date.fromisoformat(_text(name)) if _text(name) else None
    except ValueError:
        raise Invalid(
            "bad-date", _("日期请写成 2026-03-01。"), {name: _("日期请写成 2026-03-01。")}
        ) from None


def _date(name: str) -> date:
    given = _optional_date(name)
    if given is None:
        raise Invalid("no-date", _("请填写日期。"), {name: _("请填写日期。")})
    return given


def _unit(name: str) -> int:
    chosen = request.form.get(name, type=int)
    if chosen is None:
        raise Invalid("no-unit", _("请选择支部。"), {name: _("请选择支部。")})
    return chosen


def _person(text: str, field: str = "person") -> int:
    """The person meant by ``#12 高景行``, a name or a 人员编号.

    :param field: where an error is told
    """
    if known := re.match(r"#(\d+)", text):
        return int(known[1])
    found = [
        (one, branch) for one, branch in engine.people(text, by=person_id()) if text in (one.name, one.number)
    ]
    if len(found) == 1 and text:
        return found[0][0].id
    if text and found:
        which = "、".join(
            f"#{one.id}（{branch.short_name if branch else _('非党员')}）" for one, branch in found
        )
        message = _(
            "有 %(count)s 位%(name)s，请填写其中一个：%(which)s。", count=len(found), name=text, which=which
        )
    else:
        message = (
            _("没有找到“%(name)s”，请填写已登记的姓名或人员编号。", name=text) if text else _("请填写姓名。")
        )
    raise Invalid("no-person", message, {field: message})
