"""Content by digest: every file the engine keeps is stored once, under its SHA-256."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import LargeBinary, String, select
from sqlalchemy.dialects import postgresql, sqlite
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
    return put_all(session, [(content, media_type)], at)[0]


def put_all(session: Session, contents: Sequence[tuple[bytes, str]], at: datetime) -> list[str]:
    """Store several files, as (content, media type), in one statement; returns their digests in order."""
    rows = {
        digest_of(content): {
            "media_type": media_type,
            "size": len(content),
            "content": content,
            "created_at": at,
        }
        for content, media_type in contents
    }
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    if (
        rows
    ):  # another transaction may store the same bytes at this moment: whoever comes second has nothing to do
        session.execute(
            dialect.insert(Blob)
            .values([{"digest": digest, **row} for digest, row in rows.items()])
            .on_conflict_do_nothing(index_elements=["digest"])
        )
    return [digest_of(content) for content, _ in contents]


def get(session: Session, digest: str) -> bytes:
    """:raises NotFound: no blob of that digest"""
    content = session.scalar(select(Blob.content).where(Blob.digest == digest))
    if content is None:
        raise NotFound("no-blob", f"文件 {digest[:12]} 不存在。", digest=digest)
    return content


def preload(session: Session, digests: Sequence[str]) -> None:
    """Read several into memory in one statement, for ``cached``."""
    with _cache_lock:
        unknown = [digest for digest in digests if digest not in _CACHE]
    if unknown:
        for digest, content in session.execute(
            select(Blob.digest, Blob.content).where(Blob.digest.in_(unknown))
        ):
            _keep(digest, content)


_CACHE: OrderedDict[str, bytes] = OrderedDict()
_CACHE_BYTES = 32_000_000
_cache_lock = threading.Lock()


def cached(session: Session, digest: str) -> bytes:
    """The same as ``get``, from memory where this process has read it lately. A digest's bytes never change."""
    with _cache_lock:
        content = _CACHE.get(digest)
        if content is not None:
            _CACHE.move_to_end(digest)
            return content
    content = get(session, digest)
    _keep(digest, content)
    return content


def _keep(digest: str, content: bytes) -> None:
    with _cache_lock:
        _CACHE[digest] = content
        while sum(map(len, _CACHE.values())) > _CACHE_BYTES and len(_CACHE) > 1:
            _CACHE.popitem(last=False)
