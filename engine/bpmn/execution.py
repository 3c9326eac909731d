"""One pure step of a process: state and an action in, a new state and what it means for the rows out.

Nothing here touches a database or a clock. The engine loads the state, steps, and projects the ``Step`` into rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from SpiffWorkflow.bpmn import BpmnEvent, BpmnWorkflow
from SpiffWorkflow.bpmn.parser.ValidationException import ValidationException
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.specs.defaults import BoundaryEvent
from SpiffWorkflow.bpmn.specs.event_definitions import ErrorEventDefinition
from SpiffWorkflow.exceptions import SpiffWorkflowException
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from engine import feel
from engine.bpmn import state as states
from engine.bpmn.model import Element, Model, evaluate, moment, resolve
from engine.bpmn.normalise import normalise
from engine.bpmn.parser import parse, parse_xml
from engine.bpmn.specs import CONVERTERS, Parser, Timer, WaitingTask
from engine.dmn import Decision
from engine.errors import Finding, LvzeError, NotExecutable, Refused

#: (decision resource, decision, variables, business time) -> what came of it
Decide = Callable[[str, str, Mapping[str, Any], datetime], Decision]


@dataclass(frozen=True, slots=True)
class Opened:
    """A token now waits at an activity.

    :ivar data: the token's variables, as the activity sees them
    """

    task_id: str
    element: Element
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A timer that a job has to fire at ``due``."""

    task_id: str
    element: Element
    due: datetime


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision was taken inside the step."""

    element: Element
    decision: str
    found: Decision


@dataclass(frozen=True, slots=True)
class Warned:
    """A flow's condition was neither true nor false, so the flow was not taken.

    :ivar element_id: the gateway
    :ivar warnings: full sentences that quote the condition
    """

    element_id: str
    warnings: list[str]


@dataclass(slots=True)
class Step:
    """What one action did.

    :ivar state: the new state, or the text that was loaded when nothing changed
    :ivar cancelled: tasks that waited before and no longer do, without having been completed by this action
    :ivar unscheduled: timers that no longer wait
    :ivar passed: elements that were completed, in order
    :ivar data: the variables of an instance that has ended
    :ivar error: ``error:CODE`` when it ended with an error that nothing inside caught
    """

    state: str
    opened: list[Opened]
    cancelled: list[str]
    scheduled: list[Scheduled]
    unscheduled: list[str]
    passed: list[str]
    decided: list[Decided]
    warned: list[Warned]
    ended: bool
    data: dict[str, Any]
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What a step may ask of the world: the business time, decisions, and what the instance was given.

    :ivar given: variables that lie below the instance's own and are not part of its state: a child of a fan-out reads there
        what all its siblings read, however long the list is that they were made from
    """

    now: datetime
    decide: Decide
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Complete:
    """An activity was done: its results become variables of the token."""

    task_id: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fire:
    """A timer is due."""

    task_id: str


@dataclass(frozen=True, slots=True)
class Throw:
    """An activity failed with a business error: its error boundary event catches it, or nobody does."""

    task_id: str
    code: str


Action = Complete | Fire | Throw


def _undecided(*_: Any) -> Decision:
    raise AssertionError("looking at a state takes no decision")


#: for loading a state only to look at it: nothing is evaluated
_LOOKING = Context(datetime.min.replace(tzinfo=UTC), _undecided)


