"""A running instance as tokens: SpiffWorkflow's tasks, moved as BPMN says.

A scope (the process, an embedded sub-process) is a task whose children are its tokens, so cancelling a scope is cutting a branch.
Variables belong to the instance, not to a token. Each token knows its trail: the activities completed on its own way here. Who takes
work back needs no other memory: a token descends from a completion if the completion is on its trail.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState
from SpiffWorkflow.workflow import Workflow

from engine.bpmn.graph import Graph, is_free
from engine.bpmn.model import Element, Flow
from engine.bpmn.specs import COMPENSATION, Activity, Inclusive, SubProcess, alone_of, scope_of
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
            self._watch(self.task_tree)
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
        counter = next((own["counter"] for own in _own(task) if "counter" in own), None)
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
            self._compensate_next(self.tasks[UUID(thrower)])
            return
        if (parked := own.get("parked")) is not None:
            self._remove_task(task.id)
            self._unpark(scope, parked, own["trail"])
            return
        flows = self._chosen(task, outgoing)
        joined = {"joined": own["joined"]} if own.get("joined") else {}
        if not flows:
            self._ends(task)
        self._remove_task(task.id)
        for flow in flows:
            self.token(scope, flow.target, own["trail"], flow=flow.id, **joined, **internal)
        if not flows and scope.task_spec.element is not None and scope.task_spec.element.adhoc is not None:
            self._adhoc_next(scope)

    def _ends(self, task: Task) -> None:
        """A way ends inside a scope: whoever goes on from the scope descends from what was done on it."""
        scope, own = task.parent, task.internal_data
        if scope is not self.task_tree:
            inside = scope.internal_data.setdefault("inside", {"trail": {}, "joined": []})
            inside["trail"] = _latest(inside["trail"], own["trail"])
            inside["joined"] = self._last_joined(inside["joined"], own.get("joined", ()))

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
            if not (self._conditions() or self._joins() or self._scopes()):
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
            own["trail"] = _latest(own["trail"], inside["trail"])
            own["joined"] = self._last_joined(own.get("joined", ()), inside["joined"])
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
        own, rounds = task.internal_data, [own.get("counter") for own in _own(task)]
        while rounds and rounds[-1] is None:
            rounds.pop()
        own["trail"] = {**own["trail"], task.task_spec.element.id: [self.sequence, str(task.id), *rounds]}
        self._remember(task)

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
        self._watch(scope)
        element = scope.task_spec.element
        trail = scope.internal_data.get("trail", {})
        if element is not None and element.adhoc is not None:
            self._adhoc_begin(scope)
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

    def _watch(self, scope: Task) -> None:
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
            elif not self._adhoc_waits(task):
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

    # ad hoc

    def _adhoc_begin(self, scope: Task) -> None:
        adhoc = scope.task_spec.element.adhoc
        free = self.free(scope)
        chosen = free if not adhoc.sequential else []
        if adhoc.activities is not None:
            chosen = self.script.activities(scope.task_spec.element, self.seen(scope), free)
        scope.internal_data.update(queue=list(chosen), started=[])
        self._adhoc_open(scope)

    def free(self, scope: Task) -> list[str]:
        """What may be started by hand in an ad-hoc sub-process."""
        return [e.id for e in self.graph.inside.get(scope.task_spec.name, ()) if is_free(e)]

    def _adhoc_open(self, scope: Task) -> None:
        queue = scope.internal_data["queue"]
        sequential = scope.task_spec.element.adhoc.sequential
        while queue and not (sequential and any(True for _ in self.live(scope))):
            scope.internal_data["started"].append(queue[0])
            self.token(scope, queue.pop(0), scope.internal_data.get("trail", {}))

    def trigger(self, scope: Task, element_id: str) -> None:
        """Start one activity of an ad-hoc sub-process."""
        element = scope.task_spec.element
        if element_id not in self.free(scope):
            raise NotExecutable(
                "not-ad-hoc",
                f"“{element_id}”不是“{element.name or element.id}”中可以随时启动的环节。",
                element=element_id,
            )
        if element.adhoc.sequential and any(True for _ in self.live(scope)):
            raise NotExecutable(
                "one-at-a-time",
                f"“{element.name or element.id}”一次只办一个环节，请先办完当前环节。",
                element=element.id,
            )
        scope.internal_data["queue"].append(element_id)
        self._adhoc_open(scope)

    def _adhoc_next(self, scope: Task) -> None:
        """After one of its activities has ended."""
        element = scope.task_spec.element
        own, adhoc = scope.internal_data, element.adhoc
        if adhoc.condition is not None and self.script.holds(adhoc.condition, self.seen(scope), element.id):
            own["queue"], own["complete"] = [], True
            if adhoc.cancels:
                self.cut_inside(scope)
        self._adhoc_open(scope)

    def _adhoc_waits(self, scope: Task) -> bool:
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
                    and not set(self.free(scope)) <= set(scope.internal_data["started"])
                )
            )
        )

    # joins

    def _waiting_at(self, task: Task) -> list[Task]:
        return [
            other
            for other in task.parent.children
            if other is not task and other.task_spec is task.task_spec and other.has_state(TaskState.WAITING)
        ]

    def join_parallel(self, task: Task) -> bool:
        """One token from every incoming flow becomes one; the others wait for the next round."""
        incoming = task.task_spec.element.incoming
        if len(incoming) < 2 or "flow" not in task.internal_data:
            return True
        arrived = {task.internal_data["flow"]: task}
        for other in self._waiting_at(task):
            arrived.setdefault(other.internal_data["flow"], other)
        if len(arrived) < len(incoming):
            task._set_state(TaskState.WAITING)
            return False
        self._merge(task, [other for other in arrived.values() if other is not task])
        return True

    def _merge(self, into: Task, others: Iterable[Task]) -> None:
        """Of several tokens one goes on. It remembers them, so that one way can be taken back without the others."""
        gateway, came = into.task_spec.name, [into, *others]
        before = [
            [
                key
                for key in task.internal_data.get("joined", ())
                if self.joins.get(key, [gateway])[0] != gateway
            ]
            for task in came
        ]
        self.sequence += 1
        self.joins[str(self.sequence)] = [
            gateway,
            [
                [str(task.id), {"flow": own["flow"], "trail": own["trail"], "joined": joined}]
                for task, joined in zip(came, before, strict=True)
                if (own := task.internal_data)
            ],
        ]
        into.internal_data["trail"] = _latest(*(task.internal_data["trail"] for task in came))
        into.internal_data["joined"] = self._last_joined(*before, [str(self.sequence)])
        for task in others:
            self._remove_task(task.id)

    def _last_joined(self, *joined: Iterable[str]) -> list[str]:
        """Of each gateway the latest join."""
        keys = sorted({key for one in joined for key in one if key in self.joins}, key=int)
        return list({self.joins[key][0]: key for key in keys}.values())

    def remembered(self) -> dict[str, list[Any]]:
        """The joins that some token has behind it."""
        found: set[str] = set()
        todo = [task.internal_data for task in self.tasks.values()]
        while todo:
            own = todo.pop()
            found.update(own.get("joined", ()), own.get("inside", {}).get("joined", ()))
            todo += _kept(own.get("parked") or ())
        return {key: join for key, join in self.joins.items() if key in found}

    def _joins(self) -> bool:
        """Inclusive and complex gateways look around once nothing else moves."""
        groups: dict[tuple[UUID, str], list[Task]] = {}
        for task in self.tasks.values():
            if isinstance(task.task_spec, Inclusive) and task.has_state(TaskState.WAITING):
                groups.setdefault((task.parent.id, task.task_spec.name), []).append(task)
        for tasks in groups.values():
            element = tasks[0].task_spec.element
            if element.kind == "complexGateway" and element.activation is not None:
                if self._complex(element, tasks):
                    return True
            elif not self._may_come(element, tasks[0].parent, {t.internal_data["flow"] for t in tasks}):
                first: dict[str, Task] = {}
                for task in tasks:
                    first.setdefault(task.internal_data["flow"], task)
                self._go_on([*first.values()])
                return True
        return self._reset_complex()

    def _go_on(self, tasks: list[Task]) -> None:
        self._merge(tasks[0], tasks[1:])
        tasks[0]._ready()

    def _may_come(self, element: Element, scope: Task, arrived: set[str]) -> bool:
        """Can a token still come by a flow that has none, unless it may as well come by one that has (BPMN 2.0, 13.4.3)?"""
        reaching = self.graph.reaching[element.id]
        elsewhere = {
            other.id
            for task in self.live(scope)
            if (other := task.task_spec.element) is not None and other.id != element.id
        }
        return any(
            here in before and not any(here in reaching[flow] for flow in arrived)
            for flow_id, before in reaching.items()
            if flow_id not in arrived
            for here in elsewhere
        )

    def _complex(self, element: Element, tasks: list[Task]) -> bool:
        """A complex gateway fires once its condition holds, then swallows what belongs to the same round (BPMN 2.0, 13.4.5)."""
        scope = tasks[0].parent
        rounds = scope.internal_data.setdefault("rounds", {})
        if element.id in rounds:
            late = [task for task in tasks if task.internal_data["flow"] not in rounds[element.id]]
            for task in late:
                rounds[element.id].append(task.internal_data["flow"])
                self._remove_task(task.id)
            return bool(late)
        first: dict[str, Task] = {}
        for task in tasks:
            first.setdefault(task.internal_data["flow"], task)
        seen = {**self.seen(scope), "activationCount": len(tasks)}
        if not self.script.holds(element.activation or "", seen, element.id):
            return False
        rounds[element.id] = list(first)
        self._go_on([*first.values()])
        return True

    def _reset_complex(self) -> bool:
        """A round is over when nothing of it can come any more."""
        found = False
        for scope in list(self.tasks.values()):
            rounds = scope.internal_data.get("rounds", {})
            for gateway, flows in list(rounds.items()):
                element = self.graph.model.elements[gateway]
                every = {flow.id for flow in element.incoming}
                if set(flows) >= every or not self._reachable(element, scope, every - set(flows)):
                    del rounds[gateway]
                    found = True
        return found

    def _reachable(self, element: Element, scope: Task, flows: set[str]) -> bool:
        reaching = self.graph.reaching.get(element.id, {})
        here = {one.id for task in self.live(scope) if (one := task.task_spec.element) is not None} - {
            element.id
        }
        return any(here & reaching.get(flow, frozenset()) for flow in flows)

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

    # compensation

    def _remember(self, task: Task) -> None:
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
            for event in self.boundary(task)
            if event.event is not None and event.event.kind == "compensation" and event.handler is not None
        ] or [
            sub.id
            for start, sub in self.graph.handlers.get(element.id, ())
            if start.event is not None and start.event.kind == "compensation" and not element.is_fanout
        ]
        if handlers:
            kind, what = "run", handlers[0]
        elif element.is_fanout and (element.kind == "callActivity" or self.graph.compensable(element.id)):
            kind, what = "fanout", str(task.id)
        elif inner:
            kind, what = "inside", None
        else:
            return
        record = [kind, element.id, what, self.sequence, inner]
        scope.internal_data.setdefault("records", []).append(record)

    def compensate(self, thrower: Task) -> bool:
        """Begin to compensate what a throw event asks for, in reverse order of completion; False when there is nothing."""
        event, scopes = thrower.task_spec.element.event, [thrower.parent]
        if event.kind == "cancel":  # what was done inside of what is still open, too
            scopes += [task for task in self.tasks.values() if thrower.parent in _above(task)]
        else:  # an event sub-process undoes what was done in the scope around it; one that compensates a scope has its records
            while scopes[-1].task_spec.element is not None and scopes[-1].task_spec.element.triggered:
                if "handles" in scopes[-1].internal_data:
                    break
                scopes.append(scopes[-1].parent)
        todo = [
            one for scope in scopes for one in _taken(scope.internal_data.get("records", []), event.activity)
        ]
        if event.kind == "cancel":
            self.cut_inside(thrower.parent, but=thrower)
        thrower.internal_data["todo"] = sorted(todo, key=lambda record: -record[3])
        return self._compensate_next(thrower, starting=True)

    def compensate_all(self) -> None:
        """Compensate an ended child of a fan-out from within."""
        todo = _taken(self.task_tree.internal_data.get("records", []), None)
        if todo:
            self.outcome, self.completed = None, False
            thrower = Task(self, self.spec.task_specs[COMPENSATION], self.task_tree, state=TaskState.STARTED)
            thrower.internal_data.update(todo=todo, trail={}, thrower=True)
            self._compensate_next(thrower)

    def _compensate_next(self, thrower: Task, *, starting: bool = False) -> bool:
        todo = thrower.internal_data["todo"]
        if not todo:
            if thrower.internal_data.get("thrower"):
                self._remove_task(thrower.id)
            elif not starting:
                thrower.complete()
            return False
        kind, element_id, what, _, inner = todo.pop(0)
        own: dict[str, Any] = {"handles": str(thrower.id)}
        trail = thrower.internal_data["trail"]
        if kind == "fanout":
            self.token(thrower.parent, element_id, trail, compensates=what, **own)
        else:
            self.token(thrower.parent, what, trail, **own, **({"records": inner} if inner else {}))
        return True

    # taking back and jumping

    def descendants(self, element_id: str, task_id: str) -> list[Task]:
        """The tokens, scopes among them, that descend from a completion; of nested ones the outermost."""
        found = {
            task.id
            for task in self.tasks.values()
            if (entry := task.internal_data.get("trail", {}).get(element_id)) is not None
            and entry[1] == task_id
        }
        return [
            task
            for task in self.tasks.values()
            if task.id in found
            and (task._parent is None or task._parent not in found)
            and "attached" not in task.internal_data
            and not task.internal_data.get("watch")
        ]

    def reopen(self, element_id: str, task_id: str, direct_from: str | None) -> None:
        """Undo what descends from a completion and put a token back where it was done.

        Where one of several joined ways is undone, the others wait at the join again.
        """
        undone = self.descendants(element_id, task_id)
        if not undone:
            raise NotExecutable(
                "nothing-to-undo", "这一步之后已经没有在办的环节，不能退回。", element=element_id
            )
        completion = undone[0].internal_data["trail"][element_id]
        number = completion[0]
        trails = [task.internal_data["trail"] for task in undone]
        trail = _latest(*({e: entry for e, entry in one.items() if entry[0] < number} for one in trails))
        after = {e for one in trails for e, entry in one.items() if entry[0] >= number}
        parked = [self._parked(task) for task in undone] if direct_from is not None else None
        joined = {key for task in undone for key in task.internal_data.get("joined", ())}
        passed = {self.joins[key][0] for key in joined if key in self.joins}
        restored, earlier = self._separate(joined, element_id, task_id)
        near = [task.parent for task in undone]
        for task in undone:
            self.cut(task)
        internal: dict[str, Any] = {"joined": self._last_joined(earlier)}
        if parked is not None:
            internal["parked"] = parked
        placed = self.place(element_id, near, trail, completion=completion, **internal)
        self._abandon(near)
        scopes = {scope.task_spec.name: scope for scope in _above(placed)}
        for scope in scopes.values():
            own = scope.internal_data
            if "records" in own:
                own["records"] = [one for one in own["records"] if one[1] not in after or one[3] < number]
            if parked is None:
                for gateway in passed & own.get("rounds", {}).keys():
                    del own["rounds"][gateway]
        if parked is None:
            for gateway, known in restored.values():
                scope = scopes.get(self.graph.model.elements[gateway].scope)
                if scope is not None:
                    self.token(scope, gateway, known["trail"], flow=known["flow"], joined=known["joined"])

    def _separate(
        self, joined: Iterable[str], element_id: str, task_id: str
    ) -> tuple[dict[str, tuple[str, Mapping[str, Any]]], set[str]]:
        """The ways that were joined after a completion without descending from it, and the joins before it."""
        restored: dict[str, tuple[str, Mapping[str, Any]]] = {}
        earlier: set[str] = set()
        seen: set[str] = set()
        todo = [*joined]
        while todo:
            key = todo.pop()
            if key in seen or key not in self.joins:
                continue
            seen.add(key)
            gateway, came = self.joins[key]
            descend = [own["trail"].get(element_id, [0, None])[1] == task_id for _, own in came]
            if not any(descend):
                earlier.add(key)
                continue
            for (identity, own), descends in zip(came, descend, strict=True):
                if descends:
                    todo += own["joined"]
                else:
                    restored[identity] = (gateway, own)
        return restored, earlier

    def place(
        self,
        element_id: str,
        near: Iterable[Task],
        trail: Mapping[str, Any],
        *,
        completion: Sequence[Any] = (),
        **internal: Any,
    ) -> Task:
        """A token at an element, in the innermost scope that is open around ``near``; those in between are opened without their starts.

        :param completion: the entry of a trail that is taken back: the loops around it stand in its round again
        """
        number, rounds = next(iter(completion), None), list(completion[2:])
        wanted: list[str] = []
        scope_id = self.graph.model.elements[element_id].scope
        open_ = {scope.task_spec.name: scope for one in near for scope in (one, *_above(one))}
        while scope_id not in open_:
            around = self.graph.model.elements.get(scope_id)
            if around is None or around.is_fanout:
                raise NotExecutable(
                    "elsewhere", "目标环节在另一个子流程里，不能从这里直接到达。", element=element_id
                )
            wanted.append(scope_id)
            scope_id = around.scope
        scope = open_[scope_id]
        counters = [{"counter": one} if one is not None else {} for one in rounds]
        counters += [{}] * (len(wanted) + 1 - len(counters))
        for name, counter in zip(reversed(wanted), reversed(counters[1 : len(wanted) + 1]), strict=True):
            records = scope.internal_data.get("records", [])
            record = next((r for r in records if r[1] == name and number is not None and r[3] > number), None)
            scope = Task(self, self.spec.task_specs[name], scope, state=TaskState.STARTED)
            scope.internal_data.update(trail=trail, **counter)
            if scope.task_spec.element.adhoc is not None:
                scope.internal_data.update(queue=[], started=[])
            if record is not None:
                records.remove(record)
                scope.internal_data["records"] = record[4]
            self.arm(scope)
            self._watch(scope)
        if self.graph.model.elements[element_id].standard_loop is not None:
            internal["begun"] = True
        return self.token(scope, element_id, trail, **counters[0], **internal)

    def _abandon(self, scopes: Iterable[Task]) -> None:
        """Scopes from which the last token was taken elsewhere are over, and nothing goes on from them."""
        for scope in scopes:
            while scope is not self.task_tree and scope.id in self.tasks and not any(self.live(scope)):
                empty, scope = scope, scope.parent
                self.cut(empty)

    def jump(self, task_ids: Iterable[str], element_id: str) -> None:
        """跳转: these tokens vanish, one token stands at the element. What waits behind an event gateway is one token."""
        asked = {UUID(one) for one in task_ids}
        races = {race for one in asked if (race := self.tasks[one].internal_data.get("race")) is not None}
        asked |= {task.id for task in self.tasks.values() if task.internal_data.get("race") in races}
        gone = [
            self.tasks[one]
            for one in asked
            if not any(above.id in asked for above in _above(self.tasks[one]))
        ]
        near = [task.parent for task in gone]
        trail = _latest(*(task.internal_data.get("trail", {}) for task in gone))
        joined = self._last_joined(*(task.internal_data.get("joined", ()) for task in gone))
        for task in gone:
            self.cut(task)
        self.place(element_id, near, trail, joined=joined)
        self._abandon(near)

    def restart(self) -> None:
        """驳回发起人: every token vanishes; the process waits at its start event for what it was started with."""
        if self.graph.model.start.event is not None:
            raise NotExecutable("no-initiator", "这个流程不是由人发起的，不能退回发起人。")
        self.cut_inside(self.task_tree)
        self.task_tree.internal_data.clear()
        self._watch(self.task_tree)
        self.token(self.task_tree, self.graph.model.start.id, {}, restart=True)

    def _parked(self, task: Task) -> list[Any]:
        """A token with all that is inside it, to be put back later."""
        kept = {
            k: v
            for k, v in task.internal_data.items()
            if k not in ("due", "every", "left", "awaits", "key", "held", "armed")
        }
        return [
            task.task_spec.name,
            task.state,
            kept,
            [
                self._parked(child)
                for child in task.children
                if "attached" not in child.internal_data and not child.internal_data.get("watch")
            ],
        ]

    def _unpark(self, scope: Task, parked: list[Any], trail: Mapping[str, Any]) -> None:
        """直达驳回者: what the rejection undid stands again where it stood."""
        for name, _state, own, inside in parked:
            own = {**own, "trail": {**own["trail"], **trail}}
            spec = self.spec.task_specs[name]
            if isinstance(spec, SubProcess):
                task = Task(self, spec, scope, state=TaskState.STARTED)
                task.internal_data.update(own)
                self.arm(task)
                self._watch(task)
                self._unpark(task, inside, trail)
            else:
                begun = {} if spec.element.standard_loop is None else {"begun": True}
                self.token(
                    scope, name, own["trail"], **begun, **{k: v for k, v in own.items() if k != "trail"}
                )


def _latest(*trails: Mapping[str, Any]) -> dict[str, Any]:
    """Several trails as one: of each element the latest completion."""
    found: dict[str, Any] = {}
    for trail in trails:
        for element_id, entry in trail.items():
            if element_id not in found or found[element_id][0] < entry[0]:
                found[element_id] = entry
    return found


def _above(task: Task) -> Iterator[Task]:
    here = task.parent
    while here is not None:
        yield here
        here = here.parent


def _own(task: Task) -> Iterator[dict[str, Any]]:
    """What a token and the scopes around it know, the innermost first."""
    yield task.internal_data
    yield from (scope.internal_data for scope in _above(task))


def _kept(parked: Iterable[Any]) -> Iterator[dict[str, Any]]:
    for _, _, own, inside in parked:
        yield own
        yield from _kept(inside)


def _matching(events: Iterable[Element], kind: str, code: str | None) -> Element | None:
    """The event that catches: one that names the code, else one that names none."""
    fitting = [
        e for e in events if e.event is not None and e.event.kind == kind and e.event.name in (None, "", code)
    ]
    return next(
        (e for e in fitting if e.event is not None and e.event.name == code), next(iter(fitting), None)
    )


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
