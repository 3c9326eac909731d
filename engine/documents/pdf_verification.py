"""Who signed which bytes of a PDF, and what was added since.

pyHanko reads the file, within limits for what comes from strangers, and judges later revisions; what it calls a digest that matches
is a matching digest. Who signed and when is judged as in a .docx. A file that was signed here (``pades.MAKER``) is held to more:
every field that was made for a signature has one, nothing follows the last signature but time stamps, and the signatures hold
nothing that nobody signed.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from asn1crypto import cms, core
from cryptography.x509 import Certificate, load_der_x509_certificate
from pyhanko.pdf_utils.decode_limits import DecodeLimits, DocumentDecodeBudget, StreamDecodeLimits
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DiffResult, ModificationLevel
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation.generic_cms import validate_sig_integrity
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

from engine.documents import pades, timestamps
from engine.documents.certificates import common_name, issued_by
from engine.documents.timestamps import TimeStamp
from engine.documents.verification import SignatureReport, Verification, check_signer
from engine.errors import Invalid

MAX_BYTES = 60 * 1024 * 1024
MAX_SIGNATURES, MAX_REVISIONS = 60, 300
_MB = 1024 * 1024
#: of what is unpacked: verification reads structure, never pictures or fonts
_LIMITS = DecodeLimits(
    per_stream=StreamDecodeLimits(max_output_size=32 * _MB),
    document_budget=DocumentDecodeBudget(base_allowance=64 * _MB, max_ratio=20),
)
_DIGESTS = {"sha256", "sha384", "sha512"}


def verify(
    content: bytes,
    *,
    trusted: Sequence[Certificate] = (),
    revoked: Mapping[int, datetime] | None = None,
    at: datetime | None = None,
    stampers: Sequence[Certificate] = (),
) -> Verification:
    """As ``verification.verify``, for a PDF. Some 15 ms a signature. Never raises on a bad file."""
    if len(content) > MAX_BYTES:
        return Verification(False, [], [f"PDF 超过 {MAX_BYTES // 1024 // 1024} MB，不能验证。"])
    try:
        # Whatever a stranger's bytes do to a reader of PDF: they are no document then.
        reader = PdfFileReader(io.BytesIO(content), decode_limits=_LIMITS)
        if reader.encrypted:
            return Verification(False, [], ["PDF 已加密，不能验证；请使用原始文件。"])
        if reader.xrefs.total_revisions > MAX_REVISIONS:
            return Verification(False, [], ["PDF 的修订版本过多，不能验证。"])
        found = list(reader.embedded_signatures)
        fields = {name for name, value, _ in enumerate_sig_fields(reader) if value is None}
    except Exception:
        return Verification(False, [], ["不是完整的 PDF，或内容已损坏。"])
    if len(found) > MAX_SIGNATURES:
        return Verification(False, [], ["PDF 中的签名过多，不能验证。"])
    reports: list[SignatureReport] = []
    changes: dict[str, None] = {}
    for signature in found:
        report = SignatureReport(f"签名域 {signature.field_name}")
        try:
            if str(signature.sig_object_type) == "/DocTimeStamp":
                broken = list(_check_time_stamp(content, signature, stampers))
            else:
                reports.append(report)
                broken = list(_check(content, report, signature, stampers))
        except Exception as error:
            report.problems.append(f"签名无法读取：{type(error).__name__}。")
            broken = [f"{report.part} 被改动。"]
        changes |= dict.fromkeys(broken)
        if report in reports:
            check_signer(report, trusted, revoked or {}, at)
    if any(report.exact for report in reports):
        changes |= dict.fromkeys(f"签名域 {name} 的签名被删除。" for name in sorted(fields))
    ends = [sum(map(int, list(signature.byte_range)[2:])) for signature in found]
    if ends and max(ends) != len(content):
        changes["文件末尾在签署之后被追加或截去了内容。"] = None
    if not reports:
        changes["没有数字签名。"] = None
    return Verification(not changes and all(r.valid for r in reports), reports, list(changes))


def _check(
    content: bytes,
    report: SignatureReport,
    signature: EmbeddedPdfSignature,
    stampers: Sequence[Certificate],
) -> Iterator[str]:
    """Fill the report from one signature; yields what was changed in the file."""
    info, certificate = signature.signer_info, signature.signer_cert
    report.certificate = load_der_x509_certificate(certificate.dump())
    report.chain = tuple(load_der_x509_certificate(one.dump()) for one in signature.other_embedded_certs)
    report.signer = common_name(report.certificate.subject)
    report.digest = pades.signature_digest(signature.pkcs7_content)
    moment = signature.self_reported_timestamp
    report.signed_at = moment and (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    report.exact = _made_here(signature)
    reason = str(signature.sig_object.get("/Reason", ""))
    capacity, between, comment = reason.partition(pades.REASON)
    report.capacity, report.comment = (capacity, comment) if report.exact and between else ("", reason)

    signature.compute_integrity_info()  # type: ignore[no-untyped-call]
    if signature.md_algorithm not in _DIGESTS:
        report.problems.append(f"摘要算法 {signature.md_algorithm} 不受支持或已不安全。")
    intact, valid = validate_sig_integrity(info, certificate, "data", signature.compute_digest())
    if not intact:
        report.problems.append("文件在签署后被改动。")
        yield f"{report.part} 签署的内容被改动。"
    if not valid:
        report.problems.append("签名值与证书不符：签名被改动。")
        yield f"{report.part} 的签名被改动。"
    if not _closes_gap(content, signature):
        report.problems.append("签名没有签到整个文件，或签名的写法被改动。")
        yield f"{report.part} 的写法被改动。"
    elif not _only_signatures_follow(signature):
        report.problems.append("签署之后，文件被追加了签名以外的内容。")
        yield f"在 {report.part} 签署之后追加了内容。"
    token = _time_stamp(info)
    if token is not None:
        try:
            report.time_stamp = timestamps.read(token.dump(), info["signature"].native, trusted=stampers)
        except Invalid as error:
            report.problems.append(f"{error}。")
            yield f"{report.part} 的时间戳被改动。"
    if report.exact and not _laid_out(signature, report, token):
        report.problems.append("签名所附的证书被替换，或多出没有签名的内容。")
        yield f"{report.part} 的写法被改动。"


def _check_time_stamp(
    content: bytes, signature: EmbeddedPdfSignature, stampers: Sequence[Certificate]
) -> Iterator[str]:
    """Yield what is wrong with a time stamp over the whole file."""
    signature.compute_integrity_info()  # type: ignore[no-untyped-call]
    if not _closes_gap(content, signature) or not _only_signatures_follow(signature):
        yield "在文件时间戳之后追加了内容。"
    try:
        _document_time_stamp(content, signature, stampers)
    except Invalid as error:
        yield f"文件时间戳无效：{error}。"


def _document_time_stamp(
    content: bytes, signature: EmbeddedPdfSignature, stampers: Sequence[Certificate]
) -> TimeStamp:
    start, length, behind, rest = map(int, signature.byte_range)
    covered = content[start : start + length] + content[behind : behind + rest]
    token = cms.ContentInfo.load(signature.pkcs7_content).dump()
    return timestamps.read(token, covered, trusted=stampers)


def _made_here(signature: EmbeddedPdfSignature) -> bool:
    properties = signature.sig_object.get("/Prop_Build", {}).get("/App", {})
    return str(properties.get("/Name", "")) == f"/{pades.MAKER}"


def _closes_gap(content: bytes, signature: EmbeddedPdfSignature) -> bool:
    """Is everything but the signature itself signed, and the signature written as signers write it: hexadecimal of one case, and
    zeros behind it?"""
    if len(signature.byte_range) != 4:
        return False
    start, length, behind, rest = map(int, signature.byte_range)
    gap, held = content[length:behind], signature.pkcs7_content
    written = gap[1:-1]
    return (
        start == 0
        and 0 < length < behind <= behind + rest <= len(content)
        and gap[:1] + gap[-1:] == b"<>"
        and written in (held.hex().encode(), held.hex().upper().encode())
        and not held[len(cms.ContentInfo.load(held).dump()) :].strip(b"\0")
    )


def _only_signatures_follow(signature: EmbeddedPdfSignature) -> bool:
    """Has nothing been done to the file since, but what its rules allow: further signatures, time stamps and what proves them?"""
    result, allowed = signature.diff_result, signature.docmdp_level
    if not isinstance(result, DiffResult):
        return False
    level = result.modification_level
    return level <= ModificationLevel.FORM_FILLING and (allowed is None or level.value <= allowed.value)


def _time_stamp(info: cms.SignerInfo) -> cms.ContentInfo | None:
    """Of the signature, beside what it signs."""
    attributes = info["unsigned_attrs"]
    for attribute in () if isinstance(attributes, core.Void) else attributes:
        if attribute["type"].native == "signature_time_stamp_token":
            found: cms.ContentInfo = attribute["values"][0]
            return found
    return None


def _laid_out(
    signature: EmbeddedPdfSignature, report: SignatureReport, token: cms.ContentInfo | None
) -> bool:
    """Is the CMS what a signer here writes, byte for byte? All of it is signed then, or follows from what is."""
    held, info = cms.ContentInfo.load(signature.pkcs7_content), signature.signer_info
    top, others = report.certificate, list(report.chain)
    assert top is not None
    while above := [one for one in others if issued_by(top, one)]:
        top = above[0]
        others.remove(top)
    if others or (top.issuer == top.subject and not issued_by(top, top)):
        return False
    plain = {
        "version": "v1",
        **{name: info[name].copy() for name in ("sid", "digest_algorithm", "signed_attrs")},
        "signature_algorithm": info["signature_algorithm"].copy(),
        "signature": info["signature"].native,
    }
    if token is not None:
        plain["unsigned_attrs"] = [{"type": "signature_time_stamp_token", "values": [token.copy()]}]
    written = {
        "version": "v1",
        "digest_algorithms": [info["digest_algorithm"].copy()],
        "encap_content_info": {"content_type": "data"},
        "certificates": [one.copy() for one in held["content"]["certificates"]],
        "signer_infos": [plain],
    }
    again = cms.ContentInfo({"content_type": "signed_data", "content": written})
    return len(held["content"]["certificates"]) == 1 + len(report.chain) and again.dump() == held.dump()
