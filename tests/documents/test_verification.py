"""One changed byte anywhere makes a letter invalid, and the report says what was changed."""

from __future__ import annotations

import io
import random
import re
import zipfile
from collections.abc import Callable
from datetime import timedelta

import pytest

from engine.documents import signing
from engine.documents.package import CONTENT_TYPES, MAX_LIST, MAX_PARTS, read_package, write_package
from engine.documents.signing import Picture
from engine.documents.verification import MAX_SIGNATURES, Verification, verify
from tests.documents import signers

DOCUMENT = "word/document.xml"
SIGNATURE = "_xmlsignatures/sig1.xml"


def refused(content: bytes, says: str = "") -> Verification:
    found = verify(content)
    assert not found.valid, "the change went unnoticed"
    assert found.changes, f"no change is named: {[s.problems for s in found.signatures]}"
    assert says in "".join(found.changes), found.changes
    return found


def edited(name: str, edit: Callable[[bytes], bytes]) -> bytes:
    """The signed letter with one part changed, packed again just as the engine packs."""
    parts = read_package(signers.signed())
    changed = edit(parts[name])
    assert changed != parts[name], "the edit did nothing"
    return write_package(parts | {name: changed})


def test_untouched() -> None:
    found = verify(signers.signed(), trusted=[signers.authority().certificate], at=signers.AT)
    assert found.valid and not found.changes and len(found.signatures) == 4


def test_every_flipped_bit_is_found() -> None:
    """Each byte of the zip's own structure and of the first signature, and a sample of all others."""
    whole = signers.signed()
    positions = set(random.Random(168).sample(range(len(whole)), 500))
    directory = whole.index(b"PK\x01\x02")
    positions |= set(range(directory, len(whole), 7)) | set(range(len(whole) - 22, len(whole)))
    for found in re.finditer(b"PK\x03\x04", whole):
        positions |= set(range(found.start(), found.start() + 30, 3))
    start = whole.index(b"<Signature xmlns")
    positions |= set(range(start, start + 3000, 29))
    for position in sorted(positions):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << (position % 8)
        found_ = verify(bytes(flipped))
        assert not found_.valid, f"byte {position} was changed and nobody noticed"
        assert found_.changes, f"byte {position}: the report does not say what changed"


@pytest.mark.parametrize("cut", [0, 1, 100, -1, -30])
def test_a_file_cut_short_is_no_docx(cut: int) -> None:
    refused(signers.signed()[:cut])


def test_every_part_is_signed() -> None:
    for name in read_package(signers.letter()):
        if name.endswith(".rels") or name == CONTENT_TYPES:
            continue
        found = refused(edited(name, lambda content: content + b" "), name)
        assert not any(s.valid for s in found.signatures), f"{name}: a signature still counts"


def test_a_changed_word_invalidates_all_signatures() -> None:
    found = refused(edited(DOCUMENT, lambda c: c.replace("李建国".encode(), "李建军".encode())), DOCUMENT)
    assert all(s.problems == ["文件在签署后被改动。"] for s in found.signatures)


def test_an_added_part_is_named() -> None:
    refused(write_package(read_package(signers.signed()) | {"word/extra.xml": b"<x/>"}), "word/extra.xml")


def test_a_removed_part_is_named() -> None:
    parts = read_package(signers.signed())
    del parts["word/styles.xml"]
    refused(write_package(parts), "word/styles.xml")


REL = b'<Relationship Id="rIdX" Target="%s" TargetMode="External" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/%s"></Relationship></Relationships>'


def test_relationships_are_signed() -> None:
    rels = "word/_rels/document.xml.rels"
    add = edited(
        rels, lambda c: c.replace(b"</Relationships>", REL % (b"http://example.org/x", b"hyperlink"))
    )
    found = refused(add, "rIdX")
    assert not any(s.valid for s in found.signatures)
    refused(edited(rels, lambda c: c.replace(b'Target="styles.xml"', b'Target="settings.xml"')), rels)
    unsigned_kind = REL.replace(b"officeDocument/2006/relationships/%s", b"package/2006/relationships/%s")
    refused(
        edited(
            rels,
            lambda c: c.replace(b"</Relationships>", unsigned_kind % (b"y", b"metadata/core-properties")),
        ),
        rels,
    )
    refused(edited(rels, lambda c: c.replace(b"></Relationship>", b" ></Relationship>", 1)), rels)
    refused(edited("_rels/.rels", lambda c: c.replace(b"rIdSignatures", b"rIdSignatureZ")), "_rels/.rels")


