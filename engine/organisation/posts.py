"""Posts 职务: who holds which post of a unit, from when to when and in which mode, or that it is vacant."""

from __future__ import annotations

from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, case, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from engine.database import Table
from engine.errors import Conflict, Invalid, NotFound
from engine.organisation import people, units
from engine.organisation.people import Person
from engine.organisation.period import Period
from engine.organisation.units import Unit

POSTS = ("书记", "副书记", "专职副书记", "分管领导", "委员", "党务干事")
MODES = ("正式", "兼任", "主持工作")
SECRETARY = "书记"
ACTING = "主持工作"


class Holding(Period, Table):
    """One person holds one post of one unit.

    A vacancy is a row without a person. Whoever runs a unit in its secretary's place holds 书记 in the mode
    主持工作, beside a post of his own: a candidate stored as (unit, 书记) finds him by the same join.
    """

    __tablename__ = "holding"
    __table_args__ = (
        CheckConstraint(f"post IN {POSTS!r}", name="post"),
        CheckConstraint(f"mode IN {MODES!r}", name="mode"),
        CheckConstraint(f"mode <> '{ACTING}' OR post = '{SECRETARY}'", name="acting"),
        CheckConstraint("person_id IS NOT NULL OR mode = '正式'", name="vacancy"),
        Index("ix_holding_unit_post", "unit_id", "post", "from_on", "to_on", "person_id"),
        Index("ix_holding_person", "person_id", "from_on", "to_on"),
        # One secretary, or a vacancy, and at most one who acts for him.
        *(
            Index(
                name,
                *columns,
                unique=True,
                sqlite_where=text(f"to_on IS NULL AND {condition}"),
                postgresql_where=text(f"to_on IS NULL AND {condition}"),
            )
            for name, columns, condition in (
                ("uq_holding_secretary", ("unit_id",), f"post = '{SECRETARY}' AND mode <> '{ACTING}'"),
                ("uq_holding_acting", ("unit_id",), f"mode = '{ACTING}'"),
                ("uq_holding_vacancy", ("unit_id", "post"), "person_id IS NULL"),
                ("uq_holding_person", ("unit_id", "post", "person_id"), "person_id IS NOT NULL"),
            )
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    post: Mapped[str] = mapped_column(String(12))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    mode: Mapped[str] = mapped_column(String(12))
    unit: Mapped[Unit] = relationship(lazy="joined", innerjoin=True)
    person: Mapped[Person | None] = relationship(lazy="joined")


# 正式, 兼任, 主持工作; then by seniority
IN_ORDER = (
    case({mode: rank for rank, mode in enumerate(MODES)}, value=Holding.mode),
    Holding.from_on,
    Holding.id,
)


def get(session: Session, holding_id: int) -> Holding:
    """:raises NotFound: no such holding"""
    holding = session.get(Holding, holding_id)
    if holding is None:
        raise NotFound("no-holding", "没有这条任职记录，请刷新页面后重试。", holding=holding_id)
    return holding


def appoint(
    session: Session,
    unit_id: int,
    post: str,
    person_id: int,
    *,
    from_on: date,
    mode: str = "正式",
    replacing: bool = False,
) -> Holding:
    """Give a person a post. A vacancy of it ends that day, and so does 主持工作 when a secretary comes.

    :param replacing: relieve the secretary (or whoever acts) in office that day
    :raises Invalid: unknown post or mode, 主持工作 of another post than 书记, a unit that is not there yet
    :raises Conflict: the person holds it already, or the unit has a secretary
    """
    _check(post, mode)
    person = people.get(session, person_id)
    unit = _unit(session, unit_id, from_on)
    standing = session.scalars(
        select(Holding).where(Holding.unit_id == unit_id, Holding.post == post, Holding.overlapping(from_on))
    ).all()
    acting = mode == ACTING
    for holding in standing:
        if holding.person_id == person_id and (acting or holding.mode != ACTING):
            raise Conflict(
                "holds-already",
                f"{person.name}已任{unit.name}{post}（自 {holding.from_on}）。",
                holding=holding.id,
            )
    for holding in standing:
        if acting and holding.mode != ACTING:
            continue
        if holding.person is None or (holding.mode == ACTING and not acting):
            _end(session, holding, max(from_on, holding.from_on))
        elif post == SECRETARY:
            if not replacing:
                raise Conflict(
                    "post-taken",
                    f"{unit.name}{post}现由{holding.person.name}担任，请先免职，或选择“接替”。",
                    holding=holding.id,
                )
            _end(session, holding, from_on)
    return _open(session, unit_id, post, person_id, mode, from_on)


def leave(session: Session, holding_id: int, *, on: date) -> Holding:
    """End a holding; the secretary's post is recorded as vacant from that day, unless he only acted.

    :raises Invalid: it began later
    :raises Conflict: it has ended already
    """
    holding = get(session, holding_id)
    units.get(session, holding.unit_id, lock=True)
    session.refresh(holding)
    if holding.to_on is not None:
        raise Conflict("left-already", f"这项任职已于 {holding.to_on} 结束。", holding=holding.id)
    _end(session, holding, on)
    if holding.post == SECRETARY and holding.person_id is not None and holding.mode != ACTING:
        _open(session, holding.unit_id, holding.post, None, "正式", on)
    return holding


def declare_vacant(session: Session, unit_id: int, post: str, *, from_on: date) -> Holding:
    """Record that nobody holds the post.

    :raises Conflict: somebody does, or it is recorded already
    """
    _check(post, "正式")
    unit = _unit(session, unit_id, from_on)
    standing = session.scalar(
        select(Holding).where(
            Holding.unit_id == unit_id,
            Holding.post == post,
            Holding.mode != ACTING,
            Holding.overlapping(from_on),
        )
    )
    if standing is not None:
        who = standing.person.name if standing.person else "空缺"
        raise Conflict(
            "post-taken", f"{unit.name}{post}已登记为“{who}”（自 {standing.from_on}）。", holding=standing.id
        )
    return _open(session, unit_id, post, None, "正式", from_on)


def holders(session: Session, unit_id: int, post: str, on: date) -> list[Holding]:
    """Who holds the post on that day: 正式, 兼任, then 主持工作. A vacancy is an empty list."""
    return list(
        session.scalars(
            select(Holding)
            .where(
                Holding.unit_id == unit_id,
                Holding.post == post,
                Holding.person_id.is_not(None),
                Holding.on(on),
            )
            .order_by(*IN_ORDER)
        )
    )


def secretary(session: Session, unit_id: int, on: date) -> Holding | None:
    """Who leads the unit on that day: its secretary, else the one who acts (主持工作), else None."""
    return next(iter(holders(session, unit_id, SECRETARY, on)), None)


def held_by(session: Session, person_id: int, on: date) -> list[Holding]:
    """The posts of a person on that day, superior units first recorded first."""
    return list(
        session.scalars(
            select(Holding)
            .where(Holding.person_id == person_id, Holding.on(on))
            .order_by(Holding.unit_id, *IN_ORDER)
        )
    )


def of_unit(session: Session, unit_id: int, on: date) -> list[Holding]:
    """All posts of a unit on that day, vacancies included, in the order of ``POSTS``."""
    rank = case({post: rank for rank, post in enumerate(POSTS)}, value=Holding.post)
    return list(
        session.scalars(
            select(Holding).where(Holding.unit_id == unit_id, Holding.on(on)).order_by(rank, *IN_ORDER)
        )
    )


def history(session: Session, unit_id: int) -> list[Holding]:
    """Everything that was ever recorded for a unit, newest first."""
    return list(
        session.scalars(
            select(Holding)
            .where(Holding.unit_id == unit_id)
            .order_by(Holding.from_on.desc(), Holding.id.desc())
        )
    )


def capacity(holding: Holding, unit_name: str, own_post: str = "副书记") -> str:
    """The capacity as printed under a signature: unit in full, then the post.

    :param unit_name: the name of the day, ``units.name_on(...).name``
    :param own_post: what someone in the mode 主持工作 is besides
    """
    post = f"{ACTING}的{own_post}" if holding.mode == ACTING else holding.post
    return f"{unit_name}{post}"


def _check(post: str, mode: str) -> None:
    if post not in POSTS:
        raise _invalid("post", f"职务“{post}”不在 {'、'.join(POSTS)} 之中。")
    if mode not in MODES:
        raise _invalid("mode", f"任职方式“{mode}”不在 {'、'.join(MODES)} 之中。")
    if mode == ACTING and post != SECRETARY:
        raise _invalid("mode", "“主持工作”登记在书记职务上，请把职务改为书记。")


def _unit(session: Session, unit_id: int, on: date) -> Unit:
    """The unit, locked: two appointments to one unit must see each other."""
    unit = units.get(session, unit_id, lock=True)
    if unit.dissolved_on is not None:
        raise _invalid("unit_id", f"{unit.name}已于 {unit.dissolved_on} 撤销，不能再任职。")
    if on < unit.founded_on:
        raise _invalid("from_on", f"{unit.name}成立于 {unit.founded_on}，任职日期不能早于这一天。")
    return unit


def _open(
    session: Session, unit_id: int, post: str, person_id: int | None, mode: str, from_on: date
) -> Holding:
    holding = Holding(unit_id=unit_id, post=post, person_id=person_id, mode=mode, from_on=from_on)
    session.add(holding)
    session.flush()
    session.refresh(holding, ["unit", "person"])
    return holding


def _end(session: Session, holding: Holding, on: date) -> None:
    if on < holding.from_on:
        raise _invalid("on", f"这项任职自 {holding.from_on} 起，结束日期不能早于这一天。")
    holding.to_on = on
    session.flush()


def _invalid(field: str, message: str) -> Invalid:
    return Invalid("bad-holding", message, {field: message})
