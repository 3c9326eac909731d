"""Import of the organisation: every bad row is named, nothing is half imported, and the same workbook changes nothing twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.clock import local
from engine.errors import Invalid, LvzeError
from engine.organisation import departments, people, posts, units
from engine.organisation.departments import Department
from engine.organisation.people import Membership, Person
from engine.organisation.posts import Holding
from engine.organisation.units import Unit
from engine.organisation.workbook import Problem, Row, read_workbook

# No unit is older than the Party: stands for a founding day that the workbook leaves out.
LONG_AGO = date(1921, 7, 1)
NOT_A_MEMBER = "非党员"
VACANT = "空缺"

_COLUMNS = {
    "党组织": {
        "kind": "类型",
        "name": "全称",
        "parent_id": "上级党组织",
        "founded_on": "成立日期",
        "agency_code": "机关代字",
    },
    "人员": {
        "name": "姓名",
        "number": "人员编号",
        "unit_id": "所在党支部",
        "kind": "党员类别",
        "joined_party_on": "入党日期",
        "job_title": "岗位",
        "phone": "电话",
        "email": "电子邮箱",
    },
    "任职": {"unit_id": "党组织", "post": "职务", "mode": "任职方式", "from_on": "任职日期"},
}


@dataclass(slots=True)
class ImportReport:
    """What an import did. With any error nothing was changed, and the three counts say what would have been.

    :ivar rows: rows that were read
    """

    rows: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    errors: list[Problem] = field(default_factory=list)

    @property
    def imported(self) -> bool:
        return not self.errors


def import_workbook(session: Session, content: bytes, *, at: datetime) -> ImportReport:
    """Import an .xlsx of the shape of ``template_workbook``; dates left out mean the day of ``at`` in Asia/Shanghai.

    :raises Invalid: the file is refused as a whole
    """
    rows, problems = read_workbook(content)
    return import_rows(session, rows, on=local(at).date(), problems=problems)


def import_rows(
    session: Session, rows: Sequence[Row], *, on: date, problems: Sequence[Problem] = ()
) -> ImportReport:
    """Units first, then people, then posts, whatever the order of the rows."""
    report = ImportReport(rows=len(rows), errors=list(problems))
    savepoint = session.begin_nested()
    _Import(session, on, report).run(rows)
    if report.errors:
        savepoint.rollback()
        report.errors.sort(key=lambda problem: ([*_COLUMNS, problem.sheet].index(problem.sheet), problem.row))
    else:
        savepoint.commit()
    return report


class _Wrong(Exception):
    """A row that cannot be imported: the column and what to do."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column


class _Elsewhere(Exception):
    """A row that is right, but names one that is not: the other row is reported, this one is left out."""


