"""What one expression may cost. A stranger's expression that goes beyond is refused, never waited for."""

from __future__ import annotations

from engine.errors import Invalid

MAX_SOURCE = 10_000  # characters of an expression
MAX_NESTING = 100  # brackets in brackets
MAX_DEPTH = 250  # levels of the syntax tree, operator chains included
MAX_STEPS = 1_000_000  # syntax nodes evaluated, loops counted
MAX_TEXT = 1_000_000  # characters of one string
TEXT_STEP = 16  # characters that count as one step
MAX_ITEMS = 1_000_000  # entries of one list
MAX_RESULT = 200_000  # values in the result, nested ones counted
MAX_RESULT_DEPTH = 100  # lists in lists of the result
MAX_WARNINGS = 100


class FeelLimitError(Invalid):
    """An expression asked for more than it may have; ``code`` is ``feel-limit``."""

    def __init__(self, message: str) -> None:
        super().__init__("feel-limit", message)
