"""200 signed files, half of them tampered with: our verdict is that of verifiers which share no code with ours, or a stricter one.

What another verifier lets pass by design is named below, with the reason; nothing else may differ, and ours lets nothing pass.
"""

from __future__ import annotations

import io
import logging
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate
from pyhanko.keys import load_certs_from_pemder_data
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
from pyhanko_certvalidator import ValidationContext

from engine.documents.pdf import Renderer
from engine.documents.verification import verify
from tests.documents import corpus, maven, pdf_corpus, signers
from tests.documents.corpus import File
from tests.documents.stamping import stamping

POI = Path(__file__).parent / "poi"

#: Apache POI checks what SignedInfo covers and no more: not what else is in the package, nor how it is written.
POI_PASSES = {
    "added part with a type": "a part that no manifest names is not looked at",
    "added linked part": "RelationshipTransform covers the links that are named, and no others",
    "added properties": "Word itself leaves properties unsigned",
    "added link": "RelationshipTransform covers the links that are named, and no others",
    "added external link": "RelationshipTransform covers the links that are named, and no others",
    "added root link": "RelationshipTransform covers the links that are named, and no others",
    "link written otherwise": "RelationshipTransform reads the link, not how it is written",
    "changed type": "the ContentType in a manifest's URI is not compared",
    "changed type of a picture": "the ContentType in a manifest's URI is not compared",
    "added type": "content types themselves are no part of the manifest",
    "changed type of a signature": "content types themselves are no part of the manifest",
    "signature: signature value spaced": "base64 may be broken by space",
    "signature: chain swapped": "KeyInfo is not signed, and only its first certificate is used",
    "signature: chain removed": "KeyInfo is not signed, and only its first certificate is used",
    "signature: unsigned object": "XML signatures may hold objects that nothing refers to",
    "signature: unsigned text": "between the elements of a signature nothing is signed",
    "signature unlinked": "whoever cannot be found has not signed, and the others are sound",
    "zip: packed again": "the parts are signed, not the zip around them",
    "zip: with a comment": "the parts are signed, not the zip around them",
    "zip: bytes behind": "the parts are signed, not the zip around them",
    "zip: bytes before": "the parts are signed, not the zip around them",
    "zip: another date": "the parts are signed, not the zip around them",
}
#: pdfsig checks each signature in itself; whom it trusts is a matter of its NSS database, which is empty here.
PDFSIG_PASSES = {
    "cut back to an earlier signature": "a whole signed file once; that a field waits for a signature is not told",
    "a stranger's signature": "a sound signature by a certificate that is not trusted",
    "a byte of what proves the time stamps": "document time stamps are not checked by poppler 22",
}
PYHANKO_PASSES = {
    "the padding": "room that was left for the signature belongs to nobody",
    "cut back to an earlier signature": "a whole signed file once; an empty field is nobody's claim",
}


@dataclass(frozen=True)
class Pdfs:
    """:ivar at: after all time stamps; ``stampers``: who gave them"""

    files: Sequence[File]
    at: datetime
    stampers: Certificate


@pytest.fixture(scope="module")
def docx() -> Sequence[File]:
    return corpus.files()


@pytest.fixture(scope="module")
def poi(docx: Sequence[File], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[list[str]]]:
    """POI's verdict on all files at once, reached while other tests go on."""
    folder = tmp_path_factory.mktemp("corpus")
    jars = maven.classpath(POI, "Apache POI")
    for file in docx:
        (folder / f"{file.name}.docx").write_bytes(file.content)
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(
            maven.java, jars, POI / "Verify.java", *(folder / f"{file.name}.docx" for file in docx)
        )


@pytest.fixture(scope="module")
def pdfs(tmp_path_factory: pytest.TempPathFactory) -> Pdfs:
    with Renderer() as renderer:
        letters = [renderer.render(corpus.signed(number, *corpus.ALL)) for number in (0, 1)]
    with stamping(tmp_path_factory.mktemp("tsa")) as served:
        return Pdfs(pdf_corpus.files(letters, served.server()), datetime.now(UTC), served.ca)


