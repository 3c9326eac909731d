"""The designer's pages: the deployed processes, the modeler, its findings, a new version."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, g, jsonify, render_template, request, url_for
from flask_babel import gettext as _

from engine.errors import Finding, NotAllowed, Refused
from engine.forms import load
from web.current import engine, person_id

designer = Blueprint("designer", __name__, url_prefix="/designer")


@designer.before_request
def designers_only() -> None:
    """The engine refuses a deployment by anybody else; this spares the pages."""
    if g.account is not None and not (g.account.is_designer or g.account.is_admin):
        raise NotAllowed("designer-only", _("流程设计页面只对流程设计人员开放。"))


@designer.get("/")
def index() -> str:
    return render_template("designer/index.html", definitions=engine.definitions())


@designer.get("/<int:id>")
def show(id: int) -> str:
    definition = engine.definition(id)
    return render_template("designer/show.html", definition=definition, options=_options(id))


@designer.get("/<int:id>.bpmn")
def xml(id: int) -> Response:
    return Response(engine.definition_xml(id), mimetype="application/xml")


@designer.post("/<int:id>/findings")
def lint(id: int) -> Response:
    return jsonify(findings=[_shown(finding) for finding in engine.lint(_changed(id))])


@designer.post("/<int:id>/version")
def deploy(id: int) -> tuple[Response, int] | Response:
    try:
        definition = engine.deploy(_changed(id), by=person_id())
    except Refused as refused:
        return jsonify(findings=[_shown(finding) for finding in refused.findings], title=str(refused)), 422
    return jsonify(version=definition.version, url=url_for("designer.show", id=definition.id))


def _changed(id: int) -> dict[str, bytes]:
    """The definition's files with the diagram that was sent in place of its own."""
    files = engine.definition_files(id)
    diagram = next(name for name in files if name.endswith(".bpmn"))
    return files | {diagram: request.get_data(cache=False)}


def _shown(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "element": finding.element,
        "message": finding.message,
        "severity": finding.severity,
        "path": finding.path,
    }


def _options(id: int) -> str:
    """What the properties panel offers to choose from: files beside the diagram, called processes."""
    files = engine.definition_files(id)
    options = {
        "forms": [name for name in files if name.endswith(".form.json")],
        "decisions": [{"ref": name, "decision": ""} for name in files if name.endswith(".dmn")],
        "ledgers": [name.removesuffix(".ledger.yaml") for name in files if name.endswith(".ledger.yaml")],
        "processes": [{"key": one.key, "name": one.name} for one in engine.definitions()],
        "variables": sorted(
            {key for name in files if name.endswith(".form.json") for key in load(files[name]).keys}
        ),
    }
    return json.dumps(options, ensure_ascii=False)
