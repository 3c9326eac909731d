"""发文字号: 机关代字〔年份〕序号, such as 云工委〔2026〕5号 (GB/T 9704-2012, 7.2.5).

A 代字 may end in a class of documents (云工委综字); one sequence an agency's whole 代字 and year, without gaps: a number is taken in
the transaction that issues the document and comes back when that transaction fails. Database sequences can't do that. A number once
issued is never used again; a cancelled one stays in the register as 作废. Numbers from before this register come in by a workbook,
in whatever form they were printed (云工委【2012】05号), and stay as they were.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Select, String, UniqueConstraint, case, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.database import Table, UtcDateTime
from engine.documents.register import MAKER, Document
from engine.errors import Conflict, Invalid, NotFound
from engine.organisation.units import Unit

MAX_CODE = 20  # characters
_CATEGORY = re.compile("[\u3400-\u9fff]{1,8}")
# What was printed before 2012, and by whom the standard had not reached: other brackets, 第, padding zeros.
_PRINTED = re.compile(
    r"(?P<code>[^\d〔【\[［(（\s]{1,20})\s*[〔【\[［(（](?P<year>\d{4})[〕】\]］)）]\s*第?(?P<sequence>\d{1,6})号"
)


class NumberSeries(Table):
    """The last number that was issued under a 代字 in a year."""

    __tablename__ = "number_series"

    agency_unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True)
    code: Mapped[str] = mapped_column(String(MAX_CODE), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True)
    last: Mapped[int]


class DocumentNumber(Table):
    """One issued number.

    :ivar code: the whole 代字, a class of documents included
    :ivar category: that class (综字); empty where the agency has one sequence for all
    :ivar instance_id: with ``element_id``: the service task that took it; it takes no second one
    :ivar returned_at: that step was taken back: when it runs again, it takes this number
    :ivar title: of a document that this register does not hold
    :ivar imported_at: it was issued elsewhere and came in by a workbook; ``issued_at`` is then the day that stands there
    """

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
    cancelled_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    category: Mapped[str] = mapped_column(String(8), default="", server_default="")
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("process_instance.id"), index=True)
    element_id: Mapped[str | None] = mapped_column(String(200))
    returned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    title: Mapped[str | None] = mapped_column(String(250))
    imported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the register of numbers.

    :ivar document: that carries the number; None where none does, or where it was issued elsewhere
    """

    number: DocumentNumber
    agency: str
    document: Document | None

    @property
    def title(self) -> str:
        return self.document.title if self.document is not None else self.number.title or ""

    @property
    def state(self) -> str:
        """作废, 在用, 文件作废, 旧登记, or 未用: issued, and nothing carries it yet."""
        if self.number.cancelled_at is not None:
            return "作废"
        if self.document is not None:
            return "在用" if self.document.voided_at is None else "文件作废"
        return "旧登记" if self.number.imported_at is not None else "未用"


def text_of(code: str, year: int, sequence: int) -> str:
    """No 第, no leading zeros, a four-digit year in 〔〕 (U+3014, U+3015)."""
    return f"{code}〔{year}〕{sequence}号"


def parse(text: str) -> tuple[str, int, int] | None:
    """代字, year and sequence of a number in any form that was ever printed; None for what is none."""
    found = _PRINTED.fullmatch(text.strip())
    return (found["code"], int(found["year"]), int(found["sequence"])) if found else None


def assign(
    session: Session, *, agency_unit_id: int, code: str, year: int, at: datetime, category: str = ""
) -> DocumentNumber:
    """The agency's next number of the year, in the caller's transaction.

    The series' row is locked until the transaction ends: whoever asks meanwhile waits, and gets the same number when this
    transaction fails. So it is taken at 签发, late in the transaction, never at the draft. A service task whose work was
    taken back (驳回) gets the number that it took before.

    :param code: the agency's 机关代字, such as 云工委
    :param category: the class of documents that follows it, such as 综字
    :raises Invalid: ``number-code``, ``number-category`` or ``number-year``
    """
    code, category = code.strip(), category.strip()
    if not code or len(code) > MAX_CODE or any(character in "〔〕\n" for character in code):
        raise Invalid("number-code", f"机关代字“{code}”不能用于发文字号，请在单位资料中填写正确的机关代字。")
    if category and (not _CATEGORY.fullmatch(category) or len(code + category) > MAX_CODE):
        raise Invalid("number-category", f"“{category}”不能作为发文字号的分类，请写成“综字”这样的汉字。")
    if not 1949 <= year <= 9999:
        raise Invalid("number-year", f"发文字号的年份应为四位数字，现在是 {year}。")
    whole = code + category
    instance_id, element_id = session.info.get(MAKER, (None, None))
    if instance_id is not None:
        taken = session.scalar(
            select(DocumentNumber).where(
                DocumentNumber.instance_id == instance_id,
                DocumentNumber.element_id == element_id,
                DocumentNumber.agency_unit_id == agency_unit_id,
                DocumentNumber.code == whole,
                DocumentNumber.year == year,
                DocumentNumber.returned_at.is_not(None),
                DocumentNumber.cancelled_at.is_(None),
            )
        )
        if taken is not None:
            taken.returned_at = None
            return taken
    number = DocumentNumber(
        agency_unit_id=agency_unit_id,
        code=whole,
        category=category,
        year=year,
        sequence=_count(session, agency_unit_id, whole, year),
        text="",
        issued_at=at,
        instance_id=instance_id,
        element_id=element_id,
    )
    number.text = text_of(whole, year, number.sequence)
    session.add(number)
    session.flush()
    return number


