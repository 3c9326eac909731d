"""What a .docx may hold stands on the page where Word puts it: sections, frames, tabs, pictures, lines. Millimetres, from the places
that rendering tells."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence

import pypdfium2
import pytest
from PIL import Image

from engine.documents.package import read_package, write_package
from engine.documents.pages import page_pictures
from engine.documents.pdf import Place, Rendered, Renderer
from tests.documents.golden import pages
from tests.documents.test_docx_html import with_body

MM = 1440 / 25.4  # twips
EXACT = '<w:spacing w:line="579" w:lineRule="exact"/>'
EDGES = (28.0, 37.0, 210 - 26.0, 297 - 35.0)  # of the type area: left, top, right, bottom


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer() as renderer:
        yield renderer


def p(text: str = "", properties: str = "", run: str = "") -> str:
    content = (
        text
        if text.startswith("<")
        else f"<w:r>{run}<w:t xml:space='preserve'>{text}</w:t></w:r>"
        if text
        else ""
    )
    return f"<w:p><w:pPr>{properties}</w:pPr>{content}</w:p>"


def frame(**attributes: object) -> str:
    return f"<w:framePr {' '.join(f'w:{name}={str(value)!r}' for name, value in attributes.items())}/>"


def twips(millimetres: float) -> int:
    return round(millimetres * MM)


def of(rendered: Rendered, number: int) -> list[Place]:
    return [place for place in rendered.places if place.key == f"p{number}"]


def picture(anchor: str, width: float = 20) -> str:
    """:param anchor: positions of a drawing; empty: inline"""
    size = round(width * 36000)
    kind = "anchor" if anchor else "inline"
    return (
        f'<w:r><w:drawing><wp:{kind} xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
        f'behindDoc="0">{anchor}<wp:extent cx="{size}" cy="{size}"/>'
        '<a:graphic xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:graphicData uri="">'
        '<a:blip xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" r:embed="rIdRed"/>'
        f"</a:graphicData></a:graphic></wp:{kind}></w:drawing></w:r>"
    )


def at(axis: str, origin: str, place: float | str) -> str:
    where = (
        f"<wp:align>{place}</wp:align>"
        if isinstance(place, str)
        else f"<wp:posOffset>{round(place * 36000)}</wp:posOffset>"
    )
    return f'<wp:position{axis} relativeFrom="{origin}">{where}</wp:position{axis}>'


def with_red_square(docx: bytes) -> bytes:
    parts, out = read_package(docx), io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, "PNG")
    link = (
        b'<Relationship Id="rIdRed" Target="media/red.png" '
        b'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/image"/></Relationships>'
    )
    rels = "word/_rels/document.xml.rels"
    changed = {rels: parts[rels].replace(b"</Relationships>", link), "word/media/red.png": out.getvalue()}
    return write_package(parts | changed)


def red(pdf: bytes, page: int = 1) -> tuple[float, float, float, float]:
    """The box around what is red: left, top, right, bottom in millimetres."""
    image = Image.open(io.BytesIO(page_pictures(pdf, dpi=127)[page - 1])).convert(
        "RGB"
    )  # 5 pixels a millimetre
    mask = image.point(lambda value: 255 if value > 200 else 0).convert("RGB").split()
    found = Image.composite(Image.new("L", image.size, 0), mask[0], mask[1]).getbbox()
    assert found is not None
    return tuple(edge / 5 for edge in found)  # type: ignore[return-value]


def section(width: float, height: float, more: str = "") -> str:
    turned = ' w:orient="landscape"' if width > height else ""
    return (
        f'<w:sectPr>{more}<w:pgSz w:w="{twips(width)}" w:h="{twips(height)}"{turned}/>'
        '<w:pgMar w:top="1134" w:right="1134" w:bottom="1134" w:left="1134" w:header="500" w:footer="500" w:gutter="0"/></w:sectPr>'
    )


def sizes(pdf: bytes) -> list[tuple[int, int]]:
    return [
        (round(w / 72 * 25.4), round(h / 72 * 25.4))
        for w, h in (page.get_size() for page in pypdfium2.PdfDocument(pdf))
    ]


def test_sections_have_pages_of_their_own(renderer: Renderer) -> None:
    """A landscape annex begins on an odd page: a blank one goes before it. Then the page of the document's end."""
    wide = '<w:type w:val="oddPage"/>'
    body = p("甲", section(210, 297)) + p("乙", section(297, 210, wide)) + p("丙")
    rendered = renderer.render(with_body(body))
    assert sizes(rendered.pdf) == [(210, 297), (210, 297), (297, 210), (210, 297)]
    assert [place.page for place in rendered.places] == [1, 3, 4]
    assert rendered.places[1].left == pytest.approx(20, abs=0.1)


