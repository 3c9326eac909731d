"""A demo organisation from a YAML file that has the sheets and columns of the import workbook, and its accounts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.errors import Invalid
from engine.organisation import accounts
from engine.organisation.importing import import_rows
from engine.organisation.people import Person
from engine.organisation.workbook import SHEETS, Row


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """:ivar tries: what to try with this account; empty for those that are not announced"""

    username: str
    name: str
    tries: str


def load(session: Session, text: str, *, on: date, password: str | None = None) -> list[DemoAccount]:
    """Load the organisation as of that day; loading it twice changes nothing.

    :param password: makes an account with it for everybody who has a user name in the file; None makes none, and is quicker
    :raises Invalid: a row that cannot be imported
    """
    sheets: dict[str, list[dict[str, str | date]]] = yaml.safe_load(text)
    rows = [
        Row(sheet, number, {column: value for column, value in line.items() if column in known})
        for sheet, lines in sheets.items()
        for known in [{column.rstrip("*") for column in SHEETS[sheet]}]
        for number, line in enumerate(lines, start=1)
    ]
    report = import_rows(session, rows, on=on)
    for problem in report.errors:
        raise Invalid("bad-demo", f"{problem.sheet}第 {problem.row} 行“{problem.column}”：{problem.message}")
    people = {person.name: person.id for person in session.scalars(select(Person))}
    password_hash = accounts.hashed(password) if password is not None else None  # one for all: they share it
    made = []
    for line in sheets["人员"]:
        name, username, role = (str(line.get(column, "")) for column in ("姓名", "账号", "权限"))
        if not username:
            continue
        if password_hash is not None and accounts.of_person(session, people[name]) is None:
            accounts.create(
                session,
                person_id=people[name],
                username=username,
                password_hash=password_hash,
                is_admin=role == "管理员",
                is_designer=role == "设计员",
            )
        made.append(DemoAccount(username, name, str(line.get("可试", ""))))
    return made


def password(home: Path) -> str:
    """The demo accounts' password: random, made once, kept in ``home/secrets`` (mode 0600) to be printed again."""
    path = home / "secrets" / "demo-password"
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(accounts.random_password())
    return path.read_text().strip()
