"""The facade: one method is one transaction. Logic lives in the nouns; authorization is asked here or below, never in the web."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO

from alembic import command
from alembic.config import Config
from sqlalchemy.orm import Session

from engine import (
    additions,
    adhoc,
    archives,
    assignment,
    authenticity,
    blobs,
    cancellation,
    carbon_copies,
    checkpoints,
    claims,
    completion,
    deletion,
    deliveries,
    deployments,
    history,
    inbox,
    incidents,
    instance_migrations,
    jobs,
    ledgers,
    local_days,
    notifications,
    nudges,
    operations,
    opinions,
    overview,
    phrases,
    plaques,
    reading,
    renewals,
    stamping,
    starting,
    suspension,
    template_uses,
    transfers,
    variables,
    workers,
)
from engine.authenticity import Brought, Standing
from engine.bpmn.model import Element
from engine.cancellation import Consequences
from engine.carbon_copies import CarbonCopy
from engine.clock import Clock, SystemClock, local
from engine.completion import Completion
from engine.database import Database
from engine.deliveries import Delivery, Receiver
from engine.deployments import Definitions, ProcessDefinition
from engine.documents import (
    authority,
    codes,
    differences,
    inspection,
    library,
    number_workbook,
    numbering,
    ofd,
    register,
    revisions,
    seals,
    signatures,
    trials,
    trust,
)
from engine.documents.authority import Certificate
from engine.documents.differences import Change
from engine.documents.inspection import Inspection
from engine.documents.library import TemplateVersion, WordTemplate
from engine.documents.numbering import DocumentNumber
from engine.documents.pdf import Renderer
from engine.documents.preview import Previews
from engine.documents.register import Document
from engine.documents.revisions import RevisionLine
from engine.documents.seal_pictures import DIAMETER
from engine.documents.seals import SealUseLine
from engine.documents.templates import Template
from engine.documents.trials import Questions, Trial
from engine.documents.trust import TrustedRoot
from engine.documents.verification import Verification
from engine.effects import Effects
from engine.errors import Conflict, Finding, Invalid, NotAllowed, NotFound
from engine.incidents import Incident
from engine.instance_migrations import InstanceMigration, Plan, Progress
from engine.instances import ProcessInstance
from engine.ledgers import LedgerDefinition, LedgerEntry, LedgerSection, Notice, Rollup
from engine.local_days import LocalDay
from engine.organisation import (
    accounts,
    delegation,
    demo,
    departments,
    importing,
    people,
    posts,
    succession,
    units,
    views,
    workbook,
)
from engine.organisation.accounts import Account
from engine.organisation.delegation import Delegation
from engine.organisation.demo import DemoAccount
from engine.organisation.importing import ImportReport
from engine.organisation.people import Membership, Person
from engine.organisation.posts import Holding
from engine.organisation.units import Unit
from engine.organisation.views import PersonView, TreeLine, UnitView
from engine.phrases import Phrase
from engine.pki import KeyKind
from engine.renewals import Renewal
from engine.runtime import Runtime
from engine.settings import Settings
from engine.shipped import DOC_TEMPLATES
from engine.starting import StartForm
from engine.suspension import Suspension
from engine.template_uses import Use
from engine.work_items import WorkItem
from engine.working_time import Calendar

AUTHORITY = "履责电子签名证书机构"


class ProcessEngine:
    """The engine of one installation; shared by all threads of a process.

    ``by`` is always a person's id: the one who acts, or who reads. Moments come from the clock.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        settings.home.mkdir(parents=True, exist_ok=True)
        renderer = Renderer()
        self._runtime = Runtime(
            settings,
            Database(settings.database_url, settings.office_hours, settings.pki),
            clock or SystemClock(),
            Definitions(),
            renderer,
            Previews(renderer),
        )
        self._workers: workers.Workers | None = None
        self._migrating = threading.Lock()

    @property
    def clock(self) -> Clock:
        return self._runtime.clock

    @property
    def settings(self) -> Settings:
        return self._runtime.settings

    def today(self) -> date:
        return local(self.clock.now()).date()

    def migrate(self) -> None:
        """Bring the database's schema to this version's.

        :raises SettingsError: the database cannot be reached
        """
        self._runtime.database.reach()
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        with self._migrating, self._runtime.database.engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def close(self) -> None:
        self.stop_workers()
        self._runtime.renderer.close()
        self._runtime.database.close()

    @contextmanager
    def _write(self) -> Iterator[tuple[Session, datetime]]:
        """One transaction; then the workers look for what it left them."""
        with self._runtime.database.write() as session:
            yield session, self.clock.now()
        if self._workers is not None:
            self._workers.ring()

    @contextmanager
    def _read(self) -> Iterator[Session]:
        with self._runtime.database.read() as session:
            yield session

    # jobs

    def start_workers(self, threads: int | None = None) -> None:
        """Run jobs in threads of this process until ``stop_workers``."""
        if self._workers is None:
            self._workers = workers.Workers(
                self._runtime, self.settings.workers if threads is None else threads
            )
            self._workers.start()

    def stop_workers(self) -> None:
        if self._workers is not None:
            self._workers.stop()
            self._workers = None

    def run_jobs(self, limit: int = 100_000) -> int:
        """Run what is due now, here, until nothing is; returns how many jobs ran. For tests, the demo and ``lvze worker --once``."""
        ran = 0
        while ran < limit and workers.run_one(self._runtime):
            ran += 1
        return ran

    # incidents

    def incidents(self, *, by: int) -> list[Incident]:
        """The jobs that wait for an administrator, the oldest first."""
        with self._read() as session:
            _require_admin(session, by)
            return incidents.listed(self._runtime, session)

    def incident(self, incident_id: int, *, by: int) -> Incident:
        """:raises NotFound: no such incident, or somebody has dealt with it"""
        with self._read() as session:
            _require_admin(session, by)
            return incidents.get(self._runtime, session, incident_id)

    def retry_incident(self, incident_id: int, *, by: int) -> jobs.Job:
        """Give the job a fresh start.

        :raises NotFound: as ``incident``
        """
        with self._write() as (session, at):
            _require_admin(session, by)
            return incidents.retry(session, incident_id, by=by, at=at)

    def complete_incident(
        self, incident_id: int, *, by: int, reason: str, outputs: Mapping[str, Any] | None = None
    ) -> None:
        """The administrator has done the service task's work elsewhere: the process goes on with these values of its outputs.

        :raises Invalid: no reason, or a value for what the step does not declare
        :raises Conflict: the step is no service task
        :raises NotExecutable: the process cannot go on; nothing is changed
        """
        with self._write() as (session, at):
            _require_admin(session, by)
            incidents.complete(
                self._runtime, session, incident_id, outputs or {}, by=by, reason=reason, at=at
            )

    def throw_incident(self, incident_id: int, *, by: int, reason: str, code: str) -> None:
        """The service task ends with this BPMN error.

        :raises Invalid: no reason, no code
        :raises Conflict: the step is no service task
        :raises NotExecutable: nothing catches the error; nothing is changed
        """
        with self._write() as (session, at):
            _require_admin(session, by)
            incidents.throw(self._runtime, session, incident_id, code, by=by, reason=reason, at=at)

    def cancel_incident(self, incident_id: int, *, by: int, reason: str) -> None:
        """End the instance whose job it is, with everything below it.

        :raises Invalid: no reason
        """
        with self._write() as (session, at):
            _require_admin(session, by)
            incidents.cancel(session, incident_id, by=by, reason=reason, at=at)

    # definitions

    def deploy(self, files: Mapping[str, bytes], *, by: int | None = None) -> ProcessDefinition:
        """Deploy a process folder's files (name -> content), the Word templates it uses among them.

        ``by`` None is the installation itself (``lvze init``, ``lvze deploy``).

        :raises Refused: findings; nothing was deployed
        """
        with self._write() as (session, at):
            if by is not None:
                _require_designer(session, by)
            return deployments.deploy(session, files, by=by, at=at)

    def deploy_shipped(self, files: Mapping[str, bytes]) -> ProcessDefinition:
        """Deploy a process that comes with the software; what designers have made of it since stays the latest version.

        :raises Refused: findings; nothing was deployed
        """
        with self._write() as (session, at):
            return deployments.deploy_shipped(session, files, at=at)

    def lint(self, files: Mapping[str, bytes]) -> list[Finding]:
        with self._read() as session:
            return deployments.lint(session, files)

    def definitions(self) -> list[ProcessDefinition]:
        """The latest version of every process."""
        with self._read() as session:
            return deployments.all_latest(session)

    def definition_versions(self, key: str) -> list[ProcessDefinition]:
        """All versions of a process, the newest first.

        :raises NotFound: no process of that key
        """
        with self._read() as session:
            return deployments.versions(session, key)

    def definition(self, definition_id: int) -> ProcessDefinition:
        with self._read() as session:
            return deployments.get(session, definition_id)

    def definition_files(self, definition_id: int) -> dict[str, bytes]:
        """The files that a version pins, under the names with which they were deployed."""
        with self._read() as session:
            return deployments.files(session, deployments.get(session, definition_id))

    def definition_xml(self, definition_id: int) -> bytes:
        with self._read() as session:
            return blobs.get(session, deployments.get(session, definition_id).bpmn_digest)

    def startable(self, *, by: int) -> list[ProcessDefinition]:
        """The processes that this person may start today."""
        with self._read() as session:
            today = self.today()
            return [
                d
                for d in deployments.all_latest(session)
                if assignment.starting_units(session, self._runtime.definitions.get(session, d.id), by, today)
                is not None
            ]

    def start_form(self, definition_id: int, *, by: int) -> StartForm:
        with self._read() as session:
            return starting.start_form(
                session, self._runtime.definitions.get(session, definition_id), by, self.today()
            )

    # Word templates

    def enter_shipped_templates(self) -> list[TemplateVersion]:
        """The library gets the templates that come with the software; the new versions among them."""
        contents = {path.name: path.read_bytes() for path in DOC_TEMPLATES.glob("*.docx")}
        with self._write() as (session, at):
            return library.enter_shipped(session, contents, at)

    def word_templates(self, *, by: int) -> Sequence[WordTemplate]:
        """The library, by name."""
        with self._read() as session:
            _require_designer(session, by)
            return library.everything(session)

    def word_template(self, template_id: int, *, by: int) -> WordTemplate:
        """:raises NotFound: no such template"""
        with self._read() as session:
            _require_designer(session, by)
            return library.get(session, template_id)

    def upload_template(
        self, name: str, content: bytes, *, note: str = "", by: int
    ) -> tuple[TemplateVersion, bool]:
        """A new template or a new version: (version, whether it is new).

        :raises Invalid: the template is refused, with the place of what is wrong; or its name
        """
        with self._write() as (session, at):
            _require_designer(session, by)
            return template_uses.upload(session, name, content, note=note, by=by, at=at)

    def template_content(self, template_id: int, number: int | None = None, *, by: int) -> bytes:
        """A version's .docx.

        :param number: None for the latest
        :raises NotFound: no such template or version
        """
        with self._read() as session:
            _require_designer(session, by)
            return blobs.get(session, library.get(session, template_id).version(number).digest)

    def template_fields(self, template_id: int, number: int | None = None, *, by: int) -> Template:
        """A version, compiled: its fields with their types, and its places for signatures.

        :raises NotFound: no such template or version
        """
        with self._read() as session:
            _require_designer(session, by)
            return library.compiled(session, library.get(session, template_id).version(number))

    def template_differences(
        self, template_id: int, old: int, new: int, *, whole: bool = False, by: int
    ) -> list[list[Change]]:
        """What changed in the text from one version to another, as ``differences`` tells it of documents.

        :raises NotFound: no such template or version
        """
        with self._read() as session:
            _require_designer(session, by)
            versions = library.get(session, template_id)
            before, after = (blobs.get(session, versions.version(number).digest) for number in (old, new))
        changes = differences.differences(before, after)
        return [changes] if whole else differences.hunks(changes)

    def template_uses(self, template_id: int, *, by: int) -> list[Use]:
        """The processes whose latest version fills this template, each with the version of it that they were deployed with."""
        with self._read() as session:
            _require_designer(session, by)
            return template_uses.uses(session, library.get(session, template_id))

    def adopt_template(self, template_id: int, key: str, *, by: int) -> ProcessDefinition:
        """让流程使用新版本: deploy a process's latest version again with the latest version of a template.

        :raises Refused: findings; nothing was deployed
        :raises NotFound: the process does not use the template
        :raises Conflict: it uses this version already
        """
        with self._write() as (session, at):
            _require_designer(session, by)
            return template_uses.adopt(session, library.get(session, template_id), key, by=by, at=at)

    def template_questions(
        self, template_id: int, number: int | None, *, by: int, data: Mapping[str, Any] | None = None
    ) -> Questions:
        """A form to try a version with, filled with these data or with samples."""
        return trials.questions(self.template_fields(template_id, number, by=by).fields, data)

    def try_template(
        self,
        template_id: int,
        number: int | None,
        *,
        by: int,
        values: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> Trial:
        """Fill a version with sample data; nothing is kept.

        :param values: of the form of ``template_questions``
        :param data: instead of it, as a process would give them
        :raises Invalid: a field is missing or wrong
        """
        template = self.template_fields(template_id, number, by=by)
        given = (
            trials.from_form(template.fields, values or {})
            if data is None
            else trials.completed(template.fields, data)
        )
        proof = codes.for_template("SAMPLE" + "X" * (codes.LENGTH - 6), self.settings.public_url)
        return trials.fill(
            template,
            {"验真": proof, **given},
            self._runtime.previews.rendered,
            approval=self.settings.classified_approval,
        )

    def template_acts(self, template_id: int, *, by: int) -> list[history.Event]:
        """Who made a version of it, and whose process was given one; oldest first."""
        with self._read() as session:
            _require_designer(session, by)
            return template_uses.acts(session, library.get(session, template_id))

    # migrations of running instances

    def running_versions(self, key: str, *, by: int) -> dict[int, int]:
        """Definition id -> running instances, of every version of a process that has any."""
        with self._read() as session:
            _require_admin(session, by)
            return instance_migrations.running(session, key)

    def missing_elements(
        self, definition_id: int, to_definition_id: int, *, by: int
    ) -> list[tuple[Element, list[Element]]]:
        """Elements of a version that the other one lacks, with those that might be mapped to them, likely ones first.

        :raises NotFound, Invalid: as ``preview_migration``
        """
        with self._read() as session:
            _require_admin(session, by)
            return instance_migrations.missing(self._runtime, session, definition_id, to_definition_id)

    def preview_migration(
        self,
        definition_id: int,
        to_definition_id: int,
        *,
        by: int,
        instances: Sequence[int] | None = None,
        mapping: Mapping[str, str] | None = None,
    ) -> Plan:
        """What would become of the running instances of a version in another version of the same process; changes nothing.

        :param instances: not all of them, but these
        :param mapping: element of the old version -> element of the new one, where the ids differ
        :raises NotFound: no such version or instance
        :raises Invalid: another process, the same version, or an unknown element in the mapping
        """
        with self._read() as session:
            _require_admin(session, by)
            return instance_migrations.preview(
                self._runtime,
                session,
                definition_id,
                to_definition_id,
                only=instances,
                mapping=mapping or {},
                at=self.clock.now(),
            )

    def migrate_instances(self, plan: Plan, *, reason: str, by: int) -> InstanceMigration:
        """Do what a plan shows, each instance in a job of its own; what it does not show does not happen (``migration``).

        :raises Invalid: no reason, or no instance that can be migrated
        """
        with self._write() as (session, at):
            _require_admin(session, by)
            return instance_migrations.migrate(session, plan, reason=reason, by=by, at=at)

    def migration(self, migration_id: int, *, by: int) -> Progress:
        """How far a migration has come.

        :raises NotFound: no such migration
        """
        with self._read() as session:
            _require_admin(session, by)
            return instance_migrations.progress(session, migration_id)

    # instances

    def start(
        self,
        key: str,
        *,
        by: int,
        data: Mapping[str, Any] | None = None,
        unit: int | None = None,
        business_key: str | None = None,
        version: int | None = None,
    ) -> ProcessInstance:
        """Start a process.

        :param unit: the unit for which the person starts it; needed when he could for several
        :param version: by default the latest; another one only for administrators
        :raises NotAllowed: the person may not start it
        :raises Invalid: the start form has errors
        :raises Conflict: the process wants its business keys to be unique, and one of that key is running
        """
        with self._write() as (session, at):
            if version is not None:
                _require_admin(session, by)
            definition = deployments.version(session, key, version)
            return starting.start_by(
                self._runtime,
                session,
                definition,
                data or {},
                by=by,
                unit_id=unit,
                business_key=business_key,
                at=at,
            )

    def instance(self, instance_id: int, *, by: int) -> overview.View:
        with self._read() as session:
            return overview.view(self._runtime, session, instance_id, by, self.today())

    def instances(
        self,
        *,
        by: int,
        business_key: str | None = None,
        definition: str | None = None,
        state: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> list[ProcessInstance]:
        """The instances, but no parts of others, that the person may read; the newest first.

        :param definition: a process key
        :param state: ``running``, ``suspended``, ``ended``, or an outcome such as ``cancelled``
        """
        with self._read() as session:
            return overview.find(
                session,
                by,
                self.today(),
                business_key=business_key,
                definition=definition,
                state=state,
                limit=limit,
                offset=offset,
            )

    def variables(self, instance_id: int, *, by: int) -> dict[str, Any]:
        with self._read() as session:
            instance = reading.require_instance(session, instance_id, by, self.today())
            return variables.seen(self._runtime, session, instance)

    def correct_variables(
        self,
        instance_id: int,
        data: Mapping[str, Any] | None = None,
        *,
        expressions: Mapping[str, str] | None = None,
        reason: str,
        by: int,
    ) -> ProcessInstance:
        """Set variables of a running instance, as an administrator.

        :param data: name -> value
        :param expressions: name -> FEEL, which may use the variables
        :raises Invalid: no reason, a value that cannot be kept, nothing that would change; ``errors`` by name
        :raises Conflict: the instance has ended, or has not begun
        """
        with self._write() as (session, at):
            _require_admin(session, by)
            return variables.correct(
                self._runtime,
                session,
                instance_id,
                data or {},
                expressions or {},
                reason=reason,
                by=by,
                at=at,
            )

    def suspend(self, instance_id: int, *, reason: str, by: int) -> ProcessInstance:
        """Let an instance and everything below it stand still, as an administrator.

        :raises Invalid: no reason
        :raises Conflict: it has ended, or is suspended already
        """
        with self._write() as (session, at):
            _require_admin(session, by)
            return suspension.suspend(session, instance_id, reason=reason, by=by, at=at)

    def resume(self, instance_id: int, *, by: int) -> ProcessInstance:
        """Go on, as an administrator. What became due meanwhile happens now.

        :raises Conflict: it is not suspended, or was suspended together with one above it
        """
        with self._write() as (session, at):
            _require_admin(session, by)
            return suspension.resume(session, instance_id, by=by, at=at)

    def suspension(self, instance_id: int, *, by: int) -> Suspension | None:
        """By whom, when and why an instance was suspended, while it is."""
        with self._read() as session:
            return suspension.of(session, reading.require_instance(session, instance_id, by, self.today()))

    def preview_cancel(self, instance_id: int, *, by: int) -> Consequences:
        """What ``cancel`` would end, and what it would leave.

        :raises NotAllowed: neither the initiator nor an administrator
        :raises Conflict: the instance has ended
        """
        with self._read() as session:
            return cancellation.preview(session, instance_id, by=by, on=self.today())

    def cancel(self, instance_id: int, *, reason: str, by: int) -> ProcessInstance:
        """撤销: end an instance before its time, as its initiator or as an administrator.

        :raises NotAllowed: neither of them
        :raises Invalid: no reason
        :raises Conflict: the instance has ended
        """
        with self._write() as (session, at):
            return cancellation.cancel(session, instance_id, reason=reason, by=by, on=self.today(), at=at)

    def delete(self, instance_id: int, *, reason: str, by: int) -> ProcessInstance:
        """Erase an ended instance's data, as an administrator. Documents, ledger entries and the history are kept.

        :raises Invalid: no reason
        :raises Conflict: it runs, is part of another one, or is deleted already
        """
        with self._write() as (session, at):
            _require_admin(session, by)
            return deletion.delete(session, instance_id, reason=reason, by=by, at=at)

    def archive(self, instance_id: int, out: BinaryIO, *, by: int | None) -> None:
        """Write the archive of an instance, with all below it, as one .zip; who did is noted in the history.

        :param by: None is the installation itself (``lvze archive``)
        :raises NotFound: no such instance
        :raises NotAllowed: he does not read all of it
        :raises Invalid: ``archive-too-big``
        """
        with self._read() as session:
            if by is not None:
                archives.require_archivist(session, instance_id, by, self.today())
            digest = archives.write(session, instance_id, out, passphrase=self.settings.passphrase)
        with self._write() as (session, at):
            archives.note(session, instance_id, digest, by=by, at=at)

    def may_archive(self, instance_id: int, *, by: int) -> bool:
        with self._read() as session:
            try:
                archives.require_archivist(session, instance_id, by, self.today())
            except (NotAllowed, NotFound):
                return False
            return True

    # messages

    def waited_for(self, *, by: int) -> list[Receiver]:
        """The messages and signals that somebody waits for now, for administrators."""
        with self._read() as session:
            _require_admin(session, by)
            return deliveries.waited_for(session)

    def send_message(
        self,
        name: str,
        *,
        correlation: Any = None,
        data: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        by: int,
    ) -> Delivery:
        """Give a message to the one instance that waits for it, or start the process that begins with it, as an administrator.

        :param idempotency_key: the same call again, with the same key, has no second effect
        :raises NotFound: nobody waits for it, and no process starts with it
        :raises Conflict: its receiver is suspended, or the idempotency key was used for something else
        :raises NotExecutable: several instances wait for it; the receiver cannot go on
        :raises Invalid: the payload is too large or cannot be stored
        """
        with self._write() as (session, at):
            _require_admin(session, by)
            return deliveries.send_message(
                self._runtime,
                session,
                name,
                correlation=correlation,
                data=data,
                idempotency_key=idempotency_key,
                by=by,
                at=at,
            )

    def send_signal(
        self,
        name: str,
        *,
        data: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        by: int,
    ) -> Delivery:
        """Give a signal to everybody who waits for it, with one job each, as an administrator; nobody may wait.

        :param idempotency_key: the same call again, with the same key, has no second effect
        :raises Conflict: the idempotency key was used for something else
        :raises Invalid: the payload is too large or cannot be stored
        """
        with self._write() as (session, at):
            _require_admin(session, by)
            return deliveries.send_signal(
                session, name, data=data, idempotency_key=idempotency_key, by=by, at=at
            )

    def instance_diagram(self, instance_id: int, *, by: int) -> dict[str, str]:
        """Element id -> ``open`` or ``done``."""
        with self._read() as session:
            instance = reading.require_instance(session, instance_id, by, self.today())
            return overview.diagram(self._runtime, session, instance)

    def activities(self, instance_id: int, *, by: int) -> list[adhoc.Choice]:
        """The activities of open ad-hoc sub-processes that the person may start."""
        with self._read() as session:
            instance = reading.require_instance(session, instance_id, by, self.today())
            return adhoc.choices(self._runtime, session, instance, by=by, on=self.today())

    def start_activity(self, instance_id: int, task_id: str, element_id: str, *, by: int) -> ProcessInstance:
        """Start an activity of an open ad-hoc sub-process, as somebody who takes part in the instance.

        :raises NotFound, NotAllowed: not for this person
        :raises Conflict: the sub-process is over, or the instance has ended or is suspended
        :raises NotExecutable: it is none of its activities, or one is active in a sequential one
        """
        with self._write() as (session, at):
            return adhoc.start(
                self._runtime,
                session,
                instance_id,
                task_id=task_id,
                element_id=element_id,
                by=by,
                on=self.today(),
                at=at,
            )

    def timeline(self, instance_id: int, *, by: int) -> list[history.Event]:
        """The history of an instance and of everything below it, oldest first."""
        with self._read() as session:
            return overview.timeline(
                session, reading.require_instance(session, instance_id, by, self.today())
            )

    def decision(self, instance_id: int, number: int, *, by: int) -> overview.Taken:
        """A decision that an instance took, by its number in the instance's history, with the tables that were asked.

        :raises NotFound: no such decision, or not for this person to know of
        """
        with self._read() as session:
            return overview.taken(self._runtime, session, instance_id, number, by, self.today())

    # work items

    def inbox(self, *, by: int, box: str = "todo", limit: int = 50, offset: int = 0) -> list[inbox.Row]:
        with self._read() as session:
            return inbox.rows(session, by, box, on=self.today(), limit=limit, offset=offset)

    def inbox_counts(self, *, by: int) -> dict[str, int]:
        """Box -> number of lines, and ``unread`` notifications."""
        with self._read() as session:
            return inbox.counts(session, by, self.today())

    def work_item(self, work_item_id: int, *, by: int) -> completion.View:
        with self._read() as session:
            return completion.view(self._runtime, session, work_item_id, by, self.clock.now())

    def claim(self, work_item_id: int, *, by: int) -> WorkItem:
        with self._write() as (session, at):
            return claims.claim(session, work_item_id, by, at)

    def release(self, work_item_id: int, *, by: int) -> WorkItem:
        with self._write() as (session, at):
            return claims.release(session, work_item_id, by, at)

    def save_draft(self, work_item_id: int, *, by: int, data: Mapping[str, Any]) -> WorkItem:
        with self._write() as (session, at):
            return claims.save_draft(session, work_item_id, by, data, at)

    def complete(
        self,
        work_item_id: int,
        *,
        by: int,
        data: Mapping[str, Any] | None = None,
        opinion: str | None = None,
        signature: signatures.Signing | None = None,
    ) -> Completion:
        """Hand in a work item. The cryptography of a signature is done before the transaction, which then checks that nothing moved.

        :raises Invalid: errors by field; ``_opinion`` and ``_signature`` for the parts outside the form
        :raises NotAllowed: not this person's item
        :raises Conflict: done already, held by somebody else, or somebody was faster
        """
        signed: signatures.Prepared | Invalid | None = None
        if signature is not None:
            try:
                with self._write() as (session, at):
                    signed = completion.prepare_signature(
                        self._runtime, session, work_item_id, by, data or {}, signature, at
                    )
            except Invalid as error:  # told together with what is wrong in the form
                signed = error
        with self._write() as (session, at):
            return completion.complete(
                self._runtime,
                session,
                work_item_id,
                by=by,
                data=data or {},
                opinion=opinion,
                signed=signed,
                at=at,
            )

    # office operations

    def transfer(self, work_item_id: int, *, by: int, to: int, reason: str) -> WorkItem:
        """转办: the item becomes another person's, whose completion advances it; whoever gave it away goes on reading.

        :raises Invalid: no reason, to oneself, or to a person whom the diagram excludes
        :raises NotAllowed: not his item, or the diagram does not permit it
        :raises Conflict: closed, asleep, held by somebody else, or somebody was faster
        """
        with self._write() as (session, at):
            return transfers.transfer(
                self._runtime, session, work_item_id, to=to, reason=reason, by=by, at=at
            )

    def entrust(self, work_item_id: int, *, by: int, to: int, note: str = "") -> WorkItem:
        """委派: somebody prepares the item and gives an opinion; it returns, and only the person who gave it out advances it.

        :return: the added item; ``complete`` ends it, ``remove_signer`` takes it back
        :raises Invalid, NotAllowed, Conflict: as ``add_signers``
        """
        with self._write() as (session, at):
            return additions.entrust(self._runtime, session, work_item_id, to=to, note=note, by=by, at=at)

    def add_signers(
        self, work_item_id: int, *, by: int, persons: Sequence[int], place: str, note: str = ""
    ) -> list[WorkItem]:
        """加签: ask more people for an opinion.

        :param place: ``before`` (the item sleeps until they are done), ``parallel`` (they are asked meanwhile) or ``after`` (they
            are asked when it has been handed in)
        :return: the added items
        :raises Invalid: nobody, oneself, somebody who is asked already, too many, or an unknown place
        :raises NotAllowed: not his item, or the diagram does not permit it
        :raises Conflict: closed, held by somebody else, or somebody was faster
        """
        with self._write() as (session, at):
            return additions.add_signers(
                self._runtime, session, work_item_id, persons=persons, place=place, note=note, by=by, at=at
            )

    def remove_signer(self, work_item_id: int, *, by: int, reason: str) -> WorkItem:
        """减签, or taking back a 委派: an added item that has not acted yet is closed.

        :raises Invalid: no reason
        :raises NotAllowed: he may not act on the item that it was added to
        :raises Conflict: it was not added, or has acted already
        """
        with self._write() as (session, at):
            return additions.remove_signer(self._runtime, session, work_item_id, reason=reason, by=by, at=at)

    def operations_for(self, work_item_id: int, *, by: int) -> list[operations.Operation]:
        """What the person may do at a work item here and now, with targets, in the order in which pages show it.

        :raises NotFound: no such item, or not for this person to know of
        """
        with self._read() as session:
            return operations.offered(self._runtime, session, work_item_id, by=by, at=self.clock.now())

    def preview_reject(
        self, work_item_id: int, *, by: int, to: str | None = None, direct: bool = False
    ) -> Effects:
        """What ``reject`` would take away, void and leave; raises what ``reject`` would."""
        with self._read() as session:
            return operations.preview_reject(
                self._runtime, session, work_item_id, to=to, direct=direct, by=by, at=self.clock.now()
            )

    def reject(
        self, work_item_id: int, *, by: int, opinion: str, to: str | None = None, direct: bool = False
    ) -> operations.Done:
        """驳回: what was done since the target is undone, and has to be done again.

        :param to: the key of one of the targets of ``operations_for``; None is the first of them, the previous task
        :param direct: 直达驳回者: once the target is done again, the process stands here again
        :raises Invalid: no opinion, or no such target
        :raises NotAllowed: not his item, or the diagram does not permit it
        :raises Conflict: closed, asleep, nowhere to go back to, or somebody was faster
        """
        with self._write() as (session, at):
            return operations.reject(
                self._runtime, session, work_item_id, to=to, direct=direct, opinion=opinion, by=by, at=at
            )

    def preview_withdraw(self, work_item_id: int, *, by: int) -> Effects:
        """What ``withdraw`` would take away, void and leave; raises what ``withdraw`` would."""
        with self._read() as session:
            return operations.preview_withdraw(
                self._runtime, session, work_item_id, by=by, at=self.clock.now()
            )

    def withdraw(self, work_item_id: int, *, by: int) -> operations.Done:
        """撤回: take back a completed item, as long as nobody has acted on it.

        :raises NotAllowed: somebody else handed it in, or the diagram does not permit it
        :raises Conflict: somebody has acted, the instance has ended, or it counts in a vote already
        """
        with self._write() as (session, at):
            return operations.withdraw(self._runtime, session, work_item_id, by=by, at=at)

    def jump_places(
        self, instance_id: int, *, by: int
    ) -> tuple[list[operations.Place], list[operations.Place]]:
        """The tokens of an instance, and the steps to which an administrator can move them."""
        with self._read() as session:
            _require_admin(session, by)
            return operations.jump_places(self._runtime, session, instance_id)

    def preview_jump(
        self, instance_id: int, *, by: int, to: str, tokens: Sequence[str] | None = None
    ) -> Effects:
        """What ``jump`` would take away, void and leave; raises what ``jump`` would."""
        with self._read() as session:
            _require_admin(session, by)
            return operations.preview_jump(
                self._runtime, session, instance_id, to=to, tokens=tokens, at=self.clock.now()
            )

    def jump(
        self, instance_id: int, *, by: int, to: str, reason: str, tokens: Sequence[str] | None = None
    ) -> operations.Done:
        """跳转: an administrator lets tokens vanish and one stand at a step.

        :param to: the step's element id
        :param tokens: task ids of ``jump_places``; None for all
        :raises Invalid: no reason, or no such step
        :raises Conflict: the instance has ended, or no longer stands there
        """
        with self._write() as (session, at):
            _require_admin(session, by)
            return operations.jump(
                self._runtime, session, instance_id, to=to, tokens=tokens, reason=reason, by=by, at=at
            )

    def send_copies(
        self,
        instance_id: int,
        *,
        by: int,
        persons: Sequence[int] = (),
        posts: Sequence[tuple[int, str]] = (),
        note: str = "",
        work_item: int | None = None,
    ) -> list[CarbonCopy]:
        """抄送: let persons, or whoever holds a post at a unit, read an instance.

        :param posts: (unit, post)
        :raises NotAllowed: he only got a copy himself, or the diagram does not permit it at the work item
        :raises Invalid: addressed to nobody, to too many, or to a post that does not exist
        """
        with self._write() as (session, at):
            return carbon_copies.send(
                self._runtime,
                session,
                instance_id,
                persons=persons,
                to_posts=posts,
                note=note,
                work_item_id=work_item,
                by=by,
                at=at,
            )

    def copies(self, *, by: int, limit: int = 50, offset: int = 0) -> list[carbon_copies.Received]:
        """The copies that reach the person today, newest first."""
        with self._read() as session:
            return carbon_copies.received(session, by, self.today(), limit=limit, offset=offset)

    def read_copies(self, copy_ids: Iterable[int], *, by: int) -> None:
        """Leave the person's receipts; copies that do not reach him are left alone."""
        with self._write() as (session, at):
            carbon_copies.read(session, copy_ids, by=by, at=at)

    def copies_of(self, instance_id: int, *, by: int) -> Sequence[carbon_copies.Sent]:
        """An instance's copies with their receipts, oldest first."""
        with self._read() as session:
            instance = reading.require_instance(session, instance_id, by, self.today())
            return carbon_copies.of_instance(session, instance, self.today())

    def nudge(self, work_item_id: int, *, by: int, note: str = "") -> nudges.Nudged:
        """催办: remind those who have an open item in hand.

        :raises NotAllowed: he neither started it nor oversees it, or the diagram does not permit it
        :raises Conflict: closed, or nudged less than two hours ago
        """
        with self._write() as (session, at):
            return nudges.nudge(self._runtime, session, work_item_id, note=note, by=by, at=at)

    def opinions(self, instance_id: int, *, by: int) -> list[opinions.Opinion]:
        """What people wrote when they acted on an instance and below it, oldest first."""
        return opinions.of(self.timeline(instance_id, by=by))

    def phrases(self, *, by: int) -> list[Phrase]:
        """常用语: his own, then the shared ones."""
        with self._read() as session:
            return phrases.of_person(session, by)

    def add_phrase(self, text: str, *, by: int, shared: bool = False) -> Phrase:
        """:param shared: offered to everybody, by an administrator
        :raises Invalid: no text, or too long
        :raises Conflict: the list is full
        """
        with self._keep_phrases(shared, by, "phrase-added", text=text) as session:
            return phrases.add(session, text, person_id=None if shared else by)

    def change_phrase(self, phrase_id: int, text: str, *, by: int) -> Phrase:
        """:raises NotFound: no such phrase, or somebody else's"""
        shared = self._phrase_is_shared(phrase_id, by)
        with self._keep_phrases(shared, by, "phrase-changed", phrase=phrase_id, text=text) as session:
            return phrases.change(session, phrases.get(session, phrase_id), text)

    def remove_phrase(self, phrase_id: int, *, by: int) -> None:
        """:raises NotFound: no such phrase, or somebody else's"""
        shared = self._phrase_is_shared(phrase_id, by)
        with self._keep_phrases(shared, by, "phrase-removed", phrase=phrase_id) as session:
            phrases.remove(session, phrases.get(session, phrase_id))

    def _phrase_is_shared(self, phrase_id: int, by: int) -> bool:
        with self._read() as session:
            return phrases.get(session, phrase_id, by=by).is_shared

    @contextmanager
    def _keep_phrases(self, shared: bool, by: int, code: str, **payload: Any) -> Iterator[Session]:
        """Shared phrases are kept by administrators and on record; one's own are nobody else's business."""
        if shared:
            with self._administer(by, "organisation", code, **payload) as (session, _):
                yield session
        else:
            with self._write() as (session, _):
                yield session

    # working time

    def calendar(self) -> Calendar:
        """The working days and hours as of now."""
        with self._read() as session:
            own = {one.day: one.is_working for one in local_days.everything(session)}
        return Calendar(self.settings.office_hours, lambda: own)

    def local_days(self, *, by: int) -> list[LocalDay]:
        """The installation's own closures and workdays, the latest first."""
        with self._read() as session:
            _require_admin(session, by)
            return local_days.everything(session)

    def note_local_day(self, day: date, *, by: int, is_working: bool, reason: str) -> LocalDay:
        """Say of a day that it is worked, or is not, whatever the notice says. Deadlines that are set already stay as they are.

        :raises Invalid: no reason
        """
        said = {"day": day, "working": is_working, "reason": reason.strip()}
        with self._administer(by, "working-calendar", "day-noted", **said) as (session, at):
            return local_days.note(session, day, is_working=is_working, reason=reason, by=by, at=at)

    def forget_local_day(self, day: date, *, by: int) -> None:
        """:raises NotFound: nothing is noted of it"""
        with self._administer(by, "working-calendar", "day-forgotten", day=day) as (session, _):
            local_days.forget(session, day)

    # documents

    def create_authority(self, *, renew: bool = False) -> None:
        """Make the installation's certificate authority and its keys, once.

        :param renew: make a further one, in the last years of the former
        :raises SettingsError: there is one, and the passphrase does not open its key
        :raises Conflict: ``authority-exists``: it is too early for a further one
        """
        with self._write() as (session, at):
            held = authority.authorities(session)
            if held:
                authority.load_key(held[0], self.settings.passphrase)
            if renew or not held:
                authority.create_authority(
                    session, name=AUTHORITY, passphrase=self.settings.passphrase, at=at
                )

    def has_authority(self) -> bool:
        with self._read() as session:
            return authority.root(session) is not None

    def authority_pem(self) -> str:
        """The authority's certificate, for strangers' tools."""
        with self._read() as session:
            return authority.authority_pem(session)

    def documents(self, *, by: int) -> Sequence[Document]:
        """The documents that the person was shown, signed, or whose units he serves; newest first."""
        with self._read() as session:
            return reading.documents(session, by, self.today())

    def document(self, document_id: int, *, by: int) -> Document:
        with self._read() as session:
            return self._readable(session, document_id, by)

    def document_file(self, document_id: int, *, by: int, form: str = "docx") -> bytes:
        """The file as it stands: ``docx`` with every electronic signature; ``pdf`` the finished one, signed by PAdES, or while there
        is none (``Document.pdf_digest``) a preview without signatures; ``ofd`` the pages of the same, without a certified seal.

        :raises Invalid: another form
        """
        with self._read() as session:
            document = self._readable(session, document_id, by)
            content = register.package(session, document)
            if form == "docx":
                return content
            if form not in {"pdf", "ofd"}:
                raise Invalid("no-form", f"没有“{form}”这种格式；可选 docx、pdf、ofd。")
            pdf = blobs.get(session, document.pdf_digest) if document.pdf_digest is not None else None
        pdf = pdf or self._runtime.previews.pdf(content)
        return pdf if form == "pdf" else ofd.to_ofd(pdf, title=document.title, at=local(document.created_at))

    def page_count(self, document_id: int, *, by: int) -> int:
        return self._runtime.previews.page_count(self.document_file(document_id, by=by))

    def page_picture(self, document_id: int, number: int, *, by: int) -> bytes:
        """A page of the document as it stands now, as PNG; pages count from 1."""
        return self._runtime.previews.page(self.document_file(document_id, by=by), number)

    def signature_scan(self, document_id: int, slot: str, *, by: int) -> bytes:
        """The scan of a paper signature: PDF, PNG or JPEG.

        :raises NotFound: the slot was not signed on paper
        """
        with self._read() as session:
            signature = self._readable(session, document_id, by).slot(slot).signature
            if signature is None or signature.scan_digest is None:
                raise NotFound("no-scan", "这一签名处没有纸质签名的扫描件。")
            return blobs.get(session, signature.scan_digest)

    def revisions(self, document_id: int, *, by: int) -> list[RevisionLine]:
        """All revisions with all their signatures, the newest first."""
        with self._read() as session:
            return revisions.lines(session, self._readable(session, document_id, by).id)

    def revision_acts(self, document_id: int, *, by: int) -> list[list[history.Event]]:
        """The acts before each revision, the newest revision first; empty for whoever may not read the instance."""
        with self._read() as session:
            document = self._readable(session, document_id, by)
            made = [line.revision.event_seq for line in revisions.lines(session, document.id)]
            return reading.revision_acts(session, document, made[::-1], by, self.today())[::-1]

    def revision_file(self, document_id: int, seq: int, *, by: int) -> bytes:
        """The .docx of a revision as it was, with the signatures that its successor voided.

        :raises NotFound: no such revision
        """
        with self._read() as session:
            document = self._readable(session, document_id, by)
            return register.package(session, document, revisions.numbered(session, document.id, seq))

    def differences(
        self, document_id: int, old: int, new: int, *, whole: bool = False, by: int
    ) -> list[list[Change]]:
        """What changed in the text from one revision to another, each change with its neighbours; or the whole text as one.

        :raises NotFound: no such revision
        """
        with self._read() as session:
            document = self._readable(session, document_id, by)
            before, after = (
                blobs.get(session, revisions.numbered(session, document.id, seq).base_digest)
                for seq in (old, new)
            )
        changes = differences.differences(before, after)
        return [changes] if whole else differences.hunks(changes)

    def renewed_by(self, document_id: int, *, by: int) -> Document | None:
        """The document that was issued in this one's place and is signed on all sides (换签), if any."""
        with self._read() as session:
            return register.successor(session, self._readable(session, document_id, by).id)

    def _readable(self, session: Session, document_id: int, by: int) -> Document:
        document = register.get(session, document_id)
        reading.require_document(session, document, by, self.today())
        return document

    def check_document(self, content: bytes, *, by: int, profile: str | None = None) -> Inspection:
        """Any .docx against GB/T 9704-2012, with pictures of its pages; nothing of it is kept.

        :param profile: 法定公文, 信函, 纪要, 其他文书 or 牌证; None: what the file names, or else looks like
        :raises Invalid: ``not-a-docx``, ``package-too-big``, ``no-profile``
        """
        with self._read() as session:
            people.get(session, by)
        return inspection.inspect(self._runtime.renderer, content, profile)

    def verify(self, content: bytes) -> Verification:
        """Check any .docx against this installation's authority; for everybody, without a login.

        What the register knows to be void is marked: such a file still verifies, it was signed.
        """
        with self._read() as session:
            return authenticity.check(session, content, self.clock.now())

    def authenticity(self, code: str) -> Standing:
        """How the document with this 验真码 stands; for everybody, without a login.

        :raises NotFound: no document bears it
        """
        with self._read() as session:
            return authenticity.of_code(session, code)

    def check_file(self, content: bytes, *, code: str | None = None) -> Brought:
        """Check a .docx or PDF in full against the register; for everybody, without a login.

        :param code: 验真码 of the document that it is said to be
        """
        with self._read() as session:
            return authenticity.of_file(session, content, asked=code, at=self.clock.now())

    def stamp_signatures(self) -> int:
        """Fetch time stamps for signatures that have none; workers do it all the time. Returns how many came.

        :raises LvzeError: the time stamp server is away, or its answers are not sound
        """
        return stamping.run(self._runtime)

    def try_time_stamp_server(self) -> str:
        """Ask for a time stamp over nothing; returns by whom it came.

        :raises LvzeError: the time stamp server is away, or its answers are not sound
        """
        return stamping.attempt(self._runtime)

    def unstamped_signatures(self) -> tuple[int, datetime | None]:
        """How many signatures wait for a time stamp, and since when the first of them does."""
        with self._read() as session:
            return signatures.unstamped_since(session)

    def grant_demo_seal(self, unit_id: int, *, by: int | None) -> seals.Seal:
        """A drawn seal that reads 演示专用."""
        with self._administer(by, "organisation", "seal-granted", unit=unit_id, demo=True) as (session, at):
            name = units.name_on(session, unit_id, local(at).date()).name
            return seals.grant_demo(session, unit_id=unit_id, name=name, by=by, at=at)

    def upload_seal(self, unit_id: int, picture: bytes, *, diameter: float = DIAMETER, by: int) -> seals.Seal:
        """A real unit's seal, as a picture.

        :param diameter: in mm
        :raises Invalid: not a picture that can be one
        """
        with self._administer(by, "organisation", "seal-granted", unit=unit_id, demo=False) as (session, at):
            return seals.upload(session, unit_id=unit_id, picture=picture, diameter=diameter, by=by, at=at)

    def seals_in_use(self, *, by: int) -> dict[int, seals.Seal]:
        """The seals in use, by unit."""
        with self._read() as session:
            _require_admin(session, by)
            return {seal.unit_id: seal for seal in seals.in_use(session)}

    def seal_picture(self, unit_id: int, *, by: int) -> bytes:
        """PNG of the seal in use.

        :raises NotFound: the unit has none
        """
        with self._read() as session:
            _require_admin(session, by)
            return seals.picture(session, unit_id)

    def withdraw_seal(self, unit_id: int, *, by: int) -> seals.Seal:
        """From now on it may not be used; what it sealed stays sealed."""
        with self._administer(by, "organisation", "seal-withdrawn", unit=unit_id) as (session, at):
            return seals.withdraw(session, unit_id, at=at)

    def seal_uses(self, *, by: int, limit: int = 200, offset: int = 0) -> list[SealUseLine]:
        """用印登记 of the units whose officer he is, of all for an administrator; newest first.

        :raises NotAllowed: officer of none
        """
        with self._read() as session:
            visible = _agencies(session, by, self.today())
            return seals.latest_uses(session, units=visible, limit=limit, offset=offset)

    def seal_counts(self, *, by: int) -> dict[int, int]:
        """How often the seals in use were used, by unit."""
        with self._read() as session:
            _require_admin(session, by)
            return seals.counts(session)

    def permit_seal(
        self,
        unit_id: int,
        person_id: int,
        *,
        reason: str,
        from_on: date | None = None,
        until_on: date | None = None,
        by: int,
    ) -> seals.SealPermission:
        """用印授权: let somebody use a unit's seal besides the holders of its posts, from today on where no day is given.

        :raises Invalid: no reason, or an end before the beginning
        """
        payload = {"unit": unit_id, "person": person_id, "reason": reason}
        with self._administer(by, "organisation", "seal-permitted", **payload) as (session, at):
            return seals.permit(
                session,
                unit_id=unit_id,
                person_id=person_id,
                reason=reason,
                from_on=from_on or local(at).date(),
                until_on=until_on,
                by=by,
            )

    def end_seal_permission(self, permission_id: int, *, by: int) -> seals.SealPermission:
        """From today on he may not use it."""
        with self._administer(by, "organisation", "seal-permission-ended", permission=permission_id) as (
            session,
            at,
        ):
            return seals.end_permission(session, permission_id, on=local(at).date())

    def seal_permissions(self, *, by: int) -> list[tuple[seals.SealPermission, str]]:
        """Those in force or to come, each with the person's name."""
        with self._read() as session:
            _require_admin(session, by)
            return seals.permissions(session, self.today())

    def numbers(
        self,
        *,
        by: int,
        agency: int | None = None,
        year: int | None = None,
        code: str | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[numbering.Line]:
        """发文字号登记簿: of the agencies whose officer he is, of all for an administrator; newest first."""
        with self._read() as session:
            visible = _agencies(session, by, self.today())
            return numbering.lines(
                session, agencies=visible, agency=agency, year=year, code=code, limit=limit, offset=offset
            )

    def number_series(self, *, by: int) -> list[numbering.Series]:
        """How far each 代字 has come in each year."""
        with self._read() as session:
            return numbering.series(session, agencies=_agencies(session, by, self.today()))

    def cancel_number(self, number_id: int, *, reason: str, by: int) -> DocumentNumber:
        """作废: it stays in the register and is never issued again.

        :raises NotAllowed: no officer of its agency
        :raises Invalid: no reason
        :raises Conflict: a document in force carries it, or it is cancelled already
        """
        with self._write() as (session, at):
            number = numbering.get(session, number_id)
            visible = _agencies(session, by, self.today())
            if visible is not None and number.agency_unit_id not in visible:
                raise NotAllowed("not-officer", "只有发文机关的任职人员可以作废它的发文字号。")
            numbering.cancel(session, number, reason=reason, by=by, at=at)
            payload = {"number": number.text, "reason": number.reason}
            history.append_to(
                session, "organisation", [history.Entry("number-cancelled", payload, person_id=by)], at
            )
            return number

    def numbers_workbook(
        self, *, by: int, agency: int | None = None, year: int | None = None, code: str | None = None
    ) -> bytes:
        """The same lines as .xlsx."""
        return number_workbook.write(
            self.numbers(by=by, agency=agency, year=year, code=code, limit=1_000_000)
        )

    def import_numbers(self, content: bytes, *, by: int | None) -> number_workbook.NumberImport:
        """Numbers issued before this register, from a workbook; with any error in the report nothing was changed.

        :raises Invalid: the file as a whole is refused
        """
        with self._write() as (session, at):
            if by is not None:
                _require_admin(session, by)
            report = number_workbook.read(session, content, at=at)
            if not report.errors:
                payload = {"digest": blobs.digest_of(content), "rows": report.rows}
                history.append_to(
                    session, "organisation", [history.Entry("numbers-imported", payload, person_id=by)], at
                )
            return report

    def numbers_template(self) -> bytes:
        """An empty workbook for ``import_numbers``."""
        return number_workbook.template()

    def certificates(self, *, by: int) -> Sequence[Certificate]:
        """The authority's certificate, then those of people and units, newest first."""
        with self._read() as session:
            _require_admin(session, by)
            return authority.everybody(session)

    def find_certificates(
        self, words: str = "", *, by: int, limit: int = 100, offset: int = 0
    ) -> tuple[Sequence[Certificate], int]:
        """Those whose holder or serial number holds the words, as ``certificates`` orders them, and how many there are."""
        with self._read() as session:
            _require_admin(session, by)
            return authority.search(session, words, limit=limit, offset=offset)

    def certificate(self, certificate_id: int, *, by: int) -> Certificate:
        with self._read() as session:
            _require_admin(session, by)
            return authority.get(session, certificate_id)

    def is_vouched_for(self, certificate_id: int, *, by: int) -> bool:
        """An authority that is trusted stands above the certificate today."""
        with self._read() as session:
            _require_admin(session, by)
            return authority.vouched(session, authority.get(session, certificate_id), at=self.clock.now())

    def certificate_uses(self, certificate_id: int, *, by: int, limit: int = 200) -> list[signatures.Use]:
        """What was signed with a certificate, the newest first."""
        with self._read() as session:
            _require_admin(session, by)
            return signatures.uses(session, certificate_id, limit)

    def issue_certificate(
        self,
        *,
        person_id: int | None = None,
        unit_id: int | None = None,
        kind: KeyKind | None = None,
        by: int,
    ) -> Certificate:
        """A new certificate with a new key; the holder signs with it from now on.

        :param kind: of the key; as the installation has set where none is given
        :raises Invalid: ``sm2-missing``
        """
        said = {"person": person_id, "unit": unit_id, "kind": kind}
        with self._administer(by, "organisation", "certificate-issued", **said) as (session, at):
            return authority.issue(
                session,
                person_id=person_id,
                unit_id=unit_id,
                name=_holder(session, person_id, unit_id, at),
                passphrase=self.settings.passphrase,
                at=at,
                kind=kind,
            )

    def renew_certificate(self, certificate_id: int, *, same_key: bool, by: int) -> Certificate:
        """See ``authority.renew``."""
        said = {"certificate": certificate_id, "same_key": same_key}
        with self._administer(by, "organisation", "certificate-renewed", **said) as (session, at):
            held = authority.get(session, certificate_id)
            name = "" if held.is_authority else _holder(session, held.person_id, held.unit_id, at)
            return authority.renew(
                session,
                certificate_id,
                name=name,
                passphrase=self.settings.passphrase,
                at=at,
                same_key=same_key,
            )

    def revoke_certificate(
        self, certificate_id: int, *, reason: str = "其他", since: datetime | None = None, by: int
    ) -> Certificate:
        """Signatures from before that moment stay good; the holder's next signature gets a new certificate.

        :param reason: one of ``certificates.REASONS``
        :param since: when it began to be bad, where that is known to be earlier than now
        """
        said = {"certificate": certificate_id, "reason": reason, "since": since}
        with self._administer(by, "organisation", "certificate-revoked", **said) as (session, at):
            return authority.revoke(session, certificate_id, at=at, reason=reason, since=since)

    def import_certificate(
        self,
        content: bytes,
        password: str,
        *,
        person_id: int | None = None,
        unit_id: int | None = None,
        by: int,
    ) -> Certificate:
        """Take a key with its certificate (PKCS #12) for a person or a unit. See ``authority.import_pkcs12``."""
        said = {"person": person_id, "unit": unit_id, "source": "PKCS#12"}
        with self._administer(by, "organisation", "certificate-imported", **said) as (session, at):
            _holder(session, person_id, unit_id, at)
            return authority.import_pkcs12(
                session,
                content,
                password,
                person_id=person_id,
                unit_id=unit_id,
                passphrase=self.settings.passphrase,
                at=at,
            )

    def bind_token(
        self,
        token: str,
        key_id: str,
        content: bytes | None,
        *,
        person_id: int | None = None,
        unit_id: int | None = None,
        by: int,
    ) -> Certificate:
        """Let a person or a unit sign with a key in a token. See ``authority.import_token``."""
        said = {"person": person_id, "unit": unit_id, "source": "PKCS#11", "token": token}
        with self._administer(by, "organisation", "certificate-imported", **said) as (session, at):
            _holder(session, person_id, unit_id, at)
            return authority.import_token(
                session, token, key_id, content, person_id=person_id, unit_id=unit_id, at=at
            )

    def trusted_authorities(self, *, by: int) -> Sequence[TrustedRoot]:
        """The authorities of other houses that are trusted."""
        with self._read() as session:
            _require_admin(session, by)
            return trust.everything(session)

    def trust_authority(self, content: bytes, *, by: int) -> TrustedRoot:
        """Trust another house's authority; whom it vouches for signs validly here. See ``trust.add``."""
        with self._administer(by, "organisation", "authority-trusted") as (session, at):
            return trust.add(session, content, by=by, at=at)

    def distrust_authority(self, root_id: int, *, by: int) -> TrustedRoot:
        """From now on signatures under it count as unknown, also those given before."""
        with self._administer(by, "organisation", "authority-distrusted", root=root_id) as (session, at):
            return trust.remove(session, root_id, at=at)

    def revocation_list(self, authority_id: int | None = None) -> bytes:
        """The CRL (DER) of an authority of this installation, the newest where none is named; for everybody.

        :raises NotFound: ``no-authority``
        """
        with self._read() as session:
            passphrase = self.settings.passphrase
            return authority.crl(session, authority_id, passphrase=passphrase, at=self.clock.now())

    def expiring_certificates(self) -> Sequence[Certificate]:
        """Those in use that are to be renewed, the first to end first."""
        with self._read() as session:
            return authority.expiring(session, at=self.clock.now())

    def seal_history(self) -> None:
        """Sign the heads of all streams that grew (``engine.checkpoints``); workers do it once a minute."""
        with self._write() as (session, at):
            checkpoints.seal(session, passphrase=self.settings.passphrase, at=at)

    def verify_history(self) -> list[str]:
        """Walk every stream and every checkpoint; a sentence for each fault, none where all is as it was written."""
        with self._read() as session:
            return [*history.verify(session), *checkpoints.verify(session)]

    def names(self, person_ids: Iterable[int]) -> dict[int, str]:
        """Person id -> name, for whoever has to word a history."""
        with self._read() as session:
            return people.names(session, person_ids)

    def colleagues(self, *, by: int) -> list[Person]:
        """The other members of the person's branch: who may witness that somebody cannot sign (无法签)."""
        with self._read() as session:
            home = people.membership(session, by, self.today())
            found = people.members(session, home.unit_id, self.today()) if home is not None else []
            return [person for person in found if person.id != by]

    def addressees(
        self, words: str = "", *, by: int, chosen: Iterable[int] = (), limit: int = 30
    ) -> list[tuple[Person, Unit | None]]:
        """People to whom the person may hand work, each with the branch: those chosen already, then whose name or number begins
        with ``words``; without words his own branch."""
        with self._read() as session:
            return people.addressees(
                session, words, by=by, chosen=tuple(chosen), on=self.today(), limit=limit
            )

    def notifications(self, *, by: int, limit: int = 50, offset: int = 0) -> list[notifications.Message]:
        """The person's messages, newest first, each with the instance it is about where he may read that."""
        with self._read() as session:
            found = notifications.of_person(session, by, limit=limit, offset=offset)
            about = {one.instance_id for one in found if one.instance_id is not None}
            readable = reading.readable_instances(session, about, by, self.today())
            return [notifications.Message(one, readable.get(one.instance_id or 0)) for one in found]

    def mark_read(self, notification_ids: Iterable[int], *, by: int) -> None:
        """Note that the person has seen these messages."""
        with self._write() as (session, at):
            notifications.mark_read(session, notification_ids, by=by, at=at)

    # ledgers

    def ledgers(self) -> list[LedgerDefinition]:
        """The ledgers that deployed processes publish to, in their latest versions."""
        with self._read() as session:
            loaded = [self._runtime.definitions.get(session, d.id) for d in deployments.all_latest(session)]
            return list({name: ledger for one in loaded for name, ledger in one.ledgers.items()}.values())

    def ledger(
        self, name: str, *, by: int, filters: Mapping[str, Any] | None = None, history: bool = False
    ) -> list[LedgerEntry]:
        """The rows that the person may read, oldest first; administrators read all.

        :param history: superseded and void rows as well
        """
        with self._read() as session:
            return self._ledger_rows(session, name, by, filters, history=history)

    def rollup(self, name: str, *, by: int, filters: Mapping[str, Any] | None = None) -> list[Rollup]:
        """Counts by status, and who is outstanding (未签名单), over the rows that the person may read.

        :raises NotFound: no such ledger
        :raises Invalid: the ledger declares no roll-up
        """
        definition = self._ledger(name)
        with self._read() as session:
            return ledgers.rollup_of(definition, self._ledger_rows(session, name, by, filters))

    def ledger_offices(self, *, by: int) -> set[int]:
        """The units whose ledgers the person keeps today: he may void their rows."""
        with self._read() as session:
            return ledgers.offices(session, by, self.today())

    def void_entry(self, entry_id: int, *, reason: str, by: int) -> LedgerEntry:
        """Take a row out of force with its document; who was still to sign it is asked no longer.

        :raises NotAllowed: no officer of the unit that keeps the row
        :raises Invalid: no reason
        :raises Conflict: it is superseded or void already
        """
        with self._read() as session:
            name = ledgers.get(session, entry_id).ledger
        definition = self._ledger(name)
        with self._write() as (session, at):
            return renewals.void(session, definition, entry_id, reason=reason, by=by, at=at)

    def renewals(self, name: str, *, by: int) -> list[Renewal]:
        """换签: the rows that he may read whose signers have left their posts since; with the process that he may start."""
        definition = self._ledger(name)
        with self._read() as session:
            found = renewals.due(
                session, definition, self._ledger_rows(session, name, by, None), self.today()
            )
            processes = [
                self._runtime.definitions.get(session, d.id) for d in deployments.all_latest(session)
            ]
            return renewals.offered(session, found, processes, by=by, on=self.today())

    def renewals_at(self, unit_id: int, *, by: int) -> list[Renewal]:
        """The same over all ledgers, where the signer who has left signed for this unit."""
        found = [one for ledger in self.ledgers() for one in self.renewals(ledger.name, by=by)]
        return [one for one in found if any(slot.unit_id == unit_id for slot in one.left)]

    def _ledger(self, name: str) -> LedgerDefinition:
        definition = next((d for d in self.ledgers() if d.name == name), None)
        if definition is None:
            raise NotFound("no-ledger", f"没有台账“{name}”。", name=name)
        return definition

    def _ledger_rows(
        self,
        session: Session,
        name: str,
        by: int,
        filters: Mapping[str, Any] | None,
        *,
        history: bool = False,
    ) -> list[LedgerEntry]:
        entries = ledgers.rows(session, name, filters, history=history)
        account = accounts.of_person(session, by)
        if account is not None and account.is_admin:
            return entries
        return ledgers.readable(session, entries, person_id=by, on=self.today())

    def noticeboard(self, *, by: int | None = None) -> list[Notice]:
        """What the ledgers disclose to this reader; None is a visitor without a login."""
        with self._read() as session:
            return [
                notice
                for name in ledgers.disclosing(session)
                for notice in ledgers.noticeboard(session, name, person_id=by, on=self.today())
            ]

    def plaque(self, entry_id: int, *, by: int | None = None) -> bytes:
        """The PDF of what hangs on the wall for a noticeboard entry (承诺监督牌).

        :raises NotFound: no such entry, no plaque, or it shows more than this reader may see
        """
        with self._read() as session:
            return plaques.file(session, entry_id, person_id=by, on=self.today())

    def kept_sections(self, entry_id: int, *, by: int) -> set[str]:
        """The sections of a noticeboard entry that this person may write."""
        with self._read() as session:
            entry, kept = ledgers.get(session, entry_id), set()
        definition = self._ledger(entry.ledger)
        with self._read() as session:
            for official in (False, True):
                with suppress(NotAllowed):
                    ledgers.require_keeper(session, entry, person_id=by, on=self.today(), official=official)
                    kept |= {
                        name for name in definition.audiences if (name in definition.official) == official
                    }
        return kept

    def update_notice(
        self, entry_id: int, section: str, text: str, *, by: int, audience: str | None = None
    ) -> LedgerSection:
        """Write one section of a noticeboard entry.

        :raises NotAllowed: neither his own entry, nor an officer of the unit or above; a section that the organisation alone writes
        """
        with self._read() as session:
            definition = self._ledger(ledgers.get(session, entry_id).ledger)
        with self._write() as (session, at):
            entry = ledgers.get(session, entry_id)
            ledgers.require_keeper(
                session, entry, person_id=by, on=self.today(), official=section in definition.official
            )
            found = ledgers.update_section(
                session, entry_id, section, text=text, at=at, by=by, audience=audience
            )
            payload = {"entry": entry_id, "section": section, "text": text, "audience": audience}
            history.append_to(
                session, f"ledger:{entry.ledger}", [history.Entry("disclosed", payload, by)], at
            )
            return found

    # organisation

    @contextmanager
    def _administer(
        self, by: int | None, stream: str, code: str, **payload: Any
    ) -> Iterator[tuple[Session, datetime]]:
        """One transaction of an administrator with its event; ``by`` None is the installation itself."""
        with self._write() as (session, at):
            if by is not None:
                _require_admin(session, by)
            history.lock(
                session, stream
            )  # of two administrators at once, the second sees what the first has done
            yield session, at
            history.append_to(session, stream, [history.Entry(code, payload, person_id=by)], at)

    def require_admin(self, *, by: int) -> None:
        """:raises NotAllowed: not an administrator"""
        with self._read() as session:
            _require_admin(session, by)

    def units(self) -> list[TreeLine]:
        """The tree of today with who leads each unit."""
        with self._read() as session:
            return views.tree(session, self.today())

    def unit(self, unit_id: int, *, by: int) -> UnitView:
        with self._read() as session:
            _require_admin(session, by)
            return views.unit(session, unit_id, self.today())

    def people(
        self, words: str = "", *, by: int, limit: int = 100, after: int = 0
    ) -> list[tuple[Person, Unit | None]]:
        """People whose name or number begins with ``words``, each with the branch; by id, after ``after``."""
        with self._read() as session:
            _require_admin(session, by)
            return people.search(session, words, on=self.today(), limit=limit, after=after)

    def person(self, person_id: int, *, by: int) -> PersonView:
        with self._read() as session:
            _require_admin(session, by)
            return views.person(session, person_id, self.today())

    def departments(self, *, by: int) -> list[str]:
        """The paths of today's departments, such as ``市教育局/办公室``."""
        with self._read() as session:
            _require_admin(session, by)
            return departments.paths(session, self.today())

    def add_unit(
        self,
        *,
        by: int | None,
        kind: str,
        name: str,
        founded_on: date,
        short_name: str = "",
        parent_id: int | None = None,
        agency_code: str | None = None,
    ) -> Unit:
        with self._administer(by, "organisation", "unit-added", name=name, parent=parent_id) as (session, _):
            return units.add(
                session,
                kind=kind,
                name=name,
                short_name=short_name,
                parent_id=parent_id,
                founded_on=founded_on,
                agency_code=agency_code,
            )

    def rename_unit(self, unit_id: int, *, by: int | None, name: str, on: date, short_name: str = "") -> Unit:
        with self._administer(by, "organisation", "unit-renamed", unit=unit_id, name=name, on=on) as (
            session,
            _,
        ):
            return units.rename(session, unit_id, name=name, short_name=short_name, on=on)

    def move_unit(self, unit_id: int, *, by: int | None, parent_id: int | None) -> Unit:
        with self._administer(by, "organisation", "unit-moved", unit=unit_id, parent=parent_id) as (
            session,
            _,
        ):
            return units.move(session, unit_id, parent_id=parent_id)

    def dissolve_unit(self, unit_id: int, *, by: int | None, on: date) -> Unit:
        with self._administer(by, "organisation", "unit-dissolved", unit=unit_id, on=on) as (session, _):
            return succession.dissolve(session, unit_id, on=on)

    def appoint(
        self,
        unit_id: int,
        post: str,
        person_id: int | None,
        *,
        by: int | None,
        from_on: date,
        mode: str = "正式",
        replacing: bool = False,
    ) -> Holding:
        """Give a person a post, or record it as vacant (``person_id`` None). Open work items follow the post.

        :param replacing: relieve the secretary in office that day
        """
        with self._administer(
            by, "organisation", "appointed", unit=unit_id, post=post, person=person_id, mode=mode, on=from_on
        ) as (session, _):
            if person_id is None:
                return posts.declare_vacant(session, unit_id, post, from_on=from_on)
            return posts.appoint(
                session, unit_id, post, person_id, from_on=from_on, mode=mode, replacing=replacing
            )

    def leave_post(self, holding_id: int, *, by: int | None, on: date) -> Holding:
        """End a holding; a secretary's leaves a recorded vacancy."""
        with self._administer(by, "organisation", "left", holding=holding_id, on=on) as (session, _):
            return posts.leave(session, holding_id, on=on)

    def add_person(
        self,
        *,
        by: int | None,
        name: str,
        number: str | None = None,
        department: str = "",
        job_title: str = "",
        phone: str | None = None,
        email: str | None = None,
        branch_id: int | None = None,
        kind: str = "正式",
        joined_party_on: date | None = None,
        from_on: date | None = None,
    ) -> Person:
        """A new person, with a membership when ``branch_id`` is given.

        :param department: a path such as ``市教育局/办公室``; what is missing of it is made
        :param from_on: when the membership begins; today by default
        """
        with self._administer(by, "organisation", "person-added", name=name, branch=branch_id) as (
            session,
            at,
        ):
            today = local(at).date()
            person = people.add(
                session,
                name=name,
                number=number,
                department_id=departments.place(session, department, today).id if department else None,
                job_title=job_title,
                phone=phone,
                email=email,
            )
            if branch_id is not None:
                people.enrol(
                    session,
                    person.id,
                    branch_id,
                    from_on=from_on or today,
                    kind=kind,
                    joined_party_on=joined_party_on,
                )
            return person

    def change_person(
        self,
        person_id: int,
        *,
        by: int | None,
        name: str,
        number: str | None = None,
        department: str = "",
        job_title: str = "",
        phone: str | None = None,
        email: str | None = None,
    ) -> Person:
        with self._administer(by, "organisation", "person-changed", person=person_id) as (session, at):
            return people.change(
                session,
                person_id,
                name=name,
                number=number,
                department_id=departments.place(session, department, local(at).date()).id
                if department
                else None,
                job_title=job_title,
                phone=phone,
                email=email,
            )

    def transfer_member(self, person_id: int, branch_id: int, *, by: int | None, on: date) -> Membership:
        """Carry a membership over to another branch, or begin one."""
        with self._administer(
            by, "organisation", "member-transferred", person=person_id, branch=branch_id, on=on
        ) as (session, _):
            if people.membership(session, person_id, on) is None:
                return people.enrol(session, person_id, branch_id, from_on=on)
            return people.transfer(session, person_id, branch_id, on=on)

    def confirm_member(self, person_id: int, *, by: int | None, on: date) -> Membership:
        """转正."""
        with self._administer(by, "organisation", "member-confirmed", person=person_id, on=on) as (
            session,
            _,
        ):
            return people.confirm(session, person_id, on=on)

    def end_membership(self, membership_id: int, *, by: int | None, on: date) -> Membership:
        with self._administer(by, "organisation", "membership-ended", membership=membership_id, on=on) as (
            session,
            _,
        ):
            return people.leave(session, membership_id, on=on)

    def delegate(
        self,
        *,
        by: int,
        from_person_id: int,
        to_person_id: int,
        from_on: date,
        to_on: date | None,
        reason: str,
    ) -> Delegation:
        """Let somebody act in a person's place: in one's own, or as an administrator in anybody's."""
        with self._write() as (session, at):
            if by != from_person_id:
                _require_admin(session, by)
            made = delegation.delegate(
                session,
                from_person_id=from_person_id,
                to_person_id=to_person_id,
                from_on=from_on,
                to_on=to_on,
                reason=reason,
            )
            payload = {"delegation": made.id, "from": from_person_id, "to": to_person_id}
            history.append_to(
                session, "organisation", [history.Entry("delegated", payload, person_id=by)], at
            )
            return made

    def own_delegations(self, *, by: int) -> list[Delegation]:
        """代理 of the person's own, given and received, those that began last first."""
        with self._read() as session:
            return delegation.of_person(session, by)

    def delegations(self, *, by: int) -> list[Delegation]:
        """Everybody's, newest first."""
        with self._read() as session:
            _require_admin(session, by)
            return delegation.everybody(session)

    def end_delegation(self, delegation_id: int, *, by: int, on: date) -> Delegation:
        """From that day on nobody acts in his place: in one's own case, or as an administrator in anybody's."""
        with self._write() as (session, at):
            ended = delegation.revoke(session, delegation_id, on=on)
            if by != ended.from_person_id:
                _require_admin(session, by)
            payload = {"delegation": ended.id, "on": on}
            history.append_to(
                session, "organisation", [history.Entry("delegation-ended", payload, person_id=by)], at
            )
            return ended

    def import_workbook(self, content: bytes, *, by: int | None) -> ImportReport:
        """Import units, people and posts; with any error in the report nothing was changed.

        :raises Invalid: the file as a whole is refused
        """
        with self._write() as (session, at):
            if by is not None:
                _require_admin(session, by)
            report = importing.import_workbook(session, content, at=at)
            if report.imported:
                payload = {
                    "digest": blobs.digest_of(content),
                    "added": report.added,
                    "changed": report.changed,
                }
                history.append_to(
                    session, "organisation", [history.Entry("imported", payload, person_id=by)], at
                )
            return report

    def workbook_template(self) -> bytes:
        return workbook.template_workbook()

    def demo_password(self) -> str:
        """The demo accounts' password: random, made once an installation, so that it can be printed again."""
        return demo.password(self.settings.home)

    def load_demo(self, text: str, *, password: str | None = None) -> list[DemoAccount]:
        """Load a demo organisation (``organisation.demo``); with a password its accounts too."""
        with self._administer(None, "organisation", "demo-loaded") as (session, at):
            return demo.load(session, text, on=local(at).date(), password=password)

    # accounts

    def authenticate(self, username: str, password: str) -> Account | None:
        """The account, or None: wrong, unknown, locked and disabled look alike. Five failures lock it for 15 minutes."""
        with self._read() as session:  # the comparison is slow on purpose: not while others wait to write
            tried = accounts.attempt(session, username, password)
        with self._write() as (session, at):
            account = accounts.admit(session, tried, at=at)
            code = "signed-in" if account is not None else "sign-in-refused"
            payload = {"account": tried.account_id}
            history.append_to(
                session,
                "accounts",
                [history.Entry(code, payload, account.person_id if account else None)],
                at,
            )
            return account

    def resume_session(self, account_id: int, session_version: int) -> Account | None:
        """The account of a session that began earlier, unless it has been ended since."""
        with self._read() as session:
            return accounts.resume(session, account_id, session_version)

    def change_password(self, account_id: int, *, current: str, password: str) -> Account:
        """One's own password; ends all sessions. Wrong tries count towards the lock-out.

        :raises Invalid: the current one is wrong (``current``), or the new one does not do (``password``)
        """
        with self._read() as session:
            tried = accounts.attempt(session, accounts.get(session, account_id).username, current)
        with self._write() as (session, at):
            if accounts.admit(session, tried, at=at) is not None:
                account = accounts.set_password(session, account_id, password)
                entry = history.Entry("password-changed", {"account": account_id}, account.person_id)
                history.append_to(session, "accounts", [entry], at)
                return account
        raise Invalid(
            "wrong-password", "现在的密码不对。", {"current": "现在的密码不对，连续输错 5 次将锁定 15 分钟。"}
        )

    def accounts(self, *, by: int | None) -> list[Account]:
        """Everybody's; ``by`` None is the installation itself."""
        with self._read() as session:
            if by is not None:
                _require_admin(session, by)
            return accounts.everybody(session)

    def create_account(
        self,
        person_id: int,
        username: str,
        *,
        by: int | None,
        is_admin: bool = False,
        is_designer: bool = False,
        password: str | None = None,
    ) -> tuple[Account, str]:
        """:return: the account and its password, a random one unless given; it is shown now or never"""
        password = accounts.random_password() if password is None else password
        password_hash = accounts.hashed(password, username)
        with self._administer(by, "accounts", "account-created", person=person_id, username=username) as (
            session,
            _,
        ):
            account = accounts.create(
                session,
                person_id=person_id,
                username=username,
                password_hash=password_hash,
                is_admin=is_admin,
                is_designer=is_designer,
            )
            return account, password

    def reset_password(self, account_id: int, *, by: int | None) -> str:
        """A new random password; it is shown now or never. Ends all sessions and a lock-out."""
        password = accounts.random_password()
        with self._administer(by, "accounts", "password-reset", account=account_id) as (session, _):
            accounts.set_password(session, account_id, password)
            return password

    def grant_account(
        self, account_id: int, *, by: int | None, is_admin: bool, is_designer: bool, disabled: bool = False
    ) -> Account:
        """What an account may do, and whether it may sign in at all. Ends its sessions.

        :raises Conflict: one's own account without administration: somebody must remain who can undo it
        """
        with self._administer(
            by,
            "accounts",
            "account-granted",
            account=account_id,
            admin=is_admin,
            designer=is_designer,
            disabled=disabled,
        ) as (session, at):
            if accounts.get(session, account_id).person_id == by and (disabled or not is_admin):
                raise Conflict(
                    "own-account", "不能停用自己的账号或取消自己的管理员权限，请由另一位管理员办理。"
                )
            accounts.grant(session, account_id, is_admin=is_admin, is_designer=is_designer)
            return (
                accounts.disable(session, account_id, at=at)
                if disabled
                else accounts.enable(session, account_id)
            )


def _holder(session: Session, person_id: int | None, unit_id: int | None, at: datetime) -> str:
    """The name for a certificate: a person's, or a unit's full one.

    :raises Invalid: not exactly one of them
    """
    if (person_id is None) == (unit_id is None):
        raise Invalid("holder", "请选择一个人或者一个党组织。", {"holder": "请选择一个人或者一个党组织。"})
    if person_id is not None:
        return people.get(session, person_id).name
    return units.name_on(session, unit_id or 0, local(at).date()).name


def _require_admin(session: Session, by: int) -> Account:
    account = accounts.of_person(session, by)
    if account is None or not account.is_admin:
        raise NotAllowed("admin-only", "这项操作只有系统管理员可以进行。")
    return account


def _agencies(session: Session, by: int, on: date) -> set[int] | None:
    """The units whose register of numbers a person keeps; None for all of them.

    :raises NotAllowed: ``not-officer``: of none
    """
    if reading.is_admin(session, by):
        return None
    kept = ledgers.offices(session, by, on)
    if not kept:
        raise NotAllowed("not-officer", f"这些登记由各单位的{'、'.join(ledgers.OFFICERS)}和系统管理员查看。")
    return kept


def _require_designer(session: Session, by: int) -> Account:
    account = accounts.of_person(session, by)
    if account is None or not (account.is_designer or account.is_admin):
        raise NotAllowed("designer-only", "这项操作只有流程设计人员可以进行。")
    return account
