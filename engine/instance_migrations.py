"""Migrations of running instances to another version of their process: first shown, then done.

A plan has a line for each instance: what would change, or why it cannot be migrated. Doing it is a job for each instance, in a
transaction of its own, which plans it anew: what was not shown does not happen. An instance and its multi-instance children are one
unit; a process that it calls keeps its own version. What is closed stays with the version under which it was closed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ForeignKey, Row, String, Text, case, delete, func, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine import (
    blobs,
    deadlines,
    deployments,
    fanout,
    history,
    instances,
    jobs,
    local_days,
    stepping,
    suspension,
    values,
)
from engine.bpmn.execution import Context
from engine.bpmn.migration import Migration, Moved, Note, differs
from engine.bpmn.model import Element
from engine.database import Table, UtcDateTime, Values
from engine.deadlines import Due
from engine.deployments import Loaded, ProcessDefinition
from engine.errors import Finding, Invalid, NotExecutable, NotFound
from engine.fanout import Fanout
from engine.history import Entry
from engine.instances import ProcessInstance
from engine.jobs import Job
from engine.runtime import Runtime
from engine.subscriptions import Subscription
from engine.work_items import WorkItem
from engine.working_time import Calendar

#: instances that are read together; a plan asks a constant number of statements for each so many
CHUNK = 200
#: ids in one statement
MANY = 10_000


class InstanceMigration(Table):
    """One act of migrating.

    :ivar mapping: element of the old version -> element of the new one
    """

    __tablename__ = "instance_migration"

    id: Mapped[int] = mapped_column(primary_key=True)
    definition_id: Mapped[int] = mapped_column(ForeignKey("process_definition.id"))
    to_definition_id: Mapped[int] = mapped_column(ForeignKey("process_definition.id"))
    mapping: Mapped[dict[str, str]] = mapped_column(Values)
    reason: Mapped[str] = mapped_column(Text)
    migrated_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    migrated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class MigratedInstance(Table):
    """One instance of a migration.

    :ivar shown: keys of the notes that its line of the plan had
    :ivar outcome: ``migrated``, ``refused``, ``changed`` (it has moved, and more would happen than was shown), ``ended``, ``elsewhere``
        (in another version by now); NULL before its job has run
    :ivar said: why not, in sentences
    """

    __tablename__ = "migrated_instance"

    migration_id: Mapped[int] = mapped_column(ForeignKey("instance_migration.id"), primary_key=True)
    instance_id: Mapped[int] = mapped_column(ForeignKey("process_instance.id"), primary_key=True)
    shown: Mapped[list[Any]] = mapped_column(Values)
    outcome: Mapped[str | None] = mapped_column(String(20))
    said: Mapped[list[str] | None] = mapped_column(Values)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Line:
    """What would become of one instance, with its multi-instance children.

    :ivar version: of the instance's row, as it was looked at
    :ivar children: how many go with it
    :ivar reasons: why it cannot be migrated
    """

    instance_id: int
    title: str
    version: int
    children: int = 0
    notes: Sequence[Note] = ()
    reasons: Sequence[Finding] = ()

    @property
    def shown(self) -> list[tuple[str, str]]:
        return sorted(note.key for note in self.notes)

    @property
    def mark(self) -> str:
        """The same as long as the same would happen."""
        said = [self.shown, sorted(reason.message for reason in self.reasons)]
        return hashlib.sha256(values.dumps(said).encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Group:
    """Instances to which the same happens.

    :ivar notes: of the first of them
    """

    lines: Sequence[Line]
    notes: Sequence[Note]
    reasons: Sequence[Finding]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a migration would do."""

    definition: ProcessDefinition
    to: ProcessDefinition
    mapping: Mapping[str, str]
    lines: Sequence[Line]

    @property
    def movable(self) -> list[Line]:
        return [line for line in self.lines if not line.reasons]

    def as_seen(self, marks: Mapping[int, str]) -> Plan:
        """The plan for somebody who has seen these marks: what has come to be otherwise since then is not done."""
        why = Finding("moved", "查看以后它又有变动，请再看一次将发生什么。")
        lines = [
            line if marks.get(line.instance_id) == line.mark else replace(line, reasons=[why])
            for line in self.lines
        ]
        return replace(self, lines=lines)

    @property
    def groups(self) -> list[Group]:
        """Those that can be migrated first, and the larger ones."""
        found: dict[Any, list[Line]] = {}
        for line in self.lines:
            lost = [(note.element_id, tuple(note.data["lost"])) for note in line.notes if note.code == "form"]
            reasons = sorted(str(one.message) for one in line.reasons)
            key = (tuple(line.shown), tuple(lost), tuple(reasons))
            found.setdefault(key, []).append(line)
        groups = [Group(lines, lines[0].notes, lines[0].reasons) for lines in found.values()]
        return sorted(groups, key=lambda group: (bool(group.reasons), -len(group.lines)))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a migration has come.

    :ivar counts: outcome -> instances; of None those still to come
    :ivar left: the first hundred that were not migrated, with their titles
    """

    migration: InstanceMigration
    definition: ProcessDefinition
    to: ProcessDefinition
    counts: Mapping[str | None, int]
    left: Sequence[tuple[MigratedInstance, str]]

    @property
    def waiting(self) -> int:
        return self.counts.get(None, 0)


@dataclass(slots=True)
class _Unit:
    """An instance with its multi-instance children.

    :ivar fanouts: the open ones, of all of them
    :ivar items: id, instance, task, element, drafts, deadline of the open work items
    :ivar began: instance -> task id of a timer -> when it began to wait
    """

    root: ProcessInstance
    children: list[ProcessInstance] = field(default_factory=list)
    fanouts: list[Fanout] = field(default_factory=list)
    items: list[Row[Any]] = field(default_factory=list)
    began: dict[int, dict[str, datetime]] = field(default_factory=dict)

    @property
    def all(self) -> list[ProcessInstance]:
        return [self.root, *self.children]


@dataclass(slots=True)
class _Change:
    """What a migration does to one instance of a unit.

    :ivar moved: None where nobody has touched the child yet, and its first step will be the new version's
    :ivar first_task: the task that the first work item of such a child stands for, where it had to be made
    """

    instance: ProcessInstance
    scope: str
    moved: Moved | None
    first_task: str | None = None


class _Passage:
    """From one definition to the other, with what belongs to it besides the diagram."""

    def __init__(
        self, runtime: Runtime, session: Session, source: int, target: int, mapping: Mapping[str, str]
    ) -> None:
        """
        :raises NotFound: no such version
        :raises Invalid: another process, the same version, or an unknown element in the mapping
        """
        self.old = runtime.definitions.get(session, source)
        self.new = runtime.definitions.get(session, target)
        old, new = self.old.definition, self.new.definition
        if old.key != new.key:
            raise Invalid("another-process", f"“{new.name}”是另一个流程，实例只能迁移到同一流程的其他版本。")
        if old.id == new.id:
            raise Invalid("same-version", "请选择另一个版本。")
        self.mapping = {one: to for one, to in mapping.items() if one != to}
        for name, loaded, version in (
            *((one, self.old, old.version) for one in self.mapping),
            *((to, self.new, new.version) for to in self.mapping.values()),
        ):
            if name not in loaded.process.model.elements:
                raise Invalid("no-element", f"第 {version} 版中没有元素“{name}”，请重新指定。", element=name)
        self.migration = Migration(self.old.process, self.new.process, self.mapping)

    def notes(self, unit: _Unit) -> Iterator[Note]:
        """What happens to open work items, which keep their rows: another form, other reminders."""
        for item in unit.items:
            old = self.old.process.model.elements[item.element_id]
            new = self.migration.element(old.id)
            if new is None:
                continue
            name = new.name or new.id
            if self._form(self.old, old) != self._form(self.new, new):
                form = self.new.forms.get(new.form) if new.form else None
                typed = {key for draft in (item.draft or {}).values() for key in draft}
                lost = sorted(typed - set(form.keys if form else ()))
                yield Note("form", new.id, name, {"form": new.form, "lost": lost})
            if item.due_at is not None and _around(old) != _around(new):
                yield Note("reminders", new.id, name)

    @staticmethod
    def _form(loaded: Loaded, element: Element) -> str | None:
        return loaded.definition.resources.get(element.form) if element.form else None


def _around(element: Element) -> tuple[Any, ...]:
    return element.reminders, element.escalations


# planning


def missing(
    runtime: Runtime, session: Session, definition_id: int, to_definition_id: int
) -> list[tuple[Element, list[Element]]]:
    """Each element of a version that the other one lacks, with those that might be mapped to it, likely ones first.

    :raises NotFound, Invalid: as ``preview``
    """
    passage = _Passage(runtime, session, definition_id, to_definition_id, {})
    old, new = passage.old.process.model.elements, passage.new.process.model.elements
    return [(old[one], [new[to] for to in fitting]) for one, fitting in passage.migration.missing().items()]


def preview(
    runtime: Runtime,
    session: Session,
    definition_id: int,
    to_definition_id: int,
    *,
    only: Sequence[int] | None,
    mapping: Mapping[str, str],
    at: datetime,
) -> Plan:
    """What would become of each running instance of a version, or of these; changes nothing.

    :param only: ids of instances
    :raises NotFound: no such version
    :raises Invalid: another process, the same version, or an unknown element in the mapping
    """
    passage = _Passage(runtime, session, definition_id, to_definition_id, mapping)
    of = ProcessInstance
    mine = (of.definition_id == definition_id, of.scope == passage.old.definition.key, of.ended_at.is_(None))
    every = select(of.id).where(*mine).order_by(of.id)
    ids = list(session.scalars(every) if only is None else dict.fromkeys(only))
    lines: list[Line] = []
    for chunk in _batched(ids, CHUNK):
        roots = {one.id: one for one in session.scalars(select(of).where(of.id.in_(chunk), *mine))}
        units = _units(session, list(roots.values()))
        lines += [
            _line(runtime, session, passage, units[id], at) if id in units else _other(session, id, passage)
            for id in chunk
        ]
        session.expunge_all()
    return Plan(passage.old.definition, passage.new.definition, passage.mapping, lines)


def _other(session: Session, instance_id: int, passage: _Passage) -> Line:
    """The line of an instance that was asked for and is not there to be migrated."""
    instance = session.get(ProcessInstance, instance_id)
    if instance is None:
        raise NotFound("no-instance", "没有这个流程实例。", id=instance_id)
    if instance.ended_at is not None:
        why = Finding("ended", "实例已经结束，不用迁移。")
    elif instance.definition_id != passage.old.definition.id:
        why = Finding("elsewhere", f"实例不在第 {passage.old.definition.version} 版，请按它所在的版本迁移。")
    else:
        why = Finding("part", "实例是上级流程的一部分，请迁移上级流程，它会一起迁移。")
    return Line(instance.id, instance.title, instance.version, reasons=[why])


def _line(runtime: Runtime, session: Session, passage: _Passage, unit: _Unit, at: datetime) -> Line:
    notes, reasons, _ = _planned(runtime, session, passage, unit, at)
    root = unit.root
    return Line(root.id, root.title, root.version, len(unit.children), notes, reasons)


Id = TypeVar("Id")


def _batched(ids: Sequence[Id], size: int) -> Iterator[Sequence[Id]]:
    return (ids[i : i + size] for i in range(0, len(ids), size))


def _in_batches(session: Session, ids: Sequence[int], query: Callable[[Sequence[int]], Any]) -> list[Any]:
    return [row for some in _batched(ids, MANY) for row in session.execute(query(some)).all()]


def _units(session: Session, roots: Sequence[ProcessInstance], *, lock: bool = False) -> dict[int, _Unit]:
    """Each instance with all that goes with it; the number of statements depends on the depth of the nesting alone.

    :param lock: whoever else wants to write the rows waits for this transaction
    """
    of = ProcessInstance
    units = {root.id: _Unit(root) for root in roots}
    whose = dict(units)
    level = list(units)
    while level:
        open_ = select(Fanout).where(Fanout.closed_at.is_(None)).order_by(Fanout.id)
        rows = _in_batches(session, level, lambda ids, q=open_: q.where(Fanout.instance_id.in_(ids)))  # type: ignore[misc]
        parts: dict[int, _Unit] = {}
        for (row,) in rows:
            whose[row.instance_id].fanouts.append(row)
            if _is_part(row):
                parts[row.id] = whose[row.instance_id]
        query = select(of).where(of.ended_at.is_(None)).order_by(of.id)
        query = query.with_for_update(key_share=True) if lock else query
        children = _in_batches(session, list(parts), lambda ids, q=query: q.where(of.fanout_id.in_(ids)))  # type: ignore[misc]
        level = []
        for (child,) in children:
            unit = whose[child.id] = parts[child.fanout_id]
            unit.children.append(child)
            level.append(child.id)
    item = WorkItem
    open_items = select(
        item.id,
        item.instance_id,
        item.task_id,
        item.element_id,
        item.draft,
        item.due_at,
        item.fanout_id,
        item.origin_id,
    ).where(item.closed_at.is_(None))
    for row in _in_batches(session, list(whose), lambda ids: open_items.where(item.instance_id.in_(ids))):
        whose[row.instance_id].items.append(row)
    timers = select(Job.instance_id, Job.task_id, Job.created_at).where(Job.kind == "timer")
    for instance_id, task_id, began in _in_batches(
        session, list(whose), lambda ids: timers.where(Job.instance_id.in_(ids))
    ):
        whose[instance_id].began.setdefault(instance_id, {})[task_id] = began
    _warm(session, list(units.values()))
    return units


def _is_part(row: Fanout) -> bool:
    """Its children run a part of the same process. Those of a called process, and those being compensated, keep their version."""
    return (
        row.scope == row.element_id
        and row.definition_id == row.owner_definition_id
        and row.compensated_at is None
    )


def _warm(session: Session, units: Sequence[_Unit]) -> None:
    """What children were given is read from memory afterwards."""
    above = [unit.root.fanout_id for unit in units if unit.root.fanout_id is not None]
    rows = _in_batches(session, above, lambda ids: select(Fanout).where(Fanout.id.in_(ids))) if above else []
    session.info["above"] = rows  # a session holds its rows weakly
    digests = {row.snapshot_digest for (row,) in rows}
    digests |= {row.snapshot_digest for unit in units for row in unit.fanouts if _is_part(row)}
    blobs.preload(session, sorted(digests))


def _planned(
    runtime: Runtime, session: Session, passage: _Passage, unit: _Unit, at: datetime
) -> tuple[list[Note], list[Finding], list[_Change]]:
    """The pure part: what happens to the unit, why it cannot be, and each instance's new state."""
    notes: dict[tuple[str, str], Note] = {}
    reasons: dict[tuple[str, str], Finding] = {}
    changes: list[_Change] = []
    calendar = local_days.calendar(session)
    rows = {row.id: row for row in unit.fanouts}
    for instance in unit.all:
        row = rows.get(instance.fanout_id or 0) if instance is not unit.root else None
        change = _change(runtime, session, passage, unit, instance, row, calendar, at)
        changes.append(change)
        if change.moved is not None:
            for note in change.moved.notes:
                notes.setdefault(note.key, note)
            for reason in change.moved.reasons:
                reasons.setdefault((reason.rule, reason.message), reason)
    for note in passage.notes(unit):
        known = notes.get(note.key)
        if known is not None and note.code == "form":
            lost = sorted({*known.data["lost"], *note.data["lost"]})
            note = Note(note.code, note.element_id, note.name, {**note.data, "lost": lost})
        notes[note.key] = note
    return sorted(notes.values(), key=lambda note: note.key), list(reasons.values()), changes


