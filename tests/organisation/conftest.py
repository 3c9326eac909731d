"""The organisation's tests run on both databases, each test on its own copy of the migrated schema."""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from engine.database import Database
from engine.organisation import units
from engine.organisation.units import Unit


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "lvze.db")
        database = Database(f"sqlite:///{tmp_path / 'lvze.db'}")
        yield database
        database.close()
    else:
        server = request.getfixturevalue("postgresql_server")
        name = f"test_{uuid4().hex}"
        database = Database(server.create(name, "lvze_schema"))
        yield database
        database.close()
        server.drop(name)


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
