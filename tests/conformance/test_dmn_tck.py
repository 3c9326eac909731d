"""The DMN Technology Compatibility Kit, where it is present beside the repository.

Every case passes except those that ``dmn_tck_exceptions.txt`` names with their clause; one of them that begins to pass must leave
that list. So the number passed can only grow.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.conformance import tck

FLOOR = {"compliance-level-2": 126, "compliance-level-3": 1152}

pytestmark = pytest.mark.skipif(not tck.KIT.is_dir(), reason=f"no DMN TCK at {tck.KIT}")
CASES = list(tck.cases(tck.KIT))
EXCEPTIONS = tck.exceptions()


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_case(case: tck.Case) -> None:
    outcome = tck.run(case)
    if case.name in EXCEPTIONS:
        assert not outcome.passed, f"{case.name} passes now: take it off {tck.EXCEPTIONS.name}"
    else:
        assert outcome.passed, outcome.message


def test_floor() -> None:
    """As many cases as ever, so a kit that lost cases is noticed."""
    expected = Counter(case.level for case in CASES if case.name not in EXCEPTIONS)
    for level, floor in FLOOR.items():
        assert expected[level] >= floor, level


def test_every_exception_has_its_clause() -> None:
    for name, reason in EXCEPTIONS.items():
        assert reason.startswith("DMN 1.5, "), name