def _change(
    runtime: Runtime,
    session: Session,
    passage: _Passage,
    unit: _Unit,
    instance: ProcessInstance,
    row: Fanout | None,
    calendar: Calendar,
    at: datetime,
) -> _Change:
    state, first_task = instance.state, None
    if state is None:
        row = row if row is not None else session.get_one(Fanout, instance.fanout_id)
        scope = passage.migration.spec(instance.scope)
        old = passage.old.process.entry(instance.scope)
        new = passage.new.process.entry(scope) if scope is not None else None
        same = old is not None and new is not None and passage.migration.to(old.id) == new.id
        if scope is not None and (old is None or (same and new is not None and differs(old, new) is None)):
            return _Change(instance, scope, None)
        given, own = fanout.layers(runtime, session, instance)
        step = passage.old.process.start(
            instance.scope, own, Context(row.opened_at, passage.old.decide, given, calendar)
        )
        state, first_task = step.state, step.opened[0].task_id
    given = fanout.given(runtime, session, instance)
    context = Context(at, passage.new.decide, given, calendar)
    moved = passage.migration.move(instance.scope, state, context, unit.began.get(instance.id))
    return _Change(instance, moved.scope, moved, first_task)


# doing


def migrate(session: Session, plan: Plan, *, reason: str, by: int, at: datetime) -> InstanceMigration:
    """Do what a plan shows: a job for each instance that can be migrated.

    :raises Invalid: no reason, or nothing to be migrated
    """
    reason = suspension.required(reason, "请写明迁移的原因。")
    if not plan.movable:
        raise Invalid("nothing-to-migrate", "没有可以迁移的实例。")
    act = InstanceMigration(
        definition_id=plan.definition.id,
        to_definition_id=plan.to.id,
        mapping=dict(plan.mapping),
        reason=reason,
        migrated_by_id=by,
        migrated_at=at,
    )
    session.add(act)
    session.flush()
    session.execute(
        insert(MigratedInstance.__table__),  # type: ignore[arg-type]
        [
            {
                "migration_id": act.id,
                "instance_id": line.instance_id,
                "shown": line.shown,
                "outcome": "refused" if line.reasons else None,
                "said": [one.message for one in line.reasons] or None,
                "done_at": at if line.reasons else None,
            }
            for line in plan.lines
        ],
    )
    # Of no instance: a job of one that is suspended would wait, one of one that is cancelled would vanish without a word.
    session.execute(
        insert(Job.__table__),  # type: ignore[arg-type]
        [
            {
                "kind": "migration",
                "payload": [act.id, line.instance_id],
                "due_at": at,
                "created_at": at,
                "attempts": 0,
            }
            for line in plan.movable
        ],
    )
    return act


