"""Every expression must be FEEL that parses and that can work: conditions say true or false, timers give a time, loops a list."""

from __future__ import annotations

from collections.abc import Iterator

from engine import feel
from engine.bpmn.model import Element
from engine.errors import Finding
from engine.feel.analysis import NULL, Analyser
from engine.feel.values import WORDS
from engine.rules import Case
from engine.rules.variables import Names, Scopes, Written, written

_MAY_WORK = frozenset({"not-boolean"})
"""Defects of a part with which the whole may still give the right value."""


def check(case: Case) -> Iterator[Finding]:
    scopes = Scopes(case)
    for one in written(case):
        # Whoever calls a process decides what its variables are.
        names = {**scopes.seen(one.within), **one.extra}
        yield from _works(one, dict.fromkeys(names) if scopes.open or one.open else names)
    for element in case.model.elements.values():
        if element.kind == "callActivity":
            for name, text in element.outputs.items():
                if text.startswith("="):
                    yield from _parses(text[1:], element.id, f"输出“{name}”")
        if element.loop is not None:
            yield from _loop(element)


def _works(one: Written, names: Names) -> Iterator[Finding]:
    found = list(_parses(one.source, one.element, one.label, names))
    if found:
        yield from found
        return
    analyser = Analyser(names, {})
    try:
        told = analyser.told(analyser.visit(feel.compile(one.source, names).tree, None))
    except RecursionError:
        return
    where = f"{one.label}“{one.source}”"
    for defect in told.defects:
        severity = "warning" if defect.code in _MAY_WORK else "error"
        yield Finding("expressions", f"{where}：{defect.message}", one.element, severity)
    of, expected = analyser.kind(told.type), one.expected
    if expected is None or of is None or of in expected.kinds or (of == "Null" and told.defects):
        return
    what = "总是空" if told.type == NULL else f"是{WORDS[of]}"
    yield Finding("expressions", f"{where}{what}，不能这样用。请改成{expected.words}。", one.element)


def _loop(element: Element) -> Iterator[Finding]:
    loop = element.loop
    assert loop is not None
    if loop.output is not None and (element.kind == "callActivity" or not loop.output.startswith("=")):
        yield from _parses(loop.output.removeprefix("="), element.id, "多实例的输出")


def _parses(source: str, element: str, label: str, names: Names | None = None) -> Iterator[Finding]:
    try:
        feel.compile(source, names or ())
    except (feel.FeelSyntaxError, feel.FeelLimitError) as error:
        yield Finding("expressions", f"{label}“{source}”不是有效的表达式：{error}", element)
