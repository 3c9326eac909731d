"""What a document looks like now: the PDF of the package as it stands, and pictures of its pages.

Rendering costs tens of milliseconds and the same bytes always give the same pages, so this process remembers the latest ones.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar, cast

from engine.blobs import digest_of
from engine.documents import pages
from engine.documents.pdf import Rendered, Renderer

_Made = TypeVar("_Made", Rendered, bytes)


class Previews:
    """:param size: bytes of PDFs and pictures that are remembered"""

    def __init__(self, renderer: Renderer, size: int = 64_000_000) -> None:
        self._renderer = renderer
        self._size = size
        self._made: OrderedDict[tuple[str, int], Rendered | bytes] = OrderedDict()
        self._lock = threading.Lock()

    def rendered(self, docx: bytes) -> Rendered:
        """:raises Invalid: the document is beyond the renderer's limits"""
        return self._remembered((digest_of(docx), 0), lambda: self._renderer.render(docx))

    def pdf(self, docx: bytes) -> bytes:
        return self.rendered(docx).pdf

    def page(self, docx: bytes, number: int) -> bytes:
        """A page as PNG, from 1.

        :raises NotFound: no such page
        """
        return self._remembered((digest_of(docx), number), lambda: pages.page_picture(self.pdf(docx), number))

    def page_count(self, docx: bytes) -> int:
        return self.rendered(docx).pages

    def _remembered(self, key: tuple[str, int], make: Callable[[], _Made]) -> _Made:
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return cast(_Made, self._made[key])
        made = make()
        with self._lock:
            self._made[key] = made
            while sum(map(_size, self._made.values())) > self._size and len(self._made) > 1:
                self._made.popitem(last=False)
        return made


def _size(made: Rendered | bytes) -> int:
    return len(made if isinstance(made, bytes) else made.pdf)
