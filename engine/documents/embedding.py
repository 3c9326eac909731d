"""Fonts and pictures in PDFs: WeasyPrint, taught to embed the glyphs that a document shows and nothing else.

WeasyPrint keeps the places of all glyphs that it throws away, up to some ten thousand, and takes a glyph's place in the font for its
identifier (CID), which isn't so for rarer signs in the Fandol fonts: “–” would be printed as another sign. In fonts with CIDs, as
nearly all OpenType fonts for Chinese are, glyphs keep their CIDs when they move together; so they may.
"""

from __future__ import annotations

import array
import io
import zlib
from collections.abc import Sequence
from typing import Any

_LEVEL = 3  # of compression; glyphs hardly shrink further, but 9, pydyf's own, takes three times as long


def apply() -> None:
    _embed_glyphs()
    _embed_colours()


def _embed_glyphs() -> None:
    import pydyf
    from weasyprint.pdf import fonts
    from weasyprint.text.ffi import ffi, harfbuzz, harfbuzz_subset

    known: dict[tuple[str, int, int], Sequence[int] | None] = {}
    useless = sorted(harfbuzz.hb_tag_from_string(name, -1) for name in _USELESS)
    make, subset = fonts.Font.__init__, fonts.Font._harfbuzz_subset
    dictionary, whole = fonts._build_vector_font_dictionary, fonts.get_hb_object_data

    def view(face: Any) -> Any:
        """The font's file as it lies in memory: megabytes that need no copy for every document."""
        blob = harfbuzz.hb_face_reference_blob(face)
        length = ffi.new("unsigned int *")
        content = ffi.buffer(harfbuzz.hb_blob_get_data(blob, length), length[0])
        harfbuzz.hb_blob_destroy(blob)  # the face holds it
        return content

    def __init__(self: Any, *arguments: Any) -> None:
        fonts.get_hb_object_data = view
        try:
            make(self, *arguments)
        finally:
            fonts.get_hb_object_data = whole
        key = self.hash, self.index, self.glyph_count
        if key not in known:
            known[key] = _cids(self.file_content, self.index)
        self.cids = known[key]

    def _harfbuzz_subset(self: Any, to_unicode: Any, hinting: bool) -> None:
        if self.cids is None or self.missing:
            self.cids = None
            subset(self, to_unicode, hinting)
            return
        wanted = ffi.gc(
            harfbuzz_subset.hb_subset_input_create_or_fail(), harfbuzz_subset.hb_subset_input_destroy
        )
        glyphs = ffi.new("hb_codepoint_t[]", sorted(to_unicode))
        harfbuzz.hb_set_add_sorted_array(
            harfbuzz_subset.hb_subset_input_glyph_set(wanted), glyphs, len(glyphs)
        )
        harfbuzz_subset.hb_subset_input_set_flags(
            wanted,
            harfbuzz_subset.HB_SUBSET_FLAGS_DESUBROUTINIZE | harfbuzz_subset.HB_SUBSET_FLAGS_NO_HINTING,
        )
        dropped = ffi.new("hb_codepoint_t[]", useless)
        tables = harfbuzz_subset.hb_subset_input_set(wanted, harfbuzz_subset.HB_SUBSET_SETS_DROP_TABLE_TAG)
        harfbuzz.hb_set_add_sorted_array(tables, dropped, len(dropped))
        face = ffi.gc(harfbuzz_subset.hb_subset_or_fail(self.hb_face, wanted), harfbuzz.hb_face_destroy)
        # The outlines alone: inside an OpenType font, some readers take a CID for the place of a glyph.
        table = harfbuzz.hb_face_reference_table(face, harfbuzz.hb_tag_from_string(b"CFF ", -1))
        length = ffi.new("unsigned int *")
        self.file_content = ffi.unpack(
            ffi.cast("char *", harfbuzz.hb_blob_get_data(table, length)), length[0]
        )
        harfbuzz.hb_blob_destroy(table)

    def subset_or_copy(self: Any, to_unicode: Any, hinting: bool) -> None:
        self._harfbuzz_subset(to_unicode or {0: ""}, hinting)  # a font may be asked for, and draw nothing
        self.file_content = bytes(self.file_content)

    def _build_vector_font_dictionary(
        font_dictionary: Any, pdf: Any, font: Any, widths: Any, compress: bool, reference: bytes, version: Any
    ) -> None:
        cids = font.cids
        if cids is None:
            dictionary(font_dictionary, pdf, font, widths, compress, reference, version)
            return
        by_cid = {cids[glyph]: width for glyph, width in widths.items()}
        dictionary(font_dictionary, pdf, font, by_cid, compress, reference, version)
        pdf.objects[int(reference.split()[0])].extra["Subtype"] = "/CIDFontType0C"
        moved = {glyph: cids[glyph] for glyph in sorted(font.to_unicode) if cids[glyph] != glyph}
        if moved:
            system = pydyf.Dictionary({
                "Registry": pydyf.String("Adobe"), "Ordering": pydyf.String("Identity"), "Supplement": 0,
            })  # fmt: skip
            extra = pydyf.Dictionary({"Type": "/CMap", "CMapName": "/Glyphs", "CIDSystemInfo": system})
            encoding = pydyf.Stream(list(_cmap({g: cids[g] for g in font.to_unicode})), extra, compress)
            pdf.add_object(encoding)
            font_dictionary["Encoding"] = encoding.reference

    class _Zlib:
        """What pydyf uses of it."""

        compress = staticmethod(zlib.compress)

        @staticmethod
        def compressobj(level: int = _LEVEL) -> Any:
            return zlib.compressobj(min(level, _LEVEL))

    fonts.Font.__init__ = __init__
    fonts.Font.type = property(lambda self: "otf" if self.cids or self.file_content[:4] == b"OTTO" else "ttf")
    fonts.Font._harfbuzz_subset = _harfbuzz_subset
    fonts.Font.subset = subset_or_copy
    fonts._build_vector_font_dictionary = _build_vector_font_dictionary
    pydyf.zlib = _Zlib


