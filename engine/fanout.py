"""Fan-outs: the children of a multi-instance or a called process are rows.

The row fixes at opening what the children see: definition, data snapshot (by digest), items. A child never reads the live parent.
A closing child only adds an arrival; one job a fan-out drains the arrivals and resumes the parent, so siblings never queue for one
row. Cancelling N children is a constant number of statements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import ForeignKey, Index, String, and_, cast, delete, insert, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine import (
    assignment,
    ballots,
    blobs,
    deadlines,
    history,
    instances,
    jobs,
    local_days,
    subscriptions,
    values,
    work_items,
)
from engine.arrivals import Arrival
from engine.bpmn.execution import Context, Escalated, Opened
from engine.bpmn.model import Element, evaluate, resolve
from engine.database import WRITING, Table, UtcDateTime, Values
from engine.deadlines import Due
from engine.errors import Conflict, NotExecutable
from engine.history import GENESIS

if TYPE_CHECKING:
    from engine.deployments import Loaded
    from engine.runtime import Runtime


#: children whose first step runs in one job and one transaction
CHUNK = 20


MAX_CHILDREN = 100_000


class Fanout(Table):
    """An open or closed fan-out.

    :ivar owner_definition_id: the definition that holds the element; ``definition_id`` is the children's
    :ivar scope: the process or sub-process that children run; NULL when the children are bare work items
    :ivar snapshot_digest: blob of ``{"data": parent's variables, "items": the collection, "under": digest}``: what the parent, a
        child itself, was given by its own fan-out is in that one's snapshot (``under``), not copied
    :ivar total: number of positions; those below ``opened`` were opened (fewer than ``total`` only when sequential)
    :ivar arrived: children that have come to an end and are counted; ``terminated`` of them did not complete
    :ivar removed: positions that were taken out again (减签)
    :ivar added: items of the positions that came after those of the snapshot (加签); ids of the children to be compensated
    :ivar skipped: positions that were taken out before they were opened
    :ivar tallies: name -> number, of the declared tallies
    :ivar compensated_at: it had been closed, and was opened again then, for the compensation of its children
    """

    __tablename__ = "fanout"
    __table_args__ = (Index("ix_fanout_instance", "instance_id", "task_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    instance_id: Mapped[int] = mapped_column(ForeignKey("process_instance.id"))
    task_id: Mapped[str] = mapped_column(String(36))
    element_id: Mapped[str] = mapped_column(String(200))
    owner_definition_id: Mapped[int] = mapped_column(ForeignKey("process_definition.id"))
    definition_id: Mapped[int] = mapped_column(ForeignKey("process_definition.id"))
    scope: Mapped[str | None] = mapped_column(String(200))
    snapshot_digest: Mapped[str] = mapped_column(ForeignKey("blob.digest"))
    total: Mapped[int]
    opened: Mapped[int]
    arrived: Mapped[int] = mapped_column(default=0)
    terminated: Mapped[int] = mapped_column(default=0, server_default="0")
    removed: Mapped[int] = mapped_column(default=0, server_default="0")
    added: Mapped[list[Any] | None] = mapped_column(Values)
    skipped: Mapped[list[int] | None] = mapped_column(Values)
    tallies: Mapped[dict[str, Any] | None] = mapped_column(Values)
    compensated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[str | None] = mapped_column(String(100))

    @property
    def children(self) -> int:
        """How many there are, or will be: BPMN's numberOfInstances."""
        return self.total - self.removed

    @property
    def active(self) -> int:
        """How many are at work: BPMN's numberOfActiveInstances."""
        unopened = sum(position >= self.opened for position in self.skipped or ())
        return self.opened - self.arrived - (self.removed - unopened)


def open_(
    runtime: Runtime,
    session: Session,
    loaded: Loaded,
    instance: instances.ProcessInstance,
    opened: Opened,
    *,
    at: datetime,
    items: list[Any] | None = None,
    persons: list[int] | None = None,
) -> tuple[Fanout, list[jobs.Job]]:
    """Open the fan-out of an activity that a token has reached; returns it with the jobs that go with it.

    :param items: where they are not those of the element's collection
    :param persons: who does the bare items, one an item, whatever the element's assignment says
    :raises NotExecutable: the collection is no list, or has too many items
    """
    element, data = opened.element, opened.data
    items = items_of(element, data, at) if items is None else items
    called = _called(session, runtime, loaded, element)
    scope = (
        called.process.model.key if element.called else (element.id if element.kind != "userTask" else None)
    )
    sequential = element.loop is not None and element.loop.sequential
    row = Fanout(
        instance_id=instance.id,
        task_id=opened.task_id,
        element_id=element.id,
        owner_definition_id=loaded.definition.id,
        definition_id=called.definition.id,
        scope=scope,
        snapshot_digest=_photograph(runtime, session, instance, data, items, at),
        total=len(items),
        opened=0,
        opened_at=at,
    )
    session.add(row)
    session.flush()
    drain = jobs.Job(
        kind="fanout",
        fanout_id=row.id,
        instance_id=instance.id,
        task_id=opened.task_id,
        element_id=element.id,
        created_at=at,
        due_at=None if items else at,
    )
    first = items[: 1 if sequential else None]
    return row, [
        drain,
        *open_children(session, called, row, instance, element, data, first, at=at, persons=persons),
    ]


def _photograph(
    runtime: Runtime,
    session: Session,
    instance: instances.ProcessInstance,
    data: Mapping[str, Any],
    items: list[Any],
    at: datetime,
) -> str:
    """The digest of a new snapshot. Of a nested fan-out it holds only what the parent did not read from its own fan-out's."""
    under, below = None, given(runtime, session, instance)
    if below:
        under = session.get_one(Fanout, instance.fanout_id).snapshot_digest
        data = {name: value for name, value in data.items() if name not in below or below[name] is not value}
    kept = values.dumps({"data": data, "items": items, **({"under": under} if under else {})})
    return blobs.put(session, kept.encode(), "application/json", at)


def items_of(element: Element, data: Mapping[str, Any], at: datetime) -> list[Any]:
    loop = element.loop
    if loop is None:
        return [None]
    warnings: list[str] = []
    if loop.cardinality is not None:
        count = evaluate(loop.cardinality, data, at, warnings)
        if not isinstance(count, bool) and count is not None and count == int(count) >= 0:
            items: Any = [None] * min(int(count), MAX_CHILDREN + 1)
        else:
            items = None
    else:
        items = evaluate(loop.collection or "", data, at, warnings)
    if not isinstance(items, list):
        name = element.name or element.id
        raise NotExecutable(
            "no-collection",
            "".join([f"“{name}”的多实例集合“{loop.collection or loop.cardinality}”不是列表。", *warnings]),
            element=element.id,
        )
    if len(items) > MAX_CHILDREN:
        raise NotExecutable(
            "too-many", f"“{element.name or element.id}”的多实例超过 {MAX_CHILDREN} 个。", element=element.id
        )
    return items


def _called(session: Session, runtime: Runtime, loaded: Loaded, element: Element) -> Loaded:
    return (
        runtime.definitions.get(session, loaded.definition.called[element.called])
        if element.called
        else loaded
    )


def child_data(
    element: Element, data: Mapping[str, Any], item: Any, position: int, at: datetime
) -> dict[str, Any]:
    """What a child sees: everything, or what the called process is declared to get; its item; its number."""
    given, own = _layers(element, data, item, position, at)
    return {**given, **own}


def _layers(
    element: Element, data: Mapping[str, Any], item: Any, position: int, at: datetime
) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """What a child reads in common with its siblings, and what its own state begins with."""
    loop = element.loop
    own = {"loopCounter": position + 1, **({loop.item: item} if loop is not None and loop.item else {})}
    if element.kind == "callActivity" and element.inputs:
        seen = {**data, **own}
        return {}, {name: resolve(text, seen, at) for name, text in element.inputs.items()}
    return data, own


def open_children(
    session: Session,
    called: Loaded,
    row: Fanout,
    parent: instances.ProcessInstance,
    element: Element,
    data: Mapping[str, Any],
    items: list[Any],
    *,
    at: datetime,
    persons: list[int] | None = None,
) -> list[jobs.Job]:
    """The next children: of these items, from the first position that is not opened yet.

    :param persons: who does the bare items, one an item, where not the element's assignment says it
    """
    if not items:
        return []
    first = row.opened
    row.opened += len(items)
    if row.scope is None:
        _open_work_items(session, row, parent.id, None, element, data, items, first, at, persons=persons)
        return []
    model = called.process.model
    entry = called.process.entry(row.scope)
    ids = _insert_children(session, row, parent, element, model, data, items, first, at)
    if entry is not None:
        _open_work_items(session, row, parent.id, ids, element, data, items, first, at, entry)
        return []
    return _chunks(row, ids, at)


def _insert_children(
    session: Session,
    row: Fanout,
    parent: instances.ProcessInstance,
    element: Element,
    model: Any,
    data: Mapping[str, Any],
    items: list[Any],
    first: int,
    at: datetime,
) -> list[int]:
    title = model.title if element.called else None
    children = [
        {
            "definition_id": row.definition_id,
            "scope": row.scope,
            "title": _title(
                element,
                title,
                child_data(element, data, item, first + i, at) if title else None,
                item,
                at,
                parent,
            ),
            "path": "",
            "parent_id": parent.id,
            "fanout_id": row.id,
            "position": first + i,
            "item": item,
            "unit_id": parent.unit_id,
            "started_by_id": parent.started_by_id,
            "started_at": at,
            "version": 1,
            "event_seq": 0,
            "event_hash": GENESIS,
        }
        for i, item in enumerate(items)
    ]
    table = instances.ProcessInstance
    new = and_(table.fanout_id == row.id, table.position >= first)
    # Read back, not returned: SQLite returns the ids of many rows only one INSERT at a time.
    session.execute(insert(table.__table__), children)  # type: ignore[arg-type]
    session.execute(
        update(table)
        .where(new)
        .values(path=prefix(parent, row) + cast(table.id, String) + "/")
        .execution_options(synchronize_session=False)
    )
    return list(session.scalars(select(table.id).where(new).order_by(table.position)))


def prefix(parent: instances.ProcessInstance, row: Fanout) -> str:
    """The path that every instance below this fan-out begins with."""
    return f"{parent.path}f{row.id}/"


def _title(
    element: Element,
    title: str | None,
    data: Mapping[str, Any] | None,
    item: Any,
    at: datetime,
    parent: instances.ProcessInstance,
) -> str:
    if title and data is not None:
        return str(resolve(title, data, at) or element.name)[:500]
    of = item.get("name") or item.get("名称") if isinstance(item, dict) else item
    return f"{parent.title} · {of or element.name or element.id}"[:500]


def _open_work_items(
    session: Session,
    row: Fanout,
    parent_id: int,
    ids: list[int] | None,
    element: Element,
    data: Mapping[str, Any],
    items: list[Any],
    first: int,
    at: datetime,
    entry: Element | None = None,
    persons: list[int] | None = None,
) -> None:
    """Work items in bulk: of the parent itself (bare), or each child's first, before the child has a state."""
    task = entry or element
    calendar = local_days.calendar(session)
    seen = [child_data(element, data, item, first + i, at) for i, item in enumerate(items)]
    new = [
        {
            "instance_id": parent_id if ids is None else ids[i],
            "task_id": f"{row.id}:{first + i}" if ids is None else None,
            "fanout_id": row.id if ids is None else None,
            "position": first + i if ids is None else None,
            "item": items[i] if ids is None else None,
            **work_items.describe(task, seen[i], at, calendar),
            "opened_at": at,
            "version": 1,
            "event_seq": 0,
            "event_hash": GENESIS,
        }
        for i in range(len(items))
    ]
    table, of = work_items.WorkItem, instances.ProcessInstance
    session.execute(insert(table.__table__), new)  # type: ignore[arg-type]
    if ids is None:
        query = (
            select(table.id)
            .where(table.fanout_id == row.id, table.position >= first)
            .order_by(table.position)
        )
    else:
        children = select(of.id).where(of.fanout_id == row.id, of.position >= first)
        query = select(table.id).where(table.instance_id.in_(children)).order_by(table.instance_id)
    opened = session.scalars(query).all()
    pairs = [(item, task, data) for item, data in zip(opened, seen, strict=True)]
    if persons is not None:
        assignment.assign_persons(session, list(zip(opened, persons, strict=False)))
    else:
        assignment.assign_ids(session, pairs, at)
    work_items.show(session, pairs, at)
    dues = [
        Due(item, one["instance_id"], task, one["due_at"], one["fanout_id"])
        for item, one in zip(opened, new, strict=True)
    ]
    deadlines.schedule(session, dues, calendar, at)
    if years := {year for one in new for year in one["unknown_years"] or ()}:
        parent = session.get_one(of, row.instance_id)
        history.append(session, parent.stream, parent, [deadlines.uncertain(task, sorted(years))], at)


def element_of(runtime: Runtime, session: Session, row: Fanout) -> Element:
    return runtime.definitions.get(session, row.owner_definition_id).process.model.elements[row.element_id]


def layers(
    runtime: Runtime, session: Session, child: instances.ProcessInstance
) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """What this child reads in common with its siblings, and what its own state begins with."""
    row = session.get_one(Fanout, child.fanout_id)
    data = snapshot(session, row.snapshot_digest)["data"]
    return _layers(element_of(runtime, session, row), data, child.item, child.position or 0, row.opened_at)


def given(runtime: Runtime, session: Session, instance: instances.ProcessInstance) -> Mapping[str, Any]:
    """The variables that lie below the instance's own (``Context.given``): none where it is no child."""
    return layers(runtime, session, instance)[0] if instance.fanout_id is not None else {}


@lru_cache(maxsize=64)
def _snapshot(text: bytes) -> dict[str, Any]:
    loaded: dict[str, Any] = values.loads(text)
    return loaded


def snapshot(session: Session, digest: str) -> dict[str, Any]:
    """``data`` and ``items`` as they were at the opening."""
    kept = _snapshot(blobs.cached(session, digest))
    if "under" not in kept:
        return kept
    return {**kept, "data": {**snapshot(session, kept["under"])["data"], **kept["data"]}}


def materialise(runtime: Runtime, session: Session, child: instances.ProcessInstance) -> str:
    """Give a child that nobody has touched yet its state; returns the task that its first work item stands for."""
    row = session.get_one(Fanout, child.fanout_id)
    loaded = runtime.definitions.get(session, child.definition_id)
    given, own = layers(runtime, session, child)
    step = loaded.process.start(child.scope, own, Context(row.opened_at, loaded.decide, given))
    child.state = step.state
    (opened,) = step.opened
    return opened.task_id


def arrive(
    runtime: Runtime,
    session: Session,
    child: instances.ProcessInstance,
    data: Mapping[str, Any],
    *,
    at: datetime,
) -> None:
    """A child has ended: one row, which carries what returns to the parent and what the fan-out counts."""
    row = session.get_one(Fanout, child.fanout_id)
    element = element_of(runtime, session, row)
    completed = child.outcome == "completed"
    session.add(
        Arrival(
            fanout_id=row.id,
            position=child.position,
            outcome=child.outcome,
            result=_returned(element, data, at) if completed else None,
            tally=_counted(element, data, at) if completed else None,
            at=at,
        )
    )


def arrive_item(
    runtime: Runtime,
    session: Session,
    item: work_items.WorkItem,
    data: Mapping[str, Any],
    *,
    at: datetime,
    tally: Mapping[str, Any] | None = None,
) -> None:
    """A bare work item of a fan-out was completed.

    :param tally: what it counts for in a vote, beside the declared tallies
    """
    row = session.get_one(Fanout, item.fanout_id)
    element = element_of(runtime, session, row)
    secret = element.vote is not None and element.vote.secret
    arrive_bare(
        session,
        row,
        item.position or 0,
        "completed",
        None if secret else _returned(element, data, at),
        None if secret else {**_counted(element, data, at), **(tally or {})},
        at,
    )


def arrive_bare(
    session: Session,
    row: Fanout,
    position: int,
    outcome: str,
    result: Any,
    tally: Mapping[str, Any] | None,
    at: datetime,
) -> None:
    session.add(
        Arrival(
            fanout_id=row.id,
            position=position,
            outcome=outcome,
            result=result,
            tally=dict(tally) if tally else None,
            at=at,
        )
    )


def _returned(element: Element, data: Mapping[str, Any], at: datetime) -> Any:
    """What a child returns: its declared outputs, or in a loop its declared output; without a declaration, nothing."""
    mapped = _mapped(element, data, at)
    loop = element.loop
    if loop is not None and loop.output:
        return resolve(loop.output, {**data, **mapped}, at)
    return mapped or None if loop is not None else mapped


def _mapped(element: Element, data: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """The declared outputs of a called process or a bare item; those of other children are in their variables already."""
    outputs = element.outputs if element.kind in ("callActivity", "userTask") else {}
    return {name: resolve(text, data, at) for name, text in outputs.items()}


def _counted(element: Element, data: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """What a child adds to the declared tallies.

    :raises NotExecutable: a weight is no number
    """
    counted: dict[str, Any] = {}
    if element.loop is None or not element.loop.tallies:
        return counted
    data = {**data, **_mapped(element, data, at)}
    for tally in element.loop.tallies:
        if tally.condition is None or evaluate(tally.condition, data, at) is True:
            weight = evaluate(tally.weight, data, at) if tally.weight is not None else 1
            if isinstance(weight, bool) or not isinstance(weight, int | Decimal):
                raise NotExecutable(
                    "no-weight",
                    f"“{element.name or element.id}”的计数“{tally.name}”的权重“{tally.weight}”不是数。",
                    element=element.id,
                )
            counted[tally.name] = weight
    return counted


def count(row: Fanout, element: Element, tally: Mapping[str, Any] | None) -> None:
    """Add what a child counted to the fan-out's tallies."""
    tallies = row.tallies or {one.name: 0 for one in (element.loop.tallies if element.loop else ())}
    if tallies:
        row.tallies = {name: value + (tally or {}).get(name, 0) for name, value in tallies.items()}


def results(
    session: Session, row: Fanout, element: Element, *, without: Sequence[int] = ()
) -> dict[str, Any]:
    """What the parent gets: the declared list in the order of the collection and the tallies, or a called process's declared outputs.

    :param without: positions that have arrived and do not count yet
    """
    arrivals = (
        select(Arrival.result)
        .where(Arrival.fanout_id == row.id, Arrival.drained_at.is_not(None))  # more may be arriving right now
        .where(Arrival.position.not_in(without))
        .order_by(Arrival.position)
    )
    loop = element.loop
    if loop is not None:
        returned = arrivals.where(Arrival.outcome == "completed")
        listed = {loop.outputs: list(session.scalars(returned))} if loop.outputs else {}
        return {**{one.name: 0 for one in loop.tallies}, **(row.tallies or {}), **listed}
    return dict(session.scalar(arrivals) or {}) if element.outputs else {}


def close(
    session: Session, row: Fanout, outcome: str, at: datetime, *, closing: str = "withdrawn", job: int = 0
) -> None:
    """Close a fan-out, and what of it is still open, in a constant number of statements.

    :param closing: how its open work items end
    :param job: the job that does it, and ends by itself
    """
    row.closed_at, row.outcome = at, outcome
    if row.arrived < row.children or outcome != "completed":
        parent = session.get_one(instances.ProcessInstance, row.instance_id)
        end_below(session, [prefix(parent, row)], at, [row.id], closing=closing)
    own = delete(jobs.Job).where(jobs.Job.fanout_id == row.id, jobs.Job.id != job)
    session.execute(own.execution_options(synchronize_session=False))


def cancel(session: Session, instance: instances.ProcessInstance, tasks: Sequence[str], at: datetime) -> None:
    """The parent's activities were interrupted: everything below ends, in a number of statements that depends on nothing."""
    rows = session.scalars(
        update(Fanout)
        .where(Fanout.instance_id == instance.id, Fanout.task_id.in_(tasks), Fanout.closed_at.is_(None))
        .values(closed_at=at, outcome="cancelled")
        .returning(Fanout)
        .execution_options(synchronize_session=False, populate_existing=True)
    ).all()
    if not rows:
        return
    ids = [row.id for row in rows]
    end_below(session, [prefix(instance, row) for row in rows], at, ids)
    own = delete(jobs.Job).where(jobs.Job.fanout_id.in_(ids))
    session.execute(own.execution_options(synchronize_session=False))


def add_child(
    runtime: Runtime,
    session: Session,
    row: Fanout,
    item: Any,
    *,
    at: datetime,
    person: int | None = None,
) -> int:
    """One more child of an open fan-out, at its end; returns its position. The history is the caller's.

    The caller has locked the row (``lock``).

    :param person: who does the bare item, where not the element's assignment says it
    """
    position = row.total
    row.total += 1
    row.added = [*(row.added or ()), item]
    element = element_of(runtime, session, row)
    if element.loop is not None and element.loop.sequential:
        recount(session, row, at)  # the one before it may be waiting to be counted, or was the last
    else:
        parent = session.get_one(instances.ProcessInstance, row.instance_id)
        called = runtime.definitions.get(session, row.definition_id)
        data = snapshot(session, row.snapshot_digest)["data"]
        persons = [person] if person is not None else None
        session.add_all(
            open_children(session, called, row, parent, element, data, [item], at=at, persons=persons)
        )
    return position


def remove_child(session: Session, row: Fanout, position: int, *, at: datetime) -> None:
    """Take out a child that has not come to an end; what was asked of it is withdrawn. The history is the caller's.

    The caller has locked the row (``lock``).

    :raises Conflict: it has ended, it was taken out before, or it is the last one
    """
    if row.children <= 1:
        raise Conflict("last-child", "至少要留一人办理，不能再减。", fanout=row.id)
    if position >= row.opened:
        if position >= row.total or position in (row.skipped or ()):
            raise _gone(row, position)
        row.skipped = [*(row.skipped or ()), position]
    else:
        _withdraw_child(session, row, position, at)
    row.removed += 1
    recount(session, row, at)


def _withdraw_child(session: Session, row: Fanout, position: int, at: datetime) -> None:
    if row.scope is None:
        item = work_items.WorkItem
        taken = session.scalars(
            update(item)
            .where(item.fanout_id == row.id, item.position == position, item.closed_at.is_(None))
            .values(closed_at=at, closing="removed", version=item.version + 1)
            .returning(item.id)
            .execution_options(synchronize_session="fetch")
        ).all()
        if not taken:
            raise _gone(row, position)
        return
    of = instances.ProcessInstance
    path = session.scalar(
        select(of.path).where(of.fanout_id == row.id, of.position == position, of.ended_at.is_(None))
    )
    if path is None:
        raise _gone(row, position)
    end_below(session, [path], at, closing="removed")


def _gone(row: Fanout, position: int) -> Conflict:
    return Conflict("child-gone", "这一份已经办结或已被减去，不能再减。", fanout=row.id, position=position)


def lock(session: Session, fanout_id: int | None) -> Fanout:
    """The open fan-out, held until the transaction ends. Its parent instance, if needed, is locked before.

    :raises Conflict: it is closed
    """
    row = session.get_one(Fanout, fanout_id, with_for_update=WRITING, populate_existing=True)
    if row.closed_at is not None:
        raise Conflict("fanout-closed", "这一步已经结束，不能再增减办理人。", fanout=row.id)
    return row


def escalate(
    child: instances.ProcessInstance, escalated: Sequence[Escalated], at: datetime
) -> list[jobs.Job]:
    """A running child escalates: jobs for its parent; none where it has no parent, nobody is left to hear it."""
    if child.fanout_id is None:
        return []
    return [
        jobs.Job(
            kind="escalation",
            fanout_id=child.fanout_id,
            instance_id=child.parent_id,
            payload={"code": one.code or "", "data": one.data},
            due_at=at,
            created_at=at,
        )
        for one in escalated
    ]


def compensate(
    session: Session, instance: instances.ProcessInstance, task_id: str, compensates: str, at: datetime
) -> list[jobs.Job]:
    """Open a completed fan-out again: each child that completed is to be compensated, those of a sequential one in reverse order."""
    row = session.scalars(
        select(Fanout).where(Fanout.instance_id == instance.id, Fanout.task_id == compensates)
    ).one()
    of = instances.ProcessInstance
    children = list(
        session.scalars(
            select(of.id)
            .where(of.fanout_id == row.id, of.outcome == "completed")
            .order_by(of.position.desc())
        )
    )
    session.execute(delete(Arrival).where(Arrival.fanout_id == row.id))
    session.execute(
        update(of)
        .where(of.fanout_id == row.id, of.outcome == "completed")
        .values(ended_at=None, outcome=None, version=of.version + 1)
        .execution_options(synchronize_session="fetch")
    )
    row.task_id, row.compensated_at, row.closed_at, row.outcome = task_id, at, None, None
    row.total, row.opened, row.arrived, row.terminated, row.removed = len(children), 0, 0, 0, 0
    row.added, row.skipped = children, None
    return [
        jobs.Job(
            kind="fanout",
            fanout_id=row.id,
            instance_id=instance.id,
            task_id=task_id,
            element_id=row.element_id,
            created_at=at,
            due_at=at,
        )
    ]


def compensate_children(session: Session, row: Fanout, sequential: bool, at: datetime) -> None:
    """Begin to compensate the next children of a fan-out that is open for it."""
    following = (row.added or [])[row.opened : row.opened + 1 if sequential else None]
    row.opened += len(following)
    session.add_all(_chunks(row, following, at))


def _chunks(row: Fanout, ids: Sequence[int], at: datetime) -> list[jobs.Job]:
    return [
        jobs.Job(
            kind="children",
            fanout_id=row.id,
            instance_id=row.instance_id,
            task_id=row.task_id,
            payload=ids[i : i + CHUNK],
            due_at=at,
            created_at=at,
        )
        for i in range(0, len(ids), CHUNK)
    ]


def recount(session: Session, row: Fanout, at: datetime) -> None:
    """Have the fan-out looked at again though nothing arrives: a job of its own, since its own may be parked at this moment."""
    session.add(
        jobs.Job(
            kind="recount",
            fanout_id=row.id,
            instance_id=row.instance_id,
            task_id=row.task_id,
            due_at=at,
            created_at=at,
        )
    )


def end_below(
    session: Session,
    paths: Sequence[str],
    at: datetime,
    fanouts: Sequence[int] = (),
    *,
    closing: str = "withdrawn",
) -> None:
    """Cancel all that runs under these paths, in a constant number of statements.

    :param fanouts: those whose bare items and unborn children end as well
    :param closing: how the open work items end
    """
    instance, item, job = instances.ProcessInstance, work_items.WorkItem, jobs.Job
    below = select(instance.id).where(or_(*(instance.path.startswith(path) for path in paths)))
    same = {"synchronize_session": False}
    session.execute(
        update(instance)
        .where(instance.id.in_(below), instance.ended_at.is_(None))
        .values(ended_at=at, outcome="cancelled", version=instance.version + 1)
        .execution_options(**same)
    )
    session.execute(
        update(Fanout)
        .where(Fanout.closed_at.is_(None), Fanout.instance_id.in_(below))
        .values(closed_at=at, outcome="cancelled")
        .execution_options(**same)
    )
    session.execute(
        update(item)
        .where(item.closed_at.is_(None), (item.instance_id.in_(below)) | (item.fanout_id.in_(fanouts)))
        .values(closed_at=at, closing=closing, version=item.version + 1)
        .execution_options(**same)
    )
    subscriptions.drop_below(session, below)
    within = select(Fanout.id).where(Fanout.instance_id.in_(below))
    ballots.destroy(
        session, ballots.BallotBox.fanout_id.in_(fanouts), ballots.BallotBox.fanout_id.in_(within)
    )
    session.execute(
        delete(job)
        .where(
            or_(
                job.instance_id.in_(below),
                (job.fanout_id.in_(fanouts)) & (job.kind == "children"),
                job.work_item_id.in_(select(item.id).where(item.fanout_id.in_(fanouts))),
            )
        )
        .execution_options(**same)
    )
