"""Revisions on a document's page: a letter that was signed, sent back and changed keeps its void signature, and shows what changed."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

from engine import ProcessEngine
from tests.web.conftest import NOW, Visit, Visitor, World
from tests.web.test_documents import AREAS, STROKES, path_of, ready, shown, to_sign  # noqa: F401


def read(visitor: Visitor) -> str:
    """What is read in the page's main part."""
    main = visitor.page.partition("<main")[2].partition("</main>")[0]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", main)))


def test_a_letter_sent_back_and_changed_keeps_its_void_signature_visibly(
    ready: None,  # noqa: F811
    visit: Visit,
    engine: ProcessEngine,
    world: World,
) -> None:
    member = to_sign(visit, engine)
    sent = {"已阅": "true", "_outcome": "已签", "_way": "电子", "_strokes": STROKES, **shown(member)}
    assert member.post(f"{path_of(member)}/completion", sent).status_code == 302
    engine.run_jobs()
    (letter,) = engine.documents(by=world.member)
    first = engine.document_file(letter.id, by=world.member)
    member.get(f"/documents/{letter.id}")
    assert "第 1 版 现行" in read(member) and "作废" not in read(member) and "最近的改动" not in read(member)

    secretary = visit("chengligong")
    secretary.get(secretary.link("签署"))
    item = int(path_of(secretary).rsplit("/", 1)[1])
    offers = {one.name: one for one in engine.operations_for(item, by=world.secretary)}
    to = next(target.key for target in offers["reject"].targets if target.name == "自主定责")
    engine.reject(item, by=world.secretary, opinion="数量写得不实，请改。", to=to)
    engine.run_jobs()
    engine.clock.set(NOW + timedelta(hours=1))  # type: ignore[attr-defined]
    member.get("/inbox")
    draft = member.link("自主定责")
    member.get(draft)
    goals = {
        f"承诺-{at}-{column}": f"{column}{at}"
        for at, _ in enumerate(AREAS)
        for column in ("目标", "数量", "质量", "时限")
    }
    goals["承诺-2-数量"] = "走访企业六家"
    sent = {"岗位": "科员", "科室": "办公室", "监督方式": ["会议"], **goals}
    assert member.post(f"{draft}/completion", sent).status_code == 302, re.findall(
        r'class="wrong".*', member.page
    )
    engine.run_jobs()
    secretary.get("/inbox")
    review = secretary.link("审核承诺")
    secretary.get(review)
    sent = {"审核决定": "同意", "支部意见": "同意其承诺。"}
    assert secretary.post(f"{review}/completion", sent).status_code == 302
    engine.run_jobs()

    changed = engine.document(letter.id, by=world.member)
    assert changed.code == letter.code and len(letter.code or "") == 16, (
        "printed on paper that is out already"
    )
    assert changed.data["验真"]["网址"] == f"{engine.settings.public_url}/v/{letter.code}"
    member.get(f"/documents/{letter.id}")
    page = read(member)
    assert page.index("第 2 版 现行") < page.index("第 1 版 已被取代"), "the newest first"
    assert "退回修改后重新生成，程立功办理后形成" in page and "数量写得不实，请改。" in page
    assert re.search(r"苏小满 作废.{5,50}作废：数量写得不实，请改。", page), page
    member.get(member.link("自苏小满签名以来的改动"))
    assert "<del>数量2</del><ins>走访企业六家</ins>" in member.page
    assert "数量5" not in read(member), "what did not change is left out, but for neighbours"
    assert member.get(f"/documents/{letter.id}/differences?old=1&new=2&all=on").status_code == 200
    assert "数量5" in read(member)
    assert member.get(f"/documents/{letter.id}/differences?old=1&new=9").status_code == 404

    former = member.get(f"/documents/{letter.id}/revisions/1.docx")
    assert former.data == first, "the file as it was signed"
    (report,) = engine.verify(former.data).signatures
    assert report.valid and report.voided is not None and report.voided.reason == "数量写得不实，请改。"
    assert member.get(f"/documents/{letter.id}/revisions/2.docx").data == engine.document_file(
        letter.id, by=world.member
    )
    outsider = visit("dingyifan")
    for path in ("differences", "revisions/1.docx"):
        assert outsider.get(f"/documents/{letter.id}/{path}").status_code == 404
