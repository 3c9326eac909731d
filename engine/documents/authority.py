"""The installation's certificate authority, and every certificate that people and units sign with.

Most are issued here, when they are first needed. Others come from outside, as PKCS #12 or in a token, and are used only while an
administrator trusts an authority above them (``engine.documents.trust``). A holder signs with the newest certificate that is good.
Private keys are rows, encrypted (PKCS #8) under ``LVZE_PASSPHRASE``. A certificate says who signed; that the key was his to use
is the installation's word, not a qualified signature in the sense of the 电子签名法.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import cast

from asn1crypto import pkcs12 as asn1_pkcs12
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12
from cryptography.x509.oid import NameOID
from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, func, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.database import Table, UtcDateTime
from engine.documents import certificates, keys, tokens, trust
from engine.documents.keys import PrivateKey, SigningKey
from engine.errors import Conflict, Invalid, NotFound
from engine.pki import KEY_KINDS, KeyKind, Pki

AUTHORITY_YEARS, HOLDER_YEARS = 20, 5
#: a certificate that ends within this time is to be renewed
WARNING = timedelta(days=60)
SOURCES = ("本系统", "PKCS#12", "PKCS#11")
#: of hashing a password in a PKCS #12 file; tools write 2,000 to 600,000
MAX_ROUNDS = 2_000_000
_YEAR = timedelta(days=365.25)


class Certificate(Table):
    """A certificate and its private key: the authority's own, a person's, or a unit's for its seal.

    :ivar serial: hexadecimal
    :ivar algorithm: of its key
    :ivar source: where it came from
    :ivar chain_pem: of one from outside: the certificates above it that came along
    :ivar token: label of the token that holds the key, which has the id ``token_key`` (hexadecimal) there; then
        ``private_key_encrypted`` is empty
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
    algorithm: Mapped[str] = mapped_column(String(10), default="RSA", server_default="RSA")
    source: Mapped[str] = mapped_column(String(10), default="本系统", server_default="本系统")
    not_before: Mapped[datetime] = mapped_column(UtcDateTime)
    not_after: Mapped[datetime] = mapped_column(UtcDateTime)
    certificate_pem: Mapped[str] = mapped_column(Text)
    chain_pem: Mapped[str | None] = mapped_column(Text)
    private_key_encrypted: Mapped[bytes] = mapped_column(LargeBinary)
    token: Mapped[str | None] = mapped_column(String(64))
    token_key: Mapped[str | None] = mapped_column(String(200))
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revocation_reason: Mapped[str | None] = mapped_column(String(20))

    @property
    def x509(self) -> x509.Certificate:
        return _parsed(self.certificate_pem)

    @property
    def kind(self) -> KeyKind:
        return cast(KeyKind, self.algorithm)

    @property
    def label(self) -> str:
        """What people are told of it, by what it is not."""
        return certificates.label(self.x509, own=self.source == "本系统")