def test_content_types_are_signed() -> None:
    old = b"application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml"
    found = refused(edited(CONTENT_TYPES, lambda c: c.replace(old, b"application/xml")), "内容类型")
    assert not any(s.valid for s in found.signatures)
    unused = b'<Default ContentType="text/plain" Extension="txt"></Default></Types>'
    refused(edited(CONTENT_TYPES, lambda c: c.replace(b"</Types>", unused)), CONTENT_TYPES)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (rb"<SignatureComments>.", b"<SignatureComments>X"),
        ("党工委书记</xd:ClaimedRole>".encode(), "党工委委员</xd:ClaimedRole>".encode()),
        (rb"<xd:SigningTime>2026", b"<xd:SigningTime>2025"),
        (rb"<mdssi:Value>2026", b"<mdssi:Value>2025"),
        (rb"<SetupID>.", b"<SetupID>("),
        (rb"<SignatureValue>.", b"<SignatureValue>/"),
        (rb"<SignatureValue>", b"<SignatureValue> "),
        (rb"==</SignatureValue>", b"</SignatureValue>"),
        (rb"<X509Certificate>MII", b"<X509Certificate>MIJ"),
        (rb"<KeyInfo>", b"<KeyInfo><!-- -->"),
        (rb"</KeyInfo>", b"</KeyInfo>\n"),
        (rb"<Object><xd:", b"<Object Encoding=\"x\"><xd:"),
        (rb"#rsa-sha256", b"#rsa-sha1"),
        (rb"xmlenc#sha256", b"xmlenc#sha512"),
        (rb'Target="#idPackageSignature"', b'Target="#idPackageSignaturf"'),
        (rb'Id="idPackageSignature"', b'Id="idPackageSignaturf"'),
        (rb"\?>\n<", b"?><"),
        (rb"</Signature>\Z", b"</Signature>\n"),
        (rb'Id="idInvalidSigLnImg"', b'Id="idValidSigLnImg"'),
        (rb'SourceId="rId1"', b'SourceId="rId2"'),
    ],
)  # fmt: skip
def test_nothing_in_a_signature_can_be_changed(old: bytes, new: bytes) -> None:
    found = refused(edited(SIGNATURE, lambda c: re.sub(old, new, c, count=1)), "sig1.xml")
    assert not found.signatures[0].valid
    assert all(s.valid for s in found.signatures[1:]), "the other signatures are as good as before"


def test_the_chain_cannot_be_exchanged() -> None:
    other = signers.authority("另一机构").certificate.public_bytes(signing.Encoding.DER)
    mine = signers.authority().certificate.public_bytes(signing.Encoding.DER)
    encoded = [signing.base64.b64encode(der) for der in (mine, other)]
    refused(edited(SIGNATURE, lambda c: c.replace(*encoded)), "sig1.xml")


def test_wrapped_signature() -> None:
    """The signed object stays in the file, but the manifest that a careless reader finds first is another."""

    def wrap(content: bytes) -> bytes:
        found = re.search(rb'<Object Id="idPackageObject_.*?</Object>', content)
        assert found
        false = found[0].replace(b"<DigestValue>", b"<DigestValue>A")
        return content.replace(found[0], false + found[0])

    found = refused(edited(SIGNATURE, wrap), "sig1.xml")
    assert "出现两次" in found.signatures[0].problems[0]


def test_what_a_stranger_has_checked_is_bounded() -> None:
    """References to one long text again and again, signatures without end, and long lists, which each signature reads."""

    def repeat(content: bytes) -> bytes:
        found = re.search(rb'<Reference [^>]*URI="#(idOfficeObject[^"]*)".*?</Reference>', content)
        assert found
        again = found[0].replace(found[1], b"long") * 10
        long = (
            b'<Object Id="long">' + b"x" * len(content) + b"</Object>"
        )  # ten times more than the whole part
        return content.replace(found[0], found[0] + again).replace(b"</Signature>", long + b"</Signature>")

    found = refused(edited(SIGNATURE, repeat), "sig1.xml")
    assert any("重叠" in problem for problem in found.signatures[0].problems)

    whole = read_package(signers.signed())
    many = signing.assembled_parts(signing.base_parts(whole), [whole[SIGNATURE]] * (MAX_SIGNATURES + 1))
    assert not refused(write_package(many), "签名超过").signatures

    long = edited("_rels/.rels", lambda content: content + b" " * MAX_LIST)
    assert not refused(long, "过大").signatures

    def list_more(content: bytes) -> bytes:
        found = re.search(rb'<Reference URI="/word/document.xml.*?</Reference>', content)
        assert found
        more = b"".join(
            found[0].replace(b"document.xml", b"document%d.xml" % n) for n in range(MAX_PARTS + 1)
        )
        return content.replace(found[0], found[0] + more)

    found = refused(edited(SIGNATURE, list_more), "sig1.xml")
    assert any("过多" in problem for problem in found.signatures[0].problems)


