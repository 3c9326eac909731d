"""number 编号: takes the next 发文字号 of a unit, in the job's transaction.

Inputs: ``agency`` (unit id), ``year`` (default: the year of the run), ``category`` (a class of documents after the 代字, such as 综字).

A step that was taken back takes the same number again.

Result: ``number`` (云工委〔2026〕5号), ``year``, ``sequence`` and ``id`` in the register of numbers.
"""

from __future__ import annotations

from typing import Any

from engine.clock import local
from engine.documents import numbering
from engine.errors import Invalid
from engine.organisation import units
from engine.service_tasks import Operation


def run(context: Operation, *, agency: Any, year: Any = None, category: str = "") -> dict[str, Any]:
    """:raises Invalid: the unit has no 机关代字"""
    unit = units.get(context.session, int(agency))
    if unit.agency_code is None:
        raise Invalid("no-agency-code", f"{unit.name}没有机关代字，不能编发文字号；请在单位资料中登记。")
    number = numbering.assign(
        context.session,
        agency_unit_id=unit.id,
        code=unit.agency_code,
        year=int(year) if year is not None else local(context.at).year,
        category=category or "",
        at=context.at,
    )
    return {"number": number.text, "year": number.year, "sequence": number.sequence, "id": number.id}
