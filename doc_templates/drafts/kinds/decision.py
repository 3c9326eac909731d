"""决定 that commends 表彰: the list of those commended is its annex."""

from __future__ import annotations

from drafts.elements import annex, attachments, head, imprint, note, signature, text, title
from drafts.ooxml import par

PROFILE = "法定公文"


def commended() -> str:
    """Groups, each with a heading and the names, one a line."""
    return (
        par("GWBody", "{%p for 组 in 表彰对象 %}")
        + par(
            "GWH1",
            "{{ loop.index|num_cn }}、{{ 组.称号 }}（{{ 组.名单|length }}{{ 组.量词|default('个') }}）",
        )
        + par("GWBody", "{%p for 名称 in 组.名单 %}")
        + par("GWBody", "{{ 名称 }}")
        + par("GWBody", "{%p endfor %}")
        + par("GWBody", "{%p endfor %}")
    )


def body() -> str:
    return (
        head()
        + title(addressed=False)
        + text()
        + attachments()
        + signature()
        + note()
        + annex("附件", "{{ 附件|join('') }}", commended())
        + imprint()
    )