@pytest.mark.parametrize("way", ["plain", "named", "inside"])
def test_the_picture_is_bound_in_whatever_way_it_is_signed(way: Picture) -> None:
    whole = signing.assemble(
        signers.letter(), [signers.part("issuer"), signers.part("issuer_seal", picture=way)]
    )
    assert verify(whole).valid
    parts = read_package(whole)
    own = parts["_xmlsignatures/sig2.xml"]
    shown = rb'(Id="idValidSigLnImg"[^>]*>|<SignatureImage>)[^<]+'
    edits = [(rb"<Object>", rb'<Object Id="new">x</Object><Object>')]
    for found in re.finditer(shown, own):
        edits += [(found[0], found[1] + b"AAAA"), (found[0], found[1])]
    assert len(edits) == (3 if way == "inside" else 5)
    if way == "named":
        edits += [
            (b"lvze:Id=", b"lvze:id="),
            (b' lvze:URI="#', b' lvze:URI="#x'),
            (b' lvze:Id="', b' lvze:Id="x'),
        ]
        swapped = re.sub(rb'( lvze:URI="[^"]*")( Type="[^"]*" URI="#idValidSigLnImg")', rb"\2\1", own)
        edits.append((own, swapped))
    for old, new in edits:
        assert old in own and old != new
        changed = {"_xmlsignatures/sig2.xml": own.replace(old, new)}
        found = refused(write_package(parts | changed), "sig2.xml")
        assert found.signatures[0].valid and not found.signatures[1].valid


def test_packed_again_by_another_tool() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in read_package(signers.signed()).items():
            archive.writestr(name, content)
    found = refused(stream.getvalue(), "文件被重新打包，内容未变")
    assert len(found.changes) == 1 and all(s.valid for s in found.signatures)


def test_bytes_before_within_or_behind_the_zip() -> None:
    whole = signers.signed()
    refused(whole + b"\n")
    refused(b"\n" + whole)
    refused(whole[:-2] + b"\x02\x00hi")


def test_the_same_name_twice() -> None:
    stream = io.BytesIO(signers.signed())
    with zipfile.ZipFile(stream, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(DOCUMENT, "<x/>")
    refused(stream.getvalue(), "出现两次")


def test_hostile_zips_are_refused_unread() -> None:
    for parts, compression in (
        ({"bomb.xml": b"0" * (25 * 1024 * 1024)}, zipfile.ZIP_DEFLATED),
        ({f"{n}.xml": b"" for n in range(MAX_PARTS + 1)}, zipfile.ZIP_STORED),
        ({"../evil.xml": b""}, zipfile.ZIP_STORED),
    ):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", compression) as archive:
            for name, content in ({CONTENT_TYPES: b"<Types/>", "_rels/.rels": b"<R/>"} | parts).items():
                archive.writestr(name, content)
        refused(stream.getvalue())


def test_no_signature_is_not_valid() -> None:
    refused(signers.letter(), "没有数字签名")


@pytest.mark.parametrize("content", [b"", b"PK", b"%PDF-1.7", b"PK\x03\x04" + b"\0" * 100])
def test_no_docx(content: bytes) -> None:
    refused(content)


# ---- who


def test_an_unknown_authority() -> None:
    found = verify(signers.signed(), trusted=[signers.authority("另一机构").certificate])
    assert not found.valid and not found.changes
    assert "未知证书机构“云岭市直属机关党建证书机构”" in found.signatures[0].problems[0]


def test_a_certificate_that_signs_for_its_own_issuer_is_not_trusted() -> None:
    own = signers.authority()
    part = signing.signature_part(
        signers.letter(),
        key=own.signing_key,
        line_id=None,
        image_png=None,
        capacity="",
        signer_name="",
        comment="",
        at=signers.AT,
    )
    assert not verify(signing.assemble(signers.letter(), [part]), trusted=[own.certificate]).valid


@pytest.mark.parametrize(("days", "says"), [(-60, "有效期"), (400, "有效期")])
def test_outside_the_certificate(days: int, says: str) -> None:
    who = signers.signer("陈志强")
    part = signing.signature_part(
        signers.letter(),
        key=who.signing_key,
        line_id=None,
        image_png=None,
        capacity="书记",
        signer_name=who.name,
        comment="",
        at=signers.AT + timedelta(days=days),
    )
    found = verify(signing.assemble(signers.letter(), [part]))
    assert not found.valid and says in found.signatures[0].problems[0]


def test_signed_in_the_future_or_after_revocation() -> None:
    future = verify(signers.signed(), at=signers.AT - timedelta(seconds=1))
    assert [s.problems for s in future.signatures] == [["签署时间晚于现在。"]] * 4
    serial = signers.signer("陈志强").certificate.serial_number
    revoked = verify(signers.signed(), revoked={serial: signers.AT - timedelta(days=1)})
    assert [s.valid for s in revoked.signatures] == [False, True, True, True]
    assert verify(signers.signed(), revoked={serial: signers.AT + timedelta(days=1)}).valid
