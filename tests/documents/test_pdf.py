"""PDF: the standard's page, and workers that no document can hurt."""

from __future__ import annotations

import contextlib
import io
import os
import re
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image

from engine.documents import pdf
from engine.documents.docx import W, missing_characters
from engine.documents.package import parse_xml, read_package
from engine.documents.pages import page_count
from engine.documents.pdf import Place, Renderer
from engine.documents.printer import printer
from engine.documents.signature_lines import Line, insert_signature_lines, line_id
from engine.documents.templates import Template
from engine.errors import Invalid
from tests.documents.samples import LETTER, SAMPLES, template
from tests.documents.test_docx_html import PIXEL, signed, with_body


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer() as renderer:
        yield renderer


def filled(name: str, **data: object) -> bytes:
    return Template.load(template(name)).fill({**SAMPLES[name], **data})


def lines(content: bytes, page: int) -> list[str]:
    """The text of a page, line by line from the top, without its page number."""
    document = pypdfium2.PdfDocument(content)
    found: dict[int, list[tuple[float, str]]] = {}
    text = document[page - 1].get_textpage()
    for index in range(text.count_chars()):
        character = text.get_text_range(index, 1)
        if character.strip():
            left, bottom, _, _ = text.get_charbox(index, loose=True)
            found.setdefault(round(bottom / 6), []).append((left, character))
    rows = ["".join(c for _, c in sorted(found[row])) for row in sorted(found, reverse=True)]
    return [row for row in rows if "—" not in row]


def heights(content: bytes, page: int) -> list[float]:
    """Distances between the lines of a page in points, from the top."""
    document = pypdfium2.PdfDocument(content)
    text = document[page - 1].get_textpage()
    # 中 stands in every line, so all distances are between the same glyph of the same font
    found = {
        round(text.get_charbox(i)[1], 1)
        for i in range(text.count_chars())
        if text.get_text_range(i, 1) == "中"
    }
    ordered = sorted(found, reverse=True)
    return [above - below for above, below in pairwise(ordered)]


def test_full_page_has_22_lines_of_28_characters(renderer: Renderer) -> None:
    content = renderer.render(filled("印发通知", 正文="中" * 28 * 60)).pdf
    page = lines(content, 2)
    assert len(page) == 22
    assert {len(line) for line in page} == {28}


def test_lines_keep_their_pitch_whatever_fonts_they_mix(renderer: Renderer) -> None:
    line = "中《办法》“168”中〔2026〕第3号祎赟中"
    content = renderer.render(filled("印发通知", 正文=line * 60)).pdf
    distances = heights(content, 2)
    assert len(distances) == 21 and all(distance == pytest.approx(28.95, abs=0.3) for distance in distances)


def test_full_lines_reach_both_edges(renderer: Renderer) -> None:
    content = renderer.render(filled("印发通知", 正文="中，" * 13 + "中”中。" * 100)).pdf
    text = pypdfium2.PdfDocument(content)[1].get_textpage()
    boxes = [
        text.get_charbox(i, loose=True)
        for i in range(text.count_chars())
        if text.get_text_range(i, 1) == "中"
    ]
    assert min(left for left, *_ in boxes) == pytest.approx(79.35, abs=0.5)
    rights = [box[2] for i in range(text.count_chars()) if (box := text.get_charbox(i, loose=True))]
    assert max(rights) == pytest.approx(595.3 - 73.7, abs=8)


def test_page_numbers_stand_outside(renderer: Renderer) -> None:
    document = pypdfium2.PdfDocument(renderer.render(filled("印发通知", 正文="中" * 28 * 60)).pdf)
    places = []
    for page in document:
        text = page.get_textpage()
        left = min(
            text.get_charbox(i)[0] for i in range(text.count_chars()) if text.get_text_range(i, 1) == "—"
        )
        places.append(left > 300)
    assert places == [True, False, True, False][: len(places)] and len(places) >= 3


def test_imprint_stands_on_the_bottom_of_the_last_page(renderer: Renderer) -> None:
    document = pypdfium2.PdfDocument(renderer.render(filled("印发通知")).pdf)
    text = document[len(document) - 1].get_textpage()
    bottoms = [text.get_charbox(i)[1] for i in range(text.count_chars()) if text.get_text_range(i, 1) == "发"]
    assert min(bottoms) == pytest.approx(99.2 + 8, abs=4)  # the last line of the type area


def test_no_page_carries_a_seal_and_no_text(renderer: Renderer) -> None:
    for count in range(20, 30):
        content = renderer.render(filled("印发通知", 正文="中" * (28 * count - 2), 附件=None)).pdf
        for page in range(1, page_count(content) + 1):
            if any("2026年3月5日" in line for line in lines(content, page)):
                assert any("中中" in line for line in lines(content, page))


