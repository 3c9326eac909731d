"""Process instances: state without the spec.

A child of a fan-out is an instance too. A child whose first touch is still to come has no state: it is made from the fan-out's
snapshot when somebody acts on it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.database import WRITING, Table, UtcDateTime, Values
from engine.errors import NotFound
from engine.history import GENESIS


class ProcessInstance(Table):
    """One run of a definition, or of one of its multi-instance sub-processes (``scope``).

    :ivar state: see ``engine.bpmn.state``; NULL until the first step, and after the erasure of an ended instance
    :ivar path: ``/1/7/`` for instance 7 started by instance 1: all descendants share the prefix
    :ivar item: the element of the fan-out's collection that this child is for
    :ivar outcome: ``completed``, ``cancelled``, ``terminated`` or ``error:CODE``; NULL while it runs
    :ivar unique_key: process key and business key while it runs, where the process wants no two of them at a time
    :ivar suspension_id: it is suspended by that act (``engine.suspension``)
    :ivar deleted_at: its data were erased; administrators alone still find it (``engine.deletion``)
    :ivar event_seq: head of the stream ``instance:<id>``
    """

    __tablename__ = "process_instance"
    __table_args__ = (
        Index("ix_process_instance_fanout", "fanout_id", "position"),
        Index("ix_process_instance_path", "path", postgresql_ops={"path": "text_pattern_ops"}),
        Index("ix_process_instance_started_by", "started_by_id", "started_at"),
        Index("ix_process_instance_business_key", "business_key"),
        Index("ix_process_instance_definition", "definition_id", "started_at"),
        Index("ix_process_instance_unique_key", "unique_key", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    definition_id: Mapped[int] = mapped_column(ForeignKey("process_definition.id"))
    scope: Mapped[str] = mapped_column(String(200))
    title: Mapped[str] = mapped_column(String(500))
    business_key: Mapped[str | None] = mapped_column(String(200))
    unique_key: Mapped[str | None] = mapped_column(String(401))
    path: Mapped[str] = mapped_column(String(1000))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("process_instance.id"))
    fanout_id: Mapped[int | None]  # of fanout.id: without a constraint, which would close a circle of tables
    position: Mapped[int | None]
    item: Mapped[Any | None] = mapped_column(Values)
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    started_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[str | None] = mapped_column(String(100))
    suspension_id: Mapped[int | None]  # of suspension.id: without a constraint, as above
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    state: Mapped[str | None] = mapped_column(Text)
    version: Mapped[int] = mapped_column()
    event_seq: Mapped[int] = mapped_column(default=0)
    event_hash: Mapped[str] = mapped_column(String(64), default=GENESIS)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012

    @property
    def stream(self) -> str:
        return f"instance:{self.id}"


def get(session: Session, instance_id: int | None, *, lock: bool = False) -> ProcessInstance:
    """:param lock: whoever else wants to write the row waits for this transaction
    :raises NotFound: no such instance
    """
    found = (
        session.get(ProcessInstance, instance_id, with_for_update=WRITING if lock else None)
        if instance_id is not None
        else None
    )
    if found is None:
        raise NotFound("no-instance", "没有这个流程实例。", id=instance_id)
    return found