def test_continuous_section_goes_on_on_the_page(renderer: Renderer) -> None:
    rendered = renderer.render(
        with_body(p("甲", section(210, 297)) + p("乙", section(210, 297, '<w:type w:val="continuous"/>')))
    )
    assert [place.page for place in rendered.places if place.key in ("p0", "p1")] == [1, 1]


def with_headers(body: str, last: str, **headers: str) -> bytes:
    """``last``: properties of the document's section, which shows the headers (default, even, first) that are named."""
    parts = read_package(with_body(body))
    namespace = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    links = references = ""
    for name, content in headers.items():
        parts[f"word/{name}.xml"] = f"<w:hdr {namespace}>{content}</w:hdr>".encode()
        links += (
            f'<Relationship Id="rId-{name}" Target="{name}.xml" '
            'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/header"/>'
        )
        references += f'<w:headerReference w:type="{name}" r:id="rId-{name}"/>'
    rels = "word/_rels/document.xml.rels"
    parts[rels] = parts[rels].replace(b"</Relationships>", links.encode() + b"</Relationships>")
    document = parts["word/document.xml"].decode()
    parts["word/document.xml"] = re.sub(
        r"(.*)<w:sectPr>(.*)</w:sectPr>",
        lambda m: f"{m[1]}<w:sectPr>{references}{m[2]}{last}</w:sectPr>",
        document,
        flags=re.S,
    ).encode()
    return write_package(parts)


def test_first_odd_and_even_pages_have_their_headers(renderer: Renderer) -> None:
    body = "".join(p(text, "<w:pageBreakBefore/>" if text != "一" else "") for text in "一二三")
    number = '<w:fldSimple w:instr=" PAGE "/>'
    docx = with_headers(
        body,
        '<w:pgNumType w:start="7"/><w:titlePg/>',
        default=p("单页") + p(number),
        even=p("双页"),
        first=p("首页"),
    )
    found = [page[:2] for page in pages(renderer.render(docx).pdf)]
    assert found == [["首页", "一"], ["双页", "二"], ["单页", "9"]]


def test_frames_stand_where_they_are_told(renderer: Renderer) -> None:
    """At the foot of the page, in the right margin of the type area, in a header: text doesn't make room for them."""
    foot = frame(w=twips(75), x=twips(28), y=twips(265), hAnchor="page", vAnchor="page", wrap="notBeside")
    side = frame(w=twips(30), xAlign="right", y=twips(12), hAnchor="margin", vAnchor="page")
    body = p("验真", EXACT + foot) + p("角", EXACT + side + '<w:jc w:val="right"/>') + p("正文", EXACT)
    header = frame(w=twips(40), x=twips(100), y=twips(30), hAnchor="page", vAnchor="page")
    docx = with_headers(body, "", default=p("页眉", EXACT + header))
    rendered = renderer.render(docx)
    (one,), (other,), (text,) = (of(rendered, number) for number in range(3))
    assert (one.left, one.top) == (pytest.approx(28, abs=0.1), pytest.approx(265, abs=0.1))
    assert (other.left + other.width, other.top) == (
        pytest.approx(EDGES[2], abs=0.1),
        pytest.approx(12, abs=0.1),
    )
    assert text.top == pytest.approx(EDGES[1], abs=0.1)
    found = pypdfium2.PdfDocument(rendered.pdf)[0].get_textpage()
    index = found.get_text_range().index("页眉")
    left, _, _, top = found.get_charbox(index, loose=True)
    assert left / 72 * 25.4 == pytest.approx(100, abs=0.5) and 297 - top / 72 * 25.4 == pytest.approx(
        32, abs=2
    )


