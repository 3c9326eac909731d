"""Who may do a work item, and start a process. Candidates are stored as keys, a person or a post at a unit, and joined at read
with today's holders.

Candidates have ranks: the lowest rank with somebody eligible today counts. So a deputy steps in for a secretary who is away from
the post or stands on the document's other side, and where nobody is left the superior's 党务干事 sees the item ("岗位空缺").
A change of secretary needs no change here: open items follow the post.

Beside them stand those who may only hand in a signature that somebody eligible gave on paper (``attests``). They have ranks of
their own, and stand before nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    CompoundSelect,
    Date,
    ForeignKey,
    Index,
    Insert,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    or_,
    select,
    union,
    union_all,
)
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column, raiseload

from engine.bpmn.model import Element, resolve
from engine.database import Table
from engine.errors import NotExecutable
from engine.organisation import delegation, people, posts, units
from engine.organisation.delegation import Delegation
from engine.organisation.people import Person
from engine.organisation.posts import Holding
from engine.organisation.units import Unit, UnitName

if TYPE_CHECKING:
    from engine.deployments import Loaded
    from engine.work_items import WorkItem

#: nobody eligible holds any of the posts asked for: the superior's 党务干事 sees to it
VACANCY = 9
CARETAKER = "党务干事"


class Candidate(Table):
    """A person, or whoever holds a post at a unit, may do an open work item.

    :ivar attests: only by handing in what somebody eligible signed on paper
    """

    __tablename__ = "work_item_candidate"
    __table_args__ = (
        Index("ix_work_item_candidate_item", "work_item_id", "rank"),
        Index("ix_work_item_candidate_person", "person_id", "work_item_id"),
        Index("ix_work_item_candidate_post", "unit_id", "post"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    work_item_id: Mapped[int] = mapped_column(ForeignKey("work_item.id"))
    rank: Mapped[int]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    post: Mapped[str | None] = mapped_column(String(12))
    excluded: Mapped[bool] = mapped_column(default=False)
    attests: Mapped[bool] = mapped_column(default=False)

    @property
    def is_caretaker(self) -> bool:
        """The posts asked for are vacant; he sees to it for the superior."""
        return self.rank == VACANCY and not self.attests


@dataclass(frozen=True, slots=True)
class Eligibility:
    """How a person comes to act.

    :ivar post: printed capacity, such as ``中共…支部委员会书记``; None for a person named as such
    :ivar on_behalf_of: the person in whose place he acts under a delegation
    :ivar vacancy: the posts asked for are vacant; he sees to it for the superior
    :ivar attests: he may only hand in, and attest, what one of the ``signers`` signed on paper
    """

    person_id: int
    name: str
    rank: int
    post: str | None
    unit_id: int | None
    on_behalf_of: int | None = None
    vacancy: bool = False
    attests: bool = False


def assign(
    session: Session, items: Sequence[tuple[WorkItem, Element, Mapping[str, Any]]], at: datetime
) -> None:
    """Store the candidates of new work items."""
    assign_ids(session, [(item.id, element, data) for item, element, data in items], at)


def assign_ids(
    session: Session, items: Sequence[tuple[int, Element, Mapping[str, Any]]], at: datetime
) -> None:
    """One INSERT for all of them."""
    rows = [row for item, element, data in items for row in _rows(item, element, data, at)]
    if rows:
        session.execute(_insert(), rows)


def assign_persons(session: Session, items: Sequence[tuple[int, int]]) -> None:
    """Store one person for each new work item, as (item, person): one INSERT."""
    rows = [
        {"work_item_id": item, "rank": 0, "person_id": person, "excluded": False, "attests": False}
        for item, person in items
    ]
    session.execute(insert(Candidate.__table__), rows)  # type: ignore[arg-type]


@cache
def _insert() -> Insert:
    """One row a candidate; a caretaker is the superior's, or the unit's own where it has none above it."""
    unit = bindparam("at_unit", type_=Integer)
    superior = select(func.coalesce(Unit.parent_id, Unit.id)).where(Unit.id == unit).scalar_subquery()
    caretaker = bindparam("caretaker", type_=Boolean)
    return insert(Candidate.__table__).values(unit_id=case((caretaker, superior), else_=unit))  # type: ignore[arg-type]


def _rows(item: int, element: Element, data: Mapping[str, Any], at: datetime) -> list[dict[str, Any]]:
    def row(
        rank: int,
        person: int | None = None,
        unit: int | None = None,
        post: str | None = None,
        excluded: bool = False,
        attests: bool = False,
    ) -> dict[str, Any]:
        return {
            "work_item_id": item,
            "rank": rank,
            "person_id": person,
            "at_unit": unit,
            "caretaker": rank == VACANCY and not attests,
            "post": post,
            "excluded": excluded,
            "attests": attests,
        }

    rows: list[dict[str, Any]] = []
    attestors = element.signature.attestors if element.signature is not None else ()
    warnings: list[str] = []
    for assigned in element.assignment:
        rows += [row(0, person=p) for p in ids(resolve(assigned.person, data, at, warnings))]
        if assigned.posts:
            for unit in ids(resolve(assigned.unit, data, at, warnings)):
                rows += [row(0, unit=unit, post=post) for post in assigned.posts]
                rows += [row(rank, unit=unit, post=post) for rank, post in enumerate(assigned.otherwise, 1)]
                rows.append(row(VACANCY, unit=unit, post=CARETAKER))
                rows += [row(n, unit=unit, post=post, attests=True) for n, post in enumerate(attestors)]
        rows += [row(0, person=p, excluded=True) for p in ids(resolve(assigned.exclude, data, at))]
    if not any(not r["excluded"] for r in rows):
        raise NotExecutable(
            "nobody",
            "".join(
                [f"“{element.name or element.id}”没有可以办理的人：请检查该任务的办理人表达式。", *warnings]
            ),
            element=element.id,
        )
    return rows


def put_first(session: Session, work_item_id: int, person_id: int) -> None:
    """Let one person stand before everybody who was asked so far; who they were stays on record."""
    lowest = session.scalar(
        select(func.min(Candidate.rank)).where(Candidate.work_item_id == work_item_id, ~Candidate.excluded)
    )
    rank = 0 if lowest is None else lowest - 1
    session.execute(
        insert(Candidate).values(
            work_item_id=work_item_id, rank=rank, person_id=person_id, excluded=False, attests=False
        )
    )


def put_all_first(
    session: Session, work_item_id: int, persons: Sequence[int], holders: Sequence[tuple[int, str]]
) -> None:
    """Let persons, and whoever holds posts (unit, post), stand before everybody who was asked so far."""
    lowest = session.scalar(
        select(func.min(Candidate.rank)).where(Candidate.work_item_id == work_item_id, ~Candidate.excluded)
    )
    rank = 0 if lowest is None else lowest - 1
    row: dict[str, Any] = {"work_item_id": work_item_id, "rank": rank, "excluded": False, "attests": False}
    rows = [{**row, "person_id": one, "unit_id": None, "post": None} for one in persons]
    rows += [{**row, "person_id": None, "unit_id": unit, "post": post} for unit, post in holders]
    if rows:
        session.execute(insert(Candidate.__table__), rows)  # type: ignore[arg-type]


def ids(value: Any) -> list[int]:
    """A person or unit as an expression may give it: an id, an object with one, or a list of either."""
    if value is None:
        return []
    if isinstance(value, list):
        return [i for one in value for i in ids(one)]
    if isinstance(value, dict):
        return ids(value.get("person") if "person" in value else value.get("id"))
    return [int(value)]


def _holds(candidate: Any, holding: Any, on: date) -> ColumnElement[bool]:
    return and_(
        holding.unit_id == candidate.unit_id,
        holding.post == candidate.post,
        holding.person_id.is_not(None),
        holding.on(on),
    )


def _excluded(work_item: Any, person: Any) -> ColumnElement[bool]:
    """Said of exactly this item: without ``correlate_except`` a table two statements up would be joined anew, whole."""
    out = aliased(Candidate)
    told = exists().where(out.work_item_id == work_item, out.excluded, out.person_id == person)
    return told.correlate_except(out)


# The statements below are put together once: that takes ten times longer than running them.
_BY: Any = bindparam("by", type_=Integer)
_DAY: Any = bindparam("day", type_=Date)
_ITEMS: Any = bindparam("items", expanding=True)
_SELVES: Any = bindparam("selves", expanding=True)


def _counts(person: Any) -> ColumnElement[bool]:
    """The candidate's rank is the one that counts on ``day``, and the person whom it means is not excluded."""
    better, theirs = aliased(Candidate), aliased(Holding)
    stands_before = (
        exists()
        .where(better.work_item_id == Candidate.work_item_id, better.rank < Candidate.rank, ~better.excluded)
        .where(better.attests == Candidate.attests)
        .where(
            or_(
                and_(better.person_id.is_not(None), ~_excluded(better.work_item_id, better.person_id)),
                exists()
                .where(_holds(better, theirs, _DAY), ~_excluded(better.work_item_id, theirs.person_id))
                .correlate_except(theirs),
            )
        )
        .correlate_except(better)
    )
    return and_(~Candidate.excluded, ~_excluded(Candidate.work_item_id, person), ~stands_before)


