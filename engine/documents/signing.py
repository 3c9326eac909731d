"""Digital signatures of a .docx: ECMA-376 Part 2 clause 13, [MS-OFFCRYPTO] 2.5 and XAdES (ETSI TS 101 903).

A signature is one XML part over the *base package*: the document before anybody signed. Its manifest covers every part and
relationship of the base and no other signature, so signers never conflict and a later one leaves the earlier valid.
``assemble`` puts base and signatures together; equal input gives equal bytes.

The XML is written as canonical text (C14N 1.0) from the start, but for the order of two attributes (``lay_out``). What is hashed is
then what is written, and a verifier can lay the part out again from its pieces and compare bytes.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate
from lxml import etree
from PIL import Image, ImageDraw

from engine.documents import sm2
from engine.documents.keys import Algorithm, SigningKey, fixed_width
from engine.documents.package import (
    CONTENT_TYPES,
    RELATIONSHIPS,
    RELS_NS,
    TYPES_NS,
    content_types,
    parse_xml,
    read_package,
    relationships_of,
    target_of,
    write_package,
)
from engine.documents.pictures import small_png
from engine.errors import Invalid

# How the picture of a line is signed (docs/decisions/008): as Word does it, which LibreOffice bears twice in a file; under a name
# of its own besides, for every further person; or in the Office object alone, where LibreOffice doesn't look.
Picture = Literal["plain", "named", "inside"]

DSIG = "http://www.w3.org/2000/09/xmldsig#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
OFFICE = "http://schemas.microsoft.com/office/2006/digsig"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/digital-signature"
C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
# No register of XML algorithms has the national ones: they are named by their object identifiers (RFC 3061).
SM2_SM3 = f"urn:oid:{sm2.SIGNATURE}"
SM3 = f"urn:oid:{sm2.DIGEST}"
METHODS: dict[Algorithm, str] = {
    "RSA-SHA256": RSA_SHA256,
    "ECDSA-SHA256": ECDSA_SHA256,
    "SM2-SM3": SM2_SM3,
}
RELATIONSHIP_TRANSFORM = "http://schemas.openxmlformats.org/package/2006/RelationshipTransform"
SIGNED_PROPERTIES = "http://uri.etsi.org/01903#SignedProperties"

ORIGIN_RELATION = f"{RELS_NS}/digital-signature/origin"
SIGNATURE_RELATION = f"{RELS_NS}/digital-signature/signature"
ORIGIN_TYPE = "application/vnd.openxmlformats-package.digital-signature-origin"
SIGNATURE_TYPE = "application/vnd.openxmlformats-package.digital-signature-xmlsignature+xml"
ORIGIN = "_xmlsignatures/origin.sigs"
ORIGIN_ID = "rIdSignatures"
OFFICE_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"

# Word leaves these out of its signatures because it rewrites them; a base package has none of them.
UNSIGNED_RELATIONS = {
    ORIGIN_RELATION,
    f"{RELS_NS}/metadata/core-properties",
    f"{RELS_NS}/metadata/thumbnail",
    f"{OFFICE_RELATIONS}/extended-properties",
    f"{OFFICE_RELATIONS}/custom-properties",
}

# The rule under which a signature of ours stands, named inside it: only such a file is held to exact bytes.
POLICY = "http://lvze.org/signature-policy/1"
OWN_NAMES = "http://lvze.org/signature-names/1"
POLICY_TEXT = "签名人对文件的确切字节负责：规范打包，不压缩，部件按名称排列；改动任何一个字节，文件即无效。"

HEADER = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
SIGNATURE_ID = "idPackageSignature"
PICTURE_ID = "idValidSigLnImg"
_VALUE = re.compile(rb"<SignatureValue>([^<]*)</SignatureValue>")


def base_package(docx: bytes) -> bytes:
    """The document in the one byte form that is signed; a base package gives itself.

    Parts that nothing refers to, properties and thumbnails are left out, so that everything left is signed;
    relationships and content types are written in one order and spelling.

    :raises Invalid: ``not-a-docx``, ``package-too-big``, ``dangling-relationship``
    """
    return write_package(base_parts(read_package(docx)))


def base_parts(parts: Mapping[str, bytes]) -> dict[str, bytes]:
    """The parts of the base package of a document, signed or not. See ``base_package``."""
    types, base, waiting = content_types(parts), {}, [""]
    for source in waiting:
        rels = relationships_of(source)
        if source:
            base[source] = parts[source]
        if rels not in parts:
            continue
        kept = [r for r in parse_xml(parts[rels]) if r.get("Type") not in UNSIGNED_RELATIONS]
        base[rels] = _relationships(kept)
        for relation in kept:
            if relation.get("TargetMode") == "External":
                continue
            target = target_of(source, relation.get("Target", ""))
            if target not in parts or target not in types or not target.isascii():
                raise Invalid(
                    "dangling-relationship", f"文档引用的 {target} 不存在或没有类型。请重新保存该 Word 文档。"
                )
            if target not in waiting:
                waiting.append(target)
    base[CONTENT_TYPES] = _content_types({name: types.get(name, RELATIONSHIPS) for name in base})
    return base


def assemble(base: bytes, parts: Sequence[bytes]) -> bytes:
    """The base package with its signatures, in order, as one .docx; without signatures the base.

    :param base: what ``base_package`` returned
    :param parts: what ``signature_part`` returned for it
    """
    return write_package(assembled_parts(read_package(base), parts)) if parts else base


def assembled_parts(base: Mapping[str, bytes], parts: Sequence[bytes]) -> dict[str, bytes]:
    """What ``assemble`` writes."""
    types = content_types(base)
    signatures = {f"_xmlsignatures/sig{n}.xml": part for n, part in enumerate(parts, 1)}
    origin = etree.Element("Relationship", Id=ORIGIN_ID, Type=ORIGIN_RELATION, Target=ORIGIN)
    links = [
        etree.Element("Relationship", Id=f"rId{n}", Type=SIGNATURE_RELATION, Target=f"sig{n}.xml")
        for n in range(1, len(parts) + 1)
    ]
    whole = dict(base) | signatures
    whole[ORIGIN] = b""
    whole["_rels/.rels"] = _relationships([*parse_xml(base["_rels/.rels"]), origin])
    whole[relationships_of(ORIGIN)] = _relationships(links)
    types |= dict.fromkeys(signatures, SIGNATURE_TYPE) | {ORIGIN: ORIGIN_TYPE}
    types[relationships_of(ORIGIN)] = RELATIONSHIPS
    whole[CONTENT_TYPES] = _content_types(types)
    return whole


def signature_part(
    base: bytes,
    *,
    key: SigningKey,
    line_id: str | None,
    image_png: bytes | None,
    capacity: str,
    signer_name: str,
    comment: str,
    at: datetime,
    picture: Picture = "plain",
) -> bytes:
    """Sign the base package: the XML of one signature. Pure and without state; about 5 ms with RSA-2048.

    :param base: what ``base_package`` returned
    :param key: RSA (any verifier), ECDSA (Word; LibreOffice 7 knows RSA only) or SM2; its chain travels in the file
    :param line_id: the signature line whose picture this signature shows (``line_id``), or None
    :param image_png: the handwriting or the seal, for the line
    :param capacity: 职务 in which the person signs (XAdES ClaimedRole; also in the comment that Word shows)
    :param at: the moment of signing, with a time zone; written in UTC to the second
    :param picture: how the line's picture is signed; it is a copy of the one in the signed Office object in any case
    """
    hashing = _SM3 if key.algorithm == "SM2-SM3" else _SHA256
    image = base64.b64encode(image_png).decode() if image_png and line_id else ""
    certificates = [c.public_bytes(Encoding.DER) for c in (key.certificate, *key.chain)]
    moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    # LibreOffice takes a third signature for broken where its Ids are those of the first, as Word's would be.
    mark = hashlib.sha256(f"{line_id}{moment}".encode() + certificates[0]).hexdigest()[:16]
    words = "；".join(filter(None, (capacity, comment)))
    text = "" if image else signer_name
    properties = _signed_properties(hashing, mark, certificates, capacity, comment, moment)
    objects = [
        _package_object(hashing, mark, base, moment),
        _office_object(mark, line_id, image, text, words),
    ]
    if image and picture != "inside":
        own = {"xmlns:lvze": OWN_NAMES, "lvze:Id": f"idSignatureImage_{mark}"} if picture == "named" else {}
        objects.append(_tag("Object", image, xmlns=DSIG, Id=PICTURE_ID, **own))
    if image and picture == "plain":
        struck = base64.b64encode(_struck_out()).decode()
        objects.append(_tag("Object", struck, xmlns=DSIG, Id="idInvalidSigLnImg"))
    references = [
        _reference(hashing, f"#{_id_of(found)}", found.encode(), kind=f"{DSIG}Object", name=_own_name(found))
        for found in objects
    ]
    references.insert(
        2,
        _reference(
            hashing, f"#idSignedProperties_{mark}", properties.encode(), _C14N, kind=SIGNED_PROPERTIES
        ),
    )
    signed_info = _tag(
        "SignedInfo",
        _tag("CanonicalizationMethod", Algorithm=C14N),
        _tag("SignatureMethod", Algorithm=METHODS[key.algorithm]),
        *references,
        xmlns=DSIG,
    )
    return lay_out(signed_info, _sign(key, signed_info.encode()), certificates, objects, properties)


def stamped_text(part: bytes) -> bytes:
    """What a time stamp of a signature part attests: its SignatureValue, canonical (XAdES, 7.3)."""
    value = _VALUE.search(part)
    assert value
    return _tag("SignatureValue", value[1].decode(), xmlns=DSIG).encode()


def with_time_stamp(part: bytes, token: bytes) -> bytes:
    """A signature part with a time stamp token (DER) over ``stamped_text``: XAdES-T. What was signed stays as it was."""
    end = b"</xd:SignedProperties>"
    before, found, after = part.rpartition(end)
    assert found
    return before + end + _time_stamp(token).encode() + after


def lay_out(
    signed_info: str,
    value: bytes,
    certificates: Sequence[bytes],
    objects: Sequence[str],
    properties: str,
    time_stamp: bytes | None = None,
) -> bytes:
    """A signature part from its pieces, each the canonical text that is hashed or signed.

    :param value: the signature's bytes
    :param certificates: DER; the signer's first
    """
    held = [_tag("X509Certificate", base64.b64encode(c).decode()) for c in certificates]
    qualifying = _tag(
        "xd:QualifyingProperties",
        properties.replace(f' xmlns="{DSIG}" xmlns:xd="{XADES}"', "", 1),
        **{"xmlns:xd": XADES, "Target": f"#{SIGNATURE_ID}"},
    )
    pieces = [
        signed_info,
        _tag("SignatureValue", base64.b64encode(value).decode()),
        _tag("KeyInfo", _tag("X509Data", *held)),
        *objects,
        _tag("Object", qualifying),
    ]
    # LibreOffice resolves a reference by the first attribute named URI in whatever namespace: the own name must come first.
    pieces[0] = re.sub(r'( Type="[^"]*" URI="[^"]*")( lvze:URI="[^"]*")', r"\2\1", signed_info)
    inside = [piece.replace(f' xmlns="{DSIG}"', "", 1) for piece in pieces]
    return (HEADER + _tag("Signature", *inside, xmlns=DSIG, Id=SIGNATURE_ID)).encode()


def signature_parts(parts: Mapping[str, bytes]) -> list[str]:
    """Names of the signature parts of a package, in the order of signing (``sig2`` before ``sig10``)."""
    found = []
    for origin in _targets(parts, "", ORIGIN_RELATION):
        found += _targets(parts, origin, SIGNATURE_RELATION)
    return sorted(set(found), key=lambda name: (len(name), name))


def signature_pictures(content: bytes) -> dict[str, bytes]:
    """The pictures that the signatures of a .docx show, PNG by line id. Nothing is verified here."""
    parts, pictures = read_package(content), {}
    for name in signature_parts(parts):
        root = parse_xml(parts[name])
        line = root.findtext(f".//{{{OFFICE}}}SetupID")
        shown = (e.text for e in root.iter(f"{{{DSIG}}}Object") if e.get("Id") == PICTURE_ID)
        picture = next(shown, None) or root.findtext(f".//{{{OFFICE}}}SignatureImage")
        if line and picture:
            pictures[line] = base64.b64decode(picture)
    return pictures


def relationship_digest_text(rels: bytes, ids: set[str]) -> bytes:
    """The RelationshipTransform (ECMA-376 Part 2, 13.2.4.24) of a relationships part, canonical."""
    kept = sorted((r for r in parse_xml(rels) if r.get("Id") in ids), key=lambda r: r.get("Id", ""))
    lines = [
        _tag(
            "Relationship",
            Id=r.get("Id", ""),
            Target=r.get("Target", ""),
            TargetMode=r.get("TargetMode") or "Internal",
            Type=r.get("Type", ""),
        )
        for r in kept
    ]
    return _tag("Relationships", *lines, xmlns=RELS_NS).encode()


def _package_object(hashing: _Hashing, mark: str, base: bytes, moment: str) -> str:
    parts = read_package(base)
    types, references = content_types(parts), []
    for name in sorted(types):
        uri = f"/{name}?ContentType={types[name]}"
        if types[name] == RELATIONSHIPS:
            ids = sorted(r.get("Id", "") for r in parse_xml(parts[name]))
            sources = [
                _tag("mdssi:RelationshipReference", **{"xmlns:mdssi": PACKAGE, "SourceId": i}) for i in ids
            ]
            transform = _tag("Transform", *sources, Algorithm=RELATIONSHIP_TRANSFORM)
            text = relationship_digest_text(parts[name], set(ids))
            references.append(_reference(hashing, uri, text, transform, _C14N))
        else:
            references.append(_reference(hashing, uri, parts[name]))
    time = _tag(
        "mdssi:SignatureTime",
        _tag("mdssi:Format", "YYYY-MM-DDThh:mm:ssTZD"),
        _tag("mdssi:Value", moment),
        **{"xmlns:mdssi": PACKAGE},
    )
    return _tag(
        "Object",
        _tag("Manifest", *references),
        _properties("idSignatureTime", time),
        xmlns=DSIG,
        Id=f"idPackageObject_{mark}",
    )


def _office_object(mark: str, line: str | None, image: str, text: str, words: str) -> str:
    """[MS-OFFCRYPTO] 2.5.2.5: what Word shows of the signature."""
    details = {
        "SetupID": line or "",
        "SignatureText": _text(text),
        "SignatureImage": image,
        "SignatureComments": _text(words),
        "WindowsVersion": "10.0",
        "OfficeVersion": "16.0",
        "ApplicationVersion": "16.0",
        "Monitors": "1",
        "HorizontalResolution": "1920",
        "VerticalResolution": "1080",
        "ColorDepth": "32",
        "SignatureProviderId": "{00000000-0000-0000-0000-000000000000}",
        "SignatureProviderUrl": "",
        "SignatureProviderDetails": "9",
        "SignatureType": "2" if line else "1",
    }
    info = _tag("SignatureInfoV1", *(_tag(name, value) for name, value in details.items()), xmlns=OFFICE)
    return _tag("Object", _properties("idOfficeV1Details", info), xmlns=DSIG, Id=f"idOfficeObject_{mark}")


def _signed_properties(
    hashing: _Hashing, mark: str, certificates: Sequence[bytes], capacity: str, comment: str, moment: str
) -> str:
    """XAdES-EPES. All certificates that travel are named by digest, so that none can be exchanged."""
    signers = []
    for der in certificates:
        signers.append(_tag("xd:Cert", _tag("xd:CertDigest", *hashing.tags(der)), _issuer_serial(der)))
    policy = _tag(
        "xd:SignaturePolicyId",
        _tag("xd:SigPolicyId", _tag("xd:Identifier", POLICY)),
        _tag("xd:SigPolicyHash", *hashing.tags(POLICY_TEXT.encode())),
    )
    role = _tag("xd:ClaimedRoles", _tag("xd:ClaimedRole", _text(capacity)))
    commitment = _tag(
        "xd:CommitmentTypeIndication",
        _tag(
            "xd:CommitmentTypeId",
            _tag("xd:Identifier", "http://uri.etsi.org/01903/v1.2.2#ProofOfApproval"),
            _tag("xd:Description", "Approved this document"),
        ),
        _tag("xd:AllSignedDataObjects"),
        *(
            [_tag("xd:CommitmentTypeQualifiers", _tag("xd:CommitmentTypeQualifier", _text(comment)))]
            if comment
            else []
        ),
    )
    return _tag(
        "xd:SignedProperties",
        _tag(
            "xd:SignedSignatureProperties",
            _tag("xd:SigningTime", moment),
            _tag("xd:SigningCertificate", *signers),
            _tag("xd:SignaturePolicyIdentifier", policy),
            *([_tag("xd:SignerRole", role)] if capacity else []),
        ),
        _tag("xd:SignedDataObjectProperties", commitment),
        **{"xmlns": DSIG, "xmlns:xd": XADES, "Id": f"idSignedProperties_{mark}"},
    )


def _time_stamp(token: bytes) -> str:
    stamp = _tag(
        "xd:SignatureTimeStamp",
        _tag("CanonicalizationMethod", Algorithm=C14N),
        _tag("xd:EncapsulatedTimeStamp", base64.b64encode(token).decode()),
    )
    return _tag("xd:UnsignedProperties", _tag("xd:UnsignedSignatureProperties", stamp))


def _issuer_serial(der: bytes) -> str:
    certificate = load_der_x509_certificate(der)
    return _tag(
        "xd:IssuerSerial",
        _tag("X509IssuerName", _text(certificate.issuer.rfc4514_string())),
        _tag("X509SerialNumber", str(certificate.serial_number)),
    )


def _properties(name: str, content: str) -> str:
    prop = _tag("SignatureProperty", content, Id=name, Target=f"#{SIGNATURE_ID}")
    return _tag("SignatureProperties", prop)


def _reference(
    hashing: _Hashing, uri: str, content: bytes, *transforms: str, kind: str = "", name: str = ""
) -> str:
    """:param content: what is hashed, canonical
    :param name: of the element under ``OWN_NAMES``, where it has one besides its Id
    """
    attributes = {"URI": uri} | ({"Type": kind} if kind else {})
    attributes |= {"xmlns:lvze": OWN_NAMES, "lvze:URI": f"#{name}"} if name else {}
    before = [_tag("Transforms", *transforms)] if transforms else []
    return _tag("Reference", *before, *hashing.tags(content), **attributes)


def _sign(key: SigningKey, message: bytes) -> bytes:
    value = key.sign(message)
    if key.algorithm == "ECDSA-SHA256":
        curve = key.certificate.public_key()
        assert isinstance(curve, ec.EllipticCurvePublicKey)
        return fixed_width(value, (curve.key_size + 7) // 8)
    return value


@dataclass(frozen=True, slots=True)
class _Hashing:
    """A hash algorithm; ``name`` is its URI."""

    name: str
    digest: Callable[[bytes], bytes]

    def tags(self, content: bytes) -> tuple[str, str]:
        value = base64.b64encode(self.digest(content)).decode()
        return _tag("DigestMethod", Algorithm=self.name), _tag("DigestValue", value)


_SHA256 = _Hashing(SHA256, lambda content: hashlib.sha256(content).digest())
_SM3 = _Hashing(SM3, sm2.digest)


def _text(text: str) -> str:
    """Character data as C14N writes it; control characters that XML cannot hold become spaces."""
    text = re.sub(r"[\x00-\x1f\x7f\ufffe\uffff\ud800-\udfff]", " ", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _tag(name: str, *content: str, **attributes: str) -> str:
    """An element as C14N writes it: namespaces before attributes, each in order, and never self-closing."""
    ordered = sorted(attributes.items(), key=lambda item: (not item[0].startswith("xmlns"), item[0]))
    escaped = (
        f' {key}="{value.replace("&", "&amp;").replace("<", "&lt;").replace(chr(34), "&quot;")}"'
        for key, value in ordered
    )
    return f"<{name}{''.join(escaped)}>{''.join(content)}</{name}>"


def _id_of(element: str) -> str:
    found = re.match(r'<Object [^>]*? Id="([^"]*)"', element)
    assert found
    return found[1]


def _own_name(element: str) -> str:
    found = re.match(r'<Object [^>]*? lvze:Id="([^"]*)"', element)
    return found[1] if found else ""


def _relationships(relations: Iterable[etree._Element]) -> bytes:
    lines = []
    for relation in sorted(relations, key=lambda r: r.get("Id", "")):
        external = {"TargetMode": "External"} if relation.get("TargetMode") == "External" else {}
        attributes = {name: relation.get(name, "") for name in ("Id", "Target", "Type")}
        lines.append(_tag("Relationship", **attributes, **external))
    return (HEADER + _tag("Relationships", *lines, xmlns=RELS_NS)).encode()


def _content_types(types: Mapping[str, str]) -> bytes:
    lines = [_tag("Default", Extension="rels", ContentType=RELATIONSHIPS)]
    for name in sorted(types):
        if types[name] != RELATIONSHIPS:
            lines.append(_tag("Override", PartName=f"/{name}", ContentType=types[name]))
    return (HEADER + _tag("Types", *lines, xmlns=TYPES_NS)).encode()


def _targets(parts: Mapping[str, bytes], source: str, kind: str) -> list[str]:
    rels = parts.get(relationships_of(source))
    found = parse_xml(rels) if rels else ()
    names = [target_of(source, r.get("Target", "")) for r in found if r.get("Type") == kind]
    return [name for name in names if name in parts]


@functools.cache
def _struck_out() -> bytes:
    """What a signature line shows when the signature is broken: a red cross."""
    picture = Image.new("RGBA", (360, 120), (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    for ends in ((4, 4, 356, 116), (4, 116, 356, 4)):
        pen.line(ends, fill=(200, 0, 0, 255), width=6)
    return small_png(picture)


_C14N = _tag("Transform", Algorithm=C14N)
