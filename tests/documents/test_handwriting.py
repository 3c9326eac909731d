"""What a signature line shows: the ink, and below it the signer's post and the day."""

from __future__ import annotations

import io
import json
from datetime import date

import pytest
from lxml import etree
from PIL import Image

from engine.documents import handwriting
from tests.documents import signers

DAY = date(2026, 3, 5)


def inks(picture: bytes) -> tuple[Image.Image, Image.Image]:
    """The blue and the black of a picture, as masks."""
    image = Image.open(io.BytesIO(picture)).convert("RGBA")
    pixels = list(zip(*(image.getchannel(band).tobytes() for band in "RGBA"), strict=True))
    masks = []
    for wanted in (lambda r, b: b > r + 40, lambda r, b: b < 60 and r < 60):
        mask = Image.new("L", image.size)
        mask.putdata([255 * (a > 128 and wanted(r, b)) for r, _, b, a in pixels])
        masks.append(mask)
    return masks[0], masks[1]


def words(post: str, on: date = DAY) -> tuple[int, int, int, int]:
    """Where the words stand in the picture, in pixels: left, top, right, bottom."""
    box = inks(signers.handwriting().picture(post, on))[1].getbbox()
    assert box
    return box


def test_ink_above_and_words_below() -> None:
    picture = signers.handwriting().picture("书记", DAY)
    ink, text = inks(picture)
    assert ink.size == (520, 264)
    top, bottom = ink.getbbox(), text.getbbox()
    assert top and bottom and top[3] <= handwriting.INK_AREA[1] <= bottom[1]
    assert len(picture) < 20_000


def test_the_day_is_told_without_zeros_and_the_post_before_it() -> None:
    font = handwriting._font()
    for post, on, text in (
        ("", DAY, "2026年3月5日"),
        ("", date(2026, 12, 31), "2026年12月31日"),
        ("副书记", DAY, "副书记　2026年3月5日"),
    ):
        left, _, right, _ = words(post, on)
        assert font.getlength(text) - 24 < right - left <= font.getlength(text)  # a zero would take 24


def test_a_long_post_has_a_line_of_its_own() -> None:
    short, long = words("书记"), words("主持工作的专职副书记")
    assert long[2] < 520 and long[3] - short[3] == pytest.approx(15 * handwriting.PIXELS, abs=4)


def test_equal_strokes_give_equal_bytes() -> None:
    one, two = (signers.handwriting(7).picture("书记", DAY) for _ in range(2))
    assert one == two != signers.handwriting(7).picture("书记", date(2026, 3, 6))


def test_the_evidence_keeps_the_strokes_and_their_times() -> None:
    strokes = [[[60, 100, 0], [180.5, 40, 16], [300, 150, 33]], [[310, 90, 420], [420, 95, 437]]]
    svg = handwriting.Handwriting(strokes).svg
    kept = etree.fromstring(svg).findtext("{*}metadata")
    assert kept is not None and json.loads(kept) == strokes
