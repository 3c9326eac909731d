from datetime import date

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from engine.errors import Conflict, Invalid
from engine.organisation import delegation, people, units
from engine.organisation.people import Membership
from engine.organisation.units import Unit

DAY = date(2026, 3, 1)


def test_membership_is_carried_over(session: Session, committee: Unit, branch: Unit) -> None:
    other = units.add(
        session,
        kind="联合支部",
        name="中共云岭市科协联合支部委员会",
        founded_on=date(2011, 1, 1),
        parent_id=committee.id,
    )
    person = people.add(session, name="白晓岚", job_title="主任科员")
    people.enrol(
        session,
        person.id,
        branch.id,
        kind="预备",
        from_on=date(2024, 7, 1),
        joined_party_on=date(2024, 7, 1),
    )
    people.confirm(session, person.id, on=date(2025, 7, 1))
    people.transfer(session, person.id, other.id, on=DAY)
    for day, kind, unit in (
        (date(2025, 6, 30), "预备", branch),
        (date(2025, 7, 1), "正式", branch),
        (DAY, "正式", other),
    ):
        membership = people.membership(session, person.id, day)
        assert membership is not None
        assert (membership.kind, membership.unit_id) == (kind, unit.id)
        assert membership.joined_party_on == date(2024, 7, 1)
        assert people.members(session, unit.id, day) == [person]
    assert people.members(session, branch.id, DAY) == []
    assert people.search(session, "白", on=DAY) == [(person, other)]
    assert people.search(session, "晓", on=DAY) == []


def test_one_branch_at_home_and_one_as_a_guest(session: Session, branch: Unit) -> None:
    person = people.add(session, name="叶青禾")
    people.enrol(session, person.id, branch.id, from_on=DAY)
    with pytest.raises(Conflict, match="转接"):
        people.enrol(session, person.id, branch.id, from_on=DAY)
    guest = people.enrol(session, person.id, branch.id, from_on=DAY, kind="流动")
    home = people.membership(session, person.id, DAY)
    assert home is not None and home.kind == "正式"
    assert people.members(session, branch.id, DAY) == [person]
    people.leave(session, guest.id, on=DAY)
    session.add(Membership(person_id=person.id, unit_id=branch.id, kind="预备", from_on=DAY))
    with pytest.raises(IntegrityError):
        session.flush()
    session.rollback()


def test_members_belong_to_branches(session: Session, committee: Unit) -> None:
    person = people.add(session, name="叶青禾")
    with pytest.raises(Invalid, match="应编入支部"):
        people.enrol(session, person.id, committee.id, from_on=DAY)
    with pytest.raises(Conflict, match="没有党员组织关系"):
        people.transfer(session, person.id, committee.id, on=DAY)


@pytest.mark.parametrize(
    "number", ["35040219900101123X", "350402 19900101 1234", "３５０４０２１９９００１０１１２３４"]
)
@pytest.mark.parametrize("field", ["name", "number", "job_title", "phone"])
def test_no_field_takes_an_identity_number(session: Session, field: str, number: str) -> None:
    with pytest.raises(Invalid, match="身份证号"):
        people.add(session, **{"name": "叶青禾", field: number})  # type: ignore[arg-type]


def test_numbers_tell_people_of_one_name_apart(session: Session) -> None:
    first = people.add(session, name="王伟", number="A-001")
    people.add(session, name="王伟", number="A-002")
    with pytest.raises(Conflict, match="已属于王伟"):
        people.add(session, name="王伟", number="A-001")
    people.change(session, first.id, name="王伟", number="A-001", job_title="科员")
    assert first.job_title == "科员"


def test_delegation_is_for_a_time_and_not_handed_on(session: Session) -> None:
    chief, deputy, third = (people.add(session, name=name) for name in ("高景行", "苏望舒", "程立言"))
    leave = delegation.delegate(
        session,
        from_person_id=chief.id,
        to_person_id=deputy.id,
        from_on=DAY,
        to_on=date(2026, 3, 15),
        reason="出差",
    )
    delegation.delegate(
        session, from_person_id=deputy.id, to_person_id=third.id, from_on=DAY, to_on=None, reason="学习"
    )
    assert delegation.acts_for(session, deputy.id, DAY) == [chief.id]
    assert delegation.acts_for(session, third.id, DAY) == [deputy.id]
    assert delegation.deputy(session, chief.id, date(2026, 3, 15)) is None
    with pytest.raises(Conflict, match="已委托"):
        delegation.delegate(
            session,
            from_person_id=chief.id,
            to_person_id=third.id,
            from_on=date(2026, 3, 14),
            to_on=None,
            reason="出差",
        )
    delegation.revoke(session, leave.id, on=date(2026, 3, 5))
    assert delegation.acts_for(session, deputy.id, date(2026, 3, 5)) == []
    with pytest.raises(Conflict, match="已于"):
        delegation.revoke(session, leave.id, on=date(2026, 3, 6))
    with pytest.raises(Invalid, match="自己"):
        delegation.delegate(
            session, from_person_id=chief.id, to_person_id=chief.id, from_on=DAY, to_on=None, reason="无"
        )