def test_frame_at_the_head_of_the_page_pushes_the_text_down(renderer: Renderer) -> None:
    """The mark of a 信函 begins 30 mm from the page's upper edge; its two paragraphs are one frame."""
    mark = EXACT + frame(
        w=twips(156), xAlign="center", y=twips(30), hAnchor="page", vAnchor="page", wrap="notBeside"
    )
    rendered = renderer.render(with_body(p("云溪市财政局", mark) + p("函", mark) + p("正文", EXACT)))
    tops = [of(rendered, number)[0].top for number in range(3)]
    assert tops == pytest.approx([30, 30 + 10.213, 30 + 2 * 10.213], abs=0.1)


def test_tabs_stop_where_they_are_told(renderer: Renderer) -> None:
    stops = "".join(
        f'<w:tab w:val="{kind}" w:pos="{twips(place)}"/>'
        for kind, place in (("left", 30), ("center", 80), ("right", 150))
    )
    tab = "<w:r><w:tab/></w:r>"
    runs = tab.join(f"<w:r><w:t>{text}</w:t></w:r>" for text in "甲乙丙丁")
    pdf = renderer.render(with_body(p(runs, f'<w:tabs>{stops}</w:tabs><w:jc w:val="left"/>'))).pdf
    text = pypdfium2.PdfDocument(pdf)[0].get_textpage()
    boxes = {text.get_text_range(i, 1): text.get_charbox(i, loose=True) for i in range(text.count_chars())}
    left = {character: box[0] / 72 * 25.4 - EDGES[0] for character, box in boxes.items()}
    right = boxes["丁"][2] / 72 * 25.4 - EDGES[0]
    assert left["甲"] == pytest.approx(0, abs=0.3) and left["乙"] == pytest.approx(30, abs=0.3)
    assert left["丙"] == pytest.approx(80 - 5.6 / 2, abs=0.5) and right == pytest.approx(150, abs=0.3)


def test_hanging_indent_stops_a_tab(renderer: Renderer) -> None:
    runs = "<w:r><w:t>1.</w:t></w:r><w:r><w:tab/></w:r><w:r><w:t>乙</w:t></w:r>"
    pdf = renderer.render(with_body(p(runs, f'<w:ind w:left="{twips(15)}" w:hanging="{twips(15)}"/>'))).pdf
    text = pypdfium2.PdfDocument(pdf)[0].get_textpage()
    (left,) = [
        text.get_charbox(i, loose=True)[0]
        for i in range(text.count_chars())
        if text.get_text_range(i, 1) == "乙"
    ]
    assert left / 72 * 25.4 == pytest.approx(EDGES[0] + 15, abs=0.3)


@pytest.mark.parametrize(
    ("anchor", "corner"),
    [
        ((at("H", "page", 100.0), at("V", "page", 50.0)), (100, 50)),
        ((at("H", "margin", "right"), at("V", "margin", "bottom")), (EDGES[2] - 20, EDGES[3] - 20)),
        ((at("H", "page", "center"), at("V", "page", "top")), (95, 0)),
        ((at("H", "column", 10.0), at("V", "paragraph", 5.0)), (EDGES[0] + 10, EDGES[1] + 2 * 10.213 + 5)),
        ((at("H", "page", 10.0), at("V", "paragraph", 0.0)), (10, EDGES[1] + 2 * 10.213)),
    ],
)
def test_pictures_stand_where_they_are_anchored(
    renderer: Renderer, anchor: Sequence[str], corner: tuple[float, float]
) -> None:
    """In the third paragraph, which is indented."""
    body = p("甲", EXACT) * 2 + p(picture("".join(anchor)), f'{EXACT}<w:ind w:left="{twips(30)}"/>')
    left, top, right, bottom = red(renderer.render(with_red_square(with_body(body))).pdf)
    assert (left, top) == (pytest.approx(corner[0], abs=0.4), pytest.approx(corner[1], abs=0.4))
    assert (right - left, bottom - top) == (pytest.approx(20, abs=0.4),) * 2


def test_picture_in_the_line(renderer: Renderer) -> None:
    pdf = renderer.render(
        with_red_square(with_body(p(picture(""), '<w:spacing w:line="240" w:lineRule="auto"/>')))
    ).pdf
    left, top, right, _ = red(pdf)
    assert left == pytest.approx(EDGES[0], abs=0.4) and right - left == pytest.approx(20, abs=0.4)
    assert top == pytest.approx(EDGES[1], abs=3)


