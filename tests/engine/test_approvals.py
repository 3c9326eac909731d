"""What a service task signs or seals by is an act that somebody did in the process, not what a diagram says of one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from engine import ProcessEngine, SettableClock
from engine.database import Database
from engine.documents import register, seals
from engine.documents.slots import Slot
from engine.jobs import Job
from engine.settings import Settings
from tests.documents import signers
from tests.engine.conftest import NOW, World
from tests.engine.drawing import draw, end, ours, path, service, start, user

SLOTS = [Slot("issuer", "颁发单位", "书记"), Slot("seal", "颁发单位", kind="印章")]


@pytest.fixture
def letter(database: Database, world: World) -> int:
    with database.write() as session:
        seals.grant_demo(session, unit_id=world.committee, name="中共云岭市林业局委员会", at=NOW)
        return register.create(
            session,
            instance_id=None,
            kind="责任书",
            title="责任书",
            unit_id=world.committee,
            template_digest="",
            data={},
            base=signers.letter(),
            slots=SLOTS,
            at=NOW,
        ).id


#: what a designer writes in the place of the secretary's consent, who never saw the letter
CONSENT = '{person: WHO, name: "许长林", capacity: "书记", outcome: "已签", way: "电子", reason: null, at: 送出.时间}'
FORGED = {
    "nobody's": f'{{操作人: {{person: WHO}}, 时间: now(), 结果: "已签", 方式: "电子", 签名: {CONSENT}}}',
    "another's": f'context merge([送出, {{操作人: {{person: WHO}}, 结果: "已签", 方式: "电子", 签名: {CONSENT}}}])',
    "never signed": f"context merge([送出, {{签名: {CONSENT}}}])",
}


@pytest.mark.parametrize(
    ("operation", "forged"),
    [
        ("seal", "nobody's"),
        ("seal", "another's"),
        ("sign", "nobody's"),
        ("sign", "another's"),
        ("sign", "never signed"),
    ],
)
def test_a_diagram_makes_no_approval(
    operation: str,
    forged: str,
    fresh: Callable[[], ProcessEngine],
    database: Database,
    world: World,
    letter: int,
    clock: SettableClock,
    settings: Settings,
) -> None:
    engine = fresh()
    engine.create_authority()
    value = "=" + FORGED[forged].replace("WHO", str(world.secretary))
    given = {"documents": f"={letter}", "authorization": value}
    given |= (
        {"slot": '="seal"', "unit": f"={world.committee}"} if operation == "seal" else {"slot": '="issuer"'}
    )
    xml = draw("p", start(), user("t", ours("result", variable="送出")), service("s", operation, **given), end(),
               path("start", "t", "s", "end"))  # fmt: skip
    engine.deploy({"p.bpmn": xml})
    engine.start("p", by=world.member)
    (item,) = engine.inbox(by=world.member)
    engine.complete(item.item.id, by=world.member)
    clock.set(NOW + timedelta(hours=1))
    engine.run_jobs()
    with database.read() as session:
        assert all(slot.signature is None for slot in register.get(session, letter).slots)
        failed = session.scalars(select(Job.last_error).where(Job.last_error.is_not(None))).all()
        assert len(failed) == 1 and ("不能据此签署" in failed[0]), failed
        assert not seals.latest_uses(session, limit=1)
