"""印发通知: a 通知 that sends out another document, such as a 责任书, as its attachment."""

from __future__ import annotations

from drafts.elements import attachments, head, imprint, note, signature, text, title

PROFILE = "法定公文"


def body() -> str:
    return head() + title() + text() + attachments() + signature() + note() + imprint()