def run(runtime: Runtime, job: Job, at: datetime) -> None:
    """A job of kind ``migration``: one instance, planned anew."""
    act_id, instance_id = job.payload or (0, 0)
    with runtime.database.write() as session:
        instance = instances.get(session, instance_id, lock=True)
        jobs.finish(session, job)
        act = session.get_one(InstanceMigration, act_id)
        line = session.get_one(MigratedInstance, (act_id, instance_id))
        line.outcome, line.said = _migrate(runtime, session, act, line, instance, at)
        line.done_at = at


def _migrate(
    runtime: Runtime,
    session: Session,
    act: InstanceMigration,
    line: MigratedInstance,
    instance: ProcessInstance,
    at: datetime,
) -> tuple[str, list[str] | None]:
    """What has become of it, and why."""
    if instance.ended_at is not None:
        return "ended", None
    if instance.definition_id != act.definition_id:
        return "elsewhere", None
    passage = _Passage(runtime, session, act.definition_id, act.to_definition_id, act.mapping)
    unit = _units(session, [instance], lock=True)[instance.id]
    notes, reasons, changes = _planned(runtime, session, passage, unit, at)
    if reasons:
        return "refused", [reason.message for reason in reasons]
    shown = {tuple(key) for key in line.shown}
    if not {note.key for note in notes} <= shown:
        return "changed", None
    try:
        with session.begin_nested():
            _apply(runtime, session, act, passage, unit, changes, at)
    except NotExecutable as error:  # what opens at once cannot be opened
        return "refused", [str(error)]
    return "migrated", None


