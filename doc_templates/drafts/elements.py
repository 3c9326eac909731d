"""The elements of a 法定公文 in the order of GB/T 9704-2012, clauses 7.2 to 7.4, and of its 信函 and 纪要 formats (10.1, 10.3).

Every function returns the markup of one element; which ones a kind has, its module says. Fields that may be missing take their
element with them.
"""

from __future__ import annotations

from drafts.blocks import optional, paragraphs, verification
from drafts.ooxml import (
    CHARACTER,
    HEI,
    KAI,
    PITCH,
    RED,
    TAB,
    WIDTH,
    blank,
    border,
    cell,
    frame,
    millimetres,
    par,
    row,
    table,
    tag_row,
)
from drafts.ooxml import (
    text as run,
)
from drafts.package import Page, page_number

# The exact height of the row above the mark, so that the ink of the mark, not its line, stands 35 mm under the upper edge of
# the type area (7.2.4, 10.3).
ABOVE_MARK = 33.6


def nth(field: str, number: int, content: str = "{{ 项 }}") -> str:
    """One value of a list, or what is said of it."""
    return f"{{% for 项 in {field} %}}{{% if loop.index == {number} %}}{content}{{% endif %}}{{% endfor %}}"


def choice(*branches: tuple[str, str]) -> str:
    """The content of the first condition that holds; the last condition is empty."""
    tags = ["if", *["elif"] * (len(branches) - 2), "else"]
    return "".join(
        par("GWBody", f"{{%p {tag} {condition}".rstrip() + " %}") + content
        for tag, (condition, content) in zip(tags, branches, strict=True)
    ) + par("GWBody", "{%p endif %}")


def needed(field: str, condition: str) -> str:
    """The condition, and that the field has a value: one that only branches print would else count as one that may be missing."""
    return f"{field} != '' and {condition}"


# ---- 版头 (7.2)


def top() -> str:
    """份号, 密级和保密期限, 紧急程度, flush left from line 1 of the type area (7.2.1 to 7.2.3)."""
    return "".join(
        optional(field, par("GWTop", f"{{{{ {field} }}}}")) for field in ("份号", "密级", "紧急程度")
    )


def above_mark() -> str:
    lines = cell(top(), par("GWTop"), width=WIDTH, align="top")
    return table([WIDTH], row(lines, height=millimetres(ABOVE_MARK), exact=True), borders="", margin=0)


MARKS = (("GWMark", 40), ("GWMark2", 29), ("GWMark3", 23))


def mark() -> str:
    """发文机关标志: the agency's name and 文件, red, centred, in the largest of three sizes that fits into one line (7.2.4)."""
    name = "{{ 发文机关 }}文件"
    return choice(
        ("发文机关|length <= 9", par("GWMark", name)),
        ("发文机关|length <= 13", par("GWMark2", name)),
        ("发文机关|length <= 17", par("GWMark3", name)),
        ("", par("GWMark3", run(name, size=18), line=18 * 21)),
    )


def joint_mark() -> str:
    """The agencies' names below one another, the lead's first, spread to one width; 文件 at the right in the middle of their
    height (7.2.4)."""

    def names(style: str, size: int, most: int) -> str:
        left, right = most * size * 20, round(2.4 * size * 20)
        every = (
            par("GWBody", "{%p for 机关 in 联合发文机关 %}")
            + par(style, "{{ 机关 }}", jc="distribute")
            + par("GWBody", "{%p endfor %}")
        )
        cells = cell(every, width=left), cell(par(style, "文件", jc="right"), width=right)
        return table([left, right], row(*cells), borders="", margin=0)

    longest, few = "联合发文机关|最长", "联合发文机关|length <= 3"
    # Page 1 must have body text (7.3.3): more than three agencies are written small.
    (large, size), (middle, less), (small, least) = MARKS
    # Word takes two tables without a paragraph between them for one.
    return par("GWBlank", line=20) + choice(
        (f"{longest} <= 8 and {few}", names(large, size, 8)),
        (f"{longest} <= 12 and {few}", names(middle, less, 12)),
        (f"{longest} <= 8", names(small, least, 8)),
        (f"{longest} <= 12", names(small, least, 12)),
        ("", names(small, least, 16)),
    )


