"""SM2 and SM3, the national algorithms (GB/T 32918, GB/T 32905), as GM/T 0009-2012 and GM/T 0015-2012 use them.

``cryptography`` knows SM3 and no SM2: keys and signatures are gmssl-pyx's (the extra ``sm``), certificates are laid out by
``cryptography`` with a placeholder and get their key and signature here. A signature is DER of r and s over SM3(Z || message), with
the usual identity 1234567812345678 (GM/T 0009-2012, 7.3 and clause 10).
"""

from __future__ import annotations

import functools
import hashlib
import os
from dataclasses import dataclass
from typing import Any

from asn1crypto import algos, core, keys, pem
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import PublicKeyAlgorithmOID

from engine.errors import Invalid

SIGNATURE = "1.2.156.10197.1.501"  # SM2 with SM3
CURVE = "1.2.156.10197.1.301"
DIGEST = "1.2.156.10197.1.401"
IDENTITY = b"1234567812345678"
INSTALL = "pip install gmssl-pyx==2.1.0"
LABEL = "采用国密算法，但不是经认证的电子印章、电子签章"
_ROUNDS = 100_000


def library() -> Any:
    """:raises Invalid: ``sm2-missing``"""
    try:
        import gmssl_pyx
    except ImportError:
        raise Invalid(
            "sm2-missing",
            f"没有安装国密算法库，不能使用 SM2 签名。请系统管理员在程序所在的环境中运行：{INSTALL}",
        ) from None
    return gmssl_pyx


@dataclass(frozen=True, slots=True)
class Sm2Public:
    """:ivar point: x and y, 32 bytes each"""

    point: bytes

    @classmethod
    def of(cls, certificate: x509.Certificate) -> Sm2Public | None:
        """None where the certificate's key is of another kind."""
        return _public_of(certificate)

    def verify(self, signature: bytes, message: bytes) -> bool:
        """:raises Invalid: ``sm2-missing``"""
        gmssl = library()
        try:
            return bool(gmssl.sm2_verify(self.point, message, signature))
        except (gmssl.GmsslInnerError, ValueError):
            return False

    @property
    def info(self) -> keys.PublicKeyInfo:
        return keys.PublicKeyInfo({"algorithm": _key_algorithm(), "public_key": b"\x04" + self.point})


@dataclass(frozen=True, slots=True)
class Sm2Private:
    number: bytes
    public: Sm2Public

    @classmethod
    def generate(cls) -> Sm2Private:
        """:raises Invalid: ``sm2-missing``"""
        point, number = library().sm2_key_generate()
        return cls(number, Sm2Public(point))

    def public_key(self) -> Sm2Public:
        return self.public

    def sign(self, message: bytes) -> bytes:
        return bytes(library().sm2_sign(self.number, self.public.point, message))

    def sealed(self, passphrase: str) -> bytes:
        """PKCS #8 in PEM, under PBES2 with AES-256 (RFC 8018)."""
        salt, start = os.urandom(16), os.urandom(16)
        number = core.IntegerOctetString(int.from_bytes(self.number, "big"))
        number.set_encoded_width(32)
        inner = keys.ECPrivateKey(
            {"version": 1, "private_key": number, "public_key": b"\x04" + self.public.point}
        )
        whole = keys.PrivateKeyInfo(
            {"version": 0, "private_key_algorithm": _key_algorithm(), "private_key": inner}
        )
        pad = padding.PKCS7(128).padder()
        cipher = Cipher(AES(_stretched(passphrase, salt, _ROUNDS)), CBC(start)).encryptor()
        kdf = {
            "salt": algos.Pbkdf2Salt("specified", salt),
            "iteration_count": _ROUNDS,
            "prf": {"algorithm": "sha256"},
        }
        scheme = {
            "key_derivation_func": {"algorithm": "pbkdf2", "parameters": kdf},
            "encryption_scheme": {"algorithm": "aes256_cbc", "parameters": start},
        }
        done = keys.EncryptedPrivateKeyInfo(
            {
                "encryption_algorithm": {"algorithm": "pbes2", "parameters": scheme},
                "encrypted_data": cipher.update(pad.update(whole.dump()) + pad.finalize())
                + cipher.finalize(),
            }
        )
        return bytes(pem.armor("ENCRYPTED PRIVATE KEY", done.dump()))

    @classmethod
    def unsealed(cls, sealed: bytes, passphrase: str) -> Sm2Private:
        """:raises ValueError: another passphrase"""
        found = keys.EncryptedPrivateKeyInfo.load(pem.unarmor(sealed)[2])
        how = found["encryption_algorithm"]
        key = _stretched(passphrase, how.kdf_salt, how.kdf_iterations)
        cipher = Cipher(AES(key), CBC(how.encryption_iv)).decryptor()
        pad = padding.PKCS7(128).unpadder()
        plain = pad.update(cipher.update(found["encrypted_data"].native) + cipher.finalize()) + pad.finalize()
        inner = keys.PrivateKeyInfo.load(plain)["private_key"].parsed
        return cls(
            inner["private_key"].native.to_bytes(32, "big"), Sm2Public(bytes(inner["public_key"])[-64:])
        )


