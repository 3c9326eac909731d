"""报告: upwards, by one agency or several together, each with its 签发人."""

from __future__ import annotations

from drafts.elements import annexes, attachments, head, imprint, note, signature, text, title

PROFILE = "法定公文"


def body() -> str:
    return (
        head(upward=True, joint=True)
        + title()
        + text()
        + attachments()
        + signature(joint=True)
        + note()
        + annexes()
        + imprint()
    )
