"""The designer's pages of the library of Word templates."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

from docx import Document

from engine import ProcessEngine
from tests.documents.test_library import NAME, PROCESS
from tests.documents.test_templates import made
from tests.web.conftest import Visitor, World

Visit = Callable[..., Visitor]
PAGES = "/designer/templates/"


def upload(visitor: Visitor, content: bytes, where: str = PAGES, **more: str) -> int:
    sent: dict[str, Any] = {"file": (io.BytesIO(content), NAME), **more}
    return visitor.post(where, sent, content_type="multipart/form-data").status_code


def first(visitor: Visitor) -> str:
    visitor.get(PAGES)
    return visitor.link("便函")


def test_members_see_no_library(visit: Visit) -> None:
    member = visit("suxiaoman")
    assert "公文模板" not in member.page
    for address in (
        PAGES,
        f"{PAGES}1",
        f"{PAGES}1/trial",
        f"{PAGES}1/versions/1.docx",
        f"{PAGES}1/differences",
    ):
        assert member.get(address).status_code == 403


def test_a_template_is_uploaded_changed_and_compared(visit: Visit) -> None:
    designer = visit("dingyifan")
    designer.get(PAGES)
    assert "还没有模板" in designer.page
    assert upload(designer, made("{{ 标题 }}的通知", "{{ 额|大写金额 }}"), note="初稿") == 302
    shown = first(designer)
    designer.get(shown)
    assert "初稿" in designer.page and "丁一凡" in designer.page and "正文第 2 段" in designer.page
    assert re.search(r"<b>额</b></td>\s*<td[^>]*>数", designer.page)
    assert upload(designer, made("{{ 标题 }}的决定", "{{ 额|大写金额 }}"), f"{shown}/versions") == 302
    designer.get(shown)
    assert "第 2 版" in designer.page and "上传模板第 2 版" in designer.page
    assert upload(designer, made("{{ 标题 }}的决定", "{{ 额|大写金额 }}"), f"{shown}/versions") == 302
    designer.get(shown)
    assert "没有新增版本" in designer.page
    designer.get(designer.link("最近的改动"))
    assert "<del>通知</del>" in designer.page and "<ins>决定</ins>" in designer.page
    old = designer.client.get(f"{shown}/versions/1.docx")
    assert (
        old.data == made("{{ 标题 }}的通知", "{{ 额|大写金额 }}")
        and "attachment" in old.headers["Content-Disposition"]
    )


def test_a_refusal_says_where(visit: Visit) -> None:
    designer = visit("dingyifan")
    designer.get(PAGES)
    assert upload(designer, made("甲", "{{ x.__class__ }}")) == 422
    assert (
        "没有保存" in designer.page
        and "正文第 2 段" in designer.page
        and "{{ x.__class__ }}" in designer.page
    )
    assert upload(designer, b"") == 422
    assert "请选择一个 Word 文件" in designer.page


def test_a_template_is_tried(visit: Visit) -> None:
    designer = visit("dingyifan")
    designer.get(PAGES)
    upload(designer, made("{{ 标题 }}", "{% for 行 in 目标 %}{{ 行.措施 }}{% endfor %}", "{{ 额|大写金额 }}"))
    trial = f"{first(designer)}/trial"
    designer.get(trial)
    assert "关于开展2026年度机关党建工作考评的通知" in designer.page and 'name="目标-2-措施"' in designer.page
    sent = {"标题": "试一试", "目标-0-措施": "做好", "额": "12", "make": "form-page"}
    assert designer.post(trial, sent).status_code == 200
    assert designer.page.count("data:image/png;base64,") == 1 and "GB/T 9704-2012" in designer.page
    assert designer.post(trial, {**sent, "标题": ""}).status_code == 422
    assert "缺少字段“标题”" in designer.page
    answer = designer.client.post(trial, data={"_csrf": designer.token, **sent, "make": "form-docx"})
    assert [p.text for p in Document(io.BytesIO(answer.data)).paragraphs] == ["试一试", "做好", "壹拾贰元整"]
    data = '{"标题": "来自 JSON", "目标": [], "额": 3}'
    answer = designer.client.post(trial, data={"_csrf": designer.token, "json": data, "make": "json-docx"})
    assert Document(io.BytesIO(answer.data)).paragraphs[0].text == "来自 JSON"
    answer = designer.client.post(trial, data={"_csrf": designer.token, "json": data, "make": "json-pdf"})
    assert answer.data[:5] == b"%PDF-"
    assert designer.post(trial, {"json": '{"标题":', "make": "json-page"}).status_code == 422
    assert "不是正确的 JSON" in designer.page


def test_no_trial_bears_a_classification(visit: Visit) -> None:
    designer = visit("dingyifan")
    designer.get(PAGES)
    upload(designer, made("机密★1年", "{{ 标题 }}"))
    for make in ("page", "docx", "pdf"):
        assert (
            designer.post(f"{first(designer)}/trial", {"标题": "甲", "make": f"form-{make}"}).status_code
            == 422
        )
        assert "涉密系统" in designer.page


def test_a_process_is_given_the_new_version(visit: Visit, engine: ProcessEngine, world: World) -> None:
    designer = visit("dingyifan")
    designer.get(PAGES)
    upload(designer, made("{{ 标题 }}"))
    engine.deploy(PROCESS)
    shown = first(designer)
    upload(designer, made("{{ 标题 }}{{ 编号 }}"), f"{shown}/versions")
    designer.get(shown)
    assert "让流程使用新版本" in designer.page and "流程没有给出就不能成文：编号" in designer.page
    assert designer.post(f"{shown}/uses/memo").status_code == 302
    designer.get(shown)
    assert "让流程使用新版本" not in designer.page and "使用模板第 2 版（流程第" in designer.page
