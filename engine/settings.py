"""Settings from the environment, checked once at start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.x509 import Certificate, load_pem_x509_certificates
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from engine import mailboxes
from engine.egress import NOWHERE, AllowList, host_of
from engine.errors import NotAllowed, SettingsError
from engine.mailboxes import MailServer
from engine.pki import KEY_KINDS, KeyKind, Pki
from engine.working_time import DEFAULT, OFFICE_HOURS, Hours, hours_of


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation can set. ``docs/administrators.md`` has the table.

    :ivar home: folder for everything the product keeps outside the database
    :ivar database_url: ``sqlite:///...`` or ``postgresql://...``
    :ivar secret_key: signs sessions; at least 32 characters
    :ivar passphrase: encrypts private keys at rest
    :ivar port: TCP port of ``lvze serve``, on loopback
    :ivar public_url: the address under which strangers reach the pages, without a slash at the end; printed on documents
    :ivar workers: threads that run jobs inside the server; 0 leaves them to ``lvze worker``
    :ivar undo: what leaves the house waits so long, so that the step before it can be taken back
    :ivar smtp: the mail server; None: no mail is sent
    :ivar mail_from: the sender of mails, such as ``履责系统 <lvze@example.org>``
    :ivar http_allow: where service tasks may call; nowhere by default
    :ivar webhook_secret: each receiver's signing key is made from it
    :ivar office_hours: when a working day is worked, Asia/Shanghai
    :ivar tsa_url: the time stamp server (RFC 3161); empty: no time stamps
    :ivar tsa_ca: the authorities of time stamp servers that are believed; empty: any server's
    :ivar signature_algorithm: of the keys of new holders
    :ivar pkcs11_module: the library through which tokens are reached, with ``pkcs11_pin``
    :ivar crl_base: address of the lists of revoked certificates; empty where the installation has told no public address
    :ivar classified_approval: by what the installation is approved for state secrets (密级); empty: it is not
    """

    home: Path
    database_url: str
    secret_key: str
    passphrase: str
    host: str = "127.0.0.1"
    port: int = 8168
    workers: int = 2
    undo: timedelta = timedelta(0)
    smtp: MailServer | None = None
    mail_from: str = ""
    http_allow: AllowList = NOWHERE
    webhook_secret: str = ""
    office_hours: Hours = DEFAULT
    public_url: str = "http://127.0.0.1:8168"
    tsa_url: str = ""
    tsa_ca: tuple[Certificate, ...] = ()
    signature_algorithm: KeyKind = "RSA"
    pkcs11_module: str = ""
    pkcs11_pin: str = field(default="", repr=False)
    crl_base: str = ""
    classified_approval: str = ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read ``LVZE_*``.

        Where no secret is given, one is made and kept in ``LVZE_HOME/secrets`` (mode 0600), so that a first start needs no
        preparation and a second start finds the same keys.

        :raises SettingsError: a bad value, named
        """
        home = _home(environ)
        url = environ.get("LVZE_DATABASE_URL") or f"sqlite:///{home / 'lvze.db'}"
        try:
            make_url(url)
        except ArgumentError:
            raise SettingsError(
                "database-url", "LVZE_DATABASE_URL 不是数据库地址，应形如 sqlite:///路径 或 postgresql://…"
            ) from None
        host, port = environ.get("LVZE_HOST", "127.0.0.1"), _number(environ, "LVZE_PORT", 8168, 1, 65535)
        return cls(
            home=home,
            database_url=url,
            secret_key=_secret(environ, home, "LVZE_SECRET_KEY", "secret-key"),
            passphrase=_secret(environ, home, "LVZE_PASSPHRASE", "passphrase"),
            host=host,
            port=port,
            workers=_number(environ, "LVZE_WORKERS", 2, 0, 64),
            undo=timedelta(seconds=_number(environ, "LVZE_UNDO_SECONDS", 10, 0, 3600)),
            smtp=_smtp(environ),
            mail_from=_mail_from(environ),
            http_allow=_http_allow(environ),
            webhook_secret=_secret(environ, home, "LVZE_WEBHOOK_SECRET", "webhook-secret"),
            office_hours=_office_hours(environ),
            public_url=_public_url(environ, host, port),
            tsa_url=_tsa_url(environ),
            tsa_ca=_tsa_ca(environ),
            signature_algorithm=_signature_algorithm(environ),
            pkcs11_module=_pkcs11_module(environ),
            pkcs11_pin=environ.get("LVZE_PKCS11_PIN", ""),
            crl_base=f"{_public_url(environ, host, port)}/authority/crl"
            if environ.get("LVZE_PUBLIC_URL")
            else "",
            classified_approval=environ.get("LVZE_CLASSIFIED_APPROVAL", "").strip(),
        )

    @property
    def pki(self) -> Pki:
        return Pki(self.signature_algorithm, self.pkcs11_module, self.pkcs11_pin, self.crl_base, self.tsa_ca)


def _home(environ: Mapping[str, str]) -> Path:
    home = Path(environ.get("LVZE_HOME") or "var").resolve()
    try:
        (home / "secrets").mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            "setting", f"LVZE_HOME 应是可以写入的文件夹，现在是“{home}”：{error.strerror}。"
        ) from None
    return home


def _smtp(environ: Mapping[str, str]) -> MailServer | None:
    url = environ.get("LVZE_SMTP_URL", "")
    if not url:
        return None
    try:
        return MailServer.parse(url)
    except ValueError:
        raise SettingsError(
            "setting",
            "LVZE_SMTP_URL 应形如 smtps://用户:口令@主机:465、smtp://主机:587（STARTTLS）"
            "或 smtp://主机:25?tls=no（不加密，不能带口令，除非是本机）。",
        ) from None


def _mail_from(environ: Mapping[str, str]) -> str:
    text = environ.get("LVZE_MAIL_FROM", "").strip()
    if environ.get("LVZE_SMTP_URL") and not mailboxes.is_address(parseaddr(text)[1]):
        raise SettingsError(
            "setting", f"LVZE_MAIL_FROM 应是发信地址，形如 履责系统 <lvze@example.org>，现在是“{text}”。"
        )
    return text


def _http_allow(environ: Mapping[str, str]) -> AllowList:
    try:
        return AllowList.parse(environ.get("LVZE_HTTP_ALLOW", ""))
    except ValueError as error:
        raise SettingsError(
            "setting",
            f"LVZE_HTTP_ALLOW 应是用空格分开的主机，如 api.example.org、*.example.org:8443、10.1.2.0/24；“{error}”不是。",
        ) from None


def _number(environ: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = environ.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or not low <= int(text) <= high:
        raise SettingsError("setting", f"{name} 应是 {low} 到 {high} 之间的整数，现在是“{text}”。")
    return int(text)


def _office_hours(environ: Mapping[str, str]) -> Hours:
    text = environ.get("LVZE_OFFICE_HOURS") or OFFICE_HOURS
    try:
        return hours_of(text)
    except ValueError:
        raise SettingsError(
            "setting", f"LVZE_OFFICE_HOURS 应是先后不重叠的时段，如 {OFFICE_HOURS}，现在是“{text}”。"
        ) from None


def _public_url(environ: Mapping[str, str], host: str, port: int) -> str:
    text = environ.get("LVZE_PUBLIC_URL", "").strip().rstrip("/")
    if not text:
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"
    try:
        parts = urlsplit(text)
        sound = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound or parts.query or parts.fragment or parts.username is not None or not text.isprintable():
        raise SettingsError(
            "setting",
            f"LVZE_PUBLIC_URL 应是群众打开本系统的网址，形如 https://lvze.example.org，现在是“{text}”。",
        )
    if len(text) > 100 or " " in text:
        raise SettingsError("setting", "LVZE_PUBLIC_URL 不能有空格，不能超过 100 个字符：它要印成二维码。")
    return text


def _tsa_url(environ: Mapping[str, str]) -> str:
    text = environ.get("LVZE_TSA_URL", "").strip()
    if text:
        try:
            host_of(text)
        except NotAllowed as error:
            raise SettingsError("setting", f"LVZE_TSA_URL 现在是“{text}”。{error}") from None
    return text


def _tsa_ca(environ: Mapping[str, str]) -> tuple[Certificate, ...]:
    path = environ.get("LVZE_TSA_CA", "")
    try:
        return tuple(load_pem_x509_certificates(Path(path).read_bytes())) if path else ()
    except (OSError, ValueError):
        raise SettingsError(
            "setting", f"LVZE_TSA_CA 应是时间戳服务器证书机构的证书文件（PEM），现在是“{path}”，读不出证书。"
        ) from None


def _signature_algorithm(environ: Mapping[str, str]) -> KeyKind:
    text = environ.get("LVZE_SIGNATURE_ALGORITHM") or "RSA"
    for kind in KEY_KINDS:
        if text == kind:
            if kind == "SM2":
                try:
                    import gmssl_pyx  # noqa: F401
                except ImportError:
                    raise SettingsError(
                        "sm2-missing",
                        "LVZE_SIGNATURE_ALGORITHM 设为 SM2，需要国密算法库。请运行：pip install gmssl-pyx==2.1.0",
                    ) from None
            return kind
    raise SettingsError(
        "setting", f"LVZE_SIGNATURE_ALGORITHM 应是 {'、'.join(KEY_KINDS)} 之一，现在是“{text}”。"
    )


def _pkcs11_module(environ: Mapping[str, str]) -> str:
    text = environ.get("LVZE_PKCS11_MODULE", "")
    if text and not Path(text).is_file():
        raise SettingsError(
            "setting",
            f"LVZE_PKCS11_MODULE 应是令牌厂商的动态库文件，如 /usr/lib/…/lib….so，现在没有“{text}”。",
        )
    return text


def _secret(environ: Mapping[str, str], home: Path, name: str, file: str) -> str:
    given = environ.get(name, "")
    if given:
        if len(given) < 32:
            raise SettingsError("setting", f"{name} 至少需要 32 个字符。")
        return given
    path = home / "secrets" / file
    if not path.exists():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as stream:
            stream.write(os.urandom(32).hex())
    return path.read_text().strip()
