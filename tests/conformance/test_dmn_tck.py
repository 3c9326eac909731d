"""The DMN Technology Compatibility Kit, where it is present beside the repository.

Every case passes except those that ``dmn_tck_failing.txt`` names; a case that begins to pass must leave that list. So the number
passed can only grow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from engine import dmn
from engine.feel import YearsMonthsDuration, temporal
from engine.feel.operators import equal

TCK = Path(__file__).resolve().parents[3] / "shared" / "conformance" / "dmn-tck"
FAILING = Path(__file__).with_name("dmn_tck_failing.txt")
FLOOR = {"compliance-level-2": 126, "compliance-level-3": 1152}
NOW = datetime(2026, 4, 30, 18, 0, tzinfo=UTC)
XSI = "{http://www.w3.org/2001/XMLSchema-instance}"

pytestmark = pytest.mark.skipif(not TCK.is_dir(), reason=f"no DMN TCK at {TCK}")


def expected_value(element: etree._Element) -> Any:
    """The value of an inputNode, expected, component or item element."""
    components: dict[str, Any] = {}
    for child in element:
        name = etree.QName(child).localname
        if name == "value":
            return typed(child)
        if name == "list":
            if child.get(f"{XSI}nil") == "true":
                return None
            return [expected_value(item) for item in child]
        if name == "component":
            nil = child.get(f"{XSI}nil") == "true"
            components[child.get("name") or ""] = None if nil else expected_value(child)
        if name == "expected":
            return expected_value(child)
    return components


def typed(element: etree._Element) -> Any:
    text = "".join(str(part) for part in element.itertext())
    if element.get(f"{XSI}nil") == "true":
        return None
    kind = (element.get(f"{XSI}type") or "xsd:string").partition(":")[2]
    if kind == "boolean":
        return text.strip() == "true"
    if kind in ("decimal", "double", "integer", "int", "long", "float"):
        return Decimal(text.strip())
    if kind in ("date", "time", "dateTime"):
        read = {
            "date": temporal.read_date,
            "time": temporal.read_time,
            "dateTime": temporal.read_date_and_time,
        }
        return read[kind](text.strip())
    if kind in ("duration", "dayTimeDuration", "yearMonthDuration"):
        return temporal.read_duration(text.strip())
    return text


def same(value: Any, wanted: Any) -> bool:
    """Equal as the TCK means it: numbers to eight digits, text that stands for a value of its type."""
    if isinstance(wanted, list):
        return isinstance(value, list) and len(value) == len(wanted) and all(map(same, value, wanted))
    if isinstance(wanted, dict):
        return (
            isinstance(value, dict)
            and value.keys() == wanted.keys()
            and all(same(value[k], wanted[k]) for k in wanted)
        )
    if isinstance(wanted, Decimal) and isinstance(value, (Decimal, int)) and not isinstance(value, bool):
        return abs(value - wanted) <= Decimal("1e-8") * max(1, abs(wanted))
    if isinstance(wanted, str) and isinstance(value, YearsMonthsDuration):
        return str(value) == wanted
    return equal(value, wanted) is True


def cases() -> Iterator[Any]:
    for file in sorted(TCK.glob("*/*/*.xml")):
        root = etree.parse(file, etree.XMLParser(remove_comments=True)).getroot()
        for case in root.iter("{*}testCase"):
            for result in case.iter("{*}resultNode"):
                name = f"{file.parent.parent.name}/{file.parent.name}/{case.get('id')}/{result.get('name')}"
                yield pytest.param(file, root, case, result, id=name)


MODELS: dict[Path, dmn.Model] = {}


def model_of(path: Path) -> dmn.Model:
    if path not in MODELS:
        by_namespace = {
            etree.parse(other).getroot().get("namespace"): other.read_bytes()
            for other in path.parent.glob("*.dmn")
        }
        MODELS[path] = dmn.load(path.read_bytes(), resolve=by_namespace.get)
    return MODELS[path]


def passes(
    file: Path, root: etree._Element, case: etree._Element, result: etree._Element
) -> tuple[bool, str]:
    model = model_of(file.parent / (root.findtext("{*}modelName") or ""))
    inputs = {}
    for node in case.iter("{*}inputNode"):
        namespace = node.get("namespace")
        inputs[f"{{{namespace}}}{node.get('name')}" if namespace else node.get("name") or ""] = (
            expected_value(node)
        )
    wanted = expected_value(result)
    name = result.get("name") or ""
    if case.get("type") == "decisionService":
        decided = model.call(case.get("invocableName") or "", inputs, now=NOW)
        value = decided.value
        if isinstance(value, dict) and name in value:
            value = value[name]
    else:
        decided = model.decide(name, inputs, now=NOW)
        value = decided.value
    return same(value, wanted), f"expected {wanted!r}, got {value!r}; {decided.warnings}"


def known_failures() -> frozenset[str]:
    return frozenset(line for line in FAILING.read_text("utf-8").splitlines() if line and line[0] != "#")


@pytest.mark.parametrize(("file", "root", "case", "result"), list(cases()) if TCK.is_dir() else [])
def test_case(
    request: pytest.FixtureRequest,
    file: Path,
    root: etree._Element,
    case: etree._Element,
    result: etree._Element,
) -> None:
    name = request.node.callspec.id
    try:
        passed, message = passes(file, root, case, result)
    except Exception as error:
        passed, message = False, repr(error)
    if name in known_failures():
        assert not passed, f"{name} passes now: take it off {FAILING.name}"
        pytest.xfail(message)
    assert passed, message


def test_floor() -> None:
    """As many cases as ever, so a kit that lost cases is noticed."""
    names = [param.id for param in cases()]
    passed = Counter(str(name).partition("/")[0] for name in names if name not in known_failures())
    for level, floor in FLOOR.items():
        assert passed[level] >= floor, f"{level}: {passed[level]}"