@pytest.mark.parametrize(
    ("kind", "widths"),
    [("thickThinSmallGap", (3, 0.75)), ("thinThickSmallGap", (0.75, 3)), ("double", (3, 3))],
)
def test_two_lines_under_a_paragraph(renderer: Renderer, kind: str, widths: tuple[float, float]) -> None:
    """Points of the upper and the lower line; the thick one is as wide as ``sz`` says."""
    border = f'<w:pBdr><w:bottom w:val="{kind}" w:sz="24" w:space="4" w:color="FF0000"/></w:pBdr>'
    pdf = renderer.render(with_body(p("文", EXACT + border) + p("下", EXACT))).pdf
    image = Image.open(io.BytesIO(page_pictures(pdf, dpi=500)[0])).convert("RGB")
    column = [image.getpixel((image.width // 2, y)) for y in range(image.height)]
    reds = [y for y, colour in enumerate(column) if colour[0] > 200 > colour[1] + 60]  # type: ignore[index,operator]
    runs = [[y] for y in reds[:1]]
    for y in reds[1:]:
        (runs[-1].append(y) if y == runs[-1][-1] + 1 else runs.append([y]))
    assert [len(run) / 500 * 72 for run in runs] == pytest.approx(widths, abs=0.3)
    left, _, right, _ = red(pdf)
    assert (left, right) == (pytest.approx(EDGES[0], abs=0.3), pytest.approx(EDGES[2], abs=0.3))


def test_neighbours_with_the_same_lines_share_one_box(renderer: Renderer) -> None:
    sides = "".join(f'<w:{side} w:val="single" w:sz="4" w:space="1"/>' for side in ("top", "bottom"))
    alike = f"{EXACT}<w:pBdr>{sides}</w:pBdr>"
    rendered = renderer.render(with_body(p("一", alike) + p("二", alike) + p("三", EXACT)))
    one, two, three = (of(rendered, number)[0].top for number in range(3))
    assert two - one == pytest.approx(10.213, abs=0.01)
    assert three - two == pytest.approx(10.213 + 1.5 * 25.4 / 72, abs=0.01)


def test_text_after_a_page_break_goes_on_on_the_next_page(renderer: Renderer) -> None:
    runs = '<w:r><w:t>前</w:t></w:r><w:r><w:br w:type="page"/></w:r><w:r><w:t>后</w:t></w:r>'
    assert [page[0] for page in pages(renderer.render(with_body(p(runs) + p("末"))).pdf)] == ["前", "后"]


def test_short_merged_cell_stands_in_the_middle_of_its_rows(renderer: Renderer) -> None:
    """文件 beside two agencies, or three."""
    for count in (2, 3):
        rows = ""
        for row in range(count):
            merge = '<w:vMerge w:val="restart"/>' if not row else "<w:vMerge/>"
            text = p("文件", EXACT) if not row else p("", EXACT)
            rows += (
                f'<w:tr><w:tc><w:tcPr><w:tcW w:w="4000"/></w:tcPr>{p("机关", EXACT)}</w:tc>'
                f'<w:tc><w:tcPr><w:tcW w:w="2000"/>{merge}<w:vAlign w:val="center"/></w:tcPr>{text}</w:tc></w:tr>'
            )
        table = f'<w:tbl><w:tblPr/><w:tblGrid><w:gridCol w:w="4000"/><w:gridCol w:w="2000"/></w:tblGrid>{rows}</w:tbl>'
        pdf = renderer.render(with_body(table + p("下", EXACT))).pdf
        text = pypdfium2.PdfDocument(pdf)[0].get_textpage()
        whole = text.get_text_range()

        def centre(index: int, text: pypdfium2.PdfTextPage = text) -> float:
            _, bottom, _, top = text.get_charbox(index, loose=True)
            return (top + bottom) / 2

        agencies = [centre(found.start()) for found in re.finditer("机", whole)]
        assert len(agencies) == count
        assert agencies[0] - agencies[-1] == pytest.approx(28.95 * (count - 1), abs=0.5)
        assert centre(whole.index("件")) == pytest.approx((agencies[0] + agencies[-1]) / 2, abs=1)
