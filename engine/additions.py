"""Additions 加签, 减签 and 委派: more people at one work item. The token does not move for them.

``before`` 前加签: the item sleeps until they have given their opinions. ``parallel`` 并加签: they give them meanwhile. ``after`` 后加签:
they are asked when the item has been handed in. In both cases what was handed in is held, and the token moves on when the last of
them is done. ``delegated`` 委派: somebody prepares the item; it returns to whoever gave it out, who alone advances it.

Every one of them is a row of its own: another item beside its origin. Where the item is one of several that count together (会签, 票签),
``parallel`` makes one more of those instead, and the denominator grows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from engine import assignment, claims, fanout, instances, nudges, opinions, reading, suspension, votes
from engine.assignment import Candidate
from engine.claims import Act
from engine.clock import local
from engine.errors import Conflict, Invalid, NotAllowed
from engine.handing_on import hand_on
from engine.history import Entry
from engine.instances import ProcessInstance
from engine.organisation import people
from engine.organisation.people import Person
from engine.runtime import Runtime
from engine.work_items import ShownDocument, WorkItem, get

PLACES = ("before", "parallel", "after")
#: open at one item at once
MOST = 20
#: their origin sleeps for them
FIRST = ("before", "delegated")


def add_signers(
    runtime: Runtime,
    session: Session,
    work_item_id: int,
    *,
    persons: Iterable[int],
    place: str,
    note: str,
    by: int,
    at: datetime,
) -> list[WorkItem]:
    """加签: ask more people about an item.

    :param place: ``before``, ``parallel`` or ``after``
    :raises Invalid: nobody, oneself, somebody who is asked already, too many, or an unknown place
    :raises NotAllowed: not his item, or the diagram does not permit it
    :raises Conflict: closed, or held by somebody else
    """
    if place not in PLACES:
        raise Invalid("no-place", "加签方式只能是前加签、并加签或后加签。", {"place": "请选择加签方式。"})
    act = claims.act_on(runtime, session, work_item_id, "add", by, at, asleep=place == "before")
    whom = list(dict.fromkeys(persons))
    if place == "parallel" and joins(act):
        return _join(runtime, session, act, whom, note, at)
    if place == "after" and act.element.vote is not None:
        raise Conflict("ballot", "表决票交出后立即计入，不能后加签；可以并加签，让对方也参加表决。")
    return _add(runtime, session, act, whom, place, note, "added", at)


def entrust(
    runtime: Runtime, session: Session, work_item_id: int, *, to: int, note: str, by: int, at: datetime
) -> WorkItem:
    """委派: let somebody prepare an item, which then returns.

    :raises Invalid, NotAllowed, Conflict: as ``add_signers``
    """
    act = claims.act_on(runtime, session, work_item_id, "delegate", by, at)
    if act.element.vote is not None and act.element.vote.secret:
        raise Conflict("ballot", "无记名投票须由本人直接填写，不能委派他人准备。")
    return _add(runtime, session, act, [to], "delegated", note, "entrusted", at)[0]


def joins(act: Act) -> bool:
    """Is this one of several that count together, each a person? Then 并加签 makes one more, and the denominator grows."""
    element = act.element
    if act.item.fanout_id is None or act.item.origin_id is not None or element.loop is None:
        return False
    item = element.loop.item
    own = {f"={item}", f"={item}.person"}
    return element.vote is not None or any(one.person in own for one in element.assignment)


def _join(
    runtime: Runtime, session: Session, act: Act, persons: list[int], note: str, at: datetime
) -> list[WorkItem]:
    """One more child of the fan-out for each person."""
    by, element = act.eligibility.person_id, act.element
    whom = _asked(runtime, session, act, persons, note, at)
    note = note.strip()
    instances.get(session, act.instance.id, lock=True)
    row = fanout.lock(session, act.item.fanout_id)
    claims.log(
        session,
        act.item,
        act.instance,
        act.entry("added", kind="parallel", to=[claims.named(one) for one in whom], note=note),
        at,
    )
    like = next(iter(fanout.snapshot(session, row.snapshot_digest)["items"]), None)
    positions = []
    for person in whom:
        if element.vote is not None:
            position = votes.add_voter(runtime, session, row.id, person.id, by=by, reason=note, at=at)
        else:
            item: Any = claims.named(person) if isinstance(like, Mapping) else person.id
            position = fanout.add_child(runtime, session, row, item, at=at, person=person.id)
        positions.append(position)
    session.flush()
    own = (WorkItem.fanout_id == row.id, WorkItem.position.in_(positions))
    session.execute(update(WorkItem).where(*own).values(added_by_id=by))
    return list(session.scalars(select(WorkItem).where(*own).order_by(WorkItem.position)))


def _asked(
    runtime: Runtime, session: Session, act: Act, persons: list[int], note: str, at: datetime, asked: int = 0
) -> list[Person]:
    """:param asked: how many are asked already"""
    if len(note) > 500:
        raise Invalid("text-too-long", "说明最多 500 个字。", {"note": "说明最多 500 个字。"})
    if not persons:
        raise Invalid("nobody", "请选择要加签的人。", {"persons": "请选择要加签的人。"})
    if act.eligibility.person_id in persons:
        raise Invalid("to-oneself", "不能选自己，请选另一个人。", {"persons": "不能选自己，请选另一个人。"})
    if asked + len(persons) > MOST:
        sentence = f"一个事项同时最多加签 {MOST} 人。"
        raise Invalid("too-many", sentence, {"persons": sentence})
    whom = [people.get(session, one) for one in persons]
    claims.require_not_excluded(runtime, session, act, whom, "persons", at)
    return whom


def _add(
    runtime: Runtime,
    session: Session,
    act: Act,
    persons: list[int],
    kind: str,
    note: str,
    code: str,
    at: datetime,
) -> list[WorkItem]:
    origin, by = act.item, act.eligibility.person_id
    if origin.origin_id is not None:
        raise Conflict(
            "added-itself", "您是被加签或受委派的，不能再加签、委派；请写明意见，或转办给合适的人。"
        )
    whom = _asked(runtime, session, act, persons, note, at, len(open_of(session, origin)))
    already = {one.person_id for one in signers_of(session, [origin.id]).get(origin.id, ())}
    for person in whom:
        if person.id in already:
            sentence = f"{person.name}已经在加签名单中，请选另一个人。"
            raise Invalid("asked-already", sentence, {"persons": sentence})
    items = [
        WorkItem(
            instance_id=origin.instance_id,
            element_id=origin.element_id,
            fanout_id=origin.fanout_id,
            position=origin.position,
            item=origin.item,
            name=origin.name,
            title=origin.title,
            due_at=origin.due_at,
            opened_at=at,
            origin_id=origin.id,
            addition=kind,
            added_by_id=by,
            asleep_at=at if kind == "after" else None,
        )
        for _ in whom
    ]
    if kind in FIRST:
        origin.asleep_at = origin.asleep_at or at
    # It comes back to whoever added them.
    if origin.owner_id != by:
        origin.owner_id, origin.claimed_at = by, at
    origin.has_additions = True
    session.add_all(items)
    act.log(session, code, at, kind=kind, to=[claims.named(one) for one in whom], note=note.strip())
    shown = session.scalars(
        select(ShownDocument.document_id).where(ShownDocument.work_item_id == origin.id)
    ).all()
    for item, person in zip(items, whom, strict=True):
        assignment.put_first(session, item.id, person.id)
        session.add_all(ShownDocument(work_item_id=item.id, document_id=one) for one in shown)
    return items


def complete(
    runtime: Runtime,
    session: Session,
    act: Act,
    *,
    data: Mapping[str, Any],
    opinion: str | None,
    at: datetime,
) -> bool:
    """Somebody who was added gives his opinion. True when its instance has come to its end.

    :param data: of 委派 only: what he typed, unchecked; whoever gave it out finds it as his draft
    :raises Invalid: no opinion
    """
    item = act.item
    origin = session.get_one(WorkItem, item.origin_id)
    opinion = claims.require_text(opinion, "_opinion", "请填写意见。", 5000)
    prepared = dict(data) if item.addition == "delegated" else {}
    entry = act.entry(
        "completed",
        addition=item.addition,
        data=prepared,
        opinion=opinion,
        documents=opinions.shown(session, item.id),
    )
    item.closed_at, item.closing, item.completed_by_id = at, "completed", act.eligibility.person_id
    item.draft = None
    if prepared:
        drafts, whose = origin.draft or {}, str(item.added_by_id)
        origin.draft, origin.drafted_at = {**drafts, whose: {**drafts.get(whose, {}), **prepared}}, at
    return _settle(runtime, session, act.instance, origin, item, entry, at)


def remove_signer(
    runtime: Runtime, session: Session, work_item_id: int, *, reason: str, by: int, at: datetime
) -> WorkItem:
    """减签, or 收回委派: take back an addition that has not acted yet.

    :raises Invalid: no reason
    :raises NotFound: no such item
    :raises NotAllowed: he may not act on the origin, or has not handed it in himself
    :raises Conflict: it is no addition, or has acted already
    """
    added = get(session, work_item_id)
    if added.origin_id is None:
        return _leave(runtime, session, added, reason, by, at)
    origin = get(session, added.origin_id)
    if origin.closed_at is None:
        act = claims.act_on(runtime, session, origin.id, "add", by, at, asleep=True)
    else:
        act = claims.handed_in(runtime, session, origin, by)
    reason = claims.require_text(reason, "reason", "请写明减签理由。")
    if added.closed_at is not None:
        raise Conflict("already-closed", f"“{added.title}”已经办理，不能减签。", id=work_item_id)
    (whom,) = [one for one in signers_of(session, [origin.id])[origin.id] if one.work_item_id == added.id]
    added.closed_at, added.closing = at, "removed"
    entry = act.entry(
        "signer-removed",
        kind=added.addition,
        to=[{"person": whom.person_id, "name": whom.name}],
        reason=reason,
    )
    _settle(runtime, session, act.instance, origin, added, entry, at)
    return added


def may_remove(session: Session, instance: ProcessInstance, item: WorkItem, by: int) -> bool:
    """One of several that count together goes by the word of whoever added it, of the initiator, or of an administrator."""
    return item.fanout_id is not None and (
        by in (item.added_by_id, instance.started_by_id) or reading.is_admin(session, by)
    )


def _leave(
    runtime: Runtime, session: Session, item: WorkItem, reason: str, by: int, at: datetime
) -> WorkItem:
    """Take one of several out; the rule is looked at again at once."""
    if item.fanout_id is None:
        raise Conflict("not-added", "这个事项不是加签的，不能减签。", id=item.id)
    instance = instances.get(session, item.instance_id, lock=True)
    if not may_remove(session, instance, item, by):
        raise NotAllowed("not-yours-to-remove", "减签只能由加签的人、发起人或系统管理员进行。", id=item.id)
    element = runtime.definitions.get(session, instance.definition_id).process.model.elements[item.element_id]
    claims.require_permitted(element, "add")
    reason = claims.require_text(reason, "reason", "请写明减签理由。")
    suspension.require_running(session, instance)
    if item.closed_at is not None:
        raise Conflict("already-closed", f"“{item.title}”已经办理，不能减签。", id=item.id)
    row = fanout.lock(session, item.fanout_id)
    position = item.position or 0
    voter = votes.persons(session, row, [position])[0] if element.vote is not None else None
    whom = [voter] if voter is not None else nudges.in_hand(session, item, local(at).date())
    names = people.names(session, whom)
    payload = {
        "work_item": item.id,
        "title": item.title,
        "kind": "parallel",
        "to": [{"person": one, "name": names[one]} for one in whom],
        "reason": reason,
    }
    claims.log(session, item, instance, Entry("signer-removed", payload, by, element_id=item.element_id), at)
    if voter is not None:
        votes.remove_voter(session, row.id, voter, by=by, reason=reason, at=at)
    else:
        fanout.remove_child(session, row, position, at=at)
    return item


def _settle(
    runtime: Runtime,
    session: Session,
    instance: ProcessInstance,
    origin: WorkItem,
    closed: WorkItem,
    entry: Entry,
    at: datetime,
) -> bool:
    """An addition is closed: its origin wakes, or goes on, when it was the last that it waited for."""
    with session.no_autoflush:  # the instance's row is written before any other
        left = [one for one in open_of(session, origin) if one.id != closed.id]
        if not any(one.addition in FIRST for one in left):
            origin.asleep_at = None
        if origin.held is not None and not left:
            results, origin.held = origin.held, None
            return hand_on(runtime, session, instance, origin, results, [entry], at=at)
        claims.log(session, origin, instance, entry, at)
    return False


def hold(session: Session, origin: WorkItem, results: dict[str, Any]) -> bool:
    """Keep what was handed in until those who were added are done; those added after it are asked now. False where nobody is left."""
    with session.no_autoflush:
        left = open_of(session, origin) if origin.has_additions else ()
    for one in left:
        one.asleep_at = None
    if left:
        origin.held = results
    return bool(left)


def open_of(session: Session, origin: WorkItem) -> Sequence[WorkItem]:
    """The items that were added to one and are open."""
    return session.scalars(
        select(WorkItem)
        .where(WorkItem.origin_id == origin.id, WorkItem.closed_at.is_(None))
        .order_by(WorkItem.id)
    ).all()


@dataclass(frozen=True, slots=True)
class Signer:
    """Somebody who was added to an item and has not given his opinion yet."""

    work_item_id: int
    origin_id: int
    person_id: int
    name: str
    kind: str
    asleep: bool


def signers_of(session: Session, origins: Sequence[int]) -> dict[int, list[Signer]]:
    """Item -> those added to it who are still to act; one statement. Whom an addition was handed on to stands for it."""
    first: dict[int, Signer] = {}
    rows = session.execute(
        select(WorkItem, Person.id, Person.name)
        .join(Candidate, Candidate.work_item_id == WorkItem.id)
        .join(Person, Person.id == Candidate.person_id)
        .where(WorkItem.origin_id.in_(origins), WorkItem.closed_at.is_(None))
        .order_by(WorkItem.id, Candidate.rank)
    )
    for item, person, name in rows:
        kind, asleep = item.addition or "", item.asleep_at is not None
        first.setdefault(item.id, Signer(item.id, item.origin_id or 0, person, name, kind, asleep))
    found: dict[int, list[Signer]] = {}
    for one in first.values():
        found.setdefault(one.origin_id, []).append(one)
    return found


def itself(session: Session, item: WorkItem) -> Signer:
    """One of several that count together, as somebody who can be taken out."""
    first = next(iter(assignment.candidates(session, item.id, local(item.opened_at).date())), None)
    person = first[1] if first is not None else None
    return Signer(
        item.id, item.id, person.id if person else 0, person.name if person else "", "parallel", False
    )
