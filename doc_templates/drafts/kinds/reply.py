"""批复: the answer to a 请示, which it quotes."""

from __future__ import annotations

from drafts.elements import attachments, head, imprint, note, signature, text, title
from drafts.ooxml import par

PROFILE = "法定公文"


def body() -> str:
    quoted = "你单位《{{ 来文标题 }}》（{{ 来文字号 }}）收悉。经研究，现批复如下："
    return (
        head() + title() + par("GWBody", quoted) + text() + attachments() + signature() + note() + imprint()
    )
