"""Where the elements of every kind of 法定公文 stand on paper, measured in the PDF in millimetres (GB/T 9704-2012)."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from ctypes import c_double
from dataclasses import dataclass
from typing import Any

import pypdfium2
import pytest
from PIL import ImageChops
from pypdfium2 import raw

from engine.documents import imprint
from engine.documents.pdf import Rendered, Renderer
from engine.documents.signature_lines import Line, insert_signature_lines, line_id
from engine.documents.templates import Template
from tests.documents.official_samples import SAMPLES
from tests.documents.samples import NOTICE, template

LEFT, RIGHT, TOP, BOTTOM = 28.0, 184.0, 37.0, 262.0  # of the type area (5.2.1)
CHARACTER, PITCH, SEAL = 15.75 / 72 * 25.4, 28.95 / 72 * 25.4, 42.0
RED_HEADS = ("公文", "通知", "印发通知", "通报", "决定", "批复", "请示", "报告")
DATA = {**SAMPLES, "印发通知": NOTICE | {"验真": SAMPLES["公文"]["验真"]}}
DATE = "2026年6月18日"


@dataclass(frozen=True)
class Ink:
    """A character, a line of text or a stroke on the page; millimetres from its upper left corner.

    :ivar left: of a character's square, as ``right``; ``top`` and ``bottom`` are those of its strokes
    :ivar base: the line that it stands on
    """

    left: float
    top: float
    right: float
    bottom: float
    text: str = ""
    base: float = 0.0

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2

    @property
    def height(self) -> float:
        return self.bottom - self.top


class Print:
    def __init__(self, rendered: Rendered, docx: bytes) -> None:
        self.rendered, self.docx = rendered, docx
        self.pdf = pypdfium2.PdfDocument(rendered.pdf)
        self.pages = range(1, rendered.pages + 1)

    @functools.cache  # noqa: B019 (a handful of pages)
    def rows(self, page: int) -> list[list[Ink]]:
        """The characters with their ink, line by line from the top."""
        text, origin = self.pdf[page - 1].get_textpage(), (c_double(), c_double())
        rows: dict[int, list[Ink]] = {}
        for index in range(text.count_chars()):
            character = text.get_text_range(index, 1)
            if character.strip():
                _, bottom, _, top = (297 - mm(edge) for edge in text.get_charbox(index))
                left, _, right, _ = (mm(edge) for edge in text.get_charbox(index, loose=True))
                raw.FPDFText_GetCharOrigin(text, index, *origin)
                base = 297 - mm(origin[1].value)
                rows.setdefault(round(base / 2), []).append(Ink(left, top, right, bottom, character, base))
        return [sorted(row, key=lambda ink: ink.left) for _, row in sorted(rows.items())]

    def lines(self, page: int) -> list[Ink]:
        return [joined(row) for row in self.rows(page)]

    def find(self, words: str, page: int = 0) -> Ink:
        """Where words stand, on one page or whichever has them."""
        for number in [page] if page else self.pages:
            for row in self.rows(number):
                at = "".join(ink.text for ink in row).find(words)
                if at >= 0:
                    return joined(row[at : at + len(words)])
        raise AssertionError(f"{words} is on no page")

    def page_of(self, words: str) -> int:
        return next(number for number in self.pages if any(words in line.text for line in self.lines(number)))

    @functools.cache  # noqa: B019
    def red(self, page: int) -> list[Ink]:
        """Bands of red ink, from the top."""
        unit = 25.4 / 300
        red, green, _ = self.pdf[page - 1].render(scale=300 / 72).to_pil().convert("RGB").split()
        mask = ImageChops.multiply(
            red.point(lambda v: 255 * (v > 150)), green.point(lambda v: 255 * (v < 110))
        )
        bands, start = list[Ink](), 0
        boxes = [mask.crop((0, y, mask.width, y + 1)).getbbox() for y in range(mask.height)]
        for inked, group in itertools.groupby(boxes, key=bool):
            found = list(group)
            end = start + len(found)
            if inked:
                left, right = min(box[0] for box in found), max(box[2] for box in found)
                bands.append(Ink(left * unit, start * unit, right * unit, end * unit))
            start = end
        return bands

    def rules(self, page: int) -> list[Ink]:
        """Horizontal lines of tables, from the top, joined from cell to cell; pdfium's box is twice as high as the stroke."""
        found: dict[float, list[Ink]] = {}
        for thing in self.pdf[page - 1].get_objects(filter=(raw.FPDF_PAGEOBJ_PATH,)):
            left, bottom, right, top = (mm(edge) for edge in thing.get_bounds())
            half, middle = (top - bottom) / 4, 297 - (top + bottom) / 2
            if top - bottom < 2:
                found.setdefault(round(middle, 1), []).append(
                    Ink(left + half, middle - half, right - half, middle + half)
                )
        return [joined(rules) for _, rules in sorted(found.items())]

    def picture(self, page: int) -> Ink:
        (thing,) = self.pdf[page - 1].get_objects(filter=(raw.FPDF_PAGEOBJ_IMAGE,))
        left, bottom, right, top = (mm(edge) for edge in thing.get_bounds())
        return Ink(left, 297 - top, right, 297 - bottom)

    def seals(self) -> list[tuple[int, Ink]]:
        """Page and place of each, in the order of the agencies."""
        keys = [f"line:{line_id(slot)}" for _, slot in Template(self.docx).slots]
        places = {place.key: place for place in self.rendered.places}
        return [
            (at.page, Ink(at.left, at.top, at.left + at.width, at.top + at.height))
            for at in (places[key] for key in keys)
        ]