class _Import:
    def __init__(self, session: Session, on: date, report: ImportReport) -> None:
        self.session = session
        self.on = on
        self.report = report
        self.units: dict[str, list[Unit]] = defaultdict(list)
        self.people: dict[str, list[tuple[Person, Membership | None]]] = defaultdict(list)
        self.numbers: dict[str, tuple[Person, Membership | None]] = {}
        self.departments: dict[str, Department] = {}  # held, or the session would forget and reload them
        self.seen: dict[int, int] = {}  # person -> row of this workbook
        self.failed: set[str] = set()  # names of units and people whose rows are reported

    def run(self, rows: Sequence[Row]) -> None:
        for unit in self.session.scalars(select(Unit).where(Unit.dissolved_on.is_(None))):
            self._know_unit(unit)
        for person, membership in self.session.execute(
            select(Person, Membership).outerjoin(
                Membership,
                (Membership.person_id == Person.id)
                & Membership.to_on.is_(None)
                & (Membership.kind != "流动"),
            )
        ):
            self._know_person(person, membership)
        self._units([row for row in rows if row.sheet == "党组织"])
        for row in rows:
            if row.sheet == "人员":
                self._try(row, self._person, row.text("姓名"))
        for row in rows:
            if row.sheet == "任职":
                self._try(row, self._holding)

    def _try(self, row: Row, act: Callable[[Row], str], *names: str) -> None:
        try:
            outcome = act(row)
        except _Elsewhere:
            self.failed.update(names)
        except (_Wrong, LvzeError) as error:
            fields = list(error.errors) if isinstance(error, Invalid) else []
            column = error.column if isinstance(error, _Wrong) else ""
            for each in fields[:1]:
                column = _COLUMNS[row.sheet].get(each, column)
            self.report.errors.append(Problem(row.sheet, row.number, column, str(error)))
            self.failed.update(names)
        else:
            setattr(self.report, outcome, getattr(self.report, outcome) + 1)

    # -- units

    def _units(self, rows: Sequence[Row]) -> None:
        """A superior may stand below its subordinates: go round until no row finds its superior any more."""
        waiting = list(rows)
        coming = {name for row in rows for name in (row.text("全称"), row.text("简称"))}
        while waiting:
            ready = [row for row in waiting if self._has_superior(row)]
            if not ready:
                break
            waiting = [row for row in waiting if row not in ready]
            for row in ready:
                self._try(row, self._unit, row.text("全称"), row.text("简称"))
        for row in waiting:
            above = row.text("上级党组织")
            if above in coming - self.failed:
                message = f"上级“{above}”与本行互为上下级，请改正。"
            elif above not in self.failed:
                message = f"没有名为“{above}”的党组织，请核对上级的名称，或先在本表中登记它。"
            else:
                self.failed.update((row.text("全称"), row.text("简称")))
                continue
            self.report.errors.append(Problem(row.sheet, row.number, "上级党组织", message))

    def _has_superior(self, row: Row) -> bool:
        above = row.text("上级党组织")
        return not above or above in self.units

    def _unit(self, row: Row) -> str:
        name = self._required(row, "全称")
        kind = self._required(row, "类型")
        above = row.text("上级党组织")
        parent_id = self._find_unit(above, "上级党组织").id if above else None
        standing = next((unit for unit in self.units.get(name, ()) if unit.name == name), None)
        if standing is None:
            self._know_unit(
                units.add(
                    self.session,
                    kind=kind,
                    name=name,
                    short_name=row.text("简称"),
                    parent_id=parent_id,
                    founded_on=row.date("成立日期") or LONG_AGO,
                    agency_code=row.text("机关代字"),
                )
            )
            return "added"
        for column, mine, theirs in (
            ("类型", kind, standing.kind),
            ("上级党组织", parent_id, standing.parent_id),
            ("简称", row.text("简称") or standing.short_name, standing.short_name),
            ("机关代字", row.text("机关代字") or standing.agency_code, standing.agency_code),
            ("成立日期", row.date("成立日期") or standing.founded_on, standing.founded_on),
        ):
            if mine != theirs:
                raise _Wrong(
                    column, f"{name}已登记，“{column}”与本行不同。变更请在党组织页面办理，或把本行改成一致。"
                )
        return "unchanged"

    def _know_unit(self, unit: Unit) -> None:
        for name in {unit.name, unit.short_name}:
            self.units[name].append(unit)

    def _find_unit(self, name: str, column: str) -> Unit:
        found = self.units.get(name, [])
        if len(found) > 1:
            exact = [unit for unit in found if unit.name == name]
            if not exact:
                raise _Wrong(column, f"简称“{name}”对应 {len(found)} 个党组织，请填写全称。")
            found = exact
        if not found:
            if name in self.failed:
                raise _Elsewhere
            raise _Wrong(column, f"没有名为“{name}”的党组织，请核对名称，或先在“党组织”表中登记。")
        return found[0]

    # -- people

    def _person(self, row: Row) -> str:
        name = self._required(row, "姓名")
        kind = row.text("党员类别")
        if kind == NOT_A_MEMBER:
            if row.text("所在党支部"):
                raise _Wrong("所在党支部", "非党员不编入支部，请清空这一格，或改党员类别。")
            branch = None
        else:
            branch = self._find_unit(self._required(row, "所在党支部"), "所在党支部")
        number = row.text("人员编号") or None
        found = self._standing(name, branch, number)
        if found is not None and found[0].id in self.seen:
            raise _Wrong(
                "姓名", f"与第 {self.seen[found[0].id]} 行重复。若是同名的两个人，请分别填写人员编号。"
            )
        if found is None:
            person, membership, outcome = self._new_person(row, name, branch, number, kind), None, "added"
        else:
            person, membership = found
            outcome = self._changed_person(row, person, membership, number, kind)
        self.seen[person.id] = row.number
        return outcome

    def _standing(
        self, name: str, branch: Unit | None, number: str | None
    ) -> tuple[Person, Membership | None] | None:
        """The person whom a row means: by number, else by name and branch."""
        if number is not None and number in self.numbers:
            person, membership = self.numbers[number]
            if person.name != name:
                raise _Wrong("人员编号", f"人员编号“{number}”已属于{person.name}，请核对。")
            if (membership.unit_id if membership else None) != (branch.id if branch else None):
                raise _Wrong("所在党支部", f"{name}（{number}）不在这个支部，转接请在人员页面办理。")
            return person, membership
        there = [
            (person, membership)
            for person, membership in self.people[name]
            if (membership.unit_id if membership else None) == (branch.id if branch else None)
            and (number is None or person.number is None)
        ]
        if len(there) > 1:
            raise _Wrong("人员编号", f"这里有 {len(there)} 位{name}，请填写人员编号。")
        return there[0] if there else None

    def _new_person(self, row: Row, name: str, branch: Unit | None, number: str | None, kind: str) -> Person:
        person = people.add(
            self.session,
            name=name,
            number=number,
            department_id=self._department(row),
            job_title=row.text("岗位"),
            phone=row.text("电话"),
            email=row.text("电子邮箱"),
        )
        membership = None
        if branch is not None:
            membership = people.enrol(
                self.session,
                person.id,
                branch.id,
                from_on=row.date("编入日期") or self.on,
                kind=kind or "正式",
                joined_party_on=row.date("入党日期"),
            )
        self._know_person(person, membership)
        return person

    def _changed_person(
        self, row: Row, person: Person, membership: Membership | None, number: str | None, kind: str
    ) -> str:
        """Cells that are filled in replace what is stored; empty ones erase nothing."""
        number = number or person.number
        department_id = self._department(row) or person.department_id
        job_title = row.text("岗位") or person.job_title
        phone = row.text("电话") or person.phone
        email = row.text("电子邮箱") or person.email
        stored = (person.number, person.department_id, person.job_title, person.phone, person.email)
        changed = (number, department_id, job_title, phone, email) != stored
        if changed:
            people.change(
                self.session,
                person.id,
                name=person.name,
                number=number,
                department_id=department_id,
                job_title=job_title,
                phone=phone,
                email=email,
            )
        if membership is not None:
            if kind and kind != membership.kind:
                raise _Wrong(
                    "党员类别", f"{person.name}已登记为{membership.kind}，转正等变更请在人员页面办理。"
                )
            joined = row.date("入党日期")
            if joined is not None and joined != membership.joined_party_on:
                if joined > membership.from_on:
                    raise _Wrong("入党日期", f"入党日期晚于编入支部的日期 {membership.from_on}。")
                membership.joined_party_on, changed = joined, True
        return "changed" if changed else "unchanged"

    def _department(self, row: Row) -> int | None:
        path = row.text("科室")
        try:
            if path and path not in self.departments:
                self.departments[path] = departments.place(self.session, path, self.on)
        except Invalid as error:
            raise _Wrong("科室", str(error)) from None
        return self.departments[path].id if path else None

    def _know_person(self, person: Person, membership: Membership | None) -> None:
        self.people[person.name].append((person, membership))
        if person.number is not None:
            self.numbers[person.number] = (person, membership)

    # -- posts

    def _holding(self, row: Row) -> str:
        unit = self._find_unit(self._required(row, "党组织"), "党组织")
        post, mode = self._required(row, "职务"), row.text("任职方式") or "正式"
        from_on = row.date("任职日期")
        person = None if row.text("姓名") in ("", VACANT) else self._find_person(row)
        standing = self.session.scalar(
            select(Holding).where(
                Holding.unit_id == unit.id,
                Holding.post == post,
                Holding.person_id.is_not_distinct_from(person.id if person else None),
                Holding.to_on.is_(None),
            )
        )
        if standing is not None:
            if standing.mode != mode:
                raise _Wrong("任职方式", f"此任职已登记为“{standing.mode}”，变更请在党组织页面办理。")
            if from_on not in (None, standing.from_on):
                raise _Wrong("任职日期", f"此任职已登记自 {standing.from_on} 起，变更请在党组织页面办理。")
            return "unchanged"
        if person is None:
            posts.declare_vacant(self.session, unit.id, post, from_on=from_on or self.on)
        else:
            posts.appoint(self.session, unit.id, post, person.id, from_on=from_on or self.on, mode=mode)
        return "added"

    def _find_person(self, row: Row) -> Person:
        name, number, branch = row.text("姓名"), row.text("人员编号"), row.text("所在党支部")
        found = self.people.get(name, [])
        if number:
            found = [each for each in found if each[0].number == number]
        if branch:
            unit_id = self._find_unit(branch, "所在党支部").id
            found = [each for each in found if each[1] is not None and each[1].unit_id == unit_id]
        if len(found) > 1:
            raise _Wrong("姓名", f"有 {len(found)} 位{name}，请填写所在党支部或人员编号。")
        if not found:
            if name in self.failed:
                raise _Elsewhere
            raise _Wrong("姓名", f"没有找到{name}，请核对姓名，或先在“人员”表中登记。")
        return found[0][0]

    def _required(self, row: Row, column: str) -> str:
        text = row.text(column)
        if not text:
            raise _Wrong(column, f"请填写{column}。")
        return text
