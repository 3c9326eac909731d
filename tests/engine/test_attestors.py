"""Those who may hand in another's signature on paper, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from engine import Handwriting, Invalid, NotAllowed, ProcessEngine, Signing, assignment
from engine.database import Database
from engine.documents import register, slots
from engine.documents.signature_lines import Line, insert_signature_lines
from engine.documents.templates import Template
from engine.organisation import delegation, posts
from tests.bench.ground import counted
from tests.documents.samples import LETTER, template
from tests.engine.conftest import NOW, World
from tests.engine.drawing import draw, end, ours, path, start, user

TODAY = date(2026, 3, 5)
SINCE = date(2026, 1, 1)


@dataclass
class Desk:
    """An open item: the committee's secretary, otherwise its deputy, signs; its clerk may hand in the paper."""

    item: int
    instance: int
    signing: Signing


def opened(
    engine: ProcessEngine,
    database: Database,
    world: World,
    *,
    exclude: int | None = None,
    attestors: str = "党务干事 委员",
    allow: str = "",
) -> Desk:
    compiled = Template.load(template("责任书"))
    slot = next(name for kind, name in compiled.slots if kind == "签名")
    base = insert_signature_lines(compiled.fill(LETTER), [Line(slot)])
    with database.write() as session:
        document = register.create(
            session, instance_id=None, kind="责任书", title="责任书", unit_id=None, template_digest="", data={},
            base=base, slots=[slots.Slot(slot, "颁发单位")], at=NOW,
        )  # fmt: skip
        signing = Signing(way="纸质", scan=b"%PDF-1.7", shown={document.id: document.digest})
        number = document.id
    task = user(
        "签",
        ours(
            "assignment",
            post="书记",
            unit=f"={world.committee}",
            otherwise="副书记",
            exclude=f"=[{exclude or ''}]",
        ),
        ours("signature", document=f"={number}", slot=slot, attestors=attestors),
        ours("result", variable="签发"),
        *([ours("operations", allow=allow)] if allow else []),
        person=None,
    )
    xml = draw("p", start(), task, user("后"), end(), path("start", "签", "后", "end"))
    engine.deploy({"p.bpmn": xml})
    instance = engine.start("p", by=world.member).id
    with database.read() as session:
        found = session.scalar(select(func.max(assignment.Candidate.work_item_id)))
        assert found is not None
    return Desk(found, instance, signing)


@pytest.fixture
def desk(engine: ProcessEngine, database: Database, world: World) -> Desk:
    return opened(engine, database, world)


def leave(session: Session, unit: int, post: str) -> None:
    for holding in posts.holders(session, unit, post, TODAY):
        posts.leave(session, holding.id, on=TODAY)


def able(database: Database, desk: Desk, person: int) -> tuple[bool, bool] | None:
    """Whether he attests, and whether he sees to a vacancy."""
    with database.read() as session:
        found = assignment.eligibility(session, desk.item, person, TODAY)
        return None if found is None else (found.attests, found.vacancy)


def marks(engine: ProcessEngine, person: int) -> list[tuple[bool, bool]]:
    return [(row.attests, row.vacancy) for row in engine.inbox(by=person)]


def test_a_clerk_attests_and_stands_before_nobody(
    engine: ProcessEngine, database: Database, world: World, desk: Desk
) -> None:
    assert able(database, desk, world.secretary) == (False, False)
    assert able(database, desk, world.clerk) == (True, False)
    assert able(database, desk, world.deputy) is None
    assert marks(engine, world.clerk) == [(True, False)] and marks(engine, world.secretary) == [
        (False, False)
    ]
    view = engine.work_item(desk.item, by=world.clerk)
    assert [one.person_id for one in view.signers] == [world.secretary]
    assert {who.id for _, who, _ in view.candidates if who} == {world.secretary, world.deputy, world.clerk}
    with database.write() as session:
        leave(session, world.committee, "书记")
    assert able(database, desk, world.deputy) == (False, False)
    assert [one.person_id for one in engine.work_item(desk.item, by=world.clerk).signers] == [world.deputy]


def test_the_next_post_attests_where_nobody_holds_the_former(
    database: Database, world: World, desk: Desk
) -> None:
    with database.write() as session:
        posts.appoint(session, world.committee, "委员", world.other, from_on=SINCE)
    assert able(database, desk, world.other) is None
    with database.write() as session:
        leave(session, world.committee, "党务干事")
    assert able(database, desk, world.other) == (True, False)


def test_a_vacancy_goes_to_its_caretaker_all_the_same(
    database: Database, engine: ProcessEngine, world: World, desk: Desk
) -> None:
    """The committee has none above it: its own clerk is the caretaker, which is more than attesting."""
    with database.write() as session:
        posts.appoint(session, world.committee, "委员", world.other, from_on=SINCE)
        leave(session, world.committee, "书记")
        leave(session, world.committee, "副书记")
    assert able(database, desk, world.clerk) == (False, True)
    assert marks(engine, world.clerk) == [(False, True)]
    with database.read() as session:
        assert assignment.signers(session, desk.item, TODAY) == []


def test_who_sees_to_a_vacancy_lets_nobody_sign_for_it(
    engine: ProcessEngine, database: Database, world: World
) -> None:
    desk = opened(engine, database, world, allow="transfer")
    assert "transfer" in {one.name for one in engine.operations_for(desk.item, by=world.secretary)}
    with database.write() as session:
        leave(session, world.committee, "书记")
        leave(session, world.committee, "副书记")
    assert able(database, desk, world.clerk) == (False, True)
    assert "transfer" not in {one.name for one in engine.operations_for(desk.item, by=world.clerk)}
    with pytest.raises(NotAllowed) as refused:
        engine.transfer(desk.item, by=world.clerk, to=world.other, reason="请你签")
    assert refused.value.code == "vacancy"
    assert able(database, desk, world.other) is None