def mm(points: float) -> float:
    return points / 72 * 25.4


def joined(inks: list[Ink]) -> Ink:
    return Ink(
        min(ink.left for ink in inks),
        min(ink.top for ink in inks),
        max(ink.right for ink in inks),
        max(ink.bottom for ink in inks),
        "".join(ink.text for ink in inks),
        max(ink.base for ink in inks),
    )


Printed = Callable[..., Print]


@pytest.fixture(scope="session")
def printed() -> Iterator[Printed]:
    """A template filled with its sample and changes of it, with empty places for its seals, printed; each only once."""
    with Renderer() as renderer:
        known: dict[str, Print] = {}

        def found(name: str, **changes: Any) -> Print:
            key = f"{name}{changes}"
            if key not in known:
                data = DATA[name] | changes
                filled = Template.load(template(name)).fill(data)
                lined = insert_signature_lines(filled, [Line(slot) for _, slot in Template(filled).slots])
                known[key] = Print(renderer.render(lined), filled)
            return known[key]

        yield found


def near(value: float, within: float = 0.6) -> object:
    return pytest.approx(value, abs=within)


# ---- 版头


@pytest.mark.parametrize(("name", "top"), [*((name, 72) for name in RED_HEADS), ("纪要", 72), ("函", 30)])
def test_mark_stands_35_mm_under_the_type_area_or_30_under_the_page(
    printed: Printed, name: str, top: float
) -> None:
    mark = printed(name).red(1)[0]
    assert mark.top == near(top, 1)
    assert name == "报告" or name == "通知" or mark.middle == near((LEFT + RIGHT) / 2, 1)


@pytest.mark.parametrize("name", [*RED_HEADS, "纪要"])
def test_red_line_is_4_mm_under_the_number_and_as_wide_as_the_text(printed: Printed, name: str) -> None:
    page = printed(name)
    line, number = page.red(1)[-1], page.find("号", 1)
    assert (line.left, line.right) == (near(LEFT, 0.3), near(RIGHT, 0.3))
    assert line.top - number.bottom == near(4)


def test_copy_number_secrecy_and_urgency_are_stacked_from_the_first_line(printed: Printed) -> None:
    page = printed("公文")
    found = [page.find(words, 1) for words in ("000012", "1年", "加急")]
    assert page.lines(1)[0].text == "000012"
    assert all(line.left >= LEFT - 0.2 for line in found) and found[0].left == near(LEFT)
    assert all(below.base - above.base == near(PITCH, 0.3) for above, below in itertools.pairwise(found))


