"""Votes (会签, 或签, 票签): a multi-instance user task whose children are the voters.

What a vote goes by is fixed when it opens: the electorate as persons with their weights, the threshold, what it is a share of, what
an abstention and a tie mean. Who has voted is always on record. Of an open vote the history also says who voted how, of a
secret one nothing does (``engine.ballots``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import ForeignKey, String, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine import ballots, fanout
from engine.arrivals import Arrival
from engine.assignment import Eligibility
from engine.bpmn.execution import Opened
from engine.bpmn.model import Element, Voting, evaluate, moment, resolve
from engine.clock import local
from engine.database import WRITING, Table, UtcDateTime, Values
from engine.errors import Conflict, Invalid, NotAllowed, NotExecutable
from engine.fanout import Fanout
from engine.history import Entry
from engine.instances import ProcessInstance
from engine.jobs import Job
from engine.organisation import people, posts
from engine.work_items import WorkItem

if TYPE_CHECKING:
    from engine.deployments import Loaded
    from engine.runtime import Runtime

AGREE, REJECT, ABSTAIN, INVALID = CHOICES = ("同意", "反对", "弃权", "无效")
PASSED, FAILED = "通过", "未通过"

Number = int | Decimal


class Vote(Table):
    """The vote that a fan-out takes.

    :ivar rule: the ``Rule`` by which it was opened
    :ivar heads: 应到: those who have a vote; ``weight`` is theirs together
    :ivar cast: choice -> [heads, weight]; of a secret vote empty until the count
    :ivar result: what the parent got; NULL while the vote is open
    """

    __tablename__ = "vote"

    fanout_id: Mapped[int] = mapped_column(ForeignKey("fanout.id"), primary_key=True)
    rule: Mapped[dict[str, Any]] = mapped_column(Values)
    heads: Mapped[int]
    weight: Mapped[Any] = mapped_column(Values)
    cast: Mapped[dict[str, Any]] = mapped_column(Values)
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    result: Mapped[dict[str, Any] | None] = mapped_column(Values)


class Voter(Table):
    """Somebody with a vote, frozen as a person.

    :ivar position: of his work item in the fan-out
    :ivar reason: why he was added or removed
    """

    __tablename__ = "voter"

    fanout_id: Mapped[int] = mapped_column(ForeignKey("vote.fanout_id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    weight: Mapped[Any] = mapped_column(Values)
    added_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    removed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str | None] = mapped_column(String(500))


@dataclass(frozen=True, slots=True)
class Rule:
    """When a vote passes. A share is taken by weight; without declared weights each voter weighs 1.

    :ivar kind: ``all``, ``any`` or ``ratio``; the others as in ``Voting``, their expressions replaced by values
    """

    kind: str
    threshold: Number
    measure: str = "share"
    of: str = "应到"
    abstention: str = "valid"
    tie: str = "fail"
    quorum: Number | None = None
    early: str = "fail"

    def passes(self, electorate: Count, cast: Mapping[str, Count]) -> bool:
        """Whether the vote passes when nobody else votes."""
        got = {choice: cast.get(choice, NOBODY) for choice in CHOICES}
        present = sum(got.values(), NOBODY)
        if self.quorum is not None and present.heads < self.quorum * electorate.heads:
            return False
        valid = got[AGREE] + got[REJECT] + (got[ABSTAIN] if self.abstention == "valid" else NOBODY)
        whole = {"应到": electorate, "实到": present, "有效票": valid}[self.of]
        if self.measure == "share":
            reached, asked = got[AGREE].weight, self.threshold * whole.weight
            if whole.weight == 0:
                return False
        else:
            reached = got[AGREE].heads if self.measure == "heads" else got[AGREE].weight
            asked = self.threshold
        return reached > asked or (reached == asked and self.tie == "pass")

    def verdict(self, electorate: Count, cast: Mapping[str, Count]) -> bool | None:
        """Passed, failed, or None while that depends on those who have not voted and the rule waits for them."""
        if self.kind == "any":
            decided = next((choice for choice in (AGREE, REJECT) if choice in cast), None)
            return None if decided is None else decided == AGREE
        left = electorate - sum(cast.values(), NOBODY)
        if left.heads == 0:
            return self.passes(electorate, cast)
        # Each further agreement helps, whatever the share is taken of; what helps least is that all reject, or nobody comes.
        if self.early != "none" and not self.passes(electorate, _with(cast, AGREE, left)):
            return False
        worst = (cast, _with(cast, REJECT, left))
        if self.early == "both" and all(self.passes(electorate, one) for one in worst):
            return True
        return None


@dataclass(frozen=True, slots=True)
class Count:
    """Some voters: how many, and how much they weigh together."""

    heads: int = 0
    weight: Number = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.heads + other.heads, self.weight + other.weight)

    def __sub__(self, other: Count) -> Count:
        return Count(self.heads - other.heads, self.weight - other.weight)


NOBODY = Count()


def _with(cast: Mapping[str, Count], choice: str, more: Count) -> dict[str, Count]:
    return {**cast, choice: cast.get(choice, NOBODY) + more}


def open_(
    runtime: Runtime,
    session: Session,
    loaded: Loaded,
    instance: ProcessInstance,
    opened: Opened,
    *,
    at: datetime,
) -> tuple[list[Job], Entry]:
    """Open the vote of a multi-instance user task: its fan-out, and who has a vote.

    :raises NotExecutable: nobody has a vote, or the rule cannot be kept
    """
    element, data = opened.element, opened.data
    voting = element.vote
    assert voting is not None
    rule = _rule(element, voting, data, at)
    roll = _roll(session, element, voting, data, at)
    row, new_jobs = fanout.open_(
        runtime,
        session,
        loaded,
        instance,
        opened,
        at=at,
        items=[one.item for one in roll.voters],
        persons=[one.person for one in roll.voters],
    )
    until = moment(resolve(voting.until, data, at), at) if voting.until else None
    vote = Vote(
        fanout_id=row.id,
        rule={name: getattr(rule, name) for name in Rule.__slots__},
        heads=len(roll.voters),
        weight=sum((one.weight for one in roll.voters), 0),
        cast={},
        until=until,
    )
    session.add(vote)
    session.flush()
    if voting.secret:
        ballots.set_up(session, row.id)
    session.execute(
        insert(Voter),
        [
            {"fanout_id": row.id, "position": position, "person_id": one.person, "weight": one.weight}
            for position, one in enumerate(roll.voters)
        ],
    )
    if until is not None:
        new_jobs.append(
            Job(
                kind="recount",
                fanout_id=row.id,
                instance_id=instance.id,
                task_id=row.task_id,
                due_at=until,
                created_at=at,
            )
        )
    payload = {
        "task": opened.task_id,
        "voters": len(roll.voters),
        "without": roll.without,
        "vacant": roll.vacant,
        "rule": vote.rule,
        "secret": voting.secret,
        "until": until,
    }
    return new_jobs, Entry("vote-opened", payload, element_id=element.id)


def _rule(element: Element, voting: Voting, data: Mapping[str, Any], at: datetime) -> Rule:
    def number(text: str, name: str, most: int | None = None) -> Number:
        value = evaluate(text, data, at)
        if not _is_number(value) or value <= 0 or (most is not None and value > most):
            limits = "大于 0 的数" if most is None else "大于 0、不超过 1 的数"
            raise _unfit(element, f"表决的{name}“{text}”应是{limits}。")
        found: Number = value
        return found

    if voting.secret and (voting.weight or voting.early != "none" or voting.kind == "any"):
        raise _unfit(element, "无记名投票不能加权、不能提前结束，也不能用于或签：从结果就能推知谁投了什么。")
    return Rule(
        kind=voting.kind,
        threshold=number(voting.threshold, "门槛", 1 if voting.measure == "share" else None),
        measure=voting.measure,
        of=voting.of,
        abstention=voting.abstention,
        tie=voting.tie,
        quorum=number(voting.quorum, "法定人数", 1) if voting.quorum else None,
        early=voting.early,
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _unfit(element: Element, sentence: str) -> NotExecutable:
    return NotExecutable("vote", f"“{element.name or element.id}”：{sentence}", element=element.id)


@dataclass(frozen=True, slots=True)
class _Enrolled:
    person: int
    item: Any
    weight: Number


@dataclass(frozen=True, slots=True)
class _Roll:
    """Who is asked. ``without`` lists persons who have no vote, ``vacant`` posts that nobody holds."""

    voters: list[_Enrolled]
    without: list[int]
    vacant: list[dict[str, Any]]


def _roll(session: Session, element: Element, voting: Voting, data: Mapping[str, Any], at: datetime) -> _Roll:
    """The electorate of today: each person once, in the collection's order."""
    on = local(at).date()
    found: dict[int, Any] = {}
    vacant: list[dict[str, Any]] = []
    for position, item in enumerate(fanout.items_of(element, data, at)):
        seen = fanout.child_data(element, data, item, position, at)
        for person in _persons(session, element, item, seen, on, at, vacant):
            found.setdefault(person, (item, seen))
    voteless = set() if voting.franchise == "everyone" else people.without_vote(session, found, on)
    voters = [
        _Enrolled(person, item, _weight(element, voting, seen, at))
        for person, (item, seen) in found.items()
        if person not in voteless
    ]
    if not voters:
        raise _unfit(element, "没有一个有表决权的人，请检查多实例的集合与表决权的设置。")
    return _Roll(voters, sorted(voteless), vacant)


