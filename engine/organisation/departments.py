"""Departments 科室: the administrative tree, beside the tree of Party units."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, or_, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.database import Table
from engine.errors import Conflict, Invalid, NotFound


class Department(Table):
    """An office or its section. ``dissolved_on`` is the first day on which it is no more."""

    __tablename__ = "department"
    __table_args__ = (
        CheckConstraint("parent_id <> id", name="not_its_own_parent"),
        CheckConstraint("dissolved_on >= founded_on", name="dates"),
        Index(
            "uq_department_live_name",
            text("coalesce(parent_id, 0)"),  # NULL would differ from NULL
            "name",
            unique=True,
            sqlite_where=text("dissolved_on IS NULL"),
            postgresql_where=text("dissolved_on IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("department.id"), index=True)
    founded_on: Mapped[date]
    dissolved_on: Mapped[date | None]


def get(session: Session, department_id: int) -> Department:
    """:raises NotFound: no such department"""
    department = session.get(Department, department_id)
    if department is None:
        raise NotFound("no-department", "没有这个科室，请从列表中重新选择。", department=department_id)
    return department


def find(session: Session, name: str, parent_id: int | None) -> Department | None:
    """The living department of that name directly below the parent."""
    return session.scalar(
        select(Department).where(
            Department.name == name,
            Department.parent_id.is_not_distinct_from(parent_id),
            Department.dissolved_on.is_(None),
        )
    )


def add(session: Session, *, name: str, founded_on: date, parent_id: int | None = None) -> Department:
    """:raises Invalid: no name
    :raises Conflict: the name is taken at that place
    """
    name = name.strip()
    if not name or len(name) > 80:
        raise Invalid(
            "bad-department", "请填写科室名称，最多 80 个字。", {"name": "请填写科室名称，最多 80 个字。"}
        )
    if parent_id is not None:
        get(session, parent_id)
    if find(session, name, parent_id) is not None:
        raise Conflict("department-name-taken", f"这里已有名为“{name}”的科室。")
    department = Department(name=name, parent_id=parent_id, founded_on=founded_on)
    session.add(department)
    session.flush()
    return department


def place(session: Session, path: str, on: date) -> Department:
    """The department at ``市发展和改革局/办公室``; what is missing on the way is founded on that day.

    :raises Invalid: an empty step in the path
    """
    department: Department | None = None
    for step in path.replace("／", "/").split("/"):
        parent_id = department.id if department else None
        department = find(session, step.strip(), parent_id) or add(
            session, name=step, founded_on=on, parent_id=parent_id
        )
    assert department is not None  # str.split gives at least one step
    return department


def dissolve(session: Session, department_id: int, *, on: date) -> Department:
    """:raises Conflict: sections of it still exist"""
    department = get(session, department_id)
    if session.scalar(
        select(Department.id)
        .where(Department.parent_id == department_id, Department.dissolved_on.is_(None))
        .limit(1)
    ):
        raise Conflict("department-has-sections", f"{department.name}还有下设科室，请先撤销下设科室。")
    department.dissolved_on = on
    session.flush()
    return department


def tree(session: Session, on: date) -> list[tuple[int, Department]]:
    """Every department of that day as (depth, department), parents first; one statement."""
    below: dict[int | None, list[Department]] = {}
    for department in session.scalars(
        select(Department)
        .where(
            Department.founded_on <= on,
            or_(Department.dissolved_on.is_(None), Department.dissolved_on > on),
        )
        .order_by(Department.id)
    ):
        below.setdefault(department.parent_id, []).append(department)

    def walk(parent_id: int | None, depth: int) -> Iterator[tuple[int, Department]]:
        for department in below.get(parent_id, ()):
            yield depth, department
            yield from walk(department.id, depth + 1)

    return list(walk(None, 0))


def full_name(session: Session, department_id: int) -> str:
    """``市发展和改革局/办公室``"""
    steps: list[str] = []
    current: int | None = department_id
    while current is not None:
        department = get(session, current)
        steps.append(department.name)
        current = department.parent_id
    return "/".join(reversed(steps))


def paths(session: Session, on: date) -> list[str]:
    """``市教育局/办公室`` for every department of that day, in the order of the tree."""
    above: list[str] = []
    found = []
    for depth, department in tree(session, on):
        above[depth:] = [department.name]
        found.append("/".join(above))
    return found
