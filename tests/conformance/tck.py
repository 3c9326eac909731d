"""The DMN Technology Compatibility Kit: ``python -m tests.conformance.tck [KIT]``, by default the kit beside the repository.

KIT is a folder with ``compliance-level-*`` in it, such as ``TestCases`` of a checkout. Prints how many cases pass a level, and the
same for the cases whose expected result is not null, which an engine that answers null to everything would fail. The exit status is
1 when a case fails that ``dmn_tck_exceptions.txt`` does not name, or passes although that file names it.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from engine import dmn
from engine.feel import YearsMonthsDuration, kind, temporal
from engine.feel.operators import equal

KIT = Path(__file__).resolve().parents[3] / "shared/conformance/dmn-tck"
EXCEPTIONS = Path(__file__).with_name("dmn_tck_exceptions.txt")
NOW = datetime(2026, 4, 30, 18, 0, tzinfo=UTC)
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
READERS = {
    "boolean": lambda text: text == "true",
    "date": temporal.read_date,
    "time": temporal.read_time,
    "dateTime": temporal.read_date_and_time,
    **dict.fromkeys(("duration", "dayTimeDuration", "yearMonthDuration"), temporal.read_duration),
    **dict.fromkeys(("decimal", "double", "float", "integer", "int", "long"), Decimal),
}


@dataclass(frozen=True)
class Case:
    """One result that a test case of the kit expects.

    :ivar name: level, folder, case and result with slashes between
    :ivar invocable: the decision service or business knowledge model to call; None for a decision
    :ivar error: whether the standard has an error here, so the null must come with a warning
    """

    name: str
    model: Path
    invocable: str | None
    result: str
    inputs: dict[str, Any]
    expected: Any
    error: bool

    @property
    def level(self) -> str:
        return self.name.partition("/")[0]


@dataclass(frozen=True)
class Outcome:
    case: Case
    passed: bool
    message: str


# --- reading the kit ---


def cases(kit: Path) -> Iterator[Case]:
    """All cases of a kit, in the order of their files."""
    for file in sorted(kit.glob("compliance-level-*/*/*.xml")):
        root = etree.parse(file, etree.XMLParser(remove_comments=True)).getroot()
        folder = f"{file.parent.parent.name}/{file.parent.name}"
        for case in root.iter("{*}testCase"):
            inputs = {_input_name(node): value_of(node) for node in case.iter("{*}inputNode")}
            for result in case.iter("{*}resultNode"):
                name = result.get("name") or ""
                yield Case(
                    f"{folder}/{case.get('id')}/{name}",
                    file.parent / (root.findtext("{*}modelName") or ""),
                    case.get("invocableName") if case.get("type") in ("decisionService", "bkm") else None,
                    name,
                    inputs,
                    value_of(result),
                    result.get("errorResult") == "true",
                )


def _input_name(node: etree._Element) -> str:
    namespace = node.get("namespace")
    return f"{{{namespace}}}{node.get('name')}" if namespace else node.get("name") or ""


def value_of(element: etree._Element) -> Any:
    """The value of an inputNode, resultNode, component or item element."""
    components: dict[str, Any] = {}
    for child in element:
        name = etree.QName(child).localname
        if name == "value":
            return typed(child)
        if name == "list":
            return None if child.get(NIL) == "true" else [value_of(item) for item in child]
        if name == "component":
            components[child.get("name") or ""] = None if child.get(NIL) == "true" else value_of(child)
        if name == "expected":
            return value_of(child)
    return components


def typed(element: etree._Element) -> Any:
    """The value of a value element by its XML Schema type."""
    if element.get(NIL) == "true":
        return None
    text = "".join(str(part) for part in element.itertext())
    reader = READERS.get((element.get(TYPE) or "").rpartition(":")[2])
    return reader(text.strip()) if reader else text


def exceptions() -> dict[str, str]:
    """Name of a case -> why it is excepted, which the list says above it."""
    found: dict[str, str] = {}
    for group in EXCEPTIONS.read_text("utf-8").strip().split("\n\n"):
        lines = group.splitlines()
        reason = " ".join(line.lstrip("# ") for line in lines if line.startswith("#"))
        found |= {line: reason for line in lines if not line.startswith("#")}
    return found


# --- running a case ---


@cache
def model_of(path: Path) -> dmn.Model:
    """The model with whatever it imports from its folder."""
    beside = {
        etree.parse(other).getroot().get("namespace"): other.read_bytes()
        for other in path.parent.glob("*.dmn")
    }
    return dmn.load(path.read_bytes(), resolve=beside.get)


def run(case: Case) -> Outcome:
    """What the engine makes of a case; whatever it raises is a failure."""
    try:
        decided = decide(case)
    except Exception as error:
        return Outcome(case, False, repr(error))
    value = decided.value
    if case.invocable and isinstance(value, dict) and case.result in value:
        value = value[case.result]
    passed = same(value, case.expected) and (bool(decided.warnings) or not case.error)
    return Outcome(case, passed, f"expected {case.expected!r}, got {value!r}; {decided.warnings}")


def decide(case: Case) -> dmn.Decision:
    model = model_of(case.model)
    if case.invocable:
        return model.call(case.invocable, case.inputs, now=NOW)
    return model.decide(case.result, case.inputs, now=NOW)


def same(value: Any, expected: Any) -> bool:
    """Equal as the kit means it: numbers to eight digits, a text that stands for a value of its type."""
    if isinstance(expected, list):
        return isinstance(value, list) and len(value) == len(expected) and all(map(same, value, expected))
    if isinstance(expected, dict):
        return (
            isinstance(value, dict)
            and value.keys() == expected.keys()
            and all(same(value[key], expected[key]) for key in expected)
        )
    if isinstance(expected, Decimal) and kind(value) == "number":
        return abs(value - expected) <= Decimal("1e-8") * max(1, abs(expected))
    if isinstance(expected, str) and isinstance(value, YearsMonthsDuration):
        return str(value) == expected
    if kind(expected) in ("time", "date and time") and kind(value) == kind(expected):
        # FEEL's "=" does not look at fractions of a second.
        return equal(value, expected) is True and temporal.nanosecond_of(value) == temporal.nanosecond_of(
            expected
        )
    return equal(value, expected) is True


# --- the table ---


def main(arguments: list[str]) -> int:
    kit = Path(arguments[0]) if arguments else KIT
    outcomes = [run(case) for case in cases(kit)]
    if not outcomes:
        print(f"no cases below {kit}", file=sys.stderr)
        return 1
    print_table(outcomes)
    excepted = exceptions()
    named = Counter(excepted[o.case.name] for o in outcomes if o.case.name in excepted and not o.passed)
    for reason, count in named.items():
        print(f"\n{count} excepted: {reason}")
    unexpected = [o for o in outcomes if o.passed == (o.case.name in excepted)]
    for outcome in unexpected:
        what = "passes though excepted" if outcome.passed else outcome.message
        print(f"\n{outcome.case.name}: {what}")
    return 1 if unexpected else 0


def print_table(outcomes: list[Outcome]) -> None:
    levels = sorted({o.case.level for o in outcomes})
    print(f"{'':20}{'passed':>16}{'expecting a value':>22}")
    for level in [*levels, "all"]:
        of = [o for o in outcomes if level in (o.case.level, "all")]
        print(f"{level:20}{_share(of):>16}{_share([o for o in of if o.case.expected is not None]):>22}")


def _share(outcomes: list[Outcome]) -> str:
    return f"{sum(o.passed for o in outcomes)}/{len(outcomes)}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
