"""How a set-up step runs: one line on the terminal, its output in a log that is shown when it fails."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOG = ROOT / ".setup.log"


class SetupError(Exception):
    """Set-up cannot go on; the text says what to do."""


def run(
    what: str, *command: str | Path, attempts: int = 1, cwd: Path = ROOT, env: dict[str, str] | None = None
) -> None:
    """Run a command quietly.

    :param what: what it is for, shown while it runs; empty shows nothing
    :param attempts: how often to try: downloads fail now and then
    :raises SetupError: the last attempt failed; carries the end of its output
    """
    if what:
        print(f"· {what} …", flush=True)
    for attempt in range(1, attempts + 1):
        with LOG.open("ab") as log:
            log.write(f"\n$ {' '.join(map(str, command))}\n".encode())
            start = log.tell()
            log.flush()
            result = subprocess.run(
                [str(part) for part in command],
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        if result.returncode == 0:
            return
        if attempt < attempts:
            time.sleep(3 * attempt)
    with LOG.open("rb") as log:
        log.seek(start)
        tail = b"\n".join(log.read().splitlines()[-60:]).decode(errors="replace")
    raise SetupError(
        f"{what or command[0]}：命令失败（退出码 {result.returncode}）。全部输出见 {LOG.name}，末尾如下：\n{tail}"
    )
