"""What a filling puts into a document beside text: pictures, QR codes, whole sub-documents. One ``Inserts`` serves one filling.

Pictures are decoded and written anew, so that no byte of what somebody brought reaches a document; a sub-document is screened as a
template is, and gives its paragraphs and tables alone: no headers, sections, links, or places for signatures.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import lru_cache
from hashlib import sha256
from typing import Any
from xml.sax.saxutils import quoteattr

import segno
from lxml import etree
from markupsafe import Markup
from PIL import Image, ImageOps

from engine.documents.package import (
    CONTENT_TYPES,
    RELS_NS,
    TYPES_NS,
    parse_xml,
    read_package,
    relationships_of,
    target_of,
)
from engine.documents.places import W
from engine.documents.screening import OFFICE, screen
from engine.errors import Invalid

MAX_PICTURE = 10 * 1024 * 1024  # bytes of one picture as it comes
MAX_PIXELS = 48_000_000  # of a JPEG, which is decoded at a fraction of its size
MAX_PIXELS_PNG = 12_000_000  # some 50 MB while it is decoded
MAX_WIDTH, MAX_HEIGHT = 400.0, 240.0  # millimetres
DPI = 300  # of a picture in the document, where it has as much
MAX_INSERTS = 200  # of pictures, codes and sub-documents in one document
MAX_BYTES = 20 * 1024 * 1024  # of all pictures and sub-documents that one filling reads
MAX_QR = 600  # bytes; more makes modules that no telephone reads at 15 mm
_QUIET = 4  # modules around a QR code (ISO/IEC 18004, 9.1)

_EMU = 36_000  # a millimetre
_R = f"{{{OFFICE}}}"
_REL = f"{{{RELS_NS}}}Relationship"
_DATA_URI = re.compile(r"data:image/(?:png|jpeg|jpg);base64,", re.IGNORECASE)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MARKER = re.compile(r"⟦(?:签名|印章):[^⟦⟧]*⟧")
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_ALTERNATE = "{http://schemas.openxmlformats.org/markup-compatibility/2006}AlternateContent"
_PICTURE_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "bmp": "image/bmp"}
_MAGIC = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"BM": "bmp"}
# What joins paragraphs to other parts or must be unique in a document.
_DROPPED = {f"{W}{name}" for name in ("sectPr", "bookmarkStart", "bookmarkEnd", "proofErr", "permStart", "permEnd",
                                       "lastRenderedPageBreak", "headerReference", "footerReference")}  # fmt: skip

Files = Callable[[str], bytes]
"""The content of a blob, by digest."""


class Inserts:
    """:param files: where digests lead; None where there is no store"""

    def __init__(self, files: Files | None = None) -> None:
        self._files = files
        self._left, self._count = MAX_BYTES, 0
        self._scaled: dict[tuple[bytes, float], tuple[bytes, str, float]] = {}
        self._media: dict[str, bytes] = {}
        self._links: dict[str, dict[str, str]] = {}  # part -> relationship id -> part of the picture
        self._styles: dict[str, etree._Element] = {}
        self._numbering: list[tuple[etree._Element, list[etree._Element]]] = []
        self._numbers = 0
        self.part = "word/document.xml"

    def picture(self, value: Any, millimetres: Any, alt: str = "图片") -> Markup:
        """An inline picture so many millimetres wide; one that would be higher than a page is made smaller."""
        width = _width(millimetres)
        given = self._content(value, "图片", MAX_PICTURE)
        key = (sha256(given).digest(), width)
        if key not in self._scaled:
            self._scaled[key] = scaled(given, width)
        content, kind, shape = self._scaled[key]
        height = width * shape
        if height > MAX_HEIGHT:
            width, height = width * MAX_HEIGHT / height, MAX_HEIGHT
        return self._drawing(content, kind, width, height, alt)

    def qr(self, text: str, millimetres: Any) -> Markup:
        """A QR code with its quiet zone, so many millimetres wide; the text itself is what is read aloud."""
        width = _width(millimetres)
        if not 1 <= len(text.encode()) <= MAX_QR:
            raise Invalid("bad-value", f"二维码的内容应有 1 到 {MAX_QR} 个字节（一个汉字三个），请缩短。")
        return self._drawing(qr_png(text), "png", width, width, text)

    def subdocument(self, value: Any) -> Markup:
        """The paragraphs and tables of a .docx; its pictures and those of its styles that the template lacks come with it.

        :raises Invalid: as ``screening.screen``; ``bad-value``
        """
        content = self._content(value, "子文档", MAX_BYTES)
        self._counted()
        return self._body(screen(read_package(content), "子文档"))

    def finish(self, parts: dict[str, bytes]) -> None:
        """Enter what was put in: the pictures' parts and relationships, styles, numbering."""
        for part, links in self._links.items():
            name = relationships_of(part)
            root = parse_xml(parts[name]) if name in parts else etree.Element(f"{{{RELS_NS}}}Relationships")
            for id_, target in links.items():
                etree.SubElement(root, _REL, Id=id_, Type=f"{OFFICE}/image", Target=f"/{target}")
            parts[name] = etree.tostring(root, encoding="UTF-8", xml_declaration=True, standalone=True)
        if self._media:
            types = parse_xml(parts[CONTENT_TYPES])
            for name, content in self._media.items():
                kind = _PICTURE_TYPES[name.rpartition(".")[2]]
                etree.SubElement(types, f"{{{TYPES_NS}}}Override", PartName=f"/{name}", ContentType=kind)
                parts[name] = content
            parts[CONTENT_TYPES] = etree.tostring(
                types, encoding="UTF-8", xml_declaration=True, standalone=True
            )
        if self._styles and "word/styles.xml" in parts:
            root = parse_xml(parts["word/styles.xml"])
            known = {style.get(f"{W}styleId") for style in root.iter(f"{W}style")}
            root.extend(style for id_, style in self._styles.items() if id_ not in known)
            parts["word/styles.xml"] = _xml(root)
        if self._numbering:
            self._enter_numbering(parts)

    # ---- pictures

    def _content(self, value: Any, what: str, limit: int) -> bytes:
        """Bytes, a data URI, or an object with the ``digest`` of a stored file."""
        if isinstance(value, Mapping):
            digest = str(value.get("digest", ""))
            if self._files is None or not _DIGEST.fullmatch(digest):
                raise Invalid("bad-value", f"{what}应是文件内容，或带有 digest（文件的 SHA-256）的对象。")
            value = self._files(digest)
        elif isinstance(value, str):
            found = _DATA_URI.match(value)
            try:
                value = base64.b64decode(value[found.end() :] if found else value, validate=True)
            except (binascii.Error, ValueError):
                raise Invalid(
                    "bad-value",
                    f"{what}应是文件内容，或带有 digest（文件的 SHA-256）的对象；图片还可以是 data:image/png;base64, 文字。",
                ) from None
        if not isinstance(value, bytes) or not value:
            raise Invalid("bad-value", f"{what}是空的，或不是文件内容。")
        self._left -= len(value)
        if len(value) > limit or self._left < 0:
            raise Invalid("document-too-big", f"{what}过大，请先压缩。")
        return value

    def _counted(self) -> int:
        self._count += 1
        if self._count > MAX_INSERTS:
            raise Invalid("document-too-big", f"一个文件中的图片、二维码和子文档最多 {MAX_INSERTS} 个。")
        return self._count

    def _linked(self, content: bytes, kind: str) -> str:
        """The relationship id of a picture in the current part."""
        digest = sha256(content).hexdigest()[:16]
        name, id_ = f"word/media/insert-{digest}.{kind}", f"rIdInsert{digest}"
        self._media[name] = content
        self._links.setdefault(self.part, {})[id_] = name
        return id_

    def _drawing(self, content: bytes, kind: str, width: float, height: float, alt: str) -> Markup:
        number = 20_000 + self._counted()  # no drawing of a designer's has such a number
        cx, cy, told = round(width * _EMU), round(height * _EMU), quoteattr(alt[:300])
        picture = "http://schemas.openxmlformats.org/drawingml/2006/picture"
        return Markup(
            "</w:t><w:drawing>"
            '<wp:inline xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
            'distT="0" distB="0" distL="0" distR="0">'
            f'<wp:extent cx="{cx}" cy="{cy}"/><wp:effectExtent l="0" t="0" r="0" b="0"/>'
            f'<wp:docPr id="{number}" name="Picture {number}" descr={told}/><wp:cNvGraphicFramePr/>'
            '<a:graphic xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main">'
            f'<a:graphicData uri="{picture}"><pic:pic xmlns:pic="{picture}">'
            f'<pic:nvPicPr><pic:cNvPr id="{number}" name="Picture {number}"/><pic:cNvPicPr/></pic:nvPicPr>'
            f'<pic:blipFill><a:blip xmlns:r="{OFFICE}" r:embed="{self._linked(content, kind)}"/>'
            "<a:stretch><a:fillRect/></a:stretch></pic:blipFill>"
            f'<pic:spPr><a:xfrm><a:off x="0" y="0"/><a:ext cx="{cx}" cy="{cy}"/></a:xfrm>'
            '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom></pic:spPr></pic:pic></a:graphicData></a:graphic>'
            '</wp:inline></w:drawing><w:t xml:space="preserve">'
        )

    # ---- sub-documents

    def _body(self, parts: Mapping[str, bytes]) -> Markup:
        body = parse_xml(parts["word/document.xml"]).find(f"{W}body")
        if body is None:
            raise Invalid("not-a-docx", "子文档没有正文。")
        pictures = _pictures_of(parts)
        _simplify(body)
        for element in list(body.iter()):
            for key, value in list(element.attrib.items()):
                if str(key).startswith(_R):
                    if value not in pictures:
                        raise Invalid(
                            "unsafe-template", "子文档的正文引用了其他内容（如脚注），请改成普通文字后再用。"
                        )
                    element.set(key, self._linked(*pictures[str(value)]))
                elif not str(key).startswith((W, "{http://www.w3.org/XML/")) and str(key).startswith(
                    "{http://schemas.microsoft.com/office/word/"
                ):
                    del element.attrib[key]  # ids of paragraphs, which must be unique
            if str(element.tag).endswith("}docPr"):
                element.set("id", str(20_000 + self._counted()))
        self._take_styles(parts, body)
        self._take_numbering(parts, body)
        etree.cleanup_namespaces(body)
        blocks = "".join(etree.tostring(child, encoding="unicode", with_tail=False) for child in body)
        return Markup(blocks)

    def _take_styles(self, parts: Mapping[str, bytes], body: etree._Element) -> None:
        """Those in use, with those they are based on; a style that the template has under the same id is the template's."""
        if "word/styles.xml" not in parts:
            return
        styles = {s.get(f"{W}styleId", ""): s for s in parse_xml(parts["word/styles.xml"]).iter(f"{W}style")}
        waiting = [
            e.get(f"{W}val", "") for tag in ("pStyle", "rStyle", "tblStyle") for e in body.iter(f"{W}{tag}")
        ]
        while waiting:
            id_ = waiting.pop()
            if id_ in styles and id_ not in self._styles:
                style = deepcopy(styles[id_])
                if f"{W}default" in style.attrib:
                    del style.attrib[f"{W}default"]
                for number in list(style.iter(f"{W}numPr")):
                    if (parent := number.getparent()) is not None:
                        parent.remove(number)
                self._styles[id_] = style
                waiting += [
                    e.get(f"{W}val", "")
                    for tag in ("basedOn", "link", "next")
                    for e in style.iter(f"{W}{tag}")
                ]

    def _take_numbering(self, parts: Mapping[str, bytes], body: etree._Element) -> None:
        """Lists keep counting on their own: their definitions come under numbers that no template uses."""
        used = {e.get(f"{W}val", "") for e in body.iter(f"{W}numId")}
        if not used or "word/numbering.xml" not in parts:
            return
        root = parse_xml(parts["word/numbering.xml"])
        abstracts = {e.get(f"{W}abstractNumId"): e for e in root.findall(f"{W}abstractNum")}
        ids: dict[str, str] = {}
        for number in root.findall(f"{W}num"):
            link = number.find(f"{W}abstractNumId")
            abstract = abstracts.get(link.get(f"{W}val")) if link is not None else None
            if number.get(f"{W}numId", "") not in used or link is None or abstract is None:
                continue
            self._numbers += 1
            new = str(30_000 + self._numbers)
            ids[number.get(f"{W}numId", "")] = new
            number, abstract = deepcopy(number), deepcopy(abstract)
            for bound in ("nsid", "tmpl", "styleLink", "numStyleLink"):
                for element in abstract.findall(f"{W}{bound}"):
                    abstract.remove(element)
            for element in abstract.iter(f"{W}lvlPicBulletId", f"{W}pStyle"):
                element.set(f"{W}val", "0" if element.tag.endswith("Id") else "")
            abstract.set(f"{W}abstractNumId", new)
            number.set(f"{W}numId", new)
            copied = number.find(f"{W}abstractNumId")
            assert copied is not None
            copied.set(f"{W}val", new)
            self._numbering.append((abstract, [number]))
        for element in body.iter(f"{W}numId"):
            element.set(f"{W}val", ids.get(element.get(f"{W}val", ""), "0"))

    def _enter_numbering(self, parts: dict[str, bytes]) -> None:
        name = "word/numbering.xml"
        if name in parts:
            root = parse_xml(parts[name])
        else:
            root = etree.Element(f"{W}numbering", nsmap={"w": W[1:-1]})
            links = parse_xml(parts[relationships_of("word/document.xml")])
            etree.SubElement(
                links, _REL, Id="rIdInsertNumbering", Type=f"{OFFICE}/numbering", Target=f"/{name}"
            )
            parts[relationships_of("word/document.xml")] = _xml(links)
            types = parse_xml(parts[CONTENT_TYPES])
            kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.numbering+xml"
            etree.SubElement(types, f"{{{TYPES_NS}}}Override", PartName=f"/{name}", ContentType=kind)
            parts[CONTENT_TYPES] = _xml(types)
        first = next((at for at, e in enumerate(root) if e.tag == f"{W}num"), len(root))
        for abstract, numbers in self._numbering:
            root.insert(first, abstract)  # the schema has all of them before the first of these
            root.extend(numbers)
            first += 1
        parts[name] = _xml(root)


