from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from engine.database import Database
from engine.errors import Conflict, Invalid
from engine.organisation import accounts, people
from engine.organisation.accounts import Account

AT = datetime(2026, 3, 1, 1, 0, tzinfo=UTC)
PASSWORD = "竹影-清风-2026-kvd"
HASH = accounts.hashed(PASSWORD)


@pytest.fixture
def account(session: Session) -> Account:
    person = people.add(session, name="沈若川")
    return accounts.create(session, person_id=person.id, username=" ShenRuoChuan ", password_hash=HASH)


def test_the_right_password_opens(session: Session, account: Account) -> None:
    assert account.username == "shenruochuan"
    assert account.password_hash.startswith("$argon2id$")
    assert accounts.authenticate(session, "SHENRUOCHUAN", PASSWORD, at=AT) is account
    assert accounts.authenticate(session, "shenruochuan", "wrong", at=AT) is None
    assert accounts.authenticate(session, "nobody", PASSWORD, at=AT) is None
    assert accounts.authenticate(session, "shenruochuan", "x" * 100_000, at=AT) is None


def test_five_failures_lock_for_fifteen_minutes(session: Session, account: Account) -> None:
    for _ in range(4):
        accounts.authenticate(session, account.username, "wrong", at=AT)
    assert account.locked_until is None
    accounts.authenticate(session, account.username, "wrong", at=AT)
    assert account.locked_until == AT + timedelta(minutes=15)
    almost = AT + timedelta(minutes=14, seconds=59)
    assert accounts.authenticate(session, account.username, PASSWORD, at=almost) is None
    later = AT + timedelta(minutes=15)
    assert accounts.authenticate(session, account.username, "wrong", at=later) is None
    assert account.failed_count == 1  # counting begins anew
    assert accounts.authenticate(session, account.username, PASSWORD, at=later) is account
    assert account.failed_count == 0


def test_the_count_survives_the_transaction(database: Database) -> None:
    with database.write() as session:
        person = people.add(session, name="沈若川")
        accounts.create(session, person_id=person.id, username="shen", password_hash=HASH)
    for _ in range(5):
        with database.write() as session:
            assert accounts.authenticate(session, "shen", "wrong", at=AT) is None
    with database.write() as session:
        assert accounts.authenticate(session, "shen", PASSWORD, at=AT) is None


def test_guesses_at_the_same_time_are_counted_one_by_one(database: Database) -> None:
    with database.write() as session:
        person = people.add(session, name="沈若川")
        accounts.create(session, person_id=person.id, username="shen", password_hash=HASH)
    with database.read() as session:  # all compared before any is counted
        wrong = accounts.attempt(session, "shen", "wrong")
        right = accounts.attempt(session, "shen", PASSWORD)
    for _ in range(5):
        with database.write() as session:
            assert accounts.admit(session, wrong, at=AT) is None
    with database.write() as session:
        assert accounts.admit(session, right, at=AT) is None
        assert accounts.admit(session, right, at=AT + timedelta(minutes=15)) is not None


def test_what_ends_a_session(session: Session, account: Account) -> None:
    versions = [account.session_version]
    accounts.set_password(session, account.id, "另一个-很长的-密码-2026")
    versions.append(account.session_version)
    accounts.grant(session, account.id, is_admin=True, is_designer=False)
    versions.append(account.session_version)
    assert accounts.resume(session, account.id, versions[-1]) is account
    accounts.disable(session, account.id, at=AT)
    versions.append(account.session_version)
    assert len(set(versions)) == 4
    assert all(accounts.resume(session, account.id, version) is None for version in versions)
    assert accounts.authenticate(session, account.username, "另一个-很长的-密码-2026", at=AT) is None
    accounts.enable(session, account.id)
    assert accounts.authenticate(session, account.username, "另一个-很长的-密码-2026", at=AT) is account


@pytest.mark.parametrize(
    "password",
    [
        "短密码",
        "elevenchars",
        "Password1234",
        "ｐａｓｓｗｏｒｄ1234",
        "aaaabbbbcccc",
        "7394018562943",
        "xx-shenruochuan-1",
        "x" * 257,
    ],
)
def test_weak_passwords_are_refused(session: Session, account: Account, password: str) -> None:
    before = account.password_hash
    with pytest.raises(Invalid) as wrong:
        accounts.set_password(session, account.id, password)
    assert list(wrong.value.errors) == ["password"]
    assert account.password_hash == before


def test_one_account_a_person_and_one_person_a_name(session: Session, account: Account) -> None:
    with pytest.raises(Conflict, match="已有账号"):
        accounts.create(session, person_id=account.person_id, username="other", password_hash=HASH)
    someone = people.add(session, name="许知秋")
    with pytest.raises(Conflict, match="已被使用"):
        accounts.create(session, person_id=someone.id, username="ShenRuochuan", password_hash=HASH)
    with pytest.raises(Invalid, match="身份证号"):
        accounts.create(session, person_id=someone.id, username="35040219900101123X", password_hash=HASH)
    with pytest.raises(Invalid, match="用户名"):
        accounts.create(session, person_id=someone.id, username="许 知秋", password_hash=HASH)
