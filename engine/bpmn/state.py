"""An instance's state as text, without the spec: tasks, their data as differences to the parent, nested sub-processes.

SpiffWorkflow's own serializer embeds every spec in every instance and reads keys of user data as its own (``typename``); this one
does neither. The format is the database's: a change needs a migration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.bpmn.specs.mixins.events.event_types import CatchingEvent
from SpiffWorkflow.bpmn.specs.mixins.subworkflow_task import SubWorkflowTask
from SpiffWorkflow.bpmn.util.subworkflow import BpmnBaseWorkflow, BpmnSubWorkflow
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from engine import values

_MISSING = object()


def dump(workflow: BpmnWorkflow) -> str:
    return values.dumps(
        {
            "v": 1,
            **_workflow(workflow),
            "sub": {str(k): _workflow(s) for k, s in workflow.subprocesses.items()},
        }
    )


def _workflow(workflow: BpmnBaseWorkflow) -> dict[str, Any]:
    return {
        "root": str(workflow.task_tree.id),
        "last": None if workflow.last_task is None else str(workflow.last_task.id),
        "completed": workflow.completed,
        "success": workflow.success,
        "data": workflow.data,
        "tasks": [_task(task) for task in workflow.tasks.values()],
    }


def _task(task: Task) -> list[Any]:
    inherited = task.parent.data if task.parent is not None else {}
    updates = {k: v for k, v in task.data.items() if not _same(inherited.get(k, _MISSING), v)}
    gone = [k for k in inherited if k not in task.data]
    return [
        str(task.id),
        None if task._parent is None else str(task._parent),
        [str(child) for child in task._children],
        task.state,
        task.task_spec.name,
        task.triggered,
        task.internal_data,
        updates,
        gone,
    ]


def _same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and bool(one == other))


def load(text: str, spec: Any, subprocess_specs: Mapping[str, Any], script_engine: Any) -> BpmnWorkflow:
    """The workflow that ``dump`` wrote, on the shared specs."""
    stored = values.loads(text)
    workflow = BpmnWorkflow(spec, dict(subprocess_specs), script_engine=script_engine, deserializing=True)
    _restore(workflow, stored)
    _restore_nested(workflow, workflow, stored["sub"])
    return workflow


def _restore(workflow: BpmnBaseWorkflow, stored: Mapping[str, Any]) -> None:
    rows = {row[0]: row for row in stored["tasks"]}
    todo = [stored["root"]]
    while todo:  # parents first: a task's data is written as the difference to its parent's
        identity, parent, children, state, spec, triggered, internal, updates, gone = rows[todo.pop()]
        task = Task(workflow, workflow.spec.task_specs[spec], state=state, id=UUID(identity))
        task._parent = UUID(parent) if parent else None
        task._children = [UUID(child) for child in children]
        task.triggered = triggered
        task.internal_data = internal
        inherited = workflow.tasks[task._parent].data if task._parent else {}
        task.data = {**inherited, **updates}
        for name in gone:
            task.data.pop(name, None)
        if isinstance(task.task_spec, CatchingEvent) and task.has_state(TaskState.WAITING):
            workflow.top_workflow.event_manager.add_task(task)
        todo.extend(reversed(children))
    workflow.task_tree = workflow.tasks[UUID(stored["root"])]
    workflow.last_task = workflow.tasks.get(UUID(stored["last"])) if stored["last"] else None
    workflow.completed = stored["completed"]
    workflow.success = stored["success"]
    workflow.data = stored["data"]


def _restore_nested(top: BpmnWorkflow, workflow: BpmnBaseWorkflow, stored: Mapping[str, Any]) -> None:
    for task in list(workflow.tasks.values()):
        if isinstance(task.task_spec, SubWorkflowTask) and str(task.id) in stored:
            nested = BpmnSubWorkflow(
                top.subprocess_specs[task.task_spec.spec], task.id, top, deserializing=True
            )
            _restore(nested, stored[str(task.id)])
            top.subprocesses[task.id] = nested
            nested.completed_event.connect(task.task_spec._on_subworkflow_completed, task)
            _restore_nested(top, nested, stored)
