"""The finished PDF: made once, by one job, when the last place of a document is signed; void with any of its signatures."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from sqlalchemy import select

from engine import ProcessEngine, SettableClock, blobs, finished_pdfs
from engine.database import Database
from engine.documents import authority, register, signatures, verification
from engine.documents.package import read_package, write_package
from engine.documents.pdf import Rendered, Renderer
from engine.documents.register import Document
from engine.documents.seals import grant_demo
from engine.documents.signatures import Signing
from engine.documents.slots import Signature, Slot
from engine.errors import Conflict
from engine.jobs import Job
from engine.settings import Settings
from tests.documents import signers
from tests.documents.stamping import stamping
from tests.engine.conftest import NOW, World
from tests.engine.drawing import draw, end, path, service, start

SLOTS = [
    Slot("recipient", "责任单位负责人", "党委书记"),
    Slot("issuer", "颁发单位负责人", "党工委书记"),
    Slot("issuer_seal", "颁发单位", "印章", kind="印章"),
    Slot("recipient_seal", "责任单位", "印章", kind="印章"),
]


@dataclass
class Counted(Renderer):
    """One renderer for all engines, and what it was asked for."""

    rendered: list[Rendered] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def render(self, docx: bytes, *, timeout: float = 20) -> Rendered:
        self.rendered.append(super().render(docx, timeout=timeout))
        return self.rendered[-1]

    def close(self) -> None: ...


@pytest.fixture(scope="module")
def shared() -> Iterator[Counted]:
    renderer = Counted()
    yield renderer
    Renderer.close(renderer)


@pytest.fixture
def renderer(shared: Counted, monkeypatch: pytest.MonkeyPatch) -> Counted:
    shared.rendered.clear()
    monkeypatch.setattr("engine.process_engine.Renderer", lambda: shared)
    return shared


@dataclass
class Desk:
    """A letter with four places, and those who fill them."""

    engine: ProcessEngine
    database: Database
    world: World
    document: int
    passphrase: str

    def sign(
        self, slot: str, person: int, *, act: Signing | None = None, at: timedelta = timedelta(0)
    ) -> None:
        self.enter(self.prepare(slot, person, act), at)

    def prepare(self, slot: str, person: int, act: Signing | None = None) -> signatures.Prepared:
        act = act or Signing(handwriting=signers.handwriting())
        with self.database.write() as session:
            document = register.get(session, self.document)
            act.shown[document.id] = document.digest
            return signatures.prepare(
                session,
                act,
                documents=[self.document],
                slot=slot,
                capacity="书记",
                person_id=person,
                name=f"签署人{person}",
                passphrase=self.passphrase,
                at=NOW,
            )

    def enter(self, prepared: signatures.Prepared, at: timedelta = timedelta(0)) -> None:
        with self.database.write() as session:
            signatures.store(session, prepared, at=NOW + at)
            finished_pdfs.enqueue(session, prepared.revisions, NOW)

    def seal(self, slot: str, unit: int) -> None:
        with self.database.write() as session:
            document = register.get(session, self.document)
            assert signatures.seal(
                session,
                document_id=self.document,
                slot=slot,
                unit_id=unit,
                unit_name="林业局党委",
                person_id=self.world.secretary,
                reason="用印",
                passphrase=self.passphrase,
                at=NOW,
            )
            finished_pdfs.enqueue(session, [document.revision.id], NOW)

    def overdue(self, *slots: str) -> None:
        with self.database.write() as session:
            document = register.get(session, self.document)
            for slot in slots:
                signatures.record(
                    session,
                    document_id=document.id,
                    slot=slot,
                    outcome="逾期",
                    signer="某",
                    reason="逾期",
                    at=NOW,
                )
            finished_pdfs.enqueue(session, [document.revision.id], NOW)

    def jobs(self) -> list[Job]:
        with self.database.read() as session:
            return list(session.scalars(select(Job).where(Job.kind == "pdf")))

    def read(self) -> Document:
        with self.database.read() as session:
            return register.get(session, self.document)

    def pdf(self) -> bytes:
        with self.database.read() as session:
            document = register.get(session, self.document)
            assert document.pdf_digest is not None
            return blobs.get(session, document.pdf_digest)


@pytest.fixture
def desk(
    renderer: Counted,
    fresh: Callable[[], ProcessEngine],
    database: Database,
    world: World,
    settings: Settings,
) -> Desk:
    with database.write() as session:
        authority.create_authority(session, name="测试证书机构", passphrase=settings.passphrase, at=NOW)
        grant_demo(session, unit_id=world.committee, name="中共云岭市林业局委员会", by=None, at=NOW)
        document = register.create(
            session,
            instance_id=None,
            kind="责任书",
            title="责任书",
            unit_id=None,
            template_digest="",
            data={},
            base=signers.letter(),
            slots=SLOTS,
            at=NOW,
        )
        number = document.id
    return Desk(fresh(), database, world, number, settings.passphrase)


def fields(pdf: bytes) -> list[tuple[str, str]]:
    """Field and signer of every signature, in the order of signing."""
    found = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    return [(one.field_name, str(one.sig_object["/Name"])) for one in found]


def test_the_last_signature_makes_the_pdf(desk: Desk, renderer: Counted) -> None:
    desk.seal("issuer_seal", desk.world.committee)
    desk.overdue("recipient_seal")
    desk.sign("issuer", desk.world.secretary)
    assert desk.jobs() == [] and desk.read().pdf_digest is None
    desk.sign("recipient", desk.world.branch_secretary)
    (job,) = desk.jobs()
    assert job.instance_id is None and desk.engine.run_jobs() == 1
    assert desk.jobs() == [] and len(renderer.rendered) == 1

    document, pdf = desk.read(), desk.pdf()
    assert document.page_count == renderer.rendered[0].pages
    committee = "林业局党委"
    # persons as they signed, the seal last; no field for what is overdue
    assert [name for _, name in fields(pdf)] == [
        f"签署人{desk.world.secretary}",
        f"签署人{desk.world.branch_secretary}",
        committee,
    ]
    found = desk.engine.verify(pdf)
    assert found.valid, (found.changes, [s.problems for s in found.signatures])
    assert [(s.capacity, s.signed_at) for s in found.signatures] == [("书记", NOW)] * 2 + [("演示印章", NOW)]
    assert found.signatures[0].comment == "《责任书》颁发单位负责人，2026-03-05 09:00"


def test_a_void_signature_voids_the_pdf(desk: Desk) -> None:
    desk.overdue("issuer_seal", "recipient_seal")
    desk.sign("issuer", desk.world.secretary)
    desk.sign("recipient", desk.world.branch_secretary)
    desk.engine.run_jobs()
    former = desk.pdf()
    with desk.database.write() as session:
        taken = session.scalar(select(Signature.id).where(Signature.person_id == desk.world.secretary))
        assert taken is not None
        signatures.void_signatures(session, [taken], reason="退回", by=desk.world.clerk, at=NOW)
    assert desk.read().pdf_digest is None and desk.jobs() == []
    found = desk.engine.verify(former)
    assert found.valid, "it was signed"
    assert [one.voided and one.voided.reason for one in found.signatures] == ["退回", None]

    desk.sign("issuer", desk.world.deputy)
    assert len(desk.jobs()) == 1 and desk.engine.run_jobs() == 1
    assert sorted(name for _, name in fields(desk.pdf())) == sorted(
        f"签署人{person}" for person in (desk.world.deputy, desk.world.branch_secretary)
    )
    assert [one.voided is not None for one in desk.engine.verify(former).signatures] == [True, False]


def test_a_job_that_comes_too_late_makes_nothing(desk: Desk, renderer: Counted) -> None:
    desk.overdue("issuer_seal", "recipient_seal", "recipient")
    desk.sign("issuer", desk.world.secretary)
    with desk.database.write() as session:
        taken = session.scalars(select(Signature.id).where(Signature.person_id.is_not(None))).all()
        signatures.void_signatures(session, taken, reason="退回", by=None, at=NOW)
    assert desk.engine.run_jobs() == 1 and desk.jobs() == []
    assert desk.read().pdf_digest is None and renderer.rendered == []


def test_paper_leaves_no_field(desk: Desk) -> None:
    desk.overdue("issuer_seal", "recipient_seal")
    desk.sign("issuer", desk.world.secretary, act=Signing(way="纸质", scan=b"%PDF-1.7 scan"))
    desk.sign("recipient", desk.world.branch_secretary)
    desk.engine.run_jobs()
    assert [name for _, name in fields(desk.pdf())] == [f"签署人{desk.world.branch_secretary}"]


def test_whose_certificate_was_revoked_signs_with_a_new_one(desk: Desk, clock: SettableClock) -> None:
    desk.overdue("issuer_seal", "recipient_seal", "recipient")
    desk.sign("issuer", desk.world.secretary)
    clock.set(NOW + timedelta(hours=1))
    with desk.database.write() as session:
        certificate = session.scalar(
            select(Signature.certificate_id).where(Signature.certificate_id.is_not(None))
        )
        assert certificate is not None
        authority.revoke(session, certificate, at=NOW + timedelta(minutes=1))
    desk.engine.run_jobs()
    found = desk.engine.verify(desk.pdf())
    assert found.valid and found.signatures[0].signed_at == NOW + timedelta(hours=1)


def test_with_a_time_stamp_server_it_can_be_checked_for_long(
    desk: Desk, settings: Settings, clock: SettableClock, tmp_path: Path
) -> None:
    desk.overdue("issuer_seal", "recipient_seal", "recipient")
    desk.sign("issuer", desk.world.secretary)
    with stamping(tmp_path) as served:
        stamped = ProcessEngine(replace(settings, tsa_url=served.url, tsa_ca=(served.ca,)), clock)
        try:
            assert stamped.run_jobs() == 1
        finally:
            stamped.close()
    reader = PdfFileReader(io.BytesIO(desk.pdf()))
    assert [str(one.sig_object_type) for one in reader.embedded_signatures] == ["/Sig", "/DocTimeStamp"]
    assert len(reader.root["/DSS"]["/CRLs"]) == 1
    with desk.database.read() as session:
        roots = authority.trusted(session)
    found = verification.verify(desk.pdf(), trusted=roots, stampers=[served.ca])
    assert (
        found.valid and found.signatures[0].time_stamp is not None and found.signatures[0].time_stamp.vouched
    )


def test_the_job_waits_for_a_time_stamp_server_that_is_away(
    desk: Desk, settings: Settings, clock: SettableClock
) -> None:
    away = ProcessEngine(replace(settings, tsa_url="http://127.0.0.1:9/tsa"), clock)
    try:
        desk.overdue("issuer_seal", "recipient_seal", "recipient")
        desk.sign("issuer", desk.world.secretary)
        assert away.run_jobs() == 1
    finally:
        away.close()
    (job,) = desk.jobs()
    assert (job.due_at, job.incident_at, job.attempts) == (NOW + finished_pdfs.AGAIN, None, 0)
    assert desk.engine.run_jobs() == 0 and desk.read().pdf_digest is None
    clock.set(NOW + finished_pdfs.AGAIN)
    assert desk.engine.run_jobs() == 1 and desk.read().pdf_digest is not None


def test_of_two_last_signers_at_once_one_enqueues_the_job(desk: Desk) -> None:
    desk.overdue("issuer_seal", "recipient_seal")
    prepared = [
        desk.prepare("issuer", desk.world.secretary),
        desk.prepare("recipient", desk.world.branch_secretary),
    ]
    gate = threading.Barrier(2)

    def enter(one: signatures.Prepared) -> None:
        gate.wait()
        desk.enter(one)

    threads = [threading.Thread(target=enter, args=(one,)) for one in prepared]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(desk.jobs()) == 1


def test_a_transaction_that_waits_sees_what_it_waited_for(desk: Desk) -> None:
    """The first signer's transaction is open still when the second enters his signature."""
    desk.overdue("issuer_seal", "recipient_seal")
    first, second = desk.prepare("issuer", desk.world.secretary), desk.prepare("recipient", desk.world.member)
    with desk.database.write() as session:
        signatures.store(session, first, at=NOW)
        finished_pdfs.enqueue(session, first.revisions, NOW)
        thread = threading.Thread(target=desk.enter, args=(second,))
        thread.start()
        thread.join(0.3)
        assert thread.is_alive(), "the second waits for the first"
    thread.join()
    assert len(desk.jobs()) == 1


