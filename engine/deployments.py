"""Deployments and process definitions: what was deployed, immutable, by digest."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from lxml import etree
from sqlalchemy import ForeignKey, String, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine import blobs, dmn, forms, ledgers, rules, start_events, values
from engine.bpmn.execution import Process
from engine.bpmn.parser import parse, parse_xml
from engine.clock import local
from engine.database import Table, UtcDateTime, Values
from engine.documents import library
from engine.errors import Finding, LvzeError, NotExecutable, NotFound, Refused
from engine.shipped import DOC_TEMPLATES

MEDIA_TYPES = {
    ".bpmn": "application/bpmn+xml",
    ".dmn": "application/dmn+xml",
    ".json": "application/json",
    ".yaml": "application/yaml",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}


class Deployment(Table):
    """One act of deploying."""

    __tablename__ = "deployment"

    id: Mapped[int] = mapped_column(primary_key=True)
    deployed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deployed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))


class ProcessDefinition(Table):
    """A version of a process. ``resources``: file name -> blob digest; ``called``: process key -> definition id.

    ``digest`` covers the diagram and everything pinned; equal to the latest version's digest makes no new version.
    """

    __tablename__ = "process_definition"
    __table_args__ = (UniqueConstraint("key", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(200))
    version: Mapped[int]
    name: Mapped[str] = mapped_column(String(200))
    deployment_id: Mapped[int] = mapped_column(ForeignKey("deployment.id"))
    digest: Mapped[str] = mapped_column(String(64))
    bpmn_digest: Mapped[str] = mapped_column(ForeignKey("blob.digest"))
    resources: Mapped[dict[str, str]] = mapped_column(Values)
    called: Mapped[dict[str, int]] = mapped_column(Values)
    findings: Mapped[list[Any]] = mapped_column(Values)
    deployed_at: Mapped[datetime] = mapped_column(UtcDateTime)


def lint(session: Session, files: Mapping[str, bytes]) -> list[Finding]:
    """Every finding on a process folder's files; nothing is stored."""
    try:
        return _check(session, files)[1]
    except Refused as refused:
        return refused.findings


def _check(
    session: Session, files: Mapping[str, bytes]
) -> tuple[Process, list[Finding], Mapping[str, bytes]]:
    """The process, what is to be said of it, and its files with the templates that it takes from the library."""
    diagrams = [name for name in files if name.endswith(".bpmn")]
    if len(diagrams) != 1:
        raise Refused(
            [Finding("one-diagram", f"一个流程文件夹应有且只有一个 .bpmn 文件，现有 {len(diagrams)} 个。")]
        )
    (name,) = diagrams
    root = parse_xml(files[name])
    files = {**_templates(session, root, files), **files}
    known = set(session.scalars(select(ProcessDefinition.key).distinct()))
    findings = rules.check(root, files, known)
    if any(finding.severity == "error" for finding in findings):
        raise Refused(findings)
    return Process.compile(files[name]), findings, files


