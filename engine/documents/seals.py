"""Seals 印章: whose, since when, who may use it, and every use of one (用印登记).

A unit's real seal is an uploaded picture; the software draws none but demo seals (``engine.documents.seal_pictures``).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, func, or_, select, text
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from engine import blobs
from engine.clock import local
from engine.database import Table, UtcDateTime
from engine.documents.register import Document
from engine.documents.seal_pictures import DIAMETER, checked, draw_demo
from engine.errors import Conflict, Invalid, NotAllowed, NotFound
from engine.organisation.people import Person
from engine.organisation.posts import Holding

# Who keeps and uses a unit's seal: the clerk in charge of it, and the heads who approve.
KEEPERS = ("书记", "副书记", "专职副书记", "党务干事")


class Seal(Table):
    """A unit's seal. One at a time is in use.

    :ivar demo: drawn by the software, reads 演示专用
    :ivar diameter: mm; as large it is stamped
    :ivar withdrawn_at: from then on it may not be used; what it sealed stays sealed
    """

    __tablename__ = "seal"
    __table_args__ = (
        Index(
            "uq_seal_in_use",
            "unit_id",
            unique=True,
            sqlite_where=text("withdrawn_at IS NULL"),
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    image_digest: Mapped[str] = mapped_column(ForeignKey("blob.digest"))
    demo: Mapped[bool]
    diameter: Mapped[float] = mapped_column(default=DIAMETER, server_default="42")
    granted_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    granted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SealPermission(Table):
    """Somebody who may use a unit's seal besides the holders of its posts (``KEEPERS``), such as a clerk of the 档案室.

    :ivar until_on: the first day on which he may not any more
    """

    __tablename__ = "seal_permission"

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(String(200))
    granted_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    from_on: Mapped[date]
    until_on: Mapped[date | None]


class SealUse(Table):
    """A line of the register of uses 用印登记: which seal, on what, who applied, who approved, why.

    :ivar sequence: of this seal's uses, from 1
    :ivar applicant_id: who had the document made
    :ivar person_id: who approved
    :ivar copies: how many are printed and stamped
    """

    __tablename__ = "seal_use"
    __table_args__ = (UniqueConstraint("seal_id", "sequence"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    seal_id: Mapped[int] = mapped_column(ForeignKey("seal.id"), index=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id"), index=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(String(200))
    used_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sequence: Mapped[int | None]
    applicant_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    copies: Mapped[int] = mapped_column(default=1, server_default="1")


def grant_demo(session: Session, *, unit_id: int, name: str, by: int | None = None, at: datetime) -> Seal:
    """Draw a demo seal with the unit's name and put it into use, in the place of the former one."""
    return _put_into_use(session, unit_id, draw_demo(name), diameter=DIAMETER, demo=True, by=by, at=at)


def upload(
    session: Session,
    *,
    unit_id: int,
    picture: bytes,
    diameter: float = DIAMETER,
    by: int | None,
    at: datetime,
) -> Seal:
    """Put the unit's real seal into use, in the place of the former one.

    :param picture: PNG with a transparent ground, as wide as high, 200 to 4,000 pixels
    :param diameter: in mm
    :raises Invalid: ``seal-picture``, ``seal-diameter``
    """
    return _put_into_use(
        session, unit_id, checked(picture, diameter), diameter=diameter, demo=False, by=by, at=at
    )


def withdraw(session: Session, unit_id: int, *, at: datetime) -> Seal:
    """:raises NotFound: the unit has none in use"""
    seal = of_unit(session, unit_id)
    if seal is None:
        raise NotFound("no-seal", "该党组织没有在用的印章。")
    seal.withdrawn_at = at
    session.flush()
    return seal


def of_unit(session: Session, unit_id: int) -> Seal | None:
    """The seal in use."""
    return session.scalar(select(Seal).where(Seal.unit_id == unit_id, Seal.withdrawn_at.is_(None)))


def in_use(session: Session) -> list[Seal]:
    return list(session.scalars(select(Seal).where(Seal.withdrawn_at.is_(None))))


def picture(session: Session, unit_id: int) -> bytes:
    """PNG of the seal in use.

    :raises NotFound: the unit has none
    """
    seal = of_unit(session, unit_id)
    if seal is None:
        raise NotFound("no-seal", "该党组织没有在用的印章。")
    return blobs.get(session, seal.image_digest)


@dataclass(frozen=True, slots=True)
class SealUseLine:
    """A line of the 用印登记 as it is read.

    :ivar applicant: who had the document made
    :ivar approved_by: who had the seal put there
    """

    use: SealUse
    unit_id: int
    demo: bool
    title: str
    number: str | None
    applicant: str | None
    approved_by: str | None


def latest_uses(
    session: Session, *, units: Collection[int] | None = None, limit: int, offset: int = 0
) -> list[SealUseLine]:
    """Lines of the 用印登记, newest first.

    :param units: whose seals; None for everybody's
    """
    applicant, approver = aliased(Person), aliased(Person)
    query = (
        select(
            SealUse, Seal.unit_id, Seal.demo, Document.title, Document.number, applicant.name, approver.name
        )
        .join(Seal, Seal.id == SealUse.seal_id)
        .join(Document, Document.id == SealUse.document_id)
        .outerjoin(applicant, applicant.id == SealUse.applicant_id)
        .outerjoin(approver, approver.id == SealUse.person_id)
        .order_by(SealUse.id.desc())
    )
    if units is not None:
        query = query.where(Seal.unit_id.in_(units))
    return [SealUseLine(*row) for row in session.execute(query.limit(limit).offset(offset))]


