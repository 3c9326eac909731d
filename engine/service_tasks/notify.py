"""notify 通知: sends a message to persons; nobody has to answer it.

Inputs: ``text`` and whom: ``person`` (id or a list) and/or ``post`` at ``unit`` (ids; today's holders, delegates not included).

Result: ``persons``, the ids of those who got it.
"""

from __future__ import annotations

from typing import Any

from engine import notifications
from engine.clock import local
from engine.organisation import posts
from engine.service_tasks import Operation


def run(
    context: Operation, *, text: str, person: Any = None, post: str | None = None, unit: Any = None
) -> dict[str, Any]:
    """:raises Invalid: no text"""
    named = person if isinstance(person, list) else [person]
    persons = [int(one) for one in named if one is not None]
    if post is not None and unit is not None:
        on = local(context.at).date()
        held = posts.holders(context.session, int(unit), post, on)
        persons += [holding.person_id for holding in held if holding.person_id is not None]
    sent = notifications.send(context.session, persons, text, at=context.at, instance_id=context.instance.id)
    return {"persons": [notification.person_id for notification in sent]}
