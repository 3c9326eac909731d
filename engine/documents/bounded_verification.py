"""A stranger's PDF is verified in a process of its own, within limits of time and memory.

A cross-reference of 4 KB unpacks to millions of entries, and each cost pyHanko 10 microseconds and 300 bytes before anybody can look
at their number. (What a .docx costs is bounded by ``package`` and ``verification`` themselves.)
"""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate, load_der_x509_certificate

from engine.documents import verification
from engine.documents.timestamps import TimeStamp
from engine.documents.verification import SignatureReport, Verification

MAX_MEMORY = 1024 * 1024 * 1024  # bytes of address space
TIMEOUT = 10.0  # seconds, of which one to start


def verify(
    content: bytes,
    *,
    trusted: Sequence[Certificate],
    revoked: Mapping[int, datetime],
    at: datetime,
    stampers: Sequence[Certificate],
) -> Verification:
    """As ``verification.verify``; a file that takes too long or too much is not valid."""
    head = {
        "trusted": [_der(one) for one in trusted],
        "revoked": {str(serial): moment.isoformat() for serial, moment in revoked.items()},
        "at": at.isoformat(),
        "stampers": [_der(one) for one in stampers],
    }
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LVZE_")}
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__],
            input=json.dumps(head).encode() + b"\n" + content,
            stdout=subprocess.PIPE,
            timeout=TIMEOUT,
            check=True,
            env=environment,
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        return Verification(False, [], ["PDF 过于复杂，验证超出了时间或内存的限制；请使用原始文件。"])
    return _read(json.loads(done.stdout))


def _der(certificate: Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


def _certificate(text: str) -> Certificate:
    return load_der_x509_certificate(base64.b64decode(text))


def _read(found: dict[str, Any]) -> Verification:
    for one in found["signatures"]:
        one["certificate"] = one["certificate"] and _certificate(one["certificate"])
        one["chain"] = tuple(map(_certificate, one["chain"]))
        one["signed_at"] = one["signed_at"] and datetime.fromisoformat(one["signed_at"])
        if (stamp := one["time_stamp"]) is not None:
            one["time_stamp"] = TimeStamp(**stamp | {"at": datetime.fromisoformat(stamp["at"])})
    found["signatures"] = [SignatureReport(**one) for one in found["signatures"]]
    return Verification(**found)


# ---- the process's side -------------------------------------------------------------------------------------------


def _written(found: Verification) -> bytes:
    return json.dumps(dataclasses.asdict(found), default=_plain).encode()


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else _der(value)  # type: ignore[arg-type]


def main() -> None:
    """Verify one file from standard input."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    head, content = json.loads(sys.stdin.buffer.readline()), sys.stdin.buffer.read()
    found = verification.verify(
        content,
        trusted=[_certificate(one) for one in head["trusted"]],
        revoked={int(serial): datetime.fromisoformat(at) for serial, at in head["revoked"].items()},
        at=datetime.fromisoformat(head["at"]),
        stampers=[_certificate(one) for one in head["stampers"]],
    )
    sys.stdout.buffer.write(_written(found))


if __name__ == "__main__":
    main()
