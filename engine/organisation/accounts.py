"""Accounts: who may log in. Passwords are argon2id; the lock-out counter is a column: every node sees it."""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import CheckConstraint, ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from engine.database import Table, UtcDateTime
from engine.errors import Conflict, Invalid, NotFound
from engine.organisation import people
from engine.organisation.people import Person

ATTEMPTS = 5
LOCKED_FOR = timedelta(minutes=15)
SHORTEST, LONGEST = 12, 256
# Twelve characters and more, and yet the first that anybody tries.
_WEAK = frozenset(
    {"password1234", "password12345", "passwordpassword", "p@ssw0rd1234", "passw0rd1234", "iloveyou1234"}
    | {"qwertyuiop12", "qwertyuiopas", "1qaz2wsx3edc", "1q2w3e4r5t6y", "qazwsxedcrfv", "asdfghjkl123"}
    | {"abcdefghijkl", "abcdef123456", "abcd12345678", "1234567890ab", "0123456789ab", "a1234567890b"}
    | {"admin1234567", "admin@123456", "administrator", "administrator1", "letmein12345", "welcome12345"}
    | {"woaini123456", "woaini1314520", "woaizhongguo", "zhongguo1949", "dangyuan1234", "dangjian1234"}
    | {"changeme1234", "test12345678"}
)
# Without characters that look alike on paper or on a terminal.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_hasher = PasswordHasher()  # argon2id with the library's parameters (RFC 9106, low memory)


class Account(Table):
    """A person's way in.

    :ivar failed_count: wrong passwords in a row
    :ivar locked_until: no login before this moment
    :ivar session_version: a session that carries another number is over
    """

    __tablename__ = "account"
    __table_args__ = (CheckConstraint("failed_count >= 0", name="failed_count"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), unique=True)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    is_admin: Mapped[bool] = mapped_column(default=False)
    is_designer: Mapped[bool] = mapped_column(default=False)
    failed_count: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    session_version: Mapped[int] = mapped_column(default=1)
    person: Mapped[Person] = relationship(lazy="joined", innerjoin=True)


def get(session: Session, account_id: int) -> Account:
    """:raises NotFound: no such account"""
    account = session.get(Account, account_id)
    if account is None:
        raise NotFound("no-account", "没有这个账号。", account=account_id)
    return account


def of_person(session: Session, person_id: int) -> Account | None:
    return session.scalar(select(Account).where(Account.person_id == person_id))


def create(
    session: Session,
    *,
    person_id: int,
    username: str,
    password_hash: str,
    is_admin: bool = False,
    is_designer: bool = False,
) -> Account:
    """:param password_hash: from ``hashed``, which also checks the password
    :raises Invalid: a user name that does not do
    :raises Conflict: the person has an account, or the name is taken
    """
    person = people.get(session, person_id)
    username = _normal(username)
    if not 2 <= len(username) <= 64 or any(character.isspace() for character in username):
        raise Invalid(
            "bad-username",
            "用户名为 2 到 64 个字符，不含空格。",
            {"username": "用户名为 2 到 64 个字符，不含空格。"},
        )
    people.refuse_identity_number(username, "username")
    if of_person(session, person_id) is not None:
        raise Conflict("has-account", f"{person.name}已有账号。", person=person_id)
    if session.scalar(select(Account.id).where(Account.username == username)) is not None:
        raise Conflict("username-taken", f"用户名“{username}”已被使用，请换一个。")
    account = Account(
        person=person,
        username=username,
        password_hash=password_hash,
        is_admin=is_admin,
        is_designer=is_designer,
    )
    session.add(account)
    session.flush()
    return account


@dataclass(frozen=True, slots=True)
class Attempt:
    """A login whose password has been compared, and that has not been counted yet."""

    account_id: int | None
    right: bool
    rehashed: str | None = None


def attempt(session: Session, username: str, password: str) -> Attempt:
    """Compare a password: slow on purpose, so it needs no transaction. An unknown name takes as long."""
    account = session.scalar(select(Account).where(Account.username == _normal(username)))
    right = _verifies(account.password_hash if account else _nobodys_hash(), password)
    if account is None:
        return Attempt(None, right=False)
    outdated = right and _hasher.check_needs_rehash(account.password_hash)
    return Attempt(account.id, right, _hasher.hash(password) if outdated else None)


