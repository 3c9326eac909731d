"""Ad-hoc sub-processes: what is done in them, how often and in which order is decided while they run (BPMN 2.0, 13.3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from SpiffWorkflow.task import Task

from engine.bpmn.graph import is_free
from engine.errors import NotExecutable

if TYPE_CHECKING:
    from engine.bpmn.tokens import Run


def begin(run: Run, scope: Task) -> None:
    adhoc = scope.task_spec.element.adhoc
    every = free(run, scope)
    chosen = every if not adhoc.sequential else []
    if adhoc.activities is not None:
        chosen = run.script.activities(scope.task_spec.element, run.seen(scope), every)
    scope.internal_data.update(queue=list(chosen), started=[])
    _open(run, scope)


def free(run: Run, scope: Task) -> list[str]:
    """What may be started by hand in an ad-hoc sub-process."""
    return [e.id for e in run.graph.inside.get(scope.task_spec.name, ()) if is_free(e)]


def _open(run: Run, scope: Task) -> None:
    queue = scope.internal_data["queue"]
    sequential = scope.task_spec.element.adhoc.sequential
    while queue and not (sequential and any(True for _ in run.live(scope))):
        scope.internal_data["started"].append(queue[0])
        run.token(scope, queue.pop(0), scope.internal_data.get("trail", {}))


def trigger(run: Run, scope: Task, element_id: str) -> None:
    """Start one activity of an ad-hoc sub-process."""
    element = scope.task_spec.element
    if element_id not in free(run, scope):
        raise NotExecutable(
            "not-ad-hoc",
            f"“{element_id}”不是“{element.name or element.id}”中可以随时启动的环节。",
            element=element_id,
        )
    if element.adhoc.sequential and any(True for _ in run.live(scope)):
        raise NotExecutable(
            "one-at-a-time",
            f"“{element.name or element.id}”一次只办一个环节，请先办完当前环节。",
            element=element.id,
        )
    scope.internal_data["queue"].append(element_id)
    _open(run, scope)


def after(run: Run, scope: Task) -> None:
    """After one of its activities has ended."""
    element = scope.task_spec.element
    own, adhoc = scope.internal_data, element.adhoc
    if adhoc.condition is not None and run.script.holds(adhoc.condition, run.seen(scope), element.id):
        own["queue"], own["complete"] = [], True
        if adhoc.cancels:
            run.cut_inside(scope)
    _open(run, scope)


def waits(run: Run, scope: Task) -> bool:
    """Nothing is active, but the condition does not hold: somebody has to start the next activity."""
    adhoc = scope.task_spec.element.adhoc
    return (
        adhoc is not None
        and not scope.internal_data.get("complete")
        and (
            adhoc.condition is not None
            or (
                adhoc.sequential
                and adhoc.activities is None
                and not set(free(run, scope)) <= set(scope.internal_data["started"])
            )
        )
    )
