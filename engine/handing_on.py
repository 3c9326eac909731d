"""Handing on: what a work item's results do once nothing holds them back, and the variables that the item is shown with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from engine import fanout, history, stepping, votes
from engine.bpmn.execution import Complete
from engine.deployments import Loaded
from engine.history import Entry
from engine.instances import ProcessInstance
from engine.runtime import Runtime
from engine.work_items import WorkItem


def hand_on(
    runtime: Runtime,
    session: Session,
    instance: ProcessInstance,
    item: WorkItem,
    results: Mapping[str, Any],
    entries: Sequence[Entry],
    *,
    at: datetime,
) -> bool:
    """Move the item's token, or let a bare item arrive; True when its instance has come to its end.

    :raises NotExecutable: the token cannot go on
    """
    if item.fanout_id is not None:
        loaded = runtime.definitions.get(session, instance.definition_id)
        before = variables(runtime, session, loaded, instance, item)
        history.append(session, item.stream, item, entries, at)
        tally = votes.cast(runtime, session, item, results)
        fanout.arrive_item(runtime, session, item, {**before, **results}, at=at, tally=tally)
        session.flush()
        return False
    with session.no_autoflush:  # the instance's row is written once, at the end
        action = Complete(task_of(runtime, session, instance, item), dict(results))
        return stepping.advance(runtime, session, instance, action, entries, at=at).ended


def task_of(runtime: Runtime, session: Session, instance: ProcessInstance, item: WorkItem) -> str:
    """The item's token; makes the state of a child at its first touch."""
    if instance.state is None:
        item.task_id = fanout.materialise(runtime, session, instance)
    assert item.task_id is not None
    return item.task_id


def variables(
    runtime: Runtime, session: Session, loaded: Loaded, instance: ProcessInstance, item: WorkItem
) -> dict[str, Any]:
    """The variables that an item's form and documents are shown with; changes nothing."""
    if instance.deleted_at is not None:
        return {}
    if item.fanout_id is not None:
        row = session.get_one(fanout.Fanout, item.fanout_id)
        data = fanout.snapshot(session, row.snapshot_digest)["data"]
        return fanout.child_data(
            fanout.element_of(runtime, session, row), data, item.item, item.position or 0, row.opened_at
        )
    if instance.state is None:
        given, own = fanout.layers(runtime, session, instance)
        return {**given, **own}
    if item.closed_at is not None or item.task_id is None:
        return stepping.variables(runtime, session, instance)
    return stepping.tokens(runtime, session, instance).get(item.task_id, {})
