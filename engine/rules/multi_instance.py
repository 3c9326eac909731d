"""A multi-instance activity knows how many there are."""

from __future__ import annotations

from collections.abc import Iterator

from engine.errors import Finding
from engine.rules import Case


def check(case: Case) -> Iterator[Finding]:
    for element in case.elements:
        loop = element.loop
        if loop is None:
            continue
        if (loop.collection is None) == (loop.cardinality is None):
            yield Finding("multi-instance", "多实例需要一个集合（或一个次数），二者取一。", element.id)
        if element.standard_loop is not None:
            yield Finding(
                "multi-instance", "一个活动不能既多实例又循环；请去掉一个，或画成子流程。", element.id
            )
