"""Who signed which bytes of a .docx, and what was changed since.

A signature of ours stands under a policy that it names (``signing.POLICY``): the whole file must then be, byte
for byte, what ``signing.assemble`` writes. Of a file signed elsewhere no more is asked than that its manifest
holds. Both must cover every part and relationship that the document reaches, with its content type.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509 import Certificate, load_der_x509_certificate
from lxml import etree

from engine.documents import certificates, signing, sm2, timestamps
from engine.documents.package import (
    CONTENT_TYPES,
    MAX_PARTS,
    RELATIONSHIPS,
    content_types,
    parse_xml,
    read_package,
    relationships_of,
    target_of,
    write_package,
)
from engine.documents.sm2 import Sm2Public
from engine.documents.timestamps import TimeStamp
from engine.errors import Invalid

_DS = f"{{{signing.DSIG}}}"
_XD = f"{{{signing.XADES}}}"
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    signing.SHA256: lambda content: hashlib.sha256(content).digest(),
    signing.SM3: sm2.digest,
    "http://www.w3.org/2001/04/xmldsig-more#sha384": lambda content: hashlib.sha384(content).digest(),
    "http://www.w3.org/2001/04/xmlenc#sha512": lambda content: hashlib.sha512(content).digest(),
}
# What a reader calls the parts of a Word file.
_PARTS = {"word/document": "正文", "word/header": "页眉", "word/footer": "页脚", "word/media/": "图片", "word/styles": "样式",
          "word/numbering": "编号"}  # fmt: skip
_METHODS: dict[str, hashes.HashAlgorithm] = {
    f"http://www.w3.org/2001/04/xmldsig-more#{kind}-sha{size}": algorithm
    for kind in ("rsa", "ecdsa")
    for size, algorithm in ((256, hashes.SHA256()), (384, hashes.SHA384()), (512, hashes.SHA512()))
}


#: how far clocks of two houses may differ
CLOCKS = timedelta(minutes=5)
MAX_SIGNATURES = 60
#: how often the bytes of a signature may be made canonical over: its references may overlap, and a stranger's would for ever
MAX_OVERLAP = 4


@dataclass(frozen=True, slots=True)
class Voided:
    """What the register says of a signature that is void (作废) although its file still verifies.

    :ivar document: the title; ``slot`` the label of the place that is open again
    :ivar by: name of who took back the work with which it was given; None where the document has a newer revision
    """

    document: str
    slot: str
    signer: str
    reason: str
    at: datetime
    by: str | None


@dataclass(slots=True)
class SignatureReport:
    """One signature.

    :ivar part: name of its part in the package
    :ivar signer: common name in the certificate
    :ivar capacity: 职务 that the signer claims; empty where none is said
    :ivar signed_at: the moment that the signer claims, UTC
    :ivar line_id: the signature line that it fills, or None
    :ivar problems: sentences; none means valid
    :ivar chain: certificates that came with it and may vouch for the signer's
    :ivar exact: signed under our policy, which asks for exact bytes
    :ivar digest: SHA-256 of the part's bytes without its time stamp, under which the register knows it
    :ivar time_stamp: that the signature existed at a moment, by a server outside; None where it has none that is sound
    :ivar voided: what the register says, where it was asked and the signature is void
    :ivar label: who vouches for the signer, and what the signature is not, for people
    """

    part: str
    signer: str = ""
    capacity: str = ""
    comment: str = ""
    signed_at: datetime | None = None
    line_id: str | None = None
    problems: list[str] = field(default_factory=list)
    certificate: Certificate | None = None
    chain: tuple[Certificate, ...] = ()
    exact: bool = False
    digest: str = ""
    time_stamp: TimeStamp | None = None
    voided: Voided | None = None
    label: str = ""

    @property
    def valid(self) -> bool:
        return not self.problems


@dataclass(frozen=True, slots=True)
class Verification:
    """
    :ivar valid: there is a signature, every signature is valid and nothing in the file was changed
    :ivar changes: what was changed, as sentences
    """

    valid: bool
    signatures: list[SignatureReport]
    changes: list[str]


def verify(
    content: bytes,
    *,
    trusted: Sequence[Certificate] = (),
    revoked: Mapping[int, datetime] | None = None,
    at: datetime | None = None,
    stampers: Sequence[Certificate] = (),
) -> Verification:
    """Check a .docx or a PDF. Never raises on a bad file: what cannot be read is reported as a change.

    :param trusted: authorities; where given, a signer whose certificate none of them issued is not valid
    :param revoked: moment of revocation by serial number
    :param at: the moment of checking; a signature from later than that is not valid
    :param stampers: authorities of time stamp servers, who vouch for their time stamps
    """
    if content.startswith(b"%PDF-"):
        from engine.documents import pdf_verification  # half a second to import

        return pdf_verification.verify(content, trusted=trusted, revoked=revoked, at=at, stampers=stampers)
    changes: dict[str, None] = {}  # in order, each once
    reports: list[SignatureReport] = []
    try:
        parts = read_package(content)
        names = signing.signature_parts(parts)
        types = content_types(parts)
        base = signing.base_parts(parts)
    except Invalid as error:
        return Verification(False, [], [f"{error.details.get('why', error)}。"])
    if len(names) > MAX_SIGNATURES:
        return Verification(False, [], [f"文件中的签名超过 {MAX_SIGNATURES} 个，不能验证。"])
    canonical: dict[tuple[str, ...], bytes] = {}
    for name in names:
        report = SignatureReport(name, digest=hashlib.sha256(parts[name]).hexdigest())
        reports.append(report)
        try:
            broken = _check(report, parts, types, base, stampers, canonical)
        except (Invalid, _Malformed, ValueError, UnsupportedAlgorithm) as error:
            report.problems.append(f"签名无法读取：{error}")
            # Where only the library is missing, nobody knows whether anything was changed.
            broken = [] if getattr(error, "code", "") == "sm2-missing" else [f"{name} 被改动"]
        changes |= dict.fromkeys(f"{change}。" for change in broken)
        check_signer(report, trusted, revoked or {}, at)
    if any(report.exact for report in reports):
        written = signing.assembled_parts(base, [parts[name] for name in names])
        changes |= dict.fromkeys(_differences(parts, written, changes))
        if not changes and write_package(written) != content:
            changes["文件被重新打包，内容未变：与签署时的字节不同。请使用原始文件。"] = None
    elif reports:
        changes |= dict.fromkeys(f"多出未签名的部件 {name}。" for name in _strangers(parts, base, names))
    if not reports:
        changes["没有数字签名。"] = None
    return Verification(not changes and all(r.valid for r in reports), reports, list(changes))


class _Malformed(Exception):
    """The XML of a signature lacks what it must have, or has it twice."""


def _check(
    report: SignatureReport,
    parts: Mapping[str, bytes],
    types: Mapping[str, str],
    base: Mapping[str, bytes],
    stampers: Sequence[Certificate],
    canonical: dict[tuple[str, ...], bytes],
) -> list[str]:
    """Fill the report from one signature; returns what was changed in the package.

    :param canonical: the canonical text of parts by name and transforms, for the next signature
    """
    content = parts[report.part]
    root = parse_xml(content)
    if root.tag != f"{_DS}Signature":
        raise _Malformed("不是签名")
    by_id = _by_id(root)
    info = _only(root, f"{_DS}SignedInfo")
    value = _base64(_only(root, f"{_DS}SignatureValue"))
    data = _only(_only(root, f"{_DS}KeyInfo"), f"{_DS}X509Data")
    held = [_base64(element) for element in data.iter(f"{_DS}X509Certificate")]
    if not held:
        raise _Malformed("没有证书")
    report.certificate, *others = (load_der_x509_certificate(der) for der in held)
    report.chain = tuple(others)
    report.signer = common_name(report.certificate)
    signed = _signed_elements(info, by_id, report, MAX_OVERLAP * len(content))
    if not _signed_by(report.certificate, info, value):
        report.problems.append("签名值与证书不符：签名被改动。")
    package = _found(signed, "idPackageObject")
    if package is None:
        raise _Malformed("没有签到文件内容")
    changes = _check_manifest(_only(package, f"{_DS}Manifest"), parts, types, base, canonical)
    if changes:
        report.problems.append("文件在签署后被改动。")
    properties = next((e for e in signed.values() if e.tag == f"{_XD}SignedProperties"), None)
    office = _found(signed, "idOfficeObject")
    _read_claims(report, properties, office, package)
    if properties is not None:
        _check_certificates(report, properties, held)
        report.exact = properties.findtext(f".//{_XD}SigPolicyId/{_XD}Identifier") == signing.POLICY
        token = _read_time_stamp(report, root, stampers)
        if report.exact:
            bare = _laid_out(root, info, value, held, properties)
            report.digest = hashlib.sha256(bare).hexdigest()
            if (signing.with_time_stamp(bare, token) if token is not None else bare) != content:
                report.problems.append("签名的写法被改动。")
        if report.exact and any(e.get("Id") not in {None, *signed} for e in root.findall(f"{_DS}Object")):
            report.problems.append("签名中多出没有签名的内容。")
    if any("签名" in problem for problem in report.problems):
        changes.append(f"{report.part}（{report.signer} 的签名）被改动")
    return changes


def _signed_elements(
    info: etree._Element, by_id: Mapping[str, etree._Element], report: SignatureReport, most: int
) -> dict[str, etree._Element]:
    """The elements that SignedInfo covers, by Id; those that differ from their digest are reported.

    :param most: bytes of all of them together
    """
    signed = {}
    for reference in info.findall(f"{_DS}Reference"):
        uri = reference.get("URI", "")
        element = by_id.get(uri.removeprefix("#"))
        if element is None or not uri.startswith("#"):
            raise _Malformed(f"签名指向不存在的 {uri}")
        own = reference.get(f"{{{signing.OWN_NAMES}}}URI", uri)
        if by_id.get(own.removeprefix("#")) is not element:
            raise _Malformed(f"{uri} 与 {own} 不是同一内容")
        methods = [t.get("Algorithm", "") for t in reference.iter(f"{_DS}Transform")]
        text = _canonical(element, methods)
        most -= len(text)
        if most < 0:
            raise _Malformed("签名的内容互相重叠过多")
        if _digest_of(reference, text) != _digest_value(reference):
            report.problems.append(f"签名中的 {uri.removeprefix('#')} 被改动。")
        signed[uri.removeprefix("#")] = element
    return signed


def _found(signed: Mapping[str, etree._Element], name: str) -> etree._Element | None:
    """The object by its Id, which Word writes bare and LibreOffice with a suffix."""
    return next((e for key, e in signed.items() if key == name or key.startswith(f"{name}_")), None)


def _check_manifest(
    manifest: etree._Element,
    parts: Mapping[str, bytes],
    types: Mapping[str, str],
    base: Mapping[str, bytes],
    canonical: dict[tuple[str, ...], bytes],
) -> list[str]:
    changes, covered = [], {}
    references = manifest.findall(f"{_DS}Reference")
    if len(references) > MAX_PARTS:
        raise _Malformed("签到的部件过多")
    for reference in references:
        name, _, kind = reference.get("URI", "").removeprefix("/").partition("?ContentType=")
        if name in covered:
            raise _Malformed(f"{name} 被签两次")
        ids = covered[name] = set(_relations(reference, parts.get(name)))
        if name not in parts:
            changes.append(f"部件 {name} 被删除")
            continue
        if kind != types.get(name):
            changes.append(f"部件 {name} 的内容类型被改为 {types.get(name, '无')}")
        methods = [t.get("Algorithm", "") for t in reference.iter(f"{_DS}Transform")]
        if kind == RELATIONSHIPS and signing.RELATIONSHIP_TRANSFORM in methods:
            content = signing.relationship_digest_text(parts[name], ids)
            what = f"关系 {name} 被改动"
        elif methods:
            known = (name, *sorted(set(methods)))
            if known not in canonical:
                canonical[known] = _canonical(parse_xml(parts[name]), methods)
            content, what = canonical[known], f"{_named(name)}的内容被改动"
        else:
            content, what = parts[name], f"{_named(name)}的内容被改动"
        if _digest_of(reference, content) != _digest_value(reference):
            changes.append(what)
    for name in base:
        if name == CONTENT_TYPES:
            continue
        if name not in covered:
            changes.append(f"部件 {name} 没有签名")
        elif types.get(name) == RELATIONSHIPS:
            extra = {r.get("Id", "") for r in parse_xml(base[name])} - covered[name]
            changes += [f"关系 {name} 中多出未签名的 {i}" for i in sorted(extra)]
    return changes


def _relations(reference: etree._Element, rels: bytes | None) -> Iterator[str]:
    """The Ids that a RelationshipTransform selects, by Id or by type (13.2.4.24)."""
    package = f"{{{signing.PACKAGE}}}"
    for chosen in reference.iter(f"{package}RelationshipReference"):
        yield chosen.get("SourceId", "")
    kinds = {g.get("SourceType") for g in reference.iter(f"{package}RelationshipsGroupReference")}
    if kinds and rels:
        yield from (r.get("Id", "") for r in parse_xml(rels) if r.get("Type") in kinds)


def _read_claims(
    report: SignatureReport,
    properties: etree._Element | None,
    office: etree._Element | None,
    package: etree._Element,
) -> None:
    moment = package.findtext(f".//{{{signing.PACKAGE}}}Value")
    if properties is not None:
        moment = properties.findtext(f".//{_XD}SigningTime") or moment
        report.capacity = properties.findtext(f".//{_XD}ClaimedRole") or ""
        report.comment = properties.findtext(f".//{_XD}CommitmentTypeQualifier") or ""
    if office is not None:
        report.line_id = office.findtext(f".//{{{signing.OFFICE}}}SetupID") or None
        report.comment = report.comment or office.findtext(f".//{{{signing.OFFICE}}}SignatureComments") or ""
    if moment:
        parsed = datetime.fromisoformat(moment)
        report.signed_at = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)


def _read_time_stamp(
    report: SignatureReport, root: etree._Element, stampers: Sequence[Certificate]
) -> bytes | None:
    """Check the signature's time stamp, if it has one; returns the token."""
    stamps = list(root.iter(f"{_XD}SignatureTimeStamp"))
    if not stamps:
        return None
    token = _base64(_only(stamps[0], f"{_XD}EncapsulatedTimeStamp"))
    method = stamps[0].find(f"{_DS}CanonicalizationMethod")
    text = _canonical(
        _only(root, f"{_DS}SignatureValue"), [method.get("Algorithm", "")] if method is not None else []
    )
    try:
        report.time_stamp = timestamps.read(token, text, trusted=stampers, exact=report.exact)
    except Invalid as error:
        report.problems.append(f"签名的时间戳无效：{error}。")
    return token


