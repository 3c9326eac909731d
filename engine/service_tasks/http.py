"""http 调用接口: calls an HTTP interface on LVZE_HTTP_ALLOW, JSON in and JSON out.

Inputs: ``url``; ``method`` (GET, the default, or POST), ``query`` (name -> value), ``body`` (sent as JSON), ``headers`` (name -> value),
``timeout`` (seconds, 10 by default, at most 60).

Result: ``status`` and ``body``: JSON as values, numbers exact, anything else as text.

A POST carries ``Idempotency-Key``, the same for all its attempts. What a host asks by way of proof (``Authorization: Bearer ...``)
stands as header lines in ``LVZE_HOME/secrets/http/<host>`` and goes to that host alone: no diagram and no variable holds it.
An answer of 429 or 500 and above is tried again by the schedule. Any other that is not 2xx is the BPMN error ``http-<status>``; no
redirect is followed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from engine import egress, feel
from engine.egress import Answer
from engine.errors import Invalid, LvzeError
from engine.service_tasks import BpmnError, Operation

LONGEST_TIMEOUT = 60.0  # seconds
#: what the connection itself says
_OURS = {"host", "content-length", "transfer-encoding", "connection", "idempotency-key", "accept-encoding"}


def outward(inputs: Mapping[str, str]) -> bool:
    return inputs.get("method", "GET").upper() != "GET"


def prepare(
    context: Operation,
    *,
    url: str,
    method: str = "GET",
    query: Mapping[str, Any] | None = None,
    body: Any = None,
    headers: Mapping[str, Any] | None = None,
    timeout: Any = None,
) -> dict[str, Any]:
    """:raises Invalid: another method, a header that is not the designer's
    :raises NotAllowed: the host is not in the allow-list
    :raises BpmnError: ``http-<status>``
    :raises LvzeError: no answer; tried again
    """
    method = str(method or "GET").upper()
    if method not in ("GET", "POST"):
        raise Invalid("http-method", f"接口调用只支持 GET 和 POST，不支持“{method}”。")
    if query:
        pairs = {name: _plain(value) for name, value in query.items() if value is not None}
        url += ("&" if "?" in url else "?") + urlencode(pairs, doseq=True)
    sent = {"Accept": "application/json", **_given(headers), **credentials(context.settings.home, url)}
    content = None
    if method == "POST":
        content = to_json(body)
        sent |= {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": context.key}
    answer = egress.call(
        context.settings.http_allow,
        method,
        url,
        headers=sent,
        body=content,
        timeout=min(float(timeout), LONGEST_TIMEOUT) if timeout else egress.TIMEOUT,
    )
    require_success(url, answer)
    return {"status": answer.status, "body": _read(answer)}


def run(context: Operation, **_: Any) -> dict[str, Any]:
    found: dict[str, Any] = context.prepared
    return found


def _given(headers: Mapping[str, Any] | None) -> dict[str, str]:
    given = {str(name): str(value) for name, value in (headers or {}).items() if value is not None}
    for name, value in given.items():
        plain = name.replace("-", "a").replace("_", "a")
        if name.lower() in _OURS or not (plain.isalnum() and plain.isascii()) or not value.isprintable():
            raise Invalid("http-header", f"不能设置请求头“{name}”，请检查名称和内容。")
    return given


def credentials(home: Path, url: str) -> dict[str, str]:
    """The header lines that the installation keeps for this URL's host and port; none for most."""
    host, port = egress.host_of(url)
    for name in (f"{host}:{port}", host) if port in egress.PORTS.values() else (f"{host}:{port}",):
        path = home / "secrets" / "http" / name
        if path.is_file():
            lines = path.read_text(encoding="utf-8").splitlines()
            split = [line.partition(":") for line in lines if line.strip()]
            return {key.strip(): value.strip() for key, _, value in split}
    return {}


def require_success(url: str, answer: Answer) -> None:
    """:raises LvzeError: a fault that may pass
    :raises BpmnError: ``http-<status>``, of any other answer that is not 2xx
    """
    if 200 <= answer.status < 300:
        return
    host, port = egress.host_of(url)
    said = answer.body[:500].decode("utf-8", "replace").strip()
    sentence = f"{host}:{port} 回答 {answer.status}：{answer.headers.get('location') or said or '没有内容'}"
    if answer.status == 429 or answer.status >= 500:
        raise LvzeError("http-unavailable", sentence, status=answer.status)
    raise BpmnError(f"http-{answer.status}", sentence, status=answer.status)


def to_json(value: Any) -> bytes:
    """JSON for others: exact where JSON can be, dates and durations as ISO-8601 texts."""
    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False).encode()


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            if value == value.to_integral_value():
                return int(value)
            near = float(value)
            return near if Decimal(repr(near)) == value else str(value)
        case Mapping():
            return {str(key): _plain(one) for key, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case None | bool() | int() | str():
            return value
    return feel.text_of(value)


def _read(answer: Answer) -> Any:
    text = answer.body.decode("utf-8", "replace")
    if "json" not in answer.headers.get("content-type", "json"):
        return text
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_number) if text.strip() else None
    except (ValueError, RecursionError) as error:
        raise LvzeError("no-json", f"对方的回应不是 JSON：{text[:200]}") from error


def _no_number(name: str) -> None:
    raise ValueError(name)
