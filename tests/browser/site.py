"""The whole application on a free port, with the demo's organisation and the shipped processes."""

from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path

from playwright.sync_api import Page
from werkzeug.serving import make_server

from engine import Clock, ProcessEngine, SettableClock
from engine.clock import SHANGHAI
from engine.settings import Settings
from engine.shipped import DOC_TEMPLATES, PROCESSES
from web import create_app

ORGANISATION = Path(__file__).parent.parent.parent / "web/demo/organisation.yaml"
PASSWORD = "云岭市-演示-口令-8168"
#: Every installation stands at this moment until its test moves the clock.
MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=SHANGHAI)


def folder(path: Path) -> dict[str, bytes]:
    """A process folder as it is deployed: its files and the Word templates."""
    files = [
        *DOC_TEMPLATES.glob("*.docx"),
        *(one for one in path.iterdir() if one.suffix in (".bpmn", ".json", ".dmn", ".yaml")),
    ]
    return {one.name: one.read_bytes() for one in files}


def open_engine(home: Path, clock: Clock | None = None) -> ProcessEngine:
    return ProcessEngine(Settings.from_environment({"LVZE_HOME": str(home)}), clock)


def prepare(home: Path) -> None:
    """Make an installation in that folder."""
    engine = open_engine(home, SettableClock(MORNING))
    try:
        engine.migrate()
        engine.create_authority()
        for path in sorted(one for one in PROCESSES.iterdir() if one.is_dir()):
            engine.deploy(folder(path))
        engine.load_demo(ORGANISATION.read_text(encoding="utf-8"), password=PASSWORD)
    finally:
        engine.close()


class Site:
    """The pages of an installation.

    :ivar address: without a slash at its end
    """

    def __init__(self, home: Path, clock: Clock | None = None) -> None:
        self.engine = open_engine(home, clock or SettableClock(MORNING))
        self._server = make_server("127.0.0.1", 0, create_app(self.engine), threaded=True)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def sign_in(self, page: Page, username: str) -> None:
        page.goto(f"{self.address}/login")
        page.get_by_label("用户名").fill(username)
        page.get_by_label("密码").fill(PASSWORD)
        page.get_by_role("button", name="登录").click()
        page.wait_for_url("**/inbox")

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.engine.close()
