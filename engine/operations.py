"""Operations that move a token: 驳回, 撤回, 跳转; and what a person may do at a work item here and now.

驳回 goes to the previous task that a person really did on this token's way, to any completed task that dominates the present one, or to
the initiator. From a child of a fan-out it climbs: what its parent has passed can be reached too, and takes all siblings with it.
Nothing is erased: the items go, what was signed on the way is voided visibly, and the history says who, where to and why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from engine import (
    additions,
    assignment,
    cancellation,
    claims,
    effects,
    instances,
    nudges,
    opinions,
    reading,
    stepping,
    suspension,
    transfers,
    work_items,
)
from engine.assignment import Candidate
from engine.bpmn.execution import Action, Jump, Passed, Process, Reopen, Restart, Step
from engine.bpmn.model import Element, Model
from engine.bpmn.parser import SUB_PROCESSES
from engine.claims import Act
from engine.clock import local
from engine.effects import Effects
from engine.errors import Conflict, Invalid, NotAllowed
from engine.fanout import Fanout
from engine.history import Entry, Event
from engine.instances import ProcessInstance
from engine.organisation import people
from engine.runtime import Runtime
from engine.work_items import WorkItem

INITIATOR = "initiator"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a 驳回 can go.

    :ivar key: what ``reject`` is given
    :ivar kind: ``previous``, ``earlier`` or ``initiator``
    :ivar persons: the names of those who did it
    """

    key: str
    kind: str
    instance_id: int
    element_id: str
    task_id: str | None
    name: str
    persons: list[str]


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that a person may do at a work item.

    :ivar name: the facade's method: ``complete``, ``reject``, ``add_signers`` ...
    :ivar targets: of ``reject``
    :ivar places: of ``add_signers``: ``before``, ``parallel``, ``after``
    :ivar items: of ``remove_signer``: the added items that can go
    :ivar free_at: of ``nudge``: not before then
    """

    name: str
    targets: Sequence[Target] = ()
    places: tuple[str, ...] = ()
    items: Sequence[additions.Signer] = ()
    free_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What an operation has done.

    :ivar opened: the work items that are open because of it
    """

    instance: ProcessInstance
    effects: Effects
    opened: list[WorkItem]


@dataclass(frozen=True, slots=True)
class _Level:
    """An instance on the line from a work item to the top, and the token there that carries everything below."""

    instance: ProcessInstance
    task_id: str


# 驳回


def targets(runtime: Runtime, session: Session, act: Act) -> list[Target]:
    """The previous task first, then those before it, nearest first, the initiator last."""
    found: list[Target] = []
    for level in _line(session, act):
        process = runtime.definitions.get(session, level.instance.definition_id).process
        state = level.instance.state
        if state is None:
            continue
        here = process.standing(level.instance.scope, state).get(level.task_id)
        if here is None:  # somebody has moved it since
            continue
        sure = process.dominators(here)
        for passed in process.trail(level.instance.scope, state, level.task_id):
            if not _is_human(process.model, passed.element_id):
                continue
            if found and passed.element_id not in sure:
                continue
            found.append(
                _target(session, level.instance, process.model, passed, "earlier" if found else "previous")
            )
    top = instances.get(session, int(act.instance.path.split("/")[1]))
    start = runtime.definitions.get(session, top.definition_id).process.model.start
    if top.started_by_id is not None and start.event is None and act.element.kind != "startEvent":
        name = people.get(session, top.started_by_id).name
        found.append(Target(INITIATOR, "initiator", top.id, start.id, None, start.name or "发起", [name]))
    return found


def _line(session: Session, act: Act) -> Iterator[_Level]:
    """From the item up. A bare item and an untouched child have no way of their own."""
    item = act.item if act.item.origin_id is None else session.get_one(WorkItem, act.item.origin_id)
    instance, fanout_id = act.instance, item.fanout_id
    if fanout_id is None:
        if item.task_id is not None:
            yield _Level(instance, item.task_id)
        fanout_id = instance.fanout_id
    while fanout_id is not None:
        row = session.get_one(Fanout, fanout_id)
        instance = instances.get(session, row.instance_id)
        yield _Level(instance, row.task_id)
        fanout_id = instance.fanout_id


