"""PAdES: fields over their lines, signatures in their order, time stamps, and nothing in the file that can be changed unseen."""

from __future__ import annotations

import io
import random
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader

from engine.documents import pades, pages, pdf_verification
from engine.documents.pdf import Renderer
from engine.documents.rendered import Rendered
from engine.documents.signature_lines import line_id
from engine.documents.verification import Verification, verify
from engine.errors import LvzeError
from tests.documents import maven, pdf_corpus, signers
from tests.documents.stamping import Stamping, stamping

VERAPDF = Path(__file__).parent / "verapdf"


@pytest.fixture(scope="module")
def letter() -> Rendered:
    with Renderer() as renderer:
        return renderer.render(signers.signed())


@pytest.fixture(scope="module")
def four(letter: Rendered) -> bytes:
    return pdf_corpus.signed(letter)


def checked(content: bytes, at: datetime = signers.AT) -> Verification:
    return verify(content, trusted=[signers.authority().certificate], at=at)


def test_a_field_lies_over_each_line(letter: Rendered, four: bytes) -> None:
    places = {place.key: place for place in letter.places}
    found = PdfFileReader(io.BytesIO(four)).embedded_signatures
    assert [one.field_name for one in found] == list(signers.SLOTS)
    for one in found:
        place = places[f"line:{line_id(one.field_name)}"]
        box = [float(edge) * 25.4 / 72 for edge in one.sig_field["/Rect"]]
        wanted = [
            place.left,
            297 - place.top - place.height,
            place.left + place.width,
            297 - place.top,
        ]
        assert box == pytest.approx(wanted, abs=0.4)
        assert (
            one.sig_field["/P"]["/Type"] == "/Page"
            and one.sig_field["/TU"] == signers.SLOTS[one.field_name][1]
        )


def test_signing_changes_no_page(letter: Rendered, four: bytes) -> None:
    """The pictures are the page's own: fields draw nothing."""
    assert pages.page_pictures(four, dpi=40) == pages.page_pictures(letter.pdf, dpi=40)
    assert four.startswith(letter.pdf), "all signatures are revisions behind the print"


def test_who_signed_when_and_as_what(four: bytes) -> None:
    found = checked(four)
    assert found.valid and not found.changes
    for one, (name, capacity) in zip(found.signatures, signers.SLOTS.values(), strict=True):
        assert (one.signer, one.capacity, one.comment) == (name, capacity, f"《责任书》{capacity}")
        assert one.signed_at == signers.AT and one.exact and one.line_id is None
    assert len({one.digest for one in found.signatures}) == 4
    assert [one.digest for one in found.signatures] == [
        pades.signature_digest(one.pkcs7_content)
        for one in PdfFileReader(io.BytesIO(four)).embedded_signatures
    ]


def test_nobody_signs_nothing(letter: Rendered) -> None:
    assert pades.sign(letter.pdf, []) == pades.Signed(letter.pdf, ())
    assert verify(letter.pdf).changes == ["没有数字签名。"]


def test_every_flipped_bit_is_found(letter: Rendered) -> None:
    two = pdf_corpus.signed(letter, ("issuer", "recipient*"))
    chance = random.Random(168)
    positions = chance.sample(range(len(two)), 15)
    for start, end in pdf_corpus.gaps(two):
        positions += [start - 1, end, end - 1, *chance.sample(range(start, end), 15)]
    for position in positions:
        flipped = bytearray(two)
        flipped[position] ^= 1 << chance.randrange(8)
        found = checked(bytes(flipped))
        assert not found.valid, f"byte {position} was changed and nobody noticed"
        assert found.changes or any(one.problems for one in found.signatures)


def test_the_chain_that_travels_with_a_signature_cannot_be_exchanged(four: bytes) -> None:
    """Nobody signs it, and other verifiers let it pass."""
    root = signers.authority().certificate.public_bytes(Encoding.DER).hex().encode()
    at = four.lower().rindex(root) + len(root) - 20
    changed = four[:at] + (b"0" if four[at : at + 1] != b"0" else b"1") + four[at + 1 :]
    found = checked(changed)
    assert [one.problems for one in found.signatures[:3]] == [[]] * 3
    assert found.signatures[3].problems == ["签名所附的证书被替换，或多出没有签名的内容。"]


