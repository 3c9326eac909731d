"""Pictures of seals: a real one is uploaded and checked, the software draws none but demo seals.

A demo seal's centre reads 演示专用 in the place of any emblem: a drawn likeness of a real seal would be a forgery kit (刑法第二百八十条). A
Party seal below provincial level is 42 mm across and bears 镰刀锤头 where a state organ's has a star.
"""

from __future__ import annotations

import colorsys
import functools
import io
import math
from typing import Any

import resvg_py
from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.pens.transformPen import TransformPen
from fontTools.ttLib import TTCollection
from PIL import Image, UnidentifiedImageError

from engine.documents import fonts
from engine.documents.pictures import small_png
from engine.errors import Invalid

DIAMETER = 42.0  # mm; Party seals below provincial level
SMALLEST, LARGEST = 30.0, 60.0  # mm; what any seal of a Party unit measures
RESOLUTION = 300  # dpi, of what is stamped
RED = "#e60012"
MAX_UPLOAD, MIN_PIXELS, MAX_PIXELS = 4 * 1024 * 1024, 200, 4000


def pixels(diameter: float) -> int:
    return round(diameter / 25.4 * RESOLUTION)


def checked(picture: bytes, diameter: float = DIAMETER) -> bytes:
    """The picture, written anew: nothing of the file but its pixels is kept.

    :param picture: PNG with a transparent ground, as wide as high, the seal's edge at its own, in red
    :param diameter: of the seal in mm
    :raises Invalid: ``seal-picture``, ``seal-diameter``
    """
    if not SMALLEST <= diameter <= LARGEST:
        raise Invalid(
            "seal-diameter",
            f"印章直径应在 {SMALLEST:g} 至 {LARGEST:g} 毫米之间，省级以下党组织为 {DIAMETER:g} 毫米。",
            {"diameter": f"应在 {SMALLEST:g} 至 {LARGEST:g} 毫米之间。"},
        )
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
    _require_red_and_whole(image)
    image.thumbnail((pixels(diameter), pixels(diameter)))
    return small_png(image, colours=64)


def _require_red_and_whole(image: Image.Image) -> None:
    """Ink that is not red is a scan in black and white; a picture with a broad margin would be stamped too small."""
    small = image.resize((200, 200), Image.Resampling.BOX)
    box = small.getchannel("A").point(lambda alpha: 255 if alpha > 64 else 0).getbbox()
    if box is None:
        raise _bad_picture("图片是空白的")
    if min(box[2] - box[0], box[3] - box[1]) < 0.9 * 200:
        raise _bad_picture("印章四周的空白太宽，请裁剪到印章边缘，否则盖出来会比实际的小")
    hues = [
        colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
        for red, green, blue, alpha in zip(*[iter(small.tobytes())] * 4, strict=True)
        if alpha > 128
    ]
    red = sum(saturation > 0.4 and (hue < 0.06 or hue > 0.92) for hue, saturation, _ in hues)
    if red < 0.8 * len(hues):
        raise _bad_picture("印章应为红色，请用彩色扫描的图片")


def _bad_picture(why: str) -> Invalid:
    return Invalid("seal-picture", f"印章图片不能使用：{why}。", {"picture": f"{why}。"})


# ---- the demo seal


def draw_demo(name: str) -> bytes:
    """A demo seal as PNG, 300 dpi on a transparent ground: ring, name along the arc, 演示专用 in the middle."""
    drawn = resvg_py.svg_to_bytes(
        svg_string=demo_svg(name), width=pixels(DIAMETER), dpi=96, skip_system_fonts=True
    )
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
