"""Signing in, staying in, being put out."""

from __future__ import annotations

import re
import time

import pytest
from flask import Flask

from engine import ProcessEngine
from tests.web.conftest import PASSWORD, Visit, Visitor, World


def test_everything_asks_for_a_login_but_what_is_public(app: Flask, visit: Visit) -> None:
    stranger = visit("")
    public = {"accounts.login", "accounts.sign_in", "accounts.type_size", "inbox.home", "static"}
    public |= {
        "noticeboard.board",
        "noticeboard.show",
        "noticeboard.plaque",
        *(f"authenticity.{one}" for one in ("ask", "check", "show", "compare")),
        *("authority.certificate", "authority.crl"),
    }
    for rule in app.url_map.iter_rules():
        if rule.endpoint in public:
            continue
        path = re.sub(r"<any\((\w+)[^>]*>", r"\1", rule.rule)
        for converter, name in (("int:", name) for name in rule.arguments):
            path = path.replace(f"<{converter}{name}>", "1").replace(f"<{name}>", "x")
        method = "GET" if "GET" in (rule.methods or set()) else "POST"
        app.config["WTF_CSRF_ENABLED"] = False
        response = stranger.client.open(path, method=method)
        assert response.status_code == 302 and "/login" in response.location, (rule.endpoint, response.status)


def test_sign_in_goes_where_one_wanted_but_never_off_the_site(visit: Visit) -> None:
    visitor = visit("")
    for wanted, arrived in (
        ("/documents", "/documents"),
        ("//evil.example/x", "/inbox"),
        ("/\\evil.example", "/inbox"),
        ("https://evil.example", "/inbox"),
    ):
        visitor.get("/login")
        sent = {"username": "suxiaoman", "password": PASSWORD, "next": wanted}
        assert visitor.post("/login", sent).location == arrived
        visitor.get("/inbox")
        visitor.post("/logout")


def test_a_wrong_password_says_so_and_five_lock_the_account(visit: Visit) -> None:
    visitor = visit("")
    for _ in range(5):
        response = visitor.sign_in("suxiaoman", "wrong password!!")
        assert response.status_code == 422 and "用户名或密码不对" in visitor.page
        assert 'value="suxiaoman"' in visitor.page, "the user name is kept"
    assert visitor.sign_in("suxiaoman").status_code == 422, "locked"


def test_the_session_is_made_anew_and_its_cookie_is_guarded(visit: Visit) -> None:
    visitor = visit("")
    visitor.get("/login")
    before = visitor.client.get_cookie("lvze")
    response = visitor.sign_in("suxiaoman")
    after = visitor.client.get_cookie("lvze")
    assert before and after and before.value != after.value
    cookie = next(
        value for name, value in response.headers if name == "Set-Cookie" and value.startswith("lvze=")
    )
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    over_tls = visit("").get("/login", base_url="https://localhost")
    assert "Secure" in next(value for name, value in over_tls.headers if name == "Set-Cookie")


def test_thirty_idle_minutes_end_a_session(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = visit("suxiaoman")
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + 29 * 60)
    assert visitor.get("/inbox").status_code == 200
    monkeypatch.setattr("time.time", lambda: now + 29 * 60 + 31 * 60)
    assert "/login" in visitor.get("/inbox").location


def test_a_new_password_ends_the_other_sessions(visit: Visit) -> None:
    here, there = visit("suxiaoman"), visit("suxiaoman")
    here.get("/password")
    wrong = here.post(
        "/password", {"current": "x", "password": "a new long secret", "again": "a new long secret"}
    )
    assert wrong.status_code == 422 and "现在的密码不对" in here.page
    short = here.post("/password", {"current": PASSWORD, "password": "short", "again": "short"})
    assert short.status_code == 422 and "至少 12 个字符" in here.page
    unlike = here.post(
        "/password", {"current": PASSWORD, "password": "a new long secret", "again": "another"}
    )
    assert unlike.status_code == 422 and "不一样" in here.page
    sent = {"current": PASSWORD, "password": "a new long secret", "again": "a new long secret"}
    assert here.post("/password", sent).location == "/inbox"
    assert here.get("/inbox").status_code == 200
    assert "/login" in there.get("/inbox").location


def test_a_form_without_its_token_changes_nothing(visit: Visit, engine: ProcessEngine, world: World) -> None:
    visitor = visit("suxiaoman")
    response = visitor.client.post("/start/memo", data={})
    assert response.status_code == 400 and "没有提交任何内容" in response.get_data(as_text=True)
    assert engine.inbox_counts(by=world.member)["started"] == 0


def test_every_answer_carries_the_security_headers(visit: Visit) -> None:
    stranger = visit("")
    for path in ("/login", "/noticeboard/", "/nowhere", "/static/look.css"):
        headers = stranger.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy and "object-src 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
    assert stranger.get("/login").headers["Cache-Control"] == "no-store"


def test_large_type_is_remembered(visit: Visit) -> None:
    visitor = visit("")
    visitor.get("/noticeboard/")
    assert 'data-type="normal"' in visitor.page
    visitor.post("/type-size", {"size": "large"}, headers={"Referer": "http://localhost/noticeboard/?q=1"})
    visitor.get("/noticeboard/")
    assert 'data-type="large"' in visitor.page


def test_pages_that_are_not_there(visit: Visit) -> None:
    visitor: Visitor = visit("suxiaoman")
    assert visitor.get("/nowhere").status_code == 404 and "没有这个页面" in visitor.page
    assert visitor.get("/work-items/99").status_code == 404 and "没有这个待办事项" in visitor.page
    as_json = visitor.get("/work-items/99", headers={"Accept": "application/json"})
    assert as_json.mimetype == "application/problem+json"
    assert as_json.get_json()["code"] == "no-work-item" and as_json.get_json()["status"] == 404


def test_an_answer_sets_no_cookie_where_nothing_changed(visit: Visit) -> None:
    """Else a slow answer would put an older session, without its messages, over a newer one."""
    assert "Set-Cookie" not in visit("suxiaoman").get("/documents").headers
