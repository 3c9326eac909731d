"""The designer's catalogue: what people call an operation and its inputs."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parent / "frontend" / "src" / "designer" / "operations.json"


@cache
def _operations() -> dict[str, Any]:
    return dict(json.loads(_FILE.read_text(encoding="utf-8")))


def operation_label(name: str) -> str:
    """编发文字号; the name itself where the catalogue does not have it."""
    return str(_operations().get(name, {}).get("label", name))


def input_label(name: str, operation: str | None) -> str:
    """发文机关（单位）; the name itself where the catalogue does not have it."""
    return str(_operations().get(operation or "", {}).get("inputs", {}).get(name, name))
