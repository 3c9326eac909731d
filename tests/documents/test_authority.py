"""The installation's authority and the certificates that it issues, and those that come from outside."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from asn1crypto import pkcs12 as asn1_pkcs12
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from sqlalchemy.orm import Session

import engine.tables
from engine.database import Database
from engine.documents import authority, certificates, keys, signing, sm2, tokens, trust
from engine.documents.verification import verify
from engine.errors import Conflict, Invalid, NotFound, SettingsError
from engine.organisation.people import Person
from engine.pki import Pki
from tests.documents import signers
from tests.documents.signers import AT
from tests.documents.stamping import openssl

SECRET = "s" * 32
HOLDER = {"person_id": 1, "name": "陈志强", "passphrase": SECRET}


def opened(path: Path, pki: Pki) -> Iterator[Session]:
    database = Database(f"sqlite:///{path / 'authority.db'}", pki=pki)
    engine.tables.metadata.create_all(database.engine)
    with database.write() as session:
        session.add_all([Person(id=1, name="陈志强"), Person(id=2, name="陈志强")])
        session.flush()
        yield session
    database.close()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    yield from opened(tmp_path, Pki(crl_base="https://lvze.example.org/authority/crl"))


def signed(session: Session, held: authority.Certificate) -> bytes:
    """The letter, signed with that certificate."""
    part = signing.signature_part(
        signers.letter(),
        key=authority.open_key(session, held, SECRET),
        line_id=None,
        image_png=None,
        capacity="书记",
        signer_name="陈志强",
        comment="",
        at=AT,
    )
    return signing.assemble(signers.letter(), [part])


def test_a_certificate_is_issued_once_and_chains(session: Session) -> None:
    root = authority.create_authority(session, name="证书机构", passphrase=SECRET, at=AT)
    first = authority.certificate_of(session, **HOLDER, at=AT)
    assert authority.certificate_of(session, **HOLDER, at=AT) is first
    namesake = authority.certificate_of(session, **HOLDER | {"person_id": 2}, at=AT)
    assert namesake.subject != first.subject
    first.x509.verify_directly_issued_by(root.x509)
    assert first.x509.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert authority.trusted(session) == [root.x509]
    assert x509.load_pem_x509_certificate(authority.authority_pem(session).encode()) == root.x509
    assert first.label == "由本单位自建证书机构签发"


def test_the_played_year_is_covered(session: Session) -> None:
    root = authority.create_authority(session, name="证书机构", passphrase=SECRET, at=AT)
    assert root.not_before <= AT - timedelta(days=365) and root.not_after > AT + timedelta(days=18 * 365)
    for days in (-300, 0, 300, 3000):
        moment = AT + timedelta(days=days)
        held = authority.certificate_of(session, **HOLDER, at=moment)
        assert held.not_before <= moment < held.not_after


@pytest.mark.parametrize("kind", ["RSA", "ECDSA", "SM2"])
def test_keys_are_encrypted(session: Session, kind: str, tmp_path: Path) -> None:
    authority.create_authority(session, name="证书机构", passphrase=SECRET, at=AT)
    held = authority.issue(session, **HOLDER, at=AT, kind=kind)
    assert held.algorithm == kind
    assert held.private_key_encrypted.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    key = authority.open_key(session, held, SECRET)
    assert keys.signed_by(held.x509, key.sign(b"x"), b"x") and not keys.signed_by(
        held.x509, key.sign(b"x"), b"y"
    )
    with pytest.raises(SettingsError):
        authority.load_key(held, "t" * 32)
    (tmp_path / "key.pem").write_bytes(held.private_key_encrypted)
    said = openssl("pkey", "-in", tmp_path / "key.pem", "-passin", f"pass:{SECRET}", "-noout", "-text")
    assert b"Private-Key" in said, "openssl opens it with the passphrase"


def test_revoking(session: Session) -> None:
    authority.create_authority(session, name="证书机构", passphrase=SECRET, at=AT)
    first = authority.certificate_of(session, **HOLDER, at=AT)
    with pytest.raises(Invalid):
        authority.revoke(session, first.id, at=AT, reason="不喜欢")
    with pytest.raises(Invalid):
        authority.revoke(session, first.id, at=AT, since=AT + timedelta(days=1))
    authority.revoke(session, first.id, at=AT, reason="私钥泄露", since=AT - timedelta(hours=1))
    assert authority.revoked(session) == {first.x509.serial_number: AT - timedelta(hours=1)}
    assert authority.certificate_of(session, **HOLDER, at=AT) is not first
    with pytest.raises(Conflict):
        authority.revoke(session, first.id, at=AT)


@pytest.mark.parametrize("kind", ["RSA", "SM2"])
def test_openssl_reads_the_list_of_the_revoked(session: Session, kind: str, tmp_path: Path) -> None:
    """A real moment: openssl asks its own clock."""
    now = datetime.now(UTC)
    authority.create_authority(session, name="证书机构", passphrase=SECRET, at=now)
    bad, good = (authority.issue(session, **HOLDER, at=now, kind=kind) for _ in range(2))
    root = next(one for one in authority.authorities(session) if one.algorithm == kind)
    authority.revoke(session, bad.id, at=now, reason="人员调离")
    authority.revoke(
        session, authority.issue(session, **HOLDER, at=now, kind="ECDSA").id, at=now, reason="停止使用"
    )
    der = authority.crl(session, root.id, passphrase=SECRET, at=now)
    assert authority.crl(session, root.id, passphrase=SECRET, at=now) == der, "the same within the hour"
    for name, content in {"crl.der": der, "root.pem": root.certificate_pem.encode()}.items():
        (tmp_path / name).write_bytes(content)
    crl = tmp_path / "crl.pem"
    openssl("crl", "-inform", "DER", "-in", tmp_path / "crl.der", "-out", crl)
    text = openssl("crl", "-in", crl, "-noout", "-text").decode()
    assert ("Affiliation Changed" in text) and text.count("Serial Number") == (1 if kind == "SM2" else 2)
    command = ["openssl", "verify", "-crl_check", "-CRLfile", crl, "-CAfile", tmp_path / "root.pem"]
    if (
        kind == "SM2"
    ):  # openssl verify tells nobody's identity to a CRL's check: its signature is asked for by itself
        command = [
            "openssl",
            "verify",
            "-CAfile",
            tmp_path / "root.pem",
            "-vfyopt",
            f"distid:{sm2.IDENTITY.decode()}",
        ]
        listed = x509.load_der_x509_crl(der)
        (tmp_path / "tbs").write_bytes(listed.tbs_certlist_bytes)
        (tmp_path / "signature").write_bytes(listed.signature)
        openssl("x509", "-in", tmp_path / "root.pem", "-pubkey", "-noout", "-out", tmp_path / "root.pub")
        check = ("pkeyutl", "-verify", "-pubin", "-inkey", tmp_path / "root.pub", "-rawin", "-digest", "sm3")
        distid = ("-pkeyopt", f"distid:{sm2.IDENTITY.decode()}", "-sigfile", tmp_path / "signature")
        assert b"Success" in openssl(*check, *distid, "-in", tmp_path / "tbs")
    said = []
    for held in (bad, good):
        (tmp_path / "held.pem").write_text(held.certificate_pem)
        done = subprocess.run([*command, tmp_path / "held.pem"], capture_output=True, text=True, timeout=30)
        said.append(done.stderr if done.returncode else "OK")
    assert said[1] == "OK" and (kind == "SM2" or "certificate revoked" in said[0])
    points = good.x509.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert points[0].full_name[0].value == f"https://lvze.example.org/authority/crl/{root.id}"
    with pytest.raises(NotFound):
        authority.crl(session, bad.id, passphrase=SECRET, at=now)


def test_renewing_with_the_same_key_or_another(session: Session) -> None:
    authority.create_authority(session, name="证书机构", passphrase=SECRET, at=AT)
    first = authority.certificate_of(session, **HOLDER, at=AT)
    letter = signed(session, first)
    later = AT + timedelta(days=4 * 365)
    assert authority.expiring(session, at=AT) == []
    assert [c.id for c in authority.expiring(session, at=first.not_after - timedelta(days=3))] == [first.id]
    same = authority.renew(session, first.id, name="陈志强", passphrase=SECRET, at=later, same_key=True)
    assert same.x509.public_key() == first.x509.public_key() and same.not_after > first.not_after
    other = authority.renew(session, first.id, name="陈志强", passphrase=SECRET, at=later, same_key=False)
    assert other.x509.public_key() != first.x509.public_key()
    assert authority.certificate_of(session, **HOLDER, at=later) is other
    assert authority.expiring(session, at=first.not_after - timedelta(days=3)) == []
    assert verify(letter, trusted=authority.trusted(session), at=later).valid, "what was signed stays good"
    authority.revoke(session, first.id, at=later)
    with pytest.raises(Conflict):
        authority.renew(session, first.id, name="陈志强", passphrase=SECRET, at=later, same_key=True)


def test_there_is_one_authority_and_none_is_said(session: Session) -> None:
    with pytest.raises(NotFound):
        authority.certificate_of(session, **HOLDER, at=AT)
    root = authority.create_authority(session, name="证书机构", passphrase=SECRET, at=AT)
    with pytest.raises(Conflict):
        authority.create_authority(session, name="证书机构", passphrase=SECRET, at=AT)
    late = root.not_after - timedelta(days=900)
    assert [one.id for one in authority.expiring(session, at=late)] == [root.id]
    first = authority.issue(session, **HOLDER, at=late)
    assert first.not_after == root.not_after
    second = authority.create_authority(session, name="证书机构", passphrase=SECRET, at=late)
    held = authority.issue(session, **HOLDER, at=late)
    assert authority.open_key(session, held, SECRET).chain == (second.x509,)
    assert authority.open_key(session, first, SECRET).chain == (root.x509,)


def test_certificates_are_found_by_name_and_number(session: Session) -> None:
    authority.create_authority(session, name="证书机构", passphrase=SECRET, at=AT)
    held = [authority.issue(session, **HOLDER, at=AT, kind="ECDSA") for _ in range(3)]
    found, count = authority.search(session, "陈志", limit=2)
    assert ([one.id for one in found], count) == ([held[2].id, held[1].id], 3)
    assert authority.search(session, held[0].serial[:12].upper(), limit=9) == ([held[0]], 1)
    assert authority.search(session, "100%", limit=9) == ([], 0)


# ---- from outside


def stranger(kind: str = "RSA") -> tuple[bytes, x509.Certificate]:
    """A PKCS #12 file of a person, and the root above the authority that issued to him."""
    made = {}
    root_key, mid_key = keys.generate("RSA"), keys.generate("ECDSA")
    key = keys.generate(kind)

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    for who, own, issuer, signer, ca in (
        ("省电子认证中心根", root_key, "省电子认证中心根", root_key, True),
        ("省电子认证中心", mid_key, "省电子认证中心根", root_key, True),
        ("陈志强", key, "省电子认证中心", mid_key, False),
    ):
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(who))
            .issuer_name(name(issuer))
            .not_valid_before(AT - timedelta(days=10))
            .not_valid_after(AT + timedelta(days=700))
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
        )
        made[who] = certificates.issue(builder, own.public_key(), signer, made.get(issuer))
    file = pkcs12.serialize_key_and_certificates(
        None, key, made["陈志强"], [made["省电子认证中心"]], BestAvailableEncryption("密码".encode())
    )
    return file, made["省电子认证中心根"]


