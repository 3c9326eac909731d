"""How decisions and formulas that fail read on a page."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from flask import Flask

from engine import ProcessEngine
from engine.dmn import Sheet
from engine.dmn.table import AGGREGATORS, HIT_POLICIES
from tests.engine.drawing import draw, end, extensions, flow, node, ours, path, start, user
from tests.web.conftest import Visit, World
from web.wording import POLICIES, cell, decided, policy

SCORES = """<definitions xmlns="https://www.omg.org/spec/DMN/20230324/MODEL/" name="评分" namespace="urn:lvze:scores">
  <decision id="d" name="加分"><variable name="加分"/>
    <decisionTable hitPolicy="COLLECT" aggregation="SUM">
      <input label="天数"><inputExpression><text>10 - 4</text></inputExpression></input>
      <output name="加分"/>
      <rule id="a"><description>&lt;b&gt;五天以上&lt;/b&gt;</description>
        <inputEntry><text>&gt; 5</text></inputEntry><outputEntry><text>2</text></outputEntry></rule>
      <rule id="b"><inputEntry><text>not(6)</text></inputEntry><outputEntry><text>1</text></outputEntry></rule>
      <rule id="c"><inputEntry><text>[6..7]</text></inputEntry><outputEntry><text>0.5</text></outputEntry></rule>
    </decisionTable>
  </decision>
</definitions>""".encode()


def process(condition: str) -> dict[str, bytes]:
    return {
        "scores.bpmn": draw(
            "scores",
            start(),
            user("ask", ours("title", value='="看分数"')),
            node("businessRuleTask", "add", extensions(ours("decision", ref="scores.dmn", decision="加分"))),
            node("exclusiveGateway", "which", default="which_end"),
            end("other"),
            end(),
            path("start", "ask", "add", "which", "end"),
            flow("which", "other", condition),
            name="加分",
        ),
        "scores.dmn": SCORES,
    }


def test_the_table_behind_a_line_of_the_timeline(engine: ProcessEngine, world: World, visit: Visit) -> None:
    engine.deploy(process("number(initiator.name) &gt; 1"))
    pages = {}
    for username, person in (("suxiaoman", world.member), ("dingyifan", world.other)):
        instance = engine.start("scores", by=person)
        engine.run_jobs()
        (row,) = engine.inbox(by=person)
        engine.complete(row.item.id, by=person)
        visitor = visit(username)
        visitor.get(f"/instances/{instance.id}")
        pages[username] = unescape(visitor.page)
        assert "决策“加分”：2.5（命中规则 1、3）" in pages[username]
        link = visitor.link("看依据")
        visitor.get(link)
        page = unescape(visitor.page)
        assert "符合的规则全部算数，结果相加" in page and "&lt;b&gt;五天以上" in visitor.page
        hits = re.findall(r'<tr class="hit">.*?</tr>', visitor.page)
        assert len(hits) == 2 and all("命中" in row for row in hits)
        assert '<tr class="given"><td class="lead tight">本次</td><td data-label="天数">6</td>' in page
        assert "<code>not(6)</code>" in page and "6 至 7" in page
        stranger = visit("chengligong" if username == "dingyifan" else "dingyifan")
        assert stranger.get(link).status_code == 404
    # only who can mend a formula is told that it failed
    assert "公式没有算出结果" not in pages["suxiaoman"]
    assert "“number(initiator.name) > 1”的值是 null" in pages["dingyifan"]


@pytest.mark.parametrize(
    ("feel", "words"),
    [
        ("-", "不限"),
        ("", "—"),
        ("true", "是"),
        ("false", "否"),
        ('"甲"', "甲"),
        ('"甲", "乙"', "甲、乙"),
        (">= 90", "≥ 90"),
        ("<60.5", "< 60.5"),
        ("[75..90)", "75 至 90（不含 90）"),
        ("(75..90)", "75 至 90（不含 75、90）"),
        ("]75 .. 90]", "75 至 90（不含 75）"),
        ("-3", "-3"),
        ('not("甲")', "<code>not(&#34;甲&#34;)</code>"),
        ('"甲\\"乙"', "<code>&#34;甲\\&#34;乙&#34;</code>"),
        ("< 得分", "<code>&lt; 得分</code>"),
        ("<script>", "<code>&lt;script&gt;</code>"),
    ],
)
def test_a_simple_cell_reads_as_words(app: Flask, feel: str, words: str) -> None:
    with app.test_request_context():
        assert str(cell(feel)) == words


def test_every_hit_policy_has_words(app: Flask) -> None:
    assert POLICIES.keys() == {*HIT_POLICIES.values(), *AGGREGATORS}
    with app.test_request_context():
        sheet = Sheet("t", "COLLECT", "MAX", (), (), (), ())
        assert policy(sheet) == "符合的规则全部算数，取最大的结果"


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({"value": None, "matched": []}, "决策“D”没有得出结果"),
        ({"value": True, "matched": [["D", 3, ""]]}, "决策“D”：是（命中规则 3）"),
        ({"value": "甲", "matched": []}, "决策“D”：甲"),
        (
            {"value": ["甲", "乙"], "matched": [["D", n, ""] for n in range(1, 9)]},
            "决策“D”：甲；乙（命中规则 1、2、3、4、5…）",
        ),
    ],
)
def test_a_decision_in_one_line(app: Flask, payload: dict[str, Any], words: str) -> None:
    with app.test_request_context():
        assert decided({"decision": "D", **payload}) == words
        assert len(decided({"decision": "D", "value": "长" * 500})) < 80
