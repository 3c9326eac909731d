"""Ledgers: definitions are strangers' files, rows have one live version, readers see their audiences."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from engine import ledgers
from engine.database import Database
from engine.errors import Conflict, Invalid, LvzeError, NotFound
from engine.organisation import people, posts, units

AT = datetime(2026, 3, 2, 1, tzinfo=UTC)
TODAY = date(2026, 3, 2)

LETTERS = ledgers.load(
    """
name: letters
title: 责任书台账
key: [年度, 签发单位, 责任单位]
fields:
  年度: {type: number}
  签发单位: {type: unit}
  责任单位: {type: unit}
  状态: {type: choice, choices: [未签, 已签, 拒签, 逾期]}
  签署日期: {type: date}
rollup:
  by: [年度, 签发单位]
  status: 状态
  open: [未签, 逾期]
""".encode()
)
BOARD = ledgers.load(
    """
name: board
title: 公开栏
key: [年度, 党员]
fields:
  年度: {type: number}
  党员: {type: person}
  姓名: {type: text, section: 姓名}
  岗位: {type: text, section: 职责}
  目标: {type: table, section: 目标任务}
audiences: {姓名: 社会, 职责: 单位, 目标任务: 支部, 工作进展情况: 单位}
""".encode()
)


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.write() as session:
        yield session


@pytest.fixture
def tree(session: Session) -> dict[str, int]:
    """工委 -> two agencies' committees -> branches."""
    ids: dict[str, int] = {}
    for name, kind, above in (
        ("工委", "党工委", None),
        ("甲委", "党委", "工委"),
        ("甲一", "支部", "甲委"),
        ("甲二", "支部", "甲委"),
        ("乙委", "党委", "工委"),
        ("乙一", "支部", "乙委"),
    ):
        parent = ids[above] if above else None
        unit = units.add(session, kind=kind, name=name, founded_on=date(2020, 1, 1), parent_id=parent)
        ids[name] = unit.id
    return ids


def letter(
    session: Session, tree: dict[str, int], to: str, status: str = "未签", **more: Any
) -> ledgers.LedgerEntry:
    key = {"年度": Decimal(2026), "签发单位": tree["工委"], "责任单位": {"id": tree[to], "name": to}}
    return ledgers.publish(session, LETTERS, key=key, values={"状态": status}, at=more.pop("at", AT), **more)


def member(session: Session, tree: dict[str, int], branch: str, name: str = "林一") -> int:
    person = people.add(session, name=name)
    people.enrol(session, person.id, tree[branch], from_on=date(2021, 1, 1))
    return person.id


def test_publishing_again_updates_the_live_row(session: Session, tree: dict[str, int]) -> None:
    first = letter(session, tree, "甲委")
    again = letter(session, tree, "甲委", "已签", at=AT + timedelta(days=1))
    assert again.id == first.id
    assert again.values == {"年度": 2026, "签发单位": tree["工委"], "责任单位": tree["甲委"], "状态": "已签"}
    assert (again.published_at, again.updated_at) == (AT, AT + timedelta(days=1))


def test_a_superseded_row_stays_behind_its_successor(session: Session, tree: dict[str, int]) -> None:
    old = letter(session, tree, "甲委", "已签")
    new = letter(session, tree, "甲委", supersede=True, at=AT + timedelta(days=30))
    assert (new.supersedes_id, new.live, old.live) == (old.id, True, False)
    assert [e.id for e in ledgers.rows(session, "letters")] == [new.id]
    assert [e.id for e in ledgers.rows(session, "letters", history=True)] == [old.id, new.id]
    with pytest.raises(Conflict):
        ledgers.void(session, old.id, reason="错发", at=AT)


def test_voiding_needs_a_reason_and_leaves_room_for_a_new_row(session: Session, tree: dict[str, int]) -> None:
    entry = letter(session, tree, "甲委")
    with pytest.raises(Invalid):
        ledgers.void(session, entry.id, reason=" ", at=AT)
    ledgers.void(session, entry.id, reason="单位已撤销", at=AT)
    assert letter(session, tree, "甲委").id != entry.id


def test_rollup_counts_each_issuers_letters_and_lists_the_unsigned(
    session: Session, tree: dict[str, int]
) -> None:
    letter(session, tree, "甲委", "已签")
    late = letter(session, tree, "乙委", "逾期")
    (found,) = ledgers.rollup(session, LETTERS, {"年度": 2026, "签发单位": tree["工委"]})
    assert found.by == {"年度": 2026, "签发单位": tree["工委"]}
    assert found.counts == {"未签": 0, "已签": 1, "拒签": 0, "逾期": 1}
    assert (found.total, [e.id for e in found.outstanding]) == (2, [late.id])
    assert ledgers.rollup(session, LETTERS, {"年度": 2025}) == []


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"状态": "差不多"}, "状态"),
        ({"签署日期": "五月"}, "签署日期"),
        ({"年份": 2026}, "年份"),
        ({"状态": ["已签"]}, "状态"),
    ],
)
def test_values_that_do_not_fit_are_named(
    session: Session, tree: dict[str, int], values: dict[str, Any], word: str
) -> None:
    key = {"年度": 2026, "签发单位": tree["工委"], "责任单位": tree["甲委"]}
    with pytest.raises(Invalid) as refused:
        ledgers.publish(session, LETTERS, key=key, values=values, at=AT)
    assert list(refused.value.errors) == [word]
    assert word in str(refused.value)
    with pytest.raises(Invalid):
        ledgers.publish(session, LETTERS, key={"年度": 2026}, values={}, at=AT)
    with pytest.raises(Invalid):
        ledgers.publish(session, LETTERS, key={**key, "年度": None}, values={}, at=AT)


