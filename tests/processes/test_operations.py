"""What a service task may call, in the demo organisation: the parts that the processes' own tests do not reach."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import Conflict, Invalid, NotAllowed, NotFound, Settings, history
from engine.deployments import ProcessDefinition
from engine.documents import numbering, register, seals, signatures
from engine.history import Entry
from engine.instances import ProcessInstance
from engine.organisation import delegation
from engine.service_tasks import Operation, lookup, notify, number, publish, render, seal, sign
from engine.shipped import DOC_TEMPLATES
from engine.work_items import WorkItem
from tests.processes.conftest import MORNING, World
from web.play import handwriting

CONTENT = {
    "发文机关": "市直机关工委",
    "发文字号": "云直工〔2026〕9号",
    "标题": "关于学习的通知",
    "主送": "各党委",
}
CONTENT |= {
    "正文": "现通知如下。",
    "成文日期": MORNING.date(),
    "印发机关": "市直机关工委",
    "印发日期": MORNING.date(),
}


@pytest.fixture
def session(world: World) -> Iterator[Session]:
    with world.database.write() as session:
        yield session


@pytest.fixture
def operation(world: World, session: Session) -> Operation:
    templates = {path.name: path.read_bytes() for path in DOC_TEMPLATES.glob("*.docx")}
    with world.opening() as engine:
        settings: Settings = engine.settings
        renderer = engine._runtime.renderer  # the tests' own, which outlives the engine
    made = SimpleNamespace(
        session=session,
        at=MORNING,
        settings=settings,
        renderer=renderer,
        loaded=SimpleNamespace(templates=templates, ledgers={}),
        instance=SimpleNamespace(id=None, stream="instance:0", event_seq=0, started_by_id=None, path="/0/"),
        prepared=None,
    )
    return cast(Operation, made)


def approved(operation: Operation, person: int, **more: Any) -> dict[str, Any]:
    """The result of a user task that somebody completed in the operation's instance."""
    session = operation.session
    definition = session.scalars(select(ProcessDefinition.id)).first()
    instance = ProcessInstance(
        definition_id=definition, path="", title="发文", started_at=MORNING, scope="p", version=1
    )
    session.add(instance)
    session.flush()
    instance.path = operation.instance.path = f"/{instance.id}/"
    item = WorkItem(
        instance_id=instance.id, element_id="t", name="签发", title="签发", opened_at=MORNING, version=1
    )
    session.add(item)
    session.flush()
    told = {"结果": None, "方式": None, **more}
    payload = {"work_item": item.id, "signer": None, "outcome": told["结果"], "way": told["方式"]}
    history.append(session, instance.stream, instance, [Entry("completed", payload, person)], MORNING)
    return {"操作人": {"person": person}, "时间": MORNING, **told}


def rendered(operation: Operation, world: World, **inputs: Any) -> dict[str, Any]:
    unit = world.player.units["市直机关工委"]
    slots = [{"slot": "seal", "kind": "印章", "label": "印章", "unit": unit}]
    given = {"template": "印发通知.docx", "title": "通知", "data": CONTENT, "slots": slots, **inputs}
    operation.prepared = render.prepare(operation, **given)
    return render.run(operation, **given)


def test_lookup_knows_who_signs_for_a_unit_today(operation: Operation, world: World) -> None:
    found = lookup.run(operation, unit=world.player.units["市发改局党委"])
    assert found["unit"]["agency_code"] == "云发改党"
    assert found["superior"]["short_name"] == "市直机关工委"
    assert (found["secretary"]["name"], found["leader"]["name"], found["clerk"]["name"]) == (
        "高景行",
        "罗维翰",
        "程立言",
    )
    below = {unit["short_name"]: unit for unit in found["subordinates"]}
    acting = below["发改局项目支部"]
    assert (acting["signatory"]["name"], acting["signatory"]["职务"]) == ("唐若愚", "主持工作的副书记")
    assert (found["owns_seal"], acting["owns_seal"]) == (True, False)
    away = lookup.run(
        operation, unit=world.player.units["市发改局党委"], exclude=world.player.people["高景行"]
    )
    assert (away["signatory"]["name"], away["secretary"]["name"]) == ("苏望舒", "高景行")
    with pytest.raises(NotFound):
        lookup.run(operation, unit=9_999)


