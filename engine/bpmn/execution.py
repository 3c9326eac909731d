"""One pure step of a process: state and an action in, a new state and what it means for the rows out.

Nothing here touches a database or a clock. The engine loads the state, steps, and projects the ``Step`` into rows. A preview is a step
whose result is thrown away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from SpiffWorkflow.exceptions import SpiffWorkflowException
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from engine.bpmn import adhoc, compensation, taking_back
from engine.bpmn import state as states
from engine.bpmn.graph import Graph
from engine.bpmn.model import Element, Model
from engine.bpmn.parser import parse, parse_xml
from engine.bpmn.script import Context, Decide, Decided, Escalated, Script, Thrown, Warned
from engine.bpmn.specs import Activity, SubProcess, specs_of
from engine.bpmn.tokens import Run
from engine.dmn import Decision
from engine.errors import LvzeError, NotExecutable

__all__ = [
    "Action",
    "Assign",
    "Compensate",
    "Complete",
    "Context",
    "Decide",
    "Decided",
    "Escalated",
    "Fire",
    "Jump",
    "Opened",
    "Passed",
    "Process",
    "Receive",
    "Reopen",
    "Restart",
    "Scheduled",
    "Step",
    "Subscribed",
    "Throw",
    "Thrown",
    "Trigger",
    "Warned",
]


@dataclass(frozen=True, slots=True)
class Opened:
    """A token now waits at an activity (or, after 驳回发起人, at the start event).

    :ivar data: the variables, as the activity sees them
    :ivar compensates: the task id of a completed fan-out, whose children are to be compensated
    """

    task_id: str
    element: Element
    data: dict[str, Any]
    compensates: str | None = None


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A timer that a job has to fire at ``due``."""

    task_id: str
    element: Element
    due: datetime


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A token now waits for a message or a signal.

    :ivar kind: ``message`` or ``signal``
    :ivar correlation: the key that the message must carry; None for one without
    """

    task_id: str
    element: Element
    kind: str
    name: str
    correlation: str | None


@dataclass(frozen=True, slots=True)
class Passed:
    """An activity that was completed on a token's way."""

    element_id: str
    task_id: str


@dataclass(slots=True)
class Step:
    """What one action did.

    :ivar state: the new state
    :ivar cancelled: activities that waited before and no longer do, without having been completed by this action
    :ivar unscheduled: timers that no longer wait, ``unsubscribed`` messages and signals
    :ivar passed: elements that were completed, in order
    :ivar outcome: ``completed``, ``terminated``, ``error:CODE`` when it ended with an error that nothing inside caught, ``cancel``
        when it is a transaction that was cancelled; None while it runs
    :ivar data: the variables of an instance that has ended
    """

    state: str
    opened: list[Opened]
    cancelled: list[str]
    scheduled: list[Scheduled]
    unscheduled: list[str]
    subscribed: list[Subscribed]
    unsubscribed: list[str]
    thrown: list[Thrown]
    escalated: list[Escalated]
    passed: list[str]
    decided: list[Decided]
    warned: list[Warned]
    outcome: str | None
    data: dict[str, Any]

    @property
    def ended(self) -> bool:
        return self.outcome is not None


@dataclass(frozen=True, slots=True)
class Complete:
    """An activity was done: its results become variables."""

    task_id: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fire:
    """A timer is due."""

    task_id: str


@dataclass(frozen=True, slots=True)
class Receive:
    """A message or a signal has arrived; the element's outputs take from ``data``."""

    task_id: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Throw:
    """An activity failed with a business error, or a child escalated or was cancelled.

    :ivar kind: ``error``, ``escalation`` (the activity goes on) or ``cancel``
    :ivar propagate: nobody catches it: the instance ends with it, for its parent to catch; otherwise that is ``NotExecutable``
    """

    task_id: str
    code: str
    kind: str = "error"
    data: Mapping[str, Any] = field(default_factory=dict)
    propagate: bool = False


@dataclass(frozen=True, slots=True)
class Trigger:
    """Start an activity of the ad-hoc sub-process that is open at ``task_id``."""

    task_id: str
    element_id: str


@dataclass(frozen=True, slots=True)
class Assign:
    """Set variables from outside; conditional events look again."""

    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reopen:
    """Undo what descends from the completion ``task_id`` of an element, and do that element again (驳回, 撤回).

    :ivar direct_from: the task that rejects (直达驳回者): once the element is done, what was undone stands again where it stood
    """

    element_id: str
    task_id: str
    direct_from: str | None = None


@dataclass(frozen=True, slots=True)
class Jump:
    """These tokens vanish, one stands at the element (跳转)."""

    task_ids: tuple[str, ...]
    element_id: str


@dataclass(frozen=True, slots=True)
class Restart:
    """Every token vanishes; the process waits at its start event for its start form (驳回发起人)."""


