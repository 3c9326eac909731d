"""Ledgers 台账: typed rows that processes publish; the roll-up and the noticeboard read them.

A ledger is defined by a YAML file of a process folder. One row is live for each key; a later one supersedes
it (换签), a void one keeps its reason. Sections are the disclosed parts of a row (六公开), filled through the
year, each with its own audience.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import yaml
from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from engine import values as text_form
from engine.clock import local
from engine.database import Table, UtcDateTime, Values
from engine.errors import Conflict, Invalid, NotAllowed, NotFound
from engine.jobs import Job
from engine.organisation import posts, units
from engine.organisation.people import Membership

TYPES = ("text", "number", "date", "person", "unit", "choice", "table")
#: Narrow to wide: the branch, the whole Party organisation of the agency, everybody without a login.
AUDIENCES = ("支部", "单位", "社会")
#: Who keeps a unit's ledgers.
OFFICERS = ("书记", "副书记", "专职副书记", "党务干事")
_MAX_BYTES = 64_000


@dataclass(frozen=True, slots=True)
class LedgerField:
    """:ivar section: the noticeboard section in which the value is disclosed, None for nowhere"""

    name: str
    type: str
    choices: tuple[str, ...] = ()
    section: str | None = None


@dataclass(frozen=True, slots=True)
class LedgerDefinition:
    """What a ``*.ledger.yaml`` says.

    :ivar key: the fields that identify a row
    :ivar audiences: section -> its default audience, in the order of the noticeboard
    :ivar group_by: the fields that the roll-up groups by; empty where the ledger has no roll-up
    :ivar status: the choice field that the roll-up counts
    :ivar open_statuses: the statuses whose rows are listed as outstanding (未签名单)
    :ivar keeper: the unit field whose officers keep a row, such as 签发单位; None for the unit that the row is about
    :ivar official: sections that the organisation alone writes (考核评议), never the row's own person
    :ivar plaque: the template of what hangs on the wall for a row (承诺监督牌), None for nothing (``engine.plaques``)
    """

    name: str
    title: str
    key: tuple[str, ...]
    fields: Mapping[str, LedgerField]
    audiences: Mapping[str, str] = field(default_factory=dict)
    group_by: tuple[str, ...] = ()
    status: str | None = None
    open_statuses: tuple[str, ...] = ()
    keeper: str | None = None
    plaque: str | None = None
    official: tuple[str, ...] = ()

    def keeper_of(self, entry: LedgerEntry) -> int | None:
        """The unit whose officers keep the row."""
        return entry.values.get(self.keeper) if self.keeper is not None else entry.unit_id

    def identity(self, key: Mapping[str, Any]) -> str:
        """The key's text in the table: equal keys give equal text, whatever number type the process used.

        :raises Invalid: a key field is missing or another one is given
        """
        if set(key) != set(self.key):
            raise Invalid(
                "ledger-key",
                f"台账“{self.title}”的行以{'、'.join(self.key)}为标识，收到的是{'、'.join(key)}。",
            )
        return text_form.dumps([self._clean(name, key[name], required=True) for name in self.key])

    def clean(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The values in their declared types.

        :raises Invalid: an unknown field, or a value of another type, each under its name
        """
        errors: dict[str, str] = {}
        cleaned: dict[str, Any] = {}
        for name, value in given.items():
            try:
                cleaned[name] = self._clean(name, value)
            except Invalid as error:
                errors[name] = str(error)
        if errors:
            raise Invalid(
                "ledger-values", f"不能登记到台账“{self.title}”：{'；'.join(errors.values())}", errors
            )
        return cleaned

    def _clean(self, name: str, value: Any, *, required: bool = False) -> Any:
        column = self.fields.get(name)
        if column is None:
            raise Invalid("ledger-field", f"台账“{self.title}”没有“{name}”这一栏。")
        if value is None and not required:
            return None
        try:
            cleaned = _READERS[column.type](value)
        except (TypeError, ValueError, ArithmeticError, KeyError, AttributeError):
            raise Invalid(
                "ledger-field", f"“{name}”应是{_TYPE_NAMES[column.type]}，不能是“{value}”。"
            ) from None
        if column.choices and cleaned not in column.choices:
            raise Invalid("ledger-field", f"“{name}”只能是{'、'.join(column.choices)}，不能是“{value}”。")
        return cleaned