@cache
def _eligible() -> Select[Any]:
    """(candidate, holding, the unit's name, person, name of ``by``) rows by which ``by`` may do ``items``, himself or for another."""
    held, unit, named = aliased(Holding), aliased(UnitName), aliased(Person)
    person = _person(Candidate, held)
    selves = union_all(
        select(_BY),
        select(Delegation.from_person_id).where(Delegation.to_person_id == _BY, Delegation.on(_DAY)),
    )
    return (
        select(Candidate, held, unit.name, person.label("person_id"), named.name)
        .outerjoin(held, _holds(Candidate, held, _DAY))
        .outerjoin(unit, and_(unit.unit_id == held.unit_id, unit.on(_DAY)))
        .join(named, named.id == _BY)
        .where(Candidate.work_item_id.in_(_ITEMS), person.in_(selves), _counts(person))
        .order_by(Candidate.attests, Candidate.rank)
        # The holding's own eager joins are inner ones: they would drop the candidates that are persons.
        .options(raiseload("*"))
    )


@cache
def _items() -> CompoundSelect[Any]:
    """The ids of open work items for ``selves``: those that name them, and those for the posts they hold, each by its index."""
    from engine.work_items import WorkItem

    held = aliased(Holding)
    candidates = select(Candidate.work_item_id).join(
        WorkItem, and_(WorkItem.id == Candidate.work_item_id, WorkItem.closed_at.is_(None))
    )
    return union(
        candidates.where(Candidate.person_id.in_(_SELVES), _counts(Candidate.person_id)),
        candidates.join(held, _holds(Candidate, held, _DAY)).where(
            held.person_id.in_(_SELVES), _counts(held.person_id)
        ),
    )


