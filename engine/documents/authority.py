"""The installation's certificate authority: one certificate a person or unit, issued when it is first needed.

Private keys are rows, encrypted (PKCS#8) under ``LVZE_PASSPHRASE``. A certificate says who signed; that the key was his to use
is the installation's word, not a qualified signature in the sense of the 电子签名法.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.database import Table, UtcDateTime
from engine.documents import keys
from engine.documents.keys import SigningKey
from engine.errors import Conflict, NotFound, SettingsError
from engine.pki import Pki

AUTHORITY_YEARS, HOLDER_YEARS = 20, 5
_YEAR = timedelta(days=365.25)


class Certificate(Table):
    """A certificate and its private key: the authority's own, a person's, or a unit's for its seal.

    :ivar serial: hexadecimal
    :ivar revoked_at: signatures from before that moment stay good
    """

    __tablename__ = "certificate"
    __table_args__ = (
        CheckConstraint(
            "(CASE WHEN is_authority THEN 1 ELSE 0 END) + (CASE WHEN person_id IS NULL THEN 0 ELSE 1 END)"
            " + (CASE WHEN unit_id IS NULL THEN 0 ELSE 1 END) = 1",
            name="one_holder",
        ),
        Index("ix_certificate_person", "person_id", "not_after"),
        Index("ix_certificate_unit", "unit_id", "not_after"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    is_authority: Mapped[bool] = mapped_column(default=False)
    serial: Mapped[str] = mapped_column(String(40), unique=True)
    subject: Mapped[str] = mapped_column(String(250))
    not_before: Mapped[datetime] = mapped_column(UtcDateTime)
    not_after: Mapped[datetime] = mapped_column(UtcDateTime)
    certificate_pem: Mapped[str] = mapped_column(Text)
    private_key_encrypted: Mapped[bytes] = mapped_column(LargeBinary)
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def x509(self) -> x509.Certificate:
        return _parsed(self.certificate_pem)


def create_authority(session: Session, *, name: str, passphrase: str, at: datetime) -> Certificate:
    """The root, for 20 years from a year before ``at``, so that a played year lies within.

    :raises Conflict: ``authority-exists``
    """
    if authorities(session):
        raise Conflict("authority-exists", "本系统已有证书机构，不能再建一个：已签发的签名都由它证明。")
    key = rsa.generate_private_key(65537, 3072)
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
    start = (at - _YEAR).replace(microsecond=0)
    certificate = (
        _builder(subject, subject, key, start, start + AUTHORITY_YEARS * _YEAR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _store(session, Certificate(is_authority=True), certificate, key, passphrase, at)


def certificate_of(
    session: Session,
    *,
    person_id: int | None = None,
    unit_id: int | None = None,
    name: str,
    passphrase: str,
    at: datetime,
) -> Certificate:
    """The holder's certificate for signing at that moment; issued now where there is none (about 50 ms for its key).

    :param name: printed name of the person, or full name of the unit
    :raises NotFound: ``no-authority``: the installation was not initialised
    :raises SettingsError: ``passphrase``
    """
    held = session.scalar(
        select(Certificate)
        .where(
            Certificate.person_id == person_id if unit_id is None else Certificate.unit_id == unit_id,
            Certificate.not_before <= at,
            Certificate.not_after > at,
            Certificate.revoked_at.is_(None),
        )
        .order_by(Certificate.id.desc())
        .limit(1)
    )
    return held or _issue(session, person_id, unit_id, name, passphrase, at)


def signing_key(
    session: Session,
    *,
    person_id: int | None = None,
    unit_id: int | None = None,
    name: str,
    passphrase: str,
    at: datetime,
) -> SigningKey:
    """The key with which the holder signs at that moment. See ``certificate_of``."""
    held = certificate_of(
        session, person_id=person_id, unit_id=unit_id, name=name, passphrase=passphrase, at=at
    )
    return open_key(session, held, passphrase)


def open_key(session: Session, certificate: Certificate, passphrase: str) -> SigningKey:
    """The key of a certificate, with the certificates that travel behind it.

    :raises SettingsError: ``passphrase``
    """
    return keys.held_in_memory(load_key(certificate, passphrase), certificate.x509, tuple(chain(session)))


def revoke(session: Session, certificate_id: int, *, at: datetime) -> Certificate:
    """:raises NotFound: no such certificate
    :raises Conflict: ``already-revoked``
    """
    certificate = session.get(Certificate, certificate_id)
    if certificate is None or certificate.is_authority:
        raise NotFound("no-certificate", "没有这张证书。")
    if certificate.revoked_at is not None:
        raise Conflict("already-revoked", "这张证书已经吊销。")
    certificate.revoked_at = at
    return certificate


def load_key(certificate: Certificate, passphrase: str) -> rsa.RSAPrivateKey:
    """:raises SettingsError: ``passphrase``: not the one that the key was stored under"""
    return _decrypted(certificate.private_key_encrypted, passphrase)


def trusted(session: Session) -> list[x509.Certificate]:
    """The authorities that this installation trusts."""
    return [authority.x509 for authority in authorities(session)]


def stampers(session: Session) -> Sequence[x509.Certificate]:
    """The authorities of time stamp servers that this installation believes."""
    found: Pki = session.info["pki"]
    return found.stampers


def chain(session: Session) -> list[x509.Certificate]:
    """The certificates that travel with a signature, behind the signer's own."""
    return trusted(session)[:1]


