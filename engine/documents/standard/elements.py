"""Which paragraph is which element of a document (GB/T 9704-2012, clause 7.1).

The house templates name them by their styles. Other files are read as a clerk reads them: by what a paragraph says and where it
stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from engine.documents.standard import tolerances
from engine.documents.standard.manuscript import Manuscript, Paragraph, Table
from engine.documents.standard.typefaces import XIAOBIAOSONG


class Profile(StrEnum):
    OFFICIAL = "法定公文"
    LETTER = "信函"
    MINUTES = "纪要"
    OTHER = "其他文书"
    PLATE = "牌证"


FULL = (Profile.OFFICIAL, Profile.LETTER, Profile.MINUTES)
WRITTEN = (*FULL, Profile.OTHER)


class Element(StrEnum):
    COPY_NUMBER = "份号"
    SECRECY = "密级和保密期限"
    URGENCY = "紧急程度"
    MARK = "发文机关标志"
    LETTER_MARK = "信函标志"
    MINUTES_MARK = "纪要标志"
    NUMBER = "发文字号"
    SIGNER = "签发人"
    TITLE = "标题"
    SUBTITLE = "副标题"
    ADDRESSEES = "主送机关"
    BODY = "正文"
    FIRST = "第一层标题"
    SECOND = "第二层标题"
    THIRD = "第三层标题"
    FOURTH = "第四层标题"
    ATTACHMENTS = "附件说明"
    ISSUER = "发文机关署名"
    DATE = "成文日期"
    NOTE = "附注"
    ANNEX_MARK = "附件"
    ANNEX_TITLE = "附件标题"
    PRESENT = "出席人员名单"
    COPIES = "抄送机关"
    PRINTING = "印发机关和印发日期"


MARKS = (Element.MARK, Element.LETTER_MARK, Element.MINUTES_MARK)
HEADINGS = (Element.FIRST, Element.SECOND, Element.THIRD, Element.FOURTH)
TEXT = (Element.BODY, *HEADINGS)
HEAD = (Element.COPY_NUMBER, Element.SECRECY, Element.URGENCY, *MARKS, Element.NUMBER, Element.SIGNER)
IMPRINT = (Element.COPIES, Element.PRINTING)

# Style id -> element; where Word has renamed the ids, the styles' names tell.
_STYLES = {
    "GWMark": Element.MARK, "GWMark2": Element.MARK, "GWMark3": Element.MARK, "GWMarkLetter": Element.LETTER_MARK,
    "GWMarkMinutes": Element.MINUTES_MARK, "GWNumber": Element.NUMBER, "GWSigner": Element.SIGNER,
    "GWTitle": Element.TITLE, "GWSubtitle": Element.SUBTITLE, "GWTo": Element.ADDRESSEES, "GWBody": Element.BODY,
    "GWH1": Element.FIRST, "GWH2": Element.SECOND, "GWH3": Element.THIRD, "GWH4": Element.FOURTH,
    "GWAttachment": Element.ATTACHMENTS, "GWIssuer": Element.ISSUER, "GWDate": Element.DATE, "GWNote": Element.NOTE,
    "GWAnnexMark": Element.ANNEX_MARK, "GWAnnexTitle": Element.ANNEX_TITLE, "GWLabel": Element.PRESENT,
}  # fmt: skip
_NAMES = {
    "公文发文机关标志": "GWMark", "公文发文机关标志二": "GWMark2", "公文发文机关标志三": "GWMark3", "公文信函标志": "GWMarkLetter",
    "公文纪要标志": "GWMarkMinutes", "公文发文字号": "GWNumber", "公文签发人": "GWSigner", "公文标题": "GWTitle",
    "公文副标题": "GWSubtitle", "公文主送机关": "GWTo", "公文正文": "GWBody", "公文一级标题": "GWH1", "公文二级标题": "GWH2",
    "公文三级标题": "GWH3", "公文四级标题": "GWH4", "公文附件说明": "GWAttachment", "公文署名": "GWIssuer", "公文成文日期": "GWDate",
    "公文附注": "GWNote", "公文附件序号": "GWAnnexMark", "公文附件标题": "GWAnnexTitle", "公文份号密级": "GWTop",
    "公文版记": "GWImprint", "公文空行": "GWBlank", "公文出席人员": "GWLabel", "公文验真码": "GWVerify", "公文页码": "GWPage",
}  # fmt: skip

LEVELS = tuple(
    zip(
        HEADINGS,
        (r"[一二三四五六七八九十百]+、", r"（[一二三四五六七八九十百]+）", r"\d+[.．](?!\d)", r"（\d+）"),
        strict=True,
    )
)
# What people write instead; it is a heading all the same, with a number of the wrong form.
LOOSE = tuple(
    zip(
        HEADINGS,
        (
            r"[一二三四五六七八九十]+\s*[、，,.．]",
            r"[（(]\s*[一二三四五六七八九十]+\s*[）)]\s*[、，,.．]?",
            r"\d{1,2}\s*[.．、](?![\d年])",
            r"[（(]\s*\d{1,2}\s*[）)]\s*[、，,.．]?",
        ),
        strict=True,
    )
)
_NUMBER = re.compile(
    r"[^\d\s，。；：]{2,12}\s*[〔\[［【（(﹝]\s*[\d〇○零一二三四五六七八九０-９]{2,4}\s*年?\s*[〕\]］】）)﹞]\s*第?\s*[\d０-９]+\s*号"
)
_ORDER_NUMBER = re.compile(r"第\s*\d+\s*号")
_DATE = re.compile(
    r"[\d〇○零一二三四五六七八九０-９]{2,4}\s*[年./-]\s*[\d０-９一二三四五六七八九十]{1,3}\s*[月./-]\s*[\d０-９一二三四五六七八九十]{1,3}\s*日?"
)
_TITLE = re.compile(
    r"的?(决议|决定|命令|令|公报|公告|通告|意见|通知|通报|报告|请示|批复|议案|函|纪要|公示)(（[^）]*）)?$"
)


def known(paragraph: Paragraph) -> str:
    """The house style's id, or empty where it has none."""
    for name in paragraph.styles:
        if name.startswith("GW"):
            return name
        if name in _NAMES:
            return _NAMES[name]
    return ""


