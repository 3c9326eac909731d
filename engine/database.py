"""The database: connection recipe, transactions, column types.

SQLite (through ``pysqlite3``, because Python's own SQLite still has the WAL-reset bug) is the embedded default, PostgreSQL
the grown-up one. Everything above this file speaks SQLAlchemy and works on both.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Engine, MetaData, Text, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DatabaseError, DataError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.types import TypeDecorator

from engine import pki, values
from engine.errors import Conflict, Invalid, SettingsError
from engine.pki import Pki
from engine.working_time import DEFAULT, Hours

#: how a row is locked that will be written; rows that only refer to it (a child's arrival) are not kept waiting
WRITING = {"key_share": True}
#: SQLSTATE with which PostgreSQL ends one of two transactions that wait for each other
DEADLOCK = "40P01"

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Table(DeclarativeBase):
    """Base of every table; constraints get predictable names so that migrations can find them."""

    metadata = MetaData(naming_convention=NAMING)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment. Refuses naive values; stored as UTC; read back with ``tzinfo=UTC`` on both databases."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment needs a time zone: {value!r}")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Values(TypeDecorator[Any]):
    """Process data as text: JSON in which decimals, dates and durations keep their type (``engine.values``)."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else values.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else values.loads(value)


def _sqlite(url: URL, *, readonly: bool) -> Engine:
    import pysqlite3.dbapi2 as sqlite

    engine = create_engine(
        url,
        module=sqlite,
        hide_parameters=True,
        connect_args={"timeout": 30, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's own BEGIN below decides, not the driver
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "busy_timeout=30000",
            "foreign_keys=ON",
            "secure_delete=ON",  # what is deleted is gone from the file: ballots, drafts, variables
            *(("query_only=ON",) if readonly else ()),
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # A deferred BEGIN that later writes fails instead of waiting: writers take the lock at once.
        connection.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")

    return engine


@contextmanager
def _fitting() -> Iterator[None]:
    """NUL in a text (PostgreSQL), a number beyond 64 bits: only somebody who plays with requests sends such things."""
    try:
        yield
    except (DataError, OverflowError) as error:
        if isinstance(error, OverflowError) and "SQLite" not in str(error):
            raise
        raise Invalid(
            "unfit-value", "填写的内容里有不能保存的字符，或者数字太大，请改正后再提交。"
        ) from error


class Database:
    """One database and the two ways to use it: ``write()`` and ``read()``.

    :param url: ``sqlite:///path`` or ``postgresql://...``
    :param office_hours: every session knows them (``info``): deadlines are counted in whichever transaction sets them
    :param pki: known likewise: keys are opened and certificates issued in whichever transaction needs them
    :raises SettingsError: another kind of database
    """

    def __init__(self, url: str, office_hours: Hours = DEFAULT, pki: Pki = pki.DEFAULT) -> None:
        parsed = make_url(url)
        self.url = parsed
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self.engine = _sqlite(parsed, readonly=False)
            self.read_engine = _sqlite(parsed, readonly=True)
        elif parsed.get_backend_name() == "postgresql":
            self.engine = create_engine(
                parsed.set(drivername="postgresql+psycopg"),
                pool_size=10,
                max_overflow=20,
                hide_parameters=True,  # what people write stays out of logs and incidents
            )
            self.read_engine = self.engine
        else:
            raise SettingsError(
                "database-url", f"LVZE_DATABASE_URL 只支持 SQLite 与 PostgreSQL，不支持 {parsed.drivername}"
            )
        # Eight threads that fight for SQLite's file lock wait 25 times longer than eight that queue here.
        self._writing = threading.RLock() if self.is_sqlite else None
        info = {"office_hours": office_hours, "pki": pki}
        self._write = sessionmaker(self.engine, expire_on_commit=False, info=info)
        self._read = sessionmaker(self.read_engine, expire_on_commit=False, info=info)

    def reach(self) -> None:
        """:raises SettingsError: there is no such database, or it does not let us in"""
        try:
            self.engine.connect().close()
        except DatabaseError as error:
            shown = self.url.render_as_string(hide_password=True)
            raise SettingsError(
                "database-url", f"连不上 LVZE_DATABASE_URL 指定的数据库 {shown}：{error.orig}"
            ) from error

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: commits when the block ends, rolls back when it raises.

        :raises Conflict: somebody was faster: a row has another version by now, or two transactions waited for each other
        :raises Invalid: a value that this database cannot hold
        """
        with self._writing or nullcontext():
            try:
                with _fitting(), self._write.begin() as session:
                    yield session
            except (StaleDataError, OperationalError) as error:
                if isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", None) != DEADLOCK:
                    raise
                raise Conflict(
                    "somebody-was-faster", "有人刚刚办理了这一事项，请刷新页面查看最新状态。"
                ) from error

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading; objects stay usable after the block.

        :raises Invalid: asked for a value that this database cannot hold
        """
        with _fitting(), self._read() as session:
            yield session

    def close(self) -> None:
        self.engine.dispose()
        self.read_engine.dispose()
