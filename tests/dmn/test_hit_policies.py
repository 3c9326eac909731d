"""Every hit policy with every aggregator and form of output: no rule, one rule and three rules match (DMN 1.5, 8.2.8 to 8.2.11)."""

from __future__ import annotations

from typing import Any

import pytest

from engine.dmn import load

ONE = '<output id="o"/>'
RANKED = '<output id="o"><outputValues><text>3, 2, 1</text></outputValues></output>'
DEFAULT = '<output id="o"><defaultOutputEntry><text>9</text></defaultOutputEntry></output>'
TWO = '<output name="a"><outputValues><text>3, 2, 1</text></outputValues></output><output name="b"/>'
FIRST, SECOND, THIRD = {"a": 1, "b": 10}, {"a": 3, "b": 30}, {"a": 2, "b": 20}
RULES = (("1", "1", "10"), ("2", "3", "30"), ("2", "2", "20"))


@pytest.mark.parametrize(
    ("policy", "outputs", "values"),
    [
        ("UNIQUE", ONE, (None, 1, None)),
        ("ANY", ONE, (None, 1, None)),
        ("FIRST", ONE, (None, 1, 1)),
        ("RULE ORDER", ONE, (None, [1], [1, 3, 2])),
        ("COLLECT", ONE, (None, [1], [1, 3, 2])),
        ("COLLECT SUM", ONE, (None, 1, 6)),
        ("COLLECT MIN", ONE, (None, 1, 1)),
        ("COLLECT MAX", ONE, (None, 1, 3)),
        ("COLLECT COUNT", ONE, (0, 1, 3)),
        ("PRIORITY", RANKED, (None, 1, 3)),
        ("OUTPUT ORDER", RANKED, (None, [1], [3, 2, 1])),
        ("UNIQUE", DEFAULT, (9, 1, None)),
        ("PRIORITY", DEFAULT, (9, 1, 1)),
        ("RULE ORDER", DEFAULT, (9, [1], [1, 3, 2])),
        ("COLLECT", DEFAULT, (9, [1], [1, 3, 2])),
        ("COLLECT SUM", DEFAULT, (9, 1, 6)),
        ("COLLECT COUNT", DEFAULT, (9, 1, 3)),
        ("UNIQUE", TWO, (None, FIRST, None)),
        ("ANY", TWO, (None, FIRST, None)),
        ("FIRST", TWO, (None, FIRST, FIRST)),
        ("PRIORITY", TWO, (None, FIRST, SECOND)),
        ("RULE ORDER", TWO, (None, [FIRST], [FIRST, SECOND, THIRD])),
        ("OUTPUT ORDER", TWO, (None, [FIRST], [SECOND, THIRD, FIRST])),
        ("COLLECT", TWO, (None, [FIRST], [FIRST, SECOND, THIRD])),
        # The standard leaves these two open; each output is aggregated by itself.
        ("COLLECT SUM", TWO, (None, FIRST, {"a": 6, "b": 60})),
        ("COLLECT MAX", TWO, (None, FIRST, SECOND)),
    ],
)
def test_policy(policy: str, outputs: str, values: tuple[Any, ...]) -> None:
    policy, _, aggregation = policy.partition(" ") if policy.startswith("COLLECT") else (policy, "", "")
    count = outputs.count("<output ")
    rules = "".join(
        f"<rule><inputEntry><text>&gt;= {least}</text></inputEntry>"
        + "".join(f"<outputEntry><text>{cell}</text></outputEntry>" for cell in cells[:count])
        + "</rule>"
        for least, *cells in RULES
    )
    attribute = f' aggregation="{aggregation}"' if aggregation else ""
    model = load(
        '<definitions xmlns="https://www.omg.org/spec/DMN/20230324/MODEL/" name="m" namespace="urn:m">'
        '<inputData id="x" name="x"/><decision id="d" name="D"><informationRequirement><requiredInput href="#x"/>'
        f'</informationRequirement><decisionTable hitPolicy="{policy}"{attribute}><input><inputExpression>'
        f"<text>x</text></inputExpression></input>{outputs}{rules}</decisionTable></decision></definitions>".encode()
    )
    for x, expected in enumerate(values):
        found = model.decide("D", {"x": x})
        assert found.value == expected
        assert (expected is None) == bool(found.warnings)
