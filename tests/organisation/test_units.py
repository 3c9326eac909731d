from datetime import date

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from engine.errors import Conflict, Invalid, NotFound
from engine.organisation import departments, people, posts, succession, units
from engine.organisation.units import Unit

DAY = date(2026, 3, 1)


def add(session: Session, name: str, parent: Unit | None = None, kind: str = "支部", **more: object) -> Unit:
    return units.add(
        session,
        kind=kind,
        name=name,
        parent_id=parent.id if parent else None,
        founded_on=date(2012, 1, 1),
        **more,  # type: ignore[arg-type]
    )


def test_a_printed_name_never_changes(session: Session, committee: Unit) -> None:
    units.rename(
        session,
        committee.id,
        name="中共云岭市教育体育局委员会",
        short_name="市教体局党委",
        on=date(2019, 3, 1),
    )
    assert units.name_on(session, committee.id, date(2019, 2, 28)).name == "中共云岭市教育局委员会"
    assert units.name_on(session, committee.id, date(2019, 3, 1)).name == "中共云岭市教育体育局委员会"
    assert committee.short_name == "市教体局党委"
    assert [row.to_on for row in units.names(session, committee.id)] == [date(2019, 3, 1), None]
    with pytest.raises(NotFound, match="尚未成立"):
        units.name_on(session, committee.id, date(2010, 6, 30))
    with pytest.raises(Invalid, match="不能早于"):
        units.rename(session, committee.id, name="中共云岭市教育局委员会", on=date(2018, 1, 1))


def test_the_tree_has_any_depth_and_superiors_come_first(
    session: Session, committee: Unit, branch: Unit
) -> None:
    general = add(session, "中共云岭市第一中学总支部委员会", committee, "总支")
    below = add(session, "中共云岭市第一中学高中支部委员会", general)
    assert [(depth, unit.id) for depth, unit in units.tree(session, DAY)] == [
        (0, committee.id),
        (1, branch.id),
        (1, general.id),
        (2, below.id),
    ]
    assert [unit.id for unit in units.path(session, below.id)] == [committee.id, general.id, below.id]
    assert units.superior(session, below.id) is general
    assert units.superior(session, committee.id) is None
    assert units.subordinates(session, committee.id, DAY) == [branch, general]
    assert units.subordinates(session, committee.id, date(2011, 6, 1)) == [branch]


def test_a_unit_cannot_move_below_itself_or_a_branch(session: Session, committee: Unit, branch: Unit) -> None:
    general = add(session, "中共云岭市第一中学总支部委员会", committee, "总支")
    with pytest.raises(Invalid, match="下级"):
        units.move(session, committee.id, parent_id=general.id)
    with pytest.raises(Invalid, match="不能有下级"):
        units.move(session, general.id, parent_id=branch.id)
    units.move(session, branch.id, parent_id=general.id)
    assert branch.parent_id == general.id


def test_what_is_wrong_with_a_new_unit_is_said(session: Session, committee: Unit) -> None:
    with pytest.raises(Conflict, match="已有名为"):
        add(session, committee.name)
    with pytest.raises(Conflict, match="机关代字"):
        add(session, "中共云岭市水务局委员会", kind="党委", agency_code="云教党")
    with pytest.raises(Invalid) as wrong:
        add(session, "某小组", kind="党小组")
    assert list(wrong.value.errors) == ["kind"]
    with pytest.raises(Invalid, match="请填写党组织全称"):
        add(session, "  ")


def test_the_database_itself_refuses_an_unknown_kind(session: Session) -> None:
    session.add(Unit(kind="党小组", name="甲", short_name="甲", founded_on=DAY))
    with pytest.raises(IntegrityError):
        session.flush()
    session.rollback()


def test_two_branches_merge(session: Session, committee: Unit, branch: Unit) -> None:
    other = add(session, "中共云岭市教育局教研室支部委员会", committee)
    member = people.add(session, name="何静姝")
    people.enrol(session, member.id, other.id, from_on=date(2015, 1, 1), kind="预备")
    posts.appoint(session, other.id, "书记", member.id, from_on=date(2015, 1, 1))
    merged = succession.found_successor(
        session,
        [branch.id, other.id],
        succession="合并",
        kind="支部",
        name=branch.name,  # the new one may carry on a name
        parent_id=committee.id,
        on=DAY,
    )
    assert [unit.id for unit in units.subordinates(session, committee.id, DAY)] == [merged.id]
    assert succession.predecessors(session, merged.id) == [("合并", branch), ("合并", other)]
    membership = people.membership(session, member.id, DAY)
    assert membership is not None and (membership.unit_id, membership.kind) == (merged.id, "预备")
    assert posts.held_by(session, member.id, DAY) == []
    assert posts.secretary(session, other.id, date(2026, 2, 28)) is not None
    with pytest.raises(Conflict, match="撤销"):
        units.rename(session, other.id, name="别名", on=DAY)


def test_a_branch_becomes_a_general_branch_and_takes_no_members_along(session: Session, branch: Unit) -> None:
    member = people.add(session, name="何静姝")
    people.enrol(session, member.id, branch.id, from_on=date(2015, 1, 1))
    with pytest.raises(Conflict, match="还有党员"):
        succession.found_successor(
            session,
            [branch.id],
            succession="更名",
            kind="总支",
            name="中共云岭市教育局机关总支部委员会",
            on=DAY,
        )


def test_dissolving_waits_for_subordinates(session: Session, committee: Unit, branch: Unit) -> None:
    with pytest.raises(Conflict, match="下级"):
        succession.dissolve(session, committee.id, on=DAY)
    succession.dissolve(session, branch.id, on=DAY)
    succession.dissolve(session, committee.id, on=DAY)
    assert units.tree(session, DAY) == []
    assert len(units.tree(session, date(2026, 2, 28))) == 2


def test_departments_are_a_tree_of_their_own(session: Session) -> None:
    office = departments.place(session, "市教育局/办公室", DAY)
    assert departments.place(session, "市教育局／办公室", DAY) is office
    assert departments.full_name(session, office.id) == "市教育局/办公室"
    assert [depth for depth, _ in departments.tree(session, DAY)] == [0, 1]
    assert office.parent_id is not None
    with pytest.raises(Conflict, match="下设科室"):
        departments.dissolve(session, office.parent_id, on=DAY)
    with pytest.raises(Invalid):
        departments.place(session, "市教育局//办公室", DAY)
    with pytest.raises(Conflict):
        departments.add(session, name="市教育局", founded_on=DAY)
