"""Pictures that travel inside signatures: one or two inks on a transparent ground, so a small palette is enough."""

from __future__ import annotations

import io

from PIL import Image


def small_png(image: Image.Image, *, colours: int = 16) -> bytes:
    """PNG of few colours with alpha; equal pictures give equal bytes."""
    out = io.BytesIO()
    few = image.convert("RGBA").quantize(colours, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(out, "PNG", optimize=True)
    return out.getvalue()
