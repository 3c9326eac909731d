"""Work items (待办): a stored user task. Candidates are keys; the owner, once there is one, is a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, false, insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine import deadlines
from engine.bpmn.model import Element, resolve
from engine.database import Table, UtcDateTime, Values
from engine.errors import NotFound
from engine.history import GENESIS
from engine.instances import ProcessInstance
from engine.working_time import Calendar


class WorkItem(Table):
    """An open or closed user task.

    :ivar task_id: the token; NULL for the first item of a child that has no state yet; ``<fan-out>:<position>`` for a bare one
    :ivar fanout_id: set for a bare item only: one that is itself the child of a fan-out
    :ivar unknown_years: the deadline was counted through these without knowing their holidays: Monday to Friday
    :ivar draft: what somebody typed and has not handed in, by person id
    :ivar closing: ``completed``, ``rejected``, ``removed`` or ``withdrawn``; NULL while it is open
    :ivar origin_id: of an item that was added to another (``engine.additions``): that one, which alone has the token
    :ivar addition: how it was added: ``before``, ``parallel``, ``after`` or ``delegated``
    :ivar has_additions: others were added to this one; not all may be done
    :ivar asleep_at: it waits since then: for those added before it, or, itself added after another, for that one
    :ivar held: results handed in, with which the token moves on as soon as nobody who was added is left
    :ivar definition_id: it was closed under this version, and its instance is in another one by now (``engine.instance_migrations``)
    :ivar event_seq: head of the stream ``work-item:<id>`` (bare items only: siblings must not queue for the parent's)
    """

    __tablename__ = "work_item"
    __table_args__ = (
        UniqueConstraint("instance_id", "task_id"),
        Index("ix_work_item_fanout", "fanout_id", "position"),
        Index("ix_work_item_done", "completed_by_id", "closed_at"),
        Index("ix_work_item_owner", "owner_id", "closed_at"),
        Index("ix_work_item_origin", "origin_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    instance_id: Mapped[int] = mapped_column(ForeignKey("process_instance.id"))
    task_id: Mapped[str | None] = mapped_column(String(60))
    element_id: Mapped[str] = mapped_column(String(200))
    fanout_id: Mapped[int | None] = mapped_column(ForeignKey("fanout.id"))
    position: Mapped[int | None]
    item: Mapped[Any | None] = mapped_column(Values)
    name: Mapped[str] = mapped_column(String(200))
    title: Mapped[str] = mapped_column(String(500))
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    unknown_years: Mapped[list[int] | None] = mapped_column(Values)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    claimed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    draft: Mapped[dict[str, Any] | None] = mapped_column(Values)
    drafted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closing: Mapped[str | None] = mapped_column(String(20))
    completed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    origin_id: Mapped[int | None] = mapped_column(ForeignKey("work_item.id"))
    addition: Mapped[str | None] = mapped_column(String(12))
    added_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    has_additions: Mapped[bool] = mapped_column(default=False, server_default=false())
    asleep_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    held: Mapped[dict[str, Any] | None] = mapped_column(Values)
    definition_id: Mapped[int | None] = mapped_column(ForeignKey("process_definition.id"))
    version: Mapped[int] = mapped_column()
    event_seq: Mapped[int] = mapped_column(default=0)
    event_hash: Mapped[str] = mapped_column(String(64), default=GENESIS)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012

    @property
    def stream(self) -> str:
        return f"work-item:{self.id}"

    def version_of(self, instance: ProcessInstance) -> int:
        """The id of the definition whose element this item is."""
        return self.definition_id or instance.definition_id


class ShownDocument(Table):
    """A document that a work item shows: whoever may act on the item, or did, may read the document."""

    __tablename__ = "work_item_document"
    __table_args__ = (Index("ix_work_item_document_document", "document_id"),)

    work_item_id: Mapped[int] = mapped_column(ForeignKey("work_item.id"), primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id"), primary_key=True)


def show(session: Session, items: Sequence[tuple[int, Element, Mapping[str, Any]]], at: datetime) -> None:
    """Note which documents new work items show; one INSERT for all of them."""
    rows = [
        {"work_item_id": item, "document_id": document}
        for item, element, data in items
        for document in shown_documents(element, data, at)
    ]
    if rows:
        session.execute(insert(ShownDocument), rows)


def shown_documents(element: Element, data: Mapping[str, Any], at: datetime) -> list[int]:
    """The documents beside the form, those to be signed among them, each once."""
    signed = element.signature.document if element.signature is not None else None
    found = [*ids(resolve(element.document, data, at)), *ids(resolve(signed or None, data, at))]
    return list(dict.fromkeys(found))


def ids(value: Any) -> list[int]:
    """Document ids as an expression may give them: one, an object with ``document``, or a list of either."""
    if value is None:
        return []
    if isinstance(value, list):
        return [i for one in value for i in ids(one)]
    if isinstance(value, dict):
        return ids(value.get("document"))
    return [int(value)]


def describe(
    element: Element,
    data: Mapping[str, Any],
    at: datetime,
    calendar: Calendar,
    warnings: list[str] | None = None,
) -> dict[str, Any]:
    """The columns that an element and its token's variables give a new work item.

    :param warnings: takes why there is no title or no deadline
    """
    title = resolve(element.title, data, at, warnings) if element.title else None
    due = deadlines.of(element, data, at, calendar, warnings)
    return {
        "element_id": element.id,
        "name": (element.name or element.id)[:200],
        "title": str(title or element.name or element.id)[:500],
        "due_at": due.moment if due is not None else None,
        "unknown_years": list(due.unknown_years) or None if due is not None else None,
    }


def get(session: Session, work_item_id: int) -> WorkItem:
    """:raises NotFound: no such work item"""
    found = session.get(WorkItem, work_item_id)
    if found is None:
        raise NotFound("no-work-item", "没有这个待办事项。", id=work_item_id)
    return found
