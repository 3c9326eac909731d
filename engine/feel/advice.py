"""What to tell whoever made a common mistake: signs of a Chinese keyboard, words for operators, habits of other languages."""

from __future__ import annotations

import re
from collections.abc import Sequence

_QUOTES = '字符串请用半角双引号，例如 "甲"。'
_HALF_WIDTH = {
    "（": "(", "）": ")", "［": "[", "］": "]", "【": "[", "】": "]", "｛": "{", "｝": "}",
    "，": ",", "、": ",", "：": ":", "；": ",", "。": ".", "＝": "=", "＜": "<", "＞": ">",
    "＋": "+", "－": "-", "＊": "*", "／": "/", "！": "!=", "《": "(", "》": ")",
}  # fmt: skip
_SIGNS = {
    "“": _QUOTES, "”": _QUOTES, "‘": _QUOTES, "’": _QUOTES, "`": _QUOTES, "'": _QUOTES,
    "&": "“并且”请写 and。",
    "|": "“或者”请写 or。",
    "!": "不等于请写“!=”，取反请写 not(…)。",
    "%": "求余请写 modulo(a, b)；百分之十请写 0.1。",
    "^": "乘方请写“**”。",
    ";": "各项之间请用逗号“,”。",
    "≥": "大于等于请写“>=”。",
    "≤": "小于等于请写“<=”。",
    "≠": "不等于请写“!=”。",
    "×": "乘号请写“*”。",
    "÷": "除号请写“/”。",
    "—": "减号请写“-”。",
    "–": "减号请写“-”。",
    "−": "减号请写“-”。",
    "#": "注释请写在“//”之后。",
    "$": "变量请直接写名称，不写 ${…}。",
    "~": "区间请写 [75..90]，两头都算；[75..90) 不含 90。",
    "√": "“是”请写 true，“否”请写 false。",
    "@": "“@”之后请用半角双引号括起日期、时间或时长，例如 @\"2026-04-30\"。",
}  # fmt: skip
_WORDS = {
    "且": "and", "并且": "and", "而且": "and", "AND": "and", "And": "and",
    "或": "or", "或者": "or", "OR": "or", "Or": "or",
    "等于": "=", "不等于": "!=", "大于": ">", "小于": "<", "大于等于": ">=", "小于等于": "<=",
    "不小于": ">=", "不大于": "<=", "加": "+", "减": "-", "乘": "*", "除以": "/",
}  # fmt: skip
_STARTS = {
    "如果": "“如果”请写 if，例如 if 条件 then 值 else 值。",
    "非": "“非”请写 not(…)。",
    "True": "真请写 true，字母都小写。",
    "TRUE": "真请写 true，字母都小写。",
    "False": "假请写 false，字母都小写。",
    "FALSE": "假请写 false，字母都小写。",
    "None": "空值请写 null。",
    "NULL": "空值请写 null，字母都小写。",
    "Null": "空值请写 null，字母都小写。",
}
SAME = "请改成同一种值。"
YES_NO = frozenset(
    (
        "是",
        "否",
        "有",
        "无",
        "真",
        "假",
        "对",
        "错",
        "yes",
        "no",
        "Yes",
        "No",
        "YES",
        "NO",
        "Y",
        "N",
        "y",
        "n",
    )
)
ANYTHING = frozenset(("不限", "任意", "任何", "所有", "全部", "其他", "其它", "其余"))
_DATE = re.compile(
    r'\(([0-9]{4}) ([-/]) ([0-9]{1,2})\) \2 ([0-9]{1,2})|"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?"'
)
_NUMBER = re.compile(r'"-?[0-9]+(\.[0-9]+)?"')
MAX_CELL = 100
"""Characters of a cell that may be a slip of the pen."""
_CONDITION = "条件请写 if 条件 then 值 else 值。"
_PAIRS = {
    ("=", "="): "比较相等用一个“=”。",
    ("=", "<"): "小于等于请写“<=”。",
    ("=", ">"): "大于等于请写“>=”。",
    ("<", ">"): "不等于请写“!=”。",
    ("!=", "="): "不等于请写“!=”。",
    (">=", "="): "大于等于请写“>=”。",
    ("<=", "="): "小于等于请写“<=”。",
    ("[", "]"): "方括号里请写位置或条件，例如 [1] 或 [item > 1]。",
}
_FOLLOWING = {
    "if": _CONDITION,
    "elif": "“elif”请写 else if。",
    "elseif": "“elseif”请写 else if。",
    "..": "区间请带上括号，例如 [1..3]。",
}
# A heading of a list may well read so, and be asked for in a filter; a function's name is Latin.
_WITH_UNIT = re.compile(r"[^（）]*[\u3400-\u9fff][^（）]*（[^（）]*）")
_ENDS = (")", "]", "}")


def of_sign(sign: str) -> str:
    """What to write instead of a sign that FEEL does not have; empty where nothing is known."""
    return _SIGNS.get(sign, "")


def of_date(text: str) -> str:
    """How a date is written, for what reads as one: a subtraction, ``(2026 - 4) - 30`` as it is printed, or a string."""
    date = _DATE.fullmatch(text)
    if not date:
        return ""
    year, month, day = (int(part) for part in date.group(*((1, 3, 4) if date[1] else (5, 6, 7))))
    return f'日期请写 date("{year}-{month:02}-{day:02}")。'


