"""Taking back, jumping and starting over: tokens vanish and stand elsewhere, and what they were joined with waits again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from engine.bpmn import joins
from engine.bpmn.specs import SubProcess
from engine.bpmn.trails import above, latest
from engine.errors import NotExecutable

if TYPE_CHECKING:
    from engine.bpmn.tokens import Run


def descendants(run: Run, element_id: str, task_id: str) -> list[Task]:
    """The tokens, scopes among them, that descend from a completion; of nested ones the outermost."""
    found = {
        task.id
        for task in run.tasks.values()
        if (entry := task.internal_data.get("trail", {}).get(element_id)) is not None and entry[1] == task_id
    }
    return [
        task
        for task in run.tasks.values()
        if task.id in found
        and (task._parent is None or task._parent not in found)
        and "attached" not in task.internal_data
        and not task.internal_data.get("watch")
    ]


def reopen(run: Run, element_id: str, task_id: str, direct_from: str | None) -> None:
    """Undo what descends from a completion and put a token back where it was done.

    Where one of several joined ways is undone, the others wait at the join again.
    """
    undone = descendants(run, element_id, task_id)
    if not undone:
        raise NotExecutable("nothing-to-undo", "这一步之后已经没有在办的环节，不能退回。", element=element_id)
    completion = undone[0].internal_data["trail"][element_id]
    number = completion[0]
    trails = [task.internal_data["trail"] for task in undone]
    trail = latest(*({e: entry for e, entry in one.items() if entry[0] < number} for one in trails))
    after = {e for one in trails for e, entry in one.items() if entry[0] >= number}
    if direct_from is not None and any(_compensates(task, undone) for task in run.tasks.values()):
        raise NotExecutable(
            "compensating", "补偿正在进行，不能在重办之后直接回到这里；请选择逐级重审。", element=element_id
        )
    parked = [_parked(run, task) for task in undone] if direct_from is not None else None
    joined = {key for task in undone for key in task.internal_data.get("joined", ())}
    passed = {run.joins[key][0] for key in joined if key in run.joins}
    restored, earlier = _separate(run, joined, element_id, task_id)
    near = [task.parent for task in undone]
    for task in undone:
        run.cut(task)
    internal: dict[str, Any] = {"joined": joins.last_joined(run, earlier)}
    if parked is not None:
        internal["parked"] = parked
    placed = place(run, element_id, near, trail, completion=completion, **internal)
    _abandon(run, near)
    scopes = {scope.task_spec.name: scope for scope in above(placed)}
    for scope in scopes.values():
        own = scope.internal_data
        if "records" in own:
            own["records"] = [one for one in own["records"] if one[1] not in after or one[3] < number]
        if parked is None:
            for gateway in passed & own.get("rounds", {}).keys():
                del own["rounds"][gateway]
    if parked is None:
        for gateway, known in restored.values():
            scope = scopes.get(run.graph.model.elements[gateway].scope)
            if scope is not None:
                run.token(scope, gateway, known["trail"], flow=known["flow"], joined=known["joined"])


def _compensates(task: Task, undone: Sequence[Task]) -> bool:
    """Is it a handler at work, among or inside what is undone?"""
    return "handles" in task.internal_data and any(one in undone for one in (task, *above(task)))


def _separate(
    run: Run, joined: Iterable[str], element_id: str, task_id: str
) -> tuple[dict[str, tuple[str, Mapping[str, Any]]], set[str]]:
    """The ways that were joined after a completion without descending from it, and the joins before it."""
    restored: dict[str, tuple[str, Mapping[str, Any]]] = {}
    earlier: set[str] = set()
    seen: set[str] = set()
    todo = [*joined]
    while todo:
        key = todo.pop()
        if key in seen or key not in run.joins:
            continue
        seen.add(key)
        gateway, came = run.joins[key]
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
    run: Run,
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
    scope_id = run.graph.model.elements[element_id].scope
    open_ = {scope.task_spec.name: scope for one in near for scope in (one, *above(one))}
    while scope_id not in open_:
        around = run.graph.model.elements.get(scope_id)
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
        scope = Task(run, run.spec.task_specs[name], scope, state=TaskState.STARTED)
        scope.internal_data.update(trail=trail, **counter)
        if scope.task_spec.element.adhoc is not None:
            scope.internal_data.update(queue=[], started=[])
        if record is not None:
            records.remove(record)
            scope.internal_data["records"] = record[4]
        run.arm(scope)
        run.watch(scope)
    if run.graph.model.elements[element_id].standard_loop is not None:
        internal["begun"] = True
    return run.token(scope, element_id, trail, **counters[0], **internal)


def _abandon(run: Run, scopes: Iterable[Task]) -> None:
    """Scopes from which the last token was taken elsewhere are over, and nothing goes on from them."""
    for scope in scopes:
        while scope is not run.task_tree and scope.id in run.tasks and not any(run.live(scope)):
            empty, scope = scope, scope.parent
            run.cut(empty)


def jump(run: Run, task_ids: Iterable[str], element_id: str) -> None:
    """跳转: these tokens vanish, one token stands at the element. What waits behind an event gateway is one token."""
    asked = {UUID(one) for one in task_ids}
    races = {race for one in asked if (race := run.tasks[one].internal_data.get("race")) is not None}
    asked |= {task.id for task in run.tasks.values() if task.internal_data.get("race") in races}
    gone = [run.tasks[one] for one in asked if not any(above.id in asked for above in above(run.tasks[one]))]
    near = [task.parent for task in gone]
    trail = latest(*(task.internal_data.get("trail", {}) for task in gone))
    joined = joins.last_joined(run, *(task.internal_data.get("joined", ()) for task in gone))
    for task in gone:
        run.cut(task)
    place(run, element_id, near, trail, joined=joined)
    _abandon(run, near)


def restart(run: Run) -> None:
    """驳回发起人: every token vanishes; the process waits at its start event for what it was started with."""
    if run.graph.model.start.event is not None:
        raise NotExecutable("no-initiator", "这个流程不是由人发起的，不能退回发起人。")
    run.cut_inside(run.task_tree)
    run.task_tree.internal_data.clear()
    run.watch(run.task_tree)
    run.token(run.task_tree, run.graph.model.start.id, {}, restart=True)


def _parked(run: Run, task: Task) -> list[Any]:
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
            _parked(run, child)
            for child in task.children
            if "attached" not in child.internal_data and not child.internal_data.get("watch")
        ],
    ]


def unpark(run: Run, scope: Task, parked: list[Any], trail: Mapping[str, Any]) -> None:
    """直达驳回者: what the rejection undid stands again where it stood."""
    for name, _state, own, inside in parked:
        own = {**own, "trail": {**own["trail"], **trail}}
        spec = run.spec.task_specs[name]
        if isinstance(spec, SubProcess):
            task = Task(run, spec, scope, state=TaskState.STARTED)
            task.internal_data.update(own)
            run.arm(task)
            run.watch(task)
            unpark(run, task, inside, trail)
        else:
            begun = {} if spec.element.standard_loop is None else {"begun": True}
            run.token(scope, name, own["trail"], **begun, **{k: v for k, v in own.items() if k != "trail"})
