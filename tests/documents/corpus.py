"""140 signed .docx, half of them tampered with, each in one way that its name tells. The same seed gives the same files, but for keys."""

from __future__ import annotations

import base64
import functools
import io
import random
import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding

from engine.documents import signing
from engine.documents.package import CONTENT_TYPES, read_package, write_package
from engine.documents.signature_lines import Line, insert_signature_lines, line_id
from engine.documents.signing import Picture
from engine.documents.templates import Template
from tests.documents import samples, signers

SEED = 20260305
LETTERS = 7
Parts = dict[str, bytes]

DOCUMENT, RELS, ROOT_RELS = "word/document.xml", "word/_rels/document.xml.rels", "_rels/.rels"
FIRST, ORIGIN_RELS = "_xmlsignatures/sig1.xml", "_xmlsignatures/_rels/origin.sigs.rels"


@dataclass(frozen=True)
class File:
    """:ivar kind: how it was tampered with; None: not at all"""

    name: str
    content: bytes
    kind: str | None = None


@functools.cache
def letter(number: int) -> bytes:
    """Seven letters that differ in their text."""
    filled = Template.load(samples.template("责任书")).fill(samples.LETTER)
    base = insert_signature_lines(filled, [Line(slot, *who) for slot, who in signers.SLOTS.items()])
    parts = read_package(base)
    parts[DOCUMENT] = parts[DOCUMENT].replace("责任书".encode(), f"责任书（{number + 1}）".encode(), 1)
    return write_package(parts)


@functools.cache
def part(number: int, slot: str, elliptic: bool = False, picture: Picture = "plain") -> bytes:
    name, capacity = signers.SLOTS[slot]
    return signing.signature_part(
        letter(number),
        key=signers.signer(name, elliptic).signing_key,
        line_id=line_id(slot),
        image_png=signers.picture_of(slot),
        capacity=capacity,
        signer_name=name,
        comment=f"第{number + 1}份",
        at=signers.AT,
        picture=picture,
    )


def signed(number: int, *slots: str) -> bytes:
    """Persons' pictures before seals', as the register puts them together; EC of a slot ``issuer*``."""
    ways: dict[str, Picture] = {"issuer_seal": "inside", "recipient_seal": "inside"}
    return signing.assemble(
        letter(number),
        [part(number, s.rstrip("*"), s.endswith("*"), ways.get(s.rstrip("*"), "plain")) for s in slots],
    )


ALL = tuple(signers.SLOTS)
WAYS = [
    ("issuer",),
    ("recipient",),
    ("issuer", "recipient"),
    ("recipient", "issuer"),
    ("issuer", "issuer_seal"),
    ("issuer", "recipient", "issuer_seal"),
    ALL,
    ("issuer*",),
    ("recipient", "issuer*"),
    ("recipient*", "issuer", "issuer_seal", "recipient_seal"),
]


def files() -> list[File]:
    sound = [
        File(f"sound-{number}-{way}", signed(number, *slots))
        for number in range(LETTERS)
        for way, slots in enumerate(WAYS)
    ]
    chance = random.Random(SEED)
    broken = []
    for count, (kind, tamper) in enumerate(_ways()):
        number = chance.randrange(LETTERS)
        content = tamper(number)
        assert content != signed(number, *ALL), kind
        broken.append(File(f"broken-{count}", content, kind))
    return [*sound, *broken]


Tamper = Callable[[int], bytes]


def _ways() -> Iterator[tuple[str, Tamper]]:
    """Kind of tampering and what does it to the letter of that number, which all four have signed."""
    yield from _parts()
    yield from _relationships()
    yield from _content_types()
    yield from _signature()
    yield from _moved()
    yield from _zip()


