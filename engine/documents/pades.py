"""Signatures in a finished PDF: PAdES (ETSI EN 319 142-1), each an incremental revision behind the one before.

The page itself shows handwriting and seals, for the PDF is made once all have signed. So a field has no picture of its own: it lies
invisibly over its signature line, where a viewer looks for it (docs/decisions/014). Without a time stamp server the signatures are
B-B; with one each carries a time stamp, and certificates, revocations and a last time stamp over the whole file follow (B-LTA).
"""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO, TYPE_CHECKING

from asn1crypto import cms, crl
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import (
    FieldMDPAction,
    FieldMDPSpec,
    MDPPerm,
    SigFieldSpec,
    SigSeedSubFilter,
    append_signature_field,
)
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, PdfTimeStamper, Signer
from pyhanko.sign.signers.pdf_byterange import BuildProps
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.validation import DocumentSecurityStore
from pyhanko.stamp.noop import NoOpStampStyle
from pyhanko_certvalidator.registry import SimpleCertificateStore

from engine.blobs import digest_of
from engine.documents import loops
from engine.documents.keys import SigningKey
from engine.documents.timestamps import Server

if TYPE_CHECKING:
    from engine.documents.pdf import Place

#: algorithms that readers of PDF know; SM2 has no place in ISO 32000-2
ALGORITHMS = frozenset({"RSA-SHA256", "ECDSA-SHA256"})
#: between capacity and comment in /Reason, which readers show
REASON = "："
#: names in the signed part of a signature who made it: only such a file is held to exact form
MAKER = "lvze"
_POINTS = 72 / 25.4  # of a millimetre
# Its warnings repeat what is asked for here, or are raised as errors anyway.
logging.getLogger("pyhanko").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Field:
    """A signature that a PDF is to carry.

    :ivar name: of the field, unique in the file; ``label`` is what readers show for it
    :ivar signer: printed name; ``capacity`` his 职务
    :ivar at: the moment of his act
    :ivar place: where the page shows it; None: nowhere
    """

    name: str
    label: str
    key: SigningKey
    signer: str
    capacity: str
    comment: str
    at: datetime
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """
    :ivar digests: of the signatures, in the order of the fields: ``signature_digest``
    """

    pdf: bytes
    digests: tuple[str, ...]


def sign(
    pdf: bytes,
    wanted: Sequence[Field],
    *,
    server: Server | None = None,
    crls: Sequence[bytes] = (),
) -> Signed:
    """Sign in the order given. All fields are made beforehand; the last signature closes the file to every further change but
    time stamps. Some 25 ms a signature.

    :param server: of time stamps
    :param crls: revocation lists (DER) for those who check later
    :raises LvzeError: the time stamp server gave none
    """
    if not wanted:
        return Signed(pdf, ())
    return loops.run(_sign(pdf, wanted, server, crls))


def signature_digest(contents: bytes) -> str:
    """By which the register knows a signature in a PDF: SHA-256 of what the key signed, which names file and certificate. What
    stands beside it in the CMS, such as a time stamp, may come and go."""
    (info,) = cms.ContentInfo.load(contents)["content"]["signer_infos"]
    return digest_of(info["signed_attrs"].untag().dump())


class _Signer(Signer):
    """Lets pyHanko sign with whatever holds the key."""

    def __init__(self, key: SigningKey) -> None:
        known = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        known.register_multiple(_asn1(certificate) for certificate in key.chain)
        super().__init__(signing_cert=_asn1(key.certificate), cert_registry=known)
        self._key = key

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        if dry_run:  # asks for the room that the signature takes: the modulus, or DER of two numbers of the curve's size
            bits = self._key.certificate.public_key().key_size  # type: ignore[union-attr]
            return bytes(bits // 8 if self._key.algorithm.startswith("RSA") else bits // 4 + 16)
        return self._key.sign(data)


async def _sign(
    pdf: bytes,
    wanted: Sequence[Field],
    server: Server | None,
    crls: Sequence[bytes],
) -> Signed:
    stamper = server.for_pdf() if server is not None else None
    stream: IO[bytes] = _with_fields(pdf, wanted)
    digests = []
    for field in wanted:
        metadata = PdfSignatureMetadata(
            field_name=field.name,
            name=field.signer,
            reason=REASON.join((field.capacity, field.comment)),
            subfilter=SigSeedSubFilter.PADES,
            md_algorithm="sha256",
            app_build_props=BuildProps(MAKER),
            docmdp_permissions=MDPPerm.NO_CHANGES if field is wanted[-1] else MDPPerm.FILL_FORMS,
        )
        signer = PdfSigner(
            metadata, signer=_Signer(field.key), timestamper=stamper, stamp_style=NoOpStampStyle()
        )
        session = signer.init_signing_session(IncrementalPdfFileWriter(stream), existing_fields_only=True)
        session.system_time = field.at
        room = await session.estimate_signature_container_size(None)
        document = session.prepare_tbs_document(None, room)
        prepared, stream = document.digest_tbs_document()
        done = await document.perform_signature(prepared.document_digest, PdfCMSSignedAttributes())
        digests.append(signature_digest(done.sig_contents))
    if server is not None and stamper is not None:
        writer = IncrementalPdfFileWriter(stream)
        tokens = await stamper.async_dummy_response("sha256")
        chain = [c for field in wanted for c in (field.key.certificate, *field.key.chain)]
        DocumentSecurityStore.supply_dss_in_writer(
            writer,
            None,
            certs=[
                *(_asn1(certificate) for certificate in (*chain, *server.trusted)),
                *(choice.chosen for choice in tokens["content"]["certificates"]),
            ],
            crls=[crl.CertificateList.load(one) for one in crls],
        )
        last = PdfTimeStamper(stamper, field_name="时间戳", readable_field_name="时间戳")
        stream = await last.async_timestamp_pdf(writer, "sha256")
    stream.seek(0)
    return Signed(stream.read(), tuple(digests))


def _with_fields(pdf: bytes, wanted: Sequence[Field]) -> io.BytesIO:
    """The PDF with its empty signature fields."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    for field in wanted:
        box, page = None, 0
        if field.place is not None:
            page = field.place.page - 1
            box = _box(field.place, _height(writer, page))
        last = field is wanted[-1]
        spec = SigFieldSpec(
            field.name,
            on_page=page,
            box=box,
            readable_field_name=field.label,
            field_mdp_spec=FieldMDPSpec(FieldMDPAction.ALL) if last else None,
            doc_mdp_update_value=MDPPerm.NO_CHANGES if last else None,
        )
        append_signature_field(writer, spec)
    out = io.BytesIO()
    writer.write(out)  # type: ignore[no-untyped-call]
    return out


def _height(writer: IncrementalPdfFileWriter, page: int) -> float:
    found = writer.find_page_for_modification(page)[0].get_object()  # type: ignore[no-untyped-call]
    while "/MediaBox" not in found:
        found = found["/Parent"]
    return float(found["/MediaBox"][3])


def _box(place: Place, height: float) -> tuple[int, int, int, int]:
    """Left, bottom, right and top in points from the page's lower left corner."""
    edges = (place.left, place.top + place.height, place.left + place.width, place.top)
    left, bottom, right, top = (round(edge * _POINTS) for edge in edges)
    return left, round(height) - bottom, right, round(height) - top


def _asn1(certificate: Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
