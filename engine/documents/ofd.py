"""OFD (GB/T 33190-2016) of a finished PDF: the same pages as text that can be searched, lines and pictures, with the fonts in the file.

It is a copy for readers of that format. No certified seal is on it (GB/T 38540), and the file says so itself. Positions and glyphs are
the PDF's; OFD counts in millimetres from a page's upper left corner.
"""

from __future__ import annotations

import ctypes
import hashlib
import io
import itertools
import math
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium
from fontTools.fontBuilder import FontBuilder
from fontTools.ttLib import TTFont, TTLibError, newTable
from fontTools.ttLib.tables.DefaultTable import DefaultTable
from lxml import etree

from engine.documents.pages import MAX_PAGES, opened
from engine.documents.pictures import small_png
from engine.errors import Invalid

LABEL = "OFD 版式文件，未加盖经认证的电子印章"
NAMESPACE = "http://www.ofdspec.org/2016"
_MM = 25.4 / 72
_NESTED = 6
_EMBEDDED = ("/FontFile2", "/FontFile3")


def to_ofd(pdf: bytes, *, title: str = "", at: datetime | None = None) -> bytes:
    """The pages of a PDF as OFD; equal input gives equal bytes.

    :param at: when it was made
    :raises Invalid: ``not-a-pdf``, ``document-too-big``
    """
    return _Writer(pdf, title, at).write()


