"""Votes: 会签, 或签 and 票签, whose rules are held to a plain model; and secret ballots, which nothing in the database gives away."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select, text

from engine import Conflict, Invalid, NotAllowed, ProcessEngine, Refused, SettableClock, Settings, votes
from engine.ballots import Ballot, BallotBox
from engine.database import Database, Table
from engine.fanout import Fanout
from engine.jobs import Job
from engine.organisation import delegation, people, posts
from engine.votes import ABSTAIN, AGREE, CHOICES, REJECT, Count, Rule, Vote, Voter
from engine.work_items import WorkItem
from tests.engine.conftest import NOW, World, organise
from tests.engine.drawing import draw, each, end, ours, path, start, user

FORM = (
    '{"type":"default","components":[{"type":"select","key":"决定","label":"决定","values":['
    + ",".join(f'{{"label":"{one}","value":"{one}"}}' for one in ("同意", "反对", "弃权", "再议"))
    + "]}]}"
).encode()


# the rule


def passes(rule: Rule, ballots: list[tuple[str | None, int]]) -> bool:
    """The plain model: (choice, weight) of every voter; None for one who stays away."""
    came = [(choice, weight) for choice, weight in ballots if choice is not None]
    valid = {AGREE, REJECT, ABSTAIN} if rule.abstention == "valid" else {AGREE, REJECT}
    if rule.quorum is not None and len(came) < rule.quorum * len(ballots):
        return False
    agreeing = [weight for choice, weight in came if choice == AGREE]
    if rule.measure == "heads":
        reached, asked = Decimal(len(agreeing)), Decimal(rule.threshold)
    elif rule.measure == "weight":
        reached, asked = Decimal(sum(agreeing)), Decimal(rule.threshold)
    else:
        whole = {
            "应到": sum(weight for _, weight in ballots),
            "实到": sum(weight for _, weight in came),
            "有效票": sum(weight for choice, weight in came if choice in valid),
        }[rule.of]
        if whole == 0:
            return False
        reached, asked = Decimal(sum(agreeing)), Decimal(rule.threshold) * whole
    return reached >= asked if rule.tie == "pass" else reached > asked


def counted(ballots: list[tuple[str | None, int]]) -> tuple[Count, dict[str, Count]]:
    cast: dict[str, Count] = {}
    for choice, weight in ballots:
        if choice is not None:
            cast[choice] = cast.get(choice, Count()) + Count(1, weight)
    return Count(len(ballots), sum(weight for _, weight in ballots)), cast


shares = st.sampled_from([Decimal("0.25"), Decimal("0.5"), Decimal("0.75"), Decimal(1)])
rules = st.one_of(
    st.builds(
        Rule,
        kind=st.just("ratio"),
        threshold=shares,
        of=st.sampled_from(["应到", "实到", "有效票"]),
        abstention=st.sampled_from(["valid", "invalid"]),
        tie=st.sampled_from(["pass", "fail"]),
        quorum=st.none() | shares,
        early=st.sampled_from(["none", "fail", "both"]),
    ),
    st.builds(
        Rule,
        kind=st.just("ratio"),
        threshold=st.integers(1, 5),
        measure=st.sampled_from(["heads", "weight"]),
        tie=st.sampled_from(["pass", "fail"]),
        quorum=st.none() | shares,
        early=st.sampled_from(["none", "fail", "both"]),
    ),
)
ballots = st.lists(st.tuples(st.sampled_from(CHOICES), st.integers(0, 3)), max_size=3)


@given(rules, ballots, st.lists(st.integers(0, 3), max_size=3))
def test_a_vote_ends_early_exactly_when_its_outcome_is_certain(
    rule: Rule, cast: list[tuple[str, int]], left: list[int]
) -> None:
    """Every way in which those who are left may still vote, or stay away, is tried."""
    electorate, got = counted([*cast, *((None, weight) for weight in left)])
    possible = {
        passes(rule, [*cast, *zip(rest, left, strict=True)])
        for rest in itertools.product([*CHOICES, None], repeat=len(left))
    }
    found = rule.verdict(electorate, got)
    if not left:
        assert {found} == possible
    elif found is not None:
        assert possible == {found} and (rule.early == "both" or (rule.early == "fail" and not found))
    else:
        assert (
            possible == {True, False} or rule.early == "none" or (rule.early == "fail" and True in possible)
        )
    assert rule.passes(electorate, got) == passes(rule, [*cast, *((None, weight) for weight in left)])


# in the engine


def vote(kind: str = "all", **attributes: str) -> str:
    return ours("vote", kind=kind, field="决定", result="表决", **attributes)


def ballot_process(voting: str, collection: str, *, loop: str = "", assignment: str = "") -> bytes:
    task = user(
        "票",
        ours("form", ref="a.form.json"),
        *filter(None, [assignment]),
        voting,
        person=None,
        loop=loop or each(collection, "人"),
    )
    return draw("p", start(), task, user("后"), end(), path("start", "票", "后", "end"))


class Ballots:
    """A vote of five people, held by the member who started it."""

    def __init__(self, engine: ProcessEngine, database: Database, world: World, xml: bytes) -> None:
        self.engine, self.database, self.world = engine, database, world
        engine.deploy({"p.bpmn": xml, "a.form.json": FORM})
        self.instance = engine.start("p", by=world.member).id
        engine.run_jobs()

    def item(self, person: int) -> int | None:
        found = [
            row.item.id for row in self.engine.inbox(by=person) if row.item and row.item.element_id == "票"
        ]
        return found[0] if found else None

    def cast(self, person: int, choice: str | None, **more: Any) -> None:
        item = self.item(person)
        assert item is not None
        self.engine.complete(item, by=person, data={"决定": choice} if choice else {}, **more)
        self.engine.run_jobs()

    @property
    def result(self) -> dict[str, Any] | None:
        """None while the vote is open."""
        with self.database.read() as session:
            assert session.scalars(select(Job.last_error).where(Job.last_error.is_not(None))).all() == []
            (found,) = session.scalars(select(Vote.result)).all()
        variables = self.engine.instance(self.instance, by=self.world.member).variables
        assert variables.get("表决") == found
        return found

    def closings(self) -> list[str | None]:
        with self.database.read() as session:
            query = select(WorkItem.closing).where(WorkItem.element_id == "票").order_by(WorkItem.position)
            return list(session.scalars(query))

    @property
    def row(self) -> int:
        with self.database.read() as session:
            return session.scalars(select(Fanout.id)).one()


Open = Callable[..., Ballots]


@pytest.fixture
def opened(engine: ProcessEngine, database: Database, world: World) -> Open:
    """Open a vote of the secretary, the deputy, the clerk and the other, unless a collection says whose."""

    def make(voting: str, collection: str | None = None, **more: str) -> Ballots:
        everybody = collection or f"=[{world.secretary}, {world.deputy}, {world.clerk}, {world.other}]"
        return Ballots(engine, database, world, ballot_process(voting, everybody, **more))

    return make


def test_a_countersignature_passes_when_all_agree(opened: Open, world: World) -> None:
    poll = opened(vote("all"))
    for person in (world.deputy, world.secretary, world.other):
        poll.cast(person, "同意")
        assert poll.result is None
    poll.cast(world.clerk, "同意")
    result = poll.result
    assert result is not None and result["结果"] == "通过"
    assert [result[name] for name in ("应到", "实到", "有效票", *CHOICES)] == [4, 4, 4, 4, 0, 0, 0]
    assert poll.closings() == ["completed"] * 4


def test_one_who_rejects_a_countersignature_ends_it(opened: Open, world: World) -> None:
    """一票否决. The siblings' items stay in the history as 由他人处理."""
    poll = opened(vote("all"))
    poll.cast(world.deputy, "同意")
    late = poll.item(world.other)
    poll.cast(world.clerk, "反对")
    assert poll.result is not None and poll.result["结果"] == "未通过"
    assert poll.closings() == ["others", "completed", "completed", "others"]
    with pytest.raises(Conflict, match="由他人处理"):
        poll.engine.complete(late or 0, by=world.other, data={"决定": "同意"})


