"""Time stamps: asked of a server that openssl answers for, checked by ours and by openssl, and kept beside the signature."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding

import web.cli
from engine.clock import SettableClock
from engine.documents import authority, loops, register, signatures, signing, timestamps
from engine.documents.timestamps import Server
from engine.documents.verification import verify
from engine.egress import NOWHERE
from engine.errors import Invalid, LvzeError, NotAllowed, SettingsError
from engine.pki import Pki
from engine.runtime import Runtime
from engine.settings import Settings
from engine.stamping import run
from engine.workers import Workers
from tests.documents import signers, stamping
from tests.documents.stamping import Stamping, openssl
from tests.documents.test_authority import HOLDER, SECRET, opened
from tests.documents.test_register import AT, CHEN, LI, create, database, package, sign  # noqa: F401
from web.cli import main


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stamping]:
    with stamping.stamping(tmp_path_factory.mktemp("tsa")) as found:
        yield found


@pytest.fixture(scope="module")
def stamped(served: Stamping) -> tuple[bytes, bytes]:
    """A signature part with its time stamp, and the token."""
    part = signers.part("issuer")
    token = served.server().stamp(signing.stamped_text(part))
    return signing.with_time_stamp(part, token), token


def test_openssl_finds_the_time_stamp_right(
    served: Stamping, stamped: tuple[bytes, bytes], tmp_path: Path
) -> None:
    (tmp_path / "token").write_bytes(stamped[1])
    (tmp_path / "value").write_bytes(signing.stamped_text(signers.part("issuer")))
    verify_ = ("ts", "-verify", "-token_in", "-in", tmp_path / "token", "-CAfile", served.folder / "ca.pem")
    assert b"OK" in openssl(*verify_, "-data", tmp_path / "value")
    part = signing.stamped_text(stamped[0]).decode()
    assert (
        part.startswith(f'<SignatureValue xmlns="{signing.DSIG}">')
        and part == signing.stamped_text(signers.part("issuer")).decode()
    ), "what is stamped does not change by being stamped"


def test_verification_tells_who_stamped_when(served: Stamping, stamped: tuple[bytes, bytes]) -> None:
    docx = signing.assemble(signers.letter(), [stamped[0], signers.part("recipient")])
    found = verify(docx, trusted=[signers.authority().certificate], stampers=[served.ca])
    assert found.valid, found
    first, second = found.signatures
    assert first.time_stamp and first.time_stamp.by == "时间戳测试服务器" and first.time_stamp.vouched
    assert first.time_stamp.at > AT and second.time_stamp is None
    bare = verify(signing.assemble(signers.letter(), [signers.part("issuer")])).signatures[0]
    assert first.digest == bare.digest, "the register knows the signature with its time stamp and without"
    stranger = verify(docx, stampers=[signers.authority().certificate]).signatures[0]
    assert stranger.valid and stranger.time_stamp and not stranger.time_stamp.vouched


def test_every_changed_byte_of_a_stamped_signature_is_found(stamped: tuple[bytes, bytes]) -> None:
    whole = signing.assemble(signers.letter(), [stamped[0]])
    start, end = whole.index(b"<xd:UnsignedProperties>"), whole.index(b"</xd:UnsignedProperties>") + 24
    for position in range(start, end, 5):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << (position % 7)
        assert not verify(bytes(flipped)).valid, f"byte {position - start} of the time stamp"


def test_a_time_stamp_of_another_signature_is_invalid(stamped: tuple[bytes, bytes]) -> None:
    moved = signing.with_time_stamp(signers.part("recipient"), stamped[1])
    found = verify(signing.assemble(signers.letter(), [moved]))
    assert not found.valid
    assert found.signatures[0].problems == ["签名的时间戳无效：时间戳与签名不符，或被改动。"]


def test_pyhanko_asks_the_same_server(served: Stamping) -> None:
    token = loops.run(served.server().for_pdf().async_timestamp(hashlib.sha512(b"pdf").digest(), "sha512"))
    assert timestamps.read(token.dump(), b"pdf", trusted=[served.ca]).vouched


@pytest.mark.parametrize(
    ("status", "answer", "says"),
    [
        (500, None, "状态是 500"),
        (200, b"<html>", "不是 RFC 3161 时间戳"),
        (200, b"\x30\x09\x30\x07\x02\x01\x02\x03\x02\x06\x40", "拒绝了请求（rejection）"),
    ],
)
def test_a_bad_answer_is_no_time_stamp(
    served: Stamping, status: int, answer: bytes | None, says: str
) -> None:
    served.status, served.answer = status, answer
    try:
        with pytest.raises(LvzeError) as caught:
            served.server().stamp(b"x")
    finally:
        served.status, served.answer = 200, None
    assert caught.value.code == "time-stamp" and says in str(caught.value)


def test_an_old_answer_or_another_authority_is_refused(served: Stamping) -> None:
    served.server().stamp(b"x")
    served.answer = served.reply(served.requests[-1])
    try:
        with pytest.raises(LvzeError, match="随机数不符"):
            served.server().stamp(b"x")
    finally:
        served.answer = None
    with pytest.raises(LvzeError, match="不是 LVZE_TSA_CA 中的机构签发的"):
        served.server(signers.authority().certificate).stamp(b"x")


def test_only_the_server_of_the_settings_is_asked(served: Stamping, tmp_path: Path) -> None:
    with pytest.raises(NotAllowed):
        Server(served.url, NOWHERE).stamp(b"x")
    ca = str(served.folder / "ca.pem")
    settings = Settings.from_environment(
        {"LVZE_HOME": str(tmp_path), "LVZE_TSA_URL": served.url, "LVZE_TSA_CA": ca}
    )
    server = timestamps.server(settings)
    assert server is not None and timestamps.read(server.stamp(b"x"), b"x", trusted=server.trusted).vouched
    for wrong in ({"LVZE_TSA_URL": "ftp://x"}, {"LVZE_TSA_CA": "/nowhere"}, {"LVZE_TSA_CA": __file__}):
        with pytest.raises(SettingsError, match=next(iter(wrong))):
            Settings.from_environment({"LVZE_HOME": str(tmp_path), **wrong})


def test_what_is_too_large_or_no_token_is_refused() -> None:
    for token in (b"", b"\x30\x00", b"x" * (timestamps.LARGEST + 1)):
        with pytest.raises(Invalid):
            timestamps.read(token, b"x")


# ---- the register


def runtime(database: object, url: str, folder: Path) -> Runtime:  # noqa: F811
    settings = Settings(home=folder, database_url="", secret_key="", passphrase="", tsa_url=url)
    return Runtime(settings, database, SettableClock(AT), *[None] * 3)  # type: ignore[arg-type]


def test_a_time_stamp_comes_after_the_signature(database, served: Stamping, tmp_path: Path) -> None:  # noqa: F811
    document = create(database)
    sign(database, document, "issuer", CHEN)
    sign(database, document, "recipient", LI)
    before = package(database, document)
    with database.read() as session:
        assert signatures.unstamped_since(session) == (2, AT)
    away = runtime(database, "http://127.0.0.1:9/tsa", tmp_path)
    with pytest.raises(LvzeError) as caught:
        run(away)
    assert caught.value.code == "unreachable"
    assert run(runtime(database, "", tmp_path)) == 0
    assert package(database, document) == before, "nothing fails while the server is away"

    assert run(runtime(database, served.url, tmp_path)) == 2
    assert run(runtime(database, served.url, tmp_path)) == 0
    after = package(database, document)
    with database.read() as session:
        found = verify(after, trusted=authority.trusted(session))
        held = [slot.signature for slot in register.get(session, document).slots if slot.signature]
        assert signatures.unstamped_since(session) == (0, None)
    assert found.valid and verify(before).valid
    assert [one.time_stamp.at for one in found.signatures if one.time_stamp] == [
        one.stamped_at for one in held
    ]
    assert [one.digest for one in found.signatures] == [one.xml_digest for one in held]


def test_a_void_signature_needs_none(database, served: Stamping, tmp_path: Path) -> None:  # noqa: F811
    document = create(database)
    sign(database, document, "issuer", CHEN)
    with database.write() as session:
        held = register.get(session, document).slot("issuer").signature
        signatures.void_signatures(session, [held.id], reason="退回", by=None, at=AT)
    assert run(runtime(database, served.url, tmp_path)) == 0


def test_workers_fetch_them(database, served: Stamping, tmp_path: Path) -> None:  # noqa: F811
    document = create(database)
    sign(database, document, "issuer", CHEN)
    workers = Workers(runtime(database, "http://127.0.0.1:9/tsa", tmp_path), 1)
    workers._stamp()  # the server is away: logged, and left alone for a while
    workers._runtime = replace(
        workers._runtime, settings=replace(workers._runtime.settings, tsa_url=served.url)
    )
    workers._stamp()
    assert b"SignatureTimeStamp" not in package(database, document)
    workers._stamp_after = 0
    workers._stamp()
    assert re.search(rb"<xd:EncapsulatedTimeStamp>[^<]{500,}<", package(database, document))


def test_the_command_line_tells_time_stamp_and_issuer(
    stamped: tuple[bytes, bytes], served: Stamping, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, ca = tmp_path / "letter.docx", tmp_path / "ca.pem"
    file.write_bytes(signing.assemble(signers.letter(), [stamped[0]]))
    ca.write_bytes(signers.authority().certificate.public_bytes(Encoding.PEM))
    shown = CliRunner().invoke(main, ["verify", str(file), "--authority", str(ca)])
    assert shown.exit_code == 0, shown.output
    assert "由“云岭市直属机关党建证书机构”签发" in shown.output
    assert re.search(
        r"时间戳 20\d\d-\d\d-\d\d [\d:]{8}，由时间戳测试服务器签发（未核实这一机构）", shown.output
    )
    told = CliRunner().invoke(main, ["verify", str(file), "--json"])
    assert '"by": "时间戳测试服务器"' in told.output


def test_the_doctor_asks_the_server_and_looks_at_certificates(
    served: Stamping, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LVZE_HOME", str(tmp_path))
    monkeypatch.setenv("LVZE_DATABASE_URL", f"sqlite:///{tmp_path / 'lvze.db'}")
    monkeypatch.setenv("LVZE_TSA_URL", served.url)
    run_ = CliRunner().invoke(main, ["authority", "--crl", str(tmp_path / "list.crl")])
    assert run_.exit_code == 0 and (tmp_path / "list.crl").read_bytes().startswith(b"\x30")
    assert "不能再建一个" in str(CliRunner().invoke(main, ["authority", "--renew"]).output)
    assert web.cli._check_time_stamps() == "时间戳测试服务器，0 个签名等待时间戳"
    assert web.cli._check_certificates() == "没有快要到期的证书"
    monkeypatch.setenv("LVZE_TSA_URL", "http://127.0.0.1:9/tsa")
    with pytest.raises(LvzeError):
        web.cli._check_time_stamps()


def test_a_signature_cannot_be_older_than_it_says(served: Stamping, tmp_path: Path) -> None:
    for session in opened(tmp_path, Pki()):
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        authority.create_authority(session, name="证书机构", passphrase=SECRET, at=tomorrow)
        part = signing.signature_part(
            signers.letter(),
            key=authority.signing_key(session, **HOLDER, at=tomorrow),
            line_id=None,
            image_png=None,
            capacity="",
            signer_name="陈志强",
            comment="",
            at=tomorrow,
        )
    bare = signing.assemble(signers.letter(), [part])
    token = served.server().stamp(signing.stamped_text(part))
    stamped_ = signing.assemble(signers.letter(), [signing.with_time_stamp(part, token)])
    assert verify(bare).valid
    assert verify(stamped_).signatures[0].problems == ["时间戳早于签署时间：签署时间不实。"]


def test_what_nobody_signed_is_not_in_a_token(served: Stamping, stamped: tuple[bytes, bytes]) -> None:
    message, token = signing.stamped_text(signers.part("issuer")), cms.ContentInfo.load(stamped[1])
    other = asn1_x509.Certificate.load(signers.authority().certificate.public_bytes(Encoding.DER))
    token["content"]["certificates"].append(other)
    fuller = token.dump(force=True)
    assert timestamps.read(fuller, message, exact=False).by == "时间戳测试服务器", (
        "signed elsewhere it may be"
    )
    with pytest.raises(Invalid, match="写法被改动"):
        timestamps.read(fuller, message)
    docx = signing.assemble(signers.letter(), [signing.with_time_stamp(signers.part("issuer"), fuller)])
    assert not verify(docx).valid