def test_number_stands_two_lines_under_the_mark(printed: Printed) -> None:
    page = printed("公文")
    mark, number = page.red(1)[0], page.find("号", 1)
    assert number.top - mark.bottom == near(2 * PITCH + 2.5, 1)
    assert page.lines(1)[4].middle == near((LEFT + RIGHT) / 2)


def test_signers_stand_two_a_line_with_the_number_on_the_last(printed: Printed) -> None:
    page = printed("报告")
    label, number = page.find("签发人：", 1), page.find("云财", 1)
    first, second, third = (page.find(name, 1) for name in ("李建国", "吴志明", "黄秀英"))
    assert number.left == near(LEFT + CHARACTER)
    assert second.right == near(RIGHT - CHARACTER, 1)
    assert third.left == near(first.left, 0.4) and label.left < first.left < second.left
    assert first.base == near(second.base, 0.1) and third.base - first.base == near(PITCH, 0.3)
    assert number.base == near(third.base, 0.1)


def test_single_signer_ends_a_character_from_the_edge(printed: Printed) -> None:
    page = printed("请示")
    assert page.find("李建国", 1).right == near(RIGHT - CHARACTER, 1)
    assert page.find("签发人：李建国", 1).base == near(page.find("云财党", 1).base, 0.1)


@pytest.mark.parametrize("name", ["报告", "通知"])
def test_agencies_of_a_joint_document_share_one_width_beside_wenjian(printed: Printed, name: str) -> None:
    page = printed(name)
    agencies = SAMPLES[name]["联合发文机关"]
    rows = page.rows(1)[: len(agencies)]
    names = [joined([ink for ink in row if ink.text not in "文件"]) for row in rows]
    assert [line.text for line in names] == agencies
    assert {round(line.left) for line in names} == {round(names[0].left)}
    assert max(line.right for line in names) - min(line.right for line in names) < 1.5
    wenjian = joined([ink for row in rows for ink in row if ink.text in "文件"])
    assert wenjian.left > max(line.right for line in names)
    assert (wenjian.top + wenjian.bottom) / 2 == near((names[0].top + names[-1].bottom) / 2)


@pytest.mark.parametrize("count", [4, 6])
def test_first_page_has_text_however_many_agencies_there_are(printed: Printed, count: int) -> None:
    agencies = [f"云溪市{name}局" for name in ("民政", "财政", "审计", "统计", "水利", "林业")][:count]
    page = printed(
        "公文",
        联合发文机关=agencies,
        签发人=["李建国", "吴志明", "黄秀英", "陈刚", "林向阳", "何静怡"][:count],
    )
    assert any("为推动机关" in line.text for line in page.lines(1))


# ---- 主体


def test_title_stands_two_lines_under_the_red_line_and_the_addressees_one_under_it(printed: Printed) -> None:
    page = printed("公文")
    title, last, to = (
        page.find(words, 1) for words in ("关于开展", "履责情况专项检查的通知", "市直机关各党委")
    )
    assert title.top - page.red(1)[-1].bottom == near(2 * PITCH + 2, 1)
    assert last.middle == near((LEFT + RIGHT) / 2)
    assert to.top - last.bottom == near(PITCH + 4, 1) and to.left == near(LEFT)


@pytest.mark.parametrize("name", ["公文", "请示", "函"])
def test_full_page_has_22_lines_of_28_characters(printed: Printed, name: str) -> None:
    page = printed(name, 正文="中" * 28 * 40)
    rows = [line for line in page.lines(2) if line.bottom < BOTTOM]
    assert len(rows) == 22 and {len(line.text) for line in rows} == {28}
    assert rows[0].top > TOP and rows[-1].bottom < BOTTOM
    assert (rows[0].left, rows[0].right) == (near(LEFT), near(RIGHT))


