"""An instance's state as text, without the spec: its variables and its live tokens.

The format is the database's: a change needs a migration.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from SpiffWorkflow.task import Task

from engine import values
from engine.bpmn import joins
from engine.bpmn.graph import Graph
from engine.bpmn.script import Script
from engine.bpmn.tokens import Run

VERSION = 2


def dump(run: Run) -> str:
    """:raises TypeError: a variable has a value that cannot be kept"""
    return values.dumps(
        {
            "v": VERSION,
            "data": run.data,
            "outcome": run.outcome,
            "sequence": run.sequence,
            "done": list(run.done),
            "joins": joins.remembered(run),
            "tasks": [
                [
                    str(task.id),
                    None if task._parent is None else str(task._parent),
                    task.task_spec.name,
                    int(task.state),
                    task.internal_data,
                ]
                for task in run.tasks.values()
            ],
        }
    )


def load(text: str, graph: Graph, spec: Any, scope: str, script: Script) -> Run:
    """The run that ``dump`` wrote, on the shared spec."""
    return build(values.loads(text), graph, spec, scope, script)


def build(stored: dict[str, Any], graph: Graph, spec: Any, scope: str, script: Script) -> Run:
    """The run of a state that has been read."""
    run = Run(graph, spec, scope, script)
    run.data, run.outcome, run.sequence = stored["data"], stored["outcome"], stored["sequence"]
    run.completed = run.outcome is not None
    run.done, run.joins = dict.fromkeys(stored["done"]), stored["joins"]
    for identity, parent, name, state, internal in stored["tasks"]:
        above = None if parent is None else run.tasks[UUID(parent)]
        task = Task(run, spec.task_specs[name], above, state=state, id=UUID(identity))
        task.internal_data = internal
        if above is None:
            run.task_tree = task
    return run
