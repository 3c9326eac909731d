"""Compensation: completed activities are remembered in their scope, and undone in reverse order (BPMN 2.0, 10.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from engine.bpmn.graph import COMPENSATION
from engine.bpmn.trails import above

if TYPE_CHECKING:
    from engine.bpmn.tokens import Run


def remember(run: Run, task: Task) -> None:
    """A completed activity that can be compensated is noted in its scope (BPMN 2.0, 10.7).

    A record: ``run`` (a handler), ``fanout`` (its children, the task id) or ``inside`` (what was done in a sub-process); the
    element; which; the number of its completion; the records of the sub-process.
    """
    element, scope = task.task_spec.element, task.parent
    if task.internal_data.get("handles") is not None:
        return
    inner = task.internal_data.get("records", [])
    handlers = [
        event.handler
        for event in run.boundary(task)
        if event.event is not None and event.event.kind == "compensation" and event.handler is not None
    ] or [
        sub.id
        for start, sub in run.graph.handlers.get(element.id, ())
        if start.event is not None and start.event.kind == "compensation" and not element.is_fanout
    ]
    if handlers:
        kind, what = "run", handlers[0]
    elif element.is_fanout and (element.kind == "callActivity" or run.graph.compensable(element.id)):
        kind, what = "fanout", str(task.id)
    elif inner:
        kind, what = "inside", None
    else:
        return
    record = [kind, element.id, what, run.sequence, inner]
    scope.internal_data.setdefault("records", []).append(record)


def begin(run: Run, thrower: Task) -> bool:
    """Begin to compensate what a throw event asks for, in reverse order of completion; False when there is nothing."""
    event, scopes = thrower.task_spec.element.event, [thrower.parent]
    if event.kind == "cancel":  # what was done inside of what is still open, too
        scopes += [task for task in run.tasks.values() if thrower.parent in above(task)]
    else:  # an event sub-process undoes what was done in the scope around it; one that compensates a scope has its records
        while scopes[-1].task_spec.element is not None and scopes[-1].task_spec.element.triggered:
            if "handles" in scopes[-1].internal_data:
                break
            scopes.append(scopes[-1].parent)
    todo = [one for scope in scopes for one in _taken(scope.internal_data.get("records", []), event.activity)]
    if event.kind == "cancel":
        run.cut_inside(thrower.parent, but=thrower)
    thrower.internal_data["todo"] = sorted(todo, key=lambda record: -record[3])
    return go_on(run, thrower, starting=True)


def begin_all(run: Run) -> None:
    """Compensate an ended child of a fan-out from within."""
    todo = _taken(run.task_tree.internal_data.get("records", []), None)
    if todo:
        run.outcome, run.completed = None, False
        thrower = Task(run, run.spec.task_specs[COMPENSATION], run.task_tree, state=TaskState.STARTED)
        thrower.internal_data.update(todo=todo, trail={}, thrower=True)
        go_on(run, thrower)


def go_on(run: Run, thrower: Task, *, starting: bool = False) -> bool:
    todo = thrower.internal_data["todo"]
    if not todo:
        if thrower.internal_data.get("thrower"):
            run._remove_task(thrower.id)
        elif not starting:
            thrower.complete()
        return False
    kind, element_id, what, _, inner = todo.pop(0)
    own: dict[str, Any] = {"handles": str(thrower.id)}
    trail = thrower.internal_data["trail"]
    if kind == "fanout":
        run.token(thrower.parent, element_id, trail, compensates=what, **own)
    else:
        run.token(thrower.parent, what, trail, **own, **({"records": inner} if inner else {}))
    return True


def _taken(records: list[Any], activity: str | None) -> list[Any]:
    """Take the records to be compensated out of a scope, the latest first; those of completed sub-processes in their place."""
    found: list[Any] = []
    for record in reversed(list(records)):
        kind, element_id, _, _, inner = record
        if kind == "inside":
            found += _taken(inner, None if activity in (None, element_id) else activity)
            if not inner:
                records.remove(record)
        elif activity in (None, element_id):
            found.append(record)
            records.remove(record)
    return found
