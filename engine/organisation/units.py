"""Party units 党组织: a tree whose depth is data, with dates and names as rows; a printed name stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, String, and_, or_, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.database import Table
from engine.errors import Conflict, Invalid, NotFound
from engine.organisation.period import Period

KINDS = ("党工委", "党委", "总支", "支部", "联合支部", "党组")
BRANCHES = ("支部", "联合支部")


class Unit(Table):
    """A Party unit. ``name`` and ``short_name`` are the latest ones; ``name_on`` has those of a date.

    :ivar name: in full, as printed: 中共云岭市发展和改革局委员会
    :ivar short_name: for lists and menus: 市发改局党委
    :ivar dissolved_on: the first day on which it is no more
    :ivar agency_code: 机关代字 of its 发文字号 (GB/T 9704-2012, 7.2.5); None where it issues no documents
    """

    __tablename__ = "unit"
    __table_args__ = (
        CheckConstraint(f"kind IN {KINDS!r}", name="kind"),
        CheckConstraint("parent_id <> id", name="not_its_own_parent"),
        CheckConstraint("dissolved_on >= founded_on", name="dates"),
        Index("ix_unit_parent", "parent_id", "dissolved_on"),
        *(
            Index(
                f"uq_unit_live_{column}",
                column,
                unique=True,
                sqlite_where=text("dissolved_on IS NULL"),
                postgresql_where=text("dissolved_on IS NULL"),
            )
            for column in ("name", "agency_code")
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(12))
    name: Mapped[str] = mapped_column(String(120))
    short_name: Mapped[str] = mapped_column(String(60))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    founded_on: Mapped[date]
    dissolved_on: Mapped[date | None]
    agency_code: Mapped[str | None] = mapped_column(String(20))

    @classmethod
    def on(cls, day: date) -> ColumnElement[bool]:
        """Exists on that day."""
        return and_(cls.founded_on <= day, or_(cls.dissolved_on.is_(None), cls.dissolved_on > day))

    @property
    def is_branch(self) -> bool:
        return self.kind in BRANCHES


class UnitName(Period, Table):
    """What a unit is called in a period."""

    __tablename__ = "unit_name"
    __table_args__ = (
        Index("ix_unit_name_period", "unit_id", "from_on"),
        Index(
            "uq_unit_name_current",
            "unit_id",
            unique=True,
            sqlite_where=text("to_on IS NULL"),
            postgresql_where=text("to_on IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    name: Mapped[str] = mapped_column(String(120))
    short_name: Mapped[str] = mapped_column(String(60))


def get(session: Session, unit_id: int, *, lock: bool = False) -> Unit:
    """The unit; ``lock`` holds its row until the transaction ends, so that changes to one unit queue.

    :raises NotFound: no such unit
    """
    unit = session.get(Unit, unit_id, with_for_update=lock)
    if unit is None:
        raise NotFound("no-unit", "没有这个党组织，请从列表中重新选择。", unit=unit_id)
    return unit


def add(
    session: Session,
    *,
    kind: str,
    name: str,
    founded_on: date,
    short_name: str = "",
    parent_id: int | None = None,
    agency_code: str | None = None,
) -> Unit:
    """Found a unit.

    :raises Invalid: unknown kind, no name, a superior that cannot have subordinates or is dissolved
    :raises Conflict: a living unit of that name or 机关代字
    """
    if kind not in KINDS:
        raise _invalid("kind", f"类型“{kind}”不在 {'、'.join(KINDS)} 之中。")
    name, agency_code = name.strip(), (agency_code or "").strip() or None
    short_name = short_name.strip() or name
    _check_name(session, name, short_name)
    if parent_id is not None:
        _check_superior(get(session, parent_id, lock=True))
    if agency_code is not None:
        if len(agency_code) > 20:
            raise _invalid("agency_code", "机关代字最多 20 个字。")
        other = session.scalar(
            select(Unit).where(Unit.agency_code == agency_code, Unit.dissolved_on.is_(None))
        )
        if other is not None:
            raise Conflict("agency-code-taken", f"机关代字“{agency_code}”已由{other.name}使用，请另定一个。")
    unit = Unit(
        kind=kind,
        name=name,
        short_name=short_name,
        parent_id=parent_id,
        founded_on=founded_on,
        agency_code=agency_code,
    )
    session.add(unit)
    session.flush()
    session.add(UnitName(unit_id=unit.id, name=name, short_name=short_name, from_on=founded_on))
    session.flush()
    return unit


def rename(session: Session, unit_id: int, *, name: str, on: date, short_name: str = "") -> Unit:
    """A new name from that day; what was printed before keeps the old one.

    :raises Invalid: a day before the present name began, or no name
    :raises Conflict: a living unit of that name, or this one is dissolved
    """
    unit = get(session, unit_id, lock=True)
    name = name.strip()
    short_name = short_name.strip() or name
    _check_alive(unit)
    _check_name(session, name, short_name, of=unit)
    current = session.scalars(
        select(UnitName).where(UnitName.unit_id == unit_id, UnitName.to_on.is_(None))
    ).one()
    if (current.name, current.short_name) == (name, short_name):
        return unit
    if on < current.from_on:
        raise _invalid("on", f"现名称自 {current.from_on} 起使用，更名日期不能早于这一天。")
    current.to_on = on
    unit.name, unit.short_name = name, short_name
    session.flush()  # the old row closes before the new one opens: one open name a unit
    session.add(UnitName(unit_id=unit_id, name=name, short_name=short_name, from_on=on))
    session.flush()
    return unit


def move(session: Session, unit_id: int, *, parent_id: int | None) -> Unit:
    """Put the unit, with everything below it, under another superior.

    :raises Invalid: below itself, or below a branch
    """
    unit = get(session, unit_id, lock=True)
    if parent_id is not None:
        parent = get(session, parent_id)
        _check_superior(parent)
        if any(above.id == unit_id for above in path(session, parent_id)):
            raise _invalid("parent_id", f"{parent.name}是{unit.name}的下级，不能作它的上级。")
    unit.parent_id = parent_id
    session.flush()
    return unit


def name_on(session: Session, unit_id: int, on: date) -> UnitName:
    """The name to print on that day.

    :raises NotFound: the unit did not exist yet
    """
    name = session.scalar(select(UnitName).where(UnitName.unit_id == unit_id, UnitName.on(on)))
    if name is None:
        raise NotFound("no-unit-name", f"该党组织在 {on} 尚未成立，没有可用的名称。", unit=unit_id)
    return name


def superior(session: Session, unit_id: int) -> Unit | None:
    parent_id = get(session, unit_id).parent_id
    return None if parent_id is None else get(session, parent_id)


def subordinates(session: Session, unit_id: int, on: date) -> list[Unit]:
    """The units directly below that exist on that day, in the order in which they were recorded."""
    return list(session.scalars(select(Unit).where(Unit.parent_id == unit_id, Unit.on(on)).order_by(Unit.id)))


def path(session: Session, unit_id: int) -> list[Unit]:
    """From the root of the tree down to the unit itself."""
    above: list[Unit] = []
    current: int | None = unit_id
    while current is not None:
        unit = get(session, current)
        above.append(unit)
        current = unit.parent_id
    return above[::-1]


def tree(session: Session, on: date) -> list[tuple[int, Unit]]:
    """Every unit of that day as (depth, unit), superiors before their subordinates; one statement."""
    below: dict[int | None, list[Unit]] = {}
    living = list(session.scalars(select(Unit).where(Unit.on(on)).order_by(Unit.id)))
    known = {unit.id for unit in living}
    for unit in living:
        below.setdefault(unit.parent_id if unit.parent_id in known else None, []).append(unit)

    def walk(parent_id: int | None, depth: int) -> Iterator[tuple[int, Unit]]:
        for unit in below.get(parent_id, ()):
            yield depth, unit
            yield from walk(unit.id, depth + 1)

    return list(walk(None, 0))


def names(session: Session, unit_id: int) -> list[UnitName]:
    """All names, oldest first."""
    return list(
        session.scalars(
            select(UnitName).where(UnitName.unit_id == unit_id).order_by(UnitName.from_on, UnitName.id)
        )
    )


def _invalid(field: str, message: str) -> Invalid:
    return Invalid("bad-unit", message, {field: message})


def _check_alive(unit: Unit) -> None:
    if unit.dissolved_on is not None:
        raise Conflict(
            "unit-dissolved", f"{unit.name}已于 {unit.dissolved_on} 撤销，不能再变更。", unit=unit.id
        )


def _check_superior(unit: Unit) -> None:
    if unit.dissolved_on is not None:
        raise _invalid("parent_id", f"{unit.name}已于 {unit.dissolved_on} 撤销，请选别的上级党组织。")
    if unit.is_branch:
        raise _invalid(
            "parent_id", f"{unit.name}是{unit.kind}，不能有下级党组织，请选党工委、党委、总支或党组。"
        )


def _check_name(session: Session, name: str, short_name: str, of: Unit | None = None) -> None:
    if not name:
        raise _invalid("name", "请填写党组织全称。")
    if len(name) > 120 or len(short_name) > 60:
        raise _invalid("name", "全称最多 120 个字，简称最多 60 个字。")
    other = session.scalar(select(Unit).where(Unit.name == name, Unit.dissolved_on.is_(None)))
    if other is not None and other is not of:
        raise Conflict("unit-name-taken", f"已有名为“{name}”的党组织，请核对是否重复登记。", unit=other.id)
