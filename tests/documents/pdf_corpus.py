"""50 signed PDF files, 20 of them tampered with, each in one way that its name tells."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

from engine.documents import pades
from engine.documents.pdf import Rendered
from engine.documents.signature_lines import line_id
from engine.documents.timestamps import Server
from tests.documents import signers
from tests.documents.corpus import File

ALL = tuple(signers.SLOTS)
WAYS: list[tuple[str, ...]] = [
    ("issuer",),
    ("recipient",),
    ("issuer_seal",),
    ("issuer", "recipient"),
    ("recipient", "issuer"),
    ("issuer", "issuer_seal"),
    ("recipient", "recipient_seal"),
    ("issuer", "recipient", "issuer_seal"),
    ("issuer_seal", "recipient_seal"),
    ALL,
    ("issuer*",),
    ("recipient*",),
    ("issuer*", "recipient"),
    ("recipient", "issuer*", "issuer_seal"),
]


def field(slot: str, rendered: Rendered) -> pades.Field:
    name, capacity = signers.SLOTS[slot.rstrip("*")]
    key = f"line:{line_id(slot.rstrip('*'))}"
    return pades.Field(
        name=slot.rstrip("*"),
        label=capacity,
        key=signers.signer(name, slot.endswith("*")).signing_key,
        signer=name,
        capacity=capacity,
        comment=f"《责任书》{capacity}",
        at=signers.AT,
        place=next((place for place in rendered.places if place.key == key), None),
    )


def signed(rendered: Rendered, slots: Sequence[str] = ALL, server: Server | None = None) -> bytes:
    return pades.sign(rendered.pdf, [field(slot, rendered) for slot in slots], server=server).pdf


def files(letters: Sequence[Rendered], server: Server) -> list[File]:
    """Of two letters, some with time stamps."""
    sound = [
        File(f"sound-{number}-{way}", signed(rendered, slots))
        for number, rendered in enumerate(letters)
        for way, slots in enumerate(WAYS)
    ]
    stamped = [
        File(f"stamped-{len(slots)}", signed(letters[0], slots, server))
        for slots in (("issuer*",), ("issuer", "issuer_seal"))
    ]
    first, second = (next(f.content for f in sound if f.name == f"sound-{n}-5") for n in (0, 1))
    broken = [
        File(f"broken-{count}", content, kind)
        for count, (kind, content) in enumerate(_broken(first, second, stamped[1].content))
    ]
    return [*sound, *stamped, *broken]


def gaps(pdf: bytes) -> list[tuple[int, int]]:
    """Where the signatures stand, in hexadecimal, without their brackets."""
    return [found.span(1) for found in re.finditer(rb"<([0-9A-Fa-f]{4000,})>", pdf)]


def _put(pdf: bytes, at: int, new: bytes) -> bytes:
    changed = pdf[:at] + new + pdf[at + len(new) :]
    assert changed != pdf
    return changed


def _flipped(pdf: bytes, at: int) -> bytes:
    return _put(pdf, at, bytes([pdf[at] ^ 1]))


def _edited(pdf: bytes, old: bytes, new: bytes) -> bytes:
    changed = re.sub(old, new, pdf, count=1, flags=re.DOTALL)
    assert changed != pdf
    return changed


def _digit(pdf: bytes, at: int) -> bytes:
    """Another hexadecimal digit there."""
    return _put(pdf, at, b"0" if pdf[at : at + 1] != b"0" else b"1")


def _appended(pdf: bytes, act: Callable[[IncrementalPdfFileWriter], None]) -> bytes:
    """What any editor would do: the file as it is, and a revision behind it."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    act(writer)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _note(writer: IncrementalPdfFileWriter) -> None:
    page = writer.find_page_for_modification(0)[0].get_object()
    note = {
        "/Type": pdf_name("/Annot"),
        "/Subtype": pdf_name("/FreeText"),
        "/Rect": generic.ArrayObject(map(generic.NumberObject, (100, 100, 300, 140))),
        "/Contents": generic.TextStringObject("作废"),
        "/DA": generic.TextStringObject("/Helv 12 Tf 1 0 0 rg"),
    }
    added = writer.add_object(generic.DictionaryObject({pdf_name(k): v for k, v in note.items()}))
    page[pdf_name("/Annots")] = generic.ArrayObject([*page.get("/Annots", []), added])
    writer.update_container(page)


