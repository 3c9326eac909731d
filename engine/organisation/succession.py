"""Merger, renaming into another kind, division and end of a unit: what becomes of its predecessors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.database import Table
from engine.errors import Conflict, Invalid
from engine.organisation import people, units
from engine.organisation.posts import Holding
from engine.organisation.units import Unit

KINDS = ("合并", "更名", "分设")


class UnitPredecessor(Table):
    """``predecessor_id`` went into ``unit_id`` on the day when the latter was founded.

    A mere new name is a row of ``unit_name``; 更名 is a unit of another kind in the old place (支部改设总支).
    """

    __tablename__ = "unit_predecessor"
    __table_args__ = (
        CheckConstraint(f"kind IN {KINDS!r}", name="kind"),
        CheckConstraint("unit_id <> predecessor_id", name="not_itself"),
    )

    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True)
    predecessor_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True, index=True)
    kind: Mapped[str] = mapped_column(String(8))


def found_successor(
    session: Session,
    predecessor_ids: Sequence[int],
    *,
    succession: str,
    kind: str,
    name: str,
    on: date,
    short_name: str = "",
    parent_id: int | None = None,
    agency_code: str | None = None,
) -> Unit:
    """Found a unit out of others.

    By 合并 and 更名 the old ones end: their subordinates come under the new unit, their members join it if
    it is a branch, their posts end. By 分设 the old unit goes on.

    :raises Invalid: unknown succession, none or too few predecessors, and as ``units.add``
    :raises Conflict: a predecessor has members and the successor is no branch
    """
    if succession not in KINDS:
        raise Invalid(
            "bad-succession",
            f"方式“{succession}”不在 {'、'.join(KINDS)} 之中。",
            {"succession": "请重新选择。"},
        )
    if len(set(predecessor_ids)) < (2 if succession == "合并" else 1):
        raise Invalid(
            "bad-succession", "合并至少选两个原党组织，其他方式至少选一个。", {"predecessors": "请补选。"}
        )
    old = [units.get(session, each, lock=True) for each in sorted(set(predecessor_ids))]
    ended = old if succession != "分设" else []
    if parent_id in {unit.id for unit in ended}:
        raise Invalid(
            "bad-succession", "新党组织不能设在被撤销的原党组织之下。", {"parent_id": "请选别的上级。"}
        )
    # Ended before the new one is founded, so that it may take over their name and 机关代字.
    inherited = [(unit, units.subordinates(session, unit.id, on)) for unit in ended]
    for unit in ended:
        _end(session, unit, on)
    new = units.add(
        session,
        kind=kind,
        name=name,
        short_name=short_name,
        parent_id=parent_id,
        founded_on=on,
        agency_code=agency_code,
    )
    session.add_all(UnitPredecessor(unit_id=new.id, predecessor_id=unit.id, kind=succession) for unit in old)
    session.flush()
    for unit, subordinates in inherited:
        for subordinate in subordinates:
            units.move(session, subordinate.id, parent_id=new.id)
        for member in people.members(session, unit.id, on):
            if not new.is_branch:
                raise Conflict(
                    "unit-has-members", f"{unit.name}还有党员，请先转接到支部再{succession}。", unit=unit.id
                )
            people.transfer(session, member.id, new.id, on=on)
    return new


def dissolve(session: Session, unit_id: int, *, on: date) -> Unit:
    """End a unit and all posts in it.

    :raises Conflict: it has subordinates or members, or is dissolved already
    :raises Invalid: a day before it was founded
    """
    unit = units.get(session, unit_id, lock=True)
    if units.subordinates(session, unit_id, on):
        raise Conflict(
            "unit-has-subordinates", f"{unit.name}还有下级党组织，请先划转或撤销下级。", unit=unit_id
        )
    if people.members(session, unit_id, on):
        raise Conflict("unit-has-members", f"{unit.name}还有党员，请先转接党员组织关系。", unit=unit_id)
    return _end(session, unit, on)


def predecessors(session: Session, unit_id: int) -> list[tuple[str, Unit]]:
    """(合并 | 更名 | 分设, unit) for every unit that this one came from."""
    return [
        (kind, unit)
        for kind, unit in session.execute(
            select(UnitPredecessor.kind, Unit)
            .join(Unit, Unit.id == UnitPredecessor.predecessor_id)
            .where(UnitPredecessor.unit_id == unit_id)
            .order_by(Unit.id)
        )
    ]


def _end(session: Session, unit: Unit, on: date) -> Unit:
    if unit.dissolved_on is not None:
        raise Conflict("unit-dissolved", f"{unit.name}已于 {unit.dissolved_on} 撤销。", unit=unit.id)
    if on < unit.founded_on:
        raise Invalid(
            "bad-unit", f"{unit.name}成立于 {unit.founded_on}，撤销日期不能早于这一天。", {"on": "请改日期。"}
        )
    unit.dissolved_on = on
    for holding in session.scalars(
        select(Holding).where(Holding.unit_id == unit.id, Holding.overlapping(on))
    ):
        holding.to_on = max(on, holding.from_on)
    session.flush()
    return unit
