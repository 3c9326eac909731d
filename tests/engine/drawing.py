"""Diagrams for tests, drawn as text: ``draw("p", start("s"), user("t"), end("e"), "s t e")``."""

from __future__ import annotations

import itertools
from xml.sax.saxutils import quoteattr

HEAD = (
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:lvze="http://lvze.org/bpmn/1.0" id="d" targetNamespace="http://lvze.org/tests">'
)


def node(kind: str, id: str, inner: str = "", *, name: str | None = None, **attributes: str) -> str:
    extra = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f'<bpmn:{kind} id="{id}" name={quoteattr(name or id)}{extra}>{inner}</bpmn:{kind}>'


def ours(tag: str, inner: str = "", **attributes: str) -> str:
    extra = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<lvze:{tag}{extra}>{inner}</lvze:{tag}>"


def extensions(*inner: str) -> str:
    return f"<bpmn:extensionElements>{''.join(inner)}</bpmn:extensionElements>" if inner else ""


def start(id: str = "start", *extra: str) -> str:
    return node("startEvent", id, extensions(ours("starter", member="true"), *extra))


def inner_start(id: str) -> str:
    return node("startEvent", id)


def end(id: str = "end", inner: str = "") -> str:
    return node("endEvent", id, inner)


def user(id: str, *extra: str, person: str | None = "=initiator.person", loop: str = "") -> str:
    assigned = (ours("assignment", person=person),) if person else ()
    return node("userTask", id, extensions(*assigned, *extra) + loop)


def service(id: str, operation: str, outputs: dict[str, str] | None = None, **inputs: str) -> str:
    called = ours(
        "operation", "".join(ours("input", name=k, value=v) for k, v in inputs.items()), name=operation
    )
    return node(
        "serviceTask",
        id,
        extensions(called, *(ours("output", name=k, value=v) for k, v in (outputs or {}).items())),
    )


def each(
    collection: str,
    item: str = "item",
    *,
    output: str = "",
    outputs: str = "",
    condition: str = "",
    sequential: bool = False,
    cardinality: str = "",
    tallies: str = "",
) -> str:
    """Multi-instance characteristics; ``tallies`` are ``lvze:tally`` elements."""
    attributes = {"collection": collection, "item": item} if not cardinality else {}
    attributes |= {"output": output} if output else {}
    attributes |= {"outputs": outputs} if outputs else {}
    until = f"<bpmn:completionCondition>{condition}</bpmn:completionCondition>" if condition else ""
    kind = "true" if sequential else "false"
    times = f"<bpmn:loopCardinality>{cardinality}</bpmn:loopCardinality>" if cardinality else ""
    return (
        f'<bpmn:multiInstanceLoopCharacteristics isSequential="{kind}">'
        f"{extensions(ours('loop', tallies, **attributes))}{times}{until}</bpmn:multiInstanceLoopCharacteristics>"
    )


def timer(kind: str, text: str) -> str:
    return f"<bpmn:timerEventDefinition><bpmn:{kind}>{text}</bpmn:{kind}></bpmn:timerEventDefinition>"


def boundary(id: str, on: str, inner: str, *, interrupting: bool = True) -> str:
    return node("boundaryEvent", id, inner, attachedToRef=on, cancelActivity=str(interrupting).lower())


def gateway(kind: str, id: str, inner: str = "", **attributes: str) -> str:
    return node(f"{kind}Gateway", id, inner, **attributes)


def defines(kind: str, ref: str = "", inner: str = "") -> str:
    """An event definition; ``ref`` is the id of a message, signal, error or escalation."""
    attribute = f' {"compensate" if kind == "compensation" else kind}Ref="{ref}"' if ref else ""
    tag = "compensate" if kind == "compensation" else kind
    return f"<bpmn:{tag}EventDefinition{attribute}>{inner}</bpmn:{tag}EventDefinition>"


def when(condition: str) -> str:
    return f"<bpmn:conditionalEventDefinition><bpmn:condition>{condition}</bpmn:condition></bpmn:conditionalEventDefinition>"


def link(name: str) -> str:
    return f'<bpmn:linkEventDefinition name="{name}"/>'


def catch(id: str, inner: str, **attributes: str) -> str:
    return node("intermediateCatchEvent", id, inner, **attributes)


def throw(id: str, inner: str = "", **attributes: str) -> str:
    return node("intermediateThrowEvent", id, inner, **attributes)


def sub(id: str, *parts: str, kind: str = "subProcess", **attributes: str) -> str:
    return node(kind, id, "".join(parts), **attributes)


def looped(condition: str = "", *, before: bool = False, maximum: int | None = None) -> str:
    """Standard loop characteristics."""
    inner = f"<bpmn:loopCondition>{condition}</bpmn:loopCondition>" if condition else ""
    most = "" if maximum is None else f' loopMaximum="{maximum}"'
    return f'<bpmn:standardLoopCharacteristics testBefore="{str(before).lower()}"{most}>{inner}</bpmn:standardLoopCharacteristics>'


def association(source: str, target: str) -> str:
    return f'<bpmn:association id="{source}_to_{target}" sourceRef="{source}" targetRef="{target}"/>'


def named(kind: str, id: str, name: str) -> str:
    """A message, signal, error or escalation of the file (``extra`` of ``draw``)."""
    code = f' {kind}Code="{name}"' if kind in ("error", "escalation") else ""
    return f'<bpmn:{kind} id="{id}" name="{name}"{code}/>'


def flow(source: str, target: str, condition: str = "", id: str | None = None) -> str:
    inner = f"<bpmn:conditionExpression>{condition}</bpmn:conditionExpression>" if condition else ""
    return f'<bpmn:sequenceFlow id="{id or f"{source}_{target}"}" sourceRef="{source}" targetRef="{target}">{inner}</bpmn:sequenceFlow>'


def path(*ids: str) -> str:
    return "".join(flow(a, b) for a, b in itertools.pairwise(ids))


def draw(key: str, *parts: str, extra: str = "", name: str | None = None) -> bytes:
    process = f'<bpmn:process id="{key}" name={quoteattr(name or key)} isExecutable="true">{"".join(parts)}</bpmn:process>'
    return f"{HEAD}{extra}{process}</bpmn:definitions>".encode()
