"""The designer offers the operations that there are, with the inputs that they take."""

from __future__ import annotations

import inspect
import json
import pkgutil
import re
from importlib import import_module
from pathlib import Path

from engine import service_tasks

CATALOGUE = Path(__file__).parent.parent.parent / "web/frontend/src/designer/operations.json"


def test_the_designer_knows_every_operation_and_its_inputs() -> None:
    """An operation that takes more inputs than it names as parameters names them in its docstring."""
    catalogue = json.loads(CATALOGUE.read_text(encoding="utf-8"))
    offered = {name: set(operation["inputs"]) for name, operation in catalogue.items()}
    assert offered.keys() == {module.name for module in pkgutil.iter_modules(service_tasks.__path__)}
    for name, inputs in offered.items():
        operation = import_module(f"engine.service_tasks.{name}")
        parameters = inspect.signature(operation.run).parameters.values()
        named = {one.name for one in parameters if one.kind is one.KEYWORD_ONLY}
        assert named <= inputs, f"{name}: {named - inputs} cannot be set in the designer"
        if any(one.kind is one.VAR_KEYWORD for one in parameters):
            named |= set(re.findall(r"``(\w+)``", operation.__doc__))
        assert inputs <= named, f"{name} takes no {inputs - named}"