def test_a_countersignature_may_hear_everybody_out(opened: Open, world: World) -> None:
    poll = opened(vote("all", early="none"))
    poll.cast(world.clerk, "反对")
    assert poll.result is None
    for person in (world.secretary, world.deputy, world.other):
        poll.cast(person, "同意")
    assert poll.result is not None and (poll.result["结果"], poll.result["反对"]) == ("未通过", 1)


@pytest.mark.parametrize(("choice", "outcome"), [("同意", "通过"), ("反对", "未通过")])
def test_the_first_decision_completes_an_or_signature(
    opened: Open, world: World, choice: str, outcome: str
) -> None:
    """An abstention is no decision."""
    poll = opened(vote("any", abstain="弃权"))
    poll.cast(world.other, "弃权")
    assert poll.result is None
    poll.cast(world.clerk, choice)
    assert poll.result is not None and poll.result["结果"] == outcome
    assert poll.closings() == ["others", "others", "completed", "completed"]


def test_the_second_decision_of_an_or_signature_is_refused_before_anything_is_counted(
    opened: Open, world: World
) -> None:
    poll = opened(vote("any"))
    first, second = poll.item(world.clerk), poll.item(world.other)
    poll.engine.complete(first or 0, by=world.clerk, data={"决定": "反对"})
    with pytest.raises(Conflict) as refused:
        poll.engine.complete(second or 0, by=world.other, data={"决定": "同意"})
    assert refused.value.code == "decided-by-others"
    poll.engine.run_jobs()
    assert poll.result is not None and (poll.result["结果"], poll.result["同意"]) == ("未通过", 0)


