"""Keys that sign: what a signature needs to know of one, wherever its secret half lies.

A signature is made by ``SigningKey.sign`` alone. Formats (XML, PDF, CMS) ask for ``algorithm`` and write down what fits it, so a
further algorithm or a further place for keys is one more class here.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509 import Certificate

from engine.documents.sm2 import Sm2Private, Sm2Public
from engine.errors import SettingsError
from engine.pki import KeyKind

Algorithm = Literal["RSA-SHA256", "ECDSA-SHA256", "SM2-SM3"]
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | Sm2Private


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


@dataclass(frozen=True, slots=True)
class Sm2Key:
    private: Sm2Private
    certificate: Certificate
    chain: tuple[Certificate, ...] = ()
    algorithm: Algorithm = "SM2-SM3"

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message)


def held_in_memory(
    private: PrivateKey, certificate: Certificate, chain: tuple[Certificate, ...] = ()
) -> SigningKey:
    if isinstance(private, rsa.RSAPrivateKey):
        return RsaKey(private, certificate, chain)
    if isinstance(private, Sm2Private):
        return Sm2Key(private, certificate, chain)
    return EcdsaKey(private, certificate, chain)


def generate(kind: KeyKind, *, bits: int = 2048) -> PrivateKey:
    """:param bits: of an RSA key; an elliptic one has 256
    :raises Invalid: ``sm2-missing``
    """
    if kind == "RSA":
        return rsa.generate_private_key(65537, bits)
    return Sm2Private.generate() if kind == "SM2" else ec.generate_private_key(ec.SECP256R1())


def seal(private: PrivateKey, passphrase: str) -> bytes:
    """PKCS #8 in PEM, encrypted."""
    if isinstance(private, Sm2Private):
        return private.sealed(passphrase)
    encryption = BestAvailableEncryption(passphrase.encode())
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


@functools.lru_cache(maxsize=256)
def unseal(sealed: bytes, kind: KeyKind, passphrase: str) -> PrivateKey:
    """:raises SettingsError: ``passphrase``: not the one that the key was stored under"""
    try:
        if kind == "SM2":
            return Sm2Private.unsealed(sealed, passphrase)
        key = load_pem_private_key(sealed, passphrase.encode())
    except (ValueError, TypeError, KeyError):
        raise SettingsError(
            "passphrase", "LVZE_PASSPHRASE 与保存私钥时的不同，无法签名。请恢复原来的口令。"
        ) from None
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    return key


def fixed_width(signature: bytes, size: int) -> bytes:
    """DER of r and s as XML signatures have it: both in ``size`` bytes, one behind the other (RFC 6931 2.3.6)."""
    r, s = decode_dss_signature(signature)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def signed_by(certificate: Certificate, signature: bytes, message: bytes) -> bool:
    """Did the certificate's key make this signature, as ``SigningKey.sign`` writes it?

    :raises Invalid: ``sm2-missing``
    """
    if (national := Sm2Public.of(certificate)) is not None:
        return national.verify(signature, message)
    key = certificate.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        else:
            return False
    except InvalidSignature:
        return False
    return True
