"""The web pages on a real engine: a committee, its branch, a small process of a draft and its review."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from engine import ProcessEngine, SettableClock, Settings
from engine.database import Database
from engine.organisation import accounts, people, posts, units
from tests.engine.drawing import draw, end, ours, path, start, user
from web import create_app

NOW = datetime(2026, 3, 5, 1, 0, tzinfo=UTC)
PASSWORD = "海纳百川有容乃大壁立千仞无欲"

DRAFT = {
    "components": [
        {
            "type": "textfield",
            "key": "标题",
            "label": "标题",
            "validate": {"required": True, "maxLength": 20},
        },
        {"type": "number", "key": "份数", "label": "份数", "validate": {"min": 2}},
        {
            "type": "dynamiclist",
            "key": "目标",
            "label": "目标",
            "components": [
                {"type": "textarea", "key": "措施", "label": "措施", "validate": {"required": True}},
                {"type": "number", "key": "分值", "label": "分值"},
            ],
        },
    ]
}
REVIEW = {
    "components": [
        {
            "type": "radio",
            "key": "决定",
            "label": "决定",
            "values": [{"label": "同意", "value": "同意"}, {"label": "退回", "value": "退回"}],
            "validate": {"required": True},
        },
        {
            "type": "textarea",
            "key": "理由",
            "label": "理由",
            "validate": {"required": True},
            "conditional": {"hide": '=决定 != "退回"'},
        },
    ]
}
PROCESS = {
    "memo.bpmn": draw(
        "memo",
        start("start"),
        user("draft", ours("form", ref="draft.form.json"), ours("title", value='="起草" + initiator.name')),
        user(
            "review",
            ours("assignment", post="书记", unit="=unit.id"),
            ours("form", ref="review.form.json"),
            person=None,
        ),
        end("end"),
        path("start", "draft", "review", "end"),
        name="内部请示",
    ),
    "draft.form.json": json.dumps(DRAFT).encode(),
    "review.form.json": json.dumps(REVIEW).encode(),
}


@cache
def _password_hash() -> str:
    return accounts.hashed(PASSWORD)  # slow on purpose: once is enough


@dataclass
class World:
    """Ids of people; all have the password ``PASSWORD`` and their pinyin as user name."""

    branch: int
    secretary: int
    member: int
    other: int


@pytest.fixture
def engine(settings: Settings) -> Iterator[ProcessEngine]:
    engine = ProcessEngine(settings, SettableClock(NOW))
    yield engine
    engine.close()


@pytest.fixture
def world(engine: ProcessEngine, database: Database) -> World:
    since = date(2020, 1, 1)
    with database.write() as session:
        branch = units.add(
            session,
            kind="支部",
            name="中共云岭市林业局机关支部委员会",
            short_name="机关支部",
            founded_on=since,
        )
        ids = []
        for name in ("程立功", "苏小满", "丁一凡"):
            person = people.add(session, name=name)
            people.enrol(session, person.id, branch.id, from_on=since)
            ids.append(person.id)
        posts.appoint(session, branch.id, "书记", ids[0], from_on=since)
        for person_id, username in zip(ids, ("chengligong", "suxiaoman", "dingyifan"), strict=True):
            accounts.create(
                session,
                person_id=person_id,
                username=username,
                password_hash=_password_hash(),
                is_designer=username == "dingyifan",
            )
        world = World(branch.id, *ids)
    engine.deploy(PROCESS)
    return world


@pytest.fixture
def app(engine: ProcessEngine, world: World) -> Flask:
    return create_app(engine)


class Visitor:
    """A browser without JavaScript: keeps cookies, sends the page's CSRF token with every form."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.page = ""
        self.token = ""

    def get(self, path: str, **more: Any) -> TestResponse:
        return self._seen(self.client.get(path, **more))

    def post(self, path: str, data: dict[str, Any] | None = None, **more: Any) -> TestResponse:
        return self._seen(self.client.post(path, data={"_csrf": self.token, **(data or {})}, **more))

    def sign_in(self, username: str, password: str = PASSWORD) -> TestResponse:
        self.get("/login")
        response = self.post("/login", {"username": username, "password": password})
        if response.status_code == 302:
            self.get("/inbox")
        return response

    def link(self, text: str) -> str:
        found = re.search(rf'href="([^"]+)"[^>]*>\s*{re.escape(text)}', self.page)
        assert found, f"no link {text!r} on the page"
        return unescape(found[1])

    def _seen(self, response: TestResponse) -> TestResponse:
        if response.mimetype == "text/html":
            self.page = response.get_data(as_text=True)
            if found := re.search(r'name="csrf-token" content="([^"]+)"', self.page):
                self.token = found[1]
        return response


Visit = Callable[[str], Visitor]


@pytest.fixture
def visit(app: Flask) -> Visit:
    """``visit("suxiaoman")``: a signed-in visitor; ``visit("")``: a stranger."""

    def make(username: str) -> Visitor:
        visitor = Visitor(app.test_client())
        if username:
            assert visitor.sign_in(username).status_code == 302
        return visitor

    return make