def test_a_ballot_passes_early_only_where_that_is_declared(opened: Open, world: World) -> None:
    people_ = (world.secretary, world.deputy, world.clerk)
    patient = opened(vote("ratio", threshold="0.5"))
    for person in people_:
        assert patient.result is None
        patient.cast(person, "同意")
    assert patient.result is None
    patient.cast(world.other, "反对")
    assert patient.result is not None and patient.result["结果"] == "通过"


def test_a_ballot_that_is_declared_to_pass_early_does(opened: Open, world: World) -> None:
    poll = opened(vote("ratio", threshold="0.5", early="both"))
    for person in (world.secretary, world.deputy, world.clerk):
        assert poll.result is None
        poll.cast(person, "同意")
    assert poll.result is not None and poll.result["结果"] == "通过" and poll.result["应到"] == 4


def test_a_ballot_fails_once_passing_is_impossible(opened: Open, world: World) -> None:
    poll = opened(vote("ratio", threshold="0.5"))  # exactly half is not more than half
    poll.cast(world.secretary, "反对")
    assert poll.result is None
    poll.cast(world.deputy, "再议")  # nobody rejects by name: what does not agree, rejects
    assert poll.result is not None and (poll.result["结果"], poll.result["反对"]) == ("未通过", 2)


def test_weights_and_declared_rejections(opened: Open, world: World) -> None:
    who = [(world.secretary, 3), (world.deputy, 1), (world.clerk, 1)]
    collection = "=[" + ", ".join(f"{{person: {p}, 票数: {n}}}" for p, n in who) + "]"
    rule = vote("ratio", threshold="0.6", weight="人.票数", reject="反对", abstain="弃权", tie="pass")
    poll = opened(rule, collection)
    poll.cast(world.deputy, "再议")  # neither: invalid
    poll.cast(world.clerk, "弃权")
    poll.cast(world.secretary, "同意")
    result = poll.result
    assert result is not None and result["结果"] == "通过"  # 3 of 5, exactly the threshold
    assert [result[name] for name in ("应到", "实到", "有效票", *CHOICES)] == [3, 3, 2, 1, 0, 1, 1]
    assert result["权重"]["同意"] == 3 and result["权重"]["应到"] == 5


def test_a_vote_ends_when_its_time_is_up_with_whoever_came(
    opened: Open, world: World, clock: SettableClock
) -> None:
    poll = opened(vote("ratio", threshold="0.5", of="实到", quorum="0.5", until='=duration("P3D")'))
    poll.cast(world.deputy, "同意")
    poll.cast(world.clerk, "同意")
    clock.advance(timedelta(days=2))
    poll.engine.run_jobs()
    assert poll.result is None
    clock.advance(timedelta(days=2))
    poll.engine.run_jobs()
    assert poll.result is not None and (poll.result["结果"], poll.result["实到"]) == ("通过", 2)
    assert sorted(map(str, poll.closings())) == ["completed", "completed", "others", "others"]


