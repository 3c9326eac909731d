"""Who fills which Word template: the processes by what they pinned, and the designer's acts on the library."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from engine import blobs, deployments, history
from engine.deployments import ProcessDefinition
from engine.documents import library
from engine.documents.library import TemplateVersion, WordTemplate
from engine.documents.templates import Template
from engine.errors import Conflict
from engine.history import Event

STREAM = "templates"


@dataclass(frozen=True, slots=True)
class Use:
    """A process that fills a template.

    :ivar version: the one it was deployed with; None where its folder brought a file of its own
    :ivar newly_required: what the latest version of the template asks for that the process may not give yet
    """

    definition: ProcessDefinition
    version: TemplateVersion | None
    current: bool
    newly_required: list[str]


def uses(session: Session, template: WordTemplate) -> list[Use]:
    """The latest versions of the processes that pin a file of this template's name, by the process's name."""
    by_digest = {one.digest: one for one in reversed(template.versions)}
    newest = library.compiled(session, template.latest)
    found = []
    for definition in deployments.all_latest(session):
        digest = definition.resources.get(template.name)
        if digest is None:
            continue
        current = digest == template.latest.digest
        added = [] if current else library.newly_required(Template.load(blobs.get(session, digest)), newest)
        found.append(Use(definition, by_digest.get(digest), current, added))
    return found


def acts(session: Session, template: WordTemplate) -> list[Event]:
    """What was done with a template, oldest first."""
    events = history.read(session, STREAM)
    return [event for event in events if (event.payload or {}).get("template") == template.name]


def upload(
    session: Session, name: str, content: bytes, *, note: str, by: int, at: datetime
) -> tuple[TemplateVersion, bool]:
    """:raises Invalid: as ``library.upload``"""
    history.lock(session, STREAM)  # of two designers at once, the second makes the next version
    version, new = library.upload(session, name, content, note=note, by=by, at=at)
    if new:
        payload = {
            "template": version.template.name,
            "version": version.number,
            "digest": version.digest,
            "note": version.note,
        }
        history.append_to(session, STREAM, [history.Entry("template-uploaded", payload, by)], at)
    return version, new


def adopt(session: Session, template: WordTemplate, key: str, *, by: int, at: datetime) -> ProcessDefinition:
    """Deploy a process's latest version again with the latest version of a template.

    :raises Refused: findings; nothing was deployed
    :raises NotFound: no such process, or it does not use the template
    :raises Conflict: ``template-in-use``: it uses this version already
    """
    history.lock(session, STREAM)
    former = deployments.latest(session, key)
    if former.resources.get(template.name) == template.latest.digest:
        raise Conflict("template-in-use", f"流程“{former.name}”已经使用这个模板的最新版本。")
    content = blobs.get(session, template.latest.digest)
    made = deployments.replace_template(session, former, template.name, content, by=by, at=at)
    payload = {
        "template": template.name,
        "version": template.latest.number,
        "process": made.name,
        "key": made.key,
        "definition_version": made.version,
    }
    history.append_to(session, STREAM, [history.Entry("template-adopted", payload, by)], at)
    return made
