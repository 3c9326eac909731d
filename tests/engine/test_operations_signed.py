"""What taking work back does to documents and signatures: void visibly, never erased; the file itself still verifies."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from engine import Conflict, Handwriting, ProcessEngine, Signing, values
from engine.database import Database
from engine.documents import slots
from engine.documents.templates import Template
from tests.documents.samples import LETTER, template
from tests.engine.conftest import World
from tests.engine.drawing import draw, end, ours, path, service, start, user
from tests.engine.test_operations_back import do, key
from tests.engine.test_process_engine import begin, todo

BASE = template("责任书")
SLOT = next(name for kind, name in Template.load(BASE).slots if kind == "签名")


def feel(value: object) -> str:
    """A literal."""
    match value:
        case dict():
            return "{" + ", ".join(f'"{k}": {feel(v)}' for k, v in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(feel, value)) + "]"
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
        case date():
            return f'date("{value.isoformat()}")'
        case None:
            return "null"
    return values.dumps(value) if isinstance(value, (bool, int)) else str(value)


def letter(world: World, **render: str) -> bytes:
    """拟稿 (member), 成文, 签 (deputy signs), 批 (secretary)."""
    rendered = service(
        "成文",
        "render",
        {"文件": "=result.document"},
        template="责任书.docx",
        kind="责任书",
        title="责任书",
        data="=数据",
        slots=f'=[{{"slot": "{SLOT}", "label": "颁发单位", "kind": "签名"}}]',
        **render,
    )
    signs = ours("signature", document="=文件", slot=SLOT)
    return draw(
        "p",
        start(),
        user("拟稿"),
        rendered,
        user("签", signs, ours("document", value="=文件"), person=f"={world.deputy}"),
        user("批", ours("document", value="=文件"), person=f"={world.secretary}"),
        end(),
        path("start", "拟稿", "成文", "签", "批", "end"),
    )


def begun(engine: ProcessEngine, world: World, **render: str) -> int:
    engine.create_authority()
    xml = letter(world, **render).replace(
        "=数据".encode(), ("=" + feel(LETTER)).replace('"', "&quot;").encode()
    )
    instance = begin(engine, xml, world.member, 责任书__docx=BASE)
    do(engine, world.member, "拟稿")
    return instance


def sign(engine: ProcessEngine, world: World) -> int:
    """The document's id."""
    item = todo(engine, world.deputy)["签"]
    (document,) = engine.work_item(item, by=world.deputy).documents
    drawn = Handwriting([[[10, 10], [200, 60], [40, 90], [220, 20]]])
    signing = Signing(handwriting=drawn, shown={document.id: document.digest})
    engine.complete(item, by=world.deputy, opinion="同意", signature=signing)
    return document.id


@pytest.fixture
def instance(engine: ProcessEngine, world: World) -> int:
    return begun(engine, world)


def test_a_signature_given_on_the_way_is_void_and_given_anew(
    engine: ProcessEngine, world: World, database: Database, instance: int
) -> None:
    document = sign(engine, world)
    signed = engine.document_file(document, by=world.secretary)
    assert engine.verify(signed).valid
    item = todo(engine, world.secretary)["批"]
    preview = engine.preview_reject(item, by=world.secretary)
    assert [(one.slot, one.signer) for one in preview.signatures] == [("颁发单位", "方若兰")]
    assert preview.documents == preview.kept == [] and preview.remains == []
    assert engine.document(document, by=world.secretary).slot(SLOT).signature is not None
    done = engine.reject(item, by=world.secretary, opinion="签错了位置")
    assert done.effects == preview
    assert engine.document(document, by=world.secretary).slot(SLOT).signature is None
    (report,) = engine.verify(signed).signatures
    assert report.valid and report.voided is not None
    assert (report.voided.reason, report.voided.by) == ("签错了位置", "许长林")
    assert engine.verify(engine.document_file(document, by=world.secretary)).signatures == []
    again = sign(engine, world)
    assert again == document
    with database.read() as session:
        rows = session.scalars(select(slots.Signature).order_by(slots.Signature.id)).all()
        assert [one.voided_by_id for one in rows] == [world.secretary, None]
    (report,) = engine.verify(engine.document_file(document, by=world.secretary)).signatures
    assert report.valid and report.voided is None
    said = engine.opinions(instance, by=world.member)
    digest = engine.document(document, by=world.secretary).digest
    assert [one.documents for one in said] == [[(document, digest)]] * 3


def test_what_was_rendered_on_the_way_is_void(engine: ProcessEngine, world: World, instance: int) -> None:
    document = sign(engine, world)
    item = todo(engine, world.secretary)["批"]
    to = key(engine, item, world.secretary, "拟稿")
    preview = engine.preview_reject(item, by=world.secretary, to=to)
    assert [one.id for one in preview.documents] == [document] and len(preview.signatures) == 1
    engine.reject(item, by=world.secretary, opinion="重拟", to=to)
    former = engine.document(document, by=world.secretary)
    assert former.void_reason == "重拟" and former.slot(SLOT).signature is None
    do(engine, world.member, "拟稿")
    assert sign(engine, world) != document


def test_straight_back_leaves_what_lies_between(engine: ProcessEngine, world: World, instance: int) -> None:
    document = sign(engine, world)
    item = todo(engine, world.secretary)["批"]
    to = key(engine, item, world.secretary, "拟稿")
    preview = engine.preview_reject(item, by=world.secretary, to=to, direct=True)
    assert preview.documents == [] and preview.signatures == []
    engine.reject(item, by=world.secretary, opinion="补一份材料", to=to, direct=True)
    do(engine, world.member, "拟稿")
    assert list(todo(engine, world.secretary)) == ["批"]
    assert engine.document(document, by=world.secretary).slot(SLOT).signature is not None


def test_what_is_rendered_anew_lives_on(engine: ProcessEngine, world: World) -> None:
    begun(engine, world, replaces="=文件")
    document = sign(engine, world)
    item = todo(engine, world.secretary)["批"]
    done = engine.reject(item, by=world.secretary, opinion="重来", to="initiator")
    assert [one.id for one in done.effects.kept] == [document] and done.effects.documents == []
    do(engine, world.member, "start")
    do(engine, world.member, "拟稿")
    assert sign(engine, world) == document


def test_a_withdrawn_completion_takes_its_signature_along(
    engine: ProcessEngine, world: World, instance: int
) -> None:
    document = sign(engine, world)
    (row,) = engine.inbox(by=world.deputy, box="done")
    assert row.item is not None
    assert len(engine.preview_withdraw(row.item.id, by=world.deputy).signatures) == 1
    engine.withdraw(row.item.id, by=world.deputy)
    assert engine.document(document, by=world.deputy).slot(SLOT).signature is None
    assert sign(engine, world) == document


def test_what_is_held_gives_its_signature_back(engine: ProcessEngine, world: World, instance: int) -> None:
    item = todo(engine, world.deputy)["签"]
    (after,) = engine.add_signers(item, by=world.deputy, persons=[world.other], place="after")
    document = sign(engine, world)
    assert engine.document(document, by=world.deputy).slot(SLOT).signature is not None
    engine.reject(after.id, by=world.other, opinion="不妥")
    with pytest.raises(Conflict):
        engine.withdraw(item, by=world.deputy)
    assert engine.document(document, by=world.other).void_reason == "不妥"
