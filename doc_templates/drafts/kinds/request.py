"""请示: upwards, with 签发人, and whom to ask in the 附注."""

from __future__ import annotations

from drafts.elements import annexes, attachments, head, imprint, note, signature, text, title

PROFILE = "法定公文"


def body() -> str:
    return (
        head(upward=True)
        + title()
        + text()
        + attachments()
        + signature(noted=True)
        + note("联系人：{{ 联系人 }}；电话：{{ 联系电话 }}")
        + annexes()
        + imprint()
    )
