from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from engine.errors import Conflict, Invalid
from engine.organisation import people, posts, units
from engine.organisation.people import Person
from engine.organisation.posts import Holding
from engine.organisation.units import Unit

SPRING, SUMMER = date(2026, 3, 1), date(2026, 7, 1)
BEFORE_SUMMER = SUMMER - timedelta(days=1)


@pytest.fixture
def person(session: Session) -> Callable[[str], Person]:
    return lambda name: people.add(session, name=name)


def names(holdings: list[Holding]) -> list[str | None]:
    return [holding.person and holding.person.name for holding in holdings]


def test_a_change_of_secretary_has_no_gap_and_no_overlap(
    session: Session, committee: Unit, person: Callable[[str], Person]
) -> None:
    old, new = person("高景行"), person("苏望舒")
    posts.appoint(session, committee.id, "书记", old.id, from_on=SPRING)
    with pytest.raises(Conflict, match="现由高景行担任"):
        posts.appoint(session, committee.id, "书记", new.id, from_on=SUMMER)
    posts.appoint(session, committee.id, "书记", new.id, from_on=SUMMER, replacing=True)
    assert names(posts.holders(session, committee.id, "书记", BEFORE_SUMMER)) == ["高景行"]
    assert names(posts.holders(session, committee.id, "书记", SUMMER)) == ["苏望舒"]
    assert posts.held_by(session, old.id, SUMMER) == []
    assert names(posts.history(session, committee.id)) == ["苏望舒", "高景行"]


def test_a_secretary_who_leaves_leaves_a_recorded_vacancy(
    session: Session, committee: Unit, person: Callable[[str], Person]
) -> None:
    holding = posts.appoint(session, committee.id, "书记", person("高景行").id, from_on=SPRING)
    posts.leave(session, holding.id, on=SUMMER)
    assert posts.holders(session, committee.id, "书记", SUMMER) == []
    assert posts.secretary(session, committee.id, SUMMER) is None
    assert [(each.post, each.person) for each in posts.of_unit(session, committee.id, SUMMER)] == [
        ("书记", None)
    ]
    with pytest.raises(Conflict, match="已于"):
        posts.leave(session, holding.id, on=SUMMER)
    with pytest.raises(Conflict, match="空缺"):
        posts.declare_vacant(session, committee.id, "书记", from_on=SUMMER)
    posts.appoint(session, committee.id, "书记", person("苏望舒").id, from_on=SUMMER)
    assert names(posts.of_unit(session, committee.id, SUMMER)) == ["苏望舒"]


def test_who_acts_is_found_under_the_secretary_until_one_comes(
    session: Session, committee: Unit, person: Callable[[str], Person]
) -> None:
    deputy = person("苏望舒")
    posts.appoint(session, committee.id, "副书记", deputy.id, from_on=SPRING)
    posts.declare_vacant(session, committee.id, "书记", from_on=SPRING)
    acting = posts.appoint(session, committee.id, "书记", deputy.id, from_on=SPRING, mode="主持工作")
    assert posts.secretary(session, committee.id, SPRING) is acting
    assert len(posts.of_unit(session, committee.id, SPRING)) == 3  # the vacancy is still shown
    name = units.name_on(session, committee.id, SPRING).name
    assert posts.capacity(acting, name) == "中共云岭市教育局委员会主持工作的副书记"
    with pytest.raises(Conflict, match="现由苏望舒担任"):
        posts.appoint(session, committee.id, "书记", person("程立言").id, from_on=SPRING, mode="主持工作")
    formal = posts.appoint(session, committee.id, "书记", deputy.id, from_on=SUMMER)
    assert posts.holders(session, committee.id, "书记", SUMMER) == [formal]
    assert posts.capacity(formal, name) == "中共云岭市教育局委员会书记"


def test_one_person_may_lead_a_unit_and_its_superior(
    session: Session, committee: Unit, branch: Unit, person: Callable[[str], Person]
) -> None:
    both = person("高景行")
    posts.appoint(session, committee.id, "书记", both.id, from_on=SPRING)
    posts.appoint(session, branch.id, "书记", both.id, from_on=SPRING, mode="兼任")
    assert [(each.unit.id, each.mode) for each in posts.held_by(session, both.id, SPRING)] == [
        (committee.id, "正式"),
        (branch.id, "兼任"),
    ]


def test_several_deputies_but_nobody_twice(
    session: Session, committee: Unit, person: Callable[[str], Person]
) -> None:
    first, second = person("苏望舒"), person("程立言")
    posts.declare_vacant(session, committee.id, "副书记", from_on=SPRING)
    posts.appoint(session, committee.id, "副书记", first.id, from_on=SPRING)
    posts.appoint(session, committee.id, "副书记", second.id, from_on=SPRING)
    assert names(posts.holders(session, committee.id, "副书记", SPRING)) == ["苏望舒", "程立言"]
    with pytest.raises(Conflict, match="已任"):
        posts.appoint(session, committee.id, "副书记", first.id, from_on=SUMMER, mode="兼任")


@pytest.mark.parametrize(
    ("post", "mode", "field"),
    [("组织委员", "正式", "post"), ("书记", "挂职", "mode"), ("副书记", "主持工作", "mode")],
)
def test_unknown_posts_and_modes(
    session: Session, committee: Unit, person: Callable[[str], Person], post: str, mode: str, field: str
) -> None:
    with pytest.raises(Invalid) as wrong:
        posts.appoint(session, committee.id, post, person("苏望舒").id, from_on=SPRING, mode=mode)
    assert list(wrong.value.errors) == [field]


def test_an_appointment_before_the_unit_was_founded(
    session: Session, committee: Unit, person: Callable[[str], Person]
) -> None:
    with pytest.raises(Invalid, match="成立于"):
        posts.appoint(session, committee.id, "书记", person("苏望舒").id, from_on=date(2010, 6, 30))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("书记", 1, "正式"), ("书记", 2, "兼任")),
        (("书记", 1, "正式"), ("书记", None, "正式")),
        (("书记", 1, "主持工作"), ("书记", 2, "主持工作")),
        (("副书记", 1, "正式"), ("副书记", 1, "兼任")),
        (("委员", None, "正式"), ("委员", None, "正式")),
    ],
)
def test_the_database_itself_holds_the_rules(
    session: Session,
    committee: Unit,
    person: Callable[[str], Person],
    first: tuple[str, int | None, str],
    second: tuple[str, int | None, str],
) -> None:
    ids = {None: None, 1: person("苏望舒").id, 2: person("程立言").id}
    for post, who, mode in (first, second):
        session.add(Holding(unit_id=committee.id, post=post, person_id=ids[who], mode=mode, from_on=SPRING))
    with pytest.raises(IntegrityError):
        session.flush()
    session.rollback()


def test_the_hot_reads_use_their_indexes(session: Session, committee: Unit) -> None:
    if session.get_bind().dialect.name != "sqlite":
        pytest.skip("an empty PostgreSQL table is always scanned")
    for condition in ("unit_id = 1 AND post = '书记'", "person_id = 1"):
        plan = session.connection().exec_driver_sql(
            f"EXPLAIN QUERY PLAN SELECT person_id FROM holding WHERE {condition}"
            " AND from_on <= '2026-03-01' AND (to_on IS NULL OR to_on > '2026-03-01')"
        )
        assert "USING" in (detail := plan.one()[3]) and "ix_holding" in detail