def _apply(
    runtime: Runtime,
    session: Session,
    act: InstanceMigration,
    passage: _Passage,
    unit: _Unit,
    changes: Sequence[_Change],
    at: datetime,
) -> None:
    old, new = passage.old.definition, passage.new.definition
    for change in changes:
        change.instance.definition_id, change.instance.scope = new.id, change.scope
    session.flush()
    _rebind(session, passage, unit)
    migrated = Entry(
        "migrated",
        {
            "definition": old.key,
            "from": old.version,
            "to": new.version,
            "from_id": old.id,
            "mapping": passage.mapping,
            "reason": act.reason,
        },
        act.migrated_by_id,
    )
    for change in changes:
        if change.first_task is not None:
            session.execute(
                update(WorkItem)
                .where(
                    WorkItem.instance_id == change.instance.id,
                    WorkItem.task_id.is_(None),
                    WorkItem.origin_id.is_(None),
                )
                .values(task_id=change.first_task, version=WorkItem.version + 1)
                .execution_options(synchronize_session=False)
            )
        log = [migrated] if change.instance is unit.root else []
        if change.moved is None or change.moved.step is None:
            history.append(session, change.instance.stream, change.instance, log, at)
            continue
        stepping.project(runtime, session, passage.new, change.instance, change.moved.step, log, at=at)
        for task_id, since in change.moved.since.items():  # the moment it began stays, for the next migration
            mine = (Job.instance_id == change.instance.id, Job.task_id == task_id)
            began = update(Job).where(*mine).values(created_at=since)
            session.execute(began.execution_options(synchronize_session=False))
    _remind(session, passage, unit, at)
    for change in changes:
        if change.instance.suspension_id is not None:
            suspension.cover(session, change.instance, at)


