"""PDF from .docx, in processes of their own.

A page that some person's text makes slow, huge or fatal must hurt nobody else: each worker has limits on time, memory and
reach, and is killed and replaced when it breaks one. The server has many threads, so workers are started as programs
(``python -m engine.documents.pdf``), never forked; they import WeasyPrint once and then wait on their standard input.
"""

from __future__ import annotations

import os
import queue
import select
import struct
import subprocess
import sys
import threading
import time
from typing import BinaryIO

from engine.documents import fonts
from engine.documents.docx import to_html
from engine.documents.printer import printer
from engine.documents.rendered import Place, Rendered
from engine.errors import Invalid

__all__ = ["Place", "Rendered", "Renderer", "to_pdf"]

MAX_MEMORY = (
    1536 * 1024 * 1024
)  # bytes of address space a worker may take; WeasyPrint with fonts needs some 600 MB
MAX_HTML = 40 * 1024 * 1024
MAX_PDF = 60 * 1024 * 1024
MAX_SERVED = 500  # documents until a worker is replaced: libraries leak
START = (
    60.0  # seconds until a new worker must be ready: importing WeasyPrint and scanning fonts on a cold disk
)

_HEADER = struct.Struct(">BQ")  # kind of message, length of what follows
_OK, _INVALID, _FAILED = 0, 1, 2


def to_pdf(docx: bytes) -> Rendered:
    """The PDF of a .docx, in this process. Equal input gives equal bytes. Imports WeasyPrint at the first call.

    :raises Invalid: ``not-a-docx``, ``document-too-big``, ``bad-picture``
    """
    page = to_html(docx)
    if len(page) > MAX_HTML:
        raise Invalid("document-too-big", "文档过大，无法生成 PDF，请减少图片或内容。")
    return printer()(page)


class Renderer:
    """A pool of workers. Thread-safe; workers start when they are first needed.

    :param workers: how many documents are rendered at once
    :param memory: bytes of address space each worker may take
    """

    def __init__(self, workers: int = 1, *, memory: int = MAX_MEMORY) -> None:
        self._memory = memory
        self._idle: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(workers):
            self._idle.put(None)
        self._closed = threading.Event()

    def render(self, docx: bytes, *, timeout: float = 20) -> Rendered:
        """The PDF, and what stands where on it. Waits for a worker to be free.

        :param timeout: seconds that the rendering itself may take
        :raises Invalid: ``not-a-docx``, ``document-too-big``, ``bad-picture``; ``render-limit`` when it took too long or too much memory
        """
        worker = self._idle.get()
        try:
            if self._closed.is_set():
                raise RuntimeError("the renderer is closed")
            if worker is not None and not worker.fit():
                worker.kill()
                worker = None
            if worker is None:
                worker = _Worker(self._memory)
            return worker.render(docx, timeout)
        except _Broken as error:
            if worker is not None:
                worker.kill()
                worker = None
            raise Invalid(
                "render-limit",
                f"生成 PDF 超出限制（{error}），请减少文档内容或图片后再试。",
                reason=str(error),
            ) from None
        finally:
            self._idle.put(worker)

    def close(self) -> None:
        """Wait for what is being rendered, end all workers. The renderer can't be used afterwards."""
        self._closed.set()
        for _ in range(self._idle.qsize()):
            worker = self._idle.get()
            if worker is not None:
                worker.kill()
            self._idle.put(None)

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Broken(Exception):
    """The worker broke a limit or died."""


class _Worker:
    def __init__(self, memory: int) -> None:
        environment = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith("LVZE_") or key == "LVZE_FONTS"
        }
        environment["FONTCONFIG_FILE"] = os.environ.get("FONTCONFIG_FILE") or str(fonts.fontconfig_file())
        self._process = subprocess.Popen(
            [sys.executable, "-m", "engine.documents.pdf", str(memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C in a terminal is for the server, which then ends its workers
        )
        self._served = 0
        try:
            self._receive(time.monotonic() + START)
        except _Broken:
            self.kill()
            raise

    def fit(self) -> bool:
        """For another document."""
        return self._served < MAX_SERVED and self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def render(self, docx: bytes, timeout: float) -> Rendered:
        assert self._process.stdin is not None
        deadline = time.monotonic() + timeout
        self._served += 1
        try:
            # The worker reads all of its input before it writes, so this can't block for long.
            self._process.stdin.write(_HEADER.pack(_OK, len(docx)) + docx)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise _Broken("转换程序已退出") from None
        kind, content = self._receive(deadline)
        if kind == _OK:
            return Rendered.unpacked(content)
        if kind == _INVALID:
            code, _, message = content.decode().partition("\n")
            raise Invalid(code, message)
        raise _Broken(content.decode())

    def _receive(self, deadline: float) -> tuple[int, bytes]:
        kind, length = _HEADER.unpack(self._read(_HEADER.size, deadline))
        if length > MAX_PDF:
            raise _Broken("结果过大")
        return kind, self._read(length, deadline)

    def _read(self, length: int, deadline: float) -> bytes:
        assert self._process.stdout is not None
        handle, out = self._process.stdout.fileno(), bytearray()
        while len(out) < length:
            ready, _, _ = select.select([handle], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise _Broken("用时过长")
            piece = os.read(handle, min(1 << 20, length - len(out)))
            if not piece:
                raise _Broken("内存不足或转换程序异常退出")
            out += piece
        return bytes(out)


# ---- the worker's side --------------------------------------------------------------------------------------------


def main() -> None:
    """Serve documents from standard input until it ends."""
    import gc
    import resource
    import traceback

    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the answers
    printer()
    gc.collect()
    gc.freeze()  # what is there now stays: collecting garbage need not look at it after every document
    memory = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # nothing to write anywhere
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _answer(answers, _OK, b"")
    while header := requests.read(_HEADER.size):
        docx = requests.read(_HEADER.unpack(header)[1])
        try:
            _answer(answers, _OK, to_pdf(docx).packed())
        except Invalid as error:
            _answer(answers, _INVALID, f"{error.code}\n{error}".encode())
        except MemoryError:
            _answer(answers, _FAILED, "内存不足".encode())
        except RecursionError:
            _answer(answers, _FAILED, "嵌套过深".encode())
        except Exception:
            traceback.print_exc()  # for the administrator
            _answer(answers, _FAILED, "内容无法排版".encode())


def _answer(stream: BinaryIO, kind: int, content: bytes) -> None:
    stream.write(_HEADER.pack(kind, len(content)) + content)
    stream.flush()


if __name__ == "__main__":
    main()
