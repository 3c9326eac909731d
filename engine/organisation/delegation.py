"""Delegation 代理: for a time somebody acts in another's place. It is not handed on to a third person."""

from __future__ import annotations

from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.database import Table
from engine.errors import Conflict, Invalid, NotFound
from engine.organisation import people
from engine.organisation.period import Period


class Delegation(Period, Table):
    """``to_person_id`` acts for ``from_person_id``."""

    __tablename__ = "delegation"
    __table_args__ = (
        CheckConstraint("from_person_id <> to_person_id", name="not_to_oneself"),
        Index("ix_delegation_to", "to_person_id", "from_on", "to_on"),
        Index("ix_delegation_from", "from_person_id", "from_on", "to_on"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    from_person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    to_person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(String(200))


def delegate(
    session: Session,
    *,
    from_person_id: int,
    to_person_id: int,
    from_on: date,
    to_on: date | None,
    reason: str,
) -> Delegation:
    """:raises Invalid: to oneself, no reason, or an end that is not after the beginning
    :raises Conflict: somebody else acts for the person in that time
    """
    person = people.get(
        session, from_person_id, lock=True
    )  # two delegations of one person must see each other
    people.get(session, to_person_id)
    if from_person_id == to_person_id:
        raise _invalid("to_person_id", "不能委托给自己，请选另一个人。")
    if to_on is not None and to_on <= from_on:
        raise _invalid("to_on", "代理结束日期应晚于开始日期。")
    if not reason.strip() or len(reason) > 200:
        raise _invalid("reason", "请填写代理事由，最多 200 个字。")
    standing = session.scalar(
        select(Delegation).where(
            Delegation.from_person_id == from_person_id, Delegation.overlapping(from_on, to_on)
        )
    )
    if standing is not None:
        raise Conflict(
            "delegated-already", f"{person.name}在这段时间已委托他人代理，请先收回。", delegation=standing.id
        )
    delegation = Delegation(
        from_person_id=from_person_id,
        to_person_id=to_person_id,
        from_on=from_on,
        to_on=to_on,
        reason=reason.strip(),
    )
    session.add(delegation)
    session.flush()
    return delegation


def revoke(session: Session, delegation_id: int, *, on: date) -> Delegation:
    """End a delegation on that day; one that has not begun never takes effect.

    :raises NotFound: no such delegation
    :raises Conflict: it has ended already
    """
    delegation = session.get(Delegation, delegation_id, with_for_update=True)
    if delegation is None:
        raise NotFound("no-delegation", "没有这条代理记录。", delegation=delegation_id)
    if delegation.to_on is not None and delegation.to_on <= on:
        raise Conflict(
            "delegation-ended", f"这项代理已于 {delegation.to_on} 结束。", delegation=delegation_id
        )
    delegation.to_on = max(on, delegation.from_on)
    session.flush()
    return delegation


def everybody(session: Session) -> list[Delegation]:
    """All delegations, those that began last first."""
    return list(session.scalars(select(Delegation).order_by(Delegation.from_on.desc(), Delegation.id.desc())))


def of_person(session: Session, person_id: int) -> list[Delegation]:
    """Those that a person has given or received, those that began last first."""
    own = or_(Delegation.from_person_id == person_id, Delegation.to_person_id == person_id)
    query = select(Delegation).where(own).order_by(Delegation.from_on.desc(), Delegation.id.desc())
    return list(session.scalars(query))


def acts_for(session: Session, person_id: int, on: date) -> list[int]:
    """The persons in whose place this one acts on that day, by id."""
    return list(
        session.scalars(
            select(Delegation.from_person_id)
            .where(Delegation.to_person_id == person_id, Delegation.on(on))
            .order_by(Delegation.from_person_id)
        )
    )


def deputy(session: Session, person_id: int, on: date) -> int | None:
    """Who acts in this person's place on that day."""
    return session.scalar(
        select(Delegation.to_person_id).where(Delegation.from_person_id == person_id, Delegation.on(on))
    )


def _invalid(field: str, message: str) -> Invalid:
    return Invalid("bad-delegation", message, {field: message})
