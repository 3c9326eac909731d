"""A running instance as tokens: SpiffWorkflow's tasks, moved as BPMN says.

A scope (the process, an embedded sub-process) is a task whose children are its tokens, so cancelling a scope is cutting a branch.
Variables belong to the instance, not to a token. Each token knows its trail: the activities completed on its own way here. Who takes
work back needs no other memory: a token descends from a completion if the completion is on its trail.

What a token knows besides (``internal_data``, a part of the stored state):

- where from: ``trail`` (element -> [number, task, rounds]), ``flow`` it came by, ``joined`` (keys of ``Run.joins``), ``counter`` of a loop
- what it waits for: ``due``, ``every``, ``left`` (a timer), ``awaits``, ``key`` (a message or signal), ``held`` (a condition)
- whom it belongs to: ``attached`` (a boundary event's activity), ``watch`` (the start of an event sub-process), ``race`` (an event
  gateway), ``handles`` (the compensation that started it)
- a scope's own: ``records`` (what can be compensated in it), ``inside`` (the ways that ended in it), ``rounds`` (of complex
  gateways), ``queue``, ``started``, ``complete`` (ad hoc)
- ``todo`` of a compensation, ``compensates`` a fan-out, ``parked`` tokens that stand again afterwards, ``restart`` of the start
  event, ``fired``
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState
from SpiffWorkflow.workflow import Workflow

from engine.bpmn import adhoc, compensation, joins, taking_back
from engine.bpmn.graph import Graph
from engine.bpmn.model import Element, Flow
from engine.bpmn.specs import Activity, SubProcess, alone_of, scope_of
from engine.bpmn.trails import known_to, latest
from engine.errors import NotExecutable

if TYPE_CHECKING:
    from engine.bpmn.script import Script

#: tokens moved in one step; more is a loop that waits for nothing
MAX_MOVES = 100_000

#: what the next round of a looped activity does not take over
_OF_ONE_ROUND = ("trail", "records", "queue", "started", "complete", "rounds")


class Run(Workflow):  # type: ignore[misc]
    """One instance while a step works on it.

    :ivar data: the variables
    :ivar done: ids of the elements that were ever completed
    :ivar joins: of each join that a token still has behind it: the gateway, and the tokens that came, as [task id, what it knew];
        a token's ``joined`` names them
    :ivar outcome: None while it runs
    """

    def __init__(self, graph: Graph, spec: Any, scope: str, script: Script) -> None:
        super().__init__(spec, deserializing=True)
        self.graph = graph
        self.script = script
        self.scope = scope
        self.sequence = 0
        self.done: dict[str, None] = {}
        self.joins: dict[str, list[Any]] = {}
        self.outcome: str | None = None
        self.passed: list[str] = []
        self.ready: deque[Task] = deque()
        self._moves = 0

    def begin(
        self, data: Mapping[str, Any], at: str | None = None, payload: Mapping[str, Any] | None = None
    ) -> None:
        """:param at: the start event, where it is not the one without a trigger; ``payload`` is what its message brought"""
        self.data.update(data)
        name = scope_of(self.scope) if scope_of(self.scope) in self.spec.task_specs else self.scope
        self.task_tree = Task(self, self.spec.task_specs[name], state=TaskState.STARTED)
        if name != self.scope:
            self.token(self.task_tree, alone_of(self.scope), {})
        elif at is not None:
            self.watch(self.task_tree)
            self.assign(self.spec.task_specs[at].element, payload or {})
            start = Task(self, self.spec.task_specs[at], self.task_tree, state=TaskState.READY)
            start.internal_data["trail"] = {}
            start.complete()
        else:
            self.enter(self.task_tree)

    # tokens

    def token(self, scope: Task, name: str, trail: Mapping[str, Any], **internal: Any) -> Task:
        """A new token at a node."""
        self._moves += 1
        if self._moves > MAX_MOVES:
            raise NotExecutable(
                "endless",
                f"流程在一步之内转了 {MAX_MOVES} 次还没有停下，请检查“{name}”所在的回路有没有出口。",
                element=name,
            )
        task = Task(self, self.spec.task_specs[name], scope, state=TaskState.FUTURE)
        task.internal_data.update(internal, trail=trail)
        task.task_spec._update(task)
        return task

    def seen(self, task: Task) -> dict[str, Any]:
        """The variables as a token sees them, with the round of the innermost loop."""
        counter = next((own["counter"] for own in known_to(task) if "counter" in own), None)
        found = self.script.seen(self.data)
        if counter is not None:
            found["loopCounter"] = counter
        return found

    def leave(self, task: Task, **internal: Any) -> None:
        """A token leaves its node by the flows that are to be taken."""
        self._pass(task, task.task_spec.element.outgoing, **internal)

    def _pass(self, task: Task, outgoing: tuple[Flow, ...], **internal: Any) -> None:
        scope, own = task.parent, task.internal_data
        if (thrower := own.get("handles")) is not None:
            self._remove_task(task.id)
            compensation.go_on(self, self.tasks[UUID(thrower)])
            return
        if (parked := own.get("parked")) is not None:
            self._remove_task(task.id)
            taking_back.unpark(self, scope, parked, own["trail"])
            return
        flows = self._chosen(task, outgoing)
        joined = {"joined": own["joined"]} if own.get("joined") else {}
        if not flows:
            self._ends(task)
        self._remove_task(task.id)
        for flow in flows:
            self.token(scope, flow.target, own["trail"], flow=flow.id, **joined, **internal)
        if not flows and scope.task_spec.element is not None and scope.task_spec.element.adhoc is not None:
            adhoc.after(self, scope)

    def _ends(self, task: Task) -> None:
        """A way ends inside a scope: whoever goes on from the scope descends from what was done on it."""
        scope, own = task.parent, task.internal_data
        if scope is not self.task_tree:
            inside = scope.internal_data.setdefault("inside", {"trail": {}, "joined": []})
            inside["trail"] = latest(inside["trail"], own["trail"])
            inside["joined"] = joins.last_joined(self, inside["joined"], own.get("joined", ()))

    def _chosen(self, task: Task, outgoing: tuple[Flow, ...]) -> Iterable[Flow]:
        """The flows that a token takes (BPMN 2.0, 13.3 and 13.4)."""
        element = task.task_spec.element
        if element.kind in ("parallelGateway", "eventBasedGateway"):
            return outgoing
        conditional = [flow for flow in outgoing if flow.condition is not None and not flow.default]
        free = [flow for flow in outgoing if flow.condition is None and not flow.default]
        default = [flow for flow in outgoing if flow.default]
        seen = self.seen(task) if conditional else {}
        if element.kind == "exclusiveGateway":
            for flow in conditional:
                if self.script.holds(flow.condition or "", seen, element.id):
                    return [flow]
            chosen = default or free[:1]
        else:
            true = [f for f in conditional if self.script.holds(f.condition or "", seen, element.id)]
            chosen = [*free, *(true or default)]
        if outgoing and not chosen:
            raise NotExecutable(
                "no-flow",
                "".join(
                    [
                        f"“{element.name or element.id}”没有一个出口的条件成立，也没有默认出口。",
                        *self.script.why(element.id),
                    ]
                ),
                element=element.id,
            )
        return chosen

    def _task_completed_notify(self, task: Task) -> None:
        element = task.task_spec.element
        if element is not None:
            self.passed.append(element.id)
            self.done[element.id] = None

    def cut(self, task: Task) -> None:
        """A token vanishes, with all that hangs on it: what is inside it, and the events on its boundary."""
        if task.id not in self.tasks:
            return
        self.disarm(task)
        self._remove_task(task.id)

    def cut_inside(self, scope: Task, *, but: Task | None = None) -> None:
        for child in list(scope.children):
            if child is not but and child.id in self.tasks:
                self._remove_task(child.id)

    def _remove_task(self, task_id: UUID) -> None:
        self.tasks[task_id]._set_state(TaskState.CANCELLED)  # it may still stand among the ready ones
        super()._remove_task(task_id)

    def settle(self) -> None:
        """Move every token until all wait for something outside."""
        while True:
            while self.ready:
                task = self.ready.popleft()
                if task.has_state(TaskState.READY):
                    task.run()
            if not (self._conditions() or joins.settle(self) or self._scopes()):
                return

    # activities

    def arm(self, host: Task) -> None:
        """The boundary events of an activity begin to wait, once for all rounds of a loop."""
        if host.internal_data.get("armed"):
            return
        for event in self.boundary(host):
            if event.event is not None and event.event.kind in ("timer", "message", "signal", "conditional"):
                self.token(host.parent, event.id, host.internal_data["trail"], attached=str(host.id))

    def boundary(self, host: Task) -> Sequence[Element]:
        """The events on an activity's boundary. Those of a multi-instance task are its parent's, not each instance's own."""
        if host.task_spec.name == alone_of(self.scope):
            return ()
        return self.graph.boundary.get(host.task_spec.element.id, ())

    def disarm(self, host: Task) -> None:
        if host.parent is not None:
            for task in list(host.parent.children):
                if task.internal_data.get("attached") == str(host.id):
                    self._remove_task(task.id)

    def finish(self, task: Task, data: Mapping[str, Any]) -> None:
        """An activity was done: its results are variables from now on."""
        element = task.task_spec.element
        self.assign(element, data)
        if not isinstance(task.task_spec, Activity):
            task.complete()
            return
        if self._ended(task):
            task.complete()

    def assign(self, element: Element, data: Mapping[str, Any]) -> None:
        """What an element hands over to the variables: an activity all its results, a message or an error only what is declared."""
        if element.is_fanout or element.event is None:
            self.data.update(data)
        if not element.is_fanout and (element.kind == "userTask" or element.event is not None):
            self.data.update(self.script.outputs(element, {**self.script.seen(self.data), **data}))

    def _ended(self, task: Task) -> bool:
        """A round of an activity has ended; False when another one follows."""
        own = task.internal_data
        if (inside := own.pop("inside", None)) is not None:
            own["trail"] = latest(own["trail"], inside["trail"])
            own["joined"] = joins.last_joined(self, own.get("joined", ()), inside["joined"])
        self.note(task)
        if not self.again(task):
            self.disarm(task)
            return True
        scope = task.parent
        kept = {k: v for k, v in own.items() if k not in _OF_ONE_ROUND}
        self._task_completed_notify(task)
        self._remove_task(task.id)
        following = self.token(scope, task.task_spec.name, own["trail"], **{**kept, "armed": True})
        for event in scope.children:
            if event.internal_data.get("attached") == str(task.id):
                event.internal_data["attached"] = str(following.id)
        return False

    def note(self, task: Task) -> None:
        """An activity was done once: that is on the token's trail, with the rounds of the loops around it, and may be compensated."""
        self.sequence += 1
        own, rounds = task.internal_data, [own.get("counter") for own in known_to(task)]
        while rounds and rounds[-1] is None:
            rounds.pop()
        own["trail"] = {**own["trail"], task.task_spec.element.id: [self.sequence, str(task.id), *rounds]}
        compensation.remember(self, task)

    def skips(self, task: Task) -> bool:
        """A loop that tests before, and whose condition does not hold (any more)."""
        loop = task.task_spec.element.standard_loop
        if loop is None:
            return False
        task.internal_data.setdefault("counter", 1)
        if task.internal_data.pop(
            "begun", False
        ):  # whoever is sent back there does it, whatever the condition is by now
            return False
        return loop.maximum == 0 or bool(
            loop.before
            and loop.condition
            and not self.script.holds(loop.condition, self.seen(task), task.task_spec.element.id)
        )

    def again(self, task: Task) -> bool:
        """After a round of a standard loop: is there another?"""
        element = task.task_spec.element
        loop = element.standard_loop
        if loop is None:
            return False
        self._moves += 1
        if self._moves > MAX_MOVES:
            raise NotExecutable(
                "endless", f"“{element.name or element.id}”的循环没有出口。", element=element.id
            )
        counter = task.internal_data.get("counter", 1)
        holds = (
            loop.before
            or loop.condition is None
            or self.script.holds(loop.condition, self.seen(task), element.id)
        )
        task.internal_data["counter"] = counter + 1
        return holds and (loop.maximum is None or counter < loop.maximum)

    # scopes

    def enter(self, scope: Task) -> None:
        """A scope begins: its event sub-processes watch, its first tokens start."""
        self.watch(scope)
        element = scope.task_spec.element
        trail = scope.internal_data.get("trail", {})
        if element is not None and element.adhoc is not None:
            adhoc.begin(self, scope)
            return
        key = scope.task_spec.name
        starts = (
            [s.id for s, sub in self.graph.handlers.get(element.scope, ()) if sub.id == key]
            if (element is not None and element.triggered)
            else self.graph.starting.get(key, [])
        )
        for name in starts:
            self.token(
                scope, name, trail, **({"fired": True} if element is not None and element.triggered else {})
            )

    def watch(self, scope: Task) -> None:
        for start, _ in self.graph.handlers.get(scope.task_spec.name, ()):
            if start.event is not None and start.event.kind in ("timer", "message", "signal", "conditional"):
                self.token(scope, start.id, scope.internal_data.get("trail", {}), watch=True)

    def _scopes(self) -> bool:
        """Complete the scopes in which no token lives any more, the innermost first."""
        found = False
        for task in reversed(list(self.tasks.values())):
            spec = task.task_spec
            if task.id not in self.tasks or not (task is self.task_tree or isinstance(spec, SubProcess)):
                continue
            if not task.has_state(TaskState.STARTED) or any(
                not c.internal_data.get("watch") for c in task.children
            ):
                continue
            if task is self.task_tree:
                if not self.completed:
                    self.end("completed")
            elif not adhoc.waits(self, task):
                self.cut_inside(task)
                if self._ended(task):
                    task.complete()
                found = True
        return found

    def end(self, outcome: str) -> None:
        """The instance is over, with whatever still stands in it."""
        self.cut_inside(self.task_tree)
        self.ready.clear()
        self.outcome, self.completed = outcome, True

    def live(self, scope: Task) -> Iterator[Task]:
        """The tokens of a scope, without the events that watch it or its activities."""
        for task in scope.children:
            own = task.internal_data
            if not own.get("watch") and "attached" not in own:
                yield task

    # events

    def _conditions(self) -> bool:
        """Conditional events whose condition has become true fire."""
        for task in list(self.tasks.values()):
            own = task.internal_data
            if "held" not in own or not task.has_state(TaskState.WAITING):
                continue
            element = task.task_spec.element
            holds = self.script.holds(element.event.condition or "", self.seen(task), element.id)
            before, own["held"] = own["held"], holds
            if holds and not before:
                self.fire(task, {})
                return True
        return False

    def fire(self, task: Task, data: Mapping[str, Any]) -> None:
        """What a token waited for has happened: a timer, a message, a signal, a condition."""
        element, own = task.task_spec.element, task.internal_data
        if "attached" in own:
            self._fire_boundary(task, data)
            return
        if own.get("watch"):
            self._fire_handler(task, data)
            return
        if (race := own.pop("race", None)) is not None:
            for other in list(task.parent.children):
                if other.internal_data.get("race") == race:
                    self.cut(other)
        self.assign(element, data)
        if element.kind != "receiveTask" or self._ended(task):
            task.complete()

    def _once_more(self, task: Task) -> None:
        """A non-interrupting event has fired: does it go on waiting?"""
        own = task.internal_data
        if "due" in own:
            following = self.script.following(own)
            if following is not None:
                kept = {k: v for k, v in own.items() if k not in ("due", "every", "left", "trail")}
                again = Task(self, task.task_spec, task.parent, state=TaskState.WAITING)
                again.internal_data.update(kept, trail=own["trail"], **following)
            self._remove_task(task.id)

    def _fire_boundary(self, task: Task, data: Mapping[str, Any]) -> None:
        host = self.tasks[UUID(task.internal_data["attached"])]
        if not task.task_spec.element.interrupting:
            self._once_more(task)
        self.caught(task.task_spec.element, host, data)

    def caught(self, event: Element, host: Task, data: Mapping[str, Any]) -> None:
        """A boundary event catches: the token goes on from it."""
        scope, trail, joined = host.parent, host.internal_data["trail"], host.internal_data.get("joined")
        handles = host.internal_data.get("handles")
        self.assign(event, data)
        if event.interrupting or (event.event is not None and event.event.kind in ("error", "cancel")):
            self.cut(host)
        else:
            handles = None
        leaving = Task(self, self.spec.task_specs[event.id], scope, state=TaskState.READY)
        leaving.internal_data.update(
            {k: v for k, v in (("trail", trail), ("joined", joined), ("handles", handles)) if v is not None}
        )
        leaving.complete()

    def _fire_handler(self, task: Task, data: Mapping[str, Any]) -> None:
        element, scope = task.task_spec.element, task.parent
        if not element.interrupting:
            self._once_more(task)
        self.handle(element, scope, data)

    def handle(self, start: Element, scope: Task, data: Mapping[str, Any]) -> None:
        """An event sub-process begins in its scope."""
        self.assign(start, data)
        if start.interrupting or (start.event is not None and start.event.kind == "error"):
            self.cut_inside(scope)
        self.token(scope, start.scope, scope.internal_data.get("trail", {}))

    def raise_(
        self, kind: str, code: str | None, origin: Task, data: Mapping[str, Any], *, at_activity: bool
    ) -> bool:
        """Look outwards from where an error, an escalation or a cancellation came from; True when something caught it.

        :param at_activity: ``origin`` is the activity that failed; otherwise an event inside a scope
        """
        here, first = origin, at_activity
        while True:
            if first and here.task_spec.element is not None:
                event = _matching(self.boundary(here), kind, code)
                if event is not None and here is not self.task_tree:
                    self.caught(event, here, data)
                    return True
            inner, here, first = here, here.parent, True
            if here is None:
                return False
            element = inner.task_spec.element
            if element is None or not element.triggered:  # a handler's own errors are not for its neighbours
                starts = [start for start, _ in self.graph.handlers.get(here.task_spec.name, ())]
                start = _matching(starts, kind, code)
                if start is not None:
                    self.handle(start, here, data)
                    return True

    def throws(self, task: Task) -> None:
        """A throw or end event, or a send task, was reached."""
        element = task.task_spec.element
        event = element.event
        scope = task.parent
        kind = event.kind if event is not None else None
        if kind in ("message", "signal"):
            self.script.throw(element, self.seen(task))
            self.leave(task)
        elif kind == "link":
            target = self.graph.link(element)
            own = task.internal_data
            self._remove_task(task.id)
            if target is not None:
                self.token(
                    scope, target, own["trail"], **({"joined": own["joined"]} if own.get("joined") else {})
                )
        elif kind == "escalation":
            data = self.script.inputs(element, self.seen(task))
            if not self.raise_("escalation", event.name, task, data, at_activity=False):
                self.script.escalate(element, event.name, data)
            if task.id in self.tasks:
                self.leave(task)
        elif kind == "error":
            data = self.script.inputs(element, self.seen(task))
            if not self.raise_(
                "error", event.name, task, {"errorCode": event.name, **data}, at_activity=False
            ):
                self.end(f"error:{event.name or ''}")
            elif (
                task.id in self.tasks
            ):  # caught by an event sub-process that does not interrupt: this way ends
                self._remove_task(task.id)
        elif kind == "terminate":
            self._ends(task)
            self.cut_inside(scope)
            if scope is self.task_tree:
                self.end("terminated")
        elif kind == "cancel":
            if scope is self.task_tree:
                self.end("cancel")
            elif not self.raise_("cancel", None, scope, {}, at_activity=True):
                self.cut_inside(scope)
        else:
            self.leave(task)


def _matching(events: Iterable[Element], kind: str, code: str | None) -> Element | None:
    """The event that catches: one that names the code, else one that names none."""
    fitting = [
        e for e in events if e.event is not None and e.event.kind == kind and e.event.name in (None, "", code)
    ]
    return next(
        (e for e in fitting if e.event is not None and e.event.name == code), next(iter(fitting), None)
    )
