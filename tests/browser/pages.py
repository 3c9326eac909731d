"""The front end alone: its built files on small pages, with a server that records what they send.

What the pages do with the real application is in the other tests of this folder; here the answers are the test's own, so
that a refusal or a lost network can be had at will.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask, Response, request, send_from_directory
from werkzeug.serving import make_server

STATIC = Path(__file__).parent.parent.parent / "web" / "static"
DIAGRAM = (Path(__file__).parent / "designer.bpmn").read_bytes()
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'"
)


@dataclass
class Pages:
    """A server on a free port. ``bodies`` holds the page of each path, ``sent`` what came in by POST."""

    address: str = ""
    diagram: bytes = DIAGRAM
    bodies: dict[str, str] = field(default_factory=dict)
    findings: list[dict[str, Any]] = field(default_factory=list)
    deployed: tuple[dict[str, Any], int] = field(default_factory=lambda: ({"version": 4}, 201))
    state: dict[str, str] = field(default_factory=dict)
    sent: list[tuple[str, bytes]] = field(default_factory=list)

    def last(self, path: str) -> bytes:
        return [body for sent_to, body in self.sent if sent_to == path][-1]

    def start(self) -> None:
        app = Flask("pages", static_folder=None)
        built = json.loads((STATIC / "dist" / "manifest.json").read_text())

        @app.get("/static/<path:name>")
        def static_file(name: str) -> Response:
            return send_from_directory(STATIC, name)

        @app.get("/<path:name>")
        def page(name: str) -> Response:
            if name == "diagram":
                return Response(self.diagram, mimetype="application/xml")
            if name == "state":
                return Response(json.dumps({"elements": self.state}), mimetype="application/json")
            if name.startswith("part/"):
                return Response(self.bodies[name])
            bundle = name.split("/")[0]
            styles = "".join(
                f'<link rel="stylesheet" href="/static/dist/{built[css]}">'
                for css in ("app.css", f"{bundle}.css")
                if css in built
            )
            return Response(
                '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>测试</title><link rel="icon" href="data:,">'
                '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="csrf-token" content="mark">'
                f'{styles}<link rel="stylesheet" href="/static/look.css"></head><body><main class="main">{self.bodies[name]}</main>'
                f'<script defer src="/static/dist/{built[f"{bundle}.js"]}"></script></body></html>',
                headers={"Content-Security-Policy": POLICY},
            )

        @app.post("/<path:name>")
        def receive(name: str) -> tuple[dict[str, Any], int] | dict[str, Any]:
            assert request.headers["X-CSRFToken"] == "mark"
            self.sent.append((name, request.get_data()))
            if name == "lint":
                return {"findings": self.findings}
            return self.deployed if name == "deploy" else {"saved": True}

        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
