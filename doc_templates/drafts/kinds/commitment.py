"""党员岗位责任承诺书: one form on one page where the goals allow."""

from __future__ import annotations

from drafts.blocks import verification
from drafts.ooxml import WIDTH, cell, par, row, table, tag_row, text


def body() -> str:
    area, goal, number, quality, limit = widths = [1600, 2595, 1280, 1560, 1810]

    def pair(*fields: str) -> str:
        return row(
            cell(par("GWFormLabel", fields[0]), width=area),
            cell(par("GWForm", f"{{{{ {fields[0]} }}}}", jc="center"), width=goal),
            cell(par("GWFormLabel", fields[1]), width=number),
            cell(par("GWForm", f"{{{{ {fields[1]} }}}}", jc="center"), width=quality + limit, span=2),
        )

    goals = (
        row(
            *(
                cell(par("GWFormLabel", name), width=width)
                for name, width in zip(("方面", "承诺目标", "数量", "质量", "时限"), widths, strict=True)
            )
        )
        + tag_row("{%tr for 组 in 承诺|分组('方面') %}", 5)
        + tag_row("{%tr for 行 in 组.行 %}", 5)
        + tag_row("{%tr if 行.无承诺理由 %}", 5)
        + row(
            cell(par("GWCellHead", "{% vm %}{{ 组.名称 }}"), width=area),
            cell(par("GWCell", "无（{{ 行.无承诺理由 }}）"), width=WIDTH - area, span=4),
        )
        + tag_row("{%tr else %}", 5)
        + row(
            cell(par("GWCellHead", "{% vm %}{{ 组.名称 }}"), width=area),
            cell(par("GWCell", "{{ 行.目标 }}"), width=goal),
            *(
                cell(par("GWCellCentre", f"{{{{ 行.{name}|default('') }}}}"), width=width)
                for name, width in (("数量", number), ("质量", quality), ("时限", limit))
            ),
        )
        + tag_row("{%tr endif %}", 5)
        + tag_row("{%tr endfor %}", 5)
        + tag_row("{%tr endfor %}", 5)
    )
    return (
        verification()
        + par("GWTitle", "党员岗位责任承诺书")
        + par("GWSubtitle", "（{{ 年度 }}年度）")
        + par("GWBody", "按照以岗定责、责任到人的原则，向支部作出如下承诺：")
        + table(
            widths,
            pair("姓名", "入党时间"),
            pair("科室", "岗位"),
            row(
                cell(par("GWFormLabel", "支部"), width=area),
                cell(par("GWForm", "{{ 支部 }}"), width=WIDTH - area, span=4),
            ),
            goals,
            row(
                cell(par("GWFormLabel", "监督方式"), width=area),
                cell(par("GWForm", "{{ 监督方式 }}"), width=WIDTH - area, span=4),
            ),
            row(
                cell(par("GWFormLabel", "支部意见"), width=area),
                cell(par("GWForm", "{{ 支部意见 }}"), width=WIDTH - area, span=4),
            ),
            row(
                cell(par("GWFormLabel", "承诺人"), par("GWFormLabel", "签　名"), width=area),
                cell(par("GWSignature", text("⟦签名:member⟧"), jc="center", before=80), width=goal),
                cell(par("GWFormLabel", "支　部"), par("GWFormLabel", "签　名"), width=number),
                cell(
                    par("GWSignature", text("⟦签名:secretary⟧"), jc="center", before=80),
                    width=quality + limit,
                    span=2,
                ),
            ),
        )
        + par("GWBlank", line=20)
    )
