"""通报 of an evaluation 考评: text, the table of results, conclusions."""

from __future__ import annotations

from drafts.blocks import paragraphs
from drafts.elements import attachments, head, imprint, note, signature, text, title
from drafts.ooxml import WIDTH, cell, par, row, table, tag_row

PROFILE = "法定公文"

COLUMNS = (("序号", 900), ("单位", 4545), ("得分", 1500), ("等次", 1900))


def results() -> str:
    widths = [width for _, width in COLUMNS]
    head_row = row(*(cell(par("GWCellHead", name), width=width) for name, width in COLUMNS), header=True)
    values = (
        ("GWCellCentre", "{{ loop.index }}"),
        ("GWCell", "{{ 行.单位 }}"),
        ("GWCellCentre", "{{ 行.得分|default('—') }}"),
        ("GWCellCentre", "{{ 行.等次 }}"),
    )
    return table(
        widths,
        head_row,
        tag_row("{%tr for 行 in 结果 %}", len(widths), WIDTH),
        row(
            *(
                cell(par(style, value), width=width)
                for (style, value), width in zip(values, widths, strict=True)
            )
        ),
        tag_row("{%tr endfor %}", len(widths), WIDTH),
    )


def body() -> str:
    return (
        head()
        + title(addressed=False)
        + paragraphs("正文")
        + results()
        + text("结语")
        + attachments()
        + signature()
        + note()
        + imprint()
    )
