"""印发通知: a 法定公文 with red head, number, seal and 版记 (clause 7)."""

from __future__ import annotations

from drafts.blocks import optional, paragraphs
from drafts.ooxml import CHARACTER, MILLIMETRE, WIDTH, blank, cell, par, row, table, tag_row, text

PROFILE = "法定公文"


def body() -> str:
    top = row(
        cell(
            *(optional(field, par("GWTop", f"{{{{ {field} }}}}")) for field in ("份号", "密级", "紧急程度")),
            par("GWTop"),
            width=WIDTH,
            align="top",
        ),
        height=round(35 * MILLIMETRE),  # the mark's upper edge stands 35 mm under the top of the type area
        exact=True,
    )
    mark = (
        par("GWBody", "{%p if 发文机关|length <= 9 %}")
        + par("GWMark", "{{ 发文机关 }}文件")
        + par("GWBody", "{%p elif 发文机关|length <= 13 %}")
        + par("GWMark2", "{{ 发文机关 }}文件")
        + par("GWBody", "{%p else %}")
        + par("GWMark3", "{{ 发文机关 }}文件")
        + par("GWBody", "{%p endif %}")
    )
    one, many = 5 * CHARACTER, 5 * CHARACTER + 240
    attachments = optional(
        "附件",
        blank(1, keep=True),
        par("GWBody", "{%p if 附件|length == 1 %}"),
        par("GWAttachment", "附件：{{ 附件|join('') }}", left=one, hanging=3 * CHARACTER, keep=True),
        par("GWBody", "{%p else %}"),
        par("GWBody", "{%p for 名称 in 附件 %}"),
        par("GWBody", "{%p if loop.first %}"),
        par(
            "GWAttachment",
            "附件：{{ loop.index }}.{{ 名称 }}",
            left=many,
            hanging=3 * CHARACTER + 240,
            keep=True,
        ),
        par("GWBody", "{%p else %}"),
        par("GWAttachment", "{{ loop.index }}.{{ 名称 }}", left=many, hanging=240, keep=True),
        par("GWBody", "{%p endif %}"),
        par("GWBody", "{%p endfor %}"),
        par("GWBody", "{%p endif %}"),
    )
    line = '<w:{} w:val="single" w:sz="{}" w:space="0" w:color="auto"/>'.format
    imprint = table(
        [5600, WIDTH - 5600],
        tag_row("{%tr if 抄送 %}", 2),
        row(cell(par("GWImprint", "抄送：{{ 抄送 }}。", left=840, hanging=840), width=WIDTH, span=2)),
        tag_row("{%tr endif %}", 2),
        row(
            cell(par("GWImprint", "{{ 印发机关 }}"), width=5600),
            cell(par("GWImprint", "{{ 印发日期 }}印发", jc="right"), width=WIDTH - 5600),
        ),
        borders=line("top", 8) + line("bottom", 8) + line("insideH", 6),
        bottom=True,
        margin=280,
    )
    return (
        table([WIDTH], top, borders="", margin=0)
        + mark
        + blank(2)
        + par("GWNumber", "{{ 发文字号 }}")
        + blank(2)
        + par("GWTitle", "{{ 标题 }}")
        + blank()
        + par("GWTo", "{{ 主送 }}：")
        + paragraphs("正文", keep_last=True)
        + attachments
        + blank(2, keep=True)
        # A name wider than twice the way from the date's middle to the edge would wrap: it ends at the edge instead.
        + par("GWBody", "{%p if 发文机关|length <= 14 %}")
        + par("GWIssuer", "{{ 发文机关 }}")
        + par("GWBody", "{%p else %}")
        + par("GWIssuer", "{{ 发文机关 }}", left=0, jc="right")
        + par("GWBody", "{%p endif %}")
        + par("GWDate", text("⟦印章:seal⟧"), "{{ 成文日期 }}")
        + optional("附注", par("GWNote", "（{{ 附注 }}）"))
        + imprint
        + par("GWImprint", line=20)
    )
