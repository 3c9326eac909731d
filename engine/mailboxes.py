"""Mail 邮件: the server that takes it, and one message handed over. Nothing here knows persons or processes."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from urllib.parse import parse_qs, unquote, urlsplit

from engine.errors import Invalid, LvzeError

TIMEOUT = 20.0  # seconds, for each answer of the server
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?=.{1,190}$)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def is_address(text: str) -> bool:
    """A plain mail address, in ASCII (RFC 5321; quoted local parts and literals are not for people)."""
    return _ADDRESS.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class MailServer:
    """:ivar tls: ``at once`` (``smtps:``), ``first`` (STARTTLS before anything else) or ``no``"""

    host: str
    port: int
    tls: str
    user: str | None = None
    password: str | None = None

    @classmethod
    def parse(cls, url: str) -> MailServer:
        """:raises ValueError: no such URL, or a password that would travel in the clear"""
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError(url)
        asked = parse_qs(parts.query).get("tls", [""])[-1]
        if asked not in ("", "no") or (asked and parts.scheme == "smtps"):
            raise ValueError(url)
        tls = "at once" if parts.scheme == "smtps" else "no" if asked == "no" else "first"
        if parts.username and tls == "no" and parts.hostname not in _LOOPBACK:
            raise ValueError(url)
        return cls(
            parts.hostname,
            parts.port or {"at once": 465, "first": 587, "no": 25}[tls],
            tls,
            unquote(parts.username) if parts.username else None,
            unquote(parts.password) if parts.password else None,
        )


def compose(
    *, sender: str, to: Sequence[str], subject: str, text: str, key: str, at: datetime
) -> EmailMessage:
    """A message whose Message-ID is made of ``key``: a repetition is recognised by it.

    :raises Invalid: a subject of several lines, or an address that is none
    """
    for address in to:
        if not is_address(address):
            raise Invalid("mail-address", f"“{address}”不是邮件地址，请改正。")
    if not subject.strip() or len(subject.splitlines()) > 1:
        raise Invalid("mail-subject", "邮件主题应有文字，并写在一行里。")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, ", ".join(to), subject.strip()
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{key}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no robot answers
    message.set_content(text, cte="base64")
    return message


def send(server: MailServer, message: EmailMessage) -> dict[str, str]:
    """Hand the message over. Returns those addresses that the server refused, each with its reason; the others have it.

    :raises LvzeError: ``mail-server``: not reached, or it takes the message for nobody
    """
    try:
        if server.tls == "at once":
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=TIMEOUT, context=ssl.create_default_context()
            )
        else:
            client = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT)
        with client:
            if server.tls == "first":
                client.starttls(context=ssl.create_default_context())
            if server.user is not None:
                client.login(server.user, server.password or "")
            refused = client.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        raise LvzeError("mail-server", f"邮件服务器不收这些地址：{_reasons(error.recipients)}。") from error
    except smtplib.SMTPResponseException as error:
        said = _text(error.smtp_error)
        raise LvzeError("mail-server", f"邮件服务器拒绝了邮件：{error.smtp_code} {said}") from error
    except (OSError, smtplib.SMTPException) as error:
        raise LvzeError("mail-server", f"连不上邮件服务器 {server.host}:{server.port}：{error}") from error
    return {address: f"{code} {_text(said)}" for address, (code, said) in refused.items()}


def _reasons(refused: dict[str, tuple[int, bytes]]) -> str:
    return "；".join(f"{address}（{code} {_text(said)}）" for address, (code, said) in refused.items())


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said