class _ScriptEngine:
    """SpiffWorkflow's window on expressions: FEEL, decisions and timers, at the step's business time."""

    def __init__(self, model: Model, context: Context) -> None:
        self.model = model
        self.context = context
        self.environment = self
        self.decided: list[Decided] = []
        self.warned: list[Warned] = []

    def seen(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """A token's variables over what the instance was given."""
        return {**self.context.given, **data}

    def evaluate(self, task: Task, expression: str, external_context: Any = None) -> bool:
        """The condition of a flow: only true takes it."""
        warnings: list[str] = []
        value = evaluate(expression, self.seen(task.data), self.context.now, warnings)
        if type(value) is not bool:
            warnings = warnings or [f"“{expression.strip()}”的值是{feel.word(value)}，不是真或假。"]
            self.warned.append(Warned(task.task_spec.bpmn_id, warnings))
        return value is True

    def decide(self, task: Task, element_id: str) -> None:
        element = self.model.elements[element_id]
        assert element.decision is not None
        resource, decision, variable = element.decision
        try:
            found = self.context.decide(resource, decision, self.seen(task.data), self.context.now)
        except LvzeError as error:
            raise NotExecutable(
                "decision", f"“{element.name or element.id}”作不出决策：{error}", element=element_id
            ) from error
        task.data[variable or decision] = found.value
        self.decided.append(Decided(element, decision, found))

    def schedule(self, task: Task) -> dict[str, Any]:
        element = self.model.elements[task.task_spec.bpmn_id]
        assert element.timer is not None
        kind, text = element.timer
        data, now = self.seen(task.data), self.context.now
        if kind == "timeCycle":
            return _cycle(text, data, now, element)
        return {"due": _moment(text, data, now, element).isoformat()}

    def following(self, task: Task, at: datetime) -> dict[str, Any] | None:
        """The internal data of a cycle's next round, or None where there is none."""
        left, every = task.internal_data.get("left"), task.internal_data.get("every")
        if every is None or left == 1:
            return None
        due = datetime.fromisoformat(task.internal_data["due"]) + timedelta(seconds=every)
        return {"due": due.isoformat(), "every": every, "left": None if left is None else left - 1}


def _moment(text: str, data: Mapping[str, Any], now: datetime, element: Element) -> datetime:
    warnings: list[str] = []
    value = resolve(text, data, now, warnings)
    if isinstance(value, str):
        value = evaluate(_literal(value), {}, now)
    due = moment(value, now)
    if due is None:
        raise NotExecutable(
            "timer",
            "".join([f"“{element.name or element.id}”的时间“{text}”不是日期、时间或时长。", *warnings]),
            element=element.id,
        )
    return due


def _literal(text: str) -> str:
    """A timer's ISO 8601 text as a FEEL ``@`` literal."""
    return '@"' + text.strip().strip('"').replace('"', "") + '"'


def _cycle(text: str, data: Mapping[str, Any], now: datetime, element: Element) -> dict[str, Any]:
    """``R3/P1D`` or ``R/PT2H`` as internal data: the first due moment, the period in seconds, the rounds left."""
    warnings: list[str] = []
    value = resolve(text, data, now, warnings)
    parts = str(value).strip('"').split("/")
    span = evaluate(_literal(parts[-1]), {}, now) if len(parts) >= 2 and parts[0].startswith("R") else None
    if not isinstance(span, timedelta) or span <= timedelta(0):
        raise NotExecutable(
            "timer",
            "".join([f"“{element.name or element.id}”的循环“{text}”应形如 R3/P1D。", *warnings]),
            element=element.id,
        )
    rounds = parts[0][1:]
    return {
        "due": (now + span).isoformat(),
        "every": int(span.total_seconds()),
        "left": int(rounds) if rounds else None,
    }


class Process:
    """A compiled definition: the model, and a shared spec for it and for each multi-instance sub-process.

    Specs hold no instance state, so one ``Process`` serves every instance of its version in all threads.
    """

    def __init__(self, model: Model, specs: Mapping[str, tuple[Any, Mapping[str, Any]]]) -> None:
        self.model = model
        self._specs = specs

    @classmethod
    def compile(cls, xml: bytes) -> tuple[Process, str]:
        """The process of a .bpmn file, and its specs as text to be stored with the definition.

        :raises Refused: findings with element ids
        """
        root = parse_xml(xml)
        model = parse(root)
        parser = Parser()
        try:
            parser.add_bpmn_xml(normalise(root, model))
            scopes = [
                model.key,
                *(e.id for e in model.elements.values() if e.loop is not None and "ubProcess" in e.kind),
            ]
            specs = {scope: (parser.get_spec(scope), parser.get_subprocess_specs(scope)) for scope in scopes}
        except ValidationException as error:
            raise Refused(
                [Finding("executable", f"流程不能执行：{error}", getattr(error, "id", None))]
            ) from error
        registry = BpmnWorkflowSerializer.configure(CONVERTERS)
        text = json.dumps(
            {
                scope: [registry.convert(spec), {k: registry.convert(v) for k, v in subs.items()}]
                for scope, (spec, subs) in specs.items()
            },
            ensure_ascii=False,
        )
        return cls.restore(xml, text), text

    @classmethod
    def restore(cls, xml: bytes, text: str) -> Process:
        """The process from its stored specs. A freshly parsed spec lacks connections that only this way back makes."""
        model = parse(parse_xml(xml))
        registry = BpmnWorkflowSerializer.configure(CONVERTERS)
        return cls(
            model,
            {
                scope: (registry.restore(spec), {k: registry.restore(v) for k, v in subs.items()})
                for scope, (spec, subs) in json.loads(text).items()
            },
        )

    def entry(self, scope: str) -> Element | None:
        """The user task that every instance of this scope opens first, when nothing else can happen before it.

        Such a child needs no step of its own to be opened: its work item is a row, its state is made at the first touch.
        """
        start = next(
            (e for e in self.model.elements.values() if e.kind == "startEvent" and e.scope == scope), None
        )
        if start is None or len(start.outgoing) != 1:
            return None
        first = self.model.elements.get(start.outgoing[0].target)
        if first is None or first.kind != "userTask" or first.is_fanout:
            return None
        watched = any(e.attached_to == first.id for e in self.model.elements.values())
        return None if watched else first

    def start(self, scope: str, data: Mapping[str, Any], context: Context) -> Step:
        """The first step of a new instance of the process, or of a child that runs the sub-process ``scope``."""
        script = _ScriptEngine(self.model, context)
        spec, subprocess_specs = self._specs[scope]
        workflow = BpmnWorkflow(spec, dict(subprocess_specs), script_engine=script)
        workflow.task_tree.data.update(data)
        return self._run(workflow, script, before={}, completed=None)

    def advance(self, scope: str, state: str, action: Action, context: Context) -> Step:
        """One action on a loaded state.

        :raises NotExecutable: the token cannot go on; nothing has happened
        """
        script = _ScriptEngine(self.model, context)
        workflow = states.load(state, *self._specs[scope], script)
        before = _waiting(workflow)
        task = before.get(action.task_id)
        if task is None:
            raise NotExecutable("no-such-task", "该步骤已经结束，流程不再等待它。", task=action.task_id)
        try:
            match action:
                case Complete(data=data):
                    task.data.update(data)
                    task.complete()
                case Fire():
                    Timer.fire(task, context.now)
                case Throw(code=code):
                    self._throw(workflow, task, code)
        except (SpiffWorkflowException, ValidationException) as error:
            raise self._failed(error, script) from error
        return self._run(workflow, script, before, action.task_id)

    def tasks(self, scope: str, state: str, given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Waiting task id -> its variables."""
        script = _ScriptEngine(self.model, _LOOKING)
        waiting = _waiting(states.load(state, *self._specs[scope], script))
        return {key: {**given, **task.data} for key, task in waiting.items()}

    def variables(self, scope: str, state: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The variables of an instance for its readers: those of every waiting token, or of the last one."""
        script = _ScriptEngine(self.model, _LOOKING)
        workflow = states.load(state, *self._specs[scope], script)
        own = [task.data for task in _waiting(workflow).values()] or [_final(workflow)]
        return {name: value for data in (given, *own) for name, value in data.items()}

    def elements_of(self, scope: str, state: str) -> dict[str, str]:
        """Element id -> ``done`` or ``open``, for the live diagram."""
        script = _ScriptEngine(self.model, _LOOKING)
        workflow = states.load(state, *self._specs[scope], script)
        marks: dict[str, str] = {}
        for tasks in (workflow, *workflow.subprocesses.values()):
            for task in tasks.tasks.values():
                if task.task_spec.bpmn_id in self.model.elements:
                    if task.has_state(TaskState.STARTED | TaskState.READY) and not isinstance(
                        task.task_spec, BoundaryEvent
                    ):
                        marks[task.task_spec.bpmn_id] = "open"
                    elif task.has_state(TaskState.COMPLETED):
                        marks.setdefault(task.task_spec.bpmn_id, "done")
        return marks

    def _dumped(self, workflow: BpmnWorkflow) -> str:
        try:
            return states.dump(workflow)
        except (
            TypeError
        ) as error:  # FEEL knows values that a variable cannot keep, such as a function or the year 20000
            raise NotExecutable(
                "value", f"有一个变量的值不能保存（{error}），请检查给它赋值的表达式。"
            ) from error

    def _throw(self, workflow: BpmnWorkflow, task: Task, code: str) -> None:
        for sibling in task.parent.children if task.parent is not None else ():
            spec = sibling.task_spec
            if isinstance(spec, BoundaryEvent) and isinstance(spec.event_definition, ErrorEventDefinition):
                wanted = spec.event_definition.code
                if wanted in (None, "", code) and sibling.has_state(TaskState.WAITING):
                    event = BpmnEvent(ErrorEventDefinition(spec.event_definition.name, code))
                    spec.catch(sibling, event)
                    spec._update(sibling)
                    return
        raise NotExecutable("uncaught-error", f"业务错误“{code}”没有被任何边界事件捕获。", error=code)

    def _run(
        self, workflow: BpmnWorkflow, script: _ScriptEngine, before: dict[str, Task], completed: str | None
    ) -> Step:
        done = before.get(completed or "")
        passed = [done.task_spec.bpmn_id] if done is not None and done.has_state(TaskState.COMPLETED) else []

        def note(task: Task) -> None:
            if task.has_state(TaskState.COMPLETED) and task.task_spec.bpmn_id in self.model.elements:
                passed.append(task.task_spec.bpmn_id)

        try:
            workflow.do_engine_steps(did_complete_task=note)
        except (SpiffWorkflowException, ValidationException) as error:
            raise self._failed(error, script) from error
        after = _waiting(workflow)
        opened: list[Opened] = []
        scheduled: list[Scheduled] = []
        for key, task in after.items():
            if key in before:
                continue
            element = self.model.elements[task.task_spec.bpmn_id]
            if isinstance(task.task_spec, WaitingTask):
                opened.append(Opened(key, element, script.seen(task.data)))
            else:
                scheduled.append(Scheduled(key, element, datetime.fromisoformat(task.internal_data["due"])))
        gone = {key: task for key, task in before.items() if key not in after and key != completed}
        ended = workflow.is_completed()
        return Step(
            state=self._dumped(workflow),
            opened=opened,
            cancelled=[k for k, t in gone.items() if isinstance(t.task_spec, WaitingTask)],
            scheduled=scheduled,
            unscheduled=[k for k, t in gone.items() if not isinstance(t.task_spec, WaitingTask)],
            passed=passed,
            decided=script.decided,
            warned=script.warned,
            ended=ended,
            data=script.seen(_final(workflow)) if ended else {},
            error=next(
                (
                    f"error:{event.event_definition.code or ''}"
                    for event in workflow.bpmn_events
                    if isinstance(event.event_definition, ErrorEventDefinition)
                ),
                None,
            ),
        )

    def _failed(self, error: Exception, script: _ScriptEngine) -> LvzeError:
        task = getattr(error, "task", None)
        spec = getattr(error, "task_spec", None) or (task.task_spec if task is not None else None)
        identity = getattr(spec, "bpmn_id", None)
        element = self.model.elements.get(identity or "")
        where = f"“{element.name or element.id}”" if element is not None else "流程"
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, LvzeError):
                return cause
            cause = cause.__cause__ or cause.__context__
        if element is not None and element.kind in ("exclusiveGateway", "inclusiveGateway"):
            why = [
                one for warned in script.warned if warned.element_id == identity for one in warned.warnings
            ]
            return NotExecutable(
                "no-flow",
                "".join([f"{where}没有一个出口的条件成立，也没有默认出口。", *why]),
                element=identity,
            )
        return NotExecutable("not-executable", f"{where}不能继续执行：{error}", element=identity)


def _waiting(workflow: BpmnWorkflow) -> dict[str, Task]:
    """Everything that waits for the engine, by task id: activities and timers."""
    found: dict[str, Task] = {}
    for tasks in (workflow, *workflow.subprocesses.values()):
        for task in tasks.tasks.values():
            spec = task.task_spec
            if (isinstance(spec, WaitingTask) and task.has_state(TaskState.STARTED)) or (
                isinstance(getattr(spec, "event_definition", None), Timer)
                and task.has_state(TaskState.WAITING)
                and "due" in task.internal_data
            ):
                found[str(task.id)] = task
    return found


def _final(workflow: BpmnWorkflow) -> Mapping[str, Any]:
    data: Mapping[str, Any] = workflow.last_task.data if workflow.last_task is not None else workflow.data
    return data
