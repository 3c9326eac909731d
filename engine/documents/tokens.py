"""Keys in a token: a USB key or a hardware module, reached through its maker's PKCS #11 library (``LVZE_PKCS11_MODULE``).

The key never leaves the token. Its session stays open, because logging in takes a hardware token long, and is opened anew once where
the token was pulled out meanwhile. Tokens do one thing at a time.
"""

from __future__ import annotations

import functools
import hashlib
import threading
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509 import Certificate

from engine.documents.keys import Algorithm
from engine.errors import Invalid, SettingsError
from engine.pki import Pki

INSTALL = "pip install python-pkcs11==0.10.1"
_one_at_a_time = threading.RLock()


@dataclass(frozen=True, slots=True)
class TokenKey:
    """:ivar key_id: CKA_ID of the private key"""

    pki: Pki
    label: str
    key_id: bytes
    certificate: Certificate
    chain: tuple[Certificate, ...] = ()

    @property
    def algorithm(self) -> Algorithm:
        elliptic = isinstance(self.certificate.public_key(), ec.EllipticCurvePublicKey)
        return "ECDSA-SHA256" if elliptic else "RSA-SHA256"

    def sign(self, message: bytes) -> bytes:
        """:raises Invalid: ``token``: it is not there, or does not do it"""
        pkcs11 = library()
        with _one_at_a_time:
            for last in (False, True):
                try:
                    key = _key(self.pki, self.label, self.key_id)
                    if self.algorithm == "RSA-SHA256":
                        return bytes(key.sign(message, mechanism=pkcs11.Mechanism.SHA256_RSA_PKCS))
                    value = key.sign(hashlib.sha256(message).digest(), mechanism=pkcs11.Mechanism.ECDSA)
                    half = len(value) // 2
                    return encode_dss_signature(
                        int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big")
                    )
                except pkcs11.PKCS11Error as error:
                    _open.cache_clear()
                    if last:
                        raise _unusable(self.label, error) from error
        raise AssertionError


def certificate_in(pki: Pki, label: str, key_id: bytes) -> bytes | None:
    """The certificate (DER) that the token holds beside the key; None where it holds none.

    :raises SettingsError: no PKCS #11 library is set, or it does not load
    :raises Invalid: ``token``: not there, another PIN, or without this key
    """
    pkcs11 = library()
    with _one_at_a_time:
        try:
            _key(pki, label, key_id)
            wanted = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE, pkcs11.Attribute.ID: key_id}
            held = list(_open(pki, label).get_objects(wanted))
            return bytes(held[0][pkcs11.Attribute.VALUE]) if held else None
        except pkcs11.PKCS11Error as error:
            _open.cache_clear()
            raise _unusable(label, error) from error


def library() -> Any:
    """:raises SettingsError: ``pkcs11-missing``"""
    try:
        import pkcs11
    except ImportError:
        raise SettingsError(
            "pkcs11-missing", f"没有安装令牌接口库，不能使用令牌中的密钥。请在程序所在的环境中运行：{INSTALL}"
        ) from None
    return pkcs11


def _key(pki: Pki, label: str, key_id: bytes) -> Any:
    pkcs11 = library()
    return _open(pki, label).get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, id=key_id)


@functools.lru_cache(maxsize=16)
def _open(pki: Pki, label: str) -> Any:
    if not pki.module:
        raise SettingsError("setting", "没有设置 LVZE_PKCS11_MODULE，不能使用令牌中的密钥。")
    pkcs11 = library()
    try:
        module = pkcs11.lib(pki.module)
    except RuntimeError as error:
        raise SettingsError("setting", f"LVZE_PKCS11_MODULE 指定的动态库 {pki.module} 不能加载。") from error
    token = module.get_token(token_label=label)
    try:
        return token.open(user_pin=pki.pin)
    except pkcs11.UserAlreadyLoggedIn:
        return token.open()


def _unusable(label: str, error: Exception) -> Invalid:
    why = {
        "NoSuchToken": "没有插好",
        "NoSuchKey": "里面没有这个密钥",
        "PinIncorrect": "口令（LVZE_PKCS11_PIN）不对",
        "PinLocked": "已被锁定",
    }.get(type(error).__name__, f"不能使用（{type(error).__name__}）")
    return Invalid("token", f"令牌“{label}”{why}，请检查后再试。")