def revoked(session: Session) -> dict[int, datetime]:
    """Moment of revocation by serial number."""
    rows = session.execute(
        select(Certificate.serial, Certificate.revoked_at).where(Certificate.revoked_at.is_not(None))
    )
    return {int(serial, 16): moment for serial, moment in rows if moment}


def authority_pem(session: Session) -> str:
    """The authorities' certificates, for other verifiers.

    :raises NotFound: ``no-authority``
    """
    return "".join(authority.certificate_pem for authority in _required(session))


def authorities(session: Session) -> Sequence[Certificate]:
    """The installation's own authorities, newest first."""
    return session.scalars(
        select(Certificate).where(Certificate.is_authority.is_(True)).order_by(Certificate.id.desc())
    ).all()


def everybody(session: Session) -> Sequence[Certificate]:
    """Every certificate ever issued: the authorities' own first, then the newest."""
    return session.scalars(
        select(Certificate).order_by(Certificate.is_authority.desc(), Certificate.id.desc())
    ).all()


def _required(session: Session) -> Sequence[Certificate]:
    found = authorities(session)
    if not found:
        raise NotFound("no-authority", "本系统还没有证书机构，不能签名。请先运行 lvze init。")
    return found


def _issue(
    session: Session, person_id: int | None, unit_id: int | None, name: str, passphrase: str, at: datetime
) -> Certificate:
    authority = _required(session)[0]
    issuer, start = authority.x509, (at - timedelta(days=1)).replace(microsecond=0)
    key = rsa.generate_private_key(65537, 2048)
    organisation = issuer.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, str(organisation)),
            # Two people may bear one name.
            x509.NameAttribute(NameOID.SERIAL_NUMBER, f"P{person_id}" if unit_id is None else f"U{unit_id}"),
            x509.NameAttribute(NameOID.COMMON_NAME, name[:64]),
        ]
    )
    signer = load_key(authority, passphrase)
    certificate = (
        _builder(subject, issuer.subject, key, start, min(start + HOLDER_YEARS * _YEAR, authority.not_after))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .sign(signer, hashes.SHA256())
    )
    return _store(
        session, Certificate(person_id=person_id, unit_id=unit_id), certificate, key, passphrase, at
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=not authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _store(
    session: Session,
    row: Certificate,
    certificate: x509.Certificate,
    key: rsa.RSAPrivateKey,
    passphrase: str,
    at: datetime,
) -> Certificate:
    row.serial = f"{certificate.serial_number:x}"
    row.subject = certificate.subject.rfc4514_string()[:250]
    row.not_before, row.not_after = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    row.certificate_pem = certificate.public_bytes(Encoding.PEM).decode()
    encryption = BestAvailableEncryption(passphrase.encode())
    row.private_key_encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    row.issued_at = at
    session.add(row)
    session.flush()
    return row


@functools.lru_cache(maxsize=1024)
def _parsed(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


@functools.lru_cache(maxsize=256)
def _decrypted(encrypted: bytes, passphrase: str) -> rsa.RSAPrivateKey:
    try:
        key = load_pem_private_key(encrypted, passphrase.encode())
    except ValueError:
        raise SettingsError(
            "passphrase", "LVZE_PASSPHRASE 与保存私钥时的不同，无法签名。请恢复原来的口令。"
        ) from None
    assert isinstance(key, rsa.RSAPrivateKey)
    return key
