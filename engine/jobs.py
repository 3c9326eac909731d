"""Jobs: durable work for the engine, rows of the same database, written in the transaction that causes them.

A job is claimed with a lease and a token, and finished in one transaction that moves the token, writes the effect and deletes the
job ``WHERE token = mine``: after a lost lease that deletes nothing, and everything rolls back. So an effect happens exactly once.
Leases live in the database's time, due times in business time.
"""

from __future__ import annotations

import logging
import random
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CursorResult,
    ForeignKey,
    Index,
    Select,
    String,
    Text,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    text,
    union_all,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.arrivals import Arrival
from engine.database import Database, Table, UtcDateTime, Values
from engine.errors import Conflict

logger = logging.getLogger("lvze.jobs")

LEASE = timedelta(seconds=60)

#: waits before the second, third ... attempt; after the last an incident
RETRIES = (timedelta(seconds=2), timedelta(seconds=15), timedelta(minutes=1))


class Job(Table):
    """Work to be done at ``due_at`` (business time).

    :ivar kind: of ``engine.workers.KINDS``
    :ivar instance_id: NULL for what no instance has begun: a start event that is due, a message on its way
    :ivar definition_id: of a job that starts an instance
    :ivar work_item_id: of a reminder: the open item
    :ivar due_at: NULL while a fan-out's job waits for arrivals
    :ivar lease_until: database time; somebody works on it until then
    :ivar token: the fence: changed by every claim
    :ivar key: what the world outside recognises a repetition of an operation by; the same for all its attempts
    :ivar last_error: the sentence of the last attempt's error; ``error`` is all that is known of it (``engine.incidents``)
    :ivar incident_at: its retries were spent then; it waits for a person
    :ivar held_at: its instance is suspended since then: nobody takes it
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
        Index(
            "ix_job_work_item",
            "work_item_id",
            sqlite_where=text("work_item_id IS NOT NULL"),
            postgresql_where=text("work_item_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("process_instance.id"))
    definition_id: Mapped[int | None] = mapped_column(ForeignKey("process_definition.id"))
    task_id: Mapped[str | None] = mapped_column(String(60))
    element_id: Mapped[str | None] = mapped_column(String(200))
    fanout_id: Mapped[int | None] = mapped_column(ForeignKey("fanout.id"))
    work_item_id: Mapped[int | None] = mapped_column(ForeignKey("work_item.id"))
    payload: Mapped[Any | None] = mapped_column(Values)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    token: Mapped[str | None] = mapped_column(String(32))
    attempts: Mapped[int] = mapped_column(default=0)
    key: Mapped[str | None] = mapped_column(String(32))
    last_error: Mapped[str | None] = mapped_column(Text)
    error: Mapped[Any | None] = mapped_column(Values)
    incident_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    held_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


_ready = and_(Job.incident_at.is_(None), Job.held_at.is_(None))
_stopped = Job.incident_at.is_not(None)


Index("ix_job_ready", Job.due_at, Job.id, sqlite_where=_ready, postgresql_where=_ready)
Index("ix_job_incident", Job.incident_at, sqlite_where=_stopped, postgresql_where=_stopped)


def _database_now(dialect: str, later: timedelta = timedelta(0)) -> Any:
    """The database's own time, in the form in which ``UtcDateTime`` columns are stored."""
    seconds = int(later.total_seconds())
    if dialect == "sqlite":
        return func.strftime("%Y-%m-%d %H:%M:%f000", "now", f"+{seconds} seconds")
    return func.clock_timestamp() + text(f"interval '{seconds} seconds'")


def _dialect(session: Session) -> str:
    return session.get_bind().dialect.name