def _width(millimetres: Any) -> float:
    if (
        isinstance(millimetres, bool)
        or not isinstance(millimetres, (int, float))
        or not 1 <= millimetres <= MAX_WIDTH
    ):
        raise Invalid(
            "bad-value", f"图片和二维码的宽度写毫米数，1 到 {MAX_WIDTH:g}，如 图片(60)、二维码(15)。"
        )
    return float(millimetres)


def scaled(content: bytes, width: float) -> tuple[bytes, str, float]:
    """A PNG or JPEG written anew with no more pixels than print shows: (content, kind, height by width).

    :raises Invalid: ``bad-value``: no picture, broken, or with too many pixels
    """
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as image:
            kind = (image.format or "").lower()
            limit = MAX_PIXELS if kind == "jpeg" else MAX_PIXELS_PNG
            if image.width * image.height > limit:
                raise Invalid(
                    "bad-value",
                    f"图片有 {image.width}×{image.height} 像素，过大；请先缩小到 {limit // 10_000} 万像素以内。",
                )
            most = max(1, round(width / 25.4 * DPI))
            if kind == "jpeg":
                image.draft("RGB", (most, most))  # decoded at a fraction of its size where that is enough
            ImageOps.exif_transpose(image, in_place=True)
            mode = "RGBA" if kind == "png" and image.has_transparency_data else "RGB"
            flat = image if image.mode == mode else image.convert(mode)
            shape = flat.height / flat.width
            if flat.width > most:
                flat = flat.resize((most, max(1, round(most * shape))), Image.Resampling.LANCZOS)
            flat.info = {}  # what the file said beside its pixels
            out = io.BytesIO()
            if kind == "jpeg":
                flat.save(out, "JPEG", quality=88)
            else:
                flat.save(out, "PNG", optimize=True)
    except Invalid:
        raise
    except Image.DecompressionBombError:
        raise Invalid("bad-value", "图片的像素过多，请先缩小。") from None
    except (OSError, ValueError, SyntaxError, MemoryError):
        raise Invalid("bad-value", "图片不是完整的 PNG 或 JPEG 文件，请换一张。") from None
    return out.getvalue(), kind, shape


