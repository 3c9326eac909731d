"""What is told of a decision model before it decides; what the table checks say holds when it does."""

from __future__ import annotations

from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dmn import Model, load
from engine.errors import Finding
from engine.feel import tree

NAMESPACE = "https://www.omg.org/spec/DMN/20191111/MODEL/"
PROCESSES = Path(__file__).parents[2] / "processes"


def definitions(body: str) -> Model:
    return load(f'<definitions xmlns="{NAMESPACE}" name="m" namespace="urn:m">{body}</definitions>'.encode())


def data(name: str, type_: str = "", id_: str = "") -> str:
    variable = f'<variable name="{name}" typeRef="{type_}"/>' if type_ else ""
    return f'<inputData id="{id_ or name}" name="{name}">{variable}</inputData>'


def decision(name: str, logic: str, *requires: str, type_: str = "") -> str:
    variable = f'<variable name="{name}" typeRef="{type_}"/>' if type_ else ""
    needed = "".join(
        f'<informationRequirement><required{"Decision" if r[0] == "!" else "Input"} href="#{r.strip("!")}"/></informationRequirement>'
        for r in requires
    )
    return f'<decision id="{name}" name="{name}">{variable}{needed}{logic}</decision>'


def text(source: str) -> str:
    escaped = source.replace("&", "&amp;").replace("<", "&lt;")
    return f"<text>{escaped}</text>"


def literal(source: str) -> str:
    return f"<literalExpression>{text(source)}</literalExpression>"


def table(
    policy: str,
    columns: list[str],
    *rules: str,
    output: str = "<output/>",
    attributes: str = "",
    types: tuple[str, ...] = (),
    values: tuple[str, ...] = (),
) -> str:
    """A table; a rule is written ``test | test -> output``."""
    inputs = "".join(
        f"<input><inputExpression{f' typeRef={chr(34)}{types[at]}{chr(34)}' if types else ''}>{text(column)}</inputExpression>"
        + (f"<inputValues>{text(values[at])}</inputValues>" if values else "")
        + "</input>"
        for at, column in enumerate(columns)
    )
    rows = ""
    for number, rule in enumerate(rules, 1):
        tests, _, outputs = rule.partition("->")
        rows += f'<rule id="r{number}">'
        rows += "".join(f"<inputEntry>{text(t.strip())}</inputEntry>" for t in tests.split("|") if columns)
        rows += (
            "".join(f"<outputEntry>{text(o.strip())}</outputEntry>" for o in outputs.split("|")) + "</rule>"
        )
    return f'<decisionTable hitPolicy="{policy}" {attributes}>{inputs}{output}{rows}</decisionTable>'


def about(model: Model, code: str) -> list[Finding]:
    return [finding for finding in model.findings if finding.rule == code]


def only(model: Model) -> Finding:
    (finding,) = model.findings
    return finding


SCORE = data("得分", "number")


@pytest.mark.parametrize("path", sorted(PROCESSES.glob("*/*.dmn")), ids=lambda path: path.stem)
def test_the_shipped_decisions_have_none(path: Path) -> None:
    assert load(path.read_bytes()).findings == ()


def test_a_syntax_error_has_its_place() -> None:
    found = only(
        definitions(SCORE + decision("等次", table("UNIQUE", ["得分"], "= = 1 -> 1", "> 2 -> 2"), "得分"))
    )
    assert found.severity == "error" and found.element
    assert "第 1 条规则" in found.message and "第 1 行第" in found.message


def test_a_rule_with_too_many_cells() -> None:
    found = only(
        definitions(
            SCORE + decision("等次", table("UNIQUE", ["得分"], "< 60 | - -> 1", ">= 60 -> 2"), "得分")
        )
    )
    assert (found.severity, found.element) == ("error", "r1")
    assert "决策“等次”，第 1 条规则" in found.message and "列数不符" in found.message


def test_a_name_that_is_not_connected() -> None:
    model = definitions(
        SCORE
        + data("自评")
        + decision("等次", literal("if 得份 > 60 and 自评 != null then 得分 else 1"), "得分")
    )
    near, unconnected = about(model, "unknown-name")
    assert near.severity == unconnected.severity == "error" and near.element == "等次"
    assert "“得份”没有连线" in near.message and "是不是“得分”？" in near.message
    assert "从“自评”画一条连线到“等次”" in unconnected.message


