"""The play: a year of the shipped processes, headless, through the engine's public API.

``lvze demo --play --out DIR`` plays it in the demo organisation and writes every document. Tests use the same ``Player``.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine import Handwriting, ProcessEngine, Signing
from engine.clock import SHANGHAI
from engine.forms import Field

#: The play begins on this morning.
BEGINNING = datetime(2026, 3, 2, 9, 0, tzinfo=SHANGHAI)


@dataclass(frozen=True, slots=True)
class Todo:
    """An open item as the one who plays a person finds it in his inbox."""

    id: int
    element: str
    title: str
    vacancy: bool


class Player:
    """Plays people by name: finds their items, fills the forms, signs, and lets the jobs run after every step.

    :param opening: opens the engine for one step; tests open a fresh one each time
    :param people: name -> id
    :param units: short name -> id
    """

    def __init__(
        self,
        opening: Callable[[], AbstractContextManager[ProcessEngine]],
        *,
        people: Mapping[str, int],
        units: Mapping[str, int],
    ) -> None:
        self.opening, self.people, self.units = opening, people, units

    def start(self, key: str, by: str, *, unit: str | None = None, **data: Any) -> int:
        """Start a process; returns the instance's id."""
        with self.opening() as engine:
            at = None if unit is None else self.units[unit]
            instance = engine.start(key, by=self.people[by], data=data, unit=at)
            engine.run_jobs()
            return instance.id

    def todo(self, by: str) -> list[Todo]:
        with self.opening() as engine:
            return [
                Todo(row.item.id, row.item.element_id, row.item.title, row.vacancy)
                for row in engine.inbox(by=self.people[by], limit=200)
                if row.item is not None
            ]

    def find(self, by: str, element: str, about: str = "") -> Todo:
        """:raises LookupError: the person has no such item; the message says what he has"""
        todo = self.todo(by)
        for item in todo:
            if item.element == element and about in item.title:
                return item
        raise LookupError(f"{by} has no “{element}” {about}; only {[(t.element, t.title) for t in todo]}")

    def do(
        self,
        by: str,
        element: str,
        about: str = "",
        *,
        opinion: str | None = None,
        signing: Signing | None = None,
        **data: Any,
    ) -> bool:
        """Complete an item; where it asks for a signature and none is given, sign by hand. True when its instance ended."""
        item = self.find(by, element, about)
        with self.opening() as engine:
            view = engine.work_item(item.id, by=self.people[by])
            given = None
            if view.signing is not None:
                given = signing or Signing(handwriting=handwriting(by))
                shown = {document.id: document.digest for document in view.documents}
                given = Signing(**{**{f: getattr(given, f) for f in Signing.__slots__}, "shown": shown})
            filled = _filled(view.form.fields(view.data, data, now=engine.clock.now())) if view.form else {}
            done = engine.complete(item.id, by=self.people[by], data=filled, opinion=opinion, signature=given)
            engine.run_jobs()
            return done.ended

    def wait(self) -> None:
        """Let the jobs run that time has made due."""
        with self.opening() as engine:
            engine.run_jobs()


def _filled(fields: Iterable[Field]) -> dict[str, Any]:
    """What a browser would send: every field as it is shown, what was typed among them."""
    sent: dict[str, Any] = {}
    for field in fields:
        key = field.name.rsplit("-", 1)[-1]
        if field.type == "group":
            sent |= _filled(field.fields)
        elif field.type == "dynamiclist":
            sent[key] = [_filled(row) for row in field.rows]
        elif key:
            sent[key] = field.value
    return sent


def handwriting(name: str) -> Handwriting:
    """Strokes that look like somebody's name: always the same ones for the same name."""
    cell = 600 / max(len(name), 3)
    strokes = []
    for number, letter in enumerate(name):
        pen = random.Random(ord(letter))
        left, top, size = 30 + number * cell * 0.92, 40 + pen.uniform(-8, 8), cell * 0.72
        for _ in range(pen.randint(2, 3)):
            y = top + pen.uniform(0.1, 0.8) * size
            strokes.append(_stroke(pen, left, y, left + size * pen.uniform(0.7, 1), y - size * 0.08))
        x = left + size * pen.uniform(0.4, 0.6)
        strokes.append(_stroke(pen, x, top, x - size * pen.uniform(0, 0.1), top + size))
        strokes.append(_stroke(pen, x, top + size * 0.35, left, top + size * pen.uniform(0.8, 1)))
        strokes.append(_stroke(pen, x, top + size * 0.4, left + size, top + size * pen.uniform(0.8, 1)))
    return Handwriting(strokes)


def _stroke(pen: random.Random, x1: float, y1: float, x2: float, y2: float) -> list[list[float]]:
    bend = pen.uniform(-0.12, 0.12) * math.dist((x1, y1), (x2, y2))
    return [
        [round(x1 + (x2 - x1) * t, 1), round(y1 + (y2 - y1) * t + bend * math.sin(math.pi * t), 1)]
        for t in (0, 0.2, 0.4, 0.6, 0.8, 1)
    ]
