"""What several kinds of documents have in common."""

from __future__ import annotations

from drafts.ooxml import KAI, frame, millimetres, par, text


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


def verification(*, y: float = 265, size: float = 15, x: float = 28) -> str:
    """QR code and 验真码 under the type area of the page that it stands on: put it before a paragraph there
    (LibreOffice loses a frame that a table follows).

    :param y: millimetres from the page's upper edge, ``x`` from its left one
    :param size: of the QR code, millimetres"""
    place = frame(millimetres(75), x=millimetres(x), y=millimetres(y), height=millimetres(size + 0.5))
    code = par(
        "GWVerify",
        f"{{{{ 验真.网址|二维码({size:g}) }}}}",
        "　验真码 {{ 验真.码 }}",
        framed=place,
        line=240,
        rule="auto",
        level=True,
    )
    return optional("验真", code)
