"""webhook 推送: tells another system on LVZE_HTTP_ALLOW that something happened, signed, with a key against repetitions.

Inputs: ``url``; ``type`` (of the event, such as ``letter.signed``), ``data`` (any values).

A POST of ``{"type", "timestamp", "data"}``, with the headers of Standard Webhooks 1.0 (``webhook-id``, ``webhook-timestamp``,
``webhook-signature``) and ``Idempotency-Key``, the same as ``webhook-id``, for all its attempts. Each receiver has a signing key of
its own, made of LVZE_WEBHOOK_SECRET and its host (``signing_key``): none can write in the name of this office to another.

Result: ``status``. Errors as of ``http``.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from engine import egress
from engine.service_tasks import Operation
from engine.service_tasks.http import credentials, require_success, to_json


def outward(_inputs: Mapping[str, str]) -> bool:
    return True


def prepare(context: Operation, *, url: str, type: str, data: Any = None) -> int:
    """:raises NotAllowed: the host is not in the allow-list
    :raises BpmnError: ``http-<status>``
    :raises LvzeError: no answer; tried again
    """
    body = to_json({"type": type, "timestamp": context.at.isoformat(), "data": data})
    sent = str(int(time.time()))  # receivers refuse what is minutes off their own clock: never business time
    host, _ = egress.host_of(url)
    mac = hmac.digest(
        signing_key(context.settings.webhook_secret, host),
        b".".join([context.key.encode(), sent.encode(), body]),
        hashlib.sha256,
    )
    answer = egress.call(
        context.settings.http_allow,
        "POST",
        url,
        headers={
            "Content-Type": "application/json; charset=utf-8",
            "Idempotency-Key": context.key,
            "webhook-id": context.key,
            "webhook-timestamp": sent,
            "webhook-signature": f"v1,{b64encode(mac).decode()}",
            **credentials(context.settings.home, url),
        },
        body=body,
    )
    require_success(url, answer)
    return answer.status


def run(context: Operation, **_: Any) -> dict[str, Any]:
    return {"status": context.prepared}


def signing_key(secret: str, host: str) -> bytes:
    """The receiver's key; ``whsec_`` and its base64 is what the receiver's library takes."""
    return hmac.digest(secret.encode(), host.encode(), hashlib.sha256)
