"""History: append-only events in streams, each a hash chain.

An event holds codes and parameters, never sentences: the web words them, in the reader's language. The chain covers a payload's
digest, so that retention may erase a payload (set it to NULL) and the chain still proves that nothing else changed. A stream's head
sits on a row that the transaction writes anyway; nothing global is locked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine import values
from engine.database import Table, UtcDateTime, Values

GENESIS = "0" * 64


class Event(Table):
    """One line of history.

    ``hash`` = SHA-256 of ``previous`` and the canonical text of [stream, seq, at, code, person, post, element, payload digest].
    """

    __tablename__ = "event"
    __table_args__ = (UniqueConstraint("stream", "seq"), Index("ix_event_person_at", "person_id", "at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    stream: Mapped[str] = mapped_column(String(80))
    seq: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    code: Mapped[str] = mapped_column(String(60))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    post: Mapped[str | None] = mapped_column(String(200))
    element_id: Mapped[str | None] = mapped_column(String(200))
    payload: Mapped[Any | None] = mapped_column(Values)
    payload_digest: Mapped[str] = mapped_column(String(64))
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class Stream(Table):
    """The head of a stream that has no row of its own, such as ``organisation`` and ``accounts``."""

    __tablename__ = "stream"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    event_seq: Mapped[int] = mapped_column(default=0)
    event_hash: Mapped[str] = mapped_column(String(64), default=GENESIS)


class Head(Protocol):
    """A row that carries a stream's head."""

    event_seq: int
    event_hash: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An event to be appended.

    :ivar post: the capacity in which the person acted, as it was at the act
    """

    code: str
    payload: dict[str, Any] = field(default_factory=dict)
    person_id: int | None = None
    post: str | None = None
    element_id: str | None = None


def _digest(payload: Any) -> str:
    return hashlib.sha256(values.dumps(payload).encode()).hexdigest()


def _chain(previous: str, line: Sequence[Any]) -> str:
    return hashlib.sha256(previous.encode() + values.dumps(list(line)).encode()).hexdigest()


def append(session: Session, stream: str, head: Head, entries: Sequence[Entry], at: datetime) -> None:
    """Append in order: one INSERT.

    The head's row is written first: of two that append at once, the slower one finds its version stale instead of a broken chain.
    """
    rows = []
    for entry in entries:
        seq, previous, digest = head.event_seq + 1, head.event_hash, _digest(entry.payload)
        link = _chain(
            previous, [stream, seq, at, entry.code, entry.person_id, entry.post, entry.element_id, digest]
        )
        rows.append(
            {
                "stream": stream,
                "seq": seq,
                "at": at,
                "code": entry.code,
                "person_id": entry.person_id,
                "post": entry.post,
                "element_id": entry.element_id,
                "payload": entry.payload,
                "payload_digest": digest,
                "previous": previous,
                "hash": link,
            }
        )
        head.event_seq, head.event_hash = seq, link
    session.flush()
    if rows:
        session.execute(insert(Event.__table__), rows)  # type: ignore[arg-type]  # the ORM would split rows by their NULLs


def append_to(session: Session, stream: str, entries: Sequence[Entry], at: datetime) -> None:
    """Append to a stream whose head is a row of ``stream``; the row is locked for the transaction."""
    append(session, stream, lock(session, stream), entries, at)


def lock(session: Session, stream: str) -> Stream:
    """The head of a stream that has no row of its own; of two that ask at once, the second waits for the first to end."""
    head = session.get(Stream, stream, with_for_update=True)
    if head is None:
        dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
        new = dialect.insert(Stream).values(name=stream, event_seq=0, event_hash=GENESIS)
        session.execute(new.on_conflict_do_nothing(index_elements=["name"]))
        head = session.get_one(Stream, stream, with_for_update=True)
    return head


def at(session: Session, stream: str, number: int) -> Event | None:
    """The event with a number, 1-based, in a stream."""
    return session.scalar(select(Event).where(Event.stream == stream, Event.seq == number))


def last_actor(session: Session, stream: str) -> int | None:
    """The person whose act is the last in the stream."""
    acts = select(Event.person_id).where(Event.stream == stream, Event.person_id.is_not(None))
    return session.scalar(acts.order_by(Event.seq.desc()).limit(1))


def read(session: Session, *streams: str) -> list[Event]:
    return list(session.scalars(select(Event).where(Event.stream.in_(streams)).order_by(Event.at, Event.id)))


def verify(session: Session) -> Iterator[str]:
    """Walk every chain; yields a sentence for each break. An erased payload is no break."""
    every = select(Event).order_by(Event.stream, Event.seq)
    return faults(session.scalars(every.execution_options(yield_per=1000)))


def faults(events: Iterable[Event]) -> Iterator[str]:
    """The breaks in chains of events, stream by stream, wherever they were read from."""
    stream, seq, previous = None, 0, GENESIS
    for event in events:
        if event.stream != stream:
            stream, seq, previous = event.stream, 0, GENESIS
        seq += 1
        line = [
            event.stream,
            event.seq,
            event.at,
            event.code,
            event.person_id,
            event.post,
            event.element_id,
            event.payload_digest,
        ]
        if event.seq != seq:
            yield f"{event.stream}：第 {seq} 条记录缺失。"
            seq = event.seq
        elif event.previous != previous or event.hash != _chain(event.previous, line):
            yield f"{event.stream}：第 {event.seq} 条记录与前后不衔接，已被改动。"
        elif event.payload is not None and event.payload_digest != _digest(event.payload):
            yield f"{event.stream}：第 {event.seq} 条记录的内容已被改动。"
        previous = event.hash
