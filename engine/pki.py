"""What an installation has set about keys, certificates and time stamps. Every session knows it (``info``)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from cryptography.x509 import Certificate

KeyKind = Literal["RSA", "ECDSA", "SM2"]
KEY_KINDS: tuple[KeyKind, ...] = ("RSA", "ECDSA", "SM2")


@dataclass(frozen=True, slots=True)
class Pki:
    """
    :ivar kind: of the keys of new holders
    :ivar module: path of the PKCS #11 library through which tokens are reached; empty: no tokens
    :ivar pin: of the tokens
    :ivar crl_base: address below which others fetch the lists of revoked certificates; empty: certificates name none
    :ivar stampers: authorities of time stamp servers that are believed
    """

    kind: KeyKind = "RSA"
    module: str = ""
    pin: str = field(default="", repr=False)
    crl_base: str = ""
    stampers: tuple[Certificate, ...] = ()


DEFAULT = Pki()
