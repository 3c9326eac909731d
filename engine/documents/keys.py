"""Keys that sign: what a signature needs to know of one, wherever its secret half lies.

A signature is made by ``SigningKey.sign`` alone. Formats (XML, PDF, CMS) ask for ``algorithm`` and write down what fits it, so a
further algorithm or a further place for keys is one more class here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509 import Certificate

Algorithm = Literal["RSA-SHA256", "ECDSA-SHA256", "SM2-SM3"]
#: of keys that ``cryptography`` holds
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class SigningKey(Protocol):
    """A private key with the certificate that tells whose it is."""

    @property
    def algorithm(self) -> Algorithm: ...

    @property
    def certificate(self) -> Certificate: ...

    @property
    def chain(self) -> tuple[Certificate, ...]:
        """Certificates of the issuers, nearest first; they travel with a signature."""

    def sign(self, message: bytes) -> bytes:
        """The signature of a message, which is hashed here.

        RSA: PKCS #1 v1.5. ECDSA and SM2: DER of r and s (RFC 3279 2.2.3; GM/T 0009-2012, 7.3).
        """


@dataclass(frozen=True, slots=True)
class RsaKey:
    private: rsa.RSAPrivateKey
    certificate: Certificate
    chain: tuple[Certificate, ...] = ()
    algorithm: Algorithm = "RSA-SHA256"

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())


@dataclass(frozen=True, slots=True)
class EcdsaKey:
    private: ec.EllipticCurvePrivateKey
    certificate: Certificate
    chain: tuple[Certificate, ...] = ()
    algorithm: Algorithm = "ECDSA-SHA256"

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message, ec.ECDSA(hashes.SHA256()))


def held_in_memory(
    private: PrivateKey, certificate: Certificate, chain: tuple[Certificate, ...] = ()
) -> SigningKey:
    if isinstance(private, rsa.RSAPrivateKey):
        return RsaKey(private, certificate, chain)
    return EcdsaKey(private, certificate, chain)


def fixed_width(signature: bytes, size: int) -> bytes:
    """DER of r and s as XML signatures have it: both in ``size`` bytes, one behind the other (RFC 6931 2.3.6)."""
    r, s = decode_dss_signature(signature)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")
