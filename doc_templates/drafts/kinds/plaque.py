"""承诺监督牌: a plaque in A4 landscape that hangs where the member works. Six sections disclose what he has promised and what became of
it (六公开), beside his photograph; one page whatever is written, the rest stands on the noticeboard."""

from __future__ import annotations

from drafts.ooxml import FANG, HEI, LATIN, XBS, border, cell, millimetres, par, row, table, text
from drafts.package import Page

PROFILE = "牌证"
PAGE = Page(
    width=16838,
    height=11906,
    top=millimetres(11),
    right=millimetres(13),
    bottom=millimetres(6),
    left=millimetres(13),
    header=0,
    footer=0,
    grid=False,
    footers={},
)

RED, PALE, SOFT = "B8000E", "FBEDEC", "D98A8A"
WHOLE, CARD, LABEL = (millimetres(length) for length in (271, 66, 25))
TEXT = WHOLE - CARD - LABEL

#: section -> (height in millimetres, how many lines of how many characters it takes in each size: points, line, lines, characters)
SECTIONS = {
    "姓名": (13.5, ((13, 17, 2, 35), (10.5, 14, 2, 44))),
    "职责": (13.5, ((13, 17, 2, 35), (10.5, 14, 2, 44))),
    "目标任务": (50, ((14, 22, 6, 33), (12.5, 19, 7, 37), (11, 15.5, 9, 42), (9, 12.5, 11, 52))),
    "工作进展情况": (29, ((13, 19, 4, 35), (10.5, 15, 5, 44), (9, 12.5, 6, 52))),
    "考核评议": (21, ((13, 18, 3, 35), (10.5, 14, 4, 44))),
    "奖惩结果": (18, ((13, 18, 2, 35), (10.5, 14, 3, 44))),
}


def fitted(field: str, sizes: tuple[tuple[float, float, int, int], ...]) -> str:
    """The text in the largest size in which it fits, in the smallest one cut."""
    out = par("GWCell", f"{{%p if not {field} %}}") + par("GWCell", text("暂无。", size=sizes[0][0]))
    for number, (size, line, lines, characters) in enumerate(sizes, 1):
        if number < len(sizes):
            out += par("GWCell", f"{{%p elif {field}|行数({characters}) <= {lines} %}}")
            shown = field
        else:
            out += par("GWCell", "{%p else %}")
            shown = f"{field}|截行({lines}, {characters})"
        out += par("GWCell", text(f"{{{{ {shown} }}}}", size=size), line=round(line * 20))
    return out + par("GWCell", "{%p endif %}")


def body() -> str:
    lines = "".join(border(side, size=6, color=SOFT) for side in ("top", "left", "bottom", "right"))
    title = cell(
        par("GWPlaque", text("共产党员承诺监督牌", color="FFFFFF")),
        width=WHOLE,
        fill=RED,
    )
    return (
        table([WHOLE], row(title, height=millimetres(20), exact=True), borders="", margin=113)
        + par("GWCell", line=20)
        + sections(lines)
        + par("GWCell", line=140)
        + foot()
        + par("GWCell", line=20)
    )


def sections(lines: str) -> str:
    """The card is one cell beside all six sections."""

    def label(name: str) -> str:
        first, second = (name[:4], f"{name[4:]}公开") if len(name) > 4 else (name, "公开")
        words = (first + second,) if len(name) == 2 else (first, second)
        return "".join(
            par("GWCell", text(word, font=HEI, size=14, color=RED), jc="center", line=400) for word in words
        )

    def beside(first: bool) -> str:
        content, merge = (card(), "restart") if first else (par("GWCell"), "continue")
        return cell(content, width=CARD, align="top", merge=merge, borders=lines)

    return table(
        [CARD, LABEL, TEXT],
        *(
            row(
                beside(name == "姓名"),
                cell(label(name), width=LABEL, fill=PALE, borders=lines),
                cell(fitted(f"公开.{name}", sizes), width=TEXT, borders=lines),
                height=millimetres(height),
                exact=True,
            )
            for name, (height, sizes) in SECTIONS.items()
        ),
        borders="",
        margin=113,
    )


def card() -> str:
    def line(content: str, height: int, **properties: object) -> str:
        return par("GWCell", text(content, **properties), jc="center", line=height)

    return (
        par("GWCell", line=260)
        + photograph()
        + par("GWCell", line=240)
        + line("{{ 姓名 }}", 760, font=HEI, size=30)
        + par("GWCell", line=120)
        + line("{{ 岗位 }}", 400, size=14)
        + line("{{ 支部名称 }}", 300, size=9.5)
        + par("GWCell", line=240)
        + line("{{ 年度 }}年度", 400, font=HEI, size=14, color=RED)
        + line("亮岗履职　接受监督", 440, font=XBS, size=16, color=RED)
    )


def photograph() -> str:
    """A place for the photograph, 35 x 49 mm; where none is given it is pasted in."""
    return (
        par("GWCell", "{%p if 照片 %}")
        + par("GWCell", "{{ 照片|图片(35) }}", jc="center", line=240, rule="auto")
        + par("GWCell", "{%p else %}")
        + table(
            [millimetres(35)],
            row(
                cell(par("GWCell", text("照　片", size=14, color=SOFT), jc="center"), width=millimetres(35),
                     borders="".join(border(side, "dashed", size=6, color=SOFT) for side in ("top", "left", "bottom", "right"))),
                height=millimetres(49),
                exact=True,
            ),
            borders="",
        )
        + par("GWCell", "{%p endif %}")
    )  # fmt: skip


def foot() -> str:
    """The telephone, and the two codes: of the noticeboard's entry and of the plaque itself."""
    code = millimetres(30)
    words = WHOLE - 2 * code

    def code_of(field: str) -> str:
        return par("GWCell", f"{{{{ {field}|二维码(17) }}}}", jc="center", line=240, rule="auto")

    said = (
        par("GWCell", text("监督电话：", font=HEI, size=22, color=RED),
            text("{{ 监督电话|default('　　　　　　　　　') }}", font=HEI, size=24, latin=HEI), line=620)
        + par("GWCell", text("扫左码看公示栏全文，扫右码验真。{{ 更新日期 }}制发；内容变动时另发新牌，本牌随即失效。", size=10.5), line=300)
        + par("GWCell", "{%p if 验真 %}")
        + par("GWCell", text("验真码 {{ 验真.码 }}", size=9, font=FANG, latin=LATIN), line=240)
        + par("GWCell", "{%p endif %}")
    )  # fmt: skip
    without = par("GWCell", "{%p if 验真 %}"), par("GWCell", "{%p endif %}")
    return table(
        [words, code, code],
        row(
            cell(said, width=words),
            cell(code_of("公示网址"), width=code),
            cell(without[0], code_of("验真.网址"), without[1], par("GWCell", line=20), width=code),
            height=millimetres(20),
            exact=True,
        ),
        borders="",
        margin=57,
    )
