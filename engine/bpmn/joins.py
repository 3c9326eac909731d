"""Joins: parallel, inclusive and complex gateways wait for the tokens of a round (BPMN 2.0, 13.4), and remember what they joined."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from uuid import UUID

from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from engine.bpmn.model import Element
from engine.bpmn.trails import latest

if TYPE_CHECKING:
    from engine.bpmn.tokens import Run


def _waiting_at(run: Run, task: Task) -> list[Task]:
    return [
        other
        for other in task.parent.children
        if other is not task and other.task_spec is task.task_spec and other.has_state(TaskState.WAITING)
    ]


def join(run: Run, task: Task) -> bool:
    """One token from every incoming flow becomes one; the others wait for the next round."""
    incoming = task.task_spec.element.incoming
    if len(incoming) < 2 or "flow" not in task.internal_data:
        return True
    arrived = {task.internal_data["flow"]: task}
    for other in _waiting_at(run, task):
        arrived.setdefault(other.internal_data["flow"], other)
    if len(arrived) < len(incoming):
        task._set_state(TaskState.WAITING)
        return False
    _merge(run, task, [other for other in arrived.values() if other is not task])
    return True


def _merge(run: Run, into: Task, others: Iterable[Task]) -> None:
    """Of several tokens one goes on. It remembers them, so that one way can be taken back without the others."""
    gateway, came = into.task_spec.name, [into, *others]
    before = [
        [key for key in task.internal_data.get("joined", ()) if run.joins.get(key, [gateway])[0] != gateway]
        for task in came
    ]
    run.sequence += 1
    run.joins[str(run.sequence)] = [
        gateway,
        [
            [str(task.id), {"flow": own["flow"], "trail": own["trail"], "joined": joined}]
            for task, joined in zip(came, before, strict=True)
            if (own := task.internal_data)
        ],
    ]
    into.internal_data["trail"] = latest(*(task.internal_data["trail"] for task in came))
    into.internal_data["joined"] = last_joined(run, *before, [str(run.sequence)])
    for task in others:
        run._remove_task(task.id)


def last_joined(run: Run, *joined: Iterable[str]) -> list[str]:
    """Of each gateway the latest join."""
    keys = sorted({key for one in joined for key in one if key in run.joins}, key=int)
    return list({run.joins[key][0]: key for key in keys}.values())


def remembered(run: Run) -> dict[str, list[Any]]:
    """The joins that some token has behind it."""
    found: set[str] = set()
    todo = [task.internal_data for task in run.tasks.values()]
    while todo:
        own = todo.pop()
        found.update(own.get("joined", ()), own.get("inside", {}).get("joined", ()))
        todo += _kept(own.get("parked") or ())
    return {key: join for key, join in run.joins.items() if key in found}


def _looks_around(task: Task) -> bool:
    element = task.task_spec.element
    return element is not None and element.kind in ("inclusiveGateway", "complexGateway")


def settle(run: Run) -> bool:
    """Inclusive and complex gateways look around once nothing else moves."""
    groups: dict[tuple[UUID, str], list[Task]] = {}
    for task in run.tasks.values():
        if _looks_around(task) and task.has_state(TaskState.WAITING):
            groups.setdefault((task.parent.id, task.task_spec.name), []).append(task)
    for tasks in groups.values():
        element = tasks[0].task_spec.element
        if element.kind == "complexGateway" and element.activation is not None:
            if _complex(run, element, tasks):
                return True
        elif not _may_come(run, element, tasks[0].parent, {t.internal_data["flow"] for t in tasks}):
            first: dict[str, Task] = {}
            for task in tasks:
                first.setdefault(task.internal_data["flow"], task)
            _go_on(run, [*first.values()])
            return True
    return _reset_complex(run)


def _go_on(run: Run, tasks: list[Task]) -> None:
    _merge(run, tasks[0], tasks[1:])
    tasks[0]._ready()


def _may_come(run: Run, element: Element, scope: Task, arrived: set[str]) -> bool:
    """Can a token still come by a flow that has none, unless it may as well come by one that has (BPMN 2.0, 13.4.3)?"""
    reaching = run.graph.reaching[element.id]
    elsewhere = {
        other.id
        for task in run.live(scope)
        if (other := task.task_spec.element) is not None and other.id != element.id
    }
    return any(
        here in before and not any(here in reaching[flow] for flow in arrived)
        for flow_id, before in reaching.items()
        if flow_id not in arrived
        for here in elsewhere
    )


def _complex(run: Run, element: Element, tasks: list[Task]) -> bool:
    """A complex gateway fires once its condition holds, then swallows what belongs to the same round (BPMN 2.0, 13.4.5)."""
    scope = tasks[0].parent
    rounds = scope.internal_data.setdefault("rounds", {})
    if element.id in rounds:
        late = [task for task in tasks if task.internal_data["flow"] not in rounds[element.id]]
        for task in late:
            rounds[element.id].append(task.internal_data["flow"])
            run._remove_task(task.id)
        return bool(late)
    first: dict[str, Task] = {}
    for task in tasks:
        first.setdefault(task.internal_data["flow"], task)
    seen = {**run.seen(scope), "activationCount": len(tasks)}
    if not run.script.holds(element.activation or "", seen, element.id):
        return False
    rounds[element.id] = list(first)
    _go_on(run, [*first.values()])
    return True


def _reset_complex(run: Run) -> bool:
    """A round is over when nothing of it can come any more."""
    found = False
    for scope in list(run.tasks.values()):
        rounds = scope.internal_data.get("rounds", {})
        for gateway, flows in list(rounds.items()):
            element = run.graph.model.elements[gateway]
            every = {flow.id for flow in element.incoming}
            if set(flows) >= every or not _reachable(run, element, scope, every - set(flows)):
                del rounds[gateway]
                found = True
    return found


def _reachable(run: Run, element: Element, scope: Task, flows: set[str]) -> bool:
    reaching = run.graph.reaching.get(element.id, {})
    here = {one.id for task in run.live(scope) if (one := task.task_spec.element) is not None} - {element.id}
    return any(here & reaching.get(flow, frozenset()) for flow in flows)


def _kept(parked: Iterable[Any]) -> Iterator[dict[str, Any]]:
    for _, _, own, inside in parked:
        yield own
        yield from _kept(inside)
