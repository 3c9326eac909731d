"""Numbers, amounts and dates as official Chinese writes them."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from engine.clock import local
from engine.errors import Invalid

LARGEST = 10**16
"""Beyond 千万亿 there is nothing to count in an office."""

_DIGITS = "零一二三四五六七八九"
_YEAR = str.maketrans("0123456789", "〇一二三四五六七八九")
_CAPITAL = str.maketrans("一二三四五六七八九十百千", "壹贰叁肆伍陆柒捌玖拾佰仟")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")


def date_cn(value: date | str) -> str:
    """2026年3月5日, without padding zeros (GB/T 9704-2012, 7.3.5.4). Text that is no ISO date stays as it is."""
    found = _date(value)
    return found if isinstance(found, str) else f"{found.year}年{found.month}月{found.day}日"


def date_words(value: date | str) -> str:
    """二〇二六年三月五日. Text that is no ISO date stays as it is."""
    found = _date(value)
    if isinstance(found, str):
        return found
    return f"{year_words(found)}年{num_cn(found.month)}月{num_cn(found.day)}日"


def year_words(value: Any) -> str:
    """二〇二六: of a year or a date, digit by digit.

    :raises Invalid: ``bad-value``
    """
    found = _date(value) if isinstance(value, (date, str)) else value
    if isinstance(found, date):
        found = found.year
    text = str(found).strip()
    if isinstance(found, bool) or not re.fullmatch(r"[0-9]{4}", text):
        raise Invalid("bad-value", f"“{text[:40]}”不是四位的年份。")
    return text.translate(_YEAR)


def num_cn(value: Any) -> str:
    """十二, 一百零五, 三万亿: a whole number below 10^16 in words.

    :raises Invalid: ``bad-value``
    """
    number = whole(value)
    if not 0 <= number < LARGEST:
        raise Invalid("bad-value", f"{number} 不能写成中文数字：只能是零到一亿亿以下的整数。")
    words = _words(number) or "零"
    return words.removeprefix("一") if words.startswith("一十") else words


def money_cn(value: Any) -> str:
    """壹万贰仟元整: an amount of yuan as cheques have it, rounded to the fen.

    Source: 支付结算办法 (银发〔1997〕393号) 附一, 2 and 3: 整 after 元 and, where it may stand, after 角, never after 分; 零 for one or
    several zeros in between, and after 元 where 角 is zero and 分 is not.

    :raises Invalid: ``bad-value``: no number, negative, or 10^16 and more
    """
    exact = decimal(value)
    if not 0 <= exact < LARGEST:
        raise Invalid(
            "bad-value", f"{exact:f} 不能写成大写金额：只能是零到一亿亿元以下的金额，负数不写大写。"
        )
    yuan, fen = divmod(int((exact * 100).quantize(Decimal(1), ROUND_HALF_UP)), 100)
    out = _words(yuan).translate(_CAPITAL) + ("元" if yuan else "")
    jiao, cent = divmod(fen, 10)
    if not fen:
        return (out or "零元") + "整"
    out += _DIGITS[jiao].translate(_CAPITAL) + "角" if jiao else ("零" if yuan else "")
    return out + (_DIGITS[cent].translate(_CAPITAL) + "分" if cent else "整")


def decimal(value: Any) -> Decimal:
    """:raises Invalid: ``bad-value``: not a number that can be written out"""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise Invalid("bad-value", f"“{str(value)[:40]}”不是数字。")
    return Decimal(str(value))


def whole(value: Any) -> int:
    """:raises Invalid: ``bad-value``"""
    number = decimal(value)
    if number != number.to_integral_value():
        raise Invalid("bad-value", f"{number} 不是整数。")
    return int(number)


def _words(number: int) -> str:
    """Of ten to nineteen 一十 to 一十九, as inside a number; empty for zero."""
    for size, name in ((10**8, "亿"), (10**4, "万")):
        if number >= size:
            high, low = divmod(number, size)
            return _words(high) + name + ("零" if 0 < low < size // 10 else "") + _words(low)
    out, zero = "", False
    for size, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, number = divmod(number, size)
        if digit:
            out += ("零" if zero else "") + _DIGITS[digit] + name
        zero = not digit and bool(out)
    return out


def _date(value: date | str) -> date | str:
    if isinstance(value, datetime):
        return local(value) if value.tzinfo else value
    if isinstance(value, str) and (found := _ISO.fullmatch(value.strip())):
        try:
            return date(*map(int, found.groups()))
        except ValueError:
            return value
    return value
