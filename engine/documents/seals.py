"""Seals 印章: whose, since when, and every use of one (用印登记).

A unit's real seal is an uploaded picture. The software draws none but demo seals, whose centre reads 演示专用 in the place of any
emblem: a drawn likeness of a real seal would be a forgery kit (刑法第二百八十条).
"""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import resvg_py
from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.pens.transformPen import TransformPen
from fontTools.ttLib import TTCollection
from PIL import Image, UnidentifiedImageError
from sqlalchemy import ForeignKey, Index, String, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine import blobs
from engine.clock import local
from engine.database import Table, UtcDateTime
from engine.documents import fonts
from engine.documents.pictures import small_png
from engine.errors import Conflict, Invalid, NotAllowed, NotFound
from engine.organisation.people import Person
from engine.organisation.posts import Holding

# Who keeps and uses a unit's seal: the clerk in charge of it, and the heads who approve.
KEEPERS = ("书记", "副书记", "专职副书记", "党务干事")
DIAMETER = 42.0  # mm; Party seals below provincial level
PIXELS = round(DIAMETER / 25.4 * 300)
RED = "#e60012"
MAX_UPLOAD, MIN_PIXELS, MAX_PIXELS = 4 * 1024 * 1024, 200, 4000


class Seal(Table):
    """A unit's seal. One at a time is in use.

    :ivar demo: drawn by the software, reads 演示专用
    :ivar withdrawn_at: from then on it may not be used; what it sealed stays sealed
    """

    __tablename__ = "seal"
    __table_args__ = (
        Index(
            "uq_seal_in_use",
            "unit_id",
            unique=True,
            sqlite_where=text("withdrawn_at IS NULL"),
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    image_digest: Mapped[str] = mapped_column(ForeignKey("blob.digest"))
    demo: Mapped[bool]
    granted_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    granted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SealUse(Table):
    """A line of the register of uses 用印登记: which seal, on what, who had it put there, why."""

    __tablename__ = "seal_use"

    id: Mapped[int] = mapped_column(primary_key=True)
    seal_id: Mapped[int] = mapped_column(ForeignKey("seal.id"), index=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id"), index=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(String(200))
    used_at: Mapped[datetime] = mapped_column(UtcDateTime)


def grant_demo(session: Session, *, unit_id: int, name: str, by: int | None = None, at: datetime) -> Seal:
    """Draw a demo seal with the unit's name and put it into use, in the place of the former one."""
    return _put_into_use(session, unit_id, draw_demo(name), demo=True, by=by, at=at)


def upload(session: Session, *, unit_id: int, picture: bytes, by: int | None, at: datetime) -> Seal:
    """Put the unit's real seal into use, in the place of the former one.

    :param picture: PNG with a transparent ground, as wide as high, 200 to 4,000 pixels
    :raises Invalid: ``seal-picture``
    """
    return _put_into_use(session, unit_id, _checked(picture), demo=False, by=by, at=at)


def withdraw(session: Session, unit_id: int, *, at: datetime) -> Seal:
    """:raises NotFound: the unit has none in use"""
    seal = of_unit(session, unit_id)
    if seal is None:
        raise NotFound("no-seal", "该党组织没有在用的印章。")
    seal.withdrawn_at = at
    session.flush()
    return seal


def of_unit(session: Session, unit_id: int) -> Seal | None:
    """The seal in use."""
    return session.scalar(select(Seal).where(Seal.unit_id == unit_id, Seal.withdrawn_at.is_(None)))


def in_use(session: Session) -> list[Seal]:
    return list(session.scalars(select(Seal).where(Seal.withdrawn_at.is_(None))))


def picture(session: Session, unit_id: int) -> bytes:
    """PNG of the seal in use.

    :raises NotFound: the unit has none
    """
    seal = of_unit(session, unit_id)
    if seal is None:
        raise NotFound("no-seal", "该党组织没有在用的印章。")
    return blobs.get(session, seal.image_digest)


@dataclass(frozen=True, slots=True)
class SealUseLine:
    """A line of the 用印登记 as it is read.

    :ivar approved_by: who had the seal put there
    """

    use: SealUse
    unit_id: int
    demo: bool
    title: str
    approved_by: str | None


def latest_uses(session: Session, *, limit: int) -> list[SealUseLine]:
    """The latest lines of the 用印登记, newest first."""
    from engine.documents.register import Document

    query = (
        select(SealUse, Seal.unit_id, Seal.demo, Document.title, Person.name)
        .join(Seal, Seal.id == SealUse.seal_id)
        .join(Document, Document.id == SealUse.document_id)
        .outerjoin(Person, Person.id == SealUse.person_id)
        .order_by(SealUse.id.desc())
        .limit(limit)
    )
    return [SealUseLine(*row) for row in session.execute(query)]


def owners(session: Session, unit_ids: Collection[int], *, at: datetime) -> set[int]:
    """Those of the units that had a seal in use at that moment."""
    held = select(Seal.unit_id).where(
        Seal.unit_id.in_(unit_ids),
        Seal.granted_at <= at,
        Seal.withdrawn_at.is_(None) | (Seal.withdrawn_at > at),
    )
    return set(session.scalars(held))


def require_keeper(session: Session, *, unit_id: int, person_id: int, at: datetime) -> None:
    """:raises NotAllowed: ``not-the-seal-keeper``: holds none of the unit's posts that may seal"""
    held = select(Holding.id).where(
        Holding.unit_id == unit_id,
        Holding.person_id == person_id,
        Holding.post.in_(KEEPERS),
        Holding.on(local(at).date()),
    )
    if session.scalar(held.limit(1)) is None:
        raise NotAllowed("not-the-seal-keeper", f"只有该党组织的{'、'.join(KEEPERS)}可以用印。")


def uses(session: Session, unit_id: int) -> list[SealUse]:
    """The unit's 用印登记, latest first."""
    found = select(SealUse).join(Seal, Seal.id == SealUse.seal_id).where(Seal.unit_id == unit_id)
    return list(session.scalars(found.order_by(SealUse.id.desc())))


def _put_into_use(
    session: Session, unit_id: int, picture: bytes, *, demo: bool, by: int | None, at: datetime
) -> Seal:
    former = of_unit(session, unit_id)
    if former is not None:
        if demo and not former.demo:
            raise Conflict("real-seal-in-use", "该党组织已上传正式印章，不能再使用演示印章。")
        former.withdrawn_at = at
        session.flush()
    digest = blobs.put(session, picture, "image/png", at)
    seal = Seal(unit_id=unit_id, image_digest=digest, demo=demo, granted_by_id=by, granted_at=at)
    session.add(seal)
    session.flush()
    return seal


def _checked(picture: bytes) -> bytes:
    """The picture, written anew: nothing of the file but its pixels is kept."""
    if len(picture) > MAX_UPLOAD or not picture.startswith(b"\x89PNG\r\n\x1a\n"):
        raise _bad_picture("请上传不超过 4 MB 的 PNG 图片")
    try:
        opened = Image.open(io.BytesIO(picture), formats=["PNG"])
        width, height = opened.size
        if min(width, height) < MIN_PIXELS or max(width, height) > MAX_PIXELS:
            raise _bad_picture(f"边长应在 {MIN_PIXELS} 至 {MAX_PIXELS} 像素之间，现为 {width}×{height}")
        if max(width, height) > 1.1 * min(width, height):
            raise _bad_picture(f"应裁剪为正方形，现为 {width}×{height}")
        image = opened.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _bad_picture("图片不完整，无法读取") from error
    if min(image.getchannel("A").tobytes()) > 32:
        raise _bad_picture("背景应透明，否则会盖住文字")
    image.thumbnail((PIXELS, PIXELS))
    return small_png(image, colours=64)


def _bad_picture(why: str) -> Invalid:
    return Invalid("seal-picture", f"印章图片不能使用：{why}。", {"picture": f"{why}。"})


# ---- the demo seal


def draw_demo(name: str) -> bytes:
    """A demo seal as PNG, 300 dpi on a transparent ground: ring, name along the arc, 演示专用 in the middle."""
    drawn = resvg_py.svg_to_bytes(svg_string=demo_svg(name), width=PIXELS, dpi=96, skip_system_fonts=True)
    return small_png(Image.open(io.BytesIO(bytes(drawn))))


def demo_svg(name: str) -> str:
    """The same as SVG in glyph outlines, 42 mm across; it needs no font where it is shown.

    :raises Invalid: ``seal-name``: no name, or one too long to be read on a seal
    """
    if not 2 <= len(name) <= 40:
        raise Invalid("seal-name", "印章上的名称应为 2 至 40 个字。")
    radius, border = DIAMETER / 2, 1.2
    # The letters share an arc of at most 280 degrees: a long name gets lower and narrower ones.
    height = max(min(0.15 * DIAMETER, 60 / len(name)), 3.2)
    foot = (
        radius - border - 1.2 - height
    )  # the circle that the letters stand on, their feet towards the centre
    step = min(1.0 * height / foot, math.radians(280) / len(name))
    width = min(0.8 * height, 0.95 * step * foot)
    outlines = []
    for number, letter in enumerate(name):
        angle = (number - (len(name) - 1) / 2) * step
        x, y = radius + foot * math.sin(angle), radius - foot * math.cos(angle)
        outlines.append(_outline(letter, width, height, angle, x, y))
    for number, letter in enumerate("演示专用"):
        outlines.append(_outline(letter, 4.8, 5.6, 0, radius + (number - 1.5) * 5, radius + 2.8))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{DIAMETER:g}mm" height="{DIAMETER:g}mm"'
        f' viewBox="0 0 {DIAMETER:g} {DIAMETER:g}"><circle cx="{radius:g}" cy="{radius:g}" r="{radius - border / 2:g}"'
        f' fill="none" stroke="{RED}" stroke-width="{border:g}"/><path fill="{RED}" d="{"".join(outlines)}"/></svg>'
    )


def _outline(letter: str, width: float, height: float, angle: float, x: float, y: float) -> str:
    """A glyph's em square as ``width`` x ``height`` mm, its foot in the middle at (x, y), turned clockwise by ``angle``."""
    glyphs, characters, em, descent = _font()
    if ord(letter) not in characters:
        return ""
    wide, high = width / em, height / em
    sine, cosine = math.sin(angle), math.cos(angle)
    pen = SVGPathPen(glyphs, ntos=lambda number: f"{number:.2f}")
    right, up = -em / 2 * wide, descent * high
    matrix = (
        *(cosine * wide, sine * wide, sine * high, -cosine * high),
        *(x + cosine * right + sine * up, y + sine * right - cosine * up),
    )
    glyphs[characters[ord(letter)]].draw(TransformPen(pen, matrix))
    return str(pen.getCommands())


@functools.cache
def _font() -> tuple[Any, dict[int, str], int, int]:
    """Glyphs, characters, units an em, and the part of an em that lies below the line."""
    collection = TTCollection(fonts.font_directory() / "noto/NotoSerifCJK-Bold.ttc", lazy=True)
    font = next(f for f in collection.fonts if "SC" in str(f["name"].getDebugName(4)))
    return font.getGlyphSet(), font.getBestCmap(), font["head"].unitsPerEm, -font["OS/2"].sTypoDescender
