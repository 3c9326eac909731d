"""Running instances migrate to another version: shown first, then done; drafts, deadlines and open fan-outs stay."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import select

from engine import Conflict, Invalid, NotAllowed, NotFound, ProcessEngine, SettableClock, Settings
from engine.database import Database
from engine.fanout import Fanout
from engine.instance_migrations import CHUNK, MigratedInstance, Plan
from engine.instances import ProcessInstance
from engine.jobs import Job
from engine.subscriptions import Subscription
from engine.tables import metadata
from engine.work_items import WorkItem
from tests.bench.ground import counted
from tests.engine.conftest import World
from tests.engine.drawing import (
    association,
    boundary,
    catch,
    defines,
    draw,
    each,
    end,
    extensions,
    gateway,
    inner_start,
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
from tests.engine.test_decisions import model, table
from tests.engine.test_process_engine import todo


def form(*keys: str) -> bytes:
    fields = ",".join(f'{{"type":"textfield","key":"{key}","label":"{key}"}}' for key in keys)
    return f'{{"type":"default","components":[{fields}]}}'.encode()


class Office:
    """An engine with a process whose versions are deployed one after another."""

    def __init__(self, engine: ProcessEngine, world: World, database: Database, clock: SettableClock) -> None:
        self.engine, self.world, self.database, self.clock = engine, world, database, clock
        engine.create_account(world.clerk, "jiwenjing", by=None, is_admin=True)
        self.admin = world.clerk

    def deploy(self, xml: bytes, **files: bytes) -> int:
        more = {name.replace("__", "."): content for name, content in files.items()}
        return self.engine.deploy({"p.bpmn": xml, **more}).id

    def begin(self, times: int = 1, key: str = "p") -> int:
        ids = [self.engine.start(key, by=self.world.member).id for _ in range(times)]
        self.engine.run_jobs()
        return ids[0]

    def todo(self) -> dict[str, int]:
        return todo(self.engine, self.world.member)

    def complete(self, *elements: str, **data: Any) -> None:
        for element in elements:
            self.engine.complete(self.todo()[element], by=self.world.member, data=data)
            self.engine.run_jobs()

    def preview(self, old: int, new: int, *instances: int, **mapping: str) -> Plan:
        before = self.dump()
        plan = self.engine.preview_migration(
            old, new, by=self.admin, instances=list(instances) or None, mapping=mapping
        )
        assert self.dump() == before  # looking changes nothing
        return plan

    def migrate(self, old: int, new: int, *instances: int, **mapping: str) -> set[tuple[str, str]]:
        """Every instance of the plan has to be migrated; returns what happened besides."""
        plan = self.preview(old, new, *instances, **mapping)
        assert [line.reasons for line in plan.lines] == [[] for _ in plan.lines]
        act = self.engine.migrate_instances(plan, reason="启用新版", by=self.admin)
        self.engine.run_jobs()
        progress = self.engine.migration(act.id, by=self.admin)
        assert progress.counts == {"migrated": len(plan.lines)} and not progress.left and not progress.waiting
        assert not self.engine.incidents(by=self.admin)
        for line in plan.lines:
            (event,) = [
                e for e in self.engine.timeline(line.instance_id, by=self.admin) if e.code == "migrated"
            ][-1:]
            assert event.person_id == self.admin and event.payload is not None
            assert event.payload["reason"] == "启用新版" and event.payload["mapping"] == mapping
        assert self.engine.verify_history() == []
        return {note.key for line in plan.lines for note in line.notes}

    def refuse(self, old: int, new: int, **mapping: str) -> set[tuple[str, str | None]]:
        """No instance can be migrated, not even when somebody insists; nothing has changed."""
        plan = self.preview(old, new, **mapping)
        assert all(line.reasons for line in plan.lines) and not plan.movable
        before = self.dump()
        with pytest.raises(Invalid, match="没有可以迁移"):
            self.engine.migrate_instances(plan, reason="启用新版", by=self.admin)
        assert self.dump() == before
        return {(reason.rule, reason.element) for line in plan.lines for reason in line.reasons}

    def rows(self, table: Any, *where: Any) -> list[Any]:
        with self.database.read() as session:
            return list(session.scalars(select(table).where(*where).order_by(table.id)))

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table."""
        with self.database.read() as session:
            return {
                name: sorted((tuple(row) for row in session.execute(select(table))), key=repr)
                for name, table in metadata.tables.items()
            }

    def ended(self, instance: int) -> bool:
        return self.engine.instance(instance, by=self.admin).instance.outcome == "completed"

    def version(self, instance: int) -> int:
        return self.engine.instance(instance, by=self.admin).definition.version

    def later(self, **span: float) -> None:
        self.clock.set(self.clock.now() + timedelta(**span))
        self.engine.run_jobs()


