"""FEEL: parsing, compiling and evaluating, beside other evaluators on the expressions that these can run."""

from __future__ import annotations

import importlib
import logging
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import simpleeval

from engine import feel
from engine.feel.parser import parse
from tests.bench.report import Report, in_turn

PEERS = Path(__file__).with_name("peers.lock")
REFERENCE = '金额 > 1000 and 类别 in ("甲","乙")'
TYPICAL = "if 金额 > 1000 then sum(for 项 in 明细[数量 > 0] return 项.单价 * 项.数量) else 0"
VALUES = {"金额": 1200, "类别": "甲", "部门": "机关党委", "日期": date(2026, 3, 5), "数": list(range(100))}
EXPRESSIONS = (
    REFERENCE,
    TYPICAL,
    "金额 * 0.8 + 100",
    "明细[数量 > 2]",
    'count(明细[类别 = "甲" and 数量 > 2])',
    "for 项 in 明细 return 项.单价 * 项.数量",
    "every x in 数 satisfies x >= 0",
    "sum(明细.数量)",
    '日期 + duration("P30D") > date("2026-04-01")',
    'contains(部门, "党") and substring(部门, 1, 2) = "机关"',
    '{折扣: if 金额 > 1000 then 0.8 else 1, 应付: 金额 * 折扣}.应付',
    "数[item > 50]",
)  # fmt: skip
# The same in FEEL, in Python as simpleeval takes it, and as bkflow-feel writes it, which knows Latin names only.
# "-": it has no such thing, or answers wrongly.
COMPARED = (
    (REFERENCE, '金额 > 1000 and 类别 in ("甲","乙")', 'amount > 1000 and kind in ["甲","乙"]'),
    ("金额 in [1000..2000]", "1000 <= 金额 <= 2000", "amount in [1000..2000]"),
    ("金额 * 2 + 100", "金额 * 2 + 100", "amount * 2 + 100"),
    ('if 金额 > 1000 then "大" else "小"', '"大" if 金额 > 1000 else "小"', "-"),
    ('contains(部门, "党")', '"党" in 部门', 'contains(office, "党")'),
    ("人.年龄 >= 18", '人["年龄"] >= 18', "person.age >= 18"),
    ("数[item > 50]", "[x for x in 数 if x > 50]", "numbers[item > 50]"),
    ('日期 > date("2026-01-01")', "-", 'since > date("2026-01-01")'),
)
LATIN = {
    "金额": "amount", "类别": "kind", "部门": "office", "日期": "since", "数": "numbers", "人": "person", "年龄": "age"
}  # fmt: skip


def run(report: Report) -> None:
    rounds = 5 if report.quick else 25
    rows: list[list[object]] = []
    for size in (100, 1_000):
        values = VALUES | {"明细": items(size)}
        for text in EXPRESSIONS:
            if size > 100 and "明细" not in text:
                continue
            node, prepared = parse(text), feel.compile(text)
            times = in_turn(
                [
                    lambda text=text: parse(text),
                    lambda text=text, node=node: feel.Expression(text, node),
                    lambda prepared=prepared, values=values: prepared.evaluate(values),
                    lambda text=text, values=values: feel.evaluate(text, values),
                ],
                rounds,
            )
            rows.append([text, size if "明细" in text else "", *times])
    columns = ["", "rows", "parse", "compile", "evaluate, compiled", "evaluate(), cached"]
    report.table(f"FEEL: median microseconds of {rounds} rounds", columns, rows)
    compare(report, rounds)


def items(size: int) -> list[dict[str, Any]]:
    return [
        {"单价": Decimal(i % 7), "数量": Decimal(i % 5), "类别": "甲乙丙"[i % 3], "名称": f"第{i}项"}
        for i in range(size)
    ]


def compare(report: Report, rounds: int) -> None:
    """Prepared: the text was parsed before; text: from the text, ours with its cache."""
    values = VALUES | {"人": {"年龄": 20}}
    latin = {LATIN[name]: value for name, value in values.items()} | {"person": {"age": 20}}
    rows: list[list[object]] = []
    with bkflow_feel() as (prepare, evaluate):
        for ours, python, theirs in COMPARED:
            expected = feel.evaluate(ours, values)
            prepared = feel.compile(ours)
            acts: list[Callable[[], object] | None] = [
                lambda prepared=prepared: prepared.evaluate(values),
                lambda ours=ours: feel.evaluate(ours, values),
                *simple(python, values),
                *((None, None) if theirs == "-" else bound(prepare, evaluate, theirs, latin)),
            ]
            answers = [act() for act in acts if act]
            assert all(answer == expected for answer in answers), (ours, answers)
            times = iter(in_turn([act for act in acts if act], rounds))
            rows.append([ours, *(next(times) if act else "-" for act in acts)])
    report.table(
        f"FEEL beside others, on the same answers: median microseconds of {rounds} rounds",
        ["", "ours, compiled", "evaluate()", "simpleeval, parsed", "text", "bkflow-feel, parsed", "text"],
        rows,
    )


def simple(text: str, values: dict[str, Any]) -> tuple[Callable[[], object] | None, ...]:
    if text == "-":
        return None, None
    evaluator = simpleeval.EvalWithCompoundTypes(names=values)
    parsed = evaluator.parse(text)
    return lambda: evaluator.eval(text, previously_parsed=parsed), lambda: evaluator.eval(text)


def bound(
    prepare: Callable[[str], Any], evaluate: Callable[..., Any], text: str, values: dict[str, Any]
) -> tuple[Callable[[], object], ...]:
    parsed = prepare(text)
    return lambda: parsed.evaluate(values), lambda: evaluate(text, values)


@contextmanager
def bkflow_feel() -> Iterator[tuple[Callable[[str], Any], Callable[..., Any]]]:
    """Its parser and its ``parse_expression``, from a folder of its own: it wants time zones of 2023, and may not hold back ours."""
    with tempfile.TemporaryDirectory(prefix="lvze-bench-") as folder:
        install = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*install, "--target", folder, "--require-hashes", "-r", PEERS], check=True)
        sys.path.append(folder)
        logging.getLogger("bkflow_feel").disabled = True
        try:
            package = importlib.import_module("bkflow_feel")
            api = importlib.import_module("bkflow_feel.api")
            yield lambda text: package.transformer.transform(package.parser.parse(text)), api.parse_expression
        finally:
            sys.path.remove(folder)
