"""Forms: what is refused at loading, what a page shows, what a submission becomes."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from engine.errors import Invalid
from engine.forms import Form, load
from engine.patterns import compile_pattern

NOW = datetime(2026, 3, 5, 1, 0, tzinfo=UTC)


def form(*components: dict[str, Any]) -> Form:
    return load(json.dumps({"type": "default", "components": list(components)}).encode())


def text(key: str, **more: Any) -> dict[str, Any]:
    return {"type": "textfield", "id": key, "key": key, "label": key, **more}


def refused(filled: Form, raw: dict[str, Any], data: dict[str, Any] | None = None) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        filled.clean(raw, data or {}, now=NOW)
    return caught.value.errors


GOALS = {
    "type": "dynamiclist",
    "key": "目标",
    "label": "目标表",
    "validate": {"required": True},
    "components": [
        {"type": "textarea", "key": "措施", "label": "措施", "validate": {"required": True}},
        {"type": "datetime", "subtype": "date", "key": "时限", "label": "时限"},
        {"type": "number", "key": "分值", "label": "分值", "validate": {"min": 0, "max": 100}},
    ],
}


class Sent(dict[str, list[str]]):
    def getlist(self, key: str, /) -> list[str]:
        return self.get(key, [])


@pytest.mark.parametrize(
    "kind", ["html", "filepicker", "script", "expression", "iframe", "button", None, 7, ["text"]]
)
def test_an_unsupported_component_is_named(kind: Any) -> None:
    with pytest.raises(Invalid) as caught:
        form(text("姓名"), {"type": kind, "id": "Field_9", "key": "x"})
    assert list(caught.value.errors) == ["Field_9"]
    assert "Field_9" in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b'{"components": {}}',
        b"[" * 200_000,
        b'{"components": [], "components": []}',
        b"{" + b" " * 600_000 + b"}",
    ],
)
def test_what_is_no_form_is_refused(content: bytes) -> None:
    with pytest.raises(Invalid):
        load(content)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        form(
            text("姓名"),
            {"type": "textfield", "id": "b", "key": "姓名"},
            {"type": "textfield", "id": "c", "key": "a-b"},
            {"type": "datetime", "id": "d", "key": "d", "subtype": "time"},
            {"type": "number", "id": "e", "key": "e", "validate": {"min": "x"}},
            {"type": "dynamiclist", "id": "f", "key": "f", "components": [{**GOALS, "id": "g"}]},
            {"type": "textfield", "id": "h", "key": "h", "conditional": {"hide": "=1 +"}},
            {"type": "textfield", "id": "i", "key": "__class__"},
        )
    assert set(caught.value.errors) == {"b", "c", "d", "e", "g", "h", "i"}


@pytest.mark.parametrize(
    "source", ["^(a+)+$", "(a|a)*b", "(.*a){20}", "a*a*a*a*a*b", "(?=x)y", r"(a)\1", "(", "(\\w+\\s?)*", "[a"]
)
def test_a_slow_or_broken_pattern_is_refused(source: str) -> None:
    with pytest.raises(Invalid):
        compile_pattern(source)


@pytest.mark.parametrize(
    "source",
    [
        r"\d{4}",
        r"^[一-龥]{2,20}$",
        r"1[3-9]\d{9}",
        r"(?:男|女)",
        r"\d+(\.\d{1,2})?",
        r"[^]a]+",
        r"(?:\d{3}){2}",
    ],
)
def test_an_ordinary_pattern_is_quick(source: str) -> None:
    pattern = compile_pattern(source)
    began = time.perf_counter()
    pattern.fullmatch("1" * 255 + "!")
    assert time.perf_counter() - began < 0.5


def test_text_is_trimmed_and_bounded() -> None:
    name = form(
        text("姓名", validate={"required": True, "minLength": 2, "maxLength": 4, "pattern": "[一-龥]+"})
    )
    assert name.clean({"姓名": " 王\x00芳\ud800 "}, {}, now=NOW) == {"姓名": "王芳"}
    assert refused(name, {}) == {"姓名": "请填写“姓名”"}
    assert "请填写" in refused(name, {"姓名": "  "})["姓名"]
    assert "至少 2 个字" in refused(name, {"姓名": "王"})["姓名"]
    assert "最多 4 个字" in refused(name, {"姓名": "王芳王芳王"})["姓名"]
    assert refused(name, {"姓名": "Wang"}) == {"姓名": "格式不正确"}
    assert refused(name, {"姓名": ["王芳"]}) == {"姓名": "请输入文字"}
    assert form(text("x")).clean({"x": ""}, {}, now=NOW) == {"x": None}


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("12", 12),
        (" 12.50 ", Decimal("12.50")),
        ("１２", 12),
        (12, 12),
        (Decimal("1.5"), Decimal("1.5")),
        (0.1, Decimal("0.1")),
        ("", None),
    ],
)
def test_a_number_keeps_its_digits(given: Any, value: Any) -> None:
    cleaned = form({"type": "number", "key": "n", "label": "n"}).clean({"n": given}, {}, now=NOW)["n"]
    assert cleaned == value and type(cleaned) is type(value)


@pytest.mark.parametrize(
    "given",
    ["abc", "1e999999999", "NaN", "inf", "1_000", "9" * 5000, True, [], "-", float("nan"), float("inf")],
)
def test_what_is_no_number_is_told(given: Any) -> None:
    assert refused(form({"type": "number", "key": "n", "label": "n"}), {"n": given}) == {"n": "请输入数字"}


def test_bounds_of_numbers_and_dates() -> None:
    both = form(
        {
            "type": "number",
            "key": "n",
            "label": "n",
            "decimalDigits": 0,
            "validate": {"min": 1, "max": "=上限"},
        },
        {"type": "datetime", "subtype": "date", "key": "d", "label": "d", "validate": {"min": "2026-01-01"}},
    )
    assert both.clean({"n": "5", "d": "2026年4月30日"}, {"上限": 5}, now=NOW) == {
        "n": 5,
        "d": date(2026, 4, 30),
    }
    assert refused(both, {"n": "6", "d": "2025-12-31"}, {"上限": 5}) == {
        "n": "不能大于 5",
        "d": "不能早于 2026-01-01",
    }
    assert refused(both, {"n": "0", "d": "2026-02-30"}) == {
        "n": "不能小于 1",
        "d": "请输入日期，如 2026-04-30",
    }
    assert refused(both, {"n": "1.5"}) == {"n": "请输入整数"}


def test_choices_are_a_whitelist_and_keep_their_type() -> None:
    chosen = form(
        {"type": "select", "key": "人", "label": "人", "valuesExpression": "=人员"},
        {
            "type": "radio",
            "key": "决定",
            "label": "决定",
            "values": [{"label": "同意", "value": "yes"}],
            "validate": {"required": True},
        },
        {
            "type": "checklist",
            "key": "方式",
            "label": "方式",
            "values": [{"label": "会议", "value": "a"}, {"label": "公开栏", "value": "b"}],
        },
        {"type": "checkbox", "key": "确认", "label": "确认"},
    )
    data = {"人员": [{"label": "王芳", "value": 7}, {"label": "李明", "value": 8}]}
    raw = {"人": "7", "决定": "yes", "方式": ["b", "a", "b"], "确认": "true"}
    assert chosen.clean(raw, data, now=NOW) == {"人": 7, "决定": "yes", "方式": ["b", "a"], "确认": True}
    assert set(refused(chosen, {"人": "9", "决定": "", "方式": ["c"]}, data)) == {"人", "决定", "方式"}
    assert chosen.fields(data, now=NOW)[0].options[1].label == "李明"
    assert chosen.fields(data, raw, now=NOW)[0].shown == "王芳"


def test_a_hidden_field_is_neither_shown_nor_taken() -> None:
    review = form(
        {
            "type": "radio",
            "key": "决定",
            "label": "决定",
            "values": [{"label": x, "value": x} for x in ("同意", "退回")],
        },
        text("理由", validate={"required": True}, conditional={"hide": '=决定 != "退回"'}),
        text("补充", conditional={"hide": "=理由 = null"}),
        {
            "type": "group",
            "label": "分组",
            "conditional": {"hide": "=决定 = null"},
            "components": [text("组内")],
        },
    )
    assert review.clean(
        {"决定": "同意", "理由": "x", "补充": "y", "组内": "z", "other": 1}, {"理由": "旧"}, now=NOW
    ) == {"决定": "同意", "组内": "z"}
    assert [field.path for field in review.fields({}, now=NOW)] == ["决定"]
    assert refused(review, {"决定": "退回"}) == {"理由": "请填写“理由”"}
    shown = review.fields({}, {"决定": "退回", "理由": "x"}, now=NOW)
    assert [field.path for field in shown] == ["决定", "理由", "补充", ""]
    assert [field.name for field in shown[-1].fields] == ["组内"]


def test_read_only_fields_come_from_the_process_alone() -> None:
    locked = form(
        text("类型", readonly=True),
        text("数额", readonly='=类型 = "固定"'),
        text("说明", validate={"required": True}, conditional={"hide": '=类型 = "固定"'}),
    )
    # Flipping the locked value must not unlock or unhide anything.
    cleaned = locked.clean(
        {"类型": "随意", "数额": "999", "说明": "x"}, {"类型": "固定", "数额": "1"}, now=NOW
    )
    assert cleaned == {"类型": "固定", "数额": "1"}


def test_defaults_and_what_was_not_handed_in() -> None:
    started = form(
        {
            "type": "number",
            "key": "年度",
            "label": "年度",
            "validate": {"required": True},
            "properties": {"default": "=本年"},
        },
        text("依据", validate={"required": True}),
        text("备注"),
        text("意见", properties={"prefill": "false"}),
    )
    data = {"本年": 2026, "依据": "旧", "备注": "旧", "意见": "旧"}
    assert [field.value for field in started.fields(data, now=NOW)] == [2026, "旧", "旧", None]
    assert started.clean({"依据": "新"}, data, now=NOW) == {"年度": 2026, "依据": "新"}
    assert refused(started, {"年度": ""}, data) == {"年度": "请填写“年度”", "依据": "请填写“依据”"}


def test_rows_are_gathered_cleaned_and_complained_about() -> None:
    table = form(GOALS)
    sent = Sent(
        {
            "目标-3-措施": ["学习"],
            "目标-0-措施": ["党课"],
            "目标-0-时限": ["2026-06-30"],
            "目标-0-分值": ["20"],
            "目标-3-分值": ["abc"],
            "目标-7-措施": [" "],
            "目标-x-措施": ["?"],
            "目标-1-未知": ["?"],
            "csrf": ["t"],
        }
    )
    raw = table.unflatten(sent)
    assert [row["措施"] for row in raw["目标"]] == ["党课", "学习", " "]
    assert refused(table, raw) == {"目标[1].分值": "请输入数字"}
    raw["目标"][1]["分值"] = ""
    assert table.clean(raw, {}, now=NOW) == {"目标": [
        {"措施": "党课", "时限": date(2026, 6, 30), "分值": 20},
        {"措施": "学习", "时限": None, "分值": None},
    ]}  # fmt: skip
    assert refused(table, {"目标": []}) == {"目标": "请填写“目标表”"}
    assert refused(table, {"目标": [{"分值": "5"}]}) == {"目标[0].措施": "请填写“措施”"}
    assert refused(table, {"目标": [{"措施": "x"}] * 300}) == {"目标": "最多 200 行"}
    shown = table.fields({}, raw, now=NOW)[0]
    assert [field.name for field in shown.rows[1]] == ["目标-1-措施", "目标-1-时限", "目标-1-分值"]
    assert shown.rows[1][0].path == "目标[1].措施" and shown.fields[0].name == "目标-#-措施"
    assert len(table.fields({}, now=NOW)[0].rows) == 1, "an empty list starts with one row to type into"


def test_fixed_rows_keep_what_the_page_did_not_send() -> None:
    report = form({**GOALS, "allowAddRemove": False, "components": [
        text("措施", readonly=True), text("完成情况", validate={"required": True})]})  # fmt: skip
    data = {"目标": [{"编号": 1, "措施": "党课"}, {"编号": 2, "措施": "走访"}]}
    raw = {"目标": [{"措施": "改", "完成情况": "已完成"}, {"完成情况": "进行中"}, {"完成情况": "多出"}]}
    assert report.clean(raw, data, now=NOW)["目标"] == [
        {"编号": 1, "措施": "党课", "完成情况": "已完成"},
        {"编号": 2, "措施": "走访", "完成情况": "进行中"},
    ]
    assert refused(report, {"目标": [{"完成情况": "x"}]}, data) == {"目标[1].完成情况": "请填写“完成情况”"}


@pytest.mark.parametrize(
    "source",
    [
        "__import__('os').system('id')",
        "().__class__.__base__.__subclasses__()",
        "9**9**9",
        "(" * 3000,
        "-" * 100_000,
    ],
)
def test_a_hostile_expression_neither_runs_nor_crashes(source: str) -> None:
    try:
        hostile = form(text("x", conditional={"hide": "=" + source}))
    except Invalid:
        return
    began = time.perf_counter()
    hostile.clean({"x": "1"}, {}, now=NOW)
    assert time.perf_counter() - began < 2


def test_only_what_others_lean_on_is_watched() -> None:
    """A list's columns among them; a field of the process that no one can change here is not."""
    columns = [text("无"), text("目标", conditional={"hide": "=无 = true"}), text("时限")]
    found = form(
        text("决定"),
        text("理由", conditional={"hide": '=决定 != "退回"'}),
        {"type": "select", "key": "发往", "valuesExpression": "=下属单位[kind = 决定].name"},
        {"type": "dynamiclist", "key": "目标表", "components": columns},
        text("备注", properties={"default": "=发往"}),
    )
    assert found.watched == {"决定", "无"}