@pytest.fixture
def office(engine: ProcessEngine, world: World, database_url: str, clock: SettableClock) -> Any:
    database = Database(database_url)
    yield Office(engine, world, database, clock)
    database.close()


def ends(*ids: str) -> str:
    """An end event behind each."""
    return "".join(end(f"end_{one}") + path(one, f"end_{one}") for one in ids)


def line(*ids: str, **of: str) -> bytes:
    tasks = [user(one, of[one]) if one in of else user(one) for one in ids]
    return draw("p", start(), *tasks, end(), path("start", *ids, "end"))


def test_an_open_item_keeps_its_row_owner_draft_and_deadline(office: Office) -> None:
    old = office.deploy(
        line("a", "b", b=ours("form", ref="f.form.json") + ours("due", value="P5D")),
        f__form__json=form("甲", "乙"),
    )
    instance = office.begin()
    office.complete("a")
    item = office.todo()["b"]
    office.engine.claim(item, by=office.world.member)
    office.engine.save_draft(item, by=office.world.member, data={"甲": "写了一半", "乙": "多余"})
    (before,) = office.rows(WorkItem, WorkItem.id == item)
    new = office.deploy(
        line("x", "b2", "c", b2=ours("form", ref="g.form.json")), g__form__json=form("甲", "丙")
    )
    assert office.refuse(old, new) == {("vanished", "b")}
    ((missing, likely),) = [
        m for m in office.engine.missing_elements(old, new, by=office.admin) if m[0].id == "b"
    ]
    assert missing.id == "b" and {one.id for one in likely} == {"x", "b2", "c"}
    plan = office.preview(old, new, b="b2")
    (note,) = [one for one in plan.lines[0].notes if one.code == "form"]
    assert note.data == {"form": "g.form.json", "lost": ["乙"]}
    assert office.migrate(old, new, b="b2") == {("renamed", "b"), ("form", "b2"), ("forgotten", "a")}
    (after,) = office.rows(WorkItem, WorkItem.id == item)
    assert (
        after.element_id,
        after.title,
        after.draft,
        after.owner_id,
        after.claimed_at,
        after.due_at,
        after.opened_at,
    ) == (
        "b2",
        before.title,
        before.draft,
        before.owner_id,
        before.claimed_at,
        before.due_at,
        before.opened_at,
    )
    view = office.engine.work_item(item, by=office.world.member)
    assert (
        view.form is not None
        and set(view.form.keys) == {"甲", "丙"}
        and view.draft == {"甲": "写了一半", "乙": "多余"}
    )
    done = office.engine.inbox(by=office.world.member, box="done")[0].item
    assert done is not None and office.engine.work_item(done.id, by=office.world.member).definition.id == old
    office.complete("b2", 甲="好", 丙="行")
    office.complete("c")
    assert office.ended(instance) and office.version(instance) == 2


def test_only_administrators_and_only_within_a_process(office: Office, world: World) -> None:
    old = office.deploy(line("a"))
    instance = office.begin()
    new = office.deploy(line("a", "b"))
    other = office.engine.deploy(
        {"q.bpmn": draw("q", start(), user("a"), end(), path("start", "a", "end"))}
    ).id
    plan = office.preview(old, new)
    for act in (
        lambda: office.engine.preview_migration(old, new, by=world.member),
        lambda: office.engine.migrate_instances(plan, reason="试", by=world.member),
        lambda: office.engine.missing_elements(old, new, by=world.member),
        lambda: office.engine.running_versions("p", by=world.member),
        lambda: office.engine.migration(1, by=world.member),
    ):
        with pytest.raises(NotAllowed):
            act()
    for wrong, said in (((old, other), "另一个流程"), ((old, old), "另一个版本")):
        with pytest.raises(Invalid, match=said):
            office.preview(*wrong)
    with pytest.raises(Invalid, match="第 2 版中没有元素“zz”"):
        office.preview(old, new, a="zz")
    with pytest.raises(Invalid, match="第 1 版中没有元素“zz”"):
        office.preview(old, new, zz="a")
    with pytest.raises(NotFound):
        office.preview(old, 999)
    with pytest.raises(NotFound):
        office.preview(old, new, 999)
    with pytest.raises(Invalid, match="原因"):
        office.engine.migrate_instances(plan, reason=" ", by=office.admin)
    assert office.engine.running_versions("p", by=office.admin) == {old: 1}
    office.migrate(old, new, instance)
    assert office.engine.running_versions("p", by=office.admin) == {new: 1}
    assert [r.rule for r in office.preview(old, new, instance).lines[0].reasons] == ["elsewhere"]
    office.complete("a", "b")
    assert [r.rule for r in office.preview(new, old, instance).lines[0].reasons] == ["ended"]