class LedgerEntry(Table):
    """One row of a ledger. Live while neither superseded nor void.

    :ivar unit_id: the unit that the row is about; it decides who counts as 支部 and 单位
    :ivar audience: who may read the row as a whole
    :ivar plaque_id: the document that hangs on the wall for it
    """

    __tablename__ = "ledger_entry"

    id: Mapped[int] = mapped_column(primary_key=True)
    ledger: Mapped[str] = mapped_column(String(80))
    key: Mapped[str] = mapped_column(String(400))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"), index=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    instance_id: Mapped[int | None] = mapped_column(index=True)
    document_id: Mapped[int | None]
    plaque_id: Mapped[int | None]
    values: Mapped[dict[str, Any]] = mapped_column(Values)
    audience: Mapped[str] = mapped_column(String(8))
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    supersedes_id: Mapped[int | None] = mapped_column(ForeignKey("ledger_entry.id"))
    superseded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    voided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    void_reason: Mapped[str | None] = mapped_column(Text)

    sections: Mapped[list[LedgerSection]] = relationship(
        order_by="LedgerSection.position", cascade="all, delete-orphan", lazy="selectin"
    )

    __table_args__ = (
        Index(
            "uq_ledger_entry_live",
            "ledger",
            "key",
            unique=True,
            sqlite_where=(superseded_at.is_(None) & voided_at.is_(None)),
            postgresql_where=(superseded_at.is_(None) & voided_at.is_(None)),
        ),
    )

    @property
    def live(self) -> bool:
        return self.superseded_at is None and self.voided_at is None


class LedgerSection(Table):
    """A disclosed part of a row, such as 工作进展情况."""

    __tablename__ = "ledger_section"
    __table_args__ = (UniqueConstraint("entry_id", "section"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("ledger_entry.id"))
    position: Mapped[int]
    section: Mapped[str] = mapped_column(String(80))
    text: Mapped[str] = mapped_column(Text)
    audience: Mapped[str] = mapped_column(String(8))
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))


@dataclass(frozen=True, slots=True)
class Rollup:
    """Counts of one group of rows.

    :ivar by: the group: field -> value
    :ivar counts: status -> number of live rows, every declared status named, in the declared order
    :ivar outstanding: the rows still open (未签名单), oldest first
    """

    by: dict[str, Any]
    counts: dict[str, int]
    outstanding: list[LedgerEntry]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Notice:
    """A row as one reader may see it: only the sections whose audience he belongs to."""

    entry: LedgerEntry
    sections: dict[str, str]

    @property
    def has_plaque(self) -> bool:
        """Is there a plaque, and may he have it? It shows everything that is open to more than the branch."""
        shown = {section.section for section in self.entry.sections if section.audience != AUDIENCES[0]}
        return self.entry.plaque_id is not None and shown <= self.sections.keys()


# ------------------------------------------------------------ definitions