def _is_human(model: Model, element_id: str) -> bool:
    element = model.elements[element_id]
    if element.kind in SUB_PROCESSES:
        return any(_is_human(model, one.id) for one in model.elements.values() if one.scope == element_id)
    return element.kind in ("userTask", "callActivity")


def _target(session: Session, instance: ProcessInstance, model: Model, passed: Passed, kind: str) -> Target:
    element = model.elements[passed.element_id]
    done = select(WorkItem.completed_by_id).where(WorkItem.completed_by_id.is_not(None))
    if element.is_fanout:
        row = select(Fanout.id).where(Fanout.instance_id == instance.id, Fanout.task_id == passed.task_id)
        done = done.where(WorkItem.fanout_id.in_(row), WorkItem.origin_id.is_(None))
    else:
        done = done.where(WorkItem.instance_id == instance.id, WorkItem.task_id == passed.task_id)
    whom = list(dict.fromkeys(session.scalars(done.order_by(WorkItem.id).limit(20))))
    names = people.names(session, [one for one in whom if one is not None])
    return Target(
        f"{instance.id}:{passed.task_id}",
        kind,
        instance.id,
        element.id,
        passed.task_id,
        element.name or element.id,
        [names[one] for one in whom if one is not None],
    )


def preview_reject(
    runtime: Runtime,
    session: Session,
    work_item_id: int,
    *,
    to: str | None,
    direct: bool,
    by: int,
    at: datetime,
) -> Effects:
    """What ``reject`` would do; changes nothing."""
    act = _rejecting(runtime, session, work_item_id, by, at)
    target, action = _choose(runtime, session, act, to, direct)
    return _effects_of(runtime, session, act, instances.get(session, target.instance_id), action, at)


def reject(
    runtime: Runtime,
    session: Session,
    work_item_id: int,
    *,
    to: str | None,
    direct: bool,
    opinion: str,
    by: int,
    at: datetime,
) -> Done:
    """驳回: undo what was done since the target, which has to be done again.

    :param to: a target's key; None is the previous task
    :param direct: 直达驳回者: once the target is done again, this step stands where it stood; otherwise all between is done again
    :raises Invalid: no opinion, or no such target
    :raises NotAllowed: not his item, or the diagram does not permit it
    :raises Conflict: closed, asleep, held by somebody else; an added signer who can only give an opinion; nowhere to go back to
    """
    act = _rejecting(runtime, session, work_item_id, by, at)
    opinion = claims.require_text(opinion, "_opinion", "驳回请写明意见。", 5000)
    target, action = _choose(runtime, session, act, to, direct)
    instance = _locked(session, act.instance, target.instance_id)
    session.refresh(act.item)
    if act.item.closed_at is not None:
        raise claims.closed(act.item)
    found = _effects_of(runtime, session, act, instance, action, at)
    entry = act.entry(
        "rejected",
        opinion=opinion,
        documents=opinions.shown(session, act.item.id),
        to={
            "element": target.element_id,
            "name": target.name,
            "kind": target.kind,
            "persons": target.persons,
        },
        direct=direct,
        **_told(found),
    )
    act.item.closed_at, act.item.closing, act.item.completed_by_id = at, "rejected", by
    act.item.draft = None
    former = _former(session, instance, target.element_id, target.task_id)
    return _move(runtime, session, instance, action, found, entry, opinion, by, former, at)


def _rejecting(runtime: Runtime, session: Session, work_item_id: int, by: int, at: datetime) -> Act:
    act = claims.act_on(runtime, session, work_item_id, "reject", by, at)
    if act.item.addition in additions.FIRST:
        raise Conflict(
            "opinion-only", f"“{act.item.title}”请您先提意见，是否驳回由请您的人决定；请在意见中写明。"
        )
    return act


