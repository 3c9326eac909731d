"""Decisions, conditions and moments inside a process: what the history keeps of them, and what happens when they fail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from engine import NotExecutable, NotFound, ProcessEngine, Refused, SettableClock
from engine.dmn import Row
from tests.engine.conftest import World
from tests.engine.drawing import (
    boundary,
    draw,
    each,
    end,
    extensions,
    flow,
    node,
    ours,
    path,
    service,
    start,
    timer,
    user,
)

Fresh = Callable[[], ProcessEngine]

#: more steps than an expression may take
TOO_MUCH = "count(for a in 1..1000, b in 1..1000, c in 1..10 return a)"


def model(name: str, body: str, imports: str = "") -> bytes:
    version = "https://www.omg.org/spec/DMN/20230324/MODEL/"
    return (
        f'<definitions xmlns="{version}" name="{name}" namespace="urn:lvze:{name}">{imports}{body}</definitions>'
    ).encode()


def imported(name: str, location: str = "") -> str:
    at = f' locationURI="{location}"' if location else ""
    return f'<import name="{name}" namespace="urn:lvze:{name}"{at} importType="https://www.omg.org/spec/DMN/20230324/MODEL/"/>'


def given(name: str, type_: str) -> str:
    return f'<inputData id="{name}" name="{name}"><variable name="{name}" typeRef="{type_}"/></inputData>'


def table(limit: int) -> str:
    """等次 by 得分 and how many goals are 未完成."""
    needs = "".join(
        f'<informationRequirement><requiredInput href="#{name}"/></informationRequirement>'
        for name in ("得分", "目标")
    )
    rules = "".join(
        f'<rule id="{id_}"><inputEntry><text>{score}</text></inputEntry><inputEntry><text>{goals}</text></inputEntry>'
        f'<outputEntry><text>"{grade}"</text></outputEntry><annotationEntry><text>{why}</text></annotationEntry></rule>'
        for id_, score, goals, grade, why in (
            ("r1", f"&gt;= {limit}", "0", "优秀", "办法第五条"),
            ("r2", f"&gt;= {limit}", "-", "良好", ""),
            ("r3", f"&lt; {limit}", "-", "合格", ""),
        )
    )
    return (
        given("得分", "number")
        + given("目标", "Any")
        + f'<decision id="d" name="等次"><variable name="等次" typeRef="string"/>{needs}<decisionTable hitPolicy="FIRST">'
        '<input label="得分"><inputExpression typeRef="number"><text>得分</text></inputExpression></input>'
        '<input><inputExpression><text>count(目标[结果 = "未完成"])</text></inputExpression></input>'
        f'<output name="等次"/><annotation name="依据"/>{rules}</decisionTable></decision>'
    )


def grading(variables: str = '{得分: 93.5, 目标: [{结果: "已完成"}, {结果: "未完成"}]}') -> bytes:
    """Look the variables up, decide, ask somebody to read it."""
    decide = node(
        "businessRuleTask",
        "grade",
        extensions(ours("decision", ref="grade.dmn", decision="等次", result="结果")),
        name="评定等次",
    )
    names = ("得分", "目标")
    outputs = {name: f"={variables}.{name}" for name in names}
    return draw(
        "p",
        start(),
        service("find", "lookup", outputs, unit="=unit.id"),
        decide,
        user("read"),
        end(),
        path("start", "find", "grade", "read", "end"),
    )


def begin(engine: ProcessEngine, xml: bytes, by: int, **files: bytes) -> int:
    definition = engine.deploy({"p.bpmn": xml, **{n.replace("__", "."): c for n, c in files.items()}})
    instance = engine.start(definition.key, by=by)
    engine.run_jobs()
    return instance.id


def events(engine: ProcessEngine, instance: int, by: int, code: str) -> list[Any]:
    return [event for event in engine.timeline(instance, by=by) if event.code == code]


# ---------------------------------------------------------------- decisions


def test_the_history_keeps_what_a_decision_used_and_which_rules_matched(fresh: Fresh, world: World) -> None:
    engine = fresh()
    instance = begin(engine, grading(), world.member, grade__dmn=model("grade", table(90)))
    (event,) = events(engine, instance, world.member, "decided")
    assert event.element_id == "grade"
    assert event.payload == {
        "decision": "等次",
        "value": "良好",
        "inputs": {"得分": Decimal("93.5"), "目标": [{"结果": "已完成"}, {"结果": "未完成"}]},
        "tables": [["等次", [Decimal("93.5"), 1]]],
        "matched": [["等次", 2, "r2"]],
        "warnings": [],
    }
    # A newer version of the table does not change what the instance's readers see.
    engine = fresh()
    engine.deploy({"p.bpmn": grading(), "grade.dmn": model("grade", table(95))})
    taken = fresh().decision(instance, event.seq, by=world.member)
    assert (taken.step, taken.decision, taken.value, taken.definition.version) == (
        "评定等次",
        "等次",
        "良好",
        1,
    )
    (asked,) = taken.tables
    assert (asked.inputs, asked.matched) == ([(Decimal("93.5"), 1)], {2})
    assert (asked.sheet.hit_policy, asked.sheet.inputs) == ("FIRST", ("得分", 'count(目标[结果 = "未完成"])'))
    assert asked.sheet.outputs == ("等次",) and asked.sheet.annotations == ("依据",)
    assert asked.sheet.rows[0] == Row(1, "r1", (">= 90", "0"), ('"优秀"',), ("办法第五条",))
    assert not list(fresh().verify_history())


def test_only_readers_of_the_instance_see_its_decisions(fresh: Fresh, world: World) -> None:
    engine = fresh()
    instance = begin(engine, grading(), world.member, grade__dmn=model("grade", table(90)))
    (event,) = events(engine, instance, world.member, "decided")
    for who, number in ((world.other, event.seq), (world.member, 1), (world.member, 99)):
        with pytest.raises(NotFound):
            engine.decision(instance, number, by=who)


def test_a_decision_without_a_match_says_so(fresh: Fresh, world: World) -> None:
    engine = fresh()
    xml = grading('{得分: "九十", 目标: []}')
    instance = begin(engine, xml, world.member, grade__dmn=model("grade", table(90)))
    (event,) = events(engine, instance, world.member, "decided")
    assert (event.payload["value"], event.payload["matched"]) == (None, [])
    assert "输入“得分”不是数字，给的是文字。" in event.payload["warnings"]
    assert engine.decision(instance, event.seq, by=world.member).warnings == event.payload["warnings"]


def test_a_decision_that_asks_for_too_much_is_an_incident_and_nothing_is_lost(
    fresh: Fresh, clock: SettableClock, world: World
) -> None:
    engine = fresh()
    endless = model(
        "grade",
        f'<decision id="d" name="等次"><variable name="等次"/><literalExpression><text>{TOO_MUCH}</text></literalExpression></decision>',
    )
    instance = begin(engine, grading(), world.member, grade__dmn=endless)
    for _ in range(5):
        clock.advance(timedelta(minutes=2))
        engine.run_jobs()
    (job,) = engine.instance(instance, by=world.member).incidents
    assert job.element_id == "find" and "“评定等次”作不出决策：" in (job.last_error or "")
    assert not events(engine, instance, world.member, "operated")
    assert not list(engine.verify_history())


def test_files_of_a_deployment_import_each_other(fresh: Fresh, world: World) -> None:
    final = model(
        "grade",
        '<decision id="f" name="等次"><variable name="等次"/><informationRequirement>'
        '<requiredDecision href="urn:lvze:标准#d"/></informationRequirement>'
        '<literalExpression><text>"第四季度" + 标准.等次</text></literalExpression></decision>',
        imported("标准"),  # no location: found by its namespace
    )
    engine = fresh()
    files = {"grade.dmn": final, "standard.dmn": model("标准", table(90)), "other.dmn": b"<no/>"}
    definition = engine.deploy({"p.bpmn": grading(), **files})
    assert definition.resources.keys() == {"grade.dmn", "standard.dmn"}
    instance = engine.start("p", by=world.member).id
    engine = fresh()
    engine.run_jobs()
    (event,) = events(engine, instance, world.member, "decided")
    assert event.payload["value"] == "第四季度良好" and event.payload["matched"] == [["等次", 2, "r2"]]
    assert engine.decision(instance, event.seq, by=world.member).tables[0].sheet.rows[1].id == "r2"
    # a change in the imported file alone is a new version
    again = engine.deploy({"p.bpmn": grading(), **files, "standard.dmn": model("标准", table(95))})
    assert again.version == 2
    with pytest.raises(Refused) as refused:
        engine.deploy({"p.bpmn": grading(), "grade.dmn": final})
    (finding,) = refused.value.findings
    assert (finding.rule, finding.element, finding.path) == ("references", "grade", "grade.dmn")
    assert "“标准”" in finding.message and "不在同一个文件夹里" in finding.message


def test_a_business_rule_task_may_call_a_decision_service(fresh: Fresh, world: World) -> None:
    service_ = (
        '<decisionService id="s" name="评定"><outputDecision href="#d"/>'
        '<inputData href="#得分"/><inputData href="#目标"/></decisionService>'
    )
    engine = fresh()
    xml = grading().replace('decision="等次"'.encode(), 'decision="评定"'.encode())
    instance = begin(engine, xml, world.member, grade__dmn=model("grade", table(90) + service_))
    (event,) = events(engine, instance, world.member, "decided")
    assert (event.payload["decision"], event.payload["value"]) == ("评定", "良好")
    assert event.payload["matched"] == [["等次", 2, "r2"]] and event.payload["inputs"]["得分"] == Decimal(
        "93.5"
    )


# ---------------------------------------------------------------- conditions


def gateway(condition: str, *, default: bool) -> bytes:
    flows = [flow("which", "yes", condition), flow("which", "no", "" if default else "false")]
    attributes = {"default": "which_no"} if default else {}
    return draw(
        "p",
        start(),
        user("first"),
        node("exclusiveGateway", "which", **attributes),
        user("yes"),
        user("no"),
        end(),
        path("start", "first", "which"),
        *flows,
        path("yes", "end"),
        path("no", "end"),
    )


def complete_first(engine: ProcessEngine, by: int) -> None:
    (row,) = engine.inbox(by=by)
    engine.complete(row.item.id, by=by)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("没有的变量 > 2", "“没有的变量 > 2”的值是 null："),
        ("没有的变量", "没有名为“没有的变量”的变量"),
        ('[1, "甲"][1]', '“[1, "甲"][1]”的值是数字，不是真或假。'),
        ("[null, true][1]", "“[null, true][1]”的值是空值，不是真或假。"),
    ],
)
def test_a_condition_without_truth_is_noted_and_not_taken(
    fresh: Fresh, world: World, condition: str, said: str
) -> None:
    engine = fresh()
    instance = begin(engine, gateway(condition.replace(">", "&gt;"), default=True), world.member)
    complete_first(engine, world.member)
    (row,) = engine.inbox(by=world.member)
    assert row.item.element_id == "no"
    (event,) = events(engine, instance, world.member, "warned")
    assert event.element_id == "which" and any(said in one for one in event.payload["warnings"])


def test_a_condition_that_is_false_is_nothing_to_note(fresh: Fresh, world: World) -> None:
    engine = fresh()
    instance = begin(engine, gateway('没有的变量 = "甲"', default=True), world.member)
    complete_first(engine, world.member)
    assert not events(engine, instance, world.member, "warned")


def test_a_gateway_without_a_way_out_quotes_the_condition(fresh: Fresh, world: World) -> None:
    engine = fresh()
    instance = begin(engine, gateway("没有的变量", default=False), world.member)
    with pytest.raises(NotExecutable) as stuck:
        complete_first(engine, world.member)
    assert stuck.value.code == "no-flow" and "没有名为“没有的变量”的变量" in str(stuck.value)
    (row,) = engine.inbox(by=world.member)  # nothing is lost
    assert row.item.element_id == "first" and not events(engine, instance, world.member, "completed")


def test_a_condition_that_asks_for_too_much_is_a_clear_error(fresh: Fresh, world: World) -> None:
    engine = fresh()
    begin(engine, gateway(f"{TOO_MUCH} = 1", default=True), world.member)
    with pytest.raises(NotExecutable) as stuck:
        complete_first(engine, world.member)
    assert stuck.value.code == "expression" and "无法计算" in str(stuck.value)
    assert [row.item.element_id for row in engine.inbox(by=world.member)] == ["first"]


# ---------------------------------------------------------------- business time


def test_today_is_the_day_on_the_wall_everywhere(fresh: Fresh, clock: SettableClock, world: World) -> None:
    clock.set(datetime(2026, 3, 5, 16, 30, tzinfo=UTC))  # half past midnight of the 6th in Shanghai
    engine = fresh()
    wall = 'today() = date("2026-03-06") and now().day = 6 and now().time offset = duration("PT8H")'
    decision = model(
        "grade",
        f'<decision id="d" name="等次"><variable name="等次"/><literalExpression><text>{wall}</text></literalExpression></decision>',
    )
    loop = each("=[today()]", output="=today()", outputs="日子", condition=f"not({wall})")
    xml = draw(
        "p",
        start(),
        service("find", "lookup", {"天": "=today()"}, unit="=unit.id"),
        node(
            "businessRuleTask",
            "grade",
            extensions(ours("decision", ref="grade.dmn", decision="等次", result="等次")),
        ),
        node("exclusiveGateway", "which", default="which_wrong"),
        end("wrong"),
        user("ask", ours("title", value="=string(today())"), ours("due", value="=today()"), loop=loop),
        end(),
        path("start", "find", "grade", "which", "wrong"),
        flow("which", "ask", f'{wall} and 等次 and 天 = date("2026-03-06")'),
        path("ask", "end"),
    )
    instance = begin(engine, xml, world.member, grade__dmn=decision)
    (row,) = engine.inbox(by=world.member)
    assert row.item.title == "2026-03-06" and row.item.due_at == datetime(2026, 3, 6, 16, tzinfo=UTC)
    engine.complete(row.item.id, by=world.member)
    engine.run_jobs()
    assert engine.instance(instance, by=world.member).variables["日子"] == [datetime(2026, 3, 6).date()]  # noqa: DTZ001


@pytest.mark.parametrize(
    ("at", "span", "due"),
    [
        # one o'clock on 1 March in Shanghai is still February in UTC
        (datetime(2026, 2, 28, 17, tzinfo=UTC), "P1M", datetime(2026, 3, 31, 17, tzinfo=UTC)),
        (datetime(2026, 1, 31, 1, tzinfo=UTC), "P1M", datetime(2026, 2, 28, 1, tzinfo=UTC)),
        (datetime(2026, 1, 31, 1, tzinfo=UTC), "P1D", datetime(2026, 2, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_month_is_a_month_on_the_wall(
    fresh: Fresh, clock: SettableClock, world: World, at: datetime, span: str, due: datetime
) -> None:
    clock.set(at)
    engine = fresh()
    xml = draw(
        "p",
        start(),
        user("wait", ours("due", value=f'=duration("{span}")')),
        boundary("late", "wait", timer("timeDuration", span)),
        end(),
        end("over"),
        path("start", "wait", "end"),
        path("late", "over"),
    )
    instance = begin(engine, xml, world.member)
    (row,) = engine.inbox(by=world.member)
    (job,) = engine.instance(instance, by=world.member).pending
    assert (row.item.due_at, job.due_at) == (due, due)


def test_a_timer_without_a_time_says_why(fresh: Fresh, world: World) -> None:
    engine = fresh()
    xml = draw(
        "p",
        start(),
        user("first"),
        node("intermediateCatchEvent", "wait", timer("timeDate", "=没有的日期"), name="等到期"),
        end(),
        path("start", "first", "wait", "end"),
    )
    begin(engine, xml, world.member)
    with pytest.raises(NotExecutable) as stuck:
        complete_first(engine, world.member)
    assert "“等到期”的时间" in str(stuck.value) and "没有名为“没有的日期”的变量" in str(stuck.value)


def test_a_deadline_that_cannot_be_told_is_noted(fresh: Fresh, world: World) -> None:
    engine = fresh()
    instance = begin(
        engine,
        draw(
            "p",
            start(),
            user("ask", ours("due", value='=date("2026-02-" + string(30))')),
            end(),
            path("start", "ask", "end"),
        ),
        world.member,
    )
    (event,) = events(engine, instance, world.member, "warned")
    assert event.element_id == "ask" and "没有这一天" in event.payload["warnings"][0]


@pytest.mark.parametrize(
    "part",
    [
        ours("opinion", required="=没有的 > 1"),
        ours("signature", required="=没有的 > 1", slot="s", document="=[]"),
    ],
)
def test_a_condition_for_an_opinion_or_a_signature_without_truth_is_noted(
    fresh: Fresh, world: World, part: str
) -> None:
    """Nothing is asked of the person, but whoever runs the process sees that nothing could be."""
    engine = fresh()
    instance = begin(
        engine, draw("p", start(), user("ask", part), end(), path("start", "ask", "end")), world.member
    )
    complete_first(engine, world.member)
    (event,) = events(engine, instance, world.member, "warned")
    assert event.element_id == "ask" and "没有名为“没有的”的变量" in event.payload["warnings"][0]


def test_an_operation_that_fails_tells_which_inputs_are_null_by_an_error(
    fresh: Fresh, clock: SettableClock, world: World
) -> None:
    engine = fresh()
    xml = draw(
        "p",
        start(),
        service("tell", "notify", text='="共" + 没有的变量', person="=initiator.person"),
        end(),
        path("start", "tell", "end"),
    )
    instance = begin(engine, xml, world.member)
    for _ in range(5):
        clock.advance(timedelta(minutes=2))
        engine.run_jobs()
    (job,) = engine.instance(instance, by=world.member).incidents
    assert '“"共" + 没有的变量”的值是 null：' in (job.last_error or "")
