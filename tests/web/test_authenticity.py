"""验真: what the page behind a document's QR code tells a stranger, and what a file that he brings proves to be."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select, update

from engine import ProcessEngine
from engine.database import Database
from engine.documents import bounded_verification, codes, register, revisions, signatures
from engine.documents.authority import Certificate
from engine.documents.package import read_package, write_package
from engine.documents.signatures import Signing
from engine.documents.slots import Signature, Slot
from engine.ledgers import LedgerEntry
from tests.documents import signers
from tests.web.conftest import NOW, Visit, Visitor, World

TITLE = "2026年度党建工作责任书（林业局）"
SLOTS = [Slot("issuer", "颁发单位", "支部书记"), Slot("recipient", "责任人", "科员")]

Issue = Callable[..., int]
Sign = Callable[..., None]


def base(words: str = "") -> bytes:
    """A letter's bytes, with these words in its text."""
    parts = read_package(signers.letter())
    document = parts["word/document.xml"].replace(
        "云工委〔2026〕5号".encode(), f"云工委〔2026〕5号{words}".encode(), 1
    )
    return write_package(parts | {"word/document.xml": document})


@pytest.fixture
def issue(engine: ProcessEngine, database: Database, world: World) -> Issue:
    """Enter a document; returns its id."""
    engine.create_authority()

    def make(code: str, **changes: Any) -> int:
        given: dict[str, Any] = {"base": base(codes.shown(code)), "slots": SLOTS, "title": TITLE} | changes
        with database.write() as session:
            return register.create(
                session,
                instance_id=None,
                kind="责任书",
                unit_id=world.branch,
                template_digest="0" * 64,
                data={},
                number="云林支〔2026〕3号",
                code=code,
                at=NOW,
                **given,
            ).id

    return make


@pytest.fixture
def sign(engine: ProcessEngine, database: Database, world: World) -> Sign:
    def act(document: int, slot: str, **changes: Any) -> None:
        person, name, post = {
            "issuer": (world.secretary, "程立功", "支部书记"),
            "recipient": (world.member, "苏小满", "科员"),
        }[slot]
        with database.write() as session:
            shown = {document: register.get(session, document).digest}
            handed = Signing(**{"handwriting": signers.handwriting(person), "shown": shown} | changes)
            prepared = signatures.prepare(
                session,
                handed,
                documents=[document],
                slot=slot,
                capacity=post,
                person_id=person,
                name=name,
                passphrase=engine.settings.passphrase,
                at=NOW + timedelta(hours=1),
            )
            signatures.store(session, prepared, at=NOW + timedelta(hours=1))

    return act


@pytest.fixture(autouse=True)
def later(engine: ProcessEngine) -> None:
    """The documents are checked on the day after they were signed."""
    engine.clock.set(NOW + timedelta(days=1))  # type: ignore[attr-defined]


def file(database: Database, document: int) -> bytes:
    with database.read() as session:
        return register.package(session, register.get(session, document))


def text(visitor: Visitor) -> str:
    """What is read on the page."""
    page = re.sub(r"<(script|style|head)\b.*?</\1>", "", visitor.page, flags=re.S)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def bring(visitor: Visitor, content: bytes, path: str = "/verification", name: str = "责任书.docx") -> str:
    """The page after a file was brought to it."""
    visitor.get(path)
    visitor.post(path, {"file": (io.BytesIO(content), name)})
    return text(visitor)


A, B = "ABCDEFGHJKLMNPQR", "STUVWXYZ23456789"


def test_a_letter_in_force_tells_all_that_is_printed_on_it(
    issue: Issue, sign: Sign, visit: Visit, database: Database
) -> None:
    letter = issue(A)
    sign(letter, "issuer")
    sign(letter, "recipient")
    stranger = visit("")
    assert stranger.get(f"/v/{A}").status_code == 200
    page = text(stranger)
    for said in (
        "真实有效",
        TITLE,
        "云林支〔2026〕3号",
        "林业局机关支部",
        "程立功",
        "支部书记",
        "苏小满",
        "科员",
    ):
        assert said in page, said
    with database.read() as session:
        given = session.scalars(select(Signature)).all()
        held = [session.get_one(Certificate, one.certificate_id) for one in given]
    for certificate in held:
        assert f"{certificate.x509.serial_number:X}" in page
    assert "履责电子签名证书机构" in page and "RSA 2048" in page
    assert hashlib.sha256(file(database, letter)).hexdigest() in page


