"""责任书: an attachment of the 印发通知, so without red head, number and 版记."""

from __future__ import annotations

from drafts.blocks import SIGNER, paragraphs, verification
from drafts.ooxml import CHARACTER, WIDTH, blank, cell, par, row, table, tag_row, text


def parties() -> str:
    """Two dated signature blocks in columns with a gutter; a seal lies over the unit's name.

    Name and signature share a cell that is high enough for the seal (LibreOffice lets a row grow around it) and stand at its
    bottom, so that both sides are level where only one name wraps.
    """

    def side(slot: str, unit: str) -> str:
        return (
            par("GWSignature", text(f"⟦印章:{slot}_seal⟧"), f"{{{{ {unit} }}}}")
            + par("GWSignature", SIGNER)
            + par("GWSignature", text(f"⟦签名:{slot}⟧"))
        )

    def line(left: str, right: str) -> str:
        contents = zip((left, par("GWSignature"), right), widths, strict=True)
        return row(*(cell(content, width=width, align="bottom") for content, width in contents))

    gutter = CHARACTER
    widths = [(WIDTH - gutter) // 2, gutter, WIDTH - gutter - (WIDTH - gutter) // 2]
    return table(
        widths,
        line(par("GWSignature", "颁发单位："), par("GWSignature", "责任单位：")),
        line(side("issuer", "发文单位"), side("recipient", "接收单位")),
        borders="",
        margin=0,
    )


def body() -> str:
    widths = [640, 2560, 1990, 1900, 1040, 715]
    heads = ("序号", "目标和措施", "业务工作目标\n（一岗双责）", "完成时限", "责任人", "分值")
    head = row(
        *(
            cell(*(par("GWCellHead", line) for line in name.split("\n")), width=width)
            for name, width in zip(heads, widths, strict=True)
        ),
        header=True,
    )
    values = (
        ("GWCellCentre", "{{ loop.index }}"),
        ("GWCell", "{{ 行.措施 }}"),
        ("GWCell", "{{ 行.业务目标|default('') }}"),
        ("GWCellCentre", "{{ 行.时限 }}"),
        ("GWCellCentre", "{{ 行.责任人 }}"),
        ("GWCellCentre", "{{ 行.分值 }}"),
    )
    goals = table(
        widths,
        head,
        tag_row("{%tr for 组 in 目标|分组('部分') %}", 6),
        row(cell(par("GWCellPart", "{{ loop.index|num_cn }}、{{ 组.名称 }}"), width=WIDTH, span=6)),
        tag_row("{%tr for 行 in 组.行 %}", 6),
        row(*(cell(par(name, value), width=w) for (name, value), w in zip(values, widths, strict=True))),
        tag_row("{%tr endfor %}", 6),
        tag_row("{%tr endfor %}", 6),
    )
    officers = table(
        [2000, 4845, 2000],
        row(
            *(
                cell(par("GWCellHead", name), width=width)
                for name, width in (("责任", 2000), ("职务", 4845), ("姓名", 2000))
            ),
            header=True,
        ),
        *(
            tag_row(f"{{%tr if {field} %}}", 3)
            + row(
                cell(par("GWCellCentre", field), width=2000),
                cell(par("GWCellCentre", f"{{{{ {field}.职务 }}}}"), width=4845),
                cell(par("GWCellCentre", f"{{{{ {field}.姓名 }}}}"), width=2000),
            )
            + tag_row("{%tr else %}", 3)
            + row(
                cell(par("GWCellCentre", field), width=2000),
                cell(par("GWCellCentre", "（岗位空缺）"), width=6845, span=2),
            )
            + tag_row("{%tr endif %}", 3)
            for field in ("第一责任人", "直接责任人", "具体责任人")
        ),
    )
    return (
        verification()
        + par("GWTitle", "党建工作责任书")
        + par("GWSubtitle", "（{{ 年度 }}年度）")
        + blank()
        + par("GWTo", "颁发单位：{{ 发文单位 }}")
        + par("GWTo", "责任单位：{{ 接收单位 }}")
        + blank()
        + par(
            "GWBody",
            "为落实党要管党、从严治党责任，实行党建工作“目标管理”，形成一级抓一级、层层抓落实的党建工作格局，根据{{ 依据文号 }}文件要求，"
            "{{ 发文单位 }}与{{ 接收单位 }}签订{{ 年度 }}年度党建工作责任书。",
        )
        + par("GWH1", "一、责任主体")
        + par(
            "GWBody",
            "{{ 接收单位 }}的党建工作责任到单位、责任到人。党员领导干部履行“一岗双责”，既抓好业务工作，又履行党建工作责任制。",
        )
        + officers
        + par("GWH1", "二、目标任务")
        + par(
            "GWBody",
            "党建工作目标与业务工作目标同制定、同考核、同落实，各部分的目标、措施、时限和责任人如下。",
        )
        + goals
        + par("GWH1", "三、考核奖惩")
        + paragraphs("考核奖惩")
        + par("GWH1", "四、附则")
        + par(
            "GWBody",
            "本责任书一式{{ '两' if 份数 == 2 else 份数|num_cn }}份，由签订双方分别存执，自双方签名之日起生效。",
            keep=True,
            keep_lines=True,
        )
        + blank(1, keep=True)
        + parties()
        + par("GWBlank", line=20)
    )