def test_without_a_quorum_nothing_passes(opened: Open, world: World, clock: SettableClock) -> None:
    poll = opened(vote("ratio", of="实到", quorum="0.8", until='=duration("P3D")'))
    for person in (world.deputy, world.clerk, world.secretary):
        poll.cast(person, "同意")
    clock.advance(timedelta(days=4))
    poll.engine.run_jobs()
    result = poll.result
    assert result is not None and result["结果"] == "未通过" and not result["达到法定人数"]


def test_one_after_the_other(opened: Open, world: World) -> None:
    order = [world.clerk, world.other, world.deputy]
    poll = opened(vote("all"), loop=each(f"={order}", "人", sequential=True))
    for person in order[:2]:
        assert [p for p in order if poll.item(p)] == [person]
        poll.cast(person, "同意")
    votes_left = poll.row
    with poll.database.write() as session:
        votes.remove_voter(session, votes_left, world.deputy, by=world.member, reason="出差", at=NOW)
    poll.engine.run_jobs()
    assert poll.result is not None and (poll.result["结果"], poll.result["应到"]) == ("通过", 2)


def test_who_has_a_vote_is_fixed_when_it_opens(opened: Open, world: World) -> None:
    """Posts are read as of that day: whoever takes the post later has no vote, whoever leaves it keeps his."""
    asked = [(world.committee, "书记"), (world.branch, "书记"), (world.branch, "副书记")]
    everybody = ", ".join(f'{{unit: {unit}, post: "{post}"}}' for unit, post in asked)
    poll = opened(vote("ratio"), f"=[{everybody}]")
    with poll.database.write() as session:
        posts.appoint(session, world.branch, "书记", world.other, from_on=NOW.date(), replacing=True)
    assert poll.item(world.other) is None
    poll.cast(world.branch_secretary, "同意")
    poll.cast(world.secretary, "同意")
    assert poll.result is not None and (poll.result["结果"], poll.result["应到"]) == ("通过", 2)
    opening = next(e for e in poll.engine.timeline(poll.instance, by=world.member) if e.code == "vote-opened")
    assert opening.payload["vacant"] == [{"unit": world.branch, "post": "副书记"}]


def test_the_tasks_assignment_names_the_voters_too(opened: Open, world: World) -> None:
    assignment = ours("assignment", post="书记", unit="=人.id", otherwise="副书记")
    units = f"=[{{id: {world.committee}}}, {{id: {world.branch}}}, {{id: {world.committee}}}]"
    poll = opened(vote("all"), units, assignment=assignment)
    assert poll.item(world.secretary) and poll.item(world.branch_secretary)
    with poll.database.read() as session:  # the secretary was named twice and has one vote
        assert session.scalars(select(Voter.person_id).order_by(Voter.position)).all() == [
            world.secretary,
            world.branch_secretary,
        ]


@pytest.fixture
def probationary(database: Database, world: World) -> int:
    with database.write() as session:
        person = people.add(session, name="白晓雨")
        people.enrol(session, person.id, world.branch, from_on=date(2025, 9, 1), kind="预备")
        return person.id


def test_a_probationary_member_has_no_vote_among_members(
    opened: Open, world: World, probationary: int
) -> None:
    poll = opened(vote("ratio"), f"=[{world.secretary}, {probationary}, {world.deputy}]")
    assert poll.item(probationary) is None
    with pytest.raises(NotAllowed, match="没有表决权"), poll.database.write() as session:
        votes.add_voter(
            poll.engine._runtime, session, poll.row, probationary, by=world.member, reason="", at=NOW
        )
    poll.cast(world.secretary, "同意")
    poll.cast(world.deputy, "同意")
    assert poll.result is not None and poll.result["应到"] == 2


def test_a_probationary_member_countersigns_like_everybody(
    opened: Open, world: World, probationary: int
) -> None:
    poll = opened(vote("all"), f"=[{world.secretary}, {probationary}]")
    poll.cast(world.secretary, "同意")
    poll.cast(probationary, "同意")
    assert poll.result is not None and poll.result["应到"] == 2