def _count(session: Session, agency_unit_id: int, code: str, year: int, at_least: int = 0) -> int:
    """Count the series on, or up to ``at_least``, where numbers of it were issued elsewhere.

    Whoever has the 代字 counts on from its first holder of the year: a unit that succeeds to another takes it over.
    """
    series = select(NumberSeries.agency_unit_id).where(NumberSeries.code == code, NumberSeries.year == year)
    agency_unit_id = session.scalar(series.order_by(NumberSeries.agency_unit_id).limit(1)) or agency_unit_id
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    last = NumberSeries.__table__.c.last
    counted = (
        insert(NumberSeries)
        .values(agency_unit_id=agency_unit_id, code=code, year=year, last=at_least or 1)
        .on_conflict_do_update(
            index_elements=["agency_unit_id", "code", "year"],
            set_={"last": case((last < at_least, at_least), else_=last) if at_least else last + 1},
        )
        .returning(last)
    )
    return int(session.execute(counted).scalar_one())


def get(session: Session, number_id: int) -> DocumentNumber:
    """:raises NotFound: ``no-number``"""
    number = session.get(DocumentNumber, number_id)
    if number is None:
        raise NotFound("no-number", "没有这个发文字号。", number=number_id)
    return number


def attach(session: Session, number: DocumentNumber, *, document_id: int, at: datetime) -> None:
    """Say which document carries the number. The one that it carried before (it was revised in another year) is 作废.

    :raises Conflict: ``number-taken``: another document that is in force has it, it was issued elsewhere, or it is cancelled
    """
    session.refresh(number, with_for_update=True)  # somebody may be cancelling it
    if number.imported_at is not None:
        raise Conflict("number-taken", f"发文字号“{number.text}”在旧登记中已有文件。", number=number.text)
    if number.cancelled_at is not None:
        raise Conflict("number-taken", f"发文字号“{number.text}”已作废，不能再用。", number=number.text)
    if number.document_id not in (None, document_id):
        carrier = session.get(Document, number.document_id)
        if carrier is not None and carrier.voided_at is None:
            raise Conflict("number-taken", f"发文字号“{number.text}”已用于另一份文件。", number=number.text)
    former = select(DocumentNumber).where(
        DocumentNumber.document_id == document_id,
        DocumentNumber.id != number.id,
        DocumentNumber.cancelled_at.is_(None),
    )
    for one in session.scalars(former):
        one.cancelled_at, one.reason = at, f"文件改用“{number.text}”"
    number.document_id = document_id
    session.flush()


def cancel(
    session: Session, number: DocumentNumber, *, reason: str, by: int | None = None, at: datetime
) -> None:
    """作废: the number stays in the register with the reason and is never issued again.

    :raises Invalid: ``reason-missing``
    :raises Conflict: ``number-cancelled``: it is already; ``number-carried``: a document in force carries it
    """
    if not reason.strip():
        raise Invalid("reason-missing", "作废发文字号须写明理由。", {"reason": "请写明理由。"})
    session.refresh(number, with_for_update=True)  # a document may be taking it
    if number.cancelled_at is not None:
        raise Conflict("number-cancelled", f"发文字号“{number.text}”已经作废。", number=number.text)
    carrier = session.get(Document, number.document_id) if number.document_id is not None else None
    if carrier is not None and carrier.voided_at is None:
        raise Conflict(
            "number-carried",
            f"《{carrier.title}》正在使用“{number.text}”。请先作废这份文件，再作废字号。",
            number=number.text,
        )
    number.cancelled_at, number.reason, number.cancelled_by_id = at, reason.strip()[:400], by
    session.flush()


def taken_by(session: Session, instance_id: int, elements: Collection[str]) -> list[DocumentNumber]:
    """What these service tasks of an instance hold."""
    number = DocumentNumber
    held = select(number).where(
        number.instance_id == instance_id,
        number.element_id.in_(elements),
        number.returned_at.is_(None),
        number.cancelled_at.is_(None),
    )
    return list(session.scalars(held.order_by(number.id)))