def test_timers_are_armed_disarmed_and_counted_anew(office: Office) -> None:
    def with_(*timers: tuple[str, str]) -> bytes:
        events = "".join(
            boundary(id, "a", timer("timeDuration", text))
            + user(f"late_{id}")
            + path(id, f"late_{id}")
            + ends(f"late_{id}")
            for id, text in timers
        )
        return draw("p", start(), user("a"), events, end(), path("start", "a", "end"))

    first = office.deploy(with_(("x", "P2D"), ("y", "P9D")))
    instance = office.begin()
    began = office.clock.now()
    office.later(days=1)
    second = office.deploy(with_(("x", "P4D"), ("z", "P7D")))
    assert office.migrate(first, second) == {("timer", "x"), ("disarmed", "y"), ("armed", "z")}
    due = {job.element_id: job.due_at for job in office.rows(Job, Job.kind == "timer")}
    assert due == {"x": began + timedelta(days=4), "z": began + timedelta(days=8)}
    third = office.deploy(with_(("x", "P3D")))
    assert office.migrate(second, third) == {
        ("timer", "x"),
        ("disarmed", "z"),
    }  # counted from where it began once more
    (job,) = office.rows(Job, Job.kind == "timer")
    assert job.due_at == began + timedelta(days=3)
    office.later(days=2)
    office.complete("late_x")
    assert office.ended(instance)


def test_subscriptions_follow_the_diagram(office: Office, world: World) -> None:
    def waits(name: str, id: str = "c") -> bytes:
        return draw(
            "p",
            start(),
            catch(id, defines("message", "m")),
            user("a"),
            end(),
            path("start", id, "a", "end"),
            extra=named("message", "m", name),
        )

    first = office.deploy(waits("甲"))
    instance = office.begin()
    second = office.deploy(waits("甲", "c2"))
    assert office.migrate(first, second, c="c2") == {("renamed", "c")}
    assert [(s.name, s.element_id) for s in office.rows(Subscription)] == [("甲", "c2")]
    third = office.deploy(waits("乙", "c2"))
    assert office.migrate(second, third) == {("awaits", "c2")}
    assert [(s.name, s.element_id) for s in office.rows(Subscription)] == [("乙", "c2")]
    office.engine.send_message("乙", by=office.admin)
    office.engine.run_jobs()
    office.complete("a")
    assert office.ended(instance)


def test_an_event_gateway_and_event_sub_processes(office: Office) -> None:
    def race(*events: str, watch: bool) -> bytes:
        made = {"t": timer("timeDuration", "P1D"), "m": defines("message", "m"), "s": defines("signal", "z")}
        handler = sub(
            "h",
            node("startEvent", "hs", defines("message", "n"), isInterrupting="false"),
            user("u"),
            path("hs", "u"),
            ends("u"),
            triggeredByEvent="true",
        )
        return draw(
            "p",
            start(),
            gateway("eventBased", "g"),
            *(catch(one, made[one]) for one in events),
            user("a"),
            end(),
            handler if watch else "",
            path("start", "g"),
            *(path("g", one, "a") for one in events),
            path("a", "end"),
            extra=named("message", "m", "批复") + named("signal", "z", "停") + named("message", "n", "来函"),
        )

    first = office.deploy(race("t", "m", watch=False))
    instance = office.begin()
    second = office.deploy(race("m", "s", watch=True))
    assert office.migrate(first, second) == {("disarmed", "t"), ("armed", "s"), ("armed", "hs")}
    assert {s.element_id for s in office.rows(Subscription)} == {"m", "s", "hs"} and not office.rows(Job)
    office.engine.send_message("来函", by=office.admin)
    office.engine.send_signal("停", by=office.admin)
    office.engine.run_jobs()
    office.complete("u", "a")
    assert office.ended(instance) and not office.rows(Subscription)


def test_a_join_that_is_half_full(office: Office) -> None:
    def fork(*more: str, upper: tuple[str, ...] = ("a",)) -> bytes:
        return draw(
            "p",
            start(),
            gateway("parallel", "f"),
            *(user(one) for one in upper),
            user("b"),
            gateway("parallel", "j"),
            user("d"),
            end(),
            path("start", "f", *upper, "j", "d", "end"),
            path("f", "b", "j"),
            *more,
        )

    first = office.deploy(fork())
    instance = office.begin()
    office.complete("a")
    second = office.deploy(fork(upper=("a", "neu")))
    assert office.migrate(first, second) == {("arrived", "j")}
    third = office.deploy(fork(user("c"), path("f", "c", "j"), upper=("a", "neu")))
    assert office.refuse(second, third) == {("starved", "j")}
    office.complete("b", "d")
    assert office.ended(instance)


