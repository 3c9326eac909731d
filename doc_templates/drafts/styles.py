"""The paragraph styles (GB/T 9704-2012, clause 7)."""

from __future__ import annotations

from drafts.ooxml import (
    CHARACTER,
    FANG,
    HEAD,
    HEI,
    KAI,
    NAMESPACES,
    PITCH,
    RED,
    SONG,
    WIDTH,
    XBS,
    paragraph_properties,
    run_properties,
)

# Where 签发人：, the first and the second name of a line start: three characters each, a character apart, the second ending
# one character from the right edge (7.2.6).
SIGNERS = tuple(WIDTH - CHARACTER * (1 + back) for back in (11, 7, 3))


def style(name: str, identifier: str, run: str = "", paragraph: str = "", based_on: str = "Normal") -> str:
    return (
        f'<w:style w:type="paragraph" w:customStyle="1" w:styleId="{identifier}"><w:name w:val="{name}"/>'
        f'<w:basedOn w:val="{based_on}"/><w:qFormat/>{paragraph}{run}</w:style>'
    )


def styles() -> str:
    run, par_ = run_properties, paragraph_properties
    return (
        f"{HEAD}<w:styles {NAMESPACES}><w:docDefaults><w:rPrDefault><w:rPr>"
        + run(FANG, 16)[len("<w:rPr>") : -len("</w:rPr>")]
        + '<w:lang w:val="en-US" w:eastAsia="zh-CN" w:bidi="ar-SA"/></w:rPr></w:rPrDefault>'
        + "<w:pPrDefault/></w:docDefaults>"
        # 3号仿宋 (5.2.2), 22 lines of 28 characters (5.2.3)
        + '<w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/><w:qFormat/>'
        + par_(base=True, line=PITCH, jc="both")
        + run(FANG, 16, spacing=-5)
        + "</w:style>"
        + style("公文空行", "GWBlank")
        # 密级 and 紧急程度 in 黑体 (7.2.2, 7.2.3); the numerals of the 份号 are Latin
        + style("公文份号密级", "GWTop", run(HEI), par_(jc="left"))
        + "".join(  # red 小标宋 (7.2.4, 10.1, 10.3); its size is free: the name fits into one line
            style(name, key, run(XBS, size, RED, 0), par_(line=round(size * 21), jc="center"))
            for name, key, size in (
                ("公文发文机关标志", "GWMark", 40),
                ("公文发文机关标志二", "GWMark2", 29),
                ("公文发文机关标志三", "GWMark3", 23),
                ("公文信函标志", "GWMarkLetter", 32),
                ("公文纪要标志", "GWMarkMinutes", 34),
            )
        )
        + style("公文发文字号", "GWNumber", "", par_(jc="center", red_line=True))
        # 发文字号 one character from the left; the names stand under one another (7.2.5, 7.2.6)
        + style(
            "公文签发人",
            "GWSigner",
            "",
            par_(first=CHARACTER, jc="left", tabs=tuple(("left", place) for place in SIGNERS)),
        )
        # 2号小标宋 (7.3.1)
        + style("公文标题", "GWTitle", run(XBS, 22, spacing=0), par_(line=640, jc="center", outline=0))
        + style("公文副标题", "GWSubtitle", run(KAI), par_(jc="center"))
        + style("公文主送机关", "GWTo", "", par_(jc="left"))  # 7.3.2
        # 黑体, 楷体, 仿宋, 仿宋 (7.3.3)
        + style("公文正文", "GWBody", "", par_(first=2 * CHARACTER))
        + style("公文一级标题", "GWH1", run(HEI), par_(outline=1, keep=True), "GWBody")
        + style("公文二级标题", "GWH2", run(KAI), par_(outline=2, keep=True), "GWBody")
        + style("公文三级标题", "GWH3", "", par_(outline=3, keep=True), "GWBody")
        + style("公文四级标题", "GWH4", "", par_(outline=4, keep=True), "GWBody")
        # Wraps under the first character of the name (7.3.4).
        + style(
            "公文附件说明", "GWAttachment", "", par_(left=5 * CHARACTER, hanging=3 * CHARACTER, jc="left")
        )
        # Centred over the date, whose middle is 114 pt from the right edge on a usual day (7.3.5.1).
        + style("公文署名", "GWIssuer", "", par_(left=WIDTH - 4550, jc="center", keep=True))
        + style("公文成文日期", "GWDate", "", par_(right=4 * CHARACTER, jc="right"))  # 7.3.5.1
        + style("公文附注", "GWNote", "", par_(first=2 * CHARACTER, jc="left"))  # 7.3.6
        # 附件 and its number on the first line of a new page, the title on the third (7.3.7)
        + style("公文附件序号", "GWAnnexMark", run(HEI), par_(break_before=True, jc="left", keep=True))
        + style(
            "公文附件标题", "GWAnnexTitle", run(XBS, 22, spacing=0), par_(line=PITCH, jc="center", outline=0)
        )
        # 出席, 请假, 列席: the label in 黑体, wrapped lines under the first character after the colon (10.3)
        + style("公文出席人员", "GWLabel", "", par_(left=5 * CHARACTER, hanging=3 * CHARACTER, jc="left"))
        # A signature picture is higher than a line: an exact pitch would cut it. In 四号 a unit's name mostly fits into half a page.
        + style(
            "公文签名",
            "GWSignature",
            run(size=14, spacing=0),
            par_(line=PITCH, rule="atLeast", jc="left", keep=True, keep_lines=True),
        )
        + style("公文版记", "GWImprint", run(size=14, spacing=0), par_(line=480, jc="left"))  # 7.4.2, 7.4.3
        + style("公文页码", "GWPage", run(SONG, 14, spacing=0, latin=SONG), par_(line=280))  # 7.5
        + style("公文表格", "GWCell", run(size=12, spacing=0), par_(line=360, jc="left"))
        + style("公文表格居中", "GWCellCentre", "", par_(jc="center"), "GWCell")
        + style("公文表头", "GWCellHead", run(HEI), par_(jc="center"), "GWCell")
        + style("公文表格分部", "GWCellPart", run(HEI), par_(keep=True), "GWCell")
        + style("公文表单", "GWForm", run(size=14, spacing=0), par_(line=420, jc="left"))
        + style("公文表单栏目", "GWFormLabel", run(HEI), par_(jc="center"), "GWForm")
        + style("公文验真码", "GWVerify", run(size=7.5, spacing=0), par_(line=180, jc="left"))
        + style("公文牌证标题", "GWPlaque", run(XBS, 36, spacing=120), par_(line=1040, jc="center"))
        + "</w:styles>"
    )
