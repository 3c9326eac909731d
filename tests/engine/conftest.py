"""An engine on each database, with a small organisation: a committee, its branch, and a few people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest

from engine import ProcessEngine, SettableClock, Settings
from engine.database import Database
from engine.organisation import people, posts, units

NOW = datetime(2026, 3, 5, 1, 0, tzinfo=UTC)


@dataclass
class World:
    """Ids of the people and units that tests talk about."""

    committee: int
    branch: int
    secretary: int
    deputy: int
    clerk: int
    branch_secretary: int
    member: int
    other: int


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOW)


@pytest.fixture
def world(database_url: str) -> World:
    return organise(database_url)


def organise(database_url: str) -> World:
    database = Database(database_url)
    since = date(2020, 1, 1)
    with database.write() as session:
        committee = units.add(
            session, kind="党委", name="中共云岭市林业局委员会", short_name="林业局党委", founded_on=since
        )
        branch = units.add(
            session,
            kind="支部",
            name="中共云岭市林业局机关支部委员会",
            short_name="机关支部",
            founded_on=since,
            parent_id=committee.id,
        )
        names = ("许长林", "方若兰", "纪文静", "程立功", "苏小满", "丁一凡")
        ids = []
        for name in names:
            person = people.add(session, name=name)
            people.enrol(session, person.id, branch.id, from_on=since)
            ids.append(person.id)
        for unit, post, person_id in (
            (committee.id, "书记", ids[0]),
            (committee.id, "副书记", ids[1]),
            (committee.id, "党务干事", ids[2]),
            (branch.id, "书记", ids[3]),
        ):
            posts.appoint(session, unit, post, person_id, from_on=since)
        world = World(committee.id, branch.id, *ids)
    database.close()
    return world


@pytest.fixture
def fresh(settings: Settings, clock: SettableClock, world: World) -> Iterator[Callable[[], ProcessEngine]]:
    """A new engine object each time it is called, as after a restart."""
    opened: list[ProcessEngine] = []

    def make() -> ProcessEngine:
        while opened:
            opened.pop().close()
        opened.append(ProcessEngine(settings, clock))
        return opened[-1]

    yield make
    while opened:
        opened.pop().close()


@pytest.fixture
def engine(fresh: Callable[[], ProcessEngine]) -> ProcessEngine:
    return fresh()