def _choose(
    runtime: Runtime, session: Session, act: Act, to: str | None, direct: bool
) -> tuple[Target, Action]:
    offered = targets(runtime, session, act)
    if not offered:
        raise Conflict("nowhere-back", "这是流程的第一步，没有可以驳回的环节；可以撤销整个流程。")
    target = offered[0] if to is None else next((one for one in offered if one.key == to), None)
    if target is None:
        sentence = "不能驳回到这个环节：它没有办过，或不是必经的环节；请从列出的环节中选择。"
        raise Invalid("no-target", sentence, {"to": sentence})
    if target.task_id is None:
        if direct:
            sentence = "驳回发起人后须从头办理，不能直达驳回者。"
            raise Invalid("not-direct", sentence, {"direct": sentence})
        return target, Restart()
    level = next(one for one in _line(session, act) if one.instance.id == target.instance_id)
    return target, Reopen(target.element_id, target.task_id, level.task_id if direct else None)


def _effects_of(
    runtime: Runtime, session: Session, act: Act, instance: ProcessInstance, action: Action, at: datetime
) -> Effects:
    origin = act.item.origin_id
    return effects.of(
        runtime, session, instance, action, at, without=act.item.id, handed_in=[origin] if origin else []
    )


def _locked(session: Session, instance: ProcessInstance, to: int) -> ProcessInstance:
    """Lock the line of instances from the one that moves down: every act takes its rows in this order."""
    line = [int(part) for part in instance.path.strip("/").split("/") if part.isdecimal()]
    for one in line[line.index(to) :]:
        instances.get(session, one, lock=True)
    return instances.get(session, to)


def _told(found: Effects) -> dict[str, object]:
    """What a move took away, for the history."""
    return {
        "cancelled": [one.work_item_id for one in found.items[:100]],
        "children": found.children,
        "voided": [one.signature_id for one in found.signatures],
        "documents_voided": [one.id for one in found.documents],
    }


def _former(
    session: Session, instance: ProcessInstance, element_id: str, task_id: str | None
) -> WorkItem | None:
    """The item whose completion is taken back."""
    if task_id is None:
        return None
    return session.scalar(
        select(WorkItem).where(WorkItem.instance_id == instance.id, WorkItem.task_id == task_id)
    )


def _move(
    runtime: Runtime,
    session: Session,
    instance: ProcessInstance,
    action: Action,
    found: Effects,
    entry: Entry,
    reason: str,
    by: int,
    former: WorkItem | None,
    at: datetime,
) -> Done:
    with session.no_autoflush:  # the instance's row is written first
        step = stepping.advance(runtime, session, instance, action, [entry], at=at)
    effects.carry_out(session, found, reason=reason, by=by, at=at)
    opened = _opened(session, instance, step)
    if former is not None:
        for item in opened:
            if item.element_id == former.element_id:
                _give_back(session, item, former, at)
    return Done(instance, found, opened)


def _opened(session: Session, instance: ProcessInstance, step: Step) -> list[WorkItem]:
    tasks = [one.task_id for one in step.opened]
    query = select(WorkItem).where(WorkItem.instance_id == instance.id, WorkItem.task_id.in_(tasks))
    return list(session.scalars(query.order_by(WorkItem.id)))


def _give_back(session: Session, item: WorkItem, former: WorkItem, at: datetime) -> None:
    """To whoever did it, with what he had handed in as his draft, if he may still do it; otherwise whoever may."""
    person = former.completed_by_id
    if person is None:
        return
    handed_over = session.scalars(
        select(Candidate.person_id)
        .where(Candidate.work_item_id == former.id, Candidate.rank < 0, Candidate.person_id.is_not(None))
        .order_by(Candidate.rank.desc())
    )
    for one in handed_over:  # 转办 holds
        if one is not None:
            assignment.put_first(session, item.id, one)
    if _take(session, item, person, at):
        item.draft, item.drafted_at = {str(person): _handed_in(session, former)}, at


def _take(session: Session, item: WorkItem, person: int, at: datetime) -> bool:
    """Claim an item for whoever did it before. Not where he may no longer do it, or only hands in paper: others could not either."""
    who = assignment.eligibility(session, item.id, person, local(at).date())
    if who is None or who.attests:
        item.owner_id = item.claimed_at = None
        return False
    item.owner_id, item.claimed_at = person, at
    return True


def _handed_in(session: Session, former: WorkItem) -> dict[str, object]:
    stream = f"instance:{former.instance_id}" if former.fanout_id is None else former.stream
    done = select(Event).where(Event.stream == stream, Event.code == "completed")
    for event in session.scalars(
        done.where(Event.element_id == former.element_id).order_by(Event.seq.desc())
    ):
        if isinstance(event.payload, dict) and event.payload.get("work_item") == former.id:
            return dict(event.payload.get("data") or {})
    return {}


