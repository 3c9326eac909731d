"""Lvze (履责): a document-workflow engine on a BPMN runtime. This module is the public API, nothing else.

Names are loaded when they are first asked for, so that a process that needs one part (a rendering worker, an expression) does
not pay for all.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.clock import Clock, SettableClock, SystemClock
    from engine.documents.handwriting import Handwriting
    from engine.documents.signatures import Signing
    from engine.errors import (
        Conflict,
        Finding,
        Invalid,
        LvzeError,
        NotAllowed,
        NotExecutable,
        NotFound,
        Refused,
        SettingsError,
    )
    from engine.process_engine import ProcessEngine
    from engine.settings import Settings

_HOME = {
    "Clock": "clock",
    "SettableClock": "clock",
    "SystemClock": "clock",
    "Handwriting": "documents.handwriting",
    "Signing": "documents.signatures",
    "Conflict": "errors",
    "Finding": "errors",
    "Invalid": "errors",
    "LvzeError": "errors",
    "NotAllowed": "errors",
    "NotExecutable": "errors",
    "NotFound": "errors",
    "Refused": "errors",
    "SettingsError": "errors",
    "ProcessEngine": "process_engine",
    "Settings": "settings",
}

__all__ = [
    "Clock",
    "Conflict",
    "Finding",
    "Handwriting",
    "Invalid",
    "LvzeError",
    "NotAllowed",
    "NotExecutable",
    "NotFound",
    "ProcessEngine",
    "Refused",
    "SettableClock",
    "Settings",
    "SettingsError",
    "Signing",
    "SystemClock",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'engine' has no attribute {name!r}")
    return getattr(import_module(f"engine.{_HOME[name]}"), name)