def test_a_text_without_quotation_marks() -> None:
    model = definitions(
        SCORE + decision("等次", table("UNIQUE", ["得分"], ">= 60 -> 优秀", '< 60 -> "差"'), "得分")
    )
    found = only(model)
    assert (found.element, found.details) == ("r1", {"table": "等次", "rule": 1, "column": 1})
    assert "第 1 条规则，输出第 1 列" in found.message and "请加引号" in found.message


def test_cells_and_results_of_the_wrong_type() -> None:
    columns = table(
        "FIRST",
        ["得分"],
        '"高" -> 1',
        '> 60 -> "x"',
        "- -> 2",
        output='<output typeRef="number"/>',
        types=("number",),
    )
    model = definitions(SCORE + decision("等次", columns, "得分"))
    cell, output = about(model, "types")
    assert (cell.element, cell.severity) == ("r1", "error") and "数字与文字不会相等" in cell.message
    assert (output.element, output.details["rule"]) == (
        "r2",
        2,
    ) and '输出“"x"”是文字，应为数字' in output.message
    wrong = definitions(SCORE + decision("等次", literal("得分 + 1"), "得分", type_="string"))
    assert "决策的结果“得分 + 1”是数字，应为文字" in only(wrong).message
    column = table("UNIQUE", ["得分"], "- -> 1", types=("string",))
    assert (
        "列的表达式“得分”是数字，应为文字"
        in only(definitions(SCORE + decision("等次", column, "得分"))).message
    )


def test_what_a_required_decision_gives_is_known() -> None:
    model = definitions(
        SCORE
        + decision("等级", literal('if 得分 > 60 then "过" else "否"'), "得分")
        + decision("奖金", literal("等级 * 2"), "!等级")
    )
    assert "文字与数字不能用“*”计算" in only(model).message


def test_the_inputs_of_a_decision() -> None:
    model = definitions(
        SCORE
        + data("自评")
        + decision("甲", literal("得分"), "得分")
        + decision("乙", literal("甲 + 自评"), "!甲", "自评")
    )
    assert model.inputs_of("甲") == {"得分": tree.Type("number")}
    assert set(model.inputs_of("乙")) == {"得分", "自评"}


def test_functions_are_asked_for_their_parameters() -> None:
    model = definitions(
        SCORE
        + '<businessKnowledgeModel id="f" name="折算"><encapsulatedLogic><formalParameter name="率" typeRef="number"/>'
        + literal("率 / 5 + 得分")
        + "</encapsulatedLogic></businessKnowledgeModel>"
        + '<decision id="d" name="D"><knowledgeRequirement><requiredKnowledge href="#f"/></knowledgeRequirement>'
        + literal("折算(1, 2) + 折祘(3)")
        + "</decision>"
    )
    assert [(f.rule, f.element) for f in model.findings] == [
        ("unknown-name", "f"),
        ("arguments", "d"),
        ("unknown-function", "d"),
    ]
    assert "应为“折算”" in model.findings[2].message


def test_boxed_expressions_are_looked_into() -> None:
    context = (
        '<context><contextEntry><variable name="甲"/>' + literal('"a"') + "</contextEntry>"
        "<contextEntry>" + literal("甲 - 1") + "</contextEntry></context>"
    )
    assert "文字不能用“-”计算" in only(definitions(decision("D", context))).message.replace("与数字", "")
    filtered = "<filter><in>" + literal("[1, 2]") + "</in><match>" + literal("item + 1") + "</match></filter>"
    assert only(definitions(decision("D", filtered))).rule == "filter"
    chosen = (
        "<conditional>"
        + "".join(
            f"<{tag}>{literal(source)}</{tag}>"
            for tag, source in (("if", '"x"'), ("then", "1"), ("else", "2"))
        )
        + "</conditional>"
    )
    assert only(definitions(decision("D", chosen))).rule == "not-boolean"
    typed = '<literalExpression typeRef="number"><text>"x"</text></literalExpression>'
    assert only(definitions(decision("D", typed))).rule == "types"


def test_outputs_that_are_not_listed_or_not_filled_in() -> None:
    listed = '<output><outputValues><text>"优", "差"</text></outputValues></output>'
    model = definitions(
        SCORE
        + decision(
            "等次",
            table("FIRST", ["得分"], '> 90 -> "良"', "> 60 ->", "> 50 -> null", '- -> "差"', output=listed),
            "得分",
        )
    )
    assert [(f.rule, f.element, f.severity) for f in model.findings] == [
        ("output-values", "r1", "warning"),
        ("empty-output", "r2", "warning"),
    ]
    assert '"良" 不在这一列的输出值之内："优"、"差"' in model.findings[0].message