def _templates(session: Session, root: etree._Element, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The Word templates that diagram and ledgers name and the folder does not bring: the library's latest versions, or those that
    come with the software where there is no library yet."""
    try:
        references = parse(root).references()
        wanted = (references["template"] | _plaques(files, references["ledger"])) - files.keys()
    except LvzeError:  # which the rules tell
        return {}
    shipped = {name: DOC_TEMPLATES / name for name in wanted if "/" not in name}
    found = {name: path.read_bytes() for name, path in shipped.items() if path.is_file()}
    return {**found, **library.latest_contents(session, wanted)}


def _plaques(files: Mapping[str, bytes], names: Iterable[str]) -> set[str]:
    """The templates of what hangs on the wall for a ledger's rows."""
    found = [ledgers.load(files[f"{name}.ledger.yaml"]) for name in names if f"{name}.ledger.yaml" in files]
    return {ledger.plaque for ledger in found if ledger.plaque is not None}


def deploy(
    session: Session, files: Mapping[str, bytes], *, by: int | None, at: datetime
) -> ProcessDefinition:
    """Deploy a process folder: exactly one .bpmn and what it refers to; Word templates may also be those of the library.

    :raises Refused: findings; nothing was deployed
    """
    process, findings, files = _check(session, files)
    diagram = next(content for name, content in files.items() if name.endswith(".bpmn"))
    model = process.model
    references = model.references()
    pinned = {name for kind in ("form", "decision", "template", "ledger") for name in references[kind]}
    pinned |= {name for file in references["decision"] for name in dmn.Folder(files).imported(file)}
    stored = {n: f"{n}.ledger.yaml" for n in references["ledger"]}
    pinned |= {plaque for file in stored.values() if (plaque := ledgers.load(files[file]).plaque)}
    resources = {
        name: blobs.put(session, files[stored.get(name, name)], _media_type(stored.get(name, name)), at)
        for name in sorted(pinned)
    }
    called = {key: latest(session, key).id for key in sorted(references["process"] - {model.key})}
    bpmn_digest = blobs.put(session, diagram, MEDIA_TYPES[".bpmn"], at)
    digest = blobs.digest_of(values.dumps([bpmn_digest, resources, called]).encode())
    former = _newest(session, model.key)
    if former is not None and former.digest == digest:
        return former
    deployment = Deployment(deployed_at=at, deployed_by_id=by)
    session.add(deployment)
    session.flush()
    definition = ProcessDefinition(
        key=model.key,
        version=former.version + 1 if former else 1,
        name=model.name,
        deployment_id=deployment.id,
        digest=digest,
        bpmn_digest=bpmn_digest,
        resources=resources,
        called=called,
        findings=[
            {"rule": f.rule, "message": f.message, "element": f.element, "severity": f.severity}
            for f in findings
        ],
        deployed_at=at,
    )
    session.add(definition)
    session.flush()
    if model.key in references["process"]:  # a process that calls itself goes on in its own version
        definition.called = {**called, model.key: definition.id}
    versions = select(ProcessDefinition.id).where(ProcessDefinition.key == model.key)
    try:
        start_events.replace(session, versions, definition.id, model, at)
    except NotExecutable as error:  # an expression whose value is no moment
        raise Refused([Finding("timers", str(error), error.details.get("element"))]) from error
    return definition


def deploy_shipped(session: Session, files: Mapping[str, bytes], *, at: datetime) -> ProcessDefinition:
    """Deploy a process that comes with the software. Where designers have deployed another version after this very folder, theirs
    stays the latest; a template of which they have made a version of their own stays as it was deployed.

    :raises Refused: findings; nothing was deployed
    """
    diagram = next((content for name, content in files.items() if name.endswith(".bpmn")), b"")
    former = _newest(session, parse(parse_xml(diagram)).key)
    if former is None:
        return deploy(session, files, by=None, at=at)
    if not _is_of(files, former) and any(_is_of(files, one) for one in versions(session, former.key)):
        return former
    kept = former.resources.keys() & library.own_names(session)
    pinned = {name: blobs.get(session, former.resources[name]) for name in kept}
    return deploy(session, {**pinned, **files}, by=None, at=at)


def _is_of(files: Mapping[str, bytes], definition: ProcessDefinition) -> bool:
    """Was this folder deployed as this version? Templates of the library are not of the folder."""
    deployed = {n if "." in n else f"{n}.ledger.yaml": digest for n, digest in definition.resources.items()}
    digests = {name: blobs.digest_of(content) for name, content in files.items()}
    return definition.bpmn_digest in digests.values() and all(
        digests[name] == digest for name, digest in deployed.items() if name in digests
    )


def replace_template(
    session: Session, definition: ProcessDefinition, name: str, content: bytes, *, by: int, at: datetime
) -> ProcessDefinition:
    """Deploy a version again with other bytes of one of its Word templates.

    :raises NotFound: the version has no such template
    :raises Refused: findings; nothing was deployed
    """
    if name not in definition.resources:
        raise NotFound("no-template", f"流程“{definition.name}”没有用模板“{name}”。", name=name)
    return deploy(session, {**files(session, definition), name: content}, by=by, at=at)


def _media_type(name: str) -> str:
    return MEDIA_TYPES.get("." + name.rsplit(".", 1)[-1], "application/octet-stream")


def _newest(session: Session, key: str) -> ProcessDefinition | None:
    versions = select(ProcessDefinition).where(ProcessDefinition.key == key)
    return session.scalar(versions.order_by(ProcessDefinition.version.desc()).limit(1))


def latest(session: Session, key: str) -> ProcessDefinition:
    """:raises NotFound: no process of that key"""
    found = _newest(session, key)
    if found is None:
        raise NotFound("no-definition", f"没有编号为“{key}”的流程。", key=key)
    return found


def versions(session: Session, key: str) -> list[ProcessDefinition]:
    """The newest first.

    :raises NotFound: no process of that key
    """
    latest(session, key)
    query = select(ProcessDefinition).where(ProcessDefinition.key == key)
    return list(session.scalars(query.order_by(ProcessDefinition.version.desc())))


def version(session: Session, key: str, number: int | None) -> ProcessDefinition:
    """:param number: None for the latest
    :raises NotFound: no such process, or no such version of it
    """
    if number is None:
        return latest(session, key)
    found = next((one for one in versions(session, key) if one.version == number), None)
    if found is None:
        raise NotFound("no-definition", f"流程“{key}”没有第 {number} 版。", key=key, version=number)
    return found


def all_latest(session: Session) -> list[ProcessDefinition]:
    newest = select(func.max(ProcessDefinition.id)).group_by(ProcessDefinition.key)
    return list(
        session.scalars(
            select(ProcessDefinition).where(ProcessDefinition.id.in_(newest)).order_by(ProcessDefinition.name)
        )
    )


def get(session: Session, definition_id: int) -> ProcessDefinition:
    """:raises NotFound: no such definition"""
    found = session.get(ProcessDefinition, definition_id)
    if found is None:
        raise NotFound("no-definition", "没有这个流程版本。", id=definition_id)
    return found


def files(session: Session, definition: ProcessDefinition) -> dict[str, bytes]:
    """The files of a version, as they were deployed: diagram, forms, decisions, ledgers, templates."""
    pinned = {
        n if "." in n else f"{n}.ledger.yaml": blobs.get(session, digest)  # a ledger is pinned by its name
        for n, digest in definition.resources.items()
    }
    return {f"{definition.key}.bpmn": blobs.get(session, definition.bpmn_digest), **pinned}


class Loaded:
    """A definition ready to run: its process, forms and decisions, parsed once and shared by all threads."""

    def __init__(self, session: Session, definition: ProcessDefinition) -> None:
        # A copy that belongs to no session: this object outlives the transaction that first asked for it.
        columns = [column.key for column in ProcessDefinition.__table__.columns]
        self.definition = ProcessDefinition(**{name: getattr(definition, name) for name in columns})
        self.process = Process.compile(blobs.get(session, definition.bpmn_digest))
        content = {name: blobs.get(session, digest) for name, digest in definition.resources.items()}
        self.forms = {name: forms.load(data) for name, data in content.items() if name.endswith(".form.json")}
        self._tables = dmn.Folder(content)
        references = self.process.model.references()
        self.decisions = {name: self._tables.load(name) for name in references["decision"]}
        self.templates = {name: data for name, data in content.items() if name.endswith(".docx")}
        self.ledgers = {name: ledgers.load(content[name]) for name in references["ledger"] if name in content}

    def decide(
        self, resource: str, decision: str, variables: Mapping[str, Any], now: datetime
    ) -> dmn.Decision:
        """:raises LvzeError: no such decision in the model, or it asks for too much"""
        model = self.decisions[resource]
        take = model.call if decision in model.functions else model.decide
        return take(decision, variables, now=local(now))

    def sheets(self, resource: str) -> list[dmn.Sheet]:
        """The decision tables of a decision model and of those that it imports, as they are written."""
        return self._tables.sheets(resource)


class Definitions:
    """The definitions that this process of the operating system has loaded; they never change, so they never grow stale."""

    def __init__(self, size: int = 100) -> None:
        self._size = size
        self._loaded: OrderedDict[int, Loaded] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, session: Session, definition_id: int) -> Loaded:
        with self._lock:
            found = self._loaded.get(definition_id)
            if found is not None:
                self._loaded.move_to_end(definition_id)
                return found
        found = Loaded(session, get(session, definition_id))
        with self._lock:
            self._loaded[definition_id] = found
            while len(self._loaded) > self._size:
                self._loaded.popitem(last=False)
        return found