def of_kinds(kinds: Sequence[str | None], written: Sequence[str]) -> str:
    """What to write where values of two kinds never meet.

    :param written: both sides, as they are printed
    """
    for text in written:
        if "date" in kinds and (found := of_date(text)):
            return found
        if "boolean" in kinds and (text.strip('"') in YES_NO or text in ("0", "1")):
            return "“是”请写 true，“否”请写 false，不加引号。"
    if {"number", "string"} == set(kinds) and any(_NUMBER.fullmatch(text) for text in written):
        return "数字不要加引号。"
    return SAME


def of_word(word: str) -> str:
    """What a word in a cell of a decision table probably stands for, where no variable has its name."""
    if word in YES_NO:
        return f'如果是真假，请写 true 或 false；如果是文字，请加引号："{word}"。'
    if word in ANYTHING:
        return f'如果是“不限”，请写“-”；如果是文字，请加引号："{word}"。'
    if word == "cellInput":
        return "这一列的值请写“?”。"
    return ""


def of_cell(source: str, output: bool = False) -> str:
    """What to write in a cell of a decision table that is no FEEL; empty where nothing is known.

    :param output: it gives a result and tests nothing
    """
    text = source.strip()
    if len(text) > MAX_CELL:
        return ""
    if not output and (told := _of_test(text)):
        return told
    if found := re.fullmatch(r"([0-9]{4})年([0-9]{1,2})月([0-9]{1,2})日", text):
        return f'日期请写 date("{found[1]}-{int(found[2]):02}-{int(found[3]):02}")。'
    if found := re.fullmatch("[“”‘’']([^“”‘’'\"]*)[“”‘’']", text):
        return f'请写 "{found[1]}"。'
    if re.search(r"[\u4e00-\u9fff]", text) and not re.search(
        r'["“”‘’\'<>=≥≤()（）\[\]+*/?.]|\b(and|or|not)\b', text
    ):
        parts = [text] if output else [part for part in re.split("[、,]", text) if part]
        listed = ",".join(f'"{part}"' for part in parts)
        return f"如果是文字，请加引号：{listed}。"
    return ""


def _of_test(text: str) -> str:
    if text in ("*", "—", "－", "–", "——"):
        return "不限请写“-”。"
    if found := re.fullmatch(r"([0-9.]+)\s*[~～—–至到]\s*([0-9.]+)", text):
        return f"区间请写 [{found[1]}..{found[2]}]，两头都算；[{found[1]}..{found[2]}) 不含 {found[2]}。"
    if found := re.fullmatch(r"([0-9.]+)\s*[\u4e00-\u9fff]?(以上|以下|及以上|及以下)", text):
        return f"请写 {'>=' if found[2].endswith('上') else '<='} {found[1]}。"
    return ""


def _half(sign: str) -> str:
    return f"全角的“{sign}”请换成半角的“{_HALF_WIDTH[sign]}”。"


def of_name(words: Sequence[str]) -> tuple[int, str] | None:
    """Which word of what looks like a name is hardly meant as one, and what to write instead."""
    for index, word in enumerate(words):
        for sign in "" if _WITH_UNIT.fullmatch(word) else word:
            if sign in _HALF_WIDTH:
                return index, _half(sign)
        if word in _STARTS and (index == 0 or word == "非"):
            return index, _STARTS[word]
        if word in _WORDS and index:
            return index, f"“{word}”请写“{_WORDS[word]}”。"
    return None


def of_tokens(before: Sequence[str], text: str, after: str, expected: str, keyword: bool) -> str:
    """What to do about a token that cannot stand where it does.

    :param before: the tokens' texts before it
    :param text: its text, empty at the end of the expression
    :param after: the text of the next one
    :param expected: what could have stood there
    :param keyword: whether it is a keyword where a value should stand
    """
    last = before[-1] if before else ""
    if (last, text) in _PAIRS:
        return _PAIRS[last, text]
    if text in _SIGNS:
        return _SIGNS[text]
    wide = next((sign for sign in text + last if sign in _HALF_WIDTH), "")
    if wide:
        return _half(wide)
    if (last == "," and text in _ENDS) or (not text and before[-2:] == [",", "]"]):
        return "末尾多了一个逗号“,”。"
    if last == "?":
        return _CONDITION
    if last in _WORDS:
        return f"“{last}”请写“{_WORDS[last]}”。"
    if text == "[" and after == "]":
        return _PAIRS["[", "]"]
    if last.isdecimal() and text == "," and after.isdecimal():
        return "数字里不要写逗号。"
    if last == "." and len(before) > 1 and before[-2].isdecimal():
        return "小数点之后请写数字。"
    if last[-1:].isdecimal() and text[:1] == "." and text[1:].isdecimal():
        return "一个数只有一个小数点。"
    if keyword:
        return f"“{text}”是关键字，不能用作名称。"
    if text == "=" and expected == "“:”":
        return "名称与值之间请用冒号“:”。"
    if expected.startswith("运算符") and (text[:1] == '"' or text[:1].isalnum()) and text not in _FOLLOWING:
        return "两个值之间缺少运算符。"
    return _FOLLOWING.get(text, "")