# 撤回


def preview_withdraw(
    runtime: Runtime, session: Session, work_item_id: int, *, by: int, at: datetime
) -> Effects:
    """What ``withdraw`` would do; changes nothing."""
    act = _withdrawing(runtime, session, work_item_id, by)
    if act.item.held is not None:
        return _unheld(session, act.item, at)
    return effects.of(runtime, session, act.instance, _back_to(act), at)


def withdraw(runtime: Runtime, session: Session, work_item_id: int, *, by: int, at: datetime) -> Done:
    """撤回: take back what one has handed in, as long as nobody has acted on it.

    :raises NotAllowed: somebody else handed it in, or the diagram does not permit it
    :raises Conflict: somebody has acted, the instance has ended, or it is one of several that count together
    """
    act = _withdrawing(runtime, session, work_item_id, by)
    suspension.require_running(session, act.instance)
    item = act.item
    if item.held is not None:
        found = _unheld(session, item, at)
        for one in additions.open_of(session, item):
            one.asleep_at = at if one.addition == "after" else None
        item.held = item.closed_at = item.closing = item.completed_by_id = None
        _take(session, item, by, at)
        act.log(session, "taken-back", at, **_told(found))
        effects.carry_out(session, found, reason="办理人撤回", by=by, at=at)
        return Done(act.instance, found, [item])
    instances.get(session, act.instance.id, lock=True)
    action = _back_to(act)
    _require_untouched(runtime, session, act)
    found = effects.of(runtime, session, act.instance, action, at)
    entry = act.entry("taken-back", **_told(found))
    return _move(runtime, session, act.instance, action, found, entry, "办理人撤回", by, item, at)


def _withdrawing(runtime: Runtime, session: Session, work_item_id: int, by: int) -> Act:
    item = work_items.get(session, work_item_id)
    act = claims.handed_in(runtime, session, item, by)
    claims.require_permitted(act.element, "withdraw")
    if item.origin_id is not None:
        raise Conflict("opinion-stays", "加签、委派的意见交出后不能撤回。")
    if act.instance.ended_at is not None:
        raise Conflict("ended", f"“{act.instance.title}”已经结束，不能撤回。")
    if item.held is not None:
        if not _stands(runtime, session, act) or any(
            one.addition == "after" and one.closing == "completed" for one in _added(session, item)
        ):
            raise _acted()
    elif item.fanout_id is not None:
        raise Conflict("counted", "会签中交出的意见已经计入，不能撤回；如须更正，请下一步驳回。")
    else:
        _require_untouched(runtime, session, act)
    return act


def _stands(runtime: Runtime, session: Session, act: Act) -> bool:
    """Does the token still wait where the item was handed in?"""
    instance = act.instance
    if act.item.fanout_id is not None:
        return session.get_one(Fanout, act.item.fanout_id).closed_at is None
    if instance.state is None:
        return True
    process = runtime.definitions.get(session, instance.definition_id).process
    return act.item.task_id in process.standing(instance.scope, instance.state)


def _added(session: Session, item: WorkItem) -> Sequence[WorkItem]:
    return session.scalars(select(WorkItem).where(WorkItem.origin_id == item.id)).all()


def _unheld(session: Session, item: WorkItem, at: datetime) -> Effects:
    """Of an item that is handed in and held: its token has not moved; only what was signed with it goes."""
    return Effects([], 0, 0, [], [], [], effects.given_with(session, item.id), [], [], [item.name])


def _back_to(act: Act) -> Reopen:
    assert act.item.task_id is not None
    return Reopen(act.item.element_id, act.item.task_id)


def _acted() -> Conflict:
    return Conflict("acted-on", "下一步已经有人办理，不能撤回；可以请下一步的办理人驳回。")