def _other_text(writer: IncrementalPdfFileWriter) -> None:
    """A shadow attack: the page shows something else now."""
    page = writer.find_page_for_modification(1)[0].get_object()
    text = b"1 1 1 rg 0 0 600 900 re f"
    page[pdf_name("/Contents")] = writer.add_object(generic.StreamObject(stream_data=text))
    writer.update_container(page)


def _script(writer: IncrementalPdfFileWriter) -> None:
    action = {"/S": pdf_name("/JavaScript"), "/JS": generic.TextStringObject("app.alert(1)")}
    writer.root[pdf_name("/OpenAction")] = generic.DictionaryObject(
        {pdf_name(k): v for k, v in action.items()}
    )
    writer.update_root()


def _fewer_fields(writer: IncrementalPdfFileWriter) -> None:
    form = writer.root["/AcroForm"]
    form[pdf_name("/Fields")] = generic.ArrayObject(list(form["/Fields"])[:-1])
    writer.update_container(form)
    writer.update_root()


def _emptied(writer: IncrementalPdfFileWriter) -> None:
    last = list(writer.root["/AcroForm"]["/Fields"])[-1].get_object()
    del last["/V"]
    writer.update_container(last)


def _other_look(writer: IncrementalPdfFileWriter) -> None:
    """A shadow attack on a signature's own appearance."""
    first = writer.root["/AcroForm"]["/Fields"][0]
    box = generic.ArrayObject(map(generic.NumberObject, (0, 0, 200, 60)))
    stream = generic.StreamObject(
        {
            pdf_name("/Type"): pdf_name("/XObject"),
            pdf_name("/Subtype"): pdf_name("/Form"),
            pdf_name("/BBox"): box,
        },
        stream_data=b"1 0 0 rg 0 0 200 60 re f",
    )
    first[pdf_name("/AP")] = generic.DictionaryObject({pdf_name("/N"): writer.add_object(stream)})
    writer.update_container(first)


def _stranger(pdf: bytes) -> bytes:
    """Somebody whom no authority of ours knows signs, too."""
    from pyhanko.sign import PdfSignatureMetadata, PdfSigner
    from pyhanko.stamp.noop import NoOpStampStyle

    nobody = signers.authority("另一机构").signing_key
    signer = PdfSigner(
        PdfSignatureMetadata(field_name="x"), signer=pades._Signer(nobody), stamp_style=NoOpStampStyle()
    )
    return bytes(signer.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf))).getvalue())


def _earlier(pdf: bytes) -> bytes:
    """The file as it was before the last one signed."""
    start, length, behind, rest = PdfFileReader(io.BytesIO(pdf)).embedded_signatures[-2].byte_range
    assert start == 0 < length
    return pdf[: int(behind) + int(rest)]


def _broken(pdf: bytes, other: bytes, stamped: bytes) -> Iterator[tuple[str, bytes]]:
    (first, end), (last, stop) = gaps(pdf)
    text = pdf.index(b"stream\n") + 60
    yield "a byte of the page", _flipped(pdf, text)
    yield "a byte of a font", _flipped(pdf, len(pdf) // 3)
    yield "the reason", _edited(pdf, rb"(/Reason \(\\376\\377)Q", rb"\1R")
    yield "the time", _edited(pdf, rb"(/M \(D\\072202)6", rb"\g<1>5")
    yield "the byte range", _digit(pdf, pdf.index(b"/ByteRange [0 ") + 16)
    yield "the signature's value", _digit(pdf, first + len(pdf[first:end].rstrip(b"0")) - 40)
    yield "the signer's certificate", _digit(pdf, last + 900)
    yield "the padding", _put(pdf, stop - 8, b"dead" if pdf[last:stop].islower() else b"DEAD")
    yield "bytes behind the end", pdf + b"\n% more\n"
    yield "a note", _appended(pdf, _note)
    yield "another page text", _appended(pdf, _other_text)
    yield "a script", _appended(pdf, _script)
    yield "a field removed", _appended(pdf, _fewer_fields)
    yield "a signature emptied", _appended(pdf, _emptied)
    yield "another look of a signature", _appended(pdf, _other_look)
    yield "cut back to an earlier signature", _earlier(pdf)
    yield (
        "signature of another file",
        _put(pdf, last, other[gaps(other)[-1][0] : gaps(other)[-1][1]][: stop - last]),
    )
    yield "a stranger's signature", _stranger(pdf)
    yield (
        "a byte of what proves the time stamps",
        _flipped(stamped, stamped.index(b"stream\n", stamped.index(b"/DSS")) + 60),
    )
    yield "bytes behind the time stamp", stamped + b"\n% more\n"
