"""Fan-outs: the children of a multi-instance or a called process are rows.

The row fixes at opening what the children see: definition, data snapshot (by digest), items. A child never reads the live parent.
A closing child only adds an arrival; one job a fan-out drains the arrivals and resumes the parent, so siblings never queue for one
row. Cancelling N children is a constant number of statements.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import ForeignKey, Index, String, and_, cast, delete, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine import assignment, blobs, instances, jobs, subscriptions, values, work_items
from engine.arrivals import Arrival
from engine.bpmn.execution import Context, Opened
from engine.bpmn.model import Element, evaluate, resolve
from engine.database import Table, UtcDateTime
from engine.errors import NotExecutable
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
    :ivar snapshot_digest: blob of ``{"data": parent's variables, "items": the collection}``
    :ivar total: number of children; ``opened`` of them exist (fewer than ``total`` only when sequential)
    :ivar arrived: children that have come to an end and are counted
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
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[str | None] = mapped_column(String(100))


def open_(
    runtime: Runtime,
    session: Session,
    loaded: Loaded,
    instance: instances.ProcessInstance,
    opened: Opened,
    *,
    at: datetime,
) -> list[jobs.Job]:
    """Open the fan-out of an activity that a token has reached; returns the jobs that go with it.

    :raises NotExecutable: the collection is no list, or has too many items
    """
    element, data = opened.element, opened.data
    items = _items(element, data, at)
    called = _called(session, runtime, loaded, element)
    scope = (
        called.process.model.key if element.called else (element.id if element.kind != "userTask" else None)
    )
    snapshot = values.dumps({"data": data, "items": items}).encode()
    sequential = element.loop is not None and element.loop.sequential
    row = Fanout(
        instance_id=instance.id,
        task_id=opened.task_id,
        element_id=element.id,
        owner_definition_id=loaded.definition.id,
        definition_id=called.definition.id,
        scope=scope,
        snapshot_digest=blobs.put(session, snapshot, "application/json", at),
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
        created_at=at,
        due_at=None,
    )
    if not items:
        drain.due_at = at
        return [drain]
    return [
        drain,
        *open_children(
            session, called, row, instance, element, data, items[: 1 if sequential else None], at=at
        ),
    ]


def _items(element: Element, data: Mapping[str, Any], at: datetime) -> list[Any]:
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
) -> list[jobs.Job]:
    first = row.opened
    row.opened += len(items)
    if row.scope is None:
        _open_work_items(session, row, parent.id, None, element, data, items, first, at)
        return []
    model = called.process.model
    entry = called.process.entry(row.scope)
    ids = _insert_children(session, row, parent, element, model, data, items, first, at)
    if entry is not None:
        _open_work_items(session, row, parent.id, ids, element, data, items, first, at, entry)
        return []
    return [
        jobs.Job(
            kind="children",
            fanout_id=row.id,
            instance_id=parent.id,
            task_id=row.task_id,
            payload=ids[i : i + CHUNK],
            due_at=at,
            created_at=at,
        )
        for i in range(0, len(ids), CHUNK)
    ]


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
) -> None:
    """Work items in bulk: of the parent itself (bare), or each child's first, before the child has a state."""
    task = entry or element
    seen = [child_data(element, data, item, first + i, at) for i, item in enumerate(items)]
    new = [
        {
            "instance_id": parent_id if ids is None else ids[i],
            "task_id": f"{row.id}:{first + i}" if ids is None else None,
            "fanout_id": row.id if ids is None else None,
            "position": first + i if ids is None else None,
            "item": items[i] if ids is None else None,
            **work_items.describe(task, seen[i], at),
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
    assignment.assign_ids(session, pairs, at)
    work_items.show(session, pairs, at)


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
    return _snapshot(blobs.cached(session, digest))


def materialise(runtime: Runtime, session: Session, child: instances.ProcessInstance) -> str:
    """Give a child that nobody has touched yet its state; returns the task that its first work item stands for."""
    row = session.get_one(Fanout, child.fanout_id)
    loaded = runtime.definitions.get(session, row.definition_id)
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
    """A child has ended: one row, which carries what returns to the parent."""
    row = session.get_one(Fanout, child.fanout_id)
    result = _returned(element_of(runtime, session, row), data, at)
    session.add(
        Arrival(fanout_id=row.id, position=child.position, outcome=child.outcome, result=result, at=at)
    )


def arrive_item(
    runtime: Runtime, session: Session, item: work_items.WorkItem, data: Mapping[str, Any], *, at: datetime
) -> None:
    """A bare work item of a fan-out was completed."""
    row = session.get_one(Fanout, item.fanout_id)
    result = _returned(element_of(runtime, session, row), data, at)
    session.add(Arrival(fanout_id=row.id, position=item.position, outcome="completed", result=result, at=at))


def _returned(element: Element, data: Mapping[str, Any], at: datetime) -> Any:
    """What a child returns: its declared output; without a declaration, nothing."""
    loop = element.loop
    if loop is not None:
        return resolve(loop.output, data, at) if loop.output else None
    return {name: resolve(text, data, at) for name, text in element.outputs.items()}


def results(session: Session, row: Fanout, element: Element) -> dict[str, Any]:
    """What the parent gets: the declared list in the order of the collection, or a called process's declared outputs."""
    arrivals = (
        select(Arrival.result)
        .where(Arrival.fanout_id == row.id, Arrival.drained_at.is_not(None))  # more may be arriving right now
        .order_by(Arrival.position)
    )
    if element.loop is not None:
        return {element.loop.outputs: list(session.scalars(arrivals))} if element.loop.outputs else {}
    return dict(session.scalar(arrivals) or {}) if element.outputs else {}


def close(session: Session, row: Fanout, outcome: str, at: datetime) -> None:
    row.closed_at, row.outcome = at, outcome
    if row.arrived < row.total or outcome != "completed":
        _cancel_children(session, row, at)


def cancel(session: Session, fanout_id: int, at: datetime) -> None:
    """The parent's activity was interrupted: everything below ends, in a constant number of statements."""
    row = session.get_one(Fanout, fanout_id)
    if row.closed_at is None:
        row.closed_at, row.outcome = at, "cancelled"
        _cancel_children(session, row, at)


def _cancel_children(session: Session, row: Fanout, at: datetime) -> None:
    parent = session.get_one(instances.ProcessInstance, row.instance_id)
    end_below(session, prefix(parent, row), at, row.id)


def end_below(session: Session, path: str, at: datetime, fanout_id: int = 0) -> None:
    """Cancel all that runs under a path, in a constant number of statements.

    :param fanout_id: the fan-out whose bare items and unborn children end as well; 0 for none
    """
    instance, item, job = instances.ProcessInstance, work_items.WorkItem, jobs.Job
    below = select(instance.id).where(instance.path.startswith(path))
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
        .where(item.closed_at.is_(None), (item.instance_id.in_(below)) | (item.fanout_id == fanout_id))
        .values(closed_at=at, closing="withdrawn", version=item.version + 1)
        .execution_options(**same)
    )
    subscriptions.drop_below(session, below)
    session.execute(
        delete(job)
        .where((job.instance_id.in_(below)) | ((job.fanout_id == fanout_id) & (job.kind == "children")))
        .execution_options(**same)
    )
