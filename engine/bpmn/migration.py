"""Migration: the tokens of a running instance stand in another version of its process.

Pure, as a step is: old state in, new state out, with what else happens on the way; a preview is a migration that is thrown away. A
token stays where it stands, under its own task id, so that what waits for it outside (a work item, a job, a fan-out) is still found.
What waits only as long as its host does, events on a boundary, the starts of event sub-processes, the events behind an event-based
gateway, follows the new diagram.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from engine import values
from engine.bpmn import joins
from engine.bpmn import state as states
from engine.bpmn.execution import LOOKING, Context, Process, Step, waiting
from engine.bpmn.graph import COMPENSATION, Graph, is_free
from engine.bpmn.model import Element, Flow
from engine.bpmn.script import Script
from engine.bpmn.specs import (
    Activity,
    Inclusive,
    Parallel,
    Receive,
    SubProcess,
    alone_of,
    scope_of,
)
from engine.bpmn.tokens import Run
from engine.errors import Finding, LvzeError

JOINS = ("parallelGateway", "inclusiveGateway", "complexGateway")
#: what a token waits for that the engine has a row of
AWAITED = ("timer", "message", "signal", "conditional")
TIMING = ("due", "every", "left")


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a migration changes, besides the version.

    :ivar code: ``renamed`` (the token's element, to ``data["to"]``, ``named`` so), ``armed``, ``disarmed``, ``timer`` (``from``, ``to``),
        ``awaits``, ``arrived`` (a token at a join counts for another flow), ``passed``, ``opened``, ``withdrawn``,
        ``forgotten`` (nobody can be sent back there), ``uncompensated``, ``unparked``, ``unqueued``
    :ivar element_id: of the old version where the element is gone, otherwise of the new one
    """

    code: str
    element_id: str
    name: str
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        return self.code, self.element_id


@dataclass(slots=True)
class Moved:
    """What becomes of one instance.

    :ivar scope: what it runs from now on
    :ivar step: None where it cannot be migrated
    :ivar reasons: why it cannot: sentences that name the element and say what to do
    :ivar since: task id of a timer whose moment was counted anew -> when it began to wait
    """

    scope: str
    step: Step | None
    notes: list[Note]
    reasons: list[Finding]
    since: dict[str, datetime] = field(default_factory=dict)


class Migration:
    """From one version of a process to another: what is looked up for each instance again and again.

    :ivar mapping: element of the old version -> element of the new one, for those that are not the same by id
    """

    def __init__(self, old: Process, new: Process, mapping: Mapping[str, str]) -> None:
        self.old, self.new, self.mapping = old, new, dict(mapping)
        targets = {id: mapping.get(id, id) for id in old.model.elements}
        self._targets = {id: to for id, to in targets.items() if to in new.model.elements}
        self._targets[old.model.key] = new.model.key
        self.flows = {flow.id: flow for element in old.model.elements.values() for flow in element.outgoing}
        start = old.model.start
        if start.id not in self._targets and differs(start, new.model.start) is None:
            self._targets[start.id] = new.model.start.id
        #: boundary event, or start event of an event sub-process -> the one that it was in the old version, at the same place
        self.former = {
            new_one.id: element
            for element in old.model.elements.values()
            if (new_one := self.element(element.id)) is not None
            and differs(element, new_one) is None
            and (place := _watched(old.graph, element)) is not None
            and self.to(place) == _watched(new.graph, new_one)
        }
        self._before: dict[tuple[bool, str, str], frozenset[str]] = {}

    def to(self, element_id: str) -> str | None:
        """Where an element, or a scope, of the old version is in the new one."""
        return self._targets.get(element_id)

    def element(self, element_id: str) -> Element | None:
        to = self.to(element_id)
        return None if to is None else self.new.model.elements.get(to)

    def spec(self, name: str) -> str | None:
        """The name of a task spec, or of an instance's scope, in the new version."""
        if name == COMPENSATION:
            return name
        base, _, inner = name.partition("/")
        to = self.to(base)
        if to is None or not inner:
            return to
        element = self.new.model.elements[to]
        name = scope_of(to) if inner == "scope" else alone_of(to)
        return None if element.loop is None or element.kind != self.old.model.elements[base].kind else name

    def missing(self) -> dict[str, list[str]]:
        """Element of the old version that the new one lacks -> elements of the new one that might be mapped to it, likely ones first.

        Only elements at which a token can stand.
        """
        old, new = self.old.model.elements, self.new.model.elements
        found: dict[str, list[str]] = {}
        for element in old.values():
            rests = element.kind not in _PASSED and not (element.kind in JOINS and len(element.incoming) < 2)
            if rests and element.id not in new:
                fitting = [one for one in new.values() if one.id not in old and differs(element, one) is None]
                fitting += [one for one in new.values() if one.id in old and differs(element, one) is None]
                found[element.id] = [one.id for one in sorted(fitting, key=lambda o: o.name != element.name)]
        return found

    def before(self, node: str, without: str, *, old: bool = False) -> frozenset[str]:
        """The nodes from which a token can come to ``node`` without passing ``without``."""
        key = (old, node, without)
        if key not in self._before:
            graph = self.old.graph if old else self.new.graph
            self._before[key] = graph.before(node, without)
        return self._before[key]

    def move(
        self, scope: str, state: str, context: Context, began: Mapping[str, datetime] | None = None
    ) -> Moved:
        """What becomes of an instance whose scope and state these are.

        :param began: task id of a timer -> when it began to wait; now, where it is not known
        """
        return _Passage(self, scope, state, context, began or {}).move()


