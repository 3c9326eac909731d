"""Text to tokens. A name of several words is put together by the parser, which knows the names in scope."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from engine.errors import Invalid

from . import advice
from .limits import MAX_SOURCE, FeelLimitError

# DMN 1.5, 10.3.1.2, rules 28-30
_START = (
    r"?A-Z_a-z\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u02FF\u0370-\u037D\u037F-\u167F\u1681-\u180D\u180F-\u1FFF"
    r"\u200C-\u200D\u2070-\u218F\u2C00-\u2FEF\u3001-\uD7FF\uF900-\uFDCF\uFDF0-\uFEFE\uFF00-\uFFFD"
    r"\U00010000-\U000EFFFF"
)
# rules 61 and 62; three of the spaces are name characters too, but a space that nobody sees must not become part of a name
_SPACE = r"\t-\r \u0085\u00A0\u1680\u180E\u2000-\u200B\u2028\u2029\u202F\u205F\u3000\uFEFF"
_STRING = r'"(?:[^"\\\n-\r]|\\[^\n-\r])*"'  # rule 33: on one line
_TOKEN = re.compile(
    rf"""
    (?P<space>(?:[{_SPACE}]|//[^\n\r]*|/\*.*?\*/)+)
  | (?P<number>(?:[0-9]+(?:\.[0-9]+)?|(?<!\.)\.[0-9]+|(?<=\.\.)\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
  | (?P<string>{_STRING})
  | (?P<at>@[{_SPACE}]*{_STRING})
  | (?P<name>[{_START}][{_START}0-9\u00B7\u0300-\u036F\u203F\u2040]*)
  | (?P<symbol>\*\*|\.\.|->|<=|>=|!=|[-+*/=<>()\[\]{{}},:.'’])
    """,
    re.VERBOSE | re.DOTALL,
)
_LINE_END = re.compile("\r\n|\r|\n")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{6})|(.))", re.DOTALL)
_PLAIN_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "'": "'", "\\": "\\"}


class Token(NamedTuple):
    """:ivar kind: number, string, at, name, symbol or end"""

    kind: str
    text: str
    position: int


class FeelSyntaxError(Invalid):
    """A text that is no FEEL; ``code`` is ``feel-syntax``.

    :ivar line: 1-based
    :ivar column: 1-based
    :ivar expected: what could have stood there
    """

    def __init__(
        self, source: str, position: int, problem: str, expected: str = "", advice: str = ""
    ) -> None:
        before = _LINE_END.split(source[:position])
        self.line = len(before)
        self.column = len(before[-1]) + 1
        self.expected = expected
        wanted = f"，此处应为{expected}" if expected else ""
        super().__init__(
            "feel-syntax",
            f"表达式第 {self.line} 行第 {self.column} 列有误：{problem}{wanted}。{advice}",
            line=self.line,
            column=self.column,
            expected=expected,
        )


def tokens(source: str) -> list[Token]:
    """All tokens, spaces and comments left out, ``end`` last.

    :raises FeelSyntaxError: a character that FEEL does not know, or a string or comment that does not end
    :raises FeelLimitError: too long a source
    """
    if len(source) > MAX_SOURCE:
        raise FeelLimitError(
            "length", f"表达式过长：{len(source)} 个字符，最多 {MAX_SOURCE} 个。请拆成几个表达式。"
        )
    found = []
    position = 0
    half = _SURROGATE.search(source)
    if half:
        raise FeelSyntaxError(source, half.start(), "不完整的字符（代理项）", "完整的字符")
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None:
            raise _unknown(source, position)
        kind = match.lastgroup or ""
        if kind == "symbol" and source.startswith("/*", position):
            raise FeelSyntaxError(source, position, "注释没有结束", "“*/”")
        if kind != "space":
            found.append(Token(kind, match.group(), position))
        position = match.end()
    found.append(Token("end", "", len(source)))
    return found


def _unknown(source: str, position: int) -> FeelSyntaxError:
    sign = source[position]
    if sign == '"' or (sign == "@" and source[position + 1 :].lstrip()[:1] == '"'):
        closed = source[position:].count('"') > 1
        return FeelSyntaxError(
            source, position, "字符串没有结束", "半角双引号", "字符串里的换行请写“\\n”。" if closed else ""
        )
    return FeelSyntaxError(
        source, position, f"不认识的字符“{sign}”", "数字、字符串、名称或运算符", advice.of_sign(sign)
    )


def unescape(literal: str) -> str:
    """The content of a string literal without its quotes; an unknown escape stays as it is, for regular expressions."""
    body = literal[1:-1]
    if "\\" not in body:
        return body
    text = _ESCAPE.sub(_escaped, body)
    if any("\ud800" <= c <= "\udfff" for c in text):  # two escapes that are one character
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _escaped(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    if code:
        point = int(code, 16)
        return chr(point) if point <= 0x10FFFF else match[0]
    return _PLAIN_ESCAPES.get(match[3], match[0])


def escape(text: str) -> str:
    """A string literal that ``unescape`` reads as the text."""
    body = (
        text.replace("\\", "\\\\")
        .replace('"', '\\"')
        .replace("\n", "\\n")
        .replace("\r", "\\r")
        .replace("\t", "\\t")
        .replace("\v", "\\u000B")
        .replace("\f", "\\u000C")
    )
    return f'"{body}"'


@lru_cache(maxsize=20_000)
def words(name: str) -> tuple[str, ...] | None:
    """The token texts of a name, None where it can't stand in an expression."""
    try:
        return tuple(token.text for token in tokens(name)[:-1]) or None
    except (FeelSyntaxError, FeelLimitError):
        return None
