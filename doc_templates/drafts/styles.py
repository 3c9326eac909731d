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
    SONG,
    WIDTH,
    XBS,
    paragraph_properties,
    run_properties,
)


def style(name: str, identifier: str, run: str = "", paragraph: str = "", based_on: str = "Normal") -> str:
    return (
        f'<w:style w:type="paragraph" w:customStyle="1" w:styleId="{identifier}"><w:name w:val="{name}"/>'
        f'<w:basedOn w:val="{based_on}"/><w:qFormat/>{paragraph}{run}</w:style>'
    )


def styles() -> str:
    run, par_ = run_properties, paragraph_properties
    red = "FF0000"
    return (
        f"{HEAD}<w:styles {NAMESPACES}><w:docDefaults><w:rPrDefault><w:rPr>"
        + run(FANG, 16)[len("<w:rPr>") : -len("</w:rPr>")]
        + '<w:lang w:val="en-US" w:eastAsia="zh-CN" w:bidi="ar-SA"/></w:rPr></w:rPrDefault>'
        + "<w:pPrDefault/></w:docDefaults>"
        + '<w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/><w:qFormat/>'
        + par_(base=True, line=PITCH, jc="both")
        + run(FANG, 16, spacing=-5)
        + "</w:style>"
        + style("公文空行", "GWBlank")
        + style("公文份号密级", "GWTop", run(HEI), par_(jc="left"))
        + "".join(
            style(name, key, run(XBS, size, red, 0), par_(line=int(size * 21), jc="center"))
            for name, key, size in (
                ("公文发文机关标志", "GWMark", 40),
                ("公文发文机关标志二", "GWMark2", 29),
                ("公文发文机关标志三", "GWMark3", 23),
            )
        )
        + style("公文发文字号", "GWNumber", "", par_(jc="center", red_line=True))
        + style("公文标题", "GWTitle", run(XBS, 22, spacing=0), par_(line=640, jc="center", outline=0))
        + style("公文副标题", "GWSubtitle", run(KAI), par_(jc="center"))
        + style("公文主送机关", "GWTo", "", par_(jc="left"))
        + style("公文正文", "GWBody", "", par_(first=2 * CHARACTER))
        + style("公文一级标题", "GWH1", run(HEI), par_(outline=1, keep=True), "GWBody")
        + style("公文二级标题", "GWH2", run(KAI), par_(outline=2, keep=True), "GWBody")
        + style(
            "公文附件说明", "GWAttachment", "", par_(left=5 * CHARACTER, hanging=3 * CHARACTER, jc="left")
        )
        # Centred over the date, whose middle is 114 pt from the right edge on a usual day.
        + style("公文署名", "GWIssuer", "", par_(left=WIDTH - 4550, jc="center", keep=True))
        + style("公文成文日期", "GWDate", "", par_(right=4 * CHARACTER, jc="right"))
        + style("公文附注", "GWNote", "", par_(first=2 * CHARACTER, jc="left"))
        # A signature picture is higher than a line: an exact pitch would cut it. In 四号 a unit's name mostly fits into half a page.
        + style(
            "公文签名",
            "GWSignature",
            run(size=14, spacing=0),
            par_(line=PITCH, rule="atLeast", jc="left", keep=True, keep_lines=True),
        )
        + style("公文版记", "GWImprint", run(size=14, spacing=0), par_(line=480, jc="left"))
        + style("公文页码", "GWPage", run(SONG, 14, spacing=0, latin=SONG), par_(line=280))
        + style("公文表格", "GWCell", run(size=12, spacing=0), par_(line=360, jc="left"))
        + style("公文表格居中", "GWCellCentre", "", par_(jc="center"), "GWCell")
        + style("公文表头", "GWCellHead", run(HEI), par_(jc="center"), "GWCell")
        + style("公文表格分部", "GWCellPart", run(HEI), par_(keep=True), "GWCell")
        + style("公文表单", "GWForm", run(size=14, spacing=0), par_(line=420, jc="left"))
        + style("公文表单栏目", "GWFormLabel", run(HEI), par_(jc="center"), "GWForm")
        + "</w:styles>"
    )