#: a token never rests there, or not for its own sake
_PASSED = (
    "boundaryEvent",
    "businessRuleTask",
    "endEvent",
    "exclusiveGateway",
    "intermediateThrowEvent",
    "manualTask",
    "startEvent",
    "task",
)


def _watched(graph: Graph, event: Element) -> str | None:
    """The activity on whose boundary an event sits, or the scope that the start event of an event sub-process watches."""
    sub = graph.model.elements.get(event.scope)
    inner = sub.scope if sub is not None and sub.triggered and event.kind == "startEvent" else None
    return event.attached_to or inner


def differs(old: Element, new: Element) -> str | None:
    """Why a token that stands at one element cannot stand at the other; None where it can."""
    if old.kind != new.kind:
        return "不是同一类环节"
    if (old.event and old.event.kind) != (new.event and new.event.kind):
        return "等待的事件不是同一种"
    if (old.loop is None) != (new.loop is None):
        return "一个是多实例，另一个不是"
    if old.loop is not None and new.loop is not None:
        if old.loop.sequential != new.loop.sequential:
            return "一个是依次办理，另一个是同时办理"
        if {one.name for one in old.loop.tallies} != {one.name for one in new.loop.tallies}:
            return "计数的项目不同"
    if _ballot(old) != _ballot(new):
        return "表决方式不同"
    if old.operation != new.operation:
        return "自动执行的操作不同"
    if old.called != new.called:
        return "调用的流程不同"
    if (old.adhoc is None, old.triggered, old.compensates) != (
        new.adhoc is None,
        new.triggered,
        new.compensates,
    ):
        return "子流程的种类不同"
    return None


def _ballot(element: Element) -> tuple[str, bool] | None:
    return None if element.vote is None else (element.vote.kind, element.vote.secret)


