"""整改通知书: from the branch to a member after a poor evaluation."""

from __future__ import annotations

from drafts.blocks import SIGNER, optional, verification
from drafts.ooxml import KAI, blank, par, text


def body() -> str:
    def numbered(field: str) -> str:
        return (
            par("GWBody", f"{{%p for 项 in {field} %}}")
            + par(
                "GWBody",
                # items of the second level stand in 楷体 (7.3.3)
                text(
                    f"{{% if {field}|length > 1 %}}（{{{{ loop.index|num_cn }}}}）{{% endif %}}{{{{ 项 }}}}",
                    font=KAI,
                ),
            )
            + par("GWBody", "{%p endfor %}")
        )

    return (
        verification()
        + par("GWTitle", "整改通知书")
        + optional("编号", par("GWSubtitle", "{{ 编号 }}"))
        + blank()
        + par("GWTo", "{{ 姓名 }}同志：")
        + par(
            "GWBody",
            "在{{ 年度 }}年第{{ 季度|num_cn }}季度履行岗位责任承诺的评价中，你{% if 岗位 %}（岗位：{{ 岗位 }}）{% endif %}的评价结果为"
            "“{{ 等次 }}”。经{{ 支部 }}研究，现通知你限期整改。",
        )
        + par("GWH1", "一、存在的问题")
        + numbered("问题")
        + optional("说明情况", par("GWBody", "本人在党员大会上的解释和说明：{{ 说明情况 }}"))
        + par("GWH1", "二、整改要求")
        + numbered("要求")
        + par("GWH1", "三、整改期限和复核")
        + par(
            "GWBody",
            "请于{{ 期限 }}前完成整改，并向支部书面报告整改情况。整改期满后，由{{ 复核人 }}以{{ 复核方式 }}的方式复核，"
            "复核结果记入党员履责登记。",
            keep=True,
            two_lines=True,
        )
        + blank(1, keep=True)
        + par("GWSignature", text("⟦印章:seal⟧"), "{{ 支部 }}", left=3600)
        + par("GWSignature", SIGNER, left=3600)
        + par("GWSignature", text("⟦签名:secretary⟧"), left=3600)
    )
