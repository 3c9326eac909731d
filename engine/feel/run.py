"""What one evaluation carries with it: its warnings, its budget, its clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from time import monotonic
from typing import Any

from . import limits
from .limits import CLOCK_STEPS, MAX_WARNINGS, TEXT_STEP, FeelLimitError
from .tree import Type


class Run:
    """State of one evaluation, shared by all its scopes.

    :ivar now: the business time that ``now()`` and ``today()`` read; its zone decides which day today is
    :ivar types: item definitions by name, for ``instance of``
    :ivar steps: what is left of the budget
    """

    __slots__ = ("_checkpoint", "_clock", "_deadline", "depth", "now", "steps", "types", "warnings")

    def __init__(
        self,
        warnings: list[str] | None = None,
        now: datetime | None = None,
        types: Mapping[str, Type] | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.warnings = warnings
        self.now = now
        self.types: Mapping[str, Type] = types or {}
        self.steps = limits.MAX_STEPS
        self.depth = 0
        self._clock = clock
        self._deadline: float | None = None
        self._checkpoint = self.steps - CLOCK_STEPS

    def warn(self, text: str) -> Any:
        """Say why a value is null; always returns None, the null."""
        if self.warnings is not None and len(self.warnings) < MAX_WARNINGS and text not in self.warnings:
            self.warnings.append(text)
        return None

    def spend(self, steps: int) -> None:
        """Take steps off the budget, and look at the clock now and then.

        :raises FeelLimitError: steps or time are used up
        """
        self.steps -= steps
        if self.steps < self._checkpoint:
            self._check()

    def spend_text(self, length: int) -> None:
        """Take off what reading or writing so many characters costs."""
        self.spend(length // TEXT_STEP)

    def _check(self) -> None:
        if self.steps < 0:
            raise FeelLimitError("steps", "表达式的计算量过大，已停止。请减少循环或数据。")
        now = self._clock()
        if (
            self._deadline is None
        ):  # from here on, as most evaluations are over before the first look at the clock
            self._deadline = now + limits.MAX_SECONDS
        if now > self._deadline:
            raise FeelLimitError("time", "表达式的计算时间过长，已停止。请减少循环或数据。")
        self._checkpoint = max(0, self.steps - CLOCK_STEPS)


class Scope:
    """Names in scope, innermost first."""

    __slots__ = ("names", "parent", "run")

    def __init__(self, names: Mapping[str, Any], parent: Scope | None, run: Run) -> None:
        self.names = names
        self.parent = parent
        self.run = run
