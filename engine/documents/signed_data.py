"""SignedData of GM/T 0010-2012 for the SM2 signatures that a .docx carries, for tools that read that form.

Nothing is signed anew and no key is needed: an XML signature signs its SignedInfo, and a detached SignedData over the same bytes holds
the same signature value. SignedInfo names every part of the document by its SM3 digest. It is a signature, and no certified seal.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from asn1crypto import cms, core, x509
from cryptography.x509 import load_der_x509_certificate
from lxml import etree

from engine.documents import signing, sm2
from engine.documents.package import parse_xml, read_package
from engine.documents.sm2 import Sm2Public

#: GM/T 0010-2012, 6: content types and the signature algorithm
DATA, SIGNED_DATA = "1.2.156.10197.6.1.4.2.1", "1.2.156.10197.6.1.4.2.2"
SM2_SIGNATURE = "1.2.156.10197.1.301.1"


class _ContentInfo(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [
        ("content_type", core.ObjectIdentifier),
        ("content", cms.SignedData, {"explicit": 0}),
    ]


@dataclass(frozen=True, slots=True)
class Detached:
    """:ivar part: name of the signature in the package
    :ivar content: what is signed: the canonical SignedInfo
    :ivar signed_data: DER, without the content
    """

    part: str
    content: bytes
    signed_data: bytes


def of_docx(docx: bytes) -> Iterator[Detached]:
    """The SM2 signatures of a .docx, in the order of signing; those of other algorithms are left out.

    :raises Invalid: no sound .docx
    """
    parts = read_package(docx)
    for name in signing.signature_parts(parts):
        root, space = parse_xml(parts[name]), f"{{{signing.DSIG}}}"
        info = root.find(f"{space}SignedInfo")
        method = root.find(f"{space}SignedInfo/{space}SignatureMethod")
        if info is None or method is None or method.get("Algorithm") != signing.SM2_SM3:
            continue
        held = [base64.b64decode(one.text or "") for one in root.iter(f"{space}X509Certificate")]
        value = base64.b64decode(root.findtext(f"{space}SignatureValue") or "")
        alone = parse_xml(etree.tostring(info, with_tail=False))  # else libxml2 adds a bogus xmlns=""
        yield Detached(name, etree.tostring(alone, method="c14n"), _laid_out(value, held))


def verify(content: bytes, signed_data: bytes) -> bool:
    """Is a detached SignedData over this content right? Who its signer is, is not asked here.

    :raises Invalid: ``sm2-missing``
    """
    try:
        found = _ContentInfo.load(signed_data, strict=True)
        inner = found["content"]
        (signer,) = inner["signer_infos"]
        sid = signer["sid"].chosen
        held = [choice.chosen for choice in inner["certificates"]]
        own = next(
            c for c in held if c.issuer == sid["issuer"] and c.serial_number == sid["serial_number"].native
        )
        public = Sm2Public.of(load_der_x509_certificate(own.dump()))
    except (ValueError, TypeError, KeyError, StopIteration):
        return False
    right = (
        found["content_type"].dotted == SIGNED_DATA
        and signer["signature_algorithm"]["algorithm"].dotted == SM2_SIGNATURE
    )
    return right and public is not None and public.verify(signer["signature"].native, content)


def _laid_out(value: bytes, held: list[bytes]) -> bytes:
    """GM/T 0010-2012, 8.1: version 1, SM3, no authenticated attributes.

    :param held: certificates (DER), the signer's first
    """
    certificates = [x509.Certificate.load(der) for der in held]
    signer = {
        "version": "v1",
        "sid": cms.SignerIdentifier(
            "issuer_and_serial_number",
            {"issuer": certificates[0].issuer, "serial_number": certificates[0].serial_number},
        ),
        "digest_algorithm": {"algorithm": sm2.DIGEST},
        "signature_algorithm": {"algorithm": SM2_SIGNATURE},
        "signature": value,
    }
    inner = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [{"algorithm": sm2.DIGEST}],
            "encap_content_info": {"content_type": DATA},
            "certificates": certificates,
            "signer_infos": [signer],
        }
    )
    return bytes(_ContentInfo({"content_type": SIGNED_DATA, "content": inner}).dump())
