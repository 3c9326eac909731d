"""Whether an archive (``engine.archives``) is what it was when it was written: checked from its bytes alone, on any machine.

Everything hangs on the manifest, which the installation's authority signed; whatever else it holds is checked as well, so that an
archive also shows what was wrong with the installation's own records when it was written: a history whose chain is broken, a
document whose signatures do not hold, an opinion on other bytes than the archived ones.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from cryptography.x509 import Certificate, load_pem_x509_certificates

from engine import archives, history, values
from engine.checkpoints import Checkpoint
from engine.documents import keys, signing, verification
from engine.documents.package import UNREADABLE, is_part_name, write_stored
from engine.errors import Invalid
from engine.history import Event

MAX_FILES = 60_000
MAX_FILE = 128 * 1024 * 1024
MAX_ARCHIVE = 4 * 1024**3
MAX_FACTS = 32 * 1024 * 1024  # bytes of a file that is read as JSON


@dataclass(slots=True)
class ArchiveReport:
    """:ivar problems: sentences, each naming the file; none means that the archive is sound
    :ivar unsealed: streams whose last lines no checkpoint had sealed yet: the manifest alone vouches for them
    :ivar vouched: the authority was given by whoever checks, not taken from the archive
    """

    title: str = ""
    instances: int = 0
    events: int = 0
    documents: int = 0
    signatures: int = 0
    files: int = 0
    vouched: bool = False
    unsealed: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def valid(self) -> bool:
        return not self.problems


def is_archive(stream: BinaryIO) -> bool:
    """Is this an archive, rather than a document? Nothing is verified."""
    try:
        with zipfile.ZipFile(stream) as archive:
            return archives.MANIFEST in archive.namelist()
    except UNREADABLE:
        return False
    finally:
        stream.seek(0)


def verify(stream: BinaryIO, *, authority: Sequence[Certificate] = ()) -> ArchiveReport:
    """Check an archive in full. Never raises on a bad file.

    :param authority: certificates of the installation that wrote it; the archive's own where none is given
    """
    report = ArchiveReport(vouched=bool(authority))
    try:
        with zipfile.ZipFile(stream) as archive:
            names = _names(archive)
            report.problems += _structure(stream, archive)
            _Check(archive, names, authority, report).run()
    except (Invalid, KeyError, TypeError, AttributeError, RecursionError) as error:
        report.problems.append(
            str(error) if isinstance(error, Invalid) else f"归档包的内容无法读取（{error}）。"
        )
    except UNREADABLE as error:
        report.problems.append(f"文件不是完整的归档包，或内部已损坏（{type(error).__name__}）。")
    return report


def _names(archive: zipfile.ZipFile) -> list[str]:
    """:raises Invalid: what no archive of ours is: too much, packed, encrypted, names that lead elsewhere"""
    entries, seen = archive.infolist(), set[str]()
    if len(entries) > MAX_FILES:
        raise Invalid("archive-too-big", f"归档包里的文件超过 {MAX_FILES} 个，已拒绝。")
    for entry in entries:
        name = entry.filename
        if entry.orig_filename != name or not is_part_name(name) or name.lower() in seen:
            raise Invalid("not-an-archive", f"归档包里的文件名“{name[:80]!r}”不合规或重复，已拒绝。")
        seen.add(name.lower())
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 0x1:
            raise Invalid(
                "not-an-archive", f"{name} 被压缩或加密：归档包里的文件都应原样存放。请使用原始的归档包。"
            )
        if entry.file_size != entry.compress_size or entry.file_size > MAX_FILE:
            raise Invalid("archive-too-big", f"{name} 过大，已拒绝。")
    if sum(entry.file_size for entry in entries) > MAX_ARCHIVE:
        raise Invalid("archive-too-big", "归档包过大，已拒绝。")
    for name in (archives.MANIFEST, archives.SIGNATURE):
        if name not in seen:
            raise Invalid("not-an-archive", f"缺少 {name}，不是归档包，或者它被删去了。")
    return [entry.filename for entry in entries]


def _structure(stream: BinaryIO, archive: zipfile.ZipFile) -> Iterator[str]:
    """Written anew from what is read, the file must come out the same: no byte is without meaning."""
    same = _Same(stream)

    def parts() -> Iterator[tuple[str, bytes]]:
        for entry in archive.infolist():
            try:
                yield entry.filename, archive.read(entry)
            except UNREADABLE:
                return

    write_stored(same, parts())  # type: ignore[arg-type]
    if not same.whole():
        yield "归档包的字节与写出时不同：有内容被改动，或被重新打包、多出了东西。"


class _Same:
    """Takes what is written and compares it with a file from its beginning."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._at, self._same = stream, 0, True

    def write(self, content: bytes) -> int:
        if self._same:
            self._stream.seek(self._at)
            self._same = self._stream.read(len(content)) == content
            self._at += len(content)
        return len(content)

    def whole(self) -> bool:
        self._stream.seek(self._at)
        return self._same and not self._stream.read(1)