def test_constants_that_a_type_or_column_does_not_allow() -> None:
    grade = '<itemDefinition name="等级"><typeRef>string</typeRef><allowedValues><text>"甲", "乙"</text></allowedValues></itemDefinition>'
    cells = table("FIRST", ["级"], '"丙" -> "丁"', '- -> "甲"', output='<output typeRef="等级"/>')
    model = definitions(grade + data("级", "等级") + decision("D", cells, "级"))
    assert [(f.rule, f.element) for f in model.findings] == [("values", "r1"), ("values", "r1")]
    assert "永远不会匹配" in model.findings[0].message and "输出" in model.findings[1].message
    declared = table("FIRST", ["级"], '"丙" -> 1', "- -> 2", values=('"甲","乙"',))
    assert "允许的输入值" in only(definitions(data("级") + decision("D", declared, "级"))).message


def test_hit_policies_that_lack_something() -> None:
    priority = table("PRIORITY", ["得分"], "> 1 -> 1", "- -> 2")
    assert only(definitions(SCORE + decision("D", priority, "得分"))).rule == "no-output-values"
    total = table("COLLECT", ["得分"], '> 1 -> "a"', attributes='aggregation="SUM"')
    found = only(definitions(SCORE + decision("D", total, "得分")))
    assert (found.rule, found.severity) == ("aggregator", "error") and "SUM" in found.message
    least = table("COLLECT", ["得分"], '> 1 -> "a"', attributes='aggregation="MIN"')
    assert definitions(SCORE + decision("D", least, "得分")).findings == ()
    first = table("FIRST", ["得分"], "- -> 1", attributes='aggregation="COUNT"')
    assert only(definitions(SCORE + decision("D", first, "得分"))).rule == "aggregator"


def test_what_is_drawn_for_nothing() -> None:
    model = definitions(
        SCORE + data("自评") + decision("空", "") + decision("等次", literal("得分"), "得分", "自评")
    )
    assert [(f.rule, f.element, f.severity) for f in model.findings] == [
        ("no-logic", "空", "warning"),
        ("unused", "等次", "warning"),
    ]
    used = decision("等次", literal("自评[得分 > 1]"), "得分", "自评")
    assert definitions(SCORE + data("自评") + used).findings == ()


# --- tables ---


def test_overlapping_rules_of_a_unique_table() -> None:
    model = definitions(
        SCORE
        + data("否决", "boolean")
        + decision(
            "D",
            table(
                "UNIQUE",
                ["得分", "否决"],
                ">= 80 | false -> 1",
                "[60..90) | - -> 2",
                "< 60 | - -> 3",
                ">= 90 | true -> 4",
            ),
            "得分",
            "否决",
        )
    )
    found = only(model)
    assert (found.rule, found.severity, found.element) == ("overlap", "warning", "r2")
    assert found.details["rules"] == [1, 2] and found.details["example"] == {"得分": 80, "否决": False}
    assert "第 1 条与第 2 条规则会同时匹配，例如 得分 = 80，否决 = false" in found.message
    assert len(model.decide("D", found.details["example"]).matched) == 2


def test_rules_of_an_any_table_that_disagree() -> None:
    rules = ("> 60 -> 1", "> 80 -> 1", "> 90 -> 2", "<= 60 -> 3")
    model = definitions(SCORE + decision("D", table("ANY", ["得分"], *rules), "得分"))
    assert [f.details["rules"] for f in about(model, "disagreement")] == [[1, 3], [2, 3]]
    assert len(model.findings) == 2


def test_rules_that_are_never_reached() -> None:
    model = definitions(
        SCORE + decision("D", table("FIRST", ["得分"], ">= 60 -> 1", ">= 80 -> 2", "- -> 3"), "得分")
    )
    found = only(model)
    assert (found.rule, found.element, found.severity) == ("hidden", "r2", "warning")
    assert "第 2 条规则永远轮不到：第 1 条" in found.message
    together = table("FIRST", ["得分"], ">= 60 -> 1", "< 60 -> 2", "[50..70] -> 3")
    assert "合起来" in only(definitions(SCORE + decision("D", together, "得分"))).message
    listed = '<output><outputValues><text>"差", "优"</text></outputValues></output>'
    ranked = table("PRIORITY", ["得分"], '>= 80 -> "优"', '>= 60 -> "差"', '< 60 -> "差"', output=listed)
    assert only(definitions(SCORE + decision("D", ranked, "得分"))).details["rules"] == [2, 1]