def _edited(name: str, old: bytes, new: bytes | None) -> Tamper:
    """One pattern in one part replaced; without a replacement, each character of its second group by another of base64."""

    def replaced(found: re.Match[bytes]) -> bytes:
        if new is not None:
            return found.expand(new)
        return found[1] + bytes(ord("B") if one == ord("A") else ord("A") for one in found[2])

    def tamper(number: int) -> bytes:
        parts = read_package(signed(number, *ALL))
        changed = re.sub(old, replaced, parts[name], count=1, flags=re.DOTALL)
        assert changed != parts[name], (name, old)
        return write_package(parts | {name: changed})

    return tamper


def _with(change: Callable[[Parts], Parts]) -> Tamper:
    return lambda number: write_package(change(read_package(signed(number, *ALL))))


def _without(*names: str) -> Tamper:
    return _with(lambda parts: {name: part for name, part in parts.items() if name not in names})


def _parts() -> Iterator[tuple[str, Tamper]]:
    for name in ("document", "styles", "settings", "fontTable", "footer1", "footer2"):
        yield f"changed {name}", _edited(f"word/{name}.xml", rb"</(w:\w+)>\Z", rb" </\1>")
        yield f"removed {name}", _without(f"word/{name}.xml")
    yield "changed word", _edited(DOCUMENT, "李建国".encode(), "李建军".encode())
    yield "changed comment", _edited(DOCUMENT, rb"(<w:body>)", rb"\1<!-- -->")
    yield (
        "changed picture",
        _with(lambda p: p | {_picture: p[_picture][:-13] + b"\0" + p[_picture][-12:]}),
    )
    yield "removed picture", _without(_picture)
    yield "renamed part", _with(_renamed)
    yield "swapped parts", _with(lambda p: p | {_footer1: p[_footer2], _footer2: p[_footer1]})
    yield "added part", _with(lambda p: p | {"word/extra.xml": b"<x/>"})
    yield "added part with a type", _with(_added)
    yield "added linked part", _with(lambda p: _linked(_added(p), RELS))
    yield "added properties", _with(lambda p: _properties(p))


_picture = "word/media/signature-line.png"
_footer1, _footer2 = "word/footer1.xml", "word/footer2.xml"


def _typed(parts: Parts, name: str, kind: bytes) -> Parts:
    override = b'<Override ContentType="%s" PartName="/%s"></Override></Types>' % (kind, name.encode())
    return parts | {CONTENT_TYPES: parts[CONTENT_TYPES].replace(b"</Types>", override)}


def _added(parts: Parts) -> Parts:
    return _typed(parts, "word/extra.xml", b"application/xml") | {"word/extra.xml": b"<x/>"}


def _linked(
    parts: Parts, rels: str, more: bytes = b'Target="extra.xml"', kind: bytes = b"customXml"
) -> Parts:
    link = (
        b'<Relationship Id="rIdX" %s Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/%s">'
        b"</Relationship></Relationships>" % (more, kind)
    )
    return parts | {rels: parts[rels].replace(b"</Relationships>", link)}


def _properties(parts: Parts) -> Parts:
    """Core properties, which Word leaves unsigned."""
    link = (
        b'<Relationship Id="rIdX" Target="docProps/core.xml" Type="http://schemas.openxmlformats.org/package/2006/'
        b'relationships/metadata/core-properties"></Relationship></Relationships>'
    )
    core = (
        b'<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"'
        b' xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>x</dc:title></cp:coreProperties>'
    )
    typed = _typed(parts, "docProps/core.xml", b"application/vnd.openxmlformats-package.core-properties+xml")
    return typed | {
        "docProps/core.xml": core,
        ROOT_RELS: parts[ROOT_RELS].replace(b"</Relationships>", link),
    }


def _renamed(parts: Parts) -> Parts:
    out = {name: part for name, part in parts.items() if name != _footer1} | {
        "word/footer9.xml": parts[_footer1]
    }
    for name in (CONTENT_TYPES, RELS):
        out[name] = out[name].replace(b"footer1.xml", b"footer9.xml")
    return out


