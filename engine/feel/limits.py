"""What one expression may cost. A stranger's expression that goes beyond is refused, never waited for."""

from __future__ import annotations

from typing import Literal

from engine.errors import Invalid

MAX_SOURCE = 10_000  # characters of an expression
MAX_NESTING = 100  # brackets in brackets
MAX_DEPTH = 250  # levels of the syntax tree, operator chains included
MAX_STEPS = 1_000_000  # syntax nodes evaluated, loops counted
MAX_SECONDS = 10.0  # of one evaluation, or of one whole decision
CLOCK_STEPS = 1_000  # between two looks at the clock
MAX_TEXT = 1_000_000  # characters of one string
TEXT_STEP = 16  # characters that count as one step
MAX_PATTERN = 5_000  # characters of a regular expression
TRANSCENDENTAL = 20  # steps of a power, an exponential or a logarithm
MAX_RESULT = 200_000  # values in the result, nested ones counted
MAX_RESULT_DEPTH = 100  # lists in lists of the result
MAX_CALLS = 60  # functions that call functions
MAX_WARNINGS = 100

Limit = Literal["length", "nesting", "steps", "time", "text", "pattern", "calls", "depth", "result"]


class FeelLimitError(Invalid):
    """An expression asked for more than it may have; ``code`` is ``feel-limit`` and ``details["limit"]`` says which one:

    ``length``, ``nesting`` and ``pattern`` of what was written, an expression or a regular expression; ``steps``, ``time`` and
    ``calls`` of the work; ``text`` of any value on the way; ``depth`` of data in data; ``result`` of what comes out.
    """

    def __init__(self, limit: Limit, message: str) -> None:
        super().__init__("feel-limit", message, limit=limit)


def refuse_long_text(length: int) -> None:
    """:raises FeelLimitError: more characters than a string may have"""
    if length > MAX_TEXT:
        raise FeelLimitError("text", f"字符串过长，最多 {MAX_TEXT} 个字符。")
