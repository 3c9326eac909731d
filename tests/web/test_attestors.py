"""The task page of somebody who may only hand in what the secretary signed on paper."""

from __future__ import annotations

import io
import re
from datetime import date
from html import unescape

import pytest

from engine import ProcessEngine
from engine.database import Database
from engine.documents import register, slots
from engine.documents.signature_lines import Line, insert_signature_lines
from engine.documents.templates import Template
from engine.organisation import posts
from tests.documents.samples import LETTER, template
from tests.engine.drawing import draw, end, ours, path, start, user
from tests.web.conftest import NOW, Visit, World


@pytest.fixture
def instance(engine: ProcessEngine, database: Database, world: World) -> int:
    """丁一凡 is the branch's clerk; its secretary is to sign a letter."""
    compiled = Template.load(template("责任书"))
    slot = next(name for kind, name in compiled.slots if kind == "签名")
    with database.write() as session:
        posts.appoint(session, world.branch, "党务干事", world.other, from_on=date(2020, 1, 1))
        document = register.create(
            session, instance_id=None, kind="责任书", title="2026年度责任书", unit_id=None, template_digest="", data={},
            base=insert_signature_lines(compiled.fill(LETTER), [Line(slot)]), slots=[slots.Slot(slot, "责任单位")],
            at=NOW,
        )  # fmt: skip
        number = document.id
    task = user(
        "sign",
        ours("assignment", post="书记", unit=f"={world.branch}"),
        ours("signature", document=f"={number}", slot=slot, attestors="党务干事"),
        person=None,
    )
    engine.deploy(
        {"letter.bpmn": draw("letter", start(), task, end(), path("start", "sign", "end"), name="回签")}
    )
    return engine.start("letter", by=world.member).id


def test_a_clerk_hands_in_the_paper(visit: Visit, instance: int, world: World) -> None:
    clerk, secretary = visit("dingyifan"), visit("chengligong")
    clerk.get("/inbox")
    assert "可代交纸质签名" in clerk.page and "可代交纸质签名" not in secretary.page
    item = clerk.link("sign")
    clerk.get(item)
    assert "代交纸质签名件" in clerk.page and "程立功（中共云岭市林业局机关支部委员会书记）" in clerk.page
    for absent in ('value="电子"', 'value="拒签"', "data-signature-pad", 'name="_opinion"', f"{item}/claim"):
        assert absent not in clerk.page
    sent = dict(re.findall(r'name="(_(?:shown-\d+|outcome|way))" value="([^"]+)"', clerk.page))
    assert clerk.post(f"{item}/completion", {**sent, "_signer": ""}).status_code == 422
    assert "请选择在纸上签名的人" in clerk.page
    assert clerk.post(f"{item}/completion", {**sent, "_signer": world.secretary}).status_code == 422
    assert re.search(r'id="e-_scan">[^<]*扫描件', clerk.page)
    assert f'value="{world.secretary}" selected' in clerk.page
    assert (
        clerk.post(f"{item}/completion", {**sent, "_signer": world.secretary, "_way": "电子"}).status_code
        == 403
    )
    assert clerk.post(f"{item}/claim").status_code == 403

    paper = {"_signer": world.secretary, "_scan": (io.BytesIO(b"%PDF-1.7 signed"), "signed.pdf")}
    done = clerk.post(f"{item}/completion", {**sent, **paper}, content_type="multipart/form-data")
    assert done.status_code == 302
    clerk.get(f"/instances/{instance}")
    assert "丁一凡" in clerk.page and "代交程立功的纸质签名扫描件" in unescape(clerk.page)
    assert "已签·纸质" in clerk.page
    secretary.get("/inbox")
    assert f'href="{item}"' not in secretary.page