def _relationships() -> Iterator[tuple[str, Tamper]]:
    yield "added link", _with(lambda p: _linked(p, RELS, b'Target="styles.xml"'))
    yield (
        "added external link",
        _with(
            lambda p: _linked(p, RELS, b'Target="http://example.org/" TargetMode="External"', b"hyperlink")
        ),
    )
    yield "added root link", _with(lambda p: _linked(p, ROOT_RELS, b'Target="word/styles.xml"'))
    yield "removed link", _edited(RELS, rb'<Relationship Id="rId4".*?</Relationship>', rb"")
    yield "retargeted link", _edited(RELS, rb'Target="footer1.xml"', rb'Target="footer2.xml"')
    yield "link of another type", _edited(RELS, rb"relationships/settings", rb"relationships/webSettings")
    yield (
        "link made external",
        _edited(RELS, rb'Target="footer1.xml"', rb'Target="footer1.xml" TargetMode="External"'),
    )
    yield "renamed link", _edited(RELS, rb'Id="rId5"', rb'Id="rId6"')
    yield "link written otherwise", _edited(RELS, rb"></Relationship>", rb" />")
    yield "retargeted document", _edited(ROOT_RELS, rb"word/document.xml", rb"word/styles.xml")


def _content_types() -> Iterator[tuple[str, Tamper]]:
    yield (
        "changed type",
        _edited(CONTENT_TYPES, rb"wordprocessingml.settings\+xml", rb"wordprocessingml.styles+xml"),
    )
    yield "changed type of a picture", _edited(CONTENT_TYPES, rb"image/png", rb"image/gif")
    yield "removed type", _edited(CONTENT_TYPES, rb"<Override [^>]*footer2.xml\"></Override>", rb"")
    yield (
        "added type",
        _edited(
            CONTENT_TYPES,
            rb"</Types>",
            rb'<Default ContentType="text/plain" Extension="txt"></Default></Types>',
        ),
    )
    yield (
        "changed type of a signature",
        _edited(CONTENT_TYPES, rb"digital-signature-xmlsignature\+xml", rb"digital-signature-certificate"),
    )


def _signature() -> Iterator[tuple[str, Tamper]]:
    """Each element of a signature."""
    other = base64.b64encode(signers.signer("李建国").certificate.public_bytes(Encoding.DER))
    edits: list[tuple[str, bytes, bytes | None]] = [
        ("algorithm", rb"xmldsig-more#rsa-sha256", rb"xmldsig-more#rsa-sha512"),
        ("canonicalization", rb'(<CanonicalizationMethod Algorithm=")[^"]*', rb"\1http://www.w3.org/2001/10/xml-exc-c14n#"),
        ("reference removed", rb'<Reference Type="[^"]*" URI="#idOffice.*?</Reference>', rb""),
        ("reference to nothing", rb'(<Reference [^>]*URI="#idOffice)', rb"\1X"),
        ("digest of a reference", rb"(<DigestValue>)(.)", None),
        ("digest method", rb"xmlenc#sha256", rb"xmlenc#sha512"),
        ("signature value", rb"(<SignatureValue>)(..)", None),
        ("signature value cut", rb"(<SignatureValue>)[^<]*", rb"\1AAAA"),
        ("signature value spaced", rb"(<SignatureValue>)", rb"\1 "),
        ("key info removed", rb"<KeyInfo>.*?</KeyInfo>", rb""),
        ("certificate swapped", rb"(<X509Certificate>)[^<]*", rb"\1" + other),
        ("certificate broken", rb"(<X509Certificate>.{400})(..)", None),
        ("chain swapped", rb"(</X509Certificate><X509Certificate>)[^<]*", rb"\1" + other),
        ("chain removed", rb"(</X509Certificate>)<X509Certificate>[^<]*</X509Certificate>", rb"\1"),
        ("manifest digest", rb"(document.main\+xml\"><DigestMethod [^>]*></DigestMethod><DigestValue>)(.)", None),
        ("manifest reference removed", rb'<Reference URI="/word/styles.*?</Reference>', rb""),
        ("manifest link removed", rb'<mdssi:RelationshipReference [^>]*SourceId="rId2"></mdssi:RelationshipReference>', rb""),
        ("manifest time", rb"(<mdssi:Value>)2026", rb"\g<1>2025"),
        ("office comment", rb"(<SignatureComments>).", rb"\1X"),
        ("office line", rb"(<SetupID>\{)........", rb"\g<1>00000000"),
        ("office picture", rb"(<SignatureImage>.{80})(..)", None),
        ("office monitors", rb"(<Monitors>)1", rb"\g<1>2"),
        ("line picture", rb'(Id="idValidSigLnImg">.{80})(..)', None),
        ("struck out picture", rb'(Id="idInvalidSigLnImg">.{80})(..)', None),
        ("signing time", rb"(<xd:SigningTime>)2026", rb"\g<1>2025"),
        ("role", rb"(<xd:ClaimedRole>).*?<", "\\1主席<".encode()),
        ("certificate digest", rb"(<xd:CertDigest>.*?<DigestValue>)(.)", None),
        ("certificate digest removed", rb"<xd:Cert>.*?</xd:Cert>", rb""),
        ("policy", rb"signature-policy/1", rb"signature-policy/2"),
        ("wrapped", rb'(<Object Id="idPackageObject_.*?</Object>)', rb"\1\1"),
        ("unsigned object", rb"(<Object Id=\"idOffice)", rb'<Object Id="more">x</Object>\1'),
        ("unsigned text", rb"(</KeyInfo>)", rb"\1<!-- -->"),
    ]  # fmt: skip
    for kind, old, new in edits:
        yield f"signature: {kind}", _edited(FIRST, old, new)


