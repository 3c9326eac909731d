"""Checkpoints: what every stream's head was, signed by the installation's authority, once a minute.

A hash chain shows that a line was changed, not that its last lines were cut off, or that all of it was written anew. A checkpoint
does: it binds the heads of that minute, and the checkpoint before, with a key that the database does not hold in the clear.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from sqlalchemy import LargeBinary, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine import values
from engine.database import Table, UtcDateTime, Values
from engine.documents import authority
from engine.history import GENESIS, Event

#: transactions may commit out of the order of their event ids: look back this far
OVERLAP = 1000


class Checkpoint(Table):
    """``heads``: stream -> [seq, hash] of every stream that grew since the checkpoint before."""

    __tablename__ = "checkpoint"

    id: Mapped[int] = mapped_column(primary_key=True)
    sealed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_event_id: Mapped[int]
    heads: Mapped[dict[str, Any]] = mapped_column(Values)
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
    signature: Mapped[bytes] = mapped_column(LargeBinary)

    def digest(self) -> str:
        line = [self.sealed_at, self.last_event_id, self.heads]
        return hashlib.sha256(self.previous.encode() + values.dumps(line).encode()).hexdigest()


def seal(session: Session, *, passphrase: str, at: datetime) -> Checkpoint | None:
    """Seal what is new; None where nothing is, or the installation has no authority yet."""
    holder = authority.root(session)
    last = session.scalar(select(Checkpoint).order_by(Checkpoint.id.desc()).limit(1).with_for_update())
    seen = last.last_event_id if last is not None else 0
    new = session.execute(
        select(Event.id, Event.stream, Event.seq, Event.hash)
        .where(Event.id > seen - OVERLAP)
        .order_by(Event.id)
    ).all()
    if holder is None or not new or new[-1].id <= seen:
        return None
    checkpoint = Checkpoint(
        sealed_at=at,
        last_event_id=new[-1].id,
        heads={row.stream: [row.seq, row.hash] for row in sorted(new, key=lambda row: row.seq)},
        previous=last.hash if last is not None else GENESIS,
    )
    checkpoint.hash = checkpoint.digest()
    key = authority.load_key(holder, passphrase)
    assert isinstance(key, rsa.RSAPrivateKey)
    checkpoint.signature = key.sign(checkpoint.hash.encode(), padding.PKCS1v15(), hashes.SHA256())
    session.add(checkpoint)
    session.flush()
    return checkpoint


def verify(session: Session) -> Iterator[str]:
    """Check every checkpoint against the authority and against the events; yields a sentence for each fault."""
    keys = [own.x509.public_key() for own in authority.authorities(session) if own.algorithm == "RSA"]
    previous = GENESIS
    for checkpoint in session.scalars(select(Checkpoint).order_by(Checkpoint.id)):
        if checkpoint.previous != previous or checkpoint.hash != checkpoint.digest():
            yield f"第 {checkpoint.id} 号检查点已被改动，或它前面的检查点缺失。"
        elif not any(_signed(key, checkpoint) for key in keys):
            yield f"第 {checkpoint.id} 号检查点的签名无效。"
        previous = checkpoint.hash
        streams = select(Event.stream, Event.seq, Event.hash).where(Event.stream.in_(checkpoint.heads))
        present = {(row.stream, row.seq): row.hash for row in session.execute(streams)}
        for stream, (seq, head) in checkpoint.heads.items():
            if present.get((stream, seq)) != head:
                yield f"{stream}：第 {seq} 条记录与第 {checkpoint.id} 号检查点不符，记录被删去或重写。"


def _signed(key: Any, checkpoint: Checkpoint) -> bool:
    if not isinstance(key, rsa.RSAPublicKey):
        return False
    try:
        key.verify(checkpoint.signature, checkpoint.hash.encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True