class _Check:
    """One check of one archive."""

    def __init__(
        self,
        archive: zipfile.ZipFile,
        names: Sequence[str],
        authority: Sequence[Certificate],
        report: ArchiveReport,
    ) -> None:
        self._archive, self._names, self._report = archive, names, report
        self._given = list(authority)
        self._problem = report.problems.append

    def run(self) -> None:
        manifest = self._facts(archives.MANIFEST)
        if manifest.get("format") != archives.FORMAT or manifest.get("version") != archives.VERSION:
            self._problem("manifest.json：不是本程序认识的归档格式，请用写出它的或更新的程序核对。")
            return
        self._report.title = str(manifest.get("title", ""))
        listed = _mapping(manifest.get("files"))
        self._digests(listed)
        trusted = self._certificates("certificates/authority.pem")
        self._signature(self._given or trusted)
        self._trusted = [*self._given, *trusted]  # the manifest vouches for the archive's own list
        self._stampers = self._certificates("certificates/time-stamps.pem")
        self._revoked = {
            int(serial, 16): datetime.fromisoformat(moment)
            for serial, moment in self._facts("certificates/revoked.json").items()
        }
        self._bases: dict[int, set[str]] = {}
        events: dict[str, list[Event]] = {}
        for name in self._names:
            path = PurePosixPath(name)
            try:
                if path.match("definitions/*/definition.json"):
                    self._definition(path)
                elif path.match("documents/*/document.json"):
                    self._document(path)
                elif path.match("instances/*/events.jsonl"):
                    events[path.parent.name] = self._history(path)
            except (KeyError, TypeError, ValueError, AttributeError, RecursionError, Invalid) as error:
                self._problem(f"{name}：内容无法读取（{error}）。")
        self._opinions(events)
        self._checkpoints(events)

    def _read(self, name: str) -> bytes:
        """Nothing where there is no such file: that it is gone is told by the list.

        :raises Invalid: its bytes do not fit the checksum beside them
        """
        if name not in self._archive.NameToInfo:
            return b""
        try:
            return self._archive.read(name)
        except UNREADABLE:
            raise Invalid("not-an-archive", f"{name}：字节已损坏或被改动。") from None

    def _facts(self, name: str) -> dict[str, Any]:
        if name not in self._archive.NameToInfo:
            return {}
        content = self._read(name)
        if len(content) > MAX_FACTS:
            raise Invalid("archive-too-big", f"{name} 过大，已拒绝。")
        try:
            facts = json.loads(content)
        except (ValueError, RecursionError):
            facts = None
        if not isinstance(facts, dict):
            self._problem(f"{name}：不是有效的 JSON，已被改动。")
            return {}
        return facts

    def _certificates(self, name: str) -> list[Certificate]:
        try:
            return load_pem_x509_certificates(self._read(name)) if name in self._archive.NameToInfo else []
        except ValueError:
            self._problem(f"{name}：证书无法读取，已被改动。")
            return []

    def _digests(self, listed: Mapping[str, Any]) -> None:
        """Every file is on the list, and is what the list says."""
        own = {archives.MANIFEST, archives.SIGNATURE}
        present = set(self._names) - own
        for name in sorted(listed.keys() - present):
            self._problem(f"{name}：清单里有，归档包里没有，被删去了。")
        for name in sorted(present - listed.keys()):
            self._problem(f"{name}：清单里没有，是后来放进去的。")
        for name in sorted(present & listed.keys()):
            try:
                digest = hashlib.sha256(self._archive.read(name)).hexdigest()
            except UNREADABLE:
                digest = ""
            if digest != _mapping(listed[name]).get("sha256"):
                self._problem(f"{name}：内容与清单里的摘要不符，被改动了。")
            self._report.files += 1

    def _signature(self, trusted: Sequence[Certificate]) -> None:
        manifest, signature = self._read(archives.MANIFEST), self._read(archives.SIGNATURE)
        if any(_signed(one, signature, manifest) for one in trusted):
            return
        if self._given:
            self._problem("manifest.json：清单不是所给的证书机构签的，或清单、签名（manifest.sig）被改动了。")
        else:
            self._problem("manifest.json：清单的签名（manifest.sig）无效，清单或签名被改动了。")

    def _definition(self, path: PurePosixPath) -> None:
        facts, folder = self._facts(str(path)), path.parent
        diagram = {f"{facts['key']}.bpmn": facts["bpmn_digest"]}
        pinned = {name if "." in name else f"{name}.ledger.yaml": d for name, d in facts["resources"].items()}
        for name, digest in (diagram | pinned).items():
            self._equal(folder / name, digest)

    def _equal(self, path: PurePosixPath, digest: object) -> None:
        if hashlib.sha256(self._read(str(path))).hexdigest() != digest:
            self._problem(f"{path}：与登记的摘要不符。")

    def _document(self, path: PurePosixPath) -> None:
        facts, folder = self._facts(str(path)), path.parent
        self._report.documents += 1
        bases = self._bases.setdefault(facts["id"], set())
        for revision in facts["revisions"]:
            bases.add(revision["base_digest"])
            file = folder / revision["files"]["docx"]
            content = self._read(str(file))
            base = signing.base_package(content)
            if hashlib.sha256(base).hexdigest() != revision["base_digest"]:
                self._problem(f"{file}：内容与登记的摘要不符。")
            given = self._signatures_in(file, content)
            for one in revision["signatures"]:
                self._one(folder, base, one, given)
            if revision["files"].get("pdf") is not None:
                pdf = folder / revision["files"]["pdf"]
                self._equal(pdf, revision["pdf_digest"])
                self._signatures_in(pdf, self._read(str(pdf)))

    def _signatures_in(self, file: PurePosixPath, content: bytes) -> set[str]:
        """Check the signatures in a file; returns the digests of their parts."""
        found = self._verified(content)
        if found.signatures and not found.valid:
            for problem in (*found.changes, *(p for report in found.signatures for p in report.problems)):
                self._problem(f"{file}：{problem}")
        self._report.signatures += len(found.signatures)
        return {report.digest for report in found.signatures}

    def _verified(self, content: bytes) -> verification.Verification:
        return verification.verify(
            content, trusted=self._trusted, revoked=self._revoked, stampers=self._stampers
        )

    def _one(self, folder: PurePosixPath, base: bytes, one: Mapping[str, Any], given: set[str]) -> None:
        """A signature's own file: the one in the document, or a void one, which must hold for the same bytes."""
        if (name := one["files"].get("signature")) is None:
            return
        part = self._read(str(folder / name))
        if hashlib.sha256(part).hexdigest() in given:
            return
        if one["voided_at"] is None:
            self._problem(f"{folder / name}：文件里没有这个签名。")
        found = self._verified(signing.assemble(base, [part]))
        self._report.signatures += 1
        if not found.valid:
            self._problem(f"{folder / name}：签名对文件不成立。")

    def _history(self, path: PurePosixPath) -> list[Event]:
        """The lines of a stream; a break of its chain, or a head that is not the last of them, is told."""
        lines = self._read(str(path)).splitlines()
        events = [Event(**values.loads(line)) for line in lines if len(line) <= MAX_FACTS]
        self._report.instances += 1
        self._report.events += len(events)
        for fault in history.faults(events):
            self._problem(f"{path}：{fault}")
        head = self._facts(str(path.parent / "instance.json"))["head"]
        last = [events[-1].seq, events[-1].hash] if events else [0, history.GENESIS]
        if head != last or any(event.stream != f"instance:{path.parent.name}" for event in events):
            self._problem(f"{path}：记录的末尾与流程实例登记的不符，有记录被删去或加上。")
        return events

    def _opinions(self, events: Mapping[str, Sequence[Event]]) -> None:
        """What somebody acted on are the bytes of a revision that lies here."""
        for number, lines in events.items():
            for event in lines:
                payload = event.payload if isinstance(event.payload, dict) else {}
                for document, digest in _pairs(payload.get("documents")):
                    if document in self._bases and digest not in self._bases[document]:
                        self._problem(
                            f"instances/{number}/events.jsonl：第 {event.seq} 条记录所见的文件（{document} 号）与归档的各版都不相同。"
                        )

    def _checkpoints(self, events: Mapping[str, Sequence[Event]]) -> None:
        sealed: dict[str, int] = {}
        hashes = {f"instance:{n}": {e.seq: e.hash for e in lines} for n, lines in events.items()}
        for name in self._names:
            if not PurePosixPath(name).match("checkpoints/*.json"):
                continue
            try:
                facts = values.loads(self._read(name))
                signature = base64.b64decode(facts.pop("signature"), validate=True)
                checkpoint = Checkpoint(**facts, signature=signature)
                if checkpoint.hash != checkpoint.digest():
                    self._problem(f"{name}：检查点被改动了。")
                if not any(_signed(one, signature, checkpoint.hash.encode()) for one in self._trusted):
                    self._problem(f"{name}：检查点的签名无效。")
                for stream, (seq, head) in checkpoint.heads.items():
                    if stream in hashes and hashes[stream].get(seq) != head:
                        self._problem(f"{name}：{stream} 的第 {seq} 条记录与检查点不符，记录被删去或重写。")
                    sealed[stream] = max(seq, sealed.get(stream, 0))
            except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
                self._problem(f"{name}：内容无法读取（{error}）。")
        for stream, lines in sorted(hashes.items()):
            if max(lines, default=0) > sealed.get(stream, 0):
                self._report.unsealed.append(stream)


def _signed(certificate: Certificate, signature: bytes, message: bytes) -> bool:
    try:
        return keys.signed_by(certificate, signature, message)
    except (Invalid, ValueError):
        return False


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _pairs(value: object) -> Iterator[tuple[Any, Any]]:
    for pair in value if isinstance(value, list) else ():
        if isinstance(pair, list) and len(pair) == 2:
            yield pair[0], pair[1]
