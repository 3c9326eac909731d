"""函 in the 信函 format (GB/T 9704-2012, 10.1)."""

from __future__ import annotations

from drafts.elements import (
    LETTER_PAGE,
    annexes,
    attachments,
    letter_head,
    letter_imprint,
    note,
    signature,
    text,
    title,
)

PROFILE = "信函"
PAGE = LETTER_PAGE


def body() -> str:
    return (
        letter_head() + title() + text() + attachments() + signature() + note() + annexes() + letter_imprint()
    )
