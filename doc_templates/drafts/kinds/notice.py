"""通知: to whom it may concern below; several agencies may issue it together."""

from __future__ import annotations

from drafts.elements import annexes, attachments, head, imprint, note, signature, text, title

PROFILE = "法定公文"


def body() -> str:
    return (
        head(joint=True)
        + title()
        + text()
        + attachments()
        + signature(joint=True)
        + note()
        + annexes()
        + imprint()
    )