def number() -> str:
    """发文字号, two lines below, centred, the red line 4 mm under it (7.2.5, 7.2.7)."""
    return blank(2) + par("GWNumber", "{{ 发文字号 }}")


def signers() -> str:
    """上行文: 签发人 right, two names a line; 发文字号 left on the line of the last name (7.2.5, 7.2.6)."""

    def line(first: int, *, label: bool, last: bool, alone: bool = False) -> str:
        content = ["{{ 发文字号 }}"] if last else []
        content += [TAB, TAB] if alone or not label else [TAB]
        content += ["签发人："] if label else []
        content += [run(nth("签发人", first), font=KAI)]
        content += [] if alone else [TAB, run(nth("签发人", first + 1), font=KAI)]
        return par("GWSigner", *content, red_line=last)

    def lines(count: int) -> str:
        return "".join(
            line(first, label=first == 1, last=first + 2 > count, alone=count == 1)
            for first in range(1, count + 1, 2)
        )

    return blank(2) + choice(
        (needed("发文字号", "签发人|length == 1"), lines(1)),
        ("签发人|length == 2", lines(2)),
        ("签发人|length <= 4", lines(4)),
        ("", lines(6)),
    )


def head(*, upward: bool = False, joint: bool = False) -> str:
    """All of it, and the QR code under the type area.

    :param joint: the agencies of 联合发文机关, where it has a value, issue the document together"""
    marks = choice((needed("发文机关", "联合发文机关"), joint_mark()), ("", mark())) if joint else mark()
    return above_mark() + marks + verification() + (signers() if upward else number())


# ---- 主体 (7.3)


def title(below: str = "", *, addressed: bool = True) -> str:
    """标题 two lines under the red line, 主送机关 a line below, flush left; where they are so many that page 1 would have no body
    text, they stand in the 版记 (7.3.1, 7.3.2).

    :param addressed: always to somebody; else 主送 may be missing"""
    there = "主送|length > 0" if addressed else "主送"
    return (
        blank(2)
        + par("GWTitle", "{{ 标题 }}")
        + below
        + blank()
        + optional(f"{there} and not 主送移至版记", par("GWTo", "{{ 主送 }}："))
    )


def text(field: str = "正文") -> str:
    """正文 (7.3.3). Its last two lines stay with the signature block: no page may carry a seal and no text, and 此页无正文 is not
    the way out (7.3.5.5)."""
    return paragraphs(field, keep_last=True)


def attachments() -> str:
    """附件说明 a line below the text; names wrap under their first character, no full stop after them (7.3.4)."""
    one, many = 5 * CHARACTER, 5 * CHARACTER + 240
    keep = {"keep": True}
    several = (
        par("GWBody", "{%p for 名称 in 附件 %}")
        + par("GWBody", "{%p if loop.first %}")
        + par(
            "GWAttachment",
            "附件：{{ loop.index }}.{{ 名称 }}",
            left=many,
            hanging=3 * CHARACTER + 240,
            keep=True,
        )
        + par("GWBody", "{%p else %}")
        + par("GWAttachment", "{{ loop.index }}.{{ 名称 }}", left=many, hanging=240, keep=True)
        + par("GWBody", "{%p endif %}")
        + par("GWBody", "{%p endfor %}")
    )
    single = par("GWAttachment", "附件：{{ 附件|join('') }}", left=one, hanging=3 * CHARACTER, **keep)
    return optional("附件", blank(1, **keep), choice(("附件|length == 1", single), ("", several)))


def dated(*content: str, noted: bool, **properties: int | str) -> str:
    """成文日期, which the 附注 may not leave.

    :param noted: there is always one"""
    alone = par("GWDate", *content, **properties)
    together = par("GWDate", *content, keep=True, **properties)
    return together if noted else choice((needed("成文日期", "附注"), together), ("", alone))


