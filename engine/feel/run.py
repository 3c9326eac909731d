"""What one evaluation carries with it: its warnings, its budget, its clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .limits import MAX_STEPS, MAX_WARNINGS, FeelLimitError
from .tree import Type

MAX_CALLS = 60  # functions that call functions


class Run:
    """State of one evaluation, shared by all its scopes.

    :ivar now: the business time that ``now()`` and ``today()`` read; its zone decides which day today is
    :ivar types: item definitions by name, for ``instance of``
    """

    __slots__ = ("depth", "now", "steps", "types", "warnings")

    def __init__(
        self,
        warnings: list[str] | None = None,
        now: datetime | None = None,
        types: Mapping[str, Type] | None = None,
    ) -> None:
        self.warnings = warnings
        self.now = now
        self.types: Mapping[str, Type] = types or {}
        self.steps = MAX_STEPS
        self.depth = 0

    def warn(self, text: str) -> Any:
        """Say why a value is null; always returns None, the null."""
        if self.warnings is not None and len(self.warnings) < MAX_WARNINGS and text not in self.warnings:
            self.warnings.append(text)
        return None

    def spend(self, steps: int) -> None:
        """:raises FeelLimitError: the budget is used up"""
        self.steps -= steps
        if self.steps < 0:
            raise FeelLimitError("表达式的计算量过大，已停止。请减少循环或数据。")


class Scope:
    """Names in scope, innermost first."""

    __slots__ = ("names", "parent", "run")

    def __init__(self, names: Mapping[str, Any], parent: Scope | None, run: Run) -> None:
        self.names = names
        self.parent = parent
        self.run = run