def test_inputs_that_no_rule_covers() -> None:
    rules = ("< 60 -> 1", "(60..75) -> 2", "> 75 -> 3")
    model = definitions(SCORE + decision("D", table("UNIQUE", ["得分"], *rules), "得分"))
    found = only(model)
    assert (found.rule, found.severity, found.details["example"]) == ("gap", "warning", {"得分": 60})
    assert "例如 得分 = 60" in found.message
    assert model.decide("D", found.details["example"]).matched == ()
    default = "<output><defaultOutputEntry><text>0</text></defaultOutputEntry></output>"
    assert (
        definitions(SCORE + decision("D", table("UNIQUE", ["得分"], *rules, output=default), "得分")).findings
        == ()
    )
    assert definitions(SCORE + decision("D", table("COLLECT", ["得分"], *rules), "得分")).findings == ()


@pytest.mark.parametrize(
    ("columns", "values", "rules", "gap"),
    [
        (["否决", "得分"], (), ["true | - -> 1", "false | > 5 -> 2"], {"否决": False, "得分": 5}),
        (["得分"], (), ["[0..60) -> 1", "[60..100] -> 2"], None),  # nobody looks beyond 0 and 100
        (["得分"], (), ["[0..59] -> 1", "[60..100] -> 2"], {"得分": Decimal("59.5")}),
        (["得分"], ("[0..100]",), ["< 60 -> 1", "[60..90] -> 2"], {"得分": 91}),
        (["得分"], (), ["1 -> 1", "2, 3 -> 2"], None),  # a choice among what is named
        (["类别"], (), ['"甲" -> 1', 'not("甲") -> 2'], None),
        (["类别"], ('"甲","乙","丙"',), ['"甲" -> 1', '"乙" -> 2'], {"类别": "丙"}),
        (["日"], (), ['<= @"2026-04-30" -> 1', '>= @"2026-05-01" -> 2'], None),  # no day lies between
        (["count(名单)"], (), ["0 -> 1", ">= 1 -> 2"], None),  # no number of things lies between, or below
        (["count(名单[分 > 5])"], (), ["0 -> 1", "> 1 -> 2"], {"count(名单[分 > 5])": 1}),
        (["得分 * 2"], (), ["< 60 -> 1"], None),  # not checkable
        (["得分"], (), ["< 60 -> 1", "> 上限 -> 1"], None),  # not checkable
        (["人.年龄", "人.党龄"], (), ["< 60 | - -> 1", ">= 60 | < 10 -> 2"], {"人.年龄": 60, "人.党龄": 10}),
        (["人", "人.党龄"], (), ["null | - -> 1", "- | < 10 -> 2"], None),  # one is part of the other
    ],
)
def test_gaps(
    columns: list[str], values: tuple[str, ...], rules: list[str], gap: dict[str, Any] | None
) -> None:
    inputs = (
        data("得分", "number")
        + data("否决", "boolean")
        + data("类别")
        + data("日", "date")
        + data("名单")
        + data("人")
        + data("上限")
    )
    used = [
        name
        for name in ("得分", "否决", "类别", "日", "名单", "人", "上限")
        if name in "".join((*columns, *rules))
    ]
    model = definitions(inputs + decision("D", table("FIRST", columns, *rules, values=values), *used))
    assert [f.details["example"] for f in about(model, "gap")] == ([] if gap is None else [gap])
    assert [f.rule for f in model.findings if f.rule != "gap"] == []


def test_a_column_asked_twice_is_one() -> None:
    rules = (">= 60 | < 80 -> 1", ">= 80 | - -> 2", "< 60 | - -> 3")
    assert (
        definitions(SCORE + decision("D", table("UNIQUE", ["得分", "得分"], *rules), "得分")).findings == ()
    )


def test_columns_of_one_origin_are_not_taken_for_independent() -> None:
    model = definitions(
        SCORE
        + decision("等级", table("UNIQUE", ["得分"], '>= 60 -> "过"', '< 60 -> "否"'), "得分")
        + decision("D", table("UNIQUE", ["得分", "等级"], ">= 60 | - -> 1", '- | "否" -> 2'), "得分", "!等级")
    )
    assert model.findings == ()