def _person(candidate: Any, held: Any) -> ColumnElement[Any]:
    return func.coalesce(candidate.person_id, held.person_id)


def eligibility(session: Session, work_item_id: int, person_id: int, on: date) -> Eligibility | None:
    """How the person may act on the item today, or None."""
    row = session.execute(_eligible(), {"items": [work_item_id], "by": person_id, "day": on}).first()
    if row is None:
        return None
    candidate, holding, unit, whose, name = row
    return Eligibility(
        person_id=person_id,
        name=name,
        rank=candidate.rank,
        post=posts.capacity(holding, unit) if holding is not None else None,
        unit_id=candidate.unit_id,
        on_behalf_of=whose if whose != person_id else None,
        vacancy=candidate.is_caretaker,
        attests=candidate.attests,
    )


def roles(session: Session, items: Sequence[int], person_id: int, on: date) -> dict[int, Candidate]:
    """Item -> the candidate by which the person may act on it."""
    rows = session.execute(_eligible(), {"items": items, "by": person_id, "day": on}) if items else ()
    found: dict[int, Candidate] = {}
    for candidate, *_ in rows:
        found.setdefault(candidate.work_item_id, candidate)
    return found


def signers(session: Session, work_item_id: int, on: date) -> list[Eligibility]:
    """Those whose signature on paper somebody who attests may hand in: everybody eligible today, deputies by delegation too."""
    held = aliased(Holding)
    person = _person(Candidate, held)
    query = (
        select(person)
        .outerjoin(held, _holds(Candidate, held, _DAY))
        .where(Candidate.work_item_id == work_item_id, ~Candidate.attests, person.is_not(None))
        .where(_counts(person))
    )
    whose = list(dict.fromkeys(session.scalars(query, {"day": on})))
    deputies = [delegation.deputy(session, one, on) for one in whose]
    able = (signer(session, work_item_id, one, on) for one in dict.fromkeys([*whose, *deputies]))
    return [one for one in able if one is not None]