def test_a_join_goes_on_at_once_where_nothing_is_missing_any_more(office: Office) -> None:
    old = office.deploy(
        draw(
            "p",
            start(),
            gateway("parallel", "f"),
            user("a"),
            user("b"),
            gateway("parallel", "j"),
            user("d"),
            end(),
            path("start", "f", "a", "j", "d", "end"),
            path("f", "b", "j"),
        )
    )
    instance = office.begin()
    office.complete("a")
    new = office.deploy(
        draw(
            "p",
            start(),
            gateway("parallel", "f"),
            user("a"),
            user("b"),
            end("e2"),
            gateway("parallel", "j"),
            user("d"),
            end(),
            path("start", "f", "a", "j", "d", "end"),
            path("f", "b", "e2"),
        )
    )
    assert office.migrate(old, new) == {("passed", "j"), ("opened", "d")}
    assert set(office.todo()) == {"b", "d"}
    office.complete("d", "b")
    assert office.ended(instance)


def votes(id: str, *after: str, sequential: bool = False) -> bytes:
    loop = each(
        '=["甲", "乙", "丙", "丁"]', item="谁", output="=谁 + 意见", outputs="全部", sequential=sequential
    )
    tasks = [user(id, ours("form", ref="f.form.json"), loop=loop), *(user(one) for one in after)]
    return draw("p", start(), *tasks, end(), path("start", id, *after, "end"))


@pytest.mark.parametrize("sequential", [False, True])
def test_an_open_fan_out_of_user_tasks_with_half_of_it_done(office: Office, sequential: bool) -> None:
    old = office.deploy(votes("a", sequential=sequential), f__form__json=form("意见"))
    instance = office.begin()
    office.complete("a", 意见="1")
    office.complete("a", 意见="2")
    kept = office.todo()["a"]
    office.engine.save_draft(kept, by=office.world.member, data={"意见": "3"})
    (row,) = office.rows(Fanout)
    new = office.deploy(votes("a2", "z", sequential=sequential), f__form__json=form("意见"))
    assert office.migrate(old, new, a="a2") == {("renamed", "a")}
    (after,) = office.rows(Fanout)
    assert (after.id, after.arrived, after.opened, after.task_id) == (row.id, 2, row.opened, row.task_id)
    view = office.engine.work_item(kept, by=office.world.member)
    assert view.draft == {"意见": "3"} and view.data["谁"] in ("甲", "乙", "丙", "丁")
    office.complete("a2", 意见="3")
    office.complete("a2", 意见="4")
    office.complete("z")
    assert office.ended(instance)
    said = office.engine.variables(instance, by=office.admin)["全部"]
    assert [one[0] for one in said] == ["甲", "乙", "丙", "丁"] and sorted(one[1] for one in said) == [
        "1",
        "2",
        "3",
        "4",
    ]


def parts(scope: str, *ids: str, first: str = "") -> bytes:
    """A multi-instance sub-process of four children."""
    inner = "".join(
        [
            inner_start("i"),
            first,
            *(user(one) for one in ids),
            path("i", *(["pause"] if first else []), *ids),
            ends(ids[-1]),
        ]
    )
    loop = each('=["甲", "乙", "丙", "丁"]', item="谁", output="=谁", outputs="全部")
    return draw(
        "p",
        start(),
        node("subProcess", scope, inner + loop),
        user("z"),
        end(),
        path("start", scope, "z", "end"),
    )


def test_children_of_a_multi_instance_go_with_their_parent(office: Office) -> None:
    old = office.deploy(parts("s", "a", "b"))
    instance = office.begin()
    office.complete("a", "b")  # one has come to its end
    office.complete("a")  # one stands in the middle, two have not been touched
    new = office.deploy(parts("s2", "a", "x", "b"))
    plan = office.preview(old, new, s="s2")
    assert [line.children for line in plan.lines] == [3]
    assert office.migrate(old, new, s="s2") == {("renamed", "s")}
    children = office.rows(ProcessInstance, ProcessInstance.parent_id == instance)
    assert sorted((c.definition_id, c.scope, c.ended_at is not None, c.state is None) for c in children) == [
        (old, "s", True, False),
        (new, "s2", False, False),
        (new, "s2", False, True),
        (new, "s2", False, True),
    ]
    office.complete("b")
    for _ in range(2):
        office.complete("a", "x", "b")
    assert office.engine.variables(instance, by=office.admin)["全部"] == ["甲", "乙", "丙", "丁"]
    office.complete("z")
    assert office.ended(instance) and office.engine.verify_history() == []
    (part,) = [c for c in children if c.ended_at is not None]
    assert [r.rule for r in office.preview(old, new, part.id).lines[0].reasons] == ["ended"]


