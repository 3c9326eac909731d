"""OFD: read back by ofdkit, which shares no code with ours; its fonts drawn by FreeType, its pictures by Pillow."""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from pathlib import Path

import ofdkit
import pypdfium2
import pytest
from click.testing import CliRunner
from lxml import etree
from PIL import Image, ImageChops, ImageFont

from engine.documents.ofd import LABEL, NAMESPACE, to_ofd
from engine.documents.pdf import Renderer
from engine.errors import Invalid
from tests.documents import signers
from web.cli import main

OFD = f"{{{NAMESPACE}}}"


@pytest.fixture(scope="module")
def pdf() -> bytes:
    with Renderer() as renderer:
        return renderer.render(signers.signed()).pdf


@pytest.fixture(scope="module")
def made(pdf: bytes) -> bytes:
    return to_ofd(pdf, title="责任书", at=signers.AT)


def parts(made: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_another_reader_finds_the_same_pages_and_text(pdf: bytes, made: bytes) -> None:
    with ofdkit.open(io.BytesIO(made)) as found, pypdfium2.PdfDocument(pdf) as source:
        assert found.pages[0].box == pytest.approx((0, 0, 210, 297), abs=0.02)
        assert len(found.pages) == len(source)
        for page, other in zip(found.pages, source, strict=True):
            lines = {"".join(line.split()) for line in page.text().splitlines()} - {""}
            text = "".join(other.get_textpage().get_text_bounded().split())
            assert Counter("".join(lines)) == Counter(text), "no character is lost, none comes twice"
        assert "理”，形成一级抓一级、层层抓落实的党建工作格局，根据云工\n" in found.text(), "lines stay lines"


def test_it_says_what_it_is_not(made: bytes) -> None:
    with ofdkit.open(io.BytesIO(made)) as found:
        assert found.info.custom_data == {"说明": LABEL} and "未加盖经认证的电子印章" in LABEL
        assert (found.info.title, found.info.creation_date) == ("责任书", "2026-03-05")
    assert not any("Sign" in name for name in parts(made)), "no signature is pretended"


def test_text_stands_where_the_pdf_has_it(pdf: bytes, made: bytes) -> None:
    page = etree.fromstring(parts(made)["Doc_0/Pages/Page_0/Content.xml"])
    title = next(t for t in page.iter(f"{OFD}TextObject") if "责任书" in "".join(t.itertext()))
    code = title.find(f"{OFD}TextCode")
    left, top, *_ = map(float, title.get("Boundary").split())
    with pypdfium2.PdfDocument(pdf) as source:
        text = source[0].get_textpage()
        at = text.get_text_bounded().index("党建工作责任书")
        box = text.get_charbox(at, loose=True)
        height = source[0].get_height()
    assert left == pytest.approx(box[0] * 25.4 / 72, abs=0.1)
    assert top < (height - box[1]) * 25.4 / 72 < top + 1.5 * float(title.get("Size"))
    assert float(title.get("Size")) == pytest.approx(22 * 25.4 / 72, abs=0.01)  # 2号
    steps = [float(step) for step in code.get("DeltaX").split()]
    assert len(steps) == len(code.text) - 1 and steps == pytest.approx(
        [22 * 25.4 / 72] * len(steps), abs=0.05
    )


def test_fonts_in_the_file_draw_its_characters(made: bytes) -> None:
    held = parts(made)
    resources = etree.fromstring(held["Doc_0/PublicRes.xml"])
    files = {font.get("ID"): font.findtext(f"{OFD}FontFile") for font in resources.iter(f"{OFD}Font")}
    assert files and all(files.values())
    wanted: dict[str, set[str]] = {}
    for name, content in held.items():
        if name.endswith("Content.xml"):
            for text in etree.fromstring(content).iter(f"{OFD}TextObject"):
                wanted.setdefault(text.get("Font"), set()).update("".join(text.itertext()))
    for number, characters in wanted.items():
        font = ImageFont.truetype(io.BytesIO(held[f"Doc_0/Res/{files[number]}"]), 40)
        nothing = bytes(font.getmask("\U0010fffd"))
        for character in characters - set(" \u3000"):
            drawn = font.getmask(character)
            assert drawn.getbbox() and bytes(drawn) != nothing, f"{character} in {files[number]}"


def test_pictures_and_lines_are_there(pdf: bytes, made: bytes) -> None:
    held = parts(made)
    page = etree.fromstring(held["Doc_0/Pages/Page_2/Content.xml"])
    pictures = list(page.iter(f"{OFD}ImageObject"))
    assert len(pictures) == 4, "two handwritings and two seals"
    left, top, wide, tall = map(float, pictures[0].get("Boundary").split())
    assert (wide, tall) == pytest.approx((42, 42), abs=0.1) and 0 < left < 168 and 0 < top < 255
    images = [Image.open(io.BytesIO(held[name])) for name in held if name.endswith(".png")]
    assert len(images) == 4
    for image in images:
        blank = Image.new("RGBA", image.size, (0, 0, 0, 0))
        assert ImageChops.difference(image.convert("RGBA"), blank).getbbox(), "not blank"
        assert image.convert("RGBA").getchannel("A").getextrema()[0] == 0, "what is behind it shines through"
    table = held["Doc_0/Pages/Page_1/Content.xml"].decode()
    assert re.search(r"<ofd:PathObject[^>]*Boundary=\"0 0 210[^>]*>.*?<ofd:AbbreviatedData>M [\d. ]+", table)


def test_the_command_converts_word_and_pdf(pdf: bytes, made: bytes, tmp_path: Path) -> None:
    (tmp_path / "书.pdf").write_bytes(pdf)
    (tmp_path / "书.docx").write_bytes(signers.letter())
    for name in ("书.pdf", "书.docx"):
        out = tmp_path / f"{name}.ofd"
        done = CliRunner().invoke(main, ["ofd", str(tmp_path / name), "-o", str(out)])
        assert done.exit_code == 0 and LABEL in done.output, done.output
        assert "中共云溪市财政局委员会" in ofdkit.open(out).text()


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7", b"%PDF-1.7\n%%EOF"])
def test_what_is_no_pdf_is_refused(content: bytes) -> None:
    with pytest.raises(Invalid):
        to_ofd(content)
