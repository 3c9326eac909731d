"""The page that checks a file's format, as a browser without JavaScript sees it."""

from __future__ import annotations

import io
import re

import docx

from engine.documents.templates import Template
from tests.documents.samples import SAMPLES, template
from tests.web.conftest import Visit


def plain() -> bytes:
    file = docx.Document()
    for words in ("关于开展检查工作的通知", "各单位:", "根据安排，现就有关事项通知如下。"):
        file.add_paragraph(words)
    out = io.BytesIO()
    file.save(out)
    return out.getvalue()


def upload(content: bytes, **more: str) -> dict[str, object]:
    return {"file": (io.BytesIO(content), "通知.docx"), **more}


def test_findings_are_numbered_on_the_pages_and_told_beside_them(visit: Visit) -> None:
    member = visit("suxiaoman")
    member.get("/documents")
    member.get(member.link("检查版式"))
    assert member.post("/checks", upload(plain())).status_code == 200
    assert "处不合标准" in member.page and "按“法定公文”" in member.page
    assert "data:image/png;base64," in member.page
    told = re.findall(r'<li id="d(\d+)"', member.page)
    marked = re.findall(r'<i id="m(\d+)">', member.page)
    assert told == [str(number) for number in range(1, len(told) + 1)]
    assert marked and set(marked) < set(told)  # what is about the whole file has no place on a page
    assert set(re.findall(r'href="#m(\d+)"', member.page)) == set(marked)
    for left, top, width, height in re.findall(
        r"left:([\d.]+)%;top:([\d.]+)%;width:([\d.]+)%;height:([\d.]+)%", member.page
    ):
        assert 0 <= float(left) <= float(left) + float(width) <= 100
        assert 0 <= float(top) <= float(top) + float(height) <= 100


def test_a_file_as_the_standard_wants_it(visit: Visit) -> None:
    member = visit("suxiaoman")
    member.get("/checks")
    content = Template.load(template("承诺书")).fill(SAMPLES["承诺书"])
    assert member.post("/checks", upload(content)).status_code == 200
    assert "没有发现不合标准之处" in member.page and "按“其他文书”" in member.page
    assert member.post("/checks", upload(content, profile="法定公文")).status_code == 200
    assert "发文字号" in member.page and "7.2.5" in member.page


def test_what_is_no_word_file_is_refused_with_a_sentence(visit: Visit) -> None:
    member = visit("suxiaoman")
    member.get("/checks")
    for content in (b"", b"%PDF-1.7", b"PK\x03\x04 broken"):
        assert member.post("/checks", upload(content)).status_code == 422
        assert 'role="alert"' in member.page and "请" in member.page
    assert member.post("/checks", upload(plain(), profile="公报")).status_code == 422
    assert "没有“公报”这种版式" in member.page


def test_strangers_check_nothing(visit: Visit) -> None:
    stranger = visit("")
    assert stranger.get("/checks").status_code == 302
    assert stranger.post("/checks", upload(plain())).status_code in (302, 400)