def test_a_file_whose_password_would_take_hours_is_refused(session: Session) -> None:
    file = asn1_pkcs12.Pfx.load(stranger()[0])
    file["mac_data"]["iterations"] = 2**31 - 1
    assert len(list(authority._rounds(file.dump(force=True)))) == 3, (
        "of the MAC, the certificates and the key"
    )
    with pytest.raises(Invalid, match="次数过多"):
        authority.import_pkcs12(session, file.dump(force=True), "密码", person_id=1, passphrase=SECRET, at=AT)


@pytest.mark.parametrize("kind", ["RSA", "ECDSA"])
def test_a_key_from_outside_signs_once_its_root_is_trusted(session: Session, kind: str) -> None:
    authority.create_authority(session, name="证书机构", passphrase=SECRET, at=AT)
    file, root = stranger(kind)
    with pytest.raises(Invalid, match="密码不对"):
        authority.import_pkcs12(session, file, "错的", person_id=1, passphrase=SECRET, at=AT)
    held = authority.import_pkcs12(session, file, "密码", person_id=1, passphrase=SECRET, at=AT)
    assert (held.source, held.algorithm, held.label) == ("PKCS#12", kind, "由“省电子认证中心”签发")
    assert b"ENCRYPTED" in held.private_key_encrypted
    with pytest.raises(Conflict):
        authority.import_pkcs12(session, file, "密码", person_id=2, passphrase=SECRET, at=AT)
    own = authority.certificate_of(session, **HOLDER, at=AT)
    assert own is not held, "nobody vouches for it yet"
    letter = signed(session, held)
    assert not verify(letter, trusted=authority.trusted(session)).valid

    trusted = trust.add(session, root.public_bytes(Encoding.DER), by=None, at=AT)
    with pytest.raises(Conflict):
        trust.add(session, root.public_bytes(Encoding.DER), by=None, at=AT)
    assert verify(letter, trusted=authority.trusted(session)).valid, "over the authority that came along"
    newest = authority.import_pkcs12(
        session, stranger(kind)[0], "密码", person_id=1, passphrase=SECRET, at=AT
    )
    assert newest.id > own.id and authority.certificate_of(session, **HOLDER, at=AT) is own
    session.delete(own)
    assert authority.certificate_of(session, **HOLDER, at=AT) is held
    trust.remove(session, trusted.id, at=AT)
    assert not verify(letter, trusted=authority.trusted(session)).valid
    with pytest.raises(Conflict):
        authority.renew(session, held.id, name="陈志强", passphrase=SECRET, at=AT, same_key=True)