def _check_certificates(report: SignatureReport, properties: etree._Element, held: list[bytes]) -> None:
    named = [
        _digest_of(cert, der) == _digest_value(cert)
        for cert, der in zip(properties.iter(f"{_XD}CertDigest"), held, strict=False)
    ]
    count = len(list(properties.iter(f"{_XD}CertDigest")))
    exact = properties.findtext(f".//{_XD}SigPolicyId/{_XD}Identifier") == signing.POLICY
    if not all(named) or (count != len(held) if exact else not count):
        report.problems.append("签名所附的证书被替换。")


def _laid_out(
    root: etree._Element,
    info: etree._Element,
    value: bytes,
    held: Sequence[bytes],
    properties: etree._Element,
) -> bytes:
    objects = [_canonical(e).decode() for e in root.findall(f"{_DS}Object") if e.get("Id")]
    return signing.lay_out(_canonical(info).decode(), value, held, objects, _canonical(properties).decode())


def _signed_by(certificate: Certificate, info: etree._Element, value: bytes) -> bool:
    method = _only(info, f"{_DS}SignatureMethod").get("Algorithm", "")
    canonical = _only(info, f"{_DS}CanonicalizationMethod").get("Algorithm", "")
    algorithm, message = _METHODS.get(method), _canonical(info, [canonical])
    if method == signing.SM2_SM3:
        national = Sm2Public.of(certificate)
        return national is not None and national.verify(value, message)
    if algorithm is None:
        raise _Malformed(f"签名算法 {method} 不受支持或已不安全")
    key = certificate.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey) and "#rsa-" in method:
            key.verify(value, message, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey) and "#ecdsa-" in method:
            half = len(value) // 2
            r, s = int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big")
            key.verify(encode_dss_signature(r, s), message, ec.ECDSA(algorithm))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def check_signer(
    report: SignatureReport,
    trusted: Sequence[Certificate],
    revoked: Mapping[int, datetime],
    at: datetime | None,
) -> None:
    """Report what is wrong with who signed and when; the same for every kind of file. See ``verify``."""
    try:
        _check_signer(report, trusted, revoked, at)
    except ValueError:  # names and extensions are only read when they are asked for
        report.problems.append("签名人的证书无法读取。")