def _persons(
    session: Session,
    element: Element,
    item: Any,
    seen: Mapping[str, Any],
    on: date,
    at: datetime,
    vacant: list[dict[str, Any]],
) -> list[int]:
    """Whom one entry of the collection means: by the task's assignment, or, without one, by itself: a person, or a post at a unit."""
    asked: list[tuple[list[int], list[tuple[int, tuple[str, ...]]]]] = [
        (
            _ids(resolve(one.person, seen, at)),
            [
                (unit, (post, *one.otherwise))
                for unit in _ids(resolve(one.unit, seen, at))
                for post in one.posts
            ],
        )
        for one in element.assignment
    ]
    if not asked:
        post = item.get("post") if isinstance(item, Mapping) else None
        asked = [([], [(unit, (post,)) for unit in _ids(item.get("unit"))])] if post else [(_ids(item), [])]
    excluded = {p for one in element.assignment for p in _ids(resolve(one.exclude, seen, at))}
    persons: list[int] = []
    for named, held in asked:
        persons += named
        for unit, ranked in held:
            ranks = ([h.person_id for h in posts.holders(session, unit, post, on)] for post in ranked)
            able = ([p for p in rank if p is not None and p not in excluded] for rank in ranks)
            first = next((rank for rank in able if rank), [])
            persons += first
            if not first:
                vacant.append({"unit": unit, "post": ranked[0]})
    return [person for person in persons if person not in excluded]