class _Writer:
    def __init__(self, pdf: bytes, title: str, at: datetime | None) -> None:
        self._pdf, self._title, self._at = pdf, title, at
        self._last = 0
        self._files: dict[str, bytes] = {}
        self._fonts: dict[str, tuple[int, etree._Element]] = {}
        self._pictures: dict[str, tuple[int, etree._Element]] = {}

    def write(self) -> bytes:
        programs = _fonts(self._pdf)
        with opened(self._pdf) as document:
            if len(document) > MAX_PAGES:
                raise Invalid("document-too-big", f"文件有 {len(document)} 页，最多转换 {MAX_PAGES} 页。")
            pages = [self._page(page, number, programs) for number, page in enumerate(document)]
            first = document[0].get_size()
        fonts = _node("Fonts", *(node for _, node in self._fonts.values()))
        pictures = _node("MultiMedias", *(node for _, node in self._pictures.values()))
        self._put("Doc_0/PublicRes.xml", _node("Res", fonts, pictures, BaseLoc="Res"))
        shared = _node(
            "CommonData",
            _node("MaxUnitID", text=str(self._last)),
            _node("PageArea", _node("PhysicalBox", text=_numbers(0, 0, first[0] * _MM, first[1] * _MM))),
            _node("PublicRes", text="PublicRes.xml"),
        )
        self._put("Doc_0/Document.xml", _node("Document", shared, _node("Pages", *pages)))
        about = [
            _node("DocID", text=hashlib.sha256(self._pdf).hexdigest()[:32]),
            *([_node("Title", text=self._title)] if self._title else []),
            *([_node("CreationDate", text=f"{self._at:%Y-%m-%d}")] if self._at else []),
            _node("Creator", text="lvze"),
            _node("CustomDatas", _node("CustomData", Name="说明", text=LABEL)),
        ]
        body = _node("DocBody", _node("DocInfo", *about), _node("DocRoot", text="Doc_0/Document.xml"))
        self._put("OFD.xml", _node("OFD", body, DocType="OFD", Version="1.1"))
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in sorted(self._files, key=lambda name: (name != "OFD.xml", name)):
                entry = zipfile.ZipInfo(name)
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, self._files[name])
        return stream.getvalue()

    def _page(self, page: pypdfium2.PdfPage, number: int, programs: Mapping[str, bytes]) -> etree._Element:
        width, height = page.get_size()
        box = _numbers(0, 0, width * _MM, height * _MM)
        layer = _node("Layer", ID=self._id())
        written = _characters(page)
        for found in page.get_objects(max_depth=_NESTED):
            if found.type == pdfium.FPDF_PAGEOBJ_TEXT:
                layer.extend(self._text(written.get(_address(found.raw), []), height, programs))
            elif found.type == pdfium.FPDF_PAGEOBJ_PATH:
                layer.extend(self._path(found, box, height))
            elif found.type == pdfium.FPDF_PAGEOBJ_IMAGE:
                layer.append(self._picture(found, height))
        content = _node("Page", _node("Area", _node("PhysicalBox", text=box)), _node("Content", layer))
        name = f"Pages/Page_{number}/Content.xml"
        self._put(f"Doc_0/{name}", content)
        return _node("Page", ID=self._id(), BaseLoc=name)

    def _text(
        self, characters: Sequence[_Character], height: float, programs: Mapping[str, bytes]
    ) -> Iterator[etree._Element]:
        for run in _runs(characters):
            first = run[0]
            size, turned = first.size * _MM, first.turned
            steps = [after.x - before.x for before, after in itertools.pairwise(run)]
            x, y = first.x * _MM, (height - first.y) * _MM
            attributes = {"CTM": _numbers(*turned, 0, 0)} if turned else {}
            advances = {"DeltaX": _numbers(*(step * _MM for step in steps))} if steps else {}
            words = "".join(one.text for one in run)
            yield _node(
                "TextObject",
                _node("FillColor", Value=_numbers(*first.colour)),
                _node("TextCode", X="0", Y=_numbers(size), text=words, **advances),
                ID=self._id(),
                Boundary=_numbers(x, y - size, sum(steps) * _MM + size * 1.2, size * 1.4),
                Font=self._font(first.font, programs),
                Size=_numbers(size),
                **attributes,
            )

    def _font(self, name: str, programs: Mapping[str, bytes]) -> str:
        if name not in self._fonts:
            number, family = self._id(), name.partition("+")[2] or name
            node = _node("Font", ID=number, FontName=family, FamilyName=family)
            if name in programs:
                file = f"font_{number}.otf"
                self._files[f"Doc_0/Res/{file}"] = programs[name]
                node.append(_node("FontFile", text=file))
            self._fonts[name] = (int(number), node)
        return str(self._fonts[name][0])

    def _path(self, found: Any, box: str, height: float) -> Iterator[etree._Element]:
        fill, stroke = ctypes.c_int(), ctypes.c_int()
        pdfium.FPDFPath_GetDrawMode(found.raw, fill, stroke)
        data = _outline(found, height)
        if not data or not (fill.value or stroke.value):
            return
        inside = []
        attributes = {
            "Boundary": box,
            "Stroke": str(bool(stroke.value)).lower(),
            "Fill": str(bool(fill.value)).lower(),
        }
        if stroke.value:
            thick = ctypes.c_float()
            pdfium.FPDFPageObj_GetStrokeWidth(found.raw, thick)
            attributes["LineWidth"] = _numbers(max(thick.value * _scale(_matrix(found)), 0.1) * _MM)
            inside.append(
                _node("StrokeColor", Value=_numbers(*_colour(pdfium.FPDFPageObj_GetStrokeColor, found)))
            )
        if fill.value:
            attributes["Rule"] = "Even-Odd" if fill.value == pdfium.FPDF_FILLMODE_ALTERNATE else "NonZero"
            inside.append(
                _node("FillColor", Value=_numbers(*_colour(pdfium.FPDFPageObj_GetFillColor, found)))
            )
        inside.append(_node("AbbreviatedData", text=data))
        yield _node("PathObject", *inside, ID=self._id(), **attributes)

    def _picture(self, found: Any, height: float) -> etree._Element:
        png = small_png(found.get_bitmap(render=True, scale_to_original=True).to_pil().convert("RGBA"))
        digest = hashlib.sha256(png).hexdigest()
        if digest not in self._pictures:
            number = self._id()
            file = f"image_{number}.png"
            self._files[f"Doc_0/Res/{file}"] = png
            node = _node("MultiMedia", _node("MediaFile", text=file), ID=number, Type="Image", Format="PNG")
            self._pictures[digest] = (int(number), node)
        corners = [_apply(_matrix(found), x, y) for x, y in ((0, 0), (1, 0), (0, 1), (1, 1))]
        left, right = min(x for x, _ in corners), max(x for x, _ in corners)
        low, high = min(y for _, y in corners), max(y for _, y in corners)
        wide, tall = (right - left) * _MM, (high - low) * _MM
        return _node(
            "ImageObject",
            ID=self._id(),
            Boundary=_numbers(left * _MM, (height - high) * _MM, wide, tall),
            ResourceID=str(self._pictures[digest][0]),
            CTM=_numbers(wide, 0, 0, tall, 0, 0),
        )

    def _id(self) -> str:
        self._last += 1
        return str(self._last)

    def _put(self, name: str, root: etree._Element) -> None:
        self._files[name] = etree.tostring(root, xml_declaration=True, encoding="UTF-8")


class _Character:
    """A character of a page: its origin and size in points, from the page's lower left corner."""

    __slots__ = ("colour", "font", "size", "text", "turned", "x", "y")

    def __init__(self, text_page: Any, index: int) -> None:
        x, y, matrix = ctypes.c_double(), ctypes.c_double(), pdfium.FS_MATRIX()
        pdfium.FPDFText_GetCharOrigin(text_page, index, x, y)
        pdfium.FPDFText_GetMatrix(text_page, index, matrix)
        scale = math.hypot(matrix.a, matrix.b) or 1.0
        self.x, self.y = x.value, y.value
        self.text = chr(pdfium.FPDFText_GetUnicode(text_page, index))
        self.size = pdfium.FPDFText_GetFontSize(text_page, index) * scale
        upright = abs(matrix.b) < 1e-4 * scale and matrix.a > 0
        self.turned = (
            None if upright else tuple(v / scale for v in (matrix.a, -matrix.b, -matrix.c, matrix.d))
        )
        self.font = _font_name(text_page, index)
        parts = [ctypes.c_uint() for _ in range(4)]
        pdfium.FPDFText_GetFillColor(text_page, index, *parts)
        self.colour = tuple(part.value for part in parts[:3])