def _embed_colours() -> None:
    """Write a picture of few colours as such, with its transparency beside it: WeasyPrint makes a photograph of it, which it compresses
    three times over."""
    import pydyf
    from weasyprint.images import RasterImage

    make, draw = RasterImage.__init__, RasterImage.get_x_object

    def __init__(
        self: Any,
        image: Any,
        identifier: str,
        content: Any,
        filename: Any = None,
        cache: Any = None,
        *more: Any,
        **named: Any,
    ) -> None:
        self.few = None
        if image.format != "PNG" or image.mode not in ("1", "L", "P") or image.getexif():
            make(self, image, identifier, content, filename, cache, *more, **named)
            return
        image.load()
        self.few, self.id, self.ratio = image, identifier, image.width / image.height
        self.width, self.height, self.mode, self.format = image.width, image.height, image.mode, "PNG"
        self._dpi = self._jpeg_quality = self.optimize = self.invert_colors = None

    def get_x_object(self: Any, interpolate: bool, ratio: float) -> Any:
        if self.few is None:
            return draw(self, interpolate, ratio)
        image = self.few if self.few.mode == "P" else self.few.convert("L")
        values, colours, mask = image.tobytes(), "/DeviceGray", _transparency(image)
        if image.mode == "P":
            palette = bytes(image.getpalette("RGB"))
            colours = pydyf.Array(["/Indexed", "/DeviceRGB", len(palette) // 3 - 1, f"<{palette.hex()}>"])

        def stream(pixels: bytes, space: Any, **more: Any) -> Any:
            extra = {
                "Type": "/XObject", "Subtype": "/Image", "Width": self.width, "Height": self.height,
                "ColorSpace": space, "BitsPerComponent": 8, "Interpolate": "false", **more,
            }  # fmt: skip
            return pydyf.Stream([pixels], pydyf.Dictionary(extra), compress=True)

        if mask is None:
            return stream(values, colours)
        return stream(values, colours, SMask=stream(values.translate(mask), "/DeviceGray"))

    RasterImage.__init__ = __init__
    RasterImage.get_x_object = get_x_object


def _transparency(image: Any) -> bytes | None:
    """The opacity of each of 256 values; None where all are opaque."""
    found = image.info.get("transparency")
    if found is None:
        return None
    if isinstance(found, int):
        return bytes(0 if value == found else 255 for value in range(256))
    return bytes(found).ljust(256, b"\xff")


# All that a subset need not be made of: the outlines are taken from it.
_USELESS = (
    b"BASE",
    b"DSIG",
    b"GDEF",
    b"GPOS",
    b"GSUB",
    b"JSTF",
    b"SVG ",
    b"VORG",
    b"name",
    b"post",
    b"vhea",
    b"vmtx",
)


def _cids(content: Any, index: int) -> Sequence[int] | None:
    """The CID of every glyph; None in a font without."""
    from fontTools.ttLib import TTFont

    if bytes(content[:4]) not in (b"OTTO", b"ttcf"):
        return None
    font = TTFont(io.BytesIO(content), fontNumber=index, lazy=True)
    if "CFF " not in font:
        return None
    top = font["CFF "].cff.topDictIndex[0]
    if not hasattr(top, "ROS"):
        return None
    return array.array("H", [0, *(int(name.removeprefix("cid")) for name in top.charset[1:])])


def _cmap(cids: dict[int, int]) -> Sequence[bytes]:
    """The lines of a CMap: glyph -> CID."""
    items = [f"<{glyph:04x}> {cid}".encode() for glyph, cid in sorted(cids.items())]
    out = [
        b"/CIDInit /ProcSet findresource begin", b"12 dict begin", b"begincmap",
        b"/CIDSystemInfo 3 dict dup begin", b"/Registry (Adobe) def", b"/Ordering (Identity) def", b"/Supplement 0 def",
        b"end def", b"/CMapName /Glyphs def", b"/CMapType 1 def",
        b"1 begincodespacerange", b"<0000> <ffff>", b"endcodespacerange",
    ]  # fmt: skip
    for at in range(0, len(items), 100):
        block = items[at : at + 100]
        out += [f"{len(block)} begincidchar".encode(), *block, b"endcidchar"]
    return [*out, b"endcmap", b"CMapName currentdict /CMap defineresource pop", b"end", b"end"]