def _require_untouched(runtime: Runtime, session: Session, act: Act) -> None:
    """:raises Conflict: somebody has acted on what was handed in"""
    instance, item = act.instance, act.item
    process = runtime.definitions.get(session, instance.definition_id).process
    assert instance.state is not None and item.task_id is not None
    here, after = Passed(item.element_id, item.task_id), process.graph.after(item.element_id)
    tokens = []
    for token in process.standing(instance.scope, instance.state):
        way = process.trail(instance.scope, instance.state, token)
        if here in way:
            tokens.append(token)
            since = (one.element_id for one in way[: way.index(here)])
            if any(one in after and _is_human(process.model, one) for one in since):
                raise _acted()
    fanouts = select(Fanout.id).where(Fanout.instance_id == instance.id, Fanout.task_id.in_(tokens))
    children = select(ProcessInstance.id).where(ProcessInstance.fanout_id.in_(fanouts))
    waiting = select(WorkItem.id).where(WorkItem.instance_id == instance.id, WorkItem.task_id.in_(tokens))
    on_them = or_(
        WorkItem.origin_id.in_(waiting), WorkItem.fanout_id.in_(fanouts), WorkItem.instance_id.in_(children)
    )
    acted = select(WorkItem.id).where(on_them, WorkItem.closing.in_(("completed", "rejected")))
    if not tokens or session.execute(acted.limit(1)).first() is not None:
        raise _acted()


# 跳转


@dataclass(frozen=True, slots=True)
class Place:
    """A token (``task_id``), or a step to which one can be moved."""

    element_id: str
    name: str
    kind: str
    task_id: str | None = None


def jump_places(runtime: Runtime, session: Session, instance_id: int) -> tuple[list[Place], list[Place]]:
    """The tokens of an instance, and where they can be moved to."""
    instance = _running(session, instance_id)
    process = runtime.definitions.get(session, instance.definition_id).process
    elements = process.model.elements
    assert instance.state is not None
    tokens = [
        Place(element, elements[element].name or element, elements[element].kind, task)
        for task, element in process.standing(instance.scope, instance.state).items()
    ]
    return tokens, [
        Place(one.id, one.name or one.id, one.kind)
        for one in elements.values()
        if _can_be_entered(process, instance, one)
    ]


def preview_jump(
    runtime: Runtime,
    session: Session,
    instance_id: int,
    *,
    to: str,
    tokens: Sequence[str] | None,
    at: datetime,
) -> Effects:
    """What ``jump`` would do; changes nothing."""
    instance = _running(session, instance_id)
    return effects.of(runtime, session, instance, _jumping(runtime, session, instance, to, tokens), at)


def jump(
    runtime: Runtime,
    session: Session,
    instance_id: int,
    *,
    to: str,
    tokens: Sequence[str] | None,
    reason: str,
    by: int,
    at: datetime,
) -> Done:
    """跳转: tokens vanish, and one stands at a step. Who may is the caller's to ask.

    :param tokens: task ids; None for all of the instance
    :raises Invalid: no reason, no such step, or one that nothing can be moved to
    :raises Conflict: the instance has ended, or no longer stands there
    """
    reason = claims.require_text(reason, "reason", "请写明跳转的理由。")
    instances.get(session, instance_id, lock=True)
    instance = _running(session, instance_id)
    action = _jumping(runtime, session, instance, to, tokens)
    element = runtime.definitions.get(session, instance.definition_id).process.model.elements[to]
    found = effects.of(runtime, session, instance, action, at)
    payload = {"to": {"element": to, "name": element.name or to}, "reason": reason, **_told(found)}
    entry = Entry("jumped", payload, by, element_id=to)
    return _move(runtime, session, instance, action, found, entry, reason, by, None, at)


def _running(session: Session, instance_id: int) -> ProcessInstance:
    instance = instances.get(session, instance_id)
    if instance.ended_at is not None:
        raise Conflict("ended", f"“{instance.title}”已经结束，不能跳转。", id=instance_id)
    if instance.state is None:
        raise Conflict("untouched", f"“{instance.title}”还没有人办理过，不能跳转；请在上级流程中处理。")
    return instance


def _jumping(
    runtime: Runtime, session: Session, instance: ProcessInstance, to: str, tokens: Sequence[str] | None
) -> Jump:
    process = runtime.definitions.get(session, instance.definition_id).process
    assert instance.state is not None
    standing = process.standing(instance.scope, instance.state)
    element = process.model.elements.get(to)
    if element is None or not _can_be_entered(process, instance, element):
        sentence = "不能跳转到这个环节：请选择同一流程中的任务、网关或事件。"
        raise Invalid("no-target", sentence, {"to": sentence})
    gone = list(standing) if tokens is None else list(dict.fromkeys(tokens))
    if not gone or not set(gone) <= set(standing):
        raise Conflict("moved-on", "流程已经不在所选的位置，请刷新页面后重新选择。")
    return Jump(tuple(gone), to)