def _rebind(session: Session, passage: _Passage, unit: _Unit) -> None:
    """The rows of what is open are the new version's from now on; those of what is closed say that they are the old one's."""
    old, new = passage.old.definition.id, passage.new.definition.id
    ids = [one.id for one in unit.all]
    same = {"synchronize_session": False}
    renamed = passage.mapping
    item = WorkItem
    for some in _batched(ids, MANY):
        done = (item.instance_id.in_(some), item.closed_at.is_not(None))
        session.execute(
            update(item)
            .where(*done, item.definition_id.is_(None))
            .values(definition_id=old)
            .execution_options(**same)
        )
        if not renamed:
            continue
        for table, more in (
            (item, item.definition_id.is_(None)),
            (Job, Job.element_id.is_not(None)),
            (Subscription, Subscription.element_id.is_not(None)),
        ):
            to = case(renamed, value=table.element_id)
            values = {"element_id": to, **({"version": item.version + 1} if table is item else {})}
            mine = (table.instance_id.in_(some), table.element_id.in_(list(renamed)), more)
            session.execute(update(table).where(*mine).values(**values).execution_options(**same))
    for row in unit.fanouts:
        if row.compensated_at is not None:
            continue
        if _is_part(row):
            row.definition_id, row.scope = new, passage.migration.spec(row.scope or "")
        row.owner_definition_id = new
        row.element_id = renamed.get(row.element_id, row.element_id)
    session.flush()