@pytest.mark.parametrize(("kind", "may"), [("all", True), ("ratio", False)])
def test_nobody_votes_in_anothers_place(opened: Open, world: World, kind: str, may: bool) -> None:
    poll = opened(vote(kind), f"=[{world.deputy}, {world.clerk}]")
    item = poll.item(world.deputy) or 0
    with poll.database.write() as session:
        delegation.delegate(
            session,
            from_person_id=world.deputy,
            to_person_id=world.other,
            from_on=date(2026, 1, 1),
            to_on=None,
            reason="出差",
        )
    if may:
        poll.engine.complete(item, by=world.other, data={"决定": "同意"})
    else:
        with pytest.raises(NotAllowed, match="本人投票"):
            poll.engine.complete(item, by=world.other, data={"决定": "同意"})
        with pytest.raises(NotAllowed):
            poll.engine.transfer(item, by=world.deputy, to=world.other, reason="代投")


def test_a_voter_who_is_added_counts_in_every_denominator(opened: Open, world: World) -> None:
    poll = opened(vote("ratio", threshold="0.5"), f"=[{world.secretary}, {world.deputy}]")
    with poll.database.write() as session:
        votes.add_voter(
            poll.engine._runtime, session, poll.row, world.clerk, by=world.member, reason="涉及档案", at=NOW
        )
    with pytest.raises(Conflict, match="名单"), poll.database.write() as session:
        votes.add_voter(
            poll.engine._runtime, session, poll.row, world.clerk, by=world.member, reason="再加", at=NOW
        )
    poll.cast(world.secretary, "同意")
    poll.cast(world.deputy, "反对")
    assert poll.result is None  # with two voters this would have failed
    poll.cast(world.clerk, "同意")
    assert poll.result is not None and (poll.result["结果"], poll.result["应到"]) == ("通过", 3)
    with poll.database.read() as session:
        added = session.scalars(select(Voter).where(Voter.added_by_id.is_not(None))).one()
    assert (added.person_id, added.added_by_id, added.reason) == (world.clerk, world.member, "涉及档案")


def test_a_voter_who_is_removed_is_a_vote_less_at_once(opened: Open, world: World) -> None:
    poll = opened(vote("ratio", threshold="0.5"), f"=[{world.secretary}, {world.deputy}, {world.clerk}]")
    poll.cast(world.secretary, "同意")
    poll.cast(world.deputy, "同意")

    def remove(person: int) -> None:
        with poll.database.write() as session:
            votes.remove_voter(session, poll.row, person, by=world.member, reason="回避", at=NOW)
        poll.engine.run_jobs()

    with pytest.raises(Conflict, match="已经办结"):
        remove(world.deputy)
    assert poll.result is None
    remove(world.clerk)
    assert poll.result is not None and (poll.result["结果"], poll.result["应到"]) == ("通过", 2)
    assert poll.closings() == ["completed", "completed", "removed"]
    with pytest.raises(Conflict):
        remove(world.secretary)


def test_the_last_voter_stays(opened: Open, world: World) -> None:
    poll = opened(vote("all"), f"=[{world.secretary}, {world.deputy}]")
    with poll.database.write() as session:
        votes.remove_voter(session, poll.row, world.deputy, by=world.member, reason="回避", at=NOW)
    with pytest.raises(Conflict) as refused, poll.database.write() as session:
        votes.remove_voter(session, poll.row, world.secretary, by=world.member, reason="回避", at=NOW)
    assert refused.value.code == "last-child"
    poll.cast(world.secretary, "同意")
    assert poll.result is not None and poll.result["结果"] == "通过"


# secret ballots


SECRET = vote("ratio", secret="true", abstain="弃权")
CHOSEN = ("同意", "反对", "弃权", "同意")


def dump(database: Database) -> dict[str, list[str]]:
    """Every row of every table. On SQLite with its hidden number, where the table has one: it would tell the order of writing."""
    found = {}
    with database.read() as session:
        for table in Table.metadata.sorted_tables:
            columns = [f'"{column.name}"' for column in table.columns]
            if database.is_sqlite and table.dialect_options["sqlite"]["with_rowid"]:
                columns.append("rowid AS hidden")
            rows = session.execute(text(f"SELECT {', '.join(columns)} FROM {table.name}"))
            found[table.name] = sorted(repr(tuple(row)) for row in rows)
    return found


