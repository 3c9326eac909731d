"""A preview says what then happens, for random shapes and at random moments."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from engine import Conflict, NotExecutable, ProcessEngine
from engine.database import Database
from engine.effects import Effects
from engine.instances import ProcessInstance
from engine.jobs import Job
from engine.work_items import WorkItem
from tests.engine.conftest import World
from tests.engine.drawing import boundary, draw, each, end, flow, inner_start, node, start, timer, user
from tests.engine.test_operations_back import make_admin

#: a block: a task, a task with a timer, several at once, or several blocks in a row, side by side, in a sub-process or in a fan-out
Block = tuple[str, tuple["Block", ...]]
LEAVES = st.sampled_from(["task", "timed", "several"]).map(lambda kind: (kind, ()))
BLOCKS: st.SearchStrategy[Block] = st.recursive(
    LEAVES,
    lambda inner: st.tuples(
        st.sampled_from(["row", "beside", "sub", "each"]), st.lists(inner, min_size=1, max_size=3).map(tuple)
    ),
    max_leaves=6,
)


class Drawing:
    """Turns blocks into elements and flows."""

    def __init__(self, several: str) -> None:
        self.numbers = count(1)
        self.several = several

    def draw(self, block: Block) -> tuple[str, str, str]:
        """The XML, and the ids of the first and the last element."""
        kind, inner = block
        name = f"{kind}{next(self.numbers)}"
        if kind == "task":
            return user(name), name, name
        if kind == "several":
            return user(name, loop=each(self.several, item="谁")), name, name
        if kind == "timed":
            late = boundary(f"{name}t", name, timer("timeDuration", "P3D"), interrupting=False)
            return user(name) + late + end(f"{name}e") + flow(f"{name}t", f"{name}e"), name, name
        if kind == "beside":
            gate = node("parallelGateway", f"{name}f") + node("parallelGateway", f"{name}j")
            for xml, first, last in map(self.draw, inner):
                gate += xml + flow(f"{name}f", first) + flow(last, f"{name}j")
            return gate, f"{name}f", f"{name}j"
        xml, first, last = self.draw(inner[0])
        for one in inner[1:]:
            more, begins, ends = self.draw(one)
            xml, last = xml + more + flow(last, begins), ends
        if kind == "row":
            return xml, first, last
        body = (
            inner_start(f"{name}s") + xml + end(f"{name}e") + flow(f"{name}s", first) + flow(last, f"{name}e")
        )
        loop = each(self.several, item="谁") if kind == "each" else ""
        return node("subProcess", name, loop + body), name, name


@dataclass(frozen=True)
class Standing:
    """What is open below an instance, itself among it."""

    items: frozenset[int]
    children: frozenset[int]
    timers: frozenset[str | None]


def standing(database: Database, instance: int) -> Standing:
    with database.read() as session:
        path = session.get_one(ProcessInstance, instance).path
        below = select(ProcessInstance.id).where(ProcessInstance.path.startswith(path))
        live = below.where(ProcessInstance.ended_at.is_(None), ProcessInstance.id != instance)
        return Standing(
            frozenset(
                session.scalars(
                    select(WorkItem.id).where(WorkItem.instance_id.in_(below), WorkItem.closed_at.is_(None))
                )
            ),
            frozenset(session.scalars(live)),
            # by token: SQLite gives the id of a deleted job to the next one
            frozenset(
                session.scalars(select(Job.task_id).where(Job.instance_id.in_(below), Job.kind == "timer"))
            ),
        )


def agrees(before: Standing, after: Standing, said: Effects, own: set[int]) -> None:
    assert before.items - after.items - own == {one.work_item_id for one in said.items}
    assert len(before.children - after.children) == said.children
    assert len(before.timers - after.timers) == said.timers


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(blocks=st.lists(BLOCKS, min_size=1, max_size=3), data=st.data())
def test_a_preview_says_what_then_happens(
    engine: ProcessEngine, world: World, database: Database, blocks: list[Block], data: st.DataObject
) -> None:
    me = world.member
    if not engine.accounts(by=None):
        make_admin(database, me)
    xml, first, last = Drawing(f"=[{me}, {me}]").draw(("row", tuple(blocks)))
    engine.deploy({"p.bpmn": draw("p", start(), xml, end(), flow("start", first), flow(last, "end"))})
    instance = engine.start("p", by=me).id
    engine.run_jobs()
    done: list[int] = []
    jumped = False
    for _ in range(data.draw(st.integers(2, 10), label="steps")):
        before = standing(database, instance)
        if not before.items:
            break
        item = data.draw(st.sampled_from(sorted(before.items)), label="item")
        act = data.draw(st.sampled_from(["complete", "complete", "reject", "withdraw", "jump"]), label="act")
        if act == "complete":
            engine.complete(item, by=me)
            done.append(item)
        elif act == "reject":
            offer = next((one for one in engine.operations_for(item, by=me) if one.name == "reject"), None)
            if offer is None:  # the initiator himself has it
                continue
            to = data.draw(st.sampled_from(offer.targets), label="target").key
            direct = to != "initiator" and data.draw(st.booleans(), label="direct")
            said = engine.preview_reject(item, by=me, to=to, direct=direct)
            assert standing(database, instance) == before  # it was only a look
            assert engine.reject(item, by=me, opinion="不妥", to=to, direct=direct).effects == said
            agrees(before, standing(database, instance), said, {item})
        elif act == "withdraw" and done:
            item = data.draw(st.sampled_from(done), label="taken back")
            try:
                said = engine.preview_withdraw(item, by=me)
            except Conflict:
                assert "withdraw" not in [one.name for one in engine.operations_for(item, by=me)]
                continue
            assert engine.withdraw(item, by=me).effects == said
            agrees(before, standing(database, instance), said, set())
        elif act == "jump":
            tokens, places = engine.jump_places(instance, by=me)
            to = data.draw(st.sampled_from([one.element_id for one in places]), label="place")
            chosen = [data.draw(st.sampled_from([one.task_id or "" for one in tokens]), label="token")]
            try:
                said = engine.preview_jump(instance, by=me, to=to, tokens=chosen)
            except NotExecutable:
                continue
            assert engine.jump(instance, by=me, to=to, reason="试", tokens=chosen).effects == said
            agrees(before, standing(database, instance), said, set())
            jumped = True
        engine.run_jobs()
    while not jumped and (items := standing(database, instance).items):
        engine.complete(min(items), by=me)
        engine.run_jobs()
    assert jumped or engine.instance(instance, by=me).instance.outcome == "completed"  # no token was lost
    assert engine.verify_history() == []