def red(colour: str) -> bool:
    """Red enough: within a quarter of pure red."""
    if not re.fullmatch(r"[0-9A-F]{6}", colour):
        return False
    r, g, b = (int(colour[at : at + 2], 16) for at in (0, 2, 4))
    return r >= 0xBF and g <= 0x40 and b <= 0x40


def black(colour: str) -> bool:
    """No channel brighter than an eighth."""
    return colour == "AUTO" or (
        re.fullmatch(r"[0-9A-F]{6}", colour) is not None
        and max(int(colour[at : at + 2], 16) for at in (0, 2, 4)) <= 0x20
    )


def loose_level(text: str) -> Element | None:
    return next((level for level, pattern in LOOSE if re.match(pattern, text)), None)


def of_house(manuscript: Manuscript) -> bool:
    """It was made from a template of ours."""
    return any(known(paragraph) for paragraph in manuscript.paragraphs)


def recognise(manuscript: Manuscript) -> dict[int, Element]:
    """Index of paragraph -> element; paragraphs that are none are left out."""
    found = {}
    for paragraph in manuscript.paragraphs:
        if not paragraph.blank and (element := _by_style(paragraph)) is not None:
            found[paragraph.index] = element
    if not of_house(manuscript):
        found |= _by_text(manuscript)
    else:
        _strangers(manuscript, found)
    return found


def _by_style(paragraph: Paragraph) -> Element | None:
    style, words = known(paragraph), paragraph.words
    if style == "GWTop":
        return _top(words)
    if style == "GWImprint":
        return _imprint(words)
    element = _STYLES.get(style)
    if element is Element.BODY and paragraph.table is None and (level := loose_level(words)):
        return level
    return element


def _top(words: str) -> Element:
    if re.search(r"[绝机秘]密|★", words):
        return Element.SECRECY
    return Element.COPY_NUMBER if re.fullmatch(r"[\d０-９\s]+", words) else Element.URGENCY


def _imprint(words: str) -> Element | None:
    if re.match(r"(抄\s*送|主\s*送|分\s*送)", words):
        return Element.COPIES
    return Element.PRINTING


def _strangers(manuscript: Manuscript, found: dict[int, Element]) -> None:
    """In a file of ours, paragraphs that somebody has put in without a style of the house: body, as far as one can tell."""
    for block in manuscript.flow:
        if isinstance(block, Paragraph) and not block.blank and not known(block):
            found[block.index] = loose_level(block.words) or Element.BODY


def _by_text(manuscript: Manuscript) -> dict[int, Element]:
    reader = _Clerk()
    for paragraph in manuscript.paragraphs:
        if paragraph.blank:
            reader.blanks += 1
            continue
        element = reader.take(paragraph)
        if element is not None:
            reader.found[paragraph.index] = element
        reader.blanks = 0
    reader.sign_off(manuscript)
    return reader.found


