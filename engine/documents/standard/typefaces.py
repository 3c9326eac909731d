"""The typefaces that the standard names, each under any of its makers' names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Typeface:
    """:ivar name: as the standard calls it
    :ivar signs: a font whose name holds one of these is of this typeface"""

    name: str
    signs: tuple[str, ...]

    def covers(self, font: str) -> bool:
        small = font.lower().replace(" ", "").replace("_", "").replace("-", "")
        return any(sign in small for sign in self.signs)


FANG = Typeface("仿宋", ("仿宋", "fangsong", "fandolfang"))
KAI = Typeface("楷体", ("楷体", "楷書", "kaiti", "fzkai", "fandolkai", "楷_"))
HEI = Typeface("黑体", ("黑体", "simhei", "fzhei", "fandolhei"))
XIAOBIAOSONG = Typeface("小标宋", ("小标宋", "xiaobiaosong", "fandolbiaosong"))
SONG = Typeface("宋体", ("宋体", "simsun", "书宋", "shusong", "fandolsong"))


def called(font: str) -> str:
    return font or "未指定字体"
