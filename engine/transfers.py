"""Transfers 转办: an open work item becomes another person's. His completion advances it; who gave it away may go on reading."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Select, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine import assignment, claims
from engine.claims import Act
from engine.database import Table, UtcDateTime
from engine.errors import Conflict, Invalid, NotAllowed
from engine.organisation import people
from engine.runtime import Runtime
from engine.work_items import WorkItem


class Transfer(Table):
    """One handing over of a work item, append-only."""

    __tablename__ = "transfer"
    __table_args__ = (
        Index("ix_transfer_work_item", "work_item_id"),
        Index("ix_transfer_from", "from_person_id", "work_item_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    work_item_id: Mapped[int] = mapped_column(ForeignKey("work_item.id"))
    from_person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    to_person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(String(500))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


def transfer(
    runtime: Runtime, session: Session, work_item_id: int, *, to: int, reason: str, by: int, at: datetime
) -> WorkItem:
    """Give the item to another person, before whom nobody stands any more.

    :raises Invalid: no reason, to oneself, or to a person whom the diagram excludes
    :raises NotAllowed: not his item, the diagram does not permit it, or as ``require_transferable``
    :raises Conflict: closed, asleep, or held by somebody else
    """
    act = claims.act_on(runtime, session, work_item_id, "transfer", by, at)
    if act.element.vote is not None:
        raise Conflict("ballot", "表决权不能转给他人；确实不能参加的，请按流程规定委托代理或请假。")
    require_transferable(act)
    reason = claims.require_text(reason, "reason", "请写明转办理由。")
    person = people.get(session, to)
    if to == by:
        raise Invalid("to-oneself", "不能转办给自己，请选另一个人。", {"to": "请选另一个人。"})
    claims.require_not_excluded(runtime, session, act, [person], "to", at)
    assignment.put_first(session, act.item.id, to)
    session.add(Transfer(work_item_id=act.item.id, from_person_id=by, to_person_id=to, reason=reason, at=at))
    act.item.owner_id = act.item.claimed_at = None
    act.log(session, "transferred", at, to=[claims.named(person)], reason=reason)
    return act.item


def require_transferable(act: Act) -> None:
    """:raises NotAllowed: a signature for a vacant post: who sees to it may not give it himself, and names nobody who may"""
    if act.eligibility.vacancy and act.element.signature is not None:
        sentence = "岗位空缺，您只是代为处理，不能把签署转给别人；请等任命后由新任职人员签署。"
        raise NotAllowed("vacancy", sentence, id=act.item.id)


def given_away_by(person_id: int) -> Select[int]:
    """The ids of the items that a person has given away."""
    return select(Transfer.work_item_id).where(Transfer.from_person_id == person_id)
