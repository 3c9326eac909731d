"""The way out: the allow-list, the address that was checked, and the operations http and webhook against a server of the test's own."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any

import pytest

from engine import ProcessEngine, SettableClock, Settings, egress
from engine.egress import AllowList
from engine.errors import LvzeError, NotAllowed, SettingsError
from engine.organisation import accounts
from engine.service_tasks.http import to_json
from engine.service_tasks.webhook import signing_key
from tests.engine.conftest import World
from tests.engine.drawing import boundary, defines, draw, end, named, path, service, start, user


@dataclass
class Outside:
    """A server on loopback; ``answers`` are given in turn, the last one for good."""

    port: int
    answers: list[Callable[[BaseHTTPRequestHandler], None]]
    asked: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def say(status: int, body: Any = None, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


@pytest.fixture
def outside() -> Iterator[Outside]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            here.asked.append(
                {"method": self.command, "path": self.path, "headers": dict(self.headers), "body": content}
            )
            (here.answers.pop(0) if len(here.answers) > 1 else here.answers[0])(self)

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = Outside(server.server_port, [say(200, {})])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield here
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("allowed", "url", "may"),
    [
        ("api.example.org", "https://api.example.org/a", True),
        ("api.example.org", "http://API.example.org./a", True),
        ("api.example.org", "https://api.example.org:8443/a", False),
        ("api.example.org:8443", "https://api.example.org:8443/a", True),
        ("api.example.org:8443", "https://api.example.org/a", False),
        ("api.example.org", "https://api.example.org.evil.net/", False),
        ("api.example.org", "https://xapi.example.org/", False),
        ("*.example.org", "https://a.b.example.org/", True),
        ("*.example.org", "https://example.org/", False),
        ("*.example.org", "https://evilexample.org/", False),
        ("财务.例子.cn", "https://财务.例子.cn/", True),
        ("", "https://api.example.org/", False),
    ],
)
def test_a_host_is_allowed_by_its_name_and_port(allowed: str, url: str, may: bool) -> None:
    allow = AllowList.parse(allowed)
    if may:
        egress.check(allow, url)
    else:
        with pytest.raises(NotAllowed):
            egress.check(allow, url)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://api.example.org/",
        "file:///etc/passwd",
        "https://u:p@api.example.org/",
        "https://api.example.org/ x",
        "https://api.example.org\r\nX: y/",
        "https:///x",
        "//api.example.org/",
        "api.example.org",
        "https://api.example.org:0/",
        "https://api.example.org:99999/",
        "https://[::1/",
    ],
)
def test_what_is_no_plain_url_goes_nowhere(url: str) -> None:
    with pytest.raises(NotAllowed):
        egress.call(AllowList.parse("api.example.org *.org"), "GET", url)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1",
        "fd00::1",
        "::ffff:10.1.2.3",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "::7f00:1",
        "::ffff:0:127.0.0.1",
        "64:ff9b:1::7f00:1",
        "fec0::1",
    ],
)
def test_a_private_address_is_reached_only_when_it_is_listed(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written as such, and behind an allowed name."""
    kind = socket.AF_INET6 if ":" in address else socket.AF_INET
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(kind, socket.SOCK_STREAM, 6, "", (address, 80))]
    )
    named = AllowList.parse("inside.example.org")
    with pytest.raises(NotAllowed, match="内部地址"):
        egress._checked(named, "inside.example.org", 80)
    with pytest.raises(NotAllowed):
        egress._checked(named, address, 80)
    listed = AllowList.parse(f"inside.example.org {address}")
    assert egress._checked(listed, "inside.example.org", 80) == [ip_address(address)]
    assert egress._checked(listed, address, 80)


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(NotAllowed):
        egress._checked(AllowList.parse("a.example.org"), "a.example.org", 80)


