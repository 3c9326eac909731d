"""Regular expressions of XPath (F&O 7.6, which DMN's matches, replace and split follow) in time proportional to pattern x text.

Python's ``re`` backtracks without a limit, so a stranger's ``^(a+)+$`` would hang the server. Here no pair of instruction and
position is tried twice, which keeps the meaning of backtracking (leftmost, greedy or lazy, groups) at linear cost. A pattern with
back-references can't be remembered that way; it has a budget of steps instead.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import cast

from .limits import MAX_PATTERN, TEXT_STEP, FeelLimitError, refuse_long_text

MAX_PROGRAM = 5_000  # instructions; a character class counts as many as it has members
MAX_WRITTEN = 50_000  # instructions written, those discarded by {0} counted
MAX_STATES = 2_000_000  # instructions tried in one search
STATES_A_STEP = 4
MAX_GROUPS = 99
_CHAR, _SPLIT, _JUMP, _SAVE, _BEGIN, _END, _BACK, _MATCH = range(8)

Test = Callable[[str], bool]
Instruction = tuple[int, object, object]
Groups = tuple[int, ...]
Spend = Callable[[int], None]


def _gratis(steps: int) -> None:
    """For callers without a budget of steps."""


class RegexError(ValueError):
    """No regular expression; the text says why."""


class Regex:
    """A compiled pattern.

    :raises RegexError: no pattern of XPath
    """

    def __init__(self, pattern: str, flags: str = "") -> None:
        if set(flags) - set("smixq"):
            raise RegexError(f"不认识的标志“{flags}”")
        parser = _Parser(pattern, flags)
        self.program = parser.program
        self.weight = parser.weight
        self.groups = parser.groups
        self.has_back_references = parser.has_back_references
        self.multiline = "m" in flags
        self.ignore_case = "i" in flags

    def find(self, text: str, spend: Spend = _gratis) -> Iterator[Groups]:
        """All matches from left to right, each as start and end of the groups, -1 for one that took no part.

        :param spend: is told how many steps the search took
        :raises FeelLimitError: pattern and text are too much together
        """
        size = len(self.program)
        if self.weight * (len(text) + 1) > MAX_STATES:
            raise FeelLimitError("pattern", "正则表达式与文本过大，无法匹配。请缩短其中之一。")
        seen = bytearray(0 if self.has_back_references else size * (len(text) + 1))
        budget = 2 * MAX_STATES  # what led to one match is tried again for the next
        start = 0
        while start <= len(text):
            found, states = self._match(text, start, seen, budget)
            budget -= states
            spend(1 + states // STATES_A_STEP)
            if found is None:
                start += 1
                continue
            yield found
            start = max(found[1], start + 1)
            if seen:  # what led to this match may lead to the next one
                seen[start * size : (start + 1) * size] = bytes(size) if start <= len(text) else b""

    def _match(self, text: str, start: int, seen: bytearray, budget: int) -> tuple[Groups | None, int]:
        """The match that starts here, and the number of instructions tried."""
        program, size, length = self.program, len(self.program), len(text)
        stack: list[tuple[int, int, Groups]] = [(0, start, (-1,) * (2 * self.groups + 2))]
        states = 0
        while stack:
            at, position, groups = stack.pop()
            while True:
                if seen:
                    state = position * size + at
                    if seen[state]:
                        break
                    seen[state] = 1
                states += 1
                if states > budget:
                    raise FeelLimitError("pattern", "正则表达式的匹配过于费时。请简化表达式。")
                code, first, second = program[at]
                if code == _CHAR:
                    states += second  # type: ignore[operator]
                    if position == length or not first(text[position]):  # type: ignore[operator]
                        break
                    position += 1
                    at += 1
                elif code == _SPLIT:
                    stack.append((second, position, groups))  # type: ignore[arg-type]
                    at = first  # type: ignore[assignment]
                elif code == _JUMP:
                    at = first  # type: ignore[assignment]
                elif code == _SAVE:
                    slot: int = first  # type: ignore[assignment]
                    groups = (*groups[:slot], position, *groups[slot + 1 :])
                    at += 1
                elif code == _MATCH:
                    return (start, position, *groups[2:]), states
                elif code == _BACK:
                    begin, end = groups[2 * first], groups[2 * first + 1]  # type: ignore[operator]
                    wanted = text[begin:end] if end >= begin >= 0 else ""
                    states += len(wanted) // TEXT_STEP
                    if not self._same(text[position : position + len(wanted)], wanted):
                        break
                    position += len(wanted)
                    at += 1
                elif self._anchored(code, text, position):
                    at += 1
                else:
                    break
        return None, states

    def _same(self, left: str, right: str) -> bool:
        return left == right or (self.ignore_case and left.casefold() == right.casefold())

    def _anchored(self, code: int, text: str, position: int) -> bool:
        if code == _BEGIN:
            return position == 0 or (self.multiline and text[position - 1] == "\n")
        return position == len(text) or (self.multiline and text[position] == "\n")

    def replace(self, text: str, replacement: str, spend: Spend = _gratis) -> str:
        """The text with every match replaced; ``$1`` stands for a group, ``\\$`` for a dollar.

        :raises RegexError: the pattern matches the empty string, or the replacement is wrong
        :raises FeelLimitError: too long a result
        """
        parts = self._replacement(replacement)
        pieces: list[str] = []
        last = length = 0
        for groups in self.find(text, spend):
            self._refuse_empty(groups)
            spend(len(parts))
            pieces.append(text[last : groups[0]])
            first = len(pieces) - 1
            for part in parts:
                if isinstance(part, str):
                    pieces.append(part)
                else:
                    begin, end = groups[2 * part], groups[2 * part + 1]
                    pieces.append(text[begin:end] if end >= begin >= 0 else "")
            length += sum(map(len, pieces[first:]))
            refuse_long_text(length)
            last = groups[1]
        return "".join([*pieces, text[last:]])

    def split(self, text: str, spend: Spend = _gratis) -> list[str]:
        """What stands between the matches.

        :raises RegexError: the pattern matches the empty string
        """
        pieces: list[str] = []
        last = 0
        for groups in self.find(text, spend):
            self._refuse_empty(groups)
            pieces.append(text[last : groups[0]])
            last = groups[1]
        return [*pieces, text[last:]]

    def _refuse_empty(self, groups: Groups) -> None:
        if groups[0] == groups[1]:
            raise RegexError("表达式可以匹配空字符串")

    def _replacement(self, replacement: str) -> list[str | int]:
        parts: list[str | int] = []
        literal: list[str] = []
        index = 0
        while index < len(replacement):
            sign = replacement[index]
            following = replacement[index + 1 : index + 2]
            if sign == "\\":
                if following not in ("\\", "$"):
                    raise RegexError("替换文本中“\\”之后只能是“\\”或“$”")
                literal.append(following)
                index += 2
            elif sign == "$":
                if not following.isdecimal():
                    raise RegexError("替换文本中“$”之后应为组号")
                group, index = int(following), index + 2
                while (
                    replacement[index : index + 1].isdecimal()
                    and group * 10 + int(replacement[index]) <= self.groups
                ):
                    group, index = group * 10 + int(replacement[index]), index + 1
                parts += ["".join(literal), group] if group <= self.groups else []
                literal = literal if group > self.groups else []
            else:
                literal.append(sign)
                index += 1
        return [*parts, "".join(literal)]


@lru_cache(maxsize=500)
def compiled(pattern: str, flags: str = "") -> Regex:
    """The pattern, compiled once.

    :raises RegexError: no pattern of XPath
    """
    return Regex(pattern, flags)


# --- from text to program ---

_SPACES = " \t\n\r"
_LETTERS = {
    "d": lambda c: unicodedata.category(c) == "Nd",
    "s": lambda c: c in _SPACES,
    "w": lambda c: unicodedata.category(c)[0] not in "PZC",
    "i": lambda c: c.isalpha() or c in "_:",
    "c": lambda c: c.isalnum() or c in "_:-.\u00b7" or unicodedata.category(c) in ("Mn", "Mc"),
}
_SIGNS = {"n": "\n", "r": "\r", "t": "\t"} | {sign: sign for sign in "\\|.?*+(){}-[]^$"}
_BLOCKS = {
    "IsBasicLatin": (0x0, 0x7F),
    "IsLatin-1Supplement": (0x80, 0xFF),
    "IsGreek": (0x370, 0x3FF),
    "IsCyrillic": (0x400, 0x4FF),
    "IsHiragana": (0x3040, 0x309F),
    "IsKatakana": (0x30A0, 0x30FF),
    "IsCJKSymbolsandPunctuation": (0x3000, 0x303F),
    "IsCJKUnifiedIdeographs": (0x4E00, 0x9FFF),
    "IsCJKUnifiedIdeographsExtensionA": (0x3400, 0x4DBF),
    "IsHangulSyllables": (0xAC00, 0xD7AF),
    "IsHalfwidthandFullwidthForms": (0xFF00, 0xFFEF),
}


def _negated(test: Test) -> Test:
    return lambda c: not test(c)


def _any_of(tests: list[Test]) -> Test:
    return tests[0] if len(tests) == 1 else lambda c: any(test(c) for test in tests)


def _without_spaces(pattern: str) -> str:
    """The pattern as the flag ``x`` wants it: without spaces, except those in character classes."""
    kept: list[str] = []
    brackets, escaped = 0, False
    for sign in pattern:
        if not brackets and sign in _SPACES:
            continue
        kept.append(sign)
        if escaped:
            escaped = False
        elif sign == "\\":
            escaped = True
        elif sign == "[":
            brackets += 1
        elif sign == "]" and brackets:
            brackets -= 1
    return "".join(kept)


def _too_large() -> FeelLimitError:
    return FeelLimitError("pattern", "正则表达式过大。请简化表达式。")


class _Parser:
    def __init__(self, pattern: str, flags: str) -> None:
        if len(pattern) > MAX_PATTERN:
            raise _too_large()
        self.literal = "q" in flags
        self.dot_all = "s" in flags
        self.ignore_case = "i" in flags
        self.pattern = _without_spaces(pattern) if "x" in flags and not self.literal else pattern
        self.index = 0
        self.groups = 0
        self.closed: set[int] = set()
        self.depth = 0
        self.has_back_references = False
        self.program: list[Instruction] = []
        self.written = 0
        self.members = 1  # of the character class just read
        if self.literal:
            for sign in pattern:
                self.emit(_CHAR, self.one(sign), 1)
        else:
            self.alternatives()
            if self.index < len(self.pattern):
                raise RegexError("多余的“)”")
        self.emit(_MATCH)
        self.weight = sum(1 + cast(int, second) if code == _CHAR else 1 for code, _, second in self.program)
        if self.weight > 2 * MAX_PROGRAM:
            raise _too_large()

    def emit(self, code: int, first: object = None, second: object = None) -> int:
        self.written += 1
        if len(self.program) >= MAX_PROGRAM or self.written > MAX_WRITTEN:
            raise _too_large()
        self.program.append((code, first, second))
        return len(self.program) - 1

    def peek(self) -> str:
        return self.pattern[self.index : self.index + 1]

    def take(self) -> str:
        sign = self.peek()
        if not sign:
            raise RegexError("表达式不完整")
        self.index += 1
        return sign

    def alternatives(self) -> None:
        self.depth += 1
        if self.depth > 50:
            raise FeelLimitError("pattern", "正则表达式嵌套过深，最多 50 层。")
        jumps = []
        while True:
            start = len(self.program)
            while self.peek() not in ("", "|", ")"):
                self.piece()
            if self.peek() != "|":
                break
            self.index += 1
            self.insert(start, (_SPLIT, start + 1, len(self.program) + 2))
            jumps.append(self.emit(_JUMP))
        for jump in jumps:
            self.program[jump] = (_JUMP, len(self.program), None)
        self.depth -= 1

    def insert(self, at: int, instruction: Instruction) -> None:
        """Put an instruction before those from ``at`` on, whose targets move with them."""
        moved = self.program[at:]
        del self.program[at:]
        self.emit(*instruction)
        for code, first, second in moved:
            self.emit(*self.moved(code, first, second, at, 1))

    @staticmethod
    def moved(code: int, first: object, second: object, since: int, by: int) -> Instruction:
        def shifted(target: object) -> object:
            return target + by if isinstance(target, int) and target >= since else target

        return (code, shifted(first), shifted(second)) if code in (_SPLIT, _JUMP) else (code, first, second)

    def piece(self) -> None:
        start = len(self.program)
        self.atom()
        sign = self.peek()
        if sign not in ("?", "*", "+", "{") or not sign:
            return
        self.index += 1
        low, high = {"?": (0, 1), "*": (0, None), "+": (1, None)}.get(sign) or self.bounds()
        lazy = self.peek() == "?"
        if lazy:
            self.index += 1
        self.repeat(start, low, high, lazy)

    def bounds(self) -> tuple[int, int | None]:
        end = self.pattern.find("}", self.index)
        low, comma, high = self.pattern[self.index : end].partition(",") if end > 0 else ("", "", "")
        if not low.isdecimal() or (high and not high.isdecimal()) or len(low) > 4 or len(high) > 4:
            raise RegexError("“{”之后应为次数，例如 {2,5}")
        self.index = end + 1
        least, most = int(low), (int(high) if high else None) if comma else int(low)
        if most is not None and most < least:
            raise RegexError("次数的上限小于下限")
        return least, most

    def repeat(self, start: int, low: int, high: int | None, lazy: bool) -> None:
        body = self.program[start:]
        del self.program[start:]

        def copy() -> None:
            by = len(self.program) - start
            for code, first, second in body:
                self.emit(*self.moved(code, first, second, start, by))

        def split(at: int, into: int, past: int) -> None:
            self.program[at] = (_SPLIT, past, into) if lazy else (_SPLIT, into, past)

        for _ in range(low):
            copy()
        if high is None:
            at = self.emit(_SPLIT)
            copy()
            self.emit(_JUMP, at)
            split(at, at + 1, len(self.program))
            return
        choices = []
        for _ in range(high - low):
            choices.append(self.emit(_SPLIT))
            copy()
        for at in choices:
            split(at, at + 1, len(self.program))

    def atom(self) -> None:
        sign = self.take()
        if sign == "(":
            self.group()
        elif sign == "[":
            self.members = 0
            self.emit(_CHAR, self.char_class(), self.members)
        elif sign == ".":
            self.emit(_CHAR, (lambda c: True) if self.dot_all else (lambda c: c not in "\n\r"), 1)
        elif sign == "^":
            self.emit(_BEGIN)
        elif sign == "$":
            self.emit(_END)
        elif sign == "\\":
            self.escape()
        elif sign in "?*+{}])":
            raise RegexError(f"意外的“{sign}”")
        else:
            self.emit(_CHAR, self.one(sign), 1)

    def group(self) -> None:
        number = None
        if self.pattern.startswith("?:", self.index):
            self.index += 2
        elif self.peek() == "?":
            raise RegexError("不支持“(?”的这种写法")
        else:
            self.groups += 1
            if self.groups > MAX_GROUPS:
                raise RegexError(f"组过多，最多 {MAX_GROUPS} 个")
            number = self.groups
            self.emit(_SAVE, 2 * number)
        self.alternatives()
        if self.take() != ")":
            raise RegexError("缺少“)”")
        if number is not None:
            self.emit(_SAVE, 2 * number + 1)
            self.closed.add(number)

    def escape(self) -> None:
        sign = self.pattern[self.index : self.index + 1]
        if sign and sign in "123456789":
            self.index += 1
            number = int(sign)
            following = self.pattern[self.index : self.index + 1]
            while following.isdecimal() and number * 10 + int(following) in self.closed:
                number, self.index = number * 10 + int(following), self.index + 1
                following = self.pattern[self.index : self.index + 1]
            if number not in self.closed:
                raise RegexError(f"没有第 {number} 组")
            self.has_back_references = True
            self.emit(_BACK, number)
        else:
            self.emit(_CHAR, self.escaped(), 1)

    def escaped(self) -> Test:
        """What ``\\`` and the following sign match."""
        sign = self.pattern[self.index : self.index + 1]
        self.index += 1
        if sign and sign in _SIGNS:
            return self.one(_SIGNS[sign])
        if sign and sign.lower() in _LETTERS:
            test = _LETTERS[sign.lower()]
            return _negated(test) if sign.isupper() else test
        if sign in ("p", "P") and self.pattern[self.index : self.index + 1] == "{":
            end = self.pattern.find("}", self.index)
            name = self.pattern[self.index + 1 : end] if end > 0 else ""
            self.index = end + 1
            test = self.category(name)
            return _negated(test) if sign == "P" else test
        raise RegexError(f"不认识的“\\{sign}”")

    def category(self, name: str) -> Test:
        if name in _BLOCKS:
            low, high = _BLOCKS[name]
            return lambda c: low <= ord(c) <= high
        if not name or len(name) > 2 or name[0] not in "LMNPZSC":
            raise RegexError(f"没有字符类别“{name}”")
        return lambda c: unicodedata.category(c).startswith(name)

    def one(self, sign: str) -> Test:
        if self.ignore_case:
            forms = {sign, sign.lower(), sign.upper(), sign.casefold()}
            return lambda c: c in forms or c.lower() in forms or c.upper() in forms
        return lambda c: c == sign

    def span(self, low: str, high: str) -> Test:
        if low > high:
            raise RegexError(f"范围“{low}-{high}”颠倒了")
        if self.ignore_case:
            return lambda c: low <= c <= high or low <= c.lower() <= high or low <= c.upper() <= high
        return lambda c: low <= c <= high

    def char_class(self) -> Test:
        negative = self.pattern[self.index : self.index + 1] == "^"
        if negative:
            self.index += 1
        tests: list[Test] = []
        without: Test | None = None
        while True:
            sign = self.pattern[self.index : self.index + 1]
            if not sign:
                raise RegexError("缺少“]”")
            self.index += 1
            if sign == "]":
                break
            if sign == "-" and self.pattern[self.index : self.index + 1] == "[":
                self.index += 1
                without = self.char_class()
                if self.pattern[self.index : self.index + 1] != "]":
                    raise RegexError("缺少“]”")
                self.index += 1
                break
            if sign == "[":
                raise RegexError("字符组里的“[”应写成“\\[”")
            tests.append(self.class_member(sign))
            self.members += 1
        if not tests:
            raise RegexError("空的字符组")
        found = _any_of(tests)
        if negative:
            found = _negated(found)
        if without is None:
            return found
        excluded, included = without, found
        return lambda c: included(c) and not excluded(c)

    def class_member(self, sign: str) -> Test:
        if sign == "\\":
            literal = _SIGNS.get(self.pattern[self.index : self.index + 1])
            if literal is None:
                return self.escaped()
            self.index += 1
            sign = literal
        if self.pattern[self.index : self.index + 1] == "-":
            following = self.pattern[self.index + 1 : self.index + 2]
            if following and following not in ("]", "["):
                self.index += 2
                if following == "\\":
                    following = _SIGNS.get(self.pattern[self.index : self.index + 1], "")
                    self.index += 1
                    if not following:
                        raise RegexError("范围的结尾应为一个字符")
                return self.span(sign, following)
        return self.one(sign)