class _Loader(yaml.SafeLoader):
    """YAML without aliases: a small file cannot unfold into a large one."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        return super().compose_node(parent, index)


def load(content: bytes) -> LedgerDefinition:
    """The definition in a ``*.ledger.yaml``.

    :raises Invalid: not such a file; the message says which entry to correct
    """
    if len(content) > _MAX_BYTES:
        raise Invalid("ledger-definition", f"台账定义超过 {_MAX_BYTES // 1000} KB。")
    try:
        raw = yaml.load(content.decode(), Loader=_Loader)
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise Invalid("ledger-definition", f"台账定义不是有效的 YAML（不支持锚点与引用）：{error}") from error
    root = _mapping(
        raw,
        "台账定义",
        {"name", "title", "key", "fields"},
        {"audiences", "rollup", "keeper", "plaque", "official"},
    )
    name = root["name"]
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,79}", name):
        raise _bad(f"name 应以小写字母开头，只含小写字母、数字和下划线，现在是“{name}”")
    audiences = _mapping(root.get("audiences") or {}, "audiences")
    for section, audience in audiences.items():
        if audience not in AUDIENCES:
            raise _bad(f"audiences 中“{section}”的范围只能是{'、'.join(AUDIENCES)}")
    fields = {str(n): _field(str(n), f, audiences) for n, f in _mapping(root["fields"], "fields").items()}
    rollup = _mapping(root.get("rollup") or {"by": [], "status": None}, "rollup", {"by", "status"}, {"open"})
    status = rollup["status"]
    if status is not None and (
        not isinstance(status, str) or status not in fields or fields[status].type != "choice"
    ):
        raise _bad(f"rollup 的 status “{status}”应是一个 choice 类型的栏")
    choices = fields[status].choices if status else ()
    open_statuses = _names(rollup.get("open") or list(choices[:1]), "rollup.open", choices)
    key = _names(root["key"], "key", fields)
    if not key:
        raise _bad("key 至少要有一栏")
    keeper = root.get("keeper")
    if keeper is not None and (keeper not in fields or fields[keeper].type != "unit"):
        raise _bad(f"keeper “{keeper}”应是一个 unit 类型的栏")
    plaque = root.get("plaque")
    if plaque is not None and (not isinstance(plaque, str) or not plaque.endswith(".docx")):
        raise _bad(f"plaque “{plaque}”应是一个 .docx 模板的文件名")
    return LedgerDefinition(
        name=name,
        title=str(root["title"]),
        key=key,
        fields=fields,
        audiences={str(s): str(a) for s, a in audiences.items()},
        group_by=_names(rollup["by"], "rollup.by", fields),
        status=status,
        open_statuses=open_statuses,
        keeper=keeper,
        plaque=plaque,
        official=_names(root.get("official") or [], "official", audiences),
    )


def _bad(message: str) -> Invalid:
    return Invalid("ledger-definition", f"台账定义有误：{message}。")


def _mapping(
    value: Any, where: str, required: Iterable[str] = (), optional: Iterable[str] | None = None
) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise _bad(f"{where} 应是键值对")
    missing = [n for n in required if n not in value]
    unknown = [str(n) for n in value if optional is not None and n not in {*required, *optional}]
    if missing or unknown:
        raise _bad(
            f"{where} " + (f"缺少 {'、'.join(missing)}" if missing else f"不认识 {'、'.join(unknown)}")
        )
    return value


def _names(value: Any, where: str, known: Iterable[str]) -> tuple[str, ...]:
    known = list(known)
    if not isinstance(value, list) or any(not isinstance(n, str) or n not in known for n in value):
        raise _bad(f"{where} 应是一列名称，只能取自{'、'.join(known)}")
    return tuple(value)


def _field(name: str, value: Any, sections: Mapping[str, str]) -> LedgerField:
    raw = _mapping(value, f"“{name}”", {"type"}, {"choices", "section"})
    choices = raw.get("choices") or []
    if raw["type"] not in TYPES:
        raise _bad(f"“{name}”的类型“{raw['type']}”不存在，可用 {'、'.join(TYPES)}")
    if (raw["type"] == "choice") != bool(choices) or not isinstance(choices, list):
        raise _bad(f"“{name}”：choice 类型要列出 choices，其他类型不能有")
    if raw.get("section") is not None and raw["section"] not in sections:
        raise _bad(f"“{name}”的 section “{raw['section']}”没有列在 audiences 中")
    return LedgerField(name, raw["type"], tuple(map(str, choices)), raw.get("section"))


def _number(value: Any) -> int | Decimal:
    if isinstance(value, bool):
        raise TypeError
    number = Decimal(str(value))
    if not number.is_finite():
        raise ValueError
    return int(number) if number == number.to_integral_value() else number


def _date(value: Any) -> date:
    if isinstance(value, datetime):
        return local(value).date()
    return value if isinstance(value, date) else date.fromisoformat(value)


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        raise TypeError
    return _shown(value)


def _id(value: Any, member: str) -> int:
    number = _number(value[member] if isinstance(value, dict) else value)
    if not isinstance(number, int):
        raise ValueError
    return number


def _table(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value


_READERS: dict[str, Any] = {
    "text": _text,
    "choice": _text,
    "number": _number,
    "date": _date,
    "person": lambda value: _id(value, "person"),
    "unit": lambda value: _id(value, "id"),
    "table": _table,
}
_TYPE_NAMES = {
    "text": "文字",
    "choice": "选项",
    "number": "数字",
    "date": "日期",
    "person": "人员",
    "unit": "单位",
    "table": "表格",
}


# ------------------------------------------------------------ rows


def publish(
    session: Session,
    definition: LedgerDefinition,
    *,
    key: Mapping[str, Any],
    values: Mapping[str, Any],
    at: datetime,
    unit_id: int | None = None,
    person_id: int | None = None,
    instance_id: int | None = None,
    document_id: int | None = None,
    audience: str | None = None,
    supersede: bool = False,
    by: int | None = None,
) -> LedgerEntry:
    """Write the key's live row: a new one, or the values merged into the one that is there.

    :param supersede: begin a new row even if one is live; the old one stays, superseded by it (换签)
    :raises Invalid: values that do not fit the definition
    :raises Conflict: somebody else published the same key at the same moment
    """
    identity = definition.identity(key)
    cleaned = definition.clean({**values, **key})
    if audience is not None and audience not in AUDIENCES:
        raise Invalid("audience", f"公开范围只能是{'、'.join(AUDIENCES)}，不能是“{audience}”。")
    entry = find(session, definition.name, identity, lock=True)
    if entry is not None and supersede:
        entry.superseded_at = at
        session.flush()
    if entry is None or supersede:
        entry = LedgerEntry(
            ledger=definition.name,
            key=identity,
            values=cleaned,
            audience=audience or "单位",
            published_at=at,
            updated_at=at,
            supersedes_id=None if entry is None else entry.id,
            plaque_id=None if entry is None else entry.plaque_id,
        )
        session.add(entry)
    else:
        entry.values = {**entry.values, **cleaned}
        entry.updated_at = at
        entry.audience = audience or entry.audience
    entry.unit_id = entry.unit_id if unit_id is None else unit_id
    entry.person_id = entry.person_id if person_id is None else person_id
    entry.instance_id = entry.instance_id if instance_id is None else instance_id
    entry.document_id = entry.document_id if document_id is None else document_id
    _disclose(definition, entry, set(cleaned), by, at)
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(
            "ledger-row-taken", f"台账“{definition.title}”的这一行刚刚由他人登记，请重试。"
        ) from error
    if definition.plaque is not None and entry.instance_id is not None:
        _ask_for_plaque(session, entry, at)
    return entry


def _ask_for_plaque(session: Session, entry: LedgerEntry, at: datetime) -> None:
    """What the row discloses has changed, and with it what hangs on the wall."""
    session.add(Job(kind="plaque", payload=entry.id, due_at=at, created_at=at))


def _disclose(
    definition: LedgerDefinition, entry: LedgerEntry, changed: set[str], by: int | None, at: datetime
) -> None:
    """Bring the sections up to the row: all exist, those whose fields changed are written anew."""
    present = {section.section: section for section in entry.sections}
    for position, (name, audience) in enumerate(definition.audiences.items()):
        disclosed = [f.name for f in definition.fields.values() if f.section == name]
        section = present.get(name)
        if section is None:
            section = LedgerSection(
                position=position, section=name, text="", audience=audience, updated_at=at
            )
            entry.sections.append(section)
        if changed.intersection(disclosed):
            lines = [_shown(entry.values.get(n)) for n in disclosed]
            section.text = "\n".join(line for line in lines if line)
            section.updated_at, section.updated_by = at, by


def _shown(value: Any) -> str:
    """A value as a clerk reads it."""
    match value:
        case None:
            return ""
        case bool():
            return "是" if value else "否"
        case datetime():
            return f"{local(value):%Y年%-m月%-d日}"
        case date():
            return f"{value:%Y年%-m月%-d日}"
        case list():
            return "\n".join(_shown(item) for item in value)
        case dict():
            return "，".join(shown for shown in map(_shown, value.values()) if shown)
        case Decimal():
            return format(value.normalize(), "f")
    return str(value)


def find(session: Session, ledger: str, identity: str, *, lock: bool = False) -> LedgerEntry | None:
    """The live row of a key as ``LedgerDefinition.identity`` writes it."""
    query = select(LedgerEntry).where(LedgerEntry.ledger == ledger, LedgerEntry.key == identity, *_LIVE)
    return session.scalar(query.with_for_update() if lock else query)


_LIVE = (LedgerEntry.superseded_at.is_(None), LedgerEntry.voided_at.is_(None))


def get(session: Session, entry_id: int) -> LedgerEntry:
    """:raises NotFound: no such row"""
    entry = session.get(LedgerEntry, entry_id)
    if entry is None:
        raise NotFound("no-ledger-entry", f"台账中没有第 {entry_id} 号记录。")
    return entry


def void(session: Session, entry_id: int, *, reason: str, at: datetime) -> LedgerEntry:
    """Take a row out of the roll-up; it stays readable with its reason.

    :raises Invalid: no reason
    :raises Conflict: the row is not live any more
    """
    entry = get(session, entry_id)
    if not reason.strip():
        raise Invalid("void-reason", "作废须写明原因。", {"reason": "作废须写明原因。"})
    _must_live(entry)
    entry.voided_at, entry.void_reason = at, reason.strip()
    return entry


def update_section(
    session: Session,
    entry_id: int,
    section: str,
    *,
    text: str,
    at: datetime,
    by: int | None = None,
    audience: str | None = None,
) -> LedgerSection:
    """Write what a section discloses, such as 工作进展情况 in the course of the year.

    :param by: the person who wrote it; None for the engine
    :raises NotFound: the row has no such section
    :raises Conflict: the row is not live any more
    """
    entry = get(session, entry_id)
    _must_live(entry)
    if audience is not None and audience not in AUDIENCES:
        raise Invalid("audience", f"公开范围只能是{'、'.join(AUDIENCES)}，不能是“{audience}”。")
    found = next((s for s in entry.sections if s.section == section), None)
    if found is None:
        raise NotFound("no-section", f"公开栏没有“{section}”这一栏。")
    found.text, found.updated_at, found.updated_by = text.strip(), at, by
    found.audience = audience or found.audience
    if entry.plaque_id is not None:
        _ask_for_plaque(session, entry, at)
    return found


def _must_live(entry: LedgerEntry) -> None:
    if not entry.live:
        raise Conflict("ledger-row-closed", "这条记录已被换签或作废，不能再修改；请在现行的记录上操作。")


def rows(
    session: Session,
    ledger: str,
    filters: Mapping[str, Any] | None = None,
    *,
    unit_id: int | None = None,
    person_id: int | None = None,
    history: bool = False,
) -> list[LedgerEntry]:
    """The rows of a ledger, oldest first.

    :param filters: field -> value that the row must have; people and units by their id
    :param history: superseded and void rows as well
    """
    query = select(LedgerEntry).where(LedgerEntry.ledger == ledger).order_by(LedgerEntry.id)
    if unit_id is not None:
        query = query.where(LedgerEntry.unit_id == unit_id)
    if person_id is not None:
        query = query.where(LedgerEntry.person_id == person_id)
    if not history:
        query = query.where(*_LIVE)
    wanted = dict(filters or {})
    return [e for e in session.scalars(query) if all(e.values.get(n) == v for n, v in wanted.items())]


def rollup(
    session: Session, definition: LedgerDefinition, filters: Mapping[str, Any] | None = None
) -> list[Rollup]:
    """Live rows counted by status, one roll-up for each group of ``rollup.by``.

    :raises Invalid: the ledger declares no roll-up
    """
    return rollup_of(definition, rows(session, definition.name, filters))


def rollup_of(definition: LedgerDefinition, entries: Sequence[LedgerEntry]) -> list[Rollup]:
    """The roll-up of these rows, such as those that one reader may see."""
    if definition.status is None:
        raise Invalid("no-rollup", f"台账“{definition.title}”没有设置汇总。")
    groups: dict[str, Rollup] = {}
    for entry in entries:
        by = {name: entry.values.get(name) for name in definition.group_by}
        group = groups.get(text_form.dumps(by))
        if group is None:
            counts = dict.fromkeys(definition.fields[definition.status].choices, 0)
            group = groups[text_form.dumps(by)] = Rollup(by, counts, [])
        status = entry.values.get(definition.status)
        if status in group.counts:
            group.counts[status] += 1
        if status in definition.open_statuses:
            group.outstanding.append(entry)
    return list(groups.values())


def disclosing(session: Session) -> list[str]:
    """The names of ledgers that have something on the noticeboard."""
    return list(
        session.scalars(
            select(LedgerEntry.ledger)
            .join(LedgerSection, LedgerSection.entry_id == LedgerEntry.id)
            .distinct()
        )
    )


# ------------------------------------------------------------ the noticeboard 公开栏


def noticeboard(session: Session, ledger: str, *, person_id: int | None, on: date) -> list[Notice]:
    """The live rows with the sections that a reader may see; rows without any are left out.

    社会: everybody. 单位: whoever belongs to the same Party organisation of an agency, which is the tree
    under the unit just below the root. 支部: the branch itself. Who holds a post at the unit or a superior
    one, and the row's own person, see everything.

    :param person_id: the reader, None for a visitor without a login
    """
    reader = _Reader(session, person_id, on)
    notices = []
    for entry in rows(session, ledger):
        audiences = reader.audiences(entry)
        sections = {s.section: s.text for s in entry.sections if s.audience in audiences}
        if any(sections.values()):
            notices.append(Notice(entry, sections))
    return notices


def readable(
    session: Session, entries: Sequence[LedgerEntry], *, person_id: int, on: date
) -> list[LedgerEntry]:
    """The rows that a person may read in full: his own, his branch's, and those of units under a post of his."""
    reader = _Reader(session, person_id, on)
    return [entry for entry in entries if "支部" in reader.audiences(entry)]