def test_names_of_attachments_wrap_under_their_first_character(printed: Printed) -> None:
    page = printed("公文")
    assert page.find("附件：", 2).left == near(LEFT + 2 * CHARACTER)
    first, second = page.find("履责情况自查报告提纲", 2), page.find("履责情况专项检查评分", 2)
    below = page.lines(2)[[line.text.startswith("2.履责") for line in page.lines(2)].index(True) + 1]
    assert second.left == near(first.left, 0.4) and below.left == near(second.left)
    assert page.find("附件：", 2).base - page.find("0598", 2).base == near(2 * PITCH)


@pytest.mark.parametrize("name", ["公文", "决定", "请示"])
def test_annex_has_its_mark_on_the_first_line_and_its_title_on_the_third(printed: Printed, name: str) -> None:
    page = printed(name)
    number = next(n for n in page.pages if page.lines(n)[0].text in ("附件", "附件1"))
    mark, title = page.lines(number)[:2]
    assert mark.left == near(LEFT) and mark.top == near(TOP + 3.5, 1)
    assert title.middle == near((LEFT + RIGHT) / 2) and title.base - mark.base == near(2 * PITCH, 1)


@pytest.mark.parametrize("name", ["公文", "印发通知", "通报", "决定", "批复", "请示", "函"])
def test_seal_lies_over_issuer_and_date(printed: Printed, name: str) -> None:
    page = printed(name)
    data = DATA[name]
    day = data["成文日期"]
    ((number, seal),) = page.seals()
    date = page.find(f"{day.year}年{day.month}月{day.day}日", number)
    (issuer,) = [
        line for line in page.lines(number) if line.text == data["发文机关"] and line.bottom < date.top
    ][-1:]
    assert date.right == near(RIGHT - 4 * CHARACTER, 1)
    assert issuer.middle == near(date.middle, 2) and seal.middle == near(date.middle, 2)
    assert seal.top < issuer.top and date.bottom < seal.bottom and seal.height == near(SEAL, 0.1)
    assert (seal.top + seal.bottom) / 2 < (issuer.top + date.bottom) / 2 + 0.5
    above = max(line.bottom for line in page.lines(number) if line.bottom < issuer.top)
    assert 0 < seal.top - above < PITCH


AGENCIES = ["云溪市民政局", "云溪市财政局", "云溪市审计局", "云溪市统计局", "云溪市水利局", "云溪市林业局"]
LONG = ["中共云溪市直机关工作委员会", "云溪市人力资源和社会保障局", "云溪市财政局"]


@pytest.mark.parametrize("agencies", [*(AGENCIES[:count] for count in (2, 3, 4, 5, 6)), LONG[:2], LONG])
def test_seals_of_a_joint_document_stand_apart_each_over_its_agency(
    printed: Printed, agencies: list[str]
) -> None:
    page = printed("通知", 联合发文机关=agencies, 附件=None, 附件正文=None)
    seals = page.seals()
    (number,) = {number for number, _ in seals}
    body = page.find("请及时向市委组织部反映", number)
    assert len(seals) == len(agencies)
    for (_, one), (_, other) in itertools.combinations(seals, 2):
        across, down = abs(one.middle - other.middle), abs(one.top - other.top)
        assert across > SEAL + 1 or down > SEAL + 1
    for agency, (_, seal) in zip(agencies, seals, strict=True):
        name = page.find(agency, number)
        assert name.middle == near(seal.middle, 0.8)
        assert seal.left > LEFT and seal.right < RIGHT
        assert 0 < (name.top + name.bottom) / 2 - (seal.top + seal.bottom) / 2 < 5
    assert 0 < min(seal.top for _, seal in seals) - body.bottom < PITCH
    last, date = seals[-1][1], page.find(DATE, number)
    assert date.middle == near(last.middle, 2) and last.top < date.top and date.bottom < last.bottom
    assert date.right == near(RIGHT - 4 * CHARACTER, 1)
    rows = [sum(abs(seal.top - top) < 1 for _, seal in seals) for top in {round(s.top) for _, s in seals}]
    assert max(rows) <= 3


@pytest.mark.parametrize("name", ["通知", "请示"])
def test_no_page_carries_seals_and_no_text(printed: Printed, name: str) -> None:
    for count in (7, 9, 29):
        page = printed(name, 正文="中" * (28 * count - 2), 附件=None, 附件正文=None)
        for number, _ in page.seals():
            assert any("中中" in line.text for line in page.lines(number)), count
        assert "此页无正文" not in "".join(line.text for number in page.pages for line in page.lines(number))


