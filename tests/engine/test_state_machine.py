"""Random acts on random processes, against a model of their tokens (``tests.engine.shapes``).

Once on the bare kernel, through its text between every two steps; once on an engine that is started anew between every two steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, event, given
from hypothesis import settings as limits
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from engine import Conflict, NotAllowed, ProcessEngine, SettableClock, Settings
from engine.bpmn.execution import Complete, Fire, Process, Receive, Reopen, Step
from engine.database import Database
from engine.errors import NotExecutable
from engine.history import Event
from engine.instances import ProcessInstance
from engine.jobs import Job
from engine.organisation import accounts
from engine.subscriptions import Subscription
from engine.work_items import WorkItem
from tests.engine.conftest import World
from tests.engine.shapes import FORM, KINDS, VARIABLES, Block, Game, Leaf, Line, Task, blocks, diagram
from tests.engine.test_steps import CONTEXT, NOW

values = st.fixed_dictionaries({}, optional={one: st.booleans() for one in VARIABLES})


class Kernel:
    """An instance in the bare kernel: what waits in it, by task id."""

    def __init__(self, block: Block, first: dict[str, bool]) -> None:
        self.process = Process.compile(diagram("p", block))
        self.waiting: dict[str, str] = {}
        self._note(self.process.start("p", {**first, "unit": {"id": 1}}, CONTEXT))

    def _note(self, step: Step) -> None:
        self.step = step
        for gone in (*step.cancelled, *step.unscheduled, *step.unsubscribed):
            self.waiting.pop(gone, None)
        for one in (*step.opened, *step.scheduled, *step.subscribed):
            self.waiting[one.task_id] = one.element.id

    def do(self, action: Any, acted: str | None = None) -> None:
        step = self.process.advance("p", self.step.state, action, replace(CONTEXT, now=NOW))
        self.waiting.pop(acted or "", None)
        self._note(step)

    def act(self, leaf: Leaf, written: dict[str, bool]) -> tuple[str, str]:
        task = next(id for id, element in self.waiting.items() if element == leaf.element)
        kinds = {
            "task": Complete(task, written),
            "many": Complete(task, written),
            "timer": Fire(task),
            "message": Receive(task),
        }
        self.do(kinds[leaf.kind], task)
        return leaf.element, task


def agree(kernel: Kernel, game: Game) -> None:
    assert Counter(kernel.waiting.values()) == Counter(leaf.element for leaf in game.standing(*KINDS))
    assert kernel.step.ended == game.ended
    looked = {e for e in kernel.process.elements_of("p", kernel.step.state).values() if e == "open"}
    assert bool(looked) != game.ended


@limits(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_the_kernel_does_what_the_model_does_and_always_ends(data: st.DataObject) -> None:
    block = data.draw(blocks)
    first = {one: data.draw(st.booleans()) for one in VARIABLES}
    kernel, game = Kernel(block, first), Game(block, dict(first), whole=True)
    agree(kernel, game)
    for _ in range(data.draw(st.integers(0, 25))):
        if game.ended:
            return
        leaf = data.draw(st.sampled_from(game.standing(*KINDS)))
        written = data.draw(values) if leaf.kind in ("task", "many") else {}
        done = kernel.act(leaf, written)
        game.act(leaf, written)
        agree(kernel, game)
        if leaf.kind in ("task", "many") and not game.ended and data.draw(st.booleans()):
            try:
                kernel.do(Reopen(*done))
            except NotExecutable as nothing:
                assert nothing.code == "nothing-to-undo"
            else:
                game = game.undone()
            agree(kernel, game)
    no = dict.fromkeys(VARIABLES, False)
    for _ in range(200):  # every loop ends now: the process does
        if game.ended:
            return
        leaf = game.standing(*KINDS)[0]
        kernel.act(leaf, no if leaf.kind in ("task", "many") else {})
        game.act(leaf, no if leaf.kind in ("task", "many") else {})
        agree(kernel, game)
    raise AssertionError("it does not end")


class Office(RuleBasedStateMachine):
    """One instance after the other in one database, by an engine that starts anew after each act.

    :cvar fresh: a new engine object on the same database
    """

    fresh: ClassVar[Callable[[], ProcessEngine]]
    clock: ClassVar[SettableClock]
    people: ClassVar[Sequence[int]]
    admin: ClassVar[int]
    number: ClassVar[int] = 0
    engine: ClassVar[ProcessEngine]

    @initialize(block=blocks)
    def begin(self, block: Block) -> None:
        block = Line((Task(), block))  # its completion says which variables are true
        here = type(self)
        if here.number % 20 == 0:
            here.engine = self.fresh()
        here.number += 1
        self.key = f"p{here.number}"
        self.engine.deploy({"a.form.json": FORM, "p.bpmn": diagram(self.key, block, f"={list(self.people)}")})
        self.began = self.clock.now()
        self.instance = self.engine.start(self.key, by=self.people[0]).id
        self.game = Game(block, dict.fromkeys(VARIABLES, False))
        self.owners: dict[int, int] = {}
        self.able: dict[int, int] = {}  # what is done again by whoever did it, 转办 by the other
        self.handed_on: set[int] = set()  # 转办: nobody else may
        self.closed: list[int] = []
        self.cancelled = False
        self.last: tuple[int, int] | None = None
        self.fresh_items: set[int] = set()
        self._settle()

    def _settle(self) -> None:
        """What there is to do is done; then everything that was in memory is gone, but for the connections."""
        self.engine.run_jobs()
        anew = ProcessEngine(self.engine.settings, self.clock)
        anew._runtime = replace(anew._runtime, database=self.engine._runtime.database)
        type(self).engine = anew

    def _rows(self, query: Any) -> list[Any]:
        with self.engine._runtime.database.read() as session:
            below = select(ProcessInstance.id).where(ProcessInstance.path.startswith(f"/{self.instance}/"))
            return list(session.execute(query(below)).all())

    def _open(self) -> dict[int, str]:
        """Work item -> element."""
        found = self._rows(
            lambda below: (
                select(WorkItem.id, WorkItem.element_id)
                .where(WorkItem.instance_id.in_(below), WorkItem.closed_at.is_(None))
                .order_by(WorkItem.id)
            )
        )
        return dict(found)

    @property
    def running(self) -> bool:
        return not (self.game.ended or self.cancelled)

    def _able(self, item: int) -> int:
        return self.owners.get(item) or self.able.get(item) or self.people[item % len(self.people)]

    # acts

    @precondition(lambda self: self.running and self.game.standing("task", "many"))
    @rule(data=st.data(), written=st.fixed_dictionaries({one: st.booleans() for one in VARIABLES}))
    def complete(self, data: st.DataObject, written: dict[str, bool]) -> None:
        open_ = self._open()
        item = data.draw(st.sampled_from(sorted(open_)))
        leaf = next(one for one in self.game.standing("task", "many") if one.element == open_[item])
        by = self._able(item)
        self.engine.complete(item, by=by, data=written)
        self.game.act(leaf, {} if leaf.kind == "many" else written)  # a child's variables are its own
        self.closed.append(item)
        self.last = (item, by) if leaf.kind == "task" else None
        self._settle()
        self.fresh_items = set(self._open()) - set(open_)

    @precondition(lambda self: self.running and self.game.standing("timer"))
    @rule()
    def time_goes_by(self) -> None:
        due, *others = sorted(self.game.standing("timer"), key=lambda leaf: leaf.due)
        if others and others[0].due == due.due:
            return
        self.clock.set(self.began + timedelta(seconds=due.due - 1))
        self._settle()
        self.agree()
        self.clock.set(self.began + timedelta(seconds=due.due))
        self.game.act(due, now=due.due)
        self.last = None
        self._settle()

    @precondition(lambda self: self.running and self.game.standing("message"))
    @rule(data=st.data())
    def message(self, data: st.DataObject) -> None:
        leaf = data.draw(st.sampled_from(self.game.standing("message")))
        place = leaf.element.removesuffix("m")
        self.engine.send_message(f"{self.key} {place}msg", by=self.admin)
        self.game.act(leaf)
        self.last = None
        self._settle()

    @precondition(lambda self: self.running and self.last is not None)
    @rule(rejecting=st.booleans())
    def take_back(self, rejecting: bool) -> None:
        """撤回 by whoever did the last task, or 驳回 to it from a task that it has opened."""
        assert self.last is not None
        (item, by), self.last = self.last, None
        before = self._open()
        ((element,),) = self._rows(lambda _: select(WorkItem.element_id).where(WorkItem.id == item))
        if rejecting:
            if not self.fresh_items:
                return
            new = min(self.fresh_items)
            offers = [o for o in self.engine.operations_for(new, by=self._able(new)) if o.name == "reject"]
            keys = [one.key for offer in offers for one in offer.targets if one.element_id == element]
            if not keys:
                event("not to be rejected")
                return
            self.engine.reject(new, by=self._able(new), opinion="重办", to=keys[0])
            self.closed.append(new)
        else:
            try:
                self.engine.withdraw(item, by=by)
            except Conflict:
                event("not to be withdrawn")
                return
        event("rejected" if rejecting else "withdrawn")
        self.game = self.game.undone()
        self._settle()
        again = {id: by for id, name in self._open().items() if name == element and id not in before}
        self.able |= again
        self.owners |= again

    @precondition(lambda self: self.running)
    @rule(
        data=st.data(),
        what=st.sampled_from(["claim", "release", "draft", "transfer", "again", "again", "still", "cancel"]),
    )
    def aside(self, data: st.DataObject, what: str) -> None:
        """What moves no token forward."""
        open_ = sorted(self._open())
        if what == "again" and self.closed:
            item = data.draw(st.sampled_from(self.closed))
            with pytest.raises((Conflict, NotAllowed)):
                self.engine.complete(item, by=self._able(item), data=dict.fromkeys(VARIABLES, True))
        elif what == "still" and self.closed:
            self._stand_still()
        elif what == "cancel" and len(self.closed) > 2:
            self.engine.cancel(self.instance, reason="不办了", by=self.people[0])
            self.cancelled = True
        elif what in ("claim", "release", "draft", "transfer") and open_:
            self._hold(data.draw(st.sampled_from(open_)), what)

    def _hold(self, item: int, what: str) -> None:
        by = self._able(item)
        other = next(one for one in self.people if one != by)
        if what == "claim":
            self.engine.claim(item, by=by)
            self.owners[item] = by
        elif what == "draft":
            self.engine.save_draft(item, by=by, data={"甲": True})
            assert self.engine.work_item(item, by=by).draft == {"甲": True}
        elif what == "transfer":
            self.engine.transfer(item, by=by, to=other, reason="出差")
            self.owners.pop(item, None)
            self.able[item] = other
            self.handed_on.add(item)
        elif item in self.owners:
            self.engine.release(item, by=by)
            del self.owners[item]
        else:
            with pytest.raises(Conflict):
                self.engine.release(item, by=by)
        if item in {*self.owners, *self.handed_on}:
            stranger = next(one for one in self.people if one != self._able(item))
            with pytest.raises((Conflict, NotAllowed)):
                self.engine.complete(item, by=stranger)

    def _stand_still(self) -> None:
        self.engine.suspend(self.instance, reason="核查", by=self.admin)
        self._settle()
        self.agree()
        for item in list(self._open())[:1]:
            with pytest.raises(Conflict):
                self.engine.complete(item, by=self._able(item))
        self.engine.resume(self.instance, by=self.admin)
        self._settle()

    @precondition(lambda self: not self.running)
    @rule()
    def look(self) -> None:
        assert self.engine.timeline(self.instance, by=self.people[0])[0].code == "started"

    # what always holds

    @invariant()
    def agree(self) -> None:
        """No token is lost, none is there twice; what is stored of them, and what is told of them, is the same."""
        with self.engine._runtime.database.read() as session:
            below = select(ProcessInstance.id).where(ProcessInstance.path.startswith(f"/{self.instance}/"))
            open_ = session.scalars(
                select(WorkItem.element_id).where(
                    WorkItem.instance_id.in_(below), WorkItem.closed_at.is_(None)
                )
            ).all()
            jobs = session.scalars(select(Job).where(Job.instance_id.in_(below))).all()
            waiting = session.scalars(
                select(Subscription.element_id).where(Subscription.instance_id.in_(below))
            ).all()
            root = session.get_one(ProcessInstance, self.instance)
            events = session.execute(
                select(Event.code, Event.payload).where(Event.stream == root.stream).order_by(Event.seq)
            ).all()
            items = session.execute(
                select(WorkItem.task_id, WorkItem.closing, WorkItem.fanout_id).where(
                    WorkItem.instance_id == root.id
                )
            ).all()
        standing = {kind: [] if self.cancelled else self.game.standing(kind) for kind in KINDS}
        todo = [
            leaf.element for kind in ("task", "many") for leaf in standing[kind] for _ in range(leaf.open)
        ]
        assert sorted(open_) == sorted(todo)
        timers = [job.element_id for job in jobs if job.kind == "timer"]
        assert sorted(timers) == sorted(leaf.element for leaf in standing["timer"])
        assert sorted(waiting) == sorted(leaf.element for leaf in standing["message"])
        assert root.outcome == ("cancelled" if self.cancelled else "completed" if self.game.ended else None)
        assert (root.ended_at is None) is self.running and (self.running or not jobs)
        opened = [payload["task"] for code, payload in events if code == "opened"]
        assert sorted(opened) == sorted(task for task, _, fanout in items if fanout is None)
        codes = Counter(
            code for code, payload in events if payload.get("task", next(iter(opened), None)) in opened
        )
        closings = Counter(closing for _, closing, fanout in items if fanout is None)
        assert codes["completed"] == closings["completed"]
        assert codes["rejected"] == [closing for _, closing, _ in items].count("rejected")
        if not self.cancelled:
            assert len(opened) - codes["completed"] - codes["withdrawn"] == closings[None]

    def teardown(self) -> None:
        if not hasattr(self, "instance"):
            return
        if self.running:
            self.engine.cancel(self.instance, reason="不办了", by=self.people[0])
            self.cancelled = True
            self._settle()
            self.agree()
        if self.number % 50 == 0:
            assert self.engine.verify_history() == []


def test_the_engine_does_what_the_model_does(
    fresh: Callable[[], ProcessEngine],
    clock: SettableClock,
    world: World,
    database: Database,
    settings: Settings,
) -> None:
    with database.write() as session:
        accounts.create(
            session, person_id=world.clerk, username="admin", password_hash=accounts.hashed("Wd8#kkq2-lvze"), is_admin=True
        )  # fmt: skip

    class Here(Office):
        pass

    Here.fresh, Here.clock = staticmethod(fresh), clock  # type: ignore[assignment]
    Here.people, Here.admin = (world.member, world.deputy), world.clerk
    examples = 120 if settings.database_url.startswith("sqlite") else 40
    checks = list(HealthCheck)
    run_state_machine_as_test(
        Here,
        settings=limits(
            max_examples=examples, stateful_step_count=30, deadline=None, suppress_health_check=checks
        ),
    )
    assert fresh().verify_history() == []
