"""Jobs: durable work for the engine, rows of the same database, written in the transaction that causes them.

A job is claimed with a lease and a token, and finished in one transaction that moves the token, writes the effect and deletes the
job ``WHERE token = mine``: after a lost lease that deletes nothing, and everything rolls back. So an effect happens exactly once.
Leases live in the database's time, due times in business time.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    ForeignKey,
    Index,
    String,
    Text,
    and_,
    delete,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.arrivals import Arrival
from engine.database import Table, UtcDateTime, Values
from engine.errors import Conflict, NotFound

LEASE = timedelta(seconds=60)


#: waits before the second, third ... attempt; after the last an incident
RETRIES = (timedelta(seconds=2), timedelta(seconds=15), timedelta(minutes=1))


class Job(Table):
    """Work to be done at ``due_at`` (business time).

    :ivar kind: ``timer``, ``operation``, ``children`` or ``fanout``
    :ivar due_at: NULL while a fan-out's job waits for arrivals
    :ivar lease_until: database time; somebody works on it until then
    :ivar token: the fence: changed by every claim
    :ivar incident: the last error of a job whose retries are spent; it waits for a person
    """

    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_instance", "instance_id", "task_id"),
        Index(
            "ix_job_fanout",
            "fanout_id",
            sqlite_where=text("fanout_id IS NOT NULL"),
            postgresql_where=text("fanout_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("process_instance.id"))
    definition_id: Mapped[int | None] = mapped_column(ForeignKey("process_definition.id"))
    task_id: Mapped[str | None] = mapped_column(String(60))
    element_id: Mapped[str | None] = mapped_column(String(200))
    fanout_id: Mapped[int | None] = mapped_column(ForeignKey("fanout.id"))
    payload: Mapped[Any | None] = mapped_column(Values)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    token: Mapped[str | None] = mapped_column(String(32))
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(Text)
    incident_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    held_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


_due = and_(Job.incident_at.is_(None), Job.held_at.is_(None))


Index("ix_job_ready", Job.due_at, sqlite_where=_due, postgresql_where=_due)


def _database_now(session: Session) -> Any:
    """The database's own time, in the form in which ``UtcDateTime`` columns are stored."""
    if session.get_bind().dialect.name == "sqlite":
        return func.strftime("%Y-%m-%d %H:%M:%f000", "now")
    return func.clock_timestamp()


def _lease(session: Session) -> Any:
    seconds = int(LEASE.total_seconds())
    if session.get_bind().dialect.name == "sqlite":
        return func.strftime("%Y-%m-%d %H:%M:%f000", "now", f"+{seconds} seconds")
    return func.clock_timestamp() + text(f"interval '{seconds} seconds'")


def claim(session: Session, at: datetime) -> Job | None:
    """Take the job that is due first, for the length of a lease."""
    # A child that arrives never writes the fan-out's job row (siblings would queue for it): the arrival itself is the ring.
    ringing = and_(
        Job.kind == "fanout", Job.fanout_id.in_(select(Arrival.fanout_id).where(Arrival.drained_at.is_(None)))
    )
    free = or_(Job.lease_until.is_(None), Job.lease_until < _database_now(session))
    found = (
        select(Job.id)
        .where(_due, or_(Job.due_at <= at, ringing), free)
        .order_by(Job.due_at, Job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    token = secrets.token_hex(16)
    claimed = session.execute(
        update(Job)
        .where(Job.id == found.scalar_subquery())
        .values(token=token, lease_until=_lease(session), attempts=Job.attempts + 1)
        .returning(Job)
        .execution_options(synchronize_session=False, populate_existing=True)
    ).scalar_one_or_none()
    return claimed


def _mine(job: Job) -> ColumnElement[bool]:
    """The fence: the job's row as long as nobody has claimed it after this worker."""
    return and_(Job.id == job.id, Job.token == job.token)


def lost(job: Job) -> Conflict:
    return Conflict("lease-lost", "任务的执行租约已经失效，本次结果作废。", job=job.id)


def finish(session: Session, job: Job) -> None:
    """Delete a job that is done.

    :raises Conflict: the lease was lost; the caller's transaction must roll back
    """
    result = session.execute(delete(Job).where(_mine(job)).execution_options(synchronize_session=False))
    assert isinstance(result, CursorResult)
    if result.rowcount != 1:
        raise lost(job)


def park(session: Session, job: Job, *, until: datetime | None = None) -> None:
    """Let a job wait: until a moment, or, a fan-out's, for the next arrivals.

    :raises Conflict: the lease was lost; the caller's transaction must roll back
    """
    result = session.execute(
        update(Job)
        .where(_mine(job))
        .values(token=None, lease_until=None, due_at=until, attempts=0)
        .execution_options(synchronize_session=False)
    )
    assert isinstance(result, CursorResult)
    if result.rowcount != 1:
        raise lost(job)


def fail(session: Session, job: Job, error: Exception, at: datetime) -> None:
    """Note the real error; try again later, or leave it to a person."""
    spent = job.attempts > len(RETRIES)
    session.execute(
        update(Job)
        .where(_mine(job))
        .values(
            token=None,
            lease_until=None,
            last_error="\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])[
                :4000
            ],
            incident_at=at if spent else None,
            due_at=at if spent else at + RETRIES[min(job.attempts, len(RETRIES)) - 1],
        )
        .execution_options(synchronize_session=False)
    )


def incidents(session: Session) -> list[Job]:
    return list(session.scalars(select(Job).where(Job.incident_at.is_not(None)).order_by(Job.incident_at)))


def retry(session: Session, job_id: int, at: datetime) -> Job:
    """Give a job with spent retries a fresh start.

    :raises NotFound: no such incident
    """
    job = session.get(Job, job_id)
    if job is None or job.incident_at is None:
        raise NotFound("no-incident", "没有这个异常，可能已经处理。", id=job_id)
    job.incident_at, job.attempts, job.due_at = None, 0, at
    return job


def let_go(session: Session, job: Job) -> None:
    free = update(Job).where(_mine(job)).values(token=None, lease_until=None)
    session.execute(free.execution_options(synchronize_session=False))