@pytest.mark.parametrize(
    ("issuer", "indent"), [("中共云溪市直机关工作委员会", 2), ("云溪市林业局", 5), ("市教委", 8)]
)
def test_unsealed_date_starts_two_characters_right_of_the_issuer(
    printed: Printed, issuer: str, indent: int
) -> None:
    """A date longer than the name ends two characters from the edge, and the name moves (7.3.5.2)."""
    page = printed("公文", 用印方式="不盖章", 发文机关=issuer, 附件=None, 附件正文=None)
    number = page.page_of(DATE)
    date = page.find(DATE, number)
    name = [line for line in page.lines(number) if line.text == issuer][-1]
    assert date.left - name.left == near(2 * CHARACTER) and date.base - name.base == near(PITCH)
    assert RIGHT - name.right == near(indent * CHARACTER)
    assert RIGHT - date.right >= 2 * CHARACTER - 1
    above = max(line.bottom for line in page.lines(number) if line.bottom < name.top)
    assert name.top - above == near(PITCH + 4.6, 1.2)


def test_signature_stamp_stands_four_characters_from_the_edge_beside_the_post(printed: Printed) -> None:
    page = printed("公文", 用印方式="签名章", 签发人职务="书记", 附件=None, 附件正文=None)
    ((number, stamp),) = page.seals()
    post, date = page.find("书记", number), page.find(DATE, number)
    assert stamp.right == near(RIGHT - 4 * CHARACTER, 1) and date.right == near(RIGHT - 4 * CHARACTER, 1)
    assert stamp.left - post.right == near(2 * CHARACTER, 1)
    assert (post.top + post.bottom) / 2 == near((stamp.top + stamp.bottom) / 2, 1.5)
    assert date.top - stamp.bottom == near(PITCH + 2.3, 2)


def test_note_stands_two_characters_from_the_left_under_the_date(printed: Printed) -> None:
    page = printed("公文")
    note, date = page.find("（此件公开发布）"), page.find(DATE)
    assert note.text and note.left == near(LEFT + 2 * CHARACTER)
    assert note.base - date.base == near(PITCH)


def test_results_repeat_their_head_on_every_page(printed: Printed) -> None:
    page = printed("通报")
    with_rows = [n for n in page.pages if any("局党委" in line.text for line in page.lines(n))]
    assert len(with_rows) == 2
    assert all(any(line.text == "序号单位得分等次" for line in page.lines(n)) for n in with_rows)


# ---- 版记, 页码, 验真码


@pytest.mark.parametrize("name", [*RED_HEADS, "纪要"])
def test_imprint_stands_on_the_bottom_of_the_type_area(printed: Printed, name: str) -> None:
    page = printed(name)
    last = page.pages[-1]
    lines = page.rules(last)[-3:] if "抄送" in DATA[name] else page.rules(last)[-2:]
    assert lines[-1].bottom == near(BOTTOM, 0.3)
    assert [line.height for line in lines] == near([0.35, *[0.25] * (len(lines) - 2), 0.35], 0.04)
    assert all((line.left, line.right) == (near(LEFT, 0.4), near(RIGHT, 0.4)) for line in lines)
    printing = next(line for line in reversed(page.lines(last)) if line.text.endswith("印发"))
    assert printing.left == near(LEFT + mm(14)) and printing.right == near(RIGHT - mm(14))
    assert lines[-2].bottom < printing.top and printing.bottom < lines[-1].top


def test_addressees_that_are_too_many_stand_in_the_imprint(printed: Printed) -> None:
    page = printed("通知", 主送移至版记=True, 联合发文机关=None, 附件=None, 附件正文=None)
    last = page.pages[-1]
    assert not any("市直各单位党委" in line.text for line in page.lines(1))
    to, copies = page.find("主送：市直各单位党委", last), page.find("抄送：市文明办。", last)
    assert to.bottom < copies.top
    assert not any(to.bottom < rule.top < copies.top for rule in page.rules(last))


