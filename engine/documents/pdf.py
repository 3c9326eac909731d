"""PDF from .docx, in processes of their own.

A page that some person's text makes slow, huge or fatal must hurt nobody else: each worker has limits on time, memory and
reach, and is killed and replaced when it breaks one. The server has many threads, so workers are started as programs
(``python -m engine.documents.pdf``), never forked; they import WeasyPrint once and then wait on their standard input.
"""

from __future__ import annotations

import json
import os
import queue
import re
import select
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

from engine.documents import fonts
from engine.documents.docx import KEY, to_html
from engine.errors import Invalid

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
_LENGTH = struct.Struct(">Q")
_OK, _INVALID, _FAILED = 0, 1, 2


class Place(NamedTuple):
    """Where something stands: millimetres from the page's upper left corner.

    :ivar key: ``p<N>`` the N-th paragraph (``w:p``) of word/document.xml, from 0, one place a line; ``t<N>`` the N-th table, one
        a page; ``line:{GUID}`` a signature line or the place of a seal, signed or not
    :ivar page: from 1
    """

    key: str
    page: int
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Rendered:
    """A document as it is printed.

    :ivar pages: how many
    """

    pdf: bytes
    pages: int
    places: tuple[Place, ...]

    def packed(self) -> bytes:
        head = json.dumps([self.pages, self.places]).encode()
        return _LENGTH.pack(len(head)) + head + self.pdf

    @classmethod
    def unpacked(cls, content: bytes) -> Rendered:
        start = _LENGTH.size + _LENGTH.unpack_from(content)[0]
        pages, places = json.loads(content[_LENGTH.size : start])
        return cls(content[start:], pages, tuple(Place(*place) for place in places))


def to_pdf(docx: bytes) -> Rendered:
    """The PDF of a .docx, in this process. Equal input gives equal bytes. Imports WeasyPrint at the first call.

    :raises Invalid: ``not-a-docx``, ``document-too-big``, ``bad-picture``
    """
    page = to_html(docx)
    if len(page) > MAX_HTML:
        raise Invalid("document-too-big", "文档过大，无法生成 PDF，请减少图片或内容。")
    return _printer()(page)


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
    import resource

    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the answers
    _printer()
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
        except Exception as error:
            _answer(answers, _FAILED, f"{type(error).__name__}: {error}"[:300].encode())


def _answer(stream: BinaryIO, kind: int, content: bytes) -> None:
    stream.write(_HEADER.pack(kind, len(content)) + content)
    stream.flush()


_lock = threading.Lock()
_ready: list[Callable[[str], Rendered]] = []


def _printer() -> Callable[[str], Rendered]:
    """HTML -> PDF. WeasyPrint is imported late: it takes most of a second, and only workers need it."""
    with _lock:
        if not _ready:
            _ready.append(_make_printer())
    return _ready[0]


def _make_printer() -> Callable[[str], Rendered]:
    fonts.use()
    import logging

    import weasyprint
    from weasyprint.text.fonts import FontConfiguration
    from weasyprint.urls import URLFetcher

    class DataOnly(URLFetcher):  # type: ignore[misc]
        """No files and no network: pictures come as ``data:``."""

        def __init__(self) -> None:
            super().__init__(allowed_protocols=("data",), allow_redirects=False)

        def fetch(self, url: str, headers: Any = None) -> Any:
            if not url.startswith("data:"):
                raise ValueError("only data: is allowed")
            return super().fetch(url, headers)

    class Failures(logging.Handler):
        """WeasyPrint leaves out a picture that it can't read and only logs it; an official document must not."""

        def __init__(self) -> None:
            super().__init__(logging.ERROR)
            self.pictures = 0

        def emit(self, record: logging.LogRecord) -> None:
            self.pictures += "load image" in str(record.msg)

    failures, logger = Failures(), logging.getLogger("weasyprint")
    logger.addHandler(failures)
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    _justify_chinese()
    _keep_pitch()
    fetcher, configuration = DataOnly(), FontConfiguration()

    def render(page: str) -> Rendered:
        failures.pictures = 0
        document = weasyprint.HTML(string=page, url_fetcher=fetcher).render(font_config=configuration)
        if failures.pictures:
            raise Invalid("bad-picture", "文档中有图片无法读取或过大，请换用较小的 PNG 或 JPEG 图片。")
        pdf: bytes = document.write_pdf(pdf_identifier=b"lvze")
        return Rendered(pdf, len(document.pages), tuple(_places(document)))

    # The first page loads the fonts and their coverage; better now than while somebody waits.
    names = "".join(f"<p style=\"font-family:'{style.names[0]}'\">公文2026</p>" for style in fonts.STYLES)
    render(f"<html lang=zh-CN>{names}")
    return render


