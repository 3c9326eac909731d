"""A time stamp server on loopback that ``openssl ts`` answers for: an implementation that shares no code with ours."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509

from engine.documents.timestamps import Server
from engine.egress import AllowList

CONFIG = """
[ tsa ]
default_tsa = own
[ own ]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
certs = {folder}/ca.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


def openssl(*arguments: str | Path, data: bytes | None = None) -> bytes:
    return subprocess.run(
        ["openssl", *map(str, arguments)], input=data, capture_output=True, check=True, timeout=30
    ).stdout


@dataclass
class Stamping:
    """
    :ivar answer: another body in place of openssl's, for what a bad server sends
    :ivar requests: what was asked
    """

    folder: Path
    url: str = ""
    status: int = 200
    answer: bytes | None = None
    requests: list[bytes] = field(default_factory=list)

    @property
    def ca(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate((self.folder / "ca.pem").read_bytes())

    def server(self, *trusted: x509.Certificate) -> Server:
        host = self.url.removeprefix("http://").partition("/")[0]
        return Server(self.url, AllowList.parse(host), trusted or (self.ca,))

    def reply(self, query: bytes) -> bytes:
        (self.folder / "query.tsq").write_bytes(query)
        command = ("ts", "-reply", "-config", self.folder / "ts.cnf", "-queryfile", self.folder / "query.tsq")
        return openssl(*command, "-chain", self.folder / "ca.pem")


def authority(folder: Path, name: str = "时间戳测试服务器") -> None:
    """A root and a certificate for time stamps, made by openssl."""
    (folder / "serial").write_text("01")
    (folder / "ts.cnf").write_text(CONFIG.format(folder=folder))
    (folder / "ext.cnf").write_text("extendedKeyUsage=critical,timeStamping\nkeyUsage=digitalSignature\n")
    new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-utf8")
    ca, key = folder / "ca.pem", folder / "ca.key"
    openssl(*new, "-x509", "-days", "3650", "-subj", "/CN=时间戳测试根", "-keyout", key, "-out", ca)
    openssl(*new, "-subj", f"/CN={name}", "-keyout", folder / "tsa.key", "-out", folder / "tsa.csr")
    sign = ("x509", "-req", "-in", folder / "tsa.csr", "-CA", ca, "-CAkey", key, "-days", "3650")
    openssl(*sign, "-CAcreateserial", "-extfile", folder / "ext.cnf", "-out", folder / "tsa.pem")


@contextmanager
def stamping(folder: Path) -> Iterator[Stamping]:
    authority(folder)
    served = Stamping(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            served.requests.append(query)
            body = served.answer if served.answer is not None else served.reply(query)
            self.send_response(served.status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{listener.server_port}/tsa"
    thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield served
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()
