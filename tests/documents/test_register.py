"""The register: which bytes were shown, who signed them, what became of every slot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event, select

import engine.tables
from engine import blobs
from engine.database import Database
from engine.documents import authority, register, seals, signatures, signing
from engine.documents.handwriting import Handwriting
from engine.documents.package import read_package, write_package
from engine.documents.signature_lines import line_id
from engine.documents.signatures import Signing
from engine.documents.slots import Signature, Slot
from engine.documents.verification import verify
from engine.errors import Conflict, Invalid, LvzeError, NotAllowed
from engine.organisation.people import Person
from engine.organisation.posts import Holding
from engine.organisation.units import Unit
from tests.documents import signers

AT = signers.AT
SECRET = "口令" * 20
SLOTS = [
    Slot("issuer", "颁发单位", "党工委书记"),
    Slot("recipient", "责任单位", "党委书记"),
    Slot("issuer_seal", "颁发单位印章", kind="印章"),
]
CHEN, LI = 1, 2


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'register.db'}")
    else:
        server = request.getfixturevalue("postgresql_server")
        database = Database(server.create(f"register_{uuid4().hex}"))
    engine.tables.metadata.create_all(database.engine)
    with database.write() as session:
        for number, name in enumerate(("陈志强", "李建国", "王晓明"), 1):
            session.add(Person(id=number, name=name, job_title="处长"))
        session.add(
            Unit(
                id=1,
                kind="党工委",
                name="中共云溪市直机关工作委员会",
                short_name="市直党工委",
                founded_on=date(2000, 1, 1),
            )
        )
        session.flush()
        session.add(Holding(unit_id=1, post="书记", person_id=CHEN, mode="正式", from_on=date(2020, 1, 1)))
        authority.create_authority(session, name="云溪市直党建证书机构", passphrase=SECRET, at=AT)
    yield database
    database.close()


def create(database: Database, **changes: Any) -> int:
    with database.write() as session:
        given = {"base": signers.letter(), "slots": SLOTS, "replaces_id": None} | changes
        return register.create(
            session,
            instance_id=None,
            kind="责任书",
            title="2026年度党建工作责任书",
            unit_id=1,
            template_digest="0" * 64,
            data={"年度": 2026},
            at=AT,
            **given,
        ).id


def hand_in(database: Database, document: int, slot: str, person: int, **changes: Any) -> signatures.Prepared:
    with database.write() as session:
        shown = {document: register.get(session, document).digest}
        handed = Signing(**({"handwriting": signers.handwriting(person), "shown": shown} | changes))
        return signatures.prepare(
            session,
            handed,
            documents=[document],
            slot=slot,
            capacity="书记",
            person_id=person,
            name={1: "陈志强", 2: "李建国", 3: "王晓明"}[person],
            passphrase=SECRET,
            at=AT,
        )


def sign(database: Database, document: int, slot: str, person: int, **changes: Any) -> None:
    prepared = hand_in(database, document, slot, person, **changes)
    with database.write() as session:
        signatures.store(session, prepared, at=AT)


def package(database: Database, document: int) -> bytes:
    with database.read() as session:
        return register.package(session, register.get(session, document))


def test_two_secretaries_sign(database: Database) -> None:
    document = create(database)
    assert package(database, document) == signers.letter()
    sign(database, document, "issuer", CHEN)
    sign(database, document, "recipient", LI)
    with database.read() as session:
        found = verify(package(database, document), trusted=authority.trusted(session), at=AT)
        shown = register.get(session, document)
        assert [(s.label, s.signer) for s in shown.slots] == [
            ("颁发单位", "陈志强"),
            ("责任单位", "李建国"),
            ("颁发单位印章", None),
        ]
        assert signatures.outcome_of(session, document, "issuer") == "已签"
        assert signatures.unsigned(session, [document]) == []
    assert found.valid, found
    assert [(s.signer, s.capacity, s.signed_at) for s in found.signatures] == [
        ("陈志强", "书记", AT),
        ("李建国", "书记", AT),
    ]
    assert package(database, document) == package(database, document)


def test_the_picture_tells_post_and_day(database: Database) -> None:
    document = create(database)
    evening = datetime(2026, 3, 5, 18, tzinfo=UTC)  # already the next day in Shanghai
    with database.write() as session:
        prepared = signatures.prepare(
            session,
            Signing(
                handwriting=signers.handwriting(), shown={document: register.get(session, document).digest}
            ),
            documents=[document],
            slot="issuer",
            capacity="中共云溪市直机关工作委员会主持工作的副书记",
            person_id=CHEN,
            name="陈志强",
            passphrase=SECRET,
            at=evening,
        )
        signatures.store(session, prepared, at=evening)
        signature = register.get(session, document).slot("issuer").signature
        assert signature and signature.image_digest and signature.handwriting_digest
        shown = blobs.get(session, signature.image_digest)
        assert shown == signers.handwriting().picture("主持工作的副书记", date(2026, 3, 6))
        assert blobs.get(session, signature.handwriting_digest) == signers.handwriting().svg.encode()
    assert signing.signature_pictures(package(database, document)) == {line_id("issuer"): shown}


@pytest.mark.parametrize(
    ("capacity", "post"),
    [
        ("中共云溪市财政局委员会书记", "书记"),
        ("中共云溪市财政局委员会专职副书记", "专职副书记"),
        ("中共云溪市财政局支部委员会主持工作的副书记", "主持工作的副书记"),
        ("党委委员", "委员"),
        ("承诺人", ""),
    ],
)
def test_the_post_in_a_capacity(capacity: str, post: str) -> None:
    assert signatures._post(capacity) == post


def test_a_third_person_has_a_picture_of_his_own_name_and_stands_last(database: Database) -> None:
    slots = [
        Slot("issuer_seal", "联合颁发单位", "书记"),
        Slot("issuer", "颁发单位", "书记"),
        Slot("recipient", "责任单位", "书记"),
        Slot("recipient_seal", "责任单位印章", kind="印章", unit_id=1),
    ]
    document = create(database, slots=slots)
    for slot, person in (("recipient", 3), ("issuer_seal", CHEN), ("issuer", LI)):
        sign(database, document, slot, person)
    with database.write() as session:
        seals.grant_demo(session, unit_id=1, name="中共云溪市直机关工作委员会", at=AT)
        signatures.seal(
            session,
            document_id=document,
            slot="recipient_seal",
            unit_id=1,
            unit_name="中共云溪市直机关工作委员会",
            person_id=None,
            reason="签订责任书",
            passphrase=SECRET,
            at=AT,
        )
    whole = package(database, document)
    found = verify(whole)
    assert found.valid, found
    assert [one.line_id for one in found.signatures] == [
        line_id(slot) for slot in ("issuer_seal", "issuer", "recipient_seal", "recipient")
    ]
    parts = [
        part for name, part in sorted(read_package(whole).items()) if name.startswith("_xmlsignatures/sig")
    ]
    assert [b"lvze:URI" in part for part in parts] == [False, False, False, True]
    assert [b"idValidSigLnImg" in part for part in parts] == [True, True, False, True]
    assert len(whole) < 180_000


def test_parallel_signers_do_not_conflict(database: Database) -> None:
    document = create(database)
    first, second = hand_in(database, document, "issuer", CHEN), hand_in(database, document, "recipient", LI)
    for prepared in (second, first):
        with database.write() as session:
            signatures.store(session, prepared, at=AT)
    assert [s.signer for s in verify(package(database, document)).signatures] == ["李建国", "陈志强"]


def test_of_two_at_once_one_wins(database: Database) -> None:
    document = create(database)
    prepared = [hand_in(database, document, "issuer", CHEN) for _ in range(2)]
    with database.write() as session:
        signatures.store(session, prepared[0], at=AT)
    with pytest.raises(Conflict) as caught, database.write() as session:
        signatures.store(session, prepared[1], at=AT)
    assert caught.value.code == "already-signed"
    with pytest.raises(Conflict, match="已有签署结果"):
        hand_in(database, document, "issuer", LI)


def test_only_what_was_shown_is_signed(database: Database) -> None:
    document = create(database)
    for shown in ({}, {document: "0" * 64}):
        with pytest.raises(Conflict) as caught:
            hand_in(database, document, "issuer", CHEN, shown=shown)
        assert caught.value.code == "document-changed"


def revised() -> bytes:
    parts = read_package(signers.letter())
    changed = parts["word/document.xml"].replace("李建国".encode(), "李建军".encode())
    return write_package(parts | {"word/document.xml": changed})


def test_a_revision_voids_what_was_signed_before(database: Database) -> None:
    document = create(database)
    sign(database, document, "issuer", CHEN)
    late = hand_in(database, document, "recipient", LI)
    with database.write() as session:
        register.add_revision(session, document, base=revised(), reason="退回后修改了责任人", at=AT)
    with pytest.raises(Conflict) as caught, database.write() as session:
        signatures.store(session, late, at=AT)
    assert caught.value.code == "document-changed"
    assert package(database, document) == revised()
    with database.read() as session:
        assert [s.slot for s in signatures.unsigned(session, [document])] == ["issuer", "recipient"]
        kept = session.scalars(select(Signature)).one()
        assert kept.voided_at == AT and kept.void_reason == "退回后修改了责任人"
    sign(database, document, "issuer", CHEN)
    assert verify(package(database, document)).valid


def test_one_person_cannot_sign_both_sides(database: Database) -> None:
    document = create(database)
    sign(database, document, "issuer", CHEN)
    with pytest.raises(Conflict) as caught:
        hand_in(database, document, "recipient", CHEN)
    assert caught.value.code == "same-person-both-sides"
    sign(database, document, "recipient", CHEN, outcome="拒签", handwriting=None, reason="不能代表双方")


def test_a_paper_signature_counts_and_is_no_cryptographic_one(database: Database) -> None:
    document = create(database)
    sign(
        database, document, "issuer", CHEN, way="纸质", handwriting=None, scan=b"%PDF-1.7 scan", attested_by=3
    )
    with database.read() as session:
        signature = register.get(session, document).slot("issuer").signature
        assert signature and not signature.is_electronic
        assert (signature.outcome, signature.attested_by_id, signature.certificate_id) == ("已签", 3, None)
        assert blobs.get(session, signature.scan_digest or "") == b"%PDF-1.7 scan"
        assert [s.slot for s in signatures.unsigned(session, [document])] == ["recipient"]
    assert package(database, document) == signers.letter()


@pytest.mark.parametrize(
    ("handed", "field"),
    [
        ({"handwriting": None}, "_signature"),
        ({"handwriting": Handwriting([[[1, 1, 0], [2, 2, 1]]])}, "_signature"),
        ({"handwriting": Handwriting([[["x", 1, 0]]])}, "_signature"),  # type: ignore[list-item]
        ({"handwriting": Handwriting([[[float("nan"), 1]]])}, "_signature"),
        ({"way": "纸质"}, "_scan"),
        ({"way": "纸质", "scan": b"MZ"}, "_scan"),
        ({"way": "口头"}, "_outcome"),
        ({"outcome": "同意"}, "_outcome"),
        ({"outcome": "逾期", "reason": "x"}, "_outcome"),
        ({"outcome": "拒签"}, "_reason"),
        ({"outcome": "无法签", "reason": "住院"}, "_witness"),
        ({"outcome": "无法签", "reason": "住院", "witness": CHEN}, "_witness"),
    ],
)
def test_what_is_missing_is_said_beside_its_field(handed: dict[str, Any], field: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid) as caught:
        signatures._check(Signing(**({"handwriting": signers.handwriting()} | handed)), CHEN)
    assert set(caught.value.errors) == {field}


def test_other_outcomes(database: Database) -> None:
    document = create(database)
    sign(database, document, "issuer", CHEN, outcome="无法签", handwriting=None, reason="住院", witness=LI)
    with database.write() as session:
        signatures.record(
            session,
            document_id=document,
            slot="recipient",
            outcome="逾期",
            signer="李建国",
            reason="4月30日前未签",
            at=AT,
        )
    with database.read() as session:
        shown = register.get(session, document)
        assert [s.signature.outcome for s in shown.slots[:2] if s.signature] == ["无法签", "逾期"]
        assert [s.slot for s in signatures.unsigned(session, [document])] == ["issuer", "recipient"]


def test_a_batch_is_signed_later_as_it_was_agreed(database: Database) -> None:
    letters = [create(database) for _ in range(3)]
    sign(database, letters[0], "issuer", CHEN)
    with database.write() as session:
        agreed = signatures.prepare(
            session,
            Signing(handwriting=signers.handwriting()),
            documents=[],
            slot="issuer",
            capacity="党工委书记",
            person_id=CHEN,
            name="陈志强",
            passphrase=SECRET,
            at=AT,
        )
        signatures.store(session, agreed, at=AT)
    from engine import values

    authorization = values.loads(values.dumps(agreed.authorization))
    later = AT + timedelta(minutes=1)
    with database.write() as session:
        given = {
            "documents": letters,
            "slot": "issuer",
            "authorization": authorization,
            "passphrase": SECRET,
            "at": later,
        }
        assert signatures.sign(session, **given) == 2
        assert signatures.sign(session, **given) == 0, "a repeated job signs nothing twice"
    for letter in letters:
        assert verify(package(database, letter)).valid


def test_a_seal_is_put_on_and_registered(database: Database) -> None:
    document = create(database)
    given = {
        "document_id": document,
        "slot": "issuer_seal",
        "unit_id": 1,
        "unit_name": "中共云溪市直机关工作委员会",
        "person_id": CHEN,
        "reason": "印发责任书",
        "passphrase": SECRET,
        "at": AT,
    }
    with database.write() as session:
        assert not signatures.seal(session, **given), "no seal, nothing sealed"
        seals.grant_demo(session, unit_id=1, name="中共云溪市直机关工作委员会", at=AT)
        assert seals.diameters(session, [1, 2], at=AT) == {1: 42}
        assert signatures.seal(session, **given)
        assert [(u.document_id, u.person_id, u.reason, u.sequence) for u in seals.uses(session, 1)] == [
            (document, CHEN, "印发责任书", 1)
        ]
    second = create(database)
    with database.write() as session:
        assert signatures.seal(session, **{**given, "document_id": second, "applicant": LI, "copies": 6})
        [line, first] = seals.latest_uses(session, units=[1], limit=10)
        assert (line.use.sequence, line.use.copies, line.applicant, line.approved_by) == (
            2,
            6,
            "李建国",
            "陈志强",
        )
        assert first.use.sequence == 1 and seals.counts(session) == {1: 2}
        assert seals.latest_uses(session, units=[2], limit=10) == []
    with pytest.raises(Conflict), database.write() as session:
        signatures.seal(session, **given)
    sign(database, document, "issuer", CHEN)
    found = verify(package(database, document))
    assert found.valid and [s.signer for s in found.signatures] == ["中共云溪市直机关工作委员会", "陈志强"]


def test_slots_are_signed_in_their_order_where_the_diagram_says_so(database: Database) -> None:
    free, ordered = create(database), create(database, ordered=True)
    sign(database, free, "recipient", LI)
    with pytest.raises(Conflict, match="按顺序签署，请等“颁发单位”签署之后再签"):
        sign(database, ordered, "recipient", LI)
    sign(database, ordered, "issuer", CHEN)
    with pytest.raises(Conflict) as caught:
        sign(database, ordered, "issuer_seal", LI)
    assert caught.value.code == "not-his-turn"
    sign(database, ordered, "recipient", LI)
    assert verify(package(database, ordered)).valid


def test_who_may_seal(database: Database) -> None:
    with database.read() as session:
        seals.require_keeper(session, unit_id=1, person_id=CHEN, at=AT)
        with pytest.raises(NotAllowed):
            seals.require_keeper(session, unit_id=1, person_id=LI, at=AT)


def test_a_void_document_is_neither_signed_nor_changed(database: Database) -> None:
    document = create(database)
    late = hand_in(database, document, "issuer", CHEN)
    with database.write() as session:
        register.void(session, document, reason="重复制发", at=AT)
    for attempt in (
        lambda: hand_in(database, document, "issuer", CHEN),
        lambda: _in(
            database, lambda s: register.add_revision(s, document, base=revised(), reason="x", at=AT)
        ),
        lambda: _in(database, lambda s: register.void(s, document, reason="再次", at=AT)),
        lambda: _in(database, lambda s: signatures.store(s, late, at=AT)),
    ):
        with pytest.raises(LvzeError) as caught:
            attempt()
        assert caught.value.code == "document-voided"


def _in(database: Database, act: Any) -> None:
    with database.write() as session:
        act(session)


def test_storing_takes_three_statements(database: Database) -> None:
    letters = [create(database) for _ in range(5)]
    with database.write() as session:
        shown = {d.id: d.digest for d in register.documents(session, letters)}
        prepared = signatures.prepare(
            session,
            Signing(handwriting=signers.handwriting(), shown=shown),
            documents=letters,
            slot="issuer",
            capacity="书记",
            person_id=CHEN,
            name="陈志强",
            passphrase=SECRET,
            at=AT,
        )
    said: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *a: said.append(a[2]))
    with database.write() as session:
        signatures.store(session, prepared, at=AT)
    said = [statement for statement in said if not statement.startswith(("BEGIN", "PRAGMA"))]
    assert len(said) <= 3, said
    said.clear()
    with database.read() as session:
        assert [d.slot("issuer").signer for d in register.documents(session, letters)] == ["陈志强"] * 5
    assert len([s for s in said if s.startswith("SELECT")]) <= 2, said
