"""Decision files must be free of what cannot work; whatever else is told of them (``engine.dmn.analysis``) is a warning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from engine import dmn
from engine.errors import Finding, LvzeError, NotFound
from engine.feel.analysis import nearest
from engine.rules import Case


def check(case: Case) -> Iterator[Finding]:
    folder = dmn.Folder(case.files)
    models: dict[str, dmn.Model] = {}
    for element in case.model.elements.values():
        if element.decision is None or element.decision[0] not in case.files:
            continue
        file, decision, _ = element.decision
        if file not in models:
            try:
                models[file] = folder.load(file)
            except LvzeError:
                continue  # another rule tells
            for found in models[file].findings:
                yield replace(
                    found,
                    rule="decisions",
                    message=f"决策文件“{file}”：{found.message}",
                    element=element.id,
                    path=file,
                    details={"code": found.rule, "element": found.element, **found.details},
                )
        known = [*models[file].decisions, *models[file].functions]
        if not _has(models[file], decision):
            near = nearest(decision, known)
            what = f"是不是“{near}”？" if near else f"可选：{'、'.join(known)}。"
            yield Finding(
                "decisions", f"决策文件“{file}”里没有决策“{decision}”。{what}", element.id, path=file
            )


def _has(model: dmn.Model, decision: str) -> bool:
    """By name, or a decision also by its id."""
    try:
        model.inputs_of(decision)
    except NotFound:
        return decision in model.functions
    return True
