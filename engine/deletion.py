"""Deletion: an ended instance and everything below it lose their data, and everybody but administrators loses sight of them.

Gone for good: variables, items and results of fan-outs, drafts, snapshots, messages that nobody has received. Kept, because they are
evidence or belong to others: documents with their signatures and seals, the register of numbers, ledger entries, notices, and the
history, whose chain has no line taken out of it. The rows of instances and work items stay, as what the history speaks of.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete as delete_rows
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from engine import blobs, history, instances, suspension, values
from engine.arrivals import Arrival
from engine.blobs import Blob
from engine.errors import Conflict
from engine.fanout import Fanout
from engine.history import Entry
from engine.instances import ProcessInstance
from engine.messages import Message
from engine.work_items import WorkItem

_NOTHING = values.dumps({"data": {}, "items": []}).encode()


def delete(session: Session, instance_id: int, *, reason: str, by: int, at: datetime) -> ProcessInstance:
    """Delete an ended instance, with everything below it; a constant number of statements.

    :raises Invalid: no reason
    :raises Conflict: it runs, is part of another one, or is deleted already
    """
    reason = suspension.required(reason, "请写明删除的原因。")
    instance = instances.get(session, instance_id, lock=True)
    if instance.deleted_at is not None:
        raise Conflict("deleted", f"“{instance.title}”已经删除。", id=instance_id)
    if instance.parent_id is not None:
        raise Conflict(
            "part-of", f"“{instance.title}”是上级流程的一部分，请删除整个上级流程。", id=instance_id
        )
    if instance.ended_at is None:
        raise Conflict("running", f"“{instance.title}”还没有结束，请先撤销再删除。", id=instance_id)
    instance.state, instance.deleted_at = None, at
    history.append(session, instance.stream, instance, [Entry("deleted", {"reason": reason}, by)], at)
    below = select(ProcessInstance.id).where(ProcessInstance.path.startswith(instance.path))
    fanouts = select(Fanout.id).where(Fanout.instance_id.in_(below))
    snapshots = session.scalars(
        select(Fanout.snapshot_digest).where(Fanout.instance_id.in_(below)).distinct()
    ).all()
    same = {"synchronize_session": False}
    children = (ProcessInstance.id.in_(below), ProcessInstance.id != instance.id)
    session.execute(
        update(ProcessInstance)
        .where(*children)
        .values(state=None, item=None, deleted_at=at, version=ProcessInstance.version + 1)
        .execution_options(**same)
    )
    session.execute(
        update(WorkItem)
        .where(WorkItem.instance_id.in_(below))
        .values(draft=None, item=None, held=None, version=WorkItem.version + 1)
        .execution_options(**same)
    )
    session.execute(
        update(Arrival).where(Arrival.fanout_id.in_(fanouts)).values(result=None).execution_options(**same)
    )
    session.execute(delete_rows(Message).where(Message.instance_id.in_(below)).execution_options(**same))
    if snapshots:
        empty = blobs.put(session, _NOTHING, "application/json", at)
        session.execute(
            update(Fanout)
            .where(Fanout.instance_id.in_(below))
            .values(snapshot_digest=empty, added=None)
            .execution_options(**same)
        )
        used = (
            select(Fanout.id).where(Fanout.snapshot_digest == Blob.digest).exists()
        )  # others may hold equal ones
        session.execute(
            delete_rows(Blob)
            .where(Blob.digest.in_(snapshots), Blob.digest != empty, ~used)
            .execution_options(**same)
        )
    return instance