def test_the_connection_goes_to_the_address_that_was_checked(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that answers a moment later with another address (DNS rebinding) is not asked again."""
    real, answers = socket.getaddrinfo, [("127.0.0.1", 1), ("127.0.0.2", 2)]
    asked = []

    def resolve(host: str, port: Any, *args: Any, **more: Any) -> Any:
        if host != "erp.example.org":
            return real(host, port, *args, **more)
        asked.append(host)
        ip, _ = answers[min(len(asked), 2) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    allow = AllowList.parse(f"erp.example.org:{outside.port} 127.0.0.1")
    assert egress.call(allow, "GET", f"http://erp.example.org:{outside.port}/x").status == 200
    assert asked == ["erp.example.org"]
    assert outside.asked[0]["headers"]["Host"] == f"erp.example.org:{outside.port}"


def test_an_answer_is_bounded_in_size_and_time(outside: Outside) -> None:
    allow = AllowList.parse("127.0.0.1")
    outside.answers = [say(200, b"x" * (egress.LARGEST + 1))]
    with pytest.raises(LvzeError, match="超过 1024 KB"):
        egress.call(allow, "GET", outside.url)
    gone = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        while not gone.wait(0.05):
            handler.wfile.write(b"x")
            handler.wfile.flush()

    outside.answers = [drip]
    began = time.monotonic()
    with pytest.raises(LvzeError, match=r"0\.5 秒内没有答完"):
        egress.call(allow, "GET", outside.url, timeout=0.5)
    gone.set()
    assert time.monotonic() - began < 20
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(LvzeError, match="没有得到"):
            egress.call(allow, "GET", f"http://127.0.0.1:{free.getsockname()[1]}/")


@pytest.mark.parametrize(
    "text", ["http://a.example", "a b:x", "a:0", "a/b", "127.1", "0x7f.1", "a:99999", "*"]
)
def test_a_wrong_allow_list_is_refused_at_start(text: str, settings: Settings) -> None:
    with pytest.raises(SettingsError, match="LVZE_HTTP_ALLOW"):
        Settings.from_environment({"LVZE_HOME": str(settings.home), "LVZE_HTTP_ALLOW": text})


# operations


@pytest.fixture
def calling(settings: Settings, clock: SettableClock, world: World) -> Iterator[ProcessEngine]:
    """An engine that may call loopback, without an undo window."""
    engine = ProcessEngine(
        replace(settings, http_allow=AllowList.parse("127.0.0.1"), undo=timedelta(0)), clock
    )
    with engine._runtime.database.write() as session:
        accounts.create(session, person_id=world.clerk, username="guanli", password_hash="x", is_admin=True)
    yield engine
    engine.close()


def begin(engine: ProcessEngine, world: World, task: str, *more: str, data: Any = None) -> int:
    parts = (start(), task, user("后"), end(), path("start", "调", "后", "end"), *more)
    engine.deploy({"p.bpmn": draw("p", *parts, extra=named("error", "E", "http-404"))})
    instance = engine.start("p", by=world.member, data=data).id
    engine.run_jobs()
    return instance


def test_a_call_brings_values_and_sends_what_is_asked(
    calling: ProcessEngine, world: World, outside: Outside
) -> None:
    outside.answers = [say(200, b'{"\xe9\x87\x91\xe9\xa2\x9d": 0.1, "\xe5\x88\x97": [1, null]}')]
    keys = calling.settings.home / "secrets" / "http"
    keys.mkdir(parents=True)
    (keys / f"127.0.0.1:{outside.port}").write_text("Authorization: Bearer geheim\n")
    task = service(
        "调",
        "http",
        {"金额": "=result.body.金额", "列": "=result.body.列", "码": "=result.status"},
        url=f"{outside.url}/查?a=1",
        query='={"名": "许 长林", n: 2.50, 无: null}',
    )
    instance = begin(calling, world, task)
    found = calling.instance(instance, by=world.member).variables
    assert found["金额"] == Decimal("0.1") and found["列"] == [1, None] and found["码"] == 200
    (asked,) = outside.asked
    assert asked["method"] == "GET"
    assert asked["path"] == "/%E6%9F%A5?a=1&%E5%90%8D=%E8%AE%B8+%E9%95%BF%E6%9E%97&n=2.5"
    assert asked["headers"]["Authorization"] == "Bearer geheim"
    assert "Idempotency-Key" not in asked["headers"]
    assert "geheim" not in json.dumps(
        [e.payload for e in calling.timeline(instance, by=world.member)], default=str
    )


def test_a_post_is_repeated_with_its_key(
    calling: ProcessEngine, world: World, outside: Outside, clock: SettableClock
) -> None:
    outside.answers = [say(503, "忙"), say(200, {"id": 5})]
    task = service(
        "调",
        "http",
        {"号": "=result.body.id"},
        url=f"{outside.url}/x",
        method="POST",
        body='={名: "甲", 数: 0.10, 天: date("2026-03-01")}',
        headers='={"X-Office": "168"}',
    )
    instance = begin(calling, world, task)
    (job,) = calling.instance(instance, by=world.member).pending
    assert "回答 503" in (job.last_error or "")
    clock.advance(timedelta(seconds=5))
    calling.run_jobs()
    assert calling.instance(instance, by=world.member).variables["号"] == 5
    first, second = outside.asked
    assert first["headers"]["Idempotency-Key"] == second["headers"]["Idempotency-Key"] == job.key
    assert json.loads(second["body"]) == {"名": "甲", "数": 0.1, "天": "2026-03-01"}
    assert second["headers"]["X-Office"] == "168"


def test_an_answer_that_says_no_is_a_business_error_and_is_not_repeated(
    calling: ProcessEngine, world: World, outside: Outside
) -> None:
    outside.answers = [say(404, {"message": "没有"})]
    task = service("调", "http", url=f"{outside.url}/x")
    caught = (boundary("错", "调", defines("error", "E")), user("改"), path("错", "改", "end"))
    instance = begin(calling, world, task, *caught)
    view = calling.instance(instance, by=world.member)
    assert [item.element_id for item in view.items] == ["改"] and len(outside.asked) == 1


def test_a_redirect_is_not_followed(calling: ProcessEngine, world: World, outside: Outside) -> None:
    outside.answers = [say(302, b"", Location="http://169.254.169.254/latest/meta-data")]
    begin(calling, world, service("调", "http", url=f"{outside.url}/x"))
    (incident,) = calling.incidents(by=world.clerk)
    assert len(outside.asked) == 1
    assert incident.error["code"] == "uncaught-error" and "http-302" in incident.error["message"]
    assert "169.254.169.254" in incident.error["message"] and incident.error["attempts"] == 1


def test_a_webhook_is_signed_for_its_receiver(calling: ProcessEngine, world: World, outside: Outside) -> None:
    task = service("调", "webhook", url=f"{outside.url}/hook", type="letter.signed", data="={数: 1}")
    instance = begin(calling, world, task)
    assert [item.element_id for item in calling.instance(instance, by=world.member).items] == ["后"]
    (asked,) = outside.asked
    heads = asked["headers"]
    assert heads["webhook-id"] == heads["Idempotency-Key"]
    # as Standard Webhooks says it: HMAC-SHA256 over id.timestamp.body
    key = signing_key(calling.settings.webhook_secret, "127.0.0.1")
    signed = f"{heads['webhook-id']}.{heads['webhook-timestamp']}.".encode() + asked["body"]
    version, _, mac = heads["webhook-signature"].partition(",")
    assert version == "v1" and b64decode(mac) == hmac.digest(key, signed, hashlib.sha256)
    assert abs(int(heads["webhook-timestamp"]) - time.time()) < 600
    assert key != signing_key(calling.settings.webhook_secret, "other.example.org")
    body = json.loads(asked["body"])
    assert body["type"] == "letter.signed" and body["data"] == {"数": 1}


def test_json_is_exact_where_json_can_be() -> None:
    value = {
        "a": Decimal("1.0"),
        "b": Decimal("0.1"),
        "c": Decimal("1.00000000000000000001"),
        "d": date(2026, 1, 2),
    }
    value |= {"e": timedelta(hours=2), "f": (True, None)}
    assert json.loads(to_json(value)) == {
        "a": 1,
        "b": 0.1,
        "c": "1.00000000000000000001",
        "d": "2026-01-02",
        "e": "PT2H",
        "f": [True, None],
    }
