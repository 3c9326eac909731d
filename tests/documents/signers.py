"""People with certificates, and a letter for them to sign."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

# Taken before tests draw keys in turn (tests/conftest.py): no two signers may have the same one.
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.x509.oid import NameOID

from engine.documents.handwriting import Handwriting
from engine.documents.keys import PrivateKey, SigningKey, held_in_memory
from engine.documents.seal_pictures import draw_demo
from engine.documents.signature_lines import Line, insert_signature_lines, line_id
from engine.documents.signing import Picture, assemble, signature_part
from engine.documents.templates import Template
from tests.documents import samples

AT = datetime(2026, 3, 5, 2, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Signer:
    name: str
    key: PrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def signing_key(self) -> SigningKey:
        return held_in_memory(self.key, self.certificate, self.chain)


@functools.cache
def authority(name: str = "云岭市直属机关党建证书机构") -> Signer:
    key = generate_private_key(65537, 2048)
    return Signer(name, key, _certificate(name, key, name, key, authority=True))


@functools.cache
def signer(name: str, elliptic: bool = False) -> Signer:
    key = ec.generate_private_key(ec.SECP256R1()) if elliptic else generate_private_key(65537, 2048)
    issuer = authority()
    assert isinstance(issuer.key, rsa.RSAPrivateKey)
    certificate = _certificate(name, key, issuer.name, issuer.key)
    return Signer(name, key, certificate, (issuer.certificate,))


def _certificate(
    name: str, key: PrivateKey, issuer: str, issuer_key: rsa.RSAPrivateKey, *, authority: bool = False
) -> x509.Certificate:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(AT - timedelta(days=30))
        .not_valid_after(AT + timedelta(days=300))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not authority,
                content_commitment=not authority,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=authority,
                crl_sign=authority,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(issuer_key, hashes.SHA256())
    )


def handwriting(seed: int = 0) -> Handwriting:
    return Handwriting(
        [
            [[60 + 160 * k + 2 * i, 100 + 60 * math.sin(i / 9 + k + seed), 10 * i] for i in range(60)]
            for k in range(3)
        ]
    )


SLOTS = {
    "issuer": ("陈志强", "党工委书记"),
    "recipient": ("李建国", "党委书记"),
    "issuer_seal": ("中共云溪市直机关工作委员会", "印章"),
    "recipient_seal": ("中共云溪市财政局委员会", "印章"),
}


@functools.cache
def letter() -> bytes:
    """A 责任书 with lines for both secretaries and for the issuer's seal; not signed yet."""
    filled = Template.load(samples.template("责任书")).fill(samples.LETTER)
    return insert_signature_lines(filled, [Line(slot, *who) for slot, who in SLOTS.items()])


@functools.cache
def picture_of(slot: str) -> bytes:
    if slot.endswith("seal"):
        return draw_demo(SLOTS[slot][0])
    return handwriting(len(slot)).picture("书记", date(2026, 3, 5))


@functools.cache
def part(slot: str, *, elliptic: bool = False, picture: Picture | None = None) -> bytes:
    """The signature of a slot of the letter; seals are the third and fourth picture."""
    name, capacity = SLOTS[slot]
    who = signer(name, True) if elliptic else signer(name)
    return signature_part(
        letter(),
        key=who.signing_key,
        line_id=line_id(slot),
        image_png=picture_of(slot),
        capacity=capacity,
        signer_name=name,
        comment="责任书<2026>&“签订”",
        at=AT,
        picture=picture or ("inside" if slot.endswith("seal") else "plain"),
    )


@functools.cache
def signed(*slots: str) -> bytes:
    return assemble(letter(), [part(slot) for slot in slots or SLOTS])