def require_keeper(
    session: Session, entry: LedgerEntry, *, person_id: int, on: date, official: bool = False
) -> None:
    """:param official: of a section that the organisation alone writes
    :raises NotAllowed: neither the row's own person, nor does he hold a post at its unit or above
    """
    reader = _Reader(session, person_id, on)
    above = set(reader._path(entry.unit_id)) if entry.unit_id is not None else set()
    if official and (person_id == entry.person_id or not reader.offices & above):
        raise NotAllowed(
            "not-official", "这一栏由党组织填写，本人不能更新；有出入的请向支部提出。", entry=entry.id
        )
    if person_id != entry.person_id and not reader.offices & above:
        raise NotAllowed(
            "not-keeper", "只有本人和所在党组织的任职人员可以更新这一条公开内容。", entry=entry.id
        )


def require_officer(
    session: Session, definition: LedgerDefinition, entry: LedgerEntry, *, person_id: int, on: date
) -> None:
    """:raises NotAllowed: he holds no post of ``OFFICERS`` at the unit that keeps the row"""
    if definition.keeper_of(entry) not in offices(session, person_id, on):
        raise NotAllowed(
            "not-officer",
            f"只有登记单位的{'、'.join(OFFICERS)}可以作废台账“{definition.title}”的记录。",
            entry=entry.id,
        )


