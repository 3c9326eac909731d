"""What may be in a Word file that designers or offices bring: text, tables, styles, pictures. Everything else stays out.

Nothing in it may run, load or fetch: not here, and not in the Word of whoever opens a document that was made from it. So the kinds
of parts are a whitelist; what Word and WPS leave behind without harm (printer settings, thumbnails, data for its own use) is taken
out, all else is refused with its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NoReturn

from lxml import etree

from engine.documents.package import (
    CONTENT_TYPES,
    RELS_NS,
    TYPES_NS,
    content_types,
    parse_xml,
    relationships_of,
    target_of,
)
from engine.documents.places import W, part_name, place_of
from engine.errors import Invalid

MAX_PART = 3 * 1024 * 1024  # bytes of one part of text or styles
MAX_LIST = 256 * 1024  # bytes of a list of parts or relationships
MAX_TOTAL = 24 * 1024 * 1024  # bytes of all parts together
MAX_ELEMENTS = 200_000  # of all parts: an element takes some 100 times the memory of its bytes
MAX_FIELDS = 2_000  # of Word's

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONSHIP = f"{{{RELS_NS}}}Relationship"
# The last word of a relationship's type.
_ALLOWED = {
    "officeDocument", "core-properties", "extended-properties", "custom-properties", "styles", "numbering", "settings",
    "webSettings", "fontTable", "theme", "header", "footer", "footnotes", "endnotes", "image",
}  # fmt: skip
_NEEDLESS = {
    "printerSettings", "thumbnail", "customXml", "customXmlProps", "stylesWithEffects", "keyMapCustomizations",
    "glossaryDocument", "people", "commentsExtended", "commentsIds", "commentsExtensible", "font", "customData",
}  # fmt: skip
_REFUSED = {
    "vbaProject": "宏",
    "oleObject": "嵌入的 OLE 对象",
    "package": "嵌入的文件",
    "control": "ActiveX 控件",
    "activeXControlBinary": "ActiveX 控件",
    "aFChunk": "外部内容块（altChunk）",
    "attachedTemplate": "附加模板",
    "frame": "框架",
    "subDocument": "主控文档的子文档",
    "mailMergeSource": "邮件合并数据源",
    "hyperlink": "超链接",
    "comments": "批注",
    "chart": "图表",
    "diagramData": "SmartArt 图形",
    "origin": "数字签名",
    "extensibility": "自定义功能区",
    "webextensiontaskpanes": "加载项",
    "video": "视频",
    "audio": "音频",
    "media": "音频或视频",
}
# What a letter needs of Word's fields. Others run programs (DDE), read files (INCLUDETEXT) or call home (LINK).
_FIELDS = {"PAGE", "NUMPAGES", "SECTIONPAGES", "SECTION", "SEQ", "REF", "PAGEREF", "TOC"}
_REVISIONS = {"ins", "del", "moveFrom", "moveTo", "rPrChange", "pPrChange", "tblPrChange", "trPrChange", "tcPrChange",
              "sectPrChange", "cellIns", "cellDel", "cellMerge", "numberingChange", "tblGridChange"}  # fmt: skip
_EMBEDDED = {"altChunk": "外部内容块（altChunk）", "object": "嵌入的对象", "control": "控件", "subDoc": "主控文档的子文档",
             "mailMerge": "邮件合并", "attachedTemplate": "附加模板", "saveThroughXslt": "转换样式表", "frameset": "框架",
             "movie": "视频", "fldData": "域的私有数据", "contentPart": "墨迹", "ffData": "窗体域"}  # fmt: skip
_PICTURES = {  # the first bytes of what may be shown; vectors of Windows (EMF, WMF) and SVG are programs of a kind
    b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"BM": "bmp",
}  # fmt: skip
_PROGRAMS = (".bin", ".exe", ".dll", ".js", ".vbs", ".htm", ".html", ".rtf", ".swf")
_TARGET_ATTRIBUTES = {"src", "href", "link", "althref"}


def screen(parts: Mapping[str, bytes], what: str = "模板") -> dict[str, bytes]:
    """The parts that may stay.

    :param what: how the refusal calls the file
    :raises Invalid: ``not-a-docx``, ``package-too-big``, or ``unsafe-template`` with what it is and where
    """
    return _Screen(what).screened(parts)


class _Screen:
    def __init__(self, what: str) -> None:
        self._what = what
        self._elements = 0

    def _unsafe(
        self, thing: str, where: str, advice: str = "请在 Word 中删去后另存为 .docx 再上传。"
    ) -> NoReturn:
        raise Invalid(
            "unsafe-template", f"{self._what}含有{thing}，不能使用。位置：{where}。{advice}", place=where
        )

    def screened(self, parts: Mapping[str, bytes]) -> dict[str, bytes]:
        if "word/document.xml" not in parts:
            raise Invalid("not-a-docx", "文件不是 Word 文档，请上传由 Word 或 WPS 保存的 .docx 文件。")
        if sum(map(len, parts.values())) > MAX_TOTAL:
            raise Invalid(
                "package-too-big",
                f"{self._what}展开后超过 {MAX_TOTAL >> 20} MB，请压缩图片或删去多余内容。",
            )
        for name, part in parts.items():
            if len(part) > MAX_LIST and (name == CONTENT_TYPES or name.endswith(".rels")):
                raise Invalid("package-too-big", f"{self._what}的内部清单 {name[:60]} 过大。")
        for name, kind in content_types(parts).items():
            if any(word in kind for word in ("macroEnabled", "vbaProject", "activeX", "ms-office")):
                self._unsafe("宏或控件", part_name(name))
        for name in parts:
            if name.startswith("_xmlsignatures/"):
                self._unsafe("数字签名", "整个文件")
        kept, texts = self._reachable(parts)
        for name in texts:
            self._read(name, kept[name])
        return kept

    def _reachable(self, parts: Mapping[str, bytes]) -> tuple[dict[str, bytes], list[str]]:
        """What the package needs, found along its relationships, and which of it is no picture.

        Needless parts go, with what spoke of them; unsafe ones are refused.
        """
        kept, texts, waiting = dict[str, bytes](), list[str](), [""]
        while waiting:
            source = waiting.pop()
            rels = relationships_of(source)
            if rels not in parts:
                continue
            root, gone = parse_xml(parts[rels]), set[str]()
            for link in root.findall(_RELATIONSHIP):
                target = self._follow(rels, source, link)
                if target is None:
                    gone.add(link.get("Id", ""))
                    root.remove(link)
                    continue
                if target not in parts:
                    self._unsafe(f"指向不存在内容的关系（{target[:60]}）", part_name(rels))
                if link.get("Type", "").endswith("/image"):
                    self._check_picture(target, parts[target])
                elif target not in texts:
                    texts.append(target)
                    waiting.append(target)
                kept.setdefault(target, parts[target])
            kept[rels] = etree.tostring(root, encoding="UTF-8", xml_declaration=True, standalone=True)
            if gone and source:
                kept[source] = _without_references(kept[source], gone)
        for name in parts.keys() - kept.keys():
            if name.lower().endswith(_PROGRAMS) and "printerSettings" not in name:
                self._unsafe(f"程序或嵌入的对象（{name[:60]}）", "整个文件")
        if "word/document.xml" not in texts:
            raise Invalid("not-a-docx", "文件不是 Word 文档，请上传由 Word 或 WPS 保存的 .docx 文件。")
        kept[CONTENT_TYPES] = _types_of(parts[CONTENT_TYPES], kept)
        return kept, texts

    def _follow(self, rels: str, source: str, link: etree._Element) -> str | None:
        """The part that a relationship leads to; None for one without which the file is as good.

        Parts lie in the file: relationships to the outside are refused, whatever their kind.
        """
        kind, target = link.get("Type", "").rpartition("/")[2], link.get("Target", "")
        if kind in _REFUSED:
            advice = "请在 Word 中接受或删去全部批注后再上传。" if kind == "comments" else ""
            outside = f"（{target[:80]}）" if link.get("TargetMode") == "External" else ""
            self._unsafe(f"{_REFUSED[kind]}{outside}", part_name(rels), *([advice] if advice else []))
        if link.get("TargetMode", "Internal") != "Internal" or re.match(
            r"[A-Za-z][A-Za-z0-9+.-]*:|//|\\", target
        ):
            self._unsafe(f"外部链接（{target[:80]}）", part_name(rels))
        if kind in _NEEDLESS:
            return None
        if kind not in _ALLOWED:
            self._unsafe(f"不支持的内容（{kind[:40] or '没有说明种类'}）", part_name(rels))
        return target_of(source, target)

    def _check_picture(self, name: str, content: bytes) -> None:
        if not content.startswith(tuple(_PICTURES)):
            self._unsafe(
                f"不支持的图片格式（{name.rpartition('/')[2][:60]}）",
                part_name(name),
                "请换成 PNG 或 JPEG 图片。",
            )

    def _read(self, name: str, part: bytes) -> None:
        if len(part) > MAX_PART:
            raise Invalid("package-too-big", f"{self._what}的{part_name(name)}过大，请删去多余内容。")
        root = parse_xml(part)
        codes: list[str] = []  # Word splits a field's code over runs, and fields nest
        fields = 0
        for element in root.iter():
            self._elements += 1
            if self._elements > MAX_ELEMENTS:
                raise Invalid("package-too-big", f"{self._what}的{part_name(name)}内容过多，请删去多余内容。")
            if not isinstance(element.tag, str):
                if element.tag is etree.ProcessingInstruction:
                    self._unsafe("XML 处理指令", part_name(name))
                continue
            local = element.tag.rpartition("}")[2]
            if local in _EMBEDDED:
                self._unsafe(_EMBEDDED[local], place_of(name, root, element))
            if element.tag.startswith(W) and local in _REVISIONS:
                self._unsafe("修订标记", place_of(name, root, element), "请在 Word 中接受全部修订后再上传。")
            for key, value in element.attrib.items():
                if str(key).rpartition("}")[2].lower() in _TARGET_ATTRIBUTES and str(value).strip():
                    self._unsafe(f"链接（{str(value)[:80]}）", place_of(name, root, element))
            if element.tag == f"{W}fldSimple":
                fields += self._check_field(element.get(f"{W}instr", ""), name, root, element)
            elif element.tag in (f"{W}instrText", f"{W}delInstrText"):
                if not codes:
                    self._unsafe("不完整的域代码", place_of(name, root, element))
                codes[-1] += element.text or ""
            elif element.tag == f"{W}fldChar" and element.get(f"{W}fldCharType") == "begin":
                codes.append("")
            elif element.tag == f"{W}fldChar" and codes and element.get(f"{W}fldCharType") == "end":
                fields += self._check_field(codes.pop(), name, root, element)
            if len(codes) > 20 or fields > MAX_FIELDS:
                raise Invalid("package-too-big", f"{self._what}的{part_name(name)}域代码过多，请删去。")
        for code in codes:
            self._check_field(code, name, root, root)

    def _check_field(self, code: str, name: str, root: etree._Element, at: etree._Element) -> int:
        word = code.split()[0].upper() if code.split() else ""
        if word not in _FIELDS:
            self._unsafe(f"域代码 {word[:40] or '（空）'}", place_of(name, root, at))
        return 1


def _without_references(content: bytes, ids: set[str]) -> bytes:
    """A part without the elements that name relationships which are gone."""
    root = parse_xml(content)
    for element in list(root.iter()):
        names = [v for k, v in element.attrib.items() if str(k).startswith(f"{{{OFFICE}}}")]
        if ids.intersection(map(str, names)) and (parent := element.getparent()) is not None:
            parent.remove(element)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True, standalone=True)


def _types_of(content: bytes, kept: Iterable[str]) -> bytes:
    """The content types without those of parts that are gone: Word calls a file broken that speaks of what it has not."""
    root, names = parse_xml(content), {f"/{name}".lower() for name in kept}
    for override in root.findall(f"{{{TYPES_NS}}}Override"):
        if override.get("PartName", "").lower() not in names:
            root.remove(override)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True, standalone=True)
