"""Opinions 意见: what people wrote when they acted. Each is part of the act's event, so nobody takes it back or changes it; it is
bound to the act, to the task and to the bytes of the documents that the task showed at that moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.documents.revisions import Revision
from engine.history import Event
from engine.work_items import ShownDocument


@dataclass(frozen=True, slots=True)
class Opinion:
    """One opinion.

    :ivar code: of the act: ``completed``, ``rejected`` ...
    :ivar documents: (document id, digest of its bytes) of what was shown
    """

    at: datetime
    person_id: int
    post: str | None
    code: str
    element_id: str | None
    work_item_id: int | None
    title: str
    text: str
    documents: list[tuple[int, str]]


def shown(session: Session, work_item_id: int) -> list[list[Any]]:
    """[document id, digest] of the documents beside an item, as they stand now: for the event of an act with an opinion."""
    rows = session.execute(
        select(ShownDocument.document_id, Revision.base_digest)
        .join(Revision, Revision.document_id == ShownDocument.document_id)
        .where(ShownDocument.work_item_id == work_item_id, Revision.superseded_at.is_(None))
        .order_by(ShownDocument.document_id)
    )
    return [list(row) for row in rows]


def of(events: Iterable[Event]) -> list[Opinion]:
    """The opinions in a timeline, in its order; what was erased is left out."""
    found = []
    for event in events:
        payload = event.payload if isinstance(event.payload, dict) else {}
        if event.person_id is not None and payload.get("opinion"):
            found.append(
                Opinion(
                    event.at,
                    event.person_id,
                    event.post,
                    event.code,
                    event.element_id,
                    payload.get("work_item"),
                    payload.get("title") or "",
                    payload["opinion"],
                    [(document, digest) for document, digest in payload.get("documents") or ()],
                )
            )
    return found