def digest(message: bytes) -> bytes:
    """SM3."""
    found = hashes.Hash(hashes.SM3())
    found.update(message)
    return found.finalize()


def sign_certificate(
    builder: x509.CertificateBuilder, public: Sm2Public, signer: Sm2Private
) -> x509.Certificate:
    """:param builder: all but the key, which comes from ``public``, and the identifiers that follow from keys"""
    laid_out = builder.public_key(_placeholder.public_key()).sign(_placeholder, hashes.SHA256())
    whole = asn1_x509.Certificate.load(laid_out.public_bytes(Encoding.DER))
    inner = whole["tbs_certificate"]
    inner["subject_public_key_info"] = public.info
    _sign(whole, inner, signer)
    return x509.load_der_x509_certificate(whole.dump())


def sign_revocations(
    builder: x509.CertificateRevocationListBuilder, signer: Sm2Private
) -> x509.CertificateRevocationList:
    from asn1crypto import crl

    laid_out = builder.sign(_placeholder, hashes.SHA256())
    whole = crl.CertificateList.load(laid_out.public_bytes(Encoding.DER))
    _sign(whole, whole["tbs_cert_list"], signer)
    return x509.load_der_x509_crl(whole.dump())


def _sign(whole: Any, inner: Any, signer: Sm2Private) -> None:
    inner["signature"] = whole["signature_algorithm"] = algos.SignedDigestAlgorithm({"algorithm": SIGNATURE})
    value = signer.sign(inner.dump(force=True))
    whole["signature_value" if "signature_value" in whole._field_map else "signature"] = value


keys.NamedCurve.register("sm2p256v1", CURVE, 32)


@functools.lru_cache(maxsize=256)
def _public_of(certificate: x509.Certificate) -> Sm2Public | None:
    if certificate.public_key_algorithm_oid != PublicKeyAlgorithmOID.EC_PUBLIC_KEY:
        return None
    try:
        info = asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER)).public_key
        curve = info["algorithm"]["parameters"].chosen
        if isinstance(curve, keys.NamedCurve) and curve.dotted == CURVE:
            return Sm2Public(bytes(info["public_key"])[-64:])
    except (ValueError, TypeError, KeyError):  # a stranger's certificate may hold anything
        pass
    return None


def _key_algorithm() -> Any:
    return {"algorithm": "ec", "parameters": keys.ECDomainParameters("named", keys.NamedCurve("sm2p256v1"))}


def _stretched(passphrase: str, salt: bytes, rounds: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, rounds, 32)


_placeholder = ec.generate_private_key(ec.SECP256R1())
