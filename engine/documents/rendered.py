"""What a document is once it is rendered: the PDF, and what stands where on its pages."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import NamedTuple

_LENGTH = struct.Struct(">Q")


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
