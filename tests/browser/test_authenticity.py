"""验真 at a browser: from the address in the QR code to the page, a file dropped on it, and a tampered one; on a phone too."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from engine.database import Database
from engine.documents import codes, register, signatures
from engine.documents.package import read_package, write_package
from engine.documents.signatures import Signing
from engine.documents.slots import Slot
from engine.organisation.accounts import Account
from tests.browser.site import MORNING, Site
from tests.documents import signers

TITLE = "2026年度党建工作责任书"


@pytest.fixture
def letter(site: Site) -> tuple[str, bytes]:
    """The code of a signed letter, and its file."""
    database, code = Database(site.engine.settings.database_url), codes.draw()
    with database.write() as session:
        signer = session.scalars(select(Account).where(Account.username == "luyuanfan")).one().person_id
        document = register.create(
            session,
            instance_id=None,
            kind="责任书",
            title=TITLE,
            unit_id=None,
            template_digest="0" * 64,
            data={},
            base=signers.letter(),
            slots=[Slot("issuer", "颁发单位", "支部书记")],
            code=code,
            at=MORNING,
        )
        prepared = signatures.prepare(
            session,
            Signing(handwriting=signers.handwriting(), shown={document.id: document.digest}),
            documents=[document.id],
            slot="issuer",
            capacity="支部书记",
            person_id=signer,
            name="陆远帆",
            passphrase=site.engine.settings.passphrase,
            at=MORNING,
        )
        signatures.store(session, prepared, at=MORNING)
        register.forget(session, [document])
        content = register.package(session, document)
    database.close()
    site.engine.clock.set(MORNING + timedelta(days=1))  # type: ignore[attr-defined]
    return code, content


def drop(page: Page, content: bytes, name: str) -> None:
    """As a hand drops a file on the form."""
    carried = page.evaluate_handle(
        """([text, name]) => {
            const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
            const carried = new DataTransfer();
            carried.items.add(new File([bytes], name));
            return carried;
        }""",
        [base64.b64encode(content).decode(), name],
    )
    form = page.locator("form[data-drop]")
    form.dispatch_event("dragover", {"dataTransfer": carried})
    form.dispatch_event("drop", {"dataTransfer": carried})


def test_a_stranger_scans_the_code_and_drops_files(
    site: Site,
    letter: tuple[str, bytes],
    page: Page,
    person: Callable[[], Page],
    violations: Callable[[Page], list[str]],
) -> None:
    code, content = letter
    page.goto(codes.for_template(code, site.address)["网址"])
    expect(page.get_by_role("status")).to_contain_text("真实有效")
    expect(page.get_by_text(TITLE, exact=True)).to_be_visible()
    page.get_by_text("签名证书", exact=True).click()
    expect(page.get_by_text("履责电子签名证书机构", exact=True)).to_be_visible()
    assert not violations(page)

    drop(page, content, "责任书.docx")
    expect(page.get_by_text("您的文件：责任书.docx")).to_be_visible()
    expect(page.get_by_text("这个文件与登记簿里的原件一致")).to_be_visible()
    assert not violations(page)

    parts = read_package(content)
    parts["word/document.xml"] = parts["word/document.xml"].replace("李建国".encode(), "李建党".encode())
    drop(page, write_package(parts), "改过的.docx")
    expect(page.get_by_text("您的文件：改过的.docx")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("被改动过")
    assert not violations(page)

    page.get_by_role("link", name="验证文件").first.click()
    page.get_by_label("验真码").fill(codes.shown(code).lower())
    page.get_by_role("button", name="查询").click()
    page.wait_for_url(f"**/v/{code}")

    phone = person()
    phone.set_viewport_size({"width": 390, "height": 844})
    phone.goto(f"{site.address}/v/{code}")
    expect(phone.get_by_role("status")).to_contain_text("真实有效")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert not violations(phone)