def _can_be_entered(process: Process, instance: ProcessInstance, element: Element) -> bool:
    """Is it a step in this instance, outside of children and of what only an event enters?"""
    if element.kind in ("startEvent", "boundaryEvent") or element.triggered or element.compensates:
        return False
    scope = element.scope
    while scope != instance.scope:
        around = process.model.elements.get(scope)
        if around is None or around.is_fanout or around.triggered or around.compensates:
            return False
        scope = around.scope
    return True


# what is offered


def offered(
    runtime: Runtime, session: Session, work_item_id: int, *, by: int, at: datetime
) -> list[Operation]:
    """What the person may do at a work item here and now, in the order in which pages show it.

    :raises NotFound: no such item, or not for this person to know of
    """
    item = work_items.get(session, work_item_id)
    on = local(at).date()
    instance = instances.get(session, item.instance_id)
    who = assignment.eligibility(session, item.id, by, on)
    if (who is None and item.completed_by_id != by) or instance.deleted_at is not None:
        reading.require_instance(session, item.instance_id, by, on)
    element = runtime.definitions.get(session, item.version_of(instance)).process.model.elements[
        item.element_id
    ]
    found: list[Operation] = []
    if instance.suspension_id is None and item.closed_at is None and who is not None:
        found += _at_open(runtime, session, Act(item, instance, element, who), on)
    if item.completed_by_id == by and item.closing == "completed" and instance.suspension_id is None:
        with suppress(Conflict, NotAllowed):
            _withdrawing(runtime, session, work_item_id, by)
            found.append(Operation("withdraw"))
        if item.held is not None:
            found += _removal(session, item)
    counted = item.closed_at is None and item.origin_id is None and element.permits("add")
    if counted and additions.may_remove(session, instance, item, by):
        found.append(Operation("remove_signer", items=[additions.itself(session, item)]))
    if element.permits("carbon") and reading.takes_part(session, instance, by, on):
        found.append(Operation("send_copies"))
    awaited = item.closed_at is None and instance.suspension_id is None
    nudged = awaited and element.permits("nudge") and nudges.oversees(session, instance, by, on)
    if nudged and nudges.in_hand(session, item, on) != [by]:
        free_at = nudges.free_at(session, item.id)
        found.append(Operation("nudge", free_at=free_at if free_at and free_at > at else None))
    top = instances.get(session, int(instance.path.split("/")[1]))
    if cancellation.may_cancel(session, top, by):
        found.append(Operation("cancel"))
    return found


def _at_open(runtime: Runtime, session: Session, act: Act, on: date) -> Iterator[Operation]:
    item, by, permits = act.item, act.eligibility.person_id, act.element.permits
    if claims.taken(session, item, by, on):
        return
    if act.eligibility.attests:
        yield Operation("complete")
        return
    asleep, added = item.asleep_at is not None, item.origin_id is not None
    if not asleep:
        yield Operation("complete")
        yield Operation("save_draft")
        yield Operation("release" if item.owner_id == by else "claim")
        if permits("reject") and item.addition not in additions.FIRST:
            back = targets(runtime, session, act)
            if back:
                yield Operation("reject", targets=back)
    if permits("add") and not added:
        places = [one for one in additions.PLACES if one != "after" or act.element.vote is None]
        yield Operation("add_signers", places=("before",) if asleep else tuple(places))
        yield from _removal(session, item)
    if not asleep and permits("transfer") and act.element.vote is None:
        with suppress(NotAllowed):
            transfers.require_transferable(act)
            yield Operation("transfer")
    if not asleep and permits("delegate") and not added:
        yield Operation("entrust")


def _removal(session: Session, item: WorkItem) -> list[Operation]:
    asked = additions.signers_of(session, [item.id]).get(item.id, [])
    return [Operation("remove_signer", items=asked)] if asked else []