def test_lookup_names_a_vacancy_and_the_one_on_both_sides(operation: Operation, world: World) -> None:
    education = lookup.run(operation, unit=world.player.units["市教育局党委"])
    vacant = next(unit for unit in education["subordinates"] if unit["short_name"] == "教研室支部")
    assert vacant["secretary"] is None
    assert vacant["signatory"] == {"person": None, "name": "", "姓名": "", "职务": "书记"}
    archive = lookup.run(operation, unit=world.player.units["市档案馆总支"])
    assert archive["signatory"]["name"] == "贺千山"
    same = next(unit for unit in archive["subordinates"] if unit["short_name"] == "档案馆管理支部")
    assert (same["secretary"]["name"], same["signatory"]["name"]) == ("贺千山", "侯凌波")


def test_lookup_of_a_person(operation: Operation, world: World) -> None:
    found = lookup.run(operation, person=world.player.people["陆远帆"])
    assert (found["person"]["department"], str(found["person"]["joined_party_on"])) == (
        "办公室",
        "2004-07-01",
    )
    assert (found["branch"]["secretary"]["name"], found["branch"]["signatory"]["name"]) == (
        "陆远帆",
        "白晓岚",
    )
    assert lookup.run(operation, person=world.player.people["邵文清"])["branch"] is None


def test_a_batch_is_signed_once(operation: Operation, world: World) -> None:
    unit = world.player.units["市直机关工委"]
    data = {
        "年度": 2026,
        "发文单位": "甲",
        "接收单位": "乙",
        "依据文号": "云委〔2026〕3号",
        "份数": 2,
        "考核奖惩": "按办法执行。",
    }
    data |= {
        "目标": [],
        "签发人": {"姓名": "林思远", "职务": "书记"},
        "签收人": {"姓名": "高景行", "职务": "书记"},
    }
    slots = [{"slot": "issuer", "label": "颁发单位", "capacity": "书记", "unit": unit}]
    each = [{"title": f"责任书{n}", "data": data, "slots": slots, "item": {"n": n}} for n in (1, 2)]
    result = rendered(operation, world, template="责任书.docx", each=each, kind="责任书")
    assert [item["n"] for item in result["items"]] == [1, 2]
    documents = result["documents"]
    consent = signatures.prepare(
        operation.session,
        signatures.Signing(handwriting=handwriting("林思远")),
        documents=[],
        slot="issuer",
        capacity="书记",
        person_id=world.player.people["林思远"],
        name="林思远",
        passphrase=operation.settings.passphrase,
        at=MORNING,
    )
    signatures.store(operation.session, consent, at=MORNING)
    secretary = world.player.people["林思远"]
    task = approved(operation, secretary, 结果="已签", 方式="电子", 签名=consent.authorization)
    assert sign.run(operation, documents=documents, slot="issuer", authorization=task) == {"signed": 2}
    operation.session.expire_all()
    assert sign.run(operation, documents=documents, slot="issuer", authorization=task) == {"signed": 0}
    with pytest.raises(Invalid):
        sign.run(operation, documents=documents, slot="issuer", authorization={"签名": None})

    operation.at = MORNING + timedelta(minutes=1)
    changed = [{**one, "data": {**data, "份数": 3}} for one in each]
    again = rendered(
        operation, world, template="责任书.docx", each=changed, kind="责任书", replaces=documents
    )
    assert again["documents"] == documents
    operation.session.expire_all()
    with pytest.raises(Conflict) as refused:
        sign.run(operation, documents=documents, slot="issuer", authorization=task)
    assert refused.value.code == "document-changed"


