"""The installation's authority and the certificates that it issues."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from sqlalchemy.orm import Session

import engine.tables
from engine.database import Database
from engine.documents import authority
from engine.errors import Conflict, NotFound, SettingsError
from engine.organisation.people import Person
from tests.documents.signers import AT

SECRET = "s" * 32


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    database = Database(f"sqlite:///{tmp_path / 'authority.db'}")
    engine.tables.metadata.create_all(database.engine)
    with database.write() as session:
        session.add_all([Person(id=1, name="陈志强"), Person(id=2, name="陈志强")])
        session.flush()
        yield session
    database.close()


def test_a_certificate_is_issued_once_and_chains(session: Session) -> None:
    root = authority.create_authority(session, name="证书机构", passphrase=SECRET, at=AT)
    first = authority.certificate_of(session, person_id=1, name="陈志强", passphrase=SECRET, at=AT)
    assert authority.certificate_of(session, person_id=1, name="陈志强", passphrase=SECRET, at=AT) is first
    namesake = authority.certificate_of(session, person_id=2, name="陈志强", passphrase=SECRET, at=AT)
    assert namesake.subject != first.subject
    first.x509.verify_directly_issued_by(root.x509)
    assert first.x509.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert authority.trusted(session) == [root.x509]
    assert x509.load_pem_x509_certificate(authority.authority_pem(session).encode()) == root.x509


def test_the_played_year_is_covered(session: Session) -> None:
    root = authority.create_authority(session, name="证书机构", passphrase=SECRET, at=AT)
    assert root.not_before <= AT - timedelta(days=365) and root.not_after > AT + timedelta(days=18 * 365)
    for days in (-300, 0, 300, 3000):
        moment = AT + timedelta(days=days)
        held = authority.certificate_of(session, person_id=1, name="陈志强", passphrase=SECRET, at=moment)
        assert held.not_before <= moment < held.not_after


def test_keys_are_encrypted(session: Session) -> None:
    root = authority.create_authority(session, name="证书机构", passphrase=SECRET, at=AT)
    assert root.private_key_encrypted.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert authority.load_key(root, SECRET).public_key() == root.x509.public_key()
    with pytest.raises(SettingsError):
        authority.load_key(root, "t" * 32)


def test_revoking(session: Session) -> None:
    authority.create_authority(session, name="证书机构", passphrase=SECRET, at=AT)
    first = authority.certificate_of(session, person_id=1, name="陈志强", passphrase=SECRET, at=AT)
    authority.revoke(session, first.id, at=AT)
    assert authority.revoked(session) == {first.x509.serial_number: AT}
    assert (
        authority.certificate_of(session, person_id=1, name="陈志强", passphrase=SECRET, at=AT) is not first
    )
    with pytest.raises(Conflict):
        authority.revoke(session, first.id, at=AT)


def test_there_is_one_authority_and_none_is_said(session: Session) -> None:
    with pytest.raises(NotFound):
        authority.certificate_of(session, person_id=1, name="陈志强", passphrase=SECRET, at=AT)
    authority.create_authority(session, name="证书机构", passphrase=SECRET, at=AT)
    with pytest.raises(Conflict):
        authority.create_authority(session, name="证书机构", passphrase=SECRET, at=AT)
