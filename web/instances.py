"""A process instance's page: where it stands, what happened, what it fanned out into, its documents, its live diagram."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, render_template

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
    )


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