def _remind(session: Session, passage: _Passage, unit: _Unit, at: datetime) -> None:
    """Deadlines stay; reminders and escalations around them are the new diagram's."""
    dues = []
    for item in unit.items:
        old = passage.old.process.model.elements[item.element_id]
        new = passage.migration.element(old.id)
        if new is not None and item.due_at is not None and _around(old) != _around(new):
            dues.append(Due(item.id, item.instance_id, new, item.due_at, item.fanout_id))
    for some in _batched([due.item for due in dues], MANY):
        gone = delete(Job).where(Job.kind == "reminder", Job.work_item_id.in_(some))
        session.execute(gone.execution_options(synchronize_session=False))
    still = (
        set(
            session.scalars(
                select(WorkItem.id).where(
                    WorkItem.id.in_([d.item for d in dues]), WorkItem.closed_at.is_(None)
                )
            )
        )
        if dues
        else set()
    )
    deadlines.schedule(session, [due for due in dues if due.item in still], local_days.calendar(session), at)


# looking


def progress(session: Session, migration_id: int) -> Progress:
    """:raises NotFound: no such migration"""
    act = session.get(InstanceMigration, migration_id)
    if act is None:
        raise NotFound("no-migration", "没有这次迁移。", id=migration_id)
    of = MigratedInstance
    mine = of.migration_id == migration_id
    counts = Counter(
        dict(session.execute(select(of.outcome, func.count()).where(mine).group_by(of.outcome)).all())
    )
    left = (
        select(of, ProcessInstance.title)
        .join(ProcessInstance, ProcessInstance.id == of.instance_id)
        .where(mine, of.outcome != "migrated")
        .order_by(of.instance_id)
        .limit(100)
    )
    return Progress(
        act,
        deployments.get(session, act.definition_id),
        deployments.get(session, act.to_definition_id),
        counts,
        list(session.execute(left)),
    )


def running(session: Session, key: str) -> dict[int, int]:
    """Definition id -> running instances, of every version of a process that has any."""
    of = ProcessInstance
    query = (
        select(of.definition_id, func.count())
        .join(ProcessDefinition, ProcessDefinition.id == of.definition_id)
        .where(ProcessDefinition.key == key, of.scope == key, of.ended_at.is_(None))
        .group_by(of.definition_id)
    )
    return dict(session.execute(query).all())
