"""Places for signatures and seals in a document, and what became of each: signed, refused, impossible or overdue.

The acts that fill them are in ``engine.documents.signatures``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, and_, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from engine.database import Table, UtcDateTime
from engine.documents.signing import Picture

OUTCOMES = ("已签", "拒签", "无法签", "逾期")
WAYS = ("电子", "纸质")
KINDS = ("签名", "印章")


UNSTAMPED = "xml_digest IS NOT NULL AND stamp_digest IS NULL AND voided_at IS NULL"


class Signature(Table):
    """What became of one slot of one revision: signed, refused, impossible or overdue.

    :ivar person_id: who signed or refused; NULL for a seal and for 逾期
    :ivar signer: the name as it was then, a unit's for a seal
    :ivar reason: of every outcome but 已签
    :ivar attested_by_id: 经办人 who vouches that the scan of a paper signature is true
    :ivar handwriting_digest: blob of the drawing (SVG); ``image_digest`` of the picture in the signature (PNG)
    :ivar xml_digest: blob of the signature part; NULL for a paper signature, which is no cryptographic one
    :ivar stamp_digest: blob of its time stamp token, which comes after it (``engine.stamping``) and stands beside it; ``stamped_at``
        is the moment that the token attests
    :ivar cms_digest: of the same act's signature in the finished PDF (``pades.signature_digest``)
    :ivar instance_id: with ``element_id``: the service task that made it; NULL where a person handed it in (``work_item_id``)
    :ivar voided_by_id: who took back the work with which it was given; NULL where a new revision voided it
    """

    __tablename__ = "signature"
    __table_args__ = (
        CheckConstraint(f"outcome IN {OUTCOMES!r}", name="outcome"),
        CheckConstraint(f"way IN {WAYS!r}", name="way"),
        CheckConstraint("outcome = '已签' OR reason IS NOT NULL", name="reason"),
        CheckConstraint("way = '电子' OR xml_digest IS NULL", name="paper"),
        Index(
            "uq_signature_live",
            "revision_id",
            "slot_id",
            unique=True,
            sqlite_where=text("voided_at IS NULL"),
            postgresql_where=text("voided_at IS NULL"),
        ),
        Index("ix_signature_slot", "slot_id"),
        Index("ix_signature_work_item", "work_item_id"),
        Index("ix_signature_xml", "xml_digest"),
        Index("ix_signature_cms", "cms_digest"),
        Index("ix_signature_person", "person_id", "signed_at"),
        Index("ix_signature_certificate", "certificate_id"),
        Index(
            "ix_signature_unstamped",
            "id",
            sqlite_where=text(UNSTAMPED),
            postgresql_where=text(UNSTAMPED),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"))
    slot_id: Mapped[int] = mapped_column(ForeignKey("signature_slot.id"))
    work_item_id: Mapped[int | None] = mapped_column(ForeignKey("work_item.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    signer: Mapped[str] = mapped_column(String(120))
    capacity: Mapped[str] = mapped_column(String(120))
    outcome: Mapped[str] = mapped_column(String(12))
    way: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str | None] = mapped_column(String(1000))
    witness_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    attested_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    scan_digest: Mapped[str | None] = mapped_column(ForeignKey("blob.digest"))
    handwriting_digest: Mapped[str | None] = mapped_column(ForeignKey("blob.digest"))
    image_digest: Mapped[str | None] = mapped_column(ForeignKey("blob.digest"))
    xml_digest: Mapped[str | None] = mapped_column(ForeignKey("blob.digest"))
    cms_digest: Mapped[str | None] = mapped_column(String(64))
    certificate_id: Mapped[int | None] = mapped_column(ForeignKey("certificate.id"))
    stamp_digest: Mapped[str | None] = mapped_column(ForeignKey("blob.digest"))
    stamped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    signed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("process_instance.id"))
    element_id: Mapped[str | None] = mapped_column(String(200))
    voided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    voided_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    void_reason: Mapped[str | None] = mapped_column(String(200))

    @property
    def is_electronic(self) -> bool:
        """A signature with a certificate, which a stranger can verify."""
        return self.xml_digest is not None


class SignatureSlot(Table):
    """A place for a signature or a seal. Slots are signed in the order of ``position`` where the diagram says so.

    :ivar slot: the name that diagram, template marker and signature share
    :ivar label: printed for people: 颁发单位
    :ivar capacity: 职务 expected of the signer
    :ivar role: in which the signer signs (签发人, 审核人, 承诺人, 监督人), where the diagram says it
    :ivar signature: what became of it in the current revision
    """

    __tablename__ = "signature_slot"
    __table_args__ = (
        CheckConstraint(f"kind IN {KINDS!r}", name="kind"),
        UniqueConstraint("document_id", "slot"),
        UniqueConstraint("document_id", "position"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id"))
    position: Mapped[int]
    slot: Mapped[str] = mapped_column(String(60))
    label: Mapped[str] = mapped_column(String(120))
    capacity: Mapped[str] = mapped_column(String(120))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    kind: Mapped[str] = mapped_column(String(12))
    role: Mapped[str | None] = mapped_column(String(20))
    signature: Mapped[Signature | None] = relationship(
        primaryjoin=lambda: and_(Signature.slot_id == SignatureSlot.id, Signature.voided_at.is_(None)),
        foreign_keys=lambda: Signature.slot_id,
        lazy="joined",
        uselist=False,
        viewonly=True,
    )

    @property
    def signer(self) -> str | None:
        return self.signature.signer if self.signature else None


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a signature that a new document is to have; fields as of ``SignatureSlot``."""

    slot: str
    label: str
    capacity: str = ""
    unit_id: int | None = None
    kind: str = "签名"
    role: str | None = None


def picture_way(slots: Sequence[SignatureSlot], slot_id: int) -> Picture:
    """How the slot's picture is signed. LibreOffice bears two plain ones: persons' before seals'."""
    ranked = sorted(slots, key=lambda slot: (slot.kind == "印章", slot.position))
    for rank, slot in enumerate(ranked):
        if slot.id == slot_id and rank >= 2:
            return "named" if slot.kind == "签名" else "inside"
    return "plain"
