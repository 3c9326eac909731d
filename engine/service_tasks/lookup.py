"""lookup 查询: reads the organisation and the ledgers into process data.

Inputs (any of them): ``unit`` (id), ``person`` (id), ``ledger`` (name) with ``where`` (field -> value, or ``entry``: id);
``on`` (date, default today), ``exclude`` (ids of people who cannot sign for the unit).

Result for a unit: ``unit`` {id, name, short_name, kind, is_branch, agency_code}, ``superior`` (the same, or null), ``owns_seal``,
its officers ``secretary``, ``deputies``, ``leader`` (分管领导), ``clerk`` (专职副书记, else 党务干事), ``signatory`` (who signs for it
today), ``members`` (of a branch), and ``subordinates``: each with the same officers. An officer is
{person, name, post, mode, 姓名, 职务}, null where the post is vacant; a signatory is never null.

Result for a person: ``person`` {person, name, department, job_title, joined_party_on} and ``branch`` (a unit with its officers,
or null). For a ledger: ``rows``, each its values and ``entry``, ``unit``, ``person``, ``document``; the one named by ``entry`` also
has ``data``, what its document was filled with, and ``title``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, select

from engine import ledgers
from engine.clock import local
from engine.documents import register, seals
from engine.errors import NotFound
from engine.ledgers import LedgerEntry
from engine.organisation import departments, people, posts
from engine.organisation.posts import ACTING, Holding
from engine.organisation.units import Unit, UnitName
from engine.service_tasks import Operation


def run(
    context: Operation,
    *,
    unit: Any = None,
    person: Any = None,
    ledger: str | None = None,
    where: Mapping[str, Any] | None = None,
    on: date | None = None,
    exclude: Any = None,
) -> dict[str, Any]:
    """:raises NotFound: no such unit or person"""
    day = on or local(context.at).date()
    result: dict[str, Any] = {}
    if unit is not None:
        away = exclude if isinstance(exclude, list) else [exclude]
        result |= _unit(
            context, int(unit), day, {int(person_id) for person_id in away if person_id is not None}
        )
    if person is not None:
        result |= _person(context, int(person), day)
    if ledger is not None:
        result["rows"] = _rows(context, ledger, dict(where or {}))
    return result


def _unit(context: Operation, unit_id: int, day: date, excluded: Collection[int]) -> dict[str, Any]:
    found = _units(context, Unit.id == unit_id, day, excluded)
    if not found:
        raise NotFound("no-unit", f"没有编号为 {unit_id} 的党组织，或它在 {day} 不存在。", unit=unit_id)
    (own,) = found
    signatory = own["signatory"]["person"]
    above = context.session.get_one(Unit, unit_id).parent_id
    superior = _units(context, Unit.id == above, day, ()) if above is not None else []
    return {
        "unit": {name: own[name] for name in _UNIT},
        **{name: value for name, value in own.items() if name not in _UNIT},
        "superior": {name: superior[0][name] for name in _UNIT} if superior else None,
        "subordinates": _units(context, Unit.parent_id == unit_id, day, {signatory} - {None}),
        "members": [
            {"person": member.id, "name": member.name}
            for member in (people.members(context.session, unit_id, day) if own["is_branch"] else ())
        ],
    }


_UNIT = ("id", "name", "short_name", "kind", "is_branch", "agency_code")


def _units(
    context: Operation, which: ColumnElement[bool], day: date, excluded: Collection[int]
) -> list[dict[str, Any]]:
    """Units with their officers, in two statements however many they are."""
    named = (
        select(Unit, UnitName)
        .join(UnitName, UnitName.unit_id == Unit.id)
        .where(which, Unit.on(day), UnitName.on(day))
        .order_by(Unit.id)
    )
    held: dict[int, list[Holding]] = {}
    query = select(Holding).join(Unit, Unit.id == Holding.unit_id).where(which, Holding.on(day))
    for holding in context.session.scalars(query.order_by(Holding.id)):
        held.setdefault(holding.unit_id, []).append(holding)
    sealed = seals.diameters(
        context.session, [unit.id for unit, _ in context.session.execute(named)], at=context.at
    )
    return [
        {
            "id": unit.id,
            "name": name.name,
            "short_name": name.short_name,
            "kind": unit.kind,
            "is_branch": unit.is_branch,
            "agency_code": unit.agency_code,
            "owns_seal": unit.id in sealed,
            **_officers(held.get(unit.id, []), excluded),
        }
        for unit, name in context.session.execute(named)
    ]


def _officers(held: list[Holding], excluded: Collection[int]) -> dict[str, Any]:
    def of(*wanted: str) -> list[dict[str, Any]]:
        # 正式 and 兼任 come before 主持工作: whoever holds the post is named before the one who acts for him.
        found = [h for post in wanted for h in sorted(held, key=lambda h: h.mode == ACTING) if h.post == post]
        return [_officer(h, held) for h in found if h.person is not None]

    signatories = [o for o in of("书记", "副书记", "专职副书记") if o["person"] not in excluded]
    return {
        "secretary": _first(of("书记")),
        "deputies": of("副书记", "专职副书记"),
        "leader": _first(of("分管领导")),
        "clerk": _first(of("专职副书记", "党务干事")),
        "signatory": _first(signatories) or {"person": None, "name": "", "姓名": "", "职务": posts.SECRETARY},
    }


def _officer(holding: Holding, held: Iterable[Holding]) -> dict[str, Any]:
    assert holding.person is not None
    title = holding.post
    if holding.mode == ACTING:
        own = [h.post for h in held if h.person_id == holding.person_id and h.mode != ACTING]
        title = posts.capacity(holding, "", *own[:1])
    return {
        "person": holding.person_id,
        "name": holding.person.name,
        "post": holding.post,
        "mode": holding.mode,
        "姓名": holding.person.name,
        "职务": title,
    }


def _first(officers: list[dict[str, Any]]) -> dict[str, Any] | None:
    return officers[0] if officers else None


def _person(context: Operation, person_id: int, day: date) -> dict[str, Any]:
    session = context.session
    person = people.get(session, person_id)
    membership = people.membership(session, person_id, day)
    branch = None if membership is None else _units(context, Unit.id == membership.unit_id, day, {person_id})
    department = None if person.department_id is None else departments.get(session, person.department_id)
    return {
        "person": {
            "person": person.id,
            "name": person.name,
            "department": department.name if department else "",
            "job_title": person.job_title,
            "joined_party_on": membership.joined_party_on if membership else None,
        },
        "branch": branch[0] if branch else None,
    }


def _rows(context: Operation, ledger: str, where: dict[str, Any]) -> list[dict[str, Any]]:
    entry = where.pop("entry", None)
    if entry is not None:
        found = ledgers.get(context.session, int(entry))
        return [{**_row(found), **_content(context, found)}] if found.ledger == ledger else []
    return [_row(found) for found in ledgers.rows(context.session, ledger, where)]


def _row(entry: LedgerEntry) -> dict[str, Any]:
    return {
        **entry.values,
        "entry": entry.id,
        "unit": entry.unit_id,
        "person": entry.person_id,
        "document": entry.document_id,
    }


def _content(context: Operation, entry: LedgerEntry) -> dict[str, Any]:
    if entry.document_id is None:
        return {}
    document = register.get(context.session, entry.document_id)
    return {"data": document.data, "title": document.title}
