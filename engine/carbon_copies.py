"""Carbon copies 抄送: somebody is to read an instance. A copy asks for nothing and blocks nothing; 驳回 leaves it alone.

It is addressed to a person, or to whoever holds a post at a unit: a successor finds it too. Each reader leaves his own receipt.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, ForeignKey, Index, Select, String, and_, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from engine import claims, history
from engine.clock import local
from engine.database import Table, UtcDateTime
from engine.deployments import ProcessDefinition
from engine.errors import Invalid, NotAllowed, NotFound
from engine.history import Entry
from engine.instances import ProcessInstance
from engine.organisation import people, units
from engine.organisation.people import Person
from engine.organisation.posts import POSTS, Holding
from engine.runtime import Runtime
from engine.work_items import WorkItem

#: persons and posts that one act may address
MOST = 200


class CarbonCopy(Table):
    """One copy, to a person or to a post at a unit.

    :ivar work_item_id: the step from which it was sent
    """

    __tablename__ = "carbon_copy"
    __table_args__ = (
        Index("ix_carbon_copy_instance", "instance_id"),
        Index("ix_carbon_copy_person", "person_id"),
        Index("ix_carbon_copy_post", "unit_id", "post"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    instance_id: Mapped[int] = mapped_column(ForeignKey("process_instance.id"))
    work_item_id: Mapped[int | None] = mapped_column(ForeignKey("work_item.id"))
    sender_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    post: Mapped[str | None] = mapped_column(String(12))
    note: Mapped[str] = mapped_column(String(500))
    sent_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Receipt(Table):
    """Somebody has read a copy."""

    __tablename__ = "carbon_copy_receipt"

    carbon_copy_id: Mapped[int] = mapped_column(ForeignKey("carbon_copy.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    read_at: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Received:
    """A copy in its reader's box."""

    copy: CarbonCopy
    instance: ProcessInstance
    process: str
    sender: str
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class Sent:
    """A copy as the readers of its instance see it.

    :ivar to: the person's name, or the unit's with the post
    :ivar receipts: (name, moment) of everybody who has read it, first reader first
    """

    copy: CarbonCopy
    sender: str
    to: str
    receipts: list[tuple[str, datetime]]


def send(
    runtime: Runtime,
    session: Session,
    instance_id: int,
    *,
    persons: Iterable[int],
    to_posts: Iterable[tuple[int, str]],
    note: str,
    work_item_id: int | None,
    by: int,
    at: datetime,
) -> list[CarbonCopy]:
    """Send copies of an instance. Who takes part in it may, and who has started it; whoever only got a copy may not.

    :param to_posts: (unit, post)
    :param work_item_id: the step from which he sends them; only the initiator and administrators name none
    :raises NotFound: he may not know of the instance; no such person, unit or work item
    :raises NotAllowed: he only got a copy himself, or the diagram does not permit it at the task
    :raises Invalid: addressed to nobody, to too many, or to a post that does not exist
    """
    from engine import reading  # which asks this noun whom copies reach

    on = local(at).date()
    instance = reading.require_instance(session, instance_id, by, on)
    if not reading.takes_part(session, instance, by, on):
        raise NotAllowed("copy-only", "您收到的是抄送件，不能再转抄他人；请联系发给您的人。")
    element_id = None
    if work_item_id is None:
        # Otherwise a task that permits no copies would only have to go unnamed.
        if by != instance.started_by_id and not reading.is_admin(session, by):
            raise NotAllowed("copy-from-task", "请在您办理的事项里抄送；整件的抄送由发起人或系统管理员进行。")
    else:
        item = session.get(WorkItem, work_item_id)
        if item is None or item.instance_id != instance_id:
            raise NotFound("no-work-item", "没有这个待办事项。", id=work_item_id)
        element = runtime.definitions.get(session, item.version_of(instance)).process.model.elements[
            item.element_id
        ]
        claims.require_permitted(element, "carbon")
        element_id = element.id
    whom, offices = list(dict.fromkeys(persons)), list(dict.fromkeys(to_posts))
    if not whom and not offices:
        sentence = "请选择抄送给谁：可以是人，也可以是岗位。"
        raise Invalid("to-nobody", sentence, {"persons": sentence})
    if len(whom) + len(offices) > MOST:
        sentence = f"一次最多抄送 {MOST} 个人或岗位，请分次抄送。"
        raise Invalid("to-too-many", sentence, {"persons": sentence})
    if len(note) > 500:
        raise Invalid("text-too-long", "附言最多 500 个字。", {"note": "附言最多 500 个字。"})
    addressed = [claims.named(people.get(session, one)) for one in whom]
    for unit, post in offices:
        if post not in POSTS:
            sentence = f"没有“{post}”这个岗位；可选：{'、'.join(POSTS)}。"
            raise Invalid("no-post", sentence, {"posts": sentence})
        addressed.append({"unit": unit, "post": post, "name": _office(session, unit, post, on)})
    copies = [
        CarbonCopy(
            instance_id=instance_id,
            work_item_id=work_item_id,
            sender_id=by,
            person_id=person,
            unit_id=unit,
            post=post,
            note=note.strip(),
            sent_at=at,
        )
        for person, unit, post in [*((one, None, None) for one in whom), *((None, *one) for one in offices)]
    ]
    session.add_all(copies)
    payload = {"work_item": work_item_id, "to": addressed, "note": note.strip()}
    history.append(
        session, instance.stream, instance, [Entry("copied", payload, by, element_id=element_id)], at
    )
    return copies