class _Clerk:
    """Reads a strange document from its head to its foot."""

    def __init__(self) -> None:
        self.found: dict[int, Element] = {}
        self.at = "head"
        self.seen = 0
        self.blanks = 0

    def take(self, paragraph: Paragraph) -> Element | None:
        words = paragraph.words
        self.seen += 1
        if re.match(r"抄\s*送\s*[:：]", words):
            return Element.COPIES
        if re.search(r"\d\s*日?\s*印\s*发$", words):
            return Element.PRINTING
        if self.at == "head":
            return self._head(paragraph, words)
        if paragraph.table is not None:
            return None
        if self.at == "addressees":
            self.at = "body"
            if len(words) < 200 and words[-1] in ":：" and not loose_level(words):
                return Element.ADDRESSEES
        if re.fullmatch(r"附件\s*\d*\s*[:：]?", words):
            self.at = "annex"
            return Element.ANNEX_MARK
        if self.at == "annex":
            self.at = "body"
            return Element.ANNEX_TITLE if len(words) <= 60 else Element.BODY
        if re.match(r"附件?\s*\d*\s*[:：]", words) and len(words) < 80:
            self.at = "attachments"
            return Element.ATTACHMENTS
        if self.at == "attachments" and re.match(r"\d+\s*[.．、]", words):
            return Element.ATTACHMENTS
        self.at = "body" if self.at == "attachments" else self.at
        if _DATE.fullmatch(words):
            self.at = "signed"
            return Element.DATE
        if self.at == "signed" and words[0] in "（(" and words[-1] in "）)":
            return Element.NOTE
        if re.match(r"(出\s*席|请\s*假|列\s*席)\s*[:：]", words):
            return Element.PRESENT
        return loose_level(words) or Element.BODY

    def _head(self, paragraph: Paragraph, words: str) -> Element | None:
        main = paragraph.main
        if self.seen <= 4 and re.fullmatch(r"[\d０-９]{3,8}", words):
            return Element.COPY_NUMBER
        if len(words) <= 12 and re.match(r"(绝密|机密|秘密)", words):
            return Element.SECRECY
        if re.fullmatch(r"(特急|加急|急件|紧急|平急|特提)", words):
            return Element.URGENCY
        big = main.size >= tolerances.TWO + tolerances.SIZE
        if (
            len(words) <= 40
            and not _TITLE.search(words)
            and (red(main.colour) or (big and words.endswith("文件")))
        ) or (red(main.colour) and words.endswith(("纪要", "令"))):
            return Element.MINUTES_MARK if words.endswith("纪要") else Element.MARK
        if _NUMBER.search(words) and len(words) <= 60:
            return Element.SIGNER if "签发人" in words else Element.NUMBER
        if re.match(r"签\s*发\s*人\s*[:：]", words):
            return Element.SIGNER
        if Element.MARK in self.found.values() and _ORDER_NUMBER.fullmatch(words):
            return Element.NUMBER
        if paragraph.table is not None:
            return None
        titled = any(name.lower() in ("title", "标题", "heading 1") for name in paragraph.styles)
        centred = paragraph.align == "center"
        title = titled or XIAOBIAOSONG.covers(main.font) or main.size >= 18 or centred or _TITLE.search(words)
        if Element.TITLE in self.found.values():
            if title and self.blanks == 0 and (centred or titled) and not loose_level(words):
                return Element.TITLE
            self.at = "addressees"
            return self.take_again(paragraph)
        if title and len(words) <= 90:
            return Element.TITLE
        if self.seen > 12 or len(words) > 90:
            self.at = "addressees"
            return self.take_again(paragraph)
        return Element.BODY

    def take_again(self, paragraph: Paragraph) -> Element | None:
        self.seen -= 1
        return self.take(paragraph)

    def sign_off(self, manuscript: Manuscript) -> None:
        """The issuer stands on the line over the date."""
        before: Paragraph | None = None
        for block in manuscript.flow:
            if isinstance(block, Table) or block.blank:
                continue
            short = before is not None and len(before.words) <= 40 and before.words[-1] not in "。；：:"
            dated = self.found.get(block.index) is Element.DATE
            if dated and before is not None and short and self.found.get(before.index) is Element.BODY:
                self.found[before.index] = Element.ISSUER
            before = block


def detect(manuscript: Manuscript, elements: Mapping[int, Element]) -> Profile:
    """The profile of a file that names none: what was signed names none any more."""
    found = set(elements.values())
    marks = [p.words for p in manuscript.paragraphs if elements.get(p.index) in MARKS]
    if Element.MINUTES_MARK in found:
        return Profile.MINUTES
    if Element.LETTER_MARK in found:
        return Profile.LETTER
    if marks or Element.NUMBER in found or found & set(IMPRINT):
        return Profile.OFFICIAL
    if of_house(manuscript):  # where ours is official, its head says so
        hung = not found and all(section.landscape for section in manuscript.sections)
        return Profile.PLATE if hung else Profile.OTHER
    titles = [p.words for p in manuscript.paragraphs if elements.get(p.index) is Element.TITLE]
    if Element.ADDRESSEES in found and titles and _TITLE.search(titles[-1]):
        return Profile.OFFICIAL
    return Profile.OTHER
