"""mail 邮件: sends a mail, through the server of LVZE_SMTP_URL.

Inputs: ``subject``, ``text``, and whom: ``person`` (id or a list), ``post`` at ``unit`` (ids; today's holders), ``to`` (addresses, one
or a list).

Result: ``to``, the addresses that the server took it for; ``without``, names of persons who have no address; ``refused``, address ->
the server's reason.

The Message-ID is made of the job's key: should a crash fall between the sending and its record, the mail is sent again with the same
one. BPMN error ``no-address``: nobody is left to send it to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from engine import mailboxes
from engine.clock import local
from engine.errors import Invalid
from engine.organisation import posts
from engine.organisation.people import Person
from engine.service_tasks import BpmnError, Operation


def outward(_inputs: Mapping[str, str]) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Sent:
    to: list[str]
    without: list[str]
    refused: dict[str, str]


def prepare(
    context: Operation,
    *,
    subject: str,
    text: str,
    person: Any = None,
    post: str | None = None,
    unit: Any = None,
    to: Any = None,
) -> Sent:
    """:raises Invalid: no mail server is set, no subject, a wrong address
    :raises BpmnError: ``no-address``
    :raises LvzeError: the server did not take it
    """
    server = context.settings.smtp
    if server is None:
        raise Invalid(
            "no-mail-server", "还没有设置邮件服务器；请管理员设置 LVZE_SMTP_URL 和 LVZE_MAIL_FROM。"
        )
    named = _persons(context, person, post, unit)
    addresses = [one.email for one in named if one.email] + [str(one) for one in _listed(to)]
    without = [one.name for one in named if not one.email]
    context.session.commit()  # no transaction stays open while the server is talked to
    if not addresses:
        raise BpmnError("no-address", f"没有可用的收件地址；{'、'.join(without) or '收件人'}未登记电子邮箱。")
    addresses = list(dict.fromkeys(addresses))
    message = mailboxes.compose(
        sender=context.settings.mail_from,
        to=addresses,
        subject=str(subject or ""),
        text=str(text or ""),
        key=context.key,
        at=context.at,
    )
    refused = mailboxes.send(server, message)
    return Sent([address for address in addresses if address not in refused], without, refused)


def run(context: Operation, **_: Any) -> dict[str, Any]:
    sent: Sent = context.prepared
    return {"to": sent.to, "without": sent.without, "refused": sent.refused}


def _listed(value: Any) -> list[Any]:
    return [one for one in (value if isinstance(value, list) else [value]) if one is not None]


def _persons(context: Operation, person: Any, post: str | None, unit: Any) -> list[Person]:
    ids = [int(one) for one in _listed(person)]
    if post is not None and unit is not None:
        held = posts.holders(context.session, int(unit), post, local(context.at).date())
        ids += [holding.person_id for holding in held if holding.person_id is not None]
    found = {one.id: one for one in context.session.scalars(select(Person).where(Person.id.in_(ids)))}
    return [found[one] for one in dict.fromkeys(ids) if one in found]