def test_a_seal_is_put_once_and_registered(operation: Operation, world: World) -> None:
    unit = world.player.units["市直机关工委"]
    document = rendered(operation, world)["document"]
    task = approved(operation, world.player.people["林思远"])
    given = {"documents": document, "slot": "seal", "unit": unit, "authorization": task}
    assert seal.run(operation, **given) == {"sealed": 1}
    operation.session.expire_all()
    assert seal.run(operation, **given) == {"sealed": 0}
    (use,) = seals.uses(operation.session, unit)
    assert (use.document_id, use.person_id) == (document, world.player.people["林思远"])


def test_a_seal_is_not_used_without_its_keepers_approval(operation: Operation, world: World) -> None:
    people, unit = world.player.people, world.player.units["市直机关工委"]
    document = rendered(operation, world)["document"]
    given = {"documents": document, "slot": "seal", "unit": unit}
    with pytest.raises(NotAllowed, match="不能自动使用"):
        seal.run(operation, **given)
    stranger = approved(operation, people["高景行"])
    with pytest.raises(NotAllowed, match="不能用这枚印章"):
        seal.run(operation, **given, authorization=stranger)
    delegation.delegate(
        operation.session,
        from_person_id=people["林思远"],
        to_person_id=people["高景行"],
        from_on=MORNING.date(),
        to_on=None,
        reason="出差",
    )
    assert seal.run(operation, **given, authorization=stranger) == {"sealed": 1}


def test_a_place_for_a_seal_only_where_there_is_one(operation: Operation, world: World) -> None:
    branch = world.player.units["节能监察一支部"]
    document = rendered(operation, world, slots=[{"slot": "seal", "kind": "印章", "unit": branch}])[
        "document"
    ]
    assert register.get(operation.session, document).slots == []
    assert seal.run(operation, documents=[document], slot="seal", unit=branch) == {"sealed": 0}


def test_a_number_is_one_documents(operation: Operation, world: World) -> None:
    unit = world.player.units["市直机关工委"]
    taken = number.run(operation, agency=unit)
    each = [{"title": f"通知{n}", "data": CONTENT, "item": {}} for n in (1, 2)]
    with pytest.raises(Invalid, match="不能共用"):
        rendered(operation, world, each=each, number=taken["number"])
    found = numbering.get(operation.session, taken["id"])
    numbering.cancel(operation.session, found, reason="编错", at=MORNING)
    with pytest.raises(Conflict, match="已作废"):
        rendered(operation, world, number=taken["number"])


def test_rendering_again_keeps_what_did_not_change(operation: Operation, world: World) -> None:
    first = rendered(operation, world)
    assert rendered(operation, world, replaces=first["document"]) == first
    other = rendered(operation, world, replaces=first["document"], title="另一个通知")
    assert other["document"] != first["document"]
    assert register.get(operation.session, first["document"]).void_reason == render.REASON


def test_a_missing_field_is_named(operation: Operation, world: World) -> None:
    with pytest.raises(Invalid) as refused:
        rendered(operation, world, data={**CONTENT, "主送": None})
    assert "主送" in str(refused.value)


def test_numbers_need_an_agency_code(operation: Operation, world: World) -> None:
    assert number.run(operation, agency=world.player.units["市直机关工委"])["number"] == "云直工〔2026〕1号"
    with pytest.raises(Invalid) as refused:
        number.run(operation, agency=world.player.units["节能监察一支部"], year=2026)
    assert refused.value.code == "no-agency-code"


def test_notify_reaches_each_person_once(operation: Operation, world: World) -> None:
    person, unit = world.player.people["陆远帆"], world.player.units["发改局综合支部"]
    assert notify.run(operation, text="请按时办理。", person=[person], post="书记", unit=unit) == {
        "persons": [person]
    }
    vacant = world.player.units["教研室支部"]
    assert notify.run(operation, text="请按时办理。", post="书记", unit=vacant) == {"persons": []}
    with pytest.raises(Invalid):
        notify.run(operation, text=" ", person=person)


def test_publishing_to_a_section_that_is_not_there(operation: Operation) -> None:
    with pytest.raises(NotFound):
        publish.run(operation, entry=1, section="考核评议", text="优秀")