def test_signature_block_stays_whole_with_the_last_clause(renderer: Renderer) -> None:
    for count in range(1, 24, 3):
        docx = filled("责任书", 考核奖惩="中" * (28 * count))
        content = renderer.render(insert_signature_lines(docx, [Line("issuer"), Line("recipient")])).pdf
        pages = pypdfium2.PdfDocument(content)
        texts = ["".join(page.get_textpage().get_text_range().split()) for page in pages]
        signed_on = [text for text in texts if "负责人（签名）" in text]
        assert len(signed_on) == 1 and signed_on[0].count("负责人（签名）") == 2
        assert all(part in signed_on[0] for part in ("本责任书一式", "颁发单位：", LETTER["接收单位"]))


def test_same_bytes_from_another_worker(renderer: Renderer) -> None:
    documents = [signed(name, *(slot for _, slot in Template.load(template(name)).slots)) for name in SAMPLES]
    with Renderer() as other:
        assert [renderer.render(docx) for docx in documents] == [
            other.render(docx) for docx in documents[::-1]
        ][::-1]


def test_a_character_that_no_font_has_is_no_empty_box(renderer: Renderer) -> None:
    """Names are in the fonts behind 仿宋; what none has is told, and printed as 〓."""
    docx = filled("整改通知书", 姓名="䶮喆堃翀祎赟昇珮𠀀")
    assert missing_characters(docx) == "𠀀" and missing_characters(filled("整改通知书")) == ""
    text = pypdfium2.PdfDocument(renderer.render(docx).pdf)[0].get_textpage().get_text_range()
    assert "䶮喆堃翀祎赟昇珮〓" in text


def test_places_of_lines_tables_and_signature_lines_are_told(renderer: Renderer) -> None:
    """The upper left corner of the type area is at 28 and 37 mm; a signature line has its place before anybody signed."""
    compiled = Template.load(template("印发通知"))
    base = insert_signature_lines(
        compiled.fill(SAMPLES["印发通知"]), [Line(slot) for _, slot in compiled.slots]
    )
    unsigned, sealed = renderer.render(base), renderer.render(signed("印发通知", "seal"))
    assert unsigned.places == sealed.places and unsigned.pages == page_count(unsigned.pdf)
    found: dict[str, list[Place]] = {}
    for place in unsigned.places:
        found.setdefault(place.key, []).append(place)
    head, imprint = found["t0"][0], found["t1"][0]
    assert (head.page, head.left, head.top) == (1, pytest.approx(28, abs=0.1), pytest.approx(37, abs=0.5))
    assert imprint.page == unsigned.pages
    assert imprint.top + imprint.height == pytest.approx(297 - 35, abs=0.1)
    (seal,) = found[f"line:{line_id('seal')}"]
    assert seal.page == unsigned.pages and (seal.width, seal.height) == (pytest.approx(42, abs=0.1),) * 2
    body = next(places for places in found.values() if len(places) > 3)
    assert all(
        below.top - above.top == pytest.approx(10.213, abs=0.01) for above, below in pairwise(body[:3])
    )
    paragraphs = parse_xml(read_package(base)["word/document.xml"]).iter(f"{W}p")
    title = next(n for n, p in enumerate(paragraphs) if "责任书" in "".join(p.itertext()))
    assert len(found[f"p{title}"]) == 2  # its two lines


# ---- limits


def test_slow_document_is_stopped_and_the_next_one_rendered() -> None:
    with Renderer() as renderer:
        renderer.render(filled("整改通知书"))
        started = time.perf_counter()
        with pytest.raises(Invalid) as caught:
            renderer.render(filled("印发通知", 正文="中，" * 300_000), timeout=1)
        assert caught.value.code == "render-limit" and time.perf_counter() - started < 4
        assert renderer.render(filled("整改通知书")).pdf.startswith(b"%PDF")


def with_picture(side: int) -> bytes:
    """A document signed with a picture of ``side`` x ``side`` pixels, small as a file."""
    out = io.BytesIO()
    Image.new("RGBA", (side, side), (200, 0, 0, 100)).save(out, "PNG")
    return signed("承诺书", "member", picture=out.getvalue())


def test_greedy_document_is_stopped_and_the_next_one_rendered() -> None:
    with Renderer(memory=520 * 1024 * 1024) as renderer:
        with pytest.raises(Invalid) as caught:
            renderer.render(with_picture(6000), timeout=60)
        assert caught.value.code == "render-limit" and "内存" in str(caught.value)
        assert renderer.render(filled("整改通知书")).pdf.startswith(b"%PDF")


