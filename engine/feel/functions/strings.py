"""String functions (DMN 1.5, table 74)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ..limits import refuse_long_text
from ..regex import Regex, compiled
from ..run import Run
from .registry import built_in


def whole(number: Any, what: str) -> int:
    """A number as int.

    :raises ValueError: it has a fraction
    """
    if number != int(number):
        raise ValueError(f"{what}应为整数")
    return int(number)


@built_in("substring(string: string, start position: number, length: number?)")
def substring(run: Run, string: str, start: Decimal, length: Decimal | None = None) -> str:
    begin = whole(start, "起始位置")
    if begin == 0 or abs(begin) > len(string):
        raise ValueError("起始位置不在字符串之内")
    begin = begin - 1 if begin > 0 else len(string) + begin
    if length is None:
        return string[begin:]
    if length < 1:
        raise ValueError("长度应大于 0")
    return string[begin : begin + int(length)]


@built_in("string length(string: string)")
def string_length(run: Run, string: str) -> Decimal:
    return Decimal(len(string))


@built_in("upper case(string: string)")
def upper_case(run: Run, string: str) -> str:
    return string.upper()


@built_in("lower case(string: string)")
def lower_case(run: Run, string: str) -> str:
    return string.lower()


@built_in("substring before(string: string, match: string)")
def substring_before(run: Run, string: str, match: str) -> str:
    return string.partition(match)[0] if match and match in string else ""


@built_in("substring after(string: string, match: string)")
def substring_after(run: Run, string: str, match: str) -> str:
    return string.partition(match)[2] if match else string


@built_in("contains(string: string, match: string)")
def contains(run: Run, string: str, match: str) -> bool:
    return match in string


@built_in("starts with(string: string, match: string)")
def starts_with(run: Run, string: str, match: str) -> bool:
    return string.startswith(match)


@built_in("ends with(string: string, match: string)")
def ends_with(run: Run, string: str, match: str) -> bool:
    return string.endswith(match)


def _regex(run: Run, pattern: str, flags: str | None) -> Regex:
    run.spend(len(pattern))
    return compiled(pattern, flags or "")


@built_in("matches(input: string, pattern: string, flags: string|Null?)")
def matches(run: Run, string: str, pattern: str, flags: str | None = None) -> bool:
    return next(_regex(run, pattern, flags).find(string, run.spend), None) is not None


@built_in("replace(input: string, pattern: string, replacement: string, flags: string|Null?)")
def replace(run: Run, string: str, pattern: str, replacement: str, flags: str | None = None) -> str:
    regex = _regex(run, pattern, flags)
    if "q" in (flags or ""):
        replacement = replacement.replace("\\", "\\\\").replace("$", "\\$")
    return regex.replace(string, replacement, run.spend)


@built_in("split(string: string, delimiter: string)")
def split(run: Run, string: str, delimiter: str) -> list[str]:
    return _regex(run, delimiter, None).split(string, run.spend)


@built_in("string join(list: list, delimiter: string|Null?)")
def string_join(run: Run, items: list[Any], delimiter: str | None = None) -> str:
    texts = [item for item in items if item is not None]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("列表里应都是字符串")
    refuse_long_text(sum(map(len, texts)) + len(delimiter or "") * len(texts))
    return (delimiter or "").join(texts)
