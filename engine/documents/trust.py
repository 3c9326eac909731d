"""Authorities of other houses that this installation trusts, because an administrator said so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import ForeignKey, String, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.database import Table, UtcDateTime
from engine.documents import certificates
from engine.errors import Conflict, Invalid, NotFound

LARGEST = 64 * 1024


class TrustedRoot(Table):
    """An authority that is trusted.

    :ivar fingerprint: SHA-256 of the certificate, hexadecimal
    :ivar removed_at: from then on it vouches for nobody
    """

    __tablename__ = "trusted_root"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(250))
    fingerprint: Mapped[str] = mapped_column(String(64))
    certificate_pem: Mapped[str] = mapped_column(Text)
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    added_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def x509(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate_pem.encode())


def add(session: Session, content: bytes, *, by: int | None, at: datetime) -> TrustedRoot:
    """Trust an authority from now on.

    :param content: its certificate, PEM or DER
    :raises Invalid: ``certificate``: unreadable, or no authority's
    :raises Conflict: ``already-trusted``
    """
    certificate = read(content)
    if not certificates.is_authority(certificate):
        raise Invalid(
            "certificate", "这不是证书机构的证书，不能加入信任名单。请上传签发机构的根证书或中间证书。"
        )
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
    if any(root.fingerprint == fingerprint for root in everything(session)):
        raise Conflict("already-trusted", "信任名单中已有这张证书。")
    root = TrustedRoot(
        name=certificates.common_name(certificate.subject)[:250],
        fingerprint=fingerprint,
        certificate_pem=certificate.public_bytes(Encoding.PEM).decode(),
        added_at=at,
        added_by_id=by,
    )
    session.add(root)
    session.flush()
    return root


def remove(session: Session, root_id: int, *, at: datetime) -> TrustedRoot:
    """:raises NotFound: ``no-certificate``"""
    root = session.get(TrustedRoot, root_id)
    if root is None or root.removed_at is not None:
        raise NotFound("no-certificate", "信任名单中没有这张证书。")
    root.removed_at = at
    return root


def everything(session: Session) -> Sequence[TrustedRoot]:
    """Those trusted now, the newest first."""
    return session.scalars(
        select(TrustedRoot).where(TrustedRoot.removed_at.is_(None)).order_by(TrustedRoot.id.desc())
    ).all()


def read(content: bytes) -> x509.Certificate:
    """A certificate as people bring it, PEM or DER.

    :raises Invalid: ``certificate``
    """
    try:
        if len(content) > LARGEST:
            raise ValueError
        if content.lstrip().startswith(b"-----BEGIN"):
            return x509.load_pem_x509_certificate(content)
        return x509.load_der_x509_certificate(content)
    except ValueError:
        raise Invalid("certificate", "读不出证书。请上传 .cer、.crt、.pem 证书文件。") from None
