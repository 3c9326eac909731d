"""公示: who is to be commended or appointed, for how long everybody may object, and where; sealed."""

from __future__ import annotations

from drafts.blocks import optional, paragraphs, verification
from drafts.ooxml import blank, cell, par, row, table, tag_row, text


def body() -> str:
    widths = [700, 1400, 2945, 2000, 1800]
    heads = ("序号", "姓名", "所在党组织", "岗位", "公示事项")
    values = ("loop.index", "行.姓名", "行.支部", "行.岗位|default('')", "行.事项|default('')")
    listed = table(
        widths,
        row(
            *(cell(par("GWCellHead", name), width=width) for name, width in zip(heads, widths, strict=True)),
            header=True,
        ),
        tag_row("{%tr for 行 in 名单 %}", len(widths)),
        row(
            *(
                cell(par("GWCellCentre", f"{{{{ {value} }}}}"), width=width)
                for value, width in zip(values, widths, strict=True)
            )
        ),
        tag_row("{%tr endfor %}", len(widths)),
    )
    return (
        verification()
        + par("GWTitle", "{{ 标题 }}")
        + blank()
        + paragraphs("正文")
        + optional("名单", listed, par("GWBlank", line=240))
        + par(
            "GWBody",
            "公示期：{{ 公示期起 }}至{{ 公示期止 }}{% if 工作日 %}（{{ 工作日 }}个工作日）{% endif %}。",
        )
        + par("GWBody", "监督电话：{{ 监督电话 }}")
        + par("GWBody", "受理单位：{{ 受理单位 }}{% if 受理地点 %}（{{ 受理地点 }}）{% endif %}")
        + par(
            "GWBody",
            "公示期间有异议的，请实事求是、实名反映，书面、电话、当面均可；受理单位对反映人的身份保密。",
            keep=True,
            two_lines=True,
        )
        + blank(2, keep=True)
        + par("GWBody", "{%p if 公示单位|length <= 14 %}")
        + par("GWIssuer", "{{ 公示单位 }}")
        + par("GWBody", "{%p else %}")
        + par("GWIssuer", "{{ 公示单位 }}", left=0, jc="right")
        + par("GWBody", "{%p endif %}")
        + par("GWDate", text("⟦印章:seal⟧"), "{{ 日期 }}")
    )
