"""验真码: a document's random code, printed on it. Whoever holds the paper can ask whether it is true; nobody can guess another's."""

from __future__ import annotations

import re
import secrets

from engine.errors import NotFound

#: no 0 and O, no 1 and I: they are read for one another
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
LENGTH = 16  # 80 bits
GROUP = 4
MAX_PRINTED = 20  # codes looked for in one text

_GROUPS = re.compile(rf"(?<![A-Za-z0-9])(?:[{ALPHABET}]{{4}}-){{3}}[{ALPHABET}]{{4}}(?![A-Za-z0-9])")


def draw() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def shown(code: str) -> str:
    """In groups of four: ABCD-EFGH-JKLM-NPQR."""
    return "-".join(code[at : at + GROUP] for at in range(0, len(code), GROUP))


def typed(text: str) -> str:
    """The code that somebody typed: with or without dashes and spaces, large or small, full-width or not.

    :raises NotFound: ``no-code``: no code looks like this
    """
    code = "".join(
        chr(ord(sign) - 0xFEE0) if "！" <= sign <= "～" else sign
        for sign in text
        if sign not in " \u3000-－—–\t\r\n"
    ).upper()
    if len(code) != LENGTH or set(code) - set(ALPHABET):
        raise NotFound(
            "no-code",
            "验真码应是 16 个字母和数字，印在文件上，形如 ABCD-EFGH-JKLM-NPQR；其中没有 0、O、1、I。请核对后再输。",
        )
    return code


def printed(text: str) -> list[str]:
    """The codes that stand in a text, in groups of four."""
    found = (one.replace("-", "") for one in _GROUPS.findall(text))
    return list(dict.fromkeys(found))[:MAX_PRINTED]


def for_template(code: str, public_url: str) -> dict[str, str]:
    """What a template prints of it: ``验真``."""
    return {"码": shown(code), "网址": f"{public_url}/v/{code}"}
