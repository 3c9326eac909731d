"""公文: the base template, every element of a 法定公文 (GB/T 9704-2012, clause 7) in its place."""

from __future__ import annotations

from drafts.blocks import verification
from drafts.elements import (
    above_mark,
    annexes,
    attachments,
    choice,
    imprint,
    joint_mark,
    mark,
    needed,
    note,
    number,
    signature,
    signers,
    text,
    title,
)

PROFILE = "法定公文"


def body() -> str:
    return (
        above_mark()
        + choice((needed("发文机关", "联合发文机关"), joint_mark()), ("", mark()))
        + verification()
        + choice((needed("发文字号", "签发人"), signers()), ("", number()))
        + title(addressed=False)
        + text()
        + attachments()
        + signature(joint=True, forms=True)
        + note()
        + annexes()
        + imprint()
    )