def test_what_was_decided_reads_as_its_label() -> None:
    values = [{"value": "yes", "label": "同意"}, {"value": "no", "label": "退回修改"}]
    decision = form({"type": "radio", "key": "决定", "values": values}, text("理由"))
    assert decision.chosen({"决定": "no", "理由": "yes"}) == ["退回修改"]
    assert decision.chosen({"决定": None}) == []


def test_a_record_shows_what_was_handed_in_then() -> None:
    """Not what a default, the process or a read-only column would say today."""
    review = form(
        {
            "type": "dynamiclist",
            "key": "目标表",
            "allowAddRemove": False,
            "components": [text("目标", readonly=True)],
            "properties": {"prefill": "false", "default": "=目标"},
        },
        text("决定", properties={"prefill": "false"}),
        text("理由", conditional={"hide": '=决定 != "退回"'}),
    )
    now = {"目标": [{"目标": "改后"}, {"目标": "新增"}], "决定": "同意"}
    handed = {"目标表": [{"目标": "改前"}], "决定": "退回", "理由": "请补充"}
    goals, decision, reason = review.record(handed, now, now=NOW)
    assert [[cell.shown for cell in row] for row in goals.rows] == [["改前"]]
    assert (decision.shown, reason.shown) == ("退回", "请补充")
    assert [field.key for field in review.record({"目标表": [], "决定": "同意"}, now, now=NOW)] == [
        "目标表",
        "决定",
    ]


def test_today_in_a_form_is_the_day_on_the_wall() -> None:
    dated = form(text("期限", properties={"default": "=string(today())"}))
    midnight = datetime(2026, 3, 5, 16, 30, tzinfo=UTC)  # half past twelve of the 6th in Shanghai
    assert dated.fields({}, now=midnight)[0].value == "2026-03-06"


def test_a_variable_whose_name_breaks_an_expression_keeps_no_page_from_opening() -> None:
    shown = form(text("x", properties={"default": "=a +b"})).fields({"a +b": 1, "a +": 2}, now=NOW)
    assert [field.key for field in shown] == ["x"]
