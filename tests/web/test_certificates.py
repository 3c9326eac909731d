# ruff: noqa: F811 (fixtures)
"""The pages of certificates, and what strangers fetch: the authority's certificate and its revocation list."""

from __future__ import annotations

import io
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from flask.testing import FlaskClient

from engine import ProcessEngine
from tests.documents.signers import AT
from tests.documents.test_authority import stranger
from tests.web.test_keeping import admin, by, clock, engine, ok, person_id, sign_in, unit_id  # noqa: F401

PAGE = "/administration/certificates"


def test_a_certificate_is_issued_renewed_and_revoked(
    engine: ProcessEngine, admin: FlaskClient, by: int
) -> None:
    person = person_id(engine, by, "韩松年")
    ok(admin.post(PAGE, data={"way": "issue", "holder": "无此人"}), 422)
    page = ok(
        admin.post(PAGE, data={"way": "issue", "holder": "韩松年", "kind": "SM2"}, follow_redirects=True)
    )
    assert "证书已登记" in page and "SM2</td>" in page
    (held,) = (one for one in engine.certificates(by=by) if one.person_id == person)
    page = ok(admin.get(f"{PAGE}/{held.id}"))
    assert "采用国密算法，但不是经认证的电子印章、电子签章" in page and "还没有用它签过文件" in page
    file = admin.get(f"{PAGE}/{held.id}.cer").data
    assert x509.load_pem_x509_certificate(file) == held.x509
    assert "新证书已签发" in ok(
        admin.post(f"{PAGE}/{held.id}/renewal", data={"same_key": "1"}, follow_redirects=True)
    )
    assert "韩松年" in ok(admin.get(f"{PAGE}?q=韩松年")) and "没有符合条件" in ok(
        admin.get(f"{PAGE}?q=无此人")
    )

    unit = unit_id(engine, "市教育局党委")
    ok(admin.post(PAGE, data={"way": "issue", "unit": unit, "kind": "RSA"}, follow_redirects=True))
    (own,) = (one for one in engine.certificates(by=by) if one.unit_id == unit)
    tomorrow = engine.today() + timedelta(days=1)
    wrong = {"reason": "私钥泄露", "since": tomorrow.isoformat()}
    assert "失效时间不能晚于现在" in ok(admin.post(f"{PAGE}/{own.id}/revocation", data=wrong), 422)
    page = ok(
        admin.post(
            f"{PAGE}/{own.id}/revocation",
            data={"reason": "私钥泄露", "since": engine.today().isoformat()},
            follow_redirects=True,
        )
    )
    assert "证书已吊销" in page and "（私钥泄露）" in page
    ok(admin.get(f"{PAGE}/9999"), 404)


def test_a_certificate_comes_from_outside(engine: ProcessEngine, admin: FlaskClient, by: int) -> None:
    content, root = stranger()
    engine.clock.set(AT)

    def given(password: str) -> dict[str, object]:
        file = (io.BytesIO(content), "陈.p12")
        return {"way": "pkcs12", "holder": "韩松年", "password": password, "file": file}

    assert "密码不对" in ok(admin.post(PAGE, data=given("x")), 422)
    page = ok(admin.post(PAGE, data=given("密码"), follow_redirects=True))
    assert "PKCS#12</td>" in page
    held = next(one for one in engine.certificates(by=by) if one.source == "PKCS#12")
    assert "签发机构不在信任名单里" in ok(admin.get(f"{PAGE}/{held.id}"))
    der = root.public_bytes(Encoding.DER)
    page = ok(
        admin.post(f"{PAGE}/authorities", data={"file": (io.BytesIO(der), "根.cer")}, follow_redirects=True)
    )
    assert "省电子认证中心根" in page
    assert "签发机构不在信任名单里" not in ok(admin.get(f"{PAGE}/{held.id}"))
    (listed,) = engine.trusted_authorities(by=by)
    page = ok(admin.post(f"{PAGE}/authorities/{listed.id}/removal", follow_redirects=True))
    assert "已移出信任名单" in page
    assert "LVZE_PKCS11_MODULE" in page, "how to use a token is told"


def test_strangers_fetch_what_they_check_with(engine: ProcessEngine, admin: FlaskClient, by: int) -> None:
    unit = unit_id(engine, "市教育局党委")
    own = engine.issue_certificate(unit_id=unit, by=by)
    engine.revoke_certificate(own.id, reason="停止使用", by=by)
    stranger = admin.application.test_client()
    root = x509.load_pem_x509_certificate(stranger.get("/authority/certificate").data)
    answer = stranger.get("/authority/crl")
    assert answer.mimetype == "application/pkix-crl"
    listed = x509.load_der_x509_crl(answer.data)
    assert listed.is_signature_valid(root.public_key())
    assert listed.get_revoked_certificate_by_serial_number(own.x509.serial_number) is not None
    assert stranger.get("/authority/crl/9999").status_code == 404


def test_only_administrators_see_certificates(engine: ProcessEngine) -> None:
    client = sign_in(engine, "linsiyuan")
    for path in ("", "/1", "/1.cer"):
        ok(client.get(f"{PAGE}{path}"), 403)
    for path in ("", "/1/renewal", "/authorities", "/authorities/1/removal"):
        ok(client.post(f"{PAGE}{path}"), 403)