def sealed(*, noted: bool) -> str:
    """One agency: 署名 centred over the date, the date four characters from the right, the seal over both; its top is less than a
    line under the text (7.3.5.1)."""
    # A name wider than twice the way from the date's middle to the edge would wrap: it ends at the edge instead.
    wide = par("GWIssuer", "{{ 发文机关 }}", left=0, jc="right")
    return (
        blank(2, keep=True)
        + choice(("发文机关|length <= 14", par("GWIssuer", "{{ 发文机关 }}")), ("", wide))
        + dated(run("⟦印章:seal⟧"), "{{ 成文日期 }}", noted=noted)
    )


SEAL = 46.0  # mm from one row of seals to the next: those below provincial level are not wider than 45 mm
FIRST_SEAL = 31.0  # mm from the text to the lower edge of the first names: the seals' upper edges are 1 to 2 mm under the text
OFF_CENTRE = 160  # twips from a name's middle up to its seal's: 署名 and date are a little below it (7.3.5.1)


def joint_sealed(*, noted: bool) -> str:
    """Several agencies: 署名 in order, two or three a row, a seal over each, none touching another or the edge of the type area;
    the date under the last one (7.3.5.1). At most six."""

    def name(agency: int) -> list[str]:
        return [nth("联合发文机关", agency)] if agency else []

    def seal(agency: int) -> list[str]:
        return [nth("联合发文机关", agency, f"⟦印章:seal{agency}⟧")] if agency else []

    def rows(widths: tuple[float, ...], *all_rows: tuple[str, tuple[int, ...]]) -> str:
        """:param widths: millimetres, the first and last are empty margins; the last name stands over the date's middle
        :param all_rows: condition, agency in each column (0 for none)"""
        columns = [millimetres(width) for width in widths]
        columns[-1] += WIDTH - sum(columns)
        out = []
        for position, (condition, agencies) in enumerate(all_rows):
            height = millimetres(SEAL if position else FIRST_SEAL)
            # A paragraph of that height, not the cell's alignment, puts the name on the row's foot: LibreOffice counts a seal as
            # part of what it aligns.
            space = par("GWBlank", line=height - OFF_CENTRE - PITCH, keep=True)
            cells = [
                cell(
                    space,
                    par("GWIssuer", *seal(agency), left=0, line=OFF_CENTRE),
                    par("GWIssuer", *name(agency), left=0),
                    width=width,
                    align="top",
                )
                for agency, width in zip((0, *agencies, 0), columns, strict=True)
            ]
            whole = row(*cells)
            span = len(columns)
            out.append(
                tag_row(f"{{%tr if {condition} %}}", span) + whole + tag_row("{%tr endif %}", span)
                if condition
                else whole
            )
        return table(columns, *out, borders="", margin=0)

    count = "联合发文机关|length"
    pairs = rows(
        (4.5, 75, 75, 1.5),
        ("", (1, 2)),
        (f"{count} == 3", (0, 3)),
        (f"{count} >= 4", (3, 4)),
        (f"{count} == 5", (0, 5)),
        (f"{count} == 6", (5, 6)),
    )
    threes = rows(
        (2, 46, 46, 46, 16), ("", (1, 2, 3)), (f"{count} == 5", (0, 4, 5)), (f"{count} == 6", (4, 5, 6))
    )
    two = f"联合发文机关|最长 > 8 or {count} == 2 or {count} == 4"
    return choice((two, pairs), ("", threes)) + dated("{{ 成文日期 }}", noted=noted)


def unsealed(*, noted: bool) -> str:
    """署名 a line below the text, two characters from the right, the lead's first; the date starts two characters right of it (7.3.5.2)."""
    several = (
        par("GWBody", "{%p for 机关 in 联合发文机关 %}")
        + par("GWIssuer", "{{ 机关|署名(成文日期) }}", left=0, jc="left")
        + par("GWBody", "{%p endfor %}")
    )
    one = par("GWIssuer", "{{ 发文机关|署名(成文日期) }}", left=0, jc="left")
    return (
        blank(1, keep=True)
        + choice(("联合发文机关", several), ("", one))
        + dated("{{ 成文日期|署名日期(发文机关) }}", noted=noted, right=0, jc="left")
    )


