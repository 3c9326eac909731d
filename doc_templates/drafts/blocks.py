"""What several kinds of documents have in common."""

from __future__ import annotations

from drafts.ooxml import KAI, par, text


def paragraphs(field: str, *, keep_last: bool = False) -> str:
    """A field of several paragraphs: headings in their typefaces, the rest as body.

    :param keep_last: the last one stays with what follows: no page may carry a seal and no text
    """
    body = text("{{ 段.小标题 }}", font=KAI), "{{ 段.文字 }}"
    last = par("GWBody", *body, keep=True, two_lines=True)
    last = par("GWBody", "{%p elif loop.last %}") + last if keep_last else ""
    return (
        par("GWBody", f"{{%p for 段 in {field}|段落 %}}")
        + par("GWBody", "{%p if 段.级 == 1 %}")
        + par("GWH1", "{{ 段.文字 }}")
        + last
        + par("GWBody", "{%p else %}")
        + par("GWBody", *body)
        + par("GWBody", "{%p endif %}")
        + par("GWBody", "{%p endfor %}")
    )


def optional(field: str, *content: str) -> str:
    return par("GWBody", f"{{%p if {field} %}}") + "".join(content) + par("GWBody", "{%p endif %}")


# Post and date stand in the signature's picture: who signs, and when, is not known before.
SIGNER = "负责人（签名）："