def _office(session: Session, unit_id: int, post: str, on: date) -> str:
    return f"{units.name_on(session, unit_id, on).name}{post}"


def addressed_to(person_id: int, on: date) -> ColumnElement[bool]:
    """The copies that reach a person on that day, by name or by post."""
    held = aliased(Holding)
    holds = (
        select(held.id)
        .where(held.unit_id == CarbonCopy.unit_id, held.post == CarbonCopy.post)
        .where(held.person_id == person_id, held.on(on))
        .correlate(CarbonCopy)
    )
    return or_(CarbonCopy.person_id == person_id, holds.exists())


def instances(person_id: int, on: date) -> Select[int]:
    """The ids of the instances of which a person has a copy."""
    return select(CarbonCopy.instance_id).where(addressed_to(person_id, on))


def unread(person_id: int, on: date) -> Select[int]:
    """How many copies a person has not read."""
    return (
        select(func.count())
        .select_from(CarbonCopy)
        .join(ProcessInstance, ProcessInstance.id == CarbonCopy.instance_id)
        .outerjoin(Receipt, _his(person_id))
        .where(addressed_to(person_id, on), Receipt.person_id.is_(None))
        .where(ProcessInstance.deleted_at.is_(None))
    )


def _his(person_id: int) -> ColumnElement[bool]:
    return and_(Receipt.carbon_copy_id == CarbonCopy.id, Receipt.person_id == person_id)


def received(
    session: Session, person_id: int, on: date, *, limit: int = 50, offset: int = 0
) -> list[Received]:
    """A page of a person's copies, newest first."""
    query = (
        select(CarbonCopy, ProcessInstance, ProcessDefinition.name, Person.name, Receipt.read_at)
        .join(ProcessInstance, ProcessInstance.id == CarbonCopy.instance_id)
        .join(ProcessDefinition, ProcessDefinition.id == ProcessInstance.definition_id)
        .join(Person, Person.id == CarbonCopy.sender_id)
        .outerjoin(Receipt, _his(person_id))
        .where(addressed_to(person_id, on), ProcessInstance.deleted_at.is_(None))
        .order_by(CarbonCopy.sent_at.desc(), CarbonCopy.id.desc())
    )
    return [Received(*row) for row in session.execute(query.limit(limit).offset(offset))]


def read(session: Session, copy_ids: Iterable[int], *, by: int, at: datetime) -> None:
    """Leave a receipt for each copy that reaches the person; a second reading keeps the first's moment.

    A receipt is a row of its own and no event: a reader must not stand in a handler's way.
    """
    query = (
        select(CarbonCopy.id)
        .outerjoin(Receipt, _his(by))
        .where(CarbonCopy.id.in_(list(copy_ids)), addressed_to(by, local(at).date()))
        .where(Receipt.person_id.is_(None))
    )
    rows = [{"carbon_copy_id": copy, "person_id": by, "read_at": at} for copy in session.scalars(query)]
    if rows:
        dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
        # Whoever clicks twice reads twice at once.
        session.execute(dialect.insert(Receipt).on_conflict_do_nothing(), rows)


def of_instance(session: Session, instance: ProcessInstance, on: date) -> Sequence[Sent]:
    """The copies of an instance with their receipts, oldest first."""
    copies = session.scalars(
        select(CarbonCopy).where(CarbonCopy.instance_id == instance.id).order_by(CarbonCopy.id)
    ).all()
    receipts: dict[int, list[tuple[str, datetime]]] = {}
    rows = session.execute(
        select(Receipt.carbon_copy_id, Person.name, Receipt.read_at)
        .join(Person, Person.id == Receipt.person_id)
        .where(Receipt.carbon_copy_id.in_([copy.id for copy in copies]))
        .order_by(Receipt.read_at, Person.id)
    )
    for copy, name, moment in rows:
        receipts.setdefault(copy, []).append((name, moment))
    names = people.names(
        session, [one for c in copies for one in (c.sender_id, c.person_id) if one is not None]
    )
    return [
        Sent(
            copy,
            names[copy.sender_id],
            names[copy.person_id]
            if copy.person_id is not None
            else _office(session, copy.unit_id or 0, copy.post or "", on),
            receipts.get(copy.id, []),
        )
        for copy in copies
    ]