def _check_signer(
    report: SignatureReport,
    trusted: Sequence[Certificate],
    revoked: Mapping[int, datetime],
    at: datetime | None,
) -> None:
    certificate, signed = report.certificate, report.signed_at
    if certificate is None:
        return
    report.label = certificates.label(certificate, own=False)
    if signed is None:
        report.problems.append("没有签署时间。")
    elif not certificate.not_valid_before_utc <= signed <= certificate.not_valid_after_utc:
        report.problems.append("签署时间不在证书有效期内。")
    elif at and signed > at:
        report.problems.append("签署时间晚于现在。")
    elif certificate.serial_number in revoked and signed >= revoked[certificate.serial_number]:
        report.problems.append("签署时证书已被吊销。")
    if signed is not None and report.time_stamp is not None and report.time_stamp.at < signed - CLOCKS:
        report.problems.append("时间戳早于签署时间：签署时间不实。")
    if not certificates.may_sign(certificate):
        report.problems.append("证书不是签名用的。")
    moment = signed or certificate.not_valid_before_utc
    try:
        vouched = not trusted or certificates.trusted_path(certificate, report.chain, trusted, moment)
    except Invalid as error:  # of SM2, where its library is missing
        report.problems.append(f"无法确认签名人身份：{error}")
        return
    if not vouched:
        issuer = certificates.common_name(certificate.issuer)
        report.problems.append(f"未知证书机构“{issuer}”：无法确认签名人身份。")


