"""What a completion may cost: at most ten statements and one commit, beside 3 siblings or 300. Counts, never seconds."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from engine import ProcessEngine
from engine.database import Database
from engine.documents import authority, register, signatures, slots
from engine.documents.handwriting import Handwriting
from engine.documents.signature_lines import Line, insert_signature_lines
from engine.documents.templates import Template
from engine.organisation import delegation
from engine.settings import Settings
from engine.work_items import WorkItem
from tests.bench.ground import Counts, counted
from tests.documents.samples import LETTER, template
from tests.engine.conftest import NOW, World
from tests.engine.drawing import (
    draw,
    each,
    end,
    flow,
    inner_start,
    node,
    ours,
    path,
    service,
    start,
    user,
)
from tests.engine.test_process_engine import FORM

STATEMENTS = 10


def begin(engine: ProcessEngine, xml: bytes, by: int) -> None:
    engine.deploy({"p.bpmn": xml, "a.form.json": FORM})
    engine.start("p", by=by)
    engine.run_jobs()


def item(database: Database, element: str) -> int:
    with database.read() as session:
        query = select(WorkItem.id).where(WorkItem.element_id == element, WorkItem.closed_at.is_(None))
        return session.scalars(query.order_by(WorkItem.id)).first() or 0


def cost(engine: ProcessEngine, item: int, by: int) -> Counts:
    with counted(engine) as counts:
        engine.complete(item, by=by, data={"目标": "深入基层"}, opinion="同意")
    return counts


def assert_cheap(counts: Counts) -> None:
    assert len(counts.statements) <= STATEMENTS, "\n".join(s[:200] for s in counts.statements)
    assert counts.commits == 1


def task(id: str, *more: str, person: str | None, loop: str = "") -> str:
    return user(id, ours("form", ref="a.form.json"), *more, person=person, loop=loop)


def by_post(world: World) -> str:
    return ours("assignment", post="书记", unit=f"={world.branch}", otherwise="副书记")


@pytest.fixture(params=[3, 300])
def siblings(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture(params=["by name", "by post", "in another's place"])
def secretary(request: pytest.FixtureRequest, world: World, database: Database) -> tuple[int, str]:
    """Who acts, and the assignment that lets him."""
    if request.param == "by name":
        return world.branch_secretary, ours("assignment", person=f"={world.branch_secretary}")
    if request.param == "by post":
        return world.branch_secretary, by_post(world)
    with database.write() as session:
        delegation.delegate(
            session,
            from_person_id=world.branch_secretary,
            to_person_id=world.other,
            from_on=date(2026, 1, 1),
            to_on=None,
            reason="出差",
        )
    return world.other, by_post(world)


def test_a_child_of_a_fan_out(
    engine: ProcessEngine, world: World, database: Database, siblings: int, secretary: tuple[int, str]
) -> None:
    """Its first touch, which makes its state; its last, which ends it. The collection is a variable that every child reads."""
    by, assignment = secretary
    inner = (
        inner_start("s2")
        + task("一", assignment, person=None)
        + task("二", assignment, person=None)
        + end("e2")
        + path("s2", "一", "二", "e2")
    )
    collection = f"=for i in 1..{siblings} return {{name: string(i)}}"
    xml = draw(
        "p",
        start(),
        service("名单", "lookup", {"名单": collection}, unit=f"={world.branch}"),
        node("subProcess", "每个", each("=名单", output="=目标", outputs="结果") + inner),
        end(),
        path("start", "名单", "每个", "end"),
    )
    begin(engine, xml, world.member)
    first = item(database, "一")
    assert_cheap(cost(engine, first, by))
    last = item(database, "二")
    assert last
    assert_cheap(cost(engine, last, by))


def test_a_bare_item_of_a_fan_out(
    engine: ProcessEngine, world: World, database: Database, siblings: int, secretary: tuple[int, str]
) -> None:
    by, assignment = secretary
    each_ = each(f"=for i in 1..{siblings} return i", output="=目标", outputs="结果")
    xml = draw(
        "p", start(), task("每个", assignment, person=None, loop=each_), end(), path("start", "每个", "end")
    )
    begin(engine, xml, world.member)
    assert_cheap(cost(engine, item(database, "每个"), by))


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "all"},
        {"kind": "any"},
        {"kind": "ratio", "weight": "项"},
        {"kind": "ratio", "secret": "true"},
    ],
)
def test_a_ballot(
    engine: ProcessEngine, world: World, database: Database, siblings: int, rule: dict[str, str]
) -> None:
    """Beside one other voter, or many."""
    voters = [world.branch_secretary, world.other, world.member, world.clerk, world.deputy, world.secretary]
    voting = ours("vote", field="目标", agree="深入基层", franchise="everyone", **rule)
    loop = each(f"={voters[: min(siblings, len(voters))]}", "项")
    xml = draw("p", start(), task("票", voting, person=None, loop=loop), end(), path("start", "票", "end"))
    begin(engine, xml, world.member)
    with counted(engine) as counts:
        engine.complete(item(database, "票"), by=world.branch_secretary, data={"目标": "深入基层"})
    assert_cheap(counts)


def test_a_task_beside_others_of_its_instance(
    engine: ProcessEngine, world: World, database: Database, secretary: tuple[int, str]
) -> None:
    """Twenty parallel branches: one goes on to its next task, which is opened in the same transaction."""
    by, assignment = secretary
    branches = [f"b{i}" for i in range(20)]
    xml = draw(
        "p",
        start(),
        node("parallelGateway", "g"),
        *(task(b, assignment, person=None) for b in branches),
        *(task(f"{b}_2", assignment, person=None) for b in branches),
        node("parallelGateway", "j"),
        end(),
        flow("start", "g"),
        *(path("g", b, f"{b}_2", "j") for b in branches),
        flow("j", "end"),
    )
    begin(engine, xml, world.member)
    assert_cheap(cost(engine, item(database, "b7"), by))
    assert_cheap(cost(engine, item(database, "b7_2"), by))


def test_a_signature_adds_what_it_stores(
    engine: ProcessEngine, settings: Settings, world: World, database: Database
) -> None:
    """The cryptography has a transaction of its own before; the completion then stores pictures, XML and signature."""
    compiled = Template.load(template("责任书"))
    slot = next(name for kind, name in compiled.slots if kind == "签名")
    base = insert_signature_lines(compiled.fill(LETTER), [Line(slot)])
    shown = {}
    with database.write() as session:
        authority.create_authority(session, name="测试证书机构", passphrase=settings.passphrase, at=NOW)
        for number in range(2):
            document = register.create(
                session, instance_id=None, kind="责任书", title=f"责任书{number}", unit_id=None, template_digest="",
                data={}, base=base, slots=[slots.Slot(slot, "颁发单位")], at=NOW,
            )  # fmt: skip
            shown[document.id] = document.digest
    sign = [
        task(f"签{d}", ours("signature", document=f"={d}", slot=slot), by_post(world), person=None)
        for d in shown
    ]
    xml = draw("p", start(), *sign, end(), path("start", *(f"签{d}" for d in shown), "end"))
    begin(engine, xml, world.member)
    signing = signatures.Signing(
        handwriting=Handwriting([[[10, 10], [200, 60], [40, 90], [220, 20]]]), shown=shown
    )
    for document in shown:  # the first signature also issues the signer's certificate
        with counted(engine) as counts:
            engine.complete(
                item(database, f"签{document}"),
                by=world.branch_secretary,
                data={"目标": "深入基层"},
                signature=signing,
            )
        assert counts.commits == 2
        # Each transaction begins by reading the item; the second is the completion.
        (second,) = (i for i, s in enumerate(counts.statements) if i and s.startswith("SELECT work_item.id"))
        preparing, completing = counts.statements[:second], counts.statements[second:]
        # One more than others where the next item is for a post and shows a document: pictures, lock and signature are three.
        assert len(completing) <= STATEMENTS, "\n".join(s[:200] for s in completing)
    assert (
        len(preparing) <= STATEMENTS and sum(not s.startswith("SELECT") for s in preparing) == 1
    )  # the files
