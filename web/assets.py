"""The front end's built files, found by the names their sources have."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from flask import url_for

_DIST = Path(__file__).parent / "static" / "dist"


@cache
def _manifest(changed: float) -> dict[str, str]:
    return dict(json.loads((_DIST / "manifest.json").read_text(encoding="utf-8")))


def asset(name: str) -> str | None:
    """The address of ``inbox.js`` and the like; None while the front end is not built: pages work without."""
    try:
        built = _manifest((_DIST / "manifest.json").stat().st_mtime).get(name)
    except OSError:
        return None
    return built and url_for("static", filename=f"dist/{built}")