def _differences(
    parts: Mapping[str, bytes], written: Mapping[str, bytes], known: Mapping[str, None]
) -> Iterator[str]:
    """Where the parts differ from the form that is signed, apart from what is known by name already."""
    for name in sorted(parts.keys() | written.keys()):
        if any(name in change for change in known):
            continue
        if name not in written:
            yield f"多出未签名的部件 {name}。"
        elif name not in parts:
            yield f"部件 {name} 被删除。"
        elif parts[name] != written[name]:
            yield f"{name} 的写法被改动。"


def _strangers(parts: Mapping[str, bytes], base: Mapping[str, bytes], names: Sequence[str]) -> list[str]:
    """Parts of a file signed elsewhere that belong neither to document nor signatures nor properties."""
    known = {*base, *names, CONTENT_TYPES, *map(relationships_of, names)}
    for relation in parse_xml(parts["_rels/.rels"]):
        if relation.get("Type") in signing.UNSIGNED_RELATIONS:
            target = target_of("", relation.get("Target", ""))
            known |= {target, relationships_of(target)}
    return [name for name in parts if name not in known]


def _named(part: str) -> str:
    told = next((words for beginning, words in _PARTS.items() if part.startswith(beginning)), "部件")
    return f"{told}（{part}）"


def _by_id(root: etree._Element) -> dict[str, etree._Element]:
    found: dict[str, etree._Element] = {}
    for element in root.iter(etree.Element):
        for key, value in ((str(k), str(v)) for k, v in element.attrib.items()):
            if etree.QName(key).localname.lower() == "id":
                if value in found:
                    raise _Malformed(f"标识 {value} 出现两次")
                found[value] = element
    return found