def signature_stamp(*, noted: bool) -> str:
    """签名章 two lines below the text, four characters from the right, the post two characters to its left in the middle of its
    height; the date four characters from the right, a line further down (7.3.5.3)."""
    stamp, end = 2620, 4 * CHARACTER
    # The stamp stands on its line, whose foot is 8 pt under it.
    post = par("GWIssuer", "{{ 签发人职务 }}　　", left=0, jc="right", after=160)
    columns = [WIDTH - stamp - end, stamp, end]
    cells = (
        cell(post, width=columns[0]),
        cell(par("GWSignature", run("⟦签名:stamp⟧"), jc="right"), width=stamp),
        cell(par("GWIssuer", left=0), width=end),
    )
    return (
        blank(2, keep=True)
        + table(columns, row(*cells), borders="", margin=0)
        + blank(1, keep=True, line=PITCH - 160)
        + dated("{{ 成文日期 }}", noted=noted)
    )


def signature(*, joint: bool = False, forms: bool = False, noted: bool = False) -> str:
    """署名, 成文日期 and 印章.

    :param forms: 用印方式 may ask for 不盖章 or 签名章
    :param noted: there is always an 附注"""
    one = sealed(noted=noted)
    together = needed("成文日期", "联合发文机关"), joint_sealed(noted=noted)
    seal = choice(together, ("", one)) if joint else one
    if not forms:
        return seal
    form = "用印方式|default('盖章') == "
    return choice(
        (needed("成文日期", f"{form}'不盖章'"), unsealed(noted=noted)),
        (f"{form}'签名章'", signature_stamp(noted=noted)),
        ("", seal),
    )


def note(content: str = "") -> str:
    """附注 in parentheses, two characters from the left, on the line after the date (7.3.6).

    :param content: what it always says; else the field 附注, which may be missing"""
    return par("GWNote", f"（{content}）") if content else optional("附注", par("GWNote", "（{{ 附注 }}）"))


def annex(mark: str, name: str, content: str) -> str:
    """附件 on a new page before the 版记: its mark on line 1, its title on line 3 (7.3.7)."""
    return (
        par("GWAnnexMark", mark)
        + blank(1, keep=True)
        + par("GWAnnexTitle", name, keep=True)
        + blank(1, keep=True)
        + content
    )


def annexes() -> str:
    """The 附件 that are printed with the document; their number and order are those of the 附件说明 (7.3.7)."""
    mark = "附件{% if 附件正文|length > 1 %}{{ loop.index }}{% endif %}"
    return optional(
        "附件正文",
        par("GWBody", "{%p for 件 in 附件正文 %}"),
        annex(mark, "{{ 件.标题 }}", paragraphs("件.正文")),
        par("GWBody", "{%p endfor %}"),
    )


# ---- 版记 (7.4)

ADDRESSED = ("GWImprint", 3 * 280)  # the label's three characters in 四号: wrapped lines stand under the name


def copies() -> str:
    """主送 that found no room on page 1, and 抄送, without a line between (7.4.2)."""
    style, indent = ADDRESSED
    return "".join(
        optional(condition, par(style, f"{field}：{{{{ {field} }}}}。", left=indent, hanging=indent))
        for field, condition in (("主送", "主送移至版记"), ("抄送", "抄送"))
    )


def imprint() -> str:
    """版记 at the foot of the type area of the last page: first and last line 0.35 mm, the inner one 0.25 mm, a character free at
    both sides (7.4)."""
    left = 5600
    rows = (
        tag_row("{%tr if 抄送 or 主送移至版记 %}", 2)
        + row(cell(copies(), width=WIDTH, span=2))
        + tag_row("{%tr endif %}", 2)
        + row(
            cell(par("GWImprint", "{{ 印发机关 }}"), width=left),
            cell(par("GWImprint", "{{ 印发日期 }}印发", jc="right"), width=WIDTH - left),
        )
    )
    lines = border("top", size=8) + border("bottom", size=8) + border("insideH", size=6)
    return table([left, WIDTH - left], rows, borders=lines, bottom=True, margin=280) + par(
        "GWImprint", line=20
    )