def test_children_that_nobody_has_touched_keep_their_item_though_they_would_begin_elsewhere(
    office: Office,
) -> None:
    old = office.deploy(parts("s", "a", "b"))
    instance = office.begin()
    items = [item.id for item in office.rows(WorkItem)]
    new = office.deploy(parts("s", "a", "b", first=node("manualTask", "pause")))
    office.migrate(old, new)
    assert [item.id for item in office.rows(WorkItem)] == items
    for _ in range(4):
        office.complete("a", "b")
    assert office.engine.variables(instance, by=office.admin)["全部"] == ["甲", "乙", "丙", "丁"]
    office.complete("z")
    assert office.ended(instance)


def test_one_child_that_cannot_move_holds_the_whole_unit(office: Office) -> None:
    old = office.deploy(parts("s", "a", "b"))
    office.begin()
    office.complete("a")
    assert office.refuse(old, office.deploy(parts("s", "a", "c"))) == {("vanished", "b")}


def test_nested_fan_outs_go_together(office: Office) -> None:
    def nested(*ids: str) -> bytes:
        inner = sub(
            "t",
            inner_start("k"),
            *(user(one) for one in ids),
            path("k", *ids),
            ends(ids[-1]),
            each("=[1, 2]", item="j"),
        )
        outer = sub("s", inner_start("i"), inner, path("i", "t"), ends("t"), each("=[1, 2]", item="i"))
        return draw("p", start(), outer, user("z"), end(), path("start", "s", "z", "end"))

    old = office.deploy(nested("a"))
    instance = office.begin()
    office.complete("a")
    new = office.deploy(nested("a", "b"))
    assert [line.children for line in office.preview(old, new).lines] == [5]
    office.migrate(old, new)
    for _ in range(3):
        office.complete("a", "b")
    office.complete("z")
    assert office.ended(instance)


def test_a_called_process_keeps_its_own_version_and_can_be_migrated_itself(office: Office) -> None:
    def called(*ids: str) -> bytes:
        return draw("q", start(), *(user(one) for one in ids), end(), path("start", *ids, "end"))

    def calling(*ids: str) -> bytes:
        return draw(
            "p",
            start(),
            node("callActivity", "c", calledElement="q"),
            *(user(one) for one in ids),
            end(),
            path("start", "c", *ids, "end"),
        )

    q1 = office.engine.deploy({"q.bpmn": called("a")}).id
    old = office.deploy(calling("z"))
    instance = office.begin()
    q2 = office.engine.deploy({"q.bpmn": called("a", "b")}).id
    new = office.deploy(calling("y", "z"))
    office.migrate(old, new)
    (child,) = office.rows(ProcessInstance, ProcessInstance.parent_id == instance)
    assert child.definition_id == q1
    office.migrate(q1, q2)
    office.complete("a", "b", "y", "z")
    assert office.ended(instance)


def test_an_ad_hoc_sub_process(office: Office) -> None:
    def adhoc(*ids: str) -> bytes:
        return draw(
            "p",
            start(),
            sub("s", *(user(one) for one in ids), kind="adHocSubProcess"),
            user("z"),
            end(),
            path("start", "s", "z", "end"),
        )

    old = office.deploy(adhoc("a", "b"))
    instance = office.begin()
    office.complete("a")
    new = office.deploy(adhoc("a", "b", "c"))
    office.migrate(old, new)
    office.complete("b", "z")
    assert office.ended(instance)


def test_a_service_task_that_waits_or_has_failed(office: Office, world: World) -> None:
    def sends(id: str, to: str) -> bytes:
        return draw(
            "p",
            start(),
            user("a"),
            service(id, "notify", person=to, text="办结"),
            end(),
            path("start", "a", id, "end"),
        )

    old = office.deploy(sends("s", "=999999"))
    instance = office.begin()
    office.engine.complete(office.todo()["a"], by=world.member)
    for _ in range(5):
        office.later(hours=1)
    assert office.engine.incidents(by=office.admin)
    new = office.deploy(sends("s2", f"={world.member}"))
    plan = office.preview(old, new, s="s2")
    act = office.engine.migrate_instances(plan, reason="收件人写错", by=office.admin)
    office.engine.run_jobs()
    assert office.engine.migration(act.id, by=office.admin).counts == {"migrated": 1}
    (incident,) = office.engine.incidents(by=office.admin)
    office.engine.retry_incident(incident.id, by=office.admin)
    office.engine.run_jobs()
    assert office.ended(instance)


