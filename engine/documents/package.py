"""Open Packaging (ECMA-376 Part 2): a .docx as named parts, read with suspicion, written in one byte form.

Every entry is *stored*, never deflated, in the order of names, with the date that zip calls zero. So the same
parts give the same bytes on every machine and with every zlib, and no byte of a file is without meaning:
whatever is flipped is found. (A deflated stream is not like that: several streams unpack to the same text.)
"""

from __future__ import annotations

import io
import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from typing import BinaryIO

from lxml import etree

from engine.errors import Invalid

CONTENT_TYPES = "[Content_Types].xml"
RELATIONSHIPS = "application/vnd.openxmlformats-package.relationships+xml"
TYPES_NS = "http://schemas.openxmlformats.org/package/2006/content-types"
RELS_NS = "http://schemas.openxmlformats.org/package/2006/relationships"

# A letter is some 100 KB; a scan or a seal some MB. A bomb is refused by its directory: 444 KB that unpack to
# 200 MiB cost 870 MiB of memory before the XML parser would refuse them.
MAX_FILE = 20 * 1024 * 1024
MAX_UNPACKED = 60 * 1024 * 1024
MAX_PART = 30 * 1024 * 1024
MAX_RATIO = 200
MAX_PARTS = 500
MAX_LIST = 1024 * 1024  # bytes of a list of parts or relationships: every signature reads them all

# Reading an element's attributes costs the square of their number: 250,000 of them took minutes.
MAX_ATTRIBUTES = 1000
_LONG_MARKUP = re.compile(rb"<[^<]{5000,}")
_ATTRIBUTE = re.compile(rb"=\s*[\"']")

_PART = re.compile(r"(?!/)(?:[^\\/:*?\"<>|\x00-\x1f]+/)*[^\\/:*?\"<>|\x00-\x1f]+")
#: what Python's zipfile raises on bytes that are no zip, or no longer.
UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, struct.error),
    *(EOFError, OSError, ValueError, IndexError, RuntimeError, NotImplementedError),
)
_DATE = 0x0021  # 1980-01-01, the first day that zip knows


def check_package(content: bytes) -> None:
    """Refuse what is no sound .docx before anything of it is parsed: size, ratio, number and names of parts.

    :raises Invalid: ``not-a-docx`` or ``package-too-big``
    """
    _entries(content)


def read_package(content: bytes) -> dict[str, bytes]:
    """The parts by name, such as ``word/document.xml``, in the order of the file.

    :raises Invalid: ``not-a-docx`` or ``package-too-big``
    """
    archive, entries = _entries(content)
    parts = {}
    for entry in entries:
        try:
            parts[entry.filename] = archive.read(entry)
        except UNREADABLE as error:
            raise _no_docx(f"内部文件 {entry.filename} 的字节已损坏或被改动") from error
    if "_rels/.rels" not in parts:
        raise _no_docx("缺少 _rels/.rels")
    return parts


def write_package(parts: Mapping[str, bytes]) -> bytes:
    """The parts as one file; equal parts give equal bytes, whatever their order."""
    out = io.BytesIO()
    names = sorted(parts, key=lambda name: (name != CONTENT_TYPES, name))
    write_stored(out, ((name, parts[name]) for name in names))
    return out.getvalue()


def write_stored(stream: BinaryIO, parts: Iterable[tuple[str, bytes]]) -> None:
    """A .zip of these parts in this order, written as they come; equal parts give equal bytes.

    :raises Invalid: ``archive-too-big``: more than 4 GB or 65,535 parts
    """
    directory, offset, count = bytearray(), 0, 0
    for name, content in parts:
        label = name.encode()
        size, flags = len(content), 0 if name.isascii() else 0x800
        entry = struct.pack(
            "<HHHHHIIIHH", 20, flags, 0, 0, _DATE, zlib.crc32(content), size, size, len(label), 0
        )
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + entry
        directory += struct.pack("<HHHII", 0, 0, 0, 0, offset) + label
        offset += sum(map(stream.write, (b"PK\x03\x04" + entry, label, content)))
        count += 1
        if offset + len(directory) > 0xFFFF_FF00 or count > 0xFFFF:
            raise Invalid("archive-too-big", "内容超过 4 GB 或 65535 个文件，一个压缩包装不下。")
    stream.write(directory)
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), offset, 0)
    stream.write(b"PK\x05\x06" + end)


def parse_xml(content: bytes) -> etree._Element:
    """XML without DOCTYPE, entities or network.

    :raises Invalid: ``not-a-docx``
    """
    if any(len(_ATTRIBUTE.findall(markup)) > MAX_ATTRIBUTES for markup in _LONG_MARKUP.findall(content)):
        raise _no_docx("内部 XML 的一个元素有过多属性")
    try:
        root = etree.fromstring(
            content, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        )
    except (etree.XMLSyntaxError, ValueError) as error:
        raise _no_docx("内部 XML 不完整") from error
    # Which UTF-16 would hide from a search for its bytes.
    if b"<!DOCTYPE" in content or root.getroottree().docinfo.internalDTD is not None:
        raise _no_docx("内部 XML 带有 DOCTYPE")
    return root