def test_a_code_may_be_typed_as_one_likes(issue: Issue, visit: Visit) -> None:
    issue(A)
    stranger = visit("")
    for typed in ("abcd-efgh-jklm-npqr", "ABCDEFGHJKLMNPQR", " ＡＢＣＤ efgh—jklm npqr "):
        found = stranger.get("/verification", query_string={"code": typed})
        assert found.status_code == 302 and found.location == f"/v/{A}", typed
    assert stranger.get(f"/v/{codes.shown(A).lower()}").status_code == 200


def test_what_is_no_code_is_told(visit: Visit) -> None:
    stranger = visit("")
    for typed in ("ABCD", "ABCDEFGHJKLMNPQ0", "<script>", "ZZZZ-ZZZZ-ZZZZ-ZZZZ", "' OR 1=1"):
        assert stranger.get("/verification", query_string={"code": typed}).status_code == 404
        assert "查不到" in stranger.page and "<script>" not in stranger.page
        assert stranger.get(f"/v/{typed}").status_code == 404


def test_what_is_not_signed_by_all_is_not_finished(issue: Issue, sign: Sign, visit: Visit) -> None:
    letter = issue(A)
    sign(letter, "issuer")
    stranger = visit("")
    stranger.get(f"/v/{A}")
    assert "尚未签完" in text(stranger) and "待签" in text(stranger) and "真实有效" not in text(stranger)


def test_a_refusal_is_told_without_its_reason(issue: Issue, sign: Sign, visit: Visit) -> None:
    letter = issue(A)
    sign(letter, "issuer")
    sign(letter, "recipient", outcome="拒签", handwriting=None, reason="家里的事，不便细说")
    stranger = visit("")
    stranger.get(f"/v/{A}")
    page = text(stranger)
    assert "没有全部签署" in page and "拒签" in page and "家里的事" not in page and "真实有效" not in page


def test_a_paper_signature_is_told_to_be_none_of_cryptography(
    issue: Issue, sign: Sign, visit: Visit, world: World
) -> None:
    letter = issue(A)
    sign(letter, "issuer")
    scan = b"\x89PNG\r\n\x1a\n" + b"0" * 40
    sign(letter, "recipient", way="纸质", handwriting=None, scan=scan, attested_by=world.secretary)
    stranger = visit("")
    stranger.get(f"/v/{A}")
    assert "真实有效" in text(stranger) and "不是电子签名" in text(stranger)


def test_a_void_letter_tells_why_and_one_renewed_tells_by_which(
    issue: Issue, sign: Sign, visit: Visit, database: Database
) -> None:
    void, old = issue(A), issue(B)
    for slot in ("issuer", "recipient"):
        sign(void, slot)
        sign(old, slot)
    with database.write() as session:
        register.void(session, void, reason="标题有误，重新印发", at=NOW)
    stranger = visit("")
    stranger.get(f"/v/{A}")
    assert "已作废" in text(stranger) and "标题有误，重新印发" in text(stranger)
    assert "已作废" in bring(stranger, file(database, void), f"/v/{A}")

    new = issue("K" * 16, title="2026年度党建工作责任书（换签）", base=base("换签"), replaces_id=old)
    stranger.get(f"/v/{B}")
    assert "真实有效" in text(stranger), "what replaces it is not signed yet"
    sign(new, "issuer")
    sign(new, "recipient")
    stranger.get(f"/v/{B}")
    assert "已被取代" in text(stranger) and "2026年度党建工作责任书（换签）" in text(stranger)
    assert stranger.get(stranger.link("《2026年度党建工作责任书（换签）》")).status_code == 200


