"""Opinions 意见: what people wrote when they acted. Each is part of the act's event, so nobody takes it back or changes it; it is
bound to the act, to the task and to the bytes of the documents that the task showed at that moment. ``approvals`` reads them as the
lines of a 审批单."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import history
from engine.clock import local
from engine.documents.revisions import Revision
from engine.history import Event
from engine.instances import ProcessInstance
from engine.organisation.people import Person
from engine.work_items import ShownDocument, WorkItem


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


#: how somebody came to give his opinion at another's task
ADDITIONS = {"before": "前加签", "parallel": "并加签", "after": "后加签", "delegated": "受委派"}


def approvals(session: Session, instance: ProcessInstance, steps: Mapping[str, str]) -> list[dict[str, Any]]:
    """The lines of an instance's 审批单, in the order of the acts: whoever decided, signed, wrote an opinion, or was added (加签).

    A branch of a multiple task goes on the form of what it branches from. What an act decided is its radio buttons' labels and the
    outcome of its signature.

    :param steps: element id -> name of the step
    :returns: {环节, 姓名, 职务, 意见, 决定, 日期, 加签}; 意见, 决定, 加签 are null where there is none; 职务 is the post in which he
        acted, or else his job
    """
    line = [instance]
    while line[-1].fanout_id is not None and line[-1].parent_id is not None:
        line.append(session.get_one(ProcessInstance, line[-1].parent_id))
    bare = select(WorkItem.id).where(
        WorkItem.instance_id.in_([one.id for one in line]), WorkItem.fanout_id.is_not(None)
    )
    streams = [
        *(one.stream for one in line),
        *(f"work-item:{one}" for one in session.scalars(bare.limit(1000))),
    ]
    acts = list(_acts(history.read(session, *streams)))
    who = {one for event, said in acts for one in (event.person_id, said.get("for")) if one}
    persons = {one.id: one for one in session.scalars(select(Person).where(Person.id.in_(who)))}
    joined = select(WorkItem.id).where(
        WorkItem.id.in_([said["work_item"] for _, said in acts]),
        WorkItem.added_by_id.is_not(None),
        WorkItem.origin_id.is_(None),
    )
    counted = set(session.scalars(joined))
    return [_approval(event, said, steps, persons, counted) for event, said in acts]


def _acts(events: Iterable[Event]) -> Iterator[tuple[Event, dict[str, Any]]]:
    """Those that belong on the form, each with its payload; what was erased is left out."""
    for event in events:
        said = event.payload if isinstance(event.payload, dict) else {}
        if event.code == "rejected" or (
            event.code == "completed"
            and any(said.get(part) for part in ("opinion", "chosen", "outcome", "addition"))
        ):
            yield event, said


def _approval(
    event: Event,
    said: Mapping[str, Any],
    steps: Mapping[str, str],
    persons: Mapping[int, Person],
    counted: set[int],
) -> dict[str, Any]:
    outcome = said.get("outcome")
    decided = [*said.get("chosen", ()), *([outcome] if outcome else [])]
    if event.code == "rejected":
        decided = [f"驳回至“{said['to']['name']}”"]
    person, instead_of = persons.get(event.person_id or 0), persons.get(said.get("for") or 0)
    name = person.name if person else ""
    if said.get("signer"):  # on paper; whoever handed it in is not the one who decided
        name = said["signer"]["name"]
    added = ADDITIONS.get(said.get("addition") or "")
    return {
        "环节": steps.get(event.element_id or "") or said.get("title") or "",
        "姓名": name if instead_of is None else f"{name}（代{instead_of.name}）",
        "职务": event.post or (person.job_title if person else None),
        "意见": said.get("opinion"),
        "决定": "，".join(decided) or None,
        "日期": local(event.at).date(),
        "加签": added or ("并加签" if said.get("work_item") in counted else None),
    }
