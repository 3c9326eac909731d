"""Time stamps (RFC 3161): somebody outside the house attests that a signature existed at a moment.

The server is asked through ``engine.egress``: bounded in time and size. What it answers is believed only if the status, the
imprint, the nonce and its signature are right, its certificate is one for time stamps (2.3) and, where ``LVZE_TSA_CA`` names
authorities, one of them issued it. pyHanko checks tokens; for the PDF files that it signs it asks ``Server.for_pdf``.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from asn1crypto import cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from engine import egress
from engine.documents import loops
from engine.egress import AllowList
from engine.errors import Invalid, LvzeError
from engine.settings import Settings

if TYPE_CHECKING:  # half a second to import, and most processes see no time stamp
    from pyhanko.sign.timestamps import TimeStamper

#: seconds for a request and its answer
TIMEOUT = 10.0
#: bytes of a token; servers' are 2 to 8 KB
LARGEST = 64 * 1024
_DIGESTS = {"sha256", "sha384", "sha512"}


@dataclass(frozen=True, slots=True)
class TimeStamp:
    """
    :ivar at: the moment that the server attests, UTC
    :ivar by: common name of the server's certificate
    :ivar vouched: an authority of ``LVZE_TSA_CA`` issued the certificate; False where none was named
    """

    at: datetime
    by: str
    vouched: bool


@dataclass(frozen=True, slots=True)
class Server:
    """A time stamp server.

    :ivar allow: where calls may go; a private address must be listed, as for every call
    :ivar trusted: authorities of time stamp servers; without any, a sound token of any server is taken
    """

    url: str
    allow: AllowList
    trusted: tuple[Certificate, ...] = ()

    def stamp(self, message: bytes) -> bytes:
        """A checked time stamp token (DER) over the SHA-256 of the message.

        :raises NotAllowed: ``host-not-allowed``
        :raises LvzeError: ``unreachable``, ``too-large``, or ``time-stamp``: the answer is no sound time stamp
        """
        return bytes(self.request(hashlib.sha256(message).digest(), "sha256").dump())

    def for_pdf(self) -> TimeStamper:
        """The same server as pyHanko asks one when it signs PDF files."""
        from pyhanko.sign.timestamps import TimeStamper

        class Asked(TimeStamper):
            async def async_timestamp(_, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
                token = await asyncio.to_thread(self.request, message_digest, md_algorithm)
                # asn1crypto writes what was put together, and not read, anew at every level of what holds it: seconds.
                return cms.ContentInfo.load(token.dump())

        return Asked()  # type: ignore[no-untyped-call]

    def request(self, digest: bytes, algorithm: str) -> cms.ContentInfo:
        """A checked token over a digest. See ``stamp``."""
        nonce = secrets.randbits(63)
        imprint = {"hash_algorithm": {"algorithm": algorithm}, "hashed_message": digest}
        query = tsp.TimeStampReq(
            {"version": "v1", "message_imprint": imprint, "nonce": nonce, "cert_req": True}
        )
        answer = egress.call(
            self.allow,
            "POST",
            self.url,
            headers={
                "Content-Type": "application/timestamp-query",
                "Accept": "application/timestamp-reply",
            },
            body=query.dump(),
            timeout=TIMEOUT,
        )
        if answer.status != 200:
            raise _unsound(f"回应的状态是 {answer.status}")
        try:
            # A refusal has no token, without which asn1crypto's TimeStampResp cannot be.
            status = tsp.PKIStatusInfo.load(core.Sequence.load(answer.body)[0].dump())["status"].native
            if status not in {"granted", "granted_with_mods"}:
                raise _unsound(f"服务器拒绝了请求（{status}）")
            token = tsp.TimeStampResp.load(answer.body, strict=True)["time_stamp_token"]
            info = token["content"]["encap_content_info"]["content"].parsed
            if info["nonce"].native != nonce:
                raise _unsound("回应不是对这次请求的（随机数不符）")
            bare = _bare(token)
        except (ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
            raise _unsound("回应不是 RFC 3161 时间戳") from error
        try:
            found = _checked(bare, lambda name: digest if name == algorithm else b"", self.trusted)
        except Invalid as error:
            raise _unsound(str(error)) from error
        if self.trusted and not found.vouched:
            raise _unsound(f"签发者“{found.by}”的证书不是 LVZE_TSA_CA 中的机构签发的")
        return bare


def server(settings: Settings) -> Server | None:
    """The installation's time stamp server, if it has one. Naming it in the settings allows its host and port."""
    if not settings.tsa_url:
        return None
    host, port = egress.host_of(settings.tsa_url)
    own = AllowList.parse(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    listed = settings.http_allow
    allow = AllowList(listed.hosts + own.hosts, listed.networks + own.networks)
    return Server(settings.tsa_url, allow, settings.tsa_ca)


def read(
    token: bytes, message: bytes, *, trusted: Sequence[Certificate] = (), exact: bool = True
) -> TimeStamp:
    """Check a time stamp token over a message.

    :param trusted: authorities of servers; a token of another server is sound and not vouched for
    :param exact: it must be as ``Server.stamp`` lays tokens out
    :raises Invalid: ``time-stamp``: what is wrong with it
    """
    if len(token) > LARGEST:
        raise Invalid("time-stamp", "时间戳过大")
    try:
        parsed = cms.ContentInfo.load(token, strict=True)
        # What nobody signed must be as it was laid out: a certificate too many or too few is found too.
        if exact and _bare(parsed).dump() != token:
            raise Invalid("time-stamp", "时间戳的写法被改动")
        return _checked(parsed, lambda name: hashlib.new(name, message).digest(), trusted)
    except (ValueError, TypeError, AttributeError, KeyError, OSError) as error:
        raise Invalid("time-stamp", "时间戳无法读取") from error


def _checked(
    token: cms.ContentInfo, imprint: Callable[[str], bytes], trusted: Sequence[Certificate]
) -> TimeStamp:
    """:raises Invalid: what is wrong with it"""
    from pyhanko.sign.validation.errors import SignatureValidationError
    from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
    from pyhanko_certvalidator import ValidationContext

    signed = token["content"]
    info = signed["encap_content_info"]["content"].parsed
    if not isinstance(info, tsp.TSTInfo):
        raise Invalid("time-stamp", "不是时间戳")
    if info["message_imprint"]["hash_algorithm"]["algorithm"].native not in _DIGESTS:
        raise Invalid("time-stamp", "时间戳的摘要算法不受支持或已不安全")
    named = [asn1_x509.Certificate.load(one.public_bytes(Encoding.DER)) for one in trusted]
    # Without an authority that vouches for it, a token is checked in itself: its own topmost certificate stands for one.
    for anchors in filter(None, (named, _path(signed)[-1:])):
        moment = info["gen_time"].native
        context = ValidationContext(
            trust_roots=anchors, moment=moment, best_signature_time=moment, allow_fetching=False
        )
        try:
            found = loops.run(validate_tst_signed_data(signed, context, imprint))
        except SignatureValidationError as error:
            raise Invalid("time-stamp", "时间戳无法核对") from error
        if not found["intact"] or not found["valid"]:
            raise Invalid("time-stamp", "时间戳与签名不符，或被改动")
        if found["trust_problem_indic"] is None:
            subject = found["signing_cert"].subject
            name = subject.native.get("common_name") or subject.human_friendly
            return TimeStamp(moment, str(name), anchors is named)
    raise Invalid("time-stamp", "签发时间戳的证书当时无效，或不是时间戳证书")


def _bare(token: cms.ContentInfo) -> cms.ContentInfo:
    """The token in one form: the signer's certificate and its issuers, nearest first and without the root; nothing unsigned
    besides. All of it is signed then, or follows from what is."""
    signed = token["content"]
    (signer,) = signed["signer_infos"]
    return cms.ContentInfo(
        {
            "content_type": "signed_data",
            "content": {
                "version": "v3",
                "digest_algorithms": [signer["digest_algorithm"].copy()],
                "encap_content_info": signed["encap_content_info"].copy(),
                "certificates": _path(signed),
                "signer_infos": [
                    {"version": "v1", **{name: signer[name].copy() for name in _SIGNER}},
                ],
            },
        }
    )


def _path(signed: cms.SignedData) -> list[asn1_x509.Certificate]:
    """The signer's certificate and those above it that came along, nearest first and without the root."""
    (signer,) = signed["signer_infos"]
    held = [choice.chosen for choice in signed["certificates"]]
    sid = signer["sid"].chosen
    if not isinstance(sid, cms.IssuerAndSerialNumber):
        raise ValueError("the signer is not named by issuer and serial number")
    path = [c for c in held if c.issuer == sid["issuer"] and c.serial_number == sid["serial_number"].native][
        :1
    ]
    while above := [
        c for c in held if path and c.subject == path[-1].issuer and c.self_signed == "no" and c not in path
    ]:
        path.append(above[0])
    return path


_SIGNER = ("sid", "digest_algorithm", "signed_attrs", "signature_algorithm", "signature")


def _unsound(why: str) -> LvzeError:
    return LvzeError("time-stamp", f"没有得到可用的时间戳：{why}。请检查 LVZE_TSA_URL 和 LVZE_TSA_CA。")
