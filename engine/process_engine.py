"""The facade: one method is one transaction. Logic lives in the nouns; authorization is asked here or below, never in the web."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from engine import (
    blobs,
    deployments,
    history,
    inbox,
    instances,
    jobs,
    work_items,
)
from engine.clock import Clock, SystemClock, local
from engine.database import Database
from engine.deployments import Definitions, ProcessDefinition
from engine.documents import register
from engine.documents.pdf import Renderer
from engine.errors import Conflict, Finding, NotAllowed
from engine.instances import ProcessInstance
from engine.organisation import accounts
from engine.organisation.accounts import Account
from engine.runtime import Runtime
from engine.settings import Settings
from engine.work_items import Completion, WorkItem


class ProcessEngine:
    """The engine of one installation; shared by all threads of a process.

    ``by`` is always a person's id: the one who acts, or who reads. Moments come from the clock.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        settings.home.mkdir(parents=True, exist_ok=True)
        self._runtime = Runtime(
            settings, Database(settings.database_url), clock or SystemClock(), Definitions(), Renderer()
        )
        self._workers: jobs.Workers | None = None
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
        """Bring the database's schema to this version's."""
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
        """One transaction. Somebody who was faster shows as Conflict, never as a database error."""
        try:
            with self._runtime.database.write() as session:
                yield session, self.clock.now()
        except StaleDataError as error:
            raise Conflict(
                "somebody-was-faster", "有人刚刚办理了这一事项，请刷新页面查看最新状态。"
            ) from error
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
            self._workers = jobs.Workers(self._runtime, self.settings.workers if threads is None else threads)
            self._workers.start()

    def stop_workers(self) -> None:
        if self._workers is not None:
            self._workers.stop()
            self._workers = None

    def run_jobs(self, limit: int = 100_000) -> int:
        """Run what is due now, here, until nothing is; returns how many jobs ran. For tests, the demo and ``lvze worker --once``."""
        ran = 0
        while ran < limit and jobs.run_one(self._runtime):
            ran += 1
        return ran

    def incidents(self, *, by: int) -> list[jobs.Job]:
        with self._read() as session:
            _require_admin(session, by)
            return jobs.incidents(session)

    def retry_incident(self, job_id: int, *, by: int) -> jobs.Job:
        with self._write() as (session, at):
            _require_admin(session, by)
            return jobs.retry(session, job_id, at)

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

    def lint(self, files: Mapping[str, bytes]) -> list[Finding]:
        with self._read() as session:
            return deployments.lint(session, files)

    def definitions(self) -> list[ProcessDefinition]:
        """The latest version of every process."""
        with self._read() as session:
            return deployments.all_latest(session)

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
                if instances.starting_units(session, self._runtime.definitions.get(session, d.id), by, today)
                is not None
            ]

    def start_form(self, definition_id: int, *, by: int) -> instances.StartForm:
        with self._read() as session:
            return instances.start_form(
                session, self._runtime.definitions.get(session, definition_id), by, self.today()
            )

    # instances

    def start(
        self,
        key: str,
        *,
        by: int,
        data: Mapping[str, Any] | None = None,
        unit: int | None = None,
        business_key: str | None = None,
    ) -> ProcessInstance:
        """Start the latest version of a process.

        :param unit: the unit for which the person starts it; needed when he could for several
        :raises NotAllowed: the person may not start it
        :raises Invalid: the start form has errors
        """
        with self._write() as (session, at):
            definition = deployments.latest(session, key)
            return instances.start_by(
                self._runtime,
                session,
                definition,
                data or {},
                by=by,
                unit_id=unit,
                business_key=business_key,
                at=at,
            )

    def instance(self, instance_id: int, *, by: int) -> instances.View:
        with self._read() as session:
            return instances.view(self._runtime, session, instance_id, by, self.today())

    def instance_diagram(self, instance_id: int, *, by: int) -> dict[str, str]:
        """Element id -> ``open`` or ``done``."""
        with self._read() as session:
            instances.require_reader(session, instance_id, by, self.today())
            return instances.diagram(self._runtime, session, instances.get(session, instance_id))

    def timeline(self, instance_id: int, *, by: int) -> list[history.Event]:
        """The history of an instance and of everything below it, oldest first."""
        with self._read() as session:
            instances.require_reader(session, instance_id, by, self.today())
            return instances.timeline(session, instances.get(session, instance_id))

    # work items

    def inbox(self, *, by: int, box: str = "todo", limit: int = 50, offset: int = 0) -> list[inbox.Row]:
        with self._read() as session:
            return inbox.rows(session, by, box, on=self.today(), limit=limit, offset=offset)

    def inbox_counts(self, *, by: int) -> dict[str, int]:
        with self._read() as session:
            return inbox.counts(session, by, self.today())

    def work_item(self, work_item_id: int, *, by: int) -> work_items.View:
        with self._read() as session:
            return work_items.view(self._runtime, session, work_item_id, by, self.clock.now())

    def claim(self, work_item_id: int, *, by: int) -> WorkItem:
        with self._write() as (session, at):
            return work_items.claim(session, work_item_id, by, at)

    def release(self, work_item_id: int, *, by: int) -> WorkItem:
        with self._write() as (session, at):
            return work_items.release(session, work_item_id, by, at)

    def save_draft(self, work_item_id: int, *, by: int, data: Mapping[str, Any]) -> WorkItem:
        with self._write() as (session, at):
            return work_items.save_draft(session, work_item_id, by, data, at)

    def complete(
        self,
        work_item_id: int,
        *,
        by: int,
        data: Mapping[str, Any] | None = None,
        opinion: str | None = None,
        signature: register.Signing | None = None,
    ) -> Completion:
        """Hand in a work item. The cryptography of a signature is done before the transaction, which then checks that nothing moved.

        :raises Invalid: errors by field; ``_opinion`` and ``_signature`` for the parts outside the form
        :raises NotAllowed: not this person's item
        :raises Conflict: done already, held by somebody else, or somebody was faster
        """
        signed = None
        if signature is not None:
            with self._write() as (session, at):
                signed = work_items.prepare_signature(self._runtime, session, work_item_id, by, signature, at)
        with self._write() as (session, at):
            return work_items.complete(
                self._runtime,
                session,
                work_item_id,
                by=by,
                data=data or {},
                opinion=opinion,
                signed=signed,
                at=at,
            )


def _require_admin(session: Session, by: int) -> Account:
    account = accounts.of_person(session, by)
    if account is None or not account.is_admin:
        raise NotAllowed("admin-only", "这项操作只有系统管理员可以进行。")
    return account


def _require_designer(session: Session, by: int) -> Account:
    account = accounts.of_person(session, by)
    if account is None or not (account.is_designer or account.is_admin):
        raise NotAllowed("designer-only", "这项操作只有流程设计人员可以进行。")
    return account