_MM = 25.4 / 96  # millimetres of a CSS pixel


def _places(document: Any) -> Iterator[Place]:
    """From the box tree of WeasyPrint: a line of text a place; the whole box of what has no lines."""
    from weasyprint.formatting_structure import boxes

    def walk(box: Any, number: int, above: str) -> Iterator[Place]:
        key = (
            box.element.get(KEY, "") if box.element is not None and not isinstance(box, boxes.TextBox) else ""
        )
        children = getattr(box, "children", ())
        if key and key != above:
            lines = [child for child in children if isinstance(child, boxes.LineBox)] or [box]
            for line in lines:
                # a line's box is as wide as its column
                yield Place(
                    key,
                    number,
                    round(line.position_x * _MM, 3),
                    round(line.position_y * _MM, 3),
                    round(line.margin_width() * _MM, 3),
                    round(line.margin_height() * _MM, 3),
                )
        for child in children:
            yield from walk(child, number, key or above)

    for number, page in enumerate(document.pages, 1):
        yield from walk(page._page_box, number, "")


_HAN = re.compile("[\u2014\u2018-\u201d\u2026\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")
_NO_WIDTH = "\u200b"


def _justify_chinese() -> None:
    """Justify between characters: WeasyPrint stretches spaces only, of which a Chinese line has none."""
    from weasyprint.formatting_structure import boxes
    from weasyprint.layout import inline
    from weasyprint.text.line_break import create_layout

    original = inline.justify_line

    def text_of(box: Any) -> str:
        if isinstance(box, boxes.TextBox):
            return str(box.text)
        if isinstance(box, (boxes.LineBox, boxes.InlineBox)):
            return "".join(text_of(child) for child in box.children)
        return ""

    def stretch(context: Any, box: Any, extra: float, moved: float) -> float:
        """Widen every character by ``extra``; returns how far what follows moves."""
        if isinstance(box, boxes.TextBox):
            box.position_x += moved
            count = len(box.text.replace(_NO_WIDTH, ""))
            if count:
                style = box.style.copy()
                spacing = style["letter_spacing"]
                style["letter_spacing"] = (0 if spacing == "normal" else spacing) + extra
                box.style = style
                layout = create_layout(box.text, style, context, None, 0)
                layout.deactivate()
                box.pango_layout = layout
                box.width += extra * count
                moved += extra * count
        elif isinstance(box, (boxes.LineBox, boxes.InlineBox)):
            box.position_x += moved
            before = moved
            for child in box.children:
                if child.is_in_normal_flow():
                    moved = stretch(context, child, extra, moved)
            box.width += moved - before
        else:
            box.translate(moved, 0)
        return moved

    def justify_line(context: Any, line: Any, extra: float) -> None:
        text = text_of(line)
        count = len(text.replace(_NO_WIDTH, "").rstrip())
        if not _HAN.search(text):
            original(context, line, extra)
        elif count > 1:
            stretch(context, line, extra / count, 0)

    inline.justify_line = justify_line


def _keep_pitch() -> None:
    """Let a character from another font (《, a rare name) stand on its line without pushing the lines apart: WeasyPrint takes a
    line's baseline from the highest font in it, CSS 2 (10.8) and 22 lines a page from the font that is asked for."""
    from weasyprint.layout import inline

    original = inline.split_text_box

    def split_text_box(*arguments: Any, **more: Any) -> Any:
        result = original(*arguments, **more)
        box = result[0]
        if box is not None and box.style["line_height"] != "normal":
            height, baseline = inline.strut(box.style)
            box.margin_top += baseline - box.baseline
            box.margin_bottom = height - box.height - box.margin_top
            box.baseline = baseline
        return result

    inline.split_text_box = split_text_box


if __name__ == "__main__":
    main()