def test_the_diagram_and_the_engine_make_it_once(desk: Desk, renderer: Counted) -> None:
    desk.overdue("issuer_seal", "recipient_seal", "recipient")
    desk.sign("issuer", desk.world.secretary)
    xml = draw(
        "p",
        start(),
        service(
            "定稿", "pdf", {"摘要": "=result.digest", "页数": "=result.pages"}, document=f"={desk.document}"
        ),
        end(),
        path("start", "定稿", "end"),
    )
    desk.engine.deploy({"p.bpmn": xml})
    desk.engine.start("p", by=desk.world.member)
    assert desk.engine.run_jobs() == 2 and len(renderer.rendered) == 1
    assert desk.read().pdf_digest is not None


def test_a_step_before_the_last_signature_makes_what_is_signed(desk: Desk, renderer: Counted) -> None:
    desk.sign("issuer", desk.world.secretary)
    runtime = desk.engine._runtime
    finished_pdfs.finish(runtime, desk.document, NOW)
    assert len(fields(desk.pdf())) == 1
    desk.sign("recipient", desk.world.branch_secretary)
    assert desk.read().pdf_digest is None, "the PDF does not show the second signature"
    finished_pdfs.finish(runtime, desk.document, NOW)
    assert len(fields(desk.pdf())) == 2 and len(renderer.rendered) == 2
    finished_pdfs.finish(runtime, desk.document, NOW)
    assert len(renderer.rendered) == 2