def _only(parent: etree._Element, tag: str) -> etree._Element:
    found = parent.findall(tag)
    if len(found) != 1:
        raise _Malformed(f"应有一个 {etree.QName(tag).localname}，实有 {len(found)} 个")
    return found[0]


def _canonical(element: etree._Element, methods: Sequence[str] = ()) -> bytes:
    if unknown := set(methods) - {signing.C14N, _EXCLUSIVE}:
        raise _Malformed(f"变换 {unknown.pop()} 不受支持")
    # libxml2 writes a bogus xmlns="" when it canonicalises an element inside its tree.
    alone = parse_xml(etree.tostring(element, with_tail=False))
    return etree.tostring(alone, method="c14n", exclusive=_EXCLUSIVE in methods, with_comments=False)


def _digest_of(holder: etree._Element, content: bytes) -> bytes:
    method = _only(holder, f"{_DS}DigestMethod").get("Algorithm", "")
    if method not in _DIGESTS:
        raise _Malformed(f"摘要算法 {method} 不受支持或已不安全")
    return _DIGESTS[method](content)


def _digest_value(holder: etree._Element) -> bytes:
    return _base64(_only(holder, f"{_DS}DigestValue"))


def _base64(element: etree._Element) -> bytes:
    try:
        return base64.b64decode("".join((element.text or "").split()), validate=True)
    except binascii.Error:
        raise _Malformed(f"{etree.QName(element).localname} 不是 Base64") from None


def common_name(certificate: Certificate) -> str:
    return certificates.common_name(certificate.subject)
