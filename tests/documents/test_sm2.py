"""SM2 and SM3: signed with gmssl, verified by ours and by openssl, labelled by what they are not."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from sqlalchemy.orm import Session

from engine.documents import authority, keys, signed_data, signing, sm2
from engine.documents.package import read_package, write_package
from engine.documents.signature_lines import line_id
from engine.documents.verification import SignatureReport, check_signer, verify
from engine.errors import Invalid, NotFound, SettingsError
from engine.pki import Pki
from engine.settings import Settings
from tests.documents import signers
from tests.documents.signers import AT
from tests.documents.stamping import openssl
from tests.documents.test_authority import HOLDER, SECRET, opened
from web.cli import main

IDENTITY = ("-pkeyopt", f"distid:{sm2.IDENTITY.decode()}")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    yield from opened(tmp_path, Pki(kind="SM2"))


@pytest.fixture
def key(session: Session) -> keys.SigningKey:
    authority.create_authority(session, name="证书机构", passphrase=SECRET, at=AT)
    return authority.signing_key(session, **HOLDER, at=AT)


def part(key: keys.SigningKey, slot: str = "issuer") -> bytes:
    return signing.signature_part(
        signers.letter(),
        key=key,
        line_id=line_id(slot),
        image_png=signers.picture_of(slot),
        capacity="党工委书记",
        signer_name="陈志强",
        comment="责任书",
        at=AT,
    )


def test_the_signature_is_right_for_openssl(key: keys.SigningKey, tmp_path: Path) -> None:
    root = etree.fromstring(part(key))
    info = etree.fromstring(etree.tostring(root.find(f"{{{signing.DSIG}}}SignedInfo"), with_tail=False))
    value = base64.b64decode(root.findtext(f"{{{signing.DSIG}}}SignatureValue"))
    (tmp_path / "info").write_bytes(etree.tostring(info, method="c14n"))
    (tmp_path / "value").write_bytes(value)
    (tmp_path / "held.pem").write_bytes(key.certificate.public_bytes(Encoding.PEM))
    openssl("x509", "-in", tmp_path / "held.pem", "-pubkey", "-noout", "-out", tmp_path / "held.pub")
    check = ("pkeyutl", "-verify", "-pubin", "-inkey", tmp_path / "held.pub", "-rawin", "-digest", "sm3")
    said = openssl(*check, *IDENTITY, "-sigfile", tmp_path / "value", "-in", tmp_path / "info")
    assert b"Verified Successfully" in said
    digests = {e.get("Algorithm") for e in root.iter(f"{{{signing.DSIG}}}DigestMethod")}
    assert digests == {"urn:oid:1.2.156.10197.1.401"}, "no other hash stands beside SM3"


def test_openssl_verifies_the_certificates(key: keys.SigningKey, session: Session, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    held = authority.issue(session, **HOLDER, at=now)
    (root,) = (one for one in authority.authorities(session) if one.algorithm == "SM2")
    (tmp_path / "root.pem").write_text(root.certificate_pem)
    (tmp_path / "held.pem").write_text(held.certificate_pem)
    check = ("verify", "-x509_strict", "-vfyopt", f"distid:{sm2.IDENTITY.decode()}")
    assert b"OK" in openssl(*check, "-CAfile", tmp_path / "root.pem", tmp_path / "held.pem")
    text = openssl("x509", "-in", tmp_path / "held.pem", "-noout", "-text").decode()
    assert "Signature Algorithm: SM2-with-SM3" in text and "ASN1 OID: SM2" in text


def test_ours_verifies_and_finds_changes(key: keys.SigningKey, session: Session) -> None:
    letter = signing.assemble(signers.letter(), [part(key), signers.part("recipient")])
    trusted = [*authority.trusted(session), signers.authority().certificate]
    found = verify(letter, trusted=trusted, at=AT)
    assert found.valid, found
    assert found.signatures[0].signer == "陈志强" and found.signatures[0].exact
    parts = read_package(letter)
    for name, old, new in (
        ("word/document.xml", "李建国", "李建军"),
        ("_xmlsignatures/sig1.xml", "党工委书记", "党工委委员"),
        ("_xmlsignatures/sig1.xml", "<SignatureValue>ME", "<SignatureValue>MF"),
    ):
        changed = parts[name].replace(old.encode(), new.encode())
        assert changed != parts[name]
        assert not verify(write_package(parts | {name: changed}), trusted=trusted).valid, old
    stranger = [one for one in trusted if keys.Sm2Public.of(one) is None]
    assert "未知证书机构" in verify(letter, trusted=stranger).signatures[0].problems[0]


def test_it_says_what_it_is_not(key: keys.SigningKey, session: Session) -> None:
    held = authority.certificate_of(session, **HOLDER, at=AT)
    assert held.algorithm == "SM2"
    assert held.label == "由本单位自建证书机构签发；采用国密算法，但不是经认证的电子印章、电子签章"
    other = authority.certificate_of(session, **HOLDER, at=AT, kinds=("RSA", "ECDSA"))
    assert other.algorithm == "RSA", "a format that knows no SM2 gets another key of the same holder"
    assert authority.certificate_of(session, **HOLDER, at=AT, kinds=("SM2",)) is held


def test_without_the_library_the_way_to_it_is_told(
    key: keys.SigningKey, session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    letter = signing.assemble(signers.letter(), [part(key)])
    trusted = authority.trusted(session)
    monkeypatch.setitem(sys.modules, "gmssl_pyx", None)
    with pytest.raises(Invalid, match=r"pip install gmssl-pyx==2\.1\.0"):
        authority.issue(session, **HOLDER, at=AT)
    found = verify(letter, trusted=trusted)
    assert not found.valid and not found.changes, "nobody knows whether anything was changed"
    assert sm2.INSTALL in found.signatures[0].problems[0]
    with pytest.raises(SettingsError, match=r"pip install gmssl-pyx==2\.1\.0"):
        Settings.from_environment({"LVZE_HOME": str(tmp_path), "LVZE_SIGNATURE_ALGORITHM": "SM2"})
    monkeypatch.delitem(sys.modules, "gmssl_pyx")
    settings = Settings.from_environment({"LVZE_HOME": str(tmp_path), "LVZE_SIGNATURE_ALGORITHM": "SM2"})
    assert settings.pki.kind == "SM2"
    with pytest.raises(SettingsError, match="LVZE_SIGNATURE_ALGORITHM"):
        Settings.from_environment({"LVZE_HOME": str(tmp_path), "LVZE_SIGNATURE_ALGORITHM": "DSA"})


def test_no_authority_no_certificate(session: Session) -> None:
    with pytest.raises(NotFound):
        authority.issue(session, **HOLDER, at=AT)


def test_the_signature_goes_out_as_signed_data(
    key: keys.SigningKey, session: Session, tmp_path: Path
) -> None:
    docx = signing.assemble(signers.letter(), [signers.part("recipient"), part(key)])
    (found,) = signed_data.of_docx(docx)
    assert found.part == "_xmlsignatures/sig2.xml" and signed_data.verify(found.content, found.signed_data)
    assert not signed_data.verify(found.content + b" ", found.signed_data)
    assert not signed_data.verify(found.content, b"\x30\x00")
    (tmp_path / "data.p7s").write_bytes(found.signed_data)
    shown = openssl("asn1parse", "-inform", "DER", "-in", tmp_path / "data.p7s").decode()
    for expected in ("1.2.156.10197.6.1.4.2.2", "1.2.156.10197.6.1.4.2.1", ":sm3", "1.2.156.10197.1.301.1"):
        assert expected in shown, expected
    # openssl finds signature and certificate in it by their places, and the signature right.
    value = [line for line in shown.splitlines() if "OCTET STRING" in line][-1]
    offset = int(value.partition(":")[0])
    cut = openssl("asn1parse", "-inform", "DER", "-in", tmp_path / "data.p7s", "-strparse", str(offset))
    assert b"SEQUENCE" in cut
    header = int(value.partition("hl=")[2].partition(" ")[0])
    length = int(value.partition("l=")[2].partition("l=")[2].partition("prim")[0])
    (tmp_path / "value").write_bytes(found.signed_data[offset + header : offset + header + length])
    (tmp_path / "content").write_bytes(found.content)
    (tmp_path / "held.pem").write_bytes(key.certificate.public_bytes(Encoding.PEM))
    openssl("x509", "-in", tmp_path / "held.pem", "-pubkey", "-noout", "-out", tmp_path / "held.pub")
    check = ("pkeyutl", "-verify", "-pubin", "-inkey", tmp_path / "held.pub", "-rawin", "-digest", "sm3")
    said = openssl(*check, *IDENTITY, "-sigfile", tmp_path / "value", "-in", tmp_path / "content")
    assert b"Verified Successfully" in said
    (tmp_path / "letter.docx").write_bytes(docx)
    done = CliRunner().invoke(main, ["gmt", str(tmp_path / "letter.docx"), "-o", str(tmp_path / "out")])
    assert done.exit_code == 0 and sm2.LABEL in done.output, done.output
    assert (tmp_path / "out/sig2.p7s").read_bytes() == found.signed_data
    assert (tmp_path / "out/sig2.xml").read_bytes() == found.content
    (tmp_path / "none.docx").write_bytes(signers.signed("issuer"))
    none = CliRunner().invoke(main, ["gmt", str(tmp_path / "none.docx"), "-o", str(tmp_path / "out")])
    assert none.exit_code == 1 and "没有 SM2 签名" in none.output


def test_a_curve_written_out_is_no_sm2(tmp_path: Path) -> None:
    openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x"),
        *("-pkeyopt", "ec_param_enc:explicit", "-keyout", tmp_path / "key", "-out", tmp_path / "held.pem"),
    )
    held = x509.load_pem_x509_certificate((tmp_path / "held.pem").read_bytes())
    assert sm2.Sm2Public.of(held) is None
    report = SignatureReport("x", certificate=held, signed_at=held.not_valid_before_utc)
    check_signer(report, [signers.authority().certificate], {}, None)
    assert any("未知证书机构" in problem or "无法读取" in problem for problem in report.problems)