@dataclass(frozen=True, slots=True)
class Compensate:
    """Compensate an ended child of a fan-out from within."""


Action = Complete | Fire | Receive | Throw | Trigger | Assign | Reopen | Jump | Restart | Compensate


def _undecided(*_: Any) -> Decision:
    raise AssertionError("looking at a state takes no decision")


#: for loading a state only to look at it: nothing is evaluated
LOOKING = Context(datetime.min.replace(tzinfo=UTC), _undecided)


class Process:
    """A compiled definition: the model, and one shared spec with a task spec for each of its nodes.

    Specs hold no instance state, so one ``Process`` serves every instance of its version in all threads.

    A ``scope`` is what an instance runs: the process, or one of its multi-instance activities.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.graph = Graph(model)
        self.spec = specs_of(model, self.graph)

    @classmethod
    def compile(cls, xml: bytes) -> Process:
        """The process of a .bpmn file.

        :raises Refused: findings with element ids
        """
        return cls(parse(parse_xml(xml)))

    def entry(self, scope: str) -> Element | None:
        """The user task that every instance of this scope opens first, when nothing else can happen before it.

        Such a child needs no step of its own to be opened: its work item is a row, its state is made at the first touch.
        """
        starts = self.graph.starting.get(scope, [])
        if len(starts) != 1 or scope in self.graph.handlers:
            return None
        start = self.model.elements[starts[0]]
        if start.kind != "startEvent" or len(start.outgoing) != 1 or start.outgoing[0].condition is not None:
            return None
        first = self.model.elements[start.outgoing[0].target]
        if first.kind != "userTask" or first.is_fanout or first.standard_loop is not None:
            return None
        return None if first.id in self.graph.boundary else first

    def start(
        self,
        scope: str,
        data: Mapping[str, Any],
        context: Context,
        *,
        at: str | None = None,
        payload: Mapping[str, Any] | None = None,
    ) -> Step:
        """The first step of a new instance of the process, or of a child that runs the activity ``scope``.

        :param at: the start event that was triggered; None for the one without a trigger
        :param payload: what its message or signal brought
        """
        run = Run(self.graph, self.spec, scope, Script(self.model, context))
        if at is None and scope == self.model.key and self.model.start.event is not None:
            at = self.model.start.id
        run.begin(data, at, payload)
        return self.settled(run, {}, None)

    def advance(self, scope: str, state: str, action: Action, context: Context) -> Step:
        """One action on a loaded state.

        :raises NotExecutable: the token cannot go on; nothing has happened
        """
        run = self.load(scope, state, context)
        before = waiting(run)
        match action:
            case Complete(task_id, data):
                run.finish(self._at(before, task_id), data)
            case Fire(task_id):
                run.fire(self._at(before, task_id), {})
            case Receive(task_id, data):
                run.fire(self._at(before, task_id), data)
            case Throw():
                self._throw(run, self._at(before, action.task_id), action)
            case Trigger(task_id, element_id):
                adhoc.trigger(run, self._standing(run, task_id), element_id)
            case Assign(data):
                run.data.update(data)
            case Reopen(element_id, task_id, direct_from):
                taking_back.reopen(run, element_id, task_id, direct_from)
            case Jump(task_ids, element_id):
                for one in task_ids:
                    self._standing(run, one)
                taking_back.jump(run, task_ids, element_id)
            case Restart():
                taking_back.restart(run)
            case Compensate():
                compensation.begin_all(run)
        return self.settled(run, before, getattr(action, "task_id", None))

    # looking

    def tasks(self, scope: str, state: str, given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Waiting task id -> the variables that it sees."""
        run = self.load(scope, state, LOOKING)
        return {key: {**given, **run.seen(task)} for key, task in waiting(run).items()}

    def variables(self, scope: str, state: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The variables of an instance for its readers."""
        return {**given, **self.load(scope, state, LOOKING).data}

    def elements_of(self, scope: str, state: str) -> dict[str, str]:
        """Element id -> ``done`` or ``open``, for the live diagram."""
        run = self.load(scope, state, LOOKING)
        marks = dict.fromkeys(run.done, "done")
        for element_id in self._stand(run).values():
            marks[element_id] = "open"
        return marks

    def standing(self, scope: str, state: str) -> dict[str, str]:
        """Task id -> element id of every live token: activities, open sub-processes, events, tokens at joins."""
        return self._stand(self.load(scope, state, LOOKING))

    @staticmethod
    def _stand(run: Run) -> dict[str, str]:
        return {
            str(task.id): task.task_spec.element.id
            for task in run.tasks.values()
            if task is not run.task_tree
            and task.task_spec.element is not None
            and "attached" not in task.internal_data
            and not task.internal_data.get("watch")
        }

    def trail(self, scope: str, state: str, task_id: str) -> list[Passed]:
        """The activities that were completed on a token's own way, the latest first."""
        task = self._standing(self.load(scope, state, LOOKING), task_id)
        entries = sorted(task.internal_data.get("trail", {}).items(), key=lambda entry: -entry[1][0])
        return [Passed(element_id, entry[1]) for element_id, entry in entries]

    def descendants(self, scope: str, state: str, element_id: str, task_id: str) -> list[str]:
        """The waiting tokens, open sub-processes among them, that descend from a completion; of nested ones the outermost."""
        run = self.load(scope, state, LOOKING)
        return [str(task.id) for task in taking_back.descendants(run, element_id, task_id)]

    def dominators(self, element_id: str) -> frozenset[str]:
        """The elements that every path from the start to this one passes."""
        return self.graph.dominators(element_id)

    def adhoc(self, scope: str, state: str) -> dict[str, list[str]]:
        """Task id of each open ad-hoc sub-process -> the activities that may be started in it."""
        run = self.load(scope, state, LOOKING)
        return {
            str(task.id): adhoc.free(run, task)
            for task in run.tasks.values()
            if (element := task.task_spec.element) is not None
            and element.adhoc is not None
            and isinstance(task.task_spec, SubProcess)
        }

    # inside

    def load(self, scope: str, state: str, context: Context) -> Run:
        return states.load(state, self.graph, self.spec, scope, Script(self.model, context))

    @staticmethod
    def _at(waiting: Mapping[str, Task], task_id: str) -> Task:
        task = waiting.get(task_id)
        if task is None:
            raise _gone(task_id)
        return task

    @staticmethod
    def _standing(run: Run, task_id: str) -> Task:
        try:
            return run.tasks[UUID(task_id)]
        except (KeyError, ValueError):
            raise _gone(task_id) from None

    @staticmethod
    def _throw(run: Run, task: Task, action: Throw) -> None:
        data = {"errorCode": action.code, **action.data}
        if run.raise_(action.kind, action.code, task, data, at_activity=True):
            return
        if action.kind == "escalation":
            run.script.escalate(task.task_spec.element, action.code, dict(action.data))
        elif action.propagate:
            run.end("cancel" if action.kind == "cancel" else f"error:{action.code}")
        else:
            raise NotExecutable(
                "uncaught-error", f"业务错误“{action.code}”没有被任何边界事件捕获。", error=action.code
            )

    def settled(self, run: Run, before: dict[str, Task], acted: str | None) -> Step:
        try:
            run.settle()
        except SpiffWorkflowException as error:
            cause = error.__cause__ or error.__context__
            if isinstance(cause, LvzeError):
                raise cause from error
            raise
        after = waiting(run)
        script = run.script
        opened: list[Opened] = []
        scheduled: list[Scheduled] = []
        subscribed: list[Subscribed] = []
        for key, task in after.items():
            if key in before:
                continue
            element, own = task.task_spec.element, task.internal_data
            if "due" in own:
                scheduled.append(Scheduled(key, element, datetime.fromisoformat(own["due"])))
            elif "awaits" in own:
                name = element.event.name or element.id
                subscribed.append(Subscribed(key, element, own["awaits"], name, own["key"]))
            else:
                opened.append(Opened(key, element, run.seen(task), own.get("compensates")))
        gone = {key: task.internal_data for key, task in before.items() if key not in after and key != acted}
        return Step(
            state=self._dumped(run),
            opened=opened,
            cancelled=[k for k, own in gone.items() if "due" not in own and "awaits" not in own],
            scheduled=scheduled,
            unscheduled=[k for k, own in gone.items() if "due" in own],
            subscribed=subscribed,
            unsubscribed=[
                k for k, task in before.items() if k not in after and "awaits" in task.internal_data
            ],
            thrown=script.thrown,
            escalated=script.escalated,
            passed=run.passed,
            decided=script.decided,
            warned=script.warned,
            outcome=run.outcome,
            data=script.seen(run.data) if run.completed else {},
        )

    @staticmethod
    def _dumped(run: Run) -> str:
        try:
            return states.dump(run)
        except TypeError as error:  # FEEL knows values that a variable cannot keep, such as a function
            raise NotExecutable(
                "value", f"有一个变量的值不能保存（{error}），请检查给它赋值的表达式。"
            ) from error


def _gone(task_id: str) -> NotExecutable:
    return NotExecutable("no-such-task", "该步骤已经结束，流程不再等待它。", task=task_id)


def waiting(run: Run) -> dict[str, Task]:
    """Everything that waits for the engine, by task id: activities, timers, messages, signals."""
    return {
        str(task.id): task
        for task in run.tasks.values()
        if task is not run.task_tree
        and (
            "due" in task.internal_data
            or "awaits" in task.internal_data
            or task.internal_data.get("restart")
            or (
                isinstance(task.task_spec, Activity)
                and task.has_state(TaskState.STARTED)
                and not (isinstance(task.task_spec, SubProcess))
            )
        )
    }