def test_what_cannot_sign_is_not_taken(session: Session) -> None:
    authority.create_authority(session, name="证书机构", passphrase=SECRET, at=AT)
    file, root = stranger()
    late = AT + timedelta(days=800)
    for content, at in ((b"x" * 70_000, AT), (b"", AT), (file, late)):
        with pytest.raises(Invalid):
            authority.import_pkcs12(session, content, "密码", person_id=1, passphrase=SECRET, at=at)
    own = authority.issue(session, **HOLDER, at=AT)
    with pytest.raises(Invalid, match="不是证书机构"):
        trust.add(session, own.certificate_pem.encode(), by=None, at=AT)
    with pytest.raises(Invalid, match="读不出证书"):
        trust.add(session, b"x", by=None, at=AT)
    assert certificates.may_sign(own.x509) and not certificates.may_sign(root)


MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "8642"


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A token of SoftHSM with an RSA and an elliptic key; its label. The library reads its folder once in a process."""
    folder = tmp_path_factory.mktemp("token")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\n")
    label = f"lvze-{uuid4().hex[:8]}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        new = ("softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "1234")
        subprocess.run(new, check=True, capture_output=True, timeout=30)
        for number, kind in (("01", "RSA"), ("a1b2", "EC")):
            size = ("-pkeyopt", "rsa_keygen_bits:2048" if kind == "RSA" else "ec_paramgen_curve:P-256")
            openssl("genpkey", "-algorithm", kind, *size, "-out", folder / f"{kind}.pem")
            take = (
                "softhsm2-util",
                "--import",
                str(folder / f"{kind}.pem"),
                "--token",
                label,
                "--label",
                kind,
            )
            subprocess.run([*take, "--id", number, "--pin", PIN], check=True, capture_output=True, timeout=30)
            subject = (
                "-subj",
                "/CN=陈志强",
                "-utf8",
                "-days",
                "3650",
                "-addext",
                "basicConstraints=CA:FALSE",
            )
            openssl("req", "-x509", "-key", folder / f"{kind}.pem", *subject, "-out", folder / f"{kind}.crt")
        yield f"{label}:{folder}"


# python-pkcs11 ends a search again whose session was closed under it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("kind", "key_id"), [("RSA", "01"), ("EC", "a1:b2")])
def test_a_key_in_a_token_signs(token: str, kind: str, key_id: str, tmp_path: Path) -> None:
    label, folder = token.split(":")
    for session in opened(tmp_path, Pki(module=MODULE, pin=PIN)):
        now = datetime.now(UTC)
        content = (Path(folder) / f"{kind}.crt").read_bytes()
        other = (Path(folder) / f"{'EC' if kind == 'RSA' else 'RSA'}.crt").read_bytes()
        authority.create_authority(session, name="证书机构", passphrase=SECRET, at=now)
        for wrong, says in (
            ((label, "77", content), "没有这个密钥"),
            (("nobody", key_id, content), "没有插好"),
            ((label, "zz", content), "十六进制"),
            ((label, key_id, None), "没有这个密钥的证书"),
            ((label, key_id, other), "不是一对"),
        ):
            with pytest.raises(Invalid, match=says):
                authority.import_token(session, *wrong, person_id=1, at=now)
        held = authority.import_token(session, label, key_id, content, person_id=1, at=now)
        assert (held.source, held.private_key_encrypted) == ("PKCS#11", b"")
        part = signing.signature_part(
            signers.letter(),
            key=authority.open_key(session, held, SECRET),
            line_id=None,
            image_png=None,
            capacity="",
            signer_name="陈志强",
            comment="",
            at=now,
        )
        docx = signing.assemble(signers.letter(), [part])
        assert verify(docx).valid and not verify(docx, trusted=authority.trusted(session)).valid
        tokens._open(Pki(module=MODULE, pin=PIN), label).close()  # as if it had been pulled out
        key = authority.open_key(session, held, SECRET)
        assert keys.signed_by(held.x509, key.sign(b"x"), b"x"), "it is opened anew"


def test_without_a_module_no_token_signs(session: Session) -> None:
    authority.create_authority(session, name="证书机构", passphrase=SECRET, at=AT)
    with pytest.raises(SettingsError, match="LVZE_PKCS11_MODULE"):
        authority.import_token(session, "x", "01", None, person_id=1, at=AT)


def test_only_authorities_vouch_and_only_while_they_are_valid(session: Session) -> None:
    root = authority.create_authority(session, name="证书机构", passphrase=SECRET, at=AT)
    holder = authority.issue(session, **HOLDER, at=AT)
    key = keys.generate("ECDSA")
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "冒名者")]))
        .issuer_name(holder.x509.subject)
        .not_valid_before(AT - timedelta(days=1))
        .not_valid_after(AT + timedelta(days=9))
    )
    forged = certificates.issue(builder, key.public_key(), authority.load_key(holder, SECRET), holder.x509)
    assert certificates.issued_by(forged, holder.x509), "a person's key can sign certificates"
    assert certificates.trusted_path(forged, [holder.x509], [root.x509], AT) is None, (
        "and that counts nothing"
    )
    assert certificates.trusted_path(holder.x509, [], [root.x509], AT) == (root.x509,)
    assert certificates.trusted_path(holder.x509, [], [root.x509], root.not_after + timedelta(days=1)) is None
    docx = signing.assemble(
        signers.letter(),
        [
            signing.signature_part(
                signers.letter(),
                key=keys.held_in_memory(key, forged, (holder.x509, root.x509)),
                line_id=None,
                image_png=None,
                capacity="",
                signer_name="冒名者",
                comment="",
                at=AT,
            )
        ],
    )
    assert verify(docx).valid, "the bytes are as they were signed"
    (report,) = verify(docx, trusted=[root.x509]).signatures
    assert "未知证书机构" in report.problems[0]
