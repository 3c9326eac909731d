"""Secret ballots: sealed when they are cast, opened all at once, destroyed with the count or with the vote.

A ballot lies under a random number, without person, order or time. Its key is made of a secret outside the database and of its box's
salt, which goes when the ballots go. See docs/decisions/010-secret-ballots.md.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import Counter
from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import ColumnElement, ForeignKey, LargeBinary, String, delete, insert, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.database import Table


class BallotBox(Table):
    """The box of an open secret vote.

    :ivar salt: half of its ballots' key, in hexadecimal
    """

    __tablename__ = "ballot_box"

    fanout_id: Mapped[int] = mapped_column(ForeignKey("fanout.id"), primary_key=True)
    salt: Mapped[str] = mapped_column(String(64))


class Ballot(Table):
    """A ballot that is not counted yet. Its place in the table is as random as its number.

    :ivar sealed: the choice, encrypted; each as long as any other
    """

    __tablename__ = "ballot"
    __table_args__ = ({"sqlite_with_rowid": False},)  # a rowid would number the ballots in their order

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    box_id: Mapped[int] = mapped_column(ForeignKey("ballot_box.fanout_id", ondelete="CASCADE"), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


def set_up(session: Session, fanout_id: int) -> None:
    session.execute(insert(BallotBox).values(fanout_id=fanout_id, salt=secrets.token_hex(32)))


def is_open(session: Session, fanout_id: int | None) -> bool:
    """Whether a secret vote is held there."""
    return fanout_id is not None and session.get(BallotBox, fanout_id) is not None


def drop(session: Session, fanout_id: int, choice: str, choices: Sequence[str], passphrase: str) -> bool:
    """Seal a choice and drop it into the box; False when the box is gone."""
    # The count waits for ballots on their way; they do not wait for each other.
    salt = session.scalar(
        select(BallotBox.salt).where(BallotBox.fanout_id == fanout_id).with_for_update(read=True)
    )
    if salt is None:
        return False
    number = secrets.token_hex(16)
    sealed = _cipher(passphrase, salt).encrypt(
        bytes.fromhex(number), bytes([choices.index(choice)]), _label(fanout_id)
    )
    # In bulk, not by the session: nothing of it stays in memory beside the voter's rows.
    session.execute(insert(Ballot.__table__), [{"id": number, "box_id": fanout_id, "sealed": sealed}])  # type: ignore[arg-type]
    return True


def count(session: Session, fanout_id: int, choices: Sequence[str], passphrase: str) -> Counter[str]:
    """Open every ballot of a box: choice -> how many; the box is destroyed."""
    box = session.get_one(BallotBox, fanout_id, with_for_update=True, populate_existing=True)
    cipher, label = _cipher(passphrase, box.salt), _label(fanout_id)
    rows = session.execute(select(Ballot.id, Ballot.sealed).where(Ballot.box_id == fanout_id)).all()
    found = Counter(
        choices[cipher.decrypt(bytes.fromhex(number), sealed, label)[0]] for number, sealed in rows
    )
    destroy(session, BallotBox.fanout_id == fanout_id)
    return found


def destroy(session: Session, *which: ColumnElement[Any]) -> None:
    """Destroy boxes with everything in them, by any of these conditions: one statement."""
    session.execute(delete(BallotBox).where(or_(*which)).execution_options(synchronize_session=False))


def _cipher(passphrase: str, salt: str) -> AESGCM:
    return AESGCM(hmac.new(passphrase.encode(), b"ballot" + bytes.fromhex(salt), hashlib.sha256).digest())


def _label(fanout_id: int) -> bytes:
    return b"%d" % fanout_id