@pytest.mark.parametrize("name", [*RED_HEADS, "纪要"])
def test_page_numbers_stand_7_mm_under_the_type_area_at_the_outer_edge(printed: Printed, name: str) -> None:
    page = printed(name)
    for number in page.pages:
        (found,) = [line for line in page.lines(number) if line.text == f"—{number}—"]
        dash = page.rows(number)[-1][0] if number % 2 == 0 else page.find("—", number)
        assert dash.top == near(BOTTOM + 7, 0.7)
        edge, wanted = (found.right, RIGHT) if number % 2 else (found.left, LEFT)
        assert abs(edge - wanted) == near(mm(14), 0.8)


@pytest.mark.parametrize("name", [*RED_HEADS, "纪要", "函"])
def test_code_stands_under_the_type_area_of_page_1(printed: Printed, name: str) -> None:
    page = printed(name)
    code, text = page.picture(1), page.find("验真码7KQM-4XVD-9HRT-2WPA", 1)
    assert code.left == near(LEFT, 0.2) and code.top > BOTTOM + 2
    assert text.left > code.right and text.right < 120 and text.top > BOTTOM
    if name == "函":
        assert code.bottom < page.red(1)[-2].top


def test_without_a_code_there_is_none(printed: Printed) -> None:
    page = printed("批复", 验真=None)
    assert not any("验真" in line.text for line in page.lines(1))


# ---- 信函, 纪要


def test_letter_has_two_double_lines_on_page_1_and_no_page_number(printed: Printed) -> None:
    page = printed("函", 正文="中" * 28 * 30)
    mark, thick, thin, *others = page.red(1)
    upper, lower = others[-2:]
    for line in (thick, thin, upper, lower):
        assert (line.left, line.right) == (near(20, 0.3), near(190, 0.3))
    assert thick.height > 2 * thin.height and lower.height > 2 * upper.height
    assert thick.top - mark.bottom == near(4)
    assert upper.top == near(277, 0.5)
    number = page.find("云工委函〔2026〕27号", 1)
    assert number.right == near(RIGHT) and number.top - thin.bottom == near(7 / 8 * mm(16))
    assert not any("—" in line.text for line in page.lines(1)) and any(
        line.text == "—2—" for line in page.lines(2)
    )
    assert not [line for line in page.red(2) if line.right - line.left > 100]


def test_letter_names_copies_at_the_foot_without_lines(printed: Printed) -> None:
    page = printed("函")
    assert page.find("抄送：市委组织部。").bottom == near(BOTTOM - 1.8, 1)
    assert not any(TOP + 20 < rule.top < BOTTOM for rule in page.rules(1)) and "印发" not in "".join(
        line.text for line in page.lines(1)
    )


def test_letter_keeps_its_imprint_on_its_last_page_whichever_that_is(printed: Printed) -> None:
    docx = insert_signature_lines(printed("函").docx, [Line("seal")])
    assert imprint.placed(docx, lambda _: pytest.fail("there is nothing to measure")) == docx


def test_letter_stacks_its_secrecy_at_the_left_of_the_number(printed: Printed) -> None:
    page = printed("函", 份号="000001", 紧急程度="特急")
    copy, urgency, title = (page.find(words, 1) for words in ("000001", "特急", "关于商请"))
    assert copy.left == near(LEFT) and copy.base == near(page.find("号", 1).base)
    assert urgency.base - copy.base == near(PITCH)
    assert title.top - urgency.bottom == near(2 * PITCH + 4, 1.5)


def test_minutes_list_who_was_there(printed: Printed) -> None:
    page = printed("纪要")
    number = page.page_of("出席：")
    labels = [page.find(f"{label}：", number) for label in ("出席", "请假", "列席")]
    assert all(label.left == near(LEFT + 2 * CHARACTER) for label in labels)
    below = page.lines(number)[[line.text.startswith("出席") for line in page.lines(number)].index(True) + 1]
    assert below.left == near(LEFT + 5 * CHARACTER)
    assert page.seals() == []