def test_a_file_is_the_original_an_early_copy_or_a_former_revision(
    issue: Issue, sign: Sign, visit: Visit, database: Database
) -> None:
    letter, stranger = issue(A), visit("")
    draft = file(database, letter)
    sign(letter, "issuer")
    early = file(database, letter)
    assert "尚未签完" in bring(stranger, early, f"/v/{A}")
    sign(letter, "recipient")
    whole = file(database, letter)
    assert "与登记簿里的原件一致" in bring(stranger, whole, f"/v/{A}")
    assert "与登记簿里的原件一致" in bring(stranger, whole), "and without the code"
    said = bring(stranger, early, f"/v/{A}")
    assert "责任人 签署之前的样子" in said and "原件一致，是" not in said
    assert "颁发单位、责任人 签署之前的样子" in bring(stranger, draft, f"/v/{A}")
    with database.write() as session:
        register.add_revision(
            session, letter, base=base(codes.shown(A) + "改"), reason="退回修改后重新生成", at=NOW
        )
    said = bring(stranger, whole, f"/v/{A}")
    assert "已被第 2 版取代" in said and "登记簿中已作废" in said and "退回修改后重新生成" in said
    assert "真实有效" not in said and "尚未签完" in said


def test_an_altered_file_is_told_and_what_was_altered(
    issue: Issue, sign: Sign, visit: Visit, database: Database
) -> None:
    letter, stranger = issue(A), visit("")
    sign(letter, "issuer")
    sign(letter, "recipient")
    whole = file(database, letter)
    parts = read_package(whole)
    words = parts["word/document.xml"].replace("李建国".encode(), "李建党".encode())
    assert words != parts["word/document.xml"]
    said = bring(stranger, write_package(parts | {"word/document.xml": words}), f"/v/{A}")
    assert "被改动过" in said and "正文（word/document.xml）的内容被改动" in said
    said = bring(stranger, base(codes.shown(A) + "伪造"), f"/v/{A}")
    assert "被改动过" in said and "与登记簿中的各版都不相同" in said, (
        "its signatures were taken off, the code is left"
    )
    flipped = bytearray(whole)
    flipped[len(flipped) // 2] ^= 1
    said = bring(stranger, bytes(flipped), f"/v/{A}")
    assert ("被改动过" in said or "不能确认" in said) and "与登记簿里的原件一致" not in said
    resaved = io.BytesIO()
    with zipfile.ZipFile(resaved, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert "重新打包" in bring(stranger, resaved.getvalue(), f"/v/{A}")


def test_a_signature_that_the_register_does_not_hold_is_no_original(
    issue: Issue, sign: Sign, visit: Visit, database: Database, world: World
) -> None:
    """Signed with the house's own keys, behind the register's back."""
    letter, stranger = issue(A), visit("")
    sign(letter, "issuer")
    sign(letter, "recipient")
    whole = file(database, letter)
    with database.write() as session:
        session.delete(session.scalars(select(Signature).order_by(Signature.id.desc())).first())
    assert "登记簿里没有的签名" in bring(stranger, whole, f"/v/{A}")


def test_an_original_whose_certificate_had_been_revoked_is_told_so(
    issue: Issue, sign: Sign, visit: Visit, database: Database
) -> None:
    letter, stranger = issue(A), visit("")
    sign(letter, "issuer")
    sign(letter, "recipient")
    with database.write() as session:
        held = session.scalars(select(Certificate).where(Certificate.person_id.is_not(None))).first()
        assert held is not None
        held.revoked_at = NOW
    said = bring(stranger, file(database, letter), f"/v/{A}")
    assert "是原件，但签名不成立" in said and "签署时证书已被吊销" in said
    assert "原件一致，签名全部有效" not in said


def test_another_documents_file_is_told_to_be_that(
    issue: Issue, sign: Sign, visit: Visit, database: Database
) -> None:
    issue(A)
    other = issue(B, title="另一份责任书")
    sign(other, "issuer")
    said = bring(visit(""), file(database, other), f"/v/{A}")
    assert "这是另一份文件" in said and "《另一份责任书》" in said


def test_a_pdf_is_known_by_its_bytes(issue: Issue, sign: Sign, visit: Visit, database: Database) -> None:
    letter, stranger = issue(A), visit("")
    sign(letter, "issuer")
    sign(letter, "recipient")
    pdf = b"%PDF-1.7\n% made of the letter\n%%EOF"
    with database.write() as session:
        seen = register.get(session, letter).revision.id
        revisions.set_pdf(session, seen, pdf=pdf, page_count=1, outcomes=2, at=NOW)
    assert "与登记簿里的原件一致" in bring(stranger, pdf, f"/v/{A}", "责任书.pdf")
    assert "不能确认" in bring(stranger, pdf + b"\n", f"/v/{A}", "责任书.pdf")
    with database.write() as session:
        revisions.set_pdf(session, seen, pdf=pdf, page_count=1, outcomes=1, at=NOW)
    assert "责任人 签署之前的样子" in bring(stranger, pdf, f"/v/{A}", "责任书.pdf")


def test_strangers_learn_no_title_of_what_is_classified_or_disclosed_to_the_branch(
    issue: Issue, sign: Sign, visit: Visit, database: Database, world: World
) -> None:
    secret, own = issue(A, classification="秘密"), issue(B)
    for letter in (secret, own):
        sign(letter, "issuer")
        sign(letter, "recipient")
    with database.write() as session:
        row = {
            "ledger": "承诺",
            "key": "甲",
            "values": {},
            "audience": "支部",
            "published_at": NOW,
            "updated_at": NOW,
        }
        session.add(LedgerEntry(document_id=own, **row))
    stranger = visit("")
    for code in (A, B):
        stranger.get(f"/v/{code}")
        page = text(stranger)
        assert "真实有效" in page and TITLE not in page and "苏小满" not in page and "云林支" not in page
    assert TITLE in bring(stranger, file(database, own), f"/v/{B}"), "who brings the file holds the title"
    altered = read_package(file(database, own))
    altered["word/document.xml"] = altered["word/document.xml"].replace("李建国".encode(), "李建党".encode())
    assert TITLE not in bring(stranger, write_package(altered), f"/v/{B}")
    assert TITLE not in bring(stranger, file(database, secret), f"/v/{A}")


def test_what_only_the_branch_reads_stays_so_when_it_is_superseded_or_void(
    issue: Issue, sign: Sign, visit: Visit, database: Database
) -> None:
    old = issue(A)
    new = issue(B, title="只在支部公开的新责任书", replaces_id=old)
    for letter in (old, new):
        sign(letter, "issuer")
        sign(letter, "recipient")
    row = {"ledger": "承诺", "values": {}, "audience": "支部", "published_at": NOW, "updated_at": NOW}
    with database.write() as session:
        session.add(LedgerEntry(document_id=new, key="甲", **row))
    stranger = visit("")
    stranger.get(f"/v/{A}")
    assert "已被取代" in text(stranger) and TITLE in text(stranger)
    assert "只在支部公开" not in text(stranger) and f"/v/{B}" in stranger.page
    for ended in ({"superseded_at": NOW}, {"voided_at": NOW, "void_reason": "换签"}):
        with database.write() as session:
            session.execute(update(LedgerEntry).values(superseded_at=None, voided_at=None))
            session.execute(update(LedgerEntry).values(**ended))
        stranger.get(f"/v/{B}")
        assert "只在支部公开" not in text(stranger) and "苏小满" not in text(stranger)


def test_nonsense_is_answered_and_no_file_is_asked_for(issue: Issue, visit: Visit) -> None:
    issue(A)
    stranger = visit("")
    for path in ("/verification", f"/v/{A}"):
        for content in (b"x", b"PK\x03\x04", b"%PDF-", b"\xd0\xcf\x11\xe0" + b"0" * 600):
            assert "不能确认" in bring(stranger, content, path)
        assert stranger.post(path, {}).status_code == 422 and "请选择要验证的文件" in stranger.page


def test_a_pdf_that_takes_too_long_or_too_much_is_given_up(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few KB that unpack to ten million entries: minutes, and gigabytes."""
    count = 10_000_000
    entries = zlib.compress(b"\x01\x09\x00" * count, 9)
    head = b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\n"
    xref = b"2 0 obj\n<</Type/XRef/Size %d/W[1 1 1]/Root 1 0 R/Filter/FlateDecode/Length %d>>stream\n"
    tail = b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF" % len(head)
    monkeypatch.setattr(bounded_verification, "TIMEOUT", 3)
    stranger = visit("")
    said = bring(stranger, head + xref % (count, len(entries)) + entries + tail, name="责任书.pdf")
    assert "不能确认" in said and "没有通过验证" not in said