def _ids(value: Any) -> list[int]:
    if isinstance(value, list):
        return [i for one in value for i in _ids(one)]
    if isinstance(value, Mapping):
        return _ids(value.get("person") if "person" in value else value.get("id"))
    return [] if value is None else [int(value)]


def _weight(element: Element, voting: Voting, seen: Mapping[str, Any], at: datetime) -> Number:
    if voting.weight is None:
        return 1
    value = evaluate(voting.weight, seen, at)
    if not _is_number(value) or value < 0:
        raise _unfit(element, f"表决权重“{voting.weight}”应是不小于 0 的数。")
    weight: Number = value
    return weight


def choice_of(voting: Voting, value: Any) -> str:
    """What a value of the decision field comes to. An empty one, or one that nobody declared, is invalid."""
    if value in voting.agree:
        return AGREE
    if value in voting.abstain:
        return ABSTAIN
    if value in voting.reject or (not voting.reject and value not in (None, "", [])):
        return REJECT
    return INVALID


def admit(item: WorkItem, element: Element, who: Eligibility, opinion: str | None) -> None:
    """Whether somebody's ballot is taken at all. Anything but a vote's own item is let through.

    :raises NotAllowed: somebody votes in another's place, where each votes himself
    :raises Invalid: an opinion with a secret ballot
    """
    voting = element.vote
    if voting is None or item.fanout_id is None:
        return
    if who.on_behalf_of is not None and voting.in_person:
        raise NotAllowed("vote-in-person", f"“{item.title}”须由本人投票，不能代投。", id=item.id)
    if voting.secret and (opinion or "").strip():
        sentence = "无记名投票不附意见，请删去意见后再投。"
        raise Invalid("secret-opinion", sentence, {"_opinion": sentence})


