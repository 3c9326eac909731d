"""A .docx looked over: what deviates from the standard, on pictures of its pages. Nothing of the file is kept."""

from __future__ import annotations

from dataclasses import dataclass

from engine.documents import pages, standard
from engine.documents.pdf import Place, Rendered, Renderer
from engine.documents.standard import Deviation, Profile
from engine.errors import Invalid

MOST_PAGES = 20  # of which pictures are made
DPI = 96
_MILLIMETRE = DPI / 25.4  # pixels


@dataclass(frozen=True, slots=True)
class Mark:
    """Where on a page deviations are: percent of its width and height.

    :ivar numbers: of the deviations, from 1, one behind the other
    """

    numbers: tuple[int, ...]
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Page:
    """:ivar picture: PNG
    :ivar width: pixels"""

    number: int
    picture: bytes
    width: int
    height: int
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Inspection:
    """:ivar page_count: 0 where the file could not be printed
    :ivar pages: the first ones, and those after them that have marks
    :ivar unprinted: why it could not, or empty"""

    profile: Profile
    deviations: tuple[Deviation, ...]
    page_count: int
    pages: tuple[Page, ...]
    unprinted: str


def inspect(renderer: Renderer, docx: bytes, profile: str | None = None) -> Inspection:
    """:raises Invalid: ``not-a-docx``, ``package-too-big``, ``no-profile``"""
    measured_by = standard.profile_of(docx, profile)
    try:
        layout = renderer.render(docx)
    except Invalid as error:  # what cannot be printed is measured as far as the file itself tells
        return Inspection(measured_by, tuple(standard.check(docx, measured_by)), 0, (), str(error))
    found = tuple(sorted(standard.check(docx, measured_by, layout), key=_reading))
    return Inspection(measured_by, found, layout.pages, _pages(layout, found), "")


def _reading(one: Deviation) -> tuple[int, int]:
    """What is about the whole file first, then as one reads: the deviations of a paragraph stand together."""
    return one.page or 0, -1 if one.paragraph is None else one.paragraph


def _pages(layout: Rendered, found: tuple[Deviation, ...]) -> tuple[Page, ...]:
    marked = {one.page for one in found if one.page}
    wanted = sorted(range(1, layout.pages + 1), key=lambda number: (number not in marked, number))[
        :MOST_PAGES
    ]
    out = []
    for number in sorted(wanted):
        picture = pages.page_picture(layout.pdf, number, DPI)
        width, height = (int.from_bytes(picture[at : at + 4]) for at in (16, 20))  # PNG: of its first chunk
        out.append(Page(number, picture, width, height, _marks(layout, found, number, width, height)))
    return tuple(out)


def _marks(
    layout: Rendered, found: tuple[Deviation, ...], page: int, width: int, height: int
) -> tuple[Mark, ...]:
    """Deviations of one paragraph share a mark."""
    numbers: dict[int, list[int]] = {}
    for number, one in enumerate(found, 1):
        if one.page == page and one.paragraph is not None:
            numbers.setdefault(one.paragraph, []).append(number)
    out = []
    for paragraph, which in numbers.items():
        lines = [place for place in layout.places if place.key == f"p{paragraph}" and place.page == page]
        if lines:
            left, top = min(line.left for line in lines), min(line.top for line in lines)
            right, bottom = (max(_end(line)[at] for line in lines) for at in (0, 1))
            across, down = 100 * _MILLIMETRE / width, 100 * _MILLIMETRE / height
            out.append(
                Mark(tuple(which), left * across, top * down, (right - left) * across, (bottom - top) * down)
            )
    return tuple(out)


def _end(place: Place) -> tuple[float, float]:
    return place.left + place.width, place.top + place.height
