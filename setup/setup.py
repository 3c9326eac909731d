"""All the set-up, called by every target of the Makefile; does nothing where all is current.

    python3 setup/setup.py [--tests]

Virtual environment, dependencies from the hash-locked file, operating-system libraries, fonts, front end; with ``--tests`` also
what the tests need of the system. Standard library only, and it starts on an older Python so that it can say what is missing.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036  (this file is what tells the user)
    sys.exit(
        "✗ 需要 Python 3.11 或更新版本，当前是 {}.{}。Debian 12：apt-get install python3 python3-venv；"
        "另有新版本时：make PYTHON=/usr/bin/python3.11".format(*sys.version_info[:2])
    )

import frontend
import system
from steps import LOG, ROOT, SetupError, run

VENV = ROOT / ".venv"
PYTHON = VENV / "bin/python"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / "lvze-setup.json"


def _digest(*paths: Path) -> str:
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()


def _stamped() -> dict[str, str]:
    try:
        return dict(json.loads(STAMP.read_text()))
    except (OSError, ValueError):
        return {}


def _stamp(**done: str) -> None:
    STAMP.write_text(json.dumps({**_stamped(), **done}))


def _place() -> str:
    """A virtual environment holds only here, and only for the Python it was made with."""
    return f"{ROOT} {PYTHON.resolve()}"


def _pip(what: str, *arguments: str | Path, attempts: int = 1) -> None:
    quiet = ("--disable-pip-version-check", "--no-input", "--root-user-action=ignore")
    run(what, PYTHON, "-m", "pip", "install", *quiet, "--no-deps", *arguments, attempts=attempts)


def environment() -> None:
    """The virtual environment with exactly the locked packages, the built front end, and this checkout, editable."""
    if (place := _stamped().get("place")) != _place():
        if place:
            shutil.rmtree(VENV)
        run("建立虚拟环境 .venv", sys.executable, "-m", "venv", VENV)
        _stamp(place=_place())
    dependencies, package = _digest(LOCK), _digest(ROOT / "pyproject.toml", ROOT / "hatch_build.py")
    if _stamped().get("dependencies") != dependencies:
        _pip("安装依赖（requirements.lock）", "--require-hashes", "-r", LOCK, attempts=2)
        _stamp(dependencies=dependencies)
    if not frontend.current():
        run("构建前端", PYTHON, ROOT / "setup/frontend.py", attempts=2)
    if _stamped().get("package") != package:
        _pip("登记本项目", "--no-build-isolation", "-e", ROOT)
        _stamp(package=package)


def main(arguments: list[str]) -> int:
    # A second make waits for the first; the lock ends with the process.
    fcntl.flock(os.open(ROOT, os.O_RDONLY), fcntl.LOCK_EX)
    LOG.unlink(missing_ok=True)
    try:
        system.install_packages(tests="--tests" in arguments)
        environment()
        system.fetch_fonts()
    except SetupError as error:
        print(f"\n✗ {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
