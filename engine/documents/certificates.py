"""X.509 without a database: who issued a certificate, whether somebody trusted vouches for it, and how one is made and revoked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from engine.documents import sm2
from engine.documents.keys import PrivateKey
from engine.documents.sm2 import Sm2Private, Sm2Public
from engine.pki import KeyKind

#: of authorities between a signer and one that is trusted
DEPTH = 4
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | Sm2Public
#: why a certificate is revoked, as people read it, by what a CRL calls it (RFC 5280 5.3.1)
REASONS: dict[str, x509.ReasonFlags] = {
    "私钥泄露": x509.ReasonFlags.key_compromise,
    "人员调离": x509.ReasonFlags.affiliation_changed,
    "换发新证书": x509.ReasonFlags.superseded,
    "停止使用": x509.ReasonFlags.cessation_of_operation,
    "其他": x509.ReasonFlags.unspecified,
}
#: a list of revoked certificates is good for so long
CRL_DAYS = 7


def common_name(name: x509.Name) -> str:
    names = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else name.rfc4514_string()


def kind_of(certificate: x509.Certificate) -> KeyKind | None:
    """Of its key; None where it is of no kind that is known here."""
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return "SM2" if Sm2Public.of(certificate) is not None else None
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA"
    return "ECDSA" if isinstance(key, ec.EllipticCurvePublicKey) else None


def label(certificate: x509.Certificate, *, own: bool) -> str:
    """What people are told wherever they see a signature, by what it is not.

    :param own: this installation's authority issued it
    """
    said = ["由本单位自建证书机构签发" if own else f"由“{common_name(certificate.issuer)}”签发"]
    if kind_of(certificate) == "SM2":
        said.append(sm2.LABEL)
    return "；".join(said)


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """:raises Invalid: ``sm2-missing``"""
    if certificate.issuer != issuer.subject:
        return False
    if (national := Sm2Public.of(issuer)) is not None:
        right = certificate.signature_algorithm_oid.dotted_string == sm2.SIGNATURE
        return right and national.verify(certificate.signature, certificate.tbs_certificate_bytes)
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def trusted_path(
    certificate: x509.Certificate,
    between: Sequence[x509.Certificate],
    trusted: Sequence[x509.Certificate],
    at: datetime,
) -> tuple[x509.Certificate, ...] | None:
    """From the certificate's issuer up to a trusted authority, all of them valid at that moment; None where there is no such path.

    :param between: authorities that nobody vouches for yet, such as those that came with a signature
    """
    for root in trusted:
        if root != certificate and _covers(root, at) and issued_by(certificate, root):
            return (root,)
    for one in between[:DEPTH]:
        if one != certificate and is_authority(one) and _covers(one, at) and issued_by(certificate, one):
            rest = trusted_path(one, [other for other in between if other != one], trusted, at)
            if rest is not None:
                return (one, *rest)
    return None


def may_sign(certificate: x509.Certificate) -> bool:
    """Not an authority's, and not for other uses only."""
    if is_authority(certificate):
        return False
    usage = _extension(certificate, x509.KeyUsage)
    return usage is None or usage.digital_signature or usage.content_commitment


def issue(
    builder: x509.CertificateBuilder,
    public: PublicKey,
    signer: PrivateKey,
    issuer: x509.Certificate | None,
) -> x509.Certificate:
    """Complete and sign a certificate.

    :param issuer: None: it is its own
    """
    own = _identifier(public)
    above = own if issuer is None else _extension(issuer, x509.SubjectKeyIdentifier) or own
    builder = builder.serial_number(x509.random_serial_number()).add_extension(own, critical=False)
    if issuer is not None:
        link = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(above)
        builder = builder.add_extension(link, critical=False)
    if isinstance(signer, Sm2Private):
        assert isinstance(public, Sm2Public)
        return sm2.sign_certificate(builder, public, signer)
    assert not isinstance(public, Sm2Public)
    return builder.public_key(public).sign(signer, hashes.SHA256())


def revocations(
    issuer: x509.Certificate,
    signer: PrivateKey,
    revoked: Iterable[tuple[int, datetime, str | None]],
    *,
    at: datetime,
) -> bytes:
    """A CRL (DER), good for a week.

    :param revoked: serial number, moment, and one of ``REASONS``
    """
    since = at.replace(microsecond=0)
    identifier = _extension(issuer, x509.SubjectKeyIdentifier)
    assert identifier is not None
    link = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(since)
        .next_update(since + timedelta(days=CRL_DAYS))
        .add_extension(link, critical=False)
        .add_extension(x509.CRLNumber(int(since.timestamp())), critical=False)
    )
    for serial, moment, reason in revoked:
        entry = (
            x509.RevokedCertificateBuilder()
            .serial_number(serial)
            .revocation_date(moment.replace(microsecond=0))
        )
        flag = REASONS.get(reason or "", x509.ReasonFlags.unspecified)
        if flag is not x509.ReasonFlags.unspecified:  # RFC 5280: to be left out then
            entry = entry.add_extension(x509.CRLReason(flag), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    if isinstance(signer, Sm2Private):
        return sm2.sign_revocations(builder, signer).public_bytes(Encoding.DER)
    return builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.DER)


def identifier_of(certificate: x509.Certificate) -> bytes:
    """Of the certificate's key; empty where it names none."""
    found = _extension(certificate, x509.SubjectKeyIdentifier)
    return b"" if found is None else found.digest


def issuer_identifier_of(certificate: x509.Certificate) -> bytes:
    """Of the key that signed the certificate; empty where it names none."""
    found = _extension(certificate, x509.AuthorityKeyIdentifier)
    return b"" if found is None else found.key_identifier or b""


def _identifier(public: PublicKey) -> x509.SubjectKeyIdentifier:
    if isinstance(public, Sm2Public):
        found = hashes.Hash(hashes.SHA1())  # RFC 5280 4.2.1.2 (1): a name, no protection
        found.update(b"\x04" + public.point)
        return x509.SubjectKeyIdentifier(found.finalize())
    return x509.SubjectKeyIdentifier.from_public_key(public)


def _covers(certificate: x509.Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def is_authority(certificate: x509.Certificate) -> bool:
    basic = _extension(certificate, x509.BasicConstraints)
    usage = _extension(certificate, x509.KeyUsage)
    return basic is not None and basic.ca and (usage is None or usage.key_cert_sign)


def _extension(certificate: x509.Certificate, kind: type[Any]) -> Any:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, ValueError):
        return None