def content_types(parts: Mapping[str, bytes]) -> dict[str, str]:
    """Content type of every part that has one: by name, or else by extension (10.1.2)."""
    defaults, overrides = {}, {}
    for element in parse_xml(parts[CONTENT_TYPES]):
        if element.tag == f"{{{TYPES_NS}}}Default":
            defaults[element.get("Extension", "").lower()] = element.get("ContentType", "")
        elif element.tag == f"{{{TYPES_NS}}}Override":
            overrides[element.get("PartName", "").lstrip("/").lower()] = element.get("ContentType", "")
    types = {}
    for name in parts:
        extension = posixpath.basename(name).rpartition(".")[2].lower()
        found = overrides.get(name.lower()) or defaults.get(extension)
        if found and name != CONTENT_TYPES:
            types[name] = found
    return types


def relationships_of(name: str) -> str:
    """Name of the part that holds the relationships of ``name``; ``""`` is the package itself."""
    folder, file = posixpath.split(name)
    return posixpath.join(folder, "_rels", f"{file}.rels")


def target_of(source: str, target: str) -> str:
    """The part's name that an internal relationship of ``source`` points at."""
    if target.startswith("/"):
        return target[1:]
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), target))


def is_part_name(name: str) -> bool:
    """A name that leads nowhere else, on any system."""
    return bool(_PART.fullmatch(name)) and not {"..", "."} & set(name.split("/"))


def _entries(content: bytes) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]:
    if len(content) > MAX_FILE:
        raise _too_big(f"文件超过 {MAX_FILE // 1024 // 1024} MB")
    if not content.startswith(b"PK\x03\x04"):
        raise _no_docx("文件不是 .docx")
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except UNREADABLE as error:
        raise _no_docx("文件不是完整的 .docx") from error
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > MAX_PARTS:
        raise _too_big(f"内部文件超过 {MAX_PARTS} 个")
    seen: set[str] = set()
    for entry in entries:
        name = entry.filename
        if entry.orig_filename != name or not is_part_name(name):
            raise _no_docx("内部文件名不合规")
        if name.lower() in seen:  # part names compare without case (ECMA-376 Part 2, 9.1.1)
            raise _no_docx(f"内部文件 {name} 出现两次")
        seen.add(name.lower())
        if entry.flag_bits & 0x1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _no_docx(f"内部文件 {name} 已加密或压缩方式不受支持")
        ratio = entry.file_size / max(entry.compress_size, 1)
        if entry.file_size > MAX_PART or (entry.file_size > 1024 * 1024 and ratio > MAX_RATIO):
            raise _too_big(f"内部文件 {name} 展开后过大")
        if entry.file_size > MAX_LIST and (name == CONTENT_TYPES or name.endswith(".rels")):
            raise _too_big(f"内部清单 {name} 过大")
    if sum(entry.file_size for entry in entries) > MAX_UNPACKED:
        raise _too_big("内容展开后过大")
    if CONTENT_TYPES.lower() not in seen:
        raise _no_docx(f"缺少 {CONTENT_TYPES}")
    return archive, entries


def _no_docx(why: str) -> Invalid:
    return Invalid("not-a-docx", f"{why}。请上传由 Word 或 WPS 保存的 .docx 文件。", why=why)


def _too_big(why: str) -> Invalid:
    return Invalid("package-too-big", f"{why}，已拒绝。请压缩图片或拆分文件后再上传。", why=why)


def add_to_document(
    parts: dict[str, bytes], name: str, content: bytes, *, content_type: str, relation: str, kind: str
) -> None:
    """Put a part into a .docx that its text refers to.

    :param name: under ``word/``, which the package does not have yet
    :param relation: Id by which the text refers to it
    :param kind: type of the relationship
    """
    rels = relationships_of("word/document.xml")
    links = parse_xml(parts[rels]) if rels in parts else etree.Element(f"{{{RELS_NS}}}Relationships")
    target = name.removeprefix("word/")
    etree.SubElement(links, f"{{{RELS_NS}}}Relationship", Id=relation, Type=kind, Target=target)
    types = parse_xml(parts[CONTENT_TYPES])
    etree.SubElement(types, f"{{{TYPES_NS}}}Override", PartName=f"/{name}", ContentType=content_type)
    parts |= {
        name: content,
        rels: etree.tostring(links, encoding="UTF-8"),
        CONTENT_TYPES: etree.tostring(types, encoding="UTF-8"),
    }
