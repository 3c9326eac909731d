"""审批单: a matter, and what everybody said and decided on its way, in the order of the acts. Signers added on the way (加签) stand here;
they have no place in the file itself."""

from __future__ import annotations

from drafts.blocks import verification
from drafts.ooxml import HEI, WIDTH, cell, par, row, table, tag_row, text


def body() -> str:
    label, value = 1500, (WIDTH - 2 * 1500) // 2
    four = [label, value, label, WIDTH - 2 * label - value]

    def pair(left: str, right: str) -> str:
        return row(
            *(
                cell(par(style, said), width=width)
                for style, said, width in zip(
                    ("GWFormLabel", "GWForm", "GWFormLabel", "GWForm"),
                    (left, f"{{{{ {left}|default('') }}}}", right, f"{{{{ {right}|default('') }}}}"),
                    four,
                    strict=True,
                )
            ),
            height=600,
        )

    def wide(name: str, *content: str) -> str:
        return (
            tag_row(f"{{%tr if {name} %}}", 4)
            + row(
                cell(par("GWFormLabel", name), width=label),
                cell(*content, width=WIDTH - label, span=3),
                height=600,
            )
            + tag_row("{%tr endif %}", 4)
        )

    matter = table(
        four,
        row(
            cell(par("GWFormLabel", "事项"), width=label),
            cell(par("GWForm", "{{ 事项 }}"), width=WIDTH - label, span=3),
            height=800,
        ),
        pair("承办单位", "文种"),
        pair("拟稿人", "拟稿日期"),
        tag_row("{%tr if 发文字号 or 紧急程度 %}", 4),
        pair("发文字号", "紧急程度"),
        tag_row("{%tr endif %}", 4),
        wide("密级", par("GWForm", "{{ 密级 }}")),
        wide("主送", par("GWForm", "{{ 主送 }}")),
        wide(
            "内容摘要",
            par("GWForm", "{%p for 段 in 内容摘要|段落 %}"),
            par("GWForm", "{{ 段.小标题 }}{{ 段.文字 }}"),
            par("GWForm", "{%p endfor %}"),
        ),
        wide(
            "附件",
            par("GWForm", "{%p for 名称 in 附件 %}"),
            par("GWForm", "{% if 附件|length > 1 %}{{ loop.index }}.{% endif %}{{ 名称 }}"),
            par("GWForm", "{%p endfor %}"),
        ),
    )
    widths = [1500, 3545, 2100, 1700]
    acts = table(
        widths,
        row(
            *(
                cell(par("GWFormLabel", name), width=width)
                for name, width in zip(("环节", "决定和意见", "办理人", "日期"), widths, strict=True)
            ),
            header=True,
            height=560,
        ),
        tag_row("{%tr for 行 in 审批 %}", 4),
        row(
            cell(
                par("GWCellCentre", "{{ 行.环节 }}"),
                par("GWCell", "{%p if 行.加签 %}"),
                par("GWCellCentre", "（{{ 行.加签 }}）"),
                par("GWCell", "{%p endif %}"),
                width=widths[0],
            ),
            cell(
                par("GWCell", "{%p if 行.决定 %}"),
                par("GWCell", text("{{ 行.决定 }}", font=HEI)),
                par("GWCell", "{%p endif %}"),
                par("GWCell", "{%p if 行.意见 %}"),
                par("GWCell", "{{ 行.意见 }}", jc="both"),
                par("GWCell", "{%p endif %}"),
                par("GWCell", "{%p if not 行.决定 and not 行.意见 %}"),
                par("GWCell", "已阅"),
                par("GWCell", "{%p endif %}"),
                width=widths[1],
            ),
            cell(
                par("GWCellCentre", text("{{ 行.姓名 }}", font=HEI)),
                par("GWCell", "{%p if 行.职务 %}"),
                par("GWCellCentre", text("{{ 行.职务 }}", size=10.5), line=300),
                par("GWCell", "{%p endif %}"),
                width=widths[2],
            ),
            cell(par("GWCellCentre", text("{{ 行.日期 }}", size=10.5)), width=widths[3]),
            height=720,
        ),
        tag_row("{%tr endfor %}", 4),
    )
    return (
        verification()
        + par("GWTitle", "{{ 标题|default('审批单') }}")
        + par("GWBlank", line=240)
        + matter
        + par("GWBlank", line=240)
        + acts
        + par("GWCell", "本单由系统按办理记录生成；加签的人在此留有意见，不在文件上签名。", before=120)
    )
