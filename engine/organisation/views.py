"""What the administration's pages show of a unit and of a person, read in a few statements."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.organisation import accounts, delegation, departments, people, posts, succession, units
from engine.organisation.accounts import Account
from engine.organisation.people import Membership, Person
from engine.organisation.posts import Holding
from engine.organisation.units import Unit, UnitName


@dataclass(frozen=True, slots=True)
class TreeLine:
    """:ivar secretaries: the holdings of 书记 on that day, a vacancy among them; empty where nothing is recorded"""

    depth: int
    unit: Unit
    secretaries: list[Holding]


@dataclass(frozen=True, slots=True)
class UnitView:
    """:ivar path: from the root down to the unit itself
    :ivar holdings: of that day, vacancies included
    :ivar history: every holding ever recorded, newest first
    """

    unit: Unit
    path: list[Unit]
    names: list[UnitName]
    predecessors: list[tuple[str, Unit]]
    subordinates: list[Unit]
    holdings: list[Holding]
    history: list[Holding]
    members: list[Person]


@dataclass(frozen=True, slots=True)
class PersonView:
    """:ivar deputy: who acts in this person's place on that day"""

    person: Person
    department: str
    membership: Membership | None
    branch: Unit | None
    holdings: list[Holding]
    account: Account | None
    deputy: Person | None


def tree(session: Session, on: date) -> list[TreeLine]:
    """The whole tree of that day with who leads each unit; two statements."""
    leading: dict[int, list[Holding]] = defaultdict(list)
    for holding in session.scalars(
        select(Holding).where(Holding.post == posts.SECRETARY, Holding.on(on)).order_by(*posts.IN_ORDER)
    ):
        leading[holding.unit_id].append(holding)
    return [TreeLine(depth, unit, leading[unit.id]) for depth, unit in units.tree(session, on)]


def unit(session: Session, unit_id: int, on: date) -> UnitView:
    """:raises NotFound: no such unit"""
    return UnitView(
        unit=units.get(session, unit_id),
        path=units.path(session, unit_id),
        names=units.names(session, unit_id),
        predecessors=succession.predecessors(session, unit_id),
        subordinates=units.subordinates(session, unit_id, on),
        holdings=posts.of_unit(session, unit_id, on),
        history=posts.history(session, unit_id),
        members=people.members(session, unit_id, on),
    )


def person(session: Session, person_id: int, on: date) -> PersonView:
    """:raises NotFound: no such person"""
    found = people.get(session, person_id)
    membership = people.membership(session, person_id, on)
    deputy = delegation.deputy(session, person_id, on)
    return PersonView(
        person=found,
        department=departments.full_name(session, found.department_id) if found.department_id else "",
        membership=membership,
        branch=units.get(session, membership.unit_id) if membership else None,
        holdings=posts.held_by(session, person_id, on),
        account=accounts.of_person(session, person_id),
        deputy=people.get(session, deputy) if deputy else None,
    )