def candidate(dialect: str, at: datetime | BindParameter[datetime]) -> Select[int]:
    """The job to take next: what is due first, or the fan-out whose children have waited longer for it.

    Two index ranges, each cut after its first row: the cost does not depend on how many jobs wait.
    """
    free = and_(_ready, or_(Job.lease_until.is_(None), Job.lease_until < _database_now(dialect)))
    due = (
        select(Job.id, Job.due_at.label("since"))
        .where(free, Job.due_at <= at)
        .order_by(Job.due_at, Job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    # A child that arrives never writes the fan-out's job row (siblings would queue for it): the arrival itself is the ring.
    ringing = (
        select(Job.id, Arrival.at.label("since"))
        .join_from(Arrival, Job, Job.fanout_id == Arrival.fanout_id)
        .where(Arrival.drained_at.is_(None), free, Job.kind == "fanout", Job.due_at.is_(None))
        .limit(1)
        .with_for_update(skip_locked=True, of=Job)
        .cte("ringing")
    )
    first = union_all(select(due), select(ringing)).subquery()
    return select(first.c.id).order_by(first.c.since, first.c.id).limit(1)


@cache
def _claiming(dialect: str, lease: timedelta) -> Any:
    """The statement, made once: making it costs more than running it."""
    found = candidate(dialect, bindparam("moment", type_=UtcDateTime()))
    return (
        update(Job)
        .where(Job.id == found.scalar_subquery())
        .values(
            token=bindparam("fence"), lease_until=_database_now(dialect, lease), attempts=Job.attempts + 1
        )
        .returning(Job)
        .execution_options(synchronize_session=False, populate_existing=True)
    )


def claim(session: Session, at: datetime) -> Job | None:
    """Take the job that is due first, for the length of a lease."""
    given = {"moment": at, "fence": secrets.token_hex(16)}
    claimed: Job | None = session.scalar(_claiming(_dialect(session), LEASE), given)
    return claimed


def upcoming(at: datetime) -> Select[datetime | None]:
    """When jobs are due that are not due yet, the next first."""
    return select(Job.due_at).where(_ready, Job.due_at > at).order_by(Job.due_at, Job.id).limit(1)


def next_due(session: Session, at: datetime) -> datetime | None:
    return session.scalar(upcoming(at))


@contextmanager
def renewing(database: Database, job: Job) -> Iterator[None]:
    """Hold the lease for as long as the block takes, however long that is."""
    done = threading.Event()

    def renew() -> None:
        while not done.wait(LEASE.total_seconds() / 3):
            try:
                with database.write() as session:
                    mine = (
                        update(Job)
                        .where(_mine(job))
                        .values(lease_until=_database_now(_dialect(session), LEASE))
                    )
                    session.execute(mine.execution_options(synchronize_session=False))
            except Exception:  # the next third of the lease is for trying again; the fence is what counts
                logger.exception("the lease of job %s could not be renewed", job.id)

    heart = threading.Thread(target=renew, name=f"lvze-lease-{job.id}", daemon=True)
    heart.start()
    try:
        yield
    finally:
        done.set()
        heart.join()


def _mine(job: Job) -> ColumnElement[bool]:
    """The fence: the job's row as long as nobody has claimed it after this worker."""
    return and_(Job.id == job.id, Job.token == job.token)


def lost(job: Job) -> Conflict:
    return Conflict("lease-lost", "任务的执行租约已经失效，本次结果作废。", job=job.id)


def finish(session: Session, job: Job) -> None:
    """Delete a job that is done.

    :raises Conflict: the lease was lost, or the instance suspended meanwhile; the caller's transaction must roll back
    """
    done = delete(Job).where(_mine(job), Job.held_at.is_(None))
    result = session.execute(done.execution_options(synchronize_session=False))
    assert isinstance(result, CursorResult)
    if result.rowcount != 1:
        raise lost(job)


def park(session: Session, job: Job, *, until: datetime | None = None) -> None:
    """Let a job wait: until a moment, or, a fan-out's, for the next arrivals.

    :raises Conflict: the lease was lost, or the instance suspended meanwhile; the caller's transaction must roll back
    """
    result = session.execute(
        update(Job)
        .where(_mine(job), Job.held_at.is_(None))
        .values(token=None, lease_until=None, due_at=until, attempts=0)
        .execution_options(synchronize_session=False)
    )
    assert isinstance(result, CursorResult)
    if result.rowcount != 1:
        raise lost(job)


def fail(
    session: Session,
    job: Job,
    error: Mapping[str, Any],
    at: datetime,
    *,
    waits: Sequence[timedelta] = RETRIES,
) -> bool:
    """Note the real error; try again later, or leave it to a person. True when it is an incident now.

    :param error: ``message`` and what else is known of it
    :param waits: before the second, third ... attempt
    """
    spent = job.attempts > len(waits)
    # Jobs that failed together, because what they all call is down, come back one after another.
    due = at if spent else at + waits[job.attempts - 1] * random.uniform(1, 1.1)
    result = session.execute(
        update(Job)
        .where(_mine(job))
        .values(
            token=None,
            lease_until=None,
            last_error=error["message"][:4000],
            error=error,
            incident_at=at if spent else None,
            due_at=due,
        )
        .execution_options(synchronize_session=False)
    )
    assert isinstance(result, CursorResult)
    return spent and result.rowcount == 1


def let_go(session: Session, job: Job) -> None:
    free = update(Job).where(_mine(job)).values(token=None, lease_until=None)
    session.execute(free.execution_options(synchronize_session=False))
