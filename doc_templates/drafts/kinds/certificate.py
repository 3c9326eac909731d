"""荣誉证书: A4 landscape in a double frame, the seal over the issuer's name and the date."""

from __future__ import annotations

from drafts.ooxml import FANG, KAI, border, cell, millimetres, par, row, table, text
from drafts.package import Page

PROFILE = "牌证"
PAGE = Page(
    width=16838,
    height=11906,
    top=millimetres(12),
    right=millimetres(14),
    bottom=millimetres(9),
    left=millimetres(14),
    header=0,
    footer=0,
    grid=False,
    footers={},
)

RED, GOLD = "B8000E", "B08D3C"
OUTER, INNER = millimetres(269), millimetres(259)
MARGIN = millimetres(26)
SIDES = ("top", "left", "bottom", "right")


def framed(content: str, width: int, height: float, kind: str, size: int, color: str, margin: int) -> str:
    """A frame of one cell.

    :param height: millimetres"""
    lines = "".join(border(side, kind, size=size, color=color) for side in SIDES)
    return table(
        [width],
        row(cell(content, width=width, align="top", borders=lines), height=millimetres(height), exact=True),
        borders="",
        margin=margin,
    )


def body() -> str:
    inner = par("GWCell", line=300) + framed(
        words() + signed() + par("GWCell", line=20), INNER, 170, "single", 8, GOLD, MARGIN
    )
    return framed(inner + par("GWCell", line=20), OUTER, 181, "double", 24, RED, 0) + par("GWCell", line=20)


def words() -> str:
    """Of the reason, three lines in the large size, four in the small one."""

    def reason(size: float, line: int) -> str:
        said = "{{ 事由 }}。"
        return par("GWCell", text(said, font=KAI, size=size), first=round(size * 40), line=line, jc="both")

    return (
        par("GWCell", line=500)
        + par("GWPlaque", text("荣誉证书", size=54, color=RED, spacing=480), line=1240)
        + par("GWCell", line=400)
        + par("GWCell", text("{{ 姓名 }}同志：", font=KAI, size=26), line=860)
        + par("GWCell", "{%p if 事由|行数(20) <= 2 %}")
        + reason(26, 840)
        + par("GWCell", "{%p else %}")
        + reason(20, 640)
        + par("GWCell", "{%p endif %}")
        + par("GWCell", text("特授予“{{ 称号 }}”称号，以资鼓励。", font=KAI, size=26), first=1040, line=840)
    )


def signed() -> str:
    width = INNER - 2 * MARGIN
    left = millimetres(70)
    code = (
        par("GWVerify", "{%p if 验真 %}")
        + par("GWVerify", "{{ 验真.网址|二维码(20) }}", line=240, rule="auto")
        + par("GWVerify", text("验真码 {{ 验真.码 }}", size=9), line=260)
        + par("GWVerify", "{%p endif %}")
        + par("GWVerify", "{%p if 编号 %}")
        + par("GWVerify", text("证书编号 {{ 编号 }}", size=9), line=260)
        + par("GWVerify", "{%p endif %}")
        + par("GWVerify", line=20)
    )
    issuer = par(
        "GWCell", text("⟦印章:seal⟧"), text("{{ 授予单位 }}", font=FANG, size=18), jc="center", line=560
    )
    day = par("GWCell", text("{{ 日期 }}", font=FANG, size=18), jc="center", line=560)
    return table(
        [left, width - left],
        row(
            cell(code, width=left, align="bottom"),
            # LibreOffice aligns no cell that holds a seal.
            cell(par("GWCell", line=1800), issuer, day, width=width - left, align="top"),
            height=millimetres(62),
        ),
        borders="",
        margin=0,
    )