@pytest.mark.parametrize("cut", [0, 9, 5000, -1, -30])
def test_a_file_cut_short(four: bytes, cut: int) -> None:
    assert not checked(four[:cut]).valid


def test_who_is_not_vouched_for(four: bytes) -> None:
    stranger = signers.authority("另一机构").certificate
    found = verify(four, trusted=[stranger], at=signers.AT)
    assert not found.valid and all("未知证书机构" in one.problems[0] for one in found.signatures)
    (first, *_) = found.signatures
    assert first.certificate is not None
    serial = first.certificate.serial_number
    revoked = verify(four, revoked={serial: signers.AT - timedelta(days=1)}, at=signers.AT)
    assert [one.valid for one in revoked.signatures] == [False, True, True, True]
    future = verify(four, at=signers.AT - timedelta(seconds=1))
    assert future.signatures[0].problems == ["签署时间晚于现在。"]


# ---- time stamps


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stamping]:
    with stamping(tmp_path_factory.mktemp("tsa")) as served:
        yield served


def test_time_stamps(letter: Rendered, tsa: Stamping) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    stamped = pdf_corpus.signed(letter, ("issuer", "issuer_seal"), tsa.server())
    found = verify(
        stamped, trusted=[signers.authority().certificate], at=datetime.now(UTC), stampers=[tsa.ca]
    )
    assert found.valid, found
    for one in found.signatures:
        assert one.time_stamp is not None and one.time_stamp.vouched and one.time_stamp.at > before
    reader = PdfFileReader(io.BytesIO(stamped))
    assert [str(one.sig_object_type) for one in reader.embedded_signatures] == [
        "/Sig",
        "/Sig",
        "/DocTimeStamp",
    ]
    held = [stream.get_object().data for stream in reader.root["/DSS"]["/Certs"]]
    assert len(held) == 5, "two signers, their authority, the time stamp server and its authority"
    unknown = verify(stamped, stampers=[signers.authority().certificate])
    assert not unknown.signatures[0].time_stamp or not unknown.signatures[0].time_stamp.vouched


def test_without_its_last_time_stamp_it_is_what_it_was(letter: Rendered, tsa: Stamping) -> None:
    stamped = pdf_corpus.signed(letter, ("issuer",), tsa.server())
    cut = PdfFileReader(io.BytesIO(stamped)).embedded_signatures[0].byte_range
    assert verify(stamped[: int(cut[2]) + int(cut[3])], stampers=[tsa.ca]).valid


def test_a_server_that_is_away_signs_nothing(letter: Rendered, tsa: Stamping) -> None:
    tsa.status = 503
    try:
        with pytest.raises(LvzeError, match="时间戳"):
            pdf_corpus.signed(letter, ("issuer",), tsa.server())
    finally:
        tsa.status = 200


# ---- hostile files


def test_hostile_files_are_refused_at_once(four: bytes) -> None:
    bomb = zlib.compress(bytes(100_000_000), 9)
    xref = (
        b"%%PDF-1.7\n1 0 obj\n<</Type/XRef/W[1 4 2]/Size 14000000/Root 2 0 R/Length %d/Filter/FlateDecode>>\nstream\n"
        % len(bomb)
    )
    loop = b"%PDF-1.7\ntrailer\n<</Size 1/Root 1 0 R/Prev 9>>\nstartxref\n9\n%%EOF"
    for content in (
        xref + bomb + b"\nendstream\nendobj\nstartxref\n9\n%%EOF",
        loop,
        b"%PDF-" + b"[" * 50_000,
    ):
        assert verify(content).changes == ["不是完整的 PDF，或内容已损坏。"]
    big = b"%PDF-" + bytes(pdf_verification.MAX_BYTES)
    assert "不能验证" in verify(big).changes[0]


# ---- archiving


def test_a_signed_pdf_is_pdf_a(four: bytes, letter: Rendered, tsa: Stamping, tmp_path: Path) -> None:
    jars = maven.classpath(VERAPDF, "veraPDF")
    files = {
        "plain": letter.pdf,
        "four": four,
        "stamped": pdf_corpus.signed(letter, ("issuer",), tsa.server()),
    }
    for name, content in files.items():
        (tmp_path / f"{name}.pdf").write_bytes(content)
    said = maven.java(jars, VERAPDF / "Validate.java", *(tmp_path / f"{name}.pdf" for name in files))
    assert [line.split(";", 1)[1] for line in said] == ["true"] * 3
