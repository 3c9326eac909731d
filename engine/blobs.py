"""Content by digest: every file the engine keeps is stored once, under its SHA-256."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import LargeBinary, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.database import Table, UtcDateTime
from engine.errors import NotFound


class Blob(Table):
    """Immutable bytes. ``digest`` is the lower-case hexadecimal SHA-256 of ``content``."""

    __tablename__ = "blob"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    media_type: Mapped[str] = mapped_column(String(120))
    size: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def put(session: Session, content: bytes, media_type: str, at: datetime) -> str:
    """Store the bytes unless they are stored already; returns the digest."""
    digest = digest_of(content)
    if session.scalar(select(Blob.digest).where(Blob.digest == digest)) is None:
        session.add(Blob(digest=digest, media_type=media_type, size=len(content), content=content, created_at=at))
        session.flush()
    return digest


def get(session: Session, digest: str) -> bytes:
    """:raises NotFound: no blob of that digest"""
    content = session.scalar(select(Blob.content).where(Blob.digest == digest))
    if content is None:
        raise NotFound("no-blob", f"文件 {digest[:12]} 不存在。", digest=digest)
    return content