def commitment(session: Session, tree: dict[str, int], person: int) -> ledgers.LedgerEntry:
    values = {"姓名": "林一", "岗位": "综合科科员", "目标": [{"目标": "走访企业", "数量": "6家"}]}
    return ledgers.publish(
        session,
        BOARD,
        key={"年度": 2026, "党员": person},
        values=values,
        unit_id=tree["甲一"],
        person_id=person,
        at=AT,
    )


def seen(session: Session, person: int | None) -> dict[str, str]:
    notices = ledgers.noticeboard(session, "board", person_id=person, on=TODAY)
    return notices[0].sections if notices else {}


def test_everybody_sees_the_sections_of_his_audience(session: Session, tree: dict[str, int]) -> None:
    person = member(session, tree, "甲一")
    commitment(session, tree, person)
    colleague = member(session, tree, "甲一", "陈二")
    neighbour = member(session, tree, "甲二", "张三")
    stranger = member(session, tree, "乙一", "李四")
    clerk = people.add(session, name="王五").id
    posts.appoint(session, tree["工委"], "党务干事", clerk, from_on=date(2021, 1, 1))
    everything = ["姓名", "职责", "目标任务", "工作进展情况"]
    assert (
        list(seen(session, person))
        == list(seen(session, colleague))
        == list(seen(session, clerk))
        == everything
    )
    assert list(seen(session, neighbour)) == ["姓名", "职责", "工作进展情况"]
    assert list(seen(session, stranger)) == list(seen(session, None)) == ["姓名"]
    assert seen(session, colleague)["目标任务"] == "走访企业，6家"


def test_a_section_is_filled_through_the_year_and_survives_a_new_publication(
    session: Session, tree: dict[str, int]
) -> None:
    person = member(session, tree, "甲一")
    entry = commitment(session, tree, person)
    ledgers.update_section(
        session, entry.id, "工作进展情况", text="已走访 2 家", at=AT, by=person, audience="社会"
    )
    commitment(session, tree, person)
    assert seen(session, None) == {"姓名": "林一", "工作进展情况": "已走访 2 家"}
    with pytest.raises(NotFound):
        ledgers.update_section(session, entry.id, "奖惩", text="", at=AT)
    with pytest.raises(Invalid):
        ledgers.update_section(session, entry.id, "姓名", text="林", at=AT, audience="全体")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- 1",
        "name: x\ntitle: x\nkey: [a]\nfields: {a: {type: text}}\nextra: 1",
        "name: X y\ntitle: x\nkey: [a]\nfields: {a: {type: text}}",
        "name: x\ntitle: x\nkey: [a]\nfields: {a: {type: text}}\nplaque: 监督牌.doc",
        "name: x\ntitle: x\nkey: []\nfields: {a: {type: text}}",
        "name: x\ntitle: x\nkey: [b]\nfields: {a: {type: text}}",
        "name: x\ntitle: x\nkey: [a]\nfields: {a: {type: blob}}",
        "name: x\ntitle: x\nkey: [a]\nfields: {a: {type: choice}}",
        "name: x\ntitle: x\nkey: [a]\nfields: {a: {type: text, section: 姓名}}",
        "name: x\ntitle: x\nkey: [a]\nfields: {a: {type: text}}\naudiences: {姓名: 全国}",
        "name: x\ntitle: x\nkey: [a]\nfields: {a: {type: text}}\nrollup: {by: [a], status: a}",
        "name: x\ntitle: x\nkey: [a]\nfields: &f {a: {type: text}}\naudiences: *f",
        "name: x\ntitle: x\nkey: [a]\nfields: {a: !!python/object/apply:os.getcwd []}",
        "name: " + "x" * 100_000,
        "[" * 5_000,
        "\x00",
        "name: [\ud800]".encode("utf-8", "surrogatepass").decode("latin-1"),
    ],
)
def test_a_bad_definition_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(LvzeError) as refused:
        ledgers.load(text.encode())
    assert refused.value.code == "ledger-definition"


@pytest.mark.parametrize("path", sorted(Path("processes").glob("*/*.ledger.yaml")), ids=lambda p: p.name)
def test_the_shipped_ledgers_load(path: Path) -> None:
    assert ledgers.load(path.read_bytes()).name == path.name.removesuffix(".ledger.yaml")