def test_who_stands_on_the_other_side_neither_signs_nor_attests(
    engine: ProcessEngine, database: Database, world: World
) -> None:
    desk = opened(engine, database, world, exclude=world.secretary)
    with pytest.raises(Invalid) as refused:
        engine.complete(desk.item, by=world.clerk, signature=replace(desk.signing, signer=world.secretary))
    assert set(refused.value.errors) == {"_signer"}
    desk = opened(engine, database, world, exclude=world.clerk)
    assert able(database, desk, world.clerk) is None


def test_only_a_signature_on_paper_of_an_eligible_signer_is_taken(
    engine: ProcessEngine, world: World, desk: Desk
) -> None:
    paper = replace(desk.signing, signer=world.secretary)

    def complete(signing: Signing | None) -> None:
        engine.complete(desk.item, by=world.clerk, signature=signing)

    drawn = Handwriting([[[10, 10], [200, 60], [40, 90], [220, 20]]])
    with pytest.raises(NotAllowed) as refused:
        complete(replace(paper, way="电子", scan=None, handwriting=drawn))
    assert refused.value.code == "attests-only"
    with pytest.raises(NotAllowed):
        engine.claim(desk.item, by=world.clerk)
    for signing, field in (
        (None, "_signature"),
        (replace(paper, outcome="拒签", reason="不同意"), "_outcome"),
        (replace(paper, scan=None), "_scan"),
        (replace(paper, signer=None), "_signer"),
        (replace(paper, signer=world.clerk), "_signer"),
        (replace(paper, signer=world.deputy), "_signer"),
        (replace(paper, signer=10**6), "_signer"),
    ):
        with pytest.raises(Invalid) as invalid:
            complete(signing)
        assert set(invalid.value.errors) == {field}, signing
    with pytest.raises(Invalid) as invalid:  # whoever may sign himself signs for nobody else
        engine.complete(desk.item, by=world.secretary, signature=replace(paper, signer=world.deputy))
    assert set(invalid.value.errors) == {"_signer"}
    assert engine.work_item(desk.item, by=world.secretary).item.closed_at is None


def test_the_signer_signed_and_the_clerk_attests(
    engine: ProcessEngine, database: Database, world: World, desk: Desk
) -> None:
    with counted(engine) as counts:
        engine.complete(desk.item, by=world.clerk, signature=replace(desk.signing, signer=world.secretary))
    assert counts.commits == 2
    (second,) = (i for i, s in enumerate(counts.statements) if i and s.startswith("SELECT work_item.id"))
    assert len(counts.statements[second:]) <= 10, "\n".join(s[:200] for s in counts.statements[second:])
    with database.read() as session:
        (signature,) = session.scalars(select(slots.Signature))
    assert (signature.person_id, signature.signer, signature.attested_by_id) == (
        world.secretary,
        "许长林",
        world.clerk,
    )
    assert signature.capacity == "中共云岭市林业局委员会书记"
    assert (signature.outcome, signature.way, signature.is_electronic) == ("已签", "纸质", False)
    (after,) = engine.inbox(by=world.member)
    assert after.item is not None
    result = engine.work_item(after.item.id, by=world.member).data["签发"]
    assert result["操作人"] == {"person": world.secretary, "name": "许长林"}
    assert result["经办人"] == {"person": world.clerk, "name": "纪文静"}
    assert result["职务"] == signature.capacity
    (done,) = (e for e in engine.timeline(desk.instance, by=world.clerk) if e.code == "completed")
    assert (done.person_id, done.payload["signer"]) == (
        world.clerk,
        {"person": world.secretary, "name": "许长林"},
    )


def test_paper_that_is_taken_back_leaves_the_item_to_the_signer(
    engine: ProcessEngine, world: World, desk: Desk
) -> None:
    engine.complete(desk.item, by=world.clerk, signature=replace(desk.signing, signer=world.secretary))
    (again,) = engine.withdraw(desk.item, by=world.clerk).opened
    assert again.owner_id is None
    assert [row.item.id for row in engine.inbox(by=world.secretary) if row.item] == [again.id]
    engine.claim(again.id, by=world.secretary)


def test_a_deputy_by_delegation_signs_on_paper_too(
    engine: ProcessEngine, database: Database, world: World, desk: Desk
) -> None:
    with database.write() as session:
        delegation.delegate(
            session,
            from_person_id=world.secretary,
            to_person_id=world.other,
            from_on=SINCE,
            to_on=None,
            reason="出差",
        )
    view = engine.work_item(desk.item, by=world.clerk)
    assert [one.person_id for one in view.signers] == [world.secretary, world.other]
    engine.complete(desk.item, by=world.clerk, signature=replace(desk.signing, signer=world.other))
    with database.read() as session:
        (signature,) = session.scalars(select(slots.Signature))
    assert (signature.signer, signature.capacity) == ("丁一凡", "中共云岭市林业局委员会书记（代）")


def test_posts_that_attest_need_an_assignment_by_post(engine: ProcessEngine, world: World) -> None:
    def findings(*assignment: str, attestors: str) -> list[str]:
        task = user(
            "签", *assignment, ours("signature", document="=1", slot="a", attestors=attestors), person=None
        )
        return [
            f.message
            for f in engine.lint({"p.bpmn": draw("p", start(), task, end(), path("start", "签", "end"))})
        ]

    by_post = ours("assignment", post="书记", unit=f"={world.committee}")
    assert findings(by_post, attestors="党务干事 委员") == []
    assert any("干部" in message for message in findings(by_post, attestors="干部"))
    assert any(
        "按职务" in m for m in findings(ours("assignment", person="=initiator.person"), attestors="党务干事")
    )