def test_picture_that_cannot_be_printed_is_not_left_out_silently(renderer: Renderer) -> None:
    head = (
        b"IHDR" + struct.pack(">II", 30_000, 30_000) + PIXEL[24:29]
    )  # says that it is 30,000 x 30,000 pixels
    bomb = PIXEL[:12] + head + struct.pack(">I", zlib.crc32(head)) + PIXEL[33:]
    with pytest.raises(Invalid) as caught:
        renderer.render(signed("承诺书", "member", picture=bomb), timeout=60)
    assert caught.value.code == "bad-picture"


def test_document_that_means_harm_costs_its_limits_and_no_more() -> None:
    """Numbers without end, a page of one character, thousands of typefaces: what comes is a PDF or a refusal, in time."""
    cell = '<w:tc><w:tcPr><w:gridSpan w:val="{}"/></w:tcPr><w:p/></w:tc>'
    page = '<w:p><w:pPr><w:sectPr><w:pgSz w:w="20" w:h="20"/><w:pgMar w:top="0" w:left="0"/></w:sectPr></w:pPr></w:p>'
    bodies = [
        *(f"<w:tbl><w:tr>{cell.format(span)}</w:tr></w:tbl>" for span in ("1000000000", "inf", "nan", "-1")),
        '<w:p><w:r><w:rPr><w:sz w:val="1000000000"/></w:rPr><w:t>文字</w:t></w:r></w:p>',
        f"<w:p><w:r><w:t>{'文' * 2000}</w:t></w:r></w:p>{page}",
        "".join(
            f'<w:p><w:r><w:rPr><w:rFonts w:eastAsia="字体{n}"/></w:rPr><w:t>文</w:t></w:r></w:p>'
            for n in range(3000)
        ),
    ]
    with Renderer() as renderer:
        renderer.render(filled("整改通知书"))
        for body in bodies:
            started = time.perf_counter()
            try:
                renderer.render(with_body(body), timeout=1)
            except Invalid as refusal:
                assert refusal.code == "render-limit" and not re.search(
                    "[A-Za-z]{4}", str(refusal).replace("PDF", "")
                )
            assert time.perf_counter() - started < 1 + pdf.START
        assert renderer.render(filled("整改通知书")).pdf.startswith(b"%PDF")


def test_deep_document_is_refused() -> None:
    body = "<w:tbl><w:tblPr/><w:tr><w:tc>" * 200 + "<w:p/>" + "</w:tc></w:tr></w:tbl>" * 200
    with Renderer() as renderer, pytest.raises(Invalid):
        renderer.render(with_body(body))


def test_bad_document_says_why(renderer: Renderer) -> None:
    with pytest.raises(Invalid) as caught:
        renderer.render(b"not a docx")
    assert caught.value.code == "not-a-docx"


def test_printer_reaches_neither_network_nor_files() -> None:
    hits = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hits.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    render = printer()
    content = render(
        f'<html><head><link rel="stylesheet" href="{url}/css"/><link rel="attachment" href="file:///etc/hostname"/>'
        f"<style>@import url({url}/import);@font-face{{font-family:x;src:url({url}/font)}}</style></head>"
        f'<body><p style="font-family:x">公<a rel="attachment" href="file:///etc/hostname">文</a></p></body></html>'
    )
    for picture in (
        f'<img src="{url}/img"/>',
        f'<object data="{url}/object"></object>',
        '<img src="file:///etc/passwd"/>',
        f'<p style="background:url({url}/background)">文</p>',
        f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}/svg" width="9" height="9"/></svg>',
    ):
        with contextlib.suppress(Invalid):
            render(f"<html><body>{picture}</body></html>")
    server.shutdown()
    assert hits == [] and b"EmbeddedFile" not in content.pdf


def test_workers_see_no_secrets_and_end_with_the_renderer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVZE_SECRET_KEY", "k" * 40)
    renderer = Renderer()
    renderer.render(filled("整改通知书"))
    worker = renderer._idle.queue[0]
    assert worker is not None
    process = worker._process.pid
    assert b"LVZE_SECRET_KEY" not in Path(f"/proc/{process}/environ").read_bytes()
    renderer.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    with pytest.raises(RuntimeError):
        renderer.render(b"")


def test_worker_that_died_is_replaced(renderer: Renderer) -> None:
    renderer.render(filled("整改通知书"))
    worker = renderer._idle.queue[0]
    assert worker is not None
    worker._process.kill()
    worker._process.wait()
    assert renderer.render(filled("整改通知书")).pdf.startswith(b"%PDF")


def test_threads_share_the_workers(renderer: Renderer) -> None:
    documents = [filled("整改通知书", 姓名=name) for name in "甲乙丙丁"]
    alone = [renderer.render(document) for document in documents]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(renderer.render, documents)) == alone
    assert len({rendered.pdf for rendered in alone}) == 4
