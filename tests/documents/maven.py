"""Independent verifiers in Java: their jars come from Maven once a machine, the few lines that ask them lie beside the tests."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest


def classpath(folder: Path, verifier: str) -> str:
    """The jars that the ``pom.xml`` in ``folder`` names; the list of them is kept beside other caches.

    Skips the test, with the reason, only where Java or the registry is missing.
    """
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            pytest.skip(f"{verifier} cannot be asked: {program} is not installed")
    pom = folder / "pom.xml"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "lvze"
    listed = cache / f"{folder.name}-{hashlib.sha256(pom.read_bytes()).hexdigest()[:16]}.classpath"
    if not listed.exists() or not all(Path(jar).exists() for jar in listed.read_text().split(os.pathsep)):
        cache.mkdir(parents=True, exist_ok=True)
        command = [
            "mvn",
            "-B",
            "-q",
            "-f",
            str(pom),
            "dependency:build-classpath",
            f"-Dmdep.outputFile={listed}",
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=240)
        except subprocess.TimeoutExpired:
            pytest.skip(f"{verifier} cannot be asked: Maven did not fetch it in four minutes")
        if done.returncode:
            listed.unlink(missing_ok=True)
            pytest.skip(f"{verifier} cannot be asked: Maven could not fetch it: {done.stdout[-300:]}")
    return listed.read_text()


def java(jars: str, program: Path, *files: Path) -> list[str]:
    """The lines that the program prints about the files."""
    command = ["java", "-cp", jars, str(program), *map(str, files)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=True
    ).stdout.splitlines()
