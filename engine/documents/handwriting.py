"""A handwritten signature: the strokes of a pen, kept as they were drawn, and the picture made from them.

The pad is 600 wide and 200 high; a point is ``[x, y, t]`` with t in milliseconds. The picture is always drawn here, from the
strokes: a picture that comes from a browser could show anything.
"""

from __future__ import annotations

import functools
import io
import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import resvg_py
from PIL import Image, ImageDraw, ImageFont

from engine.documents import fonts
from engine.documents.pictures import small_png
from engine.errors import Invalid

WIDTH, HEIGHT = 600, 200
MAX_STROKES, MAX_POINTS = 200, 20_000
INK = "#101a5c"
# A signature line in points, which stretches whatever it shows; 36 pt of its height are for the ink.
SIZE = (130, 66)
PIXELS = 4  # a point: 288 dpi
INK_AREA = (SIZE[0] * PIXELS, 36 * PIXELS)


@dataclass(frozen=True)
class Handwriting:
    """What somebody wrote.

    :ivar strokes: lists of points ``[x, y]`` or ``[x, y, t]``
    :ivar png: the browser's own picture, if it sent one; never signed
    """

    strokes: Sequence[Sequence[Sequence[float]]]
    png: bytes | None = None

    def check(self) -> None:
        """:raises Invalid: ``handwriting``: not strokes, too many of them, or no more than a dot"""
        if not isinstance(self.strokes, (list, tuple)) or len(self.strokes) > MAX_STROKES:
            raise _invalid("手写签名的笔画过多或格式不符，请重写一次。")
        points = 0
        for stroke in self.strokes:
            if not isinstance(stroke, (list, tuple)) or not all(_is_point(point) for point in stroke):
                raise _invalid("手写签名没有传完整，请重写一次。")
            points += len(stroke)
        if points > MAX_POINTS:
            raise _invalid("手写签名的笔画过多，请重写一次。")
        length = sum(
            math.dist(a[:2], b[:2]) for stroke in self.strokes for a, b in itertools.pairwise(stroke)
        )
        if length < 0.3 * HEIGHT:
            raise _invalid("请在签名框内手写本人姓名。")

    @cached_property
    def svg(self) -> str:
        """The evidence that is kept: the ink alone, in the middle of a picture of ``INK_AREA``, and the strokes as they came, with
        the times of their points."""
        drawn = [stroke for stroke in self.strokes if stroke]
        xs = [point[0] for stroke in drawn for point in stroke]
        ys = [point[1] for stroke in drawn for point in stroke]
        width, height, margin = *INK_AREA, 8
        scale = min(
            (width - 2 * margin) / max(max(xs) - min(xs), 1),
            (height - 2 * margin) / max(max(ys) - min(ys), 1),
            3,
        )
        left = margin - scale * min(xs)
        top = (height - scale * (max(ys) + min(ys))) / 2
        lines = "".join(
            _path([(left + scale * p[0], top + scale * p[1]) for p in stroke]) for stroke in drawn
        )
        strokes = json.dumps(drawn, separators=(",", ":"))  # numbers alone: nothing to escape
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
            f"<metadata>{strokes}</metadata>"
            f'<path d="{lines}" fill="none" stroke="{INK}" stroke-width="5" stroke-linecap="round" stroke-linejoin="round"/></svg>'
        )

    def picture(self, post: str, on: date) -> bytes:
        """What the signature line shows, as PNG on a transparent ground: the ink, below it post and date, 12 pt each.

        The page was final before anybody signed; so who signed in which capacity and when can only stand here.

        :param post: of the signer, such as 副书记; empty where he signs as himself
        :param on: the local date of the act
        """
        whole = Image.new("RGBA", (SIZE[0] * PIXELS, SIZE[1] * PIXELS), (0, 0, 0, 0))
        ink = resvg_py.svg_to_bytes(svg_string=self.svg, skip_system_fonts=True)
        whole.paste(Image.open(io.BytesIO(bytes(ink))))
        pen, font = ImageDraw.Draw(whole), _font()
        day = f"{on.year}年{on.month}月{on.day}日"
        line = f"{post}　{day}".strip("　")
        for row, text in enumerate([line] if font.getlength(line) < INK_AREA[0] - 16 else [post, day]):
            pen.text((8, INK_AREA[1] + PIXELS * 15 * row), text, "black", font)
        return small_png(whole)


@functools.cache
def _font() -> ImageFont.FreeTypeFont:
    """仿宋."""
    return ImageFont.truetype(fonts.font_directory() / "fandol/FandolFang-Regular.otf", 12 * PIXELS)


def _is_point(point: object) -> bool:
    return (
        isinstance(point, (list, tuple))
        and len(point) in (2, 3)
        and all(isinstance(n, (int, float)) and not isinstance(n, bool) and math.isfinite(n) for n in point)
        and abs(point[0]) <= 2 * WIDTH
        and abs(point[1]) <= 2 * WIDTH
    )


def _path(points: Sequence[tuple[float, float]]) -> str:
    """Curves through the middles of the segments: the corners of sampled points vanish."""
    start = points[0]
    path = f"M{start[0]:.1f} {start[1]:.1f}"
    for (x, y), (next_x, next_y) in itertools.pairwise(points):
        path += f"Q{x:.1f} {y:.1f} {(x + next_x) / 2:.1f} {(y + next_y) / 2:.1f}"
    return path + f"L{points[-1][0]:.1f} {points[-1][1]:.1f}"


def _invalid(message: str) -> Invalid:
    return Invalid("handwriting", message, {"_signature": message})