def create_authority(
    session: Session, *, name: str, passphrase: str, at: datetime, kind: KeyKind = "RSA"
) -> Certificate:
    """A root, for 20 years from a year before ``at``, so that a played year lies within. In the last five of them, when it can no
    longer issue for a holder's whole term, a further one may be made; the former stays trusted.

    :param kind: the one for RSA vouches for ECDSA too; SM2 has one of its own
    :raises Conflict: ``authority-exists``
    :raises Invalid: ``sm2-missing``
    """
    held = _root(session, kind)
    if held is not None and held.not_after - at > HOLDER_YEARS * _YEAR:
        raise Conflict("authority-exists", "本系统已有证书机构，不能再建一个：已签发的签名都由它证明。")
    key = keys.generate(kind, bits=3072)
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
    start = (at - _YEAR).replace(microsecond=0)
    builder = (
        _builder(subject, subject, start, start + AUTHORITY_YEARS * _YEAR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
    )
    certificate = certificates.issue(builder, key.public_key(), key, None)
    return _store(session, Certificate(is_authority=True), certificate, key, passphrase, at)


def certificate_of(
    session: Session,
    *,
    person_id: int | None = None,
    unit_id: int | None = None,
    name: str,
    passphrase: str,
    at: datetime,
    kinds: Collection[KeyKind] = KEY_KINDS,
) -> Certificate:
    """The holder's certificate for signing at that moment; issued now where there is none (about 50 ms for an RSA key).

    :param name: printed name of the person, or full name of the unit
    :param kinds: of keys that the format can take
    :raises NotFound: ``no-authority``: the installation was not initialised
    :raises SettingsError: ``passphrase``
    :raises Invalid: ``sm2-missing``
    """
    held = session.scalars(
        select(Certificate)
        .where(
            Certificate.person_id == person_id if unit_id is None else Certificate.unit_id == unit_id,
            Certificate.not_before <= at,
            Certificate.not_after > at,
            or_(Certificate.revoked_at.is_(None), Certificate.revoked_at > at),
            Certificate.algorithm.in_(kinds),
        )
        .order_by(Certificate.id.desc())
    )
    for certificate in held:
        if certificate.source == "本系统" or _vouched(session, certificate, at):
            return certificate
    kind = _pki(session).kind
    return issue(
        session,
        person_id=person_id,
        unit_id=unit_id,
        name=name,
        passphrase=passphrase,
        at=at,
        kind=kind if kind in kinds else next(iter(kinds)),
    )


def signing_key(
    session: Session,
    *,
    person_id: int | None = None,
    unit_id: int | None = None,
    name: str,
    passphrase: str,
    at: datetime,
    kinds: Collection[KeyKind] = KEY_KINDS,
) -> SigningKey:
    """The key with which the holder signs at that moment. See ``certificate_of``."""
    held = certificate_of(
        session, person_id=person_id, unit_id=unit_id, name=name, passphrase=passphrase, at=at, kinds=kinds
    )
    return open_key(session, held, passphrase)


def open_key(session: Session, certificate: Certificate, passphrase: str) -> SigningKey:
    """The key of a certificate, with the certificates that travel behind it.

    :raises SettingsError: ``passphrase``
    """
    above = _chain(session, certificate)
    if certificate.token is not None:
        key_id = bytes.fromhex(certificate.token_key or "")
        return tokens.TokenKey(_pki(session), certificate.token, key_id, certificate.x509, above)
    return keys.held_in_memory(load_key(certificate, passphrase), certificate.x509, above)


def load_key(certificate: Certificate, passphrase: str) -> PrivateKey:
    """:raises SettingsError: ``passphrase``: not the one that the key was stored under"""
    return keys.unseal(certificate.private_key_encrypted, certificate.kind, passphrase)


def issue(
    session: Session,
    *,
    person_id: int | None = None,
    unit_id: int | None = None,
    name: str,
    passphrase: str,
    at: datetime,
    kind: KeyKind | None = None,
    key: PrivateKey | None = None,
) -> Certificate:
    """A certificate for a holder, who signs with it from now on; those that he has stay as they are.

    :param kind: of its key; as the installation has set for new ones where none is given
    :param key: the one that it is to have; a new one where none is given
    :raises NotFound: ``no-authority``
    """
    kind = kind or _pki(session).kind
    authority = _root(session, kind)
    if authority is None:
        first = _required(session)[0]
        above = certificates.common_name(first.x509.subject)
        authority = create_authority(
            session, name=f"{above}（国密）", passphrase=passphrase, at=at, kind="SM2"
        )
    issuer, start = authority.x509, (at - timedelta(days=1)).replace(microsecond=0)
    key = key or keys.generate(kind)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, certificates.common_name(issuer.subject)),
            # Two people may bear one name.
            x509.NameAttribute(NameOID.SERIAL_NUMBER, f"P{person_id}" if unit_id is None else f"U{unit_id}"),
            x509.NameAttribute(NameOID.COMMON_NAME, name[:64]),
        ]
    )
    builder = (
        _builder(subject, issuer.subject, start, min(start + HOLDER_YEARS * _YEAR, authority.not_after))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
    )
    if base := _pki(session).crl_base:
        place = x509.UniformResourceIdentifier(f"{base}/{authority.id}")
        point = x509.DistributionPoint([place], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    certificate = certificates.issue(builder, key.public_key(), load_key(authority, passphrase), issuer)
    row = Certificate(person_id=person_id, unit_id=unit_id)
    return _store(session, row, certificate, key, passphrase, at)


def renew(
    session: Session, certificate_id: int, *, name: str, passphrase: str, at: datetime, same_key: bool
) -> Certificate:
    """A further certificate for the same holder, for another term. What was signed with the old one stays good, and so does it.

    :param name: as the holder is called now
    :param same_key: keep the key, so that only the certificate changes
    :raises Conflict: ``revoked``, or ``from-outside``: its own authority renews it
    """
    held = _one(session, certificate_id)
    if held.source != "本系统":
        raise Conflict("from-outside", "这张证书不是本系统签发的，请向原签发机构换发，再重新导入。")
    if held.revoked_at is not None:
        raise Conflict("revoked", "这张证书已经吊销，不能续期。请另外签发。")
    return issue(
        session,
        person_id=held.person_id,
        unit_id=held.unit_id,
        name=name,
        passphrase=passphrase,
        at=at,
        kind=held.kind if same_key else None,
        key=load_key(held, passphrase) if same_key else None,
    )


def revoke(
    session: Session,
    certificate_id: int,
    *,
    at: datetime,
    reason: str = "其他",
    since: datetime | None = None,
) -> Certificate:
    """:param reason: one of ``certificates.REASONS``
    :param since: when it began to be bad, where that is known to be earlier
    :raises NotFound: no such certificate
    :raises Conflict: ``already-revoked``
    :raises Invalid: ``reason``, ``since``
    """
    certificate = _one(session, certificate_id)
    if certificate.revoked_at is not None:
        raise Conflict("already-revoked", "这张证书已经吊销。")
    if reason not in certificates.REASONS:
        raise Invalid("reason", "请选择吊销原因。", {"reason": "请选择吊销原因。"})
    if since is not None and since > at:
        raise Invalid("since", "失效时间不能晚于现在。", {"since": "失效时间不能晚于现在。"})
    certificate.revoked_at, certificate.revocation_reason = since or at, reason
    return certificate


def crl(session: Session, authority_id: int | None = None, *, passphrase: str, at: datetime) -> bytes:
    """The list (DER) of what an authority has revoked, good for a week; made anew each hour.

    :param authority_id: the newest of RSA where none is given
    :raises NotFound: ``no-authority``
    """
    chosen = next((a for a in _required(session) if authority_id in (None, a.id)), None)
    if authority_id is None:
        chosen = _root(session, "RSA")
    if chosen is None:
        raise NotFound("no-authority", "没有这个证书机构。")
    rows = session.scalars(
        select(Certificate)
        .where(Certificate.revoked_at.is_not(None), Certificate.source == "本系统")
        .order_by(Certificate.id)
    )
    own = certificates.identifier_of(chosen.x509)
    revoked = tuple(
        (row.x509.serial_number, row.revoked_at, row.revocation_reason)
        for row in rows
        if row.revoked_at is not None and certificates.issuer_identifier_of(row.x509) == own
    )
    hour = at.replace(minute=0, second=0, microsecond=0)
    return _list(chosen.certificate_pem, load_key(chosen, passphrase), revoked, hour)


@functools.lru_cache(maxsize=8)
def _list(
    pem: str, key: PrivateKey, revoked: tuple[tuple[int, datetime, str | None], ...], hour: datetime
) -> bytes:
    return certificates.revocations(_parsed(pem), key, revoked, at=hour)


def import_pkcs12(
    session: Session,
    content: bytes,
    password: str,
    *,
    person_id: int | None = None,
    unit_id: int | None = None,
    passphrase: str,
    at: datetime,
) -> Certificate:
    """Take a key with its certificate from outside. The key is kept under this installation's passphrase.

    :raises Invalid: ``pkcs12``: unreadable, another password, or nothing to sign with
    :raises Conflict: ``certificate-exists``
    """
    try:
        if len(content) > trust.LARGEST:
            raise ValueError
        if max(_rounds(content), default=0) > MAX_ROUNDS:
            raise _unfit("文件中密码的散列次数过多，核对要很久，已拒绝。请重新导出。")
        key, certificate, above = pkcs12.load_key_and_certificates(content, password.encode() or None)
    except (ValueError, TypeError, KeyError):
        raise _unfit(
            "读不出证书文件，或文件的密码不对。请上传 .pfx、.p12 文件，并填写导出时设的密码。"
        ) from None
    if certificate is None or not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise _unfit("文件中没有可用的私钥和证书。支持 RSA 和 ECDSA；国密密钥请放在令牌外由本系统签发。")
    if key.public_key() != certificate.public_key():
        raise _unfit("文件中的私钥与证书不是一对。")
    if key.key_size < (2048 if isinstance(key, rsa.RSAPrivateKey) else 256):
        raise _unfit("密钥太短，不能用于签名：RSA 至少 2048 位，ECDSA 至少 256 位。")
    row = Certificate(person_id=person_id, unit_id=unit_id, source="PKCS#12", chain_pem=_pem(above))
    return _store(session, _fit(session, row, certificate, at), certificate, key, passphrase, at)


def _rounds(content: bytes) -> Iterator[int]:
    """How often a PKCS #12 file has its password hashed: a number in it, which a hostile one makes hours."""
    file = asn1_pkcs12.Pfx.load(content, strict=True)
    if file["mac_data"].native is not None:
        yield file["mac_data"]["iterations"].native
    for held in file.authenticated_safe:
        if held["content_type"].native == "encrypted_data":
            yield held["content"]["encrypted_content_info"]["content_encryption_algorithm"].kdf_iterations
            continue
        for bag in asn1_pkcs12.SafeContents.load(held["content"].native):
            if bag["bag_id"].native == "pkcs8_shrouded_key_bag":
                yield bag["bag_value"]["encryption_algorithm"].kdf_iterations


def import_token(
    session: Session,
    token: str,
    key_id: str,
    content: bytes | None,
    *,
    person_id: int | None = None,
    unit_id: int | None = None,
    at: datetime,
) -> Certificate:
    """Bind a key in a token to a holder. The key stays in the token; it signs once, to show that it can.

    :param token: its label
    :param key_id: CKA_ID of the key, hexadecimal
    :param content: the certificate, where the token does not hold it
    :raises Invalid: ``token``: not there, or without this key; ``certificate``
    :raises SettingsError: ``pkcs11-missing``, or no library is set
    :raises Conflict: ``certificate-exists``
    """
    try:
        wanted = bytes.fromhex(key_id.replace(":", " "))
    except ValueError:
        raise Invalid(
            "token", "密钥编号应是十六进制，如 01 或 a1:b2。", {"key_id": "应是十六进制。"}
        ) from None
    found = tokens.certificate_in(_pki(session), token, wanted)
    if not (content or found):
        raise Invalid("certificate", "令牌里没有这个密钥的证书，请另外上传证书文件。")
    certificate = trust.read(content or found or b"")
    row = Certificate(
        person_id=person_id,
        unit_id=unit_id,
        source="PKCS#11",
        token=token,
        token_key=wanted.hex(),
        private_key_encrypted=b"",
    )
    _fit(session, row, certificate, at)
    key, message = (
        tokens.TokenKey(_pki(session), token, wanted, certificate),
        certificate.tbs_certificate_bytes,
    )
    try:
        pair = keys.signed_by(certificate, key.sign(message), message)
    except Invalid:
        pair = False
    if not pair:
        raise Invalid("certificate", "令牌里的密钥不能按这张证书签名：它们不是一对，请上传与密钥对应的证书。")
    return _store(session, row, certificate, None, "", at)


def trusted(session: Session) -> list[x509.Certificate]:
    """The authorities that this installation trusts: its own, then those on its list."""
    own = [authority.x509 for authority in authorities(session)]
    return own + [root.x509 for root in trust.everything(session)]


def stampers(session: Session) -> Sequence[x509.Certificate]:
    """The authorities of time stamp servers that this installation believes."""
    return _pki(session).stampers


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


def label_of(session: Session, certificate: x509.Certificate) -> str:
    """What people are told of any certificate, by what it is not."""
    try:
        own = any(certificates.issued_by(certificate, one.x509) for one in authorities(session))
    except Invalid:  # of SM2, where its library is missing
        own = False
    return certificates.label(certificate, own=own)


def get(session: Session, certificate_id: int) -> Certificate:
    """:raises NotFound: ``no-certificate``"""
    certificate = session.get(Certificate, certificate_id)
    if certificate is None:
        raise NotFound("no-certificate", "没有这张证书。")
    return certificate


def everybody(session: Session) -> Sequence[Certificate]:
    """Every certificate ever issued: the authorities' own first, then the newest."""
    return session.scalars(
        select(Certificate).order_by(Certificate.is_authority.desc(), Certificate.id.desc())
    ).all()


def search(
    session: Session, words: str = "", *, limit: int, offset: int = 0
) -> tuple[Sequence[Certificate], int]:
    """Certificates whose subject or serial number holds the words, as ``everybody`` orders them, and how many there are."""
    query = select(Certificate)
    if words.strip():
        query = query.where(
            or_(
                Certificate.subject.contains(words.strip(), autoescape=True),
                Certificate.serial.contains(words.strip().lower(), autoescape=True),
            )
        )
    count = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    ordered = query.order_by(Certificate.is_authority.desc(), Certificate.id.desc())
    return session.scalars(ordered.limit(limit).offset(offset)).all(), count


def expiring(session: Session, *, at: datetime) -> Sequence[Certificate]:
    """Those in use that end within ``WARNING``, the first to end first: the newest good one of each holder, and the authorities."""
    rows = session.scalars(
        select(Certificate)
        .where(Certificate.not_after > at, Certificate.revoked_at.is_(None))
        .order_by(Certificate.id)
    )
    newest = {(row.person_id, row.unit_id, row.algorithm if row.is_authority else ""): row for row in rows}
    ending = [row for row in newest.values() if row.not_after - at < _warning(row)]
    return sorted(ending, key=lambda row: row.not_after)


def _warning(certificate: Certificate) -> timedelta:
    """An authority is missed earlier: its last years cut the terms of those it issues."""
    return HOLDER_YEARS * _YEAR if certificate.is_authority else WARNING


def _one(session: Session, certificate_id: int) -> Certificate:
    certificate = get(session, certificate_id)
    if certificate.is_authority:
        raise NotFound("no-certificate", "没有这张证书。")
    return certificate


def _pki(session: Session) -> Pki:
    found: Pki = session.info["pki"]
    return found


def _required(session: Session) -> Sequence[Certificate]:
    found = authorities(session)
    if not found:
        raise NotFound("no-authority", "本系统还没有证书机构，不能签名。请先运行 lvze init。")
    return found


def root(session: Session) -> Certificate | None:
    """The newest authority for RSA, which also seals the history."""
    return _root(session, "RSA")


def _root(session: Session, kind: KeyKind) -> Certificate | None:
    """The newest authority for keys of that kind."""
    family = "SM2" if kind == "SM2" else "RSA"
    return next((one for one in authorities(session) if one.algorithm == family), None)


def _chain(session: Session, certificate: Certificate) -> tuple[x509.Certificate, ...]:
    """The certificates that travel with a signature, behind the signer's own."""
    if certificate.source != "本系统":
        pem = (certificate.chain_pem or "").encode()
        return tuple(x509.load_pem_x509_certificates(pem)) if pem else ()
    above = certificates.issuer_identifier_of(certificate.x509)
    return tuple(one.x509 for one in authorities(session) if certificates.identifier_of(one.x509) == above)[
        :1
    ]


def _vouched(session: Session, certificate: Certificate, at: datetime) -> bool:
    above = _chain(session, certificate)
    return certificates.trusted_path(certificate.x509, above, trusted(session), at) is not None


def vouched(session: Session, certificate: Certificate, *, at: datetime) -> bool:
    """Somebody trusted vouches for it at that moment, so that its holder may sign with it."""
    return certificate.is_authority or certificate.source == "本系统" or _vouched(session, certificate, at)


def _fit(session: Session, row: Certificate, certificate: x509.Certificate, at: datetime) -> Certificate:
    """A row for a certificate from outside that can be used at all."""
    if not certificates.may_sign(certificate):
        raise _unfit("这张证书不是签名用的。请选择用途为签名的证书。")
    if certificate.not_valid_after_utc <= at:
        raise _unfit(f"这张证书已于 {certificate.not_valid_after_utc:%Y-%m-%d} 到期。")
    kind = certificates.kind_of(certificate)
    if kind is None or (kind == "SM2" and row.token):
        raise _unfit("证书的密钥类型不受支持。支持 RSA 和 ECDSA。")
    serial = f"{certificate.serial_number:x}"
    if session.scalar(select(Certificate.id).where(Certificate.serial == serial)) is not None:
        raise Conflict("certificate-exists", "这张证书已经登记过。")
    return row


def _unfit(why: str) -> Invalid:
    return Invalid("pkcs12", why, {"file": why})


def _pem(found: Iterable[x509.Certificate]) -> str | None:
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in found) or None


def _builder(
    subject: x509.Name, issuer: x509.Name, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .not_valid_before(start)
        .not_valid_after(end)
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
    key: PrivateKey | None,
    passphrase: str,
    at: datetime,
) -> Certificate:
    """:param key: None: it is in a token"""
    row.serial = f"{certificate.serial_number:x}"
    row.subject = certificate.subject.rfc4514_string({NameOID.SERIAL_NUMBER: "serialNumber"})[:250]
    row.algorithm = certificates.kind_of(certificate) or ""
    row.not_before, row.not_after = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    row.certificate_pem = certificate.public_bytes(Encoding.PEM).decode()
    if key is not None:
        row.private_key_encrypted = keys.seal(key, passphrase)
    row.issued_at = at
    session.add(row)
    session.flush()
    return row


@functools.lru_cache(maxsize=1024)
def _parsed(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())
