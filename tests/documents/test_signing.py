"""Signing: what is written, in which order, and that signers do not disturb each other."""

from __future__ import annotations

import io
import zipfile

import pytest
from lxml import etree

from engine.documents import signing
from engine.documents.package import content_types, read_package, write_package
from engine.documents.signature_lines import Line, insert_signature_lines, line_id
from engine.documents.templates import Template
from engine.documents.verification import verify
from engine.errors import Invalid
from tests.documents import samples, signers


def test_base_package_is_a_fixed_point() -> None:
    base = signers.letter()
    assert signing.base_package(base) == base
    assert signing.assemble(base, []) == base
    assert signing.base_package(signers.signed()) == base, "signatures leave the base as it was"


def test_a_part_is_canonical_xml() -> None:
    part = signers.part("issuer")
    assert signing.HEADER.encode() + etree.tostring(etree.fromstring(part), method="c14n") == part


def test_each_signer_signs_the_same_base_and_order_does_not_matter() -> None:
    for slots in (
        ("issuer", "recipient", "issuer_seal"),
        ("issuer_seal", "recipient", "issuer"),
        ("recipient",),
    ):
        found = verify(signers.signed(*slots))
        assert found.valid, found
        assert [s.signer for s in found.signatures] == [signers.SLOTS[slot][0] for slot in slots]


def test_assembling_is_deterministic_and_a_later_signature_leaves_the_earlier() -> None:
    one, two = signers.signed("issuer"), signers.signed("issuer", "recipient")
    assert signing.assemble(signers.letter(), [signers.part("issuer")]) == one
    before, after = read_package(one), read_package(two)
    changed = {name for name in after if before.get(name) != after[name]}
    assert changed == {
        "[Content_Types].xml",
        "_xmlsignatures/_rels/origin.sigs.rels",
        "_xmlsignatures/sig2.xml",
    }


def test_the_report_says_who_in_which_capacity_and_when() -> None:
    report = verify(signers.signed()).signatures[0]
    assert (report.signer, report.capacity, report.signed_at) == ("陈志强", "党工委书记", signers.AT)
    assert report.comment == "责任书<2026>&“签订”"
    assert report.line_id == line_id("issuer")


def test_elliptic_keys_sign_too() -> None:
    mixed = signing.assemble(
        signers.letter(), [signers.part("issuer", elliptic=True), signers.part("recipient")]
    )
    found = verify(mixed, trusted=[signers.authority().certificate])
    assert found.valid, found


def test_more_than_nine_signatures_keep_their_order() -> None:
    parts = [signers.part("issuer"), signers.part("recipient")] * 6
    names = signing.signature_parts(read_package(signing.assemble(signers.letter(), parts)))
    assert names == [f"_xmlsignatures/sig{n}.xml" for n in range(1, 13)]


def test_pictures_are_found_by_line() -> None:
    pictures = signing.signature_pictures(signers.signed())
    assert set(pictures) == {line_id(slot) for slot in signers.SLOTS}
    assert pictures == {line_id(slot): signers.picture_of(slot) for slot in signers.SLOTS}


def test_properties_and_strangers_are_left_out_of_the_base() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in read_package(signers.letter()).items():
            if name == "_rels/.rels":
                link = b'<Relationship Id="x" Type="%s/metadata/core-properties" Target="docProps/core.xml"/>'
                content = content.replace(
                    b"</Relationships>", link % signing.RELS_NS.encode() + b"</Relationships>"
                )
            archive.writestr(name, content)
        archive.writestr("docProps/core.xml", "<x/>")
        archive.writestr("hidden.bin", "x")
    assert signing.base_package(stream.getvalue()) == signers.letter()


# ---- lines


def _filled() -> bytes:
    return Template.load(samples.template("责任书")).fill(samples.LETTER)


def _document(docx: bytes) -> str:
    return read_package(docx)["word/document.xml"].decode()


def test_markers_without_a_line_vanish() -> None:
    text = _document(insert_signature_lines(_filled(), []))
    assert "⟦" not in text and "signatureline" not in text


def test_a_line_without_a_marker_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        insert_signature_lines(_filled(), [Line("nobody")])
    assert caught.value.code == "no-signature-place"


def test_a_marker_may_be_split_into_runs() -> None:
    parts = read_package(_filled())
    whole, split = (
        "⟦签名:issuer⟧",
        "⟦签</w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t>名:iss</w:t></w:r><w:r><w:t>uer⟧后文",
    )
    parts["word/document.xml"] = parts["word/document.xml"].decode().replace(whole, split).encode()

    text = _document(insert_signature_lines(write_package(parts), [Line("issuer", "陈志强")]))
    assert line_id("issuer") in text and "⟦" not in text and "⟧" not in text
    assert text.index("signatureline") < text.index("后文")


def test_twice_the_same_marker_is_refused() -> None:
    parts = read_package(_filled())
    parts["word/document.xml"] = parts["word/document.xml"].replace(
        "⟦签名:recipient⟧".encode(), "⟦签名:issuer⟧".encode()
    )

    with pytest.raises(Invalid) as caught:
        insert_signature_lines(write_package(parts), [Line("issuer")])
    assert caught.value.code == "two-signature-places"


def test_the_manifest_covers_everything() -> None:
    types = content_types(read_package(signers.letter()))
    part = signers.part("issuer").decode()
    assert all(f'URI="/{name}?ContentType={kind}"' in part for name, kind in types.items())
