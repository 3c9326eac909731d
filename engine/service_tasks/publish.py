"""publish 登记: writes rows of a ledger, or a section of a row that is there.

Inputs for one row: ``ledger``, ``key`` (field -> value), ``values``; ``unit``, ``person``, ``document`` (ids), ``audience``.
For many rows: ``ledger`` and ``each``, a list of objects with those inputs. ``supersede``: true begins new rows where live ones
exist (换签). For a section: ``entry`` (id), ``section``, ``text``, ``audience``.

Result: ``entry`` (id) and ``values`` of the one row, ``entries`` of many.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine import ledgers
from engine.service_tasks import Operation


def run(
    context: Operation,
    *,
    ledger: str | None = None,
    key: Mapping[str, Any] | None = None,
    values: Mapping[str, Any] | None = None,
    unit: Any = None,
    person: Any = None,
    document: Any = None,
    audience: str | None = None,
    supersede: bool = False,
    each: list[Mapping[str, Any]] | None = None,
    entry: Any = None,
    section: str = "",
    text: str = "",
) -> dict[str, Any]:
    """:raises Invalid: values that do not fit the ledger
    :raises NotFound: no such row or section
    :raises Conflict: the row is not live any more
    """
    if entry is not None:
        ledgers.update_section(
            context.session, int(entry), section, text=text or "", at=context.at, audience=audience
        )
        return {"entry": int(entry)}
    definition = context.loaded.ledgers[ledger or ""]
    one = {
        "key": key,
        "values": values,
        "unit": unit,
        "person": person,
        "document": document,
        "audience": audience,
    }
    entries = [
        ledgers.publish(
            context.session,
            definition,
            key=row.get("key") or {},
            values=row.get("values") or {},
            at=context.at,
            unit_id=_id(row.get("unit")),
            person_id=_id(row.get("person")),
            document_id=_id(row.get("document")),
            instance_id=context.instance.id,
            audience=row.get("audience"),
            supersede=supersede is True,
        )
        for row in ([one] if each is None else each)
    ]
    if each is not None:
        return {"entries": [row.id for row in entries]}
    return {"entry": entries[0].id, "values": entries[0].values}


def _id(value: Any) -> int | None:
    return None if value is None else int(value)
