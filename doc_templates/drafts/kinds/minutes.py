"""纪要 (GB/T 9704-2012, 10.3): no seal; who was there, excused, invited."""

from __future__ import annotations

from drafts.elements import annexes, attachments, attendance, imprint, minutes_head, text, title
from drafts.ooxml import par

PROFILE = "纪要"


def body() -> str:
    return (
        minutes_head()
        + title(below=par("GWSubtitle", "（{{ 成文日期 }}）"), addressed=False)
        + text()
        + attachments()
        + attendance()
        + annexes()
        + imprint()
    )