class _Passage:
    """One instance on its way from version to version."""

    def __init__(
        self, by: Migration, scope: str, state: str, context: Context, began: Mapping[str, datetime]
    ) -> None:
        self.by, self.scope, self.state, self.context, self.began = by, scope, state, context, began
        self.notes: dict[tuple[str, str], Note] = {}
        self.reasons: dict[tuple[str, str | None], Finding] = {}
        self.stored: dict[str, Any] = values.loads(state)
        #: task id -> its row as it was: id, parent, spec, state, internal
        self.rows: dict[str, list[Any]] = {row[0]: row for row in self.stored["tasks"]}
        #: new task id -> when it began, of those whose timing or subscription is to be made anew
        self.anew: dict[str, datetime] = {}
        self.identities: dict[str, str] = {}

    def move(self) -> Moved:
        scope = self.by.spec(self.scope)
        if scope is None:
            self._refuse_vanished(self.by.old.model.elements[self.scope.partition("/")[0]])
            return self._moved(self.scope, None)
        old = self.by.old.load(self.scope, self.state, LOOKING)
        new = self._translated()
        if self.reasons:
            return self._moved(scope, None)
        process = self.by.new
        script = Script(process.model, self.context)
        run = states.build(new, process.graph, process.spec, scope, script)
        try:
            self._rearm(run)
            self._starved(old, run)
            step = None if self.reasons else self._joined(run, waiting(old))
        except LvzeError as error:
            element_id = error.details.get("element")
            self.reasons["error", element_id] = Finding(error.code, str(error), element_id)
            step = None
        return self._moved(scope, step)

    def _moved(self, scope: str, step: Step | None) -> Moved:
        since = {} if step is None else {one.task_id: self.anew.get(one.task_id) for one in step.scheduled}
        known = {task: moment for task, moment in since.items() if moment is not None}
        return Moved(scope, step, list(self.notes.values()), list(self.reasons.values()), known)

    # what is said

    def _note(self, code: str, element: Element, **data: Any) -> None:
        self.notes.setdefault((code, element.id), Note(code, element.id, element.name or element.id, data))

    def _refuse(self, rule: str, element: Element, sentence: str) -> None:
        self.reasons.setdefault((rule, element.id), Finding(rule, sentence, element.id))

    def _refuse_vanished(self, element: Element) -> None:
        sentence = (
            f"实例停在{_quoted(element)}，新版本没有这个环节：请为它指定新版本中对应的环节，"
            "或先把实例跳转到两个版本都有的环节。"
        )
        self._refuse("vanished", element, sentence)

    # the tokens, one by one

    def _translated(self) -> dict[str, Any]:
        """The stored state in the new version's names; refusals are noted."""
        tasks: list[list[Any]] = []
        gone: set[str] = set()
        for identity, parent, name, state, own in self.stored["tasks"]:
            if parent in gone or own.get("attached") in gone:
                gone.add(identity)
                continue
            element = self._old(name)
            if element is None or parent is None:
                new = None if element is None else self.by.element(element.id)
                tasks.append([identity, parent, self.by.spec(name), state, self._own(own, new)])
                continue
            kept = (
                self._event(element, parent, own)
                if _follows(own)
                else self._token(element, name, parent, own)
            )
            if kept is None:
                gone.add(identity)
                continue
            new, extra = kept
            own = {**self._own(own, new), **extra}
            if "attached" in own:
                own["attached"] = self.identities.get(own["attached"], own["attached"])
            tasks.append([self._renewed(identity, element, new, own), parent, self.by.spec(name), state, own])
        return {
            **self.stored,
            "done": [to for one in self.stored["done"] if (to := self.by.to(one)) is not None],
            "joins": self._joins(self.stored["joins"]),
            "tasks": tasks,
        }

    def _old(self, name: str) -> Element | None:
        return self.by.old.model.elements.get(name.partition("/")[0])

    def _inside(self, parent: str, new: Element) -> bool:
        """Whether an element of the new version lies in what the token's scope has become."""
        name = self.by.spec(self.rows[parent][2])
        return name is not None and name.partition("/")[0] == new.scope

    def _token(
        self, element: Element, name: str, parent: str, own: Mapping[str, Any]
    ) -> tuple[Element, dict[str, Any]] | None:
        """A token that holds its place; where it cannot, that is a refusal."""
        new = self.by.element(element.id)
        if new is None:
            self._refuse_vanished(element)
            return None
        why = differs(element, new)
        if why is None and "/" not in name and not self._inside(parent, new):
            why = "不在同一个子流程里"
        if why is not None:
            sentence = (
                f"实例停在{_quoted(element)}，它与新版本中的{_quoted(new)}{why}：请另行指定对应的环节，"
                "或先把实例跳转到两个版本相同的环节。"
            )
            self._refuse("different", element, sentence)
            return None
        if new.id != element.id:
            self._note("renamed", element, to=new.id, named=new.name or new.id)
        if element.kind in JOINS and "flow" in own and len(element.incoming) > 1:
            flow = self._flow(own["flow"], new)
            if flow is None or self._taken(parent, element, own["flow"], flow, new):
                sentence = (
                    f"实例有一路已到汇聚网关{_quoted(element)}，看不出它在新版本中算哪个入口："
                    "请为这一路的上一个环节指定对应的环节，或等汇聚以后再迁移。"
                )
                self._refuse("no-way-in", element, sentence)
                return None
            if flow != own["flow"]:
                self._note("arrived", new, flow=flow)
            return new, {"flow": flow}
        return new, {}

    def _flow(self, flow_id: str, gateway: Element) -> str | None:
        """The flow by which a token has come to a join: the same, the one from the same element, the only one that leads on from there."""
        if any(flow.id == flow_id for flow in gateway.incoming):
            return flow_id
        old = self.by.flows.get(flow_id)
        source = None if old is None else self.by.to(old.source)
        if source is None:
            return None
        found = [flow.id for flow in gateway.incoming if flow.source == source]
        if not found:
            found = [
                flow.id for flow in gateway.incoming if source in self.by.before(flow.source, gateway.id)
            ]
        return found[0] if len(found) == 1 else None

    def _taken(self, parent: str, element: Element, flow_id: str, to: str, gateway: Element) -> bool:
        """Whether a token that came by another flow would come by the same one now."""
        return any(
            own.get("flow") not in (None, flow_id) and self._flow(own["flow"], gateway) == to
            for _, above, name, _, own in self.stored["tasks"]
            if above == parent and name == element.id
        )

    # events that wait for somebody else's sake

    def _event(
        self, element: Element, parent: str, own: Mapping[str, Any]
    ) -> tuple[Element, dict[str, Any]] | None:
        """A boundary event, a watching start event, or one behind an event-based gateway; None where it no longer waits."""
        new = self.by.element(element.id)
        extra: dict[str, Any] = {}
        stays = new is not None and differs(element, new) is None
        if "race" in own:
            gateway = self.by.old.model.elements[self.by.flows[own["flow"]].source]
            place = self.by.element(gateway.id)
            if place is None or place.kind != gateway.kind or not self._inside(parent, place):
                self._refuse_vanished(gateway)
                return None
            flows = {flow.target: flow.id for flow in place.outgoing}
            stays = stays and new is not None and new.id in flows
            extra = {"flow": flows[new.id]} if stays and new is not None else {}
        elif new is not None:
            stays = self.by.former.get(new.id) is element
        if not stays or new is None:
            self._note("disarmed", element)
            return None
        return new, extra

    def _renewed(self, identity: str, old: Element, new: Element, own: dict[str, Any]) -> str:
        """What waits for another moment or another message than before waits under another id; its row outside is a new one."""
        if "due" in own and old.timer == new.timer:
            return identity
        if "awaits" in own and _asked(old) == _asked(new):
            return identity
        if "due" not in own and "awaits" not in own:
            return identity
        renewed = self.identities[identity] = str(uuid4())
        self.anew[renewed] = self.began.get(identity, self.context.now)
        if "due" in own:
            self._note(
                "timer", new, **{"from": datetime.fromisoformat(own["due"]), "since": self.anew[renewed]}
            )
        else:
            self._note("awaits", new)
        return renewed

    # what a token remembers

    def _own(self, own: Mapping[str, Any], new: Element | None) -> dict[str, Any]:
        kept = dict(own)
        for key, translated in (
            ("trail", self._trail),
            ("inside", self._memory),
            ("records", self._records),
            ("todo", self._records),
            ("rounds", self._rounds),
        ):
            if key in kept:
                kept[key] = translated(kept[key])
        if "queue" in kept:
            kept["queue"] = self._queue(kept["queue"], new)
            kept["started"] = [to for one in kept["started"] if (to := self.by.to(one)) is not None]
        if "parked" in kept:
            kept["parked"] = self._parked(kept["parked"])
            if not kept["parked"]:  # nothing to come back to: its own way on
                del kept["parked"]
        return kept

    def _trail(self, trail: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for element_id, entry in trail.items():
            to = self.by.to(element_id)
            if to is None:
                self._note("forgotten", self.by.old.model.elements[element_id])
            elif to not in found or found[to][0] < entry[0]:
                found[to] = entry
        return found

    def _memory(self, inside: Mapping[str, Any]) -> dict[str, Any]:
        return {**inside, "trail": self._trail(inside["trail"])}

    def _joins(self, joins: Mapping[str, Any]) -> dict[str, Any]:
        """Joins behind the tokens; one that the new version does not have is no longer taken apart."""
        found: dict[str, Any] = {}
        for key, (gateway, came) in joins.items():
            new = self.by.element(gateway)
            flows = [None if new is None else self._flow(own["flow"], new) for _, own in came]
            if new is None or new.kind not in JOINS or None in flows:
                continue
            found[key] = [
                new.id,
                [
                    [identity, {**own, "flow": flow, "trail": self._trail(own["trail"])}]
                    for (identity, own), flow in zip(came, flows, strict=True)
                ],
            ]
        return found

    def _rounds(self, rounds: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for gateway, flows in rounds.items():
            if (new := self.by.element(gateway)) is not None:
                found[new.id] = [to for flow in flows if (to := self._flow(flow, new)) is not None]
        return found

    def _records(self, records: Iterable[Any]) -> list[Any]:
        """Completed activities that can be compensated; not those whose handler the new version does not have."""
        found: list[Any] = []
        for kind, element_id, what, number, records_inside in records:
            to, inner = self.by.to(element_id), self._records(records_inside)
            fits = kind != "inside" or bool(inner)
            if kind == "run":
                handler = self.by.element(what)
                fits = handler is not None and (handler.compensates or handler.triggered)
                what = handler.id if handler is not None else None
            if to is None or not fits:
                self._note("uncompensated", self.by.old.model.elements[element_id])
            else:
                found.append([kind, to, what, number, inner])
        return found

    def _queue(self, queue: Iterable[str], scope: Element | None) -> list[str]:
        """Activities of an ad-hoc sub-process that are still to be started."""
        found: list[str] = []
        for element_id in queue:
            new = self.by.element(element_id)
            if new is not None and scope is not None and new.scope == scope.id and is_free(new):
                found.append(new.id)
            else:
                self._note("unqueued", self.by.old.model.elements[element_id])
        return found

    def _parked(self, parked: Iterable[Any]) -> list[Any]:
        """Tokens that come back once a rejected element is done (直达驳回者)."""
        found: list[Any] = []
        for name, state, own, inside in parked:
            element = self._old(name)
            new = self.by.element(element.id) if element is not None else None
            flow = (
                self._flow(own["flow"], new)
                if new is not None and new.kind in JOINS and "flow" in own
                else ""
            )
            if element is None or new is None or differs(element, new) is not None or flow is None:
                if element is not None:
                    self._note("unparked", element)
                continue
            kept = {**self._own(own, new), **({"flow": flow} if flow else {})}
            within = self._parked(inside)
            if inside and not within:
                continue
            found.append([self.by.spec(name), state, kept, within])
        return found

    # in the new version

    def _rearm(self, run: Run) -> None:
        """Waits whose text has changed are made anew; events that the old version did not have begin to wait."""
        for identity, since in self.anew.items():
            task = run.tasks[UUID(identity)]
            was = task.internal_data.get("due")
            for key in (*TIMING, "awaits", "key"):
                task.internal_data.pop(key, None)
            element = task.task_spec.element
            script = Script(run.graph.model, replace(self.context, now=since))
            script.wait(element, task)
            run.script.warned += script.warned
            if was is not None and (note := self.notes.get(("timer", element.id))) is not None:
                due = datetime.fromisoformat(task.internal_data["due"])
                self.notes[note.key] = replace(note, data={**note.data, "to": due})
        for task in list(run.tasks.values()):
            if task.id not in run.tasks or _follows(task.internal_data):
                continue
            spec, state = task.task_spec, task.state
            host = (isinstance(spec, Activity) and state == TaskState.STARTED) or isinstance(spec, Receive)
            if host and task is not run.task_tree:
                for event in run.boundary(task):
                    self._arm(run, event, task.parent, task.internal_data["trail"], attached=str(task.id))
            scope = isinstance(spec, SubProcess) and state == TaskState.STARTED
            if (scope or task is run.task_tree) and not _interrupted(run, task):
                trail = task.internal_data.get("trail", {})
                for start, _ in run.graph.handlers.get(spec.name, ()):
                    self._arm(run, start, task, trail, watch=True)
        self._races(run)

    def _arm(self, run: Run, event: Element, scope: Task, trail: Mapping[str, Any], **internal: Any) -> None:
        if event.event is None or event.event.kind not in AWAITED or event.id in self.by.former:
            return
        run.token(scope, event.id, trail, **internal)
        self._note("armed", event)

    def _races(self, run: Run) -> None:
        """The events that now stand behind an event-based gateway at which a token waits."""
        races: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
        for _, parent, _, _, own in self.stored["tasks"]:
            if "race" in own:
                races.setdefault(own["race"], []).append((parent, own))
        for race, stood in races.items():
            parent, own = stood[0]
            gateway = self.by.element(self.by.flows[own["flow"]].source)
            assert gateway is not None
            there = {
                task.task_spec.name for task in run.tasks.values() if task.internal_data.get("race") == race
            }
            for flow in gateway.outgoing:
                if flow.target not in there:
                    scope = run.tasks[UUID(parent)]
                    run.token(scope, flow.target, own["trail"], flow=flow.id, race=race)
                    self._note("armed", run.graph.model.elements[flow.target])

    def _starved(self, old: Run, run: Run) -> None:
        """A join that waits for a way on which nobody will come any more, though it did not in the old version, is a refusal."""
        before = {self.by.to(element_id) for element_id, _ in self._waits_in_vain(old, old=True)}
        for element_id, flow in self._waits_in_vain(run):
            if element_id not in before:
                gateway = run.graph.model.elements[element_id]
                source = run.graph.model.elements[flow.source]
                sentence = (
                    f"新版本的汇聚网关{_quoted(gateway)}要等从{_quoted(source)}来的一路，这个实例已经过了分支处，"
                    "不会再有人走到那里：请先把实例跳转到分支以前的环节，或等汇聚以后再迁移。"
                )
                self._refuse("starved", gateway, sentence)

    def _waits_in_vain(self, run: Run, *, old: bool = False) -> Iterator[tuple[str, Flow]]:
        for scope in run.tasks.values():
            if scope is not run.task_tree and not isinstance(scope.task_spec, SubProcess):
                continue
            here = {task.task_spec.name for task in run.live(scope)}
            for gateway in run.graph.inside.get(scope.task_spec.name, ()):
                if gateway.kind != "parallelGateway" or len(gateway.incoming) < 2:
                    continue
                arrived = {
                    t.internal_data.get("flow") for t in scope.children if t.task_spec.name == gateway.id
                }
                coming = {
                    flow.id
                    for flow in gateway.incoming
                    if flow.id in arrived
                    or (here - {gateway.id}) & self.by.before(flow.source, gateway.id, old=old)
                }
                if coming:
                    yield from ((gateway.id, flow) for flow in gateway.incoming if flow.id not in coming)

    def _joined(self, run: Run, before: dict[str, Task]) -> Step:
        """Joins for which nothing is missing any more go on; then everything settles."""
        for task in list(run.tasks.values()):
            waits = task.id in run.tasks and task.has_state(TaskState.WAITING)
            spec = task.task_spec
            if waits and (
                (isinstance(spec, Parallel) and joins.join(run, task))
                or (
                    isinstance(spec, Inclusive)
                    and spec.element is not None
                    and len(spec.element.incoming) < 2
                )
            ):
                task._ready()
        step = self.by.new.settled(run, before, None)
        elements = self.by.new.model.elements
        for element_id in dict.fromkeys(step.passed):
            self._note("passed", elements[element_id])
        for opened in step.opened:
            self._note("opened", opened.element)
        for task_id in step.cancelled:
            self._note("withdrawn", before[task_id].task_spec.element)
        return step


def _follows(own: Mapping[str, Any]) -> bool:
    """A token that waits for the sake of another one's place."""
    return "attached" in own or bool(own.get("watch")) or "race" in own


def _asked(element: Element) -> tuple[str | None, str | None] | None:
    return None if element.event is None else (element.event.name, element.event.correlation)


def _interrupted(run: Run, scope: Task) -> bool:
    """An event sub-process that interrupts has begun in this scope: nothing else may begin there."""
    handlers = {sub.id: start for start, sub in run.graph.handlers.get(scope.task_spec.name, ())}
    return any(
        (start := handlers.get(task.task_spec.name)) is not None and start.interrupting
        for task in scope.children
    )


def _quoted(element: Element) -> str:
    named = f"“{element.name}”" if element.name and element.name != element.id else ""
    return f"{named}（{element.id}）" if named else f"“{element.id}”"
