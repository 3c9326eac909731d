"""People and their membership. A person may have no account; one who is no Party member may hold a duty."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine import mailboxes
from engine.database import Table
from engine.errors import Conflict, Invalid, NotFound
from engine.organisation import departments, units
from engine.organisation.period import Period
from engine.organisation.units import Unit

KINDS = ("正式", "预备", "流动")
_IDENTITY_NUMBER = re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)")


class Person(Table):
    """Somebody in the organisation. There is no column for a 身份证号, and no field accepts one.

    :ivar number: 人员编号, what the office itself numbers people with; tells two people of one name apart
    :ivar job_title: 岗位 or 职务, as printed on a 承诺书
    """

    __tablename__ = "person"
    __table_args__ = (Index("ix_person_name", "name"), Index("ix_person_department", "department_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str | None] = mapped_column(String(16), unique=True)
    name: Mapped[str] = mapped_column(String(40))
    department_id: Mapped[int | None] = mapped_column(ForeignKey("department.id"))
    job_title: Mapped[str] = mapped_column(String(60), default="")
    phone: Mapped[str | None] = mapped_column(String(20))
    email: Mapped[str | None] = mapped_column(String(254))


class Membership(Period, Table):
    """Which branch a member belongs to. A 流动 membership stands beside the one at home; one of each."""

    __tablename__ = "membership"
    __table_args__ = (
        CheckConstraint(f"kind IN {KINDS!r}", name="kind"),
        CheckConstraint("joined_party_on <= from_on", name="joined"),
        Index("ix_membership_unit", "unit_id", "from_on", "to_on"),
        Index("ix_membership_person", "person_id", "from_on", "to_on"),
        Index(
            "uq_membership_home",
            "person_id",
            unique=True,
            sqlite_where=text("to_on IS NULL AND kind <> '流动'"),
            postgresql_where=text("to_on IS NULL AND kind <> '流动'"),
        ),
        Index(
            "uq_membership_guest",
            "person_id",
            unique=True,
            sqlite_where=text("to_on IS NULL AND kind = '流动'"),
            postgresql_where=text("to_on IS NULL AND kind = '流动'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    kind: Mapped[str] = mapped_column(String(8))
    joined_party_on: Mapped[date | None]


def refuse_identity_number(value: str, field: str) -> None:
    """:raises Invalid: the text holds something that looks like a 身份证号 (18 characters)"""
    if _IDENTITY_NUMBER.search(re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", value))):
        message = "这里像是身份证号。系统不收集身份证号，请删除后重试。"
        raise Invalid("identity-number", message, {field: message})


def get(session: Session, person_id: int, *, lock: bool = False) -> Person:
    """The person; ``lock`` holds the row until the transaction ends.

    :raises NotFound: no such person
    """
    person = session.get(Person, person_id, with_for_update=lock)
    if person is None:
        raise NotFound("no-person", "没有这个人，请从列表中重新选择。", person=person_id)
    return person


def add(
    session: Session,
    *,
    name: str,
    number: str | None = None,
    department_id: int | None = None,
    job_title: str = "",
    phone: str | None = None,
    email: str | None = None,
) -> Person:
    """:raises Invalid: no name, a text too long, or a 身份证号 anywhere
    :raises Conflict: the 人员编号 is taken
    """
    person = Person(name=name)
    _fill(
        session,
        person,
        name=name,
        number=number,
        department_id=department_id,
        job_title=job_title,
        phone=phone,
        email=email,
    )
    session.add(person)
    session.flush()
    return person


def change(
    session: Session,
    person_id: int,
    *,
    name: str,
    number: str | None = None,
    department_id: int | None = None,
    job_title: str = "",
    phone: str | None = None,
    email: str | None = None,
) -> Person:
    """Write all fields anew; raises as ``add``."""
    person = get(session, person_id, lock=True)
    _fill(
        session,
        person,
        name=name,
        number=number,
        department_id=department_id,
        job_title=job_title,
        phone=phone,
        email=email,
    )
    session.flush()
    return person


def enrol(
    session: Session,
    person_id: int,
    unit_id: int,
    *,
    from_on: date,
    kind: str = "正式",
    joined_party_on: date | None = None,
) -> Membership:
    """Begin a membership in a branch.

    :raises Invalid: unknown kind, not a branch, joined later than the membership begins
    :raises Conflict: a membership of that sort is open, or the branch is dissolved
    """
    if kind not in KINDS:
        raise _invalid("kind", f"党员类别“{kind}”不在 {'、'.join(KINDS)} 之中。")
    person, unit = get(session, person_id, lock=True), units.get(session, unit_id)
    if not unit.is_branch:
        raise _invalid("unit_id", f"{unit.name}是{unit.kind}，党员应编入支部或联合支部。")
    if unit.dissolved_on is not None:
        raise Conflict(
            "unit-dissolved", f"{unit.name}已于 {unit.dissolved_on} 撤销，请选其他支部。", unit=unit.id
        )
    if joined_party_on is not None and joined_party_on > from_on:
        raise _invalid("joined_party_on", f"入党日期 {joined_party_on} 晚于编入支部的日期 {from_on}。")
    same_sort = Membership.kind == "流动" if kind == "流动" else Membership.kind != "流动"
    standing = session.scalar(
        select(Membership)
        .where(Membership.person_id == person_id, same_sort, Membership.overlapping(from_on))
        .limit(1)
    )
    if standing is not None:
        where = units.get(session, standing.unit_id).name
        raise Conflict(
            "member-already", f"{person.name}的组织关系已在{where}，请用“转接”。", membership=standing.id
        )
    membership = Membership(
        person_id=person_id, unit_id=unit_id, kind=kind, joined_party_on=joined_party_on, from_on=from_on
    )
    session.add(membership)
    session.flush()
    return membership


def transfer(session: Session, person_id: int, unit_id: int, *, on: date) -> Membership:
    """Carry the membership at home over to another branch (组织关系转接).

    :raises Conflict: no membership to carry over
    """
    standing = _home(session, person_id)
    _end(session, standing, on)
    return enrol(
        session, person_id, unit_id, from_on=on, kind=standing.kind, joined_party_on=standing.joined_party_on
    )


def confirm(session: Session, person_id: int, *, on: date) -> Membership:
    """A 预备 member becomes 正式 on that day (转正).

    :raises Conflict: not a 预备 member
    """
    standing = _home(session, person_id)
    if standing.kind != "预备":
        raise Conflict("not-probationary", "此人不是预备党员，不需要转正。", person=person_id)
    _end(session, standing, on)
    return enrol(
        session,
        person_id,
        standing.unit_id,
        from_on=on,
        kind="正式",
        joined_party_on=standing.joined_party_on,
    )


def leave(session: Session, membership_id: int, *, on: date) -> Membership:
    """End a membership.

    :raises NotFound: no such membership
    :raises Invalid: it began later
    """
    membership = session.get(Membership, membership_id, with_for_update=True)
    if membership is None:
        raise NotFound("no-membership", "没有这条组织关系记录。", membership=membership_id)
    _end(session, membership, on)
    return membership


def membership(session: Session, person_id: int, on: date) -> Membership | None:
    """The membership of that day: the one at home before a 流动 one."""
    found = session.scalars(
        select(Membership).where(Membership.person_id == person_id, Membership.on(on))
    ).all()
    return min(found, key=lambda each: each.kind == "流动", default=None)


def members(session: Session, unit_id: int, on: date) -> list[Person]:
    """Everybody whom the branch has on that day, 流动 ones included, in the order of their membership."""
    return list(
        session.scalars(
            select(Person)
            .join(Membership, Membership.person_id == Person.id)
            .where(Membership.unit_id == unit_id, Membership.on(on))
            .group_by(Person.id)
            .order_by(Person.id)
        )
    )


def without_vote(session: Session, person_ids: Iterable[int], on: date) -> set[int]:
    """Those of them who have no vote in the Party that day: 预备党员 and those who are no members (党章 art. 7)."""
    wanted = set(person_ids)
    full = select(Membership.person_id).where(
        Membership.person_id.in_(wanted), Membership.on(on), Membership.kind != "预备"
    )
    probationary = select(Membership.person_id).where(
        Membership.person_id.in_(wanted), Membership.on(on), Membership.kind == "预备"
    )
    return (wanted - set(session.scalars(full))) | set(session.scalars(probationary))


def names(session: Session, person_ids: Iterable[int]) -> dict[int, str]:
    """Person id -> name."""
    wanted = list(set(person_ids))
    found = session.execute(select(Person.id, Person.name).where(Person.id.in_(wanted)))
    return {person.id: person.name for person in found}


def search(
    session: Session, words: str = "", *, on: date, limit: int = 200, after: int = 0
) -> list[tuple[Person, Unit | None]]:
    """People whose name or number begins with ``words``, each with its branch; ids after ``after``."""
    query = (
        select(Person, Unit)
        .outerjoin(
            Membership, (Membership.person_id == Person.id) & (Membership.kind != "流动") & Membership.on(on)
        )
        .outerjoin(Unit, Unit.id == Membership.unit_id)
        .where(Person.id > after)
    )
    if words := words[:100]:
        query = query.where(
            Person.name.startswith(words, autoescape=True) | Person.number.startswith(words, autoescape=True)
        )
    return [(person, unit) for person, unit in session.execute(query.order_by(Person.id).limit(limit))]


def addressees(
    session: Session, words: str, *, by: int, chosen: tuple[int, ...], on: date, limit: int
) -> list[tuple[Person, Unit | None]]:
    """To whom a person may hand work: those chosen already, then whom the words find; without words his own branch."""
    found: list[tuple[Person, Unit | None]] = []
    for person_id in chosen:
        standing = membership(session, person_id, on)
        found.append((get(session, person_id), session.get(Unit, standing.unit_id) if standing else None))
    home = membership(session, by, on)
    if words:
        found += search(session, words, on=on, limit=limit)
    elif home is not None:
        branch = session.get(Unit, home.unit_id)
        found += [(person, branch) for person in members(session, home.unit_id, on)[:limit]]
    return list({person.id: (person, unit) for person, unit in found if person.id != by}.values())


def _home(session: Session, person_id: int) -> Membership:
    person = get(session, person_id, lock=True)
    standing = session.scalar(
        select(Membership).where(
            Membership.person_id == person_id, Membership.kind != "流动", Membership.to_on.is_(None)
        )
    )
    if standing is None:
        raise Conflict("not-a-member", f"{person.name}目前没有党员组织关系，请先编入支部。", person=person_id)
    return standing


def _end(session: Session, membership: Membership, on: date) -> None:
    if on < membership.from_on:
        raise _invalid("on", f"组织关系自 {membership.from_on} 起，终止日期不能早于这一天。")
    membership.to_on = on
    session.flush()


def _invalid(field: str, message: str) -> Invalid:
    return Invalid("bad-person", message, {field: message})


def _fill(
    session: Session,
    person: Person,
    *,
    name: str,
    number: str | None,
    department_id: int | None,
    job_title: str,
    phone: str | None,
    email: str | None,
) -> None:
    name, number, phone = name.strip(), (number or "").strip() or None, (phone or "").strip() or None
    email = (email or "").strip() or None
    for field, label, value, longest in (
        ("name", "姓名", name, 40),
        ("number", "人员编号", number or "", 16),
        ("job_title", "岗位", job_title, 60),
        ("phone", "电话", phone or "", 20),
        ("email", "电子邮箱", email or "", 254),
    ):
        refuse_identity_number(value, field)
        if len(value) > longest:
            raise _invalid(field, f"{label}最多 {longest} 个字。")
    if not name:
        raise _invalid("name", "请填写姓名。")
    if email is not None and not mailboxes.is_address(email):
        raise _invalid("email", f"“{email}”不是电子邮箱地址，应形如 name@example.org。")
    if department_id is not None:
        departments.get(session, department_id)
    if number is not None:
        with session.no_autoflush:
            other = session.scalar(select(Person).where(Person.number == number))
        if other is not None and other is not person:
            raise Conflict("number-taken", f"人员编号“{number}”已属于{other.name}。", person=other.id)
    person.name, person.number, person.department_id = name, number, department_id
    person.job_title, person.phone, person.email = job_title.strip(), phone, email
