"""Phrases 常用语: what people write into opinions again and again. Everybody keeps his own; administrators keep the shared ones."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, func, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.claims import require_text
from engine.database import Table
from engine.errors import Conflict, NotFound

MOST = 100
LENGTH = 200  # characters


class Phrase(Table):
    """One phrase.

    :ivar person_id: whose it is; NULL for one that everybody is offered
    """

    __tablename__ = "phrase"
    __table_args__ = (Index("ix_phrase_person", "person_id", "position"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    text: Mapped[str] = mapped_column(String(LENGTH))
    position: Mapped[int]

    @property
    def is_shared(self) -> bool:
        return self.person_id is None


def of_person(session: Session, person_id: int) -> list[Phrase]:
    """His own, then the shared ones, each in its order."""
    query = select(Phrase).where(or_(Phrase.person_id == person_id, Phrase.person_id.is_(None)))
    return list(session.scalars(query.order_by(Phrase.person_id.is_(None), Phrase.position, Phrase.id)))


def add(session: Session, text: str, *, person_id: int | None) -> Phrase:
    """Append to a list; one that stands there already is returned as it is.

    :raises Invalid: no text, or too long
    :raises Conflict: the list is full
    """
    text = require_text(text, "text", "请写出常用语。", LENGTH)
    own = select(Phrase).where(Phrase.person_id == person_id if person_id else Phrase.person_id.is_(None))
    same = session.scalar(own.where(Phrase.text == text))
    if same is not None:
        return same
    count, last = session.execute(own.with_only_columns(func.count(), func.max(Phrase.position))).one()
    if count >= MOST:
        raise Conflict("phrases-full", f"常用语最多 {MOST} 条，请先删去不用的。")
    phrase = Phrase(person_id=person_id, text=text, position=(last or 0) + 1)
    session.add(phrase)
    session.flush()
    return phrase


def get(session: Session, phrase_id: int, *, by: int | None = None) -> Phrase:
    """:param by: who wants to see it
    :raises NotFound: no such phrase, or somebody else's
    """
    found = session.get(Phrase, phrase_id)
    if found is None or (by is not None and found.person_id not in (by, None)):
        raise NotFound("no-phrase", "没有这条常用语，可能已经删去。", id=phrase_id)
    return found


def change(session: Session, phrase: Phrase, text: str) -> Phrase:
    """:raises Invalid: no text, or too long"""
    phrase.text = require_text(text, "text", "请写出常用语。", LENGTH)
    return phrase


def remove(session: Session, phrase: Phrase) -> None:
    session.delete(phrase)