def cast(
    runtime: Runtime, session: Session, item: WorkItem, results: Mapping[str, Any]
) -> dict[str, Any] | None:
    """A voter's ballot counts from now on; returns what it counts for: None where that is secret, or no vote is taken.

    :raises Conflict: somebody else has decided already (或签), or the vote is over
    """
    row = session.get_one(Fanout, item.fanout_id)
    voting = fanout.element_of(runtime, session, row).vote
    if voting is None:
        return None
    choice = choice_of(voting, results.get(voting.field))
    if voting.secret:
        if not ballots.drop(session, row.id, choice, CHOICES, runtime.settings.passphrase):
            raise Conflict("vote-closed", f"“{item.title}”的表决已经结束。", id=item.id)
        return None
    if voting.kind == "any":
        # Whoever comes second has nothing to decide: here, and only here, siblings wait for one row.
        row = session.get_one(Fanout, row.id, with_for_update=WRITING, populate_existing=True)
        earlier = session.scalars(select(Arrival.tally).where(Arrival.fanout_id == row.id))
        decided = any(one in (tally or {}) for tally in earlier for one in (AGREE, REJECT))
        if decided or row.closed_at is not None:
            raise Conflict("decided-by-others", f"“{item.title}”已由他人处理。", id=item.id)
    weight: Any = 1
    if voting.weight is not None:
        weight = session.scalar(
            select(Voter.weight).where(Voter.fanout_id == row.id, Voter.position == item.position)
        )
    return {choice: weight}


def of(session: Session, row: Fanout, *, lock: bool = False) -> Vote:
    return session.get_one(Vote, row.id, with_for_update=lock, populate_existing=lock)


def count(vote: Vote, tally: Mapping[str, Any] | None) -> None:
    """Count a ballot of an open vote that has arrived."""
    for choice in CHOICES:
        if choice in (tally or {}):
            heads, weight = vote.cast.get(choice, (0, 0))
            vote.cast = {**vote.cast, choice: [heads + 1, weight + (tally or {})[choice]]}


def decided(vote: Vote, at: datetime) -> bool:
    """Whether it is over: decided by its rule, or by its time."""
    return over(vote, at) or _rule_of(vote).verdict(Count(vote.heads, vote.weight), _counts(vote)) is not None


def over(vote: Vote, at: datetime) -> bool:
    return vote.until is not None and vote.until <= at


def _rule_of(vote: Vote) -> Rule:
    return Rule(**vote.rule)


def _counts(vote: Vote) -> dict[str, Count]:
    return {choice: Count(*counted) for choice, counted in vote.cast.items()}


def close(runtime: Runtime, session: Session, vote: Vote, element: Element) -> dict[str, Any]:
    """Count what is secret, destroy ballots and salt, and say how the vote ended: the parent's variable ``result``."""
    voting = element.vote
    assert voting is not None
    if voting.secret:
        counted = ballots.count(session, vote.fanout_id, CHOICES, runtime.settings.passphrase)
        vote.cast = {choice: [counted[choice]] * 2 for choice in CHOICES if counted[choice]}
    rule, electorate, got = _rule_of(vote), Count(vote.heads, vote.weight), _counts(vote)
    found = rule.verdict(electorate, got)
    passed = rule.passes(electorate, got) if found is None and rule.kind != "any" else found
    present = sum(got.values(), NOBODY)
    by_choice = {choice: got.get(choice, NOBODY) for choice in CHOICES}
    abstained = by_choice[ABSTAIN] if rule.abstention == "valid" else NOBODY
    valid = by_choice[AGREE] + by_choice[REJECT] + abstained
    whole = {"应到": electorate, "实到": present, "有效票": valid, **by_choice}
    vote.result = {
        "结果": PASSED if passed else FAILED,
        **{name: one.heads for name, one in whole.items()},
        "权重": {name: one.weight for name, one in whole.items()},
        "门槛": rule.threshold,
        "基数": rule.of if rule.measure == "share" else None,
        "达到法定人数": rule.quorum is None or present.heads >= rule.quorum * electorate.heads,
    }
    return {voting.result: vote.result} if voting.result else {}


