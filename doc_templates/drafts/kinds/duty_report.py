"""述职报告 (述职述廉): what a member has done in the year, signed by himself."""

from __future__ import annotations

from drafts.blocks import optional, paragraphs, verification
from drafts.ooxml import blank, par, text

PARTS = ("履职情况", "存在问题", "廉洁自律", "下步打算")
HEADINGS = ("履行职责情况", "存在的问题和不足", "廉洁自律情况", "下一步打算")


def body() -> str:
    numbers = "一二三四"
    parts = "".join(
        par("GWH1", f"{number}、{heading}") + paragraphs(field)
        for number, heading, field in zip(numbers, HEADINGS, PARTS, strict=True)
    )
    return (
        verification()
        + par("GWTitle", "{{ 标题|default('述职述廉报告') }}")
        + par("GWSubtitle", "（{{ 年度 }}年度）")
        + par("GWSubtitle", "{{ 支部 }}　{{ 姓名 }}")
        + blank()
        + par("GWTo", "{{ 报告对象 }}：")
        + optional("引言", par("GWBody", "{{ 引言 }}"))
        + parts
        + par("GWBody", "以上报告，请予评议。", keep=True)
        + blank(1, keep=True)
        + par("GWSignature", "报告人（签名）：", left=4700)
        + par("GWSignature", text("⟦签名:reporter⟧"), left=4700)
    )