def counts(session: Session) -> dict[int, int]:
    """How often the seals in use were used, by unit."""
    query = (
        select(Seal.unit_id, func.count(SealUse.id))
        .join(SealUse, SealUse.seal_id == Seal.id)
        .where(Seal.withdrawn_at.is_(None))
        .group_by(Seal.unit_id)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def use(
    session: Session,
    seal: Seal,
    *,
    document_id: int,
    approved_by: int | None,
    applicant: int | None,
    reason: str,
    copies: int = 1,
    at: datetime,
) -> SealUse:
    """Enter a use of the seal, counted; the seal's row is locked, so that no two uses bear one count."""
    session.execute(select(Seal.id).where(Seal.id == seal.id).with_for_update())
    last = session.scalar(select(func.max(SealUse.sequence)).where(SealUse.seal_id == seal.id))
    entered = SealUse(
        seal_id=seal.id,
        document_id=document_id,
        person_id=approved_by,
        applicant_id=applicant,
        reason=reason[:200],
        copies=copies,
        sequence=(last or 0) + 1,
        used_at=at,
    )
    session.add(entered)
    session.flush()
    return entered


def permit(
    session: Session,
    *,
    unit_id: int,
    person_id: int,
    reason: str,
    from_on: date,
    until_on: date | None = None,
    by: int | None,
) -> SealPermission:
    """Let somebody use the unit's seal.

    :raises Invalid: no reason, or an end before the beginning
    """
    errors = {}
    if not reason.strip():
        errors["reason"] = "请写明授权的理由。"
    if until_on is not None and until_on <= from_on:
        errors["until_on"] = "终止日期应在起始日期之后。"
    if errors:
        raise Invalid("seal-permission", "".join(errors.values()), errors)
    permission = SealPermission(
        unit_id=unit_id,
        person_id=person_id,
        reason=reason.strip()[:200],
        granted_by_id=by,
        from_on=from_on,
        until_on=until_on,
    )
    session.add(permission)
    session.flush()
    return permission


def end_permission(session: Session, permission_id: int, *, on: date) -> SealPermission:
    """:raises NotFound: ``no-seal-permission``"""
    permission = session.get(SealPermission, permission_id)
    if permission is None:
        raise NotFound("no-seal-permission", "没有这项用印授权。")
    permission.until_on = on if permission.until_on is None else min(on, permission.until_on)
    session.flush()
    return permission


def permissions(session: Session, on: date) -> list[tuple[SealPermission, str]]:
    """In force on that day or later, each with the person's name."""
    query = (
        select(SealPermission, Person.name)
        .join(Person, Person.id == SealPermission.person_id)
        .where(or_(SealPermission.until_on.is_(None), SealPermission.until_on > on))
        .order_by(SealPermission.unit_id, SealPermission.id)
    )
    return [(permission, name) for permission, name in session.execute(query)]


def diameters(session: Session, unit_ids: Collection[int], *, at: datetime) -> dict[int, float]:
    """Those of the units that had a seal in use at that moment, with its diameter in mm."""
    held = select(Seal.unit_id, Seal.diameter).where(
        Seal.unit_id.in_(unit_ids),
        Seal.granted_at <= at,
        Seal.withdrawn_at.is_(None) | (Seal.withdrawn_at > at),
    )
    return {row[0]: row[1] for row in session.execute(held)}


def require_keeper(session: Session, *, unit_id: int, person_id: int, at: datetime) -> None:
    """:raises NotAllowed: ``not-the-seal-keeper``: he holds none of the unit's posts that may seal, and has no permission"""
    day = local(at).date()
    permitted = select(SealPermission.id).where(
        SealPermission.unit_id == unit_id,
        SealPermission.person_id == person_id,
        SealPermission.from_on <= day,
        or_(SealPermission.until_on.is_(None), SealPermission.until_on > day),
    )
    held = select(Holding.id).where(
        Holding.unit_id == unit_id,
        Holding.person_id == person_id,
        Holding.post.in_(KEEPERS),
        Holding.on(day),
    )
    if session.scalar(held.limit(1)) is None and session.scalar(permitted.limit(1)) is None:
        raise NotAllowed(
            "not-the-seal-keeper", f"只有该党组织的{'、'.join(KEEPERS)}和获得用印授权的人员可以用印。"
        )


def uses(session: Session, unit_id: int) -> list[SealUse]:
    """The unit's 用印登记, latest first."""
    found = select(SealUse).join(Seal, Seal.id == SealUse.seal_id).where(Seal.unit_id == unit_id)
    return list(session.scalars(found.order_by(SealUse.id.desc())))


def _put_into_use(
    session: Session,
    unit_id: int,
    picture: bytes,
    *,
    diameter: float,
    demo: bool,
    by: int | None,
    at: datetime,
) -> Seal:
    former = of_unit(session, unit_id)
    if former is not None:
        if demo and not former.demo:
            raise Conflict("real-seal-in-use", "该党组织已上传正式印章，不能再使用演示印章。")
        former.withdrawn_at = at
        session.flush()
    digest = blobs.put(session, picture, "image/png", at)
    seal = Seal(
        unit_id=unit_id, image_digest=digest, demo=demo, diameter=diameter, granted_by_id=by, granted_at=at
    )
    session.add(seal)
    session.flush()
    return seal