def test_a_suspended_instance_stays_suspended(office: Office) -> None:
    def with_(*timers: str) -> bytes:
        events = "".join(
            boundary(id, "a", timer("timeDuration", "P1D"))
            + user(f"late_{id}")
            + path(id, f"late_{id}")
            + ends(f"late_{id}")
            for id in timers
        )
        return draw("p", start(), user("a"), events, end(), path("start", "a", "end"))

    old = office.deploy(with_())
    instance = office.begin()
    office.engine.suspend(instance, reason="等批复", by=office.admin)
    new = office.deploy(with_("x"))
    assert office.migrate(old, new) == {("armed", "x")}
    office.later(days=3)
    assert set(office.todo()) <= {"a"} and not office.ended(instance)
    office.engine.resume(instance, by=office.admin)
    office.engine.run_jobs()
    office.complete("late_x")
    assert office.ended(instance)


def test_added_signers_stay_with_the_item(office: Office, world: World) -> None:
    old = office.deploy(line("a"))
    instance = office.begin()
    item = office.todo()["a"]
    (added,) = office.engine.add_signers(
        item, persons=[world.other], place="before", note="", by=world.member
    )
    new = office.deploy(line("a2", "b"))
    office.migrate(old, new, a="a2")
    office.engine.complete(added.id, by=world.other, opinion="可以")
    office.complete("a2", "b")
    assert office.ended(instance)


def test_results_that_are_held_for_those_who_are_asked_after(office: Office, world: World) -> None:
    old = office.deploy(line("a", "z"))
    instance = office.begin()
    item = office.todo()["a"]
    (added,) = office.engine.add_signers(item, persons=[world.other], place="after", note="", by=world.member)
    office.engine.complete(item, by=world.member)
    new = office.deploy(line("a2", "z"))
    office.migrate(old, new, a="a2")
    office.engine.complete(added.id, by=world.other, opinion="可以")
    office.complete("z")
    assert office.ended(instance)


def test_reminders_are_the_new_diagram_s(office: Office) -> None:
    def due(*reminders: str) -> bytes:
        return line(
            "a", a="".join([ours("due", value="10 天"), *(ours("reminder", before=one) for one in reminders)])
        )

    old = office.deploy(due("1 天", "2 天"))
    instance = office.begin()
    before = office.rows(Job, Job.kind == "reminder")
    assert len(before) == 2
    new = office.deploy(due("4 天"))
    assert office.migrate(old, new) == {("reminders", "a")}
    (job,) = office.rows(Job, Job.kind == "reminder")
    assert job.due_at == max(one.due_at for one in before) - timedelta(days=3)
    office.later(days=7)
    office.complete("a")
    assert office.ended(instance)


def test_who_moved_meanwhile_is_planned_anew_or_reported(office: Office, world: World) -> None:
    old = office.deploy(
        draw("p", start(), user("a"), user("b"), user("c"), end(), path("start", "a", "b", "c", "end"))
    )
    moved, more, gone, still = (office.begin() for _ in range(4))
    new = office.deploy(
        draw(
            "p",
            start(),
            user("a"),
            user("b"),
            boundary("x", "b", timer("timeDuration", "P1D")),
            end(),
            end("e2"),
            path("start", "a", "b", "end"),
            path("x", "e2"),
        )
    )
    items = {item.instance_id: item.id for item in office.rows(WorkItem)}
    plan = office.preview(old, new)
    assert [line.shown for line in plan.lines] == [[]] * 4
    act = office.engine.migrate_instances(plan, reason="启用新版", by=office.admin)
    office.engine.claim(items[moved], by=world.member)  # nothing else happens to it than was shown
    office.engine.complete(items[more], by=world.member)  # a timer would be armed now
    office.engine.cancel(gone, reason="作废", by=office.admin)
    office.engine.run_jobs()
    progress = office.engine.migration(act.id, by=office.admin)
    assert progress.counts == {"migrated": 2, "changed": 1, "ended": 1}
    assert {(one.instance_id, one.outcome) for one, _ in progress.left} == {
        (more, "changed"),
        (gone, "ended"),
    }
    assert [office.version(one) for one in (moved, more, still)] == [2, 1, 2]
    assert office.migrate(old, new) == {("armed", "x")}  # shown anew
    again = office.engine.migrate_instances(plan, reason="再次", by=office.admin)
    office.engine.run_jobs()
    assert office.engine.migration(again.id, by=office.admin).counts == {"elsewhere": 3, "ended": 1}