def differ(files: Sequence[File], passed: dict[str, bool]) -> dict[str, bool]:
    """Files of which a verifier thinks otherwise than they were made: by kind of tampering, or by name."""
    return {f.kind or f.name: passed[f.name] for f in files if passed[f.name] != (f.kind is None)}


def test_half_of_the_files_are_tampered_with(docx: Sequence[File], pdfs: Pdfs) -> None:
    every = [*docx, *pdfs.files]
    assert len(every) >= 200 and 2 * sum(file.kind is None for file in every) == len(every)
    assert len({file.content for file in every}) == len(every)


def test_ours_on_docx(poi: Future[list[str]], docx: Sequence[File]) -> None:
    trusted = [signers.authority().certificate]
    assert not differ(docx, {f.name: verify(f.content, trusted=trusted, at=signers.AT).valid for f in docx})


def test_ours_on_pdf(pdfs: Pdfs) -> None:
    found = {
        f.name: verify(
            f.content, trusted=[signers.authority().certificate], at=pdfs.at, stampers=[pdfs.stampers]
        )
        for f in pdfs.files
    }
    assert not differ(pdfs.files, {name: one.valid for name, one in found.items()})
    for file in pdfs.files:
        said = [*found[file.name].changes, *(p for s in found[file.name].signatures for p in s.problems)]
        assert bool(said) == (file.kind is not None), "what is wrong is said, and nothing else"


def test_pdfsig_agrees(pdfs: Pdfs, tmp_path: Path) -> None:
    if shutil.which("pdfsig") is None:
        pytest.skip("pdfsig cannot be asked: poppler-utils is not installed")

    def passed(file: File) -> bool:
        (tmp_path / f"{file.name}.pdf").write_bytes(file.content)
        told = subprocess.run(
            ["pdfsig", tmp_path / f"{file.name}.pdf"], capture_output=True, text=True, timeout=60
        ).stdout
        verdicts = [line for line in told.splitlines() if "Signature Validation:" in line]
        judged = [line for line in verdicts if "not yet been verified" not in line]
        whole = [line for line in told.splitlines() if line.strip().lower().endswith("total document signed")]
        sound = bool(judged) and all("Signature is Valid" in line for line in judged)
        return sound and whole[-1].strip() == "- Total document signed"

    with ThreadPoolExecutor(2) as pool:
        verdicts = dict(zip([f.name for f in pdfs.files], pool.map(passed, pdfs.files), strict=True))
    assert differ(pdfs.files, verdicts).keys() <= PDFSIG_PASSES.keys()


def test_pyhanko_agrees(pdfs: Pdfs, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)

    def context(*trusted: Certificate) -> ValidationContext:
        pem = b"".join(one.public_bytes(Encoding.PEM) for one in trusted)
        return ValidationContext(trust_roots=list(load_certs_from_pemder_data(pem)), moment=pdfs.at)

    def passed(file: File) -> bool:
        try:
            found = PdfFileReader(io.BytesIO(file.content)).embedded_signatures
            for one in found:
                if one.sig_object_type == "/DocTimeStamp":
                    stamp = validate_pdf_timestamp(one, context(pdfs.stampers))
                    sound = stamp.valid and stamp.intact and stamp.trusted
                else:
                    who = context(signers.authority().certificate)
                    sound = validate_pdf_signature(one, who, context(pdfs.stampers)).bottom_line
                if not sound:
                    return False
        except Exception:  # whatever it raises, it does not call the file valid
            return False
        return bool(found) and found[-1].coverage.name == "ENTIRE_FILE"

    verdicts = {file.name: passed(file) for file in pdfs.files}
    assert differ(pdfs.files, verdicts).keys() == PYHANKO_PASSES.keys()


def test_poi_agrees(poi: Future[list[str]], docx: Sequence[File]) -> None:
    verdicts = dict.fromkeys((file.name for file in docx), False)
    for line in poi.result():
        name, valid, what = (*line.split(";", 2), "", "")[:3]
        if what == "all":
            verdicts[Path(name).stem] = valid == "true"
    assert differ(docx, verdicts).keys() == POI_PASSES.keys()
