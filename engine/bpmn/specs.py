"""Task specs and event definitions of our own, and the parser that puts them in place of SpiffWorkflow's."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from SpiffWorkflow.bpmn.parser import BpmnParser
from SpiffWorkflow.bpmn.parser.event_parsers import (
    BoundaryEventParser,
    EndEventParser,
    IntermediateCatchEventParser,
    StartEventParser,
)
from SpiffWorkflow.bpmn.parser.TaskParser import TaskParser
from SpiffWorkflow.bpmn.parser.util import full_tag
from SpiffWorkflow.bpmn.serializer.config import DEFAULT_CONFIG
from SpiffWorkflow.bpmn.serializer.default.task_spec import BpmnTaskSpecConverter
from SpiffWorkflow.bpmn.serializer.helpers import EventDefinitionConverter
from SpiffWorkflow.bpmn.specs.defaults import BoundaryEvent, EndEvent, IntermediateCatchEvent, StartEvent
from SpiffWorkflow.bpmn.specs.event_definitions.base import EventDefinition
from SpiffWorkflow.bpmn.specs.mixins.bpmn_spec_mixin import BpmnSpecMixin
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState


class WaitingTask(BpmnSpecMixin):  # type: ignore[misc]
    """An activity that stays STARTED until the engine completes it: a user task, a job, a fan-out."""

    def _run_hook(self, my_task: Task) -> None:
        return None


class DecisionTask(BpmnSpecMixin):  # type: ignore[misc]
    """A business rule task: evaluated inside the step, because a decision table is pure."""

    def _run_hook(self, my_task: Task) -> bool:
        my_task.workflow.script_engine.decide(my_task, self.bpmn_id)
        return True


class Timer(EventDefinition):  # type: ignore[misc]
    """A timer that never looks at a clock: the step notes when it is due, a job of that time fires it."""

    def update_task(self, my_task: Task) -> None:
        if "due" not in my_task.internal_data:
            my_task.internal_data.update(my_task.workflow.script_engine.schedule(my_task))

    @staticmethod
    def fire(my_task: Task, at: datetime) -> None:
        """Fire; a non-interrupting cycle goes on in a new sibling task."""
        following = my_task.workflow.script_engine.following(my_task, at)
        if following is not None and my_task.parent is not None:
            again = my_task.parent._add_child(my_task.task_spec, TaskState.WAITING)
            again.triggered = True
            again.internal_data.update(following)
            again.task_spec._predict(again, mask=TaskState.NOT_FINISHED_MASK)
            again.task_spec._update(again)
        my_task.internal_data["event_fired"] = True
        my_task.task_spec._update(my_task)


class _TimerParserMixin:
    def parse_timer_event(self, event: Any) -> Timer:
        return Timer(name=self.node.get("id"), description="Timer")  # type: ignore[attr-defined]


class _StartParser(_TimerParserMixin, StartEventParser):  # type: ignore[misc]
    pass


class _CatchParser(_TimerParserMixin, IntermediateCatchEventParser):  # type: ignore[misc]
    pass


class _BoundaryParser(_TimerParserMixin, BoundaryEventParser):  # type: ignore[misc]
    pass


class Parser(BpmnParser):  # type: ignore[misc]
    OVERRIDE_PARSER_CLASSES = {  # noqa: RUF012 (SpiffWorkflow's own name for it)
        full_tag("serviceTask"): (TaskParser, WaitingTask),
        full_tag("businessRuleTask"): (TaskParser, DecisionTask),
        full_tag("startEvent"): (_StartParser, StartEvent),
        full_tag("endEvent"): (EndEventParser, EndEvent),
        full_tag("intermediateCatchEvent"): (_CatchParser, IntermediateCatchEvent),
        full_tag("boundaryEvent"): (_BoundaryParser, BoundaryEvent),
    }


CONVERTERS = {
    **DEFAULT_CONFIG,
    WaitingTask: BpmnTaskSpecConverter,
    DecisionTask: BpmnTaskSpecConverter,
    Timer: EventDefinitionConverter,
}