# ---- 信函 (10.1)

LETTER_MARK = 28.7  # mm from the upper edge of the page to the line of the mark, whose ink begins at 30 mm
LETTER_LINES = 44.5, 276.6  # mm from there to the two double lines, each under an empty line of one point
LETTER_FRAME = 46.4  # mm from there to the end of the mark's frame, where the text begins


def _double_line(y: float, kind: str) -> str:
    """A red double line of 170 mm in the middle of the page (10.1); for a header or footer, which must not be empty without it."""
    place = frame(millimetres(170), y=millimetres(y), x_align="center")
    return par("GWPage", framed=place, borders=border("bottom", kind, size=18, color=RED), line=20) + par(
        "GWPage"
    )


# Thick over thin 4 mm under the mark, thin over thick 20 mm from the lower edge, on page 1, which has no number (10.1).
LETTER_PAGE = Page(
    headers={"first": _double_line(LETTER_LINES[0], "thickThinSmallGap")},
    footers={
        "default": page_number("right"),
        "even": page_number("left"),
        "first": _double_line(LETTER_LINES[1], "thinThickSmallGap"),
    },
)


def letter_head() -> str:
    """The mark 30 mm from the page's upper edge; under the double line 份号, 密级 and 紧急程度 at the left, 发文字号 at the right
    edge, 7/8 of a character (14 pt) below the line (10.1). The QR code stands between the type area and the second double line."""
    height = millimetres(LETTER_FRAME) - millimetres(LETTER_MARK)
    place = frame(millimetres(170), y=millimetres(LETTER_MARK), x_align="center", height=height)
    left = WIDTH // 2
    space = par("GWTop", line=60)
    number = par("GWNumber", "{{ 发文字号 }}", jc="right", borders=border("bottom", "nil", size=0))
    return (
        choice(
            ("发文机关|length <= 14", par("GWMarkLetter", "{{ 发文机关 }}", framed=place)),
            ("", par("GWMarkLetter", run("{{ 发文机关 }}", size=24), framed=place)),
        )
        + par("GWTop", line=20)  # LibreOffice loses a frame that a table follows
        + table(
            [left, WIDTH - left],
            row(
                cell(space, top(), par("GWTop", line=20), width=left, align="top"),
                cell(space, number, width=WIDTH - left, align="top"),
            ),
            borders="",
            margin=0,
        )
        + verification(y=264.5, size=11)
    )


def letter_imprint() -> str:
    """版记 of a 信函: at the foot of the last page, without lines, 印发机关 and date (10.1)."""
    return optional(
        "抄送 or 主送移至版记",
        table(
            [WIDTH],
            row(cell(copies(), width=WIDTH)),
            borders="",
            bottom=True,
            margin=280,
        ),
    ) + par("GWImprint", line=20)


# ---- 纪要 (10.3)


def minutes_head() -> str:
    """“××会议纪要” 35 mm under the upper edge of the type area (10.3); number and red line as elsewhere."""
    marks = choice(
        ("纪要名称|length <= 13", par("GWMarkMinutes", "{{ 纪要名称 }}")),
        ("", par("GWMarkMinutes", run("{{ 纪要名称 }}", size=27), line=27 * 21)),
    )
    return above_mark() + marks + verification() + number()


def attendance() -> str:
    """出席, 请假, 列席: the label in 黑体, a line below the text, each on a new line (10.3)."""
    return blank(1, keep=True) + "".join(
        optional(label, par("GWLabel", run(f"{label}：", font=HEI), f"{{{{ {label} }}}}"))
        for label in ("出席", "请假", "列席")
    )
