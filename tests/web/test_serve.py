"""``lvze serve --demo``, started and ended as at a terminal."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_it_says_where_it_is_answers_there_and_ends_by_ctrl_c(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LVZE_")}
    said = tmp_path / "said"
    with said.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "web", "serve", "--demo"],
            cwd=ROOT,
            env={**kept, "LVZE_HOME": str(tmp_path / "home"), "LVZE_PORT": str(port)},
            stdout=stream,
            stderr=subprocess.STDOUT,
            # Tests that a shell runs in the background inherit that Ctrl+C is ignored; at a terminal it is not.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
    try:
        until = time.monotonic() + 120
        while "Ctrl+C" not in said.read_text():
            assert process.poll() is None and time.monotonic() < until, said.read_text()
            time.sleep(0.1)
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/noticeboard/")
        assert "叶青禾" in connection.getresponse().read().decode()
    finally:
        process.send_signal(signal.SIGINT)
        ended = process.wait(60)
    printed = said.read_text()
    assert ended == 0 and "Traceback" not in printed and " INFO " not in printed, printed
    assert f"打开 Open:  http://127.0.0.1:{port}\n结束 Stop:  Ctrl+C\n" in printed
    assert "fanchengzhi   范承志：" in printed
