"""Templates that are no official letters: forms, reports, certificates and plaques, measured as they are printed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date
from typing import Any

import pypdfium2
import pytest
import segno
from PIL import Image

from engine.documents import codes
from engine.documents.fitting import cut, line_count
from engine.documents.package import parse_xml, read_package
from engine.documents.pages import page_picture
from engine.documents.pdf import Renderer
from engine.documents.rendered import Place, Rendered
from engine.documents.signature_lines import Line, W, insert_signature_lines, line_id
from engine.documents.templates import Template
from tests.documents.other_samples import LONG, SAMPLES
from tests.documents.samples import SAMPLES as ALL
from tests.documents.samples import template

PAPER = ("责任书", "承诺书", "整改通知书", "述职报告", "公示", "审批单")
PROOF = codes.for_template("ABCDEFGHJKLMNPQR", "https://lvze.example.org")
#: of the plaque's rows, millimetres
ROWS = {"姓名": 13.5, "职责": 13.5, "目标任务": 50, "工作进展情况": 29, "考核评议": 21, "奖惩结果": 18}


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer() as renderer:
        yield renderer


def printed(renderer: Renderer, name: str, data: dict[str, Any], *lines: str) -> tuple[Rendered, list[str]]:
    """The document, and the text of its paragraphs."""
    filled = Template.load(template(name)).fill({**data, "验真": PROOF})
    content = insert_signature_lines(filled, [Line(slot) for slot in lines])
    document = parse_xml(read_package(content)["word/document.xml"])
    own = [
        "".join(t.text or "" for t in p.iter(f"{{{W}}}t") if next(t.iterancestors(f"{{{W}}}p")) is p)
        for p in document.iter(f"{{{W}}}p")
    ]
    return renderer.render(content), own


def places(layout: Rendered, key: str) -> list[Place]:
    return [place for place in layout.places if place.key == key]


def of_text(layout: Rendered, texts: list[str], beginning: str) -> list[Place]:
    """The lines of the paragraph that begins so."""
    return places(layout, f"p{next(n for n, text in enumerate(texts) if text.startswith(beginning))}")


def codes_read(pdf: bytes, *expected: str) -> None:
    """The QR codes of page 1 are these, module by module, and each is large enough for a telephone."""
    page = pypdfium2.PdfDocument(pdf)[0]
    height = page.get_height()
    boxes = [one.get_bounds() for one in page.get_objects(filter=[3])]  # pictures
    boxes = sorted(box for box in boxes if abs((box[2] - box[0]) - (box[3] - box[1])) < 1)
    picture = Image.open(io.BytesIO(page_picture(pdf, 1, dpi=300))).convert("L")
    assert len(boxes) == len(expected)
    for (left, bottom, right, top), text in zip(boxes, expected, strict=True):
        modules = segno.make(text, error="q", micro=False, boost_error=False).matrix
        scale = 300 / 72
        part = picture.crop(tuple(round(x * scale) for x in (left, height - top, right, height - bottom)))
        ink = part.point(lambda value: 255 if value < 128 else 0).getbbox()
        assert ink is not None
        code, step = part.crop(ink), (ink[2] - ink[0]) / len(modules)
        assert step / 300 * 25.4 >= 0.25, "millimetres a module"
        read = [
            [code.getpixel((int((x + 0.5) * step), int((y + 0.5) * step))) < 128 for x in range(len(modules))]
            for y in range(len(modules))
        ]
        assert read == [[bool(module) for module in row] for row in modules]


@pytest.mark.parametrize("name", PAPER)
def test_a_form_has_its_code_under_the_type_area_of_page_one(renderer: Renderer, name: str) -> None:
    layout, texts = printed(renderer, name, ALL[name])
    codes_read(layout.pdf, PROOF["网址"])
    (code,) = of_text(layout, texts, "　验真码 ABCD-EFGH-JKLM-NPQR")
    assert (code.page, round(code.left)) == (1, 28)
    assert code.top >= 262


@pytest.mark.parametrize("name", PAPER)
def test_no_page_has_only_signatures(renderer: Renderer, name: str) -> None:
    layout, texts = printed(renderer, name, ALL[name])
    for page in range(1, layout.pages + 1):
        shown = [one for one in layout.places if one.page == page and one.key[0] == "p"]
        assert any(len(texts[int(one.key[1:])]) > 20 for one in shown), f"page {page}"


@pytest.mark.parametrize("name", ["承诺监督牌", "荣誉证书"])
@pytest.mark.parametrize("samples", [SAMPLES, LONG], ids=["usual", "long"])
def test_a_plaque_is_one_page_of_a4_landscape(renderer: Renderer, name: str, samples: dict[str, Any]) -> None:
    layout, _ = printed(renderer, name, samples[name])
    width, height = pypdfium2.PdfDocument(layout.pdf)[0].get_size()
    assert layout.pages == 1
    assert (round(width / 72 * 25.4), round(height / 72 * 25.4)) == (297, 210)
    assert all(one.left >= 0 and one.left + one.width <= 297 for one in layout.places)
    assert max(one.top + one.height for one in layout.places) <= 205


@pytest.mark.parametrize("samples", [SAMPLES, LONG], ids=["usual", "long"])
def test_the_plaque_discloses_six_sections_each_inside_its_place(
    renderer: Renderer, samples: dict[str, Any]
) -> None:
    data = samples["承诺监督牌"]
    layout, texts = printed(renderer, "承诺监督牌", data)
    below = 0.0
    for section, height in ROWS.items():
        said = data["公开"][section]
        lines = of_text(layout, texts, said.replace("\n", "")[:8] or "暂无。")
        first, last = min(one.top for one in lines), max(one.top + one.height for one in lines)
        assert first >= below, section
        assert last - first <= height, section
        below = last
    headings = "".join(texts)
    assert all(f"{name}公开" in headings for name in ROWS)
    (telephone,) = of_text(layout, texts, "监督电话：")
    assert "0598-1234567" in headings
    assert telephone.top >= below


def test_the_plaque_leads_to_the_noticeboard_and_to_its_own_page(renderer: Renderer) -> None:
    layout, texts = printed(renderer, "承诺监督牌", SAMPLES["承诺监督牌"])
    codes_read(layout.pdf, SAMPLES["承诺监督牌"]["公示网址"], PROOF["网址"])
    assert "验真码 ABCD-EFGH-JKLM-NPQR" in texts
    assert "照　片" in texts  # a place for it
    shown, _ = printed(renderer, "承诺监督牌", SAMPLES["承诺监督牌"] | {"照片": photograph()})
    assert shown.pages == 1


def photograph() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (350, 490), "#88a").save(out, "PNG")
    return out.getvalue()


def test_a_certificates_seal_lies_over_its_issuer_inside_the_frame(renderer: Renderer) -> None:
    layout, texts = printed(renderer, "荣誉证书", SAMPLES["荣誉证书"], "seal")
    (seal,) = places(layout, f"line:{line_id('seal')}")
    (issuer,) = of_text(layout, texts, "中共云溪市直机关工作委员会")
    assert (round(seal.width), round(seal.height)) == (42, 42)
    assert seal.left + 21 == pytest.approx(issuer.left + issuer.width / 2, abs=3)
    assert seal.top < issuer.top < seal.top + seal.height
    assert 20 < seal.left < 277 - 42
    assert seal.top + 42 < 194
    codes_read(layout.pdf, PROOF["网址"])


def test_a_public_notices_seal_lies_over_its_date(renderer: Renderer) -> None:
    layout, texts = printed(renderer, "公示", SAMPLES["公示"], "seal")
    (seal,) = places(layout, f"line:{line_id('seal')}")
    (dated,) = of_text(layout, texts, "2026年12月4日")
    assert seal.page == dated.page
    assert seal.top < dated.top < seal.top + 42
    said = "".join(texts)
    assert "公示期：2026年12月7日至2026年12月11日（5个工作日）。" in said
    assert "监督电话：0598-1234567" in said


def test_a_report_ends_with_its_signature(renderer: Renderer) -> None:
    layout, texts = printed(renderer, "述职报告", SAMPLES["述职报告"], "reporter")
    (line,) = places(layout, f"line:{line_id('reporter')}")
    (closing,) = of_text(layout, texts, "以上报告，请予评议。")
    assert (line.page, closing.page) == (layout.pages, layout.pages)
    assert closing.top < line.top < 262
    assert [text for text in texts if text[1:2] == "、"] == [
        "一、履行职责情况", "二、存在的问题和不足", "三、廉洁自律情况", "四、下一步打算",
    ]  # fmt: skip


def test_an_approval_form_has_every_opinion_and_no_place_to_sign(renderer: Renderer) -> None:
    _, texts = printed(renderer, "审批单", SAMPLES["审批单"])
    assert Template.load(template("审批单")).slots == ()
    for act in SAMPLES["审批单"]["审批"]:
        for part in ("环节", "姓名", "职务", "决定", "意见"):
            assert act[part] is None or act[part] in texts, part
    assert "（后加签）" in texts and "（前加签）" in texts
    assert "2026年3月4日" in texts
    many = [{"环节": "会签", "姓名": "何静姝", "意见": "同意。", "日期": date(2026, 3, 4)}] * 60
    long, _ = printed(renderer, "审批单", SAMPLES["审批单"] | {"审批": many})
    assert long.pages > 2


def test_text_is_cut_to_the_lines_that_there_is_room_for() -> None:
    assert [line_count(text, 4) for text in ("", "一二三四", "一二三四五", "一\n二", "abcdefgh", "一二三四\n\n五")] == [
        1, 1, 2, 2, 1, 3,
    ]  # fmt: skip
    assert cut("一二三四\n五", 2, 4) == "一二三四\n五"
    assert cut("一二三四五六七八九", 2, 4) == "一二三四五六……"
    assert (
        cut("一，二，三四五六", 1, 4) == "一，……".replace("，", "") or cut("一，二，三四五六", 1, 4) == "一……"
    )
    assert cut("一二\n三四\n五六", 2, 4) == "一二\n三四……"