def held(poll: Ballots, choices: tuple[str, ...]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The database with one ballot still to come, and after the count."""
    voters = (poll.world.other, poll.world.deputy, poll.world.secretary, poll.world.clerk)
    during: dict[str, list[str]] = {}
    for person, choice in zip(voters, choices, strict=True):
        poll.engine.save_draft(poll.item(person) or 0, by=person, data={"决定": choice})
        during = dump(poll.database)
        assert poll.result is None
        poll.cast(person, choice)
    assert poll.result is not None and [poll.result[name] for name in CHOICES] == [2, 1, 1, 0]
    return during, dump(poll.database)


def test_a_secret_ballot_cannot_be_told_from_the_database(
    databases: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same people vote in the same order, and who of them voted what is dealt out anew: once the ballots are counted, every row of
    every table is the same. Before that only the sealed ballots differ, each as long as any other.
    """
    found = []
    for deal in sorted(set(itertools.permutations(CHOSEN)))[::3]:
        numbers = itertools.count(1)
        monkeypatch.setattr("SpiffWorkflow.task.uuid4", lambda numbers=numbers: UUID(int=next(numbers)))
        url = databases()
        world, home = organise(url), str(tmp_path / "home")  # one home: the same secret for all of them
        settings = Settings.from_environment({"LVZE_HOME": home, "LVZE_DATABASE_URL": url})
        engine, database = ProcessEngine(settings, SettableClock(NOW)), Database(url)
        voters = f"=[{world.secretary}, {world.deputy}, {world.clerk}, {world.other}]"
        found.append(held(Ballots(engine, database, world, ballot_process(SECRET, voters)), deal))
        engine.close()
        database.close()
    (during, after), *others = found
    assert len(others) == 3 and after["ballot"] == after["ballot_box"] == [] and len(during["ballot"]) == 3
    for also_during, also_after in others:
        assert also_after == after
        for table, rows in during.items():
            if table == "ballot":
                assert len(also_during[table]) == len(rows)
            elif table == "ballot_box":  # half of the key
                assert re.sub("[0-9a-f]{64}", "", repr(also_during[table])) == re.sub(
                    "[0-9a-f]{64}", "", repr(rows)
                )
            else:
                assert also_during[table] == rows, table


@pytest.fixture
def databases(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[[], str]]:
    """Each call makes a database more, with the schema and no rows, of the kind that the test runs on."""
    made: list[str] = []

    def make() -> str:
        made.append(f"test_{uuid4().hex}")
        if database_url.startswith("sqlite"):
            shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / made[-1])
            return f"sqlite:///{tmp_path / made[-1]}"
        url: str = request.getfixturevalue("postgresql_server").create(made[-1], "lvze_schema")
        return url

    yield make
    if not database_url.startswith("sqlite"):
        for name in made:
            request.getfixturevalue("postgresql_server").drop(name)


def test_a_secret_ballot_lies_in_no_order_and_under_no_number(opened: Open, world: World) -> None:
    """Ballots of one choice are as different as those of two; their numbers say nothing of who came when."""
    poll = opened(SECRET)
    orders = set()
    for _ in range(8):
        with poll.database.write() as session:
            numbers: list[str] = []
            for item in session.scalars(select(WorkItem).where(WorkItem.element_id == "票")).all():
                votes.cast(poll.engine._runtime, session, item, {"决定": "同意"})
                numbers += set(session.scalars(select(Ballot.id))) - set(numbers)
            sealed = session.scalars(select(Ballot.sealed)).all()
            assert len(set(sealed)) == len(numbers) == 4 and len(set(map(len, sealed))) == 1
            orders.add(tuple(sorted(numbers).index(number) for number in numbers))
            session.execute(delete(Ballot))
    assert len(orders) > 1


