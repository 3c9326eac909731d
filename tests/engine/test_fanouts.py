"""Fan-outs are rows at every nesting: what they count, how they end, what crosses between child and parent."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import func, select

from engine import Conflict, ProcessEngine, SettableClock, fanout, service_tasks
from engine.blobs import Blob
from engine.database import Database
from engine.fanout import Fanout
from engine.history import Event, verify
from engine.instances import ProcessInstance
from engine.jobs import Job
from engine.subscriptions import Subscription
from engine.work_items import WorkItem
from tests.bench.ground import counted
from tests.engine.conftest import NOW, World
from tests.engine.drawing import (
    association,
    boundary,
    defines,
    draw,
    each,
    end,
    extensions,
    flow,
    inner_start,
    looped,
    named,
    node,
    ours,
    path,
    service,
    start,
    sub,
    throw,
    timer,
    user,
)

FORM = (
    '{"type":"default","components":['
    '{"type":"textfield","key":"决定","label":"决定"},{"type":"number","key":"分","label":"分"}]}'
).encode()
ERROR = named("error", "E", "出错")
ESCALATION = named("escalation", "X", "上报")


class Play:
    """One instance, played by the member who started it."""

    def __init__(self, engine: ProcessEngine, database: Database, world: World) -> None:
        self.engine, self.database, self.by, self.world = engine, database, world.member, world

    def begin(self, xml: bytes, *called: bytes) -> Play:
        for number, other in enumerate(called):
            self.engine.deploy({f"c{number}.bpmn": other, "a.form.json": FORM})
        self.engine.deploy({"p.bpmn": xml, "a.form.json": FORM})
        self.instance = self.engine.start("p", by=self.by).id
        self.run()
        return self

    def run(self) -> None:
        self.engine.run_jobs()
        with self.database.read() as session:
            assert list(verify(session)) == []

    def todo(self, element: str | None = None) -> list[int]:
        with self.database.read() as session:
            query = select(WorkItem).where(WorkItem.closed_at.is_(None)).order_by(WorkItem.id)
            found = session.scalars(query).all()
        return [item.id for item in found if element in (None, item.element_id)]

    def open(self) -> list[str]:
        with self.database.read() as session:
            query = select(WorkItem.element_id).where(WorkItem.closed_at.is_(None)).order_by(WorkItem.id)
            return list(session.scalars(query))

    def do(self, element: str, number: int = 0, *, run: bool = True, **data: Any) -> None:
        """Complete the first (or another) open item of an element."""
        self.engine.complete(self.todo(element)[number], by=self.by, data=data)
        if run:
            self.run()

    def variables(self) -> dict[str, Any]:
        return self.engine.instance(self.instance, by=self.by).variables

    def outcomes(self) -> list[str | None]:
        """Of all instances below the first, in their order."""
        with self.database.read() as session:
            query = select(ProcessInstance.outcome).where(ProcessInstance.parent_id.is_not(None))
            return list(session.scalars(query.order_by(ProcessInstance.id)))

    def fanouts(self) -> list[Fanout]:
        with self.database.read() as session:
            return list(session.scalars(select(Fanout).order_by(Fanout.id)))

    def errors(self) -> list[str]:
        with self.database.read() as session:
            found = session.scalars(select(Job.last_error).where(Job.last_error.is_not(None)))
            return [one for one in found if one is not None]

    def left(self) -> int:
        """Jobs and subscriptions that are still there."""
        with self.database.read() as session:
            counts = (
                session.scalar(select(func.count()).select_from(table)) for table in (Job, Subscription)
            )
            return sum(one or 0 for one in counts)

    def codes(self) -> list[str]:
        with self.database.read() as session:
            stream = Event.stream == f"instance:{self.instance}"
            return list(session.scalars(select(Event.code).where(stream).order_by(Event.seq)))


@pytest.fixture
def play(engine: ProcessEngine, database: Database, world: World) -> Play:
    return Play(engine, database, world)


def asking(id: str, *more: str, loop: str = "") -> str:
    return user(id, ours("form", ref="a.form.json"), *more, loop=loop)


def inside(*ids: str) -> str:
    """A line of user tasks within a sub-process."""
    return inner_start("s2") + "".join(map(asking, ids)) + end("e2") + path("s2", *ids, "e2")


def before_and_after(activity: str, *more: str, extra: str = "", key: str = "p") -> bytes:
    """An activity 多 between a start and a task 后."""
    line = path("start", "多", "后", "end")
    return draw(key, start(), activity, user("后"), end(), *more, line, extra=extra)


# what is counted

AGREED = ours("tally", name="同意数", condition='决定 = "同意"') + ours("tally", name="总分", weight="分")


def test_declared_tallies_complete_it_and_reach_the_parent(play: Play) -> None:
    loop = each("=[1, 2, 3, 4]", tallies=AGREED, condition="同意数 &gt;= 2")
    play.begin(before_and_after(asking("多", loop=loop)))
    play.do("多", 决定="同意", 分=5)
    play.do("多", 决定="反对", 分=Decimal("0.5"))
    assert play.open() == ["多", "多"] and play.fanouts()[0].tallies == {"同意数": 1, "总分": Decimal("5.5")}
    play.do("多", 决定="同意", 分=1)
    assert play.open() == ["后"]
    assert {k: play.variables()[k] for k in ("同意数", "总分")} == {"同意数": 2, "总分": Decimal("6.5")}


def test_tallies_of_children_that_are_instances(play: Play) -> None:
    loop = each("=[1, 2]", tallies=AGREED)
    play.begin(before_and_after(sub("多", loop, inside("问"))))
    play.do("问", 决定="同意", 分=1)
    play.do("问", 决定="反对", 分=2)
    assert {k: play.variables()[k] for k in ("同意数", "总分")} == {"同意数": 1, "总分": 3}


def test_a_weight_that_is_no_number_is_refused_to_whom_it_concerns(play: Play) -> None:
    tally = ours("tally", name="数", weight="分")
    play.begin(before_and_after(asking("多", loop=each("=[1]", tallies=tally))))
    with pytest.raises(Exception, match="不是数"):
        play.do("多", 决定="同意")
    assert play.open() == ["多"]


@pytest.mark.parametrize("enough", [1, 3, 5])
def test_the_condition_is_looked_at_after_each_child_even_of_those_that_arrive_together(
    play: Play, enough: int
) -> None:
    """``=`` is never stepped over; those who came after are as if they had been withdrawn a moment earlier."""
    condition = f"numberOfCompletedInstances = {enough}"
    loop = each("=[1,2,3,4,5,6]", output="=loopCounter", outputs="结果", condition=condition)
    play.begin(before_and_after(asking("多", loop=loop)))
    for _ in range(5):
        play.do("多", run=False)
    play.run()
    assert play.open() == ["后"]
    assert play.variables()["结果"] == list(range(1, enough + 1)) and play.fanouts()[0].arrived == enough


def test_bpmns_counters(play: Play, database: Database) -> None:
    """A child that is cancelled, or that terminates itself, counts as terminated."""
    inner = (
        inner_start("s2")
        + asking("问")
        + node("exclusiveGateway", "g", default="ge")
        + end("e2")
        + end("t", defines("terminate"))
    )
    inner += path("s2", "问", "g") + flow("g", "t", '决定 = "终止"') + flow("g", "e2", id="ge")
    expected = {"Terminated": 2, "Active": 1, "Completed": 1, "": 4}
    counters = " and ".join(f"numberOf{name}Instances = {number}" for name, number in expected.items())
    play.begin(before_and_after(sub("多", each("=[1,2,3,4]", condition=counters), inner)))
    play.do("问", 决定="好")
    play.do("问", 决定="终止")
    with database.read() as session:
        child = session.scalars(select(ProcessInstance.id).where(ProcessInstance.position == 2)).one()
    assert play.open() == ["问", "问"]
    play.engine.create_account(play.world.clerk, "jiwenjing", by=None, is_admin=True)
    play.engine.cancel(child, by=play.world.clerk, reason="不再需要")
    play.run()
    assert play.open() == ["后"]
    assert play.outcomes() == ["completed", "terminated", "cancelled", "cancelled"]


# what can be a child

ONE_TASK = draw("c", start(), asking("问"), end(), path("start", "问", "end"))


INITIATOR = ours("input", name="initiator", value="=initiator")


def called(id: str, key: str = "c", *more: str, loop: str = "") -> str:
    return node("callActivity", id, extensions(*more) + loop, calledElement=key)


ACTIVITIES: dict[str, Callable[[str], str]] = {
    "user task": lambda loop: asking("多", loop=loop),
    "sub-process": lambda loop: sub("多", loop, inside("问")),
    "transaction": lambda loop: sub("多", loop, inside("问"), kind="transaction"),
    "call": lambda loop: called("多", loop=loop),
    "service task": lambda loop: service("多", "lookup", {"甲": "=1 + 1"}, unit="=unit.id").replace(
        "</bpmn:serviceTask>", loop + "</bpmn:serviceTask>"
    ),
}


@pytest.mark.parametrize("kind", list(ACTIVITIES))
@pytest.mark.parametrize("sequential", [False, True])
@pytest.mark.parametrize("by", ["collection", "cardinality"])
def test_everything_can_be_done_several_times(play: Play, kind: str, sequential: bool, by: str) -> None:
    more = {"collection": "=[10, 20, 30]"} if by == "collection" else {"collection": "", "cardinality": "3"}
    loop = each(**more, sequential=sequential, tallies=ours("tally", name="份数"))
    called_first = (ONE_TASK,) if kind == "call" else ()
    play.begin(before_and_after(ACTIVITIES[kind](loop)), *called_first)
    if kind != "service task":
        for left in (3, 2, 1):
            assert len(play.open()) == (1 if sequential else left)
            play.do(play.open()[0])
    assert play.open() == ["后"] and play.variables()["份数"] == 3
    assert play.fanouts()[0].arrived == 3


@pytest.mark.parametrize("kind", list(ACTIVITIES))
def test_nothing_to_do(play: Play, kind: str) -> None:
    loop = each("=[]", output="=1", outputs="结果", tallies=ours("tally", name="份数"))
    play.begin(before_and_after(ACTIVITIES[kind](loop)), *((ONE_TASK,) if kind == "call" else ()))
    assert play.open() == ["后"]
    assert (play.variables()["结果"], play.variables()["份数"]) == ([], 0)


def test_a_call_in_a_loop_returns_its_declared_outputs(play: Play) -> None:
    """Each child's in its place, whoever was first; the outputs are what the loop's output may read."""
    mapped = (INITIATOR, ours("input", name="甲", value="=item"), ours("output", name="乙", value="=甲 * 2"))
    play.begin(before_and_after(called("多", "c", *mapped, loop=each("=[1, 2]", outputs="结果"))), ONE_TASK)
    play.do("问", 1)
    play.do("问")
    assert play.variables()["结果"] == [{"乙": 2}, {"乙": 4}]


def test_a_bare_items_outputs_are_what_its_loop_may_read(play: Play) -> None:
    loop = each("=[1, 2]", output="=倍", outputs="结果", tallies=ours("tally", name="和", weight="倍"))
    xml = before_and_after(asking("多", ours("output", name="倍", value="=分 * 2"), loop=loop))
    assert play.engine.lint({"p.bpmn": xml, "a.form.json": FORM}) == []
    play.begin(xml)
    play.do("多", 分=3)
    play.do("多", 分=4)
    assert (play.variables()["结果"], play.variables()["和"]) == ([6, 8], 14)


def test_a_standard_loop_calls_until_its_condition_fails(play: Play) -> None:
    outputs = (
        INITIATOR,
        ours("input", name="第", value="=loopCounter"),
        ours("output", name="满意", value="=决定"),
    )
    call = called("多", "c", *outputs, loop=looped('满意 != "好"', maximum=5))
    play.begin(before_and_after(call), ONE_TASK)
    play.do("问", 决定="不好")
    assert play.open() == ["问"]
    play.do("问", 决定="好")
    assert play.open() == ["后"] and play.variables()["满意"] == "好" and len(play.fanouts()) == 2


# nesting


def test_three_deep_with_a_called_process_in_between(play: Play) -> None:
    """2 sub-processes, each calls a process 2 times, each of which asks 2 people: 8 answers, each in its place."""
    asked = asking("问", loop=each("=[1, 2]", "丙", output="=甲 * 100 + 乙 * 10 + 丙", outputs="答"))
    inner = draw("c", start(), asked, end(), path("start", "问", "end"))
    call = called(
        "叫",
        "c",
        ours("output", name="答", value="=答"),
        loop=each("=[1, 2]", "乙", output="=答", outputs="答乙"),
    )
    within = inner_start("s2") + call + end("e2") + path("s2", "叫", "e2")
    outer = sub("多", each("=[1, 2]", "甲", output="=答乙", outputs="答甲"), within)
    play.begin(before_and_after(outer), inner)
    assert len(play.todo("问")) == 8 and len(play.outcomes()) == 6
    for number in (7, 0, 3, 4, 0, 1, 1, 0):
        play.do("问", number)
    assert play.variables()["答甲"] == [[[111, 112], [121, 122]], [[211, 212], [221, 222]]]
    assert set(play.outcomes()) == {"completed"} and play.left() == 0


def test_a_nested_fan_out_does_not_copy_what_the_outer_one_keeps(
    play: Play, world: World, database: Database
) -> None:
    inner = sub(
        "内",
        each("=[1, 2]", "乙"),
        inner_start("s3") + user("问") + user("再") + end("e3") + path("s3", "问", "再", "e3"),
    )
    within = inner_start("s2") + inner + end("e2") + path("s2", "内", "e2")
    names = service(
        "名单",
        "lookup",
        {"名单": '=for i in 1..2000 return {name: "第" + string(i)}'},
        unit=f"={world.branch}",
    )
    xml = draw(
        "p",
        start(),
        names,
        sub("多", each("=[1, 2, 3]", "甲"), within),
        end(),
        path("start", "名单", "多", "end"),
    )
    play.begin(xml)
    with database.read() as session:
        query = select(Fanout.element_id, Blob.size).join(Blob, Blob.digest == Fanout.snapshot_digest)
        sizes = session.execute(query.order_by(Fanout.id)).all()
    (_, outer), *nested = sizes
    assert outer > 30_000 and len(nested) == 3 and all(size < 1000 for _, size in nested)
    play.do("问")
    variables = play.engine.work_item(play.todo("再")[0], by=play.by).data
    assert len(variables["名单"]) == 2000 and (variables["甲"], variables["乙"]) == (1, 1)


# what crosses: timers, messages, errors, escalations, cancellation


@pytest.mark.parametrize("kind", [kind for kind in ACTIVITIES if kind != "service task"])
def test_an_interrupting_timer_ends_every_child(play: Play, clock: SettableClock, kind: str) -> None:
    late = (
        boundary("晚", "多", timer("timeDuration", "P1D")) + user("催") + end("e9") + path("晚", "催", "e9")
    )
    activity = ACTIVITIES[kind](each("=[1, 2, 3]"))
    play.begin(before_and_after(activity, late), *((ONE_TASK,) if kind == "call" else ()))
    play.do(play.open()[0])
    clock.advance(timedelta(days=2))
    play.run()
    assert play.open() == ["催"] and set(play.outcomes()) <= {"completed", "cancelled"}
    (row,) = play.fanouts()
    assert row.outcome == "cancelled" and play.left() == 0


@pytest.mark.parametrize("kind", ["user task", "sub-process"])
def test_cancelling_costs_the_same_for_ten_children_and_for_a_thousand(
    engine: ProcessEngine, database: Database, world: World, clock: SettableClock, kind: str
) -> None:
    late = boundary("晚", "多", timer("timeDuration", "P1D")) + end("e9") + flow("晚", "e9")
    activity = ACTIVITIES[kind](each("=for i in 1..n return i"))
    engine.deploy({"p.bpmn": before_and_after(activity, late), "a.form.json": FORM})
    definition = engine.definitions()[0]
    statements = []
    for children in (10, 1000):
        with database.write() as session:
            from engine import starting

            starting.start(
                engine._runtime, session, definition, {"n": children, "initiator": {"person": world.member}},
                by=world.member, unit_id=None, business_key=None, at=clock.now(),
            )  # fmt: skip
        engine.run_jobs()
        with database.read() as session:
            waiting = select(func.count()).select_from(WorkItem).where(WorkItem.closed_at.is_(None))
            assert session.scalar(waiting) == children
        clock.advance(timedelta(days=2))
        with counted(engine) as counts:
            engine.run_jobs(limit=1)
        statements.append(len(counts.statements))
        with database.read() as session:
            assert session.scalar(waiting) == 0
            running = (
                select(func.count()).select_from(ProcessInstance).where(ProcessInstance.ended_at.is_(None))
            )
            assert session.scalar(running) == 0
    assert statements[0] == statements[1] <= 25


def test_a_message_interrupts_a_fan_out(play: Play) -> None:
    caught = boundary("停", "多", extensions(ours("message")) + defines("message", "M"))
    more = caught + user("止") + end("e9") + path("停", "止", "e9")
    play.begin(
        before_and_after(sub("多", each("=[1, 2]"), inside("问")), more, extra=named("message", "M", "停办"))
    )
    play.engine.create_account(play.world.clerk, "jiwenjing", by=None, is_admin=True)
    play.engine.send_message("停办", idempotency_key="1", by=play.world.clerk)
    play.run()
    assert play.open() == ["止"] and play.outcomes() == ["cancelled"] * 2


FAILING = (
    inner_start("s2")
    + asking("问")
    + node("exclusiveGateway", "g", default="ge")
    + end("e2")
    + end("坏", defines("error", "E"))
)
FAILING += path("s2", "问", "g") + flow("g", "坏", '决定 = "坏"') + flow("g", "e2", id="ge")


def test_an_error_of_a_child_is_caught_at_the_parents_activity(play: Play) -> None:
    caught = boundary("错", "多", defines("error", "E")) + user("补") + end("e9") + path("错", "补", "e9")
    play.begin(before_and_after(sub("多", each("=[1, 2, 3]"), FAILING), caught, extra=ERROR))
    play.do("问", 决定="好")
    play.do("问", 决定="坏")
    assert play.open() == ["补"]
    assert play.outcomes() == ["completed", "error:出错", "cancelled"]
    assert play.fanouts()[0].outcome == "error:出错" and play.left() == 0


def test_an_error_of_a_child_is_caught_by_an_event_sub_process_around_the_activity(play: Play) -> None:
    handler = sub(
        "处理",
        node("startEvent", "s9", defines("error", "E"), isInterrupting="true"),
        user("补"),
        end("e9"),
        path("s9", "补", "e9"),
        triggeredByEvent="true",
    )
    play.begin(before_and_after(sub("多", each("=[1, 2]"), FAILING), handler, extra=ERROR))
    play.do("问", 决定="坏")
    assert play.open() == ["补"] and play.outcomes() == ["error:出错", "cancelled"]


def failing_process(key: str = "c") -> bytes:
    xml = draw(key, start(), asking("问"), node("exclusiveGateway", "g", default="ge"), end("e2"), end("坏", defines("error", "E")),
               path("start", "问", "g"), flow("g", "坏", '决定 = "坏"'), flow("g", "e2", id="ge"), extra=ERROR)  # fmt: skip
    return xml


def test_what_nobody_catches_is_passed_up_to_whoever_does(play: Play) -> None:
    """The called process fails; the sub-process around the call catches nothing and fails in turn; its fan-out's boundary catches."""
    caught = boundary("错", "多", defines("error", "E")) + user("补") + end("e9") + path("错", "补", "e9")
    within = inner_start("s3") + called("叫") + end("e3") + path("s3", "叫", "e3")
    play.begin(before_and_after(sub("多", each("=[1, 2]"), within), caught, extra=ERROR), failing_process())
    play.do("问", 决定="坏")
    assert play.open() == ["补"]
    assert sorted(map(str, play.outcomes())) == ["cancelled", "cancelled", "error:出错", "error:出错"]


