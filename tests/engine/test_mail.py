"""Mail against a small SMTP server of the test's own; another process started; seals that want their keeper."""

from __future__ import annotations

import email
import email.policy
import socket
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import event

from engine import ProcessEngine, SettableClock, Settings
from engine.database import Database
from engine.errors import Invalid, SettingsError
from engine.mailboxes import MailServer, compose, is_address
from engine.organisation import accounts, people
from tests.engine.conftest import NOW, World
from tests.engine.drawing import boundary, defines, draw, end, named, path, service, start, user


@dataclass
class PostOffice:
    """:ivar refuses: addresses that it does not take; ``down``: it hangs up at the greeting"""

    port: int
    refuses: set[str] = field(default_factory=set)
    down: bool = False
    received: list[tuple[list[str], EmailMessage]] = field(default_factory=list)


@pytest.fixture
def office() -> Iterator[PostOffice]:
    class Talk(socketserver.StreamRequestHandler):
        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def handle(self) -> None:
            if here.down:
                return
            self.say("220 hello")
            to: list[str] = []
            while line := self.rfile.readline().decode().strip():
                command = line.upper()
                if command.startswith(("EHLO", "HELO")):
                    self.say("250 SIZE 1000000")
                elif command.startswith("RCPT"):
                    address = line.partition("<")[2].partition(">")[0]
                    if address in here.refuses:
                        self.say("550 no such user")
                    else:
                        to.append(address)
                        self.say("250 ok")
                elif command == "DATA":
                    self.say("354 go on")
                    lines = []
                    while (one := self.rfile.readline()) != b".\r\n":
                        lines.append(one)
                    message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
                    assert isinstance(message, EmailMessage)
                    here.received.append((to, message))
                    self.say("250 taken")
                elif command == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 ok")

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk)
    server.daemon_threads = True
    here = PostOffice(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield here
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def mailing(
    settings: Settings, clock: SettableClock, world: World, office: PostOffice, database: Database
) -> Iterator[ProcessEngine]:
    with database.write() as session:
        accounts.create(session, person_id=world.clerk, username="guanli", password_hash="x", is_admin=True)
        for person, address in ((world.secretary, "xu@linye.example"), (world.member, "su@linye.example")):
            name = people.get(session, person).name
            people.change(session, person, name=name, email=address)
    server = MailServer.parse(f"smtp://127.0.0.1:{office.port}?tls=no")
    engine = ProcessEngine(
        replace(settings, smtp=server, mail_from="履责系统 <lvze@linye.example>", undo=timedelta(0)), clock
    )
    yield engine
    engine.close()


def run(engine: ProcessEngine, world: World, caught: bool = False, **inputs: str) -> int:
    task = service(
        "寄", "mail", {"寄给": "=result.to", "没有": "=result.without", "拒": "=result.refused"}, **inputs
    )
    parts = [start(), task, user("后"), end(), path("start", "寄", "后", "end")]
    if caught:
        parts += [boundary("错", "寄", defines("error", "E")), user("打电话"), path("错", "打电话", "end")]
    engine.deploy({"p.bpmn": draw("p", *parts, extra=named("error", "E", "no-address"))})
    instance = engine.start("p", by=world.member).id
    engine.run_jobs()
    return instance


def test_a_mail_goes_to_the_persons_addresses(
    mailing: ProcessEngine, world: World, office: PostOffice
) -> None:
    instance = run(
        mailing,
        world,
        subject='="关于签订责任书的通知（" + "2026" + "）"',
        text="请各支部于本周五前回签。\n——机关党委",
        person=f"=[{world.member}, {world.other}]",
        post="书记",
        unit=f"={world.committee}",
        to='=["office@linye.example", "su@linye.example"]',
    )
    ((to, message),) = office.received
    assert to == ["su@linye.example", "xu@linye.example", "office@linye.example"]
    assert message["Subject"] == "关于签订责任书的通知（2026）"
    assert message["From"] == "履责系统 <lvze@linye.example>"
    assert message.get_content() == "请各支部于本周五前回签。\n——机关党委\n"
    assert message["Date"].datetime == NOW and message["Auto-Submitted"] == "auto-generated"
    found = mailing.instance(instance, by=world.member).variables
    assert found["寄给"] == to and found["没有"] == ["丁一凡"] and found["拒"] == {}


def test_a_mail_that_is_tried_again_has_the_same_message_id(
    mailing: ProcessEngine, world: World, office: PostOffice, clock: SettableClock
) -> None:
    """As after a crash between the server's answer and the record: whoever keeps the mail recognises the second."""
    crashes = ["DELETE FROM job WHERE job.id"]

    def crash(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if crashes and statement.startswith(crashes[0]):
            crashes.clear()
            raise RuntimeError("as if the power had failed")

    event.listen(mailing._runtime.database.engine, "before_cursor_execute", crash)
    instance = run(mailing, world, subject="甲", text="乙", person=f"={world.member}")
    clock.advance(timedelta(seconds=5))
    mailing.run_jobs()
    first, second = (message["Message-ID"] for _, message in office.received)
    assert first == second and first.endswith("@linye.example>")
    assert [item.element_id for item in mailing.instance(instance, by=world.member).items] == ["后"]


def test_one_refused_address_does_not_stop_the_others(
    mailing: ProcessEngine, world: World, office: PostOffice
) -> None:
    office.refuses = {"xu@linye.example"}
    instance = run(mailing, world, subject="甲", text="乙", person=f"=[{world.member}, {world.secretary}]")
    found = mailing.instance(instance, by=world.member).variables
    assert found["寄给"] == ["su@linye.example"] and "550" in found["拒"]["xu@linye.example"]


def test_a_server_that_is_down_is_asked_again_and_then_an_incident(
    mailing: ProcessEngine, world: World, office: PostOffice, clock: SettableClock
) -> None:
    office.down = True
    run(mailing, world, subject="甲", text="乙", person=f"={world.member}")
    for _ in range(4):
        clock.advance(timedelta(minutes=2))
        mailing.run_jobs()
    (incident,) = mailing.incidents(by=world.clerk)
    assert incident.error["code"] == "mail-server" and incident.error["class"] == "SMTPServerDisconnected"
    assert incident.error["attempts"] == 4 and incident.error["inputs"]["subject"] == "甲"
    office.down = False
    mailing.retry_incident(incident.id, by=world.clerk)
    mailing.run_jobs()
    assert mailing.incidents(by=world.clerk) == [] and len(office.received) == 1


def test_nobody_with_an_address_is_a_business_error(
    mailing: ProcessEngine, world: World, office: PostOffice
) -> None:
    instance = run(mailing, world, caught=True, subject="甲", text="乙", person=f"={world.other}")
    assert [item.element_id for item in mailing.instance(instance, by=world.member).items] == ["打电话"]
    assert office.received == []


def test_headers_cannot_be_smuggled_in() -> None:
    fine = {
        "sender": "a@b.example",
        "to": ["c@d.example"],
        "subject": "甲",
        "text": "乙",
        "key": "k",
        "at": NOW,
    }
    assert compose(**fine)["To"] == "c@d.example"
    for wrong in (
        {"subject": "甲\r\nBcc: x@y.example"},
        {"subject": " "},
        {"to": ["c@d.example\r\nBcc: x@y.example"]},
        {"to": ["许 <c@d.example>"]},
        {"to": ["c@d.example, x@y.example"]},
    ):
        with pytest.raises(Invalid):
            compose(**{**fine, **wrong})
    assert not is_address("a@b c") and not is_address("@b.cn") and is_address("a.b+c@d-e.cn")


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("smtps://u:p%40@mail.example", MailServer("mail.example", 465, "at once", "u", "p@")),
        ("smtp://mail.example:25", MailServer("mail.example", 25, "first")),
        ("smtp://mail.example", MailServer("mail.example", 587, "first")),
        ("smtp://mail.example?tls=no", MailServer("mail.example", 25, "no")),
        ("smtp://u:p@localhost:25?tls=no", MailServer("localhost", 25, "no", "u", "p")),
        ("smtp://u:p@mail.example?tls=no", None),  # the password would travel in the clear
        ("smtps://mail.example?tls=no", None),
        ("http://mail.example", None),
        ("smtp://", None),
        ("mail.example:25", None),
    ],
)
def test_the_mail_servers_address_is_checked_at_start(
    url: str, found: MailServer | None, settings: Settings
) -> None:
    environ = {"LVZE_HOME": str(settings.home), "LVZE_SMTP_URL": url, "LVZE_MAIL_FROM": "a@b.example"}
    if found is not None:
        assert Settings.from_environment(environ).smtp == found
        with pytest.raises(SettingsError, match="LVZE_MAIL_FROM"):
            Settings.from_environment({**environ, "LVZE_MAIL_FROM": ""})
    else:
        with pytest.raises(SettingsError, match="LVZE_SMTP_URL"):
            Settings.from_environment(environ)


def test_without_a_mail_server_it_says_what_to_set(
    engine: ProcessEngine, world: World, clock: SettableClock
) -> None:
    instance = run(engine, world, subject="甲", text="乙", person=f"={world.member}")
    clock.advance(engine.settings.undo)
    engine.run_jobs()
    (job,) = engine.instance(instance, by=world.member).pending
    assert "LVZE_SMTP_URL" in (job.last_error or "")


def test_a_greeting_that_never_comes_is_a_fault_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    from engine import mailboxes
    from engine.errors import LvzeError

    monkeypatch.setattr(mailboxes, "TIMEOUT", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        server = MailServer.parse(f"smtp://127.0.0.1:{silent.getsockname()[1]}?tls=no")
        message = compose(sender="a@b.example", to=["c@d.example"], subject="甲", text="乙", key="k", at=NOW)
        with pytest.raises(LvzeError, match="连不上邮件服务器"):
            mailboxes.send(server, message)