@lru_cache(maxsize=256)
def qr_png(text: str) -> bytes:
    """Level Q, eight pixels a module, black on white."""
    out = io.BytesIO()
    encoding = None if text.isascii() else "utf-8"
    segno.make(text, error="q", micro=False, boost_error=False, encoding=encoding).save(
        out, kind="png", scale=8, border=_QUIET
    )
    return out.getvalue()


def _pictures_of(parts: Mapping[str, bytes]) -> dict[str, tuple[bytes, str]]:
    name = "word/document.xml"
    links = parse_xml(parts[relationships_of(name)]) if relationships_of(name) in parts else ()
    found = {}
    for link in links:
        if link.get("Type", "").endswith("/image"):
            content = parts[target_of(name, link.get("Target", ""))]
            kind = next(kind for magic, kind in _MAGIC.items() if content.startswith(magic))
            found[link.get("Id", "")] = (content, kind)
    return found


def _simplify(body: etree._Element) -> None:
    """Only what may stand in another document: no sections, bookmarks, places for signatures, or choices between markups."""
    for choice in list(body.iter(_ALTERNATE)):
        for fallback in choice.findall(_FALLBACK):
            for child in list(fallback):
                choice.addprevious(child)
        _remove(choice)
    for element in list(body.iter()):
        if not isinstance(element.tag, str) or element.tag in _DROPPED:
            _remove(element)
        elif element.tag in (f"{W}footnoteReference", f"{W}endnoteReference", f"{W}commentReference"):
            raise Invalid("unsafe-template", "子文档带有脚注、尾注或批注，请改成普通文字后再用。")
        elif element.tag == f"{W}pict" and any(
            etree.QName(e).localname == "signatureline" for e in element.iter() if isinstance(e.tag, str)
        ):
            _remove(element)
    for paragraph in body.iter(f"{W}p"):
        _without_markers(paragraph)


def _without_markers(paragraph: etree._Element) -> None:
    texts = list(paragraph.iter(f"{W}t"))
    whole = "".join(t.text or "" for t in texts)
    for marker in reversed(list(_MARKER.finditer(whole))):
        at = 0
        for text in texts:
            inner = text.text or ""
            first, last = max(marker.start() - at, 0), min(marker.end() - at, len(inner))
            if first < last:
                text.text = inner[:first] + inner[last:]
            at += len(inner)


def _remove(element: etree._Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _xml(root: etree._Element) -> bytes:
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True, standalone=True)