def test_an_instance_that_got_stuck_meanwhile_is_refused_and_untouched(office: Office, world: World) -> None:
    old = office.deploy(line("a", "b"))
    instance = office.begin()
    new = office.deploy(line("a", "c"))
    plan = office.preview(old, new)
    act = office.engine.migrate_instances(plan, reason="启用新版", by=office.admin)
    office.engine.complete(office.todo()["a"], by=world.member)
    before = {k: v for k, v in office.dump().items() if k not in ("job", "migrated_instance", "checkpoint")}
    office.engine.run_jobs()
    after = {k: v for k, v in office.dump().items() if k not in ("job", "migrated_instance", "checkpoint")}
    assert after == before
    ((row, title),) = office.engine.migration(act.id, by=office.admin).left
    assert row.outcome == "refused" and row.said is not None and "“b”" in row.said[0] and title
    assert office.version(instance) == 1


def test_what_opens_at_once_and_cannot_be_opened_refuses_the_instance(office: Office) -> None:
    def behind(way: str) -> bytes:
        aside = end("e2") if way == "e2" else ""
        return draw(
            "p",
            start(),
            gateway("parallel", "f"),
            user("a"),
            user("b"),
            aside,
            gateway("parallel", "j"),
            user("d", loop=each("=不存在")),
            end(),
            path("start", "f", "a", "j", "d", "end"),
            path("f", "b", way),
        )

    old = office.deploy(behind("j"))
    instance = office.begin()
    office.complete("a")
    new = office.deploy(behind("e2"))
    plan = office.preview(old, new)
    act = office.engine.migrate_instances(plan, reason="启用新版", by=office.admin)
    office.engine.run_jobs()
    assert office.engine.migration(act.id, by=office.admin).counts == {"refused": 1}
    assert office.version(instance) == 1 and not office.rows(Fanout)
    assert "migrated" not in [e.code for e in office.engine.timeline(instance, by=office.admin)]


def test_many_are_read_in_groups_and_planned_in_a_constant_number_of_statements(office: Office) -> None:
    old = office.deploy(line("a", "b"))
    office.begin(2)
    new = office.deploy(line("a", "c"))
    office.preview(old, new)
    with counted(office.engine, reading=True) as few:
        office.engine.preview_migration(old, new, by=office.admin)
    with office.database.write() as session:
        template = session.scalars(select(ProcessInstance).order_by(ProcessInstance.id)).first()
        columns = [c.key for c in ProcessInstance.__table__.columns if c.key != "id"]
        session.add_all(
            ProcessInstance(**{name: getattr(template, name) for name in columns}) for _ in range(CHUNK - 2)
        )
    with counted(office.engine, reading=True) as many:
        plan = office.engine.preview_migration(old, new, by=office.admin)
    assert len(plan.lines) == CHUNK and len(many.statements) == len(few.statements)
    assert [(len(group.lines), len(group.reasons)) for group in plan.groups] == [(CHUNK, 0)]


def test_groups_tell_apart_what_happens(office: Office, world: World) -> None:
    old = office.deploy(line("a", "b"))
    for _ in range(3):
        office.begin()
    office.engine.complete(office.todo()["a"], by=world.member)
    new = office.deploy(line("a", "c"))
    groups = office.preview(old, new).groups
    assert [(len(g.lines), [r.element for r in g.reasons]) for g in groups] == [(2, []), (1, ["b"])]
    plan = office.preview(old, new)
    act = office.engine.migrate_instances(plan, reason="启用新版", by=office.admin)
    assert office.engine.migration(act.id, by=office.admin).waiting == 2
    office.engine.run_jobs()
    assert office.engine.migration(act.id, by=office.admin).counts == {"migrated": 2, "refused": 1}
    with office.database.read() as session:
        assert len(session.scalars(select(MigratedInstance)).all()) == 3


def test_a_decision_is_read_with_the_version_that_took_it(office: Office) -> None:
    def graded(*ids: str) -> bytes:
        more = [user(one) for one in ids if one != "grade"]
        rule = extensions(ours("decision", ref="grade.dmn", decision="等次", result="结果"))
        grade = [node("businessRuleTask", "grade", rule)] if "grade" in ids else []
        found = service("find", "lookup", {"得分": "=93", "目标": "=[]"}, unit="=unit.id")
        return draw("p", start(), found, *grade, *more, end(), path("start", "find", *ids, "end"))

    old = office.deploy(graded("grade", "a"), grade__dmn=model("grade", table(90)))
    instance = office.begin()
    new = office.deploy(graded("a", "b"))
    office.migrate(old, new)
    (event,) = [e for e in office.engine.timeline(instance, by=office.admin) if e.code == "decided"]
    taken = office.engine.decision(instance, event.seq, by=office.admin)
    assert (taken.definition.version, taken.value) == (1, "优秀")