def test_at_the_top_it_is_an_incident_and_nothing_has_happened(play: Play, clock: SettableClock) -> None:
    play.begin(before_and_after(called("多", loop=each("=[1, 2]"))), failing_process())
    play.do("问", 决定="坏")
    for _ in range(6):
        clock.advance(timedelta(hours=1))
        play.run()
    assert any("出错" in one for one in play.errors())
    assert play.fanouts()[0].closed_at is None and play.open() == ["问"]


def test_a_services_error_in_a_child_is_the_parents(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(context: service_tasks.Operation, *, unit: Any) -> Any:
        raise service_tasks.BpmnError("出错", "坏了")

    failing = SimpleNamespace(run=run)
    monkeypatch.setattr(service_tasks, "find", lambda name: failing)
    caught = boundary("错", "多", defines("error", "E")) + user("补") + end("e9") + path("错", "补", "e9")
    play.begin(before_and_after(ACTIVITIES["service task"](each("=[1, 2]")), caught, extra=ERROR))
    assert play.open() == ["补"] and play.outcomes()[0] == "error:出错"


def escalating(*after: str) -> str:
    """A child that escalates after its first task, and goes on to others."""
    ids = ("问", "报", *after)
    parts = asking("问") + throw("报", defines("escalation", "X")) + "".join(map(asking, after))
    return inner_start("s2") + parts + end("e2") + path("s2", *ids, "e2")


@pytest.mark.parametrize("after", [(), ("再",)])
def test_an_escalation_is_heard_and_the_child_goes_on(play: Play, after: tuple[str, ...]) -> None:
    """Also where the child ends in the same step."""
    heard = boundary("听", "多", defines("escalation", "X"), interrupting=False)
    more = heard + user("知") + end("e9") + path("听", "知", "e9")
    play.begin(before_and_after(sub("多", each("=[1]"), escalating(*after)), more, extra=ESCALATION))
    play.do("问")
    assert play.open() == (["再", "知"] if after else ["知", "后"])
    play.do("知")
    assert play.open() == (["再"] if after else ["后"])


def test_an_escalation_may_interrupt(play: Play) -> None:
    heard = boundary("听", "多", defines("escalation", "X")) + user("知") + end("e9") + path("听", "知", "e9")
    play.begin(before_and_after(sub("多", each("=[1, 2]"), escalating("再")), heard, extra=ESCALATION))
    play.do("问")
    assert play.open() == ["知"] and play.outcomes() == ["cancelled"] * 2 and play.left() == 0


def test_an_escalation_goes_up_until_somebody_hears_it(play: Play) -> None:
    heard = boundary("听", "多", defines("escalation", "X"), interrupting=False)
    more = heard + user("知") + end("e9") + path("听", "知", "e9")
    inner = inner_start("s3") + sub("内", each("=[1]"), escalating("再")) + end("e3") + path("s3", "内", "e3")
    play.begin(before_and_after(sub("多", each("=[1]"), inner), more, extra=ESCALATION))
    play.do("问")
    assert play.open() == ["再", "知"] and play.errors() == []


def cancelling() -> str:
    inner = (
        inner_start("s2")
        + asking("问")
        + node("exclusiveGateway", "g", default="ge")
        + end("e2")
        + end("消", defines("cancel"))
    )
    return inner + path("s2", "问", "g") + flow("g", "消", '决定 = "消"') + flow("g", "e2", id="ge")


def test_a_transaction_that_is_cancelled_cancels_its_siblings(play: Play) -> None:
    caught = boundary("错", "多", defines("cancel")) + user("补") + end("e9") + path("错", "补", "e9")
    play.begin(before_and_after(sub("多", each("=[1, 2]"), cancelling(), kind="transaction"), caught))
    play.do("问", 决定="消")
    assert play.open() == ["补"] and play.outcomes() == ["cancel", "cancelled"]


def test_where_nobody_listens_the_siblings_of_a_cancelled_transaction_go_on(play: Play) -> None:
    play.begin(before_and_after(sub("多", each("=[1, 2]"), cancelling(), kind="transaction")))
    play.do("问", 决定="消")
    assert play.open() == ["问"]
    play.do("问", 决定="好")
    assert play.open() == ["后"] and play.fanouts()[0].terminated == 1


# compensation


def compensated(sequential: bool = False) -> bytes:
    undo = user("撤").replace("<bpmn:userTask ", '<bpmn:userTask isForCompensation="true" ')
    inner = (
        inner_start("s2") + asking("问") + boundary("补", "问", defines("compensation")) + undo + end("e2")
    )
    inner += path("s2", "问", "e2") + association("补", "撤")
    back = throw("退", defines("compensation"))
    loop = each("=[1, 2, 3]", output="=loopCounter", outputs="结果", sequential=sequential)
    return draw(
        "p",
        start(),
        sub("多", loop, inner),
        user("前"),
        back,
        user("后"),
        end(),
        path("start", "多", "前", "退", "后", "end"),
    )


@pytest.mark.parametrize("sequential", [False, True])
def test_children_that_completed_are_compensated_from_within(play: Play, sequential: bool) -> None:
    """Those of a sequential one in reverse order, one after the other (BPMN 2.0, 10.7.3)."""
    play.begin(compensated(sequential))
    for _ in range(3):
        play.do("问")
    assert play.outcomes() == ["completed"] * 3
    play.do("前")
    for left in (3, 2, 1):
        assert play.open() == ["撤"] * (1 if sequential else left)
        item = play.engine.work_item(play.todo("撤")[0], by=play.by)
        assert not sequential or item.data["item"] == left
        play.do("撤")
    assert play.open() == ["后"] and play.outcomes() == ["completed"] * 3
    assert play.variables()["结果"] == [1, 2, 3]
    assert play.errors() == [] and play.left() == 0


def test_a_called_process_is_compensated_through_a_fan_out_of_its_own(play: Play) -> None:
    """Three instances deep; a call in which nothing can be undone is passed over."""
    undo = user("撤").replace("<bpmn:userTask ", '<bpmn:userTask isForCompensation="true" ')
    inner = (
        inner_start("s2") + asking("问") + boundary("补", "问", defines("compensation")) + undo + end("e2")
    )
    inner += path("s2", "问", "e2") + association("补", "撤")
    fanned = draw("d", start(), sub("多", each("=[1, 2]"), inner), end(), path("start", "多", "end"))
    plain = draw("c", start(), end(), path("start", "end"))
    back = throw("退", defines("compensation"))
    line = path("start", "叫", "空", "退", "后", "end")
    xml = draw("p", start(), called("叫", "d"), called("空", "c"), back, user("后"), end(), line)
    play.begin(xml, plain, fanned)
    play.do("问")
    play.do("问")
    assert play.open() == ["撤", "撤"]
    play.do("撤")
    play.do("撤")
    assert play.open() == ["后"] and set(play.outcomes()) == {"completed"}
    assert play.errors() == [] and play.left() == 0


# growing and shrinking


def test_a_fan_out_grows_and_shrinks(play: Play, database: Database) -> None:
    play.begin(before_and_after(asking("多", loop=each("=[1, 2]", output="=item", outputs="结果"))))
    (row,) = play.fanouts()

    def change(what: Callable[..., Any], *args: Any) -> Any:
        with database.write() as session:
            locked = fanout.lock(session, row.id)
            more = (play.engine._runtime,) if what is fanout.add_child else ()
            found = what(*more, session, locked, *args, at=NOW)
        play.run()
        return found

    assert change(fanout.add_child, 9) == 2
    play.do("多")
    assert len(play.open()) == 2
    change(fanout.remove_child, 1)
    assert play.open() == ["多"]
    with pytest.raises(Conflict, match="已经办结"):
        change(fanout.remove_child, 0)
    with pytest.raises(Conflict):
        change(fanout.remove_child, 1)
    play.do("多")
    assert play.open() == ["后"] and play.variables()["结果"] == [1, 9]
    with pytest.raises(Conflict, match="已经结束"):
        change(fanout.add_child, 10)


@pytest.mark.parametrize("kind", ["user task", "sub-process", "call"])
def test_a_sequential_one_grows_at_its_end_and_skips_who_was_taken_out(
    play: Play, database: Database, kind: str
) -> None:
    loop = each("=[1, 2, 3]", output="=item", outputs="结果", sequential=True)
    play.begin(before_and_after(ACTIVITIES[kind](loop)), *((ONE_TASK,) if kind == "call" else ()))
    (row,) = play.fanouts()
    with database.write() as session:
        locked = fanout.lock(session, row.id)
        fanout.remove_child(session, locked, 1, at=NOW)
        fanout.add_child(play.engine._runtime, session, locked, 9, at=NOW)
    play.run()
    for _ in range(3):
        assert len(play.open()) == 1
        play.do(play.open()[0])
    assert play.open() == ["后"] and play.variables()["结果"] == [1, 3, 9]


def test_the_running_child_of_a_sequential_one_can_be_taken_out(play: Play, database: Database) -> None:
    loop = each("=[1, 2]", output="=item", outputs="结果", sequential=True)
    play.begin(before_and_after(sub("多", loop, inside("问"))))
    with database.write() as session:
        fanout.remove_child(session, fanout.lock(session, play.fanouts()[0].id), 0, at=NOW)
    play.run()
    assert play.open() == ["问"] and play.outcomes() == ["cancelled", None]
    play.do("问")
    assert play.variables()["结果"] == [2]


# no queue


def test_eight_people_finish_at_once(play: Play, world: World) -> None:
    """Every one of them is let through at the first try, and every one is counted."""
    loop = each(
        "=[1,2,3,4,5,6,7,8]", output="=item", outputs="结果", tallies=ours("tally", name="和", weight="item")
    )
    play.begin(before_and_after(sub("多", loop, inside("问", "再"))))
    for element in ("问", "再"):
        items, gate = play.todo(element), Barrier(8)

        def finish(item: int, gate: Barrier = gate) -> None:
            gate.wait()
            play.engine.complete(item, by=play.by)

        with ThreadPoolExecutor(8) as threads:
            for done in [threads.submit(finish, item) for item in items]:
                done.result()
    play.run()
    assert play.open() == ["后"]
    assert (play.variables()["结果"], play.variables()["和"]) == ([1, 2, 3, 4, 5, 6, 7, 8], 36)


@pytest.mark.parametrize("kind", ["user task", "sub-process"])
def test_a_child_that_ends_neither_writes_nor_locks_a_row_that_its_siblings_share(
    play: Play, kind: str
) -> None:
    loop = each("=[1, 2, 3]", output="=决定", outputs="结果", tallies=AGREED)
    play.begin(before_and_after(ACTIVITIES[kind](loop)))
    element = play.open()[0]
    with counted(play.engine) as counts:
        play.do(element, run=False, 决定="同意", 分=1)
    shared = [s for s in counts.statements if " fanout " in s and ("UPDATE" in s or "FOR " in s)]
    assert shared == [] and len(counts.statements) <= 10
    parents = [s for s in counts.statements if s.startswith("UPDATE process_instance")]
    assert len(parents) == (0 if kind == "user task" else 1)  # its own