def test_nothing_of_a_secret_ballot_stays_in_the_file(
    sqlite_template: Path, tmp_path: Path, clock: SettableClock
) -> None:
    file = tmp_path / "lvze.db"
    shutil.copy(sqlite_template, file)
    url = f"sqlite:///{file}"
    world, database = organise(url), Database(url)
    settings = Settings.from_environment({"LVZE_HOME": str(tmp_path), "LVZE_DATABASE_URL": url})
    engine = ProcessEngine(settings, clock)
    voters = (world.secretary, world.deputy, world.clerk)
    poll = Ballots(engine, database, world, ballot_process(SECRET, f"={list(voters)}"))
    for voter in voters[:2]:
        poll.cast(voter, "反对")
    with database.read() as session:
        secrets = [session.scalars(select(BallotBox.salt)).one().encode()]
        secrets += session.scalars(select(Ballot.sealed))

    def kept() -> list[bool]:
        with database.engine.connect() as connection:
            connection.rollback()
            connection.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return [secret in file.read_bytes() for secret in secrets]

    assert kept() == [True] * 3
    poll.cast(voters[2], "同意")
    assert poll.result is not None and kept() == [False] * 3
    engine.close()
    database.close()


def test_ballots_of_a_vote_that_is_withdrawn_are_destroyed(opened: Open, world: World) -> None:
    poll = opened(SECRET)
    poll.cast(world.deputy, "反对")
    poll.engine.cancel(poll.instance, by=world.member, reason="改期")
    with poll.database.read() as session:
        assert session.scalars(select(Ballot)).all() == session.scalars(select(BallotBox)).all() == []


def test_a_secret_vote_hears_everybody_and_tells_only_totals(opened: Open, world: World) -> None:
    poll = opened(SECRET, f"=[{world.secretary}, {world.deputy}, {world.clerk}]")
    poll.cast(world.deputy, "反对")
    poll.cast(world.secretary, "反对")
    assert poll.result is None  # it has failed already; but ending now would tell what the last one voted
    poll.cast(world.clerk, None)
    assert poll.result is not None and poll.result["结果"] == "未通过"
    assert (poll.result["反对"], poll.result["无效"], poll.result["有效票"]) == (2, 1, 2)
    events = poll.engine.timeline(poll.instance, by=world.member)
    assert [e.payload["data"] for e in events if e.code == "completed"] == [{}] * 3
    assert {e.person_id for e in events if e.code == "completed"} == {
        world.secretary,
        world.deputy,
        world.clerk,
    }


def test_nothing_beside_a_secret_ballot_is_kept(opened: Open, world: World) -> None:
    poll = opened(SECRET)
    item = poll.item(world.deputy) or 0
    with pytest.raises(Invalid) as refused:
        poll.engine.complete(item, by=world.deputy, data={"决定": "反对"}, opinion="不妥")
    assert set(refused.value.errors) == {"_opinion"}
    for act in (
        lambda: poll.engine.transfer(item, by=world.deputy, to=world.member, reason="代投"),
        lambda: poll.engine.add_signers(item, by=world.deputy, persons=[world.member], place="before"),
    ):
        with pytest.raises(NotAllowed):
            act()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"kind": "any"}, "或签"),
        ({"kind": "ratio", "weight": "人"}, "加权"),
        ({"kind": "ratio", "early": "both"}, "提前结束"),
    ],
)
def test_a_secret_vote_that_would_tell_is_not_deployed(
    engine: ProcessEngine, world: World, more: dict[str, str], said: str
) -> None:
    xml = ballot_process(vote(secret="true", **more), "=[1]")
    with pytest.raises(Refused, match=said):
        engine.deploy({"p.bpmn": xml, "a.form.json": FORM})


@pytest.mark.parametrize(
    ("voting", "said"),
    [
        (ours("vote", kind="ratio", field="没有"), "没有记录决定"),
        (ours("vote", kind="多数", field="决定"), "没有“多数”"),
        (ours("vote", kind="all", field="决定", agree="同意", reject="同意"), "不能既算"),
    ],
)
def test_a_vote_that_cannot_be_held_is_not_deployed(engine: ProcessEngine, voting: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        engine.deploy({"p.bpmn": ballot_process(voting, "=[1]"), "a.form.json": FORM})
    assert any(said in finding.message for finding in refused.value.findings)