def test_a_decision_gives_no_more_than_its_table_has() -> None:
    grade = decision("等级", table("UNIQUE", ["得分"], '>= 60 -> "过"', '< 60 -> "否"'), "得分")
    lacking = definitions(SCORE + grade + decision("D", table("UNIQUE", ["等级"], '"过" -> 1'), "!等级"))
    assert only(lacking).details["example"] == {"等级": "否"}
    assert (
        definitions(
            SCORE + grade + decision("D", table("UNIQUE", ["等级"], '"过" -> 1', '"否" -> 2'), "!等级")
        ).findings
        == ()
    )


def test_big_tables_are_told_of_or_let_be() -> None:
    rows = [f"[{n}..{n + 1}) | {n % 7} -> {n}" for n in range(1_000)]
    model = definitions(
        SCORE + data("档", "number") + decision("D", table("UNIQUE", ["得分", "档"], *rows), "得分", "档")
    )
    assert [f.rule for f in model.findings] == ["gap"]
    twice = definitions(SCORE + decision("D", table("UNIQUE", ["得分"], *["- -> 1"] * 100), "得分"))
    assert len(about(twice, "overlap")) == 11 and "还有 4940 对" in about(twice, "overlap")[-1].message
    more = definitions(SCORE + decision("D", table("UNIQUE", ["得分"], *["- -> 1"] * 1_001), "得分"))
    assert more.findings == ()


NUMBERS = (
    "-",
    "1",
    "2",
    "< 1",
    ">= 2",
    "[1..2)",
    "(1..3]",
    "not(2)",
    "not([1..2])",
    "1, 3",
    "null",
    "!= 1",
    "not(< 2, 3)",
    "[1, 3]",
)
TEXTS = ("-", '"a"', '"b"', '"a","b"', 'not("a")', "null", '!= "a"')
TRUTHS = ("-", "true", "false", "not(true)", "null")
SAMPLES: dict[str, tuple[Any, ...]] = {
    "n": (None, 0, 1, Decimal("1.5"), 2, Decimal("2.5"), 3, 4),
    "s": (None, "a", "b", "c"),
    "b": (None, True, False),
}
rows = st.lists(
    st.tuples(
        st.sampled_from(NUMBERS), st.sampled_from(TEXTS), st.sampled_from(TRUTHS), st.sampled_from("12")
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=150, deadline=None)
@given(rows, st.sampled_from(("UNIQUE", "ANY", "FIRST")))
def test_what_is_told_of_a_table_holds(cells: list[tuple[str, ...]], policy: str) -> None:
    """Every overlap, gap and hidden rule is one, and where none is told there is none."""
    inputs = data("n", "number") + data("s", "string") + data("b", "boolean")
    rules = [f"{n} | {s} | {b} -> {out}" for n, s, b, out in cells]
    model = definitions(inputs + decision("D", table(policy, ["n", "s", "b"], *rules), "n", "s", "b"))
    collected = definitions(inputs + decision("D", table("COLLECT", ["n", "s", "b"], *rules), "n", "s", "b"))
    hits = {
        point: [m.rule for m in collected.decide("D", dict(zip("nsb", point, strict=True))).matched]
        for point in product(*SAMPLES.values())
    }
    pairs = {(a, b) for matched in hits.values() for a in matched for b in matched if a < b}
    differing = {(a, b) for a, b in pairs if cells[a - 1][3] != cells[b - 1][3]}
    reached = {matched[0] for matched in hits.values() if matched}
    told = {tuple(f.details["rules"]) for f in (*about(model, "overlap"), *about(model, "disagreement"))}
    assert told == {"UNIQUE": pairs, "ANY": differing, "FIRST": set()}[policy]
    hidden = {f.details["rule"] for f in about(model, "hidden")}
    if policy == "FIRST":
        assert hidden == {r for matched in hits.values() for r in matched} - reached
    for finding in about(model, "gap"):
        assert model.decide("D", finding.details["example"]).matched == ()
    for finding in (*about(model, "overlap"), *about(model, "disagreement")):
        assert set(finding.details["rules"]) <= {
            m.rule for m in collected.decide("D", finding.details["example"]).matched
        }
