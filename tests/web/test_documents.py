"""Signing on the page, what the register shows afterwards, and the verification of files that somebody brings."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from click.testing import CliRunner

from engine import ProcessEngine
from engine.shipped import DOC_TEMPLATES, PROCESSES
from tests.web.conftest import Visit, Visitor, World
from web.cli import main

STROKES = json.dumps([[[60 + 40 * n, 40, 100 * n], [100 + 40 * n, 150, 100 * n + 50]] for n in range(4)])
AREAS = ("思想政治", "履行岗位职责", "服务经济发展", "结对帮带帮扶", "廉政建设", "参加组织生活")


@pytest.fixture
def ready(engine: ProcessEngine, world: World) -> None:
    """The commitment letter's process, and an authority that signs."""
    engine.create_authority()
    files = [*(PROCESSES / "member_commitment").iterdir(), *DOC_TEMPLATES.glob("承诺*.docx")]
    engine.deploy({path.name: path.read_bytes() for path in files})


def to_sign(visit: Visit, engine: ProcessEngine, *, post: str = "科员") -> Visitor:
    """A member whose letter is drawn up and lies open before him."""
    member, secretary = visit("suxiaoman"), visit("chengligong")
    member.get("/start/member_commitment")
    assert member.post("/start/member_commitment", {"年度": "2026"}).status_code == 302, member.page
    engine.run_jobs()
    member.get("/inbox")
    item = member.link("自主定责")
    member.get(item)
    goals: dict[str, Any] = {}
    for at, _area in enumerate(AREAS):
        for column in ("目标", "数量", "质量", "时限"):
            goals[f"承诺-{at}-{column}"] = f"{column}{at}"
    sent = {"岗位": post, "科室": "办公室", "监督方式": ["会议"], **goals}
    assert member.post(f"{item}/completion", sent).status_code == 302, re.findall(
        r'class="wrong".*', member.page
    )
    engine.run_jobs()
    secretary.get("/inbox")
    review = secretary.link("审核承诺")
    secretary.get(review)
    sent = {"审核决定": "同意", "支部意见": "同意其承诺。"}
    assert secretary.post(f"{review}/completion", sent).status_code == 302, re.findall(
        r'class="wrong".*', secretary.page
    )
    engine.run_jobs()
    member.get("/inbox")
    member.get(member.link("签署"))
    return member


def path_of(visitor: Visitor) -> str:
    found = re.search(r'action="(/work-items/\d+)/completion"', visitor.page)
    assert found
    return found[1]


def shown(visitor: Visitor) -> dict[str, str]:
    """The digests that the page carries: what was shown."""
    return dict(re.findall(r'name="(_shown-\d+)" value="([0-9a-f]{64})"', visitor.page))


def wrong(visitor: Visitor, name: str) -> bool:
    return f'id="e-{name}"' in visitor.page


def test_a_character_that_no_font_has_is_told_before_signing_and_on_the_document(
    ready: None, visit: Visit, engine: ProcessEngine
) -> None:
    member = to_sign(visit, engine, post="𠀀䶮岗")  # Noto has the second
    assert "本机字体缺少“𠀀”（U+20000）字" in member.page
    (found,) = re.findall(r'href="(/documents/\d+)"', member.page)
    member.get(found)
    assert "本机字体缺少“𠀀”（U+20000）字" in member.page and "安装含有该字的字体" in member.page


