"""The shipped processes in the demo organisation, a fresh engine object between every two steps."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import ProcessEngine, SettableClock, Settings, ledgers
from engine.clock import SHANGHAI
from engine.database import Database
from engine.documents import register
from engine.documents.pdf import Renderer
from engine.jobs import Job
from engine.ledgers import LedgerEntry
from engine.organisation.people import Person
from engine.organisation.units import Unit
from engine.shipped import DOC_TEMPLATES, PROCESSES
from web.play import Player

ORGANISATION = Path("web/demo/organisation.yaml")
SEALED = ("市直机关工委", "市发改局党委")
MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=SHANGHAI)


class _Shared(Renderer):
    """One renderer for all engines of the session: starting one takes seconds."""

    def close(self) -> None:
        pass


@pytest.fixture(scope="session", autouse=True)
def renderer() -> Iterator[Renderer]:
    shared = _Shared()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.process_engine.Renderer", lambda: shared)
        yield shared
    Renderer.close(shared)


def shipped(key: str) -> dict[str, bytes]:
    files = [*(PROCESSES / key).iterdir(), *DOC_TEMPLATES.glob("*.docx")]
    return {path.name: path.read_bytes() for path in files}


def prepare(engine: ProcessEngine) -> None:
    """What ``lvze init`` does."""
    engine.migrate()
    engine.create_authority()
    for folder in sorted(path for path in PROCESSES.iterdir() if path.is_dir()):
        assert engine.lint(shipped(folder.name)) == []
        engine.deploy(shipped(folder.name))


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of an installation with the demo organisation and the shipped processes."""
    home = tmp_path_factory.mktemp("prepared")
    engine = ProcessEngine(Settings.from_environment({"LVZE_HOME": str(home)}), SettableClock(MORNING))
    prepare(engine)
    engine.load_demo(ORGANISATION.read_text(encoding="utf-8"))
    for line in engine.units():
        if line.unit.short_name in SEALED:
            engine.grant_demo_seal(line.unit.id, by=None)
    engine.close()
    return home


@dataclass
class World:
    """The play of one test, and what it looks at afterwards."""

    player: Player
    clock: SettableClock
    database: Database
    opening: Callable[[], Any]

    @contextmanager
    def session(self) -> Iterator[Session]:
        with self.database.read() as session:
            yield session

    def at(self, text: str) -> None:
        """Move the clock to nine o'clock of a day, and let everything happen that is due by then."""
        self.clock.set(datetime.fromisoformat(f"{text}T09:00").replace(tzinfo=SHANGHAI))
        self.player.wait()

    def rows(
        self, ledger: str, filters: Mapping[str, Any] | None = None, *, history: bool = False
    ) -> list[LedgerEntry]:
        with self.session() as session:
            return ledgers.rows(session, ledger, filters, history=history)

    def statuses(self, issuer: str) -> dict[str, str]:
        """Recipient's short name -> status of its letter."""
        names = {number: name for name, number in self.player.units.items()}
        rows = self.rows("letters", {"签发单位": self.player.units[issuer]})
        return {names[row.values["责任单位"]]: row.values["状态"] for row in rows}

    def documents(self, kind: str) -> list[register.Document]:
        with self.session() as session:
            query = select(register.Document).where(register.Document.kind == kind)
            return list(session.scalars(query.order_by(register.Document.id)))

    def ended(self, instance: int, by: str) -> bool:
        with self.opening() as engine:
            return engine.instance(instance, by=self.player.people[by]).instance.ended_at is not None


@pytest.fixture
def world(prepared: Path, tmp_path: Path) -> Iterator[World]:
    home = tmp_path / "home"
    shutil.copytree(prepared, home)
    settings = Settings.from_environment({"LVZE_HOME": str(home)})
    clock = SettableClock(MORNING)
    database = Database(settings.database_url)

    @contextmanager
    def opening() -> Iterator[ProcessEngine]:
        engine = ProcessEngine(settings, clock)
        try:
            yield engine
        finally:
            engine.close()
        with database.read() as session:
            failed = session.scalars(select(Job).where(Job.last_error.is_not(None))).all()
            assert not failed, [(job.element_id, job.last_error) for job in failed]

    with database.read() as session:
        people = {person.name: person.id for person in session.scalars(select(Person))}
        units = {unit.short_name: unit.id for unit in session.scalars(select(Unit))}
    yield World(Player(opening, people=people, units=units), clock, database, opening)
    database.close()