def test_a_signature_during_the_making_is_not_missed(
    desk: Desk, renderer: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.sign("issuer", desk.world.secretary)
    render = renderer.render

    def meanwhile(docx: bytes, *, timeout: float = 20) -> Rendered:
        monkeypatch.setattr(renderer, "render", render)
        desk.sign("recipient", desk.world.branch_secretary)
        return render(docx)

    monkeypatch.setattr(renderer, "render", meanwhile)
    with pytest.raises(Conflict, match="刚刚又有签署"):
        finished_pdfs.finish(desk.engine._runtime, desk.document, NOW)
    assert desk.read().pdf_digest is None


def test_a_new_revision_has_no_pdf(desk: Desk) -> None:
    desk.overdue("issuer_seal", "recipient_seal", "recipient")
    desk.sign("issuer", desk.world.secretary)
    desk.engine.run_jobs()
    former = desk.pdf()
    with desk.database.write() as session:
        parts = read_package(signers.letter())
        parts["word/document.xml"] = parts["word/document.xml"].replace("李建国".encode(), "李建军".encode())
        register.add_revision(session, desk.document, base=write_package(parts), reason="修改", at=NOW)
    assert desk.read().pdf_digest is None
    (only,) = desk.engine.verify(former).signatures
    assert only.valid and only.voided is not None