def _moved() -> Iterator[tuple[str, Tamper]]:
    def foreign(number: int) -> bytes:
        parts = read_package(signed(number, *ALL))
        return write_package(parts | {FIRST: part((number + 1) % LETTERS, "issuer")})

    yield "signature of another file", foreign
    yield "signature removed", _without(FIRST)
    yield "signature unlinked", _edited(ORIGIN_RELS, rb'<Relationship Id="rId1".*?</Relationship>', rb"")
    yield (
        "all signatures unlinked",
        _edited(ROOT_RELS, rb'<Relationship Id="rIdSignatures".*?</Relationship>', rb""),
    )


def _zip() -> Iterator[tuple[str, Tamper]]:
    def packed(number: int, compression: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", compression) as archive:
            archive.comment = comment
            for name, content in read_package(signed(number, *ALL)).items():
                archive.writestr(name, content)
        return stream.getvalue()

    def twice(number: int) -> bytes:
        """The document a second time, changed: readers differ in which one they take."""
        whole = signed(number, *ALL)
        evil = read_package(whole)[DOCUMENT].replace("李建国".encode(), "李建军".encode())
        stream = io.BytesIO(whole)
        with zipfile.ZipFile(stream, "a") as archive:
            info = zipfile.ZipInfo(DOCUMENT.replace("document", "documenx"))
            archive.writestr(info, evil)
        return stream.getvalue().replace(b"word/documenx.xml", b"word/document.xml")

    def dated(number: int) -> bytes:
        whole = bytearray(signed(number, *ALL))
        struct.pack_into("<H", whole, 12, 0x5A21)
        return bytes(whole)

    def sized(number: int) -> bytes:
        whole = signed(number, *ALL)
        at = whole.index(b"PK\x01\x02")
        return whole[:at] + b"PK\x03\x04" + whole[at + 4 :]

    yield "zip: packed again", packed
    yield "zip: with a comment", lambda number: packed(number, zipfile.ZIP_STORED, b"x")
    yield "zip: bytes behind", lambda number: signed(number, *ALL) + b"\0" * 64
    yield "zip: bytes before", lambda number: b"\0" * 64 + signed(number, *ALL)
    yield "zip: a part twice", twice
    yield "zip: another date", dated
    yield "zip: broken directory", sized