def test_a_closed_fan_out_is_still_shown_and_compensated_in_its_own_version(office: Office) -> None:
    def booked(*ids: str, looped: str) -> bytes:
        inner = sub(
            looped,
            inner_start("i"),
            user("a"),
            boundary("ca", "a", defines("compensation")),
            user("undo").replace("<bpmn:userTask", '<bpmn:userTask isForCompensation="true"'),
            association("ca", "undo"),
            path("i", "a"),
            ends("a"),
            each("=[1, 2]", item="i"),
        )
        return draw(
            "p",
            start(),
            inner,
            *(user(one) for one in ids),
            throw("back", defines("compensation")),
            end(),
            path("start", looped, *ids, "back", "end"),
        )

    old = office.deploy(booked("b", looped="s"))
    instance = office.begin()
    office.complete("a", "a")
    new = office.deploy(booked("b", "c", looped="s2"))
    assert office.migrate(old, new, s="s2") == set()
    assert [one.name for one in office.engine.instance(instance, by=office.admin).fanouts] == ["s"]
    office.complete("b", "c")
    office.complete("undo", "undo")
    assert office.ended(instance)


def test_a_vote_goes_on_with_its_electorate_and_its_ballots(office: Office, world: World) -> None:
    def ballot(id: str, *after: str) -> bytes:
        rule = ours(
            "vote", kind="ratio", field="决定", agree="同意", reject="反对", threshold="1/2", result="表决"
        )
        everybody = f"=[{world.secretary}, {world.deputy}, {world.other}]"
        task = user(id, ours("form", ref="f.form.json"), rule, person=None, loop=each(everybody, "人"))
        return draw(
            "p", start(), task, *(user(one) for one in after), end(), path("start", id, *after, "end")
        )

    old = office.deploy(ballot("票", "后"), f__form__json=form("决定"))
    instance = office.begin()
    votes = ((world.secretary, "票", "同意"), (world.deputy, "票2", "同意"), (world.other, "票2", "反对"))
    for number, (person, element, choice) in enumerate(votes):
        if number == 1:
            new = office.deploy(ballot("票2", "再", "后"), f__form__json=form("决定"))
            assert office.migrate(old, new, 票="票2") == {("renamed", "票")}
        office.engine.complete(todo(office.engine, person)[element], by=person, data={"决定": choice})
        office.engine.run_jobs()
    result = office.engine.variables(instance, by=office.admin)["表决"]
    assert (result["结果"], result["应到"], result["同意"], result["反对"]) == ("通过", 3, 2, 1)
    office.complete("再", "后")
    assert office.ended(instance)


def test_work_goes_back_as_far_as_the_new_version_knows_it(office: Office, world: World) -> None:
    old = office.deploy(line("a", "b", "c"))
    instance = office.begin()
    office.complete("a", "b")
    new = office.deploy(line("a", "x", "c"))
    assert office.migrate(old, new) == {("forgotten", "b")}
    office.engine.reject(office.todo()["c"], by=world.member, opinion="重办")
    office.engine.run_jobs()
    office.complete("a", "x", "c")
    assert office.ended(instance)


def test_people_at_work_and_a_migration_do_not_get_in_each_other_s_way(
    office: Office, settings: Settings, world: World
) -> None:
    old = office.deploy(parts("s", "a", "b"))
    instances = [office.begin() for _ in range(4)]
    new = office.deploy(parts("s", "a", "x", "b"))
    act = office.engine.migrate_instances(office.preview(old, new), reason="启用新版", by=office.admin)
    gate = Barrier(3)

    def hurry() -> None:
        engine = ProcessEngine(settings, office.clock)
        gate.wait()
        for _ in range(5):
            for row in engine.inbox(by=world.member, limit=10):
                if row.item is not None and row.item.element_id in ("a", "b"):
                    with suppress(Conflict):
                        engine.complete(row.item.id, by=world.member)
            engine.run_jobs()
        engine.close()

    threads = [Thread(target=hurry) for _ in range(2)]
    for thread in threads:
        thread.start()
    gate.wait()
    office.engine.run_jobs()
    for thread in threads:
        thread.join()
    office.engine.run_jobs()
    progress = office.engine.migration(act.id, by=office.admin)
    assert sum(progress.counts.values()) == len(instances) and not progress.waiting
    while left := office.todo():
        office.complete(next(iter(left)))
    assert all(office.ended(one) for one in instances)
    assert not office.engine.incidents(by=office.admin) and office.engine.verify_history() == []
    for one in instances:
        assert office.engine.variables(one, by=office.admin)["全部"] == ["甲", "乙", "丙", "丁"]
