"""Lvze (履责): a document-workflow engine on a BPMN runtime. This module is the public API, nothing else."""

from engine.clock import Clock, SettableClock, SystemClock
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

__all__ = [
    "Clock",
    "Conflict",
    "Finding",
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
    "SystemClock",
]
