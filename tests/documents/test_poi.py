"""What Apache POI, which shares no code with ours, says of our signatures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.documents import signing
from engine.documents.package import read_package, write_package
from tests.documents import maven, signers

POI = Path(__file__).parent / "poi"


@pytest.fixture(scope="session")
def classpath() -> str:
    return maven.classpath(POI, "Apache POI")


def test_poi_agrees(classpath: str, tmp_path: Path) -> None:
    whole = read_package(signers.signed())
    document, comment = whole["word/document.xml"], whole["_xmlsignatures/sig1.xml"]
    pictures = read_package(
        signing.assemble(
            signers.letter(),
            [
                signers.part(slot, picture=way)
                for slot, way in zip(signers.SLOTS, ("plain", "plain", "inside", "named"), strict=True)
            ],
        )
    )
    files = {
        "one": signers.signed("issuer"),
        "four": signers.signed(),
        "elliptic": signing.assemble(
            signers.letter(), [signers.part("issuer", elliptic=True), signers.part("recipient")]
        ),
        "text": write_package(
            whole | {"word/document.xml": document.replace("李建国".encode(), "李建军".encode())}
        ),
        "claim": write_package(
            whole | {"_xmlsignatures/sig1.xml": comment.replace("书记".encode(), "委员".encode())}
        ),
        "unsigned": signers.letter(),
        "pictures": write_package(pictures),
    }
    for n, slot in enumerate(signers.SLOTS, 1):
        part = pictures[f"_xmlsignatures/sig{n}.xml"]
        for start in re.findall(rb'(?:Id="idValidSigLnImg"[^>]*|<SignatureImage)>', part):
            changed = part.replace(start + b"iVBO", start + b"iVBP")
            assert changed != part
            files[f"{slot}-{len(files)}"] = write_package(pictures | {f"_xmlsignatures/sig{n}.xml": changed})
    for name, content in files.items():
        (tmp_path / f"{name}.docx").write_bytes(content)
    found = maven.java(classpath, POI / "Verify.java", *(tmp_path / f"{name}.docx" for name in files))
    said: dict[str, list[tuple[str, str]]] = {name: [] for name in files}
    for line in found:
        file, valid, signer = line.split(";", 2)
        said[Path(file).stem].append((valid, signer))
    assert said["one"] == [("true", "CN=陈志强"), ("true", "all")]
    assert said["four"] == [*(("true", f"CN={name}") for name, _ in signers.SLOTS.values()), ("true", "all")]
    assert said["elliptic"] == [("true", "CN=陈志强"), ("true", "CN=李建国"), ("true", "all")]
    assert said["text"] == [("false", "")] * 4 + [("false", "all")]
    assert [valid for valid, _ in said["claim"]] == ["false", "true", "true", "true", "false"]
    assert said["pictures"] == said["four"]
    for name in said:
        slot = name.partition("-")[0]
        if slot in signers.SLOTS:
            wrong = [valid for valid, _ in said[name]].index("false")
            assert wrong == list(signers.SLOTS).index(slot), "a changed picture breaks its own signature"
    assert sum("-" in name for name in said) == 7
    assert said["unsigned"] == [("false", "all")]
