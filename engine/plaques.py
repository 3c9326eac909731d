"""Plaques 承诺监督牌: what hangs on the wall for a row of a ledger, issued anew whenever something that it discloses changes.

A ledger names the template (``plaque``). Whatever writes the row or one of its sections leaves a job of kind ``plaque`` in its own
transaction. The job issues a new document in the place of the former one, which stays, superseded: its code (验真) says so to whoever
reads it off the old plaque. The template comes from the version of the process that published the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import PurePath
from typing import Any

from sqlalchemy.orm import Session

from engine import blobs, history, instances, jobs, ledgers
from engine.clock import local
from engine.documents import classification, codes, register, revisions
from engine.documents.signature_lines import insert_signature_lines
from engine.documents.templates import Template
from engine.errors import Conflict, NotFound
from engine.history import Entry
from engine.jobs import Job
from engine.ledgers import AUDIENCES, LedgerEntry
from engine.runtime import Runtime

#: printed in the place of a section that is open to the branch only: the plaque hangs where others pass
WITHHELD = "在本支部范围内公开。"


@dataclass(frozen=True, slots=True)
class _Draft:
    """What a row's plaque says now.

    :ivar data: for the template, without its code
    """

    kind: str
    template: bytes
    data: dict[str, Any]


def run(runtime: Runtime, job: Job, at: datetime) -> None:
    """A job of kind ``plaque``: the row whose id is its payload."""
    entry_id = int(job.payload or 0)
    with runtime.database.read() as session:
        draft = _draft(runtime, session, ledgers.get(session, entry_id))
    template, code = Template.load(draft.template), codes.draw()
    proof = codes.for_template(code, runtime.settings.public_url)
    base = insert_signature_lines(template.fill({**draft.data, "验真": proof}), [])
    level = classification.require_approval(base, approval=runtime.settings.classified_approval)
    with jobs.renewing(runtime.database, job):
        rendered = runtime.renderer.render(base)
    with runtime.database.write() as session:
        entry = ledgers.get(session, entry_id)
        session.refresh(entry, with_for_update=True)
        jobs.finish(session, job)
        if not entry.live or _shows(session, entry, draft.data):
            return
        if _draft(runtime, session, entry) != draft:
            raise Conflict("row-changed", "公开内容刚刚又有改动，监督牌将重新生成。", entry=entry.id)
        document = register.create(
            session,
            instance_id=entry.instance_id,
            kind=draft.kind,
            title=f"{draft.kind}（{_name(entry)}）",
            unit_id=entry.unit_id,
            template_digest=template.digest,
            data={**draft.data, "验真": proof},
            base=base,
            slots=[],
            classification=level,
            code=code,
            replaces_id=entry.plaque_id,
            at=at,
        )
        revisions.set_pdf(session, document.revision.id, pdf=rendered.pdf, page_count=rendered.pages, at=at)
        issued = {"entry": entry.id, "document": document.id, "replaces": entry.plaque_id}
        entry.plaque_id = document.id
        history.append_to(session, f"ledger:{entry.ledger}", [Entry("plaque-issued", issued)], at)


def _draft(runtime: Runtime, session: Session, entry: LedgerEntry) -> _Draft:
    loaded = runtime.definitions.get(session, instances.get(session, entry.instance_id).definition_id)
    template = loaded.ledgers[entry.ledger].plaque or ""
    data = {
        **entry.values,
        "公开": {
            one.section: WITHHELD if one.audience == AUDIENCES[0] and one.text else one.text
            for one in entry.sections
        },
        "公布日期": local(entry.published_at).date(),
        "更新日期": local(max(one.updated_at for one in entry.sections)).date(),
        "公示网址": f"{runtime.settings.public_url}/noticeboard/{entry.id}",
    }
    return _Draft(PurePath(template).stem, loaded.templates[template], data)


def _name(entry: LedgerEntry) -> str:
    """What the first section begins with: 范承志. Strangers read it where they verify the plaque."""
    first = entry.sections[0] if entry.sections else None
    lines = first.text.splitlines() if first is not None and first.audience != AUDIENCES[0] else []
    return lines[0][:100] if lines else str(entry.id)


def _shows(session: Session, entry: LedgerEntry, data: Mapping[str, Any]) -> bool:
    """Does the plaque that is there say the same already?"""
    if entry.plaque_id is None:
        return False
    former = register.get(session, entry.plaque_id).data
    return {name: value for name, value in former.items() if name not in ("验真", "更新日期")} == {
        name: value for name, value in data.items() if name != "更新日期"
    }


def file(session: Session, entry_id: int, *, person_id: int | None, on: date) -> bytes:
    """The PDF of a row's plaque, for a reader of the noticeboard.

    :raises NotFound: no such row, it has none, or it shows more than he may read
    """
    entry = ledgers.get(session, entry_id)
    shown = ledgers.noticeboard(session, entry.ledger, person_id=person_id, on=on)
    notice = next((one for one in shown if one.entry.id == entry_id), None)
    if notice is None or not notice.has_plaque or entry.plaque_id is None:
        raise NotFound("no-plaque", "这一条没有监督牌，或者它不对您公开；登录后再看看。")
    document = register.get(session, entry.plaque_id)
    assert document.revision.pdf_digest is not None  # made with it
    return blobs.get(session, document.revision.pdf_digest)