def admit(session: Session, tried: Attempt, *, at: datetime) -> Account | None:
    """The account, or None: unknown, wrong, locked and disabled look alike from outside.

    The fifth failure in a row locks the account for 15 minutes. The caller commits, also after None: the count is
    the point. Attempts that were compared at the same time are counted one by one, so a lock-out stops them too.
    """
    account = (
        session.get(Account, tried.account_id, with_for_update={"of": Account}) if tried.account_id else None
    )
    if account is None or account.disabled_at is not None:
        return None
    if account.locked_until is not None:
        if at < account.locked_until:
            return None
        account.locked_until, account.failed_count = None, 0
    if tried.right:
        account.failed_count = 0
        account.password_hash = tried.rehashed or account.password_hash
    else:
        account.failed_count += 1
        if account.failed_count >= ATTEMPTS:
            account.locked_until = at + LOCKED_FOR
    session.flush()
    return account if tried.right else None


def authenticate(session: Session, username: str, password: str, *, at: datetime) -> Account | None:
    """``attempt`` and ``admit`` in one transaction."""
    return admit(session, attempt(session, username, password), at=at)


def resume(session: Session, account_id: int, session_version: int) -> Account | None:
    """The account of a session that began earlier; None when it has been invalidated since."""
    account = session.get(Account, account_id)
    if account is None or account.disabled_at is not None or account.session_version != session_version:
        return None
    return account


def set_password(session: Session, account_id: int, password: str) -> Account:
    """A new password ends every session and a lock-out.

    :raises Invalid: too short, too long or weak
    """
    account = get(session, account_id)
    account.password_hash = hashed(password, account.username)
    account.failed_count, account.locked_until = 0, None
    _end_sessions(session, account)
    return account


def grant(session: Session, account_id: int, *, is_admin: bool, is_designer: bool) -> Account:
    """Change what the account may do; its sessions end, so that none outlives a privilege."""
    account = get(session, account_id)
    account.is_admin, account.is_designer = is_admin, is_designer
    _end_sessions(session, account)
    return account


def disable(session: Session, account_id: int, *, at: datetime) -> Account:
    account = get(session, account_id)
    account.disabled_at = account.disabled_at or at
    _end_sessions(session, account)
    return account


def enable(session: Session, account_id: int) -> Account:
    """Allow login again; also ends a lock-out."""
    account = get(session, account_id)
    account.disabled_at, account.locked_until, account.failed_count = None, None, 0
    session.flush()
    return account


def hashed(password: str, username: str = "") -> str:
    """The argon2id hash of a password that does.

    :raises Invalid: under 12 characters, over 256, in the weak list, or too simple
    """
    simple = _normal(password)
    if len(password) < SHORTEST:
        message = f"密码至少 {SHORTEST} 个字符，现在是 {len(password)} 个。"
    elif len(password) > LONGEST:
        message = f"密码最多 {LONGEST} 个字符。"
    elif (
        simple in _WEAK
        or len(set(simple)) < 5
        or simple.isdecimal()
        or (len(username) >= 4 and _normal(username) in simple)
    ):
        message = "这个密码太容易猜到：不要用常见密码、纯数字、重复字符或含用户名的密码。"
    else:
        return _hasher.hash(password)
    raise Invalid("weak-password", message, {"password": message})


def random_password() -> str:
    """Four groups of four, for a first login: about 79 bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))


def everybody(session: Session) -> list[Account]:
    return list(session.scalars(select(Account).order_by(Account.username)))


def _end_sessions(session: Session, account: Account) -> None:
    account.session_version += 1
    session.flush()


def _normal(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _verifies(password_hash: str, password: str) -> bool:
    if len(password) > LONGEST:
        return False
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys_hash() -> str:
    """Something to verify against where there is no account: the answer takes as long."""
    return _hasher.hash("nobody has this password")