def signer(session: Session, work_item_id: int, person_id: int | None, on: date) -> Eligibility | None:
    """How the person may sign the item today, on the screen or on paper; None where he may not, or only sees to a vacancy."""
    if person_id is None:
        return None
    found = eligibility(session, work_item_id, person_id, on)
    return None if found is None or found.attests or found.vacancy else found


def items_of(session: Session, person_id: int, on: date) -> CompoundSelect[Any]:
    """The ids of the open work items for which the person is eligible today, each once."""
    selves = [person_id, *delegation.acts_for(session, person_id, on)]
    return _items().params(selves=selves, day=on)


def may_do(work_item: Any, person: Any, on: date) -> ColumnElement[bool]:
    """``eligibility`` as a condition on two columns of the statement around it."""
    held, given = aliased(Holding), aliased(Delegation)
    whose = _person(Candidate, held)
    deputises = exists().where(given.from_person_id == whose, given.to_person_id == person, given.on(_DAY))
    found = (
        select(Candidate.id)
        .outerjoin(held, _holds(Candidate, held, _DAY))
        .where(Candidate.work_item_id == work_item, _counts(whose))
        .where(or_(whose == person, deputises.correlate_except(given)))
    )
    return found.correlate_except(Candidate, held).params(day=on).exists()


def candidates(
    session: Session, work_item_id: int, on: date
) -> list[tuple[Candidate, Person | None, Unit | None]]:
    """Everybody the item's candidates mean today, by rank, for display: (candidate, person or None where vacant, unit)."""
    held, person = aliased(Holding), aliased(Person)
    return [
        (candidate, who, unit)
        for candidate, who, unit in session.execute(
            select(Candidate, person, Unit)
            .outerjoin(held, _holds(Candidate, held, on))
            .outerjoin(person, person.id == _person(Candidate, held))
            .outerjoin(Unit, Unit.id == Candidate.unit_id)
            .where(Candidate.work_item_id == work_item_id, ~Candidate.excluded, ~Candidate.attests)
            .order_by(Candidate.rank, Candidate.id)
        )
    ]


def starting_units(session: Session, loaded: Loaded, by: int, on: date) -> list[Unit] | None:
    """The units for which the person may start the process, or None when he may not.

    A process without a starter is only called by others.
    """
    start = loaded.process.model.start
    held = [h.unit for h in posts.held_by(session, by, on) if h.post in start.starter_posts]
    if held:
        return list({unit.id: unit for unit in held}.values())
    if start.starter_member:
        membership = people.membership(session, by, on)
        return None if membership is None else [units.get(session, membership.unit_id)]
    return None