def test_a_letter_is_signed_and_a_stranger_can_check_it(
    ready: None, visit: Visit, engine: ProcessEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LVZE_HOME", str(tmp_path / "nothing"))
    member = to_sign(visit, engine)
    item, digests = path_of(member), shown(member)
    assert len(digests) == 1
    read = {"已阅": "true", "_outcome": "已签", "_way": "电子", **digests}

    assert member.post(f"{item}/completion", read).status_code == 422 and wrong(member, "_signature")
    unread = member.post(
        f"{item}/completion", {**read, "已阅": "false", "_strokes": STROKES, "_opinion": "我的意见"}
    )
    assert unread.status_code == 422 and wrong(member, "已阅")
    assert STROKES.replace('"', "&#34;") in member.page, "the handwriting is not lost"
    assert "我的意见" in member.page
    assert member.post(f"{item}/completion", {**read, "_strokes": "[[["}).status_code == 422
    assert member.post(f"{item}/completion", {**read, "_strokes": '{"a": 1}'}).status_code == 422
    other = dict.fromkeys(digests, "0" * 64)
    assert member.post(f"{item}/completion", {**read, **other, "_strokes": STROKES}).status_code in (409, 422)

    assert member.post(f"{item}/completion", {**read, "_strokes": STROKES}).status_code == 302
    engine.run_jobs()
    document = next(iter(engine.documents(by=person(engine, member))))
    preview = member.get(f"/documents/{document.id}.pdf")
    assert "预览，没有电子签名" in unquote(preview.headers["Content-Disposition"])
    assert "PDF 预览（未签名）" in member.get(f"/documents/{document.id}").get_data(as_text=True)
    secretary = visit("chengligong")
    secretary.get(secretary.link("签署"))
    sent = {"已核对": "true", "_outcome": "已签", "_way": "电子", "_strokes": STROKES, **shown(secretary)}
    assert secretary.post(f"{path_of(secretary)}/completion", sent).status_code == 302
    engine.run_jobs()

    page = member.get(f"/documents/{document.id}").get_data(as_text=True)
    assert "签名全部有效" in page and "程立功" in page and "苏小满" in page
    file = member.get(f"/documents/{document.id}.docx")
    assert file.headers["Content-Disposition"].startswith("attachment") and file.data[:2] == b"PK"
    pages = member.get(f"/documents/{document.id}/pages").get_data(as_text=True)
    picture = re.findall(r'src="([^"]+)"', pages)[0].replace("&amp;", "&")
    assert member.get(picture).data[:8] == b"\x89PNG\r\n\x1a\n"

    stranger = visit("")
    assert "/login" in stranger.get(f"/documents/{document.id}.docx").location
    stranger.get("/verification")
    stranger.post("/verification", {"file": (io.BytesIO(file.data), "承诺书.docx")})
    assert "签名全部有效" in stranger.page and "苏小满" in stranger.page
    finished = member.get(f"/documents/{document.id}.pdf")
    assert "预览" not in unquote(finished.headers["Content-Disposition"])
    stranger.post("/verification", {"file": (io.BytesIO(finished.data), "承诺书.pdf")})
    assert "签名全部有效" in stranger.page and "程立功" in stranger.page
    for original, name in ((file.data, "承诺书.docx"), (finished.data, "承诺书.pdf")):
        broken = bytearray(original)
        broken[len(broken) // 2] ^= 1
        stranger.post("/verification", {"file": (io.BytesIO(bytes(broken)), name)})
        assert (
            re.search("没有通过验证|不能相信|不能确认", stranger.page) and "签名全部有效" not in stranger.page
        )
        for content, code in ((original, 0), (bytes(broken), 1)):
            (tmp_path / name).write_bytes(content)
            assert CliRunner().invoke(main, ["verify", str(tmp_path / name)]).exit_code == code
    other_person = visit("dingyifan")
    assert other_person.get(f"/documents/{document.id}.docx").status_code in (403, 404)

    board = visit("suxiaoman")
    board.get("/noticeboard/")
    assert "苏小满" in board.page
    stranger.get("/noticeboard/")
    assert "苏小满" not in stranger.page, "the unit's notices are not for the street"


def person(engine: ProcessEngine, visitor: Visitor) -> int:
    with visitor.client.session_transaction() as session:
        account = engine.resume_session(session["account"], session["version"])
    assert account is not None
    return account.person_id


def test_refusing_and_paper_need_their_proof(ready: None, visit: Visit, engine: ProcessEngine) -> None:
    member = to_sign(visit, engine)
    item = path_of(member)
    base = {"已阅": "true", **shown(member)}
    refusal = {**base, "_outcome": "拒签"}
    assert member.post(f"{item}/completion", refusal).status_code == 422 and wrong(member, "_reason")
    cannot = {**base, "_outcome": "无法签", "_reason": "手伤"}
    assert member.post(f"{item}/completion", cannot).status_code == 422 and wrong(member, "_witness")
    assert re.search(r'<option value="\d+">丁一凡', member.page), "a colleague may witness it"
    assert not re.search(r'<option value="\d+">苏小满', member.page), "oneself may not"
    paper = {**base, "_outcome": "已签", "_way": "纸质"}
    assert member.post(f"{item}/completion", paper).status_code == 422 and wrong(member, "_scan")
    exe = {**paper, "_scan": (io.BytesIO(b"MZ\x90\x00"), "scan.pdf")}
    assert member.post(f"{item}/completion", exe).status_code == 422 and wrong(member, "_scan")
    assert member.post(f"{item}/completion", {**base, "_outcome": "随便"}).status_code == 422
    scan = {**paper, "_scan": (io.BytesIO(b"%PDF-1.7\n%%EOF"), "scan.pdf")}
    assert member.post(f"{item}/completion", scan).status_code == 302
    engine.run_jobs()
    document = next(iter(engine.documents(by=person(engine, member))))
    page = member.get(f"/documents/{document.id}").get_data(as_text=True)
    assert "已签（纸质）" in page and "电子签名验证" not in page, "a paper signature is no cryptographic one"
    assert "不是电子签名；经办人苏小满证明扫描件与原件一致" in page
    scan = member.get(f"/documents/{document.id}/scans/member")
    assert (scan.data, scan.mimetype) == (b"%PDF-1.7\n%%EOF", "application/pdf")
    assert member.get(f"/documents/{document.id}/scans/secretary").status_code == 404
    assert "/login" in visit("").get(f"/documents/{document.id}/scans/member").location


def not_a_docx() -> bytes:
    return b"MZ" + b"\0" * 100


def a_bomb() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("[Content_Types].xml", "<x/>")
        package.writestr("word/document.xml", b"0" * 120_000_000)
    return held.getvalue()


@pytest.mark.parametrize("content", [not_a_docx, a_bomb], ids=lambda make: make.__name__)
def test_what_is_no_docx_is_told_and_nothing_breaks(visit: Visit, content: Callable[[], bytes]) -> None:
    stranger = visit("")
    stranger.get("/verification")
    response = stranger.post("/verification", {"file": (io.BytesIO(content()), "x.docx")})
    assert response.status_code == 200 and "没有通过验证" in stranger.page


def test_no_file_and_too_much_of_it(visit: Visit) -> None:
    stranger = visit("")
    stranger.get("/verification")
    assert stranger.post("/verification").status_code == 422
    too_big = {"file": (io.BytesIO(b"0" * (25 * 1024 * 1024)), "x.docx")}
    assert stranger.post("/verification", too_big).status_code == 413 and "超过 24 MB" in stranger.page
