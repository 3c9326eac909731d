"""发文字号: 机关代字〔年份〕序号, such as 云工委〔2026〕5号 (GB/T 9704-2012, 7.2.5).

One sequence an agency's 代字 and year, without gaps: a number is taken in the transaction that issues the document and comes
back when that transaction fails. Database sequences can't do that. A number once issued is never used again; a cancelled one
stays in the register as 作废.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.database import Table, UtcDateTime
from engine.errors import Conflict, Invalid

MAX_CODE = 20  # characters


class NumberSeries(Table):
    """The last number that was issued under a 代字 in a year."""

    __tablename__ = "number_series"

    agency_unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True)
    code: Mapped[str] = mapped_column(String(MAX_CODE), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True)
    last: Mapped[int]


class DocumentNumber(Table):
    """One issued number."""

    __tablename__ = "document_number"
    __table_args__ = (UniqueConstraint("agency_unit_id", "code", "year", "sequence"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    agency_unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    code: Mapped[str] = mapped_column(String(MAX_CODE))
    year: Mapped[int]
    sequence: Mapped[int]
    text: Mapped[str] = mapped_column(String(60), index=True)
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    document_id: Mapped[int | None] = mapped_column(ForeignKey("document.id"), index=True)
    cancelled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str | None] = mapped_column(String(400))


def text_of(code: str, year: int, sequence: int) -> str:
    """No 第, no leading zeros, a four-digit year in 〔〕 (U+3014, U+3015)."""
    return f"{code}〔{year}〕{sequence}号"


def assign(session: Session, *, agency_unit_id: int, code: str, year: int, at: datetime) -> DocumentNumber:
    """The agency's next number of the year, in the caller's transaction.

    The series' row is locked until the transaction ends: whoever asks meanwhile waits, and gets the same number when this
    transaction fails. So it is taken at 签发, late in the transaction, never at the draft.

    :param code: the agency's 机关代字, such as 云工委
    :raises Invalid: ``number-code`` or ``number-year``
    """
    code = code.strip()
    if not code or len(code) > MAX_CODE or any(character in "〔〕\n" for character in code):
        raise Invalid("number-code", f"机关代字“{code}”不能用于发文字号，请在单位资料中填写正确的机关代字。")
    if not 1949 <= year <= 9999:
        raise Invalid("number-year", f"发文字号的年份应为四位数字，现在是 {year}。")
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    counted = (
        insert(NumberSeries)
        .values(agency_unit_id=agency_unit_id, code=code, year=year, last=1)
        .on_conflict_do_update(
            index_elements=["agency_unit_id", "code", "year"],
            set_={"last": NumberSeries.__table__.c.last + 1},
        )
        .returning(NumberSeries.__table__.c.last)
    )
    sequence = session.execute(counted).scalar_one()
    number = DocumentNumber(
        agency_unit_id=agency_unit_id,
        code=code,
        year=year,
        sequence=sequence,
        text=text_of(code, year, sequence),
        issued_at=at,
    )
    session.add(number)
    session.flush()
    return number


def attach(session: Session, number: DocumentNumber, *, document_id: int) -> None:
    """Say which document carries the number.

    :raises Conflict: ``number-taken``: another document has it, or it is cancelled
    """
    if number.cancelled_at is not None:
        raise Conflict("number-taken", f"发文字号“{number.text}”已作废，不能再用。", number=number.text)
    if number.document_id not in (None, document_id):
        raise Conflict("number-taken", f"发文字号“{number.text}”已用于另一份文件。", number=number.text)
    number.document_id = document_id
    session.flush()


def cancel(session: Session, number: DocumentNumber, *, reason: str, at: datetime) -> None:
    """作废: the number stays in the register with the reason and is never issued again.

    :raises Invalid: ``reason-missing``
    :raises Conflict: ``number-cancelled``: it is already
    """
    if not reason.strip():
        raise Invalid("reason-missing", "作废发文字号须写明理由。", {"reason": "请写明理由。"})
    if number.cancelled_at is not None:
        raise Conflict("number-cancelled", f"发文字号“{number.text}”已经作废。", number=number.text)
    number.cancelled_at, number.reason = at, reason.strip()
    session.flush()