def _characters(page: pypdfium2.PdfPage) -> dict[int, list[_Character]]:
    """The characters of a page, by the object that writes them."""
    written: dict[int, list[_Character]] = defaultdict(list)
    text_page = page.get_textpage()
    for index in range(text_page.count_chars()):
        holder = pdfium.FPDFText_GetTextObject(text_page.raw, index)
        if holder and not pdfium.FPDFText_IsGenerated(text_page.raw, index):
            one = _Character(text_page.raw, index)
            if one.text.isprintable():
                written[_address(holder)].append(one)
    return written


def _runs(characters: Sequence[_Character]) -> Iterator[list[_Character]]:
    """Characters that one text object can hold: of one font, size, colour and line."""
    run: list[_Character] = []
    for one in characters:
        if run and not (
            run[0].font == one.font
            and run[0].colour == one.colour
            and not (run[0].turned or one.turned)
            and abs(run[0].size - one.size) < 0.01
            and abs(run[0].y - one.y) < 0.01
        ):
            yield run
            run = []
        run.append(one)
    if run:
        yield run


def _font_name(text_page: Any, index: int) -> str:
    flags = ctypes.c_int()
    size = pdfium.FPDFText_GetFontInfo(text_page, index, None, 0, flags)
    held = ctypes.create_string_buffer(size)
    pdfium.FPDFText_GetFontInfo(text_page, index, held, size, flags)
    return held.value.decode(errors="replace")


def _outline(found: Any, height: float) -> str:
    """A path as OFD writes it: M, L, B (cubic) and C (close)."""
    matrix, out, control = _matrix(found), [], []
    for index in range(pdfium.FPDFPath_CountSegments(found.raw)):
        segment = pdfium.FPDFPath_GetPathSegment(found.raw, index)
        x, y = ctypes.c_float(), ctypes.c_float()
        pdfium.FPDFPathSegment_GetPoint(segment, x, y)
        right, up = _apply(matrix, x.value, y.value)
        point = _numbers(right * _MM, (height - up) * _MM)
        kind = pdfium.FPDFPathSegment_GetType(segment)
        if kind == pdfium.FPDF_SEGMENT_BEZIERTO:
            control.append(point)
            if len(control) == 3:
                out.append(f"B {' '.join(control)}")
                control = []
        else:
            out.append(f"{'M' if kind == pdfium.FPDF_SEGMENT_MOVETO else 'L'} {point}")
        if pdfium.FPDFPathSegment_GetClose(segment):
            out.append("C")
    return " ".join(out)


def _matrix(found: Any) -> tuple[float, ...]:
    """From an object's own coordinates to the page's, through the forms that hold it."""
    held = found.get_matrix()
    a, b, c, d, e, f = held.get()
    container = getattr(found, "container", None)
    if container is None:
        return a, b, c, d, e, f
    u, v, w, x, y, z = _matrix(container)
    return a * u + b * w, a * v + b * x, c * u + d * w, c * v + d * x, e * u + f * w + y, e * v + f * x + z


def _apply(matrix: tuple[float, ...], x: float, y: float) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


def _scale(matrix: tuple[float, ...]) -> float:
    return math.sqrt(abs(matrix[0] * matrix[3] - matrix[1] * matrix[2]))


def _colour(ask: Any, found: Any) -> tuple[int, ...]:
    parts = [ctypes.c_uint() for _ in range(4)]
    ask(found.raw, *parts)
    return tuple(part.value for part in parts[:3])


def _address(handle: Any) -> int:
    return ctypes.cast(handle, ctypes.c_void_p).value or 0


def _fonts(pdf: bytes) -> dict[str, bytes]:
    """The fonts in a PDF, by name, each as an OpenType file that finds its glyphs by characters."""
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.pdf_utils.reader import PdfFileReader

    found: dict[str, bytes] = {}

    def gather(resources: Any, depth: int) -> None:
        for font in _values(resources, "/Font"):
            name = str(font.get("/BaseFont", "")).lstrip("/")
            if name and name not in found and (program := _program(font)):
                found[name] = program
        for form in _values(resources, "/XObject"):
            if depth and form.get("/Subtype") == "/Form":
                gather(_entry(form, "/Resources"), depth - 1)

    try:
        reader = PdfFileReader(io.BytesIO(pdf), strict=False)
    except (PdfError, ValueError) as error:
        raise Invalid("not-a-pdf", "文件不是完整的 PDF，请重新上传。") from error
    if not reader.encrypted:
        for number in range(int(reader.root["/Pages"]["/Count"])):
            page = reader.find_page_for_modification(number)[0].get_object()  # type: ignore[no-untyped-call]
            gather(_entry(page, "/Resources"), _NESTED)
    return found