def add_voter(
    runtime: Runtime,
    session: Session,
    fanout_id: int,
    person_id: int,
    *,
    by: int,
    reason: str,
    at: datetime,
    weight: Number | None = None,
) -> int:
    """并加签: one more vote; returns its position. Denominators grow at once. The history is the caller's.

    :param weight: where the diagram declares weights; by default what its expression gives for him, or 1
    :raises Conflict: the vote is closed, or he has a vote already
    :raises NotAllowed: he may not have one (预备党员)
    """
    row = fanout.lock(session, fanout_id)
    vote = of(session, row, lock=True)
    element = fanout.element_of(runtime, session, row)
    voting = element.vote
    assert voting is not None
    person = people.get(session, person_id)
    if voting.franchise == "members" and people.without_vote(session, [person_id], local(at).date()):
        raise NotAllowed("no-franchise", f"{person.name}没有表决权，不能加入这次表决。", person=person_id)
    standing = select(Voter.position).where(
        Voter.fanout_id == row.id, Voter.person_id == person_id, Voter.removed_at.is_(None)
    )
    if session.scalar(standing) is not None:
        raise Conflict("voter-already", f"{person.name}已经在这次表决的名单里。", person=person_id)
    kept = fanout.snapshot(session, row.snapshot_digest)
    like = next(iter(kept["items"]), None)
    item: Any = {"person": person.id, "name": person.name} if isinstance(like, Mapping) else person.id
    seen = fanout.child_data(element, kept["data"], item, row.total, at)
    if weight is None:
        given = evaluate(voting.weight, seen, at) if voting.weight is not None else 1
        weight = given if _is_number(given) and given >= 0 else 1
    vote.heads, vote.weight = vote.heads + 1, vote.weight + weight
    position = fanout.add_child(runtime, session, row, item, at=at, person=person_id)
    session.add(
        Voter(
            fanout_id=row.id,
            position=position,
            person_id=person_id,
            weight=weight,
            added_by_id=by,
            reason=reason,
        )
    )
    fanout.recount(session, row, at)
    return position


def remove_voter(
    session: Session, fanout_id: int, person_id: int, *, by: int, reason: str, at: datetime
) -> int:
    """减签: take out somebody who has not voted; returns his position. The threshold is looked at again. The history is the caller's.

    :raises Conflict: the vote is closed, he is not in it or has voted, or he is the last one
    """
    row = fanout.lock(session, fanout_id)
    vote = of(session, row, lock=True)
    voter = session.scalar(
        select(Voter).where(
            Voter.fanout_id == row.id, Voter.person_id == person_id, Voter.removed_at.is_(None)
        )
    )
    if voter is None:
        raise Conflict("no-voter", "此人不在这次表决的名单里。", person=person_id)
    fanout.remove_child(session, row, voter.position, at=at)
    vote.heads, vote.weight = vote.heads - 1, vote.weight - voter.weight
    voter.removed_by_id, voter.removed_at, voter.reason = by, at, reason
    return voter.position


def persons(session: Session, row: Fanout, positions: Sequence[int]) -> list[int]:
    """Who has the vote at each of these positions."""
    asked = (Voter.fanout_id == row.id, Voter.position.in_(positions))
    found = {one.position: one.person_id for one in session.scalars(select(Voter).where(*asked))}
    return [found[position] for position in positions]
