"""Decision tables: loading a file, the first decision, and every further one, by the number of rules and the hit policy."""

from __future__ import annotations

import tracemalloc
from datetime import date
from typing import Any
from xml.sax.saxutils import escape

from engine.dmn import Model, load
from engine.dmn.reading import Definitions, Part
from engine.dmn.table import Input, Output, Rule, Table
from engine.feel import tree
from engine.feel.parser import parse, parse_unary_tests
from tests.bench.report import Report, p50, p95, timed

POLICIES = ("UNIQUE", "ANY", "PRIORITY", "FIRST", "RULE ORDER", "OUTPUT ORDER", "COLLECT", "COLLECT SUM")
INPUTS = ("类别", "金额", "日期")
NAMESPACE = "https://www.omg.org/spec/DMN/20230324/MODEL/"


def run(report: Report) -> None:
    samples = 20 if report.quick else 200
    sizes = (10, 100, 1_000) if report.quick else (10, 100, 1_000, 10_000)
    rows: list[list[object]] = []
    for size in sizes:
        for policy in POLICIES:
            model = built(size, policy)
            first = timed(lambda model=model, size=size: model.decide("D", question(0, size)))
            asked = [question(number, size) for number in range(samples)]
            times = [timed(lambda model=model, inputs=inputs: model.decide("D", inputs)) for inputs in asked]
            matched = sum(len(model.decide("D", inputs).matched) for inputs in asked) / samples
            lost = [timed(lambda model=model: model.decide("D", {})) for _ in range(samples)]
            rows.append([f"{size:,}", policy, matched, first, p50(times), p95(times), p50(lost)])
    report.table(
        "Decision tables of constants and expressions: milliseconds",
        ["rules", "hit policy", "matching", "first", "p50", "p95", "nothing given, p50"],
        rows,
    )
    report.table(
        "Decision files: milliseconds and KiB",
        ["rules", "KiB of XML", "load p50", "first decision", "memory"],
        [list(loading(size, 3 if report.quick else 9)) for size in sizes if size < 10_000],
    )


def cells(number: int, policy: str) -> tuple[str, str, str]:
    """Of a rule: strings, lists, negations, intervals, comparisons, dates, expressions and ``-`` in turn."""
    kind = f'"类{number % 20}"'
    first = (kind, "-", f'{kind}, "其他"', 'not("无")', f'[{kind}, "其他"]')[number % 5]
    low, high = number * 10, number * 10 + (10 if policy == "UNIQUE" else 50)
    second = (f"[{low}..{high})", f"? >= {low} and ? < {high}")[number % 10 == 9]
    third = ("-", '>= date("2026-01-01")', '[date("2026-01-01")..date("2026-12-31")]', "?.year = 2026")[
        number % 4
    ]
    return first, second, third


def result(number: int, policy: str) -> str:
    return '"同"' if policy == "ANY" else str(number % 7)


def question(number: int, size: int) -> dict[str, Any]:
    rule = number * 7 % size
    return {"类别": f"类{rule % 20}", "金额": rule * 10 + 3, "日期": date(2026, 3, 5)}


def built(size: int, policy: str) -> Model:
    """As loaded from a file, which may not have ten thousand rules."""
    known: dict[str, tree.Tests] = {}
    rules = tuple(
        Rule(
            f"r{number}",
            tuple(
                known[text] if text in known else known.setdefault(text, parse_unary_tests(text))
                for text in cells(number, policy)
            ),
            (parse(result(number, policy)),),
        )
        for number in range(size)
    )
    hit, _, aggregator = policy.partition(" ")
    if hit != "COLLECT":
        hit, aggregator = policy, ""
    listed = tuple(parse(str(value)) for value in range(7))
    table = Table(
        "D", hit, aggregator or None, tuple(Input(parse(name), None, None) for name in INPUTS),
        (Output("o", None, listed, None),), rules,
    )  # fmt: skip
    inputs = [Part("inputData", f"i{name}", name) for name in INPUTS]
    decision = Part("decision", "d", "D", requires=tuple(f"#i{name}" for name in INPUTS), logic=table)
    root = Definitions("urn:bench", "bench", parts=[*inputs, decision])
    return Model(root, {root.namespace: root})


def loading(size: int, samples: int) -> tuple[object, ...]:
    content = file(size)
    times = [timed(lambda: load(content)) for _ in range(samples)]
    model = load(content)
    first = timed(lambda: model.decide("D", question(0, size)))
    tracemalloc.start()
    model = load(content)
    model.decide("D", question(0, size))
    memory = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return f"{size:,}", len(content) // 1024, p50(times), first, memory // 1024


def file(size: int) -> bytes:
    def texts(tag: str, *contents: str) -> str:
        return "".join(f"<{tag}><text>{escape(content)}</text></{tag}>" for content in contents)

    data = "".join(f'<inputData id="i{name}" name="{name}"/>' for name in INPUTS)
    needs = "".join(
        f'<informationRequirement><requiredInput href="#i{name}"/></informationRequirement>'
        for name in INPUTS
    )
    columns = "".join(f"<input>{texts('inputExpression', name)}</input>" for name in INPUTS)
    rules = "".join(
        f'<rule id="r{number}">{texts("inputEntry", *cells(number, "UNIQUE"))}'
        f"{texts('outputEntry', result(number, 'UNIQUE'))}</rule>"
        for number in range(size)
    )
    return (
        f'<definitions xmlns="{NAMESPACE}" name="bench" namespace="urn:bench">{data}<decision id="d" name="D">{needs}'
        f'<decisionTable>{columns}<output name="o"/>{rules}</decisionTable></decision></definitions>'
    ).encode()
