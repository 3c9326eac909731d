"""A designer's regular expression, accepted only when it is cheap whatever is typed into the field.

Python's matcher backtracks: ``^(a+)+$`` takes minutes on thirty letters. So a repetition may not contain
anything variable, and what the remaining repetitions can cost together is bounded.
"""

from __future__ import annotations

import re

from engine.errors import Invalid

#: Longest text, in characters, that a pattern is ever matched against.
LONGEST = 256
_DEAREST = LONGEST**3

_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")
_REPEAT = re.compile(r"([*+?]|\{(\d{0,4})(,?)(\d{0,4})\})[?+]?")


def compile_pattern(source: str) -> re.Pattern[str]:
    """The pattern, to be used with ``fullmatch`` on at most ``LONGEST`` characters.

    :raises Invalid: no regular expression, nested repetitions, back references or lookarounds
    """
    try:
        pattern = re.compile(source)
    except (re.error, OverflowError, RecursionError):
        raise Invalid("pattern", f"“{source[:60]}”不是有效的正则表达式。") from None
    if len(source) > 500 or _cost(source) > _DEAREST:
        raise Invalid("pattern", f"正则表达式“{source[:60]}”的重复过多，匹配会很慢，请简化。")
    return pattern


def _cost(source: str) -> int:
    """How many ways the repetitions of a valid pattern can share a text of ``LONGEST`` characters."""
    cost, at = 1, 0
    variable = [False]  # for every open group: can its length vary?
    atom_varies = False
    while at < len(source):
        char = source[at]
        if char == "[" and (match := _CLASS.match(source, at)):
            at, atom_varies = match.end(), False
        elif char == "\\":
            if source[at + 1] in "123456789":
                raise Invalid("pattern", "正则表达式不能使用反向引用。")
            at, atom_varies = at + 2, False
        elif char == "(":
            if source.startswith("(?", at) and not source.startswith("(?:", at):
                raise Invalid("pattern", "正则表达式的括号只能写成 (…) 或 (?:…)。")
            variable.append(False)
            at += 3 if source.startswith("(?:", at) else 1
        elif char == ")":
            atom_varies = variable.pop()
            variable[-1] |= atom_varies
            at += 1
        elif char == "|":
            variable[-1] = True
            cost *= 2
            at += 1
        elif char in "*+?{" and (match := _REPEAT.match(source, at)):
            low, high = _bounds(match)
            if atom_varies and high > 1:
                raise Invalid("pattern", "正则表达式不能在重复里再套重复，如 (a+)+。")
            variable[-1] |= low != high
            cost *= max(1, min(high - low + 1, LONGEST))
            at, atom_varies = match.end(), False
        else:
            at, atom_varies = at + 1, False
    return cost


def _bounds(repeat: re.Match[str]) -> tuple[int, int]:
    match repeat[1]:
        case "*":
            return 0, LONGEST
        case "+":
            return 1, LONGEST
        case "?":
            return 0, 1
    low = int(repeat[2] or 0)
    return low, int(repeat[4] or LONGEST) if repeat[3] else low