def _entry(holder: Any, key: str) -> Any:
    """What a dictionary of the PDF has under a name, or an empty one; only its item access follows references."""
    return holder[key] if key in holder else {}  # noqa: SIM401


def _values(resources: Any, kind: str) -> Iterator[Any]:
    held = _entry(resources, kind)
    for name in held:
        yield held[name]


def _program(font: Any) -> bytes | None:
    """A composite font's own glyphs, with the characters that they stand for; None where it does not carry any."""
    if font.get("/Subtype") != "/Type0" or "/ToUnicode" not in font:
        return None
    descriptor = font["/DescendantFonts"][0]["/FontDescriptor"]
    for key in _EMBEDDED:
        if key in descriptor:
            try:
                return _opentype(
                    descriptor[key].data, _meanings(font["/ToUnicode"].data), str(font["/BaseFont"])
                )
            except (TTLibError, KeyError, ValueError, IndexError, AssertionError):
                return None
    return None


def _opentype(data: bytes, meanings: Mapping[int, str], name: str) -> bytes:
    if data[:4] in (b"OTTO", b"\0\1\0\0", b"true"):
        font = TTFont(io.BytesIO(data), recalcBBoxes=False)
        names = dict(enumerate(font.getGlyphOrder()))
        widths = dict(font["hmtx"].metrics) if "hmtx" in font else {}
    else:  # CFF without a wrapping
        font, table = TTFont(sfntVersion="OTTO", recalcBBoxes=False), newTable("CFF ")
        table.decompile(data, font)
        top = table.cff.topDictIndex[0]
        font.setGlyphOrder(list(top.charset))
        names = {
            int(glyph[3:]) if hasattr(top, "ROS") and glyph.startswith("cid") else number: glyph
            for number, glyph in enumerate(top.charset)
        }
        widths, font["CFF "] = {}, DefaultTable("CFF ")
        font["CFF "].data = data
    characters = {
        ord(meaning): names[number]
        for number, meaning in meanings.items()
        if len(meaning) == 1 and number in names
    }
    builder = FontBuilder(font=font)
    if "head" not in font:
        builder.setupHead(unitsPerEm=1000, created=0, modified=0)
    builder.setupCharacterMap(characters)
    # Where a character stands is said at every one: widths are for marking with the mouse.
    builder.setupHorizontalMetrics({glyph: widths.get(glyph, (1000, 0)) for glyph in font.getGlyphOrder()})
    builder.setupHorizontalHeader(ascent=880, descent=-120)
    builder.setupNameTable({"familyName": name.partition("+")[2] or name.lstrip("/"), "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=880, sTypoDescender=-120, usWinAscent=880, usWinDescent=120)
    builder.setupPost(keepGlyphNames=False)
    if "maxp" not in font:
        builder.setupMaxp()
    font.recalcTimestamp = False
    out = io.BytesIO()
    font.save(out)
    return out.getvalue()


def _meanings(mapping: bytes) -> dict[int, str]:
    """Glyph number -> text, of a ToUnicode map (PDF 32000-1, 9.10.3)."""
    found = {}
    for block in re.findall(rb"beginbfchar(.*?)endbfchar", mapping, re.S):
        for code, text in re.findall(rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>", block):
            found[int(code, 16)] = _utf16(text)
    for block in re.findall(rb"beginbfrange(.*?)endbfrange", mapping, re.S):
        for low, high, text in re.findall(rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>", block):
            start = _utf16(text)
            for step, code_ in enumerate(range(int(low, 16), min(int(high, 16), int(low, 16) + 65535) + 1)):
                found[code_] = start[:-1] + chr(ord(start[-1]) + step)
    return found


def _utf16(text: bytes) -> str:
    return bytes.fromhex(text.decode()).decode("utf-16-be", errors="replace")


def _node(name: str, *children: etree._Element, text: str | None = None, **attributes: str) -> etree._Element:
    node = etree.Element(f"{{{NAMESPACE}}}{name}", nsmap={"ofd": NAMESPACE}, attrib=attributes)
    node.text = text
    node.extend(children)
    return node


def _numbers(*values: float) -> str:
    return " ".join(f"{value:.4f}".rstrip("0").rstrip(".") or "0" for value in values)