def give_back(numbers: Iterable[DocumentNumber], *, at: datetime) -> None:
    """The steps that took them were taken back: they take them again."""
    for number in numbers:
        number.returned_at = at


def release(session: Session, instance_ids: Select[Any], *, reason: str, at: datetime) -> None:
    """The instances end before their time: what they took and no document carries is 作废."""
    unused = select(DocumentNumber).where(
        DocumentNumber.instance_id.in_(instance_ids),
        DocumentNumber.document_id.is_(None),
        DocumentNumber.cancelled_at.is_(None),
    )
    for number in session.scalars(unused):
        number.cancelled_at, number.reason = at, reason[:400]


def enter(
    session: Session,
    *,
    agency_unit_id: int,
    text: str,
    title: str,
    issued_at: datetime,
    cancelled: str | None = None,
    at: datetime,
) -> DocumentNumber:
    """Enter a number that was issued elsewhere, as it was printed; the series goes on behind it.

    :param cancelled: why it is 作废
    :raises Invalid: ``number-text``: not a 发文字号 in any form, or the none-th
    :raises Conflict: ``number-registered``
    """
    parsed = parse(text)
    if parsed is None:
        raise Invalid("number-text", f"“{text}”不像发文字号，应如“云工委〔2026〕5号”或“云工委【2012】05号”。")
    code, year, sequence = parsed
    if sequence == 0:
        raise Invalid("number-text", f"“{text}”的序号是 0，发文字号从 1 编起，请核对。")
    same = (DocumentNumber.code == code, DocumentNumber.year == year, DocumentNumber.sequence == sequence)
    standing = session.scalar(
        select(DocumentNumber.text).where(DocumentNumber.agency_unit_id == agency_unit_id, *same)
    )
    if standing is not None:
        raise Conflict("number-registered", f"“{standing}”已经登记，不能再登记“{text}”。", number=standing)
    _count(session, agency_unit_id, code, year, at_least=sequence)
    number = DocumentNumber(
        agency_unit_id=agency_unit_id,
        code=code,
        year=year,
        sequence=sequence,
        text=text.strip(),
        title=title[:250],
        issued_at=issued_at,
        imported_at=at,
        cancelled_at=at if cancelled else None,
        reason=cancelled,
    )
    session.add(number)
    session.flush()
    return number


def lines(
    session: Session,
    *,
    agencies: Collection[int] | None,
    agency: int | None = None,
    year: int | None = None,
    code: str | None = None,
    limit: int,
    offset: int = 0,
) -> list[Line]:
    """The register, newest year first, each series in its order from the last number.

    :param agencies: whose numbers; None for everybody's
    """
    query = _visible(select(DocumentNumber, Unit.name, Document), agencies).order_by(
        DocumentNumber.year.desc(), DocumentNumber.code, DocumentNumber.sequence.desc()
    )
    wanted = (
        (DocumentNumber.agency_unit_id, agency),
        (DocumentNumber.year, year),
        (DocumentNumber.code, code),
    )
    for column, value in wanted:
        if value is not None:
            query = query.where(column == value)
    rows = session.execute(query.limit(limit).offset(offset))
    return [Line(number, name, document) for number, name, document in rows]


@dataclass(frozen=True, slots=True)
class Series:
    """How far a 代字 has come in a year.

    :ivar elsewhere: issued under the same 代字 by another unit: a predecessor, or the successor
    :ivar missing: numbers between the first and the last of which this register knows nothing (issued elsewhere, not imported)
    """

    agency_unit_id: int
    agency: str
    code: str
    year: int
    last: int
    issued: int
    cancelled: int
    elsewhere: int = 0

    @property
    def missing(self) -> int:
        return max(0, self.last - self.issued - self.elsewhere)


def series(session: Session, *, agencies: Collection[int] | None) -> list[Series]:
    """Newest year first."""
    number = DocumentNumber
    query = (
        _visible(
            select(
                number.agency_unit_id,
                Unit.name,
                number.code,
                number.year,
                func.max(number.sequence),
                func.count(number.id),
                func.count(number.cancelled_at),
            ),
            agencies,
        )
        .group_by(number.agency_unit_id, Unit.name, number.code, number.year)
        .order_by(number.year.desc(), Unit.name, number.code)
    )
    everybody = select(number.code, number.year, func.count(number.id)).group_by(number.code, number.year)
    known = {(code, year): count for code, year, count in session.execute(everybody)}
    found = [Series(*row) for row in session.execute(query)]
    return [replace(one, elsewhere=known[one.code, one.year] - one.issued) for one in found]


def _visible(query: Any, agencies: Collection[int] | None) -> Any:
    joined = query.join(Unit, Unit.id == DocumentNumber.agency_unit_id).outerjoin(
        Document, Document.id == DocumentNumber.document_id
    )
    return joined if agencies is None else joined.where(DocumentNumber.agency_unit_id.in_(agencies))
