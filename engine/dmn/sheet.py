"""A decision table as it is written, for people to read: headings and cells as texts, without their meaning."""

from __future__ import annotations

from dataclasses import dataclass

from . import xml
from .table import HIT_POLICIES
from .xml import Element


@dataclass(frozen=True, slots=True)
class Row:
    """A rule.

    :ivar number: 1-based
    :ivar inputs: unary tests as FEEL; ``-`` for any value
    """

    number: int
    id: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    annotations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A decision table.

    :ivar table: whose it is, as in ``Match.table``
    :ivar aggregator: SUM, MIN, MAX or COUNT where COLLECT has one
    :ivar inputs: the columns' headings, ``outputs`` and ``annotations`` likewise
    """

    table: str
    hit_policy: str
    aggregator: str | None
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    annotations: tuple[str, ...]
    rows: tuple[Row, ...]


def sheets(content: bytes) -> list[Sheet]:
    """The decision tables of a file, in its order.

    :raises DmnError: no decision model
    """
    return [_sheet(element) for element in xml.parse(content).iter() if xml.tag(element) == "decisionTable"]


def _sheet(table: Element) -> Sheet:
    policy = table.get("hitPolicy") or "UNIQUE"
    rules = list(xml.children(table, "rule"))
    annotations = [xml.name(column) for column in xml.children(table, "annotation")]
    width = max([len(annotations), *(len(_annotations(rule)) for rule in rules)])
    label = xml.holder(table)
    return Sheet(
        table=label,
        hit_policy=HIT_POLICIES.get(policy, policy),
        aggregator=table.get("aggregation"),
        inputs=tuple(
            column.get("label") or xml.text(xml.child(column, "inputExpression")) or f"输入 {number}"
            for number, column in enumerate(xml.children(table, "input"), 1)
        ),
        outputs=tuple(
            column.get("label") or xml.name(column) or table.get("outputLabel") or label
            for column in xml.children(table, "output")
        ),
        annotations=tuple(annotations + ["说明"] * (width - len(annotations))),
        rows=tuple(_row(number, rule, width) for number, rule in enumerate(rules, 1)),
    )


def _row(number: int, rule: Element, width: int) -> Row:
    notes = _annotations(rule)
    return Row(
        number,
        rule.get("id") or "",
        tuple(xml.text(cell) or "-" for cell in xml.children(rule, "inputEntry")),
        tuple(xml.text(cell) for cell in xml.children(rule, "outputEntry")),
        tuple(notes + [""] * (width - len(notes))),
    )


def _annotations(rule: Element) -> list[str]:
    """Of DMN 1.2 and later, or what older editors write for them."""
    entries = [xml.text(cell) for cell in xml.children(rule, "annotationEntry")]
    return entries or [
        "".join(str(part) for part in cell.itertext()).strip() for cell in xml.children(rule, "description")
    ]
