"""Renew the lock files: every dependency for every platform, with hashes, naming no registry. For maintainers."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

UV = "uv==0.13.9"  # pip-compile writes index lines into the lock; uv writes none
ROOT = Path(__file__).resolve().parent.parent
LOCKS = {
    "requirements.lock": ["--extra", "dev", "pyproject.toml"],
    "tests/bench/peers.lock": ["tests/bench/peers.txt"],  # could not stand beside ours in one environment
}

with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--target", folder, UV], check=True)
    command = "pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links"
    for lock, sources in LOCKS.items():
        subprocess.run(
            [f"{folder}/bin/uv", *command.split(), *sources, "-o", lock, *sys.argv[1:]],
            cwd=ROOT,
            env={**os.environ, "UV_CUSTOM_COMPILE_COMMAND": "make lock"},
            check=True,
        )