def offices(session: Session, person_id: int, on: date) -> set[int]:
    """The units for which a person keeps ledgers on that day."""
    return {h.unit_id for h in posts.held_by(session, person_id, on) if h.post in OFFICERS}


class _Reader:
    """Whom a person counts as, towards one unit after another."""

    def __init__(self, session: Session, person_id: int | None, on: date) -> None:
        self.session, self.person_id, self.on = session, person_id, on
        self.paths: dict[int, list[int]] = {}
        self.homes: set[int] = set()
        self.offices: set[int] = set()
        if person_id is not None:
            belongs = select(Membership.unit_id).where(Membership.person_id == person_id, Membership.on(on))
            self.homes = set(session.scalars(belongs))
            self.offices = {h.unit_id for h in posts.held_by(session, person_id, on)}

    def audiences(self, entry: LedgerEntry) -> set[str]:
        found = {"社会"}
        if self.person_id is None:
            return found
        if self.person_id == entry.person_id:
            return set(AUDIENCES)
        if entry.unit_id is None:
            return found
        path = self._path(entry.unit_id)
        if entry.unit_id in self.homes or self.offices.intersection(path):
            return set(AUDIENCES)
        agency = set(path[:2][-1:])
        if any(agency.intersection(self._path(home)) for home in self.homes | self.offices):
            found.add("单位")
        return found

    def _path(self, unit_id: int) -> list[int]:
        """Ids from the root down to the unit."""
        if unit_id not in self.paths:
            self.paths[unit_id] = [unit.id for unit in units.path(self.session, unit_id)]
        return self.paths[unit_id]
